"""Orders: placing, listing, cancelling; and what an operator does about one that is stuck."""

from __future__ import annotations

from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from common import aws
from common.domain.story_versions import acted
from common.http import IdempotencyKey, answer, caller
from common.idempotency import Replayable
from common.keys import ORDER_ID_PATTERN
from common.money import Money, Price, plain
from common.pages import LIMIT_DEFAULT, why_short
from common.wire import (
    Amount,
    AssetId,
    CustomersAct,
    Dollars,
    Instant,
    InstantText,
    OperatorOutcomeView,
    RequestBody,
    View,
    WhyShort,
)
from functions.orders.api.door import AssetInQuery, Limit, OrderId, Since, Until, app, cursors, orders, text_of
from functions.orders.model import ListedType, Order, OtherOrder, Side, Status, Terms

ROUTES = {  # that tell orders of other contexts
    ListedType.BUY: "/purchases",
    ListedType.SELL: "/crypto/order/sell",
    ListedType.SALE: "/sales",
    ListedType.MARKET_MAKING: "/market-making/orders",
}


class OrderRequest(RequestBody):
    """Exactly one of `quantity` and `quote_amount`: what you spend with the fee, or get after it. With `order_price` it
    is a limit order, otherwise one at the market, which `max_price` (a buy) or `min_price` (a sale) protects, whatever
    the fee; or one at the price and the fee of a quote, `quote_id`, for just what that was asked for."""

    asset_id: AssetId
    order_type: Side
    quantity: Amount | None = None
    quote_amount: Dollars | None = None
    order_price: Amount | None = None
    expires_at: Instant | None = None
    max_price: Amount | None = None
    min_price: Amount | None = None
    quote_id: Annotated[str | None, Field(pattern=ORDER_ID_PATTERN)] = None


class AnyOrderView(View):
    order_id: str
    username: str
    asset_id: str
    quantity: str
    reason: str | None
    order_price: str | None
    expires_at: InstantText | None
    held_amount: str | None = Field(description="dollars that a pending buy reserves, with its fee")
    price_per_unit: str | None
    price_source: str | None
    price_as_of: InstantText | None
    total_amount: str | None
    created_at: InstantText
    updated_at: InstantText


class OrderView(AnyOrderView):
    """Prices and totals are US dollars. A pending order has no `price_per_unit`, `total_amount` and `fee_amount` yet.
    `total_amount` is what has moved your dollars: of a buy with the fee, of a sale after it."""

    order_type: Side
    status: Status
    quote_id: str | None = Field(description="of the quote at which it was placed")
    fee_bps: int = Field(
        description="what it pays, in basis points of what is traded, as it was when the order was accepted"
    )
    fee_amount: str | None = Field(description="dollars: what of the trade is the desk's, rounded up to the cent")


class ListedOrderView(AnyOrderView):
    """An order of any kind. For one that is not of `POST /orders` only what all kinds have is told here: `route` has
    the rest, and its statuses are its own. A market-making order has the base asset's quantity.

    Of what was bought or sold at an exchange, `price_per_unit` is the average: of a purchase with its fees, of a
    cash-out before them."""

    order_type: ListedType
    status: str
    executed_quantity: str | None = Field(description="what was bought or sold of it")
    fee_amount: str | None = Field(
        description="dollars: what the exchange took of the total for its fee; of `POST /orders`, what the desk did"
    )
    fee_quantity: str | None = Field(description="coins: what the exchange kept of those bought for you for its fee")
    route: str = Field(description="where the order is told in full")


class OrderPage(View):
    items: list[ListedOrderView]
    short: WhyShort
    cursor: str | None = Field(description="of the next page; none: this is the last")


class CancelledPage(View):
    items: list[OrderView]
    cursor: str | None = Field(description="send it to go on; none: nothing is left")


@app.post("/orders", tags=["orders"], summary="Buy or sell")
def place(body: OrderRequest, idempotency_key: IdempotencyKey) -> Response[OrderView]:
    """At the market it is done in this request; with `order_price` it rests in the desk's book until the market gets
    there. Asking again with the same Idempotency-Key gives the same order."""
    asked = Terms(
        asset_id=body.asset_id,
        order_type=body.order_type,
        quantity=body.quantity,
        quote_amount=_money(body.quote_amount),
        order_price=_price(body.order_price),
        expires_at=body.expires_at,
        max_price=_price(body.max_price),
        min_price=_price(body.min_price),
        quote_id=body.quote_id,
    )
    return _placed(orders().place(caller(app).owner, idempotency_key, asked), HTTPStatus.CREATED)


