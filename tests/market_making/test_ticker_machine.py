"""The machine `ticker` on the harness: it ticks by the clock's times, whatever the ticks before have done."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from common import clock
from common.clock import instant
from functions.market_making import tasks
from functions.market_making.model import FIRST_SHARD, TICK_EVERY, TICK_SECONDS_MAX, TICKS_LAST, Status
from functions.market_making.workflow import SIZES
from tests.desk import NOON
from tests.harness import asl
from tests.harness.executions import Execution
from tests.harness.faults import Crash
from tests.harness.invocation import Invocation
from tests.harness.stepfunctions import InMemoryStepFunctions
from tests.infra.test_machines import golden
from tests.market_making.market import ACCOUNT
from tests.market_making.outside import check
from tests.market_making.test_ticking import Quoted

TICKS = TICKS_LAST // TICK_EVERY


@dataclass
class Ticker:
    """`before` is called with the number of each call of the function; the n-th takes `seconds[n]`."""

    quoted: Quoted = field(default_factory=Quoted)
    before: Callable[[int], None] = lambda _: None
    seconds: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines = InMemoryStepFunctions(self.quoted.market.clock)
        self.told: list[dict[str, Any]] = []
        self.times: list[datetime] = []
        definition = asl.read(golden("ticker"))
        self.arn = self.machines.deploy("ticker", definition, {"tick": self._tick}, express=True)
        self.began = NOON + timedelta(minutes=10)

    def _tick(self, event: Any, _: Any) -> Any:
        self.times.append(self.quoted.market.clock.at)
        self.before(len(self.times))
        ticking, more = self.quoted.market.ticking, timedelta(seconds=self.seconds.get(len(self.times), 0))

        def slow(*args: Any) -> Any:
            ticked = ticking.tick(*args)
            self.quoted.market.clock.at += more
            return ticked

        with (
            patch.object(tasks, "ticking", lambda: SimpleNamespace(tick=slow)),
            patch.object(clock, "now", lambda: self.quoted.market.clock.at),
        ):
            told = tasks.tick(event, Invocation(45))
        self.told.append(told)
        return told

    def begin(self, minute: int = 0) -> Execution:
        market = self.quoted.market
        at = self.began + timedelta(minutes=minute)
        market.clock.at = max(market.clock.at, at)
        told = json.dumps({"time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "shard": FIRST_SHARD})
        self.machines.start_execution(stateMachineArn=self.arn, name=f"minute-{minute}", input=told)
        return self.machines.executions[-1]

    def run(self) -> None:
        self.machines.run()
        while (at := self.machines.next_at()) is not None:
            self.quoted.market.clock.at = max(self.quoted.market.clock.at, at)
            self.quoted.flow.step()
            self.machines.run()

    def minute(self, number: int = 0) -> Execution:
        execution = self.begin(number)
        self.run()
        return execution


@pytest.fixture
def ticker() -> Ticker:
    return Ticker()


def test_in_a_minute_there_are_six_ticks_and_the_order_quotes(ticker: Ticker) -> None:
    execution = ticker.minute()
    assert execution.status == "SUCCEEDED"
    assert execution.visited == ["Tick", "NextStep", *["UntilNextTick", "Tick", "NextStep"] * (TICKS - 1), "Over"]
    assert [at.second for at in ticker.times] == list(range(0, 60, 10))
    assert [answer["orders"] for answer in ticker.told] == [1] * TICKS
    assert ticker.quoted.market.order().status is Status.RUNNING
    assert ticker.quoted.exchange.venue.open_orders(ACCOUNT)
    check(ticker.quoted.market)


def test_a_slow_tick_does_not_move_the_next(ticker: Ticker) -> None:
    ticker.seconds[2] = 14
    ticker.minute()
    assert [at.second for at in ticker.times] == [0, 10, 30, 40, 50]


def test_a_minute_that_is_started_twice_ticks_once_for_each_time(ticker: Ticker) -> None:
    both = [ticker.begin(), ticker.begin()]
    ticker.run()
    assert [execution.status for execution in both] == ["SUCCEEDED"] * 2
    assert sorted(answer["orders"] for answer in ticker.told) == [0] * TICKS + [1] * TICKS


def test_a_function_that_fails_ends_the_minute_and_not_the_quoting(ticker: Ticker) -> None:
    def dies(number: int) -> None:
        if number == 3:
            raise Crash("out of memory")

    ticker.before = dies
    assert ticker.minute().status == "FAILED"
    assert ticker.minute(1).status == "SUCCEEDED"
    assert ticker.told[-1]["orders"] == 1


def test_an_answer_says_when_to_tick_again(ticker: Ticker) -> None:
    ticker.minute()
    nexts = [instant(answer["next_at"]) - ticker.began for answer in ticker.told]
    assert nexts == [TICK_EVERY * (n + 1) for n in range(TICKS)]


def test_a_ticks_function_is_ended_in_time() -> None:
    """The guard that the lives of quotes play with is what is deployed."""
    assert SIZES["tick"].seconds == TICK_SECONDS_MAX
    assert TICKS_LAST % TICK_EVERY == timedelta()
