"""Money at the custody that is nobody's yet."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Limit, Reason, Receiver, Reference, Yes

group = group_of("Money at the custody that is nobody's yet. A dry run unless --yes.")


@group.command("list")
def snapshots_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """Snapshots that wait: parked ones, and what is expected to be claimed by an order, longest ago first."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "snapshots", limit=limit)
    items = found["items"]
    if not items:
        asking.show(json_, found, "Nothing waits.")
        return
    asking.show(json_, found, output.snapshots(items), "", "`desk snapshots show ID` tells what may be done.")


@group.command("show")
def snapshot_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """Money that came in: who sent it, with which memo, and what may be done."""
    with asking.desk(context, json_) as desk:
        told = desk.get("operations", "snapshots", thing_id)
    asking.show(json_, told, output.snapshot(told), *output.acts(told["acts"], told["id"]))


@group.command("assign")
def snapshot_assign(
    context: typer.Context,
    thing_id: Id,
    order: Annotated[str, typer.Option("--order", metavar="ID", help="That may still be paid.", show_default=False)],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which market-making order it pays for; another operator confirms it."""
    told = {"order": order, "reference": reference, "reason": reason}
    asking.act(context, json_, ("snapshots", thing_id, "assign"), told, yes)


@group.command("refund")
def snapshot_refund(
    context: typer.Context,
    thing_id: Id,
    to: Receiver,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which user of Mixin gets it; another operator confirms it."""
    told = {"to": to, "reference": reference, "reason": reason}
    asking.act(context, json_, ("snapshots", thing_id, "refund"), told, yes)


acts.with_reference(group, "snapshots", "take", "Propose that it is the desk's; another operator confirms it.")
acts.with_reference(
    group,
    "ties",
    "skip",
    "Propose that the poller goes on behind too many snapshots of one time; another operator confirms it.",
    command="skip-tie",
)
acts.with_reference(
    group,
    "ties",
    "settle",
    "Propose that all is seen to that was not seen of a tie; another operator confirms it.",
    command="settle-tie",
)
