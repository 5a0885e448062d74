"""What DynamoDB charges, by the published rules (facts: AWS accounting, captured against the real service).

Units are exact Decimals. Sizes are in bytes. An image is a kept item, None where there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.harness.values import Item, item_size

WRITE_BLOCK = 1024
READ_BLOCK = 4096
TRANSACTION_FACTOR = 2

EVENTUAL = Decimal("0.5")
CONSISTENT = Decimal(1)
TRANSACTIONAL = Decimal(2)


@dataclass(frozen=True, slots=True)
class Arm:
    """One charge: to a table (`index` None) or to one of its indexes."""

    table: str
    index: str | None
    write_units: Decimal = Decimal(0)
    read_units: Decimal = Decimal(0)


Arms = list[Arm] | None  # where a call notes what it costs; None when nobody asks


def blocks(size: int, block: int) -> int:
    """Started blocks; even nothing is one."""
    return max(1, -(-size // block))


def table_write_units(before_size: int, after_size: int, *, transactional: bool) -> Decimal:
    """The table arm of a write or a condition check: 1 for each started KB of the larger image.

    Twice that in a transaction.
    """
    factor = TRANSACTION_FACTOR if transactional else 1
    return Decimal(blocks(max(before_size, after_size), WRITE_BLOCK) * factor)


def index_write_units(before: Item | None, after: Item | None, keys: Iterable[str]) -> Decimal:
    """The arm of one index, from what the index holds of the item before and after; the same in a transaction.

    Nothing when the index does not notice; an entry that moves is deleted and put.
    """
    if before == after:
        return Decimal(0)
    if before is None or after is None:
        return Decimal(blocks(item_size(before or after or {}), WRITE_BLOCK))
    if any(before[key] != after[key] for key in keys):
        return Decimal(blocks(item_size(before), WRITE_BLOCK) + blocks(item_size(after), WRITE_BLOCK))
    return Decimal(blocks(max(item_size(before), item_size(after)), WRITE_BLOCK))


def read_units(size: int, rate: Decimal) -> Decimal:
    """`rate` (EVENTUAL, CONSISTENT, TRANSACTIONAL) for each started 4 KB; nothing found is one block too."""
    return blocks(size, READ_BLOCK) * rate


def consumed(operation: str, arms: list[Arm], wanted: str) -> Any:
    """`ConsumedCapacity` as AWS reports it: floats, a list for the operations on several tables."""
    reports = []
    for table in dict.fromkeys(arm.table for arm in arms):
        own = [arm for arm in arms if arm.table == table]
        report: dict[str, Any] = {"TableName": table, **_units(own)}
        if wanted == "INDEXES":
            report["Table"] = _units([arm for arm in own if arm.index is None])
            indexes = dict.fromkeys(arm.index for arm in own if arm.index is not None)
            if indexes:
                report["GlobalSecondaryIndexes"] = {
                    name: _units([arm for arm in own if arm.index == name]) for name in indexes
                }
        reports.append(report)
    several = operation in ("TransactWriteItems", "TransactGetItems", "BatchGetItem", "BatchWriteItem")
    return reports if several else reports[0]


def _units(arms: list[Arm]) -> dict[str, float]:
    written, read = sum(arm.write_units for arm in arms), sum(arm.read_units for arm in arms)
    detail = {"WriteCapacityUnits": float(written)} if written else {}
    detail |= {"ReadCapacityUnits": float(read)} if read else {}
    return {"CapacityUnits": float(written + read), **detail}
