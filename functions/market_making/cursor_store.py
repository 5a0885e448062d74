"""The snapshot poller's place in the table."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.errors import Refusal
from common.table.items import Item
from common.table.table import Table
from common.table.transaction import Write


class SnapshotCursorItem(Item, discriminator=keys.SNAPSHOT_CURSOR.entity):
    told_at = UnicodeAttribute()  # by the custody's clock: all that it has told by then is taken


class CursorMoved(Refusal):
    """Another poller has come further."""


def cursor(table: Table) -> str | None:
    """By the custody's clock, up to when all its snapshots are taken; None before the first poll."""
    item = table.get(SnapshotCursorItem, keys.SNAPSHOT_CURSOR(), consistent=True)
    return None if item is None else item.told_at


def move_cursor(told_at: str, at: datetime) -> Write:
    """Forward only. Refused with CursorMoved."""
    item = SnapshotCursorItem
    moved = item(*keys.SNAPSHOT_CURSOR(), told_at=told_at, created_at=at, updated_at=at)
    forward = item.PK.does_not_exist() | (item.told_at < told_at)
    return Write.put(moved, when=forward, otherwise=CursorMoved("another poller has come further"))
