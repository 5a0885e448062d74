"""Market making: its numbers and names. Pure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

POLL_EVERY = timedelta(seconds=5)  # seed: snapshots are polled every five seconds
POLLS_LAST = timedelta(minutes=1)  # each minute has an execution of its own


class Poll(StrEnum):
    """What the machine `snapshots` does next."""

    AGAIN = "AGAIN"
    OVER = "OVER"  # the next minute's execution goes on
