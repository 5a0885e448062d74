"""What two operators decide about a payout: what the bank has paid of it, that it may be sent, that its customer has
the dollars by another way, and that nothing is to be done about an event by which the bank says that it has paid it."""

from __future__ import annotations

from collections.abc import Mapping

from common.domain import adjustments
from common.domain.payouts import evidence, store
from common.domain.payouts.model import KINDS as PAYOUTS
from common.domain.payouts.model import Attempt, AttemptStatus, EventOutcome, Evidence, Payout, warning
from common.domain.payouts.store import BankEventItem
from common.domain.proposals.model import Proposal, Terms
from common.money import ZERO, Money
from common.sealed import Sealed
from common.table.table import Table
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject

DISMISS = "parked dismiss"
PUBLIC_REASON = "public_reason"  # among the terms only where there is one
OTHERWISE = tuple(f"{kind.command} {kind.mark_paid}" for kind in PAYOUTS)


class PayoutDecision:
    """What the bank has paid of a payout's attempt: of the pending one, or of a rejected one of which the bank says
    that it has paid it. Of that it is about what the bank has told until then: a contradiction more is looked at
    again."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        payout, attempt = self._of(subject)
        pending = attempt.status is AttemptStatus.PENDING
        told = {} if pending else {"contradictions": str(payout.contradictions)}
        return {"attempt": str(attempt.number), **told, **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        payout, attempt = self._of(subject)
        held, paid, number = payout.amount, Money(terms["paid"]), terms["attempt"]
        now = self.terms(subject, {})
        if now["attempt"] != number:
            raise NotProposable(f"it was about attempt {number}, and now attempt {attempt.number} is", id=subject.id)
        if now.get("contradictions") != terms.get("contradictions"):
            raise NotProposable(
                f"the bank has told something else of attempt {number} since: look at it", id=subject.id
            )
        if paid == ZERO and attempt.status is not AttemptStatus.PENDING:
            where = f"where the held ${held} go is decided then"
            also = payout.disputed_attempts[:-1]
            if also:
                where = f"it stays disputed, about attempt {also[-1]}"
            return f"counts as not paid by attempt {number}, whatever the bank has told of that; {where}"
        if paid == ZERO:
            since = attempt.booked_by_nobody_at
            if since is None or subject.case.now < since:
                abandon = f"`{payout.kind.command} abandon-attempt` first"
                first = abandon if since is None else f"wait until {since:%H:%M:%S} UTC"
                raise NotProposable(f"attempt {number} may still be on its way, or be booked: {first}", id=subject.id)
            return f"has attempt {number} rejected, as never paid; where the held ${held} go is decided then"
        told = f"is {payout.kind.paid}: the bank has paid ${paid} of attempt {number}"
        if paid < held:
            return f"{told}, and ${held - paid} are free on the customer's balance"
        return told if paid == held else f"{told}, ${paid - held} beyond it at the desk's own cost"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        payout, attempt = self._of(subject)
        assert confirmed.reference is not None
        assert confirmed.decided_at is not None
        if self._stops(attempt, confirmed):
            must_be_the_only(payout, confirmed)
        said = Evidence(Money(confirmed.terms["paid"]), confirmed.reference, confirmed.operators)
        return evidence.decided(payout, attempt, said, confirmed.decided_at)

    def stopped(self, table: Table, subject: Subject, proposal: Proposal) -> list[Write]:
        """While one says that the bank has paid the pending attempt, none follows it. A payout that is disputed is
        stopped already."""
        payout, attempt = self._of(subject)
        if not self._stops(attempt, proposal):
            return []
        must_be_the_only(payout, proposal)
        assert proposal.reference is not None
        taken = adjustments.taken(table, proposal.reference, attempt.reference_id)
        if taken is not None:  # nobody could confirm it
            raise NotProposable(taken.detail, id=subject.id)
        return store.say_pending_paid(payout, attempt, proposal.id, proposal.proposed_at)

    def freed(self, table: Table, dismissed: Proposal) -> list[Write]:
        return _freed(table, dismissed)

    @staticmethod
    def _stops(attempt: Attempt, proposal: Proposal) -> bool:
        return attempt.status is AttemptStatus.PENDING and Money(proposal.terms["paid"]) > ZERO

    @staticmethod
    def _of(subject: Subject) -> tuple[Payout, Attempt]:
        payout, latest, disputed = subject.case.payout, subject.case.latest, subject.case.disputed
        assert payout is not None
        if latest is not None and latest.status is AttemptStatus.PENDING:
            return payout, latest
        assert disputed is not None
        return payout, disputed


class PayoutApproval:
    """That a payout over the limit may be sent, of just the amount that it has and to just the account where it would
    go."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        return {"amount": str(self._of(subject).amount), "account": self._account(subject), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        payout, account = self._of(subject), self._account(subject)
        if str(payout.amount) != terms["amount"]:
            raise NotProposable(f"it was about ${terms['amount']}, and now it is ${payout.amount}", id=subject.id)
        if account != terms.get("account"):  # one of old names none
            raise NotProposable(
                "it was about another account than the one that would be paid now: propose it",  # it is logged
                id=subject.id,
                proposed_account_id=subject.shown(terms.get("account", "any account")),
                account_id=subject.shown(account),
            )
        subject.must_know(account)
        whose = f"of the client {payout.banking_client_id} of {payout.owner.username}"
        return f"may be paid: ${payout.amount} to the account {subject.shown(account)} {whose}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        account, operators = Sealed(confirmed.terms["account"]), confirmed.operators
        return store.approve(self._of(subject), account, confirmed.decided_at, operators)

    @staticmethod
    def _account(subject: Subject) -> Sealed:
        """Raises NotProposable."""
        if subject.case.pays_to is None:
            raise NotProposable("its customer has no client that it could be paid to", id=subject.id)
        return subject.case.pays_to

    @staticmethod
    def _of(subject: Subject) -> Payout:
        assert subject.case.payout is not None
        return subject.case.payout


