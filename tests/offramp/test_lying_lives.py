"""Random lives in which exchange and bank lie, or are gone: nothing unearned is paid, nothing held that none knows of
or can release."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.offramp.lying_lives import LyingLife, live

BLOCK = deep(everyday=8, full=200)


@pytest.mark.parametrize("block", range(10))
def test_in_a_life_of_lies_nothing_is_paid_that_was_not_earned(block: int) -> None:
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        live(seed)


def test_a_seed_is_the_same_life_of_lies_again() -> None:
    def lived(seed: int) -> tuple[object, ...]:
        life = LyingLife(seed)
        life.live()
        return life.told, life.desk.dynamo.items()

    assert lived(48) == lived(48) != lived(39)
