"""What can go wrong between the billing system and who asks it."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from sandbox import faults
from sandbox.faults import ANY as ANY
from sandbox.faults import RETRY_AFTER_SECONDS, OrderedFaults
from sandbox.faults import IllegalOrder as IllegalOrder
from sandbox.serving import Answer, as_json

LATENCY_SECONDS_MAX = 60.0


class Operation(StrEnum):
    CLIENT = "client"
    PERSON = "person"
    UPDATE = "update"  # of a person
    CONTRACT = "contract"
    INVOICE = "invoice"
    CREDIT = "credit"
    REFUND = "refund"
    FIND = "find"  # whatever is looked up


class Fault(StrEnum):
    RATE_LIMIT = "429"  # with Retry-After; nothing is done
    SERVER_ERROR = "500"  # nothing is done, which the caller can not know
    MAINTENANCE = "maintenance"  # a web page with 503; nothing is done
    TIMEOUT_BEFORE = faults.TIMEOUT_BEFORE
    TIMEOUT_AFTER = faults.TIMEOUT_AFTER
    DROP_AFTER = faults.DROP_AFTER
    REFUSE = "refuse"  # the definite no; nothing is done
    GARBLED = "garbled"  # it is done, and the answer is half of its JSON
    STRANGE = "strange"  # it is done, and the answer tells another external id, client, contract or invoice


class Faults(OrderedFaults[Fault]):
    """latency_seconds: how long every answer takes; what it is of was done at once."""

    def __init__(self) -> None:
        super().__init__(Fault, [*Operation])
        self.latency_seconds = 0.0

    def slow_down(self, seconds: float) -> None:
        """Raises IllegalOrder."""
        if not 0 <= seconds <= LATENCY_SECONDS_MAX:
            raise IllegalOrder(f"seconds is {seconds}; it must be from 0 to {LATENCY_SECONDS_MAX:g}")
        self.latency_seconds = seconds

    def meet(self, operation: Operation, carry_out: Callable[[], Answer]) -> Answer:
        """`around`, in the billing system's words. Raises Hang, Drop."""

        def tell(fault: Fault) -> Answer:
            match fault:
                case Fault.GARBLED:
                    answer = carry_out()
                    return Answer(answer.status, answer.body[: len(answer.body) // 2])
                case Fault.STRANGE:
                    answer = carry_out()
                    told = answer.body if isinstance(answer.body, str) else ""
                    return Answer(answer.status, told.replace('_id": "', '_id": "another-'))
                case _:
                    return _told(fault)

        return self.around(operation, carry_out, tell)


def _told(fault: Fault) -> Answer:
    match fault:
        case Fault.RATE_LIMIT:
            said = as_json({"error": "too many requests"}, 429)
            return Answer(429, said.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case Fault.MAINTENANCE:
            page = "<!doctype html><title>Back soon</title><p>The billing system is being improved."
            return Answer(503, page, {"Retry-After": str(RETRY_AFTER_SECONDS)}, "text/html; charset=utf-8")
        case Fault.REFUSE:
            return as_json({"error": "it is not allowed today"}, 422)
        case _:
            return as_json({"error": "internal error"}, 500)
