"""The machine `purchase`: every task answers with what the table says is next, one Choice follows it.

    ReadBatch ─▶ NextStep ─┬─ PLACE ──────▶ PlaceBatch ─▶ NextStep
                           ├─ RESOLVE ────▶ ResolveBatch (again and again) ─▶ NextStep
                           ├─ POLL ───────▶ PollBatch (again and again; too late: CancelBatch) ─▶ NextStep
                           ├─ ALLOCATE ───▶ AllocateBatch (as many members as there is time for) ─▶ NextStep
                           ├─ LOOK_AGAIN ─▶ WaitForLateOrder ─▶ LookForLateOrder ─▶ NextStep
                           ├─ DONE ───────▶ Allocated
                           └─ STOPPED ────▶ WaitsForOperator

A direct purchase is a batch of one. What can not be cleared up within hours ends the execution as `Unclear`; the
sweeper starts the next one, which goes on from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.domain.catalogue.model import PriceUnavailable
from common.domain.exchange_orders.model import (
    POLL_BACK_OFF_RATE,
    POLL_DELAY_SECONDS_MAX,
    POLL_INTERVAL_SECONDS,
    POLLS_MAX,
)
from common.gateways.exchange import ExchangeUnavailable
from common.workflow import Again, Hub, Machine
from functions.purchases import model
from functions.purchases.model import Stage

PASSING = (ExchangeUnavailable, PriceUnavailable)


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_batch: aws_lambda.IFunction
    place_batch: aws_lambda.IFunction
    resolve_batch: aws_lambda.IFunction
    poll_batch: aws_lambda.IFunction
    cancel_batch: aws_lambda.IFunction
    allocate_batch: aws_lambda.IFunction
    look_for_late_order: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    hub = Hub(Construct(scope, "Purchase"), PASSING, "the table, the exchange or the price source")
    not_filled = _again(model.PurchaseNotFilled)
    cancel = hub.task("CancelBatch", tasks.cancel_batch, again=not_filled)
    too_late = (model.PurchaseOverdue, cancel)
    hub.when(Stage.PLACE, hub.task("PlaceBatch", tasks.place_batch))
    hub.when(Stage.RESOLVE, hub.task("ResolveBatch", tasks.resolve_batch, again=_again(model.PurchaseUnresolved)))
    hub.when(Stage.POLL, hub.task("PollBatch", tasks.poll_batch, again=not_filled, caught=too_late))
    hub.when(Stage.ALLOCATE, hub.task("AllocateBatch", tasks.allocate_batch))
    late = hub.task("LookForLateOrder", tasks.look_for_late_order)
    hub.when(Stage.LOOK_AGAIN, hub.wait("WaitForLateOrder").next(late))
    hub.when(Stage.DONE, hub.succeed("Allocated"))
    waits = hub.fail("WaitsForOperator", "an operator has to look: desk work show")
    return {"purchase": hub.starting(hub.task("ReadBatch", tasks.read_batch), otherwise=waits)}


def _again(error: type[Exception]) -> Again:
    return Again(error, POLL_INTERVAL_SECONDS, POLL_BACK_OFF_RATE, POLL_DELAY_SECONDS_MAX, times=POLLS_MAX)
