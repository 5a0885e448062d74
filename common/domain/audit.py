"""Who did what by hand: one entry for each act of an operator, written in the transaction of the act.

The entries are a chain: each has the next number and the digest of the one before it, and the head tells of the last
one. Whoever changes an entry, deletes one or puts it elsewhere breaks the chain from there on. Each hour the head is
signed, and kept where nobody can change it (`common/anchors.py`).

    ACTS#{date}    {number}    an entry; its number has 12 digits
    AUDIT          LAST        number, digest and time of the last one; the day of the first one

A digest is the SHA-256, in hex, of a JSON array of seven texts, ASCII without white space: the number, the digest of
the entry before (of the first one, the empty text), the time, the operator, the action, the subject, the detail.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import sha256

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.table.items import DecimalAttribute, Item
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Busy, Write

NONE = ""  # the digest before the first one
STOP_TRIES = 20


class AuditEntryItem(Item, discriminator=keys.AUDIT_ENTRY.entity):
    operator = UnicodeAttribute()
    action = UnicodeAttribute()
    subject = UnicodeAttribute()
    detail = UnicodeAttribute()
    previous = UnicodeAttribute()
    digest = UnicodeAttribute()


class AuditHeadItem(Item, discriminator=keys.AUDIT_HEAD.entity):
    number = DecimalAttribute()
    digest = UnicodeAttribute()
    first_date = UnicodeAttribute()


@dataclass(frozen=True)
class AuditEntry:
    """`action` is a verb, `subject` the id it was done to, `detail` the reason or the new values."""

    at: datetime
    operator: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Link(AuditEntry):
    """An entry in its place of the chain. `previous` is the digest of the one before; `digest` is its own, unless
    somebody has changed it in the table."""

    number: int
    previous: str
    digest: str


@dataclass(frozen=True)
class Head:
    """Where the chain ends. `first_date` is the day (UTC) on which it begins, as ISO writes it."""

    number: int
    digest: str
    at: datetime
    first_date: str


def entry(table: Table, done: AuditEntry) -> tuple[Write, Write]:
    """What is written with an act, after one read. Refused with Busy where another act is written first."""
    return writes(next_link(table, done))


def write_stop(table: Table, done: AuditEntry, *act: Write) -> None:
    """Write what stops something or somebody, with its entry, behind whoever acts meanwhile: who does something all the
    time must not keep others from stopping him. Raises Busy: of the act itself; or others were first each time."""
    for left in reversed(range(STOP_TRIES)):
        link = next_link(table, done)
        try:
            table.write(*act, *writes(link))
            return
        except Busy:
            last = head(table)
            if not left or last is None or last.digest == link.previous:
                raise


def next_link(table: Table, done: AuditEntry) -> Link:
    """The entry behind the last one. It is never earlier than that: the clocks of two functions differ."""
    before = head(table)
    number, previous, at = (1, NONE, done.at)
    if before is not None:
        number, previous, at = before.number + 1, before.digest, max(done.at, before.at)
    digest = digest_of(number, previous, at, done)
    return Link(at, done.operator, done.action, done.subject, done.detail, number, previous, digest)


def digest_of(number: int, previous: str, at: datetime, done: AuditEntry) -> str:
    texts = [str(number), previous, text(at), done.operator, done.action, done.subject, done.detail]
    return sha256(json.dumps(texts, separators=(",", ":")).encode()).hexdigest()


def writes(link: Link) -> tuple[Write, Write]:
    """The entry, and the head that it becomes. Refused with Busy."""
    busy = Busy("another operator does something at this moment; send it again", retry_after_seconds=1)
    item = AuditEntryItem(
        *_key(link),
        operator=link.operator,
        action=link.action,
        subject=link.subject,
        detail=link.detail,
        previous=link.previous,
        digest=link.digest,
        created_at=link.at,
        updated_at=link.at,
    )
    return Write.insert(item, otherwise=busy), _moved(link, busy)


def _moved(link: Link, busy: Busy) -> Write:
    at, key = link.at, keys.AUDIT_HEAD()
    if link.previous == NONE:
        first = AuditHeadItem(
            *key, number=Decimal(link.number), digest=link.digest, first_date=_date(at), created_at=at, updated_at=at
        )
        return Write.insert(first, otherwise=busy)
    return Write.update(
        AuditHeadItem(*key),
        AuditHeadItem.number.set(Decimal(link.number)),
        AuditHeadItem.digest.set(link.digest),
        AuditHeadItem.updated_at.set(at),
        when=(AuditHeadItem.number == link.number - 1) & (AuditHeadItem.digest == link.previous),
        otherwise=busy,
    )


def head(table: Table) -> Head | None:
    """None: no operator has done anything yet."""
    item = table.get(AuditHeadItem, keys.AUDIT_HEAD(), consistent=True)
    return None if item is None else Head(int(item.number), item.digest, item.updated_at, item.first_date)


def is_written(table: Table, link: Link) -> bool:
    """Is that the entry which has this place?"""
    item = table.get(AuditEntryItem, _key(link), consistent=True)
    return item is not None and item.digest == link.digest


def entries(table: Table, date: str, *, limit: int, after: Position | None) -> Page[Link]:
    """A page of one day's entries, newest first. `date` is ISO, UTC."""
    query = Query(partition(keys.AUDIT_ENTRY.partition(date=date)), newest_first=True, consistent=True)
    return table.page(AuditEntryItem, query, limit=limit, after=after).of(_link)


def _key(link: Link) -> keys.PrimaryKey:
    return keys.AUDIT_ENTRY(date=_date(link.at), number=f"{link.number:012d}")


def _date(at: datetime) -> str:
    return text(at)[:10]


def _link(item: AuditEntryItem) -> Link:
    number = int(item.SK)
    return Link(
        item.created_at, item.operator, item.action, item.subject, item.detail, number, item.previous, item.digest
    )
