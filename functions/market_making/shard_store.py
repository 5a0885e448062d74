"""Shards in the table: the orders that each quotes for, and for when it was run last."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.errors import Refusal
from common.table.items import DecimalAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.market_making.model import ConfigurationMoved, MarketMakingOrderMoved, Member, Order, Status


class MemberItem(Item, discriminator=keys.SHARD_MEMBER.entity):
    account_id = UnicodeAttribute()
    symbol = UnicodeAttribute()
    status = UnicodeAttribute()  # of the order
    config = DecimalAttribute()  # its version that counts


class TickItem(Item, discriminator=keys.SHARD_LEASE.entity):
    ticked_at = UnicodeAttribute()  # the last time for which the shard's ticker was run


class TickTaken(Refusal):
    """Another ticker runs for this time, or a later one."""


def members(table: Table, shard: str) -> list[Member]:
    """By their orders' ids; also those that are stopped, whose money is at the exchange. What was written just now may
    be missing: what is decided has a fence of its own."""
    query = Query(partition(keys.SHARD_MEMBER.partition(shard=shard)) & Item.SK.startswith(keys.SHARD_MEMBER.prefix))
    return [_member_of(item) for item in table.all(MemberItem, query)]


def member(table: Table, order: Order) -> Member | None:
    """What its shard is told of it; None where nobody quotes for it."""
    if order.shard is None:
        return None
    key = keys.SHARD_MEMBER(shard=order.shard, order_id=order.order_id)
    item = table.get(MemberItem, key, consistent=True)
    return None if item is None else _member_of(item)


def configure_member(shard: str, before: Member, config: int, at: datetime) -> Write:
    """From its next cycle on it quotes by another version. Refused with ConfigurationMoved."""
    item = MemberItem
    return Write.update(
        item(*keys.SHARD_MEMBER(shard=shard, order_id=before.order_id)),
        item.config.set(Decimal(config)),
        item.updated_at.set(at),
        when=item.config == Decimal(before.config),
        otherwise=ConfigurationMoved(f"it is not version {before.config} any more", id=before.order_id),
    )


def join_shard(order: Order, shard: str, at: datetime, *, config: int = 0) -> Write:
    """From now on the shard's ticker quotes for it. Refused with MarketMakingOrderMoved."""
    item = MemberItem(
        *keys.SHARD_MEMBER(shard=shard, order_id=order.order_id),
        account_id=order.account_id,
        symbol=order.symbol,
        status=Status.CREATED,
        config=Decimal(config),
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=MarketMakingOrderMoved("it is quoted for already", id=order.order_id))


def tell_shard(order: Order, after: Status, at: datetime, *, config: int | None = None) -> list[Write]:
    """With each move of an order that is quoted for. One whose money leaves the exchange is no member any more."""
    if order.shard is None:
        return []
    item = MemberItem
    key = item(*keys.SHARD_MEMBER(shard=order.shard, order_id=order.order_id))
    if after is Status.RETURNING:
        return [Write.delete(key)]
    actions: list[Action] = [item.status.set(after), item.updated_at.set(at)]
    if config is not None:
        actions.append(item.config.set(Decimal(config)))
    return [Write.update(key, *actions, when=item.PK.exists(), otherwise=_MOVED)]


_MOVED = MarketMakingOrderMoved("the order is quoted for by nobody")


def take_tick(shard: str, time: datetime, at: datetime) -> Write:
    """A time is ticked for once, and forward only. Refused with TickTaken."""
    item = TickItem
    taken = item(*keys.SHARD_LEASE(shard=shard), ticked_at=text(time), created_at=at, updated_at=at)
    later = item.PK.does_not_exist() | (item.ticked_at < text(time))
    return Write.put(taken, when=later, otherwise=TickTaken(f"shard {shard} is ticked for {text(time)} already"))


def _member_of(item: MemberItem) -> Member:
    return Member(
        order_id=item.SK.removeprefix(keys.SHARD_MEMBER.prefix),
        account_id=item.account_id,
        symbol=item.symbol,
        status=Status(item.status),
        config=int(item.config),
        told_at=item.updated_at,
    )
