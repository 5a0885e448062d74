"""A purchase, the pool it may wait in, the batch it is bought with, and who gets what of it. Pure.

What the customer gives is dollars, and they are his limit. A batch buys for all its members at one price:

    wanted     of a member: what his dollars buy at the price when the batch is placed, and never more than he asked for
    quantity   of the order: the sum, down to the exchange's step; limit: the price and `slippage_max_bps`
    allocated  what was executed, by what is wanted, by largest remainder in the asset's smallest unit: sums exactly
    charged    what it cost, by what is allocated, by largest remainder in cents; but never above the price of the
               placement, since the slippage is the desk's to bear; the rest of his dollars goes back

The exchange's fee is the customer's: one in coins makes his part smaller, one in dollars belongs to the cost, as far
as his dollars reach. Fees in other assets, and fractions of a cent and of a unit, are the desk's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from functools import reduce

from common import keys
from common.domain.catalogue.model import Asset, ContradictoryTerms, Execution, PriceMoved, Quote, check_size
from common.domain.exchange_orders.model import Fill, Lot
from common.domain.ledger.model import USD
from common.errors import Conflict, NotFound, Rejected, Unavailable
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import CENT, EXACT, ROUNDING, ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.purchases.strategy import Strategy, strategy

BPS = Decimal(10_000)
PLACE_LIMIT = timedelta(hours=1)  # a batch that could not even be sent by then is refunded
PLACE_DUE = timedelta(minutes=1)
ALLOCATE_DUE = timedelta(minutes=2)
MEMBER_DUE = timedelta(hours=1)  # after its pool's deadline a purchase should be over
DESK = "~desk"  # the desk's own part of a batch, when it tops up; behind every order's id


class PurchaseNotFound(NotFound):
    """There is no such purchase, or it is somebody else's."""


class BatchNotFound(NotFound):
    """There is no such batch."""


class PurchaseNotPending(Conflict):
    """The purchase is decided, or being bought: it can not be cancelled any more."""


class BoughtHere(Conflict):
    """The asset is sold from the desk's book, not bought at an exchange."""


class AmountTooSmall(Rejected):
    """The amount does not buy the asset's smallest unit."""


class PurchaseUnresolved(Unavailable):
    """The exchange has not said whether it has the order, and may still come to have it."""


class PurchaseNotFilled(Unavailable):
    """The exchange has not executed the whole order yet."""


class PurchaseOverdue(Unavailable):
    """The exchange has not executed the order in time: it is to be cancelled."""


class BatchNotStuck(Conflict):
    """The batch is not where an operator could do this to it."""


class Status(StrEnum):
    """Of a purchase."""

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
OPERATORS_ONLY: set[tuple[Status, Status]] = set()


class BatchStatus(StrEnum):
    CLOSED = "CLOSED"  # its members are known
    PLACED = "PLACED"  # it was, or will have been, asked of the exchange
    WORKING = "WORKING"  # the exchange has it
    DECIDED = "DECIDED"  # what it has come to is known, perhaps nothing: it is being allocated
    ALLOCATED = "ALLOCATED"


BATCH_TRANSITIONS: dict[BatchStatus, set[BatchStatus]] = {
    BatchStatus.CLOSED: {BatchStatus.PLACED, BatchStatus.DECIDED},
    BatchStatus.PLACED: {BatchStatus.WORKING, BatchStatus.DECIDED},
    BatchStatus.WORKING: {BatchStatus.DECIDED},
    BatchStatus.DECIDED: {BatchStatus.ALLOCATED},
    BatchStatus.ALLOCATED: set(),
}


class Stage(StrEnum):
    """What the machine does next about a batch, as the table says."""

    PLACE = "PLACE"
    RESOLVE = "RESOLVE"  # look up whether the exchange has the order
    POLL = "POLL"
    ALLOCATE = "ALLOCATE"
    LOOK_AGAIN = "LOOK_AGAIN"  # later, for an order that the exchange did not have
    STOPPED = "STOPPED"  # a person has to look
    DONE = "DONE"


@dataclass(frozen=True)
class Step:
    stage: Stage
    wait_seconds: int = 0


