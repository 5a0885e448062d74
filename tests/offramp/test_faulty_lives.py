"""Random lives with faults, with test_more_faulty_lives five thousand: nothing is lost, doubled, or stuck untraced."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.offramp.lives import Life, live

BLOCK = deep(everyday=8, full=250)


@pytest.mark.parametrize("block", range(10))
def test_in_a_faulty_life_every_dollar_and_coin_is_accounted_for(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)


def test_a_seed_is_the_same_life_again() -> None:
    """Its table, its machines and its faults, to the millisecond."""

    def lived(seed: int) -> tuple[object, ...]:
        life = Life(seed)
        life.live()
        ran = [(e.name, e.visited, e.waits_seconds, e.stopped) for e in life.desk.world.machines.executions]
        return life.told, life.desk.dynamo.items(), ran

    assert lived(7) == lived(7) != lived(8)
