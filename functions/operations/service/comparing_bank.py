"""The bank's adjustments of a day, held against the payouts that we have asked it for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from common.domain.comparisons import BANK
from common.domain.ledger.model import USD
from common.domain.payouts import store as payouts_store
from common.domain.payouts.model import Attempt, AttemptStatus
from common.domain.payouts.service import sealed
from common.domain.persons import Person, Persons
from common.gateways.bank import Adjustment, AdjustmentUnknown, Bank, State
from common.money import ZERO
from common.sealed import Sealed, are_same
from common.table.table import Table
from functions.operations.service.comparing_days import NOBODYS, Told


@dataclass(frozen=True)
class BankSide:
    table: Table
    bank: Callable[[], Bank]
    persons: Persons
    pause: Callable[[], None]  # between two looks at the same
    now: Callable[[], datetime]
    of: str = BANK
    things: str = "payouts"

    def part(self, day: date, after: str | None) -> tuple[Sequence[Told], str | None]:
        """See `Side.part`. KMS is asked once for each customer. Raises BankUnavailable, DataKeysUnavailable,
        TableUnavailable, Busy."""
        page, known = self.bank().adjustments(day, after), dict[str, Person]()
        told = [self._held_against_ours(adjustment, known) for adjustment in page.items]
        if any(each.why is not None for each in told):  # both sides may have moved since they were read
            self.pause()
            both = zip(page.items, told, strict=True)
            told = [each if each.why is None else self._once_more(adjustment, each, known) for adjustment, each in both]
        return told, page.after

    def _once_more(self, adjustment: Adjustment, before: Told, known: dict[str, Person]) -> Told:
        try:
            return self._held_against_ours(self.bank().find(adjustment.reference_id), known)
        except AdjustmentUnknown:
            return replace(before, why=f"{before.why}; and asked for by its reference, it does not know it")

    def _held_against_ours(self, adjustment: Adjustment, known: dict[str, Person]) -> Told:
        attempt, account = payouts_store.by_reference(self.table, adjustment.reference_id), None
        if attempt is not None:
            person = known.setdefault(attempt.username, self.persons.of(attempt.username))
            account = sealed(person, adjustment)
            self.table.write(payouts_store.listed(attempt, self.now()))
        return Told(
            their_id=adjustment.adjustment_id,
            asset_id=USD,
            whose=NOBODYS if attempt is None else attempt.order_id,
            there=(adjustment.amount if adjustment.state is State.COMPLETED else ZERO).usd,
            booked=(ZERO if attempt is None else attempt.booked).usd,
            why=_wrong(adjustment, attempt, account),
        )


def _wrong(adjustment: Adjustment, attempt: Attempt | None, account: Sealed | None) -> str | None:
    """What the two say that can not be so together. An attempt that is not decided is asked for by its machine. An
    account that is forgotten nobody can compare, and none is named: this is kept, and told to many."""
    told = f"${adjustment.amount} under {adjustment.reference_id}, {adjustment.state}"
    if attempt is None:
        return f"{told}, which no payout of ours is"
    if attempt.paid is not None:  # two operators have said what there is of it
        return None
    if adjustment.amount != attempt.amount:
        return f"{told}, and we have asked for ${attempt.amount}"
    if are_same(account, attempt.account) is False:
        return f"{told}, to another account than we have asked for"
    if adjustment.state is State.COMPLETED and attempt.status is AttemptStatus.REJECTED:
        return f"{told}, and we have it as {attempt.status}"
    if adjustment.state is not State.COMPLETED and attempt.status is AttemptStatus.COMPLETED:
        return f"{told}, and we have it as {attempt.status}"
    return None
