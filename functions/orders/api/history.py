"""What a customer's account was worth over time, and what assets were."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from common import aws, clock
from common.domain.catalogue.model import Step
from common.http import caller
from common.wire import Instant, InstantText, View
from functions.orders.api.door import AssetInPath, app, orders, text_of
from functions.orders.service.valuing import Valuing

Begin = Annotated[
    Instant | None, Query(alias="from", description="inclusive; left out, 30 days or 48 hours before the end")
]
End = Annotated[Instant | None, Query(alias="to", description="inclusive; left out, until now")]
Steps = Annotated[
    Step | None,
    Query(alias="step", description="DAY: at the beginning of each day, UTC; HOUR: at each full hour; left out, DAY"),
]


class WorthView(View):
    """What you had, free and held together, at a moment, before anything that moved at it. US dollars."""

    at: InstantText
    usd_balance: str = Field(description="your dollars")
    cost_basis: str = Field(description="what your coins of then had cost you")
    total_portfolio_value: str | None = Field(
        description="what your dollars and coins were worth together; null: the price of some is not known"
    )
    unrealised_gain: str | None = Field(
        description="what your coins were worth above their cost; null: the price of some is not known"
    )
    realised_gain: str = Field(description="what all sales until then had brought above their cost")
    without_price: list[str] = Field(description="the assets that you had, and whose price of then is not known")


class PortfolioHistoryView(View):
    """A price that is not known is not guessed: `complete` says that all were."""

    step: Step
    complete: bool
    items: list[WorthView] = Field(description="oldest first; the last is of now, if you have not told `to`")


class PastPriceView(View):
    at: InstantText
    price: str = Field(description="dollars for one unit: the last price that there was at that moment")
    price_source: str
    price_as_of: InstantText = Field(description="since when it was the price there")


class PriceHistoryView(View):
    asset_id: str
    step: Step
    items: list[PastPriceView] = Field(description="oldest first; a moment whose price is not known is not there")


@app.get("/portfolio/history", tags=["holdings"], summary="What it was all worth, step by step")
def portfolio_history(since: Begin = None, until: End = None, asked: Steps = None) -> PortfolioHistoryView:
    """At each step what you had then, at the price of then, which is kept for each full hour; at most 400 steps."""
    step = asked or Step.DAY
    found = valuing().history(caller(app).owner, since, until, step)
    return PortfolioHistoryView(
        step=step,
        complete=not any(worth.without_price for worth in found),
        items=[
            WorthView(
                at=worth.at,
                usd_balance=str(worth.usd),
                cost_basis=str(worth.cost),
                total_portfolio_value=text_of(worth.value),
                unrealised_gain=text_of(worth.unrealised_gain),
                realised_gain=str(worth.realised_gain),
                without_price=list(worth.without_price),
            )
            for worth in found
        ],
    )


@app.get("/assets/<asset_id>/prices", tags=["catalogue"], summary="What an asset was worth, step by step")
def asset_prices(
    asset_id: AssetInPath, since: Begin = None, until: End = None, asked: Steps = None
) -> PriceHistoryView:
    """The price at each full hour, or at the beginning of each day, where the desk knew one; at most 400 steps."""
    caller(app)
    step = asked or Step.DAY
    found = valuing().prices(asset_id, since, until, step)
    return PriceHistoryView(
        asset_id=asset_id,
        step=step,
        items=[
            PastPriceView(
                at=known.at,
                price=str(known.quote.price),
                price_source=known.quote.source,
                price_as_of=known.quote.as_of,
            )
            for known in found
        ],
    )


@cache
def valuing() -> Valuing:
    return Valuing(aws.table(), orders().catalogue, clock.now)
