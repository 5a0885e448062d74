"""The books: whether all adds up."""

from __future__ import annotations

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
def books_(context: typer.Context, json_: Json = False) -> None:
    """What the desk's own account has, of what, and the trial balance: of each asset all accounts of the books together
    must be 0. It is made twice a day. Exit code 1 when it is not."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "desk")
    asking.show(json_, found, *output.books(found, asking.now()))
    if not found["balanced"]:
        raise typer.Exit(1)
