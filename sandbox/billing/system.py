"""The billing system's rules.

Whatever is made is made once for each external id of its kind; a repeat is answered with what it has become, and other
terms under the same id are refused. An invoice is never changed; credit notes take back at most what it is of, be it
paid or not. A refund is at most what has come for the contract and was not refunded; it is PENDING until it is settled.

Not told by our contract with it, so our own reading: that a refund that was refused is the contract's money again; that
the running total in a message is the contract's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from threading import RLock
from typing import Any, TypeVar

from common.clock import text
from common.requisites import PayerKind, Requisites, violations
from common.roubles import KOPECKS_MAX, roubles
from sandbox.billing import records
from sandbox.billing.outbox import Outbox
from sandbox.billing.records import (
    CURRENCY,
    BillingRuleBroken,
    Client,
    Contract,
    CreditNote,
    Invoice,
    KeyTaken,
    Payment,
    Person,
    Refund,
    Thing,
    UnknownThing,
)

SERVICES = ("COMMISSION", "DEPOSIT", "SETTLEMENT")
SETTLED = ("DONE", "REFUSED")
_FIELDS = {"corr_account": "correspondent_account"}  # of a person, that are called otherwise in `common.requisites`
_KINDS = {"ur": PayerKind.COMPANY, "ip": PayerKind.ENTREPRENEUR}
PERSON = ("type", "name", "inn", "kpp", "ogrn", "legal_address", "post_address", "bik", "account", "corr_account")
PERSON_FIELDS = (*PERSON, "bank_name")

R = TypeVar("R", bound=Thing)


class BillingSystem:
    """clock: aware. seed: chooses ids. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], datetime], seed: int = 7) -> None:
        self.lock = RLock()
        self.now = clock
        self.outbox = Outbox()
        self._seed = seed
        self._drawn = 0
        self._made: dict[str, Any] = {}  # everything, by its own id
        self._keys: dict[str, tuple[str, dict[str, Any]]] = {}  # "{kind}/{external id}" → id and terms

    def copy(self, clock: Callable[[], datetime]) -> BillingSystem:
        """The same things, and nobody else's, at another clock. What waits to be published stays here."""
        other = BillingSystem(clock, self._seed)
        with self.lock:
            other._drawn, other._made, other._keys = self._drawn, dict(self._made), dict(self._keys)
        return other

    # What the desk asks for

    def create_client(self, external_id: str, name: str) -> tuple[Client, bool]:
        """With whether it was there already, as all of these. Raises KeyTaken, BillingRuleBroken, UnknownThing, as all
        of these."""

        def make() -> Client:
            return Client(self._draw("client"), external_id, name)

        return self._once("client", external_id, {"name": name}, make)

    def create_person(self, external_id: str, client_id: str, details: Mapping[str, str | None]) -> tuple[Person, bool]:
        def make() -> Person:
            self.find(Client, client_id)
            _check_person(details)
            return Person(self._draw("person"), external_id, client_id, dict(details))

        return self._once("person", external_id, {"client_id": client_id, **details}, make)

    def update_person(self, person_id: str, details: Mapping[str, str | None]) -> Person:
        with self.lock:
            person = self.find(Person, person_id)
            _check_person(details)
            if details["type"] != person.details["type"]:
                raise BillingRuleBroken("the type of a person does not change")
            self._made[person_id] = replace(person, details=dict(details))
            return self.find(Person, person_id)

    def create_contract(self, external_id: str, client_id: str, terms: Mapping[str, str]) -> tuple[Contract, bool]:
        """terms: person_id, service, payment_type, start_date, currency."""

        def make() -> Contract:
            self.find(Client, client_id)
            if self.find(Person, terms["person_id"]).client_id != client_id:
                raise BillingRuleBroken("the person is another client's")
            if terms["service"] not in SERVICES or terms["payment_type"] not in ("prepay", "postpay"):
                raise BillingRuleBroken(f"service is one of {', '.join(SERVICES)}; payment_type is prepay or postpay")
            _check_currency(terms["currency"])
            number = f"{self._count(Contract) + 1:05}/{self.now():%y}"
            return Contract(
                contract_id=self._draw("contract"),
                external_id=external_id,
                client_id=client_id,
                person_id=terms["person_id"],
                service=terms["service"],
                payment_type=terms["payment_type"],
                start_date=terms["start_date"],
                number=number,
            )

        return self._once("contract", external_id, {"client_id": client_id, **terms}, make)

    def create_invoice(self, external_id: str, kopecks: int, terms: Mapping[str, str]) -> tuple[Invoice, bool]:
        """terms: contract_id, description, due_date, currency."""

        def make() -> Invoice:
            self.find(Contract, terms["contract_id"])
            _check_sum(kopecks, terms["currency"])
            return Invoice(
                invoice_id=self._draw("invoice"),
                external_id=external_id,
                contract_id=terms["contract_id"],
                number=f"А-{self._count(Invoice) + 1}",
                kopecks=kopecks,
                description=terms["description"],
                due_date=terms["due_date"],
                made_at=text(self.now()),
                document=self._draw("document"),
            )

        return self._once("invoice", external_id, {"kopecks": kopecks, **terms}, make)

    def create_credit_note(
        self, external_id: str, invoice_id: str, kopecks: int, terms: Mapping[str, str]
    ) -> tuple[CreditNote, bool]:
        """terms: reason, currency."""

        def make() -> CreditNote:
            _check_sum(kopecks, terms["currency"])
            left = self.find(Invoice, invoice_id).kopecks - self.credited(invoice_id)
            if kopecks > left:
                raise BillingRuleBroken(f"{roubles(left)} of the invoice are left to credit")
            return CreditNote(self._draw("credit"), external_id, invoice_id, kopecks, terms["reason"])

        return self._once("credit", external_id, {"invoice_id": invoice_id, "kopecks": kopecks, **terms}, make)

    def create_refund(
        self, external_id: str, contract_id: str, kopecks: int, terms: Mapping[str, str]
    ) -> tuple[Refund, bool]:
        """terms: reason, currency."""

        def make() -> Refund:
            _check_sum(kopecks, terms["currency"])
            self.find(Contract, contract_id)
            left = self.paid(contract_id) - self.refunded(contract_id)
            if kopecks > left:
                raise BillingRuleBroken(f"{roubles(left)} of what came for the contract are left to refund")
            return Refund(self._draw("refund"), external_id, contract_id, kopecks, terms["reason"], "PENDING")

        return self._once("refund", external_id, {"contract_id": contract_id, "kopecks": kopecks, **terms}, make)

    # What happens there

    def settle_refund(self, refund_id: str, state: str) -> Refund:
        """Raises UnknownThing, BillingRuleBroken."""
        with self.lock:
            refund = self.find(Refund, refund_id)
            if state not in SETTLED or refund.state != "PENDING":
                raise BillingRuleBroken(f"the refund is {refund.state}; one that is PENDING becomes DONE or REFUSED")
            self._made[refund_id] = replace(refund, state=state)
            return self.find(Refund, refund_id)

    def pay(self, kopecks: int, contract_id: str | None, invoice_id: str | None, purpose: str) -> Payment:
        """Money came, and a message of it is to be published. One of the two ids is enough. Raises UnknownThing,
        BillingRuleBroken."""
        with self.lock:
            _check_sum(kopecks, CURRENCY)
            if invoice_id is not None:
                of = self.find(Invoice, invoice_id).contract_id
                if contract_id not in (None, of):
                    raise BillingRuleBroken("the invoice is of another contract")
                contract_id = of
            if contract_id is None:
                raise BillingRuleBroken("a payment is for an invoice or for a contract")
            self.find(Contract, contract_id)
            payment = Payment(
                payment_id=self._draw("payment"),
                contract_id=contract_id,
                invoice_id=invoice_id,
                kopecks=kopecks,
                at=text(self.now()),
                order_number=str(self._count(Payment) + 1),
                purpose=purpose,
            )
            self._made[payment.payment_id] = payment
            self._tell("invoice.payment", payment)
            return payment

    def take_back(self, payment_id: str) -> Payment:
        """The bank takes back what it had paid, and a message of that is to be published. Raises UnknownThing,
        BillingRuleBroken."""
        with self.lock:
            payment = self.find(Payment, payment_id)
            if payment.taken_back:
                raise BillingRuleBroken("the bank has taken it back already")
            self._made[payment_id] = replace(payment, taken_back=True)
            self._tell("invoice.payment_reversed", payment)
            return self.find(Payment, payment_id)

    def _tell(self, type_: str, payment: Payment) -> None:
        message = {
            "event_id": self._draw("event"),
            "event_type": type_,
            **payment.resource(),
            "client_id": self.find(Contract, payment.contract_id).client_id,
            "paid_total": roubles(self.paid(payment.contract_id)),
            "payment_order": {
                "number": payment.order_number,
                "date": payment.at[:10],
                "purpose": payment.purpose,
            },
        }
        self.outbox.add(payment.invoice_id or payment.contract_id, message)

    # Looking

    def find(self, kind: type[R], id_: str) -> R:
        """Raises UnknownThing."""
        with self.lock:
            found = self._made.get(id_)
            if not isinstance(found, kind):
                raise UnknownThing(f"there is no {kind.__name__.lower()} {id_}")
            return found

    def all(self, kind: type[R]) -> Sequence[R]:
        """The oldest first."""
        with self.lock:
            return [each for each in self._made.values() if isinstance(each, kind)]

    def invoices(self, contract_id: str) -> Sequence[Invoice]:
        return [each for each in self.all(Invoice) if each.contract_id == contract_id]

    def payments(self, contract_id: str) -> Sequence[Payment]:
        """Without those that the bank has taken back."""
        return [each for each in self.all(Payment) if each.contract_id == contract_id and not each.taken_back]

    def paid(self, contract_id: str) -> int:
        return sum(each.kopecks for each in self.payments(contract_id))

    def paid_for(self, invoice_id: str) -> int:
        of = [each for each in self.all(Payment) if each.invoice_id == invoice_id]
        return sum(each.kopecks for each in of if not each.taken_back)

    def credited(self, invoice_id: str) -> int:
        return sum(each.kopecks for each in self.all(CreditNote) if each.invoice_id == invoice_id)

    def refunded(self, contract_id: str) -> int:
        """What is on its way included."""
        of = [each for each in self.all(Refund) if each.contract_id == contract_id]
        return sum(each.kopecks for each in of if each.state != "REFUSED")

    def standing(self, contract_id: str) -> dict[str, Any]:
        """The contract as it crosses the wire."""
        with self.lock:
            return {
                **self.find(Contract, contract_id).resource(),
                "paid_total": roubles(self.paid(contract_id)),
                "refunded_total": roubles(self.refunded(contract_id)),
            }

    def invoice_resource(self, invoice: Invoice, address: str) -> dict[str, Any]:
        """The invoice as it crosses the wire. address: where the billing system is."""
        with self.lock:
            paid, credited = self.paid_for(invoice.invoice_id), self.credited(invoice.invoice_id)
            return {
                "invoice_id": invoice.invoice_id,
                "external_id": invoice.external_id,
                "contract_id": invoice.contract_id,
                "number": invoice.number,
                "amount": roubles(invoice.kopecks),
                "paid_total": roubles(paid),
                "credited_total": roubles(credited),
                "currency": CURRENCY,
                "description": invoice.description,
                "due_date": invoice.due_date,
                "pdf_url": f"{address}/documents/{invoice.document}.pdf",
            }

    def document(self, name: str) -> Invoice:
        """Raises UnknownThing."""
        for invoice in self.all(Invoice):
            if invoice.document == name:
                return invoice
        raise UnknownThing("there is no such document")

    def _once(self, kind: str, external_id: str, terms: Mapping[str, Any], make: Callable[[], R]) -> tuple[R, bool]:
        with self.lock:
            key = f"{kind}/{external_id}"
            if key in self._keys:
                made_id, made_with = self._keys[key]
                if made_with != dict(terms):
                    raise KeyTaken(external_id)
                known: R = self._made[made_id]
                return known, True
            made = make()
            made_id = next(iter(asdict(made).values()))
            self._made[made_id] = made
            self._keys[key] = made_id, dict(terms)
            return made, False

    def _count(self, kind: type[R]) -> int:
        return len(self.all(kind))

    def _draw(self, what: str) -> str:
        self._drawn += 1
        return f"{what}-{hashlib.sha256(f'{self._seed}/{what}/{self._drawn}'.encode()).hexdigest()[:20]}"

    # For a restart

    def state(self) -> dict[str, Any]:
        """In what JSON can hold."""
        with self.lock:
            return {
                "drawn": self._drawn,
                "made": [[type(each).__name__, asdict(each)] for each in self._made.values()],
                "keys": self._keys,
                "outbox": self.outbox.state(),
            }

    def restore(self, told: Mapping[str, Any]) -> None:
        """Raises LookupError, TypeError, ValueError, AttributeError."""
        with self.lock:
            self._drawn = int(told["drawn"])
            made = [getattr(records, str(name))(**fields) for name, fields in told["made"]]
            self._made = {next(iter(asdict(each).values())): each for each in made}
            self._keys = {key: (str(made_id), dict(terms)) for key, (made_id, terms) in told["keys"].items()}
            self.outbox.restore(told["outbox"])


def _check_person(details: Mapping[str, str | None]) -> None:
    kind = _KINDS.get(details["type"] or "")
    if kind is None:
        raise BillingRuleBroken(f"type is one of {', '.join(_KINDS)}")
    given: dict[str, Any] = {_FIELDS.get(name, name): value for name, value in details.items() if name != "type"}
    if any(value is None for name, value in given.items() if name != "kpp"):
        raise BillingRuleBroken("only kpp may be null")
    if wrong := violations(Requisites(kind=kind, **given)):
        raise BillingRuleBroken("; ".join(f"{name} {why}" for name, why in wrong.items()))


def _check_sum(kopecks: int, currency: str) -> None:
    _check_currency(currency)
    if not 0 < kopecks <= KOPECKS_MAX:
        raise BillingRuleBroken("amount must be above zero and can be told")


def _check_currency(currency: str) -> None:
    if currency != CURRENCY:
        raise BillingRuleBroken(f"currency must be {CURRENCY}")
