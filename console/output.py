"""How answers look to a person. On a terminal texts wrap; in a pipe a row is a line.

Much of what is shown was written by others (a bank's failure code, an exchange's refusal): it is shown as it is, with
neither markup nor control characters.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from console import story
from console.story import Story, instant

View = Mapping[str, Any]
LINE = 10_000  # wider than any row


def out() -> Console:
    return _console(error=False)


def err() -> Console:
    return _console(error=True)


def _console(*, error: bool) -> Console:
    stream = sys.stderr if error else sys.stdout
    return Console(stderr=error, highlight=False, soft_wrap=True, width=None if stream.isatty() else LINE)


def text(words: object, style: str = "") -> Text:
    """What others wrote, on one line."""
    return Text("".join(c if c.isprintable() else "·" for c in str(words)), style)


def clock(at: datetime, *, exact: bool = False) -> str:
    written = f"{at:%Y-%m-%d %H:%M:%S}"
    return f"{written}.{at.microsecond // 1000:03}" if exact else written


def relative(at: datetime, now: datetime) -> str:
    """`4 min ago`, `in 2 h`."""
    seconds = (at - now).total_seconds()
    size, unit = next((s, u) for s, u in ((86_400, "d"), (3_600, "h"), (60, "min"), (0, "s")) if abs(seconds) >= s)
    number = int(abs(seconds) // (size or 1))
    if number == 0:
        return "now"
    return f"in {number} {unit}" if seconds > 0 else f"{number} {unit} ago"


def rows(*titles: str) -> Table:
    """The last column takes what is long."""
    table = Table(*titles[:-1], box=None, pad_edge=False, header_style="bold")
    for column in table.columns:
        column.no_wrap = True
    table.add_column(titles[-1], overflow="fold")
    return table


def facts(told: Mapping[str, RenderableType]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in told.items():
        table.add_row(name, value)
    return table


def waiting(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("in", "id", "due (UTC)", "", "waits for")
    for item in items:
        due, late = instant(item["due_at"]), "red" if item["overdue"] else ""
        thing_id = text(item["id"].rpartition("#")[2])  # a parked event comes as the table's key names it
        table.add_row(
            text(item["context"]), thing_id, clock(due), text(relative(due, now), late), text(item["waits_for"])
        )
    return table


def life(told: Story, now: datetime) -> list[RenderableType]:
    """The story of an order: what happened, and where it stands."""
    timeline = Table.grid(padding=(0, 2))
    timeline.add_column(style="dim", no_wrap=True)
    timeline.add_column(style="cyan", no_wrap=True)
    timeline.add_column(overflow="fold")
    for moment in story.moments(told):
        timeline.add_row(clock(moment.at, exact=True), text(moment.who), text(moment.what))
    title = Text.assemble((told["id"], "bold"), f", {story.kind(told['id'])}; times are UTC")
    return [title, "", timeline, "", stands(told, now)]


def stands(told: Story, now: datetime) -> RenderableType:
    """Where it is, and what it waits for."""
    shown: dict[str, RenderableType] = {"status": text(told["status"] or "unknown", "bold")}
    if told["waits_for"] is None:
        shown["waits for"] = "nothing"
    else:
        shown["waits for"] = text(told["waits_for"])
        if told["waits_since"]:
            since = instant(told["waits_since"])
            shown["since"] = f"{clock(since)}, {relative(since, now)}"
        if told["due_at"]:
            due = instant(told["due_at"])
            late = Text(": overdue", "red") if due <= now else Text()
            shown["due"] = Text.assemble(f"{clock(due)}, {relative(due, now)}", late)
        person = Text("is needed", "bold yellow") if told["needs_person"] else Text("is not needed")
        shown["a person"] = person
    ran = told["execution"]
    if ran is not None:
        shown["execution"] = text(f"{ran['name']}: {ran['status']}")
    return facts(shown)


def by_hand(told: Story, now: datetime) -> Iterable[RenderableType]:
    """What can be done; nothing for what waits for nothing."""
    possible = story.commands(told)
    if not possible:
        return
    yield ""
    by_itself = "It moves by itself. " if story.moves_by_itself(told, now) else ""
    yield f"{by_itself}What can be done by hand; without --yes each only says what it would do:"
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for command in possible:
        table.add_row(Text(f"  {command.words}"), command.does)
    yield table


def sale(order: View) -> RenderableType:
    """A cash-out in dollars and coins."""
    shown: dict[str, RenderableType] = {
        "cash-out": text(order["order_id"], "bold"),
        "sells": text(f"{order['quantity']} {order['asset_id']}, for {order['crypto_client_id']}"),
    }
    if order["executed_quantity"] is not None:
        sold = f"{order['executed_quantity']} {order['asset_id']} for ${order['gross_amount']}"
        shown["sold"] = text(f"{sold}, fee ${order['fee_amount']}")
        shown["to pay"] = text(f"${order['total_amount']} to {order['banking_client_id']}")
    shown["attempts"] = text(order["payout_attempts"])
    shown["status"] = text(order["status"], "bold")
    return facts(shown)


def events(items: Sequence[View]) -> RenderableType:
    table = rows("event", "reference", "amount", "says", "parked (UTC)", "why")
    for item in items:
        says = item["state"] if item["failure_code"] is None else f"{item['state']} {item['failure_code']}"
        parked = clock(instant(item["parked_at"]))
        table.add_row(
            text(item["webhook_id"]),
            text(item["reference_id"]),
            text(f"${item['amount']}"),
            text(says),
            parked,
            text(item["why"]),
        )
    return table


def acts(items: Sequence[View]) -> RenderableType:
    table = rows("at (UTC)", "operator", "did", "to", "because")
    for item in items:
        words = (text(item[name]) for name in ("operator", "action", "subject", "detail"))
        table.add_row(clock(instant(item["at"])), *words)
    return table


def client(told: View) -> RenderableType:
    shown: dict[str, RenderableType] = {
        "client": text(f"{told['client_id']}, {told['kind'].lower()}", "bold"),
        "of": text(told["username"]),
        "status": text(told["status"], "" if told["status"] == "ACTIVE" else "red"),
    }
    if told["account_id"] is not None:
        shown["account"] = text(told["account_id"])
    shown["written"] = f"{clock(instant(told['updated_at']))} UTC"
    return facts(shown)
