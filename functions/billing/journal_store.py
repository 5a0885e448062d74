"""The journal in the table, each entry written with what it tells of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.table.items import DecimalAttribute, Item
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.billing.journal import Entry, EntryKind
from functions.billing.model import AccountType


class JournalEntryItem(Item, discriminator=keys.JOURNAL_ENTRY.entity):
    type = UnicodeAttribute()
    entry_id = UnicodeAttribute()
    kind = UnicodeAttribute()
    kopecks = DecimalAttribute()
    about = UnicodeAttribute()
    deal_id = UnicodeAttribute(null=True)


def book(entry: Entry) -> Write:
    key = keys.JOURNAL_ENTRY(
        dealer_id=entry.dealer_id, type=entry.type, at=text(entry.at), entry_id=f"{entry.kind}-{entry.entry_id}"
    )
    item = JournalEntryItem(
        *key,
        type=entry.type,
        entry_id=entry.entry_id,
        kind=entry.kind,
        kopecks=Decimal(entry.kopecks),
        about=entry.about,
        deal_id=entry.deal_id,
        created_at=entry.at,
        updated_at=entry.at,
    )
    return Write.put(item)


def entries(table: Table, dealer_id: str, until: datetime) -> Iterator[Entry]:
    """All of a dealer's before `until`, as of now: of each account the oldest first."""
    for item in table.all(JournalEntryItem, _of(dealer_id)):
        if item.created_at < until:
            yield _entry(item)


def payments(
    table: Table, dealer_id: str, type_: AccountType | None = None, *, limit: int, after: Position | None
) -> Page[str]:
    """A page of the billing system's ids of what came for a dealer, or for one of his accounts; of each account the
    newest first. It may be short, even empty, and still not the last."""
    prefix = keys.JOURNAL_ENTRY.prefix + ("" if type_ is None else type_)
    return table.page(JournalEntryItem, _payments(dealer_id, prefix), limit=limit, after=after).of(_about)


@prepared
def _payments(dealer_id: str, prefix: str) -> Query:
    of_him = partition(dealer_id) & JournalEntryItem.SK.startswith(prefix)
    only = JournalEntryItem.kind == EntryKind.PAYMENT
    return Query(of_him, only=only, newest_first=True, consistent=True)


def _about(item: JournalEntryItem) -> str:
    return item.about


@prepared
def _of(dealer_id: str) -> Query:
    of_him = partition(dealer_id) & JournalEntryItem.SK.startswith(keys.JOURNAL_ENTRY.prefix)
    return Query(of_him, consistent=True)


def _entry(item: JournalEntryItem) -> Entry:
    return Entry(
        dealer_id=item.PK,
        type=AccountType(item.type),
        entry_id=item.entry_id,
        kind=EntryKind(item.kind),
        kopecks=int(item.kopecks),
        at=item.created_at,
        about=item.about,
        deal_id=item.deal_id,
    )
