"""What goes wrong between a program and the world, injected on purpose.

    faults = Faults(planned({2: AnswerLost()}))         # the third call is done, its answer is lost
    client = faults.client(InMemoryDynamoDB(table))      # any client-shaped object
    pay = faults.boundary("bank.pay", bank.pay)          # any other way out of the process

All calls through one `Faults` are numbered from 0 in one sequence and kept in `faults.calls`. What befalls
a call is decided by a plan, `planned({number: fault})`, or by seeded chance, `by_chance(seed, {fault: rate})`.
A fault is only ever dealt to a call that it can befall: a `Conflict` not to a Query, and so on.
"""

import contextlib
import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore import xform_name
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.harness.errors import cancellation, client_error
from tests.harness.memory import InMemoryDynamoDB
from tests.harness.transactions import CONFLICT

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
TRANSACTION = "TransactWriteItems"
EVENTUAL_READS = frozenset({"GetItem", "Query", "Scan"})
OPERATIONS = {xform_name(operation): operation for operation in (*WRITES, TRANSACTION, *EVENTUAL_READS)}
TOO_MUCH = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
ENDPOINT = "https://dynamodb.us-east-1.amazonaws.com/"


class Crash(BaseException):
    """The process ends here. `except Exception` does not see it, as nothing sees a Lambda that is killed."""


class Endless(BaseException):
    """The program goes on calling for ever. No `except` of its own should keep it from ending here."""


@dataclass(slots=True)
class Boundary:
    """One way out of the process: how it is gone, and how it fails.

    Args:
        ask: does the call.
        unreachable: the exception of a call that never arrived.
        unanswered: the exception of a call whose answer never came.
        table: the in-memory table behind it, for the faults that only it can play.
        reads: nothing is changed by it, be it answered or not.
    """

    ask: Callable[[], Any]
    unreachable: Callable[[], BaseException]
    unanswered: Callable[[], BaseException]
    table: InMemoryDynamoDB | None = None
    reads: bool = False


@dataclass(slots=True)
class Call:
    """One call: what was asked, what befell it, and what came back or was raised.

    `operation` is DynamoDB's (`PutItem`) or a boundary's name; `done` says whether it was carried out, be it
    with a refusal; `at_table` whether it goes to DynamoDB; `begins` whether it is the first of its
    process.
    """

    number: int
    operation: str
    arguments: Mapping[str, Any]
    at_table: bool
    boundary: Boundary = field(repr=False)
    begins: bool = False
    fault: "Fault | None" = None
    done: bool = False
    answer: Any = None
    error: BaseException | None = None

    def do(self) -> Any:
        self.done = True
        return self.boundary.ask()

    def cancelled(self, reason: Mapping[str, Any], positions: Collection[int]) -> Exception:
        """The cancellation of this transaction, with one reason at these positions and None at the others."""
        statements = range(len(self.arguments["TransactItems"]))
        refused = cancellation([dict(reason) if n in positions else {"Code": "None"} for n in statements])
        return client_error(refused.code, refused.message, self.operation, **refused.members)

    def __str__(self) -> str:
        outcome = f"raised {type(self.error).__name__}" if self.error else "answered"
        return f"#{self.number} {self.operation}: {outcome}{f' ({self.fault})' if self.fault else ''}"


class Fault:
    """Something that befalls a call, instead of its simply being done."""

    table_only: ClassVar[bool] = False

    def can_befall(self, call: Call) -> bool:
        return call.at_table or not self.table_only

    def befall(self, call: Call) -> Any:
        """Do the call or not, answer or raise."""
        raise NotImplementedError


@dataclass(frozen=True)
class FailBefore(Fault):
    """Connection refused: nothing was done."""

    def befall(self, call: Call) -> Any:
        raise call.boundary.unreachable()


@dataclass(frozen=True)
class AnswerLost(Fault):
    """It was done, and the answer never came: the caller can not know."""

    def befall(self, call: Call) -> Any:
        _do_quietly(call)
        raise call.boundary.unanswered()


