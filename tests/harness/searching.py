"""Query and Scan: which entries, in which order, from where, and how many to a page."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.harness.conditions import RangeCondition
from tests.harness.errors import Refused, invalid
from tests.harness.paths import parts
from tests.harness.plans import planned
from tests.harness.schema import ALL
from tests.harness.storage import Index, Position, Table, hashed
from tests.harness.values import Item, Value, described, item_size, kept_item, sortable, tag_of, wire_item

PAGE_SIZE_MAX = 1024 * 1024
SELECTS = frozenset({"ALL_ATTRIBUTES", "ALL_PROJECTED_ATTRIBUTES", "SPECIFIC_ATTRIBUTES", "COUNT"})


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
        self._select = self._chosen_select()
        self._check_projection()
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
        count = scanned = size = 0
        last: Entry | None = None
        projection = self._plan.projection
        for entry in entries:
            if scanned and (scanned == self._limit or size + entry.size > PAGE_SIZE_MAX):
                break
            scanned += 1
            size += entry.size
            last = entry
            if self._filter is None or self._filter.meaning(entry.item, self._values):
                count += 1
                if self._select != "COUNT":
                    items.append(wire_item(parts(entry.item, projection.meaning) if projection else entry.item))
        else:
            if scanned != self._limit:
                last = None  # the end was reached and not just the limit: there is no further page
        answer: dict[str, Any] = {"Count": count, "ScannedCount": scanned}
        if self._select != "COUNT":
            answer["Items"] = items
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
        segment, segments = self._request.get("Segment"), self._request.get("TotalSegments")
        if (segment is None) is not (segments is None):
            missing = "TotalSegments" if segments is None else "Segment"
            raise invalid(
                f"The {missing} parameter is required but was not present in the request when parameter is present"
            )
        for partition in self.index.partitions():
            order = hashed(partition)
            if segments and order[0] % segments != segment:
                continue
            if self._start and order < hashed(self._start[0]):
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

    def _chosen_select(self) -> str:
        default = "ALL_PROJECTED_ATTRIBUTES" if self.on_index else "ALL_ATTRIBUTES"
        if "ProjectionExpression" in self._request:
            default = "SPECIFIC_ATTRIBUTES"
        select = str(self._request.get("Select", default))
        if select not in SELECTS:
            raise invalid(
                f"1 validation error detected: Value '{select}' at 'select' failed to satisfy constraint: Member must "
                f"satisfy enum value set: [{', '.join(sorted(SELECTS))}]"
            )
        if default == "SPECIFIC_ATTRIBUTES" and select not in ("SPECIFIC_ATTRIBUTES", "COUNT"):
            raise invalid(f"Cannot specify the ProjectionExpression when choosing to get {select}")
        if select == "SPECIFIC_ATTRIBUTES" and default != select:
            raise invalid(
                "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
            )
        if select == "ALL_PROJECTED_ATTRIBUTES" and not self.on_index:
            raise invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
        if select == "ALL_ATTRIBUTES" and self.on_index and self.index.spec.projection != ALL:
            raise invalid(
                "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global "
                f"secondary index {self.index.spec.name} because its projection type is not ALL"
            )
        return select

    def _check_projection(self) -> None:
        """An index can not give what it does not hold."""
        if self._plan.projection is None or self.index.projected is None:
            return
        absent = self._plan.projection.attributes - self.index.projected
        if absent:
            raise invalid(
                f"One or more parameter values were invalid: Global secondary index {self.index.spec.name} does not "
                f"project [{', '.join(sorted(absent))}]"
            )

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
        hash_name, *range_names = self.index.keys
        if hash_name not in by_attribute:
            raise invalid(f"Query condition missed key schema element: {hash_name}")
        for name in by_attribute:
            if name not in self.index.keys:
                missed = range_names[0] if range_names else name
                raise invalid(f"Query condition missed key schema element: {missed}")
        equality = by_attribute.pop(hash_name)
        if equality.operator != "=":
            raise invalid("Query key condition not supported")
        ranged = next(iter(by_attribute.values()), None)
        for part in (equality, ranged) if ranged else (equality,):
            for placeholder in part.values:
                self._check_key_value(part, self._values[placeholder])
        return sortable(self._values[equality.values[0]]), ranged

    def _check_key_value(self, part: RangeCondition, value: Value) -> None:
        tag = self._table.spec.type_of(part.attribute)
        if tag_of(value) != tag:
            raise invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        if not value and part.operator != "begins_with":
            raise invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty string value. Key: {part.attribute}"
            )
        if part.operator == "begins_with" and tag == "N":
            raise invalid(f"Invalid KeyConditionExpression: begins_with on a number: {described(value)}")

    def _bounds(self, positions: list[Position], ranged: RangeCondition | None) -> tuple[int, int]:
        """The slice of the positions whose sort key satisfies the condition."""
        if ranged is None:
            return 0, len(positions)
        first, *rest = [sortable(self._values[name]) for name in ranged.values]
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
