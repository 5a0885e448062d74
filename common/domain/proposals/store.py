"""Proposals in the table. Every write carries its rule, and the refusal that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Set

from pynamodb.attributes import JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.clock import text
from common.domain import work
from common.domain.proposals.model import LASTS, Proposal, ProposalNotFound, Status, too_late
from common.errors import Refusal
from common.table.items import InstantAttribute, RawItem
from common.table.table import Table
from common.table.transaction import Write


class ProposalItem(work.OpenWork, discriminator=keys.PROPOSAL.entity):
    command = UnicodeAttribute()
    subject = UnicodeAttribute()
    terms = JSONAttribute()
    reference = UnicodeAttribute(null=True)
    reason = UnicodeAttribute()
    proposed_by = UnicodeAttribute()
    beneficiaries = UnicodeAttribute(
        null=True
    )  # their usernames, each after a space; none where nobody's money is moved
    status = UnicodeAttribute()
    decided_by = UnicodeAttribute(null=True)
    decided_at = InstantAttribute(null=True)


_OPEN: Condition = ProposalItem.status == Status.PROPOSED


class AlreadyProposed(Refusal):
    """The same is proposed already, and not decided. Carries that proposal."""

    def __init__(self, proposal: Proposal) -> None:
        super().__init__("the same is proposed already")
        self.proposal = proposal


def find(table: Table, proposal_id: str) -> Proposal | None:
    item = table.get(ProposalItem, keys.PROPOSAL(proposal_id=proposal_id), consistent=True)
    return None if item is None else _proposal(item)


def existing(table: Table, proposal_id: str) -> Proposal:
    """Raises ProposalNotFound."""
    proposal = find(table, proposal_id)
    if proposal is None:
        raise ProposalNotFound(
            "nobody has proposed this; `desk work list --context proposals` has what waits", id=proposal_id
        )
    return proposal


def propose(proposal: Proposal, *, stops: bool) -> Write:
    """A new proposal, or one that was decided, or has ended, and is proposed again. One that `stops` what it is about
    nobody takes over when it has ended: he would dismiss it as his own. Refused with AlreadyProposed while it waits to
    be decided."""
    item = ProposalItem(
        *keys.PROPOSAL(proposal_id=proposal.id),
        command=proposal.command,
        subject=proposal.subject,
        terms=dict(proposal.terms),
        reference=proposal.reference,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        beneficiaries=_written(proposal.beneficiaries),
        status=proposal.status,
        created_at=proposal.proposed_at,
        updated_at=proposal.proposed_at,
    )
    waits_for = f"another operator than {proposal.proposed_by}: {proposal}; it ends at {text(proposal.ends_at)}"
    work.wait_for_person(item, keys.PROPOSAL, waits_for=waits_for)
    ended: Condition = ProposalItem.created_at <= proposal.proposed_at - LASTS
    if stops:
        ended &= ProposalItem.proposed_by == proposal.proposed_by
    free = ProposalItem.PK.does_not_exist() | (ProposalItem.status != Status.PROPOSED) | ended
    return Write.put(item, when=free, otherwise=_by_its_state(AlreadyProposed))


def confirm(confirmed: Proposal, his: Set[str]) -> Write:
    """The rule of two operators is here, and that who confirms is not whose money it is: that is as it was read. `his`:
    the customers that he is. Refused with
    ProposalNotFound, ProposalDecided, ProposalEnded; OwnProposal, where the same operator has proposed it;
    BeneficiaryDecides."""
    assert confirmed.decided_by is not None
    assert confirmed.decided_at is not None
    by, at = confirmed.decided_by, confirmed.decided_at
    others = _written(confirmed.beneficiaries - his)

    def why(now: Proposal) -> Refusal:
        return now.why_not_confirmed(by, at, his) or too_late(now)

    item = ProposalItem
    read = item.beneficiaries.does_not_exist() if others is None else item.beneficiaries == others
    lasts = item.created_at > at - LASTS
    return _decide(confirmed, _OPEN & (item.proposed_by != by) & read & lasts, why)


def dismiss(dismissed: Proposal) -> Write:
    """Any operator may. Refused with ProposalNotFound, ProposalDecided."""
    return _decide(dismissed, _OPEN, too_late)


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
        otherwise=_by_its_state(refusal),
    )


def _written(beneficiaries: frozenset[str]) -> str | None:
    """A username has no spaces."""
    return " ".join(sorted(beneficiaries)) or None


def _by_its_state(refusal: Callable[[Proposal], Refusal]) -> Callable[[RawItem | None], Refusal]:
    """A refusal that depends on how the proposal is in the table when the write's condition fails."""

    def of(old: RawItem | None) -> Refusal:
        if old is None:
            return ProposalNotFound("nobody has proposed this; `desk work list --context proposals` has what waits")
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
        beneficiaries=frozenset((item.beneficiaries or "").split()),
        status=Status(item.status),
        decided_by=item.decided_by,
        decided_at=item.decided_at,
    )
