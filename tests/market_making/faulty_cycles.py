"""How many cycles of quotes the lives of `slots` have played, what befell them, and what of it was wrong.

    python -m tests.market_making.faulty_cycles                    a thousand lives, on two processes
    python -m tests.market_making.faulty_cycles --without intents  the same, without a guard: lives go wrong

It fails where something is wrong with both guards, and where nothing is without one.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import tests.conftest  # noqa: F401  the environment, which the logger reads when it is made
from tests.lives import lived
from tests.market_making.slots import COMMAND, GUARDS, Count, Life, Violation

BOOKS = "trades, ledgers, balances off"
TOLD_EVERY = 100


@dataclass
class Played:
    """`wrong` counts the lives in which something was, by what it was first."""

    count: Count = field(default_factory=Count)
    wrong: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)

    def __add__(self, other: Played) -> Played:
        return Played(self.count + other.count, self.wrong + other.wrong, [*self.said, *other.said])


@contextmanager
def taken_out(guard: str | None) -> Iterator[None]:
    if guard is None:
        yield
        return
    module, name, instead = GUARDS[guard]
    kept = getattr(module, name)
    setattr(module, name, instead)
    try:
        yield
    finally:
        setattr(module, name, kept)


def play(seed: int, without: str | None = None) -> Played:
    """One life, perhaps without a guard."""
    life, found = Life(seed), Played()
    try:
        with taken_out(without):
            lived(lambda _: life, COMMAND, seed)
    except AssertionError as violation:
        found.wrong[getattr(violation.__cause__, "kind", BOOKS)] += 1
        found.said.append(str(violation))
    found.count = life.count
    return found


def told(played: Played, without: str | None, seconds: float) -> str:
    count, wrong = played.count, played.wrong
    guards = "with both guards" if without is None else f"without the guard of {without}"
    return "\n".join(
        [
            f"{count.lives:,} lives {guards}, {wrong.total():,} of them wrong, in {seconds:.0f} s",
            f"cycles: {count.cycles:,}, disturbed {count.disturbed:,}, beside another ticker {count.beside:,}",
            f"orders placed: {count.placed:,}, fills: {count.fills:,}",
            *(f"{kind}: {wrong[kind]}" for kind in (*Violation, BOOKS)),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.market_making.faulty_cycles")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED")
    parser.add_argument("--lives", type=int, default=1_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--without", choices=GUARDS, help="take this guard out")
    chosen = parser.parse_args()
    began, together = time.monotonic(), Played()
    seeds = range(chosen.first, chosen.first + chosen.lives)
    with ProcessPoolExecutor(chosen.processes) as pool:
        each: Iterable[Played] = pool.map(partial(play, without=chosen.without), seeds, chunksize=10)
        for done, played in enumerate(each, 1):
            together += played
            for said in played.said if chosen.without is None else ():
                print(said, flush=True)
            if done % TOLD_EVERY == 0:
                print(f"{done} lives, {together.wrong.total()} wrong …", file=sys.stderr, flush=True)
    print(told(together, chosen.without, time.monotonic() - began))
    return int(bool(together.wrong) is (chosen.without is None))


if __name__ == "__main__":
    sys.exit(main())
