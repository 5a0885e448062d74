"""An asset of the catalogue and its rules; a price with its source and age."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common.domain.fees import NONE, Fees
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.money import EXACT, FRACTION_DIGITS_MAX, INTEGER_DIGITS_MAX, Money, Price, Quantity, fraction_digits

PRECISION_MAX = 18
FEE_PRECISION = 8  # decimals of a fee that an exchange takes in the coin it has bought
PRICE_MOVE_MAX_BPS = 2_000  # from one quote to the next; 20 %. What moves further has jumped
CONFIRMED_WITHIN_BPS = 500  # so near to a price have both sides of an exchange's market to be, to confirm it
# What counts for an asset unless its own rules say otherwise; `Asset` tells what each is.
ESTIMATE_BAND_BPS = 200
SLIPPAGE_MAX_BPS = 100
SLIPPAGE_BOUND_BPS = 300  # above 4.5 % a buyer gains who sells to his own order, by the coins that the desk keeps of it
FILL_BAND_BPS = 1_000
POOL_DEADLINE_SECONDS = 86_400
MIN_POOLED = Money(1)
PRICE_STEP = Price(Decimal(1).scaleb(-FRACTION_DIGITS_MAX))  # any price is a multiple of it
DESK_BUYS_MAX = Money(100)
PRICE_AGE_MAX_SECONDS = 180
ELSEWHERE = "exchange"  # before the exchange's name for a coin that is not our asset of that name
CLOCKS_APART_SECONDS_MAX = 30  # so far may a price source's clock be ahead of ours


class AssetNotFound(NotFound):
    """The catalogue has no such asset."""


class AssetExists(Conflict):
    """The catalogue has the asset already, with other rules: those are changed, not written anew."""


class AssetInactive(Conflict):
    """The asset is not traded at present. Holdings and open orders of it stay as they are."""


class PrecisionExceeded(Rejected):
    """The quantity has more decimals than the asset."""


class PriceOffStep(Rejected):
    """The price of a limit order is no multiple of the asset's step."""


class BelowMinimum(Rejected):
    """The order is worth less than the asset's smallest order."""


class AboveMaximum(Rejected):
    """The order is worth more than the asset's largest order."""


class AmountTooLarge(Rejected):
    """A quantity or total has more digits than any amount may have."""


class ContradictoryTerms(Rejected):
    """The fields of the order do not go together."""


class PriceMoved(Conflict):
    """The market has left the price that the order was protected by."""


class PriceUnavailable(Unavailable):
    """There is no price for the asset, the latest is too old to trade on, or it is the first or has jumped, and that is
    not confirmed yet. Try again in a minute."""


class NothingToConfirm(Conflict):
    """The asset's price has not jumped, or to another one than the one that is confirmed."""


class PrecisionLowered(Conflict):
    """An asset keeps its decimals: what is held in them could not be sold any more."""


class PriceIsNewer(Conflict):
    """The table has a younger price than the one offered, be it one that waits to be confirmed; or a price that does
    not count yet. That one stays."""


class SymbolTaken(Conflict):
    """The exchange calls another asset so already."""


class AssetMoved(Conflict):
    """Another operator has changed the asset since it was read: look at it again."""


class Execution(StrEnum):
    INSTANT = "INSTANT"  # against the desk's own book, inside the request
    EXCHANGE = "EXCHANGE"  # bought for the customer at an exchange


class Step(StrEnum):
    """How far what is drawn over time is apart. A day begins at midnight, UTC."""

    DAY = "DAY"
    HOUR = "HOUR"


def check_size(*amounts: Decimal) -> None:
    """Of quantities and of dollars. Raises AmountTooLarge."""
    if any(amount.adjusted() >= INTEGER_DIGITS_MAX for amount in amounts):
        raise AmountTooLarge(f"an amount has at most {INTEGER_DIGITS_MAX} digits before the point")


@dataclass(frozen=True)
class Quote:
    """A price, where it is from and when it was true there."""

    price: Price
    source: str
    as_of: datetime

    def age_seconds(self, now: datetime) -> float:
        return (now - self.as_of).total_seconds()


@dataclass(frozen=True)
class PastPrice:
    """At an hour, or the beginning of a day, the price was what the quote says, which is a little older."""

    at: datetime
    quote: Quote


