"""Amazon States Language, read into a `Machine`: what AWS would not deploy is refused here too.

A mistake is a ValueError that names the state; what AWS can do and this can not (Parallel, Map, Pass, JSONata, paths
for input and output, heartbeats, jitter, other services than Lambda) a NotImplementedError. `asl_data` reads the paths.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, TypeVar

from tests.harness.asl_data import Fill, Path, Test, condition, number, result_path, template

ALL = "States.ALL"
TASK_FAILED = "States.TaskFailed"
TIMEOUT = "States.Timeout"
RUNTIME_ONLY = frozenset({"States.Runtime", "States.DataLimitExceeded"})

Function = Callable[[Any, Any], Any]  # event and context, as Lambda calls a handler

Handler = TypeVar("Handler", "Retrier", "Catcher")

WAIT = re.compile(r"arn:[\w-]+:states:::lambda:invoke\.waitForTaskToken")
LAMBDA = re.compile(r"(?:arn:[\w-]+:lambda:[\w-]*:\d*:function:)?([\w-]+)(?::[\w$-]+)?")


@dataclass(frozen=True)
class Retrier:
    """When to try again. `interval` and `delay_max` in seconds."""

    errors: tuple[str, ...]
    interval: float
    rate: float
    attempts_max: int
    delay_max: float | None

    def delay(self, retries: int) -> float:
        """Seconds to wait after so many retries of this retrier's."""
        delay = self.interval * self.rate**retries
        return delay if self.delay_max is None else min(delay, self.delay_max)


@dataclass(frozen=True)
class Catcher:
    """Where to go on after an error. `result_path` None: with the state's input as it was."""

    errors: tuple[str, ...]
    result_path: Path | None
    next: str


def matches(errors: Collection[str], error: str) -> bool:
    """Whether a Retry or Catch for these names is for this error."""
    if error in errors:
        return True
    if ALL in errors:
        return error not in RUNTIME_ONLY
    return TASK_FAILED in errors and error != TIMEOUT and error not in RUNTIME_ONLY


@dataclass(frozen=True)
class State:
    """What all states have."""

    name: str
    next: str | None
    type: ClassVar[str]


@dataclass(frozen=True)
class Task(State):
    """`task`: the function's plain name. `waits`: for its token."""

    type: ClassVar[str] = "Task"
    task: str
    resource: str
    waits: bool
    parameters: Fill | None
    result_path: Path | None
    timeout: float | None
    retry: tuple[Retrier, ...]
    catch: tuple[Catcher, ...]


@dataclass(frozen=True)
class Choice(State):
    type: ClassVar[str] = "Choice"
    rules: tuple[tuple[Test, str], ...]
    default: str | None


@dataclass(frozen=True)
class Wait(State):
    """For so many seconds, or until a time, which passes at once when it is past. One of the two is None."""

    type: ClassVar[str] = "Wait"
    seconds: float | Path | None
    until: datetime | Path | None


@dataclass(frozen=True)
class Succeed(State):
    type: ClassVar[str] = "Succeed"


@dataclass(frozen=True)
class Fail(State):
    type: ClassVar[str] = "Fail"
    error: str | Path | None
    cause: str | Path | None


@dataclass(frozen=True)
class Definition:
    """As it was read, for any number of machines."""

    start: str
    states: Mapping[str, State]
    written: Mapping[str, Any]


@dataclass(frozen=True)
class Machine:
    """A definition that can run: `tasks` are the functions by name. An Express machine runs for five minutes at most,
    starts as often as it is told to, whatever the name, and can not be asked about."""

    name: str
    definition: Definition
    tasks: Mapping[str, Function]
    express: bool


COMMON = {"Type", "Comment", "QueryLanguage"}
FLOW = COMMON | {"Next", "End"}
FIELDS: Mapping[str, Collection[str]] = {
    "Task": FLOW | {"Resource", "Parameters", "ResultPath", "Retry", "Catch", "TimeoutSeconds"},
    "Choice": COMMON | {"Choices", "Default"},
    "Wait": FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": COMMON,
    "Fail": COMMON | {"Error", "ErrorPath", "Cause", "CausePath"},
}
RETRIER = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "Comment"}
CATCHER = {"ErrorEquals", "ResultPath", "Next", "Comment"}
ELSEWHERE = {
    *("HeartbeatSeconds", "HeartbeatSecondsPath", "Credentials", "Assign", "Arguments", "Output", "ResultSelector"),
    *("InputPath", "OutputPath", "TimeoutSeconds", "TimeoutSecondsPath"),
}
SECONDS_MAX = 99_999_999
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def machine(name: str, definition: Definition, tasks: Mapping[str, Function], *, express: bool = False) -> Machine:
    """ValueError when a state's function is not among the tasks, and for what an Express machine can not do."""
    for state in definition.states.values():
        if isinstance(state, Task) and state.task not in tasks:
            known = ", ".join(sorted(tasks)) or "none at all"
            raise ValueError(f"state {state.name}: there is no task {state.task}, only {known}")
        if isinstance(state, Task) and state.waits and express:
            raise ValueError(f"state {state.name}: an Express machine does not wait for a token")
    return Machine(name, definition, tasks, express)


