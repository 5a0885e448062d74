"""A function begins nothing that it might not finish."""

from __future__ import annotations

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from common.time_left import RESERVE_MILLISECONDS, more_time


class Running(LambdaContext):
    """Of a function that has fewer milliseconds left each time that it asks."""

    def __init__(self, *left: int) -> None:
        remaining = iter(left)
        self.get_remaining_time_in_millis = lambda: next(remaining)  # type: ignore[method-assign]


@pytest.mark.parametrize(("asked", "reserve"), [({}, RESERVE_MILLISECONDS), ({"reserve_milliseconds": 15_000}, 15_000)])
def test_there_is_more_time_until_only_the_reserve_is_left(asked: dict[str, int], reserve: int) -> None:
    more = more_time(Running(reserve + 2, reserve + 1, reserve, reserve - 1), **asked)
    assert [more() for _ in range(4)] == [True, True, False, False]
