"""HTTP: orders, holdings, portfolio, and the catalogue they are placed against."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock, http
from common.domain.catalogue.model import AssetInactive, Execution, Listing, PriceUnavailable
from common.domain.catalogue.store import Catalogue
from common.domain.ledger.model import AssetTransaction, Holding, Position, PriceStatus
from common.http import IdempotencyKey, answer, caller
from common.idempotency import Replayable
from common.keys import ASSET_ID_PATTERN, ORDER_ID_PATTERN
from common.money import Money, Price, plain
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors
from common.settings import settings
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
)
from functions.orders.model import ListedType, Order, OtherOrder, Side, Status, Terms, tradable_quote
from functions.orders.quotes import FirmQuote
from functions.orders.service import Orders

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
AssetInPath = Annotated[str, Path(pattern=ASSET_ID_PATTERN)]
AssetInQuery = Annotated[str | None, Query(pattern=ASSET_ID_PATTERN)]
Since = Annotated[Instant | None, Query(alias="from", description="inclusive")]
Until = Annotated[Instant | None, Query(alias="to", description="exclusive")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
ROUTES = {  # that tell orders of other contexts
    ListedType.BUY: "/purchases",
    ListedType.SELL: "/crypto/order/sell",
    ListedType.SALE: "/sales",
    ListedType.MARKET_MAKING: "/market-making/orders",
}


class OrderRequest(RequestBody):
    """Exactly one of `quantity` and `quote_amount`. With `order_price` it is a limit order, otherwise one at the
    market, which `max_price` (a buy) or `min_price` (a sale) protects; or one at the price of a quote, `quote_id`, for
    just what that was asked for."""

    asset_id: AssetId
    order_type: Side
    quantity: Amount | None = None
    quote_amount: Dollars | None = None
    order_price: Amount | None = None
    expires_at: Instant | None = None
    max_price: Amount | None = None
    min_price: Amount | None = None
    quote_id: Annotated[str | None, Field(pattern=ORDER_ID_PATTERN)] = None


class QuoteRequest(RequestBody):
    """Exactly one of `quantity` and `quote_amount`: what the order is going to be for."""

    asset_id: AssetId
    order_type: Side
    quantity: Amount | None = None
    quote_amount: Dollars | None = None


class QuoteView(View):
    """What the order comes to, in US dollars, if it is placed with the `quote_id`, and for the same, before
    `expires_at`, wherever the market is by then."""

    quote_id: str
    asset_id: str
    order_type: Side
    quantity: str
    price_per_unit: str
    price_source: str
    price_as_of: InstantText
    total_amount: str
    created_at: InstantText
    expires_at: InstantText
    order_id: str | None = Field(description="of the order that was placed at it: a quote is good for one")


class AnyOrderView(View):
    order_id: str
    username: str
    asset_id: str
    quantity: str
    reason: str | None
    order_price: str | None
    expires_at: InstantText | None
    held_amount: str | None = Field(description="dollars that a pending buy reserves")
    price_per_unit: str | None
    price_source: str | None
    price_as_of: InstantText | None
    total_amount: str | None
    created_at: InstantText
    updated_at: InstantText


class OrderView(AnyOrderView):
    """Prices and totals are US dollars. A pending order has no `price_per_unit` and no `total_amount` yet."""

    order_type: Side
    status: Status
    quote_id: str | None = Field(description="of the quote at which it was placed")


class ListedOrderView(AnyOrderView):
    """An order of any kind. For one that is not of `POST /orders` only what all kinds have is told here: `route` has
    the rest, and its statuses are its own. A market-making order has the base asset's quantity."""

    order_type: ListedType
    status: str
    route: str = Field(description="where the order is told in full")


class OrderPage(View):
    items: list[ListedOrderView]
    cursor: str | None = Field(description="of the next page; none: this is the last")


class CancelledPage(View):
    items: list[OrderView]
    cursor: str | None = Field(description="send it to go on; none: nothing is left")


