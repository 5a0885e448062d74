"""Each quirk of hummingbot, kept and mended. A test without a quirk's switch has the mended strategy throughout: the
name says what that one does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.market_making.strategy import (
    COMPAT,
    Available,
    Book,
    LiveOrder,
    Market,
    Override,
    PriceSource,
    PriceType,
    Quirk,
    Rules,
    Side,
    Standing,
    State,
    Terms,
    budget,
    propose,
    skew,
    tick,
)
from tests.market_making.strategy.cases import available, cases, market, played, rules
from tests.market_making.strategy.made import EMPTY, RICH, TERMS, ended, keys, left, priced, quoted, sized
from tests.market_making.strategy.made import market as made_market
from tests.market_making.strategy.made import rules as made

# A vector in which the switch alone makes a difference. What is not here no vector tells apart; the tests below do.
WITNESSES = {
    Quirk.Q1_THIN_BOOK: "s20",
    Quirk.Q2_EMPTY_BOOK: "s198",  # its last price is 0
    Quirk.Q3_UNEVEN_LEVELS: "s4",
    Quirk.Q4_SELLS_FLOORED: "s0",
    Quirk.Q5_TAKERS_LAST: "t29",
    Quirk.Q6_RANGE_OF_PLAIN_LEVELS: "s177",
    Quirk.Q7_NO_MINIMUM: "s0",
    Quirk.Q8_SIZE_TOLERATED: "t1",
    Quirk.Q9_CHURN_BELOW_MINIMUM: "t6",
    Quirk.Q10_TWO_TICKS: "t0",
    Quirk.Q13_NEAREST_PINGED: "t3",
    Quirk.Q15_BINARY_SKEW: "s49",
    Quirk.Q17_OWN_IN_BOOK: "t17",
    Quirk.Q20_STALE_PAIRS: "t54",
}
UNTOLD = {
    Quirk.Q11_HANGING_COUNTS,  # there it is chance: the runs end before
    Quirk.Q12_TWINS,
    Quirk.Q14_BINARY_LAST_PRICE,  # last prices of vectors are dyadic
    Quirk.Q16_HANGING_UNBOUND,
    Quirk.Q18_FILLED_TWICE,
    Quirk.Q19_AGE_LEAVES_NOTHING,
}


def _decided(name: str, compat: frozenset[Quirk]) -> Any:
    if name.startswith("s"):
        case = cases("single")[name]
        return propose(rules(case, compat), State(), market(case), available(case["balances"]), now=1)
    case = cases("trace")[name]
    return [
        (decision.lost, decision.cancels, decision.creations) for _, _, decision in played(case, rules(case, compat))
    ]


@pytest.mark.parametrize("quirk", WITNESSES)
def test_a_vector_is_missed_with_one_switch_flipped(quirk: Quirk) -> None:
    name = WITNESSES[quirk]
    assert _decided(name, COMPAT) != _decided(name, COMPAT - {quirk})


def test_every_quirk_is_told_apart_by_a_vector_or_only_by_a_test_below() -> None:
    assert WITNESSES.keys() | UNTOLD == COMPAT == set(Quirk)


def test_a_book_too_thin_to_optimise_in_is_quoted_in_without() -> None:
    """Q1: and its cancels are lost there with the rest of the tick."""
    deep = {"order_optimization_enabled": True, "bid_order_optimization_depth": "1000", "max_order_age": 5}
    state = quoted(made(max_order_age=5))
    mended = tick(made(**deep), state, made_market(), RICH, 110)
    assert mended.lost is None
    assert priced(propose(made(**deep), State(), made_market(), RICH, 1).buys) == ["99"]
    assert mended.cancels == ("b1", "s2")
    kept = tick(made(Quirk.Q1_THIN_BOOK, **deep), state, made_market(), RICH, 110)
    assert (kept.lost, kept.cancels, kept.creations) == ("thin_book", (), ())
    assert keys(kept.state) == ["b1", "s2"]


def test_only_the_side_that_is_too_thin_is_quoted_without_optimisation() -> None:
    by = made(order_optimization_enabled=True, bid_order_optimization_depth="1000")
    got = propose(by, State(), made_market(), RICH, 1)
    assert (priced(got.buys), priced(got.sells)) == (["99"], ["101"])
    wide = Market(Book([(Decimal(90), Decimal(1))], [(Decimal(110), Decimal(1))]))
    got = propose(by, State(), wide, RICH, 1)
    assert (priced(got.buys), priced(got.sells)) == (["99"], ["109.99"])


def test_quotes_end_at_their_refresh_while_no_price_is_known() -> None:
    """Q2: the whole tick is lost there, so that quotes of an old price stay in an empty book for as long as it is
    empty."""
    state = quoted(made())
    early = tick(made(), state, EMPTY, RICH, 105)
    assert (early.lost, early.cancels, early.creations, early.reference) == ("no_reference", (), (), None)
    mended = tick(made(), early.state, EMPTY, RICH, 110)
    assert (mended.lost, mended.cancels, mended.creations) == ("no_reference", ("b1", "s2"), ())
    kept = tick(made(Quirk.Q2_EMPTY_BOOK), state, EMPTY, RICH, 110)
    assert (kept.lost, kept.cancels, kept.creations) == ("no_reference", (), ())


def test_a_last_price_of_nothing_is_no_reference() -> None:
    """Q2: a buy for nothing is proposed there."""
    zero = made_market(last_trade_price=Decimal(0))
    last = {"price_type": PriceType.LAST_PRICE}
    assert propose(made(**last), State(), zero, RICH, 1).lost == "no_reference"
    kept = propose(made(Quirk.Q2_EMPTY_BOOK, Quirk.Q7_NO_MINIMUM, **last), State(), zero, RICH, 1)
    assert priced(kept.buys) == ["0"]


def test_optimised_levels_are_multiples_of_the_tick() -> None:
    """Q3: behind the first they are not, there, and the budget is counted with prices that nobody sends."""
    levels = {"order_optimization_enabled": True, "order_levels": 3, "order_level_spread": "0.00123"}
    wide = Market(Book([(Decimal("97.01"), Decimal(9))], [(Decimal("102.99"), Decimal(9))]))
    mended = propose(made(**levels), State(), wide, RICH, 1)
    assert priced(mended.buys) == ["97.02", "96.9", "96.78"]
    assert priced(mended.sells) == ["102.98", "103.11", "103.24"]
    kept = propose(made(Quirk.Q3_UNEVEN_LEVELS, **levels), State(), wide, RICH, 1)
    assert priced(kept.buys) == ["97.02", "96.9006654", "96.7813308"]


def test_a_sell_is_never_nearer_than_was_asked_for() -> None:
    """Q4: rounded down there as buys are, it is up to a tick nearer."""
    far = {"bid_spread": "0.01123", "ask_spread": "0.01123"}
    assert priced(propose(made(**far), State(), made_market("100.01"), RICH, 1).sells) == ["101.14"]
    kept = made(Quirk.Q4_SELLS_FLOORED, **far)
    assert priced(propose(kept, State(), made_market("100.01"), RICH, 1).sells) == ["101.13"]
    costly: dict[str, Any] = {"ask_spread": "0.00123", "add_transaction_costs": True}
    costly["terms"] = Terms(TERMS.tick, TERMS.lot, maker_fee=Decimal("0.00777"))
    assert priced(propose(made(**costly), State(), made_market(), RICH, 1).sells) == ["100.91"]
    kept = made(Quirk.Q4_SELLS_FLOORED, **costly)
    assert priced(propose(kept, State(), made_market(), RICH, 1).sells) == ["100.89"]


def test_what_would_take_uses_up_no_budget() -> None:
    """Q5: it is dropped after it has, there, and nothing is left for what would rest."""
    levels = {"order_levels": 2, "order_level_spread": "0.05", "price_source": PriceSource.EXTERNAL_MARKET}
    there = made_market(external=made_market(103).book)  # buys at 101.97, above the best ask, and at 96.82
    poor = Available(Decimal(0), Decimal(102))
    assert priced(propose(made(**levels), State(), there, poor, 1).buys) == ["96.82"]
    assert priced(propose(made(Quirk.Q5_TAKERS_LAST, **levels), State(), there, poor, 1).buys) == []


def test_the_range_of_the_skew_is_that_of_what_is_quoted() -> None:
    """Q6: there it is that of plain levels, also where an override takes their place."""
    override = (Override(Side.BUY, Decimal("0.01"), Decimal(20)), Override(Side.SELL, Decimal("0.01"), Decimal(20)))
    skewed = {"inventory_skew_enabled": True, "order_override": override}
    tilted = Available(Decimal(110), Decimal(9_000))  # ten more than half of the value, of a range of 40
    mended = propose(made(**skewed), State(), made_market(), tilted, 1)
    assert (sized(mended.buys), sized(mended.sells)) == (["15"], ["25"])
    kept = propose(made(Quirk.Q6_RANGE_OF_PLAIN_LEVELS, **skewed), State(), made_market(), tilted, 1)
    assert (sized(kept.buys), sized(kept.sells)) == ([], ["40"])


def test_levels_that_shrink_are_quoted_with_a_skew() -> None:
    """Q6: the range there counts levels below nothing, and is negative: no orders at all."""
    shrinking = {"inventory_skew_enabled": True, "order_levels": 5, "order_level_amount": "-0.6"}
    even = Available(Decimal(100), Decimal(10_000))
    assert sized(propose(made(**shrinking), State(), made_market(), even, 1).buys) == ["1", "0.4"]
    kept = propose(made(Quirk.Q6_RANGE_OF_PLAIN_LEVELS, **shrinking), State(), made_market(), even, 1)
    assert (kept.buys, kept.sells) == ((), ())


def test_what_the_market_refuses_for_its_size_is_not_proposed() -> None:
    """Q7: there it is sent and refused, at each refresh; and it uses up budget."""
    terms = Terms(TERMS.tick, TERMS.lot, min_size=Decimal("0.5"), min_notional=Decimal(80))
    levels = {"order_levels": 3, "order_level_amount": "-0.3", "terms": terms}
    assert sized(propose(made(**levels), State(), made_market(), RICH, 1).buys) == ["1"]
    kept = propose(made(Quirk.Q7_NO_MINIMUM, **levels), State(), made_market(), RICH, 1)
    assert sized(kept.buys) == ["1", "0.7", "0.4"]
    poor = Available(Decimal("1.45"), Decimal(0))  # the second one is cut down to 0.45
    assert sized(propose(made(order_levels=2, terms=terms), State(), made_market(), poor, 1).sells) == ["1"]


def test_a_quote_that_is_partly_filled_is_refreshed_within_the_tolerance() -> None:
    """Q8: sizes are not compared there."""
    tolerant = {"order_refresh_tolerance_pct": "0.01"}
    state = quoted(made(**tolerant))
    a_little = state.filled(made(**tolerant), "b1", Decimal("0.05"))
    assert tick(made(**tolerant), a_little, made_market(), RICH, 110).cancels == ()
    quarter = {"order_refresh_size_tolerance_pct": "0.25", **tolerant}
    a_fifth = state.filled(made(**quarter), "b1", Decimal("0.2"))  # a quarter of what is open
    assert tick(made(**quarter), a_fifth, made_market(), RICH, 110).cancels == ()
    much = state.filled(made(**tolerant), "b1", Decimal("0.5"))
    assert tick(made(**tolerant), much, made_market(), RICH, 110).cancels == ("b1", "s2")
    assert tick(made(Quirk.Q8_SIZE_TOLERATED, **tolerant), much, made_market(), RICH, 110).cancels == ()


def test_what_would_be_cancelled_for_its_spread_is_not_created() -> None:
    """Q9: created and cancelled by turns, there."""
    minimum = {"minimum_spread": "0.02", "ask_spread": "0.03"}
    mended = tick(made(**minimum), State(), made_market(), RICH, 100)
    assert [new.key for new in mended.creations] == ["s1"]
    assert tick(made(**minimum), mended.state, made_market(), RICH, 101).cancels == ()
    churning = made(Quirk.Q9_CHURN_BELOW_MINIMUM, **minimum)
    kept = tick(churning, State(), made_market(), RICH, 100)
    assert [new.key for new in kept.creations] == ["b1", "s2"]
    assert tick(churning, kept.state, made_market(), RICH, 101).cancels == ("b1",)


def test_a_successor_is_decided_with_the_cancel() -> None:
    """Q10: there it waits for a later tick, and for the second after: of a cycle of ten seconds a whole one."""
    mended = tick(made(), quoted(made()), made_market(), RICH, 110)
    assert (mended.cancels, [new.key for new in mended.creations]) == (("b1", "s2"), ["b3", "s4"])
    assert mended.create_after_cancels
    two = made(Quirk.Q10_TWO_TICKS)
    kept = tick(two, quoted(two), made_market(), RICH, 110)
    assert (kept.cancels, kept.creations) == (("b1", "s2"), ())
    later = tick(two, ended(kept), made_market(), RICH, 120)
    assert [new.key for new in later.creations] == ["b3", "s4"]
    assert not later.create_after_cancels


def test_who_does_not_wait_for_cancels_does_not() -> None:
    """Q10: there the live orders are waited for all the same."""
    hasty = {"should_wait_order_cancel_confirmation": False}
    mended = tick(made(**hasty), quoted(made(**hasty)), made_market(), RICH, 110)
    assert (len(mended.creations), mended.create_after_cancels) == (2, False)
    kept = made(Quirk.Q10_TWO_TICKS, **hasty)
    decision = tick(kept, quoted(kept), made_market(), RICH, 110)
    assert decision.creations == ()
    assert tick(kept, decision.state, made_market(), RICH, 111).creations == ()


def _hanging(by: Rules, amounts: int = 1) -> State:
    """A sell that is left hanging, at 101 for 1, and new quotes, at 60 s."""
    state = quoted(by, at=0).filled(by, "b1", Decimal(1))
    decision = tick(by, state, made_market(), RICH, 60)
    assert [order.key for order in decision.state.orders if order.standing is Standing.HANGING] == ["s2"]
    return decision.state


def test_a_hanging_order_that_fills_delays_no_quotes() -> None:
    """Q11: there it does or does not, by the order in which two listeners happen to be called."""
    mended = _hanging(made(hanging_orders_enabled=True))
    after = mended.filled(made(hanging_orders_enabled=True), "s2", Decimal(1))
    assert (after.create_at, after.own_price) == (mended.create_at, mended.own_price)
    keeping = made(Quirk.Q11_HANGING_COUNTS, hanging_orders_enabled=True)
    after = _hanging(keeping).filled(keeping, "s2", Decimal(1))
    assert (after.create_at, after.own_price) == (90, Decimal(101))


def test_hanging_orders_that_look_alike_are_told_apart() -> None:
    """Q12: there the second one is forgotten: no quote, and looked after as a hanging order by nobody."""
    hanging = {"hanging_orders_enabled": True, "max_order_age": 300}
    standings = {}
    for keep in ((), (Quirk.Q12_TWINS,)):
        by = made(*keep, **hanging)
        state = _hanging(by)
        state = state.filled(by, state.orders[1].key, Decimal(1))  # the next buy; its sell is as the hanging one
        state = tick(by, state, made_market(), RICH, 120).state
        standings[keep] = [order.standing for order in state.orders if order.key in ("s2", "s4")]
    assert standings == {
        (): [Standing.HANGING, Standing.HANGING],
        (Quirk.Q12_TWINS,): [Standing.HANGING, Standing.FORGOTTEN],
    }


def test_ping_pong_leaves_out_the_level_that_was_filled() -> None:
    """Q13: there it leaves out the nearest, whichever was filled."""
    levels = {"ping_pong_enabled": True, "order_levels": 3, "order_level_spread": "0.01"}
    state = State(filled_buys=(1,))
    mended = propose(made(**levels), state, made_market(), RICH, 1)
    assert (priced(mended.buys), priced(mended.sells)) == (["99", "97"], ["101", "102", "103"])
    kept = propose(made(Quirk.Q13_NEAREST_PINGED, **levels), state, made_market(), RICH, 1)
    assert priced(kept.buys) == ["98", "97"]


def test_the_last_price_is_the_one_that_was_told() -> None:
    """Q14: a binary fraction with all its digits, there."""
    last, there = {"price_type": PriceType.LAST_PRICE}, made_market(last_trade_price=Decimal("98.9"))
    assert propose(made(**last), State(), there, RICH, 1).reference == Decimal("98.9")
    kept = propose(made(Quirk.Q14_BINARY_LAST_PRICE, **last), State(), there, RICH, 1)
    assert kept.reference == Decimal(float("98.9")) != Decimal("98.9")


def test_a_skew_is_worked_out_in_decimals() -> None:
    """Q15: a binary fraction is a hair below, there, and the size a lot."""
    by, kept = made(inventory_skew_enabled=True), made(Quirk.Q15_BINARY_SKEW, inventory_skew_enabled=True)
    tilted = Available(Decimal("10.6"), Decimal(940))  # 0.6 above the target, of a range of 2
    assert skew.ratios(by, tilted.base, tilted.quote, Decimal(100)) == (Decimal("0.7"), Decimal("1.3"))
    assert skew.ratios(kept, tilted.base, tilted.quote, Decimal(100))[0] != Decimal("0.7")
    assert sized(propose(by, State(), made_market(), tilted, 1).buys) == ["0.7"]


def test_only_so_many_orders_are_left_hanging() -> None:
    """Q16: there they pile up for as long as the price stays within reach of them."""
    hanging: dict[str, Any] = {
        "hanging_orders_enabled": True,
        "filled_order_delay": 0,
        "hanging_orders_cancel_pct": "1",
    }
    for keep, most in (((), 2), ((Quirk.Q16_HANGING_UNBOUND,), 9)):
        by = made(*keep, **hanging)
        state = quoted(by, at=0)
        for turn in range(1, 10):
            buy = next(order for order in state.orders if order.side is Side.BUY)
            decision = tick(by, state.filled(by, buy.key, Decimal(1)), made_market(100 + turn), RICH, 10 * turn)
            state = ended(decision)
        assert sum(order.standing is Standing.HANGING for order in state.orders) == most


def test_the_bound_of_hanging_orders_can_be_told() -> None:
    assert made(hanging_orders_max=7).plan.hanging_max == 7
    assert made(order_levels=3).plan.hanging_max == 6
    assert made(Quirk.Q16_HANGING_UNBOUND, hanging_orders_max=7).plan.hanging_max is None


def test_optimisation_does_not_count_our_orders_as_depth() -> None:
    """Q17: there they are in the book, and the last one's size is added to the depth for it."""
    by = {"order_optimization_enabled": True, "bid_order_optimization_depth": "4", "bid_spread": "0.001"}
    bids = [(Decimal("99.5"), Decimal(5)), (Decimal("98.5"), Decimal(5))]
    there = Market(Book(bids, [(Decimal("100.5"), Decimal(5))]))
    own = LiveOrder("b1", Side.BUY, Decimal("99.5"), Decimal(2), 0)
    assert priced(propose(made(**by), State(orders=(own,)), there, RICH, 1).buys) == ["99.51"]
    kept = propose(made(Quirk.Q17_OWN_IN_BOOK, **by), State(orders=(own,)), there, RICH, 1)
    assert priced(kept.buys) == ["98.51"]


