"""Logging in and out: in a browser, or by a password and a code at the terminal."""

from __future__ import annotations

import json
import webbrowser
from typing import Annotated

import typer

from console import connection, output
from console.browser import BrowserSignIn
from console.commands import asking
from console.commands.groups import group_of
from console.connection import UserPool, claims
from console.errors import Misused
from console.logins import Logins
from console.user_pool import Person, SignIn, Tokens, revoke

group = group_of("Log in and out.")

Json = Annotated[bool, typer.Option("--json", help="Say it as one JSON object, and nothing else.")]


@group.command("login")
def login(
    context: typer.Context,
    username: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Who it is to be; without, whoever signs in.", show_default=False),
    ] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for password and code here: no browser is needed.")
    ] = False,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, or print the address of the page.")
    ] = True,
    print_: Annotated[
        bool, typer.Option("--print", help="Print an access token instead, good for minutes, and keep nothing.")
    ] = False,
    pool: Annotated[
        str | None, typer.Option(envvar="DESK_POOL", help="The stack's output OperatorPoolId.", show_default=False)
    ] = None,
    client: Annotated[
        str | None,
        typer.Option(envvar="DESK_CLIENT", help="The stack's output OperatorPoolClientId.", show_default=False),
    ] = None,
    json_: Json = False,
) -> None:
    """Sign in at the user pool's page. From then on `desk` asks that desk as you, until you log out or half a day has
    passed. Whoever has no second factor yet enrols one."""
    with asking.told_of(json_):
        if password and not username:
            raise Misused("`--password` is told whose: desk login NAME --password")
        url = None if print_ else connection.address(context.obj.url)
        where = connection.user_pool(pool, client, url=context.obj.url)
        tokens = _signed_in(where, username, password=password, browser=browser)
        if url is None:
            revoke(where, tokens.refresh)  # nobody is to have it
        else:
            Logins.of_user().keep(url, where, tokens)
    who = claims(tokens.access).get("username")
    if print_:
        if json_:
            output.out().print_json(json.dumps({"token": tokens.access}))
        else:
            print(tokens.access)
    else:
        asking.show(json_, {"username": who, "url": url}, f"{who} is logged in at {url}.")


@group.command("logout")
def logout(context: typer.Context, json_: Json = False) -> None:
    """Revoke your login at that desk, and forget it here. A token that was printed is good to its end."""
    with asking.told_of(json_):
        url = connection.address(context.obj.url)
        ended = Logins.of_user().end(url)
    asking.show(
        json_, {"url": url, "done": ended}, f"Logged out at {url}." if ended else f"Nobody is logged in at {url}."
    )


def _signed_in(pool: UserPool, username: str | None, *, password: bool, browser: bool) -> Tokens:
    if password:
        return SignIn(pool, username or "", Terminal()).tokens()
    return BrowserSignIn(pool, _opened if browser else _printed, username).tokens()


def _opened(page: str) -> None:
    """Where no browser can be opened, the address is printed."""
    if webbrowser.open(page):
        output.err().print("Sign in in the browser; this waits for five minutes.")
    else:
        _printed(page)


def _printed(page: str) -> None:
    output.err().print("Sign in with a browser on this machine, within five minutes:")
    output.err().print(page, markup=False, soft_wrap=True)


class Terminal(Person):
    """Asks on stderr, so that stdout has the token and nothing else."""

    def password(self) -> str:
        return _secret("Password")

    def new_password(self) -> str:
        output.err().print("You were given a password; choose your own: 16 characters or more, of all kinds.")
        return _secret("New password", confirmation_prompt="Once more")

    def enrol(self, uri: str) -> None:
        output.err().print("Put this into an authenticator app, by hand or as a QR code, and show it to nobody:")
        output.err().print(uri, markup=False)

    def code(self, wrong: bool) -> str:
        if wrong:
            output.err().print("That is not the code of now.")
        return str(typer.prompt("Code of the app", err=True)).replace(" ", "")


def _secret(what: str, *, confirmation_prompt: bool | str = False) -> str:
    return str(typer.prompt(what, hide_input=True, err=True, confirmation_prompt=confirmation_prompt))
