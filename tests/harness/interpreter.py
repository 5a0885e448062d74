"""What the steps of an execution do.

A step is a state that is entered, an attempt that is tried again, or the end of a wait. Nothing here waits: an
execution that has to is left with the time when it goes on (`due`), and `stepfunctions` takes it up then.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.harness import asl
from tests.harness.asl_data import RUNTIME, Failure, Path, runtime, write
from tests.harness.executions import FAILED, SUCCEEDED, TIMED_OUT, Execution, Stage, Token
from tests.harness.faults import Crash

EVENTS_MAX = 25_000  # of a history; AWS fails an execution that gets there
TOO_LONG = f"The execution reached the maximum number of history events ({EVENTS_MAX})."


class Interpreter:
    """Takes executions on by the definitions of their machines.

    Args:
        now: the clock; read when a step begins and again when a task has answered, as tasks may move it.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self.tokens: dict[str, Token] = {}

    def step(self, x: Execution) -> None:
        """One step of a running execution. Afterwards it is closed, or `due` at once or later, or never by itself."""
        now = self._now()
        try:
            if _out_of_time(x, now):
                self._time_out(x, now)
            elif len(x.events) >= EVENTS_MAX and not x.machine.express:
                self._give_up(x, now, RUNTIME, TOO_LONG)
            elif x.stage is Stage.ENTER:
                self._enter(x, now)
            elif x.stage is Stage.WAITED:
                self._go(x, now, x.raw, x.state.next)
            else:
                self._task(x, now)
        except Failure as failure:
            cause = failure.cause
            if failure.error == RUNTIME:
                where = f"the state '{x.state.name}' (entered at the event id #{x.entered_event})"
                cause = f"An error occurred while executing {where}. {cause}"
            self._give_up(x, self._now(), failure.error, cause)

    def _enter(self, x: Execution, now: datetime) -> None:
        state = x.state
        x.visited.append(state.name)
        x.transitions += 1
        x.record(now, f"{state.type}StateEntered", "stateEnteredEventDetails", name=state.name, input=x.raw_text)
        x.entered, x.entered_event, x.retries, x.retries_by = now, len(x.events), 0, {}
        if isinstance(state, asl.Task):
            self._task(x, now)
        elif isinstance(state, asl.Choice):
            self._choose(x, state, now)
        elif isinstance(state, asl.Wait):
            self._wait(x, state, now)
        elif isinstance(state, asl.Fail):
            raise Failure(_said(x, state.error), _said(x, state.cause))
        else:
            self._go(x, now, x.raw, None)

    def _choose(self, x: Execution, state: asl.Choice, now: datetime) -> None:
        following = next((there for test, there in state.rules if test(x.raw, x.context)), state.default)
        if following is None:
            raise runtime("Failed to transition out of the state. The state does not point to a next state.")
        self._go(x, now, x.raw, following)

    def _wait(self, x: Execution, state: asl.Wait, now: datetime) -> None:
        if state.until is not None:
            until = max(now, _until(x, state.until))
        else:
            assert state.seconds is not None
            until = now + timedelta(seconds=_seconds(x, state.seconds))
        x.waits_seconds.append((until - now).total_seconds())
        self._sleep(x, Stage.WAITED, until)

    def _go(self, x: Execution, now: datetime, output: Any, following: str | None) -> None:
        text = x.raw_text if output is x.raw else write(output)
        x.record(now, f"{x.state.type}StateExited", "stateExitedEventDetails", name=x.state.name, output=text)
        x.token = None
        if following is None:
            x.output = output
            x.close(now, SUCCEEDED)
            x.record(now, "ExecutionSucceeded", "executionSucceededEventDetails", output=text)
        else:
            x.state, x.raw, x.raw_text = x.machine.definition.states[following], output, text
            x.stage, x.due = Stage.ENTER, now

    def _sleep(self, x: Execution, stage: Stage, until: datetime | None) -> None:
        x.stage, x.due = stage, min(filter(None, (until, x.ends_by)), default=None)

    def _time_out(self, x: Execution, now: datetime) -> None:
        x.close(now, TIMED_OUT, asl.TIMEOUT)
        x.record(now, "ExecutionTimedOut", "executionTimedOutEventDetails", error=asl.TIMEOUT)

    def _give_up(self, x: Execution, now: datetime, error: str | None, cause: str | None) -> None:
        x.close(now, FAILED, error, cause)
        x.record(now, "ExecutionFailed", "executionFailedEventDetails", error=error, cause=cause)

    # Tasks

    def _task(self, x: Execution, now: datetime) -> None:
        task = x.state
        assert isinstance(task, asl.Task)
        try:
            if x.stage is Stage.TOKEN:
                self._answered(x, task, now)
            else:
                self._attempt(x, task, now)
        except Failure as failure:
            self._failed(x, task, failure)

    def _attempt(self, x: Execution, task: asl.Task, now: datetime) -> None:
        if x.stage is Stage.RETRY:
            x.retries += 1
            x.transitions += 1
        x.token = token = self._new_token(x) if task.waits else None
        payload = x.raw if task.parameters is None else task.parameters(x.raw, x.context)
        text = x.raw_text if payload is x.raw else write(payload)
        deadline = None if task.timeout is None else now + timedelta(seconds=task.timeout)
        if token:
            token.deadline = deadline
        _record_start(x, task, now, text)
        event = write(payload.get("Payload", {})) if task.waits else text
        answer, failure = _invoke(x.machine.tasks[task.task], event)
        if not x.running:
            return  # stopped, or dead with the service, while the task ran
        now = self._now()
        if _out_of_time(x, now):
            self._time_out(x, now)
        elif token and token.sent:
            self._answered(x, task, now)
        elif token and failure is None:
            _record(x, task, now, "Submitted", output=write(_envelope(answer)))
            self._sleep(x, Stage.TOKEN, deadline)
        elif deadline is not None and now >= deadline:
            raise _recorded(x, task, now, Failure(asl.TIMEOUT))
        elif failure:
            raise _recorded(x, task, now, failure)
        else:
            self._done(x, task, now, answer)

    def _answered(self, x: Execution, task: asl.Task, now: datetime) -> None:
        """What was sent back with the token, or that nothing was."""
        token = x.token
        assert token
        if not token.sent:
            assert task.timeout is not None
            x.waits_seconds.append(task.timeout)
            raise _recorded(x, task, now, Failure(asl.TIMEOUT))
        if token.failure:
            raise _recorded(x, task, now, token.failure)
        self._done(x, task, now, token.output)

    def _done(self, x: Execution, task: asl.Task, now: datetime, result: Any) -> None:
        _record(x, task, now, "Succeeded", output=write(result))
        output = x.raw if task.result_path is None else task.result_path.place(x.raw, result)
        self._go(x, now, output, task.next)

    def _failed(self, x: Execution, task: asl.Task, failure: Failure) -> None:
        """By Retry, by Catch, or not at all: then the failure goes on."""
        now, error = self._now(), failure.error or ""
        x.token = None
        for place, retrier in enumerate(task.retry):
            if asl.matches(retrier.errors, error):
                retries = x.retries_by.get(place, 0)
                if retries < retrier.attempts_max:
                    x.retries_by[place] = retries + 1
                    seconds = retrier.delay(retries)
                    x.waits_seconds.append(seconds)
                    return self._sleep(x, Stage.RETRY, now + timedelta(seconds=seconds))
                break  # a used-up retrier does not give way to the next one
        for catcher in task.catch:
            if asl.matches(catcher.errors, error):
                path = catcher.result_path
                output = x.raw if path is None else path.place(x.raw, failure.output)
                return self._go(x, now, output, catcher.next)
        raise failure

    def _new_token(self, x: Execution) -> Token:
        """A token that is as opaque as AWS's, and the same in every run."""
        text = base64.b64encode(hashlib.sha512(f"{x.arn} {len(self.tokens)}".encode()).digest()).decode()
        token = self.tokens[text] = Token(text, x)
        return token


