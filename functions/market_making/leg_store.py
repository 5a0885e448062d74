"""Legs in the table: an order's assets on their way to the exchange, and home; and which deposit there is whose."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.errors import Refusal
from common.money import Quantity
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.market_making.model import Leg, LegStatus, MarketMakingOrderMoved, Way


class LegItem(Item, discriminator=keys.MARKET_MAKING_LEG.entity):
    amount = DecimalAttribute()
    symbol = UnicodeAttribute()
    network = UnicodeAttribute()
    sent_by = UnicodeAttribute()
    status = UnicodeAttribute()
    transaction_hash = UnicodeAttribute(null=True)
    arrived_amount = DecimalAttribute(null=True)
    incoming_id = UnicodeAttribute(null=True)
    fee = DecimalAttribute(null=True)
    asked_at = InstantAttribute(null=True)


class DepositItem(Item, discriminator=keys.EXCHANGE_DEPOSIT.entity):
    order_id = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    transaction_hash = UnicodeAttribute()
    amount = DecimalAttribute()  # that counts as credited


class DepositTaken(Refusal):
    """The exchange's deposit is that of another leg."""


def legs(table: Table, order_id: str, way: Way) -> list[Leg]:
    """By their assets."""
    prefix = f"{keys.MARKET_MAKING_LEG.prefix}{way}"
    query = Query(partition(order_id) & Item.SK.startswith(prefix), consistent=True)
    return [_leg_of(item) for item in table.all(LegItem, query)]


def homeward(table: Table, order_id: str) -> list[Leg]:
    """Those home, by their assets, then what stays at the exchange."""
    return [leg for leg in all_legs(table, order_id) if leg.way is not Way.OUT]


def all_legs(table: Table, order_id: str) -> list[Leg]:
    """Those home, those out, what stays at the exchange; each by their assets."""
    query = Query(partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_LEG.prefix), consistent=True)
    return [_leg_of(item) for item in table.all(LegItem, query)]


def insert_leg(leg: Leg) -> Write:
    """Refused with MarketMakingOrderMoved."""
    item = LegItem(
        *_leg_key(leg),
        amount=leg.quantity.amount,
        symbol=leg.symbol,
        network=leg.network,
        sent_by=leg.sent_by,
        status=leg.status,
        fee=leg.fee,
        created_at=leg.created_at,
        updated_at=leg.updated_at,
    )
    return Write.insert(item, otherwise=MarketMakingOrderMoved("the leg is there", id=leg.order_id))


def move_leg(
    leg: Leg,
    after: LegStatus,
    at: datetime,
    *,
    transaction_hash: str | None = None,
    arrived: Quantity | None = None,
    incoming_id: str | None = None,
) -> Write:
    """Refused with MarketMakingOrderMoved."""
    item = LegItem
    actions: list[Action] = [item.status.set(after), item.updated_at.set(at)]
    if transaction_hash is not None:
        actions.append(item.transaction_hash.set(transaction_hash))
    if arrived is not None:
        actions.append(item.arrived_amount.set(arrived.amount))
    if incoming_id is not None:
        actions.append(item.incoming_id.set(incoming_id))
    moved = MarketMakingOrderMoved("the leg has moved", id=leg.order_id)
    return Write.update(item(*_leg_key(leg)), *actions, when=item.status == leg.status, otherwise=moved)


def ask_leg(leg: Leg, at: datetime) -> Write:
    """The exchange is about to be asked for a leg home, by nobody else. Refused with MarketMakingOrderMoved."""
    item = LegItem
    moved = MarketMakingOrderMoved("the leg has moved", id=leg.order_id)
    as_read = (item.status == leg.status) & (item.sent_by == leg.sent_by)
    as_read &= item.asked_at.does_not_exist() if leg.asked_at is None else item.asked_at == leg.asked_at
    marked = (item.asked_at.set(at), item.updated_at.set(at))
    return Write.update(item(*_leg_key(leg)), *marked, when=as_read, otherwise=moved)


def withdraw_again(leg: Leg, sent_by: str, at: datetime) -> Write:
    """The exchange has refused a leg home: it is asked for it under the next id. Refused with
    MarketMakingOrderMoved."""
    item = LegItem
    moved = MarketMakingOrderMoved("the leg has moved", id=leg.order_id)
    return Write.update(
        item(*_leg_key(leg)),
        item.status.set(LegStatus.INTENDED),
        item.sent_by.set(sent_by),
        item.created_at.set(at),  # its time begins anew
        item.updated_at.set(at),
        item.asked_at.remove(),
        when=(item.status == leg.status) & (item.sent_by == leg.sent_by),
        otherwise=moved,
    )


def let_go(rest: Leg, home: Leg, at: datetime) -> list[Write]:
    """Of what was left at the exchange so much comes home after all; what is finer stays. Refused with
    MarketMakingOrderMoved."""
    item, stays = LegItem, rest.quantity - home.quantity
    as_read = (item.status == rest.status) & (item.amount == rest.quantity.amount)
    moved = MarketMakingOrderMoved("the rest has moved", id=rest.order_id)
    if not stays.amount:
        return [insert_leg(home), Write.delete(item(*_leg_key(rest)), when=as_read, otherwise=moved)]
    less = [item.amount.set(stays.amount), item.updated_at.set(at)]
    return [insert_leg(home), Write.update(item(*_leg_key(rest)), *less, when=as_read, otherwise=moved)]


def claim_deposit(leg: Leg, account_id: str, deposit_id: str, amount: Decimal, at: datetime) -> Write:
    """A deposit at an account is one leg's, of which so much counts. Refused with DepositTaken."""
    assert leg.transaction_hash is not None
    item = DepositItem(
        *keys.EXCHANGE_DEPOSIT(account_id=account_id, deposit_id=deposit_id),
        order_id=leg.order_id,
        asset_id=leg.quantity.asset_id,
        transaction_hash=leg.transaction_hash,
        amount=amount,
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=DepositTaken(f"deposit {deposit_id} is another leg's", id=leg.order_id))


def is_claimed(table: Table, account_id: str, deposit_id: str) -> bool:
    """Is a deposit a leg's already?"""
    key = keys.EXCHANGE_DEPOSIT(account_id=account_id, deposit_id=deposit_id)
    return table.get(DepositItem, key, consistent=True) is not None


def _leg_key(leg: Leg) -> keys.PrimaryKey:
    return keys.MARKET_MAKING_LEG(order_id=leg.order_id, way=leg.way, asset_id=leg.quantity.asset_id)


def _leg_of(item: LegItem) -> Leg:
    key = keys.MARKET_MAKING_LEG.read(keys.PrimaryKey(item.PK, item.SK))
    arrived = item.arrived_amount
    return Leg(
        order_id=item.PK,
        way=Way(key["way"]),
        quantity=Quantity(item.amount, key["asset_id"]),
        symbol=item.symbol,
        network=item.network,
        sent_by=item.sent_by,
        status=LegStatus(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
        transaction_hash=item.transaction_hash,
        arrived=None if arrived is None else Quantity(arrived, key["asset_id"]),
        incoming_id=item.incoming_id,
        fee=item.fee,
        asked_at=item.asked_at,
    )
