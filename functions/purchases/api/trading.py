"""Purchases and sales over HTTP."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from common import aws
from common.domain.story_versions import acted
from common.http import IdempotencyKey, answer, caller
from common.money import Money, Price, plain
from common.wire import (
    Amount,
    AmountOrAll,
    AssetId,
    CustomersAct,
    Dollars,
    InstantText,
    OperatorOutcomeView,
    RequestBody,
    View,
)
from functions.purchases.api.door import OrderId, app
from functions.purchases.model import Purchase, Status, Terms
from functions.purchases.sale_model import Sale
from functions.purchases.sale_model import Terms as SaleTerms
from functions.purchases.service.purchasing import PoolState
from functions.purchases.strategy import Strategy
from functions.purchases.wiring import batches, purchases, sales


class PurchaseRequest(RequestBody):
    """Buy coins at the exchange, for a `quantity` or for a `quote_amount` of dollars. Your dollars are the limit: what
    is not spent comes back. With `max_price` nothing is bought above it, before the exchange's fee: in a pool, only
    where the others are too little without you, or the price with the slippage (`GET /assets`) is not above it."""

    asset_id: AssetId
    quantity: Amount | None = None
    quote_amount: Dollars | None = None
    max_price: Amount | None = None


class PurchaseView(View):
    """`status` moves from PENDING to COMPLETED, perhaps with less than was asked for (`reason` says why), to FAILED
    (nothing was bought, the dollars are free again), or to CANCELLED by you."""

    order_id: str
    order_type: str
    asset_id: str
    strategy: Strategy = Field(description="DIRECT: on its own; POOLED: with others, until they reach the minimum")
    quantity: str = Field(description="as asked for; or about what the dollars buy")
    quote_amount: str | None
    max_price: str | None
    held_amount: str = Field(description="dollars: the most that it can cost")
    price: str = Field(description="of one unit, when it was asked for")
    price_source: str
    price_as_of: InstantText
    status: Status
    batch_id: str = Field(description="the batch that it is bought with: one order at the exchange for all its members")
    expires_at: InstantText | None = Field(description="when its pool expires, if it has not filled by then")
    executed_quantity: str | None = Field(description="what was bought for you")
    total_amount: str | None = Field(description="what you paid for it")
    refunded_amount: str | None = Field(description="what went back of what was held")
    reason: str | None
    created_at: InstantText
    updated_at: InstantText


class ShardView(View):
    waiting_amount: str = Field(description="dollars that wait in it")
    purchases: int
    expires_at: InstantText | None


class PoolView(View):
    """Purchases of less than `min_notional` wait in a pool until they reach it together. A hot one has several
    shards, each of which fills by itself."""

    asset_id: str
    min_notional: str
    top_up: bool = Field(description="at the deadline the desk adds what is missing; otherwise the dollars go back")
    shards: list[ShardView]


class PoolList(View):
    items: list[PoolView]


@app.post("/purchases", tags=["purchases"], summary="Buy coins at the exchange")
def buy(body: PurchaseRequest, idempotency_key: IdempotencyKey) -> Response[PurchaseView]:
    """At once, or together with others' where it is too small for the exchange. Your dollars are the limit, and what
    is not spent comes back."""
    asked = Terms(
        asset_id=body.asset_id,
        quantity=body.quantity,
        quote_amount=None if body.quote_amount is None else Money(body.quote_amount),
        max_price=None if body.max_price is None else Price(body.max_price),
    )
    result = purchases().buy(caller(app).owner, idempotency_key, asked)
    return answer(_view(result.made), HTTPStatus.CREATED, replayed=result.replayed)


@app.get("/purchases/pools", tags=["purchases"], summary="What small purchases wait for")
def pools() -> PoolList:
    """How much waits in each, and until when it waits."""
    return PoolList(items=[_pool(state) for state in purchases().pools()])


@app.get("/purchases/<order_id>", tags=["purchases"], summary="What became of a purchase")
def purchase(order_id: OrderId) -> PurchaseView:
    """With what it has brought, and at what price."""
    return _view(purchases().purchase(caller(app).owner, order_id))


@app.post("/purchases/<order_id>/cancel", tags=["purchases"], summary="Leave the pool, as long as it is not full")
def cancel_purchase(order_id: OrderId) -> PurchaseView:
    """Your dollars are free again."""
    return _view(purchases().cancel(caller(app).owner, order_id))


class SaleRequest(RequestBody):
    """Sell coins at the exchange: a `quantity`, or `all` that you have free. With `min_price` nothing is sold below it,
    before the exchange's fee."""

    asset_id: AssetId
    quantity: AmountOrAll
    min_price: Amount | None = None


class SaleView(View):
    """`status` moves from PENDING to COMPLETED, perhaps with less than was asked for (`reason` says why), to FAILED
    (nothing was sold, the coins are free again), or to CANCELLED by you."""

    order_id: str
    order_type: str
    asset_id: str
    strategy: Strategy = Field(description="DIRECT: on its own; POOLED: with others, until they reach the minimum")
    quantity: str = Field(description="what is held for it: as asked for, or all that was free")
    all: bool = Field(description="whether it was all that was free")
    min_price: str | None
    price: str = Field(description="of one unit, when it was asked for")
    price_source: str
    price_as_of: InstantText
    status: Status
    batch_id: str = Field(description="the batch that it is sold with: one order at the exchange for all its members")
    expires_at: InstantText | None = Field(description="when its pool is sold, if it has not filled by then")
    executed_quantity: str | None = Field(description="what was sold for you")
    total_amount: str | None = Field(description="the dollars that you got for it, the exchange's fee taken off")
    returned_quantity: str | None = Field(description="what went back of what was held")
    reason: str | None
    created_at: InstantText
    updated_at: InstantText


