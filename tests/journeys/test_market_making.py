"""Market making on the real local stack: Mixin's wire with its signatures, ccxt, real state machines, the poller's own
clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from uuid import uuid4

import httpx

from local.demo_market_making import (
    ANEW,
    BASE,
    CONFIGURATION,
    ORDERS,
    SEND_TRANSFERS,
    STRAY,
    MarketMaking,
    thin_house,
)
from local.seed_market_making import ACCOUNTS, PAIR, open_orders
from local.watching import Watch
from tests.depth import PROVED
from tests.journeys.conftest import Stack, eventually, hurried

SWEEP = "cryptodesk-operations-sweep"
OF_EACH = 4  # orders at a stage; the accounts carry fourteen each, and others have theirs there
SENT_ON = (BASE, "4995")  # all but the desk's fee


def owner(stack: Stack, name: str) -> httpx.Client:
    stack.desk.sign_up(name)
    return stack.desk.http(name)


def at_the_exchange(stack: Stack) -> Counter[str]:
    """How often the accounts were credited with what."""
    ours = {account.account_id for account in ACCOUNTS}
    with httpx.Client(base_url=stack.desk.environment.exchange_url, timeout=15) as http:
        told = http.get("/sandbox/wallet").json()["deposits"]
    return Counter(deposit["amount"] for deposit in told if deposit["account"] in ours)


def quotes_of(stack: Stack) -> set[str]:
    """The sides on which there are open orders of market making at the exchange."""
    return {order["side"] for order in open_orders(stack.desk.environment.exchange_url)}


def confirmed_at_once(stack: Stack) -> None:
    """The chain has a withdrawal before the desk looks for the first time: the next look is half a minute later."""
    url = f"{stack.desk.environment.mixin_url}/sandbox/delays"
    httpx.put(url, json={"chain_seconds": 0.5}, timeout=15).raise_for_status()


@PROVED
def test_an_order_is_funded_quotes_trades_and_obeys_its_owner(stack: Stack) -> None:
    """And a transfer with a bad memo goes back. It is the demo's way, without its end."""
    stranger, before = str(uuid4()), at_the_exchange(stack)
    confirmed_at_once(stack)
    with owner(stack, "maker") as http, thin_house(stack.desk.environment):
        made = MarketMaking(stack.desk, http, lambda *_: None)
        with hurried(stack):
            made.open("thin", CONFIGURATION)
            made.mixin.pay(stranger, PAIR.base_asset_id, STRAY, "hello")
            made.pay()
            made.until("created")
            made.is_back(stranger, {PAIR.base_asset_id: Decimal(STRAY)})
        made.watch = Watch(stack.desk.environment, made.order_id)
        made.until("running")
        made.until_quoted()
        made.act("pause")  # until its next cycle, seconds away, somebody comes by
        made.until_taken_back()
        made.until_traded(1, since=made.began)
        made.take_performance()
        made.configure(1, ANEW)
        made.act("resume")
    assert int(made.performance["fills"]) >= 1
    assert Decimal(made.performance["taker_volume"]) == 0
    moved = [status for status in made.statuses if status != "payment_incomplete"]  # where a poll comes in between
    assert moved[:9] == [
        *("payment_pending", "payment_complete", "withdrawing", "withdrawal_confirmed", "deposit_confirming"),
        *("deposit_confirmed", "joining_campaign", "campaign_joined", "created"),
    ]
    assert (made.order["base_quantity"], made.order["quote_quantity"]) == SENT_ON
    assert at_the_exchange(stack) - before == dict.fromkeys(SENT_ON, 1)


@PROVED
def test_an_order_that_quotes_is_withdrawn_and_leaves_nothing_open(stack: Stack) -> None:
    """Its quotes are gone a minute after the last was placed; then all of it goes back."""
    with owner(stack, "leaver") as http, hurried(stack):
        made = MarketMaking(stack.desk, http, lambda *_: None)
        made.open("leaves")
        made.pay()
        made.until("running")
        turned(stack, lambda: quotes_of(stack) >= {"BUY", "SELL"})
        made.act("withdraw")
        made.until("returned")
        made.is_back(made.payer, made.came_home())
    assert made.statuses[9:] == ["running", "stopping", "stopped", "returning", "returned"]


@PROVED
def test_orders_at_every_stage_survive_a_restart_of_aws(stack: Stack) -> None:
    """Some have begun to be paid, some are paid, some are on their way, some are there, some are on their way home."""
    before = at_the_exchange(stack)
    with owner(stack, "many") as http, hurried(stack):
        made = [opened(stack, http, f"many-{number}") for number in range(5 * OF_EACH)]
        begun, paid, moving, there, home = (made[stage::5] for stage in range(5))
        for one in (*there, *home):
            one.pay()
        turned(stack, lambda: are(http, (*there, *home), "running"))
        for one in home:
            one.act("withdraw")
        for one in moving:
            one.pay()
        turned(stack, lambda: are(http, moving, "withdrawing"))
        for one in paid:
            one.pay()
        for one in begun:
            one.pay(1)
    stack.restart()
    with owner(stack, "many") as http, hurried(stack):
        for one in made:
            one.desk, one.http = stack.desk, http
        for one in begun:
            one.pay()
        turned(stack, lambda: are(http, (*begun, *paid, *moving, *there), "running") and are(http, home, "returned"))
        for one in home:
            one.is_back(one.payer, one.came_home())
    assert at_the_exchange(stack) - before == dict.fromkeys(SENT_ON, 5 * OF_EACH)


def opened(stack: Stack, http: httpx.Client, key: str) -> MarketMaking:
    made = MarketMaking(stack.desk, http, lambda *_: None)
    made.open(key)
    return made


def are(http: httpx.Client, orders: Sequence[MarketMaking], status: str) -> bool:
    listed = http.get(ORDERS, params={"limit": 100}).raise_for_status().json()["items"]
    found = {order["order_id"]: order for order in listed}
    for one in orders:
        one.order = found[one.order_id]
    return all(one.order["status"] == status for one in orders)


def turned(stack: Stack, holds: Callable[[], bool]) -> None:
    """Wait until it holds, with what the clock does every now and then done at once."""

    def there() -> bool:
        if holds():
            return True
        stack.desk.take_transfers()
        for function in (SEND_TRANSFERS, SWEEP):
            stack.desk.invoke(function)
        return holds()

    eventually(there, every=1.0)
