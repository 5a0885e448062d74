"""What two operators decide about a payout: what the bank has paid of it, that it may be sent, that its customer has
the dollars by another way."""

from __future__ import annotations

from collections.abc import Mapping

from common.domain.payouts import evidence, store
from common.domain.payouts.model import KINDS as PAYOUTS
from common.domain.payouts.model import Attempt, Evidence, Payout, warning
from common.domain.proposals.model import Proposal, Terms
from common.money import ZERO, Money
from common.sealed import Sealed
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.service.subjects import Kind, Subject

PUBLIC_REASON = "public_reason"  # among the terms only where there is one
OTHERWISE = tuple(f"{kind.command} {kind.mark_paid}" for kind in PAYOUTS)


class PayoutDecision:
    """What the bank has paid of a payout's pending attempt."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        _, attempt = self._of(subject)
        return {"attempt": str(attempt.number), **given}

    def says(self, subject: Subject, terms: Terms) -> str:
        payout, attempt = self._of(subject)
        held, paid, number = payout.amount, Money(terms["paid"]), terms["attempt"]
        if str(attempt.number) != number:
            raise NotProposable(f"it was about attempt {number}, and now attempt {attempt.number} is", id=subject.id)
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
        said = Evidence(Money(confirmed.terms["paid"]), confirmed.reference, confirmed.operators)
        return evidence.decided(payout, attempt, said, confirmed.decided_at)

    @staticmethod
    def _of(subject: Subject) -> tuple[Payout, Attempt]:
        assert subject.case.payout is not None
        assert subject.case.latest is not None
        return subject.case.payout, subject.case.latest


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
        return evidence.paid_otherwise(self._of(subject), confirmed.reference, told, operators, confirmed.decided_at)

    @staticmethod
    def _of(subject: Subject) -> Payout:
        assert subject.case.payout is not None
        return subject.case.payout


KINDS: Mapping[str, Kind] = {  # by the command
    "work approve-payout": PayoutApproval(),
    "work decide-payout": PayoutDecision(),
    **dict.fromkeys(OTHERWISE, PaidOtherwise()),
}
