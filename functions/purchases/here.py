"""Purchases as this place composes them, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock, outside
from common.catalogue.store import Market
from common.placements.service import Venue
from functions.purchases.service import Purchases


@cache
def purchases() -> Purchases:
    table = aws.table()
    return Purchases(table, Market(table, clock.now), Venue(outside.exchange), aws.machines(), clock.now)
