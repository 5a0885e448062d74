"""hummingbot's configurations, read by their own names."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from functions.market_making.strategy import Override, PriceType, Side
from sandbox.backtest.configuration import BadConfiguration, market, read, rules
from tests.backtest.playing import TERMS, TOLD

WRITTEN = """
template_version: 24
strategy: pure_market_making
exchange: binance
market: BTC-USDT
bid_spread: 0.1
ask_spread: 0.25
minimum_spread: -100
order_refresh_time: 15.0
order_refresh_tolerance_pct: 0.05
order_amount: 0.010000000000000000001
price_ceiling: -1
price_floor: 50000
ping_pong_enabled: True
inventory_target_base_pct: 60
filled_order_delay:
price_type: best_bid
order_override: {first: [buy, 0.5, 2], second: [sell, 1, 3]}
split_order_levels_enabled: no
bid_order_level_spreads: 0.1,0.2
bid_order_level_amounts: 1, 2
"""


def told(text: str, at: Path) -> dict[str, Any]:
    path = at / "conf.yml"
    path.write_text(text)
    return read(path)


def test_a_configuration_is_read_by_hummingbot_s_names(tmp_path: Path) -> None:
    found = told(WRITTEN, tmp_path)
    ours = rules(found, TERMS)
    assert market(found) == "BTC-USDT"
    assert (ours.bid_spread, ours.ask_spread, ours.minimum_spread) == (
        Decimal("0.001"),
        Decimal("0.0025"),
        Decimal(-1),
    )
    assert ours.order_amount == Decimal("0.010000000000000000001")  # no digit is lost
    assert (ours.order_refresh_time, ours.filled_order_delay) == (15, 60)
    assert (ours.price_ceiling, ours.price_floor) == (None, Decimal(50_000))
    assert (ours.ping_pong_enabled, ours.split_order_levels_enabled) == (True, False)
    assert ours.order_override == (
        Override(Side.BUY, Decimal("0.005"), Decimal(2)),
        Override(Side.SELL, Decimal("0.01"), Decimal(3)),
    )
    assert ours.bid_order_level_spreads == (Decimal("0.001"), Decimal("0.002"))
    assert ours.bid_order_level_amounts == (Decimal(1), Decimal(2))
    assert (ours.price_type, ours.inventory_target_base_pct) == (PriceType.BEST_BID, Decimal("0.6"))


def test_json_is_read_as_well_digit_by_digit(tmp_path: Path) -> None:
    path = tmp_path / "conf.json"
    path.write_text(json.dumps({**TOLD, "bid_spread": 0.3, "ping_pong_enabled": True}))
    ours = rules(read(path), TERMS)
    assert (ours.bid_spread, ours.ping_pong_enabled) == (Decimal("0.003"), True)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"bid_sprad": "1"}, "bid_sprad is no parameter"),
        ({"strategy": "arbitrage"}, "strategy is not that"),
        ({"bid_spread": "wide"}, "bid_spread is a number"),
        ({"order_amount": None}, "order_amount is needed"),
        ({"price_source": "external_market"}, "price_source can only be"),
    ],
)
def test_what_can_not_be_is_named(changed: dict[str, Any], why: str) -> None:
    with pytest.raises(BadConfiguration, match=why):
        rules({**TOLD, **changed}, TERMS)


@pytest.mark.parametrize("text", ["", "- a list", "a: [", "!!python/object/apply:os.getcwd []"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfiguration):
        rules(told(text, tmp_path), TERMS)
