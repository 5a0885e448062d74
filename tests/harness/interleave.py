"""Concurrency that can be played again: several writers, one running at a time, a choice at every step.

    interleaver = Interleaver(at_random(seed))
    memory = interleaver.watch(InMemoryDynamoDB(table))
    outcomes = interleaver.run(lambda: orders.buy(…), lambda: orders.buy(…))

The writers are ordinary synchronous code, each in a thread of its own. A writer hands over at every call to
the table, between the two phases of its transaction (so that who overlaps with it gets a TransactionConflict),
and when it sleeps. Time is virtual and goes on only when all sleep. What
runs next is chosen by seed, in turn, or by a list; `schedule` is that list afterwards, and plays it again.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from random import Random
from typing import Any

from tests.harness.clock import VirtualClock
from tests.harness.memory import InMemoryDynamoDB

Choice = Callable[[Sequence[int]], int]  # of the writers that could run, by number, the one that does

STEPS_MAX = 100_000
HANG_SECONDS = 10.0


class Hung(AssertionError):
    """A writer neither ended nor came to a step, or all of them together never end."""


class _Abandoned(BaseException):
    """Ends the other writers when a run has failed."""


@dataclass
class Outcome:
    """How a writer ended: with a value or an error."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


def at_random(seed: int) -> Choice:
    return Random(seed).choice


def in_turn() -> Choice:
    """Round robin."""
    turns = count()

    def choose(ready: Sequence[int]) -> int:
        return ready[next(turns) % len(ready)]

    return choose


def in_order(schedule: Iterable[int]) -> Choice:
    """By a list of writers, such as a run's `schedule`. Where it does not fit, or ends, the first goes on."""
    writers = iter(schedule)

    def choose(ready: Sequence[int]) -> int:
        wanted = next(writers, ready[0])
        return wanted if wanted in ready else ready[0]

    return choose


class _Writer:
    def __init__(self, number: int, work: Callable[[], Any]) -> None:
        self.number = number
        self.work = work
        self.go = threading.Semaphore(0)
        self.wakes_at = 0.0
        self.at = "the beginning"
        self.outcome: Outcome | None = None
        self.thread: threading.Thread | None = None


