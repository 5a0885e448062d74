"""What operators work with, as this place composes it, for all doors of the context."""

from __future__ import annotations

import time
from functools import cache

from common import aws, clock
from common.domain.catalogue.store import Catalogue
from common.domain.payouts.events import BankEvents
from common.domain.payouts.service import Payouts
from common.domain.persons import Persons
from common.gateways import configured
from common.money import Money
from common.settings import EXCHANGES, settings
from functions.operations.service import Operations
from functions.operations.service.anchoring import Anchoring
from functions.operations.service.asking_again import AskingAgain
from functions.operations.service.comparing_bank import BankSide
from functions.operations.service.comparing_days import ComparingDays
from functions.operations.service.comparing_exchange import ExchangeSide
from functions.operations.service.comparing_funds import ComparingFunds
from functions.operations.service.cross_checking import CrossChecking
from functions.operations.service.customers import Customers
from functions.operations.service.finding import Finding
from functions.operations.service.halting import Halting
from functions.operations.service.interventions import Interventions
from functions.operations.service.operators import Operators
from functions.operations.service.pools import OpenPools
from functions.operations.service.proposals import Proposals
from functions.operations.service.reconciliation import Reconciliation
from functions.operations.service.sweeper import Sweeper

PAUSE_SECONDS = 2  # longer than an index is late
PACE_SECONDS = 1  # so that lists of days take no more than a third of what an exchange takes of requests


@cache
def operations() -> Operations:
    return Operations(aws.table(), aws.machines(), persons(), clock.now, settings().stuck_after)


@cache
def persons() -> Persons:
    return Persons(aws.table(), aws.data_keys, clock.now)


@cache
def customers() -> Customers:
    here = settings()
    return Customers(aws.table(), Money(here.deposit_limit_usd), Money(here.withdrawal_limit_usd), clock.now)


@cache
def finding() -> Finding:
    return Finding(aws.table(), EXCHANGES, clock.now)


@cache
def open_pools() -> OpenPools:
    return OpenPools(aws.table(), clock.now)


@cache
def interventions() -> Interventions:
    return Interventions(operations(), _events(), proposals())


@cache
def flows() -> Halting:
    return Halting(aws.table(), clock.now)


@cache
def operators() -> Operators:
    return Operators(aws.table(), aws.operator_pool, clock.now)


@cache
def asking_again() -> AskingAgain:
    return AskingAgain(operations())


@cache
def proposals() -> Proposals:
    return Proposals(operations(), _events(), Money(settings().operator_limit_usd))


@cache
def reconciliation() -> Reconciliation:
    return Reconciliation(aws.table(), _pause, clock.now)


@cache
def cross_checking() -> CrossChecking:
    return CrossChecking(aws.table(), _pause, clock.now)


@cache
def sweeper() -> Sweeper:
    return Sweeper(aws.table(), aws.machines(), _events(), clock.now, settings().stuck_after)


@cache
def anchoring() -> Anchoring:
    return Anchoring(aws.table(), aws.anchors, clock.now)


@cache
def comparing_bank() -> ComparingDays:
    side = BankSide(aws.table(), configured.bank, persons(), _pause, clock.now)
    return ComparingDays(aws.table(), side, clock.now)


@cache
def comparing_exchange() -> ComparingDays:
    symbols = Catalogue(aws.table(), clock.now).symbols
    funds = ComparingFunds(aws.table(), configured.movements, configured.movements_of, _pause)
    side = ExchangeSide(aws.table(), configured.exchange, symbols, _pause, _pace, clock.now, funds)
    return ComparingDays(aws.table(), side, clock.now)


def _pause() -> None:
    time.sleep(PAUSE_SECONDS)


def _pace() -> None:
    time.sleep(PACE_SECONDS)


def _events() -> BankEvents:
    here = settings()
    back_off, payout_max = here.payout_back_off, Money(here.payout_max_usd)
    return BankEvents(Payouts(aws.table(), configured.bank, aws.machines(), persons(), clock.now, back_off, payout_max))
