"""HTTP: what can be quoted: for everybody, and for operators."""

from __future__ import annotations

from pydantic import Field

from common.domain.pairs.model import Pair
from common.http import caller
from common.money import plain
from common.wire import View
from functions.market_making.api.door import app
from functions.market_making.wiring import opening, overseeing


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
