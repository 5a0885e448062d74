"""`desk`: what an operator can ask of the desk, and do. The desk decides what is possible and says what an act does;
without --yes it is only asked to say it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import RenderableType

from console import backtest as backtests
from console import billing_output, connection, importing, output
from console.api import Api, Request
from console.errors import CommandFailed, Misused, TryLater

PAGE = 100  # what the desk gives at once
COMPARED_FROM = ("AGREES", "UNKNOWN", "OFF")  # the worse, the later
COMPARED = {"AGREES": 0, "OFF": 1, "UNKNOWN": TryLater.exit_code}  # exit codes of a comparison


def _verbs(of: str, *, completes: bool = False) -> typer.Typer:
    return typer.Typer(
        help=of, no_args_is_help=True, add_completion=completes, rich_markup_mode=None, pretty_exceptions_enable=False
    )


app = _verbs(
    "The operator's command line of the desk, over its HTTP API. DESK_URL and DESK_TOKEN say which desk and who; with "
    "neither, it is the local stack that `make up` started, as its operator. Exit codes: 0 done, done already, or said "
    "what would be done; 1 not done; 2 misused; 75 try again later.",
    completes=True,
)
work = _verbs("Unfinished work: found, explained, moved.")
offramp = _verbs("Decide by hand about a cash-out that is stuck. A dry run unless --yes.")
withdrawals = _verbs("Decide by hand about a withdrawal that is stuck. A dry run unless --yes.")
orders = _verbs("Decide by hand about an order that can not be carried out. A dry run unless --yes.")
batches = _verbs("Decide by hand about a batch of purchases that is stuck. A dry run unless --yes.")
strays = _verbs("Orders that the exchange has and nobody waits for. A dry run unless --yes.")
proposals = _verbs("What another operator has proposed. A dry run unless --yes.")
parked = _verbs("Events of the bank that could not be placed.")
prices = _verbs("Prices that have jumped: while they are not confirmed their assets are not traded.")
users = _verbs("Whose account it is.")
mm = _verbs("Market making: its orders, trading accounts and pairs. A dry run unless --yes.")
snapshots = _verbs("Money at the custody that is nobody's yet. A dry run unless --yes.")
compare = _verbs("Hold what the desk has somewhere outside against what is booked. It only looks.")
deposits = _verbs("Deposits of dealers who leave, which two operators decide about. A dry run unless --yes.")
payments = _verbs("Payments of dealers whose account can not be told. A dry run unless --yes.")
outgoing = _verbs("Money that is to leave the custody, and can not. A dry run unless --yes.")
billing = _verbs("Dealers and their bills. It only looks.")
dealers = _verbs("Dealers, and their accounts at the billing system.")
bills = _verbs("What dealers owe, and have paid.")
received = _verbs("What has come for dealers. `desk payments` decides about what could not be placed.")
billing.add_typer(dealers, name="dealers")
billing.add_typer(bills, name="bills")
billing.add_typer(received, name="payments")
clients = _verbs("Who may sell coins, and who is paid, and where.")
for name, verbs in (
    ("work", work),
    ("offramp", offramp),
    ("withdrawals", withdrawals),
    ("orders", orders),
    ("batches", batches),
    ("strays", strays),
    ("proposals", proposals),
    ("parked", parked),
    ("prices", prices),
    ("users", users),
    ("mm", mm),
    ("snapshots", snapshots),
    ("outgoing", outgoing),
    ("payments", payments),
    ("deposits", deposits),
    ("clients", clients),
    ("billing", billing),
    ("compare", compare),
):
    app.add_typer(verbs, name=name)


def now() -> datetime:
    return datetime.now(UTC)


class Kind(StrEnum):
    """Of a client."""

    CRYPTO = "crypto"
    BANKING = "banking"


Json = Annotated[bool, typer.Option("--json", help="Print the API's answer, one JSON object, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without, the desk only says what it would do.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.", show_default=False)]
PublicReason = Annotated[
    str | None,
    typer.Option("--public-reason", metavar="TEXT", help="What the customer reads of it.", show_default=False),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `desk work list` or `desk parked list` shows it.")]
Reference = Annotated[
    str,
    typer.Option(
        "--reference", metavar="TEXT", help="Where it can be looked up: a statement's line.", show_default=False
    ),
]
ClientId = Annotated[str, typer.Argument(metavar="ID", help="Such as ann-bank.")]
Symbol = Annotated[
    str, typer.Option("--asset", metavar="SYMBOL", help="As the exchange calls it, such as USDT.", show_default=False)
]
Receiver = Annotated[
    str, typer.Option("--to", metavar="UUID", help="A user of Mixin, who gets it.", show_default=False)
]
DealerId = Annotated[str, typer.Argument(metavar="DEALER", help="Our id of him, or CME's.")]
Enabled = Annotated[
    bool | None,
    typer.Option("--enabled/--disabled", help="Disabled, it begins nothing new.", show_default=False),
]
Limit = Annotated[int, typer.Option(min=1, max=PAGE, help="How many at most.")]


@dataclass(frozen=True)
class Given:
    url: str | None
    token: str | None


@app.callback()
def main(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(envvar="DESK_URL", help="The API's address.", show_default=False)] = None,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="DESK_TOKEN",
            help="An operator's access token. Better in the environment: everybody on this machine sees options.",
            show_default=False,
        ),
    ] = None,
) -> None:
    context.obj = Given(url, token)


# Unfinished work


@work.command("list")
def work_list(
    context: typer.Context,
    of: Annotated[
        str | None,
        typer.Option("--context", help="Only one backlog's, as the column `in` names it; a wrong one names all."),
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only what should have moved by now.")] = False,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """What is unfinished, longest overdue first."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "work", context=of, overdue=overdue, limit=limit)
    items = found["items"]
    if not items:
        _show(json_, found, "Nothing is overdue." if overdue else "Nothing is unfinished.")
        return
    hints = [
        f"{sum(item['overdue'] for item in items)} of {len(items)} overdue, "
        f"{sum(item['needs_person'] for item in items)} to be decided by a person.",
        "`desk work show ID` explains one; of what is parked, `desk parked list` does.",
    ]
    if len(items) == limit:
        hints.append("There may be more: --limit." if limit < PAGE else "There may be more.")
    _show(json_, found, output.waiting(items, now()), "", " ".join(hints))


