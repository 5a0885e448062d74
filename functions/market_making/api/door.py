"""What the routes of market making have in common, whoever they are for."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from common import aws, clock, http
from common.keys import ORDER_ID_PATTERN
from common.pages import LIMIT_MAX, Cursors
from common.settings import settings

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]
AccountId = Annotated[str, Path(pattern="^[a-z][a-z0-9-]{1,20}$")]


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
