"""When an order's quotes end by themselves: just at what its owner was told, and not before."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.market_making import risk
from functions.market_making.quotes import Marks, Quotes

BEGAN = (Decimal(1), Decimal(10_000))  # of base and quote: at a price of 10,000 as much in each


def quotes(lost: str = "0", best: str = "0", began: str = "0", refusals: int = 0) -> Quotes:
    """With so much less than by keeping what it had; its best result, and that with which the day began."""
    base, quote = BEGAN
    there = quote - Decimal(lost) * 20_000
    marks = Marks(Decimal(best), "2026-11-21", Decimal(began))
    return Quotes("M", base, there, began=BEGAN, marks=marks, refusals=refusals)


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ({"lost": "0.0999", "began": "-0.06", "best": "-0.03"}, None),
        ({"lost": "0.1", "began": "-0.06", "best": "-0.03"}, "it has lost 10"),
        ({"lost": "0.0499"}, None),
        ({"lost": "0.05"}, "today"),
        ({"lost": "0.0299", "began": "0", "best": "0.05"}, None),
        ({"lost": "0.03", "began": "0", "best": "0.05"}, "from its best"),
        ({"refusals": 4}, None),
        ({"refusals": 5}, "refused 5 quotes in a row"),
    ],
)
def test_an_order_ends_just_at_what_it_may_lose(said: dict[str, object], ends: str | None) -> None:
    """A tenth against keeping what it had, a twentieth of it in a day, 8 hundredths from its best."""
    there = quotes(**said)  # type: ignore[arg-type]
    why = risk.verdict(there, risk.result(there, Decimal(10_000)))
    assert why is None if ends is None else ends in (why or "")


def test_without_a_price_nothing_is_known_to_be_lost() -> None:
    assert risk.verdict(quotes(lost="0.5"), None) is None
    assert risk.verdict(quotes(refusals=5), None) is not None


def test_a_falling_coin_is_no_loss_of_quoting() -> None:
    assert risk.result(quotes(), Decimal(1_000)) == 0
    assert risk.verdict(quotes(), risk.result(quotes(), Decimal(1))) is None


@pytest.mark.parametrize(
    ("before", "now", "jumped"),
    [("100", "103", False), ("100", "103.01", True), ("100", "97", False), ("100", "96.99", True), (None, "1", False)],
)
def test_a_market_has_jumped_beyond_three_hundredths(before: str | None, now: str, jumped: bool) -> None:
    assert risk.has_jumped(None if before is None else Decimal(before), Decimal(now)) is jumped
