"""What can go wrong between the custody and who asks it, ordered beforehand: the face puts it around every call.

What goes wrong in the custody itself is ordered from the safe: refusals, withdrawals that are stuck, snapshots that
come late, lies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil
from threading import Lock

from common.errors import Rejected
from sandbox.serving import Answer, Drop, Hang

FAULTS_MAX = 1000
SECONDS_MAX = 86_400.0
RETRY_AFTER_SECONDS = 10


class Operation(StrEnum):
    SNAPSHOTS = "snapshots"  # one, or a page
    OUTPUTS = "outputs"
    KEYS = "keys"
    REGISTER = "register"  # POST /safe/transaction/requests
    SEND = "send"  # POST /safe/transactions
    TRANSACTION = "transaction"
    OTHER = "other"  # assets, fees, deposit entries: met by faults on `any` only


class Fault(StrEnum):
    RATE_LIMIT = "429"  # with Retry-After; nothing is done
    SERVER_ERROR = "500"  # nothing is done, which the caller can not know
    MAINTENANCE = "maintenance"  # a web page with 503; nothing is done
    TIMEOUT_BEFORE = "timeout_before"  # the connection stays open and nothing comes; nothing is done
    TIMEOUT_AFTER = "timeout_after"  # likewise, but it is done
    DROP_AFTER = "drop_after"  # it is done, and the connection is closed without an answer
    STRAY = "stray"  # it is done, and the answer bears the id of another request


ANY = "any"
TARGETS = (*(operation for operation in Operation if operation is not Operation.OTHER), ANY)


class IllegalOrder(Rejected):
    """The custody was told to do something that it can not do."""


@dataclass(frozen=True)
class Ordered:
    """A fault still to come. on: an Operation, or `any`."""

    kind: Fault
    on: str


class Faults:
    """Safe to use from several threads.

    down: while it is true, no connection is answered.
    clock: aware; for bans.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.down = False
        self._clock = clock
        self._ordered: deque[Ordered] = deque()
        self._banned_until: datetime | None = None
        self._lock = Lock()

    def fail_next(self, kind: str, on: str = ANY, times: int = 1) -> None:
        """Let the next `times` such operations meet a fault, after those already ordered. Raises IllegalOrder."""
        try:
            fault = Fault(kind)
        except ValueError:
            raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(Fault)}") from None
        if on not in TARGETS:
            raise IllegalOrder(f"on is {on!r}; there are {', '.join(TARGETS)}")
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        with self._lock:
            if len(self._ordered) + times > FAULTS_MAX:
                raise IllegalOrder(f"{len(self._ordered)} faults already wait; at most {FAULTS_MAX} can")
            self._ordered.extend([Ordered(fault, str(on))] * times)

    def ban(self, seconds: float) -> None:
        """From now on, for so long, every call is told to wait for what is left of it. Raises IllegalOrder."""
        if not 0 <= seconds <= SECONDS_MAX:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to {SECONDS_MAX:g}")
        self._banned_until = self._clock() + timedelta(seconds=seconds)

    @property
    def banned_seconds(self) -> int:
        """0 where nobody is banned."""
        if self._banned_until is None:
            return 0
        return max(0, ceil((self._banned_until - self._clock()).total_seconds()))

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet, and the ban."""
        with self._lock:
            self._ordered.clear()
        self._banned_until = None

    def waiting(self) -> list[Ordered]:
        """Those still to come, in order."""
        with self._lock:
            return list(self._ordered)

    def around(self, operation: Operation, carry_out: Callable[[], Answer], tell: Callable[[Fault], Answer]) -> Answer:
        """Carry an operation out, or meet the next fault that was ordered for it.

        tell: how the face says RATE_LIMIT, SERVER_ERROR and MAINTENANCE. What `carry_out` raises is raised.
        Raises Hang, Drop, which `serving` makes true.
        """
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
            case Fault.STRAY:
                answer = carry_out()
                return Answer(answer.status, answer.body, {"X-Request-Id": "0d1ce0f0-0000-4000-8000-000000000bad"})
            case fault:
                return tell(fault)

    def _next(self, operation: Operation) -> Fault | None:
        with self._lock:
            for ordered in self._ordered:
                if ordered.on in (operation, ANY):
                    self._ordered.remove(ordered)
                    return ordered.kind
        return None
