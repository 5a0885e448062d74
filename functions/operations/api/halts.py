"""HTTP for operators: flows of the desk are halted, and run again."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common import aws
from common.domain.flow_halts import Flow
from common.domain.story_versions import acted
from common.http import caller
from common.wire import AssetId, InstantText, OperatorAct, OperatorOutcomeView, View
from functions.operations.api.door import app
from functions.operations.wiring import flows

FlowInPath = Annotated[Flow, Path()]


class FlowHaltView(View):
    flow: str
    asset_id: str | None = Field(description="none: all of the flow")
    reason: str = Field(description="of whoever halted it last")
    halted_by: list[str] = Field(description="none of them can lift it")
    halted_at: InstantText


class FlowHaltList(View):
    items: list[FlowHaltView]


class FlowHaltRequest(OperatorAct):
    """A flow as a whole, or of one asset."""

    asset_id: AssetId | None = Field(default=None, description="left out: all of the flow")


@app.get("/operations/halts", tags=["operators"], summary="The flows that are halted, longest first")
def flow_halts() -> FlowHaltList:
    """Trading accounts and single market-making orders that are halted wait for an operator: `GET /operations/work`."""
    caller(app).must_be_viewer()
    return FlowHaltList(
        items=[
            FlowHaltView(
                flow=halt.flow,
                asset_id=halt.asset_id,
                reason=halt.why,
                halted_by=list(halt.operators),
                halted_at=halt.at,
            )
            for halt in flows().halts()
        ]
    )


@app.post("/operations/flows/<flow>/halt", tags=["operators"], summary="Halt a flow: one operator is enough")
def halt_flow(flow: FlowInPath, body: FlowHaltRequest) -> OperatorOutcomeView:
    """Nothing new begins, within five seconds, and nothing is sent to the exchange or the bank. What was sent before
    is settled; what gives back goes on."""
    operator = caller(app).must_be_operator()
    act = flows().halt
    return acted(aws.table(), None, body, lambda tried: act(flow, body.asset_id, body.reason, operator, dry_run=tried))


@app.post("/operations/flows/<flow>/lift", tags=["operators"], summary="Let a flow run again: another operator")
def lift_flow(flow: FlowInPath, body: FlowHaltRequest) -> OperatorOutcomeView:
    """This halt alone: the flow stays halted where another one stops it as well, of all flows or of an asset."""
    operator = caller(app).must_be_either()  # where all operators have halted it, an approver
    act = flows().lift
    return acted(aws.table(), None, body, lambda tried: act(flow, body.asset_id, body.reason, operator, dry_run=tried))
