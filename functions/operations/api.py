"""HTTP for operators: the catalogue, unfinished work, the audit, and the books."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, Field, StringConstraints

from common import aws, clock, http, keys
from common.domain.acts import PossibleAct
from common.domain.catalogue.model import (
    ESTIMATE_BAND_BPS,
    FILL_BAND_BPS,
    POOL_DEADLINE_SECONDS,
    PRECISION_MAX,
    SLIPPAGE_MAX_BPS,
    Asset,
    Execution,
)
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.payouts.store import BankEventItem
from common.domain.proposals import Proposal, Terms
from common.http import caller
from common.keys import ASSET_ID_PATTERN, ORDER_ID_PATTERN, THING_ID_PATTERN, USERNAME_PATTERN
from common.machines import MachineExecution
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import (
    CLIENT_ID_PATTERN,
    Dollars,
    DollarsOrZero,
    InstantText,
    OneOf,
    OperatorAct,
    OperatorOutcomeView,
    Reference,
    RequestBody,
    View,
)
from functions.operations.service import Story
from functions.operations.wiring import interventions, operations, proposals

app = http.api()

AssetInPath = Annotated[str, Path(pattern=ASSET_ID_PATTERN)]
ClientInPath = Annotated[str, Path(pattern=CLIENT_ID_PATTERN)]
WebhookId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ThingId = Annotated[str, Path(pattern=THING_ID_PATTERN)]
ProposalId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Day = Annotated[
    str,
    StringConstraints(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(lambda written: date.fromisoformat(written).isoformat()),
    Query(examples=["2026-11-21"]),
]


class AssetRequest(OperatorAct):
    """The rules of an asset, all of them."""

    name: Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,40}$")]
    precision: Annotated[int, Field(ge=0, le=PRECISION_MAX, strict=True, description="decimals of a quantity")]
    min_notional: Dollars
    max_notional: Dollars
    execution: Execution = Execution.INSTANT
    active: Annotated[bool, Field(strict=True)] = True
    price_source_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,60}$")]
    price_age_max_seconds: Annotated[int, Field(ge=10, le=86_400, strict=True)] = 180
    estimate_band_bps: Annotated[
        int, Field(ge=1, le=5_000, strict=True, description="how far an estimate may be from the price")
    ] = ESTIMATE_BAND_BPS
    slippage_max_bps: Annotated[
        int, Field(ge=0, le=5_000, strict=True, description="how far above the price it may be bought; the desk pays")
    ] = SLIPPAGE_MAX_BPS
    fill_band_bps: Annotated[
        int,
        Field(ge=1, le=5_000, strict=True, description="how much better than the price a fill may be and is believed"),
    ] = FILL_BAND_BPS
    pool_shards: Annotated[int, Field(ge=1, le=64, strict=True, description="more where its pool is hot")] = 1
    pool_deadline_seconds: Annotated[
        int, Field(ge=60, le=2_592_000, strict=True, description="how long small purchases wait for others")
    ] = POOL_DEADLINE_SECONDS
    pool_top_up: Annotated[
        bool, Field(strict=True, description="then the desk adds what is missing, instead of giving the dollars back")
    ] = False


class ReconcileRequest(RequestBody):
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]


class ReconciledView(View):
    """`differences` is empty when the balances are what the journal adds up to."""

    username: str
    lines: int
    differences: list[str]


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


class ExecutionView(View):
    """The latest execution of its state machine: the states it entered, and what failed in them."""

    name: str
    status: str
    steps: list[StepView]


class ActView(View):
    """What may be done by hand now."""

    command: str = Field(description="of the operators' command line, and of the audit")
    route: str = Field(description="the same over HTTP")
    does: str
    asks: list[str] = Field(description="what it is told besides a reason")


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
    """`waits_for` is null for what is finished. A batch that is not closed yet is told as the pool whose open
    generation it is."""

    id: str
    kind: str = Field(description="such as sell_order or withdrawal")
    status: str | None
    waits_for: str | None
    waits_since: InstantText | None
    due_at: InstantText | None
    needs_person: bool
    pool: str | None = Field(description="that it is, or waits or has waited in")
    batch: str | None = Field(description="that it is bought with, or that the open generation of a pool will be")
    members: list[str] = Field(description="of a batch, or of a pool's open generation: its purchases")
    events: list[EventView]
    calls: list[OutsideCallView]
    execution: ExecutionView | None
    execution_before: ExecutionView | None = Field(description="of the machine that has handed it over")
    proposal: ProposalView | None = Field(description="that it is")
    acts: list[ActView] = Field(description="what may be done by hand now, the likeliest first")


class ParkedView(View):
    """An event of the bank that could not be placed. What we do not understand is told as it begins, in `strange`."""

    webhook_id: str
    why: str
    strange: str | None
    reference_id: str | None
    adjustment_id: str | None
    account_id: str | None
    amount: str | None
    state: str | None
    failure_code: str | None
    at: InstantText | None
    parked_at: InstantText
    acts: list[ActView]


class ParkedList(View):
    items: list[ParkedView]


class PayoutDecisionRequest(OperatorAct):
    """What the bank has paid of the pending attempt."""

    paid: Annotated[DollarsOrZero, Field(description="by the bank; 0: nothing, and it never will")]
    reference: Annotated[Reference, Field(description="where that can be looked up")]


class CryptoClientRequest(OperatorAct):
    username: Annotated[str, StringConstraints(pattern=USERNAME_PATTERN)]
    status: ClientStatus = ClientStatus.ACTIVE


class BankingClientRequest(CryptoClientRequest):
    account_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class ClientView(View):
    client_id: str
    kind: str = Field(description="CRYPTO or BANKING")
    username: str
    status: str
    account_id: str | None
    updated_at: InstantText


class AuditEntryView(View):
    at: InstantText
    operator: str
    action: str
    subject: str
    detail: str


class AuditPage(View):
    items: list[AuditEntryView]
    cursor: str | None


@app.put("/operations/catalogue/<asset_id>", tags=["operators"], summary="Write an asset of the catalogue")
def save_asset(asset_id: AssetInPath, body: AssetRequest) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    asset = Asset(
        asset_id=asset_id,
        name=body.name,
        precision=body.precision,
        min_notional=Money(body.min_notional),
        max_notional=Money(body.max_notional),
        execution=body.execution,
        active=body.active,
        price_source_id=body.price_source_id,
        price_age_max_seconds=body.price_age_max_seconds,
        estimate_band_bps=body.estimate_band_bps,
        slippage_max_bps=body.slippage_max_bps,
        fill_band_bps=body.fill_band_bps,
        pool_shards=body.pool_shards,
        pool_deadline_seconds=body.pool_deadline_seconds,
        pool_top_up=body.pool_top_up,
    )
    return OperatorOutcomeView.of(interventions().save_asset(asset, body.reason, operator, dry_run=body.dry_run))


@app.get("/operations/work", tags=["operators"], summary="What is unfinished, longest overdue first")
def work(
    context: Annotated[str | None, OneOf(*keys.BACKLOGS)] = None,
    overdue: bool = False,
    limit: Limit = LIMIT_DEFAULT,
) -> WorkList:
    caller(app).must_be_operator()
    backlogs = keys.BACKLOGS if context is None else (context,)
    found = operations().work(backlogs, overdue_only=overdue, limit=limit)
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
    caller(app).must_be_operator()
    return _story(operations().story(thing_id))


@app.post("/operations/work/<thing_id>/redrive", tags=["operators"], summary="Start its machine again")
def redrive(thing_id: ThingId, body: OperatorAct) -> OperatorOutcomeView:
    return _done(interventions().redrive, thing_id, body)


@app.post("/operations/work/<thing_id>/decide-payout", tags=["operators"], summary="Propose what the bank has paid")
def decide_payout(thing_id: ThingId, body: PayoutDecisionRequest) -> OperatorOutcomeView:
    return _propose("work decide-payout", thing_id, {"paid": str(Money(body.paid))}, body.reference, body)


@app.post("/operations/proposals/<proposal_id>/confirm", tags=["operators"], summary="Do what another has proposed")
def confirm(proposal_id: ProposalId, body: OperatorAct) -> OperatorOutcomeView:
    return _done(proposals().confirm, proposal_id, body)


@app.post("/operations/proposals/<proposal_id>/dismiss", tags=["operators"], summary="Nothing is to be done about it")
def dismiss_proposal(proposal_id: ProposalId, body: OperatorAct) -> OperatorOutcomeView:
    return _done(proposals().dismiss, proposal_id, body)


@app.get("/operations/parked", tags=["operators"], summary="Events of the bank that could not be placed, oldest first")
def parked(limit: Limit = LIMIT_DEFAULT) -> ParkedList:
    caller(app).must_be_operator()
    return ParkedList(items=[_parked(item) for item in operations().parked(limit)])


@app.post("/operations/parked/<webhook_id>/replay", tags=["operators"], summary="Try to place an event again")
def replay(webhook_id: WebhookId, body: OperatorAct) -> OperatorOutcomeView:
    return _done(interventions().replay, webhook_id, body)


@app.post("/operations/parked/<webhook_id>/dismiss", tags=["operators"], summary="Nothing is to be done about an event")
def dismiss(webhook_id: WebhookId, body: OperatorAct) -> OperatorOutcomeView:
    return _done(interventions().dismiss, webhook_id, body)


@app.put("/operations/clients/<client_id>/crypto", tags=["operators"], summary="Who may sell coins")
def save_crypto_client(client_id: ClientInPath, body: CryptoClientRequest) -> OperatorOutcomeView:
    return _save(ClientKind.CRYPTO, client_id, body, None)


@app.put("/operations/clients/<client_id>/banking", tags=["operators"], summary="Who is paid, and where")
def save_banking_client(client_id: ClientInPath, body: BankingClientRequest) -> OperatorOutcomeView:
    return _save(ClientKind.BANKING, client_id, body, body.account_id)


@app.get("/operations/clients/<client_id>/<kind>", tags=["operators"], summary="A client")
def client(client_id: ClientInPath, kind: Literal["crypto", "banking"]) -> ClientView:
    caller(app).must_be_operator()
    return _client(operations().client(ClientKind(kind.upper()), client_id))


@app.get("/operations/audit", tags=["operators"], summary="What operators did on one day (UTC), newest first")
def audit(date: Day, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> AuditPage:
    operator = caller(app).must_be_operator()
    listed = f"GET /operations/audit {operator} {date}"
    page = operations().audit(date, limit=limit, after=cursors().read(listed, cursor))
    items = [
        AuditEntryView(at=e.at, operator=e.operator, action=e.action, subject=e.subject, detail=e.detail)
        for e in page.items
    ]
    return AuditPage(items=items, cursor=cursors().write(listed, page.after))


@app.post("/operations/reconcile", tags=["operators"], summary="Hold an account against its journal")
def reconcile(body: ReconcileRequest) -> ReconciledView:
    caller(app).must_be_operator()
    found = operations().reconcile(operations().owner(body.username))
    return ReconciledView(username=found.username, lines=found.lines, differences=list(found.differences))


def _done(act: Callable[..., OperatorOutcome], thing_id: str, body: OperatorAct) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    return OperatorOutcomeView.of(act(thing_id, body.reason, operator, dry_run=body.dry_run))


def _propose(
    command: str, thing_id: str, given: Terms, reference: str | None, body: OperatorAct
) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    outcome = proposals().propose(command, thing_id, given, reference, body.reason, operator, dry_run=body.dry_run)
    return OperatorOutcomeView.of(outcome)


def _story(story: Story) -> StoryView:
    return StoryView(
        id=story.id,
        kind=story.kind,
        status=story.status,
        waits_for=story.waits_for,
        waits_since=story.waits_since,
        due_at=story.due_at,
        needs_person=story.needs_person,
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
        proposal=_proposal(story.proposal),
        acts=_acts(story.acts),
    )


def _acts(acts: Sequence[PossibleAct]) -> list[ActView]:
    return [ActView(command=act.command, route=act.route, does=act.does, asks=list(act.asks)) for act in acts]


def _execution(ran: MachineExecution | None) -> ExecutionView | None:
    if ran is None:
        return None
    steps = [StepView(at=step.at, what=step.what) for step in ran.steps]
    return ExecutionView(name=ran.name, status=ran.status, steps=steps)


def _proposal(proposal: Proposal | None) -> ProposalView | None:
    if proposal is None:
        return None
    return ProposalView(
        command=proposal.command,
        subject=proposal.subject,
        terms=dict(proposal.terms),
        reference=proposal.reference,
        reason=proposal.reason,
        proposed_by=proposal.proposed_by,
        proposed_at=proposal.proposed_at,
        decided_by=proposal.decided_by,
        decided_at=proposal.decided_at,
    )


def _parked(item: BankEventItem) -> ParkedView:
    return ParkedView(
        webhook_id=item.webhook_id,
        why=item.why,
        strange=item.strange,
        reference_id=item.reference_id,
        adjustment_id=item.adjustment_id,
        account_id=item.account_id,
        amount=None if item.amount is None else str(Money(item.amount)),
        state=item.state,
        failure_code=item.failure_code,
        at=item.at,
        parked_at=item.created_at,
        acts=_acts(operations().acts_on(item)),
    )


def _save(kind: ClientKind, client_id: str, body: CryptoClientRequest, account_id: str | None) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    owner = operations().owner(body.username)
    saved = Client(client_id, kind, owner, body.status, clock.now(), account_id)
    return OperatorOutcomeView.of(interventions().save_client(saved, body.reason, operator, dry_run=body.dry_run))


def _client(client: Client) -> ClientView:
    return ClientView(
        client_id=client.client_id,
        kind=client.kind,
        username=client.owner.username,
        status=client.status,
        account_id=client.account_id,
        updated_at=client.updated_at,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, interventions)
