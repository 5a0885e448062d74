"""What an owner asks of an order that quotes: to pause and to resume it, and to quote by another configuration.

Each is written for the ticker, which reads it at the beginning of a cycle: a cycle that has begun goes on as it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.domain import halts
from common.domain.timeline import CUSTOMER
from common.gateways.exchange import MarketUnknown
from common.gateways.exchange.maker import Books, Market
from common.table.table import Page, Position, Table
from common.table.transaction import Write
from functions.market_making import configuration, hummingbot, quotes_store, risk, shard_store, store
from functions.market_making.equity import History, points
from functions.market_making.model import (
    ConfigurationMoved,
    MarketMakingOrderMoved,
    Member,
    NoMarketPrice,
    NotConfigurable,
    NotPausable,
    NotResumable,
    Order,
    Status,
)
from functions.market_making.quotes import Quotes
from functions.market_making.quotes_store import OvertakenCycle, TradeItem
from functions.market_making.service.quoting import STILL_THERE, STOPPABLE
from functions.market_making.tally import Performance, There, performance

POINTS_MAX = 400  # of one history
READS_MAX = 3  # until no trade has come between them
PAUSED_BY_OWNER = "paused by its owner; what is open is cancelled with the next cycle"


@dataclass(frozen=True)
class Configured:
    """By hummingbot's names, in its units. Version 0: its owner has configured nothing, and it has not begun."""

    order_id: str
    version: int
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Steering:
    """`books` are of a trading account's exchange, by its id. Every method raises MarketMakingOrderNotFound, Busy."""

    table: Table
    books: Callable[[str], Books]
    now: Callable[[], datetime]

    def pause(self, order_id: str) -> Order:
        """What is open is cancelled by the ticker's next cycle. What is paused already stays so.

        Raises NotPausable, MarketMakingOrderMoved.
        """
        order = store.existing(self.table, order_id)
        if order.status is Status.PAUSED:
            return order
        if order.status is not Status.RUNNING:
            raise NotPausable(f"the order is {order.status}: it is not running", id=order_id)
        at = self.now()
        self.table.write(
            store.move(
                order,
                Status.PAUSED,
                at,
                store.why(PAUSED_BY_OWNER),
                waits_for="its owner, who has paused it",
                due_at=at + STILL_THERE,
            ),
            store.event(order, Status.PAUSED, PAUSED_BY_OWNER, CUSTOMER, at),
            *shard_store.tell_shard(order, Status.PAUSED, at),
        )
        return store.existing(self.table, order_id)

    def resume(self, order_id: str) -> Order:
        """Refusals in a row are forgotten: that they go on is found by trying. What is running already stays so.

        Raises NotResumable: also where it has lost too much, by the price of now, or where it or its account is halted;
        NoMarketPrice, ExchangeUnavailable, NoTradingKey; MarketMakingOrderMoved.
        """
        order = store.existing(self.table, order_id)
        if order.status is Status.RUNNING:
            return order
        if order.status is not Status.PAUSED:
            raise NotResumable(f"the order is {order.status}: it is not paused", id=order_id)
        forgotten = self._unless_it_has_lost(order)
        at = self.now()
        try:
            self.table.write(
                store.move(
                    order, Status.RUNNING, at, store.no_reason(), waits_for="its owner", due_at=at + STILL_THERE
                ),
                store.event(order, Status.RUNNING, "resumed by its owner", CUSTOMER, at),
                *shard_store.tell_shard(order, Status.RUNNING, at),
                *forgotten,
                halts.none_of(order_id, NotResumable("it stays paused: an operator has halted it", id=order_id)),
                halts.none_of(order.account_id, NotResumable("it stays paused: its account is halted", id=order_id)),
            )
        except OvertakenCycle as other:
            raise MarketMakingOrderMoved("its ticker is at work on it; ask again", id=order_id) from other
        return store.existing(self.table, order_id)

    def _unless_it_has_lost(self, order: Order) -> list[Write]:
        """What makes the quotes forget that they were refused. Raises NotResumable, and what asking raises."""
        read = quotes_store.find(self.table, order.order_id)
        if read is None:
            raise NotResumable("its ledger is not open", id=order.order_id)
        tried = replace(read, refusals=0)
        result, at = risk.result(tried, self._price(order)), self.now()
        if why := risk.verdict(risk.marked(tried, result, at), result):
            raise NotResumable(f"it stays paused: {why}", id=order.order_id)
        if not read.refusals:
            return []
        return quotes_store.write(read, replace(tried, cycle=read.cycle + 1), (), at)

    def _price(self, order: Order) -> Decimal:
        try:
            book = self.books(order.account_id).book(Market(*order.coins), 1)
        except MarketUnknown as no:
            raise NoMarketPrice(f"the exchange does not know {order.symbol} now", id=order.order_id) from no
        if book.middle is None:
            raise NoMarketPrice(f"{order.symbol} has no price now: a side of its book is empty", id=order.order_id)
        return book.middle

    def quotes(self, order: Order) -> Quotes | None:
        """As they were read last, or a moment before; None where it has no ledger."""
        return None if order.shard is None else quotes_store.find(self.table, order.order_id, consistent=False)

    # What it has brought

    def performance(self, order_id: str) -> Performance:
        """By the price of now.

        Raises NotConfigurable: it has not begun; NoMarketPrice, ExchangeUnavailable, NoTradingKey.
        """
        order = store.existing(self.table, order_id)
        read = quotes_store.find(self.table, order_id)
        if read is None or read.marks is None:
            raise NotConfigurable(f"the order is {order.status}: it has not begun to quote", id=order_id)
        price, at = self._price(order), self.now()
        now = risk.result(read, price)
        there = There(read.base, read.quote, read.began, read.fees_elsewhere, now, max(read.marks.best, now))
        ended = read.clear_at if read.closed else None
        return performance(read.tally, there, order.coins, price, ended or at)

    def history(self, order_id: str) -> History:
        """After each of its newest POINTS_MAX trades. Of one that has not begun there is nothing.

        Raises MarketMakingOrderMoved: trades are booked faster than they are read.
        """
        order = store.existing(self.table, order_id)
        read = quotes_store.find(self.table, order_id)
        for _ in range(READS_MAX):
            if read is None:
                return History([], complete=True)
            page = quotes_store.fills(self.table, order_id, limit=POINTS_MAX + 1, consistent=True)
            decided = quotes_store.beside_trades(self.table, order_id)
            before, read = read, quotes_store.find(self.table, order_id)
            if read is not None and _ledger(read) == _ledger(before):  # these are its trades, and no others
                trades = [item.trade for item in page.items[:POINTS_MAX]]
                told = points((read.base, read.quote), read.began, decided, trades, order.coins)
                return History(told, complete=len(page.items) <= POINTS_MAX)
        raise MarketMakingOrderMoved("it trades faster than its trades are read; ask again", id=order_id)

    def fills(self, order_id: str, *, limit: int, after: Position | None) -> Page[TradeItem]:
        """A page of its trades, the newest first. Of one that has not begun there are none."""
        store.existing(self.table, order_id)
        return quotes_store.fills(self.table, order_id, limit=limit, after=after)

    def fills_after(self, order_id: str, trade_id: int, limit: int) -> list[TradeItem]:
        """Those after a trade, the oldest first, so many at most. Raises MarketMakingOrderNotFound."""
        store.existing(self.table, order_id)
        return quotes_store.fills_after(self.table, order_id, trade_id, limit)

    # By what it quotes

    def configured(self, order_id: str) -> Configured:
        """As it counts from the next cycle on. Raises NotConfigurable."""
        member = self._member(store.existing(self.table, order_id))
        return self._told(order_id, member.config)

    def configure(self, order_id: str, version: int, changes: Mapping[str, Any]) -> Configured:
        """Change some parameters of a version; one that is told as nothing goes back to its default. A repeat changes
        nothing.

        Raises, in this order: NotConfigurable; InvalidConfiguration; ConfigurationMoved.
        """
        order = store.existing(self.table, order_id)
        member = self._member(order)
        if member.config not in (version, version + 1):
            raise self._moved(order_id, member)
        before = configuration.read(self._written(order_id, version))
        written = configuration.written(hummingbot.read(changes, order.exchange, order.symbol, before))
        if member.config == version + 1:
            if self._written(order_id, member.config) != written:
                raise self._moved(order_id, member)
            return self._told(order_id, member.config)
        at, shard = self.now(), order.shard
        assert shard is not None
        told = f"configured anew, version {version + 1}"
        try:
            self.table.write(
                shard_store.configure_member(shard, member, version + 1, at),
                quotes_store.configure(order_id, version + 1, written, at),
                store.event(order, order.status, told, CUSTOMER, at),
            )
        except MarketMakingOrderMoved as other:
            raise self._moved(order_id, member) from other
        return self._told(order_id, version + 1)

    def _member(self, order: Order) -> Member:
        member = shard_store.member(self.table, order) if order.status in STOPPABLE else None
        if member is None:
            raise NotConfigurable(f"the order is {order.status}: it does not quote", id=order.order_id)
        return member

    def _written(self, order_id: str, version: int) -> str:
        return quotes_store.configuration(self.table, order_id, version) if version else json.dumps({})

    def _told(self, order_id: str, version: int) -> Configured:
        settings = configuration.read(self._written(order_id, version))
        return Configured(order_id, version, hummingbot.told(settings))

    def _moved(self, order_id: str, member: Member) -> ConfigurationMoved:
        return ConfigurationMoved(f"it is version {member.config} now", id=order_id, version=member.config)


def _ledger(quotes: Quotes) -> tuple[Decimal, Decimal, int]:
    """Another, once a trade is booked or something is decided."""
    return quotes.base, quotes.quote, quotes.tally.fills
