"""The life of an order that lives longer than one request: an event beside it for each move, in the same transaction.

    {order_id}   EVENT#{at}#{n}   from, to, why, by whom

so a whole timeline is one query. Two moves of one microsecond are two events: `n` tells them apart.

What has ended otherwise than it was asked for is listed by the day on which it did, though nothing waits: such an event
is in `ListedIndex`. An event is written once, so no other write knows of the list, and nothing has to leave it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.idempotency import terms
from common.keys import PrimaryKey
from common.table.items import InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write

# By whom, where it is nobody with a name.
CUSTOMER, CLOCK, MACHINE = "customer", "the clock", "the machine"
MARKET, EXCHANGE, BANK, CUSTODY = "the market", "the exchange", "the bank", "the custody"
BILLING_SYSTEM = "the billing system"

# Statuses in which what was asked for has not been done, whosever they are. An order that was cancelled is no failure.
FAILURES = frozenset(
    ("FAILED", "BASE_TXN_FAILED", "SELL_PAYOUT_FAILED", "PAYOUT_FAILED", "REJECTED", "REFUSED", "failed", "refunded")
)


class TimelineEventItem(Item, discriminator=keys.EVENT.entity):
    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute()
    reason = UnicodeAttribute()
    actor = UnicodeAttribute()
    listed = UnicodeAttribute(null=True)
    listed_at = InstantAttribute(null=True)


class ListedEventItem(Item):
    """What the index tells of an event that is listed."""

    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute()
    reason = UnicodeAttribute()
    actor = UnicodeAttribute()
    listed_at = InstantAttribute()


@dataclass(frozen=True)
class TimelineEvent:
    """A move from one status to another; the first has none before it. `fails`: what was asked for is not done, which
    the status after it does not tell."""

    at: datetime
    before: str | None
    after: str
    reason: str
    actor: str
    fails: bool = False

    @property
    def is_failure(self) -> bool:
        """Has something ended otherwise than it was asked for? Not once more, where it stood so before."""
        return self.fails or (self.after in FAILURES and self.after != self.before)


@dataclass(frozen=True)
class Failure:
    """What has ended otherwise than it was asked for, and why."""

    thing_id: str
    at: datetime
    before: str | None
    after: str
    reason: str
    actor: str


def record(order_id: str, event: TimelineEvent) -> Write:
    # A beginning and an end can fall into one microsecond; the beginning is then still the first.
    first = "0" if event.before is None else "1"
    said = terms(before=event.before, after=event.after, reason=event.reason, actor=event.actor)
    item = TimelineEventItem(
        *keys.EVENT(order_id=order_id, at=text(event.at), n=f"{first}-{said}"),
        before=event.before,
        after=event.after,
        reason=event.reason,
        actor=event.actor,
        created_at=event.at,
        updated_at=event.at,
    )
    if event.is_failure:
        item.listed, item.listed_at = keys.listed_failures(text(event.at)[:10]), event.at
    return Write.put(item)


def failures(table: Table, date: str, *, limit: int, after: Position | None) -> Page[Failure]:
    """A page of what has failed on a day of UTC, newest first; a moment old, as any index is."""
    listed = _listed(keys.listed_failures(date))
    return table.page(ListedEventItem, listed, limit=limit, after=after).of(_failure)


@prepared
def _listed(listed: str) -> Query:
    return Query(TimelineEventItem.listed == listed, index=keys.LISTED, newest_first=True)


def _failure(item: ListedEventItem) -> Failure:
    thing_id = keys.EVENT.read(PrimaryKey(item.PK, item.SK))["order_id"]
    return Failure(thing_id, item.listed_at, item.before, item.after, item.reason, item.actor)


def of(table: Table, order_id: str) -> Iterator[TimelineEvent]:
    """Oldest first."""
    for item in table.all(TimelineEventItem, _of(order_id)):
        yield TimelineEvent(item.created_at, item.before, item.after, item.reason, item.actor)


@prepared
def _of(order_id: str) -> Query:
    return Query(partition(order_id) & TimelineEventItem.SK.startswith(keys.EVENT.prefix), consistent=True)
