"""Events of the bank that could not be placed."""

from __future__ import annotations

import typer

from console import output
from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Json, Limit

group = group_of("Events of the bank that could not be placed.")

acts.with_reason(group, "parked", "replay", "Try to place an event again.")
acts.with_reason(
    group,
    "parked",
    "dismiss",
    "Nothing is to be done about an event: it is not shown any more. What tells of dollars paid, two dismiss.",
)


@group.command("list")
def parked_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """Events that could not be placed, oldest first."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "parked", limit=limit)
    items = found["items"]
    if not items:
        asking.show(json_, found, "Nothing is parked.")
        return
    hint = "A reference is the order's id and the attempt's number: `desk work show ID`."
    asking.show(json_, found, output.events(items), "", hint, *output.acts(items[0]["acts"], "EVENT"))
