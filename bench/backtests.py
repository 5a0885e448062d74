"""Whole days of quotes on a tape: how long they take, what a tolerance saves, and three loops side by side: the seed's
of January, hummingbot's rules as they are (our exact copy, all its quirks kept), and ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from bench.quoting import microseconds
from bench.report import Say, Section, table
from common.gateways.exchange import Side
from common.gateways.exchange.maker import Quote
from functions.market_making.strategy import COMPAT, Rules
from sandbox.backtest.cases import Case, measured, played
from sandbox.backtest.january import January
from sandbox.backtest.measuring import performance
from sandbox.backtest.paper import Paper
from sandbox.backtest.running import Loop, Ours, Setting, needed, orders_of, run
from sandbox.backtest.tape import Flow, Tape

ORDERS, HOURS, TARGET_ORDERS, CORES = 20, 6.0, 1_000, 2
DAY = 24.0
RICH = 5  # times what is usual: who does not look at his money still has some
LOST, FEE = 0.01, Decimal("0.0002")
TOLERANT: Mapping[str, str] = {
    "bid_spread": "0.1",
    "ask_spread": "0.1",
    "order_amount": "0.01",
    "order_refresh_time": "10",
    "order_refresh_tolerance_pct": "0.1",
    "filled_order_delay": "10",
    "inventory_skew_enabled": "true",
    "inventory_range_multiplier": "4",
}
LAYERS = {"order_levels": "2", "order_level_spread": "0.1"}
RULES = (Decimal("0.001"), Decimal("0.01"), 2, 10)  # January's: spread, amount, layers, seconds


@dataclass(frozen=True)
class Speed:
    """CPU. `product_us`: of a product of two Decimals meanwhile; alone on a machine it is about 0.1."""

    cycle_us: float
    tape_seconds: float
    minutes: float
    product_us: float


@dataclass(frozen=True)
class Flat:
    """Requests in a market that does not move: orders placed, cancelled, replaced."""

    replacing: int
    tolerant: int


@dataclass(frozen=True)
class Row:
    of: str
    uptime: Decimal
    beyond: int
    left: int
    touched: int
    fills: int
    volume: Decimal
    fees: Decimal
    against_hold: Decimal
    changes: int


@dataclass(frozen=True)
class Found:
    speed: Speed
    flat: Flat
    rows: list[Row]


def speed(orders: int = ORDERS, hours: float = HOURS) -> Speed:
    """Of orders that differ in their spreads, on one tape."""
    began = time.process_time()
    case = Case(told=TOLERANT, flow=Flow(hours=hours), fee=FEE)
    _ = case.tape
    tape_seconds = time.process_time() - began
    cycles, took = 0, 0.0
    for number in range(orders):
        spread = str(Decimal("0.08") + Decimal("0.005") * number)
        began = time.process_time()
        outcome = played(replace(case, told={**TOLERANT, "bid_spread": spread, "ask_spread": spread}))
        took += time.process_time() - began
        cycles += len(outcome.moments) - 1
    one, other = Decimal("60000.5"), Decimal("0.999")
    cycle = took / cycles
    minutes = TARGET_ORDERS * DAY * 360 * cycle / CORES / 60
    return Speed(cycle * 1e6, tape_seconds, minutes, microseconds(lambda: one * other))


def flat(hours: float = 1.0) -> Flat:
    flow = Flow(hours=hours, volatility=0, takers_per_minute=0)
    case = Case(told=TOLERANT, flow=flow)
    replacing = replace(case, told={**TOLERANT, "order_refresh_tolerance_pct": "-1"})
    return Flat(measured(replacing).changes, measured(case).changes)


def strangers(paper: Paper) -> None:
    """Another owner's two orders at the same account."""
    far = paper.middle.quantize(Decimal(1))
    paper.place_for_others(Quote(Side.BUY, far * Decimal("0.7"), Decimal("0.01"), "another1"))
    paper.place_for_others(Quote(Side.SELL, far * Decimal("1.3"), Decimal("0.01"), "another2"))


