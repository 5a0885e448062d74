"""What the desk has somewhere outside, held against what is booked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from console import billing_output, output
from console.api import Request
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json
from console.errors import TryLater

group = group_of("Hold what the desk has somewhere outside against what is booked. It only looks.")

COMPARED_FROM = ("AGREES", "UNKNOWN", "OFF")  # the worse, the later
COMPARED = {"AGREES": 0, "OFF": 1, "UNKNOWN": TryLater.exit_code}  # exit codes of a comparison


@group.command("custody")
def compare_custody(
    context: typer.Context,
    last: Annotated[bool, typer.Option("--last", help="Only tell what the last comparison has found.")] = False,
    json_: Json = False,
) -> None:
    """Hold the custody's unspent outputs of each asset against what is booked. It takes up to 20 seconds where
    something differs. Exit code 1 when something is off, for certain; 75 when it can not be told now."""
    path = ("operations", "compare", "custody")
    with asking.desk(context, json_) as desk:
        found = desk.get(*path) if last else desk.ask(Request("POST", path, changes=False))
    asking.show(json_, found, *output.custody_compared(found, asking.now()))
    _ended(found)


@group.command("bank")
def compare_bank(
    context: typer.Context,
    date: Annotated[str | None, typer.Option("--date", metavar="DAY", help="2026-11-21; else the last one.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Have it compared again, within a quarter of an hour.")
    ] = False,
    json_: Json = False,
) -> None:
    """What the comparison of a day's payouts with the bank has found. Each day is compared once it is over. Exit code 1
    when something is off, for certain; 75 when it can not be told now."""
    path = ("operations", "compare", "bank")
    with asking.desk(context, json_) as desk:
        if again:
            if date is None:
                raise typer.BadParameter("--again needs a --date")
            asked = desk.ask(Request("POST", path, body={"date": date}, changes=False))
            asking.show(json_, asked, f"{asked['date']} is compared within a quarter of an hour.")
            return
        found = desk.get(*path) if date is None else desk.get(*path, date=date)
    asking.show(json_, found, *output.bank_compared(found, asking.now()))
    _ended(found)


@group.command("billing")
def compare_billing(
    context: typer.Context,
    last: Annotated[bool, typer.Option("--last", help="Only tell what the last daily comparison has found.")] = False,
    json_: Json = False,
) -> None:
    """Hold the invoices and payments of each account at the billing system against what is booked. Exit code 1 when
    something is off, for certain; 75 when it can not be told now."""
    path = ("operations", "compare", "billing")
    with asking.desk(context, json_) as desk:
        found = desk.get(*path) if last else desk.ask(Request("POST", path, changes=False))
        while found["cursor"] is not None:
            more = desk.ask(Request("POST", path, changes=False), cursor=found["cursor"])
            verdict = max(found["verdict"], more["verdict"], key=list(COMPARED_FROM).index)
            things = [*found["things"], *more["things"]]
            found = {**more, "verdict": verdict, "things": things, "compared": found["compared"] + more["compared"]}
    asking.show(json_, found, *billing_output.compared(found, asking.now()))
    _ended(found)


def _ended(found: Mapping[str, Any]) -> None:
    if code := COMPARED[found["verdict"]]:
        raise typer.Exit(code)