class AssetView(View):
    asset_id: str
    name: str
    active: bool
    execution: str = Field(description="INSTANT: POST /orders; EXCHANGE: POST /purchases, POST /sales")
    precision: int
    min_notional: str
    max_notional: str
    price: str | None
    price_status: PriceStatus
    price_source: str | None
    price_as_of: InstantText | None
    price_age_seconds: int | None
    spread_bps: int = Field(description="of `POST /orders`: from `bid` to `ask`, in basis points of the price")
    ask: str | None = Field(description="what you buy at by `POST /orders`; none where it is not traded so, or not now")
    bid: str | None = Field(description="what you sell at")
    unconfirmed_price: str | None = Field(
        description="where the price has jumped to, or begins; nothing is traded until that is confirmed"
    )


class AssetList(View):
    items: list[AssetView]


class HoldingView(View):
    """`quantity` is free, `held_quantity` reserved for open sales; cost is spread over both."""

    asset_id: str
    quantity: str
    held_quantity: str
    average_purchase_price: str | None
    cost_basis: str
    realised_gain: str
    total_bought: str
    total_sold: str
    last_transaction_at: InstantText
    updated_at: InstantText


class HoldingList(View):
    items: list[HoldingView]


class PositionView(HoldingView):
    """A missing or stale price is said, and a missing one gives no value rather than 0."""

    price: str | None
    price_status: PriceStatus
    price_as_of: InstantText | None
    market_value: str | None
    unrealised_gain: str | None
    allocation_percent: str | None


class PortfolioView(View):
    """US dollars. Totals are over the positions that have a price; `complete` says that all have a fresh one."""

    username: str
    usd_balance: str = Field(description="free and held dollars together")
    current_balance: str
    held_balance: str
    usd_allocation_percent: str | None
    asset_balances: list[PositionView]
    asset_count: int
    total_asset_value: str
    total_portfolio_value: str
    realised_gain: str
    unrealised_gain: str
    complete: bool
    as_of: InstantText


class TransactionView(View):
    """A line of the journal. `cost` and `realised_gain` are those of a sale."""

    asset_id: str
    transaction_type: str
    quantity: str
    price_per_unit: str
    total_amount: str
    cost: str | None
    realised_gain: str | None
    order_id: str
    status: str
    created_at: InstantText


class TransactionPage(View):
    items: list[TransactionView]
    cursor: str | None


@app.get("/assets", tags=["catalogue"], summary="What can be traded, at what price")
def assets() -> AssetList:
    caller(app)
    return AssetList(items=[_asset(listing) for _, listing in sorted(orders().catalogue.listings().items())])


@app.get("/assets/<asset_id>", tags=["catalogue"], summary="One asset")
def asset(asset_id: AssetInPath) -> AssetView:
    caller(app)
    return _asset(orders().catalogue.listing(asset_id))


