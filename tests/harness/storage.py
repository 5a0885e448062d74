"""Tables in memory: items by key, partitions in order, indexes, and a journal of what was before.

Items are in the kept form of `values` and never changed in place, so that an image may be shared by
the table, the journal and an answer under way.
"""

import itertools
import zlib
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.harness.capacity import Arm, index_write_units
from tests.harness.errors import Refused, invalid
from tests.harness.schema import ALL, IndexSpec, TableSpec
from tests.harness.values import Item, Value, tag_of, wire_item

Key = tuple[str, str]  # partition and sort key
Position = tuple[str, str, str]  # where an entry stands in its partition: range key, then primary key

JOURNAL_LENGTH = 10_000  # images before the latest changes: how far a late read can look back


@dataclass(slots=True, eq=False)
class Record:
    """A stored item and its size in bytes."""

    item: Item
    size: int
    _seen: dict[str, dict[str, Any]] | None = None

    @property
    def seen(self) -> dict[str, dict[str, Any]]:
        """The item as it travels, made once: for who only looks at it, and looks often."""
        if self._seen is None:
            self._seen = wire_item(self.item)
        return self._seen


Change = tuple[Key, Record | None]  # one item as it was before a write
NOTHING: Item = {}


class Index:
    """A sparse, sorted view of the table's items: the table itself is the first of them."""

    def __init__(self, spec: IndexSpec, table: TableSpec) -> None:
        self.spec = spec
        self.keys = spec.keys
        self.table_keys = table.keys
        self._hash = spec.partition_key
        self._range = spec.sort_key
        self._partitions: dict[Any, list[Position]] = {}
        if spec.projection == ALL:
            self.projected: frozenset[str] | None = None
        else:
            self.projected = frozenset([*self.keys, *self.table_keys, *spec.projection])

    def position(self, item: Item, key: Key) -> tuple[Any, Position] | None:
        """Partition and place of the item, None when it has no place here for want of a key attribute."""
        hash_value, range_value = item.get(self._hash), item.get(self._range)
        if hash_value is None or range_value is None:
            return None
        return hash_value, (range_value, *key)

    def projection(self, item: Item) -> Item:
        """What the index holds of an item that is in it."""
        if self.projected is None:
            return item
        return {name: value for name, value in item.items() if name in self.projected}

    def entry(self, item: Item | None) -> Item | None:
        """What the index holds of an item; None when it is not in the index."""
        if item is None or not all(name in item for name in self.keys):
            return None
        return self.projection(item)

    def move(self, key: Key, before: Item, after: Item) -> None:
        old, new = self.position(before, key), self.position(after, key)
        if old == new:
            return
        if old is not None:
            self.leave(*old)
        if new is not None:
            self.enter(*new)

    def enter(self, partition: Any, position: Position) -> None:
        positions = self._partitions.get(partition)
        if positions is None:
            self._partitions[partition] = [position]
        elif positions[-1] < position:  # time goes forward: most keys are the last of their partition
            positions.append(position)
        else:
            insort(positions, position)

    def leave(self, partition: Any, position: Position) -> None:
        positions = self._partitions[partition]
        del positions[bisect_left(positions, position)]
        if not positions:
            del self._partitions[partition]

    def positions(self, partition: Any) -> list[Position]:
        return self._partitions.get(partition, [])

    def partitions(self) -> list[Any]:
        """In a stable order that has, as on AWS, nothing to do with the keys' own order."""
        return sorted(self._partitions, key=hashed)


class View(NamedTuple):
    """Positions in order, and the records they lead to."""

    positions: list[Position]
    records: Mapping[Key, Record]


