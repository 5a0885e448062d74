"""What operators do about a cash-out that is stuck: said first, done once, audited, and never beside the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.acts import OperatorOutcome
from common.domain.audit import AuditEntry
from common.domain.clients import ClientKind, ClientStatus
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.ledger.model import TransactionType
from common.domain.payouts.model import ABANDONED_SECONDS, PayoutNotFound, PayoutUnsettled, Stage
from common.errors import Refusal
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable, OrderReport
from common.money import Money
from common.owner import Owner
from functions.offramp.model import SaleRefused, SaleUnresolved, SellOrderNotFound, SellOrderNotOpen, Status
from functions.operations.model import NotDriven, NothingKnown, NothingWaits, StillRunning
from sandbox.bank.bank import Operation, Outcome
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import Desk
from tests.seen import (
    OnItsWay,
    around,
    at_the_exchange,
    attempts,
    awaiting,
    before_next_write,
    begin,
    block,
    coins,
    contradicting,
    decided,
    dollars,
    executions,
    intent,
    overdue,
    paid,
    payout_failed,
    raw,
    status,
    terms,
    told,
    waits_for_person,
)

MOVES = ("retry_payout", "mark_filled", "credit_usd", "void")


ACTS = {"retry_payout": "retry", "mark_filled": "mark_paid", "credit_usd": "give_back", "abandon_attempt": "abandon"}


def move(desk: Desk, act: str, order_id: str, *, operator: str = "olga", dry_run: bool = False) -> OperatorOutcome:
    if act == "void":
        return desk.voiding.void(order_id, "ticket 4711", operator, dry_run=dry_run)
    return desk.by_hand(ACTS[act], order_id, "ticket 4711", operator, dry_run=dry_run)


def audited(desk: Desk) -> list[AuditEntry]:
    """Newest first."""
    return [
        entry
        for day in ("2026-11-24", "2026-11-23", "2026-11-22", "2026-11-21")
        for entry in desk.operations.audit(day, limit=100, after=None).items
    ]


def refused(desk: Desk, kind: type[Refusal], act: str, order_id: str) -> None:
    """Nothing is done or written, neither dry nor in earnest."""
    before, cancels = desk.dynamo.items(), desk.world.fake.calls["cancel"]
    for dry_run in (True, False):
        with pytest.raises(kind):
            move(desk, act, order_id, dry_run=dry_run)
    assert (desk.dynamo.items(), desk.world.fake.calls["cancel"]) == (before, cancels)


# A failed payout


def test_one_more_attempt_is_made_and_may_be_paid(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    moved = move(desk, "retry_payout", order_id)
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
    assert paid(desk, order_id) == [(f"{order_id}-06", Money("99.90"))]
    assert [e.name for e in executions(desk, order_id)] == [order_id, f"{order_id}-2"]
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject, entry.detail) == (
        "olga",
        "offramp retry-payout",
        order_id,
        "ticket 4711",
    )


def test_one_more_attempt_is_one_and_when_it_is_rejected_the_payout_has_failed_again(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    desk.world.simulated.set_outcome(Outcome.FAIL)
    move(desk, "retry_payout", order_id)
    desk.run()
    failed = desk.offramp.order(ann, order_id)
    assert (failed.status, failed.attempts) == (Status.SELL_PAYOUT_FAILED, 6)
    assert (failed.reason or "").startswith("6 payout attempts were rejected")
    assert waits_for_person(desk, order_id)
    desk.world.simulated.forget_outcomes()
    move(desk, "retry_payout", order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.FILLED, 7)


def test_an_order_that_was_paid_by_one_more_attempt_has_no_reason_for_a_failure(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    move(desk, "retry_payout", order_id)
    desk.run()
    assert desk.offramp.order(ann, order_id).reason is None


def test_a_retry_is_started_by_the_sweeper_where_step_functions_does_not_answer(desk: Desk, ann: Owner) -> None:
    def start(*_: Any, **__: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://states.test")

    order_id = payout_failed(desk, ann)
    desk.world.client = around(desk.world.machines, start_execution=start)
    assert move(desk, "retry_payout", order_id).done
    desk.world.client = desk.world.machines
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_a_retry_for_a_client_who_is_blocked_makes_no_attempt(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    block(desk, ann, ClientKind.BANKING)
    move(desk, "retry_payout", order_id)
    desk.run()
    assert (len(attempts(desk, order_id)), bool(waits_for_person(desk, order_id))) == (5, True)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.operations.redrive(order_id, "unblocked", "olga")
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_an_order_that_is_marked_filled_has_been_paid_by_another_way(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    moved = move(desk, "mark_filled", order_id)
    assert (moved.before, moved.after, desk.offramp.order(ann, order_id).reason) == (
        Status.SELL_PAYOUT_FAILED,
        Status.FILLED,
        "ticket 4711",
    )
    assert moved.says == "is FILLED; the held $99.90 count as paid"
    assert dollars(desk, ann) == (Money(1000), Money(0))
    newest, *_ = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items
    assert (newest.transaction_type, newest.total_amount, newest.order_id) == (
        TransactionType.WITHDRAW,
        Money("99.90"),
        order_id,
    )
    assert (overdue(desk), paid(desk, order_id)) == ([], [])
    last = desk.operations.story(order_id).events[-1]
    assert (last.before, last.after, last.actor) == ("SELL_PAYOUT_FAILED", "FILLED", "olga")
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject) == ("olga", "offramp mark-filled", order_id)


def test_dollars_that_are_credited_are_free_on_the_customers_balance(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    moved = move(desk, "credit_usd", order_id)
    assert (moved.after, moved.says) == (
        Status.FILLED,
        "is FILLED; the held $99.90 are free on the customer's balance",
    )
    assert dollars(desk, ann) == (Money("1099.90"), Money(0))
    newest, *_ = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items
    assert newest.transaction_type is TransactionType.DEPOSIT  # her first: nothing has left
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject) == ("olga", "offramp credit-usd", order_id)
    desk.mark("BTC", "100")
    assert desk.buy(ann, "10.99").total_amount == Money("1099.00")


@pytest.mark.parametrize("act", ["mark_filled", "credit_usd"])
def test_a_payout_that_waits_for_its_next_attempt_may_be_decided_by_hand(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    assert move(desk, act, order.order_id).done
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["REJECTED"])
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "Paid")


@pytest.mark.parametrize("act", ["mark_filled", "credit_usd"])
def test_a_payout_that_never_began_because_of_its_client_may_be_decided_by_hand(
    desk: Desk, ann: Owner, act: str
) -> None:
    order = desk.cash_out(ann, "1")
    block(desk, ann, ClientKind.CRYPTO)
    desk.run()
    assert move(desk, act, order.order_id).after == Status.FILLED
    assert attempts(desk, order.order_id) == []


# Dry, and twice


@pytest.mark.parametrize("act", ["retry_payout", "mark_filled", "credit_usd"])
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(desk: Desk, ann: Owner, act: str) -> None:
    order_id = payout_failed(desk, ann)
    before = desk.dynamo.items()
    dry = move(desk, act, order_id, dry_run=True)
    after = Status.TARGET_TXN_PENDING if act == "retry_payout" else Status.FILLED
    assert (dry.done, dry.after, desk.dynamo.items()) == (False, after, before)
    assert (len(executions(desk, order_id)), audited(desk)) == (1, [])
    done = move(desk, act, order_id)
    assert (done.says, done.after) == (dry.says, dry.after)


def test_a_dry_void_asks_the_exchange_and_cancels_nothing(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    before = desk.dynamo.items()
    dry = move(desk, "void", order.order_id, dry_run=True)
    assert (dry.done, dry.before, dry.after) == (False, Status.BASE_TXN_PENDING, Status.BASE_TXN_FAILED)
    assert (desk.dynamo.items(), desk.world.fake.calls["cancel"]) == (before, 0)
    assert dry.says == "cancelled at the exchange; 1.555 BTC are the customer's again"
    assert move(desk, "void", order.order_id).done


@pytest.mark.parametrize("act", ["mark_filled", "credit_usd"])
@pytest.mark.parametrize("other", ["mark_filled", "credit_usd"])
def test_a_repeat_finds_the_order_filled_and_does_nothing(desk: Desk, ann: Owner, act: str, other: str) -> None:
    order_id = payout_failed(desk, ann)
    move(desk, act, order_id)
    once = desk.dynamo.items()
    again = move(desk, other, order_id, operator="oleg")
    assert (again.done, again.before, again.after) == (False, Status.FILLED, Status.FILLED)
    assert desk.dynamo.items() == once


@pytest.mark.parametrize("mine", ["mark_filled", "credit_usd"])
@pytest.mark.parametrize("others", ["mark_filled", "credit_usd"])
def test_of_two_operators_who_close_at_once_one_does(desk: Desk, ann: Owner, mine: str, others: str) -> None:
    order_id = payout_failed(desk, ann)
    told: list[bool] = []
    before_next_write(desk, lambda: told.append(move(desk, others, order_id, operator="oleg").done))
    moved = move(desk, mine, order_id)
    assert (told, moved.done) == ([True], False)
    assert dollars(desk, ann)[0] == (Money(1000) if others == "mark_filled" else Money("1099.90"))
    assert [entry.operator for entry in audited(desk)] == ["oleg"]


def test_of_two_operators_who_retry_at_once_one_does(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    before_next_write(desk, lambda: move(desk, "retry_payout", order_id, operator="oleg"))
    with pytest.raises(PayoutUnsettled):
        move(desk, "retry_payout", order_id)
    desk.run()
    assert (status(desk, order_id), len(attempts(desk, order_id))) == (Status.FILLED, 6)
    assert [entry.operator for entry in audited(desk)] == ["oleg"]


@pytest.mark.parametrize("closing", ["mark_filled", "credit_usd"])
@pytest.mark.parametrize("first", ["closing", "retry"])
def test_of_two_operators_with_different_ideas_one_has_his_way(
    desk: Desk, ann: Owner, closing: str, first: str
) -> None:
    order_id = payout_failed(desk, ann)
    mine, others = (closing, "retry_payout") if first == "retry" else ("retry_payout", closing)
    before_next_write(desk, lambda: move(desk, others, order_id, operator="oleg"))
    with pytest.raises(PayoutUnsettled):
        move(desk, mine, order_id)
    desk.run()
    assert status(desk, order_id) == Status.FILLED
    assert len(paid(desk, order_id)) == (first == "retry")
    assert [entry.operator for entry in audited(desk)] == ["oleg"]


# Never beside the bank


@pytest.mark.parametrize("act", ["retry_payout", "mark_filled", "credit_usd"])
def test_nothing_is_done_by_hand_while_an_attempt_may_still_be_paid(desk: Desk, ann: Owner, act: str) -> None:
    order_id = awaiting(desk, ann)
    refused(desk, PayoutUnsettled, act, order_id)
    told(desk, f"{order_id}-01", "complete")
    desk.run()


@pytest.mark.parametrize("act", ["retry_payout", "mark_filled", "credit_usd"])
def test_nothing_is_done_by_hand_while_the_bank_is_silent_about_an_attempt(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.down = True
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    refused(desk, PayoutUnsettled, act, order.order_id)
    desk.world.simulated.down = False
    desk.run()


@pytest.mark.parametrize("act", ["mark_filled", "credit_usd"])
def test_an_attempt_that_begins_meanwhile_keeps_an_operator_from_closing(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    before_next_write(desk, lambda: begin(desk, order.order_id))
    with pytest.raises(PayoutUnsettled):
        move(desk, act, order.order_id)
    assert (decided(desk, order.order_id), audited(desk)) == (["REJECTED", "PENDING"], [])
    told(desk, f"{order.order_id}-02", "complete")
    desk.run()


@pytest.mark.parametrize("act", ["mark_filled", "credit_usd"])
def test_an_operator_who_closes_meanwhile_keeps_an_attempt_from_beginning(desk: Desk, ann: Owner, act: str) -> None:
    desk.world.simulated.set_outcome(Outcome.REFUSE, times=1)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    before_next_write(desk, lambda: move(desk, act, order.order_id))
    assert begin(desk, order.order_id) is Stage.PAID
    assert (decided(desk, order.order_id), desk.world.simulated.records()) == (["REJECTED"], [])


@pytest.mark.parametrize("act", ["retry_payout", "mark_filled", "credit_usd"])
def test_nothing_is_paid_by_hand_of_what_is_not_sold_or_was_paid(desk: Desk, ann: Owner, act: str) -> None:
    pending = desk.cash_out(ann, "1.555").order_id
    refused(desk, PayoutUnsettled, act, pending)
    unsold = desk.cash_out(ann, "1.666").order_id
    filled = desk.cash_out(ann, "1").order_id
    desk.run()
    refused(desk, PayoutUnsettled, act, unsold)
    if act == "retry_payout":
        refused(desk, PayoutUnsettled, act, filled)
    else:
        before = desk.dynamo.items()
        assert (move(desk, act, filled).done, desk.dynamo.items()) == (False, before)


@pytest.mark.parametrize("act", MOVES)
def test_an_order_that_does_not_exist_is_not_found(desk: Desk, act: str) -> None:
    refused(desk, SellOrderNotFound if act == "void" else PayoutNotFound, act, "S" + "A" * 25)


# Void


def test_a_sale_of_which_nothing_is_executed_is_cancelled_and_its_coins_are_given_back(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.machines.run()
    moved = move(desk, "void", order.order_id)
    assert (moved.before, moved.after, moved.done) == (Status.BASE_TXN_PENDING, Status.BASE_TXN_FAILED, True)
    assert moved.says == "is BASE_TXN_FAILED, 0 BTC of it were sold"
    assert (coins(desk, ann), at_the_exchange(desk)[0].status) == ((10, 0), AtTheExchange.CANCELED)
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject, entry.detail) == (
        "olga",
        "offramp void",
        order.order_id,
        "ticket 4711",
    )
    desk.run()
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "NothingToDo")
    before = desk.dynamo.items()
    assert (move(desk, "void", order.order_id).done, desk.dynamo.items()) == (False, before)


def test_a_sale_of_which_something_is_executed_is_not_voided(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    desk.world.bid("100", "0.1")
    order = desk.cash_out(ann, "1")
    refused(desk, SellOrderNotOpen, "void", order.order_id)
    desk.run()
    refused(desk, SellOrderNotOpen, "void", order.order_id)
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("9.99"))]


def test_nothing_is_voided_while_the_exchange_does_not_say_what_it_has_executed(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.fake.down = True
    refused(desk, ExchangeUnavailable, "void", order.order_id)
    desk.world.fake.down = False
    desk.run()


@pytest.mark.parametrize("executed", ["1", "0.4"])
def test_a_sale_that_is_filled_while_it_is_voided_is_sold(desk: Desk, ann: Owner, executed: str) -> None:
    desk.world.nobody_buys()
    filled_meanwhile(desk, executed)
    order = desk.cash_out(ann, "1")
    moved = move(desk, "void", order.order_id)
    assert moved.after is Status.BASE_TXN_COMPLETED
    assert moved.says == f"is BASE_TXN_COMPLETED, {executed} BTC of it were sold"
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED
    assert len(paid(desk, order.order_id)) == 1


def filled_meanwhile(desk: Desk, quantity: str) -> None:
    """Somebody buys between the look at an order and its cancellation."""

    def cancel(real: Callable[..., None], *asked: Any) -> None:
        desk.world.bid("100", quantity)
        real(*asked)

    desk.world.exchange = around(desk.world.fake, cancel=cancel)


def test_an_intent_that_is_not_resolved_is_not_voided(desk: Desk, ann: Owner) -> None:
    OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1")
    refused(desk, SellOrderNotOpen, "void", intent(desk))
    desk.run()


def test_an_order_that_turned_up_is_voided_by_the_person_who_has_dealt_with_it(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    order_id = intent(desk)
    way.arrives()
    desk.run()
    assert waits_for_person(desk, order_id)
    before = desk.dynamo.items()
    dry = move(desk, "void", order_id, dry_run=True)
    assert (dry.says, desk.dynamo.items()) == ("nothing of it is looked for any more", before)
    assert move(desk, "void", order_id).done
    assert (overdue(desk), "open_work" in raw(desk, order_id, "SELL_ORDER")) == ([], False)
    assert [entry.action for entry in audited(desk)] == ["offramp void"]
    desk.mark("BTC", "100")
    assert not desk.offramp.sell(ann, "k", terms()).replayed  # and then she may sell them again
    desk.run()


def test_of_two_who_void_at_once_one_cancels_and_the_coins_come_back_once(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    before_next_write(desk, lambda: move(desk, "void", order.order_id, operator="oleg"), containing="order_state")
    assert move(desk, "void", order.order_id).after == Status.BASE_TXN_FAILED
    assert coins(desk, ann) == (10, 0)


def never(*_: Any) -> OrderReport:
    raise ExchangeOrderUnknown("no such order")


def test_an_order_that_the_exchange_has_lost_is_voided_by_a_person_but_not_early(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, order=never, find=never)
    refused(desk, ExchangeUnavailable, "void", order.order_id)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    before = desk.dynamo.items()
    dry = move(desk, "void", order.order_id, dry_run=True)
    assert "does not know the order any more" in dry.says
    assert desk.dynamo.items() == before
    assert move(desk, "void", order.order_id).after is Status.BASE_TXN_FAILED
    assert (coins(desk, ann), raw(desk, order.order_id, "VENUE#1")["status"]) == ((10, 0), "LOST")
    assert [(entry.action, entry.operator) for entry in audited(desk)] == [("offramp void", "olga")]
    desk.run()
    assert (raw(desk, order.order_id, "VENUE#1")["status"], overdue(desk)) == ("ABSENT", [])


def test_a_lost_order_that_turns_up_waits_for_a_person(desk: Desk, ann: Owner) -> None:
    """Its hold was given back when a person voided it: whatever it executes is the desk's to see to."""
    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, order=never, find=never)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    move(desk, "void", order.order_id)
    desk.world.exchange = desk.world.fake
    desk.run()
    assert (coins(desk, ann), status(desk, order.order_id)) == ((10, 0), Status.BASE_TXN_FAILED)
    assert at_the_exchange(desk)[0].status is AtTheExchange.CANCELED
    assert "after all" in (waits_for_person(desk, order.order_id) or "")
    assert move(desk, "void", order.order_id).done
    assert raw(desk, order.order_id, "VENUE#1")["status"] == "DEALT_WITH"
    assert not move(desk, "void", order.order_id).done


