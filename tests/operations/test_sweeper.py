"""A round of the sweeper bears only so much: what it does not come to is not left behind for ever.

Here a call costs time, as on AWS: 20 ms of Step Functions, half a millisecond more for each execution that it lists,
5 ms of the table. A round has 47 s, in which it sees to about 1,900 things one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common import keys
from common.clock import text
from common.domain import work
from common.errors import Unavailable
from common.gateways.bank import Adjustment, BankEvent, State
from common.money import Money
from functions.operations.model import COUNTED_MAX, Swept
from functions.operations.service.turns import Act, take_turns
from tests.depth import deep
from tests.desk import NOON, Desk
from tests.outside import ARN_PREFIX
from tests.seen import around

BEHIND = deep(3_000, 10_000)  # how many others are due
ROUND_SECONDS = 47 * BEHIND / 10_000
STEP_FUNCTIONS, LISTED, TABLE = 0.020, 0.0005, 0.005


@dataclass
class Slow:
    """A desk on which each call takes its time."""

    desk: Desk = field(default_factory=Desk)

    def __post_init__(self) -> None:
        desk, of = self.desk, self._taking
        desk.list_asset("BTC", "100")
        self.ann = desk.customer()
        desk.clients(self.ann)
        desk.world.client = around(
            desk.world.machines,
            start_execution=of(STEP_FUNCTIONS),
            describe_execution=of(STEP_FUNCTIONS),
            list_executions=of(STEP_FUNCTIONS),
        )
        self.client = around(desk.dynamo, get_item=of(TABLE), query=of(TABLE), transact_write_items=of(TABLE))

    def _taking(self, seconds: float) -> Callable[..., Any]:
        def call(real: Callable[..., Any], **asked: Any) -> Any:
            answer = real(**asked)
            self.desk.clock.forward(seconds=seconds + LISTED * len(answer.get("executions", ())))
            return answer

        return call

    def withdrawals(self, number: int, *, runs: Callable[[int], bool]) -> list[str]:
        """Their ids, in the order in which they are due, which they are all: copies of one, for it is quicker."""
        made = self.desk.accounts.withdraw(self.ann, "w", Money(1), "ann-bank").made.transfer_id
        (item,) = [i for i in self.desk.dynamo.items() if i["SK"]["S"] == "WITHDRAWAL"]
        ids = [f"W{n:025}".replace("0", "A") for n in range(number)]
        for n, copied in enumerate(ids):
            places = {"PK": copied, "open_work": work.partition(keys.WITHDRAWAL, copied)}
            due_at = {"due_at": {"S": text(NOON + timedelta(microseconds=n // 3))}}  # three of each microsecond
            self.desk.dynamo.put_item(
                TableName="desk", Item=item | {name: {"S": value} for name, value in places.items()} | due_at
            )
            if runs(n):
                self.start(copied)
        self.desk.dynamo.delete_item(TableName="desk", Key={"PK": {"S": made}, "SK": {"S": "WITHDRAWAL"}})
        self.desk.clock.forward(hours=1)
        return ids

    def start(self, thing_id: str) -> str:
        arn: str = self.desk.world.machines.start_execution(
            stateMachineArn=f"{ARN_PREFIX}payout", name=thing_id, input=f'{{"id": "{thing_id}"}}'
        )["executionArn"]
        return arn

    def round(self, seconds: float = ROUND_SECONDS) -> Swept:
        desk = self.desk
        end, desk.client = desk.clock.at + timedelta(seconds=seconds), self.client
        try:
            return desk.sweeper.sweep(lambda: desk.clock.at < end)
        finally:
            desk.client = None
            desk.clock.forward(minutes=1)

    def started(self) -> set[str]:
        return {execution.name for execution in self.desk.world.machines.executions}


def unreachable(*_: Any, **__: Any) -> None:
    raise EndpointConnectionError(endpoint_url="https://states.test")


@pytest.mark.parametrize("place", [BEHIND // 2, BEHIND])
def test_a_round_starts_what_was_never_started_behind_all_that_runs(place: int) -> None:
    slow = Slow()
    unstarted = slow.withdrawals(BEHIND + 1, runs=lambda n: n != place)[place]
    swept = slow.round()
    assert (swept.started, swept.overdue) == (1, BEHIND + 1)
    assert unstarted in slow.started()
    assert slow.round().started == 0


def test_rounds_that_bear_a_part_begin_where_the_last_one_ended() -> None:
    """Where nobody can say what runs, each is looked at by itself, under 22 in a round, and each in its turn."""
    slow, number = Slow(), 100
    (last,) = slow.withdrawals(number, runs=lambda n: n != number - 1)[-1:]
    slow.desk.world.client = around(slow.desk.world.client, list_executions=unreachable)
    for _ in range(6):
        assert slow.round(seconds=1 + 16 * TABLE).overdue < number / 2  # so many reads count what is asked for
    assert last in slow.started()


def test_what_runs_is_not_counted_as_started() -> None:
    slow = Slow()
    slow.withdrawals(3, runs=lambda _: True)
    assert slow.round() == Swept(overdue=3, started=0, parked=0, replayed=0)


def test_a_list_that_a_round_has_been_around_is_begun_at_its_oldest_again() -> None:
    slow = Slow()
    slow.withdrawals(60, runs=lambda _: True)
    slow.round(seconds=0.5 + 8 * TABLE)
    assert [i for i in slow.desk.dynamo.items() if i["PK"]["S"] == "CURSOR#sweep"]
    slow.round()
    (cursor,) = [i for i in slow.desk.dynamo.items() if i["PK"]["S"] == "CURSOR#sweep"]
    assert cursor["position"]["S"] == "{}"


@pytest.mark.parametrize("others", ["dead", "parked"])
def test_neither_dead_executions_nor_parked_events_keep_it_from_what_is_due(others: str) -> None:
    slow = Slow()
    (unstarted,) = slow.withdrawals(1, runs=lambda _: False)
    if others == "dead":
        for n in range(400):  # of what waits for nothing any more
            slow.desk.world.machines.kill(slow.start(f"W{n:025}".replace("0", "B")))
    else:
        for n in range(400):
            told = Adjustment("adj", f"W{'A' * 25}-01", "acc-ann", Money(1), State.COMPLETED)
            slow.desk.events.receive(BankEvent(f"evt_{n}", told, NOON))
    slow.round(seconds=1.5)
    assert unstarted in slow.started()


def test_what_is_due_does_not_keep_it_from_parked_events() -> None:
    slow = Slow()
    slow.withdrawals(90, runs=lambda _: False)
    told = Adjustment("adj", f"W{'B' * 25}-01", "acc-ann", Money(1), State.COMPLETED)
    slow.desk.events.receive(BankEvent("evt_1", told, NOON))
    swept = slow.round(seconds=1.5)
    assert (swept.parked, 0 < swept.started < 90) == (1, True)


def test_a_round_that_begins_in_the_middle_comes_to_the_oldest_too() -> None:
    slow = Slow()
    oldest, *_ = slow.withdrawals(60, runs=lambda n: n != 0)
    client = slow.desk.world.client
    slow.desk.world.client = around(client, start_execution=unreachable)
    slow.round(seconds=0.5)
    slow.desk.world.client = client
    assert (slow.round().started, oldest in slow.started()) == (1, True)


def test_a_round_that_was_killed_is_gone_on_with_where_it_was() -> None:
    """Lambda ends a function in its 56th second. Something takes 30 s, and is begun after 42 s, each time that a round
    begins at the oldest."""
    slow = Slow()
    ids = slow.withdrawals(200, runs=lambda _: False)
    listed = [
        thing for thing in ids if work.partition(keys.WITHDRAWAL, thing) == work.partition(keys.WITHDRAWAL, ids[0])
    ]
    takes = dict.fromkeys(listed[:19], 2) | {listed[19]: 30}
    ends_at = slow.desk.clock.at

    class Killed(BaseException):
        pass

    def start(real: Callable[..., Any], **asked: Any) -> Any:
        slow.desk.clock.forward(seconds=takes.get(asked["name"], 0))
        if slow.desk.clock.at > ends_at:
            raise Killed
        return real(**asked)

    slow.desk.world.client = around(slow.desk.world.client, start_execution=start)
    for _ in range(3):
        ends_at = slow.desk.clock.at + timedelta(seconds=55)
        with suppress(Killed):
            slow.round(seconds=47)
    assert slow.started() >= set(listed)


def test_nothing_is_counted_further_than_a_round_bears(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "1", order_price="90")
    (item,) = [i for i in desk.dynamo.items() if i["SK"]["S"] == "ORDER"]
    copies = [f"O{n:025}".replace("0", "A") for n in range(COUNTED_MAX + 500)]
    for copied in copies:
        places = {"PK": {"S": copied}, "open_work": {"S": work.partition(keys.ORDER, copied)}}
        desk.dynamo.put_item(TableName="desk", Item=item | places)
    desk.clock.forward(days=40)
    assert desk.sweeper.sweep(lambda: True).overdue == COUNTED_MAX
    for copied in copies:
        desk.dynamo.delete_item(TableName="desk", Key={"PK": {"S": copied}, "SK": {"S": "ORDER"}})
    assert desk.sweeper.sweep(lambda: True).overdue == 1
    desk.expire()


# Turns


def test_queues_share_the_time_however_slow_one_of_them_is() -> None:
    clock, done = [0.0], list[str]()

    def queue(name: str, seconds: float) -> Any:
        def act() -> None:
            clock[0] += seconds
            done.append(name)

        return itertools.repeat(act, 1_000)

    failures = take_turns([queue("slow", 2), queue("quick", 0.1)], lambda: clock[0] < 40, lambda: clock[0])
    assert (failures, done.count("slow"), 180 < done.count("quick") < 220) == ([], 10, True)


def test_a_queue_that_fails_has_had_its_turns_and_the_others_go_on() -> None:
    done, failure = list[int](), Unavailable("throttled")

    def failing() -> Any:
        yield lambda: done.append(0)
        raise failure

    def going() -> Any:
        for n in (1, 2):
            yield lambda n=n: done.append(n)

    def acting() -> Any:
        def act() -> None:
            raise failure

        yield act
        yield lambda: done.append(3)

    queues: list[Any] = [failing(), going(), acting()]
    assert take_turns(queues, lambda: True, lambda: 0.0) == [failure, failure]
    assert done == [0, 1, 2]


def test_what_one_queue_does_not_need_is_the_others() -> None:
    acts: list[Act] = [lambda: None] * 5
    counted = list[int]()
    left = iter([True] * 6)
    take_turns([iter(acts[:1]), iter([lambda: counted.append(1)] * 9)], lambda: next(left, False), lambda: 0.0)
    assert len(counted) == 5
