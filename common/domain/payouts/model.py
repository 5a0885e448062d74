"""A payout and its attempts: what may come next, and how long to wait before it. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from common import keys
from common.errors import Conflict, NotFound, Unavailable
from common.keys import Key
from common.money import ZERO, Money
from common.owner import Owner
from common.sealed import Sealed

ATTEMPTS_MAX = 5  # seed: after five failed attempts, SELL_PAYOUT_FAILED
AWAIT_SECONDS = 900  # for the bank's webhook; then the bank is asked
ATTEMPTS_EVER = 99  # a reference has two digits
# An abandoned attempt is sent no more. Whoever was just sending it when it was abandoned has ended after this time.
ABANDONED_SECONDS = 120
# What was sent to the bank so long ago is booked by now, or never will be: whoever was sending it has ended after
# ABANDONED_SECONDS, and the bank has the rest, eight minutes, to book what it has taken or to drop it.
NEVER_BOOKED_SECONDS = 600
_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{20,31})-([0-9]{2})", re.ASCII)


class PayoutNotFound(NotFound):
    """There is no order of this id that ends in a payout."""


class PayoutUnsettled(Conflict):
    """An attempt may still be paid by the bank, or the order is not at its payout: nothing may be done by hand."""


class PayoutUnclear(Unavailable):
    """What the bank says of an attempt does not fit what it was asked. Nothing is decided on it."""


class EventOutcome(StrEnum):
    """What became of a bank's event."""

    APPLIED = "APPLIED"  # it decided an attempt
    AGREES = "AGREES"  # the attempt was decided so already
    REPEATED = "REPEATED"  # it was taken before
    PARKED = "PARKED"  # it can not be placed; a person or the sweeper will look
    DISMISSED = "DISMISSED"  # a person has looked at a parked one


