"""HTTP: cashing out, and what operators do about sales that are stuck."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock, http
from common.domain.story_versions import acted
from common.http import IdempotencyKey, answer, caller
from common.idempotency import Replayable
from common.keys import ORDER_ID_PATTERN
from common.money import Money, Quantity, plain
from common.pages import LIMIT_DEFAULT, LIMIT_MAX, Cursors, why_short
from common.settings import settings
from common.wire import (
    AmountOrAll,
    AssetId,
    ClientId,
    Dollars,
    InstantText,
    OperatorAct,
    OperatorOutcomeView,
    RequestBody,
    View,
    WhyShort,
)
from functions.offramp.model import SellOrder, Status, Terms
from functions.offramp.wiring import offramp, voiding

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


class SellRequest(RequestBody):
    """Sell `quantity` of an asset, or `all` that you have free, for about `estimated_amount` dollars, and have them
    paid to a bank account. Of `all` you may leave out the estimate: it is what that brings at the desk's price."""

    asset_id: AssetId
    quantity: AmountOrAll
    estimated_amount: Dollars | None = None
    crypto_client_id: ClientId
    banking_client_id: ClientId


class SellOrderView(View):
    """`status` moves from BASE_TXN_PENDING over BASE_TXN_COMPLETED and TARGET_TXN_PENDING to FILLED; or it ends as
    BASE_TXN_FAILED (nothing was sold, the coins are free again), or waits as SELL_PAYOUT_FAILED for us to help. Before,
    it is NEW until the exchange has said whether it takes the order: if not, the coins are free again, the order gone.
    """

    order_id: str
    order_type: str
    asset_id: str
    quantity: str = Field(description="what is held for it: as asked for, or all that was free")
    all: bool = Field(description="whether it was all that was free")
    estimated_amount: str
    limit_price: str = Field(description="the least that the exchange may sell at")
    crypto_client_id: str
    banking_client_id: str
    status: Status
    executed_quantity: str | None = Field(description="what was sold")
    desk_quantity: str | None = Field(description="of it, less than a lot, by the desk's own book")
    gross_amount: str | None = Field(description="for how many dollars")
    fee_amount: str | None = Field(description="of it, for the exchange")
    total_amount: str | None = Field(description="of it, for the bank account")
    returned_quantity: str | None = Field(description="what went back of what was held, when the sale was over")
    payout_attempts: int
    reason: str | None
    created_at: InstantText
    updated_at: InstantText
    resolved_at: InstantText | None = Field(description="when the sale was over")
    expected_by: InstantText | None = Field(
        description="by when it usually goes on. While it is sold: what is not sold by then comes back. While your "
        "bank is paid: we look at it again by then; how long a bank takes is not known here. null: it is over, it "
        "waits for a person here, or its stage has only begun"
    )


class SellOrderPage(View):
    items: list[SellOrderView]
    short: WhyShort
    cursor: str | None


@app.post("/crypto/order/sell", tags=["cash out"], summary="Sell coins and be paid at your bank")
def sell(body: SellRequest, idempotency_key: IdempotencyKey) -> Response[SellOrderView]:
    """The coins are sold at an exchange at a limit near its market, and what they bring, less its fee, is paid by the
    bank. What is not sold comes back."""
    asked = Terms(
        asset_id=body.asset_id,
        quantity=body.quantity if isinstance(body.quantity, Decimal) else None,
        estimated_amount=None if body.estimated_amount is None else Money(body.estimated_amount),
        crypto_client_id=body.crypto_client_id,
        banking_client_id=body.banking_client_id,
    )
    return _asked(offramp().sell(caller(app).owner, idempotency_key, asked))


@app.get("/crypto/order/sell", tags=["cash out"], summary="Your cash-outs, newest first")
def sell_orders(limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> SellOrderPage:
    """Each as it stands; the one that was asked for last comes first."""
    owner = caller(app).owner
    listed = f"GET /crypto/order/sell {owner}"
    page = offramp().orders(owner, limit=limit, after=cursors().read(listed, cursor))
    return SellOrderPage(
        items=[_view(order) for order in page.items],
        short=why_short(page, limit),
        cursor=cursors().write(listed, page.after),
    )


@app.get("/crypto/order/sell/<order_id>", tags=["cash out"], summary="What became of a cash-out")
def sell_order(order_id: OrderId) -> SellOrderView:
    """It is over when it is FILLED or has failed; `reason` says why it has."""
    return _view(offramp().order(caller(app).owner, order_id))


@app.post("/operations/sell-orders/<order_id>/void", tags=["operators"], summary="End a sale that executed nothing")
def void(order_id: OrderId, body: OperatorAct) -> OperatorOutcomeView:
    """Nothing of it was executed at the exchange, and nothing can be any more: the coins are free again."""
    operator = caller(app).must_be_operator()
    act = voiding().void
    return acted(aws.table(), order_id, body, lambda tried: act(order_id, body.reason, operator, dry_run=tried))


def _asked(result: Replayable[SellOrder]) -> Response[SellOrderView]:
    return answer(_view(result.made), HTTPStatus.OK, replayed=result.replayed)


def _view(order: SellOrder) -> SellOrderView:
    def dollars(amount: Money | None) -> str | None:
        return None if amount is None else str(amount)

    def units(quantity: Quantity | None) -> str | None:
        return None if quantity is None else plain(quantity.amount)

    executed, desk = order.executed, order.desk_buys
    return SellOrderView(
        order_id=order.order_id,
        order_type="SELL",
        asset_id=order.quantity.asset_id,
        quantity=plain(order.quantity.amount),
        all=order.sells_all,
        estimated_amount=str(order.estimated_amount),
        limit_price=str(order.limit_price),
        crypto_client_id=order.crypto_client_id,
        banking_client_id=order.banking_client_id,
        status=order.status,
        executed_quantity=units(executed),
        desk_quantity=None if desk is None else units(desk.quantity),
        gross_amount=dollars(order.gross),
        fee_amount=dollars(order.fee),
        total_amount=dollars(order.total_amount),
        returned_quantity=None if executed is None else units(order.quantity - executed),
        payout_attempts=order.attempts,
        reason=order.reason,
        created_at=order.created_at,
        updated_at=order.updated_at,
        resolved_at=order.resolved_at,
        expected_by=order.expected_by,
    )


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)


handler = http.serve(app, offramp)
