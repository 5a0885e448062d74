"""What can go wrong between the custody and who asks it.

What goes wrong in the custody itself is ordered from the safe: refusals, withdrawals that are stuck, snapshots that
come late, lies.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from sandbox import faults
from sandbox.faults import ANY as ANY
from sandbox.faults import FAULTS_MAX as FAULTS_MAX
from sandbox.faults import RETRY_AFTER_SECONDS as RETRY_AFTER_SECONDS
from sandbox.faults import IllegalOrder as IllegalOrder
from sandbox.faults import OrderedFaults

SECONDS_MAX = 86_400.0


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
    TIMEOUT_BEFORE = faults.TIMEOUT_BEFORE
    TIMEOUT_AFTER = faults.TIMEOUT_AFTER
    DROP_AFTER = faults.DROP_AFTER
    STRAY = "stray"  # it is done, and the answer bears the id of another request


_ALONE = tuple(operation for operation in Operation if operation is not Operation.OTHER)


class Faults(OrderedFaults[Fault]):
    """clock: aware; for bans."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(Fault, _ALONE)
        self._clock = clock
        self._banned_until: datetime | None = None

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
        """See `OrderedFaults.heal`; the ban is forgotten too."""
        super().heal()
        self._banned_until = None
