"""What can go wrong at the exchange: both faces put it around everything that they carry out."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from sandbox import faults
from sandbox.faults import ANY as ANY
from sandbox.faults import FAULTS_MAX as FAULTS_MAX
from sandbox.faults import RETRY_AFTER_SECONDS as RETRY_AFTER_SECONDS
from sandbox.faults import IllegalOrder as IllegalOrder
from sandbox.faults import OrderedFaults

LATENCY_SECONDS_MAX = 60.0

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
    TIMEOUT_BEFORE = faults.TIMEOUT_BEFORE
    TIMEOUT_AFTER = faults.TIMEOUT_AFTER
    DROP_AFTER = faults.DROP_AFTER
    ANOTHER = "another"  # who asks for one order is told of another of his in that market; all else is as a 500


_ALONE = tuple(operation for operation in Operation if operation is not Operation.OTHER)


class Faults(OrderedFaults[Fault]):
    """sleep: how the latency passes (`time.sleep`, or a test's own)."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(Fault, _ALONE)
        self._sleep = sleep
        self._latency, self._latency_on = 0.0, str(Operation.PLACE)

    @property
    def latency(self) -> tuple[float, str]:
        """(seconds, on): how long which operations take. They are done at once, and answered later. `heal` leaves it
        as it is."""
        return self._latency, self._latency_on

    def slow_down(self, seconds: float, on: str = Operation.PLACE) -> None:
        """Raises IllegalOrder."""
        if not 0 <= seconds <= LATENCY_SECONDS_MAX:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to {LATENCY_SECONDS_MAX:g}")
        self.check_target(on)
        self._latency, self._latency_on = seconds, str(on)

    def around(self, operation: str, carry_out: Callable[[], T], tell: Callable[[Fault], T]) -> T:
        """See `OrderedFaults.around`. What meets no fault is slow, where that was ordered."""
        done = False

        def carried_out() -> T:
            nonlocal done
            answer = carry_out()
            done = True
            return answer

        answer = super().around(operation, carried_out, tell)
        if done and self._latency and self._latency_on in (operation, ANY):
            self._sleep(self._latency)
        return answer
