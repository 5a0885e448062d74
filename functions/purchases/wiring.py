"""Purchases as this place composes them, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.catalogue.store import Market
from common.domain.exchange_orders.service import Venue
from common.gateways import configured
from functions.purchases.service import Purchases


@cache
def purchases() -> Purchases:
    table = aws.table()
    return Purchases(table, Market(table, clock.now), Venue(configured.exchange), aws.machines(), clock.now)