@dataclass(frozen=True)
class CrashBefore(Fault):
    """The process ends just before the call."""

    def befall(self, call: Call) -> Any:
        raise Crash(f"before {call.operation}")


@dataclass(frozen=True)
class CrashAfter(Fault):
    """The call is done, then the process ends."""

    def befall(self, call: Call) -> Any:
        _do_quietly(call)
        raise Crash(f"after {call.operation}")


@dataclass(frozen=True)
class Conflict(Fault):
    """Another transaction holds items of this one. `items` are their positions; None is the last one alone.

    The in-memory table judges the other statements as ever, so a conflict may stand beside a failed condition.
    """

    items: frozenset[int] | None = None
    table_only = True

    def can_befall(self, call: Call) -> bool:
        return call.at_table and call.operation in WRITES | {TRANSACTION}

    def befall(self, call: Call) -> Any:
        if call.operation in WRITES:
            raise client_error("TransactionConflictException", CONFLICT["Message"], call.operation)
        positions = {len(call.arguments["TransactItems"]) - 1} if self.items is None else self.items
        if call.boundary.table is None:
            raise call.cancelled(CONFLICT, positions)
        with call.boundary.table.transactions.contended(positions):
            return call.do()


@dataclass(frozen=True)
class Throttle(Fault):
    """Too much is asked of the table. A cancelled transaction says `reason`: ThrottlingError, or
    ProvisionedThroughputExceeded."""

    reason: str = "ThrottlingError"
    table_only = True

    def befall(self, call: Call) -> Any:
        if call.operation == TRANSACTION:
            raise call.cancelled({"Code": self.reason, "Message": TOO_MUCH}, {0})
        raise client_error("ProvisionedThroughputExceededException", TOO_MUCH, call.operation)


@dataclass(frozen=True)
class InternalError(Fault):
    """The service fails inside, HTTP 500; with `after` only when all was done."""

    after: bool = False
    table_only = True

    def befall(self, call: Call) -> Any:
        if self.after:
            _do_quietly(call)
        raise client_error("InternalServerError", "Internal server error", call.operation)


@dataclass(frozen=True)
class LateIndex(Fault):
    """An index answers with the state of so many item writes ago."""

    writes: int = 1

    def can_befall(self, call: Call) -> bool:
        return call.boundary.table is not None and "IndexName" in call.arguments

    def befall(self, call: Call) -> Any:
        assert call.boundary.table
        with call.boundary.table.behind(index_writes=self.writes):
            return call.do()


@dataclass(frozen=True)
class StaleRead(Fault):
    """An eventually consistent read of items answers with the state of so many item writes ago."""

    writes: int = 1

    def can_befall(self, call: Call) -> bool:
        eventual = call.operation in EVENTUAL_READS and not call.arguments.get("ConsistentRead")
        return call.boundary.table is not None and eventual and "IndexName" not in call.arguments

    def befall(self, call: Call) -> Any:
        assert call.boundary.table
        with call.boundary.table.behind(item_writes=self.writes):
            return call.do()


@dataclass(frozen=True)
class Outage(Fault):
    """The fault befalls this call and every later one that it can befall, until the process is restarted."""

    fault: Fault

    def can_befall(self, call: Call) -> bool:
        return self.fault.can_befall(call)

    def befall(self, call: Call) -> Any:
        return self.fault.befall(call)


def _do_quietly(call: Call) -> None:
    """Do a call whose outcome nobody will see, be it an answer or a refusal."""
    with contextlib.suppress(Exception):
        call.do()


Choice = Callable[[Call], Fault | None]


def never(call: Call) -> None:
    """Nothing goes wrong."""


def planned(plan: Mapping[int, Fault]) -> Choice:
    """Faults by call number."""
    return lambda call: plan.get(call.number)


def by_chance(seed: int, rates: Mapping[Fault, float]) -> Choice:
    """Each fault with its probability (0 to 1, in all at most 1), the same for the same seed and calls."""
    dice = random.Random(seed)

    def choose(call: Call) -> Fault | None:
        thrown = dice.random()
        for fault, rate in rates.items():
            if thrown < rate:
                return fault if fault.can_befall(call) else None
            thrown -= rate
        return None

    return choose


