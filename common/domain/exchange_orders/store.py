"""Orders at the exchange in the table. Every write carries its condition, is refused with ExchangeOrderMoved, and goes
with the write of what the order is placed for."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.domain.catalogue.model import FILL_BAND_BPS
from common.domain.exchange_orders.model import (
    FEE_MAX_BPS,
    TRANSITIONS,
    Bounds,
    Evidence,
    ExchangeOrder,
    ExchangeOrderMoved,
    Fill,
    Status,
    fees_of,
    fees_text,
    is_decidable_by_evidence,
)
from common.errors import Refusal
from common.money import Money, Price, Quantity
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Table
from common.table.transaction import Write


class ExchangeOrderItem(Item, discriminator=keys.EXCHANGE_ORDER.entity):
    client_order_id = UnicodeAttribute()
    exchange = UnicodeAttribute()
    symbol = UnicodeAttribute(null=True)  # where it is not the asset's own name
    buys = BooleanAttribute()
    asset_id = UnicodeAttribute()
    quantity = DecimalAttribute()
    limit_price = DecimalAttribute()
    lowest_price = DecimalAttribute(null=True)  # these came later: orders written before have bounds by their limit
    highest_price = DecimalAttribute(null=True)
    fee_max_bps = DecimalAttribute(null=True)
    sent_at = InstantAttribute()
    status = UnicodeAttribute()
    exchange_order_id = UnicodeAttribute(null=True)
    order_state = UnicodeAttribute(null=True)
    missed_at = InstantAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    fees_elsewhere = UnicodeAttribute(null=True)
    resolved_at = InstantAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    evidence_executed = DecimalAttribute(null=True)
    evidence_gross = DecimalAttribute(null=True)
    evidence_fee = DecimalAttribute(null=True)
    evidence_fees_elsewhere = UnicodeAttribute(null=True)
    evidence_reference = UnicodeAttribute(null=True)
    evidence_operators = UnicodeAttribute(null=True)
    evidence_at = InstantAttribute(null=True)
    listed_at = InstantAttribute(null=True)  # when the exchange's list of a day has told of it


class ExchangeOrderIdItem(Item, discriminator=keys.EXCHANGE_ORDER_ID.entity):
    order_id = UnicodeAttribute()
    number = DecimalAttribute()


class ExchangeOrderTaken(Refusal):
    """The exchange's order is another one of ours."""


def find(table: Table, order_id: str, number: int) -> ExchangeOrder | None:
    item = table.get(ExchangeOrderItem, keys.EXCHANGE_ORDER(order_id=order_id, n=str(number)), consistent=True)
    return None if item is None else _order_of(item, number)


class Booked(NamedTuple):
    """An order of ours, what is booked of it once it is FINAL, and whether the exchange's list of a day has told of
    it."""

    order: ExchangeOrder
    fill: Fill | None
    listed: bool


def by_exchange_id(table: Table, exchange: str, symbol: str, exchange_order_id: str) -> Booked | None:
    """The order of ours that has claimed this one of the exchange's, as whatever; None: nobody has."""
    key = keys.EXCHANGE_ORDER_ID(exchange=exchange, asset_id=symbol, exchange_order_id=exchange_order_id)
    claimed = table.get(ExchangeOrderIdItem, key, consistent=True)
    if claimed is None:
        return None
    number = int(claimed.number)
    key = keys.EXCHANGE_ORDER(order_id=claimed.order_id, n=str(number))
    item = table.get(ExchangeOrderItem, key, consistent=True)
    return None if item is None else Booked(_order_of(item, number), _fill_of(item), item.listed_at is not None)


def listed(order: ExchangeOrder, at: datetime) -> Write:
    """The exchange's list of a day has told of it. Refused with ExchangeOrderMoved."""
    item = ExchangeOrderItem
    gone = ExchangeOrderMoved("the exchange order is gone")
    return Write.update(_item(order), item.listed_at.set(at), when=item.PK.exists(), otherwise=gone)


def insert(order: ExchangeOrder) -> Write:
    """The intent, before the exchange is asked. Refused with ExchangeOrderMoved."""
    item = ExchangeOrderItem(
        *_key(order),
        client_order_id=order.client_order_id,
        exchange=order.exchange,
        symbol=None if order.symbol == order.quantity.asset_id else order.symbol,
        buys=order.buys,
        asset_id=order.quantity.asset_id,
        quantity=order.quantity.amount,
        limit_price=order.limit_price.usd_per_unit,
        lowest_price=order.bounds.lowest.usd_per_unit,
        highest_price=order.bounds.highest.usd_per_unit,
        fee_max_bps=Decimal(order.bounds.fee_max_bps),
        sent_at=order.sent_at,
        status=order.status,
        created_at=order.sent_at,
        updated_at=order.sent_at,
    )
    there = ExchangeOrderMoved("it is placed already")
    return Write.insert(item, otherwise=there)