@dataclass(frozen=True)
class Asset:
    """An asset and its rules, as operators write them. Notionals are what one order is worth, in dollars; bands are in
    basis points of the price."""

    asset_id: str
    name: str
    precision: int  # decimals of a quantity, 0..18
    min_notional: Money
    max_notional: Money
    execution: Execution
    active: bool
    price_source_id: str  # what the price oracle calls it
    exchange_symbol: str  # what the exchange calls it
    price_age_max_seconds: int
    estimate_band_bps: int = ESTIMATE_BAND_BPS  # how far an estimate may be from the price, in basis points
    slippage_max_bps: int = SLIPPAGE_MAX_BPS  # how far above the price it may be bought, below it sold
    fill_band_bps: int = FILL_BAND_BPS  # how much better than the price the exchange may fill and be believed
    pool_shards: int = 1  # more where its pool is hot
    pool_deadline_seconds: int = POOL_DEADLINE_SECONDS
    pool_top_up: bool = False  # at the deadline: the desk adds what it lacks, instead of refunding it
    min_pooled: Money = MIN_POOLED  # the smallest purchase, or sale of a part, that may wait in a pool
    desk_buys_max: Money = DESK_BUYS_MAX  # what the desk's own book buys a day of what the exchange takes no lot of
    spread_bps: int = 0  # from what the desk buys at to what it sells at, of the price: half of it on either side
    fees_bps: Fees = NONE  # what of an instant trade is the desk's, beside its spread
    price_step: Price = PRICE_STEP  # the price of a limit order is a multiple of it

    @property
    def too_coarse(self) -> bool:
        """Is it bought at an exchange, and has too few decimals for what a fee in coins leaves of it?"""
        return self.execution is Execution.EXCHANGE and self.precision < FEE_PRECISION

    def check_keeps_decimals(self, before: Asset) -> None:
        """Before an asset is changed to this one. Raises PrecisionLowered."""
        if self.precision < before.precision:
            raise PrecisionLowered(
                f"{self.asset_id} has {before.precision} decimals, which may be held: {self.precision} are too few",
                precision=before.precision,
            )

    def check_quantity(self, quantity: Quantity) -> None:
        """Raises PrecisionExceeded."""
        if fraction_digits(quantity.amount) > self.precision:
            raise PrecisionExceeded(
                f"{quantity} has more than the {self.precision} decimals of {self.asset_id}", precision=self.precision
            )

    def check_price(self, price: Price) -> None:
        """Of a limit order. Raises PriceOffStep."""
        if EXACT.remainder(price.usd_per_unit, self.price_step.usd_per_unit):
            raise PriceOffStep(
                f"the price of an order of {self.asset_id} is a multiple of ${self.price_step}, and ${price} is none",
                price_step=str(self.price_step),
            )

    def check_notional(self, notional: Money) -> None:
        """Raises BelowMinimum, AboveMaximum. Both ends are allowed."""
        if notional < self.min_notional:
            raise BelowMinimum(
                f"an order of {self.asset_id} is worth at least ${self.min_notional}, this one ${notional}",
                notional_usd=str(notional),
                min_notional_usd=str(self.min_notional),
            )
        self.check_maximum(notional)

    def check_pooled(self, amount: Money) -> None:
        """Of a purchase or sale that is too small to be made on its own. Raises BelowMinimum."""
        if amount < self.min_pooled:
            raise BelowMinimum(
                f"an order of {self.asset_id} is worth at least ${self.min_pooled}, this one ${amount}",
                notional_usd=str(amount),
                min_notional_usd=str(self.min_pooled),
            )

    def check_maximum(self, notional: Money) -> None:
        """Raises AboveMaximum."""
        if notional > self.max_notional:
            raise AboveMaximum(
                f"an order of {self.asset_id} is worth at most ${self.max_notional}, this one ${notional}",
                notional_usd=str(notional),
                max_notional_usd=str(self.max_notional),
            )


@dataclass(frozen=True)
class Symbols:
    """What the exchange calls our assets, by asset; and the way back."""

    by_asset: Mapping[str, str]

    @classmethod
    def of(cls, assets: Iterable[Asset]) -> Symbols:
        return cls({asset.asset_id: asset.exchange_symbol for asset in assets})

    def there(self, asset_id: str) -> str:
        return self.by_asset.get(asset_id, asset_id)

    def here(self, symbol: str) -> str:
        """The asset that the exchange calls so. A coin that is no asset of ours keeps its name, unless one of ours has
        that name and is called otherwise there: they are two coins."""
        for asset_id, named in self.by_asset.items():
            if named == symbol:
                return asset_id
        return f"{ELSEWHERE}.{symbol}" if symbol in self.by_asset else symbol


@dataclass(frozen=True)
class Jump:
    """A quote that is not believed on the source's word alone: it is too far from the latest, or the first of all.
    Nothing of the asset is traded from `since` on, until somebody else confirms the quote, or the source comes back to
    the latest."""

    quote: Quote
    since: datetime


