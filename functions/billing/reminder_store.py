"""Reminders in the table: one of each bill that can be paid and is not, for as long as that is so.

It is written with the bill's invoice, and is gone with the write that pays the bill, or takes it back. When the bill is
overdue, it waits for a person; one who has reminded the dealer has it wait again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import work
from common.domain.work import WaitingItem
from common.table.table import Table
from common.table.transaction import Write
from functions.billing import moscow
from functions.billing.model import Bill, Moved

OWED = "OWED"  # the status of every reminder


class ReminderItem(work.OpenWork, discriminator=keys.REMINDER.entity):
    status = UnicodeAttribute()


def remind(bill: Bill, at: datetime) -> Write:
    """From the day on when it is overdue."""
    key = keys.REMINDER(bill_id=bill.bill_id)
    item = ReminderItem(*key, status=OWED, created_at=at, updated_at=at)
    work.wait(
        item, keys.REMINDER, due_at=moscow.end_of(bill.due_on), waits_for=f"its dealer to pay it by {bill.due_on}"
    )
    return Write.put(item)


def needless(bill: Bill) -> Write:
    """It is paid, or taken back."""
    return Write.delete(ReminderItem(*keys.REMINDER(bill_id=bill.bill_id)))


def due(table: Table, now: datetime) -> Iterator[WaitingItem]:
    """Those of bills that are overdue, and of which nobody was told yet."""
    return (waiting for waiting in work.due(table, keys.REMINDER.backlog, now) if waiting.SK == keys.REMINDER.sk)


def tell(bill: Bill, what: str, at: datetime) -> Write:
    """A person is to remind the dealer. Refused with Moved: the bill is paid by now, or a person knows already."""
    item = ReminderItem
    waits = work.needs_person(keys.REMINDER, bill.bill_id, now=at, waits_for=f"an operator: {what}")
    return Write.update(
        item(*keys.REMINDER(bill_id=bill.bill_id)),
        item.updated_at.set(at),
        *waits,
        when=(item.open_work == work.partition(keys.REMINDER, bill.bill_id)) & (item.due_at <= at),
        otherwise=Moved("the reminder has moved", id=bill.bill_id),
    )
