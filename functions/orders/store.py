"""Orders in the table: items, mapping both ways, writes and queries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import book, timeline, work
from common.domain.timeline import TimelineEvent
from common.errors import Refusal
from common.money import EXACT, Money, Price, Quantity
from common.owner import Owner
from common.table.items import AnyItem, DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.orders.model import (
    BatchFees,
    ListedType,
    Order,
    OrderNotFound,
    OrderNotPending,
    OtherOrder,
    Side,
    Status,
)


class OrderItem(work.OpenWork, discriminator=keys.ORDER.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    ASSET_ID = UnicodeAttribute()
    timeline_at = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    status = UnicodeAttribute()
    terms = UnicodeAttribute()
    order_price = DecimalAttribute(null=True)
    expires_at = InstantAttribute(null=True)
    hold = DecimalAttribute(null=True)
    price_per_unit = DecimalAttribute(null=True)
    price_source = UnicodeAttribute(null=True)
    price_as_of = InstantAttribute(null=True)
    total_amount = DecimalAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    quote_id = UnicodeAttribute(null=True)
    fee_bps = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)


class AnyOrderItem(AnyItem, OrderItem):
    """An order of any kind, as the users' indexes have it."""

    held_amount = DecimalAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    batch_id = UnicodeAttribute(null=True)


class BatchFeesItem(AnyItem):
    """Of a batch of purchases or sales what its members are told of its fees."""

    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    fee_in_asset = DecimalAttribute(null=True)
    desk_quantity = DecimalAttribute(null=True)
    desk_price = DecimalAttribute(null=True)


class BookEntryItem(Item, discriminator=keys.BOOK_ENTRY.entity):
    """A pending order as the book needs it. All of it is fixed when the order is placed, so a fill reads no order.

    A half of the book is sorted by price, the best first, and at one price by time, the oldest first.
    """

    order_id = UnicodeAttribute()
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    order_price = DecimalAttribute()
    expires_at = InstantAttribute()
    hold = DecimalAttribute(null=True)
    fee_bps = DecimalAttribute(null=True)
    terms = UnicodeAttribute()


_HALVES = {Side.BUY: book.BIDS, Side.SELL: book.ASKS}


