"""A dealership for each test, whose books are checked when the test is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.billing.dealership import Dealership


@pytest.fixture
def dealership() -> Iterator[Dealership]:
    made = Dealership()
    yield made
    made.check()
