"""Random lives in which the exchange lies, or is gone: nobody gets what was not bought, and none waits for ever."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.purchases.lying_lives import live

BLOCK = deep(everyday=3, full=100)


@pytest.mark.parametrize("block", range(10))
def test_in_a_life_of_lies_nobody_gets_what_was_not_bought(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
