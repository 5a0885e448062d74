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
from collections.abc import Callable, Collection, Iterator, Mapping
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
from tests.harness.capacity import (
    CONSISTENT,
    EVENTUAL,
    TRANSACTIONAL,
    Arm,
    read_units,
    table_write_units,
)
from tests.harness.errors import Refused, cancellation, client_error, invalid, malformed
from tests.harness.evaluation import NOTHING, Plan, parts, planned
from tests.harness.schema import TableSpec
from tests.harness.searching import Found, Search
from tests.harness.storage import Key, Record, Table
from tests.harness.values import ITEM_SIZE_MAX, Item, copied_item, item_size, kept_item

STATEMENTS_MAX = 100
TRANSACTION_SIZE_MAX = 4 * 1024 * 1024
BATCH_WRITES_MAX = 25
BATCH_READS_MAX = 100
TOKEN_LIFE = timedelta(minutes=10)
TOKEN_LENGTH_MAX = 36
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}

Answer = dict[str, Any]
Request = Mapping[str, Any]
Arms = list[Arm] | None  # where a call notes what it costs; None when nobody asks


class Consumption(NamedTuple):
    """What one call cost. `error` is its code, "" when it succeeded."""

    operation: str
    arms: tuple[Arm, ...]
    error: str


@dataclass(slots=True)
class Statement:
    """One write as asked for: of a single call, or one of a transaction's."""

    kind: str  # Put, Update, Delete, ConditionCheck
    table: Table
    given: Item  # the whole item of a Put, the key of the others
    size: int  # of what was given
    values: Item
    plan: Plan
    returns_old: bool
    payload_size: int
    key: Key = ("", "")

    def image(self, before: Record | None) -> Record | None:
        """The item after the write. ValidationException when the item does not allow it."""
        if self.kind == "Put":
            return Record(self.given, self.size)
        if self.kind == "Delete":
            return None
        update = self.plan.update
        if update is None or (before is None and update.only_removes):
            return before  # an update that only takes away does not bring an item into being
        item = update.applied(before.item if before else self.given, self.values, exists=before is not None)
        self.table.check(item)
        size = item_size(item)
        if size > ITEM_SIZE_MAX:
            raise invalid("Item size to update has exceeded the maximum allowed size")
        return Record(item, size)

    def allowed(self, before: Record | None) -> bool:
        condition = self.plan.condition
        return condition is None or condition.holds(before.item if before else NOTHING, self.values)


