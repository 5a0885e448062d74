"""Ticks of the mended strategy: what is cancelled when, what is created, what hangs. hummingbot's are met in
`test_traces.py`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.market_making.strategy import (
    Available,
    Book,
    Decision,
    LiveOrder,
    Market,
    Owed,
    Quirk,
    Side,
    Standing,
    State,
    tick,
)
from tests.market_making.strategy.made import RICH, ended, keys, left, market, quoted, rules

ONE = Decimal(1)


def hanging(decision: Decision) -> list[str]:
    return [order.key for order in decision.state.orders if order.standing is Standing.HANGING]


def test_the_first_tick_creates() -> None:
    first = tick(rules(order_levels=2), State(), market(), RICH, 100)
    assert [(new.key, new.side, new.level) for new in first.creations] == [
        ("b1", Side.BUY, 0), ("b2", Side.BUY, 1), ("s3", Side.SELL, 0), ("s4", Side.SELL, 1)]  # fmt: skip
    assert not first.create_after_cancels
    assert keys(first.state) == ["b1", "b2", "s3", "s4"]
    assert (first.state.create_at, first.state.cancel_at, first.state.ticked_at) == (110, 110, 100)
    assert all(order.created_at == 100 for order in first.state.orders)


def test_time_does_not_go_back() -> None:
    state = quoted(rules())
    assert tick(rules(), state, market(), RICH, 100).creations == ()
    with pytest.raises(ValueError, match="time does not go back"):
        tick(rules(), state, market(), RICH, 99)


def test_nothing_happens_before_the_refresh() -> None:
    state = quoted(rules())
    waiting = tick(rules(), state, market(150), RICH, 109)
    assert (waiting.cancels, waiting.creations) == ((), ())


@pytest.mark.parametrize(
    ("tolerance", "mid", "stays"),
    [("-1", 100, False), ("0", 100, True), ("0", "100.02", False), ("0.01", 101, True), ("0.01", "101.02", False)],
)
def test_quotes_within_the_tolerance_stay(tolerance: str, mid: object, stays: bool) -> None:
    by = rules(order_refresh_tolerance_pct=tolerance)
    decision = tick(by, quoted(by), market(mid), RICH, 110)
    assert (decision.cancels == ()) is stays
    assert (decision.creations == ()) is stays
    assert decision.state.cancel_at == (110 if stays else 120)  # and are looked at again in the next tick


def test_a_quote_too_few_is_no_match() -> None:
    by = rules(order_refresh_tolerance_pct="1", order_levels=2, filled_order_delay=0)
    state = quoted(by).filled(by, "b1", ONE)
    assert tick(by, state, market(), RICH, 110).cancels == ("b2", "s3", "s4")


def test_a_kept_round_is_replaced_once_the_price_moves() -> None:
    by = rules(order_refresh_tolerance_pct="0.005")
    kept = tick(by, quoted(by), market(), RICH, 113)
    moved = tick(by, kept.state, market(102), RICH, 114)
    assert (moved.cancels, len(moved.creations), moved.create_after_cancels) == (("b1", "s2"), 2, True)


def test_a_cancel_without_an_answer_is_asked_again() -> None:
    decision = tick(rules(), quoted(rules()), market(), RICH, 110)
    state = decision.state.unplaced(*(new.key for new in decision.creations))
    assert keys(state) == ["b1", "s2"]
    again = tick(rules(), state.cancelled("b1"), market(), RICH, 115)
    waited = again.state.live("s2")
    assert waited is not None
    assert waited.cancelled_at == 110
    assert (again.cancels, [new.key for new in again.creations]) == (("s2",), ["b5", "s6"])
    assert again.create_after_cancels


@pytest.mark.parametrize(("now", "asked"), [(170, ()), (171, ("b1", "s2"))])
def test_there_a_cancel_is_asked_again_after_a_minute(now: int, asked: tuple[str, ...]) -> None:
    by = rules(Quirk.Q10_TWO_TICKS)
    state = tick(by, quoted(by), market(), RICH, 110).state
    again = tick(by, state, market(), RICH, now)
    assert again.cancels == asked
    assert tick(by, again.state, market(), RICH, now + 1).cancels == (("b1", "s2") if not asked else ())


def test_what_was_not_placed_is_created_by_the_next_tick() -> None:
    first = tick(rules(), State(), market(), RICH, 100)
    state = first.state.unplaced("b1", "s2")
    assert (state.orders, state.create_at, state.cancel_at) == ((), 100, 100)
    assert [new.key for new in tick(rules(), state, market(), RICH, 105).creations] == ["b3", "s4"]


def test_of_a_round_that_was_placed_in_part_nothing_is_created_early() -> None:
    state = quoted(rules()).unplaced("b1")
    assert (keys(state), state.create_at) == (["s2"], 110)
    assert tick(rules(), state, market(), RICH, 105).creations == ()
    assert tick(rules(), state, market(), RICH, 110).cancels == ("s2",)


def test_a_creation_that_came_to_nothing_leaves_the_next_round_alone() -> None:
    """Its end is known late: by then there are other quotes."""
    first = tick(rules(), State(), market(), RICH, 100)
    second = tick(rules(), first.state.cancelled("s2"), market(), RICH, 110)
    assert keys(second.state) == ["b1", "b3", "s4"]
    after = second.state.unplaced("b1")
    assert (keys(after), after.create_at) == (["b3", "s4"], 120)


def test_unplaced_creations_do_not_cut_a_delay_short() -> None:
    decision = tick(rules(), quoted(rules()), market(), RICH, 110)
    late_fill = decision.state.filled(rules(), "b1", ONE)  # while it was cancelled
    state = late_fill.cancelled("s2").unplaced("b3", "s4")
    assert (state.orders, state.create_at) == ((), 140)


@pytest.mark.parametrize("at", [None, 104])
def test_a_filled_order_delays_the_next(at: int | None) -> None:
    state = quoted(rules()).filled(rules(), "b1", ONE, at=at)
    assert (keys(state), state.create_at, state.cancel_at) == (["s2"], 130 if at is None else 134, 110)
    refreshed = tick(rules(), state, market(), RICH, 110)
    assert (refreshed.cancels, refreshed.creations) == (("s2",), ())
    assert tick(rules(), ended(refreshed), market(), RICH, 129).creations == ()
    assert len(tick(rules(), ended(refreshed), market(), RICH, 134).creations) == 2


def test_a_fill_that_is_told_as_of_the_future_stops_no_quotes() -> None:
    state = quoted(rules()).filled(rules(), "b1", ONE, at=10**12)
    waiting = tick(rules(), state, market(), RICH, 110)
    assert (waiting.cancels, waiting.creations, waiting.state.create_at) == (("s2",), (), 140)
    assert waiting.state.delayed_until == 140
    assert len(tick(rules(), ended(waiting), market(), RICH, 140).creations) == 2


def test_a_refresh_that_was_edited_to_be_shorter_is_not_waited_for_longer() -> None:
    state = quoted(rules(order_refresh_time=5_000))
    by = rules(filled_order_delay=5)
    edited = tick(by, state, market(), RICH, 105)
    assert (edited.cancels, edited.state.cancel_at) == ((), 115)
    assert tick(by, edited.state, market(), RICH, 115).cancels == ("b1", "s2")


def test_a_partial_fill_delays_nothing() -> None:
    state = quoted(rules()).filled(rules(), "b1", Decimal("0.4"))
    order = state.live("b1")
    assert order is not None
    assert (order.filled, state.create_at) == (Decimal("0.4"), 110)
    assert state.filled(rules(), "b1", Decimal("0.6")).live("b1") is None


def test_what_is_told_of_an_order_that_is_not_live_changes_nothing() -> None:
    state = quoted(rules())
    assert state.filled(rules(), "b9", ONE) == state
    assert state.cancelled("b9") == state
    assert state.unplaced("b9") == state
    with pytest.raises(ValueError, match="above 0"):
        state.filled(rules(), "b1", Decimal(0))


def test_more_than_was_open_is_its_end() -> None:
    assert quoted(rules()).filled(rules(), "b1", Decimal(7)).live("b1") is None


def test_the_last_own_price_is_that_of_a_filled_quote() -> None:
    state = quoted(rules()).filled(rules(), "s2", ONE)
    assert (state.own_price, state.filled_sells, state.filled_buys) == (Decimal(101), (), ())


def test_fills_are_counted_for_ping_pong_alone() -> None:
    """Nothing else takes them back: what is remembered of an order would grow with each."""
    for enabled, counted in ((True, (0,)), (False, ())):
        by = rules(ping_pong_enabled=enabled)
        assert quoted(by).filled(by, "b1", ONE).filled_buys == counted


def test_ping_pong_begins_anew_when_both_sides_have_filled() -> None:
    by = rules(ping_pong_enabled=True, filled_order_delay=0)
    state = quoted(by).filled(by, "b1", ONE)
    one_side = tick(by, state, market(), RICH, 110)
    assert [new.side for new in one_side.creations] == [Side.SELL]
    state = ended(one_side).filled(by, one_side.creations[0].key, ONE)
    both = tick(by, state, market(), RICH, 120)
    assert [new.side for new in both.creations] == [Side.BUY, Side.SELL]
    assert (both.state.filled_buys, both.state.filled_sells) == ((), ())


def test_the_cost_of_an_inventory_is_that_of_its_buys() -> None:
    by = rules(order_amount="2")
    state = quoted(by).filled(by, "b1", ONE, base_fee=Decimal("0.01"))
    assert (state.cost_base, state.cost_quote) == (Decimal("0.99"), Decimal(99))
    state = state.filled(by, "b1", ONE, quote_fee=ONE)
    assert (state.cost_base, state.cost_quote) == (Decimal("1.99"), Decimal(199))
    state = state.filled(by, "s2", Decimal("0.995"))
    assert (state.cost_base, state.cost_quote) == (Decimal("0.995"), Decimal("99.5"))
    assert state.filled(by, "s2", Decimal("1.005")).cost_base == 0


def test_old_quotes_are_replaced_together() -> None:
    by = rules(order_refresh_time=50, max_order_age=20)
    assert tick(by, quoted(by), market(), RICH, 120).cancels == ()
    assert tick(by, quoted(by), market(), RICH, 121).cancels == ("b1", "s2")


def test_a_quote_that_has_come_too_near_is_cancelled_alone() -> None:
    exact = rules(minimum_spread="0.01", order_refresh_time=100)
    assert tick(exact, quoted(exact), market(), RICH, 101).cancels == ()
    assert keys(quoted(exact)) == ["b1", "s2"]
    by = rules(minimum_spread="0.005", order_refresh_time=100)
    near = tick(by, quoted(by), market("100.6"), RICH, 101)
    assert (near.cancels, near.creations) == (("s2",), ())


def test_an_end_that_is_long_waited_for_makes_no_quotes_be_replaced() -> None:
    """Neither by its age nor as one too many."""
    by = rules(order_refresh_tolerance_pct="0", max_order_age=60)
    stuck = LiveOrder("b9", Side.BUY, Decimal(90), ONE, 0, cancelled_at=10)
    state = State(orders=(stuck, *quoted(by).orders), create_at=110, cancel_at=110, ticked_at=100, numbered=2)
    decision = tick(by, state, market(), RICH, 110)
    assert (decision.cancels, decision.creations) == (("b9",), ())


HANGING: dict[str, Any] = {"hanging_orders_enabled": True, "filled_order_delay": 0}


def test_the_other_side_of_a_filled_quote_is_left_hanging() -> None:
    by = rules(order_levels=2, order_level_spread="0.01", **HANGING)
    state = quoted(by).filled(by, "b1", ONE)
    decision = tick(by, state, market(), RICH, 110)
    assert hanging(decision) == ["s3"]
    assert decision.cancels == ("b2", "s4")
    assert [new.key for new in decision.creations] == ["b5", "b6", "s7", "s8"]


def test_without_hanging_orders_none_is_left() -> None:
    by = rules(filled_order_delay=0)
    assert tick(by, quoted(by).filled(by, "b1", ONE), market(), RICH, 110).cancels == ("s2",)


def test_a_hanging_order_keeps_its_money() -> None:
    by = rules(**HANGING)
    money = Available(ONE, Decimal(198))
    state = quoted(by, available=money).filled(by, "b1", ONE)  # 2 of base now, one of them in the sell
    decision = tick(by, state, market(), Available(ONE, Decimal(99)), 110)
    assert [(new.side, new.size) for new in decision.creations] == [(Side.BUY, ONE), (Side.SELL, ONE)]
    poor = tick(by, state, market(), Available(Decimal(0), Decimal(99)), 110)
    assert [new.side for new in poor.creations] == [Side.BUY]


def _hung(by: Any = None, at: int = 100) -> State:
    by = by or rules(**HANGING)
    return tick(by, quoted(by, at=at).filled(by, "b1", ONE), market(), RICH, at + 10).state


def test_a_hanging_order_outlives_refreshes() -> None:
    by = rules(**HANGING)
    for now in (120, 130, 140):
        assert "s2" not in tick(by, _hung(), market(), RICH, now).cancels


@pytest.mark.parametrize(("mid", "gone"), [("91.82", False), ("91.81", True)])
def test_a_hanging_order_that_is_far_is_cancelled(mid: str, gone: bool) -> None:
    """101 is 9.998 % and 10.01 % from these."""
    assert ("s2" in tick(rules(**HANGING), _hung(), market(mid), RICH, 115).cancels) is gone


def test_a_hanging_order_as_far_as_may_be_stays() -> None:
    by = rules(hanging_orders_cancel_pct="0.01", **HANGING)
    assert tick(by, _hung(by), market(100), RICH, 115).cancels == ()


def test_hanging_orders_that_are_cancelled_are_waited_for() -> None:
    by = rules(**HANGING)
    decision = tick(by, _hung(), market(80), RICH, 120)
    assert decision.cancels == ("s2", "b3", "s4")
    assert decision.create_after_cancels


AGING: dict[str, Any] = {**HANGING, "max_order_age": 15, "order_refresh_time": 10}


def test_an_old_hanging_order_is_renewed_at_its_price() -> None:
    by = rules(**AGING)
    assert tick(by, _hung(by), market(), RICH, 115).renews == ()
    decision = tick(by, _hung(by), market(), RICH, 116)
    assert (decision.cancels, decision.creations) == (("s2",), ())
    assert [(new.key, new.renews, new.price, new.size) for new in decision.renews] == [("s5", "s2", Decimal(101), ONE)]
    after = decision.state.cancelled("s2")
    assert after.owed == ()
    assert [order.key for order in after.orders if order.standing is Standing.HANGING] == ["s5"]


def test_only_what_is_still_open_of_it_is_renewed() -> None:
    by = rules(**AGING)
    decision = tick(by, _hung(by).filled(by, "s2", Decimal("0.3")), market(), RICH, 116)
    assert [new.size for new in decision.renews] == [Decimal("0.7")]


@pytest.mark.parametrize("unplaced_first", [True, False])
def test_a_renewal_that_was_not_placed_is_owed(unplaced_first: bool) -> None:
    """And its money is no quote's until it is."""
    by = rules(**AGING)
    state = tick(by, _hung(by), market(), RICH, 116).state
    state = state.unplaced("s5").cancelled("s2") if unplaced_first else state.cancelled("s2").unplaced("s5")
    assert state.owed == (Owed(Side.SELL, Decimal(101), ONE, Decimal(0), "s2"),)
    later = tick(by, state, market(), Available(Decimal("1.5"), Decimal(500)), 121)
    assert [(new.key, new.renews) for new in later.renews] == [("s6", "s2")]
    assert later.state.owed == ()
    assert [new.size for new in later.creations if new.side is Side.SELL] == [ONE]
    poor = tick(by, state, market(), Available(ONE, Decimal(99)), 121)
    assert [new.size for new in poor.creations if new.side is Side.SELL] == [ONE]  # that of the quote it replaces
    assert sum(new.size for new in poor.renews) == ONE


