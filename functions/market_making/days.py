"""What an order has done on each day, UTC: what its cycles add to it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from common.money import EXACT
from functions.market_making.quotes import Fill, Quotes

_NOTHING = Decimal(0)
_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Day:
    """Volumes and fees are in the quote asset; fees in a third coin are not among them. `both_seconds`: for how long
    there were quotes on both sides, as far as that time is over."""

    day: date
    maker_volume: Decimal = _NOTHING
    taker_volume: Decimal = _NOTHING
    fees: Decimal = _NOTHING
    fills: int = 0
    both_seconds: int = 0

    def __add__(self, other: Day) -> Day:
        return Day(
            self.day,
            EXACT.add(self.maker_volume, other.maker_volume),
            EXACT.add(self.taker_volume, other.taker_volume),
            EXACT.add(self.fees, other.fees),
            self.fills + other.fills,
            self.both_seconds + other.both_seconds,
        )


def of_cycle(before: Quotes, after: Quotes, fills: Iterable[Fill], at: datetime) -> list[Day]:
    """What a cycle adds, by day; `at` is when it is written. A trade counts when the exchange says it was, though not
    before the order began, nor later than now."""
    began = after.tally.began_at
    parts = [_of_fill(fill, min(fill.trade.at if began is None else max(fill.trade.at, began), at)) for fill in fills]
    parts += _both(before, after, at)
    found: dict[date, Day] = {}
    for part in parts:
        found[part.day] = found.get(part.day, Day(part.day)) + part
    return list(found.values())


def _of_fill(fill: Fill, at: datetime) -> Day:
    volume = fill.trade.quote_quantity
    maker, taker = (volume, _NOTHING) if fill.trade.maker else (_NOTHING, volume)
    return Day(_day(at), maker, taker, fill.fee, 1)


def _both(before: Quotes, after: Quotes, at: datetime) -> list[Day]:
    """Of a time that is over: its part of today, and of yesterday. It is ended with each day; of an earlier one nobody
    has looked for so long that nobody knows."""
    seconds = after.tally.both_seconds - before.tally.both_seconds
    today = _day(at)
    yesterday = today - timedelta(days=1)
    of_today = min(seconds, int((at - datetime.combine(today, time(), UTC)).total_seconds()))
    of_yesterday = min(seconds - of_today, _DAY_SECONDS)
    parts = ((yesterday, of_yesterday), (today, of_today))
    return [Day(day, both_seconds=part) for day, part in parts if part > 0]


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
