"""Signing in, with a second factor."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from console import connection, output
from console.commands import asking
from console.commands.groups import group_of
from console.user_pool import Person, SignIn

group = group_of("Sign in, with a second factor.")

Json = Annotated[bool, typer.Option("--json", help="Print the token in a JSON object, and nothing else.")]


@group.command("sign-in")
def sign_in(
    username: Annotated[str, typer.Argument(metavar="NAME", help="Of the operators' user pool.")],
    pool: Annotated[
        str | None, typer.Option(envvar="DESK_POOL", help="The stack's output OperatorPoolId.", show_default=False)
    ] = None,
    client: Annotated[
        str | None,
        typer.Option(envvar="DESK_CLIENT", help="The stack's output OperatorPoolClientId.", show_default=False),
    ] = None,
    json_: Json = False,
) -> None:
    """Print an access token, good for half an hour: export DESK_TOKEN=$(./desk sign-in NAME). Whoever has no second
    factor yet enrols one."""
    with asking.told_of(json_):
        token = SignIn(connection.user_pool(pool, client), username, Terminal()).token()
    if json_:
        output.out().print_json(json.dumps({"token": token}))
    else:
        print(token)


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
