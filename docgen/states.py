"""A diagram of the statuses of each model: what may become of what, and what only an operator may do."""

from __future__ import annotations

import inspect
from collections.abc import Container, Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from common.domain import halts
from common.domain.custody import model as custody
from common.domain.custody import shortages, ties
from common.domain.exchange_orders import model as exchange_orders
from common.domain.payouts import model as payouts
from common.domain.proposals import model as proposals
from docgen.code import modules, says
from functions.purchases import model as purchases
from functions.purchases import recurring

StatusT = TypeVar("StatusT", bound=StrEnum)


def states() -> str:
    """A diagram for each model that has statuses, and those of what is nobody's own."""
    drawn = [
        _diagram(name.replace("_", " "), _begins(model), model.TRANSITIONS, model.OPERATORS_ONLY)
        for name, model in modules("model").items()
        if hasattr(model, "TRANSITIONS")
    ]
    drawn.append(
        _diagram(
            "exchange orders",
            says(exchange_orders.ExchangeOrder),
            exchange_orders.TRANSITIONS,
            exchange_orders.OPERATORS_ONLY,
        )
    )
    drawn.append(_diagram("batches", says(purchases.Batch), purchases.BATCH_TRANSITIONS, ()))
    drawn.append(_diagram("recurring buys", says(recurring.RecurringBuy), recurring.TRANSITIONS, ()))
    drawn.append(_diagram("proposals", says(proposals.Proposal), proposals.TRANSITIONS, proposals.OPERATORS_ONLY))
    drawn.append(
        _diagram("payout attempts", says(payouts.Attempt), payouts.ATTEMPT_TRANSITIONS, payouts.OPERATORS_ONLY)
    )
    drawn.append(_diagram("snapshots", says(custody.Incoming), custody.DISPOSITIONS, (), custody.FIRST_DISPOSITIONS))
    drawn.append(_diagram("ties of snapshots", says(ties.Tie), ties.TRANSITIONS, ties.OPERATORS_ONLY))
    drawn.append(
        _diagram("shortages at the custody", says(shortages.Shortage), shortages.TRANSITIONS, shortages.OPERATORS_ONLY)
    )
    drawn.append(_diagram("outgoing transfers", says(custody.Outgoing), custody.TRANSITIONS, ()))
    drawn.append(_diagram("halts of trading accounts", says(halts.Halt), halts.TRANSITIONS, halts.OPERATORS_ONLY))
    return "\n".join(["# Statuses", "", *drawn, _LEGEND])


def _begins(model: object) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(model) or "").partition("\n\n")[0].split())


def _diagram(
    title: str,
    told: str,
    transitions: Mapping[StatusT, set[StatusT]],
    by_operators: Container[tuple[StatusT, StatusT]],
    begins: Sequence[StatusT] = (),
) -> str:
    """A life begins where `transitions` begins, or in one of `begins`."""
    lines = [f"    [*] --> {status}" for status in begins or list(transitions)[:1]]
    for before, after in transitions.items():
        for status in sorted(after):
            mark = " : by an operator" if (before, status) in by_operators else ""
            lines.append(f"    {before} --> {status}{mark}")
        if not after:
            lines.append(f"    {before} --> [*]")
    return "\n".join([f"## {title}", "", told, "", "```mermaid", "stateDiagram-v2", *lines, "```", ""])


_LEGEND = (
    "What has no transition out of it is final. A market order and a deposit are written once, as COMPLETED: they "
    "are done in the request that asks for them.\n"
)
