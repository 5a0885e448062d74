"""Unfinished work is visible: whatever waits for something is in OpenWorkIndex until it is done.

The index is sharded from the start, since a throttled index throttles its table, and holds keys and reason only. Each
shard of a backlog is a partition of the index, in the order of `due_at`.
It is late like any index: it says where to look, the item decides. `due_at` is set when the wait begins and is not
moved in a loop. What waits for a person has partitions of its own, so that it never stands in the sweeper's way.

Some of it is moved by a state machine. Then the item names the machine and its generation, and `drive` sees to it
that the machine runs: the first execution is named by the item, the n-th after it `{id}-{n}`. Every task
acts only on what the table says, so another generation may be started at any time. What waits for a person is left
alone.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.errors import Conflict, Unavailable
from common.keys import Key, PrimaryKey
from common.log import log
from common.machines import Machines
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute, Item
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table
from common.table.transaction import Write

SHARDS = 4
SOON = timedelta(minutes=1)  # by then a machine that runs has taken its next step
_PERSON = "person-"
_ANY_TIME = datetime.max.replace(tzinfo=UTC)


class OpenWork(Item):
    """An item that may wait. It waits while it has `open_work`."""

    open_work = UnicodeAttribute(null=True)  # {backlog}#{shard}, or {backlog}#person-{shard}
    due_at = InstantAttribute(null=True)  # by when it should have moved
    waits_for = UnicodeAttribute(null=True)
    waits_since = InstantAttribute(null=True)
    machine = UnicodeAttribute(null=True)
    generation = DecimalAttribute(null=True)
    generation_before = DecimalAttribute(null=True)  # of the machine that has handed it over

    @property
    def needs_person(self) -> bool:
        """No machine can move it."""
        return self.open_work is not None and _PERSON in self.open_work


class WaitingItem(Item):
    """What the index tells of any waiting item: its key, when it is due, and what it waits for."""

    open_work = UnicodeAttribute()
    due_at = InstantAttribute()
    waits_for = UnicodeAttribute()

    @property
    def key(self) -> PrimaryKey:
        return PrimaryKey(self.PK, self.SK)

    @property
    def needs_person(self) -> bool:
        return _PERSON in self.open_work


class Unfinished(OpenWork, AnyItem):
    """Any item that may wait, as the sweeper sees it."""

    status = UnicodeAttribute(null=True)


class Redriven(Conflict):
    """Somebody else has started it again meanwhile, or it is done."""


def wait(item: OpenWork, row: Key, *, due_at: datetime, waits_for: str) -> None:
    """The item, which is about to be put, begins to wait; the first machine of its row moves it."""
    item.open_work, item.due_at, item.waits_for = partition(row, item.PK), due_at, waits_for
    item.waits_since = item.created_at
    if row.machines:
        item.machine, item.generation = row.machines[0], Decimal(1)


def wait_for_person(item: OpenWork, row: Key, *, waits_for: str) -> None:
    """The item, which is about to be put, begins to wait for a person, who should come at once."""
    item.open_work, item.due_at, item.waits_for = partition(row, item.PK, _PERSON), item.created_at, waits_for
    item.waits_since = item.created_at


class Wait(NamedTuple):
    """What an item is to wait for, as prepared statements take it: `begin` gives the actions."""

    open_work: str
    due_at: datetime
    waits_for: str
    since: datetime


def begin(wait: Wait) -> list[Action]:
    """As `waits`, for statements that are prepared."""
    return [
        OpenWork.open_work.set(wait.open_work),
        OpenWork.due_at.set(wait.due_at),
        OpenWork.waits_for.set(wait.waits_for),
        OpenWork.waits_since.set(wait.since),
    ]


def waits(row: Key, pk: str, *, now: datetime, due_at: datetime, waits_for: str) -> list[Action]:
    """The actions after which an item waits for something else, or again."""
    return begin(Wait(partition(row, pk), due_at, waits_for, now))


def needs_person(row: Key, pk: str, *, now: datetime, waits_for: str) -> list[Action]:
    """The actions after which an item waits for a person, who should come at once."""
    return begin(Wait(partition(row, pk, _PERSON), now, waits_for, now))


def hand_over(machine: str) -> list[Action]:
    """The actions after which the next machine of its row moves an item."""
    return [
        OpenWork.generation_before.set(OpenWork.generation),
        OpenWork.machine.set(machine),
        OpenWork.generation.set(Decimal(1)),
    ]


def supersede() -> list[Action]:
    """The actions after which the machine's next execution moves an item, whatever the one before may still wait
    for."""
    return [OpenWork.generation.add(Decimal(1))]


def done() -> list[Action]:
    """The actions that take an item out of the index."""
    return [
        OpenWork.open_work.remove(),
        OpenWork.due_at.remove(),
        OpenWork.waits_for.remove(),
        OpenWork.waits_since.remove(),
    ]


def due(table: Table, backlog: str, until: datetime) -> Iterator[WaitingItem]:
    """What of one backlog should have moved by `until`, oldest first, without what waits for a person."""
    return _due(table, backlog, until, "")


def for_people(table: Table, backlog: str) -> Iterator[WaitingItem]:
    """What of one backlog waits for a person, oldest first."""
    return _due(table, backlog, _ANY_TIME, _PERSON)


def _due(table: Table, backlog: str, until: datetime, whom: str) -> Iterator[WaitingItem]:
    shards = [table.all(WaitingItem, _waiting(open_work, until)) for open_work in partitions(backlog, whom)]
    return heapq.merge(*shards, key=lambda item: (item.due_at, item.PK))


def partitions(backlog: str, whom: str = "") -> list[str]:
    """Those of the index that hold a backlog, without what waits for a person."""
    return [f"{backlog}#{whom}{shard}" for shard in range(SHARDS)]


def due_page(table: Table, open_work: str, until: datetime, *, limit: int, after: Position | None) -> Page[WaitingItem]:
    """A page of one partition of the index: what should have moved by `until`, oldest first."""
    return table.page(WaitingItem, _waiting(open_work, until), limit=limit, after=after)


def place(waiting: WaitingItem) -> Position:
    """Where a page of the index goes on that has come to this item, there still or not."""
    due_at = text(waiting.due_at)
    return {
        "open_work": {"S": waiting.open_work},
        "due_at": {"S": due_at},
        "PK": {"S": waiting.PK},
        "SK": {"S": waiting.SK},
    }


def number_due(table: Table, backlog: str, until: datetime, *, at_most: int) -> int:
    """How much of one backlog should have moved by `until`, counted no further than `at_most`."""
    return _number(table, partitions(backlog), until, at_most)


def number_for_people(table: Table, backlog: str, *, at_most: int) -> int:
    """How much of one backlog waits for a person, counted no further than `at_most`."""
    return _number(table, partitions(backlog, _PERSON), _ANY_TIME, at_most)


def _number(table: Table, open_works: list[str], until: datetime, at_most: int) -> int:
    found = 0
    for open_work in open_works:
        if found < at_most:
            found += len(due_page(table, open_work, until, limit=at_most - found, after=None).items)
    return found


@prepared
def _waiting(open_work: str, until: datetime) -> Query:
    return Query((OpenWork.open_work == open_work) & (OpenWork.due_at <= until), index=keys.OPEN_WORK)


def item(table: Table, key: PrimaryKey) -> Unfinished | None:
    """Any item as it is now, waiting or not; None when there is none."""
    return table.get(Unfinished, key, consistent=True)


def find(table: Table, key: PrimaryKey) -> Unfinished | None:
    """The item as it is now; None when there is none, or it waits for nothing."""
    found = item(table, key)
    return None if found is None or found.open_work is None else found


def drive(table: Table, machines: Machines, item: Unfinished, now: datetime) -> bool:
    """See to it that the machine of an unfinished item runs; True when it was started, now or since `now`.

    Does nothing to what no machine moves, or only a person. Raises MachinesUnavailable, Busy.
    """
    if item.machine is None or item.needs_person:
        return False
    generation = int(item.generation or 1)
    while True:
        started = machines.start(item.machine, execution_name(item.PK, generation), item.PK, since=now)
        if started is not None:
            return started
        # An execution of this name has ended: the next generation.
        try:
            with table.transaction() as tx:
                tx.add(_next_generation(item, generation, now))
        except Redriven:
            return False
        generation += 1


def drive_now(table: Table, machines: Machines, key: PrimaryKey, now: datetime) -> None:
    """See to it that the machine of an item runs, if it waits. Where that can not be done now, the sweeper does it."""
    try:
        item = find(table, key)
        if item is not None:
            drive(table, machines, item, now)
    except Unavailable as unavailable:
        log.warning("machine not started", extra={"id": key.pk, "why": unavailable.detail})


def redriven(item: Unfinished, now: datetime) -> Write:
    """A person says that the machine of a waiting item may go on. Refused with Redriven."""
    assert item.open_work is not None
    return Write.update(
        Unfinished(item.PK, item.SK),
        OpenWork.open_work.set(_partition(item.open_work.partition("#")[0], item.PK)),
        OpenWork.updated_at.set(now),
        when=(OpenWork.open_work == item.open_work) & (OpenWork.generation == item.generation),
        otherwise=Redriven("somebody else has redriven it, or it is done", id=item.PK),
    )


def reopened(item: Unfinished, row: Key, now: datetime, *, waits_for: str) -> Write:
    """A person says that there is something to do of a thing that is over: its machine is to go on. Refused with
    Redriven."""
    return Write.update(
        Unfinished(item.PK, item.SK),
        *waits(row, item.PK, now=now, due_at=now, waits_for=waits_for),
        OpenWork.updated_at.set(now),
        when=OpenWork.open_work.does_not_exist() & (OpenWork.generation == item.generation),
        otherwise=Redriven("somebody else has reopened it", id=item.PK),
    )


def asked_again(item: Unfinished, row: Key, now: datetime, waits_for: str, after: timedelta = SOON) -> Write:
    """A person says that the clock may go on with what waits for one, after a while. Refused with Redriven."""
    assert item.open_work is not None
    return Write.update(
        Unfinished(item.PK, item.SK),
        *waits(row, item.PK, now=now, due_at=now + after, waits_for=waits_for),
        OpenWork.updated_at.set(now),
        when=(OpenWork.open_work == item.open_work) & (Unfinished.status == item.status),
        otherwise=Redriven("somebody else was first, or it is done", id=item.PK),
    )


def taken_up(item: Unfinished, row: Key, now: datetime, status: str, waits_for: str) -> Write:
    """Two persons say that the clock may go on, soon, with what waits for one, or for nothing any more. Refused with
    Redriven."""
    as_read = OpenWork.open_work.does_not_exist() if item.open_work is None else OpenWork.open_work == item.open_work
    return Write.update(
        Unfinished(item.PK, item.SK),
        Unfinished.status.set(status),
        *waits(row, item.PK, now=now, due_at=now + SOON, waits_for=waits_for),
        OpenWork.updated_at.set(now),
        when=as_read & (Unfinished.status == item.status),
        otherwise=Redriven("somebody else was first", id=item.PK),
    )


def execution_name(thing_id: str, generation: int) -> str:
    return thing_id if generation == 1 else f"{thing_id}-{generation}"


def thing_of(execution_name: str) -> str:
    """The id of what an execution moves."""
    return re.sub(r"-[1-9]\d*$", "", execution_name)


def _next_generation(item: Unfinished, generation: int, now: datetime) -> Write:
    return Write.update(
        Unfinished(item.PK, item.SK),
        OpenWork.generation.set(Decimal(generation + 1)),
        OpenWork.updated_at.set(now),
        when=(OpenWork.generation == Decimal(generation))
        & (OpenWork.machine == item.machine)
        & OpenWork.open_work.exists(),
        otherwise=Redriven("the next generation has been started already", id=item.PK),
    )


def partition(row: Key, pk: str, whom: str = "") -> str:
    """The value of `open_work` with which an item of this row waits, for `whom`."""
    assert row.backlog, f"a {row.entity} never waits"
    return _partition(row.backlog, pk, whom)


def partition_of_person(row: Key, pk: str) -> str:
    """The value of `open_work` with which an item of this row waits for a person."""
    return partition(row, pk, _PERSON)


def _partition(backlog: str, pk: str, whom: str = "") -> str:
    return f"{backlog}#{whom}{hashlib.sha256(pk.encode()).digest()[0] % SHARDS}"
