"""Market making in the table: items, mapping both ways, writes and queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from pynamodb.attributes import BooleanAttribute, JSONAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.campaigns import Kind
from common.clock import text
from common.domain import timeline, work
from common.domain.custody.model import Incoming, incoming_id
from common.domain.timeline import TimelineEvent
from common.errors import Refusal
from common.money import EXACT, Quantity, plain
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.market_making.campaigns import Choice
from functions.market_making.model import (
    FIRST_SHARD,
    OPERATORS_ONLY,
    ORDERS_PER_ACCOUNT_MAX,
    TRANSITIONS,
    ConfigurationMoved,
    Division,
    FeeCoinOwn,
    Fees,
    Leg,
    LegStatus,
    MarketMakingOrderMoved,
    MarketMakingOrderNotFound,
    Member,
    NoCapacity,
    Order,
    Pair,
    PairMoved,
    PairNotFound,
    Status,
    TradingAccount,
    TradingAccountMoved,
    TradingAccountNotFound,
    Transfer,
    Way,
)


class SnapshotCursorItem(Item, discriminator=keys.SNAPSHOT_CURSOR.entity):
    told_at = UnicodeAttribute()  # by the custody's clock: all that it has told by then is taken


class OrderItem(work.OpenWork, discriminator=keys.MARKET_MAKING_ORDER.entity):
    username = UnicodeAttribute(null=True)  # once the payer's Mixin id is linked, or from the start
    sub = UnicodeAttribute(null=True)
    ASSET_ID = UnicodeAttribute(null=True)
    timeline_at = UnicodeAttribute(null=True)
    asset_id = (
        UnicodeAttribute()
    )  # the exchange's symbol of the base asset; so and `quantity` it is listed among orders
    order_type = UnicodeAttribute()
    quantity = DecimalAttribute()
    terms = UnicodeAttribute(null=True)
    opponent_id = UnicodeAttribute(null=True)
    pair_id = UnicodeAttribute()
    symbol = UnicodeAttribute()
    exchange = UnicodeAttribute()
    account_id = UnicodeAttribute()
    base_asset_id = UnicodeAttribute()
    quote_asset_id = UnicodeAttribute()
    base_min = DecimalAttribute()
    quote_min = DecimalAttribute()
    base_asked = DecimalAttribute()
    quote_asked = DecimalAttribute()
    fee_bps = DecimalAttribute()
    base_fee_asset_id = UnicodeAttribute()
    base_fee_amount = DecimalAttribute()
    quote_fee_asset_id = UnicodeAttribute()
    quote_fee_amount = DecimalAttribute()
    status = UnicodeAttribute()
    transfers = DecimalAttribute()
    first_paid_at = InstantAttribute(null=True)
    base_amount = DecimalAttribute(null=True)
    quote_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    sent_at = InstantAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    campaign_id = UnicodeAttribute(null=True)
    hufi_campaign = UnicodeAttribute(null=True)  # the owner's choice: named, by kind, by token
    hufi_kind = UnicodeAttribute(null=True)
    hufi_token = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)
    goes_home = BooleanAttribute(null=True)
    after_failure = BooleanAttribute(null=True)
    quoted_by = UnicodeAttribute(null=True)  # the shard whose ticker quotes for it
    left_behind = JSONAttribute(null=True)  # dust at the exchange: what of which symbol


class MemberItem(Item, discriminator=keys.SHARD_MEMBER.entity):
    account_id = UnicodeAttribute()
    symbol = UnicodeAttribute()
    status = UnicodeAttribute()  # of the order
    config = DecimalAttribute()  # its version that counts


class TickItem(Item, discriminator=keys.SHARD_LEASE.entity):
    ticked_at = UnicodeAttribute()  # the last time for which the shard's ticker was run


class TransferItem(Item, discriminator=keys.MARKET_MAKING_TRANSFER.entity):
    asset_id = UnicodeAttribute()
    amount = DecimalAttribute()


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


class GoingHomeItem(Item, discriminator=keys.GOING_HOME.entity):
    pass


class LeftBehindItem(Item, discriminator=keys.LEFT_BEHIND.entity):
    amount = DecimalAttribute()


class PairItem(Item, discriminator=keys.PAIR.entity):
    symbol = UnicodeAttribute()
    exchange = UnicodeAttribute()
    base_asset_id = UnicodeAttribute()
    quote_asset_id = UnicodeAttribute()
    base_min = DecimalAttribute()
    quote_min = DecimalAttribute()
    fee_bps = DecimalAttribute()
    enabled = BooleanAttribute()


class TradingAccountItem(Item, discriminator=keys.TRADING_ACCOUNT.entity):
    exchange = UnicodeAttribute()
    capacity = DecimalAttribute()
    orders = DecimalAttribute()
    enabled = BooleanAttribute()
    shard = UnicodeAttribute(null=True)
    fee_coin = UnicodeAttribute(null=True)
    looked_at = InstantAttribute(null=True)  # when its balances were last asked for
    compared_at = InstantAttribute(null=True)  # when they were last held against what is owed


class DepositItem(Item, discriminator=keys.EXCHANGE_DEPOSIT.entity):
    order_id = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    transaction_hash = UnicodeAttribute()
    amount = DecimalAttribute()  # that counts as credited


class DepositTaken(Refusal):
    """The exchange's deposit is that of another leg."""


