"""Fast buyout: the desk buys a car for a dealer, who pays it later. His deposit says up to what price; it is never
debited, and is his again when he leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from common import keys
from common.domain import audit, work
from common.domain.audit import AuditEntry
from common.gateways.billing import Billing, RefundState
from common.idempotency import Replayable
from common.machines import Machines, Standing
from common.operator_outcome import OperatorOutcome
from common.roubles import roubles
from common.table.table import Table
from common.table.transaction import Busy
from functions.billing import deposit_store, model, store
from functions.billing.model import (
    Account,
    AccountNotReady,
    AccountStatus,
    AccountType,
    BuyoutOpen,
    Dealer,
    DealerLeaves,
    DealerStatus,
    DepositEmpty,
    FastBuyout,
    Moved,
    Release,
    ReleaseStatus,
    Segment,
    Stage,
)
from functions.billing.service import refunding
from functions.billing.service.refunding import RefundPending as RefundPending

ACCOUNTS = (AccountType.DEPOSIT, AccountType.SETTLEMENT)
MOVES_MAX = 20  # of others, in between


@dataclass(frozen=True)
class FastBuyouts:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def add(self, cme_dealer_id: str) -> Replayable[Dealer]:
        """His two accounts are opened at the billing system. One who has left is back; otherwise a repeat changes
        nothing. Raises DealerNotFound, DealerLeaves, Busy."""
        for _ in range(MOVES_MAX):
            dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
            has = {account.type for account in store.accounts(self.table, dealer.dealer_id)}
            missing = [type_ for type_ in ACCOUNTS if type_ not in has]
            if dealer.status is DealerStatus.LEAVING:
                raise DealerLeaves("his deposit is being paid back; add fast buyout again when it is")
            if not missing and dealer.status is not DealerStatus.LEFT:
                return Replayable(dealer, replayed=True)
            at = self.now()
            accounts = [
                Account(dealer.dealer_id, type_, AccountStatus.NEW, dealer.requisites_version, at) for type_ in missing
            ]
            try:
                self.table.write(*deposit_store.add(dealer, accounts, at))
            except Moved:
                continue
            work.drive_now(self.table, self.machines, keys.DEALER(dealer_id=dealer.dealer_id), at)
            return Replayable(store.dealer(self.table, dealer.dealer_id))
        raise Busy("others are moving this dealer; send it again", retry_after_seconds=1)

    def of(self, cme_dealer_id: str, segment_id: str | None = None) -> FastBuyout:
        """Whether he may take part, and up to what price; with a segment, whether he may in that one.

        Raises DealerNotFound, SegmentNotFound.
        """
        asked = None if segment_id is None else deposit_store.segment(self.table, segment_id)
        dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
        accounts = {account.type: account for account in store.accounts(self.table, dealer.dealer_id)}
        deposit = accounts[AccountType.DEPOSIT].balance_kopecks if AccountType.DEPOSIT in accounts else 0
        segment = model.segment_of(deposit, deposit_store.segments(self.table))
        why_not = self._owes(dealer) or _why_not(dealer, list(accounts.values()), segment, asked, deposit)
        return FastBuyout(dealer, deposit, segment, why_not)

    def _owes(self, dealer: Dealer) -> str | None:
        today = self.now().date()
        bills = store.open_bills(self.table, dealer.dealer_id, AccountType.SETTLEMENT)
        overdue = next((bill.bill_id for bill in bills if bill.is_overdue(today)), None)
        return None if overdue is None else f"a car that was bought for him is not paid in time: bill {overdue}"

    def segments(self) -> Sequence[Segment]:
        """Those of cheap cars first."""
        return deposit_store.segments(self.table)

    def save_segment(self, segment: Segment, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Write a segment, new or changed. A repeat changes nothing. Raises SegmentWrong, Moved, Busy."""
        saved = {each.segment_id: each for each in deposit_store.segments(self.table)}
        before = saved.get(segment.segment_id)
        model.check_segment(segment, list(saved.values()))
        if segment == before:
            return OperatorOutcome.repeat(segment.segment_id, None, "is so already; nothing to do")
        says = f"{_told(before)} → {_told(segment)}"
        if not dry_run:
            at = self.now()
            entry = AuditEntry(at, operator, "billing segment", segment.segment_id, f"{says}: {reason}")
            self.table.write(deposit_store.save_segment(segment, before, at), audit.entry(entry))
        return OperatorOutcome(segment.segment_id, None, None, done=not dry_run, says=says)

    def release(self, cme_dealer_id: str) -> Replayable[Release]:
        """The dealer leaves, and all that is on his deposit is paid back. A repeat tells what has become of it.

        Raises DealerNotFound, AccountNotOpened, AccountNotReady, BuyoutOpen, DepositEmpty, Busy.
        """
        dealer_id = model.dealer_id(cme_dealer_id)
        for _ in range(MOVES_MAX):
            try:
                return self._release(dealer_id)
            except Moved:
                continue
        raise Busy("others are moving this dealer; send it again", retry_after_seconds=1)

    def _release(self, dealer_id: str) -> Replayable[Release]:
        """Raises as `release`, and Moved."""
        dealer = store.dealer(self.table, dealer_id)
        deposit, settlement = (store.account(self.table, dealer_id, type_) for type_ in ACCOUNTS)
        latest = deposit_store.release(self.table, dealer)
        if latest is not None and dealer.status is DealerStatus.LEAVING:
            return Replayable(latest, replayed=True)
        if latest is not None and dealer.status is DealerStatus.LEFT and deposit.balance_kopecks == 0:
            return Replayable(latest, replayed=True)
        if any(each.status is not AccountStatus.READY for each in store.accounts(self.table, dealer_id)):
            raise AccountNotReady("his accounts are being opened at the billing system")
        for bill in store.open_bills(self.table, dealer_id, AccountType.SETTLEMENT):
            raise BuyoutOpen("a car that was bought for him is not paid yet", bill_id=bill.bill_id)
        if deposit.balance_kopecks == 0:
            raise DepositEmpty("there is nothing on his deposit")
        at = self.now()
        release = Release(dealer_id, dealer.releases + 1, ReleaseStatus.ASKED, deposit.balance_kopecks, at)
        self.table.write(*deposit_store.ask(dealer, deposit, settlement, release, at))
        work.drive_now(self.table, self.machines, keys.DEALER(dealer_id=dealer_id), at)
        return Replayable(release)


