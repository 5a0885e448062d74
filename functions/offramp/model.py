"""A sell order: crypto out at an exchange, fiat in at the customer's bank. Statuses are the seed's, verbatim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from common import keys
from common.domain.catalogue.model import Asset, BelowMinimum, ContradictoryTerms, Execution, Quote, check_size
from common.domain.desk_book.model import DeskBuys, Rest, price_of_rest
from common.domain.exchange_orders.model import Fill
from common.domain.ledger.model import ALL, USD
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity, plain
from common.owner import Owner

BEGINS_WITHIN = timedelta(minutes=1)  # a machine, which has to look at a sale before its end is known
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
    """What a customer asks for: sell `quantity`, or everything that is free (None), for about `estimated_amount`
    dollars, and pay it to a bank. Who sells everything may leave the estimate to the desk (None)."""

    asset_id: str
    quantity: Decimal | None
    estimated_amount: Money | None
    crypto_client_id: str
    banking_client_id: str

    def __post_init__(self) -> None:
        """Raises ContradictoryTerms."""
        if self.quantity is not None and self.estimated_amount is None:
            raise ContradictoryTerms("give an estimated_amount with a quantity")

    @property
    def fingerprint(self) -> str:
        return terms(
            asset_id=self.asset_id,
            quantity=ALL if self.quantity is None else self.quantity,
            estimated_amount=None if self.estimated_amount is None else self.estimated_amount.usd,
            crypto_client_id=self.crypto_client_id,
            banking_client_id=self.banking_client_id,
        )


@dataclass(frozen=True)
class SellOrder:
    """The seed's CIO. `limit_price` is the least that the exchange may sell at; `exchange_orders` counts those that
    were tried, of which at most one exists at the exchange. A NEW order holds the coins while its exchange order is
    SENT; one that the exchange does not have is NEW without them, and may be tried again under its key once it `waits`
    for nothing: no last look, no person.

    One that `sells_all` may have a `rest`, which is part of the quantity and not of the exchange's order: less than a
    lot, for the desk's own book, when the rest of it is sold.

    After the sale: `executed` units for `gross` dollars, what `desk_buys` is in both, less the exchange's `fee`;
    `total_amount` is what is paid.
    """

    order_id: str
    owner: Owner
    quantity: Quantity
    sells_all: bool  # of what was free then
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
    rest: Rest | None = None
    executed: Quantity | None = None
    gross: Money | None = None
    fee: Money | None = None
    total_amount: Money | None = None
    desk_buys: DeskBuys | None = None
    resolved_at: datetime | None = None
    attempts: int = 0
    reason: str | None = None
    due_at: datetime | None = None  # by when it should have moved
    waits_for: str | None = None

    @property
    def lots(self) -> Quantity:
        """What the exchange is asked for."""
        return self.quantity if self.rest is None else self.quantity - self.rest.quantity

    @property
    def expected_by(self) -> datetime | None:
        """By when its stage has usually moved: of a sale, which is cancelled after the `POLL_LIMIT` of exchange orders,
        from its first poll on; of a payout, when its machine looks at it again, since nobody here knows how long a bank
        takes. None: it is over, it waits for a person, or its stage lasts no longer than a machine takes to begin."""
        if not self.waits or self.needs_person or self.due_at is None:
            return None
        if self.status is Status.BASE_TXN_PENDING:
            return self.due_at if self.due_at > self.updated_at + BEGINS_WITHIN else None
        return self.due_at if self.status is Status.TARGET_TXN_PENDING else None

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
        "order": f"{order.lots} at ${order.limit_price} or more",
        "price": f"${order.quote.price} of {order.quote.source}",
    }
    if order.executed is not None:
        told["executed"] = str(order.executed)
    if order.gross is not None:
        told |= {"gross": f"${order.gross}", "fee": f"${order.fee}", "amount": f"${order.total_amount}"}
    if order.desk_buys is not None:
        told["desk"] = f"buys {order.desk_buys.quantity} at ${order.desk_buys.price}"
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
    owner: Owner,
    order_id: str,
    asked: Terms,
    quantity: Quantity,
    asset: Asset,
    quote: Quote,
    rules: MarketRules,
    now: datetime,
) -> SellOrder:
    """The intent that `asked` becomes, of `quantity`: what is asked for, or all that is free.

    Everything may be more than lots, which a part must not, and has no largest size: who sells what he has is not
    protected by one. An estimate that is left to the desk is what everything brings at its price.

    Raises PrecisionExceeded, AmountTooLarge, EstimateOutOfBand, BelowMinimum, AboveMaximum, NotALot.
    """
    sells_all, band = asked.quantity is None, Band(quote, asset.estimate_band_bps)
    if not sells_all:
        asset.check_quantity(quantity)
    estimate = asked.estimated_amount or quote.price.proceeds_of(quantity)
    check_size(quantity.amount, estimate.usd)
    if asked.estimated_amount is not None:
        band.check(quantity, estimate, asset.price_age_max_seconds, now)
    _check_minimum(estimate, asset)
    if not sells_all:
        asset.check_maximum(estimate)
    limit_price = rules.price_at_least(band.low)
    lots = rules.quantity_at_most(quantity) if sells_all else quantity
    _check_rules(rules, lots, limit_price, asset)
    rest = quantity - lots
    return SellOrder(
        order_id=order_id,
        owner=owner,
        quantity=quantity,
        sells_all=sells_all,
        estimated_amount=estimate,
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
        rest=Rest(rest, asset.desk_buys_max) if rest.amount else None,
    )


def _check_minimum(estimate: Money, asset: Asset) -> None:
    """Raises BelowMinimum, with the way that is open to what is worth less."""
    if estimate < asset.min_notional:
        raise BelowMinimum(
            f"a cash-out of {asset.asset_id} is worth at least ${asset.min_notional}, this one ${estimate}: "
            f"{_instead(asset)}",
            notional_usd=str(estimate),
            min_notional_usd=str(asset.min_notional),
            route=_route(asset),
        )


def _check_rules(rules: MarketRules, quantity: Quantity, limit_price: Price, asset: Asset) -> None:
    """Raises NotALot."""
    if not rules.trades(quantity, limit_price):
        raise NotALot(
            f"the exchange sells {quantity.asset_id} in multiples of {plain(rules.quantity_step)}, at least "
            f"{plain(rules.min_quantity)} and ${rules.min_notional} an order: cash out all of it, or {_instead(asset)}",
            quantity_step=plain(rules.quantity_step),
            min_quantity=plain(rules.min_quantity),
            min_notional_usd=str(rules.min_notional),
            route=_route(asset),
        )


def _instead(asset: Asset) -> str:
    return f"sell it by {_route(asset)}, and withdraw the dollars"


def _route(asset: Asset) -> str:
    """Where any quantity is sold for dollars."""
    return "POST /sales" if asset.execution is Execution.EXCHANGE else "POST /orders"


@dataclass(frozen=True)
class SaleResult:
    """What a sale has come to for the customer: what the exchange has executed, and the desk's own book has bought."""

    fill: Fill
    desk_buys: DeskBuys | None = None

    @property
    def net(self) -> Money:
        """What the exchange has brought."""
        return self.fill.gross - self.fill.fee

    @property
    def executed(self) -> Quantity:
        return self.fill.executed if self.desk_buys is None else self.fill.executed + self.desk_buys.quantity

    @property
    def gross(self) -> Money:
        return self.fill.gross if self.desk_buys is None else self.fill.gross + self.desk_buys.amount

    @property
    def proceeds(self) -> Money:
        """What the customer is paid: gross less the exchange's fee, down to the cent, and never less than nothing."""
        return max(ZERO, _cents((self.gross - self.fill.fee).usd, ROUND_FLOOR))

    @property
    def left_to_the_desk(self) -> list[Money | Quantity]:
        """What of the sale is the desk's, by asset and never nothing: the fraction of a cent; what it has bought, and
        paid for it; and fees in other assets or in the coins that were sold, which it bears."""
        left = {other: -fee for other, fee in sorted(self.fill.fees_elsewhere.items())}
        left[USD] = EXACT.add(left.get(USD, Decimal(0)), (self.net - self.proceeds).usd)
        if self.desk_buys is not None:
            asset_id = self.desk_buys.quantity.asset_id
            left[asset_id] = EXACT.add(left.get(asset_id, Decimal(0)), self.desk_buys.quantity.amount)
        return [Money(part) if of == USD else Quantity(part, of) for of, part in left.items() if part]


