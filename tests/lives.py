"""What all random lives share: how often each fault comes, how a seed is lived or replayed, and the command line."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Protocol

from common.log import metrics
from tests.harness.faults import (
    AnswerLost,
    Call,
    Conflict,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    InternalError,
    LateIndex,
    Outage,
    Throttle,
)

RATES: dict[Fault, float] = {
    Conflict(): 0.03,
    Throttle(): 0.01,
    FailBefore(): 0.02,
    AnswerLost(): 0.03,
    InternalError(after=True): 0.01,
    CrashBefore(): 0.02,
    CrashAfter(): 0.03,
    Outage(FailBefore()): 0.001,
    Outage(AnswerLost()): 0.001,
    LateIndex(3): 0.05,
}


class Forgetful(list[Call]):
    """The calls of a life are many and nobody looks at them again: only their number counts."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def append(self, _: Call) -> None:
        self._count += 1

    def __len__(self) -> int:
        return self._count


class Life(Protocol):
    told: list[str]

    def live(self) -> None:
        """Raises AssertionError when something that always holds does not."""
        ...


def lived(begin: Callable[[int], Life], command: str, seed: int) -> None:
    """Raises AssertionError, with the command that shows it again."""
    try:
        begin(seed).live()
    except AssertionError as violation:
        raise AssertionError(f"{command} {seed}: {violation}") from violation
    finally:
        metrics.clear_metrics()  # no invocation ends here that would print them


def main(begin: Callable[[int], Life], command: str, about: str | None) -> int:
    """Replay one seed and tell what happened, or live many and count the violations."""
    parser = argparse.ArgumentParser(prog=command, description=(about or "").splitlines()[0])
    parser.add_argument("seed", type=int, nargs="?", help="replay this one, and tell what happened")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED")
    parser.add_argument("--lives", type=int, default=100_000)
    chosen = parser.parse_args()
    if chosen.seed is not None:
        life = begin(chosen.seed)
        try:
            life.live()
        finally:
            print("\n".join(life.told))
        return 0
    began, violations = time.monotonic(), 0
    for done, seed in enumerate(range(chosen.first, chosen.first + chosen.lives), 1):
        try:
            lived(begin, command, seed)
        except AssertionError as violation:
            violations += 1
            print(violation, flush=True)
        if done % 1000 == 0 or done == chosen.lives:
            each = done / (time.monotonic() - began)
            print(f"{done} lives, {violations} violations, {each:.0f} a second", flush=True)
    return min(violations, 1)
