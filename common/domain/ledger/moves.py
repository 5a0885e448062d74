"""What has moved on a user's balances, with what was there after each move; and statements of any span of time.

A line of the journal does not say what was there after it: the write that makes it adds to a balance without reading
it, which is why buyers never wait for each other. It follows from what is there now and the newer lines:

    there now                           12        the balance, as of now
    newest line     + 5  after it       12
    the one before  - 3  after it        7 = 12 - 5
    the one before  +10  after it       10 = 7 + 3

So the order is that of the lines: by the time at which each was decided, and no line is left out. The balance and the
lines have to be of one moment: the balance is read before and after them, and again where it has moved in between.

An account that was moved to another login begins, for that, with what it had then: older lines are not shown to it.

A line is written a moment after its time, at the latest when its function has to end. A cursor carries what was there
at its place; where that is so near to the present that a line might still have come behind it, all newer lines are
added up again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from common.clock import instant, text
from common.domain.ledger import store
from common.domain.ledger.model import USD, Account, AccountNotFound, AssetTransaction, Books, TransactionType
from common.errors import Rejected
from common.money import EXACT, Money, plain
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.table.transaction import Busy

T = TypeVar("T")

SETTLED = timedelta(minutes=15)  # no function runs longer, so no line of a time before that comes any more
LOOKS_MAX = 5  # at a balance that moves while its lines are read
NEWER_MAX = 50_000  # lines that are added up to tell what was there before them


class StatementTooLong(Rejected):
    """More has moved in this span of time, or since, than one answer can hold: ask for a shorter or a later one."""


@dataclass(frozen=True)
class Move:
    """A line, and what of the balance was there after it, free and held together. None: too much has moved since."""

    line: AssetTransaction
    after: Decimal | None


@dataclass(frozen=True)
class Statement:
    """What was there, all that has moved, oldest first, and what was there then. `settled`: no line of its time can
    come any more."""

    opening: Books
    moves: list[StatedMove]
    closing: Books
    settled: bool


@dataclass(frozen=True)
class StatedMove:
    """A line, with the dollars and of its asset the quantity that were there after it."""

    line: AssetTransaction
    usd_after: Money
    quantity_after: Decimal


def dollars_of(line: AssetTransaction) -> Decimal:
    """By what it has changed the dollars."""
    comes = line.transaction_type in (TransactionType.DEPOSIT, TransactionType.SELL)
    return line.total_amount.usd if comes else -line.total_amount.usd


def quantity_of(line: AssetTransaction) -> Decimal:
    """By what it has changed what there is of its asset."""
    match line.transaction_type:
        case TransactionType.BUY:
            return line.quantity.amount
        case TransactionType.SELL:
            return -line.quantity.amount
        case _:
            return dollars_of(line)


def of_dollars(
    table: Table,
    owner: Owner,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Position | None,
) -> Page[Move]:
    """A page of all that has moved the owner's dollars, newest first: deposits, withdrawals, and trades of every
    asset. Times are inclusive and exclusive. Empty where there is no account."""
    return _Listing(table, owner, USD, now, since, until).page(limit, after)


def of_asset(
    table: Table,
    owner: Owner,
    asset_id: str,
    *,
    now: datetime,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int,
    after: Position | None,
) -> Page[Move]:
    """A page of the owner's trades of one asset, newest first, as `of_dollars`."""
    return _Listing(table, owner, asset_id, now, since, until).page(limit, after)


@dataclass(frozen=True)
class _Place:
    """Where a page ends: behind which line, and what was there before that line, as was read then."""

    line: str  # its sort key
    asset_id: str
    left: Decimal | None
    as_of: datetime

    @property
    def settled(self) -> bool:
        return instant(self.line.partition("#")[0]) + SETTLED < self.as_of

    def written(self) -> Position:
        left = {} if self.left is None else {"left": {"S": plain(self.left)}}
        return {
            "line": {"S": self.line},
            "asset_id": {"S": self.asset_id},
            "as_of": {"S": text(self.as_of)},
            **left,
        }

    @classmethod
    def read(cls, position: Position | None) -> _Place | None:
        if position is None:
            return None
        left = Decimal(position["left"]["S"]) if "left" in position else None
        return cls(position["line"]["S"], position["asset_id"]["S"], left, instant(position["as_of"]["S"]))


