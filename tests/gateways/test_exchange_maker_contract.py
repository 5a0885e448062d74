"""What the port `Maker` promises, asked of the fake in process and of the real adapter over its real wire.

To ask another adapter: a function like `_binance` below, and its name among `WORLDS`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
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
    client_order_id,
)
from common.gateways.exchange.binance_maker import BinanceMaker, way_to
from common.gateways.exchange.maker import (
    Balance,
    ExchangeNotReplaced,
    Level,
    Maker,
    MakerOrder,
    Market,
    MarketLimits,
    OwnTrade,
    Quote,
)
from common.gateways.gate import Ban, gated
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.fake_maker import FakeMaker
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults
from sandbox.exchange.venue import BUY, SELL, Kind, Limits, Symbol, Venue
from sandbox.serving import serve
from tests.desk import Desk
from tests.harness.clock import VirtualClock

MAKER, OTHERS = "maker", "others"
BTC_USDT, NOWHERE = Market("BTC", "USDT"), Market("XYZ", "USDT")
OLD, NEW = client_order_id("old"), client_order_id("new")
TRADES_PAGE = 3


@dataclass
class World:
    """skew: how far the maker's clock is ahead of the exchange's."""

    venue: Venue
    faults: Faults
    clock: VirtualClock
    maker: Maker
    skew: timedelta = timedelta()

    def quote(self, side: Side, price: str, quantity: str = "1", name: str = OLD) -> str:
        return self.maker.place(BTC_USDT, Quote(side, Decimal(price), Decimal(quantity), name))

    def replace(self, side: Side, price: str, quantity: str = "1", old: str = OLD, name: str = NEW) -> str:
        return self.maker.replace(BTC_USDT, old, Quote(side, Decimal(price), Decimal(quantity), name))

    def find(self, name: str = OLD) -> MakerOrder:
        return self.maker.find(BTC_USDT, name)

    def others(self, side: str, quantity: str, price: str) -> None:
        """An order of somebody else."""
        self.venue.place(OTHERS, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))

    @property
    def names(self) -> list[str]:
        """Of the account's open orders, as the venue has them."""
        return [order.client_order_id for order in self.venue.open_orders(MAKER)]


@contextmanager
def _fake(venue: Venue, faults: Faults, clock: VirtualClock) -> Iterator[World]:
    yield World(venue, faults, clock, FakeMaker(venue, MAKER, faults, trades_page=TRADES_PAGE))


@contextmanager
def _binance(venue: Venue, faults: Faults, clock: VirtualClock) -> Iterator[World]:
    key = Credential(MAKER, "key", "secret")
    with serve(BinanceFace(venue, [key], faults, clock.now).decide, name="binance") as face:
        maker = BinanceMaker(
            way_to(face.url),
            api_key=key.api_key,
            secret=key.secret,
            clock=lambda: clock.now() + made.skew,
            trades_page=TRADES_PAGE,
        )
        made = World(venue, faults, clock, maker)
        yield made


WORLDS: dict[str, Callable[[Venue, Faults, VirtualClock], AbstractContextManager[World]]] = {
    "fake": _fake,
    "binance": _binance,
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    clock = VirtualClock()
    venue = Venue(clock.now)
    step = Decimal("0.00001")
    venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(5), 1))
    for account in (MAKER, OTHERS):
        venue.open_account(account, {"USDT": Decimal(100_000), "BTC": Decimal(100), "ETH": Decimal(0)})
    with WORLDS[request.param](venue, Faults(), clock) as made:
        yield made


def only(world: World, name: str) -> None:
    """It is the account's only order."""
    assert world.names == [name]


# What a market is like


def test_a_maker_has_the_name_of_its_exchange(world: World) -> None:
    assert world.maker.name


def test_the_limits_are_those_of_the_market_and_the_account(world: World) -> None:
    world.venue.set_limits(Limits(orders_per_10_seconds=7, orders_per_day=70), MAKER)
    step = Decimal("0.00001")
    assert world.maker.limits(BTC_USDT) == MarketLimits(Decimal("0.01"), step, step, Decimal(5), 200, 7, 70, 6000)


def test_the_book_is_told_best_first_and_exact(world: World) -> None:
    world.others(BUY, "0.1", "99.9")
    world.others(BUY, "2", "99.99")
    world.quote(Side.SELL, "100.01", "0.12345")
    book = world.maker.book(BTC_USDT, 5)
    assert list(book.bids) == [Level(Decimal("99.99"), Decimal(2)), Level(Decimal("99.9"), Decimal("0.1"))]
    assert list(book.asks) == [Level(Decimal("100.01"), Decimal("0.12345"))], "our own orders are in it"
    assert len(world.maker.book(BTC_USDT, 1).bids) == 1


