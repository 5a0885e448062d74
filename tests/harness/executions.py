"""One execution of a state machine: where it stands, what became of it, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from tests.harness import asl
from tests.harness.asl_data import Failure

RUNNING, SUCCEEDED, FAILED, TIMED_OUT = "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT"
EXPRESS_MAX = timedelta(minutes=5)  # AWS stops an Express execution then


# A line of the history: when, its type, the member that has its details, and these, data as JSON.
Event = tuple[datetime, str, str | None, Mapping[str, str | int | None]]


@dataclass(eq=False)
class Token:
    """A task token: valid until somebody sends it back or its state ends."""

    text: str
    execution: Execution
    deadline: datetime | None = None
    sent: bool = False
    output: Any = None
    failure: Failure | None = None


class Stage(Enum):
    """What the next step does."""

    ENTER = "enter the state"
    RETRY = "try the task again"
    WAITED = "leave the Wait state"
    TOKEN = "go on with what was sent with the token, or time out"


@dataclass(eq=False)
class Execution:
    """One execution: for a test to look at, and for `Interpreter` to take on.

    Args:
        input, output: values; output None unless it succeeded.
        visited: every state that was entered, in order; a retry does not enter again.
        transitions: as AWS bills them: each state entered, each retry.
        waits_seconds: every wait, in order: before a retry, in a Wait state, for a token until its time-out.
        due: when it goes on by itself; None when it is closed, or waits for a token without a time-out.
    """

    number: int
    arn: str
    machine_arn: str
    machine: asl.Machine
    name: str
    input_text: str
    started: datetime
    input: Any
    status: str = RUNNING
    output: Any = None
    error: str | None = None
    cause: str | None = None
    stopped: datetime | None = None
    visited: list[str] = field(default_factory=list)
    transitions: int = 0
    waits_seconds: list[float] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    due: datetime | None = None
    # where it stands
    stage: Stage = Stage.ENTER
    state: asl.State = field(init=False)
    raw: Any = None  # the state's input
    raw_text: str = ""  # it as JSON
    entered: datetime = field(init=False)
    entered_event: int = 0
    retries: int = 0
    retries_by: dict[int, int] = field(default_factory=dict)  # by the retrier's place
    token: Token | None = None
    forgotten: bool = False  # by a service that was restarted: it never heard of its tokens

    def __post_init__(self) -> None:
        definition = self.machine.definition
        self.state = definition.states[definition.start]
        self.raw, self.raw_text = self.input, self.input_text
        self.entered = self.due = self.started

    @property
    def running(self) -> bool:
        return self.status == RUNNING

    @property
    def ends_by(self) -> datetime | None:
        """When it is stopped wherever it stands."""
        return self.started + EXPRESS_MAX if self.machine.express else None

    @property
    def goes_on(self) -> bool:
        """Whether it has another step to do at once."""
        return self.status == RUNNING and self.stage is Stage.ENTER

    @property
    def waits_for_token(self) -> bool:
        return self.status == RUNNING and self.stage is Stage.TOKEN

    def record(self, at: datetime, kind: str, key: str | None = None, **details: str | int | None) -> None:
        self.events.append((at, kind, key, details))

    def close(self, at: datetime, status: str, error: str | None = None, cause: str | None = None) -> None:
        self.status, self.error, self.cause, self.stopped, self.due = status, error, cause, at, None

    def context(self) -> Mapping[str, Any]:
        """The context object, `$$`. Task is only there while there is a token."""
        state = {"EnteredTime": _written(self.entered), "Name": self.state.name, "RetryCount": self.retries}
        return {
            "Execution": {
                "Id": self.arn,
                "Input": self.input,
                "Name": self.name,
                "RoleArn": "arn:aws:iam::123456789012:role/machine",
                "StartTime": _written(self.started),
            },
            "State": state,
            "StateMachine": {"Id": self.machine_arn, "Name": self.machine.name},
            **({"Task": {"Token": self.token.text}} if self.token else {}),
        }


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
