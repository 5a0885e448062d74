"""Unfinished work of every kind: found, explained, moved."""

from __future__ import annotations

from typing import Annotated

import typer

from console import output
from console.commands import acts, asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Limit, Reason, Reference, Yes

group = group_of("Unfinished work: found, explained, moved.")


@group.command("list")
def work_list(
    context: typer.Context,
    of: Annotated[
        str | None,
        typer.Option("--context", help="Only one backlog's, as the column `in` names it; a wrong one names all."),
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have moved by now.")] = False,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """What is unfinished, longest overdue first."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "work", context=of, overdue=overdue, limit=limit)
    items = found["items"]
    if not items:
        asking.show(json_, found, "Nothing is overdue." if overdue else "Nothing is unfinished.")
        return
    hints = [
        f"{sum(item['overdue'] for item in items)} of {len(items)} overdue, "
        f"{sum(item['needs_person'] for item in items)} to be decided by a person.",
        "`desk work show ID` explains one; of what is parked, `desk parked list` does.",
    ]
    if len(items) == limit:
        hints.append("There may be more: --limit." if limit < asking.PAGE else "There may be more.")
    asking.show(json_, found, output.waiting(items, asking.now()), "", " ".join(hints))


@group.command("show")
def work_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """The life of anything with an id: what happened, what it waits for, and what may be done by hand."""
    with asking.desk(context, json_) as desk:
        told = desk.get("operations", "work", thing_id)
    asking.show(json_, told, *output.life(told, asking.now()), *output.acts(told["acts"], told["id"]))


acts.with_reason(group, "work", "redrive", "Start its machine again; it goes on from the table.")
acts.with_reason(
    group, "work", "approve-payout", "Propose to pay what is over the limit; another operator confirms it."
)


@group.command("decide-order")
def decide_order(
    context: typer.Context,
    thing_id: Id,
    executed: Annotated[
        str,
        typer.Option("--executed", metavar="Q", help="Of the asset; 0: nothing, and never will.", show_default=False),
    ],
    gross: Annotated[
        str, typer.Option("--gross", metavar="USD", help="For how many dollars, before its fee.", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    fee: Annotated[str, typer.Option("--fee", metavar="USD", help="Of the exchange, in dollars.")] = "0",
    fees_in_coins: Annotated[
        str | None,
        typer.Option("--fees-in-coins", metavar="FEES", help='Such as "0.001 SOL, 0.0002 BNB".', show_default=False),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what the exchange has executed of an order that it does not tell of; another operator confirms it."""
    told = {"executed": executed, "gross": gross, "fee": fee, "reference": reference, "reason": reason}
    if fees_in_coins is not None:
        told["fees_in_coins"] = fees_in_coins
    asking.act(context, json_, ("work", thing_id, "decide-order"), told, yes)


@group.command("decide-payout")
def decide_payout(
    context: typer.Context,
    thing_id: Id,
    paid: Annotated[
        str,
        typer.Option("--paid", metavar="USD", help="By the bank; 0: nothing, and it never will.", show_default=False),
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what the bank has paid of a pending attempt that it does not end; another operator confirms it."""
    asking.act(
        context,
        json_,
        ("work", thing_id, "decide-payout"),
        {"paid": paid, "reference": reference, "reason": reason},
        yes,
    )
