"""What is different in a batch that buys and in one that sells: what its members want, and what each of them gets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from common.domain.catalogue.model import Asset, Listing, Quote
from common.domain.ledger import store as ledger
from common.domain.ledger.model import AssetTransaction, TransactionType
from common.market import MarketRules
from common.money import ZERO, Money, Quantity
from common.table.table import Table
from functions.purchases import allocation, sale_allocation, sale_store, store
from functions.purchases.model import Batch, BatchResult, Member, Plan, Status
from functions.purchases.sale_model import Seller


@dataclass(frozen=True)
class Due:
    """A member that has not got its share yet, and what gives it to him: refused with AlreadyAllocated."""

    order_id: str
    give: Callable[[datetime], None]


@dataclass(frozen=True)
class Shared:
    """Everybody's part of a batch. `number` of members, of whom `served` get something; `due` of them have not got it
    yet; `left` is the desk's."""

    number: int
    served: int
    due: Sequence[Due]
    left: Sequence[Money | Quantity]


class Sharing(Protocol):
    """One side of the market, for one batch."""

    def quote(self, listing: Listing, now: datetime) -> Quote:
        """The price to plan with. Raises AssetInactive, PriceUnavailable."""
        ...

    def plan(self, asset: Asset, quote: Quote, rules: MarketRules) -> Plan | BatchResult:
        """What to ask the exchange for; or what comes to pass without it."""
        ...

    def shared(self) -> Shared:
        """Of a batch that is decided."""
        ...


def sharing(table: Table, batch: Batch) -> Sharing:
    return Buyers(table, batch) if batch.buys else Sellers(table, batch)


@dataclass(frozen=True)
class Buyers:
    """They get coins for their dollars, and what is not spent of these back."""

    table: Table
    batch: Batch

    def quote(self, listing: Listing, now: datetime) -> Quote:
        return listing.tradable_ask(now)

    def plan(self, asset: Asset, quote: Quote, rules: MarketRules) -> Plan | BatchResult:
        return allocation.plan(self.batch, self._members(), asset, quote, rules)

    def shared(self) -> Shared:
        members = self._members()
        shares = {share.order_id: share for share in allocation.shares(self.batch, members)}
        given = list(shares.values())
        return Shared(
            len(given),
            sum(bool(share.allocated.amount) for share in given),
            [Due(m.order_id, self._giving(m, shares[m.order_id])) for m in members if not m.done],
            allocation.left_to_the_desk(self.batch, given),
        )

    def _members(self) -> list[Member]:
        return store.members(self.table, self.batch.batch_id)

    def _giving(self, member: Member, share: allocation.Share) -> Callable[[datetime], None]:
        def give(at: datetime) -> None:
            owner, reason = member.owner, allocation.why_not_all(member, share, self.batch)
            told = f"{share.allocated} for ${share.charged}" if share.allocated.amount else "nothing"
            writes = [
                *store.give(self.batch, member, share, reason, at),
                ledger.settle_of_order(owner, member.held, share.charged, at),
                store.event(member.order_id, Status.PENDING, share.status, f"{told}: {reason}" if reason else told, at),
            ]
            if share.allocated.amount:
                writes += [
                    ledger.credit_asset(owner, share.allocated, share.charged, at),
                    ledger.journal(_bought(member, share, at)),
                ]
            self.table.write(*writes)

        return give


@dataclass(frozen=True)
class Sellers:
    """They get dollars for their coins, and what is not sold of these back."""

    table: Table
    batch: Batch

    def quote(self, listing: Listing, now: datetime) -> Quote:
        return listing.tradable_bid(now)

    def plan(self, asset: Asset, quote: Quote, rules: MarketRules) -> Plan | BatchResult:
        return sale_allocation.plan(self._members(), asset, quote, rules)

    def shared(self) -> Shared:
        sellers = self._members()
        shares = {share.order_id: share for share in sale_allocation.shares(self.batch, sellers)}
        given = list(shares.values())
        return Shared(
            len(given),
            sum(bool(share.sold.amount) for share in given),
            [Due(s.order_id, self._giving(s, shares[s.order_id])) for s in sellers if not s.done],
            sale_allocation.left_to_the_desk(self.batch, given),
        )

    def _members(self) -> list[Seller]:
        return sale_store.sellers(self.table, self.batch.batch_id)

    def _giving(self, seller: Seller, share: sale_allocation.Share) -> Callable[[datetime], None]:
        def give(at: datetime) -> None:
            owner, reason = seller.owner, sale_allocation.why_not_all(seller, share, self.batch)
            told = f"{share.sold} for ${share.proceeds}" if share.sold.amount else "nothing"
            writes = [
                *sale_store.give(self.batch, seller, share, reason, at),
                sale_store.event(
                    seller.order_id, Status.PENDING, share.status, f"{told}: {reason}" if reason else told, at
                ),
            ]
            if not share.sold.amount:
                return self.table.write(*writes, ledger.release_asset(owner, seller.quantity, at))
            if share.proceeds != ZERO:
                writes.append(ledger.credit(owner, share.proceeds, at))

            def book(sale: ledger.Sale) -> None:
                settled = ledger.settle_asset(owner, sale, at, hold=seller.quantity)
                self.table.write(*writes, settled, ledger.journal(_sold(seller, share, sale, at)))

            return ledger.sell(self.table, owner, share.sold, share.proceeds, book)

        return give


def _bought(member: Member, share: allocation.Share, at: datetime) -> AssetTransaction:
    """The journal's line of a purchase. Its price is what was paid for a unit, fees included, to 18 decimals."""
    return AssetTransaction(
        username=member.owner.username,
        sub=member.owner.sub,
        quantity=share.allocated,
        transaction_type=TransactionType.BUY,
        price_per_unit=share.charged.per_unit_of(share.allocated),
        total_amount=share.charged,
        order_id=member.order_id,
        created_at=at,
    )


def _sold(seller: Seller, share: sale_allocation.Share, sale: ledger.Sale, at: datetime) -> AssetTransaction:
    """The journal's line of a sale. Its price is what was got for a unit, fees included, to 18 decimals."""
    return AssetTransaction(
        username=seller.owner.username,
        sub=seller.owner.sub,
        quantity=share.sold,
        transaction_type=TransactionType.SELL,
        price_per_unit=share.proceeds.per_unit_of(share.sold),
        total_amount=share.proceeds,
        order_id=seller.order_id,
        created_at=at,
        cost=sale.cost,
        realised_gain=sale.realised_gain,
    )
