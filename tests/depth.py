"""How far tests go: every day far enough to see each rule and each single fault; `DEPTH=full` (`make prove`) proves."""

from __future__ import annotations

import os

FULL = os.environ.get("DEPTH") == "full"


def deep(everyday: int, full: int) -> int:
    """The size of something random or exhaustive: a number of lives, examples, schedules, operations."""
    return full if FULL else everyday
