"""Who gets what of a batch. Pure.

What the customer gives is dollars, and they are his limit. A batch buys for all its members at one price:

    wanted     of a member: what his dollars buy at the price when the batch is placed, and never more than he asked for
    quantity   of the order: the sum, down to the exchange's step; limit: the price and `slippage_max_bps`, or less
               where only that makes an order of it, by the members' own limits
    allocated  what was executed, by what is wanted, by largest remainder in the asset's smallest unit, as far as his
               dollars reach at what it has cost
    charged    for what is allocated, what the order has cost a unit; by largest remainder in cents; the rest of his
               dollars goes back

The exchange's fee is the customer's: one in coins makes his part smaller and is paid for with it, one in dollars is a
part of the cost, also above his own limit; a rebate is a fee below zero. Fees in other assets are the desk's, and so is
whatever can not be cut into whole units, or is beyond the members' dollars, with its cost: coins at what the exchange
took for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import reduce

from common.domain.catalogue.model import Asset, Quote
from common.domain.ledger.model import USD
from common.market import MarketRules
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity
from functions.purchases.model import Batch, BatchResult, Member, Plan, Status, nothing

BPS = Decimal(10_000)
DESK = "~desk"  # the desk's own part of a batch, when it tops up; behind every order's id


@dataclass(frozen=True)
class Share:
    """A member's part, and what he pays for it."""

    order_id: str
    allocated: Quantity
    charged: Money

    @property
    def status(self) -> Status:
        return Status.COMPLETED if self.allocated.amount else Status.FAILED


def plan(batch: Batch, members: Sequence[Member], asset: Asset, quote: Quote, rules: MarketRules) -> Plan | BatchResult:
    """What to ask the exchange for; or why that is nothing."""
    for limit in _limits(members, asset, quote.price, rules):
        wants = _wants(batch, members, quote.price, limit, asset.precision)
        if any(wants[m.order_id].amount for m in members):
            quantity = rules.quantity_at_most(Quantity(_sum(w.amount for w in wants.values()), asset.asset_id))
            if rules.trades(quantity, limit):
                return Plan(quote, asset.precision, quantity, limit)
    above = [m for m in members if m.max_price is not None and m.max_price < quote.price]
    why = "less than the exchange's smallest order"
    if len(above) == len(members):
        why = f"the price of ${quote.price} is above max_price"
    elif above:
        why += f" without those for whom the price of ${quote.price} is above max_price"
    return nothing(asset.asset_id, f"not bought: {why}")


def _limits(members: Sequence[Member], asset: Asset, price: Price, rules: MarketRules) -> list[Price]:
    """What may be paid a unit, the highest first: with the slippage; or, where the others are too little without those
    who do not pay that, as much as these do, and not less than the price."""
    ceiling = Price(EXACT.multiply(price.usd_per_unit, (BPS + asset.slippage_max_bps) / BPS))
    own = {m.max_price for m in members if m.max_price is not None and price <= m.max_price < ceiling}
    return [rules.price_at_most(limit) for limit in (ceiling, *sorted(own, reverse=True))]


def shares(batch: Batch, members: Sequence[Member]) -> list[Share]:
    """Each member's part of what was bought, in the order of their ids; the desk's own, under the id `DESK`, is left
    out. The same members and the same purchase give the same shares, always."""
    assert batch.bought is not None
    found, asset_id, plan = batch.bought, batch.asset_id, batch.plan
    if plan is None or not found.received.amount:
        return [Share(m.order_id, Quantity(0, asset_id), ZERO) for m in _ordered(members)]
    wanted = _wants(batch, members, plan.quote.price, plan.limit_price, plan.precision)
    wants = {who: _units(w, plan.precision) for who, w in wanted.items()}
    units = min(_units(found.received, plan.precision), sum(wants.values()))
    allocated = largest_remainder(units, wants)
    bill = _Bill(found.received, max(ZERO, found.cost))
    cents = largest_remainder(bill.cents_for(_quantity(units, plan.precision, asset_id)), allocated)
    result = []
    for member in _ordered(members):
        who = member.order_id
        got = _quantity(min(allocated[who], bill.units_for(member.held, plan.precision)), plan.precision, asset_id)
        due = Decimal(min(cents[who], bill.cents_for(got)))
        result.append(Share(who, got, Money(EXACT.multiply(CENT, due))))
    return result


