"""An adjustment of the bank is that of one attempt, and an attempt is paid by one adjustment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from common.domain.payouts.model import NEVER_BOOKED_SECONDS, Stage
from common.gateways.bank import Adjustment, BankEvent
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.operations.model import NotProposable
from tests.desk import Desk
from tests.seen import an_event, around, awaiting, decided, dollars, status, told, waits_for_person


@pytest.fixture
def first(desk: Desk, ann: Owner) -> str:
    """The id of a cash-out that waits for the bank."""
    return awaiting(desk, ann)


@pytest.fixture
def second(desk: Desk, ann: Owner, first: str) -> str:
    """That of another one, just like it."""
    return awaiting(desk, ann)


def same_adjustment(of: BankEvent, for_event: BankEvent) -> BankEvent:
    """What the bank tells of one attempt, with the adjustment of another."""
    adjustment = replace(for_event.adjustment, adjustment_id=of.adjustment.adjustment_id)
    return replace(for_event, event_id="evt_lie", adjustment=adjustment)


def decide(desk: Desk, order_id: str, reference: str, paid: str = "99.90") -> OperatorOutcome:
    """Two operators say what the bank has paid, by that reference."""
    told = {"paid": paid}
    proposed = desk.proposals.propose("work decide-payout", order_id, told, reference, "it says", "olga", dry_run=False)
    return desk.proposals.confirm(proposed.id, "so it does", "otto", dry_run=False)


def is_anothers(first: str, second: str, adjustment_id: str) -> str:
    return f"the bank tells of adjustment {adjustment_id} for {second}-01, and it is that of {first}-01"


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_an_adjustment_that_the_bank_tells_of_two_attempts_decides_one(
    desk: Desk, ann: Owner, first: str, second: str, says: str, counted: Counter[str]
) -> None:
    mine, true = told(desk, f"{first}-01", says), told(desk, f"{second}-01", "complete")
    lie = same_adjustment(mine, true)
    assert [desk.events.receive(mine), desk.events.receive(lie)] == ["APPLIED", "PARKED"]
    assert (decided(desk, second), dollars(desk, ann)[1] >= Money("99.90")) == (["PENDING"], True)
    why = is_anothers(first, second, mine.adjustment.adjustment_id)
    assert (waits_for_person(desk, second), counted["BankMismatch"]) == (f"an operator: {why}", 1)
    dry = desk.interventions.replay(lie.event_id, "looked it up", "olga", dry_run=True)
    assert (dry.after, dry.says) == ("PARKED", why)
    assert desk.events.receive(true) == "APPLIED"
    assert status(desk, second) == "FILLED"


def test_a_look_up_that_finds_another_attempts_adjustment_decides_nothing(desk: Desk, first: str, second: str) -> None:
    mine = told(desk, f"{first}-01", "complete")
    desk.events.receive(mine)
    desk.world.simulated.decide(f"{second}-01", "complete")

    def find(real: Callable[..., Adjustment], reference_id: str) -> Adjustment:
        return replace(real(reference_id), adjustment_id=mine.adjustment.adjustment_id)

    desk.world.bank = around(desk.world.simulated, find=find)
    assert desk.payouts.check(second).stage == Stage.STOPPED
    why = is_anothers(first, second, mine.adjustment.adjustment_id)
    assert (decided(desk, second), waits_for_person(desk, second)) == (["PENDING"], f"an operator: {why}")


def test_a_paper_that_two_operators_go_by_is_for_one_payment(desk: Desk, first: str, second: str) -> None:
    """Be it the bank's own adjustment of another attempt, or the line of a statement."""
    mine = told(desk, f"{first}-01", "complete")
    desk.events.receive(mine)
    with pytest.raises(NotProposable, match="and it is that of"):
        decide(desk, second, mine.adjustment.adjustment_id)
    assert decide(desk, second, "statement 47, line 11").done
    third = awaiting(desk, Owner("ann", "sub-ann"))
    with pytest.raises(NotProposable, match="and it is that of"):
        decide(desk, third, "statement 47, line 11")
    assert decide(desk, third, "statement 47, line 12").done


def test_a_letter_that_nothing_was_paid_may_be_about_many(desk: Desk, first: str, second: str) -> None:
    for order_id in (first, second):
        desk.by_hand("abandon", order_id)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
    assert [decide(desk, order_id, "letter of May 1st", "0.00").done for order_id in (first, second)] == [True, True]


def test_an_adjustment_that_agrees_with_operators_is_of_no_other_attempt(desk: Desk, first: str, second: str) -> None:
    mine, others = told(desk, f"{first}-01", "complete"), told(desk, f"{second}-01", "complete")
    decide(desk, first, "statement 47, line 11")
    assert desk.events.receive(mine) == "AGREES"
    assert desk.events.receive(same_adjustment(mine, others)) == "PARKED"
    assert decided(desk, second) == ["PENDING"]


def test_an_attempt_that_is_paid_by_a_second_adjustment_was_perhaps_paid_twice(
    desk: Desk, first: str, counted: Counter[str]
) -> None:
    mine = told(desk, f"{first}-01", "complete")
    desk.events.receive(mine)
    again = an_event(desk, f"{first}-01", adjustment_id="adj_another")
    assert desk.events.receive(again) == "PARKED"
    assert counted["BankContradictions"] == 1
    why = f"the bank tells of adjustment adj_another for {first}-01, which {mine.adjustment.adjustment_id} has paid"
    assert desk.events.known(again.event_id).why == why


@pytest.mark.parametrize("adjustment_id", ["#", "a#b", "a%23b", "x" * 128])
def test_any_id_of_the_bank_can_be_claimed(desk: Desk, first: str, adjustment_id: str) -> None:
    assert desk.events.receive(an_event(desk, f"{first}-01", adjustment_id=adjustment_id)) == "APPLIED"
