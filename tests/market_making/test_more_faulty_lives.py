"""The second half of the random lives of market making, in a file of its own: tests go to workers by file."""

from __future__ import annotations

import pytest

from tests.market_making.lives import live
from tests.market_making.test_faulty_lives import BLOCK


@pytest.mark.parametrize("block", range(10, 20))
def test_in_another_faulty_life_all_that_was_paid_is_accounted_for(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
