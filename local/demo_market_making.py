"""A market-making order as its owner sees it, on a local stack: paid at the simulated custody (Mixin), sent to the
simulated exchange, quoted there until it has traded often enough, paused, configured anew, stopped, and brought home
again. Beside it what pays for nothing goes back: a transfer whose memo names no order, and one that comes too late.

The custody's chains take seconds here; waiting machines take their real times. Sending, which the clock does every
minute, is asked for at once, again and again. The house of the simulated exchange is thin meanwhile: whoever comes
meets the order first.
"""

from __future__ import annotations

import csv
import io
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from common.money import EXACT, plain
from local.environment import LocalEnvironment
from local.seed import OPERATOR, Desk
from local.seed_market_making import PAIR
from local.telling import DRAWING, StoryFailed, Teller, eventually, ok
from local.watching import Watch, there_after, trade_of
from sandbox.backtest.drawing import draw
from sandbox.mixin.assets import ASSETS

ORDERS = "/market-making/orders"
SEND_TRANSFERS = "cryptodesk-market-making-send-transfers"
BASE, QUOTE = "0.1", "5000"
STRAY, LATE = "0.02", "0.05"  # of the base asset
SEND_EVERY_SECONDS, LOOK_EVERY_SECONDS = 3.0, 1.0
FILLS, FILLS_BRIEFLY = (20, 4), (4, 1)  # by each configuration
CONFIGURATION = {
    "bid_spread": "0.1",
    "ask_spread": "0.1",
    "order_amount": "0.008",
    "order_levels": "2",
    "order_level_spread": "0.05",
    "order_refresh_time": "10",
    "filled_order_delay": "1",
}
ANEW = {"bid_spread": "0.2", "ask_spread": "0.15", "order_levels": "3", "order_amount": "0.006"}
PATIENCE_SECONDS = 300.0

Amounts = dict[str, Decimal]  # by asset


@dataclass(frozen=True)
class Mixin:
    """The simulated custody, as people who have an account there use it."""

    url: str

    def pay(self, sender: str, asset_id: str, amount: str, memo: str) -> None:
        """A transfer to the desk."""
        paid = {"sender": sender, "asset_id": asset_id, "amount": amount, "memo": memo}
        ok(httpx.post(f"{self.url}/sandbox/payments", json=paid, timeout=15))

    def has(self, member: str) -> Amounts:
        """What a member has been sent. What he pays is money from elsewhere."""
        there = ok(httpx.get(f"{self.url}/sandbox/state", timeout=15)).json()["balances"].get(member, {})
        return {asset_id: Decimal(amount) for asset_id, amount in there.items() if Decimal(amount)}


