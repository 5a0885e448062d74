"""What the functions of dealer billing ask of AWS, through all that can happen to a dealer and his bills."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from unittest.mock import patch

from common import keys
from common.domain import work
from functions.billing import model, schedule, stream, tasks
from functions.billing.service.corrections import Change
from infra.grants import Secret
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CME_ID, Dealership
from tests.common.test_requisites import COMPANY
from tests.desk import Desk
from tests.doors import opened
from tests.harness.invocation import Invocation
from tests.infra.recorder import Recorder


def watched(recorder: Recorder) -> Dealership:
    """Whatever it asks of AWS from now on is recorded."""
    dealership = Dealership()
    dealership.client = recorder.table(dealership.dynamo)
    dealership.world.client = recorder.states(dealership.world.machines)
    dealership.asked_through = partial(recorder.reads, Secret.BILLING_KEY)
    seals(recorder, dealership)
    return dealership


def seals(recorder: Recorder, dealership: Dealership) -> None:
    """What is asked for it from now on is recorded."""
    mark_key = dealership.mark_key
    dealership.kms_client = recorder.kms(dealership.kms)

    def read() -> bytes:
        recorder.secret(Secret.TAXPAYER_KEY)
        return mark_key()

    dealership.mark_key = read


def billed_and_paid(recorder: Recorder) -> None:
    """His bill waits for his contract, and is paid at once by what is on the account."""
    dealership = watched(recorder)
    dealership.registered()
    dealership.run()
    dealership.pay(1_000_00)
    dealership.billed(400_00, invoice=False)
    dealership.run()
    bill = dealership.billed(1_000_00, invoice=False)
    dealership.run()
    with (
        patch.object(tasks, "onboarding", lambda: dealership.onboarding),
        patch.object(tasks, "invoicing", lambda: dealership.invoicing),
    ):
        tasks.read_dealer({"id": bill.dealer_id}, Invocation())
        tasks.read_bill({"id": bill.bill_id}, Invocation())


def corrected(recorder: Recorder) -> None:
    """What went back to the account pays another bill; a credit note is refused; a bill is cancelled unasked for."""
    dealership = watched(recorder)
    dealership.registered()
    dealership.run()
    first, _ = dealership.billed(1_000_00), dealership.billed(400_00)
    dealership.pay(1_000_00, first)
    changed = recorder.as_("billing.api", dealership.corrections.change)
    changed(first.deal_id, "cheaper", Change(price_kopecks=20_000_00))
    dealership.run()
    dealership.refuses.add("create_credit_note")
    changed(first.deal_id, "off", Change(cancelled=True))
    dealership.run()
    dead = dealership.billed(5_00)
    dealership.trouble.down = True
    changed(dead.deal_id, "off", Change(cancelled=True))
    dealership.world.machines.restart()  # what was started has ended before it is started by the API
    key = keys.BILL(bill_id=dead.bill_id)
    recorder.as_("billing.api", work.drive_now)(dealership.table, dealership.machines, key, dealership.clock())
    dealership.trouble.down = False
    unasked = dealership.billed(7_00, invoice=False)
    dealership.trouble.drop_answer_next(Asked.INVOICE)
    dealership.run(seconds=1)
    changed(unasked.deal_id, "off", Change(cancelled=True))
    dealership.run(seconds=600)


def left(recorder: Recorder) -> None:
    """With fast buyout and his deposit back, after it was refused once."""
    dealership = watched(recorder)
    dealership.registered()
    dealership.run()
    dealership.buying()
    for state in ("REFUSED", "DONE"):
        recorder.as_("billing.api", dealership.fast_buyouts.release)(CME_ID)
        dealership.run()
        (*_, refund) = dealership.system.all(records.Refund)
        dealership.system.settle_refund(refund.refund_id, state)
        dealership.run(seconds=7200)


def paid_back(recorder: Recorder) -> None:
    """What two operators have agreed on: refused by the bank, paid, contradicted, and come to nothing."""
    desk = Desk()
    dealership = desk.dealership
    dealership.active()
    dealership.pay(400_00)
    dealership.client = recorder.table(desk.dynamo)
    dealership.asked_through = partial(recorder.reads, Secret.BILLING_KEY)
    clock = recorder.as_("billing.pay_refunds", schedule.pay_refunds)
    account = f"{model.dealer_id(CME_ID)}:COMMISSION"
    with patch.object(schedule, "refunding", lambda: dealership.refunding):
        for state in ("REFUSED", "DONE", "PENDING", "OPEN"):
            told = desk.proposals.propose("payments refund", account, {"sum": "100.00"}, "1", "his", "o", dry_run=False)
            desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)
            if state == "PENDING":
                dealership.trouble.drop_answer_next(Asked.REFUND)
            if state == "OPEN":
                dealership.billed(5_00, invoice=False)
            clock({}, Invocation(55))
            if state in ("REFUSED", "DONE"):
                (*_, refund) = dealership.system.all(records.Refund)
                dealership.system.settle_refund(refund.refund_id, state)
            if state == "PENDING":
                dealership.refuses.add("refund")
            dealership.clock.forward(minutes=16)
            clock({}, Invocation(55))
            if state == "PENDING":
                dealership.refuses.clear()
                (*_, refund) = dealership.system.all(records.Refund)
                dealership.system.settle_refund(refund.refund_id, "DONE")
                waiting = desk.operations.work(["refunds"], overdue_only=False, limit=1)[0].id
                desk.asking_again.retry_refund(waiting, "they have looked", "olga", dry_run=False)
                dealership.clock.forward(minutes=2)
                clock({}, Invocation(55))


def refused(recorder: Recorder) -> None:
    dealership = watched(recorder)
    dealership.refuses.add("create_payer")
    dealership.registered()
    dealership.run()


def changed(recorder: Recorder) -> None:
    """His requisites, twice; the second time the billing system refuses them."""
    dealership = watched(recorder)
    dealership.active()
    for bank in ("Банк один", "Банк два"):
        dealership.dealers.update_requisites(CME_ID, replace(COMPANY, bank_name=bank))
        dealership.run()
        dealership.refuses.add("update_payer")


def compared(recorder: Recorder) -> None:
    """The billing system is held against the books by the clock and by an operator, who asks what it has found."""
    desk = Desk()
    desk.client = recorder.table(desk.dynamo)
    dealership = desk.dealership
    dealership.asked_through = partial(recorder.reads, Secret.BILLING_KEY)
    dealership.active()
    dealership.pay(100_00, dealership.billed(100_00))
    comparing = desk.comparing_billing
    for _ in range(2):
        recorder.as_("billing.compare_billing", comparing.round)(lambda: True)
    with opened(desk) as doors:
        olga = doors.operator()
        for ask in (olga.post, olga.get):
            answer = recorder.as_("billing.api", ask)("/operations/compare/billing")
            assert answer.status == 200, answer.text


def dead(recorder: Recorder) -> None:
    """Executions have died: the sweeper starts the next ones, or an operator does."""
    desk = Desk()
    desk.client = recorder.table(desk.dynamo)
    desk.world.client = recorder.states(desk.world.machines)
    dealership = desk.dealership
    dealership.trouble.down = True
    dealer_id, bill_id = dealership.registered().dealer_id, dealership.billed(invoice=False).bill_id
    desk.world.machines.run()
    for _ in range(2):  # lately, and long ago
        desk.world.machines.restart()
        recorder.as_("operations.sweep", desk.sweeper.sweep)(lambda: True)
        desk.clock.forward(minutes=30)
    desk.world.machines.restart()
    with opened(desk) as doors:
        olga = doors.operator()
        for thing_id in (dealer_id, bill_id):
            for answer in (
                recorder.as_("operations.api", olga.get)(f"/operations/work/{thing_id}"),
                recorder.as_("operations.api", olga.post)(f"/operations/work/{thing_id}/redrive", {"reason": "died"}),
            ):
                assert answer.status == 200, answer.text


def paid_by_messages(recorder: Recorder) -> None:
    """Of a queue: spread at once, early, parked, poison, and again; the clock does the rest and compares totals."""
    dealership = watched(recorder)
    dealership.active()
    bills = [dealership.billed(10_00) for _ in range(15)]
    early = dealership.billed(30_00, invoice=False)
    contract_id, about = dealership.account().contract_id or "", f"Комиссия по сделке {early.deal_id}"
    invoice = dealership.billing.create_invoice(early.bill_id, contract_id, early.common_kopecks, about, early.due_on)
    for kopecks, bill in ((10_00, bills[3]), (160_00, None), (30_00, replace(early, invoice_id=invoice.invoice_id))):
        dealership.message(kopecks, bill=bill)
    dealership.message(7_00)
    written = [message.value for message in dealership.system.outbox.messages()]
    of_nobody = json.dumps({**json.loads(written.pop()), "invoice_id": "invoice-of-nobody"})
    take = recorder.as_("billing.take_payments", stream.take_payments)
    clock = recorder.as_("billing.spread_payments", schedule.spread_payments)
    with (
        patch.object(stream, "payments", lambda: dealership.payments),
        patch.object(schedule, "rounds", lambda: dealership.rounds),
    ):
        for seconds in (14, 30):  # without the time to spread on, and with it
            bodies = enumerate([*written, of_nobody, "poison"])
            take({"Records": [{"messageId": str(n), "body": body} for n, body in bodies]}, Invocation(seconds))
            clock({}, Invocation(55))
            dealership.invoicing.create_invoice(early.bill_id)
            dealership.clock.forward(minutes=16)
        clock({}, Invocation(55))
    dealership.check()


LIVES = (billed_and_paid, corrected, left, paid_back, refused, changed, compared, dead, paid_by_messages)
