"""A purchase, the pool it may wait in, and the batch it is bought with. Pure. Who gets what of it: `allocation`. Sales,
whose pools and batches are these too: `sale_model`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from common import keys
from common.domain import pools
from common.domain.catalogue.model import Asset, ContradictoryTerms, Execution, PriceMoved, Quote, check_size
from common.domain.desk_book.model import DeskBuys, Rest
from common.domain.exchange_orders.model import Fill
from common.errors import Conflict, NotFound, Rejected
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import EXACT, ZERO, Money, Price, Quantity
from common.owner import Owner
from functions.purchases.strategy import Strategy, strategy

CALLED_OFF = "the desk could not place the order"  # where an operator has no more to tell the members
PLACE_LIMIT = timedelta(hours=1)  # a batch that could not even be sent by then is refunded
ALLOCATE_DUE = timedelta(minutes=2)
MEMBER_DUE = timedelta(hours=1)  # after its pool's deadline a purchase should be over


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
    """What the machine `purchase` does next about a batch, as the table says."""

    PLACE = "PLACE"
    RESOLVE = "RESOLVE"  # look up whether the exchange has the order
    POLL = "POLL"
    ALLOCATE = "ALLOCATE"
    LOOK_AGAIN = "LOOK_AGAIN"  # later, for an order that the exchange did not have
    STOPPED = "STOPPED"  # a person has to look
    DONE = "DONE"  # every member has its share


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
    expires_at: datetime | None = None  # when its pool expires, if it has not filled by then
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


def shard_of(order_id: str, shards: int) -> int:
    return hashlib.sha256(order_id.encode()).digest()[0] % shards


def purchase(owner: Owner, order_id: str, asked: Terms, asset: Asset, quote: Quote, now: datetime) -> Purchase:
    """The purchase that `asked` becomes: direct, or to be pooled.

    Raises BoughtHere, PrecisionExceeded, AmountTooLarge, AmountTooSmall, AboveMaximum, BelowMinimum, PriceMoved.
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
    made = strategy(held, asset.min_notional)
    if made is Strategy.POOLED:
        asset.check_pooled(held)
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
        strategy=made,
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
    """One shard of an asset's pool: the generation that can be joined, what its members have given (`units`: dollars,
    or coins where it `sells`), and until when it waits for more. An empty one waits for nothing."""

    asset_id: str
    shard: int
    generation: int = 1
    units: Decimal = Decimal(0)
    members: int = 0
    due_at: datetime | None = None
    exists: bool = True
    sells: bool = False

    @property
    def total(self) -> Money:
        """Of a pool of purchases."""
        assert not self.sells
        return Money(self.units)

    @property
    def quantity(self) -> Quantity:
        """Of a pool of sales."""
        assert self.sells
        return Quantity(self.units, self.asset_id)

    @property
    def batch_id(self) -> str:
        return pools.batch_id(self.asset_id, self.shard, self.generation, sells=self.sells)


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

    def takes(self, limit: Price) -> bool:
        """Whether it may cost so much a unit."""
        return self.max_price is None or limit <= self.max_price

    def wanted(self, price: Price, asset_id: str, precision: int) -> Quantity:
        """What his dollars buy at a price."""
        bought = price.quantity_for(self.held, asset_id, precision)
        return bought if self.quantity is None or bought.amount < self.quantity.amount else self.quantity


@dataclass(frozen=True)
class Plan:
    """What the exchange is asked for, and the price that it was reckoned with."""

    quote: Quote
    precision: int
    quantity: Quantity
    limit_price: Price
    rest: Rest | None = None


@dataclass(frozen=True)
class BatchResult:
    """What a batch has come to, fees included. `fee_in_asset` was kept by the exchange out of what it executed."""

    executed: Quantity
    gross: Money
    fee: Money = ZERO
    fee_in_asset: Decimal = Decimal(0)
    fees_elsewhere: Mapping[str, Decimal] = field(default_factory=dict)
    reason: str | None = None  # why not all, or nothing
    desk_buys: DeskBuys | None = None  # of a batch of sales

    @property
    def net(self) -> Money:
        """What a batch of sales has brought; a fee of more than that is the desk's."""
        return max(ZERO, self.gross - self.fee)

    @property
    def cost(self) -> Money:
        return self.gross + self.fee

    @property
    def received(self) -> Quantity:
        net = EXACT.subtract(self.executed.amount, self.fee_in_asset)
        return Quantity(max(Decimal(0), net), self.executed.asset_id)


@dataclass(frozen=True)
class Batch:
    """A closed generation, or a direct purchase or sale. `top_up` is what the desk adds of its own dollars."""

    batch_id: str
    asset_id: str
    status: BatchStatus
    created_at: datetime
    updated_at: datetime
    buys: bool = True
    quote: Quote | None = None  # of a direct one: the price that its customer was told
    top_up: Money = ZERO
    shard: int | None = None  # of the pool it was; a direct purchase has none
    generation: int | None = None
    plan: Plan | None = None
    bought: BatchResult | None = None
    waits: bool = True
    needs_person: bool = False
    waits_for: str | None = None

    @property
    def traded(self) -> str:
        """What is done to its coins, in a sentence."""
        return "bought" if self.buys else "sold"


def expired(batch: Batch, pool: Pool, asset: Asset) -> tuple[Batch, str]:
    """What the generation of a pool of purchases becomes at its deadline, and why."""
    if pool.total >= asset.min_notional:
        return batch, "the deadline of its pool, which is full since the minimum was lowered"
    if asset.pool_top_up and asset.active:
        missing = asset.min_notional - pool.total
        return replace(batch, top_up=missing), f"the deadline of its pool; the desk adds ${missing}"
    why = "its pool did not fill by its deadline"
    return replace(batch, status=BatchStatus.DECIDED, bought=nothing(batch.asset_id, why)), why


def nothing(asset_id: str, reason: str) -> BatchResult:
    return BatchResult(executed=Quantity(0, asset_id), gross=ZERO, reason=reason)


def bought(fill: Fill, asked: Quantity) -> BatchResult:
    """What the exchange has finally executed of a batch's order, whichever side it is of."""
    asset_id = asked.asset_id
    part = "" if fill.executed == asked else f"the exchange has executed {fill.executed} of {asked} ({fill.state})"
    return BatchResult(
        executed=fill.executed,
        gross=fill.gross,
        fee=fill.fee,
        fee_in_asset=fill.fees_elsewhere.get(asset_id, Decimal(0)),
        fees_elsewhere={k: v for k, v in fill.fees_elsewhere.items() if k != asset_id},
        reason=part or None,
    )


def facts(batch: Batch) -> dict[str, str]:
    """What a person reads of a batch in its machine's history."""
    told = {"status": batch.status.value, "reason": "", "asset": batch.asset_id}
    told["side"] = "BUY" if batch.buys else "SELL"
    if batch.plan is not None:
        told["order"] = f"{batch.plan.quantity} at ${batch.plan.limit_price} or {'less' if batch.buys else 'more'}"
        told["price"] = f"${batch.plan.quote.price} of {batch.plan.quote.source}"
    if batch.bought is not None:
        told["executed"] = str(batch.bought.executed)
        told |= {"gross": f"${batch.bought.gross}", "fee": f"${batch.bought.fee}"}
        if batch.bought.desk_buys is not None:
            told["desk"] = f"buys {batch.bought.desk_buys.quantity} at ${batch.bought.desk_buys.price}"
        told["reason"] = batch.bought.reason or ""
    if batch.needs_person:
        told["reason"] = batch.waits_for or ""
    return told