@dataclass
class Faults:
    """All ways out of a program under test.

    After a `Crash` every further call crashes too, as a dead process calls nothing, until `restart()`.
    """

    choose: Choice = never
    calls: list[Call] = field(default_factory=list)
    crashed: bool = False
    calls_max: int | None = None  # more than so many, and the program is taken for one that never ends
    outage: Outage | None = None
    begins: bool = True  # the next call is the first of its process

    def client(self, client: Any) -> Any:
        """The client, with faults. Everything but the calls on items is the client's own."""
        return FaultyClient(self, client)

    def boundary(
        self,
        name: str,
        call: Callable[..., Any],
        *,
        unreachable: Callable[[], BaseException] = ConnectionRefusedError,
        unanswered: Callable[[], BaseException] = TimeoutError,
        reads: bool = False,
    ) -> Callable[..., Any]:
        """Any other callable as a way out, with the exceptions that its callers know."""

        def bounded(*arguments: Any, **named: Any) -> Any:
            kept = {**{str(position): argument for position, argument in enumerate(arguments)}, **named}
            boundary = Boundary(lambda: call(*arguments, **named), unreachable, unanswered, reads=reads)
            return self.pass_through(name, kept, boundary, at_table=False)

        return bounded

    def begin(self) -> None:
        """Another process begins; calls go on being numbered."""
        self.crashed = False
        self.begins = True

    def restart(self) -> None:
        """The process lives again, an outage is over."""
        self.begin()
        self.outage = None

    def heal(self) -> None:
        """From here on nothing goes wrong, and the process lives."""
        self.choose = never
        self.restart()

    def pass_through(self, operation: str, arguments: Mapping[str, Any], boundary: Boundary, *, at_table: bool) -> Any:
        """One call, with what befalls it."""
        if self.crashed:
            raise Crash(f"a dead process does not call {operation}")
        if self.calls_max is not None and len(self.calls) >= self.calls_max:
            raise Endless(f"{self.calls_max} calls, and no end")
        call = Call(len(self.calls), operation, arguments, at_table, boundary, self.begins)
        self.begins = False
        self.calls.append(call)
        fault = self.choose(call)
        if fault is None and self.outage and self.outage.can_befall(call):
            fault = self.outage
        if isinstance(fault, Outage):
            self.outage = fault
        assert fault is None or fault.can_befall(call), f"{fault} can not befall {call}"
        call.fault = fault
        try:
            call.answer = fault.befall(call) if fault else call.do()
        except BaseException as error:
            call.error = error
            self.crashed = self.crashed or isinstance(error, Crash)
            raise
        return call.answer


class FaultyClient:
    """A botocore-shaped client behind `Faults`."""

    def __init__(self, faults: Faults, client: Any) -> None:
        self._faults = faults
        self._client = client
        self._table = client if isinstance(client, InMemoryDynamoDB) else None
        self._calls: dict[str, Callable[..., Any]] = {}

    def __getattr__(self, name: str) -> Any:
        if name not in OPERATIONS:
            return getattr(self._client, name)
        if name not in self._calls:
            self._calls[name] = self._call(OPERATIONS[name], getattr(self._client, name))
        return self._calls[name]

    def _call(self, operation: str, member: Callable[..., Any]) -> Callable[..., Any]:
        def call(**arguments: Any) -> Any:
            reads = operation in EVENTUAL_READS
            boundary = Boundary(lambda: member(**arguments), _refused, _lost, self._table, reads)
            return self._faults.pass_through(operation, arguments, boundary, at_table=True)

        return call


def _refused() -> BaseException:
    return EndpointConnectionError(endpoint_url=ENDPOINT, error="connection refused")


def _lost() -> BaseException:
    return ReadTimeoutError(endpoint_url=ENDPOINT, error="the answer was lost")
