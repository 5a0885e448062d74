"""What the port `Exchange` promises, asked of the fake in process and of the real adapters over their real wires.

To ask another adapter: a function like `_binance` below, and its name among `WORLDS`.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest

from common.clock import now
from common.gateways.exchange import (
    Exchange,
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Side,
    State,
    Ticker,
    Tickers,
    Ticket,
    client_order_id,
)
from common.gateways.exchange.alphapoint import AlphaPointExchange, AlphaPointTickers
from common.gateways.exchange.ccxt import BinanceTickers, CcxtExchange
from common.market import MarketRules
from common.money import ZERO, Money, Price, Quantity
from sandbox.exchange import alphapoint
from sandbox.exchange.binance import BinanceFace, Credential
from sandbox.exchange.fake import FakeExchange
from sandbox.exchange.fake import Operation as FakeOperation
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults
from sandbox.exchange.venue import BUY, SELL, Fees, Kind, Limits, Symbol, Venue
from sandbox.serving import serve

DESK, MAKER = "desk", "maker"
OURS = client_order_id("contract")
OPERATIONS: list[FakeOperation] = ["ticker", "rules", "place", "order", "find", "cancel", "orders"]


@dataclass(frozen=True)
class Doors:
    """An exchange, and how to make things go wrong in front of it."""

    exchange: Exchange
    tickers: Tickers  # the same without a key
    refuse_next: Callable[[], None]
    fail_before_next: Callable[[FakeOperation], None]  # nothing is done
    drop_answer_next: Callable[[FakeOperation], None]  # it is done, and nobody told
    mix_up_next: Callable[[FakeOperation], None]  # it tells of another order
    ban: Callable[[], None]  # the next call is told how long to wait


@dataclass(frozen=True)
class World:
    venue: Venue
    doors: Doors
    ahead: list[timedelta]  # of the time that it is: the last one is how far the venue's clock is

    @property
    def exchange(self) -> Exchange:
        return self.doors.exchange

    def offer(self, side: str, quantity: str, price: str, symbol: str = "BTCUSDT") -> None:
        """Somebody else's order."""
        self.venue.place(MAKER, symbol, side, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))

    def of_day(self, days: int = 0, asset_id: str = "BTC") -> list[OrderReport]:
        """The orders that were placed so many days from now, part by part."""
        day, after, told = (now() + timedelta(days=days)).date(), None, list[OrderReport]()
        while True:
            part = self.exchange.orders(asset_id, day, after)
            told += part.items
            if part.after is None:
                return sorted(told, key=lambda report: int(report.exchange_order_id))
            after = part.after

    def placed(self, ticket: Ticket) -> OrderReport:
        return self.exchange.order(ticket.quantity.asset_id, self.exchange.place(ticket))


@contextmanager
def _fake(venue: Venue) -> Iterator[Doors]:
    fake = FakeExchange(venue, DESK)
    yield Doors(
        fake,
        fake,
        fake.refuse_next,
        fake.fail_before_next,
        fake.drop_answer_next,
        fake.mix_up_next,
        lambda: fake.ban(RETRY_AFTER_SECONDS),
    )


@contextmanager
def _binance(venue: Venue) -> Iterator[Doors]:
    faults, keys = Faults(), Credential(DESK, api_key="key", secret="secret")
    on = {
        "ticker": "any",
        "rules": "any",
        "place": "place",
        "order": "order",
        "find": "order",
        "cancel": "cancel",
        "orders": "order",
    }
    with serve(BinanceFace(venue, [keys], faults).decide, name="binance") as face:
        yield Doors(
            CcxtExchange(face.url, api_key=keys.api_key, secret=keys.secret, orders_page=3),
            BinanceTickers(face.url),
            refuse_next=lambda: faults.fail_next(Fault.REFUSE, "place"),
            fail_before_next=lambda operation: faults.fail_next(Fault.SERVER_ERROR, on[operation]),
            drop_answer_next=lambda operation: faults.fail_next(Fault.DROP_AFTER, on[operation]),
            mix_up_next=lambda operation: faults.fail_next(Fault.ANOTHER, on[operation]),
            ban=lambda: faults.fail_next(Fault.RATE_LIMIT),
        )


