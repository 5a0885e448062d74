"""HTTP: market-making orders of customers."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator, Field

from common import aws, clock, http
from common.http import IdempotencyKey, answer, caller
from common.keys import ORDER_ID_PATTERN
from common.money import Quantity, fraction_digits, plain
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import Amount, InstantText, RequestBody, View
from functions.market_making.model import CUSTODY_DECIMALS, Order, Pair, Status, Terms
from functions.market_making.service.opening import memo_of, to_pay
from functions.market_making.wiring import opening, quoting

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$", examples=["BTC-USDT"])]
CampaignId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,64}$")]


def _payable(amount: Decimal) -> Decimal:
    if fraction_digits(amount) > CUSTODY_DECIMALS:
        raise ValueError(f"a transfer has at most {CUSTODY_DECIMALS} decimals")
    return amount


Payable = Annotated[Amount, AfterValidator(_payable)]


class MarketMakingRequest(RequestBody):
    """Open an order that makes a market in `pair`, with so much of its base and quote asset."""

    pair: Symbol
    exchange: Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$")] = "binance"
    base_quantity: Payable
    quote_quantity: Payable
    campaign_id: CampaignId | None = None


class TransferView(View):
    """One transfer to make. Transfers of one asset may be made together."""

    purpose: str = Field(description="base, quote, base_fee or quote_fee")
    asset_id: str = Field(description="at Mixin")
    quantity: str


class MarketMakingOrderView(View):
    """Pay it by transfers at Mixin, each with `memo`. `status` moves from payment_pending to payment_complete, over
    withdrawing and deposit_confirmed to created, and to running, while it quotes. What is not paid in time comes back
    (failed, then refunded). You stop it and bring your money home: stopping, stopped, returning, returned."""

    order_id: str
    order_type: str
    pair: str
    exchange: str
    status: Status
    memo: str = Field(description="what each of its transfers has to carry")
    transfers: list[TransferView] = Field(description="what is to be paid, fees among it")
    pay_by: InstantText = Field(description="when the time for its payment is over")
    base_quantity: str | None = Field(description="what has gone to the exchange")
    quote_quantity: str | None
    market_making_fee: str | None = Field(description="of the quote asset, for us")
    campaign_id: str | None
    reason: str | None
    created_at: InstantText
    updated_at: InstantText


class MarketMakingOrderPage(View):
    items: list[MarketMakingOrderView]
    cursor: str | None


class PairView(View):
    pair_id: str
    pair: str
    exchange: str
    base_asset_id: str
    quote_asset_id: str
    base_min: str = Field(description="an order needs so much at least")
    quote_min: str
    fee_bps: str = Field(description="of the quote asset, in basis points (1 = 0.01 %), once it is paid")


class PairList(View):
    items: list[PairView]


@app.post("/market-making/orders", tags=["market making"], summary="Open a market-making order")
def open_market_making(body: MarketMakingRequest, idempotency_key: IdempotencyKey) -> Response[MarketMakingOrderView]:
    owner = caller(app).owner
    asked = Terms(
        pair_id=opening().named(body.exchange, body.pair),
        base=body.base_quantity,
        quote=body.quote_quantity,
        campaign_id=body.campaign_id,
    )
    result = opening().open(owner, idempotency_key, asked)
    return answer(_view(result.made), HTTPStatus.CREATED, replayed=result.replayed)


@app.get("/market-making/orders", tags=["market making"], summary="Your market-making orders, newest first")
def market_making_orders(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> MarketMakingOrderPage:
    owner = caller(app).owner
    listed = f"GET /market-making/orders {owner}"
    page = opening().orders(owner, limit=limit, after=cursors().read(listed, cursor))
    return MarketMakingOrderPage(
        items=[_view(order) for order in page.items], cursor=cursors().write(listed, page.after)
    )


@app.get("/market-making/orders/<order_id>", tags=["market making"], summary="How a market-making order stands")
def market_making_order(order_id: OrderId) -> MarketMakingOrderView:
    return _view(opening().order(caller(app).owner, order_id))


@app.post("/market-making/orders/<order_id>/stop", tags=["market making"], summary="End its quotes")
def stop_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """The money stays at the exchange, until it is withdrawn."""
    opening().order(caller(app).owner, order_id)
    return _view(quoting().stop(order_id))


@app.post("/market-making/orders/<order_id>/withdraw", tags=["market making"], summary="Bring its money home")
def withdraw_market_making(order_id: OrderId) -> MarketMakingOrderView:
    """All of it goes back to who paid, less what withdrawing costs; an order that quotes is stopped first."""
    opening().order(caller(app).owner, order_id)
    return _view(quoting().withdraw(order_id))


@app.get("/market-making/pairs", tags=["market making"], summary="What can be quoted here")
def pairs() -> PairList:
    return PairList(items=[_pair(pair) for pair in opening().pairs()])


def _pair(pair: Pair) -> PairView:
    return PairView(
        pair_id=str(pair.pair_id),
        pair=pair.symbol,
        exchange=pair.exchange,
        base_asset_id=pair.base_asset_id,
        quote_asset_id=pair.quote_asset_id,
        base_min=plain(pair.base_min),
        quote_min=plain(pair.quote_min),
        fee_bps=plain(pair.fee_bps),
    )


def _view(order: Order) -> MarketMakingOrderView:
    def amount(quantity: Quantity | None) -> str | None:
        return None if quantity is None else plain(quantity.amount)

    return MarketMakingOrderView(
        order_id=order.order_id,
        order_type="MARKET_MAKING",
        pair=order.symbol,
        exchange=order.exchange,
        status=order.status,
        memo=memo_of(order),
        transfers=[
            TransferView(purpose=part.purpose, asset_id=part.quantity.asset_id, quantity=plain(part.quantity.amount))
            for part in to_pay(order)
        ],
        pay_by=order.payment_due_at,
        base_quantity=amount(order.base),
        quote_quantity=amount(order.quote),
        market_making_fee=amount(order.fee),
        campaign_id=order.campaign_id,
        reason=order.reason,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, opening)
