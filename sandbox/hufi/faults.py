"""What can go wrong between HuFi and who asks it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sandbox import faults
from sandbox.faults import ANY as ANY
from sandbox.faults import RETRY_AFTER_SECONDS, OrderedFaults
from sandbox.faults import IllegalOrder as IllegalOrder
from sandbox.serving import Answer, as_json


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
    TIMEOUT_BEFORE = faults.TIMEOUT_BEFORE
    TIMEOUT_AFTER = faults.TIMEOUT_AFTER
    DROP_AFTER = faults.DROP_AFTER


class Faults(OrderedFaults[Fault]):
    def __init__(self) -> None:
        super().__init__(Fault, [*Operation])

    def meet(self, operation: Operation, carry_out: Callable[[], Answer]) -> Answer:
        """`around`, in HuFi's words."""
        return self.around(operation, carry_out, _told)


def _told(fault: Fault) -> Answer:
    match fault:
        case Fault.RATE_LIMIT:
            said = as_json({"message": "ThrottlerException: Too Many Requests"}, 429)
            return Answer(429, said.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case Fault.MAINTENANCE:
            page = "<!doctype html><title>Back soon</title><p>We are improving HuFi for you.</p>"
            return Answer(503, page, {}, "text/html; charset=utf-8")
        case _:
            return as_json({"message": "Internal server error"}, 500)