@contextmanager
def _alphapoint(venue: Venue) -> Iterator[Doors]:
    faults = Faults()
    keys = alphapoint.Credential(DESK, api_key="key", secret="secret", account_id=449, user_id=446)
    on = {
        "ticker": "any",
        "rules": "any",
        "place": "place",
        "order": "order",
        "find": "order",
        "cancel": "cancel",
        "orders": "order",
    }
    later = timedelta()

    def fail_next(kind: Fault, operation: FakeOperation) -> None:
        nonlocal later
        if operation == "rules":  # of all markets, and known: so let them be too old
            later += timedelta(hours=1)
        faults.fail_next(kind, on[operation])

    with serve(alphapoint.AlphaPointFace(venue, [keys], faults).decide, name="alphapoint") as face:
        yield Doors(
            AlphaPointExchange(
                f"{face.url}/AP",
                oms_id=1,
                account_id=keys.account_id,
                user_id=keys.user_id,
                api_key=keys.api_key,
                secret=keys.secret,
                clock=lambda: now() + later,
            ),
            AlphaPointTickers(f"{face.url}/AP"),
            refuse_next=lambda: faults.fail_next(Fault.REFUSE, "place"),
            fail_before_next=lambda operation: fail_next(Fault.SERVER_ERROR, operation),
            drop_answer_next=lambda operation: fail_next(Fault.DROP_AFTER, operation),
            mix_up_next=lambda operation: fail_next(Fault.ANOTHER, operation),
            ban=lambda: faults.fail_next(Fault.RATE_LIMIT),
        )


WORLDS: dict[str, Callable[[Venue], AbstractContextManager[Doors]]] = {
    "fake": _fake,
    "binance": _binance,
    "alphapoint": _alphapoint,
}


@pytest.fixture(params=WORLDS)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    ahead = [timedelta()]
    venue = Venue(lambda: now() + ahead[-1], magic=True)
    venue.list_symbol(_symbol(1, "BTC", price_step="0.01", quantity_step="0.00001"))
    venue.list_symbol(_symbol(2, "ETH", price_step="0.01", quantity_step="0.0001"))
    venue.list_symbol(_symbol(3, "PEPE", price_step="0.00000001", quantity_step="0.00000001"))
    plenty = {"USDT": Decimal(10**11), "BTC": Decimal(100), "ETH": Decimal(100), "PEPE": Decimal(10**12)}
    for account in (DESK, MAKER):
        venue.open_account(account, plenty)
    with WORLDS[request.param](venue) as doors:
        yield World(venue, doors, ahead)


def _symbol(symbol_id: int, base: str, *, price_step: str, quantity_step: str) -> Symbol:
    price, quantity = Decimal(price_step), Decimal(quantity_step)
    return Symbol(f"{base}USDT", base, "USDT", price, quantity, quantity, Decimal(5), symbol_id)


def sell(quantity: str, price: str, asset_id: str = "BTC", name: str = OURS) -> Ticket:
    return Ticket(Side.SELL, Quantity(quantity, asset_id), Price(price), name)


def buy(quantity: str, price: str, asset_id: str = "BTC", name: str = OURS) -> Ticket:
    return Ticket(Side.BUY, Quantity(quantity, asset_id), Price(price), name)


def unknown(world: World, asset_id: str, exchange_order_id: str) -> None:
    """To every question, by either id."""
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.order(asset_id, exchange_order_id)
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.cancel(asset_id, exchange_order_id)
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find(asset_id, OURS)


def test_an_exchange_has_a_name(world: World) -> None:
    assert world.exchange.name


# Rules


def test_the_rules_of_a_market_are_exact(world: World) -> None:
    rules = world.exchange.rules("BTC")
    expected = MarketRules(Decimal("0.00001"), Decimal("0.01"), Decimal("0.00001"), min_notional=Money(5))
    assert rules in (expected, replace(expected, min_notional=ZERO)), "not every exchange has a least amount"


def test_an_asset_without_a_market_has_no_rules(world: World) -> None:
    for asset_id in ("XYZ", "USDT", "BT"):
        with pytest.raises(MarketUnknown):
            world.exchange.rules(asset_id)


