"""Who has what at the venue: free, or locked behind open orders. Money moves here, it is never made."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.money import EXACT
from sandbox.exchange.book import TimeInForce
from sandbox.exchange.limits import Limits, UnfilledOrders
from sandbox.exchange.orders import Fees, Kind, Order, Status, Symbol, Trade

NOTHING = Decimal(0)


@dataclass(slots=True, eq=False)
class Entry:
    """An order on the venue's own record: what `Order` shows, and what only the venue knows."""

    order_id: int
    client_order_id: str
    account: str
    symbol: Symbol
    side: str
    kind: Kind
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    at: datetime
    updated_at: datetime
    locked: Decimal  # of what it pays with, for what is left of it
    executed: Decimal = NOTHING
    gross: Decimal = NOTHING
    status: Status = Status.NEW
    reason: str = ""
    doomed: bool = False  # accepted, and REJECTED at the next look
    aside: bool = False  # open, but not in the book: nobody trades with it
    trades: list[Trade] = field(default_factory=list)  # the oldest first
    told: dict[str, Any] | None = None  # by `persistence`, once it is over

    @property
    def pays_with(self) -> str:
        return self.symbol.quote if self.side == "BUY" else self.symbol.base

    def snapshot(self) -> Order:
        return Order(
            self.order_id,
            self.client_order_id,
            self.account,
            self.symbol.name,
            self.side,
            self.kind,
            self.time_in_force,
            self.price,
            self.quantity,
            self.executed,
            self.gross,
            self.status,
            self.reason,
            self.at,
            self.updated_at,
        )


class Account:
    """endless: may go below zero, as the market's own accounts do: what they have is what they have won or lost.
    Such an account keeps no orders that are over, and no trades but those of its open orders.

    fees, limits: its own, or None for the venue's.
    magic: whether its quantities choose what becomes of its orders (see `magic`).
    """

    def __init__(
        self,
        name: str,
        *,
        endless: bool = False,
        magic: bool = False,
        fees: Fees | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.name = name
        self.endless = endless
        self.magic = magic
        self.fees = fees
        self.limits = limits
        self.unfilled = UnfilledOrders()
        self.free: dict[str, Decimal] = {}
        self.locked: dict[str, Decimal] = {}
        self.entries: dict[int, Entry] = {}  # ascending
        self.open: dict[int, Entry] = {}  # ascending
        self.over: deque[int] = deque()  # as they ended
        self.by_client_id: dict[str, list[Entry]] = {}  # ascending
        self.doomed: list[Entry] = []
        self.tape: dict[str, list[Trade]] = {}  # by symbol: all that it ever traded, the oldest first

    def credit(self, asset: str, amount: Decimal) -> None:
        self.free[asset] = EXACT.add(self.free.get(asset, NOTHING), amount)

    def debit(self, asset: str, amount: Decimal) -> bool:
        """Take from what is free; False, and nothing, when that is too little."""
        left = EXACT.subtract(self.free.get(asset, NOTHING), amount)
        if left < 0 and not self.endless:
            return False
        self.free[asset] = left
        return True

    def lock(self, asset: str, amount: Decimal) -> bool:
        """Put aside for an order; False, and nothing, when too little is free."""
        if not self.debit(asset, amount):
            return False
        self.locked[asset] = EXACT.add(self.locked.get(asset, NOTHING), amount)
        return True

    def pay(self, entry: Entry, amount: Decimal) -> None:
        """Out of what is locked for the order."""
        asset = entry.pays_with
        entry.locked = EXACT.subtract(entry.locked, amount)
        self.locked[asset] = EXACT.subtract(self.locked[asset], amount)
        assert entry.locked >= 0, f"order {entry.order_id} pays with what it has not locked"

    def unlock(self, entry: Entry, *, all_but: Decimal = NOTHING) -> None:
        """Give back what the order does not need any more."""
        surplus = EXACT.subtract(entry.locked, all_but)
        if surplus:
            self.pay(entry, surplus)
            self.credit(entry.pays_with, surplus)

    def record(self, entry: Entry) -> None:
        """A new order, open until `close`."""
        self.entries[entry.order_id] = entry
        self.open[entry.order_id] = entry
        if entry.client_order_id:
            self.by_client_id.setdefault(entry.client_order_id, []).append(entry)

    def note(self, trade: Trade, entry: Entry) -> None:
        """A trade of one of its orders."""
        entry.trades.append(trade)
        if not self.endless:
            self.tape.setdefault(trade.symbol, []).append(trade)

    def close(self, entry: Entry, keep: int) -> None:
        """An order that is over. Of those `keep` are kept, the last that ended."""
        del self.open[entry.order_id]
        self.over.append(entry.order_id)
        while len(self.over) > (0 if self.endless else keep):
            self._forget(self.entries.pop(self.over.popleft()))

    def _forget(self, entry: Entry) -> None:
        if entry.client_order_id:
            namesakes = self.by_client_id[entry.client_order_id]
            namesakes.remove(entry)
            if not namesakes:
                del self.by_client_id[entry.client_order_id]

    def named(self, client_order_id: str) -> Entry | None:
        """The order of this name: one that is open before those that are over, the newest before older ones."""
        namesakes = self.by_client_id.get(client_order_id, [])
        return max(namesakes, key=lambda entry: (not entry.status.over, entry.order_id), default=None)

    def trades(self, symbol: str, order_id: int | None = None) -> list[Trade]:
        """In a market, or with one order there; the oldest first."""
        entry = None if order_id is None else self.entries.get(order_id)
        if entry is not None:
            return list(entry.trades) if entry.symbol.name == symbol else []
        tape = self.tape.get(symbol, [])
        return list(tape) if order_id is None else [trade for trade in tape if trade.order_id == order_id]
