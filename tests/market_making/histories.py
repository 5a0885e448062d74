"""Generated histories of snapshots: what comes in ties, fills pages, is told late, while pollers die, fail, or are two.

    python -m tests.market_making.histories 4711               replays one seed and tells what happened
    python -m tests.market_making.histories --from 0 --lives 50000

Every snapshot that is told within the overlap is taken once and has one disposition; what goes back goes back once. A
page holds few, so that short histories have many. Fewer tie than a page holds: more are in `test_receiving`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any
from unittest.mock import patch

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from functions.market_making.service import receiving
from sandbox.mixin import fake
from sandbox.mixin.assets import DOGE
from tests.harness.faults import (
    AnswerLost,
    Call,
    Conflict,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    Faults,
    Throttle,
    by_chance,
    never,
)
from tests.lives import Forgetful, lived, main
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ANN, BOB, BTC, ETH, US

COMMAND = "python -m tests.market_making.histories"
PAGE = 4
SNAPSHOTS = 20  # of a history, on average
RATES: dict[Fault, float] = {
    CrashBefore(): 0.04,
    CrashAfter(): 0.04,
    FailBefore(): 0.02,
    AnswerLost(): 0.03,
    Conflict(): 0.03,
    Throttle(): 0.01,
}


@dataclass(frozen=True)
class Meanwhile(Fault):
    """Another poller polls before the call is done."""

    act: Callable[[], None]

    def befall(self, call: Call) -> Any:
        self.act()
        return call.do()


class History:
    """One seed: what comes in, and what the pollers do."""

    def __init__(self, seed: int) -> None:
        self.seed, self.chance = seed, Random(seed)
        self.faults = Faults(never, calls=Forgetful())
        self.market = FaultyMarket(self.faults)
        self.other: dict[str, None] = {}  # what the other poller knows to be taken
        self.told: list[str] = []
        self.tied = 0  # snapshots with the time of the last one: always fewer than a page holds
        self.market.list_pair()
        with pages():
            self.market.poll()
        self.by_chance = by_chance(seed, RATES)
        self.faults.choose = self._befalls

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        with pages():
            for _ in range(self.chance.randint(2, 6)):
                for _ in range(self.chance.choice([1, 1, 2, 5, 9])):
                    self._comes()
                self.market.clock.forward(seconds=self.chance.choice([0, 1, 5, 5, 30, 58, 61, 4000]))
                for _ in range(self.chance.choice([0, 1, 1, 2])):
                    self._poll()
            self.faults.heal()
            for seconds in (0, 60, 60):
                self.market.clock.forward(seconds=seconds)
                self.market.poll()
        self.market.check()
        left = self.market.untaken()
        assert not left, f"{len(left)} snapshots were not taken"

    def _comes(self) -> None:
        chance, market = self.chance, self.market
        timeline = market.safe.timeline
        ties = chance.random() < 0.2 and 0 < self.tied < PAGE - 1
        self.tied = self.tied + 1 if ties else 1
        if ties:
            timeline.same_next(1)
        if chance.random() < 0.15:
            timeline.late_next(chance.choice([1, 6, 30, 59.9]), 1)
        match chance.randrange(8):
            case 0 | 1 | 2 | 3:
                memo = chance.choice([b"", b"hello", b"Refund:5259cd21-7be9-409d-8e76-8ac419f7319c"])
                market.pay(chance.choice([ANN, BOB]), self._asset(), "0.5", memo)
            case 4 | 5:
                market.fund(chance.choice([ANN, ANN, BOB]), self._asset(), "0.25")
            case 6:
                entry = market.safe.entry(US, BTC)
                market.safe.deposit(BTC, entry.destination, entry.tag, 5000, f"hash-{chance.random()}")
            case _:
                market.pay(US, BTC, "1", b"to ourselves")
        self._tell("something comes")

    def _asset(self) -> str:
        return self.chance.choice([BTC, ETH, DOGE.asset_id])

    def _poll(self) -> None:
        self._tell("the custody is polled")
        if self.chance.random() < 0.2:
            self.market.known.clear()  # another process
        self.market.poll()
        self._tell(f"{len(self.market.untaken())} are not taken")

    def _befalls(self, call: Call) -> Fault | None:
        if self.chance.random() < 0.03:
            return Meanwhile(self._polled_besides)
        return self.by_chance(call)

    def _polled_besides(self) -> None:
        """A poller of its own, to which nothing happens."""
        self._tell("  and by another poller besides")
        calm = FaultyMarket.__new__(FaultyMarket)
        calm.__dict__.update(self.market.__dict__)
        calm.client, calm.custody, calm.funds = self.market.dynamo, self.market.fake_custody, self.market.fake_funds
        calm.states, calm.known = None, self.other
        calm.receiving.poll(lambda: True)

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.market.clock.at:%d %H:%M:%S.%f} {what}")


@contextmanager
def pages() -> Iterator[None]:
    """Small ones."""
    with patch.object(receiving, "PAGE_MAX", PAGE), patch.object(fake, "PAGE_MAX", PAGE):
        yield


live = partial(lived, History, COMMAND)


if __name__ == "__main__":
    sys.exit(main(History, COMMAND, __doc__))
