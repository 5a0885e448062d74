"""What the clock does for market making: it sends what is to leave the custody, and holds what is there against the
books."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.comparisons import Verdict
from common.log import count, flush, log
from common.time_left import more_time
from functions.market_making.wiring import comparing, sending

EVERY_MINUTES = {"send_transfers": 1, "compare_custody": 1440}  # the functions of this module, and how often they run


def send_transfers(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    moved = sending().round(more_time(context))
    count("TransfersMoved", moved)
    log.info("done", extra={"moved": moved})
    flush()
    return {"moved": moved}


def compare_custody(_: dict[str, Any], __: LambdaContext) -> dict[str, int]:
    """`CustodyOff` is the number of assets of which the custody has not what is booked."""
    found = comparing().compare()
    count("CustodyCompared", found.assets)
    off, unknown = (len(found.those(verdict)) for verdict in (Verdict.OFF, Verdict.UNKNOWN))
    log.info("compared", extra={"assets": found.assets, "off": off, "unknown": unknown, "found": str(found)})
    flush()
    return {"assets": found.assets, "off": off, "unknown": unknown}
