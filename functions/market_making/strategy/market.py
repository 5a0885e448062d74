"""What a tick is told of the world: the market's terms, its book, other prices, and what is free to quote with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from enum import StrEnum

from common.frozen import dataclass
from functions.market_making.strategy.arithmetic import LARGEST, ONE, QUOTING, SMALLEST_STEP, ZERO, floored, is_plain

Level = tuple[Decimal, Decimal]  # price, size
DEPTH_MAX = 1_000  # levels of one side of a book


class InvalidMarket(ValueError):
    """A number of the market can not be: not finite, not positive, too large, or not in its order."""


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


BUY, SELL = Side  # a member is looked up by a call, which loops over orders feel


@dataclass(frozen=True, slots=True)
class Terms:
    """What the exchange says of a market. `tick` is the step of prices, `lot` that of sizes; sizes in base,
    `min_notional` in quote; fees are fractions. `post_only`: does it take orders that refuse to take? InvalidMarket."""

    tick: Decimal
    lot: Decimal
    min_size: Decimal = ZERO
    min_notional: Decimal = ZERO
    maker_fee: Decimal = ZERO
    taker_fee: Decimal = ZERO
    post_only: bool = True

    def __post_init__(self) -> None:
        for name in ("tick", "lot"):
            if not is_plain(step := getattr(self, name)) or step < SMALLEST_STEP:
                raise InvalidMarket(f"{name} is {step}; it is a number from {SMALLEST_STEP} to {LARGEST}")
        for name in ("min_size", "min_notional"):
            if not is_plain(least := getattr(self, name)) or least < 0:
                raise InvalidMarket(f"{name} is {least}; it is a number from 0 to {LARGEST}")
        for name in ("maker_fee", "taker_fee"):
            if not is_plain(fee := getattr(self, name)) or not -ONE < fee < ONE:
                raise InvalidMarket(f"{name} is {fee}; it is a fraction between -1 and 1")

    def sent(self, price: Decimal, size: Decimal) -> Level:
        """Price and size as a connector sends them: both floored."""
        return floored(price, self.tick), floored(size, self.lot)

    def refusal(self, price: Decimal, size: Decimal) -> str | None:
        """`min_size`, `min_notional`, or None where the market takes such an order."""
        if size < self.min_size:
            return "min_size"
        return "min_notional" if price * size < self.min_notional else None


@dataclass(frozen=True, slots=True)
class Book:
    """Bids from the highest, asks from the lowest: one level a price, every number positive. A side may be empty; a
    crossed book is the caller's to refuse. InvalidMarket."""

    bids: Sequence[Level]
    asks: Sequence[Level]

    def __post_init__(self) -> None:
        for side, levels, ascending in (("bids", self.bids, False), ("asks", self.asks, True)):
            if len(levels) > DEPTH_MAX:
                raise InvalidMarket(f"the book has {len(levels)} {side}; at most {DEPTH_MAX} are read")
            before = None
            for price, size in levels:
                if not (is_plain(price) and is_plain(size) and price > 0 and size > 0):
                    raise InvalidMarket(f"the book's {side} have {size} at {price}; both are above 0, to {LARGEST}")
                if before is not None and (price <= before if ascending else price >= before):
                    raise InvalidMarket(f"the book's {side} are out of order: {price} after {before}")
                before = price

    def without(self, ours: Iterable[tuple[Side, Decimal, Decimal]]) -> Book:
        """The book less these live orders: side, price, and size that is still open. Of a level that is smaller than
        what is ours nothing is left: a book is older than what we know."""
        with localcontext(QUOTING):
            own: dict[tuple[Side, Decimal], Decimal] = {}
            for side, price, size in ours:
                own[side, price] = own.get((side, price), ZERO) + size

            def others(side: Side, levels: Sequence[Level]) -> list[Level]:
                rest = ((price, size - own.get((side, price), ZERO)) for price, size in levels)
                return [(price, size) for price, size in rest if size > 0]

            return Book(others(Side.BUY, self.bids), others(Side.SELL, self.asks))

    @property
    def middle(self) -> Decimal | None:
        """Between the best bid and the best ask; None where a side is empty."""
        return (self.bids[0][0] + self.asks[0][0]) / 2 if self.bids and self.asks else None


@dataclass(frozen=True, slots=True)
class Market:
    """The market at one moment.

    `book` is without the orders of any of our accounts (`Book.without`), but where the rules keep quirk Q17.
    `last_trade_price`: of the price source, for that price type. `external`: the other market's book, for that price
    source. `custom_price`: the answer of the API, for that one. What a rule needs and is None or 0 is a price that is
    not known. InvalidMarket."""

    book: Book
    last_trade_price: Decimal | None = None
    external: Book | None = None
    custom_price: Decimal | None = None

    def __post_init__(self) -> None:
        for name, price in (("last_trade_price", self.last_trade_price), ("custom_price", self.custom_price)):
            if price is not None and not (is_plain(price) and price >= 0):
                raise InvalidMarket(f"{name} is {price}; it is a number from 0 to {LARGEST}, and 0 is no price")


@dataclass(frozen=True, slots=True)
class Available:
    """What an order may place anew: its ledger less everything that its live orders lock. That is, in base the size
    that is still open of sells, in quote size × price of what is still open of buys; and where the exchange takes the
    fee of a buy in quote, that fee. Orders of the state that nobody knows to be over are live. Never the account's own
    free balance: others' money is in it. InvalidMarket."""

    base: Decimal
    quote: Decimal

    def __post_init__(self) -> None:
        for name, amount in (("base", self.base), ("quote", self.quote)):
            if not is_plain(amount) or amount < 0:
                raise InvalidMarket(f"available {name} is {amount}; it is a number from 0 to {LARGEST}")
