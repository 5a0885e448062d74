"""What goes wrong with the calls of a fake, ordered beforehand: it is to a port in the same process what `faults` is to
a wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta
from math import ceil
from threading import RLock
from typing import Generic, TypeVar

from common.errors import Refusal, Unavailable
from sandbox.faults import ANY

Asked = TypeVar("Asked", bound=str)
T = TypeVar("T")


class Trouble(Generic[Asked]):
    """Safe to use from several threads.

    name: of the outside system, in what is said. unavailable: what its port raises when it is not reached.
    calls: how often each operation was asked for, those that met a fault included.
    down: while it is true, every call raises `unavailable` and nothing is done.
    lock: held while an operation is carried out.
    """

    def __init__(
        self,
        name: str,
        unavailable: type[Unavailable],
        now: Callable[[], datetime] | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self.calls: Counter[Asked] = Counter()
        self.down = False
        self._name = name
        self._unavailable = unavailable
        self._now = now
        self._lock = lock or RLock()
        self._failures: list[tuple[str, Unavailable]] = []
        self._drops: Counter[str] = Counter()
        self._holds: Counter[str] = Counter()
        self._held: list[Callable[[], object]] = []
        self._banned_until: datetime | None = None

    def ban(self, seconds: float) -> None:
        """From now on, for so long, every call is told to wait for what is left of it, and nothing is done."""
        with self._lock:
            self._banned_until = self._time() + timedelta(seconds=seconds)

    def fail_before_next(self, on: str = ANY, times: int = 1, what: str = "connection", **facts: int) -> None:
        """The next `times` calls of an operation, or of any, raise `unavailable`, and nothing has been done."""
        said = f"{self._name} was not reached: {what}"
        with self._lock:
            self._failures += [(on, self._unavailable(said, what=what, **facts)) for _ in range(times)]

    def drop_answer_next(self, on: str, times: int = 1) -> None:
        """The next `times` calls that get through are done, or refused, and raise `unavailable`."""
        with self._lock:
            self._drops[on] += times

    def hold_up_next(self, on: str, times: int = 1) -> None:
        """The next `times` calls that get through raise `unavailable`, and are carried out by `let_go`."""
        with self._lock:
            self._holds[on] += times

    def let_go(self) -> None:
        """What was held up is done now, or refused; nobody gets the answer."""
        with self._lock:
            held, self._held = self._held, []
            for act in held:
                with suppress(Refusal):
                    act()

    def around(self, operation: Asked, act: Callable[[], T]) -> T:
        """What `act` answers or refuses, unless something was ordered to go wrong."""
        with self._lock:
            self.calls[operation] += 1
            self._reach(operation)
            if due(self._holds, operation):
                self._held.append(act)
                raise self._unavailable(f"{self._name} gave no answer in time", what="timeout")
            lost = due(self._drops, operation)
            try:
                answer = act()
            except Refusal:
                if not lost:
                    raise
            else:
                if not lost:
                    return answer
        raise self._unavailable(f"the answer of {self._name} was lost", what="timeout")

    def _reach(self, operation: str) -> None:
        if self.down:
            raise self._unavailable(f"{self._name} is down", what="connection")
        if self._banned_until is not None:
            seconds = ceil((self._banned_until - self._time()).total_seconds())
            if seconds > 0:
                said = f"{self._name} says that we ask too often"
                raise self._unavailable(said, what="rate_limit", retry_after_seconds=seconds)
        for failure in self._failures:
            if failure[0] in (operation, ANY):
                self._failures.remove(failure)
                raise failure[1]

    def _time(self) -> datetime:
        assert self._now is not None, "without a clock nobody is banned"
        return self._now()


def due(times: Counter[str], operation: str) -> bool:
    """Is it one of those that are still to come? Then it has come."""
    if not times[operation]:
        return False
    times[operation] -= 1
    return True
