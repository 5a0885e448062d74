"""What takes two operators: one proposes it, another one confirms it. Each of these acts is audited in the transaction
that does it, and the life of what it is about tells it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from datetime import datetime

from common import keys, sign_outs
from common.domain import acts, adjustments, audit, clients, dealers, limits, own_accounts, timeline, work
from common.domain.acts import Case
from common.domain.adjustments import AdjustmentTaken
from common.domain.audit import AuditEntry, Head
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import AssetMoved, AssetNotFound, NothingToConfirm, SymbolTaken
from common.domain.catalogue.store import Catalogue
from common.domain.clients import ClientKind, ClientMoved
from common.domain.custody.model import IncomingMoved, OutgoingMoved
from common.domain.custody.shortages import ShortageMoved
from common.domain.custody.ties import TieMoved
from common.domain.dealer_refunds import RefundKnown
from common.domain.dealers import DealerMoved
from common.domain.deposits import CreditedAlready
from common.domain.exchange_orders.model import ExchangeOrderMoved
from common.domain.ledger.model import AccountMoved, AccountNotFound
from common.domain.limits import Limited
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import PairMoved, PairTaken
from common.domain.payouts.events import BankEvents
from common.domain.payouts.model import PayoutUnsettled
from common.domain.payouts.store import AttemptMoved, EventDecided
from common.domain.persons import AccountForgotten, Person, PersonMoved
from common.domain.proposals import store as proposals
from common.domain.proposals.model import Proposal, ProposalDecided, Status, Terms, proposal_id_of, too_late
from common.domain.proposals.store import AlreadyProposed
from common.domain.rulings import SaidOtherwise
from common.domain.segments import store as segment_store
from common.domain.segments.model import SegmentMoved, SegmentWrong
from common.domain.timeline import TimelineEvent
from common.domain.trade_cursors import CursorElsewhere
from common.domain.work import Redriven
from common.errors import Refusal
from common.keys import PrimaryKey
from common.money import ZERO, Money
from common.operator_outcome import OperatorOutcome
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.operations import store
from functions.operations.model import NothingToDo, NotProposable
from functions.operations.service import Operations, dealer_kinds, pair_kinds, segment_kinds, why_not_forgotten
from functions.operations.service.catalogue_kinds import COMMANDS, CONFIRM, traded
from functions.operations.service.customer_kinds import APART, CLIENT, CREDIT, FORGET
from functions.operations.service.parts import parts_of
from functions.operations.service.payment_kinds import REFUND
from functions.operations.service.payout_kinds import DISMISS
from functions.operations.service.proposal_kinds import KINDS, MOVE, dollars_of
from functions.operations.service.subjects import Stops, Subject
from functions.operations.service.waking import wake
from functions.operations.store import KnownItem

ONCE = (CREDIT,)  # what was done of these under a reference is done for ever
RULES = (*COMMANDS, pair_kinds.SAVE, segment_kinds.SAVE)
NAMED = ("message", "order", "snapshot")  # terms that name another thing
MOVED = (
    AccountForgotten,
    AccountMoved,
    AccountNotFound,
    AssetMoved,
    AttemptMoved,
    ClientMoved,
    CursorElsewhere,
    DealerMoved,
    EventDecided,
    ExchangeOrderMoved,
    IncomingMoved,
    OutgoingMoved,
    PairMoved,
    PayoutUnsettled,
    PersonMoved,
    Redriven,
    RefundKnown,
    SegmentMoved,
    ShortageMoved,
    TieMoved,
)


@dataclass(frozen=True)
class Proposals:
    operations: Operations
    events: BankEvents
    limit: Money  # of what one operator may propose a day, and of what he may confirm

    def propose(
        self,
        command: str,
        subject_id: str,
        given: Terms,
        reference: str | None,
        reason: str,
        operator: str,
        *,
        dry_run: bool,
        person: Person | None = None,
    ) -> OperatorOutcome:
        """Propose an act (`command`) upon what this id names. What is proposed already is told so. `person`: the
        customer whose it is, where he was asked for already.

        Raises NothingKnown, EventNotFound; NotProposable; EvidenceNotBelieved; BeneficiaryDecides; DailyLimitExceeded;
        Busy; of a rule what its kind refuses: `catalogue_kinds`, `pair_kinds`, `segment_kinds`.
        """
        if reference is not None and not adjustments.spelled(reference):
            raise NotProposable(f"a reference has letters or digits, by which others find it: {reference!r} has none")
        kind, subject, at = KINDS[command], self._subject(command, subject_id, given), self.operations.now()
        if person is not None:
            subject = replace(subject, person=person)
        try:
            terms = kind.terms(subject, given)
            says = f"another operator than {operator} confirms it; then it {kind.says(subject, terms)}"
        except NothingToDo as so_already:
            return OperatorOutcome.repeat(subject_id, subject.case.status, so_already.detail)
        proposal = Proposal(
            id=proposal_id_of(command, subject_id, terms, reference),
            command=command,
            subject=subject_id,
            terms=terms,
            reference=reference,
            reason=reason,
            proposed_by=operator,
            proposed_at=at,
            beneficiaries=self._beneficiaries(subject),
        )
        parts = parts_of(self.operations.table, proposal, proposal.beneficiaries, operator)
        no_part = proposal.why_not_proposed(parts.of[operator])
        if no_part is not None:
            raise no_part
        known = proposals.find(self.operations.table, proposal.id)
        stops = isinstance(kind, Stops)
        waits = known is not None and known.status is Status.PROPOSED
        if known is not None and waits and (at < known.ends_at or (stops and known.proposed_by != operator)):
            return _waits_already(known, at)
        if known is not None and known.status is Status.CONFIRMED and command in ONCE:
            return _repeated(known)
        before = None if known is None else known.status
        counted = _counted(self.operations.table, self.limit, Limited.PROPOSED, proposal, subject, operator, at)
        stopped = kind.stopped(self.operations.table, subject, proposal) if isinstance(kind, Stops) else []
        if not dry_run:
            told = f"proposed as {proposal.id}, {proposal.told}: {reason}"
            event = TimelineEvent(at, before, proposal.status, f"{proposal}: {reason}", operator)
            try:
                self.operations.table.write(
                    proposals.propose(proposal, stops=stops),
                    *parts.as_read,
                    *stopped,
                    timeline.record(proposal.id, event),
                    *_tell(subject_id, subject.item, told, operator, at),
                    *counted,
                    *audit.entry(self.operations.table, AuditEntry(at, operator, command, subject_id, told)),
                )
            except AlreadyProposed as there:
                return _waits_already(there.proposal, at)
            except (AdjustmentTaken, SaidOtherwise) as taken:
                raise NotProposable(taken.detail, id=subject_id) from None
            except (AccountMoved, PayoutUnsettled):
                raise NotProposable("it has moved meanwhile; look at it again", id=subject_id) from None
        return OperatorOutcome(proposal.id, before, proposal.status, done=not dry_run, says=says)

    def confirm(self, proposal_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Do what another operator has proposed. A repeat changes nothing.

        Raises ProposalNotFound; ProposalDecided: it was dismissed; NotProposable: it is not possible any more;
        ProposalEnded; OwnProposal; BeneficiaryDecides; DailyLimitExceeded; Busy.
        """
        proposal = proposals.existing(self.operations.table, proposal_id)
        if proposal.status is Status.CONFIRMED:
            return _repeated(proposal)
        if proposal.status is not Status.PROPOSED:
            raise too_late(proposal)
        seen = audit.head(self.operations.table) if proposal.command in RULES else None
        kind, subject = KINDS[proposal.command], self._subject(proposal.command, proposal.subject, proposal.terms)
        try:
            says = kind.says(subject, proposal.terms)
        except (NothingToDo, PairTaken, SegmentWrong, SymbolTaken) as so_now:
            raise NotProposable(so_now.detail, id=proposal.subject) from None
        # Of who confirms it the write looks at whose money it was when it was proposed.
        by_now = self._beneficiaries(subject)
        since = replace(proposal, beneficiaries=by_now - proposal.beneficiaries)
        ever = replace(proposal, beneficiaries=by_now | proposal.beneficiaries)
        parts = parts_of(self.operations.table, proposal, ever.beneficiaries, proposal.proposed_by, operator)
        refused = since.why_no_part(operator, parts.of[operator])
        refused = refused or ever.why_not_proposed(parts.of[proposal.proposed_by])
        if dry_run and refused is None:
            refused = self._why_not_confirmed(proposal, operator, parts.of[operator])
        if refused is not None:
            raise refused
        counted = _counted(
            self.operations.table, self.limit, Limited.CONFIRMED, proposal, subject, operator, self.operations.now()
        )
        if dry_run:
            return OperatorOutcome(proposal_id, proposal.status, Status.CONFIRMED, done=False, says=says)
        confirmed = proposal.decided(Status.CONFIRMED, operator, self.operations.now())
        try:
            still_in = sign_outs.not_since(proposal.proposed_by, proposal.proposed_at, proposal.signed_out())
            of_two = [proposals.confirm(confirmed, parts.of[operator]), still_in, *parts.as_read]
            writes = [*of_two, *kind.writes(subject, confirmed), *counted]
            self._write(proposal, confirmed, "proposals confirm", reason, writes, seen)
        except ProposalDecided:
            return self._meanwhile(confirmed)
        self._go_on(subject)
        return OperatorOutcome(proposal_id, proposal.status, confirmed.status, done=True, says=says)

    def dismiss(self, proposal_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Nothing is done about a proposal, as any operator may say; but for whose money it is, where it says that this
        has been paid already. A repeat changes nothing.

        Raises ProposalNotFound; ProposalDecided: it was confirmed; BeneficiaryDecides; Busy.
        """
        proposal = proposals.existing(self.operations.table, proposal_id)
        if proposal.status is Status.DISMISSED:
            return _repeated(proposal)
        if proposal.status is not Status.PROPOSED:
            raise too_late(proposal)
        kind = KINDS[proposal.command]
        parts = parts_of(self.operations.table, proposal, proposal.beneficiaries, operator)
        refused = proposal.why_no_part(operator, parts.of[operator])
        if isinstance(kind, Stops) and refused is not None:
            raise refused
        dismissed = proposal.decided(Status.DISMISSED, operator, self.operations.now())
        if not dry_run:
            item = self._item(proposal.command, proposal.subject)
            assert dismissed.decided_at is not None
            told = f"dismissed, what was proposed as {proposal_id}: {reason}"
            writes = [
                proposals.dismiss(dismissed),
                *(kind.freed(self.operations.table, dismissed) if isinstance(kind, Stops) else ()),
                *_tell(proposal.subject, item, told, operator, dismissed.decided_at),
            ]
            try:
                self._write(proposal, dismissed, "proposals dismiss", reason, writes)
            except ProposalDecided:
                return self._meanwhile(dismissed)
        says = f"nothing is done: {proposal}"
        return OperatorOutcome(proposal_id, proposal.status, dismissed.status, done=not dry_run, says=says)

    def _why_not_confirmed(self, proposal: Proposal, operator: str, his: Set[str]) -> Refusal | None:
        """What the write would be refused with now, by its own rules."""
        out = sign_outs.find(self.operations.table, proposal.proposed_by)
        if out is not None and out.at >= proposal.proposed_at:
            return proposal.signed_out()
        return proposal.why_not_confirmed(operator, self.operations.now(), his)

    def _write(
        self,
        before: Proposal,
        after: Proposal,
        command: str,
        reason: str,
        writes: list[Write],
        seen: Head | None = None,
    ) -> None:
        """`writes`, and what is told of them. A rule is held against all the others, new ones among them, which no
        condition of its own write sees: it is decided on what the audit's chain had `seen` before they were read, and
        its link is the next one. Raises Busy."""
        assert after.decided_by is not None
        assert after.decided_at is not None
        by, at = after.decided_by, after.decided_at
        link = audit.next_link(self.operations.table, AuditEntry(at, by, command, after.id, f"{after}: {reason}"))
        if before.command in RULES and after.status is Status.CONFIRMED and link.number != _next(seen):
            raise Busy("another operator has done something at this moment; send it again", retry_after_seconds=1)
        try:
            self.operations.table.write(
                *writes,
                timeline.record(after.id, TimelineEvent(at, before.status, after.status, reason, by)),
                *audit.writes(link),
            )
        except (AdjustmentTaken, CreditedAlready, NothingToConfirm, SaidOtherwise) as taken:
            raise NotProposable(taken.detail, id=after.subject) from None
        except MOVED:
            raise NotProposable("it has moved meanwhile; look at it again", id=after.subject) from None

    def _meanwhile(self, wanted: Proposal) -> OperatorOutcome:
        """Another operator was first: with the same, or with the contrary. Raises ProposalDecided."""
        proposal = proposals.existing(self.operations.table, wanted.id)
        if proposal.status is not wanted.status:
            raise too_late(proposal)
        return _repeated(proposal)

    def _go_on(self, subject: Subject) -> None:
        """Tell the machine that waits for the bank, and see to it that one runs if it has to."""
        if subject.is_rule or subject.event is not None:
            return
        if subject.case.latest is not None:
            self.events.nudge(subject.case.latest.reference_id)
        if subject.case.outgoing is not None:
            wake(self.operations, subject.case.outgoing)
        for each in filter(None, (subject, subject.other)):
            key = PrimaryKey(each.item.PK, each.item.SK)
            work.drive_now(self.operations.table, self.operations.machines, key, self.operations.now())

    def _subject(self, command: str, subject_id: str, terms: Terms) -> Subject:
        """Raises NothingKnown, NotProposable, AssetNotFound."""
        if command in COMMANDS:
            return self._asset(command, subject_id)
        if command == pair_kinds.SAVE:
            return self._pair(subject_id)
        if command == segment_kinds.SAVE:
            item, case = self._item(command, subject_id), Case(keys.SEGMENT, None, self.operations.now())
            return Subject(item, case, segments=segment_store.saved_segments(self.operations.table))
        if command == DISMISS:
            return self._event(subject_id)
        subject = self._read(subject_id)
        named = next((terms[name] for name in NAMED if name in terms), None)
        if named is not None:
            subject = replace(subject, other=self._read(named))
        if command == CLIENT:  # which may be new: no item is there that would offer it
            kind, client_id = ClientKind(terms["kind"]), terms["client"]
            return replace(subject, client=clients.existing(self.operations.table, kind, client_id))
        if command == APART:
            subject = replace(subject, own=own_accounts.find(self.operations.table, terms["operator"]))
        if command == FORGET:
            case = replace(subject.case, why_not_forgotten=why_not_forgotten(self.operations, subject.item))
            subject = replace(subject, case=case)
        if command == dealer_kinds.FORGET and subject.item.row is keys.DEALER:
            dealer = dealers.standing(self.operations.table, subject_id)
            case = replace(subject.case, why_not_forgotten=dealer.why_not_forgotten)
            subject = replace(subject, case=case, dealer=dealer)
        if not acts.is_possible(command, subject.case):
            raise NotProposable(_why_not(command, subject), id=subject_id)
        return subject

    def _asset(self, command: str, asset_id: str) -> Subject:
        """An asset, which may be new to the catalogue; one that has a price is there. Raises AssetNotFound."""
        saved = catalogue.find(self.operations.table, asset_id)
        listings = Catalogue(self.operations.table, self.operations.now).fresh()
        if command == CONFIRM and asset_id not in listings:
            raise AssetNotFound(f"there is no asset {asset_id}; GET /assets lists them")
        status = None if saved is None else traded(saved.asset)
        item, case = self._item(command, asset_id), Case(keys.ASSET, status, self.operations.now())
        return Subject(item, case, saved=saved, listings=listings)

    def _pair(self, pair_id: str) -> Subject:
        """A pair, which may be new."""
        subject = Subject(
            self._item(pair_kinds.SAVE, pair_id),
            Case(keys.PAIR, None, self.operations.now()),
            pairs=pair_store.saved_pairs(self.operations.table),
        )
        saved = pair_kinds.saved_of(subject)
        status = None if saved is None else pair_kinds.traded(saved.pair)
        return replace(subject, case=replace(subject.case, status=status))

    def _event(self, webhook_id: str) -> Subject:
        """An event of the bank, and the order of which it tells. Raises EventNotFound, NotProposable."""
        event = self.events.known(webhook_id)
        order_id, item = self.events.order_told_paid(event), self._item(DISMISS, webhook_id)
        if not acts.is_parked(event.outcome):
            raise NotProposable(f"it is {event.outcome} already ({event.why})", id=webhook_id)
        case = Case(keys.BANK_EVENT, event.outcome, self.operations.now())
        return Subject(item, case, event=event, other=None if order_id is None else self._read(order_id))

    def _item(self, command: str, subject_id: str) -> KnownItem:
        """Raises NothingKnown, EventNotFound."""
        if command == DISMISS:
            return store.of_event(self.events.known(subject_id))
        if command in COMMANDS:
            return store.of_rule(keys.ASSET(asset_id=subject_id))
        if command == pair_kinds.SAVE:
            return store.of_rule(keys.PAIR(pair_id=subject_id))
        if command == segment_kinds.SAVE:
            return store.of_rule(keys.SEGMENT(segment_id=subject_id))
        return self.operations.known(subject_id)

    def _beneficiaries(self, subject: Subject) -> frozenset[str]:
        if subject.is_rule:
            return frozenset()
        items = (each.item for each in (subject, subject.other) if each is not None)
        return frozenset[str]().union(*map(self.operations.beneficiaries, items))

    def _read(self, thing_id: str) -> Subject:
        """Raises NothingKnown."""
        item = self.operations.known(thing_id)
        person = None if item.whose is None else self.operations.persons.of(item.whose)
        return Subject(item, self.operations.case(item), person=person)


def _counted(
    table: Table, limit: Money, kind: Limited, proposal: Proposal, subject: Subject, operator: str, at: datetime
) -> list[Write]:
    """Towards what one operator may do a day. Raises DailyLimitExceeded, by what was counted until now; two at once
    the write refuses."""
    amount = dollars_of(proposal, subject)
    if amount == ZERO:
        return []
    used = limits.used_by_operator(table, operator, kind, at)
    if used + amount > limit:
        raise limits.over(limit, kind, amount, used)
    return [limits.count_by_operator(limit, operator, kind, amount, at)]


def _next(seen: Head | None) -> int:
    return 1 if seen is None else seen.number + 1


def _why_not(command: str, subject: Subject) -> str:
    """In words, why the act is not possible for this subject."""
    item, account = subject.item, subject.case.account
    stays = None if account is None or command != MOVE else account.why_it_stays()
    if stays is not None:
        return stays
    if command in (FORGET, dealer_kinds.FORGET) and subject.case.why_not_forgotten is not None:
        return subject.case.why_not_forgotten
    if command == REFUND and subject.case.why_no_refund is not None:
        return subject.case.why_no_refund
    waits = item.waits_for or "nothing"
    stands = f"it is {item.status} and waits {waits if waits.startswith('to ') else f'for {waits}'}"
    due_at = subject.case.due_at
    if due_at is not None and acts.is_possible(command, replace(subject.case, now=max(due_at, subject.case.now))):
        return f"{stands}: `{command}` is possible from {due_at:%H:%M:%S} UTC on, if it still waits then"
    return f"{stands}: that is not for `{command}`"


def _tell(subject_id: str, item: KnownItem, told: str, operator: str, at: datetime) -> list[Write]:
    """An event of the life of what a proposal is about, which does not move it; a rule has no life beside it, nor has
    an event of the bank."""
    if item.is_rule or item.row is keys.BANK_EVENT:
        return []
    assert item.status is not None
    event = TimelineEvent(at, item.status, item.status, told, operator)
    return [timeline.record(subject_id, event)]


def _waits_already(proposal: Proposal, at: datetime) -> OperatorOutcome:
    says = f"is proposed already, by {proposal.proposed_by}: another operator confirms it"
    if at >= proposal.ends_at:
        says = f"has ended, and was said by {proposal.proposed_by}: dismiss it first, and propose it then"
    return OperatorOutcome.repeat(proposal.id, proposal.status, says)


def _repeated(proposal: Proposal) -> OperatorOutcome:
    says = f"was {proposal.status.lower()} by {proposal.decided_by} already; nothing to do"
    return OperatorOutcome.repeat(proposal.id, proposal.status, says)
