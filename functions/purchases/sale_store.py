"""Sales and the sellers of a batch in the table: items, mapping both ways, writes and queries."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.catalogue.model import Quote
from common.domain.timeline import EXCHANGE, TimelineEvent
from common.domain.work import OpenWork
from common.errors import Refusal
from common.money import Money, Price, Quantity
from common.owner import Owner
from common.table.items import BooleanAttribute, DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.purchases.model import Batch, Status
from functions.purchases.sale_allocation import Share
from functions.purchases.sale_model import Sale, SaleNotFound, SaleNotPending, Seller
from functions.purchases.store import AlreadyAllocated
from functions.purchases.strategy import Strategy


class SaleItem(OpenWork, discriminator=keys.SALE.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    ASSET_ID = UnicodeAttribute()
    timeline_at = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    strategy = UnicodeAttribute()
    quantity = DecimalAttribute()
    sells_all = BooleanAttribute(null=True)
    min_price = DecimalAttribute(null=True)
    status = UnicodeAttribute()
    terms = UnicodeAttribute()
    price = DecimalAttribute()
    price_source = UnicodeAttribute()
    price_as_of = InstantAttribute()
    batch_id = UnicodeAttribute()
    expires_at = InstantAttribute(null=True)
    shard = DecimalAttribute(null=True)
    pool_generation = DecimalAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    total_amount = DecimalAttribute(null=True)
    reason = UnicodeAttribute(null=True)


class SellerItem(Item, discriminator=keys.SELLER.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    quantity = DecimalAttribute()
    min_price = DecimalAttribute(null=True)
    allocated_at = InstantAttribute(null=True)


class AlreadyAsked(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the sale as it is."""

    def __init__(self, sale: Sale) -> None:
        super().__init__("that sale id is taken")
        self.sale = sale


def find(table: Table, order_id: str) -> Sale | None:
    item = table.get(SaleItem, keys.SALE(order_id=order_id), consistent=True)
    return None if item is None else sale_of(item)


def visible(table: Table, owner: Owner, order_id: str) -> Sale:
    """Raises SaleNotFound, also for somebody else's."""
    sale = find(table, order_id)
    if sale is None or sale.owner != owner:
        raise SaleNotFound("there is no such sale", id=order_id)
    return sale


def sellers(table: Table, batch_id: str) -> list[Seller]:
    """All of them, by order id. Nobody joins or leaves a batch: it is a closed generation."""
    query = Query(partition(batch_id) & Item.SK.startswith(keys.SELLER.prefix), consistent=True)
    return [_seller_of(item) for item in table.all(SellerItem, query)]


def insert(sale: Sale, due_at: datetime, waits_for: str) -> Write:
    """Refused with AlreadyAsked. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyAsked(sale_of(SaleItem.from_raw_data(dict(old))))

    item = _item(sale)
    work.wait(item, keys.SALE, due_at=due_at, waits_for=waits_for)
    return Write.insert(item, otherwise=taken)


def insert_seller(sale: Sale) -> Write:
    item = SellerItem(
        *keys.SELLER(batch_id=sale.batch_id, order_id=sale.order_id),
        username=sale.owner.username,
        sub=sale.owner.sub,
        asset_id=sale.asset_id,
        quantity=sale.quantity.amount,
        min_price=None if sale.min_price is None else sale.min_price.usd_per_unit,
        created_at=sale.created_at,
        updated_at=sale.created_at,
    )
    return Write.put(item)


def cancel(sale: Sale, at: datetime, why: str) -> list[Write]:
    """Take a pooled sale out of its pool's generation; `leave` goes with it. Refused with SaleNotPending."""
    item = SaleItem
    decided = SaleNotPending("the sale is decided", id=sale.order_id)
    return [
        Write.update(
            SaleItem(*keys.SALE(order_id=sale.order_id)),
            item.status.set(Status.CANCELLED),
            item.reason.set(why),
            item.updated_at.set(at),
            *work.done(),
            when=item.status == Status.PENDING,
            otherwise=decided,
        ),
        Write.delete(
            SellerItem(*keys.SELLER(batch_id=sale.batch_id, order_id=sale.order_id)),
            when=SellerItem.PK.exists() & SellerItem.allocated_at.does_not_exist(),
            otherwise=decided,
        ),
    ]


