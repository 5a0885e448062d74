"""The cash-out desk as this place composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock, outside
from common.catalogue.store import Market
from common.payouts.service import Payouts
from common.placements.service import Venue
from functions.offramp.service import Offramp


@cache
def offramp() -> Offramp:
    table, machines = aws.table(), aws.machines()
    payouts = Payouts(table, outside.bank, machines, clock.now)
    return Offramp(table, Market(table, clock.now), Venue(outside.exchange), payouts, machines, clock.now)
