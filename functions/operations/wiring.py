"""What operators work with, as this place composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.payouts.events import BankEvents
from common.domain.payouts.service import Payouts
from common.gateways import configured
from common.settings import settings
from functions.operations.service import Operations


@cache
def operations() -> Operations:
    table, machines = aws.table(), aws.machines()
    events = BankEvents(Payouts(table, configured.bank, machines, clock.now, settings().payout_back_off))
    return Operations(table, machines, events, clock.now)
