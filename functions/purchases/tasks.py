"""What the machine `purchase` calls: one Lambda for each function.

Each takes {"order_id"}, the batch's id, and answers with what the table says is next: {"order_id", "stage",
"wait_seconds"}. Refusals that are tried again reach the machine by their class names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import flush, log
from functions.purchases.model import BatchNotFound, Stage, Step
from functions.purchases.wiring import purchases

Event = dict[str, Any]
Answer = dict[str, Any]
RESERVE_MILLISECONDS = 8_000  # a share begun with less time than this might not be finished


def read_batch(event: Event, _: LambdaContext) -> Answer:
    """The first of every execution: any generation may start at any time and does what is next, or nothing."""
    return _stepped(event, purchases().read)


def place_batch(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, purchases().place)


def resolve_batch(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, purchases().resolve)


def poll_batch(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, purchases().poll)


def cancel_batch(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, purchases().cancel_order)


def allocate_batch(event: Event, context: LambdaContext) -> Answer:
    def more_time() -> bool:
        return context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS

    return _stepped(event, lambda batch_id: purchases().allocate(batch_id, more_time))


def look_for_late_order(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, purchases().look_again)


def _stepped(event: Event, ask: Callable[[str], Step]) -> Answer:
    batch_id = event["order_id"]
    with log.append_context_keys(batch_id=batch_id):
        try:
            step = ask(batch_id)
        except BatchNotFound as gone:
            log.warning("nothing to move", extra={"why": gone.detail})
            step = Step(Stage.DONE)
        finally:
            flush()
        log.info("moved", extra={"stage": step.stage})
    return {"order_id": batch_id, "stage": step.stage, "wait_seconds": step.wait_seconds}