@dataclass
class MarketMaking:
    """An order, from outside: `http` is its owner's, `payer` a member of Mixin."""

    desk: Desk
    http: httpx.Client
    said: Callable[[str, datetime | None], object]
    payer: str = field(default_factory=lambda: str(uuid4()))
    order: dict[str, Any] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)
    to_pay: Iterator[dict[str, str]] = field(default_factory=lambda: iter(()))
    sent_at: float = 0.0
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    watch: Watch | None = None
    trades: list[OwnTrade] = field(default_factory=list)  # the oldest first
    performance: dict[str, Any] = field(default_factory=dict)

    @property
    def mixin(self) -> Mixin:
        return Mixin(self.desk.environment.mixin_url)

    @property
    def order_id(self) -> str:
        order_id: str = self.order["order_id"]
        return order_id

    def tell(self, text: str, at: datetime | None = None) -> None:
        self.said(_named(text), at)

    def open(self, key: str, configuration: Mapping[str, str] | None = None) -> None:
        asked: dict[str, Any] = {"pair": PAIR.symbol, "base_quantity": BASE, "quote_quantity": QUOTE}
        if configuration is not None:
            asked["configuration"] = configuration
        self.tell(f"the owner opens an order that makes a market in {PAIR.symbol} with {BASE} BTC and {QUOTE} USDT:")
        self.order = ok(self.http.post(ORDERS, json=asked, headers={"Idempotency-Key": key})).json()
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
        """Tell each status as it comes. Raises StoryFailed."""

        def there() -> bool:
            for event in self._story()["events"][len(self.statuses) :]:
                self.statuses.append(event["after"])
                if event["before"] is None:
                    continue  # told when it was opened
                self.tell(f"    {event['after']:<20} {event['reason']}", datetime.fromisoformat(event["at"]))
            return status in self.statuses

        self.eventually(there, f"{self.order_id} is not {status}")
        self.order = ok(self.http.get(f"{ORDERS}/{self.order_id}")).json()

    def _story(self) -> dict[str, Any]:
        """What `./desk work show` tells of it."""
        with self.desk.http(OPERATOR) as olga:
            story: dict[str, Any] = ok(olga.get(f"/operations/work/{self.order_id}")).json()
        return story

    # While it quotes

    def act(self, verb: str) -> None:
        """pause, resume, stop, withdraw."""
        self.tell(f"the owner: POST …/{verb}")
        ok(self.http.post(f"{ORDERS}/{self.order_id}/{verb}"))

    def configure(self, version: int, changes: Mapping[str, str]) -> None:
        self.tell(f"the owner: PATCH … {', '.join(f'{name} {value}' for name, value in changes.items())}")
        asked = {"version": version, "configuration": dict(changes)}
        told = ok(self.http.patch(f"{ORDERS}/{self.order_id}", json=asked)).json()
        if told["version"] != version + 1:
            raise StoryFailed(f"{self.order_id} has version {told['version']} after {version}")

    def until_traded(self, times: int, since: datetime | None = None) -> None:
        """Tell each of its fills, as the desk tells them, until there are so many; `since` now, if nothing is said.
        Raises StoryFailed."""
        began = since or datetime.now(UTC)

        def traded() -> bool:
            return sum(trade.at >= began for trade in self.take_fills()) >= times

        self.eventually(traded, f"{self.order_id} has not traded {times} times")

    def take_fills(self) -> list[OwnTrade]:
        """All of them; those that are new are told."""
        after = str(self.trades[-1].trade_id) if self.trades else "0"
        told = ok(self.http.get(f"{ORDERS}/{self.order_id}/fills.csv", params={"after_trade": after})).text
        for fill in csv.DictReader(io.StringIO(told)):
            trade = trade_of(fill)
            self.trades.append(trade)
            what, price = ("bought" if trade.side is Side.BUY else "sold"), f"{trade.price:,}"
            fee = f"fee {plain(trade.fee)} {trade.fee_asset}"
            self.tell(
                f"    fill {len(self.trades):>2}: {what:<6} {plain(trade.quantity)} BTC at {price}, {fee}", trade.at
            )
        return self.trades

    def until_quoted(self) -> None:
        """Until there are quotes on both sides. Raises StoryFailed."""
        assert self.watch is not None
        watch = self.watch
        self.eventually(lambda: {side for side, _ in watch.quotes()} == {*Side}, f"{self.order_id} does not quote")
        open_ = watch.quotes()
        told = (", ".join(f"{price:,}" for one, price in sorted(open_) if one is side) for side in Side)
        self.tell(f"    its quotes: {' | '.join(f'{side}S {prices}' for side, prices in zip(Side, told, strict=True))}")

    def until_taken_back(self) -> None:
        """Until nothing of it is open. Raises StoryFailed."""
        assert self.watch is not None
        watch = self.watch
        self.eventually(lambda: not watch.quotes(), f"{self.order_id} has quotes")
        self.tell("    nothing of it is open at the exchange")

    def take_performance(self) -> list[tuple[str, str]]:
        self.performance = ok(self.http.get(f"{ORDERS}/{self.order_id}/performance")).json()
        return list(_facts(self.performance))

    def eventually(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Raises StoryFailed."""

        def looked() -> bool:
            if holds():
                return True
            if time.monotonic() > self.sent_at + SEND_EVERY_SECONDS:
                self.desk.invoke(SEND_TRANSFERS)
                self.sent_at = time.monotonic()
            if self.watch is not None:
                self.watch.look()
            return False

        eventually(looked, lambda: otherwise, patience_seconds=PATIENCE_SECONDS, every_seconds=LOOK_EVERY_SECONDS)

    def is_back(self, member: str, *amounts: Amounts) -> None:
        """Raises StoryFailed, where the member does not get just that."""
        wanted: Amounts = {}
        for one in amounts:
            wanted |= {
                asset_id: EXACT.add(wanted.get(asset_id, Decimal(0)), amount) for asset_id, amount in one.items()
            }
        self.eventually(lambda: self.mixin.has(member) == wanted, f"{member} has not just {wanted}")

    @property
    def at_exchange(self) -> tuple[Decimal, Decimal]:
        """What it began with there, of base and quote."""
        return Decimal(self.order["base_quantity"]), Decimal(self.order["quote_quantity"])

    def legs(self, way: str) -> list[dict[str, Any]]:
        """As operators see them: OUT, HOME, or REST, which stays at the exchange."""
        with self.desk.http(OPERATOR) as olga:
            legs = ok(olga.get(f"/operations/market-making/{self.order_id}")).json()["legs"]
        return [leg for leg in legs if leg["way"] == way]

    def until_all_but_the_rest_is_home(self) -> None:
        """Raises StoryFailed."""
        self.until("returning")
        self.until("returned")
        for leg in self.legs("REST"):
            self.tell(f"{leg['quantity']} {leg['asset']} stay at the exchange, too little to be withdrawn: the payer's")

    def came_home(self) -> Amounts:
        """What has to be with the payer: what went to the exchange and was traded there, less what that takes for
        withdrawing it. Raises StoryFailed, where it was not all withdrawn that there was by its trades."""
        home = self.legs("HOME")
        there = dict(zip(PAIR.coins, there_after(self.at_exchange, self.take_fills()), strict=True))
        for asset, amount in there.items():
            gone = sum(Decimal(leg["quantity"]) for leg in (*home, *self.legs("REST")) if leg["asset"] == asset)
            if gone != amount:
                raise StoryFailed(f"by its trades there were {amount} {asset}, and {gone} were withdrawn")
        assets = dict(zip(PAIR.coins, (PAIR.base_asset_id, PAIR.quote_asset_id), strict=True))
        return {assets[leg["asset"]]: Decimal(leg["arrived"]) for leg in home}


def story(desk: Desk, username: str, folder: Path, tell: Teller) -> dict[str, Any]:
    """The order at the end, its statuses, and what it has made. Raises StoryFailed."""
    return _played(desk, username, folder, tell, FILLS, ends="stop")


def brief(desk: Desk, username: str, folder: Path, tell: Teller) -> dict[str, Any]:
    """The same with fewer fills, and withdrawn at once. Raises StoryFailed."""
    return _played(desk, username, folder, tell, FILLS_BRIEFLY, ends="withdraw")


def _played(
    desk: Desk, username: str, folder: Path, tell: Teller, fills: tuple[int, int], *, ends: str
) -> dict[str, Any]:
    """ends: what its owner does at last; after stop, he withdraws."""
    desk.sign_up(username)
    picture = folder / "market-making.png"
    with desk.http(username) as http, thin_house(desk.environment):
        made = MarketMaking(desk, http, tell)
        _funded(made, username)
        _quoted(made, *fills, ends=ends)
        facts = _told_how_it_went(made)
        if ends == "stop":
            made.act("withdraw")
        _drawn(made, facts, picture)
        _returned(made)
    return {
        "order": made.order,
        "statuses": made.statuses,
        "performance": made.performance,
        "picture": str(picture),
    }


def _funded(made: MarketMaking, key: str) -> None:
    stranger = str(uuid4())
    made.open(key, CONFIGURATION)
    made.tell(f"a stranger sends the desk {STRAY} BTC with the memo “hello”, which names no order")
    made.mixin.pay(stranger, PAIR.base_asset_id, STRAY, "hello")
    made.pay()
    made.until("created")
    at_exchange = f"{made.order['base_quantity']} BTC and {made.order['quote_quantity']} USDT"
    made.tell(f"the exchange has {at_exchange}, {made.order['market_making_fee']} USDT are the desk's fee")
    made.is_back(stranger, {PAIR.base_asset_id: Decimal(STRAY)})
    made.tell(f"the stranger has his {STRAY} BTC back")


def _quoted(made: MarketMaking, fills: int, more: int, *, ends: str) -> None:
    """Quoted, paused, configured anew, and stopped."""
    made.watch = Watch(made.desk.environment, made.order_id)
    made.until("running")
    made.until_quoted()
    made.until_traded(fills)
    made.tell(f"the payer sends {LATE} BTC more with the order's memo: too late, the order has begun")
    made.mixin.pay(made.payer, PAIR.base_asset_id, LATE, made.order["memo"])
    made.act("pause")
    made.until("paused")
    made.until_taken_back()
    made.take_fills()
    made.configure(1, ANEW)
    made.act("resume")
    made.until("running")
    made.until_quoted()
    made.until_traded(more)
    made.act(ends)
    made.until_taken_back()
    watch, made.watch = made.watch, None  # that nothing comes of it any more is waited for, and not drawn
    made.until("stopped")
    made.watch = watch
    made.take_fills()


def _told_how_it_went(made: MarketMaking) -> Sequence[tuple[str, str]]:
    facts = made.take_performance()
    for what, figure in facts:
        made.tell(f"    {what:<26} {figure}")
    return facts


def _drawn(made: MarketMaking, facts: Sequence[tuple[str, str]], picture: Path) -> None:
    assert made.watch is not None
    title = f"{PAIR.symbol}, market making by {made.order_id[:8]}… on the simulated exchange"
    with DRAWING:
        draw(made.watch.watched(made.at_exchange, made.trades), facts, title, picture)
    made.watch = None
    made.tell(f"picture: {picture}")


def _returned(made: MarketMaking) -> None:
    made.until_all_but_the_rest_is_home()
    home = made.came_home()
    made.is_back(made.payer, {**home, PAIR.base_asset_id: EXACT.add(home[PAIR.base_asset_id], Decimal(LATE))})
    told = " and ".join(f"{plain(amount)} {asset_id}" for asset_id, amount in home.items())
    made.tell(
        f"the payer has {told} back: what went to the exchange, and what its {len(made.trades)} fills made of it,"
    )
    made.tell(f"less what it takes for withdrawing; and the {LATE} BTC that came too late, whole: to the last digit")


@contextmanager
def thin_house(environment: LocalEnvironment) -> Iterator[None]:
    """Nobody at the simulated exchange quotes near its price: who does is met by all."""

    def choose(profile: str) -> None:
        asked = {"profile": profile, "symbol": "".join(PAIR.coins)}
        httpx.put(f"{environment.exchange_url}/sandbox/house", json=asked, timeout=15).raise_for_status()

    choose("thin")
    try:
        yield
    finally:
        choose("deep")


def _facts(of: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What `performance` tells, for a person."""
    for name in ("against_holding", "realised", "unrealised"):
        yield name.replace("_", " "), f"{Decimal(of[name]):+,.2f}"
    yield "fees", ", ".join(f"{Decimal(fee):.8f} {asset}" for asset, fee in of["fees"].items()) or "none"
    yield "volume (maker, taker)", f"{Decimal(of['maker_volume']):,.2f}, {Decimal(of['taker_volume']):,.2f}"
    yield "fills", str(of["fills"])
    yield "spread", "none yet" if of["spread_bps"] is None else f"{of['spread_bps']} bps"
    yield "two-sided uptime", f"{Decimal(of['two_sided']):.1%}"
    yield "inventory", f"{Decimal(of['inventory']):.0%}"
    yield "drawdown", f"{Decimal(of['drawdown']):.2%}"


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
