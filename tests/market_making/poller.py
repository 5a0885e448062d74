"""The machine `snapshots` of one test: the poller as it is deployed, on the harness, and what it asks the custody."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

from common import clock
from common.gateways.custody import Snapshot
from functions.market_making import tasks
from sandbox.mixin.fake import FakeCustody
from sandbox.mixin.safe import Safe
from tests.desk import NOON, Clock
from tests.harness import asl
from tests.harness.executions import Execution
from tests.harness.invocation import Invocation
from tests.harness.stepfunctions import InMemoryStepFunctions
from tests.market_making.market import GOLDEN, US, Market

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


@dataclass
class Poller:
    """`before` is called with the number of each call of the function, which is a process of its own."""

    market: Market = field(default_factory=lambda: Market(clock=StillClock()))
    before: Callable[[int], None] = lambda _: None

    def __post_init__(self) -> None:
        self.custody = self.market.custody = WatchedCustody(self.market.safe, self.market.clock)
        self.machines = InMemoryStepFunctions(self.market.clock)
        self.called = 0
        definition = asl.read(json.loads((GOLDEN / "snapshots.asl.json").read_text()))
        self.arn = self.machines.deploy("snapshots", definition, {"poll_snapshots": self._poll}, express=True)

    def _poll(self, event: Any, _: Any) -> Any:
        self.called += 1
        assert self.called <= CALLS_MAX, "it does not wait"
        self.before(self.called)
        with (
            patch.object(tasks, "receiving", lambda: self.market.receiving),
            patch.object(clock, "now", self.market.clock),
        ):
            return tasks.poll_snapshots(event, Invocation())

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
