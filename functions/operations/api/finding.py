"""What can be found without its id: by what others call it, in open pools, and among what has failed."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field, StringConstraints

from common import keys
from common.domain.timeline import Failure
from common.http import caller
from common.money import Money, plain
from common.pages import LIMIT_DEFAULT
from common.wire import Day, InstantText, View
from functions.operations.api.door import Limit, app, cursors
from functions.operations.service.pools import OpenPool
from functions.operations.wiring import finding, open_pools, operations

Named = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]{1,128}$"),
    Query(description="an id of ours, or what a bank, an exchange, the custody or the billing system calls it"),
]


class FoundView(View):
    """Something that the desk knows. `id` is what `GET /operations/work/{thing_id}` takes, except for an event of the
    bank."""

    id: str
    kind: str = Field(description="such as sell_order or deposit")
    by: str = Field(description="which of its names was given")
    username: str | None = Field(description="the customer it belongs to; null: none")
    status: str | None


class FoundList(View):
    items: list[FoundView]


class OpenPoolView(View):
    """A pool with somebody in it. It is closed when it is worth `min_notional`, or at `due_at`."""

    id: str
    asset_id: str
    sells: bool = Field(description="a pool of sales; otherwise of purchases")
    total: str = Field(description="dollars of purchases, coins of sales")
    worth: str | None = Field(description="dollars; null: sales of an asset without a price")
    min_notional: str | None = Field(description="dollars; null: the asset is not in the catalogue any more")
    opened_at: InstantText
    due_at: InstantText
    batch_id: str = Field(description="the batch that it will become")
    members: list[str] = Field(description="the ids of its purchases or sales")


class OpenPoolList(View):
    items: list[OpenPoolView]


class FailureView(View):
    """Something that has ended otherwise than it was asked for."""

    id: str
    kind: str | None
    at: InstantText
    before: str | None
    after: str
    reason: str
    actor: str


class FailurePage(View):
    items: list[FailureView]
    cursor: str | None


@app.get("/operations/find", tags=["operators"], summary="Find something by what it is called, here or elsewhere")
def find(what: Named) -> FoundList:
    """By whole names alone: nothing is found by an amount, by a chain's transaction or by a trade."""
    caller(app).must_be_viewer()
    return FoundList(
        items=[
            FoundView(id=each.thing_id, kind=each.kind, by=each.by, username=each.username, status=each.status)
            for each in finding().find(what)
        ]
    )


@app.get("/operations/pools", tags=["operators"], summary="Open pools, the next to close first")
def operated_pools() -> OpenPoolList:
    """Of purchases and of sales: what waits in each, for how long, and until when."""
    caller(app).must_be_viewer()
    return OpenPoolList(items=[_pool(pool) for pool in open_pools().all()])


@app.get("/operations/failures", tags=["operators"], summary="What has failed on one day (UTC), newest first")
def failures(date: Day, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> FailurePage:
    """Even if nothing waits: it was refused or given back, or nobody can mend it."""
    operator = caller(app).must_be_viewer()
    listed = f"GET /operations/failures {operator} {date}"
    page = operations().failures(date, limit=limit, after=cursors().read(listed, cursor))
    return FailurePage(items=[_failure(each) for each in page.items], cursor=cursors().write(listed, page.after))


def _pool(pool: OpenPool) -> OpenPoolView:
    return OpenPoolView(
        id=pool.pool_id,
        asset_id=pool.asset_id,
        sells=pool.sells,
        total=plain(pool.total) if pool.sells else str(Money(pool.total)),
        worth=None if pool.worth is None else str(pool.worth),
        min_notional=None if pool.min_notional is None else str(pool.min_notional),
        opened_at=pool.opened_at,
        due_at=pool.due_at,
        batch_id=pool.batch_id,
        members=pool.members,
    )


def _failure(failure: Failure) -> FailureView:
    row = keys.row_of_id(failure.thing_id)
    return FailureView(
        id=failure.thing_id,
        kind=None if row is None else row.entity,
        at=failure.at,
        before=failure.before,
        after=failure.after,
        reason=failure.reason,
        actor=failure.actor,
    )
