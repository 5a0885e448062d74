"""What the clock does for dealer billing: what is left of payments is spread, people are told of bills that are
overdue, what of accounts goes back is paid back, and what the billing system has is held against the books."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.domain.comparisons import Verdict
from common.log import count, flush, log, logged
from common.time_left import more_time
from functions.billing.wiring import comparing_billing, refunding, rounds

CALL_MILLISECONDS = 15_000  # to ask the billing system once more, and to write down what it says
ACCOUNT_MILLISECONDS = 30_000  # to compare an account that has more than most

# The functions of this module, and how often they run.
EVERY_MINUTES = {"spread_payments": 1, "pay_refunds": 5, "compare_billing": 15}


@logged
def spread_payments(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Payments over many bills, and those that came before their invoices, go on; totals are compared; who has not paid
    in time is to be reminded. Any round may be cut short; the next one does the rest."""
    found = rounds().round(more_time(context))
    numbers = {"spread": found.spread, "compared": found.compared, "differ": found.differ, "overdue": found.overdue}
    count("PaymentsSpread", found.spread)
    count("PaymentsCompared", found.compared)
    count("PaymentsDiffer", found.differ)
    count("BillsOverdue", found.overdue)
    log.info("done", extra=numbers)
    flush()
    return numbers


@logged
def pay_refunds(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """What two operators have agreed to pay back: the billing system is asked for it, or whether it has paid it."""
    over = refunding().round(more_time(context, reserve_milliseconds=CALL_MILLISECONDS))
    count("RefundsOver", over)
    log.info("done", extra={"over": over})
    flush()
    return {"over": over}


@logged
def compare_billing(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """All accounts once a day, in as many rounds as it takes. `BillingOff` is the number of invoices and payments that
    differ."""
    found = comparing_billing().round(
        more_time(context, reserve_milliseconds=ACCOUNT_MILLISECONDS),
        more_time(context, reserve_milliseconds=CALL_MILLISECONDS),
    )
    if found is not None:
        count("BillingCompared", found.assets)
        off, unknown = (len(found.those(verdict)) for verdict in (Verdict.OFF, Verdict.UNKNOWN))
        log.info("compared", extra={"things": found.assets, "off": off, "unknown": unknown, "found": str(found)})
    flush()
    return {"compared": 0 if found is None else found.assets}
