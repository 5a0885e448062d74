"""How answers look to a person. On a terminal texts wrap; in a pipe a row is a line.

Much of what is shown was written by others (a bank's failure code, an exchange's refusal): it is shown as it is, with
neither markup nor control characters.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from console import story
from console.story import instant

View = Mapping[str, Any]
LINE = 10_000  # wider than any row
SLOW_SECONDS = 2.0


def out() -> Console:
    return _console(error=False)


def err() -> Console:
    return _console(error=True)


def _console(*, error: bool) -> Console:
    stream = sys.stderr if error else sys.stdout
    return Console(stderr=error, highlight=False, soft_wrap=True, width=None if stream.isatty() else LINE)


def show(console: Console, *parts: RenderableType) -> None:
    """In a pipe without the blanks that fill up a table's last column."""
    if console.is_terminal:
        console.print(*parts, sep="\n")
        return
    with console.capture() as written:
        console.print(*parts, sep="\n")
    for line in written.get().splitlines():
        console.file.write(f"{line.rstrip()}\n")


@contextmanager
def progress(what: str) -> Iterator[None]:
    """On a terminal it turns while it lasts; in a pipe it is a line on stderr, once it has lasted two seconds."""
    console = err()
    if sys.stdout.isatty() and sys.stderr.isatty():
        with console.status(f"{what} …"):
            yield
        return
    slow = threading.Timer(SLOW_SECONDS, console.print, [f"{what} …"], {"markup": False})
    slow.daemon = True
    slow.start()
    try:
        yield
    finally:
        slow.cancel()


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
        when = clock(due), text(relative(due, now), late)
        table.add_row(text(item["context"]), text(item["id"]), *when, text(item["waits_for"]))
    return table


def life(told: View, now: datetime) -> list[RenderableType]:
    """The story of an order: what happened, and where it stands."""
    timeline = Table.grid(padding=(0, 2))
    timeline.add_column(style="dim", no_wrap=True)
    timeline.add_column(style="cyan", no_wrap=True)
    timeline.add_column(overflow="fold")
    moments = story.moments(told)
    for moment in moments:
        again = "" if moment.until is None else f" (×{moment.again + 1}, until {moment.until:%H:%M:%S})"
        timeline.add_row(clock(moment.at, exact=True), text(moment.who), text(moment.what + again))
    title = Text.assemble((told["id"], "bold"), f", {told['kind'].replace('_', ' ')}; times are UTC")
    happened: list[RenderableType] = [timeline, ""] if moments else []
    return [title, "", *happened, stands(told, now)]


def stands(told: View, now: datetime) -> RenderableType:
    """Where it is, and what it waits for."""
    shown: dict[str, RenderableType] = {}
    if told["status"] is not None:
        shown["status"] = text(told["status"], "bold")
    for name in ("pool", "batch"):
        if told[name] not in (None, told["id"]):
            shown[name] = text(told[name])
    if told["proposal"] is not None:
        shown |= _proposed(told["proposal"])
    if told["members"]:
        shown["members"] = text(", ".join(told["members"]))
    shown["waits for"] = text(told["waits_for"] or "nothing")
    if told["runbook"] is not None:
        shown["runbook"] = text(f"docs/runbooks/{told['runbook']}.md")
    if told["waits_since"]:
        since = instant(told["waits_since"])
        shown["since"] = f"{clock(since)}, {relative(since, now)}"
    if told["due_at"]:
        due = instant(told["due_at"])
        late = Text(": overdue", "red") if due <= now else Text()
        shown["due"] = Text.assemble(f"{clock(due)}, {relative(due, now)}", late)
        shown["a person"] = Text("is needed", "bold yellow") if told["needs_person"] else Text("is not needed")
    for name, ran in (("before", told["execution_before"]), ("execution", told["execution"])):
        if ran is not None:
            shown[name] = text(f"{ran['name']}: {ran['status']}")
    return facts(shown)


def _proposed(told: View) -> Mapping[str, RenderableType]:
    """What two operators decide."""
    shown: dict[str, RenderableType] = {"to do": text(f"{told['command']} {told['subject']}", "bold")}
    shown |= {name: text(value) for name, value in told["terms"].items()}
    if told["reference"] is not None:
        shown["reference"] = text(told["reference"])
    shown["proposed by"] = text(f"{told['proposed_by']}: {told['reason']}")
    if told["decided_by"] is not None:
        shown["decided by"] = text(told["decided_by"])
    return shown


