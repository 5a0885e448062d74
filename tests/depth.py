"""How far tests go: every day far enough to see each rule and each kind of fault; `DEPTH=full` (`make prove`) proves;
what has no room in half an hour `DEPTH=simulated` plays besides (`make simulate`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import pytest

from tests.harness.points import Points, every_nth

SIMULATED = os.environ.get("DEPTH") == "simulated"
FULL = SIMULATED or os.environ.get("DEPTH") == "full"

PROVED = pytest.mark.skipif(not FULL, reason="it takes minutes: make prove")
"""A journey that starts the stack anew, or says what another one and a random life say every day."""


def deep(everyday: int, full: int) -> int:
    """The size of something random or exhaustive: a number of lives, examples, schedules, operations."""
    return full if FULL else everyday


def points(life: str, everyday: int = 4) -> Callable[[], Points]:
    """The crash points of a life's matrix: every day one in so many of its calls, always the same ones; `make prove`
    all of them."""
    return partial(every_nth, deep(everyday, full=1), life)
