"""The billing system for people and tests: see everything, and make things happen. Sums are text, in roubles.

GET    /sandbox/state        everything it knows, with what waits in the outbox and what was ordered to go wrong
POST   /sandbox/payments     {"amount": "100.00", "invoice_id": "…"}       money comes; or contract_id, or both
                             purpose: text
POST   /sandbox/messages     {"value": "…"}                                 a message of any kind, also no JSON; key
POST   /sandbox/messages/again    {"payment_id": "…"}                       a payment's message, once more
PUT    /sandbox/refunds/{refund_id}    {"state": "DONE"}                    or REFUSED, of one that is PENDING
PUT    /sandbox/broker       {"up": false}                                  ends; what nobody took is published again
PUT    /sandbox/latency      {"seconds": 1}                                 every answer takes so long
       /sandbox/faults, /sandbox/down                                       as of `sandbox.controls`

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from common.roubles import kopecks
from sandbox.billing.delivery import Delivery
from sandbox.billing.faults import Fault, Faults, IllegalOrder
from sandbox.billing.outbox import Message
from sandbox.billing.records import Client, Contract, CreditNote, Invoice, Payment, Person, Refund
from sandbox.billing.system import SETTLED, BillingSystem
from sandbox.controls import NUMBER, SWITCH, TEXT
from sandbox.controls import Controls as FaultControls
from sandbox.serving import Kinds, Request

_KINDS: Kinds = {
    "amount": ((str,), 'text such as "100.00", in roubles'),
    "invoice_id": TEXT,
    "contract_id": TEXT,
    "payment_id": TEXT,
    "purpose": TEXT,
    "key": TEXT,
    "value": TEXT,
    "state": ((str,), f"text, one of {', '.join(SETTLED)}"),
    "seconds": NUMBER,
    "up": SWITCH,
}


class Controls(FaultControls[Fault]):
    """`decide` answers requests under /sandbox/.

    delivery: None where nothing is published, as in a test of the face alone. on_change: as of `sandbox.controls`.
    """

    def __init__(
        self,
        system: BillingSystem,
        faults: Faults,
        delivery: Delivery | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(faults, _KINDS, on_change)
        self._system = system
        self._faults = faults
        self._delivery = delivery

    def _decided(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "POST", ["payments"]:
                return self._pay(self._given(request, ["amount"], ["invoice_id", "contract_id", "purpose"]))
            case "POST", ["messages"]:
                given = self._given(request, ["value"], ["key"])
                return _message(self._system.outbox.add(given.get("key", "by-hand"), given["value"]))
            case "POST", ["messages", "again"]:
                return self._again(self._given(request, ["payment_id"])["payment_id"])
            case "PUT", ["refunds", refund_id]:
                given = self._given(request, ["state"])
                return self._system.settle_refund(refund_id, given["state"]).resource()
            case "PUT", ["broker"]:
                return self._switch_broker(self._given(request, ["up"])["up"])
            case "PUT", ["latency"]:
                self._faults.slow_down(self._given(request, ["seconds"])["seconds"])
                return {"latency_seconds": self._faults.latency_seconds}
            case _:
                return super()._decided(request)

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
