"""What one operator does about a payout by hand. Nothing of it is possible while an attempt may still be paid, nor that
its dollars go anywhere while the bank says both that it has paid and that it has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from common.domain import audit, limits, work
from common.domain.audit import AuditEntry
from common.domain.ledger import store as ledger
from common.domain.payouts import store
from common.domain.payouts.model import (
    ABANDONED_SECONDS,
    NEVER_BOOKED_SECONDS,
    Attempt,
    AttemptStatus,
    Kind,
    Payout,
    PayoutNotFound,
    PayoutUnsettled,
    has_attempts_left,
    is_abandonable,
    is_decidable_by_one,
    warning,
    why_not_by_one,
)
from common.domain.payouts.service import Payouts
from common.operator_outcome import OperatorOutcome
from common.table.transaction import Write

# What a customer reads where the operator has nothing to tell him.
GIVEN_BACK = "the dollars are on your balance"


@dataclass(frozen=True)
class PayoutActs:
    """Each act is audited, in the words of its command, in the transaction that does it. All raise PayoutNotFound,
    also for another kind's; PayoutUnsettled: an attempt may still be paid, or two operators have to say first what was
    paid, or the order is over; Busy."""

    payouts: Payouts

    def retry(self, kind: Kind, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Allow one more attempt, and start the machine: it makes the attempt once the pause after the last rejection
        is over, and there is none after the fifth. Raises PayoutUnsettled also when there were too many."""
        payout = self._payout(kind, order_id)
        self._must_be_decidable(payout, operator)
        if not has_attempts_left(payout):
            raise PayoutUnsettled("there were too many attempts: pay another way", id=order_id)
        after = kind.paying if payout.attempts else kind.ready
        says = f"attempt {payout.attempts + 1} to pay ${payout.amount} to the customer's bank"
        at = self.payouts.now()
        writes = [
            *store.retry(payout, at, at + work.SOON),
            store.event(payout, after, f"one more attempt: {reason}", operator, at),
        ]
        return self._do(payout, after, says, "retry-payout", writes, reason, operator, dry_run=dry_run)

    def give_back(
        self,
        kind: Kind,
        order_id: str,
        reason: str,
        operator: str,
        *,
        public_reason: str | None = None,
        dry_run: bool,
    ) -> OperatorOutcome:
        """The dollars go to the customer's balance here, and the day's limit goes back, too. He reads
        `public_reason`."""
        payout = self._payout(kind, order_id)
        if payout.status in (kind.paid, kind.returned):
            return self._so_already(payout)
        self._must_be_decidable(payout, operator)
        at, amount = self.payouts.now(), payout.amount
        writes = [
            *store.close(payout, kind.returned, at, public_reason or GIVEN_BACK, returned=True),
            ledger.release(payout.owner, amount, at),
            limits.give_back(payout.owner, limits.Limited.PAYOUT, amount, payout.created_at, at),
            store.event(payout, kind.returned, reason, operator, at),
        ]
        says = f"is {kind.returned}; the held ${amount} are free on the customer's balance"
        try:
            return self._do(payout, kind.returned, says, kind.give_back, writes, reason, operator, dry_run=dry_run)
        except PayoutUnsettled:
            return self._closed_meanwhile(payout, operator)

    def abandon(self, kind: Kind, order_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """A person says that the pending attempt never reached the bank. From now on nobody sends it; when whoever was
        sending it must have ended, the bank is asked once more, and what it still does not know is rejected."""
        payout = self._payout(kind, order_id)
        attempt = self._latest(payout)
        nothing = PayoutUnsettled("there is no pending attempt that could be abandoned", id=order_id)
        if payout.said_paid is not None:
            raise PayoutUnsettled(why_not_by_one(payout, attempt), id=order_id, order_status=payout.status)
        if attempt is None or not is_abandonable(payout, attempt):
            raise nothing
        at = self.payouts.now()
        due_at = at + timedelta(seconds=NEVER_BOOKED_SECONDS + ABANDONED_SECONDS) + work.SOON
        told = f"a last look at the bank for attempt {attempt.number}, abandoned"
        writes = [
            store.abandon(attempt, at, nothing),
            store.go_on(payout, at, due_at, told),
            store.event(payout, payout.status, f"attempt {attempt.number} abandoned: {reason}", operator, at),
        ]
        says = (
            f"attempt {attempt.number} is sent no more; if the bank still does not know it ten minutes later, rejected"
        )
        return self._do(payout, payout.status, says, "abandon-attempt", writes, reason, operator, dry_run=dry_run)

    def _do(
        self,
        payout: Payout,
        after: str,
        says: str,
        verb: str,
        writes: list[Write],
        reason: str,
        operator: str,
        *,
        dry_run: bool,
    ) -> OperatorOutcome:
        order_id, now = payout.order_id, self.payouts.now()
        if not dry_run:
            entry = AuditEntry(now, operator, f"{payout.kind.command} {verb}", order_id, reason)
            self.payouts.table.write(*writes, *audit.entry(self.payouts.table, entry))
            work.drive_now(self.payouts.table, self.payouts.machines, payout.kind.row(order_id=order_id), now)
        return OperatorOutcome(order_id, payout.status, after, done=not dry_run, says=says + warning(payout))

    def _closed_meanwhile(self, before: Payout, operator: str) -> OperatorOutcome:
        """Others were first. Raises PayoutUnsettled: it was not with the same."""
        payout = self._payout(before.kind, before.order_id)
        if payout.open:
            self._must_be_decidable(payout, operator)
            raise PayoutUnsettled("others have moved the order; look at it again", id=payout.order_id)
        return self._so_already(payout)

    def _so_already(self, payout: Payout) -> OperatorOutcome:
        """Its dollars were returned to the customer's balance already. Raises PayoutUnsettled: something else has
        become of them."""
        latest = self._latest(payout)
        paid_by = latest if latest is not None and latest.status is AttemptStatus.COMPLETED else None
        says = f"is {payout.status} already: {_what_became(payout, paid_by)}"
        if not payout.returned:
            raise PayoutUnsettled(f"the order {says}", id=payout.order_id, order_status=payout.status)
        return OperatorOutcome.repeat(payout.order_id, payout.status, f"{says}; nothing to do")

    def _payout(self, kind: Kind, order_id: str) -> Payout:
        payout = store.payout(self.payouts.table, order_id)
        if payout.kind is not kind:
            raise PayoutNotFound(f"it is no {kind.name}", id=order_id)
        return payout

    def _must_be_decidable(self, payout: Payout, operator: str) -> None:
        latest = self._latest(payout)
        if payout.said_unpaid_by == operator:
            why = f"{operator} has dismissed that it was paid: another operator decides what becomes of it"
            raise PayoutUnsettled(why, id=payout.order_id, order_status=payout.status)
        if not is_decidable_by_one(payout, latest):
            raise PayoutUnsettled(why_not_by_one(payout, latest), id=payout.order_id, order_status=payout.status)

    def _latest(self, payout: Payout) -> Attempt | None:
        return store.latest(self.payouts.table, payout)


def _what_became(payout: Payout, paid_by: Attempt | None) -> str:
    """Of the dollars of a payout that is over."""
    if paid_by is not None:
        return f"the bank has paid ${paid_by.booked} of attempt {paid_by.number}"
    where = "are on the customer's balance" if payout.returned else "count as paid by another way"
    return f"${payout.amount} {where} ({payout.reason})"
