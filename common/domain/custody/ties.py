"""More snapshots of one time than a page holds, so that some of them may never be seen.

Snapshots are read by their times. Where a page is full of one, there may be more of it, and nothing says how many: the
poller goes no further, and a person looks. An hour after it was found nothing of that time is taken by itself any
more: what is seen of it only then is parked, so that nothing is paid back which a person may have paid back by hand.
Later, since clocks and polls are slow, two operators may say that all is seen to that was not seen, and the poller goes
on behind it. Or they let it go on before that: then what was not seen is open work until it is settled.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import timeline, work
from common.domain.timeline import CUSTODY, TimelineEvent
from common.errors import Conflict
from common.idempotency import derived_id
from common.table.items import DecimalAttribute
from common.table.table import Table
from common.table.transaction import Write

TAKEN_FOR = timedelta(hours=1)  # after a tie was found, by itself, what is seen of it
SETTLED_AFTER = 2 * TAKEN_FOR


class TieMoved(Conflict):
    """Somebody has found the tie before, or has decided it."""


class Status(StrEnum):
    """Of a tie."""

    HELD = "HELD"  # the poller goes no further
    UNTAKEN = "UNTAKEN"  # it goes on; what it has not seen of the tie is nobody's yet
    SETTLED = "SETTLED"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.HELD: {Status.UNTAKEN, Status.SETTLED},
    Status.UNTAKEN: {Status.SETTLED},
    Status.SETTLED: set(),
}
OPERATORS_ONLY = {
    (Status.HELD, Status.UNTAKEN),
    (Status.HELD, Status.SETTLED),
    (Status.UNTAKEN, Status.SETTLED),
}


@dataclass(frozen=True)
class Tie:
    """`told_at` is the one time, by the custody's clock; `seen` is how many snapshots of it were seen when it was
    found, at `found_at`."""

    tie_id: str
    told_at: str
    seen: int
    status: Status
    found_at: datetime

    @property
    def holds(self) -> bool:
        return self.status is Status.HELD

    def is_late(self, now: datetime) -> bool:
        """Is what is seen of it now perhaps paid back by hand?"""
        return now >= self.found_at + TAKEN_FOR


class TieItem(work.OpenWork, discriminator=keys.SNAPSHOT_TIE.entity):
    told_at = UnicodeAttribute()
    seen = DecimalAttribute()
    status = UnicodeAttribute()


def tie_id_of(told_at: str) -> str:
    return derived_id(keys.SNAPSHOT_TIE, told_at)


def find(table: Table, told_at: str) -> Tie | None:
    """The tie of a time, if it was found before."""
    item = table.get(TieItem, keys.SNAPSHOT_TIE(tie_id=tie_id_of(told_at)), consistent=True)
    return None if item is None else Tie(item.PK, item.told_at, int(item.seen), Status(item.status), item.created_at)


def hold(told_at: str, seen: int, at: datetime) -> list[Write]:
    """The poller has found it, and goes no further. Refused with TieMoved."""
    tie_id = tie_id_of(told_at)
    found = f"at least {seen} snapshots have one time, {told_at}: what comes after them is not passed over"
    item = TieItem(
        *keys.SNAPSHOT_TIE(tie_id=tie_id),
        told_at=told_at,
        seen=Decimal(seen),
        status=Status.HELD,
        created_at=at,
        updated_at=at,
    )
    work.wait_for_person(item, keys.SNAPSHOT_TIE, waits_for=f"an operator: {found}")
    event = TimelineEvent(at, None, Status.HELD, found, CUSTODY)
    return [Write.insert(item, otherwise=TieMoved("it is found already", id=tie_id)), timeline.record(tie_id, event)]


def move(tie_id: str, before: Status, after: Status, why: str, operators: str, at: datetime) -> list[Write]:
    """Two operators have decided. What is UNTAKEN still waits for a person. Refused with TieMoved."""
    assert after in TRANSITIONS[before], f"no tie goes from {before} to {after}"
    item = TieItem
    waits_for = "an operator: what was not seen of many snapshots of one time is untaken"
    waiting = work.needs_person(keys.SNAPSHOT_TIE, tie_id, now=at, waits_for=waits_for)
    moved = Write.update(
        item(*keys.SNAPSHOT_TIE(tie_id=tie_id)),
        item.status.set(after),
        item.updated_at.set(at),
        *(waiting if after is Status.UNTAKEN else work.done()),
        when=item.status == before,
        otherwise=TieMoved("somebody has decided it already", id=tie_id),
    )
    return [moved, timeline.record(tie_id, TimelineEvent(at, before, after, why, operators))]
