"""A dealership for each test, whose books are checked when the test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.billing.dealership import CHEAP, DEAR, Dealership


@pytest.fixture
def dealership() -> Iterator[Dealership]:
    made = Dealership()
    yield made
    made.check()


@pytest.fixture
def buyer(dealership: Dealership) -> Dealership:
    """Of a dealer with fast buyout and 150,000.00 on his deposit."""
    dealership.active()
    dealership.lists(CHEAP, DEAR)
    return dealership.buying()
