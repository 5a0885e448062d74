"""An asset's spread on instant trades: half of it on either side of the price, rounded against the customer."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.domain.catalogue.model import AboveMaximum, PriceMoved
from common.money import Money, Price
from functions.orders.model import Side, Status, Terms
from tests.desk import Desk
from tests.doors import opened
from tests.seen import dollars

SMALLEST = Fraction(1, 10**18)


def test_customers_buy_above_the_price_and_sell_below_it(desk: Desk) -> None:
    desk.list_asset("BTC", "100", spread_bps=90)
    ann = desk.customer(usd="1000.00")
    bought, sold = desk.buy(ann, "2"), desk.sell(ann, "2")
    assert (bought.price_per_unit, bought.total_amount) == (Price("100.45"), Money("200.90"))
    assert (sold.price_per_unit, sold.total_amount) == (Price("99.55"), Money("199.10"))
    assert dollars(desk, ann) == (Money("998.20"), Money(0))
    desk.check()


def test_without_a_spread_both_trade_at_the_price(desk: Desk) -> None:
    ann = desk.customer()
    assert desk.buy(ann, "1").total_amount == desk.sell(ann, "1").total_amount == Money(100)


def test_a_lagging_price_is_worth_nothing_within_the_spread(desk: Desk) -> None:
    """$50,000 at a price that is a minute old: whoever knows that it is 0.9 % up pays what he would gain."""
    desk.list_asset("BTC", "100", spread_bps=180)
    ann = desk.customer(usd="50000.00")
    spent = desk.orders.place(ann, "k", Terms("BTC", Side.BUY, quote_amount=Money(50_000))).made
    desk.mark("BTC", "100.90")
    back = desk.sell(ann, str(spent.quantity.amount))
    assert back.total_amount is not None
    assert back.total_amount < Money(50_000)


def test_limit_orders_fill_at_the_side_of_the_spread_that_is_theirs(desk: Desk) -> None:
    """Never before the market has crossed it, half of the spread and all, nor at any other price than that."""
    desk.list_asset("BTC", "100", spread_bps=100)
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "5")
    bid, ask = desk.buy(ann, "1", order_price="90.44"), desk.sell(ann, "1", order_price="109.45")
    for price, fills in (("90", 0), ("89.9", 1), ("109.9", 0), ("110", 1)):
        desk.mark("BTC", price)
        assert desk.match() == fills, price
    filled = [desk.orders.order(ann, order.order_id) for order in (bid, ask)]
    assert [order.status for order in filled] == [Status.COMPLETED, Status.COMPLETED]
    assert [str(order.price_per_unit) for order in filled] == ["90.3495", "109.45"]
    desk.check()


def test_a_limit_order_may_not_be_worth_too_much_at_the_side_that_is_its(desk: Desk) -> None:
    """It would be a sale above its limit: at the price with half of the spread off it still is."""
    desk.list_asset("BTC", "100", spread_bps=100, max_notional="100")
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "0.9")
    desk.buy(ann, "0.9")
    desk.sell(ann, "1.005", order_price="90")  # $99.99 at $99.50
    with pytest.raises(AboveMaximum):
        desk.sell(ann, "1.0052", order_price="90.01")


def test_what_protects_an_order_is_held_against_the_side_that_is_its(desk: Desk) -> None:
    desk.list_asset("BTC", "100", spread_bps=100)
    ann = desk.customer()
    with pytest.raises(PriceMoved):
        desk.buy(ann, "1", max_price=Price("100.49"))
    desk.buy(ann, "1", max_price=Price("100.50"))
    with pytest.raises(PriceMoved):
        desk.sell(ann, "1", min_price=Price("99.51"))
    desk.sell(ann, "1", min_price=Price("99.50"))


def test_an_asset_tells_its_spread_and_both_sides(desk: Desk) -> None:
    desk.list_asset("BTC", "100", spread_bps=7)
    desk.list_exchange_asset("SOL", spread_bps=7)
    desk.customer()
    with opened(desk) as doors:
        btc = doors.customer().get("/assets/BTC").json
        assert (btc["price"], btc["spread_bps"], btc["ask"], btc["bid"]) == ("100", 7, "100.035", "99.965")
        sol = doors.customer().get("/assets/SOL").json
        assert (sol["ask"], sol["bid"]) == (None, None)
        desk.clock.forward(days=1)
        stale = doors.customer().get("/assets/BTC").json
        assert (stale["price"], stale["ask"], stale["bid"]) == ("100", None, None)


@given(st.decimals("0.000000000000000001", "9999999999", places=18), st.integers(0, 5_000))
def test_no_side_is_better_for_the_customer_than_the_exact_one(usd: Decimal, bps: int) -> None:
    """Nor worse by a smallest unit of a price; a seller gets at least that unit."""
    price, half = Price(usd), Fraction(bps, 20_000)
    ask, bid = (Fraction(side.usd_per_unit) for side in (price.half_above(bps), price.half_below(bps)))
    assert 0 <= ask - Fraction(usd) * (1 + half) < SMALLEST
    assert 0 <= Fraction(usd) * (1 - half) - bid < SMALLEST or bid == SMALLEST
