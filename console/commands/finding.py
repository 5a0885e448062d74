"""Where money is: all of a customer, what somebody outside calls something, open pools, and what has failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from console import output
from console.commands import asking
from console.commands.options import Json, Limit
from console.errors import Misused

group = typer.Typer()

DAYS_MAX = 366
FAILURE_DAYS_MAX = 31  # each is a request


@group.command()
def customer(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="NAME", help="Whose money.")],
    json_: Json = False,
) -> None:
    """Where a customer's money is: balances, what holds what, what is open, the last moves, clients, limits left."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "customers", username)
    asking.show(json_, found, *output.customer(found, asking.now()))


@group.command()
def find(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[WHAT]",
            help="An id, a username, a client, a payout's or the bank's reference, an order id of the exchange, a "
            "snapshot of the custody, a contract or invoice of the billing system.",
        ),
    ] = None,
    customer_: Annotated[str | None, typer.Option("--customer", metavar="NAME", help="Whose moves.")] = None,
    amount: Annotated[
        str | None, typer.Option(metavar="Q", help="Of a customer's move: dollars, or so much of an asset.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="How far back an amount is looked for.")] = 30,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """What somebody outside calls something; or with --customer and --amount, the moves of that amount."""
    by_amount = customer_ is not None and amount is not None
    with asking.told_of(json_):
        if (what is None) != by_amount or (customer_ is None) != (amount is None):
            raise Misused(
                "say WHAT is looked for, or --customer and --amount: an amount alone is found nowhere, since nothing "
                "lists by it"
            )
    with asking.desk(context, json_) as desk:
        if what is not None:
            found = desk.get("operations", "find", what=what)
            asking.show(json_, found, *output.found(found["items"], what))
            return
        assert customer_ is not None
        found = desk.get("operations", "customers", customer_, "moves", amount=amount, days=days, limit=limit)
    asking.show(json_, found, *output.moves_of_amount(found))


@group.command()
def pools(context: typer.Context, json_: Json = False) -> None:
    """Open pools: how full each is, until when it waits, and its members."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "pools")
    told = output.pools(found["items"], asking.now()) if found["items"] else "No pool has anybody in it."
    asking.show(json_, found, told)


@group.command()
def failures(
    context: typer.Context,
    days: Annotated[int, typer.Option(min=1, max=FAILURE_DAYS_MAX, help="Of UTC, up to today.")] = 1,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json_: Json = False,
) -> None:
    """What has ended otherwise than it was asked for, newest first, though nothing may wait for anybody."""
    items: asking.Items = []
    with asking.desk(context, json_) as desk:
        for back in range(days):
            if len(items) == limit:
                break
            date = f"{asking.now() - timedelta(days=back):%Y-%m-%d}"
            page, _, _ = asking.pages(desk, limit - len(items), "operations", "failures", date=date)
            items += page
    none = "Nothing has failed today." if days == 1 else f"Nothing has failed in {days} days."
    if len(items) < limit:
        asking.show(json_, {"items": items}, output.failures(items) if items else none)
        return
    asking.show(json_, {"items": items}, output.failures(items), "", "There may be more: --limit.")
