"""`python -m local`: the whole desk on this machine, with the outside world simulated."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import ClientError
from rich.console import Console
from rich.markup import escape

from infra.bundle import CanNotBundle
from local import function_logs
from local.deployment import DeploymentFailed
from local.environment import LocalEnvironment
from local.processes import DidNotStart, PortTaken
from local.seed import CUSTOMERS, DEALERS_PERSON, OPERATORS, PASSWORD, Desk, SeedingFailed
from local.seed_billing import DEALER
from local.stack import (
    AWS,
    BANK,
    BILLING,
    CAMPAIGNS,
    CUSTODY,
    DOCS,
    EXCHANGE,
    PRICES,
    Busy,
    LocalStack,
    Progress,
    Silent,
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="The whole desk on this machine: an embedded AWS, the desk deployed to it by CDK, and the outside world.",
)
user = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Users besides ann, bob, olga and otto.")
app.add_typer(user, name="user")
FOLDER = LocalEnvironment.folder / "demo"
out = Console(highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
Port = Annotated[int | None, typer.Option(envvar="PORT", help="Of the embedded AWS and the API.")]
DocsPort = Annotated[int | None, typer.Option(envvar="DOCS_PORT", help="Of the console, and of Swagger UI.")]
PricesPort = Annotated[int | None, typer.Option(envvar="PRICES_PORT", help="Of the price source.")]
ExchangePort = Annotated[int | None, typer.Option(envvar="EXCHANGE_PORT", help="Of the exchange.")]
BankPort = Annotated[int | None, typer.Option(envvar="BANK_PORT", help="Of the bank.")]
MixinPort = Annotated[int | None, typer.Option(envvar="MIXIN_PORT", help="Of the custody.")]
HufiPort = Annotated[int | None, typer.Option(envvar="HUFI_PORT", help="Of the campaigns.")]
BillingPort = Annotated[int | None, typer.Option(envvar="BILLING_PORT", help="Of the billing system.")]


@app.command()
def up(
    json_: Json = False,
    port: Port = None,
    docs_port: DocsPort = None,
    prices_port: PricesPort = None,
    exchange_port: ExchangePort = None,
    bank_port: BankPort = None,
    mixin_port: MixinPort = None,
    hufi_port: HufiPort = None,
    billing_port: BillingPort = None,
) -> None:
    """Start what does not run, deploy what has changed, put in what is missing. Running it again changes nothing: ports
    are those of the last time, unless they are told."""
    environment = LocalEnvironment.remembered(
        port=port,
        docs_port=docs_port,
        prices_port=prices_port,
        exchange_port=exchange_port,
        bank_port=bank_port,
        mixin_port=mixin_port,
        hufi_port=hufi_port,
        billing_port=billing_port,
    )
    local = LocalStack(environment)
    try:
        desk = local.up(Silent() if json_ else Shown())
    except (PortTaken, DidNotStart, DeploymentFailed, SeedingFailed, CanNotBundle, Busy) as trouble:
        _fail(str(trouble), json_)
    if json_:
        out.print_json(json.dumps(_facts(desk)))
    else:
        _welcome(desk)


@app.command()
def down(json_: Json = False) -> None:
    """Stop what `up` started, and nothing else. The data stays in .local/."""
    try:
        stopped = LocalStack(LocalEnvironment()).down(Silent() if json_ else Shown())
    except Busy as trouble:
        _fail(str(trouble), json_)
    if json_:
        out.print_json(json.dumps({"stopped": stopped}))
    elif not stopped:
        out.print("Nothing of ours is running.")
    else:
        out.print("The data is kept in .local/; [bold]make up[/] goes on with it.")


@app.command()
def status(json_: Json = False) -> None:
    """What runs, and where."""
    running = LocalStack(LocalEnvironment()).running()
    if json_:
        out.print_json(json.dumps({name: {"pid": p.pid, "port": p.port} for name, p in running.items()}))
        return
    for name, process in running.items():
        out.print(f"{name}: port {process.port}, process {process.pid}")
    if not running:
        out.print("Nothing of ours is running; [bold]make up[/] starts it.")
        raise typer.Exit(1)


@app.command()
def token(username: Annotated[str, typer.Argument(help="ann, bob, olga, otto, dora, or whom you signed up")]) -> None:
    """Print an access token, good for an hour, or of an operator for half an hour."""
    desk = _running_desk()
    try:
        print(desk.token(username))
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("UserNotFoundException", "NotAuthorizedException"):
            raise
        known = ", ".join((*CUSTOMERS, *OPERATORS, DEALERS_PERSON))
        _fail(
            f"there is no token for {username!r}: ask for {known}, or whom you signed up with the password {PASSWORD}",
            False,
        )


@user.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="In lower case.")],
    operator: Annotated[bool, typer.Option("--operator", help="One more operator, and no customer.")] = False,
    dealer: Annotated[str | None, typer.Option(help="One more of this dealer's people, by CME's id of him.")] = None,
) -> None:
    """Sign a user up as `up` does ann and bob: with an account, and clients for selling coins and being paid. A person
    of a dealer's has neither. Doing it again changes nothing."""
    desk = _running_desk()
    if operator and dealer:
        _fail("somebody is an operator or of a dealer's people: they are in two user pools", False)
    try:
        new = desk.add(name, operator=operator, dealer=dealer)
    except (SeedingFailed, ClientError) as trouble:
        _fail(f"{name!r} is not added. {trouble}", False)
    out.print(f"{name} is {'added' if new else 'there'}; the password is {PASSWORD}. A token:")
    out.print(f"TOKEN=$(.venv/bin/python -m local token {name})", markup=False)


