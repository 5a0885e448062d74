"""What the clock does for operators: it sees to unfinished work, holds every account's books against its journal again
and again, checks every item with what must stand beside it, and signs where the audit stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import count, log, logged, metrics
from common.time_left import more_time
from functions.operations.service.comparing_days import ComparingDays
from functions.operations.wiring import (
    anchoring,
    comparing_bank,
    comparing_exchange,
    cross_checking,
    reconciliation,
    sweeper,
)

EVERY_MINUTES = {
    "sweep": 1,
    "reconcile": 15,
    "cross_check": 5,
    "compare_bank": 15,
    "compare_exchange": 5,
    "anchor_audit": 60,
}  # the functions of this module, and how often they run


@logged
def reconcile(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Go on where the last round stopped. `Drift` is the number of balances that are not what they should be,
    `BooksUnreadable` that of accounts that can not be added up."""
    found = reconciliation().round(more_time(context))
    count("Reconciled", found.accounts)
    count("Drift", found.drift)
    count("BooksUnreadable", found.unreadable)
    numbers = asdict(found)
    log.info("reconciled", extra=numbers)
    metrics.flush_metrics()
    return numbers


@logged
def cross_check(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Go on where the last round stopped. `Drift` counts what does not stand together, too."""
    checked = cross_checking().round(more_time(context))
    count("ItemsChecked", checked.items)
    count("Drift", checked.faults)
    numbers = asdict(checked)
    log.info("checked", extra=numbers)
    metrics.flush_metrics()
    return numbers


@logged
def compare_bank(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Every day that is over is held against our payouts once, and those that operators ask for again."""
    days = _compared(comparing_bank(), context)
    count("BankCompared", days)
    metrics.flush_metrics()
    return {"days": days}


@logged
def compare_exchange(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Every day that is over is held against our orders once, and those that operators ask for again."""
    days = _compared(comparing_exchange(), context)
    count("ExchangeCompared", days)
    metrics.flush_metrics()
    return {"days": days}


@logged
def anchor_audit(_: dict[str, Any], __: LambdaContext) -> dict[str, str]:
    """Sign where the audit's chain stands, and put it where it can not be changed."""
    anchor = anchoring().round()
    count("AuditAnchored")
    log.info("anchored", extra={"number": anchor.number, "digest": anchor.digest})
    metrics.flush_metrics()
    return {"number": anchor.number, "digest": anchor.digest}


def _compared(comparing: ComparingDays, context: LambdaContext) -> int:
    ended = comparing.round(more_time(context))
    for found in ended:
        log.info("compared", extra={"of": found.of, "things": found.assets, "found": str(found)})
    return len(ended)


@logged
def sweep(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Start machines that a crash has left unstarted or dead, take parked events that can be placed by now, and count
    what is overdue, parked or halted."""
    swept = sweeper().sweep(more_time(context))
    numbers = asdict(swept)
    for name, number in numbers.items():
        count("Work" + "".join(part.capitalize() for part in name.split("_")), number)
    log.info("swept", extra=numbers)
    metrics.flush_metrics()
    return numbers