def unsold(order: SellOrder, reason: str, now: datetime) -> SellOrder:
    """The order of which nothing was sold."""
    nothing = replace(order.quantity, amount=Decimal(0))
    return replace(
        order, status=Status.BASE_TXN_FAILED, executed=nothing, resolved_at=now, updated_at=now, reason=reason
    )


def sold(order: SellOrder, fill: Fill, now: datetime, *, desk_may_buy: bool = True) -> SellOrder:
    """The order after its sale: completed for what was executed, or failed when that is nothing."""
    if not fill.executed.amount:
        return unsold(order, f"the exchange ended the order as {fill.state} with nothing executed", now)
    desk_buys = _desk_buys(order, fill) if desk_may_buy else None
    result = SaleResult(fill, desk_buys)
    return replace(
        order,
        status=Status.BASE_TXN_COMPLETED,
        executed=result.executed,
        gross=result.gross,
        fee=fill.fee,
        total_amount=result.proceeds,
        desk_buys=desk_buys,
        resolved_at=now,
        updated_at=now,
        reason=_why_not_all(order, result),
    )


def _desk_buys(order: SellOrder, fill: Fill) -> DeskBuys | None:
    """What the desk's own book buys, when the exchange has sold all that it was asked for: at what that has brought a
    unit, but not above the price that it was asked at. Who has lots left has more to sell there."""
    if order.rest is None or fill.executed != order.lots:
        return None
    price = price_of_rest(max(ZERO, fill.gross - fill.fee), fill.executed, order.quote.price)
    return DeskBuys(order.rest.quantity, price)


def _why_not_all(order: SellOrder, result: SaleResult) -> str | None:
    if result.executed == order.quantity:
        return None
    part = f"{result.executed} of {order.quantity} were sold"
    if result.executed == order.lots:
        return f"{part}: the desk buys no more today of what is less than a lot"
    return part


def _cents(usd: Decimal, rounding: str) -> Money:
    return Money(usd.quantize(CENT, rounding, ROUNDING))
