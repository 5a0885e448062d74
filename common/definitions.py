"""What the definition of a state machine (Amazon States Language) says of its ways: which state leads where, when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
OTHERWISE = "otherwise"
ENDS = ("Succeed", "Fail")


@dataclass(frozen=True)
class State:
    """`ends`: an execution that has come here is over."""

    name: str
    kind: str  # as the language calls it: Task, Choice, Wait, …
    does: str
    ends: bool


@dataclass(frozen=True)
class Way:
    """From one state to another; `why`: on what, if not always. `fails`: on these errors."""

    before: str
    after: str
    why: str = ""
    fails: bool = False


@dataclass(frozen=True)
class Definition:
    """In the order in which it is written, which is the one of what usually happens."""

    name: str
    says: str
    start: str
    states: tuple[State, ...]
    ways: tuple[Way, ...]


def read(name: str, written: Json) -> Definition:
    states: Mapping[str, Json] = written["States"]
    return Definition(
        name=name,
        says=written.get("Comment", ""),
        start=written["StartAt"],
        states=tuple(
            State(each, state["Type"], state.get("Comment", ""), state["Type"] in ENDS or bool(state.get("End")))
            for each, state in states.items()
        ),
        ways=tuple(way for each, state in states.items() for way in _from(each, state)),
    )


def _from(name: str, state: Json) -> Iterator[Way]:
    for after, why in ways(state):
        yield Way(name, after, why)
    for errors, after in caught(state):
        yield Way(name, after, ", ".join(errors), fails=True)


def ways(state: Json) -> Iterator[tuple[str, str]]:
    """Where a state leads without an error, and on what."""
    for choice in state.get("Choices", []):
        yield choice["Next"], _condition(choice)
    if "Default" in state:
        yield state["Default"], OTHERWISE
    if "Next" in state:
        yield state["Next"], ""


def caught(state: Json) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where it leads with which errors."""
    for catch in state.get("Catch", []):
        yield tuple(catch["ErrorEquals"]), catch["Next"]


def _condition(choice: Json) -> str:
    """A rule of a Choice: of a comparison of texts the text, of any other all of it."""
    match choice:
        case {"StringEquals": value}:
            return str(value)
        case {"And": rules}:
            return " and ".join(map(_condition, rules))
        case {"Or": rules}:
            return " or ".join(map(_condition, rules))
        case {"Not": rule}:
            return f"not {_condition(rule)}"
        case {"Variable": variable, **rest}:
            return " ".join([variable, *(f"{name} {value}" for name, value in rest.items() if name != "Next")])
    raise ValueError(f"a choice of a form that is not known here: {dict(choice)}")