@app.get("/assets/<asset_id>/transactions", tags=["holdings"], summary="Your trades of one asset, newest first")
def asset_transactions(
    asset_id: AssetInPath,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> TransactionPage:
    owner = caller(app).owner
    listed = f"GET /assets/{asset_id}/transactions {owner} {since} {until}"
    after = cursors().read(listed, cursor)
    page = orders().history(owner, asset_id, since=since, until=until, limit=limit, after=after)
    return TransactionPage(items=[_line(line) for line in page.items], cursor=cursors().write(listed, page.after))


@app.post("/orders", tags=["orders"], summary="Buy or sell")
def place(body: OrderRequest, idempotency_key: IdempotencyKey) -> Response[OrderView]:
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


@app.post("/quotes", tags=["orders"], summary="A price that is good for 15 seconds")
def quote(body: QuoteRequest, idempotency_key: IdempotencyKey) -> Response[QuoteView]:
    asked = Terms(
        asset_id=body.asset_id,
        order_type=body.order_type,
        quantity=body.quantity,
        quote_amount=_money(body.quote_amount),
    )
    made = orders().quote(caller(app).owner, idempotency_key, asked)
    return answer(_quote(made.made), HTTPStatus.CREATED, replayed=made.replayed)


@app.get("/quotes/<quote_id>", tags=["orders"], summary="One of your quotes")
def quoted(quote_id: OrderId) -> QuoteView:
    return _quote(orders().quoted(caller(app).owner, quote_id))


@app.get("/orders", tags=["orders"], summary="Your orders, newest first")
def list_orders(
    asset_id: AssetInQuery = None,
    status: Status | None = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> OrderPage:
    owner = caller(app).owner
    listed = f"GET /orders {owner} {asset_id} {status} {since} {until}"
    after = cursors().read(listed, cursor)
    page = orders().orders(owner, asset_id=asset_id, status=status, since=since, until=until, limit=limit, after=after)
    return OrderPage(items=[_listed(order) for order in page.items], cursor=cursors().write(listed, page.after))


@app.get("/orders/<order_id>", tags=["orders"], summary="One of your orders")
def order(order_id: OrderId) -> OrderView:
    return _order(orders().order(caller(app).owner, order_id))


@app.post("/orders/<order_id>/cancel", tags=["orders"], summary="Take a pending order back")
def cancel(order_id: OrderId) -> Response[OrderView]:
    return _placed(orders().cancel(caller(app).owner, order_id), HTTPStatus.OK)


@app.post("/orders/cancel-all", tags=["orders"], summary="Take pending orders back, a page at a time")
def cancel_all(asset_id: AssetInQuery = None, cursor: str | None = None) -> CancelledPage:
    """Answers with the orders it cancelled. Ask again with the cursor until there is none."""
    owner = caller(app).owner
    listed = f"POST /orders/cancel-all {owner} {asset_id}"
    page = orders().cancel_all(owner, asset_id, cursors().read(listed, cursor))
    return CancelledPage(items=[_order(order) for order in page.items], cursor=cursors().write(listed, page.after))


@app.get("/balances", tags=["holdings"], summary="Your assets")
def balances() -> HoldingList:
    _, holdings = orders().holdings(caller(app).owner)
    return HoldingList(items=[_holding(holding) for holding in holdings])


@app.get("/balances/<asset_id>", tags=["holdings"], summary="One of your assets")
def asset_balance(asset_id: AssetInPath) -> HoldingView:
    return _holding(orders().holding(caller(app).owner, asset_id))


@app.get("/portfolio", tags=["holdings"], summary="What it is all worth")
def portfolio() -> PortfolioView:
    found = orders().portfolio(caller(app).owner)
    balance = found.balance
    return PortfolioView(
        username=balance.username,
        usd_balance=str(balance.total),
        current_balance=str(balance.current),
        held_balance=str(balance.held),
        usd_allocation_percent=_percent(found.usd_allocation_percent),
        asset_balances=[_position(position) for position in found.positions],
        asset_count=len(found.positions),
        total_asset_value=str(found.total_asset_value),
        total_portfolio_value=str(found.total_portfolio_value),
        realised_gain=str(found.realised_gain),
        unrealised_gain=str(found.unrealised_gain),
        complete=found.complete,
        as_of=clock.now(),
    )


@app.get("/statements/<month>", tags=["holdings"], summary="A month of everything that moved, as CSV")
def statement(
    month: Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])],
) -> Response[str]:
    """Oldest first, UTC; quantities of USD are dollars. `cost` and `realised_gain` are those of sales."""
    since = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    until = (since + timedelta(days=31)).replace(day=1)
    lines = map(_line, orders().statement(caller(app).owner, since, until))
    return Response(status_code=HTTPStatus.OK, content_type="text/csv", body=_csv(lines))


@app.post("/operations/orders/<order_id>/fail", tags=["operators"], summary="End an order that can not be carried out")
def fail(order_id: OrderId, body: CustomersAct) -> OperatorOutcomeView:
    operator = caller(app).must_be_operator()
    act, told = orders().fail, body.public_reason
    return OperatorOutcomeView.of(act(order_id, body.reason, operator, public_reason=told, dry_run=body.dry_run))


def _money(usd: Decimal | None) -> Money | None:
    return None if usd is None else Money(usd)


def _price(usd_per_unit: Decimal | None) -> Price | None:
    return None if usd_per_unit is None else Price(usd_per_unit)


def _text(value: object | None) -> str | None:
    return None if value is None else str(value)


def _percent(share: Decimal | None) -> str | None:
    return None if share is None else f"{share:.2f}"


def _placed(result: Replayable[Order], status: HTTPStatus) -> Response[OrderView]:
    return answer(_order(result.made), status, replayed=result.replayed)


