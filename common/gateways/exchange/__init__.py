"""The exchange: where the desk sells and buys for its customers.

Dollars here are the exchange's quote currency (a stablecoin, one for one; docs/decisions/0014). Amounts are exact:
what an exchange tells is taken digit by digit.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, Inexact
from enum import StrEnum
from typing import Any, Protocol

from common.errors import Conflict, NotFound, Unavailable
from common.market import MarketRules
from common.money import EXACT, FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX, Money, Price, Quantity

# An order that `find` does not know this long after `place` was called, and does not know at a second look, never
# came to be: an adapter's time-outs (under 12 s together), the validity of its requests (5 s), and a margin.
NEVER_PLACED_SECONDS = 60


NOT_ASKED = "not_asked"

_LAST_DIGIT = Decimal(1).scaleb(-FRACTION_DIGITS_MAX)


class ExchangeUnavailable(Unavailable):
    """The exchange gives no answer now that could be used. Send the same request again.

    After `place` the outcome is unknown: `find` it, never place again. Everything else is safe to ask again.
    """

    @property
    def alarm(self) -> str | None:
        """The metric that wakes a person: the exchange does not let us in, or tells what can not be."""
        return {"refused": "DeskRefused", "not_believed": "FillsNotBelieved"}.get(self.facts.get("what", ""))

    @property
    def was_not_asked(self) -> bool:
        """Nothing was sent to the exchange, and nothing will be: what it takes of requests is kept for others."""
        return self.facts.get("what") == NOT_ASKED


class ExchangeRefused(Conflict):
    """The exchange's definite no: the order does not exist and never will.

    ours: its cause is the desk's and not the order's, so that the next order meets it too: funds or a quota of the
        desk's account are used up, or the account or its key may not do this. So is every cause that an adapter does
        not know to be the order's.
    """

    def __init__(self, detail: str, *, ours: bool = True, **facts: Any) -> None:
        super().__init__(detail, **facts)
        self.ours = ours

    @property
    def alarm(self) -> str | None:
        return "DeskRefused" if self.ours else None


class ExchangeWouldTake(ExchangeRefused):
    """The exchange's definite no to an order that may only rest: at its price it would have traded at once."""

    def __init__(self, detail: str, **facts: Any) -> None:
        super().__init__(detail, ours=False, **facts)


class ExchangeFull(ExchangeRefused):
    """The exchange's definite no to one more order: the account has as many open as it takes."""


class ExchangeOrderUnknown(NotFound):
    """The exchange does not know the order. Just after `place` that may be too early to tell."""


class MarketUnknown(NotFound):
    """The exchange has no market for the asset, or it is closed."""


def not_believed(why: str) -> ExchangeUnavailable:
    """What the exchange tells can not be: it is about another order than was asked for, or of an amount that no order
    has. It is not used. Asking again is safe."""
    return ExchangeUnavailable(f"what the exchange tells can not be: {why}", what="not_believed")


def can_be_told(amount: Decimal) -> bool:
    """Whether an exchange's amount, of either sign, is one that can be written down: at most 15 digits before the
    point and 18 after it."""
    if not amount:
        return True
    if not amount.is_finite() or not -FRACTION_DIGITS_MAX <= amount.adjusted() < INTEGER_DIGITS_MAX:
        return False
    try:  # quicker than to write it down and count
        EXACT.quantize(amount, _LAST_DIGIT)
    except Inexact:
        return False
    return True


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


BUY, SELL = Side  # a member is looked up by a call, which loops over orders feel


class State(StrEnum):
    WORKING = "WORKING"  # open, perhaps filled in part
    FULLY_EXECUTED = "FULLY_EXECUTED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Ticket:
    """An order to place: at `limit_price` or better; what can not be filled at once rests until it is cancelled.

    `client_order_id` is ours, 18 characters of a-z and 2-7 (`client_order_id()` makes them), and what the order is
    found by.
    """

    side: Side
    quantity: Quantity
    limit_price: Price
    client_order_id: str


@dataclass(frozen=True)
class OrderReport:
    """An order as the exchange has it now. Raises ExchangeUnavailable when made of amounts that can not be: no adapter
    can hand out such a thing.

    `client_order_id` is what the exchange tells, and None where it keeps another form of ours, from which there is no
    way back. `gross` is what was executed, in dollars, before any fee; `fee` the fees in dollars, `fees_elsewhere`
    those in other assets, by asset; a negative one is a rebate. Once `state` is final, all of them are.
    """

    exchange_order_id: str
    client_order_id: str | None
    side: Side
    quantity: Quantity
    state: State
    executed: Quantity
    gross: Money
    fee: Money
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        amounts = (self.quantity.amount, self.executed.amount, self.gross.usd)
        fees = (self.fee.usd, *self.fees_elsewhere.values())
        if min(amounts) < 0 or not all(map(can_be_told, (*amounts, *fees))):
            raise not_believed(f"order {self.exchange_order_id} has an amount below zero, or of more digits than any")

    @property
    def final(self) -> bool:
        return self.state is not State.WORKING


@dataclass(frozen=True)
class Reports:
    """A part of a list of orders, in the order in which they were placed; `after` is where the next part begins, None:
    there is none."""

    items: Sequence[OrderReport]
    after: str | None


@dataclass(frozen=True)
class Ticker:
    """The best prices in a market now: somebody buys at `bid` and sells at `ask`."""

    bid: Price
    ask: Price


class Tickers(Protocol):
    """What anybody may ask an exchange, without a key. It changes nothing: every call is safe to make again."""

    def ticker(self, asset_id: str) -> Ticker:
        """Of the asset's market in dollars, as it is now.

        Raises MarketUnknown, also where nobody buys, or nobody sells; ExchangeUnavailable.
        """
        ...


class Exchange(Tickers, Protocol):
    """Every method may raise ExchangeUnavailable; all but `place` are then safe to call again."""

    @property
    def name(self) -> str:
        """Of the exchange, as people know it: `binance`."""
        ...

    def rules(self, asset_id: str) -> MarketRules:
        """Of the asset's market in dollars; may be minutes old. Raises MarketUnknown."""
        ...

    def place(self, ticket: Ticket) -> str:
        """Place an order and return the exchange's id of it. It is accepted, not filled.

        Call it once for each client order id: not every exchange recognises a repeat.
        Raises MarketUnknown, ExchangeRefused; ExchangeUnavailable: it may exist or not.
        """
        ...

    def order(self, asset_id: str, exchange_order_id: str) -> OrderReport:
        """Raises ExchangeOrderUnknown."""
        ...

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        """Look among open orders and those that are over. Raises ExchangeOrderUnknown."""
        ...

    def cancel(self, asset_id: str, exchange_order_id: str) -> None:
        """Ask for the end of an order; `order` tells what had been filled by then. One that is over stays as it is.

        Raises ExchangeOrderUnknown.
        """
        ...

    def orders(self, asset_id: str, day: date, after: str | None = None) -> Reports:
        """All of the account in the asset's market that were placed on a day (UTC), by whomever and however they ended,
        as they are now: a part of them, behind a place that the part before has told.

        Raises MarketUnknown where there is no such market; one that is closed still tells of its orders.
        """
        ...


def client_order_id(*parts: str) -> str:
    """18 characters of a-z and 2-7, 90 bits of SHA-256 over the parts: fits every exchange we know of."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return base64.b32encode(digest).decode()[:18].lower()
