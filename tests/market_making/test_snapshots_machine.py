"""The machine `snapshots` on the harness: it polls by the clock's times, whatever the polls before have done."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clock
from common.gateways.custody import Snapshot
from functions.market_making import tasks
from functions.market_making.model import POLL_EVERY, POLLS_LAST
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.safe import Safe
from tests.desk import NOON, Clock
from tests.harness import asl
from tests.harness.executions import Execution
from tests.harness.faults import Crash
from tests.harness.stepfunctions import InMemoryStepFunctions
from tests.infra.test_machines import golden
from tests.market_making.market import ANN, BTC, US, Market

MINUTE = [float(second) for second in range(0, 60, 5)]  # when it is polled
CALLS_MAX = 100


class StillClock(Clock):
    """Looking at it does not move it."""

    def __call__(self) -> datetime:
        return self.at


class WatchedCustody(FakeCustody):
    """Notes when it is asked for snapshots, in seconds after noon; the answer to the n-th takes `seconds[n]`."""

    def __init__(self, safe: Safe, at: Clock) -> None:
        super().__init__(safe, US)
        self.at = at
        self.asked: list[float] = []
        self.seconds: dict[int, float] = {}

    def snapshots(self, since: str, asset_id: str | None = None) -> Sequence[Snapshot]:
        self.asked.append(self.at.monotonic())
        self.at.forward(seconds=self.seconds.get(len(self.asked), 0))
        return super().snapshots(since, asset_id)


class Context(LambdaContext):
    def __init__(self) -> None:
        self.get_remaining_time_in_millis = lambda: 60_000  # type: ignore[method-assign]


@dataclass
class Poller:
    """`before` is called with the number of each call of the function, which is a process of its own."""

    market: Market = field(default_factory=lambda: Market(clock=StillClock()))
    before: Callable[[int], None] = lambda _: None

    def __post_init__(self) -> None:
        self.custody = self.market.custody = WatchedCustody(self.market.safe, self.market.clock)
        self.machines = InMemoryStepFunctions(self.market.clock)
        self.called = 0
        definition = asl.read(golden("snapshots"))
        self.arn = self.machines.deploy("snapshots", definition, {"poll_snapshots": self._poll}, express=True)

    def _poll(self, event: Any, _: Any) -> Any:
        self.called += 1
        assert self.called <= CALLS_MAX, "it does not wait"
        self.before(self.called)
        with (
            patch.object(tasks, "receiving", lambda: self.market.receiving),
            patch.object(clock, "now", self.market.clock),
        ):
            return tasks.poll_snapshots(event, Context())

    def begin(self, minute: int = 0, late_seconds: float = 0) -> Execution:
        """What the rule does: it says when the minute began, and may be late."""
        began = NOON + timedelta(minutes=minute)
        self.market.clock.at = max(self.market.clock.at, began + timedelta(seconds=late_seconds))
        told = json.dumps({"time": f"{began:%Y-%m-%dT%H:%M:%SZ}"})
        self.machines.start_execution(stateMachineArn=self.arn, name=f"minute-{minute}", input=told)
        return self.machines.executions[-1]

    def run(self) -> None:
        self.machines.run()
        while (at := self.machines.next_at()) is not None:
            self.market.clock.at = max(self.market.clock.at, at)
            self.machines.run()

    def minute(self, number: int = 0, late_seconds: float = 0) -> Execution:
        execution = self.begin(number, late_seconds)
        self.run()
        return execution

    def taken(self) -> int:
        return sum(item["entity_type"]["S"] == "snapshot" for item in self.market.dynamo.items())


@pytest.fixture
def poller() -> Poller:
    return Poller()


def test_in_a_minute_the_custody_is_polled_twelve_times(poller: Poller) -> None:
    execution = poller.minute()
    assert poller.custody.asked == MINUTE
    assert (execution.status, execution.stopped) == ("SUCCEEDED", NOON + timedelta(seconds=55))
    assert execution.visited == [
        "PollSnapshots",
        "NextStep",
        *["UntilNextPoll", "PollSnapshots", "NextStep"] * 11,
        "Over",
    ]


def test_the_next_minute_goes_on_with_no_gap(poller: Poller) -> None:
    for number in range(3):
        poller.minute(number)
    assert poller.custody.asked == [float(second) for second in range(0, 180, 5)]


@pytest.mark.parametrize(
    ("seconds", "skipped"),
    [(0.5, []), (4.999, []), (5.0, [15.0]), (7.0, [15.0]), (12.5, [15.0, 20.0]), (100.0, MINUTE[3:])],
)
def test_a_slow_poll_does_not_move_the_next(poller: Poller, seconds: float, skipped: list[float]) -> None:
    """A time of a poll that has passed meanwhile is left out."""
    poller.custody.seconds[3] = seconds
    assert poller.minute().status == "SUCCEEDED"
    assert poller.custody.asked == [at for at in MINUTE if at not in skipped]


def test_a_minute_that_starts_late_keeps_the_times_of_its_polls(poller: Poller) -> None:
    poller.minute(late_seconds=2.75)
    assert poller.custody.asked == [2.75, *MINUTE[1:]]


def test_a_minute_that_starts_when_it_is_over_polls_once(poller: Poller) -> None:
    execution = poller.minute(late_seconds=POLLS_LAST.total_seconds())
    assert (poller.custody.asked, execution.status) == ([60.0], "SUCCEEDED")


def test_a_silent_custody_is_asked_again_at_the_next_poll(poller: Poller) -> None:
    def silent(number: int) -> None:
        poller.custody.down = 3 <= number <= 6
        if number == 4:
            poller.market.pay(ANN, BTC, "0.5")

    poller.before = silent
    execution = poller.minute()
    assert (execution.status, poller.custody.asked) == ("SUCCEEDED", MINUTE)
    assert poller.taken() == 1


def test_an_answer_says_what_was_taken_or_why_nothing_was(poller: Poller) -> None:
    told: list[dict[str, Any]] = []
    poller.custody.down = True
    poller.minute()
    poller.custody.down = False
    poller.minute(1)
    poller.market.pay(ANN, BTC, "0.5")
    poller.minute(2)
    for execution in poller.machines.executions:
        exits = (
            d for _, _, key, d in execution.events if key == "stateExitedEventDetails" and d["name"] == "PollSnapshots"
        )
        told += [json.loads(str(details["output"])) for details in exits][:1]
    assert [(answer["taken"], answer["failed"]) for answer in told] == [(0, 0), (0, 0), (1, 0)]
    assert [bool(answer["reason"]) for answer in told] == [True, False, False]


def test_a_function_that_fails_ends_the_minute_and_not_the_polling(poller: Poller) -> None:
    def dies(number: int) -> None:
        if number == 4:
            poller.market.pay(ANN, BTC, "0.5")
            raise Crash("out of memory")

    poller.before = dies
    failed = poller.minute()
    assert (failed.status, failed.error) == ("FAILED", "Runtime.ExitError")
    assert (poller.custody.asked, poller.taken()) == (MINUTE[:3], 0)
    assert poller.minute(1).status == "SUCCEEDED"
    assert poller.taken() == 1


def test_a_minute_that_is_started_twice_takes_each_snapshot_once(poller: Poller) -> None:
    poller.market.poll()
    poller.custody.asked.clear()
    poller.market.pay(ANN, BTC, "0.5")
    both = [poller.begin(), poller.begin()]
    poller.run()
    assert [execution.status for execution in both] == ["SUCCEEDED", "SUCCEEDED"]
    assert poller.custody.asked == sorted(MINUTE * 2)
    assert poller.taken() == 1


def test_the_minute_is_divided_by_the_interval_without_a_rest() -> None:
    assert POLLS_LAST % POLL_EVERY == timedelta()
