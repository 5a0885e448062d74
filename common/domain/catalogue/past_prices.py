"""What assets were worth: the price of each full hour, and of the beginning of each day, as the table keeps them.

The price at an hour is the last that the source had told before it or at it. It is written down with the one that
follows, in one transaction: nothing waits in between, and an hour whose price nobody knew has none, for ever.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.domain.catalogue.model import PastPrice, Quote, Step
from common.money import Price
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write


class PastPriceItem(Item, discriminator=keys.PAST_PRICE.entity):
    asset_id = UnicodeAttribute()
    at = InstantAttribute()
    price = DecimalAttribute()
    source = UnicodeAttribute()
    as_of = InstantAttribute()


def keep(asset_id: str, quote: Quote, hour: datetime, at: datetime) -> list[Write]:
    """The price at a full hour; of midnight, of the day besides, so that days are read without their hours."""
    steps = [Step.HOUR, Step.DAY] if hour.hour == 0 else [Step.HOUR]
    return [Write.put(_item(asset_id, quote, hour, step, at)) for step in steps]


def between(table: Table, asset_id: str, step: Step, first: datetime, last: datetime) -> Iterator[PastPrice]:
    """The prices of an asset at these steps, both inclusive, oldest first: those that are known. A moment old."""
    of = partition(keys.PAST_PRICE.partition(asset_id=asset_id, step=step))
    query = Query(of & Item.SK.between(text(first), text(max(first, last))))
    for item in table.all(PastPriceItem, query):
        yield PastPrice(item.at, Quote(Price(item.price), item.source, item.as_of))


def _item(asset_id: str, quote: Quote, hour: datetime, step: Step, at: datetime) -> PastPriceItem:
    return PastPriceItem(
        *keys.PAST_PRICE(asset_id=asset_id, step=step, at=text(hour)),
        asset_id=asset_id,
        at=hour,
        price=quote.price.usd_per_unit,
        source=quote.source,
        as_of=quote.as_of,
        created_at=at,
        updated_at=at,
    )
