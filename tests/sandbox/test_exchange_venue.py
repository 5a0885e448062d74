"""The exchange's rules: what it accepts, what becomes of it, what it costs; and nobody's money comes from nowhere."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from common.money import plain
from sandbox.exchange import floor as rules
from sandbox.exchange.venue import (
    BUY,
    EXCHANGE,
    HOUSE,
    SELL,
    AccountUnknown,
    Fees,
    Kind,
    Limits,
    Order,
    OrderUnknown,
    Reason,
    Status,
    Symbol,
    TimeInForce,
    Venue,
    VenueRefused,
)

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.0001"), Decimal(10), symbol_id=1)
ETH = Symbol("ETHUSDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.0001"), Decimal("0.001"), Decimal(10), symbol_id=2)
FREE = Fees(Decimal(0), Decimal(0))


class World:
    """A venue whose clock stands still, with alice and bob on it, and a check of everybody's money."""

    def __init__(self, wealth: int = 1, **options: Any) -> None:
        self.at = NOON
        self.venue = Venue(lambda: self.at, **options)
        self.venue.list_symbol(BTC)
        self.venue.list_symbol(ETH)
        self.deposited: Counter[str] = Counter()
        for name in ("alice", "bob"):
            self.open(name, BTC=str(10 * wealth), USDT=str(100_000 * wealth))

    def open(self, name: str, fees: Fees | None = None, **balances: str) -> None:
        self.venue.open_account(name, {}, fees=fees)
        for asset, amount in (balances or {"BTC": "10", "USDT": "100000"}).items():
            self.deposit(name, asset, amount)

    def deposit(self, name: str, asset: str, amount: str) -> None:
        self.venue.deposit(name, asset, Decimal(amount))
        self.deposited[asset] += Decimal(amount)  # type: ignore[assignment]

    def place(self, account: str, side: str, quantity: str, price: str, kind: Kind = Kind.LIMIT, **terms: Any) -> Order:
        return self.venue.place(
            account, "BTCUSDT", side, kind, quantity=Decimal(quantity), price=Decimal(price), **terms
        )

    def has(self, account: str, asset: str) -> tuple[str, str]:
        """(free, locked), as text without zeros behind."""
        free, locked = self.venue.balances(account)[asset]
        return plain(free), plain(locked)

    def again(self, order: Order) -> Order:
        return self.venue.order(order.account, order.symbol, order_id=order.order_id)

    def refused(self, *terms: Any, **more: Any) -> Reason:
        """The reason, having seen that nothing else has happened."""
        before = self.venue.state()
        with pytest.raises(VenueRefused) as refusal:
            self.place(*terms, **more)
        after = self.venue.state()
        assert before | {"order_id": ""} == after | {"order_id": ""}
        return refusal.value.reason

    def check(self) -> None:
        """What all have together is what was deposited; what is locked is what the open orders may still cost."""
        together: Counter[str] = Counter()
        for account in self.venue.accounts:
            needed: Counter[str] = Counter()
            for order in self.venue.open_orders(account):
                left = order.quantity - order.executed
                symbol = self.venue.symbols[order.symbol]
                asset, amount = (symbol.quote, left * order.price) if order.side == BUY else (symbol.base, left)
                needed[asset] += amount  # type: ignore[assignment]
            for asset, (free, locked) in self.venue.balances(account).items():
                together[asset] += free + locked  # type: ignore[assignment]
                assert locked == needed[asset], (account, asset)
                assert free >= 0 or account == HOUSE, (account, asset)
        assert {asset: amount for asset, amount in together.items() if amount} == self.deposited

    def check_trades(self) -> None:
        """Each order is the sum of its trades, and each trade has two sides that agree."""
        sides = Counter[tuple[Any, ...]]()
        for account in ("alice", "bob"):
            for order in self.venue.history(account):
                trades = self.venue.trades(account, order.symbol, order_id=order.order_id)
                assert order.executed == sum(trade.quantity for trade in trades)
                assert order.gross == sum(trade.quote_quantity for trade in trades)
                for trade in trades:
                    assert trade.quote_quantity == trade.price * trade.quantity
                    sides[trade.trade_id, trade.symbol, trade.price, trade.quantity] += 1
        assert set(sides.values()) <= {2}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.check()


@pytest.fixture
def magic() -> Iterator[World]:
    world = World(magic=True)
    yield world
    world.check()


# What becomes of an order


