"""What the machine `purchase` calls: one Lambda for each function. See `common.tasks`; the id is the batch's."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.exchange_orders.moves import ExchangeOrderNotFound
from common.log import logged
from common.tasks import Answer, LambdaEvent, step
from common.time_left import more_time
from functions.purchases.model import BatchNotFound, Stage
from functions.purchases.wiring import batches

MISSING = (BatchNotFound, ExchangeOrderNotFound)


@logged
def read_batch(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's: any generation may start at any time and does what is next, or nothing."""
    return step(event, batches().read, missing=MISSING)


@logged
def place_batch(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The first of every execution."""
    return step(event, batches().place, missing=MISSING, then=Stage.POLL)


@logged
def resolve_batch(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, batches().resolve, missing=MISSING, then=Stage.POLL)


@logged
def poll_batch(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, batches().poll, missing=MISSING, then=Stage.ALLOCATE)


@logged
def cancel_batch(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, batches().cancel_order, missing=MISSING, then=Stage.ALLOCATE)


@logged
def allocate_batch(event: LambdaEvent, context: LambdaContext) -> Answer:
    more = more_time(context)
    return step(event, lambda id_: batches().allocate(id_, more), missing=MISSING, then=Stage.DONE)


@logged
def look_again(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, batches().look_again, missing=MISSING, then=Stage.DONE)
