"""Random lives in which the exchange lies, or is gone for ever, besides all that goes wrong in `lives`.

    python -m tests.purchases.lying_lives 4711            replays one seed and tells what happened
    python -m tests.purchases.lying_lives --from 0 --lives 100000

What must hold is in `tests/truth.py`: nobody gets what was not bought. What is held when nothing moves any more, a
person knows of; and what two operators can do with true evidence ends all of it.
"""

from __future__ import annotations

import sys
from functools import partial
from random import Random

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from common.domain.catalogue.model import FILL_BAND_BPS
from tests import books
from tests.liars import LyingExchange
from tests.lives import lived, main
from tests.operators import Operators
from tests.purchases.lives import Life, unfair_among_members
from tests.truth import Truth, holds, settle

COMMAND = "python -m tests.purchases.lying_lives"


class LyingLife(Life):
    fill_band_bps = FILL_BAND_BPS

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        world = self.desk.world
        exchange = LyingExchange(world.exchange, Random(f"lies {seed}"), self.desk.clock, self._tell)
        world.exchange, self.truth = exchange, Truth(self.desk, exchange)
        if self.chance.random() < 0.5:
            self.faults.heal()

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        chance = self.chance
        for step in range(chance.choice([1, 1, 1, 2])):
            self._market_moves()
            for one in range(chance.choice([1, 2, 3])):
                self._something(f"{self.seed}-{step}-{one}")
            self._pass(minutes=chance.choice([0, 1, 40]))
        self.faults.heal()
        self._pass(minutes=40)
        self.desk.clock.forward(hours=25)
        self._pass(minutes=40)
        settle(self.desk, self._pass)
        self._check()
        operators = Operators(self.desk, self.truth, self.chance, self._tell, lambda: self._pass(minutes=6))
        operators.see_to_everything()
        self._check()
        held = holds(self.desk.dynamo.items())
        assert not held, f"held, and nobody can release it: {held}"

    def _check(self) -> None:
        items = list(self.desk.dynamo.items())
        found = [*books.violations(items), *unfair_among_members(items), *self.truth.violations(items)]
        assert not found, "\n".join(found)


live = partial(lived, LyingLife, COMMAND)


if __name__ == "__main__":
    sys.exit(main(LyingLife, COMMAND, __doc__))
