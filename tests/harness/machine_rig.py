"""State machines to test with: short words for their definitions, and a service on a clock that only tests move."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness.clock import VirtualClock
from tests.harness.executions import Execution
from tests.harness.stepfunctions import InMemoryStepFunctions


class NotFilled(Exception): ...


class PayoutRejected(Exception): ...


class A(Exception): ...


class B(Exception): ...


class C(Exception): ...


ORDER = {
    "order_id": "O1",
    "quantity": 3,
    "size": "small",
    "lines": [{"n": 1}, {"n": 2}],
    "late": "2026-11-21T12:00:00Z",
    "soon": "2026-01-01T00:02:00Z",
    "past": "2025-12-31T12:00:00Z",
    "zoneless": "2026-01-01T00:02:00",
}


def machine(**states: Any) -> dict[str, Any]:
    """A machine of these states, from the first one on."""
    return {"StartAt": next(iter(states)), "States": states}


def task(resource: str, **fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": resource, **({} if "Next" in fields else {"End": True}), **fields}


def token_task(function: str, **fields: Any) -> dict[str, Any]:
    parameters = {"FunctionName": function, "Payload": {"order.$": "$", "token.$": "$$.Task.Token"}}
    return task("arn:aws:states:::lambda:invoke.waitForTaskToken", Parameters=parameters, **fields)


def wait(**fields: Any) -> dict[str, Any]:
    return {"Type": "Wait", **({} if "Next" in fields else {"End": True}), **fields}


def retry(*errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors), **fields}


def catch(following: str, *errors: str, **fields: Any) -> dict[str, Any]:
    return {"ErrorEquals": list(errors or ("States.ALL",)), "Next": following, **fields}


END = {"Type": "Succeed"}


def scripted(*acts: Any) -> Callable[[Any, Any], Any]:
    """A task that does these, one after the other: raise an exception, or answer anything else."""
    rest = iter(acts)

    def play(_event: Any, _context: Any) -> Any:
        act = next(rest)
        if isinstance(act, BaseException):
            raise act
        return act

    return play


def echo(event: Any, _: Any) -> Any:
    return event


POLL = task(
    "poll",
    Retry=[retry("NotFilled", IntervalSeconds=15, MaxAttempts=3, BackoffRate=1)],
    Catch=[catch("Fail", ResultPath="$.failure")],
    Next="Large",
)
LARGE = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.size", "StringEquals": "large", "Next": "Cool"}],
    "Default": "Pay",
}
PAY = token_task(
    "pay",
    TimeoutSeconds=300,
    ResultPath="$.payout",
    Retry=[retry("PayoutRejected", IntervalSeconds=60, MaxAttempts=2, BackoffRate=2)],
    Catch=[catch("Check", "States.Timeout", ResultPath="$.late")],
)
SELL = machine(
    Poll=POLL,
    Large=LARGE,
    Cool=wait(SecondsPath="$.cool_seconds", Next="Pay"),
    Pay=PAY,
    Check=END,
    Fail={"Type": "Fail", "Error": "GaveUp", "Cause": "never filled"},
)


class Rig:
    """A service on a clock that only tests move."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.service = InMemoryStepFunctions(self.clock.now)
        self.names = map("run-{}".format, itertools.count(1))
        self.tokens: list[str] = []

    def deploy(self, definition: Mapping[str, Any], machine_name: str = "desk", /, **tasks: Any) -> str:
        return self.service.deploy(machine_name, definition, {"keep": self.keep, "echo": echo, **tasks})

    def deploy_express(self, definition: Mapping[str, Any], machine_name: str = "ticker", /, **tasks: Any) -> str:
        tasks = {"keep": self.keep, "echo": echo, **tasks}
        return self.service.deploy(machine_name, definition, tasks, express=True)

    def keep(self, event: Any, _: Any) -> None:
        """A task that keeps its token."""
        self.tokens.append(event["token"])

    def start(self, arn: str, given: Any = None, name: str | None = None) -> Execution:
        text = json.dumps({} if given is None else given)
        started = self.service.start_execution(stateMachineArn=arn, name=name or next(self.names), input=text)
        return next(x for x in self.service.executions if x.arn == started["executionArn"])

    def play(self, definition: Mapping[str, Any], given: Any = None, /, **tasks: Any) -> Execution:
        """One execution to its end, time-outs included."""
        execution = self.start(self.deploy(definition, **tasks), given)
        self.to_the_end()
        return execution

    def to_the_end(self) -> None:
        self.service.run()
        while (at := self.service.next_at()) is not None:
            self.clock.advance(max(0.0, (at - self.clock.now()).total_seconds()))
            self.service.run()

    def after(self, seconds: float) -> int:
        self.clock.advance(seconds)
        return self.service.run()

    def history(self, execution: Execution, **how: Any) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = self.service.get_execution_history(executionArn=execution.arn, **how)["events"]
        return events

    def kinds(self, execution: Execution) -> list[str]:
        return [event["type"] for event in self.history(execution)]


def refused(code: str) -> Any:
    return pytest.raises(ClientError, check=lambda error: error.response["Error"]["Code"] == code)
