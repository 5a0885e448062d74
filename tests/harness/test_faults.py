"""The faults: what is done, what is seen, and what product code can and can not catch."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectionError, EndpointConnectionError, ReadTimeoutError

from tests.harness.faults import (
    AnswerLost,
    Conflict,
    Crash,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    Faults,
    InternalError,
    LateIndex,
    Outage,
    StaleRead,
    Throttle,
    by_chance,
    planned,
)
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import IndexSpec, TableSpec

TABLE = TableSpec("desk", indexes=(IndexSpec("UserOrdersIndex", "username", "ASSET_ID"),))


def order(number: int, **attributes: str) -> dict[str, Any]:
    item = {"PK": f"O{number}", "SK": "ORDER", "username": "ann", "ASSET_ID": f"BTC#{number}", **attributes}
    return {name: {"S": value} for name, value in item.items()}


def insert(number: int) -> dict[str, Any]:
    return {"Put": {"TableName": "desk", "Item": order(number), "ConditionExpression": "attribute_not_exists(PK)"}}


class World:
    """A table behind faults, by plan."""

    def __init__(self, **plan: Fault) -> None:
        self.memory = InMemoryDynamoDB(TABLE)
        self.faults = Faults(planned({int(number.removeprefix("call_")): fault for number, fault in plan.items()}))
        self.client = self.faults.client(self.memory)

    def put(self, number: int = 1) -> None:
        self.client.put_item(TableName="desk", Item=order(number))

    def orders(self) -> list[str]:
        return [item["PK"]["S"] for item in self.memory.items()]

    def indexed(self) -> list[str]:
        answer = self.client.query(
            TableName="desk",
            IndexName="UserOrdersIndex",
            KeyConditionExpression="username = :u",
            ExpressionAttributeValues={":u": {"S": "ann"}},
        )
        return [item["PK"]["S"] for item in answer["Items"]]


def test_a_call_without_a_fault_is_the_clients_own() -> None:
    world = World()
    world.put()
    assert world.orders() == ["O1"]
    assert [str(call) for call in world.faults.calls] == ["#0 PutItem: answered"]


@pytest.mark.parametrize(
    ("fault", "error", "done"),
    [
        (FailBefore(), EndpointConnectionError, False),
        (AnswerLost(), ReadTimeoutError, True),
        (Conflict(), "TransactionConflictException", False),
        (Throttle(), "ProvisionedThroughputExceededException", False),
        (InternalError(), "InternalServerError", False),
        (InternalError(after=True), "InternalServerError", True),
    ],
    ids=str,
)
def test_a_fault_has_its_error_and_the_write_was_done_or_not(fault: Fault, error: Any, done: bool) -> None:
    world = World(call_0=fault)
    with pytest.raises(getattr(world.client.exceptions, error) if isinstance(error, str) else error) as failed:
        world.put()
    assert (world.orders(), world.faults.calls[0].done) == (["O1"] if done else [], done)
    if error == "InternalServerError":
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        (Conflict(frozenset({1})), ["None", "TransactionConflict", "ConditionalCheckFailed"]),
        (Conflict(frozenset({0})), ["TransactionConflict", "None", "ConditionalCheckFailed"]),
        (Throttle(), ["ThrottlingError", "None", "None"]),
        (Throttle("ProvisionedThroughputExceeded"), ["ProvisionedThroughputExceeded", "None", "None"]),
    ],
    ids=str,
)
def test_a_transaction_names_the_fault_among_its_reasons(fault: Fault, codes: list[str]) -> None:
    world = World(call_1=fault)
    world.put(3)
    with pytest.raises(world.client.exceptions.TransactionCanceledException) as cancelled:
        world.client.transact_write_items(TransactItems=[insert(1), insert(2), insert(3)])
    assert [reason["Code"] for reason in cancelled.value.response["CancellationReasons"]] == codes
    assert world.orders() == ["O3"]


def test_a_lost_refusal_looks_like_a_lost_answer() -> None:
    world = World(call_1=AnswerLost())
    world.client.transact_write_items(TransactItems=[insert(1)])
    with pytest.raises(ReadTimeoutError):
        world.client.transact_write_items(TransactItems=[insert(1)])


@pytest.mark.parametrize(("fault", "orders"), [(CrashBefore(), []), (CrashAfter(), ["O1"])])
def test_product_code_can_not_catch_a_crash(fault: Fault, orders: list[str]) -> None:
    world = World(call_0=fault)

    def careless() -> None:
        try:
            world.put()
        except Exception:
            world.put(2)

    with pytest.raises(Crash):
        careless()
    assert world.orders() == orders


def test_a_dead_process_calls_nothing_until_it_is_restarted() -> None:
    world = World(call_0=CrashBefore())
    with pytest.raises(Crash):
        world.put()
    with pytest.raises(Crash):
        world.put(2)
    world.faults.restart()
    world.put(3)
    assert world.orders() == ["O3"]
    assert [call.number for call in world.faults.calls] == [0, 1]


def test_an_index_is_as_late_as_it_is_told() -> None:
    world = World(call_3=LateIndex(1), call_4=LateIndex(2), call_5=LateIndex(99))
    for number in (1, 2, 3):
        world.put(number)
    assert [world.indexed() for _ in range(4)] == [["O1", "O2"], ["O1"], [], ["O1", "O2", "O3"]]


def test_a_late_index_still_holds_what_has_moved_since() -> None:
    world = World(call_3=LateIndex(1))
    world.put(1)
    world.put(2)
    world.client.put_item(TableName="desk", Item=order(1, username="bob"))
    assert world.indexed() == ["O1", "O2"]
    assert world.indexed() == ["O2"]


def test_half_of_a_transaction_may_be_in_an_index() -> None:
    world = World(call_1=LateIndex(1))
    world.client.transact_write_items(TransactItems=[insert(1), insert(2)])
    assert world.indexed() == ["O1"]


def test_a_stale_read_is_one_that_need_not_be_consistent() -> None:
    world = World(call_1=StaleRead(), call_3=StaleRead(), call_4=StaleRead())
    world.put(1)
    key = {"TableName": "desk", "Key": {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}}}
    assert "Item" not in world.client.get_item(**key)
    assert "Item" in world.client.get_item(**key, ConsistentRead=True)
    assert world.client.scan(TableName="desk")["Items"] == []
    with world.memory.behind(item_writes=1):
        assert "Item" in world.memory.get_item(**key, ConsistentRead=True)
        assert world.memory.scan(TableName="desk", ConsistentRead=True)["Count"] == 1
    with pytest.raises(AssertionError, match="can not befall"):
        world.client.get_item(**key, ConsistentRead=True)


def test_an_outage_lasts_until_the_restart() -> None:
    world = World(call_1=Outage(FailBefore()))
    world.put(1)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            world.put(2)
    world.faults.restart()
    world.put(3)
    assert world.orders() == ["O1", "O3"]


def test_a_bank_behind_a_boundary_fails_in_its_callers_words() -> None:
    class BankUnavailable(Exception): ...

    paid: list[str] = []
    faults = Faults(planned({0: FailBefore(), 1: AnswerLost(), 2: CrashAfter()}))
    pay: Callable[..., Any] = faults.boundary(
        "bank.pay", paid.append, unreachable=BankUnavailable, unanswered=BankUnavailable
    )
    for _ in range(2):
        with pytest.raises(BankUnavailable):
            pay("p-1")
    with pytest.raises(Crash):
        pay("p-2")
    assert paid == ["p-1", "p-2"]
    assert [call.operation for call in faults.calls] == ["bank.pay"] * 3
    assert faults.calls[0].arguments == {"0": "p-1"}


def test_chance_is_the_same_for_the_same_seed() -> None:
    def outcomes(seed: int) -> list[str]:
        faults = Faults(by_chance(seed, {FailBefore(): 0.2, AnswerLost(): 0.2, LateIndex(): 0.5}))
        client = faults.client(InMemoryDynamoDB(TABLE))
        for number in range(40):
            try:
                client.put_item(TableName="desk", Item=order(number))
            except ConnectionError:
                continue
            except ReadTimeoutError:
                continue
        return [str(call) for call in faults.calls]

    assert outcomes(1) == outcomes(1) != outcomes(2)
    assert {"FailBefore()" in call for call in outcomes(1)} == {True, False}
