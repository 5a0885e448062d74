"""Quotes: a price that is promised for a moment."""

from __future__ import annotations

from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from common.http import IdempotencyKey, answer, caller
from common.money import Money, plain
from common.wire import Amount, AssetId, Dollars, InstantText, RequestBody, View
from functions.orders.api.door import OrderId, app, orders
from functions.orders.model import Side, Terms
from functions.orders.quotes import FirmQuote


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
    total_amount: str = Field(description="what moves your dollars: of a buy with the fee, of a sale after it")
    fee_bps: int
    fee_amount: str
    created_at: InstantText
    expires_at: InstantText
    order_id: str | None = Field(description="of the order that was placed at it: a quote is good for one")


@app.post("/quotes", tags=["orders"], summary="A price that is good for 15 seconds")
def quote(body: QuoteRequest, idempotency_key: IdempotencyKey) -> Response[QuoteView]:
    """An order that names the quote in time is done at its price and fee, whatever the market does meanwhile."""
    amount = None if body.quote_amount is None else Money(body.quote_amount)
    asked = Terms(body.asset_id, body.order_type, quantity=body.quantity, quote_amount=amount)
    made = orders().quote(caller(app).owner, idempotency_key, asked)
    return answer(_quote(made.made), HTTPStatus.CREATED, replayed=made.replayed)


@app.get("/quotes/<quote_id>", tags=["orders"], summary="One of your quotes")
def quoted(quote_id: OrderId) -> QuoteView:
    """Whether it was used, and by which order."""
    return _quote(orders().quoted(caller(app).owner, quote_id))


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
        fee_bps=quote.fee_bps,
        fee_amount=str(quote.fee),
        created_at=quote.created_at,
        expires_at=quote.expires_at,
        order_id=quote.order_id,
    )
