"""How quotes are filled on a tape."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest

from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    ExchangeWouldTake,
    MarketUnknown,
    Side,
    State,
)
from common.gateways.exchange.maker import ExchangeNotReplaced, Market, Quote
from sandbox.backtest.running import MARKET
from sandbox.backtest.tape import Flow, seeded
from tests.backtest.playing import best, bought, filled, paper, quoted, sold, tape


def test_a_print_meets_our_better_price_first_and_no_more_than_it_has() -> None:
    ours = paper(tape(sold(1000, "99.50", "1.5")))
    quoted(ours, Side.BUY, "99.60", "1", "further")
    quoted(ours, Side.BUY, "99.70", "1", "nearer")
    ours.pass_to(1000)
    assert filled(ours) == [("99.70", "1"), ("99.60", "0.5")]


def test_a_print_that_does_not_reach_our_price_is_not_ours() -> None:
    ours = paper(tape(sold(1000, "99.80", "9"), bought(2000, "100.20", "9")))
    quoted(ours, Side.BUY, "99.70", "1")
    quoted(ours, Side.SELL, "100.30", "1", "ask")
    ours.pass_to(2000)
    assert filled(ours) == []


def test_at_its_own_price_a_print_meets_first_who_was_there_before_us() -> None:
    ours = paper(tape(sold(1000, "99.90", "4"), sold(2000, "99.90", "1.5"), sold(3000, "99.90", "9")))
    quoted(ours, Side.BUY, "99.90", "1")  # behind 5
    ours.pass_to(1000)
    assert filled(ours) == []
    ours.pass_to(2000)
    assert filled(ours) == [("99.90", "0.5")]
    ours.pass_to(3000)
    assert filled(ours) == [("99.90", "0.5"), ("99.90", "0.5")]


def test_what_the_price_goes_through_is_filled_whole() -> None:
    ours = paper(tape(best(1000, "99.40", "99.60"), best(2000, "100.50", "100.70")))
    quoted(ours, Side.BUY, "99.60", "2")
    quoted(ours, Side.BUY, "99.50", "1", "below")
    quoted(ours, Side.SELL, "100.50", "3", "ask")
    ours.pass_to(2000)
    assert filled(ours) == [("99.60", "2"), ("100.50", "3")]


def test_the_fee_is_of_what_is_received() -> None:
    ours = paper(tape(sold(1000, "99", "1"), bought(2000, "101", "1")), fee=Decimal("0.01"))
    quoted(ours, Side.BUY, "99.50", "1")
    quoted(ours, Side.SELL, "100.50", "1", "ask")
    ours.pass_to(2000)
    assert [(one.trade.fee, one.trade.fee_asset) for one in ours.traded] == [
        (Decimal("0.01"), "BASE"),
        (Decimal("1.005"), "QUOTE"),
    ]
    assert (ours.base, ours.quote) == (Decimal("9.99"), Decimal("999.995"))


def test_an_order_may_only_rest_and_only_of_what_is_there() -> None:
    ours = paper(tape())
    with pytest.raises(ExchangeWouldTake):
        quoted(ours, Side.BUY, "100.10", "1")
    with pytest.raises(ExchangeWouldTake):
        quoted(ours, Side.SELL, "99.90", "1")
    quoted(ours, Side.SELL, "101", "6", "first")
    with pytest.raises(ExchangeRefused, match="not enough"):
        quoted(ours, Side.SELL, "102", "4.001", "second")
    with pytest.raises(ExchangeRefused, match="id is taken"):
        quoted(ours, Side.SELL, "103", "1", "first")
    with pytest.raises(MarketUnknown):
        ours.open_orders(Market("BTC", "USD"))


def test_what_happens_while_a_request_is_on_its_way_meets_the_old_order() -> None:
    ours = paper(tape(sold(1030, "99", "1")), latency=60)
    quoted(ours, Side.BUY, "99.50", "1")
    ours.pass_to(1000)
    ended = ours.cancel(MARKET, "ours")
    assert (ended.state, ended.executed) == (State.FULLY_EXECUTED, Decimal(1))


def test_only_an_order_that_nobody_has_traded_with_is_replaced() -> None:
    ours = paper(tape(sold(1000, "99", "0.4")))
    quoted(ours, Side.BUY, "99.50", "1")
    ours.replace(MARKET, "ours", Quote(Side.BUY, Decimal("99.40"), Decimal(1), "new"))
    assert ours.find(MARKET, "ours").state is State.CANCELED
    ours.pass_to(1000)
    with pytest.raises(ExchangeNotReplaced):
        ours.replace(MARKET, "new", Quote(Side.BUY, Decimal("99.30"), Decimal(1), "newer"))
    with pytest.raises(ExchangeOrderUnknown):
        ours.find(MARKET, "newer")


def test_a_lost_answer_is_of_what_was_done_or_of_what_was_not() -> None:
    ours = paper(tape(), lost=0.9)
    for number in range(40):  # some 12 are answered, 10 are placed without anybody hearing of it
        with suppress(ExchangeUnavailable):
            quoted(ours, Side.SELL, f"{101 + number}", "0.1", f"{number}")
    assert 10 < ours.open_count < 30


def test_time_counts_as_two_sided_while_both_sides_are_open() -> None:
    ours = paper(tape(sold(4000, "99", "1")))
    quoted(ours, Side.BUY, "99.50", "1")
    ours.pass_to(1000)
    quoted(ours, Side.SELL, "100.50", "1", "ask")
    ours.pass_to(9000)
    assert ours.two_sided == 3000


@pytest.mark.parametrize("seed", range(3))
def test_a_step_brings_what_its_events_bring_one_by_one(seed: int) -> None:
    """Where nothing of a span meets us it is passed over at once; fills are those of who looks at each event."""
    on = seeded(Flow(hours=0.3, seed=seed))
    at_once, one_by_one = paper(on, quote=Decimal(1_000_000)), paper(on, quote=Decimal(1_000_000))
    for at in range(on.began, on.ended, 10_000):
        for event in on.events:
            if at - 10_000 < event.at <= at:
                one_by_one.pass_to(event.at)
        one_by_one.pass_to(at)
        at_once.pass_to(at)
        assert (at_once.bid, at_once.ask, at_once.middle) == (one_by_one.bid, one_by_one.ask, one_by_one.middle)
        if at % 60_000 == 0:
            for on_paper in (at_once, one_by_one):
                quoted(on_paper, Side.BUY, f"{on_paper.bid - 10:.2f}", "0.01", f"b{at}")
                quoted(on_paper, Side.SELL, f"{on_paper.ask + 10:.2f}", "0.01", f"s{at}")
    assert len(at_once.traded) > 10
    assert at_once.traded == one_by_one.traded
    assert at_once.two_sided == one_by_one.two_sided
