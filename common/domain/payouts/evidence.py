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
from common.table.transaction import Write

PAID_OTHERWISE = "the desk has paid the dollars another way"  # what a customer reads who is told nothing else


def decided(payout: Payout, attempt: Attempt, evidence: Evidence, at: datetime) -> list[Write]:
    """The writes for a pending attempt and its order. Refused with AdjustmentTaken: the evidence names the paper of
    another payment; AttemptMoved: attempt or order are not as they were read."""
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
    writes = [
        adjustments.claim(evidence.reference, attempt.reference_id, at),
        store.decide(attempt, AttemptStatus.COMPLETED, at, told, "", paid=evidence.paid),
        store.pay(payout, attempt.number, at),
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
    return [
        store.decide(attempt, AttemptStatus.REJECTED, at, None, why, paid=ZERO),
        store.pause(payout, attempt.number, at, None, why),
        store.event(payout, payout.status, f"attempt {attempt.number} rejected: {why}", evidence.operators, at),
    ]


def paid_otherwise(
    payout: Payout, reference: str, public_reason: str | None, operators: str, at: datetime
) -> list[Write]:
    """The writes for a payout of which no attempt can be paid: its hold is spent, and the reference is that of the
    payment that the customer has had instead. He reads the public reason. Refused with AdjustmentTaken;
    PayoutUnsettled: it is not as it was read, or an attempt may be paid."""
    owner, amount, order_id = payout.owner, payout.amount, payout.order_id
    told = f"${amount} were paid by another way, reference {reference}"
    return [
        adjustments.claim(reference, order_id, at),
        *store.close(payout, payout.kind.paid, at, public_reason or PAID_OTHERWISE),
        ledger.settle(owner, amount, amount, at),
        ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, amount, order_id, at)),
        store.event(payout, payout.kind.paid, told, operators, at),
    ]