@dataclass(frozen=True)
class Terms:
    """What a customer asks for: exactly one of `quantity` and `quote_amount`, at `max_price` or better."""

    asset_id: str
    quantity: Decimal | None = None
    quote_amount: Money | None = None
    max_price: Price | None = None

    def __post_init__(self) -> None:
        """Raises ContradictoryTerms."""
        if (self.quantity is None) == (self.quote_amount is None):
            raise ContradictoryTerms("give either quantity or quote_amount")

    @property
    def fingerprint(self) -> str:
        return terms(
            asset_id=self.asset_id,
            quantity=self.quantity,
            quote_amount=None if self.quote_amount is None else self.quote_amount.usd,
            max_price=None if self.max_price is None else self.max_price.usd_per_unit,
        )


@dataclass(frozen=True)
class Purchase:
    """A customer's order. `held` are the dollars that are reserved for it, the most it can cost. `pool` and
    `generation` are where it waits or waited; a direct one has none.

    When it is over: `executed` units for `total_amount`; what was held above that has gone back.
    """

    order_id: str
    owner: Owner
    asset_id: str
    strategy: Strategy
    quantity: Quantity  # as asked for; or what the dollars buy at `quote`
    held: Money
    status: Status
    terms: str
    quote: Quote
    batch_id: str
    created_at: datetime
    updated_at: datetime
    quote_amount: Money | None = None  # asked for by dollars
    max_price: Price | None = None
    expires_at: datetime | None = None  # when its pool is given up, if it has not filled by then
    shard: int | None = None
    generation: int | None = None
    executed: Quantity | None = None
    total_amount: Money | None = None
    reason: str | None = None

    def repeated(self, asked: Terms) -> Purchase:
        """This purchase, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.order_id)
        return self


def order_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.PURCHASE, owner.username, owner.sub, "POST /purchases", idempotency_key)


def direct_batch_id(order_id: str) -> str:
    return derived_id(keys.BATCH, order_id)


def pooled_batch_id(asset_id: str, shard: int, generation: int) -> str:
    return derived_id(keys.BATCH, asset_id, str(shard), str(generation))


def shard_of(order_id: str, shards: int) -> int:
    return hashlib.sha256(order_id.encode()).digest()[0] % shards


def purchase(owner: Owner, order_id: str, asked: Terms, asset: Asset, quote: Quote, now: datetime) -> Purchase:
    """The purchase that `asked` becomes: direct, or to be pooled.

    Raises BoughtHere, PrecisionExceeded, AmountTooLarge, AmountTooSmall, AboveMaximum, PriceMoved.
    """
    if asset.execution is not Execution.EXCHANGE:
        raise BoughtHere(f"{asset.asset_id} is sold from the desk's book: POST /orders", route="POST /orders")
    if asked.quantity is not None:
        quantity = Quantity(asked.quantity, asset.asset_id)
        asset.check_quantity(quantity)
        held = quote.price.cost_of(quantity)
    else:
        assert asked.quote_amount is not None
        held = asked.quote_amount
        quantity = quote.price.quantity_for(held, asset.asset_id, asset.precision)
        if not quantity.amount:
            raise AmountTooSmall(f"${held} does not buy the smallest unit of {asset.asset_id} at ${quote.price}")
    check_size(quantity.amount, held.usd)
    asset.check_maximum(held)
    if asked.max_price is not None and quote.price > asked.max_price:
        raise PriceMoved(
            f"{asset.asset_id} is at ${quote.price}, above max_price ${asked.max_price}",
            price=str(quote.price),
            max_price=str(asked.max_price),
        )
    return Purchase(
        order_id=order_id,
        owner=owner,
        asset_id=asset.asset_id,
        strategy=strategy(held, asset.min_notional),
        held=held,
        status=Status.PENDING,
        terms=asked.fingerprint,
        quote=quote,
        batch_id=direct_batch_id(order_id),
        created_at=now,
        updated_at=now,
        quantity=quantity,
        quote_amount=asked.quote_amount,
        max_price=asked.max_price,
    )


@dataclass(frozen=True)
class Pool:
    """One shard of an asset's pool: the generation that can be joined, what its members have given, and until when it
    waits for more. An empty one waits for nothing."""

    asset_id: str
    shard: int
    generation: int = 1
    total: Money = ZERO
    members: int = 0
    due_at: datetime | None = None
    exists: bool = True

    @property
    def batch_id(self) -> str:
        return pooled_batch_id(self.asset_id, self.shard, self.generation)


@dataclass(frozen=True)
class Member:
    """A purchase, as its batch sees it. `quantity` is the most it wants; one that was asked for by dollars wants what
    they buy. `done`: it has got its share."""

    order_id: str
    owner: Owner
    held: Money
    quantity: Quantity | None
    max_price: Price | None
    done: bool = False

    def wanted(self, price: Price, asset_id: str, precision: int) -> Quantity:
        """What his dollars buy at a price; nothing when that is above his own limit."""
        if self.max_price is not None and price > self.max_price:
            return Quantity(0, asset_id)
        bought = price.quantity_for(self.held, asset_id, precision)
        return bought if self.quantity is None or bought.amount < self.quantity.amount else self.quantity


@dataclass(frozen=True)
class Plan:
    """What the exchange is asked for, and the price that it was reckoned with."""

    quote: Quote
    precision: int
    quantity: Quantity
    limit_price: Price


@dataclass(frozen=True)
class Bought:
    """What a batch has come to, fees included. `fee_in_asset` was kept by the exchange out of what it executed."""

    executed: Quantity
    gross: Money
    fee: Money = ZERO
    fee_in_asset: Decimal = Decimal(0)
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    reason: str | None = None  # why not all, or nothing

    @property
    def cost(self) -> Money:
        return self.gross + self.fee

    @property
    def received(self) -> Quantity:
        net = EXACT.subtract(self.executed.amount, self.fee_in_asset)
        return Quantity(max(Decimal(0), net), self.executed.asset_id)

    def before_fee(self, part: Quantity) -> Decimal:
        """What the exchange has executed for a part of what was received: its fee in coins is the customer's."""
        if not part.amount:
            return Decimal(0)
        return ROUNDING.divide(EXACT.multiply(part.amount, self.executed.amount), self.received.amount)


