"""Who gets what of a batch of sales. Pure.

A batch sells for all its members at one price:

    wanted     of a member: all that he holds for it, unless the limit is below his own
    quantity   of the order: the sum, down to the exchange's step; limit: the price less `slippage_max_bps`, or more
               where only that makes an order of it, by the members' own limits
    rest       of the sum, less than a lot: bought by the desk's own book when the order is filled, at what that has
               brought a unit and not above the price; so is everything, at the price then, when it is less than the
               exchange's smallest order by any such limit: nobody makes the desk buy what the exchange would
    sold       what the exchange has executed and the desk buys, by what is wanted, by largest remainder in the asset's
               smallest unit: sums exactly; the rest of his coins goes back
    proceeds   for what is sold: what the order has brought less the exchange's fee in dollars, and what the desk pays;
               down to the cent, by what is sold, by largest remainder: sums exactly

Fees in other assets, and in the coins themselves, are the desk's, and so is whatever can not be cut into whole units or
cents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from functools import reduce

from common.domain.catalogue.model import Asset, Quote
from common.domain.desk_book.model import DeskBuys, Rest, price_of_rest
from common.domain.exchange_orders.model import Fill
from common.domain.ledger.model import USD
from common.market import MarketRules
from common.money import CENT, EXACT, FRACTION_DIGITS_MAX, ROUNDING, ZERO, Money, Price, Quantity
from functions.purchases.allocation import BPS, largest_remainder
from functions.purchases.model import Batch, BatchResult, Plan, Status, bought, nothing
from functions.purchases.sale_model import Seller

NONE = Decimal(0)


@dataclass(frozen=True)
class Share:
    """What a member has sold, and what he gets for it."""

    order_id: str
    sold: Quantity
    proceeds: Money

    @property
    def status(self) -> Status:
        return Status.COMPLETED if self.sold.amount else Status.FAILED


def plan(sellers: Sequence[Seller], asset: Asset, quote: Quote, rules: MarketRules) -> Plan | BatchResult:
    """What to ask the exchange for; or what comes to pass without it: the desk buys all, within its limit, or nobody
    does."""
    for limit in _limits(sellers, asset, quote.price, rules):
        total = _total(sellers, limit, asset.asset_id)
        quantity = rules.quantity_at_most(total)
        if rules.trades(quantity, limit):
            rest = Rest(total - quantity, asset.desk_buys_max)
            return Plan(quote, asset.precision, quantity, limit, rest if rest.quantity.amount else None)
    by_desk = _total(sellers, quote.price, asset.asset_id)
    if by_desk.amount:
        found = nothing(asset.asset_id, "")
        return BatchResult(found.executed, found.gross, desk_buys=DeskBuys(by_desk, quote.price))
    return nothing(asset.asset_id, f"not sold: the price of ${quote.price} is below min_price")


def _limits(sellers: Sequence[Seller], asset: Asset, price: Price, rules: MarketRules) -> list[Price]:
    """What is to be paid a unit at least, the lowest first: without the slippage; or, where the others are too little
    without those who take more, what these take, and not more than the price. Who is alone has his own."""
    floor = Price(EXACT.multiply(price.usd_per_unit, (BPS - asset.slippage_max_bps) / BPS))
    own = {s.min_price for s in sellers if s.min_price is not None and s.min_price > floor}
    if len(sellers) == 1:
        return [rules.price_at_least(max(own, default=floor))]
    return [rules.price_at_least(limit) for limit in (floor, *sorted(each for each in own if each <= price))]


def without_desk(found: BatchResult) -> BatchResult:
    """The same when the desk's own book may buy no more that day."""
    why = "less than the exchange's smallest order" if not found.executed.amount else "less than a lot"
    told = f"the desk buys no more today of what is {why}"
    return BatchResult(
        executed=found.executed,
        gross=found.gross,
        fee=found.fee,
        fee_in_asset=found.fee_in_asset,
        fees_elsewhere=found.fees_elsewhere,
        reason=found.reason or (told if found.executed.amount else f"not sold: {told}"),
    )


