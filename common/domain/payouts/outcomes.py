"""What is written when a pending attempt has come to its end."""

from __future__ import annotations

from datetime import datetime

from common.domain import adjustments
from common.domain.ledger import store as ledger
from common.domain.ledger.model import TransactionType
from common.domain.payouts import store
from common.domain.payouts.model import Attempt, AttemptStatus, Payout
from common.domain.timeline import BANK
from common.gateways.bank import Adjustment
from common.table.transaction import Write


def paid(payout: Payout, attempt: Attempt, told: Adjustment, at: datetime) -> list[Write]:
    """The bank has paid it. Refused with AdjustmentTaken, AttemptMoved."""
    owner, amount = payout.owner, payout.amount
    reason = f"attempt {attempt.number} paid, adjustment {told.adjustment_id}"
    return [
        adjustments.claim(told.adjustment_id, attempt.reference_id, at),
        store.decide(attempt, AttemptStatus.COMPLETED, at, told, ""),
        store.pay(payout, attempt.number, at),
        ledger.settle(owner, amount, amount, at),
        ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, amount, payout.order_id, at)),
        store.event(payout, payout.kind.paid, reason, BANK, at),
    ]


def rejected(
    payout: Payout, attempt: Attempt, told: Adjustment | None, why: str, at: datetime, next_at: datetime | None
) -> list[Write]:
    """It will never be paid. `next_at`: when the next one may begin; None where the bank refuses the desk itself, for
    its funds or rights: that uses up none of the customer's attempts. Refused with AdjustmentTaken, AttemptMoved."""
    return [
        *([] if told is None else [adjustments.claim(told.adjustment_id, attempt.reference_id, at)]),
        store.decide(attempt, AttemptStatus.REJECTED, at, told, why),
        store.pause(payout, attempt.number, at, next_at, why, counts=next_at is not None),
        store.event(payout, payout.status, f"attempt {attempt.number} rejected: {why}", BANK, at),
    ]
