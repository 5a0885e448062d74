"""Time that passes only when somebody says so."""

from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A clock for product code: `now`, `monotonic` and `sleep` in place of the real ones."""

    def __init__(self, beginning: datetime = BEGINNING) -> None:
        self._beginning = beginning
        self._seconds = 0.0

    def now(self) -> datetime:
        return self._beginning + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._seconds

    def advance(self, seconds: float) -> None:
        assert seconds >= 0, "time does not go back"
        self._seconds += seconds

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
