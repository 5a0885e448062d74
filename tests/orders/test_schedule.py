"""What the clock does: prices, fills and expiry, however the round is disturbed."""

import pytest

from common import clock
from common.domain.catalogue.model import PriceUnavailable, Quote
from common.gateways import configured
from common.log import metrics
from common.money import Price
from functions.orders import schedule
from functions.orders.model import Order, Status
from functions.orders.service.book import Book
from sandbox.prices.oracle import Oracle
from tests.desk import Desk
from tests.harness.invocation import Invocation


@pytest.fixture
def oracle(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Oracle:
    """The schedule's door opened onto the desk of the test and a market that the test moves."""
    found = Oracle(desk.clock, seed=1, ids={"BTC": "btc", "AAA": "aaa"})
    found.set_price("btc", "100")
    monkeypatch.setattr(schedule, "catalogue", lambda: desk.catalogue)
    monkeypatch.setattr(schedule, "book", lambda: desk.book)
    monkeypatch.setattr(configured, "prices", lambda _: found)
    monkeypatch.setattr(configured, "tickers", lambda: desk.world.exchange)
    monkeypatch.setattr(clock, "now", desk.clock)
    return found


def test_a_round_takes_the_new_price_and_fills_what_it_crosses(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    desk.clock.forward(minutes=1)
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 1, "filled": 0}
    oracle.set_price("btc", "89.123456789")
    desk.clock.forward(minutes=1)
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 1, "filled": 0}  # the price does not count yet
    desk.clock.forward(seconds=6)
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 1, "filled": 1}
    assert desk.orders.order(ann, order.order_id).price_per_unit == Price("89.123456789")


def test_a_price_that_stops_trading_soon_tells_how_soon(
    desk: Desk, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the age that its asset allows, 120 seconds; while it is told orders are placed still, and not after."""
    told: list[float] = []
    monkeypatch.setattr(
        metrics, "add_metric", lambda *, name, value, **_: told.append(value) if "Left" in name else None
    )
    ann = desk.customer()
    desk.mark("BTC", "100")
    desk.clock.forward(seconds=100)
    oracle.fail_next("500")
    schedule.tend_market({}, Invocation(55))
    assert 19 < told[-1] < 20
    desk.buy(ann, "1")
    desk.clock.forward(seconds=20)
    oracle.fail_next("500")
    schedule.tend_market({}, Invocation(55))
    assert told[-1] == 0
    with pytest.raises(PriceUnavailable):
        desk.buy(ann, "1")


@pytest.mark.parametrize("fault", ["429", "500", "timeout", "garbage", "drop"])
def test_a_source_that_does_not_answer_leaves_the_prices_and_the_orders(desk: Desk, oracle: Oracle, fault: str) -> None:
    ann = desk.customer()
    desk.buy(ann, "1", order_price="110")  # the market has crossed it already
    oracle.fail_next(fault)
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 0, "filled": 1}


def test_an_old_price_fills_nothing(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="110")
    desk.clock.forward(minutes=5)
    oracle.fail_next("500")
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 0, "filled": 0}
    assert desk.orders.order(ann, order.order_id).status is Status.PENDING


def test_a_source_whose_time_goes_back_does_not_bring_the_old_price_back(desk: Desk, oracle: Oracle) -> None:
    desk.clock.forward(minutes=1)
    schedule.tend_market({}, Invocation(55))
    desk.clock.forward(minutes=1)
    oracle.set_price("btc", "99", age_seconds=100)
    assert schedule.tend_market({}, Invocation(55)) == {"marked": 0, "filled": 0}
    assert desk.catalogue.listing("BTC").quote is not None
    assert str(desk.catalogue.listing("BTC").quote.price) == "100"  # type: ignore[union-attr]


def test_a_round_without_time_left_fills_nothing_and_the_next_one_does(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    desk.buy(ann, "1", order_price="110")
    assert schedule.tend_market({}, Invocation(14.999))["filled"] == 0
    assert schedule.tend_market({}, Invocation(55))["filled"] == 1


def test_what_is_past_its_time_is_cancelled_by_the_clock(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    desk.clock.forward(days=31)
    assert schedule.expire_orders({}, Invocation(55)) == {"expired": 1}
    assert desk.orders.order(ann, order.order_id).status is Status.CANCELLED


def test_one_broken_order_does_not_stand_in_the_way_of_the_others(
    desk: Desk, oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = desk.customer()
    broken, sound = (desk.buy(ann, "1", order_price="110") for _ in range(2))
    fill = Book.fill

    def breaks(self: Book, order: Order, quote: Quote) -> None:
        if order.order_id == broken.order_id:
            raise ZeroDivisionError
        fill(self, order, quote)

    monkeypatch.setattr(Book, "fill", breaks)
    assert schedule.tend_market({}, Invocation(55))["filled"] == 1
    assert desk.orders.order(ann, sound.order_id).status is Status.COMPLETED
