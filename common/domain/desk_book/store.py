"""What the desk's own book buys of an asset on a day (UTC), in the table: one counter, whose limit is the condition of
the write."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from common import keys
from common.clock import text
from common.domain.desk_book.model import DeskBuys, DeskLimitReached
from common.money import ZERO, Money
from common.table.items import DecimalAttribute, Item
from common.table.prepared import prepared
from common.table.transaction import Write

KEPT = timedelta(days=30)  # a day's counter is deleted after this


class DeskLimitItem(Item, discriminator=keys.DESK_LIMIT.entity):
    bought = DecimalAttribute()  # dollars
    expires = DecimalAttribute()  # epoch seconds, the table's time to live


def buy(buys: DeskBuys, limit: Money, at: datetime) -> Write:
    """Count what the desk buys on the day of `at`. Raises DeskLimitReached where it alone is above the limit, or that
    is zero; refused with it, where it is above with what was bought that day."""
    asset_id, room = buys.quantity.asset_id, limit - buys.amount
    reached = DeskLimitReached(f"the desk buys {asset_id} for ${limit} a day at most")
    if room < ZERO or limit == ZERO:  # then not for nothing, either
        raise reached
    expires = Decimal(int((at + KEPT).timestamp()))
    key = keys.DESK_LIMIT(asset_id=asset_id, date=text(at)[:10])
    return _count(key, at, expires, buys.amount.usd, room.usd).refused_with(reached)


@prepared
def _count(key: keys.PrimaryKey, at: datetime, expires: Decimal, amount: Decimal, bought_max: Decimal) -> Write:
    item = DeskLimitItem
    return Write.update(
        item(*key),
        item.entity_type.set(item),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.expires.set(expires),
        item.bought.add(amount),
        when=item.bought.does_not_exist() | (item.bought <= bought_max),
    )
