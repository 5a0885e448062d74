"""The bank: credits a customer's account with it, once for each reference, and reports what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from common.errors import Conflict, Denied, NotFound, Unavailable
from common.money import Money


class BankUnavailable(Unavailable):
    """The bank did not answer, or not with a decision. Whether it has booked is unknown: ask by reference, or send
    the same again under the same reference."""

    @property
    def alarm(self) -> str | None:
        """The metric that wakes a person: the bank does not let us in, or tells what can not be."""
        return {"denied": "DeskRefused", "not_believed": "BankMismatch"}.get(self.facts.get("what", ""))

    @property
    def not_believed(self) -> bool:
        """Has the bank told what can not be?"""
        return self.facts.get("what") == "not_believed"


class BankRefused(Conflict):
    """The bank's definite no to a credit: nothing was booked under this reference and nothing will be.

    ours: its cause is the desk's and not the credit's, so that the next credit meets it too: the desk's own account is
        empty, over its limit, or may not pay.
    """

    def __init__(self, detail: str, *, ours: bool = False, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.ours = ours

    @property
    def alarm(self) -> str | None:
        return "DeskRefused" if self.ours else None


class AdjustmentUnknown(NotFound):
    """The bank knows nothing under this reference. A credit that is on its way may still arrive."""


class SignatureRefused(Denied):
    """What claims to be the bank's event is not signed by it, or was signed too long ago."""


class State(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Adjustment:
    """A credit as the bank has it. `failure_code` is the bank's word for why it failed."""

    adjustment_id: str
    reference_id: str
    account_id: str
    amount: Money
    state: State
    failure_code: str | None = None


@dataclass(frozen=True)
class Adjustments:
    """A part of a list, in the order in which they were made; `after` is where the next part begins, None: there is
    none."""

    items: Sequence[Adjustment]
    after: str | None


@dataclass(frozen=True)
class BankEvent:
    """What the bank's webhook says: the outcome of one adjustment. A retry has the same `event_id`."""

    event_id: str
    adjustment: Adjustment
    at: datetime


class Bank(Protocol):
    """Every method may raise BankUnavailable and is then safe to call again."""

    def credit(self, reference_id: str, account_id: str, amount: Money, description: str) -> Adjustment:
        """Credit an account, once for each `reference_id`; a repeat answers with the first adjustment as it is now.

        Raises BankRefused.
        """
        ...

    def find(self, reference_id: str) -> Adjustment:
        """Raises AdjustmentUnknown."""
        ...

    def adjustments(self, day: date, after: str | None = None) -> Adjustments:
        """Those that were made on a day (UTC) in the desk's name, by whomever, as they are now: a part of them, behind
        a place that the part before has told."""
        ...
