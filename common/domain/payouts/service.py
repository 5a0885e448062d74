"""What machines, the bank's webhook and operators can ask of payouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from common import keys
from common.domain import audit, clients, work
from common.domain.audit import AuditEntry
from common.domain.clients import ClientKind
from common.domain.ledger import store as ledger
from common.domain.ledger.model import TransactionType
from common.domain.payouts import store
from common.domain.payouts.model import (
    ABANDONED_SECONDS,
    ATTEMPTS_EVER,
    Attempt,
    AttemptStatus,
    Payout,
    PayoutNotFound,
    PayoutUnclear,
    PayoutUnsettled,
    Stage,
    Step,
    back_off,
    named,
    next_step,
)
from common.domain.payouts.store import AttemptMoved, BankEventItem, EventDecided, EventSeen
from common.errors import NotFound, Unavailable
from common.gateways.bank import Adjustment, AdjustmentUnknown, Bank, BankEvent, BankRefused, State
from common.log import count, log
from common.machines import Machines, MachinesUnavailable
from common.money import ZERO
from common.table.table import Table
from common.table.transaction import Write

_SOON = timedelta(minutes=1)  # by then the machine of a retried payout should have moved it
TRIES_MAX = 5  # each failed try means that somebody else has moved the same payout
BANK = "the bank"
MACHINE = "the machine"


class Taken(StrEnum):
    """What became of a bank's event."""

    APPLIED = "APPLIED"  # it decided an attempt
    AGREES = "AGREES"  # the attempt was decided so already
    REPEATED = "REPEATED"  # it was taken before
    PARKED = "PARKED"  # it can not be placed; a person or the sweeper will look
    DISMISSED = "DISMISSED"  # a person has looked at a parked one


