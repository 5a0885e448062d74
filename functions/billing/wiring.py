"""Dealer billing as this environment composes it, for all doors of the context."""

from __future__ import annotations

from functools import cache

from common import aws, clock
from common.gateways import configured
from common.settings import MissingSetting, settings
from functions.billing.sealing import Sealing
from functions.billing.service.auditing import Auditing
from functions.billing.service.bills import Bills, Invoicing
from functions.billing.service.comparing import Comparing
from functions.billing.service.corrections import Corrections
from functions.billing.service.dealers import Dealers, Onboarding
from functions.billing.service.fast_buyout import FastBuyouts, Releasing
from functions.billing.service.payments import Payments
from functions.billing.service.refunding import Refunding
from functions.billing.service.rounds import Rounds
from functions.billing.service.statements import Statements


@cache
def sealing() -> Sealing:
    return Sealing(aws.table(), aws.data_keys, _mark_key)


def _mark_key() -> bytes:
    secret_id = settings().taxpayer_key_secret
    if secret_id is None:
        raise MissingSetting("TAXPAYER_KEY_SECRET is not set; infra/stack.py gives it to every function")
    return aws.secret(secret_id)


@cache
def dealers() -> Dealers:
    return Dealers(aws.table(), aws.machines(), clock.now, settings().commission_percent, sealing())


@cache
def onboarding() -> Onboarding:
    return Onboarding(aws.table(), configured.billing, clock.now, sealing())


@cache
def bills() -> Bills:
    return Bills(aws.table(), aws.machines(), clock.now)


@cache
def invoicing() -> Invoicing:
    return Invoicing(aws.table(), configured.billing, clock.now)


@cache
def corrections() -> Corrections:
    return Corrections(aws.table(), aws.machines(), clock.now)


@cache
def fast_buyouts() -> FastBuyouts:
    return FastBuyouts(aws.table(), aws.machines(), clock.now)


@cache
def releasing() -> Releasing:
    return Releasing(aws.table(), configured.billing, clock.now, onboarding().read)


@cache
def refunding() -> Refunding:
    return Refunding(aws.table(), configured.billing, clock.now)


@cache
def statements() -> Statements:
    return Statements(aws.table(), clock.now)


@cache
def auditing() -> Auditing:
    return Auditing(aws.table(), clock.now)


@cache
def comparing_billing() -> Comparing:
    return Comparing(aws.table(), configured.billing, clock.now)


@cache
def payments() -> Payments:
    return Payments(aws.table(), clock.now)


@cache
def rounds() -> Rounds:
    return Rounds(payments())
