"""The embedded AWS is killed in the midst of orders: what was acknowledged is there, once, and goes on to its end."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError

from local.demo_market_making import SEND_TRANSFERS
from local.seed import SeedingFailed
from tests.depth import PROVED
from tests.journeys.conftest import PATIENCE_SECONDS, Stack, eventually, hurried
from tests.journeys.test_cash_out import credits, reconciled
from tests.journeys.test_market_making import SENT_ON, SWEEP, are, at_the_exchange, opened, owner

ACKNOWLEDGED = 40  # orders; then it is killed
AT_ONCE = 4
ORDERS, PURCHASES, CASH_OUTS = "/orders", "/purchases", "/crypto/order/sell"
DONE = {ORDERS: "COMPLETED", PURCHASES: "COMPLETED", CASH_OUTS: "FILLED"}


@dataclass
class Load:
    """Orders of one customer, several at a time, each under a key of its own, until nobody answers any more."""

    stack: Stack
    username: str
    bodies: dict[str, dict[str, Any]]  # by path
    asked: dict[str, str] = field(default_factory=dict)  # the path by the key
    acknowledged: dict[str, dict[str, Any]] = field(default_factory=dict)  # the answer by the key
    enough: Event = field(default_factory=Event)
    _keys: Iterator[int] = field(default_factory=itertools.count)

    def go_on(self) -> None:
        """Order until nobody answers."""
        with self.stack.desk.http(self.username) as http:
            for path in itertools.cycle(self.bodies):
                key = f"killed-{next(self._keys)}"
                self.asked[key] = path
                try:
                    answer = self.ask(http, key)
                except httpx.TransportError:
                    return
                if answer.is_success:
                    self.acknowledged[key] = answer.json()
                if len(self.acknowledged) >= ACKNOWLEDGED:
                    self.enough.set()

    def ask(self, http: httpx.Client, key: str) -> httpx.Response:
        path = self.asked[key]
        return http.post(path, json=self.bodies[path], headers={"Idempotency-Key": key})

    def lost(self) -> list[str]:
        """What was acknowledged and is not there as it was asked for."""
        return [f"{key}: {answer.text}" for key, answer in self.told().items() if not answer.is_success]

    def open(self) -> list[str]:
        """What is not over yet."""
        return [key for key, answer in self.told().items() if answer.json()["status"] != DONE[self.asked[key]]]

    def told(self) -> dict[str, httpx.Response]:
        """Of each acknowledged order, what is known of it now."""
        ids = {key: order["order_id"] for key, order in self.acknowledged.items()}
        return self._answered(ids.keys(), lambda http, key: http.get(f"{self.asked[key]}/{ids[key]}"))

    def ask_again(self) -> None:
        """For what was not acknowledged."""
        left = self.asked.keys() - self.acknowledged.keys()
        told = self._answered(left, self.ask)
        self.acknowledged |= {key: answer.raise_for_status().json() for key, answer in told.items()}

    def _answered(
        self, keys: Set[str], ask: Callable[[httpx.Client, str], httpx.Response]
    ) -> dict[str, httpx.Response]:
        """A busy machine may be too slow to say anything; then it is asked again."""
        told: dict[str, httpx.Response] = {}

        def all_of_it() -> bool:
            with self.stack.desk.http(self.username) as http:
                for key in keys - told.keys():
                    with suppress(httpx.TransportError):
                        answer = ask(http, key)
                        if not answer.is_server_error:
                            told[key] = answer
            return len(told) == len(keys)

        eventually(all_of_it)
        return told


@PROVED
def test_a_desk_killed_under_load_loses_no_acknowledged_order(stack: Stack) -> None:
    """And none twice: whoever was not answered asks again. Market making has an order at every stage meanwhile."""
    load, before = loaded(stack), at_the_exchange(stack)
    with owner(stack, f"maker-{load.username}") as http, hurried(stack):
        made = [opened(stack, http, f"killed-{number}") for number in range(5)]
        begun, paid, moving, there, home = made
        for one in (there, home):
            one.pay()
        goes_on(stack, lambda: are(http, (there, home), "running"))
        home.act("withdraw")
        moving.pay()
        goes_on(stack, lambda: are(http, (moving,), "withdrawing"))
        paid.pay()
        begun.pay(1)
        with ThreadPoolExecutor(AT_ONCE) as customers:
            ordering = [customers.submit(load.go_on) for _ in range(AT_ONCE)]
            assert load.enough.wait(PATIENCE_SECONDS)
            stack.lose_power()
            for one_customer in ordering:
                one_customer.result()
    assert load.lost() == []
    load.ask_again()
    with owner(stack, f"maker-{load.username}") as http, hurried(stack):
        for one in made:
            one.desk, one.http = stack.desk, http
        begun.pay()
        goes_on(stack, lambda: are(http, (begun, paid, moving, there), "running") and are(http, (home,), "returned"))
        home.is_back(home.payer, home.came_home())
        goes_on(stack, lambda: load.open() == [])
    assert at_the_exchange(stack) - before == dict.fromkeys(SENT_ON, 5)
    assert len({order["order_id"] for order in load.acknowledged.values()}) == len(load.asked)
    cash_outs = [order["order_id"] for key, order in load.acknowledged.items() if load.asked[key] == CASH_OUTS]
    assert Counter({order: credits(stack)[order] for order in cash_outs}) == dict.fromkeys(cash_outs, 1)
    reconciled(stack, load.username)


def goes_on(stack: Stack, holds: Callable[[], bool]) -> None:
    """Wait until it holds. What a busy machine ends too early is asked again, as the clock does."""

    def there() -> bool:
        with suppress(SeedingFailed, BotoCoreError, httpx.HTTPError):
            stack.desk.take_transfers()
            for function in (SEND_TRANSFERS, SWEEP):
                stack.desk.invoke(function)
            return holds()
        return False

    eventually(there, every=1.0)


def loaded(stack: Stack) -> Load:
    """A customer with dollars, coins and clients."""
    username = stack.funded("killed", "20000.00")
    stack.desk.clients(username)
    with stack.desk.http(username) as http:
        coins = {"asset_id": "BTC", "order_type": "BUY", "quantity": "0.2"}
        http.post(ORDERS, json=coins, headers={"Idempotency-Key": "coins"}).raise_for_status()
        price = float(http.get("/assets/BTC").raise_for_status().json()["price"])
    with httpx.Client(base_url=stack.desk.environment.bank_url, timeout=15) as bank:
        bank.put("/sandbox/outcome", json={"outcome": "complete"}).raise_for_status()  # whatever the cents
    sold = {
        "asset_id": "BTC",
        "quantity": "0.002",
        "estimated_amount": f"{price * 0.002:.2f}",
        "crypto_client_id": f"{username}-crypto",
        "banking_client_id": f"{username}-bank",
    }
    bodies = {
        ORDERS: {"asset_id": "BTC", "order_type": "BUY", "quote_amount": "10.00"},
        PURCHASES: {"asset_id": "SOL", "quote_amount": "12.00"},
        CASH_OUTS: sold,
    }
    return Load(stack, username, bodies)
