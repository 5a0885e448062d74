"""Query and Scan: which entries, in which order, from where, and how many to a page."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.harness.conditions import RangeCondition
from tests.harness.errors import Refused, invalid
from tests.harness.plans import planned
from tests.harness.storage import Index, Position, Table, hashed
from tests.harness.values import Item, Value, item_size, kept_item, tag_of, wire_item

PAGE_SIZE_MAX = 1024 * 1024


class Entry(NamedTuple):
    """One item as the table or index holds it, and where it stands."""

    partition: Any
    position: Position
    item: Item
    size: int


class Found(NamedTuple):
    """An answer, and the size in bytes of everything that was looked at for it."""

    answer: dict[str, Any]
    size: int


class Search:
    """One Query or Scan of a table or one of its indexes, checked and ready to run.

    Args:
        request: the arguments of the call.
        table: the table it names.
        writes_ago: how many item writes late the reading is.
    """

    def __init__(self, request: Mapping[str, Any], table: Table, writes_ago: int = 0) -> None:
        self._request = request
        self._table = table
        self._writes_ago = writes_ago
        self.index = self._chosen_index()
        self._limit = request.get("Limit")
        if self._limit is not None and self._limit < 1:
            raise invalid(
                f"1 validation error detected: Value '{self._limit}' at 'limit' failed to satisfy constraint: "
                "Member must have value greater than or equal to 1"
            )
        self._plan = planned(request)
        values = request.get("ExpressionAttributeValues")
        self._values = self._plan.check(None if values is None else kept_item(values)[0])
        self._filter = self._plan.filter
        self._start = self._start_entry()

    @property
    def on_index(self) -> bool:
        return self.index is not self._table.primary

    def query(self) -> Found:
        condition = self._plan.key_condition
        if condition is None:
            raise invalid(
                "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
            )
        if self._filter:
            for key in self.index.keys:
                if key in self._filter.attributes:
                    raise invalid(
                        f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {key}"
                    )
        partition, ranged = self._key_condition(condition.meaning)
        return self._page(self._query_entries(partition, ranged))

    def scan(self) -> Found:
        return self._page(self._scan_entries())

    def _page(self, entries: Iterator[Entry]) -> Found:
        """Entries up to the limit or a megabyte; the filter takes away afterwards."""
        items: list[Any] = []
        scanned = size = 0
        last: Entry | None = None
        for entry in entries:
            if scanned and (scanned == self._limit or size + entry.size > PAGE_SIZE_MAX):
                break
            scanned += 1
            size += entry.size
            last = entry
            if self._filter is None or self._filter.meaning(entry.item, self._values):
                items.append(wire_item(entry.item))
        else:
            if scanned != self._limit:
                last = None  # the end was reached and not just the limit: there is no further page
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": scanned}
        if last is not None:
            names = dict.fromkeys([*self.index.keys, *self._table.spec.keys])
            answer["LastEvaluatedKey"] = wire_item({name: last.item[name] for name in names})
        return Found(answer, size)

    def _query_entries(self, partition: Any, ranged: RangeCondition | None) -> Iterator[Entry]:
        positions, records = self._table.view(self.index, partition, self._writes_ago)
        low, high = self._bounds(positions, ranged)
        forward = self._request.get("ScanIndexForward", True)
        if self._start:
            start_partition, start = self._start
            if start_partition != partition or self._bounds([start], ranged) != (0, 1):
                raise invalid("The provided starting key is outside query boundaries based on provided conditions")
            if forward:
                low = max(low, bisect_right(positions, start))
            else:
                high = min(high, bisect_left(positions, start))
        chosen = positions[low:high]
        for position in chosen if forward else reversed(chosen):
            yield self._entry(partition, position, records[position[1:]])

    def _scan_entries(self) -> Iterator[Entry]:
        for partition in self.index.partitions():
            if self._start and hashed(partition) < hashed(self._start[0]):
                continue
            positions, records = self._table.view(self.index, partition, self._writes_ago)
            begin = bisect_right(positions, self._start[1]) if self._start and self._start[0] == partition else 0
            for position in positions[begin:]:
                yield self._entry(partition, position, records[position[1:]])

    def _entry(self, partition: Any, position: Position, record: Any) -> Entry:
        if not self.on_index or self.index.projected is None:
            return Entry(partition, position, record.item, record.size)
        item = self.index.projection(record.item)
        return Entry(partition, position, item, item_size(item))

    def _chosen_index(self) -> Index:
        name = self._request.get("IndexName")
        if name is None:
            return self._table.primary
        if name not in self._table.indexes:
            raise invalid(f"The table does not have the specified index: {name}")
        if self._request.get("ConsistentRead"):
            raise invalid("Consistent reads are not supported on global secondary indexes")
        return self._table.indexes[name]

    def _start_entry(self) -> tuple[Any, Position] | None:
        """Where `ExclusiveStartKey` points to; it need not be there any more."""
        start = self._request.get("ExclusiveStartKey")
        if start is None:
            return None
        if start.keys() != {*self.index.keys, *self._table.spec.keys}:
            raise invalid("The provided starting key is invalid")
        item, _ = kept_item(start)
        try:
            key = self._table.key_of(item)
            self._table.check(item)
        except Refused as refused:
            raise invalid(f"The provided starting key is invalid: {refused.message}") from refused
        return self.index.position(item, key)

    def _key_condition(self, ranges: tuple[RangeCondition, ...]) -> tuple[Any, RangeCondition | None]:
        """The partition, and the condition on the sort key if there is one."""
        by_attribute = {ranged.attribute: ranged for ranged in ranges}
        hash_name, range_name = self.index.keys
        if hash_name not in by_attribute:
            raise invalid(f"Query condition missed key schema element: {hash_name}")
        for name in by_attribute:
            if name not in self.index.keys:
                raise invalid(f"Query condition missed key schema element: {range_name}")
        equality = by_attribute.pop(hash_name)
        if equality.operator != "=":
            raise invalid("Query key condition not supported")
        ranged = next(iter(by_attribute.values()), None)
        for part in (equality, ranged) if ranged else (equality,):
            for placeholder in part.values:
                self._check_key_value(part, self._values[placeholder])
        return str(self._values[equality.values[0]]), ranged

    def _check_key_value(self, part: RangeCondition, value: Value) -> None:
        if tag_of(value) != "S":
            raise invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        if not value and part.operator != "begins_with":
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty string value. Key: {part.attribute}"
            )

    def _bounds(self, positions: list[Position], ranged: RangeCondition | None) -> tuple[int, int]:
        """The slice of the positions whose sort key satisfies the condition."""
        if ranged is None:
            return 0, len(positions)
        first, *rest = [self._values[name] for name in ranged.values]
        below, through = bisect_left(positions, first, key=_sort_key), bisect_right(positions, first, key=_sort_key)
        if ranged.operator == "begins_with":
            return below, bisect_left(positions, True, below, key=lambda position: not position[0].startswith(first))
        if ranged.operator == "BETWEEN":
            return below, bisect_right(positions, rest[0], key=_sort_key)
        match ranged.operator:
            case "=":
                return below, through
            case "<":
                return 0, below
            case "<=":
                return 0, through
            case ">":
                return through, len(positions)
            case _:
                return below, len(positions)


def _sort_key(position: Position) -> Any:
    return position[0]
