"""What is asked of a backtest: a configuration, or several that differ in what is swept, on one tape."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from functions.market_making.strategy import Rules, Terms
from sandbox.backtest import configuration
from sandbox.backtest.configuration import BadConfiguration
from sandbox.backtest.drawing import draw
from sandbox.backtest.measuring import Performance, performance, told
from sandbox.backtest.paper import Paper
from sandbox.backtest.running import Ours, Outcome, Setting, Tell, needed, orders_of, run
from sandbox.backtest.tape import Flow, Tape, recorded, seeded

CASES_MAX = 1_000
MIN_NOTIONAL = Decimal(5)


@dataclass(frozen=True, kw_only=True)
class Case:
    """`told`: hummingbot's names and values. `trades`: a recorded tape, instead of `flow`. `fee` is a fraction. Without
    `base` and `quote` it has four times what it quotes. `swept`: the values by which it differs from others."""

    told: Mapping[str, Any]
    flow: Flow = field(default_factory=Flow)
    trades: Path | None = None
    interval: int = 10
    fee: Decimal = Decimal("0.001")
    base: Decimal | None = None
    quote: Decimal | None = None
    swept: Mapping[str, str] = field(default_factory=dict)

    @property
    def tape(self) -> Tape:
        """Raises BadTape, OSError."""
        return _tape(self.flow, self.trades)

    @property
    def rules(self) -> Rules:
        """Raises BadConfiguration."""
        steps = self.tape.steps
        terms = Terms(steps.price, steps.quantity, steps.quantity, MIN_NOTIONAL, self.fee, self.fee)
        return configuration.rules(self.told, terms)

    @property
    def title(self) -> str:
        hours = (self.tape.ended - self.tape.began) / 3_600_000
        where = configuration.market(self.told) or "a market"
        on = self.trades.name if self.trades else f"seed {self.flow.seed}"
        return " · ".join([where, f"{hours:.3g} h of {on}", *(f"{n} {v}" for n, v in self.swept.items())])


@lru_cache(maxsize=4)
def _tape(flow: Flow, trades: Path | None) -> Tape:
    return recorded(trades, flow.spread_bps) if trades else seeded(flow)


def several(case: Case, sweeps: Mapping[str, Sequence[str]]) -> list[Case]:
    """Each value of each parameter with each of the others. Raises BadConfiguration."""
    cases = [
        replace(case, told={**case.told, **(swept := dict(zip(sweeps, values, strict=True)))}, swept=swept)
        for values in product(*sweeps.values())
    ]
    if len(cases) > CASES_MAX:
        raise BadConfiguration(f"the sweep has {len(cases)} cases; at most {CASES_MAX}")
    return cases


def played(case: Case, tell: Tell = lambda _: None) -> Outcome:
    """Raises BadConfiguration, BadTape, OSError."""
    rules, tape = case.rules, case.tape
    base, quote = needed(rules, tape.price)
    setting = Setting(
        base=base if case.base is None else case.base,
        quote=quote if case.quote is None else case.quote,
        interval=case.interval,
        fee=case.fee,
    )

    def quoting(paper: Paper) -> Ours:
        return Ours(rules, setting, paper)

    return run(tape, setting, quoting, orders_of(rules), tell=tell)


def measured(case: Case) -> Performance:
    return performance(played(case))


def each_measured(cases: Sequence[Case]) -> Iterator[tuple[int, Performance]]:
    """By the number of its case, as they get done: on all cores."""
    workers = min(os.cpu_count() or 1, len(cases))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        asked = {pool.submit(measured, case): number for number, case in enumerate(cases)}
        try:
            for done in as_completed(asked):
                yield asked[done], done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def drawn(case: Case, picture: Path, tell: Tell = lambda _: None) -> Performance:
    """It is played, and drawn. Raises BadConfiguration, BadTape, OSError."""
    outcome = played(case, tell)
    found = performance(outcome)
    draw(outcome, told(found), case.title, picture)
    return found