@dataclass(frozen=True)
class _Bill:
    """What was received, and what members pay for all of it."""

    received: Quantity
    total: Money

    def cents_for(self, part: Quantity) -> int:
        """What a part of what was received costs, up to the cent."""
        usd = ROUNDING.divide(ROUNDING.multiply(self.total.usd, part.amount), self.received.amount)
        return int(ROUNDING.divide(usd, CENT).to_integral_value(ROUND_CEILING))

    def units_for(self, held: Money, precision: int) -> int:
        """How many of the smallest unit so many dollars pay."""
        if held >= self.total:
            return _units(self.received, precision)
        bought = ROUNDING.divide(EXACT.multiply(self.received.amount, held.usd), self.total.usd)
        return int(ROUNDING.scaleb(bought, Decimal(precision)).to_integral_value(ROUND_FLOOR))


def largest_remainder(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`total` in whole parts as the weights are to each other; parts left over go to the largest remainders, of equal
    ones to the smallest name (Hamilton's method). Nobody without weight gets any, nobody gets more than a whole part
    above his exact one, and the sum is `total`: unless nobody has any weight."""
    whole = sum(weights.values())
    if not whole:
        return dict.fromkeys(weights, 0)
    parts = {name: divmod(total * weight, whole) for name, weight in weights.items()}
    left = total - sum(part for part, _ in parts.values())
    first = sorted(parts, key=lambda name: (-parts[name][1], name))[:left]
    return {name: part + (name in first) for name, (part, _) in parts.items()}


def _wants(batch: Batch, members: Sequence[Member], price: Price, limit: Price, precision: int) -> dict[str, Quantity]:
    none = Quantity(0, batch.asset_id)
    wants = {m.order_id: m.wanted(price, batch.asset_id, precision) if m.takes(limit) else none for m in members}
    if batch.top_up != ZERO:
        wants[DESK] = price.quantity_for(batch.top_up, batch.asset_id, precision)
    return wants


def _ordered(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda m: m.order_id)


def _units(quantity: Quantity, precision: int) -> int:
    """How many whole ones of the smallest unit."""
    return int(ROUNDING.scaleb(quantity.amount, Decimal(precision)))


def _quantity(units: int, precision: int, asset_id: str) -> Quantity:
    return Quantity(EXACT.scaleb(Decimal(units), Decimal(-precision)), asset_id)


def why_not_all(member: Member, share: Share, batch: Batch) -> str | None:
    """Why a member got nothing, or less than it asked for; None when it got all."""
    assert batch.bought is not None
    if batch.plan is None or not batch.bought.executed.amount:
        return batch.bought.reason
    price, limit = batch.plan.quote.price, batch.plan.limit_price
    if not member.takes(limit):
        return f"not bought: the limit of ${limit} is above max_price ${member.max_price}"
    if not member.wanted(price, batch.asset_id, batch.plan.precision).amount:
        return f"not bought: ${member.held} does not buy the smallest unit of {batch.asset_id} at ${price}"
    if not share.allocated.amount:
        return "not bought: nothing of what the exchange has executed fell to it"
    if member.quantity is not None and share.allocated.amount < member.quantity.amount:
        part = f"of {member.quantity}, what ${member.held} buys in whole lots, less the exchange's fee; price ${price}"
        return batch.bought.reason or part
    return batch.bought.reason


def left_to_the_desk(batch: Batch, shares: Sequence[Share]) -> list[Money | Quantity]:
    """What of a batch is the desk's, by asset and never nothing: dollars that the members have paid above its cost, or
    (negative) that the desk has paid for them; coins that nobody was allocated; fees in other assets."""
    assert batch.bought is not None
    found, asset_id = batch.bought, batch.asset_id
    left = {other: -fee for other, fee in sorted(found.fees_elsewhere.items())}
    left[USD] = EXACT.subtract(
        EXACT.add(left.get(USD, Decimal(0)), _sum(s.charged.usd for s in shares)), found.cost.usd
    )
    left[asset_id] = EXACT.subtract(found.received.amount, _sum(s.allocated.amount for s in shares))
    return [Money(part) if of == USD else Quantity(part, of) for of, part in left.items() if part]


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, Decimal(0))
