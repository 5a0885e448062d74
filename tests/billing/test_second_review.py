"""What a second look at dealer billing found: each would have lost money, or hidden that it is lost."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.comparisons import Verdict
from common.domain.dealer_refunds import Status
from functions.billing import model, store
from functions.billing.model import AccountType, BillStatus, receipt_id, receipt_id_of
from functions.operations.model import NotProposable
from sandbox.billing import records
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.test_corrections import Between
from tests.billing.test_parked_payments import decided, strange
from tests.billing.test_refunds import agreed, clock, compared, refunds, settled, with_spare
from tests.desk import Desk

ALWAYS = lambda: True  # noqa: E731


def test_what_the_bank_refuses_pays_the_bills_that_came_meanwhile() -> None:
    desk = with_spare()
    agreed(desk, "300.00")
    clock(desk)
    bill = desk.dealership.billed(120_00)
    assert bill.status is BillStatus.PENDING
    settled(desk, "REFUSED")
    assert clock(desk).status is Status.REFUSED
    assert desk.dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
    assert desk.dealership.account().balance_kopecks == 180_00


def test_what_leaves_a_contract_while_its_deposit_is_held_is_found() -> None:
    desk = Desk()
    buyer = desk.dealership
    dealer_id = buyer.leaving(moved=True)
    buyer.run()
    assert compared(desk) is Verdict.AGREES
    deposit = store.account(desk.table, dealer_id, AccountType.DEPOSIT)
    buyer.system.create_refund("theft", deposit.contract_id or "", 7_00, {"reason": "x", "currency": "RUB"})
    assert compared(desk) is Verdict.OFF


def test_what_leaves_a_contract_beside_a_refund_is_found() -> None:
    desk = with_spare()
    agreed(desk, "100.00")
    clock(desk)
    contract = desk.dealership.account().contract_id
    desk.dealership.system.create_refund("theft", contract or "", 7_00, {"reason": "x", "currency": "RUB"})
    assert compared(desk) is Verdict.OFF


def test_a_message_of_what_the_bank_took_back_is_no_payment() -> None:
    desk = Desk()
    dealership = desk.dealership
    dealership.active()
    payment = dealership.message(100_00).payment
    (written,) = [m.value for m in dealership.system.outbox.messages() if payment.payment_id in m.value]
    back = json.dumps(json.loads(written) | {"event_type": "invoice.payment_reversed", "paid_total": "0.00"}).encode()
    dealership.payments.receive(back, ALWAYS)
    with pytest.raises(NotProposable):
        decided(desk, "payments identify", receipt_id_of(back), payment="p-9", contract=payment.contract_id, sum="5.00")


def test_two_decide_about_the_sum_that_they_have_seen() -> None:
    desk = Desk()
    dealership = desk.dealership
    dealership.active()
    dealership.active("cme-8")
    message = strange(dealership, invoice_id="invoice-of-nobody")
    dealership.payments.take(message)
    thing = receipt_id(message.payment.payment_id)
    told = desk.proposals.propose(
        "payments assign",
        thing,
        {"contract": dealership.account("cme-8").contract_id or ""},
        "x",
        "because",
        "olga",
        dry_run=False,
    )
    other = replace(message, payment=replace(message.payment, amount_kopecks=9_000_00), paid_total_kopecks=9_000_00)
    quiet = Dealership(desk.dynamo, desk.clock)

    def tell_anew() -> None:
        desk.clock.forward(seconds=-2)  # another function's clock is late
        quiet.payments.take(other)
        desk.clock.forward(seconds=2)

    desk.client = Between(desk.dynamo, tell_anew)
    with suppress(NotProposable):
        desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)
    desk.client = None
    desk.clock.forward(minutes=5)
    dealership.rounds.round(ALWAYS)
    assert dealership.account("cme-8").balance_kopecks in (0, 100_00)


def test_a_bill_is_due_by_the_day_of_moscow() -> None:
    desk = Desk()
    desk.dealership.active()
    desk.clock.at = datetime(2026, 11, 21, 22, 30, tzinfo=UTC)  # the 22nd there
    bill = desk.dealership.billed()
    assert bill.due_on.isoformat() == "2026-12-02"
    desk.clock.at = datetime(2026, 12, 2, 20, 59, tzinfo=UTC)
    assert not desk.auditing.is_overdue(bill)
    desk.clock.at = datetime(2026, 12, 2, 21, 1, tzinfo=UTC)
    assert desk.auditing.is_overdue(bill)


def test_a_refund_that_the_bank_never_ends_is_shown_as_late() -> None:
    desk = with_spare()
    agreed(desk, "100.00")
    for days in (2, 2):
        desk.clock.forward(days=days)
        clock(desk, minutes=0)
        late = desk.operations.work(["refunds"], overdue_only=True, limit=10)
        assert bool(late) is (refunds(desk)[0].agreed_at + timedelta(days=3) < desk.clock())


def test_a_deposit_of_more_than_one_sum_can_be_is_paid_back() -> None:
    desk = Desk()
    buyer = desk.dealership
    buyer.active()
    buyer.buying(9_999_999_999_99)
    deposit = store.account(desk.table, model.dealer_id(CME_ID), AccountType.DEPOSIT)
    buyer.payments.take(buyer.message(9_999_999_999_99, contract_id=deposit.contract_id))
    buyer.fast_buyouts.release(CME_ID)
    buyer.run(seconds=7200)
    (first,) = buyer.system.all(records.Refund)
    buyer.system.settle_refund(first.refund_id, "DONE")
    buyer.run(seconds=7200)
    buyer.fast_buyouts.release(CME_ID)
    buyer.run(seconds=7200)
    assert buyer.system.refunded(deposit.contract_id or "") == 2 * 9_999_999_999_99
