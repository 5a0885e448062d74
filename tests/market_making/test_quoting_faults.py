"""What may go wrong while an order quotes, each by itself. Every tick is followed by a look at the books and the
exchange; whoever is wrong about money is seen there."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, NoReturn

import pytest

from common.gateways.exchange import ExchangeOrderUnknown, Side
from common.gateways.exchange.maker import (
    Book,
    ExchangeNotReplaced,
    Level,
    MakerOrder,
    Market,
    OwnTrade,
    Quote,
)
from functions.market_making import quotes_store
from functions.market_making.model import Status
from functions.market_making.quotes import REMEMBERED, Quotes, SlotState
from functions.market_making.risk import REFUSALS_MAX
from functions.market_making.service import ticking
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.faults import Fault, Faults, Operation
from sandbox.exchange.venue import BUY, HOUSE, SELL, Fees, Kind, Limits, TimeInForce
from tests.harness.faults import Crash
from tests.market_making.audit import live_until
from tests.market_making.market import ACCOUNT, BOB
from tests.market_making.market import Market as OurMarket
from tests.market_making.outside import check
from tests.market_making.test_ticking import Quoted

BTC = Market("BTC", "USDT")
TAKERS = "takers"


class Faulty(Quoted):
    """The exchange, with faults to order, and one method of it that a test may put itself before."""

    def __init__(self, market: OurMarket | None = None) -> None:
        super().__init__(market)
        self.faults = Faults()
        self.fake = FakeMaker(self.exchange.venue, ACCOUNT, self.faults, name="binance")
        self.market.maker = self.fake

    @property
    def quotes(self) -> Quotes:
        found = quotes_store.find(self.market.table, self.market.order().order_id)
        assert found is not None
        return found

    @property
    def states(self) -> list[SlotState]:
        return [slot.state for _, slot in sorted(self.quotes.slots.items())]

    @property
    def prices(self) -> list[tuple[str, Decimal]]:
        return sorted((order.side, order.price) for order in self.open)

    @property
    def lines(self) -> list[int]:
        """The ids of its trades."""
        booked = quotes_store.trades(self.market.table, self.market.order().order_id)
        return [line.trade_id for line in booked]

    def before(self, method: str, happens: Callable[[], object]) -> None:
        """Once: just before the exchange is asked by this method."""
        real, waiting = getattr(self.fake, method), [happens]

        def asked(*args: Any) -> Any:
            if waiting:
                waiting.pop()()
            return real(*args)

        setattr(self.fake, method, asked)

    def take(self, side: str, quantity: str = "0.005", price: str | None = None) -> None:
        """Somebody sells to us, or buys of us."""
        best = price or ("70000" if side == BUY else "50000")
        venue = self.exchange.venue
        venue.cancel_all(HOUSE, "BTCUSDT")
        venue.place(
            TAKERS,
            "BTCUSDT",
            side,
            Kind.LIMIT,
            quantity=Decimal(quantity),
            price=Decimal(best),
            time_in_force=TimeInForce.IOC,
        )

    def move(self, price: int) -> None:
        self.reference["BTCUSDT"] = Decimal(price)
        self.flow.step()


@pytest.fixture
def faulty() -> Faulty:
    faulty = Faulty()
    faulty.flow._chance.random = lambda: 1.0  # type: ignore[method-assign]  # nobody comes by but whom a test sends
    return faulty


def test_an_order_whose_answer_is_lost_is_placed_once(faulty: Faulty) -> None:
    faulty.faults.fail_next(Fault.DROP_AFTER, on=Operation.PLACE, times=2)
    faulty.ticks(1)
    assert (len(faulty.open), faulty.states) == (2, [SlotState.PENDING_CREATE] * 2)
    faulty.ticks(1)
    assert (len(faulty.open), faulty.states) == (2, [SlotState.OPEN] * 2)
    assert faulty.fake.calls["place"] == 2


def test_an_order_that_never_came_there_is_placed_again_after_a_minute(faulty: Faulty) -> None:
    faulty.faults.fail_next(Fault.TIMEOUT_BEFORE, on=Operation.PLACE, times=2)
    faulty.ticks(6)
    assert (faulty.open, faulty.states) == ([], [SlotState.PENDING_CREATE] * 2)
    faulty.ticks(3)
    assert len(faulty.open) == 2


def test_a_cancel_that_is_not_found_is_no_cancel(faulty: Faulty) -> None:
    """The order is there, or was filled: both are found out before anything new is placed."""
    faulty.ticks(2)
    faulty.take(BUY, "0.001")  # so that it is no single request
    faulty.move(60_300)
    faulty.faults.fail_next(Fault.REFUSE, on=Operation.CANCEL, times=1)
    faulty.ticks(1)
    assert len([order for order in faulty.open if order.side == SELL]) == 1
    faulty.ticks(3)
    assert faulty.prices == [("BUY", Decimal("60179.40")), ("SELL", Decimal("60420.60"))]


def test_what_is_filled_while_it_is_replaced_gets_no_successor(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.move(60_300)
    faulty.before("replace", lambda: faulty.take(BUY, "0.005", "60130"))
    faulty.ticks(1)
    sells = [order for order in faulty.open if order.side == SELL]
    assert not sells
    faulty.move(60_300)
    faulty.ticks(8)
    assert len(quotes_store.trades(faulty.market.table, faulty.market.order().order_id)) == 1
    assert len(faulty.open) == 2


def test_a_quote_that_would_take_is_left_out_and_comes_again(faulty: Faulty) -> None:
    """The market has moved between the look at it and the placement."""
    faulty.before("place", lambda: faulty.move(61_000))
    faulty.ticks(1, flow=False)
    assert (len(faulty.open), faulty.states) == (1, [SlotState.PENDING_CREATE])
    assert faulty.quotes.would_take == {Side.SELL: 1}
    faulty.ticks(3)
    assert (len(faulty.open), faulty.quotes.would_take) == (2, {})


def test_who_is_told_to_wait_changes_nothing(faulty: Faulty) -> None:
    faulty.ticks(2)
    before = faulty.quotes
    faulty.faults.fail_next(Fault.RATE_LIMIT, on="any", times=1)
    assert faulty.tick().failed == 1
    assert faulty.quotes == before
    faulty.market.clock.at += timedelta(seconds=10)
    assert faulty.tick().failed == 0


def test_beyond_the_limit_of_the_day_what_is_open_stays(faulty: Faulty) -> None:
    """One more placement would be half of a quote."""
    faulty.exchange.venue.set_limits(Limits(orders_per_day=3), ACCOUNT)
    faulty.ticks(2)
    before = faulty.prices
    faulty.move(60_300)
    faulty.ticks(8, flow=False)
    assert (len(faulty.open), faulty.prices) == (2, before)
    assert faulty.fake.calls["place"] + faulty.fake.calls["replace"] == 2
    faulty.market.clock.at += timedelta(seconds=1800)
    faulty.ticks(2, flow=False)
    assert not faulty.open  # so old it does not stay
    faulty.market.clock.at += timedelta(days=1)
    faulty.move(60_300)
    faulty.ticks(2, flow=False)
    assert len(faulty.open) == 2


def test_an_exchange_that_is_down_is_settled_with_first_afterwards(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.fake.down = True
    faulty.take(BUY, "0.02081")
    for _ in range(180):
        assert faulty.tick().failed == 1
        faulty.market.clock.at += timedelta(seconds=10)
    faulty.fake.down = False
    faulty.move(60_000)
    faulty.ticks(1)
    (trade,) = quotes_store.trades(faulty.market.table, faulty.market.order().order_id)
    assert (trade.side, trade.quantity) == (Side.SELL, Decimal("0.02081"))
    faulty.ticks(8)
    assert len(faulty.open) == 2


@pytest.mark.parametrize("side", ["bids", "asks", "both"])
def test_in_an_empty_book_nothing_new_is_placed(faulty: Faulty, side: str) -> None:
    book = Book(
        [] if side != "asks" else [Level(Decimal(59_000), Decimal(1))],
        [] if side != "bids" else [Level(Decimal(61_000), Decimal(1))],
    )
    faulty.ticks(2)
    placed = faulty.fake.calls["place"] + faulty.fake.calls["replace"]
    faulty.fake.book = lambda *_: book  # type: ignore[method-assign]
    faulty.ticks(7)
    assert (faulty.open, faulty.fake.calls["place"] + faulty.fake.calls["replace"]) == ([], placed)


def test_a_crossed_book_is_no_book(faulty: Faulty) -> None:
    """It is refused when it is read; after half a minute nothing is to be open."""
    faulty.ticks(2)
    level = Level(Decimal(60_000), Decimal(1))
    faulty.fake.book = lambda *_: Book([level], [level])  # type: ignore[method-assign]
    faulty.ticks(2)
    assert len(faulty.open) == 2
    faulty.ticks(3)
    assert not faulty.open


def test_what_was_asked_for_long_ago_places_nothing(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.move(60_300)
    before = faulty.prices
    faulty.before("book", lambda: faulty.market.clock.forward(seconds=9))
    faulty.ticks(1)
    assert faulty.prices == before


def test_a_price_that_jumps_takes_the_quotes_out_for_a_tick(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.move(63_000)
    faulty.ticks(1)
    assert not faulty.open
    faulty.ticks(7)  # the delay for the one that was filled
    assert len(faulty.open) == 2


def test_quotes_that_are_refused_in_a_row_pause_the_order(faulty: Faulty) -> None:
    faulty.faults.fail_next(Fault.REFUSE, on=Operation.PLACE, times=100)
    faulty.ticks(REFUSALS_MAX)
    order = faulty.market.order()
    assert (order.status, faulty.open) == (Status.PAUSED, [])
    assert order.reason == "the exchange has refused 6 quotes in a row"


def test_a_loss_pauses_the_order_and_cancels_it(faulty: Faulty) -> None:
    """Somebody trades with it at prices that the market has left long ago."""
    faulty.ticks(2)
    for price in range(61_500, 200_000, 1_500):
        faulty.take(BUY, "0.02081")
        faulty.move(price)
        faulty.ticks(1)
        if faulty.market.order().status is Status.PAUSED:
            break
    assert faulty.market.order().status is Status.PAUSED
    assert "lost" in (faulty.market.order().reason or "")
    faulty.ticks(2)
    assert not faulty.open


def test_a_trade_that_is_told_twice_is_booked_once(faulty: Faulty) -> None:
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    told = faulty.fake.trades_after(BTC, 0)
    faulty.fake.trades_after = lambda *_: told  # type: ignore[method-assign]
    faulty.move(60_000)
    faulty.ticks(4)
    assert len(quotes_store.trades(faulty.market.table, faulty.market.order().order_id)) == 1


@pytest.mark.parametrize("changed", [{"price": Decimal(50_000)}, {"quantity": Decimal(9)}, {"side": Side.BUY}])
def test_a_trade_that_can_not_be_is_not_booked_and_ends_all_quotes(faulty: Faulty, changed: dict[str, Any]) -> None:
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    (true,) = faulty.fake.trades_after(BTC, 0)
    lie = OwnTrade(**{**vars(true), **changed})
    faulty.fake.trades_after = lambda *_: [lie]  # type: ignore[method-assign]
    faulty.move(60_000)
    before = faulty.quotes
    assert faulty.tick().failed == 1
    assert (faulty.quotes.base, faulty.quotes.quote) == (before.base, before.quote)
    assert not faulty.open  # a person has to look first


def test_a_lie_ends_also_what_was_placed_just_before_it(faulty: Faulty) -> None:
    """No list has told of it yet: by its client order id it is its own."""
    faulty.ticks(1)
    faulty.take(BUY, "0.001")
    (true,) = faulty.fake.trades_after(BTC, 0)
    faulty.ticks(1)
    faulty.move(60_300)
    faulty.ticks(1)
    assert any(slot.coming is not None for slot in faulty.quotes.slots.values())
    (sell,) = [order for order in faulty.open if order.side == SELL]
    known = next(gone for gone in faulty.quotes.ended)
    told = {"trade_id": true.trade_id + 9, "exchange_order_id": known.exchange_order_id, "side": known.side}
    lie = OwnTrade(**{**vars(true), **told, "price": Decimal(1)})
    faulty.fake.trades_after = lambda *_: [lie]  # type: ignore[method-assign]
    assert sell.order_id in {order.order_id for order in faulty.open}
    assert faulty.tick().failed == 1
    assert not faulty.open


@pytest.mark.parametrize("seconds", [60, 120])
def test_an_order_that_is_said_not_to_exist_is_not_lost(faulty: Faulty, seconds: int) -> None:
    """For a minute it keeps its place. After that it is taken for gone; open all the same, it is cancelled, and what
    it has traded is its own."""
    faulty.ticks(2)
    sell = next(order for order in faulty.open if order.side == SELL)
    listing, finding = faulty.fake.open_orders, faulty.fake.find

    def unknown(*_: object) -> NoReturn:
        raise ExchangeOrderUnknown("there is no such order")

    faulty.fake.open_orders = lambda *_: []  # type: ignore[method-assign]
    faulty.fake.find = unknown  # type: ignore[assignment,method-assign]
    faulty.ticks(seconds // 10)
    assert (len(faulty.quotes.slots) == 2) is (seconds == 60)
    faulty.take(BUY, "0.005", str(sell.price))
    faulty.fake.open_orders, faulty.fake.find = listing, finding  # type: ignore[method-assign]
    faulty.ticks(3)
    (booked,) = quotes_store.trades(faulty.market.table, faulty.market.order().order_id)
    assert (booked.exchange_order_id, booked.quantity) == (str(sell.order_id), Decimal("0.005"))
    faulty.ticks(12)
    assert len(faulty.open) == len(faulty.quotes.slots) == 2
    if seconds == 120:
        assert sell.order_id not in {order.order_id for order in faulty.open}
    check(faulty.market)


def hide(faulty: Faulty, client_order_id: str) -> Callable[[], None]:
    """The exchange does not know it, until what is answered is called."""
    hidden = [client_order_id]
    fake: Any = faulty.fake
    listing, finding, cancelling, replacing = fake.open_orders, fake.find, fake.cancel, fake.replace

    def known(asked: str) -> str:
        if asked in hidden:
            raise ExchangeOrderUnknown("there is no such order")
        return asked

    def replaced(market: Market, asked: str, quote: Quote) -> str:
        if asked in hidden:
            raise ExchangeNotReplaced("there is no such order", ours=False)
        return str(replacing(market, asked, quote))

    def listed(market: Market) -> list[MakerOrder]:
        return [order for order in listing(market) if order.client_order_id not in hidden]

    fake.open_orders, fake.replace = listed, replaced
    fake.find = lambda market, asked: finding(market, known(asked))
    fake.cancel = lambda market, asked: cancelling(market, known(asked))
    return hidden.clear


def test_a_trade_that_the_cursor_has_passed_is_found_by_its_order(faulty: Faulty) -> None:
    """Its order was given up and forgotten, and somebody has bought of it; later trades are looked at. Then it is
    there again."""
    faulty.ticks(2)
    sell = next(order for order in faulty.open if order.side == SELL)
    show = hide(faulty, sell.client_order_id)
    for _ in range(17):
        faulty.tick()
        faulty.market.clock.at += timedelta(seconds=10)
    nearer = sum(order.quantity for order in faulty.open if order.side == SELL and order.price < sell.price)
    faulty.take(BUY, str(nearer + Decimal("0.005")))
    faulty.take(SELL, "0.001")
    faulty.move(60_000)
    faulty.tick()
    trades = faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    (passed,) = [trade.trade_id for trade in trades if trade.order_id == sell.order_id]
    known = [trade.trade_id for trade in trades if trade.trade_id != passed]
    assert (faulty.lines, faulty.quotes.cursor) == (known, known[-1])
    assert passed < known[-1]
    show()
    faulty.market.clock.at += timedelta(seconds=10)
    faulty.ticks(4)
    assert faulty.lines == [trade.trade_id for trade in trades]
    assert not faulty.quotes.untold
    check(faulty.market)


def untold(faulty: Faulty) -> OwnTrade:
    """Somebody has bought of an order that was cancelled then, and no list tells of it."""
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    (true,) = faulty.fake.trades_after(BTC, 0)
    faulty.fake.trades_after = lambda *_: []  # type: ignore[method-assign]
    faulty.move(60_300)
    return true


def test_a_trade_in_no_list_is_found_by_its_order_and_booked_once(faulty: Faulty) -> None:
    """Also when the list tells of it after all."""
    real = faulty.fake.trades_after
    true = untold(faulty)
    faulty.ticks(1)
    assert faulty.lines == []
    faulty.ticks(3)
    assert faulty.lines == [true.trade_id]
    faulty.fake.trades_after = real  # type: ignore[method-assign]
    assert faulty.tick().failed == 0
    faulty.ticks(2)
    assert (faulty.lines, faulty.quotes.cursor) == ([true.trade_id], true.trade_id)


@pytest.mark.parametrize(
    "changed", [{"price": Decimal(1)}, {"quantity": Decimal(9)}, {"side": Side.BUY}, {"exchange_order_id": "7"}]
)
def test_a_trade_of_an_order_that_can_not_be_is_not_booked(faulty: Faulty, changed: dict[str, Any]) -> None:
    true = untold(faulty)
    faulty.fake.trades_of = lambda *_: [replace(true, **changed)]  # type: ignore[method-assign]
    for _ in range(4):
        ticked = faulty.tick()
        faulty.market.clock.at += timedelta(seconds=10)
    assert (ticked.failed, faulty.lines, faulty.open) == (1, [], [])


def test_no_more_of_an_order_is_booked_than_is_executed(faulty: Faulty) -> None:
    true = untold(faulty)
    more = [replace(true, trade_id=true.trade_id + number) for number in range(3)]
    faulty.fake.trades_of = lambda *_: more  # type: ignore[method-assign]
    for _ in range(6):
        faulty.tick()
        faulty.market.clock.at += timedelta(seconds=10)
    assert faulty.lines == [true.trade_id]


def test_an_exchange_that_tells_all_in_time_is_not_asked_by_order(faulty: Faulty) -> None:
    faulty.ticks(2)
    for price in (60_300, 60_000, 60_300):
        faulty.take(BUY, "0.001")
        faulty.move(price)
        faulty.ticks(2)
    assert faulty.lines
    assert faulty.fake.calls["trades_of"] == 0


def test_a_trade_is_booked_that_is_told_after_its_order_had_none(faulty: Faulty) -> None:
    """Cancelled, and nothing executed; a cycle later the trade is told."""
    faulty.ticks(2)
    sell = next(order for order in faulty.open if order.side == SELL)
    faulty.move(60_300)
    faulty.ticks(3)
    assert sell.order_id not in {order.order_id for order in faulty.open}
    before, venue = faulty.quotes.base, faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    worth = Decimal("0.001") * sell.price
    at = faulty.market.clock.at
    late = OwnTrade(
        len(venue) + 1, str(sell.order_id), Side.SELL, sell.price, Decimal("0.001"), worth, Decimal(0), "USDT", True, at
    )
    faulty.fake.trades_after = lambda *asked: [late][asked[1] // late.trade_id :]  # type: ignore[method-assign]
    assert faulty.tick().failed == 0
    assert faulty.quotes.base == before - Decimal("0.001")


def test_that_something_may_be_forgotten_costs_no_write(faulty: Faulty) -> None:
    """While quotes are open: without them, the account's trades would be asked for for ever."""
    faulty.ticks(2)
    faulty.move(60_300)
    faulty.ticks(3, flow=False)
    (before, ended), at = (faulty.quotes.cycle, faulty.quotes.ended), faulty.market.clock.at
    assert ended
    faulty.ticks(9, flow=False)
    assert (faulty.quotes.cycle, faulty.quotes.ended) == (before, ended)
    assert faulty.market.clock.at > at + REMEMBERED
    faulty.market.steering.pause(faulty.market.order().order_id)
    faulty.ticks(9, flow=False)
    assert not faulty.quotes.is_out