def test_a_limit_order_that_meets_nobody_is_new_and_shows_in_the_depth(world: World) -> None:
    order = world.place("alice", SELL, "0.5", "67000.10", client_order_id="mine")
    assert (order.client_order_id, order.account, order.symbol, order.side) == ("mine", "alice", "BTCUSDT", SELL)
    assert (order.kind, order.time_in_force) == (Kind.LIMIT, TimeInForce.GTC)
    assert (order.price, order.quantity) == (Decimal("67000.10"), Decimal("0.5"))
    assert (order.executed, order.gross, order.status, order.reason) == (Decimal(0), Decimal(0), Status.NEW, "")
    assert (order.at, order.updated_at) == (NOON, NOON)
    assert world.venue.depth("BTCUSDT") == ([], [(Decimal("67000.10"), Decimal("0.5"))])
    assert world.again(order) == order


def test_a_trade_is_at_the_price_that_rested_and_moves_money_on_both_sides(world: World) -> None:
    world.venue.set_fees(FREE)
    resting = world.place("alice", SELL, "0.5", "60000")
    world.at += timedelta(seconds=5)
    taking = world.place("bob", BUY, "0.2", "61000")
    assert (taking.status, taking.executed, taking.gross) == (Status.FILLED, Decimal("0.2"), Decimal(12000))
    seen = world.again(resting)
    assert (seen.status, seen.executed, seen.gross) == (Status.PARTIALLY_FILLED, Decimal("0.2"), Decimal(12000))
    assert (seen.at, seen.updated_at) == (NOON, NOON + timedelta(seconds=5))
    assert (world.has("alice", "BTC"), world.has("alice", "USDT")) == (("9.5", "0.3"), ("112000", "0"))
    assert (world.has("bob", "BTC"), world.has("bob", "USDT")) == (("10.2", "0"), ("88000", "0"))
    assert world.venue.last_price("BTCUSDT") == 60000
    world.check_trades()


@pytest.mark.parametrize(
    ("time_in_force", "executed", "status"),
    [
        (TimeInForce.GTC, "0.2", Status.PARTIALLY_FILLED),
        (TimeInForce.IOC, "0.2", Status.EXPIRED),
        (TimeInForce.FOK, "0", Status.EXPIRED),
    ],
)
def test_what_does_not_trade_at_once_rests_or_expires(
    world: World, time_in_force: TimeInForce, executed: str, status: Status
) -> None:
    world.place("alice", SELL, "0.2", "60000")
    order = world.place("bob", BUY, "0.5", "60000", time_in_force=time_in_force)
    assert (order.executed, order.status, bool(order.reason)) == (Decimal(executed), status, status is Status.EXPIRED)
    assert len(world.venue.open_orders("bob")) == (status is Status.PARTIALLY_FILLED)


def test_an_account_does_not_trade_with_itself(world: World) -> None:
    world.place("bob", SELL, "0.1", "59000")
    mine = world.place("alice", SELL, "0.1", "60000")
    order = world.place("alice", BUY, "0.5", "61000")
    assert (order.status, order.executed) == (Status.EXPIRED, Decimal("0.1"))
    assert order.reason == "it met an order of its own account"
    assert world.again(mine).status is Status.NEW


def test_ids_ascend_with_gaps_that_the_seed_chooses() -> None:
    def ids(seed: int) -> list[int]:
        world = World(seed=seed)
        return [world.place("alice", SELL, "0.01", "60000").order_id for _ in range(50)]

    assert all(one < other for one, other in pairwise(ids(7)))
    assert ids(7) == ids(7) != ids(8)
    assert ids(7)[-1] > 60


# Cancelling


def test_all_open_orders_of_one_market_are_cancelled_and_no_others(world: World) -> None:
    orders = [world.place("alice", SELL, "0.1", price) for price in ("60000", "61000")]
    world.place("bob", SELL, "0.1", "60000")
    world.deposit("alice", "ETH", "1")
    world.venue.place("alice", "ETHUSDT", SELL, Kind.LIMIT, quantity=Decimal(1), price=Decimal(3000))
    cancelled = world.venue.cancel_all("alice", "BTCUSDT")
    assert [(order.order_id, order.status) for order in cancelled] == [(o.order_id, Status.CANCELED) for o in orders]
    assert [order.symbol for order in world.venue.open_orders("alice")] == ["ETHUSDT"]
    assert len(world.venue.open_orders("bob")) == 1


# What is refused

