"""A proposal, step by step, in figures that one can work out. What hummingbot's does is met in `test_single.py`."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, Inexact, localcontext
from typing import Any

import pytest

from functions.market_making.strategy import (
    Available,
    Band,
    Book,
    LiveOrder,
    Market,
    PriceSource,
    PriceType,
    Proposal,
    Rules,
    Side,
    State,
    Terms,
    propose,
)
from tests.market_making.strategy.made import EMPTY, RICH, TERMS, book, market, priced, rules, sized


def got(state: State | None = None, there: Market | None = None, money: Available = RICH, **changes: Any) -> Proposal:
    return propose(rules(**changes), state or State(), there or market(), money, 1)


@pytest.mark.parametrize(
    ("price_type", "reference"),
    [
        (PriceType.MID_PRICE, "100"),
        (PriceType.BEST_BID, "99.5"),
        (PriceType.BEST_ASK, "100.5"),
        (PriceType.LAST_PRICE, "104"),
        (PriceType.LAST_OWN_TRADE_PRICE, "103"),
    ],
)
def test_the_reference_is_of_the_type_that_was_asked_for(price_type: PriceType, reference: str) -> None:
    there, state = market(last_trade_price=Decimal(104)), State(own_price=Decimal(103))
    assert got(state, there, price_type=price_type).reference == Decimal(reference)


@pytest.mark.parametrize("price_type", [PriceType.LAST_PRICE, PriceType.LAST_OWN_TRADE_PRICE])
def test_without_a_last_price_the_mid_is_the_reference(price_type: PriceType) -> None:
    assert got(price_type=price_type).reference == Decimal(100)


def test_another_market_is_the_source_of_prices_where_it_is_named() -> None:
    there = market(external=book(200), custom_price=Decimal(300))
    external = got(there=there, price_source=PriceSource.EXTERNAL_MARKET)
    assert (external.reference, priced(external.sells)) == (Decimal(200), ["202"])
    assert got(there=there, price_source=PriceSource.CUSTOM_API).reference == Decimal(300)


@pytest.mark.parametrize("source", PriceSource)
def test_a_source_that_tells_nothing_makes_no_quotes(source: PriceSource) -> None:
    assert got(there=EMPTY, price_source=source) == Proposal(lost="no_reference")


@pytest.mark.parametrize("bids", [True, False])
def test_a_book_of_one_side_has_no_mid(bids: bool) -> None:
    half = Book(book().bids, ()) if bids else Book((), book().asks)
    assert got(there=Market(half)).lost == "no_reference"
    assert got(there=Market(half), price_type=PriceType.BEST_BID).lost == (None if bids else "no_reference")


def test_nothing_is_sold_below_what_the_inventory_has_cost() -> None:
    cost: dict[str, Any] = {"price_type": PriceType.INVENTORY_COST, "inventory_price": "110"}
    opened = State().costed(rules(**cost), Decimal(2))
    assert (priced(got(opened, **cost).buys), priced(got(opened, **cost).sells)) == (["99"], ["111.1"])
    assert priced(got(State(), **cost).sells) == ["111.1"]  # base of a cost that nobody has told
    cheap = State(cost_base=Decimal(2), cost_quote=Decimal(20))
    assert priced(got(cheap, **cost).sells) == ["101"]
    assert got(opened, **cost).reference == Decimal(100)


def test_what_was_there_at_first_is_part_of_the_cost_of_all() -> None:
    cost = rules(price_type=PriceType.INVENTORY_COST, inventory_price="110")
    bought = LiveOrder("b1", Side.BUY, Decimal(90), Decimal(2), 0)
    state = State(orders=(bought,)).costed(cost, Decimal(2)).filled(cost, "b1", Decimal(2))
    assert [state.cost_base, state.cost_quote] == [4, 400]
    assert state.costed(cost, Decimal(4)) == state
    anew = state.costed(replace(cost, inventory_price=Decimal(105)), Decimal(4))
    assert [anew.cost_base, anew.cost_quote] == [4, 420]


def test_levels_are_added_and_not_compounded() -> None:
    three = got(order_levels=3, order_level_spread="0.01", order_level_amount="0.5")
    assert (priced(three.buys), sized(three.buys)) == (["99", "98", "97"], ["1", "1.5", "2"])
    assert (priced(three.sells), sized(three.sells)) == (["101", "102", "103"], ["1", "1.5", "2"])


def test_levels_that_reach_nothing_are_no_quotes() -> None:
    assert priced(got(bid_spread="0.9", order_levels=3, order_level_spread="0.05").buys) == ["10", "5"]
    assert sized(got(order_levels=3, order_level_amount="-0.5").buys) == ["1", "0.5"]
    assert got(order_levels=0) == Proposal(reference=Decimal(100))


@pytest.mark.parametrize(
    ("changes", "sides"),
    [
        ({"price_ceiling": "100"}, (0, 1)),
        ({"price_ceiling": "100.01"}, (1, 1)),
        ({"price_floor": "100"}, (1, 0)),
        ({"price_floor": "99.99"}, (1, 1)),
    ],
)
def test_a_band_is_reached_at_its_price(changes: dict[str, Any], sides: tuple[int, int]) -> None:
    assert (len(got(**changes).buys), len(got(**changes).sells)) == sides


def test_a_moving_band_stays_until_its_time_is_over() -> None:
    moving: dict[str, Any] = {"moving_price_band_enabled": True, "price_band_refresh_time": 100}
    by = rules(**moving)
    first = propose(by, State(), market(), RICH, 1)
    assert first.band == Band(1, Decimal(99), Decimal(101))
    state = State(band=first.band)
    within = propose(by, state, market("100.99"), RICH, 100)
    assert (within.band, len(within.buys), len(within.sells)) == (first.band, 1, 1)
    above, below = (propose(by, state, market(mid), RICH, 100) for mid in (101, 99))
    assert (len(above.buys), len(above.sells)) == (0, 1)
    assert (len(below.buys), len(below.sells)) == (1, 0)
    anew = propose(by, state, market(101), RICH, 101)
    assert (anew.band, len(anew.buys)) == (Band(101, Decimal("99.99"), Decimal("102.01")), 1)


def test_ping_pong_waits_until_the_other_side_has_filled_as_often() -> None:
    levels: dict[str, Any] = {"ping_pong_enabled": True, "order_levels": 3, "order_level_spread": "0.01"}
    assert priced(got(State(filled_buys=(0,)), **levels).buys) == ["98", "97"]
    assert priced(got(State(filled_sells=(0, 1)), **levels).sells) == ["103"]
    both = State(filled_buys=(0, 1), filled_sells=(0, 1))
    assert len(got(both, **levels).buys) == 3
    assert len(got(State(filled_buys=(0,)), order_levels=3).buys) == 3


def test_an_optimised_quote_is_one_tick_before_the_depth() -> None:
    deep: dict[str, Any] = {"order_optimization_enabled": True, "bid_spread": "0.001", "ask_spread": "0.001"}
    shallow = got(**deep)
    assert (priced(shallow.buys), priced(shallow.sells)) == (["99.51"], ["100.49"])
    deeper = got(bid_order_optimization_depth="50.001", ask_order_optimization_depth="100.001", **deep)
    assert (priced(deeper.buys), priced(deeper.sells)) == (["99.01"], ["101.49"])
    never_nearer = got(order_optimization_enabled=True)
    assert (priced(never_nearer.buys), priced(never_nearer.sells)) == (["99"], ["101"])


def test_split_levels_keep_their_distances_when_optimised() -> None:
    split: dict[str, Any] = {
        "order_optimization_enabled": True,
        "split_order_levels_enabled": True,
        "bid_order_level_spreads": (Decimal("0.02"), Decimal("0.04")),
        "bid_order_level_amounts": (Decimal(1), Decimal(2)),
        "ask_order_level_spreads": (Decimal("0.25"),),
        "ask_order_level_amounts": (Decimal(3),),
    }
    alone = got(**(split | {"order_optimization_enabled": False}))
    assert (priced(alone.buys), sized(alone.buys)) == (["98", "96"], ["1", "2"])
    wide = Market(Book([(Decimal(49), Decimal(1))], [(Decimal(151), Decimal(1))]))
    both = got(there=wide, **split)
    assert (priced(both.buys), sized(both.buys)) == (["49.01", "48"], ["1", "2"])
    assert priced(both.sells) == ["150.99"]


@pytest.mark.parametrize(
    ("base", "quote", "buy", "sell"),
    [
        (100, 10_000, "1", "1"),
        (101, 9_900, "0.5", "1.5"),
        (99, 10_100, "1.5", "0.5"),
        (150, 5_000, None, "2"),
        (50, 15_000, "2", None),
    ],
)
def test_a_skew_brings_the_inventory_back(base: int, quote: int, buy: str | None, sell: str | None) -> None:
    skewed = got(money=Available(Decimal(base), Decimal(quote)), inventory_skew_enabled=True)
    assert (sized(skewed.buys), sized(skewed.sells)) == ([buy] if buy else [], [sell] if sell else [])


def test_a_skew_counts_what_live_orders_lock() -> None:
    sell = LiveOrder("s1", Side.SELL, Decimal(101), Decimal(1), 0)
    buy = LiveOrder("b2", Side.BUY, Decimal(99), Decimal(1), 0)
    locked = Available(Decimal(99), Decimal(9_901))
    assert sized(got(State(orders=(sell, buy)), money=locked, inventory_skew_enabled=True).buys) == ["1"]


def test_nothing_at_all_is_no_inventory() -> None:
    nothing = Available(Decimal(0), Decimal(0))
    for skewed in ({"inventory_skew_enabled": True}, {"inventory_spread_skew": "1"}):
        assert got(money=nothing, **skewed) == Proposal(reference=Decimal(100))


@pytest.mark.parametrize(
    ("base", "quote", "buy", "sell"),
    [
        (100, 10_000, "98", "102"),
        (150, 5_000, "97", "101"),  # a quarter too much: a hundredth of the reference for each quarter
        (50, 15_000, "99", "103"),
        (1_000, 0, None, "100.51"),  # not beyond the reference, and not into the book
    ],
)
def test_a_skew_by_spread_shifts_both_sides(base: int, quote: int, buy: str | None, sell: str) -> None:
    skew: dict[str, Any] = {"bid_spread": "0.02", "ask_spread": "0.02", "inventory_spread_skew": "0.04"}
    if buy is None:
        skew |= {"inventory_spread_skew": "0.0298"}
    shifted = got(money=Available(Decimal(base), Decimal(quote)), **skew)
    assert (priced(shifted.buys), priced(shifted.sells)) == ([buy] if buy else [], [sell])


def test_a_skew_by_spread_stops_at_the_reference() -> None:
    all_base = Available(Decimal(1_000), Decimal(1))
    assert priced(got(money=all_base, inventory_spread_skew="1", order_levels=2).sells) == ["100", "101"]
    all_quote = Available(Decimal(0), Decimal(1_000))
    assert priced(got(money=all_quote, inventory_spread_skew="1", order_levels=2).buys) == ["100", "99"]


def test_the_nearest_have_the_budget_first() -> None:
    poor = Available(Decimal("1.5"), Decimal(149))  # 99, and 50 of 98
    cut = got(money=poor, order_levels=3, order_level_spread="0.01")
    assert sized(cut.buys) == ["1", "0.51"]
    assert sized(cut.sells) == ["1", "0.5"]


def test_a_buy_leaves_room_for_the_takers_fee() -> None:
    terms = Terms(TERMS.tick, TERMS.lot, taker_fee=Decimal("0.01"))
    assert sized(got(money=Available(Decimal(0), Decimal(99)), terms=terms).buys) == ["0.99"]


def test_rules_that_take_are_quoted_through_the_book() -> None:
    there = market(external=book(110))
    taking: dict[str, Any] = {"price_source": PriceSource.EXTERNAL_MARKET}
    assert got(there=there, **taking).buys == ()
    assert priced(got(there=there, take_if_crossed=True, **taking).buys) == ["108.9"]
    assert priced(got(there=Market(Book((), ()), external=book(110)), **taking).buys) == ["108.9"]


def test_what_meets_the_touch_is_not_proposed() -> None:
    touching = Market(Book([(Decimal(101), Decimal(1))], [(Decimal("101.01"), Decimal(1))]), custom_price=Decimal(100))
    api: dict[str, Any] = {"price_source": PriceSource.CUSTOM_API}
    assert got(there=touching, **api).sells == ()
    assert priced(got(there=touching, ask_spread="0.0101", **api).sells) == ["101.01"]


def test_a_proposal_is_the_same_in_whatever_context_it_is_made() -> None:
    """A caller with other digits or traps gets the same."""
    odd: dict[str, Any] = {"bid_spread": "0.0123456789", "order_amount": "1.23456789", "add_transaction_costs": True}
    by: Rules = rules(**odd)
    there = market("100.123456789")
    plain = propose(by, State(), there, RICH, 1)
    with localcontext() as context:
        context.prec = 5
        context.traps[Inexact] = True
        assert propose(rules(**odd), State(), there, RICH, 1) == plain
