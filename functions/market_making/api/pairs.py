"""HTTP: what can be quoted: for everybody, and for operators, who decide it."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.http import caller
from common.money import plain
from common.wire import Amount, OperatorAct, OperatorOutcomeView, View
from functions.market_making.api.door import UUID_PATTERN, Exchange, Symbol, app
from functions.market_making.model import Pair
from functions.market_making.wiring import opening, overseeing

PairId = Annotated[str, Path(pattern=UUID_PATTERN)]
MixinAsset = Annotated[
    str,
    Field(pattern=UUID_PATTERN, description="at Mixin", examples=["c6d0c728-2624-429b-8e0d-d9d19b6592fa"]),
]


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


class OperatedPairView(PairView):
    enabled: bool = Field(description="a disabled one opens no order")


class OperatedPairList(View):
    items: list[OperatedPairView]


class PairRequest(OperatorAct):
    """A pair, all of it. What it trades never changes."""

    pair: Symbol
    exchange: Exchange
    base_asset_id: MixinAsset
    quote_asset_id: MixinAsset
    base_min: Annotated[Amount, Field(description="an order needs so much at least")]
    quote_min: Amount
    fee_bps: Annotated[int, Field(ge=0, le=1_000, strict=True, description="of the quote asset, in basis points")]
    enabled: Annotated[
        bool | None, Field(strict=True, description="left out, it stays as it is; a new one is enabled")
    ] = None


@app.get("/market-making/pairs", tags=["market making"], summary="What can be quoted here")
def pairs() -> PairList:
    """On which exchange, with how much at least, and for what fee."""
    return PairList(items=[_pair(pair) for pair in opening().pairs()])


@app.get("/operations/pairs", tags=["operators"], summary="What may be quoted, or might")
def operated_pairs() -> OperatedPairList:
    """Those that are disabled as well."""
    caller(app).must_be_viewer()
    items = [OperatedPairView(**_pair(pair).model_dump(), enabled=pair.enabled) for pair in overseeing().pairs()]
    return OperatedPairList(items=items)


@app.put("/operations/pairs/<pair_id>", tags=["operators"], summary="Write a pair")
def save_pair(pair_id: PairId, body: PairRequest) -> OperatorOutcomeView:
    """A new one, or a change. Its symbol, exchange and assets never change."""
    operator = caller(app).must_be_operator()
    pair = Pair(
        pair_id=UUID(pair_id),
        symbol=body.pair,
        exchange=body.exchange,
        base_asset_id=body.base_asset_id,
        quote_asset_id=body.quote_asset_id,
        base_min=body.base_min,
        quote_min=body.quote_min,
        fee_bps=Decimal(body.fee_bps),
        enabled=body.enabled is not False,
    )
    keep = body.enabled is None
    return OperatorOutcomeView.of(
        overseeing().save_pair(pair, body.reason, operator, dry_run=body.dry_run, keep_enabled=keep)
    )


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
