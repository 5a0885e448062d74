"""Flows of the desk that are halted."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Yes

FLOWS = {
    "orders": "No orders and quotes are taken, and none that rests is filled. Customers may cancel.",
    "purchases": "No purchases and sales are taken, and no batch is placed. Customers may leave pools.",
    "cash-outs": "No cash-outs are taken. What the exchange has is sold and paid.",
    "payouts": "Nothing more is sent to the bank, and no withdrawals and cash-outs are taken.",
    "market-making": "All quotes are cancelled, no order is opened, and nothing goes to the exchange.",
    "all": "All of these.",
}
Asset = Annotated[
    str | None,
    typer.Option("--asset", metavar="ASSET", help="Of this one alone.", show_default=False),
]

halt = group_of("Halt a flow of the desk, within five seconds: you alone may. Another operator lifts it.")
halts = group_of("What is halted.")


def _halts(flow: str, does: str) -> None:
    @halt.command(flow, help=does)
    def act(context: typer.Context, reason: Reason, asset: Asset = None, yes: Yes = False, json_: Json = False) -> None:
        body = asking.said({"asset_id": asset, "reason": reason})
        asking.act(context, json_, ("flows", flow, "halt"), body, yes)


for _flow, _does in FLOWS.items():
    _halts(_flow, _does)


@halt.command("lift")
def halt_lift(
    context: typer.Context,
    flow: Annotated[str, typer.Argument(metavar="FLOW", help="As `desk halts list` shows it.")],
    reason: Reason,
    asset: Asset = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Let it run again. Who has halted it does not."""
    body = asking.said({"asset_id": asset, "reason": reason})
    asking.act(context, json_, ("flows", flow, "lift"), body, yes)


@halts.command("list")
def halts_list(context: typer.Context, json_: Json = False) -> None:
    """The flows that are halted, the longest first. Halted trading accounts: `desk work list market-making`."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "halts")
    items = found["items"]
    asking.show(json_, found, output.flow_halts(items, asking.now()) if items else "Nothing is halted.")
