"""The trading floor: the money and the book behind orders that have been accepted. `Venue` decides what is accepted.

Its callers hold the venue's lock. What all accounts have of an asset together is what came in and has not gone out,
always.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.accounts import NOTHING, Account, Entry
from sandbox.exchange.book import Ending, Plan, Resting
from sandbox.exchange.filters import Market, steps_in
from sandbox.exchange.orders import (
    BUY,
    FREE,
    AccountUnknown,
    Fees,
    OrderUnknown,
    Reason,
    Status,
    Symbol,
    Trade,
    VenueRefused,
)

EXCHANGE = "exchange"
HOUSE = "house"
HISTORY_MAX = 10_000  # orders of one account that are over; its trades are kept for ever
FEE_STEP = Decimal("0.00000001")
_BP = Decimal("0.0001")
_ENDED: dict[Ending, str] = {
    Ending.EXPIRES: "nobody is left to trade with",
    Ending.NOT_FILLABLE: "it can not be filled at once and in full",
    Ending.SELF_TRADE: "it met an order of its own account",
}


class Floor:
    """fees: of accounts that have none of their own. chance: the gaps between ids."""

    def __init__(self, clock: Callable[[], datetime], chance: random.Random, fees: Fees) -> None:
        self.now = clock
        self.fees = fees
        self.symbols: dict[str, Symbol] = {}
        self.markets: dict[str, Market] = {}
        self.accounts = {name: Account(name, endless=name == HOUSE, fees=FREE) for name in (EXCHANGE, HOUSE)}
        self.order_id = 0
        self.trade_id = 0
        self.tape: list[Trade] = []  # the customers' sides of all trades, as they happened
        self._entries: dict[int, Entry] = {}  # all that are open
        self._chance = chance

    def open_market(self, symbol: Symbol) -> None:
        """Raises ValueError when there is another of that name or id; the same again does nothing."""
        for listed in self.symbols.values():
            if listed != symbol and (listed.name == symbol.name or listed.symbol_id == symbol.symbol_id):
                raise ValueError(f"{symbol} can not be listed beside {listed}")
        if symbol.name not in self.symbols:
            self.symbols[symbol.name] = symbol
            self.markets[symbol.name] = Market(symbol)

    # Looking

    def market(self, symbol: str) -> Market:
        """Raises VenueRefused(UNKNOWN_SYMBOL)."""
        market = self.markets.get(symbol)
        if market is None:
            raise VenueRefused(
                Reason.UNKNOWN_SYMBOL, f"{symbol} is not traded here; there are {', '.join(self.markets)}"
            )
        return market

    def account(self, name: str) -> Account:
        """Raises AccountUnknown."""
        account = self.accounts.get(name)
        if account is None:
            raise AccountUnknown(f"{name} has no account here")
        return account

    def looking(self, name: str) -> Account:
        """The account, whose doomed orders are REJECTED now. Raises AccountUnknown."""
        account = self.account(name)
        for entry in account.doomed:
            self.close(entry, Status.REJECTED, "magic")
        account.doomed.clear()
        return account

    def open_orders(self, account: str, symbol: str | None = None) -> list[Entry]:
        """Of a market, or all; the oldest first. Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL)."""
        return self._in(symbol, self.looking(account).open.values())

    def orders(self, account: str, symbol: str | None = None) -> list[Entry]:
        """Likewise, with those that are over."""
        return self._in(symbol, self.looking(account).entries.values())

    def _in(self, symbol: str | None, entries: Iterable[Entry]) -> list[Entry]:
        if symbol is None:
            return list(entries)
        self.market(symbol)
        return [entry for entry in entries if entry.symbol.name == symbol]

    def find(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> Entry:
        """Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL), OrderUnknown; ValueError without any id."""
        if order_id is None and client_order_id is None:
            raise ValueError("an order is found by its order_id or its client_order_id")
        owner = self.looking(account)
        self.market(symbol)
        entry = owner.entries.get(order_id) if order_id is not None else owner.named(client_order_id or "")
        if entry is None or entry.symbol.name != symbol:
            raise OrderUnknown(f"{account} has no order {order_id or client_order_id} in {symbol}")
        return entry

    # Acting

    def next_order_id(self) -> int:
        self.order_id += 1 + self._chance.getrandbits(3)
        return self.order_id

    def admit(self, entry: Entry) -> None:
        """Accept a new order: lock what it may need. Raises VenueRefused(INSUFFICIENT_BALANCE)."""
        owner = self.accounts[entry.account]
        if not owner.lock(entry.pays_with, entry.locked):
            free = plain(owner.free.get(entry.pays_with, NOTHING))
            said = f"{plain(entry.locked)} {entry.pays_with} are needed, {free} are free"
            raise VenueRefused(Reason.INSUFFICIENT_BALANCE, said)
        self.record(entry)
        owner.unfilled.placed(entry.at)

    def record(self, entry: Entry) -> None:
        """An order that is open from now on, its money locked."""
        self.accounts[entry.account].record(entry)
        self._entries[entry.order_id] = entry

    def reopen(self, entry: Entry) -> None:
        """An order that was open at a restart, behind those that were reopened before it. Raises ValueError."""
        self.record(entry)
        if entry.doomed:
            self.accounts[entry.account].doomed.append(entry)
        if not entry.aside:
            symbol, left = entry.symbol, EXACT.subtract(entry.quantity, entry.executed)
            lots, tick = steps_in(left, symbol.quantity_step), steps_in(entry.price, symbol.price_step)
            if lots is None or tick is None:
                raise ValueError(f"order {entry.order_id} has {left} left at {entry.price}, which are no whole steps")
            self.markets[symbol.name].book.rest(Resting(entry.order_id, entry.account, entry.side == BUY, tick, lots))

    def carry_out(self, market: Market, entry: Entry, plan: Plan) -> None:
        """Let a new order meet the book, as the book has planned it."""
        market.book.carry_out(plan)
        for maker, lots in plan.fills:
            price = market.price(maker.tick)
            self.trade(entry, self._entries[maker.order_id], price, market.quantity(lots))
            market.last_price = price
        if plan.ending is Ending.FILLED:
            self.close(entry, Status.FILLED)
        elif plan.ending is Ending.RESTS:
            owed = market.quantity(plan.lots_left)
            if entry.side == BUY:
                owed = EXACT.multiply(entry.price, owed)
            self.accounts[entry.account].unlock(entry, all_but=owed)
        else:
            self.close(entry, Status.EXPIRED, _ENDED[plan.ending])

    def trade(self, taker: Entry, maker: Entry, price: Decimal, quantity: Decimal) -> None:
        """Both sides pay, receive, and pay their fees. A maker without anything left is over."""
        self.trade_id += 1 + self._chance.getrandbits(3)
        gross = EXACT.multiply(price, quantity)
        now = self.now()
        for entry in (taker, maker):
            account, symbol, buys = self.accounts[entry.account], entry.symbol, entry.side == BUY
            account.pay(entry, gross if buys else quantity)
            received, asset = (quantity, symbol.base) if buys else (gross, symbol.quote)
            account.credit(asset, received)
            fee, fee_asset = self._charge(account, received, asset, gross, maker=entry is maker)
            if not entry.executed:
                account.unfilled.first_filled(now)
            entry.executed = EXACT.add(entry.executed, quantity)
            entry.gross = EXACT.add(entry.gross, gross)
            entry.status = Status.PARTIALLY_FILLED
            entry.updated_at = now
            trade = Trade(
                self.trade_id,
                entry.order_id,
                entry.account,
                symbol.name,
                entry.side,
                price,
                quantity,
                gross,
                fee,
                fee_asset,
                entry is maker,
                now,
            )
            account.note(trade, entry)
            if not account.endless:
                self.tape.append(trade)
        if maker.executed == maker.quantity:
            self.close(maker, Status.FILLED)

    def _charge(
        self, account: Account, received: Decimal, asset: str, gross: Decimal, *, maker: bool
    ) -> tuple[Decimal, str]:
        fees = account.fees or self.fees
        rate = EXACT.multiply(fees.maker_bps if maker else fees.taker_bps, _BP)
        if not rate:
            return NOTHING, asset
        if fees.asset is not None:
            fee = _fee(ROUNDING.divide(EXACT.multiply(gross, rate), fees.asset_price))
            if account.debit(fees.asset, fee):
                self.accounts[EXCHANGE].credit(fees.asset, fee)
                return fee, fees.asset
        fee = _fee(EXACT.multiply(received, rate))
        account.debit(asset, fee)
        self.accounts[EXCHANGE].credit(asset, fee)
        return fee, asset

    def cancel(self, entry: Entry) -> None:
        if not entry.aside:
            self.markets[entry.symbol.name].book.cancel(entry.order_id)
        self.close(entry, Status.CANCELED, "its account asked for it")

    def close(self, entry: Entry, status: Status, reason: str = "") -> None:
        account = self.accounts[entry.account]
        account.unlock(entry)
        entry.status, entry.reason, entry.updated_at = status, reason, self.now()
        del self._entries[entry.order_id]
        account.close(entry, HISTORY_MAX)


def _fee(exactly: Decimal) -> Decimal:
    return exactly.quantize(FEE_STEP, ROUND_DOWN, ROUNDING)
