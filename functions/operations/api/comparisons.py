"""What outside systems have done in our name, day by day, held against what is booked; and the books as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from common.domain.comparisons import Comparison, Line
from common.http import caller
from common.money import plain
from common.wire import Day, InstantText, RequestBody, View
from functions.operations.api.door import app
from functions.operations.wiring import comparing_bank, comparing_exchange, cross_checking


class ComparisonRequest(RequestBody):
    """Which day is to be compared, again perhaps. It must be over."""

    date: Day


class AskedView(View):
    """A day that is compared within a quarter of an hour."""

    of: str
    date: str


class PayoutComparedView(View):
    """`there` and `booked` in dollars; of all of them together where `id` is `all together`."""

    id: str = Field(description="the bank's own, of an adjustment")
    order_id: str | None = Field(description="the order of ours that it names; - where it names none")
    there: str = Field(description="paid by the bank")
    booked: str = Field(description="paid by our books")
    verdict: str = Field(description="AGREES; OFF, for certain; or UNKNOWN")
    why: str


class BankComparisonView(View):
    """What the bank has done on a day, held against our payouts. `verdict` is the worst of its lines."""

    of: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared_by: str
    compared: int = Field(description="the number of adjustments")
    payouts: list[PayoutComparedView] = Field(description="those that do not agree, 500 at most, and the sum of all")


@app.get("/operations/compare/bank", tags=["operators"], summary="What the comparison of a day with the bank has found")
def comparison_with_bank(date_: Annotated[Day | None, Query(alias="date")] = None) -> BankComparisonView:
    """Without a date, of the last day that was compared: each day is, once it is over."""
    caller(app).must_be_viewer()
    return _compared(comparing_bank().found(None if date_ is None else date.fromisoformat(date_)))


@app.post("/operations/compare/bank", tags=["operators"], summary="Have a day compared with the bank")
def compare_bank(body: ComparisonRequest) -> AskedView:
    """It is done by the clock, within a quarter of an hour: nothing that operators call has the bank's key."""
    operator = caller(app).must_be_operator()
    comparing_bank().ask(date.fromisoformat(body.date), operator)
    return AskedView(of="bank", date=body.date)


class OrderComparedView(View):
    """`there` and `booked` in dollars, before fees; of all of them together where `id` is `all together`."""

    id: str = Field(description="the exchange's own, of an order")
    order_id: str | None = Field(description="the order of ours that it was placed for; - where there is none")
    there: str = Field(description="executed by the exchange")
    booked: str = Field(description="executed by our books")
    verdict: str = Field(description="AGREES; OFF, for certain; or UNKNOWN")
    why: str


class ExchangeComparisonView(View):
    """What the desk's account at the exchange has done on a day, held against our orders. `verdict` is the worst of its
    lines."""

    of: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared_by: str
    compared: int = Field(description="the number of orders")
    orders: list[OrderComparedView] = Field(description="those that do not agree, 500 at most, and the sum of all")


@app.get(
    "/operations/compare/exchange",
    tags=["operators"],
    summary="What the comparison of a day with the exchange has found",
)
def comparison_with_exchange(date_: Annotated[Day | None, Query(alias="date")] = None) -> ExchangeComparisonView:
    """Without a date, of the last day that was compared: each day is, once it is over."""
    caller(app).must_be_viewer()
    found = comparing_exchange().found(None if date_ is None else date.fromisoformat(date_))
    return ExchangeComparisonView(
        of=found.of,
        verdict=found.verdict,
        compared_at=found.at,
        compared_by=found.by,
        compared=found.assets,
        orders=[OrderComparedView(**_line(line)) for line in found.lines],
    )


@app.post("/operations/compare/exchange", tags=["operators"], summary="Have a day compared with the exchange")
def compare_exchange(body: ComparisonRequest) -> AskedView:
    """It is done by the clock, within a quarter of an hour: nothing that operators call has the exchange's
    key."""
    operator = caller(app).must_be_operator()
    comparing_exchange().ask(date.fromisoformat(body.date), operator)
    return AskedView(of="exchange", date=body.date)


class AccountSumView(View):
    """`amount` in units of the asset, below zero where it has given more than it got."""

    account: str
    amount: str


class AssetBooksView(View):
    """One asset: what the desk's own account has of it and where that came from, and every account of the books. `sum`
    adds up the accounts, and must be 0: otherwise one side of something is missing."""

    asset_id: str
    desk: str
    why: list[AccountSumView] = Field(description="the desk's, by what it came from: sell_order, batch, snapshot …")
    accounts: list[AccountSumView]
    sum: str


class DeskBooksView(View):
    """The trial balance of the last pass over the books: of everything that was over by `until`."""

    until: InstantText
    balanced: bool = Field(description="every sum is 0")
    assets: list[AssetBooksView]


@app.get("/operations/desk", tags=["operators"], summary="The desk's own account, and the trial balance of the books")
def desk_books() -> DeskBooksView:
    """It is made twice a day, of things that are over: they add up to 0 whatever else moves."""
    caller(app).must_be_viewer()
    trial = cross_checking().balance()
    assets = [
        AssetBooksView(
            asset_id=asset_id,
            desk=plain(of.get("desk", Decimal(0))),
            why=_sums(trial.why.get(asset_id, {})),
            accounts=_sums(of),
            sum=plain(trial.sum_of(asset_id)),
        )
        for asset_id, of in sorted(trial.sums.items())
    ]
    balanced = all(trial.sum_of(asset_id) == 0 for asset_id in trial.sums)
    return DeskBooksView(until=trial.until, balanced=balanced, assets=assets)


class BooksAskedView(View):
    asked_at: InstantText


@app.post("/operations/desk", tags=["operators"], summary="Have the books added up now")
def add_up_books() -> BooksAskedView:
    """A pass over all of the books begins within five minutes. It adds up what was over five minutes before that."""
    return BooksAskedView(asked_at=cross_checking().ask(caller(app).must_be_operator()))


def _sums(of: Mapping[str, Decimal]) -> list[AccountSumView]:
    return [AccountSumView(account=name, amount=plain(amount)) for name, amount in sorted(of.items())]


def _line(line: Line) -> dict[str, Any]:
    return {
        "id": line.asset_id,
        "order_id": line.name,
        "there": plain(line.there),
        "booked": plain(line.booked_together),
        "verdict": line.verdict,
        "why": line.why,
    }


def _compared(found: Comparison) -> BankComparisonView:
    return BankComparisonView(
        of=found.of,
        verdict=found.verdict,
        compared_at=found.at,
        compared_by=found.by,
        compared=found.assets,
        payouts=[PayoutComparedView(**_line(line)) for line in found.lines],
    )
