"""What came in at the custody and what goes out. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from uuid import UUID

from common import keys
from common.custody import Address, Draft, Output, Snapshot, User
from common.errors import Conflict, NotFound
from common.idempotency import derived_id, derived_uuid, id_of
from common.money import EXACT, Quantity

INPUTS_MAX = (
    45  # outputs of one asset that an outgoing spends: a transaction has 100 writes, one for each of two assets
)
REFUND_MEMO = "Refund:"  # what the memo of a refund begins with; the snapshot's uuid follows
OVERLAP = timedelta(minutes=10)  # a snapshot may appear so much later than its time says; later ones nobody finds
# A sender that is silent for so long has ended; then another may send the same drafts.
SENDING_SECONDS = 120
# What was sent so long ago is known to the custody by now, or never will be.
NEVER_SENT_SECONDS = 600


class IncomingNotFound(NotFound):
    """There is no such snapshot among those that were taken."""


class OutgoingNotFound(NotFound):
    """There is no such outgoing transfer."""


class IncomingMoved(Conflict):
    """The snapshot is not where this could be done to it: somebody else has disposed of it."""


class OutgoingMoved(Conflict):
    """The outgoing transfer is not where this could be done to it."""


class Disposition(StrEnum):
    """What is to become of a snapshot."""

    HELD = "HELD"
    EXPECTED = "EXPECTED"
    PARKED = "PARKED"
    WITHDRAWN = "WITHDRAWN"
    REFUNDED = "REFUNDED"
    DESK = "DESK"


DISPOSITIONS: dict[Disposition, set[Disposition]] = {
    Disposition.HELD: {Disposition.WITHDRAWN, Disposition.REFUNDED},
    # What nobody has claimed in time may be somebody's gift, or a stranger's mistake.
    Disposition.EXPECTED: {Disposition.HELD, Disposition.PARKED, Disposition.REFUNDED, Disposition.DESK},
    Disposition.PARKED: {Disposition.HELD, Disposition.REFUNDED, Disposition.DESK},
    Disposition.WITHDRAWN: {Disposition.HELD},  # an outgoing that was refused has taken nothing
    Disposition.REFUNDED: set(),
    Disposition.DESK: set(),
}
FIRST_DISPOSITIONS = (Disposition.HELD, Disposition.EXPECTED, Disposition.PARKED, Disposition.REFUNDED)


class Status(StrEnum):
    """Of an outgoing."""

    INTENDED = "INTENDED"  # decided; nothing was sent
    SENT = "SENT"  # its drafts are stored and its outputs reserved: it may have been sent
    CONFIRMED = "CONFIRMED"  # its chain has it
    ARRIVED = "ARRIVED"
    REFUSED = "REFUSED"  # nothing was sent, nor will it be


TRANSITIONS: dict[Status, set[Status]] = {
    # To itself is the next attempt, where even drafting is refused.
    Status.INTENDED: {Status.INTENDED, Status.SENT, Status.REFUSED, Status.CONFIRMED, Status.ARRIVED},
    Status.SENT: {Status.INTENDED, Status.CONFIRMED, Status.ARRIVED, Status.REFUSED},
    Status.CONFIRMED: {Status.ARRIVED},
    Status.ARRIVED: set(),
    Status.REFUSED: {Status.INTENDED},
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (Status.INTENDED, Status.CONFIRMED),  # an attempt that the custody has denied was sent after all
    (Status.INTENDED, Status.ARRIVED),
    (Status.REFUSED, Status.INTENDED),
}


class Kind(StrEnum):
    """What an outgoing is for."""

    REFUND = "REFUND"  # of one snapshot, to whoever paid it
    FUNDING = "FUNDING"  # an order's asset, to an exchange
    SURPLUS = "SURPLUS"  # what was paid for fees and not used, to whoever paid it
    HOME = "HOME"  # what has come back from an exchange, to whoever paid it
    MERGE = "MERGE"  # many outputs, to ourselves, as one


@dataclass(frozen=True)
class Incoming:
    """A snapshot that was taken. `order_id` is whose it is, or was; `outgoing_id` what has taken it away."""

    incoming_id: str
    snapshot: Snapshot
    disposition: Disposition
    created_at: datetime
    updated_at: datetime
    reason: str
    order_id: str | None = None
    outgoing_id: str | None = None
    due_at: datetime | None = None  # when it should have been claimed
    needs_person: bool = False


@dataclass(frozen=True)
class Outgoing:
    """Money to be sent, once. `cause` is what it is for: an order's id, or that of the snapshot which it refunds.
    `attempt` counts from 1: the next begins after a definite no whose cause is ours. `drafts` are those of the
    attempt, once it is SENT; `inputs` the outputs that it spends, and those that follow a no whose cause is ours.
    `contested` has an output of each attempt that was refused and let go: the next ones spend it as well, so that not
    both can be booked."""

    outgoing_id: str
    kind: Kind
    cause: str
    quantity: Quantity
    to: User | Address
    status: Status
    created_at: datetime
    updated_at: datetime
    memo: bytes = b""
    fee: Quantity | None = None
    attempt: int = 1
    drafts: tuple[Draft, ...] = ()
    inputs: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    sent_at: datetime | None = None
    short_since: datetime | None = None  # there were too few outputs then, and ever since
    denied_since: datetime | None = None  # every attempt since then was refused, and the cause is ours
    refused_at: datetime | None = None  # when a repeat was refused first: what came before may still be sent
    withdrawal_hash: str | None = None
    reason: str | None = None
    needs_person: bool = False

    @property
    def request_id(self) -> str:
        """What the custody knows the attempt by."""
        return str(derived_uuid(self.outgoing_id, str(self.attempt)))

    @property
    def transaction_hash(self) -> str | None:
        return self.drafts[0].transaction_hash if self.drafts else None

    @property
    def looked_at(self) -> datetime:
        """When the custody is asked for it, by somebody else than who began to send it."""
        assert self.sent_at is not None
        return self.sent_at + timedelta(seconds=SENDING_SECONDS)

    def is_sent_by_nobody(self, now: datetime) -> bool:
        """Has whoever began to send it ended by now?"""
        return self.sent_at is not None and now >= self.looked_at

    @property
    def never_sent_at(self) -> datetime:
        """From when on it never was sent, if the custody does not know it then: it has refused a repeat, and nobody
        has sent it since."""
        assert self.refused_at is not None
        return self.refused_at + timedelta(seconds=NEVER_SENT_SECONDS)


def is_to_be_asked_again(outgoing: Outgoing) -> bool:
    """May an operator let one be sent, or asked for, once more? Small outputs are merged another time, and whether an
    order's funding that was refused is sent again is its order's to say."""
    if not outgoing.needs_person:
        return False
    return outgoing.status is not Status.REFUSED or outgoing.kind not in (Kind.FUNDING, Kind.MERGE)


def may_go_to_another(outgoing: Outgoing) -> bool:
    """May operators name another receiver? Only of what nobody will ever get."""
    return outgoing.needs_person and outgoing.status is Status.REFUSED and isinstance(outgoing.to, User)


def is_in_doubt(outgoing: Outgoing, now: datetime) -> bool:
    """May operators say what became of it? What was sent may have arrived, and so may what the custody has denied; but
    not while somebody may be sending it."""
    denied = outgoing.status is Status.INTENDED and bool(outgoing.inputs or outgoing.contested)
    sent = outgoing.status is Status.SENT and outgoing.is_sent_by_nobody(now)
    return outgoing.needs_person and (sent or denied)


def may_be_called_off(outgoing: Outgoing) -> bool:
    """May operators say that an order's funding is not to be sent any more? Not while it may have been: what the
    custody has refused, and whose outputs are spent all the same, is in doubt."""
    refused = outgoing.status is Status.INTENDED and outgoing.kind is Kind.FUNDING
    return refused and not (outgoing.needs_person and outgoing.inputs and outgoing.denied_since is None)


def is_nobodys(incoming: Incoming, now: datetime) -> bool:
    """May operators dispose of a snapshot? It is parked, or the order that it comes home to has not claimed it in
    time."""
    if incoming.disposition is Disposition.EXPECTED:
        return incoming.due_at is not None and incoming.due_at <= now
    return incoming.disposition is Disposition.PARKED


def incoming_id(snapshot_id: str) -> str:
    """Of the custody's snapshot. Raises ValueError for what is no uuid."""
    return id_of(keys.SNAPSHOT, UUID(snapshot_id))


