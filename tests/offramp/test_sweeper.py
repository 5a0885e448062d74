"""What a crash has left unstarted or dead goes on by itself; what waits for a person waits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.clock import instant
from common.domain.clients import ClientKind
from common.domain.payouts.model import AWAIT_SECONDS
from common.money import Money
from common.owner import Owner
from functions.offramp.model import SaleUnresolved, Status
from functions.operations.model import DIED_WITHIN, OVERDUE_AFTER, Swept
from sandbox.bank.bank import Outcome
from tests.desk import Desk
from tests.seen import (
    an_event,
    around,
    at_the_exchange,
    attempts,
    awaiting,
    before_next_write,
    block,
    coins,
    decided,
    executions,
    intent,
    overdue,
    paid,
    payout_failed,
    raw,
    status,
    told,
    waits_for_person,
)


def unreachable(*_: Any, **__: Any) -> None:
    raise EndpointConnectionError(endpoint_url="https://states.test")


def sweep(desk: Desk) -> Swept:
    return desk.sweeper.sweep(lambda: True)


# What was never started


def test_an_order_whose_machine_was_never_started_is_started_when_it_is_due(desk: Desk, ann: Owner) -> None:
    desk.world.client = around(desk.world.machines, start_execution=unreachable)
    order = desk.cash_out(ann, "1")
    desk.world.client = desk.world.machines
    assert (order.status, executions(desk, order.order_id)) == (Status.BASE_TXN_PENDING, [])
    assert sweep(desk) == Swept(0, 0, 0, 0)
    desk.clock.forward(minutes=1)
    assert sweep(desk) == Swept(overdue=0, started=1, parked=0, replayed=0)
    desk.run()
    assert (status(desk, order.order_id), len(executions(desk, order.order_id))) == (Status.FILLED, 1)


def test_what_is_due_is_overdue_when_nobody_has_seen_to_it_for_two_rounds(desk: Desk, ann: Owner) -> None:
    desk.world.client = around(desk.world.machines, start_execution=unreachable)
    desk.cash_out(ann, "1")
    desk.clock.forward(minutes=1)
    assert sweep(desk) == Swept(overdue=0, started=0, parked=0, replayed=0)
    desk.clock.forward(seconds=OVERDUE_AFTER.total_seconds())
    assert sweep(desk) == Swept(overdue=1, started=0, parked=0, replayed=0)
    desk.world.client = desk.world.machines
    desk.run()
    assert sweep(desk) == Swept(overdue=0, started=0, parked=0, replayed=0)


# What has died


def test_a_dead_execution_is_followed_by_the_next_generation(desk: Desk, ann: Owner) -> None:
    """Which goes on from the table, also where the order is not due."""
    order_id = awaiting(desk, ann)
    for generation in (2, 3, 4):
        desk.world.machines.restart()
        assert (overdue(desk), sweep(desk).started > 0) == ([], True)
        desk.world.machines.run()
        assert executions(desk, order_id)[-1].name == f"{order_id}-{generation}"
        assert raw(desk, order_id, "SELL_ORDER")["generation"] == generation
    told(desk, f"{order_id}-01", "complete")
    desk.run()
    assert [e.status for e in executions(desk, order_id)] == ["FAILED"] * 3 + ["SUCCEEDED"]
    assert (decided(desk, order_id), len(paid(desk, order_id))) == (["COMPLETED"], 1)


def test_an_execution_that_died_unseen_is_followed_when_its_order_is_due(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.machines.restart()
    desk.clock.forward(seconds=DIED_WITHIN.total_seconds() + 1)
    assert sweep(desk) == Swept(0, 0, 0, 0)
    desk.clock.forward(seconds=AWAIT_SECONDS)
    assert sweep(desk) == Swept(1, 1, 0, 0)
    told(desk, f"{order_id}-01", "complete")
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_a_dead_execution_of_what_is_over_is_not_followed(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    desk.world.machines.restart()
    assert sweep(desk) == Swept(0, 0, 0, 0)
    assert len(executions(desk, order_id)) == 1


def test_two_sweepers_at_once_start_one_execution(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.machines.restart()
    others: list[Swept] = []
    before_next_write(desk, lambda: others.append(sweep(desk)))
    assert sweep(desk).started + others[0].started == 1
    assert [e.name for e in executions(desk, order_id)] == [order_id, f"{order_id}-2"]
    told(desk, f"{order_id}-01", "complete")
    desk.run()


def test_what_is_overdue_and_runs_is_counted_and_not_started_again(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.down = True
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: bool(overdue(desk)))
    desk.clock.forward(seconds=OVERDUE_AFTER.total_seconds())
    assert sweep(desk).overdue == 1
    desk.world.simulated.down = False
    desk.run()
    assert len(executions(desk, order.order_id)) == 1


def test_where_step_functions_does_not_answer_a_round_does_what_it_can(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.machines.restart()
    desk.world.client = around(desk.world.machines, list_executions=unreachable, start_execution=unreachable)
    desk.events.receive(an_event(desk, "pay-1"))
    assert sweep(desk) == Swept(0, 0, 1, 0)
    desk.world.client = desk.world.machines
    assert sweep(desk).started == 1
    told(desk, f"{order_id}-01", "complete")
    desk.run()


@pytest.mark.parametrize("says", ["complete", "fail"])
def test_the_item_decides_and_not_the_index_which_is_late(desk: Desk, ann: Owner, says: str) -> None:
    """The order is over by now, or has more time: the next attempt follows in a minute."""
    order_id = awaiting(desk, ann)
    desk.clock.forward(hours=1)
    desk.events.receive(told(desk, f"{order_id}-01", says))
    with desk.dynamo.behind(index_writes=6):
        assert overdue(desk) == [order_id]
        assert sweep(desk) == Swept(0, 0, 0, 0)
    desk.run()
    assert status(desk, order_id) == Status.FILLED


def test_neither_a_restart_nor_a_redrive_moves_the_last_look(desk: Desk, ann: Owner) -> None:
    """Ten minutes after the exchange did not have the order, whatever is written in between."""
    desk.world.fake.fail_before_next("place")
    with suppress(SaleUnresolved):
        desk.cash_out(ann, "1")
    order_id = intent(desk)
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    given_up_at = raw(desk, order_id, "VENUE#1")["resolved_at"]
    for _ in range(2):
        desk.clock.forward(minutes=4)
        desk.world.machines.restart()
        desk.interventions.redrive(order_id, "the host was restarted", "olga", dry_run=False)
    desk.run()
    looked_at = raw(desk, order_id, "VENUE#1")["updated_at"]
    assert 600 <= (instant(looked_at) - instant(given_up_at)).total_seconds() < 605


# What waits for a person


def test_what_waits_for_a_person_is_counted_and_left_alone(desk: Desk, ann: Owner) -> None:
    failed = payout_failed(desk, ann)
    desk.mark("BTC", "100")
    blocked = desk.cash_out(ann, "1").order_id
    block(desk, ann, ClientKind.BANKING)
    desk.run()
    ran, before = len(desk.world.machines.executions), desk.dynamo.items()
    for _ in range(3):
        assert sweep(desk) == Swept(overdue=0, started=0, parked=0, replayed=0, needs_person=2)
        desk.clock.forward(hours=5)
    assert (len(desk.world.machines.executions), desk.dynamo.items()) == (ran, before)
    assert waits_for_person(desk, failed)
    assert waits_for_person(desk, blocked)


def test_parked_events_are_counted_and_those_without_an_attempt_are_tried_again(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    for n, (reference, amount) in enumerate(
        [("pay-1", "1.00"), (f"{order_id}-02", "99.90"), (f"{order_id}-01", "1.00")]
    ):
        event = an_event(desk, reference, event_id=f"evt_{n}", amount=Money(amount))
        assert desk.events.receive(event) == "PARKED"
    assert sweep(desk) == Swept(0, 0, 3, 0, needs_person=1)
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    desk.world.machines.run()
    desk.interventions.redrive(order_id, "it has not paid the dollar either", "olga", dry_run=False)
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    assert (sweep(desk), sweep(desk)) == (Swept(0, 0, 2, 1), Swept(0, 0, 2, 0))
    assert status(desk, order_id) == Status.FILLED
    told(desk, f"{order_id}-02", "complete")
    desk.run()


# Restarts


def lost(desk: Desk) -> None:
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find")


LIVES: dict[str, tuple[str, Callable[[Desk], object], Status]] = {
    "undisturbed": ("1", lambda _: None, Status.FILLED),
    "lost": ("1", lost, Status.FILLED),
    "never arrived": ("1", lambda desk: desk.world.fake.fail_before_next("place"), Status.NEW),
    "rejected": ("1", lambda desk: desk.world.simulated.set_outcome(Outcome.FAIL, times=2), Status.FILLED),
    "partly sold": ("1.444", lambda _: None, Status.FILLED),
    "not filled": ("1.555", lambda _: None, Status.BASE_TXN_FAILED),
}


def begun(desk: Desk, ann: Owner, life: str) -> str:
    quantity, disturb, _ = LIVES[life]
    disturb(desk)
    with suppress(SaleUnresolved):
        desk.cash_out(ann, quantity)
    return intent(desk)


def ends(desk: Desk, ann: Owner, order_id: str, life: str) -> None:
    """As if nothing had happened."""
    desk.run()
    quantity, _, end = LIVES[life]
    sold = {Status.FILLED: Decimal("0.722") if life == "partly sold" else Decimal(quantity)}.get(end, Decimal(0))
    assert (status(desk, order_id), coins(desk, ann)) == (end, (10 - sold, 0))
    assert (len(paid(desk, order_id)), len(at_the_exchange(desk))) == (end is Status.FILLED, life != "never arrived")
    assert len(attempts(desk, order_id)) == (3 if life == "rejected" else bool(sold))
    assert (overdue(desk), waits_for_person(desk, order_id)) == ([], None)


@pytest.mark.parametrize("life", LIVES)
@pytest.mark.parametrize("task", range(12))
def test_a_restart_of_the_machines_during_any_task_is_no_loss(desk: Desk, ann: Owner, life: str, task: int) -> None:
    """The task is carried out, its execution is dead when it answers."""
    counter = iter(range(10_000))
    desk.world.process = lambda: desk.world.machines.restart() if next(counter) == task else None
    order_id = begun(desk, ann, life)
    ends(desk, ann, order_id, life)
    assert len(executions(desk, order_id)) <= 2


@pytest.mark.parametrize(
    ("life", "state"),
    [
        *(("not filled", "PollSellOrder"), ("not filled", "CancelSellOrder"), ("lost", "ResolveSellOrder")),
        *(("never arrived", "ResolveSellOrder"), ("never arrived", "WaitToLookAgain")),
        *(("never arrived", "LookAgain"), ("undisturbed", "CreatePayout"), ("undisturbed", "AwaitPayout")),
        *(("undisturbed", "CheckPayout"), ("rejected", "BackOff")),
    ],
)
def test_a_restart_of_the_machines_in_any_state_is_no_loss(desk: Desk, ann: Owner, life: str, state: str) -> None:
    """Exchange and bank do not answer what is asked in this state, or it is one that waits; no webhook comes."""
    machines, world = desk.world.machines, desk.world

    def reached() -> bool:
        return any(e.running and e.state.name == state for e in machines.executions)

    def silent() -> None:
        world.fake.down = world.simulated.down = reached()

    world.process, world.deliver_event = silent, lambda *_: None
    order_id = begun(desk, ann, life)
    desk.run(until=reached)
    assert reached()
    ran = sum(e.running for e in machines.executions)
    machines.restart()
    world.process, world.fake.down, world.simulated.down = lambda: None, False, False
    ends(desk, ann, order_id, life)
    assert sum(e.name == f"{order_id}-2" for e in machines.executions) == ran == 1