def acts(possible: Sequence[View], thing_id: str) -> Iterator[RenderableType]:
    """What may be done by hand, as commands."""
    if not possible:
        return
    yield ""
    yield "What may be done by hand; without --yes the desk only says what it would do:"
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for act in possible:
        told = "".join(f' --{name} "…"' for name in (*act["asks"], "reason"))
        table.add_row(text(f"  desk {act['command']} {thing_id}{told}"), text(act["does"]))
    yield table


def outcome(told: View, *, dry_run: bool) -> Iterator[RenderableType]:
    """What an act has done, or would do."""
    before, after = told["before"] or "nothing", told["after"] or "nothing"
    moves = before if before == after else f"{before} → {after}"
    yield Text.assemble((told["id"], "bold"), ": ", text(moves))
    if told["done"]:
        yield Text.assemble(("✓", "green"), " Done: ", text(told["says"]), ".")
    elif dry_run:
        yield Text.assemble("With --yes: ", text(told["says"]), ".")
        yield "Nothing was done yet."
        if told.get("version"):
            yield text(f"`desk --seen {told['version']} … --yes` does it if it still stands so.")
    else:
        yield Text.assemble("Nothing was done: ", text(told["says"]), ".")


def failure(why: str) -> RenderableType:
    return Text.assemble(("✗", "red"), " ", text(why))


def reconciled(told: View) -> Iterator[RenderableType]:
    lines, username = told["lines"], text(told["username"])
    if not told["differences"]:
        yield Text.assemble(("✓", "green"), f" {lines} lines of ", username, "'s journal add up to every balance.")
        return
    add_up = f"'s balances are not what {lines} lines of the journal add up to:"
    yield Text.assemble(("✗", "red"), " ", username, add_up)
    yield from (text(f"  {difference}") for difference in told["differences"])
    yield "docs/runbooks/drift.md says what to do."


def custody_compared(told: View, now: datetime) -> Iterator[RenderableType]:
    """What the custody has of each asset, and as what it is booked."""
    at = instant(told["compared_at"])
    yield Text.assemble(
        *("The custody, compared ", clock(at), f" UTC, {relative(at, now)}, by ", text(told["compared_by"])), ":"
    )
    assets = told["assets"]
    if assets:
        yield ""
        yield _assets_compared(assets)
        yield ""
    if told["compared"] > len(assets):
        yield f"{told['compared'] - len(assets)} more assets are not shown."
    unknown = [item for item in assets if item["verdict"] == "UNKNOWN"]
    for item in unknown:
        yield Text.assemble(("?", "yellow"), " ", text(item["asset"] or item["asset_id"]), ": ", text(item["why"]))
    if told["verdict"] == "OFF":
        off = ", ".join(item["asset"] or item["asset_id"] for item in assets if item["verdict"] == "OFF")
        yield Text.assemble(("✗", "red"), " The custody has not what is booked, of ", text(off), ".")
        yield "Nothing of it should leave: docs/runbooks/custody-off.md says what to do."
    elif told["verdict"] == "UNKNOWN":
        yield "What differs may be on its way: ask again in a minute. docs/runbooks/custody-off.md says more."
    else:
        number = f"{told['compared']} asset{'' if told['compared'] == 1 else 's'}"
        yield Text.assemble(("✓", "green"), f" The custody has what is booked, of {number}.")


def books(told: View, now: datetime) -> Iterator[RenderableType]:
    """The trial balance, an asset after the other."""
    until = instant(told["until"])
    yield Text.assemble("The books of all that was over by ", clock(until), f" UTC, {relative(until, now)}:")
    yield ""
    table = rows("asset", "account", "has", "of which")
    table.columns[2].justify = "right"
    for asset in told["assets"]:
        for item in asset["accounts"]:
            why = ", ".join(f"{each['amount']} of {each['account']}" for each in asset["why"])
            of_which = why if item["account"] == "desk" else ""
            table.add_row(text(asset["asset_id"]), text(item["account"]), text(item["amount"]), text(of_which))
        style = "green" if asset["sum"] == "0" else "red"
        table.add_row(text(asset["asset_id"]), text("together", style), text(asset["sum"], style), "")
    yield table
    yield ""
    if told["balanced"]:
        yield Text.assemble(("✓", "green"), " Of each asset the accounts add up to 0.")
    else:
        yield Text.assemble(("✗", "red"), " One side of something is missing: docs/runbooks/drift.md says what to do.")


