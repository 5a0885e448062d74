"""What calls cost: the published rules, and the figures that were captured against the real service."""

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness.memory import InMemoryDynamoDB
from tests.harness.meter import Cost, Meter
from tests.harness.schema import IndexSpec, TableSpec
from tests.harness.values import kept_item

TABLE = TableSpec(
    "desk",
    indexes=(
        IndexSpec("UserOrdersIndex", "username", "ASSET_ID"),
        IndexSpec("OpenWorkIndex", "open_work", "due_at", projection=()),
    ),
)
KEY = {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}}


def item_size(item: dict[str, Any]) -> int:
    """Of an item on the wire."""
    return kept_item(item)[1]


def text(size: int) -> dict[str, str]:
    return {"S": "x" * size}


def padded(key: dict[str, Any], size: int) -> dict[str, Any]:
    """An item of exactly so many bytes."""
    return {**key, "filler": text(size - item_size({**key, "filler": {"S": ""}}))}


class Desk:
    """A metered table."""

    def __init__(self) -> None:
        self.table = InMemoryDynamoDB(TABLE)
        self.meter = Meter(self.table)

    def put(self, item: dict[str, Any]) -> None:
        self.table.put_item(TableName="desk", Item=item)

    def cost(self, operation: str, **request: Any) -> Cost:
        with self.meter.measure() as cost:
            getattr(self.table, operation)(**request)
        return cost

    def update(self, update: str, **values: Any) -> Cost:
        given = {f":{name}": value for name, value in values.items()}
        request = {"ExpressionAttributeValues": given} if given else {}
        return self.cost("update_item", TableName="desk", Key=KEY, UpdateExpression=update, **request)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def units(cost: Cost) -> Any:
    return cost.requests, cost.write_units, cost.read_units


def arms(cost: Cost) -> Any:
    return cost.by_index


@pytest.mark.parametrize(("size", "written"), [(100, 1), (1024, 1), (1025, 2), (2048, 2), (2049, 3)])
def test_a_write_costs_a_unit_for_each_started_kilobyte(desk: Desk, size: int, written: int) -> None:
    assert units(desk.cost("put_item", TableName="desk", Item=padded(KEY, size))) == (1, written, 0)


def test_a_write_is_sized_on_the_larger_of_before_and_after(desk: Desk) -> None:
    desk.put(padded(KEY, 3000))
    assert desk.cost("put_item", TableName="desk", Item=KEY).write_units == 3
    desk.put(padded(KEY, 3000))
    assert desk.update("REMOVE filler").write_units == 3
    desk.put(padded(KEY, 3000))
    assert desk.cost("delete_item", TableName="desk", Key=KEY).write_units == 3


def test_deleting_nothing_costs_a_unit(desk: Desk) -> None:
    assert desk.cost("delete_item", TableName="desk", Key=KEY).write_units == 1


def test_a_refused_write_costs_what_it_was_refused_for(desk: Desk) -> None:
    desk.put(padded(KEY, 1500))
    with desk.meter.measure() as cost, pytest.raises(ClientError):
        desk.table.put_item(TableName="desk", Item=KEY, ConditionExpression="attribute_not_exists(PK)")
    assert units(cost) == (1, 2, 0)
    assert cost.calls[0].error == "ConditionalCheckFailedException"


INDEXED = {**KEY, "username": {"S": "ann"}, "ASSET_ID": {"S": "BTC"}, "quantity": {"N": "1"}}


@pytest.mark.parametrize(
    ("update", "values", "by_index"),
    [
        ("SET quantity = :v", {"N": "2"}, {"UserOrdersIndex": 1}),
        ("SET username = :v", {"S": "bob"}, {"UserOrdersIndex": 2}),
        ("SET username = :v", {"S": "ann"}, {}),
        ("SET quantity = :v", {"N": "1.0"}, {}),
    ],
)
def test_an_index_costs_only_what_it_notices(
    desk: Desk, update: str, values: dict[str, str], by_index: dict[str, int]
) -> None:
    desk.put(INDEXED)
    cost = desk.update(update, v=values)
    assert {name: written for name, (written, _) in cost.by_index.items() if name} == by_index
    assert arms(cost)[None] == (1, 0)


def test_an_item_enters_and_leaves_a_sparse_index_for_a_unit_each(desk: Desk) -> None:
    desk.put(KEY)
    entering = desk.update("SET open_work = :w, due_at = :w", w={"S": "now"})
    assert arms(entering) == {None: (1, 0), "OpenWorkIndex": (1, 0)}
    assert arms(desk.update("REMOVE open_work")) == {None: (1, 0), "OpenWorkIndex": (1, 0)}
    assert arms(desk.update("REMOVE due_at")) == {None: (1, 0)}


def test_an_index_that_holds_only_keys_does_not_notice_other_attributes(desk: Desk) -> None:
    desk.put({**KEY, "open_work": {"S": "orders"}, "due_at": {"S": "now"}})
    assert arms(desk.update("SET quantity = :v", v={"N": "1"})) == {None: (1, 0)}


def test_an_index_is_sized_on_what_it_holds(desk: Desk) -> None:
    desk.put(padded({**KEY, "open_work": {"S": "orders"}, "due_at": {"S": "now"}}, 5000))
    assert arms(desk.update("SET due_at = :v", v={"S": "later"})) == {None: (5, 0), "OpenWorkIndex": (2, 0)}


