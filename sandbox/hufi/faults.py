"""What can go wrong between HuFi and who asks it, ordered beforehand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from threading import Lock

from common.errors import Rejected
from sandbox.serving import Answer, Drop, Hang, as_json

FAULTS_MAX = 1000
RETRY_AFTER_SECONDS = 10


class Operation(StrEnum):
    LIST = "list"
    CAMPAIGN = "campaign"
    LEADERBOARD = "leaderboard"
    LOGIN = "login"
    KEYS = "keys"
    REGISTER = "register"
    STATUS = "status"
    JOIN = "join"


class Fault(StrEnum):
    RATE_LIMIT = "429"  # with Retry-After; nothing is done
    SERVER_ERROR = "500"
    MAINTENANCE = "maintenance"  # a web page with 503
    TIMEOUT_BEFORE = "timeout_before"  # the connection stays open and nothing comes; nothing is done
    TIMEOUT_AFTER = "timeout_after"  # likewise, but it is done
    DROP_AFTER = "drop_after"  # it is done, and the connection is closed without an answer


ANY = "any"
TARGETS = (*Operation, ANY)


class IllegalOrder(Rejected):
    """HuFi was told to do something that it can not do."""


class Faults:
    """Safe to use from several threads. down: while it is true, no connection is answered."""

    def __init__(self) -> None:
        self.down = False
        self._ordered: deque[tuple[Fault, str]] = deque()
        self._lock = Lock()

    def fail_next(self, kind: str, on: str = ANY, times: int = 1) -> None:
        """Let the next `times` such operations meet a fault, after those already ordered. Raises IllegalOrder."""
        if kind not in list(Fault):
            raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(Fault)}")
        if on not in TARGETS:
            raise IllegalOrder(f"on is {on!r}; there are {', '.join(TARGETS)}")
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        with self._lock:
            if len(self._ordered) + times > FAULTS_MAX:
                raise IllegalOrder(f"{len(self._ordered)} faults already wait; at most {FAULTS_MAX} can")
            self._ordered.extend([(Fault(kind), str(on))] * times)

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet."""
        with self._lock:
            self._ordered.clear()

    def waiting(self) -> list[dict[str, str]]:
        with self._lock:
            return [{"kind": kind, "on": on} for kind, on in self._ordered]

    def around(self, operation: Operation, carry_out: Callable[[], Answer]) -> Answer:
        """Carry an operation out, or meet the next fault that was ordered for it. Raises Hang, Drop."""
        if self.down:
            raise Drop
        match self._next(operation):
            case None:
                return carry_out()
            case Fault.TIMEOUT_BEFORE:
                raise Hang
            case Fault.TIMEOUT_AFTER:
                carry_out()
                raise Hang
            case Fault.DROP_AFTER:
                carry_out()
                raise Drop
            case Fault.RATE_LIMIT:
                said = as_json({"message": "ThrottlerException: Too Many Requests"}, 429)
                return Answer(429, said.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
            case Fault.MAINTENANCE:
                page = "<!doctype html><title>Back soon</title><p>We are improving HuFi for you.</p>"
                return Answer(503, page, {}, "text/html; charset=utf-8")
            case Fault.SERVER_ERROR:
                return as_json({"message": "Internal server error"}, 500)

    def _next(self, operation: Operation) -> Fault | None:
        with self._lock:
            for kind, on in self._ordered:
                if on in (operation, ANY):
                    self._ordered.remove((kind, on))
                    return kind
        return None
