"""What the clock does for notifications: it makes the deliveries that are due."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.gateways.receivers.http import CONNECT_SECONDS, READ_SECONDS
from common.log import count, flush, log, logged
from common.time_left import more_time
from functions.notifications.wiring import deliveries

EVERY_MINUTES = {"deliver": 1}  # the functions of this module, and how often they run
# With less than this left nothing more is sent: one attempt, and what is written before and after it.
RESERVE_MILLISECONDS = int((CONNECT_SECONDS + READ_SECONDS) * 1000) + 10_000


@logged
def deliver(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    done = deliveries().deliver(more_time(context, reserve_milliseconds=RESERVE_MILLISECONDS))
    count("WebhooksDelivered", done.delivered)
    count("WebhooksUnanswered", done.failed)
    count("WebhooksGivenUp", done.given_up)
    told = asdict(done)
    log.info("done", extra=told)
    flush()
    return told