class AttemptStatus(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"


ATTEMPT_TRANSITIONS: dict[AttemptStatus, set[AttemptStatus]] = {
    AttemptStatus.PENDING: {AttemptStatus.COMPLETED, AttemptStatus.REJECTED},
    AttemptStatus.COMPLETED: set(),
    AttemptStatus.REJECTED: {AttemptStatus.COMPLETED},
}
OPERATORS_ONLY = {(AttemptStatus.REJECTED, AttemptStatus.COMPLETED)}  # the bank has paid it after all, as two say


class Stage(StrEnum):
    """What the machine `payout` does next, as the table says."""

    SEND = "SEND"  # a new attempt
    BACK_OFF = "BACK_OFF"  # a new attempt, after a pause
    CHECK = "CHECK"  # ask the bank for the attempt
    AWAIT = "AWAIT"  # the bank has it: wait for its webhook
    PAID = "PAID"
    FAILED = "FAILED"  # the last attempt was rejected
    STOPPED = "STOPPED"  # a person has to look
    DONE = "DONE"  # nothing is to be paid, or not yet


@dataclass(frozen=True)
class Kind:
    """A kind of order that ends in a payout, in its own words for where it stands."""

    name: str
    row: Key
    command: str  # of the command line, and of the audit
    mark_paid: str  # the act's name there, by which an operator says that the customer has the dollars
    give_back: str  # the act's name there, by which they go to the customer's balance
    # What follows are values of the order's status.
    ready: str  # the first attempt may be made
    paying: str  # from the first attempt on
    paid: str
    failed: str  # after the last attempt
    returned: str  # its dollars went to the customer's balance instead


CASH_OUT = Kind(
    name="cash-out",
    row=keys.SELL_ORDER,
    command="offramp",
    mark_paid="mark-filled",
    give_back="credit-usd",
    ready="BASE_TXN_COMPLETED",
    paying="TARGET_TXN_PENDING",
    paid="FILLED",
    failed="SELL_PAYOUT_FAILED",
    returned="FILLED",
)
WITHDRAWAL = Kind(
    name="withdrawal",
    row=keys.WITHDRAWAL,
    command="withdrawals",
    mark_paid="complete",
    give_back="reject",
    ready="PENDING",
    paying="PENDING",
    paid="COMPLETED",
    failed="PAYOUT_FAILED",
    returned="REJECTED",
)
KINDS = (CASH_OUT, WITHDRAWAL)


@dataclass(frozen=True)
class Approval:
    """Two operators have said that a payout may be sent, of this amount, to this account, and to no other."""

    amount: Money
    account: Sealed
    by: str
    at: datetime


@dataclass(frozen=True)
class Payout:
    """The order as its payout sees it. `amount` is what is to be paid, and held for that; `status` is one of its
    kind's; `attempts` is how many there have been, and `attempts_max` how many may count.

    `disputed`: the bank has contradicted itself about `disputed_attempts`, of which nothing is decided yet; it has done
    so `contradictions` times. `needs_person`: it waits for an operator, and no machine moves it; `awaits_approval`: for
    two, who approve it. `uncounted`: how many attempts the bank refused because of the desk itself, its funds or
    rights. `returned`: its dollars went to the customer's balance instead. `said_paid`: the proposal, not decided yet,
    that it was paid, by another way or by the pending attempt; `said_unpaid_by`: the operator who has dismissed what
    another one has said so.
    """

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
    created_at: datetime
    needs_person: bool = False
    waits_for: str | None = None
    reason: str | None = None
    awaits_approval: bool = False
    approval: Approval | None = None
    uncounted: int = 0
    returned: bool = False
    disputed_attempts: tuple[int, ...] = ()
    contradictions: int = 0
    said_paid: str | None = None
    said_unpaid_by: str | None = None

    @property
    def open(self) -> bool:
        """May its dollars still go somewhere?"""
        return self.status in (self.kind.ready, self.kind.paying, self.kind.failed)

    @property
    def was_said_paid(self) -> bool:
        """Does an operator say so, or has he, and another one has dismissed it?"""
        return self.said_paid is not None or self.said_unpaid_by is not None

    @property
    def disputed_attempt(self) -> int | None:
        """The one that is decided next: the latest."""
        return self.disputed_attempts[-1] if self.disputed_attempts else None

    @property
    def counted(self) -> int:
        """How many of its attempts count: those that failed for want of the desk's funds or rights do not."""
        return self.attempts - self.uncounted

    def may_be_sent(self, account: Sealed, payout_max: Money) -> bool:
        """A payout of more than `payout_max` may only be sent once two operators have approved just this amount and
        this account."""
        if self.amount <= payout_max:
            return True
        return self.approval is not None and (self.approval.amount, self.approval.account) == (self.amount, account)


@dataclass(frozen=True)
class Attempt:
    """One try to pay (the seed's CCT). `number` counts from 1; `reference_id` is what the bank knows it by; `username`
    whose `account` it is."""

    order_id: str
    number: int
    amount: Money
    username: str
    account: Sealed
    status: AttemptStatus
    created_at: datetime
    decided_at: datetime | None = None
    adjustment_id: str | None = None
    failure_code: str | None = None
    token: str | None = None
    abandoned_at: datetime | None = None  # a person says that it never reached the bank
    repeats: int = 0  # how often it was sent, or was about to be sent, once more
    repeated_at: datetime | None = None  # the last time
    repeat_refused_at: datetime | None = None  # the first time
    missed_at: datetime | None = None  # when the bank, asked late enough, first did not know it
    paid: Money | None = None  # by the bank, where that is what two operators say

    @property
    def reference_id(self) -> str:
        return f"{self.order_id}-{self.number:02d}"

    @property
    def sent_at(self) -> datetime:
        """The last time that it may have been sent."""
        return self.repeated_at or self.created_at

    @property
    def booked(self) -> Money:
        """What the bank has paid of it, for all that is known."""
        if self.paid is not None:
            return self.paid
        return self.amount if self.status is AttemptStatus.COMPLETED else ZERO

    def was_said_unpaid_since(self, at: datetime) -> bool:
        """Have two operators said that the bank has paid nothing of it, and not before?"""
        return self.paid == ZERO and self.decided_at is not None and self.decided_at >= at

    def is_sent_by_nobody(self, now: datetime) -> bool:
        """Has a person abandoned it, so long ago that whoever was sending it has ended?"""
        return self.abandoned_at is not None and now >= self.abandoned_at + timedelta(seconds=ABANDONED_SECONDS)

    @property
    def booked_by_nobody_at(self) -> datetime | None:
        """When the bank will besides have had its time to book what it was sent; None if nobody has abandoned it."""
        if self.abandoned_at is None:
            return None
        sent_by_nobody_at = self.abandoned_at + timedelta(seconds=ABANDONED_SECONDS)
        return max(sent_by_nobody_at, self.sent_at + timedelta(seconds=NEVER_BOOKED_SECONDS))


@dataclass(frozen=True)
class Evidence:
    """What two operators say of an attempt: the bank has `paid` so much of it. Zero: it has paid nothing, and never
    will. `reference` names the paper in which the bank says so itself; `operators` are the two."""

    paid: Money
    reference: str
    operators: str


def named(reference_id: str) -> tuple[str, int] | None:
    """Order and number of the attempt that a reference names; None for what is no reference of ours."""
    match = _REFERENCE.fullmatch(reference_id)
    return None if match is None else (match[1], int(match[2]))


def back_off(attempts: int, first: timedelta) -> timedelta:
    """The pause after so many attempts that count. With a `first` pause of a minute: 1, 2, 4 and 8 minutes. There is
    none before the first attempt, nor after ATTEMPTS_MAX, since an operator has asked for what follows."""
    if not 1 <= attempts < ATTEMPTS_MAX:
        return timedelta(0)
    return first * int(2 ** (attempts - 1))


def needs_decision(payout: Payout, latest: Attempt | None) -> bool:
    """Does only an operator's act lead on, and no machine? So it is once the payout has failed, while it is to be
    approved, while it is disputed, and once somebody has said that it was paid, except that a pending attempt is still
    asked for."""
    pending = latest is not None and latest.status is AttemptStatus.PENDING
    stopped = payout.disputed or payout.was_said_paid
    return payout.status == payout.kind.failed or (stopped and not pending) or is_approvable(payout)


def is_decidable(payout: Payout, latest: Attempt | None) -> bool:
    """May people decide it? Only while its dollars may still go somewhere, and the bank can not pay any attempt."""
    return payout.open and (latest is None or latest.status is AttemptStatus.REJECTED)


def is_decidable_by_one(payout: Payout, latest: Attempt | None) -> bool:
    """May a single operator pay it once more, or give it back? Not while the bank says that it has paid it already, nor
    while another operator does."""
    return is_decidable(payout, latest) and not payout.disputed and payout.said_paid is None


def next_attempt(payout: Payout, latest: Attempt | None) -> int | None:
    """The number of the attempt that its machine begins once nothing is in its way; None where it begins none."""
    begins = is_decidable_by_one(payout, latest) and payout.status != payout.kind.failed and not is_exhausted(payout)
    return payout.attempts + 1 if begins else None


def is_approvable(payout: Payout) -> bool:
    """Does it wait for two operators to approve it?"""
    return (
        payout.awaits_approval and payout.said_paid is None and payout.status in (payout.kind.ready, payout.kind.paying)
    )


def has_attempts_left(payout: Payout) -> bool:
    """Does another attempt have a reference?"""
    return payout.attempts < ATTEMPTS_EVER


def is_exhausted(payout: Payout) -> bool:
    """Is there to be no attempt after the latest one, once that is rejected?"""
    return payout.counted >= payout.attempts_max or not has_attempts_left(payout)


def is_abandonable(payout: Payout, latest: Attempt | None) -> bool:
    """Is an attempt pending, has nobody abandoned it yet, and does nobody say that the bank has paid it?"""
    pending = latest is not None and latest.status is AttemptStatus.PENDING and latest.abandoned_at is None
    return pending and payout.said_paid is None


def is_decidable_by_evidence(payout: Payout, latest: Attempt | None) -> bool:
    """May two operators say what has become of it? While the bank has not said it, and where it has said both."""
    if latest is not None and latest.status is AttemptStatus.PENDING:
        return payout.status == payout.kind.paying
    return is_decidable(payout, latest) and payout.disputed_attempt is not None and payout.said_paid is None


def next_stage(payout: Payout, latest: Attempt | None, now: datetime, first: timedelta) -> tuple[Stage, int]:
    """What its machine does next about a payout, and after how many seconds. `first` is the pause after one rejection.
    The table alone decides this, so any execution may ask at any time."""
    if payout.status == payout.kind.paid:
        return Stage.PAID, 0
    if payout.status == payout.kind.failed:
        return Stage.FAILED, 0
    if payout.status not in (payout.kind.ready, payout.kind.paying):
        return Stage.DONE, 0
    if payout.needs_person:
        return Stage.STOPPED, 0
    if latest is not None and latest.status is AttemptStatus.PENDING:
        return Stage.CHECK, 0
    if payout.disputed or payout.said_paid is not None:
        return Stage.STOPPED, 0
    if latest is not None and is_exhausted(payout):
        return Stage.SEND, 0  # instead of an attempt that there is not to be, sending fails the payout
    if latest is None:
        return Stage.SEND, 0
    assert latest.decided_at is not None
    left = (latest.decided_at + back_off(payout.counted, first) - now).total_seconds()
    return (Stage.SEND, 0) if left <= 0 else (Stage.BACK_OFF, int(left) + 1)


def why_not_by_one(payout: Payout, latest: Attempt | None) -> str:
    """Why a single operator neither pays it once more nor gives it back, and what can be done."""
    if payout.said_paid is not None:
        return f"{payout.said_paid} says that it was paid: another operator confirms that, or dismisses it first"
    if payout.disputed and is_decidable(payout, latest):
        return (
            f"the bank contradicts itself about attempt {payout.disputed_attempt} and may have paid it: two operators "
            f"say what it has paid, by `work decide-payout`, or that it was paid by another way, by "
            f"`{payout.kind.command} {payout.kind.mark_paid}`"
        )
    stands = f"the order is {payout.status}, its latest attempt {latest.status if latest else 'not begun'}"
    return f"{stands}: only a rejected payout is decided by hand"


def warning(payout: Payout) -> str:
    """What whoever decides about it by hand has to know; empty where there is nothing."""
    return "; BEWARE: the bank has contradicted itself and may have paid (desk parked list)" if payout.disputed else ""


def facts(payout: Payout, latest: Attempt | None) -> dict[str, str]:
    """What a person reads of a payout in its machine's history."""
    told = {"status": payout.status, "reason": payout.reason or "", "amount": f"${payout.amount}"}
    if latest is not None:
        told |= {"attempt": f"{latest.number}: {latest.status}", "reference": latest.reference_id}
        if latest.status is AttemptStatus.REJECTED and not told["reason"]:
            told["reason"] = f"attempt {latest.number} rejected: {latest.failure_code}"
    if payout.needs_person and payout.waits_for is not None and payout.reason is None:
        told["reason"] = payout.waits_for
    return told


def paid_facts(attempt: Attempt) -> dict[str, str]:
    """As `facts`, of a payout that this attempt has paid."""
    kind = kind_of(attempt.order_id)
    return {
        "status": "" if kind is None else kind.paid,
        "reason": "",
        "amount": f"${attempt.booked}",
        "attempt": f"{attempt.number}: {attempt.status}",
        "reference": attempt.reference_id,
        "adjustment": attempt.adjustment_id or "",
    }


def kind_of(order_id: str) -> Kind | None:
    """Of the order with this id; None for an id of nothing that ends in a payout."""
    return next((kind for kind in KINDS if order_id[:1] == kind.row.id_prefix), None)
