"""Unfinished work is visible: whatever waits for something is in OpenWorkIndex until it is done.

The index is sharded from the start, since a throttled index throttles its table, and holds keys and reason only.
It is late like any index: it says where to look, the item decides. `due_at` is set when the wait begins and is not
moved in a loop.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator
from datetime import datetime

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common.table import keys
from common.table.items import InstantAttribute, Item
from common.table.table import Query, Table

SHARDS = 4


class OpenWork(Item):
    """An item that may wait. It waits while it has `open_work`."""

    open_work = UnicodeAttribute(null=True)  # {context}#{shard}
    due_at = InstantAttribute(null=True)  # by when it should have moved
    waits_for = UnicodeAttribute(null=True)


class WaitingItem(Item):
    """What the index tells of any waiting item: its key, when it is due, and what it waits for."""

    open_work = UnicodeAttribute()
    due_at = InstantAttribute()
    waits_for = UnicodeAttribute()


def wait(item: OpenWork, context: str, *, due_at: datetime, waits_for: str) -> None:
    """The item, which is about to be put, begins to wait."""
    item.open_work, item.due_at, item.waits_for = f"{context}#{_shard(item.PK)}", due_at, waits_for


def done() -> list[Action]:
    """The actions that take an item out of the index."""
    return [OpenWork.open_work.remove(), OpenWork.due_at.remove(), OpenWork.waits_for.remove()]


def due(table: Table, context: str, until: datetime) -> Iterator[WaitingItem]:
    """What should have moved by `until`, oldest first."""

    def of(shard: int) -> Iterator[WaitingItem]:
        where = (OpenWork.open_work == f"{context}#{shard}") & (OpenWork.due_at <= until)
        return table.all(WaitingItem, Query(where, index=keys.OPEN_WORK))

    return heapq.merge(*map(of, range(SHARDS)), key=lambda item: (item.due_at, item.PK))


def _shard(thing_id: str) -> int:
    return hashlib.sha256(thing_id.encode()).digest()[0] % SHARDS
