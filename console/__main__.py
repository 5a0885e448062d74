"""`desk`: what an operator can ask of the desk, and do. The desk decides what is possible and says what an act does;
without --yes it is only asked to say it."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands import (
    audit,
    batches,
    billing,
    books,
    catalogue,
    clients,
    compare,
    dealers,
    deposit,
    deposits,
    finding,
    halts,
    machines,
    mm,
    offramp,
    operators,
    orders,
    outgoing,
    parked,
    payments,
    prices,
    proposals,
    reminders,
    signing_in,
    snapshots,
    strays,
    users,
    withdrawals,
    work,
)
from console.commands.asking import Given
from console.commands.groups import group_of

app = group_of(
    "The operator's command line of the desk, over its HTTP API. DESK_URL says which desk, `desk login` or DESK_TOKEN "
    "who; with neither, it is the local stack that `make up` started, as its operator. Exit codes: 0 done, done "
    "already, or said what would be done; 1 not done; 2 misused; 75 try again later.",
    completes=True,
)
app.add_typer(finding.group)
app.add_typer(books.group)
app.add_typer(signing_in.group)
for name, module in (
    ("audit", audit),
    ("work", work),
    ("machines", machines),
    ("offramp", offramp),
    ("withdrawals", withdrawals),
    ("orders", orders),
    ("batches", batches),
    ("strays", strays),
    ("proposals", proposals),
    ("parked", parked),
    ("prices", prices),
    ("catalogue", catalogue),
    ("users", users),
    ("operators", operators),
    ("mm", mm),
    ("snapshots", snapshots),
    ("outgoing", outgoing),
    ("payments", payments),
    ("reminders", reminders),
    ("deposit", deposit),
    ("deposits", deposits),
    ("dealers", dealers),
    ("clients", clients),
    ("billing", billing),
    ("compare", compare),
):
    app.add_typer(module.group, name=name)
app.add_typer(halts.halt, name="halt")
app.add_typer(halts.halts, name="halts")


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
    seen: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="With --yes: nothing is done if it has moved since a trial that has told this version.",
            show_default=False,
        ),
    ] = None,
) -> None:
    context.obj = Given(url, token, seen)


def run() -> None:
    app(prog_name="desk")


if __name__ == "__main__":
    run()
