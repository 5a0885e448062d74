"""What can be traded, by which rules."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console import output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json, Reason, Yes

group = group_of("What can be traded, by which rules.")

# Dollars are texts as well.
TEXTS = frozenset(
    {
        "name",
        "min_notional",
        "max_notional",
        "min_pooled",
        "desk_buys_max",
        "price_step",
        "price_source_id",
        "exchange_symbol",
    }
)
AssetId = Annotated[str, typer.Argument(metavar="ASSET", help="Such as BTC.")]


@group.command("list")
def catalogue_list(context: typer.Context, json_: Json = False) -> None:
    """All assets, those too that are not traded."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "catalogue")
    asking.show(json_, found, output.assets(found["items"]) if found["items"] else "There are none.")


@group.command("show")
def catalogue_show(context: typer.Context, asset_id: AssetId, json_: Json = False) -> None:
    """All rules of an asset, by the names under which `set` takes them."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "catalogue", asset_id)
    asking.show(json_, found, output.asset(found))


@group.command("set")
def catalogue_set(
    context: typer.Context,
    asset_id: AssetId,
    rules: Annotated[
        list[str],
        typer.Argument(metavar="RULE=VALUE…", help="Such as active=false min_notional=20.00."),
    ],
    reason: Reason,
    new: Annotated[bool, typer.Option("--new", help="It is not in the catalogue yet.")] = False,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose other rules of an asset; what is not named stays as it is. Another operator confirms it. `active=false`
    alone is done at once. Traders see it within five seconds."""
    body = {**_given(rules), "reason": reason}
    asking.act(context, json_, ("catalogue", asset_id), body, yes, method="PUT" if new else "PATCH")


def _given(rules: list[str]) -> dict[str, Any]:
    """Which words are numbers the desk knows: it says so of a wrong one. Amounts of money stay text."""
    given: dict[str, Any] = {}
    for rule in rules:
        name, equals, value = rule.partition("=")
        if not equals:
            raise typer.BadParameter(f"{rule} is no RULE=VALUE, such as active=false", param_hint="RULE=VALUE")
        outer, dot, inner = name.partition(".")
        if dot:
            given.setdefault(outer, {})[inner] = _value(inner, value)
        else:
            given[name] = _value(name, value)
    return given


def _value(name: str, value: str) -> Any:
    """Dollars, names and symbols are texts, whatever they look like; the rest are whole numbers, or true and false."""
    if name in TEXTS:
        return value
    if value.isascii() and value.isdecimal():
        return int(value)
    return {"true": True, "false": False}.get(value, value)
