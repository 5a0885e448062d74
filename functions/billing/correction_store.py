"""What is taken back of bills, in the table: each with the money that goes back to the account.

A note stands in the table before the billing system is asked for it, and is sent by the machine of its bill.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import timeline, work
from common.domain.timeline import MACHINE, TimelineEvent
from common.errors import Refusal
from common.gateways.billing import Invoice
from common.idempotency import terms
from common.table.items import DecimalAttribute, Item, RawItem
from common.table.table import Table
from common.table.transaction import Write
from functions.billing import journal, journal_store, store
from functions.billing.correcting import Credit
from functions.billing.model import Because, Bill, BillStatus, CreditNote, Deal, Moved
from functions.billing.spreading import Application
from functions.billing.store import BillItem, InvoiceItem, TakenTwice


class DealChangeItem(Item, discriminator=keys.DEAL_CHANGE.entity):
    terms = UnicodeAttribute()
    dealer_id = UnicodeAttribute()
    price_kopecks = DecimalAttribute()
    status = UnicodeAttribute()


class CreditNoteItem(Item, discriminator=keys.CREDIT_NOTE.entity):
    kopecks = DecimalAttribute()
    returned_kopecks = DecimalAttribute()
    because = UnicodeAttribute()
    made_id = UnicodeAttribute(null=True)


class ChangeKnown(Refusal):
    """Carries the terms of the first change under this key."""

    def __init__(self, terms: str) -> None:
        super().__init__("that change was made")
        self.terms = terms


def change_id(key: str) -> str:
    """Of a change of a deal, from the caller's key."""
    return terms(key=key)


def change(deal: Deal, key: str, asked: str, at: datetime) -> Write:
    """A deal becomes what it is in `deal`, as was asked under this key. Refused with ChangeKnown."""

    def known(old: RawItem | None) -> Refusal:
        assert old is not None
        return ChangeKnown(DealChangeItem.from_raw_data(old).terms)

    item = DealChangeItem(
        *keys.DEAL_CHANGE(deal_id=deal.deal_id, change_id=change_id(key)),
        terms=asked,
        dealer_id=deal.dealer_id,
        price_kopecks=Decimal(deal.price_kopecks),
        status=deal.status,
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=known)


def changed(table: Table, deal_id: str, key: str) -> str | None:
    """The terms of the change that was made under this key; None where there was none."""
    item = table.get(DealChangeItem, keys.DEAL_CHANGE(deal_id=deal_id, change_id=change_id(key)), consistent=True)
    return None if item is None else item.terms


def take_back(credit: Credit, because: Because, at: datetime) -> Iterator[Write]:
    """A credit note of a bill, which its machine sends. What goes back of what was paid is the caller's to put on the
    account, in the same transaction. Refused with Moved."""
    bill, item = credit.bill, BillItem
    note = CreditNote(bill.bill_id, bill.notes + 1, credit.kopecks, credit.returned_kopecks, because)
    moved = Moved("the bill has moved", id=bill.bill_id)
    yield Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.status.set(credit.status),
        item.credited_kopecks.add(Decimal(credit.kopecks)),
        item.returned_kopecks.add(Decimal(credit.returned_kopecks)),
        item.paid_kopecks.add(Decimal(-credit.returned_kopecks)),
        item.notes.set(Decimal(note.n)),
        item.reason.set(because),
        item.updated_at.set(at),
        *work.waits(keys.BILL, bill.bill_id, now=at, due_at=at + work.SOON, waits_for="its credit note"),
        *work.supersede(),
        when=(item.status == bill.status)
        & (item.paid_kopecks == Decimal(bill.paid_kopecks))
        & (item.credited_kopecks == Decimal(bill.credited_kopecks))
        & (item.notes == Decimal(bill.notes)),
        otherwise=moved,
    )
    written = CreditNoteItem(
        *keys.CREDIT_NOTE(bill_id=bill.bill_id, n=_number(note.n)),
        kopecks=Decimal(note.kopecks),
        returned_kopecks=Decimal(note.returned_kopecks),
        because=because,
        created_at=at,
        updated_at=at,
    )
    yield Write.insert(written, otherwise=moved)
    yield journal_store.book(journal.credited(bill, note, at))
    yield timeline.record(bill.bill_id, TimelineEvent(at, bill.status, credit.status, because, "CME"))
    if credit.status is BillStatus.CANCELLED:
        yield from store.taken_back(bill, at)


def note(table: Table, bill: Bill) -> CreditNote:
    """The oldest that is owed of a bill."""
    n = bill.notes_sent + 1
    item = table.get(CreditNoteItem, keys.CREDIT_NOTE(bill_id=bill.bill_id, n=_number(n)), consistent=True)
    assert item is not None, f"{bill.bill_id} has no note {n}"
    return CreditNote(
        bill.bill_id, n, int(item.kopecks), int(item.returned_kopecks), Because(item.because), item.made_id
    )


