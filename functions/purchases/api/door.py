"""What the routes of purchases, sales and recurring buys have in common."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from common import http
from common.keys import ORDER_ID_PATTERN

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
