"""What the routes of orders and holdings have in common."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from common import aws, clock, http
from common.domain.catalogue.store import Catalogue
from common.keys import ASSET_ID_PATTERN, ORDER_ID_PATTERN
from common.pages import LIMIT_MAX, Cursors
from common.settings import settings
from common.wire import Instant
from functions.orders.service import Orders

app = http.api()

OrderId = Annotated[str, Path(pattern=ORDER_ID_PATTERN)]
AssetInPath = Annotated[str, Path(pattern=ASSET_ID_PATTERN)]
AssetInQuery = Annotated[str | None, Query(pattern=ASSET_ID_PATTERN)]
Since = Annotated[Instant | None, Query(alias="from", description="inclusive")]
Until = Annotated[Instant | None, Query(alias="to", description="exclusive")]
Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX)]


def text_of(value: object | None) -> str | None:
    return None if value is None else str(value)


@cache
def orders() -> Orders:
    return Orders(aws.table(), Catalogue(aws.table(), clock.now), clock.now)


@cache
def cursors() -> Cursors:
    return Cursors(lambda: aws.secret(settings().cursor_key_secret), clock.now)
