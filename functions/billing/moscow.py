"""The day that it is in Moscow, by which dealers pay."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

MOSCOW = timezone(timedelta(hours=3))  # all year round, since 2014


def day(at: datetime) -> date:
    return at.astimezone(MOSCOW).date()


def end_of(day: date) -> datetime:
    """When the next one begins; UTC."""
    return datetime.combine(day + timedelta(days=1), time(), MOSCOW).astimezone(UTC)
