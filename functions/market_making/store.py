"""Market-making orders in the table, and the transfers that pay for them: mapping both ways, writes and queries."""

from __future__ import annotations

from collections.abc import Sequence
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
from common.money import Quantity, plain
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.market_making.campaigns import Choice
from functions.market_making.model import (
    OPERATORS_ONLY,
    TRANSITIONS,
    Division,
    Fees,
    Leg,
    MarketMakingOrderMoved,
    MarketMakingOrderNotFound,
    Order,
    Status,
    Transfer,
)


class OrderItem(work.OpenWork, discriminator=keys.MARKET_MAKING_ORDER.entity):
    username = UnicodeAttribute(null=True)  # once the payer's Mixin id is linked, or from the start
    sub = UnicodeAttribute(null=True)
    ASSET_ID = UnicodeAttribute(null=True)
    timeline_at = UnicodeAttribute(null=True)
    asset_id = UnicodeAttribute()  # the exchange's symbol of the base asset: by it and `quantity` orders are listed
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


class TransferItem(Item, discriminator=keys.MARKET_MAKING_TRANSFER.entity):
    asset_id = UnicodeAttribute()
    amount = DecimalAttribute()


class AlreadyOpened(Refusal):
    """The order is there. Carries it as it is."""

    def __init__(self, order: Order) -> None:
        super().__init__("that market-making order is there")
        self.order = order


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


def leave_behind(left: Sequence[Leg]) -> Action:
    """What the order tells of its dust."""
    item, told = OrderItem, {leg.symbol: plain(leg.quantity.amount) for leg in left}
    return item.left_behind.set(told) if told else item.left_behind.remove()


def settle_dust(order: Order, left: Sequence[Leg], at: datetime) -> Write:
    """Of an order that is over, `left` stays as it is; there is nothing more to do, if operators have decided nothing
    since it was read. Refused with MarketMakingOrderMoved."""
    actions = (leave_behind(left), OrderItem.updated_at.set(at), *work.done())
    return _update(order, *actions, also=OrderItem.updated_at == order.updated_at)


def in_shard(shard: str) -> Action:
    return OrderItem.quoted_by.set(shard)


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
