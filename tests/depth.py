"""How far tests go: every day far enough to see each rule and each single fault; `DEPTH=full` (`make prove`) proves;
what has no room in half an hour `DEPTH=simulated` plays besides (`make simulate`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

from tests.harness.points import Points, every_nth

SIMULATED = os.environ.get("DEPTH") == "simulated"
FULL = SIMULATED or os.environ.get("DEPTH") == "full"


def deep(everyday: int, full: int) -> int:
    """The size of something random or exhaustive: a number of lives, examples, schedules, operations."""
    return full if FULL else everyday


def points(life: str) -> Callable[[], Points]:
    """The crash points of a life's matrix: every day a fixed fourth of its calls, `make prove` all of them."""
    return partial(every_nth, deep(everyday=4, full=1), life)
