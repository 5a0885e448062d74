"""A bill that is not paid in time is a person's work, until it is paid or taken back; and the sweeper counts what the
clock of dealer billing does not come to."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from common import keys
from common.domain import timeline
from functions.billing import reminder_store
from functions.billing.model import Bill, Moved
from functions.billing.service.corrections import Change
from functions.operations.model import NotDriven, Waiting
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.test_contention import PREEMPTIONS, Shared
from tests.desk import Desk
from tests.harness.interleave import Interleaver, every_schedule


@pytest.fixture
def desk() -> Desk:
    return Desk()


def rounds(desk: Desk) -> int:
    """How many bills a person was told of."""
    overdue = desk.dealership.rounds.round(lambda: True).overdue
    desk.check()
    return overdue


def overdue_bill(desk: Desk, kopecks: int = 100_00) -> Bill:
    """And the first minute in which it is."""
    desk.dealership.active()
    bill = desk.dealership.billed(kopecks)
    desk.clock.at = datetime.combine(bill.due_on, time(21, 1), UTC)  # a minute past midnight in Moscow
    return bill


def listed(desk: Desk) -> list[Waiting]:
    """The reminders."""
    work = desk.operations.work(["bills"], overdue_only=False, limit=9)
    return [each for each in work if each.id.endswith(":REMINDER")]


def test_a_bill_waits_for_its_dealer_until_the_day_after_it_was_due(desk: Desk) -> None:
    desk.dealership.active()
    bill = desk.dealership.billed(100_00)
    (waiting,) = listed(desk)
    assert (waiting.id, waiting.overdue, waiting.needs_person) == (f"{bill.bill_id}:REMINDER", False, False)
    assert waiting.waits_for == f"its dealer to pay it by {bill.due_on}"
    desk.clock.at = datetime.combine(bill.due_on, time(20, 59), UTC)
    assert rounds(desk) == 0

    def tell() -> None:
        desk.table.write(reminder_store.tell(bill, "remind him", desk.clock()))

    with pytest.raises(Moved):
        tell()
    desk.clock.forward(minutes=2)
    assert desk.auditing.is_overdue(bill)
    assert rounds(desk) == 1
    assert rounds(desk) == 0
    with pytest.raises(Moved):  # another round that has read it before
        tell()


def test_an_overdue_bill_is_a_persons_work_and_tells_whom_to_remind(desk: Desk) -> None:
    bill = overdue_bill(desk)
    desk.dealership.pay(30_00, bill)
    rounds(desk)
    (waiting,) = listed(desk)
    assert waiting.needs_person
    what = f"70.00 of bill {bill.number} were to be paid by {bill.due_on}"
    assert waiting.waits_for == f"an operator: remind dealer {CME_ID}: {what}"
    assert desk.sweeper.sweep(lambda: True).needs_person == 1
    assert [event.reason for event in timeline.of(desk.table, bill.bill_id)][-1] == f"overdue: {what}"
    story = desk.operations.story(waiting.id)
    assert (story.kind, story.status, story.needs_person) == ("reminder", "OWED", True)
    assert [act.command for act in story.acts] == ["reminders snooze"]


@pytest.mark.parametrize("told", [False, True])
def test_it_is_gone_when_the_bill_is_paid_or_taken_back(desk: Desk, told: bool) -> None:
    first = overdue_bill(desk)
    second, third = desk.dealership.billed(50_00), desk.dealership.billed(20_00)
    assert len(listed(desk)) == 3
    desk.clock.forward(days=12)
    if told:
        assert rounds(desk) == 3
    desk.dealership.pay(100_00, first)
    desk.dealership.corrections.change(second.deal_id, "change", Change(cancelled=True))
    (left,) = listed(desk)
    assert left.id == f"{third.bill_id}:REMINDER"
    desk.dealership.pay(20_00)
    assert (listed(desk), rounds(desk)) == ([], 0)


def test_a_bill_that_the_balance_pays_at_once_reminds_nobody(desk: Desk) -> None:
    desk.dealership.active()
    desk.dealership.pay(100_00)
    desk.dealership.billed(60_00)
    assert listed(desk) == []
    desk.dealership.billed(60_00)
    assert len(listed(desk)) == 1  # 20.00 are owed still
    desk.check()


def test_who_has_reminded_a_dealer_is_asked_again_in_a_week(desk: Desk) -> None:
    bill = overdue_bill(desk)
    reminder = f"{bill.bill_id}:REMINDER"
    with pytest.raises(NotDriven):
        desk.asking_again.snooze_reminder(reminder, "called", "olga", dry_run=False)
    rounds(desk)
    assert not desk.asking_again.snooze_reminder(reminder, "called", "olga", dry_run=True).done
    assert desk.operations.known(reminder).needs_person
    assert desk.asking_again.snooze_reminder(reminder, "called", "olga", dry_run=False).done
    (waiting,) = listed(desk)
    assert (waiting.needs_person, waiting.waits_for) == (False, "its dealer, who was reminded, to pay it")
    last = list(timeline.of(desk.table, bill.bill_id))[-1]
    assert (last.reason, last.actor) == ("the dealer was reminded: called", "olga")
    desk.clock.forward(days=6, hours=23)
    assert rounds(desk) == 0
    desk.clock.forward(hours=2)
    assert rounds(desk) == 1
    assert desk.sweeper.sweep(lambda: True).needs_person == 1


def test_a_bill_paid_while_a_person_is_told_of_it_is_nobodys_work(desk: Desk) -> None:
    """Whichever of the two comes first."""
    bill = overdue_bill(desk)
    message = desk.dealership.message(100_00, bill=bill)

    def scenario(interleaver: Interleaver) -> None:
        shared: Dealership = Shared(desk.dealership, interleaver)
        outcomes = interleaver.run(lambda: shared.rounds.round(lambda: True), lambda: shared.payments.take(message))
        for outcome in outcomes:
            outcome.result()
        shared.check()
        assert not [item for item in shared.dynamo.items() if item["entity_type"]["S"] == keys.REMINDER.entity]

    assert every_schedule(scenario, preemptions_max=PREEMPTIONS) > 10


def test_the_sweeper_counts_what_the_clock_of_dealer_billing_does_not_come_to(desk: Desk) -> None:
    """A payment that is not spread to its end, its account's total, and the two bills that it did not come to."""
    first = overdue_bill(desk, 1_00)
    at = desk.clock.at
    desk.clock.at = first.created_at
    for _ in range(11):
        desk.dealership.billed(1_00)
    desk.dealership.payments.take(desk.dealership.message(12_00), lambda: False)
    desk.clock.at = at
    assert desk.sweeper.sweep(lambda: True).overdue == 2  # what is late for less than two minutes is not late
    desk.clock.forward(minutes=5)
    found = desk.sweeper.sweep(lambda: True)
    assert (found.overdue, found.started) == (4, 0)
    desk.clock.forward(hours=1)
    assert desk.sweeper.sweep(lambda: True).needs_person == 2
    assert rounds(desk) == 0
    found = desk.sweeper.sweep(lambda: True)
    assert (found.overdue, found.needs_person) == (0, 0)
