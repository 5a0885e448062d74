"""When it means something that an outside system does not know what it was sent: once two looks, late enough, agree."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

SECOND_LOOK_SECONDS = 10  # at least, between the two looks


class Miss(StrEnum):
    """What it means that a look did not find what was sent."""

    TOO_EARLY = "TOO_EARLY"  # the system may still come to know it
    FIRST = "FIRST"  # late enough: to be written down
    SECOND = "SECOND"  # the system never took it, and never will


def miss(asked_at: datetime, *, sent_at: datetime, settled_seconds: int, missed_at: datetime | None) -> Miss:
    """What it means that the system, asked at `asked_at`, did not know what was sent at `sent_at`. What the system does
    not know `settled_seconds` after that it will never know, if a second look agrees. `missed_at` is when the first
    look was made that was late enough; None before that."""
    if asked_at < sent_at + timedelta(seconds=settled_seconds):
        return Miss.TOO_EARLY
    if missed_at is None:
        return Miss.FIRST
    if asked_at < missed_at + timedelta(seconds=SECOND_LOOK_SECONDS):
        return Miss.TOO_EARLY
    return Miss.SECOND