def test_an_answer_about_another_order_ends_all_quotes(faulty: Faulty) -> None:
    """It has our name, and is ten times as large: what it executes could never be settled."""
    faulty.ticks(2)
    listing = faulty.fake.open_orders
    tenfold = lambda order: replace(order, quantity=order.quantity * 10)  # noqa: E731
    faulty.fake.open_orders = lambda market: list(map(tenfold, listing(market)))  # type: ignore[method-assign]
    assert faulty.tick().failed == 1
    assert not faulty.open


def test_a_fee_in_a_third_coin_is_the_accounts(faulty: Faulty) -> None:
    venue = faulty.exchange.venue
    venue.deposit(ACCOUNT, "BNB", Decimal(1))
    venue.set_fees(Fees(Decimal(10), Decimal(8), "BNB", Decimal(600)), ACCOUNT)
    faulty.ticks(2)
    base = faulty.quotes.base
    faulty.take(BUY, "0.001")
    faulty.tick()
    assert faulty.quotes.base == base - Decimal("0.001")
    assert faulty.quotes.fees_elsewhere.keys() == {"BNB"}


def test_a_process_that_dies_after_its_intents_is_followed_by_one_that_looks(faulty: Faulty) -> None:
    def dies() -> None:
        raise Crash("out of memory")

    faulty.before("place", dies)
    with pytest.raises(Crash):
        faulty.tick()
    check(faulty.market)
    assert (faulty.market.order().status, faulty.open) == (Status.RUNNING, [])
    faulty.market.clock.at += timedelta(seconds=10)
    faulty.ticks(5)
    assert not faulty.open
    faulty.ticks(3)
    assert len(faulty.open) == 2


