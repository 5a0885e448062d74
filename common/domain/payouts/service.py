"""What the machine `payout` asks: the next attempt, what became of it, and what every decision of one means."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from common.data_keys import Tampered
from common.domain import clients, flow_halts
from common.domain.adjustments import AdjustmentTaken
from common.domain.clients import ClientKind
from common.domain.flow_halts import Flow
from common.domain.looks import Miss, miss
from common.domain.payouts import outcomes, store
from common.domain.payouts.model import (
    NEVER_BOOKED_SECONDS,
    Attempt,
    AttemptStatus,
    Payout,
    PayoutUnclear,
    PayoutUnsettled,
    Stage,
    back_off,
    facts,
    is_exhausted,
    next_stage,
    paid_facts,
)
from common.domain.payouts.store import AttemptMoved
from common.domain.persons import AccountForgotten, Person, Persons
from common.domain.timeline import BANK, MACHINE
from common.gateways.bank import Adjustment, AdjustmentUnknown, Bank, BankRefused, BankUnavailable, State
from common.log import count, log
from common.machines import ElsewhereNow, Machines, Standing
from common.money import ZERO, Money
from common.sealed import Sealed, are_same
from common.table.table import Table
from common.table.transaction import Write


@dataclass(frozen=True)
class Payouts:
    table: Table
    bank: Callable[[], Bank]  # made when it is first needed: a webhook never asks the bank
    machines: Machines
    persons: Persons
    now: Callable[[], datetime]
    back_off: timedelta  # after the first rejection; doubled after each further one
    payout_max: Money  # what is beyond it is sent when two operators have approved it

    # The machine's tasks are these four: read, create, wait, check. Each may be asked at any time, and again: it acts
    # only if the table says that it is its turn. Each raises PayoutNotFound, Busy, besides what it says.

    def read(self, order_id: str) -> Standing:
        """Where the payout stands. One that only a person can decide is put on the operators' list here, since every
        execution comes this way before it ends."""
        payout = store.payout(self.table, order_id)
        latest = store.latest(self.table, payout)
        stage, wait_seconds = next_stage(payout, latest, self.now(), self.back_off)
        if stage is Stage.FAILED and not payout.needs_person:
            return self._stop(payout, "its payout has failed")
        if stage is Stage.STOPPED and not payout.needs_person:
            return self._stop(payout, "its payout is disputed" if payout.disputed else _said(payout))
        return Standing(stage, wait_seconds, facts(payout, latest))

    def create(self, order_id: str) -> Standing:
        """Begin the next attempt and send it to the bank, when it is time for one; after the last rejected one, fail
        the payout. The attempt is in the table, PENDING, before the bank is called.

        Raises Halted, DataKeysUnavailable: there is no attempt yet; BankUnavailable: the attempt stays and is asked for
        by its reference.
        """
        payout = store.payout(self.table, order_id)
        latest = store.latest(self.table, payout)
        stage, _ = next_stage(payout, latest, self.now(), self.back_off)
        if stage is not Stage.SEND:
            return self.read(order_id)
        if latest is not None and is_exhausted(payout):
            return self._fail(payout, latest)
        if payout.amount == ZERO:
            return self._nothing_to_pay(payout)
        return self._begin(payout)

    def _begin(self, payout: Payout) -> Standing:
        """Write the next attempt, then send it; or leave it to a person, or to two, where it may not be sent. The
        account is opened before anything is written. Raises Halted, DataKeysUnavailable."""
        flow_halts.must_run(self.table, Flow.PAYOUTS)
        account = self._account(payout)
        if account is None:
            return self.read(payout.order_id)
        if not payout.may_be_sent(account, self.payout_max):
            return self._ask_approval(payout)
        person = self.persons.of(payout.owner.username)
        account_id = self._opened(payout, person, account)
        if account_id is None:
            return self.read(payout.order_id)
        attempt = Attempt(
            order_id=payout.order_id,
            number=payout.attempts + 1,
            amount=payout.amount,
            username=payout.owner.username,
            account=account,
            status=AttemptStatus.PENDING,
            created_at=self.now(),
        )
        reason = f"attempt {attempt.number} to pay ${attempt.amount}, reference {attempt.reference_id}"
        begun = store.event(payout, payout.kind.paying, reason, MACHINE, attempt.created_at)
        try:
            self.table.write(*store.begin(payout, attempt, self.payout_max), begun)
        except AttemptMoved:
            return self.read(payout.order_id)
        paying = replace(payout, status=payout.kind.paying, attempts=attempt.number)
        return self._send(paying, attempt, person, account_id, alone=True)

    def _nothing_to_pay(self, payout: Payout) -> Standing:
        """A sale may come to less than a cent: it counts as paid, without an attempt."""
        at, why = self.now(), "less than a cent: there is nothing to pay"
        try:
            paid = store.event(payout, payout.kind.paid, why, MACHINE, at)
            self.table.write(*store.close(payout, payout.kind.paid, at, why), paid)
        except PayoutUnsettled:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.read(payout.order_id)

    def wait(self, order_id: str, token: str) -> None:
        """Keep the machine's token with the pending attempt, so that whoever decides it sends it back; where nothing
        is pending any more, send it back at once. Raises MachinesUnavailable."""
        payout = store.payout(self.table, order_id)
        attempt = store.latest(self.table, payout)
        if attempt is not None and attempt.status is AttemptStatus.PENDING:
            try:
                self.table.write(store.store_token(attempt, token, self.now()))
                return
            except AttemptMoved:
                log.info("decided meanwhile", extra={"order_id": order_id})
                attempt = store.latest(self.table, payout)
        self.send_back(token, attempt)

    def send_back(self, token: str, attempt: Attempt | None) -> None:
        """End the wait of the machine that has given this token, whose attempt is decided. Raises
        MachinesUnavailable."""
        if attempt is not None and attempt.status is AttemptStatus.COMPLETED:
            self.machines.succeed(token, {"id": attempt.order_id, "stage": Stage.PAID, **paid_facts(attempt)})
        else:
            cause = "there is no attempt" if attempt is None else f"attempt {attempt.number} is {attempt.status}"
            why = "" if attempt is None or attempt.failure_code is None else f": {attempt.failure_code}"
            self.machines.fail(token, ElsewhereNow.__name__, f"{cause}{why}")

    def check(self, order_id: str) -> Standing:
        """Ask the bank what became of the pending attempt, and send it again, under the same reference, if the bank
        does not know it. Raises BankUnavailable; PayoutUnclear: the bank may still book what it was sent; Halted: it is
        not sent again now; DataKeysUnavailable."""
        payout = store.payout(self.table, order_id)
        attempt = store.latest(self.table, payout)
        if attempt is None or attempt.status is not AttemptStatus.PENDING:
            return self.read(order_id)
        asked_at, person = self.now(), self.persons.of(payout.owner.username)
        try:
            return self._judge(payout, attempt, person, self.bank().find(attempt.reference_id))
        except AdjustmentUnknown:
            return self._send_again_or_reject(payout, attempt, person, asked_at)
        except BankUnavailable as silent:
            if not silent.not_believed:
                raise
            return self._doubt(payout, attempt, f"{silent.detail}; asked for {attempt.reference_id}")

    def _send_again_or_reject(self, payout: Payout, attempt: Attempt, person: Person, asked_at: datetime) -> Standing:
        """The bank, asked at `asked_at`, does not know the pending attempt. Where an operator says that it has paid it,
        a person has to look. One that an operator has abandoned is
        rejected, once nothing of it can be booked any more; another one is sent again, unless a person has to look."""
        if payout.said_paid is not None:
            return self._stop(payout, f"the bank does not know the attempt, and {_said(payout)}: confirm or dismiss it")
        if attempt.abandoned_at is not None:
            if not attempt.is_sent_by_nobody(self.now()):
                raise PayoutUnclear("the attempt was abandoned just now and may still be on its way to the bank")
            self._must_be_unbooked(attempt, asked_at)
            return self._decide(payout, attempt, None, "abandoned by an operator; it never reached the bank")
        if payout.disputed:
            return self._stop(payout, "its payout is disputed, and an attempt may still be on its way to the bank")
        if attempt.repeat_refused_at is not None:
            self._must_be_unbooked(attempt, asked_at)
        account = self._account(payout)
        if account is None:
            return self.read(payout.order_id)
        if account != attempt.account:
            return self._stop(payout, "the customer's account has changed since the attempt was begun")
        account_id = self._opened(payout, person, attempt.account)
        if account_id is None:
            return self.read(payout.order_id)
        return self._send_again(payout, attempt, person, account_id)

    def _must_be_unbooked(self, attempt: Attempt, asked_at: datetime) -> None:
        """Returns if two looks, late enough, say that the bank has booked nothing of the attempt, nor will. Writes down
        the first of them. Raises PayoutUnclear."""
        missed = miss(
            asked_at, sent_at=attempt.sent_at, settled_seconds=NEVER_BOOKED_SECONDS, missed_at=attempt.missed_at
        )
        if missed is Miss.FIRST:
            try:
                self.table.write(store.missed(attempt, asked_at))
            except AttemptMoved:
                log.info("moved meanwhile", extra={"order_id": attempt.order_id})
        if missed is not Miss.SECOND:
            raise PayoutUnclear("the bank does not know the attempt, and may still book what it was sent")

    def _send_again(self, payout: Payout, attempt: Attempt, person: Person, account_id: str) -> Standing:
        """Send the attempt once more, under the same reference. What was sent before may still be booked, unless the
        bank has refused a repeat before: then two late looks have come first. Raises Halted."""
        flow_halts.must_run(self.table, Flow.PAYOUTS)
        repeat = replace(attempt, repeats=attempt.repeats + 1, repeated_at=self.now())
        try:
            self.table.write(store.repeat(attempt, repeat.sent_at), store.not_said_paid(payout))
        except AttemptMoved:
            return self.read(payout.order_id)
        return self._send(payout, repeat, person, account_id, alone=attempt.repeat_refused_at is not None)

    def _stop(self, payout: Payout, why: str, *, for_approval: bool = False) -> Standing:
        """Leave it to a person."""
        try:
            self.table.write(store.stop(payout, self.now(), why, for_approval=for_approval))
        except AttemptMoved:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.read(payout.order_id)

    def _ask_approval(self, payout: Payout) -> Standing:
        """Leave it to two persons; again, when its amount or account is not what they have approved."""
        again = "" if payout.approval is None else " and not as it was approved"
        why = f"its payout of ${payout.amount} is over ${self.payout_max}{again}: two approve it, `work approve-payout`"
        count("PayoutsToApprove")
        return self._stop(payout, why, for_approval=True)

    def _account(self, payout: Payout) -> Sealed | None:
        """The account to pay to. None, and the order waits for a person, when a client may not be used, or its account
        is forgotten."""
        try:
            if payout.crypto_client_id is not None:
                clients.usable(self.table, ClientKind.CRYPTO, payout.crypto_client_id, payout.owner)
            return clients.usable(self.table, ClientKind.BANKING, payout.banking_client_id, payout.owner).account
        except (clients.ClientNotFound, clients.ClientBlocked, AccountForgotten) as refusal:
            log.warning("no payout", extra={"order_id": payout.order_id, "why": refusal.detail})
            self._stop(payout, refusal.detail)
            return None

    def _opened(self, payout: Payout, person: Person, account: Sealed) -> str | None:
        """What the bank calls the account. None, and the order waits for a person, where it does not open. Raises
        DataKeysUnavailable."""
        try:
            return person.opened(account)
        except AccountForgotten as forgotten:
            self._stop(payout, forgotten.detail)
        except Tampered as tampered:
            log.error("an account does not open", extra={"order_id": payout.order_id, "why": str(tampered)})
            self._stop(payout, "the account to pay to does not open: somebody has changed what was sealed, or its key")
        return None

    def _send(self, payout: Payout, attempt: Attempt, person: Person, account_id: str, *, alone: bool) -> Standing:
        """Send an attempt to the bank. `alone`: nothing that was sent of it before can be booked any more. Only then
        does the bank's refusal reject the attempt; otherwise it may refuse it because it is just booking the one
        before.

        Raises BankUnavailable; PayoutUnclear: refused, and not `alone`.
        """
        description = f"{payout.kind.name} {payout.order_id}"
        try:
            told = self.bank().credit(attempt.reference_id, account_id, attempt.amount, description)
        except BankRefused as no:
            if alone:
                return self._decide(payout, attempt, None, no.detail, ours=no.ours)
            self._refuse_repeat(payout, attempt, no.detail)
            raise PayoutUnclear("the bank refuses to have the attempt again: it may be booking the one before") from no
        return self._judge(payout, attempt, person, told)

    def _refuse_repeat(self, payout: Payout, attempt: Attempt, why: str) -> None:
        """Write down, once, that the bank has refused to have an attempt again."""
        at, said = self.now(), f"attempt {attempt.number} may be booked; sent again, it was refused: {why}"
        try:
            told = store.event(payout, payout.status, said, BANK, at)
            self.table.write(store.refuse_repeat(attempt, at), told)
        except AttemptMoved:
            log.info("decided meanwhile, or known", extra={"order_id": payout.order_id})

    def _judge(self, payout: Payout, attempt: Attempt, person: Person, told: Adjustment) -> Standing:
        """Decide a pending attempt by what the bank tells of it: not as long as it is PENDING there, nor by what does
        not fit the attempt. Raises DataKeysUnavailable."""
        doubt = misfit(attempt, told, sealed(person, told))
        if doubt is not None:
            warn_of_misfit(attempt.reference_id, doubt)
            return self._doubt(payout, attempt, doubt)
        if told.state is State.PENDING:
            return Standing(Stage.AWAIT, facts=facts(payout, attempt))
        return self._decide(payout, attempt, told, told.failure_code or "the bank says FAILED")

    def _doubt(self, payout: Payout, attempt: Attempt, why: str) -> Standing:
        """The bank tells what does not fit the attempt. Nothing is decided by that: a person has to ask the bank. What
        fits, told later, still decides."""
        if not payout.needs_person:
            try:
                self.table.write(*store.doubt(payout, attempt, self.now(), why))
            except AttemptMoved:
                log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.read(payout.order_id)

    def _decide(
        self, payout: Payout, attempt: Attempt, told: Adjustment | None, why: str, *, ours: bool = False
    ) -> Standing:
        """The attempt is paid if the bank tells of a completed adjustment; otherwise rejected, for `why`."""
        try:
            if told is not None and told.state is State.COMPLETED:
                self.table.write(*outcomes.paid(payout, attempt, told, self.now()))
            else:
                self.table.write(*self.rejected(payout, attempt, told, why, ours=ours))
        except AttemptMoved:
            log.info("decided meanwhile", extra={"order_id": payout.order_id})
        except AdjustmentTaken as taken:
            warn_of_misfit(attempt.reference_id, taken.detail)
            return self._doubt(payout, attempt, taken.detail)
        return self.read(payout.order_id)

    def rejected(
        self, payout: Payout, attempt: Attempt, told: Adjustment | None, why: str, *, ours: bool = False
    ) -> list[Write]:
        """As `outcomes.rejected`, with the back-off of these payouts."""
        at = self.now()
        next_at = None if ours else at + back_off(attempt.number - payout.uncounted, self.back_off)
        return outcomes.rejected(payout, attempt, told, why, at, next_at)

    def _fail(self, payout: Payout, latest: Attempt) -> Standing:
        """There is to be no further attempt: the payout has failed, and a person decides where its dollars go."""
        why = f"{latest.number} payout attempts were rejected, the last one: {latest.failure_code}"
        at = self.now()
        try:
            self.table.write(*store.fail(payout, at, why), store.event(payout, payout.kind.failed, why, MACHINE, at))
            count("PayoutsFailed")
            log.error("payout failed", extra={"order_id": payout.order_id, "why": why})
        except AttemptMoved:
            log.info("moved meanwhile", extra={"order_id": payout.order_id})
        return self.read(payout.order_id)


def sealed(person: Person, told: Adjustment) -> Sealed | None:
    """The account that the bank tells of; None where its person is forgotten, or his key does not open. Raises
    DataKeysUnavailable."""
    try:
        return person.sealed_if_known(told.account_id)
    except Tampered:
        return None


def misfit(attempt: Attempt, told: Adjustment, account: Sealed | None) -> str | None:
    """In what the adjustment, which is of this account, is not what was sent; None if it fits. It is shown to many, so
    it names no account. One that is forgotten nobody can compare: of what is decided the rest is looked at."""
    wrong = []
    if told.reference_id != attempt.reference_id:
        wrong.append(f"reference {told.reference_id}")
    is_same = are_same(account, attempt.account)
    if is_same is None and attempt.status is AttemptStatus.PENDING:
        wrong.append("an account that nobody can compare any more")
    if is_same is False:
        wrong.append("another account")
    if told.amount != attempt.amount:
        wrong.append(f"${told.amount} instead of ${attempt.amount}")
    if not wrong:
        return None
    return f"the bank tells of {', '.join(wrong)} for {attempt.reference_id}, adjustment {told.adjustment_id}"


def _said(payout: Payout) -> str:
    return f"{payout.said_paid} says that it was paid"


def warn_of_misfit(reference_id: str, why: str) -> None:
    count("BankMismatch")
    log.error("what the bank tells does not fit", extra={"reference_id": reference_id, "why": why})