class SaleShardView(View):
    waiting_quantity: str = Field(description="coins that wait in it")
    sales: int
    expires_at: InstantText | None


class SalePoolView(View):
    """Sales worth less than `min_notional` wait in a pool until they are worth it together, or its deadline: then it is
    sold as it is."""

    asset_id: str
    min_notional: str
    shards: list[SaleShardView]


class SalePoolList(View):
    items: list[SalePoolView]


@app.post("/sales", tags=["purchases"], summary="Sell coins at the exchange")
def sell_coins(body: SaleRequest, idempotency_key: IdempotencyKey) -> Response[SaleView]:
    """At once, or together with others' where it is too small for the exchange. You get what your part has brought,
    less the exchange's fee."""
    asked = SaleTerms(
        asset_id=body.asset_id,
        quantity=body.quantity if isinstance(body.quantity, Decimal) else None,
        min_price=None if body.min_price is None else Price(body.min_price),
    )
    result = sales().sell(caller(app).owner, idempotency_key, asked)
    return answer(_sale_view(result.made), HTTPStatus.CREATED, replayed=result.replayed)


@app.get("/sales/pools", tags=["purchases"], summary="What small sales wait for")
def sale_pools() -> SalePoolList:
    """How much waits in each, and until when it waits."""
    return SalePoolList(items=[_sale_pool(state) for state in sales().pools()])


@app.get("/sales/<order_id>", tags=["purchases"], summary="What became of a sale")
def sale(order_id: OrderId) -> SaleView:
    """With what it has brought, and at what price."""
    return _sale_view(sales().sale(caller(app).owner, order_id))


@app.post("/sales/<order_id>/cancel", tags=["purchases"], summary="Leave the pool, as long as it is not full")
def cancel_sale(order_id: OrderId) -> SaleView:
    """Your coins are free again."""
    return _sale_view(sales().cancel(caller(app).owner, order_id))


@app.post("/operations/batches/<batch_id>/void", tags=["operators"], summary="Refund a batch that can not be traded")
def void_batch(batch_id: OrderId, body: CustomersAct) -> OperatorOutcomeView:
    """Nothing of it was traded, and nothing can be any more: each member gets back what is his."""
    operator = caller(app).must_be_operator()
    act, told = batches().void, body.public_reason
    return acted(
        aws.table(),
        batch_id,
        body,
        lambda tried: act(batch_id, body.reason, operator, public_reason=told, dry_run=tried),
    )


def _pool(state: PoolState) -> PoolView:
    return PoolView(
        asset_id=state.asset.asset_id,
        min_notional=str(state.asset.min_notional),
        top_up=state.asset.pool_top_up,
        shards=[
            ShardView(waiting_amount=str(pool.total), purchases=pool.members, expires_at=pool.due_at)
            for pool in state.shards
        ],
    )


def _view(purchase: Purchase) -> PurchaseView:
    over, paid = purchase.status is not Status.PENDING, purchase.total_amount or Money(0)
    return PurchaseView(
        order_id=purchase.order_id,
        order_type="BUY",
        asset_id=purchase.asset_id,
        strategy=purchase.strategy,
        quantity=plain(purchase.quantity.amount),
        quote_amount=None if purchase.quote_amount is None else str(purchase.quote_amount),
        max_price=None if purchase.max_price is None else str(purchase.max_price),
        held_amount=str(purchase.held),
        price=str(purchase.quote.price),
        price_source=purchase.quote.source,
        price_as_of=purchase.quote.as_of,
        status=purchase.status,
        batch_id=purchase.batch_id,
        expires_at=purchase.expires_at,
        executed_quantity=None if purchase.executed is None else plain(purchase.executed.amount),
        total_amount=None if purchase.total_amount is None else str(purchase.total_amount),
        refunded_amount=str(purchase.held - paid) if over else None,
        reason=purchase.reason,
        created_at=purchase.created_at,
        updated_at=purchase.updated_at,
    )


def _sale_pool(state: PoolState) -> SalePoolView:
    return SalePoolView(
        asset_id=state.asset.asset_id,
        min_notional=str(state.asset.min_notional),
        shards=[
            SaleShardView(waiting_quantity=plain(pool.units), sales=pool.members, expires_at=pool.due_at)
            for pool in state.shards
        ],
    )


def _sale_view(sale: Sale) -> SaleView:
    over, held = sale.status is not Status.PENDING, sale.quantity
    returned = held if sale.executed is None else held - sale.executed
    return SaleView(
        order_id=sale.order_id,
        order_type="SALE",
        asset_id=sale.asset_id,
        strategy=sale.strategy,
        quantity=plain(held.amount),
        all=sale.sells_all,
        min_price=None if sale.min_price is None else str(sale.min_price),
        price=str(sale.quote.price),
        price_source=sale.quote.source,
        price_as_of=sale.quote.as_of,
        status=sale.status,
        batch_id=sale.batch_id,
        expires_at=sale.expires_at,
        executed_quantity=None if sale.executed is None else plain(sale.executed.amount),
        total_amount=None if sale.total_amount is None else str(sale.total_amount),
        returned_quantity=plain(returned.amount) if over else None,
        reason=sale.reason,
        created_at=sale.created_at,
        updated_at=sale.updated_at,
    )