IN_A_MARKET: list[Callable[[Venue, str], object]] = [
    lambda venue, of: venue.place("alice", of, SELL, Kind.LIMIT, quantity=Decimal(1), price=Decimal(60000)),
    lambda venue, of: venue.cancel("alice", of, client_order_id="a"),
    lambda venue, of: venue.cancel_all("alice", of),
    lambda venue, of: venue.order("alice", of, client_order_id="a"),
    lambda venue, of: venue.open_orders("alice", of),
    lambda venue, of: venue.history("alice", of),
    lambda venue, of: venue.trades("alice", of),
    lambda venue, of: venue.depth(of),
    lambda venue, of: venue.last_price(of),
]
IN_NO_MARKET: list[Callable[[Venue, str], object]] = [
    lambda venue, _: venue.balances("alice"),
    lambda venue, _: venue.list_symbol(BTC),
    lambda venue, _: venue.open_account("carol", {}),
    lambda venue, _: venue.deposit("alice", "BTC", Decimal(0)),
    lambda venue, _: venue.set_fees(FREE),
    lambda venue, _: venue.state(),
    lambda venue, _: venue.restore(Venue(lambda: NOON).state()),
    lambda venue, _: venue.accounts,
    lambda venue, _: setattr(venue, "maintenance", True),
]
QUANTITIES = ("0.000005", "0.100001", "0", "-1", "NaN", "1e30", "1e-99999")
REFUSED = {
    Reason.LOT_SIZE: [*((q, "60000") for q in QUANTITIES), ("0.00009", "600000"), ("0.000005", "60000.001")],
    Reason.PRICE_FILTER: [("0.1", "60000.001"), ("0.1", "0"), ("0.1", "Infinity"), ("0.0001", "60000.001")],
    Reason.MIN_NOTIONAL: [("0.0001", "99999.99")],
}


@pytest.mark.parametrize(
    ("quantity", "price", "reason"), [(*terms, reason) for reason, orders in REFUSED.items() for terms in orders]
)
def test_an_order_that_breaks_a_rule_of_the_market_is_refused(
    world: World, quantity: str, price: str, reason: Reason
) -> None:
    assert world.refused("alice", SELL, quantity, price) is reason
    assert world.place("alice", SELL, "0.0001", "100000").status is Status.NEW, "the smallest that there is"


@pytest.mark.parametrize(("side", "quantity"), [(BUY, "1.66667"), (SELL, "10.00001")])
def test_a_cent_more_than_an_account_has_is_too_much(world: World, side: str, quantity: str) -> None:
    assert world.refused("bob", side, quantity, "60000") is Reason.INSUFFICIENT_BALANCE
    one_lot_less = str(Decimal(quantity) - BTC.quantity_step)
    assert world.place("bob", side, one_lot_less, "60000").status is Status.NEW
    assert world.refused("bob", side, "0.001", "60000") is Reason.INSUFFICIENT_BALANCE, "what is locked is not free"


def test_an_open_orders_client_order_id_is_taken_until_it_is_over(world: World) -> None:
    first = world.place("alice", SELL, "0.1", "60000", client_order_id="a")
    assert world.refused("alice", SELL, "0.1", "61000", client_order_id="a") is Reason.DUPLICATE_ORDER
    assert world.place("bob", SELL, "0.1", "60000", client_order_id="a").status is Status.NEW
    for _ in range(2):
        world.place("alice", SELL, "0.1", "60000", client_order_id="")
    world.venue.cancel("alice", "BTCUSDT", client_order_id="a")
    second = world.place("alice", SELL, "0.1", "61000", client_order_id="a")
    assert world.venue.order("alice", "BTCUSDT", client_order_id="a") == second
    assert world.venue.order("alice", "BTCUSDT", order_id=first.order_id).status is Status.CANCELED


def test_a_venue_or_a_caller_that_does_not_mind_duplicates_has_several() -> None:
    world = World(dedupe=False)
    first, second = (world.place("alice", SELL, "0.1", "60000", client_order_id="a") for _ in range(2))
    assert world.venue.order("alice", "BTCUSDT", client_order_id="a") == second
    world.venue.cancel("alice", "BTCUSDT", order_id=second.order_id)
    assert world.venue.order("alice", "BTCUSDT", client_order_id="a") == first, "the open one"
    world.venue.dedupe = True
    assert world.refused("alice", SELL, "0.1", "60000", client_order_id="a") is Reason.DUPLICATE_ORDER
    assert world.place("alice", SELL, "0.1", "60000", client_order_id="a", dedupe=False).status is Status.NEW


