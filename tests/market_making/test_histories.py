"""Generated histories of snapshots: none is lost, none goes back twice, each has one disposition."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.market_making.histories import live

BLOCK = deep(everyday=40, full=400)


@pytest.mark.parametrize("block", range(5))
def test_in_any_history_each_snapshot_is_taken_once(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)
