"""The exchange's limits of placements, kept by a count in the table: in ten seconds and in a day, by the clock, as the
exchange counts them. Cancels are not counted. Of both each order of the account has its share: what one does not use
in ten seconds others may, but nobody's day is another's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    def reserve(
        self, account_id: str, limits: MarketLimits, wanted: Mapping[str, int], on_account: int
    ) -> Mapping[str, int]:
        """So many of the placements that each order wants may be sent now; `on_account` is how many orders the account
        has. None, where the table does not say."""
        for _ in range(TRIES):
            try:
                return self._reserved(account_id, limits, wanted, on_account)
            except OrderRateMoved:
                continue
            except Refusal as no:
                log.warning("no room reserved", extra={"account_id": account_id, "why": no.detail})
                break
        return {}

    def _reserved(
        self, account_id: str, limits: MarketLimits, wanted: Mapping[str, int], on_account: int
    ) -> Mapping[str, int]:
        at = self.now()
        window, day = text(at - (at - _EPOCH) % WINDOW), f"{at:%Y-%m-%d}"
        before = quotes_store.placements(self.table, account_id)
        placed = before.placed if before is not None and before.window == window else 0
        of_the_day = before.by_order if before is not None and before.day == day else {}
        that_day = before.placed_that_day if before is not None and before.day == day else 0
        left = min(limits.orders_per_10_seconds - placed, limits.orders_per_day - that_day)
        days = {one: limits.orders_per_day // on_account - of_the_day.get(one, 0) for one in wanted}
        share = limits.orders_per_10_seconds // on_account
        others = max((on_account - len(wanted)) * share - placed, 0)  # who may still come in these ten seconds
        granted = shared(wanted, days, share, left, others)
        if beyond := sum(wanted.values()) - sum(granted.values()):
            log.warning("too many quotes", extra={"account_id": account_id, "beyond": beyond})
            count("QuotesBeyondLimits", beyond)
        if not granted:
            return {}
        together = sum(granted.values())
        by_order = {**of_the_day, **{one: of_the_day.get(one, 0) + number for one, number in granted.items()}}
        after = Placements(window, placed + together, day, that_day + together, by_order)
        self.table.write(quotes_store.count_placements(account_id, before, after, at))
        return granted


def shared(
    wanted: Mapping[str, int], days: Mapping[str, int], share: int, left: int, others: int = 0
) -> dict[str, int]:
    """Of what is left of the account's ten seconds, to each order what it wants, as long as its own day lasts: first up
    to its share, then what others leave, but for `others`, the shares of those that are not here. An order that gets
    less than its share would be quoted in part: it gets nothing. Those that get nothing are not there."""
    granted: dict[str, int] = {}
    for order_id, wants in wanted.items():
        least = min(wants, max(share, 1))
        if 0 < least <= min(left, days[order_id]):
            granted[order_id] = least
            left -= least
    left = max(left - others, 0)
    for order_id, there in granted.items():
        more = min(wanted[order_id] - there, left, days[order_id] - there)
        granted[order_id] += more
        left -= more
    return granted
