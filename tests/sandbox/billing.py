"""A billing system with a dealer in it, for the tests of what happens there."""

from __future__ import annotations

from datetime import date

from common.gateways.billing import Service
from sandbox.billing.fake import FakeBilling, Trouble
from sandbox.billing.system import BillingSystem
from tests.common.test_requisites import COMPANY

TODAY, LATER = date(2026, 11, 29), date(2026, 12, 29)


def contract_of(system: BillingSystem, name: str = "dealer-1", service: Service = Service.COMMISSION) -> str:
    """The contract_id of a dealer who is there from now on."""
    billing = FakeBilling(system, Trouble())
    client_id = billing.create_client(name, "Автосалон")
    payer_id = billing.create_payer(name, client_id, COMPANY)
    return billing.create_contract(name, client_id, payer_id, service, TODAY).contract_id


def invoice_of(system: BillingSystem, contract_id: str, kopecks: int, name: str = "bill-1") -> str:
    """Its invoice_id."""
    billing = FakeBilling(system, Trouble())
    return billing.create_invoice(name, contract_id, kopecks, "Вознаграждение по сделке 1", LATER).invoice_id
