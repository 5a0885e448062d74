"""What the machine `payout` calls: one Lambda for each function. See `common.tasks`."""

from __future__ import annotations

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.payouts.model import PayoutNotFound, Stage
from common.errors import Refusal
from common.log import flush, log, logged
from common.tasks import Answer, LambdaEvent, step
from functions.payouts.wiring import payouts

MISSING = (PayoutNotFound,)


@logged
def read_payout(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The hub's: any generation may start at any time and does what is next, or nothing."""
    return step(event, payouts().read, missing=MISSING)


@logged
def create_payout(event: LambdaEvent, _: LambdaContext) -> Answer:
    """The first of every execution."""
    return step(event, payouts().create, missing=MISSING, then=Stage.AWAIT)


@logged
def check_payout(event: LambdaEvent, _: LambdaContext) -> Answer:
    return step(event, payouts().check, missing=MISSING, then=Stage.AWAIT)


@logged
def await_payout(event: LambdaEvent, _: LambdaContext) -> None:
    """Keep the token for whoever decides the attempt. The wait ends by it, or by time; then the bank is asked.

    A refusal is sent back by the token: not every Step Functions notices a task that fails while its state waits."""
    order_id, token = event["id"], event["token"]
    with log.append_context_keys(id=order_id):
        try:
            payouts().wait(order_id, token)
        except Refusal as refusal:
            log.warning("not waiting", extra={"why": refusal.detail})
            payouts().machines.fail(token, type(refusal).__name__, refusal.detail)
        finally:
            flush()