def test_under_maintenance_every_order_is_refused_and_the_rest_goes_on(world: World) -> None:
    order = world.place("alice", SELL, "0.1", "60000")
    world.venue.maintenance = True
    assert world.refused("alice", SELL, "-1", "60000") is Reason.MARKET_CLOSED
    assert world.again(order) == order
    assert world.venue.cancel("alice", "BTCUSDT", order_id=order.order_id).status is Status.CANCELED
    world.venue.maintenance = False
    assert world.place("alice", SELL, "0.1", "60000").status is Status.NEW


def test_a_market_that_is_not_listed_is_unknown_to_every_call(world: World) -> None:
    for call in IN_A_MARKET:
        with pytest.raises(VenueRefused, match="XYZUSDT is not traded here; there are BTCUSDT, ETHUSDT") as refusal:
            call(world.venue, "XYZUSDT")
        assert refusal.value.reason is Reason.UNKNOWN_SYMBOL


def test_an_order_is_asked_for_by_an_id(world: World) -> None:
    for ask in (world.venue.order, world.venue.cancel):
        with pytest.raises(ValueError, match="found by its order_id"):
            ask("alice", "BTCUSDT")


def test_who_has_no_account_can_do_nothing(world: World) -> None:
    with pytest.raises(AccountUnknown):
        world.place("mallory", SELL, "0.1", "60000")
    with pytest.raises(AccountUnknown):
        world.venue.balances("mallory")
    with pytest.raises(AccountUnknown):
        world.venue.deposit("mallory", "BTC", Decimal(1))


def test_a_side_that_there_is_not_is_a_bug_of_the_face(world: World) -> None:
    with pytest.raises(ValueError, match="side is 'HOLD'"):
        world.place("bob", "HOLD", "1", "60000")


def test_accounts_and_markets_are_opened_once(world: World) -> None:
    """And a deposit is of something."""
    with pytest.raises(ValueError, match="alice exists"):
        world.venue.open_account("alice", {})
    with pytest.raises(ValueError, match="a deposit of -1 BTC"):
        world.venue.deposit("alice", "BTC", Decimal(-1))
    with pytest.raises(ValueError, match="beside"):
        world.venue.list_symbol(replace(BTC, price_step=Decimal(1)))
    with pytest.raises(ValueError, match="beside"):
        world.venue.list_symbol(replace(BTC, name="XYZUSDT"))
    world.venue.list_symbol(BTC)
    assert list(world.venue.symbols) == ["BTCUSDT", "ETHUSDT"]
    with pytest.raises(ValueError, match="above 0"):
        replace(BTC, quantity_step=Decimal(0))


# Fees


def test_each_side_pays_fees_to_the_exchange_from_what_it_receives(world: World) -> None:
    selling = world.place("alice", SELL, "0.5", "60000")
    buying = world.place("bob", BUY, "0.2", "60000")
    (sold,) = world.venue.trades("alice", "BTCUSDT", order_id=selling.order_id)
    (bought,) = world.venue.trades("bob", "BTCUSDT", order_id=buying.order_id)
    assert (sold.maker, sold.fee, sold.fee_asset) == (True, Decimal("9.6"), "USDT")
    assert (bought.maker, bought.fee, bought.fee_asset) == (False, Decimal("0.0002"), "BTC")
    assert (world.has("alice", "USDT")[0], world.has("bob", "BTC")[0]) == ("111990.4", "10.1998")
    assert (world.has(EXCHANGE, "USDT"), world.has(EXCHANGE, "BTC")) == (("9.6", "0"), ("0.0002", "0"))
    assert (sold.trade_id, sold.quote_quantity) == (bought.trade_id, Decimal(12000))


def test_a_fee_is_rounded_down_to_eight_decimals(world: World) -> None:
    world.venue.set_fees(Fees(Decimal("7.5"), Decimal("7.5")))
    world.place("alice", SELL, "0.00123", "60000.01")
    order = world.place("bob", BUY, "0.00123", "60000.01")
    (bought,) = world.venue.trades("bob", "BTCUSDT", order_id=order.order_id)
    (sold,) = world.venue.trades("alice", "BTCUSDT")
    assert (bought.fee, sold.fee) == (Decimal("0.00000092"), Decimal("0.05535000"))


def test_an_account_may_have_fees_of_its_own(world: World) -> None:
    world.open("carol", fees=Fees(Decimal(20), Decimal(0)), USDT="1000")
    world.place("alice", SELL, "0.1", "60000")
    world.place("carol", BUY, "0.01", "60000")
    world.place("bob", BUY, "0.01", "60000")
    world.venue.set_fees(FREE, "carol")
    world.place("carol", BUY, "0.001", "60000")
    assert [trade.fee for trade in world.venue.trades("carol", "BTCUSDT")] == [Decimal("0.00002"), Decimal(0)]
    assert [trade.fee for trade in world.venue.trades("bob", "BTCUSDT")] == [Decimal("0.00001")]


