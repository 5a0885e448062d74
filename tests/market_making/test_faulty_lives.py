"""Random lives of market making with faults, with test_more_faulty_lives two thousand at full depth: nothing is lost,
sent twice, mixed up or stuck."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.market_making.lives import Life, live

BLOCK = deep(everyday=2, full=100)


@pytest.mark.parametrize("block", range(10))
def test_in_a_faulty_life_all_that_was_paid_is_accounted_for(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)


def test_a_seed_is_the_same_life_again() -> None:
    """Its table, its machines and its faults, to the millisecond."""

    def lived(seed: int) -> tuple[object, ...]:
        life = Life(seed)
        life.live()
        ran = [(e.name, e.visited, e.waits_seconds, e.stopped) for e in life.market.machine.executions]
        return life.told, life.market.dynamo.items(), ran

    assert lived(7) == lived(7) != lived(8)
