"""The machine `sell-order`: sells at the exchange. What it has sold the machine `payout` pays.

    PollSellOrder (again and again; too late: CancelSellOrder) ─▶ Sold

    ReadSellOrder ─▶ NextStep ─┬─ RESOLVE ────▶ ResolveSellOrder (again and again) ─▶ PollSellOrder
                               ├─ POLL ───────▶ PollSellOrder
                               ├─ LOOK_AGAIN ─▶ WaitToLookAgain ─▶ LookAgain ─▶ NothingToDo
                               ├─ SOLD, DONE ─▶ Sold, NothingToDo
                               └─ STOPPED ────▶ WaitsForOperator

What can not be cleared up within hours ends the execution as `Unclear`; the sweeper starts the next one, which goes on
from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.domain.exchange_orders.workflow import states
from common.gateways.exchange import ExchangeUnavailable
from common.workflow import Line, Machine
from functions.offramp.model import Stage


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_sell_order: aws_lambda.IFunction
    resolve_sell_order: aws_lambda.IFunction
    poll_sell_order: aws_lambda.IFunction
    cancel_sell_order: aws_lambda.IFunction
    look_again: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    line = Line(Construct(scope, "SellOrder"), [ExchangeUnavailable], "ReadSellOrder", tasks.read_sell_order)
    sold = line.succeed("Sold", "The dollars are held for the customer, and the machine payout pays them")
    nothing = line.succeed("NothingToDo", "Nothing was sold, and nothing is to be done")
    waits = line.fail("WaitsForOperator", "A person has to look: desk work show")
    exchange_order = states(
        line,
        "SellOrder",
        resolve=tasks.resolve_sell_order,
        poll=tasks.poll_sell_order,
        cancel=tasks.cancel_sell_order,
        look_again=tasks.look_again,
        then=sold,
        nothing=nothing,
    )
    line.when(Stage.RESOLVE, exchange_order.resolve)
    line.when(Stage.POLL, exchange_order.poll)
    line.when(Stage.LOOK_AGAIN, exchange_order.look_again)
    line.when(Stage.SOLD, sold)
    line.when(Stage.DONE, nothing)
    comment = "Sells coins at the exchange for a customer who cashes out"
    return {"sell-order": line.machine(exchange_order.poll, comment, otherwise=waits)}
