"""The state machines as the desk uses them: start one, send a token back, see which have died and what they did.

The table is the truth and a machine only moves it: starting twice is starting once, a token that is gone is no loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from common.errors import Conflict, Unavailable
from common.log import log
from common.pages import CursorRefused
from common.table.table import Page, Position

if TYPE_CHECKING:
    from types_boto3_stepfunctions import SFNClient

_TOKEN_GONE = {"TaskTimedOut", "InvalidToken", "TaskDoesNotExist"}
_DEAD = ("FAILED", "TIMED_OUT", "ABORTED")
_TRIED = {"TaskScheduled", "LambdaFunctionScheduled"}
_OVER = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}
HISTORY_EVENTS_MAX = 1000  # the newest
LISTED_MAX = 1000  # executions, with one call
LAST_EVENTS = 100  # of an execution in a list: its last state with more than twenty tries
CLOCKS_DIFFER = timedelta(seconds=1)


class ElsewhereNow(Conflict):
    """The thing stands at another stage than this task is for. On this name the machine reads the stage, and goes on
    there."""


class MachinesUnavailable(Unavailable):
    """What moves orders does not answer now. Whatever could not be started begins by itself, within minutes.

    Step Functions did not answer. What should have been started is started by the sweeper.
    """


@dataclass(frozen=True)
class MachineExecution:
    """What became of one execution, and what happened in it."""

    name: str
    status: str  # RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED
    steps: list[Step]
    machine: str = ""
    states: list[StateOfExecution] = field(default_factory=list)


@dataclass(frozen=True)
class Step:
    """A state that was entered, or something that failed there."""

    at: datetime
    what: str


@dataclass(frozen=True)
class StateOfExecution:
    """A state that an execution was in: how often its task was tried there, and what went wrong last. It is in the last
    one still where `left_at` is None and the execution runs."""

    state: str
    entered_at: datetime
    left_at: datetime | None = None
    attempt: int = 1
    error: str | None = None


@dataclass(frozen=True)
class ListedExecution:
    """One of many: `state` is where it is, or was when it ended. None: its newest events do not tell, or its history is
    gone; `says` tells which."""

    name: str
    status: str  # as in MachineExecution
    started_at: datetime
    stopped_at: datetime | None
    state: StateOfExecution | None
    says: str | None = None


@dataclass(frozen=True)
class Count:
    """How many there are; `at_least`: no further than this was counted."""

    number: int
    at_least: bool


@dataclass(frozen=True)
class Standing:
    """Where something stands, as the table says: what its machine does next (`stage`), after `wait_seconds`. `facts`
    are for whoever reads the machine's history: texts, among them the `status` and, where there is one, the
    `reason`."""

    stage: str
    wait_seconds: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Machines:
    """`arn_prefix` is everything of a machine's ARN before its name."""

    client: SFNClient
    arn_prefix: str

    def start(self, machine: str, name: str, thing_id: str, *, since: datetime | None = None) -> bool | None:
        """See to it that an execution runs: True when it was started, by us or `since` then by another; False when it
        ran already; None when one of that name has ended.

        To start what runs with the same input is a success too, and is answered with the time when it was started.
        Raises MachinesUnavailable.
        """
        arn, given = f"{self.arn_prefix}{machine}", json.dumps({"id": thing_id})
        try:
            started_at = self.client.start_execution(stateMachineArn=arn, name=name, input=given)["startDate"]
            return since is None or started_at >= since - CLOCKS_DIFFER
        except ClientError as error:
            if error.response["Error"]["Code"] != "ExecutionAlreadyExists":
                raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error
        try:
            status = self._ask("describe_execution", executionArn=self._execution_arn(machine, name))["status"]
        except _NoSuchExecution:  # one that ended long ago: its history goes before its name is free
            return None
        return False if status == "RUNNING" else None

    def begin(self, machine: str, thing_id: str) -> None:
        """Start the first execution. Where Step Functions does not do it, the sweeper will."""
        try:
            self.start(machine, thing_id, thing_id)
        except MachinesUnavailable as unavailable:
            log.warning("machine not started", extra={"id": thing_id, "why": unavailable.detail})

    def succeed(self, token: str, output: Mapping[str, Any]) -> None:
        """Send a task token back. One that is gone (timed out, its execution dead) is no loss: the table knows.

        Raises MachinesUnavailable.
        """
        self._send("send_task_success", taskToken=token, output=json.dumps(output))

    def fail(self, token: str, error: str, cause: str) -> None:
        """Send a task token back with an error, which the machine may retry on. Raises MachinesUnavailable."""
        self._send("send_task_failure", taskToken=token, error=error, cause=cause)

    def _send(self, operation: str, **said: str) -> None:
        try:
            getattr(self.client, operation)(**said)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TOKEN_GONE:
                raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error

    def running(self, machine: str) -> Iterator[list[str]]:
        """The names of the executions that run, a page with each call, newest first; those of the last moments may be
        missing or have ended. Raises MachinesUnavailable."""
        for page in self._executions(machine, "RUNNING"):
            yield [execution["name"] for execution in page]

    def died(self, machine: str, since: datetime) -> Iterator[str]:
        """The names of executions that ended without success since then, newest first. Raises MachinesUnavailable."""
        for status in _DEAD:
            for page in self._executions(machine, status):
                recent = [e for e in page if e.get("stopDate") is None or e["stopDate"] >= since]
                yield from (execution["name"] for execution in recent)
                # They come by their start, newest first; one that ran for days may be further back: it is overdue.
                if not recent:
                    break

    def _executions(self, machine: str, status: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        asked: dict[str, Any] = {"stateMachineArn": f"{self.arn_prefix}{machine}", "statusFilter": status}
        while True:
            page = self._ask("list_executions", **asked, maxResults=LISTED_MAX)
            yield page["executions"]
            if "nextToken" not in page:
                return
            asked["nextToken"] = page["nextToken"]

    def count(self, machine: str, status: str, since: datetime | None = None) -> Count:
        """How many executions have this status, of those that ended only what did `since` then; asked once, so no more
        than LISTED_MAX are counted. Raises MachinesUnavailable."""
        arn = f"{self.arn_prefix}{machine}"
        page = self._ask("list_executions", stateMachineArn=arn, statusFilter=status, maxResults=LISTED_MAX)
        found = [e for e in page["executions"] if since is None or e.get("stopDate") is None or e["stopDate"] >= since]
        return Count(len(found), at_least="nextToken" in page)

    def listed(self, machine: str, status: str, *, limit: int, after: Position | None) -> Page[ListedExecution]:
        """Those of a status, by their start, newest first, with the state in which each is: one request for the page
        and one for each. Raises MachinesUnavailable, and CursorRefused where Step Functions does not know the place."""
        asked: dict[str, Any] = {"stateMachineArn": f"{self.arn_prefix}{machine}", "statusFilter": status}
        if after is not None:
            asked["nextToken"] = after["token"]
        page = self._ask("list_executions", **asked, maxResults=limit)
        items = [self._listed(machine, execution) for execution in page["executions"]]
        return Page(items, {"token": page["nextToken"]} if "nextToken" in page else None)

    def _listed(self, machine: str, told: Mapping[str, Any]) -> ListedExecution:
        arn = self._execution_arn(machine, told["name"])
        state, says = None, None
        try:
            asked: dict[str, Any] = {"executionArn": arn, "maxResults": LAST_EVENTS, "reverseOrder": True}
            events = self._ask("get_execution_history", **asked)["events"]
            found = _states(list(reversed(events)))
            if found:
                state = found[-1]
            elif len(events) < LAST_EVENTS:
                says = "it has come to no state yet"
            else:
                says = f"its last {LAST_EVENTS} events do not tell to which state it came"
        except _NoSuchExecution:  # its history goes 90 days after it has ended
            says = "its history is gone"
        return ListedExecution(told["name"], told["status"], told["startDate"], told.get("stopDate"), state, says)

    def execution(self, machine: str, name: str) -> MachineExecution | None:
        """None when there has been none of that name. Raises MachinesUnavailable."""
        arn = self._execution_arn(machine, name)
        try:
            status = self._ask("describe_execution", executionArn=arn)["status"]
        except _NoSuchExecution:
            return None
        asked: dict[str, Any] = {"executionArn": arn, "maxResults": HISTORY_EVENTS_MAX, "reverseOrder": True}
        newest_first = self._ask("get_execution_history", **asked)["events"]
        events = list(reversed(newest_first))
        steps = [step for event in events if (step := _step(event)) is not None]
        return MachineExecution(name, status, steps, machine, _states(events))

    def definition(self, machine: str) -> Mapping[str, Any]:
        """What it does, in Amazon States Language. Raises MachinesUnavailable."""
        told = self._ask("describe_state_machine", stateMachineArn=f"{self.arn_prefix}{machine}")["definition"]
        read: Mapping[str, Any] = json.loads(told)
        return read

    def _execution_arn(self, machine: str, name: str) -> str:
        return f"{self.arn_prefix.replace(':stateMachine:', ':execution:')}{machine}:{name}"

    def _ask(self, operation: str, **asked: Any) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self.client, operation)(**asked)
            return answer
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ExecutionDoesNotExist":
                raise _NoSuchExecution from error
            if code == "InvalidToken":  # a day old, or of a machine that was made anew
                raise CursorRefused(
                    "Step Functions does not know this cursor any more; begin again without it"
                ) from error
            raise _unavailable(error) from error
        except BotoCoreError as error:
            raise _unavailable(error) from error


