"""Two things go wrong in the life of one payout, at every pair of its calls: in its first run and in what mends it."""

from __future__ import annotations

import pytest

from tests.depth import deep
from tests.harness.crash_matrix import crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Fault
from tests.offramp.test_crash_matrix import OVER, withdraw

FAULTS: tuple[Fault, ...] = (FailBefore(), AnswerLost(), CrashBefore(), CrashAfter())


@pytest.mark.parametrize("second", [FAULTS[:2], FAULTS[2:]], ids=["failures", "crashes"])
def test_a_payout_survives_two_things_that_go_wrong(second: tuple[Fault, ...]) -> None:
    report = crash_matrix(
        withdraw(), second[-deep(everyday=1, full=2) :], pairs=True, same=lambda one, other: {one, other} <= OVER
    )
    assert not report.violations, report
