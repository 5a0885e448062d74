"""The rules of the exchange: markets, accounts, orders and what becomes of them. The faces put wires in front of it.

An order is refused (VenueRefused, nothing has changed) or accepted, and then it is `NEW` or more at once:

    LIMIT         trades with whom it meets at its price or better; the rest rests (GTC), or is EXPIRED (IOC, FOK)
    LIMIT_MAKER   rests; refused (WOULD_TAKE) where it would trade at once

An account does not trade with itself: an order that meets another of its account's is EXPIRED with what it got
before (see `book`). What an order may need is locked when it is accepted, and what it does not need any more is
given back at once. Fees are charged trade by trade (see `Fees`) and go to the account `exchange`; that one and
`house`, the market's own, are always open. Amounts are exact, and what all accounts have of an asset together is
what was deposited of it and not withdrawn, always. Order ids and trade ids ascend, with gaps chosen by the seed:
elsewhere others trade too.

A customer's account may have magic: a test or a person then chooses by a quantity what becomes of an order (`magic`).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from threading import RLock
from types import MappingProxyType
from typing import Any

from common.money import EXACT
from sandbox.exchange.accounts import NOTHING, Account, Entry
from sandbox.exchange.book import Ending, TimeInForce
from sandbox.exchange.filters import Level, terms_of
from sandbox.exchange.floor import EXCHANGE, HOUSE, Floor
from sandbox.exchange.limits import Limits
from sandbox.exchange.magic import conjure, spell_of
from sandbox.exchange.orders import (
    BUY,
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
from sandbox.exchange.persistence import read_floor, state_of_floor

__all__ = [
    "BUY",
    "EXCHANGE",
    "HOUSE",
    "SELL",
    "AccountUnknown",
    "Fees",
    "Kind",
    "Limits",
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


class Venue:
    """Safe to use from several threads. `lock` makes several calls one for the others.

    clock: aware UTC (`common.clock.now`, or a test's own).
    fees, limits: of accounts that have none of their own.
    magic: whether accounts have it unless they are opened otherwise.
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
        limits: Limits | None = None,
        magic: bool = False,
        dedupe: bool = True,
    ) -> None:
        self.lock = RLock()
        self.magic = magic
        self.dedupe = dedupe
        self._maintenance = False
        self._clock = clock
        self._seed = seed
        self._limits = limits or Limits()
        self._floor = Floor(clock, random.Random(seed), fees or Fees())

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
        return MappingProxyType(self._floor.symbols)

    def list_symbol(self, symbol: Symbol) -> None:
        """Open a market. Raises ValueError when there is another of that name or id; the same again does nothing."""
        with self.lock:
            self._floor.open_market(symbol)

    def depth(self, symbol: str, limit: int = 100) -> tuple[list[Level], list[Level]]:
        """(bids, asks): (price, quantity) of at most `limit` prices each, the best first.

        Raises VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            market = self._floor.market(symbol)
            return market.levels(bids=True, limit=limit), market.levels(bids=False, limit=limit)

    def last_price(self, symbol: str) -> Decimal | None:
        """Of the last trade between two accounts; None before the first. Raises VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            return self._floor.market(symbol).last_price

    # Accounts

    @property
    def accounts(self) -> list[str]:
        with self.lock:
            return list(self._floor.accounts)

    @property
    def customers(self) -> list[str]:
        """The accounts that are neither the exchange's nor the market's own."""
        with self.lock:
            mine = self._floor.accounts.values()
            return [account.name for account in mine if not account.endless and account.name != EXCHANGE]

    def open_account(
        self,
        name: str,
        balances: Mapping[str, Decimal],
        *,
        fees: Fees | None = None,
        limits: Limits | None = None,
        magic: bool | None = None,
        endless: bool = False,
    ) -> None:
        """fees, limits, magic: its own, or None for the venue's.
        endless: it may go below zero, for who makes the market; such an account has no magic.
        Raises ValueError when the account exists, or a balance is less than nothing; nothing is opened then.
        """
        with self.lock:
            if name in self._floor.accounts:
                raise ValueError(f"the account {name} exists; deposit() adds to what it has")
            magic = (self.magic if magic is None else magic) and not endless
            account = Account(name, endless=endless, magic=magic, fees=fees, limits=limits)
            for asset, amount in balances.items():
                _refuse_less_than_nothing("deposit", asset, amount)
                account.credit(asset, amount)
            self._floor.accounts[name] = account

    def account(self, name: str) -> Account:
        """For who holds the lock as long as he looks at it. Raises AccountUnknown."""
        return self._floor.account(name)

    def deposit(self, account: str, asset: str, amount: Decimal) -> None:
        """Raises AccountUnknown, ValueError for less than nothing."""
        with self.lock:
            _refuse_less_than_nothing("deposit", asset, amount)
            self.account(account).credit(asset, amount)

    def withdraw(self, account: str, asset: str, amount: Decimal) -> bool:
        """Take what is free out of the venue; False, and nothing, when that is too little.

        Raises AccountUnknown, ValueError for less than nothing.
        """
        with self.lock:
            _refuse_less_than_nothing("withdrawal", asset, amount)
            return self._floor.looking(account).debit(asset, amount)

    def set_fees(self, fees: Fees, account: str | None = None) -> None:
        """From now on, of one account or of all that have none of their own. Raises AccountUnknown."""
        with self.lock:
            if account is None:
                self._floor.fees = fees
            else:
                self.account(account).fees = fees

    def limits_of(self, account: str | None = None) -> Limits:
        """Of an account, or of all that have none of their own. Raises AccountUnknown."""
        with self.lock:
            own = None if account is None else self.account(account).limits
            return own or self._limits

    def set_limits(self, limits: Limits | None, account: str | None = None) -> None:
        """From now on, as `limits_of` tells them; None: an account has the venue's, the venue the usual ones.

        Raises AccountUnknown.
        """
        with self.lock:
            if account is None:
                self._limits = limits or Limits()
            else:
                self.account(account).limits = limits

    def balances(self, account: str) -> dict[str, tuple[Decimal, Decimal]]:
        """(free, locked) of each asset that it ever had, also where both are 0. Raises AccountUnknown."""
        with self.lock:
            held = self._floor.looking(account)
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
        MIN_NOTIONAL, DUPLICATE_ORDER, MAX_NUM_ORDERS, WOULD_TAKE, INSUFFICIENT_BALANCE; ValueError for a side that
        there is not.
        """
        if side not in (BUY, SELL):
            raise ValueError(f"side is {side!r}; it must be {BUY} or {SELL}")
        with self.lock:
            owner = self._floor.looking(account)
            if self.maintenance:
                raise VenueRefused(Reason.MARKET_CLOSED, "the venue is under maintenance")
            market = self._floor.market(symbol)
            # What the market's own accounts have left may be small too.
            terms = terms_of(market, quantity, price, however_small=owner.endless)
            if self.dedupe if dedupe is None else dedupe:
                _refuse_namesake(owner, client_order_id)
            _refuse_one_too_many(owner, market.symbol, self.limits_of(account))
            order_id = self._floor.next_order_id()
            plan = market.book.plan(
                order_id,
                account,
                buys=side == BUY,
                tick=terms.tick,
                lots=terms.lots,
                time_in_force=time_in_force,
                post_only=kind is Kind.LIMIT_MAKER,
            )
            spell = spell_of(quantity) if owner.magic else None
            if plan.ending is Ending.WOULD_TAKE and spell is None:
                raise VenueRefused(Reason.WOULD_TAKE, f"at {price} it would trade at once")
            now, locked = self._clock(), quantity if side == SELL else EXACT.multiply(price, quantity)
            names = (order_id, client_order_id, account)
            entry = Entry(*names, market.symbol, side, kind, time_in_force, price, quantity, now, now, locked)
            self._floor.admit(entry)
            if spell is None:
                self._floor.carry_out(market, entry, plan)
            else:
                conjure(self._floor, market, entry, terms.lots, spell)
            return entry.snapshot()

    def refuse_unfit(self, symbol: str, quantity: Decimal, price: Decimal) -> None:
        """What `place` would say of an order itself, whoever places it. Raises VenueRefused for the first of:
        MARKET_CLOSED, UNKNOWN_SYMBOL, LOT_SIZE, PRICE_FILTER, MIN_NOTIONAL."""
        with self.lock:
            if self.maintenance:
                raise VenueRefused(Reason.MARKET_CLOSED, "the venue is under maintenance")
            terms_of(self._floor.market(symbol), quantity, price, however_small=False)

    def cancel(
        self, account: str, symbol: str, *, order_id: int | None = None, client_order_id: str | None = None
    ) -> Order:
        """The order as it is then; one that was over stays as it is.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL), OrderUnknown.
        """
        with self.lock:
            entry = self._floor.find(account, symbol, order_id, client_order_id)
            if not entry.status.over:
                self._floor.cancel(entry)
            return entry.snapshot()

    def cancel_all(self, account: str, symbol: str) -> list[Order]:
        """Those that were open, the oldest first. Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            entries = self._floor.open_orders(account, symbol)
            for entry in entries:
                self._floor.cancel(entry)
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
            return self._floor.find(account, symbol, order_id, client_order_id).snapshot()

    def open_orders(self, account: str, symbol: str | None = None) -> list[Order]:
        """The oldest first. Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL)."""
        with self.lock:
            return [entry.snapshot() for entry in self._floor.open_orders(account, symbol)]

    def history(self, account: str, symbol: str | None = None) -> list[Order]:
        """All that are known, open and over, the newest first: HISTORY_MAX of those that are over.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            return [entry.snapshot() for entry in reversed(self._floor.orders(account, symbol))]

    def trades(self, account: str, symbol: str, *, order_id: int | None = None) -> list[Trade]:
        """All that it ever traded there, or with one order: as they happened, the oldest first. None of an unknown
        order. The market's own accounts keep those of open orders only, to be asked for by order.

        Raises AccountUnknown, VenueRefused(UNKNOWN_SYMBOL).
        """
        with self.lock:
            self._floor.market(symbol)
            return self._floor.looking(account).trades(symbol, order_id)

    # What outlives a restart

    def state(self, *, since_trade: int = 0) -> dict[str, Any]:
        """Markets, accounts, orders and trades, in what JSON can hold; amounts are text.

        since_trade: leave out so many of the first trades, which the caller has.

        Without the open orders of endless accounts, whose money is free again: their owners place new ones. Fees,
        limits and switches are settings, which whoever starts the venue knows; only those of an account are kept.
        """
        with self.lock:
            return state_of_floor(self._floor, since_trade)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Be as `state()` told, instead of what is. All or nothing.

        Raises ValueError, KeyError, TypeError or decimal.InvalidOperation for what `state()` did not write.
        """
        chance = random.Random(f"{self._seed}/{state['order_id']}/{state['trade_id']}")
        with self.lock:
            floor = Floor(self._clock, chance, self._floor.fees)
            read_floor(floor, state, magic=self.magic)
            self._floor = floor


def _refuse_less_than_nothing(what: str, asset: str, amount: Decimal) -> None:
    """Raises ValueError."""
    if not (amount.is_finite() and amount >= 0):
        raise ValueError(f"a {what} of {amount} {asset}")


def _refuse_one_too_many(owner: Account, symbol: Symbol, limits: Limits) -> None:
    """Raises VenueRefused(MAX_NUM_ORDERS). The market's own accounts have as many as they like."""
    if owner.endless:
        return
    have = sum(entry.symbol.name == symbol.name for entry in owner.open.values())
    if have >= limits.open_orders_per_symbol:
        raise VenueRefused(Reason.MAX_NUM_ORDERS, f"{have} orders are open in {symbol.name}, and no more may be")


def _refuse_namesake(owner: Account, client_order_id: str) -> None:
    """Raises VenueRefused(DUPLICATE_ORDER)."""
    namesake = owner.named(client_order_id) if client_order_id else None
    if namesake is not None and not namesake.status.over:
        raise VenueRefused(Reason.DUPLICATE_ORDER, f"{client_order_id} is open as {namesake.order_id}")
