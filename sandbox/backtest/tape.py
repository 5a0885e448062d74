"""What happened in a market: who took at which price, and the best bid and ask of the others.

Seeded: a random walk of the middle, and takers who come by chance and reach some way into the book. Recorded: a CSV of
time, price, quantity, side, such as exchanges publish; the best bid and ask are then inferred from the prints.
"""

from __future__ import annotations

import csv
import math
import random
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from common.gateways.exchange import Side
from functions.market_making.strategy import Book
from functions.market_making.strategy.arithmetic import ceiled, floored

BEGINS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000)
LEVELS = 5  # of each side of a book
PRINTS_MAX = 5_000_000
SIDES = {"buy": Side.BUY, "b": Side.BUY, "sell": Side.SELL, "s": Side.SELL}
COLUMNS = ("time", "price", "quantity", "side")
MILLISECONDS_FROM, MICROSECONDS_FROM = 10**11, 10**14  # what a number of seconds never is
LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp() * 1000)
LONGEST = 92 * 86_400_000  # milliseconds
_BPS = Decimal(10_000)


class BadTape(Exception):
    """The file is no record of trades. Says where, and what it should be."""


class Print(NamedTuple):
    """A trade of others. `side` is of who took; `at` in milliseconds since 1970."""

    at: int
    price: Decimal
    quantity: Decimal
    side: Side


class Best(NamedTuple):
    """From `at` on this is the best bid and ask of the others."""

    at: int
    bid: Decimal
    ask: Decimal


class Span(NamedTuple):
    """Some events of a tape, one after another, up to `ends`: the best that they leave; and the prices that a bid has
    to reach, and an ask to come down to, for any of them to meet it. None, where there are no such events."""

    ends: int
    best: Best | None
    meets_bids_from: Decimal | None
    meets_asks_to: Decimal | None


@dataclass(frozen=True)
class Steps:
    """Of prices and quantities in a market."""

    price: Decimal
    quantity: Decimal

    @classmethod
    def usual(cls, price: Decimal) -> Steps:
        """As exchanges have them: prices of seven digits, quantities of less than a dollar."""
        return cls(Decimal(10) ** (price.adjusted() - 6), Decimal(10) ** -(price.adjusted() + 1))


