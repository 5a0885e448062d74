"""What an order's quoting has brought so far, carried in its quotes with each trade, and told at a price. Pure.

The base that the exchange credited at first has cost what it was worth when the order began. A sale takes its part of
the cost of all base that is there (average cost); a fee in base is a loss of its cost, a fee in quote one of itself.
So, to the last digit,

    base · price + quote − (began_base · first price + began_quote) = realised + unrealised

Fees in a third coin are the account's, and told beside.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from common.frozen import dataclass, replace
from common.gateways.exchange import BUY, SELL
from common.gateways.exchange.maker import OwnTrade
from common.money import EXACT, ROUNDING

_NOTHING = Decimal(0)
_STEP = Decimal("1e-12")  # of a part of a cost
_HUNDREDTH = Decimal("0.01")
BPS = Decimal(10_000)


@dataclass(frozen=True)
class Tally:
    """`cost`: in quote, of the base that is there. `bought` and `sold`: base and quote. `taken`: in quote, of what it
    has traded as taker. `fees`: in base and in quote. `both_since`: since when there have been quotes on both sides, if
    there are; `both_seconds`: how long there were before."""

    first_price: Decimal | None = None
    began_at: datetime | None = None
    cost: Decimal = _NOTHING
    realised: Decimal = _NOTHING
    bought: tuple[Decimal, Decimal] = (_NOTHING, _NOTHING)
    sold: tuple[Decimal, Decimal] = (_NOTHING, _NOTHING)
    taken: Decimal = _NOTHING
    fees: tuple[Decimal, Decimal] = (_NOTHING, _NOTHING)
    fills: int = 0
    both_since: datetime | None = None
    both_seconds: int = 0

    @property
    def traded(self) -> Decimal:
        """In quote."""
        return EXACT.add(self.bought[1], self.sold[1])

    def begun(self, base: Decimal, price: Decimal, at: datetime) -> Tally:
        """With the first price that is known; `base` is what is there."""
        if self.first_price is not None:
            return self
        return replace(self, first_price=price, began_at=at, cost=EXACT.multiply(base, price))

    def sided(self, both: bool, at: datetime) -> Tally:
        """Whether there are quotes on both sides. What is counted of it is ended with each day, UTC, which has its
        own."""
        since = self.both_since
        if since is None:
            return replace(self, both_since=at) if both else self
        if both and since.date() == at.date():
            return self
        return replace(self, both_since=at if both else None, both_seconds=self._both(at))

    def two_sided(self, at: datetime) -> Decimal:
        """The part of the time since it began in which there were quotes on both sides."""
        lasted = _NOTHING if self.began_at is None else Decimal(int((at - self.began_at).total_seconds()))
        return _ratio(Decimal(self._both(at)), lasted)

    def _both(self, at: datetime) -> int:
        since = self.both_since
        return self.both_seconds + (0 if since is None else max(int((at - since).total_seconds()), 0))

    def with_trade(self, trade: OwnTrade, base_before: Decimal, coins: tuple[str, str]) -> Tally:
        """`base_before` is what was there before it."""
        fee_base = trade.fee if trade.fee_asset == coins[0] else _NOTHING
        fee_quote = trade.fee if trade.fee_asset == coins[1] else _NOTHING
        cost, there, realised = self.cost, base_before, EXACT.subtract(self.realised, fee_quote)
        if trade.side is BUY:
            cost, there = EXACT.add(cost, trade.quote_quantity), EXACT.add(there, trade.quantity)
        else:
            part = _part(cost, trade.quantity, there)
            cost, there = EXACT.subtract(cost, part), EXACT.subtract(there, trade.quantity)
            realised = EXACT.add(realised, EXACT.subtract(trade.quote_quantity, part))
        lost = _part(cost, fee_base, there)
        traded = (trade.quantity, trade.quote_quantity)
        return replace(
            self,
            cost=EXACT.subtract(cost, lost),
            realised=EXACT.subtract(realised, lost),
            bought=_sum(self.bought, traded) if trade.side is BUY else self.bought,
            sold=_sum(self.sold, traded) if trade.side is SELL else self.sold,
            taken=self.taken if trade.maker else EXACT.add(self.taken, trade.quote_quantity),
            fees=_sum(self.fees, (fee_base, fee_quote)),
            fills=self.fills + 1,
        )


def _part(cost: Decimal, quantity: Decimal, of: Decimal) -> Decimal:
    """Of a cost, that of `quantity` of what is there: all of it, where that is no less. Of a rebate to nothing it is
    nothing."""
    if not quantity or quantity < 0 >= of:
        return _NOTHING
    if quantity >= of:
        return cost
    return ROUNDING.divide(EXACT.multiply(cost, quantity), of).quantize(_STEP, context=ROUNDING)


def _sum(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return EXACT.add(one[0], other[0]), EXACT.add(one[1], other[1])


@dataclass(frozen=True)
class Performance:
    """At `price`. Sums are in quote, but for `fees`, by asset. `against_holding`: what is there, less what would be
    there without a trade. `spread_bps`: how much higher it has sold than bought, on average, in basis points;
    `two_sided`: the part of its time in which it has quoted on both sides; `inventory`: base's part of what is there;
    `drawdown`: from the best result there was, as a part of what would be there without a trade."""

    price: Decimal
    realised: Decimal
    unrealised: Decimal
    against_holding: Decimal
    fees: Mapping[str, Decimal]
    maker_volume: Decimal
    taker_volume: Decimal
    fills: int
    spread_bps: Decimal | None
    two_sided: Decimal
    inventory: Decimal
    drawdown: Decimal


@dataclass(frozen=True)
class There:
    """What is there, and was when the order began, of base and quote; and what it has paid in other coins. `result` and
    `best` are `risk.result` of now and the best there was."""

    base: Decimal
    quote: Decimal
    began: tuple[Decimal, Decimal]
    fees_elsewhere: Mapping[str, Decimal]
    result: Decimal
    best: Decimal


def performance(tally: Tally, there: There, coins: tuple[str, str], price: Decimal, at: datetime) -> Performance:
    """`at`: now, or when it ended."""
    worth = EXACT.multiply(there.base, price)
    value, held = worth_at((there.base, there.quote), price), worth_at(there.began, price)
    fees = {coin: fee for coin, fee in zip(coins, tally.fees, strict=True) if fee}
    return Performance(
        price=price,
        realised=tally.realised,
        unrealised=_NOTHING if tally.first_price is None else EXACT.subtract(worth, tally.cost),
        against_holding=EXACT.subtract(value, held),
        fees={**fees, **there.fees_elsewhere},
        maker_volume=EXACT.subtract(tally.traded, tally.taken),
        taker_volume=tally.taken,
        fills=tally.fills,
        spread_bps=_spread(tally),
        two_sided=tally.two_sided(at),
        inventory=_ratio(worth, value),
        drawdown=max(EXACT.subtract(there.best, there.result), _NOTHING),
    )


def worth_at(both: tuple[Decimal, Decimal], price: Decimal) -> Decimal:
    """Of base and quote, in quote."""
    return EXACT.add(EXACT.multiply(both[0], price), both[1])


def _ratio(part: Decimal, whole: Decimal) -> Decimal:
    return _NOTHING if whole <= 0 else ROUNDING.divide(part, whole).quantize(Decimal("0.0001"), context=ROUNDING)


def _spread(tally: Tally) -> Decimal | None:
    """None before it has both bought and sold."""
    if not tally.bought[0] or not tally.sold[0]:
        return None
    bought, sold = (ROUNDING.divide(quote, base) for base, quote in (tally.bought, tally.sold))
    more = ROUNDING.subtract(ROUNDING.divide(sold, bought), Decimal(1))
    return ROUNDING.multiply(more, BPS).quantize(_HUNDREDTH, context=ROUNDING)
