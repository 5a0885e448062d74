"""Generated histories of snapshots: none is lost, none goes back twice, each has one disposition."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.market_making.service import receiving
from tests.depth import deep
from tests.market_making.histories import live

BLOCK = deep(everyday=15, full=200)


@pytest.mark.parametrize("block", range(5))
def test_in_any_history_each_snapshot_is_taken_once(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)


def test_a_snapshot_that_is_lost_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nothing were ever told late."""
    monkeypatch.setattr(receiving, "OVERLAP", timedelta(0))
    with pytest.raises(AssertionError, match="not taken"):
        all(live(seed) is None for seed in range(50))
