"""Dollars leave by the machine `payout`: a payout with no sale before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.domain.clients import ClientKind, ClientStatus
from common.domain.ledger.model import InsufficientFunds, TransactionType
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts.model import AWAIT_SECONDS, PayoutUnsettled, Stage
from common.gateways.bank import Adjustment
from common.money import Money
from common.owner import Owner
from functions.accounts.model import Status, Transfer
from functions.operations.model import NotDriven
from sandbox.bank.bank import Operation, Outcome
from tests.desk import NOON, Desk
from tests.seen import (
    around,
    attempts,
    before_next_write,
    begin,
    block,
    contradicting,
    decided,
    dollars,
    executions,
    moves,
    overdue,
    paid,
    status,
    told,
    waits_for_person,
)


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """A customer with $20,000, who may take $10,000 a day of it."""
    ann = desk.customer(usd="20000.00")
    desk.clients(ann)
    return ann


def withdraw(desk: Desk, owner: Owner, amount: str = "250.00", key: str | None = None) -> Transfer:
    return desk.accounts.withdraw(owner, key or next(desk.keys), Money(amount), f"{owner.username}-bank").made


def awaiting(desk: Desk, owner: Owner, amount: str = "250.00") -> str:
    """One that the bank has booked and not decided."""
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    transfer_id = withdraw(desk, owner, amount).transfer_id
    desk.world.machines.run()
    assert decided(desk, transfer_id) == ["PENDING"]
    return transfer_id


def payout_failed(desk: Desk, owner: Owner, amount: str = "250.00") -> str:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=5)
    transfer_id = withdraw(desk, owner, amount).transfer_id
    desk.run()
    assert status(desk, transfer_id) == Status.PAYOUT_FAILED
    return transfer_id


# From the balance to the bank


def test_a_withdrawal_holds_its_dollars_and_is_paid_without_further_ado(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann, "250.00")
    assert (asked.status, dollars(desk, ann)) == (Status.PENDING, (Money(19_750), Money(250)))
    desk.run()
    assert desk.accounts.withdrawal(ann, asked.transfer_id).status is Status.COMPLETED
    assert dollars(desk, ann) == (Money(19_750), Money(0))
    assert paid(desk, asked.transfer_id) == [(f"{asked.transfer_id}-01", Money(250))]
    assert desk.world.simulated.credited("acc-ann") == Money(250)
    newest, *_ = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items
    assert (newest.transaction_type, newest.total_amount, newest.order_id) == (
        TransactionType.WITHDRAW,
        Money(250),
        asked.transfer_id,
    )
    assert moves(desk, asked.transfer_id) == [(None, "PENDING"), ("PENDING", "COMPLETED")]
    assert overdue(desk) == []


def test_it_leaves_by_one_execution_of_the_machine_payout(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann)
    desk.run()
    (execution,) = executions(desk, asked.transfer_id)
    assert (execution.name, execution.machine.name) == (asked.transfer_id, "cryptodesk-payout")
    assert (execution.status, execution.visited[-1], execution.waits_seconds) == ("SUCCEEDED", "Paid", [])
    assert execution.transitions == 3


def test_the_same_key_is_the_same_withdrawal_for_ever_and_is_paid_once(desk: Desk, ann: Owner) -> None:
    first = withdraw(desk, ann, key="k")
    desk.run()
    block(desk, ann, ClientKind.BANKING)
    again = desk.accounts.withdraw(ann, "k", Money(250), "ann-bank")
    assert (again.replayed, again.made.transfer_id, again.made.status) == (
        True,
        first.transfer_id,
        Status.COMPLETED,
    )
    desk.run()
    assert len(desk.world.simulated.records()) == 1


def test_a_cash_out_and_a_withdrawal_to_the_same_account_are_each_paid_once(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    sale, asked = desk.cash_out(ann, "1"), withdraw(desk, ann)
    desk.run()
    assert desk.world.simulated.credited("acc-ann") == Money("349.90")
    assert (len(paid(desk, sale.order_id)), len(paid(desk, asked.transfer_id))) == (1, 1)


def test_what_is_being_withdrawn_is_not_spent(desk: Desk, ann: Owner) -> None:
    for _ in range(2):
        awaiting(desk, ann, "5000.00")
    with pytest.raises(InsufficientFunds):
        desk.buy(ann, "100.01")
    for transfer_id in [r.terms.reference_id for r in desk.world.simulated.records()]:
        desk.world.simulated.decide(transfer_id, "complete")
    desk.run()
    assert dollars(desk, ann) == (Money(10_000), Money(0))


# The bank says no, or nothing


@pytest.mark.parametrize("outcome", ["refuse", "fail"])
def test_after_five_rejections_a_withdrawal_has_failed_visibly_and_waits_for_a_person(
    desk: Desk, ann: Owner, outcome: str
) -> None:
    desk.world.simulated.set_outcome(outcome)
    asked = withdraw(desk, ann)
    desk.run()
    failed = desk.accounts.withdrawal(ann, asked.transfer_id)
    assert (failed.status, decided(desk, asked.transfer_id)) == (Status.PAYOUT_FAILED, ["REJECTED"] * 5)
    assert (failed.reason or "").startswith("5 payout attempts were rejected, the last one: ")
    assert waits_for_person(desk, asked.transfer_id) == f"an operator: {failed.reason}"
    assert (overdue(desk), dollars(desk, ann)) == ([asked.transfer_id], (Money(19_750), Money(250)))
    (execution,) = executions(desk, asked.transfer_id)
    assert (execution.status, execution.waits_seconds) == ("FAILED", [60, 120, 240, 480])


def test_the_third_attempt_may_succeed(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=2)
    asked = withdraw(desk, ann)
    desk.run()
    assert (status(desk, asked.transfer_id), decided(desk, asked.transfer_id)) == (
        "COMPLETED",
        ["REJECTED", "REJECTED", "COMPLETED"],
    )


def test_a_credit_whose_answer_was_lost_is_made_once(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.drop_answer_next(Operation.CREDIT, 3)
    asked = withdraw(desk, ann)
    desk.run()
    assert (status(desk, asked.transfer_id), len(desk.world.simulated.records())) == ("COMPLETED", 1)
    assert desk.world.simulated.credited("acc-ann") == Money(250)


def test_a_bank_that_does_not_answer_for_an_hour_has_one_attempt_to_pay(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.down = True
    asked = withdraw(desk, ann)
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at >= began + timedelta(hours=1))
    assert (status(desk, asked.transfer_id), decided(desk, asked.transfer_id)) == ("PENDING", ["PENDING"])
    desk.world.simulated.down = False
    desk.run()
    assert (status(desk, asked.transfer_id), decided(desk, asked.transfer_id)) == ("COMPLETED", ["COMPLETED"])


def test_where_the_webhook_is_lost_the_bank_is_asked_after_the_wait(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann, "250.54")  # the bank's magic number: no webhook
    desk.run()
    (execution,) = executions(desk, asked.transfer_id)
    assert (status(desk, asked.transfer_id), execution.waits_seconds) == ("COMPLETED", [AWAIT_SECONDS])


def test_a_webhook_from_inside_the_call_that_it_is_about_is_applied(desk: Desk, ann: Owner) -> None:
    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        answer = real(*asked)
        assert desk.events.receive(told(desk, asked[0], "complete")) == "APPLIED"
        return answer

    desk.world.bank = around(desk.world.simulated, credit=credit)
    asked = withdraw(desk, ann)
    desk.world.machines.run()
    assert (status(desk, asked.transfer_id), executions(desk, asked.transfer_id)[0].status) == (
        "COMPLETED",
        "SUCCEEDED",
    )


def test_a_bank_that_contradicts_itself_stops_further_attempts(desk: Desk, ann: Owner) -> None:
    transfer_id = awaiting(desk, ann)
    event = told(desk, f"{transfer_id}-01", "fail")
    desk.events.receive(event)
    assert desk.events.receive(contradicting(event)) == "PARKED"
    desk.run()
    assert (decided(desk, transfer_id), bool(waits_for_person(desk, transfer_id))) == (["REJECTED"], True)
    with pytest.raises(NotDriven):
        desk.operations.redrive(transfer_id, "a redrive is no decision", "olga")
    assert desk.by_hand("mark_paid", transfer_id, "attempt 1 was paid after all", "olga").after == Status.COMPLETED


def test_an_event_about_a_withdrawal_that_is_over_agrees_or_is_parked(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann)
    desk.run()
    event = desk.world.simulated.event_of(f"{asked.transfer_id}-01")
    assert desk.events.receive(replace(event, event_id="evt_1")) == "AGREES"
    assert desk.events.receive(contradicting(event)) == "PARKED"
    assert status(desk, asked.transfer_id) == "COMPLETED"


def test_a_client_who_was_blocked_meanwhile_is_not_paid_until_a_person_redrives(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann)
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    assert (attempts(desk, asked.transfer_id), status(desk, asked.transfer_id)) == ([], "PENDING")
    assert "ann-bank" in (waits_for_person(desk, asked.transfer_id) or "")
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.operations.redrive(asked.transfer_id, "unblocked after a call", "olga")
    desk.run()
    assert (status(desk, asked.transfer_id), decided(desk, asked.transfer_id)) == ("COMPLETED", ["COMPLETED"])


def test_a_restart_of_the_machines_is_no_loss(desk: Desk, ann: Owner) -> None:
    transfer_id = awaiting(desk, ann)
    desk.world.machines.restart()
    desk.sweep()
    told(desk, f"{transfer_id}-01", "complete")
    desk.run()
    assert [e.name for e in executions(desk, transfer_id)] == [transfer_id, f"{transfer_id}-2"]
    assert (status(desk, transfer_id), len(paid(desk, transfer_id))) == ("COMPLETED", 1)


# By hand


def test_a_rejection_gives_the_hold_and_the_days_limit_back(desk: Desk, ann: Owner) -> None:
    transfer_id = payout_failed(desk, ann, "6000.00")
    with pytest.raises(DailyLimitExceeded):
        withdraw(desk, ann, "4000.01")
    rejected = desk.by_hand("give_back", transfer_id, "the account is closed", "olga")
    told_customer = desk.accounts.withdrawal(ann, transfer_id)
    assert (rejected.after, told_customer.status) == ("REJECTED", Status.REJECTED)
    assert told_customer.reason == "the account is closed"
    assert (dollars(desk, ann), overdue(desk)) == ((Money(20_000), Money(0)), [])
    withdraw(desk, ann, "10000.00")
    desk.run()
    assert desk.world.simulated.credited("acc-ann") == Money(10_000)


def test_a_rejection_gives_the_limit_of_its_own_day_back_and_not_of_the_day_it_failed_on(
    desk: Desk, ann: Owner
) -> None:
    desk.clock.at = NOON.replace(hour=23, minute=58)
    transfer_id = payout_failed(desk, ann, "6000.00")
    assert desk.clock.at.date() > NOON.date()
    desk.by_hand("give_back", transfer_id, "the account is closed", "olga")
    withdraw(desk, ann, "10000.00")
    with pytest.raises(DailyLimitExceeded):
        withdraw(desk, ann, "0.01")
    desk.run()


def test_a_withdrawal_that_the_bank_was_never_asked_for_may_be_rejected(desk: Desk, ann: Owner) -> None:
    asked = withdraw(desk, ann)
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    assert desk.by_hand("give_back", asked.transfer_id, "blocked for good", "olga").after == Status.REJECTED
    assert (dollars(desk, ann), desk.world.simulated.records()) == ((Money(20_000), Money(0)), [])
    desk.clock.forward(hours=1)
    desk.sweep()
    assert len(executions(desk, asked.transfer_id)) == 1


def test_a_withdrawal_that_was_paid_by_another_way_is_completed(desk: Desk, ann: Owner) -> None:
    transfer_id = payout_failed(desk, ann)
    done = desk.by_hand("mark_paid", transfer_id, "by cheque 4711", "olga")
    assert (done.after, dollars(desk, ann), overdue(desk)) == (Status.COMPLETED, (Money(19_750), Money(0)), [])
    (entry,) = desk.operations.audit("2026-11-21", limit=9, after=None).items
    assert (entry.operator, entry.subject, entry.detail) == ("olga", transfer_id, "by cheque 4711")


def test_one_more_attempt_is_made_and_may_be_paid(desk: Desk, ann: Owner) -> None:
    transfer_id = payout_failed(desk, ann)
    assert desk.by_hand("retry", transfer_id, "the account is open again", "olga").after == Status.PENDING
    assert executions(desk, transfer_id)[-1].running  # at once
    desk.run()
    assert (status(desk, transfer_id), paid(desk, transfer_id)) == (
        "COMPLETED",
        [(f"{transfer_id}-06", Money(250))],
    )
    assert [e.name for e in executions(desk, transfer_id)] == [transfer_id, f"{transfer_id}-2"]


def test_nothing_is_done_by_hand_while_an_attempt_may_still_be_paid(desk: Desk, ann: Owner) -> None:
    transfer_id = awaiting(desk, ann)
    before = desk.dynamo.items()
    for act in ("mark_paid", "give_back", "retry"):
        with pytest.raises(PayoutUnsettled):
            desk.by_hand(act, transfer_id, "impatience", "olga")
    assert desk.dynamo.items() == before
    told(desk, f"{transfer_id}-01", "complete")
    desk.run()


@pytest.mark.parametrize("mine", ["mark_paid", "give_back"])
@pytest.mark.parametrize("others", ["mark_paid", "give_back"])
def test_of_two_operators_at_once_one_decides(desk: Desk, ann: Owner, mine: str, others: str) -> None:
    """The other is told that it is so already, if it is what he wanted."""
    transfer_id = payout_failed(desk, ann)
    before_next_write(desk, lambda: desk.by_hand(others, transfer_id, "ticket 1", "oleg"))
    if mine == others:
        assert not desk.by_hand(mine, transfer_id, "ticket 2", "olga").done
    else:
        with pytest.raises(PayoutUnsettled):
            desk.by_hand(mine, transfer_id, "ticket 2", "olga")
    assert status(desk, transfer_id) == ("COMPLETED" if others == "mark_paid" else "REJECTED")
    assert dollars(desk, ann)[0] == (Money(19_750) if others == "mark_paid" else Money(20_000))
    assert [e.operator for e in desk.operations.audit("2026-11-21", limit=9, after=None).items] == ["oleg"]


def test_the_machine_begins_no_attempt_once_an_operator_has_decided(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    asked = withdraw(desk, ann)
    desk.world.machines.run()
    desk.clock.forward(seconds=61)  # it is time for the next attempt
    before_next_write(desk, lambda: desk.by_hand("give_back", asked.transfer_id, "ticket 4711", "olga"))
    assert begin(desk, asked.transfer_id) is Stage.DONE
    assert (decided(desk, asked.transfer_id), desk.world.simulated.records()) == (["REJECTED"], [])
    desk.run()
    assert executions(desk, asked.transfer_id)[0].status == "SUCCEEDED"
