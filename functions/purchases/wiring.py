"""Purchases as this environment composes them, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.catalogue.store import Catalogue
from common.domain.exchange_orders.service import ExchangeOrders
from common.gateways import configured
from common.settings import settings
from functions.purchases.service.batches import Batches
from functions.purchases.service.pooling import Pooling
from functions.purchases.service.purchasing import Purchases
from functions.purchases.service.recurring import RecurringBuys
from functions.purchases.service.sales import Sales


@cache
def purchases() -> Purchases:
    table = aws.table()
    return Purchases(table, Catalogue(table, clock.now), aws.machines(), clock.now)


@cache
def sales() -> Sales:
    return Sales(purchases().pooling)


@cache
def pooling() -> Pooling:
    return purchases().pooling


@cache
def batches() -> Batches:
    table = aws.table()
    catalogue, fee_max_bps = Catalogue(table, clock.now), settings().exchange_fee_max_bps
    at_exchange = ExchangeOrders(table, configured.exchange, catalogue.symbols, clock.now, fee_max_bps)
    return Batches(table, catalogue, at_exchange, aws.machines(), clock.now)


@cache
def recurring_buys() -> RecurringBuys:
    return RecurringBuys(purchases())
