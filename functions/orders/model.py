"""An order: what was asked, what it became, and what may become of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common import keys
from common.domain.catalogue.model import (
    AmountTooLarge,
    Asset,
    ContradictoryTerms,
    Execution,
    Listing,
    PriceMoved,
    Quote,
    check_size,
)
from common.domain.fees import Tier
from common.errors import Conflict, NotFound, Rejected
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import (
    EXACT,
    FRACTION_DIGITS_MAX,
    PRICE_DIGITS_MAX,
    ROUNDING,
    ZERO,
    Money,
    Price,
    Quantity,
)
from common.owner import Owner

ORDER_LIFETIME_DEFAULT = timedelta(days=30)
ORDER_LIFETIME_MAX = timedelta(days=90)
ENDED_BY_THE_DESK = "the desk could not carry it out"  # where an operator has no more to tell the customer
STATEMENT_LINES_MAX = 20_000  # as CSV; Lambda answers with 6 MB
JSON_LINES_MAX = 10_000
CANCEL_ALL_BATCH = 50  # orders in one request; it returns a cursor to go on


class OrderNotFound(NotFound):
    """There is no such order, or it is somebody else's."""


class HoldingNotFound(NotFound):
    """The caller never had any of the asset."""


class OrderNotPending(Conflict):
    """The order is decided; nothing can be done about it any more."""


class BoughtElsewhere(Conflict):
    """The asset is bought and sold at an exchange, not on the desk's book."""


class FeeTakesAll(Rejected):
    """The fee would be all that the sale brings. Facts: `fee_usd`."""


class ExpiryOutOfRange(Rejected):
    """`expires_at` is past, or too far ahead."""


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class Status(StrEnum):
    PENDING = "PENDING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.PENDING: {Status.COMPLETED, Status.CANCELLED, Status.FAILED},
    Status.COMPLETED: set(),
    Status.CANCELLED: set(),
    Status.FAILED: set(),
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {(Status.PENDING, Status.FAILED)}


@dataclass(frozen=True)
class Terms:
    """What a customer asks for. Exactly one of `quantity` and `quote_amount`; a limit order has `order_price`. With
    `quote_id`, at the price that was promised him."""

    asset_id: str
    order_type: Side
    quantity: Decimal | None = None
    quote_amount: Money | None = None  # spend, or get, this
    order_price: Price | None = None
    expires_at: datetime | None = None
    max_price: Price | None = None  # protects a buyer at the market
    min_price: Price | None = None  # protects a seller at the market
    quote_id: str | None = None

    def __post_init__(self) -> None:
        """Raises ContradictoryTerms."""
        if (self.quantity is None) == (self.quote_amount is None):
            raise ContradictoryTerms("give either quantity or quote_amount")
        if self.order_price is None and self.expires_at is not None:
            raise ContradictoryTerms("only a limit order expires: give order_price, or no expires_at")
        if self.order_price is not None and self.quote_amount is not None:
            raise ContradictoryTerms("a limit order is for a quantity: its total is known only when it fills")
        if self.order_price is not None and (self.max_price or self.min_price):
            raise ContradictoryTerms("order_price protects a limit order already; give no max_price or min_price")
        if self.max_price is not None and self.order_type is Side.SELL:
            raise ContradictoryTerms("max_price protects a buyer; a seller gives min_price")
        if self.min_price is not None and self.order_type is Side.BUY:
            raise ContradictoryTerms("min_price protects a seller; a buyer gives max_price")
        if self.quote_id is not None and (self.order_price or self.max_price or self.min_price):
            raise ContradictoryTerms("a quote has its price: give no order_price, max_price or min_price")

    @property
    def is_limit(self) -> bool:
        return self.order_price is not None

    @property
    def fingerprint(self) -> str:
        def number(price: Price | None) -> Decimal | None:
            return None if price is None else price.usd_per_unit

        return terms(
            asset_id=self.asset_id,
            order_type=self.order_type,
            quantity=self.quantity,
            quote_amount=None if self.quote_amount is None else self.quote_amount.usd,
            order_price=number(self.order_price),
            expires_at=None if self.expires_at is None else self.expires_at.isoformat(),
            max_price=number(self.max_price),
            min_price=number(self.min_price),
            quote_id=self.quote_id,
        )