def test_a_book_that_nobody_is_in_is_empty(world: World) -> None:
    book = world.maker.book(BTC_USDT, 100)
    assert (list(book.bids), list(book.asks)) == ([], [])


@pytest.mark.parametrize("levels", [0, 101])
def test_a_book_has_from_one_to_a_hundred_levels(world: World, levels: int) -> None:
    with pytest.raises(ValueError, match="levels"):
        world.maker.book(BTC_USDT, levels)


def test_a_market_that_is_not_there_is_unknown(world: World) -> None:
    quote = Quote(Side.BUY, Decimal(100), Decimal(1), OLD)
    for ask in (
        lambda: world.maker.limits(NOWHERE),
        lambda: world.maker.book(NOWHERE, 5),
        lambda: world.maker.open_orders(NOWHERE),
        lambda: world.maker.trades_after(NOWHERE, 0),
        lambda: world.maker.trades_of(NOWHERE, "1", 0),
        lambda: world.maker.place(NOWHERE, quote),
        lambda: world.maker.replace(NOWHERE, NEW, quote),
    ):
        with pytest.raises(MarketUnknown):
            ask()


def test_of_an_order_in_a_market_that_is_gone_nothing_is_concluded(world: World) -> None:
    for ask in (world.maker.find, world.maker.cancel):
        with pytest.raises(ExchangeUnavailable):
            ask(NOWHERE, OLD)


# Placing


@pytest.mark.parametrize("side", Side)
def test_an_order_that_is_placed_rests(world: World, side: Side) -> None:
    exchange_order_id = world.quote(side, "100.01", "0.12345")
    rests = MakerOrder(exchange_order_id, OLD, side, Decimal("100.01"), Decimal("0.12345"), Decimal(0), State.WORKING)
    assert list(world.maker.open_orders(BTC_USDT)) == [rests]
    assert world.find() == rests
    (there,) = world.venue.open_orders(MAKER)
    assert there.kind is Kind.LIMIT_MAKER


def test_open_orders_are_all_of_the_account_and_no_others(world: World) -> None:
    """Also of those who ask by another way, and under another name."""
    world.others(SELL, "1", "120")
    world.quote(Side.SELL, "110")
    world.venue.place(
        MAKER, "BTCUSDT", SELL, Kind.LIMIT, quantity=Decimal(1), price=Decimal(111), client_order_id="by.hand"
    )
    assert [order.client_order_id for order in world.maker.open_orders(BTC_USDT)] == [OLD, "by.hand"]


def test_an_order_that_would_take_is_refused_for_good(world: World) -> None:
    world.others(SELL, "1", "100")
    with pytest.raises(ExchangeWouldTake) as refusal:
        world.quote(Side.BUY, "100")
    assert refusal.value.ours is False
    with pytest.raises(ExchangeOrderUnknown):
        world.find()
    assert world.maker.trades_after(BTC_USDT, 0) == []


@pytest.mark.parametrize(
    ("price", "quantity", "ours"), [("100", "0.01", False), ("100.001", "1", False), ("100", "2000", True)]
)
def test_what_the_exchange_does_not_take_is_refused_for_good(
    world: World, price: str, quantity: str, ours: bool
) -> None:
    """Too small, off the grid, beyond what the account has: the last one is the account's trouble."""
    with pytest.raises(ExchangeRefused) as refusal:
        world.quote(Side.BUY, price, quantity)
    assert refusal.value.ours is ours
    assert not isinstance(refusal.value, ExchangeWouldTake)
    assert world.names == []


def test_one_open_order_too_many_is_the_accounts_trouble(world: World) -> None:
    world.venue.set_limits(Limits(open_orders_per_symbol=1), MAKER)
    world.quote(Side.BUY, "100")
    with pytest.raises(ExchangeRefused) as refusal:
        world.quote(Side.BUY, "100", name=NEW)
    assert refusal.value.ours
    only(world, OLD)


def test_in_a_market_that_is_closed_nothing_is_placed(world: World) -> None:
    world.quote(Side.BUY, "100")
    world.venue.maintenance = True
    with pytest.raises(MarketUnknown):
        world.quote(Side.BUY, "100", name=NEW)
    with pytest.raises(MarketUnknown):
        world.replace(Side.BUY, "101")
    only(world, OLD)


