"""What the bank has done in our name, held against our payouts, day by day."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from common.domain.comparisons import NeverCompared, Verdict
from common.money import Money
from common.owner import Owner
from functions.operations.model import DayNotOver
from sandbox.bank.bank import Fault, Operation
from tests.desk import Desk
from tests.operations.drifts import first, get, put
from tests.seen import around

TODAY = date(2026, 11, 21)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    return ann


def pay(desk: Desk, owner: Owner, usd: str = "10") -> str:
    """A withdrawal that the bank has paid."""
    made = desk.accounts.withdraw(owner, next(desk.keys), Money(usd), "ann-bank").made
    desk.run()
    return made.transfer_id


def next_day(desk: Desk) -> None:
    desk.clock.forward(days=1)


def strays(desk: Desk) -> list[str]:
    return [w.waits_for for w in desk.operations.work(("strays",), overdue_only=False, limit=100)]


def test_a_day_that_agrees_is_told_with_its_sum(desk: Desk, ann: Owner) -> None:
    for usd in ("10", "20.5"):
        pay(desk, ann, usd)
    (before,) = desk.comparing_bank.round(lambda: True)
    assert before.of == "bank.2026-11-20"  # the day itself is not over
    next_day(desk)
    (found,) = desk.comparing_bank.round(lambda: True)
    assert (found.verdict, found.assets) == (Verdict.AGREES, 2)
    (total,) = found.lines
    assert total.there == total.booked_together == Decimal("30.5")
    assert desk.comparing_bank.found(TODAY) == desk.comparing_bank.found(None) == found
    assert desk.comparing_bank.round(lambda: True) == []
    assert strays(desk) == []


def test_a_payout_that_only_the_bank_knows_is_told_to_a_person_once(desk: Desk, ann: Owner) -> None:
    pay(desk, ann)
    desk.world.simulated.credit("by-hand", "acc-of-somebody", Money(77), "who knows")
    next_day(desk)
    desk.world.simulated.settle()
    for _ in range(2):
        (found,) = desk.comparing_bank.round(lambda: True)
        assert found.verdict is Verdict.OFF
        (told,) = strays(desk)
        assert "$77.00 under by-hand, COMPLETED, which no payout of ours is" in told
        desk.comparing_bank.ask(TODAY, "olga")


def test_a_payout_that_the_bank_has_not_is_found_by_the_books(own_desk: Desk) -> None:
    desk = own_desk
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    pay(desk, ann)
    lost = first(desk, "payout_attempt")
    desk.world.simulated._books.clear()  # whatever it was that the bank told of
    for _ in range(3):
        next_day(desk)
        desk.comparing_bank.round(lambda: True)
    assert desk.cross_checking.round(lambda: True).faults == 1
    (waiting,) = desk.operations.work(("books",), overdue_only=False, limit=9)
    assert waiting.id == lost[0]
    assert "in no list" in waiting.waits_for


@pytest.fixture
def own_desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"amount": {"N": "11"}}, "we have asked for $11.00"),
        ({"account": {"S": "sealed:1:ofAnotherAccountOfHers"}}, "to another account than we have asked for"),
        ({"status": {"S": "REJECTED"}}, "we have it as REJECTED"),
    ],
)
def test_a_payout_that_is_another_one_here_is_told(
    own_desk: Desk, changed: dict[str, dict[str, str]], why: str
) -> None:
    desk = own_desk
    ann = desk.customer(usd="1000.00")
    desk.clients(ann)
    pay(desk, ann)
    key = first(desk, "payout_attempt")
    put(desk, get(desk, *key) | changed)
    next_day(desk)
    (found,) = desk.comparing_bank.round(lambda: True)
    assert found.verdict is Verdict.OFF
    assert why in strays(desk)[0]


def test_a_payout_that_is_decided_while_the_day_is_compared_is_not_told(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome("pending")
    desk.accounts.withdraw(ann, "w", Money(10), "ann-bank")
    desk.run(days=0.01)
    next_day(desk)
    listed = desk.world.simulated.adjustments(TODAY)
    desk.world.simulated.decide(listed.items[0].reference_id, "complete")
    desk.run()
    desk.world.bank = around(desk.world.simulated, adjustments=lambda *_: listed)
    (found,) = desk.comparing_bank.round(lambda: True)
    assert found.verdict is Verdict.AGREES


def test_a_long_day_is_compared_in_rounds_and_a_silent_bank_is_asked_again(desk: Desk, ann: Owner) -> None:
    for _ in range(5):
        pay(desk, ann, "1")
    for number in range(200):
        desk.world.simulated.credit(f"other-{number}", "acc-x", Money(1), "who knows")
    next_day(desk)
    desk.world.simulated.fail_next(Fault.SERVER_ERROR, Operation.FIND)
    assert desk.comparing_bank.round(lambda: True) == []
    times = iter([True, False])
    assert desk.comparing_bank.round(lambda: next(times)) == []
    (found,) = desk.comparing_bank.round(lambda: True)
    assert (found.assets, len(found.those(Verdict.OFF))) == (205, 200)


def test_days_that_were_missed_are_compared_one_after_the_other(desk: Desk, ann: Owner) -> None:
    pay(desk, ann)
    next_day(desk)
    desk.comparing_bank.round(lambda: True)
    for _ in range(3):
        next_day(desk)
    found = desk.comparing_bank.round(lambda: True)
    assert [each.of for each in found] == ["bank.2026-11-22", "bank.2026-11-23", "bank.2026-11-24"]


def test_only_a_day_that_is_over_can_be_asked_for(desk: Desk, ann: Owner) -> None:
    with pytest.raises(DayNotOver):
        desk.comparing_bank.ask(TODAY, "olga")
    with pytest.raises(NeverCompared):
        desk.comparing_bank.found(TODAY - timedelta(days=9))
