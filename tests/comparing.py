"""Prepared statements compared with what their functions declare: the fast way says the same as the slow one.

A function whose shape hangs on a value, or on anything else that changes, gives the shape of its first call for ever
(`common.table.prepared`). Compared with the same function called with the values, it is found out by the first test
that gives it another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from common.table.prepared import Prepared

CALLS = 10  # of each function in each test: random lives make thousands


@contextmanager
def compared() -> Iterator[None]:
    """Within the block, a statement that is not as declared is an AssertionError."""
    fill, calls = Prepared.__call__, Counter[Prepared[Any, Any]]()

    def both(self: Prepared[Any, Any], *args: Any, **kwargs: Any) -> Any:
        filled = fill(self, *args, **kwargs)
        calls[self] += 1
        if calls[self] <= CALLS:
            declared = self.declare(*args, **kwargs)
            assert vars(filled) == vars(declared), f"{self.declare.__qualname__} is not as declared"
        return filled

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Prepared, "__call__", both)
        yield