def test_a_name_that_is_open_already_is_no_refusal(world: World) -> None:
    """There is an order of it."""
    world.quote(Side.BUY, "100")
    with pytest.raises(ExchangeUnavailable) as told:
        world.quote(Side.BUY, "101")
    assert told.value.facts["what"] == "duplicate"
    only(world, OLD)


# Cancelling


def test_an_order_that_is_cancelled_tells_how_it_ended(world: World) -> None:
    world.quote(Side.SELL, "100")
    world.others(BUY, "0.4", "100")
    ended = world.maker.cancel(BTC_USDT, OLD)
    assert (ended.state, ended.executed, ended.over) == (State.CANCELED, Decimal("0.4"), True)
    assert world.find() == ended
    assert world.names == []


def test_an_order_that_was_over_stays_as_it_is(world: World) -> None:
    world.quote(Side.SELL, "100")
    world.others(BUY, "1", "100")
    ended = world.maker.cancel(BTC_USDT, OLD)
    assert (ended.state, ended.executed) == (State.FULLY_EXECUTED, Decimal(1))
    world.quote(Side.SELL, "101", name=NEW)
    cancelled = world.maker.cancel(BTC_USDT, NEW)
    assert world.maker.cancel(BTC_USDT, NEW) == cancelled


def test_an_order_that_is_not_there_is_unknown(world: World) -> None:
    """Somebody else's is not there."""
    world.venue.place(OTHERS, "BTCUSDT", SELL, Kind.LIMIT, quantity=Decimal(1), price=Decimal(100), client_order_id=OLD)
    for ask in (world.maker.find, world.maker.cancel):
        with pytest.raises(ExchangeOrderUnknown):
            ask(BTC_USDT, OLD)
    assert len(world.venue.open_orders(OTHERS)) == 1


# Replacing


def test_a_replacement_ends_one_order_and_places_another(world: World) -> None:
    world.quote(Side.SELL, "100")
    exchange_order_id = world.replace(Side.SELL, "101", "2")
    assert world.find().state is State.CANCELED
    new = world.find(NEW)
    assert (new.exchange_order_id, new.price, new.quantity) == (exchange_order_id, Decimal(101), Decimal(2))
    only(world, NEW)


def test_a_replacement_may_use_what_the_old_order_had_locked(world: World) -> None:
    world.quote(Side.SELL, "100", "100")
    world.replace(Side.SELL, "101", "100")
    only(world, NEW)


def test_an_order_that_somebody_traded_with_is_not_replaced(world: World) -> None:
    """Else more would rest than was meant to: the caller looks at what was executed first."""
    world.quote(Side.SELL, "100")
    world.others(BUY, "0.4", "100")
    with pytest.raises(ExchangeNotReplaced):
        world.replace(Side.SELL, "101")
    only(world, OLD)
    assert world.find().executed == Decimal("0.4")


@pytest.mark.parametrize("over", [False, True])
def test_an_order_that_is_over_or_unknown_is_not_replaced(world: World, over: bool) -> None:
    if over:
        world.quote(Side.SELL, "100")
        world.maker.cancel(BTC_USDT, OLD)
    with pytest.raises(ExchangeNotReplaced):
        world.replace(Side.SELL, "101")
    assert world.names == []


@pytest.mark.parametrize(("price", "quantity"), [("100", "0.01"), ("100.001", "1")])
def test_an_order_keeps_its_place_when_its_successor_is_unfit(world: World, price: str, quantity: str) -> None:
    world.quote(Side.SELL, "100")
    with pytest.raises(ExchangeNotReplaced):
        world.replace(Side.SELL, price, quantity)
    only(world, OLD)


def test_an_order_has_ended_when_its_successor_would_take(world: World) -> None:
    world.others(BUY, "1", "99")
    world.quote(Side.SELL, "100")
    with pytest.raises(ExchangeWouldTake):
        world.replace(Side.SELL, "99")
    assert world.names == []
    assert world.find().state is State.CANCELED
    with pytest.raises(ExchangeOrderUnknown):
        world.find(NEW)


def test_an_order_has_ended_when_there_are_no_funds_for_its_successor(world: World) -> None:
    world.quote(Side.SELL, "100")
    with pytest.raises(ExchangeRefused) as refusal:
        world.replace(Side.SELL, "101", "101")
    assert refusal.value.ours
    assert not isinstance(refusal.value, ExchangeNotReplaced)
    assert world.names == []


# Trades and balances


