"""The second half of the random lives, in a file of its own: tests go to workers by file."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.offramp.lives import live

BLOCK = deep(everyday=8, full=250)


@pytest.mark.parametrize("block", range(10, 20))
def test_in_another_faulty_life_every_dollar_and_coin_is_accounted_for(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
