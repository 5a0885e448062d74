"""The books: whether all adds up."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.api import Request
from console.commands import asking
from console.commands.options import Json, Username

group = typer.Typer()


@group.command()
def reconcile(
    context: typer.Context,
    username: Username,
    json_: Json = False,
) -> None:
    """Hold an account against its journal. Exit code 1 when they differ."""
    request = Request("POST", ("operations", "reconcile"), {"username": username}, changes=False)
    with asking.desk(context, json_) as desk:
        found = desk.ask(request)
    asking.show(json_, found, *output.reconciled(found))
    if found["differences"]:
        raise typer.Exit(1)


@group.command("books")
def books_(
    context: typer.Context,
    again: Annotated[bool, typer.Option("--again", help="Have them added up now.")] = False,
    json_: Json = False,
) -> None:
    """What the desk's own account has, of what, and the trial balance: of each asset all accounts of the books together
    must be 0. It is made twice a day, of what is over five minutes before. Exit code 1 when it is not."""
    with asking.desk(context, json_) as desk:
        if again:
            asked = desk.ask(Request("POST", ("operations", "desk"), changes=False))
            asking.show(json_, asked, "The books are added up within five minutes: ask again then.")
            return
        found = desk.get("operations", "desk")
    asking.show(json_, found, *output.books(found, asking.now()))
    if not found["balanced"]:
        raise typer.Exit(1)