def test_trades_are_told_from_an_id_on_page_by_page(world: World) -> None:
    world.quote(Side.SELL, "100", "7")
    for _ in range(2 * TRADES_PAGE + 1):
        world.others(BUY, "1", "100")
    first = world.maker.trades_after(BTC_USDT, 0)
    second = world.maker.trades_after(BTC_USDT, first[-1].trade_id)
    third = world.maker.trades_after(BTC_USDT, second[-1].trade_id)
    assert [len(page) for page in (first, second, third)] == [TRADES_PAGE, TRADES_PAGE, 1]
    ids = [trade.trade_id for page in (first, second, third) for trade in page]
    assert ids == sorted(set(ids))
    assert world.maker.trades_after(BTC_USDT, ids[-1]) == []


def test_trades_of_an_order_are_told_page_by_page_and_of_no_other(world: World) -> None:
    other = world.quote(Side.SELL, "100", "1")
    own = world.quote(Side.SELL, "100", "7", name=NEW)
    world.others(BUY, "1", "100")
    for _ in range(TRADES_PAGE + 1):
        world.others(BUY, "1", "100")
    first = world.maker.trades_of(BTC_USDT, own, 0)
    second = world.maker.trades_of(BTC_USDT, own, first[-1].trade_id)
    assert [len(first), len(second)] == [TRADES_PAGE, 1]
    assert {trade.exchange_order_id for trade in (*first, *second)} == {own}
    assert [*world.maker.trades_of(BTC_USDT, other, 0), *first] == [
        *world.maker.trades_after(BTC_USDT, 0),
        first[-1],
    ]
    assert world.maker.trades_of(BTC_USDT, own, second[-1].trade_id) == []
    assert world.maker.trades_of(BTC_USDT, "999999", 0) == []


def test_a_trade_is_told_exactly(world: World) -> None:
    exchange_order_id = world.quote(Side.BUY, "67187.31", "0.12345")
    world.clock.advance(1.234)
    world.others(SELL, "0.12345", "60000")
    (trade,) = world.maker.trades_after(BTC_USDT, 0)
    assert trade == OwnTrade(
        trade_id=trade.trade_id,
        exchange_order_id=exchange_order_id,
        side=Side.BUY,
        price=Decimal("67187.31"),
        quantity=Decimal("0.12345"),
        quote_quantity=Decimal("8294.2734195"),
        fee=Decimal("0.00009876"),
        fee_asset="BTC",
        maker=True,
        at=world.clock.now().replace(microsecond=234000),
    )


def test_balances_are_what_is_free_and_what_is_locked(world: World) -> None:
    """Of what there is nothing, nothing is told."""
    world.quote(Side.BUY, "100", "2.5")
    assert world.maker.balances() == {
        "BTC": Balance(Decimal(100), Decimal(0)),
        "USDT": Balance(Decimal(99_750), Decimal(250)),
    }


# Too much


def test_who_places_too_many_orders_is_told_how_long_to_wait(world: World) -> None:
    world.venue.set_limits(Limits(orders_per_10_seconds=3), MAKER)
    world.clock.advance(4)
    world.quote(Side.BUY, "100")
    world.replace(Side.BUY, "101")
    with pytest.raises(ExchangeNotReplaced):
        world.replace(Side.BUY, "102")  # of an order that is over: not attempted, and counted
    for ask in (world.quote, world.replace):
        with pytest.raises(ExchangeUnavailable) as told:
            ask(Side.BUY, "103", name=client_order_id("third"))
        assert (told.value.facts["what"], told.value.facts["retry_after_seconds"]) == ("rate_limit", 6)
    world.maker.cancel(BTC_USDT, NEW)  # cancels are not counted
    world.clock.advance(6)
    world.quote(Side.BUY, "103", name=client_order_id("third"))


ASKS: dict[str, Callable[[World], object]] = {
    "limits": lambda world: world.maker.limits(BTC_USDT),
    "book": lambda world: world.maker.book(BTC_USDT, 5),
    "open_orders": lambda world: world.maker.open_orders(BTC_USDT),
    "find": lambda world: world.find(),
    "trades_after": lambda world: world.maker.trades_after(BTC_USDT, 0),
    "trades_of": lambda world: world.maker.trades_of(BTC_USDT, "1", 0),
    "place": lambda world: world.quote(Side.SELL, "101", name=NEW),
    "replace": lambda world: world.replace(Side.SELL, "101"),
    "cancel": lambda world: world.maker.cancel(BTC_USDT, OLD),
    "balances": lambda world: world.maker.balances(),
}
each_ask = pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)


