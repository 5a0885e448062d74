"""State machines, and the executions of each: what is stuck, and where."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json

PAGE = 20  # executions, with one request

group = group_of("State machines, and where the executions of each stand.")


@group.command("list")
def machines_list(context: typer.Context, json_: Json = False) -> None:
    """The machines: what each is for, how many executions run, and how many have failed in the last 24 hours."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "machines")
    hint = "`desk machines show NAME` tells in which state each execution is; `--status FAILED` where those ended."
    asking.show(json_, found, output.machines(found["items"]), "", hint)


@group.command("show")
def machines_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `desk machines list` shows it.")],
    status: Annotated[
        str, typer.Option("--status", help="RUNNING, FAILED, TIMED_OUT, ABORTED or SUCCEEDED.")
    ] = "RUNNING",
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many at most; 20 with one request.")] = PAGE,
    json_: Json = False,
) -> None:
    """Executions of a machine, by their start, newest first: the state that each is in, or ended in, and its error."""
    with asking.desk(context, json_) as desk:
        path = ("operations", "machines", name, "executions")
        page = desk.get(*path, status=status, limit=min(PAGE, limit))
        items, cursor = list(page["items"]), page["cursor"]
        while cursor is not None and len(items) < limit:
            page = desk.get(*path, status=status, limit=min(PAGE, limit - len(items)), cursor=cursor)
            items, cursor = items + page["items"], page["cursor"]
    told = {"items": items, "cursor": cursor}
    if not items:
        asking.show(json_, told, f"No execution of {name} is {status}.")
        return
    hints = asking.more(cursor) or [
        "",
        "`desk work show ID` explains one: ID is its name, without the number behind it.",
    ]
    asking.show(json_, told, output.by_state(items), "", output.executions(items, asking.now()), *hints)
