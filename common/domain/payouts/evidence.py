"""What it means that two operators say what the bank has paid of an attempt: the bank has booked another amount, or has
the attempt pending for ever. And that a customer has his dollars by another way, where no attempt can be paid."""

from __future__ import annotations

from datetime import datetime

from common.domain import adjustments, limits
from common.domain.ledger import store as ledger
from common.domain.ledger.model import TransactionType
from common.domain.payouts import store
from common.domain.payouts.model import Attempt, AttemptStatus, Evidence, Payout
from common.gateways.bank import Adjustment, State
from common.money import ZERO
from common.table.table import Table
from common.table.transaction import Write

# What a customer reads who is told nothing else.
PAID_OTHERWISE = "the desk has paid the dollars another way"
PAID_AFTER_ALL = "the bank has paid the dollars after all"


def decided(payout: Payout, attempt: Attempt, evidence: Evidence, at: datetime) -> list[Write]:
    """The writes for an attempt and its order: for a pending one, and for a rejected one about which the bank has
    contradicted itself. Refused with AdjustmentTaken: the evidence names the paper of another payment; AttemptMoved,
    PayoutUnsettled: attempt or order are not as they were read."""
    if evidence.paid == ZERO:
        return _never_paid(payout, attempt, evidence, at)
    return _paid(payout, attempt, evidence, at)


def _paid(payout: Payout, attempt: Attempt, evidence: Evidence, at: datetime) -> list[Write]:
    """What the bank has not paid of the hold goes to the customer's balance, and as much of the day's limit with it.
    What the bank has paid beyond the hold is the desk's to bear."""
    owner, held, spent = payout.owner, payout.amount, min(evidence.paid, payout.amount)
    told = Adjustment(
        adjustment_id=evidence.reference,
        reference_id=attempt.reference_id,
        account_id="",  # what decides is what the two say
        amount=evidence.paid,
        state=State.COMPLETED,
    )
    reason = f"attempt {attempt.number}: the bank has paid ${evidence.paid}, reference {evidence.reference}"
    if attempt.status is AttemptStatus.PENDING:
        paid = [
            store.decide(attempt, AttemptStatus.COMPLETED, at, told, "", paid=evidence.paid),
            store.pay(payout, attempt.number, at),
        ]
    else:
        paid = store.paid_after_all(payout, attempt, at, told, PAID_AFTER_ALL)
    writes = [
        adjustments.claim(evidence.reference, attempt.reference_id, at),
        *paid,
        ledger.settle(owner, held, spent, at),
        ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, spent, payout.order_id, at)),
        store.event(payout, payout.kind.paid, reason, evidence.operators, at),
    ]
    if evidence.paid > held:
        writes.append(ledger.desk_line(held - evidence.paid, "paid by the bank beyond it", payout.order_id, at))
    if spent < held:
        writes.append(limits.give_back(owner, limits.Limited.PAYOUT, held - spent, payout.created_at, at))
    return writes


def _never_paid(payout: Payout, attempt: Attempt, evidence: Evidence, at: datetime) -> list[Write]:
    """The attempt is rejected. No machine begins the next one: a person says where the dollars go."""
    why = f"never paid, as {evidence.operators} say, reference {evidence.reference}"
    if attempt.status is not AttemptStatus.PENDING:
        told = f"attempt {attempt.number} was {why}"
        return [
            *store.never_paid(payout, attempt, at, told),
            store.event(payout, payout.status, told, evidence.operators, at),
        ]
    return [
        store.decide(attempt, AttemptStatus.REJECTED, at, None, why, paid=ZERO),
        store.pause(payout, attempt.number, at, None, why),
        store.event(payout, payout.status, f"attempt {attempt.number} rejected: {why}", evidence.operators, at),
    ]


def said_paid(table: Table, payout: Payout, proposal_id: str, reference: str, by: str, at: datetime) -> list[Write]:
    """The writes for a payout of which an operator says that it was paid by another way: those dollars have left, so
    nothing else moves until another one has decided about that, and the reference stands for no other payout. Refused
    with AdjustmentTaken, PayoutUnsettled."""
    why = f"it was paid by another way, as {by} says: confirm or dismiss {proposal_id}"
    ours = adjustments.claimed_by(table, reference)
    claimed = [] if _is_of_attempt(ours, payout) else [adjustments.claim(reference, payout.order_id, at)]
    return [*claimed, *store.say_paid(payout, proposal_id, at, why)]


def said_unpaid(
    table: Table, payout: Payout, proposal_id: str, reference: str, by: str | None, at: datetime
) -> list[Write]:
    """The writes for a payout of which that is dismissed, `by` another one than has said it. None where it was not
    written, as before there was this, or is over. Refused with AdjustmentTaken, PayoutUnsettled."""
    if payout.said_paid != proposal_id:
        return []
    claimed = adjustments.claimed_by(table, reference) == payout.order_id
    released = [adjustments.release(reference, payout.order_id)] if claimed else []
    latest = store.latest(table, payout)
    asks = latest is None or latest.status is not AttemptStatus.PENDING
    return [*released, store.say_unpaid(payout, by, at, f"that it was paid is dismissed ({proposal_id})", asks=asks)]


def _is_of_attempt(ours: str | None, payout: Payout) -> bool:
    return ours is not None and ours.startswith(f"{payout.order_id}-")


def paid_otherwise(
    payout: Payout, reference: str, public_reason: str | None, operators: str, at: datetime
) -> list[Write]:
    """The writes for a payout of which no attempt can be paid: its hold is spent, and the reference is that of the
    payment that the customer has had instead; it may be the bank's id of an attempt that was rejected. He reads the
    public reason. Refused with AdjustmentTaken;
    PayoutUnsettled: it is not as it was read, or an attempt may be paid."""
    owner, amount, order_id = payout.owner, payout.amount, payout.order_id
    told = f"${amount} were paid by another way, reference {reference}"
    return [
        adjustments.claim(reference, order_id, at, of_attempts=True),
        *store.close(payout, payout.kind.paid, at, public_reason or PAID_OTHERWISE),
        ledger.settle(owner, amount, amount, at),
        ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, amount, order_id, at)),
        store.event(payout, payout.kind.paid, told, operators, at),
    ]
