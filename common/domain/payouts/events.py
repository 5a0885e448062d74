"""The bank's events: each is taken once, decides an attempt or is parked, and tells the machine that waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from common.domain import adjustments
from common.domain.adjustments import AdjustmentTaken
from common.domain.payouts import outcomes, store
from common.domain.payouts.model import (
    Attempt,
    AttemptStatus,
    EventOutcome,
    Payout,
    PayoutNotFound,
    PayoutUnclear,
    named,
)
from common.domain.payouts.service import Payouts, misfit, sealed, warn_of_misfit
from common.domain.payouts.store import AttemptMoved, BankEventItem, EventSeen, Payee
from common.errors import NotFound
from common.gateways.bank import Adjustment, BankEvent, State
from common.log import count, log
from common.machines import MachinesUnavailable
from common.money import ZERO
from common.sealed import are_same
from common.table.transaction import Write

TRIES_MAX = 5  # to write what an event means: each failed try means that somebody else has moved the same payout


class EventNotFound(NotFound):
    """The bank has sent no event of this id."""


@dataclass(frozen=True)
class Meaning:
    """What an event means, as the table stands now: what becomes of it, why, and what is written beside it."""

    outcome: EventOutcome
    why: str
    writes: Sequence[Write] = ()
    payee: Payee | None = None  # whose payout it names
    contradicts: bool = False  # the attempt was decided otherwise before
    misfits: bool = False  # it is of another account or amount, or its adjustment is another attempt's


@dataclass(frozen=True)
class BankEvents:
    payouts: Payouts

    def receive(self, event: BankEvent) -> EventOutcome:
        """Take an event of the bank, once for each event id. What decides an attempt does so in the transaction that
        keeps the id; what can not be placed is parked, never dropped. Afterwards the waiting machine is told.

        Raises PayoutUnclear, DataKeysUnavailable, Busy: nothing is known to be written, and the bank sends it again.
        """

        def first(meaning: Meaning) -> Write:
            if meaning.outcome is EventOutcome.PARKED:
                return store.park(event, meaning.payee, meaning.why, self.payouts.now())
            return store.take(event, meaning.payee, meaning.outcome, meaning.why, self.payouts.now())

        try:
            outcome = self._place(event, self._payee(event.adjustment), first)
        except EventSeen:
            outcome = EventOutcome.REPEATED  # its machine may not have been told
        if outcome is EventOutcome.PARKED:
            count("EventsParked")
        self.nudge(event.adjustment.reference_id)
        return outcome

    def _payee(self, told: Adjustment) -> Callable[[Payout], Payee]:
        """Whose payout it is, and the account that the bank tells of, as it is kept. KMS is asked once."""
        known: dict[str, Payee] = {}

        def of(payout: Payout) -> Payee:
            username = payout.owner.username
            if username not in known:
                known[username] = Payee(username, sealed(self.payouts.persons.of(username), told))
            return known[username]

        return of

    def park(self, webhook_id: str, told: str, why: str) -> EventOutcome:
        """Keep what may be told of what is signed and not understood, once for each event id. Raises Busy."""
        try:
            self.payouts.table.write(store.park_strange(webhook_id, told, why, self.payouts.now()))
        except EventSeen:
            return EventOutcome.REPEATED
        count("EventsParked")
        return EventOutcome.PARKED

    def known(self, webhook_id: str) -> BankEventItem:
        """Raises EventNotFound."""
        item = store.bank_event(self.payouts.table, webhook_id)
        if item is None:
            raise EventNotFound(
                "the bank has sent no such event; `desk parked list` has those that wait", id=webhook_id
            )
        return item

    def outlook(self, parked: BankEventItem) -> Meaning:
        """What would become of a parked event if it were replayed now."""
        event = store.event_of(parked)
        if event is None:
            return Meaning(EventOutcome.PARKED, parked.why)
        told = event.adjustment
        taken = adjustments.taken(self.payouts.table, told.adjustment_id, told.reference_id)
        return self._meaning(event, lambda payout: _kept(parked, payout), taken, parked.created_at)

    def order_told_paid(self, item: BankEventItem) -> str | None:
        """The id of the order of which an event tells that the bank has paid something; None where it tells that of
        none of ours."""
        if item.reference_id is None or item.state != State.COMPLETED:
            return None
        attempt = store.by_reference(self.payouts.table, item.reference_id)
        return None if attempt is None else attempt.order_id

    def replay(self, webhook_id: str, actor: str, *entry: Write) -> EventOutcome:
        """Try to place a parked event again, and write `entry`, the audit's, with that. If it still can not be placed
        it stays parked, and `entry` is not written.

        Raises EventNotFound; EventDecided, when somebody else has decided it at the same moment; PayoutUnclear, Busy.
        """
        item = self.known(webhook_id)
        event = store.event_of(item)
        if item.outcome != EventOutcome.PARKED or event is None:
            return EventOutcome(item.outcome)

        def first(meaning: Meaning) -> Write:
            if meaning.outcome is EventOutcome.PARKED:
                return store.still_parked(webhook_id, meaning.why, self.payouts.now())
            why = f"replayed by {actor}: {meaning.why}"
            return store.unpark(webhook_id, meaning.outcome, why, self.payouts.now())

        outcome = self._place(event, lambda payout: _kept(item, payout), first, entry, item.created_at)
        self.nudge(event.adjustment.reference_id)
        return outcome

    def dismiss(self, webhook_id: str, reason: str, *entry: Write) -> None:
        """A person has looked at a parked event and says that nothing is to be done.

        Raises EventDecided, when it is parked no more; Busy.
        """
        self.payouts.table.write(store.unpark(webhook_id, EventOutcome.DISMISSED, reason, self.payouts.now()), *entry)

    def _place(
        self,
        event: BankEvent,
        payee: Callable[[Payout], Payee],
        first: Callable[[Meaning], Write],
        also: Sequence[Write] = (),
        parked_at: datetime | None = None,
    ) -> EventOutcome:
        """Write what the event means: in front what `first` gives for that, which takes the event, and behind it
        `also`, unless the event is parked. Raises what `first` is refused with; PayoutUnclear, Busy."""
        taken: AdjustmentTaken | None = None
        for _ in range(TRIES_MAX):
            meaning = self._meaning(event, payee, taken, parked_at)
            outcome, why, reference_id = meaning.outcome, meaning.why, event.adjustment.reference_id
            if meaning.contradicts:
                count("BankContradictions")
                log.error("the bank contradicts itself", extra={"reference_id": reference_id, "why": why})
            if meaning.misfits:
                warn_of_misfit(reference_id, why)
            try:
                self.payouts.table.write(
                    first(meaning), *meaning.writes, *(also if outcome is not EventOutcome.PARKED else ())
                )
                log.info("bank event", extra={"reference_id": reference_id, "outcome": outcome})
                return outcome
            except AttemptMoved:
                continue  # somebody has decided it in between: read again
            except AdjustmentTaken as refusal:
                taken = refusal
        raise PayoutUnclear("others keep moving the same payout; send it again", retry_after_seconds=1)

    def _meaning(
        self,
        event: BankEvent,
        payee_of: Callable[[Payout], Payee],
        taken: AdjustmentTaken | None,
        parked_at: datetime | None,
    ) -> Meaning:
        """`taken`: the event's adjustment is known to be that of another attempt. `parked_at`: None where it is new."""
        told = event.adjustment
        parts = named(told.reference_id)
        try:
            # The order first: an attempt that is decided between the two reads is then seen decided.
            payout = None if parts is None else store.payout(self.payouts.table, parts[0])
        except PayoutNotFound:
            payout = None
        attempt = store.by_reference(self.payouts.table, told.reference_id)
        payee = None if payout is None else payee_of(payout)
        if payout is None or payee is None or attempt is None:
            return Meaning(EventOutcome.PARKED, store.NO_ATTEMPT, payee=payee)
        if taken is not None:
            doubt: str | None = taken.detail
        elif attempt.paid is not None:  # operators have said what was paid: that may be another amount than was sent
            doubt = None
        else:
            doubt = misfit(attempt, told, payee.account)
        if attempt.status is AttemptStatus.PENDING:
            return replace(self._of_pending(payout, attempt, told, doubt), payee=payee)
        is_same = are_same(payee.account, attempt.account) is not False
        decided = self._of_decided(payout, attempt, told, doubt, parked_at, is_same=is_same)
        return replace(decided, payee=payee)

    def _of_pending(self, payout: Payout, attempt: Attempt, told: Adjustment, doubt: str | None) -> Meaning:
        """What fits decides the attempt; what does not (`doubt`) is parked, and a person looks at the payout."""
        if payout.status != payout.kind.paying:
            return Meaning(EventOutcome.PARKED, f"the order is {payout.status}")
        if doubt is not None:
            asked = [] if payout.needs_person else store.doubt(payout, attempt, self.payouts.now(), doubt)
            return Meaning(EventOutcome.PARKED, doubt, asked, misfits=True)
        if told.state is State.COMPLETED:
            return Meaning(EventOutcome.APPLIED, "paid", outcomes.paid(payout, attempt, told, self.payouts.now()))
        why = told.failure_code or "the bank says FAILED"
        return Meaning(EventOutcome.APPLIED, "rejected", self.payouts.rejected(payout, attempt, told, why))

    def _of_decided(
        self,
        payout: Payout,
        attempt: Attempt,
        told: Adjustment,
        doubt: str | None,
        parked_at: datetime | None,
        *,
        is_same: bool,
    ) -> Meaning:
        """The event agrees with what was decided, or contradicts it: then no further attempt is begun until two have
        said what was paid, since money may have gone where the desk thinks it has not. What they are about to say is
        not about an event that comes meanwhile; one that is looked at again they know, and have decided if they have
        said since that nothing was paid. `is_same`: for all that can be told, it is of the attempt's account."""
        paid, now = told.amount if told.state is State.COMPLETED else ZERO, self.payouts.now()
        if doubt is not None and paid == attempt.booked == ZERO:  # nothing was paid, whatever it is about
            return Meaning(EventOutcome.PARKED, doubt, misfits=True)
        if doubt is None and is_same and paid == attempt.booked:
            doubt = _second(attempt, told)
            if doubt is None:
                # What operators have decided by another paper is that of this adjustment from now on.
                unnamed = attempt.paid is not None and paid != ZERO
                claim = [adjustments.claim(told.adjustment_id, told.reference_id, now)] if unnamed else []
                return Meaning(EventOutcome.AGREES, f"the attempt was {attempt.status} already", claim)
        why = doubt or f"the bank says {told.state} of attempt {attempt.number}, which is {attempt.status}"
        if attempt.paid is not None:
            why = f"the bank says that it has paid ${paid} of attempt {attempt.number}, of which ${attempt.paid} count"
        if parked_at is not None and attempt.was_said_unpaid_since(parked_at):
            return Meaning(
                EventOutcome.DISMISSED, f"two operators have said that it has not paid attempt {attempt.number}"
            )
        stops = payout.open and (parked_at is None or not payout.disputed)
        stopped = [store.dispute(payout, attempt.number, now, why)] if stops else []
        return Meaning(EventOutcome.PARKED, why, stopped, contradicts=True)

    def nudge(self, reference_id: str) -> None:
        """Tell the machine that waits for this attempt, if that is decided. The token is read after the decision was
        committed, so none is missed: one that is stored later is sent back by whoever stores it (`Payouts.wait`)."""
        attempt = store.by_reference(self.payouts.table, reference_id)
        if attempt is None or attempt.token is None or attempt.status is AttemptStatus.PENDING:
            return
        try:
            self.payouts.send_back(attempt.token, attempt)
        except MachinesUnavailable as unavailable:  # its wait ends by itself
            log.warning("not told", extra={"order_id": attempt.order_id, "why": unavailable.detail})


def _kept(event: BankEventItem, payout: Payout) -> Payee:
    """What was kept of a parked event: no account, where it was nobody's payout then."""
    return store.payee_of(event) or Payee(payout.owner.username, None)


def _second(attempt: Attempt, told: Adjustment) -> str | None:
    """What is wrong if the bank has paid a decided attempt by a second adjustment, not the one that decided it: it may
    have paid twice. None if it has not paid, if it is the same one, or if operators have decided by another paper."""
    decided_by = attempt.adjustment_id
    if told.state is not State.COMPLETED or attempt.paid is not None or decided_by in (None, told.adjustment_id):
        return None
    return f"the bank tells of adjustment {told.adjustment_id} for {told.reference_id}, which {decided_by} has paid"