@dataclass(slots=True)
class Token:
    """A ClientRequestToken that was seen. `done_at` is None while its transaction is under way."""

    statements: list[Statement]
    done_at: datetime | None = None

    def stands_for(self, statements: list[Statement]) -> bool:
        return len(statements) == len(self.statements) and all(
            (one.kind, one.table, one.given, one.values, one.plan, one.returns_old)
            == (other.kind, other.table, other.given, other.values, other.plan, other.returns_old)
            for one, other in zip(statements, self.statements, strict=True)
        )


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
        return [copied_item(records[key].item) for key in sorted(records, key=repr)]

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
        """botocore's own paginator over this client. `operation_name` as in `query`."""
        if not self.can_paginate(operation_name):
            raise OperationNotPageableError(operation_name=operation_name)
        name, settings = _paginators()[operation_name]
        return Paginator(getattr(self, operation_name), settings, errors.service_model().operation_model(name))

    def _make_api_call(self, operation_name: str, api_params: Request) -> Answer:
        """The way in that PynamoDB takes."""
        answer: Answer = getattr(self, xform_name(operation_name))(**api_params)
        return answer

    def _call(self, operation: str, request: Request, run: Callable[[Request, Arms], Answer]) -> Answer:
        """Check the request's members, run it, dress its answer or its refusal as botocore does."""
        _check_members(operation, request)
        if self._validator:
            report = self._validator.validate(request, errors.members(operation))
            if report.has_errors():
                raise malformed(report.generate_report())
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
        statement = self._statement(kind, request)
        returns = _return_values(kind, request)
        self._place(statement)
        table, key = statement.table, statement.key
        if self._held and (table.name, key) in self._held:
            raise Refused("TransactionConflictException", CONFLICT["Message"])
        before = table.records.get(key)
        if not statement.allowed(before):
            if arms is not None:
                _charge_write(arms, statement, before, None, transactional=False, indexes=False)
            shown = {"Item": copied_item(before.item)} if before and statement.returns_old else {}
            raise Refused("ConditionalCheckFailedException", "The conditional request failed", **shown)
        after = statement.image(before)
        if arms is not None:
            _charge_write(arms, statement, before, after, transactional=False)
        if after is not before:
            table.write(key, after)
        shown_attributes = _shown(returns, statement, before, after)
        return {"Attributes": shown_attributes} if shown_attributes else {}

    def _statement(self, kind: str, body: Request) -> Statement:
        """What can be known of a write without looking at its table's keys."""
        table = self._table(body)
        values = body.get("ExpressionAttributeValues")
        kept_values, values_size = (None, 0) if values is None else kept_item(values)
        plan = planned(body)
        if kind == "Put":
            given, size = kept_item(body["Item"])
            if size > ITEM_SIZE_MAX:
                raise invalid("Item size has exceeded the maximum allowed size")
        else:
            given, size = kept_item(body["Key"])
        return Statement(
            kind,
            table,
            given,
            size,
            plan.check(kept_values),
            plan,
            body.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD",
            size + values_size,
        )

    @staticmethod
    def _place(statement: Statement) -> None:
        """Find the key of the item to write. ValidationException when the table's schema does not allow it."""
        table = statement.table
        if statement.kind == "Put":
            statement.key = table.key_of(statement.given)
            table.check(statement.given)
            return
        statement.key = table.given_key(statement.given)
        if statement.plan.update:
            for name in table.spec.keys:
                if name in statement.plan.update.changed:
                    raise invalid(
                        f"One or more parameter values were invalid: Cannot update attribute {name}. "
                        "This attribute is part of the key"
                    )

    def _transact_write(self, request: Request, arms: Arms) -> Answer:
        bodies = request["TransactItems"]
        if not 1 <= len(bodies) <= STATEMENTS_MAX:
            raise invalid(
                "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
                f"Member must have length between 1 and {STATEMENTS_MAX}"
            )
        statements = [self._statement(*_transaction_member(body)) for body in bodies]
        if sum(statement.payload_size for statement in statements) > TRANSACTION_SIZE_MAX:
            raise invalid("Transaction payload size cannot exceed 4 MB")
        self._place_all(statements)
        keys = [(statement.table.name, statement.key) for statement in statements]
        if len(set(keys)) < len(keys):
            raise invalid("Transaction request cannot include multiple operations on one item")
        token = request.get("ClientRequestToken")
        if token is not None:
            if self._replayed(token, statements, arms):
                return {}
            self._tokens[token] = Token(statements)
        try:
            images = self._prepared(statements, arms)
            if self.pause:
                self.pause("commit")
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

    @staticmethod
    def _place_all(statements: list[Statement]) -> None:
        """Keys of all; the first that does not fit its table cancels, and nobody looks further."""
        for number, statement in enumerate(statements):
            try:
                InMemoryDynamoDB._place(statement)
            except Refused as refused:
                reasons: list[dict[str, Any]] = [{"Code": "None"} for _ in statements]
                reasons[number] = {"Code": "ValidationError", "Message": refused.message}
                raise cancellation(reasons) from refused

    def _prepared(self, statements: list[Statement], arms: Arms) -> list[tuple[Record | None, Record | None]]:
        """Hold every item, check every condition; the images before and after, or a cancellation with all reasons."""
        images: list[tuple[Record | None, Record | None]] = []
        reasons: list[dict[str, Any]] | None = None
        for number, statement in enumerate(statements):
            before = statement.table.records.get(statement.key)
            after = before
            reason: dict[str, Any] | None = None
            if self.pause:
                if number:
                    self.pause("prepare")
                    before = after = statement.table.records.get(statement.key)
                if not self._hold(statement, statements):
                    reason = dict(CONFLICT)
            if number in self._contended:
                reason = dict(CONFLICT)
            if reason is None:
                if statement.allowed(before):
                    try:
                        after = statement.image(before)
                    except Refused as refused:
                        reason = {"Code": "ValidationError", "Message": refused.message}
                else:
                    reason = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
                    if before and statement.returns_old:
                        reason["Item"] = copied_item(before.item)
            if reason is not None:
                reasons = reasons or [{"Code": "None"} for _ in statements]
                reasons[number] = reason
            images.append((before, after))
        if arms is not None:
            for statement, (before, after) in zip(statements, images, strict=True):
                _charge_write(arms, statement, before, after, transactional=True, indexes=reasons is None)
        if reasons is not None:
            raise cancellation(reasons)
        return images

    def _commit(self, statements: list[Statement], images: list[tuple[Record | None, Record | None]]) -> None:
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
                statement = self._statement(kind.removesuffix("Request"), {"TableName": name, **content})
                self._place(statement)
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
                _charge_write(arms, statement, before, after, transactional=False)
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
        return {"Item": projection.projected(record.item) if projection else copied_item(record.item)}

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


