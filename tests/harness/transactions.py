"""Transactions: all of their writes or none, in two phases.

*Prepare* holds every item and judges every statement, *commit* writes. When `pause` is set it is called between
the two, others come in, and whoever comes to a held item gets a TransactionConflict. Without it a transaction is
one step and nothing needs to be held.
"""

import contextlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.harness.capacity import TRANSACTIONAL, Arm, Arms, read_units
from tests.harness.errors import Refused, cancellation, invalid
from tests.harness.storage import Key, Record
from tests.harness.values import wire_item
from tests.harness.writes import Statement

STATEMENTS_MAX = 100
SIZE_MAX = 4 * 1024 * 1024
TOKEN_LIFE = timedelta(minutes=10)
TOKEN_LENGTH_MAX = 36
TOKENS_MAX = 10_000  # seen and not forgotten
FAILED = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}

Environment = tuple[str, Key]  # a table's name and a key
Reason = dict[str, Any]  # of a cancellation: Code, Message, Item
Images = tuple[Record | None, Record | None]  # an item before and after


@dataclass(slots=True)
class Token:
    """A ClientRequestToken that was seen. `done_at` is None while its transaction is under way."""

    statements: list[Statement]
    done_at: datetime | None = None

    def stands_for(self, statements: list[Statement]) -> bool:
        """Whether these are the statements it was first sent with."""
        return len(statements) == len(self.statements) and all(map(Statement.same_as, statements, self.statements))


class Transactions:
    """Those under way, and the tokens of those that were.

    Args:
        now: the clock that tokens age by.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.pause: Callable[[str], None] | None = None
        self._now = now
        self._held: dict[Environment, list[Statement]] = {}
        self._tokens: dict[str, Token] = {}
        self._contended: Collection[int] = ()

    @contextlib.contextmanager
    def contended(self, positions: Collection[int]) -> Iterator[None]:
        """Within the block, statements at these positions of a transaction meet another transaction."""
        before, self._contended = self._contended, positions
        try:
            yield
        finally:
            self._contended = before

    def held(self, place: Environment) -> bool:
        """Whether a transaction under way holds the item."""
        return place in self._held

    def write(self, statements: list[Statement], token: str | None, arms: Arms) -> None:
        """Carry out a transaction, or its repeat under the same token, or refuse it."""
        size = 0
        for statement in statements:
            size += statement.payload_size
        if size > SIZE_MAX:
            raise invalid("Transaction payload size cannot exceed 4 MB")
        self._place_all(statements)
        if len({(statement.table.name, statement.key) for statement in statements}) < len(statements):
            raise invalid("Transaction request cannot include multiple operations on one item")
        if token is not None:
            if self._replayed(token, statements, arms):
                return
            self._remember(token, Token(statements))
        try:
            self._commit(statements, self._prepared(statements, arms))
        except BaseException:
            self._tokens.pop(token or "", None)
            raise
        finally:
            if self.pause:
                self._release(statements)
        if token is not None:
            self._tokens[token].done_at = self._now()

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

    def _hold(self, statement: Statement, holder: list[Statement]) -> bool:
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


def check_length(bodies: Sequence[Any]) -> None:
    """A transaction has one to a hundred statements."""
    if not 1 <= len(bodies) <= STATEMENTS_MAX:
        raise invalid(
            "1 validation error detected: Value at 'transactItems' failed to satisfy constraint: "
            f"Member must have length between 1 and {STATEMENTS_MAX}"
        )
