"""What can go wrong between a simulated system and who asks it, ordered beforehand: its face puts it around every call.

Each system names its own kinds of faults and its operations. The kinds below mean the same everywhere, and happen here;
all others are told by the face, in the system's own words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from typing import Generic, TypeVar

from common.errors import Rejected
from sandbox.serving import Drop, Hang

TIMEOUT_BEFORE = "timeout_before"  # the connection stays open and nothing comes; nothing is done
TIMEOUT_AFTER = "timeout_after"  # likewise, but it is done
DROP_AFTER = "drop_after"  # it is done, and the connection is closed without an answer

ANY = "any"
FAULTS_MAX = 1000
RETRY_AFTER_SECONDS = 10  # what a system says that is asked too often

F = TypeVar("F", bound=StrEnum)
T = TypeVar("T")


class IllegalOrder(Rejected):
    """A simulated system was told to do something that it can not do."""


@dataclass(frozen=True)
class Ordered(Generic[F]):
    """A fault still to come. on: an operation, or `any`."""

    kind: F
    on: str


class OrderedFaults(Generic[F]):
    """Safe to use from several threads.

    kinds: the faults that there are. targets: the operations that one can be ordered for, `any` besides.
    down: while it is true, no connection is answered.
    """

    def __init__(self, kinds: type[F], targets: Sequence[str]) -> None:
        self.down = False
        self.kinds = kinds
        self.targets = (*targets, ANY)
        self._ordered: deque[Ordered[F]] = deque()
        self._lock = Lock()

    def fail_next(self, kind: str, on: str = ANY, times: int = 1) -> None:
        """Let the next `times` such operations meet a fault, after those already ordered. Raises IllegalOrder."""
        try:
            fault = self.kinds(kind)
        except ValueError:
            raise IllegalOrder(f"kind is {kind!r}; there are {', '.join(self.kinds)}") from None
        self.check_target(on)
        if not 1 <= times <= FAULTS_MAX:
            raise IllegalOrder(f"times is {times}; it must be from 1 to {FAULTS_MAX}")
        with self._lock:
            if len(self._ordered) + times > FAULTS_MAX:
                raise IllegalOrder(f"{len(self._ordered)} faults already wait; at most {FAULTS_MAX} can")
            self._ordered.extend([Ordered(fault, str(on))] * times)

    def check_target(self, on: str) -> None:
        """Raises IllegalOrder."""
        if on not in self.targets:
            raise IllegalOrder(f"on is {on!r}; there are {', '.join(self.targets)}")

    def heal(self) -> None:
        """Forget the faults that were ordered and have not happened yet."""
        with self._lock:
            self._ordered.clear()

    def waiting(self) -> list[Ordered[F]]:
        """Those still to come, in order."""
        with self._lock:
            return list(self._ordered)

    def told(self) -> list[dict[str, str]]:
        """The same, in what JSON can hold."""
        return [{"kind": ordered.kind, "on": ordered.on} for ordered in self.waiting()]

    def around(self, operation: str, carry_out: Callable[[], T], tell: Callable[[F], T]) -> T:
        """Carry an operation out, or meet the next fault that was ordered for it.

        tell: how the face, or the fake, says what does not happen here. What `carry_out` raises is raised.
        Raises Hang, Drop, which `serving` makes true.
        """
        if self.down:
            raise Drop
        fault = self._next(operation)
        if fault is None:
            return carry_out()
        if fault == TIMEOUT_BEFORE:
            raise Hang
        if fault in (TIMEOUT_AFTER, DROP_AFTER):
            carry_out()
            raise Hang if fault == TIMEOUT_AFTER else Drop
        return tell(fault)

    def _next(self, operation: str) -> F | None:
        with self._lock:
            for ordered in self._ordered:
                if ordered.on in (operation, ANY):
                    self._ordered.remove(ordered)
                    return ordered.kind
        return None
