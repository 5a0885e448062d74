"""Which calls of a life are crash points, where not all of them are tried: a fixed fraction, the same in every run.

A life asks for the same things over and over, so the fraction is taken of each kind of call by itself: the first of the
kind, and then every nth, beginning at a number that comes of the life's name. A plain "every nth call" could keep step
with a loop, and would meet some call of it in none of its rounds.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable

from tests.harness.faults import Call

Points = Callable[[Call], bool]
"""Asked of each call of one run, in their order: whether faults are dealt at it."""


def all_points() -> Points:
    """Each call of a run."""
    return lambda _: True


def every_nth(n: int, name: str) -> Points:
    """A fixed nth of the calls of a run.

    Args:
        n: at least 1.
        name: the life's, so that two lives that are alike are not tried at the same calls.
    """
    seen = Counter[str]()

    def is_point(call: Call) -> bool:
        number = seen[call.operation]
        seen[call.operation] += 1
        return number == 0 or (number + zlib.crc32(f"{name} {call.operation}".encode())) % n == 0

    return is_point