def test_fees_in_another_asset_are_paid_while_there_is_enough_of_it(world: World) -> None:
    world.open("carol", fees=Fees(asset="BNB", asset_price=Decimal(600)), BTC="1", BNB="0.02")
    world.place("alice", BUY, "1", "60000")
    for _ in range(2):
        world.place("carol", SELL, "0.2", "60000")
    first, second = world.venue.trades("carol", "BTCUSDT")
    assert (first.fee, first.fee_asset) == (Decimal("0.02"), "BNB")
    assert (second.fee, second.fee_asset) == (Decimal(12), "USDT")
    assert (world.has("carol", "BNB"), world.has("carol", "USDT")) == (("0", "0"), ("23988", "0"))
    assert world.has(EXCHANGE, "BNB") == ("0.02", "0")


@pytest.mark.parametrize(("taker", "maker", "asset_price"), [(-1, 0, 1), (0, -1, 1), (0, 10_000, 1), (0, 0, 0)])
def test_fees_that_make_no_sense_can_not_be_set(taker: int, maker: int, asset_price: int) -> None:
    with pytest.raises(ValueError, match="fees are from 0"):
        Fees(Decimal(taker), Decimal(maker), "BNB", Decimal(asset_price))


# Looking


def test_trades_of_an_order_that_waited_come_where_they_happened(world: World) -> None:
    waiting = world.place("alice", SELL, "0.1", "60000")
    early = world.place("alice", SELL, "0.1", "59000")
    world.place("bob", BUY, "0.2", "60000")
    assert [trade.order_id for trade in world.venue.trades("alice", "BTCUSDT")] == [early.order_id, waiting.order_id]
    assert world.venue.trades("bob", "BTCUSDT", order_id=early.order_id) == [], "it is not his order"


def test_an_account_keeps_a_bounded_number_of_orders_that_are_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "HISTORY_MAX", 3)
    open_ = world.place("alice", SELL, "0.1", "60000", client_order_id="open")
    over = []
    for n in range(5):
        order = world.place("alice", SELL, "0.1", "61000", client_order_id=f"over-{n}")
        over.append(world.venue.cancel("alice", "BTCUSDT", order_id=order.order_id))
    assert world.venue.history("alice") == [*reversed(over[2:]), open_]
    for client_order_id in ("over-0", "over-1"):
        with pytest.raises(OrderUnknown):
            world.venue.order("alice", "BTCUSDT", client_order_id=client_order_id)


