"""What the routes of market making have in common, whoever they are for."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import Field

from common import aws, clock, http
from common.keys import ORDER_ID_PATTERN
from common.pages import LIMIT_MAX, Cursors
from common.settings import settings

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
AccountId = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{1,20}$")]
Exchange = Annotated[str, Field(pattern=r"^[a-z0-9]{2,20}$", examples=["binance"])]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9]{1,20}-[A-Z0-9]{1,20}$", examples=["BTC-USDT"])]


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
