"""What the machine `sell-order` calls: one Lambda for each function. See `common.tasks`."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.exchange_orders.moves import ExchangeOrderNotFound
from common.log import logged
from common.tasks import Answer, LambdaEvent, step
from functions.offramp.model import SellOrderNotFound, Stage
from functions.offramp.wiring import offramp

MISSING = (SellOrderNotFound, ExchangeOrderNotFound)


@logged
def read_sell_order(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's: any generation may start at any time and does what is next, or nothing."""
    return step(event, offramp().read, missing=MISSING)


@logged
def resolve_sell_order(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, offramp().resolve, missing=MISSING, then=Stage.POLL)


@logged
def poll_sell_order(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The first of every execution."""
    return step(event, offramp().poll, missing=MISSING, then=Stage.SOLD)


@logged
def cancel_sell_order(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, offramp().cancel, missing=MISSING, then=Stage.SOLD)


@logged
def look_again(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, offramp().look_again, missing=MISSING, then=Stage.DONE)