def test_of_two_tickers_one_does_nothing(faulty: Faulty) -> None:
    """The other one has written its intents just before."""
    faulty.ticks(2)
    faulty.move(60_300)

    def other() -> None:
        faulty.market.clock.at += timedelta(milliseconds=1)
        faulty.tick()

    placed = faulty.fake.calls["replace"]
    faulty.before("open_orders", other)
    assert faulty.tick().failed == 1
    assert faulty.fake.calls["replace"] == placed + 2
    check(faulty.market)


def test_an_order_that_is_stopped_during_its_cycle_places_nothing_more(faulty: Faulty) -> None:
    """Its quotes are closed after the ticker has read them."""
    faulty.ticks(2)
    faulty.move(60_300)
    order_id = faulty.market.order().order_id

    def stopped() -> None:
        faulty.market.quoting.stop(order_id)
        faulty.market.machine.run()

    faulty.before("trades_after", stopped)
    faulty.ticks(1)
    live_until(faulty.market, Status.STOPPED, minutes=3)
    assert not faulty.open


def test_what_has_too_little_for_any_order_has_none(faulty: Faulty) -> None:
    """The smallest order is worth 5 USDT."""
    faulty.ticks(2)
    for _ in range(40):
        faulty.take(BUY, "0.02081")
        faulty.move(60_000)
        faulty.ticks(1)
    assert faulty.quotes.base < Decimal("0.0001")
    faulty.ticks(8)
    assert {order.side for order in faulty.open} == {BUY}


