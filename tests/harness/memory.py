"""A small DynamoDB in memory, shaped like a botocore client.

    table = TableSpec("desk", indexes=[IndexSpec("UserOrdersIndex", "username", "ASSET_ID")])
    client = InMemoryDynamoDB(table)
    client.transact_write_items(TransactItems=[{"Put": {"TableName": "desk", "Item": {…}}}])

The same keyword arguments, wire values, answers and exceptions as `boto3.client("dynamodb")`, for the
operations on items. Reads are consistent and nothing fails by itself; what AWS does besides (conflicts,
throttles, lost answers, late indexes) comes from `faults` and `interleave`, what it costs from `meter`.

The table serves one thread at a time; `transactions` says how several come to meet in it.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from botocore.validate import ParamValidator

from tests.harness import errors
from tests.harness.capacity import CONSISTENT, EVENTUAL, Arm, Arms, read_units
from tests.harness.errors import Refused, client_error, malformed
from tests.harness.requests import Request, check_members, transaction_statement
from tests.harness.schema import TableSpec
from tests.harness.searching import Found, Search
from tests.harness.storage import Table
from tests.harness.transactions import CONFLICT, FAILED, Transactions, check_length
from tests.harness.values import Item, kept_item, wire_item
from tests.harness.writes import Statement

Answer = dict[str, Any]


class Consumption(NamedTuple):
    """What one call cost. `error` is its code, "" when it succeeded."""

    operation: str
    arms: tuple[Arm, ...]
    error: str


class InMemoryDynamoDB:
    """The client: a method for each operation that the product asks for, and `exceptions`.

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
        self.observers: list[Callable[[Consumption], None]] = []
        self._now = now
        self._tables = {spec.name: Table(spec) for spec in tables}
        self._validator = ParamValidator() if validate else None
        self.transactions = Transactions(now)
        self._requests = 0
        self._index_delay = 0
        self._item_delay = 0

    @property
    def client(self) -> Any:
        """This table, for product code that is typed for the real client."""
        return self

    @property
    def exceptions(self) -> Any:
        return errors.exceptions()

    @property
    def pause(self) -> Callable[[str], None] | None:
        """Called with a stage: `call` before every call, `prepare`, `commit` and `apply` within a transaction."""
        return self.transactions.pause

    @pause.setter
    def pause(self, pause: Callable[[str], None] | None) -> None:
        self.transactions.pause = pause

    def items(self, table: str | None = None, *, having: str | None = None) -> list[Item]:
        """Every item of the table (of the only one), by key: for a test to look at, at no cost. Only those with the
        attribute `having`, in no order, when there are many and it looks often."""
        records = (self._tables[table] if table else next(iter(self._tables.values()))).records
        if having is not None:
            return [record.seen.copy() for record in records.values() if having in record.item]
        return [records[key].seen.copy() for key in sorted(records, key=repr)]

    @property
    def writes(self) -> int:
        """How many items were written so far, each time anew: as long as it stays, nothing has changed."""
        return sum(table.writes for table in self._tables.values())

    def copy(self) -> "InMemoryDynamoDB":
        """The same tables and items, and nobody else's; past requests and their tokens are forgotten. Items are never
        changed in place, and need no copy."""
        other = InMemoryDynamoDB(*(table.spec for table in self._tables.values()), now=self._now)
        for name, table in self._tables.items():
            for key, record in table.records.items():
                other._tables[name].write(key, record)
        return other

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

    # Operations

    def put_item(self, **request: Any) -> Answer:
        return self._call("PutItem", request, functools.partial(self._write, "Put"))

    def update_item(self, **request: Any) -> Answer:
        return self._call("UpdateItem", request, functools.partial(self._write, "Update"))

    def delete_item(self, **request: Any) -> Answer:
        return self._call("DeleteItem", request, functools.partial(self._write, "Delete"))

    def get_item(self, **request: Any) -> Answer:
        return self._call("GetItem", request, self._get)

    def query(self, **request: Any) -> Answer:
        return self._call("Query", request, functools.partial(self._search, Search.query))

    def scan(self, **request: Any) -> Answer:
        return self._call("Scan", request, functools.partial(self._search, Search.scan))

    def transact_write_items(self, **request: Any) -> Answer:
        return self._call("TransactWriteItems", request, self._transact_write)

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
        arms: Arms = [] if self.observers else None
        try:
            answer = run(request, arms)
        except Refused as refused:
            self._observe(operation, arms, refused.code)
            raise client_error(refused.code, refused.message, operation, request_id, **refused.members) from None
        if arms is not None:
            self._observe(operation, arms, "")
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
        statement.place()
        table, key = statement.table, statement.key
        if self.transactions.held((table.name, key)):
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
        return {}

    def _transact_write(self, request: Request, arms: Arms) -> Answer:
        bodies = request["TransactItems"]
        check_length(bodies)
        statements = []
        for body in bodies:
            kind, content = transaction_statement(body)
            statements.append(Statement.of(kind, content, self._table(content)))
        self.transactions.write(statements, request.get("ClientRequestToken"), arms)
        return {}

    # Reading

    def _get(self, request: Request, arms: Arms) -> Answer:
        rate = CONSISTENT if request.get("ConsistentRead") else EVENTUAL
        table = self._table(request)
        key = table.given_key(kept_item(request["Key"])[0])
        record = table.records.get(key)
        if rate == EVENTUAL and self._item_delay:
            record = table.earlier(self._item_delay).get(key, record)
        if arms is not None:
            arms.append(Arm(table.name, None, read_units=read_units(record.size if record else 0, rate)))
        return {"Item": wire_item(record.item)} if record else {}

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
