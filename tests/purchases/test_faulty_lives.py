"""Random lives of purchases with faults: nothing is lost, doubled, bought twice or stuck; `lives` plays more."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.purchases.lives import live

BLOCK = deep(everyday=3, full=60)


@pytest.mark.parametrize("block", range(10))
def test_in_a_faulty_life_every_member_gets_what_was_bought_for_him(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
