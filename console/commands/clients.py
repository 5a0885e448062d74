"""Who may sell coins, and who is paid, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Yes

group = group_of("Who may sell coins, and who is paid, and where.")

ClientId = Annotated[str, typer.Argument(metavar="ID", help="Such as ann-bank.")]


class Kind(StrEnum):
    """Of a client."""

    CRYPTO = "crypto"
    BANKING = "banking"


@group.command("show")
def client_show(context: typer.Context, client_id: ClientId, kind: Kind, json_: Json = False) -> None:
    """A client: whose it is, and whether it may be used."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "clients", client_id, kind)
    asking.show(json_, found, output.client(found))


@group.command("save")
def client_save(
    context: typer.Context,
    client_id: ClientId,
    kind: Kind,
    username: Annotated[str, typer.Option(help="Whose it is; that never changes.", show_default=False)],
    reason: Reason,
    account: Annotated[str | None, typer.Option(help="At the bank; of a banking client.")] = None,
    status: Annotated[str | None, typer.Option(metavar="ACTIVE|BLOCKED|REFUSED", help="ACTIVE at first.")] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Write a client, new or changed. What is not given stays. One that may be used then another operator confirms."""
    given = {"username": username, "status": status, "account_id": account, "reason": reason}
    asking.act(context, json_, ("clients", client_id, kind), asking.said(given), yes, method="PUT")
