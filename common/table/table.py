"""The table as services see it: begin a transaction, get an item, read a page of a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.expressions.condition import Condition

from common.errors import Unavailable
from common.keys import Index, Key, PrimaryKey
from common.table.items import Item
from common.table.transaction import BUSY, PATIENCE, Patience, Transaction, Write, ask, tell_failed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

T = TypeVar("T", bound=Item)
A = TypeVar("A")
B = TypeVar("B")
Position = dict[str, dict[str, str]]  # DynamoDB's LastEvaluatedKey
LOOK = 250  # items that one request looks at, when those that a filter lets through are few
LOOKED_MAX = 5_000  # items that are looked at for one page


class TableUnavailable(Unavailable):
    """The desk can not look into its books now. Nothing was written; send the request again.

    The table did not answer a read.
    """


@dataclass(frozen=True)
class Page(Generic[A]):
    """A part of a list, in order, and where the next page begins (None: there is none).

    A filtered page may be short, even empty, and still have a next one.
    """

    items: list[A]
    after: Position | None

    def of(self, read: Callable[[A], B]) -> Page[B]:
        """The same page of other things."""
        return Page([read(item) for item in self.items], self.after)


def partition(pk: str) -> Condition:
    """Every item of one partition key; add a condition on `SK` with `&`."""
    return Item.PK == pk


class Query:
    """Items of one partition, or of one partition of an index, in sort key order or newest first.

    `where` is a condition on the keys. `only` is a filter: it shortens pages, it does not make them cheaper. No query
    of an index is consistent.
    """

    statement: Mapping[str, Any]

    def __init__(
        self,
        where: Condition,
        *,
        index: Index | None = None,
        only: Condition | None = None,
        newest_first: bool = False,
        consistent: bool = False,
    ) -> None:
        names: dict[str, str] = {}
        values: dict[str, Any] = {}
        asked: dict[str, Any] = {
            "KeyConditionExpression": where.serialize(names, values),
            "ScanIndexForward": not newest_first,
        }
        if only is not None:
            asked["FilterExpression"] = only.serialize(names, values)
        if index is not None:
            asked["IndexName"] = index.name
        elif consistent:
            asked["ConsistentRead"] = True
        asked["ExpressionAttributeNames"] = {placeholder: name for name, placeholder in names.items()}
        asked["ExpressionAttributeValues"] = values
        self.statement = asked

    def stating(self, statement: Mapping[str, Any]) -> Query:
        """The same query with other values: see `common.table.prepared`."""
        query = object.__new__(Query)
        query.statement = statement
        return query


@dataclass(frozen=True)
class Table:
    client: DynamoDBClient
    name: str
    patience: Patience = PATIENCE

    @property
    def impatient(self) -> Table:
        """The same table, whose transactions wait for nobody: they are tried once."""
        return replace(self, patience=replace(self.patience, budget_seconds=0))

    def transaction(self) -> Transaction:
        return Transaction(self.client, self.name, self.patience)

    def seconds(self) -> float:
        """What a stopwatch shows: the clock that a transaction's patience runs by, for whoever limits several."""
        return self.patience.monotonic()

    def write(self, *writes: Write) -> None:
        """Writes that land together or not at all: a whole transaction. Raises what Transaction raises."""
        with self.transaction() as tx:
            tx.add(*writes)

    def get(self, kind: type[T], key: PrimaryKey, *, consistent: bool = False) -> T | None:
        """One item, or None. Eventually consistent unless said: 0.5 read units, or 1."""
        answer = self._ask("get_item", Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}}, ConsistentRead=consistent)
        return kind.from_raw_data(answer["Item"]) if "Item" in answer else None

    def page(self, kind: type[T], query: Query, *, limit: int | None = None, after: Position | None = None) -> Page[T]:
        """One page of a query, in one request. Items of several kinds come as their own classes of `kind`."""
        asked = dict(query.statement)
        if limit is not None:
            asked["Limit"] = limit
        if after is not None:
            asked["ExclusiveStartKey"] = after
        return _page(kind, self._ask("query", **asked))

    def filled(self, kind: type[T], query: Query, *, limit: int, after: Position | None = None) -> Page[T]:
        """A page of a filtered query with `limit` items, where there are so many: one request, and further ones only
        where the filter has left the page short. A page that is short and goes on has looked at `LOOKED_MAX` items."""
        found: list[Mapping[str, Any]] = []
        looked, asked = 0, {**query.statement, "Limit": limit}
        while True:
            if after is not None:
                asked["ExclusiveStartKey"] = after
            answer = self._ask("query", **asked)
            for raw in answer["Items"]:
                if len(found) == limit:
                    assert after is not None, "the first request finds no more than the page has"
                    return _page(kind, {"Items": found, "LastEvaluatedKey": {name: found[-1][name] for name in after}})
                found.append(raw)
            looked += answer["ScannedCount"]
            after, asked["Limit"] = answer.get("LastEvaluatedKey"), LOOK
            if after is None or len(found) == limit or looked >= LOOKED_MAX:
                return _page(kind, {**answer, "Items": found})

    def all(self, kind: type[T], query: Query, *, at_once: int | None = None) -> Iterator[T]:
        """Every item of a query, a request for each page. `at_once` is how many a page has at most, where few of many
        are looked at."""
        after: Position | None = None
        while True:
            page = self.page(kind, query, limit=at_once, after=after)
            yield from page.items
            after = page.after
            if after is None:
                return

    def scan(self, kind: type[T], *rows: Key, limit: int | None = None, after: Position | None = None) -> Page[T]:
        """A page of a whole table's items of some rows of the schema, for administration only: it reads everything it
        passes. `limit` is of the items passed, so a page may be short, even empty. Items of several rows come as their
        own classes of `kind`."""
        entities = {f":entity{number or ''}": {"S": row.entity} for number, row in enumerate(rows)}
        asked: dict[str, Any] = {
            "FilterExpression": " OR ".join(f"entity_type = {entity}" for entity in entities),
            "ExpressionAttributeValues": entities,
        }
        if limit is not None:
            asked["Limit"] = limit
        if after is not None:
            asked["ExclusiveStartKey"] = after
        return _page(kind, self._ask("scan", **asked))

    def _ask(self, operation: str, **given: Any) -> Mapping[str, Any]:
        try:
            return ask(self.client, operation, self.seconds, TableName=self.name, **given)
        except BotoCoreError as unreachable:
            raise TableUnavailable(
                "the desk can not look into its books now; send the request again", retry_after_seconds=1
            ) from (unreachable)
        except ClientError as error:
            tell_failed(operation, error)
            code = error.response["Error"]["Code"]
            if code in BUSY or error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                raise TableUnavailable(
                    "the desk has too much to do now; send the request again", retry_after_seconds=1
                ) from error
            raise


def _page(kind: type[T], answer: Mapping[str, Any]) -> Page[T]:
    return Page([kind.from_raw_data(raw) for raw in answer["Items"]], answer.get("LastEvaluatedKey"))
