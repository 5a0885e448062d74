"""A process that is killed at one of its writes: before it arrives, or after it was done."""

from __future__ import annotations

from typing import Any

from tests.harness.memory import InMemoryDynamoDB


class Died(BaseException):
    """Nothing of the process goes on, whatever it catches."""


class Dying:
    """The table of a process whose write of number `at`, from 1 on, is its last. writes: how many it has asked for."""

    def __init__(self, dynamo: InMemoryDynamoDB, at: int, *, after: bool) -> None:
        self._dynamo, self._at, self._after = dynamo, at, after
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dynamo, name)

    def transact_write_items(self, **asked: Any) -> Any:
        self.writes += 1
        if self.writes == self._at and not self._after:
            raise Died
        answer = self._dynamo.transact_write_items(**asked)
        if self.writes == self._at:
            raise Died
        return answer