def test_what_is_filled_of_an_order_is_no_budget_any_more() -> None:
    """Q18: there a partly filled order is counted whole, beside what it has brought: more is quoted than there is."""
    state = quoted(made(order_amount="10"), available=Available(Decimal(10), Decimal(0)))
    state = state.filled(made(), "s1", Decimal(6))
    sold = Available(Decimal(0), Decimal(606))  # 4 are still in the order
    twenty = {"order_amount": "20"}
    assert sized(propose(made(**twenty), state, made_market(), sold, 1).sells) == ["4"]
    assert sized(propose(made(Quirk.Q18_FILLED_TWICE, **twenty), state, made_market(), sold, 1).sells) == ["10"]
    assert budget.holdings(made(), state, sold)[:2] == (Decimal(4), Decimal(606))
    assert budget.holdings(made(Quirk.Q18_FILLED_TWICE), state, sold)[:2] == (Decimal(10), Decimal(606))


def test_quotes_that_end_for_their_age_are_created_anew_at_once() -> None:
    """Q19: there at the next refresh, if the age is the smaller: until then nothing is quoted."""
    aging = {"max_order_age": 20, "order_refresh_time": 100}
    mended = tick(made(**aging), quoted(made(**aging)), made_market(), RICH, 121)
    assert (mended.cancels, [new.key for new in mended.creations]) == (("b1", "s2"), ["b3", "s4"])
    assert mended.state.create_at == 221
    kept = tick(made(Quirk.Q19_AGE_LEAVES_NOTHING, **aging), quoted(made(**aging)), made_market(), RICH, 121)
    assert (kept.cancels, kept.creations, kept.state.create_at) == (("b1", "s2"), (), 200)


