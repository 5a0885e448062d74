"""Random lives of two dealers: whatever comes, money is in one place, and in the end each is where it belongs."""

from __future__ import annotations

from random import Random

import pytest

from tests.billing.lives import ByChance
from tests.depth import SIMULATED, deep

LIVES = 2_000 if SIMULATED else deep(1, 60)
STEPS = 40


@pytest.mark.parametrize("seed", range(LIVES))
def test_in_a_life_by_chance_no_money_is_in_two_places(seed: int) -> None:
    life = ByChance(Random(seed))
    for _ in range(STEPS):
        life.step()
    life.end()
