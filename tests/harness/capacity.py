"""What DynamoDB charges, by the published rules (facts: AWS accounting, captured against the real service).

Units are exact Decimals. Sizes are in bytes. An image is a kept item, None where there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

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
