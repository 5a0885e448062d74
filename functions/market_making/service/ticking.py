"""One tick of a shard: the orders that its ticker quotes for, each a cycle.

    look at every account's market ─▶ plan each order's cycle ─▶ reserve room in the exchange's limits ─▶ carry them out

What is common is asked for once: a market's book and limits, and an account's open orders and trades in it. What fails
ends its order's cycle, or that of its account's orders; the others go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from common.errors import Refusal
from common.gateways.exchange import ExchangeUnavailable, MarketUnknown
from common.gateways.exchange.maker import Book, Maker, MakerOrder, Market, MarketLimits
from common.log import count, log
from common.table.table import Table
from functions.market_making import quotes_store, risk, store
from functions.market_making.model import Member, Status
from functions.market_making.service.cycling import look
from functions.market_making.service.one_order import OneOrder
from functions.market_making.service.order_rate import OrderRate
from functions.market_making.service.shard import Crew, Group, Kept, LastBook, Ticked

QUOTED = frozenset({Status.CREATED, Status.RUNNING, Status.PAUSED})
BOOK_LEVELS = 50
LIMITS_KEPT = timedelta(hours=1)
LATE = timedelta(seconds=5)  # a tick that begins so long after its time is told


@dataclass(frozen=True)
class Ticking:
    """`maker` is that of a trading account, by its id."""

    table: Table
    maker: Callable[[str], Maker]
    now: Callable[[], datetime]
    kept: Kept = field(default_factory=Kept)
    crew: Crew = field(default_factory=Crew)

    def tick(self, shard: str, time: datetime, may_send: Callable[[], bool]) -> Ticked:
        """Of this absolute time, once. Raises TickTaken; TableUnavailable, Busy."""
        at = self.now()
        self.table.write(store.take_tick(shard, time, at))
        if at - time > LATE:
            count("TicksLate")
            log.warning("late", extra={"shard": shard, "seconds": (at - time).total_seconds()})
        by_market: dict[tuple[str, str], list[Member]] = defaultdict(list)
        for member in store.members(self.table, shard):
            if member.status in QUOTED:
                by_market[member.account_id, member.symbol].append(member)
        looked = self.crew.groups(self._look, by_market.items())
        groups = [group for group in looked if isinstance(group, Group)]
        books = self._books(groups)
        off = {key for key, book in books.items() if self._is_off(key, book)}
        ours: dict[tuple[str, Market], list[MakerOrder]] = defaultdict(list)
        for group in groups:
            ours[group.maker.name, group.market] += group.mine
        run = partial(self._run, time, may_send, books, off, ours)
        found = [one for of_group in self.crew.groups(run, groups) for one in of_group]
        silent = sum(len(members) for members, group in zip(by_market.values(), looked, strict=True) if group is None)
        return Ticked(
            sum(map(len, by_market.values())),
            silent + sum(one.failed for one in found),
            sum(one.placements for one in found),
            sum(one.left_out for one in found),
        )

    # Looking

    def _look(self, of: tuple[tuple[str, str], Sequence[Member]]) -> Group | None:
        """None where nothing can be told."""
        (account_id, symbol), members = of
        market = Market(*members[0].coins)
        try:
            maker = self.maker(account_id)
            start = quotes_store.trades_cursor(self.table, account_id, symbol)
            read = self.crew.requests(lambda member: quotes_store.find(self.table, member.order_id), members)
            there = [(member, one) for member, one in zip(members, read, strict=True) if one is not None]
            # Of an order with nothing out no earlier trade is its own.
            quotes = [one if one.is_out else replace(one, cursor=max(one.cursor, start)) for _, one in there]
            after = min((one.cursor for one in quotes if one.is_out), default=None)
            seen = look(maker, market, after, self.now)
            limits = self._limits(maker, market)
            return Group(account_id, market, [member for member, _ in there], maker, quotes, seen, limits)
        except Refusal as no:
            log.warning("account not quoted", extra={"account_id": account_id, "why": no.detail})
            count("QuotingSilent")
            return None

    def _limits(self, maker: Maker, market: Market) -> MarketLimits:
        key, at = (maker.name, market), self.now()
        known = self.kept.limits.get(key)
        if known is None or known[0] + LIMITS_KEPT < at:
            known = self.kept.limits[key] = (at, maker.limits(market))
        return known[1]

    def _books(self, groups: Sequence[Group]) -> dict[tuple[str, Market], Book | None]:
        """Each market's, once; None where it can not be read."""
        makers = {(group.maker.name, group.market): group.maker for group in groups}

        def book(of: tuple[str, Market]) -> Book | None:
            try:
                return makers[of].book(of[1], BOOK_LEVELS)
            except (ExchangeUnavailable, MarketUnknown) as no:
                log.warning("no book", extra={"market": str(of[1]), "why": no.detail})
                count("BooksUnread")
                return None

        return dict(zip(makers, self.crew.requests(book, list(makers)), strict=True))

    def _is_off(self, key: tuple[str, Market], book: Book | None) -> bool:
        """Has a market's price jumped since this process has seen it last, or has nobody known it for long?"""
        before, at = self.kept.books.get(key), self.now()
        if book is None or not book.bids or not book.asks:
            return before is None or at - before.at > risk.SILENT_MAX
        middle = (book.bids[0].price + book.asks[0].price) / 2
        self.kept.books[key] = LastBook(at, middle)
        jumped = before is not None and at - before.at < risk.JUMP_WITHIN and risk.has_jumped(before.middle, middle)
        if jumped:
            log.warning("price has jumped", extra={"market": str(key[1]), "middle": str(middle)})
            count("MarketsJumped")
        return jumped

    # Quoting

    def _run(
        self,
        time: datetime,
        may_send: Callable[[], bool],
        books: dict[tuple[str, Market], Book | None],
        off: set[tuple[str, Market]],
        ours: dict[tuple[str, Market], list[MakerOrder]],
        group: Group,
    ) -> list[Ticked]:
        key = (group.maker.name, group.market)
        orders = [
            OneOrder(
                self.table,
                self.now,
                self.kept,
                self.crew,
                group,
                member,
                quotes,
                books[key],
                ours[key],
                time,
                may_send,
                key in off,
            )
            for member, quotes in zip(group.members, group.quotes, strict=True)
        ]
        wanted = sum(self.crew.cycles(OneOrder.plan, orders))
        room = OrderRate(self.table, self.now).reserve(group.account_id, group.limits, wanted) if wanted else 0
        for order in orders:
            room -= order.limit(room)
        found: list[Ticked] = self.crew.cycles(OneOrder.act, orders)
        self._move_cursor(group, orders)
        return found

    def _move_cursor(self, group: Group, orders: Sequence[OneOrder]) -> None:
        """Up to where every order has looked at the account's trades. One that is nobody's is told to a person."""
        if not group.seen.trades:
            return
        reached = min((order.cursor for order in orders if order.cursor is not None), default=0)
        for trade in group.seen.trades:
            known = any(trade.exchange_order_id in order.exchange_order_ids for order in orders)
            if trade.trade_id <= reached and not known:
                log.error("a trade of nobody's", extra={"account_id": group.account_id, "trade": trade.trade_id})
                count("StrayTrades")
        try:
            self.table.write(quotes_store.move_trades_cursor(group.account_id, str(group.market), reached, self.now()))
        except Refusal as no:
            log.info("cursor not moved", extra={"account_id": group.account_id, "why": no.detail})
