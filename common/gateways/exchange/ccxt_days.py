"""Binance's list of the orders of a day in one market, with what their trades came to.

    GET {base_url}/api/v3/allOrders   symbol, limit 500, and startTime, endTime (of one day at most) or orderId, from
                                      which on it tells; weight 20
    GET {base_url}/api/v3/myTrades    symbol, limit 1000, and startTime, endTime, or fromId; weight 20, with orderId 5

Fees are told of trades only, and to ask for those of each order would weigh 5 for each. So the trades of all orders of
a page are read together, from when the first one was placed; an order that has traded for longer than an hour is asked
for by itself, twenty in a part at most.

Source of the wire format: github.com/binance/binance-spot-api-docs @a5e0bc3 (rest-api.md), ccxt 4.5.90 binance.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from common.gateways.exchange import ExchangeUnavailable, not_believed
from common.gateways.exchange.binance_answers import garbled, told_amount, told_fee, told_text, told_whole
from common.money import EXACT

ORDERS_PAGE = 500
TRADES_PAGE = 1000
TOGETHER_MS = 60 * 60 * 1000  # an order that has traded for longer is asked for by itself
SINGLY_MAX = 20
DAY_MS = 24 * 60 * 60 * 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Sum:
    """Of an order's trades: what was executed, for how much, and the fees by currency."""

    quantity: Decimal = Decimal(0)
    gross: Decimal = Decimal(0)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def add(self, trade: Mapping[str, Any]) -> None:
        told = trade.get("info")
        self.quantity = EXACT.add(self.quantity, told_amount(told, "qty"))
        self.gross = EXACT.add(self.gross, told_amount(told, "quoteQty"))
        if charged := told_fee(told):
            currency, (_, fee) = told_text(trade.get("fee"), "currency"), charged
            self.fees[currency] = EXACT.add(self.fees.get(currency, Decimal(0)), fee)


