"""What an order has brought over time: reckoned back from its ledger, at its trades' own prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from functions.market_making import equity, quotes_store
from functions.market_making.model import MarketMakingOrderMoved
from functions.market_making.service import steering
from sandbox.exchange.venue import HOUSE, Kind
from tests.market_making.test_ticking import Quoted

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
COINS = ("BTC", "USDT")


@pytest.fixture(scope="module")
def traded() -> Quoted:
    quoted = Quoted()
    quoted.ticks(30)
    return quoted


def paused(quoted: Quoted) -> None:
    """With nothing of the order in the book, and all its trades booked."""
    quoted.market.steering.pause(quoted.market.order().order_id)
    quoted.ticks(2, flow=False)
    assert not quoted.open


def middle_at(quoted: Quoted, price: Decimal) -> None:
    venue = quoted.exchange.venue
    venue.cancel_all(HOUSE, "BTCUSDT")
    for side, off in (("BUY", -1), ("SELL", 1)):
        venue.place(HOUSE, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(1), price=price + off)


class Between:
    """The table, after whose next lists of trades something else happens: its ticker is faster."""

    def __init__(self, quoted: Quoted, happens: Callable[[], object], times: int) -> None:
        self._market, self._happens, self._times = quoted.market, happens, times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._market.dynamo, name)

    def query(self, **asked: Any) -> Any:
        found, told = self._market.dynamo.query(**asked), asked["ExpressionAttributeValues"].values()
        if self._times and self._market.client is self and {"S": "TRADE#"} in told:
            self._times -= 1
            self._market.client = None
            self._happens()
            self._market.client = self
        return found


def one_trade_more(quoted: Quoted) -> None:
    table, order_id = quoted.market.table, quoted.market.order().order_id
    before = len(quotes_store.trades(table, order_id))
    while len(quotes_store.trades(table, order_id)) == before:
        quoted.ticks(1)


@pytest.fixture
def between(traded: Quoted) -> Iterator[Callable[[int], None]]:
    def happens(times: int) -> None:
        traded.market.client = Between(traded, lambda: one_trade_more(traded), times)

    yield happens
    traded.market.client = None


def test_each_point_is_what_the_trades_until_then_have_left(traded: Quoted) -> None:
    market, order_id = traded.market, traded.market.order().order_id
    found = market.steering.history(order_id)
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    assert found.complete
    assert len(found.points) == read.tally.fills > 5
    base, quote = read.began
    for point in found.points:
        trade, sign = point.trade, 1 if point.trade.side is Side.BUY else -1
        base += sign * trade.quantity - (trade.fee if trade.fee_asset == "BTC" else 0)
        quote -= sign * trade.quote_quantity + (trade.fee if trade.fee_asset == "USDT" else 0)
        assert point.worth == base * trade.price + quote
        assert point.held == read.began[0] * trade.price + read.began[1]
    assert (base, quote) == (read.base, read.quote)


def test_a_trade_that_comes_while_they_are_read_is_told_whole(traded: Quoted, between: Callable[[int], None]) -> None:
    market, order_id = traded.market, traded.market.order().order_id
    before = market.steering.history(order_id).points
    between(1)
    assert market.steering.history(order_id).points[: len(before)] == before


def test_what_is_not_read_at_one_moment_is_not_told(traded: Quoted, between: Callable[[int], None]) -> None:
    between(steering.READS_MAX)
    with pytest.raises(MarketMakingOrderMoved, match="faster"):
        traded.market.steering.history(traded.market.order().order_id)


def test_of_many_trades_the_newest_are_told(traded: Quoted, monkeypatch: pytest.MonkeyPatch) -> None:
    market, order_id = traded.market, traded.market.order().order_id
    whole = market.steering.history(order_id).points
    monkeypatch.setattr(steering, "POINTS_MAX", 3)
    found = market.steering.history(order_id)
    assert (found.points, found.complete) == (whole[-3:], False)
    monkeypatch.setattr(steering, "POINTS_MAX", len(whole))
    assert market.steering.history(order_id).complete


def test_the_last_point_is_what_the_performance_says_at_its_price(traded: Quoted) -> None:
    market, order_id = traded.market, traded.market.order().order_id
    paused(traded)
    last = market.steering.history(order_id).points[-1]
    middle_at(traded, last.trade.price)
    found = market.steering.performance(order_id)
    assert found.price == last.trade.price
    assert found.against_holding == last.against_holding != 0


def sale(number: int) -> OwnTrade:
    one, price = Decimal(1), Decimal(100)
    return OwnTrade(number, "7", Side.SELL, price, one, price, one, "USDT", True, AT)


def test_what_operators_have_decided_counts_at_the_last_trade() -> None:
    """So the last is what there is, and those before it are what there was."""
    has, began, decided = [(Decimal(base), Decimal(quote)) for base, quote in ((3, 190), (5, 0), (0, -8))]
    found = equity.points(has, began, decided, [sale(2), sale(1)], COINS)
    assert [point.trade.trade_id for point in found] == [1, 2]
    assert [str(point.against_holding) for point in found] == ["-1", "-10"]


def test_an_order_that_has_not_begun_has_no_history() -> None:
    quoted = Quoted()
    assert quoted.market.steering.history(quoted.market.order().order_id) == equity.History([], complete=True)