def bank_compared(told: View, now: datetime) -> Iterator[RenderableType]:
    """What the bank has done on a day, and what of it we know otherwise, or not at all."""
    at, day = instant(told["compared_at"]), told["of"].partition(".")[2]
    yield Text.assemble(
        *("The bank on ", text(day), ", compared ", clock(at), f" UTC, {relative(at, now)}, by "),
        *(text(told["compared_by"]), ":"),
    )
    (together,) = [item for item in told["payouts"] if item["id"] == "all together"]
    wrong = [item for item in told["payouts"] if item is not together and item["verdict"] != "AGREES"]
    for item in wrong:
        yield Text.assemble(("✗", "red"), " ", text(item["id"]), ": ", text(item["why"]))
    yield f"${together['there']} were paid by the bank, ${together['booked']} by the books."
    if wrong:
        yield "docs/runbooks/bank-off.md says what to do."
    elif together["verdict"] != "AGREES":
        yield "One may not be booked yet: look again, with --again."
    else:
        yield Text.assemble(("✓", "green"), f" The bank and the books agree, of {told['compared']} payouts.")


def exchange_compared(told: View, now: datetime) -> Iterator[RenderableType]:
    """What the desk's account at the exchange has done on a day, and what of it we know otherwise, or not at all."""
    at, day = instant(told["compared_at"]), told["of"].partition(".")[2]
    yield Text.assemble(
        *("The exchange on ", text(day), ", compared ", clock(at), f" UTC, {relative(at, now)}, by "),
        *(text(told["compared_by"]), ":"),
    )
    (together,) = [item for item in told["orders"] if item["id"] == "all together"]
    wrong = [item for item in told["orders"] if item is not together and item["verdict"] != "AGREES"]
    for item in wrong:
        mark = ("✗", "red") if item["verdict"] == "OFF" else ("?", "yellow")
        yield Text.assemble(mark, " ", text(item["id"]), ": ", text(item["why"]))
    yield f"${together['there']} were executed by the exchange, ${together['booked']} by the books."
    if any(item["verdict"] == "OFF" for item in wrong):
        yield "docs/runbooks/exchange-off.md says what to do."
    elif told["verdict"] != "AGREES":
        yield "It can not be told now: look again, with --again."
    else:
        yield Text.assemble(("✓", "green"), f" The exchange and the books agree, of {told['compared']} orders.")


def _assets_compared(assets: Sequence[View]) -> RenderableType:
    names = ("unspent", "held", "waiting", "unsent", "desk", "difference")
    titles = ("at the custody", "held by orders", "waiting", "to be sent", "the desk's", "difference")
    table = rows("asset", *titles, "")
    for column in table.columns[1:-1]:
        column.justify = "right"
    styles = {"OFF": "red", "UNKNOWN": "yellow"}
    for item in assets:
        numbers = (text(item[name]) for name in names)
        style = styles.get(item["verdict"], "")
        table.add_row(text(item["asset"] or item["asset_id"]), *numbers, text(item["verdict"].lower(), style))
    return table


def events(items: Sequence[View]) -> RenderableType:
    table = rows("event", "reference", "amount", "says", "parked (UTC)", "why")
    for item in items:
        said = " ".join(item[name] for name in ("state", "failure_code") if item[name]) or item["strange"] or ""
        parked = clock(instant(item["parked_at"]))
        table.add_row(
            text(item["webhook_id"]),
            text(item["reference_id"] or ""),
            text(f"${item['amount']}" if item["amount"] else ""),
            text(said),
            parked,
            text(item["why"]),
        )
    return table


