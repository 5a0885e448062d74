"""Operators themselves: who there is, and that one of them gets in no more."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Yes

group = group_of("Operators themselves: who there is, and that one of them gets in no more.")

Operator = Annotated[str, typer.Argument(metavar="NAME", help="As `desk operators list` shows it.")]


@group.command("list")
def operators_list(context: typer.Context, json_: Json = False) -> None:
    """Who is in which group, and who was signed out."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "operators")
    asking.show(json_, found, output.operators(found["items"]))


@group.command("sign-out")
def sign_out(context: typer.Context, name: Operator, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """An operator's sign-ins end at once, on all machines; he signs in anew."""
    asking.act(context, json_, ("operators", name, "sign-out"), {"reason": reason}, yes)


@group.command("disable")
def disable(context: typer.Context, name: Operator, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """An operator gets in no more, at once: you alone may. To let him in again is the user pool's administrator's."""
    asking.act(context, json_, ("operators", name, "disable"), {"reason": reason}, yes)
