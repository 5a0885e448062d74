"""The billing system's wire. What is asked and answered stands in `common.gateways.billing.rest`; and

GET /documents/{…}.pdf    an invoice, for everybody who has the link
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from common.errors import NotFound, Refusal
from common.roubles import kopecks
from sandbox.billing.faults import Faults, Operation
from sandbox.billing.invoice_pdf import invoice_pdf
from sandbox.billing.records import (
    BillingRuleBroken,
    Contract,
    Invoice,
    KeyTaken,
    Payment,
    Person,
    UnknownThing,
)
from sandbox.billing.system import PERSON_FIELDS, BillingSystem
from sandbox.serving import Answer, BadRequest, NoSuchPath, Request, as_json, parsed

API_KEY = "sandbox-billing-key"
PAGE_MAX = 100

_Carry = Callable[[], Answer]


class BillingFace:
    """sleep: how an ordered latency passes (`time.sleep`, or a test's own)."""

    def __init__(self, system: BillingSystem, faults: Faults, sleep: Callable[[float], None] = time.sleep) -> None:
        self._system = system
        self._faults = faults
        self._sleep = sleep

    def decide(self, request: Request) -> Answer:
        """Raises NoSuchPath, Hang, Drop."""
        match request.method, request.path:
            case "GET", ["documents", name] if name.endswith(".pdf"):
                return self._document(name.removesuffix(".pdf"))
        operation, carry_out = self._found(request)

        def carried_out() -> Answer:
            if request.headers.get("Authorization") != f"Bearer {API_KEY}":
                return as_json({"error": "who are you?"}, 401)
            try:
                with self._system.lock:
                    return carry_out()
            except KeyTaken:
                return as_json({"error": "the external id was used with other terms"}, 409)
            except NotFound as unknown:
                return as_json({"error": unknown.detail}, 404)
            except Refusal as refused:
                return as_json({"error": refused.detail}, 422)

        answer = self._faults.meet(operation, carried_out)
        if self._faults.latency_seconds:
            self._sleep(self._faults.latency_seconds)
        return answer

    def _found(self, request: Request) -> tuple[Operation, _Carry]:
        match request.method, request.path:
            case "POST", ["v1", "clients"]:
                return Operation.CLIENT, lambda: self._client(_Asked(request))
            case "POST", ["v1", "clients", client_id, "persons"]:
                return Operation.PERSON, lambda: self._person(client_id, _Asked(request))
            case "PUT", ["v1", "persons", person_id]:
                return Operation.UPDATE, lambda: self._update(person_id, _Asked(request))
            case "POST", ["v1", "clients", client_id, "contracts"]:
                return Operation.CONTRACT, lambda: self._contract(client_id, _Asked(request))
            case "POST", ["v1", "invoices"]:
                return Operation.INVOICE, lambda: self._invoice(request, _Asked(request))
            case "POST", ["v1", "invoices", invoice_id, "credit-notes"]:
                return Operation.CREDIT, lambda: self._credit(invoice_id, _Asked(request))
            case "POST", ["v1", "contracts", contract_id, "refunds"]:
                return Operation.REFUND, lambda: self._refund(contract_id, _Asked(request))
            case "GET", ["v1", "invoices", invoice_id]:
                return Operation.FIND, lambda: as_json(self._told(request, self._system.find(Invoice, invoice_id)))
            case "GET", ["v1", "contracts", contract_id]:
                return Operation.FIND, lambda: as_json(self._system.standing(contract_id))
            case "GET", ["v1", "contracts", contract_id, "invoices"]:
                return Operation.FIND, lambda: self._invoices(contract_id, request)
            case "GET", ["v1", "contracts", contract_id, "payments"]:
                return Operation.FIND, lambda: self._payments(contract_id, request)
            case _:
                raise NoSuchPath(f"nothing answers {request.method} /{'/'.join(request.path)}")

    # Making

    def _client(self, asked: _Asked) -> Answer:
        made, again = self._system.create_client(asked.external_id, asked.text("name"))
        return _made(made.resource(), again)

    def _person(self, client_id: str, asked: _Asked) -> Answer:
        made, again = self._system.create_person(asked.external_id, client_id, asked.person())
        return _made(made.resource(), again)

    def _update(self, person_id: str, asked: _Asked) -> Answer:
        return as_json(self._system.update_person(person_id, asked.person()).resource())

    def _contract(self, client_id: str, asked: _Asked) -> Answer:
        terms = asked.texts("person_id", "service", "payment_type", "start_date", "currency")
        made, again = self._system.create_contract(asked.external_id, client_id, terms)
        return _made(made.resource(), again)

    def _invoice(self, request: Request, asked: _Asked) -> Answer:
        terms = asked.texts("contract_id", "description", "due_date", "currency")
        made, again = self._system.create_invoice(asked.external_id, asked.kopecks(), terms)
        return _made(self._told(request, made), again)

    def _credit(self, invoice_id: str, asked: _Asked) -> Answer:
        terms = asked.texts("reason", "currency")
        made, again = self._system.create_credit_note(asked.external_id, invoice_id, asked.kopecks(), terms)
        return _made(made.resource(), again)

    def _refund(self, contract_id: str, asked: _Asked) -> Answer:
        terms = asked.texts("reason", "currency")
        made, again = self._system.create_refund(asked.external_id, contract_id, asked.kopecks(), terms)
        return _made(self._system.find(type(made), made.refund_id).resource(), again)

    # Looking

    def _told(self, request: Request, invoice: Invoice) -> dict[str, Any]:
        return self._system.invoice_resource(invoice, f"http://{request.headers.get('Host', 'billing.invalid')}")

    def _invoices(self, contract_id: str, request: Request) -> Answer:
        self._system.find(Contract, contract_id)
        found = [self._told(request, each) for each in self._system.invoices(contract_id)]
        return _page(found, "invoice_id", request)

    def _payments(self, contract_id: str, request: Request) -> Answer:
        self._system.find(Contract, contract_id)
        found: Sequence[Payment] = self._system.payments(contract_id)
        return _page([each.resource() for each in found], "payment_id", request)

    def _document(self, name: str) -> Answer:
        with self._system.lock:
            try:
                invoice = self._system.document(name)
            except UnknownThing as unknown:
                return as_json({"error": unknown.detail}, 404)
            contract = self._system.find(Contract, invoice.contract_id)
            person = self._system.find(Person, contract.person_id)
        return Answer(200, invoice_pdf(invoice, contract, person), {}, "application/pdf")


class _Asked:
    """The body of a request. What is read from it raises BillingRuleBroken where it is not there."""

    def __init__(self, request: Request) -> None:
        try:
            body = parsed(request.body)
        except BadRequest as unreadable:
            raise BillingRuleBroken(unreadable.detail) from None
        if not isinstance(body, dict):
            raise BillingRuleBroken("there must be a JSON object")
        self._body: Mapping[str, Any] = body
        self._key = request.headers.get("Idempotency-Key")

    def text(self, name: str) -> str:
        value = self._body.get(name)
        if not isinstance(value, str) or not value or len(value) > 255:
            raise BillingRuleBroken(f"{name} must be text of 1 to 255 characters")
        return value

    def texts(self, *names: str) -> dict[str, str]:
        return {name: self.text(name) for name in names}

    @property
    def external_id(self) -> str:
        found = self.text("external_id")
        if found != self._key:
            raise BillingRuleBroken("Idempotency-Key must be the external_id")
        return found

    def kopecks(self) -> int:
        try:
            return kopecks(self.text("amount"))
        except ValueError as no_sum:
            raise BillingRuleBroken(str(no_sum)) from None

    def person(self) -> dict[str, str | None]:
        return {name: None if self._body.get(name) is None else self.text(name) for name in PERSON_FIELDS}


def _made(resource: Mapping[str, Any], again: bool) -> Answer:
    answer = as_json(resource, 200 if again else 201)
    return Answer(answer.status, answer.body, {"Idempotent-Replayed": "true"} if again else {})


def _page(found: Sequence[dict[str, Any]], named: str, request: Request) -> Answer:
    asked = dict(parse_qsl(request.query))
    limit = asked.get("limit", str(PAGE_MAX))
    if not limit.isdigit() or not 1 <= int(limit) <= PAGE_MAX:
        raise BillingRuleBroken(f"limit must be from 1 to {PAGE_MAX}")
    ids = [each[named] for each in found]
    if "after" in asked and asked["after"] not in ids:
        raise UnknownThing(f"there is no {named} {asked['after']}")
    start = ids.index(asked["after"]) + 1 if "after" in asked else 0
    page = found[start : start + int(limit)]
    return as_json({"data": page, "has_more": start + len(page) < len(found)})
