"""An order's days in the table: each cycle adds what it has brought, with the write that its quotes are written by."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from common import keys
from common.table.items import DecimalAttribute, Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.market_making.days import Day


class DayItem(Item, discriminator=keys.MARKET_MAKING_DAY.entity):
    maker_volume = DecimalAttribute()
    taker_volume = DecimalAttribute()
    fees = DecimalAttribute()
    fills = DecimalAttribute()
    both_seconds = DecimalAttribute()


def add(order_id: str, part: Day, at: datetime) -> Write:
    """Never refused: it counts once as a part of a write that does."""
    key = keys.MARKET_MAKING_DAY(order_id=order_id, date=part.day.isoformat())
    return _add(
        key, part.maker_volume, part.taker_volume, part.fees, Decimal(part.fills), Decimal(part.both_seconds), at
    )


@prepared
def _add(
    key: keys.PrimaryKey,
    maker_volume: Decimal,
    taker_volume: Decimal,
    fees: Decimal,
    fills: Decimal,
    both_seconds: Decimal,
    at: datetime,
) -> Write:
    item = DayItem
    return Write.update(
        item(*key),
        item.entity_type.set(item),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.maker_volume.add(maker_volume),
        item.taker_volume.add(taker_volume),
        item.fees.add(fees),
        item.fills.add(fills),
        item.both_seconds.add(both_seconds),
    )


def days(table: Table, order_id: str) -> list[Day]:
    """All of an order's, the oldest first."""
    query = Query(partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_DAY.prefix))
    return [
        Day(
            date.fromisoformat(item.SK.removeprefix(keys.MARKET_MAKING_DAY.prefix)),
            item.maker_volume,
            item.taker_volume,
            item.fees,
            int(item.fills),
            int(item.both_seconds),
        )
        for item in table.all(DayItem, query)
    ]