@dataclass(frozen=True)
class Tape:
    """`events` in their order, the first a Best. `depth`: what is bid and asked at each level of a book, in base."""

    steps: Steps
    events: Sequence[Print | Best]
    depth: Decimal
    _books: dict[tuple[Decimal, Decimal], Book] = field(default_factory=dict, compare=False, repr=False)
    _spans: dict[tuple[int, int], Span] = field(default_factory=dict, compare=False, repr=False)

    @property
    def began(self) -> int:
        return self.events[0].at

    @property
    def ended(self) -> int:
        return self.events[-1].at

    @property
    def price(self) -> Decimal:
        """The middle in which it begins."""
        first = self.events[0]
        assert isinstance(first, Best)
        return (first.bid + first.ask) / 2

    def span(self, first: int, at: int) -> Span:
        """The events from number `first` on, until `at`. Many orders are played on one tape, in the same steps."""
        found = self._spans.get((first, at))
        if found is None:
            found = self._spans[first, at] = self._span(first, at)
        return found

    def _span(self, first: int, at: int) -> Span:
        ends = bisect_right(self.events, at, lo=first, key=attrgetter("at"))
        best, low, high = None, list[Decimal](), list[Decimal]()
        for event in self.events[first:ends]:
            if isinstance(event, Best):
                best = event
                low.append(event.ask)
                high.append(event.bid)
            else:
                (low if event.side is Side.SELL else high).append(event.price)
        return Span(ends, best, min(low, default=None), max(high, default=None))

    def book(self, bid: Decimal, ask: Decimal) -> Book:
        """A few levels behind the best, a basis point apart."""
        made = self._books.get((bid, ask))
        if made is None:
            away = max(floored(bid / _BPS, self.steps.price), self.steps.price)
            bids = [bid - n * away for n in range(LEVELS)]
            asks = [ask + n * away for n in range(LEVELS)]
            made = Book([(p, self.depth) for p in bids if p > 0], [(p, self.depth) for p in asks])
            self._books[bid, ask] = made
        return made


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How a seeded market goes. Of the walk, `volatility` is a fraction a day. Takers: so many a minute, for so much
    money in the median, and so many basis points into the book on average."""

    price: Decimal = Decimal(60_000)
    hours: float = 24
    volatility: float = 0.03
    spread_bps: float = 2
    takers_per_minute: float = 6
    notional: float = 600
    reach_bps: float = 4
    seed: int = 1


def seeded(flow: Flow) -> Tape:
    """The same flow gives the same tape."""
    chance, steps = random.Random(flow.seed), Steps.usual(flow.price)
    middle, per_second = float(flow.price), flow.volatility / math.sqrt(86_400)
    often, half = flow.takers_per_minute / 60, flow.spread_bps / 20_000
    events: list[Print | Best] = []
    last: tuple[Decimal, Decimal] | None = None
    for second in range(int(flow.hours * 3600) + 1):
        at = BEGINS + second * 1000
        bid, ask = _steps_of(middle * (1 - half), steps.price), _steps_of(middle * (1 + half), steps.price)
        best = (bid, max(ask, bid + steps.price))
        if best != last:
            events.append(Best(at, *best))
            last = best
        events += sorted(_takers(chance, flow, often, at, best, steps))
        middle *= math.exp(chance.gauss(0, per_second) - per_second**2 / 2)
    events.append(Best(BEGINS + int(flow.hours * 3_600_000), *best))
    return Tape(steps, events, _steps_of(5 * flow.notional / float(flow.price), steps.quantity))


def _takers(
    chance: random.Random, flow: Flow, often: float, at: int, best: tuple[Decimal, Decimal], steps: Steps
) -> Iterator[Print]:
    """Those of one second: as many as a Poisson process brings."""
    came = chance.expovariate(often) if often > 0 else 1.0
    while came < 1:
        side = chance.choice((Side.BUY, Side.SELL))
        reach = chance.expovariate(1 / flow.reach_bps) / 10_000 if flow.reach_bps else 0.0
        notional = flow.notional * math.exp(chance.gauss(0, 0.8))
        price = float(best[1]) * (1 + reach) if side is Side.BUY else float(best[0]) * (1 - reach)
        quantity = max(_steps_of(notional / price, steps.quantity), steps.quantity)
        yield Print(at + int(came * 1000), _steps_of(price, steps.price), quantity, side)
        came += chance.expovariate(often)


def _steps_of(number: float, step: Decimal) -> Decimal:
    """The nearest multiple of a step that is a power of ten."""
    return max(Decimal(round(number / float(step))) * step, step)


def recorded(path: Path, spread_bps: float = 2) -> Tape:
    """Of a CSV whose first line names its columns: `time` (ISO 8601, or seconds, milliseconds or microseconds since
    1970), `price`, `quantity`, `side` (of who took: buy or sell). Raises BadTape, OSError."""
    with path.open(newline="") as lines:
        prints = list(_prints(csv.DictReader(lines), path))
    if len(prints) < 2:
        raise BadTape(f"{path} has {len(prints)} trades; a tape has two at least")
    prints.sort(key=lambda one: one.at)
    if prints[-1].at - prints[0].at > LONGEST:
        raise BadTape(f"{path} is longer than {LONGEST // 86_400_000} days")
    steps = Steps(_finest(one.price for one in prints), _finest(one.quantity for one in prints))
    quantities = sorted(one.quantity for one in prints)
    half = Decimal(str(spread_bps)) / 20_000
    events: list[Print | Best] = []
    bid = ask = last = None
    for one in prints:
        if one.side is Side.BUY:
            ask, bid = one.price, min(bid or one.price, floored(one.price * (1 - 2 * half), steps.price))
        else:
            bid, ask = one.price, max(ask or one.price, ceiled(one.price * (1 + 2 * half), steps.price))
        if bid >= ask or (ask - bid) > 10 * half * bid:  # what the other side was is long ago
            if one.side is Side.BUY:
                bid = min(floored(ask * (1 - 2 * half), steps.price), ask - steps.price)
            else:
                ask = max(ceiled(bid * (1 + 2 * half), steps.price), bid + steps.price)
        if not events:
            events.append(Best(one.at, bid, ask))
        events.append(one)
        if (bid, ask) != last:
            events.append(Best(one.at, bid, ask))
            last = (bid, ask)
    return Tape(steps, events, 5 * quantities[len(quantities) // 2])


def _prints(rows: csv.DictReader[str], path: Path) -> Iterator[Print]:
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise BadTape(f"{path} has no column {', '.join(missing)}; its first line names {', '.join(COLUMNS)}")
    for number, row in enumerate(rows, 2):
        if number > PRINTS_MAX:
            raise BadTape(f"{path} has more than {PRINTS_MAX} trades")
        try:
            yield _print(row)
        except (ValueError, InvalidOperation, KeyError, TypeError, AttributeError, OverflowError):
            raise BadTape(f"{path}, line {number}: {', '.join(map(str, row.values()))} is no trade") from None


def _print(row: Mapping[str, str]) -> Print:
    price, quantity = Decimal(row["price"].strip()), Decimal(row["quantity"].strip())
    if not (price.is_finite() and quantity.is_finite() and 0 < price < 10**12 and 0 < quantity < 10**12):
        raise ValueError
    at = _milliseconds(row["time"].strip())
    if not 0 <= at < LATEST:
        raise ValueError
    return Print(at, price, quantity, SIDES[row["side"].strip().lower()])


def _milliseconds(time: str) -> int:
    try:
        number = Decimal(time)
    except InvalidOperation:
        at = datetime.fromisoformat(time)
        number = Decimal(str((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()))
    if number >= MICROSECONDS_FROM:
        return int(number / 1000)
    return int(number if number >= MILLISECONDS_FROM else number * 1000)


def _finest(numbers: Iterator[Decimal]) -> Decimal:
    return Decimal(1).scaleb(min(int(number.normalize().as_tuple().exponent) for number in numbers))
