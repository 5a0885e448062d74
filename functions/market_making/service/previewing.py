"""What somebody looks at: the quotes that a configuration would make now, and an order's own quotes in the book.
Nothing is placed, and nothing kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from common.domain.pairs.model import Pair
from common.gateways.exchange import BUY, SELL, MarketUnknown, Side
from common.gateways.exchange.maker import Book, Books, Level, Market, MarketLimits
from common.money import EXACT, ROUNDING
from common.table.table import Table
from functions.market_making import account_store, configuration, quotes_store, shard_store
from functions.market_making.book import BOOK_LEVELS, bounded
from functions.market_making.model import BPS, CUSTODY_DECIMALS, NoMarketPrice, NotConfigurable, Order
from functions.market_making.quotes import Quotes, SlotState, side_of
from functions.market_making.strategy import Book as StrategyBook
from functions.market_making.strategy import Market as StrategyMarket
from functions.market_making.strategy import Side as StrategySide
from functions.market_making.strategy import State, tick

SHOWN = 10  # levels of a side

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CUSTODYS = Decimal(1).scaleb(-CUSTODY_DECIMALS)
_WHY = {
    "no_reference": "the market has no price now: a side of its book is empty",
    "thin_book": "the book is too thin for these settings",
}
TOO_LITTLE = "with so much, no order comes to what the exchange takes at least"


@dataclass(frozen=True)
class Planned:
    side: Side
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True)
class Preview:
    """`why`: why there are no quotes."""

    price: Decimal | None
    quotes: tuple[Planned, ...]
    why: str | None


@dataclass(frozen=True)
class OwnQuote:
    """An order of an order's at the exchange. `left` is what of it is still open; `state` that of its slot."""

    side: Side
    price: Decimal
    left: Decimal
    state: SlotState


@dataclass(frozen=True)
class Depth:
    """The book, and what of it is one's own. `base` and `quote` are what the order has by its own ledger; `lacks` says
    of which of its assets it has too little for one more quote of its size."""

    price: Decimal | None
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    quotes: tuple[OwnQuote, ...]
    base: Decimal
    quote: Decimal
    lacks: tuple[str, ...]

    @property
    def own(self) -> dict[Decimal, Decimal]:
        """By price: what is open of one's own."""
        found: dict[Decimal, Decimal] = {}
        for one in self.quotes:
            found[one.price] = EXACT.add(found.get(one.price, Decimal(0)), one.left)
        return found


@dataclass(frozen=True)
class Previewing:
    """`books` are of a trading account's exchange, by its id. `known` are the limits of markets that this process has
    asked for: they weigh more than a book does, and change seldom."""

    table: Table
    books: Callable[[str], Books]
    now: Callable[[], datetime]
    known: dict[tuple[str, Market], MarketLimits] = field(default_factory=dict)

    def quotes(self, pair: Pair, settings: Mapping[str, Any], base: Decimal, quote: Decimal) -> Preview:
        """Of an order that has just begun with so much, of which the desk keeps its fee.

        Raises NoMarketPrice, ExchangeUnavailable, NoTradingKey.
        """
        account_id = self._looked_at_by(pair)
        market = Market(*pair.coins)
        try:
            limits = self._limits(account_id, market)
            rules = configuration.rules(configuration.written(settings), limits)
            book = self.books(account_id).book(market, BOOK_LEVELS)
        except MarketUnknown as no:
            raise NoMarketPrice(f"{pair.exchange} does not know {pair.symbol} now") from no
        fee = ROUNDING.divide(EXACT.multiply(quote, pair.fee_bps), BPS)
        left = EXACT.subtract(quote, ROUNDING.quantize(fee, _CUSTODYS))
        seconds = int((self.now() - _EPOCH).total_seconds())
        available = Quotes("", base, left).available
        decision = tick(rules, State(), StrategyMarket(_read(book)), available, seconds)
        planned = tuple(
            Planned(BUY if one.side is StrategySide.BUY else SELL, one.price, one.size) for one in decision.creations
        )
        why = None if planned else _WHY.get(decision.lost or "", TOO_LITTLE)
        return Preview(decision.reference, planned, why)

    def depth(self, order: Order) -> Depth:
        """Raises NotConfigurable: it has not begun; NoMarketPrice, ExchangeUnavailable, NoTradingKey."""
        read = None if order.shard is None else quotes_store.find(self.table, order.order_id, consistent=False)
        if read is None:
            raise NotConfigurable(f"the order is {order.status}: it has not begun to quote", id=order.order_id)
        try:
            book = self.books(order.account_id).book(Market(*order.coins), SHOWN)
        except MarketUnknown as no:
            raise NoMarketPrice(f"the exchange does not know {order.symbol} now", id=order.order_id) from no
        quotes = [
            OwnQuote(side_of(name), placed.price, placed.left, slot.state)
            for name, slot in read.slots.items()
            if (placed := slot.live or slot.coming) is not None
        ]
        return Depth(
            price=book.middle,
            bids=tuple(book.bids[:SHOWN]),
            asks=tuple(book.asks[:SHOWN]),
            quotes=tuple(sorted(quotes, key=lambda one: one.price, reverse=True)),
            base=read.base,
            quote=read.quote,
            lacks=self._lacks(order, book.middle, read.base, read.quote),
        )

    def _lacks(self, order: Order, price: Decimal | None, base: Decimal, quote: Decimal) -> tuple[str, ...]:
        member = shard_store.member(self.table, order)
        if member is None or not member.config or price is None:
            return ()
        settings = configuration.read(quotes_store.configuration(self.table, order.order_id, member.config))
        size: Decimal = settings["order_amount"]
        short = (base < size, quote < EXACT.multiply(size, price))
        return tuple(asset for asset, is_short in zip(order.coins, short, strict=True) if is_short)

    def _looked_at_by(self, pair: Pair) -> str:
        """A trading account of the pair's exchange. Raises NoMarketPrice."""
        for account in account_store.accounts(self.table):
            if account.enabled and account.takes(pair):
                return account.account_id
        raise NoMarketPrice(f"the desk has no account at {pair.exchange} now by which {pair.symbol} could be looked at")

    def _limits(self, account_id: str, market: Market) -> MarketLimits:
        known = self.known.get((account_id, market))
        if known is None:
            known = self.known[account_id, market] = self.books(account_id).limits(market)
        return known


def _read(book: Book) -> StrategyBook:
    known = bounded(book)
    return StrategyBook([(p, q) for p, q in known.bids], [(p, q) for p, q in known.asks])
