"""The state machines in docs/machines.md: each with a diagram and a list of states, drawn from its definition.

A definition may have any shape. An arrow is drawn for each way from one state to another, but for an error that is
caught alike in many states: those arrows would cover the others, so they become one sentence.

    <!-- machine: payout -->        what stands between these two lines is drawn anew
    <!-- end -->
"""

from __future__ import annotations

import json
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from common.definitions import caught, ways
from infra.bundle import ROOT

DEFINITIONS = ROOT / "tests" / "golden"  # as they are synthesised: a test compares them
PAGE = "docs/machines.md"
ALIKE = 3  # states that catch the same errors and lead to the same state: from so many on a sentence says it
LINE_MAX = 120

_REGION = re.compile(r"<!-- machine: ([\w-]+) -->\n.*?<!-- end -->\n", re.DOTALL)

Json = Mapping[str, Any]


class NotOnThePage(LookupError):
    """docs/machines.md has no place for a machine, or one for a machine that there is not."""


def definitions() -> dict[str, Json]:
    """By the machine's name."""
    files = sorted(DEFINITIONS.glob("*.asl.json"))
    return {path.name.removesuffix(".asl.json"): json.loads(path.read_text()) for path in files}


def drawn(page: str, machines: Mapping[str, Json]) -> str:
    """The page with all its machines drawn anew. Raises NotOnThePage."""
    places = _REGION.findall(page)
    if sorted(places) != sorted(machines):
        raise NotOnThePage(f"{PAGE} has places for {sorted(places)}, and there are {sorted(machines)}")
    return _REGION.sub(lambda place: _region(place[1], machines[place[1]]), page)


def diagram(definition: Json) -> str:
    """Of one machine, as Mermaid."""
    return _Machine(definition).diagram()


def _region(name: str, definition: Json) -> str:
    machine = _Machine(definition)
    about, alike = definition.get("Comment"), map(_wrapped, machine.sentences())
    parts = [*([_wrapped(about)] if about else []), machine.diagram(), *alike, machine.described()]
    return "\n\n".join([f"<!-- machine: {name} -->", *parts, "<!-- end -->"]) + "\n"


@dataclass(frozen=True)
class _Machine:
    definition: Json

    @cached_property
    def states(self) -> Mapping[str, Json]:
        found: Mapping[str, Json] = self.definition["States"]
        return found

    def diagram(self) -> str:
        lines = [f"    [*] --> {self.definition['StartAt']}"]
        for name, state in self.states.items():
            lines += [f"    {name} --> {target}{f' : {why}' if why else ''}" for target, why in ways(state)]
            for errors, target in caught(state):
                if name not in self._caught_alike.get((errors, target), ()):
                    lines.append(f"    {name} --> {target} : {', '.join(errors)}")
            if state["Type"] in ("Succeed", "Fail") or state.get("End"):
                lines.append(f"    {name} --> [*]")
        return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])

    def sentences(self) -> Iterator[str]:
        """What many states have in common."""
        for (errors, target), names in self._caught_alike.items():
            told = "Any other error" if errors == ("States.ALL",) else _code(*errors)
            if set(names) == {name for name, state in self.states.items() if state["Type"] == "Task"}:
                yield f"{told} of any task leads to `{target}`."
            else:
                yield f"{told} leads to `{target}`, from {_code(*names)}."
        for letter, retry in self._retried_alike.items():
            yield f"**{letter}** in the list: {_times(retry)}, on {_code(*retry['ErrorEquals'])}."

    def described(self) -> str:
        """What each state does, and when that is tried again."""
        items = []
        for name, state in self.states.items():
            does = ": ".join(filter(None, [_kind(state), state.get("Comment", "")]))
            again = "; ".join(self._retries(state))
            items.append(f"- `{name}`: {does}{f' (tried again: {again})' if again else ''}")
        return "\n".join(_wrapped(item, indent="  ") for item in items)

    def _retries(self, state: Json) -> Iterator[str]:
        for retry in state.get("Retry", []):
            letters = [letter for letter, alike in self._retried_alike.items() if alike == retry]
            yield f"**{letters[0]}**" if letters else f"{_code(*retry['ErrorEquals'])} {_times(retry)}"

    @cached_property
    def _caught_alike(self) -> Mapping[tuple[tuple[str, ...], str], list[str]]:
        """States by what they catch and where it leads, where they are many."""
        found: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        for name, state in self.states.items():
            for each in caught(state):
                found[each].append(name)
        return {each: names for each, names in found.items() if len(names) >= ALIKE}

    @cached_property
    def _retried_alike(self) -> Mapping[str, Json]:
        """Rules that many states have, each by the letter that stands for it."""
        rules = [retry for state in self.states.values() for retry in state.get("Retry", [])]
        several: list[Json] = []
        for rule in rules:
            if rules.count(rule) >= ALIKE and rule not in several:
                several.append(rule)
        return dict(zip("ABCDEFGH", several, strict=False))


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, LINE_MAX, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )  # fmt: skip


def _kind(state: Json) -> str:
    match state:
        case {"Type": "Task", "Parameters": {"FunctionName": function}, "TimeoutSeconds": seconds}:
            return f"`{function}`, then waits for its token, {seconds} s at most"
        case {"Type": "Task", "Resource": function}:
            return f"`{function}`"
        case {"Type": "Choice", "Choices": [{"Variable": variable}, *_]}:
            return f"looks at `{variable}`"
        case {"Type": "Wait", "SecondsPath": path}:
            return f"waits for `{path}` seconds"
        case {"Type": "Wait", "TimestampPath": path}:
            return f"waits until `{path}`"
        case {"Type": "Wait", "Seconds": seconds}:
            return f"waits for {seconds} s"
        case {"Type": "Fail", "Cause": cause}:
            return f"the execution fails: {cause}"
        case {"Type": "Fail", "CausePath": path}:
            return f"the execution fails, with the cause in `{path}`"
        case {"Type": "Succeed"}:
            return "the execution ends well"
    return str(state["Type"])


def _times(retry: Json) -> str:
    first, rate, times = retry.get("IntervalSeconds", 1), retry.get("BackoffRate", 2), retry.get("MaxAttempts", 3)
    growth = "" if rate == 1 else f" × {rate}"
    most = f" up to {retry['MaxDelaySeconds']} s" if "MaxDelaySeconds" in retry else ""
    return f"after {first} s{growth}{most}, {times} times"


def _code(*names: str) -> str:
    return ", ".join(f"`{name}`" for name in names)
