"""What the routes of market making have in common, whoever they are for."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import AfterValidator

from common import aws, clock, http
from common.keys import ORDER_ID_PATTERN
from common.money import fraction_digits
from common.pages import LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import Amount, amount_schema
from functions.market_making.model import CUSTODY_DECIMALS

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


def _payable(amount: Decimal) -> Decimal:
    if fraction_digits(amount) > CUSTODY_DECIMALS:
        raise ValueError(f"a transfer has at most {CUSTODY_DECIMALS} decimals")
    return amount


Payable = Annotated[Amount, AfterValidator(_payable), amount_schema("0.1", decimals=CUSTODY_DECIMALS)]
AccountId = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{1,20}$")]


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
