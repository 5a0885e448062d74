"""How long a function goes on with one thing after another: as long as what it begins can still be finished."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.utilities.typing import LambdaContext

RESERVE_MILLISECONDS = 8_000  # what was begun with less time than this might not be finished


def more_time(context: LambdaContext, *, reserve_milliseconds: int = RESERVE_MILLISECONDS) -> Callable[[], bool]:
    """Is there time to begin one more? Asked before each."""
    return lambda: context.get_remaining_time_in_millis() > reserve_milliseconds
