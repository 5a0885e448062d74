"""What the custody has is what is booked, at every stage of an order's life; and what is off is found."""

from decimal import Decimal

import pytest

from common.domain.custody.model import INPUTS_MAX
from functions.market_making.model import Status
from tests.market_making.market import ANN, BOB, BTC, ETH, US, USDT, Market


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    market.poll()
    return market


def test_nothing_is_off_at_any_stage_of_a_life(market: Market) -> None:
    """Looked at every five seconds: paid, sent, credited, stopped, home again, with refunds beside it."""
    seen: set[Status] = set()

    def look() -> bool:
        compared = market.comparing.compare()
        assert not compared.differences, compared
        if market.has_order():
            seen.add(market.order().status)
        return False

    market.fund_all()
    market.pay(BOB, ETH, "3", b"hello")
    market.run(6, until=look)
    market.quoting.withdraw(market.order().order_id)
    market.run(10, until=look)
    assert market.order().status is Status.RETURNED
    assert {Status.WITHDRAWING, Status.CREATED, Status.RETURNING} <= seen
    assert market.comparing.compare().there[USDT] == Decimal(5), "the desk's fee"


def test_a_refused_leg_is_off_at_no_time(market: Market) -> None:
    def look() -> bool:
        assert not market.comparing.compare().differences
        return False

    market.fund_all()
    market.custody.refuse_next()
    market.run(8, until=look)
    assert market.order().status is Status.FAILED
    assert not market.comparing.compare().moving


@pytest.mark.parametrize("units", [1, 10**8])
def test_an_output_that_nobody_has_booked_is_found(market: Market, units: int) -> None:
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    market.safe.timeline.late_next(3600, 1)
    market.safe.pay(BOB, US, BTC, units, b"")
    (off,) = market.comparing.compare().differences
    assert off.there.amount - off.booked.amount == Decimal(units) / 10**8


def test_what_is_gone_without_a_word_is_found(market: Market) -> None:
    market.pay(ANN, BTC, "0.5", b"Refund: what we had sent")
    market.poll()
    assert not market.comparing.compare().differences
    market.steal(BTC)
    (off,) = market.comparing.compare().differences
    assert (off.there.amount, off.booked.amount) == (Decimal(0), Decimal("0.5"))
    assert str(off).startswith("the custody has 0 ")


def test_what_moves_between_two_looks_is_not_off(market: Market) -> None:
    """A difference counts that is there at a second look."""
    market.pay(ANN, BTC, "0.5", b"hello")
    market.poll()
    late = market.pay(BOB, BTC, "0.25", b"hello")
    compared = market.comparing.compare()
    assert not compared.differences
    assert late.units


def test_merged_outputs_are_what_they_were(market: Market) -> None:
    for _ in range(INPUTS_MAX + 5):
        market.fund(ANN, BTC, "0.001")
    market.poll()
    market.run(5)
    assert not market.comparing.compare().differences
