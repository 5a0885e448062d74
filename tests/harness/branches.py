"""A run that goes on in many ways: at each of its calls, a process of its own for each fault that can befall it.

What a long life does before the call is the same whatever befalls it, and half of all there is to do. A process
that is split off (`fork`) has it behind it. It reports no more than whether it broke; who wants to know how replays its
plan.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from tests.harness.alike import Different, Reach, reach
from tests.harness.apart import split
from tests.harness.faults import Call, Choice, Fault
from tests.harness.points import all_points

Plan = dict[int, Fault]
BROKEN_MAX = 60  # as many fit into the exit code of a process, beside how far its fault went


class Branches:
    """Chooses what befalls the calls of one run. The run is the same in every process, but for its `plan`.

    Args:
        faults: which to try at each call that they can befall.
        until: calls from this number on stay as they are.
        depth: how many faults a plan has at most; the further ones are tried at any later call.
        broken_max: no more processes, once so many have broken.
    """

    def __init__(self, faults: Sequence[Fault], until: int, *, depth: int, broken_max: int) -> None:
        self.plan: Plan = {}
        self._faults = faults
        self._until = until
        self._depth = depth
        self._broken_max = broken_max
        self._broken = 0  # in processes that this one has begun
        self._calls: list[Call] = []
        self.tried: Callable[[], bool] = lambda: True  # whether anything befalls what is called now
        self.is_point = all_points()
        self._is_point_before = False  # whether the call before is a crash point
        self._journal = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  all processes write to it, one at a time
        self._root = os.getpid()

    def play(self, run: Callable[[Choice], bool]) -> bool:
        """Play the run, which answers whether it was well, to all of its ends. Answers for this process's alone, the
        undisturbed one's: only that comes back from here."""
        well = False
        try:
            well = run(self._choose)
        finally:
            if os.getpid() != self._root:
                self._end(well)
        return well

    def ended(self) -> Iterator[tuple[Plan, bool]]:
        """The plan of each other process, and whether it was well. Once."""
        with self._journal as journal:
            journal.seek(0)
            for line in journal.read().splitlines():
                numbers, well = json.loads(line)
                yield {call: self._faults[fault] for call, fault in numbers}, well

    def _choose(self, call: Call) -> Fault | None:
        previous = self._calls[-1] if self._is_point_before else None
        self._calls.append(call)
        self._is_point_before = point = self.is_point(call)
        if call.number in self.plan:
            return self.plan[call.number]
        if point and len(self.plan) < self._depth and (self.plan or call.number < self._until) and self.tried():
            last = len(self.plan) + 1 == self._depth
            different = Different(call, previous, self._faults, alone=last)
            for fault in different:
                if self._broken < self._broken_max:
                    how_far = self._split(call, fault)
                    if how_far is None:
                        return fault
                    different.dealt(fault, how_far)
        return None

    def _split(self, call: Call, fault: Fault) -> Reach | None:
        """How far it went, in a process of its own, which this one waits for; None in that process."""
        child = split()
        if not child:
            self.plan[call.number] = fault
            self._broken = 0
            return None
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if ended < 0:
            self._write({**self.plan, call.number: fault}, well=False)
            self._broken += 1
            return Reach.FURTHER
        broken, how_far = divmod(ended, len(Reach))
        self._broken += broken
        return Reach(how_far)

    def _end(self, well: bool) -> NoReturn:
        how_far = reach(self._calls, max(self.plan)) if well else Reach.FURTHER
        try:
            self._write(self.plan, well)
        finally:
            # No fixture and no buffer of the other process ends here.
            os._exit(min(self._broken + (not well), BROKEN_MAX) * len(Reach) + how_far)

    def _write(self, plan: Plan, well: bool) -> None:
        numbers = [(call, self._faults.index(fault)) for call, fault in plan.items()]
        self._journal.write(json.dumps([numbers, well]).encode() + b"\n")
