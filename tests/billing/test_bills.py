"""Deals and bills: one commission for each deal, and an invoice for each bill."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from common.gateways.billing import BillingUnavailable
from functions.billing import store
from functions.billing.model import (
    AccountNotOpened,
    AccountNotReady,
    BillNotFound,
    BillStage,
    BillStatus,
    DealDiffers,
    DealerNotFound,
    DealNotFound,
    NothingToBill,
    Operation,
)
from functions.billing.service.bills import AmountWrong
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CME_ID, PRICE, REWARD, Dealership
from tests.seen import around


def test_a_closed_deal_is_billed_its_commission_with_an_invoice(dealership: Dealership) -> None:
    dealer = dealership.active()
    bill = dealership.billed(REWARD)
    (invoice,) = dealership.system.all(records.Invoice)
    assert (bill.status, bill.common_kopecks, bill.dealer_id) == (BillStatus.PENDING, REWARD, dealer.dealer_id)
    assert (bill.invoice_id, bill.number) == (invoice.invoice_id, invoice.number)
    assert (bill.url or "").endswith(f"{invoice.document}.pdf")
    assert invoice.kopecks == REWARD
    assert bill.due_on == (bill.created_at + timedelta(days=10)).date()
    assert store.bill_of_invoice(dealership.table, invoice.invoice_id) == bill.bill_id


def test_the_same_deal_is_one_deal_and_one_bill_whichever_way_it_comes(dealership: Dealership) -> None:
    dealership.active()
    first = dealership.bills.close_deal("deal", CME_ID, PRICE)
    asked = dealership.bills.create(Operation.GET_REWARD, CME_ID, "deal", None)
    again = dealership.bills.close_deal("deal", CME_ID, PRICE)
    assert (first.replayed, asked.replayed, again.replayed) == (False, True, True)
    assert again.made == first.made
    assert [bill.bill_id for bill in dealership.bills.unpaid(CME_ID)] == [asked.made.bill_id]


def test_a_known_deal_with_another_price_or_dealer_is_a_conflict(dealership: Dealership) -> None:
    dealership.active()
    dealership.active("cme-8")
    dealership.bills.close_deal("deal", CME_ID, PRICE)
    before = dealership.dynamo.items()
    for cme_dealer_id, price in ((CME_ID, PRICE + 1), ("cme-8", PRICE)):
        with pytest.raises(DealDiffers):
            dealership.bills.close_deal("deal", cme_dealer_id, price)
    assert dealership.dynamo.items() == before


def test_what_is_not_known_is_not_billed(dealership: Dealership) -> None:
    with pytest.raises(DealerNotFound):
        dealership.bills.close_deal("deal", CME_ID, PRICE)
    dealership.active()
    dealership.active("cme-8")
    with pytest.raises(DealNotFound):
        dealership.bills.create(Operation.GET_REWARD, CME_ID, "deal", None)
    dealership.bills.close_deal("deal", CME_ID, PRICE)
    with pytest.raises(DealNotFound):
        dealership.bills.create(Operation.GET_REWARD, "cme-8", "deal", None)
    with pytest.raises(BillNotFound):
        dealership.bills.bill("I" + "A" * 25)


def test_a_settlement_needs_an_amount_and_an_account_for_it(dealership: Dealership) -> None:
    dealership.active()
    dealership.bills.close_deal("deal", CME_ID, PRICE)
    for operation, amount in ((Operation.GET_SETTLEMENT, None), (Operation.GET_REWARD, PRICE)):
        with pytest.raises(AmountWrong):
            dealership.bills.create(operation, CME_ID, "deal", amount)
    with pytest.raises(AccountNotOpened):
        dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, "deal", PRICE)


def test_a_price_without_a_kopeck_of_commission_is_refused(dealership: Dealership) -> None:
    dealership.active()
    with pytest.raises(NothingToBill):
        dealership.bills.close_deal("deal", CME_ID, 19)
    assert dealership.bills.close_deal("deal", CME_ID, 20).made.reward_kopecks == 1


def test_a_bill_waits_until_its_account_has_a_contract(dealership: Dealership) -> None:
    dealer = dealership.registered()
    bill = dealership.billed(invoice=False)
    with pytest.raises(AccountNotReady):
        dealership.invoicing.create_invoice(bill.bill_id)
    assert bill.status is BillStatus.NEW
    dealership.onboard(dealer.dealer_id)
    assert dealership.invoicing.create_invoice(bill.bill_id).stage == BillStage.DONE
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PENDING


def test_an_invoice_is_made_once_whatever_became_of_its_answer(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.trouble.drop_answer_next(Asked.INVOICE)
    with pytest.raises(BillingUnavailable):
        dealership.invoicing.create_invoice(bill.bill_id)
    dealership.clock.forward(days=3)  # its due date is the same still
    for _ in range(2):
        assert dealership.invoicing.create_invoice(bill.bill_id).stage == BillStage.DONE
    assert dealership.trouble.calls[Asked.INVOICE] == 2
    assert len(dealership.system.all(records.Invoice)) == 1


def test_an_invoice_that_is_another_bills_is_not_believed(dealership: Dealership) -> None:
    """Who pays it pays the bill that had it first; the other one is a person's."""
    dealership.active()
    first, second = dealership.billed(), dealership.billed(invoice=False)
    assert first.invoice_id is not None
    same = lambda real, *asked: replace(real(*asked), invoice_id=first.invoice_id)  # noqa: E731
    dealership.asked_through = lambda billing: around(billing, create_invoice=same)
    assert dealership.invoicing.create_invoice(second.bill_id).stage == BillStage.STOPPED
    assert store.bill_of_invoice(dealership.table, first.invoice_id) == first.bill_id
    assert dealership.bills.bill(second.bill_id).invoice_id is None


def test_a_bill_that_the_billing_system_refuses_waits_for_a_person(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    dealership.refuses.add("create_invoice")
    assert dealership.invoicing.create_invoice(bill.bill_id).stage == BillStage.STOPPED
    refused = dealership.bills.bill(bill.bill_id)
    assert (refused.needs_person, refused.status) == (True, BillStatus.NEW)
    calls = dealership.trouble.calls.copy()
    assert dealership.invoicing.create_invoice(bill.bill_id).stage == BillStage.STOPPED
    assert dealership.trouble.calls == calls
