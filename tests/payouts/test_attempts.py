"""Dollars go to the customer's bank: by one attempt after another, and once. Here they are those of a sale."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.payouts import store
from common.domain.payouts.model import (
    ATTEMPTS_MAX,
    AWAIT_SECONDS,
    CASH_OUT,
    AttemptStatus,
    Payout,
    PayoutNotFound,
    Stage,
    back_off,
    is_exhausted,
    named,
    next_stage,
)
from common.domain.payouts.model import Attempt as PayoutAttempt
from common.gateways.bank import Adjustment, BankUnavailable, State
from common.money import Money
from common.owner import Owner
from common.sealed import Sealed
from functions.offramp.model import Status
from sandbox.bank.bank import Operation, Outcome
from tests.desk import BACK_OFF, Desk
from tests.seen import (
    around,
    attempts,
    awaiting,
    before_next_write,
    begin,
    block,
    decided,
    dollars,
    executions,
    overdue,
    paid,
    raw,
    save_client,
    status,
    told,
    waits_for_person,
)

# An attempt


def test_an_attempt_and_its_order_are_written_before_the_bank_is_called(desk: Desk, ann: Owner) -> None:
    seen: list[tuple[str | None, list[str], tuple[Money, Money]]] = []

    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        seen.append((status(desk, order.order_id), decided(desk, order.order_id), dollars(desk, ann)))
        return real(*asked)

    desk.world.bank = around(desk.world.simulated, credit=credit)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert seen == [("TARGET_TXN_PENDING", ["PENDING"], (Money(1000), Money("99.90")))]


def test_an_attempt_pays_to_the_clients_account_under_its_reference(desk: Desk, ann: Owner) -> None:
    """What is paid is held until then."""
    order_id = awaiting(desk, ann)
    assert dollars(desk, ann) == (Money(1000), Money("99.90"))
    (attempt,) = attempts(desk, order_id)
    assert (attempt.number, attempt.amount, attempt.username) == (1, Money("99.90"), "ann")
    assert desk.account_id("ann", attempt.account) == "acc-ann"
    assert (attempt.reference_id, attempt.status) == (f"{order_id}-01", AttemptStatus.PENDING)
    record = desk.world.simulated.record(attempt.reference_id)
    assert (record.terms.account_id, record.terms.amount, record.terms.reference_id) == (
        "acc-ann",
        "99.90",
        attempt.reference_id,
    )
    told(desk, attempt.reference_id, "complete")
    desk.run()
    (attempt,) = attempts(desk, order_id)
    assert (attempt.status, attempt.adjustment_id) == (AttemptStatus.COMPLETED, record.adjustment_id)
    assert dollars(desk, ann) == (Money(1000), Money(0))


@pytest.mark.parametrize("outcome", ["refuse", "fail"])
def test_what_the_bank_rejects_is_tried_again_and_the_third_attempt_may_succeed(
    desk: Desk, ann: Owner, outcome: str
) -> None:
    desk.world.simulated.set_outcome(outcome, times=2)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED", "COMPLETED"]
    assert paid(desk, order.order_id) == [(f"{order.order_id}-03", Money("99.90"))]
    (execution,) = executions(desk, order.order_id)
    assert execution.waits_seconds == [60, 120]


@pytest.mark.parametrize("outcome", ["refuse", "fail"])
def test_after_five_rejections_a_payout_has_failed_and_waits_for_a_person(
    desk: Desk, ann: Owner, outcome: str, counted: Counter[str]
) -> None:
    """The pauses between the attempts have doubled. Its customer sees that it failed; no machine asks any more."""
    desk.world.simulated.set_outcome(outcome)
    order = desk.cash_out(ann, "1")
    desk.run()
    failed = desk.offramp.order(ann, order.order_id)
    assert (failed.status, failed.attempts) == (Status.SELL_PAYOUT_FAILED, ATTEMPTS_MAX)
    made = attempts(desk, order.order_id)
    why = made[-1].failure_code
    assert failed.reason == f"5 payout attempts were rejected, the last one: {why}"
    assert [o.order_id for o in desk.offramp.orders(ann, limit=9, after=None).items] == [order.order_id]
    assert waits_for_person(desk, order.order_id) == f"an operator: {failed.reason}"
    assert overdue(desk) == [order.order_id]
    assert decided(desk, order.order_id) == ["REJECTED"] * 5
    assert [a.reference_id for a in made] == [f"{order.order_id}-0{n}" for n in range(1, 6)]
    pauses = [after.created_at - before.decided_at for before, after in pairwise(made) if before.decided_at]
    assert [round(pause.total_seconds()) for pause in pauses] == [60, 120, 240, 480]
    assert (paid(desk, order.order_id), dollars(desk, ann)) == ([], (Money(1000), Money("99.90")))
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.error) == ("FAILED", "PayoutFailed")
    assert (execution.waits_seconds, counted["PayoutsFailed"]) == ([60, 120, 240, 480], 1)
    before, asked = desk.dynamo.items(), dict(desk.world.simulated.calls)
    assert begin(desk, order.order_id) is desk.payouts.check(order.order_id).stage is Stage.FAILED
    desk.clock.forward(days=7)
    desk.sweep()
    assert (desk.dynamo.items(), desk.world.simulated.calls) == (before, asked)
    assert executions(desk, order.order_id) == [execution]


# Unknown is not failed


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        *(("drop_after", 1), ("timeout_after", 1)),
        *(("500", 2), ("429", 2), ("maintenance", 2), ("drop_before", 2), ("timeout_before", 2)),
    ],
)
def test_a_credit_that_is_not_answered_is_made_once(desk: Desk, ann: Owner, fault: str, sent: int) -> None:
    """The bank is asked for it under its reference, and sent it again, under the same, if it never had it."""
    desk.world.simulated.fail_next(fault, Operation.CREDIT)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    assert (len(desk.world.simulated.records()), desk.world.simulated.calls[Operation.CREDIT]) == (1, sent)
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("99.90"))]


@pytest.mark.parametrize("fault", ["500", "drop_after"])
def test_an_hour_of_errors_is_one_attempt_under_one_key_and_one_credit(desk: Desk, ann: Owner, fault: str) -> None:
    bank = desk.world.simulated
    bank.fail_next(fault, "any", 1000)
    desk.world.deliver_event = lambda *_: None
    order = desk.cash_out(ann, "1")
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at >= began + timedelta(hours=1))
    assert sum(bank.calls.values()) > 10
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.TARGET_TXN_PENDING, ["PENDING"])
    assert overdue(desk) == [order.order_id]
    bank.heal()
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    assert len(bank.records()) == 1
    assert overdue(desk) == []


def test_a_bank_that_is_silent_for_hours_is_never_a_failed_payout(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.down = True
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: len(executions(desk, order.order_id)) > 1)
    first, _ = executions(desk, order.order_id)
    assert (first.error, decided(desk, order.order_id)) == ("Unclear", ["PENDING"])
    assert status(desk, order.order_id) == Status.TARGET_TXN_PENDING
    desk.world.simulated.down = False
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])


def test_a_bank_that_refuses_at_last_after_its_silence_has_rejected_one_attempt(desk: Desk, ann: Owner) -> None:
    bank = desk.world.simulated
    bank.fail_next("500", "any", 6)
    bank.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])


# What the bank tells does not fit

MISFITS = {
    "a cent more": ({"amount": Money("99.91")}, "$99.91 instead of $99.90"),
    "a fee less": ({"amount": Money("98.90")}, "$98.90 instead of $99.90"),
    "less than a cent more": ({"amount": Money("99.901")}, "$99.901 instead of $99.90"),
    "nothing": ({"amount": Money(0)}, "$0.00 instead of $99.90"),
    "negative": ({"amount": Money("-99.90")}, "$-99.90 instead of $99.90"),
    "beyond all money": ({"amount": Money("9" * 41)}, f"${'9' * 41}.00 instead of $99.90"),
    "another account": ({"account_id": "acc-eve"}, "another account"),
    "another reference": ({"reference_id": "pay-1"}, "reference pay-1"),
}


def tells(desk: Desk, **wrong: Any) -> None:
    """The bank's answers are so, and its webhooks are lost."""

    def other(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        return replace(real(*asked), **wrong)

    desk.world.bank = around(desk.world.simulated, credit=other, find=other)
    desk.world.deliver_event = lambda *_: None


@pytest.mark.parametrize(("wrong", "says"), MISFITS.values(), ids=MISFITS)
def test_an_answer_that_does_not_fit_decides_nothing_and_waits_for_a_person(
    desk: Desk, ann: Owner, counted: Counter[str], wrong: dict[str, Any], says: str
) -> None:
    """Each redrive asks again; what then fits decides."""
    tells(desk, **wrong)
    order_id = desk.cash_out(ann, "1").order_id
    for asked in (1, 2):
        desk.run()
        assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, ["PENDING"])
        why = waits_for_person(desk, order_id) or ""
        assert why.startswith(f"an operator: the bank tells of {says} for {order_id}-01, adjustment adj_")
        assert (counted["BankMismatch"], overdue(desk)) == (asked, [order_id])
        execution = executions(desk, order_id)[-1]
        assert (execution.error, execution.cause) == ("WaitsForOperator", why)
        told_last = desk.operations.story(order_id).events[-1]
        assert why == f"an operator: {told_last.reason}"
        if asked == 2:
            desk.world.bank = desk.world.simulated
        desk.interventions.redrive(order_id, "the bank has looked at it", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order_id), counted["BankMismatch"]) == (Status.FILLED, 2)


