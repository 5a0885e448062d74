"""Payments of dealers whose account can not be told."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Reason, Reference, Yes

group = group_of("Payments of dealers whose account can not be told. A dry run unless --yes.")


@group.command("assign")
def payments_assign(
    context: typer.Context,
    thing_id: Id,
    contract: Annotated[
        str,
        typer.Option("--contract", metavar="ID", help="The billing system's, of the account.", show_default=False),
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which account it came for; another operator confirms it."""
    told = {"contract": contract, "reference": reference, "reason": reason}
    asking.act(context, json_, ("payments", thing_id, "assign"), told, yes)


acts.with_reference(
    group, "payments", "dismiss", "Propose that nothing is to be done about it; another operator confirms it."
)
acts.with_reference(
    group,
    "totals",
    "agree",
    "Propose that what is told of an account is rightly not what has come; another operator confirms it.",
    command="agree-total",
)
