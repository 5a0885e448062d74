"""A payout and its attempts: what may come next, and how long to wait before it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common import keys
from common.errors import Conflict, NotFound, Unavailable
from common.keys import Key
from common.money import Money
from common.owner import Owner

ATTEMPTS_MAX = 5  # seed: after five failed attempts, SELL_PAYOUT_FAILED
BACK_OFF_SECONDS = 60  # after the first rejection; doubled after each further one
AWAIT_SECONDS = 900  # for the bank's webhook; then the bank is asked
ATTEMPTS_EVER = 99  # a reference has two digits
# An attempt that a person has given up is sent by nobody any more; whoever was sending it then has ended by now.
ABANDONED_SECONDS = 120
_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{20,31})-([0-9]{2})", re.ASCII)


class PayoutNotFound(NotFound):
    """There is no order of this id that ends in a payout."""


class PayoutUnsettled(Conflict):
    """An attempt may still be paid by the bank, or the order is not at its payout: nothing may be done by hand."""


class PayoutUnclear(Unavailable):
    """What the bank says of an attempt does not fit what it was asked. Nothing is decided on it."""


class AttemptStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"


ATTEMPT_TRANSITIONS: dict[AttemptStatus, set[AttemptStatus]] = {
    AttemptStatus.PENDING: {AttemptStatus.COMPLETED, AttemptStatus.REJECTED},
    AttemptStatus.COMPLETED: set(),
    AttemptStatus.REJECTED: set(),
}


class Stage(StrEnum):
    """What a machine does next about an order, as the table says."""

    RESOLVE = "RESOLVE"  # look up whether the exchange has the order
    LOOK_AGAIN = "LOOK_AGAIN"  # later, for an order that the exchange did not have
    POLL = "POLL"  # ask the exchange for the fill
    SEND = "SEND"  # a new attempt
    BACK_OFF = "BACK_OFF"  # a new attempt, after `wait_seconds`
    CHECK = "CHECK"  # ask the bank for the attempt
    AWAIT = "AWAIT"  # the bank's webhook
    PAID = "PAID"
    FAILED = "FAILED"  # the last attempt was rejected
    STOPPED = "STOPPED"  # a person has to look
    DONE = "DONE"  # nothing


@dataclass(frozen=True)
class Step:
    """`attempts` are those that there were when this was said: a new one is begun only after so many."""

    stage: Stage
    wait_seconds: int = 0
    attempts: int = 0


@dataclass(frozen=True)
class Kind:
    """A kind of order that ends in a payout, in its own words for where it stands."""

    name: str
    row: Key
    ready: str  # the first attempt may be made
    paying: str
    paid: str
    failed: str  # after the last attempt
    returned: str  # its dollars went to the customer's balance instead


SALE = Kind(
    name="cash-out",
    row=keys.SELL_ORDER,
    ready="BASE_TXN_COMPLETED",
    paying="TARGET_TXN_PENDING",
    paid="FILLED",
    failed="SELL_PAYOUT_FAILED",
    returned="FILLED",
)
WITHDRAWAL = Kind(
    name="withdrawal",
    row=keys.WITHDRAWAL,
    ready="PENDING",
    paying="PENDING",
    paid="COMPLETED",
    failed="PAYOUT_FAILED",
    returned="REJECTED",
)
KINDS = (SALE, WITHDRAWAL)


@dataclass(frozen=True)
class Payout:
    """The order as its payout sees it. `disputed`: the bank has contradicted itself about an attempt. `needs_person`:
    it is marked as waiting for one."""

    order_id: str
    kind: Kind
    owner: Owner
    amount: Money
    banking_client_id: str
    crypto_client_id: str | None
    status: str
    attempts: int
    attempts_max: int
    disputed: bool
    needs_person: bool = False

    @property
    def open(self) -> bool:
        """May its dollars still go somewhere?"""
        return self.status in (self.kind.ready, self.kind.paying, self.kind.failed)


@dataclass(frozen=True)
class Attempt:
    """One try to pay (the seed's CCT). `number` counts from 1; `reference_id` is what the bank knows it by."""

    order_id: str
    number: int
    amount: Money
    account_id: str
    status: AttemptStatus
    created_at: datetime
    decided_at: datetime | None = None
    adjustment_id: str | None = None
    failure_code: str | None = None
    token: str | None = None
    abandoned_at: datetime | None = None  # a person says that it never reached the bank

    @property
    def reference_id(self) -> str:
        return f"{self.order_id}-{self.number:02d}"


def named(reference_id: str) -> tuple[str, int] | None:
    """Order and number of the attempt that a reference names; None for what is no reference of ours."""
    match = _REFERENCE.fullmatch(reference_id)
    return None if match is None else (match[1], int(match[2]))


def back_off(attempts: int) -> timedelta:
    """The pause after that many attempts: 1, 2, 4, 8 minutes; none before an attempt that an operator asked for."""
    if attempts >= ATTEMPTS_MAX:
        return timedelta(0)
    return timedelta(seconds=BACK_OFF_SECONDS * 2 ** (attempts - 1))


def next_step(payout: Payout, latest: Attempt | None, now: datetime) -> Step:
    """What is to be done about a payout. The table alone decides it, so any machine may ask at any time."""
    attempts = payout.attempts
    if payout.status == payout.kind.paid:
        return Step(Stage.PAID)
    if payout.status == payout.kind.failed:
        return Step(Stage.FAILED)
    if payout.status not in (payout.kind.ready, payout.kind.paying):
        return Step(Stage.DONE)
    if latest is not None and latest.status is AttemptStatus.PENDING:
        return Step(Stage.CHECK, attempts=attempts)
    if payout.disputed:
        return Step(Stage.STOPPED)
    if latest is None:
        return Step(Stage.SEND, attempts=attempts)
    assert latest.decided_at is not None
    left = (latest.decided_at + back_off(latest.number) - now).total_seconds()
    if latest.number >= payout.attempts_max or left <= 0:
        return Step(Stage.SEND, attempts=attempts)
    return Step(Stage.BACK_OFF, wait_seconds=int(left) + 1, attempts=attempts)