@pytest.mark.parametrize("known_before", [False, True])
def test_a_market_that_is_closed_is_none_to_place_in(world: World, known_before: bool) -> None:
    if known_before:
        world.exchange.rules("BTC")
    world.venue.maintenance = True
    with pytest.raises(MarketUnknown):
        world.exchange.place(sell("1", "100"))
    world.venue.maintenance = False
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find("BTC", OURS)


# The ticker


@pytest.fixture(params=["with a key", "without"])
def tickers(request: pytest.FixtureRequest, world: World) -> Tickers:
    """An exchange, and what anybody sees of it."""
    return world.exchange if request.param == "with a key" else world.doors.tickers


def test_a_ticker_is_the_best_bid_and_the_best_offer(world: World, tickers: Tickers) -> None:
    for side, price in ((BUY, "99.97"), (BUY, "99.99"), (SELL, "100.01"), (SELL, "100.03")):
        world.offer(side, "1", price)
    assert tickers.ticker("BTC") == Ticker(bid=Price("99.99"), ask=Price("100.01"))
    world.exchange.place(sell("1", "99.99"))
    assert tickers.ticker("BTC").bid == Price("99.97"), "it is of now"


def test_a_ticker_is_exact(world: World, tickers: Tickers) -> None:
    world.offer(BUY, "1000000000", "0.12345678", symbol="PEPEUSDT")
    world.offer(SELL, "1", "98765432.87654321", symbol="PEPEUSDT")
    assert tickers.ticker("PEPE") == Ticker(bid=Price("0.12345678"), ask=Price("98765432.87654321"))


@pytest.mark.parametrize("sides", [[], [BUY], [SELL]])
def test_where_nobody_buys_or_nobody_sells_there_is_no_ticker(world: World, tickers: Tickers, sides: list[str]) -> None:
    for side in sides:
        world.offer(side, "1", "100")
    with pytest.raises(MarketUnknown):
        tickers.ticker("BTC")


def test_a_market_that_is_not_there_or_closed_has_no_ticker(world: World, tickers: Tickers) -> None:
    world.offer(BUY, "1", "99")
    world.offer(SELL, "1", "101")
    assert tickers.ticker("BTC")
    for asset_id in ("XYZ", "USDT", "BT"):
        with pytest.raises(MarketUnknown):
            tickers.ticker(asset_id)
    world.venue.maintenance = True
    with pytest.raises(MarketUnknown):
        tickers.ticker("BTC")


# Orders


@pytest.mark.parametrize("ticket", [sell("0.12345", "67187.31"), buy("0.12345", "67187.31"), buy("1", "100")])
def test_an_order_that_nobody_meets_is_working(world: World, ticket: Ticket) -> None:
    exchange_order_id = world.exchange.place(ticket)
    order = world.exchange.order("BTC", exchange_order_id)
    assert order == OrderReport(
        exchange_order_id=exchange_order_id,
        client_order_id=order.client_order_id,
        side=ticket.side,
        quantity=ticket.quantity,
        state=State.WORKING,
        executed=Quantity(0, "BTC"),
        gross=ZERO,
        fee=ZERO,
    )
    assert not order.final
    (open_there,) = world.venue.open_orders(DESK)
    assert (open_there.quantity, open_there.price) == (ticket.quantity.amount, ticket.limit_price.usd_per_unit)


def test_an_order_is_found_by_our_own_id_open_or_over(world: World) -> None:
    exchange_order_id = world.exchange.place(sell("1", "100"))
    working = world.exchange.find("BTC", OURS)
    assert (working.exchange_order_id, working.client_order_id) == (exchange_order_id, OURS)
    assert working.state is State.WORKING
    world.exchange.cancel("BTC", exchange_order_id)
    over = world.exchange.find("BTC", OURS)
    assert over == replace(working, state=State.CANCELED)


def test_a_sale_is_filled_in_parts_for_their_sum_less_fees_in_dollars(world: World) -> None:
    world.offer(BUY, "0.3", "99.99")
    world.offer(BUY, "0.5", "99.97")
    world.offer(BUY, "9", "99.95")
    order = world.placed(sell("1", "99.95"))
    assert order.state is State.FULLY_EXECUTED
    assert order.final
    assert order.executed == order.quantity == Quantity("1", "BTC")
    assert order.gross == Money("99.972")  # 29.997 + 49.985 + 19.99
    assert (order.fee, order.fees_elsewhere) == (Money("0.099972"), {})  # 10 basis points


