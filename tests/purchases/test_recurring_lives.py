"""Random lives of recurring buys, with faults."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.purchases import recurring_lives

LIVES = deep(everyday=2, full=100)


@pytest.mark.parametrize("block", range(3))
def test_in_a_faulty_life_each_date_is_dealt_with_once(block: int) -> None:
    for seed in range(block * LIVES, (block + 1) * LIVES):
        recurring_lives.live(seed)
