"""What no machine moves, and one operator lets be tried again: transfers that could not be sent, payments whose account
could not be told, and dealers who are to be reminded. Each act is audited, in the transaction that does it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from common import keys
from common.domain import acts, audit, timeline, work
from common.domain.audit import AuditEntry
from common.domain.custody import store as custody
from common.domain.custody.model import OutgoingMoved, is_to_be_asked_again
from common.domain.custody.model import Status as Sent
from common.domain.timeline import TimelineEvent
from common.keys import Key
from common.operator_outcome import OperatorOutcome
from functions.operations import model
from functions.operations.service import Operations
from functions.operations.service.waking import wake
from functions.operations.store import KnownItem

REMINDED_FOR = timedelta(days=7)  # a dealer who has not paid by then is to be reminded again


@dataclass(frozen=True)
class AskingAgain:
    operations: Operations

    def retry_outgoing(self, outgoing_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Let an outgoing transfer be sent, or asked for, once more; what waits for it goes on.

        Raises NothingKnown; NothingWaits; NotDriven; Redriven (another operator was first); Busy.
        """
        self._waiting(outgoing_id, keys.OUTGOING)
        outgoing = custody.outgoing(self.operations.table, outgoing_id)
        before = outgoing.status
        if not is_to_be_asked_again(outgoing):
            raise model.NotDriven("it waits for nobody: the clock sees to it", id=outgoing_id)
        after = Sent.INTENDED if before is Sent.REFUSED else before
        if not dry_run:
            now, table = self.operations.now(), self.operations.table
            told = custody.event(outgoing, after, f"to be sent, or asked for, again: {reason}", operator, now)
            entry = audit.entry(self.operations.table, AuditEntry(now, operator, "outgoing retry", outgoing_id, reason))
            try:
                table.write(custody.ask_again(outgoing, now), told, *entry)
            except OutgoingMoved as moved:
                raise work.Redriven(moved.detail, id=outgoing_id) from None
            wake(self.operations, outgoing)
        says = f"the sender's next round goes on from {before}" if before == after else "the sender's next attempt"
        return OperatorOutcome(outgoing_id, before, after, done=not dry_run, says=says)

    def replay_payment(self, payment_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Let it be looked for once more whose a payment is.

        Raises NothingKnown; NothingWaits; NotDriven; Redriven (another operator was first); Busy.
        """
        waits_for = "its account to be looked for again"
        says = "within a minute it is looked for again whose it is; where that is unknown still, it waits here again"
        item = self._waiting(payment_id, keys.PAYMENT)
        return self._clock_goes_on(item, "payments replay", waits_for, says, reason, operator, dry_run=dry_run)

    def retry_refund(self, refund_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Let the billing system be asked once more what has become of a refund.

        Raises NothingKnown; NothingWaits; NotDriven; Redriven (another operator was first); Busy.
        """
        waits_for, when = "the billing system to be asked again", "within five minutes"
        says = f"{when} the billing system is asked again; where it contradicts itself still, it waits here again"
        item = self._waiting(refund_id, keys.REFUND)
        return self._clock_goes_on(item, "payments retry-refund", waits_for, says, reason, operator, dry_run=dry_run)

    def _clock_goes_on(
        self, item: KnownItem, command: str, waits_for: str, says: str, reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        """With what waits for a person. Raises NotDriven, Redriven."""
        if not acts.is_possible(command, self.operations.case(item)):
            raise model.NotDriven("it waits for nobody: the clock sees to it", id=item.PK)
        assert item.status is not None
        if not dry_run:
            now, told = self.operations.now(), f"{waits_for}: {reason}"
            self.operations.table.write(
                work.asked_again(item, item.row, now, waits_for),
                timeline.record(item.PK, TimelineEvent(now, item.status, item.status, told, operator)),
                *audit.entry(self.operations.table, AuditEntry(now, operator, command, item.PK, reason)),
            )
        return OperatorOutcome(item.PK, item.status, item.status, done=not dry_run, says=says)

    def snooze_reminder(self, reminder_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """The dealer was reminded of a bill that is overdue: that is asked for again later, if he does not pay.

        Raises NothingKnown; NothingWaits; NotDriven; Redriven (another operator was first); Busy.
        """
        item = self._waiting(reminder_id, keys.REMINDER)
        if not acts.is_possible("reminders snooze", self.operations.case(item)):
            raise model.NotDriven("it is not overdue, or he was reminded of late: the clock sees to it", id=reminder_id)
        assert item.status is not None
        if not dry_run:
            now, told = self.operations.now(), f"the dealer was reminded: {reason}"
            self.operations.table.write(
                work.asked_again(item, keys.REMINDER, now, "its dealer, who was reminded, to pay it", REMINDED_FOR),
                timeline.record(item.PK, TimelineEvent(now, item.status, item.status, told, operator)),
                *audit.entry(self.operations.table, AuditEntry(now, operator, "reminders snooze", reminder_id, reason)),
            )
        says = f"it is asked for again in {REMINDED_FOR.days} days, if the bill is not paid by then"
        return OperatorOutcome(reminder_id, item.status, item.status, done=not dry_run, says=says)

    def _waiting(self, thing_id: str, row: Key) -> KnownItem:
        """Raises NothingKnown, also of what is of another kind; NothingWaits."""
        item = self.operations.known(thing_id)
        if item.row is not row:
            raise model.NothingKnown(f"{thing_id} is of another kind", id=thing_id)
        if item.open_work is None:
            raise model.NothingWaits("it waits for nothing", id=thing_id)
        return item
