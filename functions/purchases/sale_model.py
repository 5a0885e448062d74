"""A sale of coins at the exchange: a purchase the other way round. Pure. Its pool and its batch are those of `model`,
who gets what of it: `sale_allocation`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import keys
from common.domain.catalogue.model import Asset, Execution, PriceMoved, Quote, check_size
from common.domain.ledger.model import ALL
from common.errors import Conflict, NotFound, Rejected
from common.idempotency import IdempotencyKeyReused, derived_id, terms
from common.money import Money, Price, Quantity
from common.owner import Owner
from functions.purchases.model import Batch, Pool, Status, direct_batch_id
from functions.purchases.strategy import Strategy


class SaleNotFound(NotFound):
    """There is no such sale, or it is somebody else's."""


class SaleNotPending(Conflict):
    """The sale is decided, or being carried out: it can not be cancelled any more."""


class SoldHere(Conflict):
    """The asset is bought for the desk's book, not sold at an exchange."""


class PartTooSmall(Rejected):
    """A part of a holding that is worth less than may be sold of it: sell all of it, or more."""


@dataclass(frozen=True)
class Terms:
    """What a customer asks for: to sell a quantity, or everything that is free (None), at `min_price` or better."""

    asset_id: str
    quantity: Decimal | None
    min_price: Price | None = None

    @property
    def fingerprint(self) -> str:
        return terms(
            asset_id=self.asset_id,
            quantity=ALL if self.quantity is None else self.quantity,
            min_price=None if self.min_price is None else self.min_price.usd_per_unit,
        )


@dataclass(frozen=True)
class Sale:
    """A customer's order to sell. The `quantity` is held for it. `pool`, `generation`: where it waits or waited; a
    direct one has none.

    When it is over: `executed` units for `total_amount`; what was held above that has gone back.
    """

    order_id: str
    owner: Owner
    asset_id: str
    strategy: Strategy
    quantity: Quantity
    sells_all: bool  # of what was free then
    status: Status
    terms: str
    quote: Quote
    batch_id: str
    created_at: datetime
    updated_at: datetime
    min_price: Price | None = None
    expires_at: datetime | None = None  # when its pool expires, if it has not filled by then
    shard: int | None = None
    generation: int | None = None
    executed: Quantity | None = None
    total_amount: Money | None = None
    reason: str | None = None

    def repeated(self, asked: Terms) -> Sale:
        """This sale, as the answer to a repeat. Raises IdempotencyKeyReused."""
        if self.terms != asked.fingerprint:
            raise IdempotencyKeyReused(self.order_id)
        return self


def order_id(owner: Owner, idempotency_key: str) -> str:
    return derived_id(keys.SALE, owner.username, owner.sub, "POST /sales", idempotency_key)


def lot(asset: Asset, price: Price) -> Quantity:
    """The least that goes to the exchange on its own: what is worth the asset's `min_notional` at a price."""
    return price.quantity_for(asset.min_notional, asset.asset_id, asset.precision, at_least=True)


def check_sellable(asked: Terms, asset: Asset, quote: Quote) -> None:
    """Before anything of the customer's is looked at. Raises SoldHere, PrecisionExceeded, AmountTooLarge, AboveMaximum,
    PriceMoved."""
    if asset.execution is not Execution.EXCHANGE:
        raise SoldHere(f"{asset.asset_id} is bought for the desk's book: POST /orders", route="POST /orders")
    if asked.quantity is not None:
        quantity = Quantity(asked.quantity, asset.asset_id)
        asset.check_quantity(quantity)
        check_size(quantity.amount)
        worth = quote.price.proceeds_of(quantity)
        check_size(worth.usd)
        asset.check_maximum(worth)
    if asked.min_price is not None and quote.price < asked.min_price:
        raise PriceMoved(
            f"{asset.asset_id} is at ${quote.price}, below min_price ${asked.min_price}",
            price=str(quote.price),
            min_price=str(asked.min_price),
        )


def is_small(quantity: Quantity, asset: Asset, quote: Quote) -> bool:
    """May it be sold only if it is all that is free?"""
    return quote.price.proceeds_of(quantity) < asset.min_pooled


def check_part(quantity: Quantity, free: Quantity | None, asset: Asset, quote: Quote) -> None:
    """A small sale has to be of everything: then nothing is left that could not be sold. Raises PartTooSmall."""
    if free is None or quantity.amount >= free.amount:
        return
    worth = quote.price.proceeds_of(quantity)
    raise PartTooSmall(
        f"a part of your {asset.asset_id} is worth at least ${asset.min_pooled}, this one ${worth}: sell all of it",
        notional_usd=str(worth),
        min_notional_usd=str(asset.min_pooled),
    )


def sale(
    owner: Owner, order_id: str, asked: Terms, quantity: Quantity, asset: Asset, quote: Quote, now: datetime
) -> Sale:
    """The sale that `asked` becomes: direct, or to be pooled."""
    direct = quantity.amount >= lot(asset, quote.price).amount
    return Sale(
        order_id=order_id,
        owner=owner,
        asset_id=asset.asset_id,
        strategy=Strategy.DIRECT if direct else Strategy.POOLED,
        quantity=quantity,
        sells_all=asked.quantity is None,
        status=Status.PENDING,
        terms=asked.fingerprint,
        quote=quote,
        batch_id=direct_batch_id(order_id),
        created_at=now,
        updated_at=now,
        min_price=asked.min_price,
    )


@dataclass(frozen=True)
class Seller:
    """A sale, as its batch sees it. `done`: it has got its share."""

    order_id: str
    owner: Owner
    quantity: Quantity
    min_price: Price | None
    done: bool = False

    def takes(self, price: Price) -> bool:
        """Does he sell at a price, which is before the exchange's fee?"""
        return self.min_price is None or price >= self.min_price


def expired(batch: Batch, _: Pool, __: Asset) -> tuple[Batch, str]:
    """What the generation of a pool of sales becomes at its deadline, and why: it is sold as it is, as far as the
    exchange and the desk's own book take it."""
    return batch, "its pool did not fill by its deadline: it is sold as it is"
