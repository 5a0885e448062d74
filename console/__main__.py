"""`desk`: what an operator can ask of the desk, and do. Whatever changes something says first what it would do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NoReturn, cast

import typer
from rich.console import RenderableType

from console import connection, output, story
from console.api import Api, Request
from console.errors import CommandFailed, Refused
from console.story import Story

ID_PATTERN = r"[A-Z][A-Z0-9]{20,31}"
REASON_PATTERN = r"[\x20-\x7e]{3,200}"
PAGE = 100  # what the desk gives at once
PARKED = "parked"  # the context of the bank's events
NOTHING_YET = "Nothing was done yet."


def _verbs(of: str) -> typer.Typer:
    return typer.Typer(
        help=of, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )


app = _verbs(
    "The operator's command line of the desk, over its HTTP API. DESK_URL and DESK_TOKEN say which desk and who; with "
    "neither, it is the local stack that `make up` started, as its operator. Exit codes: 0 done, 1 not done, 2 misused,"
    " 75 try again later."
)
work = _verbs("Unfinished work: found, explained, moved.")
offramp = _verbs("Decide by hand about a cash-out that is stuck. A dry run unless --yes.")
withdrawals = _verbs("Decide by hand about a withdrawal that is stuck. A dry run unless --yes.")
orders = _verbs("Decide by hand about an order that can not be carried out. A dry run unless --yes.")
batches = _verbs("Decide by hand about a batch of purchases that is stuck. A dry run unless --yes.")
parked = _verbs("Events of the bank that could not be placed.")
clients = _verbs("Who may sell coins, and who is paid, and where.")
for name, verbs in (
    ("work", work),
    ("offramp", offramp),
    ("withdrawals", withdrawals),
    ("orders", orders),
    ("batches", batches),
    ("parked", parked),
    ("clients", clients),
):
    app.add_typer(verbs, name=name)


def now() -> datetime:
    return datetime.now(UTC)


def _an_id(given: str) -> str:
    if re.fullmatch(ID_PATTERN, given, re.ASCII) is None:
        raise typer.BadParameter("an id is 21 to 32 of A-Z and 0-9, such as `desk work list` shows them")
    return given


def _a_reason(given: str) -> str:
    if re.fullmatch(REASON_PATTERN, given) is None:
        raise typer.BadParameter("a reason is 3 to 200 plain characters; the audit keeps it")
    return given


class Kind(StrEnum):
    """Of a client."""

    CRYPTO = "crypto"
    BANKING = "banking"


class ClientStatus(StrEnum):
    ACTIVE = "ACTIVE"
    BLOCKED = "BLOCKED"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without, it is only said what would be done.")]
Reason = Annotated[
    str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.", callback=_a_reason, show_default=False)
]
Id = Annotated[str, typer.Argument(metavar="ID", help="As `desk work list` shows it.", callback=_an_id)]
EventId = Annotated[str, typer.Argument(metavar="EVENT", help="As `desk parked list` shows it.")]
ClientId = Annotated[str, typer.Argument(metavar="ID", help="Such as ann-bank.")]
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
    of: Annotated[str | None, typer.Option("--context", help="Only that of one context, such as offramp.")] = None,
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
        f"{sum(item['needs_person'] for item in items)} to be decided by a person."
    ]
    if any(item["context"] != PARKED for item in items):
        hints.append("`desk work show ID` explains one.")
    if any(item["context"] == PARKED for item in items):
        hints.append("`desk parked list` tells more of what is parked.")
    if len(items) == limit:
        hints.append("There may be more: --limit." if limit < PAGE else "There may be more.")
    _show(json_, found, output.waiting(items, now()), "", " ".join(hints))


@work.command("show")
def work_show(context: typer.Context, thing_id: Id, json_: Json = False) -> None:
    """The life of an order or a withdrawal. What happened, what it waits for, and what can be done."""
    with _desk(context, json_) as desk:
        told = _story(desk, thing_id)
    possible = [{"command": command.words, "does": command.does} for command in story.commands(told)]
    _show(json_, {**told, "next": possible}, *output.life(told, now()), *output.by_hand(told, now()))


@work.command("redrive")
def redrive(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Start its machine again; it goes on from the table."""
    request = Request("POST", ("operations", "work", thing_id, "redrive"), {"reason": reason})
    with _desk(context, json_) as desk:
        if not yes:
            told = _story(desk, thing_id)
            _would(
                json_,
                request,
                told,
                output.stands(told, now()),
                does="the next execution of its machine is started",
                refusal=story.redrive_refusal(told),
            )
            return
        told = cast(Story, desk.ask(request))
    _did(json_, request, told, output.stands(told, now()), says="its machine is started again")