class PaidOtherwise:
    """That a customer has the dollars of a payout by another way. It is about the payout as both were shown it: an
    attempt that was begun since, or an event of the bank that contradicts it, might be a second payment."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        payout = self._of(subject)
        disputed = "yes" if payout.disputed else "no"
        return {**given, "amount": str(payout.amount), "attempts": str(payout.attempts), "disputed": disputed}

    def says(self, subject: Subject, terms: Terms) -> str:
        for name, now in self.terms(subject, {}).items():
            if now != terms[name]:
                raise NotProposable(f"{name} was {terms[name]}, and now it is {now}", id=subject.id)
        payout = self._of(subject)
        return f"is {payout.kind.paid}; the held ${payout.amount} count as paid{warning(payout)}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.reference is not None
        assert confirmed.decided_at is not None
        told, operators = confirmed.terms.get(PUBLIC_REASON), confirmed.operators
        must_be_the_only(self._of(subject), confirmed)
        return evidence.paid_otherwise(self._of(subject), confirmed.reference, told, operators, confirmed.decided_at)

    def stopped(self, table: Table, subject: Subject, proposal: Proposal) -> list[Write]:
        """While it waits to be confirmed, nothing else becomes of the payout: the dollars have left already, if it is
        true. Raises NotProposable: another one says so, of another payment."""
        payout = self._of(subject)
        must_be_the_only(payout, proposal)
        assert proposal.reference is not None
        by, at = proposal.proposed_by, proposal.proposed_at
        return evidence.said_paid(table, payout, proposal.id, proposal.reference, by, at)

    def freed(self, table: Table, dismissed: Proposal) -> list[Write]:
        return _freed(table, dismissed)

    @staticmethod
    def _of(subject: Subject) -> Payout:
        assert subject.case.payout is not None
        return subject.case.payout


def must_be_the_only(payout: Payout, proposal: Proposal) -> None:
    """Raises NotProposable."""
    if payout.said_paid not in (None, proposal.id):
        raise NotProposable(f"{payout.said_paid} says so already: confirm it, or dismiss it first", id=payout.order_id)


def _freed(table: Table, dismissed: Proposal) -> list[Write]:
    """Whoever dismisses what another one has said does not alone decide what becomes of it."""
    payout, by, at = store.payout(table, dismissed.subject), dismissed.decided_by, dismissed.decided_at
    assert dismissed.reference is not None
    assert at is not None
    other = None if by == dismissed.proposed_by else by
    return evidence.said_unpaid(table, payout, dismissed.id, dismissed.reference, other, at)


class EventDismissal:
    """That nothing is to be done about an event by which the bank says that it has paid a payout: it may be all that
    tells of dollars that were paid twice."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        event = self._of(subject)
        told = {"of": event.reference_id, "state": event.state, "amount": event.amount and Money(event.amount)}
        return {**given, **{name: str(value) for name, value in told.items() if value is not None}}

    def says(self, subject: Subject, terms: Terms) -> str:  # noqa: ARG002
        return f"is dismissed, and nothing is done about it: {self._of(subject).why}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        why = f"{confirmed.operators}: {confirmed.reason}"
        return [store.unpark(subject.id, EventOutcome.DISMISSED, why, confirmed.decided_at)]

    @staticmethod
    def _of(subject: Subject) -> BankEventItem:
        assert subject.event is not None
        return subject.event


KINDS: Mapping[str, Kind] = {  # by the command
    DISMISS: EventDismissal(),
    "work approve-payout": PayoutApproval(),
    "work decide-payout": PayoutDecision(),
    **dict.fromkeys(OTHERWISE, PaidOtherwise()),
}
