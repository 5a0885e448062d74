"""What an order has done on each day, as its cycles write it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from functions.market_making import day_store, quotes_store
from functions.market_making.days import Day, of_cycle
from functions.market_making.quotes import Fill, Placed, Quotes, Slot, SlotState, settled
from functions.market_making.quotes_store import OvertakenCycle
from functions.market_making.tally import Tally
from tests.market_making.outside import check
from tests.market_making.test_ticking import Quoted

MIDNIGHT = datetime(2026, 11, 22, tzinfo=UTC)
SUNDAY, SATURDAY = date(2026, 11, 22), date(2026, 11, 21)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
BEGAN = Tally().begun(Decimal(1), Decimal(100), MIDNIGHT - 10 * HOUR)


def fill(at: datetime, worth: str = "10", fee: str = "0.01", *, maker: bool = True) -> Fill:
    trade = OwnTrade(1, "7", Side.BUY, Decimal(100), Decimal("0.1"), Decimal(worth), Decimal(fee), "USDT", maker, at)
    return Fill(trade, "k", completes=True, fee=Decimal(fee))


def added(before: Tally, after: Tally, at: datetime, *fills: Fill) -> dict[date, Day]:
    quotes = Quotes("M1", Decimal(1), Decimal(100), tally=before)
    return {day.day: day for day in of_cycle(quotes, replace(quotes, tally=after), fills, at)}


def test_a_trade_counts_on_the_day_the_exchange_says_it_was() -> None:
    days = added(BEGAN, BEGAN, MIDNIGHT + SECOND, fill(MIDNIGHT - SECOND), fill(MIDNIGHT, "20", maker=False))
    assert days[SATURDAY] == Day(SATURDAY, Decimal(10), Decimal(0), Decimal("0.01"), 1)
    assert days[SUNDAY] == Day(SUNDAY, Decimal(0), Decimal(20), Decimal("0.01"), 1)


@pytest.mark.parametrize(("told", "day"), [(timedelta(-400), SATURDAY), (timedelta(400), SUNDAY)])
def test_no_trade_was_before_the_order_began_or_is_to_come(told: timedelta, day: date) -> None:
    days = added(BEGAN, BEGAN, MIDNIGHT, fill(MIDNIGHT + told))
    assert days.keys() == {day}


def test_time_on_both_sides_is_each_days_own() -> None:
    tally = BEGAN.sided(True, MIDNIGHT - 30 * SECOND)
    later = tally.sided(True, MIDNIGHT - 20 * SECOND)
    assert later == tally
    over = later.sided(True, MIDNIGHT + 10 * SECOND)
    assert over.both_since == MIDNIGHT + 10 * SECOND
    days = added(later, over, MIDNIGHT + 10 * SECOND)
    assert [days[day].both_seconds for day in (SATURDAY, SUNDAY)] == [30, 10]
    ended = over.sided(False, MIDNIGHT + 15 * SECOND)
    assert added(over, ended, MIDNIGHT + 15 * SECOND)[SUNDAY].both_seconds == 5


def test_no_day_has_more_time_than_a_day_has() -> None:
    """Nobody has looked for a week: what was there in it nobody knows."""
    tally = BEGAN.sided(True, MIDNIGHT - 170 * HOUR)
    days = added(tally, tally.sided(True, MIDNIGHT + HOUR), MIDNIGHT + HOUR)
    assert {day: each.both_seconds for day, each in days.items()} == {SATURDAY: 86_400, SUNDAY: 3_600}


def test_an_orders_days_are_what_its_trades_say() -> None:
    quoted = Quoted()
    market, order_id = quoted.market, quoted.market.order().order_id
    quoted.ticks(30)
    market.clock.at = market.clock.at.replace(hour=23, minute=59, second=0, microsecond=0)
    quoted.ticks(30)
    market.steering.pause(order_id)
    quoted.ticks(3)
    days = day_store.days(market.table, order_id)
    trades = quotes_store.trades(market.table, order_id)
    assert [day.day for day in days] == [market.clock.at.date() - timedelta(days=1), market.clock.at.date()]
    for day in days:
        of_day = [trade for trade in trades if trade.at.date() == day.day]
        assert day.fills == len(of_day) > 2
        assert day.maker_volume == sum(trade.quote_quantity for trade in of_day)
        assert day.fees == sum(t.fee if t.fee_asset == "USDT" else t.fee * t.price for t in of_day)
    assert 200 < days[1].both_seconds < 300
    assert days[0].both_seconds > 60
    check(market)


def test_a_cycle_that_was_overtaken_adds_nothing() -> None:
    quoted = Quoted()
    market, order_id = quoted.market, quoted.market.order().order_id
    quoted.ticks(3)
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    before = day_store.days(market.table, order_id)
    stale = replace(read, cycle=read.cycle - 1)
    with pytest.raises(OvertakenCycle):
        market.table.write(*quotes_store.write(stale, read, [fill(market.clock.at)], market.clock.at))
    assert day_store.days(market.table, order_id) == before


def test_a_fee_of_many_digits_is_told_in_as_many_as_days_hold() -> None:
    """The table holds 38: a figure that only tells must not keep a cycle from being written."""
    price, live = Decimal("0.123456789"), Placed(1, Decimal("0.123456789"), Decimal(10), MIDNIGHT, "7")
    quotes = Quotes("M1", Decimal(1), Decimal(100), slots={"b0": Slot(SlotState.OPEN, live=live)}, tally=BEGAN)
    fee = Decimal("0.012345678901")
    trade = OwnTrade(1, "7", Side.BUY, price, Decimal(10), price * 10, fee, "BTC", True, MIDNIGHT)
    _, (told,) = settled(quotes, [trade], ("BTC", "USDT"))
    assert told.fee == Decimal("0.001524157875")
