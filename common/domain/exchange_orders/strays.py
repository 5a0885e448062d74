"""Orders of ours that the exchange has and nobody waits for.

A parent goes on once the exchange has refused its order, or two looks and a last one have not found it. If the exchange
has the order nevertheless, or makes two of one, what it has is a stray: it is cancelled there, and a person sees to
what it has executed. A stray waits under an id of its own, so that its writes depend on nothing that the parent has
done since.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain import timeline, work
from common.domain.exchange_orders.model import ExchangeOrder
from common.domain.timeline import EXCHANGE, TimelineEvent
from common.errors import Conflict
from common.idempotency import derived_id
from common.table.items import DecimalAttribute
from common.table.transaction import Write


class StrayMoved(Conflict):
    """Somebody has found the stray before, or has dealt with it."""


class Status(StrEnum):
    STRAY = "STRAY"
    DEALT_WITH = "DEALT_WITH"


TRANSITIONS: dict[Status, set[Status]] = {Status.STRAY: {Status.DEALT_WITH}, Status.DEALT_WITH: set()}
OPERATORS_ONLY = {(Status.STRAY, Status.DEALT_WITH)}


class StrayOrderItem(work.OpenWork, discriminator=keys.STRAY_ORDER.entity):
    order_id = UnicodeAttribute()
    number = DecimalAttribute()
    exchange = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    exchange_order_id = UnicodeAttribute()
    status = UnicodeAttribute()


def stray_id_of(order: ExchangeOrder, exchange_order_id: str) -> str:
    return derived_id(keys.STRAY_ORDER, order.order_id, str(order.number), exchange_order_id)


def insert(order: ExchangeOrder, exchange_order_id: str, at: datetime) -> list[Write]:
    """The exchange's order `exchange_order_id`, which answers to the ids of this one of ours, is a stray and waits for
    a person. Refused with StrayMoved."""
    stray_id = stray_id_of(order, exchange_order_id)
    whose = f"for {order.order_id}, whose order there is {order.status}"
    found = f"the exchange has order {exchange_order_id} after all, {whose}"
    item = StrayOrderItem(
        *keys.STRAY_ORDER(stray_id=stray_id),
        order_id=order.order_id,
        number=Decimal(order.number),
        exchange=order.exchange,
        asset_id=order.quantity.asset_id,
        exchange_order_id=exchange_order_id,
        status=Status.STRAY,
        created_at=at,
        updated_at=at,
    )
    work.wait_for_person(item, keys.STRAY_ORDER, waits_for=f"an operator: {found}")
    event = TimelineEvent(at, None, Status.STRAY, found, EXCHANGE)
    known = StrayMoved("it is found already", id=stray_id)
    return [Write.insert(item, otherwise=known), timeline.record(stray_id, event)]


def found_outside(
    system: str, asset_id: str, their_id: str, whose: str, told: str, at: datetime
) -> tuple[str, list[Write]]:
    """What an outside system has done in our name, under its id, and we know nothing of, or otherwise: it waits for a
    person, under the id that is told. whose: the id of ours that it names, perhaps of nothing. Refused with
    StrayMoved, where it was found before."""
    stray_id = derived_id(keys.STRAY_ORDER, system, asset_id, their_id)
    item = StrayOrderItem(
        *keys.STRAY_ORDER(stray_id=stray_id),
        order_id=whose,
        number=Decimal(0),
        exchange=system,
        asset_id=asset_id,
        exchange_order_id=their_id,
        status=Status.STRAY,
        created_at=at,
        updated_at=at,
    )
    work.wait_for_person(item, keys.STRAY_ORDER, waits_for=f"an operator: {told}")
    event = TimelineEvent(at, None, Status.STRAY, told, system)
    known = StrayMoved("it is found already", id=stray_id)
    return stray_id, [Write.insert(item, otherwise=known), timeline.record(stray_id, event)]


def deal_with(stray_id: str, reason: str, operator: str, at: datetime) -> list[Write]:
    """A person has dealt with it at the exchange. Refused with StrayMoved."""
    item, after = StrayOrderItem, Status.DEALT_WITH
    closed = Write.update(
        item(*keys.STRAY_ORDER(stray_id=stray_id)),
        item.status.set(after),
        item.updated_at.set(at),
        *work.done(),
        when=item.status == Status.STRAY,
        otherwise=StrayMoved("a person has dealt with it already", id=stray_id),
    )
    return [closed, timeline.record(stray_id, TimelineEvent(at, Status.STRAY, after, reason, operator))]
