"""Sell orders and their orders at the exchange in the table: items, mapping both ways, writes and queries."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Comparison, Condition
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.catalogue.model import Quote
from common.domain.desk_book.model import DeskBuys, Rest
from common.domain.exchange_orders.model import ExchangeOrder, ExchangeOrderMoved
from common.domain.payouts.store import PayableItem
from common.domain.timeline import TimelineEvent
from common.errors import Refusal
from common.money import Money, Price, Quantity
from common.owner import Owner
from common.table.items import BooleanAttribute, DecimalAttribute, InstantAttribute, RawItem
from common.table.table import Query, Table
from common.table.transaction import Write
from functions.offramp.model import RESOLVE_DUE, SellOrder, SellOrderNotFound, Status

LAST_LOOK = "a last look whether the exchange has the order after all"
PAYOUT_MACHINE = keys.SELL_ORDER.machines[1]


class SellOrderItem(PayableItem, discriminator=keys.SELL_ORDER.entity):
    ASSET_ID = UnicodeAttribute(null=True)  # an intent that came to nothing is in no index of users
    timeline_at = UnicodeAttribute(null=True)
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    sells_all = BooleanAttribute(null=True)
    rest_quantity = DecimalAttribute(null=True)  # of it: less than a lot, for the desk's own book
    desk_buys_max = DecimalAttribute(null=True)
    estimated_amount = DecimalAttribute()
    terms = UnicodeAttribute()
    limit_price = DecimalAttribute()
    price = DecimalAttribute()
    price_source = UnicodeAttribute()
    price_as_of = InstantAttribute()
    exchange_orders = DecimalAttribute()
    executed_quantity = DecimalAttribute(null=True)
    desk_quantity = DecimalAttribute(null=True)  # of it: what the desk's own book has bought
    desk_price = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    resolved_at = InstantAttribute(null=True)


class AlreadyAsked(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the order as it is."""

    def __init__(self, order: SellOrder) -> None:
        super().__init__("that sell order id is taken")
        self.order = order


class OrderMoved(ExchangeOrderMoved):
    """The order is not as it was read: read again."""


# Reading


def key(order_id: str) -> keys.PrimaryKey:
    return keys.SELL_ORDER(order_id=order_id)


def find(table: Table, order_id: str) -> SellOrder | None:
    item = table.get(SellOrderItem, key(order_id), consistent=True)
    return None if item is None else order_of(item)


def existing(table: Table, order_id: str) -> SellOrder:
    """Raises SellOrderNotFound."""
    order = find(table, order_id)
    if order is None:
        raise SellOrderNotFound("there is no such sell order", id=order_id)
    return order


def visible(table: Table, owner: Owner, order_id: str) -> SellOrder:
    """Raises SellOrderNotFound, also for somebody else's and for an intent that holds nothing."""
    item = table.get(SellOrderItem, key(order_id), consistent=True)
    if item is None or Owner(item.username, item.sub) != owner or item.timeline_at is None:
        raise SellOrderNotFound("there is no such sell order", id=order_id)
    return order_of(item)


def of_user(owner: Owner) -> Query:
    """The owner's orders of every kind, newest first, of which only sell orders are let through."""
    item = SellOrderItem
    only = (item.sub == owner.sub) & (item.entity_type == SellOrderItem)
    return Query(item.username == owner.username, index=keys.USER_TIMELINE, only=only, newest_first=True)


# The intent


