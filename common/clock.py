"""The only clock. Times are aware, UTC, and written with microseconds in 27 characters that sort by time."""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)


def text(at: datetime) -> str:
    """`2026-11-21T09:30:00.000000Z`. Raises ValueError for a time without a zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at!r} has no time zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def instant(written: str) -> datetime:
    """The inverse of `text`."""
    return datetime.fromisoformat(written).astimezone(UTC)
