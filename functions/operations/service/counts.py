"""How many executions each machine has."""

from __future__ import annotations

from collections.abc import Iterator

from common import keys
from common.definitions import Definition
from common.machines import Count
from functions.operations import model
from functions.operations.service import RUNNING, Operations

FAILED = "FAILED"


def counted(operations: Operations) -> Iterator[tuple[Definition, Count, Count]]:
    """Each machine, how many executions of it run, and how many have failed within a day: three requests each.
    Raises MachinesUnavailable."""
    machines, since = operations.machines, operations.now() - model.FAILED_WITHIN
    for machine in keys.MACHINES:
        running, failed = machines.count(machine, RUNNING), machines.count(machine, FAILED, since)
        yield operations.definition(machine), running, failed