@work.command("show")
def work_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """The life of anything with an id: what happened, what it waits for, and what may be done by hand."""
    with _desk(context, json_) as desk:
        told = desk.get("operations", "work", thing_id)
    _show(json_, told, *output.life(told, now()), *output.acts(told["acts"], told["id"]))


# Acts


def _act(of: typer.Typer, things: str, verb: str, does: str) -> None:
    """A command that asks for an act of the desk."""

    @of.command(verb, help=does)
    def act(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
        path = ("operations", things, thing_id, verb)
        with _desk(context, json_) as desk:
            _do(desk, json_, Request("POST", path, {"reason": reason, "dry_run": not yes}, changes=yes))


def _act_told(of: typer.Typer, things: str, verb: str, does: str) -> None:
    """A command that asks for an act of which a customer reads."""

    @of.command(verb, help=does)
    def act(
        context: typer.Context,
        thing_id: Id,
        reason: Reason,
        public_reason: PublicReason = None,
        yes: Yes = False,
        json_: Json = False,
    ) -> None:
        path = ("operations", things, thing_id, verb)
        body = {"reason": reason, "dry_run": not yes} | _said({"public_reason": public_reason})
        with _desk(context, json_) as desk:
            _do(desk, json_, Request("POST", path, body, changes=yes))


ONE_MORE = "One more attempt to pay to the customer's bank."
OTHERWISE = "The customer has the dollars by another way."
NEVER_CAME = "The pending payout attempt never reached the bank: it is sent no more, and rejected if the bank agrees."

_act(work, "work", "redrive", "Start its machine again; it goes on from the table.")
_act(work, "work", "approve-payout", "Propose to pay what is over the limit; another operator confirms it.")
_act(offramp, "sell-orders", "retry-payout", ONE_MORE)
_act_told(offramp, "sell-orders", "mark-filled", OTHERWISE)
_act_told(offramp, "sell-orders", "credit-usd", "The dollars go to the customer's balance here, instead of the bank.")
_act(offramp, "sell-orders", "abandon-attempt", NEVER_CAME)
_act(offramp, "sell-orders", "void", "End a sale of which the exchange has executed nothing; the coins go back.")
_act(withdrawals, "withdrawals", "retry-payout", ONE_MORE)
_act_told(withdrawals, "withdrawals", "complete", OTHERWISE)
_act_told(withdrawals, "withdrawals", "reject", "The dollars go back to the customer's balance.")
_act(withdrawals, "withdrawals", "abandon-attempt", NEVER_CAME)
_act_told(orders, "orders", "fail", "End a resting order that can not be carried out, and give its hold back.")
_act_told(batches, "batches", "void", "Refund a batch that can not be bought; or be done with an order that turned up.")
_act(strays, "strays", "close", "What it has executed is seen to at the exchange: it is not shown any more.")
_act(proposals, "proposals", "confirm", "Do what another operator has proposed.")
_act(proposals, "proposals", "dismiss", "Nothing is to be done about what was proposed, also by yourself.")
_act(mm, "market-making", "stop", "End an order's quotes; its money stays at the exchange.")
_act(mm, "market-making", "withdraw", "End an order's quotes, and bring its money home to who paid.")
_act(mm, "market-making", "home", "Propose that a failed order's part at the exchange comes home.")
_act(mm, "halts", "lift", "Let a halted trading account be quoted on again: the exchange has all that is owed there.")
_act(parked, "parked", "replay", "Try to place an event again.")
_act(parked, "parked", "dismiss", "Nothing is to be done about an event: it is not shown any more.")


@work.command("decide-order")
def decide_order(
    context: typer.Context,
    thing_id: Id,
    executed: Annotated[
        str,
        typer.Option("--executed", metavar="Q", help="Of the asset; 0: nothing, and never will.", show_default=False),
    ],
    gross: Annotated[
        str, typer.Option("--gross", metavar="USD", help="For how many dollars, before its fee.", show_default=False)
    ],
    reference: Reference,
    reason: Reason,
    fee: Annotated[str, typer.Option("--fee", metavar="USD", help="Of the exchange, in dollars.")] = "0",
    fees_in_coins: Annotated[
        str | None,
        typer.Option("--fees-in-coins", metavar="FEES", help='Such as "0.001 SOL, 0.0002 BNB".', show_default=False),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what the exchange has executed of an order that it does not tell of; another operator confirms it."""
    told = {"executed": executed, "gross": gross, "fee": fee, "reference": reference, "reason": reason}
    if fees_in_coins is not None:
        told["fees_in_coins"] = fees_in_coins
    _propose(context, json_, thing_id, "decide-order", told, yes)


@work.command("decide-payout")
def decide_payout(
    context: typer.Context,
    thing_id: Id,
    paid: Annotated[
        str,
        typer.Option("--paid", metavar="USD", help="By the bank; 0: nothing, and it never will.", show_default=False),
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose what the bank has paid of a pending attempt that it does not end; another operator confirms it."""
    _propose(context, json_, thing_id, "decide-payout", {"paid": paid, "reference": reference, "reason": reason}, yes)


@users.command("move")
def move(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose account.")],
    sub: Annotated[str, typer.Option("--sub", metavar="SUB", help="Of the login made anew.", show_default=False)],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that an account is a login's that was made anew under its username; another operator confirms it."""
    told = {"sub": sub, "reference": reference, "reason": reason}
    _propose(context, json_, username, "move", told, yes, things="users")


def _propose(
    context: typer.Context,
    as_json: bool,
    thing_id: str,
    verb: str,
    told: Mapping[str, Any],
    yes: bool,
    *,
    things: str = "work",
) -> None:
    path = ("operations", things, thing_id, verb)
    with _desk(context, as_json) as desk:
        _do(desk, as_json, Request("POST", path, {**told, "dry_run": not yes}, changes=yes))


def _do(desk: Api, as_json: bool, request: Request) -> None:
    outcome = desk.ask(request)
    _show(as_json, outcome, *output.outcome(outcome, dry_run=not request.changes))


# Events of the bank


@parked.command("list")
def parked_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """Events that could not be placed, oldest first."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "parked", limit=limit)
    items = found["items"]
    if not items:
        _show(json_, found, "Nothing is parked.")
        return
    hint = "A reference is the order's id and the attempt's number: `desk work show ID`."
    _show(json_, found, output.events(items), "", hint, *output.acts(items[0]["acts"], "EVENT"))


# Prices that have jumped


@prices.command("list")
def prices_list(context: typer.Context, json_: Json = False) -> None:
    """Assets that are not traded since their price has jumped, the longest stopped first."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "prices")
    items = found["items"]
    if not items:
        _show(json_, found, "No price has jumped.")
        return
    _show(json_, found, output.stopped_prices(items, now()), *output.acts(items[0]["acts"], items[0]["asset_id"]))


@prices.command("confirm")
def price_confirm(
    context: typer.Context,
    asset_id: Annotated[str, typer.Argument(metavar="ASSET", help="As `desk prices list` shows it.")],
    price: Annotated[str, typer.Option(help="The one it has jumped to, found elsewhere, too.", show_default=False)],
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """The market is there: trading goes on from this price."""
    body = {"price": price, "reason": reason, "dry_run": not yes}
    with _desk(context, json_) as desk:
        _do(desk, json_, Request("POST", ("operations", "prices", asset_id, "confirm"), body, changes=yes))


# Market making


@mm.command("list")
def mm_list(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only these, such as running; a wrong one names all.")] = None,
    limit: Limit = 20,
    json_: Json = False,
) -> None:
    """Market-making orders of everybody, in no order."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    with _desk(context, json_) as desk:
        while True:
            page = desk.get("operations", "market-making", status=status, limit=PAGE, cursor=cursor)
            items += page["items"]
            cursor = page["cursor"]
            if cursor is None or len(items) >= limit:
                break
    more = cursor is not None or len(items) > limit
    told: list[RenderableType] = [output.market_making(items[:limit])] if items else ["There are none."]
    _show(json_, {"items": items[:limit], "cursor": cursor}, *told, *(["", "There are more: --limit."] if more else []))


@mm.command("show")
def mm_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """An order: what came in for it, where that is, what leaves the custody for it, and what happened."""
    with _desk(context, json_) as desk:
        told = desk.get("operations", "market-making", thing_id)
    hint = f"`desk work show {thing_id}` tells what may be done."
    _show(json_, told, *output.market_making_order(told), "", hint)


@mm.command("fills")
def mm_fills(
    context: typer.Context,
    thing_id: Id,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 20,
    csv_: Annotated[bool, typer.Option("--csv", help="Print lines of CSV, and nothing else.")] = False,
    json_: Json = False,
) -> None:
    """What an order has traded, the newest first, with its fees."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    with _desk(context, json_) as desk:
        while True:
            many = min(PAGE, limit - len(items))
            page = desk.get("operations", "market-making", thing_id, "fills", limit=many, cursor=cursor)
            items += page["items"]
            cursor = page["cursor"]
            if cursor is None or len(items) >= limit:
                break
    if csv_ and not json_:
        rows = csv.DictWriter(output.out().file, list(items[0]) if items else [], lineterminator="\n")
        rows.writeheader()
        rows.writerows(items)
        return
    told: list[RenderableType] = [output.fills(items)] if items else ["It has traded nothing yet."]
    _show(json_, {"items": items, "cursor": cursor}, *told, *(["", "There are more: --limit."] if cursor else []))


@mm.command("import")
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
    with _desk(context, json_) as desk:
        answer, told = importing.imported(desk, asked)
    _show(json_, answer, *told)


@mm.command("backtest")
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
    with _told_of(json_):
        answer, told = backtests.backtest(asked)
    _show(json_, answer, *told)


@mm.command("decide-deposit")
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
    _propose(context, json_, thing_id, "decide-deposit", told, yes, things="market-making")


@mm.command("decide-fills")
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
    _propose(context, json_, thing_id, "decide-fills", told, yes, things="market-making")


@mm.command("look-back")
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
    _propose(context, json_, thing_id, "look-back", told, yes, things="market-making")


@mm.command("decide-return")
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
    _propose(context, json_, thing_id, "decide-return", told, yes, things="market-making")


@mm.command("withdraw-again")
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
    _propose(context, json_, thing_id, "withdraw-again", told, yes, things="market-making")


@mm.command("keep-rest")
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
    _propose(context, json_, thing_id, "keep-rest", told, yes, things="market-making")


@mm.command("accounts")
def accounts_list(context: typer.Context, json_: Json = False) -> None:
    """The trading accounts, and how many orders each carries."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "trading-accounts")
    _show(json_, found, output.trading_accounts(found["items"]) if found["items"] else "There are none.")


@mm.command("campaigns")
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
    with _desk(context, json_) as desk:
        if account_id is None or campaign_id is None:
            found = desk.get(*path)
            _show(json_, found, output.campaigns(found["items"]) if found["items"] else "There are none.")
            return
        found = desk.get(*path, account_id, campaign_id)
    periods = output.campaign_periods(found["periods"]) if found["periods"] else "Nothing was told yet."
    _show(json_, found, output.campaigns([found["campaign"]]), "", periods)


@mm.command("save-account")
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
    with _desk(context, json_) as desk:
        path = ("operations", "trading-accounts", account_id)
        body = _kept(desk, "trading-accounts", "account_id", account_id, ("exchange", "capacity")) | _said(given)
        _do(desk, json_, Request("PUT", path, {**body, "reason": reason, "dry_run": not yes}, changes=yes))


@mm.command("halt")
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
    with _desk(context, json_) as desk:
        every = [thing_id] if thing_id else _each_account(desk)
        for one in every:  # an order's id is in capitals, an account's is not
            path = ("operations", "market-making" if one.isupper() else "trading-accounts", one, "halt")
            _do(desk, json_, Request("POST", path, {"reason": reason, "dry_run": not yes}, changes=yes))


def _each_account(desk: Api) -> list[str]:
    return [item["account_id"] for item in desk.get("operations", "trading-accounts")["items"]]


@mm.command("pairs")
def pairs_list(context: typer.Context, json_: Json = False) -> None:
    """What may be quoted, also what is disabled."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "pairs")
    _show(json_, found, output.pairs(found["items"]) if found["items"] else "There are none.")


@mm.command("save-pair")
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
    with _desk(context, json_) as desk:
        body = _kept(desk, "pairs", "pair_id", pair_id, tuple(name for name in given if name != "enabled"))
        if "fee_bps" in body:
            body["fee_bps"] = int(body["fee_bps"])  # told as an amount, asked for as a number
        path, body = ("operations", "pairs", pair_id), body | _said(given)
        _do(desk, json_, Request("PUT", path, {**body, "reason": reason, "dry_run": not yes}, changes=yes))


def _kept(desk: Api, things: str, name: str, thing_id: str, names: tuple[str, ...]) -> dict[str, Any]:
    """What stays as it is of one of a list; nothing of a new one."""
    for there in desk.get("operations", things)["items"]:
        if there[name] == thing_id:
            return {each: there[each] for each in names}
    return {}


def _said(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


# Money at the custody


@snapshots.command("list")
def snapshots_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """Snapshots that wait: parked ones, and what is expected to be claimed by an order, longest ago first."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "snapshots", limit=limit)
    items = found["items"]
    if not items:
        _show(json_, found, "Nothing waits.")
        return
    _show(json_, found, output.snapshots(items), "", "`desk snapshots show ID` tells what may be done.")


@snapshots.command("show")
def snapshot_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """Money that came in: who sent it, with which memo, and what may be done."""
    with _desk(context, json_) as desk:
        told = desk.get("operations", "snapshots", thing_id)
    _show(json_, told, output.snapshot(told), *output.acts(told["acts"], told["id"]))


@snapshots.command("assign")
def snapshot_assign(
    context: typer.Context,
    thing_id: Id,
    order: Annotated[str, typer.Option("--order", metavar="ID", help="That may still be paid.", show_default=False)],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which market-making order it pays for; another operator confirms it."""
    told = {"order": order, "reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "assign", told, yes, things="snapshots")


@snapshots.command("refund")
def snapshot_refund(
    context: typer.Context,
    thing_id: Id,
    to: Receiver,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which user of Mixin gets it; another operator confirms it."""
    told = {"to": to, "reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "refund", told, yes, things="snapshots")


@snapshots.command("take")
def snapshot_take(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that it is the desk's; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "take", told, yes, things="snapshots")


@snapshots.command("skip-tie")
def snapshots_skip_tie(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that the poller goes on behind too many snapshots of one time; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "skip", told, yes, things="ties")


@snapshots.command("settle-tie")
def snapshots_settle_tie(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that all is seen to that was not seen of a tie; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "settle", told, yes, things="ties")


@deposits.command("let-go")
def deposits_let_go(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that it goes to the requisites that the dealer had when he asked; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "let-go", told, yes, things="deposits")


@deposits.command("keep")
def deposits_keep(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that it is not paid back, and the dealer stays; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "keep", told, yes, things="deposits")


@deposits.command("paid")
def deposits_paid(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that the dealer has it, which the billing system does not tell; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "paid", told, yes, things="deposits")


@payments.command("assign")
def payments_assign(
    context: typer.Context,
    thing_id: Id,
    contract: Annotated[
        str,
        typer.Option("--contract", metavar="ID", help="The billing system's, of the account.", show_default=False),
    ],
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose which account it came for; another operator confirms it."""
    told = {"contract": contract, "reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "assign", told, yes, things="payments")


@payments.command("dismiss")
def payments_dismiss(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that nothing is to be done about it; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "dismiss", told, yes, things="payments")


@payments.command("agree-total")
def payments_agree_total(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that what is told of an account is rightly not what has come; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "agree", told, yes, things="totals")


@outgoing.command("resend")
def outgoing_resend(
    context: typer.Context,
    thing_id: Id,
    to: Receiver,
    reference: Reference,
    reason: Reason,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose that what was refused goes to another user of Mixin; another operator confirms it."""
    told = {"to": to, "reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "resend", told, yes, things="outgoing")


@outgoing.command("book-loss")
def outgoing_book_loss(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that what is missing at the custody is lost, the desk's own; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "book-loss", told, yes, things="shortages")


@outgoing.command("call-off")
def outgoing_call_off(
    context: typer.Context, thing_id: Id, reference: Reference, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """Propose that an order's funding is not sent any more, and goes back; another operator confirms it."""
    told = {"reference": reference, "reason": reason}
    _propose(context, json_, thing_id, "call-off", told, yes, things="outgoing")


@outgoing.command("decide")
def outgoing_decide(
    context: typer.Context,
    thing_id: Id,
    sent: Annotated[str, typer.Option("--sent", metavar="yes|no", help="Was it ever sent?", show_default=False)],
    reference: Reference,
    reason: Reason,
    hash_: Annotated[
        str | None,
        typer.Option("--hash", metavar="HASH", help="Of its chain, if it went to an address.", show_default=False),
    ] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Propose whether it was sent, where the custody tells what can not be; another operator confirms it."""
    told = {"sent": sent, "reference": reference, "reason": reason} | _said({"hash": hash_})
    _propose(context, json_, thing_id, "decide", told, yes, things="outgoing")


# Who may sell and be paid


@clients.command("show")
def client_show(context: typer.Context, client_id: ClientId, kind: Kind, json_: Json = False) -> None:
    """A client: whose it is, and whether it may be used."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "clients", client_id, kind)
    _show(json_, found, output.client(found))


@clients.command("save")
def client_save(
    context: typer.Context,
    client_id: ClientId,
    kind: Kind,
    username: Annotated[str, typer.Option(help="Whose it is; that never changes.", show_default=False)],
    reason: Reason,
    account: Annotated[str | None, typer.Option(help="At the bank; of a banking client.")] = None,
    status: Annotated[str | None, typer.Option(metavar="ACTIVE|BLOCKED", help="ACTIVE at first.")] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Write a client, new or changed. What is not given stays as it is."""
    path = ("operations", "clients", client_id, kind)
    with _desk(context, json_) as desk:
        given = {"username": username, "status": status, "account_id": account}
        body = {name: value for name, value in given.items() if value is not None}
        _do(desk, json_, Request("PUT", path, {**body, "reason": reason, "dry_run": not yes}, changes=yes))


# Dealer billing


@dealers.command("list")
def dealers_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """All dealers, in no order."""
    items, cursor, _ = _pages(context, json_, limit, "operations", "billing", "dealers")
    told: list[RenderableType] = [billing_output.dealers(items)] if items else ["There are none."]
    _show(json_, {"items": items, "cursor": cursor}, *told, *(["", "There are more: --limit."] if cursor else []))


@dealers.command("show")
def dealers_show(context: typer.Context, dealer: DealerId, json_: Json = False) -> None:
    """A dealer: his accounts, what he waits for, and what happened."""
    with _desk(context, json_) as desk:
        told = desk.get("operations", "billing", "dealers", dealer)
    hint = f"`desk work show {told['dealer']['dealer_id']}` tells what may be done."
    _show(json_, told, *billing_output.dealer(told), "", hint)


@bills.command("list")
def bills_list(context: typer.Context, dealer: DealerId, limit: Limit = 20, json_: Json = False) -> None:
    """A dealer's bills, those that are not paid first."""
    items, cursor, _ = _pages(context, json_, limit, "operations", "billing", "dealers", dealer, "bills")
    told: list[RenderableType] = [billing_output.bills(items)] if items else ["There are none."]
    _show(json_, {"items": items, "cursor": cursor}, *told, *(["", "There are more: --limit."] if cursor else []))


@bills.command("show")
def bills_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """A bill: what is paid of it, where its invoice is, and what happened."""
    with _desk(context, json_) as desk:
        told = desk.get("operations", "billing", "bills", thing_id)
    _show(json_, told, *billing_output.bill(told), "", f"`desk work show {thing_id}` tells what may be done.")


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
    items, cursor, first = _pages(context, json_, limit, "operations", "billing", *of, "payments")
    aside = first["aside"]
    told: list[RenderableType] = []
    if aside:
        hint = "`desk work show ID` tells what may be done about one that is aside."
        told += [billing_output.payments(aside), "", hint, *([""] if items else [])]
    told += [billing_output.payments(items)] if items else []
    more = ["", "There are more: --limit."] if cursor else []
    shown = told or ["There are none. What names no contract is in `desk work list --context payments`."]
    _show(json_, {"items": items, "aside": aside, "cursor": cursor}, *shown, *more)


@billing.command("statement")
def statement(
    context: typer.Context,
    dealer: DealerId,
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11.")],
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the PDF there as well.")] = None,
    json_: Json = False,
) -> None:
    """A dealer's month, account by account; of one that is not over, a preview."""
    path = ("operations", "billing", "dealers", dealer, "statements", month)
    with _desk(context, json_) as desk:
        told = desk.get(*path)
        wrote = [] if pdf is None else ["", f"written: {_written(pdf, desk.document(*path, 'pdf'))}"]
    _show(json_, told, *billing_output.statement(told), *wrote)


def _written(file: Path, content: bytes) -> Path:
    """Raises Misused."""
    there = backtests.from_there(file)
    try:
        there.write_bytes(content)
    except OSError as no:
        raise Misused(str(no)) from None
    return there


def _pages(
    context: typer.Context, json_: bool, limit: int, *path: str
) -> tuple[list[dict[str, Any]], str | None, dict[str, Any]]:
    """At most so many items of a list, whether there are more, and the first page; a page may be short, even empty."""
    with _desk(context, json_) as desk:
        page = first = desk.get(*path, limit=limit)
        items = list(page["items"])
        while page["cursor"] is not None and len(items) < limit:
            page = desk.get(*path, limit=limit - len(items), cursor=page["cursor"])
            items += page["items"]
    return items, page["cursor"], first


# The books


@app.command()
def audit(
    context: typer.Context,
    date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day of UTC; today when not given.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = PAGE,
    json_: Json = False,
) -> None:
    """What operators did on one day, newest first."""
    day = f"{date or now():%Y-%m-%d}"
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    with _desk(context, json_) as desk:
        while True:
            page = desk.get("operations", "audit", date=day, limit=min(PAGE, limit - len(items)), cursor=cursor)
            items += page["items"]
            cursor = page["cursor"]
            if cursor is None or len(items) >= limit:
                break
    told: list[RenderableType] = [output.audit(items)] if items else [f"No operator did anything on {day}."]
    more = [] if cursor is None else ["", "There are more: --limit."]
    _show(json_, {"items": items, "cursor": cursor}, *told, *more)


@app.command()
def reconcile(
    context: typer.Context,
    username: Annotated[str, typer.Argument(metavar="USERNAME", help="Whose account.")],
    json_: Json = False,
) -> None:
    """Hold an account against its journal. Exit code 1 when they differ."""
    request = Request("POST", ("operations", "reconcile"), {"username": username}, changes=False)
    with _desk(context, json_) as desk:
        found = desk.ask(request)
    _show(json_, found, *output.reconciled(found))
    if found["differences"]:
        raise typer.Exit(1)


@app.command("books")
def books_(context: typer.Context, json_: Json = False) -> None:
    """What the desk's own account has, of what, and the trial balance: of each asset all accounts of the books together
    must be 0. It is made twice a day. Exit code 1 when it is not."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "desk")
    _show(json_, found, *output.books(found, now()))
    if not found["balanced"]:
        raise typer.Exit(1)


@compare.command("custody")
def compare_custody(
    context: typer.Context,
    last: Annotated[bool, typer.Option("--last", help="Only tell what the last comparison has found.")] = False,
    json_: Json = False,
) -> None:
    """Hold the custody's unspent outputs of each asset against what is booked. It takes up to 20 seconds where
    something differs. Exit code 1 when something is off, for certain; 75 when it can not be told now."""
    path = ("operations", "compare", "custody")
    with _desk(context, json_) as desk:
        found = desk.get(*path) if last else desk.ask(Request("POST", path, changes=False))
    _show(json_, found, *output.custody_compared(found, now()))
    if code := COMPARED[found["verdict"]]:
        raise typer.Exit(code)


@compare.command("bank")
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
    with _desk(context, json_) as desk:
        if again:
            if date is None:
                raise typer.BadParameter("--again needs a --date")
            asked = desk.ask(Request("POST", path, body={"date": date}, changes=False))
            _show(json_, asked, f"{asked['date']} is compared within a quarter of an hour.")
            return
        found = desk.get(*path) if date is None else desk.get(*path, date=date)
    _show(json_, found, *output.bank_compared(found, now()))
    if code := COMPARED[found["verdict"]]:
        raise typer.Exit(code)


@compare.command("billing")
def compare_billing(
    context: typer.Context,
    last: Annotated[bool, typer.Option("--last", help="Only tell what the last daily comparison has found.")] = False,
    json_: Json = False,
) -> None:
    """Hold the invoices and payments of each account at the billing system against what is booked. Exit code 1 when
    something is off, for certain; 75 when it can not be told now."""
    path = ("operations", "compare", "billing")
    with _desk(context, json_) as desk:
        found = desk.get(*path) if last else desk.ask(Request("POST", path, changes=False))
        while found["cursor"] is not None:
            more = desk.ask(Request("POST", path, changes=False), cursor=found["cursor"])
            verdict = max(found["verdict"], more["verdict"], key=list(COMPARED_FROM).index)
            things = [*found["things"], *more["things"]]
            found = {**more, "verdict": verdict, "things": things, "compared": found["compared"] + more["compared"]}
    _show(json_, found, *billing_output.compared(found, now()))
    if code := COMPARED[found["verdict"]]:
        raise typer.Exit(code)


# What all have in common


@contextmanager
def _desk(context: typer.Context, as_json: bool) -> Iterator[Api]:
    """The desk that is meant. What is in the way is told, and ends the command."""
    given: Given = context.obj
    with _told_of(as_json):
        with output.progress("finding the desk"):
            found = connection.found(given.url, given.token)
        with Api(found, lambda: output.progress(f"asking {found.url}")) as desk:
            yield desk


@contextmanager
def _told_of(as_json: bool) -> Iterator[None]:
    try:
        yield
    except CommandFailed as failure:
        if as_json:
            output.out().print_json(json.dumps({"error": failure.why, **failure.facts}))
        else:
            output.err().print(output.failure(failure.why))
        raise typer.Exit(failure.exit_code) from None


def _show(as_json: bool, answer: Mapping[str, Any], *told: RenderableType) -> None:
    console = output.out()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    output.show(console, *told)


def run() -> None:
    app(prog_name="desk")


if __name__ == "__main__":
    run()
