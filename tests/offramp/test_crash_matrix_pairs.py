"""Two things go wrong in the life of one payout, at every pair of its calls: in its first run and in what mends it."""

from __future__ import annotations

from tests.depth import PROVED, points
from tests.harness.crash_matrix import crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Fault
from tests.offramp.test_crash_matrix import OVER, withdraw

FAULTS: tuple[Fault, ...] = (FailBefore(), AnswerLost(), CrashBefore(), CrashAfter())


@PROVED
def test_a_payout_survives_two_things_that_go_wrong() -> None:
    report = crash_matrix(
        withdraw(),
        FAULTS,
        pairs=True,
        same=lambda one, other: {one, other} <= OVER,
        points=points("pairs of a payout", everyday=16, proved=6),
    )
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report