@dataclass(frozen=True)
class Order:
    """`price_per_unit`, `total_amount` and `fee` are those of the fill; a pending order has none of them.

    The fee is in the total of a buy, and is taken off that of a sale: `fee_bps` of what the quantity is worth at the
    price, as it was when the order was accepted. `hold` is what a pending order reserves: dollars for a buy, with the
    fee; a sale reserves its quantity. `quote_id` is of the quote at which it was placed.
    """

    order_id: str
    owner: Owner
    order_type: Side
    quantity: Quantity
    status: Status
    terms: str
    created_at: datetime
    updated_at: datetime
    order_price: Price | None = None
    expires_at: datetime | None = None
    hold: Money | None = None
    price_per_unit: Price | None = None
    price_source: str | None = None
    price_as_of: datetime | None = None
    total_amount: Money | None = None
    reason: str | None = None
    quote_id: str | None = None
    fee_bps: int = 0
    fee: Money | None = None

    def repeated(self, asked: Terms) -> Order:
        """This order, as the answer to a repeat. Raises IdempotencyKeyReused when other terms are asked."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.order_id)
        return self


class ListedType(StrEnum):
    """What kinds of orders are listed among all of a customer's."""

    BUY = "BUY"
    SELL = "SELL"
    SALE = "SALE"
    MARKET_MAKING = "MARKET_MAKING"


@dataclass(frozen=True)
class OtherOrder:
    """An order of another context, as it is listed among all of a customer's orders. Its own route tells the rest."""

    order_id: str
    owner: Owner
    order_type: ListedType
    quantity: Quantity
    status: str
    created_at: datetime
    updated_at: datetime
    total_amount: Money | None
    reason: str | None
    held: Money | None
    price_source: str | None
    price_as_of: datetime | None
    expires_at: datetime | None
    executed: Quantity | None = None  # what was bought or sold of it
    gross: Money | None = None  # what a sale brought before the exchange's fee
    fee: Money | None = None  # what of its total the exchange took
    fee_in_coins: Quantity | None = None  # or what it kept of the coins that were bought
    batch_id: str | None = None  # what a purchase was bought with, or a sale sold: it knows their fees

    @property
    def price_per_unit(self) -> Price | None:
        """On average: what a purchase has cost with its fees, and what a sale has brought before them."""
        amount = self.total_amount if self.gross is None else self.gross
        if amount is None or self.executed is None or not self.executed.amount:
            return None
        return amount.per_unit_of(self.executed)

    def with_fees_of(self, batch: BatchFees) -> OtherOrder:
        """A purchase or a sale that is over, with its part of the fees of its batch: pro rata. Fees in coins of a sale
        are the desk's."""
        if self.total_amount is None or self.executed is None or not self.executed.amount:
            return self
        if self.order_type is ListedType.SALE:
            brought = max(ZERO, batch.gross - batch.fee) + batch.desk_paid
            return replace(self, fee=self.total_amount.share(batch.fee.usd, brought.usd) if brought != ZERO else ZERO)
        cost, received = batch.gross + batch.fee, EXACT.subtract(batch.executed, batch.fee_in_coins)
        fee = self.total_amount.share(batch.fee.usd, cost.usd) if cost != ZERO else ZERO
        kept = ROUNDING.divide(EXACT.multiply(self.executed.amount, batch.fee_in_coins), received)
        kept = ROUNDING.quantize(kept, Decimal(1).scaleb(-FRACTION_DIGITS_MAX))
        return replace(self, fee=fee, fee_in_coins=Quantity(kept, self.executed.asset_id))


@dataclass(frozen=True)
class BatchFees:
    """What a batch of purchases or sales was traded for at the exchange, and its fees: in dollars, and in its coins.
    `desk_paid`: for what the desk's own book has bought of one of sales."""

    executed: Decimal
    gross: Money
    fee: Money
    fee_in_coins: Decimal
    desk_paid: Money = ZERO


