"""What the port `Bank` promises, asked of the fake in process and of the real adapter over its real wire."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.gateways.bank import Adjustment, Adjustments, AdjustmentUnknown, Bank, BankRefused, BankUnavailable, State
from common.gateways.bank.baas import BaasBank
from common.money import ZERO, Money
from sandbox.bank.bank import (
    MAINTENANCE_SECONDS,
    RETRY_AFTER_SECONDS,
    Fault,
    Operation,
    Outcome,
    SimulatedBank,
)
from sandbox.bank.face import API_KEY, serve
from tests.harness.clock import VirtualClock

TEN = Money("10.00")


@dataclass(frozen=True)
class World:
    simulated: SimulatedBank
    bank: Bank
    hasty: Bank  # the same, but it does not wait long

    def pay(self, reference_id: str = "pay-1", account_id: str = "a-1", amount: Money = TEN) -> Adjustment:
        return self.bank.credit(reference_id, account_id, amount, "sale of 0.5 BTC")


@pytest.fixture(params=["fake", "baas"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    simulated = SimulatedBank(VirtualClock().now, seed=7)
    if request.param == "fake":
        yield World(simulated, bank=simulated, hasty=simulated)
        return
    with serve(simulated) as face:
        hasty = BaasBank(face.url, API_KEY, read_seconds=0.05)
        yield World(simulated, BaasBank(face.url, API_KEY), hasty)


def test_a_credit_is_pending_and_says_what_was_asked_for(world: World) -> None:
    adjustment = world.pay(amount=Money("123.4"))
    expected = Adjustment(adjustment.adjustment_id, "pay-1", "a-1", Money("123.40"), State.PENDING, failure_code=None)
    assert adjustment == expected
    assert adjustment.adjustment_id


def test_a_credit_that_completes_has_been_paid(world: World) -> None:
    pending = world.pay()
    assert world.simulated.credited("a-1") == ZERO
    world.simulated.settle()
    assert world.bank.find("pay-1") == replace(pending, state=State.COMPLETED)
    assert world.simulated.credited("a-1") == TEN


def test_a_credit_that_fails_says_why_and_nothing_was_paid(world: World) -> None:
    world.simulated.set_outcome(Outcome.FAIL)
    world.pay()
    world.simulated.settle()
    found = world.bank.find("pay-1")
    assert found.state is State.FAILED
    assert found.failure_code
    assert world.simulated.credited("a-1") == ZERO


@pytest.mark.parametrize("outcome", [Outcome.COMPLETE, Outcome.FAIL, Outcome.PENDING])
def test_a_repeat_answers_with_the_first_as_it_is_now_and_books_nothing(world: World, outcome: Outcome) -> None:
    world.simulated.set_outcome(outcome)
    first = world.pay()
    assert world.pay() == first
    world.simulated.settle()
    assert world.pay() == world.bank.find("pay-1")
    assert len(world.simulated.records()) == 1


@pytest.mark.parametrize(("account_id", "amount"), [("a-2", TEN), ("a-1", Money("10.01")), ("a-1", Money("100"))])
def test_of_a_reference_with_other_terms_the_first_credit_stands(world: World, account_id: str, amount: Money) -> None:
    """What becomes of the second request is undecided."""
    first = world.pay()
    with pytest.raises(BankUnavailable) as refusal:
        world.pay("pay-1", account_id, amount)
    assert refusal.value.facts == {"what": "conflict"}
    assert world.bank.find("pay-1") == first
    assert len(world.simulated.records()) == 1


# The definite no


def test_a_refused_credit_has_the_banks_words_and_is_not_booked(world: World) -> None:
    world.simulated.refuse_next()
    with pytest.raises(BankRefused) as refusal:
        world.pay()
    assert refusal.value.facts == {"bank_said": "the account does not take this credit"}
    assert "the account does not take this credit" in refusal.value.detail
    assert world.simulated.records() == []
    with pytest.raises(AdjustmentUnknown):
        world.bank.find("pay-1")


def test_that_the_desks_account_is_empty_is_told_from_a_no_to_the_credit(world: World) -> None:
    world.simulated.refuse_next()
    world.simulated.fail_next(Fault.NO_FUNDS, Operation.CREDIT)
    for reference_id, ours in (("pay-1", False), ("pay-2", True), ("pay-2", True)):
        with pytest.raises(BankRefused) as refusal:
            world.pay(reference_id)
        assert refusal.value.ours is ours
    assert world.simulated.records() == []


def test_what_was_refused_once_is_never_booked_under_its_reference(world: World) -> None:
    world.simulated.refuse_next()
    for _ in range(3):
        with pytest.raises(BankRefused):
            world.pay("pay-1")
    assert world.pay("pay-2").state is State.PENDING
    assert [record.terms.reference_id for record in world.simulated.records()] == ["pay-2"]


@pytest.mark.parametrize("usd", ["0", "-10", "0.001", "33.333", "1000000000000000", "1000000000000000.01"])
def test_an_amount_that_is_no_credit_is_refused(world: World, usd: str) -> None:
    with pytest.raises(BankRefused):
        world.pay(amount=Money(usd))
    assert world.simulated.records() == []


@pytest.mark.parametrize("of_whom", ["", " ", "a b", "a\r\nX-Evil: 1", "é", "x" * 129, "\ud800"])
def test_an_account_or_reference_that_is_none_is_refused(world: World, of_whom: str) -> None:
    for reference_id, account_id in ((of_whom, "a-1"), ("pay-1", of_whom)):
        with pytest.raises(BankRefused):
            world.pay(reference_id, account_id)
    assert world.simulated.records() == []


def test_a_reference_that_no_credit_can_have_is_unknown(world: World) -> None:
    for reference_id in ("", "a b", "é", "\ud800"):
        with pytest.raises(AdjustmentUnknown):
            world.bank.find(reference_id)


# What crosses the wire


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cents=st.integers(1, 10**12 - 1))
def test_every_amount_in_cents_is_booked_to_the_cent(world: World, cents: int) -> None:
    n = len(world.simulated.records())
    amount = Money(f"{cents // 100}.{cents % 100:02}")
    world.simulated.set_outcome(Outcome.COMPLETE)
    assert world.pay(f"pay-{n}", f"a-{n}", amount).amount == amount
    world.simulated.settle()
    assert world.simulated.credited(f"a-{n}") == amount


@pytest.mark.parametrize(
    "strange", ["a/b", "../a", "a?b=c&d", "a#b", "a%2Fb", "a+b", "100%", "a;b,c", '"a"', "x" * 128]
)
def test_ids_cross_as_they_are(world: World, strange: str) -> None:
    assert world.pay(strange, strange).account_id == strange
    assert world.bank.find(strange).reference_id == strange


@pytest.mark.parametrize("description", ["продажа 0,5 BTC", '"quoted" \\ slashed', "x" * 255])
def test_a_description_crosses_as_it_is(world: World, description: str) -> None:
    world.bank.credit("pay-1", "a-1", TEN, description)
    assert world.simulated.record("pay-1").terms.description == description


# Look-ups


def test_what_nobody_sent_is_unknown(world: World) -> None:
    world.pay("pay-1")
    for reference_id in ("pay-2", "pay", "PAY-1"):
        with pytest.raises(AdjustmentUnknown):
            world.bank.find(reference_id)


def test_looking_changes_nothing(world: World) -> None:
    first = world.pay()
    before = world.simulated.state()
    assert world.bank.find("pay-1") == world.bank.find("pay-1") == first
    assert world.simulated.state() == before


def test_another_adjustment_is_never_taken_for_the_one_that_was_asked_for(world: World) -> None:
    """What was done is done: the next look-up tells."""
    world.pay("pay-1")
    for operation, ask in ((Operation.CREDIT, world.pay), (Operation.FIND, world.bank.find)):
        world.simulated.fail_next(Fault.ANOTHER, operation)
        with pytest.raises(BankUnavailable) as refusal:
            ask("pay-2")
        assert refusal.value.facts == {"what": "not_believed"}
    assert world.bank.find("pay-2").reference_id == "pay-2"
    assert [record.terms.reference_id for record in world.simulated.records()] == ["pay-1", "pay-2"]


def test_a_day_has_a_list_of_what_was_booked_on_it_in_order(world: World) -> None:
    """However many there are; each as it is now."""
    made = [world.pay(f"pay-{number}", amount=Money(number + 1)) for number in range(120)]
    world.simulated.settle()
    today, found, after = VirtualClock().now().date(), list[Adjustment](), None
    while True:
        part = world.bank.adjustments(today, after)
        found += part.items
        after = part.after
        if after is None:
            break
    assert found == [replace(each, state=State.COMPLETED) for each in made]
    assert world.bank.adjustments(today - timedelta(days=1)) == Adjustments([], None)


# Faults

FACTS = {
    Fault.RATE_LIMIT: {"what": "rate_limit", "retry_after_seconds": RETRY_AFTER_SECONDS},
    Fault.SERVER_ERROR: {"what": "bank_error"},
    Fault.TIMEOUT_BEFORE: {"what": "timeout"},
    Fault.TIMEOUT_AFTER: {"what": "timeout"},
    Fault.DROP_BEFORE: {"what": "connection"},
    Fault.DROP_AFTER: {"what": "connection"},
    Fault.MAINTENANCE: {"what": "bank_error", "retry_after_seconds": MAINTENANCE_SECONDS},
}
BOOKED = {Fault.TIMEOUT_AFTER, Fault.DROP_AFTER}
SLOW = {Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER}


def test_every_fault_is_told_here() -> None:
    assert FACTS.keys() == {*Fault} - {Fault.REFUSE, Fault.NO_FUNDS, Fault.ANOTHER}


@pytest.mark.parametrize("fault", FACTS)
def test_a_credit_sent_again_after_a_fault_is_one_credit(world: World, fault: Fault) -> None:
    """After the fault it may be there or not."""
    world.simulated.fail_next(fault, Operation.CREDIT)
    asked = world.hasty if fault in SLOW else world.bank
    with pytest.raises(BankUnavailable) as refusal:
        asked.credit("pay-1", "a-1", TEN, "sale of 0.5 BTC")
    assert refusal.value.facts == FACTS[fault]
    while world.simulated.calls[Operation.CREDIT] == 0:
        time.sleep(0.001)  # the adapter gave up before the bank had read
    assert len(world.simulated.records()) == (1 if fault in BOOKED else 0)
    if fault in BOOKED:
        assert world.bank.find("pay-1").state is State.PENDING
    else:
        with pytest.raises(AdjustmentUnknown):
            world.bank.find("pay-1")
    world.pay()
    world.simulated.settle()
    assert world.simulated.credited("a-1") == TEN


@pytest.mark.parametrize("fault", FACTS)
def test_a_list_that_meets_a_fault_is_not_an_empty_one(world: World, fault: Fault) -> None:
    world.simulated.fail_next(fault, Operation.FIND)
    asked = world.hasty if fault in SLOW else world.bank
    with pytest.raises(BankUnavailable) as refusal:
        asked.adjustments(VirtualClock().now().date())
    assert refusal.value.facts == FACTS[fault]


@pytest.mark.parametrize("fault", FACTS)
def test_a_look_up_that_meets_a_fault_says_neither_yes_nor_no(world: World, fault: Fault) -> None:
    world.pay()
    world.simulated.fail_next(fault, Operation.FIND)
    with pytest.raises(BankUnavailable) as refusal:
        (world.hasty if fault in SLOW else world.bank).find("pay-1")
    assert refusal.value.facts == FACTS[fault]
    assert world.bank.find("pay-1").reference_id == "pay-1"


def test_a_refusal_whose_answer_is_lost_is_told_again(world: World) -> None:
    world.simulated.set_outcome(Outcome.REFUSE, times=1)
    world.simulated.drop_answer_next("credit")
    with pytest.raises(BankUnavailable):
        world.pay()
    with pytest.raises(BankRefused):
        world.pay()
    assert world.simulated.records() == []


def test_a_fault_is_not_hidden_by_asking_again_unbidden(world: World) -> None:
    world.simulated.fail_before_next("credit", times=2)
    for _ in range(2):
        with pytest.raises(BankUnavailable):
            world.pay()
    assert world.simulated.calls[Operation.CREDIT] == 2
    assert world.pay().state is State.PENDING


def test_a_bank_that_is_down_decides_nothing(world: World) -> None:
    world.simulated.down = True
    with pytest.raises(BankUnavailable) as credit:
        world.pay()
    with pytest.raises(BankUnavailable) as look_up:
        world.bank.find("pay-1")
    assert credit.value.facts == look_up.value.facts == {"what": "connection"}
    world.simulated.down = False
    assert world.pay().state is State.PENDING