def buy(order_id: str = "O1") -> list[dict[str, Any]]:
    order = {**INDEXED, "PK": {"S": order_id}}
    return [
        {"Put": {"TableName": "desk", "Item": order, "ConditionExpression": "attribute_not_exists(PK)"}},
        {
            "Update": {
                "TableName": "desk",
                "Key": {"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}},
                "UpdateExpression": "SET current_balance = current_balance - :v",
                "ConditionExpression": "current_balance >= :v",
                "ExpressionAttributeValues": {":v": {"N": "1"}},
            }
        },
        {
            "Update": {
                "TableName": "desk",
                "Key": {"PK": {"S": "ann"}, "SK": {"S": "ASSET#BTC"}},
                "UpdateExpression": "ADD quantity :v",
                "ExpressionAttributeValues": {":v": {"N": "1"}},
            }
        },
        {"Put": {"TableName": "desk", "Item": {"PK": {"S": "TRANS#ann"}, "SK": {"S": order_id}}}},
    ]


def test_a_buy_of_four_items_and_one_index_costs_nine(desk: Desk) -> None:
    desk.put({"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}, "current_balance": {"N": "10"}})
    cost = desk.cost("transact_write_items", TransactItems=buy())
    assert units(cost) == (1, 9, 0)
    assert arms(cost) == {None: (8, 0), "UserOrdersIndex": (1, 0)}


def test_a_cancelled_buy_is_counted_on_the_tables_arm_alone(desk: Desk) -> None:
    with desk.meter.measure() as cost, pytest.raises(ClientError):
        desk.table.transact_write_items(TransactItems=buy())
    assert units(cost) == (1, 8, 0)


def test_a_repeat_under_the_same_token_costs_reads(desk: Desk) -> None:
    desk.put({"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}, "current_balance": {"N": "10"}})
    desk.cost("transact_write_items", TransactItems=buy(), ClientRequestToken="t")
    again = desk.cost("transact_write_items", TransactItems=buy(), ClientRequestToken="t")
    assert units(again) == (1, 0, 8)


def test_a_condition_check_costs_as_a_write_of_the_image_it_reads(desk: Desk) -> None:
    desk.put(padded(KEY, 1500))
    check = {"TableName": "desk", "Key": KEY, "ConditionExpression": "attribute_exists(PK)"}
    assert units(desk.cost("transact_write_items", TransactItems=[{"ConditionCheck": check}])) == (1, 4, 0)


@pytest.mark.parametrize(("size", "blocks"), [(100, 1), (4096, 1), (4097, 2)])
def test_a_read_costs_by_four_kilobytes_and_consistency(desk: Desk, size: int, blocks: int) -> None:
    desk.put(padded(KEY, size))
    get = {"TableName": "desk", "Key": KEY}
    assert desk.cost("get_item", **get).read_units == blocks * Decimal("0.5")
    assert desk.cost("get_item", **get, ConsistentRead=True).read_units == blocks


def test_what_is_not_there_costs_a_block(desk: Desk) -> None:
    get = {"TableName": "desk", "Key": KEY}
    assert desk.cost("get_item", **get).read_units == Decimal("0.5")
    assert desk.cost("get_item", **get, ConsistentRead=True).read_units == 1


def test_a_query_costs_the_sum_of_what_it_reads_and_not_each_item(desk: Desk) -> None:
    for number in range(10):
        desk.put(padded({"PK": {"S": "ann"}, "SK": {"S": f"ASSET#{number}"}}, 500))
    query: dict[str, Any] = {
        "TableName": "desk",
        "KeyConditionExpression": "PK = :p",
        "ExpressionAttributeValues": {":p": {"S": "ann"}},
    }
    assert units(desk.cost("query", **query)) == (1, 0, 1)
    assert desk.cost("query", **query, ConsistentRead=True).read_units == 2
    assert desk.cost("query", **query, Limit=8).read_units == Decimal("0.5")


def test_a_filter_saves_nothing(desk: Desk) -> None:
    desk.put(padded(KEY, 5000))
    scanned = desk.cost("scan", TableName="desk", FilterExpression="attribute_exists(absent)")
    assert units(scanned) == (1, 0, 1)


def test_a_query_of_an_index_costs_what_the_index_holds(desk: Desk) -> None:
    desk.put(padded({**KEY, "open_work": {"S": "orders"}, "due_at": {"S": "now"}}, 20_000))
    cost = desk.cost(
        "query",
        TableName="desk",
        IndexName="OpenWorkIndex",
        KeyConditionExpression="open_work = :w",
        ExpressionAttributeValues={":w": {"S": "orders"}},
    )
    assert arms(cost) == {"OpenWorkIndex": (0, Decimal("0.5"))}


def test_costs_are_told_call_by_call_and_measurements_nest(desk: Desk) -> None:
    with desk.meter.measure() as whole:
        desk.put(KEY)
        with desk.meter.measure() as reading:
            desk.table.get_item(TableName="desk", Key=KEY)
    assert units(whole) == (2, 1, Decimal("0.5"))
    assert units(reading) == (1, 0, Decimal("0.5"))
    assert str(whole) == ("2 requests, 1 write units, 0.5 read units\n  PutItem: desk 1w 0r\n  GetItem: desk 0w 0.5r")


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "zażółć"}, 10),
        ({"N": "0"}, 1),
        ({"N": "7"}, 2),
        ({"N": "12"}, 2),
        ({"N": "123"}, 3),
        ({"N": "1.50"}, 2),
        ({"N": "1000000"}, 2),
        ({"N": "-0.0001"}, 2),
        ({"BOOL": False}, 1),
    ],
)
def test_sizes_are_the_published_ones(desk: Desk, value: dict[str, Any], size: int) -> None:
    desk.put({**KEY, "a": value})
    assert item_size(desk.table.items()[0]) == item_size({**KEY, "a": {"S": ""}}) + size
