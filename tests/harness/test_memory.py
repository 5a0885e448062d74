"""The in-memory table does what AWS documents, in a botocore client's words."""

from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError

from tests.harness.clock import VirtualClock
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import IndexSpec, TableSpec
from tests.harness.storage import JOURNAL_LENGTH

TABLE = TableSpec(
    "desk",
    indexes=(
        IndexSpec("UserOrdersIndex", "username", "ASSET_ID"),
        IndexSpec("UserTimelineIndex", "username", "timeline_at", projection=("quantity",)),
        IndexSpec("OpenWorkIndex", "open_work", "due_at", projection=()),
    ),
)
KEY = {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}}
Client = InMemoryDynamoDB


@pytest.fixture
def client() -> Client:
    return InMemoryDynamoDB(TABLE)


def order(number: int, **attributes: Any) -> dict[str, Any]:
    item = {
        "PK": {"S": f"O{number}"},
        "SK": {"S": "ORDER"},
        "username": {"S": "ann"},
        "ASSET_ID": {"S": f"BTC#{number}"},
    }
    return {**item, **attributes}


def put(client: Client, *items: dict[str, Any]) -> None:
    for item in items:
        client.put_item(TableName="desk", Item=item)


def statement(kind: str, **body: Any) -> dict[str, Any]:
    return {kind: {"TableName": "desk", **body}}


def insert(number: int, **body: Any) -> dict[str, Any]:
    return statement("Put", Item=order(number), ConditionExpression="attribute_not_exists(PK)", **body)


def refused(client: Client, operation: str, **request: Any) -> ClientError:
    with pytest.raises(ClientError) as raised:
        getattr(client, operation)(**{"TableName": "desk", **request})
    return raised.value


def cancelled(client: Client, *statements: dict[str, Any]) -> list[dict[str, Any]]:
    with pytest.raises(client.exceptions.TransactionCanceledException) as raised:
        client.transact_write_items(TransactItems=list(statements))
    reasons: list[dict[str, Any]] = raised.value.response["CancellationReasons"]
    return reasons


def query(client: Client, index: str | None = "UserOrdersIndex", **request: Any) -> dict[str, Any]:
    hash_name, value = ("username", "ann") if index else ("PK", "ann")
    condition = request.pop("condition", "")
    values = {":h": {"S": value}, **request.pop("values", {})}
    return client.query(
        TableName="desk",
        KeyConditionExpression=f"{hash_name} = :h{condition and f' AND {condition}'}",
        ExpressionAttributeValues=values,
        **({"IndexName": index} if index else {}),
        **request,
    )


def keys(answer: dict[str, Any], name: str = "PK") -> list[str]:
    return [item[name]["S"] for item in answer["Items"]]


def pages(ask: Callable[..., dict[str, Any]], **request: Any) -> Iterator[list[str]]:
    start: dict[str, Any] = {}
    while True:
        page = ask(**request, **start)
        yield keys(page)
        if "LastEvaluatedKey" not in page:
            return
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


# Single items


def test_neither_the_callers_item_nor_an_answer_is_the_stored_one(client: Client) -> None:
    item = order(1)
    put(client, item)
    item["username"]["S"] = "bob"
    client.get_item(TableName="desk", Key=KEY)["Item"]["username"]["S"] = "bob"
    assert client.items() == [order(1)]


def test_an_update_without_an_expression_brings_the_key_into_being(client: Client) -> None:
    client.update_item(TableName="desk", Key=KEY)
    assert client.items() == [KEY]