def note_made(bill: Bill, note: CreditNote, made_id: str, at: datetime) -> list[Write]:
    """The billing system has made it. Refused with Moved."""
    item, written = BillItem, CreditNoteItem
    return [
        Write.update(
            item(*keys.BILL(bill_id=bill.bill_id)),
            item.notes_sent.set(Decimal(note.n)),
            item.updated_at.set(at),
            *(work.done() if note.n == bill.notes else []),
            when=(item.notes_sent == Decimal(note.n - 1)) & (item.notes == Decimal(bill.notes)),
            otherwise=Moved("the bill has moved", id=bill.bill_id),
        ),
        Write.update(
            written(*keys.CREDIT_NOTE(bill_id=bill.bill_id, n=_number(note.n))),
            written.made_id.set(made_id),
            written.updated_at.set(at),
        ),
        timeline.record(bill.bill_id, TimelineEvent(at, bill.status, bill.status, f"credit note {note.n}", MACHINE)),
    ]


def missed(bill: Bill, at: datetime) -> Write:
    """The billing system has no invoice of a cancelled bill, and is not asked any more to make one. Refused with
    Moved."""
    item = BillItem
    return Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.missed_at.set(at),
        item.updated_at.set(at),
        when=(item.status == BillStatus.CANCELLED) & item.invoice_id.does_not_exist() & item.missed_at.does_not_exist(),
        otherwise=Moved("the bill has moved", id=bill.bill_id),
    )


def never_invoiced(bill: Bill, at: datetime) -> list[Write]:
    """The billing system has no invoice of it, and will have none: there is nothing to send. Refused with Moved."""
    item = BillItem
    return [
        Write.update(
            item(*keys.BILL(bill_id=bill.bill_id)),
            item.notes_sent.set(Decimal(bill.notes)),
            item.updated_at.set(at),
            *work.done(),
            when=(item.notes == Decimal(bill.notes)) & item.invoice_id.does_not_exist(),
            otherwise=Moved("the bill has moved", id=bill.bill_id),
        ),
        timeline.record(bill.bill_id, TimelineEvent(at, bill.status, bill.status, "it was never invoiced", MACHINE)),
    ]


def invoiced_late(bill: Bill, invoice: Invoice, at: datetime) -> list[Write]:
    """A bill that was cancelled while its invoice was asked for has one: it is what the note is for. Refused with
    Moved, or with TakenTwice."""
    item = BillItem
    named = InvoiceItem(
        *keys.INVOICE(invoice_id=invoice.invoice_id), bill_id=bill.bill_id, created_at=at, updated_at=at
    )
    return [
        Write.update(
            item(*keys.BILL(bill_id=bill.bill_id)),
            item.invoice_id.set(invoice.invoice_id),
            item.number.set(invoice.number),
            item.url.set(invoice.pdf_url),
            item.updated_at.set(at),
            when=(item.status == BillStatus.CANCELLED) & item.invoice_id.does_not_exist(),
            otherwise=Moved("the bill has moved", id=bill.bill_id),
        ),
        Write.insert(named, otherwise=TakenTwice("this invoice is another bill's", id=bill.bill_id)),
        timeline.record(
            bill.bill_id, TimelineEvent(at, bill.status, bill.status, f"invoice {invoice.number}", MACHINE)
        ),
    ]


def apply_balance(bill: Bill, application: Application, at: datetime) -> Iterator[Write]:
    """An open bill gets so much of what is on the account, which is the caller's to take from there. Refused with
    Moved."""
    item, status = BillItem, bill.paid(application.kopecks)
    yield Write.update(
        item(*keys.BILL(bill_id=bill.bill_id)),
        item.paid_kopecks.add(Decimal(application.kopecks)),
        item.from_balance_kopecks.add(Decimal(application.kopecks)),
        item.status.set(status),
        item.updated_at.set(at),
        when=(item.status == bill.status)
        & (item.paid_kopecks == Decimal(bill.paid_kopecks))
        & (item.credited_kopecks == Decimal(bill.credited_kopecks))
        & (item.common_kopecks >= Decimal(bill.paid_kopecks + bill.credited_kopecks + application.kopecks)),
        otherwise=Moved("the bill has moved", id=bill.bill_id),
    )
    yield timeline.record(bill.bill_id, TimelineEvent(at, bill.status, status, "from the account's balance", MACHINE))
    if status is BillStatus.PAID:
        yield from store.closed(bill, at)


def _number(n: int) -> str:
    """As text that sorts."""
    return f"{n:04}"