def test_a_purchase_is_filled_and_its_fee_is_in_what_was_bought(world: World) -> None:
    world.offer(SELL, "0.3", "99.99")
    world.offer(SELL, "9", "100.01")
    order = world.placed(buy("1", "100.05"))
    assert (order.state, order.gross) == (State.FULLY_EXECUTED, Money("100.004"))  # 29.997 + 70.007
    assert (order.fee, order.fees_elsewhere) == (ZERO, {"BTC": Decimal("0.001")})


def test_a_fee_in_a_third_asset_is_told_apart(world: World) -> None:
    world.venue.set_fees(Fees(asset="ETH", asset_price=Decimal(10)))
    world.offer(BUY, "9", "100")
    order = world.placed(sell("1", "100"))
    assert (order.gross, order.fee, order.fees_elsewhere) == (Money("100"), ZERO, {"ETH": Decimal("0.01")})


def test_without_fees_there_are_none(world: World) -> None:
    world.venue.set_fees(Fees(Decimal(0), Decimal(0)))
    world.offer(BUY, "9", "100")
    order = world.placed(sell("1", "100"))
    assert (order.gross, order.fee, order.fees_elsewhere) == (Money("100"), ZERO, {})


def test_an_order_keeps_the_part_that_was_filled_when_it_is_cancelled(world: World) -> None:
    """Until then it works on."""
    world.offer(BUY, "0.4", "100")
    order = world.placed(sell("1", "100"))
    assert (order.state, order.executed, order.gross) == (State.WORKING, Quantity("0.4", "BTC"), Money("40"))
    assert order.fee == Money("0.04")
    world.offer(BUY, "0.1", "100")
    world.exchange.cancel("BTC", order.exchange_order_id)
    cancelled = world.exchange.order("BTC", order.exchange_order_id)
    assert (cancelled.state, cancelled.executed, cancelled.gross) == (
        State.CANCELED,
        Quantity("0.5", "BTC"),
        Money("50"),
    )
    assert cancelled.fee == Money("0.048"), "0.04, and 8 basis points of what it waited for"


def test_amounts_pass_through_no_float(world: World) -> None:
    quantity = "1234567890.12345678"
    assert Decimal(repr(float(quantity))) != Decimal(quantity), "one that a float would change"
    world.offer(BUY, quantity, "1", symbol="PEPEUSDT")
    order = world.placed(sell(quantity, "0.12345678", asset_id="PEPE"))
    assert (type(order.executed.amount), order.executed) == (Decimal, Quantity(quantity, "PEPE"))
    assert order.gross == Money(quantity)
    assert order.fee == Money("1234567.89012345")


@pytest.mark.parametrize(
    ("digits", "state", "executed"),
    [
        ("777", State.FULLY_EXECUTED, "0.00777"),
        ("666", State.CANCELED, "0"),
        ("555", State.WORKING, "0"),
        ("444", State.CANCELED, "0.00222"),
        ("333", State.EXPIRED, "0"),
        ("222", State.REJECTED, "0"),
    ],
)
def test_every_end_of_an_order_is_told(world: World, digits: str, state: State, executed: str) -> None:
    order = world.placed(sell(f"0.00{digits}", "67187.30"))
    assert (order.state, order.executed) == (state, Quantity(executed, "BTC"))
    assert order.final is (state is not State.WORKING)
    assert order.gross == Money(Decimal(executed) * Decimal("67187.30"))
    assert world.exchange.find("BTC", OURS) == replace(order, client_order_id=OURS)


# What is not there


@pytest.mark.parametrize("exchange_order_id", ["4711", "0", "-1", "1.0", "x", "", "9" * 40, "١"])
def test_an_order_that_is_not_there_is_unknown(world: World, exchange_order_id: str) -> None:
    unknown(world, "BTC", exchange_order_id)


def test_an_order_is_one_of_its_own_market_only(world: World) -> None:
    exchange_order_id = world.exchange.place(sell("1", "100"))
    unknown(world, "ETH", exchange_order_id)
    assert world.exchange.order("BTC", exchange_order_id).state is State.WORKING


