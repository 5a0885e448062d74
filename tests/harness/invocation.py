"""The invocation of a Lambda function, as the function sees it: its context."""

from __future__ import annotations

from collections.abc import Callable

from aws_lambda_powertools.utilities.typing import LambdaContext


class Invocation(LambdaContext):
    """Has its whole time left always; `left`, in milliseconds, tells otherwise."""

    _function_name = "test"
    _memory_limit_in_mb = 512
    _invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:test"

    def __init__(self, seconds: float = 60, name: str = "call", left: Callable[[], int] | None = None) -> None:
        self._aws_request_id = name
        self._left = left or (lambda: int(seconds * 1000))

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]
        return self._left()
