"""Orders of market making: looked at, opened, ended."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from console import backtest as backtests
from console import importing, output
from console.commands import acts, asking
from console.commands.options import Id, Json, Limit, Yes

group = typer.Typer()

acts.with_reason(group, "market-making", "stop", "End an order's quotes; its money stays at the exchange.")
acts.with_reason(group, "market-making", "withdraw", "End an order's quotes, and bring its money home to who paid.")
acts.with_reason(group, "market-making", "home", "Propose that a failed order's part at the exchange comes home.")
acts.with_reason(
    group,
    "halts",
    "lift",
    "Let a halted trading account be quoted on again: the exchange has all that is owed there.",
)


@group.command("list")
def mm_list(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only these, such as running; a wrong one names all.")] = None,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """Market-making orders of everybody, in no order."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    with asking.desk(context, json_) as desk:
        while True:
            page = desk.get("operations", "market-making", status=status, limit=asking.PAGE, cursor=cursor)
            items += page["items"]
            cursor = page["cursor"]
            if cursor is None or len(items) >= limit:
                break
    more = cursor is not None or len(items) > limit
    told: list[RenderableType] = [output.market_making(items[:limit])] if items else ["There are none."]
    answer = {"items": items[:limit], "cursor": cursor}
    asking.show(json_, answer, *told, *(["", "There are more: --limit."] if more else []))


@group.command("show")
def mm_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """An order: what came in for it, where that is, what leaves the custody for it, and what happened."""
    with asking.desk(context, json_) as desk:
        told = desk.get("operations", "market-making", thing_id)
    hint = f"`desk work show {thing_id}` tells what may be done."
    asking.show(json_, told, *output.market_making_order(told), "", hint)


@group.command("fills")
def mm_fills(
    context: typer.Context,
    thing_id: Id,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    csv_: Annotated[bool, typer.Option("--csv", help="Print lines of CSV, and nothing else.")] = False,
    json_: Json = False,
) -> None:
    """What an order has traded, the newest first, with its fees."""
    with asking.desk(context, json_) as desk:
        items, cursor, _ = asking.pages(desk, limit, "operations", "market-making", thing_id, "fills")
    if csv_ and not json_:
        rows = csv.DictWriter(output.out().file, list(items[0]) if items else [], lineterminator="\n")
        rows.writeheader()
        rows.writerows(items)
        return
    asking.show_items(json_, items, cursor, output.fills, "It has traded nothing yet.")


@group.command("import")
def mm_import(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML or JSON by hummingbot's names (v1).")],
    order: Annotated[
        str | None, typer.Option(metavar="ID", help="Change this order of yours.", show_default=False)
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Of the base asset, what a new order begins with.", show_default=False)
    ] = None,
    quote: Annotated[str | None, typer.Option(help="The same, of the quote asset.", show_default=False)] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Under the same one an order is opened once; else by all of it.", show_default=False),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Open an order of your own by a configuration of hummingbot's, or change one to it. A parameter that is not known,
    or can not be so, is named."""
    asked = importing.Asked(config=backtests.from_there(config), order=order, base=base, quote=quote, key=key, yes=yes)
    with asking.desk(context, json_) as desk:
        answer, told = importing.imported(desk, asked)
    asking.show(json_, answer, *told)


@group.command("backtest")
def mm_backtest(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="YAML or JSON by hummingbot's names (v1).")],
    trades: Annotated[
        Path | None,
        typer.Option(
            help="What has traded: a CSV of time, price, quantity, side. Without, a market by chance.",
            show_default=False,
        ),
    ] = None,
    sweep: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=A,B,C", help="Play each value of a parameter; may be repeated.", show_default=False),
    ] = None,
    picture: Annotated[Path, typer.Option(help="Where it is drawn; of a sweep the best.")] = backtests.PICTURE,
    hours: Annotated[float, typer.Option(min=0.1, max=24 * 31, help="Of a market by chance.")] = 24,
    seed: Annotated[int, typer.Option(help="The same one gives the same market.")] = 1,
    price: Annotated[str, typer.Option(help="With which it begins.")] = "60000",
    volatility: Annotated[float, typer.Option(min=0, max=100, help="Of its price, in percent a day.")] = 3,
    interval: Annotated[int, typer.Option(min=1, max=3600, help="Of the order's cycles, in seconds.")] = 10,
    fee: Annotated[str, typer.Option(help="Of the exchange for a maker, in percent.")] = "0.1",
    base: Annotated[str | None, typer.Option(help="What the order has; else four times its quotes.")] = None,
    quote: Annotated[str | None, typer.Option(help="The same, of the quote asset.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")] = False,
) -> None:
    """What a configuration would have done: the desk's own strategy and cycles, on a market by chance or on what has
    traded, with a light model of fills. It asks no desk."""
    asked = backtests.Asked(
        config=config,
        trades=trades,
        sweeps=sweep or (),
        picture=picture,
        hours=hours,
        seed=seed,
        price=price,
        volatility=volatility,
        interval=interval,
        fee=fee,
        base=base,
        quote=quote,
    )
    with asking.told_of(json_):
        answer, told = backtests.backtest(asked)
    asking.show(json_, answer, *told)