def test_orders_of_others_at_the_account_are_not_touched(faulty: Faulty) -> None:
    faulty.exchange.venue.deposit(ACCOUNT, "USDT", Decimal(100))
    theirs = Quote(Side.BUY, Decimal(50_000), Decimal("0.001"), "somebody-elses")
    faulty.fake.place(BTC, theirs)
    for _ in range(3):
        faulty.tick()
        faulty.market.clock.at += timedelta(seconds=10)
        faulty.move(60_300)
    faulty.market.quoting.stop(faulty.market.order().order_id)
    for _ in range(30):
        faulty.market.machine.run()
        faulty.market.clock.at += timedelta(seconds=5)
    left: Sequence[MakerOrder] = faulty.fake.open_orders(BTC)
    assert [order.client_order_id for order in left] == ["somebody-elses"]
    assert faulty.market.order().status is Status.STOPPED


def test_what_is_stopped_with_a_lie_is_cancelled_and_waits(faulty: Faulty) -> None:
    """Nothing is open, and it is not stopped: what it has is not known."""
    faulty.ticks(2)
    faulty.take(BUY, "0.001")
    (true,) = faulty.fake.trades_after(BTC, 0)
    faulty.fake.trades_after = lambda *_: [OwnTrade(**{**vars(true), "quantity": Decimal(9)})]  # type: ignore[method-assign]
    faulty.market.quoting.stop(faulty.market.order().order_id)
    faulty.market.run(3)
    assert (faulty.market.order().status, faulty.open) == (Status.STOPPING, [])