@pytest.mark.parametrize(("says", "decision"), [("complete", "COMPLETED"), ("fail", "REJECTED")])
def test_a_right_event_decides_what_waits_for_a_person(desk: Desk, ann: Owner, says: str, decision: str) -> None:
    """But not whether to pay again: the other amount may have been paid."""
    deliver_event = desk.world.deliver_event
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    tells(desk, amount=Money("98.90"))
    order_id = desk.cash_out(ann, "1").order_id
    desk.run()
    assert waits_for_person(desk, order_id)
    desk.world.bank, desk.world.deliver_event = desk.world.simulated, deliver_event
    assert desk.events.receive(told(desk, f"{order_id}-01", says)) == "APPLIED"
    desk.run(days=1)
    assert (bool(waits_for_person(desk, order_id)), decided(desk, order_id)) == (says == "fail", [decision])
    if says == "fail":
        desk.interventions.redrive(order_id, "it has booked nothing", "olga", dry_run=False)
        desk.run()
    assert (status(desk, order_id), decided(desk, order_id)[-1]) == (Status.FILLED, "COMPLETED")


def test_a_failure_after_another_amount_was_paid_begins_no_next_attempt(desk: Desk, ann: Owner) -> None:
    """Both by event: the bank says that it has paid less, then that it has paid nothing."""
    order_id = awaiting(desk, ann)
    failed = told(desk, f"{order_id}-01", "fail")
    paid = replace(failed.adjustment, state=State.COMPLETED, amount=Money("98.90"))
    assert desk.events.receive(replace(failed, event_id="evt_less", adjustment=paid)) == "PARKED"
    assert desk.events.receive(failed) == "APPLIED"
    desk.run(days=1)
    assert (decided(desk, order_id), bool(waits_for_person(desk, order_id))) == (["REJECTED"], True)


