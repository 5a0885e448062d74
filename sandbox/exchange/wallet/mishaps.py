"""What can go wrong with a transfer, ordered beforehand."""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import Generic, TypeVar

from sandbox.exchange.faults import FAULTS_MAX, IllegalOrder

K = TypeVar("K", bound=StrEnum)


class Mishaps(Generic[K]):
    """Those still to come, each for one transfer. Its callers hold the venue's lock."""

    def __init__(self, kinds: type[K]) -> None:
        self.kinds = kinds
        self._ordered: deque[K] = deque()

    def order(self, kind: str, times: int = 1) -> None:
        """For the next `times` transfers, after those already ordered. Raises IllegalOrder."""
        if kind not in list(self.kinds):
            raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(self.kinds)}")
        if not 1 <= times <= FAULTS_MAX - len(self._ordered):
            raise IllegalOrder(f"times is {times}; with the {len(self._ordered)} that wait at most {FAULTS_MAX} can")
        self._ordered.extend([self.kinds(kind)] * times)

    def heal(self) -> None:
        """Forget those that have not happened yet."""
        self._ordered.clear()

    def waiting(self) -> list[K]:
        return list(self._ordered)

    def next(self) -> K | None:
        return self._ordered.popleft() if self._ordered else None
