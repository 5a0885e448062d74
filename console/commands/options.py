"""What several commands are given."""

from __future__ import annotations

from typing import Annotated

import typer

from console.commands.asking import PAGE

Json = Annotated[bool, typer.Option("--json", help="Print the API's answer, one JSON object, and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it. Without, the desk only says what it would do.")]
Limit = Annotated[int, typer.Option(min=1, max=PAGE, help="How many at most.")]

Id = Annotated[str, typer.Argument(metavar="ID", help="As `desk work list` or `desk parked list` shows it.")]
Username = Annotated[str, typer.Argument(metavar="USERNAME", help="Whose account.")]

Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, for the audit.", show_default=False)]
PublicReason = Annotated[
    str | None,
    typer.Option("--public-reason", metavar="TEXT", help="What the customer reads of it.", show_default=False),
]
Reference = Annotated[
    str,
    typer.Option(
        "--reference", metavar="TEXT", help="Where it can be looked up: a statement's line.", show_default=False
    ),
]
Receiver = Annotated[
    str, typer.Option("--to", metavar="UUID", help="A user of Mixin, who gets it.", show_default=False)
]
