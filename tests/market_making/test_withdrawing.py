"""What comes to nothing leaves nothing open, and holds nobody else up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from common import keys
from common.gateways.exchange import not_believed
from common.gateways.exchange.maker import Book, Level, OwnTrade
from common.gateways.exchange.maker import Market as XMarket
from common.table.transaction import Write
from functions.market_making import quotes_store
from functions.market_making.book import bounded
from functions.market_making.model import Status
from functions.market_making.quotes import Quotes
from functions.market_making.quotes_store import QuotesItem
from functions.market_making.service.ticking import LIMITS_KEPT
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.venue import BUY, SELL
from tests.market_making.market import ACCOUNT, BOB, ORDER
from tests.market_making.outside import check
from tests.market_making.test_quoting_faults import Faulty

BTC = XMarket("BTC", "USDT")
OTHER = UUID("b0177350-ae29-43ec-a26e-d46f821e416f")
UNTOLD = "the trades are not told"


class Two(Faulty):
    """Two orders of one pair on one account."""

    def __init__(self) -> None:
        super().__init__()
        self.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]  # nobody comes by but whom a test sends
        self.market.fund_all(BOB, OTHER)
        self.market.run(20, lambda: self.market.has_order(OTHER) and self._is_created(OTHER))

    def _is_created(self, uuid: UUID) -> bool:
        return self.market.order(uuid).status is Status.CREATED

    def paged(self, trades: int) -> None:
        """So many trades are a page from now on."""
        self.fake = FakeMaker(self.exchange.venue, ACCOUNT, self.faults, name="binance", trades_page=trades)
        self.market.maker = self.fake

    def quotes_of(self, uuid: UUID) -> Quotes:
        found = quotes_store.find(self.market.table, self.market.order(uuid).order_id)
        assert found is not None
        return found

    def open_of(self, uuid: UUID) -> int:
        quotes = self.quotes_of(uuid)
        return sum(quotes.owns(order.client_order_id) for order in self.open)

    def booked(self, uuid: UUID) -> int:
        return len(quotes_store.trades(self.market.table, self.market.order(uuid).order_id))

    def sold_by(self) -> UUID:
        """Whose order was sold of first."""
        (trade, *_) = self.fake.trades_after(BTC, 0)
        for uuid in (ORDER, OTHER):
            slots = self.quotes_of(uuid).slots.values()
            if any(slot.live and slot.live.exchange_order_id == trade.exchange_order_id for slot in slots):
                return uuid
        raise AssertionError("it is nobody's")

    def trade(self, times: int) -> None:
        """Somebody buys and sells, now and then."""
        for number in range(times):
            self.take(SELL if number % 2 else BUY, "0.001")
            self.move(60_000 + number * 37 % 200)
            self.tick()
            self.market.clock.at += timedelta(seconds=10)


@pytest.fixture
def faulty() -> Faulty:
    faulty = Faulty()
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]
    return faulty


@pytest.fixture
def two() -> Two:
    return Two()


# Who stands still


def test_an_order_in_doubt_holds_no_other_up(two: Two) -> None:
    """Of one a trade is told that can not be, for ever. A page has three trades."""
    two.paged(3)
    two.ticks(2)
    two.take(BUY, "0.001")
    doubted = two.sold_by()
    other = OTHER if doubted == ORDER else ORDER
    real = two.fake.trades_after
    (told, *_) = real(BTC, 0)

    def lying(market: XMarket, after: int) -> Sequence[OwnTrade]:
        bad = told.exchange_order_id
        return [
            OwnTrade(**{**vars(trade), "price": Decimal(1)}) if trade.exchange_order_id == bad else trade
            for trade in real(market, after)
        ]

    two.fake.trades_after = lying  # type: ignore[assignment, method-assign]
    two.trade(60)
    theirs = two.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    assert len(theirs) > 5 * 3
    quotes = two.quotes_of(other)
    ids = {order.order_id for order in theirs if str(order.order_id) != told.exchange_order_id}
    assert two.booked(other) == len([trade for trade in theirs if trade.order_id in ids])
    assert quotes.cursor >= theirs[-1].trade_id
    assert (two.booked(doubted), two.open_of(doubted)) == (0, 0)


def test_all_pages_of_trades_are_read(two: Two) -> None:
    two.paged(1)
    two.ticks(2)
    for _ in range(4):
        two.take(BUY, "0.001")
    two.move(60_000)
    assert two.tick().failed == 0
    assert two.booked(ORDER) + two.booked(OTHER) == 4
    check(two.market)


def test_while_there_are_more_trades_nothing_is_placed(two: Two) -> None:
    """A look reads five pages."""
    two.paged(1)
    two.ticks(2)
    for _ in range(7):
        two.take(BUY, "0.001")
    two.move(60_300)
    asked = two.fake.calls["place"] + two.fake.calls["replace"]
    two.tick()
    assert two.booked(ORDER) + two.booked(OTHER) == 5
    assert two.fake.calls["place"] + two.fake.calls["replace"] == asked
    two.market.clock.at += timedelta(seconds=10)
    two.move(60_300)
    two.tick()
    assert two.booked(ORDER) + two.booked(OTHER) == 7
    check(two.market)


# What comes to nothing


def test_a_level_beyond_all_bounds_is_cut_down_and_quoted_by(faulty: Faulty) -> None:
    real = faulty.fake.book

    def book(market: XMarket, levels: int) -> Book:
        told = real(market, levels)
        return Book([*told.bids[:3], Level(Decimal(1), Decimal(2) * 10**12)], told.asks)

    faulty.fake.book = book  # type: ignore[method-assign]
    assert (faulty.tick().failed, len(faulty.open)) == (0, 2)


def test_a_side_ends_where_its_prices_are_none() -> None:
    asks = [Level(Decimal(2), Decimal(1)), Level(Decimal(10) ** 13, Decimal(1)), Level(Decimal(10) ** 14, Decimal(1))]
    assert bounded(Book([Level(Decimal(1), Decimal(10) ** 13)], asks)) == Book(
        [Level(Decimal(1), Decimal(10) ** 12)], asks[:1]
    )


def test_a_market_whose_rules_can_not_be_is_quoted_no_more(faulty: Faulty) -> None:
    faulty.ticks(2)
    real = faulty.fake.limits
    faulty.fake.limits = lambda market: replace(real(market), price_step=Decimal("1e-13"))  # type: ignore[method-assign]
    faulty.market.clock.at += LIMITS_KEPT + timedelta(seconds=1)
    faulty.move(60_000)
    assert len(faulty.open) == 2
    assert (faulty.tick().failed, faulty.open) == (1, [])


def test_what_is_paused_is_out_although_its_trades_are_not_told(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.fake.trades_after = _never  # type: ignore[assignment, method-assign]
    faulty.market.steering.pause(faulty.market.order().order_id)
    faulty.tick()
    assert not faulty.open


def test_whose_trades_are_not_told_for_half_a_minute_is_out(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.fake.trades_after = _never  # type: ignore[assignment, method-assign]
    faulty.ticks(2)
    assert len(faulty.open) == 2
    faulty.ticks(2)
    assert not faulty.open


def test_of_whose_list_nothing_is_told_is_cancelled_by_name(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.fake.open_orders = _never  # type: ignore[assignment, method-assign]
    faulty.ticks(5)
    assert not faulty.open


def test_quotes_that_can_not_be_read_are_cancelled_and_no_others(two: Two) -> None:
    two.ticks(2)
    key = keys.MARKET_MAKING_QUOTES(order_id=two.market.order().order_id)
    two.market.table.write(Write.update(QuotesItem(*key), QuotesItem.quotes.set("{spoiled")))
    assert two.tick().failed == 1
    theirs = two.quotes_of(OTHER)
    assert [theirs.owns(order.client_order_id) for order in two.open] == [True, True]


def _never(*_: Any) -> Any:
    raise not_believed(UNTOLD)
