"""The billing system for people and tests: see everything, and make things happen. Sums are text, in roubles.

GET    /sandbox/state        everything it knows, with what waits in the outbox and what was ordered to go wrong
POST   /sandbox/payments     {"amount": "100.00", "invoice_id": "…"}       money comes; or contract_id, or both
                             purpose: text
POST   /sandbox/messages     {"value": "…"}                                 a message of any kind, also no JSON; key
POST   /sandbox/messages/again    {"payment_id": "…"}                       a payment's message, once more
PUT    /sandbox/refunds/{refund_id}    {"state": "DONE"}                    or REFUSED, of one that is PENDING
PUT    /sandbox/broker       {"up": false}                                  ends; what nobody took is published again
POST   /sandbox/faults       {"kind": "timeout_after", "on": "invoice", "times": 1}      on and times may be left out
DELETE /sandbox/faults       those still to come
PUT    /sandbox/latency      {"seconds": 1}                                 every answer takes so long
PUT    /sandbox/down         {"down": true}                                 no call is answered

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

from common.roubles import kopecks
from sandbox.billing.delivery import Delivery
from sandbox.billing.faults import ANY, TARGETS, Fault, Faults, IllegalOrder
from sandbox.billing.outbox import Message
from sandbox.billing.records import Client, Contract, CreditNote, Invoice, Payment, Person, Refund
from sandbox.billing.system import SETTLED, BillingSystem
from sandbox.serving import Answer, Kinds, NoSuchPath, Request, as_json, members, parsed

_KINDS: Kinds = {
    "amount": ((str,), 'text such as "100.00", in roubles'),
    "invoice_id": ((str,), "text"),
    "contract_id": ((str,), "text"),
    "payment_id": ((str,), "text"),
    "purpose": ((str,), "text"),
    "key": ((str,), "text"),
    "value": ((str,), "text"),
    "state": ((str,), f"text, one of {', '.join(SETTLED)}"),
    "kind": ((str,), f"text, one of {', '.join(Fault)}"),
    "on": ((str,), f"text, one of {', '.join(TARGETS)}"),
    "times": ((int,), "a whole number"),
    "seconds": ((int, float), "a number"),
    "down": ((bool,), "true or false"),
    "up": ((bool,), "true or false"),
}
_fields = partial(members, _KINDS)


class Controls:
    """`decide` answers requests under /sandbox/.

    delivery: None where nothing is published, as in a test of the face alone.
    on_change: called after each control that changed something; what it raises as OSError is told to the caller.
    """

    def __init__(
        self,
        system: BillingSystem,
        faults: Faults,
        delivery: Delivery | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._system = system
        self._faults = faults
        self._delivery = delivery
        self._on_change = on_change
        self._changing = Lock()  # one control at a time, so that what is kept is the last of them

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._changing:
            answer = as_json(self._decided(request))
            if request.method != "GET":
                self._on_change()
            return answer

    def _decided(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "POST", ["payments"]:
                return self._pay(_fields(parsed(request.body), ["amount"], ["invoice_id", "contract_id", "purpose"]))
            case "POST", ["messages"]:
                given = _fields(parsed(request.body), ["value"], ["key"])
                return _message(self._system.outbox.add(given.get("key", "by-hand"), given["value"]))
            case "POST", ["messages", "again"]:
                return self._again(_fields(parsed(request.body), ["payment_id"])["payment_id"])
            case "PUT", ["refunds", refund_id]:
                given = _fields(parsed(request.body), ["state"])
                return self._system.settle_refund(refund_id, given["state"]).resource()
            case "PUT", ["broker"]:
                return self._switch_broker(_fields(parsed(request.body), ["up"])["up"])
            case "POST", ["faults"]:
                given = _fields(parsed(request.body), ["kind"], ["on", "times"])
                self._faults.fail_next(given["kind"], given.get("on", ANY), given.get("times", 1))
                return {"faults": self._faults.told()}
            case "DELETE", ["faults"]:
                self._faults.heal()
                return {"faults": []}
            case "PUT", ["latency"]:
                self._faults.slow_down(_fields(parsed(request.body), ["seconds"])["seconds"])
                return {"latency_seconds": self._faults.latency_seconds}
            case "PUT", ["down"]:
                self._faults.down = _fields(parsed(request.body), ["down"])["down"]
                return {"down": self._faults.down}
            case _:
                raise NoSuchPath(f"nothing answers {request.method} /{'/'.join(request.path)}")

    def _pay(self, given: dict[str, str]) -> dict[str, Any]:
        try:
            amount = kopecks(given["amount"])
        except ValueError as no_sum:
            raise IllegalOrder(str(no_sum)) from None
        purpose = given.get("purpose", "Оплата по счёту")
        return self._system.pay(amount, given.get("contract_id"), given.get("invoice_id"), purpose).resource()

    def _again(self, payment_id: str) -> dict[str, Any]:
        self._system.find(Payment, payment_id)
        for message in self._system.outbox.messages():
            with suppress(ValueError, TypeError, AttributeError):
                if json.loads(message.value).get("payment_id") == payment_id:
                    return _message(self._system.outbox.add(message.key, message.value))
        raise IllegalOrder("no message tells of it")

    def _switch_broker(self, up: bool) -> dict[str, Any]:
        if self._delivery is None:
            raise IllegalOrder("there is no broker here")
        try:
            if up:
                self._delivery.begin_broker()
            else:
                self._delivery.end_broker()
        except ValueError as real:
            raise IllegalOrder(str(real)) from None
        return {"broker": self._delivery.servers}

    def _state(self) -> dict[str, Any]:
        system = self._system
        with system.lock:
            return {
                "clients": [each.resource() for each in system.all(Client)],
                "persons": [each.resource() for each in system.all(Person)],
                "contracts": [system.standing(each.contract_id) for each in system.all(Contract)],
                "invoices": [system.invoice_resource(each, "") for each in system.all(Invoice)],
                "credit_notes": [each.resource() for each in system.all(CreditNote)],
                "refunds": [each.resource() for each in system.all(Refund)],
                "payments": [each.resource() for each in system.all(Payment)],
                "outbox": [_message(each) for each in system.outbox.unsettled()],
                "broker": None if self._delivery is None else self._delivery.servers,
                "given_up": [] if self._delivery is None else self._delivery.given_up,
                "faults": self._faults.told(),
                "latency_seconds": self._faults.latency_seconds,
                "down": self._faults.down,
            }


def _message(message: Message) -> dict[str, Any]:
    return {
        "number": message.number,
        "key": message.key,
        "value": message.value,
        "published": message.place is not None,
    }
