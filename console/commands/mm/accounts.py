"""Where is quoted, and what: trading accounts, their campaigns, and pairs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from console import output
from console.api import Api
from console.commands import asking
from console.commands.options import Json, Reason, Yes

group = typer.Typer()

Enabled = Annotated[
    bool | None,
    typer.Option("--enabled/--disabled", help="Disabled, it begins nothing new.", show_default=False),
]


@group.command("accounts")
def accounts_list(context: typer.Context, json_: Json = False) -> None:
    """The trading accounts, and how many orders each carries."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "trading-accounts")
    asking.show(json_, found, output.trading_accounts(found["items"]) if found["items"] else "There are none.")


@group.command("campaigns")
def campaigns_list(
    context: typer.Context,
    account_id: Annotated[str | None, typer.Argument(metavar="ACCOUNT")] = None,
    campaign_id: Annotated[str | None, typer.Argument(metavar="CAMPAIGN")] = None,
    json_: Json = False,
) -> None:
    """The campaigns that the trading accounts have joined; of one of them, whose its rewards are."""
    path = ("operations", "market-making", "campaigns")
    if account_id is not None and campaign_id is None:
        raise typer.BadParameter("name the campaign too, as `desk mm campaigns` does", param_hint="CAMPAIGN")
    with asking.desk(context, json_) as desk:
        if account_id is None or campaign_id is None:
            found = desk.get(*path)
            asking.show(json_, found, output.campaigns(found["items"]) if found["items"] else "There are none.")
            return
        found = desk.get(*path, account_id, campaign_id)
    periods = output.campaign_periods(found["periods"]) if found["periods"] else "Nothing was told yet."
    asking.show(json_, found, output.campaigns([found["campaign"]]), "", periods)


@group.command("save-account")
def account_save(
    context: typer.Context,
    account_id: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Such as mm1: its keys are named so.")],
    reason: Reason,
    exchange: Annotated[str | None, typer.Option(help="Of a new one; it never changes.")] = None,
    capacity: Annotated[int | None, typer.Option(help="So many orders at once.")] = None,
    shard: Annotated[str | None, typer.Option(help="Whose ticker quotes for it.")] = None,
    fee_coin: Annotated[str | None, typer.Option(help='In which its fees are taken, such as BNB; "": in none.')] = None,
    enabled: Enabled = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Write a trading account, new or changed. What is not given stays as it is."""
    given = {"exchange": exchange, "capacity": capacity, "shard": shard, "fee_coin": fee_coin, "enabled": enabled}
    with asking.desk(context, json_) as desk:
        body = _kept(desk, "trading-accounts", "account_id", account_id, ("exchange", "capacity")) | asking.said(given)
        body["reason"] = reason
        asking.act_at(desk, json_, ("trading-accounts", account_id), body, yes, method="PUT")


@group.command("halt")
def account_halt(
    context: typer.Context,
    reason: Reason,
    thing_id: Annotated[
        str | None, typer.Argument(metavar="[ACCOUNT]", help="Or an order. Left out: all accounts.")
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Stop quoting on a trading account, on all, or an order: what is open there is cancelled. Another operator lifts
    it; then their owners resume the orders."""
    with asking.desk(context, json_) as desk:
        every = [thing_id] if thing_id else _each_account(desk)
        for one in every:  # an order's id is in capitals, an account's is not
            of = ("market-making" if one.isupper() else "trading-accounts", one, "halt")
            asking.act_at(desk, json_, of, {"reason": reason}, yes)


def _each_account(desk: Api) -> list[str]:
    return [item["account_id"] for item in desk.get("operations", "trading-accounts")["items"]]


@group.command("pairs")
def pairs_list(context: typer.Context, json_: Json = False) -> None:
    """What may be quoted, also what is disabled."""
    with asking.desk(context, json_) as desk:
        found = desk.get("operations", "pairs")
    asking.show(json_, found, output.pairs(found["items"]) if found["items"] else "There are none.")


@group.command("save-pair")
def pair_save(
    context: typer.Context,
    pair_id: Annotated[str, typer.Argument(metavar="PAIR", help="Its uuid, which memos carry.")],
    reason: Reason,
    pair: Annotated[str | None, typer.Option(help="Such as BTC-USDT; it never changes, nor do the next three.")] = None,
    exchange: Annotated[str | None, typer.Option()] = None,
    base_asset_id: Annotated[str | None, typer.Option(help="At Mixin.")] = None,
    quote_asset_id: Annotated[str | None, typer.Option(help="At Mixin.")] = None,
    base_min: Annotated[str | None, typer.Option(help="An order needs so much at least.")] = None,
    quote_min: Annotated[str | None, typer.Option()] = None,
    fee_bps: Annotated[int | None, typer.Option(help="Of the quote asset, in basis points.")] = None,
    enabled: Enabled = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Write a pair, new or changed. What is not given stays as it is."""
    given = {
        "pair": pair,
        "exchange": exchange,
        "base_asset_id": base_asset_id,
        "quote_asset_id": quote_asset_id,
        "base_min": base_min,
        "quote_min": quote_min,
        "fee_bps": fee_bps,
        "enabled": enabled,
    }
    with asking.desk(context, json_) as desk:
        body = _kept(desk, "pairs", "pair_id", pair_id, tuple(name for name in given if name != "enabled"))
        if "fee_bps" in body:
            body["fee_bps"] = int(body["fee_bps"])  # told as an amount, asked for as a number
        body |= asking.said(given) | {"reason": reason}
        asking.act_at(desk, json_, ("pairs", pair_id), body, yes, method="PUT")


def _kept(desk: Api, things: str, name: str, thing_id: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What stays as it is of one of a list; nothing of a new one."""
    for there in desk.get("operations", things)["items"]:
        if there[name] == thing_id:
            return {each: there[each] for each in names}
    return {}