def claim(order: ExchangeOrder) -> Write:
    """The exchange's order is this one of ours, and no other's. Refused with ExchangeOrderTaken. It goes first in its
    transaction, so that whoever comes second is told this before anything else. Exchanges number the orders of each
    market, so the claim is of the exchange's name for it."""
    exchange_order_id = order.exchange_order_id
    assert exchange_order_id is not None
    item = ExchangeOrderIdItem
    key = keys.EXCHANGE_ORDER_ID(exchange=order.exchange, asset_id=order.symbol, exchange_order_id=exchange_order_id)
    ours = item(
        *key,
        order_id=order.order_id,
        number=Decimal(order.number),
        created_at=order.updated_at,
        updated_at=order.updated_at,
    )

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        whose = ExchangeOrderIdItem.from_raw_data(dict(old)).order_id
        return ExchangeOrderTaken(f"its order {exchange_order_id} is that of {whose}", id=order.order_id)

    same = (item.order_id == order.order_id) & (item.number == Decimal(order.number))
    return Write.put(ours, when=item.PK.does_not_exist() | same, otherwise=taken)


def accept(opened: ExchangeOrder) -> Write:
    """The exchange has it."""
    return _move(Status.SENT, opened, exchange_order_id=opened.exchange_order_id)


def evidence(order: ExchangeOrder, given: Evidence) -> Write:
    """Keep what operators say became of the order, in place of what they said before. Refused with
    ExchangeOrderMoved."""
    assert is_decidable_by_evidence(order), f"nothing is to be decided of an order that is {order.status}"
    item = ExchangeOrderItem
    return Write.update(
        _item(order),
        item.evidence_executed.set(given.executed.amount),
        item.evidence_gross.set(given.gross.usd),
        item.evidence_fee.set(given.fee.usd),
        item.evidence_fees_elsewhere.set(fees_text(given.fees_elsewhere)),
        item.evidence_reference.set(given.reference),
        item.evidence_operators.set(given.operators),
        item.evidence_at.set(given.at),
        item.updated_at.set(given.at),
        when=item.status == order.status,
        otherwise=ExchangeOrderMoved("the exchange order has moved"),
    )


def miss(order: ExchangeOrder, at: datetime) -> Write:
    """The exchange, asked late enough, did not have the order, for the first time."""
    item = ExchangeOrderItem
    return Write.update(
        _item(order),
        item.missed_at.set(at),
        item.updated_at.set(at),
        when=item.missed_at.does_not_exist() & (item.status == Status.SENT),
        otherwise=ExchangeOrderMoved("somebody else has looked"),
    )


def give_up(order: ExchangeOrder) -> Write:
    """It is waited for no more: it is REFUSED, NEVER or LOST."""
    assert order.reason is not None
    assert order.resolved_at is not None
    before = Status.OPEN if order.status is Status.LOST else Status.SENT
    return _move(before, order, given_up=_GivenUp(order.reason, order.resolved_at))


def end(order: ExchangeOrder, fill: Fill, at: datetime) -> Write:
    """The exchange has ended it: it is FINAL, and this is what it has come to."""
    elsewhere = fees_text(fill.fees_elsewhere)
    filled = _Filled(fill.state, fill.executed.amount, fill.gross.usd, fill.fee.usd, elsewhere)
    ended = replace(order, status=Status.FINAL, updated_at=at)
    return _move(Status.OPEN, ended, exchange_order_id=order.exchange_order_id, filled=filled)


def follow_up(before: ExchangeOrder, after: ExchangeOrder) -> Write:
    """What became of an order that was given up: the last look found nothing (ABSENT), or the order (TURNED_UP), or a
    person has dealt with it (DEALT_WITH)."""
    return _move(before.status, after, exchange_order_id=after.exchange_order_id)


def still_turned_up(order: ExchangeOrder) -> Write:
    """What has TURNED_UP still needs a person."""
    item = ExchangeOrderItem
    return Write.update(
        _item(order),
        item.updated_at.set(order.updated_at),
        when=item.status == Status.TURNED_UP,
        otherwise=ExchangeOrderMoved("a person has dealt with it"),
    )


