"""Whose account it is, and whose fees it pays."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Reference, Username, Yes

group = group_of("Whose account it is, and whose fees it pays.")

Tier = Annotated[str, typer.Argument(metavar="TIER", help="STANDARD, SILVER or GOLD.")]


@group.command("move")
def move(
    context: typer.Context,
    username: Username,
    sub: Annotated[str, typer.Option("--sub", metavar="SUB", help="Of the login made anew.", show_default=False)],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that an account is a login's that was made anew under its username; another operator confirms it."""
    told = {"sub": sub, "reference": reference, "reason": reason}
    asking.act(context, json_, ("users", username, "move"), told, yes)


@group.command("credit")
def credit(
    context: typer.Context,
    username: Username,
    amount: Annotated[str, typer.Option(help="In dollars.", show_default=False)],
    reference: Annotated[str, typer.Option(metavar="TEXT", help="The bank's, of the wire.", show_default=False)],
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that dollars that came to the bank are a customer's; another operator confirms it."""
    told = {"amount": amount, "reason": reason}
    asking.act(context, json_, ("users", username, "deposits"), told, yes, key=reference)


@group.command("tier")
def tier(
    context: typer.Context, username: Username, tier: Tier, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose whose fees a customer pays, from the next order on; another operator confirms it."""
    asking.act(context, json_, ("users", username, "tier"), {"tier": tier, "reason": reason}, yes)
