"""What can be traded, and at what price."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from pydantic import Field

from common import clock
from common.domain.catalogue.model import AssetInactive, Execution, Listing, PriceUnavailable
from common.domain.fees import Tier
from common.domain.ledger.model import PriceStatus
from common.http import caller
from common.wire import InstantText, View
from functions.orders.api.door import AssetInPath, app, orders
from functions.orders.model import Side, tradable_quote


class AssetView(View):
    asset_id: str
    name: str
    active: bool
    execution: str = Field(description="INSTANT: POST /orders; EXCHANGE: POST /purchases, POST /sales")
    precision: int
    price_step: str = Field(description="of `POST /orders`: `order_price` is a multiple of it")
    min_notional: str
    max_notional: str
    price: str | None
    price_status: PriceStatus
    price_source: str | None
    price_as_of: InstantText | None
    price_age_seconds: int | None
    spread_bps: int = Field(description="of `POST /orders`: from `bid` to `ask`, in basis points of the price")
    fees_bps: dict[Tier, int] = Field(
        description="of `POST /orders`: what of the amount traded is the desk's, in basis points, by the tier that "
        "`GET /balance` tells; rounded up to the cent"
    )
    ask: str | None = Field(description="what you buy at by `POST /orders`; none where it is not traded so, or not now")
    bid: str | None = Field(description="what you sell at")
    slippage_max_bps: int = Field(
        description="of `POST /purchases` and `/sales`: how far above the price you may pay, and below it be paid"
    )
    unconfirmed_price: str | None = Field(
        description="where the price has jumped to, or begins; nothing is traded until that is confirmed"
    )


class AssetList(View):
    items: list[AssetView]


@app.get("/assets", tags=["catalogue"], summary="What can be traded, at what price")
def assets() -> AssetList:
    """With the price of now, and the rules that an order of it has to keep: least and most, decimals, fees."""
    caller(app)
    return AssetList(items=[_asset(listing) for _, listing in sorted(orders().catalogue.listings().items())])


@app.get("/assets/<asset_id>", tags=["catalogue"], summary="One asset")
def asset(asset_id: AssetInPath) -> AssetView:
    """With the price of now, and the rules that an order of it has to keep."""
    caller(app)
    return _asset(orders().catalogue.listing(asset_id))


def _asset(listing: Listing) -> AssetView:
    asset, now = listing.asset, clock.now()
    quote = listing.quote_at(now)
    fresh = PriceStatus.STALE if listing.stale(now) else PriceStatus.FRESH
    return AssetView(
        asset_id=asset.asset_id,
        name=asset.name,
        active=asset.active,
        execution=asset.execution,
        precision=asset.precision,
        price_step=str(asset.price_step),
        min_notional=str(asset.min_notional),
        max_notional=str(asset.max_notional),
        price=None if quote is None else str(quote.price),
        price_status=PriceStatus.MISSING if quote is None else fresh,
        price_source=None if quote is None else quote.source,
        price_as_of=None if quote is None else quote.as_of,
        price_age_seconds=None if quote is None else int(quote.age_seconds(now)),
        spread_bps=asset.spread_bps,
        fees_bps=asset.fees_bps.by_tier,
        ask=_side(listing, Side.BUY, now),
        bid=_side(listing, Side.SELL, now),
        slippage_max_bps=asset.slippage_max_bps,
        unconfirmed_price=None if listing.jump is None else str(listing.jump.quote.price),
    )


def _side(listing: Listing, side: Side, now: datetime) -> str | None:
    if listing.asset.execution is not Execution.INSTANT:
        return None
    with suppress(AssetInactive, PriceUnavailable):
        return str(tradable_quote(listing, side, now).price)
    return None