def test_somebody_elses_order_is_unknown(world: World) -> None:
    theirs = world.venue.place(
        MAKER, "BTCUSDT", SELL, Kind.LIMIT, quantity=Decimal(1), price=Decimal(100), client_order_id=OURS
    )
    unknown(world, "BTC", str(theirs.order_id))
    assert len(world.venue.open_orders(MAKER)) == 1


# What can not be


@pytest.mark.parametrize("operation", ["order", "find"])
def test_another_order_is_never_taken_for_the_one_that_was_asked_for(world: World, operation: FakeOperation) -> None:
    """An exchange that lists its orders, among which the adapter looks, can not be mixed up in `find`."""
    exchange_order_id = world.exchange.place(sell("1", "100"))
    world.exchange.place(sell("1", "100", name="anotheranotheranot"))
    world.doors.mix_up_next(operation)
    lists = isinstance(world.exchange, AlphaPointExchange) and operation == "find"
    with pytest.raises(ExchangeUnavailable) as refusal:
        _ask(world, operation, exchange_order_id)
    assert refusal.value.facts["what"] == ("exchange_error" if lists else "not_believed")
    told = _ask(world, operation, exchange_order_id)
    assert isinstance(told, OrderReport)
    assert told.exchange_order_id == exchange_order_id
    assert told.client_order_id in (OURS, None)


def test_an_order_is_told_under_the_name_that_the_exchange_knows(world: World) -> None:
    exchange_order_id = world.exchange.place(sell("1", "100"))
    lists = isinstance(world.exchange, AlphaPointExchange)
    assert world.exchange.order("BTC", exchange_order_id).client_order_id == (None if lists else OURS)
    assert world.exchange.find("BTC", OURS).client_order_id == OURS


@pytest.mark.parametrize(("price", "believed"), [("99999999", True), ("100000000", False)])
def test_an_amount_of_more_digits_than_can_be_written_down_is_not_believed(
    world: World, price: str, believed: bool
) -> None:
    world.venue.deposit(MAKER, "USDT", Decimal(10**16))
    world.offer(BUY, "10000000", price, symbol="PEPEUSDT")
    ticket = sell("10000000", price, asset_id="PEPE")
    if believed:
        assert world.placed(ticket).gross == Money(Decimal(price) * 10**7)
        return
    exchange_order_id = world.exchange.place(ticket)
    asks: list[Callable[[], object]] = [
        lambda: world.exchange.order("PEPE", exchange_order_id),
        lambda: world.exchange.find("PEPE", OURS),
    ]
    for ask in asks:
        with pytest.raises(ExchangeUnavailable) as refusal:
            ask()
        assert refusal.value.facts["what"] == "not_believed"


# Cancelling


def test_to_cancel_what_is_over_changes_nothing(world: World) -> None:
    world.offer(BUY, "9", "100")
    filled = world.placed(sell("1", "100"))
    world.exchange.cancel("BTC", filled.exchange_order_id)
    assert world.exchange.order("BTC", filled.exchange_order_id) == filled


def test_to_cancel_twice_is_to_cancel_once(world: World) -> None:
    exchange_order_id = world.exchange.place(sell("1", "100"))
    world.exchange.cancel("BTC", exchange_order_id)
    world.exchange.cancel("BTC", exchange_order_id)
    assert world.exchange.order("BTC", exchange_order_id).state is State.CANCELED


# Refusals


MORE_THAN_THERE_IS = [sell("100.00001", "100"), buy("1001", "100000000")]


@pytest.mark.parametrize(
    "ticket",
    [
        pytest.param(MORE_THAN_THERE_IS[0], id="more than there is"),
        pytest.param(MORE_THAN_THERE_IS[1], id="more dollars than there are"),
        pytest.param(sell("0.000015", "67187.30"), id="quantity off its step"),
        pytest.param(sell("1", "100.005"), id="price off its step"),
        pytest.param(sell("0", "100"), id="nothing"),
        pytest.param(sell("1", "0"), id="for nothing"),
        pytest.param(sell("0.00001", "100"), id="too small"),
    ],
)
def test_an_order_that_can_not_be_is_refused_and_does_not_exist(world: World, ticket: Ticket) -> None:
    with pytest.raises(ExchangeRefused) as refused:
        world.exchange.place(ticket)
    assert refused.value.detail
    assert refused.value.ours is (ticket in MORE_THAN_THERE_IS), "the desk's funds are the desk's matter"
    assert world.venue.history(DESK) == []
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find("BTC", OURS)


