"""What the clock does for market making: it sends what is to leave the custody."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import count, flush, log
from common.time_left import more_time
from functions.market_making.wiring import sending

EVERY_MINUTES = {"send_transfers": 1}  # the functions of this module, and how often they run


def send_transfers(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    moved = sending().round(more_time(context))
    count("TransfersMoved", moved)
    log.info("done", extra={"moved": moved})
    flush()
    return {"moved": moved}
