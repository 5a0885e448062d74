"""What the machines `sell-order` and `payout` call: one Lambda for each function.

Each takes {"order_id"} and answers with what the table says is next: {"order_id", "stage", "wait_seconds", "attempts"}.
Refusals that are tried again reach the machine by their class names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.payouts.model import PayoutNotFound, Stage, Step
from common.errors import Refusal
from common.log import flush, log
from functions.offramp.model import SellOrderNotFound
from functions.offramp.wiring import offramp

Event = dict[str, Any]
Answer = dict[str, Any]


def read_order(event: Event, _: LambdaContext) -> Answer:
    """The first of every execution: any generation may start at any time and does what is next, or nothing."""
    return _stepped(event, offramp().read)


def resolve_sell_order(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, offramp().resolve)


def look_for_late_fill(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, offramp().look_again)


def poll_sell_order(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, offramp().poll)


def cancel_sell_order(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, offramp().cancel)


def create_payout(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, lambda order_id: offramp().payouts.create(order_id, event["attempts"]))


def check_payout(event: Event, _: LambdaContext) -> Answer:
    return _stepped(event, offramp().payouts.check)


def await_payout(event: Event, _: LambdaContext) -> None:
    """Keep the token for whoever decides the attempt. The wait ends by it, or by time; then the bank is asked.

    A refusal is sent back by the token: not every Step Functions notices a task that fails while its state waits."""
    order_id, token = event["order_id"], event["token"]
    with log.append_context_keys(order_id=order_id):
        try:
            offramp().payouts.wait(order_id, token)
        except Refusal as refusal:
            log.warning("not waiting", extra={"why": refusal.detail})
            offramp().machines.fail(token, type(refusal).__name__, refusal.detail)
        finally:
            flush()


def _stepped(event: Event, ask: Callable[[str], Step]) -> Answer:
    order_id = event["order_id"]
    with log.append_context_keys(order_id=order_id):
        try:
            step = ask(order_id)
        except (SellOrderNotFound, PayoutNotFound) as gone:  # the seed: what can not be found ends silently
            log.warning("nothing to move", extra={"why": gone.detail})
            step = Step(Stage.DONE)
        finally:
            flush()
        log.info("moved", extra={"stage": step.stage})
    return {"order_id": order_id, "stage": step.stage, "wait_seconds": step.wait_seconds, "attempts": step.attempts}