def test_an_order_that_the_exchange_knows_by_one_of_its_ids_is_not_lost(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    desk.world.exchange = around(desk.world.fake, order=never)
    assert "cancelled at the exchange" in move(desk, "void", order.order_id, dry_run=True).says
    desk.world.exchange = desk.world.fake
    desk.run()


# An attempt of which the bank knows nothing


def unsent(desk: Desk, ann: Owner) -> str:
    """The id of a cash-out whose attempt never reached the bank, and which a person has to see to."""
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    assert (decided(desk, order.order_id), bool(waits_for_person(desk, order.order_id))) == (["PENDING"], True)
    return order.order_id


def test_an_attempt_that_is_given_up_is_rejected_when_the_bank_still_does_not_know_it(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    refused(desk, PayoutUnsettled, "credit_usd", order_id)
    move(desk, "abandon_attempt", order_id)
    given_up = desk.clock.at
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED"])
    assert desk.clock.at - given_up >= timedelta(seconds=ABANDONED_SECONDS)
    assert attempts(desk, order_id)[0].failure_code == "given up by an operator; it never reached the bank"
    desk.run()
    assert desk.world.simulated.records() == []
    assert move(desk, "credit_usd", order_id).after == Status.FILLED
    assert dollars(desk, ann) == (Money("1099.90"), Money(0))
    assert [entry.action for entry in audited(desk)][:2] == ["offramp credit-usd", "offramp abandon-attempt"]


def test_an_attempt_that_is_given_up_and_that_the_bank_knows_after_all_is_paid(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    move(desk, "abandon_attempt", order_id)
    (attempt,) = attempts(desk, order_id)
    desk.world.simulated.credit(attempt.reference_id, attempt.account_id, attempt.amount, "late")  # it was on its way
    desk.run()
    assert (status(desk, order_id), decided(desk, order_id)) == (Status.FILLED, ["COMPLETED"])
    assert len(paid(desk, order_id)) == 1


def test_an_attempt_that_is_given_up_is_sent_by_nobody_any_more(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    move(desk, "abandon_attempt", order_id)
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    desk.run(until=lambda: decided(desk, order_id)[0] == "REJECTED")
    assert desk.world.simulated.records() == []
    desk.run()
    assert decided(desk, order_id) == ["REJECTED", "COMPLETED"]
    assert paid(desk, order_id) == [(f"{order_id}-02", Money("99.90"))]


def test_only_a_pending_attempt_is_given_up_and_only_once(desk: Desk, ann: Owner) -> None:
    order_id = unsent(desk, ann)
    move(desk, "abandon_attempt", order_id)
    before = desk.dynamo.items()
    with pytest.raises(PayoutUnsettled):
        move(desk, "abandon_attempt", order_id)
    assert desk.dynamo.items() == before
    desk.run()
    over = desk.dynamo.items()
    with pytest.raises(PayoutUnsettled):
        move(desk, "abandon_attempt", order_id)
    with pytest.raises(PayoutNotFound):
        move(desk, "abandon_attempt", "S" + "A" * 25)
    assert desk.dynamo.items() == over


def test_a_dry_run_of_giving_up_says_where_there_is_nothing_to_give_up(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    refused(desk, PayoutUnsettled, "abandon_attempt", order_id)


def test_an_operator_is_warned_where_the_bank_may_have_paid(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.events.receive(contradicting(event))
    for act in ("retry_payout", "mark_filled", "credit_usd"):
        assert "BEWARE" in move(desk, act, order_id, dry_run=True).says
    desk.run()


# Redrive


def test_a_redrive_starts_the_next_execution_and_is_audited(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    assert desk.operations.redrive(order.order_id, "unblocked after a call", "olga").done
    story = desk.operations.story(order.order_id)
    assert story.execution is not None
    assert (story.execution.name, story.needs_person) == (f"{order.order_id}-2", False)
    entry = next(entry for entry in audited(desk) if entry.action == "work redrive")
    assert (entry.operator, entry.subject, entry.detail) == ("olga", order.order_id, "unblocked after a call")
    desk.run()


def test_what_runs_or_waits_for_nothing_is_not_redriven(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    with pytest.raises(StillRunning):
        desk.operations.redrive(order.order_id, "impatience", "olga")
    desk.run()
    for nothing, refusal in ((order.order_id, NothingWaits), ("S" + "A" * 25, NothingKnown)):
        with pytest.raises(refusal):
            desk.operations.redrive(nothing, "who knows", "olga")


def test_two_redrives_at_once_are_one_execution(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    block(desk, ann, ClientKind.BANKING, ClientStatus.ACTIVE)
    others: list[str] = []
    before_next_write(
        desk,
        lambda: others.append(desk.operations.redrive(order.order_id, "unblocked", "oleg").id),
        containing="generation",
    )
    try:
        desk.operations.redrive(order.order_id, "unblocked", "olga")
    except Refusal:
        assert others
    desk.run()
    assert [e.name for e in executions(desk, order.order_id)] == [order.order_id, f"{order.order_id}-2"]
    assert len(paid(desk, order.order_id)) == 1


def test_a_failed_payout_is_not_redriven_and_waits_for_a_person_as_before(desk: Desk, ann: Owner) -> None:
    order_id = payout_failed(desk, ann)
    redriven_in_vain(desk, order_id)


def test_a_disputed_payout_is_not_redriven_and_waits_for_a_person_as_before(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    event = told(desk, f"{order_id}-01", "fail")
    desk.events.receive(event)
    desk.events.receive(contradicting(event))
    desk.run()
    redriven_in_vain(desk, order_id)


def test_a_disputed_payout_whose_pending_attempt_nobody_asks_for_any_more_is_redriven(desk: Desk, ann: Owner) -> None:
    """Its execution is dead and the webhook lost: while an attempt is pending no other move is possible."""
    desk.world.simulated.set_outcome(Outcome.FAIL, times=1)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED"])
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.run(until=lambda: decided(desk, order.order_id) == ["REJECTED", "PENDING"])
    desk.events.receive(contradicting(desk.world.simulated.event_of(f"{order.order_id}-01")))
    desk.world.machines.restart()
    told(desk, f"{order.order_id}-02", "complete")
    with pytest.raises(PayoutUnsettled):
        move(desk, "mark_filled", order.order_id)
    desk.operations.redrive(order.order_id, "ask the bank", "olga")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["REJECTED", "COMPLETED"])


def redriven_in_vain(desk: Desk, order_id: str) -> None:
    before = desk.dynamo.items()
    with pytest.raises(NotDriven):
        desk.operations.redrive(order_id, "perhaps that helps", "olga")
    assert desk.dynamo.items() == before
    desk.run(days=0.02)
    assert (desk.dynamo.items(), len(executions(desk, order_id))) == (before, 1)


def test_a_redrive_of_an_order_that_turned_up_looks_again_and_waits_for_a_person_again(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    way.arrives()
    desk.run()
    desk.operations.redrive(intent(desk), "is it really there?", "olga")
    desk.run()
    assert waits_for_person(desk, intent(desk))
    assert len(executions(desk, intent(desk))) == 2
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "k", terms())
