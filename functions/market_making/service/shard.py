"""What the orders of a shard have in common, for one tick and from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from common.gateways.exchange.maker import Maker, MakerOrder, Market, MarketLimits
from functions.market_making.model import Member
from functions.market_making.quotes import Quotes
from functions.market_making.service.cycling import Seen, one_after_another


@dataclass(frozen=True)
class Ticked:
    """`failed` are the orders whose cycle was not finished, `left_out` quotes that were wanted and not placed."""

    orders: int = 0
    failed: int = 0
    placements: int = 0
    left_out: int = 0


class LastBook(NamedTuple):
    at: datetime
    middle: Decimal | None


@dataclass
class Kept:
    """What a process keeps from one tick to the next: limits of markets, configurations, which never change, and when a
    market's book was read last."""

    limits: dict[tuple[str, Market], tuple[datetime, MarketLimits]] = field(default_factory=dict)
    configurations: dict[tuple[str, int], str] = field(default_factory=dict)
    books: dict[tuple[str, Market], LastBook] = field(default_factory=dict)


@dataclass(frozen=True)
class Crew:
    """Who does several things at the same time: requests, cycles, and the markets of accounts. Each waits for all of
    them, whatever one of them raises."""

    requests: Callable[..., list[Any]] = one_after_another
    cycles: Callable[..., list[Any]] = one_after_another
    groups: Callable[..., list[Any]] = one_after_another


@dataclass
class Group:
    """The orders of one account in one market, and what the exchange has told. `mine` are its orders' open quotes."""

    account_id: str
    market: Market
    members: Sequence[Member]
    maker: Maker
    quotes: Sequence[Quotes]
    seen: Seen
    limits: MarketLimits

    @property
    def mine(self) -> list[MakerOrder]:
        return [order for order in self.seen.open_orders if any(q.owns(order.client_order_id) for q in self.quotes)]