def _invoke(function: asl.Function, text: str) -> tuple[Any, Failure | None]:
    """A function's answer or failure, as the Lambda runtime gives them. What else is raised goes through."""
    event = json.loads(text)
    try:
        answer = function(event, None)
    except Exception as error:
        return None, _unhandled(type(error).__name__, str(error))
    except Crash as crash:
        return None, _unhandled("Runtime.ExitError", str(crash))
    try:
        return json.loads(_marshal(answer)), None
    except (TypeError, ValueError) as error:
        return None, _unhandled("Runtime.MarshalError", f"Unable to marshal response: {error}")


def _unhandled(error: str, message: str) -> Failure:
    return Failure(error, write({"errorMessage": message, "errorType": error}))


def _number(value: Any) -> Any:
    """Decimals are numbers to AWS's runtime client."""
    if not isinstance(value, Decimal):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    return json.loads(str(value))


_marshal = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_number).encode


def _envelope(answer: Any) -> dict[str, Any]:
    """An answer of lambda:invoke."""
    return {
        "ExecutedVersion": "$LATEST",
        "Payload": answer,
        "SdkHttpMetadata": {"HttpHeaders": {}, "HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": "in-memory"},
        "StatusCode": 200,
    }


def _said(x: Execution, said: str | Path | None) -> str | None:
    """A Fail's error or cause."""
    if not isinstance(said, Path):
        return said
    found = said.find(x.raw, x.context)
    if not isinstance(found, str):
        raise runtime(f"The {said.field} parameter does not reference a string: {said.text} == {write(found)}")
    return found


