"""An owner pauses, resumes and configures an order that quotes, and its next cycle does so."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.idempotency import IdempotencyKeyReused
from common.owner import Owner
from functions.market_making import configuration, hummingbot, quotes_store, shard_store
from functions.market_making.hummingbot import InvalidConfiguration
from functions.market_making.model import (
    ConfigurationMoved,
    NoMarketPrice,
    NotConfigurable,
    NotPausable,
    NotResumable,
    Status,
    Terms,
    order_id,
)
from functions.market_making.risk import REFUSALS_MAX
from sandbox.exchange.venue import HOUSE
from tests.market_making.audit import live_until
from tests.market_making.market import ORDER, PAIR, Market
from tests.market_making.outside import check
from tests.market_making.test_ticking import Quoted

NARROW = {"bid_spread": "0.1", "ask_spread": "0.1", "order_amount": "0.01", "order_refresh_time": "10"}


@pytest.fixture
def quoted() -> Quoted:
    quoted = Quoted()
    quoted.ticks(3, flow=False)
    return quoted


def changed(quoted: Quoted, **changes: Any) -> None:
    """Written into its quotes, as if a cycle had found so."""
    table, order_id = quoted.market.table, quoted.market.order().order_id
    read = quotes_store.find(table, order_id)
    assert read is not None
    after = replace(read, cycle=read.cycle + 1, **changes)
    table.write(*quotes_store.write(read, after, (), quoted.market.clock.at))


def prices(quoted: Quoted) -> list[Decimal]:
    return sorted(order.price for order in quoted.open)


def test_a_paused_order_has_nothing_open_after_its_next_cycle(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    assert quoted.open
    paused = market.steering.pause(order_id)
    assert (paused.status, paused.reason) == (
        Status.PAUSED,
        "paused by its owner; what is open is cancelled with the next cycle",
    )
    assert market.steering.pause(order_id) == paused
    quoted.ticks(2)
    assert not quoted.open
    market.steering.resume(order_id)
    resumed = market.steering.resume(order_id)
    assert (resumed.status, resumed.reason) == (Status.RUNNING, None)
    quoted.ticks(2)
    assert quoted.open
    check(market)


def test_only_what_runs_is_paused_and_what_is_paused_resumed(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    market.quoting.stop(order_id)
    with pytest.raises(NotPausable):
        market.steering.pause(order_id)
    with pytest.raises(NotResumable, match="stopping"):
        market.steering.resume(order_id)
    with pytest.raises(NotConfigurable):
        market.steering.configure(order_id, 1, NARROW)


def test_an_order_that_has_lost_too_much_is_not_resumed(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    market.steering.pause(order_id)
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    changed(quoted, began=(read.base, read.quote * 2))
    with pytest.raises(NotResumable, match="it has lost"):
        market.steering.resume(order_id)
    assert market.order().status is Status.PAUSED


def test_refusals_in_a_row_are_forgotten_when_it_is_resumed(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    changed(quoted, refusals=REFUSALS_MAX)
    quoted.ticks(2)
    assert market.order().status is Status.PAUSED
    assert not quoted.open
    market.steering.resume(order_id)
    quoted.ticks(2)
    assert market.order().status is Status.RUNNING
    assert quoted.open


def test_without_a_price_nothing_is_resumed(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    market.steering.pause(order_id)
    quoted.ticks(1, flow=False)
    venue = quoted.exchange.venue
    venue.cancel_all(HOUSE, "BTCUSDT")
    with pytest.raises(NoMarketPrice):
        market.steering.resume(order_id)


def test_an_edit_counts_from_the_next_cycle_on(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    before = market.steering.configured(order_id)
    assert (before.version, before.settings["bid_spread"]) == (1, "0.2")
    assert prices(quoted) == [Decimal("59880.00"), Decimal("60120.00")]
    after = market.steering.configure(order_id, 1, {"bid_spread": "0.1"})
    assert (after.version, after.settings["bid_spread"], after.settings["ask_spread"]) == (2, "0.1", "0.2")
    assert prices(quoted) == [Decimal("59880.00"), Decimal("60120.00")]
    quoted.ticks(2, flow=False)
    assert prices(quoted) == [Decimal("59940.00"), Decimal("60120.00")]
    assert [event.reason for event in market.overseeing.life(order_id).events].count("configured anew, version 2") == 1


def test_the_same_edit_twice_is_one_and_another_of_its_version_none(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    first = market.steering.configure(order_id, 1, {"bid_spread": "0.1"})
    assert market.steering.configure(order_id, 1, {"bid_spread": "0.1"}) == first
    with pytest.raises(ConfigurationMoved, match="version 2") as moved:
        market.steering.configure(order_id, 1, {"bid_spread": "0.3"})
    assert moved.value.facts["version"] == 2
    with pytest.raises(ConfigurationMoved):
        market.steering.configure(order_id, 4, {"bid_spread": "0.3"})
    assert market.steering.configured(order_id) == first


def test_what_can_not_be_is_refused_and_nothing_changes(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    with pytest.raises(InvalidConfiguration):
        market.steering.configure(order_id, 1, {"bid_spread": "0"})
    assert market.steering.configured(order_id).version == 1


def test_an_order_configured_before_it_begins_runs_by_that() -> None:
    quoted = Quoted()
    market, order_id = quoted.market, quoted.market.order().order_id
    assert market.steering.configured(order_id).version == 0
    with pytest.raises(InvalidConfiguration, match="is needed"):
        market.steering.configure(order_id, 0, {"bid_spread": "0.1"})
    market.steering.configure(order_id, 0, NARROW)
    quoted.ticks(2, flow=False)
    assert market.order().status is Status.RUNNING
    assert prices(quoted) == [Decimal("59940.00"), Decimal("60060.00")]
    member = shard_store.member(market.table, market.order())
    assert member is not None
    assert member.config == 1


def test_an_order_ends_once_it_has_traded_what_was_wanted(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    market.steering.configure(order_id, 1, {"stop_at_volume": "900"})
    quoted.ticks(60)
    trades = quotes_store.trades(market.table, order_id)
    traded = sum(trade.quote_quantity for trade in trades)
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    assert (market.order().status, read.tally.traded) == (Status.STOPPING, traded)
    assert traded >= 900
    assert traded - trades[-1].quote_quantity < 3_000
    live_until(market, Status.STOPPED, minutes=30)
    assert not quoted.open


def test_an_order_far_from_what_is_wanted_goes_on(quoted: Quoted) -> None:
    market, order_id = quoted.market, quoted.market.order().order_id
    market.steering.configure(order_id, 1, {"stop_at_volume": "900000000"})
    quoted.ticks(20)
    assert market.order().status is Status.RUNNING


def test_an_order_opened_with_a_configuration_begins_by_it() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    settings = hummingbot.read(NARROW, "binance", "BTC-USDT")
    owner = Owner("ann", "sub-ann")
    asked = Terms(PAIR, Decimal("0.1"), Decimal(5000), configured=configuration.written(settings))
    order = market.opening.open(owner, "k", asked).made
    assert quotes_store.configuration(market.table, order.order_id, 1) == asked.configured
    assert market.opening.open(owner, "k", asked).replayed
    with pytest.raises(IdempotencyKeyReused):
        market.opening.open(owner, "k", replace(asked, configured=None))


def test_an_order_that_was_configured_when_opened_starts_so() -> None:
    market = Market()
    market.list_pair()
    market.poll()
    written = configuration.written(hummingbot.read(NARROW, "binance", "BTC-USDT"))
    market.table.write(quotes_store.configure(order_id(ORDER), 1, written, market.clock.at))
    market.fund_all()
    live_until(market, Status.CREATED)
    member = shard_store.member(market.table, market.order())
    assert member is not None
    assert member.config == 1


def test_nothing_is_sold_below_the_price_at_which_the_inventory_was_opened(quoted: Quoted) -> None:
    """Also after more was bought, which costs less."""
    market, order_id = quoted.market, quoted.market.order().order_id
    market.steering.configure(order_id, 1, {"price_type": "inventory_cost", "inventory_price": "63000"})
    quoted.ticks(30)
    assert any(trade.side == "BUY" for trade in quotes_store.trades(market.table, order_id))
    read = quotes_store.find(market.table, order_id)
    assert read is not None
    state = read.memory
    assert state.cost_base == pytest.approx(read.base)
    assert Decimal(61_000) < state.cost_quote / state.cost_base < Decimal(63_000)
    sells = [order.price for order in quoted.open if order.side == "SELL"]
    assert sells
    assert min(sells) > state.cost_quote / state.cost_base


def test_performance_is_what_the_trades_and_the_ledger_say() -> None:
    quoted = Quoted()
    market, told = quoted.market, quoted.market.order().order_id
    with pytest.raises(NotConfigurable, match="not begun"):
        market.steering.performance(told)
    quoted.ticks(60)
    trades, read = quotes_store.trades(market.table, told), quotes_store.find(market.table, told)
    found = market.steering.performance(told)
    assert read is not None
    assert found.fills == len(trades) > 5
    assert found.maker_volume == sum(trade.quote_quantity for trade in trades)
    assert found.fees["USDT"] == sum(trade.fee for trade in trades if trade.fee_asset == "USDT")
    first = read.tally.first_price
    assert first is not None
    began = read.began[0] * first + read.began[1]
    assert found.realised + found.unrealised == read.base * found.price + read.quote - began
    assert found.against_holding == (read.base - read.began[0]) * found.price + read.quote - read.began[1]
    assert Decimal("0.5") < found.two_sided <= 1
