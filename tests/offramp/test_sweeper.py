"""What a crash has left unstarted or dead goes on by itself; what waits for a person waits."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.domain.clients import ClientKind
from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.payouts.model import AWAIT_SECONDS
from common.gateways.bank import Adjustment, BankUnavailable
from common.gateways.exchange import ExchangeUnavailable
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
    return desk.operations.sweep(lambda: True)


# What was never started


def test_an_order_whose_machine_was_never_started_is_started_when_it_is_due(desk: Desk, ann: Owner) -> None:
    desk.world.client = around(desk.world.machines, start_execution=unreachable)
    order = desk.cash_out(ann, "1")
    desk.world.client = desk.world.machines
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


def test_an_intent_whose_request_died_is_resolved(desk: Desk, ann: Owner) -> None:
    def dies(*_: Any) -> str:
        raise KeyboardInterrupt

    desk.world.exchange = around(desk.world.fake, place=dies)
    with pytest.raises(KeyboardInterrupt):
        desk.cash_out(ann, "1")
    desk.world.exchange = desk.world.fake
    assert (status(desk, intent(desk)), coins(desk, ann)) == (Status.NEW, (9, 1))
    desk.run()
    assert (status(desk, intent(desk)), coins(desk, ann)) == (Status.NEW, (10, 0))
    assert (overdue(desk), at_the_exchange(desk)) == ([], [])


def test_a_request_that_died_after_the_exchange_had_taken_the_order_is_finished(desk: Desk, ann: Owner) -> None:
    def dies(real: Callable[..., str], *asked: Any) -> str:
        real(*asked)
        raise KeyboardInterrupt

    desk.world.exchange = around(desk.world.fake, place=dies)
    with pytest.raises(KeyboardInterrupt):
        desk.cash_out(ann, "1")
    desk.world.exchange = desk.world.fake
    desk.run()
    assert (status(desk, intent(desk)), len(at_the_exchange(desk))) == (Status.FILLED, 1)


def test_a_withdrawal_whose_machine_was_never_started_is_started_when_it_is_due(desk: Desk, ann: Owner) -> None:
    desk.world.client = around(desk.world.machines, start_execution=unreachable)
    asked = desk.accounts.withdraw(ann, "w", Money(10), "ann-bank").made
    desk.world.client = desk.world.machines
    desk.clock.forward(minutes=1)
    assert sweep(desk) == Swept(overdue=0, started=1, parked=0, replayed=0)
    desk.run()
    assert status(desk, asked.transfer_id) == "COMPLETED"


# What has died


def test_a_dead_execution_is_followed_by_the_next_generation_which_goes_on_from_the_table(
    desk: Desk, ann: Owner
) -> None:
    order_id = awaiting(desk, ann)
    for generation in (2, 3, 4):
        desk.world.machines.restart()
        sweep(desk)
        desk.world.machines.run()
        assert executions(desk, order_id)[-1].name == f"{order_id}-{generation}"
        assert raw(desk, order_id, "SELL_ORDER")["generation"] == generation
    told(desk, f"{order_id}-01", "complete")
    desk.run()
    assert [e.status for e in executions(desk, order_id)] == ["FAILED"] * 3 + ["SUCCEEDED"]
    assert (decided(desk, order_id), len(paid(desk, order_id))) == (["COMPLETED"], 1)


def test_an_execution_that_died_is_followed_though_its_order_is_not_due(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.world.machines.restart()
    assert overdue(desk) == []
    assert sweep(desk) == Swept(0, 1, 0, 0)
    told(desk, f"{order_id}-01", "complete")
    desk.run()


def test_an_execution_that_died_while_nobody_swept_is_followed_when_its_order_is_due(desk: Desk, ann: Owner) -> None:
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


def test_a_round_that_is_cut_short_leaves_the_rest_to_the_next(desk: Desk, ann: Owner) -> None:
    desk.world.client = around(desk.world.machines, start_execution=unreachable)
    made = [desk.cash_out(ann, "1").order_id for _ in range(5)]
    desk.world.client = desk.world.machines
    desk.clock.forward(minutes=1)
    looks = iter([True, True])
    swept = desk.operations.sweep(lambda: next(looks, False))
    assert swept.started == 2
    sweep(desk)
    assert sorted(e.name for e in desk.world.machines.executions) == sorted(made)
    desk.run()


def test_the_item_decides_and_not_the_index_which_is_late(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.clock.forward(hours=1)
    desk.events.receive(told(desk, f"{order_id}-01", "complete"))
    with desk.dynamo.behind(index_writes=6):
        assert overdue(desk) == [order_id]
        assert sweep(desk) == Swept(0, 0, 0, 0)
    desk.run()


def test_what_has_more_time_by_now_is_left_alone_whatever_the_late_index_says(desk: Desk, ann: Owner) -> None:
    order_id = awaiting(desk, ann)
    desk.clock.forward(hours=1)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))  # the next attempt follows in a minute
    with desk.dynamo.behind(index_writes=6):
        assert overdue(desk) == [order_id]
        assert sweep(desk) == Swept(0, 0, 0, 0)
    desk.run()
    assert status(desk, order_id) == Status.FILLED


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
    assert sweep(desk) == Swept(0, 0, 3, 0)
    desk.world.simulated.set_outcome(Outcome.PENDING, times=1)
    desk.events.receive(told(desk, f"{order_id}-01", "fail"))
    desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
    assert (sweep(desk), sweep(desk)) == (Swept(0, 0, 2, 1), Swept(0, 0, 2, 0))
    assert status(desk, order_id) == Status.FILLED
    told(desk, f"{order_id}-02", "complete")
    desk.run()


# Restarts


@pytest.mark.parametrize("life", ["undisturbed", "lost", "rejected", "partly sold"])
@pytest.mark.parametrize("task", range(12))
def test_a_restart_of_the_machines_during_any_task_is_no_loss(desk: Desk, ann: Owner, life: str, task: int) -> None:
    """The task is carried out, its execution is dead when it answers."""
    counter = iter(range(10_000))
    desk.world.process = lambda: desk.world.machines.restart() if next(counter) == task else None
    if life == "lost":
        desk.world.fake.drop_answer_next("place")
        desk.world.fake.fail_before_next("find")
        with pytest.raises(SaleUnresolved):
            desk.cash_out(ann, "1")
    else:
        if life == "rejected":
            desk.world.simulated.set_outcome(Outcome.FAIL, times=2)
        desk.cash_out(ann, "1.444" if life == "partly sold" else "1")
    desk.run()
    assert (status(desk, intent(desk)), len(paid(desk, intent(desk)))) == (Status.FILLED, 1)
    assert len(attempts(desk, intent(desk))) == (3 if life == "rejected" else 1)
    assert (overdue(desk), len(executions(desk, intent(desk))) <= 2) == ([], True)


def test_twenty_orders_at_every_stage_survive_a_restart_and_finish_by_themselves(desk: Desk) -> None:
    world, orders, names = desk.world, dict[str, str](), dict[str, str]()
    silent = set[str]()  # accounts that the bank does not answer for
    deaf = {"cancel"}  # questions that the exchange does not answer

    def credit(real: Callable[..., Adjustment], reference_id: str, account_id: str, *more: Any) -> Adjustment:
        if account_id in silent:
            raise BankUnavailable("no answer")
        return real(reference_id, account_id, *more)

    def find(real: Callable[..., Adjustment], reference_id: str) -> Adjustment:
        if f"acc-{names[reference_id.partition('-')[0]]}" in silent:
            raise BankUnavailable("no answer")
        return real(reference_id)

    def ask(name: str, quantity: str = "1") -> None:
        owner = owners[name]
        desk.mark("BTC", "100")
        try:
            orders[name] = desk.cash_out(owner, quantity).order_id
        except SaleUnresolved as unresolved:
            orders[name] = unresolved.facts["id"]
        names[orders[name]] = name

    def pending(name: str) -> None:
        world.simulated.set_outcome(Outcome.PENDING, account_id=f"acc-{name}")
        ask(name)

    def failing(name: str) -> None:
        world.simulated.set_outcome(Outcome.FAIL, account_id=f"acc-{name}")
        ask(name)

    def refused(name: str) -> None:
        world.simulated.set_outcome(Outcome.REFUSE, account_id=f"acc-{name}")
        ask(name)

    def unanswered(name: str) -> None:
        silent.add(f"acc-{name}")
        ask(name)

    def booked_then_silent(name: str) -> None:
        pending(name)
        world.machines.run()
        silent.add(f"acc-{name}")

    def never_arrives(name: str) -> None:
        world.fake.fail_before_next("place")
        ask(name)

    def found_later(name: str) -> None:
        world.fake.drop_answer_next("place")
        world.fake.fail_before_next("find")
        ask(name)

    def unfilled(name: str) -> None:
        ask(name, "1.555")

    before_the_restart: list[tuple[float, Callable[[str], None]]] = [
        (POLL_LIMIT.total_seconds() + 50, unfilled),  # is being cancelled
        (1200, unanswered),
        (1000, booked_then_silent),  # the webhook did not come, the bank is asked
        (1000, pending),
        (900, unfilled),
        (800, failing),  # before its fifth attempt
        (760, never_arrives),  # the last look is being made
        (700, refused),
        (400, never_arrives),  # the last look is awaited
        (300, failing),
        (200, unfilled),
        (130, never_arrives),  # is being looked for
        (120, pending),
        (100, refused),
        (90, found_later),
        (30, failing),
        (20, unfilled),
        (10, never_arrives),
        (3, unanswered),  # is being sent
        (0, ask),
    ]
    owners = dict[str, Owner]()
    for number in range(len(before_the_restart)):
        owner = desk.customer(f"customer{number:02}")
        desk.clients(owner)
        desk.buy(owner, "2")
        owners[owner.username] = owner
    world.bank = around(world.simulated, credit=credit, find=find)
    world.exchange = around(world.fake, **{name: answered(name, deaf) for name in ("cancel", "find")})
    restart_at = desk.clock.at + timedelta(hours=1)

    def until(at: datetime) -> None:
        """Not a moment further, with the sweeper every minute."""
        while desk.clock.at < at:
            minute = min(at, desk.clock.at + timedelta(minutes=1))
            while (soon := world.next_at()) is not None and soon <= minute:
                desk.clock.at = max(desk.clock.at, soon)
                world.machines.run()
                world.deliver(desk.events)
            desk.clock.at = max(desk.clock.at, minute)
            desk.sweep()

    for name, (seconds, act) in zip(owners, before_the_restart, strict=True):
        until(restart_at - timedelta(seconds=seconds))
        if seconds <= 130:
            deaf.add("find")
        act(name)
    stages = {e.state.name for e in world.machines.executions if e.running}
    assert stages >= {
        "PollSellOrder",
        "CancelSellOrder",
        "ResolveSellOrder",
        "WaitForLateOrder",
        "LookForLateOrder",
        "CreatePayout",
        "CheckPayout",
        "AwaitPayout",
        "BackOff",
    }
    ran = sum(e.running for e in world.machines.executions)
    world.machines.restart()
    silent.clear()
    deaf.clear()
    world.simulated.forget_outcomes()
    world.deliver_event = lambda *_: None  # nobody but the machines moves anything
    for record in world.simulated.records():
        if record.state == "PENDING":
            world.simulated.decide(record.terms.reference_id, Outcome.COMPLETE)
    desk.run()
    ends = {name: status(desk, order_id) for name, order_id in orders.items()}
    assert len(ends) == 20
    assert set(ends.values()) == {Status.FILLED, Status.BASE_TXN_FAILED, Status.NEW}
    for name, order_id in orders.items():
        assert waits_for_person(desk, order_id) is None
        assert len(paid(desk, order_id)) == (ends[name] == Status.FILLED)
        assert coins(desk, owners[name]) == ((1, 0) if ends[name] == Status.FILLED else (2, 0))
        assert len(executions(desk, order_id)) <= 2
    assert sum(e.name.endswith("-2") for e in world.machines.executions) == ran
    assert overdue(desk) == []


def answered(question: str, deaf: set[str]) -> Callable[..., Any]:
    def ask(real: Callable[..., Any], *asked: Any) -> Any:
        if question in deaf:
            raise ExchangeUnavailable("no answer")
        return real(*asked)

    return ask
