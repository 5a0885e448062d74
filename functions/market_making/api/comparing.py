"""HTTP for operators: the custody, held against the books."""

from __future__ import annotations

from pydantic import Field

from common.domain.comparisons import Comparison
from common.http import caller
from common.money import plain
from common.wire import InstantText, View
from functions.market_making.api.door import app
from functions.market_making.service.booked import DESK, HELD, UNSENT, WAITING
from functions.market_making.wiring import comparing


class CustodyAssetView(View):
    """Of one asset, in its own units: what the custody has, and as what it is booked."""

    asset_id: str = Field(description="at Mixin")
    asset: str | None = Field(description="as the exchange calls it, where it is quoted here")
    unspent: str = Field(description="outputs that the custody has of ours")
    held: str = Field(description="by orders")
    waiting: str = Field(description="for the order that it comes home to, or for an operator")
    unsent: str = Field(description="decided to leave, and still there")
    desk: str = Field(description="the desk's own")
    difference: str = Field(description="above zero where more is there than is booked")
    verdict: str = Field(description="AGREES; OFF, for certain; or UNKNOWN: ask again")
    why: str | None = Field(description="what keeps an UNKNOWN one from being told")


class CustodyComparisonView(View):
    """What the custody has, held against what is booked. `verdict` is the worst of its assets."""

    of: str
    verdict: str = Field(description="AGREES, OFF or UNKNOWN")
    compared_at: InstantText
    compared_by: str = Field(description="an operator, or the clock")
    compared: int = Field(description="so many assets")
    assets: list[CustodyAssetView] = Field(description="the worst first, 500 at most")


@app.get("/operations/compare/custody", tags=["operators"], summary="What the last look at the custody has found")
def last_comparison_of_custody() -> CustodyComparisonView:
    """It is held against the books once a day, and whenever an operator asks for it."""
    caller(app).must_be_viewer()
    return _compared(comparing().latest())


@app.post("/operations/compare/custody", tags=["operators"], summary="Hold the custody against the books")
def compare_custody() -> CustodyComparisonView:
    """It takes up to twenty seconds where something differs: that counts only if it is there at a second look."""
    return _compared(comparing().compare(caller(app).must_be_operator()))


def _compared(found: Comparison) -> CustodyComparisonView:
    assets = [
        CustodyAssetView(
            asset_id=line.asset_id,
            asset=line.name,
            unspent=plain(line.there),
            held=plain(line.booked[HELD]),
            waiting=plain(line.booked[WAITING]),
            unsent=plain(line.booked[UNSENT]),
            desk=plain(line.booked[DESK]),
            difference=plain(line.difference),
            verdict=line.verdict,
            why=line.why or None,
        )
        for line in found.lines
    ]
    return CustodyComparisonView(
        of=found.of,
        verdict=found.verdict,
        compared_at=found.at,
        compared_by=found.by,
        compared=found.assets,
        assets=assets,
    )