# Numbers


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1.50", "1.5"),
        ("+007", "7"),
        (".5", "0.5"),
        ("-0", "0"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("100000000000000000000000000000000000000", "1" + "0" * 38),
        ("1" * 38, "1" * 38),
        ("0." + "0" * 100 + "1" * 30, "0." + "0" * 100 + "1" * 30),
        ("9.99e125", "999" + "0" * 123),
        ("1e-130", "0." + "0" * 129 + "1"),
    ],
)
def test_numbers_are_written_in_one_way(client: Client, written: str, read: str) -> None:
    put(client, {**KEY, "n": {"N": written}})
    assert client.items()[0]["n"] == {"N": read}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1" * 39, "more than 38 significant digits"),
        ("0.1" + "0" * 37 + "1", "more than 38 significant digits"),
        ("1e126", "Number overflow"),
        ("1e-131", "Number underflow"),
        *[
            (text, "cannot be converted to a numeric value")
            for text in ("NaN", "Infinity", "dog", " 1", "1 ", "", "1_0", "٣")
        ],
    ],
)
def test_what_is_no_number_of_dynamodbs_is_refused(client: Client, written: str, message: str) -> None:
    assert message in str(refused(client, "put_item", Item={**KEY, "n": {"N": written}}))


@pytest.mark.parametrize(
    ("stored", "added", "total"),
    [
        ("10000000000000000000000", "1", "10000000000000000000001"),
        ("0.1", "0.2", "0.3"),
        ("1" + "0" * 37, "0.1", None),
        ("1e50", "1", None),
        ("9e125", "9e125", None),
        ("9" * 38, "1", "1" + "0" * 38),
        ("0.000000000000000001", "9999999999", "9999999999.000000000000000001"),
    ],
)
def test_sums_are_exact_or_refused(client: Client, stored: str, added: str, total: str | None) -> None:
    put(client, {**KEY, "n": {"N": stored}})
    update: dict[str, Any] = {"Key": KEY, "ExpressionAttributeValues": {":v": {"N": added}}}
    for text in ("SET n = n + :v", "ADD n :v"):
        if total is None:
            assert "Number overflow" in str(refused(client, "update_item", UpdateExpression=text, **update))
        else:
            put(client, {**KEY, "n": {"N": stored}})
            client.update_item(TableName="desk", UpdateExpression=text, **update)
            assert client.items()[0]["n"] == {"N": total}


# Values


def test_a_member_of_a_string_enum_is_its_text(client: Client) -> None:
    class Status(StrEnum):
        PENDING = "PENDING"

    put(client, {**KEY, "order_status": {"S": Status.PENDING}})
    stored = client.items()[0]["order_status"]["S"]
    assert (stored, type(stored)) == ("PENDING", str)


@pytest.mark.parametrize("value", [{}, {"S": "a", "N": "1"}])
def test_a_value_has_one_type(client: Client, value: dict[str, str]) -> None:
    assert "must contain exactly one of the supported datatypes" in str(
        refused(client, "put_item", Item={**KEY, "a": value})
    )


@pytest.mark.parametrize(
    "request_",
    [
        {"Item": {**KEY, "n": {"N": 5}}},
        {"Item": {**KEY, "s": {"S": 5}}},
        {"Item": {**KEY, "s": "plain"}},
        {"Item": {**KEY, "s": {"X": "y"}}},
        {"Item": {**KEY, "t": {"BOOL": "yes"}}},
        {"Item": KEY, "Conditions": "a = :b"},
        {},
    ],
)
def test_what_botocore_would_not_send_is_not_sent(client: Client, request_: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        client.put_item(TableName="desk", **request_)


def test_botocores_own_validator_may_look_first() -> None:
    strict = InMemoryDynamoDB(TABLE, validate=True)
    strict.transact_write_items(TransactItems=[insert(1)])
    with pytest.raises(ParamValidationError, match="Invalid type for parameter ScanIndexForward"):
        query(strict, ScanIndexForward="no")


@pytest.mark.parametrize("member", ["AttributeUpdates", "ReturnValues", "ReturnConsumedCapacity"])
def test_what_is_not_played_says_so(client: Client, member: str) -> None:
    with pytest.raises(NotImplementedError, match=member):
        client.update_item(TableName="desk", Key=KEY, **{member: "NONE"})


@pytest.mark.parametrize("value", [{"L": []}, {"M": {}}, {"SS": ["a"]}, {"B": b""}, {"NULL": True}])
def test_neither_are_other_values_than_the_desks(client: Client, value: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match=next(iter(value))):
        put(client, {**KEY, "a": value})


# Keys and limits


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("put_item", {"Item": {"PK": {"S": "O1"}}}, "Missing the key SK in the item"),
        ("put_item", {"Item": {**KEY, "PK": {"S": ""}}}, "cannot contain an empty string value. Key: PK"),
        ("put_item", {"Item": {**KEY, "PK": {"N": "1"}}}, "Type mismatch for key PK expected: S actual: N"),
        ("put_item", {"Item": order(1, username={"N": "1"})}, "Type mismatch for Index Key username"),
        ("put_item", {"Item": order(1, username={"S": ""})}, "IndexName: UserOrdersIndex, IndexKey: username"),
        ("get_item", {"Key": {"PK": {"S": "O1"}}}, "The provided key element does not match the schema"),
        ("get_item", {"Key": order(1)}, "The provided key element does not match the schema"),
        ("get_item", {"Key": {**KEY, "SK": {"N": "1"}}}, "The provided key element does not match the schema"),
        ("delete_item", {"Key": {**KEY, "SK": {"S": ""}}}, "cannot contain an empty string value. Key: SK"),
    ],
)
def test_keys_are_whole_and_fit(client: Client, operation: str, request_: dict[str, Any], message: str) -> None:
    error = refused(client, operation, **request_)
    assert error.response["Error"]["Code"] == "ValidationException"
    assert message in str(error)