class AlreadyPlaced(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the order as it is."""

    def __init__(self, order: Order) -> None:
        super().__init__("that order id is taken")
        self.order = order


def insert(order: Order) -> Write:
    """Refused with AlreadyPlaced. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyPlaced(order_of(OrderItem.from_raw_data(old)))

    return Write.insert(_item(order), otherwise=taken)


class _Deal(NamedTuple):
    price_per_unit: Decimal
    price_source: str
    price_as_of: datetime
    total_amount: Decimal
    fee_amount: Decimal | None


def decide(order: Order) -> Write:
    """Write a pending order's end. Refused with OrderNotPending when it has one."""

    def decided(old: RawItem | None) -> Refusal:
        status = "gone" if old is None else old["status"]["S"]
        return OrderNotPending(
            f"the order is {status}; nothing can be done about it", id=order.order_id, order_status=status
        )

    deal = None
    if order.status is Status.COMPLETED:
        assert order.price_per_unit is not None
        assert order.price_source is not None
        assert order.price_as_of is not None
        assert order.total_amount is not None
        assert order.fee is not None
        price, total, fee = order.price_per_unit.usd_per_unit, order.total_amount.usd, order.fee.usd or None
        deal = _Deal(price, order.price_source, order.price_as_of, total, fee)
    key = keys.ORDER(order_id=order.order_id)
    return _decide(key, order.status, order.updated_at, deal, order.reason).refused_with(decided)


@prepared
def _decide(key: keys.PrimaryKey, status: Status, at: datetime, deal: _Deal | None, reason: str | None) -> Write:
    item = OrderItem
    actions: list[Action] = [item.status.set(status), item.updated_at.set(at), *work.done()]
    if deal is not None:
        actions += [
            item.price_per_unit.set(deal.price_per_unit),
            item.price_source.set(deal.price_source),
            item.price_as_of.set(deal.price_as_of),
            item.total_amount.set(deal.total_amount),
        ]
        if deal.fee_amount is not None:
            actions.append(item.fee_amount.set(deal.fee_amount))
    if reason is not None:
        actions.append(item.reason.set(reason))
    return Write.update(item(*key), *actions, when=item.status == Status.PENDING)


def enter_book(order: Order) -> Write:
    assert order.order_price is not None
    entry = BookEntryItem(
        *_book_key(order),
        order_id=order.order_id,
        username=order.owner.username,
        sub=order.owner.sub,
        asset_id=order.quantity.asset_id,
        order_type=order.order_type,
        quantity=order.quantity.amount,
        order_price=order.order_price.usd_per_unit,
        expires_at=order.expires_at,
        hold=None if order.hold is None else order.hold.usd,
        fee_bps=Decimal(order.fee_bps) or None,
        terms=order.terms,
        created_at=order.created_at,
        updated_at=order.created_at,
    )
    return Write.put(entry)


def leave_book(order: Order) -> Write:
    return Write.delete(BookEntryItem(*_book_key(order)))


def _book_key(order: Order) -> keys.PrimaryKey:
    assert order.order_price is not None
    buys = order.order_type is Side.BUY
    return book.key(order.quantity.asset_id, order.order_price, order.created_at, order.order_id, buys=buys)


def event(order: Order, before: Status | None, reason: str, actor: str) -> Write:
    return timeline.record(order.order_id, TimelineEvent(order.updated_at, before, order.status, reason, actor))


def find(table: Table, order_id: str) -> Order | None:
    item = table.get(OrderItem, keys.ORDER(order_id=order_id), consistent=True)
    return None if item is None else order_of(item)


def get(table: Table, owner: Owner, order_id: str) -> Order:
    """Raises OrderNotFound, also for an order of somebody else."""
    order = find(table, order_id)
    if order is None or order.owner != owner:
        raise OrderNotFound("there is no such order", id=order_id)
    return order


def crossed(table: Table, asset_id: str, side: Side, price: Price) -> Iterator[Order]:
    """The resting orders of one side that the market has crossed at `price`, and no others: the best price first, and
    the oldest first at one price."""
    half = keys.BOOK_ENTRY.partition(asset_id=asset_id, half=_HALVES[side])
    beyond = book.rank(price, buys=side is Side.BUY) + "$"  # what follows "#"
    return map(_resting, table.all(BookEntryItem, _before(half, beyond)))


@prepared
def _before(half: str, beyond: str) -> Query:
    return Query(partition(half) & (Item.SK < beyond))


def _resting(entry: BookEntryItem) -> Order:
    return Order(
        order_id=entry.order_id,
        owner=Owner(entry.username, entry.sub),
        order_type=Side(entry.order_type),
        quantity=Quantity(entry.quantity, entry.asset_id),
        status=Status.PENDING,
        terms=entry.terms,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
        order_price=Price(entry.order_price),
        expires_at=entry.expires_at,
        hold=None if entry.hold is None else Money(entry.hold),
        fee_bps=int(entry.fee_bps or 0),
    )


def of_user(
    owner: Owner,
    asset_id: str | None,
    status: Status | None,
    since: datetime | None,
    until: datetime | None,
) -> Query:
    """The owner's orders, newest first; a moment old, as any index is. Times are inclusive and exclusive."""
    first, last = text(since) if since else "0", text(until) if until else ":"  # ":" follows "9"
    last = max(first, last)  # a span that ends before it begins is empty: no sort key is a time alone
    if asset_id is not None:
        return _of_asset(owner.username, owner.sub, f"{asset_id}#{first}", f"{asset_id}#{last}", status)
    if since is None and until is None:
        return _of_user(owner.username, owner.sub, None, status)
    return _of_user(owner.username, owner.sub, _Span(first, last), status)


class _Span(NamedTuple):
    first: str
    last: str


@prepared
def _of_asset(username: str, sub: str, first: str, last: str, status: Status | None) -> Query:
    where = (OrderItem.username == username) & OrderItem.ASSET_ID.between(first, last)
    return Query(where, index=keys.USER_ORDERS, only=_own(sub, status), newest_first=True)


@prepared
def _of_user(username: str, sub: str, span: _Span | None, status: Status | None) -> Query:
    where: Condition = OrderItem.username == username
    if span is not None:
        where &= OrderItem.timeline_at.between(span.first, span.last)
    return Query(where, index=keys.USER_TIMELINE, only=_own(sub, status), newest_first=True)


def _own(sub: str, status: Status | None) -> Condition:
    rule: Condition = OrderItem.sub == sub
    return rule if status is None else rule & (OrderItem.status == status)


def _item(order: Order) -> OrderItem:
    created_at, asset_id = text(order.created_at), order.quantity.asset_id
    price, total = order.price_per_unit, order.total_amount
    item = OrderItem(
        *keys.ORDER(order_id=order.order_id),
        username=order.owner.username,
        sub=order.owner.sub,
        ASSET_ID=keys.USER_ORDERS(asset_id=asset_id, created_at=created_at, order_id=order.order_id),
        timeline_at=keys.USER_TIMELINE(created_at=created_at, order_id=order.order_id),
        asset_id=asset_id,
        order_type=order.order_type,
        quantity=order.quantity.amount,
        status=order.status,
        terms=order.terms,
        order_price=None if order.order_price is None else order.order_price.usd_per_unit,
        expires_at=order.expires_at,
        hold=None if order.hold is None else order.hold.usd,
        price_per_unit=None if price is None else price.usd_per_unit,
        price_source=order.price_source,
        price_as_of=order.price_as_of,
        total_amount=None if total is None else total.usd,
        quote_id=order.quote_id,
        fee_bps=Decimal(order.fee_bps) or None,
        fee_amount=None if order.fee is None else order.fee.usd or None,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )
    if order.status is Status.PENDING:
        assert order.expires_at is not None
        work.wait(item, keys.ORDER, due_at=order.expires_at, waits_for="the market to cross its price, or its expiry")
    return item


def listed(item: AnyOrderItem) -> Order | OtherOrder:
    if item.SK == keys.ORDER.sk:
        return order_of(item)
    return OtherOrder(
        order_id=item.PK,
        owner=Owner(item.username, item.sub),
        order_type=ListedType(item.order_type),
        quantity=Quantity(item.quantity, item.asset_id),
        status=item.status,
        created_at=item.created_at,
        updated_at=item.updated_at,
        total_amount=None if item.total_amount is None else Money(item.total_amount),
        reason=item.reason,
        held=None if item.held_amount is None or item.status != Status.PENDING else Money(item.held_amount),
        price_source=item.price_source,
        price_as_of=item.price_as_of,
        expires_at=item.expires_at,
        executed=None if item.executed_quantity is None else Quantity(item.executed_quantity, item.asset_id),
        gross=None if item.gross_amount is None else Money(item.gross_amount),
        fee=None if item.fee_amount is None else Money(item.fee_amount),
        batch_id=item.batch_id,
    )


def fees_of(table: Table, batch_id: str) -> BatchFees | None:
    """A moment old; None while they are not known."""
    item = table.get(BatchFeesItem, keys.BATCH(batch_id=batch_id))
    if item is None or item.executed_quantity is None or item.gross_amount is None:
        return None
    fee, kept, nothing = item.fee_amount or Decimal(0), item.fee_in_asset or Decimal(0), Decimal(0)
    desk_paid = EXACT.multiply(item.desk_quantity or nothing, item.desk_price or nothing)
    return BatchFees(item.executed_quantity, Money(item.gross_amount), Money(fee), kept, Money(desk_paid))


def order_of(item: OrderItem) -> Order:
    return Order(
        order_id=item.PK,
        owner=Owner(item.username, item.sub),
        order_type=Side(item.order_type),
        quantity=Quantity(item.quantity, item.asset_id),
        status=Status(item.status),
        terms=item.terms,
        created_at=item.created_at,
        updated_at=item.updated_at,
        order_price=None if item.order_price is None else Price(item.order_price),
        expires_at=item.expires_at,
        hold=None if item.hold is None else Money(item.hold),
        price_per_unit=None if item.price_per_unit is None else Price(item.price_per_unit),
        price_source=item.price_source,
        price_as_of=item.price_as_of,
        total_amount=None if item.total_amount is None else Money(item.total_amount),
        reason=item.reason,
        quote_id=item.quote_id,
        fee_bps=int(item.fee_bps or 0),
        fee=None if item.total_amount is None else Money(item.fee_amount or 0),
    )
