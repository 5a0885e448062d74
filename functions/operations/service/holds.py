"""What of an account must be held: for each of its orders, purchases and payouts that is not over, what that holds.

The users' index tells most of them with all that is needed, a moment old. Only where that is not what the account holds
are they read one by one, as of now, with those that no index of users has: withdrawals, and sales that the exchange has
not taken yet. These are among the open work, which is few as long as the bank and the exchange answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice

from common import keys
from common.domain import work
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.ledger.model import USD, Account
from common.domain.payouts.model import CASH_OUT, WITHDRAWAL
from common.keys import PrimaryKey
from common.money import EXACT, plain
from common.table.table import Position, Table
from functions.operations import entries
from functions.operations.entries import ZERO, Entry, Reads
from functions.operations.service.checks.payouts import NEW, WORKING, is_unpaid
from functions.operations.service.checks.trading import PENDING

STATUSES = (PENDING, WORKING, CASH_OUT.ready, CASH_OUT.paying, CASH_OUT.failed)
PAGES_MAX = 20  # of a user's orders, a megabyte each: beyond them nobody can tell what is held
OPEN_MAX = 2_000  # withdrawals, and sales that the exchange has not taken: beyond them nobody can tell whose they are
BACKLOGS = (WITHDRAWAL.row.backlog, CASH_OUT.row.backlog)

Held = dict[str, Decimal]  # by asset, without what is nothing


class HoldsUntold(Exception):
    """There is too much of it to tell what an account must hold."""


@dataclass
class Holds:
    """For one round: what is open is looked through once."""

    table: Table
    until: datetime  # far away
    _open: dict[str, list[PrimaryKey]] | None = field(default=None, init=False)  # by username

    def differences(self, account: Account) -> list[str]:
        """In words, one for each asset of which not what should be is held. Raises HoldsUntold."""
        there = _there(account)
        by_index = self._by_index(account)
        if _sum(by_index.values()) == there:
            return []
        told = _sum(self._as_of_now(account, by_index))
        return [
            f"{asset_id} held {plain(told.get(asset_id, ZERO))} is {plain(there.get(asset_id, ZERO))}"
            for asset_id in sorted({*told, *there})
            if told.get(asset_id) != there.get(asset_id)
        ]

    def _by_index(self, account: Account) -> dict[PrimaryKey, Entry]:
        found: dict[PrimaryKey, Entry] = {}
        after: Position | None = None
        for _ in range(PAGES_MAX):
            page = entries.unfinished(self.table, account.ownership.username, STATUSES, after)
            found |= {entry.key: entry for entry in page.items}
            after = page.after
            if after is None:
                return found
        raise HoldsUntold(f"{account.ownership.username} has too many orders")

    def _as_of_now(self, account: Account, by_index: dict[PrimaryKey, Entry]) -> list[Entry]:
        if self._open is None:
            self._open = self._whose()
        reads, subs = Reads(self.table, consistent=True), account.ownership.subs
        there = [reads.get(key) for key in {*by_index, *self._open.get(account.ownership.username, ())}]
        now = [entry for entry in there if entry is not None and entry.sub in subs]
        return [entry for entry in now if entry.status != NEW or _holds_coins(reads, entry)]

    def _whose(self) -> dict[str, list[PrimaryKey]]:
        reads, found, read = Reads(self.table, consistent=False), defaultdict[str, list[PrimaryKey]](list), 0
        for backlog in BACKLOGS:
            waiting = [work.for_people(self.table, backlog), work.due(self.table, backlog, self.until)]
            for each in waiting:
                for item in islice(each, OPEN_MAX + 1 - read):
                    read += 1
                    entry = reads.get(item.key)
                    if entry is not None and entry.username is not None:
                        found[entry.username].append(entry.key)
        if read > OPEN_MAX:
            raise HoldsUntold("too many payouts are open")
        return dict(found)


def _holds_coins(reads: Reads, sale: Entry) -> bool:
    """A sale that the exchange has not taken yet holds them until it is known that it will not."""
    placed = reads.get(keys.EXCHANGE_ORDER(order_id=sale.PK, n=str(sale.exchange_orders)))
    return placed is not None and placed.status == AtExchange.SENT


def _there(account: Account) -> Held:
    held = {holding.asset_id: holding.held_quantity.amount for holding in account.holdings}
    held[USD] = account.balance.held.usd
    return {asset_id: amount for asset_id, amount in held.items() if amount}


def _sum(open_: Iterable[Entry]) -> Held:
    held = defaultdict[str, Decimal](Decimal)
    for entry in open_:
        asset_id, amount = _of(entry)
        held[asset_id] = EXACT.add(held[asset_id], amount)
    return {asset_id: amount for asset_id, amount in held.items() if amount}


def _of(entry: Entry) -> tuple[str, Decimal]:
    """What one of them holds."""
    if entry.row is keys.SELL_ORDER:
        if entry.status in (NEW, WORKING):
            return str(entry.asset_id), entry.quantity or ZERO
        return USD, (entry.total_amount or ZERO) if is_unpaid(CASH_OUT, entry.status) else ZERO
    if entry.row is keys.WITHDRAWAL:
        return USD, (entry.total_amount or ZERO) if is_unpaid(WITHDRAWAL, entry.status) else ZERO
    if entry.status != PENDING:
        return USD, ZERO
    if entry.row is keys.PURCHASE:
        return USD, entry.held_amount or ZERO
    if entry.row is keys.SALE:
        return str(entry.asset_id), entry.quantity or ZERO
    if entry.order_type == "BUY":
        return USD, entry.hold or ZERO
    return str(entry.asset_id), entry.quantity or ZERO
