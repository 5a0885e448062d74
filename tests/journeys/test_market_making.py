"""Market making on the real local stack: Mixin's wire with its signatures, ccxt, real state machines, the poller's own
clock."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from uuid import uuid4

import httpx

from local.demo_cash_out import hurried
from local.demo_market_making import BASE, STRAY, MarketMaking
from local.seed_market_making import ACCOUNT, PAIR
from tests.journeys.conftest import Stack

SWEEP = "cryptodesk-operations-sweep"
SENT_ON = (BASE, "4995")  # all but the desk's fee
PATIENCE_SECONDS = 150.0


def owner(stack: Stack, name: str) -> httpx.Client:
    stack.desk.sign_up(name)
    return stack.desk.http(name)


def at_the_exchange(stack: Stack) -> Counter[str]:
    """How often the account was credited with what."""
    with httpx.Client(base_url=stack.desk.environment.exchange_url, timeout=15) as http:
        told = http.get("/sandbox/wallet").json()["deposits"]
    return Counter(deposit["amount"] for deposit in told if deposit["account"] == ACCOUNT.account_id)


def test_an_order_gets_to_the_exchange_and_a_bad_memo_goes_back(stack: Stack) -> None:
    stranger, before = str(uuid4()), at_the_exchange(stack)
    with owner(stack, "maker") as http, hurried(stack.desk.environment):
        made = MarketMaking(stack.desk, http, lambda _: None)
        made.open("thin")
        made.mixin.pay(stranger, PAIR.base_asset_id, STRAY, "hello")
        made.pay()
        made.until("created")
        made.is_back(stranger, {PAIR.base_asset_id: Decimal(STRAY)})
    assert made.statuses[:2] == ["payment_pending", "payment_complete"]
    assert made.statuses[2:] == [
        *("withdrawing", "withdrawal_confirmed", "deposit_confirming", "deposit_confirmed"),
        *("joining_campaign", "campaign_joined", "created"),
    ]
    assert (made.order["base_quantity"], made.order["quote_quantity"]) == SENT_ON
    assert at_the_exchange(stack) - before == dict.fromkeys(SENT_ON, 1)
