"""Dollars that came to the bank for a customer."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Username, Yes

group = group_of("Dollars that came to the bank for a customer. A dry run unless --yes.")


@group.command("credit")
def credit(
    context: typer.Context,
    username: Username,
    amount: Annotated[
        str, typer.Option(metavar="USD", help="As the bank has booked it, such as 70.00.", show_default=False)
    ],
    reference: Annotated[
        str,
        typer.Option(
            metavar="TEXT", help="The bank's: under it this is credited once. Blanks do not count.", show_default=False
        ),
    ],
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that dollars that came to the bank are a customer's; another operator confirms it. The same reference
    again credits nothing."""
    told, key = {"amount": amount, "reason": reason}, "".join(reference.split())
    asking.act(context, json_, ("users", username, "deposits"), told, yes, key=key)
