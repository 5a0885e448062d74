"""The cash-out desk as this environment composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.catalogue.store import Catalogue
from common.domain.exchange_orders.service import ExchangeOrders
from common.gateways import configured
from common.money import Money
from common.settings import settings
from functions.offramp.service import Offramp
from functions.offramp.service.voiding import Voiding


@cache
def offramp() -> Offramp:
    table = aws.table()
    catalogue, fee_max_bps = Catalogue(table, clock.now), settings().exchange_fee_max_bps
    at_exchange = ExchangeOrders(table, configured.exchange, catalogue.symbols, clock.now, fee_max_bps)
    limit = Money(settings().withdrawal_limit_usd)
    return Offramp(table, catalogue, at_exchange, aws.machines(), clock.now, limit)


def voiding() -> Voiding:
    return Voiding(offramp())
