"""A configuration by hummingbot's own names is read exactly, or refused in the words of who has written it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.market_making import configuration, hummingbot
from functions.market_making.hummingbot import InvalidConfiguration
from functions.market_making.strategy import Override, Side

LEAST = {"bid_spread": "0.2", "ask_spread": "0.25", "order_amount": "0.01", "order_refresh_time": 30}


def read(**told: Any) -> dict[str, Any]:
    return hummingbot.read({**LEAST, **told}, "binance", "BTC-USDT")


def refusal(**told: Any) -> str:
    with pytest.raises(InvalidConfiguration) as refused:
        read(**told)
    return refused.value.detail


def test_percents_become_fractions_exactly() -> None:
    assert read(order_level_spread="0.35", minimum_spread="-100", inventory_target_base_pct="60") == {
        "bid_spread": Decimal("0.002"),
        "ask_spread": Decimal("0.0025"),
        "order_amount": Decimal("0.01"),
        "order_refresh_time": 30,
        "order_level_spread": Decimal("0.0035"),
        "minimum_spread": Decimal(-1),
        "inventory_target_base_pct": Decimal("0.6"),
    }


def test_texts_of_yaml_are_read_as_what_they_are() -> None:
    found = read(ping_pong_enabled="true", hanging_orders_enabled="False", price_ceiling="-1.0", max_order_age="1800.0")
    assert (found["ping_pong_enabled"], found["hanging_orders_enabled"]) == (True, False)
    assert (found["price_ceiling"], found["max_order_age"]) == (None, 1800)


def test_what_is_about_the_file_or_off_is_left_out() -> None:
    about = {"strategy": "pure_market_making", "template_version": "24", "exchange": "binance", "market": "BTC-USDT"}
    off = {"take_if_crossed": None, "price_source_exchange": "null", "custom_api_update_interval": None}
    assert read(**about, **off) == read()


def test_split_levels_and_overrides_are_read() -> None:
    found = read(
        split_order_levels_enabled=True,
        bid_order_level_spreads="0.1, 0.2",
        bid_order_level_amounts=["0.01", "0.02"],
        ask_order_level_spreads="0.3",
        ask_order_level_amounts="0.01",
        order_override={"order_1": ["buy", "0.5", "0.1"], "order_2": ["sell", 1, "0.2"]},
    )
    assert found["bid_order_level_spreads"] == (Decimal("0.001"), Decimal("0.002"))
    assert found["ask_order_level_amounts"] == (Decimal("0.01"),)
    assert found["order_override"] == (
        Override(Side.BUY, Decimal("0.005"), Decimal("0.1")),
        Override(Side.SELL, Decimal("0.01"), Decimal("0.2")),
    )


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"bid_sprad": "1"}, "bid_sprad is no parameter of pure_market_making"),
        ({"terms": "1"}, "terms is no parameter of pure_market_making"),
        ({"compat": "1"}, "compat is no parameter of pure_market_making"),
        ({"take_if_crossed": "True"}, "take_if_crossed can only be false: an order here never takes"),
        ({"should_wait_order_cancel_confirmation": False}, "should_wait_order_cancel_confirmation can only be true"),
        ({"price_source": "external_market"}, "price_source can only be current_market"),
        ({"price_source_exchange": "kraken"}, "price_source_exchange is not done here"),
        ({"price_type": "last_price"}, "price_type can not be last_price"),
        ({"price_type": "best"}, "price_type is one of mid_price"),
        ({"strategy": "avellaneda"}, "strategy is not that of the order: pure_market_making"),
        ({"market": "ETH-USDT"}, "market is not that of the order: BTC-USDT"),
        ({"bid_spread": "0"}, "bid_spread is more than 0 and below 100 percent"),
        ({"ask_spread": "100"}, "ask_spread is more than 0 and below 100 percent"),
        ({"minimum_spread": "-101"}, "minimum_spread is at least -100 and at most 100 percent"),
        ({"order_amount": "-1"}, "order_amount is more than 0"),
        ({"order_amount": "NaN"}, "order_amount is a number"),
        ({"order_amount": "1e99"}, "order_amount is a number"),
        ({"order_amount": True}, "order_amount is a number"),
        ({"order_levels": "1.5"}, "order_levels is a whole number from 0 to 50"),
        ({"ping_pong_enabled": "perhaps"}, "ping_pong_enabled is true or false"),
        ({"order_amount": None}, "order_amount is needed"),
        ({"price_ceiling": "1", "price_floor": "2"}, "price_ceiling 1 is below price_floor 2"),
        ({"price_type": "inventory_cost"}, "inventory_price is not set"),
        ({"order_override": {"a": ["hold", "1", "1"]}}, "order_override has an order that is neither buy nor sell"),
        ({"order_override": {"a": ["buy", "1"]}}, "order_override is an object"),
        ({"bid_order_level_spreads": "1,2"}, "bid_order_level_spreads and"),
        ({"stop_at_volume": "0"}, "stop_at_volume is more than 0"),
    ],
    ids=str,
)
def test_what_can_not_be_is_told_by_its_own_name(told: dict[str, Any], says: str) -> None:
    assert refusal(**told).startswith(says)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(InvalidConfiguration) as refused:
        read(bid_spread="0", take_if_crossed=True)
    assert [error["where"] for error in refused.value.facts["errors"]] == ["bid_spread", "take_if_crossed"]


def test_what_is_told_again_is_the_same() -> None:
    found = read(
        ping_pong_enabled=True,
        price_type="best_bid",
        order_override={"order_0": ["buy", "0.5", "0.1"]},
        bid_order_level_spreads="0.1,0.2",
        bid_order_level_amounts="1,2",
        stop_at_volume="100000",
    )
    assert hummingbot.read(hummingbot.told(found), "binance", "BTC-USDT") == found
    assert configuration.read(configuration.written(found)) == found


def test_nothing_takes_a_parameter_back_to_its_default() -> None:
    before = read(order_levels=3)
    assert hummingbot.read({"order_levels": None}, "binance", "BTC-USDT", before) == read()
