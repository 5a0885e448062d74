"""What the clock does for operators: the books of every account, held against its journal again and again."""

from __future__ import annotations

from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import aws, clock
from common.log import count, log, metrics
from functions.operations.service import Operations

EVERY_MINUTES = {"reconcile": 15}  # the functions of this module, and how often they run
RESERVE_MILLISECONDS = 8_000


def reconcile(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Go on where the last round stopped. `Drift` is the number of balances that are not what they should be."""
    accounts, drift = operations().reconcile_all(lambda: context.get_remaining_time_in_millis() > RESERVE_MILLISECONDS)
    count("Reconciled", accounts)
    count("Drift", drift)
    log.info("reconciled", extra={"accounts": accounts, "drift": drift})
    metrics.flush_metrics()
    return {"accounts": accounts, "drift": drift}


@cache
def operations() -> Operations:
    return Operations(aws.table(), clock.now)