def sold(fill: Fill, planned: Plan) -> BatchResult:
    """What the exchange has finally executed of a batch's order, and what the desk buys of the rest."""
    found, rest = bought(fill, planned.quantity), planned.rest
    if rest is None or not found.executed.amount or found.executed != planned.quantity:
        return found
    return BatchResult(
        executed=found.executed,
        gross=found.gross,
        fee=found.fee,
        fee_in_asset=found.fee_in_asset,
        fees_elsewhere=found.fees_elsewhere,
        reason=found.reason,
        desk_buys=DeskBuys(rest.quantity, price_of_rest(found.net, found.executed, planned.quote.price)),
    )


def shares(batch: Batch, sellers: Sequence[Seller]) -> list[Share]:
    """Each member's part of what was sold, in the order of their ids. The same members and the same sale give the same
    shares, always."""
    assert batch.bought is not None
    found, asset_id, ordered = batch.bought, batch.asset_id, sorted(sellers, key=lambda s: s.order_id)
    taken = found.executed.amount
    if found.desk_buys is not None:
        taken = EXACT.add(taken, found.desk_buys.quantity.amount)
    price = _price(batch)
    if not taken or price is None:
        return [Share(s.order_id, Quantity(0, asset_id), ZERO) for s in ordered]
    precision = FRACTION_DIGITS_MAX if batch.plan is None else batch.plan.precision
    wants = {s.order_id: _units(s.quantity.amount, precision) if s.takes(price) else 0 for s in ordered}
    units = min(_units(taken, precision), sum(wants.values()))
    parts = largest_remainder(units, wants)
    cents = largest_remainder(_cents(found, _amount(units, precision), taken), parts)
    return [
        Share(
            s.order_id,
            Quantity(_amount(parts[s.order_id], precision), asset_id),
            Money(EXACT.multiply(CENT, Decimal(cents[s.order_id]))),
        )
        for s in ordered
    ]


def _price(batch: Batch) -> Price | None:
    """At which every member who takes it sells: the order's limit, or the desk's price where there is no order."""
    assert batch.bought is not None
    if batch.plan is not None:
        return batch.plan.limit_price
    return None if batch.bought.desk_buys is None else batch.bought.desk_buys.price


def _cents(found: BatchResult, part: Decimal, taken: Decimal) -> int:
    """What a part of all that was taken has brought, in whole cents, down."""
    pot = found.net if found.desk_buys is None else found.net + found.desk_buys.amount
    usd = ROUNDING.divide(EXACT.multiply(pot.usd, part), taken)
    return int(ROUNDING.divide(usd, CENT).to_integral_value(ROUND_FLOOR))


def why_not_all(seller: Seller, share: Share, batch: Batch) -> str | None:
    """Why a member sold nothing, or less than he asked for; None when all was sold."""
    assert batch.bought is not None
    price = _price(batch)
    if share.sold == seller.quantity:
        return None
    if price is not None and not seller.takes(price):
        return f"not sold: the limit of ${price} is below min_price ${seller.min_price}"
    if not share.sold.amount:
        return batch.bought.reason or "not sold: nothing of what was sold fell to it"
    return batch.bought.reason or "less than a lot of all that was to be sold is left, and goes back"


def left_to_the_desk(batch: Batch, shares: Sequence[Share]) -> list[Money | Quantity]:
    """What of a batch is the desk's, by asset and never nothing: dollars that it has brought above what the members
    get, or (negative) that the desk pays; coins that it has bought of them, or paid as a fee; fees in other assets."""
    assert batch.bought is not None
    found, asset_id = batch.bought, batch.asset_id
    left = {other: -fee for other, fee in sorted(found.fees_elsewhere.items())}
    brought = EXACT.add(EXACT.subtract(found.gross.usd, found.fee.usd), left.get(USD, NONE))
    left[USD] = EXACT.subtract(brought, _sum(s.proceeds.usd for s in shares))
    gone = EXACT.add(found.executed.amount, found.fee_in_asset)
    left[asset_id] = EXACT.subtract(_sum(s.sold.amount for s in shares), gone)
    return [Money(part) if of == USD else Quantity(part, of) for of, part in left.items() if part]


def _total(sellers: Sequence[Seller], price: Price, asset_id: str) -> Quantity:
    return Quantity(_sum(s.quantity.amount for s in sellers if s.takes(price)), asset_id)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, NONE)


def _units(amount: Decimal, precision: int) -> int:
    return int(ROUNDING.scaleb(amount, Decimal(precision)))


def _amount(units: int, precision: int) -> Decimal:
    return EXACT.scaleb(Decimal(units), Decimal(-precision))
