"""The market around the customers is deep, moves with its reference, and takes from who is in front."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from threading import Event, Thread
from typing import Any

import pytest

from sandbox.exchange.flow import DEEP, TAKERS, Flow, Profiles
from sandbox.exchange.venue import BUY, EXCHANGE, HOUSE, SELL, Kind, Order, Status, Symbol, TimeInForce, Trade, Venue

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BTC = Symbol("BTCUSDT", "BTC", "USDT", Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001"), Decimal(10), 1)
DOGE = Symbol("DOGEUSDT", "DOGE", "USDT", Decimal("0.00001"), Decimal(1), Decimal(1), Decimal(10), 2)


class Market:
    """A venue with a flow, references that a test sets, and a customer with plenty."""

    def __init__(self, seed: int = 7, *, magic: bool = False) -> None:
        self.venue = Venue(lambda: NOON, magic=magic)
        self.venue.list_symbol(BTC)
        self.venue.list_symbol(DOGE)
        self.references: dict[str, Decimal] = {"BTCUSDT": Decimal("67187.30"), "DOGEUSDT": Decimal("0.1234")}
        self.profiles = Profiles()
        self.flow = Flow(self.venue, self.references.get, seed, self.profiles)
        self.deposits = {"BTC": Decimal(1000), "USDT": Decimal(10**8)}
        self.venue.open_account("alice", self.deposits)

    def place(self, side: str, quantity: str, price: str, time_in_force: TimeInForce = TimeInForce.GTC) -> Order:
        amounts: Any = {"quantity": Decimal(quantity), "price": Decimal(price)}
        return self.venue.place("alice", "BTCUSDT", side, Kind.LIMIT, time_in_force=time_in_force, **amounts)

    def again(self, order: Order) -> Order:
        return self.venue.order("alice", order.symbol, order_id=order.order_id)


@pytest.fixture
def market() -> Iterator[Market]:
    market = Market()
    yield market
    together: defaultdict[str, Decimal] = defaultdict(Decimal)
    for account in market.venue.accounts:
        for asset, (free, locked) in market.venue.balances(account).items():
            together[asset] += free + locked
    assert {asset: amount for asset, amount in together.items() if amount} == market.deposits


@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT"])
def test_each_side_is_half_a_million_dollars_deep(market: Market, symbol: str) -> None:
    """Within a quarter of a percent of the reference."""
    market.flow.step()
    bids, asks = market.venue.depth(symbol)
    reference = market.references[symbol]
    assert all(reference * Decimal("0.9975") <= price < reference for price, _ in bids)
    assert all(reference * Decimal("1.0025") >= price > reference for price, _ in asks)
    for side in (bids, asks):
        assert sum(price * quantity for price, quantity in side) > 500_000
    assert asks[0][0] - bids[0][0] <= reference * Decimal("0.001"), "the best prices are close together"


@pytest.mark.parametrize("notional", ["10", "100", "10000", "300000"])
@pytest.mark.parametrize("side", [BUY, SELL])
def test_an_order_of_any_size_fills_at_once_and_in_several_parts(market: Market, side: str, notional: str) -> None:
    market.flow.step()
    reference = market.references["BTCUSDT"]
    quantity = (Decimal(notional) / reference).quantize(Decimal("0.00001")) + Decimal("0.00001")
    limit = (reference * Decimal("1.0025" if side == BUY else "0.9975")).quantize(Decimal("0.01"))
    order = market.place(side, str(quantity), str(limit))
    assert order.status is Status.FILLED
    assert len(market.venue.trades("alice", "BTCUSDT", order_id=order.order_id)) >= 2


def test_the_quotes_move_with_the_reference_and_meet_who_waits_there(market: Market) -> None:
    market.flow.step()
    waiting = market.place(SELL, "0.5", "68000")
    market.references["BTCUSDT"] = Decimal(67900)
    market.flow.step()
    assert market.again(waiting).executed == 0
    market.references["BTCUSDT"] = Decimal(69000)
    market.flow.step()
    filled = market.again(waiting)
    assert (filled.status, filled.gross) == (Status.FILLED, Decimal(34000))
    market.flow.step()
    bids, asks = market.venue.depth("BTCUSDT")
    assert Decimal(68900) < bids[0][0] < 69000 < asks[0][0] < Decimal(69100)


def test_a_step_gives_back_what_was_taken(market: Market) -> None:
    market.flow.step()
    market.place(BUY, "5", "68000", TimeInForce.IOC)
    thin = market.venue.depth("BTCUSDT")[1]
    market.flow.step()
    deep = market.venue.depth("BTCUSDT")[1]
    assert sum(quantity for _, quantity in thin) + 3 < sum(quantity for _, quantity in deep)
    assert len(market.venue.open_orders(HOUSE, "BTCUSDT")) == 2 * DEEP.levels


def test_takers_come_by_and_take_from_a_customer_in_front_a_part_at_a_time(market: Market) -> None:
    best = market.place(SELL, "1", "67187.31")
    parts = []
    for _ in range(60):
        market.flow.step()
        parts.append(market.again(best).executed)
    taken = [later - earlier for earlier, later in pairwise(parts) if later != earlier]
    assert len(taken) > 2
    assert len(set(taken)) > 2
    trades = market.venue.trades("alice", "BTCUSDT")
    assert all(trade.maker and trade.price == Decimal("67187.31") for trade in trades)
    assert market.again(best).status is Status.PARTIALLY_FILLED


def test_takers_do_not_come_far(market: Market) -> None:
    near, far = market.place(SELL, "0.01", "67500"), market.place(SELL, "1", "67600")
    for _ in range(60):
        market.flow.step()
        market.venue.cancel_all(HOUSE, "BTCUSDT")
    assert market.again(near).status is Status.FILLED
    assert market.again(far).executed == 0
    assert market.venue.open_orders(TAKERS) == [], "they take or leave"


def test_the_same_seed_makes_the_same_market_and_another_another() -> None:
    def lived(seed: int) -> list[object]:
        market = Market(seed)
        seen: list[object] = []
        for n in range(20):
            market.references["BTCUSDT"] += n
            market.flow.step()
            market.place(SELL, "0.001", "67187.31")
            seen.append((market.venue.depth("BTCUSDT"), market.venue.last_price("BTCUSDT")))
        return seen

    assert lived(7) == lived(7) != lived(8)


@pytest.mark.parametrize("reference", [None, "0", "-1", "NaN", "Infinity", "1e30"])
def test_without_a_reference_that_is_a_price_nobody_quotes(market: Market, reference: str | None) -> None:
    market.flow.step()
    del market.references["BTCUSDT"]
    if reference is not None:
        market.references["BTCUSDT"] = Decimal(reference)
    for _ in range(10):
        market.flow.step()
    assert market.venue.depth("BTCUSDT") == ([], [])
    assert market.venue.depth("DOGEUSDT")[0]


@pytest.mark.parametrize("reference", ["0.000001", "9999999999", "0.01", "1"])
def test_any_price_can_be_quoted(market: Market, reference: str) -> None:
    market.references["BTCUSDT"] = Decimal(reference)
    for _ in range(10):
        market.flow.step()
    assert any(market.venue.depth("BTCUSDT"))


def test_under_maintenance_the_market_stands_still(market: Market) -> None:
    market.flow.step()
    before = market.venue.depth("BTCUSDT")
    market.venue.maintenance = True
    for _ in range(10):
        market.flow.step()
    assert market.venue.depth("BTCUSDT") == before


def test_nobody_finds_the_house_away(market: Market) -> None:
    market.flow.step()
    stop = Event()
    steps = Thread(target=market.flow.run, args=(stop, 0))
    steps.start()
    orders = [
        market.place(side, "0.01", price) for _ in range(150) for side, price in [(BUY, "68000"), (SELL, "66000")]
    ]
    stop.set()
    steps.join()
    assert {order.status for order in orders} == {Status.FILLED}


def test_the_loop_takes_a_step_at_once_and_ends_when_it_is_told_to(market: Market) -> None:
    stop = Event()
    asked: list[str] = []

    def reference(symbol: str) -> None:
        asked.append(symbol)
        stop.set()

    Flow(market.venue, reference).run(stop, 3600)
    assert asked == ["BTCUSDT", "DOGEUSDT"]


def test_the_market_itself_pays_no_fees_and_is_not_under_a_spell() -> None:
    market = Market(magic=True)
    market.venue.place(TAKERS, "BTCUSDT", BUY, Kind.LIMIT, quantity=Decimal("0.00666"), price=Decimal("67187.30"))
    sold = market.venue.place(HOUSE, "BTCUSDT", SELL, Kind.LIMIT, quantity=Decimal("0.00666"), price=Decimal("67187.3"))
    assert sold.status is Status.FILLED
    assert market.venue.balances(EXCHANGE).get("USDT", (0, 0))[0] == 0


# The thin house


def quoted_for_an_hour(market: Market, bps: int, profile: str = "thin") -> list[Trade]:
    """What becomes of a customer who quotes so many basis points away from the reference, on both sides."""
    market.profiles.choose(profile, ["BTCUSDT"])
    away = market.references["BTCUSDT"] * bps / 10_000
    for _ in range(60):
        market.flow.step()
        market.venue.cancel_all("alice", "BTCUSDT")
        for side, sign in ((BUY, -1), (SELL, 1)):
            price = (market.references["BTCUSDT"] + sign * away).quantize(BTC.price_step)
            market.venue.place("alice", "BTCUSDT", side, Kind.LIMIT_MAKER, quantity=Decimal("0.003"), price=price)
    return market.venue.trades("alice", "BTCUSDT")


def test_a_thin_house_leaves_the_mid_to_who_quotes_there(market: Market) -> None:
    """And takers hit the quotes, on both sides; a deep house is met before them."""
    trades = quoted_for_an_hour(market, 10)
    sides = Counter(trade.side for trade in trades)
    assert min(sides[BUY], sides[SELL]) >= 15
    assert all(trade.maker for trade in trades)
    assert {trade.price for trade in trades} == {Decimal("67120.11"), Decimal("67254.49")}
    assert len(quoted_for_an_hour(Market(), 10, "deep")) < len(trades) / 10


def test_takers_at_a_thin_house_do_not_come_far(market: Market) -> None:
    assert quoted_for_an_hour(market, 61) == []


def test_the_same_seed_hits_the_same_quotes_of_a_thin_market(market: Market) -> None:
    def hit(seed: int) -> list[tuple[str, Decimal]]:
        return [(trade.side, trade.quantity) for trade in quoted_for_an_hour(Market(seed), 10)]

    assert hit(7) == hit(7)
    assert hit(7) != hit(8)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_thin_house_still_trades_with_an_order_of_any_size(market: Market, side: str) -> None:
    """Farther away: customers of the desk sell and buy there, too."""
    market.profiles.choose("thin", ["BTCUSDT"])
    market.flow.step()
    limit = "66500" if side == SELL else "67900"  # about 100 basis points
    assert market.place(side, "7", limit).status is Status.FILLED
    assert market.place(side, "0.01", "67187.30").executed == 0


def test_one_market_may_be_thin_and_another_deep(market: Market) -> None:
    market.profiles.choose("thin", ["BTCUSDT"])
    market.flow.step()

    def spread_bps(symbol: str) -> Decimal:
        bids, asks = market.venue.depth(symbol, 1)
        return (asks[0][0] / bids[0][0] - 1) * 10_000

    assert spread_bps("BTCUSDT") > 55 > 5 > spread_bps("DOGEUSDT")
    market.profiles.choose("deep", ["BTCUSDT"])
    market.flow.step()
    assert spread_bps("BTCUSDT") < 5
