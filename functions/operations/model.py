"""What operators ask for and are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import Rejected, Unavailable

CONTEXTS = ("accounts", "orders")  # those that have unfinished work
RECONCILE_TRIES_MAX = 5


class ImpossibleAsset(Rejected):
    """The rules of an asset contradict each other."""


class AccountBusy(Unavailable):
    """The account was written while its books were read, each time. Ask again when it is quieter."""


@dataclass(frozen=True)
class Waiting:
    """Something unfinished: what it waits for, and since when it should have moved."""

    context: str
    id: str
    waits_for: str
    due_at: datetime
    overdue: bool


@dataclass(frozen=True)
class Reconciled:
    """One account, its balances against its journal added up again. No differences: to the last digit the same."""

    username: str
    lines: int
    differences: Sequence[str]
