"""How often one may ask: a token bucket for each caller and kind of request, in the memory of this process.

A bucket holds a minute's worth of requests, and fills again within a minute, evenly. It is kept as one moment: when it
will be full again. A request moves that moment by its share of a minute; one that would move it beyond a minute from
now is refused. Nothing is asked of the table, so it is a limit for each process, and the stage's throttle is the one
for all of them together (docs/decisions/0063).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from math import ceil

from common.errors import Refusal
from common.identity import Caller
from common.settings import Settings

MINUTE = timedelta(minutes=1)


class TooManyRequests(Refusal):
    """You ask more often than the desk lets one caller ask. Nothing was done; send the same request again, with the
    same Idempotency-Key, after the seconds that `Retry-After` says."""


class Asking(StrEnum):
    """Who asks for what. What a customer reads does not use up what he may order."""

    CUSTOMER_READS = "CUSTOMER_READS"
    CUSTOMER_WRITES = "CUSTOMER_WRITES"
    OPERATOR = "OPERATOR"
    SYSTEM = "SYSTEM"  # a dealers' system, which asks for many


@dataclass
class Buckets:
    """Those that are not full, by whose they are: in the order of their last use."""

    _full_at: dict[tuple[Asking, str], datetime] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, asking: Asking, who: str, per_minute: int, now: datetime) -> None:
        """One request. Raises TooManyRequests, and a request that was refused uses up nothing."""
        self._forget_full(now)
        bucket = asking, who
        full_at = self._full_at.get(bucket, now)
        if not now < full_at <= now + MINUTE:  # full again; or the clock was set back, which is nobody's doing
            full_at = now
        full_at += MINUTE / per_minute
        if full_at > now + MINUTE:
            seconds = ceil((full_at - now - MINUTE).total_seconds())
            raise TooManyRequests(
                f"you have asked more than {per_minute} times within a minute, and nothing was done: send the same "
                f"request again in {seconds} s",
                retry_after_seconds=seconds,
                requests_per_minute=per_minute,
            )
        self._full_at.pop(bucket, None)  # the last used is the last in the order
        self._full_at[bucket] = full_at

    def _forget_full(self, now: datetime) -> None:
        """A bucket that is full says what none says. Each is full a minute after its last use at the latest, so none
        stays longer behind one that is not."""
        while self._full_at:
            oldest = next(iter(self._full_at))
            if now < self._full_at[oldest] <= now + MINUTE:
                return
            del self._full_at[oldest]


@cache
def buckets() -> Buckets:
    """Of this process."""
    return Buckets()


def must_be_fair(caller: Caller, method: str, settings: Settings, now: datetime) -> None:
    """Raises TooManyRequests."""
    asking, per_minute = _limit(caller, method, settings)
    buckets().take(asking, caller.sub, per_minute, now)


def _limit(caller: Caller, method: str, settings: Settings) -> tuple[Asking, int]:
    if caller.operator:
        return Asking.OPERATOR, settings.operator_requests_per_minute
    if caller.username is None:
        return Asking.SYSTEM, settings.system_requests_per_minute
    if method == "GET":
        return Asking.CUSTOMER_READS, settings.customer_reads_per_minute
    return Asking.CUSTOMER_WRITES, settings.customer_writes_per_minute
