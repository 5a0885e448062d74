"""What an order has at the exchange, where it does not tell: proposed by one operator, confirmed by another."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import asking
from console.commands.options import Id, Json, Reason, Reference, Yes

group = typer.Typer()

Symbol = Annotated[
    str, typer.Option("--asset", metavar="SYMBOL", help="As the exchange calls it, such as USDT.", show_default=False)
]


@group.command("decide-deposit")
def decide_deposit(
    context: typer.Context,
    thing_id: Id,
    asset: Symbol,
    credited: Annotated[
        str,
        typer.Option("--credited", metavar="Q", help="By the exchange; 0: nothing, ever.", show_default=False),
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what the exchange has credited of an asset; another operator confirms it."""
    told = {"asset": asset, "credited": credited, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "decide-deposit"), told, yes)


@group.command("decide-fills")
def decide_fills(
    context: typer.Context,
    thing_id: Id,
    base: Annotated[
        str, typer.Option("--base", metavar="Q", help="Of its base asset, at the exchange.", show_default=False)
    ],
    quote: Annotated[str, typer.Option("--quote", metavar="Q", help="Of its quote asset.", show_default=False)],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what an order that can not be stopped has at the exchange; another operator confirms it."""
    told = {"base": base, "quote": quote, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "decide-fills"), told, yes)


@group.command("look-back")
def look_back(
    context: typer.Context,
    thing_id: Id,
    after: Annotated[
        int, typer.Option("--after", metavar="TRADE", min=0, help="Its number; 0: all.", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that the trades of an order's account in its market are looked at again, after one that is named; another
    operator confirms it. What is booked is not booked once more."""
    told = {"after": after, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "look-back"), told, yes)


@group.command("decide-return")
def decide_return(
    context: typer.Context,
    thing_id: Id,
    asset: Symbol,
    snapshot: Annotated[
        str, typer.Option("--snapshot", metavar="ID", help="As `desk snapshots list` shows it.", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose as which snapshot an asset has come home; another operator confirms it."""
    told = {"asset": asset, "snapshot": snapshot, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "decide-return"), told, yes)


@group.command("withdraw-again")
def withdraw_again(
    context: typer.Context,
    thing_id: Id,
    asset: Symbol,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose to ask the exchange again for what it has refused to withdraw; another operator confirms it."""
    told = {"asset": asset, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "withdraw-again"), told, yes)


@group.command("keep-rest")
def keep_rest(
    context: typer.Context,
    thing_id: Id,
    asset: Symbol,
    payer: Annotated[
        str, typer.Option("--payer", metavar="paid|unpaid", help="Has he got it otherwise?", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that what of an asset can not be withdrawn from the exchange is the desk's; another operator confirms
    it."""
    told = {"asset": asset, "payer": payer, "reference": reference, "reason": reason}
    asking.act(context, json_, ("market-making", thing_id, "keep-rest"), told, yes)
