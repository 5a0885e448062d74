"""What has moved: trades of an asset, and statements of any span of time."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import clock, keys
from common.domain.ledger.model import USD, AssetTransaction, Books
from common.domain.ledger.moves import Statement
from common.http import caller
from common.money import Money, plain
from common.owner import Owner
from common.pages import LIMIT_DEFAULT
from common.wire import Instant, InstantText, View
from functions.orders import model
from functions.orders.api.door import AssetInPath, Limit, Since, Until, app, cursors, orders, text_of

Begin = Annotated[Instant | None, Query(alias="from", description="inclusive; left out, from the beginning")]
End = Annotated[Instant | None, Query(alias="to", description="exclusive; left out, until now")]
BEGINNING = datetime.min.replace(tzinfo=UTC)
CSV_COLUMNS = (
    *("asset_id", "transaction_type", "quantity", "price_per_unit", "total_amount", "cost", "realised_gain"),
    *("order_id", "status", "created_at", "quantity_after", "usd_after", "fee_amount"),
)


class LineView(View):
    """A line of the journal. `cost` and `realised_gain` are those of a sale. `total_amount` is what moved your dollars:
    of a buy with the fee, of a sale after it."""

    asset_id: str
    transaction_type: str
    quantity: str
    price_per_unit: str
    total_amount: str
    cost: str | None
    realised_gain: str | None
    fee_amount: str | None = Field(
        description="what of a trade of `POST /orders` is the desk's; null: of none of those"
    )
    order_id: str
    status: str
    created_at: InstantText


class TransactionView(LineView):
    quantity_after: str | None = Field(
        description="what you had of the asset after it, free and held; null: too much has moved since to tell"
    )


class TransactionPage(View):
    items: list[TransactionView]
    cursor: str | None


class StatedMoveView(LineView):
    quantity_after: str = Field(description="what you had of its asset after it, free and held; of USD, dollars")
    usd_after: str = Field(description="what dollars you had after it, free and held")


class StatedBalanceView(View):
    """What you had of an asset, free and held together; of `USD`, dollars. `cost` is what it had cost you."""

    asset_id: str
    opening: str
    closing: str
    opening_cost: str | None
    closing_cost: str | None
    realised_gain: str | None = Field(description="of sales in this span of time")


class StatementView(View):
    """`opening` and all moves are `closing`, to the last digit. `settled`: it can not change any more; a quarter of an
    hour after its end."""

    username: str
    since: InstantText
    until: InstantText
    settled: bool
    balances: list[StatedBalanceView] = Field(description="dollars first")
    items: list[StatedMoveView] = Field(description="what moved, oldest first")


@app.get("/assets/<asset_id>/transactions", tags=["holdings"], summary="Your trades of one asset, newest first")
def asset_transactions(
    asset_id: AssetInPath,
    since: Since = None,
    until: Until = None,
    limit: Limit = LIMIT_DEFAULT,
    cursor: str | None = None,
) -> TransactionPage:
    """Each with its price, and a sale with its gain."""
    owner = caller(app).owner
    listed = f"GET /assets/{asset_id}/transactions {owner} {since} {until}"
    after = cursors().read(listed, cursor)
    page = orders().history(owner, asset_id, since=since, until=until, limit=limit, after=after)
    return TransactionPage(
        items=[
            TransactionView(**dict(_line(move.line)), quantity_after=None if move.after is None else plain(move.after))
            for move in page.items
        ],
        cursor=cursors().write(listed, page.after),
    )


@app.get("/statements", tags=["holdings"], summary="All that moved in a span of time")
def any_statement(since: Begin = None, until: End = None) -> StatementView:
    """What there was of each balance at its beginning and end, and each move between."""
    owner, begin, end = caller(app).owner, since or BEGINNING, until or clock.now()
    return _statement(owner, begin, end, orders().statement(owner, begin, end, lines_max=model.JSON_LINES_MAX))


@app.get("/statements.csv", tags=["holdings"], summary="All that moved in a span of time, as CSV")
def any_statement_as_csv(since: Begin = None, until: End = None) -> Response[str]:
    """As `GET /statements/{month}`."""
    return _as_csv(caller(app).owner, since or BEGINNING, until or clock.now())


@app.get("/statements/<month>", tags=["holdings"], summary="A month of everything that moved, as CSV")
def statement(
    month: Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$", examples=["2026-11"])],
) -> Response[str]:
    """Oldest first, UTC; quantities of USD are dollars. `cost` and `realised_gain` are those of sales. It begins with a
    line OPENING for each of your balances, and ends with a line CLOSING for each."""
    since = datetime.fromisoformat(f"{month}-01T00:00:00+00:00")
    until = (since + timedelta(days=31)).replace(day=1)
    return _as_csv(caller(app).owner, since, until)


def _line(line: AssetTransaction) -> LineView:
    sale = line.transaction_type == "SELL"
    return LineView(
        asset_id=line.quantity.asset_id,
        transaction_type=line.transaction_type,
        quantity=plain(line.quantity.amount),
        price_per_unit=str(line.price_per_unit),
        total_amount=str(line.total_amount),
        cost=str(line.cost) if sale else None,
        realised_gain=str(line.realised_gain) if sale else None,
        fee_amount=str(line.fee) if keys.row_of_id(line.order_id) is keys.ORDER else None,
        order_id=line.order_id,
        status="COMPLETED",
        created_at=line.created_at,
    )


def _statement(owner: Owner, since: datetime, until: datetime, made: Statement) -> StatementView:
    return StatementView(
        username=owner.username,
        since=since,
        until=until,
        settled=made.settled,
        balances=list(_balances(made)),
        items=_moves(made),
    )


def _moves(made: Statement) -> list[StatedMoveView]:
    return [
        StatedMoveView(
            **dict(_line(move.line)), quantity_after=plain(move.quantity_after), usd_after=str(move.usd_after)
        )
        for move in made.moves
    ]


def _balances(made: Statement) -> Iterator[StatedBalanceView]:
    opening, closing = made.opening, made.closing
    yield StatedBalanceView(
        asset_id=USD,
        opening=str(opening.usd),
        closing=str(closing.usd),
        opening_cost=None,
        closing_cost=None,
        realised_gain=None,
    )
    for asset_id in sorted({*opening.assets, *closing.assets}):
        (before, cost_before, gain_before), (after, cost, gain) = _sums(opening, asset_id), _sums(closing, asset_id)
        yield StatedBalanceView(
            asset_id=asset_id,
            opening=plain(before),
            closing=plain(after),
            opening_cost=text_of(cost_before),
            closing_cost=text_of(cost),
            realised_gain=text_of(gain - gain_before),
        )


def _sums(books: Books, asset_id: str) -> tuple[Decimal, Money, Money]:
    """Of an asset: how much there is, what it has cost, what sales of it have gained so far."""
    quantity, cost, gain, *_ = books.assets.get(asset_id, (Decimal(0),) * 5)
    return quantity, Money(cost), Money(gain)


def _as_csv(owner: Owner, since: datetime, until: datetime) -> Response[str]:
    made = orders().statement(owner, since, until, lines_max=model.STATEMENT_LINES_MAX)
    written = io.StringIO()
    rows = csv.DictWriter(written, CSV_COLUMNS, lineterminator="\r\n")
    rows.writeheader()
    balances = list(_balances(made))
    for balance in balances:
        rows.writerow(_of_balance("OPENING", balance.asset_id, balance.opening, balance.opening_cost, since))
    rows.writerows(move.model_dump() for move in _moves(made))
    for balance in balances:
        rows.writerow(_of_balance("CLOSING", balance.asset_id, balance.closing, balance.closing_cost, until))
    return Response(status_code=HTTPStatus.OK, content_type="text/csv", body=written.getvalue())


def _of_balance(what: str, asset_id: str, quantity: str, cost: str | None, at: datetime) -> dict[str, str | None]:
    return {
        "asset_id": asset_id,
        "transaction_type": what,
        "quantity": quantity,
        "cost": cost,
        "created_at": clock.text(at),
    }
