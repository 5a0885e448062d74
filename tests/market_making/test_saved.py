"""Pairs and trading accounts as operators save them: over what was read, and over nobody else's change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair, PairMoved
from functions.market_making import account_store, shard_store
from functions.market_making.model import ConfigurationMoved, NoCapacity, TradingAccount, TradingAccountMoved
from tests.market_making.market import ACCOUNT, ANN, BTC, PAIR, Market

Others = Callable[[Pair], Pair]


@pytest.fixture
def market() -> Market:
    market = Market()
    market.list_pair()
    return market


@pytest.mark.parametrize(
    "change",
    [
        lambda pair: replace(pair, enabled=not pair.enabled),
        lambda pair: replace(pair, fee_bps=pair.fee_bps + 1),
        lambda pair: replace(pair, base_min=2 * pair.base_min),
        lambda pair: replace(pair, quote_min=2 * pair.quote_min),
    ],
    ids=["enabled", "fee_bps", "base_min", "quote_min"],
)
def test_a_pair_is_not_saved_over_what_another_has_changed(market: Market, change: Others) -> None:
    (read,) = pair_store.saved_pairs(market.table)
    market.table.write(pair_store.save_pair(change(read.pair), read, market.clock()))
    for mine in (read.pair, replace(read.pair, fee_bps=Decimal(77))):
        with pytest.raises(PairMoved):
            market.table.write(pair_store.save_pair(mine, read, market.clock()))
    with pytest.raises(PairMoved):
        market.table.write(pair_store.save_pair(read.pair, None, market.clock()))
    assert pair_store.pair(market.table, PAIR) == change(read.pair)


def read_account(market: Market) -> TradingAccount:
    return account_store.account(market.table, ACCOUNT)


@pytest.mark.parametrize("changed", [{"capacity": 9}, {"enabled": False}], ids=["capacity", "enabled"])
def test_an_account_is_not_saved_over_what_another_has_changed(market: Market, changed: dict[str, int]) -> None:
    read = read_account(market)
    market.table.write(account_store.save_account(replace(read, **changed), read, market.clock()))  # type: ignore[arg-type]
    with pytest.raises(TradingAccountMoved):
        market.table.write(account_store.save_account(replace(read, capacity=2), read, market.clock()))
    assert read_account(market) == replace(read, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize("changed", [{"shard": "2"}, {"fee_coin": "BNB"}], ids=["shard", "fee_coin"])
def test_who_quotes_and_pays_fees_there_changes_only_without_orders(market: Market, changed: dict[str, str]) -> None:
    """Also where an order has come in the moment since the account was read."""
    read = read_account(market)
    market.table.write(account_store.take_room(ACCOUNT, market.clock()))
    with pytest.raises(TradingAccountMoved):
        market.table.write(account_store.save_account(replace(read, **changed), read, market.clock()))  # type: ignore[arg-type]
    market.table.write(account_store.give_room(ACCOUNT, market.clock()))
    market.table.write(account_store.save_account(replace(read, **changed), read, market.clock()))  # type: ignore[arg-type]
    assert read_account(market) == replace(read, **changed)  # type: ignore[arg-type]


def test_a_closed_account_takes_no_order_though_there_is_room(market: Market) -> None:
    read = read_account(market)
    market.table.write(account_store.save_account(replace(read, enabled=False), read, market.clock()))
    with pytest.raises(NoCapacity):
        market.table.write(account_store.take_room(ACCOUNT, market.clock()))
    assert read_account(market).orders == 0


def test_of_two_who_configure_an_order_at_once_one_does(market: Market) -> None:
    market.poll()
    market.fund(ANN, BTC, "0.1")
    market.poll()
    order = replace(market.order(), shard="1")
    market.table.write(shard_store.join_shard(order, "1", market.clock(), config=1))
    read = shard_store.member(market.table, order)
    assert read is not None
    market.table.write(shard_store.configure_member("1", read, 2, market.clock()))
    with pytest.raises(ConfigurationMoved):
        market.table.write(shard_store.configure_member("1", read, 3, market.clock()))
    now = shard_store.member(market.table, order)
    assert now is not None
    assert now.config == 2
