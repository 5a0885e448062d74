"""A market-making order, watched while it quotes: the price, its open quotes, and what it trades; and drawn as a
backtest is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx

from common.gateways.exchange import Side
from common.gateways.exchange.maker import OwnTrade
from common.money import EXACT
from functions.market_making.quotes import Quotes
from local.environment import LocalEnvironment
from local.seed_market_making import PAIR, open_orders
from sandbox.backtest.paper import Traded
from sandbox.backtest.running import Moment

BITCOIN = "bitcoin"  # at the price source, which the exchange's market follows
_NOTHING = Decimal(0)
Fill = Mapping[str, str]  # a line of the desk's CSV


@dataclass(frozen=True)
class Look:
    """At one time, in milliseconds since 1970. `bid` and `ask` are the order's best."""

    at: int
    middle: Decimal
    bid: Decimal | None
    ask: Decimal | None


@dataclass(frozen=True)
class Watched:
    """As the backtest's drawing wants it."""

    at_first: tuple[Decimal, Decimal]
    moments: Sequence[Moment]
    traded: Sequence[Traded]

    @property
    def began(self) -> int:
        return self.moments[0].at

    @property
    def ended(self) -> int:
        return self.moments[-1].at


@dataclass
class Watch:
    """Of one order. What others can not see of it, its open quotes, the simulated exchange tells."""

    environment: LocalEnvironment
    order_id: str
    looks: list[Look] = field(default_factory=list)

    def quotes(self) -> list[tuple[Side, Decimal]]:
        """Side and price of what it has open. Raises httpx.HTTPError."""
        mine = Quotes(self.order_id, _NOTHING, _NOTHING)
        told = open_orders(self.environment.exchange_url)
        return [(Side(order["side"]), Decimal(order["price"])) for order in told if mine.owns(order["client_order_id"])]

    def look(self) -> None:
        """Raises httpx.HTTPError."""
        at = int(datetime.now(UTC).timestamp() * 1000)
        middle = Decimal(_told(f"{self.environment.prices_url}/sandbox/state")["prices"][BITCOIN]["quoted_usd"])
        open_ = self.quotes()
        bids, asks = ([price for side, price in open_ if side is one] for one in (Side.BUY, Side.SELL))
        self.looks.append(Look(at, middle, max(bids, default=None), min(asks, default=None)))

    def watched(self, at_first: tuple[Decimal, Decimal], trades: Sequence[OwnTrade]) -> Watched:
        """With its trades, in the order in which they were."""
        times = [look.at for look in self.looks]
        traded = [Traded(trade, self.looks[max(bisect_right(times, _ms(trade.at)) - 1, 0)].middle) for trade in trades]
        moments = [
            Moment(look.at, look.middle, *there_after(at_first, (t for t in trades if _ms(t.at) <= look.at)), look.bid,
                   look.ask)
            for look in self.looks
        ]  # fmt: skip
        return Watched(at_first, moments, traded)


def there_after(at_first: tuple[Decimal, Decimal], trades: Iterable[OwnTrade]) -> tuple[Decimal, Decimal]:
    """Base and quote, less fees of either."""
    there = dict(zip(PAIR.coins, at_first, strict=True))
    base, quote = PAIR.coins
    for trade in trades:
        sign = 1 if trade.side is Side.BUY else -1
        there[base] = EXACT.add(there[base], sign * trade.quantity)
        there[quote] = EXACT.subtract(there[quote], sign * trade.quote_quantity)
        if trade.fee_asset in there:
            there[trade.fee_asset] = EXACT.subtract(there[trade.fee_asset], trade.fee)
    return there[base], there[quote]


def trade_of(fill: Fill) -> OwnTrade:
    return OwnTrade(
        trade_id=int(fill["trade_id"]),
        exchange_order_id=fill["exchange_order_id"],
        side=Side(fill["side"]),
        price=Decimal(fill["price"]),
        quantity=Decimal(fill["quantity"]),
        quote_quantity=Decimal(fill["quote_quantity"]),
        fee=Decimal(fill["fee"]),
        fee_asset=fill["fee_asset"],
        maker=fill["maker"] == "True",
        at=datetime.fromisoformat(fill["at"]),
    )


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _told(url: str) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(url, timeout=15).raise_for_status().json()
    return found