def _story(desk: Api, thing_id: str) -> Story:
    """Raises CommandFailed; Refused for what the desk knows nothing of."""
    told = cast(Story, desk.get("operations", "work", thing_id))
    if story.unknown(told):
        raise Refused(f"nothing is known of {thing_id}: nothing of this id has moved or waits here", id=thing_id)
    return told


# Cash-outs: the desk itself says what it would do


@offramp.command("retry-payout")
def retry_sale(context: typer.Context, order_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """One more attempt to pay to the customer's bank."""
    _move(context, json_, order_id, "retry-payout", reason, yes)


@offramp.command("mark-filled")
def mark_filled(context: typer.Context, order_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """The customer has the dollars by another way."""
    _move(context, json_, order_id, "mark-filled", reason, yes)


@offramp.command("credit-usd")
def credit_usd(context: typer.Context, order_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """The dollars go to the customer's balance here, instead of the bank."""
    _move(context, json_, order_id, "credit-usd", reason, yes)


@offramp.command("abandon-attempt")
def abandon_sale(context: typer.Context, order_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """The pending payout attempt never reached the bank: it is sent no more, and rejected if the bank agrees."""
    _move(context, json_, order_id, "abandon-attempt", reason, yes)


@offramp.command("void")
def void(context: typer.Context, order_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """End a sale of which the exchange has executed nothing, and give the coins back."""
    _move(context, json_, order_id, "void", reason, yes)


@batches.command("void")
def void_batch(context: typer.Context, batch_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Refund a batch that can not be bought; or be done with an order that turned up after all."""
    request = Request(
        "POST", ("operations", "batches", batch_id, "void"), {"reason": reason, "dry_run": not yes}, changes=yes
    )
    with _desk(context, json_) as desk:
        moved = desk.ask(request)
    says = _safe(moved["says"])
    ending = f"[green]✓[/] Done: {says}." if moved["done"] else f"With --yes: {says}."
    _show(json_, moved, f"batch {moved['batch_id']}: {moved['before']}", "", ending, *([] if yes else [NOTHING_YET]))


def _move(context: typer.Context, as_json: bool, order_id: str, verb: str, reason: str, yes: bool) -> None:
    request = Request(
        "POST", ("operations", "sell-orders", order_id, verb), {"reason": reason, "dry_run": not yes}, changes=yes
    )
    with _desk(context, as_json) as desk:
        moved = desk.ask(request)
    order, says = moved["order"], _safe(moved["says"])
    if says.startswith(("is ", "was ")):
        says = f"it {says}"
    if moved["done"]:
        status = "" if order["status"] == moved["before"] else f" It was {moved['before']} and is {order['status']}."
        ending = [f"[green]✓[/] Done: {says}.{_safe(status)}"]
    else:
        ending = [f"Nothing was done: {says}."] if yes else [f"With --yes: {says}.", NOTHING_YET]
    _show(as_json, moved, output.sale(order), "", *ending)


# Withdrawals and orders


@withdrawals.command("retry-payout")
def retry_withdrawal(
    context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """One more attempt to pay to the customer's bank."""
    _decide(context, json_, "withdrawals", thing_id, "retry-payout", reason, yes)


@withdrawals.command("abandon-attempt")
def abandon_withdrawal(
    context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False
) -> None:
    """The pending payout attempt never reached the bank: it is sent no more, and rejected if the bank agrees."""
    _decide(context, json_, "withdrawals", thing_id, "abandon-attempt", reason, yes)


@withdrawals.command("complete")
def complete(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """The customer has the dollars by another way."""
    _decide(context, json_, "withdrawals", thing_id, "complete", reason, yes)


@withdrawals.command("reject")
def reject(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """The dollars go back to the customer's balance."""
    _decide(context, json_, "withdrawals", thing_id, "reject", reason, yes)


@orders.command("fail")
def fail(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """End a resting order that can not be carried out, and give its hold back."""
    _decide(context, json_, "orders", thing_id, "fail", reason, yes)


DOES = {
    "retry-payout": "one more attempt to pay to the customer's bank is made",
    "abandon-attempt": "its pending attempt is sent no more, and rejected if the bank does not know it",
    "complete": "it is COMPLETED; the held dollars count as paid by another way",
    "reject": "it is REJECTED; the held dollars are the customer's again",
    "fail": "it is FAILED; what it held is the customer's again",
}


def _decide(
    context: typer.Context, as_json: bool, things: str, thing_id: str, verb: str, reason: str, yes: bool
) -> None:
    request = Request("POST", ("operations", things, thing_id, verb), {"reason": reason})
    with _desk(context, as_json) as desk:
        if not yes:
            told = _story(desk, thing_id)
            refusal = story.withdrawal_refusal(told) if things == "withdrawals" else story.order_refusal(told)
            _would(as_json, request, told, *output.life(told, now()), does=DOES[verb], refusal=refusal)
            return
        after = desk.ask(request)
    _did(as_json, request, after, says=f"{thing_id} is {after['status']}")


# Events of the bank


@parked.command("list")
def parked_list(context: typer.Context, limit: Limit = 20, json_: Json = False) -> None:
    """Events that could not be placed, oldest first."""
    with _desk(context, json_) as desk:
        found = desk.get("operations", "parked", limit=limit)
    if not found["items"]:
        _show(json_, found, "Nothing is parked.")
        return
    hint = "A reference is the order's id and the attempt's number: `desk work show ID`."
    _show(json_, found, output.events(found["items"]), "", hint)


@parked.command("replay")
def replay(context: typer.Context, event_id: EventId, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Try to place an event again."""
    _settle(context, json_, event_id, "replay", reason, yes, "it is tried to place the event again")


@parked.command("dismiss")
def dismiss(context: typer.Context, event_id: EventId, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
    """Nothing is to be done about an event: it is not shown any more."""
    _settle(context, json_, event_id, "dismiss", reason, yes, "the event is put away; no order is touched")


def _settle(context: typer.Context, as_json: bool, event_id: str, verb: str, reason: str, yes: bool, does: str) -> None:
    request = Request("POST", ("operations", "parked", event_id, verb), {"reason": reason})
    with _desk(context, as_json) as desk:
        if not yes:
            found = desk.get("operations", "parked", limit=PAGE)["items"]
            event = next((item for item in found if item["webhook_id"] == event_id), None)
            if event is None:
                raise Refused(f"{event_id} is not among the {len(found)} oldest parked events: `desk parked list`")
            _would(as_json, request, event, output.events([event]), does=does)
            return
        outcome = desk.ask(request)
        if outcome["outcome"] == "PARKED":
            raise Refused(f"{event_id} can still not be placed, and stays parked: `desk parked list` says why")
    _did(as_json, request, outcome, says=f"{event_id} is {outcome['outcome']}")


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
    account: Annotated[str | None, typer.Option(help="At the bank; of a banking client.")] = None,
    status: Annotated[ClientStatus | None, typer.Option(help="ACTIVE at first.")] = None,
    yes: Yes = False,
    json_: Json = False,
) -> None:
    """Write a client, new or changed. What is not given stays as it is."""
    if kind is Kind.CRYPTO and account is not None:
        raise typer.BadParameter("only a banking client has an account", param_hint="--account")
    with _desk(context, json_) as desk:
        before = _client(desk, client_id, kind)
        if kind is Kind.BANKING and account is None and before is None:
            raise typer.BadParameter("a new banking client needs the account to pay to", param_hint="--account")
        body = {"username": username, "status": status or ("ACTIVE" if before is None else before["status"])}
        if kind is Kind.BANKING:
            body["account_id"] = account or (before or {})["account_id"]
        request = Request("PUT", ("operations", "clients", client_id, kind), body)
        told = ", ".join(f"{name} {value}" for name, value in body.items())
        if not yes:
            known: RenderableType = "There is no such client yet." if before is None else output.client(before)
            _would(json_, request, before, known, does=f"{client_id} is {told}")
            return
        after = desk.ask(request)
    _did(json_, request, after, output.client(after), says="it is written")


def _client(desk: Api, client_id: str, kind: Kind) -> dict[str, Any] | None:
    try:
        return desk.get("operations", "clients", client_id, kind)
    except Refused as no:
        if no.facts.get("type") == "ClientNotFound":
            return None
        raise


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
    more = cursor is not None
    told: list[RenderableType] = [output.acts(items)] if items else [f"No operator did anything on {day}."]
    _show(json_, {"date": day, "items": items, "more": more}, *told, *(["", "There are more: --limit."] * more))


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
    differences = found["differences"]
    if not differences:
        _show(
            json_, found, f"[green]✓[/] {found['lines']} lines of {_safe(username)}'s journal add up to every balance."
        )
        return
    wrong = [output.text(f"  {difference}") for difference in differences]
    _show(
        json_,
        found,
        f"[red]✗[/] {_safe(username)}'s balances are not what {found['lines']} lines of the journal add up to:",
        *wrong,
        "docs/runbooks/drift.md says what to do.",
    )
    raise typer.Exit(1)


# What all have in common


@contextmanager
def _desk(context: typer.Context, as_json: bool) -> Iterator[Api]:
    """The desk that is meant. What is in the way is told, and ends the command."""
    given: Given = context.obj
    errors = output.err()
    try:
        with errors.status("finding the desk …"):
            found = connection.found(given.url, given.token)
        with Api(found, lambda: errors.status(f"asking {found.url} …")) as desk:
            yield desk
    except CommandFailed as failure:
        _fail(failure, as_json)


def _would(
    as_json: bool,
    request: Request,
    before: Mapping[str, Any] | None,
    *told: RenderableType,
    does: str,
    refusal: str | None = None,
) -> None:
    """What a request would do, which is not sent. With a `refusal` it would do nothing."""
    answer = {"done": False, "does": does, "refusal": refusal, "request": request.as_json(), "before": before}
    if refusal is None:
        _show(as_json, answer, *told, "", f"With --yes: {_safe(does)}.", NOTHING_YET)
        return
    _show(
        as_json,
        answer,
        *told,
        "",
        f"[yellow]With --yes the desk would refuse, or it is of no use:[/] {_safe(refusal)}.",
    )
    raise typer.Exit(1)


def _did(as_json: bool, request: Request, after: Mapping[str, Any], *told: RenderableType, says: str) -> None:
    answer = {"done": True, "request": request.as_json(), "after": after}
    _show(as_json, answer, *told, f"[green]✓[/] Done: {_safe(says)}.")


def _show(as_json: bool, answer: Mapping[str, Any], *told: RenderableType) -> None:
    console = output.out()
    if as_json:
        console.print_json(json.dumps(answer))
        return
    for part in told:
        console.print(part)


def _safe(words: str) -> str:
    """What others wrote, inside of ours that has markup."""
    return output.text(words).markup


def _fail(failure: CommandFailed, as_json: bool) -> NoReturn:
    if as_json:
        output.out().print_json(json.dumps({"error": failure.why, **failure.facts}))
    else:
        output.err().print(f"[red]✗[/] {_safe(failure.why)}")
    raise typer.Exit(failure.exit_code)


def run() -> None:
    app(prog_name="desk")


if __name__ == "__main__":
    run()
