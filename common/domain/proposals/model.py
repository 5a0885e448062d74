"""What an operator proposes: its id, what it says, and who may confirm it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from common import keys
from common.clock import text
from common.errors import Conflict, NotFound, Refusal
from common.idempotency import derived_id
from common.sealed import shortened

LASTS = timedelta(days=7)  # what nobody has confirmed by then is looked up once more

Terms = Mapping[str, str]  # what is said to have happened: by the names that they have in the request, values as text


class ProposalNotFound(NotFound):
    """Nobody has proposed anything under this id."""


class ProposalDecided(Conflict):
    """The proposal is confirmed or dismissed already."""


class OwnProposal(Conflict):
    """The operator who proposed it can not confirm it: another operator does."""


class BeneficiaryDecides(Conflict):
    """Whoever gains by what is proposed has no part in it: two other operators propose and confirm it."""


class ProposalEnded(Conflict):
    """It has waited for too long, or whoever proposed it was signed out since: it is proposed anew, or dismissed."""


class Status(StrEnum):
    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    DISMISSED = "DISMISSED"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.PROPOSED: {Status.CONFIRMED, Status.DISMISSED},
    Status.CONFIRMED: {Status.PROPOSED},
    Status.DISMISSED: {Status.PROPOSED},
}
OPERATORS_ONLY = {(before, after) for before, moves in TRANSITIONS.items() for after in moves}


@dataclass(frozen=True)
class Proposal:
    """An act that a second operator may confirm: `command`, as the command line has it, upon `subject`, the id of an
    order, a batch or a user. `reference` is where others can look up what the `terms` say: a statement's number, the
    exchange's order id, a letter; None for an act that needs none. `beneficiaries` are the usernames of the customers
    whose money it is about."""

    id: str
    command: str
    subject: str
    terms: Terms
    reference: str | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    beneficiaries: frozenset[str] = frozenset()
    status: Status = Status.PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.command} {self.subject}: {self.told}"

    @property
    def told(self) -> str:
        """What is said to have happened, and by which reference."""
        told = [f"{name} {shortened(value)}" for name, value in self.terms.items()]
        return ", ".join(told + ([] if self.reference is None else [f"reference {self.reference}"]))

    @property
    def operators(self) -> str:
        """Who has proposed it, and who has decided it."""
        return f"{self.proposed_by} and {self.decided_by}"

    def why_not_proposed(self, his: Set[str]) -> Refusal | None:
        """Why its operator, who is these customers, can not propose it; None if he can."""
        return self.why_no_part(self.proposed_by, his)

    def decided(self, status: Status, operator: str, at: datetime) -> Proposal:
        """As it is once this operator's decision is written."""
        return replace(self, status=status, decided_by=operator, decided_at=at)

    @property
    def ends_at(self) -> datetime:
        """From then on it can not be confirmed any more."""
        return self.proposed_at + LASTS

    def signed_out(self) -> Refusal:
        """The refusal where whoever has proposed it was signed out, or disabled, since."""
        why = f"{self.proposed_by} was signed out since he proposed it: dismiss it, and propose it anew if it is so"
        return ProposalEnded(why, id=self.id)

    def why_not_confirmed(self, by: str, at: datetime, his: Set[str]) -> Refusal | None:
        """Why this operator, who is these customers, can not confirm it now; None if he can."""
        if self.status is not Status.PROPOSED:
            return too_late(self)
        if at >= self.ends_at:
            return ProposalEnded(f"it ended at {text(self.ends_at)}: look it up again, and propose it anew", id=self.id)
        if self.proposed_by == by:
            return OwnProposal(f"{by} has proposed it: another operator confirms it", id=self.id)
        return self.why_no_part(by, his)

    def why_no_part(self, by: str, his: Set[str]) -> Refusal | None:
        """Why this operator, who is these customers, can neither propose nor confirm it; None if it is not about his
        money."""
        own = sorted(self.beneficiaries & his)
        if not own:
            return None
        named = by if by in own else f"{', '.join(own)}, and so of {by}"
        return BeneficiaryDecides(
            f"it is about money of {named}, who has no part in it: one operator proposes it, another one confirms it, "
            f"and neither is its customer. If {own[0]} is another person than {by}, two others find it: `users apart`",
            id=self.id,
        )


def proposal_id_of(command: str, subject: str, terms: Terms, reference: str | None) -> str:
    told = (f"{name}={value}" for name, value in sorted(terms.items()))
    return derived_id(keys.PROPOSAL, command, subject, *told, f"reference={reference or ''}")


def too_late(proposal: Proposal) -> Refusal:
    """The refusal of a decision that comes after another one."""
    if proposal.status is Status.PROPOSED:
        return ProposalDecided("it was decided and proposed anew meanwhile: look at it again", id=proposal.id)
    return ProposalDecided(f"it was {proposal.status.lower()} by {proposal.decided_by} already", id=proposal.id)