class CursorMoved(Refusal):
    """Another poller has come further."""


class TickTaken(Refusal):
    """Another ticker runs for this time, or a later one."""


class AlreadyOpened(Refusal):
    """The order is there. Carries it as it is."""

    def __init__(self, order: Order) -> None:
        super().__init__("that market-making order is there")
        self.order = order


# The poller's cursor


def cursor(table: Table) -> str | None:
    """By the custody's clock, up to when all its snapshots are taken; None before the first poll."""
    item = table.get(SnapshotCursorItem, keys.SNAPSHOT_CURSOR(), consistent=True)
    return None if item is None else item.told_at


def move_cursor(told_at: str, at: datetime) -> Write:
    """Forward only. Refused with CursorMoved."""
    item = SnapshotCursorItem
    moved = item(*keys.SNAPSHOT_CURSOR(), told_at=told_at, created_at=at, updated_at=at)
    forward = item.PK.does_not_exist() | (item.told_at < told_at)
    return Write.put(moved, when=forward, otherwise=CursorMoved("another poller has come further"))


# Pairs and trading accounts


def pair(table: Table, pair_id: UUID) -> Pair:
    """Raises PairNotFound."""
    item = table.get(PairItem, keys.PAIR(pair_id=str(pair_id)))
    if item is None:
        raise PairNotFound("the pair is not traded here", id=str(pair_id))
    return _pair_of(item)


def pairs(table: Table) -> list[Pair]:
    query = Query(partition(keys.PAIR.partition()) & Item.SK.startswith(keys.PAIR.prefix))
    return [_pair_of(item) for item in table.all(PairItem, query)]


def save_pair(saved: Pair, before: Pair | None, at: datetime) -> Write:
    """A new pair, or what may change of one that is as it was read. Refused with PairMoved."""
    item = PairItem
    moved = PairMoved("the pair was saved by somebody else meanwhile", id=str(saved.pair_id))
    if before is None:
        return Write.insert(_pair_item(saved, at), otherwise=moved)
    return Write.update(
        item(*keys.PAIR(pair_id=str(saved.pair_id))),
        item.base_min.set(saved.base_min),
        item.quote_min.set(saved.quote_min),
        item.fee_bps.set(saved.fee_bps),
        item.enabled.set(saved.enabled),
        item.updated_at.set(at),
        when=(item.base_min == before.base_min)
        & (item.quote_min == before.quote_min)
        & (item.fee_bps == before.fee_bps)
        & (item.enabled == before.enabled),
        otherwise=moved,
    )


def _pair_item(pair: Pair, at: datetime) -> PairItem:
    return PairItem(
        *keys.PAIR(pair_id=str(pair.pair_id)),
        symbol=pair.symbol,
        exchange=pair.exchange,
        base_asset_id=pair.base_asset_id,
        quote_asset_id=pair.quote_asset_id,
        base_min=pair.base_min,
        quote_min=pair.quote_min,
        fee_bps=pair.fee_bps,
        enabled=pair.enabled,
        created_at=at,
        updated_at=at,
    )


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


# Orders


def find(table: Table, order_id: str) -> Order | None:
    item = table.get(OrderItem, keys.MARKET_MAKING_ORDER(order_id=order_id), consistent=True)
    return None if item is None else order_of(item)


def existing(table: Table, order_id: str) -> Order:
    """Raises MarketMakingOrderNotFound."""
    order = find(table, order_id)
    if order is None:
        raise MarketMakingOrderNotFound("there is no such market-making order", id=order_id)
    return order


def visible(table: Table, owner: Owner, order_id: str) -> Order:
    """Raises MarketMakingOrderNotFound, also for somebody else's."""
    order = existing(table, order_id)
    if order.owner != owner:
        raise MarketMakingOrderNotFound("there is no such market-making order", id=order_id)
    return order


