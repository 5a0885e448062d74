"""Payments in the table: those that were taken for an account, and those that wait for somebody to say whose they are.

What is taken, and what is put aside of what came for a contract of ours, moves its account: see
`functions.billing.store`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.domain import timeline, work
from common.domain.timeline import BILLING_SYSTEM, TimelineEvent
from common.domain.work import WaitingItem
from common.errors import Refusal
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Table
from common.table.transaction import Write
from functions.billing import correction_store, journal, journal_store, store
from functions.billing.model import (
    Account,
    AccountType,
    Aside,
    Bill,
    BillStatus,
    Nobodys,
    PaymentNotFound,
    PaymentStatus,
    Receipt,
    Taken,
    Told,
    Whose,
)
from functions.billing.spreading import Application
from functions.billing.store import AccountItem, BillItem, Moved

SPREAD_DUE = timedelta(minutes=2)  # the clock goes on with it every minute
EARLY_DUE = timedelta(minutes=10)  # by then the invoice is known, unless the billing system is down
ANY_TIME = datetime.max.replace(tzinfo=UTC)
QUIET = timedelta(minutes=15)  # after the last payment of an account its total is compared
TAKEN = (PaymentStatus.TAKEN, PaymentStatus.SPREAD, PaymentStatus.RECALLING, PaymentStatus.RECALLED)
_ON_ITS_WAY = {PaymentStatus.EARLY: "the invoice that it names", PaymentStatus.TAKEN: "the rest of it to be spread"}
_DUE = {PaymentStatus.EARLY: EARLY_DUE, PaymentStatus.TAKEN: SPREAD_DUE}


class PaymentItem(work.OpenWork, discriminator=keys.PAYMENT.entity):
    """One that was put aside may have no account, and what is not understood no sum."""

    status = UnicodeAttribute()
    payment_id = UnicodeAttribute(null=True)
    contract_id = UnicodeAttribute(null=True)
    invoice_id = UnicodeAttribute(null=True)
    kopecks = DecimalAttribute(null=True)
    total_kopecks = DecimalAttribute(null=True)
    left_kopecks = DecimalAttribute(null=True)
    dealer_id = UnicodeAttribute(null=True)
    type = UnicodeAttribute(null=True)
    bill_id = UnicodeAttribute(null=True)
    paid_at = InstantAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    body = UnicodeAttribute(null=True)
    told_anew_at = InstantAttribute(null=True)
    recalled_kopecks = DecimalAttribute(null=True)
    takes_back = UnicodeAttribute(null=True)  # of a message: the payment that the bank has taken back
    takes_back_kopecks = DecimalAttribute(null=True)  # … and how much; none: it was parked by an earlier version


class ApplicationItem(Item, discriminator=keys.APPLICATION.entity):
    kopecks = DecimalAttribute()


class PaymentKnown(Refusal):
    """Somebody has taken the payment, or put it aside."""


def find(table: Table, receipt_id: str) -> Receipt | None:
    """As of now."""
    item = table.get(PaymentItem, keys.PAYMENT(receipt_id=receipt_id), consistent=True)
    return None if item is None else _receipt(item)


def receipt(table: Table, receipt_id: str) -> Receipt:
    """As of now. Raises PaymentNotFound."""
    found = find(table, receipt_id)
    if found is None:
        raise PaymentNotFound("no payment is known under this id", id=receipt_id)
    return found


def on_their_way(table: Table) -> Iterator[WaitingItem]:
    """What no person has to look at, due or not, the oldest first."""
    return work.due(table, keys.PAYMENT.backlog, ANY_TIME)


def take(taken: Taken, account: Account, kopecks: int, rest_kopecks: int, at: datetime) -> list[Write]:
    """A payment comes for an account: so much of it is spread at once, of which a rest stays on the account. Refused
    with PaymentKnown, or with Moved."""
    left = taken.left_kopecks - kopecks
    status = PaymentStatus.TAKEN if left else PaymentStatus.SPREAD
    item = _item(taken.receipt_id, status, taken.told, taken.whose, taken.created_at)
    item.left_kopecks = Decimal(left)
    if left:
        _wait(item, status, at)
    return [
        Write.insert(item, otherwise=PaymentKnown("the payment is known")),
        _comes(account, taken.told, rest_kopecks, at, received=taken.told.kopecks),
        _book(taken.whose, taken.told, at),
    ]


def place(
    aside: Aside, whose: Whose, account: Account, why: str, by: str, at: datetime, *, as_told: bool
) -> list[Write]:
    """It is known by now whose it is: all of it is to be spread. as_told: it came for the contract of this account; for
    another one it is in no total that is told of this one. Refused with Moved."""
    assert aside.told is not None
    item, kopecks = PaymentItem, aside.told.kopecks
    is_counted = aside.why.account is not None or not as_told
    return [
        Write.update(
            item(*keys.PAYMENT(receipt_id=aside.receipt_id)),
            item.status.set(PaymentStatus.TAKEN),
            item.left_kopecks.set(Decimal(kopecks)),
            item.dealer_id.set(whose.dealer_id),
            item.type.set(whose.type),
            item.bill_id.remove() if whose.bill_id is None else item.bill_id.set(whose.bill_id),
            item.reason.set(why),
            item.updated_at.set(at),
            *_waits(aside.receipt_id, PaymentStatus.TAKEN, at),
            when=item.status == aside.status,
            otherwise=Moved("the payment has moved", id=aside.receipt_id),
        ),
        _comes(account, aside.told if as_told else None, 0, at, received=kopecks, aside=-kopecks if is_counted else 0),
        _book(whose, aside.told, at),
        _told(aside, PaymentStatus.TAKEN, why, by, at),
    ]


def spread_more(taken: Taken, account: Account, kopecks: int, rest_kopecks: int, at: datetime) -> list[Write]:
    """So much of what was left is spread. Refused with Moved."""
    item, left = PaymentItem, taken.left_kopecks - kopecks
    return [
        Write.update(
            item(*keys.PAYMENT(receipt_id=taken.receipt_id)),
            item.left_kopecks.set(Decimal(left)),
            item.status.set(PaymentStatus.TAKEN if left else PaymentStatus.SPREAD),
            item.updated_at.set(at),
            *([] if left else work.done()),
            when=(item.left_kopecks == Decimal(taken.left_kopecks)) & (item.left_kopecks >= Decimal(kopecks)),
            otherwise=Moved("the payment has moved", id=taken.receipt_id),
        ),
        store.money_moves(account, rest_kopecks, 0, at),
    ]


def apply(taken: Taken, bills: Sequence[tuple[Bill, Application]], at: datetime) -> list[Write]:
    """Bills get what they get of a payment. Refused with Moved."""
    return [write for bill, application in bills for write in _apply(taken, bill, application.kopecks, at)]


def _apply(taken: Taken, bill: Bill, kopecks: int, at: datetime) -> Iterator[Write]:
    assert bill.type is not AccountType.DEPOSIT, "a deposit pays no bill"
    if bill.recalled_kopecks:  # by this payment, perhaps, which it has an application of
        yield from correction_store.apply_balance(bill, Application(bill.bill_id, kopecks), at)
        return
    item, status = BillItem, bill.paid(kopecks)
    applied = ApplicationItem(
        *keys.APPLICATION(receipt_id=taken.receipt_id, bill_id=bill.bill_id),
        kopecks=Decimal(kopecks),
        created_at=at,
        updated_at=at,
    )
    moved = Moved("the bill has moved", id=bill.bill_id)
    yield Write.insert(applied, otherwise=moved)
    yield Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.paid_kopecks.add(Decimal(kopecks)),
        item.status.set(status),
        item.updated_at.set(at),
        when=(item.status == bill.status)
        & (item.paid_kopecks == Decimal(bill.paid_kopecks))
        & (item.credited_kopecks == Decimal(bill.credited_kopecks))
        & (item.common_kopecks >= Decimal(bill.paid_kopecks + bill.credited_kopecks + kopecks)),
        otherwise=moved,
    )
    why = f"payment {taken.told.payment_id}"
    yield timeline.record(bill.bill_id, TimelineEvent(at, bill.status, status, why, BILLING_SYSTEM))
    if status is BillStatus.PAID:
        yield from store.closed(bill, at)


def put_aside(aside: Aside, account: Account | None) -> list[Write]:
    """What came, and is to wait: EARLY for its invoice, PARKED for a person. account: that of its contract. Refused
    with PaymentKnown, or with Moved."""
    at, status = aside.created_at, aside.status
    item = _item(aside.receipt_id, status, aside.told, aside.why.account, at)
    item.reason, item.body, item.takes_back = aside.why.why, aside.body, aside.takes_back
    item.takes_back_kopecks = None if aside.takes_back_kopecks is None else Decimal(aside.takes_back_kopecks)
    _wait(item, status, at, aside.why.why)
    writes = [
        Write.insert(item, otherwise=PaymentKnown("the payment is known")),
        timeline.record(aside.receipt_id, TimelineEvent(at, None, status, aside.why.why, BILLING_SYSTEM)),
    ]
    if account is not None and aside.told is not None:
        writes.append(_comes(account, aside.told, 0, at, aside=aside.told.kopecks))
    elif account is not None:
        writes.append(recalls(account, 1, at))
    return writes


def tell_anew(
    aside: Aside,
    told: Told,
    why: Nobodys,
    before: Account | None,
    after: Account | None,
    at: datetime,
    *,
    is_known: bool,
) -> list[Write]:
    """What was put aside is told with other terms now, and waits with these: for a person, or to be placed, where it
    is_known whose it is. before, after: the accounts of their contracts. Refused with Moved."""
    assert aside.told is not None
    item, receipt_id, whose = PaymentItem, aside.receipt_id, why.account
    waits = _waits(receipt_id, PaymentStatus.PARKED, at, why.why)
    if is_known:  # its message may never come again
        waits = work.waits(keys.PAYMENT, receipt_id, now=at, due_at=at + SPREAD_DUE, waits_for="it to be placed")
    sets = [
        item.contract_id.set(told.contract_id),
        item.invoice_id.remove() if told.invoice_id is None else item.invoice_id.set(told.invoice_id),
        item.kopecks.set(Decimal(told.kopecks)),
        item.total_kopecks.set(Decimal(told.total_kopecks)),
        item.paid_at.set(told.paid_at),
        item.dealer_id.remove() if whose is None else item.dealer_id.set(whose.dealer_id),
        item.type.remove() if whose is None else item.type.set(whose.type),
        item.bill_id.remove(),
    ]
    writes = [
        Write.update(
            item(*keys.PAYMENT(receipt_id=receipt_id)),
            *sets,
            item.status.set(PaymentStatus.PARKED),
            item.reason.set(why.why),
            item.told_anew_at.set(at),
            item.updated_at.set(at),
            *waits,
            when=(item.status == aside.status)
            & (item.kopecks == Decimal(aside.told.kopecks))
            & (item.contract_id == aside.told.contract_id),
            otherwise=Moved("the payment has moved", id=receipt_id),
        ),
        _told(aside, PaymentStatus.PARKED, why.why, BILLING_SYSTEM, at),
    ]
    if before is not None and after is not None and store.account_id(before) == store.account_id(after):
        writes.append(_comes(after, told, 0, at, aside=told.kopecks - aside.told.kopecks))
        return writes
    if before is not None:
        writes.append(_comes(before, None, 0, at, aside=-aside.told.kopecks))
    if after is not None:
        writes.append(_comes(after, told, 0, at, aside=told.kopecks))
    return writes


def still_aside(
    aside: Aside, status: PaymentStatus, why: str, by: str, at: datetime, held: Account | None = None
) -> list[Write]:
    """It is to wait for something else, or for nothing any more. held: the account of which nothing goes back as long
    as a message waits, and it waits no more. Refused with Moved."""
    item, receipt_id = PaymentItem, aside.receipt_id
    return [
        *([] if held is None else [recalls(held, -1, at)]),
        Write.update(
            item(*keys.PAYMENT(receipt_id=receipt_id)),
            item.status.set(status),
            item.reason.set(why),
            item.updated_at.set(at),
            *(work.done() if status is PaymentStatus.DISMISSED else _waits(receipt_id, status, at, why)),
            when=item.status == aside.status,
            otherwise=Moved("the payment has moved", id=receipt_id),
        ),
        _told(aside, status, why, by, at),
    ]


def recalls(account: Account, more: int, at: datetime, *actions: Action) -> Write:
    """So many more things of it are not settled, because of which nothing goes back to its dealer. Refused with
    Moved."""
    return store.account_moves(account, at, AccountItem.recalls.set(Decimal(account.recalls + more)), *actions)


def _book(whose: Whose, told: Told, at: datetime) -> Write:
    return journal_store.book(journal.received(whose.dealer_id, whose.type, told.payment_id, told.kopecks, at))


def _comes(
    account: Account, told: Told | None, rest_kopecks: int, at: datetime, *, received: int = 0, aside: int = 0
) -> Write:
    """A payment came, as is told of the account's contract: that is compared once it is quiet. Where no total is told,
    it is what has come, with this."""
    item, total = AccountItem, 0
    if told is not None:
        total = told.total_kopecks or account.received_kopecks + account.aside_kopecks + received + aside
    return store.money_moves(
        account,
        rest_kopecks,
        received,
        at,
        item.told_kopecks.set(Decimal(max(account.told_kopecks, total))),
        *_latest(account, told, at),
        item.aside_kopecks.set(Decimal(account.aside_kopecks + aside)),
        item.told_at.set(at),
        *([] if waits_to_be_compared(account) else _compare(account, at, at)),
    )


def _latest(account: Account, told: Told | None, at: datetime) -> list[Action]:
    """Of all totals the one that was told with the payment made last. One that is to be made yet was made now."""
    if told is None or not told.total_kopecks:
        return []
    made_at = min(told.paid_at, at)
    if account.latest_at is not None and (made_at, told.total_kopecks) < (account.latest_at, account.latest_kopecks):
        return []
    return [AccountItem.latest_kopecks.set(Decimal(told.total_kopecks)), AccountItem.latest_at.set(made_at)]


# Totals


def to_be_compared(table: Table, now: datetime) -> Iterator[tuple[str, AccountType]]:
    """The accounts whose totals are due."""
    for waiting in work.due(table, keys.BILLING_ACCOUNT.backlog, now):
        named = keys.BILLING_ACCOUNT.read(waiting.key)
        yield named["dealer_id"], AccountType(named["type"])


def waits_to_be_compared(account: Account) -> bool:
    return account.open_work == work.partition(keys.BILLING_ACCOUNT, account.dealer_id)


def is_equal(account: Account, told_kopecks: int, agreed_kopecks: int, at: datetime) -> Write:
    """What came is what was told, but for what two operators have agreed on. A larger total that was told was wrong.
    Refused with Moved."""
    item = AccountItem
    sets = item.told_kopecks.set(Decimal(told_kopecks)), item.agreed_kopecks.set(Decimal(agreed_kopecks))
    return store.account_moves(account, at, *sets, *work.done())


def agree(account: Account, difference: int, why: str, by: str, at: datetime) -> list[Write]:
    """So much more is rightly told of it than has come; below 0: less. Refused with Moved."""
    told = TimelineEvent(at, account.status, account.status, why, by)
    return [is_equal(account, account.told_kopecks, difference, at), timeline.record(store.account_id(account), told)]


def compare_later(account: Account, at: datetime) -> Write:
    """More came. Refused with Moved."""
    return store.account_moves(account, at, *_compare(account, account.told_at or at, at))


def differs(account: Account, why: str, at: datetime) -> Write:
    """A person has to look. Refused with Moved."""
    waits = work.needs_person(keys.BILLING_ACCOUNT, account.dealer_id, now=at, waits_for=f"an operator: {why}")
    return store.account_moves(account, at, *waits)


def _compare(account: Account, since: datetime, at: datetime) -> list[Action]:
    what = "its total to be compared with the billing system's"
    return work.waits(keys.BILLING_ACCOUNT, account.dealer_id, now=at, due_at=since + QUIET, waits_for=what)


def _told(aside: Aside, after: PaymentStatus, why: str, by: str, at: datetime) -> Write:
    return timeline.record(aside.receipt_id, TimelineEvent(at, aside.status, after, why, by))


def _wait(item: PaymentItem, status: PaymentStatus, at: datetime, why: str = "") -> None:
    if status is PaymentStatus.PARKED:
        work.wait_for_person(item, keys.PAYMENT, waits_for=f"an operator: {why}")
    else:
        work.wait(item, keys.PAYMENT, due_at=at + _DUE[status], waits_for=_ON_ITS_WAY[status])


def _waits(receipt_id: str, status: PaymentStatus, at: datetime, why: str = "") -> list[Action]:
    if status is PaymentStatus.PARKED:
        return work.needs_person(keys.PAYMENT, receipt_id, now=at, waits_for=f"an operator: {why}")
    due_at, what = at + _DUE[status], _ON_ITS_WAY[status]
    return work.waits(keys.PAYMENT, receipt_id, now=at, due_at=due_at, waits_for=what)


def _item(
    receipt_id: str, status: PaymentStatus, told: Told | None, whose: Whose | None, created_at: datetime
) -> PaymentItem:
    item = PaymentItem(
        *keys.PAYMENT(receipt_id=receipt_id), status=status, created_at=created_at, updated_at=created_at
    )
    if told is not None:
        item.payment_id, item.contract_id, item.invoice_id = told.payment_id, told.contract_id, told.invoice_id
        item.kopecks, item.total_kopecks = Decimal(told.kopecks), Decimal(told.total_kopecks)
        item.paid_at = told.paid_at
    if whose is not None:
        item.dealer_id, item.type, item.bill_id = whose.dealer_id, whose.type, whose.bill_id
    return item


def _receipt(item: PaymentItem) -> Receipt:
    status = PaymentStatus(item.status)
    told, whose = _told_of(item), None
    if item.dealer_id is not None:
        whose = Whose(item.dealer_id, AccountType(item.type), item.bill_id)
    if status in TAKEN:
        assert told is not None
        assert whose is not None
        assert item.left_kopecks is not None
        recalled = None if item.recalled_kopecks is None else int(item.recalled_kopecks)
        return Taken(item.PK, told, whose, status, int(item.left_kopecks), item.created_at, recalled, item.reason)
    why = Nobodys(status, item.reason or "", whose)
    told_at = item.told_anew_at or item.created_at
    back = None if item.takes_back_kopecks is None else int(item.takes_back_kopecks)
    return Aside(item.PK, why, told, item.body, item.created_at, told_at, item.needs_person, item.takes_back, back)


def _told_of(item: PaymentItem) -> Told | None:
    if item.payment_id is None:
        return None
    assert item.contract_id is not None
    assert item.kopecks is not None
    assert item.total_kopecks is not None
    assert item.paid_at is not None
    return Told(
        payment_id=item.payment_id,
        contract_id=item.contract_id,
        invoice_id=item.invoice_id,
        kopecks=int(item.kopecks),
        total_kopecks=int(item.total_kopecks),
        paid_at=item.paid_at,
    )
