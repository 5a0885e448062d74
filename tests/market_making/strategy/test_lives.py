"""Random lives of the strategy, hosted as `Decision` asks for: prices move and fill, cancels stay without an answer,
placements are refused. Never is more promised than there is, nor an order live beyond plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any

import pytest

from functions.market_making.strategy import (
    Available,
    Book,
    Creation,
    Decision,
    LiveOrder,
    Market,
    PriceType,
    Rules,
    Side,
    Standing,
    State,
    Terms,
    propose,
    tick,
)
from tests.depth import SIMULATED, deep
from tests.market_making.strategy.made import number

BLOCK = deep(2, 50)
ODD_BLOCK = 1_000 if SIMULATED else deep(10, 200)
CYCLES = 40
SECONDS = 10


def _rules(chance: Random) -> Rules:
    def maybe(**given: Any) -> dict[str, Any]:
        return given if chance.random() < 0.4 else {}

    fee = chance.choice(["0", "0.001", "0.0025"])
    terms = Terms(
        tick=number(chance.choice(["0.01", "0.05", "0.5"])),
        lot=number(chance.choice(["0.001", "0.1"])),
        min_size=number(chance.choice(["0", "0.2"])),
        min_notional=number(chance.choice(["0", "30"])),
        maker_fee=number(fee),
        taker_fee=number(fee),
    )
    given: dict[str, Any] = {
        "bid_spread": number(chance.choice(["0.002", "0.01"])),
        "ask_spread": number(chance.choice(["0.002", "0.01"])),
        "order_amount": number(chance.choice(["0.3", "1", "40"])),
        "order_levels": chance.choice([1, 2, 4]),
        "order_level_spread": number(chance.choice(["0", "0.004"])),
        "order_refresh_time": chance.choice([10, 30]),
        "order_refresh_tolerance_pct": number(chance.choice(["-1", "0", "0.003"])),
        "filled_order_delay": chance.choice([0, 20]),
        **maybe(order_level_amount=number(chance.choice(["-0.2", "0.5"]))),
        **maybe(max_order_age=25),
        **maybe(minimum_spread=number("0.003")),
        **maybe(hanging_orders_enabled=True, hanging_orders_cancel_pct=number("0.03")),
        **maybe(ping_pong_enabled=True),
        **maybe(inventory_skew_enabled=True),
        **maybe(inventory_spread_skew=number("0.01")),
        **maybe(order_optimization_enabled=True, bid_order_optimization_depth=number(3)),
        **maybe(add_transaction_costs=True),
        **maybe(moving_price_band_enabled=True, price_ceiling_pct=number("0.02"), price_floor_pct=number("-0.02")),
        **maybe(price_type=chance.choice([PriceType.LAST_OWN_TRADE_PRICE, PriceType.BEST_BID])),
    }
    return Rules(terms=terms, **given)


@dataclass
class _Host:
    """Keeps the ledger, and does as `Decision` says; what may go wrong does, now and then."""

    chance: Random
    by: Rules
    base: Decimal
    quote: Decimal
    state: State
    ever: set[str]
    dead: set[str]  # at the exchange, and not known to be

    def available(self) -> Available:
        base, quote = self.base, self.quote
        for order in self.state.orders:
            left = order.size - order.filled
            if order.side is Side.SELL:
                base -= left
            else:
                quote -= left * order.price
        assert base >= 0, self.state
        assert quote >= 0, self.state
        return Available(base, quote)

    def trade(self, order: LiveOrder, size: Decimal) -> None:
        """The fee comes out of what the trade brings, as at the exchange."""
        kept = 1 - self.by.terms.maker_fee
        bought = order.side is Side.BUY
        self.base += size * kept if bought else -size
        self.quote += -size * order.price if bought else size * order.price * kept
        base_fee = size - size * kept if bought else Decimal(0)
        self.state = self.state.filled(self.by, order.key, size, base_fee=base_fee)

    def move(self, mid: Decimal) -> None:
        """Fill what the price has gone through, in part or whole."""
        for order in self.state.orders:
            met = mid <= order.price if order.side is Side.BUY else mid >= order.price
            if met and order.key not in self.dead:
                left, lot = order.size - order.filled, self.by.terms.lot
                part = left if self.chance.random() < 0.6 else max(left // 2 // lot * lot, lot)
                self.trade(order, part)

    def carry_out(self, decision: Decision) -> None:
        self.state = decision.state
        seen_dead = {key for key in decision.cancels if self.chance.random() < 0.8}
        filled = False
        for key in seen_dead:
            order = decision.state.live(key)
            assert order is not None
            if key not in self.dead and self.chance.random() < 0.1:  # it was filled before the cancel came
                self.trade(order, order.size - order.filled)
                filled = True
        self.dead |= {key for key in decision.cancels if self.chance.random() < 0.5}
        placing = not decision.create_after_cancels or (len(seen_dead) == len(decision.cancels) and not filled)
        for new in (*decision.renews, *decision.creations):
            renewed = new.renews is None or new.renews in seen_dead or decision.state.live(new.renews) is None
            still = new.renews is None or decision.state.live(new.renews) is None or self.state.live(new.renews)
            placed = renewed and still if new.renews is not None else placing
            if not placed or self.chance.random() < 0.05:  # or refused: it would take
                self.state = self.state.unplaced(new.key)
        for key in sorted(seen_dead):
            self.state = self.state.cancelled(key)
            self.dead.discard(key)


def _plain(value: object) -> Iterator[object]:
    """Every value of a state, to its leaves."""
    if is_dataclass(value):
        for one in fields(value):
            yield from _plain(getattr(value, one.name))
    elif isinstance(value, tuple):
        for part in value:
            yield from _plain(part)
    else:
        yield value


def _check(by: Rules, before: State, there: Market, decision: Decision, ever: set[str]) -> None:
    news: tuple[Creation, ...] = (*decision.creations, *decision.renews)
    assert not ever & {new.key for new in news}
    live = [order for order in decision.state.orders if order.cancelled_at is None]
    hanging = sum(order.standing is Standing.HANGING for order in live)
    assert hanging <= 2 * by.order_levels + len(before.owed)
    quotes = [order for order in live if order.standing is Standing.QUOTE]
    for side in Side:
        assert sum(order.side is side for order in quotes) <= by.order_levels
    for new in decision.creations:
        assert new.price % by.terms.tick == 0
        assert new.size % by.terms.lot == 0
        assert by.terms.refusal(new.price, new.size) is None
        assert new.price < there.book.asks[0][0] if new.side is Side.BUY else new.price > there.book.bids[0][0]
    if decision.creations:
        assert decision.create_after_cancels is bool(decision.cancels)
    assert decision.state.owed == ()
    assert all(isinstance(value, (int, str, Decimal, StrEnum)) or value is None for value in _plain(decision.state))


@pytest.mark.parametrize("block", range(30))
def test_a_life_never_promises_more_than_there_is(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        _live(seed)


def _live(seed: int) -> None:
    chance = Random(seed)
    by = _rules(chance)
    host = _Host(
        chance, by, number(chance.choice([0, 3, 80])), number(chance.choice([0, 250, 8_000])), State(), set(), set()
    )
    mid, step = Decimal(100), by.terms.tick
    for cycle in range(1, CYCLES + 1):
        mid = (mid * (1 + Decimal(chance.randint(-60, 60)) / 10_000)) // step * step
        host.move(mid)
        sizes = [Decimal(chance.randint(1, 40)) / 10 for _ in range(6)]
        sides = (
            [(mid - step * (n + 1), sizes[n]) for n in range(3)],
            [(mid + step * (n + 1), sizes[n + 3]) for n in range(3)],
        )
        there = Market(Book(*sides))
        money, now = host.available(), cycle * SECONDS
        decision = tick(by, host.state, there, money, now)
        assert tick(by, host.state, there, money, now) == decision
        _check(by, host.state, there, decision, host.ever)
        host.ever |= {new.key for new in (*decision.creations, *decision.renews)}
        host.carry_out(decision)
        host.available()


def test_lives_have_everything_that_may_happen() -> None:
    """A life in which nothing happens proves nothing."""
    happened = {"created": 0, "cancelled": 0, "renewed": 0, "hung": 0, "filled": 0}
    for seed in range(30):
        chance = Random(seed)
        by = _rules(chance)
        host = _Host(chance, by, Decimal(80), Decimal(8_000), State(), set(), set())
        mid = Decimal(100)
        for cycle in range(1, CYCLES + 1):
            mid = mid * (1 + Decimal(chance.randint(-60, 60)) / 10_000) // by.terms.tick * by.terms.tick
            before = host.base
            host.move(mid)
            happened["filled"] += host.base != before
            sides = [[(mid + sign * by.terms.tick, Decimal(1))] for sign in (-1, 1)]
            decision = tick(by, host.state, Market(Book(*sides)), host.available(), cycle * SECONDS)
            happened["created"] += len(decision.creations)
            happened["cancelled"] += len(decision.cancels)
            happened["renewed"] += len(decision.renews)
            happened["hung"] += any(order.standing is Standing.HANGING for order in decision.state.orders)
            host.carry_out(decision)
    assert all(count > 20 for count in happened.values()), happened


@pytest.mark.parametrize("block", range(20))
def test_whatever_is_let_in_is_proposed_for_without_a_crash(block: int) -> None:
    for seed in range(block * ODD_BLOCK, (block + 1) * ODD_BLOCK):
        _propose(seed)


def _propose(seed: int) -> None:
    """Numbers from the ends of their bounds, and everything on."""
    chance = Random(seed)

    def one_of(*numbers: str) -> Decimal:
        return Decimal(chance.choice(numbers))

    large = ("1e-12", "0.000001", "0.1", "1", "3", "99999.99999", "1e12")
    fractions = ("1e-18", "0.0001", "0.3333333333333333333333333333", "0.999999999999999999")
    by = Rules(
        terms=Terms(one_of(*large), one_of(*large), one_of("0", *large), one_of("0", *large), one_of("-0.9", "0.9")),
        bid_spread=one_of(*fractions),
        ask_spread=one_of(*fractions),
        order_amount=one_of(*large),
        order_levels=chance.randint(0, 50),
        order_level_spread=one_of("0", *fractions, "1"),
        order_level_amount=one_of("0", "-1e12", "1e12", *large),
        order_refresh_time=1,
        minimum_spread=one_of("-1", "1", "0.01"),
        inventory_skew_enabled=True,
        inventory_range_multiplier=one_of("1e-12", "1", "10000"),
        inventory_target_base_pct=one_of("0", "1", "0.3333333333333333333333333333"),
        inventory_spread_skew=one_of("0", "1"),
        order_optimization_enabled=True,
        bid_order_optimization_depth=one_of("0", "1e12"),
        add_transaction_costs=True,
        moving_price_band_enabled=True,
        hanging_orders_enabled=True,
    )
    low, high = sorted((one_of(*large), one_of(*large) * 1))
    there = Market(Book([(low, one_of(*large))], [(high, one_of(*large))]))
    money = Available(one_of("0", *large), one_of("0", *large))
    assert propose(by, State(), there, money, 1).lost is None or low < by.terms.tick
    state = State()
    for now in (1, 2, 3):
        decision = tick(by, state, there, money, now)
        state = decision.state
        if state.orders:
            state = state.filled(by, state.orders[0].key, state.orders[0].size)