def test_an_answer_that_can_not_be_waits_for_a_person(desk: Desk, ann: Owner, counted: Counter[str]) -> None:
    """Such as the bank's adapter does not even pass on: an amount below zero."""
    order_id = awaiting(desk, ann)

    def find(*_: Any) -> Adjustment:
        raise BankUnavailable("what the bank tells can not be: amount is '-99.90'", what="not_believed")

    desk.world.bank = around(desk.world.simulated, find=find)
    desk.run()
    why = f"an operator: what the bank tells can not be: amount is '-99.90'; asked for {order_id}-01"
    assert (waits_for_person(desk, order_id), counted["BankMismatch"]) == (why, 1)
    desk.world.bank = desk.world.simulated
    assert desk.events.receive(told(desk, f"{order_id}-01", "complete")) == "APPLIED"
    assert (status(desk, order_id), waits_for_person(desk, order_id)) == (Status.FILLED, None)


def test_an_answer_that_does_not_fit_stops_nothing_that_is_decided_meanwhile(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.bank = around(
        desk.world.simulated, find=lambda real, *asked: replace(real(*asked), amount=Money("98.90"))
    )
    before_next_write(desk, lambda: desk.events.receive(told(desk, f"{order_id}-01", "fail")))
    assert desk.payouts.check(order_id).stage is Stage.BACK_OFF
    assert waits_for_person(desk, order_id) is None
    desk.world.bank = desk.world.simulated
    desk.run()
    assert decided(desk, order_id) == ["REJECTED", "COMPLETED"]


# The wait for the webhook


def test_the_webhook_ends_the_wait_at_once(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    began = desk.clock.at
    desk.clock.forward(seconds=100)
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    desk.world.machines.run()
    (execution,) = executions(desk, order_id)
    assert (execution.status, execution.visited[-1], execution.waits_seconds) == ("SUCCEEDED", "Paid", [])
    assert execution.stopped is not None
    assert execution.stopped - began < timedelta(seconds=101)
    assert desk.world.simulated.calls[Operation.FIND] == 0


@pytest.mark.parametrize(
    ("says", "decisions", "waits"),
    [
        (Outcome.COMPLETE, ["COMPLETED"], [AWAIT_SECONDS]),
        (Outcome.FAIL, ["REJECTED", "COMPLETED"], [AWAIT_SECONDS, 60, AWAIT_SECONDS]),
    ],
)
def test_where_the_webhook_is_lost_the_bank_is_asked_after_the_wait(
    desk: Desk, ann: Owner, says: Outcome, decisions: list[str], waits: list[int]
) -> None:
    desk.world.simulated.set_outcome(says, times=1)
    desk.world.deliver_event = lambda *_: None
    order = desk.cash_out(ann, "1")
    began = desk.clock.at
    desk.run()
    (execution,) = executions(desk, order.order_id)
    assert (decided(desk, order.order_id), execution.waits_seconds) == (decisions, waits)
    assert desk.world.simulated.calls[Operation.FIND] == len(decisions)
    assert 0 <= (desk.clock.at - began).total_seconds() - sum(waits) < 5
    assert (status(desk, order.order_id), overdue(desk)) == (Status.FILLED, [])


def test_a_payout_that_stays_pending_is_asked_for_until_it_is_decided(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at >= began + timedelta(hours=2))
    (execution,) = executions(desk, order_id)
    assert (execution.status, decided(desk, order_id)) == ("RUNNING", ["PENDING"])
    assert (execution.waits_seconds, overdue(desk)) == ([AWAIT_SECONDS] * 8, [order_id])
    told(desk, f"{order_id}-01", "complete")
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_a_token_that_is_stored_too_late_is_given_back_at_once(desk: Desk, ann: Owner) -> None:
    """The attempt is decided while its token is being stored."""
    order_id = awaiting(desk, ann)
    desk.world.machines.restart()
    before_next_write(
        desk, lambda: desk.events.receive(told(desk, f"{order_id}-01", "complete")), containing="PAYOUT#01"
    )
    desk.sweep()
    desk.world.machines.run()
    *_, execution = executions(desk, order_id)
    assert (execution.status, execution.visited.count("AwaitPayout"), execution.waits_seconds) == ("SUCCEEDED", 1, [])


@pytest.mark.parametrize("dead", [False, True], ids=["timed out", "gone"])
def test_a_token_that_is_gone_or_timed_out_is_no_loss(desk: Desk, ann: Owner, dead: bool) -> None:
    order_id = awaiting(desk, ann)
    token = attempts(desk, order_id)[0].token
    if dead:
        desk.world.machines.restart()
    else:
        desk.clock.forward(seconds=AWAIT_SECONDS)
    assert desk.events.receive(told(desk, f"{order_id}-01", "complete")) == "APPLIED"
    assert (status(desk, order_id), overdue(desk)) == (Status.FILLED, [])
    desk.run()
    assert executions(desk, order_id)[0].status == ("FAILED" if dead else "SUCCEEDED")
    for useless in (token or "", token or "", "a token of nobody"):
        desk.machines.succeed(useless, {})


def lost(*_: Any, **__: Any) -> None:
    raise EndpointConnectionError(endpoint_url="https://states.test")


@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_a_machine_that_is_not_told_asks_the_table_after_the_wait(desk: Desk, ann: Owner, again: bool) -> None:
    """Unless the webhook comes again."""
    order_id = awaiting(desk, ann)
    (execution,), event = executions(desk, order_id), told(desk, f"{order_id}-01", "complete")
    desk.world.client = around(desk.world.machines, send_task_success=lost)
    assert desk.events.receive(event) == "APPLIED"
    assert (status(desk, order_id), execution.status) == (Status.FILLED, "RUNNING")
    desk.world.client = desk.world.machines
    if again:
        assert desk.events.receive(event) == "REPEATED"
        desk.world.machines.run()
    else:
        desk.clock.forward(seconds=AWAIT_SECONDS)
        desk.run()
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "Paid")
    assert (len(execution.waits_seconds), desk.world.simulated.calls[Operation.FIND]) == (not again, 0)


def test_the_next_execution_waits_with_a_token_of_its_own(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    first = attempts(desk, order_id)[0].token
    desk.world.machines.restart()
    desk.sweep()
    desk.world.machines.run()
    second = attempts(desk, order_id)[0].token
    assert first != second
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    desk.world.machines.run()
    assert [e.status for e in executions(desk, order_id)] == ["FAILED", "SUCCEEDED"]


# Clients who may not be paid


@pytest.mark.parametrize("kind", ClientKind)
def test_a_client_who_was_blocked_meanwhile_is_not_paid_until_a_person_redrives(
    desk: Desk, ann: Owner, kind: ClientKind
) -> None:
    order = desk.cash_out(ann, "1")
    block(desk, ann, kind)
    desk.run()
    client_id = "ann-crypto" if kind is ClientKind.CRYPTO else "ann-bank"
    assert (status(desk, order.order_id), attempts(desk, order.order_id)) == (Status.BASE_TXN_COMPLETED, [])
    assert client_id in (waits_for_person(desk, order.order_id) or "")
    assert (overdue(desk), desk.world.simulated.calls[Operation.CREDIT]) == ([order.order_id], 0)
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.error) == ("FAILED", "WaitsForOperator")

    desk.interventions.redrive(order.order_id, "still blocked, as it turns out", "olga", dry_run=False)
    desk.run()
    assert (attempts(desk, order.order_id), client_id in (waits_for_person(desk, order.order_id) or "")) == ([], True)

    block(desk, ann, kind, ClientStatus.ACTIVE)
    desk.interventions.redrive(order.order_id, "unblocked after a call", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    assert [e.name for e in executions(desk, order.order_id)] == [
        order.order_id,
        f"{order.order_id}-2",
        f"{order.order_id}-3",
    ]
    assert overdue(desk) == []


@pytest.mark.parametrize(("silent", "before"), [(False, ["REJECTED"]), (True, ["PENDING"])], ids=["refused", "silent"])
def test_a_client_who_is_blocked_after_an_attempt_is_sent_nothing_more(
    desk: Desk, ann: Owner, silent: bool, before: list[str]
) -> None:
    """No second attempt, nor the first once more when the bank never had it."""
    if silent:
        desk.world.simulated.fail_before_next(Operation.CREDIT)
    else:
        desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.machines.run()
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.TARGET_TXN_PENDING, before)
    assert (desk.world.simulated.records(), bool(waits_for_person(desk, order_id))) == ([], True)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.interventions.redrive(order_id, "unblocked after a call", "olga", dry_run=False)
    desk.run()
    assert decided(desk, order_id) == ["REJECTED"] * (not silent) + ["COMPLETED"]


def test_an_attempt_is_not_sent_again_to_another_account_than_it_was_begun_for(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    moved = Client(
        "ann-bank", ClientKind.BANKING, ann, ClientStatus.ACTIVE, desk.clock(), desk.account("ann", "acc-new")
    )
    save_client(desk, moved, "he has moved", "olga")
    desk.run()
    assert (decided(desk, order.order_id), desk.world.simulated.records()) == (["PENDING"], [])
    assert "account has changed" in (waits_for_person(desk, order.order_id) or "")
    desk.by_hand("abandon", order.order_id, "it never reached the bank", "olga", dry_run=False)
    desk.run()
    assert (decided(desk, order.order_id), desk.world.simulated.credited("acc-new")) == (
        ["REJECTED", "COMPLETED"],
        Money("99.90"),
    )


def test_what_the_bank_has_booked_is_decided_though_the_client_is_blocked(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    block(desk, ann, ClientKind.BANKING)
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    desk.run()
    assert status(desk, order_id) == Status.FILLED


# What the bank has against the desk


def no_funds(desk: Desk, times: int = 1) -> None:
    desk.world.simulated.fail_next("no_funds", Operation.CREDIT, times)


def redrive(desk: Desk, order_id: str) -> None:
    desk.interventions.redrive(order_id, "the account is filled", "olga", dry_run=False)


def test_a_desk_without_funds_waits_for_a_person_and_asks_no_more(
    desk: Desk, ann: Owner, counted: Counter[str]
) -> None:
    no_funds(desk)
    order_id = desk.cash_out(ann, "1").order_id
    desk.run(days=1)
    assert (decided(desk, order_id), counted["DeskRefused"]) == (["REJECTED"], 1)
    assert waits_for_person(desk, order_id) == (
        "an operator, before the attempt after 1, which was rejected and does not count, since the bank refuses the "
        "desk itself: the bank refuses the credit: insufficient funds in the account that it is paid from"
    )
    assert dollars(desk, ann)[1] == Money("99.90")
    redrive(desk, order_id)
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])


def test_what_the_bank_has_against_the_desk_uses_up_no_attempt_of_the_customer(desk: Desk, ann: Owner) -> None:
    """Five of his own remain, with their pauses; and one more when an operator asks for it."""
    no_funds(desk, times=2)
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.simulated.set_outcome(Outcome.REFUSE)
    for _ in range(2):
        desk.run()
        assert status(desk, order_id) == Status.TARGET_TXN_PENDING
        redrive(desk, order_id)
    desk.run()
    made = attempts(desk, order_id)
    assert (status(desk, order_id), len(made)) == (Status.SELL_PAYOUT_FAILED, 2 + ATTEMPTS_MAX)
    pauses = [(after.created_at - before.created_at) // timedelta(minutes=1) for before, after in pairwise(made[2:])]
    assert pauses == [1, 2, 4, 8]
    desk.by_hand("retry", order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.SELL_PAYOUT_FAILED, 3 + ATTEMPTS_MAX)


def test_a_last_attempt_that_turns_out_not_to_count_fails_nothing(desk: Desk, ann: Owner) -> None:
    """Whoever has read the order before that, and its attempt after it, reads again."""
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=4)
    order_id = desk.cash_out(ann, "1").order_id
    desk.run(until=lambda: len(attempts(desk, order_id)) == 4)
    no_funds(desk)
    desk.run()
    payout = replace(store.payout(desk.table, order_id), uncounted=0)
    assert (payout.attempts, decided(desk, order_id)) == (5, ["REJECTED"] * 5)
    with pytest.raises(store.AttemptMoved):
        desk.table.write(*store.fail(payout, desk.clock(), "five were rejected"))
    redrive(desk, order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.FILLED, 6)


def test_without_a_reference_left_a_payout_fails_whatever_counts(desk: Desk, ann: Owner) -> None:
    payout = Payout("S1", CASH_OUT, ann, Money(1), "b", "c", "TARGET_TXN_PENDING", 99, 5, False, desk.clock.at)
    assert is_exhausted(replace(payout, uncounted=99))
    assert not is_exhausted(replace(payout, attempts=98, uncounted=98))


# Once


def test_two_that_begin_the_next_attempt_at_once_begin_one(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    assert desk.offramp.poll(order.order_id).stage == "SOLD"
    stages: list[Stage] = []
    before_next_write(desk, lambda: stages.append(begin(desk, order.order_id)))
    stages.append(begin(desk, order.order_id))
    assert stages == [Stage.AWAIT, Stage.CHECK]
    assert (len(attempts(desk, order.order_id)), len(desk.world.simulated.records())) == (1, 1)
    desk.run()


def test_before_its_time_no_machine_begins_an_attempt(desk: Desk, ann: Owner) -> None:
    """It may have slept through what another execution did, and would make the pause shorter for the next."""
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=2)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: len(attempts(desk, order.order_id)) == 2)
    assert desk.payouts.create(order.order_id).stage is Stage.BACK_OFF
    assert len(attempts(desk, order.order_id)) == 2
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "REJECTED", "COMPLETED"]


