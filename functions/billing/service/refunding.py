"""What goes back to a dealer: his deposit, when he leaves, and what of another account two operators have agreed on.

The sum is off the account before the billing system is asked for it, under an id of ours, again and again until it has
decided. Where that is unknown nothing moves; and a no puts nothing back while an earlier request, whose answer was
lost, may still be carried out.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.domain.dealer_refunds import Refund, Status
from common.errors import Refusal, Unavailable
from common.gateways.billing import REQUEST_OVER_SECONDS, Billing, BillingRefused, RefundState
from common.log import count, log
from common.requisites import FORGOTTEN
from common.roubles import roubles
from common.table.table import Table
from functions.billing import refund_store, store
from functions.billing.model import Account, AccountStatus, AccountType, Moved, Release
from functions.billing.service.balances import over_open_bills, spread_balance

RECALLED = "the bank has taken back a payment of his, which is not settled yet"
WHAT_IS_LEFT = "Возврат излишне уплаченного"
REQUEST_OVER = timedelta(seconds=REQUEST_OVER_SECONDS)


class RefundPending(Unavailable):
    """The billing system has not paid it back yet; ask again later."""


class MayStillCome(RefundPending):
    """It is not paid back, unless an earlier request, whose answer was lost, is carried out after all.

    tried_at: when that was sent. over_at: by then it was carried out, or never is.
    """

    def __init__(self, refund: Release | Refund, tried_at: datetime) -> None:
        self.tried_at, self.over_at = tried_at, tried_at + REQUEST_OVER
        super().__init__(
            f"a request whose answer was lost may be carried out until {self.over_at:%Y-%m-%d %H:%M} UTC",
            id=refund.external_id,
        )


@dataclass(frozen=True)
class Answer:
    """What the billing system has decided. why: of REFUSED."""

    state: RefundState
    why: str = ""


def ask(billing: Billing, account: Account, refund: Release | Refund, reason: str, now: datetime) -> Answer:
    """Asked for again and again, it is paid once. refund: as it was before this request was noted, to tell whether an
    earlier one may still be carried out. Raises RefundPending, as `stays`; BillingUnavailable."""
    assert account.contract_id is not None
    try:
        told = billing.refund(refund.external_id, account.contract_id, refund.kopecks, reason)
    except BillingRefused as refused:
        return stays(billing, account, refund, refused.detail, now)
    if told.state is RefundState.REFUSED:  # it has it under our id: no earlier request makes another
        over = replace(refund, tried_at=None)
        return stays(billing, account, over, "the billing system could not pay it back: it is there again", now)
    return Answer(told.state)


def stays(billing: Billing, account: Account, refund: Release | Refund, why: str, now: datetime) -> Answer:
    """It is not paid back. Raises MayStillCome, RefundPending, BillingUnavailable.

    A no may be to the question alone: asked before, with the answer lost, the same may be on its way already. It is
    REFUSED only where the billing system has refunded of this contract what it had before, and not a kopeck more or
    less, and no earlier request can be carried out any more; otherwise it stays asked for.
    """
    if is_back(billing, account, refund):
        if refund.tried_at is not None and now < refund.tried_at + REQUEST_OVER:
            raise MayStillCome(refund, refund.tried_at)
        return Answer(RefundState.REFUSED, why)
    log.error("a refund is refused and made", extra={"dealer_id": refund.dealer_id, "why": why})
    count("BillingNotBelieved")
    refunded = roubles(refunded_kopecks(billing, account))
    strange = f"the billing system refuses to pay back what it pays back: {refunded} by its own sum"
    raise RefundPending(strange, id=refund.external_id)


def is_back(billing: Billing, account: Account, refund: Release | Refund) -> bool:
    """Has the billing system refunded of this contract just what it had before? Raises BillingUnavailable."""
    return refunded_kopecks(billing, account) == account.released_kopecks - refund.kopecks


def refunded_kopecks(billing: Billing, account: Account) -> int:
    """All that it has ever refunded of the account's contract, by its own sum. Raises BillingUnavailable."""
    assert account.contract_id is not None
    return billing.standing(account.contract_id).refunded_kopecks


