"""Times as the custody tells them, to the nanosecond: `2026-11-21T12:00:00.000000000Z`. They sort as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from common.clock import text


def told(at: datetime) -> str:
    """As the custody writes it."""
    return f"{text(at.astimezone(UTC))[:-1]}000Z"


def instant(told_at: str) -> datetime:
    """To the microsecond, rounded down."""
    return datetime.fromisoformat(f"{told_at[:26]}+00:00")


def before(told_at: str, by: timedelta) -> str:
    return told(instant(told_at) - by)


def after(told_at: str) -> str:
    """A nanosecond later."""
    seconds, nanoseconds = told_at[:-1].split(".")
    if nanoseconds != "999999999":
        return f"{seconds}.{int(nanoseconds) + 1:09d}Z"
    return told(instant(told_at) + timedelta(microseconds=1))