def test_an_update_must_not_spoil_an_index_key(client: Client) -> None:
    put(client, order(1))
    update = {"Key": KEY, "UpdateExpression": "SET username = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}
    assert "Type mismatch for Index Key username" in str(refused(client, "update_item", **update))
    assert client.items() == [order(1)]


def test_an_item_has_at_most_400_kilobytes(client: Client) -> None:
    def filler(size: int) -> dict[str, str]:
        return {"S": "x" * (size - len("PK" + "O1" + "SK" + "ORDER" + "f"))}

    put(client, {**KEY, "f": filler(400 * 1024)})
    assert "Item size has exceeded" in str(refused(client, "put_item", Item={**KEY, "f": filler(400 * 1024 + 1)}))
    grow = {"Key": KEY, "UpdateExpression": "SET g = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}
    assert "Item size to update has exceeded" in str(refused(client, "update_item", **grow))


# Transactions


def refused_transaction(client: Client, *statements: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as raised:
        client.transact_write_items(TransactItems=list(statements))
    assert raised.value.response["Error"]["Code"] == "ValidationException"
    return str(raised.value)


def test_what_is_wrong_in_any_table_refuses_the_whole_transaction(client: Client) -> None:
    values = {":v": {"N": "1"}}
    assert "multiple operations on one item" in refused_transaction(client, insert(1), insert(1))
    assert "between 1 and 100" in refused_transaction(client, *map(insert, range(101)))
    assert "transactItems" in refused_transaction(client)
    assert "not defined; attribute value: :w" in refused_transaction(
        client, statement("Update", Key=KEY, UpdateExpression="SET a = :w", ExpressionAttributeValues=values)
    )
    assert "can only contain one of" in refused_transaction(client, {**insert(1), **statement("Delete", Key=KEY)})
    assert "payload size" in refused_transaction(
        client, *[statement("Put", Item=order(number, f={"S": "x" * 100_000})) for number in range(45)]
    )
    assert client.items() == []


def test_a_transaction_takes_a_hundred_statements(client: Client) -> None:
    client.transact_write_items(TransactItems=[insert(number) for number in range(100)])
    assert len(client.items()) == 100


def test_what_is_wrong_for_this_table_is_the_reason_of_its_statement(client: Client) -> None:
    wrong_key = statement("Put", Item={**order(2), "PK": {"N": "2"}})
    reasons = cancelled(client, insert(1), wrong_key, wrong_key)
    assert [reason["Code"] for reason in reasons] == ["None", "ValidationError", "None"]
    own_key = statement("Update", Key=KEY, UpdateExpression="SET PK = :v", ExpressionAttributeValues={":v": {"S": "x"}})
    assert "part of the key" in cancelled(client, own_key)[0]["Message"]
    absent = statement("Update", Key=KEY, UpdateExpression="SET a = absent")
    assert [reason["Code"] for reason in cancelled(client, insert(2), absent)] == ["None", "ValidationError"]


def test_unknown_members_of_a_statement_are_not_sent(client: Client) -> None:
    for wrong in (statement("Put", Item=KEY, Condition="x"), statement("Put"), statement("Upsert", Item=KEY)):
        with pytest.raises(ParamValidationError):
            client.transact_write_items(TransactItems=[wrong])


# Tokens


def counted(client: Client, token: str = "t", by: str = "1") -> dict[str, Any]:
    values = {":v": {"N": by}}
    update = statement("Update", Key=KEY, UpdateExpression="ADD n :v", ExpressionAttributeValues=values)
    return client.transact_write_items(TransactItems=[update], ClientRequestToken=token)


def test_a_token_makes_a_repeat_succeed_without_effect_for_ten_minutes() -> None:
    clock = VirtualClock()
    client = InMemoryDynamoDB(TABLE, now=clock.now)
    for seconds, number in ((0, "1"), (300, "1"), (299, "1"), (1, "2")):
        clock.advance(seconds)
        counted(client)
        assert client.items()[0]["n"] == {"N": number}
    counted(client, "other")
    assert client.items()[0]["n"] == {"N": "3"}
    with pytest.raises(client.exceptions.IdempotentParameterMismatchException):
        counted(client, "other", by="2")


def test_a_token_of_a_cancelled_transaction_may_be_used_again(client: Client) -> None:
    put(client, order(1))
    with pytest.raises(client.exceptions.TransactionCanceledException):
        client.transact_write_items(TransactItems=[insert(1)], ClientRequestToken="t")
    client.delete_item(TableName="desk", Key=KEY)
    client.transact_write_items(TransactItems=[insert(1)], ClientRequestToken="t")
    assert client.items() == [order(1)]


def test_a_token_has_one_to_36_characters(client: Client) -> None:
    counted(client, "x" * 36)
    for token in ("", "x" * 37):
        with pytest.raises(ClientError, match="clientRequestToken"):
            counted(client, token)


# Queries


def test_a_partition_is_in_the_order_of_its_sort_key(client: Client) -> None:
    put(client, *[{"PK": {"S": "ann"}, "SK": {"S": key}} for key in ("b", "B", "a#2", "a#10", "é", "a")])
    assert keys(query(client, None), "SK") == ["B", "a", "a#10", "a#2", "b", "é"]
    assert keys(query(client, None, ScanIndexForward=False), "SK") == ["é", "b", "a#2", "a#10", "a", "B"]


@pytest.mark.parametrize(("condition", "found"), [(":a = SK", "b"), (":a < SK", "ba c"), (":a >= SK", "a b")])
def test_the_operands_of_a_range_may_be_swapped(client: Client, condition: str, found: str) -> None:
    put(client, *[{"PK": {"S": "ann"}, "SK": {"S": key}} for key in ("a", "b", "ba", "c")])
    assert keys(query(client, None, condition=condition, values={":a": {"S": "b"}}), "SK") == found.split()


def test_a_page_goes_on_after_an_item_that_is_gone(client: Client) -> None:
    put(client, *map(order, range(4)))
    start = query(client, Limit=2)["LastEvaluatedKey"]
    assert start == {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}, "username": {"S": "ann"}, "ASSET_ID": {"S": "BTC#1"}}
    client.delete_item(TableName="desk", Key={**KEY, "PK": {"S": "O1"}})
    assert keys(query(client, ExclusiveStartKey=start)) == ["O2", "O3"]


def test_a_page_ends_at_a_megabyte(client: Client) -> None:
    put(client, *[order(number, filler={"S": "x" * 300_000}) for number in range(5)])
    page = query(client)
    assert (page["Count"], "LastEvaluatedKey" in page) == (3, True)
    assert list(pages(partial(query, client))) == [["O0", "O1", "O2"], ["O3", "O4"]]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"IndexName": "NoSuchIndex"}, "The table does not have the specified index: NoSuchIndex"),
        ({"ConsistentRead": True}, "Consistent reads are not supported on global secondary indexes"),
        ({"Limit": 0}, "Member must have value greater than or equal to 1"),
        ({"ExclusiveStartKey": KEY}, "The provided starting key is invalid"),
        ({"ExclusiveStartKey": {**order(1), "username": {"N": "1"}}}, "The provided starting key is invalid"),
        ({"ExclusiveStartKey": {**order(1), "username": {"S": "bob"}}}, "outside query boundaries"),
        ({"ExpressionAttributeValues": {":h": {"N": "1"}}}, "Condition parameter type does not match schema type"),
        ({"ExpressionAttributeValues": {":h": {"S": ""}}}, "cannot contain an empty string value. Key: username"),
        ({"FilterExpression": "username = :h"}, "can only contain non-primary key attributes"),
        ({"KeyConditionExpression": "username = :h AND ASSET_ID > :z", "ExclusiveStartKey": order(1),
          "ExpressionAttributeValues": {":h": {"S": "ann"}, ":z": {"S": "z"}}}, "outside query boundaries"),
        ({"KeyConditionExpression": None, "ExpressionAttributeValues": None}, "parameter must be specified"),
        ({"KeyConditionExpression": "PK = :h"}, "missed key schema element: username"),
        ({"KeyConditionExpression": "username = :h AND PK = :h"}, "missed key schema element: ASSET_ID"),
        ({"KeyConditionExpression": "username < :h"}, "Query key condition not supported"),
        ({"KeyConditionExpression": "username = :h OR ASSET_ID = :h"}, "KeyConditionExpression: OR"),
        ({"KeyConditionExpression": "username = :h AND ASSET_ID <> :h"}, "KeyConditionExpression: <>"),
        ({"KeyConditionExpression": "username = :h AND ASSET_ID IN (:h)"}, "KeyConditionExpression: IN"),
        ({"KeyConditionExpression": "username = :h AND NOT ASSET_ID = :h"}, "KeyConditionExpression: NOT"),
        ({"KeyConditionExpression": "username = :h AND attribute_exists(PK)"}, "Expression: attribute_exists"),
        ({"KeyConditionExpression": "username = :h AND username = :h"}, "must only contain one condition per key"),
        ({"KeyConditionExpression": "username = :h AND ASSET_ID > username"}, "Invalid condition"),
    ],
)  # fmt: skip
def test_a_query_is_refused(client: Client, request_: dict[str, Any], message: str) -> None:
    asked = {
        "IndexName": "UserOrdersIndex",
        "KeyConditionExpression": "username = :h",
        "ExpressionAttributeValues": {":h": {"S": "ann"}},
        **request_,
    }
    error = refused(client, "query", **{name: value for name, value in asked.items() if value is not None})
    assert error.response["Error"]["Code"] == "ValidationException"
    assert message in str(error)