@app.command()
def logs(
    function: Annotated[
        str | None, typer.Argument(help="Its name, or the end of it; without one, all are told.")
    ] = None,
    lines: Annotated[int, typer.Option("-n", "--lines", help="So many of the last.", min=1)] = 50,
) -> None:
    """Print what a function has logged. What the processes print is in .local/logs/."""
    desk = _running_desk()
    found = [name for name in function_logs.names(desk.environment) if function is None or name.endswith(function)]
    if function is None:
        print("\n".join(found))
    elif len(found) != 1:
        several = "several functions are called so" if found else "no function of that name has run"
        _fail(f"{several}; these have: {', '.join(found or function_logs.names(desk.environment))}", False)
    else:
        for line in function_logs.last(desk.environment, found[0], lines):
            print(line)


@app.command()
def demo(
    json_: Json = False,
    folder: Annotated[Path, typer.Option(help="Where pictures and documents go.")] = FOLDER,
    story: Annotated[
        str | None,
        typer.Option(
            envvar="STORY",
            help="orders, purchases, customer, cash-out, market-making or billing; all, if none is named.",
        ),
    ] = None,
) -> None:
    """Drive the desk through its HTTP API, and print what happens: all stories side by side, or one."""
    from local import demo as stories
    from local.telling import StoryFailed

    if story and story not in stories.STORIES:
        _fail(f"there is no story {story!r}; there are {', '.join(stories.STORIES)}", json_)
    desk = _running_desk()

    def say(line: str) -> None:
        if not json_:
            out.print(line, markup=False)

    try:
        facts = stories.one(story, desk, folder, say) if story else stories.every_one(desk, folder, say)
    except StoryFailed as trouble:
        _fail(str(trouble), json_)
    if json_:
        out.print_json(json.dumps(facts))


class Shown(Progress):
    """Each step on a line of its own: turning while it lasts, then with its time."""

    @contextmanager
    def step(self, what: str) -> Iterator[Callable[[str], None]]:
        told: list[str] = []
        began = time.monotonic()
        if not out.is_terminal:  # nothing turns in a pipe or a file
            out.print(f"{what} …", markup=False)
        with out.status(f"{what} …"):
            yield told.append
        seconds = time.monotonic() - began
        outcome = f": {told[-1]}" if told else ""
        out.print(f"[green]✓[/] {escape(what)}{escape(outcome)} [dim]({seconds:.1f} s)[/]")