@dataclass(frozen=True)
class Batch:
    """A closed generation, or a direct purchase. `top_up` is what the desk adds of its own dollars."""

    batch_id: str
    asset_id: str
    status: BatchStatus
    created_at: datetime
    updated_at: datetime
    quote: Quote | None = None  # of a direct purchase: the price that its customer was told
    top_up: Money = ZERO
    shard: int | None = None  # of the pool it was; a direct purchase has none
    generation: int | None = None
    plan: Plan | None = None
    bought: Bought | None = None
    look_at: datetime | None = None  # for an order that turns up after all
    turned_up: bool = False


@dataclass(frozen=True)
class Share:
    """A member's part. `charged` is what he pays, `cost` what it has cost: the desk pays the difference."""

    order_id: str
    allocated: Quantity
    charged: Money
    cost: Money

    @property
    def status(self) -> Status:
        return Status.COMPLETED if self.allocated.amount else Status.FAILED


def nothing(asset_id: str, reason: str) -> Bought:
    return Bought(executed=Quantity(0, asset_id), gross=ZERO, reason=reason)


def bought(fill: Fill, asked: Quantity) -> Bought:
    """What the exchange has finally executed of a batch's order."""
    asset_id = asked.asset_id
    part = "" if fill.executed == asked else f"the exchange has executed {fill.executed} of {asked} ({fill.state})"
    return Bought(
        executed=fill.executed,
        gross=fill.gross,
        fee=fill.fee,
        fee_in_asset=fill.fees_elsewhere.get(asset_id, Decimal(0)),
        fees_elsewhere={k: v for k, v in fill.fees_elsewhere.items() if k != asset_id},
        reason=part or None,
    )


