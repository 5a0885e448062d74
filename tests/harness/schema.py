"""What a table looks like: its keys and its indexes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

ALL = "ALL"


@dataclass(frozen=True)
class IndexSpec:
    """A global secondary index.

    Args:
        name: as in `IndexName`.
        partition_key, sort_key: attribute names. An item without one of them is not in the index.
        projection: ALL, or the names of the attributes that go with the keys.
    """

    name: str
    partition_key: str
    sort_key: str
    projection: str | Sequence[str] = ALL

    @property
    def keys(self) -> tuple[str, str]:
        return self.partition_key, self.sort_key


@dataclass(frozen=True)
class TableSpec:
    """A table and its indexes. All key attributes are strings."""

    name: str
    indexes: Sequence[IndexSpec] = ()

    @property
    def keys(self) -> tuple[str, str]:
        return "PK", "SK"

    def create_table(self) -> dict[str, Any]:
        """The arguments of `create_table` for the same table on another engine."""
        names = dict.fromkeys([*self.keys, *(key for index in self.indexes for key in index.keys)])
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeySchema": _key_schema(self.keys),
            "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in names],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if self.indexes:
            request["GlobalSecondaryIndexes"] = [
                {
                    "IndexName": index.name,
                    "KeySchema": _key_schema(index.keys),
                    "Projection": _projection(index.projection),
                }
                for index in self.indexes
            ]
        return request


def _key_schema(keys: Sequence[str]) -> list[dict[str, str]]:
    return [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=True)]


def _projection(projection: str | Sequence[str]) -> dict[str, Any]:
    if projection == ALL:
        return {"ProjectionType": ALL}
    included = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(projection)}
    return included if projection else {"ProjectionType": "KEYS_ONLY"}
