"""Incidents of dealers, their bills and their payments."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

from common.gateways.billing import BillingUnavailable
from common.gateways.billing.messages import read
from functions.billing.model import receipt_id, receipt_id_of
from functions.billing.service.fast_buyout import RefundPending
from sandbox.billing import records
from sandbox.billing.faults import Operation
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.test_leaving import DEALER_ID
from tests.billing.test_parked_payments import TestIdentified, parked, strange
from tests.billing.test_recalls import TestMissing, recalled
from tests.billing.test_recalls import payment as recalled_again
from tests.billing.test_refunds import agreed, clock, settled
from tests.billing.test_reminders import overdue_bill
from tests.runbooks.on_call import OnCall, Way, nothing_more
from tests.runbooks.payouts import Facts

PERSON = ("WorkNeedsPerson",)
OFF = ("BillingOff",)


def dealership_of(on_call: OnCall) -> Dealership:
    made = on_call.desk.dealership
    made.active()
    return made


def never_told(on_call: OnCall) -> Facts:
    """The message of a payment is lost; it is published again, once they are asked to."""
    dealership = dealership_of(on_call)
    dealership.message(7_00)
    on_call.desk.clock.forward(days=1)
    return {"DEALER": DEALER_ID}


def on_its_way(on_call: OnCall) -> Facts:
    dealership = dealership_of(on_call)
    dealership.message(7_00)
    return {"DEALER": DEALER_ID}


def told_twice(on_call: OnCall) -> Facts:
    """The second time with another sum."""
    dealership = dealership_of(on_call)
    message = dealership.message(100_00)
    dealership.payments.take(message)
    dealership.payments.take(replace(message, payment=replace(message.payment, amount_kopecks=70_00)))
    return {}


def refused_though_paid(on_call: OnCall) -> Facts:
    """A deposit is to be paid back, which they have done, and say that they do not."""
    dealership = dealership_of(on_call)
    dealership.buying()
    dealership.fast_buyouts.release(CME_ID)
    dealership.trouble.drop_answer_next(Operation.REFUND)
    with suppress(BillingUnavailable, RefundPending):
        dealership.releasing.release_deposit(DEALER_ID)
    dealership.refuses.add("refund")
    dealership.run(seconds=1800)
    return {"ID": DEALER_ID, "C…": DEALER_ID}


def told_as_taken_back(on_call: OnCall) -> Facts:
    """Which it is not: the billing system still has it."""
    dealership = dealership_of(on_call)
    message = dealership.message(100_00)
    dealership.payments.take(message)
    (written,) = [m.value for m in dealership.system.outbox.messages() if message.payment.payment_id in m.value]
    back = json.dumps(json.loads(written) | {"event_type": "invoice.payment_reversed", "paid_total": "100.00"}).encode()
    dealership.payments.receive(back, lambda: True)
    return {"MESSAGE": receipt_id_of(back), "Y…": receipt_id(message.payment.payment_id)}


def taken_back(on_call: OnCall) -> Facts:
    dealership = dealership_of(on_call)
    message = dealership.message(100_00)
    dealership.payments.take(message)
    dealership.system.take_back(message.payment.payment_id)
    body = dealership.system.outbox.messages()[-1].value.encode()
    dealership.payments.receive(body, lambda: True)
    return {"MESSAGE": receipt_id_of(body), "Y…": receipt_id(message.payment.payment_id)}


def taken_back_too_late(on_call: OnCall) -> Facts:
    """Two thirds of it had gone back to the dealer by then; two operators have taken the rest off his account."""
    desk = on_call.desk
    dealership_of(on_call)
    message = TestMissing().gone(desk)
    recalled(desk, message)
    (back,) = (item.id for item in desk.operations.work(["payments"], overdue_only=False, limit=9) if item.needs_person)
    desk.by_two("payments dismiss", back, {}, "statement, line 9")
    payment = recalled_again(desk, message)
    return {"Y…": payment.receipt_id}


def told_too_much(on_call: OnCall) -> Facts:
    """The billing system has told of a contract's payments with a sum that is too large, and says that it was wrong."""
    dealership = dealership_of(on_call)
    dealership.payments.take(replace(dealership.message(100_00), paid_total_kopecks=150_00))
    on_call.desk.clock.forward(minutes=16)
    return {"C…:COMMISSION": f"{DEALER_ID}:COMMISSION"}


def in_the_failed_queue(on_call: OnCall) -> Facts:
    """The table refused a payment for an hour; one that came later was taken."""
    dealership = dealership_of(on_call)
    message = dealership.message(7_00)
    dealership.pay(300_00)
    on_call.desk.clock.forward(minutes=16)
    on_call.mended = lambda: dealership.payments.take(message)
    return {}


