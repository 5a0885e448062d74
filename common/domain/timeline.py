"""The life of an order that lives longer than one request: an event beside it for each move, in the same transaction.

    {order_id}   EVENT#{at}#{n}   from, to, why, by whom

so a whole timeline is one query. Two moves of one microsecond are two events: `n` tells them apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.idempotency import terms
from common.table.items import Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write

# By whom, where it is nobody with a name.
CUSTOMER, CLOCK, MACHINE = "customer", "the clock", "the machine"
MARKET, EXCHANGE, BANK, CUSTODY = "the market", "the exchange", "the bank", "the custody"
BILLING_SYSTEM = "the billing system"


class TimelineEventItem(Item, discriminator=keys.EVENT.entity):
    before = UnicodeAttribute(null=True)
    after = UnicodeAttribute()
    reason = UnicodeAttribute()
    actor = UnicodeAttribute()


@dataclass(frozen=True)
class TimelineEvent:
    """A move from one status to another; the first has none before it."""

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
    return Write.put(item)


def of(table: Table, order_id: str) -> Iterator[TimelineEvent]:
    """Oldest first."""
    for item in table.all(TimelineEventItem, _of(order_id)):
        yield TimelineEvent(item.created_at, item.before, item.after, item.reason, item.actor)


@prepared
def _of(order_id: str) -> Query:
    return Query(partition(order_id) & TimelineEventItem.SK.startswith(keys.EVENT.prefix), consistent=True)
