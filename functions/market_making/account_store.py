"""Trading accounts in the table: how many orders each carries, and what of their money it has that is in no ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from common import keys
from common.money import EXACT
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.market_making.model import (
    FIRST_SHARD,
    ORDERS_PER_ACCOUNT_MAX,
    FeeCoinOwn,
    Leg,
    NoCapacity,
    Order,
    TradingAccount,
    TradingAccountMoved,
    TradingAccountNotFound,
)


class TradingAccountItem(Item, discriminator=keys.TRADING_ACCOUNT.entity):
    exchange = UnicodeAttribute()
    capacity = DecimalAttribute()
    orders = DecimalAttribute()
    enabled = BooleanAttribute()
    shard = UnicodeAttribute(null=True)
    fee_coin = UnicodeAttribute(null=True)
    looked_at = InstantAttribute(null=True)  # when its balances were last asked for
    compared_at = InstantAttribute(null=True)  # when they were last held against what is owed


class UnledgeredItem(Item, discriminator=keys.UNLEDGERED.entity):
    pass


class LeftBehindItem(Item, discriminator=keys.LEFT_BEHIND.entity):
    amount = DecimalAttribute()


def accounts(table: Table) -> list[TradingAccount]:
    query = Query(partition(keys.TRADING_ACCOUNT.partition()) & Item.SK.startswith(keys.TRADING_ACCOUNT.prefix))
    return [_account_of(item) for item in table.all(TradingAccountItem, query)]


def account(table: Table, account_id: str) -> TradingAccount:
    """Raises TradingAccountNotFound."""
    item = table.get(TradingAccountItem, keys.TRADING_ACCOUNT(account_id=account_id))
    if item is None:
        raise TradingAccountNotFound("there is no such trading account", id=account_id)
    return _account_of(item)


def save_account(saved: TradingAccount, before: TradingAccount | None, at: datetime) -> Write:
    """A new account, or all of one that is as it was read, but what it carries. Refused with TradingAccountMoved."""
    item, key = TradingAccountItem, keys.TRADING_ACCOUNT(account_id=saved.account_id)
    moved = TradingAccountMoved("the account was saved by somebody else meanwhile", id=saved.account_id)
    if before is None:
        new = item(
            *key,
            exchange=saved.exchange,
            capacity=Decimal(saved.capacity),
            enabled=saved.enabled,
            shard=saved.shard,
            fee_coin=saved.fee_coin,
            orders=Decimal(0),
            created_at=at,
            updated_at=at,
        )
        return Write.insert(new, otherwise=moved)
    as_read = (item.capacity == Decimal(before.capacity)) & (item.enabled == before.enabled)
    if saved.shard != before.shard or (saved.fee_coin != before.fee_coin and not before.orders):
        as_read &= item.orders == Decimal(0)  # whose orders began there, go on there
    return Write.update(
        item(*key),
        item.capacity.set(Decimal(saved.capacity)),
        item.enabled.set(saved.enabled),
        item.shard.set(saved.shard),
        item.fee_coin.remove() if saved.fee_coin is None else item.fee_coin.set(saved.fee_coin),
        item.updated_at.set(at),
        when=as_read,
        otherwise=moved,
    )


@dataclass(frozen=True)
class Watched:
    """An account whose balances are held against what its orders are owed. Before that is done for the first time, both
    instants are when it was begun."""

    account_id: str
    looked_at: datetime
    compared_at: datetime


def watched(table: Table) -> list[Watched]:
    query = Query(partition(keys.TRADING_ACCOUNT.partition()) & Item.SK.startswith(keys.TRADING_ACCOUNT.prefix))
    found = table.all(TradingAccountItem, query)
    prefix = keys.TRADING_ACCOUNT.prefix
    return [
        Watched(item.SK.removeprefix(prefix), item.looked_at or item.created_at, item.compared_at or item.created_at)
        for item in found
    ]


def look_at(one: Watched, at: datetime) -> Write:
    item = TradingAccountItem
    return Write.update(item(*keys.TRADING_ACCOUNT(account_id=one.account_id)), item.looked_at.set(at))


def compare(one: Watched, at: datetime) -> Write:
    """An account has been held against what its orders are owed."""
    item = TradingAccountItem
    return Write.update(item(*keys.TRADING_ACCOUNT(account_id=one.account_id)), item.compared_at.set(at))


def take_room(account_id: str, at: datetime, *, coins: tuple[str, ...] = ()) -> Write:
    """One more order, in no coin in which the account pays its fees. Refused with NoCapacity."""
    item = TradingAccountItem
    has_room = (item.orders < item.capacity) & (item.orders < Decimal(ORDERS_PER_ACCOUNT_MAX)) & (item.enabled == True)  # noqa: E712
    return Write.update(
        item(*keys.TRADING_ACCOUNT(account_id=account_id)),
        item.orders.add(Decimal(1)),
        item.updated_at.set(at),
        when=has_room & _pays_with_none_of(coins) if coins else has_room,
        otherwise=NoCapacity("every trading account of the exchange is full; ask again later", retry_after_seconds=600),
    )


def pays_no_fees_of(order: Order) -> Write:
    """The account of an order pays its fees in another coin. Refused with FeeCoinOwn."""
    key = TradingAccountItem(*keys.TRADING_ACCOUNT(account_id=order.account_id))
    taken = FeeCoinOwn(f"{order.account_id} pays its fees in a coin of {order.symbol}", id=order.order_id)
    return Write.check(key, when=_pays_with_none_of(order.coins), otherwise=taken)


def _pays_with_none_of(coins: tuple[str, ...]) -> Condition:
    rule: Condition = TradingAccountItem.fee_coin.does_not_exist() | ~TradingAccountItem.fee_coin.is_in(*coins)
    return rule


def give_room(account_id: str, at: datetime) -> Write:
    """An order is over: the account carries one less. It goes with the one write that ends the order."""
    item = TradingAccountItem
    key = item(*keys.TRADING_ACCOUNT(account_id=account_id))
    return Write.update(key, item.orders.add(Decimal(-1)), item.updated_at.set(at))


def mark_unledgered(order: Order, at: datetime) -> Write:
    """Its money is at the account, and in no ledger, from now on: it was credited, or it leaves. It goes with the write
    of that."""
    return Write.put(UnledgeredItem(*_unledgered_key(order), created_at=at, updated_at=at))


def mark_ledgered(order: Order) -> Write:
    """It is in its ledger, or has left the account. It goes with the write of that, as which the order moves."""
    return Write.delete(UnledgeredItem(*_unledgered_key(order)))


def _unledgered_key(order: Order) -> keys.PrimaryKey:
    return keys.UNLEDGERED(account_id=order.account_id, order_id=order.order_id)


def unledgered(table: Table, account_id: str) -> list[str]:
    """The ids of an account's orders whose money is there, and in no ledger."""
    key = keys.UNLEDGERED.partition(account_id=account_id)
    query = Query(partition(key) & Item.SK.startswith(keys.UNLEDGERED.prefix), consistent=True)
    return [item.SK.removeprefix(keys.UNLEDGERED.prefix) for item in table.all(UnledgeredItem, query)]


