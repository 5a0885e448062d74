"""HTTP: an order's trades at the exchange, for its owner and for operators."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from common.http import caller
from common.money import plain
from common.pages import LIMIT_DEFAULT
from common.wire import InstantText, View
from functions.market_making.api.door import Limit, OrderId, app, cursors
from functions.market_making.quotes_store import TradeItem
from functions.market_making.wiring import opening, steering

TradeId = Annotated[str, Query(pattern="^[0-9]{1,19}$", examples=["28457"])]
FILLS_MAX = 1_000  # lines of one CSV


class FillView(View):
    """A trade of the order's at the exchange."""

    trade_id: str = Field(description="as the exchange calls it")
    at: InstantText
    side: str = Field(description="BUY or SELL, of the base asset")
    price: str
    quantity: str = Field(description="of the base asset")
    quote_quantity: str
    fee: str = Field(description="below zero it is a rebate")
    fee_asset: str
    maker: bool = Field(description="false: it has taken an order that was there")
    exchange_order_id: str


class FillPage(View):
    """The newest first."""

    items: list[FillView]
    cursor: str | None


@app.get("/market-making/orders/<order_id>/fills", tags=["market making"], summary="Its trades, newest first")
def market_making_fills(order_id: OrderId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> FillPage:
    """As the exchange tells them, each with its fee."""
    owner = caller(app).owner
    opening().order(owner, order_id)
    return _fills(f"GET /market-making/orders/fills {owner} {order_id}", order_id, limit, cursor)


@app.get("/market-making/orders/<order_id>/fills.csv", tags=["market making"], summary="Its trades, as CSV")
def market_making_fills_as_csv(order_id: OrderId, after_trade: TradeId = "0") -> Response[str]:
    """Oldest first, UTC, a thousand at most: those after the trade that you name. Go on with the last line's."""
    opening().order(caller(app).owner, order_id)
    fills = map(_fill, steering().fills_after(order_id, int(after_trade), FILLS_MAX))
    return Response(status_code=HTTPStatus.OK, content_type="text/csv", body=_csv(fills))


@app.get("/operations/market-making/<order_id>/fills", tags=["operators"], summary="An order's trades, newest first")
def operated_fills(order_id: OrderId, limit: Limit = LIMIT_DEFAULT, cursor: str | None = None) -> FillPage:
    """As its customer is told them."""
    operator = caller(app).must_be_viewer()
    return _fills(f"GET /operations/market-making/fills {operator} {order_id}", order_id, limit, cursor)


def _fills(listed: str, order_id: str, limit: int, cursor: str | None) -> FillPage:
    page = steering().fills(order_id, limit=limit, after=cursors().read(listed, cursor))
    return FillPage(items=[_fill(item) for item in page.items], cursor=cursors().write(listed, page.after))


def _fill(item: TradeItem) -> FillView:
    return FillView(
        trade_id=str(item.trade_id),
        at=item.at,
        side=item.side,
        price=plain(item.price),
        quantity=plain(item.quantity),
        quote_quantity=plain(item.quote_quantity),
        fee=plain(item.fee),
        fee_asset=item.fee_asset,
        maker=item.maker,
        exchange_order_id=item.exchange_order_id,
    )


def _csv(fills: Iterable[FillView]) -> str:
    written = io.StringIO()
    rows = csv.DictWriter(written, list(FillView.model_fields), lineterminator="\r\n")
    rows.writeheader()
    rows.writerows(fill.model_dump() for fill in fills)
    return written.getvalue()