def side_by_side(say: Say, hours: float = DAY) -> list[Row]:
    case = Case(told={**TOLERANT, **LAYERS, "inventory_skew_enabled": "false"}, flow=Flow(hours=hours), fee=FEE)
    rules, tape = case.rules, case.tape
    exact = Rules(**{**_configured(rules), "compat": COMPAT})
    base, quote = needed(rules, tape.price)
    ours = Setting(base=RICH * base, quote=RICH * quote, fee=FEE, lost=LOST)
    theirs = replace(ours, guards=False)
    each_second = replace(theirs, interval=1)  # its clock

    def hummingbot(paper: Paper) -> Loop:
        return Ours(exact, each_second, paper)

    def january(paper: Paper) -> Loop:
        return January(paper, tape.steps, *RULES)

    rows = []
    loops: tuple[tuple[str, Setting, Callable[[Paper], Loop]], ...] = (
        ("the seed's loop of January", theirs, january),
        ("hummingbot's rules, each second", each_second, hummingbot),
        ("ours, every 10 s", ours, lambda paper: Ours(rules, ours, paper)),
    )
    for of, setting, loop in loops:
        say(of)
        rows.append(_row(of, tape, setting, loop, orders_of(rules)))
    return rows


def _configured(rules: Rules) -> dict[str, Any]:
    return {name: value for name, value in vars(rules).items() if name != "plan"}


def _row(of: str, tape: Tape, setting: Setting, loop: Callable[[Paper], Loop], planned: int) -> Row:
    found = performance(run(tape, setting, loop, planned, strangers))
    told = {name: value for name, value in asdict(found).items() if name in Row.__dataclass_fields__}
    return Row(of=of, **told)


def measured_all(say: Say) -> Found:
    say(f"{ORDERS} orders for {HOURS:g} hours")
    found = speed()
    say("a flat book")
    return Found(found, flat(), side_by_side(say))


def told(found: Found) -> str:
    quick = (
        f"A cycle of an order (strategy, slots and a light model of fills; tolerance on, seeded prints) takes "
        f"{found.speed.cycle_us:.0f} µs of CPU: {TARGET_ORDERS:,} orders of {DAY:g} hours at 10 s are "
        f"{found.speed.minutes:.0f} minutes on {CORES} cores, by {ORDERS} orders of {HOURS:g} hours; promised: 12. A "
        f"product of two Decimals took {found.speed.product_us:.2f} µs meanwhile. A tape of {HOURS:g} hours is made in "
        f"{found.speed.tape_seconds:.1f} s."
    )
    fewer = 1 - found.flat.tolerant / found.flat.replacing
    calm = (
        f"In an hour of a market that does not move, an order asks for {found.flat.tolerant} changes with the "
        f"tolerance on and for {found.flat.replacing} by cancelling and replacing: {fewer:.1%} fewer; promised: 70 %. "
        f"What is looked at is read once for all orders of an account in a market."
    )
    head = (
        "loop", "two-sided uptime", "orders beyond plan", "left after stop", "others touched", "fills", "volume",
        "fees", "against holding", "changes asked for",
    )  # fmt: skip
    rows = [
        (
            row.of,
            f"{row.uptime:.1%}",
            row.beyond,
            row.left,
            row.touched,
            row.fills,
            f"{row.volume:,.0f}",
            f"{row.fees:,.2f}",
            f"{row.against_hold:+,.2f}",
            f"{row.changes:,}",
        )
        for row in found.rows
    ]
    beside = (
        f"Side by side for {DAY:g} hours of the same tape: two levels of 0.01 BTC on each side, 0.1 % and 0.2 % away, "
        f"money for {4 * RICH} times that, a fee of {FEE:.2%}, {LOST:.0%} of all requests without an answer (half of "
        "them done all the same), and two orders of another owner at the account. Money is in the quote asset. The "
        "market takes no notice of the quotes."
    )
    return f"{quick}\n\n{calm}\n\n{beside}\n\n{table(head, rows)}"


SECTION = Section("Backtests", measured_all, told)
