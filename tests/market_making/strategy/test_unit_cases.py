"""The figures of hummingbot's own unit tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from functions.market_making.strategy import (
    COMPAT,
    Available,
    Book,
    Market,
    Override,
    PriceSource,
    PriceType,
    Proposal,
    Rules,
    Side,
    State,
    Terms,
    propose,
)
from functions.market_making.strategy.rows import Row
from tests.market_making.strategy.cases import unit_cases

RICH = Available(Decimal(500), Decimal(5_000))  # what their set-up gives, where a case does not say
SOLD = Available(Decimal("498.5"), Decimal("5151.5"))  # and in one, when 1.5 have been sold at 101
OTHERWISE: dict[str, dict[str, Any]] = {  # what the name of a case, or their code, says
    "order optimization 3 levels, level spread 0.025": {"tick": Decimal("0.00000001")},
    "skew one level": {
        "inventory_skew_enabled": True,
        "inventory_target_base_pct": Decimal("0.9"),
        "inventory_range_multiplier": Decimal(5),
        "lot": Decimal("0.000001"),
    },
    "skew five levels, target 0.9, multiplier 0.5, amount 1 + 0.5 a level": {
        "inventory_skew_enabled": True,
        "inventory_target_base_pct": Decimal("0.9"),
        "inventory_range_multiplier": Decimal("0.5"),
        "order_levels": 5,
        "order_level_amount": Decimal("0.5"),
    },
    "ceiling 105, mid 107.25 (>=)": {"mid": Decimal("107.25"), "order_levels": 3},
    "floor 95, mid 92.5 (<=)": {"mid": Decimal("92.5"), "order_levels": 3},
}
NAMES = {"amount": "order_amount", "levels": "order_levels", "level_spread": "order_level_spread",
         "level_amount": "order_level_amount", "order_optimization": "order_optimization_enabled"}  # fmt: skip
FRACTIONS = ("bid_spread", "ask_spread", "price_ceiling", "price_floor")


def _number(value: object) -> Decimal:
    return Decimal(str(value))


def _book(mid: Decimal) -> Book:
    """Levels 1 apart from half a one away from the mid, ten more in each."""
    away = [(Decimal(n) + Decimal("0.5"), Decimal(10 + 10 * n)) for n in range(20)]
    return Book([(mid - far, size) for far, size in away], [(mid + far, size) for far, size in away])


def _rules(case: dict[str, Any], tick: str, **besides: Any) -> Rules:
    given: dict[str, Any] = {"bid_spread": Decimal("0.01"), "ask_spread": Decimal("0.01"), "order_amount": Decimal(1),
                             "order_level_spread": Decimal(0), "order_refresh_time": 5}  # fmt: skip
    for name, value in case.items():
        ours = NAMES.get(name, name)
        if name in NAMES or name in FRACTIONS:
            given[ours] = value if isinstance(value, bool) or ours == "order_levels" else _number(value)
    if "price_type" in case:
        given["price_type"] = PriceType(case["price_type"])
    if "override" in case:
        given["order_override"] = tuple(
            Override(Side(side), _number(spread) / 100, _number(amount)) for side, spread, amount in case["override"]
        )
    given |= besides
    lot = given.pop("lot", _number(case.get("lot", "0.000001")))
    return Rules(terms=Terms(Decimal(tick), lot), compat=COMPAT, **given)


def _proposal(name: str, tick: str = "0.0001") -> Proposal:
    case, besides = dict(unit_cases()[name]), dict(OTHERWISE.get(name, {}))
    mid = besides.pop("mid", _number(case.get("mid", 100)))
    tick = str(besides.pop("tick", tick))
    book = _book(mid)
    if "optimization" in name:  # the book has moved away from around 100
        book = Book([(Decimal("97.5"), Decimal(10))], [(Decimal("102.5"), Decimal(10))])
    external = custom = None
    if "external" in name:
        besides["price_source"], external = PriceSource.EXTERNAL_MARKET, _book(_number(case["ref"]))
    if "own book empty" in name:
        book = Book((), ())
    if "custom" in name:
        besides["price_source"], custom = PriceSource.CUSTOM_API, _number(case["ref"])
    own = _number(case["own_last"]) if "own_last" in case else None
    last = _number(case["last"]) if "last" in case else None
    holdings = SOLD if name == "skew one level" else RICH
    if "base" in case:
        holdings = Available(_number(case["base"]), _number(case["quote"]))
    by = _rules(case, tick, **besides)
    return propose(by, State(own_price=own), Market(book, last, external, custom), holdings, now=1)


def _told(rows: tuple[Row, ...]) -> list[tuple[Decimal, Decimal]]:
    return [(price, size) for _, price, size in rows]


@pytest.mark.parametrize("name", [name for name, case in unit_cases().items() if "buys" in case or "sells" in case])
def test_quotes_are_those_of_a_unit_test(name: str) -> None:
    case = unit_cases()[name]
    for side in ("buys", "sells"):
        # their tick depends on the price: six digits of it
        got = _told(getattr(_proposal(name, "0.0001" if side == "buys" else "0.001"), side))
        wanted = [(Decimal(price), Decimal(size)) for price, size in case[side]]
        assert got[: len(wanted)] == wanted
        assert len(got) == len(wanted)


@pytest.mark.parametrize("name", [name for name, case in unit_cases().items() if "buys_count" in case])
def test_there_are_as_many_quotes_as_in_a_unit_test(name: str) -> None:
    case, got = unit_cases()[name], _proposal(name)
    assert (len(got.buys), len(got.sells)) == (case["buys_count"], case["sells_count"])


def test_a_budget_for_three_levels_makes_three_levels() -> None:
    got = _proposal("exact budget of 3 levels")
    assert [len(got.buys), len(got.sells)] == [3, 3]
    assert _told(got.buys)[-1] == (Decimal(97), Decimal(3))
    assert _told(got.sells)[-1] == (Decimal(103), Decimal(3))


def test_optimised_levels_are_parts_of_the_first() -> None:
    name = "order optimization 3 levels, level spread 0.025"
    got, wanted = _proposal(name), unit_cases()[name]["ratios_to_first"]
    for rows, ratios in ((_told(got.buys), wanted["buys"]), (_told(got.sells), wanted["sells"])):
        assert [price / rows[0][0] for price, _ in rows] == list(map(Decimal, ratios))


def test_a_skew_is_that_of_a_unit_test() -> None:
    got = _proposal("skew one level")
    assert _told(got.buys) == [(Decimal(99), Decimal("0.651349"))]
    assert _told(got.sells)[0][0] == Decimal(101)
    assert _told(got.sells)[0][1] // Decimal("0.00001") * Decimal("0.00001") == Decimal("1.34865")  # six digits there


def test_a_skew_of_five_levels_is_that_of_a_unit_test() -> None:
    name = "skew five levels, target 0.9, multiplier 0.5, amount 1 + 0.5 a level"
    got, wanted = _proposal(name), unit_cases()[name]["sizes"]
    assert [len(got.buys), len(got.sells)] == [5, 5]
    assert (_told(got.buys)[0][1], _told(got.buys)[-1][1]) == (
        Decimal(wanted["buy_first"]),
        Decimal(wanted["buy_last"]),
    )
    assert (_told(got.sells)[0][1], _told(got.sells)[-1][1]) == (
        Decimal(wanted["sell_first"]), Decimal(wanted["sell_last"]))  # fmt: skip
