"""What can not be told to be an account's: found by operators, looked at again, given to an account, or dismissed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from common.domain import timeline
from common.domain.comparisons import Verdict
from common.gateways.billing import PaymentMessage
from common.roubles import KOPECKS_MAX
from functions.billing import model, payment_store, store
from functions.billing.model import (
    AccountType,
    Aside,
    BillStatus,
    PaymentStatus,
    Taken,
    Whose,
    receipt_id,
    receipt_id_of,
)
from functions.operations.model import NotDriven, NotProposable
from tests.billing.dealership import CHEAP, CME_ID, DEAR, Dealership
from tests.desk import Desk

REFERENCE, BECAUSE = "statement of 2026-11-21, line 4", "it came twice"


@pytest.fixture
def desk() -> Desk:
    return Desk()


def strange(dealership: Dealership, kopecks: int = 100_00, **terms: Any) -> PaymentMessage:
    """A payment that the billing system tells with other ids than ours."""
    message = dealership.message(kopecks)
    return replace(message, payment=replace(message.payment, **terms))


def parked(desk: Desk, message: PaymentMessage) -> str:
    assert desk.dealership.payments.take(message) is PaymentStatus.PARKED
    return receipt_id(message.payment.payment_id)


def rounds(desk: Desk) -> None:
    desk.dealership.rounds.round(lambda: True)
    desk.dealership.check()


def decided(desk: Desk, command: str, thing_id: str, **terms: str) -> None:
    """By two operators."""
    proposed = desk.proposals.propose(command, thing_id, terms, REFERENCE, BECAUSE, "olga", dry_run=False)
    desk.proposals.confirm(proposed.id, BECAUSE, "otto", dry_run=False)
    rounds(desk)


class TestToldAnew:
    def test_what_was_put_aside_is_taken_when_it_is_told_rightly(self, desk: Desk) -> None:
        desk.dealership.active()
        right = desk.dealership.message(100_00)
        parked(desk, replace(right, payment=replace(right.payment, contract_id="contract-of-nobody")))
        assert desk.dealership.payments.take(right) is PaymentStatus.SPREAD
        assert desk.dealership.account().received_kopecks == 100_00
        rounds(desk)

    def test_what_was_dismissed_is_taken_when_it_is_told_rightly(self, desk: Desk) -> None:
        """Two have looked at a rouble of nobody's, and not at this."""
        dealership = desk.dealership
        dealership.active()
        right = dealership.message(100_000_00)
        wrong = replace(right.payment, contract_id="contract-of-nobody", amount_kopecks=1_00)
        thing_id = parked(desk, replace(right, payment=wrong, paid_total_kopecks=1_00))
        decided(desk, "payments dismiss", thing_id)
        assert dealership.payments.take(right) is PaymentStatus.SPREAD
        assert dealership.account().received_kopecks == 100_000_00
        rounds(desk)

    def test_told_for_another_contract_of_ours_it_is_aside_of_no_account_but_that(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        dealership.active("cme-8")
        first = strange(dealership, invoice_id="invoice-of-nobody")
        thing_id = parked(desk, first)
        assert dealership.account().aside_kopecks == 100_00
        moved = replace(first.payment, contract_id=dealership.account("cme-8").contract_id or "", amount_kopecks=70_00)
        parked(desk, replace(first, payment=moved, paid_total_kopecks=70_00))
        assert (dealership.account().aside_kopecks, dealership.account("cme-8").aside_kopecks) == (0, 70_00)
        decided(desk, "payments dismiss", thing_id)
        parked(desk, first)  # and back: what was decided is not about this
        assert (dealership.account().aside_kopecks, dealership.account("cme-8").aside_kopecks) == (100_00, 0)
        desk.asking_again.replay_payment(thing_id, "look again", "olga", dry_run=False)
        rounds(desk)
        assert payment_store.receipt(desk.table, thing_id).status is PaymentStatus.PARKED

    def test_the_comparison_sees_what_was_dismissed_with_other_terms(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        right = dealership.message(100_00)
        wrong = replace(right.payment, contract_id="contract-of-nobody", amount_kopecks=1_00)
        decided(desk, "payments dismiss", parked(desk, replace(right, payment=wrong, paid_total_kopecks=1_00)))
        desk.clock.forward(minutes=30)
        found, _ = dealership.comparing.part("olga", None, lambda: True)
        assert found.verdict is Verdict.OFF

    def test_a_deposit_takes_only_what_came_for_its_own_contract(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        dealership.lists(CHEAP, DEAR)
        dealership.buying()
        deposit = store.account(dealership.table, model.dealer_id(CME_ID), AccountType.DEPOSIT)
        thing_id = parked(desk, strange(dealership, contract_id="contract-of-nobody"))
        decided(desk, "payments assign", thing_id, contract=deposit.contract_id or "")
        found = payment_store.receipt(desk.table, thing_id)
        assert (found.status, dealership.account().balance_kopecks) == (PaymentStatus.PARKED, 0)


class TestFound:
    def test_they_are_in_the_list_of_work_and_tell_their_story(self, desk: Desk) -> None:
        desk.dealership.active()
        of_nobody = parked(desk, strange(desk.dealership, contract_id="contract-of-nobody"))
        desk.dealership.payments.park(b'{"poison": 1}', "a message of a payment is not understood: event_type")
        listed = {each.id: each for each in desk.operations.work(["payments"], overdue_only=False, limit=10)}
        assert listed[of_nobody].needs_person
        assert listed[of_nobody].waits_for == "an operator: no account has this contract"
        story = desk.operations.story(of_nobody)
        assert (story.kind, story.status, story.needs_person) == ("payment", "PARKED", True)
        assert [act.command for act in story.acts] == ["payments replay", "payments assign", "payments dismiss"]
        (call,) = story.calls
        assert call.says == "100.00 roubles for contract contract-of-nobody"
        (call,) = desk.operations.story(receipt_id_of(b'{"poison": 1}')).calls
        assert call.says == 'a message of a payment is not understood: event_type: {"poison": 1}'

    def test_the_sweeper_counts_them_for_a_person(self, desk: Desk) -> None:
        desk.dealership.active()
        parked(desk, strange(desk.dealership, contract_id="contract-of-nobody"))
        assert desk.sweeper.sweep(lambda: True).needs_person == 1


def status_of(dealership: Dealership, message: PaymentMessage) -> PaymentStatus:
    found = dealership.receipt(message)
    assert found is not None
    return found.status


class TestLookedAtAgain:
    def test_what_is_known_by_now_is_taken(self, desk: Desk) -> None:
        """Its contract was another account's then, which the billing system has said."""
        dealership = desk.dealership
        dealership.active()
        message = dealership.message(100_00)
        contract_id, known = message.payment.contract_id, store.account_of_contract
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store, "account_of_contract", lambda *_: None)
            thing = parked(desk, message)
            tried = desk.asking_again.replay_payment(thing, "known by now?", "olga", dry_run=False)
            assert tried.done
            rounds(desk)
            assert status_of(dealership, message) is PaymentStatus.PARKED
            assert desk.operations.known(thing).needs_person
        assert known(dealership.table, contract_id) is not None
        assert not desk.asking_again.replay_payment(thing, "known by now", "olga", dry_run=True).done
        rounds(desk)
        assert status_of(dealership, message) is PaymentStatus.PARKED
        desk.asking_again.replay_payment(thing, "known by now", "olga", dry_run=False)
        rounds(desk)
        assert status_of(dealership, message) is PaymentStatus.SPREAD
        assert dealership.account().balance_kopecks == 100_00
        desk.clock.forward(minutes=16)
        rounds(desk)
        assert dealership.account().open_work is None  # what was told is what has come

    def test_what_waits_for_nobody_is_left_to_the_clock(self, desk: Desk) -> None:
        desk.dealership.active()
        message = desk.dealership.message(100_00)
        desk.dealership.payments.take(message)
        with pytest.raises(Exception, match="waits for nothing"):
            desk.asking_again.replay_payment(receipt_id(message.payment.payment_id), "again", "olga", dry_run=False)

    def test_what_is_not_understood_is_parked_again(self, desk: Desk) -> None:
        desk.dealership.payments.park(b"no JSON", "not JSON")
        thing = receipt_id_of(b"no JSON")
        desk.asking_again.replay_payment(thing, "again", "olga", dry_run=False)
        with pytest.raises(NotDriven):
            desk.asking_again.replay_payment(thing, "again", "otto", dry_run=False)
        rounds(desk)
        assert desk.operations.known(thing).needs_person


class TestDecidedByTwo:
    def test_a_poison_message_is_dismissed(self, desk: Desk) -> None:
        desk.dealership.payments.park(b"no JSON", "not JSON")
        thing = receipt_id_of(b"no JSON")
        decided(desk, "payments dismiss", thing)
        found = payment_store.receipt(desk.table, thing)
        assert found.status is PaymentStatus.DISMISSED
        assert desk.operations.work(["payments"], overdue_only=False, limit=10) == []
        assert desk.dealership.payments.park(b"no JSON", "not JSON") is PaymentStatus.DISMISSED  # it came again
        last = list(timeline.of(desk.table, thing))[-1]
        assert (last.before, last.after, last.actor) == ("PARKED", "DISMISSED", "olga and otto")

    def test_one_operator_alone_decides_nothing(self, desk: Desk) -> None:
        desk.dealership.payments.park(b"no JSON", "not JSON")
        thing = receipt_id_of(b"no JSON")
        proposed = desk.proposals.propose("payments dismiss", thing, {}, REFERENCE, BECAUSE, "olga", dry_run=False)
        with pytest.raises(Exception, match="another operator"):
            desk.proposals.confirm(proposed.id, BECAUSE, "olga", dry_run=False)
        dry = desk.proposals.confirm(proposed.id, BECAUSE, "otto", dry_run=True)
        assert not dry.done
        rounds(desk)
        assert payment_store.receipt(desk.table, thing).status is PaymentStatus.PARKED

    def test_money_of_an_unknown_invoice_goes_to_the_account_of_its_contract(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        bill = dealership.billed(60_00)
        message = strange(dealership, invoice_id="invoice-of-nobody")
        thing = parked(desk, message)
        assert dealership.account().aside_kopecks == 100_00
        decided(desk, "payments assign", thing, contract=message.payment.contract_id)
        account = dealership.account()
        assert (account.received_kopecks, account.balance_kopecks, account.aside_kopecks) == (100_00, 40_00, 0)
        assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
        desk.clock.forward(minutes=16)
        rounds(desk)
        assert dealership.account().open_work is None

    def test_money_of_a_wrong_contract_goes_to_the_one_that_is_said(self, desk: Desk) -> None:
        """And the totals of both are right."""
        dealership = desk.dealership
        dealership.active()
        dealership.active("cme-8")
        message = strange(dealership, invoice_id="invoice-of-nobody")
        thing = parked(desk, message)
        decided(desk, "payments assign", thing, contract=dealership.account("cme-8").contract_id or "")
        assert dealership.account("cme-8").balance_kopecks == 100_00
        assert dealership.account().received_kopecks == 0
        desk.clock.forward(minutes=16)
        rounds(desk)
        assert (dealership.account().open_work, dealership.account("cme-8").open_work) == (None, None)
        assert off(desk) == []

    def test_the_account_that_was_said_is_held_when_the_bank_takes_it_back(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        dealership.active("cme-8")
        message = strange(dealership, invoice_id="invoice-of-nobody")
        decided(desk, "payments assign", parked(desk, message), contract=dealership.account("cme-8").contract_id or "")
        dealership.system.take_back(message.payment.payment_id)
        dealership.payments.receive(dealership.system.outbox.messages()[-1].value.encode(), lambda: True)
        assert (dealership.account().recalls, dealership.account("cme-8").recalls) == (0, 1)
        dealership.system._made.pop(message.payment.payment_id)
        assert len(off(desk)) == 1, "what the billing system has no more is found"

    def test_a_contract_of_nobody_leaves_it_parked(self, desk: Desk) -> None:
        desk.dealership.active()
        message = strange(desk.dealership, contract_id="contract-of-nobody")
        thing = parked(desk, message)
        decided(desk, "payments assign", thing, contract="contract-of-nobody-else")
        found = payment_store.receipt(desk.table, thing)
        assert isinstance(found, Aside)
        assert found.why.why == "no account has the contract that was said"
        assert desk.operations.known(thing).needs_person

    def test_what_tells_of_no_sum_is_nobodys_payment(self, desk: Desk) -> None:
        desk.dealership.payments.park(b"no JSON", "not JSON")
        offered = [act.command for act in desk.operations.story(receipt_id_of(b"no JSON")).acts]
        assert offered == ["payments replay", "payments identify", "payments dismiss"]
        with pytest.raises(NotProposable, match="that is not for `payments assign`"):
            desk.proposals.propose(
                "payments assign",
                receipt_id_of(b"no JSON"),
                {"contract": "c"},
                REFERENCE,
                BECAUSE,
                "olga",
                dry_run=True,
            )

    def test_what_was_dismissed_is_not_taken_when_it_comes_again(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        message = strange(dealership, invoice_id="invoice-of-nobody")
        thing = parked(desk, message)
        decided(desk, "payments dismiss", thing)
        assert dealership.payments.take(message) is PaymentStatus.DISMISSED
        with pytest.raises(NotProposable):
            desk.proposals.propose(
                "payments assign", thing, {"contract": "c"}, REFERENCE, BECAUSE, "olga", dry_run=True
            )
        desk.clock.forward(minutes=16)
        rounds(desk)
        assert dealership.account().open_work is None  # it is still among what has come aside


class TestIdentified:
    """A message that can not be read, and whose money is real."""

    BODY = b'{"event_type": "invoice.payment", "currency": "rub"}'

    def unreadable(self, desk: Desk, kopecks: int = 100_00) -> tuple[str, dict[str, str], PaymentMessage]:
        """Its id, what two operators say of it, and how it would be told rightly."""
        desk.dealership.active()
        message = desk.dealership.message(kopecks)
        assert desk.dealership.payments.receive(self.BODY, lambda: True) is PaymentStatus.PARKED
        payment = message.payment
        said = {"payment": payment.payment_id, "contract": payment.contract_id, "sum": "100.00"}
        return receipt_id_of(self.BODY), said, message

    def test_it_is_taken_once_and_the_totals_agree(self, desk: Desk) -> None:
        dealership = desk.dealership
        thing, said, message = self.unreadable(desk)
        decided(desk, "payments identify", thing, **said)
        assert payment_store.receipt(desk.table, thing).status is PaymentStatus.DISMISSED
        assert dealership.account().balance_kopecks == 100_00
        assert dealership.payments.take(message) is PaymentStatus.SPREAD  # told rightly after all
        assert dealership.payments.receive(self.BODY, lambda: True) is PaymentStatus.DISMISSED  # and as before
        assert dealership.account().received_kopecks == 100_00
        quiet(desk)
        assert dealership.account().open_work is None
        dealership.pay(50_00)
        quiet(desk)
        assert dealership.account().open_work is None
        assert off(desk) == []

    def test_one_that_was_dismissed_is_no_difference_for_good(self, desk: Desk) -> None:
        dealership = desk.dealership
        thing, said, _ = self.unreadable(desk)
        decided(desk, "payments dismiss", thing)
        dealership.pay(50_00)
        quiet(desk)
        assert dealership.account().open_work is not None
        assert len(off(desk)) == 1
        decided(desk, "payments identify", thing, **said)
        desk.clock.forward(minutes=2)
        rounds(desk)
        quiet(desk)
        assert (dealership.account().open_work, dealership.account().received_kopecks) == (None, 150_00)
        assert off(desk) == []

    def test_one_for_a_contract_of_nobody_waits_as_a_payment_that_can_be_read(self, desk: Desk) -> None:
        thing, said, message = self.unreadable(desk)
        decided(desk, "payments identify", thing, **said | {"contract": "contract-of-nobody"})
        named = receipt_id(message.payment.payment_id)
        assert payment_store.receipt(desk.table, named).status is PaymentStatus.PARKED
        decided(desk, "payments assign", named, contract=said["contract"])
        assert desk.dealership.account().balance_kopecks == 100_00

    def test_what_is_known_already_with_another_sum_is_not_taken_so(self, desk: Desk) -> None:
        thing, said, message = self.unreadable(desk, 70_00)
        desk.dealership.payments.take(message)
        decided(desk, "payments identify", thing, **said)
        found = payment_store.receipt(desk.table, thing)
        assert isinstance(found, Aside)
        assert (found.status, found.waits_for_person) == (PaymentStatus.PARKED, True)
        assert "known already, with other terms" in found.why.why
        assert desk.dealership.account().received_kopecks == 70_00

    @pytest.mark.parametrize("sum_", ["0.00", "1", "1.005", "99999999999.00"])
    def test_a_sum_is_one_that_can_be_told(self, desk: Desk, sum_: str) -> None:
        thing, said, _ = self.unreadable(desk)
        with pytest.raises(NotProposable):
            decided(desk, "payments identify", thing, **said | {"sum": sum_})

    def test_what_can_be_read_is_not_told_otherwise(self, desk: Desk) -> None:
        desk.dealership.active()
        thing = parked(desk, strange(desk.dealership, contract_id="contract-of-nobody"))
        with pytest.raises(NotProposable, match="not for `payments identify`"):
            decided(desk, "payments identify", thing, payment="p", contract="c", sum="1.00")


def test_what_the_bank_took_back_waits_for_a_person_by_name(desk: Desk) -> None:
    """Nothing is booked by it; the comparison tells it too, once the billing system has it no more."""
    dealership = desk.dealership
    dealership.active()
    bill = dealership.billed(100_00)
    payment = dealership.message(100_00, bill=bill).payment
    (written,) = [m.value for m in dealership.system.outbox.messages() if payment.payment_id in m.value]
    dealership.payments.receive(written.encode(), lambda: True)
    back = json.dumps(json.loads(written) | {"event_type": "invoice.payment_reversed", "paid_total": "0.00"}).encode()
    for _ in range(2):
        assert dealership.payments.receive(back, lambda: True) is PaymentStatus.PARKED
    (waiting,) = desk.operations.work(["payments"], overdue_only=False, limit=9)
    assert (waiting.needs_person, waiting.id) == (True, receipt_id_of(back))
    said = f"the bank took back payment {payment.payment_id}, 100.00 of contract {payment.contract_id}"
    named = f"here it is {receipt_id(payment.payment_id)}"
    assert waiting.waits_for == f"an operator: {said}, which counts here still: runbooks/payment-taken-back.md; {named}"
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PAID
    dealership.system._made.pop(payment.payment_id)
    assert any("not all that has come" in told for told in off(desk))
    decided(desk, "payments dismiss", receipt_id_of(back))
    assert desk.operations.work(["payments"], overdue_only=False, limit=9) == []


def test_one_of_that_kind_that_can_not_be_read_is_not_understood(desk: Desk) -> None:
    body = b'{"event_type": "invoice.payment_reversed", "payment_id": "p-1", "amount": "-1.00", "currency": "RUB"}'
    assert desk.dealership.payments.receive(body, lambda: True) is PaymentStatus.PARKED
    found = payment_store.receipt(desk.table, receipt_id_of(body))
    assert isinstance(found, Aside)
    assert "not understood" in found.why.why


def quiet(desk: Desk) -> None:
    desk.clock.forward(minutes=16)
    rounds(desk)


def off(desk: Desk) -> list[str]:
    """What the daily comparison tells of."""
    found, _ = desk.dealership.comparing.part("olga", None, lambda: True)
    return [f"{line}: {line.why}" for line in found.lines]


class TestTotals:
    def test_a_total_that_was_too_large_ends_with_the_next_right_one(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        dealership.payments.take(replace(dealership.message(100_00), paid_total_kopecks=999_999_00))
        self._later(desk, minutes=16)
        assert desk.operations.work(["totals"], overdue_only=False, limit=9)[0].needs_person
        dealership.pay(100_00)
        self._later(desk, minutes=16)
        assert (dealership.account().open_work, dealership.account().told_kopecks) == (None, 200_00)
        dealership.message(5_00)  # and one that never comes is missed still
        dealership.pay(1_00)
        self._later(desk, minutes=16)
        (waiting,) = desk.operations.work(["totals"], overdue_only=False, limit=9)
        assert waiting.waits_for == "an operator: the billing system tells of 206.00, and 201.00 have come"

    def test_a_wrong_total_that_was_agreed_on_hides_nothing_later(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        dealership.payments.take(replace(dealership.message(100_00), paid_total_kopecks=999_999_00))
        self._later(desk, minutes=16)
        total = f"{dealership.account().dealer_id}:COMMISSION"
        decided(desk, "payments agree-total", total)
        self._later(desk, minutes=2)
        assert dealership.account().open_work is None
        dealership.message(5_00)
        dealership.pay(1_00)
        self._later(desk, minutes=16)
        (waiting,) = desk.operations.work(["totals"], overdue_only=False, limit=9)
        told = "the billing system tells of 999999.00, with the latest payment of 106.00, and 101.00 have come"
        assert waiting.waits_for == f"an operator: {told}"

    def test_an_old_total_that_comes_late_hides_nothing_that_is_missing(self, desk: Desk) -> None:
        """The first of three payments is lost; the last comes first: two hundred have come, as was told with the
        second."""
        dealership = desk.dealership
        dealership.active()
        messages = []
        for _ in range(3):
            messages.append(dealership.message(100_00))
            desk.clock.forward(minutes=1)
        dealership.payments.take(messages[2])
        self._later(desk, minutes=16)
        dealership.payments.take(messages[1])
        self._later(desk, minutes=16)
        (waiting,) = desk.operations.work(["totals"], overdue_only=False, limit=9)
        assert waiting.waits_for == "an operator: the billing system tells of 300.00, and 200.00 have come"

    def test_a_payment_of_the_year_2099_is_the_latest_for_a_moment_only(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        lie = strange(dealership, at=datetime(2099, 1, 1, tzinfo=UTC))
        dealership.payments.take(replace(lie, paid_total_kopecks=999_999_00))
        self._later(desk, minutes=16)
        dealership.pay(100_00)
        self._later(desk, minutes=16)
        assert dealership.account().open_work is None

    def test_a_message_that_never_came_is_missed_after_a_quiet_quarter_of_an_hour(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        first, lost, last = (dealership.message(kopecks) for kopecks in (100_00, 200_00, 300_00))
        for message in (last, first):  # in another order than they were paid
            dealership.payments.take(message)
            desk.clock.forward(minutes=10)
        rounds(desk)
        assert desk.operations.work(["totals"], overdue_only=False, limit=9)[0].needs_person is False
        desk.clock.forward(minutes=6)
        rounds(desk)
        (waiting,) = desk.operations.work(["totals"], overdue_only=False, limit=9)
        assert waiting.waits_for == "an operator: the billing system tells of 600.00, and 400.00 have come"
        assert waiting.needs_person
        assert waiting.id == f"{dealership.account().dealer_id}:COMMISSION"
        dealership.payments.take(lost)
        desk.clock.forward(minutes=16)
        rounds(desk)
        assert desk.operations.work(["totals"], overdue_only=False, limit=9) == []

    def test_two_operators_may_say_that_a_total_is_right_as_it_is(self, desk: Desk) -> None:
        dealership, total = desk.dealership, self._differs(desk, lost=200_00)
        offered = [act.command for act in desk.operations.story(total).acts]
        assert offered == ["payments agree-total", "payments refund"]
        decided(desk, "payments agree-total", total)
        assert dealership.account().open_work is not None  # the clock sees to it within a minute
        self._later(desk, minutes=2)
        account = dealership.account()
        assert (account.open_work, account.agreed_kopecks, account.balance_kopecks) == (None, 200_00, 400_00)
        last = list(timeline.of(desk.table, total))[-1]
        assert (last.reason, last.actor) == ("600.00 are told, and 400.00 have come: that is right", "olga and otto")
        dealership.pay(50_00)
        self._later(desk, minutes=16)
        assert dealership.account().open_work is None  # by so much, and no more
        dealership.message(7_00)
        dealership.pay(1_00)
        self._later(desk, minutes=16)
        (waiting,) = desk.operations.work(["totals"], overdue_only=False, limit=9)
        assert waiting.waits_for == "an operator: the billing system tells of 658.00, and 451.00 have come"

    def test_one_operator_agrees_to_nothing_and_two_only_to_what_they_saw(self, desk: Desk) -> None:
        dealership, total = desk.dealership, self._differs(desk, lost=200_00)
        proposed = desk.proposals.propose("payments agree-total", total, {}, REFERENCE, BECAUSE, "olga", dry_run=False)
        with pytest.raises(Exception, match="another operator"):
            desk.proposals.confirm(proposed.id, BECAUSE, "olga", dry_run=False)
        dealership.pay(1_00)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(proposed.id, BECAUSE, "otto", dry_run=False)
        self._later(desk, minutes=16)
        with pytest.raises(NotProposable, match=r"told was 600\.00, and now it is 601\.00"):
            desk.proposals.confirm(proposed.id, BECAUSE, "otto", dry_run=False)

    def test_more_that_comes_while_the_clock_would_agree_is_looked_at_again(self, desk: Desk) -> None:
        dealership, total = desk.dealership, self._differs(desk, lost=200_00)
        decided(desk, "payments agree-total", total)
        dealership.message(5_00)
        dealership.pay(1_00)
        self._later(desk, minutes=16)
        account = dealership.account()
        assert (account.agreed_kopecks, account.open_work is None) == (0, False)

    def test_what_comes_late_after_all_ends_what_was_agreed_on(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        late = dealership.message(200_00)
        dealership.pay(400_00)
        self._later(desk, minutes=16)
        decided(desk, "payments agree-total", f"{dealership.account().dealer_id}:COMMISSION")
        self._later(desk, minutes=2)
        dealership.payments.take(late)
        self._later(desk, minutes=16)
        account = dealership.account()
        assert (account.agreed_kopecks, account.open_work, account.balance_kopecks) == (0, None, 600_00)

    def test_over_a_contract_more_may_come_than_any_single_sum(self, desk: Desk) -> None:
        """9,999,999,999.99 are the most that one payment can be of; together they may be more."""
        dealership = desk.dealership
        dealership.active()
        for _ in range(3):
            assert dealership.pay(KOPECKS_MAX) is PaymentStatus.SPREAD
        self._later(desk, minutes=16)
        account = dealership.account()
        assert (account.open_work, account.told_kopecks) == (None, 3 * KOPECKS_MAX)
        assert account.balance_kopecks == account.received_kopecks == 3 * KOPECKS_MAX
        assert dealership.statements.of("cme-7", "2026-11").closing_kopecks == 3 * KOPECKS_MAX

    @staticmethod
    def _later(desk: Desk, minutes: int) -> None:
        desk.clock.forward(minutes=minutes)
        rounds(desk)

    def _differs(self, desk: Desk, lost: int) -> str:
        """The id of an account of which so much more is told than the 400.00 that have come."""
        desk.dealership.active()
        desk.dealership.message(lost)
        desk.dealership.pay(400_00)
        self._later(desk, minutes=16)
        assert desk.dealership.account().open_work is not None
        return f"{desk.dealership.account().dealer_id}:COMMISSION"

    def test_while_payments_come_nothing_is_compared(self, desk: Desk) -> None:
        dealership = desk.dealership
        dealership.active()
        messages = [dealership.message(100_00) for _ in range(5)]
        for message in reversed(messages):
            dealership.payments.take(message)
            desk.clock.forward(minutes=14)
            assert dealership.rounds.round(lambda: True).compared == 0
        desk.clock.forward(minutes=2)
        found = dealership.rounds.round(lambda: True)
        assert (found.compared, found.differ) == (1, 0)

    def test_it_is_compared_once(self, desk: Desk) -> None:
        desk.dealership.active()
        desk.dealership.pay(100_00)
        desk.clock.forward(minutes=16)
        assert [desk.dealership.rounds.round(lambda: True).compared for _ in range(3)] == [1, 0, 0]


def test_a_deposit_pays_no_bill(desk: Desk) -> None:
    """Not even one that would stand under it by a mistake of ours."""
    dealership = desk.dealership
    dealer = dealership.active()
    bill = dealership.billed(100_00)
    account = replace(dealership.account(), type=AccountType.DEPOSIT)
    for item in dealership.dynamo.items():
        if item["entity_type"]["S"] in ("billing_account", "open_bill", "bill", "contract"):
            moved = {k: ({"S": v["S"].replace("COMMISSION", "DEPOSIT")} if "S" in v else v) for k, v in item.items()}
            key = {name: item[name] for name in ("PK", "SK")}
            dealership.dynamo.delete_item(TableName="desk", Key=key)
            dealership.dynamo.put_item(TableName="desk", Item=moved)
    message = dealership.message(250_00, contract_id=account.contract_id)
    assert dealership.payments.take(message) is PaymentStatus.SPREAD
    found = dealership.receipt(message)
    assert isinstance(found, Taken)
    assert (found.whose.dealer_id, found.whose.type) == (dealer.dealer_id, AccountType.DEPOSIT)
    assert dealership.bills.bill(bill.bill_id).paid_kopecks == 0


def test_what_waited_for_somebody_to_say_whose_it_is_is_one_accounts(desk: Desk) -> None:
    """Two write at once that it is: each of another account, whose money moves for nobody else."""
    dealership = desk.dealership
    for name in (CME_ID, "cme-8"):
        dealership.active(name)
    aside = payment_store.receipt(dealership.table, parked(desk, strange(dealership, contract_id="of-nobody")))
    assert isinstance(aside, Aside)
    writes = [
        payment_store.place(
            aside, Whose(of.dealer_id, of.type), of, "it is his", "olga and otto", dealership.clock(), as_told=False
        )
        for of in (dealership.account(), dealership.account("cme-8"))
    ]
    dealership.table.write(*writes[0])
    with pytest.raises(store.Moved):
        dealership.table.write(*writes[1])
    assert [dealership.account(name).received_kopecks for name in (CME_ID, "cme-8")] == [100_00, 0]
