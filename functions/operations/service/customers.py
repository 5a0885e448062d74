"""Where a customer's money is: all that there is of one account, put together for an operator who is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from heapq import nlargest

from common.domain import clients, holds, limits
from common.domain.clients import Client
from common.domain.holds import Explained
from common.domain.ledger import moves
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, AssetTransaction
from common.domain.ledger.moves import Move
from common.domain.limits import Limited, LimitToday
from common.money import Money
from common.owner import Owner
from common.table.table import Table

LAST_MOVES = 10  # that are told of a customer
LOOKED_MAX = 5_000  # lines of one asset that are looked at for an amount


@dataclass(frozen=True)
class Customer:
    """All of one account: its balances with what each hold is for, the last moves of its dollars, newest first, and
    its clients."""

    owner: Owner
    account: Explained
    moves: Sequence[Move]
    clients: Sequence[Client]
    limits: Sequence[LimitToday]


@dataclass(frozen=True)
class MovesOfAmount:
    """The moves of just one amount, newest first. `complete`: all lines of the time were looked at."""

    moves: Sequence[AssetTransaction]
    complete: bool


@dataclass(frozen=True)
class Customers:
    table: Table
    deposit_limit: Money  # a user, a day
    payout_limit: Money
    now: Callable[[], datetime]

    def customer(self, username: str) -> Customer:
        """Everything of who has this username now. Raises AccountNotFound, Busy."""
        owner = ledger.ownership(self.table, username).owner
        now = self.now()
        return Customer(
            owner=owner,
            account=holds.explained(self.table, owner),
            moves=moves.of_dollars(self.table, owner, now=now, limit=LAST_MOVES, after=None).items,
            clients=clients.of_user(self.table, owner),
            limits=[
                LimitToday(kind, limit, limits.used(self.table, owner, kind, now))
                for kind, limit in ((Limited.DEPOSIT, self.deposit_limit), (Limited.PAYOUT, self.payout_limit))
            ],
        )

    def moves_of(self, username: str, amount: Decimal, since: datetime, limit: int) -> MovesOfAmount:
        """Those that moved so many dollars, or so much of an asset. Raises AccountNotFound."""
        account = ledger.account_of(self.table, username)
        found: list[AssetTransaction] = []
        complete = True
        for asset_id in (USD, *(holding.asset_id for holding in account.holdings)):
            for number, line in enumerate(self._lines(account.ownership.owner, asset_id, since)):
                if number == LOOKED_MAX:
                    complete = False
                    break
                if amount in (line.total_amount.usd, line.quantity.amount):
                    found.append(line)
        return MovesOfAmount(
            nlargest(limit, found, key=lambda line: (line.created_at, line.order_id)),
            complete=complete and len(found) <= limit,
        )

    def _lines(self, owner: Owner, asset_id: str, since: datetime) -> Iterator[AssetTransaction]:
        return ledger.lines_before(self.table, owner, asset_id, since, None, None, at_once=LOOKED_MAX)
