"""How much has been asked of Binance's wire, and how much may be: its weights, its orders, its headers.

    X-MBX-USED-WEIGHT-1M: 26                      of this minute, with every answer under /api/
    X-MBX-ORDER-COUNT-10S: 3, …-1D: 4711          with every order that was accepted
    429 {"code": -1003, …}                        more weight than a minute has
    429 {"code": -1015, …}                        more unfilled orders than ten seconds or a day have
    Retry-After: 17                               seconds until the count begins again

Binance weighs by the caller's address. Here every account has an address of its own, and who asks without a key another
one. Not here: the ban (418) of those who go on asking; the weights of /sapi/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from sandbox.exchange.binance.asked import Refused
from sandbox.exchange.limits import MINUTE, Limits, Window
from sandbox.exchange.venue import Venue
from sandbox.serving import Answer, Request

Weigh = Callable[[Mapping[str, list[str]]], int]  # by the parameters of the query

_DEPTHS = ((100, 5), (500, 25), (1000, 50))  # up to so many prices
_DEEPER = 250


def weight(units: int) -> Weigh:
    return lambda _: units


def weight_with(name: str, with_it: int, without: int) -> Weigh:
    return lambda query: with_it if name in query else without


def weight_of_depth(query: Mapping[str, list[str]]) -> int:
    limit = query.get("limit", ["100"])[0]
    wanted = int(limit) if limit.isdecimal() else 100
    return next((units for depth, units in _DEPTHS if wanted <= depth), _DEEPER)


class Rates:
    """Its weights are its own; the orders are counted by the venue, whatever way they came."""

    def __init__(self, venue: Venue, clock: Callable[[], datetime]) -> None:
        self._venue = venue
        self._clock = clock
        self._weights: defaultdict[str, Window] = defaultdict(lambda: Window(MINUTE))

    def take(self, account: str, request: Request, weigh: Weigh) -> None:
        """Count a request before anything else is done about it. account: "" without a key. Raises Refused."""
        units = weigh(parse_qs(request.query, keep_blank_values=True))
        with self._venue.lock:
            now, limit = self._clock(), self._limits(account).weight_per_minute
            used = self._weights[account]
            if used.count(now) + units > limit:
                raise Refused(
                    -1003,
                    f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
                    "Please use WebSocket Streams for live updates to avoid polling the API.",
                    status=429,
                    retry_after_seconds=used.seconds_left(now),
                )
            used.add(now, units)

    def refuse_one_too_many(self, account: str) -> None:
        """An order, before it is placed. Raises Refused."""
        now, limits, unfilled = self._clock(), self._limits(account), self._venue.account(account).unfilled
        for window, limit, interval in (
            (unfilled.of_10_seconds, limits.orders_per_10_seconds, "10 SECOND"),
            (unfilled.of_the_day, limits.orders_per_day, "1 DAY"),
        ):
            if window.count(now) >= limit:
                said = f"Too many new orders; current limit is {limit} orders per {interval}."
                raise Refused(-1015, said, status=429, retry_after_seconds=window.seconds_left(now))

    def announced(self) -> list[dict[str, Any]]:
        """To everybody."""
        limits = self._venue.limits_of()
        return [_rate("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute), *_orders(limits)]

    def order_counts(self, account: str) -> list[dict[str, Any]]:
        """Of an account, with its own limits."""
        with self._venue.lock:
            counts = self._counts(account)
            return [rate | {"count": count} for rate, count in zip(_orders(self._limits(account)), counts, strict=True)]

    def with_weight(self, account: str, answer: Answer) -> Answer:
        with self._venue.lock:
            used = self._weights[account].count(self._clock())
        return _with(answer, {"X-MBX-USED-WEIGHT-1M": str(used)})

    def with_order_counts(self, account: str, answer: Answer) -> Answer:
        of_10_seconds, of_the_day = self._counts(account)
        counted = {"X-MBX-ORDER-COUNT-10S": str(of_10_seconds), "X-MBX-ORDER-COUNT-1D": str(of_the_day)}
        return _with(answer, counted)

    def _counts(self, account: str) -> tuple[int, int]:
        with self._venue.lock:
            now, unfilled = self._clock(), self._venue.account(account).unfilled
            return unfilled.of_10_seconds.count(now), unfilled.of_the_day.count(now)

    def _limits(self, account: str) -> Limits:
        return self._venue.limits_of(account or None)


def _orders(limits: Limits) -> list[dict[str, Any]]:
    return [
        _rate("ORDERS", "SECOND", 10, limits.orders_per_10_seconds),
        _rate("ORDERS", "DAY", 1, limits.orders_per_day),
    ]


def _rate(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _with(answer: Answer, headers: Mapping[str, str]) -> Answer:
    return Answer(answer.status, answer.body, {**answer.headers, **headers}, answer.content_type)
