"""What the clock does for purchases and sales: it closes the pools that have not filled by their deadline, and buys for
the recurring buys whose date has come."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common import aws
from common.log import count, flush, log, logged, metrics
from common.table.transaction import Patience
from common.time_left import more_time
from functions.purchases.service.recurring import ORDERED, POSTPONED, SKIPPED, RecurringBuys
from functions.purchases.wiring import pooling, purchases

EVERY_MINUTES = {"close_pools": 1, "buy_recurring": 1}  # the functions of this module, and how often they run


@logged
def close_pools(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    closed = pooling().close_overdue_pools(more_time(context))
    count("PoolsExpired", closed)
    log.info("done", extra={"closed": closed})
    metrics.flush_metrics()
    return {"closed": closed}


@logged
def buy_recurring(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Any round may be cut short; the next one does the rest."""
    found = recurring_buys().buy_due(more_time(context))
    # Only what there was: a metric that each round reports costs more than the rounds.
    if ordered := found[ORDERED]:
        count("RecurringOrdered", ordered)
    if skipped := found[SKIPPED]:
        count("RecurringSkipped", skipped)
    if postponed := found[POSTPONED]:
        count("RecurringPostponed", postponed)
    log.info("done", extra=found)
    flush()
    return found


@cache
def recurring_buys() -> RecurringBuys:
    # A pool or an account that others are writing is left to the next try: it must not use up the time of all.
    return RecurringBuys(replace(purchases(), table=replace(aws.table(), patience=Patience(budget_seconds=0.5))))
