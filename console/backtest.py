"""`desk mm backtest`: what a configuration would have done. It needs no desk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from console import output
from console.errors import Misused

if TYPE_CHECKING:
    from sandbox.backtest.cases import Case
    from sandbox.backtest.measuring import Performance

PICTURE = Path("backtest.png")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Fees in percent; `sweeps`: name=a,b,c each."""

    config: Path
    trades: Path | None
    sweeps: Sequence[str]
    picture: Path
    hours: float
    seed: int
    price: str
    volatility: float
    interval: int
    fee: str
    base: str | None
    quote: str | None


def backtest(asked: Asked) -> tuple[dict[str, Any], list[RenderableType]]:
    """As JSON, and as a person reads it. Raises Misused."""
    try:  # not before it is asked for: what it needs takes seconds to import
        with output.progress("loading the strategy"):
            from sandbox.backtest.cases import drawn, several
            from sandbox.backtest.configuration import BadConfiguration
            from sandbox.backtest.tape import BadTape
    except ImportError as missing:
        raise Misused(f"a backtest needs what `make install` installs: {missing}") from None
    picture = from_there(asked.picture)
    try:
        cases = several(_case(asked), _sweeps(asked.sweeps))
        for case in cases:
            _ = case.rules
        with _bar("playing") as tell:
            if len(cases) == 1:
                found = [drawn(cases[0], picture, tell)]
            else:
                found = _swept(cases, tell)
                drawn(cases[_best(found)], picture)
    except (BadConfiguration, BadTape, OSError) as no:
        raise Misused(str(no)) from None
    best = _best(found)
    pairs = list(zip(cases, found, strict=True))
    answer = {
        "cases": [{"parameters": dict(case.swept), "performance": each.as_json()} for case, each in pairs],
        "best": best,
        "picture": str(picture),
    }
    shown = _facts(found[0]) if len(cases) == 1 else _compared(pairs)
    return answer, [output.text(cases[0].title if len(cases) == 1 else cases[best].title), shown, f"drawn: {picture}"]


def _case(asked: Asked) -> Case:
    from sandbox.backtest import configuration
    from sandbox.backtest.cases import Case
    from sandbox.backtest.tape import Flow

    flow = Flow(
        price=_number("--price", asked.price), hours=asked.hours, volatility=asked.volatility / 100, seed=asked.seed
    )
    return Case(
        told=configuration.read(from_there(asked.config)),
        flow=flow,
        trades=None if asked.trades is None else from_there(asked.trades),
        interval=asked.interval,
        fee=_number("--fee", asked.fee) / 100,
        base=None if asked.base is None else _number("--base", asked.base),
        quote=None if asked.quote is None else _number("--quote", asked.quote),
    )


def _number(what: str, told: str) -> Decimal:
    try:
        number = Decimal(told)
    except InvalidOperation:
        raise Misused(f"{what} is {told!r}; it is a number") from None
    if not number.is_finite() or not 0 <= number <= 10**12 or (what == "--price" and number <= 0):
        raise Misused(f"{what} is {told}; it is a number above 0, to 10^12")
    if what == "--fee" and number > 10:
        raise Misused(f"{what} is {told}; it is in percent, to 10")
    return number


def _sweeps(told: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for sweep in told:
        name, equals, values = sweep.partition("=")
        several = [value.strip() for value in values.split(",") if value.strip()]
        if not equals or not name.strip() or not several:
            raise Misused(f"--sweep {sweep!r}: it is name=a,b,c, such as bid_spread=0.1,0.2")
        found[name.strip()] = several
    return found


def _swept(cases: Sequence[Case], tell: Callable[[float], None]) -> list[Performance]:
    from sandbox.backtest.cases import each_measured

    found: dict[int, Performance] = {}
    for number, performance in each_measured(cases):
        found[number] = performance
        tell(len(found) / len(cases))
    return [found[number] for number in range(len(cases))]


def _best(found: Sequence[Performance]) -> int:
    return max(range(len(found)), key=lambda number: found[number].against_hold)


def _facts(found: Performance) -> Table:
    from sandbox.backtest.measuring import told

    table = Table(box=None, show_header=False, pad_edge=False)
    for what, figure in told(found):
        table.add_row(what, output.text(figure))
    return table


def _compared(pairs: Sequence[tuple[Case, Performance]]) -> Table:
    """The best first."""
    table = Table(box=None, pad_edge=False)
    for name in pairs[0][0].swept:
        table.add_column(name)
    figures: Mapping[str, Callable[[Performance], str]] = {
        "against hold": lambda p: f"{p.against_hold:+,.2f}",
        "realised": lambda p: f"{p.realised:+,.2f}",
        "fees": lambda p: f"{p.fees:,.2f}",
        "volume": lambda p: f"{p.volume:,.0f}",
        "fills": lambda p: f"{p.fills:,}",
        "captured": lambda p: f"{p.spread_captured} bps",
        "two-sided": lambda p: f"{p.uptime:.1%}",
        "drawdown": lambda p: f"{p.drawdown:,.2f}",
        "changes": lambda p: f"{p.changes:,}",
    }
    for figure in figures:
        table.add_column(figure, justify="right")
    for case, found in sorted(pairs, key=lambda pair: -pair[1].against_hold):
        table.add_row(*map(output.text, case.swept.values()), *(figure(found) for figure in figures.values()))
    return table


@contextmanager
def _bar(what: str) -> Iterator[Callable[[float], None]]:
    """On a terminal, how far it is; in a pipe it is a line, once it has lasted two seconds."""
    console = output.err()
    if not console.is_terminal:
        with output.progress(what):
            yield lambda _: None
        return
    columns = (TextColumn("{task.description} …"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=1.0)
        yield lambda part: progress.update(task, completed=part)


def from_there(path: Path) -> Path:
    """As who calls `desk` means it: the script goes to the checkout first."""
    return Path(os.environ.get("DESK_CALLED_FROM") or ".") / path