@dataclass(frozen=True)
class Payouts:
    table: Table
    bank: Callable[[], Bank]  # made when it is first needed: a webhook never asks the bank
    machines: Machines
    now: Callable[[], datetime]

    # What the machine asks

    def next(self, order_id: str) -> Step:
        """What is to be done, read from the table; what only a person can decide is marked so. Raises PayoutNotFound,
        Busy."""
        payout = store.payout(self.table, order_id)
        step = next_step(payout, store.latest(self.table, payout), self.now())
        if step.stage in (Stage.FAILED, Stage.STOPPED) and not payout.needs_person:
            self._stop(payout, "its payout is disputed" if payout.disputed else "its payout has failed")
        return step

    def create(self, order_id: str, attempts: int) -> Step:
        """Begin the next attempt and send it to the bank; after the last rejected one, give the payout up.

        `attempts` are those after which the machine was told to begin one, and has waited: where there are more by
        now, nothing is begun. The attempt is in the table, PENDING, before the bank is called. Safe to repeat.

        Raises PayoutNotFound; BankUnavailable: the attempt stays and is asked for by its reference; Busy.
        """
        payout = store.payout(self.table, order_id)
        latest = store.latest(self.table, payout)
        step = next_step(payout, latest, self.now())
        if step.stage not in (Stage.SEND, Stage.BACK_OFF) or payout.attempts != attempts:
            return self.next(order_id)
        if latest is not None and latest.number >= payout.attempts_max:
            return self._give_up(payout, latest)
        if payout.amount == ZERO:
            return self._nothing_to_pay(payout)
        account_id = self._account(payout)
        if account_id is None:
            return Step(Stage.STOPPED)
        attempt = Attempt(
            order_id=order_id,
            number=payout.attempts + 1,
            amount=payout.amount,
            account_id=account_id,
            status=AttemptStatus.PENDING,
            created_at=self.now(),
        )
        reason = f"attempt {attempt.number} to pay ${attempt.amount}, reference {attempt.reference_id}"
        begun = store.event(payout, payout.kind.paying, reason, MACHINE, attempt.created_at)
        try:
            self._commit(*store.begin(payout, attempt), begun)
        except AttemptMoved:
            return self.next(order_id)
        paying = replace(payout, status=payout.kind.paying, attempts=attempt.number)
        return self._send(paying, attempt)

    def _nothing_to_pay(self, payout: Payout) -> Step:
        at, why = self.now(), "less than a cent: there is nothing to pay"
        try:
            paid = store.event(payout, payout.kind.paid, why, MACHINE, at)
            self._commit(*store.close(payout, payout.kind.paid, at, why), paid)
        except PayoutUnsettled:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.next(payout.order_id)

    def wait(self, order_id: str, token: str) -> None:
        """Keep the machine's token with the pending attempt, so that whoever decides it sends it back; where nothing
        is pending any more, send it back at once. Raises PayoutNotFound, Busy, MachinesUnavailable."""
        payout = store.payout(self.table, order_id)
        attempt = store.latest(self.table, payout)
        if attempt is not None and attempt.status is AttemptStatus.PENDING:
            try:
                self._commit(store.store_token(attempt, token, self.now()))
                return
            except AttemptMoved:
                log.info("decided meanwhile", extra={"order_id": order_id})
        self.machines.succeed(token)

    def check(self, order_id: str) -> Step:
        """Ask the bank what became of the pending attempt, and send it again, under the same reference, if the bank
        does not know it. Safe to repeat. Raises PayoutNotFound, BankUnavailable, PayoutUnclear, Busy."""
        payout = store.payout(self.table, order_id)
        attempt = store.latest(self.table, payout)
        if attempt is None or attempt.status is not AttemptStatus.PENDING:
            return self.next(order_id)
        try:
            return self._judge(payout, attempt, self.bank().find(attempt.reference_id))
        except AdjustmentUnknown:
            return self._missing(payout, attempt)

    def _missing(self, payout: Payout, attempt: Attempt) -> Step:
        """The bank does not know a pending attempt: send it again, unless it should not be paid any more."""
        if attempt.abandoned_at is not None:
            if self.now() < attempt.abandoned_at + timedelta(seconds=ABANDONED_SECONDS):
                raise PayoutUnclear("the attempt was given up just now and may still be on its way to the bank")
            return self._decided(payout, attempt, None, "given up by an operator; it never reached the bank")
        if payout.disputed:
            return self._stop(payout, "its payout is disputed, and an attempt may still be on its way to the bank")
        account_id = self._account(payout)
        if account_id is None:
            return Step(Stage.STOPPED)
        if account_id != attempt.account_id:
            return self._stop(payout, "the customer's account has changed since the attempt was begun")
        return self._send(payout, attempt)

    def _stop(self, payout: Payout, why: str) -> Step:
        """Leave it to a person."""
        try:
            self._commit(store.stop(payout, self.now(), why))
        except AttemptMoved:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return Step(Stage.STOPPED)

    def _account(self, payout: Payout) -> str | None:
        """The account to pay to. None, and the order waits for a person, when a client may not be used."""
        try:
            if payout.crypto_client_id is not None:
                clients.usable(self.table, ClientKind.CRYPTO, payout.crypto_client_id, payout.owner)
            return clients.usable(self.table, ClientKind.BANKING, payout.banking_client_id, payout.owner).account_id
        except (clients.ClientNotFound, clients.ClientBlocked) as refusal:
            log.warning("no payout", extra={"order_id": payout.order_id, "why": refusal.detail})
            self._stop(payout, refusal.detail)
            return None

    def _send(self, payout: Payout, attempt: Attempt) -> Step:
        description = f"{payout.kind.name} {payout.order_id}"
        try:
            told = self.bank().credit(attempt.reference_id, attempt.account_id, attempt.amount, description)
        except BankRefused as no:
            return self._decided(payout, attempt, None, no.detail)
        return self._judge(payout, attempt, told)

    def _judge(self, payout: Payout, attempt: Attempt, told: Adjustment) -> Step:
        if not _fits(attempt, told):
            count("BankMismatch")
            log.error("the bank's answer does not fit", extra={"order_id": payout.order_id, "told": str(told)})
            raise PayoutUnclear("the bank's adjustment is of another account or amount than the attempt")
        if told.state is State.PENDING:
            return Step(Stage.AWAIT)
        return self._decided(payout, attempt, told, told.failure_code or "the bank says FAILED")

    def _decided(self, payout: Payout, attempt: Attempt, told: Adjustment | None, why: str) -> Step:
        try:
            if told is not None and told.state is State.COMPLETED:
                self._commit(*self._paid(payout, attempt, told))
            else:
                self._commit(*self._rejected(payout, attempt, told, why))
        except AttemptMoved:
            log.info("decided meanwhile", extra={"order_id": payout.order_id})
        return self.next(payout.order_id)

    def _paid(self, payout: Payout, attempt: Attempt, told: Adjustment) -> list[Write]:
        at, owner, amount = self.now(), payout.owner, payout.amount
        reason = f"attempt {attempt.number} paid, adjustment {told.adjustment_id}"
        return [
            store.decide(attempt, AttemptStatus.COMPLETED, at, told, ""),
            store.pay(payout, attempt.number, at),
            ledger.settle(owner, amount, amount, at),
            ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, amount, payout.order_id, at)),
            store.event(payout, payout.kind.paid, reason, BANK, at),
        ]

    def _rejected(self, payout: Payout, attempt: Attempt, told: Adjustment | None, why: str) -> list[Write]:
        at = self.now()
        return [
            store.decide(attempt, AttemptStatus.REJECTED, at, told, why),
            store.pause(payout, attempt.number, at, at + back_off(attempt.number), why),
            store.event(payout, payout.status, f"attempt {attempt.number} rejected: {why}", BANK, at),
        ]

    def _give_up(self, payout: Payout, latest: Attempt) -> Step:
        why = f"{latest.number} payout attempts were rejected, the last one: {latest.failure_code}"
        at = self.now()
        try:
            self._commit(*store.give_up(payout, at, why), store.event(payout, payout.kind.failed, why, MACHINE, at))
            count("PayoutsFailed")
            log.error("payout failed", extra={"order_id": payout.order_id, "why": why})
        except AttemptMoved:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.next(payout.order_id)

    # What the bank says

    def receive(self, event: BankEvent) -> Taken:
        """Take an event of the bank, once for each event id. What decides an attempt does so in the transaction that
        keeps the id; what can not be placed is parked, never dropped. Afterwards the waiting machine is told.

        Raises Busy: nothing is known to be written, the bank sends it again.
        """

        def first(outcome: Taken, why: str) -> Write:
            if outcome is Taken.PARKED:
                return store.park(event, why, self.now())
            return store.take(event, outcome, why, self.now())

        try:
            taken = self._place(event, first)
        except EventSeen:
            taken = Taken.REPEATED  # its machine may not have been told
        if taken is Taken.PARKED:
            count("EventsParked")
        self._nudge(event.adjustment.reference_id)
        return taken

    def park(self, webhook_id: str, body: str, why: str) -> Taken:
        """Keep what is signed and not understood, once for each event id. Raises Busy."""
        try:
            self._commit(store.park_strange(webhook_id, body, why, self.now()))
        except EventSeen:
            return Taken.REPEATED
        count("EventsParked")
        return Taken.PARKED

    def replay(self, webhook_id: str, actor: str, entry: Callable[[str], Write] | None = None) -> Taken:
        """Try to place a parked event again. It stays parked when it still can not be placed.

        Raises EventNotFound, Busy.
        """
        item = self._known(webhook_id)
        event = store.event_of(item)
        if item.outcome != store.PARKED_OUTCOME or event is None:
            return Taken(item.outcome)

        def first(outcome: Taken, why: str) -> Write:
            if outcome is Taken.PARKED:
                return store.still_parked(webhook_id, why, self.now())
            return store.unpark(webhook_id, outcome, f"replayed by {actor}: {why}", self.now())

        try:
            also = () if entry is None else (entry("replay event"),)
            taken = self._place(event, first, also)
        except EventDecided:
            return Taken(self._known(webhook_id).outcome)
        self._nudge(event.adjustment.reference_id)
        return taken

    def dismiss(self, webhook_id: str, reason: str, entry: Write) -> Taken:
        """A person has looked at a parked event and says that nothing is to be done. What is placed or dismissed
        already stays so.

        Raises EventNotFound, Busy.
        """
        if self._known(webhook_id).outcome == store.PARKED_OUTCOME:
            try:
                self._commit(store.unpark(webhook_id, Taken.DISMISSED, reason, self.now()), entry)
            except EventDecided:
                log.info("decided meanwhile", extra={"webhook_id": webhook_id})
        return Taken(self._known(webhook_id).outcome)

    def _known(self, webhook_id: str) -> BankEventItem:
        item = store.bank_event(self.table, webhook_id)
        if item is None:
            raise EventNotFound("the bank has sent no such event", id=webhook_id)
        return item

    def _place(self, event: BankEvent, first: Callable[[Taken, str], Write], also: Sequence[Write] = ()) -> Taken:
        """Write what the event means, with `first` of its outcome in front. Raises what `first` is refused with."""
        for _ in range(TRIES_MAX):
            outcome, why, writes = self._meaning(event)
            try:
                self._commit(first(outcome, why), *writes, *(also if outcome is not Taken.PARKED else ()))
                log.info("bank event", extra={"reference_id": event.adjustment.reference_id, "taken": outcome})
                return outcome
            except AttemptMoved:
                continue  # somebody has decided it in between: read again
        raise PayoutUnclear("others keep moving the same payout; send it again", retry_after_seconds=1)

    def _meaning(self, event: BankEvent) -> tuple[Taken, str, list[Write]]:
        told = event.adjustment
        parts = named(told.reference_id)
        try:
            # The order first: an attempt that is decided between the two reads is then seen decided.
            payout = None if parts is None else store.payout(self.table, parts[0])
        except PayoutNotFound:
            payout = None
        attempt = store.by_reference(self.table, told.reference_id)
        if payout is None or attempt is None:
            return Taken.PARKED, store.NO_ATTEMPT, []
        if not _fits(attempt, told):
            return Taken.PARKED, "the attempt is for another account or amount", []
        if attempt.status is AttemptStatus.PENDING:
            if payout.status != payout.kind.paying:
                return Taken.PARKED, f"the order is {payout.status}", []
            if told.state is State.COMPLETED:
                return Taken.APPLIED, "paid", self._paid(payout, attempt, told)
            why = told.failure_code or "the bank says FAILED"
            return Taken.APPLIED, "rejected", self._rejected(payout, attempt, told, why)
        if (attempt.status is AttemptStatus.COMPLETED) is (told.state is State.COMPLETED):
            return Taken.AGREES, f"the attempt was {attempt.status} already", []
        why = f"the bank says {told.state} of attempt {attempt.number}, which is {attempt.status}"
        count("BankContradictions")
        log.error("the bank contradicts itself", extra={"order_id": payout.order_id, "why": why})
        # Money may have gone where we think it has not: no further attempt until a person has looked.
        stopped = [store.dispute(payout, self.now(), why)] if payout.open and not payout.disputed else []
        return Taken.PARKED, why, stopped

    def _nudge(self, reference_id: str) -> None:
        """Tell the machine that waits for a decided attempt. Read after the decision is committed: a token that is
        stored later is sent back by whoever stores it."""
        attempt = store.by_reference(self.table, reference_id)
        if attempt is None or attempt.token is None or attempt.status is AttemptStatus.PENDING:
            return
        try:
            self.machines.succeed(attempt.token)
        except MachinesUnavailable as unavailable:  # its wait ends by itself
            log.warning("not told", extra={"order_id": attempt.order_id, "why": unavailable.detail})

    # By hand. None of these is possible while an attempt may still be paid.

    def settled(self, order_id: str) -> Payout:
        """The payout, if nothing of it is under way at the bank. Raises PayoutNotFound, PayoutUnsettled."""
        payout = store.payout(self.table, order_id)
        latest = store.latest(self.table, payout)
        if not payout.open or (latest is not None and latest.status is not AttemptStatus.REJECTED):
            raise PayoutUnsettled(
                f"the order is {payout.status}, its latest attempt "
                f"{latest.status if latest else 'not begun'}: only a rejected payout is decided by hand",
                id=order_id,
                order_status=payout.status,
            )
        return payout

    def pending(self, order_id: str) -> Attempt:
        """The attempt that the bank has not decided. Raises PayoutNotFound; PayoutUnsettled: there is none, or it is
        given up already."""
        attempt = store.latest(self.table, store.payout(self.table, order_id))
        if attempt is None or attempt.status is not AttemptStatus.PENDING or attempt.abandoned_at is not None:
            raise _nothing_pending(order_id)
        return attempt

    def abandon(self, attempt: Attempt, reason: str, operator: str) -> None:
        """A person says that the pending attempt never reached the bank. From now on nobody sends it; when whoever was
        sending it must have ended, the bank is asked once more, and what it still does not know is rejected.

        Raises PayoutNotFound; PayoutUnsettled: it is decided, or given up already; Busy.
        """
        order_id, at = attempt.order_id, self.now()
        payout = store.payout(self.table, order_id)
        due_at = at + timedelta(seconds=ABANDONED_SECONDS) + _SOON
        self._commit(
            store.abandon(attempt, at, _nothing_pending(order_id)),
            store.go_on(payout, at, due_at, f"a last look at the bank for attempt {attempt.number}, given up"),
            store.event(payout, payout.status, f"attempt {attempt.number} given up: {reason}", operator, at),
            audit.entry(AuditEntry(at, operator, "give attempt up", order_id, reason)),
        )
        self._drive(order_id)

    def retry(self, payout: Payout, reason: str, operator: str) -> None:
        """Allow one more attempt, and start the order's machine, which makes it at once. Raises PayoutUnsettled (also
        when there were too many), Busy."""
        if payout.attempts >= ATTEMPTS_EVER:
            raise PayoutUnsettled("there were too many attempts: pay another way", id=payout.order_id)
        at = self.now()
        after = payout.kind.paying if payout.attempts else payout.kind.ready
        self._commit(
            *store.retry(payout, at, at + _SOON),
            store.event(payout, after, f"one more attempt: {reason}", operator, at),
            audit.entry(AuditEntry(at, operator, "retry payout", payout.order_id, reason)),
        )
        self._drive(payout.order_id)

    def _drive(self, order_id: str) -> None:
        key = keys.item_named(order_id)
        item = None if key is None else work.find(self.table, key)
        if item is not None:
            try:
                work.drive(self.table, self.machines, item, self.now())
            except Unavailable as unavailable:  # the sweeper will
                log.warning("machine not started", extra={"order_id": order_id, "why": unavailable.detail})

    def mark_paid(self, payout: Payout, reason: str, operator: str) -> None:
        """The dollars went to the customer by another way. Raises PayoutUnsettled, Busy."""
        at, owner, amount = self.now(), payout.owner, payout.amount
        self._commit(
            *store.close(payout, payout.kind.paid, at, reason),
            ledger.settle(owner, amount, amount, at),
            ledger.journal(ledger.dollars(owner, TransactionType.WITHDRAW, amount, payout.order_id, at)),
            store.event(payout, payout.kind.paid, reason, operator, at),
            audit.entry(AuditEntry(at, operator, "mark paid", payout.order_id, reason)),
        )

    def give_back(self, payout: Payout, reason: str, operator: str, *also: Write) -> None:
        """The dollars go to the customer's balance here. Raises PayoutUnsettled, Busy."""
        at = self.now()
        self._commit(
            *store.close(payout, payout.kind.returned, at, reason),
            ledger.release(payout.owner, payout.amount, at),
            store.event(payout, payout.kind.returned, reason, operator, at),
            audit.entry(AuditEntry(at, operator, "credit balance", payout.order_id, reason)),
            *also,
        )

    def _commit(self, *writes: Write) -> None:
        with self.table.transaction() as tx:
            tx.add(*writes)


class EventNotFound(NotFound):
    """The bank has sent no event of this id."""


def _nothing_pending(order_id: str) -> PayoutUnsettled:
    return PayoutUnsettled("there is no pending attempt that could be given up", id=order_id)


def _fits(attempt: Attempt, told: Adjustment) -> bool:
    return (told.account_id, told.amount) == (attempt.account_id, attempt.amount)
