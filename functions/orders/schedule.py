"""What the clock does for the order desk: new prices, fills of what they cross, and expiry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import aws, clock
from common.domain.catalogue.store import Catalogue
from common.errors import Conflict, Unavailable
from common.gateways.prices import Prices
from common.gateways.prices.coingecko import CoinGeckoPrices
from common.log import count, log, metrics
from common.settings import settings
from common.table.table import Table
from common.table.transaction import Patience
from common.time_left import more_time
from functions.orders.service import marks
from functions.orders.service.book import Book

EVERY_MINUTES = {"tend_market": 1, "expire_orders": 1}  # the functions of this module, and how often they run


def tend_market(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Fetch prices, write them down, fill what they cross. Any round may be cut short; the next one does the rest."""
    marked, filled = marks.refresh(catalogue(), _oracle), 0
    listings = list(catalogue().fresh().values())
    oldest = max((x.quote.age_seconds(clock.now()) for x in listings if x.asset.active and x.quote), default=0.0)
    metrics.add_metric(name="PriceAgeSeconds", unit=MetricUnit.Seconds, value=oldest)
    first = clock.now().minute % max(len(listings), 1)  # another asset is first each minute: time may not last for all
    for listing in listings[first:] + listings[:first]:
        try:
            filled += book().match(listing, _more_time(context))
        except (Conflict, Unavailable) as refusal:
            log.info("not matched", extra={"asset_id": listing.asset.asset_id, "why": refusal.detail})
    return _counted(marked=marked, filled=filled)


def expire_orders(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Cancel what is past its time."""
    return _counted(expired=book().expire(_more_time(context)))


def _more_time(context: LambdaContext) -> Callable[[], bool]:
    # A transaction begun with less time than this might not be finished.
    return more_time(context, reserve_milliseconds=15_000)


def _counted(**numbers: int) -> dict[str, int]:
    for name, number in numbers.items():
        count(f"Orders{name.capitalize()}", number)
    log.info("done", extra=numbers)
    metrics.flush_metrics()
    return numbers


def _oracle(listed: Mapping[str, str]) -> Prices:
    here = settings()
    key = aws.secret(here.price_oracle_key_secret).decode() if here.price_oracle_key_secret else None
    return CoinGeckoPrices(here.price_oracle_url, ids=listed, api_key=key)


@cache
def catalogue() -> Catalogue:
    return Catalogue(_table(), clock.now)


@cache
def book() -> Book:
    return Book(_table(), clock.now)


def _table() -> Table:
    # An account that others are writing is left to the next round: it must not use up the time of all.
    return replace(aws.table(), patience=Patience(budget_seconds=0.5))
