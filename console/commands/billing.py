"""Dealers and their bills."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType

from console import backtest, billing_output
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Id, Json, Limit
from console.errors import Misused

group = group_of("Dealers and their bills. It only looks.")
dealers = group_of("Dealers, and their accounts at the billing system.")
bills = group_of("What dealers owe, and have paid.")
received = group_of("What has come for dealers. `desk payments` decides about what could not be placed.")
group.add_typer(dealers, name="dealers")
group.add_typer(bills, name="bills")
group.add_typer(received, name="payments")

DealerId = Annotated[str, typer.Argument(metavar="DEALER", help="Our id of him, or CME's.")]


@dealers.command("list")
def dealers_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """All dealers, in no order."""
    with asking.desk(context, json_) as desk:
        items, cursor, _ = asking.pages(desk, limit, "operations", "billing", "dealers")
    asking.show_items(json_, items, cursor, billing_output.dealers)


@dealers.command("show")
def dealers_show(context: typer.Context, dealer: DealerId, json_: Json = False) -> None:
    """A dealer: his accounts, what he waits for, and what happened."""
    with asking.desk(context, json_) as desk:
        told = desk.get("operations", "billing", "dealers", dealer)
    hint = f"`desk work show {told['dealer']['dealer_id']}` tells what may be done."
    asking.show(json_, told, *billing_output.dealer(told), "", hint)


@bills.command("list")
def bills_list(context: typer.Context, dealer: DealerId, limit: Limit = 20, json_: Json = False) -> None:
    """A dealer's bills, those that are not paid first."""
    with asking.desk(context, json_) as desk:
        items, cursor, _ = asking.pages(desk, limit, "operations", "billing", "dealers", dealer, "bills")
    asking.show_items(json_, items, cursor, billing_output.bills)


@bills.command("show")
def bills_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """A bill: what is paid of it, where its invoice is, and what happened."""
    with asking.desk(context, json_) as desk:
        told = desk.get("operations", "billing", "bills", thing_id)
    asking.show(json_, told, *billing_output.bill(told), "", f"`desk work show {thing_id}` tells what may be done.")


@received.command("list")
def received_list(
    context: typer.Context,
    dealer: Annotated[str | None, typer.Argument(metavar="[DEALER]", help="Our id of him, or CME's.")] = None,
    contract: Annotated[
        str | None,
        typer.Option(metavar="ID", help="In his place, a contract at the billing system, also one of nobody's."),
    ] = None,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """Payments, of each account the newest first; before them those that were taken for no account yet."""
    if (dealer is None) is (contract is None):
        raise typer.BadParameter("name a dealer, or a contract by --contract", param_hint="DEALER")
    of = ("dealers", dealer) if dealer is not None else ("contracts", str(contract))
    with asking.desk(context, json_) as desk:
        items, cursor, first = asking.pages(desk, limit, "operations", "billing", *of, "payments")
    aside = first["aside"]
    told: list[RenderableType] = []
    if aside:
        hint = "`desk work show ID` tells what may be done about one that is aside."
        told += [billing_output.payments(aside), "", hint, *([""] if items else [])]
    told += [billing_output.payments(items)] if items else []
    shown = told or ["There are none. What names no contract is in `desk work list --context payments`."]
    asking.show(json_, {"items": items, "aside": aside, "cursor": cursor}, *shown, *asking.more(cursor))


@group.command("statement")
def statement(
    context: typer.Context,
    dealer: DealerId,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11.")],
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the PDF there as well.")] = None,
    json_: Json = False,
) -> None:
    """A dealer's month, account by account; of one that is not over, a preview."""
    path = ("operations", "billing", "dealers", dealer, "statements", month)
    with asking.desk(context, json_) as desk:
        told = desk.get(*path)
        wrote = [] if pdf is None else ["", f"written: {_written(pdf, desk.document(*path, 'pdf'))}"]
    asking.show(json_, told, *billing_output.statement(told), *wrote)


def _written(file: Path, content: bytes) -> Path:
    """Raises Misused."""
    there = backtest.from_there(file)
    try:
        there.write_bytes(content)
    except OSError as no:
        raise Misused(str(no)) from None
    return there