class Interleaver:
    """Runs writers step by step. Its `now`, `monotonic` and `sleep` are for the product code.

    Args:
        choose: who runs next.
        clock: the time they share.
        seconds_per_step: virtual time that each step takes.
        stages: where a transaction hands over besides its call: `commit` between the phases, `prepare` before
            each further item is looked at and held, `apply` before each further item is written (readers may
            then see half a transaction, as on AWS they may).
    """

    def __init__(
        self,
        choose: Choice,
        *,
        clock: VirtualClock | None = None,
        seconds_per_step: float = 0.0,
        stages: Iterable[str] = ("commit",),
        steps_max: int = STEPS_MAX,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        self.schedule: list[int] = []
        self.clock = clock or VirtualClock()
        self._choose = choose
        self._seconds_per_step = seconds_per_step
        self._stages = {"call", *stages}
        self._steps_max = steps_max
        self._hang_seconds = hang_seconds
        self._running: _Writer | None = None
        self._back = threading.Semaphore(0)
        self._abandoned = False

    def watch(self, memory: InMemoryDynamoDB) -> InMemoryDynamoDB:
        """The same table; its calls are steps from now on."""
        memory.pause = self._pause
        return memory

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the others run for so long, in virtual time."""
        self._step(f"sleep({seconds})", seconds)

    def run(self, *works: Callable[[], Any]) -> list[Outcome]:
        """Run all to their ends and say how each ended, in order. Raises Hung."""
        writers = [_Writer(number, work) for number, work in enumerate(works)]
        for writer in writers:
            writer.wakes_at = self.monotonic()
            writer.thread = threading.Thread(target=self._live, args=(writer,), daemon=True)
            writer.thread.start()
        try:
            while alive := [writer for writer in writers if writer.outcome is None]:
                self._run_one(alive)
        finally:
            self._abandon(writers)
        return [writer.outcome or Outcome() for writer in writers]

    def _run_one(self, alive: list[_Writer]) -> None:
        ready = [writer for writer in alive if writer.wakes_at <= self.monotonic()]
        if not ready:
            self.clock.advance(min(writer.wakes_at for writer in alive) - self.monotonic())
            return
        number = self._choose([writer.number for writer in ready])
        chosen = next(writer for writer in ready if writer.number == number)
        self.schedule.append(number)
        if len(self.schedule) > self._steps_max:
            raise Hung(f"no end after {self._steps_max} steps; {_whereabouts(alive)}")
        self._running = chosen
        chosen.go.release()
        if not self._back.acquire(timeout=self._hang_seconds):
            raise Hung(
                f"writer {number} neither ended nor made a step for {self._hang_seconds} s: does it wait for another "
                f"one, or loop?\n{_stack(chosen)}{_whereabouts(alive)}"
            )
        self._running = None

    def _live(self, writer: _Writer) -> None:
        writer.go.acquire()
        try:
            if not self._abandoned:
                writer.outcome = Outcome(value=writer.work())
        except _Abandoned:
            pass
        except BaseException as error:
            writer.outcome = Outcome(error=error)
        finally:
            self._back.release()

    def _pause(self, stage: str) -> None:
        if stage in self._stages:
            self._step(stage)

    def _step(self, at: str, seconds: float | None = None) -> None:
        """Hand over; come back when chosen again."""
        writer = self._running
        if self._abandoned and threading.current_thread().daemon:
            raise _Abandoned
        if writer is None:  # set-up and checks around the run
            self.clock.advance(seconds or 0)
            return
        writer.at = at
        writer.wakes_at = self.monotonic() + (self._seconds_per_step if seconds is None else seconds)
        self._back.release()
        writer.go.acquire()
        if self._abandoned:
            raise _Abandoned

    def _abandon(self, writers: list[_Writer]) -> None:
        """End the writers that a failed run left behind, one after the other; a hung one is left to itself."""
        hung, self._running = self._running, None
        self._abandoned = True
        for writer in writers:
            if writer is not hung and writer.thread and writer.outcome is None:
                writer.go.release()
                writer.thread.join(self._hang_seconds)
        self._abandoned = hung is not None


def every_schedule(
    scenario: Callable[[Interleaver], None],
    *,
    schedules_max: int = 10_000,
    stages: Iterable[str] = ("commit",),
    preemptions_max: int | None = None,
) -> int:
    """Play a scenario under every schedule there is, and say how many there were.

    `scenario` builds its world, runs it with the interleaver and asserts; what it raises says the schedule.
    preemptions_max: only those in which no more often than this a writer that could go on makes way for another. What
    goes wrong among writers nearly always does with one or two such changes, and there are few such schedules
    (Musuvathi and Qadeer, Iterative context bounding, PLDI 2007).
    """
    prefix: list[int] = []
    for played in count(1):
        trace: list[tuple[int, int]] = []  # at each step: how many could run, and which of them did
        left = _Preemptions(preemptions_max)

        def choose(ready: Sequence[int]) -> int:
            step = len(trace)  # noqa: B023  the trace of this very schedule
            could = left.could_run(ready)  # noqa: B023
            taken = prefix[step] if step < len(prefix) else 0  # noqa: B023
            trace.append((len(could), taken))  # noqa: B023
            return left.runs(could[taken], ready)  # noqa: B023

        interleaver = Interleaver(choose, stages=stages)
        try:
            scenario(interleaver)
        except BaseException as error:
            error.add_note(f"schedule: {interleaver.schedule}")
            raise
        while trace and trace[-1][1] + 1 == trace[-1][0]:
            trace.pop()
        if not trace:
            return played
        assert played < schedules_max, f"more than {schedules_max} schedules"
        prefix = [*(taken for _, taken in trace[:-1]), trace[-1][1] + 1]
    raise AssertionError("counting ends above")


class _Preemptions:
    """Of one schedule: how often a writer may still make way that could go on."""

    def __init__(self, most: int | None) -> None:
        self._left = most
        self._last: int | None = None

    def could_run(self, ready: Sequence[int]) -> Sequence[int]:
        """The one that ran last comes first."""
        if self._left is None or self._last is None or self._last not in ready:
            return ready
        return [self._last, *(number for number in ready if number != self._last and self._left)]

    def runs(self, chosen: int, ready: Sequence[int]) -> int:
        if self._left is not None and self._last in ready and chosen != self._last:
            self._left -= 1
        self._last = chosen
        return chosen


def _stack(writer: _Writer) -> str:
    frame = sys._current_frames().get(writer.thread.ident or 0) if writer.thread else None
    return "".join(traceback.format_stack(frame)) if frame else ""


def _whereabouts(writers: Iterable[_Writer]) -> str:
    return "; ".join(f"writer {writer.number} was last at {writer.at}" for writer in writers)
