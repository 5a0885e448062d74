"""Random lives in which exchange and bank lie, or are gone: nothing unearned is paid, nothing held that none knows of
or can release."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.offramp.lying_lives import live

BLOCK = deep(everyday=160, full=800)


@pytest.mark.parametrize("block", range(10))
def test_in_a_life_of_lies_nothing_is_paid_that_was_not_earned(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
