"""What takes two operators: one proposes it, saying what has happened and by which reference that can be looked up, and
another one confirms it.

    PROPOSED ─┬─▶ CONFIRMED     by another operator, in the transaction that does what was proposed
              └─▶ DISMISSED     by any operator

A proposal's id is derived from all that is proposed: whoever confirms an id confirms what he was shown. What was
dismissed, or confirmed and came to nothing, may be proposed again under the same id. Until it is decided a proposal
waits for a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.domain import work
from common.errors import Conflict, NotFound, Refusal
from common.idempotency import derived_id
from common.table.items import InstantAttribute, RawItem
from common.table.table import Table
from common.table.transaction import Write

Terms = Mapping[str, str]  # what is said to have happened: texts, by the names that they have on the wire


class ProposalNotFound(NotFound):
    """Nobody has proposed anything under this id."""


class ProposalDecided(Conflict):
    """The proposal is confirmed or dismissed already."""


class OwnProposal(Conflict):
    """The operator who proposed it can not confirm it: another operator does."""


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
    """An act (`command`, as the command line has it) upon `subject`, which a second operator may confirm. `reference`
    is where others can look up what the `terms` say: a statement's number, the exchange's order id, a letter."""

    id: str
    command: str
    subject: str
    terms: Terms
    reference: str | None
    reason: str
    proposed_by: str
    proposed_at: datetime
    status: Status = Status.PROPOSED
    decided_by: str | None = None
    decided_at: datetime | None = None

    def __str__(self) -> str:
        return f"{self.command} {self.subject}: {self.told}"

    @property
    def told(self) -> str:
        """What is said to have happened, and by which reference."""
        told = [f"{name} {value}" for name, value in self.terms.items()]
        return ", ".join(told + ([] if self.reference is None else [f"reference {self.reference}"]))

    @property
    def operators(self) -> str:
        """Who has proposed it, and who has decided it."""
        return f"{self.proposed_by} and {self.decided_by}"

    def why_not_confirmed(self, by: str) -> Refusal | None:
        """Why this operator can not confirm it; None if he can."""
        if self.status is not Status.PROPOSED:
            return decided(self)
        if self.proposed_by == by:
            return OwnProposal(f"{by} has proposed it: another operator confirms it", id=self.id)
        return None


class ProposalItem(work.OpenWork, discriminator=keys.PROPOSAL.entity):
    command = UnicodeAttribute()
    subject = UnicodeAttribute()
    terms = JSONAttribute()
    reference = UnicodeAttribute(null=True)
    reason = UnicodeAttribute()
    proposed_by = UnicodeAttribute()
    status = UnicodeAttribute()
    decided_by = UnicodeAttribute(null=True)
    decided_at = InstantAttribute(null=True)


_OPEN: Condition = ProposalItem.status == Status.PROPOSED


class AlreadyProposed(Refusal):
    """The same is proposed already, and not decided. Carries that proposal."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__("the same is proposed already")
        self.proposal = proposal


def proposal_id(command: str, subject: str, terms: Terms, reference: str | None) -> str:
    told = (f"{name}={value}" for name, value in sorted(terms.items()))
    return derived_id(keys.PROPOSAL, command, subject, *told, f"reference={reference or ''}")


def find(table: Table, proposal_id: str) -> Proposal | None:
    item = table.get(ProposalItem, keys.PROPOSAL(proposal_id=proposal_id), consistent=True)
    return None if item is None else _proposal(item)


def existing(table: Table, proposal_id: str) -> Proposal:
    """Raises ProposalNotFound."""
    proposal = find(table, proposal_id)
    if proposal is None:
        raise ProposalNotFound("nobody has proposed this", id=proposal_id)
    return proposal


def propose(proposal: Proposal) -> Write:
    """Refused with AlreadyProposed while the same waits to be decided."""
    item = ProposalItem(
        *keys.PROPOSAL(proposal_id=proposal.id),
        command=proposal.command,
        subject=proposal.subject,
        terms=dict(proposal.terms),
        reference=proposal.reference,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        status=proposal.status,
        created_at=proposal.proposed_at,
        updated_at=proposal.proposed_at,
    )
    work.wait_for_person(item, keys.PROPOSAL, waits_for=f"another operator than {proposal.proposed_by}: {proposal}")
    free = ProposalItem.PK.does_not_exist() | (ProposalItem.status != Status.PROPOSED)
    return Write.put(item, when=free, otherwise=_as_it_is(AlreadyProposed))


def confirm(confirmed: Proposal) -> Write:
    """Refused with ProposalDecided; with OwnProposal for the operator who proposed it."""
    assert confirmed.decided_by is not None
    by = confirmed.decided_by

    def why(now: Proposal) -> Refusal:
        return now.why_not_confirmed(by) or decided(now)

    return _decide(confirmed, _OPEN & (ProposalItem.proposed_by != by), why)


def dismiss(dismissed: Proposal) -> Write:
    """Refused with ProposalDecided."""
    return _decide(dismissed, _OPEN, decided)


def _decide(after: Proposal, rule: Condition, refusal: Callable[[Proposal], Refusal]) -> Write:
    assert after.decided_by is not None
    assert after.decided_at is not None
    item = ProposalItem
    return Write.update(
        item(*keys.PROPOSAL(proposal_id=after.id)),
        item.status.set(after.status),
        item.decided_by.set(after.decided_by),
        item.decided_at.set(after.decided_at),
        item.updated_at.set(after.decided_at),
        *work.done(),
        when=rule,
        otherwise=_as_it_is(refusal),
    )


def decided(proposal: Proposal) -> Refusal:
    """The refusal of one that is decided already."""
    return ProposalDecided(f"it was {proposal.status.lower()} by {proposal.decided_by} already", id=proposal.id)


def _as_it_is(refusal: Callable[[Proposal], Refusal]) -> Callable[[RawItem | None], Refusal]:
    """The refusal that a proposal, as it is in the table, stands for."""

    def of(old: RawItem | None) -> Refusal:
        if old is None:
            return ProposalNotFound("nobody has proposed this")
        return refusal(_proposal(ProposalItem.from_raw_data(old)))

    return of


def _proposal(item: ProposalItem) -> Proposal:
    return Proposal(
        id=item.PK,
        command=item.command,
        subject=item.subject,
        terms=item.terms,
        reference=item.reference,
        reason=item.reason,
        proposed_by=item.proposed_by,
        proposed_at=item.created_at,
        status=Status(item.status),
        decided_by=item.decided_by,
        decided_at=item.decided_at,
    )
