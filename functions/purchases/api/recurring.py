"""Recurring buys."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock
from common.http import IdempotencyKey, answer, caller
from common.keys import ORDER_ID_PATTERN
from common.money import Money, Price, plain
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import Amount, AssetId, Dollars, Instant, InstantText, RequestBody, View
from functions.purchases import recurring
from functions.purchases.api.door import app
from functions.purchases.recurring import Asked, Changes, DateTold, Every, Outcome, RecurringBuy, Status
from functions.purchases.wiring import recurring_buys

PlanId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
_EVERY = "monthly on a day that a month does not have is on its last day; days are those of UTC"


class RecurringBuyRequest(RequestBody):
    """Buy coins again and again, each time as `POST /purchases` does: for a `quantity` or for a `quote_amount` of
    dollars. What is too small for the exchange on its own is bought together with others'."""

    asset_id: AssetId
    quantity: Amount | None = None
    quote_amount: Dollars | None = None
    max_price: Amount | None = Field(None, description="a date on which the market is above it is skipped")
    every: Every = Field(description=_EVERY)
    starts_at: Instant | None = Field(None, description="the first date; without it, now: it is bought within a minute")
    ends_at: Instant | None = Field(None, description="no date is after it, and a missed one is not made good after it")


class RecurringBuyChange(RequestBody):
    """What you do not name stays as it is; `max_price` and `ends_at` may be null, for none. A `quantity` takes the
    place of a `quote_amount`, and the other way round."""

    version: Annotated[int, Field(ge=1, le=1_000_000, strict=True, description="as you have read it")]
    quantity: Amount | None = None
    quote_amount: Dollars | None = None
    max_price: Amount | None = None
    every: Every | None = Field(None, description=f"from its next date on; {_EVERY}")
    starts_at: Instant | None = Field(
        None, description="its next date, from which the others are reckoned; one that has come is skipped"
    )
    ends_at: Instant | None = None


class RecurringBuyView(View):
    """`status` is ACTIVE, or PAUSED (by you, or because several dates in a row were skipped), CANCELLED by you, or
    ENDED: it has no further date. `reason` says why, or why a date is being tried again."""

    plan_id: str
    asset_id: str
    quantity: str | None
    quote_amount: str | None
    max_price: str | None
    every: Every
    starts_at: InstantText = Field(description="the date from which the others are reckoned")
    ends_at: InstantText | None
    status: Status
    version: int = Field(description="each change of yours makes another one")
    next_at: InstantText | None = Field(description="the date that is bought next")
    last_at: InstantText | None = Field(description="the latest date that was dealt with")
    skipped_in_row: int = Field(
        description=f"dates, for a reason of your account's; after {recurring.SKIPPED_MAX} it pauses. One on which the "
        "market was above `max_price`, no price was to be had, or the asset was not to be bought so, does not count"
    )
    reason: str | None
    created_at: InstantText
    updated_at: InstantText


class DateView(View):
    """A date is dealt with once: ORDERED, by the purchase `order_id`, which may fail and be refunded yet; or SKIPPED,
    and `reason` says why. Of several for which the desk was too late, the latest is ordered; `missed` is how many
    before it were not, from `missed_from` on."""

    due_at: InstantText
    outcome: Outcome
    order_id: str | None = Field(description="of the purchase: GET /purchases/{order_id} says what has become of it")
    reason: str | None
    missed: int
    missed_from: InstantText | None
    at: InstantText = Field(description="when it was dealt with")


class RecurringBuyPage(View):
    items: list[RecurringBuyView]
    cursor: str | None


class DatePage(View):
    items: list[DateView]
    cursor: str | None


@app.post("/recurring-buys", tags=["purchases"], summary="Buy coins daily, weekly or monthly")
def recur(body: RecurringBuyRequest, idempotency_key: IdempotencyKey) -> Response[RecurringBuyView]:
    """Its first date is now, or when you say. Each date is bought once; one on which the dollars are missing or the
    market is above your limit is skipped."""
    buys = recurring.amounts(body.asset_id, body.quantity, body.quote_amount, body.max_price)
    asked = Asked(buys, body.every, body.starts_at, body.ends_at)
    result = recurring_buys().plan(caller(app).owner, idempotency_key, asked)
    return answer(_view(result.made), HTTPStatus.CREATED, replayed=result.replayed)


