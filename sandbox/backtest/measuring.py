"""What came of a run, as owners ask for it. Money is in the quote asset, at the middle of the others' book."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple, Protocol

from common.gateways.exchange import Side
from common.money import plain
from sandbox.backtest.paper import Traded
from sandbox.backtest.running import Moment, Outcome

WRITES = ("place", "replace", "cancel")
READS = ("open_orders", "find", "trades_after", "book")
_NOTHING, _BPS, _ONE = Decimal(0), Decimal(10_000), Decimal(1)
_MONEY, _FRACTION, _TENTH = Decimal("0.01"), Decimal("0.0001"), Decimal("0.1")


@dataclass(frozen=True)
class Performance:
    """`against_hold`: what there is, against what there would be had nobody traded; realised + unrealised is against
    what there was. Gains are after fees. `realised`: of sells, against the average cost of what was there and bought.
    `spread_captured`: basis points of the volume between the middle and our prices, when we were met. `uptime`:
    the part of the time with orders of ours on both sides. `inventory` is base's part of the value. `drawdown`: the
    most that `against_hold` has fallen from its best."""

    realised: Decimal
    unrealised: Decimal
    against_hold: Decimal
    fees: Decimal
    volume: Decimal
    fills: int
    spread_captured: Decimal
    uptime: Decimal
    inventory: Decimal
    inventory_least: Decimal
    inventory_most: Decimal
    drawdown: Decimal
    changes: int  # requests that place, replace or cancel
    reads: int
    beyond: int
    left: int
    touched: int
    paused: str | None

    def as_json(self) -> dict[str, str | int | None]:
        """Decimals as texts."""
        told = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: plain(value) if isinstance(value, Decimal) else value for name, value in told}


def told(of: Performance) -> Iterator[tuple[str, str]]:
    """As a person reads it: what, and its figure."""
    yield "against holding", f"{of.against_hold:+,.2f}"
    yield "realised", f"{of.realised:+,.2f}"
    yield "unrealised", f"{of.unrealised:+,.2f}"
    yield "fees", f"{of.fees:,.2f}"
    yield "volume", f"{of.volume:,.2f}"
    yield "fills", f"{of.fills:,}"
    yield "spread captured", f"{of.spread_captured} bps"
    yield "two-sided uptime", f"{of.uptime:.1%}"
    yield "inventory (least, most)", f"{of.inventory:.0%} ({of.inventory_least:.0%}, {of.inventory_most:.0%})"
    yield "max drawdown", f"{of.drawdown:,.2f}"
    yield "requests (changes, reads)", f"{of.changes + of.reads:,} ({of.changes:,}, {of.reads:,})"
    if of.paused:
        yield "paused", of.paused


class Played(Protocol):
    """How an order was quoted. `at_first`: its base and quote; `began` and `ended` in milliseconds since 1970."""

    @property
    def moments(self) -> Sequence[Moment]: ...

    @property
    def traded(self) -> Sequence[Traded]: ...

    @property
    def at_first(self) -> tuple[Decimal, Decimal]: ...

    @property
    def began(self) -> int: ...

    @property
    def ended(self) -> int: ...


class Point(NamedTuple):
    """Of the curve of gains; `at` in milliseconds since 1970."""

    at: int
    against_hold: Decimal
    inventory: Decimal


def performance(of: Outcome) -> Performance:
    points = list(curve(of))
    inventories = [point.inventory for point in points]
    end = of.moments[-1]
    realised, cost_each = _realised(of)
    volume = sum((one.trade.quote_quantity for one in of.paper.traded), _NOTHING)
    return Performance(
        realised=_money(realised),
        unrealised=_money(end.base * (end.middle - cost_each)),
        against_hold=_money(points[-1].against_hold),
        fees=_money(sum((fee_of(one) for one in of.paper.traded), _NOTHING)),
        volume=_money(volume),
        fills=len(of.paper.traded),
        spread_captured=_captured(of.paper.traded, volume),
        uptime=_part(Decimal(of.two_sided), Decimal(of.ended - of.began)),
        inventory=inventories[-1],
        inventory_least=min(inventories),
        inventory_most=max(inventories),
        drawdown=_money(_drawdown(points)),
        changes=sum(of.calls.get(what, 0) for what in WRITES),
        reads=sum(of.calls.get(what, 0) for what in READS),
        beyond=of.beyond,
        left=of.left,
        touched=of.touched,
        paused=of.loop.paused,
    )


def curve(of: Played) -> Iterator[Point]:
    base, quote = of.at_first
    for moment in of.moments:
        held = base * moment.middle + quote
        there = moment.base * moment.middle + moment.quote
        yield Point(moment.at, there - held, _part(moment.base * moment.middle, there))


def moment_of(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def fee_of(one: Traded) -> Decimal:
    """In quote."""
    return one.trade.fee * (one.trade.price if one.trade.side is Side.BUY else _ONE)


def _realised(of: Outcome) -> tuple[Decimal, Decimal]:
    """And what a unit of base has cost on average. What was there at first has cost the first price."""
    base, cost, gained = of.setting.base, of.setting.base * of.moments[0].middle, _NOTHING
    each = of.moments[0].middle
    for one in of.paper.traded:
        trade = one.trade
        if trade.side is Side.BUY:
            base, cost = base + trade.quantity - trade.fee, cost + trade.quote_quantity
            each = cost / base
        else:
            gained += trade.quote_quantity - trade.fee - each * trade.quantity
            base, cost = base - trade.quantity, cost - each * trade.quantity
    return gained, each


def captured_of(one: Traded) -> Decimal:
    """How far from the middle it was, times how much."""
    away = one.middle - one.trade.price if one.trade.side is Side.BUY else one.trade.price - one.middle
    return away * one.trade.quantity


def _captured(traded: list[Traded], volume: Decimal) -> Decimal:
    if not volume:
        return _NOTHING
    return (sum(map(captured_of, traded), _NOTHING) / volume * _BPS).quantize(_TENTH, ROUND_HALF_EVEN)


def _drawdown(points: list[Point]) -> Decimal:
    best, most = _NOTHING, _NOTHING
    for point in points:
        best = max(best, point.against_hold)
        most = max(most, best - point.against_hold)
    return most


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(_MONEY, ROUND_HALF_EVEN)


def _part(some: Decimal, whole: Decimal) -> Decimal:
    return (some / whole).quantize(_FRACTION, ROUND_HALF_EVEN) if whole else _NOTHING
