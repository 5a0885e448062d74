"""What operators did, and whether it is told as it was written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from console import chain, output
from console.api import Api
from console.commands import asking
from console.commands.groups import group_of
from console.commands.options import Json

group = group_of("What operators did on one day, newest first; and whether that is as it was written.", is_command=True)


@group.callback(invoke_without_command=True)
def audit(
    context: typer.Context,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of UTC; today when not given.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = asking.PAGE,
    json_: Json = False,
) -> None:
    """What operators did on one day, newest first; `audit verify` says whether it is as it was written."""
    if context.invoked_subcommand is not None:
        return
    day = f"{date or asking.now():%Y-%m-%d}"
    with asking.desk(context, json_) as desk:
        items, cursor, _ = asking.pages(desk, limit, "operations", "audit", date=day)
    asking.show_items(json_, items, cursor, output.audit, f"No operator did anything on {day}.")


@group.command()
def verify(context: typer.Context, json_: Json = False) -> None:
    """Reckon the chain of all entries anew, and hold it against the anchors that were signed each hour. It is reckoned
    here, and not by the desk. Exit code 1 when an entry was changed, deleted or put elsewhere."""
    with asking.desk(context, json_) as desk:
        before = desk.get("operations", "audit", "head")
        anchors = [
            anchor
            for day in _days(before["anchored_since"])
            for anchor in desk.get("operations", "audit", "anchors", date=day)["items"]
        ]
        head = desk.get("operations", "audit", "head")
        entries = [entry for day in _days(head["first_date"]) for entry in _of_day(desk, day)]
    found = list(chain.faults(entries, head, anchors))
    told = {"entries": len(entries), "anchors": len(anchors), "faults": found}
    asking.show(json_, told, *output.verified(told))
    if found:
        raise typer.Exit(1)


def _days(first: str | None) -> Iterator[str]:
    """From that day to today, UTC."""
    day, last = dt.date.fromisoformat(first) if first else None, asking.now().date()
    while day is not None and day <= last:
        yield day.isoformat()
        day += timedelta(days=1)


def _of_day(desk: Api, day: str) -> list[dict[str, Any]]:
    """All entries of a day, in the order in which they were written."""
    page = desk.get("operations", "audit", date=day, limit=asking.PAGE)
    items = list(page["items"])
    while page["cursor"] is not None:
        page = desk.get("operations", "audit", date=day, limit=asking.PAGE, cursor=page["cursor"])
        items += page["items"]
    return items[::-1]