def test_trades_are_kept_when_their_orders_are_forgotten(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over a restart."""
    monkeypatch.setattr(rules, "HISTORY_MAX", 2)
    orders = []
    for _ in range(5):
        orders.append(world.place("alice", SELL, "0.1", "60000"))
        world.place("bob", BUY, "0.1", "60000")
    again = restarted(world)
    for venue in (world.venue, again.venue):
        assert len(venue.history("alice")) == 2
        assert [trade.order_id for trade in venue.trades("alice", "BTCUSDT")] == [order.order_id for order in orders]
        (first,) = venue.trades("alice", "BTCUSDT", order_id=orders[0].order_id)
        assert (first.maker, first.quantity, first.fee_asset) == (True, Decimal("0.1"), "USDT")
    assert again.venue.trades("bob", "BTCUSDT") == world.venue.trades("bob", "BTCUSDT")


# How much may be asked


def test_an_account_has_no_more_open_orders_in_a_market_than_its_limit(world: World) -> None:
    world.venue.set_limits(Limits(open_orders_per_symbol=2), "alice")
    first = world.place("alice", SELL, "0.1", "60000")
    world.place("alice", SELL, "0.1", "60001")
    assert world.refused("alice", SELL, "0.1", "60002") is Reason.MAX_NUM_ORDERS
    world.place("bob", SELL, "0.1", "60002")
    world.venue.cancel("alice", "BTCUSDT", order_id=first.order_id)
    world.place("alice", SELL, "0.1", "60003")
    world.venue.set_limits(None, "alice")
    world.place("alice", SELL, "0.1", "60004")


def test_an_order_counts_until_somebody_trades_with_it(world: World) -> None:
    """Once, however often it is traded with; and in its own ten seconds and day."""
    unfilled = world.venue.account("alice").unfilled

    def counted() -> tuple[int, int]:
        return unfilled.of_10_seconds.count(world.at), unfilled.of_the_day.count(world.at)

    world.place("alice", SELL, "0.1", "60000")
    world.place("alice", SELL, "0.1", "60001")
    assert world.refused("alice", SELL, "0.000001", "60000") is Reason.LOT_SIZE
    assert counted() == (2, 2)
    for _ in range(2):
        world.place("bob", BUY, "0.05", "60000")
        assert counted() == (1, 1)
    world.at += timedelta(seconds=10)
    assert counted() == (0, 1)
    world.place("bob", BUY, "0.05", "60001")
    assert counted() == (0, 0)
    world.at += timedelta(hours=12)
    assert counted() == (0, 0)


# Magic


def test_magic_is_an_accounts_own_and_can_be_switched() -> None:
    """It outlives a restart, and an account without it may place any quantity that its market allows."""
    world = World(magic=True)
    world.venue.open_account("maker", {"BTC": Decimal(1)}, magic=False)
    quantities = ("0.00777", "0.00666", "0.00555", "0.00444", "0.00333", "0.00222")
    for venue in (world.venue, restarted(world).venue):
        for quantity in quantities:
            order = venue.place("maker", "BTCUSDT", SELL, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(60000))
            assert venue.order("maker", "BTCUSDT", order_id=order.order_id).status is Status.NEW
        assert venue.depth("BTCUSDT")[1] == [(Decimal(60000), sum(map(Decimal, quantities)))]
    assert world.place("alice", SELL, "0.00666", "60000").status is Status.CANCELED
    world.venue.account("alice").magic = False
    assert world.place("alice", SELL, "0.00666", "60000").status is Status.NEW


def test_half_a_lot_does_not_fill() -> None:
    world = World(magic=True)
    world.venue.list_symbol(replace(BTC, name="DOGEUSDT", base="DOGE", quantity_step=Decimal(111), symbol_id=3))
    world.deposit("alice", "DOGE", "444")
    order = world.venue.place("alice", "DOGEUSDT", SELL, Kind.LIMIT, quantity=Decimal(444), price=Decimal(1))
    assert order.executed == 222
    world.venue.list_symbol(replace(BTC, name="SHIBUSDT", base="SHIB", quantity_step=Decimal(444), symbol_id=4))
    world.deposit("alice", "SHIB", "444")
    order = world.venue.place("alice", "SHIBUSDT", SELL, Kind.LIMIT, quantity=Decimal(444), price=Decimal(1))
    assert (order.executed, order.status) == (Decimal(0), Status.CANCELED)
    assert world.venue.trades("alice", "SHIBUSDT") == []
    world.check()


def test_555_stays_open_and_nobody_trades_with_it(magic: World) -> None:
    order = magic.place("alice", SELL, "0.00555", "60000")
    assert magic.place("bob", BUY, "0.1", "70000").executed == 0
    assert magic.venue.depth("BTCUSDT")[1] == []
    assert magic.venue.open_orders("alice") == [order]
    assert magic.has("alice", "BTC") == ("9.99445", "0.00555")
    assert magic.venue.cancel("alice", "BTCUSDT", order_id=order.order_id).status is Status.CANCELED
    assert magic.has("alice", "BTC") == ("10", "0")


def test_222_is_new_and_rejected_by_the_time_its_account_looks(magic: World) -> None:
    looks: list[Callable[[Order], Order]] = [
        magic.again,
        lambda order: magic.venue.cancel("alice", "BTCUSDT", order_id=order.order_id),
        lambda _: magic.venue.history("alice")[0],
        lambda order: [*magic.venue.open_orders("alice"), magic.again(order)][0],
        lambda order: [*magic.venue.cancel_all("alice", "BTCUSDT"), magic.again(order)][0],
    ]
    for look in looks:
        order = magic.place("alice", BUY, "0.00222", "60000", client_order_id="again")
        assert order.status is Status.NEW
        seen = look(order)
        assert (seen.status, seen.executed) == (Status.REJECTED, Decimal(0))
    magic.place("alice", BUY, "0.00222", "60000", client_order_id="again")
    assert magic.has("alice", "USDT") == ("100000", "0")


@pytest.mark.parametrize("quantity", ["0.00776", "0.07771", "7.07", "0.00111", "0.00077"])
def test_other_digits_are_no_magic(magic: World, quantity: str) -> None:
    assert magic.place("alice", SELL, quantity, "60000" if quantity != "0.00077" else "80000").status is Status.NEW


def test_there_is_no_magic_unless_it_is_a_customers_order(magic: World) -> None:
    """Nor where the venue was not asked for it."""
    assert magic.place("house", SELL, "0.00777", "60000").status is Status.NEW
    sober = World()
    for quantity in ("0.00777", "0.00666", "0.00555", "0.00444", "0.00333", "0.00222"):
        assert sober.again(sober.place("alice", SELL, quantity, "60000")).status is Status.NEW
        assert sober.venue.depth("BTCUSDT")[1]


def test_magic_does_not_make_money(magic: World) -> None:
    magic.open("carol", USDT="10")
    for quantity in ("0.00777", "0.00555", "0.00222"):
        assert magic.refused("carol", BUY, quantity, "60000") is Reason.INSUFFICIENT_BALANCE
    assert magic.refused("carol", BUY, "0.000777", "60000") is Reason.LOT_SIZE


# Conservation

POSSIBLE = {Reason.INSUFFICIENT_BALANCE, Reason.WOULD_TAKE, Reason.MIN_NOTIONAL, Reason.LOT_SIZE}


def any_life(world: World, chance: random.Random, accounts: list[str]) -> None:
    """One order, or one cancel, around one price."""
    account = chance.choice(accounts)
    if chance.random() < 0.25 and (open_ := world.venue.open_orders(account)):
        world.venue.cancel(account, "BTCUSDT", order_id=chance.choice(open_).order_id)
        return
    side = chance.choice((BUY, SELL))
    kind = chance.choices(list(Kind), [9, 1])[0]
    quantity = Decimal(int(1000 * chance.paretovariate(1))).scaleb(-5)
    price = Decimal(6_000_000 + int(chance.gauss(-300 if side == BUY else 300, 900))).scaleb(-2)
    terms: dict[str, Any] = {"quantity": quantity, "price": price, "time_in_force": chance.choice(list(TimeInForce))}
    try:
        world.venue.place(account, "BTCUSDT", side, kind, **terms)
    except VenueRefused as refused:
        assert refused.reason in POSSIBLE  # noqa: PT017


@pytest.mark.parametrize("seed", range(4))
def test_after_any_orders_nobodys_money_is_gone_or_made(seed: int) -> None:
    chance = random.Random(seed)
    world = World(seed=seed, magic=seed % 2 == 0, wealth=5)
    world.venue.set_fees(Fees(Decimal("12.34"), Decimal("5.6")))
    world.venue.set_fees(Fees(asset="BNB", asset_price=Decimal("612.34")), "bob")
    world.deposit("bob", "BNB", "0.1")
    for n in range(800):
        world.at += timedelta(seconds=1)
        any_life(world, chance, ["alice", "bob"])
        if n % 40 == 0:
            world.check()
    world.check()
    if not world.venue.magic:  # whose trades are with the house
        world.check_trades()
    statuses = Counter(order.status for name in ("alice", "bob") for order in world.venue.history(name))
    assert statuses.keys() >= {Status.FILLED, Status.CANCELED, Status.EXPIRED}


class CountingLock:
    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("call", [*IN_A_MARKET, *IN_NO_MARKET])
def test_every_call_waits_for_the_lock(call: Callable[[Venue, str], object]) -> None:
    world = World()
    world.place("alice", SELL, "0.1", "60000", client_order_id="a")
    lock = CountingLock()
    world.venue.lock = lock  # type: ignore[assignment]
    call(world.venue, "BTCUSDT")
    assert lock.taken > 0


# Restarts


def a_busy_venue() -> World:
    world = World(magic=True, wealth=1000)
    world.venue.set_fees(Fees(asset="BNB", asset_price=Decimal("612.34")), "bob")
    chance = random.Random(3)
    for _ in range(300):
        world.at += timedelta(seconds=1, microseconds=1)
        any_life(world, chance, ["alice", "bob"])
    for price in ("50000", "51000", "51000"):
        world.place("bob", BUY, "0.01", price)
    world.place("alice", SELL, "0.00555", "60000", client_order_id="aside")
    world.place("alice", SELL, "0.00777", "60000")
    world.place("alice", SELL, "0.00222", "60000", client_order_id="doomed")
    return world


def restarted(world: World) -> World:
    again = World(magic=True)
    again.at = world.at
    again.deposited = world.deposited
    again.venue.restore(json.loads(json.dumps(world.venue.state())))
    return again


def test_a_restart_changes_nothing_that_an_account_sees() -> None:
    world = a_busy_venue()
    again = restarted(world)
    assert again.venue.state() == world.venue.state()
    again.check()
    assert len(world.venue.open_orders("bob")) > 3
    for name in ("alice", "bob", EXCHANGE):
        assert again.venue.balances(name) == world.venue.balances(name)
        assert again.venue.history(name) == world.venue.history(name)
        assert again.venue.open_orders(name) == world.venue.open_orders(name)
        assert again.venue.trades(name, "BTCUSDT") == world.venue.trades(name, "BTCUSDT")
    assert again.venue.depth("BTCUSDT") == world.venue.depth("BTCUSDT")
    assert again.venue.last_price("BTCUSDT") == world.venue.last_price("BTCUSDT") is not None
    assert again.venue.symbols == world.venue.symbols
    for venue in (again.venue, world.venue):
        assert venue.order("alice", "BTCUSDT", client_order_id="doomed").status is Status.REJECTED
        assert venue.order("alice", "BTCUSDT", client_order_id="aside").status is Status.NEW


def test_what_is_kept_of_an_order_is_what_it_is_then(world: World) -> None:
    """However often it was kept before."""
    order = world.place("alice", SELL, "0.1", "60000")
    for _ in range(2):
        world.venue.state()
        world.place("bob", BUY, "0.05", "60000")
        assert restarted(world).again(order) == world.again(order)


def test_after_a_restart_ids_go_on_and_places_in_the_queue_are_kept() -> None:
    world = World()
    first, second = world.place("alice", SELL, "0.1", "60000"), world.place("alice", SELL, "0.1", "60000")
    before = world.place("bob", BUY, "0.09999", "60000")
    again = restarted(world)
    assert again.venue.depth("BTCUSDT") == ([], [(Decimal(60000), Decimal("0.10001"))]), "however little is left"
    after = again.place("bob", BUY, "0.1", "60000")
    assert after.order_id > before.order_id
    assert [again.again(order).executed for order in (first, second)] == [Decimal("0.1"), Decimal("0.09999")]
    trades = again.venue.trades("bob", "BTCUSDT")
    assert len(trades) == 3
    assert trades[0].trade_id < trades[1].trade_id
    again.check()


@pytest.mark.parametrize("ended", [[0, 1], [1, 0]])
def test_after_a_restart_what_ended_first_is_forgotten_first(monkeypatch: pytest.MonkeyPatch, ended: list[int]) -> None:
    monkeypatch.setattr(rules, "HISTORY_MAX", 2)
    world = World()
    orders = [world.place("alice", SELL, "0.1", "60000") for _ in range(2)]
    for n in ended:
        world.at += timedelta(seconds=1)
        world.venue.cancel("alice", "BTCUSDT", order_id=orders[n].order_id)
    again = restarted(world)
    third = again.place("alice", SELL, "0.1", "60000")
    again.venue.cancel("alice", "BTCUSDT", order_id=third.order_id)
    known = [order.order_id for order in again.venue.history("alice")]
    assert known == [third.order_id, orders[ended[1]].order_id]


def test_trades_that_were_kept_with_their_orders_are_still_known() -> None:
    """As this venue kept them until it kept them for ever."""
    world = a_busy_venue()
    state = json.loads(json.dumps(world.venue.state()))
    rows = state.pop("trades")
    names = ["trade_id", "price", "quantity", "quote_quantity", "fee", "fee_asset", "maker", "at"]
    for told in state["orders"]:
        mine = [row[:1] + row[5:] for row in rows if row[1] == told["order_id"]]
        told["trades"] = [dict(zip(names, row, strict=True)) for row in mine]
    for account in state["accounts"]:
        del account["magic"], account["limits"]
    again = World(magic=True)
    again.venue.restore(state)
    assert again.venue.state() == world.venue.state()


def test_a_restart_ends_the_open_orders_of_the_market_itself() -> None:
    world = World()
    world.place(HOUSE, BUY, "1", "59000")
    again = restarted(world)
    assert again.venue.depth("BTCUSDT") == ([], [])
    assert again.has(HOUSE, "USDT") == ("0", "0")
    again.check()


def test_a_state_that_does_not_add_up_changes_nothing(world: World) -> None:
    world.place("alice", SELL, "0.1", "60000")
    state = json.loads(json.dumps(world.venue.state()))
    told = next(account for account in state["accounts"] if account["name"] == "alice")
    told["locked"]["BTC"] = "0.2"
    before = world.venue.state()
    with pytest.raises(ValueError, match="alice has locked"):
        world.venue.restore(state)
    state["orders"][0]["quantity"] = "0.1000001"
    with pytest.raises(ValueError, match="no whole steps"):
        world.venue.restore(state)
    with pytest.raises(KeyError):
        world.venue.restore({})
    assert world.venue.state() == before