@dataclass(frozen=True)
class Refunding:
    """What two operators have agreed on. The clock sees to it."""

    table: Table
    billing: Callable[[], Billing]
    now: Callable[[], datetime]

    def round(self, more_time: Callable[[], bool]) -> int:
        """How many are over. What can not be seen to now does not hold up the others."""
        over = 0
        for waiting in refund_store.on_their_way(self.table, self.now()):
            if not more_time():
                break
            try:
                over += self.go_on(waiting.PK) in (Status.DONE, Status.REFUSED)
            except Refusal as refusal:
                log.warning("not seen to now", extra={"thing": waiting.PK, "why": refusal.detail})
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"thing": waiting.PK})
        return over

    def go_on(self, refund_id: str) -> Status:
        """As far as it can be brought now. Raises RefundNotFound, BillingUnavailable, Busy."""
        refund = refund_store.refund(self.table, refund_id)
        if refund.needs_person or refund.status in (Status.DONE, Status.REFUSED):
            return refund.status  # the index is late
        with suppress(Moved):  # by another round, or a payment came for the account: the next one goes on
            if refund.status is Status.AGREED:
                self._take_off(refund)
                refund = refund_store.refund(self.table, refund_id)
            if refund.status in (Status.ASKED, Status.SENT):
                self._ask(refund)
        return refund_store.refund(self.table, refund_id).status

    def _take_off(self, refund: Refund) -> None:
        """Raises Moved."""
        account = self._account(refund)  # before its bills: they move with it
        why, at = self._why_not(account, refund), self.now()
        if why is None:
            self.table.write(*refund_store.take_off(account, refund, at))
        else:
            count("RefundsRefused")
            self.table.write(*refund_store.not_now(account, refund, why, at))

    def _why_not(self, account: Account, refund: Refund) -> str | None:
        if account.type is AccountType.DEPOSIT or account.status is not AccountStatus.READY:
            return f"nothing of a {account.type} account that is {account.status} is paid back so"
        if account.refunds != refund.n - 1 or account.refund_id is not None:
            return "another refund of this account is on its way, or was meanwhile"
        if self._is_recalled(account):
            return RECALLED
        if self._is_forgotten(refund):
            return FORGOTTEN
        if self._has_other_requisites(account, refund):
            return f"he has other requisites than {refund.requisites_version}, which two operators have looked at"
        for bill in store.open_bills(self.table, account.dealer_id, account.type, at_once=1):
            return f"bill {bill.bill_id} is open, and takes it"
        if account.balance_kopecks < refund.kopecks:
            return f"{roubles(account.balance_kopecks)} are on the account"
        return None

    def _why_no_more(self, account: Account, refund: Refund) -> str | None:
        """Why it is not asked for, unless the billing system has it already."""
        if self._is_recalled(account):
            return RECALLED
        if self._is_forgotten(refund):
            return FORGOTTEN
        if self._has_other_requisites(account, refund):
            return "he has other requisites by now, and nothing was paid back to those that he had"
        return None

    def _is_recalled(self, account: Account) -> bool:
        """Has the bank taken back a payment of the dealer, which is not settled?"""
        return any(each.recalls for each in store.accounts(self.table, account.dealer_id))

    def _is_forgotten(self, refund: Refund) -> bool:
        """Can nobody read any more where it would go?"""
        return store.dealer(self.table, refund.dealer_id).forgotten_at is not None

    def _has_other_requisites(self, account: Account, refund: Refund) -> bool:
        """It goes to the payer of the account's contract, with the requisites that he has at the billing system."""
        dealer = store.dealer(self.table, refund.dealer_id)
        return {account.requisites_version, dealer.requisites_version} != {refund.requisites_version}

    def _ask(self, refund: Refund) -> None:
        """Raises Moved, BillingUnavailable."""
        account, billing, at = self._account(refund), self.billing(), self.now()
        tried = refund
        try:
            why = self._why_no_more(account, refund)
            if why is not None and is_back(billing, account, refund):
                answer = stays(billing, account, refund, why, at)
            else:
                tried = replace(refund, tried_at=at)
                self.table.write(refund_store.tries(refund, at))
                answer = ask(billing, account, refund, WHAT_IS_LEFT, at)
        except MayStillCome as later:
            self.table.write(refund_store.waits(tried, later.tried_at, later.detail, at, due_at=later.over_at))
            return
        except RefundPending as contradiction:
            self.table.write(*refund_store.stops(tried, contradiction.detail, at))
            return
        match answer.state:
            case RefundState.DONE:
                self.table.write(*refund_store.paid(account, tried, at))
            case RefundState.REFUSED:
                count("RefundsRefused")
                self._put_back(account, tried, answer.why, at)
            case RefundState.PENDING:
                self.table.write(*refund_store.sent(tried, at))

    def _put_back(self, account: Account, refund: Refund, why: str, at: datetime) -> None:
        """What is owed by now it pays at once. Raises Moved, Busy."""
        rest, applied = over_open_bills(self.table, account, refund.kopecks, at)
        self.table.write(*refund_store.put_back(account, refund, rest, why, at), *applied)
        spread_balance(self.table, account.dealer_id, account.type, self.now)

    def _account(self, refund: Refund) -> Account:
        return store.account(self.table, refund.dealer_id, AccountType(refund.type))