def plan(batch: Batch, members: Sequence[Member], asset: Asset, quote: Quote, lot: Lot) -> Plan | Bought:
    """What to ask the exchange for; or why that is nothing."""
    wants = _wants(batch, members, quote.price, asset.precision)
    total = _sum(w.amount for w in wants.values()) if any(wants[m.order_id].amount for m in members) else Decimal(0)
    quantity = lot.quantity_at_most(Quantity(total, asset.asset_id))
    ceiling = Price(EXACT.multiply(quote.price.usd_per_unit, (BPS + asset.slippage_max_bps) / BPS))
    limit = lot.price_at_most(ceiling)
    if not lot.trades(quantity, limit):
        above = any(m.max_price is not None and quote.price > m.max_price for m in members)
        why = f"the price of ${quote.price} is above max_price" if above else "less than the exchange's smallest order"
        if total and above:
            why = f"less than the exchange's smallest order without those for whom {why}"
        return nothing(asset.asset_id, f"not bought: {why}")
    return Plan(quote, asset.precision, quantity, limit)


def shares(batch: Batch, members: Sequence[Member]) -> list[Share]:
    """Each member's part of what was bought, in the order of their ids; the desk's own, under the id `DESK`, is left
    out. The same members and the same purchase give the same shares, always."""
    assert batch.bought is not None
    found, asset_id = batch.bought, batch.asset_id
    if batch.plan is None or not found.executed.amount:
        return [Share(m.order_id, Quantity(0, asset_id), ZERO, ZERO) for m in _ordered(members)]
    unit = Decimal(1).scaleb(-batch.plan.precision)
    wants = _wants(batch, members, batch.plan.quote.price, batch.plan.precision)
    units = int(ROUNDING.divide(found.received.amount, unit))
    allocated = largest_remainder(units, {who: int(ROUNDING.divide(w.amount, unit)) for who, w in wants.items()})
    cents = int(found.cost.usd.quantize(CENT, ROUND_CEILING, ROUNDING) / CENT)
    cost = largest_remainder(cents, allocated)
    result = []
    for member in _ordered(members):
        who = member.order_id
        got = Quantity(EXACT.multiply(unit, Decimal(allocated[who])), asset_id)
        paid = Money(EXACT.multiply(CENT, Decimal(cost[who])))
        most = _most(_reach(member, wants[who], batch.plan.quote.price, found.fee), found.before_fee(got), wants[who])
        result.append(Share(who, got, min(paid, most), paid))
    return result


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


def _wants(batch: Batch, members: Sequence[Member], price: Price, precision: int) -> dict[str, Quantity]:
    wants = {m.order_id: m.wanted(price, batch.asset_id, precision) for m in members}
    if batch.top_up != ZERO:
        wants[DESK] = price.quantity_for(batch.top_up, batch.asset_id, precision)
    return wants


def _ordered(members: Sequence[Member]) -> list[Member]:
    return sorted(members, key=lambda m: m.order_id)


def _reach(member: Member, wanted: Quantity, price: Price, fee: Money) -> Money:
    """What a member's dollars are good for: all of them, or what he wants costs at the price, and the fee of it."""
    if member.quantity is None:
        return member.held
    return min(member.held, price.cost_of(wanted) + Money(fee.usd.quantize(CENT, ROUND_CEILING, ROUNDING)))


def _most(held: Money, got: Decimal, wanted: Quantity) -> Money:
    """The most that a part of what was wanted may cost the customer: as big a part of what he gave, up to the cent."""
    if not got:
        return ZERO
    part = ROUNDING.divide(ROUNDING.multiply(held.usd, got), wanted.amount)
    return min(held, Money(part.quantize(CENT, ROUND_CEILING, ROUNDING)))


def why_not_all(member: Member, share: Share, batch: Batch) -> str | None:
    """Why a member got nothing, or less than it asked for; None when it got all."""
    assert batch.bought is not None
    if batch.plan is None or not batch.bought.executed.amount:
        return batch.bought.reason
    price = batch.plan.quote.price
    if member.max_price is not None and price > member.max_price:
        return f"not bought: the price of ${price} is above max_price ${member.max_price}"
    if not share.allocated.amount:
        return "not bought: nothing of what the exchange has executed fell to it"
    if member.quantity is not None and share.allocated.amount < member.quantity.amount:
        part = f"of {member.quantity}, what ${member.held} buys at ${price} in whole lots, less the exchange's fee"
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
