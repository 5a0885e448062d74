"""The in-memory table answers as moto does, but where moto is known to be wrong."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from tests.depth import deep
from tests.harness import storage, updates, writes
from tests.harness.differential import ANSWER, Comparison, Engine, compare, moto, of
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.operations import DESK
from tests.harness.values import Value

OPERATIONS = deep(everyday=4_000, full=10_000)
SEEDS = (20260101, 20260102)
ANN = {"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}}


def half(seed: int) -> Comparison:
    return compare(seed, OPERATIONS // len(SEEDS), reference=moto())


def test_random_operations_have_the_answers_and_errors_that_moto_gives() -> None:
    with ProcessPoolExecutor(len(SEEDS), mp_context=get_context("spawn")) as processes:
        runs = list(processes.map(half, SEEDS))
    assert not [str(difference) for run in runs for difference in run.differences]
    assert sum(run.operations for run in runs) == OPERATIONS
    kinds, outcomes = sum((run.kinds for run in runs), Counter()), sum((run.outcomes for run in runs), Counter())
    assert min(kinds.values()) > deep(everyday=50, full=200), kinds
    for outcome in (
        "transact_write_items answer",
        "transact_write_items TransactionCanceledException",
        "transact_write_items ValidationException",
        "update_item answer",
        "update_item ConditionalCheckFailedException",
        "update_item ValidationException",
        "query answer",
        "query ValidationException",
        "get_item ResourceNotFoundException",
    ):
        assert outcomes[outcome] > deep(everyday=2, full=20), outcomes


# A rule broken on purpose is seen: each of these is a mistake that somebody could make in the table.


def subtraction_forgets_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates, "EXACT", Keep())


class Keep:
    def minus(self, amount: Any) -> Any:
        return amount


def indexes_hold_items_that_lost_their_key(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = storage.Index.move

    def move(self: storage.Index, key: Any, before: Any, after: Any) -> None:
        if self.position(after, key) or not after:
            whole(self, key, before, after)

    monkeypatch.setattr(storage.Index, "move", move)


def all_old_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes.Statement, "returns_old", property(lambda _: False, lambda *_: None))


def conditions_always_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes.Statement, "allowed", lambda *_: True)


def adding_to_a_set_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def last(_: Value, other: Value) -> Value:
        return other

    monkeypatch.setattr(updates, "union", last)


@pytest.mark.parametrize(
    "break_a_rule",
    [
        subtraction_forgets_its_sign,
        indexes_hold_items_that_lost_their_key,
        all_old_shows_nothing,
        conditions_always_hold,
        adding_to_a_set_replaces_it,
    ],
)
def test_the_comparison_notices_a_broken_rule(break_a_rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    break_a_rule(monkeypatch)
    try:
        found = compare(SEEDS[0], 1_500, reference=moto(), differences_max=1).differences
    except (AssertionError, ArithmeticError, LookupError):
        return  # the table fell over its own broken rule: that is noticed as well
    assert found


# Where moto 5.2.5 is wrong: what it does, what AWS does, and that we do as AWS. When moto is mended these fail.


@pytest.fixture
def engines() -> tuple[Engine, Engine]:
    """moto and ours, with one item."""
    both = moto(), of(InMemoryDynamoDB(DESK))
    item = {**ANN, "current_balance": {"N": "10"}, "username": {"S": "ann"}, "ASSET_ID": {"S": "BTC"}}
    for engine in both:
        engine("put_item", {"TableName": "desk", "Item": item})
    return both


ONE = {":v": {"N": "1"}}
UNSET = {"Key": ANN, "UpdateExpression": "SET a = :v", "ExpressionAttributeValues": ONE}
OF_ANN = {"IndexName": "UserOrdersIndex", "KeyConditionExpression": "username = :u"}
ANN_VALUE = {":u": {"S": "ann"}}
REFUSED = "ValidationException"


@pytest.mark.parametrize(
    ("operation", "request_", "of_aws", "of_moto"),
    [
        pytest.param("update_item", {**UNSET, "ConditionExpression": "x = y"}, "ConditionalCheckFailedException",
                     ANSWER, id="two absent attributes are not equal"),
        pytest.param("update_item", {**UNSET, "ConditionExpression": "x <> y"}, ANSWER,
                     "ConditionalCheckFailedException", id="an absent attribute differs from everything"),
        pytest.param("update_item", {**UNSET, "ConditionExpression": "size(x) = :v"}, "ConditionalCheckFailedException",
                     "moto broke: ValueError", id="the size of what is absent is no size"),
        pytest.param("update_item", {**UNSET, "ConditionExpression": "#x = :v"}, REFUSED,
                     "moto broke: KeyError", id="an undefined name in a condition"),
        pytest.param("update_item", {**UNSET, "ConditionExpression": "x = :w"}, REFUSED,
                     "moto broke: KeyError", id="an undefined value in a condition"),
        pytest.param("put_item", {"Item": ANN, "ConditionExpression": "attribute_exists(PK)",
                                  "ExpressionAttributeValues": ONE}, REFUSED, ANSWER, id="an unused value in a put"),
        pytest.param("put_item", {"Item": {**ANN, "username": {"N": "1"}}}, REFUSED, ANSWER,
                     id="an index key of another type"),
        pytest.param("put_item", {"Item": {**ANN, "n": {"N": "1" * 39}}}, REFUSED, ANSWER, id="39 digits"),
        pytest.param("get_item", {"Key": {**ANN, "username": {"S": "ann"}}}, REFUSED, ANSWER, id="a key and more"),
        pytest.param("query", {**OF_ANN, "IndexName": "NoSuch", "ExpressionAttributeValues": ANN_VALUE}, REFUSED,
                     "ResourceNotFoundException", id="an unknown index"),
        pytest.param("query", {**OF_ANN, "ExpressionAttributeValues": ANN_VALUE, "Limit": 0}, REFUSED,
                     "moto broke: IndexError", id="a limit of nothing"),
        pytest.param("query", {**OF_ANN, "ExpressionAttributeValues": ANN_VALUE, "ExclusiveStartKey": ANN}, REFUSED,
                     "moto broke: TypeError", id="a starting key without the index's keys"),
        pytest.param("query", {**OF_ANN, "ExpressionAttributeValues": ANN_VALUE, "FilterExpression": "username = :u"},
                     REFUSED, ANSWER, id="a filter on a key"),
    ],
)  # fmt: skip
def test_where_moto_is_wrong_the_table_does_as_aws_does(
    engines: tuple[Engine, Engine], operation: str, request_: dict[str, Any], of_aws: str, of_moto: str
) -> None:
    theirs, ours = engines
    request = {"TableName": "desk", **request_}
    assert ours(operation, request)[0] == of_aws
    assert theirs(operation, request)[0] == of_moto


def test_moto_does_not_honour_a_token_and_aws_does(engines: tuple[Engine, Engine]) -> None:
    theirs, ours = engines
    put = {"TableName": "desk", "Item": {**ANN, "SK": {"S": "USER"}}, "ConditionExpression": "attribute_not_exists(PK)"}
    request = {"ClientRequestToken": "t-1", "TransactItems": [{"Put": put}]}
    assert [theirs("transact_write_items", request)[0] for _ in range(2)] == [ANSWER, "TransactionCanceledException"]
    assert [ours("transact_write_items", request)[0] for _ in range(2)] == [ANSWER, ANSWER]


def test_moto_refuses_all_where_aws_gives_a_validation_reason(engines: tuple[Engine, Engine]) -> None:
    theirs, ours = engines
    wrong = {"TableName": "desk", "Key": ANN, "UpdateExpression": "SET a = absent"}
    request = {"TransactItems": [{"Update": wrong}]}
    assert theirs("transact_write_items", request)[0] == REFUSED
    assert ours("transact_write_items", request) == (
        "TransactionCanceledException",
        ([("ValidationError", None)], None),
    )


def test_moto_answers_only_what_changed_where_aws_answers_what_was_set(engines: tuple[Engine, Engine]) -> None:
    theirs, ours = engines
    same = {"Key": ANN, "UpdateExpression": "SET current_balance = :v", "ReturnValues": "UPDATED_NEW"}
    request = {"TableName": "desk", **same, "ExpressionAttributeValues": {":v": {"N": "10"}}}
    assert ours("update_item", request) == (ANSWER, {"Attributes": {"current_balance": {"N": "10"}}})
    assert theirs("update_item", request) == (ANSWER, {})


def test_moto_leaves_an_item_behind_when_it_refuses_to_update_an_absent_one(engines: tuple[Engine, Engine]) -> None:
    theirs, ours = engines
    key = {"PK": {"S": "bob"}, "SK": {"S": "BALANCE"}}
    values = {":text": {"S": "x"}}
    request = {"TableName": "desk", "Key": key, "UpdateExpression": "ADD a :text", "ExpressionAttributeValues": values}
    assert theirs("update_item", request)[0] == ours("update_item", request)[0] == REFUSED
    there = {"TableName": "desk", "Key": key}
    assert theirs("get_item", there) == (ANSWER, {"Item": key})
    assert ours("get_item", there) == (ANSWER, {})


def test_moto_ignores_the_projection_of_a_transactional_read(engines: tuple[Engine, Engine]) -> None:
    theirs, ours = engines
    get = {"TableName": "desk", "Key": ANN, "ProjectionExpression": "current_balance"}
    request = {"TransactItems": [{"Get": get}]}
    assert ours("transact_get_items", request)[1]["Responses"] == [{"Item": {"current_balance": {"N": "10"}}}]
    assert len(theirs("transact_get_items", request)[1]["Responses"][0]["Item"]) > 1
