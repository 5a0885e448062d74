"""Who did what by hand: one entry for each act of an operator, written in the transaction of the act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.idempotency import terms
from common.table.items import Item
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Busy, Write


class AuditEntryItem(Item, discriminator=keys.AUDIT_ENTRY.entity):
    operator = UnicodeAttribute()
    action = UnicodeAttribute()
    subject = UnicodeAttribute()
    detail = UnicodeAttribute()


@dataclass(frozen=True)
class AuditEntry:
    """`action` is a verb, `subject` the id it was done to, `detail` the reason or the new values."""

    at: datetime
    operator: str
    action: str
    subject: str
    detail: str


def entry(done: AuditEntry) -> Write:
    """Two acts of one microsecond leave two entries. Of two that say the very same, the second is refused with Busy."""
    item = AuditEntryItem(
        *_key(done),
        operator=done.operator,
        action=done.action,
        subject=done.subject,
        detail=done.detail,
        created_at=done.at,
        updated_at=done.at,
    )
    return Write.insert(
        item, otherwise=Busy("the same act is done at this moment; send it again", retry_after_seconds=1)
    )


def is_written(table: Table, done: AuditEntry) -> bool:
    """Has the act been done by this operator, and not by another who came before him?"""
    return table.get(AuditEntryItem, _key(done), consistent=True) is not None


def _key(done: AuditEntry) -> keys.PrimaryKey:
    at, said = text(done.at), terms(operator=done.operator, action=done.action, detail=done.detail)
    return keys.AUDIT_ENTRY(date=at[:10], at=at, audit_id=f"{done.subject}-{said}")


def entries(table: Table, date: str, *, limit: int, after: Position | None) -> Page[AuditEntry]:
    """A page of one day's entries, newest first. `date` is ISO, UTC."""
    query = Query(partition(keys.AUDIT_ENTRY.partition(date=date)), newest_first=True)
    return table.page(AuditEntryItem, query, limit=limit, after=after).of(_entry)


def _entry(item: AuditEntryItem) -> AuditEntry:
    return AuditEntry(item.created_at, item.operator, item.action, item.subject, item.detail)
