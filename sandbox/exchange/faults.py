"""What can go wrong at the exchange, ordered beforehand: both faces put it around everything that they carry out."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import TypeVar

from common.errors import Rejected
from sandbox.serving import Drop, Hang

FAULTS_MAX = 1000
LATENCY_SECONDS_MAX = 60.0
RETRY_AFTER_SECONDS = 10


T = TypeVar("T")


class Operation(StrEnum):
    PLACE = "place"
    ORDER = "order"  # one order or many, open or over, and trades
    CANCEL = "cancel"  # one order or all
    WITHDRAW = "withdraw"
    WALLET = "wallet"  # deposit addresses, deposits, withdrawals
    OTHER = "other"  # markets, prices, balances: met by faults on `any` only


class Fault(StrEnum):
    REFUSE = "refuse"  # a definite no, in the face's words; nothing is done
    RATE_LIMIT = "429"  # with Retry-After; nothing is done
    SERVER_ERROR = "500"  # nothing is done, which the caller can not know
    MAINTENANCE = "maintenance"  # 503; nothing is done
    TIMEOUT_BEFORE = "timeout_before"  # the connection stays open and nothing comes; nothing is done
    TIMEOUT_AFTER = "timeout_after"  # likewise, but it is done
    DROP_AFTER = "drop_after"  # it is done, and the connection is closed without an answer
    ANOTHER = "another"  # who asks for one order is told of another of his in that market; all else is as a 500


ANY = "any"
TARGETS = (Operation.PLACE, Operation.ORDER, Operation.CANCEL, Operation.WITHDRAW, Operation.WALLET, ANY)


class IllegalOrder(Rejected):
    """The exchange was told to do something that it can not do."""


@dataclass(frozen=True)
class Ordered:
    """A fault still to come. on: an Operation, or `any`."""

    kind: Fault
    on: str


class Faults:
    """Safe to use from several threads.

    sleep: how the latency passes (`time.sleep`, or a test's own).
    """

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._ordered: deque[Ordered] = deque()
        self._latency, self._latency_on = 0.0, str(Operation.PLACE)
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

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet. The latency stays."""
        with self._lock:
            self._ordered.clear()

    def waiting(self) -> list[Ordered]:
        """Those still to come, in order."""
        with self._lock:
            return list(self._ordered)

    @property
    def latency(self) -> tuple[float, str]:
        """(seconds, on): how long which operations take. They are done at once, and answered later."""
        return self._latency, self._latency_on

    def slow_down(self, seconds: float, on: str = Operation.PLACE) -> None:
        """Raises IllegalOrder."""
        if not 0 <= seconds <= LATENCY_SECONDS_MAX:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to {LATENCY_SECONDS_MAX:g}")
        if on not in TARGETS:
            raise IllegalOrder(f"on is {on!r}; there are {', '.join(TARGETS)}")
        self._latency, self._latency_on = seconds, str(on)

    def around(self, operation: Operation, carry_out: Callable[[], T], tell: Callable[[Fault], T]) -> T:
        """Carry an operation out, or meet the next fault that was ordered for it.

        tell: how the face, or the fake, says REFUSE, RATE_LIMIT, SERVER_ERROR, MAINTENANCE and ANOTHER. What
            `carry_out` raises is raised.
        Raises Hang, Drop, which `serving` makes true.
        """
        match self._next(operation):
            case None:
                answer = carry_out()
                if self._latency and self._latency_on in (operation, ANY):
                    self._sleep(self._latency)
                return answer
            case Fault.TIMEOUT_BEFORE:
                raise Hang
            case Fault.TIMEOUT_AFTER:
                carry_out()
                raise Hang
            case Fault.DROP_AFTER:
                carry_out()
                raise Drop
            case fault:
                return tell(fault)

    def _next(self, operation: Operation) -> Fault | None:
        with self._lock:
            for ordered in self._ordered:
                if ordered.on in (operation, ANY):
                    self._ordered.remove(ordered)
                    return ordered.kind
        return None