def outgoing_id(kind: Kind, cause: str, asset_id: str, number: int = 1) -> str:
    """A cause has one outgoing of a kind and an asset; `number` counts those that follow one that was refused."""
    return derived_id(keys.OUTGOING, kind, cause, asset_id, str(number))


def outgoing(
    kind: Kind,
    cause: str,
    quantity: Quantity,
    to: User | Address,
    at: datetime,
    *,
    memo: str = "",
    fee: Quantity | None = None,
    number: int = 1,
) -> Outgoing:
    """What is decided to leave, and nobody has begun to send. Its id is as of `outgoing_id`."""
    return Outgoing(
        outgoing_id=outgoing_id(kind, cause, quantity.asset_id, number),
        kind=kind,
        cause=cause,
        quantity=quantity,
        to=to,
        status=Status.INTENDED,
        created_at=at,
        updated_at=at,
        memo=memo.encode(),
        fee=fee,
    )


def merging(outputs: Sequence[Output], us: User, at: datetime, number: int = 1) -> Outgoing:
    """Outputs, to ourselves, as one. `number` counts those of the same outputs that follow one that was refused."""
    quantity, first = total(outputs[0].quantity.asset_id, outputs), outputs[0].output_id
    merge_id = derived_id(keys.OUTGOING, Kind.MERGE, *(output.output_id for output in outputs), str(number))
    return replace(outgoing(Kind.MERGE, first, quantity, us, at), outgoing_id=merge_id)