def stopped_prices(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("asset", "price", "as of (UTC)", "has jumped to", "says", "stopped (UTC)", "")
    for item in items:
        stopped = instant(item["stopped_at"])
        table.add_row(
            text(item["asset_id"]),
            text("none yet" if item["price"] is None else f"${item['price']}"),
            text("") if item["price_as_of"] is None else clock(instant(item["price_as_of"])),
            text(f"${item['unconfirmed_price']}"),
            text(item["unconfirmed_source"]),
            clock(stopped),
            text(relative(stopped, now)),
        )
    return table


def flow_halts(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("halted", "asset", "since (UTC)", "", "by", "why")
    for item in items:
        since = instant(item["halted_at"])
        table.add_row(
            text(item["flow"], "red"),
            text(item["asset_id"] or "all"),
            clock(since),
            text(relative(since, now)),
            text(", ".join(item["halted_by"])),
            text(item["reason"]),
        )
    return table


def assets(items: Sequence[View]) -> RenderableType:
    table = rows("asset", "name", "traded", "execution", "from", "up to", "spread", "exchange calls it")
    for item in items:
        table.add_row(
            text(item["asset_id"]),
            text(item["name"]),
            text("yes") if item["active"] else text("no", "red"),
            text(item["execution"]),
            text(f"${item['min_notional']}"),
            text(f"${item['max_notional']}"),
            text(f"{item['spread_bps']} bps"),
            text(item["exchange_symbol"]),
        )
    return table


def asset(told: View) -> RenderableType:
    fees = {f"fees_bps.{tier}": bps for tier, bps in told["fees_bps"].items()}
    rules = {name: rule for name, rule in told.items() if name != "fees_bps"} | fees
    return facts(
        {name: text(str(rule).lower() if isinstance(rule, bool) else str(rule)) for name, rule in rules.items()}
    )


def market_making(items: Sequence[View]) -> RenderableType:
    table = rows("order", "status", "pair", "at", "of", "opened (UTC)", "waits for")
    for item in items:
        whose = item["username"] or item["opponent_id"] or "nobody yet"
        late = "red" if item["needs_person"] else ""
        table.add_row(
            text(item["order_id"]),
            text(item["status"], late),
            text(item["pair"]),
            text(f"{item['exchange']}, {item['account_id']}"),
            text(whose),
            clock(instant(item["created_at"])),
            text(item["waits_for"] or "nothing"),
        )
    return table


def _quotes(quotes: View) -> Iterator[RenderableType]:
    """What an order has open, and how it has quoted."""
    brought = f"{quotes['fills']} fills, {quotes['traded']} traded, both sides {quotes['two_sided']} of the time"
    yield facts({"has": text(f"{quotes['base']} base, {quotes['quote']} quote"), "quoted": text(brought)})
    table = rows("slot", "is", "price", "quantity", "filled")
    for slot in quotes["slots"]:
        table.add_row(*(text(slot[name]) for name in ("slot", "state", "price", "quantity", "filled")))
    yield table


def to_pay(order: View) -> Iterator[RenderableType]:
    """What is to be paid for an order that was just opened."""
    yield Text.assemble((order["order_id"], "bold"), f" is {order['status']}. It is to be paid at Mixin until ")
    yield text(f"{clock(instant(order['pay_by']))} UTC, with the memo {order['memo']}:")
    table = rows("for", "quantity", "asset")
    for transfer in order["transfers"]:
        table.add_row(*(text(transfer[name]) for name in ("purpose", "quantity", "asset_id")))
    yield table


def fills(items: Sequence[View]) -> RenderableType:
    table = rows("trade", "at (UTC)", "side", "quantity", "price", "worth", "fee", "as")
    for item in items:
        table.add_row(
            text(item["trade_id"]),
            clock(instant(item["at"])),
            text(item["side"]),
            *(text(item[name]) for name in ("quantity", "price", "quote_quantity")),
            text(f"{item['fee']} {item['fee_asset']}"),
            text("maker" if item["maker"] else "taker", "" if item["maker"] else "yellow"),
        )
    return table


def market_making_order(told: View) -> Iterator[RenderableType]:
    """Where an order's money is, and what happened."""
    order = told["order"]
    title = (order["order_id"], "bold"), f", {order['pair']} at {order['exchange']}; times are UTC"
    yield Text.assemble(*title)
    shown: dict[str, RenderableType] = {"status": text(order["status"], "bold")}
    for name, value in (("of", order["username"]), ("paid by", order["opponent_id"]), ("reason", order["reason"])):
        if value is not None:
            shown[name] = text(value)
    shown["waits for"] = text(order["waits_for"] or "nothing", "red" if order["needs_person"] else "")
    yield facts(shown)
    if told["quotes"]:
        yield ""
        yield from _quotes(told["quotes"])
    if told["snapshots"]:
        yield ""
        table = rows("came in", "is", "quantity", "asset")
        for item in told["snapshots"]:
            table.add_row(*(text(item[name]) for name in ("id", "disposition", "quantity", "asset_id")))
        yield table
    if told["legs"]:
        yield ""
        table = rows("leg", "asset", "quantity", "is", "arrived", "sent by")
        for leg in told["legs"]:
            words = (leg["way"], leg["asset"], leg["quantity"], leg["status"], leg["arrived"] or "", leg["sent_by"])
            table.add_row(*map(text, words))
        yield table
    if told["outgoing"]:
        yield ""
        table = rows("outgoing", "for", "quantity", "is", "to", "says")
        for sent in told["outgoing"]:
            style = "red" if sent["needs_person"] else ""
            table.add_row(
                *(text(sent[name]) for name in ("id", "kind", "quantity")),
                text(sent["status"], style),
                text(sent["to"]),
                text(sent["reason"] or ""),
            )
        yield table
    yield ""
    table = rows("at (UTC)", "by", "what")
    for event in told["events"]:
        before = "" if event["before"] is None else f"{event['before']} → "
        table.add_row(
            clock(instant(event["at"]), exact=True),
            text(event["actor"]),
            text(f"{before}{event['after']}: {event['reason']}"),
        )
    yield table


def campaigns(items: Sequence[View]) -> RenderableType:
    table = rows("account", "campaign", "pays for", "status", "until", "volume of all", "needs", "reward told", "of")
    for item in items:
        volume = f"{item['volume'] or '?'} of {item['total_volume'] or '?'}"
        reward = "?" if item["reward"] is None else item["reward"]
        table.add_row(
            text(item["account_id"]),
            text(item["campaign_id"]),
            text(f"{item['type']} of {item['pair']} at {item['exchange']}"),
            text(item["status"]),
            text(item["ends_at"]),
            text(volume),
            text(item["minimum_volume"] or item["daily_target"] or ""),
            text(reward),
            text(f"{item['fund']} {item['token']}"),
        )
    return table


def campaign_periods(periods: Sequence[View]) -> RenderableType:
    """Each order's part of each period, the newest first."""
    table = rows("from", "to", "order", "maker volume", "its part", "of")
    for period in periods:
        for share in period["shares"]:
            table.add_row(
                text(period["first_day"]),
                text(period["last_day"]),
                text(share["order_id"]),
                text(share["maker_volume"]),
                text(share["reward"]),
                text(period["reward"]),
            )
    return table


def trading_accounts(items: Sequence[View]) -> RenderableType:
    table = rows("account", "at", "orders", "shard", "fees in", "")
    for item in items:
        state = "enabled" if item["enabled"] else "disabled"
        carries = f"{item['orders']} of {item['capacity']}"
        fees = item["fee_coin"] or "what is received"
        words = (item["account_id"], item["exchange"], carries, item["shard"], fees, state)
        table.add_row(*map(text, words))
    return table


def pairs(items: Sequence[View]) -> RenderableType:
    table = rows("pair", "id", "at", "at least", "fee", "")
    for item in items:
        least = f"{item['base_min']} and {item['quote_min']}"
        state = "enabled" if item["enabled"] else "disabled"
        words = (item["pair"], item["pair_id"], item["exchange"], least, f"{item['fee_bps']} bps", state)
        table.add_row(*map(text, words))
    return table


def snapshots(items: Sequence[View]) -> RenderableType:
    table = rows("snapshot", "is", "quantity", "asset", "sent by", "taken (UTC)", "why")
    for item in items:
        words = (
            text(item[name] or "nobody named") for name in ("id", "disposition", "quantity", "asset_id", "opponent_id")
        )
        table.add_row(*words, clock(instant(item["taken_at"])), text(item["reason"]))
    return table


def snapshot(told: View) -> RenderableType:
    names = ("disposition", "reason", "quantity", "asset_id", "opponent_id", "memo", "deposit_hash", "snapshot_id")
    shown: dict[str, RenderableType] = {"id": text(told["id"], "bold")}
    shown |= {name.replace("_", " "): text(told[name]) for name in names if told[name] is not None}
    for name in ("order_id", "outgoing_id"):
        if told[name] is not None:
            shown[name.removesuffix("_id")] = text(told[name])
    shown["taken"] = f"{clock(instant(told['taken_at']))} UTC"
    return facts(shown)


def audit(items: Sequence[View]) -> RenderableType:
    table = rows("at (UTC)", "operator", "did", "to", "because")
    for item in items:
        words = (text(item[name]) for name in ("operator", "action", "subject", "detail"))
        table.add_row(clock(instant(item["at"])), *words)
    return table


def verified(told: View) -> list[RenderableType]:
    held = f"{told['entries']} entries were held against each other and {told['anchors']} anchors"
    if not told["faults"]:
        return [text(f"{held}: it is as it was written.", "green")]
    return [text(f"{held}. It is not as it was written:", "bold red"), *map(text, told["faults"])]


def client(told: View) -> RenderableType:
    shown: dict[str, RenderableType] = {
        "client": text(f"{told['client_id']}, {told['kind'].lower()}", "bold"),
        "of": text(told["username"]),
        "status": text(told["status"], "" if told["status"] == "ACTIVE" else "red"),
    }
    if told["account_state"] is not None:
        shown["account"] = _account(told)
    shown["written"] = f"{clock(instant(told['updated_at']))} UTC"
    return facts(shown)


def _account(told: View) -> Text:
    """Of a banking client. One that can not be told says why."""
    if told["account_id"] is not None:
        return text(told["account_id"])
    words = {
        "FORGOTTEN": "forgotten: nothing is paid there",
        "UNAVAILABLE": "it can not be read at this moment; ask again",
    }
    return text(words.get(told["account_state"], "it is not what was written: nothing is paid there"), "red")


def machines(items: Sequence[View]) -> RenderableType:
    table = rows("machine", "running", "failed in 24 h", "is for")
    for item in items:
        counts = [f"{'at least ' * of['at_least']}{of['number']}" for of in (item["running"], item["failed"])]
        table.add_row(
            text(item["name"]), counts[0], text(counts[1], "red" if item["failed"]["number"] else ""), item["says"]
        )
    return table


def by_state(items: Sequence[View]) -> RenderableType:
    """How many executions are in each state, and since when the longest there is."""
    table = rows("state", "executions", "oldest since (UTC)")
    found: dict[str, list[View]] = {}
    for item in items:
        found.setdefault(item["state"] or "not known", []).append(item)
    for state, there in found.items():
        since = min((instant(item["since"]) for item in there if item["since"] is not None), default=None)
        table.add_row(text(state), str(len(there)), "" if since is None else clock(since))
    return table


def executions(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("execution", "state", "since (UTC)", "", "tries", "went wrong")
    for item in items:
        since = None if item["since"] is None else instant(item["since"])
        when = ("", "") if since is None else (clock(since), relative(since, now))
        tries = "" if item["attempt"] is None else str(item["attempt"])
        table.add_row(
            text(item["name"]), text(item["state"] or "?"), *when, tries, text(item["error"] or item["says"] or "")
        )
    return table


def users(items: Sequence[View]) -> RenderableType:
    table = rows("account", "opened (UTC)")
    for item in items:
        table.add_row(text(item["username"]), clock(instant(item["created_at"])))
    return table


def operators(items: Sequence[View]) -> RenderableType:
    table = rows("operator", "may, as one of", "signs in", "signed out (UTC)", "disabled (UTC)", "is the customer")
    for item in items:
        signs_in = {True: "yes", False: "no: disabled", None: "no: in no group"}[item["enabled"]]
        if item["barred"]:
            signs_in = "refused: the user pool has not said yet that he is disabled; disable him again"
        at = [(item[name] and clock(instant(item[name]))) or "" for name in ("signed_out_at", "disabled_at")]
        own = [*item["own_accounts"], *([f"not {item['username']} ({item['namesake']})"] if item["namesake"] else ())]
        table.add_row(text(item["username"]), text(", ".join(item["groups"])), signs_in, *at, text(", ".join(own)))
    return table


def customer(told: View, now: datetime) -> Iterator[RenderableType]:
    """Where a customer's money is."""
    yield Text.assemble((told["username"], "bold"), f", {told['tier']}; times are UTC")
    yield ""
    yield _balances(told)
    yield ""
    if told["open"]:
        yield _open(told["open"], now)
    else:
        yield "Nothing is open."
    wrong = [each for each in told["held"] if Decimal(each["unexplained"])]
    for each in wrong:
        words = f"{each['unexplained']} of {each['asset_id']} are held, and nothing says what for."
        yield Text.assemble(("✗", "red"), " ", text(words))
    if wrong:
        yield "Ask again in a minute; where it stays, docs/runbooks/drift.md says what to do."
    yield ""
    if told["moves"]:
        yield _moves(told["moves"])
    else:
        yield "Nothing has moved yet."
    yield ""
    for client in told["clients"]:
        paid = Text() if client["account_state"] is None else Text.assemble(", paid at ", _account(client))
        style = "" if client["status"] == "ACTIVE" else "red"
        named = text(f"{client['kind'].lower()} client {client['client_id']}")
        yield Text.assemble(named, paid, ": ", text(client["status"], style))
    if not told["clients"]:
        yield "No client: he can not cash out, nor withdraw."
    for limit in told["limits"]:
        yield text(f"{limit['kind'].lower()}s today: ${limit['used']} of ${limit['limit']}, ${limit['left']} left")


def _balances(told: View) -> RenderableType:
    table = rows("balance", "free", "held", "held by")
    table.columns[1].justify = table.columns[2].justify = "right"
    by = {each["asset_id"]: each for each in told["held"]}

    def row(asset_id: str, free: str, held: str) -> None:
        ids = by[asset_id]["by"] if asset_id in by else []
        more = f" and {len(ids) - 2} more, below" if len(ids) > 2 else ""
        table.add_row(*map(text, (asset_id, free, held, ", ".join(ids[:2]) + more)))

    row("USD", told["current_balance"], told["held_balance"])
    for asset in told["assets"]:
        row(asset["asset_id"], asset["quantity"], asset["held_quantity"])
    return table


def _open(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("open", "is", "holds", "since (UTC)", "", "waits, as he reads it, for")
    for item in items:
        since = instant(item["since"])
        holds = "nothing" if item["holds"] is None else f"{item['holds']} {item['holds_asset_id']}"
        words = text(item["id"]), text(item["status"]), text(holds), clock(since), relative(since, now)
        table.add_row(*words, text(item["waits_for"]))
    return table


def _moves(items: Sequence[View]) -> RenderableType:
    table = rows("moved (UTC)", "what", "dollars", "of", "dollars after", "by")
    for item in items:
        of = "" if item["asset_id"] == "USD" else f"{item['quantity']} {item['asset_id']}"
        after = item.get("balance_after") or ""
        words = item["transaction_type"], item["amount"], of, after, item["order_id"]
        table.add_row(clock(instant(item["created_at"])), *map(text, words))
    return table


def moves_of_amount(told: View) -> Iterator[RenderableType]:
    yield _moves(told["items"]) if told["items"] else "No move is of that amount."
    if not told["complete"]:
        yield ""
        yield "Not all is told: ask for fewer --days, or a higher --limit."


def found(items: Sequence[View], what: str) -> Iterator[RenderableType]:
    if not items:
        yield text(f"Nothing is known of {what}.")
        yield (
            "Found are ids, usernames, clients, references of payouts and of the bank, order ids of the exchange, "
            "snapshots of the custody, contracts and invoices of the billing system."
        )
        return
    table = rows("id", "is", "status", "of", "found by")
    for item in items:
        kind = item["kind"].replace("_", " ")
        words = item["id"], kind, item["status"] or "", item["username"] or "", item["by"]
        table.add_row(*map(text, words))
    yield table
    yield ""
    yield "`desk work show ID` explains one, `desk customer NAME` tells all of its customer."


def pools(items: Sequence[View], now: datetime) -> RenderableType:
    table = rows("pool", "has", "worth", "of", "closes (UTC)", "", "members")
    for item in items:
        due, late = instant(item["due_at"]), "red" if instant(item["due_at"]) <= now else ""
        has = f"{item['total']} {item['asset_id']}" if item["sells"] else f"${item['total']}"
        worth, of = ("?" if amount is None else f"${amount}" for amount in (item["worth"], item["min_notional"]))
        when = clock(due), text(relative(due, now), late)
        table.add_row(*map(text, (item["id"], has, worth, of)), *when, text(", ".join(item["members"])))
    return table


def failures(items: Sequence[View]) -> RenderableType:
    table = rows("at (UTC)", "id", "is", "by", "why")
    for item in items:
        before = "" if item["before"] in (None, item["after"]) else f"{item['before']} → "
        words = item["id"], f"{before}{item['after']}", item["actor"], item["reason"]
        table.add_row(clock(instant(item["at"])), *map(text, words))
    return table