def _listed(order: Order | OtherOrder) -> ListedOrderView:
    if isinstance(order, Order):
        told = {**_told(order), "order_type": ListedType(order.order_type)}
        return ListedOrderView(**told, status=order.status, route=f"GET /orders/{order.order_id}")
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
        held_amount=_text(order.held),
        price_per_unit=None,
        price_source=order.price_source,
        price_as_of=order.price_as_of,
        total_amount=_text(order.total_amount),
        created_at=order.created_at,
        updated_at=order.updated_at,
        route=f"GET {ROUTES[order.order_type]}/{order.order_id}",
    )


def _quote(quote: FirmQuote) -> QuoteView:
    return QuoteView(
        quote_id=quote.quote_id,
        asset_id=quote.quantity.asset_id,
        order_type=quote.order_type,
        quantity=plain(quote.quantity.amount),
        price_per_unit=str(quote.price_per_unit),
        price_source=quote.price_source,
        price_as_of=quote.price_as_of,
        total_amount=str(quote.total_amount),
        created_at=quote.created_at,
        expires_at=quote.expires_at,
        order_id=quote.order_id,
    )


def _order(order: Order) -> OrderView:
    return OrderView(**_told(order), status=order.status, quote_id=order.quote_id)


def _told(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "username": order.owner.username,
        "asset_id": order.quantity.asset_id,
        "order_type": order.order_type,
        "quantity": plain(order.quantity.amount),
        "reason": order.reason,
        "order_price": _text(order.order_price),
        "expires_at": order.expires_at,
        "held_amount": _text(order.hold) if order.status is Status.PENDING else None,
        "price_per_unit": _text(order.price_per_unit),
        "price_source": order.price_source,
        "price_as_of": order.price_as_of,
        "total_amount": _text(order.total_amount),
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


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
        min_notional=str(asset.min_notional),
        max_notional=str(asset.max_notional),
        price=None if quote is None else str(quote.price),
        price_status=PriceStatus.MISSING if quote is None else fresh,
        price_source=None if quote is None else quote.source,
        price_as_of=None if quote is None else quote.as_of,
        price_age_seconds=None if quote is None else int(quote.age_seconds(now)),
        spread_bps=asset.spread_bps,
        ask=_side(listing, Side.BUY, now),
        bid=_side(listing, Side.SELL, now),
        unconfirmed_price=None if listing.jump is None else str(listing.jump.quote.price),
    )


def _side(listing: Listing, side: Side, now: datetime) -> str | None:
    if listing.asset.execution is not Execution.INSTANT:
        return None
    with suppress(AssetInactive, PriceUnavailable):
        return str(tradable_quote(listing, side, now).price)
    return None


def _holding(holding: Holding) -> HoldingView:
    return HoldingView(
        asset_id=holding.asset_id,
        quantity=plain(holding.quantity.amount),
        held_quantity=plain(holding.held_quantity.amount),
        average_purchase_price=_text(holding.average_purchase_price),
        cost_basis=str(holding.cost_basis),
        realised_gain=str(holding.realised_gain),
        total_bought=plain(holding.total_bought.amount),
        total_sold=plain(holding.total_sold.amount),
        last_transaction_at=holding.last_transaction_at,
        updated_at=holding.updated_at,
    )


def _position(position: Position) -> PositionView:
    return PositionView(
        **dict(_holding(position.holding)),
        price=None if position.mark is None else str(position.mark.price),
        price_status=position.price_status,
        price_as_of=None if position.mark is None else position.mark.as_of,
        market_value=_text(position.value),
        unrealised_gain=_text(position.unrealised_gain),
        allocation_percent=_percent(position.allocation_percent),
    )


def _line(line: AssetTransaction) -> TransactionView:
    sale = line.transaction_type == "SELL"
    return TransactionView(
        asset_id=line.quantity.asset_id,
        transaction_type=line.transaction_type,
        quantity=plain(line.quantity.amount),
        price_per_unit=str(line.price_per_unit),
        total_amount=str(line.total_amount),
        cost=str(line.cost) if sale else None,
        realised_gain=str(line.realised_gain) if sale else None,
        order_id=line.order_id,
        status="COMPLETED",
        created_at=line.created_at,
    )


def _csv(lines: Iterable[TransactionView]) -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, list(TransactionView.model_fields), lineterminator="\r\n")
    rows.writeheader()
    rows.writerows(line.model_dump() for line in lines)
    return written.getvalue()


@cache
def orders() -> Orders:
    return Orders(aws.table(), Catalogue(aws.table(), clock.now), clock.now)


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, orders)