def order_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.ORDER, owner.username, owner.sub, "POST /orders", idempotency_key)


def with_fee(gross: Money, side: Side, fee_bps: int) -> tuple[Money, Money]:
    """What a trade of `gross` moves of its customer's dollars, and what of it is the desk's. Raises FeeTakesAll."""
    fee = gross.fee(fee_bps)
    total = gross + fee if side is Side.BUY else gross - fee
    if total <= ZERO:
        raise FeeTakesAll(
            f"the sale would bring ${gross}, and its fee is ${fee}: nothing is left of it; sell more at once",
            fee_usd=str(fee),
        )
    return total, fee


def market_order(
    owner: Owner, order_id: str, asked: Terms, asset: Asset, quote: Quote, now: datetime, tier: Tier
) -> Order:
    """The order that `asked` becomes at `quote`, of a customer of this tier, completed. What protects its price, and
    the asset's bounds, are without the fee; a `quote_amount` is with it.

    Raises BoughtElsewhere, PriceMoved, PrecisionExceeded, BelowMinimum, AboveMaximum, FeeTakesAll, AmountTooLarge.
    """
    check_execution(asset, asked.order_type)
    price = quote.price
    if asked.max_price is not None and price > asked.max_price:
        raise PriceMoved(f"the price is {price}, over your max_price {asked.max_price}", price=str(price))
    if asked.min_price is not None and price < asked.min_price:
        raise PriceMoved(f"the price is {price}, under your min_price {asked.min_price}", price=str(price))
    buying, fee_bps = asked.order_type is Side.BUY, asset.fees_bps.of(tier)
    if asked.quantity is not None:
        quantity = Quantity(asked.quantity, asset.asset_id)
        asset.check_quantity(quantity)
    else:
        assert asked.quote_amount is not None
        amount = asked.quote_amount
        amount = amount.before_fee_on_top(fee_bps) if buying else amount.before_fee_off(fee_bps)
        quantity = price.quantity_for(amount, asset.asset_id, asset.precision, at_least=not buying)
    # By quote amount, too, the total is the quantity's: exactly what was asked wherever the asset's smallest step is
    # worth less than a cent, and where it is coarser the difference stays with the customer.
    gross = _worth(price, quantity, asked.order_type)
    asset.check_notional(gross)
    total, fee = with_fee(gross, asked.order_type, fee_bps)
    check_size(quantity.amount, total.usd)
    return Order(
        order_id=order_id,
        owner=owner,
        order_type=asked.order_type,
        quantity=quantity,
        status=Status.COMPLETED,
        terms=asked.fingerprint,
        created_at=now,
        updated_at=now,
        price_per_unit=price,
        price_source=quote.source,
        price_as_of=quote.as_of,
        total_amount=total,
        fee_bps=fee_bps,
        fee=fee,
    )


def limit_order(
    owner: Owner, order_id: str, asked: Terms, asset: Asset, quote: Quote | None, now: datetime, tier: Tier
) -> Order:
    """The pending order that `asked` becomes, of a customer of this tier. It fills at the market, which may be better
    than its price already, so its notional is within the asset's bounds at both. `quote` is without the asset's spread.

    Raises BoughtElsewhere, AmountTooLarge, PriceOffStep, ExpiryOutOfRange, PrecisionExceeded, BelowMinimum,
    AboveMaximum, FeeTakesAll.
    """
    assert asked.order_price is not None
    assert asked.quantity is not None
    check_execution(asset, asked.order_type)
    if asked.order_price.usd_per_unit.adjusted() >= PRICE_DIGITS_MAX:
        raise AmountTooLarge(f"a price has at most {PRICE_DIGITS_MAX} digits before the point")
    asset.check_price(asked.order_price)
    expires_at = asked.expires_at or now + ORDER_LIFETIME_DEFAULT
    if not now < expires_at <= now + ORDER_LIFETIME_MAX:
        raise ExpiryOutOfRange(f"expires_at is after now and within {ORDER_LIFETIME_MAX.days} days")
    quantity = Quantity(asked.quantity, asset.asset_id)
    asset.check_quantity(quantity)
    buying, fee_bps = asked.order_type is Side.BUY, asset.fees_bps.of(tier)
    notional = _worth(asked.order_price, quantity, asked.order_type)
    asset.check_notional(notional)
    total, _ = with_fee(notional, asked.order_type, fee_bps)  # at a better price it is never less of a sale
    check_size(quantity.amount, total.usd)
    price = asked.order_price if quote is None else on_side(quote, asked.order_type, asset).price
    if price < asked.order_price if buying else price > asked.order_price:
        better = _worth(price, quantity, asked.order_type)
        asset.check_notional(better)
        check_size(quantity.amount, better.usd)
    return Order(
        order_id=order_id,
        owner=owner,
        order_type=asked.order_type,
        quantity=quantity,
        status=Status.PENDING,
        terms=asked.fingerprint,
        created_at=now,
        updated_at=now,
        order_price=asked.order_price,
        expires_at=expires_at,
        hold=total if buying else None,
        fee_bps=fee_bps,
    )