@dataclass(frozen=True)
class _Listing:
    table: Table
    owner: Owner
    of: str  # dollars, or one asset
    now: datetime
    since: datetime | None
    until: datetime | None

    def page(self, limit: int, after: Position | None) -> Page[Move]:
        place = _Place.read(after)
        found = _stable(self.table, self.owner, lambda account: self._read(account, limit, place), self._there)
        if found is None:
            return Page([], None)
        account, (lines, newer) = found
        left = self._left(account, newer, place)
        moves = []
        for line in lines[:limit]:
            moves.append(Move(line, left))
            left = None if left is None else EXACT.subtract(left, self._change(line))
        if len(lines) <= limit:
            return Page(moves, None)
        last = lines[limit - 1]
        carried = place is not None and place.settled
        as_of = place.as_of if place is not None and carried else self.now
        return Page(moves, _Place(_sort_key(last), last.quantity.asset_id, left, as_of).written())

    def _there(self, account: Account) -> object:
        """What of the account must not move while the lines are read."""
        if self.of == USD:
            return account
        return [holding for holding in account.holdings if holding.asset_id == self.of]

    def _read(
        self, account: Account, limit: int, place: _Place | None
    ) -> tuple[list[AssetTransaction], list[AssetTransaction] | None]:
        """One line more than the page has, and all newer ones, where they are needed; None: there are too many."""
        assets = _assets(account) if self.of == USD else [self.of]
        lines = _newest_first(self.table, self.owner, assets, self.since, self.until, place, limit + 1)
        newer: list[AssetTransaction] | None = []
        if place is not None and not place.settled:
            newer = _newer(self.table, self.owner, assets, instant(place.line.partition("#")[0]))
            newer = None if newer is None else [line for line in newer if _order(line) >= (place.line, place.asset_id)]
        elif place is None and self.until is not None:  # one that is to come may be there when the lines are read
            newer = _newer(self.table, self.owner, assets, self.until)
        return list(islice(lines, limit + 1)), newer

    def _left(self, account: Account, newer: Sequence[AssetTransaction] | None, place: _Place | None) -> Decimal | None:
        """What was there after the first line of the page."""
        if place is not None and place.settled:
            return place.left
        if newer is None:
            return None
        left = _total(account, self.of)
        for line in newer:
            left = EXACT.subtract(left, self._change(line))
        return left

    def _change(self, line: AssetTransaction) -> Decimal:
        return dollars_of(line) if self.of == USD else quantity_of(line)


def statement(
    table: Table, owner: Owner, since: datetime, until: datetime, *, now: datetime, lines_max: int
) -> Statement:
    """All that has moved in a span of time; inclusive and exclusive. Raises AccountNotFound, StatementTooLong, Busy."""

    def read(account: Account) -> tuple[list[AssetTransaction], Books]:
        lines: list[AssetTransaction] = []
        newer: list[AssetTransaction] = []
        for line in _oldest_first(table, owner, _assets(account), since):
            (lines if line.created_at < until else newer).append(line)
            if len(lines) > lines_max or len(newer) > NEWER_MAX:
                raise StatementTooLong(
                    f"a statement has at most {lines_max} lines, and no more than {NEWER_MAX} may have come since: "
                    "ask for a shorter span of time, or a later one"
                )
        return lines, Books.by_journal(newer)

    found = _stable(table, owner, read, lambda account: account)
    if found is None:
        raise AccountNotFound("you have no account yet: POST /users opens one")
    account, (lines, moved_since) = found
    closing = Books.by_balances(account.balance, account.holdings).minus(moved_since)
    opening = closing.minus(Books.by_journal(lines))
    return Statement(opening, _stated(opening, lines), closing, settled=now - until > SETTLED)


def _stated(opening: Books, lines: Sequence[AssetTransaction]) -> list[StatedMove]:
    usd, quantities = opening.usd.usd, {asset_id: sums[0] for asset_id, sums in opening.assets.items()}
    moves = []
    for line in lines:
        usd, asset_id = EXACT.add(usd, dollars_of(line)), line.quantity.asset_id
        quantities[asset_id] = EXACT.add(quantities.get(asset_id, Decimal(0)), quantity_of(line))
        there = usd if asset_id == USD else quantities[asset_id]
        moves.append(StatedMove(line, Money(usd), there))
    return moves


def _stable(
    table: Table, owner: Owner, read: Callable[[Account], T], of: Callable[[Account], object]
) -> tuple[Account, T] | None:
    """What `read` finds, and the account of the same moment: what `of` it counts has not moved meanwhile. None where
    the owner has no account. Raises Busy."""
    account = store.find(table, owner.username)
    for _ in range(LOOKS_MAX):
        if account is None or account.ownership.owner != owner:
            return None
        found = read(account)
        again = store.find(table, owner.username)
        if again is not None and of(again) == of(account):
            return account, found
        account = again
    raise Busy("your balance moves all the time; send it again", retry_after_seconds=1)


def _assets(account: Account) -> list[str]:
    """Those of which there may be lines."""
    return [USD, *(holding.asset_id for holding in account.holdings)]


def _total(account: Account, of: str) -> Decimal:
    if of == USD:
        return account.balance.total.usd
    there: Mapping[str, Decimal] = {holding.asset_id: holding.whole.amount for holding in account.holdings}
    return there.get(of, Decimal(0))


def _newest_first(
    table: Table,
    owner: Owner,
    assets: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    place: _Place | None,
    at_once: int,
) -> Iterator[AssetTransaction]:
    """The lines of all these assets behind a place. Each asset's are a partition: they are read side by side."""
    behind = None if place is None else (place.line, place.asset_id)
    each = [store.lines_before(table, owner, asset_id, since, until, behind, at_once=at_once) for asset_id in assets]
    return heapq.merge(*each, key=_order, reverse=True)


def _newer(table: Table, owner: Owner, assets: Sequence[str], since: datetime) -> list[AssetTransaction] | None:
    found = list(islice(_oldest_first(table, owner, assets, since), NEWER_MAX + 1))
    return None if len(found) > NEWER_MAX else found


def _oldest_first(table: Table, owner: Owner, assets: Sequence[str], since: datetime) -> Iterator[AssetTransaction]:
    return heapq.merge(*(store.lines(table, owner, asset_id, since) for asset_id in assets), key=_order)


def _order(line: AssetTransaction) -> tuple[str, str]:
    return _sort_key(line), line.quantity.asset_id


def _sort_key(line: AssetTransaction) -> str:
    return f"{text(line.created_at)}#{line.order_id}"