# Scans


def test_a_scan_sees_everything_in_an_order_of_its_own_page_by_page(client: Client) -> None:
    put(client, *map(order, range(20)))
    whole = keys(client.scan(TableName="desk"))
    assert sorted(whole) == sorted(f"O{number}" for number in range(20))
    assert whole != sorted(whole)
    assert [key for page in pages(client.scan, TableName="desk", Limit=3) for key in page] == whole


def test_an_index_is_scanned_too_and_lacks_what_lacks_a_key_of_its(client: Client) -> None:
    put(client, order(1), {**KEY, "SK": {"S": "x"}}, {**KEY, "SK": {"S": "y"}, "username": {"S": "ann"}})
    assert client.scan(TableName="desk", IndexName="UserOrdersIndex")["Count"] == 1
    filtered = client.scan(TableName="desk", FilterExpression="PK = :p", ExpressionAttributeValues={":p": {"S": "O1"}})
    assert (filtered["Count"], filtered["ScannedCount"]) == (3, 3)


def test_lateness_looks_back_only_as_far_as_the_journal_goes(client: Client) -> None:
    put(client, order(1))
    put(client, *[order(2)] * JOURNAL_LENGTH)
    with client.behind(item_writes=JOURNAL_LENGTH + 5):
        assert "Item" in client.get_item(TableName="desk", Key=KEY)
