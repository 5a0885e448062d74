"""How far tests go: every day far enough to see each rule and each kind of fault; `DEPTH=full` proves; what has no room
in half an hour `DEPTH=simulated` plays besides (`make simulate`). `DEPTH=beyond` (`make prove`) is the full depth, but
for what says the same there as every day: `make test` has played that."""

from __future__ import annotations

import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pytest

from tests.harness.points import Points, every_nth

_DEPTH = os.environ.get("DEPTH")
if _DEPTH not in (None, "full", "beyond", "simulated"):
    raise pytest.UsageError(f"DEPTH is full, beyond or simulated, or not set (a day's depth); it is {_DEPTH!r}")
SIMULATED = _DEPTH == "simulated"
FULL = _DEPTH in ("full", "beyond", "simulated")

MINUTES = "it takes minutes: make prove"
PROVED = pytest.mark.skipif(not FULL, reason=MINUTES)
"""A journey that starts the stack anew, or says what another one and a random life say every day."""


def deep(everyday: int, full: int) -> int:
    """The size of something random or exhaustive: a number of lives, examples, schedules, operations."""
    return full if FULL else everyday


def points(life: str, everyday: int = 8, proved: int = 1) -> Callable[[], Points]:
    """The crash points of a life's matrix: every day one in so many of its calls, always the same ones; `make prove`
    all of them, or one in `proved` where they are pairs; `make simulate` all."""
    return partial(every_nth, 1 if SIMULATED else deep(everyday, full=proved), life)


def sampled(n: int) -> pytest.MarkDecorator:
    """Marks a test that has a long table of cases: every day about one in `n` of them, always the same ones, and each
    value of each parameter at least once; `make prove` all."""
    return pytest.mark.sampled(n)


def left_out(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Of these tests, those that are not played at this depth."""
    if _DEPTH == "beyond":
        more = {*_not_every_day(items)}
        return [item for item in items if item not in more and not _goes_deeper(item)]
    return [] if FULL else _not_every_day(items)


def _not_every_day(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The cases of long tables that a day leaves out."""
    seen: dict[str, set[tuple[str, int]]] = defaultdict(set)  # by name and identity of a value
    out = []
    for item in items:
        marker = item.get_closest_marker("sampled")
        case = getattr(item, "callspec", None)
        if marker is None or case is None:
            continue
        met = seen[item.nodeid.partition("[")[0]]
        several = len(case.params) > 1
        values = {(name, id(value)) for name, value in case.params.items()} if several else {("", 0)}
        if values <= met and zlib.crc32(item.nodeid.encode()) % marker.args[0]:
            out.append(item)
        else:
            met |= values
    return out


def _goes_deeper(item: pytest.Item) -> bool:
    """Its module asks how far to go, or it is not played every day at all."""
    asks = {"deep", "points", "FULL", "SIMULATED"} & vars(item.module).keys()  # type: ignore[attr-defined]
    return bool(asks) or any(mark.kwargs.get("reason") == MINUTES for mark in item.iter_markers("skipif"))