@dataclass(frozen=True)
class Releasing:
    """The deposit's way back. Raises DealerNotFound, RefundPending, BillingUnavailable, Busy."""

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]
    read: Callable[[str], Standing]  # where the dealer stands

    def release_deposit(self, dealer_id: str) -> Standing:
        """Asked for again and again, it is paid once."""
        standing = self.read(dealer_id)
        if standing.stage != Stage.RELEASE:
            return standing
        dealer = store.dealer(self.table, dealer_id)
        release = deposit_store.release(self.table, dealer)
        deposit = store.account(self.table, dealer_id, AccountType.DEPOSIT)
        assert release is not None
        with suppress(Moved):  # by another execution, to where this one reads next; or a payment came for it
            self._ask(dealer, deposit, release)
        return self.read(dealer_id)

    def _ask(self, dealer: Dealer, deposit: Account, release: Release) -> None:
        """Raises Moved, RefundPending."""
        answer = refunding.ask(self.billing(), deposit, release, "Возврат депозита")
        match answer.state:
            case RefundState.DONE:
                self.table.write(*deposit_store.paid_back(dealer, release, self.now()))
            case RefundState.REFUSED:
                self.table.write(*deposit_store.refused(dealer, deposit, release, answer.why, self.now()))
            case RefundState.PENDING:
                if release.status is ReleaseStatus.ASKED:
                    self.table.write(*deposit_store.sent(dealer, release, self.now()))
                raise RefundPending("the billing system pays the deposit back", id=release.dealer_id)
            case never:
                assert_never(never)


def _why_not(
    dealer: Dealer, accounts: Sequence[Account], segment: Segment | None, asked: Segment | None, deposit_kopecks: int
) -> str | None:
    if dealer.status in (DealerStatus.LEAVING, DealerStatus.LEFT):
        return "his deposit is paid back: add fast buyout again"
    ready = {account.type for account in accounts if account.status is AccountStatus.READY}
    if not ready.issuperset(ACCOUNTS):
        opened = {account.type for account in accounts}.issuperset(ACCOUNTS)
        return "his accounts are being opened" if opened else "he has no accounts for it: add fast buyout"
    if segment is None:
        return "his deposit is too small for any segment"
    if asked is not None and asked.deposit_min_kopecks > deposit_kopecks:
        return f"segment {asked.segment_id} asks for a deposit of {roubles(asked.deposit_min_kopecks)}"
    return None


def _told(segment: Segment | None) -> str:
    if segment is None:
        return "none"
    return f"deposit {roubles(segment.deposit_min_kopecks)}, cars up to {roubles(segment.price_max_kopecks)}"
