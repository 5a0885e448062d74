"""A market-making order as its owner sees it, on a local stack: paid at the simulated custody (Mixin), sent to the
simulated exchange, and brought home again. Beside it what pays for nothing goes back: a transfer whose memo names no
order, and one that comes too late.

The custody's chains take seconds here, and the pauses of waiting machines are shortened while this plays. Sending,
which the clock does every minute, is asked for at once, again and again.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx

from common.money import EXACT, plain
from local.demo_cash_out import hurried
from local.seed import OPERATOR, Desk
from local.seed_market_making import PAIR
from sandbox.mixin.assets import ASSETS

ORDERS = "/market-making/orders"
SEND_TRANSFERS = "cryptodesk-market-making-send-transfers"
BASE, QUOTE = "0.1", "5000"
STRAY, LATE = "0.02", "0.05"  # of the base asset
SEND_EVERY_SECONDS, LOOK_EVERY_SECONDS = 3.0, 0.5
PATIENCE_SECONDS = 300.0

Tell = Callable[[str], None]
Amounts = dict[str, Decimal]  # by asset


class MarketMakingFailed(RuntimeError):
    """The desk did not do what is expected of it."""


@dataclass(frozen=True)
class Mixin:
    """The simulated custody, as people who have an account there use it."""

    url: str

    def pay(self, sender: str, asset_id: str, amount: str, memo: str) -> None:
        """A transfer to the desk."""
        paid = {"sender": sender, "asset_id": asset_id, "amount": amount, "memo": memo}
        _ok(httpx.post(f"{self.url}/sandbox/payments", json=paid, timeout=15))

    def has(self, member: str) -> Amounts:
        """What a member has been sent. What he pays is money from elsewhere."""
        there = _ok(httpx.get(f"{self.url}/sandbox/state", timeout=15)).json()["balances"].get(member, {})
        return {asset_id: Decimal(amount) for asset_id, amount in there.items() if Decimal(amount)}


@dataclass
class MarketMaking:
    """An order, from outside: `http` is its owner's, `payer` a member of Mixin."""

    desk: Desk
    http: httpx.Client
    said: Tell
    payer: str = field(default_factory=lambda: str(uuid4()))
    order: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    to_pay: Iterator[dict[str, str]] = field(default_factory=lambda: iter(()))
    sent_at: float = 0.0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def mixin(self) -> Mixin:
        return Mixin(self.desk.environment.mixin_url)

    @property
    def order_id(self) -> str:
        order_id: str = self.order["order_id"]
        return order_id

    def tell(self, text: str, at: datetime | None = None) -> None:
        seconds = ((at or datetime.now(UTC)) - self.began).total_seconds()
        self.said(f"{seconds:5.1f} s  {_named(text)}")

    def open(self, key: str) -> None:
        asked = {"pair": PAIR.symbol, "base_quantity": BASE, "quote_quantity": QUOTE}
        self.tell(f"the owner opens an order that makes a market in {PAIR.symbol} with {BASE} BTC and {QUOTE} USDT:")
        self.order = _ok(self.http.post(ORDERS, json=asked, headers={"Idempotency-Key": key})).json()
        self.to_pay = iter(self.order["transfers"])
        self.tell(f"  POST {ORDERS} → {self.order_id}, {self.order['status']}")
        self.tell(f"  it has to be paid by {self.order['pay_by'][11:19]} UTC, by transfers at Mixin with the memo")
        self.tell(f"  {self.order['memo']}")

    def pay(self, transfers: int | None = None) -> None:
        """The transfers that the order asks for, or so many more of them: both assets, and what sending each to the
        exchange costs."""
        for transfer in itertools.islice(self.to_pay, transfers):
            asset_id, quantity, purpose = (transfer[name] for name in ("asset_id", "quantity", "purpose"))
            self.mixin.pay(self.payer, asset_id, quantity, self.order["memo"])
            self.tell(f"the payer sends {quantity} {asset_id}: {_PURPOSES[purpose]}")

    def until(self, status: str) -> None:
        """Tell each status as it comes. Raises MarketMakingFailed."""

        def there() -> bool:
            for event in self._story()["events"][len(self.statuses) :]:
                self.statuses.append(event["after"])
                if event["before"] is None:
                    continue  # told when it was opened
                self.tell(f"    {event['after']:<20} {event['reason']}", datetime.fromisoformat(event["at"]))
            return status in self.statuses

        self.eventually(there, f"{self.order_id} is not {status}")
        self.order = _ok(self.http.get(f"{ORDERS}/{self.order_id}")).json()

    def _story(self) -> dict[str, Any]:
        """What `./desk work show` tells of it."""
        with self.desk.http(OPERATOR) as olga:
            story: dict[str, Any] = _ok(olga.get(f"/operations/work/{self.order_id}")).json()
        return story

    def withdraw(self) -> None:
        _ok(self.http.post(f"{ORDERS}/{self.order_id}/withdraw"))

    def eventually(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Raises MarketMakingFailed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise MarketMakingFailed(f"{otherwise} after {PATIENCE_SECONDS:.0f} s")
            if time.monotonic() > self.sent_at + SEND_EVERY_SECONDS:
                self.desk.invoke(SEND_TRANSFERS)
                self.sent_at = time.monotonic()
            time.sleep(LOOK_EVERY_SECONDS)

    def is_back(self, member: str, *amounts: Amounts) -> None:
        """Raises MarketMakingFailed, where the member does not get just that."""
        wanted: Amounts = {}
        for one in amounts:
            wanted |= {
                asset_id: EXACT.add(wanted.get(asset_id, Decimal(0)), amount) for asset_id, amount in one.items()
            }
        self.eventually(lambda: self.mixin.has(member) == wanted, f"{member} has not just {wanted}")

    def came_home(self) -> Amounts:
        """What has to be with the payer: what went to the exchange and was traded there, less what that takes for
        withdrawing it."""
        with self.desk.http(OPERATOR) as olga:
            legs = _ok(olga.get(f"/operations/market-making/{self.order_id}")).json()["legs"]
        assets = dict(zip(PAIR.coins, (PAIR.base_asset_id, PAIR.quote_asset_id), strict=True))
        return {assets[leg["asset"]]: Decimal(leg["arrived"]) for leg in legs if leg["way"] == "HOME"}


def play(desk: Desk, username: str, said: Tell) -> MarketMaking:
    """The whole story. Raises MarketMakingFailed."""
    desk.sign_up(username)
    stranger = str(uuid4())
    with desk.http(username) as http, hurried(desk.environment):
        made = MarketMaking(desk, http, said)
        made.open(f"{username}-mm")
        made.tell(f"a stranger sends the desk {STRAY} BTC with the memo “hello”, which names no order")
        made.mixin.pay(stranger, PAIR.base_asset_id, STRAY, "hello")
        made.pay()
        made.until("created")
        at_exchange = f"{made.order['base_quantity']} BTC and {made.order['quote_quantity']} USDT"
        made.tell(f"the exchange has {at_exchange}, {made.order['market_making_fee']} USDT are the desk's fee")
        made.is_back(stranger, {PAIR.base_asset_id: Decimal(STRAY)})
        made.tell(f"the stranger has his {STRAY} BTC back")
        made.until("running")
        made.tell("it quotes: the exchange has orders of it on both sides")
        made.tell(f"the payer sends {LATE} BTC more with the order's memo: too late, the order has begun")
        made.mixin.pay(made.payer, PAIR.base_asset_id, LATE, made.order["memo"])
        made.tell("the owner wants his money back: POST …/withdraw")
        made.withdraw()
        made.until("returned")
        home = made.came_home()
        made.is_back(made.payer, {**home, PAIR.base_asset_id: EXACT.add(home[PAIR.base_asset_id], Decimal(LATE))})
        told = " and ".join(f"{plain(amount)} {asset_id}" for asset_id, amount in home.items())
        made.tell(f"the payer has {told} back: all that was at the exchange, less what it takes for withdrawing,")
        made.tell(f"and the {LATE} BTC that came too late, whole: to the last digit")
    return made


_PURPOSES: Mapping[str, str] = {
    "base": "what the order sells",
    "quote": "what it buys with",
    "base_fee": "for sending the first to the exchange",
    "quote_fee": "for sending the second",
}


def _named(text: str) -> str:
    """Assets by their symbols."""
    for asset_id, asset in ASSETS.items():
        text = text.replace(asset_id, asset.symbol)
    return text


def _ok(answer: httpx.Response) -> httpx.Response:
    if answer.is_error:
        raise MarketMakingFailed(
            f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
        )
    return answer
