"""A batch of more members than a transaction has room for is allocated in steps that may die anywhere, each once."""

from __future__ import annotations

from decimal import Decimal
from functools import cache

import pytest

from tests.depth import deep
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.faults import Call, CrashAfter, Fault, Faults, never, planned
from tests.harness.memory import InMemoryDynamoDB
from tests.lives import Forgetful
from tests.purchases.lives import fair, unfinished

OWNERS, MANY = 10, deep(everyday=100, full=1_000)
UNIT = Decimal("0.000000001")


@cache
def full(members: int, cents: int) -> Desk:
    """A pool has just been filled by so many purchases for so many cents each."""
    desk = Desk()
    desk.list_exchange_asset(
        price_age_max_seconds=1_000_000, min_notional=str(Decimal(members * cents) / 100), min_pooled="0.01"
    )
    owners = [desk.customer(f"user-{n}", usd="1000.00") for n in range(OWNERS)]
    desk.catalogue_is_cached()
    for n in range(members):
        desk.purchase(owners[n % OWNERS], f"0.{cents:02d}", key=f"k{n}")
    return desk


def desk_of(members: int, cents: int, faults: Faults) -> FaultyDesk:
    return FaultyDesk.after(full(members, cents), faults)


def allocated(desk: FaultyDesk, members: int) -> None:
    """In the end each has got its share, once, and of equal ones nobody more than a unit more; unless the process died
    just before it asked the exchange: then each has its dollars back."""
    desk.faults.heal()
    desk.run()
    fair(desk)
    assert not unfinished(desk)
    purchases = [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "purchase"]
    asked = desk.world.fake.calls["place"]
    assert asked <= 1
    assert [item["status"]["S"] for item in purchases] == ["COMPLETED" if asked else "FAILED"] * members
    shares = {Decimal(item["executed_quantity"]["N"]) for item in purchases}
    assert max(shares) - min(shares) <= UNIT


def calls_of(members: int, cents: int) -> int:
    """How many an undisturbed machine does, of the table and of the exchange."""
    desk = desk_of(members, cents, Faults(never))
    before = len(desk.faults.calls)
    desk.run()
    allocated(desk, members)
    return len(desk.faults.calls) - before


def test_forty_are_credited_once_whichever_call_is_its_processs_last() -> None:
    for number in range(0, calls_of(40, 10), deep(everyday=7, full=1)):
        desk = desk_of(40, 10, Faults(planned({number: CrashAfter()})))
        desk.run()
        assert any(call.fault for call in desk.faults.calls)
        desk.check()
        allocated(desk, 40)


class Mortal(FaultyDesk):
    """Every process that does a task dies after so many `writes`; the sweeper's live."""

    writes = 1

    def __init__(self, faults: Faults, dynamo: InMemoryDynamoDB | None = None) -> None:
        super().__init__(faults, dynamo)
        self.tasks, self.left = 0, 0
        self.world.process = self.task

    def task(self) -> None:
        self.process()
        self.tasks, self.left, self.faults.choose = self.tasks + 1, self.writes, self.dies

    def dies(self, call: Call) -> Fault | None:
        self.left -= call.operation == "TransactWriteItems"
        return None if self.left else CrashAfter()

    def sweep(self) -> None:
        self.faults.choose = never
        super().sweep()


@pytest.mark.parametrize(("members", "cents", "writes"), [(60, 10, 1), (60, 10, 2), (60, 10, 7), (MANY, 1, 24)])
def test_members_are_credited_once_though_every_process_soon_dies(members: int, cents: int, writes: int) -> None:
    desk = Mortal.after(full(members, cents), Faults(never, calls=Forgetful()))
    desk.writes = writes
    desk.run(days=2)
    desk.check()
    allocated(desk, members)
    assert desk.tasks >= members / writes
