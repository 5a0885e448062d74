"""Notifications as this environment composes them, for all doors of the context."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

from common import aws, clock
from common.gateways import configured
from common.table.transaction import Patience
from functions.notifications.service import Delivered, Deliveries, Endpoints, Round

AT_ONCE = 16  # customers whose receivers are sent to at one time


@cache
def endpoints() -> Endpoints:
    return Endpoints(aws.table(), configured.receivers(), configured.webhook_key, clock.now)


@cache
def deliveries() -> Deliveries:
    # What others write is left to the next round: it must not use up the time of all.
    table = replace(aws.table(), patience=Patience(budget_seconds=1))
    return Deliveries(table, configured.receivers(), configured.webhook_key, clock.now, _side_by_side)


def _side_by_side(rounds: Iterable[Round]) -> list[Delivered]:
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(lambda each: each(), rounds))
