"""A small DynamoDB in memory, shaped like a botocore client.

    table = TableSpec("desk", indexes=[IndexSpec("UserOrdersIndex", "username", "ASSET_ID")])
    client = InMemoryDynamoDB(table)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "desk", "Item": {…}}}])

The same keyword arguments, wire values, answers and exceptions as `boto3.client("dynamodb")`, for the
operations on items. Reads are consistent and nothing fails by itself; what AWS does besides (conflicts,
throttles, lost answers, late indexes) comes from `faults` and `interleave`, what it costs from `meter`.

The table serves one thread at a time. A transaction has two phases: *prepare* checks its conditions and
holds its items, *commit* writes them. `pause`, when set, is called between them, and whoever comes to
a held item meanwhile gets a TransactionConflict.
"""

import contextlib
import copy
import functools
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import botocore.loaders
from botocore import xform_name
from botocore.exceptions import OperationNotPageableError
from botocore.paginate import Paginator, PaginatorModel
from botocore.validate import ParamValidator

from tests.harness import errors
from tests.harness.capacity import CONSISTENT, EVENTUAL, TRANSACTIONAL, Arm, read_units
from tests.harness.errors import Refused, cancellation, client_error, invalid, malformed
from tests.harness.paths import parts
from tests.harness.plans import planned
from tests.harness.requests import Request, check_members, transaction_statement
from tests.harness.schema import TableSpec
from tests.harness.searching import Found, Search
from tests.harness.storage import Key, Record, Table
from tests.harness.values import Item, kept_item, wire_item
from tests.harness.writes import Statement, return_values

STATEMENTS_MAX = 100
TRANSACTION_SIZE_MAX = 4 * 1024 * 1024
BATCH_WRITES_MAX = 25
BATCH_READS_MAX = 100
TOKEN_LIFE = timedelta(minutes=10)
TOKEN_LENGTH_MAX = 36
TOKENS_MAX = 10_000
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}

Answer = dict[str, Any]
Reason = dict[str, Any]  # of a cancellation: Code, Message, Item
Images = tuple[Record | None, Record | None]  # an item before and after
Arms = list[Arm] | None  # where a call notes what it costs; None when nobody asks


class Consumption(NamedTuple):
    """What one call cost. `error` is its code, "" when it succeeded."""

    operation: str
    arms: tuple[Arm, ...]
    error: str


@dataclass(slots=True)
class Token:
    """A ClientRequestToken that was seen. `done_at` is None while its transaction is under way."""

    statements: list[Statement]
    done_at: datetime | None = None

    def stands_for(self, statements: list[Statement]) -> bool:
        """Whether these are the statements it was first sent with."""
        return len(statements) == len(self.statements) and all(map(Statement.same_as, statements, self.statements))


