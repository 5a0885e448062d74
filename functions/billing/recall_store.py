"""Payments that the bank has taken back, in the table: what of one is on its account goes off, and what it has paid of
bills is owed again.

Each write takes what is there then, off both the account and the payment, so that the books balance after every one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal

from pynamodb.expressions.update import Action

from common import keys
from common.domain import timeline, work
from common.domain.timeline import CLOCK, TimelineEvent
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.billing import journal, journal_store, payment_store, store
from functions.billing.model import Account, Bill, BillStatus, Moved, PaymentStatus, Taken
from functions.billing.payment_store import ApplicationItem, PaymentItem
from functions.billing.spreading import Application
from functions.billing.store import AccountItem, BillItem


def bills_paid_by(table: Table, taken: Taken) -> Iterator[Bill]:
    """Those that got something of it when it was spread, as they are now."""
    for item in table.all(ApplicationItem, _applications(taken.receipt_id)):
        yield store.bill(table, keys.APPLICATION.read(keys.PrimaryKey(item.PK, item.SK))["bill_id"])


@prepared
def _applications(receipt_id: str) -> Query:
    return Query(partition(receipt_id) & ApplicationItem.SK.startswith(keys.APPLICATION.prefix), consistent=True)


def take_back(
    taken: Taken,
    account: Account,
    from_balance: int,
    from_bills: Sequence[tuple[Bill, Application]],
    missing: str | None,
    at: datetime,
) -> list[Write]:
    """So much goes off the account and off bills. missing: why that is not all of it. Refused with Moved."""
    kopecks = from_balance + sum(application.kopecks for _, application in from_bills)
    recalled = (taken.recalled_kopecks or 0) + kopecks
    is_over = recalled == taken.told.kopecks
    status = PaymentStatus.RECALLED if is_over else PaymentStatus.RECALLING
    return [
        _becomes(taken, status, recalled, missing, at),
        store.money_moves(
            account,
            -from_balance,
            -kopecks,
            at,
            *_totals(account, kopecks),
            AccountItem.recalls.set(Decimal(account.recalls + (taken.recalled_kopecks is None) - is_over)),
        ),
        *([journal_store.book(journal.recalled(taken, kopecks, at))] if kopecks else []),
        *(write for bill, application in from_bills for write in _reopen(taken, bill, application.kopecks, at)),
        timeline.record(
            taken.receipt_id, TimelineEvent(at, taken.status, status, missing or "the bank has taken it back", CLOCK)
        ),
    ]


def lose(taken: Taken, account: Account, why: str, by: str, at: datetime) -> list[Write]:
    """What is missing of it is the desk's loss, as two operators say: it has come, for nothing that is told of the
    contract. Refused with Moved."""
    lost = taken.told.kopecks - (taken.recalled_kopecks or 0)
    return [
        _becomes(taken, PaymentStatus.RECALLED, taken.recalled_kopecks or 0, None, at),
        payment_store.recalls(
            account,
            -1,
            at,
            AccountItem.aside_kopecks.set(Decimal(account.aside_kopecks - lost)),
            *_totals(account, lost),
        ),
        timeline.record(taken.receipt_id, TimelineEvent(at, taken.status, PaymentStatus.RECALLED, why, by)),
    ]


def _becomes(taken: Taken, status: PaymentStatus, recalled: int, missing: str | None, at: datetime) -> Write:
    item, before = PaymentItem, taken.recalled_kopecks
    waits = work.done()
    if status is PaymentStatus.RECALLING:
        what = missing or "the rest of it to go off its account"
        waits = work.waits(keys.PAYMENT, taken.receipt_id, now=at, due_at=at, waits_for=what)
    as_read = item.recalled_kopecks.does_not_exist() if before is None else item.recalled_kopecks == Decimal(before)
    return Write.update(
        item(*keys.PAYMENT(receipt_id=taken.receipt_id)),
        item.status.set(status),
        item.recalled_kopecks.set(Decimal(recalled)),
        item.reason.remove() if missing is None else item.reason.set(missing),
        item.updated_at.set(at),
        *waits,
        when=(item.status == PaymentStatus.RECALLING) & as_read,
        otherwise=Moved("the payment has moved", id=taken.receipt_id),
    )


def _totals(account: Account, kopecks: int) -> list[Action]:
    """The billing system tells so much less of the contract from now on; the payment made last may have been told with
    that total already."""
    item, told = AccountItem, Decimal(account.told_kopecks - kopecks)
    if account.latest_at is None or account.latest_kopecks < account.told_kopecks:
        return [item.told_kopecks.set(told)]
    return [item.told_kopecks.set(told), item.latest_kopecks.set(Decimal(account.latest_kopecks - kopecks))]


def _reopen(taken: Taken, bill: Bill, kopecks: int, at: datetime) -> Iterator[Write]:
    item, left = BillItem, bill.paid_kopecks - kopecks
    status = BillStatus.PARTIAL if left else BillStatus.PENDING
    yield Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.status.set(status),
        item.paid_kopecks.set(Decimal(left)),
        item.recalled_kopecks.set(Decimal(bill.recalled_kopecks + kopecks)),
        item.updated_at.set(at),
        when=(item.status == bill.status)
        & (item.paid_kopecks == Decimal(bill.paid_kopecks))
        & (item.credited_kopecks == Decimal(bill.credited_kopecks)),
        otherwise=Moved("the bill has moved", id=bill.bill_id),
    )
    why = f"the bank has taken back payment {taken.told.payment_id}"
    yield timeline.record(bill.bill_id, TimelineEvent(at, bill.status, status, why, CLOCK))
    if bill.status is BillStatus.PAID:
        yield from store.reopened(bill, at)