@each_ask
def test_who_asks_too_often_is_told_how_long_to_wait(world: World, ask: Callable[[World], object]) -> None:
    world.quote(Side.SELL, "100")
    world.faults.fail_next(Fault.RATE_LIMIT)
    with pytest.raises(ExchangeUnavailable) as told:
        ask(world)
    assert told.value.facts["what"] == "rate_limit"
    assert told.value.facts["retry_after_seconds"] == RETRY_AFTER_SECONDS
    ask(world)


@each_ask
def test_behind_the_gate_nothing_is_asked_until_the_wait_is_over(world: World, ask: Callable[[World], object]) -> None:
    desk = Desk()
    world.quote(Side.SELL, "100")
    maker, world.maker = world.maker, gated(world.maker, ExchangeUnavailable, Ban(desk.table, "binance", desk.clock))
    world.faults.fail_next(Fault.RATE_LIMIT)
    world.faults.fail_next(Fault.SERVER_ERROR)
    for _ in range(3):
        with pytest.raises(ExchangeUnavailable) as told:
            ask(world)
        assert told.value.facts["what"] == "rate_limit"
    assert [fault.kind for fault in world.faults.waiting()] == [Fault.SERVER_ERROR], "nobody has met it"
    world.maker = maker


# No answer


@each_ask
@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.SERVER_ERROR])
def test_after_a_call_without_an_answer_the_next_is_answered(
    world: World, ask: Callable[[World], object], fault: Fault
) -> None:
    """The call itself finds the exchange unavailable: nothing is asked twice unbidden."""
    world.quote(Side.SELL, "100")
    world.faults.fail_next(fault)
    with pytest.raises(ExchangeUnavailable):
        ask(world)
    assert world.faults.waiting() == []
    assert world.maker.book(BTC_USDT, 5)


@pytest.mark.parametrize("done", [False, True])
def test_of_a_placement_without_an_answer_a_look_tells(world: World, done: bool) -> None:
    world.faults.fail_next(Fault.DROP_AFTER if done else Fault.SERVER_ERROR, "place")
    with pytest.raises(ExchangeUnavailable):
        world.quote(Side.SELL, "100")
    if done:
        assert world.find().state is State.WORKING
    else:
        with pytest.raises(ExchangeOrderUnknown):
            world.find()


@pytest.mark.parametrize("done", [False, True])
def test_of_a_replacement_without_an_answer_two_looks_tell(world: World, done: bool) -> None:
    world.quote(Side.SELL, "100")
    world.faults.fail_next(Fault.DROP_AFTER if done else Fault.SERVER_ERROR, "place")
    with pytest.raises(ExchangeUnavailable):
        world.replace(Side.SELL, "101")
    assert world.find().state is (State.CANCELED if done else State.WORKING)
    only(world, NEW if done else OLD)


def test_a_cancellation_without_an_answer_may_be_asked_for_again(world: World) -> None:
    world.quote(Side.SELL, "100")
    world.faults.fail_next(Fault.DROP_AFTER, "cancel")
    with pytest.raises(ExchangeUnavailable):
        world.maker.cancel(BTC_USDT, OLD)
    assert world.maker.cancel(BTC_USDT, OLD).state is State.CANCELED


def test_another_order_is_never_taken_for_the_one_that_was_asked_for(world: World) -> None:
    world.quote(Side.SELL, "100")
    world.quote(Side.SELL, "101", name=NEW)
    world.faults.fail_next(Fault.ANOTHER, "order")
    with pytest.raises(ExchangeUnavailable) as told:
        world.find()
    assert told.value.facts["what"] == "not_believed"
    assert world.find().client_order_id == OLD


# The clock


@pytest.mark.parametrize("seconds", [-4.9, -1, 0.9])
def test_a_clock_that_is_a_second_off_is_good_enough(world: World, seconds: float) -> None:
    world.skew = timedelta(seconds=seconds)
    world.quote(Side.SELL, "100")
    only(world, OLD)


@pytest.mark.parametrize("seconds", [-5.1, 1.0])
def test_a_clock_that_is_further_off_is_the_clocks_trouble(seconds: float) -> None:
    """Nothing was placed, and a person has to know why. A fake has no clock of its own."""
    clock = VirtualClock()
    venue = Venue(clock.now)
    step = Decimal("0.00001")
    venue.list_symbol(Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), step, step, Decimal(5), 1))
    venue.open_account(MAKER, {"BTC": Decimal(100)})
    with _binance(venue, Faults(), clock) as there:
        there.skew = timedelta(seconds=seconds)
        with pytest.raises(ExchangeUnavailable) as told:
            there.quote(Side.SELL, "100")
        assert told.value.facts["what"] == "clock"
        assert there.names == []