class InMemoryDynamoDB:
    """The client. `exceptions`, `get_paginator` and `meta`-less otherwise, as botocore's.

    Args:
        tables: what exists from the beginning.
        now: the clock that ClientRequestTokens age by.
        validate: let botocore's own validator look at every request first (about 0.1 ms for each
            statement); without it, unknown and missing members are found anyway.
    """

    def __init__(
        self,
        *tables: TableSpec,
        now: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
        validate: bool = False,
    ) -> None:
        self.pause: Callable[[str], None] | None = None
        self.observers: list[Callable[[Consumption], None]] = []
        self._tables = {spec.name: Table(spec) for spec in tables}
        self._now = now
        self._validator = ParamValidator() if validate else None
        self._held: dict[tuple[str, Key], object] = {}
        self._tokens: dict[str, Token] = {}
        self._requests = 0
        self._contended: Collection[int] = ()
        self._index_delay = 0
        self._item_delay = 0

    @property
    def client(self) -> Any:
        """This table, for product code that is typed for the real client."""
        return self

    @property
    def exceptions(self) -> Any:
        return errors.exceptions()

    def items(self, table: str | None = None) -> list[Item]:
        """Every item of the table (of the only one), by key: for a test to look at, at no cost."""
        records = (self._tables[table] if table else next(iter(self._tables.values()))).records
        return [wire_item(records[key].item) for key in sorted(records, key=repr)]

    @contextlib.contextmanager
    def behind(self, *, index_writes: int = 0, item_writes: int = 0) -> Iterator[None]:
        """Within the block, reads that need not be consistent see the state of that many item writes ago.

        A transaction counts as its single writes, so half of it may be seen: so it is on AWS.
        """
        before = self._index_delay, self._item_delay
        self._index_delay, self._item_delay = index_writes, item_writes
        try:
            yield
        finally:
            self._index_delay, self._item_delay = before

    @contextlib.contextmanager
    def contended(self, positions: Collection[int]) -> Iterator[None]:
        """Within the block, a transaction's statements at these positions meet another transaction."""
        before, self._contended = self._contended, positions
        try:
            yield
        finally:
            self._contended = before

    # Single items

    def put_item(self, **request: Any) -> Answer:
        return self._call("PutItem", request, functools.partial(self._write, "Put"))

    def update_item(self, **request: Any) -> Answer:
        return self._call("UpdateItem", request, functools.partial(self._write, "Update"))

    def delete_item(self, **request: Any) -> Answer:
        return self._call("DeleteItem", request, functools.partial(self._write, "Delete"))

    def get_item(self, **request: Any) -> Answer:
        return self._call("GetItem", request, self._get)

    # Several items

    def query(self, **request: Any) -> Answer:
        return self._call("Query", request, functools.partial(self._search, Search.query))

    def scan(self, **request: Any) -> Answer:
        return self._call("Scan", request, functools.partial(self._search, Search.scan))

    def batch_get_item(self, **request: Any) -> Answer:
        return self._call("BatchGetItem", request, self._batch_get)

    def batch_write_item(self, **request: Any) -> Answer:
        return self._call("BatchWriteItem", request, self._batch_write)

    def transact_write_items(self, **request: Any) -> Answer:
        return self._call("TransactWriteItems", request, self._transact_write)

    def transact_get_items(self, **request: Any) -> Answer:
        return self._call("TransactGetItems", request, self._transact_get)

    # Around them

    def create_table(self, **request: Any) -> Answer:
        def create(request: Request, _: Arms) -> Answer:
            if request["TableName"] in self._tables:
                raise Refused("ResourceInUseException", f"Table already exists: {request['TableName']}")
            self._tables[request["TableName"]] = Table(TableSpec.of(request))
            return {"TableDescription": {**request, "TableStatus": "ACTIVE"}}

        return self._call("CreateTable", request, create)

    def describe_table(self, **request: Any) -> Answer:
        def describe(request: Request, _: Arms) -> Answer:
            table = self._table(request)
            return {"Table": {**table.spec.create_table(), "TableStatus": "ACTIVE", "ItemCount": len(table.records)}}

        return self._call("DescribeTable", request, describe)

    def can_paginate(self, operation_name: str) -> bool:
        return operation_name in _paginators()

    def get_paginator(self, operation_name: str) -> Any:
        return paginator(self, operation_name)

    def _make_api_call(self, operation_name: str, api_params: Request) -> Answer:
        """The way in that PynamoDB takes."""
        answer: Answer = getattr(self, xform_name(operation_name))(**api_params)
        return answer

    def _call(self, operation: str, request: Request, run: Callable[[Request, Arms], Answer]) -> Answer:
        """Check the request's members, run it, dress its answer or its refusal as botocore does."""
        check_members(operation, request)
        if self._validator:
            report = self._validator.validate(request, errors.members(operation))
            if report.has_errors():
                raise malformed(report.generate_report())
        if self.pause:
            self.pause("call")
        self._requests += 1
        request_id = f"{self._requests:08d}"
        wanted = request.get("ReturnConsumedCapacity", "NONE")
        arms: Arms = [] if self.observers or wanted != "NONE" else None
        try:
            answer = run(request, arms)
        except Refused as refused:
            self._observe(operation, arms, refused.code)
            raise client_error(refused.code, refused.message, operation, request_id, **refused.members) from None
        if arms is not None:
            self._observe(operation, arms, "")
            if wanted != "NONE":
                answer["ConsumedCapacity"] = _consumed(operation, arms, wanted)
        answer["ResponseMetadata"] = {
            "RequestId": request_id,
            "HTTPStatusCode": 200,
            "HTTPHeaders": {},
            "RetryAttempts": 0,
        }
        return answer

    def _observe(self, operation: str, arms: Arms, error: str) -> None:
        for observer in self.observers:
            observer(Consumption(operation, tuple(arms or ()), error))

    def _table(self, request: Request) -> Table:
        try:
            return self._tables[request["TableName"]]
        except KeyError:
            raise Refused("ResourceNotFoundException", "Requested resource not found") from None

    # Writing

    def _write(self, kind: str, request: Request, arms: Arms) -> Answer:
        statement = Statement.of(kind, request, self._table(request))
        returns = return_values(kind, request)
        statement.place()
        table, key = statement.table, statement.key
        if self._held and (table.name, key) in self._held:
            raise Refused("TransactionConflictException", CONFLICT["Message"])
        before = table.records.get(key)
        if not statement.allowed(before):
            if arms is not None:
                statement.charge(arms, before, None, transactional=False, refused=True)
            shown = {"Item": wire_item(before.item)} if before and statement.returns_old else {}
            raise Refused("ConditionalCheckFailedException", FAILED["Message"], **shown)
        after = statement.image(before)
        if arms is not None:
            statement.charge(arms, before, after, transactional=False)
        if after is not before:
            table.write(key, after)
        return statement.shown(returns, before, after)

    def _transact_write(self, request: Request, arms: Arms) -> Answer:
        bodies = request["TransactItems"]
        if not 1 <= len(bodies) <= STATEMENTS_MAX:
            raise invalid(
                "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
                f"Member must have length between 1 and {STATEMENTS_MAX}"
            )
        statements = [self._transaction_statement(body) for body in bodies]
        size = 0
        for statement in statements:
            size += statement.payload_size
        if size > TRANSACTION_SIZE_MAX:
            raise invalid("Transaction payload size cannot exceed 4 MB")
        self._place_all(statements)
        if len({(statement.table.name, statement.key) for statement in statements}) < len(statements):
            raise invalid("Transaction request cannot include multiple operations on one item")
        token = request.get("ClientRequestToken")
        if token is not None:
            if self._replayed(token, statements, arms):
                return {}
            self._remember(token, Token(statements))
        try:
            images = self._prepared(statements, arms)
            self._commit(statements, images)
        except BaseException:
            self._tokens.pop(token or "", None)
            raise
        finally:
            if self.pause:
                self._release(statements)
        if token is not None:
            self._tokens[token].done_at = self._now()
        return {}

    def _transaction_statement(self, body: Request) -> Statement:
        kind, content = transaction_statement(body)
        return Statement.of(kind, content, self._table(content))

    @staticmethod
    def _place_all(statements: list[Statement]) -> None:
        """Keys of all; the first that does not fit its table cancels, and nobody looks further."""
        for number, statement in enumerate(statements):
            try:
                statement.place()
            except Refused as refused:
                reasons: list[Reason] = [{"Code": "None"} for _ in statements]
                reasons[number] = {"Code": "ValidationError", "Message": refused.message}
                raise cancellation(reasons) from refused

    def _prepared(self, statements: list[Statement], arms: Arms) -> list[Images]:
        """Hold every item, judge every statement; the images before and after, or a cancellation with all reasons."""
        images: list[Images] = []
        reasons: dict[int, Reason] = {}
        for number, statement in enumerate(statements):
            if self.pause and number:
                self.pause("prepare")
            before = statement.table.records.get(statement.key)
            after = before
            if number in self._contended or (self.pause and not self._hold(statement, statements)):
                reasons[number] = dict(CONFLICT)
            elif not statement.allowed(before):
                shown = {"Item": wire_item(before.item)} if before and statement.returns_old else {}
                reasons[number] = {**FAILED, **shown}
            else:
                try:
                    after = statement.image(before)
                except Refused as refused:
                    reasons[number] = {"Code": "ValidationError", "Message": refused.message}
            images.append((before, after))
        if arms is not None:
            for statement, (before, after) in zip(statements, images, strict=True):
                statement.charge(arms, before, after, transactional=True, refused=bool(reasons))
        if self.pause:
            self.pause("commit")  # a transaction that will be cancelled holds its items too, for a while
        if reasons:
            raise cancellation([reasons.get(number, {"Code": "None"}) for number in range(len(statements))])
        return images

    def _commit(self, statements: list[Statement], images: list[Images]) -> None:
        for number, (statement, (before, after)) in enumerate(zip(statements, images, strict=True)):
            if number and self.pause:
                self.pause("apply")
            if after is not before:
                statement.table.write(statement.key, after)

    def _hold(self, statement: Statement, holder: object) -> bool:
        """Hold the item for the transaction; false when another one holds it."""
        return self._held.setdefault((statement.table.name, statement.key), holder) is holder

    def _release(self, statements: list[Statement]) -> None:
        for statement in statements:
            place = statement.table.name, statement.key
            if self._held.get(place) is statements:
                del self._held[place]

    def _remember(self, token: str, seen: Token) -> None:
        """Note a token. Only the latest are kept: repeats come soon, and a clock that stands still forgets nothing."""
        self._tokens.pop(token, None)
        self._tokens[token] = seen
        if len(self._tokens) > TOKENS_MAX:
            del self._tokens[next(iter(self._tokens))]

    def _replayed(self, token: str, statements: list[Statement], arms: Arms) -> bool:
        """Whether this very request was committed under this token in the last ten minutes."""
        if not 1 <= len(token) <= TOKEN_LENGTH_MAX:
            raise invalid(
                f"1 validation error detected: Value '{token}' at 'clientRequestToken' failed to satisfy constraint: "
                f"Member must have length between 1 and {TOKEN_LENGTH_MAX}"
            )
        seen = self._tokens.get(token)
        if seen is None or (seen.done_at and self._now() - seen.done_at >= TOKEN_LIFE):
            return False
        if not seen.stands_for(statements):
            raise Refused(
                "IdempotentParameterMismatchException",
                "Transaction canceled, idempotent parameter mismatch: the token was used with other parameters",
            )
        if seen.done_at is None:
            raise Refused(
                "TransactionInProgressException", "The transaction with the given request token is already in progress."
            )
        if arms is not None:
            for statement in statements:
                record = statement.table.records.get(statement.key)
                size = record.size if record else 0
                arms.append(Arm(statement.table.name, None, read_units=read_units(size, TRANSACTIONAL)))
        return True

    def _batch_write(self, request: Request, arms: Arms) -> Answer:
        statements: list[tuple[Statement, Request]] = []
        for name, bodies in request["RequestItems"].items():
            for body in bodies:
                ((kind, content),) = body.items()
                if kind not in ("PutRequest", "DeleteRequest"):
                    raise malformed(f'Unknown parameter in input: "{kind}", must be one of: PutRequest, DeleteRequest')
                statement = Statement.of(kind.removesuffix("Request"), content, self._table({"TableName": name}))
                statement.place()
                statements.append((statement, body))
        if not 1 <= len(statements) <= BATCH_WRITES_MAX:
            raise invalid(
                "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
                f"Member must have length between 1 and {BATCH_WRITES_MAX}"
            )
        if len({(statement.table.name, statement.key) for statement, _ in statements}) < len(statements):
            raise invalid("Provided list of item keys contains duplicates")
        unprocessed: dict[str, list[Any]] = {}
        for statement, body in statements:
            if (statement.table.name, statement.key) in self._held:
                unprocessed.setdefault(statement.table.name, []).append(copy.deepcopy(body))
                continue
            before = statement.table.records.get(statement.key)
            after = statement.image(before)
            if arms is not None:
                statement.charge(arms, before, after, transactional=False)
            statement.table.write(statement.key, after)
        return {"UnprocessedItems": unprocessed}

    # Reading

    def _get(self, request: Request, arms: Arms) -> Answer:
        consistent = bool(request.get("ConsistentRead"))
        return self._read_one(request, arms, CONSISTENT if consistent else EVENTUAL)

    def _read_one(self, body: Request, arms: Arms, rate: Decimal) -> Answer:
        table = self._table(body)
        projection = planned(body).projection
        key = table.given_key(kept_item(body["Key"])[0])
        record = table.records.get(key)
        if rate == EVENTUAL and self._item_delay:
            record = table.earlier(self._item_delay).get(key, record)
        if arms is not None:
            arms.append(Arm(table.name, None, read_units=read_units(record.size if record else 0, rate)))
        if record is None:
            return {}
        return {"Item": wire_item(parts(record.item, projection.meaning) if projection else record.item)}

    def _search(self, run: Callable[[Search], Found], request: Request, arms: Arms) -> Answer:
        table = self._table(request)
        consistent = bool(request.get("ConsistentRead"))
        late = self._index_delay if "IndexName" in request else self._item_delay
        search = Search(request, table, 0 if consistent else late)
        found = run(search)
        if arms is not None:
            units = read_units(found.size, CONSISTENT if consistent else EVENTUAL)
            arms.append(Arm(table.name, search.index.spec.name if search.on_index else None, read_units=units))
        return found.answer

    def _batch_get(self, request: Request, arms: Arms) -> Answer:
        answers: dict[str, list[Item]] = {}
        asked = 0
        for name, body in request["RequestItems"].items():
            shared = {member: body[member] for member in body if member != "Keys"}
            rate = CONSISTENT if shared.pop("ConsistentRead", False) else EVENTUAL
            table = self._table({"TableName": name})
            keys = [table.given_key(kept_item(key)[0]) for key in body["Keys"]]
            if len(set(keys)) < len(keys):
                raise invalid("Provided list of item keys contains duplicates")
            asked += len(keys)
            if asked > BATCH_READS_MAX:
                raise invalid("Too many items requested for the BatchGetItem call")
            found = [self._read_one({"TableName": name, "Key": key, **shared}, arms, rate) for key in body["Keys"]]
            answers[name] = [one["Item"] for one in found if "Item" in one]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _transact_get(self, request: Request, arms: Arms) -> Answer:
        bodies = [body["Get"] for body in request["TransactItems"]]
        if not 1 <= len(bodies) <= STATEMENTS_MAX:
            raise invalid(
                "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
                f"Member must have length between 1 and {STATEMENTS_MAX}"
            )
        places = []
        for body in bodies:
            table = self._table(body)
            places.append((table.name, table.given_key(kept_item(body["Key"])[0])))
        if len(set(places)) < len(places):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if any(place in self._held for place in places):
            raise cancellation([dict(CONFLICT) if place in self._held else {"Code": "None"} for place in places])
        return {"Responses": [self._read_one(body, arms, TRANSACTIONAL) for body in bodies]}


