"""The exchange's limits of placements, kept by a count in the table: in ten seconds and in a day, by the clock, as the
exchange counts them. Cancels are not counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.clock import text
from common.errors import Refusal
from common.gateways.exchange.maker import MarketLimits
from common.log import count, log
from common.table.items import DecimalAttribute, Item
from common.table.table import Table
from common.table.transaction import Write

WINDOW = timedelta(seconds=10)
TRIES = 3

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrderRateMoved(Refusal):
    """Another ticker has reserved meanwhile."""


class OrderRateItem(Item, discriminator=keys.ORDER_RATE.entity):
    window = UnicodeAttribute()  # when it began
    placed = DecimalAttribute()
    day = UnicodeAttribute()
    placed_that_day = DecimalAttribute()


@dataclass(frozen=True)
class OrderRate:
    table: Table
    now: Callable[[], datetime]

    def reserve(self, account_id: str, limits: MarketLimits, wanted: int) -> int:
        """So many of the wanted placements may be sent now. None, where the table does not say."""
        for _ in range(TRIES):
            try:
                return self._reserved(account_id, limits, wanted)
            except OrderRateMoved:
                continue
            except Refusal as no:
                log.warning("no room reserved", extra={"account_id": account_id, "why": no.detail})
                break
        return 0

    def _reserved(self, account_id: str, limits: MarketLimits, wanted: int) -> int:
        at = self.now()
        window, day = text(at - (at - _EPOCH) % WINDOW), f"{at:%Y-%m-%d}"
        item, key = OrderRateItem, keys.ORDER_RATE(account_id=account_id)
        before = self.table.get(item, key, consistent=True)
        placed = int(before.placed) if before is not None and before.window == window else 0
        of_the_day = int(before.placed_that_day) if before is not None and before.day == day else 0
        left = min(limits.orders_per_10_seconds - placed, limits.orders_per_day - of_the_day)
        granted = max(0, min(wanted, left))
        if granted < wanted:
            log.warning("too many quotes", extra={"account_id": account_id, "wanted": wanted, "granted": granted})
            count("QuotesBeyondLimits", wanted - granted)
        if not granted:
            return 0
        after = item(
            *key,
            window=window,
            placed=Decimal(placed + granted),
            day=day,
            placed_that_day=Decimal(of_the_day + granted),
            created_at=at if before is None else before.created_at,
            updated_at=at,
        )
        moved = OrderRateMoved("another ticker was faster")
        if before is None:
            self.table.write(Write.insert(after, otherwise=moved))
        else:
            same = (item.placed_that_day == before.placed_that_day) & (item.day == before.day)
            self.table.write(Write.put(after, when=same, otherwise=moved))
        return granted