def test_the_webhook_and_the_machine_decide_an_attempt_once(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "complete")
    before_next_write(desk, lambda: desk.events.receive(event))
    assert desk.payouts.check(order_id).stage is Stage.PAID
    assert (status(desk, order_id), dollars(desk, ann)) == (Status.FILLED, (Money(1000), Money(0)))


def test_two_that_give_a_payout_up_at_once_give_it_up_once(desk: Desk, ann: Owner, counted: Counter[str]) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE)
    order = desk.cash_out(ann, "1")
    desk.offramp.poll(order.order_id)
    for _ in range(5):
        begin(desk, order.order_id)
    stages: list[Stage] = []
    before_next_write(desk, lambda: stages.append(begin(desk, order.order_id)))
    stages.append(begin(desk, order.order_id))
    assert (stages, counted["PayoutsFailed"]) == ([Stage.FAILED, Stage.FAILED], 1)


def test_a_payout_does_not_fail_once_one_more_attempt_is_asked_for(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=5)
    order_id = desk.cash_out(ann, "1").order_id
    desk.offramp.poll(order_id)
    for _ in range(5):
        begin(desk, order_id)
    before_next_write(desk, lambda: desk.by_hand("retry", order_id))
    assert begin(desk, order_id) is Stage.SEND
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED"] * 5 + ["COMPLETED"])


