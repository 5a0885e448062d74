"""An order quotes on the simulated exchange, cycle by cycle, and is stopped."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from functions.market_making import quotes_store
from functions.market_making.model import FIRST_SHARD, TICK_EVERY, Status
from functions.market_making.service.shard import Ticked
from sandbox.exchange.flow import Flow
from sandbox.exchange.venue import Order
from tests.market_making.audit import live_until
from tests.market_making.market import ACCOUNT, Market
from tests.market_making.outside import check


class Quoted:
    """An order that may quote, in a market where somebody buys and sells at `price`."""

    def __init__(self, market: Market | None = None) -> None:
        self.market = market or Market()
        self.market.list_pair()
        self.market.poll()
        self.market.fund_all()
        live_until(self.market, Status.CREATED)
        self.exchange = self.market.exchange
        self.exchange.profiles.choose("thin", ["BTCUSDT"])
        self.reference = {"BTCUSDT": Decimal(60_000)}
        self.flow = Flow(self.exchange.venue, self.reference.get, profiles=self.exchange.profiles)
        self.flow.step()

    def tick(self) -> Ticked:
        at = self.market.clock.at
        return self.market.ticking.tick(FIRST_SHARD, at, lambda: True)

    def ticks(self, number: int, *, flow: bool = True) -> None:
        for _ in range(number):
            self.tick()
            check(self.market)
            self.market.clock.at += TICK_EVERY
            if flow:
                self.flow.step()

    @property
    def open(self) -> list[Order]:
        return self.exchange.venue.open_orders(ACCOUNT)


@pytest.fixture
def quoted() -> Quoted:
    return Quoted()


def test_an_order_that_was_created_begins_to_quote(quoted: Quoted) -> None:
    ticked = quoted.tick()
    assert (ticked.orders, ticked.failed, ticked.placements) == (1, 0, 2)
    assert quoted.market.order().status is Status.RUNNING
    assert sorted((order.side, order.price) for order in quoted.open) == [
        ("BUY", Decimal("59880.00")),
        ("SELL", Decimal("60120.00")),
    ]
    check(quoted.market)


def test_quotes_are_filled_and_booked_to_the_last_digit(quoted: Quoted) -> None:
    quoted.ticks(60)
    order_id = quoted.market.order().order_id
    trades = quotes_store.trades(quoted.market.table, order_id)
    venue = quoted.exchange.venue
    assert len(trades) > 5
    quoted.ticks(2, flow=False)
    told = venue.trades(ACCOUNT, "BTCUSDT")
    assert [int(t.SK.removeprefix("TRADE#")) for t in quotes_store.trades(quoted.market.table, order_id)] == [
        trade.trade_id for trade in told
    ]


def test_a_stopped_order_has_nothing_open(quoted: Quoted) -> None:
    quoted.ticks(5)
    assert quoted.open
    market = quoted.market
    market.quoting.stop(market.order().order_id)
    market.run(0.2)
    assert not quoted.open
    assert market.order().status is Status.STOPPING
    began = market.clock.at
    live_until(market, Status.STOPPED, minutes=3)
    assert market.clock.at - began > timedelta(seconds=30)
    assert quoted.tick().orders == 0
