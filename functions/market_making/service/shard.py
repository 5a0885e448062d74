"""What the orders of a shard have in common, for one tick and from one to the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from common.domain.halts import Halt
from common.domain.trade_cursors import TradesCursor
from common.gateways.exchange.maker import Book, Maker, MakerOrder, Market, MarketLimits
from functions.market_making.model import Member
from functions.market_making.planning import SLOTS_OF_ALL
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


class AccountMarket(NamedTuple):
    """The orders of one account in one market; `on_account` is how many it has in all markets. `stopping` are the
    ids of those that are about to be stopped, `stopped` of those that are, and of which nothing may be open."""

    account_id: str
    market: Market
    members: Sequence[Member]
    on_account: int
    stopping: Sequence[str] = ()
    stopped: Sequence[str] = ()

    @property
    def key(self) -> tuple[str, str]:
        return self.account_id, str(self.market)


@dataclass
class Kept:
    """What a process keeps from one tick to the next: limits of markets, configurations, which never change, when a
    market's book was read last, and when an account was last looked at there; and which orders are stuck: their last
    cycle has come to nothing."""

    limits: dict[tuple[str, Market], tuple[datetime, MarketLimits]] = field(default_factory=dict)
    configurations: dict[tuple[str, int], str] = field(default_factory=dict)
    books: dict[tuple[str, Market], LastBook] = field(default_factory=dict)
    looks: dict[tuple[str, str], datetime] = field(default_factory=dict)
    stuck: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Crew:
    """Who does several things at the same time: requests, cycles, and the markets of accounts. Each waits for all of
    them, whatever one of them raises."""

    requests: Callable[..., list[Any]] = one_after_another
    cycles: Callable[..., list[Any]] = one_after_another
    groups: Callable[..., list[Any]] = one_after_another


class Looked(NamedTuple):
    """An order, and what the exchange has told for it: all of its account's market, but for one that is stuck, of
    which the trades are read from its own cursor. `quotes` is None where they can not be read."""

    member: Member
    quotes: Quotes | None
    seen: Seen


@dataclass
class Group:
    """What is known of an account's orders in one market. `cursor` is the account's, as it was read. `halt`: nothing is
    placed there. `is_back`: nothing was told of it for a while, so that it is settled with first."""

    of: AccountMarket
    maker: Maker
    orders: Sequence[Looked]
    seen: Seen
    limits: MarketLimits
    cursor: TradesCursor
    halt: Halt | None = None
    is_back: bool = False

    @property
    def places(self) -> bool:
        """May anything be placed there now? Who has not read all trades yet does not know what there is."""
        return self.halt is None and not self.is_back and not self.seen.more

    @property
    def open_max(self) -> int:
        """Of each order so many may be open: its share of what the exchange takes of the account in this market, where
        0 is no limit."""
        most = self.limits.open_orders_max
        return min(max(most // len(self.of.members), 1), SLOTS_OF_ALL) if most else SLOTS_OF_ALL

    @property
    def account_id(self) -> str:
        return self.of.account_id

    @property
    def market(self) -> Market:
        return self.of.market

    @property
    def mine(self) -> list[MakerOrder]:
        """Its orders' open quotes."""
        ids = [member.order_id for member in self.of.members]
        return [order for order in self.seen.open_orders if any(owns(one, order) for one in ids)]


@dataclass
class Silent:
    """An account's orders in a market of which nothing can be told now. `maker` is None where there is no key.
    `not_asked`: nothing may be asked for a while, but to end orders."""

    of: AccountMarket
    maker: Maker | None
    quotes: Sequence[Quotes]
    not_asked: bool = False


class MarketNow(NamedTuple):
    """A market, for all accounts: `book` is None where it can not be read. `is_off`: its price has jumped, or nobody
    has known it for long. `ours` are the open quotes of all orders there, of all our accounts."""

    book: Book | None
    is_off: bool
    ours: Sequence[MakerOrder]


def owns(order_id: str, order: MakerOrder) -> bool:
    """Is it a quote of that order of ours, whatever the table says of it?"""
    return Quotes(order_id, Decimal(0), Decimal(0)).owns(order.client_order_id)
