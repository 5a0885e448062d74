"""Unfinished work: the list of it, the story of each thing, and what one operator does about it, or two."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import keys
from common.domain.proposals.model import Proposal, Terms
from common.http import caller
from common.keys import ORDER_ID_PATTERN, THING_ID_PATTERN, USERNAME_PATTERN
from common.machines import MachineExecution
from common.money import Money, plain
from common.pages import LIMIT_DEFAULT
from common.wire import (
    AmountOrZero,
    DollarsOrZero,
    FeesInCoins,
    InstantText,
    OneOf,
    OperatorAct,
    OperatorOutcomeView,
    Reference,
    View,
)
from functions.operations.api.door import ActView, act_views, app, done, propose
from functions.operations.service import Story, terms_of
from functions.operations.wiring import interventions, operations, proposals

WORK_MAX = 1000  # in one list
ThingId = Annotated[str, Path(pattern=THING_ID_PATTERN)]
StrayId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
ProposalId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]


class WaitingView(View):
    context: str
    id: str
    waits_for: str
    due_at: InstantText
    overdue: bool
    needs_person: bool


class WorkList(View):
    items: list[WaitingView]


class EventView(View):
    at: InstantText
    before: str | None
    after: str
    reason: str
    actor: str


class OutsideCallView(View):
    """Something asked of an outside system, under our id and theirs. It is written down before it is asked: what has
    no answer was perhaps never sent."""

    at: InstantText
    of: str
    our_id: str
    their_id: str | None
    state: str | None
    says: str | None


class StepView(View):
    at: InstantText
    what: str


class StateView(View):
    """A state that an execution was in, or is in still."""

    state: str = Field(description="as the machine names it")
    entered_at: InstantText = Field(description="when it came there")
    left_at: InstantText | None = Field(description="when it went on, or was over; null: it is there still")
    attempt: int = Field(description="how often its task was tried there until now")
    error: str | None = Field(description="what went wrong in it last")


class ExecutionView(View):
    """The latest execution of its state machine: the states it entered, and what failed in them."""

    name: str
    machine: str = Field(description="whose picture GET /operations/machines/{machine} tells")
    status: str
    steps: list[StepView]
    states: list[StateView] = Field(description="the same by state, oldest first; of very many the last ones")


class ProposalView(View):
    """What an operator has proposed to do, and another one confirms."""

    command: str
    subject: str = Field(description="the id of what it is about")
    terms: dict[str, str] = Field(description="what is said to have happened")
    reference: str | None = Field(description="where that can be looked up")
    reason: str
    proposed_by: str
    proposed_at: InstantText
    decided_by: str | None
    decided_at: InstantText | None


class StoryView(View):
    """`waits_for` is null for what is finished. A batch that is not closed yet is told as its pool: it is the pool's
    open generation."""

    id: str
    kind: str = Field(description="such as sell_order or withdrawal")
    username: str | None = Field(description="the customer it belongs to, or that it is")
    status: str | None
    waits_for: str | None
    waits_since: InstantText | None
    due_at: InstantText | None
    needs_person: bool
    runbook: str | None = Field(description="the page of docs/runbooks that tells what to do about it; null: none does")
    pool: str | None = Field(description="the pool that it is, or that it waits or has waited in")
    batch: str | None = Field(description="the batch that it is in, or that a pool's open generation will become")
    members: list[str] = Field(description="of a batch, or of a pool's open generation: its purchases")
    events: list[EventView]
    calls: list[OutsideCallView]
    execution: ExecutionView | None
    execution_before: ExecutionView | None = Field(description="of the machine that handed it over")
    proposal: ProposalView | None = Field(description="the proposal that it is, if it is one")
    acts: list[ActView] = Field(description="what may be done by hand now, the likeliest first")


class OrderDecisionRequest(OperatorAct):
    """What the exchange has executed of an order, where it does not tell."""

    executed: Annotated[AmountOrZero, Field(description="of the asset; 0: nothing, and it never will")]
    gross: Annotated[DollarsOrZero, Field(description="for how many dollars, before its fee")]
    fee: Annotated[DollarsOrZero, Field(description="of the exchange, in dollars")] = Decimal(0)
    fees_in_coins: Annotated[FeesInCoins | None, Field(description="of the exchange, in these coins or others")] = None
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class PayoutDecisionRequest(OperatorAct):
    """What the bank has paid of the pending attempt."""

    paid: Annotated[DollarsOrZero, Field(description="by the bank; 0: nothing, and it never will")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


@app.get("/operations/work", tags=["operators"], summary="What is unfinished, longest overdue first")
def work(
    context: Annotated[str | None, OneOf(*keys.BACKLOGS)] = None,
    overdue: bool = False,
    needs_person: Annotated[bool, Query(description="only what a person has to look at")] = False,
    username: Annotated[str | None, Query(pattern=USERNAME_PATTERN, description="only what is this customer's")] = None,
    limit: Annotated[int, Query(ge=1, le=WORK_MAX)] = LIMIT_DEFAULT,
) -> WorkList:
    """Orders, withdrawals, batches, bills and what else is not over, from all parts of the desk."""
    caller(app).must_be_viewer()
    backlogs = keys.BACKLOGS if context is None else (context,)
    found = operations().work(backlogs, overdue_only=overdue, limit=limit, people_only=needs_person, username=username)
    return WorkList(
        items=[
            WaitingView(
                context=w.backlog,
                id=w.id,
                waits_for=w.waits_for,
                due_at=w.due_at,
                overdue=w.overdue,
                needs_person=w.needs_person,
            )
            for w in found
        ]
    )


@app.get("/operations/work/<thing_id>", tags=["operators"], summary="The life of what an id names")
def story(thing_id: ThingId) -> StoryView:
    """What became of it step by step, what it waits for, what was asked of other systems, and what may be done by
    hand."""
    caller(app).must_be_viewer()
    return _story(operations().story(thing_id))


@app.post("/operations/work/<thing_id>/redrive", tags=["operators"], summary="Start its machine again")
def redrive(thing_id: ThingId, body: OperatorAct) -> OperatorOutcomeView:
    """Its state machine has failed or was lost, and begins again where the thing itself stands."""
    return done(interventions().redrive, thing_id, body)


@app.post("/operations/work/<thing_id>/decide-order", tags=["operators"], summary="Propose what was executed")
def decide_order(thing_id: ThingId, body: OrderDecisionRequest) -> OperatorOutcomeView:
    """The exchange does not say what became of an order, and two operators have looked it up there."""
    told = {"executed": plain(body.executed), "gross": str(Money(body.gross)), "fee": str(Money(body.fee))}
    if body.fees_in_coins is not None:
        told["fees_in_coins"] = body.fees_in_coins
    return propose("work decide-order", thing_id, told, body.reference, body)


@app.post("/operations/work/<thing_id>/decide-payout", tags=["operators"], summary="Propose what the bank has paid")
def decide_payout(thing_id: ThingId, body: PayoutDecisionRequest) -> OperatorOutcomeView:
    """The bank does not say what became of a payout, and two operators have looked it up there."""
    return propose("work decide-payout", thing_id, {"paid": str(Money(body.paid))}, body.reference, body)


@app.post("/operations/work/<thing_id>/approve-payout", tags=["operators"], summary="Propose that it be paid")
def approve_payout(thing_id: ThingId, body: OperatorAct) -> OperatorOutcomeView:
    """It is larger than what is paid without a person. Another operator confirms it."""
    return propose("work approve-payout", thing_id, {}, None, body)


@app.post("/operations/proposals/<proposal_id>/confirm", tags=["operators"], summary="Do what another has proposed")
def confirm(proposal_id: ProposalId, body: OperatorAct) -> OperatorOutcomeView:
    """By another operator than who proposed it; neither of them gains by it. It is done at once."""
    return done(proposals().confirm, proposal_id, body, caller(app).must_be_approver())


@app.post("/operations/proposals/<proposal_id>/dismiss", tags=["operators"], summary="Dismiss what was proposed")
def dismiss_proposal(proposal_id: ProposalId, body: OperatorAct) -> OperatorOutcomeView:
    """It is not done. It may be proposed again."""
    return done(proposals().dismiss, proposal_id, body, caller(app).must_be_either())


@app.post("/operations/strays/<stray_id>/close", tags=["operators"], summary="Close a stray order that was seen to")
def close_stray(stray_id: StrayId, body: OperatorAct) -> OperatorOutcomeView:
    """At the exchange there was an order that the desk has not placed, and a person has seen to it."""
    return done(interventions().close_stray, stray_id, body)


def _story(story: Story) -> StoryView:
    return StoryView(
        id=story.id,
        kind=story.kind,
        username=story.username,
        status=story.status,
        waits_for=story.waits_for,
        waits_since=story.waits_since,
        due_at=story.due_at,
        needs_person=story.needs_person,
        runbook=story.runbook,
        pool=story.pool,
        batch=story.batch,
        members=list(story.members),
        events=[
            EventView(at=e.at, before=e.before, after=e.after, reason=e.reason, actor=e.actor) for e in story.events
        ],
        calls=[
            OutsideCallView(at=c.at, of=c.of, our_id=c.our_id, their_id=c.their_id, state=c.state, says=c.says)
            for c in story.calls
        ],
        execution=_execution(story.execution),
        execution_before=_execution(story.execution_before),
        proposal=_proposal(story.proposal, terms_of(operations(), story.proposal)),
        acts=act_views(story.acts),
    )


def _execution(ran: MachineExecution | None) -> ExecutionView | None:
    if ran is None:
        return None
    return ExecutionView(
        name=ran.name,
        machine=ran.machine,
        status=ran.status,
        steps=[StepView(at=step.at, what=step.what) for step in ran.steps],
        states=[
            StateView(state=s.state, entered_at=s.entered_at, left_at=s.left_at, attempt=s.attempt, error=s.error)
            for s in ran.states
        ],
    )


def _proposal(proposal: Proposal | None, terms: Terms) -> ProposalView | None:
    if proposal is None:
        return None
    return ProposalView(
        command=proposal.command,
        subject=proposal.subject,
        terms=dict(terms),
        reference=proposal.reference,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        decided_by=proposal.decided_by,
        decided_at=proposal.decided_at,
    )