def test_the_money_of_what_is_owed_is_no_quotes() -> None:
    by = rules(order_amount="5", **AGING)
    owed = (Owed(Side.SELL, Decimal(101), ONE, Decimal(0), "s8"), Owed(Side.BUY, Decimal(99), ONE, Decimal(0), "b9"))
    got = tick(by, State(owed=owed), market(), Available(Decimal(3), Decimal(297)), 100)
    assert [(new.renews, new.size) for new in got.renews] == [("s8", ONE), ("b9", ONE)]
    assert [(new.side, new.size) for new in got.creations] == [(Side.BUY, Decimal(2)), (Side.SELL, Decimal(2))]


def test_a_hanging_order_that_is_filled_while_it_is_renewed_is_not_owed() -> None:
    by = rules(**AGING)
    state = tick(by, _hung(by), market(), RICH, 116).state
    for after in (state.unplaced("s5").filled(by, "s2", ONE), state.filled(by, "s2", ONE).unplaced("s5")):
        assert after.owed == ()
        assert keys(after) == ["b3", "s4"]


def test_a_renewal_waits_for_its_cancel() -> None:
    """The cancel has no answer: it is asked again, and the successor comes when the old one is seen dead."""
    by = rules(**AGING)
    state = tick(by, _hung(by), market(), RICH, 116).state.unplaced("s5")
    again = tick(by, state, market(), RICH, 117)
    assert (again.cancels, again.renews) == (("s2",), ())
    assert again.state.cancelled("s2").owed == (Owed(Side.SELL, Decimal(101), ONE, Decimal(0), "s2"),)