def _charge_write(
    arms: list[Arm],
    statement: Statement,
    before: Record | None,
    after: Record | None,
    *,
    transactional: bool,
    indexes: bool = True,
) -> None:
    """Note what a write costs; one that was refused costs its table arm alone."""
    table = statement.table
    given = statement.size if statement.kind == "Put" else 0
    sizes = before.size if before else 0, max(after.size if after else 0, given)
    arms.append(Arm(table.name, None, write_units=table_write_units(*sizes, transactional=transactional)))
    if indexes and after is not before:
        arms.extend(table.index_arms(before and before.item, after and after.item))


RETURN_VALUES = {
    "Put": ("NONE", "ALL_OLD"),
    "Delete": ("NONE", "ALL_OLD"),
    "Update": ("NONE", "ALL_OLD", "UPDATED_OLD", "ALL_NEW", "UPDATED_NEW"),
}


def _return_values(kind: str, request: Request) -> str:
    wanted = request.get("ReturnValues", "NONE")
    if wanted not in RETURN_VALUES[kind]:
        raise invalid("Return values set to invalid value")
    return str(wanted)


def _shown(returns: str, statement: Statement, before: Record | None, after: Record | None) -> Item | None:
    """The `Attributes` of an answer."""
    if returns == "NONE":
        return None
    record = before if returns.endswith("OLD") else after
    if record is None:
        return None
    if returns.startswith("ALL"):
        return copied_item(record.item)
    assert statement.plan.update
    return parts(record.item, statement.plan.update.paths)


def _transaction_member(body: Request) -> tuple[str, Request]:
    """The one statement of a member of TransactItems, its form checked."""
    try:
        ((kind, content),) = body.items()
    except ValueError:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete") from None
    _check_shape("TransactWriteItem", kind, content)
    return kind, content


@functools.cache
def _members(operation: str) -> tuple[frozenset[str], frozenset[str]]:
    """The members an operation knows, and those it needs."""
    shape = errors.members(operation)
    return frozenset(shape.members), frozenset(shape.required_members)


@functools.cache
def _statement_members(shape_name: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    shapes: Any = errors.service_model().shape_for(shape_name)
    return {
        name: (frozenset(shape.members), frozenset(shape.required_members)) for name, shape in shapes.members.items()
    }


LEGACY = frozenset(
    {
        "AttributesToGet",
        "AttributeUpdates",
        "ConditionalOperator",
        "Expected",
        "KeyConditions",
        "QueryFilter",
        "ScanFilter",
    }
)


def _check_members(operation: str, request: Request) -> None:
    known, needed = _members(operation)
    if not (request.keys() <= known and needed <= request.keys()):
        _refuse_members("input", request, known, needed)
    if not LEGACY.isdisjoint(request):
        raise NotImplementedError(f"{operation} with {sorted(LEGACY & request.keys())}: use expressions")


def _check_shape(shape_name: str, kind: str, content: Request) -> None:
    shapes = _statement_members(shape_name)
    if kind not in shapes:
        raise malformed(f'Unknown parameter in input: "{kind}", must be one of: {", ".join(shapes)}')
    known, needed = shapes[kind]
    if not (content.keys() <= known and needed <= content.keys()):
        _refuse_members(kind, content, known, needed)


def _refuse_members(where: str, request: Request, known: frozenset[str], needed: frozenset[str]) -> None:
    report = [f'Missing required parameter in {where}: "{member}"' for member in sorted(needed - request.keys())]
    report += [
        f'Unknown parameter in {where}: "{member}", must be one of: {", ".join(sorted(known))}'
        for member in sorted(request.keys() - known)
    ]
    raise malformed("\n".join(report))


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


@functools.cache
def _paginators() -> dict[str, tuple[str, dict[str, Any]]]:
    """Operations that have pages: by method name, their API name and how their pages go on."""
    description = botocore.loaders.Loader().load_service_model("dynamodb", "paginators-1")
    model = PaginatorModel(description)
    return {xform_name(name): (name, model.get_paginator(name)) for name in description["pagination"]}
