"""What operators do about a payout that is stuck: said first, done once, audited, and never beside the bank."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.domain.clients import ClientKind, ClientStatus
from common.domain.ledger.model import TransactionType
from common.domain.payouts.evidence import PAID_AFTER_ALL, PAID_OTHERWISE
from common.domain.payouts.model import NEVER_BOOKED_SECONDS, PayoutNotFound, PayoutUnsettled, Stage
from common.domain.proposals import store as proposals
from common.domain.proposals.model import BeneficiaryDecides, OwnProposal
from common.domain.proposals.store import AlreadyProposed
from common.errors import Refusal
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.offramp.model import Status
from functions.operations.model import NotDriven, NothingKnown, NotProposable
from functions.payouts.service import GIVEN_BACK
from sandbox.bank.bank import Operation, Outcome
from tests.desk import Desk
from tests.seen import (
    around,
    attempts,
    audited,
    awaiting,
    before_next_write,
    begin,
    block,
    contradicting,
    decided,
    dollars,
    executions,
    overdue,
    paid,
    payout_failed,
    status,
    told,
    waits_for_person,
)


def move(desk: Desk, act: str, order_id: str, *, operator: str = "olga", dry_run: bool = False) -> OperatorOutcome:
    return desk.by_hand(act, order_id, "ticket 4711", operator, dry_run=dry_run)


def refused(desk: Desk, kind: type[Refusal], act: str, order_id: str) -> None:
    """Nothing is done or written, neither dry nor in earnest; what takes two is not even proposed."""
    before = desk.dynamo.items()
    if act == "mark_paid":
        kind = NothingKnown if kind is PayoutNotFound else NotProposable
    for dry_run in (True, False):
        with pytest.raises(kind):
            move(desk, act, order_id, dry_run=dry_run)
    assert desk.dynamo.items() == before


# A failed payout


def test_one_more_attempt_is_made_and_may_be_paid(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    moved = move(desk, "retry", order_id)
    assert (moved.before, moved.after, moved.done) == (
        Status.SELL_PAYOUT_FAILED,
        Status.TARGET_TXN_PENDING,
        True,
    )
    assert moved.says == "attempt 6 to pay $99.90 to the customer's bank"
    assert waits_for_person(desk, order_id) is None
    assert executions(desk, order_id)[-1].running  # at once
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED"] * 5 + ["COMPLETED"])
    assert desk.offramp.order(ann, order_id).reason is None
    assert paid(desk, order_id) == [(f"{order_id}-06", Money("99.90"))]
    assert [e.name for e in executions(desk, order_id)] == [order_id, f"{order_id}-2"]
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject, entry.detail) == (
        "olga",
        "offramp retry-payout",
        order_id,
        "ticket 4711",
    )


def test_when_one_more_attempt_is_rejected_the_payout_has_failed_again(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    desk.world.simulated.set_outcome(Outcome.FAIL)
    move(desk, "retry", order_id)
    desk.run()
    failed = desk.offramp.order(ann, order_id)
    assert (failed.status, failed.attempts) == (Status.SELL_PAYOUT_FAILED, 6)
    assert (failed.reason or "").startswith("6 payout attempts were rejected")
    assert waits_for_person(desk, order_id)
    desk.world.simulated.forget_outcomes()
    move(desk, "retry", order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.FILLED, 7)


def test_a_retry_is_started_by_the_sweeper_where_step_functions_does_not_answer(desk: Desk, ann: Owner) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://states.test")

    order_id = payout_failed(desk, ann)
    desk.world.client = around(desk.world.machines, start_execution=start)
    assert move(desk, "retry", order_id).done
    desk.world.client = desk.world.machines
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def propose_paid(desk: Desk, order_id: str, by: str = "olga", *, wire: str = "wire 42", **told: str) -> OperatorOutcome:
    return desk.proposals.propose("offramp mark-filled", order_id, told, wire, "ticket 4711", by, dry_run=False)


def test_an_order_that_is_marked_filled_has_been_paid_by_another_way(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    assert proposed.says == "another operator than olga confirms it; then it is FILLED; the held $99.90 count as paid"
    assert (status(desk, order_id), dollars(desk, ann)[1]) == (Status.SELL_PAYOUT_FAILED, Money("99.90"))
    with pytest.raises(OwnProposal):
        desk.confirmed(proposed, "olga")
    assert desk.confirmed(proposed).done
    assert (status(desk, order_id), desk.offramp.order(ann, order_id).reason) == (Status.FILLED, PAID_OTHERWISE)
    assert dollars(desk, ann) == (Money(1000), Money(0))
    newest = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items[0].line
    assert (newest.transaction_type, newest.total_amount, newest.order_id) == (
        TransactionType.WITHDRAW,
        Money("99.90"),
        order_id,
    )
    assert (overdue(desk), paid(desk, order_id)) == ([], [])
    last = desk.operations.story(order_id).events[-1]
    assert (last.before, last.after, last.actor) == ("SELL_PAYOUT_FAILED", "FILLED", "olga and otto")
    assert last.reason == "$99.90 were paid by another way, reference wire 42"
    assert [(entry.operator, entry.action) for entry in audited(desk)] == [
        ("otto", "proposals confirm"),
        ("olga", "offramp mark-filled"),
    ]


def test_one_payment_stands_for_one_payout(desk: Desk, ann: Owner) -> None:
    order_id, other = payout_failed(desk, ann), payout_failed(desk, ann)
    assert desk.confirmed(propose_paid(desk, order_id)).done
    with pytest.raises(NotProposable, match="adjustment wire 42"):
        propose_paid(desk, other)
    assert dollars(desk, ann)[1] == Money("99.90")
    assert desk.confirmed(propose_paid(desk, other, wire="wire 43")).done


def test_a_customer_whose_payout_it_is_says_nothing_of_it(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    with pytest.raises(BeneficiaryDecides):
        propose_paid(desk, order_id, "ann")
    proposed = propose_paid(desk, order_id)
    with pytest.raises(BeneficiaryDecides):
        desk.confirmed(proposed, "ann")


def forget_what_is_said(desk: Desk, order_id: str) -> None:
    """As it was proposed before that stopped the payout: such proposals may still wait."""
    key = {"PK": {"S": order_id}, "SK": {"S": "SELL_ORDER"}}
    desk.dynamo.update_item(TableName="desk", Key=key, UpdateExpression="REMOVE said_paid")


def test_what_is_proposed_as_paid_is_of_the_attempts_that_were_shown(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    forget_what_is_said(desk, order_id)
    move(desk, "retry", order_id)
    desk.world.simulated.set_outcome("fail", times=1)
    desk.run()
    assert len(attempts(desk, order_id)) == 6
    with pytest.raises(NotProposable, match="attempts was 5, and now it is 6"):
        desk.confirmed(proposed)
    desk.proposals.dismiss(proposed.id, "of before", "otto", dry_run=False)
    assert desk.confirmed(propose_paid(desk, order_id)).done


def test_what_the_bank_contradicts_meanwhile_is_looked_at_again(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    event = desk.world.simulated.event_of(f"{order_id}-05")
    desk.events.receive(contradicting(event))
    with pytest.raises(NotProposable, match="disputed was no, and now it is yes"):
        desk.confirmed(proposed)
    desk.proposals.dismiss(proposed.id, "look again", "olga", dry_run=False)
    assert "BEWARE" in propose_paid(desk, order_id).says


def test_dollars_that_are_credited_are_free_on_the_customers_balance(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    moved = move(desk, "give_back", order_id)
    assert (moved.after, moved.says) == (
        Status.FILLED,
        "is FILLED; the held $99.90 are free on the customer's balance",
    )
    assert dollars(desk, ann) == (Money("1099.90"), Money(0))
    newest = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items[0].line
    assert newest.transaction_type is TransactionType.SELL  # nothing has left
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject) == ("olga", "offramp credit-usd", order_id)
    desk.mark("BTC", "100")
    assert desk.buy(ann, "10.99").total_amount == Money("1099.00")


@pytest.mark.parametrize("act", ["mark_paid", "give_back"])
@pytest.mark.parametrize("begun", [False, True], ids=["never begun", "between two attempts"])
def test_a_payout_of_which_no_attempt_is_pending_may_be_decided_by_hand(
    desk: Desk, ann: Owner, act: str, begun: bool
) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    if not begun:
        block(desk, ann, ClientKind.CRYPTO)
    desk.world.machines.run()
    assert move(desk, act, order.order_id).done
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["REJECTED"] * begun)
    (execution,) = executions(desk, order.order_id)
    assert execution.visited[-1] == ("Paid" if begun else "WaitsForOperator")


# Dry, and twice


@pytest.mark.parametrize("act", ["retry", "give_back"])
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(desk: Desk, ann: Owner, act: str) -> None:
    order_id = payout_failed(desk, ann)
    before = desk.dynamo.items()
    dry = move(desk, act, order_id, dry_run=True)
    after = Status.TARGET_TXN_PENDING if act == "retry" else Status.FILLED
    assert (dry.done, dry.after, desk.dynamo.items()) == (False, after, before)
    assert (len(executions(desk, order_id)), audited(desk)) == (1, [])
    done = move(desk, act, order_id)
    assert (done.says, done.after) == (dry.says, dry.after)


READS = {"mark_paid": PAID_OTHERWISE, "give_back": GIVEN_BACK}  # the customer
ENDS = {
    "mark_paid": "$99.90 count as paid by another way",
    "give_back": "$99.90 are on the customer's balance",
}


def ended(desk: Desk, act: str, order_id: str, after: str) -> None:
    """After it was ended by `act`, the same again changes nothing, and the other end is refused."""
    once, says = desk.dynamo.items(), f"is {after} already: {ENDS[act]} ({READS[act]})"
    for dry_run in (True, False):
        if act == "give_back":
            again = move(desk, act, order_id, operator="oleg", dry_run=dry_run)
            assert (again.done, again.before, again.after) == (False, after, after)
            assert again.says == f"{says}; nothing to do"
        else:
            with pytest.raises(PayoutUnsettled) as refusal:
                move(desk, "give_back", order_id, operator="oleg", dry_run=dry_run)
            assert refusal.value.detail == f"the order {says}"
        with pytest.raises(NotProposable, match=f"it is {after} and waits for nothing"):
            move(desk, "mark_paid", order_id, dry_run=dry_run)
    assert desk.dynamo.items() == once


@pytest.mark.parametrize("act", ENDS)
def test_a_repeat_changes_nothing_and_the_other_end_is_refused(desk: Desk, ann: Owner, act: str) -> None:
    """Both have made the order FILLED: what really became of the dollars is told."""
    order_id = payout_failed(desk, ann)
    move(desk, act, order_id)
    ended(desk, act, order_id, "FILLED")


@pytest.mark.parametrize(("act", "after"), [("mark_paid", "COMPLETED"), ("give_back", "REJECTED")])
def test_the_same_holds_of_a_withdrawal(desk: Desk, ann: Owner, act: str, after: str) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=5)
    thing_id = desk.accounts.withdraw(ann, "w", Money("99.90"), "ann-bank").made.transfer_id
    desk.run()
    move(desk, act, thing_id)
    ended(desk, act, thing_id, after)


def test_what_the_bank_has_paid_is_neither_marked_nor_given_back(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    desk.run()
    with pytest.raises(PayoutUnsettled, match=r"is FILLED already: the bank has paid \$99\.90 of attempt 1"):
        move(desk, "give_back", order.order_id)
    refused(desk, PayoutUnsettled, "mark_paid", order.order_id)


@pytest.mark.parametrize("others", ENDS)
def test_of_operators_who_close_at_once_one_does(desk: Desk, ann: Owner, others: str) -> None:
    order_id = payout_failed(desk, ann)
    before_next_write(desk, lambda: move(desk, others, order_id, operator="oleg"))
    if others == "give_back":
        assert not move(desk, "give_back", order_id).done
    else:
        with pytest.raises(PayoutUnsettled, match=re.escape(ENDS[others])):
            move(desk, "give_back", order_id)
    assert dollars(desk, ann)[0] == (Money(1000) if others == "mark_paid" else Money("1099.90"))
    assert "olga" not in [entry.operator for entry in audited(desk)]


@pytest.mark.parametrize("others", ["give_back", "retry"])
def test_two_who_confirm_are_refused_what_others_have_moved(desk: Desk, ann: Owner, others: str) -> None:
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    forget_what_is_said(desk, order_id)
    before_next_write(desk, lambda: move(desk, others, order_id, operator="oleg"))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    desk.run()
    assert status(desk, order_id) == Status.FILLED
    assert len(paid(desk, order_id)) == (others == "retry")


def test_of_two_operators_who_retry_at_once_one_does(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    before_next_write(desk, lambda: move(desk, "retry", order_id, operator="oleg"))
    with pytest.raises(PayoutUnsettled):
        move(desk, "retry", order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.FILLED, 6)
    assert [entry.operator for entry in audited(desk)] == ["oleg"]


def five_rejected(desk: Desk, owner: Owner) -> str:
    """The id of a cash-out whose machine is about to fail it."""
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=5)
    order_id = desk.cash_out(owner, "1").order_id
    desk.world.machines.run()
    while len(attempts(desk, order_id)) < 5:
        begin(desk, order_id)
    assert status(desk, order_id) == Status.TARGET_TXN_PENDING
    return order_id


def test_an_attempt_that_is_allowed_meanwhile_is_not_lost_in_a_failure(desk: Desk, ann: Owner) -> None:
    order_id = five_rejected(desk, ann)
    before_next_write(desk, lambda: move(desk, "retry", order_id))
    desk.payouts.create(order_id)
    assert (status(desk, order_id), waits_for_person(desk, order_id)) == (Status.TARGET_TXN_PENDING, None)
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["REJECTED"] * 5 + ["COMPLETED"])


@pytest.mark.parametrize("act", ["give_back", "retry"])
def test_what_is_about_to_fail_is_not_decided_over_who_allows_an_attempt(desk: Desk, ann: Owner, act: str) -> None:
    order_id = five_rejected(desk, ann)
    before_next_write(desk, lambda: move(desk, "retry", order_id, operator="oleg"))
    with pytest.raises(PayoutUnsettled):
        move(desk, act, order_id)
    assert [entry.operator for entry in audited(desk)] == ["oleg"]
    desk.run()
    assert len(paid(desk, order_id)) == 1


@pytest.mark.parametrize(("mine", "others"), [("give_back", "retry"), ("retry", "give_back"), ("retry", "mark_paid")])
def test_of_operators_with_different_ideas_one_has_his_way(desk: Desk, ann: Owner, mine: str, others: str) -> None:
    order_id = payout_failed(desk, ann)
    before_next_write(desk, lambda: move(desk, others, order_id, operator="oleg"))
    with pytest.raises(PayoutUnsettled):
        move(desk, mine, order_id)
    desk.run()
    assert status(desk, order_id) == Status.FILLED
    assert len(paid(desk, order_id)) == (others == "retry")
    assert "olga" not in [entry.operator for entry in audited(desk)]


# Never beside the bank


@pytest.mark.parametrize("act", ["retry", "mark_paid", "give_back"])
@pytest.mark.parametrize("silent", [False, True], ids=["pending", "not answered"])
def test_nothing_is_done_by_hand_while_an_attempt_may_still_be_paid(
    desk: Desk, ann: Owner, act: str, silent: bool
) -> None:
    desk.world.simulated.set_outcome(Outcome.PENDING)
    desk.world.simulated.down = silent
    order_id = desk.cash_out(ann, "1").order_id
    desk.world.machines.run()
    assert (decided(desk, order_id), len(desk.world.simulated.records())) == (["PENDING"], not silent)
    refused(desk, PayoutUnsettled, act, order_id)


@pytest.mark.parametrize("act", ["mark_paid", "give_back"])
def test_an_attempt_that_begins_meanwhile_keeps_an_operator_from_closing(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    before_next_write(desk, lambda: begin(desk, order.order_id))
    with pytest.raises(NotProposable if act == "mark_paid" else PayoutUnsettled):
        move(desk, act, order.order_id)
    assert decided(desk, order.order_id) == ["REJECTED", "PENDING"]
    assert audited(desk) == []
    told(desk, f"{order.order_id}-02", "complete")
    desk.run()


@pytest.mark.parametrize("act", ["mark_paid", "give_back"])
def test_an_operator_who_closes_meanwhile_keeps_an_attempt_from_beginning(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    before_next_write(desk, lambda: move(desk, act, order.order_id))
    assert begin(desk, order.order_id) is Stage.PAID
    assert (decided(desk, order.order_id), desk.world.simulated.records()) == (["REJECTED"], [])


@pytest.mark.parametrize("act", ["retry", "mark_paid", "give_back"])
def test_nothing_is_paid_by_hand_of_what_is_not_sold_or_was_paid(desk: Desk, ann: Owner, act: str) -> None:
    pending = desk.cash_out(ann, "1.555").order_id
    refused(desk, PayoutUnsettled, act, pending)
    unsold = desk.cash_out(ann, "1.666").order_id
    filled = desk.cash_out(ann, "1").order_id
    desk.run()
    refused(desk, PayoutUnsettled, act, unsold)
    refused(desk, PayoutUnsettled, act, filled)


@pytest.mark.parametrize("act", ["retry", "mark_paid", "give_back", "abandon"])
def test_an_order_that_does_not_exist_is_not_found(desk: Desk, act: str) -> None:
    refused(desk, PayoutNotFound, act, "S" + "A" * 25)


# An attempt of which the bank knows nothing


def unsent(desk: Desk, ann: Owner) -> str:
    """The id of a cash-out whose attempt never reached the bank, and which a person has to see to."""
    desk.mark("BTC", "100")
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    assert (decided(desk, order.order_id), bool(waits_for_person(desk, order.order_id))) == (["PENDING"], True)
    return order.order_id


def test_an_attempt_that_is_abandoned_and_never_reached_the_bank_is_rejected(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    refused(desk, PayoutUnsettled, "give_back", order_id)
    move(desk, "abandon", order_id)
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED"])
    (attempt,) = attempts(desk, order_id)
    assert desk.clock.at - attempt.sent_at >= timedelta(seconds=NEVER_BOOKED_SECONDS)
    assert attempts(desk, order_id)[0].failure_code == "abandoned by an operator; it never reached the bank"
    desk.run()
    assert desk.world.simulated.records() == []
    assert move(desk, "give_back", order_id).after == Status.FILLED
    assert dollars(desk, ann) == (Money("1099.90"), Money(0))
    assert [entry.action for entry in audited(desk)][:2] == ["offramp credit-usd", "offramp abandon-attempt"]


def test_an_attempt_that_is_abandoned_and_that_the_bank_knows_after_all_is_paid(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    move(desk, "abandon", order_id)
    (attempt,) = attempts(desk, order_id)
    desk.world.simulated.credit(attempt.reference_id, "acc-ann", attempt.amount, "late")  # it was on its way
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["COMPLETED"])
    assert len(paid(desk, order_id)) == 1


def test_an_attempt_that_is_abandoned_is_sent_by_nobody_any_more(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    move(desk, "abandon", order_id)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.run(until=lambda: decided(desk, order_id)[0] == "REJECTED")
    assert desk.world.simulated.records() == []
    desk.run()
    assert decided(desk, order_id) == ["REJECTED", "COMPLETED"]
    assert paid(desk, order_id) == [(f"{order_id}-02", Money("99.90"))]


def test_only_a_pending_attempt_is_abandoned_and_only_once(desk: Desk, ann: Owner) -> None:
    refused(desk, PayoutUnsettled, "abandon", payout_failed(desk, ann))
    order_id = unsent(desk, ann)
    move(desk, "abandon", order_id)
    refused(desk, PayoutUnsettled, "abandon", order_id)
    desk.run()
    refused(desk, PayoutUnsettled, "abandon", order_id)


# While an operator says that it was paid by another way


def test_what_is_said_to_be_paid_nobody_pays_or_frees_meanwhile(desk: Desk, ann: Owner) -> None:
    """Those dollars have left: neither the machine, between two attempts, nor another operator sends them once more,
    nor are they given back."""
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order_id = desk.cash_out(ann, "1").order_id
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED"])
    proposed = propose_paid(desk, order_id)
    assert waits_for_person(desk, order_id) == (
        f"an operator: it was paid by another way, as olga says: confirm or dismiss {proposed.id}"
    )
    for act in ("retry", "give_back"):
        with pytest.raises(PayoutUnsettled, match=f"{proposed.id} says that it was paid: another"):
            move(desk, act, order_id, operator="oleg")
    with pytest.raises(NotDriven):
        desk.interventions.redrive(order_id, "go on", "oleg", dry_run=False)
    assert begin(desk, order_id) is Stage.STOPPED
    desk.run()
    assert (decided(desk, order_id), paid(desk, order_id)) == (["REJECTED"], [])
    assert desk.confirmed(proposed).done
    assert (status(desk, order_id), dollars(desk, ann), overdue(desk)) == ("FILLED", (Money(1000), Money(0)), [])


@pytest.mark.parametrize("act", ["begin", "retry", "give_back"])
def test_nor_in_the_moment_when_it_is_said(desk: Desk, ann: Owner, act: str) -> None:
    """Whoever comes second is refused: the one who says so, or who would send or free the dollars."""
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order_id = desk.cash_out(ann, "1").order_id
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED"])
    desk.clock.forward(minutes=2)
    before_next_write(desk, lambda: propose_paid(desk, order_id))
    if act == "begin":
        assert begin(desk, order_id) is Stage.STOPPED
    else:
        with pytest.raises(PayoutUnsettled):
            move(desk, act, order_id, operator="oleg")
    desk.run()
    assert (decided(desk, order_id), dollars(desk, ann)) == (["REJECTED"], (Money(1000), Money("99.90")))


def test_what_is_said_to_be_paid_is_said_once_and_of_one_payout(desk: Desk, ann: Owner) -> None:
    order_id, other = payout_failed(desk, ann), payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    with pytest.raises(NotProposable, match=f"{proposed.id} says so already"):
        propose_paid(desk, order_id, wire="wire 43")
    with pytest.raises(NotProposable, match="adjustment wire 42"):
        propose_paid(desk, other)
    desk.proposals.dismiss(proposed.id, "a mistake", "olga", dry_run=False)
    assert desk.confirmed(propose_paid(desk, other)).done
    assert desk.confirmed(propose_paid(desk, order_id, wire="wire 43")).done


def test_who_dismisses_what_is_said_to_be_paid_does_not_pay_it_alone(desk: Desk, ann: Owner) -> None:
    """Neither its customer nor another operator: the first would be paid twice, the second would do that for him."""
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    with pytest.raises(BeneficiaryDecides):
        desk.proposals.dismiss(proposed.id, "not so", "ann", dry_run=False)
    desk.proposals.dismiss(proposed.id, "nobody has paid", "otto", dry_run=False)
    for act in ("retry", "give_back"):
        with pytest.raises(PayoutUnsettled, match="otto has dismissed that it was paid: another"):
            move(desk, act, order_id, operator="otto")
    with pytest.raises(NotDriven):
        desk.interventions.redrive(order_id, "go on", "otto", dry_run=False)
    assert move(desk, "retry", order_id, operator="oleg").done
    desk.run()
    assert len(paid(desk, order_id)) == 1


def test_who_takes_back_what_he_has_said_decides_as_before(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    proposed = propose_paid(desk, order_id)
    desk.proposals.dismiss(proposed.id, "of another order", "olga", dry_run=False)
    assert waits_for_person(desk, order_id)
    assert move(desk, "give_back", order_id).done
    assert overdue(desk) == []


@pytest.mark.parametrize("by", ["otto", "oleg"])
def test_who_has_dismissed_it_is_not_freed_by_what_is_said_after(desk: Desk, ann: Owner, by: str) -> None:
    """He, or somebody else, says so too, and takes it back himself."""
    order_id = payout_failed(desk, ann)
    desk.proposals.dismiss(propose_paid(desk, order_id).id, "nobody has paid", "otto", dry_run=False)
    again = propose_paid(desk, order_id, by, wire="wire 43")
    desk.proposals.dismiss(again.id, "of another order", by, dry_run=False)
    with pytest.raises(PayoutUnsettled, match="otto has dismissed that it was paid: another"):
        move(desk, "retry", order_id, operator="otto")
    assert move(desk, "retry", order_id, operator="pia").done
    desk.run()
    assert len(paid(desk, order_id)) == 1


def test_what_another_has_said_nobody_takes_over_when_it_has_ended(desk: Desk, ann: Owner) -> None:
    """He would take it back as his own, and pay once more alone."""
    order_id = payout_failed(desk, ann)
    first = propose_paid(desk, order_id)
    desk.clock.forward(days=7)
    again = propose_paid(desk, order_id, "otto")
    assert (again.id, again.done) == (first.id, False)
    assert "has ended, and was said by olga: dismiss it first" in again.says
    his = replace(proposals.existing(desk.table, first.id), proposed_by="otto", proposed_at=desk.clock())
    with pytest.raises(AlreadyProposed):
        desk.table.write(proposals.propose(his, stops=True))
    desk.proposals.dismiss(first.id, "nobody has paid", "otto", dry_run=False)
    with pytest.raises(PayoutUnsettled, match="otto has dismissed that it was paid: another"):
        move(desk, "retry", order_id, operator="otto")
    assert desk.confirmed(propose_paid(desk, order_id)).done


def test_the_banks_id_of_a_rejected_attempt_is_its_payouts_own(desk: Desk, ann: Owner) -> None:
    """Its books say that it has paid, under the id by which it had refused; it is not freed with what is dismissed."""
    order_id, other = payout_failed(desk, ann), payout_failed(desk, ann)
    theirs = desk.world.simulated.event_of(f"{order_id}-05").adjustment.adjustment_id
    proposed = propose_paid(desk, order_id, wire=theirs)
    desk.proposals.dismiss(proposed.id, "look again", "olga", dry_run=False)
    with pytest.raises(NotProposable, match=f"it is that of {order_id}-05"):
        propose_paid(desk, other, wire=theirs)
    assert desk.confirmed(propose_paid(desk, order_id, wire=theirs)).done


# While an operator says that the bank has paid the pending attempt


def test_what_the_bank_is_said_to_have_paid_is_not_paid_by_the_next(desk: Desk, ann: Owner) -> None:
    """Its statement has it, and it does not know the reference: abandoned by another operator, the attempt would be
    rejected, and the machine would begin the next one by itself."""
    order_id = unsent(desk, ann)
    proposed = say(desk, order_id, "99.90")
    with pytest.raises(PayoutUnsettled, match=f"{proposed.id} says that it was paid: another operator confirms"):
        move(desk, "abandon", order_id, operator="oleg")
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.interventions.redrive(order_id, "go on", "oleg", dry_run=False)
    desk.run()
    assert waits_for_person(desk, order_id) == (
        f"an operator: the bank does not know the attempt, and {proposed.id} says that it was paid: confirm or "
        "dismiss it"
    )
    assert desk.confirmed(proposed).done
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == ("FILLED", ["COMPLETED"])
    assert (desk.world.simulated.records(), dollars(desk, ann)) == ([], (Money(1000), Money(0)))


def test_nor_where_it_was_abandoned_before(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    move(desk, "abandon", order_id, operator="oleg")
    proposed = say(desk, order_id, "90.00")
    desk.run()
    assert (decided(desk, order_id), desk.world.simulated.records()) == (["PENDING"], [])
    assert desk.confirmed(proposed).done
    assert (decided(desk, order_id), dollars(desk, ann)) == (["COMPLETED"], (Money("1009.90"), Money(0)))


@pytest.mark.parametrize("act", ["abandon", "send"])
def test_nor_in_the_moment_when_that_is_said(desk: Desk, ann: Owner, act: str) -> None:
    order_id = unsent(desk, ann)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    if act == "send":
        desk.interventions.redrive(order_id, "go on", "oleg", dry_run=False)
    before_next_write(desk, lambda: say(desk, order_id, "99.90"), containing=f"{order_id}")
    if act == "send":
        desk.payouts.check(order_id)
    else:
        with pytest.raises(PayoutUnsettled):
            move(desk, act, order_id, operator="oleg")
    desk.run()
    assert (decided(desk, order_id), desk.world.simulated.records()) == (["PENDING"], [])


def test_nor_where_it_is_said_and_dismissed_while_the_bank_rejects_it(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")

    def said_and_dismissed() -> None:
        desk.proposals.dismiss(say(desk, order_id, "99.90").id, "no such line", "otto", dry_run=False)

    before_next_write(desk, said_and_dismissed, containing="failure_code")
    desk.events.receive(event)
    desk.run()
    assert (decided(desk, order_id), bool(waits_for_person(desk, order_id))) == (["REJECTED"], True)


def test_what_the_bank_itself_says_counts_and_who_dismisses_pays_not_alone(desk: Desk, ann: Owner) -> None:
    """It rejects what it is said to have paid: that is not tried again before both have been looked at."""
    order_id = awaiting(desk, ann)
    proposed = say(desk, order_id, "99.90")
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    desk.run()
    assert (decided(desk, order_id), bool(waits_for_person(desk, order_id))) == (["REJECTED"], True)
    with pytest.raises(NotProposable):
        desk.confirmed(proposed)
    with pytest.raises(BeneficiaryDecides):
        desk.proposals.dismiss(proposed.id, "not so", "ann", dry_run=False)
    desk.proposals.dismiss(proposed.id, "the bank says no", "otto", dry_run=False)
    with pytest.raises(PayoutUnsettled, match="otto has dismissed that it was paid"):
        move(desk, "retry", order_id, operator="otto")
    assert move(desk, "retry", order_id, operator="oleg").done
    desk.run()
    assert (decided(desk, order_id), len(paid(desk, order_id))) == (["REJECTED", "COMPLETED"], 1)


def test_the_bank_pays_what_it_is_said_to_have_paid_once(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    proposed = say(desk, order_id, "50.00")
    with pytest.raises(NotProposable, match=f"{proposed.id} says so already"):
        say(desk, order_id, "60.00")
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    with pytest.raises(NotProposable):
        desk.confirmed(proposed)
    desk.proposals.dismiss(proposed.id, "the bank has paid it", "otto", dry_run=False)
    assert (status(desk, order_id), dollars(desk, ann), overdue(desk)) == ("FILLED", (Money(1000), Money(0)), [])


def test_who_dismisses_it_while_it_is_pending_begins_no_other_alone(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.proposals.dismiss(say(desk, order_id, "99.90").id, "no such line", "otto", dry_run=False)
    move(desk, "abandon", order_id, operator="otto")
    desk.run()
    assert (decided(desk, order_id), bool(waits_for_person(desk, order_id))) == (["REJECTED"], True)
    with pytest.raises(NotDriven):
        desk.interventions.redrive(order_id, "go on", "otto", dry_run=False)
    with pytest.raises(PayoutUnsettled):
        move(desk, "retry", order_id, operator="otto")
    assert move(desk, "retry", order_id, operator="oleg").done
    desk.run()
    assert len(paid(desk, order_id)) == 1


# While the bank says both that it has paid and that it has not


def disputed(desk: Desk, ann: Owner, *, failed: bool = False) -> tuple[str, str]:
    """The id of a cash-out whose last attempt the bank has rejected, and of the event by which it has paid it."""
    order_id = payout_failed(desk, ann) if failed else awaiting(desk, ann)
    number = 5 if failed else 1
    event = told(desk, f"{order_id}-{number:02d}", None if failed else "fail")
    if not failed:
        desk.events.receive(event)
    desk.events.receive(contradicting(event))
    desk.run()
    return order_id, contradicting(event).event_id


def say(desk: Desk, order_id: str, dollars: str, reference: str = "letter 9") -> OperatorOutcome:
    """What the bank has paid, as one operator says."""
    paid = {"paid": dollars}
    return desk.proposals.propose("work decide-payout", order_id, paid, reference, "asked", "olga", dry_run=False)


@pytest.mark.parametrize("failed", [False, True], ids=["rejected once", "failed"])
def test_what_the_bank_says_it_has_paid_no_operator_pays_or_frees_alone(desk: Desk, ann: Owner, failed: bool) -> None:
    order_id, _ = disputed(desk, ann, failed=failed)
    before = desk.dynamo.items()
    for act in ("retry", "give_back"):
        with pytest.raises(PayoutUnsettled, match="two operators say what it has paid, by `work decide-payout`"):
            move(desk, act, order_id)
    assert "BEWARE" in move(desk, "mark_paid", order_id, dry_run=True).says
    assert desk.dynamo.items() == before


def test_of_an_attempt_that_is_disputed_two_say_that_it_was_paid(desk: Desk, ann: Owner) -> None:
    """Under the bank's own id of it, which the rejection has had: the event agrees then, and so do the bank's books."""
    order_id, event_id = disputed(desk, ann, failed=True)
    adjustment = desk.operations.parked(9)[0].adjustment_id or ""
    proposed = say(desk, order_id, "99.90", adjustment)
    assert proposed.says.endswith("then it is FILLED: the bank has paid $99.90 of attempt 5")
    with pytest.raises(BeneficiaryDecides):
        desk.confirmed(proposed, "ann")
    assert desk.confirmed(proposed).done
    assert (status(desk, order_id), decided(desk, order_id)) == ("FILLED", ["REJECTED"] * 4 + ["COMPLETED"])
    assert (dollars(desk, ann), desk.offramp.order(ann, order_id).reason) == ((Money(1000), Money(0)), PAID_AFTER_ALL)
    assert desk.interventions.replay(event_id, "it is so", "ann", dry_run=False).after == "AGREES"
    assert (overdue(desk), desk.operations.parked(9)) == ([], [])


def test_of_an_earlier_attempt_two_say_that_it_was_paid_in_part(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome(Outcome.FAIL, times=2)
    order_id = desk.cash_out(ann, "1").order_id
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED", "REJECTED"])
    desk.events.receive(contradicting(desk.world.simulated.event_of(f"{order_id}-01")))
    assert desk.confirmed(say(desk, order_id, "90.00")).done
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == ("FILLED", ["COMPLETED", "REJECTED"])
    assert dollars(desk, ann) == (Money("1009.90"), Money(0))


def test_what_two_say_was_not_paid_after_all_is_one_operators_again(desk: Desk, ann: Owner) -> None:
    order_id, event_id = disputed(desk, ann)
    assert desk.confirmed(say(desk, order_id, "0")).done
    assert waits_for_person(desk, order_id)
    replayed = desk.interventions.replay(event_id, "asked", "olga", dry_run=False)
    assert (replayed.after, desk.operations.parked(9)) == ("DISMISSED", [])
    desk.run()
    assert paid(desk, order_id) == []
    move(desk, "retry", order_id)
    desk.run()
    assert (status(desk, order_id), len(paid(desk, order_id))) == (Status.FILLED, 1)


def test_what_the_bank_tells_once_more_is_not_decided_unseen(desk: Desk, ann: Owner) -> None:
    """Neither before the second operator looks nor in the moment when he confirms."""
    order_id, event_id = disputed(desk, ann)
    event = desk.world.simulated.event_of(f"{order_id}-01")
    proposed = say(desk, order_id, "0")
    desk.interventions.replay(event_id, "again?", "ann", dry_run=False)  # that tells nothing new
    more = [replace(contradicting(event), event_id=f"evt_more_{n}") for n in range(2)]
    before_next_write(desk, lambda: desk.events.receive(more[0]), containing="decided_by")
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    with pytest.raises(NotProposable, match="has told something else of attempt 1 since"):
        desk.confirmed(proposed)
    assert desk.confirmed(say(desk, order_id, "0")).done
    desk.events.receive(more[1])
    with pytest.raises(PayoutUnsettled):
        move(desk, "retry", order_id)


def test_what_was_not_paid_of_one_attempt_leaves_another_one_disputed(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    for number in (5, 3):
        desk.events.receive(contradicting(desk.world.simulated.event_of(f"{order_id}-{number:02d}")))
    proposed = say(desk, order_id, "0")
    assert proposed.says.endswith(
        "counts as not paid by attempt 5, whatever the bank has told of that; it stays disputed, about attempt 3"
    )
    assert desk.confirmed(proposed).done
    with pytest.raises(PayoutUnsettled, match="the bank contradicts itself about attempt 3"):
        move(desk, "retry", order_id)
    assert desk.confirmed(say(desk, order_id, "0")).done
    assert move(desk, "retry", order_id).done
    desk.run()


def test_what_tells_that_the_bank_has_paid_two_dismiss(desk: Desk, ann: Owner) -> None:
    """Also once nothing of its payout is open any more: it may be all that tells of a second payment."""
    order_id = payout_failed(desk, ann)
    event = told(desk, f"{order_id}-05")
    move(desk, "give_back", order_id)
    desk.events.receive(contradicting(event))
    event_id = contradicting(event).event_id
    with pytest.raises(BeneficiaryDecides):
        desk.interventions.dismiss(event_id, "nothing", "ann", dry_run=False)
    proposed = desk.interventions.dismiss(event_id, "taken back", "olga", dry_run=False)
    assert (proposed.after, len(desk.operations.parked(9))) == ("PROPOSED", 1)
    for by, refusal in (("ann", BeneficiaryDecides), ("olga", OwnProposal)):
        with pytest.raises(refusal):
            desk.confirmed(proposed, by)
    assert desk.confirmed(proposed).done
    assert desk.operations.parked(9) == []
    assert not desk.interventions.dismiss(event_id, "again", "olga", dry_run=False).done


def test_an_event_that_is_placed_meanwhile_is_not_dismissed(desk: Desk, ann: Owner) -> None:
    order_id, event_id = disputed(desk, ann)
    proposed = desk.interventions.dismiss(event_id, "a mistake", "olga", dry_run=False)
    desk.confirmed(say(desk, order_id, "99.90", desk.operations.parked(9)[0].adjustment_id or ""))
    before_next_write(desk, lambda: desk.interventions.replay(event_id, "so", "oleg", dry_run=False))
    with pytest.raises(NotProposable, match="it has moved meanwhile"):
        desk.confirmed(proposed)
    with pytest.raises(NotProposable, match="it is AGREES already"):
        desk.confirmed(proposed)


# Redrive


@pytest.mark.parametrize("disputed", [False, True], ids=["failed", "disputed"])
def test_what_only_an_act_can_decide_is_not_redriven(desk: Desk, ann: Owner, disputed: bool) -> None:
    order_id = awaiting(desk, ann) if disputed else payout_failed(desk, ann)
    if disputed:
        event = told(desk, f"{order_id}-01", "fail")
        desk.events.receive(event)
        desk.events.receive(contradicting(event))
        desk.run()
    before = desk.dynamo.items()
    with pytest.raises(NotDriven):
        desk.interventions.redrive(order_id, "perhaps that helps", "olga", dry_run=False)
    assert desk.dynamo.items() == before
    desk.run(days=0.02)
    assert (desk.dynamo.items(), len(executions(desk, order_id))) == (before, 1)


def test_two_redrives_at_once_are_one_execution(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    others: list[str] = []
    before_next_write(
        desk,
        lambda: others.append(desk.interventions.redrive(order.order_id, "unblocked", "oleg", dry_run=False).id),
        containing="generation",
    )
    try:
        desk.interventions.redrive(order.order_id, "unblocked", "olga", dry_run=False)
    except Refusal:
        assert others
    desk.run()
    assert [e.name for e in executions(desk, order.order_id)] == [order.order_id, f"{order.order_id}-2"]
    assert len(paid(desk, order.order_id)) == 1


def test_a_disputed_payout_whose_attempt_nobody_asks_for_is_redriven(desk: Desk, ann: Owner) -> None:
    """Its execution is dead and the webhook lost: while an attempt is pending no other move is possible."""
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED"])
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "PENDING"])
    desk.events.receive(contradicting(desk.world.simulated.event_of(f"{order.order_id}-01")))
    desk.world.machines.restart()
    told(desk, f"{order.order_id}-02", "complete")
    with pytest.raises(NotProposable):
        move(desk, "mark_paid", order.order_id)
    desk.interventions.redrive(order.order_id, "ask the bank", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])
