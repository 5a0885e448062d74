"""The exchange's limits of placements, kept by a count in the table: in ten seconds and in a day, by the clock, as the
exchange counts them. Cancels are not counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.clock import text
from common.errors import Refusal
from common.gateways.exchange.maker import MarketLimits
from common.log import count, log
from common.table.table import Table
from functions.market_making import quotes_store
from functions.market_making.quotes_store import OrderRateMoved, Placements

WINDOW = timedelta(seconds=10)
TRIES = 3

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        before = quotes_store.placements(self.table, account_id)
        placed = before.placed if before is not None and before.window == window else 0
        of_the_day = before.placed_that_day if before is not None and before.day == day else 0
        left = min(limits.orders_per_10_seconds - placed, limits.orders_per_day - of_the_day)
        granted = max(0, min(wanted, left))
        if granted < wanted:
            log.warning("too many quotes", extra={"account_id": account_id, "wanted": wanted, "granted": granted})
            count("QuotesBeyondLimits", wanted - granted)
        if not granted:
            return 0
        after = Placements(window, placed + granted, day, of_the_day + granted)
        self.table.write(quotes_store.count_placements(account_id, before, after, at))
        return granted
