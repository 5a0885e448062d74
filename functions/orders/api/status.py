"""What the desk does now, for everybody who is signed in."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from common.domain.flow_halts import FLOWS, WORDS, Flow, FlowHalts
from common.http import caller
from common.wire import InstantText, View
from functions.orders.api.door import app, orders


class FlowStatus(StrEnum):
    RUNS = "RUNS"
    PARTLY_HALTED = "PARTLY_HALTED"  # of some assets
    HALTED = "HALTED"


class FlowView(View):
    flow: Flow
    status: FlowStatus
    assets: list[str] = Field(description="of a flow that is partly halted: of which assets it is")
    since: InstantText | None
    says: str | None = Field(description="what is not done meanwhile, and what is")


class StatusView(View):
    """`halted`: is any of it?"""

    halted: bool
    flows: list[FlowView]


@app.get("/status", tags=["catalogue"], summary="What the desk does now, and what it has halted")
def desk_status() -> StatusView:
    """At most five seconds old. What is refused meanwhile is a 503 of the type `Halted`, and may be sent again."""
    caller(app)
    halts = orders().catalogue.halts()
    return StatusView(halted=bool(halts.halts), flows=[_flow(flow, halts) for flow in FLOWS])


def _flow(flow: Flow, halts: FlowHalts) -> FlowView:
    of_it = [halt for halt in halts.halts if halt.flow in (flow, Flow.ALL)]
    assets = (
        [] if flow is Flow.PAYOUTS else sorted({asset for halt in of_it if (asset := halt.asset_in(flow)) is not None})
    )
    whole = halts.of(flow)
    if whole is None and not assets:
        return FlowView(flow=flow, status=FlowStatus.RUNS, assets=[], since=None, says=None)
    return FlowView(
        flow=flow,
        status=FlowStatus.PARTLY_HALTED if whole is None else FlowStatus.HALTED,
        assets=assets if whole is None else [],
        since=min(halt.at for halt in of_it if whole is None or halt.asset_id is None),
        says=WORDS[flow],
    )
