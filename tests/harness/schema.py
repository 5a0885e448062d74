"""What a table looks like: its keys and its indexes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ALL, KEYS_ONLY = "ALL", "KEYS_ONLY"


@dataclass(frozen=True)
class IndexSpec:
    """A global secondary index.

    Args:
        name: as in `IndexName`.
        partition_key, sort_key: attribute names. An item without one of them is not in the index.
        projection: ALL, KEYS_ONLY, or the names of the attributes that go with the keys.
    """

    name: str
    partition_key: str
    sort_key: str | None = None
    projection: str | Sequence[str] = ALL

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.partition_key,) if self.sort_key is None else (self.partition_key, self.sort_key)


@dataclass(frozen=True)
class TableSpec:
    """A table, its keys, its indexes. Key attributes are strings unless `types` says "N" or "B"."""

    name: str
    partition_key: str = "PK"
    sort_key: str | None = "SK"
    indexes: Sequence[IndexSpec] = ()
    types: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        return (self.partition_key,) if self.sort_key is None else (self.partition_key, self.sort_key)

    def type_of(self, key_attribute: str) -> str:
        return self.types.get(key_attribute, "S")

    def create_table(self) -> dict[str, Any]:
        """The arguments of `create_table` for the same table on another engine."""
        names = dict.fromkeys([*self.keys, *(key for index in self.indexes for key in index.keys)])
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeySchema": _key_schema(self.keys),
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": self.type_of(name)} for name in names],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if self.indexes:
            request["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index.name,
                    "KeySchema": _key_schema(index.keys),
                    "Projection": {"ProjectionType": index.projection}
                    if isinstance(index.projection, str)
                    else {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(index.projection)},
                }
                for index in self.indexes
            ]
        return request


def _key_schema(keys: Sequence[str]) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)]
