"""The only writer: order of refusals, retries inside a time budget, unknown outcomes."""

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from common.domain.ledger import store as ledger
from common.errors import Conflict, Refusal
from common.keys import PrimaryKey
from common.money import Money
from common.owner import Owner
from common.table.items import Item
from common.table.table import Table, TableUnavailable
from common.table.transaction import Busy, Patience, Transaction, Write
from tests.desk import Clock, Desk


class First(Conflict): ...


class Second(Conflict): ...


def cancelled(*codes: str) -> ClientError:
    answer: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "…"},
        "CancellationReasons": [{"Code": code} for code in codes],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(answer, "TransactWriteItems")


def failed(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "…"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "TransactWriteItems")


class Scripted:
    """A client that answers as told; None is success."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    def transact_write_items(self, **call: Any) -> dict[str, Any]:
        self.calls.append(call)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer
        return {}


def commit(client: Scripted, clock: Clock | None = None) -> None:
    clock = clock or Clock()
    patience = Patience(budget_seconds=2, monotonic=clock.monotonic, sleep=clock.sleep, jitter=lambda: 1.0)
    with Transaction(client, "desk", patience) as tx:  # type: ignore[arg-type]
        tx.add(Write("Put", {"Item": {}}, First("first")), Write("Update", {}, lambda _: Second("second")))


CONFLICT, FAILED, NONE = "TransactionConflict", "ConditionalCheckFailed", "None"


def test_the_first_failed_condition_gives_the_refusal() -> None:
    with pytest.raises(First):
        commit(Scripted(cancelled(FAILED, FAILED)))
    with pytest.raises(Second):
        commit(Scripted(cancelled(NONE, FAILED)))


def test_a_conflict_before_the_failed_condition_means_try_again_not_the_refusal() -> None:
    client = Scripted(cancelled(CONFLICT, FAILED))
    commit(client)
    assert len(client.calls) == 2


def test_a_failed_condition_before_a_conflict_is_decided() -> None:
    with pytest.raises(First):
        commit(Scripted(cancelled(FAILED, CONFLICT)))


@pytest.mark.parametrize(
    "busy",
    [
        cancelled(CONFLICT, NONE),
        cancelled(NONE, "ThrottlingError"),
        cancelled("ProvisionedThroughputExceeded", NONE),
        failed("ProvisionedThroughputExceededException"),
        failed("ThrottlingException"),
        failed("RequestLimitExceeded"),
    ],
)
def test_what_wrote_nothing_is_tried_again_under_a_new_token(busy: Exception) -> None:
    client = Scripted(busy, busy)
    commit(client)
    assert len({call["ClientRequestToken"] for call in client.calls}) == 3


@pytest.mark.parametrize(
    "unknown",
    [
        ReadTimeoutError(endpoint_url="https://table"),
        EndpointConnectionError(endpoint_url="https://table"),
        failed("InternalServerError", 500),
        failed("TransactionInProgressException"),
    ],
)
def test_an_unknown_outcome_is_asked_again_under_the_same_token(unknown: Exception) -> None:
    client = Scripted(unknown, unknown)
    commit(client)
    assert len({call["ClientRequestToken"] for call in client.calls}) == 1
    assert client.calls[0]["TransactItems"] == client.calls[2]["TransactItems"]


def test_a_conflict_after_an_unknown_outcome_does_not_change_the_token() -> None:
    client = Scripted(ReadTimeoutError(endpoint_url="https://table"), cancelled(CONFLICT, NONE))
    commit(client)
    assert len({call["ClientRequestToken"] for call in client.calls}) == 1


def test_patience_ends_inside_its_budget_with_busy() -> None:
    clock = Clock()
    began = clock.monotonic()
    with pytest.raises(Busy) as refused:
        commit(Scripted(*[cancelled(CONFLICT, NONE)] * 1000), clock)
    assert clock.monotonic() - began <= 2
    assert refused.value.facts == {"retry_after_seconds": 1}


def test_a_bug_is_not_hidden_as_a_refusal() -> None:
    with pytest.raises(ClientError):
        commit(Scripted(failed("ValidationException")))
    with pytest.raises(ClientError):
        commit(Scripted(cancelled(NONE, "ValidationError")))


def test_a_condition_that_carries_no_refusal_and_fails_is_a_bug() -> None:
    with pytest.raises(AssertionError), Transaction(Scripted(cancelled(FAILED)), "desk") as tx:  # type: ignore[arg-type]
        tx.add(Write("Put", {"Item": {}}))


def test_an_exception_inside_the_block_writes_nothing() -> None:
    client = Scripted()
    tx = Transaction(client, "desk")  # type: ignore[arg-type]
    tx.add(Write("Put", {"Item": {}}, First("first")))
    with pytest.raises(ZeroDivisionError), tx:
        _ = 1 / 0
    assert client.calls == []


def test_the_old_item_is_asked_for_only_where_the_refusal_looks_at_it() -> None:
    client = Scripted()
    commit(client)
    first, second = client.calls[0]["TransactItems"]
    assert "ReturnValuesOnConditionCheckFailure" not in first["Put"]
    assert second["Update"]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_more_than_a_hundred_writes_are_a_bug() -> None:
    with pytest.raises(AssertionError):
        Transaction(Scripted(), "desk").add(*[Write("Put", {})] * 101)  # type: ignore[arg-type]


def test_the_table_tells_of_two_changes_of_one_account_in_a_transaction(desk: Desk) -> None:
    ann: Owner = desk.customer()
    with pytest.raises(ClientError, match="multiple operations on one item"), desk.table.transaction() as tx:
        tx.add(ledger.debit(ann, Money(1), desk.clock()), ledger.credit(ann, Money(1), desk.clock()))


def test_every_refusal_is_one_of_the_five_kinds() -> None:
    kinds = Refusal.__subclasses__()
    assert {"Denied", "NotFound", "Conflict", "Rejected", "Unavailable"} <= {kind.__name__ for kind in kinds}


THROTTLED = ("ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded", "SlowDown")


@pytest.mark.parametrize("code", THROTTLED)
def test_a_throttle_of_status_400_is_one_on_a_read_as_on_a_write(code: str) -> None:
    client = Scripted(failed(code))
    commit(client)
    assert len(client.calls) == 2

    class Throttled:
        def get_item(self, **_: Any) -> None:
            raise failed(code)

    with pytest.raises(TableUnavailable):
        Table(Throttled(), "desk").get(Item, PrimaryKey("ann", "BALANCE"))  # type: ignore[arg-type]