@pytest.mark.parametrize("whose", ["of one that is stopping", "nobody's"])
def test_a_trade_of_nobodys_is_told_and_none_of_one_that_is_stopping(
    faulty: Faulty, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    """Who is stopped books his own; the ticker of his neighbour sees them, too."""
    market, counted, neighbour = faulty.market, Counter[str](), uuid.UUID(int=7, version=4)
    market.fund_all(BOB, neighbour)
    market.run(6, lambda: market.has_order(neighbour) and market.order(neighbour).status is Status.CREATED)
    monkeypatch.setattr(ticking, "count", lambda name, *_: counted.update([name]))
    faulty.ticks(2)
    assert len(faulty.open) == 4
    market.quoting.stop(market.order().order_id)
    if whose == "nobody's":
        faulty.fake.place(BTC, Quote(Side.SELL, Decimal(60_100), Decimal("0.001"), "somebody-elses"))
        faulty.take(BUY, "0.001", "60100")
    else:
        theirs = faulty.quotes.exchange_order_ids
        faulty.take(BUY, "0.04", "60120")
        assert {str(t.order_id) for t in faulty.exchange.venue.trades(ACCOUNT, "BTCUSDT")} & theirs
    faulty.move(60_000)
    faulty.tick()
    assert counted["StrayTrades"] == (1 if whose == "nobody's" else 0)
