"""Money that is to leave the custody, and can not."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Reason, Receiver, Reference, Yes

group = group_of("Money that is to leave the custody, and can not. A dry run unless --yes.")


@group.command("resend")
def outgoing_resend(
    context: typer.Context,
    thing_id: Id,
    to: Receiver,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that what was refused goes to another user of Mixin; another operator confirms it."""
    told = {"to": to, "reference": reference, "reason": reason}
    asking.act(context, json_, ("outgoing", thing_id, "resend"), told, yes)


acts.with_reference(
    group,
    "shortages",
    "book-loss",
    "Propose that what is missing at the custody is lost, the desk's own; another operator confirms it.",
)
acts.with_reference(
    group,
    "outgoing",
    "call-off",
    "Propose that an order's funding is not sent any more, and goes back; another operator confirms it.",
)


@group.command("decide")
def outgoing_decide(
    context: typer.Context,
    thing_id: Id,
    sent: Annotated[str, typer.Option("--sent", metavar="yes|no", help="Was it ever sent?", show_default=False)],
    reference: Reference,
    reason: Reason,
    hash_: Annotated[
        str | None,
        typer.Option("--hash", metavar="HASH", help="Of its chain, if it went to an address.", show_default=False),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose whether it was sent, where the custody tells what can not be; another operator confirms it."""
    told = {"sent": sent, "reference": reference, "reason": reason} | asking.said({"hash": hash_})
    asking.act(context, json_, ("outgoing", thing_id, "decide"), told, yes)
