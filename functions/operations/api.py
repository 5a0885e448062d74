"""HTTP for operators: the catalogue, unfinished work, the audit, and the books."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Annotated, Literal

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, Field, StringConstraints

from common import aws, clock, http
from common.catalogue.model import ESTIMATE_BAND_BPS, PRECISION_MAX, Asset, Execution
from common.http import caller
from common.money import Money
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
from common.table.keys import ASSET_ID_PATTERN, ORDER_ID_PATTERN, USERNAME_PATTERN
from common.wire import Dollars, InstantText, RequestBody, View
from functions.operations.model import CONTEXTS
from functions.operations.service import Operations

app = http.api()

AssetInPath = Annotated[str, Path(pattern=ASSET_ID_PATTERN)]
ThingId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Day = Annotated[
    str,
    StringConstraints(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(lambda written: date.fromisoformat(written).isoformat()),
    Query(examples=["2026-11-21"]),
]


class AssetRequest(RequestBody):
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


class AssetSaved(View):
    asset_id: str
    name: str
    precision: int
    min_notional: str
    max_notional: str
    execution: str
    active: bool
    price_source_id: str
    price_age_max_seconds: int
    estimate_band_bps: int


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


class WorkList(View):
    items: list[WaitingView]


class EventView(View):
    at: InstantText
    before: str | None
    after: str
    reason: str
    actor: str


class TimelineView(View):
    id: str
    events: list[EventView]


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
def save_asset(asset_id: AssetInPath, body: AssetRequest) -> AssetSaved:
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
    )
    operations().save_asset(asset, operator)
    return AssetSaved(
        asset_id=asset_id,
        name=asset.name,
        precision=asset.precision,
        min_notional=str(asset.min_notional),
        max_notional=str(asset.max_notional),
        execution=asset.execution,
        active=asset.active,
        price_source_id=asset.price_source_id,
        price_age_max_seconds=asset.price_age_max_seconds,
        estimate_band_bps=asset.estimate_band_bps,
    )


@app.get("/operations/work", tags=["operators"], summary="What is unfinished, longest overdue first")
def work(
    context: Literal["accounts", "orders"] | None = None, overdue: bool = False, limit: Limit = LIMIT_DEFAULT
) -> WorkList:
    caller(app).must_be_operator()
    contexts = CONTEXTS if context is None else (context,)
    found = operations().work(contexts, overdue_only=overdue, limit=limit)
    return WorkList(
        items=[
            WaitingView(context=w.context, id=w.id, waits_for=w.waits_for, due_at=w.due_at, overdue=w.overdue)
            for w in found
        ]
    )


@app.get("/operations/work/<thing_id>", tags=["operators"], summary="The life of an order or a withdrawal")
def timeline(thing_id: ThingId) -> TimelineView:
    caller(app).must_be_operator()
    events = [
        EventView(at=e.at, before=e.before, after=e.after, reason=e.reason, actor=e.actor)
        for e in operations().timeline(thing_id)
    ]
    return TimelineView(id=thing_id, events=events)


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


@cache
def operations() -> Operations:
    return Operations(aws.table(), clock.now)


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, operations)
