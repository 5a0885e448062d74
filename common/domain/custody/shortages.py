"""Assets of which the custody has less than is booked, as a comparison has found it for certain.

It waits for a person, until a comparison finds that enough is there again, or two operators book it as lost: then what
is missing is taken off the desk's own account of that asset, and nobody else's. Whatever the custody owes to others, it
owes still.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import timeline, work
from common.domain.ledger import store as ledger
from common.domain.timeline import CLOCK, TimelineEvent
from common.errors import Conflict
from common.idempotency import derived_id
from common.money import EXACT, Quantity, plain
from common.table.items import DecimalAttribute
from common.table.table import Table
from common.table.transaction import Write


class ShortageMoved(Conflict):
    """Another comparison has found otherwise, or somebody has booked it."""


class Status(StrEnum):
    """Of a shortage."""

    SHORT = "SHORT"
    COVERED = "COVERED"  # enough is there again
    BOOKED = "BOOKED"  # as a loss of the desk's


TRANSITIONS: dict[Status, set[Status]] = {
    Status.SHORT: {Status.COVERED, Status.BOOKED},
    Status.COVERED: {Status.SHORT},
    Status.BOOKED: {Status.SHORT},
}
OPERATORS_ONLY = {(Status.SHORT, Status.BOOKED)}


@dataclass(frozen=True)
class Shortage:
    """`missing` is what of the asset is booked and not there, above zero."""

    shortage_id: str
    missing: Quantity
    status: Status


class ShortageItem(work.OpenWork, discriminator=keys.CUSTODY_SHORTAGE.entity):
    asset_id = UnicodeAttribute()
    missing = DecimalAttribute()
    status = UnicodeAttribute()


def shortage_id_of(asset_id: str) -> str:
    return derived_id(keys.CUSTODY_SHORTAGE, asset_id)


def find(table: Table, shortage_id: str) -> Shortage | None:
    item = table.get(ShortageItem, keys.CUSTODY_SHORTAGE(shortage_id=shortage_id), consistent=True)
    return None if item is None else Shortage(item.PK, Quantity(item.missing, item.asset_id), Status(item.status))


def waiting(table: Table) -> Iterator[Shortage]:
    """Those that nobody has seen to; a moment old, as any index is."""
    for one in work.for_people(table, keys.CUSTODY_SHORTAGE.backlog):
        if one.PK.startswith(str(keys.CUSTODY_SHORTAGE.id_prefix)):
            found = find(table, one.PK)
            if found is not None and found.status is Status.SHORT:
                yield found


def found(before: Shortage | None, missing: Quantity, why: str, at: datetime) -> list[Write]:
    """A comparison has found it, or another sum of it. `before` is what `find` tells. Refused with ShortageMoved."""
    shortage_id = shortage_id_of(missing.asset_id)
    item = ShortageItem(
        *keys.CUSTODY_SHORTAGE(shortage_id=shortage_id),
        asset_id=missing.asset_id,
        missing=missing.amount,
        status=Status.SHORT,
        created_at=at,
        updated_at=at,
    )
    work.wait_for_person(item, keys.CUSTODY_SHORTAGE, waits_for=f"an operator: {why}")
    as_read = ShortageItem.PK.does_not_exist()
    if before is not None:
        as_read = (ShortageItem.status == before.status) & (ShortageItem.missing == before.missing.amount)
    event = TimelineEvent(at, None if before is None else before.status, Status.SHORT, why, CLOCK)
    return [Write.put(item, when=as_read, otherwise=_moved(shortage_id)), timeline.record(shortage_id, event)]


def covered(short: Shortage, at: datetime) -> list[Write]:
    """A comparison has found enough again. Refused with ShortageMoved."""
    return _over(short, Status.COVERED, "enough is there again", CLOCK, at)


def book(short: Shortage, reference: str, operators: str, at: datetime) -> list[Write]:
    """What is missing is the desk's own loss: a line of its account, below nothing. Refused with ShortageMoved."""
    lost = Quantity(EXACT.minus(short.missing.amount), short.missing.asset_id)
    why = f"{plain(short.missing.amount)} of it are lost at the custody, reference {reference}"
    line = ledger.desk_line(lost, why, short.shortage_id, at, alone=_moved(short.shortage_id))
    return [*_over(short, Status.BOOKED, why, operators, at), line]


def _over(short: Shortage, after: Status, why: str, actor: str, at: datetime) -> list[Write]:
    assert after in TRANSITIONS[short.status], f"no shortage goes from {short.status} to {after}"
    item = ShortageItem
    over = Write.update(
        item(*keys.CUSTODY_SHORTAGE(shortage_id=short.shortage_id)),
        item.status.set(after),
        item.updated_at.set(at),
        *work.done(),
        when=(item.status == short.status) & (item.missing == short.missing.amount),
        otherwise=_moved(short.shortage_id),
    )
    return [over, timeline.record(short.shortage_id, TimelineEvent(at, short.status, after, why, actor))]


def _moved(shortage_id: str) -> ShortageMoved:
    return ShortageMoved("another comparison has found otherwise, or it is booked", id=shortage_id)