def read(definition: Mapping[str, Any]) -> Definition:
    """Check a definition and make it ready to run. ValueError when Step Functions would refuse it."""
    _known("the machine", definition, COMMON - {"Type"} | {"StartAt", "States", "Version"})
    given = definition.get("States")
    if not isinstance(given, Mapping) or not given:
        raise ValueError("a machine needs States")
    states = {}
    for state_name, fields in given.items():
        try:
            states[state_name] = _state(state_name, fields)
        except (ValueError, NotImplementedError) as error:
            raise type(error)(f"state {state_name}: {error}") from error
    start = definition.get("StartAt")
    _check_ways(states, start)
    return Definition(str(start), states, definition)


def _check_ways(states: Mapping[str, State], start: Any) -> None:
    """Every way leads to a state, every state is on a way from the start, and there is an end."""
    if start not in states:
        raise ValueError(f"StartAt is {start!r}, and there is no such state")
    reached, todo = {start}, [start]
    while todo:
        here = todo.pop()
        for there in _ways(states[here]):
            if there not in states:
                raise ValueError(f"state {here}: its next is {there!r}, and there is no such state")
            if there not in reached:
                reached.add(there)
                todo.append(there)
    if lost := states.keys() - reached:
        raise ValueError(f"no way leads to {', '.join(sorted(lost))}")
    if all(state.next is not None or isinstance(state, Choice) for state in states.values()):
        raise ValueError("no state is the last: one needs End, Succeed or Fail")


def _ways(state: State) -> Iterator[str]:
    if state.next is not None:
        yield state.next
    if isinstance(state, Task):
        yield from (catcher.next for catcher in state.catch)
    if isinstance(state, Choice):
        yield from (there for _, there in state.rules)
        if state.default is not None:
            yield state.default


def _state(name: str, fields: Any) -> State:
    if not 1 <= len(name) <= 80:
        raise ValueError("a state's name has 1 to 80 characters")
    kind = str(fields.get("Type")) if isinstance(fields, Mapping) else ""
    if kind in ("Parallel", "Map", "Pass"):
        raise NotImplementedError(f"{kind} states do not run here")
    if kind not in FIELDS:
        raise ValueError(f"there are no states of type {kind}")
    _known("it", fields, FIELDS[kind])
    following = fields.get("Next")
    if "Next" in FIELDS[kind] and (following is None) != (fields.get("End") is True):
        raise ValueError("it needs either Next or End")
    if kind == "Task":
        return _task(name, following, fields)
    if kind == "Choice":
        given = fields.get("Choices")
        if not isinstance(given, list) or not given:
            raise ValueError("it needs Choices")
        rules = tuple((condition(rule), rule["Next"]) for rule in given)
        return Choice(name, None, rules, fields.get("Default"))
    if kind == "Wait":
        return _wait(name, following, fields)
    if kind == "Succeed":
        return Succeed(name, None)
    return Fail(name, None, _said(fields, "Error"), _said(fields, "Cause"))


def _task(name: str, following: str | None, fields: Mapping[str, Any]) -> Task:
    resource = fields.get("Resource")
    if not isinstance(resource, str):
        raise ValueError("it needs a Resource")
    waits = bool(WAIT.fullmatch(resource))
    function_name = _invoked(fields) if waits else resource
    function = LAMBDA.fullmatch(function_name)
    if not function:
        raise NotImplementedError(f"only Lambda functions run here, not {function_name}")
    return Task(
        name,
        following,
        task=function[1],
        resource=resource,
        waits=waits,
        parameters=_filled(fields, "Parameters"),
        result_path=_result_path(fields),
        timeout=_seconds("TimeoutSeconds", fields["TimeoutSeconds"], least=1) if "TimeoutSeconds" in fields else None,
        retry=_listed(fields, "Retry", _retrier),
        catch=_listed(fields, "Catch", _catcher),
    )


def _invoked(fields: Mapping[str, Any]) -> str:
    """The name of the function that lambda:invoke calls."""
    parameters = fields.get("Parameters")
    if not isinstance(parameters, Mapping) or not {"FunctionName", "FunctionName.$"} & parameters.keys():
        raise ValueError("lambda:invoke needs Parameters with a FunctionName")
    if others := parameters.keys() - {"FunctionName", "Payload", "Payload.$"}:
        raise NotImplementedError(f"lambda:invoke with {', '.join(sorted(others))}")
    return str(parameters["FunctionName"])


