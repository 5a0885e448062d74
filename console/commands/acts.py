"""Commands that ask for an act and differ in nothing but its name."""

from __future__ import annotations

import typer

from console.commands import asking
from console.commands.options import Id, Json, PublicReason, Reason, Reference, Yes

ONE_MORE = "One more attempt to pay to the customer's bank."
NEVER_CAME = "The pending payout attempt never reached the bank: it is sent no more, and rejected if the bank agrees."


def with_reason(group: typer.Typer, things: str, verb: str, does: str, *, command: str | None = None) -> None:
    """One for which operators say why. `command`: its name, where that is not the verb."""

    @group.command(command or verb, help=does)
    def act(context: typer.Context, thing_id: Id, reason: Reason, yes: Yes = False, json_: Json = False) -> None:
        asking.act(context, json_, (things, thing_id, verb), {"reason": reason}, yes)


def with_public_reason(group: typer.Typer, things: str, verb: str, does: str) -> None:
    """One of which a customer reads."""

    @group.command(verb, help=does)
    def act(
        context: typer.Context,
        thing_id: Id,
        reason: Reason,
        public_reason: PublicReason = None,
        yes: Yes = False,
        json_: Json = False,
    ) -> None:
        body = {"reason": reason} | asking.said({"public_reason": public_reason})
        asking.act(context, json_, (things, thing_id, verb), body, yes)


def with_reference(group: typer.Typer, things: str, verb: str, does: str, *, command: str | None = None) -> None:
    """A proposal that can be looked up somewhere. `command`: its name, where that is not the verb."""

    @group.command(command or verb, help=does)
    def act(
        context: typer.Context,
        thing_id: Id,
        reference: Reference,
        reason: Reason,
        yes: Yes = False,
        json_: Json = False,
    ) -> None:
        body = {"reference": reference, "reason": reason}
        asking.act(context, json_, (things, thing_id, verb), body, yes)


def with_other_payment(group: typer.Typer, things: str, verb: str) -> None:
    """A proposal that the customer was paid by another way, of which he reads."""
    does = "Propose that the customer has the dollars by another way; another operator confirms it."

    @group.command(verb, help=does)
    def act(
        context: typer.Context,
        thing_id: Id,
        reference: Reference,
        reason: Reason,
        public_reason: PublicReason = None,
        yes: Yes = False,
        json_: Json = False,
    ) -> None:
        body = {"reference": reference, "reason": reason} | asking.said({"public_reason": public_reason})
        asking.act(context, json_, (things, thing_id, verb), body, yes)
