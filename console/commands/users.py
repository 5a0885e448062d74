"""Who has an account, which login and which fee tier it has, and whether an operator is its owner; and that somebody's
accounts at banks are forgotten."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Reference, Username, Yes

group = group_of("Who has an account, and which login and which fee tier it has.")

Tier = Annotated[str, typer.Argument(metavar="TIER", help="STANDARD, SILVER or GOLD.")]


@group.command("list")
def users_list(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = asking.PAGE,
    json_: Json = False,
) -> None:
    """All accounts, the newest first."""
    with asking.desk(context, json_) as desk:
        items, cursor, _ = asking.pages(desk, limit, "operations", "users")
    asking.show_items(json_, items, cursor, output.users, "Nobody has an account.")


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


@group.command("own")
def own(context: typer.Context, username: Username, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Say that a customer's account is your own: you decide nothing about its money from then on."""
    asking.act(context, json_, ("users", username, "own"), {"reason": reason}, yes)


@group.command("apart")
def apart(
    context: typer.Context,
    username: Username,
    operator: Annotated[
        str, typer.Option("--operator", metavar="NAME", help="Who is not this customer.", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that a customer is another person than the operator of his name; another operator confirms it."""
    told = {"operator": operator, "reference": reference, "reason": reason}
    asking.act(context, json_, ("users", username, "apart"), told, yes)


@group.command("forget")
def forget(context: typer.Context, username: Username, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Propose that nobody can read a customer's accounts at banks any more; another operator confirms it."""
    asking.act(context, json_, ("users", username, "forget"), {"reason": reason}, yes)


@group.command("tier")
def tier(
    context: typer.Context, username: Username, tier: Tier, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose a customer's fee tier, from the next order on; another operator confirms it."""
    asking.act(context, json_, ("users", username, "tier"), {"tier": tier, "reason": reason}, yes)
