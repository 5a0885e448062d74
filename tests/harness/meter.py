"""What a piece of code costs in DynamoDB: requests, write units and read units.

    meter = Meter(client)
    with meter.measure() as cost:
        orders.buy(…)
    assert (cost.requests, cost.write_units, cost.read_units) == (1, 9, 0)

The rules are in `capacity`. A cancelled transaction answers no ConsumedCapacity on AWS; here it counts what
it would have cost on the table's arm. A call that a fault keeps from the table (`faults`) costs nothing.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.harness.memory import Consumption, InMemoryDynamoDB

ZERO = Decimal(0)


@dataclass
class Cost:
    """Calls in their order, and sums over them. Units are exact Decimals."""

    calls: list[Consumption] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.calls)

    @property
    def write_units(self) -> Decimal:
        return sum((arm.write_units for call in self.calls for arm in call.arms), ZERO)

    @property
    def read_units(self) -> Decimal:
        return sum((arm.read_units for call in self.calls for arm in call.arms), ZERO)

    @property
    def by_index(self) -> dict[str | None, tuple[Decimal, Decimal]]:
        """Write and read units of each index; of the table itself under None."""
        units: dict[str | None, tuple[Decimal, Decimal]] = {}
        for call in self.calls:
            for arm in call.arms:
                written, read = units.get(arm.index, (ZERO, ZERO))
                units[arm.index] = written + arm.write_units, read + arm.read_units
        return units

    def __str__(self) -> str:
        lines = [f"{self.requests} requests, {self.write_units} write units, {self.read_units} read units"]
        for call in self.calls:
            arms = ", ".join(f"{arm.index or arm.table} {arm.write_units}w {arm.read_units}r" for arm in call.arms)
            lines.append(f"  {call.operation}{f' ({call.error})' if call.error else ''}: {arms}")
        return "\n".join(lines)


class Meter:
    """Listens to a table. Measurements may lie within each other."""

    def __init__(self, table: InMemoryDynamoDB) -> None:
        self._table = table

    @contextlib.contextmanager
    def measure(self) -> Iterator[Cost]:
        """Everything the table is asked within the block."""
        cost = Cost()
        observer: Any = cost.calls.append
        self._table.observers.append(observer)
        try:
            yield cost
        finally:
            self._table.observers.remove(observer)