def page(table: Table, status: Status | None, *, limit: int, after: Position | None) -> Page[Order]:
    """A page of a scan: orders of everybody, in no order."""
    found = table.scan(OrderItem, keys.MARKET_MAKING_ORDER, limit=limit, after=after).of(order_of)
    return Page([order for order in found.items if status in (None, order.status)], found.after)


def of_user(owner: Owner) -> Query:
    """The owner's orders of every kind, newest first, of which only market making's are let through."""
    item = OrderItem
    only = (item.sub == owner.sub) & (item.entity_type == item)
    return Query(item.username == owner.username, index=keys.USER_TIMELINE, only=only, newest_first=True)


def transfers(table: Table, order_id: str) -> list[Transfer]:
    """By their snapshots' ids."""
    query = Query(partition(order_id) & Item.SK.startswith(keys.MARKET_MAKING_TRANSFER.prefix), consistent=True)
    return [_transfer_of(item) for item in table.all(TransferItem, query)]


def insert(order: Order, first_check: datetime) -> Write:
    """Refused with AlreadyOpened. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyOpened(order_of(OrderItem.from_raw_data(dict(old))))

    owner, created_at = order.owner, text(order.created_at)
    item = OrderItem(
        *_key(order),
        username=None if owner is None else owner.username,
        sub=None if owner is None else owner.sub,
        ASSET_ID=None
        if owner is None
        else keys.USER_ORDERS(asset_id=order.coin, created_at=created_at, order_id=order.order_id),
        timeline_at=None if owner is None else keys.USER_TIMELINE(created_at=created_at, order_id=order.order_id),
        asset_id=order.coin,
        order_type="MARKET_MAKING",
        quantity=order.base_asked,
        terms=order.terms,
        opponent_id=order.opponent_id,
        pair_id=str(order.pair_id),
        symbol=order.symbol,
        exchange=order.exchange,
        account_id=order.account_id,
        base_asset_id=order.base_asset_id,
        quote_asset_id=order.quote_asset_id,
        base_min=order.base_min,
        quote_min=order.quote_min,
        base_asked=order.base_asked,
        quote_asked=order.quote_asked,
        fee_bps=order.fee_bps,
        base_fee_asset_id=order.fees.base.asset_id,
        base_fee_amount=order.fees.base.amount,
        quote_fee_asset_id=order.fees.quote.asset_id,
        quote_fee_amount=order.fees.quote.amount,
        status=order.status,
        transfers=Decimal(order.transfers),
        first_paid_at=order.first_paid_at,
        campaign_id=order.campaign_id,
        hufi_campaign=order.choice.named,
        hufi_kind=order.choice.kind,
        hufi_token=order.choice.token,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )
    work.wait(item, keys.MARKET_MAKING_ORDER, due_at=first_check, waits_for="its payment")
    return Write.insert(item, otherwise=taken)


def add_transfer(order: Order, paid: Incoming, at: datetime, first_check: datetime) -> list[Write]:
    """A transfer is the order's, while its payment may still be completed; the first binds the order to its payer. One
    that names nobody is the payer's, too: operators have said so.

    Refused with MarketMakingOrderMoved."""
    item, payer = OrderItem, paid.snapshot.opponent_id or order.opponent_id
    assert payer is not None
    actions: list[Action] = [item.transfers.add(Decimal(1)), item.updated_at.set(at)]
    rule: Condition = (item.status == order.status) & (item.transfers == Decimal(order.transfers))
    if order.first_paid_at is None:
        actions += [item.opponent_id.set(payer), item.first_paid_at.set(at)]
        actions += _waits(order, at, first_check, "the rest of its payment")
    else:
        rule &= item.opponent_id == payer
    moved = MarketMakingOrderMoved("the order has moved", id=order.order_id)
    return [
        Write.update(item(*_key(order)), *actions, when=rule, otherwise=moved),
        insert_transfer(order, paid, at),
    ]


def insert_transfer(order: Order, paid: Incoming, at: datetime) -> Write:
    snapshot = paid.snapshot
    line = TransferItem(
        *keys.MARKET_MAKING_TRANSFER(order_id=order.order_id, snapshot_id=snapshot.snapshot_id),
        asset_id=snapshot.quantity.asset_id,
        amount=snapshot.quantity.amount,
        created_at=at,
        updated_at=at,
    )
    return Write.put(line)


def move(
    order: Order,
    after: Status,
    at: datetime,
    *actions: Action,
    waits_for: str | None,
    due_at: datetime | None = None,
    by_operators: bool = False,
) -> Write:
    """The order goes from the status that was read to another, if no transfer has come in since, nor its owner's wish
    to have it home. With `waits_for` it waits until `due_at`, otherwise for nothing. Refused with
    MarketMakingOrderMoved."""
    assert after in TRANSITIONS[order.status], f"no market-making order goes from {order.status} to {after}"
    assert by_operators or (order.status, after) not in OPERATORS_ONLY, f"only operators move it to {after}"
    waiting = work.done() if waits_for is None else _waits(order, at, due_at or at + work.SOON, waits_for)
    return _update(order, OrderItem.status.set(after), OrderItem.updated_at.set(at), *actions, *waiting)


def wait(order: Order, at: datetime, due_at: datetime, waits_for: str) -> Write:
    """Refused with MarketMakingOrderMoved."""
    return _update(order, OrderItem.updated_at.set(at), *_waits(order, at, due_at, waits_for))


def wait_for_person(order: Order, why: str, at: datetime) -> Write:
    """A person must look. Refused with MarketMakingOrderMoved."""
    waiting = work.needs_person(keys.MARKET_MAKING_ORDER, order.order_id, now=at, waits_for=f"an operator: {why}")
    return _update(order, OrderItem.updated_at.set(at), *waiting)


def why(reason: str) -> Action:
    return OrderItem.reason.set(reason)


def no_reason() -> Action:
    return OrderItem.reason.remove()


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


# What of an account's money is in no ledger: on its way there, or home, or dust


def underway_there(order: Order, at: datetime) -> Write:
    """Its money is at the account, and in no ledger, from now on: it was credited, or it leaves. It goes with the write
    of that."""
    return Write.put(GoingHomeItem(*_going_home(order), created_at=at, updated_at=at))


def settled_there(order: Order) -> Write:
    """It is in its ledger, or has left the account. It goes with the write of that, as which the order moves."""
    return Write.delete(GoingHomeItem(*_going_home(order)))


def _going_home(order: Order) -> keys.PrimaryKey:
    return keys.GOING_HOME(account_id=order.account_id, order_id=order.order_id)


def on_their_way(table: Table, account_id: str) -> list[str]:
    """The ids of an account's orders whose money is there, and in no ledger."""
    key = keys.GOING_HOME.partition(account_id=account_id)
    query = Query(partition(key) & Item.SK.startswith(keys.GOING_HOME.prefix), consistent=True)
    return [item.SK.removeprefix(keys.GOING_HOME.prefix) for item in table.all(GoingHomeItem, query)]


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