def test_an_order_in_an_asset_without_a_market_is_refused_as_such(world: World) -> None:
    with pytest.raises(MarketUnknown):
        world.exchange.place(sell("1", "100", asset_id="XYZ"))


def test_the_exchanges_own_no_is_definite(world: World) -> None:
    world.doors.refuse_next()
    with pytest.raises(ExchangeRefused):
        world.exchange.place(sell("1", "100"))
    assert world.venue.history(DESK) == []
    assert world.exchange.place(sell("1", "100"))


def test_an_order_beyond_the_accounts_quota_is_refused_to_the_desk(world: World) -> None:
    """So would the next one be, whoever it is for."""
    world.venue.set_limits(Limits(open_orders_per_symbol=1), DESK)
    world.exchange.place(sell("1", "100", name="firstfirstfirstfir"))
    with pytest.raises(ExchangeRefused) as refused:
        world.exchange.place(sell("1", "100"))
    assert refused.value.ours
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find("BTC", OURS)


def test_a_repeat_of_an_order_is_never_called_a_refusal(world: World) -> None:
    """It exists: to say that it never will would give its money away."""
    first = world.exchange.place(sell("1", "100"))
    with suppress(ExchangeUnavailable):
        world.exchange.place(sell("1", "100"))
    assert world.exchange.order("BTC", first).state is State.WORKING


# The orders of a day


def test_the_orders_of_a_day_are_all_that_the_account_has_placed(world: World) -> None:
    """However they ended, in any number of parts, each as it is told when it is asked for alone."""
    world.venue.set_fees(Fees(asset="ETH", asset_price=Decimal(4000)), DESK)
    world.offer(BUY, "0.5", "100")
    world.offer(BUY, "0.7", "90")
    tickets = [sell(f"0.{number}", "95", name=f"sale{number}aaaaaaaaaaaaa"[:18]) for number in range(2, 7)]
    ids = [world.exchange.place(ticket) for ticket in tickets]
    world.exchange.cancel("BTC", ids[3])
    world.exchange.place(sell("1", "4000", "ETH"))
    told = world.of_day()
    assert [report.exchange_order_id for report in told] == sorted(ids, key=int)
    assert {report.state for report in told} == {State.FULLY_EXECUTED, State.WORKING, State.CANCELED}
    assert any(report.fees_elsewhere for report in told)
    for report in told:
        alone = world.exchange.order("BTC", report.exchange_order_id)
        assert replace(report, client_order_id=None) == replace(alone, client_order_id=None)


def test_the_orders_of_a_day_are_those_that_were_placed_on_it(world: World) -> None:
    for days in (-2, -1, 0):
        world.ahead.append(timedelta(days=days))
        world.offer(BUY, "1", "100")
        world.exchange.place(sell("1", "95", name=f"day{abs(days)}aaaaaaaaaaaaaaaa"[:18]))
    assert [len(world.of_day(days)) for days in (-3, -2, -1, 0)] == [0, 1, 1, 1]
    (yesterday,) = world.of_day(-1)
    assert (yesterday.executed, yesterday.gross) == (Quantity("1", "BTC"), Money(100))


def test_an_order_that_trades_for_days_is_told_on_its_first_with_all_of_it(world: World) -> None:
    world.ahead.append(timedelta(days=-3))
    theirs = world.exchange.place(sell("1", "100"))
    for days, price in ((-3, "100"), (-2, "100"), (0, "100")):
        world.ahead.append(timedelta(days=days))
        world.offer(BUY, "0.25", price)
        for number in range(3):
            world.offer(BUY, "0.1", "90")
            world.exchange.place(sell("0.1", "90", name=f"other{abs(days)}x{number}aaaaaaaaaaa"[:18]))
    told = {report.exchange_order_id: report for report in world.of_day(-3)}
    assert told[theirs].executed == Quantity("0.75", "BTC")
    assert told[theirs].gross == Money(75)
    assert sum(len(world.of_day(days)) for days in (-2, -1, 0)) == 6


def test_a_closed_market_tells_of_its_orders_and_one_that_is_not_there_has_none(world: World) -> None:
    world.exchange.place(sell("1", "100"))
    world.venue.maintenance = True
    assert len(world.of_day()) == 1
    with pytest.raises(MarketUnknown):
        world.exchange.orders("DOGE", now().date())


