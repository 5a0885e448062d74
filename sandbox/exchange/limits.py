"""How much an account may ask of the exchange, and how much of that is used.

Binance counts in windows that begin with the clock: a minute at second 0, ten seconds at 0, 10, 20 …, a day at midnight
UTC. Of orders it counts those that nobody has traded with: an order's first fill gives its place back
(faqs/order_count_decrement.md). What was counted is not kept over a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

TEN_SECONDS = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Limits:
    """Of one account; the defaults are those that Binance announces to everybody."""

    orders_per_10_seconds: int = 100
    orders_per_day: int = 200_000
    open_orders_per_symbol: int = 200
    weight_per_minute: int = 6_000

    def __post_init__(self) -> None:
        if min(self.orders_per_10_seconds, self.orders_per_day, self.open_orders_per_symbol) < 0:
            raise ValueError(f"{self}: a limit is 0 or more")
        if self.weight_per_minute < 1:
            raise ValueError(f"{self}: without any weight nobody could ask for anything")


class Window:
    """A count that begins again with each interval."""

    def __init__(self, length: timedelta) -> None:
        self._length = length
        self._began = _EPOCH
        self._count = 0

    def count(self, now: datetime) -> int:
        began = now - (now - _EPOCH) % self._length
        if began != self._began:
            self._began, self._count = began, 0
        return self._count

    def add(self, now: datetime, more: int = 1) -> None:
        self._count = self.count(now) + more

    def give_back(self, now: datetime) -> None:
        """One of those counted. An interval in which nothing was counted has nothing to give back."""
        self._count = max(self.count(now) - 1, 0)

    def seconds_left(self, now: datetime) -> int:
        """Whole ones, at least 1, until the count begins again."""
        return ceil((self._length - (now - _EPOCH) % self._length).total_seconds())


class UnfilledOrders:
    """An account's orders that nobody has traded with, as the exchange counts them against `Limits`."""

    def __init__(self) -> None:
        self.of_10_seconds = Window(TEN_SECONDS)
        self.of_the_day = Window(DAY)

    def placed(self, now: datetime) -> None:
        for window in (self.of_10_seconds, self.of_the_day):
            window.add(now)

    def first_filled(self, now: datetime) -> None:
        for window in (self.of_10_seconds, self.of_the_day):
            window.give_back(now)