def leave_behind(left: Sequence[Leg]) -> Action:
    """What the order tells of its dust."""
    item, told = OrderItem, {leg.symbol: plain(leg.quantity.amount) for leg in left}
    return item.left_behind.set(told) if told else item.left_behind.remove()


def settle_dust(order: Order, left: Sequence[Leg], at: datetime) -> Write:
    """Of an order that is over, `left` stays as it is; there is nothing more to do, if operators have decided nothing
    since it was read. Refused with MarketMakingOrderMoved."""
    actions = (leave_behind(left), OrderItem.updated_at.set(at), *work.done())
    return _update(order, *actions, also=OrderItem.updated_at == order.updated_at)


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


# Shards


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


def in_shard(shard: str) -> Action:
    return OrderItem.quoted_by.set(shard)


def take_tick(shard: str, time: datetime, at: datetime) -> Write:
    """A time is ticked for once, and forward only. Refused with TickTaken."""
    item = TickItem
    taken = item(*keys.SHARD_LEASE(shard=shard), ticked_at=text(time), created_at=at, updated_at=at)
    later = item.PK.does_not_exist() | (item.ticked_at < text(time))
    return Write.put(taken, when=later, otherwise=TickTaken(f"shard {shard} is ticked for {text(time)} already"))


def store_token(order: Order, token: str, at: datetime, due_at: datetime) -> Write:
    """The machine waits, until `due_at` at most. Refused with MarketMakingOrderMoved."""
    waiting = _waits(order, at, due_at, order.waits_for or "its owner")
    return _update(order, OrderItem.token.set(token), OrderItem.updated_at.set(at), *waiting)


def send_home() -> Action:
    return OrderItem.goes_home.set(True)


def want_home(order: Order, at: datetime, *actions: Action) -> Write:
    """A stopped order is to come home, or one that has failed: its machine goes on. Refused with
    MarketMakingOrderMoved."""
    waiting = _waits(order, at, at + work.SOON, "to be withdrawn from the exchange")
    return _update(order, send_home(), OrderItem.updated_at.set(at), *actions, *waiting)