def _retrier(fields: Any) -> Retrier:
    _known("a Retry", fields, RETRIER | {"JitterStrategy"})
    if fields.get("JitterStrategy", "NONE") != "NONE":
        raise NotImplementedError("JitterStrategy is chance, which does not run here")
    attempts, rate = fields.get("MaxAttempts", 3), fields.get("BackoffRate", 2.0)
    interval = _seconds("IntervalSeconds", fields.get("IntervalSeconds", 1), least=1)
    if type(attempts) is not int or not 0 <= attempts <= SECONDS_MAX:
        raise ValueError(f"MaxAttempts should be 0 or more, but is {attempts!r}")
    if number(rate) is None or rate < 1:
        raise ValueError(f"BackoffRate should be 1 or more, but is {rate!r}")
    longest = fields.get("MaxDelaySeconds")
    delay_max = None if longest is None else _seconds("MaxDelaySeconds", longest, least=1)
    if delay_max is not None and delay_max <= interval:
        raise ValueError("MaxDelaySeconds should be more than IntervalSeconds")
    return Retrier(_errors(fields), interval, rate, attempts, delay_max)


def _catcher(fields: Any) -> Catcher:
    _known("a Catch", fields, CATCHER)
    if not isinstance(fields.get("Next"), str):
        raise ValueError("a Catch needs Next")
    return Catcher(_errors(fields), _result_path(fields), fields["Next"])


def _errors(fields: Mapping[str, Any]) -> tuple[str, ...]:
    errors = fields.get("ErrorEquals")
    if not isinstance(errors, list) or not errors or not all(isinstance(error, str) for error in errors):
        raise ValueError(f"ErrorEquals should be a list of names, but is {errors!r}")
    if ALL in errors and len(errors) > 1:
        raise ValueError(f"{ALL} stands alone in ErrorEquals")
    return tuple(errors)


def _listed(fields: Mapping[str, Any], name: str, read: Callable[[Any], Handler]) -> tuple[Handler, ...]:
    given = fields.get(name, [])
    if not isinstance(given, list):
        raise ValueError(f"{name} should be a list, but is {given!r}")
    handlers = tuple(map(read, given))
    if any(ALL in handler.errors for handler in handlers[:-1]):
        raise ValueError(f"{ALL} stands last in {name}")
    return handlers


def _wait(name: str, following: str | None, fields: Mapping[str, Any]) -> Wait:
    given = fields.keys() - FLOW
    if len(given) != 1:
        raise ValueError("a Wait needs either Seconds, SecondsPath, Timestamp or TimestampPath")
    (by,) = given
    said = fields[by]
    if by == "Seconds":
        return Wait(name, following, _seconds(by, said, least=0), None)
    if by == "SecondsPath":
        return Wait(name, following, Path.read(said, by), None)
    if by == "TimestampPath":
        return Wait(name, following, None, Path.read(said, by))
    until = timestamp(said)
    if until is None:
        raise ValueError(f"Timestamp should be a time as 2026-01-31T12:00:00Z, but is {said!r}")
    return Wait(name, following, None, until)


def timestamp(said: Any) -> datetime | None:
    """A time as Step Functions reads it, to the microsecond; None for what is none."""
    if not isinstance(said, str) or not TIMESTAMP.fullmatch(said):
        return None
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None


def _seconds(name: str, value: Any, *, least: int) -> float:
    if type(value) is not int or not least <= value <= SECONDS_MAX:
        raise ValueError(f"{name} should be a whole number of seconds from {least} to {SECONDS_MAX}, but is {value!r}")
    return value


def _said(fields: Mapping[str, Any], name: str) -> str | Path | None:
    if {name, f"{name}Path"} <= fields.keys():
        raise ValueError(f"it has both {name} and {name}Path")
    if f"{name}Path" in fields:
        return Path.read(fields[f"{name}Path"], f"{name}Path")
    if not isinstance(said := fields.get(name), str | None):
        raise ValueError(f"{name} should be a string, but is {said!r}")
    return said


def _result_path(fields: Mapping[str, Any]) -> Path | None:
    text = fields.get("ResultPath", "$")
    return None if text is None else result_path(text)


def _filled(fields: Mapping[str, Any], name: str) -> Fill | None:
    if name not in fields:
        return None
    if not isinstance(fields[name], Mapping):
        raise ValueError(f"{name} should be an object, but is {fields[name]!r}")
    return template(fields[name])


def _known(what: str, fields: Any, names: Collection[str]) -> None:
    if not isinstance(fields, Mapping):
        raise ValueError(f"{what} should be an object, but is {fields!r}")
    if fields.get("QueryLanguage", "JSONPath") != "JSONPath":
        raise NotImplementedError("only JSONPath runs here")
    unknown = fields.keys() - names
    if unknown and unknown <= ELSEWHERE:
        raise NotImplementedError(f"{', '.join(sorted(unknown))} do not run here")
    if unknown:
        raise ValueError(f"{what} has fields that are not known: {', '.join(sorted(unknown))}")