def test_who_would_stop_a_payout_that_goes_on_meanwhile_stops_nothing(desk: Desk, ann: Owner) -> None:
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    desk.world.machines.run()
    desk.clock.forward(seconds=61)
    block(desk, ann, ClientKind.BANKING)

    def goes_on() -> None:
        block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
        begin(desk, order_id)

    before_next_write(desk, goes_on)
    assert desk.payouts.create(order_id).stage is Stage.CHECK
    assert (decided(desk, order_id), waits_for_person(desk, order_id)) == (["REJECTED", "PENDING"], None)
    desk.run()


def test_only_a_pending_attempt_is_checked_and_only_a_rejected_one_is_followed(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    before, asked = desk.dynamo.items(), desk.world.simulated.calls[Operation.CREDIT]
    assert begin(desk, order_id) is Stage.CHECK
    assert (desk.dynamo.items(), desk.world.simulated.calls[Operation.CREDIT]) == (before, asked)
    assert desk.payouts.check(order_id).stage is Stage.AWAIT
    assert desk.dynamo.items() == before


def test_what_does_not_exist_has_no_payout(desk: Desk) -> None:
    for order_id in ("S" + "A" * 25, "W" + "A" * 25, "O" + "A" * 25, ""):
        for ask in (desk.payouts.read, desk.payouts.create, desk.payouts.check):
            with pytest.raises(PayoutNotFound):
                ask(order_id)


# What comes next, of every state that there can be


@pytest.mark.parametrize("number", range(1, 6))
def test_the_next_step_waits_from_the_rejection_on_and_the_fifth_is_the_last(
    desk: Desk, ann: Owner, number: int
) -> None:
    now = desk.clock.at
    rejected = PayoutAttempt("S1", number, Money(1), "ann", Sealed("acc"), AttemptStatus.REJECTED, now, decided_at=now)
    payout = Payout("S1", CASH_OUT, ann, Money(1), "b", "c", "TARGET_TXN_PENDING", number, ATTEMPTS_MAX, False, now)
    stage, wait_seconds = next_stage(payout, rejected, now, BACK_OFF)
    if number == ATTEMPTS_MAX:
        assert stage is Stage.SEND  # which fails it
        return
    assert stage is Stage.BACK_OFF
    assert wait_seconds >= back_off(number, BACK_OFF).total_seconds() == 60 * 2 ** (number - 1)
    later = now + back_off(number, BACK_OFF)
    assert next_stage(payout, rejected, later - timedelta(seconds=1), BACK_OFF)[0] is Stage.BACK_OFF
    assert next_stage(payout, rejected, later, BACK_OFF)[0] is Stage.SEND
    one_more = replace(payout, attempts_max=number)
    assert next_stage(replace(payout, uncounted=number), rejected, now, BACK_OFF)[0] is Stage.SEND
    assert next_stage(one_more, rejected, now, BACK_OFF)[0] is Stage.SEND


@pytest.mark.parametrize(
    "reference",
    ["", "S1-01", "nonsense", "S" * 26, "S" * 26 + "-1", "S" * 26 + "-001", "s" * 26 + "-01", "S" * 40 + "-01"],
)
def test_a_reference_that_is_not_ours_names_no_attempt(reference: str) -> None:
    assert named(reference) is None
    assert named("S" * 26 + "-07") == ("S" * 26, 7)


def test_the_order_item_tells_what_it_waits_for(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    assert raw(desk, order_id, "SELL_ORDER")["waits_for"] == "the bank to pay attempt 1"
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    code = attempts(desk, order_id)[0].failure_code
    waits_for = raw(desk, order_id, "SELL_ORDER")["waits_for"]
    assert waits_for == f"the attempt after 1, which was rejected: {code}"
    desk.run()
    assert raw(desk, order_id, "SELL_ORDER").keys().isdisjoint({"waits_for", "open_work", "due_at"})