def after_failure() -> Action:
    return OrderItem.after_failure.set(True)


def divided(division: Division, at: datetime) -> list[Action]:
    """What was decided on its way to the exchange."""
    item = OrderItem
    return [
        item.base_amount.set(division.base.amount),
        item.quote_amount.set(division.quote.amount),
        item.fee_amount.set(division.fee.amount),
        item.sent_at.set(at),
    ]


def event(order: Order, after: Status, reason: str, actor: str, at: datetime, *, first: bool = False) -> Write:
    before = None if first else order.status.value
    return timeline.record(order.order_id, TimelineEvent(at, before, after, reason, actor))


def _update(order: Order, *actions: Action, also: Condition | None = None) -> Write:
    item = OrderItem
    goes_home = item.goes_home == True if order.goes_home else item.goes_home.does_not_exist()  # noqa: E712
    as_read = (item.status == order.status) & (item.transfers == Decimal(order.transfers)) & goes_home
    return Write.update(
        item(*_key(order)),
        *actions,
        when=as_read if also is None else as_read & also,
        otherwise=MarketMakingOrderMoved("the order has moved", id=order.order_id),
    )


def _waits(order: Order, at: datetime, due_at: datetime, waits_for: str) -> list[Action]:
    return work.waits(keys.MARKET_MAKING_ORDER, order.order_id, now=at, due_at=due_at, waits_for=waits_for)


def _key(order: Order) -> keys.PrimaryKey:
    return keys.MARKET_MAKING_ORDER(order_id=order.order_id)


# Mapping


def order_of(item: OrderItem) -> Order:
    def quantity(amount: Decimal | None, asset_id: str) -> Quantity | None:
        return None if amount is None else Quantity(amount, asset_id)

    return Order(
        order_id=item.PK,
        pair_id=UUID(item.pair_id),
        symbol=item.symbol,
        exchange=item.exchange,
        account_id=item.account_id,
        base_asset_id=item.base_asset_id,
        quote_asset_id=item.quote_asset_id,
        base_min=item.base_min,
        quote_min=item.quote_min,
        base_asked=item.base_asked,
        quote_asked=item.quote_asked,
        fee_bps=item.fee_bps,
        fees=Fees(
            base=Quantity(item.base_fee_amount, item.base_fee_asset_id),
            quote=Quantity(item.quote_fee_amount, item.quote_fee_asset_id),
        ),
        status=Status(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
        owner=None if item.username is None else Owner(item.username, item.sub),
        opponent_id=item.opponent_id,
        terms=item.terms,
        transfers=int(item.transfers),
        first_paid_at=item.first_paid_at,
        base=quantity(item.base_amount, item.base_asset_id),
        quote=quantity(item.quote_amount, item.quote_asset_id),
        fee=quantity(item.fee_amount, item.quote_asset_id),
        sent_at=item.sent_at,
        reason=item.reason,
        campaign_id=item.campaign_id,
        choice=Choice(item.hufi_campaign, None if item.hufi_kind is None else Kind(item.hufi_kind), item.hufi_token),
        token=item.token,
        goes_home=bool(item.goes_home),
        after_failure=bool(item.after_failure),
        shard=item.quoted_by,
        left_behind=item.left_behind or {},
        waits_for=item.waits_for,
        needs_person=item.needs_person,
    )


def _transfer_of(item: TransferItem) -> Transfer:
    snapshot_id = item.SK.removeprefix(keys.MARKET_MAKING_TRANSFER.prefix)
    return Transfer(incoming_id(snapshot_id), snapshot_id, Quantity(item.amount, item.asset_id), item.created_at)


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


def _pair_of(item: PairItem) -> Pair:
    return Pair(
        pair_id=UUID(item.SK.removeprefix(keys.PAIR.prefix)),
        symbol=item.symbol,
        exchange=item.exchange,
        base_asset_id=item.base_asset_id,
        quote_asset_id=item.quote_asset_id,
        base_min=item.base_min,
        quote_min=item.quote_min,
        fee_bps=item.fee_bps,
        enabled=item.enabled,
    )


def _member_of(item: MemberItem) -> Member:
    return Member(
        order_id=item.SK.removeprefix(keys.SHARD_MEMBER.prefix),
        account_id=item.account_id,
        symbol=item.symbol,
        status=Status(item.status),
        config=int(item.config),
        told_at=item.updated_at,
    )


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