@app.get("/orders", tags=["orders"], summary="Your orders, newest first")
def list_orders(
    asset_id: AssetInQuery = None,
    status: Status | None = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> OrderPage:
    """Of all kinds: of the desk's book, purchases, sales, cash-outs and market making. `route` tells where each is
    told in full."""
    owner = caller(app).owner
    listed = f"GET /orders {owner} {asset_id} {status} {since} {until}"
    after = cursors().read(listed, cursor)
    page = orders().orders(owner, asset_id=asset_id, status=status, since=since, until=until, limit=limit, after=after)
    return OrderPage(
        items=[_listed(order) for order in page.items],
        short=why_short(page, limit),
        cursor=cursors().write(listed, page.after),
    )


@app.get("/orders/<order_id>", tags=["orders"], summary="One of your orders")
def order(order_id: OrderId) -> OrderView:
    """Of the desk's book. Those of other kinds have routes of their own."""
    return _order(orders().order(caller(app).owner, order_id))


@app.post("/orders/<order_id>/cancel", tags=["orders"], summary="Take a pending order back")
def cancel(order_id: OrderId) -> Response[OrderView]:
    """What it held is free again. Asking again changes nothing."""
    return _placed(orders().cancel(caller(app).owner, order_id), HTTPStatus.OK)


@app.post("/orders/cancel-all", tags=["orders"], summary="Take pending orders back, a page at a time")
def cancel_all(asset_id: AssetInQuery = None, cursor: str | None = None) -> CancelledPage:
    """Answers with the orders it cancelled. Ask again with the cursor until there is none."""
    owner = caller(app).owner
    listed = f"POST /orders/cancel-all {owner} {asset_id}"
    page = orders().cancel_all(owner, asset_id, cursors().read(listed, cursor))
    return CancelledPage(items=[_order(order) for order in page.items], cursor=cursors().write(listed, page.after))


@app.post("/operations/orders/<order_id>/fail", tags=["operators"], summary="End an order that can not be carried out")
def fail(order_id: OrderId, body: CustomersAct) -> OperatorOutcomeView:
    """What it held is free again, and its customer reads why."""
    operator = caller(app).must_be_operator()
    act, told = orders().fail, body.public_reason
    return acted(
        aws.table(),
        order_id,
        body,
        lambda tried: act(order_id, body.reason, operator, public_reason=told, dry_run=tried),
    )


def _money(usd: Decimal | None) -> Money | None:
    return None if usd is None else Money(usd)


def _price(usd_per_unit: Decimal | None) -> Price | None:
    return None if usd_per_unit is None else Price(usd_per_unit)


def _placed(result: Replayable[Order], status: HTTPStatus) -> Response[OrderView]:
    return answer(_order(result.made), status, replayed=result.replayed)


def _listed(order: Order | OtherOrder) -> ListedOrderView:
    if isinstance(order, Order):
        told = {**_told(order), "order_type": ListedType(order.order_type)}
        return ListedOrderView(
            **told,
            status=order.status,
            executed_quantity=plain(order.quantity.amount) if order.status is Status.COMPLETED else None,
            fee_amount=text_of(order.fee),
            fee_quantity=None,
            route=f"GET /orders/{order.order_id}",
        )
    return ListedOrderView(
        order_id=order.order_id,
        username=order.owner.username,
        asset_id=order.quantity.asset_id,
        order_type=order.order_type,
        quantity=plain(order.quantity.amount),
        status=order.status,
        reason=order.reason,
        order_price=None,
        expires_at=order.expires_at,
        held_amount=text_of(order.held),
        price_per_unit=text_of(order.price_per_unit),
        price_source=order.price_source,
        price_as_of=order.price_as_of,
        total_amount=text_of(order.total_amount),
        created_at=order.created_at,
        updated_at=order.updated_at,
        executed_quantity=None if order.executed is None else plain(order.executed.amount),
        fee_amount=text_of(order.fee),
        fee_quantity=None if order.fee_in_coins is None else plain(order.fee_in_coins.amount),
        route=f"GET {ROUTES[order.order_type]}/{order.order_id}",
    )


def _order(order: Order) -> OrderView:
    return OrderView(
        **_told(order),
        status=order.status,
        quote_id=order.quote_id,
        fee_bps=order.fee_bps,
        fee_amount=text_of(order.fee),
    )


def _told(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "username": order.owner.username,
        "asset_id": order.quantity.asset_id,
        "order_type": order.order_type,
        "quantity": plain(order.quantity.amount),
        "reason": order.reason,
        "order_price": text_of(order.order_price),
        "expires_at": order.expires_at,
        "held_amount": text_of(order.hold) if order.status is Status.PENDING else None,
        "price_per_unit": text_of(order.price_per_unit),
        "price_source": order.price_source,
        "price_as_of": order.price_as_of,
        "total_amount": text_of(order.total_amount),
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }
