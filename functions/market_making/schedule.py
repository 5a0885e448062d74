"""What the clock does for market making: it sends what is to leave the custody, and holds what is there, and on trading
accounts, against the books; it joins campaigns, and asks what they pay."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.comparisons import Verdict
from common.log import count, flush, log, logged
from common.time_left import more_time
from functions.market_making.wiring import balancing, campaigning, comparing, sending

HUFI_MILLISECONDS = 36_000  # four answers, and the table
LOOKS_MILLISECONDS = 36_000  # answers of an exchange about one account, two pauses, and again of who is short

EVERY_MINUTES = {
    "send_transfers": 1,
    "join_campaigns": 5,
    "compare_accounts": 15,
    "compare_custody": 1440,
}  # the functions of this module, and how often they run


@logged
def send_transfers(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    moved = sending().round(more_time(context))
    count("TransfersMoved", moved)
    log.info("done", extra={"moved": moved})
    flush()
    return {"moved": moved}


@logged
def join_campaigns(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """To join one, or to ask what it pays, HuFi is asked four times at most. Any round may be cut short."""
    joined = campaigning().round(more_time(context, reserve_milliseconds=HUFI_MILLISECONDS))
    log.info("done", extra={"joined": joined})
    flush()
    return {"joined": joined}


@logged
def compare_accounts(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short: the next begins with the others. `AccountsOff` is the number of accounts that have
    less than their orders are owed."""
    compared = balancing().round(more_time(context, reserve_milliseconds=LOOKS_MILLISECONDS))
    log.info("done", extra={"compared": compared})
    flush()
    return {"compared": compared}


@logged
def compare_custody(_: dict[str, Any], __: LambdaContext) -> dict[str, int]:
    """`CustodyOff` is the number of assets of which the custody has not what is booked."""
    found = comparing().compare()
    count("CustodyCompared", found.assets)
    off, unknown = (len(found.those(verdict)) for verdict in (Verdict.OFF, Verdict.UNKNOWN))
    log.info("compared", extra={"assets": found.assets, "off": off, "unknown": unknown, "found": str(found)})
    flush()
    return {"assets": found.assets, "off": off, "unknown": unknown}
