"""What the clock does for dealer billing: what is left of payments is spread."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from common.log import count, flush, log
from common.time_left import more_time
from functions.billing.wiring import rounds

EVERY_MINUTES = {"spread_payments": 1}  # the functions of this module, and how often they run


def spread_payments(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Payments over many bills, and those that came before their invoices, go on; totals are compared. Any round may be
    cut short; the next one does the rest."""
    found = rounds().round(more_time(context))
    numbers = {"spread": found.spread, "compared": found.compared, "differ": found.differ}
    for name, number in numbers.items():
        count(f"Payments{name.capitalize()}", number)
    log.info("done", extra=numbers)
    flush()
    return numbers