def refund(incoming: Incoming, to: User, at: datetime, number: int = 1) -> Outgoing:
    """All of a snapshot, back to a user."""
    snapshot = incoming.snapshot
    memo = f"{REFUND_MEMO}{snapshot.snapshot_id}"
    return outgoing(Kind.REFUND, incoming.incoming_id, snapshot.quantity, to, at, memo=memo, number=number)


def taken_by(incoming: Incoming, outgoing: Outgoing) -> Incoming:
    return replace(incoming, outgoing_id=outgoing.outgoing_id)


def is_refund_memo(memo: bytes) -> bool:
    """Is it what somebody writes who gives money back? It is not to be given back again: that would never end."""
    return memo.lower().startswith(REFUND_MEMO.lower().encode())


def total(asset_id: str, outputs: Iterable[Output]) -> Quantity:
    found = Quantity(0, asset_id)
    for output in outputs:
        found += output.quantity
    return found


class TooFewOutputs(Exception):
    """The outputs do not cover what is to be sent. `held` is what all of them are together."""

    def __init__(self, held: Quantity, needed: Quantity) -> None:
        super().__init__(f"the custody has {held} to spend, and {needed} are needed")
        self.held = held
        self.needed = needed


class TooManyOutputs(Exception):
    """They would cover it, but not INPUTS_MAX of them. `largest` are those to be merged first: what is smaller, anybody
    may have sent us, any number of it."""

    def __init__(self, largest: tuple[Output, ...]) -> None:
        super().__init__(f"more than {INPUTS_MAX} outputs are needed: the largest are to be merged first")
        self.largest = largest


def choose(outputs: Iterable[Output], needed: Quantity, contested: Set[str] = frozenset()) -> tuple[Output, ...]:
    """The outputs to spend: those of `contested` that are there, and for the rest the smallest single one that covers
    it, else the largest ones, as few as do.

    Raises TooFewOutputs, TooManyOutputs.
    """
    ordered = sorted(outputs, key=lambda output: (output.quantity.amount, output.sequence))
    chosen = [output for output in ordered if output.output_id in contested]
    ordered = [output for output in ordered if output.output_id not in contested]
    reached = total(needed.asset_id, chosen).amount
    if reached < needed.amount:
        rest = EXACT.subtract(needed.amount, reached)
        single = next((output for output in ordered if output.quantity.amount >= rest), None)
        if single is not None:
            chosen.append(single)
            reached = needed.amount
    while ordered and reached < needed.amount:
        chosen.append(ordered.pop())
        reached = EXACT.add(reached, chosen[-1].quantity.amount)
    if reached < needed.amount:
        raise TooFewOutputs(Quantity(reached, needed.asset_id), needed)
    if len(chosen) > INPUTS_MAX:
        raise TooManyOutputs(tuple(chosen[:INPUTS_MAX]))
    return tuple(chosen)


def covers(outputs: Iterable[Output], needed: Quantity) -> bool:
    """Can so many of them as an outgoing may spend pay for it?"""
    largest = heapq.nlargest(INPUTS_MAX, (output.quantity.amount for output in outputs))
    return reduce(EXACT.add, largest, Decimal(0)) >= needed.amount


def summary(outgoing: Outgoing) -> str:
    """What is to be sent to whom, and why it is not, in a line."""
    to = outgoing.to.user_id if isinstance(outgoing.to, User) else outgoing.to.destination
    said = f"{outgoing.kind.lower()}: {outgoing.quantity} to {to}"
    return said if outgoing.reason is None else f"{said}; {outgoing.reason}"


def facts(outgoing: Outgoing) -> dict[str, str]:
    """What a person reads of an outgoing."""
    told = {"status": outgoing.status.value, "reason": outgoing.reason or "", "quantity": str(outgoing.quantity)}
    told["to"] = outgoing.to.user_id if isinstance(outgoing.to, User) else outgoing.to.destination
    if outgoing.drafts:
        told["request"] = outgoing.request_id
    if outgoing.withdrawal_hash is not None:
        told["hash"] = outgoing.withdrawal_hash
    return told
