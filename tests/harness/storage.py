"""Tables in memory: items by key, partitions in order, indexes, and a journal of what was before.

Items are in the kept form of `values` and never changed in place, so that an image may be shared by
the table, the journal and an answer under way.
"""

import itertools
import zlib
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.harness.capacity import Arm, index_write_units
from tests.harness.errors import invalid, malformed
from tests.harness.schema import ALL, IndexSpec, TableSpec
from tests.harness.values import TYPE_NAMES, Item, Value, kept, number

Key = tuple[Any, Any]  # partition and sort key, sortable; the sort key is "" where the table has none
Position = tuple[Any, Any, Any]  # where an entry stands in its partition: range key, then primary key

JOURNAL_LENGTH = 10_000  # images before the latest changes: how far a late read can look back


class Record(NamedTuple):
    """A stored item and its size in bytes."""

    item: Item
    size: int


class Change(NamedTuple):
    """One item as it was before a write."""

    key: Key
    before: Record | None


class Index:
    """A sparse, sorted view of the table's items: the table itself is the first of them."""

    def __init__(self, spec: IndexSpec, table: TableSpec) -> None:
        self.spec = spec
        self.keys = spec.keys
        self.table_keys = table.keys
        self._types = [(key, table.type_of(key)) for key in spec.keys]
        self._partitions: dict[Any, list[Position]] = {}
        if spec.projection == ALL:
            self.projected: frozenset[str] | None = None
        else:
            included = () if isinstance(spec.projection, str) else spec.projection
            self.projected = frozenset([*self.keys, *self.table_keys, *included])

    def position(self, item: Item, key: Key) -> tuple[Any, Position] | None:
        """Partition and place of the item, None when it has no place here for want of a key attribute."""
        for name in self.keys:
            if name not in item:
                return None
        parts = [sortable(item[name]) for name in self.keys]
        return parts[0], (parts[1] if len(parts) > 1 else "", *key)

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

    def check(self, item: Item) -> None:
        """An attribute that is an index key has the key's type, and is not an empty string."""
        for name, tag in self._types:
            value = item.get(name)
            if value is None:
                continue
            if tag not in value:
                (actual,) = value
                raise invalid(
                    f"One or more parameter values were invalid: Type mismatch for Index Key {name} "
                    f"Expected: {tag} Actual: {actual} IndexName: {self.spec.name}"
                )
            if not value[tag]:
                raise invalid(
                    "One or more parameter values are not valid. A value specified for a secondary index key is not "
                    "supported. The AttributeValue for a key attribute cannot contain an empty string value. "
                    f"IndexName: {self.spec.name}, IndexKey: {name}"
                )

    def move(self, key: Key, before: Item | None, after: Item | None) -> None:
        old = None if before is None else self.position(before, key)
        new = None if after is None else self.position(after, key)
        if old == new:
            return
        if old is not None:
            partition, position = old
            positions = self._partitions[partition]
            del positions[bisect_left(positions, position)]
            if not positions:
                del self._partitions[partition]
        if new is not None:
            partition, position = new
            insort(self._partitions.setdefault(partition, []), position)

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
        self.primary = Index(IndexSpec("", spec.partition_key, spec.sort_key), spec)
        self.journal: deque[Change] = deque(maxlen=JOURNAL_LENGTH)
        self._key_types = [(name, spec.type_of(name)) for name in spec.keys]
        self._indexed = frozenset(name for index in spec.indexes for name in index.keys)

    def key_of(self, item: Mapping[str, Value]) -> Key:
        """The primary key of a kept item. ValidationException when it is missing, of a wrong type or empty."""
        parts = []
        for name, tag in self._key_types:
            value = item.get(name)
            if value is None:
                raise invalid(f"One or more parameter values were invalid: Missing the key {name} in the item")
            content = value.get(tag)
            if not content:
                self._refuse_key(name, tag, value)
            parts.append(number(content).amount if tag == "N" else content)
        return (parts[0], parts[1] if len(parts) > 1 else "")

    def kept_key(self, key: Mapping[str, Any]) -> tuple[Item, Key]:
        """A request's `Key` in kept form. ValidationException unless it is exactly the table's key."""
        if not isinstance(key, Mapping):
            raise malformed(
                f"Invalid type for parameter Key, value: {key}, type: {type(key)}, valid types: <class 'dict'>"
            )
        if key.keys() != set(self.spec.keys):
            raise invalid("The provided key element does not match the schema")
        item = {name: kept(value)[0] for name, value in key.items()}
        if any(tag not in item[name] for name, tag in self._key_types):
            raise invalid("The provided key element does not match the schema")
        return item, self.key_of(item)

    def check(self, item: Item) -> None:
        """The attributes of an image that are index keys are fit to be."""
        if not self._indexed.isdisjoint(item):
            for index in self.indexes.values():
                index.check(item)

    def write(self, key: Key, after: Record | None) -> None:
        """Put or delete; every index moves along."""
        before = self.records.get(key)
        if after is None:
            self.records.pop(key, None)
        else:
            self.records[key] = after
        self.journal.append(Change(key, before))
        before_item, after_item = before and before.item, after and after.item
        if before is None or after is None:
            self.primary.move(key, before_item, after_item)
        for index in self.indexes.values():
            index.move(key, before_item, after_item)

    def index_arms(self, before: Item | None, after: Item | None) -> Iterator[Arm]:
        """What a write costs each index that notices it."""
        for index in self.indexes.values():
            old, new = index.entry(before), index.entry(after)
            if old is not new and (units := index_write_units(old, new, index.keys)):
                yield Arm(self.name, index.spec.name, write_units=units)

    def earlier(self, writes: int) -> dict[Key, Record | None]:
        """The images, `writes` item writes ago, of the items that were written since."""
        images: dict[Key, Record | None] = {}
        for change in itertools.islice(reversed(self.journal), writes):
            images[change.key] = change.before
        return images

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

    def _refuse_key(self, name: str, tag: str, value: Value) -> None:
        (actual,) = value
        if actual != tag:
            raise invalid(
                f"One or more parameter values were invalid: Type mismatch for key {name} expected: {tag} actual: {actual}"
            )
        kind = TYPE_NAMES[tag].lower()
        raise invalid(
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
            f"empty {kind} value. Key: {name}"
        )


def sortable(value: Value) -> Any:
    """A key attribute's content, in a form that sorts as DynamoDB sorts it."""
    for tag, content in value.items():
        return number(content).amount if tag == "N" else content
    raise AssertionError("a kept value has a type")


def hashed(part: Any) -> tuple[int, str]:
    return zlib.crc32(repr(part).encode()), repr(part)
