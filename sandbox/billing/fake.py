"""The fake of the port `Billing`: the billing system in the same process, for the tests of what stands on the port."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from common.clock import instant
from common.gateways.billing import (
    PAGE_MAX,
    BillingUnavailable,
    BillingUnknown,
    Contract,
    CreditNote,
    Invoice,
    Page,
    Payment,
    Refund,
    RefundState,
    Requisites,
    Service,
    Standing,
    said_no,
)
from common.gateways.billing.rest import PAYMENT_TYPES, person
from sandbox import trouble
from sandbox.billing import records
from sandbox.billing.faults import Operation
from sandbox.billing.records import CURRENCY, BillingRuleBroken, KeyTaken, UnknownThing
from sandbox.billing.system import BillingSystem

ADDRESS = "https://billing.test"

T = TypeVar("T")


class Trouble(trouble.Trouble[Operation]):
    """Of all who ask."""

    def __init__(self) -> None:
        super().__init__("the billing system", BillingUnavailable)


class FakeBilling:
    """See `common.gateways.billing.Billing`."""

    def __init__(self, system: BillingSystem, trouble: Trouble) -> None:
        self._system = system
        self._trouble = trouble

    def create_client(self, external_id: str, name: str) -> str:
        """See `Billing.create_client`."""
        return self._make(Operation.CLIENT, lambda: self._system.create_client(external_id, name)[0].client_id)

    def create_payer(self, external_id: str, client_id: str, requisites: Requisites) -> str:
        """See `Billing.create_payer`."""
        details = person(requisites)
        return self._make(
            Operation.PERSON, lambda: self._system.create_person(external_id, client_id, details)[0].person_id
        )

    def update_payer(self, payer_id: str, requisites: Requisites) -> None:
        """See `Billing.update_payer`."""
        details = person(requisites)
        self._make(Operation.UPDATE, lambda: self._system.update_person(payer_id, details))

    def create_contract(
        self, external_id: str, client_id: str, payer_id: str, service: Service, starts_on: date
    ) -> Contract:
        """See `Billing.create_contract`."""
        terms = {
            "person_id": payer_id,
            "service": str(service),
            "payment_type": PAYMENT_TYPES[service],
            "start_date": starts_on.isoformat(),
            "currency": CURRENCY,
        }
        made = self._make(Operation.CONTRACT, lambda: self._system.create_contract(external_id, client_id, terms)[0])
        return Contract(made.contract_id, made.number)

    def create_invoice(
        self, external_id: str, contract_id: str, amount_kopecks: int, description: str, due_on: date
    ) -> Invoice:
        """See `Billing.create_invoice`."""
        terms = {
            "contract_id": contract_id,
            "description": description,
            "due_date": due_on.isoformat(),
            "currency": CURRENCY,
        }
        return self._make(
            Operation.INVOICE,
            lambda: self._told(self._system.create_invoice(external_id, amount_kopecks, terms)[0]),
        )

    def create_credit_note(self, external_id: str, invoice_id: str, amount_kopecks: int, reason: str) -> CreditNote:
        """See `Billing.create_credit_note`."""
        terms = {"reason": reason, "currency": CURRENCY}
        made = self._make(
            Operation.CREDIT,
            lambda: self._system.create_credit_note(external_id, invoice_id, amount_kopecks, terms)[0],
        )
        return CreditNote(made.credit_note_id, made.external_id, made.invoice_id, made.kopecks)

    def refund(self, external_id: str, contract_id: str, amount_kopecks: int, reason: str) -> Refund:
        """See `Billing.refund`."""
        terms = {"reason": reason, "currency": CURRENCY}
        made = self._make(
            Operation.REFUND,
            lambda: self._system.create_refund(external_id, contract_id, amount_kopecks, terms)[0],
        )
        return Refund(made.refund_id, made.external_id, made.contract_id, made.kopecks, RefundState(made.state))

    def invoice(self, invoice_id: str) -> Invoice:
        """See `Billing.invoice`."""
        return self._look(lambda: self._told(self._system.find(records.Invoice, invoice_id)))

    def invoices(self, contract_id: str, after: str | None = None) -> Page[Invoice]:
        """See `Billing.invoices`."""

        def look() -> Page[Invoice]:
            self._system.find(records.Contract, contract_id)
            found = [self._told(each) for each in self._system.invoices(contract_id)]
            return _page(found, [each.invoice_id for each in found], after)

        return self._look(look)

    def payments(self, contract_id: str, after: str | None = None) -> Page[Payment]:
        """See `Billing.payments`."""

        def look() -> Page[Payment]:
            self._system.find(records.Contract, contract_id)
            found = [
                Payment(each.payment_id, each.contract_id, each.invoice_id, each.kopecks, instant(each.at))
                for each in self._system.payments(contract_id)
            ]
            return _page(found, [each.payment_id for each in found], after)

        return self._look(look)

    def standing(self, contract_id: str) -> Standing:
        """See `Billing.standing`."""

        def look() -> Standing:
            self._system.find(records.Contract, contract_id)
            return Standing(self._system.paid(contract_id), self._system.refunded(contract_id))

        return self._look(look)

    def _told(self, each: records.Invoice) -> Invoice:
        return Invoice(
            invoice_id=each.invoice_id,
            external_id=each.external_id,
            contract_id=each.contract_id,
            number=each.number,
            amount_kopecks=each.kopecks,
            paid_kopecks=self._system.paid_for(each.invoice_id),
            credited_kopecks=self._system.credited(each.invoice_id),
            pdf_url=f"{ADDRESS}/documents/{each.document}.pdf",
        )

    def _make(self, operation: Operation, act: Callable[[], T]) -> T:
        def made() -> T:
            try:
                return act()
            except KeyTaken as taken:
                raise BillingUnavailable("the external id has other terms", what="conflict") from taken
            except UnknownThing as missing:
                raise BillingUnavailable(missing.detail, what="missing") from missing
            except BillingRuleBroken as refused:
                raise said_no(refused.detail) from refused

        return self._trouble.around(operation, made)

    def _look(self, act: Callable[[], T]) -> T:
        def found() -> T:
            try:
                return act()
            except UnknownThing as unknown:
                raise BillingUnknown(unknown.detail) from unknown

        return self._trouble.around(Operation.FIND, found)


def _page(found: Sequence[T], ids: Sequence[str], after: str | None) -> Page[T]:
    """Raises UnknownThing."""
    if after is not None and after not in ids:
        raise UnknownThing(f"there is no {after}")
    start = 0 if after is None else ids.index(after) + 1
    end = start + PAGE_MAX
    return Page(found[start:end], ids[end - 1] if end < len(found) else None)
