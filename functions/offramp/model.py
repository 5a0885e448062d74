"""A sell order: crypto out at an exchange, fiat in at the customer's bank. Statuses are the seed's, verbatim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from common import keys
from common.domain.catalogue.model import Asset, Quote, check_size
from common.domain.exchange_orders.model import Fill
from common.domain.ledger.model import USD
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity, plain
from common.owner import Owner

RESOLVE_DUE = timedelta(minutes=1)  # an intent that the request left open is looked up then
LOOK_UP_BEGUN_SECONDS_MAX = 14  # of a request's 29: a look-up takes up to 12
BPS = Decimal(10_000)


class SellOrderNotFound(NotFound):
    """There is no such sell order, or it is somebody else's."""


class SellOrderNotOpen(Conflict):
    """The order is not where this could be done to it."""


class EstimateOutOfBand(Rejected):
    """The estimate is too far from the market. Take a new one from the price in the refusal."""


class NotALot(Rejected):
    """The exchange trades multiples of a step only, and not less than its smallest order."""


class SaleRefused(Unavailable):
    """The exchange did not take the order: nothing was sold and the coins are free again. The same request may be
    sent again."""


class SaleUnresolved(Unavailable):
    """The exchange has not said whether it has the order. The coins stay reserved until it is found out, which goes
    on by itself; the same request, sent again, tells."""


class Status(StrEnum):
    NEW = "NEW"  # an intent: a customer sees it as long as it holds his coins
    BASE_TXN_PENDING = "BASE_TXN_PENDING"
    BASE_TXN_FAILED = "BASE_TXN_FAILED"
    BASE_TXN_COMPLETED = "BASE_TXN_COMPLETED"
    TARGET_TXN_PENDING = "TARGET_TXN_PENDING"
    FILLED = "FILLED"
    SELL_PAYOUT_FAILED = "SELL_PAYOUT_FAILED"


TRANSITIONS: dict[Status, set[Status]] = {
    Status.NEW: {Status.BASE_TXN_PENDING},
    Status.BASE_TXN_PENDING: {Status.BASE_TXN_COMPLETED, Status.BASE_TXN_FAILED},
    Status.BASE_TXN_FAILED: set(),
    Status.BASE_TXN_COMPLETED: {Status.TARGET_TXN_PENDING, Status.FILLED},
    Status.TARGET_TXN_PENDING: {Status.FILLED, Status.SELL_PAYOUT_FAILED},
    Status.FILLED: set(),
    Status.SELL_PAYOUT_FAILED: {Status.FILLED, Status.TARGET_TXN_PENDING},
}
OPERATORS_ONLY: set[tuple[Status, Status]] = {
    (Status.SELL_PAYOUT_FAILED, Status.FILLED),
    (Status.SELL_PAYOUT_FAILED, Status.TARGET_TXN_PENDING),
}


@dataclass(frozen=True)
class Terms:
    """What a customer asks for: sell `quantity`, for about `estimated_amount` dollars, and pay it to a bank."""

    asset_id: str
    quantity: Decimal
    estimated_amount: Money
    crypto_client_id: str
    banking_client_id: str

    @property
    def fingerprint(self) -> str:
        return terms(
            asset_id=self.asset_id,
            quantity=self.quantity,
            estimated_amount=self.estimated_amount.usd,
            crypto_client_id=self.crypto_client_id,
            banking_client_id=self.banking_client_id,
        )


@dataclass(frozen=True)
class SellOrder:
    """The seed's CIO. `limit_price` is the least that the exchange may sell at; `exchange_orders` counts those that
    were tried, of which at most one exists at the exchange. A NEW order holds the coins while its exchange order is
    SENT; one that the exchange does not have is NEW without them, and may be tried again under its key once it `waits`
    for nothing: no last look, no person.

    After the sale: `executed` units for `gross` dollars, less the exchange's `fee`; `total_amount` is what is paid.
    """

    order_id: str
    owner: Owner
    quantity: Quantity
    estimated_amount: Money
    crypto_client_id: str
    banking_client_id: str
    status: Status
    terms: str
    limit_price: Price
    quote: Quote
    exchange_orders: int
    waits: bool
    needs_person: bool
    created_at: datetime
    updated_at: datetime
    executed: Quantity | None = None
    gross: Money | None = None
    fee: Money | None = None
    total_amount: Money | None = None
    resolved_at: datetime | None = None
    attempts: int = 0
    reason: str | None = None
    due_at: datetime | None = None  # by when it should have moved
    waits_for: str | None = None

    def repeated(self, asked: Terms) -> SellOrder:
        """This order, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.order_id)
        return self


class Stage(StrEnum):
    """What the machine `sell-order` does next, as the table says."""

    RESOLVE = "RESOLVE"  # look up whether the exchange has the order
    POLL = "POLL"  # ask the exchange for the fill
    SOLD = "SOLD"  # the machine `payout` goes on
    LOOK_AGAIN = "LOOK_AGAIN"  # later, for an order that the exchange did not have
    STOPPED = "STOPPED"  # a person has to look
    DONE = "DONE"  # nothing was sold, or nothing is to be done


def facts(order: SellOrder) -> dict[str, str]:
    """What a person reads of an order in its machine's history."""
    told = {
        "status": order.status.value,
        "reason": (order.waits_for if order.needs_person else order.reason) or "",
        "order": f"{order.quantity} at ${order.limit_price} or more",
        "price": f"${order.quote.price} of {order.quote.source}",
    }
    if order.executed is not None:
        told["executed"] = str(order.executed)
    if order.gross is not None:
        told |= {"gross": f"${order.gross}", "fee": f"${order.fee}", "amount": f"${order.total_amount}"}
    return told


