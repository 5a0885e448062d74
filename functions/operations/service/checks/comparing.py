"""What we have done outside on a day that was compared, and the other side's list has not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from common import keys
from functions.operations.entries import Reads

ONE_DAY = timedelta(days=1)


def missed(reads: Reads, of: str, asked_at: datetime, name: str) -> Iterator[str]:
    """Both the day on which it was asked for and the next one were compared, and neither has it."""
    cursor = reads.get(keys.CURSOR(name=f"compare-{of}"))
    if cursor is None or cursor.position is None or cursor.position.get("until") is None:
        return
    first, last = asked_at.date().isoformat(), (asked_at + ONE_DAY).date().isoformat()
    if cursor.position["since"] <= first and last <= cursor.position["until"]:
        yield f"the {of} has {name} in no list, though we have it as done"
