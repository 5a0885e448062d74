"""The interleaver: one writer at a time, every order possible, every run repeatable."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness.faults import CrashAfter, Faults, planned
from tests.harness.interleave import Hung, Interleaver, Outcome, at_random, every_schedule, in_order, in_turn
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import TableSpec

ANN = {"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}}


def bank(balance: int = 10) -> InMemoryDynamoDB:
    memory = InMemoryDynamoDB(TableSpec("desk"))
    memory.put_item(TableName="desk", Item={**ANN, "current_balance": {"N": str(balance)}})
    return memory


def balance(memory: InMemoryDynamoDB) -> int:
    return int(memory.get_item(TableName="desk", Key=ANN)["Item"]["current_balance"]["N"])


def debit(client: Any, amount: int = 1, key: dict[str, Any] = ANN) -> None:
    """The right way: the condition is the rule."""
    statement = {
        "TableName": "desk",
        "Key": key,
        "UpdateExpression": "SET current_balance = current_balance - :a",
        "ConditionExpression": "current_balance >= :a",
        "ExpressionAttributeValues": {":a": {"N": str(amount)}},
    }
    client.transact_write_items(TransactItems=[{"Update": statement}])


def read_then_write(client: Any, amount: int) -> None:
    """The wrong way."""
    left = balance(client) - amount
    if left >= 0:
        client.put_item(TableName="desk", Item={**ANN, "current_balance": {"N": str(left)}})


def codes(outcomes: list[Outcome]) -> list[str]:
    return [
        outcome.error.response["Error"]["Code"] if isinstance(outcome.error, ClientError) else "done"
        for outcome in outcomes
    ]


def reasons(outcomes: list[Outcome]) -> list[str]:
    """Of each writer: `done`, or the first reason of its cancellation."""
    return [
        outcome.error.response["CancellationReasons"][0]["Code"] if isinstance(outcome.error, ClientError) else "done"
        for outcome in outcomes
    ]


def test_writers_in_turn_overlap_and_one_of_them_meets_a_conflict() -> None:
    interleaver = Interleaver(in_turn())
    memory = interleaver.watch(bank())
    outcomes = interleaver.run(lambda: debit(memory), lambda: debit(memory))
    assert sorted(reasons(outcomes)) == ["TransactionConflict", "done"]
    assert balance(memory) == 9
    debit(memory)  # the item is free again
    assert balance(memory) == 8


def test_under_a_transaction_a_single_write_conflicts_and_a_read_sees_what_was() -> None:
    interleaver = Interleaver(in_order([0, 0, 1, 1, 2, 2]))
    memory = interleaver.watch(bank())
    put = {"TableName": "desk", "Item": {**ANN, "current_balance": {"N": "99"}}}
    works = (lambda: debit(memory), lambda: memory.put_item(**put), lambda: balance(memory))
    outcomes = interleaver.run(*works)
    assert codes(outcomes) == ["done", "TransactionConflictException", "done"]
    assert (outcomes[2].value, balance(memory)) == (10, 9)


def test_transactions_on_different_items_do_not_meet() -> None:
    bob = {**ANN, "PK": {"S": "bob"}}

    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank())
        memory.put_item(TableName="desk", Item={**bob, "current_balance": {"N": "10"}})
        outcomes = interleaver.run(lambda: debit(memory), lambda: debit(memory, key=bob))
        assert reasons(outcomes) == ["done", "done"]

    assert every_schedule(scenario) == 20


def test_no_schedule_overdraws_a_balance_whose_rule_is_in_the_write() -> None:
    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank(5))
        outcomes = interleaver.run(lambda: debit(memory, 4), lambda: debit(memory, 4))
        assert balance(memory) == 1
        assert max(reasons(outcomes)) == "done"

    assert every_schedule(scenario) == 20


def test_some_schedule_finds_the_read_then_write() -> None:
    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank(10))
        interleaver.run(lambda: read_then_write(memory, 4), lambda: read_then_write(memory, 3))
        assert balance(memory) == 3

    with pytest.raises(AssertionError) as found:
        every_schedule(scenario)
    (note,) = found.value.__notes__
    schedule = [int(writer) for writer in note.removeprefix("schedule: [").removesuffix("]").split(", ")]
    with pytest.raises(AssertionError):
        scenario(Interleaver(in_order(schedule)))


def test_one_that_makes_way_once_finds_the_read_then_write() -> None:
    """And there are far fewer such schedules; with as many changes as there are steps, it is all of them again."""
    found: list[int] = []

    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank(10))
        interleaver.run(lambda: read_then_write(memory, 4), lambda: read_then_write(memory, 3))
        found.append(balance(memory))

    assert (every_schedule(scenario, preemptions_max=0), set(found)) == (2, {3})
    found.clear()
    assert every_schedule(scenario, preemptions_max=1) == 6
    assert set(found) == {3, 6, 7}
    assert every_schedule(scenario, preemptions_max=99) == every_schedule(scenario) == 20


def test_a_random_run_is_the_same_again_by_its_seed_or_by_its_schedule() -> None:
    def play(choose: Callable[[Any], int]) -> tuple[list[int], list[str]]:
        interleaver = Interleaver(choose)
        memory = interleaver.watch(bank())
        outcomes = interleaver.run(*[lambda: debit(memory)] * 5)
        return interleaver.schedule, reasons(outcomes)

    first = play(at_random(7))
    assert play(at_random(7)) == first
    assert play(in_order(first[0])) == first
    assert len({tuple(play(at_random(seed))[0]) for seed in range(10)}) > 5


def test_retries_with_virtual_sleep_all_get_through_in_no_time() -> None:
    interleaver = Interleaver(at_random(1), seconds_per_step=0.005)
    memory = interleaver.watch(bank(40))

    def patient() -> float:
        pause = 0.01
        while True:
            try:
                debit(memory)
            except ClientError:
                interleaver.sleep(pause)
                pause *= 2
            else:
                return interleaver.monotonic()

    begun = time.perf_counter()
    outcomes = interleaver.run(*[patient] * 8)
    assert balance(memory) == 32
    assert max(outcome.value for outcome in outcomes) > 0.02
    assert time.perf_counter() - begun < 5
    assert interleaver.now().isoformat() > "2026-01-01T00:00:00.0"


def test_time_goes_on_only_when_all_sleep() -> None:
    interleaver = Interleaver(in_turn())
    seen: list[tuple[str, float]] = []

    def sleeper(name: str, seconds: float) -> Callable[[], None]:
        def work() -> None:
            for _ in range(2):
                interleaver.sleep(seconds)
                seen.append((name, interleaver.monotonic()))

        return work

    interleaver.run(sleeper("slow", 3), sleeper("quick", 1))
    assert seen == [("quick", 1.0), ("quick", 2.0), ("slow", 3.0), ("slow", 6.0)]


def test_how_each_writer_ended_is_told_in_order() -> None:
    def fails() -> None:
        raise LookupError("no such order")

    one, other = Interleaver(in_turn()).run(lambda: 7, fails)
    assert one.result() == 7
    with pytest.raises(LookupError):
        other.result()


def test_a_crash_ends_one_writer_and_not_the_others() -> None:
    interleaver = Interleaver(in_turn())
    memory = interleaver.watch(bank())
    mortal = Faults(planned({0: CrashAfter()})).client(memory)
    outcomes = interleaver.run(lambda: balance(mortal), lambda: balance(memory))
    assert [type(outcome.error).__name__ for outcome in outcomes] == ["Crash", "NoneType"]


def test_half_a_transaction_is_seen_where_the_stage_is_asked_for() -> None:
    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank())
        puts = [{"Put": {"TableName": "desk", "Item": {**ANN, "PK": {"S": name}}}} for name in ("bob", "cid")]
        counted = interleaver.run(
            lambda: memory.transact_write_items(TransactItems=puts), lambda: memory.scan(TableName="desk")["Count"]
        )[1]
        seen.add(counted.value)

    seen: set[int] = set()
    every_schedule(scenario)
    assert seen == {1, 3}
    every_schedule(scenario, stages=("commit", "apply"))
    assert seen == {1, 2, 3}


def test_two_transactions_that_take_items_crosswise_may_both_be_cancelled() -> None:
    def scenario(interleaver: Interleaver) -> None:
        memory = interleaver.watch(bank())
        puts = [{"Put": {"TableName": "desk", "Item": {**ANN, "PK": {"S": name}}}} for name in ("bob", "cid")]
        outcomes = interleaver.run(
            lambda: memory.transact_write_items(TransactItems=puts),
            lambda: memory.transact_write_items(TransactItems=puts[::-1]),
        )
        cancelled.add(sum(outcome.error is not None for outcome in outcomes))

    cancelled: set[int] = set()
    every_schedule(scenario, stages=("prepare", "commit"))
    assert cancelled == {0, 1, 2}


def test_a_writer_that_waits_for_another_is_reported_with_where_it_waits() -> None:
    lock = threading.Lock()
    interleaver = Interleaver(in_turn(), hang_seconds=0.2)
    memory = interleaver.watch(bank())

    def locked() -> int:
        with lock:
            return balance(memory)

    with pytest.raises(Hung, match=r"writer 1 neither ended(.|\n)*with lock(.|\n)*writer 0 was last at call"):
        interleaver.run(locked, locked)


def test_writers_that_never_end_are_reported() -> None:
    interleaver = Interleaver(in_turn(), steps_max=100)
    memory = interleaver.watch(bank())

    def polls() -> None:
        while balance(memory) >= 0:
            interleaver.sleep(1)

    with pytest.raises(Hung, match="no end after 100 steps"):
        interleaver.run(polls, polls)
    assert balance(memory) == 10


def test_what_is_asked_around_a_run_is_no_step() -> None:
    interleaver = Interleaver(in_turn())
    memory = interleaver.watch(bank())
    debit(memory)
    interleaver.sleep(5)
    assert (balance(memory), interleaver.monotonic(), interleaver.schedule) == (9, 5.0, [])
