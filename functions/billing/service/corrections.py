"""A deal is another than it was: its price, what was paid for the car, its winner, or there is none.

The credit notes, the money that goes back to the account and the new bill stand in the table with one write; what races
with it, a payment above all, comes before it as a whole or after it. The billing system is told by the bills' machines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys
from common.domain import work
from common.errors import Conflict, Rejected
from common.idempotency import IdempotencyKeyReused, Replayable, terms
from common.machines import Machines
from common.roubles import roubles
from common.table.table import Table
from common.table.transaction import Busy
from functions.billing import correction_store, model, store
from functions.billing.correcting import Correction, Credit, corrected
from functions.billing.model import AccountType, Because, Bill, Deal, DealCancelled, DealStatus, Moved, NotSettled

# Bills of one deal that are in force: all of them may have to be taken back with one write.
IN_FORCE_MAX = {AccountType.COMMISSION: 9, AccountType.SETTLEMENT: 4}
MOVES_MAX = 20  # of others, in between


class NothingChanged(Rejected):
    """Tell another price, settlement or winner, or that there is no deal; not both. What was paid for the car is told
    without a winner: another one's is billed anew."""


class TooManyBills(Conflict):
    """The commission of this deal, or its settlement, is billed in too many parts already."""


@dataclass(frozen=True)
class Change:
    """What a deal is from now on. None: as before. cancelled: there is none, and nothing else is told.
    settlement_kopecks: what was paid for the car."""

    price_kopecks: int | None = None
    cme_dealer_id: str | None = None
    cancelled: bool = False
    settlement_kopecks: int | None = None

    def __post_init__(self) -> None:
        told = (self.price_kopecks, self.cme_dealer_id, self.settlement_kopecks) != (None, None, None)
        if told is self.cancelled:
            raise NothingChanged("tell a price, a settlement or a dealer; or that the deal is cancelled")
        if self.settlement_kopecks is not None and self.cme_dealer_id is not None:
            raise NothingChanged("tell a settlement without a dealer: another one's is billed anew")

    @property
    def terms(self) -> str:
        price, settlement = (
            None if kopecks is None else roubles(kopecks) for kopecks in (self.price_kopecks, self.settlement_kopecks)
        )
        cancelled = "yes" if self.cancelled else None
        return terms(price=price, dealer=self.cme_dealer_id, cancelled=cancelled, settlement=settlement)


@dataclass(frozen=True)
class Corrections:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def change(self, deal_id: str, key: str, asked: Change) -> Replayable[Deal]:
        """key: the caller's own; a repeat is answered with the deal as it is.

        Raises DealNotFound, IdempotencyKeyReused, DealCancelled, NotSettled, DealerNotFound, NothingToBill,
        TooManyBills, Busy.
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
        at = self.now()
        after = self._after(before, asked, at)
        accounts = {  # before their bills: they move with them
            account.type: account for account in store.accounts(self.table, before.dealer_id)
        }
        found = self._found(before, after, asked)
        credits = [(credit, because) for because, each in found.values() for credit in each.credits]
        new: list[Bill] = []
        for type_, (_, each) in found.items():
            after, issued = _billed(after, type_, each, at)
            new += issued
        moves: dict[AccountType, int] = defaultdict(int)
        for credit, _ in credits:
            moves[credit.bill.type] += credit.returned_kopecks
        self.table.write(
            correction_store.change(after, key, asked.terms, at),
            store.deal_moves(before, after, at),
            *(store.money_moves(accounts[type_], kopecks, 0, at) for type_, kopecks in moves.items() if kopecks),
            *(write for credit, because in credits for write in correction_store.take_back(credit, because, at)),
            *(write for bill in new for write in store.issue(bill)),
        )
        for credit, _ in credits:
            work.drive_now(self.table, self.machines, keys.BILL(bill_id=credit.bill.bill_id), at)
        for bill in new:
            self.machines.begin(keys.BILL.machines[0], bill.bill_id)
        return Replayable(replace(after, version=before.version + 1))

    def _after(self, before: Deal, asked: Change, at: datetime) -> Deal:
        """Without its bills. Raises NotSettled, DealerNotFound."""
        if asked.cancelled:
            return replace(before, status=DealStatus.CANCELLED, settlement_kopecks=0)
        price = before.price_kopecks if asked.price_kopecks is None else asked.price_kopecks
        after = replace(before, price_kopecks=price)
        if asked.settlement_kopecks is not None:
            if not before.settlement_ids:
                raise NotSettled("no settlement is billed for this deal: ask for its bill", deal_id=before.deal_id)
            after = replace(after, settlement_kopecks=asked.settlement_kopecks)
        if asked.cme_dealer_id is None or model.dealer_id(asked.cme_dealer_id) == before.dealer_id:
            return after
        winner = store.dealer(self.table, model.dealer_id(asked.cme_dealer_id))
        return replace(
            after,
            dealer_id=winner.dealer_id,
            percent=winner.commission_percent,
            winners=before.winners + 1,
            won_at=at,
            settlement_kopecks=0,
            asked_kopecks=0,
        )

    def _found(self, before: Deal, after: Deal, asked: Change) -> Mapping[AccountType, tuple[Because, Correction]]:
        """What of its bills is to be corrected, and why. Raises NothingToBill."""
        commissions = self._bills(before.commission_ids)
        if after.dealer_id == before.dealer_id and not asked.cancelled:
            found = {
                AccountType.COMMISSION: (Because.PRICE_CHANGED, corrected(commissions, after.reward_kopecks)),
            }
            if asked.settlement_kopecks is not None:
                settlement = corrected(self._bills(before.settlement_ids), asked.settlement_kopecks)
                found[AccountType.SETTLEMENT] = Because.SETTLEMENT_CORRECTED, settlement
            return found
        because = Because.DEAL_CANCELLED if asked.cancelled else Because.WINNER_CHANGED
        owed = 0 if asked.cancelled else after.reward_kopecks
        return {
            AccountType.COMMISSION: (because, Correction(_whole(commissions), owed)),
            AccountType.SETTLEMENT: (because, Correction(_whole(self._bills(before.settlement_ids)), 0)),
        }

    def _bills(self, ids: Sequence[str]) -> Sequence[Bill]:
        return [store.bill(self.table, bill_id) for bill_id in ids]


def _whole(bills: Sequence[Bill]) -> tuple[Credit, ...]:
    return tuple(Credit(bill, bill.in_force_kopecks) for bill in bills)


def _billed(deal: Deal, type_: AccountType, found: Correction, at: datetime) -> tuple[Deal, Sequence[Bill]]:
    """The deal with the bills of this type that are in force then, and the new one. Raises TooManyBills."""
    gone = {credit.bill.bill_id for credit in found.credits if credit.kopecks == credit.bill.in_force_kopecks}
    ids = tuple(bill_id for bill_id in deal.bill_ids(type_) if bill_id not in gone)
    if not found.new_kopecks:
        return deal.with_bills(type_, ids), []
    if len(ids) == IN_FORCE_MAX[type_]:
        raise TooManyBills(f"it is billed in {len(ids)} parts", deal_id=deal.deal_id, account_type=type_)
    deal = deal.counting(type_)
    new = model.issued(deal, type_, found.new_kopecks, at)
    return deal.with_bills(type_, (*ids, new.bill_id)), [new]
