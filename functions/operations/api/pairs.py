"""What two operators decide about pairs, and about segments of dealers' cars."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common import aws
from common.domain.pairs.model import Pair
from common.domain.segments.model import SEGMENT_ID_PATTERN
from common.domain.story_versions import acted
from common.http import caller
from common.wire import UUID_PATTERN, Amount, Exchange, OperatorAct, OperatorOutcomeView, Roubles, Symbol
from functions.operations.api.door import app, propose
from functions.operations.service import segment_kinds
from functions.operations.wiring import interventions

PairId = Annotated[str, Path(pattern=UUID_PATTERN)]
SegmentInPath = Annotated[str, Path(pattern=SEGMENT_ID_PATTERN)]
MixinAsset = Annotated[
    str,
    Field(pattern=UUID_PATTERN, description="at Mixin", examples=["c6d0c728-2624-429b-8e0d-d9d19b6592fa"]),
]


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


class SegmentRequest(OperatorAct):
    """Cars of up to price_max, for whoever has deposit_min on his deposit."""

    deposit_min: Roubles
    price_max: Roubles


@app.put("/operations/pairs/<pair_id>", tags=["operators"], summary="Propose a pair, new or changed")
def save_pair(pair_id: PairId, body: PairRequest) -> OperatorOutcomeView:
    """Another operator confirms it; one alone may disable it, if he changes nothing else. Its symbol, exchange and
    assets never change; orders that are open keep their fee."""
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
    act = interventions().save_pair
    return acted(
        aws.table(),
        None,
        body,
        lambda tried: act(pair, body.reason, operator, dry_run=tried, keep_enabled=keep),
    )


@app.put("/operations/billing/segments/<segment_id>", tags=["operators"], summary="Propose a segment, new or changed")
def save_segment(segment_id: SegmentInPath, body: SegmentRequest) -> OperatorOutcomeView:
    """Another operator confirms it; then it counts for the next bid. A larger deposit has to allow dearer cars."""
    return propose(segment_kinds.SAVE, segment_id, segment_kinds.written(body.deposit_min, body.price_max), None, body)
