"""The rules of the exchange: markets, accounts, orders and what becomes of them. The faces put wires in front of it.

An order is refused (VenueRefused, nothing has changed) or accepted, and then it is `NEW` or more at once:

    LIMIT         trades with whom it meets at its price or better; the rest rests (GTC), or is EXPIRED (IOC, FOK)
    LIMIT_MAKER   rests; refused (WOULD_TAKE) where it would trade at once

An account does not trade with itself: an order that meets another of its account's is EXPIRED with what it got
before (see `book`). What an order may need is locked when it is accepted, and what it does not need any more is
given back at once. Fees are charged trade by trade (see `Fees`) and go to the account `exchange`; that one and
`house`, the market's own, are always open. Amounts are exact, and what all accounts have of an asset together is
what was deposited of it, always. Order ids and trade ids ascend, with gaps chosen by the seed: elsewhere others
trade too.

With `Venue(magic=True)` a test or a person chooses what becomes of an order by the last three significant digits of its
quantity (0.00777, 1.777 and 7770 are all …777), if it is a customer's:

    …777  fills at once and in full, at its own price, against the house
    …666  is accepted and at once CANCELED, with nothing filled
    …555  stays open and never fills: nobody trades with it, and it does not show in the depth
    …444  half of it, rounded down to a lot, fills at once as above, and the rest is CANCELED
    …333  is accepted and at once EXPIRED, with nothing filled
    …222  is accepted as NEW, and REJECTED by the time its account looks again

They are refused as others are: the account must have what they need.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from threading import RLock
from types import MappingProxyType
from typing import Any

from common.money import EXACT, ROUNDING, plain
from sandbox.exchange.accounts import NOTHING, Account, Entry
from sandbox.exchange.book import Ending, Plan, Resting, TimeInForce
from sandbox.exchange.filters import Market, steps_in, terms_of
from sandbox.exchange.orders import (
    BUY,
    FREE,
    SELL,
    AccountUnknown,
    Fees,
    Kind,
    Order,
    OrderUnknown,
    Reason,
    Status,
    Symbol,
    Trade,
    VenueRefused,
)
from sandbox.exchange.persistence import (
    account_of,
    entry_of,
    state_of_account,
    state_of_entry,
    state_of_symbol,
    symbol_of,
)

__all__ = [
    "BUY",
    "EXCHANGE",
    "HISTORY_MAX",
    "HOUSE",
    "SELL",
    "AccountUnknown",
    "Fees",
    "Kind",
    "Order",
    "OrderUnknown",
    "Reason",
    "Status",
    "Symbol",
    "TimeInForce",
    "Trade",
    "Venue",
    "VenueRefused",
]

EXCHANGE = "exchange"
HOUSE = "house"
HISTORY_MAX = 10_000  # orders of one account that are over
FEE_STEP = Decimal("0.00000001")
_BP = Decimal("0.0001")

_MAGIC = ("777", "666", "555", "444", "333", "222")
_ENDED: dict[Ending, str] = {
    Ending.EXPIRES: "nobody is left to trade with",
    Ending.NOT_FILLABLE: "it can not be filled at once and in full",
    Ending.SELF_TRADE: "it met an order of its own account",
}


class Venue:
    """Safe to use from several threads. `lock` makes several calls one for the others.

    clock: aware UTC (`common.clock.now`, or a test's own).
    fees: of accounts that have none of their own.
    dedupe: refuse an order with the client order id of an open order of the account, as Binance does and
        AlphaPoint does not.
    maintenance: while it is true every order is refused; cancelling and asking go on.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        seed: int = 7,
        *,
        fees: Fees | None = None,
        magic: bool = False,
        dedupe: bool = True,
    ) -> None:
        self.lock = RLock()
        self.magic = magic
        self.dedupe = dedupe
        self._maintenance = False
        self._clock = clock
        self._seed = seed
        self._chance = random.Random(seed)
        self._fees = fees or Fees()
        self._symbols: dict[str, Symbol] = {}
        self._markets: dict[str, Market] = {}
        self._entries: dict[int, Entry] = {}  # all that are open
        self._order_id = 0
        self._trade_id = 0
        self._accounts = {name: Account(name, endless=name == HOUSE, fees=FREE) for name in (EXCHANGE, HOUSE)}

    def now(self) -> datetime:
        return self._clock()

    @property
    def maintenance(self) -> bool:
        return self._maintenance

    @maintenance.setter
    def maintenance(self, on: bool) -> None:
        with self.lock:  # not amid the calls that somebody makes one by the lock
            self._maintenance = on

    # Markets

    @property
    def symbols(self) -> Mapping[str, Symbol]:
        """By name, as they were listed."""
        return MappingProxyType(self._symbols)

    def list_symbol(self, symbol: Symbol) -> None:
        """Open a market. Raises ValueError when there is another of that name or id; the same again does nothing."""
        with self.lock:
            for listed in self._symbols.values():
                if listed != symbol and (listed.name == symbol.name or listed.symbol_id == symbol.symbol_id):
                    raise ValueError(f"{symbol} can not be listed beside {listed}")
            if symbol.name not in self._symbols:
                self._symbols[symbol.name] = symbol
                self._markets[symbol.name] = Market(symbol)

    def depth(
        self, symbol: str, limit: int = 100
    ) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """(bids, asks): (price, quantity) of at most `limit` prices each, the best first.

        Raises VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            market = self._market(symbol)
            bids, asks = (
                [
                    (market.price(tick), market.quantity(lots))
                    for tick, lots in market.book.levels(bids=bids, limit=limit)
                ]
                for bids in (True, False)
            )
            return bids, asks

    def last_price(self, symbol: str) -> Decimal | None:
        """Of the last trade between two accounts; None before the first. Raises VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            return self._market(symbol).last_price

    # Accounts

    @property
    def accounts(self) -> list[str]:
        with self.lock:
            return list(self._accounts)

    def open_account(
        self, name: str, balances: Mapping[str, Decimal], *, fees: Fees | None = None, endless: bool = False
    ) -> None:
        """endless: it may go below zero, for who makes the market. Raises ValueError when the account exists."""
        with self.lock:
            if name in self._accounts:
                raise ValueError(f"the account {name} exists; deposit() adds to what it has")
            self._accounts[name] = Account(name, endless=endless, fees=fees)
            for asset, amount in balances.items():
                self.deposit(name, asset, amount)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Raises AccountUnknown, ValueError for less than nothing."""
        with self.lock:
            if not (amount.is_finite() and amount >= 0):
                raise ValueError(f"a deposit of {amount} {asset}")
            self._account(account).credit(asset, amount)

    def set_fees(self, fees: Fees, account: str | None = None) -> None:
        """From now on, of one account or of all that have none of their own. Raises AccountUnknown."""
        with self.lock:
            if account is None:
                self._fees = fees
            else:
                self._account(account).fees = fees

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """(free, locked) of each asset that it ever had, also where both are 0. Raises AccountUnknown."""
        with self.lock:
            held = self._looking(account)
            assets = sorted(held.free.keys() | held.locked.keys())
            return {asset: (held.free.get(asset, NOTHING), held.locked.get(asset, NOTHING)) for asset in assets}

    # Orders

    def place(
        self,
        account: str,
        symbol: str,
        side: str,
        kind: Kind,
        *,
        quantity: Decimal,
        price: Decimal,
        time_in_force: TimeInForce = TimeInForce.GTC,
        client_order_id: str = "",
        dedupe: bool | None = None,
    ) -> Order:
        """Answers the order as it is after it has met the book.

        dedupe: None is as the venue does.

        Raises AccountUnknown; VenueRefused for the first of: MARKET_CLOSED, UNKNOWN_SYMBOL, LOT_SIZE, PRICE_FILTER,
        MIN_NOTIONAL, DUPLICATE_ORDER, WOULD_TAKE, INSUFFICIENT_BALANCE; ValueError for a side that there is not.
        """
        if side not in (BUY, SELL):
            raise ValueError(f"side is {side!r}; it must be {BUY} or {SELL}")
        with self.lock:
            owner = self._looking(account)
            if self.maintenance:
                raise VenueRefused(Reason.MARKET_CLOSED, "the venue is under maintenance")
            market = self._market(symbol)
            # What the market's own accounts have left may be small too.
            terms = terms_of(market, quantity, price, however_small=owner.endless)
            if self.dedupe if dedupe is None else dedupe:
                _refuse_namesake(owner, client_order_id)
            order_id = self._next_order_id()
            plan = market.book.plan(
                order_id,
                account,
                buys=side == BUY,
                tick=terms.tick,
                lots=terms.lots,
                time_in_force=time_in_force,
                post_only=kind is Kind.LIMIT_MAKER,
            )
            magic = _magic(quantity) if self.magic and not owner.endless else None
            if plan.ending is Ending.WOULD_TAKE and magic is None:
                raise VenueRefused(Reason.WOULD_TAKE, f"at {price} it would trade at once")
            now = self._clock()
            entry = Entry(
                order_id,
                client_order_id,
                account,
                market.symbol,
                side,
                kind,
                time_in_force,
                price,
                quantity,
                now,
                now,
                quantity if side == SELL else EXACT.multiply(price, quantity),
            )
            if not owner.lock(entry.pays_with, entry.locked):
                free = plain(owner.free.get(entry.pays_with, NOTHING))
                said = f"{plain(entry.locked)} {entry.pays_with} are needed, {free} are free"
                raise VenueRefused(Reason.INSUFFICIENT_BALANCE, said)
            owner.record(entry)
            self._entries[order_id] = entry
            if magic is None:
                self._carry_out(market, entry, plan)
            else:
                self._conjure(market, entry, terms.lots, magic)
            return entry.snapshot()

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> Order:
        """The order as it is then; one that was over stays as it is.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL), OrderUnknown.
        """
        with self.lock:
            entry = self._find(account, symbol, order_id, client_order_id)
            if not entry.status.over:
                self._cancel(entry)
            return entry.snapshot()

    def cancel_all(self, account: str, symbol: str) -> list[Order]:
        """Those that were open, the oldest first. Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            self._market(symbol)
            entries = [entry for entry in self._looking(account).open.values() if entry.symbol.name == symbol]
            for entry in entries:
                self._cancel(entry)
            return [entry.snapshot() for entry in entries]

    # Looking

    def order(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> Order:
        """By its order id, or, without, by its client order id: of several an open one before those that are over,
        then the newest.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL), OrderUnknown.
        """
        with self.lock:
            return self._find(account, symbol, order_id, client_order_id).snapshot()

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """The oldest first. Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            return [entry.snapshot() for entry in self._of(self._looking(account).open, symbol)]

    def history(self, account: str, symbol: str | None = None) -> list[Order]:
        """All that are known, open and over, the newest first: HISTORY_MAX of those that are over.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            return [entry.snapshot() for entry in reversed(self._of(self._looking(account).entries, symbol))]

    def trades(self, account: str, symbol: str, *, order_id: int | None = None) -> list[Trade]:
        """Of the orders that are known, or of one: as they happened, the oldest first. None of an unknown order.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            known = self._looking(account).entries
            if order_id is not None:
                known = {order_id: known[order_id]} if order_id in known else {}
            trades = [trade for entry in self._of(known, symbol) for trade in entry.trades]
            return sorted(trades, key=lambda trade: trade.trade_id)

    # What outlives a restart

    def state(self) -> dict[str, Any]:
        """Markets, accounts, orders and trades, in what JSON can hold; amounts are text.

        Without the open orders of endless accounts, whose money is free again: their owners place new ones. Fees and
        switches are settings, which whoever starts the venue knows; only those of an account are kept.
        """
        with self.lock:
            customers = [account for account in self._accounts.values() if not account.endless]
            return {
                "order_id": str(self._order_id),
                "trade_id": str(self._trade_id),
                "symbols": [state_of_symbol(symbol) for symbol in self._symbols.values()],
                "last_prices": {
                    name: plain(market.last_price)
                    for name, market in self._markets.items()
                    if market.last_price is not None
                },
                "accounts": [state_of_account(account) for account in self._accounts.values()],
                "orders": [state_of_entry(entry) for account in customers for entry in account.entries.values()],
            }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be as `state()` told, instead of what is. All or nothing.

        Raises ValueError, KeyError, TypeError or decimal.InvalidOperation for what `state()` did not write.
        """
        other = Venue(self._clock, self._seed)
        other._read(state)
        with self.lock:
            self._symbols, self._markets, self._accounts = other._symbols, other._markets, other._accounts
            self._entries = other._entries
            self._order_id, self._trade_id = other._order_id, other._trade_id
            self._chance = random.Random(f"{self._seed}/{self._order_id}/{self._trade_id}")

    def _read(self, state: Mapping[str, Any]) -> None:
        for told in state["symbols"]:
            self.list_symbol(symbol_of(told))
        for name, price in state["last_prices"].items():
            self._markets[name].last_price = Decimal(price)
        for told in state["accounts"]:
            account = account_of(told)
            self._accounts[account.name] = account
        entries = sorted((entry_of(told, self._symbols) for told in state["orders"]), key=lambda entry: entry.order_id)
        for entry in entries:
            self._accounts[entry.account].record(entry)
        for entry in sorted(entries, key=lambda entry: entry.updated_at):
            if entry.status.over:
                self._accounts[entry.account].close(entry, HISTORY_MAX)
        for entry in entries:  # ascending, so that who was first in the book is first again
            if not entry.status.over:
                self._reopen(entry)
        for account in self._accounts.values():
            locked = dict.fromkeys(account.locked, NOTHING)
            for entry in account.open.values():
                locked[entry.pays_with] = EXACT.add(locked[entry.pays_with], entry.locked)
            if locked != account.locked:
                raise ValueError(f"{account.name} has locked {account.locked}, and its open orders {locked}")
        self._order_id, self._trade_id = int(state["order_id"]), int(state["trade_id"])

    def _reopen(self, entry: Entry) -> None:
        self._entries[entry.order_id] = entry
        account = self._accounts[entry.account]
        if entry.doomed:
            account.doomed.append(entry)
        if not entry.aside:
            symbol, left = entry.symbol, EXACT.subtract(entry.quantity, entry.executed)
            lots, tick = steps_in(left, symbol.quantity_step), steps_in(entry.price, symbol.price_step)
            if lots is None or tick is None:
                raise ValueError(f"order {entry.order_id} has {left} left at {entry.price}, which are no whole steps")
            self._markets[symbol.name].book.rest(Resting(entry.order_id, entry.account, entry.side == BUY, tick, lots))

    # Inside; the lock is held

    def _market(self, symbol: str) -> Market:
        market = self._markets.get(symbol)
        if market is None:
            raise VenueRefused(
                Reason.UNKNOWN_SYMBOL, f"{symbol} is not traded here; there are {', '.join(self._markets)}"
            )
        return market

    def _account(self, name: str) -> Account:
        account = self._accounts.get(name)
        if account is None:
            raise AccountUnknown(f"{name} has no account here")
        return account

    def _looking(self, name: str) -> Account:
        """The account, and now its doomed orders meet their end."""
        account = self._account(name)
        if account.doomed:
            for entry in account.doomed:
                self._close(entry, Status.REJECTED, "magic")
            account.doomed.clear()
        return account

    def _of(self, entries: Mapping[int, Entry], symbol: str | None) -> list[Entry]:
        if symbol is None:
            return list(entries.values())
        self._market(symbol)
        return [entry for entry in entries.values() if entry.symbol.name == symbol]

    def _find(self, account: str, symbol: str, order_id: int | None, client_order_id: str | None) -> Entry:
        if order_id is None and client_order_id is None:
            raise ValueError("an order is found by its order_id or its client_order_id")
        owner = self._looking(account)
        self._market(symbol)
        entry = owner.entries.get(order_id) if order_id is not None else owner.named(client_order_id or "")
        if entry is None or entry.symbol.name != symbol:
            raise OrderUnknown(f"{account} has no order {order_id or client_order_id} in {symbol}")
        return entry

    def _next_order_id(self) -> int:
        self._order_id += 1 + self._chance.getrandbits(3)
        return self._order_id

    def _carry_out(self, market: Market, entry: Entry, plan: Plan) -> None:
        market.book.carry_out(plan)
        for maker, lots in plan.fills:
            price = market.price(maker.tick)
            self._trade(entry, self._entries[maker.order_id], price, market.quantity(lots))
            market.last_price = price
        if plan.ending is Ending.FILLED:
            self._close(entry, Status.FILLED)
        elif plan.ending is Ending.RESTS:
            owed = market.quantity(plan.lots_left)
            if entry.side == BUY:
                owed = EXACT.multiply(entry.price, owed)
            self._accounts[entry.account].unlock(entry, all_but=owed)
        else:
            self._close(entry, Status.EXPIRED, _ENDED[plan.ending])

    def _trade(self, taker: Entry, maker: Entry, price: Decimal, quantity: Decimal) -> None:
        """Both sides pay, receive, and pay their fees. A maker without anything left is over."""
        self._trade_id += 1 + self._chance.getrandbits(3)
        gross = EXACT.multiply(price, quantity)
        now = self._clock()
        for entry in (taker, maker):
            account, symbol, buys = self._accounts[entry.account], entry.symbol, entry.side == BUY
            account.pay(entry, gross if buys else quantity)
            received, asset = (quantity, symbol.base) if buys else (gross, symbol.quote)
            account.credit(asset, received)
            fee, fee_asset = self._charge(account, received, asset, gross, maker=entry is maker)
            entry.executed = EXACT.add(entry.executed, quantity)
            entry.gross = EXACT.add(entry.gross, gross)
            entry.status = Status.PARTIALLY_FILLED
            entry.updated_at = now
            entry.trades.append(
                Trade(
                    self._trade_id,
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
            )
        if maker.executed == maker.quantity:
            self._close(maker, Status.FILLED)

    def _charge(
        self, account: Account, received: Decimal, asset: str, gross: Decimal, *, maker: bool
    ) -> tuple[Decimal, str]:
        fees = account.fees or self._fees
        rate = EXACT.multiply(fees.maker_bps if maker else fees.taker_bps, _BP)
        if not rate:
            return NOTHING, asset
        if fees.asset is not None:
            fee = _fee(ROUNDING.divide(EXACT.multiply(gross, rate), fees.asset_price))
            if account.debit(fees.asset, fee):
                self._accounts[EXCHANGE].credit(fees.asset, fee)
                return fee, fees.asset
        fee = _fee(EXACT.multiply(received, rate))
        account.debit(asset, fee)
        self._accounts[EXCHANGE].credit(asset, fee)
        return fee, asset

    def _conjure(self, market: Market, entry: Entry, lots: int, digits: str) -> None:
        match digits:
            case "777":
                self._with_the_house(market, entry, lots)
                self._close(entry, Status.FILLED)
            case "666":
                self._close(entry, Status.CANCELED, "magic")
            case "555":
                entry.aside = True
            case "444":
                self._with_the_house(market, entry, lots // 2)
                self._close(entry, Status.CANCELED, "magic")
            case "333":
                self._close(entry, Status.EXPIRED, "magic")
            case "222":
                entry.aside = entry.doomed = True
                self._accounts[entry.account].doomed.append(entry)

    def _with_the_house(self, market: Market, taker: Entry, lots: int) -> None:
        """Trade with the house past the book, at the taker's own price. The market's last price does not change."""
        if not lots:
            return
        quantity = market.quantity(lots)
        side, needs = (SELL, quantity) if taker.side == BUY else (BUY, EXACT.multiply(taker.price, quantity))
        now = self._clock()
        maker = Entry(
            self._next_order_id(),
            "",
            HOUSE,
            market.symbol,
            side,
            Kind.LIMIT,
            TimeInForce.GTC,
            taker.price,
            quantity,
            now,
            now,
            needs,
        )
        house = self._accounts[HOUSE]
        house.lock(maker.pays_with, needs)
        house.record(maker)
        self._entries[maker.order_id] = maker
        self._trade(taker, maker, taker.price, quantity)

    def _cancel(self, entry: Entry) -> None:
        if not entry.aside:
            self._markets[entry.symbol.name].book.cancel(entry.order_id)
        self._close(entry, Status.CANCELED, "its account asked for it")

    def _close(self, entry: Entry, status: Status, reason: str = "") -> None:
        account = self._accounts[entry.account]
        account.unlock(entry)
        entry.status, entry.reason, entry.updated_at = status, reason, self._clock()
        del self._entries[entry.order_id]
        account.close(entry, HISTORY_MAX)


def _fee(exactly: Decimal) -> Decimal:
    return exactly.quantize(FEE_STEP, ROUND_DOWN, ROUNDING)


def _magic(quantity: Decimal) -> str | None:
    digits = plain(quantity).replace(".", "").rstrip("0")[-3:]
    return digits if digits in _MAGIC else None


def _refuse_namesake(owner: Account, client_order_id: str) -> None:
    """Raises VenueRefused(DUPLICATE_ORDER)."""
    namesake = owner.named(client_order_id) if client_order_id else None
    if namesake is not None and not namesake.status.over:
        raise VenueRefused(Reason.DUPLICATE_ORDER, f"{client_order_id} is open as {namesake.order_id}")
