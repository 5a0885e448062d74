"""Payments of dealers whose account can not be told."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Reason, Reference, Yes

Sum = Annotated[str, typer.Option("--sum", metavar="ROUBLES", help="With two decimals: 100.00.", show_default=False)]

group = group_of("Payments of dealers whose account can not be told. A dry run unless --yes.")

acts.with_reason(
    group, "refunds", "retry", "Ask the billing system again what has become of a refund.", command="retry-refund"
)
acts.with_reason(group, "payments", "replay", "Look again whose it is: its contract or invoice may be known by now.")


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


@group.command("identify")
def payments_identify(
    context: typer.Context,
    thing_id: Id,
    payment: Annotated[
        str, typer.Option("--payment", metavar="ID", help="The billing system's, of the payment.", show_default=False)
    ],
    contract: Annotated[
        str,
        typer.Option("--contract", metavar="ID", help="The billing system's, of its contract.", show_default=False),
    ],
    sum_: Sum,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which payment a message tells of that can not be read; another operator confirms it."""
    told = {"payment": payment, "contract": contract, "sum": sum_, "reference": reference, "reason": reason}
    asking.act(context, json_, ("payments", thing_id, "identify"), told, yes)


@group.command("refund")
def payments_refund(
    context: typer.Context,
    thing_id: Id,
    sum_: Sum,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that so much of what is on an account, and pays nothing, goes back; another operator confirms it."""
    told = {"sum": sum_, "reference": reference, "reason": reason}
    asking.act(context, json_, ("totals", thing_id, "refund"), told, yes)


@group.command("recall")
def payments_recall(
    context: typer.Context,
    thing_id: Id,
    reference: Reference,
    reason: Reason,
    message: Annotated[
        str | None,
        typer.Option(
            "--message",
            metavar="ID",
            help="The parked message that tells of it: it is done with once the payment is off its account.",
            show_default=False,
        ),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that the bank has taken it back: what it has paid is owed again; another operator confirms it."""
    told = {"reference": reference, "reason": reason} | asking.said({"message": message})
    asking.act(context, json_, ("payments", thing_id, "recall"), told, yes)


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