def add_dust(order: Order, left: Leg, at: datetime, *, times: int = 1) -> Write:
    """What of an order that is over stays at the exchange, its payer's; with `times` -1, no longer."""
    item = LeftBehindItem
    return Write.update(
        item(*keys.LEFT_BEHIND(account_id=order.account_id, symbol=left.symbol)),
        item.entity_type.set(item),
        item.amount.add(EXACT.multiply(left.quantity.amount, Decimal(times))),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
    )


def dust(table: Table, account_id: str) -> dict[str, Decimal]:
    """What of its orders that are over was left behind at an account, by symbol."""
    key = keys.LEFT_BEHIND.partition(account_id=account_id)
    query = Query(partition(key) & Item.SK.startswith(keys.LEFT_BEHIND.prefix), consistent=True)
    return {item.SK.removeprefix(keys.LEFT_BEHIND.prefix): item.amount for item in table.all(LeftBehindItem, query)}


def _account_of(item: TradingAccountItem) -> TradingAccount:
    return TradingAccount(
        account_id=item.SK.removeprefix(keys.TRADING_ACCOUNT.prefix),
        exchange=item.exchange,
        capacity=int(item.capacity),
        orders=int(item.orders),
        enabled=item.enabled,
        shard=item.shard or FIRST_SHARD,
        fee_coin=item.fee_coin,
    )
