"""How dealers, their bills, payments and months, and their comparison with the billing system are shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from console.output import clock, facts, relative, rows, text
from console.story import instant

View = Mapping[str, Any]


def dealers(items: Sequence[View]) -> RenderableType:
    table = rows("dealer", "at CME", "status", "commission", "registered (UTC)", "why")
    for item in items:
        table.add_row(
            text(item["dealer_id"]),
            text(item["cme_dealer_id"]),
            text(item["status"], "red" if item["needs_person"] else ""),
            text(f"{item['commission_percent']} %"),
            clock(instant(item["created_at"])),
            text(item["reason"] or ""),
        )
    return table


def dealer(told: View) -> Iterator[RenderableType]:
    """His accounts, and what happened."""
    of = told["dealer"]
    yield Text.assemble((of["dealer_id"], "bold"), f", {of['cme_dealer_id']} at CME; times are UTC")
    shown: dict[str, RenderableType] = {"status": text(of["status"], "bold")}
    if of["reason"]:
        shown["reason"] = text(of["reason"])
    shown["waits for"] = text(told["waits_for"] or "nothing", "red" if of["needs_person"] else "")
    shown["commission"] = text(f"{of['commission_percent']} %, by the offer {of['offer_version']}")
    forgotten = f", forgotten since {clock(instant(of['forgotten_at']))}" if of["forgotten_at"] else ""
    shown["requisites"] = text(f"version {of['requisites_version']}{forgotten}")
    yield facts(shown)
    yield ""
    table = rows("account", "is", "came for it", "balance", "payer has", "contract")
    for item in told["accounts"]:
        contract = f"{item['contract_number']} ({item['contract_id']})" if item["contract_id"] else "none yet"
        words = (item["type"], item["status"], item["received"], item["current_balance"])
        table.add_row(*map(text, words), text(f"version {item['requisites_version']}"), text(contract))
    yield table
    yield ""
    yield _events(told["events"])


def bills(items: Sequence[View]) -> RenderableType:
    table = rows("bill", "for", "deal", "status", "sum", "paid", "due", "number")
    for item in items:
        late = item["overdue"] or item["needs_person"]
        table.add_row(
            text(item["bill_id"]),
            text(item["account_type"]),
            text(item["deal_id"]),
            text(item["status"], "red" if item["needs_person"] else ""),
            text(item["common_sum"]),
            text(item["paid_sum"]),
            text(f"{item['due_on']}{', overdue' if item['overdue'] else ''}", "red" if late else ""),
            text(item["number"] or "none yet"),
        )
    return table


def bill(told: View) -> Iterator[RenderableType]:
    of = told["bill"]
    yield Text.assemble((of["bill_id"], "bold"), f", {of['account_type']} of deal {of['deal_id']}; times are UTC")
    shown: dict[str, RenderableType] = {"status": text(of["status"], "bold")}
    for name in ("reason", "number", "url", "dealer_id"):
        if of[name]:
            shown[name.removesuffix("_id")] = text(of[name])
    shown["paid"] = text(f"{of['paid_sum']} of {of['common_sum']} roubles")
    if of["credited_sum"] != "0.00":
        shown["taken back"] = text(f"{of['credited_sum']} of it")
    shown["due"] = text(f"{of['due_on']}{', overdue' if of['overdue'] else ''}", "red" if of["overdue"] else "")
    shown["waits for"] = text(told["waits_for"] or "nothing", "red" if of["needs_person"] else "")
    yield facts(shown)
    yield ""
    yield _events(told["events"])


def payments(items: Sequence[View]) -> RenderableType:
    table = rows(
        "payment", "for", "contract", "is", "sum", "left", "paid (UTC)", "its number there, or why it is aside"
    )
    for item in items:
        words = (item["id"], item["account_type"] or "nobody", item["contract_id"])
        table.add_row(
            *map(text, words),
            text(item["status"], "red" if item["needs_person"] else ""),
            text(item["amount"]),
            text(item["left"]),
            clock(instant(item["paid_at"])),
            text(item["reason"] or item["payment_id"]),
        )
    return table


def statement(told: View) -> Iterator[RenderableType]:
    """A month: of each account what stood there before, what happened, and what stands there after."""
    yield Text.assemble(
        (told["cme_dealer_id"], "bold"),
        f", {told['month']} by Moscow's clock{'' if told['final'] else ', a preview: the month is not over'}",
        "; times are UTC",
    )
    for account in told["accounts"]:
        table = rows("at (UTC)", "what", "document", "sum", "balance", "deal")
        table.add_row("", "opening", "", "", text(account["opening_balance"]), "")
        for line in account["lines"]:
            words = (line["what"], line["document"], line["amount"], line["balance"], line["deal_id"] or "")
            table.add_row(clock(instant(line["at"])), *map(text, words))
        table.add_row("", "closing", "", "", text(account["closing_balance"], "bold"), "")
        yield ""
        yield Text.assemble((account["account_type"], "bold"), f", contract {account['contract_number'] or 'none yet'}")
        yield table
    yield ""
    yield facts({"opening": text(told["opening_balance"]), "closing": text(told["closing_balance"], "bold")})


def compared(told: View, now: datetime) -> Iterator[RenderableType]:
    """What is not the same at the billing system and here."""
    at = instant(told["compared_at"])
    yield Text.assemble(
        *("The billing system, compared ", clock(at), f" UTC, {relative(at, now)}, by ", text(told["compared_by"])), "."
    )
    if told["things"]:
        table = rows("what", "there", "booked", "", "why")
        for item in told["things"]:
            style = {"OFF": "red", "UNKNOWN": "yellow"}.get(item["verdict"], "")
            words = (text(item[name]) for name in ("name", "there", "booked"))
            table.add_row(*words, text(item["verdict"].lower(), style), text(item["why"]))
        yield ""
        yield table
        yield ""
    number = f"{told['compared']} invoices and payments"
    if told["verdict"] == "OFF":
        yield Text.assemble(("✗", "red"), f" Something is off, of {number}.")
        yield "docs/runbooks/billing-off.md says what to do."
    elif told["verdict"] == "UNKNOWN":
        yield "What differs may be on its way: ask again in 15 minutes. docs/runbooks/billing-off.md says more."
    else:
        yield Text.assemble(("✓", "green"), f" The billing system has what is booked, of {number}.")


def _events(events: Sequence[View]) -> RenderableType:
    table = rows("at (UTC)", "by", "what")
    for event in events:
        moved = event["after"] if event["before"] in (None, event["after"]) else f"{event['before']} → {event['after']}"
        table.add_row(clock(instant(event["at"])), text(event["actor"]), text(f"{moved}: {event['reason']}"))
    return table
