"""The cash-out desk as this place composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.catalogue.store import Market
from common.domain.exchange_orders.service import Venue
from common.domain.payouts.service import Payouts
from common.gateways import configured
from functions.offramp.service import Offramp


@cache
def offramp() -> Offramp:
    table, machines = aws.table(), aws.machines()
    payouts = Payouts(table, configured.bank, machines, clock.now)
    return Offramp(table, Market(table, clock.now), Venue(configured.exchange), payouts, machines, clock.now)
