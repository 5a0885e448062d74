"""Tries a planted bug in a process of its own: its own tests first, as on every day and then as deep as `make prove`
plays them, and where they stay green all of its context's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tests.planted.plants import ROOT, Plant

OWN_SECONDS_MAX, WIDER_SECONDS_MAX = 240, 1800
WIDER = {
    "common/gateways": ("tests/gateways",),
    "common/domain/custody": ("tests/market_making", "tests/operations"),
    "common/domain/desk_book": ("tests/purchases", "tests/offramp"),
    "common/domain/payouts": ("tests/payouts", "tests/offramp", "tests/test_crash_matrix.py"),
    "common/domain/exchange_orders": ("tests/domain", "tests/offramp", "tests/purchases"),
    "functions/market_making": ("tests/market_making", "tests/operations"),
    "functions/billing": ("tests/billing", "tests/operations"),
    "functions/orders": ("tests/orders", "tests/test_crash_matrix.py"),
    "functions/purchases": ("tests/purchases",),
    "functions/offramp": ("tests/offramp",),
    "functions/payouts": ("tests/payouts", "tests/operations"),
    "functions/accounts": ("tests/accounts", "tests/payouts"),
}
ELSEWHERE = ("tests/common", "tests/domain", "tests/orders", "tests/purchases", "tests/payouts", "tests/offramp")
_FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
_TESTS_FAILED = 1  # pytest's code for just that


class Outcome(StrEnum):
    FOUND = "found"
    FOUND_WIDER = "found by others"  # than the tests that it names
    EXPLAINED = "explained"
    SURVIVED = "survived"
    WRONG = "wrong"  # its tests can not be run, or it is explained and found


@dataclass(frozen=True)
class Tried:
    """`by`: the test that has found it, or what is wrong."""

    plant: Plant
    outcome: Outcome
    by: str
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.outcome not in (Outcome.SURVIVED, Outcome.WRONG)


@dataclass(frozen=True)
class _Run:
    code: int | None  # None: it did not end
    said: str

    @property
    def red(self) -> bool:
        return self.code in (_TESTS_FAILED, None)

    @property
    def by(self) -> str:
        if self.code is None:
            return "the tests did not end"
        failed = _FAILED.search(self.said)
        return failed[1] if failed else self.said[-500:]


def tried(plant: Plant, *, wider: bool) -> Tried:
    """`wider`: whether others are run where its own tests are green."""
    began = time.monotonic()

    def so(outcome: Outcome, by: str = "") -> Tried:
        return Tried(plant, outcome, by, time.monotonic() - began)

    own = _run(plant.tests, OWN_SECONDS_MAX, PLANTED=plant.name)
    if own.red:
        if plant.explained is not None:
            return so(Outcome.WRONG, f"it is explained, and found by {own.by}")
        return so(Outcome.FOUND, own.by)
    if own.code != 0:
        return so(Outcome.WRONG, f"pytest ended with {own.code}: {own.by}")
    if plant.explained is not None:
        return so(Outcome.EXPLAINED, plant.explained)
    deeper = _run(plant.tests, WIDER_SECONDS_MAX, PLANTED=plant.name, DEPTH="full")
    if deeper.red:
        return so(Outcome.FOUND, deeper.by)
    if wider:
        others = _run(WIDER.get(plant.room, ELSEWHERE), WIDER_SECONDS_MAX, PLANTED=plant.name)
        if others.red:
            return so(Outcome.FOUND_WIDER, others.by)
    return so(Outcome.SURVIVED)


def why_not_green(tests: Iterable[str]) -> str | None:
    """What fails of these tests where nothing is planted."""
    run = _run(tuple(tests), WIDER_SECONDS_MAX)
    return None if run.code == 0 else run.by


def _run(tests: tuple[str, ...], seconds_max: float, **environment: str) -> _Run:
    command = [sys.executable, "-m", "pytest", "-x", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
    if "PLANTED" in environment:
        command += ["-p", "tests.planted.overlay"]
    inherited = {name: value for name, value in os.environ.items() if name not in ("DEPTH", "PYTEST_ADDOPTS")}
    with subprocess.Popen(
        [*command, *tests],
        cwd=ROOT,
        env=inherited | environment | {"PYTHONHASHSEED": "0"},  # what iterates over a set does so alike each time
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return _Run(None, "")
    return _Run(process.returncode, said)
