"""The bank tells what became of a payout: once, twice, early, late, wrongly, or contradicting itself.

How its events come through the door is for `tests/test_http_webhooks.py`.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.domain.payouts.model import Stage
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from common.owner import Owner
from functions.offramp.model import Status
from sandbox.bank.bank import Operation, Outcome
from tests.desk import Desk
from tests.seen import (
    an_event,
    around,
    attempts,
    awaiting,
    before_next_write,
    begin,
    contradicting,
    decided,
    dollars,
    executions,
    overdue,
    paid,
    payout_failed,
    raw,
    status,
    told,
    waits_for_person,
)


def outcome(desk: Desk, event: BankEvent) -> tuple[str, str]:
    item = raw(desk, f"HOOK#{event.event_id}", "SEEN")
    return item["outcome"], item["why"]


# What it says


def test_a_success_completes_the_attempt_and_fills_the_order_in_one(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    assert desk.events.receive(event) == "APPLIED"
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["COMPLETED"])
    assert dollars(desk, ann) == (Money(1000), Money(0))
    assert outcome(desk, event) == ("APPLIED", "paid")
    assert attempts(desk, order_id)[0].adjustment_id == event.adjustment.adjustment_id
    desk.world.machines.run()
    assert executions(desk, order_id)[0].status == "SUCCEEDED"


def test_a_failure_rejects_the_attempt_with_its_reason(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    assert desk.events.receive(event) == "APPLIED"
    (attempt,) = attempts(desk, order_id)
    assert (attempt.status, attempt.failure_code) == ("REJECTED", event.adjustment.failure_code)
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.TARGET_TXN_PENDING, (Money(1000), Money("99.90")))
    desk.run()
    (execution,) = executions(desk, order_id)
    assert (execution.waits_seconds, decided(desk, order_id)) == ([60], ["REJECTED", "COMPLETED"])


@pytest.mark.parametrize(("says", "decisions"), [("complete", ["COMPLETED"]), ("fail", ["REJECTED", "COMPLETED"])])
def test_an_event_from_inside_the_call_that_it_is_about_is_applied(
    desk: Desk, ann: Owner, says: str, decisions: list[str]
) -> None:
    """It overtakes the answer to the very call, and the token."""
    taken: list[str] = []

    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        desk.world.bank = desk.world.simulated
        answer = real(*asked)
        taken.append(desk.events.receive(told(desk, asked[0], says)))
        return answer

    desk.world.bank = around(desk.world.simulated, credit=credit)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (taken, decided(desk, order.order_id)) == (["APPLIED"], decisions)
    assert status(desk, order.order_id) == Status.FILLED
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.waits_seconds) == ("SUCCEEDED", [60] * (says == "fail"))
    assert len(paid(desk, order.order_id)) == 1


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_an_event_that_comes_again_changes_nothing(desk: Desk, ann: Owner, says: str) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", says)
    assert desk.events.receive(event) == "APPLIED"
    once = desk.dynamo.items()
    for _ in range(3):
        desk.clock.forward(hours=10)
        assert desk.events.receive(event) == "REPEATED"
    assert desk.dynamo.items() == once


@pytest.mark.parametrize(("others", "taken"), [("the same", "REPEATED"), ("another", "AGREES")])
def test_of_two_deliveries_at_once_one_decides(desk: Desk, ann: Owner, others: str, taken: str) -> None:
    event = told(desk, f"{awaiting(desk, ann)}-01", "complete")
    first = event if others == "the same" else replace(event, event_id="evt_other")
    seen: list[str] = []
    before_next_write(desk, lambda: seen.append(desk.events.receive(first)))
    assert (desk.events.receive(event), seen) == (taken, ["APPLIED"])
    assert dollars(desk, ann) == (Money(1000), Money(0))


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_another_event_that_says_the_same_agrees_and_changes_nothing_but_itself(
    desk: Desk, ann: Owner, says: str
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", says)
    desk.events.receive(event)
    before = desk.dynamo.items()
    other = replace(event, event_id="evt_other")
    assert desk.events.receive(other) == "AGREES"
    changed = [item for item in desk.dynamo.items() if item not in before]
    assert [item["PK"]["S"] for item in changed] == ["HOOK#evt_other"]


def test_a_refusal_that_the_bank_also_tells_by_webhook_agrees(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    assert decided(desk, order.order_id) == ["REJECTED"]
    assert desk.events.receive(an_event(desk, f"{order.order_id}-01", State.FAILED)) == "AGREES"
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED


# What can not be placed is parked, and nothing is touched


@pytest.mark.parametrize("reference", ["{}-02", "{}-99", "S" + "A" * 25 + "-01", "W" + "A" * 25 + "-01", "pay-1", "{}"])
def test_an_event_of_a_reference_that_nobody_knows_is_parked(
    desk: Desk, ann: Owner, reference: str, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    before = desk.dynamo.items()
    event = an_event(desk, reference.format(order_id), event_id="evt_1")
    assert desk.events.receive(event) == "PARKED"
    (kept,) = [item for item in desk.dynamo.items() if item not in before]
    assert (kept["PK"]["S"], outcome(desk, event)) == ("HOOK#evt_1", ("PARKED", "no attempt has this reference"))
    assert [item.reference_id for item in desk.operations.parked(10)] == [reference.format(order_id)]
    assert counted["EventsParked"] == 1
    assert desk.events.receive(event) == "REPEATED"
    told(desk, f"{order_id}-01", "complete")
    desk.run()


def test_an_event_that_came_before_its_attempt_is_replayed_by_the_sweeper(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    early = an_event(desk, f"{order_id}-02")
    assert desk.events.receive(early) == "PARKED"
    swept = desk.sweeper.sweep(lambda: True)
    assert (swept.parked, swept.replayed, status(desk, order_id)) == (1, 0, Status.TARGET_TXN_PENDING)
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    desk.world.machines.run()
    assert decided(desk, order_id) == ["REJECTED", "PENDING"]
    assert executions(desk, order_id)[0].waits_for_token
    swept = desk.sweeper.sweep(lambda: True)
    assert (swept.parked, swept.replayed) == (0, 1)
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])
    assert outcome(desk, early) == ("APPLIED", "replayed by the sweeper: paid")
    desk.world.machines.run()
    assert executions(desk, order_id)[0].status == "SUCCEEDED"
    assert (desk.operations.parked(10), desk.events.receive(early)) == ([], "REPEATED")
    desk.world.simulated.decide(f"{order_id}-02", "complete")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"amount": Money("99.91")}, "$99.91 instead of $99.90"),
        ({"amount": Money("9.99")}, "$9.99 instead of $99.90"),
        ({"account_id": "acc-eve"}, "another account"),
    ],
    ids=["a cent more", "less", "another account"],
)
@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_an_event_that_does_not_fit_is_parked_and_its_order_waits_for_a_person(
    desk: Desk, ann: Owner, counted: Counter[str], changed: dict[str, Any], says: str, state: State
) -> None:
    """What fits, later, decides."""
    order_id = awaiting(desk, ann)
    event = an_event(desk, f"{order_id}-01", state, **changed)
    assert desk.events.receive(event) == "PARKED"
    why = f"the bank tells of {says} for {order_id}-01, adjustment adj_1"
    assert (outcome(desk, event)[1], waits_for_person(desk, order_id)) == (why, f"an operator: {why}")
    assert (desk.operations.story(order_id).events[-1].reason, counted["BankMismatch"]) == (why, 1)
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, ["PENDING"])
    desk.sweep()
    assert outcome(desk, event)[0] == "PARKED"
    assert desk.events.receive(told(desk, f"{order_id}-01", "complete")) == "APPLIED"
    assert (status(desk, order_id), waits_for_person(desk, order_id)) == (Status.FILLED, None)


def test_no_line_of_the_log_tells_an_account(desk: Desk, ann: Owner, lines: io.BytesIO) -> None:
    """Neither what was sent to nor what the bank tells of, by its answer or its event."""
    order_id = awaiting(desk, ann)
    desk.events.receive(an_event(desk, f"{order_id}-01", account_id="acc-eve"))
    desk.world.bank = around(
        desk.world.simulated, find=lambda real, *asked: replace(real(*asked), account_id="acc-eve")
    )
    desk.payouts.check(order_id)
    desk.world.bank = desk.world.simulated
    desk.events.receive(contradicting(told(desk, f"{order_id}-01", "complete")))
    desk.events.receive(desk.world.simulated.event_of(f"{order_id}-01"))
    desk.run()
    assert b"another account" in lines.getvalue()
    assert b"acc-" not in lines.getvalue()


def test_an_early_event_that_does_not_fit_its_attempt_stops_it(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.events.receive(an_event(desk, f"{order_id}-02", amount=Money("99.91")))
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    desk.sweep()
    assert "$99.91 instead of $99.90" in (waits_for_person(desk, order_id) or "")
    desk.world.simulated.decide(f"{order_id}-02", "complete")
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_a_failure_that_meets_a_doubt_leaves_the_payout_to_a_person(desk: Desk, ann: Owner) -> None:
    """Another event has told of another amount in the moment between: somebody is to look before the next attempt."""
    order_id = awaiting(desk, ann)
    failed = told(desk, f"{order_id}-01", "fail")
    doubt = an_event(desk, f"{order_id}-01", amount=Money("99.91"))
    before_next_write(desk, lambda: desk.events.receive(doubt))
    assert desk.events.receive(failed) == "APPLIED"
    desk.run()
    assert decided(desk, order_id) == ["REJECTED"]
    assert (waits_for_person(desk, order_id) or "").startswith("an operator, before the attempt after 1")


def test_a_success_of_another_amount_after_a_failure_stops_the_next_attempt(
    desk: Desk, ann: Owner, counted: Counter[str]
) -> None:
    """Money has gone, however much; a failure of another amount has moved none, and stops nothing."""
    order_id = awaiting(desk, ann)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    assert desk.events.receive(an_event(desk, f"{order_id}-01", State.FAILED, amount=Money("98.90"))) == "PARKED"
    assert (waits_for_person(desk, order_id), counted["BankMismatch"]) == (None, 1)
    assert desk.events.receive(an_event(desk, f"{order_id}-01", amount=Money("98.90"))) == "PARKED"
    assert "$98.90 instead of $99.90" in (waits_for_person(desk, order_id) or "")
    assert counted["BankContradictions"] == 1
    desk.run()
    assert decided(desk, order_id) == ["REJECTED"]


def test_a_success_of_another_amount_after_a_success_contradicts_it(
    desk: Desk, ann: Owner, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    desk.run()
    item = raw(desk, order_id, "SELL_ORDER")
    assert desk.events.receive(an_event(desk, f"{order_id}-01", amount=Money("199.80"))) == "PARKED"
    assert (raw(desk, order_id, "SELL_ORDER"), counted["BankContradictions"]) == (item, 1)


@pytest.mark.parametrize("other", ["FILLED", "BASE_TXN_COMPLETED", "SELL_PAYOUT_FAILED", "BASE_TXN_FAILED"])
def test_an_event_for_an_order_in_another_state_is_parked(desk: Desk, ann: Owner, other: str) -> None:
    """A state that nothing here brings about: somebody has changed the table by hand."""
    order_id = awaiting(desk, ann)
    set_status(desk, order_id, other)
    before = desk.dynamo.items()
    event = told(desk, f"{order_id}-01", "complete")
    assert desk.events.receive(event) == "PARKED"
    assert outcome(desk, event)[1] == f"the order is {other}"
    assert [i for i in desk.dynamo.items() if i not in before and not i["PK"]["S"].startswith("HOOK#")] == []
    set_status(desk, order_id, "TARGET_TXN_PENDING")
    assert (
        desk.interventions.replay(event.event_id, "the table is as it was again", "olga", dry_run=False).after
        == "APPLIED"
    )
    assert status(desk, order_id) == Status.FILLED


def set_status(desk: Desk, order_id: str, status: str) -> None:
    desk.dynamo.update_item(
        TableName="desk",
        Key={"PK": {"S": order_id}, "SK": {"S": "SELL_ORDER"}},
        UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={"#s": "status"},
        ExpressionAttributeValues={":s": {"S": status}},
    )


# The bank contradicts itself


def test_after_a_success_that_follows_a_failure_nobody_pays_again(
    desk: Desk, ann: Owner, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.world.machines.run()
    assert desk.events.receive(contradicting(event)) == "PARKED"
    why = "the bank says COMPLETED of attempt 1, which is REJECTED"
    assert outcome(desk, contradicting(event)) == ("PARKED", why)
    assert waits_for_person(desk, order_id) == f"an operator: {why}"
    assert counted["BankContradictions"] == 1
    desk.run()
    desk.clock.forward(days=1)
    desk.sweep()
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, ["REJECTED"])
    assert overdue(desk) == [order_id]
    (execution,) = executions(desk, order_id)
    assert (execution.status, execution.error) == ("FAILED", "WaitsForOperator")
    assert desk.interventions.replay(contradicting(event).event_id, "again?", "olga", dry_run=False).after == "PARKED"
    desk.by_hand("mark_paid", order_id, "the bank did pay attempt 1", "olga", dry_run=False)
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.FILLED, (Money(1000), Money(0)))


def test_two_say_that_a_disputed_payout_may_be_tried_again(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.events.receive(contradicting(event))
    desk.run()
    assert decided(desk, order_id) == ["REJECTED"]
    desk.by_two("work decide-payout", order_id, {"paid": "0"}, "letter 9")
    desk.by_hand("retry", order_id, "the bank says it did not pay", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])


def test_a_failure_after_a_success_is_parked_and_the_order_stays_filled(
    desk: Desk, ann: Owner, counted: Counter[str]
) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    desk.events.receive(event)
    desk.run()
    item, books = raw(desk, order_id, "SELL_ORDER"), dollars(desk, ann)
    assert desk.events.receive(contradicting(event)) == "PARKED"
    assert outcome(desk, contradicting(event))[1] == "the bank says FAILED of attempt 1, which is COMPLETED"
    assert (raw(desk, order_id, "SELL_ORDER"), dollars(desk, ann)) == (item, books)
    assert (decided(desk, order_id), counted["BankContradictions"]) == (["COMPLETED"], 1)


def test_a_late_success_of_the_second_attempt_stops_the_third(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=2)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "REJECTED"])
    late = contradicting(desk.world.simulated.event_of(f"{order.order_id}-02"))
    before_next_write(desk, lambda: desk.events.receive(late), containing="PAYOUT#03")
    assert begin(desk, order.order_id) is Stage.STOPPED
    assert (decided(desk, order.order_id), len(desk.world.simulated.records())) == (["REJECTED", "REJECTED"], 2)
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED"]
    assert waits_for_person(desk, order.order_id)


def test_a_late_success_leaves_the_pending_attempt_to_the_bank(desk: Desk, ann: Owner) -> None:
    """And stops what would follow."""
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED"])
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "PENDING"])
    late = contradicting(desk.world.simulated.event_of(f"{order.order_id}-01"))
    assert desk.events.receive(late) == "PARKED"
    assert (decided(desk, order.order_id), bool(waits_for_person(desk, order.order_id))) == (
        ["REJECTED", "PENDING"],
        True,
    )
    assert desk.events.receive(told(desk, f"{order.order_id}-02", "fail")) == "APPLIED"
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED"]
    assert (waits_for_person(desk, order.order_id) or "").startswith("an operator, before the attempt after 2")
    desk.by_hand("mark_paid", order.order_id, "attempt 1 was paid after all", "olga", dry_run=False)


def test_after_a_late_success_what_the_bank_does_not_know_is_not_sent_again(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED", "PENDING"])
    desk.events.receive(contradicting(event))
    assert desk.payouts.check(order_id).stage is Stage.STOPPED
    desk.run()
    assert (decided(desk, order_id), len(desk.world.simulated.records())) == (["REJECTED", "PENDING"], 1)
    assert waits_for_person(desk, order_id)


def test_a_success_after_the_payout_has_failed_is_parked_and_shown_beside_it(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    late = contradicting(desk.world.simulated.event_of(f"{order_id}-05"))
    assert desk.events.receive(late) == "PARKED"
    assert waits_for_person(desk, order_id) == "an operator: the bank says COMPLETED of attempt 5, which is REJECTED"
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.SELL_PAYOUT_FAILED, (Money(1000), Money("99.90")))


# By hand


def test_what_is_not_understood_stays_parked_until_a_person_dismisses_it(desk: Desk) -> None:
    for taken in ("PARKED", "REPEATED"):
        assert desk.events.park("evt_strange", "[" * 1000, "no JSON") == taken
    desk.sweep()
    assert desk.interventions.replay("evt_strange", "it is no clearer", "olga", dry_run=False).after == "PARKED"
    (parked,) = desk.operations.parked(10)
    assert parked.strange == "[" * 500
    for _ in range(2):
        assert (
            desk.interventions.dismiss("evt_strange", "told by another event", "olga", dry_run=False).after
            == "DISMISSED"
        )
    item = raw(desk, "HOOK#evt_strange", "SEEN")
    assert (item["outcome"], item["why"]) == ("DISMISSED", "told by another event")
    assert (desk.operations.parked(10), desk.events.park("evt_strange", "[", "no JSON")) == ([], "REPEATED")


def test_a_parked_event_is_kept_for_ever_and_a_taken_one_for_ninety_days(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    taken, parked = told(desk, f"{order_id}-01", "complete"), an_event(desk, "pay-1")
    for event in (taken, parked):
        desk.events.receive(event)
    kept_until = raw(desk, f"HOOK#{taken.event_id}", "SEEN")["expires"]
    assert abs(float(kept_until) - (desk.clock.at + timedelta(days=90)).timestamp()) < 5
    assert "expires" not in raw(desk, f"HOOK#{parked.event_id}", "SEEN")
    desk.interventions.dismiss(parked.event_id, "not ours", "olga", dry_run=False)
    assert "expires" in raw(desk, f"HOOK#{parked.event_id}", "SEEN")