def before_its_contract(on_call: OnCall) -> Facts:
    """A payment comes for a contract whose answer was lost; then that is known."""
    dealership = on_call.desk.dealership
    dealer_id = dealership.registered().dealer_id
    dealership.trouble.drop_answer_next(Operation.CONTRACT)
    with suppress(BillingUnavailable):
        dealership.onboard(dealer_id)
    (contract,) = dealership.system.all(records.Contract)
    payment = dealership.system.pay(100_00, contract.contract_id, None, "за автомобиль")
    (told,) = [m for m in dealership.system.outbox.messages() if payment.payment_id in m.value]
    thing_id = parked(on_call.desk, read(told.value.encode()))
    on_call.mended = lambda: dealership.onboard(dealer_id)
    return {"ID": thing_id}


def of_a_strange_invoice(on_call: OnCall) -> Facts:
    message = strange(dealership_of(on_call), invoice_id="invoice-of-nobody")
    return {"ID": parked(on_call.desk, message), "--contract": message.payment.contract_id}


def no_payment_at_all(on_call: OnCall) -> Facts:
    dealership_of(on_call).payments.park(b"no JSON", "not JSON")
    return {"ID": receipt_id_of(b"no JSON")}


def not_readable(on_call: OnCall) -> Facts:
    thing_id, said, _ = TestIdentified().unreadable(on_call.desk)
    return {"ID": thing_id, **{f"--{name}": value for name, value in said.items()}}


def not_paid_in_time(on_call: OnCall) -> Facts:
    bill_id = overdue_bill(on_call.desk).bill_id
    return {"I…": bill_id, "I…:REMINDER": f"{bill_id}:REMINDER"}


def leaves_with_another_bank(on_call: OnCall) -> Facts:
    dealer_id = on_call.desk.dealership.leaving(moved=True)
    on_call.desk.dealership.run(seconds=600)
    return {"C…": dealer_id}


def refund_contradicted(on_call: OnCall) -> Facts:
    """They refuse to pay back what they pay back; a moment later they tell it rightly."""
    desk = on_call.desk
    dealership = dealership_of(on_call)
    dealership.pay(300_00)
    agreed(desk, "300.00")
    dealership.trouble.drop_answer_next(Operation.REFUND)
    clock(desk)
    dealership.refuses.add("refund")
    refund_id = clock(desk).refund_id
    dealership.refuses.clear()
    settled(desk)
    return {"ID": refund_id}


def a_quarter_of_an_hour(on_call: OnCall) -> None:
    """The rounds of the clock spread and compare; refunds that the bank is to make are made."""
    desk = on_call.desk
    for _ in range(2):
        desk.dealership.rounds.round(lambda: True)
        desk.dealership.refunding.round(lambda: True)
        desk.clock.forward(minutes=16)
    for refund in desk.dealership.system.all(records.Refund):
        with suppress(Exception):
            desk.dealership.system.settle_refund(refund.refund_id, "DONE")
    desk.dealership.run(seconds=7200)


def published_again(on_call: OnCall) -> None:
    """Under the same payment id; and the next day is compared."""
    dealership = on_call.desk.dealership
    for told in dealership.system.outbox.messages():
        dealership.payments.receive(told.value.encode(), lambda: True)
    a_quarter_of_an_hour(on_call)
    on_call.desk.clock.forward(days=1)
    on_call.rounds()


WAYS = [
    Way("billing-off", "A payment was never told to us", never_told, published_again),
    Way("billing-off", "It is `unknown`", on_its_way, published_again, rings=()),
    Way("billing-not-believed", "somebody there has sent", told_twice, nothing_more, leaves=("billing dealers",)),
    Way(
        "billing-not-believed", "Of a refund", refused_though_paid, a_quarter_of_an_hour, rings=("BillingNotBelieved",)
    ),
    Way("payment-taken-back", "the message is wrong", told_as_taken_back, a_quarter_of_an_hour, rings=PERSON),
    Way("payment-taken-back", "It was taken back", taken_back, a_quarter_of_an_hour, rings=PERSON),
    Way(
        "payment-taken-back", "A part of it has left", taken_back_too_late, a_quarter_of_an_hour, rings=("WorkOverdue",)
    ),
    Way(
        "payment-taken-back",
        "agree again with the next payment",
        told_too_much,
        a_quarter_of_an_hour,
        leaves=("work list --context payments", "work show"),
        rings=PERSON,
    ),
    Way(
        "payments-failed",
        "Of the queue",
        in_the_failed_queue,
        a_quarter_of_an_hour,
        rings=PERSON,
        tells=("Nothing is unfinished.",),
        afterwards=True,
    ),
    Way("needs-person", "is known by now", before_its_contract, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "you know whose it is", of_a_strange_invoice, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "or no payment", no_payment_at_all, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "the billing system has its money", not_readable, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "remind dealer", not_paid_in_time, nothing_more, rings=PERSON),
    Way("needs-person", "his requisites are not those", leaves_with_another_bank, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "in the list `refunds`", refund_contradicted, a_quarter_of_an_hour, rings=PERSON),
    Way("needs-person", "COMPARISON.billing", never_told, published_again, rings=OFF),
]
