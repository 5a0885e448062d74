"""What can be configured, and what of a market is believed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.market_making.strategy import (
    Available,
    Book,
    InvalidMarket,
    InvalidRules,
    Market,
    Override,
    PriceType,
    Side,
    Terms,
)
from tests.market_making.strategy.made import number, rules

NEVER: list[tuple[str, Any]] = [
    ("bid_spread", "0"),
    ("bid_spread", "1"),
    ("ask_spread", "-0.1"),
    ("ask_spread", Decimal("NaN")),
    ("ask_spread", Decimal("Infinity")),
    ("order_amount", "0"),
    ("order_amount", "1e13"),
    ("order_amount", 1),
    ("order_amount", 0.5),
    ("order_amount", None),
    ("order_amount", "1.00000000000000000000000000001"),
    ("order_levels", -1),
    ("order_levels", 51),
    ("order_levels", True),
    ("order_levels", Decimal(1)),
    ("order_level_spread", "-0.01"),
    ("order_level_amount", "-1e13"),
    ("order_refresh_time", 0),
    ("order_refresh_time", 1.5),
    ("max_order_age", 0),
    ("filled_order_delay", -1),
    ("filled_order_delay", 10**9),
    ("order_refresh_tolerance_pct", "1.01"),
    ("order_refresh_size_tolerance_pct", "-0.01"),
    ("minimum_spread", "-1.01"),
    ("price_ceiling", "0"),
    ("price_ceiling", "-1"),
    ("price_floor", "0"),
    ("price_ceiling_pct", "-0.02"),
    ("price_floor_pct", "-1.01"),
    ("price_band_refresh_time", 0),
    ("inventory_target_base_pct", "1.01"),
    ("inventory_range_multiplier", "-1"),
    ("inventory_spread_skew", "1.01"),
    ("inventory_price", "0"),
    ("hanging_orders_cancel_pct", "0"),
    ("hanging_orders_max", -1),
    ("hanging_orders_max", 101),
    ("bid_order_optimization_depth", "-1"),
    ("bid_order_level_spreads", (Decimal("0.1"),)),
    ("ask_order_level_amounts", (Decimal(1),)),
    ("order_override", (Override(Side.BUY, Decimal(1), Decimal(1)),)),
    ("order_override", (Override(Side.BUY, Decimal("0.1"), Decimal(0)),)),
    ("order_override", (Override(Side.BUY, Decimal("0.1"), Decimal(1)),) * 101),
]


@pytest.mark.parametrize(("name", "value"), NEVER)
def test_a_parameter_that_can_not_be_is_refused_by_its_name(name: str, value: Any) -> None:
    says = r"level's|order_override" if "override" in name else name.replace("level_amounts", "level_spreads")
    with pytest.raises(InvalidRules, match=says):
        rules(**{name: value})


def test_levels_of_one_side_have_a_spread_and_an_amount_each() -> None:
    many = {"bid_order_level_spreads": (Decimal("0.1"),) * 51, "bid_order_level_amounts": (Decimal(1),) * 51}
    with pytest.raises(InvalidRules, match="51 levels"):
        rules(**many)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"price_ceiling": "90", "price_floor": "110"}, "price_ceiling 90 is below price_floor 110"),
        ({"inventory_skew_enabled": True, "inventory_range_multiplier": "0"}, "with a skew it is above 0"),
        ({"price_type": PriceType.INVENTORY_COST}, "inventory_price is not set"),
    ],
)
def test_parameters_that_contradict_each_other_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRules, match=says):
        rules(**changes)


def test_rules_are_equal_by_what_they_say() -> None:
    assert rules() == rules()
    assert rules() != rules(order_amount="2")
    assert hash(rules()) == hash(rules())


@pytest.mark.parametrize(
    "changes",
    [
        {"tick": "0"},
        {"lot": "-1"},
        {"tick": "1e-13"},
        {"tick": "NaN"},
        {"min_size": "-1"},
        {"min_notional": "1e13"},
        {"maker_fee": "1"},
        {"taker_fee": "-1"},
        {"taker_fee": "Infinity"},
    ],
)
def test_terms_that_can_not_be_are_refused(changes: dict[str, str]) -> None:
    given: dict[str, Any] = {"tick": Decimal("0.01"), "lot": Decimal("0.01")}
    given |= {name: Decimal(value) for name, value in changes.items()}
    with pytest.raises(InvalidMarket, match=next(iter(changes))):
        Terms(**given)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([("0", "1")], []),
        ([("1", "0")], []),
        ([], [("-1", "1")]),
        ([], [("1", "NaN")]),
        ([], [("Infinity", "1")]),
        ([("1e13", "1")], []),
        ([("1", "1e13")], []),
        ([("1", "1"), ("2", "1")], []),
        ([("2", "1"), ("2", "1")], []),
        ([], [("2", "1"), ("1", "1")]),
        ([(str(2_000 - n), "1") for n in range(1_001)], []),
    ],
)
def test_a_book_that_can_not_be_is_refused(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidMarket):
        Book([(Decimal(p), Decimal(s)) for p, s in bids], [(Decimal(p), Decimal(s)) for p, s in asks])


def test_other_prices_and_money_that_can_not_be_are_refused() -> None:
    empty = Book((), ())
    for name in ("last_trade_price", "custom_price"):
        told: dict[str, Any] = {name: Decimal(-1)}
        with pytest.raises(InvalidMarket, match=name):
            Market(empty, **told)
    for base, quote in (("-0.1", "0"), ("0", "NaN"), ("1e13", "0")):
        with pytest.raises(InvalidMarket, match="available"):
            Available(Decimal(base), Decimal(quote))


def test_a_book_without_ours_is_what_others_want() -> None:
    def levels(*told: tuple[object, object]) -> list[tuple[Decimal, Decimal]]:
        return [(number(price), number(size)) for price, size in told]

    there = Book(levels((99, 5), (98, 5), (97, 5)), levels((101, 5), (102, 5)))
    ours = [
        (Side.BUY, Decimal(99), Decimal(5)),
        (Side.BUY, Decimal(98), Decimal(1)),
        (Side.BUY, Decimal(98), Decimal(1)),
        (Side.BUY, Decimal(90), Decimal(1)),  # is not in it yet
        (Side.SELL, Decimal(102), Decimal(7)),  # the book is older than the fill of what was before
    ]
    assert there.without(ours) == Book(levels((98, 3), (97, 5)), levels((101, 5)))
    assert there.without([]) == there


def test_what_is_sent_is_floored_and_its_refusal_has_a_name() -> None:
    terms = Terms(Decimal("0.5"), Decimal("0.1"), min_size=Decimal("0.2"), min_notional=Decimal(10))
    assert terms.sent(Decimal("99.9"), Decimal("0.39")) == (Decimal("99.5"), Decimal("0.3"))
    assert terms.refusal(Decimal(100), Decimal("0.1")) == "min_size"
    assert terms.refusal(Decimal(40), Decimal("0.2")) == "min_notional"
    assert terms.refusal(Decimal(50), Decimal("0.2")) is None
