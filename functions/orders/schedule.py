"""What the clock does for the order desk: new prices, fills of what they cross, and expiry."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import Any, TypeVar

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from common import aws, clock
from common.domain.catalogue.store import Catalogue
from common.errors import Conflict, Unavailable
from common.gateways import configured
from common.log import count, flush, log, logged, metrics
from common.table.table import Table
from common.table.transaction import Patience
from common.time_left import more_time
from functions.orders.service import marks
from functions.orders.service.book import Book

EVERY_MINUTES = {"tend_market": 1, "expire_orders": 1}  # the functions of this module, and how often they run
T = TypeVar("T")
NONE_AGES = 86_400.0  # the seconds that are left where no price of a traded asset can grow too old
RESERVE_MILLISECONDS = 15_000  # a transaction begun with less time than this might not be finished


@logged
def tend_market(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Fetch prices, write them down, fill what they cross. Any round may be cut short; the next one does the rest.

    Each minute another asset is the first: time may not last for all.
    """
    refreshed = marks.refresh(catalogue(), configured.prices)
    jumped = dict(_in_rotation(refreshed.jumped.items()))
    marked = refreshed.marked + marks.confirm(catalogue(), jumped, configured.tickers, _share(context, 2))
    filled, listings = 0, _in_rotation(catalogue().fresh().values())
    now = clock.now()
    left = (x.asset.price_age_max_seconds - x.quote.age_seconds(now) for x in listings if x.asset.active and x.quote)
    metrics.add_metric(name="PriceLeftSeconds", unit=MetricUnit.Seconds, value=max(0.0, min(left, default=NONE_AGES)))
    for turn, listing in enumerate(listings):
        asset_id = listing.asset.asset_id
        try:
            filled += book().match(catalogue(), asset_id, _share(context, len(listings) - turn))
        except (Conflict, Unavailable) as refusal:
            log.info("not matched", extra={"asset_id": asset_id, "why": refusal.detail})
    return _counted(marked=marked, filled=filled)


@logged
def expire_orders(_: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Cancel what is past its time."""
    return _counted(expired=book().expire(_more_time(context)))


def _more_time(context: LambdaContext) -> Callable[[], bool]:
    return more_time(context, reserve_milliseconds=RESERVE_MILLISECONDS)


def _share(context: LambdaContext, of: int) -> Callable[[], bool]:
    """The same of an equal part of the time that is left now. What one leaves is for those after it."""
    left = context.get_remaining_time_in_millis()
    return more_time(context, reserve_milliseconds=left - (left - RESERVE_MILLISECONDS) // of)


def _in_rotation(all_of_them: Iterable[T]) -> list[T]:
    """With another one first each minute."""
    items = list(all_of_them)
    first = clock.now().minute % max(len(items), 1)
    return items[first:] + items[:first]


def _counted(**numbers: int) -> dict[str, int]:
    for name, number in numbers.items():
        count(f"Orders{name.capitalize()}", number)
    log.info("done", extra=numbers)
    flush()
    return numbers


@cache
def catalogue() -> Catalogue:
    return Catalogue(_table(), clock.now)


@cache
def book() -> Book:
    return Book(_table(), clock.now)


def _table() -> Table:
    # An account that others are writing is left to the next round: it must not use up the time of all.
    return replace(aws.table(), patience=Patience(budget_seconds=0.5))
