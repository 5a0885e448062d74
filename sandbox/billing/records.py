"""What the billing system keeps. Sums are whole kopecks, times are text (`common.clock`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import NotFound, Rejected
from common.roubles import roubles

CURRENCY = "RUB"


class UnknownThing(NotFound):
    """There is nothing under this id."""


class BillingRuleBroken(Rejected):
    """The definite no: it breaks a rule of the billing system."""


class KeyTaken(Exception):
    """The external id was used with other terms."""


@dataclass(frozen=True)
class Client:
    client_id: str
    external_id: str
    name: str

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire."""
        return {"client_id": self.client_id, "external_id": self.external_id, "name": self.name}


@dataclass(frozen=True)
class Person:
    """details: requisites, as they crossed the wire."""

    person_id: str
    external_id: str
    client_id: str
    details: Mapping[str, str | None]

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire."""
        named = {"person_id": self.person_id, "external_id": self.external_id, "client_id": self.client_id}
        return {**named, **self.details}


@dataclass(frozen=True)
class Contract:
    contract_id: str
    external_id: str
    client_id: str
    person_id: str
    service: str
    payment_type: str
    start_date: str
    number: str

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire, without what has come for it."""
        return {
            "contract_id": self.contract_id,
            "external_id": self.external_id,
            "client_id": self.client_id,
            "person_id": self.person_id,
            "service": self.service,
            "payment_type": self.payment_type,
            "start_date": self.start_date,
            "external_number": self.number,
            "currency": CURRENCY,
        }


@dataclass(frozen=True)
class Invoice:
    """document: what its link has that nobody guesses."""

    invoice_id: str
    external_id: str
    contract_id: str
    number: str
    kopecks: int
    description: str
    due_date: str
    made_at: str
    document: str


@dataclass(frozen=True)
class CreditNote:
    credit_note_id: str
    external_id: str
    invoice_id: str
    kopecks: int
    reason: str

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire."""
        return {
            "credit_note_id": self.credit_note_id,
            "external_id": self.external_id,
            "invoice_id": self.invoice_id,
            "amount": roubles(self.kopecks),
            "currency": CURRENCY,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Refund:
    refund_id: str
    external_id: str
    contract_id: str
    kopecks: int
    reason: str
    state: str  # PENDING, DONE, REFUSED

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire."""
        return {
            "refund_id": self.refund_id,
            "external_id": self.external_id,
            "contract_id": self.contract_id,
            "amount": roubles(self.kopecks),
            "currency": CURRENCY,
            "reason": self.reason,
            "state": self.state,
        }


@dataclass(frozen=True)
class Payment:
    payment_id: str
    contract_id: str
    invoice_id: str | None
    kopecks: int
    at: str
    order_number: str
    purpose: str
    taken_back: bool = False

    def resource(self) -> dict[str, Any]:
        """As it crosses the wire."""
        return {
            "payment_id": self.payment_id,
            "contract_id": self.contract_id,
            "invoice_id": self.invoice_id,
            "amount": roubles(self.kopecks),
            "currency": CURRENCY,
            "occurred_at": self.at,
        }


Thing = Client | Person | Contract | Invoice | CreditNote | Refund | Payment
