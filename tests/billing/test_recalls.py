"""What the bank has taken back goes off its account, what it has paid is owed again, nothing goes back meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from common.domain.dealer_refunds import Status
from common.gateways.billing import PaymentMessage
from functions.billing import model, payment_store, store
from functions.billing.model import (
    AccountType,
    BillStatus,
    DealerStatus,
    PaymentRecalled,
    PaymentStatus,
    ReleaseStatus,
    Taken,
    receipt_id,
    receipt_id_of,
)
from functions.billing.service.corrections import Change
from functions.operations.model import NotProposable
from sandbox.billing import records
from tests.billing.dealership import CME_ID
from tests.billing.test_parked_payments import decided, off
from tests.billing.test_refunds import agreed, clock, proposed, refunds
from tests.desk import Desk

DEALER_ID = model.dealer_id(CME_ID)
DEPOSIT = 150_000_00


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.dealership.active()
    yield desk
    desk.dealership.check()
    assert not desk.world.bugs


def paid(desk: Desk, kopecks: int, bill: model.Bill | None = None) -> PaymentMessage:
    message = desk.dealership.message(kopecks, bill=bill)
    desk.dealership.payments.take(message)
    return message


def told_back(desk: Desk, message: PaymentMessage) -> str:
    """The id of the message that tells of it."""
    system = desk.dealership.system
    system.take_back(message.payment.payment_id)
    body = system.outbox.messages()[-1].value.encode()
    for _ in range(2):
        desk.dealership.payments.receive(body, lambda: True)
    desk.dealership.check()
    return receipt_id_of(body)


def recalled(desk: Desk, message: PaymentMessage) -> Taken:
    """By two operators, and the clock."""
    thing = receipt_id(message.payment.payment_id)
    decided(desk, "payments recall", thing)
    return payment(desk, message)


def payment(desk: Desk, message: PaymentMessage) -> Taken:
    desk.clock.forward(minutes=2)
    desk.dealership.rounds.round(lambda: True)
    desk.dealership.check()
    found = payment_store.receipt(desk.table, receipt_id(message.payment.payment_id))
    assert isinstance(found, Taken)
    return found


def bill_of(desk: Desk, bill: model.Bill) -> tuple[BillStatus, int]:
    found = desk.dealership.bills.bill(bill.bill_id)
    return found.status, found.paid_kopecks


def deposit(desk: Desk) -> model.Account:
    return store.account(desk.table, DEALER_ID, AccountType.DEPOSIT)


class TestTakenOff:
    def test_what_it_has_paid_is_owed_again_and_both_sides_agree(self, desk: Desk) -> None:
        first, second = desk.dealership.billed(100_00), desk.dealership.billed(200_00)
        message = paid(desk, 250_00)
        thing = told_back(desk, message)
        assert recalled(desk, message).status is PaymentStatus.RECALLED
        assert (bill_of(desk, first), bill_of(desk, second)) == ((BillStatus.PENDING, 0), (BillStatus.PENDING, 0))
        decided(desk, "payments dismiss", thing)
        account = desk.dealership.account()
        assert (account.received_kopecks, account.balance_kopecks, account.recalls) == (0, 0, 0)
        desk.clock.forward(minutes=20)
        desk.dealership.rounds.round(lambda: True)
        assert desk.dealership.account().open_work is None
        assert off(desk) == []
        (statement,) = desk.dealership.statements.of(CME_ID, "2026-11").accounts
        assert statement.closing_kopecks == -300_00
        assert [line.entry.kopecks for line in statement.lines if line.entry.kind == "RECALL"] == [-250_00]

    def test_what_lies_on_the_account_goes_first(self, desk: Desk) -> None:
        bill = desk.dealership.billed(100_00)
        message = paid(desk, 100_00, bill)
        paid(desk, 70_00)
        told_back(desk, message)
        recalled(desk, message)
        assert bill_of(desk, bill) == (BillStatus.PARTIAL, 70_00)
        assert desk.dealership.account().balance_kopecks == 0

    def test_bills_that_it_has_paid_go_before_newer_ones(self, desk: Desk) -> None:
        first = desk.dealership.billed(100_00)
        message = paid(desk, 100_00, first)
        second = desk.dealership.billed(100_00)
        paid(desk, 100_00, second)
        told_back(desk, message)
        recalled(desk, message)
        assert (bill_of(desk, first)[1], bill_of(desk, second)[1]) == (0, 100_00)

    def test_what_it_had_paid_of_a_bill_that_is_cancelled_is_taken_where_it_went(self, desk: Desk) -> None:
        first, second = desk.dealership.billed(100_00), desk.dealership.billed(100_00)
        message = paid(desk, 100_00, first)
        desk.dealership.corrections.change(first.deal_id, "off", Change(cancelled=True))
        desk.dealership.run()
        assert bill_of(desk, second) == (BillStatus.PAID, 100_00)
        told_back(desk, message)
        recalled(desk, message)
        assert bill_of(desk, second) == (BillStatus.PENDING, 0)

    def test_one_over_many_bills_goes_off_in_several_writes(self, desk: Desk) -> None:
        bills = [desk.dealership.billed(10_00) for _ in range(23)]
        message = paid(desk, 230_00)
        told_back(desk, message)
        assert recalled(desk, message).status is PaymentStatus.RECALLED
        assert {bill_of(desk, bill) for bill in bills} == {(BillStatus.PENDING, 0)}

    def test_what_is_owed_again_is_paid_by_what_comes_next(self, desk: Desk) -> None:
        """Also by a payment that had paid it before."""
        bills = [desk.dealership.billed(10_00) for _ in range(2)]
        first = paid(desk, 5_00, bills[0])
        second = desk.dealership.message(15_00, bill=bills[0])
        desk.dealership.payments.take(second)
        told_back(desk, first)
        recalled(desk, first)
        paid(desk, 5_00)
        assert {bill_of(desk, bill) for bill in bills} == {(BillStatus.PAID, 10_00)}

    def test_a_bill_that_is_owed_again_is_taken_back_when_its_price_changes(self, desk: Desk) -> None:
        bill = desk.dealership.billed()
        message = paid(desk, bill.common_kopecks, bill)
        told_back(desk, message)
        recalled(desk, message)
        desk.dealership.corrections.change(bill.deal_id, "price", Change(price_kopecks=800_000_00))
        desk.dealership.run()
        assert bill_of(desk, bill) == (BillStatus.CANCELLED, 0)

    def test_its_dealer_is_reminded_anew(self, desk: Desk) -> None:
        bill = desk.dealership.billed(100_00)
        message = paid(desk, 100_00, bill)
        told_back(desk, message)
        recalled(desk, message)
        desk.clock.forward(days=12)
        assert desk.dealership.rounds.round(lambda: True).overdue == 1

    def test_it_is_taken_off_once(self, desk: Desk) -> None:
        message = paid(desk, 100_00)
        told_back(desk, message)
        recalled(desk, message)
        with pytest.raises(NotProposable, match="not for `payments recall`"):
            recalled(desk, message)
        assert desk.dealership.payments.take(message) is PaymentStatus.RECALLED
        assert desk.dealership.account().received_kopecks == 0

    def test_what_is_parked_was_never_on_an_account(self, desk: Desk) -> None:
        message = desk.dealership.message(100_00)
        wrong = replace(message, payment=replace(message.payment, contract_id="contract-of-nobody"))
        desk.dealership.payments.take(wrong)
        with pytest.raises(NotProposable):
            recalled(desk, message)


class TestNothingGoesBack:
    def test_from_the_message_on_until_two_have_looked(self, desk: Desk) -> None:
        desk.dealership.buying(DEPOSIT)
        message = paid(desk, 300_00)
        thing = told_back(desk, message)
        with pytest.raises(PaymentRecalled):
            desk.dealership.fast_buyouts.release(CME_ID)
        with pytest.raises(NotProposable, match="taken back"):
            proposed(desk, "100.00")
        decided(desk, "payments dismiss", thing)  # it was wrong
        proposed(desk, "100.00")
        assert desk.dealership.fast_buyouts.release(CME_ID).made.status is ReleaseStatus.ASKED

    def test_a_refund_that_was_agreed_on_comes_to_nothing(self, desk: Desk) -> None:
        message = paid(desk, 300_00)
        agreed(desk, "300.00")
        told_back(desk, message)
        assert clock(desk).status is Status.REFUSED
        assert desk.dealership.system.all(records.Refund) == []

    def test_one_that_was_not_asked_for_yet_is_put_back(self, desk: Desk) -> None:
        message = paid(desk, 300_00)
        agreed(desk, "300.00")
        desk.dealership.trouble.down = True
        clock(desk)
        desk.dealership.trouble.down = False
        told_back(desk, message)
        for _ in range(6):
            clock(desk)
        assert [refund.status for refund in refunds(desk)] == [Status.REFUSED]
        assert recalled(desk, message).status is PaymentStatus.RECALLED
        assert desk.dealership.account().balance_kopecks == 0

    def test_a_deposit_that_was_asked_for_and_waits_stays(self, desk: Desk) -> None:
        buyer = desk.dealership
        buyer.buying(DEPOSIT)
        message = paid(desk, 300_00)
        buyer.trouble.down = True
        buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        buyer.trouble.down = False
        told_back(desk, message)
        buyer.run(seconds=4 * 3600)
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
        assert (deposit(desk).balance_kopecks, buyer.system.all(records.Refund)) == (DEPOSIT, [])


class TestWithItsMessage:
    """The recall carries that its message is done with."""

    def test_the_message_keeps_money_here_until_the_payment_is_off(self, desk: Desk) -> None:
        message = paid(desk, 300_00)
        thing, back = receipt_id(message.payment.payment_id), told_back(desk, message)
        desk.by_two("payments recall", thing, {"message": back})
        assert desk.dealership.payments.go_on(back) is PaymentStatus.PARKED
        with pytest.raises(NotProposable, match="taken back"):
            proposed(desk, "100.00")
        assert payment(desk, message).status is PaymentStatus.RECALLED
        desk.dealership.rounds.round(lambda: True)
        assert payment_store.receipt(desk.table, back).status is PaymentStatus.DISMISSED
        assert desk.dealership.account().recalls == 0
        assert not desk.operations.work(["payments"], overdue_only=False, limit=9)

    def test_it_waits_as_long_as_something_is_missing(self, desk: Desk) -> None:
        """And ends with what two say of the rest."""
        message = TestMissing().gone(desk)
        (back,) = (each.id for each in desk.operations.work(["payments"], overdue_only=False, limit=9))
        thing = receipt_id(message.payment.payment_id)
        desk.by_two("payments recall", thing, {"message": back})
        assert payment(desk, message).status is PaymentStatus.RECALLING
        assert payment_store.receipt(desk.table, back).status is PaymentStatus.PARKED
        decided(desk, "payments dismiss", thing)
        payment(desk, message)
        assert payment_store.receipt(desk.table, back).status is PaymentStatus.DISMISSED
        assert desk.dealership.account().recalls == 0

    def test_it_is_a_message_of_that_payment(self, desk: Desk) -> None:
        message, other = paid(desk, 300_00), paid(desk, 200_00)
        back = told_back(desk, other)
        with pytest.raises(NotProposable, match="is no message"):
            desk.by_two("payments recall", receipt_id(message.payment.payment_id), {"message": back})

    def test_it_tells_of_all_of_that_payment(self, desk: Desk) -> None:
        """Of 300.00 the bank has taken back 100.00: the dealer does not owe 300.00 again."""
        message = paid(desk, 300_00)
        thing = receipt_id(message.payment.payment_id)
        (written,) = [
            m.value for m in desk.dealership.system.outbox.messages() if message.payment.payment_id in m.value
        ]
        part = {"event_type": "invoice.payment_reversed", "amount": "100.00"}
        body = json.dumps(json.loads(written) | part).encode()
        assert desk.dealership.payments.receive(body, lambda: True) is PaymentStatus.PARKED
        with pytest.raises(NotProposable, match=r"tells of 100\.00, and .* is of 300\.00 roubles"):
            desk.by_two("payments recall", thing, {"message": receipt_id_of(body)})
        assert payment(desk, message).status is PaymentStatus.SPREAD
        decided(desk, "payments dismiss", receipt_id_of(body))
        payment(desk, message)

    def test_one_that_is_dismissed_meanwhile_is_looked_at_again(self, desk: Desk) -> None:
        message = paid(desk, 300_00)
        thing, back = receipt_id(message.payment.payment_id), told_back(desk, message)
        told = desk.proposals.propose("payments recall", thing, {"message": back}, "x", "so", "olga", dry_run=False)
        decided(desk, "payments dismiss", back)
        with pytest.raises(NotProposable, match="is no message"):
            desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)


class TestMissing:
    """It had left the desk before the bank took it back."""

    def gone(self, desk: Desk) -> PaymentMessage:
        """A payment of 300.00, of which 200.00 went back to the dealer before the bank took it back."""
        message = paid(desk, 300_00)
        agreed(desk, "200.00")
        clock(desk)
        desk.dealership.system.settle_refund(desk.dealership.system.all(records.Refund)[-1].refund_id, "DONE")
        assert clock(desk).status is Status.DONE
        told_back(desk, message)
        return message

    def test_it_is_shown_as_late_and_nothing_is_below_0(self, desk: Desk) -> None:
        message = self.gone(desk)
        found = recalled(desk, message)
        assert (found.status, found.recalled_kopecks) == (PaymentStatus.RECALLING, 100_00)
        assert desk.dealership.account().balance_kopecks == 0
        late = {each.id: each.waits_for for each in desk.operations.work(["payments"], overdue_only=True, limit=10)}
        assert "its dealer to pay 200.00 of it" in (late[found.receipt_id] or "")

    def test_it_is_taken_from_what_comes_next(self, desk: Desk) -> None:
        message = self.gone(desk)
        recalled(desk, message)
        bill = desk.dealership.billed(50_00)
        paid(desk, 120_00)
        assert payment(desk, message).recalled_kopecks == 220_00
        assert bill_of(desk, bill) == (BillStatus.PENDING, 0)
        paid(desk, 80_00)
        assert payment(desk, message).recalled_kopecks == 300_00
        assert payment(desk, message).status is PaymentStatus.RECALLED

    def test_two_say_that_it_is_the_desks_loss(self, desk: Desk) -> None:
        message = self.gone(desk)
        found = recalled(desk, message)
        decided(desk, "payments dismiss", found.receipt_id)
        assert payment(desk, message).status is PaymentStatus.RECALLED
        account = desk.dealership.account()
        assert (account.received_kopecks, account.aside_kopecks, account.released_kopecks) == (200_00, -200_00, 200_00)
        desk.clock.forward(minutes=20)
        desk.dealership.rounds.round(lambda: True)
        assert desk.dealership.account().open_work is None
        assert off(desk) == []

    def test_a_loss_is_of_the_sum_that_the_two_have_seen(self, desk: Desk) -> None:
        message = self.gone(desk)
        found = recalled(desk, message)
        told = desk.proposals.propose("payments dismiss", found.receipt_id, {}, "x", "so", "olga", dry_run=False)
        paid(desk, 50_00)
        payment(desk, message)
        with pytest.raises(NotProposable, match="why was"):
            desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)

    def test_it_is_no_loss_while_it_may_come_back(self, desk: Desk) -> None:
        """A refund is on its way, which the bank may refuse."""
        message = paid(desk, 300_00)
        agreed(desk, "300.00")
        clock(desk)
        told_back(desk, message)
        found = recalled(desk, message)
        decided(desk, "payments dismiss", found.receipt_id)
        assert payment(desk, message).status is PaymentStatus.RECALLING
        desk.dealership.system.settle_refund(desk.dealership.system.all(records.Refund)[-1].refund_id, "REFUSED")
        for _ in range(6):  # until no request can be on its way
            clock(desk)
        assert payment(desk, message).status is PaymentStatus.RECALLED
        assert desk.dealership.account().received_kopecks == 0
