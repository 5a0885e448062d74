"""Many writers of one account, in virtual time: ours against seed 002's lock, on the same table with the same delays.

A model, not AWS: 2 ms to the table and back, 8 ms inside for a transaction (in which it holds its items) and 4 ms for
anything else, full jitter; a holder of the lock dies, or stalls beyond its lease, as often as told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from bench.lock_then_write import LEASE_SECONDS, LockTaken, LockThenWrite
from bench.report import Say, Section, table
from common.errors import Unavailable
from common.table.transaction import Patience
from tests.desk import TABLE, Desk
from tests.harness.interleave import Interleaver, at_random
from tests.harness.memory import InMemoryDynamoDB

SECONDS = {"call": 0.006, "commit": 0.008}
ORDERS_EACH = 20
WRITERS = (1, 8, 32)
PRICE, FUNDS = Decimal(100), Decimal(10_000_000)


@dataclass(frozen=True)
class Result:
    writers: int
    stall_percent: int
    orders: int
    seconds: float
    requests: int
    drift_usd: Decimal  # dollars that are not where the completed orders say
    given_up: int  # requests answered 503

    @property
    def goodput(self) -> float:
        return self.orders / self.seconds

    @property
    def requests_per_order(self) -> float:
        return self.requests / self.orders


def measured(say: Say) -> list[tuple[str, Result]]:
    found = []
    for stall_percent in (0, 1):
        for writers in WRITERS:
            for how, run in (("one transaction", ours), ("lock, then write", locked)):
                say(f"contention: {how}, {writers} writers{', stalls' if stall_percent else ''}")
                found.append((how, run(writers, stall_percent)))
    return found


def ours(writers: int, stall_percent: int) -> Result:
    world = _World(stall_percent)
    patience = Patience(monotonic=world.interleaver.monotonic, sleep=world.interleaver.sleep, jitter=world.jitter)
    desk = Desk(world.dynamo, client=world.client, patience=patience)
    desk.list_asset("BTC", str(PRICE), price_age_max_seconds=86_400, max_notional="10000000")
    ann = desk.customer(usd=None)
    desk.credit("ann", "funds", str(FUNDS))
    desk.catalogue_is_cached()
    done = world.run(
        writers, lambda key: desk.buy(ann, "1", key=key), Unavailable, lambda: desk.accounts.balance(ann).total.usd
    )
    desk.check()
    return done


def locked(writers: int, stall_percent: int) -> Result:
    world = _World(stall_percent)
    desk = LockThenWrite(world.client, TABLE.name, world.interleaver.monotonic, world.interleaver.sleep, world.jitter)
    desk._put("ann", "BALANCE", {"current_balance": {"N": str(FUNDS)}})

    def left() -> Decimal:
        return Decimal(desk._get("ann", "BALANCE")["current_balance"]["N"])

    return world.run(writers, lambda key: desk.buy("ann", f"O{key}", Decimal(1), PRICE), LockTaken, left)


class _World:
    """A table whose calls take time, and a function that is now and then frozen for longer than a lease."""

    def __init__(self, stall_percent: int) -> None:
        chance = Random(3)
        self.interleaver = Interleaver(at_random(5), steps_max=5_000_000, hang_seconds=60)
        self.dynamo = InMemoryDynamoDB(TABLE)
        self.stall_percent = stall_percent
        self.jitter = Random(4).random
        self.client = _Counted(self.dynamo, self._stall)
        self._chance = chance

    def _stall(self) -> None:
        if self._chance.randrange(1000) < self.stall_percent:  # a percent of requests of about ten calls
            self.interleaver.sleep(LEASE_SECONDS * 1.5)

    def run(
        self, writers: int, buy: Callable[[str], Any], busy: type[Exception], left: Callable[[], Decimal]
    ) -> Result:
        given_up = [0]

        def work(writer: int) -> None:
            for n in range(ORDERS_EACH):
                while True:
                    try:
                        buy(f"{writer}-{n}")
                        break
                    except busy:
                        given_up[0] += 1

        self.dynamo.pause = lambda stage: self.interleaver.sleep(SECONDS.get(stage, 0.0))
        self.client.on = True
        began = self.interleaver.monotonic()
        for outcome in self.interleaver.run(*(partial(work, writer) for writer in range(writers))):
            outcome.result()
        self.client.on, self.dynamo.pause = False, None
        orders = writers * ORDERS_EACH
        return Result(
            writers,
            self.stall_percent,
            orders,
            self.interleaver.monotonic() - began,
            self.client.calls,
            left() - (FUNDS - orders * PRICE),
            given_up[0],
        )


def told(found: list[tuple[str, Result]]) -> str:
    says = (
        f"{ORDERS_EACH} buys by each writer, in virtual time on the in-memory table: 6 ms for a call and 8 ms in which "
        "a transaction holds its items, not AWS. *One transaction* is the product; *lock, then write* is seed 002's "
        "flow of six requests, written for this. With stalls, 1 in 1,000 calls is followed by a pause of one and a "
        "half leases. Drift is dollars that are not where the completed orders say."
    )
    head = ("how", "writers", "stalls", "orders/s", "requests per order", "503s", "drift")
    rows = [
        (
            how,
            result.writers,
            "yes" if result.stall_percent else "no",
            f"{result.goodput:.1f}",
            f"{result.requests_per_order:.1f}",
            result.given_up,
            f"${result.drift_usd:.2f}",
        )
        for how, result in found
    ]
    return f"{says}\n\n{table(head, rows)}"


SECTION = Section("Contention on one account", measured, told)


class _Counted:
    """A client that counts calls, and lets its caller stall after some."""

    def __init__(self, client: Any, stall: Callable[[], None]) -> None:
        self._client, self._stall, self.calls, self.on = client, stall, 0, False

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._client, name)
        if not self.on or not callable(member):
            return member

        def call(**asked: Any) -> Any:
            self.calls += 1
            try:
                return member(**asked)
            finally:
                self._stall()

        return call
