"""A deal is another than it was: its price, its winner, or there is none.

The credit notes, the money that goes back to the account and the new bill stand in the table with one write; what races
with it, a payment above all, comes before it as a whole or after it. The billing system is told by the bills' machines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys
from common.domain import work
from common.errors import Conflict, Rejected
from common.idempotency import IdempotencyKeyReused, Replayable, terms
from common.machines import Machines
from common.roubles import roubles
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.billing import correction_store, model, store
from functions.billing.correcting import Correction, Credit, corrected
from functions.billing.model import AccountType, Because, Bill, Deal, DealCancelled, DealStatus, Moved

IN_FORCE_MAX = 10  # bills of one commission: all of them may have to be taken back with one write
MOVES_MAX = 20  # of others, in between


class NothingChanged(Rejected):
    """Tell another price or another winner, or that there is no deal; not both."""


class TooManyBills(Conflict):
    """The commission of this deal is billed in too many parts already."""


@dataclass(frozen=True)
class Change:
    """What a deal is from now on. None: as before. cancelled: there is none, and nothing else is told."""

    price_kopecks: int | None = None
    cme_dealer_id: str | None = None
    cancelled: bool = False

    def __post_init__(self) -> None:
        told = self.price_kopecks is not None or self.cme_dealer_id is not None
        if told is self.cancelled:
            raise NothingChanged("tell a price, a dealer or both; or that the deal is cancelled")

    @property
    def terms(self) -> str:
        price = None if self.price_kopecks is None else roubles(self.price_kopecks)
        return terms(price=price, dealer=self.cme_dealer_id, cancelled="yes" if self.cancelled else None)


@dataclass(frozen=True)
class Corrections:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def change(self, deal_id: str, key: str, asked: Change) -> Replayable[Deal]:
        """key: the caller's own; a repeat is answered with the deal as it is.

        Raises DealNotFound, IdempotencyKeyReused, DealCancelled, DealerNotFound, NothingToBill, TooManyBills, Busy.
        """
        for _ in range(MOVES_MAX):
            before = store.deal(self.table, deal_id)
            known = correction_store.changed(self.table, deal_id, key)
            if known is not None:
                if known != asked.terms:
                    raise IdempotencyKeyReused(deal_id)
                return Replayable(before, replayed=True)
            if before.status is DealStatus.CANCELLED:
                raise DealCancelled("this deal was cancelled", deal_id=deal_id)
            try:
                return self._change(before, key, asked)
            except (Moved, store.BillKnown, correction_store.ChangeKnown):
                continue
        raise Busy("others are moving this deal; send it again", retry_after_seconds=1)

    def _change(self, before: Deal, key: str, asked: Change) -> Replayable[Deal]:
        """Raises as `change`, and Moved, BillKnown, ChangeKnown."""
        after, at = self._after(before, asked), self.now()
        stays = after.dealer_id == before.dealer_id and not asked.cancelled
        moved = Because.DEAL_CANCELLED if asked.cancelled else Because.WINNER_CHANGED
        because = Because.PRICE_CHANGED if stays else moved
        accounts = {  # before their bills: they move with them
            account.type: account for account in store.accounts(self.table, before.dealer_id)
        }
        bills = [store.bill(self.table, bill_id) for bill_id in before.commission_ids]
        if stays:
            found = corrected(bills, after.reward_kopecks)
        else:
            wrong = [*bills, *self._settlement(before)]
            owed = 0 if asked.cancelled else after.reward_kopecks
            found = Correction(tuple(Credit(bill, bill.in_force_kopecks) for bill in wrong), owed)
        if not stays:
            after = replace(after, commission_ids=(), settlement_id=None)
        after, new = _billed(after, found, at)
        returned: dict[AccountType, int] = defaultdict(int)
        for credit in found.credits:
            returned[credit.bill.type] += credit.returned_kopecks
        self.table.write(
            correction_store.change(after, key, asked.terms, at),
            store.deal_moves(before, after, at),
            *(store.money_moves(accounts[type_], kopecks, 0, at) for type_, kopecks in returned.items() if kopecks),
            *(write for credit in found.credits for write in correction_store.take_back(credit, because, at)),
            *(_issued(new)),
        )
        for credit in found.credits:
            work.drive_now(self.table, self.machines, keys.BILL(bill_id=credit.bill.bill_id), at)
        for bill in new:
            self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(replace(after, version=before.version + 1))

    def _after(self, before: Deal, asked: Change) -> Deal:
        """Without its bills. Raises DealerNotFound."""
        if asked.cancelled:
            return replace(before, status=DealStatus.CANCELLED)
        price = before.price_kopecks if asked.price_kopecks is None else asked.price_kopecks
        after = replace(before, price_kopecks=price)
        if asked.cme_dealer_id is None or model.dealer_id(asked.cme_dealer_id) == before.dealer_id:
            return after
        winner = store.dealer(self.table, model.dealer_id(asked.cme_dealer_id))
        return replace(after, dealer_id=winner.dealer_id, percent=winner.commission_percent, winners=before.winners + 1)

    def _settlement(self, deal: Deal) -> Sequence[Bill]:
        return [] if deal.settlement_id is None else [store.bill(self.table, deal.settlement_id)]


def _billed(deal: Deal, found: Correction, at: datetime) -> tuple[Deal, Sequence[Bill]]:
    """The deal with the bills of its commission that are in force then, and the new one. Raises TooManyBills."""
    gone = {credit.bill.bill_id for credit in found.credits if credit.kopecks == credit.bill.in_force_kopecks}
    ids = tuple(bill_id for bill_id in deal.commission_ids if bill_id not in gone)
    if not found.new_kopecks:
        return replace(deal, commission_ids=ids), []
    if len(ids) == IN_FORCE_MAX:
        raise TooManyBills(f"its commission is billed in {IN_FORCE_MAX} parts", deal_id=deal.deal_id)
    deal = replace(deal, commissions=deal.commissions + 1)
    new = model.issued(deal, AccountType.COMMISSION, found.new_kopecks, at)
    return replace(deal, commission_ids=(*ids, new.bill_id)), [new]


def _issued(bills: Sequence[Bill]) -> Sequence[Write]:
    return [write for bill in bills for write in store.issue(bill)]