def _out_of_time(x: Execution, now: datetime) -> bool:
    return x.ends_by is not None and now >= x.ends_by


def _until(x: Execution, until: datetime | Path) -> datetime:
    if not isinstance(until, Path):
        return until
    found = until.find(x.raw, x.context)
    at = asl.timestamp(found)
    if at is None:
        form = "a valid ISO-8601 extended offset date-time format string"
        raise runtime(f"The {until.field} parameter does not reference {form}: {until.text} == {write(found)}")
    return at


def _seconds(x: Execution, seconds: float | Path) -> float:
    if not isinstance(seconds, Path):
        return seconds
    found = seconds.find(x.raw, x.context)
    if type(found) is not int or not 0 <= found <= asl.SECONDS_MAX:
        raise runtime(f"The {seconds.field} parameter is no number of seconds: {seconds.text} == {write(found)}")
    return found


# The history of a task


def _record_start(x: Execution, task: asl.Task, now: datetime, payload: str) -> None:
    limit = {} if task.timeout is None else {"timeoutInSeconds": int(task.timeout)}
    if task.waits:
        _record(x, task, now, "Scheduled", region="us-east-1", parameters=payload, **limit)
        _record(x, task, now, "Started")
    else:
        key = "lambdaFunctionScheduledEventDetails"
        x.record(now, "LambdaFunctionScheduled", key, resource=task.resource, input=payload, **limit)
        x.record(now, "LambdaFunctionStarted")


def _record(x: Execution, task: asl.Task, now: datetime, what: str, **details: str | int | None) -> None:
    """An event of a task: one that waits for its token has another name and says the resource."""
    if task.waits:
        resource = {"resourceType": "lambda", "resource": "invoke.waitForTaskToken"}
        x.record(now, f"Task{what}", f"task{what}EventDetails", **resource, **details)
    else:
        x.record(now, f"LambdaFunction{what}", f"lambdaFunction{what}EventDetails", **details)


def _recorded(x: Execution, task: asl.Task, now: datetime, failure: Failure) -> Failure:
    """The failure, written down."""
    what = "TimedOut" if failure.error == asl.TIMEOUT else "Failed"
    _record(x, task, now, what, error=failure.error, cause=failure.cause)
    return failure