def give(batch: Batch, seller: Seller, share: Share, reason: str | None, at: datetime) -> list[Write]:
    """A member's sale is over, and marked so in the batch. Refused with AlreadyAllocated."""
    has_it = AlreadyAllocated("the member has got its share", id=seller.order_id)
    sale, member = (
        keys.SALE(order_id=seller.order_id),
        keys.SELLER(batch_id=batch.batch_id, order_id=seller.order_id),
    )
    return [
        _mark(member, at).refused_with(has_it),
        _give(sale, share.status, share.sold.amount, share.proceeds.usd, reason, at).refused_with(has_it),
    ]


@prepared
def _mark(member: keys.PrimaryKey, at: datetime) -> Write:
    item = SellerItem
    return Write.update(
        item(*member),
        item.allocated_at.set(at),
        item.updated_at.set(at),
        when=item.PK.exists() & item.allocated_at.does_not_exist(),
    )


@prepared
def _give(
    sale: keys.PrimaryKey, status: Status, sold: Decimal, proceeds: Decimal, reason: str | None, at: datetime
) -> Write:
    item = SaleItem
    actions: list[Action] = [
        item.status.set(status),
        item.executed_quantity.set(sold),
        item.total_amount.set(proceeds),
        item.updated_at.set(at),
        *work.done(),
    ]
    if reason is not None:
        actions.append(item.reason.set(reason))
    return Write.update(item(*sale), *actions, when=item.status == Status.PENDING)


def event(
    order_id: str, before: Status | None, after: Status, reason: str, at: datetime, actor: str = EXCHANGE
) -> Write:
    return timeline.record(order_id, TimelineEvent(at, before, after, reason, actor))


def _item(sale: Sale) -> SaleItem:
    created_at = text(sale.created_at)
    return SaleItem(
        *keys.SALE(order_id=sale.order_id),
        username=sale.owner.username,
        sub=sale.owner.sub,
        ASSET_ID=keys.USER_ORDERS(asset_id=sale.asset_id, created_at=created_at, order_id=sale.order_id),
        timeline_at=keys.USER_TIMELINE(created_at=created_at, order_id=sale.order_id),
        asset_id=sale.asset_id,
        order_type="SALE",
        strategy=sale.strategy,
        quantity=sale.quantity.amount,
        sells_all=sale.sells_all or None,
        min_price=None if sale.min_price is None else sale.min_price.usd_per_unit,
        status=sale.status,
        terms=sale.terms,
        price=sale.quote.price.usd_per_unit,
        price_source=sale.quote.source,
        price_as_of=sale.quote.as_of,
        batch_id=sale.batch_id,
        expires_at=sale.expires_at,
        shard=None if sale.shard is None else Decimal(sale.shard),
        pool_generation=None if sale.generation is None else Decimal(sale.generation),
        created_at=sale.created_at,
        updated_at=sale.updated_at,
    )


def sale_of(item: SaleItem) -> Sale:
    return Sale(
        order_id=item.PK,
        owner=Owner(item.username, item.sub),
        asset_id=item.asset_id,
        strategy=Strategy(item.strategy),
        quantity=Quantity(item.quantity, item.asset_id),
        sells_all=bool(item.sells_all),
        status=Status(item.status),
        terms=item.terms,
        quote=Quote(Price(item.price), item.price_source, item.price_as_of),
        batch_id=item.batch_id,
        created_at=item.created_at,
        updated_at=item.updated_at,
        min_price=None if item.min_price is None else Price(item.min_price),
        expires_at=item.expires_at,
        shard=None if item.shard is None else int(item.shard),
        generation=None if item.pool_generation is None else int(item.pool_generation),
        executed=None if item.executed_quantity is None else Quantity(item.executed_quantity, item.asset_id),
        total_amount=None if item.total_amount is None else Money(item.total_amount),
        reason=item.reason,
    )


def _seller_of(item: SellerItem) -> Seller:
    return Seller(
        order_id=keys.SELLER.read(keys.PrimaryKey(item.PK, item.SK))["order_id"],
        owner=Owner(item.username, item.sub),
        quantity=Quantity(item.quantity, item.asset_id),
        min_price=None if item.min_price is None else Price(item.min_price),
        done=item.allocated_at is not None,
    )
