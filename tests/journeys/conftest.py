"""A whole local stack of the tests' own: its own ports, its own folder, the real CDK app on a real embedded AWS."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import demo_purchases
from local.environment import LocalEnvironment
from local.processes import Process, stop
from local.seed import Desk
from local.stack import AWS, LocalStack, Silent
from tests.depth import FULL
from tests.ports import free_ports

WAIT_SCALE = 0.05
PATIENCE_SECONDS = 300.0  # with a machine that does much else meanwhile


@dataclass
class Stack:
    """The desk, up, and what a test may do to the machine it runs on."""

    local: LocalStack
    desk: Desk
    _names: Iterator[int] = field(default_factory=itertools.count)

    def customer(self) -> httpx.Client:
        """A new user of the pool, without an account yet."""
        username = f"journey-{next(self._names)}-{os.getpid()}"
        self.desk.sign_up(username)
        return self.desk.http(username)

    def funded(self, name: str, usd: str) -> str:
        """The username of a new customer with an account and so many dollars in it."""
        username = f"{name}-{os.getpid()}"
        self.desk.sign_up(username)
        with self.desk.http(username) as http:
            http.post("/users").raise_for_status()
            first = {"Idempotency-Key": "first"}
            http.post("/balance/deposits", json={"amount": usd}, headers=first).raise_for_status()
        return username

    def operator(self) -> httpx.Client:
        return self.desk.http("olga")

    @property
    def aws(self) -> Process:
        """The process of the embedded AWS."""
        return self.local.running()[AWS]

    def restart(self) -> None:
        """As `make down; make up`."""
        self.local.down(Silent())
        self.desk = self.local.up(Silent())

    def lose_power(self) -> None:
        """End the embedded AWS without a chance to save; then `make up`."""
        process = self.aws
        os.kill(process.pid, signal.SIGKILL)
        stop(process)  # waits for its end
        self.desk = self.local.up(Silent())


@contextmanager
def hurried(stack: Stack) -> Iterator[None]:
    """Minutes of waiting machines pass in seconds. A ticker's seconds pass quicker as well."""

    def scale(factor: float) -> None:
        setting = {"stepfunctions._SFN_WAIT_SCALE": factor}
        httpx.post(f"{stack.desk.environment.aws_url}/_ministack/config", json=setting, timeout=15).raise_for_status()

    scale(WAIT_SCALE)
    try:
        yield
    finally:
        scale(1.0)


def eventually(holds: Callable[[], bool], every: float = 0.1) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not after {PATIENCE_SECONDS:.0f} s"
        time.sleep(every)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Ends with the last journey: up it works, also while nobody asks anything of it."""
    folder: Path = tmp_path_factory.mktemp("local")
    local = LocalStack(LocalEnvironment(folder, *free_ports(8)))
    try:
        yield Stack(local, local.up(Silent()))
    finally:
        local.down(Silent())


@dataclass(frozen=True)
class InVain:
    """A small purchase that nobody joins, and whose."""

    username: str
    purchase: dict[str, Any]


@pytest.fixture(scope="package", autouse=FULL)
def in_vain(stack: Stack) -> InVain:
    """Made before all journeys: its pool closes after a minute, in which they have other things to do."""
    username = stack.funded("pool", "100.00")
    stack.desk.tend_market()
    return InVain(username, demo_purchases.join_in_vain(stack.desk, username))