def _consumed(operation: str, arms: list[Arm], wanted: str) -> Any:
    """`ConsumedCapacity` as AWS reports it: floats, a list for the operations on several tables."""
    reports = []
    for table in dict.fromkeys(arm.table for arm in arms):
        own = [arm for arm in arms if arm.table == table]
        report: dict[str, Any] = {"TableName": table, **_units(own)}
        if wanted == "INDEXES":
            report["Table"] = _units([arm for arm in own if arm.index is None])
            indexes = dict.fromkeys(arm.index for arm in own if arm.index is not None)
            if indexes:
                report["GlobalSecondaryIndexes"] = {
                    name: _units([arm for arm in own if arm.index == name]) for name in indexes
                }
        reports.append(report)
    several = operation in ("TransactWriteItems", "TransactGetItems", "BatchGetItem", "BatchWriteItem")
    return reports if several else reports[0]


def _units(arms: list[Arm]) -> dict[str, float]:
    written, read = sum(arm.write_units for arm in arms), sum(arm.read_units for arm in arms)
    detail = {"WriteCapacityUnits": float(written)} if written else {}
    detail |= {"ReadCapacityUnits": float(read)} if read else {}
    return {"CapacityUnits": float(written + read), **detail}


def paginator(client: Any, operation_name: str) -> Any:
    """botocore's own paginator over any client of this shape. `operation_name` as in `query`."""
    if operation_name not in _paginators():
        raise OperationNotPageableError(operation_name=operation_name)
    name, settings = _paginators()[operation_name]
    return Paginator(getattr(client, operation_name), settings, errors.service_model().operation_model(name))


@functools.cache
def _paginators() -> dict[str, tuple[str, dict[str, Any]]]:
    """Operations that have pages: by method name, their API name and how their pages go on."""
    description = botocore.loaders.Loader().load_service_model("dynamodb", "paginators-1")
    model = PaginatorModel(description)
    return {xform_name(name): (name, model.get_paginator(name)) for name in description["pagination"]}
