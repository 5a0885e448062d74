"""Plants bugs in the money modules, one at a time, and sees whether a test fails.

    python -m tests.planted                          all of them
    python -m tests.planted --part 10                about a tenth, always the same ones
    python -m tests.planted --only give,billing      those whose names have one of these words
    python -m tests.planted --list                   their names, kinds, and whose money it would be

What becomes of each is told as it goes (stderr); in the end all of it as JSON (stdout). The exit code is 1 where one
has survived, or the table is wrong; 2 where the tests are red with nothing planted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.planted.plants import Plant
from tests.planted.table import PLANTS, part
from tests.planted.trying import Outcome, Tried, tried, why_not_green


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.planted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", type=int, default=1, metavar="N", help="one in N of them")
    parser.add_argument("--only", default="", metavar="WORDS", help="with commas between them")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once")
    parser.add_argument("--own", action="store_true", help="only the tests that each names, no wider ones")
    parser.add_argument("--planted-only", action="store_true", help="without a run of the tests with nothing planted")
    parser.add_argument("--list", action="store_true", help="tell of them, and plant nothing")
    asked = parser.parse_args(arguments)
    words = [word for word in asked.only.split(",") if word]
    plants = [one for one in part(asked.part) if not words or any(word in one.name for word in words)]
    if asked.list:
        for one in plants:
            print(f"{one.name}  [{one.kind}, {one.room}]  {one.harm}")
        return 0
    if not asked.planted_only:
        tests = sorted({test for one in plants for test in one.tests})
        print(f"{len(tests)} tests, with nothing planted …", file=sys.stderr)
        if (why := why_not_green(tests)) is not None:
            print(f"red with nothing planted: {why}", file=sys.stderr)
            return 2
    began = time.monotonic()
    with ThreadPoolExecutor(asked.jobs) as pool:
        found: list[Tried] = []
        for each in pool.map(lambda plant: tried(plant, wider=not asked.own), plants):
            found.append(each)
            print(f"{len(found)}/{len(plants)} {_line(each)}", file=sys.stderr, flush=True)
    print(json.dumps(summary(found, time.monotonic() - began), indent=2))
    return 0 if all(each.is_good for each in found) else 1


def summary(found: Sequence[Tried], seconds: float) -> dict[str, object]:
    """Figures, and each plant with what has become of it."""
    outcomes = Counter(one.outcome for one in found)
    seen = outcomes[Outcome.FOUND] + outcomes[Outcome.FOUND_WIDER]
    return {
        "planted": len(found),
        "of_all": len(PLANTS),
        "found": seen,
        "found_percent": round(100 * seen / len(found), 1) if found else None,
        **{str(outcome): outcomes[outcome] for outcome in Outcome if outcome is not Outcome.FOUND},
        "kinds": dict(Counter(one.plant.kind for one in found)),
        "rooms": dict(Counter(one.plant.room for one in found)),
        "seconds": round(seconds, 1),
        "plants": [_told(one) for one in found],
    }


def _told(one: Tried) -> dict[str, object]:
    planted: Plant = one.plant
    return {
        "name": planted.name,
        "kind": planted.kind,
        "at": [change.at for change in planted.changes],
        "harm": planted.harm,
        "outcome": one.outcome,
        "by": one.by,
        "seconds": round(one.seconds, 1),
    }


def _line(one: Tried) -> str:
    return f"{one.outcome:15} {one.seconds:6.1f} s  {one.plant.name}  {one.by}"


if __name__ == "__main__":
    sys.exit(main())