def insert(order: SellOrder) -> Write:
    """Refused with AlreadyAsked. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyAsked(order_of(SellOrderItem.from_raw_data(dict(old))))

    return Write.insert(_item(order), otherwise=taken)


def ask_again(order: SellOrder) -> Write:
    """A new intent under the id of one that the exchange refused. Refused with OrderMoved."""
    return Write.put(
        _item(order),
        when=_status(Status.NEW)
        & SellOrderItem.open_work.does_not_exist()
        & (SellOrderItem.exchange_orders == Decimal(order.exchange_orders - 1)),
        otherwise=OrderMoved("another request has asked again"),
    )


def accept(order: SellOrder, at: datetime) -> Write:
    """The exchange has the order: it waits for its fill. Refused with OrderMoved."""
    item = SellOrderItem
    return Write.update(
        _order(order),
        item.status.set(Status.BASE_TXN_PENDING),
        item.updated_at.set(at),
        *_waits(order, at, at + work.SOON, "the exchange to execute the sale"),
        when=_as_read(order),
        otherwise=OrderMoved("the intent has moved"),
    )


def refuse(order: SellOrder, why: str, at: datetime) -> Write:
    """The exchange does not have the order, and never will: the intent is over. Refused with OrderMoved."""
    item = SellOrderItem
    return Write.update(
        _order(order),
        item.reason.set(why),
        item.updated_at.set(at),
        *_hidden(),
        *work.done(),
        when=_as_read(order),
        otherwise=OrderMoved("the intent has moved"),
    )


def wait_to_look_again(order: SellOrder, exchange_order: ExchangeOrder) -> Write:
    """The exchange does not have the order: the intent waits for the last look. Refused with OrderMoved."""
    assert exchange_order.reason is not None
    item, at = SellOrderItem, exchange_order.updated_at
    return Write.update(
        _order(order),
        item.reason.set(exchange_order.reason),
        item.updated_at.set(at),
        *_hidden(),
        *_waits(order, at, exchange_order.look_at, LAST_LOOK),
        when=_as_read(order),
        otherwise=OrderMoved("the intent has moved"),
    )


def looked(order: SellOrder, at: datetime) -> Write:
    """The last look found nothing, or a person has dealt with what it found. Refused with OrderMoved."""
    return Write.update(
        _order(order),
        SellOrderItem.updated_at.set(at),
        *work.done(),
        when=_as_read(order) & SellOrderItem.open_work.exists(),
        otherwise=OrderMoved("the order has moved"),
    )


def turned_up(order: SellOrder, told: str, at: datetime) -> Write:
    """The exchange has an order whose hold was given back: a person must look. Refused with OrderMoved."""
    waits_for = f"an operator: the exchange has {told} after all, and its hold was given back"
    return Write.update(
        _order(order),
        SellOrderItem.updated_at.set(at),
        *work.needs_person(keys.SELL_ORDER, order.order_id, now=at, waits_for=waits_for),
        when=_as_read(order),
        otherwise=OrderMoved("the order has moved"),
    )


def stop(order: SellOrder, why: str, at: datetime) -> Write:
    """Its exchange order can not be believed, or not be written down: a person must look. Refused with OrderMoved."""
    return Write.update(
        _order(order),
        SellOrderItem.updated_at.set(at),
        *work.needs_person(keys.SELL_ORDER, order.order_id, now=at, waits_for=f"an operator: {why}"),
        when=_as_read(order) & SellOrderItem.open_work.exists(),
        otherwise=OrderMoved("the order has moved"),
    )


# The sale


def expect_fill(order: SellOrder, at: datetime, due_at: datetime) -> Write:
    """The machine polls: it is due when polling should have ended. Refused with OrderMoved."""
    return Write.update(
        _order(order),
        *_waits(order, at, due_at, "the exchange to execute the sale"),
        when=_as_read(order),
        otherwise=OrderMoved("the sale is decided"),
    )


def sell(order: SellOrder, after: SellOrder) -> Write:
    """Write what was sold; from here on the machine `payout` moves the order. Refused with OrderMoved."""
    assert after.executed is not None
    assert after.gross is not None
    assert after.fee is not None
    assert after.total_amount is not None
    item, at, desk = SellOrderItem, after.updated_at, after.desk_buys
    return Write.update(
        _order(order),
        item.status.set(after.status),
        item.executed_quantity.set(after.executed.amount),
        *([] if desk is None else [item.desk_quantity.set(desk.quantity.amount)]),
        *([] if desk is None else [item.desk_price.set(desk.price.usd_per_unit)]),
        item.gross_amount.set(after.gross.usd),
        item.fee_amount.set(after.fee.usd),
        item.total_amount.set(after.total_amount.usd),
        item.resolved_at.set(at),
        item.updated_at.set(at),
        *([] if after.reason is None else [item.reason.set(after.reason)]),
        *_waits(order, at, at + work.SOON, "its first payout attempt"),
        *work.hand_over(PAYOUT_MACHINE),
        when=_as_read(order),
        otherwise=OrderMoved("the sale is decided"),
    )


def fail(order: SellOrder, after: SellOrder, look_at: datetime | None = None) -> Write:
    """Write that nothing was sold; with `look_at` it waits for the last look at the exchange. Refused with
    OrderMoved."""
    assert after.executed is not None
    assert after.reason is not None
    item, at = SellOrderItem, after.updated_at
    return Write.update(
        _order(order),
        item.status.set(after.status),
        item.executed_quantity.set(after.executed.amount),
        item.reason.set(after.reason),
        item.resolved_at.set(at),
        item.updated_at.set(at),
        *(work.done() if look_at is None else _waits(order, at, look_at, LAST_LOOK)),
        when=_as_read(order),
        otherwise=OrderMoved("the sale is decided"),
    )


def event(
    order: SellOrder, before: Status | None, reason: str, actor: str, at: datetime, *, fails: bool = False
) -> Write:
    """`fails`: nothing is sold, which its status does not tell."""
    return timeline.record(order.order_id, TimelineEvent(at, before, order.status, reason, actor, fails))


# Mapping


def _hidden() -> list[Action]:
    """The actions after which an intent, which holds nothing any more, is in no list of its customer."""
    return [SellOrderItem.ASSET_ID.remove(), SellOrderItem.timeline_at.remove()]


def _waits(order: SellOrder, at: datetime, due_at: datetime, waits_for: str) -> list[Action]:
    return work.waits(keys.SELL_ORDER, order.order_id, now=at, due_at=due_at, waits_for=waits_for)


def _order(order: SellOrder) -> SellOrderItem:
    return SellOrderItem(*keys.SELL_ORDER(order_id=order.order_id))


def _status(status: Status) -> Comparison:
    return SellOrderItem.status == status


def _as_read(order: SellOrder) -> Condition:
    rule: Condition = _status(order.status) & (SellOrderItem.exchange_orders == Decimal(order.exchange_orders))
    return rule


def _item(order: SellOrder) -> SellOrderItem:
    """Of an intent: nothing else is put as a whole."""
    created_at, asset_id = text(order.created_at), order.quantity.asset_id
    item = SellOrderItem(
        *keys.SELL_ORDER(order_id=order.order_id),
        username=order.owner.username,
        sub=order.owner.sub,
        ASSET_ID=keys.USER_ORDERS(asset_id=asset_id, created_at=created_at, order_id=order.order_id),
        timeline_at=keys.USER_TIMELINE(created_at=created_at, order_id=order.order_id),
        asset_id=order.quantity.asset_id,
        order_type="SELL",
        quantity=order.quantity.amount,
        sells_all=order.sells_all or None,
        rest_quantity=None if order.rest is None else order.rest.quantity.amount,
        desk_buys_max=None if order.rest is None else order.rest.desk_buys_max.usd,
        estimated_amount=order.estimated_amount.usd,
        crypto_client_id=order.crypto_client_id,
        banking_client_id=order.banking_client_id,
        status=order.status,
        terms=order.terms,
        limit_price=order.limit_price.usd_per_unit,
        price=order.quote.price.usd_per_unit,
        price_source=order.quote.source,
        price_as_of=order.quote.as_of,
        exchange_orders=Decimal(order.exchange_orders),
        created_at=order.created_at,
        updated_at=order.updated_at,
    )
    due_at = order.updated_at + RESOLVE_DUE
    work.wait(item, keys.SELL_ORDER, due_at=due_at, waits_for="the exchange to say whether it has the order")
    return item


def order_of(item: SellOrderItem) -> SellOrder:
    def dollars(amount: Decimal | None) -> Money | None:
        return None if amount is None else Money(amount)

    rest, desk_buys = None, None
    if item.rest_quantity is not None:
        rest = Rest(Quantity(item.rest_quantity, item.asset_id), Money(item.desk_buys_max or 0))
    if item.desk_quantity is not None:
        desk_buys = DeskBuys(Quantity(item.desk_quantity, item.asset_id), Price(item.desk_price or 0))
    return SellOrder(
        order_id=item.PK,
        owner=Owner(item.username, item.sub),
        quantity=Quantity(item.quantity, item.asset_id),
        sells_all=bool(item.sells_all),
        estimated_amount=Money(item.estimated_amount),
        crypto_client_id=item.crypto_client_id,
        banking_client_id=item.banking_client_id,
        status=Status(item.status),
        terms=item.terms,
        limit_price=Price(item.limit_price),
        quote=Quote(Price(item.price), item.price_source, item.price_as_of),
        exchange_orders=int(item.exchange_orders),
        waits=item.open_work is not None,
        needs_person=item.needs_person,
        created_at=item.created_at,
        updated_at=item.updated_at,
        rest=rest,
        executed=None if item.executed_quantity is None else Quantity(item.executed_quantity, item.asset_id),
        gross=dollars(item.gross_amount),
        fee=dollars(item.fee_amount),
        total_amount=dollars(item.total_amount),
        desk_buys=desk_buys,
        resolved_at=item.resolved_at,
        attempts=int(item.attempts or 0),
        reason=item.reason,
        due_at=item.due_at,
        waits_for=item.waits_for,
    )
