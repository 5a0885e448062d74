"""One tick of a shard: the orders that its ticker quotes for, each a cycle.

    look at every account's market ─▶ plan each order's cycle ─▶ reserve room in the exchange's limits ─▶ carry them out

What is common is asked for once: a market's book and limits, and an account's open orders and trades in it. What fails
ends its order's cycle, or that of its account's orders; the others go on.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from common.domain import flow_halts, halts, trade_cursors
from common.domain.flow_halts import Flow, FlowHalts
from common.domain.halts import Halt
from common.domain.timeline import CLOCK
from common.errors import Refusal
from common.gateways.exchange import ExchangeUnavailable
from common.gateways.exchange.maker import Book, Maker, MakerOrder, Market, MarketLimits, OwnTrade
from common.log import count, log
from common.table.table import Table
from functions.market_making import account_store, quotes_store, risk, shard_store
from functions.market_making.book import BOOK_LEVELS, bounded
from functions.market_making.model import Member, Status
from functions.market_making.quotes import Quotes, following
from functions.market_making.quotes_packing import to_the_millisecond
from functions.market_making.service.cancelling import Cancelling, named, names
from functions.market_making.service.cycling import Seen, look, trades_after
from functions.market_making.service.order_cycle import OrderCycle
from functions.market_making.service.order_rate import OrderRate
from functions.market_making.service.shard import (
    AccountMarket,
    Crew,
    Group,
    Kept,
    LastBook,
    Looked,
    MarketNow,
    Silent,
    Ticked,
)
from functions.market_making.service.turned_up import TurnedUp

QUOTED = frozenset({Status.CREATED, Status.RUNNING, Status.PAUSED})
LIMITS_KEPT = timedelta(hours=1)
HALTED_WITHIN = timedelta(seconds=75)  # all that was on its way is known by then, and cancelled
MarketKey = tuple[str, Market]  # the exchange's name, and the market
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
        self.table.write(shard_store.take_tick(shard, time, at))
        if at - time > LATE:
            count("TicksLate")
            log.warning("late", extra={"shard": shard, "seconds": (at - time).total_seconds()})
        look_at = partial(self._look, flow_halts.read(self.table))
        looked: list[Group | Silent] = self.crew.groups(look_at, self._account_markets(shard))
        markets = self._markets([one for one in looked if isinstance(one, Group)])
        run = partial(self._run, time, may_send, markets)
        found: list[Ticked] = [one for of_group in self.crew.groups(run, looked) for one in of_group]
        return Ticked(
            sum(len(one.of.members) for one in looked),
            sum(one.failed for one in found),
            sum(one.placements for one in found),
            sum(one.left_out for one in found),
        )

    def _account_markets(self, shard: str) -> list[AccountMarket]:
        there: dict[tuple[str, str], list[Member]] = defaultdict(list)
        others: dict[Status, dict[tuple[str, str], list[str]]] = defaultdict(lambda: defaultdict(list))
        for member in shard_store.members(self.table, shard):
            if member.status in QUOTED:
                there[member.account_id, member.symbol].append(member)
            else:
                others[member.status][member.account_id, member.symbol].append(member.order_id)
        on_account = Counter(member.account_id for of in there.values() for member in of)
        return [
            AccountMarket(
                of_account[0],
                Market(*of[0].coins),
                of,
                on_account[of_account[0]],
                others[Status.STOPPING][of_account],
                others[Status.STOPPED][of_account],
            )
            for of_account, of in there.items()
        ]

    # Looking

    def _look(self, halted: FlowHalts, of: AccountMarket) -> Group | Silent:
        """Whatever fails, the others go on."""
        maker, read, not_asked = None, list[Quotes | None](), False
        try:
            read = self.crew.requests(self._quotes, of.members)
            maker = self.maker(of.account_id)
            group = self._looked(of, maker, read)
            group.halt = halts.of(self.table, of.account_id, consistent=False) or _of_flow(halted, of)
            before = self.kept.looks.get(of.key)
            long = before is not None and group.seen.at - before > risk.SILENT_MAX
            group.is_back = long or any(one is not None and one.degraded_at is not None for one in read)
            self.kept.looks[of.key] = group.seen.at
            return group
        except Refusal as no:
            not_asked = isinstance(no, ExchangeUnavailable) and no.was_not_asked
            log.warning("account not quoted", extra={"account_id": of.account_id, "why": no.detail})
        except Exception:
            log.exception("account not quoted", extra={"account_id": of.account_id})
            count("Bugs")
        count("QuotingSilent")
        return Silent(of, maker, [quotes for quotes in read if quotes is not None], not_asked)

    def _quotes(self, member: Member) -> Quotes | None:
        """None: it has none yet, or they can not be read. Raises TableUnavailable, Busy."""
        try:
            return quotes_store.find(self.table, member.order_id)
        except Refusal:
            raise
        except Exception:
            log.exception("quotes can not be read", extra={"order_id": member.order_id})
            count("Bugs")
            return None

    def _looked(self, of: AccountMarket, maker: Maker, read: Sequence[Quotes | None]) -> Group:
        """All trades after the oldest cursor of those whose cycles end well; of one that is stuck, which would hold
        the others up, those after its own. Raises ExchangeUnavailable, MarketUnknown."""
        start = trade_cursors.find(self.table, *of.key)
        quotes = [one and following(one, start) for one in read]
        # Of an order with nothing out no earlier trade is its own.
        quotes = [
            one and (one if one.is_out else replace(one, cursor=max(one.cursor, start.trade_id))) for one in quotes
        ]
        out = {one.order_id: one.cursor for one in quotes if one is not None and one.is_out}
        moving = [cursor for order_id, cursor in out.items() if order_id not in self.kept.stuck]
        seen = look(maker, of.market, min(moving, default=None), self.now)

        def seen_by(order_id: str) -> Seen:
            if order_id in self.kept.stuck and order_id in out:
                trades, more = trades_after(maker, of.market, out[order_id], pages=1)
                return replace(seen, trades=trades, more=more)
            return seen

        orders = [Looked(member, one, seen_by(member.order_id)) for member, one in zip(of.members, quotes, strict=True)]
        return Group(of, maker, orders, seen, self._limits(maker, of.market), start)

    def _limits(self, maker: Maker, market: Market) -> MarketLimits:
        key, at = (maker.name, market), self.now()
        known = self.kept.limits.get(key)
        if known is None or known[0] + LIMITS_KEPT < at:
            known = self.kept.limits[key] = (at, maker.limits(market))
        return known[1]

    def _markets(self, groups: Sequence[Group]) -> dict[MarketKey, MarketNow]:
        """Each market's book, asked for once."""
        makers = {(group.maker.name, group.market): group.maker for group in groups}
        books = self.crew.requests(lambda of: self._book(makers[of], of[1]), list(makers))
        ours: dict[MarketKey, list[MakerOrder]] = defaultdict(list)
        for group in groups:
            ours[group.maker.name, group.market] += group.mine
        return {
            key: MarketNow(book, self._is_off(key, book), ours[key]) for key, book in zip(makers, books, strict=True)
        }

    def _book(self, maker: Maker, market: Market) -> Book | None:
        """None where it can not be read."""
        try:
            return bounded(maker.book(market, BOOK_LEVELS))
        except Refusal as no:
            log.warning("no book", extra={"market": str(market), "why": no.detail})
        except Exception:
            log.exception("no book", extra={"market": str(market)})
            count("Bugs")
        count("BooksUnread")
        return None

    def _is_off(self, key: MarketKey, book: Book | None) -> bool:
        """Has a market's price jumped since this process has seen it last, or has nobody known it for long?"""
        before, at = self.kept.books.get(key), self.now()
        middle = None if book is None else book.middle
        if middle is None:
            return before is None or at - before.at > risk.SILENT_MAX
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
        markets: Mapping[MarketKey, MarketNow],
        group: Group | Silent,
    ) -> list[Ticked]:
        cancelling = Cancelling(self.crew, may_send)
        if isinstance(group, Silent):
            cancelling.silent(group, self._not_to_be_open(group))
            self._note_silence(group)
            return [Ticked(failed=1) for _ in group.of.members]
        now = markets[group.maker.name, group.market]
        orders = [self._order(one, group, now, time, may_send) for one in group.orders if one.quotes is not None]
        try:
            ticked = self._cycles(group, orders)
        except Exception:
            log.exception("account not quoted", extra={"account_id": group.account_id})
            count("Bugs")
            for order in orders:
                order.failed = True
            ticked = [Ticked(failed=1) for _ in orders]
        self._note_stuck(orders)
        names = [name for order in orders if order.failed and not order.overtaken for name in self._names(order)]
        unread = [one.member.order_id for one in group.orders if one.quotes is None]
        halted, turned_up = self._open_though_halted(group), TurnedUp(self.table, self.now).end(group)
        nobodys = named(group.seen.open_orders, unread)
        cancelling.cancel(group.maker, group.market, [*names, *nobodys, *halted, *turned_up])
        return [*ticked, *(Ticked(failed=1) for _ in unread)]

    def _order(
        self, one: Looked, group: Group, now: MarketNow, time: datetime, may_send: Callable[[], bool]
    ) -> OrderCycle:
        assert one.quotes is not None
        return OrderCycle(
            self.table,
            self.now,
            self.kept,
            self.crew,
            may_send,
            time=time,
            group=replace(group, seen=one.seen),
            prices=now,
            member=one.member,
            read=one.quotes,
        )

    def _cycles(self, group: Group, orders: Sequence[OrderCycle]) -> list[Ticked]:
        wants = zip(orders, self.crew.cycles(OrderCycle.plan, orders), strict=True)
        wanted = {order.read.order_id: number for order, number in wants if number and order.group.places}
        rate = OrderRate(self.table, self.now)
        room = rate.reserve(group.account_id, group.limits, wanted, group.of.on_account) if wanted else {}
        for order in orders:
            order.limit(room.get(order.read.order_id, 0))
        ticked: list[Ticked] = self.crew.cycles(OrderCycle.act, orders)
        self._move_cursor(group, orders)
        self._see_to_fees(group, orders)
        return ticked

    def _see_to_fees(self, group: Group, orders: Sequence[OrderCycle]) -> None:
        """A coin of fees that nobody has said may be what another order of the account has for its own."""
        paid_in = {fill.trade.fee_asset for order in orders if order.known for fill in order.known.fills}
        elsewhere = paid_in - {group.market.base, group.market.quote}
        if not elsewhere or group.halt is not None:
            return
        try:
            unsaid = elsewhere - {account_store.account(self.table, group.account_id).fee_coin}
            if unsaid:
                why = f"the exchange takes fees in {', '.join(sorted(unsaid))} there, which nobody has said"
                log.error("account halted", extra={"account_id": group.account_id, "why": why})
                count("AccountsOff")
                halts.ensure(self.table, group.account_id, why, CLOCK, self.now())
        except Refusal as no:
            log.warning("fees not seen to", extra={"account_id": group.account_id, "why": no.detail})

    def _open_though_halted(self, group: Group) -> list[str]:
        """What its cycles should have cancelled by now: a halt, or a pause, is seen to hold."""
        long_ago = group.seen.at - HALTED_WITHIN
        paused = [m.order_id for m in group.of.members if m.status is Status.PAUSED and m.told_at <= long_ago]
        left = named(group.seen.open_orders, paused)
        if group.halt is not None and group.halt.at <= long_ago:
            left = [order.client_order_id for order in group.mine]
        if left:
            log.error("open though halted", extra={"account_id": group.account_id, "quotes": left})
            count("QuotesOpenThoughHalted", len(left))
        return left

    def _not_to_be_open(self, silent: Silent) -> list[str]:
        """Of a market of which nothing is told: what is paused, and, after a while, all. All at once where nothing may
        be asked but to end orders: that is what is left of the requests for."""
        all_of_them = silent.not_asked or self._is_long_silent(silent.of)
        return [member.order_id for member in silent.of.members if all_of_them or member.status is Status.PAUSED]

    def _is_long_silent(self, of: AccountMarket) -> bool:
        since = self.kept.looks.get(of.key)
        return since is None or self.now() - since > risk.SILENT_MAX

    def _note_silence(self, silent: Silent) -> None:
        """For the owners, and for whoever looks at the exchange next: what has happened is settled first."""
        if not self._is_long_silent(silent.of):
            return
        for quotes in silent.quotes:
            if quotes.degraded_at is None:
                after = replace(quotes, cycle=quotes.cycle + 1, degraded_at=to_the_millisecond(self.now()))
                try:
                    self.table.write(*quotes_store.write(quotes, after, (), self.now()))
                except Refusal as no:  # another ticker has looked
                    log.info("silence not noted", extra={"order_id": quotes.order_id, "why": no.detail})

    def _names(self, order: OrderCycle) -> list[str]:
        """All that may be open of an order whose cycle has failed."""
        found = named(order.group.seen.open_orders, [order.member.order_id])
        return found + names(order.read) + ([] if order.planned is None else names(order.planned.quotes))

    def _note_stuck(self, orders: Sequence[OrderCycle]) -> None:
        for order in orders:
            is_stuck = (order.failed and not order.overtaken) or order.doubted
            (self.kept.stuck.add if is_stuck else self.kept.stuck.discard)(order.member.order_id)

    def _move_cursor(self, group: Group, orders: Sequence[OrderCycle]) -> None:
        """Up to where every order that is not stuck has looked at the account's trades. One that is nobody's is
        told to a person."""
        if not group.seen.trades:
            return
        last = group.seen.trades[-1].trade_id
        cursors = [order.cursor for order in orders if not (order.failed or order.doubted)]
        reached = min((cursor for cursor in cursors if cursor is not None), default=last)
        may_be_its = any(order.read.unresolved for order in orders if order.failed or order.doubted)
        known = {exchange_order_id for order in orders for exchange_order_id in order.exchange_order_ids}
        told = max((order.read.again_until for order in orders), default=0)  # of what is looked at again it was before
        strays = [t for t in group.seen.trades if told < t.trade_id <= reached and t.exchange_order_id not in known]
        if strays and not may_be_its:
            for trade in self._of_nobody(group, strays):
                log.error("a trade of nobody's", extra={"account_id": group.account_id, "trade": trade.trade_id})
                count("StrayTrades")
        try:
            first = group.seen.trades[0].trade_id
            self.table.write(trade_cursors.move(*group.of.key, group.cursor, first, reached, self.now()))
        except Refusal as no:
            log.info("cursor not moved", extra={"account_id": group.account_id, "why": no.detail})

    def _of_nobody(self, group: Group, trades: Sequence[OwnTrade]) -> list[OwnTrade]:
        """Without those of orders that are stopping, which are booked by who stops them: they are read now only."""
        stopping = [quotes_store.find(self.table, order_id) for order_id in group.of.stopping]
        if any(quotes is not None and quotes.unresolved for quotes in stopping):
            return []
        known = {number for quotes in stopping if quotes is not None for number in quotes.exchange_order_ids}
        return [trade for trade in trades if trade.exchange_order_id not in known]


def _of_flow(halted: FlowHalts, of: AccountMarket) -> Halt | None:
    """Where market making is halted as a whole, or of a coin of the market: as if the clock had halted the account. All
    its quotes are cancelled, and nobody has to resume anything once that is lifted."""
    found = halted.of(Flow.MARKET_MAKING, of.market.base, of.market.quote)
    return None if found is None else Halt(found.name, of.account_id, halts.Status.HALTED, found.why, CLOCK, found.at)
