"""The custody's times: nanoseconds since 1970, written as Go's RFC3339Nano writes them, without zeros behind."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_WRITTEN = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII)


def ns_of(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND * 1000


@lru_cache(maxsize=65_536)
def written(ns: int) -> str:
    """`2026-11-28T17:00:00.12Z`; a whole second has no point."""
    seconds, rest = divmod(ns, SECOND)
    whole = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return f"{whole}{fraction}Z"


@lru_cache(maxsize=65_536)
def in_full(ns: int) -> str:
    """With nine digits after the second, so that times sort as texts."""
    whole, _, fraction = written(ns).removesuffix("Z").partition(".")
    return f"{whole}.{fraction.ljust(9, '0')}Z"


@lru_cache(maxsize=65_536)
def read(text: str) -> int:
    """The inverse of `written`, of any zone. Raises ValueError."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no time such as 2026-11-28T17:00:00.123456789Z")
    whole, fraction, zone = found.groups()
    at = datetime.fromisoformat(whole + zone.replace("Z", "+00:00"))
    return ns_of(at) + int((fraction or "").ljust(9, "0"))
