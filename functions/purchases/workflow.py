"""The machine `purchase`: buys or sells a batch and shares it out. A direct purchase or sale is a batch of one.

    PlaceBatch ─▶ PollBatch (again and again; too late: CancelBatch) ─▶ AllocateBatch ─▶ Bought

    ReadBatch ─▶ NextStep ─┬─ PLACE ──────▶ PlaceBatch
                           ├─ RESOLVE ────▶ ResolveBatch (again and again) ─▶ PollBatch
                           ├─ POLL ───────▶ PollBatch
                           ├─ ALLOCATE ───▶ AllocateBatch (as many members as there is time for)
                           ├─ LOOK_AGAIN ─▶ WaitToLookAgain ─▶ LookAgain ─▶ Bought
                           ├─ DONE ───────▶ Bought
                           └─ STOPPED ────▶ WaitsForOperator

What can not be cleared up within hours ends the execution as `Unclear`; the sweeper starts the next one, which goes on
from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.domain.catalogue.model import PriceUnavailable
from common.domain.exchange_orders.workflow import states
from common.domain.flow_halts import Halted
from common.gateways.exchange import ExchangeUnavailable
from common.workflow import Line, Machine
from functions.purchases.model import Stage


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_batch: aws_lambda.IFunction
    place_batch: aws_lambda.IFunction
    resolve_batch: aws_lambda.IFunction
    poll_batch: aws_lambda.IFunction
    cancel_batch: aws_lambda.IFunction
    allocate_batch: aws_lambda.IFunction
    look_again: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    passing = [ExchangeUnavailable, PriceUnavailable, Halted]
    line = Line(Construct(scope, "Purchase"), passing, "ReadBatch", tasks.read_batch)
    bought = line.succeed("Bought", "Every member has its share, or back what it gave")
    waits = line.fail("WaitsForOperator", "A person has to look: desk work show")
    allocate = line.task(
        "AllocateBatch", tasks.allocate_batch, "Give every member its share, and the desk what is left", then=bought
    )
    exchange_order = states(
        line,
        "Batch",
        resolve=tasks.resolve_batch,
        poll=tasks.poll_batch,
        cancel=tasks.cancel_batch,
        look_again=tasks.look_again,
        then=allocate,
        nothing=bought,
    )
    place = line.task(
        "PlaceBatch", tasks.place_batch, "Send the one order of all members to the exchange", then=exchange_order.poll
    )
    line.when(Stage.PLACE, place)
    line.when(Stage.RESOLVE, exchange_order.resolve)
    line.when(Stage.POLL, exchange_order.poll)
    line.when(Stage.ALLOCATE, allocate)
    line.when(Stage.LOOK_AGAIN, exchange_order.look_again)
    line.when(Stage.DONE, bought)
    comment = "Buys or sells a batch at the exchange: one order for all its members, who get their shares"
    return {"purchase": line.machine(place, comment, otherwise=waits)}
