"""Fast buyout: the desk buys a car for a dealer, who pays it later. His deposit says up to what price; it is never
debited, and is his again when he leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from common import keys
from common.domain import rulings, work
from common.domain.rulings import Deposit, Matter, Ruling
from common.domain.segments import store as segment_store
from common.domain.segments.model import Segment, segment_of
from common.gateways.billing import Billing, RefundState
from common.idempotency import Replayable
from common.log import log
from common.machines import Machines, Standing
from common.requisites import FORGOTTEN
from common.roubles import KOPECKS_MAX, roubles
from common.table.table import Table
from common.table.transaction import Busy
from functions.billing import deposit_store, model, moscow, store
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
    PaymentRecalled,
    Release,
    ReleasedBefore,
    ReleaseStatus,
    Stage,
)
from functions.billing.service import refunding
from functions.billing.service.refunding import MayStillCome
from functions.billing.service.refunding import RefundPending as RefundPending

ACCOUNTS = (AccountType.DEPOSIT, AccountType.SETTLEMENT)
REGISTERED_WITH = 1  # the version of requisites
OTHER_REQUISITES = "his requisites are not those that he was registered with: two operators let his deposit go to them"
RECALLED = "the bank has taken back a payment of his, which is not settled yet: it stays, until he asks again"
MOVES_MAX = 20  # of others, in between


@dataclass(frozen=True)
class FastBuyouts:
    table: Table
    machines: Machines
    now: Callable[[], datetime]

    def add(self, cme_dealer_id: str) -> Replayable[Dealer]:
        """His two accounts are opened at the billing system. One who has left is back; otherwise a repeat changes
        nothing. Raises DealerNotFound, DealerForgotten, DealerLeaves, Busy."""
        for _ in range(MOVES_MAX):
            dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
            has = {account.type for account in store.accounts(self.table, dealer.dealer_id)}
            missing = [type_ for type_ in ACCOUNTS if type_ not in has]
            dealer.must_be_known()  # his deposit could not be paid back
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
        """Whether he may take part, and up to what price; with a segment, whether he may in that one. What he owes for
        cars counts: all of them together are to be within what his deposit allows.

        Raises DealerNotFound, SegmentNotFound.
        """
        asked = None if segment_id is None else segment_store.segment(self.table, segment_id)
        dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
        accounts = {account.type: account for account in store.accounts(self.table, dealer.dealer_id)}
        deposit = accounts[AccountType.DEPOSIT].balance_kopecks if AccountType.DEPOSIT in accounts else 0
        segment = segment_of(deposit, segment_store.segments(self.table))
        owes = list(store.open_bills(self.table, dealer.dealer_id, AccountType.SETTLEMENT))
        found = FastBuyout(dealer, deposit, segment, sum(bill.left_kopecks for bill in owes))
        now = self.now()
        overdue = next((bill.bill_id for bill in owes if bill.is_overdue(now)), None)
        if overdue is not None:
            return replace(found, reason=f"a car that was bought for him is not paid in time: bill {overdue}")
        return replace(found, reason=_why_not(found, list(accounts.values()), asked))

    def segments(self) -> Sequence[Segment]:
        """Those of cheap cars first."""
        return segment_store.segments(self.table)

    def release(self, cme_dealer_id: str, key: str | None = None) -> Replayable[Release]:
        """The dealer leaves, and all that is on his deposit is paid back, to those requisites that he has now; two
        operators let it go first, where they are others than he was registered with.

        key: the caller's own. While one is on its way whatever is asked for is a repeat of it, and tells what has
        become of it; once a dealer has come back the next one needs a key, by which a late repeat is known.

        Raises DealerNotFound, AccountNotOpened, ReleasedBefore, DealerForgotten, AccountNotReady, PaymentRecalled,
        BuyoutOpen, DepositEmpty, Busy.
        """
        dealer_id = model.dealer_id(cme_dealer_id)
        for _ in range(MOVES_MAX):
            try:
                return self._release(dealer_id, key)
            except Moved:
                continue
        raise Busy("others are moving this dealer; send it again", retry_after_seconds=1)

    def _release(self, dealer_id: str, key: str | None) -> Replayable[Release]:
        """Raises as `release`, and Moved."""
        dealer = store.dealer(self.table, dealer_id)
        deposit, settlement = (store.account(self.table, dealer_id, type_) for type_ in ACCOUNTS)
        known = self._known(dealer, deposit, key)
        if known is not None:
            return Replayable(known, replayed=True)
        dealer.must_be_known()
        for account in store.accounts(self.table, dealer_id):
            if account.status is not AccountStatus.READY:
                raise AccountNotReady("his accounts are being opened at the billing system")
            if account.recalls:
                raise PaymentRecalled("the bank has taken back a payment of his, which is not settled yet")
            if account.requisites_version != dealer.requisites_version:
                raise AccountNotReady("his requisites are being brought to the billing system")
        for bill in store.open_bills(self.table, dealer_id, AccountType.SETTLEMENT):
            raise BuyoutOpen("a car that was bought for him is not paid yet", bill_id=bill.bill_id)
        if deposit.balance_kopecks == 0:
            raise DepositEmpty("there is nothing on his deposit")
        at, version = self.now(), dealer.requisites_version
        held = version != REGISTERED_WITH
        status, why = (ReleaseStatus.HELD, OTHER_REQUISITES) if held else (ReleaseStatus.ASKED, None)
        asked = () if key is None else (model.key_of(key),)
        kopecks = min(deposit.balance_kopecks, KOPECKS_MAX)  # what is more than a sum can be is asked for next
        release = Release(dealer_id, dealer.releases + 1, status, kopecks, at, version, asked, why)
        self.table.write(*deposit_store.ask(dealer, deposit, settlement, release, at))
        work.drive_now(self.table, self.machines, keys.DEALER(dealer_id=dealer_id), at)
        return Replayable(release)

    def _known(self, dealer: Dealer, deposit: Account, key: str | None) -> Release | None:
        """What is asked for again. Raises ReleasedBefore, Moved."""
        all_ = deposit_store.releases(self.table, dealer)
        known = None if key is None else next((each for each in all_ if each.is_asked_by(key)), None)
        if known is not None or not all_:
            return known
        latest, has_left = all_[-1], dealer.status is DealerStatus.LEFT
        if dealer.status is DealerStatus.LEAVING or (has_left and not deposit.balance_kopecks):
            if key is not None:  # a late repeat of this one is of the same release
                self.table.write(deposit_store.also_asked(latest, key, self.now()))
            return latest
        was_paid = any(each.status is ReleaseStatus.DONE for each in all_)
        if key is None and was_paid and not has_left and deposit.balance_kopecks:
            raise ReleasedBefore("his deposit was paid back, and he has come back since: send an Idempotency-Key")
        return None  # it was refused; or what has come late is his as well


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
        accounts = store.accounts(self.table, dealer_id)
        deposit = next(account for account in accounts if account.type is AccountType.DEPOSIT)
        assert release is not None
        with suppress(Moved):  # by another execution, to where this one reads next; or a payment came for it
            if release.status is ReleaseStatus.HELD:
                self._held(dealer, deposit, release)
            elif release.status is not ReleaseStatus.ASKED:
                self._ask(dealer, deposit, release, ())
            elif any(account.recalls for account in accounts) and refunding.is_back(self.billing(), deposit, release):
                self._keep(dealer, deposit, release, RECALLED)
            else:
                self._look_once_more(dealer, release)
                self._ask(dealer, deposit, release, accounts)
        return self.read(dealer_id)

    def _held(self, dealer: Dealer, deposit: Account, release: Release) -> None:
        """The billing system was not asked for it yet. Raises Moved, RefundPending."""
        ruling, at = self._ruling(release), self.now()
        if ruling is None:
            self.table.write(*deposit_store.hold(dealer, release, release.reason or OTHER_REQUISITES, at))
        elif ruling.terms["do"] == Deposit.PAY:
            why = f"his deposit goes to requisites {release.requisites_version}, reference {ruling.reference}"
            self.table.write(*deposit_store.let_go(dealer, release, why, ruling.operators, at))
        elif ruling.terms["do"] == Deposit.KEEP:
            self._keep(dealer, deposit, release, f"it stays, reference {ruling.reference}")
        elif not self._is_paid(dealer, deposit, release):
            self.table.write(*deposit_store.hold(dealer, release, "by its own sum the billing system has not paid", at))

    def _keep(self, dealer: Dealer, deposit: Account, release: Release, why: str) -> None:
        """Raises Moved, RefundPending."""
        try:
            refunding.stays(self.billing(), deposit, release, why, self.now())
        except RefundPending as strange:
            self._contradicted(dealer, deposit, release, strange.detail)
        else:
            self.table.write(*deposit_store.refused(dealer, deposit, release, why, self.now()))

    def _ask(self, dealer: Dealer, deposit: Account, release: Release, by: Sequence[Account]) -> None:
        """by: the accounts that say that it may be asked for. Raises Moved, RefundPending."""
        before, at = release, self.now()
        self.table.write(*deposit_store.tries(release, by, at))
        release = replace(before, tried_at=at)
        try:
            answer = refunding.ask(self.billing(), deposit, before, "Возврат депозита", at)
        except MayStillCome as later:
            self.table.write(deposit_store.is_answered(release, later.tried_at, at))
            raise RefundPending(later.detail, id=release.dealer_id) from None  # its machine asks again, by this name
        except RefundPending as strange:
            self._contradicted(dealer, deposit, release, strange.detail)
            return
        match answer.state:
            case RefundState.DONE:
                self.table.write(*deposit_store.paid_back(dealer, release, self.now(), "his deposit was paid back"))
            case RefundState.REFUSED:
                self.table.write(*deposit_store.refused(dealer, deposit, release, answer.why, self.now()))
            case RefundState.PENDING:
                if release.status is ReleaseStatus.ASKED:
                    self.table.write(*deposit_store.sent(dealer, release, self.now()))
                if not self._is_paid(dealer, deposit, release):
                    raise RefundPending("the billing system pays the deposit back", id=release.dealer_id)
            case never:
                assert_never(never)

    def _contradicted(self, dealer: Dealer, deposit: Account, release: Release, strange: str) -> None:
        """It stays asked for, until two operators say that it is paid. Raises Moved, RefundPending."""
        if self._is_paid(dealer, deposit, release):
            return
        if dealer.reason != strange:
            at = self.now()
            self.table.write(*deposit_store.wait(dealer, release, strange, at, due_at=at))
        raise RefundPending(strange, id=release.dealer_id)

    def _is_paid(self, dealer: Dealer, deposit: Account, release: Release) -> bool:
        """Two operators say so, and the billing system has refunded all that was to be paid back of this contract, and
        nothing else. Raises Moved."""
        ruling = self._ruling(release)
        if ruling is None or ruling.terms["do"] != Deposit.PAID:
            return False
        refunded = refunding.refunded_kopecks(self.billing(), deposit)
        if refunded != deposit.released_kopecks:
            log.warning("not paid by their own sum", extra={"dealer_id": release.dealer_id, "refunded": refunded})
            return False
        why = f"his deposit was paid back, reference {ruling.reference}"
        self.table.write(*deposit_store.paid_back(dealer, release, self.now(), why, ruling.operators))
        return True

    def _ruling(self, release: Release) -> Ruling | None:
        return rulings.of(self.table, release.dealer_id).get((Matter.DEPOSIT, str(release.n)))

    def _look_once_more(self, dealer: Dealer, release: Release) -> None:
        """A car that was his before he asked may have been billed since. Raises Moved, RefundPending."""
        for bill in store.open_bills(self.table, release.dealer_id, AccountType.SETTLEMENT):
            why, at = f"his deposit waits until bill {bill.bill_id} is paid, for a car bought for him", self.now()
            if dealer.reason != why:
                due_at = max(at, moscow.end_of(bill.due_on))
                self.table.write(*deposit_store.wait(dealer, release, why, at, due_at))
            raise RefundPending(why, id=release.dealer_id)


def _why_not(found: FastBuyout, accounts: Sequence[Account], asked: Segment | None) -> str | None:
    if found.dealer.forgotten_at is not None:
        return FORGOTTEN
    if found.dealer.status in (DealerStatus.LEAVING, DealerStatus.LEFT):
        return "his deposit is paid back: add fast buyout again"
    ready = {account.type for account in accounts if account.status is AccountStatus.READY}
    if not ready.issuperset(ACCOUNTS):
        opened = {account.type for account in accounts}.issuperset(ACCOUNTS)
        return "his accounts are being opened" if opened else "he has no accounts for it: add fast buyout"
    if found.segment is None:
        return "his deposit is too small for any segment"
    if asked is not None and asked.deposit_min_kopecks > found.deposit_kopecks:
        return f"segment {asked.segment_id} asks for a deposit of {roubles(asked.deposit_min_kopecks)}"
    if found.price_max_kopecks < (1 if asked is None else asked.price_max_kopecks):
        limit, owed = roubles(found.segment.price_max_kopecks), roubles(found.owed_kopecks)
        return f"his deposit allows cars of {limit} together, and he owes {owed} for those that he has"
    return None
