"""The kinds of proposals: what each would do, and what is written when a second operator confirms it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from common.domain.acts import Case
from common.domain.payouts import evidence as payout_evidence
from common.domain.payouts.model import Attempt, Evidence, Payout
from common.domain.proposals import Proposal, Terms
from common.money import ZERO, Money
from common.table.transaction import Write
from functions.operations.model import NotProposable
from functions.operations.store import KnownItem


@dataclass(frozen=True)
class Subject:
    """What a proposal is about, as it was read; the act is possible for it."""

    item: KnownItem
    case: Case

    @property
    def id(self) -> str:
        return self.item.PK


class Kind(Protocol):
    def terms(self, subject: Subject, given: Terms) -> Terms:
        """What an operator has given, and what of the subject it is about: if that is another one when the proposal is
        confirmed, nothing is done."""
        ...

    def says(self, subject: Subject, terms: Terms) -> str:
        """What would be done. Raises NotProposable: it is not possible any more, or not with these terms."""
        ...

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        """Each under the condition that the subject is as it was read; one of them is an event of its life."""
        ...


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
            if not attempt.is_sent_by_nobody(subject.case.now):
                raise NotProposable(
                    f"attempt {number} may still be on its way to the bank: `{payout.kind.command} abandon-attempt` "
                    "first, and this two minutes later",
                    id=subject.id,
                )
            return f"attempt {number} is rejected, as never paid; where the held ${held} go is decided then"
        told = f"is {payout.kind.paid}: the bank has paid ${paid} of attempt {number}"
        if paid < held:
            return f"{told}, and ${held - paid} are free on the customer's balance"
        return told if paid == held else f"{told}, ${paid - held} beyond it at the desk's own cost"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        payout, attempt = self._of(subject)
        assert confirmed.reference is not None
        assert confirmed.decided_at is not None
        evidence = Evidence(Money(confirmed.terms["paid"]), confirmed.reference, confirmed.operators)
        return payout_evidence.decided(payout, attempt, evidence, confirmed.decided_at)

    @staticmethod
    def _of(subject: Subject) -> tuple[Payout, Attempt]:
        assert subject.case.payout is not None
        assert subject.case.latest is not None
        return subject.case.payout, subject.case.latest


KINDS: Mapping[str, Kind] = {  # by the command
    "work decide-payout": PayoutDecision(),
}