class _NoSuchExecution(Exception): ...


def _step(event: Mapping[str, Any]) -> Step | None:
    kind, at = event["type"], event["timestamp"]
    if kind.endswith("StateEntered"):
        return Step(at, event["stateEnteredEventDetails"]["name"])
    details: Mapping[str, Any] = next((v for name, v in event.items() if name.endswith("EventDetails")), {})
    if kind.endswith(("Failed", "TimedOut", "Aborted")):
        error = details.get("error", "")
        if error == ElsewhereNow.__name__:
            return None  # no failure: the states that follow say where it went
        return Step(at, f"{kind}: {error} {_message(details.get('cause', ''))}".strip()[:300])
    return None


def _states(events: Sequence[Mapping[str, Any]]) -> list[StateOfExecution]:
    """Oldest first. One whose beginning is too long ago to be told is not."""
    found: list[StateOfExecution] = []
    tries = 0
    for event in events:
        kind, at = event["type"], event["timestamp"]
        if kind.endswith("StateEntered"):
            found.append(StateOfExecution(event["stateEnteredEventDetails"]["name"], at))
            tries = 0
        elif not found:
            continue
        elif kind.endswith("StateExited"):
            found[-1] = replace(found[-1], left_at=at)
        elif kind in _TRIED:
            tries += 1
            found[-1] = replace(found[-1], attempt=tries)
        elif kind in _OVER:
            found[-1] = replace(found[-1], left_at=found[-1].left_at or at)
        step = None if kind.endswith("StateEntered") else _step(event)
        if step is not None:
            found[-1] = replace(found[-1], error=step.what)
    return found


def _message(cause: str) -> str:
    """What a Lambda function raised comes as JSON with its traceback; other causes are plain words."""
    try:
        told = json.loads(cause)
    except ValueError:
        return cause
    return str(told["errorMessage"]) if isinstance(told, dict) and "errorMessage" in told else cause


def _unavailable(error: Exception) -> MachinesUnavailable:
    what = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return MachinesUnavailable(f"Step Functions did not do it: {what}", retry_after_seconds=5)