class Table:
    """One table: `records` by key, and every view of them in order."""

    def __init__(self, spec: TableSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.records: dict[Key, Record] = {}
        self.indexes = {index.name: Index(index, spec) for index in spec.indexes}
        self._moving = tuple(self.indexes.values())
        self.primary = Index(IndexSpec("", *spec.keys), spec)
        self.journal: deque[Change] = deque(maxlen=JOURNAL_LENGTH)
        self.writes = 0
        self.key_names = frozenset(spec.keys)
        self._index_keys = [(name, index.name) for index in spec.indexes for name in index.keys]
        self._indexed = frozenset(name for index in spec.indexes for name in index.keys)

    def key_of(self, item: Mapping[str, Value]) -> Key:
        """The primary key of a kept item. ValidationException when it is missing, of a wrong type or empty."""
        for name in self.spec.keys:
            value = item.get(name)
            if value is None:
                raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
            if value.__class__ is not str or not value:
                raise _unfit_key(name, value)
        return item["PK"], item["SK"]

    def given_key(self, key: Item) -> Key:
        """The primary key that a kept `Key` names. ValidationException unless it is exactly the table's."""
        if key.keys() != self.key_names or any(value.__class__ is not str for value in key.values()):
            raise invalid("The provided key element does not match the schema")
        return self.key_of(key)

    def check(self, item: Item) -> None:
        """The attributes of an image that are index keys are strings, and not empty."""
        if self._indexed.isdisjoint(item):
            return
        for name, index in self._index_keys:
            value = item.get(name)
            if value is not None and (value.__class__ is not str or not value):
                raise _unfit_index_key(name, value, index)

    def write(self, key: Key, after: Record | None) -> None:
        """Put or delete; every index moves along."""
        before = self.records.get(key)
        self.journal.append((key, before))
        self.writes += 1
        if after is not None:
            self.records[key] = after
            if before is None:
                self.primary.enter(key[0], (key[1], *key))
        elif before is not None:
            del self.records[key]
            self.primary.leave(key[0], (key[1], *key))
        before_item = before.item if before else NOTHING
        after_item = after.item if after else NOTHING
        if not (self._indexed.isdisjoint(before_item) and self._indexed.isdisjoint(after_item)):
            for index in self._moving:
                index.move(key, before_item, after_item)

    def index_arms(self, before: Item | None, after: Item | None) -> Iterator[Arm]:
        """What a write costs each index that notices it."""
        for index in self.indexes.values():
            old, new = index.entry(before), index.entry(after)
            if old is not new and (units := index_write_units(old, new, index.keys)):
                yield Arm(self.name, index.spec.name, write_units=units)

    def earlier(self, writes: int) -> dict[Key, Record | None]:
        """The images, `writes` item writes ago, of the items that were written since."""
        return dict(itertools.islice(reversed(self.journal), writes))  # of several, the earliest comes last and stays

    def view(self, index: Index, partition: Any, writes_ago: int = 0) -> "View":
        """A partition of the index, or of the table itself, as it was `writes_ago` item writes ago."""
        positions, records = index.positions(partition), self.records
        if writes_ago and (changed := self.earlier(writes_ago)):
            kept_positions = [position for position in positions if position[1:] not in changed]
            places = {key: index.position(record.item, key) for key, record in changed.items() if record}
            positions = sorted(
                [*kept_positions, *(place[1] for place in places.values() if place and place[0] == partition)]
            )
            records = {**self.records, **{key: record for key, record in changed.items() if record}}
        return View(positions, records)


def _unfit_key(name: str, value: Value) -> Refused:
    if value.__class__ is not str:
        return invalid(
            f"One or more parameter values were invalid: Type mismatch for key {name} expected: S actual: "
            f"{tag_of(value)}"
        )
    return invalid(
        "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
        f"empty string value. Key: {name}"
    )


def _unfit_index_key(name: str, value: Value, index: str) -> Refused:
    if value.__class__ is not str:
        return invalid(
            f"One or more parameter values were invalid: Type mismatch for Index Key {name} Expected: S Actual: "
            f"{tag_of(value)} IndexName: {index}"
        )
    return invalid(
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
        "The AttributeValue for a key attribute cannot contain an empty string value. "
        f"IndexName: {index}, IndexKey: {name}"
    )


def hashed(part: Any) -> tuple[int, str]:
    return zlib.crc32(repr(part).encode()), repr(part)
