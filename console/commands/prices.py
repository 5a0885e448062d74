"""Prices that have jumped."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Yes

group = group_of("Prices that have jumped: while they are not confirmed their assets are not traded.")


@group.command("list")
def prices_list(context: typer.Context, json_: Json = False) -> None:
    """Assets that are not traded since their price has jumped, the longest stopped first."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "prices")
    items = found["items"]
    if not items:
        asking.show(json_, found, "No price has jumped.")
        return
    asking.show(
        json_, found, output.stopped_prices(items, asking.now()), *output.acts(items[0]["acts"], items[0]["asset_id"])
    )


@group.command("confirm")
def price_confirm(
    context: typer.Context,
    asset_id: Annotated[str, typer.Argument(metavar="ASSET", help="As `desk prices list` shows it.")],
    price: Annotated[str, typer.Option(help="The one it has jumped to, found elsewhere, too.", show_default=False)],
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that the market is there; another operator confirms it, and trading goes on from this price."""
    asking.act(context, json_, ("prices", asset_id, "confirm"), {"price": price, "reason": reason}, yes)
