"""The simulated bank's own rules: what becomes of a credit, its magic numbers, its events, its memory."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from common.gateways.bank import Adjustment, BankRefused, BankUnavailable, State
from common.money import ZERO, Money
from sandbox.bank.bank import (
    FAILURE_CODES,
    Fault,
    IllegalOrder,
    Operation,
    Outcome,
    SimulatedBank,
    UnknownReference,
)
from tests.harness.clock import VirtualClock

TEN = Money("10.00")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def bank(clock: VirtualClock) -> SimulatedBank:
    return SimulatedBank(clock.now, seed=7)


def pay(bank: SimulatedBank, reference_id: str = "pay-1", account_id: str = "a-1", usd: str = "10.00") -> Adjustment:
    return bank.credit(reference_id, account_id, Money(usd), "sale of 0.5 BTC")


def outcomes(bank: SimulatedBank, times: int, account_id: str = "a-1") -> list[str]:
    """What becomes of so many more credits: complete, fail, pending or refuse."""
    names = {State.COMPLETED: "complete", State.FAILED: "fail", State.PENDING: "pending"}
    seen = []
    for _ in range(times):
        reference_id = f"{account_id}-{len(bank.state()['books'])}"
        try:
            pay(bank, reference_id, account_id)
        except BankRefused:
            seen.append("refuse")
            continue
        bank.settle()
        seen.append(names[bank.record(reference_id).state])
    return seen


# Outcomes


@pytest.mark.parametrize(
    ("usd", "state", "told"),
    [
        *((usd, State.COMPLETED, True) for usd in ("10.00", "10.50", "51.00", "10.5")),
        *((usd, State.FAILED, True) for usd in ("0.52", "10.52")),
        ("10.53", State.PENDING, False),
        ("10.54", State.COMPLETED, False),
    ],
)
def test_the_cents_of_an_amount_say_what_becomes_of_it(
    bank: SimulatedBank, clock: VirtualClock, usd: str, state: State, told: bool
) -> None:
    pay(bank, usd=usd)
    clock.advance(10**6)
    bank.settle()
    assert bank.find("pay-1").state is state
    assert len(bank.events()) == told


def test_what_was_ordered_counts_more_than_the_cents(bank: SimulatedBank) -> None:
    bank.set_outcome("complete")
    for cents in ("51", "52", "53", "54"):
        pay(bank, f"pay-{cents}", usd=f"10.{cents}")
    bank.settle()
    assert bank.credited("a-1") == Money("42.10")
    assert len(bank.events()) == 4
    bank.forget_outcomes()
    with pytest.raises(BankRefused):
        pay(bank, usd="10.51")
    assert len(bank.records()) == 4


@pytest.mark.parametrize(
    ("orders", "become"),
    [
        ([("fail", "a-1", 2)], ["fail", "fail", "complete", "complete"]),
        ([("fail", "a-2", 2)], ["complete"]),
        ([("refuse", None, 2), ("pending", "a-1", 1)], ["pending", "complete", "refuse", "refuse", "complete"]),
        ([("fail", None, None), ("refuse", None, 1)], ["refuse", "complete"]),
    ],
    ids=["so many", "another account's", "one account's before everybody's", "the later order"],
)
def test_credits_become_what_was_ordered_for_their_account(
    bank: SimulatedBank, orders: list[tuple[str, str | None, int | None]], become: list[str]
) -> None:
    for outcome, account_id, times in orders:
        bank.set_outcome(outcome, account_id=account_id, times=times)
    assert outcomes(bank, len(become)) == become


@pytest.mark.parametrize("cents", ["51", "52", "53"])
def test_the_credit_after_those_ordered_to_fail_is_paid(bank: SimulatedBank, cents: str) -> None:
    """Whatever its cents are."""
    bank.set_outcome("fail", times=2)
    for n in range(3):
        pay(bank, f"pay-{n}", usd=f"1.{cents}")
    bank.settle()
    assert [record.state for record in bank.records()] == [State.FAILED, State.FAILED, State.COMPLETED]
    assert bank.state()["outcomes"] == []


def test_an_order_counts_for_credits_after_it_only(bank: SimulatedBank) -> None:
    pay(bank)
    bank.set_outcome("fail")
    bank.settle()
    assert bank.find("pay-1").state is State.COMPLETED


def test_a_refusal_that_was_ordered_waits_for_a_credit_that_is_new(bank: SimulatedBank) -> None:
    pay(bank)
    bank.fail_next("refuse")
    assert pay(bank) == bank.find("pay-1")
    assert bank.faults() == [(Fault.REFUSE, Operation.ANY)]
    with pytest.raises(BankRefused):
        pay(bank, "pay-2")


def test_however_many_send_one_reference_at_once_it_is_booked_once(bank: SimulatedBank) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for n in range(100):
                bank.set_outcome("complete", times=1)
                bank.set_outcome("fail", account_id=f"a-{n}", times=2)
                booked = list(pool.map(lambda _, n=n: pay(bank, f"pay-{n}", f"a-{n}"), range(8)))
                assert len({adjustment.adjustment_id for adjustment in booked}) == 1
                ordered = {rule["account_id"]: rule["times"] for rule in bank.state()["outcomes"]}
                assert (ordered[None], ordered[f"a-{n}"]) == (1, 1)
    finally:
        sys.setswitchinterval(interval)


# Settling


def test_nothing_is_settled_before_its_time_or_unbidden(bank: SimulatedBank, clock: VirtualClock) -> None:
    bank.set_settle_seconds(5)
    pay(bank)
    clock.advance(4.999)
    assert bank.settle() == []
    clock.advance(0.001)
    assert bank.find("pay-1").state is State.PENDING
    assert [adjustment.state for adjustment in bank.settle()] == [State.COMPLETED]
    assert bank.settle() == []
    record = bank.record("pay-1")
    assert record.updated_at - record.created_at == timedelta(seconds=5)
    assert bank.events()[0].at == record.updated_at


def test_credits_settle_in_the_order_in_which_they_are_due(bank: SimulatedBank, clock: VirtualClock) -> None:
    for reference_id, seconds in (("late", 9), ("early", 1), ("next", 1)):
        bank.set_settle_seconds(seconds)
        pay(bank, reference_id)
    clock.advance(60)
    assert [adjustment.reference_id for adjustment in bank.settle()] == ["early", "next", "late"]


@pytest.mark.parametrize(("outcome", "state"), [("complete", State.COMPLETED), ("fail", State.FAILED)])
def test_a_credit_that_waits_for_ever_is_decided_by_hand(bank: SimulatedBank, outcome: str, state: State) -> None:
    bank.set_outcome("pending")
    pay(bank)
    assert bank.decide("pay-1", outcome).state is state
    assert bank.decide("pay-1", outcome).state is state
    assert len(bank.events()) == 1


def test_what_is_decided_stays_so(bank: SimulatedBank) -> None:
    pay(bank)
    bank.settle()
    with pytest.raises(IllegalOrder, match="stays so"):
        bank.decide("pay-1", "fail")
    assert bank.find("pay-1").state is State.COMPLETED


@pytest.mark.parametrize("outcome", ["pending", "refuse", "lost"])
def test_there_are_two_decisions(bank: SimulatedBank, outcome: str) -> None:
    pay(bank)
    with pytest.raises(IllegalOrder):
        bank.decide("pay-1", outcome)
    with pytest.raises(UnknownReference):
        bank.decide("pay-2", "complete")


def test_credits_are_summed_by_account_and_found_by_reference(bank: SimulatedBank) -> None:
    for reference_id, account_id in (("o-1#1", "a-1"), ("o-1#2", "a-1"), ("o-2#1", "a-1"), ("o-3#1", "a-2")):
        if reference_id == "o-1#1":
            bank.set_outcome("fail", times=1)
        pay(bank, reference_id, account_id)
    assert (bank.credited("a-1"), bank.credits()) == (ZERO, [])
    bank.settle()
    assert (bank.credited("a-1"), bank.credited("a-2"), bank.credited("a-3")) == (Money("20.00"), TEN, ZERO)
    assert [credit.reference_id for credit in bank.credits("o-1#")] == ["o-1#2"]


def test_the_words_for_a_failure_depend_on_seed_and_reference_only(clock: VirtualClock) -> None:
    def codes(seed: int, references: list[str]) -> dict[str, str | None]:
        bank = SimulatedBank(clock.now, seed)
        bank.set_outcome("fail")
        for reference_id in references:
            pay(bank, reference_id)
        return {adjustment.reference_id: adjustment.failure_code for adjustment in bank.settle()}

    references = [f"pay-{n}" for n in range(40)]
    assert codes(7, references) == codes(7, references[::-1])
    assert codes(7, references) != codes(8, references)
    assert set(codes(7, references).values()) == {*FAILURE_CODES}


# Events


def test_events_are_taken_once_and_seen_for_ever(bank: SimulatedBank) -> None:
    assert bank.take_events() == []
    pay(bank, "pay-1")
    bank.settle()
    first = bank.take_events()
    pay(bank, "pay-2")
    bank.settle()
    second = bank.take_events()
    assert [event.adjustment.reference_id for event in (*first, *second)] == ["pay-1", "pay-2"]
    assert bank.take_events() == []
    assert bank.events() == [*first, *second]
    assert first[0].event_id != second[0].event_id


def test_a_silent_credit_has_an_event_for_those_who_ask(bank: SimulatedBank) -> None:
    pay(bank, usd="10.54")
    with pytest.raises(IllegalOrder, match="PENDING"):
        bank.event_of("pay-1")
    bank.settle()
    assert (bank.events(), bank.take_events()) == ([], [])
    assert bank.event_of("pay-1").adjustment == bank.find("pay-1")


# Faults


def test_a_fault_waits_for_its_operation(bank: SimulatedBank) -> None:
    bank.fail_before_next("find")
    pay(bank)
    with pytest.raises(BankUnavailable):
        bank.find("pay-1")
    bank.fail_before_next("credit")
    bank.find("pay-1")
    with pytest.raises(BankUnavailable):
        pay(bank)


def test_faults_come_in_their_order_and_are_called_off(bank: SimulatedBank) -> None:
    bank.fail_next("429", times=2)
    bank.fail_next("maintenance")
    waits = []
    for _ in range(2):
        with pytest.raises(BankUnavailable) as refusal:
            pay(bank)
        waits.append(refusal.value.facts["what"])
    assert (waits, bank.faults()) == (["rate_limit"] * 2, [(Fault.MAINTENANCE, Operation.ANY)])
    bank.heal()
    assert pay(bank).state is State.PENDING


# Memory


def lived(clock: VirtualClock) -> SimulatedBank:
    """A bank that has seen something of everything."""
    bank = SimulatedBank(clock.now, seed=7, settle_seconds=2)
    for n, cents in enumerate(("00", "52", "53", "54")):
        pay(bank, f"pay-{n}", usd=f"10.{cents}")
    bank.refuse_next()
    with pytest.raises(BankRefused):
        pay(bank, "pay-refused")
    clock.advance(2)
    bank.settle()
    bank.take_events()
    pay(bank, "pay-later")
    bank.decide("pay-later", "complete")
    pay(bank, "pay-last")
    bank.set_outcome("fail", account_id="a-1", times=2)
    bank.set_outcome(Outcome.PENDING)
    bank.fail_next("500", "find")
    return bank


def test_a_restart_changes_nothing(clock: VirtualClock) -> None:
    bank, reborn = lived(clock), SimulatedBank(clock.now, seed=7)
    reborn.restore(json.loads(json.dumps(bank.state())))
    assert reborn.state() == bank.state()
    stories = []
    for each in (bank, reborn):
        with pytest.raises(BankUnavailable):
            each.find("pay-1")
        with pytest.raises(BankRefused):
            pay(each, "pay-refused")
        each.set_settle_seconds(0)
        before = (each.take_events(), each.events(), each.credits(), pay(each, "pay-0"))
        after = outcomes(each, 4), pay(each, "pay-last"), each.state()
        stories.append((before, after))
    assert stories[0] == stories[1]
    assert stories[0][1][0] == ["fail", "fail", "complete", "pending"]


@pytest.mark.parametrize("missing", ["settle_seconds", "outcomes", "faults", "books", "told", "taken"])
def test_what_is_not_the_state_of_a_bank_changes_nothing(clock: VirtualClock, missing: str) -> None:
    state = lived(clock).state()
    reborn = SimulatedBank(clock.now, seed=7)
    fresh = reborn.state()
    wrongs: list[object] = [
        {name: value for name, value in state.items() if name != missing},
        state | {missing: "nonsense"},
        state | {"told": ["nobody"]},
        state | {"taken": 99},
        state | {"settle_seconds": -1},
        state | {"books": [state["books"][0] | {"state": "LOST"}]},
        None,
        [],
    ]
    for wrong in wrongs:
        with pytest.raises(IllegalOrder):
            reborn.restore(wrong)
        assert reborn.state() == fresh
