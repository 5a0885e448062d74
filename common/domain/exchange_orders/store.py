"""Orders at the exchange in the table. None of these writes decides anything alone: each goes with the write of the
order of ours that it is for."""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain.exchange_orders.model import Fill, Placement
from common.errors import Refusal
from common.money import plain
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Table
from common.table.transaction import Write


class ExchangeOrderItem(Item, discriminator=keys.EXCHANGE_ORDER.entity):
    client_order_id = UnicodeAttribute()
    exchange = UnicodeAttribute()
    sent_at = InstantAttribute()
    exchange_order_id = UnicodeAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    missed_at = InstantAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    fees_elsewhere = UnicodeAttribute(null=True)
    resolved_at = InstantAttribute(null=True)


NONE = "NONE"  # the order's state, where the exchange does not have it


class PlacementMoved(Refusal):
    """Somebody else has placed it, or looked for it: read again."""


def find(table: Table, order_id: str, number: int) -> Placement | None:
    item = table.get(ExchangeOrderItem, keys.EXCHANGE_ORDER(order_id=order_id, n=str(number)), consistent=True)
    if item is None:
        return None
    return Placement(
        order_id=item.PK,
        number=number,
        client_order_id=item.client_order_id,
        exchange=item.exchange,
        sent_at=item.sent_at,
        exchange_order_id=item.exchange_order_id,
        order_state=item.order_state,
        missed_at=item.missed_at,
    )


def place(placement: Placement) -> Write:
    """The intent. Refused with PlacementMoved."""
    item = ExchangeOrderItem(
        *_key(placement),
        client_order_id=placement.client_order_id,
        exchange=placement.exchange,
        sent_at=placement.sent_at,
        created_at=placement.sent_at,
        updated_at=placement.sent_at,
    )
    return Write.put(item, when=ExchangeOrderItem.PK.does_not_exist(), otherwise=PlacementMoved("it is placed already"))


def accept(placement: Placement, exchange_order_id: str, at: datetime) -> Write:
    item = ExchangeOrderItem
    return Write.update(_item(placement), item.exchange_order_id.set(exchange_order_id), item.updated_at.set(at))


def miss(placement: Placement, at: datetime) -> Write:
    """The exchange, asked late enough, did not have the order, for the first time. Refused with PlacementMoved."""
    item = ExchangeOrderItem
    return Write.update(
        _item(placement),
        item.missed_at.set(at),
        item.updated_at.set(at),
        when=item.missed_at.does_not_exist() & item.exchange_order_id.does_not_exist(),
        otherwise=PlacementMoved("somebody else has looked"),
    )


def never(placement: Placement, at: datetime) -> Write:
    """The exchange does not have it."""
    item = ExchangeOrderItem
    return Write.update(_item(placement), item.order_state.set(NONE), item.resolved_at.set(at), item.updated_at.set(at))


def turned_up(placement: Placement, at: datetime) -> Write:
    """It has it after all."""
    item = ExchangeOrderItem
    return Write.update(_item(placement), item.order_state.set("TURNED_UP"), item.updated_at.set(at))


def settle(placement: Placement, fill: Fill, at: datetime) -> Write:
    """What it has come to."""
    item = ExchangeOrderItem
    return Write.update(
        _item(placement),
        item.order_state.set(fill.state),
        item.executed_quantity.set(fill.executed.amount),
        item.gross_amount.set(fill.gross.usd),
        item.fee_amount.set(fill.fee.usd),
        item.fees_elsewhere.set(", ".join(f"{plain(v)} {k}" for k, v in sorted(fill.fees_elsewhere.items()))),
        item.resolved_at.set(at),
        item.updated_at.set(at),
    )


def _item(placement: Placement) -> ExchangeOrderItem:
    return ExchangeOrderItem(*_key(placement))


def _key(placement: Placement) -> keys.PrimaryKey:
    return keys.EXCHANGE_ORDER(order_id=placement.order_id, n=str(placement.number))