@dataclass(frozen=True)
class OrdersOfDay:
    """`ask` asks ccxt's `client`, with one request, in our words; `settled` is the sum of one order's trades, by its
    id; `page` and `trades_page` are how many are told at once."""

    ask: Callable[..., Any]
    client: Any
    symbol: str
    settled: Callable[[str, Decimal], Sum]
    page: int = ORDERS_PAGE
    trades_page: int = TRADES_PAGE

    def part(self, day: date, after: str | None) -> tuple[list[tuple[Mapping[str, Any], Sum]], str | None]:
        """Orders of a day, in ccxt's words, with what their trades came to; and from which id on there are more of
        them, None: there are none. `after` is such an id. Raises ExchangeUnavailable, MarketUnknown."""
        begin = (datetime.combine(day, time(), UTC) - _EPOCH) // timedelta(milliseconds=1)
        orders, on = self._first(begin) if after is None else self._from(after, begin + DAY_MS)
        sums = self._together([order for order in orders if _executed(order) and _is_short(order)])
        told, singly = list[tuple[Mapping[str, Any], Sum]](), 0
        for order in orders:
            exchange_order_id, executed = told_text(order, "id"), _executed(order)
            if executed and exchange_order_id not in sums:
                if singly == SINGLY_MAX:
                    return told, exchange_order_id
                singly += 1
                sums[exchange_order_id] = self.settled(exchange_order_id, executed)
            told.append((order, sums.get(exchange_order_id, Sum())))
        return told, on

    def _first(self, begin: int) -> tuple[list[Mapping[str, Any]], str | None]:
        """The first ones of the day that begins then. Where there are more than a page, Binance might tell of the last
        ones first: then there are some before these."""
        orders = self._orders(begin, {"endTime": str(begin + DAY_MS - 1)})
        if any(not begin <= _at(order) < begin + DAY_MS for order in orders):
            raise garbled("orders of another day than was asked for")
        if len(orders) < self.page:
            return orders, None
        first = _at(orders[0])
        if first > begin and self._orders(begin, {"endTime": str(first - 1)}):
            raise garbled("a list of a day that does not begin at its beginning")
        return orders, str(_id(orders[-1]) + 1)

    def _from(self, after: str, end: int) -> tuple[list[Mapping[str, Any]], str | None]:
        orders = self._orders(None, {"orderId": after})
        if any(_id(order) < int(after) for order in orders):
            raise garbled("an order that was not asked for")
        mine = [order for order in orders if _at(order) < end]
        is_all = len(orders) < self.page or len(mine) < len(orders)
        return mine, None if is_all else str(_id(orders[-1]) + 1)

    def _orders(self, since: int | None, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        told = self._asked("privateGetAllOrders", since, self.page, asked)
        orders = sorted(self._parsed(self.client.parse_order, told), key=_id)
        if any(_id(one) == _id(next_one) for one, next_one in pairwise(orders)):
            raise garbled("an order is told twice")
        if any(told_text(order.get("info"), "symbol") != self.symbol.replace("/", "") for order in orders):
            raise not_believed("an order of another market among those of a day")
        return orders

    def _together(self, orders: Sequence[Mapping[str, Any]]) -> dict[str, Sum]:
        """The sums of the trades of these orders, once they make up what was executed. Raises ExchangeUnavailable: the
        trades come from a database that may be behind."""
        open_ = {told_text(order, "id"): _executed(order) for order in orders}
        sums = {exchange_order_id: Sum() for exchange_order_id in open_}
        if not orders:
            return sums
        since, until = min(map(_at, orders)), max(map(_ended_at, orders))
        asked: dict[str, Any] = {"endTime": str(min(until, since + DAY_MS - 1))}
        last, begin = -1, since
        while open_:  # as long as there is time
            page = self._trades(None if "fromId" in asked else begin, last, asked)
            for trade in page:
                exchange_order_id = told_text(trade, "order")
                if exchange_order_id in sums:
                    sums[exchange_order_id].add(trade)
                    if sums[exchange_order_id].quantity >= open_.get(exchange_order_id, Decimal(0)):
                        _must_be(sums[exchange_order_id].quantity, open_.pop(exchange_order_id, None))
            if not page or (len(page) < self.trades_page and ("fromId" in asked or until < since + DAY_MS)):
                break
            if _at(page[-1]) > until:
                break
            last = told_whole(page[-1], "id")
            asked = {"fromId": str(last + 1)}
        if open_:
            raise _unsettled()
        return sums

    def _trades(self, since: int | None, last: int, asked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        told = self._asked("privateGetMyTrades", since, self.trades_page, asked)
        trades = sorted(self._parsed(self.client.parse_trade, told), key=lambda trade: told_whole(trade, "id"))
        ids = [last, *(told_whole(trade, "id") for trade in trades)]
        if any(earlier >= later for earlier, later in pairwise(ids)):
            raise garbled("trades that come twice, or were not asked for")
        return trades

    def _asked(self, question: str, since: int | None, limit: int, asked: Mapping[str, Any]) -> list[Any]:
        """What Binance lists. ccxt's own lists leave out what was not asked for, and an object is an empty one."""
        begin = {} if since is None else {"startTime": str(since)}
        whole = {"symbol": self.symbol.replace("/", ""), **begin, **asked, "limit": str(limit)}
        told = self.ask("market", getattr(self.client, question), whole)
        if not isinstance(told, list) or not all(isinstance(entry, dict) for entry in told) or len(told) > limit:
            raise garbled("no list of as many entries as were asked for")
        return told

    def _parsed(self, parse: Callable[..., Any], told: Sequence[Any]) -> list[Mapping[str, Any]]:
        market = self.client.market(self.symbol)
        return [self.ask("market", parse, entry, market) for entry in told]


def _must_be(quantity: Decimal, executed: Decimal | None) -> None:
    """Raises ExchangeUnavailable: more was traded than the order has executed, which may have gone on meanwhile."""
    if quantity != executed:
        raise _unsettled()


def _unsettled() -> ExchangeUnavailable:
    return ExchangeUnavailable(
        "the exchange does not show the orders of a day and their trades at one time; ask again", what="unsettled"
    )


def _id(order: Mapping[str, Any]) -> int:
    return told_whole(order, "id")


def _executed(order: Mapping[str, Any]) -> Decimal:
    return told_amount(order.get("info"), "executedQty")


def _is_short(order: Mapping[str, Any]) -> bool:
    return _ended_at(order) - _at(order) <= TOGETHER_MS


def _at(entry: Mapping[str, Any]) -> int:
    """When an order was placed, or a trade was made, in milliseconds."""
    return _milliseconds(entry, "time")


def _ended_at(order: Mapping[str, Any]) -> int:
    return _milliseconds(order, "updateTime")


def _milliseconds(entry: Mapping[str, Any], name: str) -> int:
    info = entry.get("info")
    told = info.get(name) if isinstance(info, Mapping) else None
    if type(told) is str and told.isascii() and told.isdigit() and len(told) < 20:
        return int(told)
    if type(told) is not int or not 0 <= told < 2**63:
        raise garbled(f"{name} is no time")
    return told