def order_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.SELL_ORDER, owner.username, owner.sub, "POST /crypto/order/sell", idempotency_key)


@dataclass(frozen=True)
class Band:
    """Prices that an estimate may imply: `bps` basis points around the oracle's, both ends inclusive."""

    quote: Quote
    bps: int

    @property
    def low(self) -> Price:
        return self._edge(-self.bps)

    @property
    def high(self) -> Price:
        return self._edge(self.bps)

    def _edge(self, bps: int) -> Price:
        return Price(EXACT.multiply(self.quote.price.usd_per_unit, (BPS + bps) / BPS))

    def check(self, quantity: Quantity, estimate: Money, age_max_seconds: int, now: datetime) -> None:
        """Raises EstimateOutOfBand. Compared as amounts: no division, nothing is rounded."""
        low, high = (EXACT.multiply(edge.usd_per_unit, quantity.amount) for edge in (self.low, self.high))
        if not low <= estimate.usd <= high:
            raise EstimateOutOfBand(
                f"${estimate} for {quantity} is not within {self.bps} basis points of the price",
                estimated_usd=str(estimate),
                lowest_usd=str(_cents(low, ROUND_CEILING)),
                highest_usd=str(_cents(high, ROUND_FLOOR)),
                price=str(self.quote.price),
                price_source=self.quote.source,
                price_age_seconds=int(self.quote.age_seconds(now)),
                band_bps=self.bps,
                price_age_max_seconds=age_max_seconds,
            )


def sell_order(
    owner: Owner, order_id: str, asked: Terms, asset: Asset, quote: Quote, rules: MarketRules, now: datetime
) -> SellOrder:
    """The intent that `asked` becomes.

    Raises PrecisionExceeded, AmountTooLarge, EstimateOutOfBand, BelowMinimum, AboveMaximum, NotALot.
    """
    quantity = Quantity(asked.quantity, asset.asset_id)
    asset.check_quantity(quantity)
    check_size(quantity.amount, asked.estimated_amount.usd)
    band = Band(quote, asset.estimate_band_bps)
    band.check(quantity, asked.estimated_amount, asset.price_age_max_seconds, now)
    asset.check_notional(asked.estimated_amount)
    limit_price = rules.price_at_least(band.low)
    _check_rules(rules, quantity, limit_price)
    return SellOrder(
        order_id=order_id,
        owner=owner,
        quantity=quantity,
        estimated_amount=asked.estimated_amount,
        crypto_client_id=asked.crypto_client_id,
        banking_client_id=asked.banking_client_id,
        status=Status.NEW,
        terms=asked.fingerprint,
        limit_price=limit_price,
        quote=quote,
        exchange_orders=1,
        waits=True,
        needs_person=False,
        created_at=now,
        updated_at=now,
    )


def _check_rules(rules: MarketRules, quantity: Quantity, limit_price: Price) -> None:
    """Raises NotALot."""
    if not rules.trades(quantity, limit_price):
        raise NotALot(
            f"the exchange sells {quantity.asset_id} in multiples of {plain(rules.quantity_step)}, at least "
            f"{plain(rules.min_quantity)} and ${rules.min_notional} an order",
            quantity_step=plain(rules.quantity_step),
            min_quantity=plain(rules.min_quantity),
            min_notional_usd=str(rules.min_notional),
        )


@dataclass(frozen=True)
class SaleResult:
    """What a sale has come to for the customer."""

    fill: Fill

    @property
    def net(self) -> Money:
        return self.fill.gross - self.fill.fee

    @property
    def proceeds(self) -> Money:
        """What the customer is paid: gross less the exchange's fee, down to the cent, and never less than nothing."""
        return max(ZERO, _cents(self.net.usd, ROUND_FLOOR))

    @property
    def left_to_the_desk(self) -> list[Money | Quantity]:
        """What of the sale is the desk's, by asset and never nothing: the fraction of a cent, and fees in other assets
        or in the coins that were sold, which it bears."""
        left = {other: -fee for other, fee in sorted(self.fill.fees_elsewhere.items())}
        left[USD] = EXACT.add(left.get(USD, Decimal(0)), (self.net - self.proceeds).usd)
        return [Money(part) if of == USD else Quantity(part, of) for of, part in left.items() if part]


def unsold(order: SellOrder, reason: str, now: datetime) -> SellOrder:
    """The order of which nothing was sold."""
    nothing = replace(order.quantity, amount=Decimal(0))
    return replace(
        order, status=Status.BASE_TXN_FAILED, executed=nothing, resolved_at=now, updated_at=now, reason=reason
    )


def sold(order: SellOrder, fill: Fill, now: datetime) -> SellOrder:
    """The order after its sale: completed for what was executed, or failed when that is nothing."""
    if not fill.executed.amount:
        return unsold(order, f"the exchange ended the order as {fill.state} with nothing executed", now)
    part = "" if fill.executed == order.quantity else f"{fill.executed} of {order.quantity} were sold"
    return replace(
        order,
        status=Status.BASE_TXN_COMPLETED,
        executed=fill.executed,
        gross=fill.gross,
        fee=fill.fee,
        total_amount=SaleResult(fill).proceeds,
        resolved_at=now,
        updated_at=now,
        reason=part or None,
    )


def _cents(usd: Decimal, rounding: str) -> Money:
    return Money(usd.quantize(CENT, rounding, ROUNDING))
