"""What is traded, ordered and done at the venue, as its callers see it. Everything here is a snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from sandbox.exchange.book import TimeInForce

BUY = "BUY"
SELL = "SELL"


class Kind(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"  # post only


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"  # the account asked for it
    REJECTED = "REJECTED"  # after it had been accepted
    EXPIRED = "EXPIRED"  # the venue ended it; its reason says why

    @property
    def over(self) -> bool:
        return self not in (Status.NEW, Status.PARTIALLY_FILLED)


@dataclass(frozen=True)
class Symbol:
    """A market. Prices and quantities are multiples of their steps, in plain units."""

    name: str  # "BTCUSDT"
    base: str  # "BTC"
    quote: str  # "USDT"
    price_step: Decimal
    quantity_step: Decimal
    min_quantity: Decimal
    min_notional: Decimal  # price × quantity, in quote
    symbol_id: int  # AlphaPoint's InstrumentId

    def __post_init__(self) -> None:
        if min(self.price_step, self.quantity_step, self.min_quantity) <= 0 or self.min_notional < 0:
            raise ValueError(f"{self.name}: steps and the smallest quantity are above 0")


@dataclass(frozen=True)
class Fees:
    """What an account pays for its trades, in basis points (1 = 0.01 %) of what it receives.

    With `asset` they are paid in that one instead, `asset_price` quote units for one of it (on Binance: BNB), as
    long as the account has enough of it free. Rounded down to 8 decimals, as our own reading of what exchanges do.
    """

    taker_bps: Decimal = Decimal(10)
    maker_bps: Decimal = Decimal(8)
    asset: str | None = None
    asset_price: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        if not (0 <= self.taker_bps < 10_000 and 0 <= self.maker_bps < 10_000 and self.asset_price > 0):
            raise ValueError(f"{self}: fees are from 0 to under 10,000 bps, and their asset has a price")


FREE = Fees(Decimal(0), Decimal(0))


@dataclass(frozen=True, slots=True)
class Trade:
    """One side of a trade. Both sides have the same `trade_id`."""

    trade_id: int
    order_id: int
    account: str
    symbol: str
    side: str  # BUY or SELL
    price: Decimal
    quantity: Decimal
    quote_quantity: Decimal  # price × quantity
    fee: Decimal
    fee_asset: str
    maker: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it was when one asked."""

    order_id: int
    client_order_id: str  # "" when none was given
    account: str
    symbol: str
    side: str  # BUY or SELL
    kind: Kind
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    executed: Decimal
    gross: Decimal  # quote, before fees
    status: Status
    reason: str  # why it ended before it was filled, for people; "" otherwise
    at: datetime
    updated_at: datetime


class Reason(StrEnum):
    """Why the venue does not accept an order."""

    MARKET_CLOSED = "MARKET_CLOSED"
    UNKNOWN_SYMBOL = "UNKNOWN_SYMBOL"
    LOT_SIZE = "LOT_SIZE"
    PRICE_FILTER = "PRICE_FILTER"
    MIN_NOTIONAL = "MIN_NOTIONAL"
    MAX_NUM_ORDERS = "MAX_NUM_ORDERS"
    DUPLICATE_ORDER = "DUPLICATE_ORDER"
    WOULD_TAKE = "WOULD_TAKE"
    INSUFFICIENT_BALANCE = "INSUFFICIENT_BALANCE"


class VenueRefused(Exception):
    """A definite no: nothing has changed."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class OrderUnknown(Exception):
    """The account has no such order in that market, or has had it too long ago."""


class AccountUnknown(Exception):
    """Nobody has opened this account."""
