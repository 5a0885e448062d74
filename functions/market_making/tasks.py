"""What the machines of market making call: one Lambda for each function.

`poll_snapshots` belongs to the machine `snapshots`, which is about no thing: it is asked for {"time"}, when its minute
began, and answers {"time", "stage", "next_at", …}, when to poll again, until the minute is over.
"""

from __future__ import annotations

from datetime import datetime

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import clock
from common.clock import instant, text
from common.gateways.custody import CustodyUnavailable
from common.log import count, flush, log
from common.tasks import Answer, LambdaEvent
from common.time_left import more_time
from functions.market_making.model import POLL_EVERY, POLLS_LAST, Poll
from functions.market_making.wiring import receiving


def poll_snapshots(event: LambdaEvent, context: LambdaContext) -> Answer:
    """A custody that is silent now is asked again at the next poll."""
    began_at = instant(event["time"])
    told = {"taken": 0, "failed": 0, "reason": ""}
    try:
        polled = receiving().poll(more_time(context))
        told |= {"taken": polled.taken, "failed": polled.failed}
        count("SnapshotsTaken", polled.taken)
    except CustodyUnavailable as silent:
        log.warning("custody silent", extra={"why": silent.detail})
        count("CustodySilent")
        told["reason"] = silent.detail
    finally:
        flush()
    next_at = _next(began_at, clock.now())
    stage = Poll.OVER if next_at is None else Poll.AGAIN
    return {"time": event["time"], "stage": stage, "next_at": text(next_at or began_at + POLLS_LAST), **told}


def _next(began_at: datetime, now: datetime) -> datetime | None:
    """The first of the times of polls that is still to come; None when the next minute has them."""
    polls = max(1, (now - began_at) // POLL_EVERY + 1)
    next_at = began_at + polls * POLL_EVERY
    return next_at if next_at < began_at + POLLS_LAST else None