def filled(order: Order, quote: Quote, now: datetime) -> Order:
    """The pending order, filled in full at the market, which has crossed its price: never worse than the limit.

    Raises AmountTooLarge.
    """
    assert crosses(order, quote.price)
    total, fee = with_fee(_worth(quote.price, order.quantity, order.order_type), order.order_type, order.fee_bps)
    check_size(order.quantity.amount, total.usd)
    return replace(
        order,
        status=Status.COMPLETED,
        price_per_unit=quote.price,
        price_source=quote.source,
        price_as_of=quote.as_of,
        total_amount=total,
        fee=fee,
        updated_at=now,
    )


def _worth(price: Price, quantity: Quantity, side: Side) -> Money:
    """What is paid for it, or got, before the fee."""
    return price.cost_of(quantity) if side is Side.BUY else price.proceeds_of(quantity)


def closed(order: Order, status: Status, reason: str, now: datetime) -> Order:
    """The pending order, cancelled or failed. Raises OrderNotPending."""
    if status not in TRANSITIONS[order.status]:
        raise OrderNotPending(
            f"the order is {order.status} and can not become {status}", id=order.order_id, order_status=order.status
        )
    return replace(order, status=status, reason=reason, updated_at=now)


def check_execution(asset: Asset, side: Side) -> None:
    """Raises BoughtElsewhere."""
    if asset.execution is Execution.INSTANT:
        return
    buys = side is Side.BUY
    done, route, protects = ("bought", "POST /purchases", "max_price") if buys else ("sold", "POST /sales", "min_price")
    raise BoughtElsewhere(
        f"{asset.asset_id} is {done} at an exchange: {route}. {protects} protects you there; nothing rests at a limit",
        route=route,
    )


def tradable_quote(listing: Listing, side: Side, now: datetime) -> Quote:
    """What the desk trades at with a buyer, or with a seller: the asset's spread is in it. Raises AssetInactive,
    PriceUnavailable."""
    quote = listing.tradable_ask(now) if side is Side.BUY else listing.tradable_bid(now)
    return on_side(quote, side, listing.asset)


def on_side(quote: Quote, side: Side, asset: Asset) -> Quote:
    """With half of the asset's spread: a buyer pays price × (1 + spread / 2), a seller gets price × (1 - spread / 2)
    a unit."""
    if not asset.spread_bps:
        return quote
    price = quote.price
    return replace(
        quote,
        price=price.half_above(asset.spread_bps) if side is Side.BUY else price.half_below(asset.spread_bps),
    )


def crosses(order: Order, price: Price) -> bool:
    """Has the market crossed the limit of this order, at this price?"""
    assert order.order_price is not None
    return price <= order.order_price if order.order_type is Side.BUY else price >= order.order_price


def is_over(order: Order, now: datetime) -> bool:
    """Is its time over, whether or not the clock has come to cancel it?"""
    return order.expires_at is not None and order.expires_at <= now