def test_age_does_not_cut_the_delay_of_a_filled_order_short() -> None:
    aging = {"max_order_age": 20, "order_refresh_time": 100, "filled_order_delay": 60}
    state = quoted(made(**aging)).filled(made(**aging), "b1", Decimal(1))  # at 100: nothing before 160
    waiting = tick(made(**aging), state, made_market(), RICH, 121)
    assert (waiting.cancels, waiting.creations) == (("s2",), ())
    assert len(tick(made(**aging), ended(waiting), made_market(), RICH, 160).creations) == 2


def test_the_pairs_of_a_round_are_of_that_round() -> None:
    """Q20: where no quote was live at a refresh the old pairs stay there, and get the sells of the next round: when its
    buy fills then, nothing is left hanging."""
    hanging = {"hanging_orders_enabled": True, "filled_order_delay": 0}
    left_hanging = {}
    for keep in ((), (Quirk.Q20_STALE_PAIRS,)):
        by = made(*keep, **hanging)
        state = quoted(by, at=0).filled(by, "b1", Decimal(1)).filled(by, "s2", Decimal(1))
        state = tick(by, state, made_market(), RICH, 10).state
        assert keys(state) == ["b3", "s4"]
        state = tick(by, state.filled(by, "b3", Decimal(1)), made_market(), RICH, 20).state
        left_hanging[keep] = [order.key for order in state.orders if order.standing is Standing.HANGING]
    assert left_hanging == {(): ["s4"], (Quirk.Q20_STALE_PAIRS,): []}


def test_a_round_that_is_kept_keeps_its_budget() -> None:
    """What live quotes lock is theirs to be replaced with: the proposal does not shrink for it."""
    by = made(order_refresh_tolerance_pct="0")
    poor = Available(Decimal(1), Decimal(99))
    state = quoted(by, available=poor)
    assert left(poor, state) == Available(Decimal(0), Decimal(0))
    assert tick(by, state, made_market(), left(poor, state), 110).cancels == ()