@app.get("/recurring-buys", tags=["purchases"], summary="Your recurring buys, newest first")
def list_recurring_buys(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> RecurringBuyPage:
    """Each as it stands; the one that was made last comes first."""
    owner = caller(app).owner
    listed = f"GET /recurring-buys {owner}"
    page = recurring_buys().recurring_buys(owner, limit=limit, after=cursors().read(listed, cursor))
    return RecurringBuyPage(items=[_view(plan) for plan in page.items], cursor=cursors().write(listed, page.after))


@app.get("/recurring-buys/<plan_id>", tags=["purchases"], summary="One of your recurring buys")
def recurring_buy(plan_id: PlanId) -> RecurringBuyView:
    """When its next date is, and how many in a row were skipped."""
    return _view(recurring_buys().recurring_buy(caller(app).owner, plan_id))


@app.get("/recurring-buys/<plan_id>/dates", tags=["purchases"], summary="What became of its dates, the latest first")
def recurring_buy_dates(plan_id: PlanId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> DatePage:
    """Each with the purchase that it became, or why it was skipped."""
    owner = caller(app).owner
    listed = f"GET /recurring-buys/{plan_id}/dates {owner}"
    page = recurring_buys().dates(owner, plan_id, limit=limit, after=cursors().read(listed, cursor))
    return DatePage(items=[_date(told) for told in page.items], cursor=cursors().write(listed, page.after))


@app.patch("/recurring-buys/<plan_id>", tags=["purchases"], summary="Change a recurring buy")
def change_recurring_buy(plan_id: PlanId, body: RecurringBuyChange) -> RecurringBuyView:
    """From its next date on. What you do not name stays as it is; the version says which one you have read."""
    return _view(recurring_buys().change(caller(app).owner, plan_id, body.version, _changes(body)))


@app.post("/recurring-buys/<plan_id>/pause", tags=["purchases"], summary="Buy nothing until it is resumed")
def pause_recurring_buy(plan_id: PlanId) -> RecurringBuyView:
    """Dates that come meanwhile are not made good."""
    return _view(recurring_buys().pause(caller(app).owner, plan_id))


@app.post("/recurring-buys/<plan_id>/resume", tags=["purchases"], summary="Go on from its next date")
def resume_recurring_buy(plan_id: PlanId) -> RecurringBuyView:
    """Dates that have passed meanwhile are not made good."""
    return _view(recurring_buys().resume(caller(app).owner, plan_id))


@app.post("/recurring-buys/<plan_id>/cancel", tags=["purchases"], summary="Buy nothing any more")
def cancel_recurring_buy(plan_id: PlanId) -> RecurringBuyView:
    """What was bought stays yours, and what is being bought goes on."""
    return _view(recurring_buys().cancel(caller(app).owner, plan_id))


def _changes(body: RecurringBuyChange) -> Changes:
    """What is null was not named, but where null is a value."""
    given: dict[str, Any] = {name: getattr(body, name) for name in body.model_fields_set - {"version"}}
    given = {name: value for name, value in given.items() if value is not None or name in ("max_price", "ends_at")}
    for name, made in (("quote_amount", Money), ("max_price", Price)):
        if given.get(name) is not None:
            given[name] = made(given[name])
    return Changes(given)


def _view(plan: RecurringBuy) -> RecurringBuyView:
    buys = plan.terms
    return RecurringBuyView(
        plan_id=plan.plan_id,
        asset_id=buys.asset_id,
        quantity=None if buys.quantity is None else plain(buys.quantity),
        quote_amount=None if buys.quote_amount is None else str(buys.quote_amount),
        max_price=None if buys.max_price is None else str(buys.max_price),
        every=plan.rhythm.every,
        starts_at=plan.rhythm.starts_at,
        ends_at=plan.ends_at,
        status=plan.status,
        version=plan.version,
        next_at=plan.next_at,
        last_at=plan.last_at,
        skipped_in_row=plan.skipped,
        reason=plan.reason,
        created_at=plan.created_at,
        updated_at=plan.updated_at,
    )


def _date(told: DateTold) -> DateView:
    return DateView(
        due_at=told.due_at,
        outcome=told.outcome,
        order_id=told.order_id,
        reason=told.reason,
        missed=told.missed,
        missed_from=told.missed_from,
        at=told.at,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