@dataclass(frozen=True)
class Listing:
    """An asset with its latest quote, None before there is one.

    The latest, `quote`, counts from `effective_at` on; until then the one `before` it does. So all processes, whose
    views of the table differ by seconds, change the price at one instant:

        marked at 0 s ─── every process has seen it by 5 s ─── it counts in all of them from 6 s

    A process that has seen a new quote which does not count yet knows two, and trades at the one that is worse for the
    customer: otherwise the desk would fill orders at a price of which it knows that it is over.

    While there is a `jump` nothing is traded.
    """

    asset: Asset
    quote: Quote | None
    before: Quote | None = None
    effective_at: datetime | None = None
    jump: Jump | None = None

    def quote_at(self, now: datetime) -> Quote | None:
        """The quote that counts now; None when there has never been one."""
        return self.before if self.effective_at is not None and now < self.effective_at else self.quote

    def stale(self, now: datetime) -> bool:
        """Is the quote that counts too old, left behind by a jump, or from a future that no difference of clocks
        explains?"""
        quote = self.quote_at(now)
        if quote is None:
            return False
        return (
            self.jump is not None
            or not -CLOCKS_APART_SECONDS_MAX <= quote.age_seconds(now) <= self.asset.price_age_max_seconds
        )

    def is_jump(self, quote: Quote) -> bool:
        """Is this quote more than `PRICE_MOVE_MAX_BPS` from the latest, however old that is? It may be the market or a
        slip of the source, and that it lasts does not tell them apart. The first quote counts as a jump, since there is
        nothing to hold it against."""
        return self.quote is None or _far(quote, self.quote)

    def is_another_jump(self, quote: Quote) -> bool:
        """Is this quote, which has jumped, far from the one that waits to be confirmed, or does none wait?"""
        return self.jump is None or _far(quote, self.jump.quote)

    def full_hour(self, then: Quote) -> datetime | None:
        """The full hour at which the latest quote was still the price: the first since its time, if `then`, which
        follows it, is younger. None: the latest was too old by then, or left behind by a jump, or had jumped itself
        and was confirmed only later, so nobody knew the price of that hour; or no hour is full between the two."""
        if self.quote is None:
            return None
        hour = full_hour_after(self.quote.as_of)
        if self._had_jumped and self.effective_at is not None and hour < self.effective_at:
            return None
        known = (hour - self.quote.as_of).total_seconds() <= self.asset.price_age_max_seconds
        left_behind = self.jump is not None and min(self.jump.since, self.jump.quote.as_of) <= hour
        return hour if known and not left_behind and hour < then.as_of else None

    @property
    def _had_jumped(self) -> bool:
        """Was the latest quote one that had to be confirmed? The first has none before it but itself."""
        return self.quote is not None and (self.before in (None, self.quote) or _far(self.quote, self.before))

    def must_be_active(self) -> None:
        """Raises AssetInactive."""
        if not self.asset.active:
            raise AssetInactive(f"{self.asset.asset_id} is not traded at present")

    def tradable_ask(self, now: datetime) -> Quote:
        """What a customer buys at: the higher of the quotes that we know. Raises AssetInactive, PriceUnavailable."""
        return max(self._tradable(now), key=lambda quote: quote.price)

    def tradable_bid(self, now: datetime) -> Quote:
        """What a customer sells at: the lower of the quotes that we know. Raises AssetInactive, PriceUnavailable."""
        return min(self._tradable(now), key=lambda quote: quote.price)

    def _tradable(self, now: datetime) -> list[Quote]:
        """The quote that counts now, and the one that will. Raises AssetInactive, PriceUnavailable."""
        self.must_be_active()
        quote = self.quote_at(now)
        if quote is None:
            first = {} if self.jump is None else {"unconfirmed_price": str(self.jump.quote.price)}
            why = "there is no price for" if self.jump is None else "nobody has confirmed the first price of"
            raise PriceUnavailable(f"{why} {self.asset.asset_id} yet", **first, retry_after_seconds=60)
        if self.jump is not None:
            raise PriceUnavailable(
                f"the price of {self.asset.asset_id} has jumped to ${self.jump.quote.price}, not confirmed yet",
                price=str(quote.price),
                unconfirmed_price=str(self.jump.quote.price),
                retry_after_seconds=60,
            )
        if self.stale(now):
            why = "from the future" if is_from_future(quote, now) else "too old to trade on"
            raise PriceUnavailable(
                f"the latest price of {self.asset.asset_id} is {why}",
                age_seconds=int(quote.age_seconds(now)),
                age_max_seconds=self.asset.price_age_max_seconds,
                retry_after_seconds=60,
            )
        return [quote] if self.quote is None else [quote, self.quote]


def full_hour_after(at: datetime) -> datetime:
    """The first full hour (UTC) that is not before it."""
    hour = at.replace(minute=0, second=0, microsecond=0)
    return hour if hour == at else hour + timedelta(hours=1)


def is_from_future(quote: Quote, now: datetime) -> bool:
    """Is it dated later than a difference of clocks explains?"""
    return quote.age_seconds(now) < -CLOCKS_APART_SECONDS_MAX


def is_confirmed(price: Price, *, bid: Price, ask: Price) -> bool:
    """Do people at an exchange buy and sell near this price? Both sides have to be near it, so a market whose sides are
    far apart confirms nothing."""
    return all(price.differs_bps(side) <= CONFIRMED_WITHIN_BPS for side in (bid, ask))


def _far(quote: Quote, other: Quote) -> bool:
    return quote.price.differs_bps(other.price) > PRICE_MOVE_MAX_BPS