class _GivenUp(NamedTuple):
    reason: str
    at: datetime


class _Filled(NamedTuple):
    order_state: str
    executed_quantity: Decimal
    gross_amount: Decimal
    fee_amount: Decimal
    fees_elsewhere: str


def _move(
    before: Status,
    after: ExchangeOrder,
    *,
    exchange_order_id: str | None = None,
    given_up: _GivenUp | None = None,
    filled: _Filled | None = None,
) -> Write:
    assert after.status in TRANSITIONS[before], f"an exchange order does not go from {before} to {after.status}"
    move = _moved(_key(after), before, after.status, after.updated_at, exchange_order_id, given_up, filled)
    return move.refused_with(ExchangeOrderMoved("the exchange order has moved"))


@prepared
def _moved(
    key: keys.PrimaryKey,
    before: Status,
    after: Status,
    at: datetime,
    exchange_order_id: str | None,
    given_up: _GivenUp | None,
    filled: _Filled | None,
) -> Write:
    """An order goes from one status to another, with what is known by then."""
    item = ExchangeOrderItem
    actions: list[Action] = [item.status.set(after)]
    if exchange_order_id is not None:
        actions.append(item.exchange_order_id.set(exchange_order_id))
    if given_up is not None:
        actions += [item.reason.set(given_up.reason), item.resolved_at.set(given_up.at)]
    if filled is not None:
        actions += [
            item.order_state.set(filled.order_state),
            item.executed_quantity.set(filled.executed_quantity),
            item.gross_amount.set(filled.gross_amount),
            item.fee_amount.set(filled.fee_amount),
            item.fees_elsewhere.set(filled.fees_elsewhere),
            item.resolved_at.set(at),
        ]
    return Write.update(item(*key), *actions, item.updated_at.set(at), when=item.status == before)


def _item(order: ExchangeOrder) -> ExchangeOrderItem:
    return ExchangeOrderItem(*_key(order))


def _key(order: ExchangeOrder) -> keys.PrimaryKey:
    return keys.EXCHANGE_ORDER(order_id=order.order_id, n=str(order.number))


def _order_of(item: ExchangeOrderItem, number: int) -> ExchangeOrder:
    return ExchangeOrder(
        order_id=item.PK,
        number=number,
        client_order_id=item.client_order_id,
        exchange=item.exchange,
        symbol=item.symbol or item.asset_id,
        buys=item.buys,
        quantity=Quantity(item.quantity, item.asset_id),
        limit_price=Price(item.limit_price),
        bounds=_bounds_of(item),
        sent_at=item.sent_at,
        updated_at=item.updated_at,
        status=Status(item.status),
        exchange_order_id=item.exchange_order_id,
        state=item.order_state,
        missed_at=item.missed_at,
        resolved_at=item.resolved_at,
        reason=item.reason,
        evidence=_evidence_of(item),
    )


def _fill_of(item: ExchangeOrderItem) -> Fill | None:
    if item.status != Status.FINAL:
        return None
    assert item.order_state is not None
    assert item.executed_quantity is not None
    assert item.gross_amount is not None
    assert item.fee_amount is not None
    executed, elsewhere = Quantity(item.executed_quantity, item.asset_id), fees_of(item.fees_elsewhere or "")
    return Fill(item.order_state, executed, Money(item.gross_amount), Money(item.fee_amount), elsewhere)


def _evidence_of(item: ExchangeOrderItem) -> Evidence | None:
    if item.evidence_at is None:
        return None
    assert item.evidence_executed is not None
    assert item.evidence_gross is not None
    assert item.evidence_fee is not None
    assert item.evidence_reference is not None
    assert item.evidence_operators is not None
    return Evidence(
        Quantity(item.evidence_executed, item.asset_id),
        Money(item.evidence_gross),
        Money(item.evidence_fee),
        item.evidence_reference,
        item.evidence_operators,
        item.evidence_at,
        fees_of(item.evidence_fees_elsewhere or ""),
    )


def _bounds_of(item: ExchangeOrderItem) -> Bounds:
    limit = Price(item.limit_price)
    if item.lowest_price is None or item.highest_price is None or item.fee_max_bps is None:
        return Bounds.of(limit, limit, FILL_BAND_BPS, FEE_MAX_BPS, buys=item.buys)
    return Bounds(Price(item.lowest_price), Price(item.highest_price), int(item.fee_max_bps))
