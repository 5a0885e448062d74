"""Expressions: what AWS accepts, what it means, what it refuses and how."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.harness.memory import InMemoryDynamoDB
from tests.harness.schema import TableSpec

KEY = {"PK": {"S": "O1"}, "SK": {"S": "ORDER"}}
ITEM: dict[str, Any] = {
    **KEY,
    "n": {"N": "5"},
    "m": {"N": "5.0"},
    "s": {"S": "hello"},
    "t": {"BOOL": True},
}
VALUES: dict[str, dict[str, Any]] = {
    ":zero": {"N": "0"}, ":one": {"N": "1"}, ":n4": {"N": "4"}, ":n": {"N": "5"}, ":n9": {"N": "9"},
    ":n10": {"N": "10"}, ":s": {"S": "hello"}, ":he": {"S": "he"}, ":x": {"S": "x"}, ":five": {"S": "5"},
    ":t": {"BOOL": True},
}  # fmt: skip


def table(item: dict[str, Any] | None = ITEM) -> InMemoryDynamoDB:
    memory = InMemoryDynamoDB(TableSpec("desk"))
    if item:
        memory.put_item(TableName="desk", Item=item)
    return memory


def used(*texts: str) -> dict[str, Any]:
    """The values that the texts name."""
    words = " ".join(texts).replace("(", " ").replace(")", " ").replace(",", " ").split()
    values = {word: VALUES[word] for word in words if word.startswith(":")}
    return {"ExpressionAttributeValues": values} if values else {}


def holds(text: str) -> bool:
    try:
        table().delete_item(TableName="desk", Key=KEY, ConditionExpression=text, **used(text))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return False
    return True


def refused(begins: str, message: str) -> Any:
    def so(error: ClientError) -> bool:
        code, told = error.response["Error"]["Code"], error.response["Error"]["Message"]
        return code == "ValidationException" and told.startswith(begins) and message in told

    return pytest.raises(ClientError, check=so)


def updated(text: str, item: dict[str, Any] | None = ITEM, **names: str) -> dict[str, Any]:
    """What the update leaves of the item, besides its key."""
    memory = table(item)
    given = {"ExpressionAttributeNames": {f"#{name}": value for name, value in names.items()}} if names else {}
    memory.update_item(TableName="desk", Key=KEY, UpdateExpression=text, **used(text), **given)
    (found,) = memory.items() or [KEY]
    return {name: value for name, value in found.items() if name not in KEY}


@pytest.mark.parametrize(
    "text",
    [
        "n = :n", "n = m", "n <> :n4", "n < :n10", "n <= :n", "n > :n4", "n >= :n", ":n = n", "n BETWEEN :n4 AND :n9",
        "n between :n and :n9", "n IN (:n4, :n)", "s = :s", "s <> :n", "begins_with (s, :he)",
        "attribute_exists(n)", "attribute_not_exists(q)", "t = :t", "NOT n = :n4",
        "n = :n4 OR n = :n AND s = :s", "(n = :n4 OR n = :n) AND s = :s", "NOT (n = :n AND s = :x)",
        "n = :n AND (s = :x OR s = :s)",
        "(n = :n) AND (s = :s)", "absent <> :n", "absent <> q", "s <> n", "NOT absent = :n",
    ],
)  # fmt: skip
def test_it_holds(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "n = :five", "absent = :n", "absent = q", "absent < :n", "n < :n", "n > :n", "n < :five", "n < s", "t < :n",
        "n BETWEEN :n9 AND :n10", "n IN (:n4, :five)", "begins_with(n, :he)",
        "attribute_exists(absent)", "attribute_not_exists(n)", "n = :n AND NOT s = :s",
        "NOT n = :n OR s = :x", "absent IN (:n)", "absent BETWEEN :n4 AND :n9", "n = :n AND s = :s AND t = :n",
    ],
)  # fmt: skip
def test_it_does_not_hold(text: str) -> None:
    assert not holds(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n == :n", 'Syntax error; token: "="'),
        ("n != :n", 'Syntax error; token: "!"'),
        ("n =", 'Syntax error; token: "<EOF>"'),
        ("n", 'Syntax error; token: "<EOF>"'),
        ("_n = :n", 'Syntax error; token: "_"'),
        ("n = :n AND", 'Syntax error; token: "<EOF>"'),
        ("(n = :n", 'Syntax error; token: "<EOF>"'),
        ("n = :n)", 'Syntax error; token: ")"'),
        ("n IN :n", 'Syntax error; token: ":n"'),
        ("((n = :n))", "redundant parentheses"),
        ("n = :n AND ((s = :s))", "redundant parentheses"),
        ("status = :n", "reserved keyword: status"),
        ("frobnicate(n)", "Invalid function name; function: frobnicate"),
        ("if_not_exists(n, :n)", "not allowed in a condition expression; function: if_not_exists"),
        ("attribute_exists(:n)", "requires a document path"),
        ("attribute_exists(n, s)", "Incorrect number of operands"),
        ("begins_with(s)", "Incorrect number of operands"),
        ("n < :t", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"),
        ("begins_with(s, :n)", "operator or function: begins_with, operand type: N"),
        ("n BETWEEN :n9 AND :n4", "upper bound to be greater than or equal to lower bound"),
        ("n BETWEEN :n4 AND :s", "same data type"),
        ("n = n", "first operand must be distinct"),
        ("#n = :n", "not defined; attribute name: #n"),
        ("", "can not be empty"),
        (f"s = :s OR {' OR '.join(['n = :n'] * 600)}", "Expression size has exceeded"),
        (f"n IN ({', '.join([':n'] * 101)})", "Invalid number of operands"),
    ],
)
def test_a_condition_is_refused(text: str, message: str) -> None:
    with refused("Invalid ConditionExpression: ", message):
        holds(text)


@pytest.mark.parametrize(
    ("text", "attribute", "value"),
    [
        ("SET n = :n9", "n", {"N": "9"}),
        ("set n = n + :one", "n", {"N": "6"}),
        ("SET n = :one - n", "n", {"N": "-4"}),
        ("SET q = if_not_exists(q, :zero) + :n", "q", {"N": "5"}),
        ("SET n = if_not_exists(n, :zero) - :n4", "n", {"N": "1"}),
        ("SET q = if_not_exists(absent, if_not_exists(n, :zero))", "q", {"N": "5"}),
        ("SET q = s REMOVE s", "q", {"S": "hello"}),
        ("REMOVE s SET q = s", "q", {"S": "hello"}),
        ("ADD n :one", "n", {"N": "6"}),
        ("ADD q :one", "q", {"N": "1"}),
        ("SET m = n + m, n = m", "n", {"N": "5"}),
    ],
)  # fmt: skip
def test_an_update_leaves(text: str, attribute: str, value: dict[str, Any]) -> None:
    assert updated(text)[attribute] == value


def test_what_an_update_removes_is_gone_and_need_not_have_been_there() -> None:
    assert updated("REMOVE s, absent").keys() == {"n", "m", "t"}


def test_names_stand_for_attributes_of_any_name() -> None:
    after = updated("SET #a = :one, #b = :s", KEY, a="status", b="has.dot and space")
    assert after == {"status": {"N": "1"}, "has.dot and space": {"S": "hello"}}


@pytest.mark.parametrize("text", ["SET n = :one", "ADD n :one", "SET n = if_not_exists(n, :one)"])
def test_an_update_brings_an_item_into_being(text: str) -> None:
    assert updated(text, None) == {"n": {"N": "1"}}


def test_an_update_that_only_takes_away_does_not() -> None:
    memory = table(None)
    memory.update_item(TableName="desk", Key=KEY, UpdateExpression="REMOVE n")
    assert memory.items() == []


def test_an_update_that_is_refused_leaves_no_item_behind() -> None:
    memory = table(None)
    with pytest.raises(ClientError):
        memory.update_item(TableName="desk", Key=KEY, UpdateExpression="ADD a :s", **used(":s"))
    assert memory.items() == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET n = :n + :one + :n4", 'Syntax error; token: "+"'),
        ("SET n = if_not_exists(n, :n + :one)", "Syntax error"),
        ("SET :n = :one", "Syntax error"),
        ("HELLO n = :n", 'Syntax error; token: "HELLO"'),
        ("ADD n m", "Syntax error"),
        ("SET n = :n SET m = :n", 'The "SET" section can only be used once'),
        ("SET n = :n REMOVE n", "overlap with each other"),
        ("SET status = :n", "reserved keyword: status"),
        ("SET n = begins_with(s, :s)", "not allowed in an update expression; function: begins_with"),
        ("SET n = nonsense(s)", "Invalid function name"),
        ("SET n = if_not_exists(n)", "Incorrect number of operands"),
        ("SET n = if_not_exists(:n, :one)", "requires a document path"),
        ("SET n = n + :s", "operator or function: +, operand type: S"),
        ("ADD n :s", "operator: ADD, operand type: STRING"),
        ("SET #n = :n", "not defined; attribute name: #n"),
        ("", "can not be empty"),
    ],
)  # fmt: skip
def test_an_update_is_refused_for_its_text(text: str, message: str) -> None:
    with refused("Invalid UpdateExpression: ", message):
        updated(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET q = absent", "refers to an attribute that does not exist in the item"),
        ("SET n = absent + :one", "refers to an attribute that does not exist in the item"),
        ("SET n = s + :one", "An operand in the update expression has an incorrect data type"),
        ("ADD s :one", "An operand in the update expression has an incorrect data type"),
        ("SET PK = :s", "Cannot update attribute PK. This attribute is part of the key"),
        ("REMOVE SK", "Cannot update attribute SK. This attribute is part of the key"),
    ],
)
def test_an_update_is_refused_for_the_item(text: str, message: str) -> None:
    with refused("", message):
        updated(text)


@pytest.mark.parametrize(
    ("ask", "text"),
    [
        *[(holds, text) for text in ("d.x = :n", "l[0] = :n", "size(s) = :n", "contains(s, :he)")],
        *[(updated, text) for text in ("SET l = list_append(l, :n)", "DELETE n :n", "REMOVE d.x")],
    ],
)
def test_what_is_for_lists_maps_and_sets_is_not_played(ask: Callable[[str], Any], text: str) -> None:
    with pytest.raises(NotImplementedError):
        ask(text)


N = {":n": VALUES[":n"]}
VALUES_GIVEN, NAMES_GIVEN = "ExpressionAttributeValues", "ExpressionAttributeNames"


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("n = :n", {VALUES_GIVEN: {**N, ":m": VALUES[":n"]}}, "Values unused in expressions: keys: {:m}"),
        ("n = :n", {VALUES_GIVEN: {}}, "ExpressionAttributeValues must not be empty"),
        ("n = :n", {VALUES_GIVEN: {":m": VALUES[":n"]}}, "not defined; attribute value: :n"),
        (None, {VALUES_GIVEN: N}, "ExpressionAttributeValues can only be specified when using expressions"),
        ("attribute_exists(#n)", {NAMES_GIVEN: {"#n": "n", "#m": "m"}}, "Names unused in expressions: keys: {#m}"),
        ("attribute_exists(n)", {NAMES_GIVEN: {}}, "ExpressionAttributeNames must not be empty"),
        (None, {NAMES_GIVEN: {"#n": "n"}}, "ExpressionAttributeNames can only be specified when using expressions"),
    ],
)
def test_names_and_values_are_exactly_those_that_are_used(text: str | None, given: Any, message: str) -> None:
    expression = {} if text is None else {"ConditionExpression": text}
    with refused("", message):
        table().delete_item(TableName="desk", Key=KEY, **given, **expression)
