"""Payouts as this environment composes them, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.domain.payouts.events import BankEvents
from common.domain.payouts.service import Payouts
from common.domain.persons import Persons
from common.gateways import configured
from common.money import Money
from common.settings import settings
from functions.payouts.service import PayoutActs


@cache
def payouts() -> Payouts:
    here = settings()
    return Payouts(
        aws.table(),
        configured.bank,
        aws.machines(),
        Persons(aws.table(), aws.data_keys, clock.now),
        clock.now,
        here.payout_back_off,
        Money(here.payout_max_usd),
    )


def events() -> BankEvents:
    return BankEvents(payouts())


def acts() -> PayoutActs:
    return PayoutActs(payouts())
