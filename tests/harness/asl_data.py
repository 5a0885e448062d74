"""Data on its way through a state machine: paths, templates, results put in their place, and the tests of a Choice.

Everything is read once, when a machine is deployed, into functions of the state's input and of the context
object (`$$`), which is a function because it is only made when it is looked at. Values are never changed in
place: what an execution has passed on may be shared with its history.

Source of the language: https://states-language.net/spec.html, its JSONPath dialect. Filters, slices, wildcards,
intrinsic functions and all comparisons but StringEquals are missing here (NotImplementedError).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

RUNTIME = "States.Runtime"
NOT_PLACED = "States.ResultPathMatchFailure"

Context = Callable[[], Mapping[str, Any]]
Fill = Callable[[Any, Context], Any]
Test = Callable[[Any, Context], bool]

write = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Failure(Exception):
    """A state fails, with the error's name and its cause, as Retry and Catch see them."""

    def __init__(self, error: str | None, cause: str | None = None) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause

    @property
    def output(self) -> dict[str, str]:
        """What a Catch passes on."""
        return {"Error": self.error or "", "Cause": self.cause or ""}


def runtime(cause: str) -> Failure:
    """The definition does not fit the data: no Retry and no Catch helps."""
    return Failure(RUNTIME, cause)


STEP = re.compile(r"\.([^\W\d][\w-]*)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


@dataclass(frozen=True)
class Path:
    """A reference path: `$.a.b[0]['c']`, or `$$.…` into the context object. `field` is where it was written."""

    text: str
    field: str
    steps: tuple[str | int, ...]
    of_context: bool = False

    @classmethod
    def read(cls, text: Any, field: str) -> Path:
        """Raises ValueError for what is no path, NotImplementedError for paths that may find several things."""
        if not isinstance(text, str) or not text.startswith("$"):
            raise ValueError(f"{field} should be a path that begins with $, but is {text!r}")
        of_context = text.startswith("$$")
        rest, at = text[2 if of_context else 1 :], 0
        steps: list[str | int] = []
        while at < len(rest):
            step = STEP.match(rest, at)
            if not step:
                if re.search(r"[*?:@,]|\.\.", rest) or re.match(r"[^\W\d]", rest):
                    raise NotImplementedError(f"{field}: only reference paths work here, not {text}")
                raise ValueError(f"{field} is no path: {text}")
            name, index, quoted, doubly = step.groups()
            steps.append(int(index) if index else name or quoted or doubly)
            at = step.end()
        return cls(text, field, tuple(steps), of_context)

    def find(self, data: Any, context: Context) -> Any:
        """What is there. Fails with States.Runtime when nothing is."""
        found: Any = context() if self.of_context else data
        for step in self.steps:
            if isinstance(step, str):
                there = isinstance(found, dict) and step in found
            else:
                there = isinstance(found, list) and step < len(found)
            if not there:
                where = f"The JSONPath '{self.text}' specified for the field '{self.field}'"
                raise runtime(f"{where} could not be found in the input '{write(data)}'")
            found = found[step]
        return found

    def place(self, data: Any, value: Any) -> Any:
        """The data with the value at this path. Fails with States.ResultPathMatchFailure if it does not fit."""
        return self._place(data, value, 0)

    def _place(self, data: Any, value: Any, depth: int) -> Any:
        if depth == len(self.steps):
            return value
        if not isinstance(data, dict):
            raise Failure(NOT_PLACED, f"Unable to apply {self.field} {self.text} to the input {write(data)}")
        step = self.steps[depth]
        return {**data, step: self._place(data.get(step, {}), value, depth + 1)}


def result_path(text: Any, field: str = "ResultPath") -> Path:
    """A path that something can be put at: names only, and not in the context object."""
    path = Path.read(text, field)
    if path.of_context:
        raise ValueError(f"{field} can not be in the context object: {text}")
    if any(isinstance(step, int) for step in path.steps):
        raise NotImplementedError(f"{field} into an array: {text}")
    return path


def template(node: Any) -> Fill:
    """Parameters, a ResultSelector: the same value with each `"x.$": path` replaced by what is there."""
    if isinstance(node, Mapping):
        parts = [_member(name, part) for name, part in node.items()]
        return lambda data, context: {name: fill(data, context) for name, fill in parts}
    if isinstance(node, list | tuple):
        fills = [template(part) for part in node]
        return lambda data, context: [fill(data, context) for fill in fills]
    return lambda _data, _context: node


def _member(name: str, part: Any) -> tuple[str, Fill]:
    if not name.endswith(".$"):
        return name, template(part)
    if isinstance(part, str) and part.startswith("States."):
        raise NotImplementedError(f"{name}: intrinsic functions ({part})")
    return name.removesuffix(".$"), Path.read(part, name).find


def number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def condition(rule: Any) -> Test:
    """The test of one rule of a Choice."""
    if not isinstance(rule, Mapping) or not isinstance(rule.get("Next"), str):
        raise ValueError(f"every rule needs Next: {rule}")
    said = rule.keys() - {"Next", "Comment"}
    if said != {"Variable", "StringEquals"}:
        raise NotImplementedError(f"only StringEquals compares a Variable here: {rule}")
    variable, value = Path.read(rule["Variable"], "Variable"), rule["StringEquals"]
    if not isinstance(value, str):
        raise ValueError(f"StringEquals can not compare with {value!r}")
    return lambda data, context: bool(variable.find(data, context) == value)
