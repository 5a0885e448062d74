"""Payments: each counts once, pays bills in their order, and what is over pays the next bill by itself."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from functions.billing.model import Bill, BillStatus, PaymentStatus, Taken, receipt_id
from functions.billing.service import payments as service
from tests.billing.dealership import REWARD, Dealership
from tests.billing.dying import Died, Dying
from tests.depth import deep
from tests.desk import TABLE
from tests.harness.memory import InMemoryDynamoDB


def statuses(dealership: Dealership, *bills: Bill) -> list[BillStatus]:
    return [dealership.bills.bill(bill.bill_id).status for bill in bills]


def test_a_payment_pays_its_bill_in_parts_and_then_it_is_paid(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed()
    assert dealership.pay(10_000_00, bill) is PaymentStatus.SPREAD
    partly = dealership.bills.bill(bill.bill_id)
    assert (partly.status, partly.paid_kopecks) == (BillStatus.PARTIAL, 10_000_00)
    dealership.pay(15_000_00, bill)
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
    assert dealership.bills.unpaid("cme-7") == []
    assert dealership.account().balance_kopecks == 0


def test_a_payment_of_one_bill_is_one_transaction(dealership: Dealership) -> None:
    dealership.active()
    message = dealership.message(REWARD, bill=dealership.billed())
    writes: list[int] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(dealership.dynamo, name)

        def transact_write_items(self, **asked: list[object]) -> object:
            writes.append(len(asked["TransactItems"]))
            return dealership.dynamo.transact_write_items(**asked)

    dealership.client = Counting()
    assert dealership.payments.take(message) is PaymentStatus.SPREAD
    assert len(writes) == 1


def test_the_same_payment_again_changes_nothing(dealership: Dealership) -> None:
    dealership.active()
    message = dealership.message(10_000_00, bill=dealership.billed())
    dealership.payments.take(message)
    before = dealership.dynamo.items()
    assert dealership.payments.take(replace(message, event_id="another")) is PaymentStatus.SPREAD
    assert dealership.dynamo.items() == before


def test_what_is_over_stays_on_the_account_and_pays_the_next_bill(dealership: Dealership) -> None:
    dealership.active()
    dealership.pay(REWARD + 1_000_00, dealership.billed())
    assert dealership.account().balance_kopecks == 1_000_00
    partly, paid = dealership.billed(), dealership.billed(400_00)
    assert (partly.status, partly.paid_kopecks, partly.from_balance_kopecks) == (BillStatus.PARTIAL, 1_000_00, 1_000_00)
    assert paid.status is BillStatus.PENDING
    dealership.pay(REWARD + 100_00)
    assert statuses(dealership, partly, paid) == [BillStatus.PAID, BillStatus.PAID]
    at_once, after = dealership.billed(650_00), dealership.billed(50_00)
    assert (at_once.status, at_once.from_balance_kopecks) == (BillStatus.PAID, 650_00)
    assert (after.status, dealership.account().balance_kopecks) == (BillStatus.PAID, 0)


def test_the_bill_that_is_named_comes_first_and_then_the_oldest(dealership: Dealership) -> None:
    dealership.active()
    first, second, third = (dealership.billed(1_000_00) for _ in range(3))
    dealership.pay(1_500_00, third)
    assert statuses(dealership, first, second, third) == [BillStatus.PARTIAL, BillStatus.PENDING, BillStatus.PAID]
    dealership.pay(1_000_00)
    assert statuses(dealership, first, second, third) == [BillStatus.PAID, BillStatus.PARTIAL, BillStatus.PAID]


def test_a_payment_over_many_bills_goes_on_wherever_it_was_killed(dealership: Dealership) -> None:
    """At each of its writes, before it and after it."""
    dealership.active()
    bills = [dealership.billed(100_00) for _ in range(25)]
    message = dealership.message(25 * 100_00 + 33_00)

    for after in (False, True):
        dealership.client = Dying(dealership.dynamo, 1, after=after)
        with pytest.raises(Died):
            dealership.payments.take(message)
        dealership.client = None
        dealership.check()
    taken = dealership.receipt(message)
    assert isinstance(taken, Taken)
    assert (taken.status, taken.left_kopecks) == (PaymentStatus.TAKEN, 15 * 100_00 + 33_00)
    dealership.client = Dying(dealership.dynamo, 1, after=True)
    with pytest.raises(Died):
        dealership.payments.go_on(receipt_id(message.payment.payment_id))
    dealership.client = None
    dealership.check()
    assert dealership.payments.go_on(receipt_id(message.payment.payment_id)) is PaymentStatus.SPREAD
    assert set(statuses(dealership, *bills)) == {BillStatus.PAID}
    assert dealership.account().balance_kopecks == 33_00


def test_a_payment_over_a_hundred_bills_pays_ten_with_each_write(dealership: Dealership) -> None:
    dealership.active()
    bills = [dealership.billed(10_00) for _ in range(100)]
    assert dealership.pay(1_000_00) is PaymentStatus.SPREAD
    assert set(statuses(dealership, *bills)) == {BillStatus.PAID}


def test_two_payments_that_race_over_a_bill_pay_it_once(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(1_000_00)
    ours, theirs = dealership.message(700_00, bill=bill), dealership.message(700_00, bill=bill)

    class Racing:
        """Theirs lands between what ours has read and what it writes."""

        ran = False

        def __getattr__(self, name: str) -> object:
            return getattr(dealership.dynamo, name)

        def transact_write_items(self, **asked: object) -> object:
            if not self.ran:
                self.ran = True
                dealership.client, racing = None, dealership.client
                dealership.payments.take(theirs)
                dealership.client = racing
            return dealership.dynamo.transact_write_items(**asked)

    dealership.client = Racing()
    assert dealership.payments.take(ours) is PaymentStatus.SPREAD
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
    assert dealership.account().balance_kopecks == 400_00


def test_a_payment_that_comes_while_a_bill_is_invoiced_is_not_missed(dealership: Dealership) -> None:
    """It lands between what invoicing has read and what it writes: the balance still pays the bill."""
    dealership.active()
    bill, message = dealership.billed(1_000_00, invoice=False), dealership.message(300_00)

    class Racing:
        ran = False

        def __getattr__(self, name: str) -> object:
            return getattr(dealership.dynamo, name)

        def transact_write_items(self, **asked: object) -> object:
            if not self.ran:
                self.ran = True
                dealership.client, racing = None, dealership.client
                dealership.payments.take(message)
                dealership.client = racing
            return dealership.dynamo.transact_write_items(**asked)

    dealership.client = Racing()
    dealership.invoicing.create_invoice(bill.bill_id)
    assert dealership.bills.bill(bill.bill_id).paid_kopecks == 300_00
    assert dealership.account().balance_kopecks == 0


class TestWhatIsNobodys:
    def test_a_payment_for_a_contract_of_nobody_is_parked(self, dealership: Dealership) -> None:
        dealership.active()
        message = dealership.message(100_00)
        stranger = replace(message, payment=replace(message.payment, contract_id="contract-of-nobody"))
        for _ in range(2):
            assert dealership.payments.take(stranger) is PaymentStatus.PARKED
        assert dealership.account().received_kopecks == 0

    def test_a_payment_for_an_invoice_of_nobody_is_parked(self, dealership: Dealership) -> None:
        dealership.active()
        message = dealership.message(100_00)
        stranger = replace(message, payment=replace(message.payment, invoice_id="invoice-of-nobody"))
        assert dealership.payments.take(stranger) is PaymentStatus.PARKED

    def test_a_payment_for_another_accounts_invoice_is_parked(self, dealership: Dealership) -> None:
        dealership.active()
        dealership.active("cme-8")
        message = dealership.message(100_00, bill=dealership.billed())
        other = dealership.account("cme-8").contract_id or ""
        stranger = replace(message, payment=replace(message.payment, contract_id=other))
        assert dealership.payments.take(stranger) is PaymentStatus.PARKED

    def test_a_payment_before_its_invoice_is_known_comes_again(self, dealership: Dealership) -> None:
        """The billing system has made it, and its answer was lost."""
        dealership.active()
        bill = dealership.billed(invoice=False)
        contract_id = dealership.account().contract_id or ""
        invoice = dealership.billing.create_invoice(
            bill.bill_id, contract_id, REWARD, f"Комиссия по сделке {bill.deal_id}", bill.due_on
        )
        message = dealership.message(REWARD, bill=replace(bill, invoice_id=invoice.invoice_id))
        assert dealership.payments.take(message) is PaymentStatus.EARLY
        dealership.check()
        assert dealership.rounds.round(lambda: True).spread == 0
        dealership.invoicing.create_invoice(bill.bill_id)
        assert dealership.rounds.round(lambda: True).spread == 1
        dealership.check()
        assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID


def test_random_streams_lose_and_double_nothing() -> None:
    """Duplicates, reorder, splits, overpay, bills made in between, invoices late."""
    for seed in range(deep(60, 2_000)):
        chance = Random(seed)
        dealership = Dealership(InMemoryDynamoDB(TABLE))
        dealership.active()
        bills: list[Bill] = []
        messages = []
        received = 0
        for _ in range(chance.randint(4, 14)):
            act = chance.random()
            if act < 0.4:
                bills.append(dealership.billed(chance.randint(1, 50) * 100, invoice=chance.random() < 0.8))
            elif act < 0.7:
                named = [bill for bill in bills if bill.invoice_id]
                kopecks = chance.randint(1, 12_000)
                bill = chance.choice(named) if named and chance.random() < 0.6 else None
                messages.append(dealership.message(kopecks, bill=bill))
                received += kopecks
            elif messages:
                dealership.payments.take(chance.choice(messages))
            dealership.check()
        for bill in bills:
            dealership.invoicing.create_invoice(bill.bill_id)
        chance.shuffle(messages)
        for message in messages * 2:
            dealership.payments.take(message)
        dealership.check()
        account, owed = dealership.account(), sum(bill.common_kopecks for bill in bills)
        paid = sum(dealership.bills.bill(bill.bill_id).paid_kopecks for bill in bills)
        assert account.received_kopecks == received == paid + account.balance_kopecks
        assert paid == min(owed, received)


def test_a_write_spreads_over_no_more_bills_than_a_transaction_holds() -> None:
    """A bill that is paid takes five statements, and the payment and its account one each."""
    assert 5 * service.BILLS_A_WRITE + 2 <= 100
