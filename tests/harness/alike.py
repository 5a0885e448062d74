"""Faults that are the same to the program and to the world: of these one is dealt, and nothing is left out.

A read changes nothing. It fails in one way, whether it fails before, after or inside (`common.table` makes one refusal
of all of it), and a process that dies before it or after it leaves the same world. Between two calls of one process
nothing happens that anybody sees: to die after the one is to die before the other. An outage that no further call meets
is its fault, and one that only reads meet is any other outage.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import IntEnum

from tests.harness.faults import (
    AnswerLost,
    Call,
    CrashAfter,
    CrashBefore,
    FailBefore,
    Fault,
    InternalError,
    Outage,
    Throttle,
)

FAILURES = (FailBefore(), AnswerLost(), Throttle(), InternalError(), InternalError(after=True))
OUTAGES = tuple(map(Outage, FAILURES))


class Reach(IntEnum):
    """Which calls a fault has met: that one alone, further ones that read the table, that read anything, or others."""

    ALONE = 0
    TABLE = 1
    READS = 2
    FURTHER = 3


def reach(calls: Sequence[Call], number: int) -> Reach:
    """How far the fault of a call went, when all has been played. A world that never came to the call tells nothing."""
    if number >= len(calls):
        return Reach.FURTHER
    fault = calls[number].fault
    met = [call for call in calls[number + 1 :] if call.fault is fault] if isinstance(fault, Outage) else []
    if not met:
        return Reach.ALONE
    if not all(call.boundary.reads for call in met):
        return Reach.FURTHER
    return Reach.TABLE if all(call.at_table for call in met) else Reach.READS


class Different:
    """The faults that can befall a call, without those that are the same as another one.

    Args:
        previous: the call before it, None where it is the first.
        alone: nothing else goes wrong afterwards.
    """

    def __init__(self, call: Call, previous: Call | None, faults: Collection[Fault], *, alone: bool) -> None:
        self._call = call
        self._alone = alone
        self._faults = sorted(faults, key=lambda fault: not isinstance(fault, Outage))  # see how far it goes, first
        self._same: set[Fault] = set()
        if call.boundary.reads and CrashBefore() in faults:
            self._same.add(CrashAfter())
        if previous is not None and not call.begins and previous.fault is None:
            died = previous.boundary.reads or CrashAfter() in faults
            self._same.update({CrashBefore()} if died else ())

    def __iter__(self) -> Iterator[Fault]:
        for fault in self._faults:
            if fault not in self._same and fault.can_befall(self._call):
                yield fault

    def dealt(self, fault: Fault, how_far: Reach) -> None:
        """It was tried: what is the same need not be."""
        reads = self._call.boundary.reads
        if isinstance(fault, Outage):
            if how_far is Reach.ALONE:
                self._same.update(FAILURES if reads and fault in OUTAGES else (fault.fault,))
            if reads and fault in OUTAGES and (how_far is Reach.ALONE or (how_far < Reach.FURTHER and self._alone)):
                # One of the table alone spares the other calls.
                narrow = fault.fault.table_only
                wide_and_met_no_other = not narrow and how_far <= Reach.TABLE
                self._same.update(o for o in OUTAGES if wide_and_met_no_other or o.fault.table_only is narrow)
        elif reads and fault in FAILURES:
            self._same.update(FAILURES)
