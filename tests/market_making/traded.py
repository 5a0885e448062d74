"""What quotes and trades in a random life of market making: the ticker, takers by chance, and an exchange that tells
trades as they can not be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from common.errors import Refusal
from common.gateways.exchange.maker import Maker, OwnTrade
from common.gateways.exchange.maker import Market as XMarket
from functions.market_making import quotes_store
from functions.market_making.model import FIRST_SHARD, TICK_EVERY
from sandbox.exchange.flow import Flow
from sandbox.exchange.venue import BUY, HOUSE, SELL, Kind, TimeInForce
from tests.harness.faults import Crash
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ACCOUNT

SYMBOL = "BTCUSDT"
TAKERS = "takers"


class Liar:
    """The exchange; the trades from `lies_from` on it tells at a price that can not be."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self.lies_from: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._maker, name)

    def trades_after(self, market: XMarket, trade_id: int) -> list[OwnTrade]:
        return self._told(self._maker.trades_after(market, trade_id))

    def trades_of(self, market: XMarket, exchange_order_id: str, trade_id: int) -> list[OwnTrade]:
        return self._told(self._maker.trades_of(market, exchange_order_id, trade_id))

    def _told(self, trades: Sequence[OwnTrade]) -> list[OwnTrade]:
        first = self.lies_from
        return [
            trade if first is None or trade.trade_id < first else replace(trade, price=Decimal(1)) for trade in trades
        ]


@dataclass
class Traded:
    market: FaultyMarket
    chance: Random
    middle: Decimal = Decimal(60_000)
    liar: Liar = field(init=False)
    flow: Flow = field(init=False)

    def __post_init__(self) -> None:
        self.liar = Liar(self.market.maker)
        maker: Any = self.liar
        self.market.maker = maker
        exchange = self.market.exchange
        exchange.profiles.choose("thin", [SYMBOL])
        self.flow = Flow(
            exchange.venue, lambda name: self.middle if name == SYMBOL else None, profiles=exchange.profiles
        )

    def go_on(self, ticks: int) -> None:
        """Each tick is a process of its own; in between somebody takes what rests, or prices move."""
        market = self.market
        self.flow.step()
        for _ in range(ticks):
            market.process()
            with suppress(Refusal, Crash):
                market.ticking.tick(FIRST_SHARD, market.clock.at, lambda: True)
            market.clock.at += TICK_EVERY
            if self.chance.random() < 0.6:
                self.take(self.chance.choice([BUY, SELL]))
            self.middle += self.chance.choice([-150, 0, 0, 90])
            self.flow.step()
        market.check()

    def take(self, side: str) -> None:
        """Of our quotes alone: nobody else is there meanwhile."""
        venue, quantity = (
            self.market.exchange.venue,
            Decimal(self.chance.choice(["0.0003", "0.001", "0.00123", "0.02"])),
        )
        venue.cancel_all(HOUSE, SYMBOL)
        venue.place(
            TAKERS,
            SYMBOL,
            side,
            Kind.LIMIT,
            quantity=quantity,
            price=self.middle * (2 if side == BUY else Decimal("0.5")),
            time_in_force=TimeInForce.IOC,
        )  # fmt: skip

    @property
    def has_orders(self) -> bool:
        """That may quote."""
        return any(item["SK"]["S"].startswith("MEMBER#") for item in self.market.dynamo.items())

    @property
    def is_open(self) -> bool:
        return bool(self.market.exchange.venue.open_orders(ACCOUNT))

    def lie(self) -> None:
        """From the next trade on, of which there is one at once."""
        told = self.market.exchange.venue.trades(ACCOUNT, SYMBOL)
        self.liar.lies_from = told[-1].trade_id + 1 if told else 1
        for side in (BUY, SELL):
            self.take(side)

    def truth(self, order_id: str) -> tuple[Decimal, Decimal]:
        """What an order has, base and quote, by all that the exchange has done."""
        quotes = quotes_store.find(self.market.quiet, order_id)
        assert quotes is not None
        has = dict(zip(("BTC", "USDT"), quotes.began, strict=True))
        venue = self.market.exchange.venue
        own = {order.order_id for order in venue.history(ACCOUNT) if quotes.owns(order.client_order_id)}
        for trade in (trade for trade in venue.trades(ACCOUNT, SYMBOL) if trade.order_id in own):
            sign = 1 if trade.side == BUY else -1
            has["BTC"] += sign * trade.quantity
            has["USDT"] -= sign * trade.quote_quantity
            if trade.fee_asset in has:
                has[trade.fee_asset] -= trade.fee
        return has["BTC"], has["USDT"]