# Faults


def _ask(world: World, operation: FakeOperation, exchange_order_id: str) -> object:
    match operation:
        case "ticker":
            return world.exchange.ticker("BTC")
        case "rules":
            return world.exchange.rules("ETH")
        case "place":
            return world.exchange.place(sell("1", "100", name="placedplacedplaced"))
        case "order":
            return world.exchange.order("BTC", exchange_order_id)
        case "find":
            return world.exchange.find("BTC", OURS)
        case "cancel":
            world.exchange.cancel("BTC", exchange_order_id)
            return None
        case "orders":
            return world.exchange.orders("BTC", now().date())


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("done", [False, True])
def test_after_a_call_without_an_answer_the_next_is_answered(
    world: World, operation: FakeOperation, done: bool
) -> None:
    """The call itself finds the exchange unavailable."""
    world.offer(BUY, "1", "90")
    exchange_order_id = world.exchange.place(sell("1", "100"))
    (world.doors.drop_answer_next if done else world.doors.fail_before_next)(operation)
    with pytest.raises(ExchangeUnavailable) as unavailable:
        _ask(world, operation, exchange_order_id)
    assert unavailable.value.detail
    if operation != "place":
        _ask(world, operation, exchange_order_id)


def test_who_asks_too_often_is_told_how_long_to_wait(world: World) -> None:
    world.doors.ban()
    with pytest.raises(ExchangeUnavailable) as unavailable:
        world.exchange.find("BTC", OURS)
    assert unavailable.value.facts["what"] == "rate_limit"
    assert unavailable.value.facts["retry_after_seconds"] == RETRY_AFTER_SECONDS


def test_an_order_whose_answer_was_lost_is_found(world: World) -> None:
    world.doors.drop_answer_next("place")
    with pytest.raises(ExchangeUnavailable):
        world.exchange.place(sell("1", "100"))
    found = world.exchange.find("BTC", OURS)
    assert (found.state, found.quantity, found.side) == (State.WORKING, Quantity("1", "BTC"), Side.SELL)
    assert len(world.venue.history(DESK)) == 1


def test_an_order_that_did_not_get_through_is_not_found(world: World) -> None:
    world.doors.fail_before_next("place")
    with pytest.raises(ExchangeUnavailable):
        world.exchange.place(sell("1", "100"))
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find("BTC", OURS)


def test_a_refusal_whose_answer_was_lost_is_not_found_either(world: World) -> None:
    world.doors.drop_answer_next("place")
    with pytest.raises(ExchangeUnavailable):
        world.exchange.place(sell("100.00001", "100"))
    with pytest.raises(ExchangeOrderUnknown):
        world.exchange.find("BTC", OURS)


def test_a_cancellation_whose_answer_was_lost_has_been_done(world: World) -> None:
    exchange_order_id = world.exchange.place(sell("1", "100"))
    world.doors.drop_answer_next("cancel")
    with pytest.raises(ExchangeUnavailable):
        world.exchange.cancel("BTC", exchange_order_id)
    assert world.exchange.order("BTC", exchange_order_id).state is State.CANCELED
    world.exchange.cancel("BTC", exchange_order_id)


def test_nothing_is_asked_twice_unbidden(world: World) -> None:
    """A fault meets one call: an adapter that repeats by itself would hide it, or place twice."""
    for _ in range(2):
        world.doors.drop_answer_next("place")
    for name in ("aaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbb"):
        with pytest.raises(ExchangeUnavailable):
            world.exchange.place(sell("1", "100", name=name))
    assert len(world.venue.history(DESK)) == 2


@pytest.mark.parametrize(
    "ticket",
    [
        sell("1", "100", name="Ä" * 18),
        sell("1", "100", name="x" * 100),
        sell("9" * 10, "9" * 10),
        buy("1E+9", "1E+9"),
        buy("0.000000000000000001", "0.000000000000000001"),
        buy("9999999999.999999999999999999", "1"),
    ],
)
def test_whatever_is_asked_nothing_of_a_vendors_own_gets_out(world: World, ticket: Ticket) -> None:
    with suppress(ExchangeRefused, ExchangeUnavailable):
        world.exchange.place(ticket)