@pytest.mark.parametrize(
    "there",
    [market(80), Market(Book([(Decimal("100.99"), ONE), (Decimal("100.98"), ONE)], [(Decimal("101.2"), ONE)]))],
)
def test_what_is_owed_is_placed_while_it_is_near_and_rests(there: Market) -> None:
    by = rules(**AGING)
    owing = State(owed=(Owed(Side.SELL, Decimal(101), ONE, Decimal(0), "s2"),), create_at=500, cancel_at=500)
    got = tick(by, owing, there, RICH, 120)
    assert len(got.renews) == (0 if got.reference == 80 else 1)
    assert got.state.owed == ()


@pytest.mark.parametrize("side", Side)
def test_what_is_owed_and_would_take_is_dropped(side: Side) -> None:
    there = Market(Book([(Decimal(101), ONE)], [(Decimal("101.5"), ONE)]))
    price = Decimal(101) if side is Side.SELL else Decimal("101.5")
    owing = State(owed=(Owed(side, price, ONE, Decimal(0), "x1"),), create_at=500, cancel_at=500)
    assert tick(rules(**AGING), owing, there, RICH, 120).renews == ()


def test_hanging_orders_beyond_the_bound_are_cancelled_as_quotes() -> None:
    by = rules(hanging_orders_max=0, **HANGING)
    assert tick(by, quoted(by).filled(by, "b1", ONE), market(), RICH, 110).cancels == ("s2",)