def _running_desk() -> Desk:
    running = LocalStack(LocalEnvironment()).running()
    if running.keys() >= {AWS, PRICES, EXCHANGE, CUSTODY, CAMPAIGNS, BILLING, BANK, DOCS}:
        environment = LocalEnvironment(
            port=running[AWS].port,
            docs_port=running[DOCS].port,
            prices_port=running[PRICES].port,
            exchange_port=running[EXCHANGE].port,
            bank_port=running[BANK].port,
            mixin_port=running[CUSTODY].port,
            hufi_port=running[CAMPAIGNS].port,
            billing_port=running[BILLING].port,
        )
        desk = LocalStack(environment).desk()
        if desk is not None:
            return desk
    return _fail("the desk is not up; `make up` first", False)


def _facts(desk: Desk) -> dict[str, object]:
    return {
        "api_url": desk.api_url,
        "console_url": desk.environment.console_url,
        "docs_url": desk.environment.docs_url,
        "prices_url": desk.environment.prices_url,
        "exchange_url": desk.environment.exchange_url,
        "bank_url": desk.environment.bank_url,
        "mixin_url": desk.environment.mixin_url,
        "hufi_url": desk.environment.hufi_url,
        "billing_url": desk.environment.billing_url,
        "aws_url": desk.environment.aws_url,
        "user_pool_id": desk.deployment.user_pool_id,
        "user_pool_client_id": desk.deployment.client_id,
        "operator_pool_id": desk.deployment.operator_pool_id,
        "operator_pool_client_id": desk.deployment.operator_client_id,
        "table_name": desk.deployment.table_name,
        "users": [*CUSTOMERS, *OPERATORS, DEALERS_PERSON],
        "password": PASSWORD,
    }


def _welcome(desk: Desk) -> None:
    key = uuid.uuid4().hex[:8]
    customer = CUSTOMERS[0]
    post = "curl -s -X POST -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json'"
    lines = [
        "",
        f"Console     {desk.environment.console_url}",
        f"API         {desk.api_url}",
        f"Swagger UI  {desk.environment.docs_url}",
        f"Prices      {desk.environment.prices_url}/sandbox/state",
        f"Exchange    {desk.environment.exchange_url}/sandbox/state",
        f"Bank        {desk.environment.bank_url}/sandbox/state",
        f"Custody     {desk.environment.mixin_url}/sandbox/state",
        f"Campaigns   {desk.environment.hufi_url}/sandbox/state",
        f"Billing     {desk.environment.billing_url}/sandbox/state",
        "Logs        python -m local logs, of a function; .local/logs/, of the processes",
        f"Users       {', '.join(CUSTOMERS)}; {' and '.join(OPERATORS)} (operators); {DEALERS_PERSON} (of the dealer "
        f"{DEALER}); password of all: {PASSWORD}",
        "",
        f"A first order of {customer} (`python -m local token {customer}` prints a new one after an hour):",
        "",
        f"TOKEN={desk.token(customer)}",
        f"{post} -H 'Idempotency-Key: deposit-{key}' -d '{{\"amount\": \"1000.00\"}}' {desk.api_url}/balance/deposits",
        f"{post} -H 'Idempotency-Key: buy-{key}' "
        f'-d \'{{"asset_id": "BTC", "order_type": "BUY", "quote_amount": "250.00"}}\' {desk.api_url}/orders',
        f'curl -s -H "Authorization: Bearer $TOKEN" {desk.api_url}/portfolio',
        "",
        "One more user: make user NAME=carol. Stop it with: make down",
    ]
    for line in lines:
        out.print(line, markup=False)


def _fail(why: str, as_json: bool) -> NoReturn:
    if as_json:
        out.print_json(json.dumps({"error": why}))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"[red]✗[/] {escape(why)}")
    raise typer.Exit(1)


if __name__ == "__main__":
    app()
