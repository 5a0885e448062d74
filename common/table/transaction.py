"""The only writer: writes that land together or not at all, each carrying the refusal its condition stands for."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action, Update

from common.errors import Conflict, Refusal, Rejected, Unavailable
from common.log import log
from common.table.items import Item, RawItem

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

TRANSACT = "transact_write_items"
WRITES_MAX = 100  # TransactWriteItems' own limit

# Codes, of a whole call or of one reason, after which nothing was done and the same may be tried again. Those of
# throttling are DynamoDB's and the others that botocore takes for it; each may come with status 400.
BUSY = {
    "TransactionConflict",
    "TransactionConflictException",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingError",
    "ThrottlingException",
    "TooManyRequestsException",
}

SLOW_SECONDS = 0.5  # a call takes hundredths; one that takes longer was repeated by botocore, or its answer was lost

Otherwise = Refusal | Callable[[RawItem | None], Refusal]


class Busy(Unavailable):
    """Others are changing the same at this moment, or the desk has too much to do. Send the same request again.

    Transactions collide, or the table is throttled, for longer than we may wait.
    """


class _NotWritten(Exception):
    """Nothing was written; the transaction may be tried again."""


class _Unknown(Exception):
    """It may have been written or not: the answer was lost, or the table failed inside."""


def ask(client: DynamoDBClient, operation: str, stopwatch: Callable[[], float], **given: Any) -> Mapping[str, Any]:
    """The answer to one call. One that was slow is told, whatever became of it, by the id that AWS has given it."""
    began, metadata = stopwatch(), dict[str, Any]()
    try:
        answer: Mapping[str, Any] = getattr(client, operation)(**given)
        metadata = answer.get("ResponseMetadata", {})
        return answer
    except ClientError as error:
        metadata = dict(error.response.get("ResponseMetadata", {}))
        raise
    finally:
        if (seconds := stopwatch() - began) >= SLOW_SECONDS:
            told = {
                "operation": operation,
                "seconds": round(seconds, 3),
                "attempts": metadata.get("RetryAttempts", 0) + 1,
            }
            log.warning("table call slow", extra=told | {"table_request_id": metadata.get("RequestId")})


def tell_failed(operation: str, failure: BaseException | None) -> None:
    """That a call of the table has failed for good, by the id that AWS has given it; the line has the request's, too.
    A table that nobody has reached has given none."""
    if isinstance(failure, ClientError):
        told = {
            "operation": operation,
            "code": failure.response["Error"]["Code"],
            "table_request_id": failure.response.get("ResponseMetadata", {}).get("RequestId"),
        }
        log.warning("table call failed", extra=told)


@dataclass(frozen=True)
class Write:
    """One statement of a transaction, and the refusal to raise when its condition fails.

    `otherwise` may be a function of the item as it is in the table (None when there is none): it is asked for
    with ALL_OLD, so a refusal, or the answer to a repeat, costs no read.
    """

    action: str  # Put, Update, Delete, ConditionCheck
    statement: Mapping[str, Any]
    otherwise: Otherwise | None = None

    @classmethod
    def put(cls, item: Item, *, when: Condition | None = None, otherwise: Otherwise | None = None) -> Write:
        return cls("Put", _expressed({"Item": item.serialize()}, when=when), otherwise)

    @classmethod
    def insert(cls, item: Item, *, otherwise: Otherwise | None = None) -> Write:
        """Put an item whose key has none."""
        absent = {"ConditionExpression": "attribute_not_exists (#0)", "ExpressionAttributeNames": {"#0": "PK"}}
        return cls("Put", {"Item": item.serialize(), **absent}, otherwise)

    @classmethod
    def update(
        cls, item: Item, *actions: Action, when: Condition | None = None, otherwise: Otherwise | None = None
    ) -> Write:
        return cls("Update", _expressed({"Key": _key(item)}, Update(*actions), when), otherwise)

    @classmethod
    def delete(cls, item: Item, *, when: Condition | None = None, otherwise: Otherwise | None = None) -> Write:
        return cls("Delete", _expressed({"Key": _key(item)}, when=when), otherwise)

    @classmethod
    def check(cls, item: Item, *, when: Condition, otherwise: Otherwise | None = None) -> Write:
        """Nothing is written, but the transaction stands or falls with it."""
        return cls("ConditionCheck", _expressed({"Key": _key(item)}, when=when), otherwise)

    def refused_with(self, otherwise: Otherwise) -> Write:
        """The same write, carrying the refusal that its condition stands for."""
        return Write(self.action, self.statement, otherwise)

    def stating(self, statement: Mapping[str, Any]) -> Write:
        """The same write with other values: see `common.table.prepared`."""
        if self.otherwise is not None:
            raise TypeError("a refusal belongs to one call: give it to what the prepared function returns")
        return Write(self.action, statement)

    def refusal(self, old: RawItem | None) -> Refusal:
        if self.otherwise is None:
            raise AssertionError(f"a condition failed that carries no refusal: {self.statement}")
        return self.otherwise if isinstance(self.otherwise, Refusal) else self.otherwise(old)


def _key(item: Item) -> dict[str, Any]:
    return {"PK": {"S": item.PK}, "SK": {"S": item.SK}}


def _expressed(
    statement: dict[str, Any], update: Update | None = None, when: Condition | None = None
) -> dict[str, Any]:
    names: dict[str, str] = {}
    values: dict[str, Any] = {}
    if update is not None:
        statement["UpdateExpression"] = update.serialize(names, values)
    if when is not None:
        statement["ConditionExpression"] = when.serialize(names, values)
    if names:
        statement["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
    if values:
        statement["ExpressionAttributeValues"] = values
    return statement


@dataclass(frozen=True)
class Patience:
    """How long a transaction waits for others: full jitter, doubling from the first pause to the longest."""

    budget_seconds: float = 5.0
    first_pause_seconds: float = 0.01
    longest_pause_seconds: float = 0.25
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random  # in [0, 1)


PATIENCE = Patience()


@dataclass
class Transaction:
    """Writes that land together or not at all.

        with table.transaction() as tx:
            tx.add(store.insert(order), ledger.debit(owner, cost))

    Leaving the block commits; an exception inside it writes nothing. At most 100 writes, one for each item.
    The order of the writes is the order of the errors, so an insert that recognises a repeat goes first.

    A conflict or throttle is tried again inside the time budget. So is an unknown outcome (the answer was lost),
    under the same ClientRequestToken: DynamoDB answers a repeat of what it has done with success. The token lives
    ten minutes and guards only these retries; what makes a caller's repeat safe is the insert's condition.

    Raises, on leaving the block:
        the `otherwise` of the first write, in the order they were added, whose condition failed, unless an
            earlier write met a conflict: then the condition may have been judged too early, and all is tried again;
        Busy, when the budget is used up. The outcome of the last try may then be unknown: repeat under the same id.
    """

    client: DynamoDBClient
    table_name: str
    patience: Patience = PATIENCE
    writes: list[Write] = field(default_factory=list)

    def add(self, *writes: Write) -> Self:
        self.writes.extend(writes)
        assert len(self.writes) <= WRITES_MAX
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self.writes:
            self._commit()

    def _commit(self) -> None:
        p = self.patience
        deadline = p.monotonic() + p.budget_seconds
        longest, token, perhaps_written = p.first_pause_seconds, uuid.uuid4().hex, False
        failed: BaseException | None
        while True:
            try:
                return self._try(token)
            except (Conflict, Rejected) as refusal:
                if not perhaps_written:
                    raise
                # An earlier try may be on its way still, and be done after this refusal.
                raise Busy("the outcome is not known; send it again", retry_after_seconds=1) from refusal
            except _Unknown as unknown:
                failed = unknown.__context__
                perhaps_written = True  # the same token: what was done is answered with success, what was not is done
            except _NotWritten as not_now:
                failed = not_now.__context__
                if not perhaps_written:
                    token = uuid.uuid4().hex
            pause = longest * p.jitter()
            if p.monotonic() + pause >= deadline:
                tell_failed(TRANSACT, failed)
                raise Busy("the table is busy; send the same request again", retry_after_seconds=1)
            p.sleep(pause)
            longest = min(longest * 2, p.longest_pause_seconds)

    def _try(self, token: str) -> None:
        try:
            given = {"TransactItems": self._statements(), "ClientRequestToken": token}
            ask(self.client, TRANSACT, self.patience.monotonic, **given)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "TransactionCanceledException":
                self._judge(error.response["CancellationReasons"])
            if code in BUSY:
                raise _NotWritten from error
            if code == "TransactionInProgressException":  # our own earlier try, whose answer was lost
                raise _Unknown from error
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise _Unknown from error
            tell_failed(TRANSACT, error)
            raise
        except BotoCoreError as unreachable:  # no connection, a time-out, a connection that broke
            raise _Unknown from unreachable

    def _statements(self) -> Any:
        return [
            {
                write.action: {
                    "TableName": self.table_name,
                    **write.statement,
                    **({"ReturnValuesOnConditionCheckFailure": "ALL_OLD"} if callable(write.otherwise) else {}),
                }
            }
            for write in self.writes
        ]

    def _judge(self, reasons: Sequence[Mapping[str, Any]]) -> None:
        for write, reason in zip(self.writes, reasons, strict=True):
            if reason["Code"] == "ConditionalCheckFailed":
                raise write.refusal(reason.get("Item"))
            if reason["Code"] in BUSY:
                raise _NotWritten