def test_a_quote_of_a_pair_that_is_gone_leaves_nothing_behind() -> None:
    by = rules(**HANGING)
    state = quoted(by).filled(by, "b1", ONE).cancelled("s2")
    assert hanging(tick(by, state, market(), RICH, 110)) == []


def test_a_price_that_is_not_known_creates_nothing_and_cancels_what_is_old() -> None:
    by = rules(order_refresh_time=100, max_order_age=20)
    decision = tick(by, quoted(by), Market(Book((), ())), RICH, 121)
    assert (decision.cancels, decision.creations, decision.lost) == (("b1", "s2"), (), "no_reference")


def test_rules_that_are_edited_take_effect_in_the_next_tick() -> None:
    state = quoted(rules())
    wider = tick(rules(bid_spread="0.05", order_levels=2), state, market(), RICH, 110)
    assert [new.price for new in wider.creations if new.side is Side.BUY] == [Decimal(95), Decimal(94)]


def test_live_orders_make_room_for_those_that_replace_them() -> None:
    money = Available(ONE, Decimal(99))
    state = quoted(rules(), available=money)
    decision = tick(rules(), state, market(), left(money, state), 110)
    assert [new.size for new in decision.creations] == [ONE, ONE]


def test_an_order_that_is_cancelled_is_no_quote() -> None:
    order = LiveOrder("b1", Side.BUY, ONE, ONE, 0)
    assert order.is_quoted
    assert not LiveOrder("b1", Side.BUY, ONE, ONE, 0, cancelled_at=5).is_quoted
    assert not LiveOrder("b1", Side.BUY, ONE, ONE, 0, standing=Standing.HANGING).is_quoted
