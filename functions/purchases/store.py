"""Purchases, pools, batches and their members in the table: items, mapping both ways, writes and queries."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple, TypeVar

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.catalogue.model import Quote
from common.domain.desk_book.model import DeskBuys, Rest
from common.domain.exchange_orders.model import ExchangeOrderMoved
from common.domain.timeline import EXCHANGE, TimelineEvent
from common.domain.work import OpenWork
from common.errors import Refusal
from common.money import Money, Price, Quantity, plain
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.purchases.allocation import Share
from functions.purchases.model import (
    ALLOCATE_DUE,
    Batch,
    BatchNotFound,
    BatchResult,
    BatchStatus,
    Member,
    Plan,
    Purchase,
    PurchaseNotFound,
    PurchaseNotPending,
    Status,
)
from functions.purchases.strategy import Strategy

EXCHANGE_ORDER = 1  # a batch has one
SELL = "SELL"
_T = TypeVar("_T")


class PurchaseItem(OpenWork, discriminator=keys.PURCHASE.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    ASSET_ID = UnicodeAttribute()
    timeline_at = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    order_type = UnicodeAttribute()
    strategy = UnicodeAttribute()
    quantity = DecimalAttribute()
    quote_amount = DecimalAttribute(null=True)
    held_amount = DecimalAttribute()
    max_price = DecimalAttribute(null=True)
    status = UnicodeAttribute()
    terms = UnicodeAttribute()
    price = DecimalAttribute()
    price_source = UnicodeAttribute()
    price_as_of = InstantAttribute()
    batch_id = UnicodeAttribute()
    expires_at = InstantAttribute(null=True)
    shard = DecimalAttribute(null=True)
    pool_generation = DecimalAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    total_amount = DecimalAttribute(null=True)
    reason = UnicodeAttribute(null=True)


class BatchItem(OpenWork, discriminator=keys.BATCH.entity):
    asset_id = UnicodeAttribute()
    side = UnicodeAttribute(null=True)  # SELL; none: it buys
    status = UnicodeAttribute()
    shard = DecimalAttribute(null=True)
    pool_generation = DecimalAttribute(null=True)
    top_up = DecimalAttribute(null=True)
    price = DecimalAttribute(null=True)  # told to the customer; once it is planned, that of the plan
    price_source = UnicodeAttribute(null=True)
    price_as_of = InstantAttribute(null=True)
    precision = DecimalAttribute(null=True)
    quantity = DecimalAttribute(null=True)
    limit_price = DecimalAttribute(null=True)
    rest_quantity = DecimalAttribute(null=True)  # of sales: less than a lot, for the desk's own book
    desk_buys_max = DecimalAttribute(null=True)
    desk_quantity = DecimalAttribute(null=True)  # what that buys
    desk_price = DecimalAttribute(null=True)
    executed_quantity = DecimalAttribute(null=True)
    gross_amount = DecimalAttribute(null=True)
    fee_amount = DecimalAttribute(null=True)
    fee_in_asset = DecimalAttribute(null=True)
    fees_elsewhere = UnicodeAttribute(null=True)  # JSON
    reason = UnicodeAttribute(null=True)


class MemberItem(Item, discriminator=keys.MEMBER.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    held_amount = DecimalAttribute()
    quantity = DecimalAttribute(null=True)
    max_price = DecimalAttribute(null=True)
    allocated_at = InstantAttribute(null=True)


class AlreadyAsked(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the purchase as it is."""

    def __init__(self, purchase: Purchase) -> None:
        super().__init__("that purchase id is taken")
        self.purchase = purchase


class BatchMoved(ExchangeOrderMoved):
    """The batch is not as it was read: read again."""


class AlreadyAllocated(Refusal):
    """The member has got its share."""


# Reading


def find(table: Table, order_id: str) -> Purchase | None:
    item = table.get(PurchaseItem, keys.PURCHASE(order_id=order_id), consistent=True)
    return None if item is None else purchase_of(item)


def visible(table: Table, owner: Owner, order_id: str) -> Purchase:
    """Raises PurchaseNotFound, also for somebody else's."""
    purchase = find(table, order_id)
    if purchase is None or purchase.owner != owner:
        raise PurchaseNotFound("there is no such purchase", id=order_id)
    return purchase


def batch(table: Table, batch_id: str) -> Batch:
    """Raises BatchNotFound."""
    item = table.get(BatchItem, keys.BATCH(batch_id=batch_id), consistent=True)
    if item is None:
        raise BatchNotFound("there is no such batch", id=batch_id)
    return _batch_of(item)


def members(table: Table, batch_id: str) -> list[Member]:
    """All of them, by order id. Nobody joins or leaves a batch: it is a closed generation."""
    query = Query(partition(batch_id) & Item.SK.startswith(keys.MEMBER.prefix), consistent=True)
    return [_member_of(item) for item in table.all(MemberItem, query)]


# A purchase, its pool and its batch


def insert(purchase: Purchase, due_at: datetime, waits_for: str) -> Write:
    """Refused with AlreadyAsked. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyAsked(purchase_of(PurchaseItem.from_raw_data(dict(old))))

    item = _item(purchase)
    work.wait(item, keys.PURCHASE, due_at=due_at, waits_for=waits_for)
    return Write.insert(item, otherwise=taken)


def insert_member(purchase: Purchase) -> Write:
    item = MemberItem(
        *keys.MEMBER(batch_id=purchase.batch_id, order_id=purchase.order_id),
        username=purchase.owner.username,
        sub=purchase.owner.sub,
        asset_id=purchase.asset_id,
        held_amount=purchase.held.usd,
        quantity=None if purchase.quote_amount is not None else purchase.quantity.amount,
        max_price=None if purchase.max_price is None else purchase.max_price.usd_per_unit,
        created_at=purchase.created_at,
        updated_at=purchase.created_at,
    )
    return Write.put(item)


def insert_batch(batch: Batch) -> Write:
    """Nobody else can have inserted it: its pool's generation is closed once."""
    quote, found = batch.quote, batch.bought
    item = BatchItem(
        *keys.BATCH(batch_id=batch.batch_id),
        asset_id=batch.asset_id,
        side=None if batch.buys else SELL,
        status=batch.status,
        shard=None if batch.shard is None else Decimal(batch.shard),
        pool_generation=None if batch.generation is None else Decimal(batch.generation),
        top_up=batch.top_up.usd,
        price=None if quote is None else quote.price.usd_per_unit,
        price_source=None if quote is None else quote.source,
        price_as_of=None if quote is None else quote.as_of,
        executed_quantity=None if found is None else found.executed.amount,
        gross_amount=None if found is None else found.gross.usd,
        reason=None if found is None else found.reason,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
    )
    waits_for = "to be placed at the exchange" if found is None else "its members to be refunded"
    work.wait(item, keys.BATCH, due_at=batch.created_at + work.SOON, waits_for=waits_for)
    return Write.insert(item, otherwise=BatchMoved("the batch is there"))


def cancel(purchase: Purchase, at: datetime, why: str) -> list[Write]:
    """Take a pooled purchase out of its pool's generation; `leave` goes with it. Refused with PurchaseNotPending."""
    item = PurchaseItem
    decided = PurchaseNotPending("the purchase is decided", id=purchase.order_id)
    return [
        Write.update(
            _order(purchase.order_id),
            item.status.set(Status.CANCELLED),
            item.reason.set(why),
            item.updated_at.set(at),
            *work.done(),
            when=item.status == Status.PENDING,
            otherwise=decided,
        ),
        Write.delete(
            MemberItem(*keys.MEMBER(batch_id=purchase.batch_id, order_id=purchase.order_id)),
            when=MemberItem.PK.exists() & MemberItem.allocated_at.does_not_exist(),
            otherwise=decided,
        ),
    ]


# A batch at the exchange


def place(batch: Batch, plan: Plan, at: datetime, due_at: datetime) -> Write:
    """The intent. Refused with BatchMoved."""
    wait = _wait(batch, at, due_at, "the exchange to say whether it has it")
    quote = plan.quote
    planned = _Planned(
        quote.price.usd_per_unit,
        quote.source,
        quote.as_of,
        Decimal(plan.precision),
        plan.quantity.amount,
        plan.limit_price.usd_per_unit,
    )
    rest = None if plan.rest is None else _Rest(plan.rest.quantity.amount, plan.rest.desk_buys_max.usd)
    move = _move(_key(batch), BatchStatus.CLOSED, BatchStatus.PLACED, at, wait, planned=planned, rest=rest)
    return move.refused_with(BatchMoved("the batch is placed, or over"))


def accept(batch: Batch, at: datetime, due_at: datetime) -> Write:
    """The exchange has the order. Refused with BatchMoved."""
    wait = _wait(batch, at, due_at, "the exchange to execute it")
    move = _move(_key(batch), BatchStatus.PLACED, BatchStatus.WORKING, at, wait)
    return move.refused_with(BatchMoved("the batch is not waiting for the exchange to take it"))


def decide(batch: Batch, bought: BatchResult, at: datetime) -> Write:
    """What the batch has come to, perhaps nothing. Refused with BatchMoved."""
    wait = _wait(batch, at, at + ALLOCATE_DUE, "its members to get their shares")
    told = _Told(
        bought.executed.amount,
        bought.gross.usd,
        bought.fee.usd,
        bought.fee_in_asset,
        json.dumps({k: plain(v) for k, v in sorted(bought.fees_elsewhere.items())}),
        bought.reason,
    )
    desk = bought.desk_buys
    by_desk = None if desk is None else _DeskBuys(desk.quantity.amount, desk.price.usd_per_unit)
    move = _move(_key(batch), batch.status, BatchStatus.DECIDED, at, wait, told=told, by_desk=by_desk)
    return move.refused_with(BatchMoved("the batch is decided"))


def finish(batch: Batch, at: datetime, look_at: datetime | None = None) -> Write:
    """Every member has its share. With `look_at` the batch waits for the last look at the exchange, for an order that
    was not there. Refused with BatchMoved."""
    last = "a last look whether the exchange has it after all"
    wait = None if look_at is None else _wait(batch, at, look_at + work.SOON, last)
    move = _move(_key(batch), BatchStatus.DECIDED, BatchStatus.ALLOCATED, at, wait)
    return move.refused_with(BatchMoved("the batch is allocated"))


class _Planned(NamedTuple):
    price: Decimal
    price_source: str
    price_as_of: datetime
    precision: Decimal
    quantity: Decimal
    limit_price: Decimal


class _Rest(NamedTuple):
    """Less than a lot."""

    rest_quantity: Decimal
    desk_buys_max: Decimal


class _DeskBuys(NamedTuple):
    quantity: Decimal
    price: Decimal


class _Told(NamedTuple):
    """What the exchange has told, when it was over."""

    executed_quantity: Decimal
    gross_amount: Decimal
    fee_amount: Decimal
    fee_in_asset: Decimal
    fees_elsewhere: str
    reason: str | None


@prepared
def _move(
    key: keys.PrimaryKey,
    before: BatchStatus,
    after: BatchStatus,
    at: datetime,
    wait: work.Wait | None,
    *,
    planned: _Planned | None = None,
    rest: _Rest | None = None,
    told: _Told | None = None,
    by_desk: _DeskBuys | None = None,
) -> Write:
    """A batch goes from one status to another, with what is known by then; with no `wait` it waits no more."""
    item = BatchItem
    actions: list[Action] = [item.status.set(after)]
    if planned is not None:
        actions += [
            item.price.set(planned.price),
            item.price_source.set(planned.price_source),
            item.price_as_of.set(planned.price_as_of),
            item.precision.set(planned.precision),
            item.quantity.set(planned.quantity),
            item.limit_price.set(planned.limit_price),
        ]
    if rest is not None:
        actions += [item.rest_quantity.set(rest.rest_quantity), item.desk_buys_max.set(rest.desk_buys_max)]
    if by_desk is not None:
        actions += [item.desk_quantity.set(by_desk.quantity), item.desk_price.set(by_desk.price)]
    if told is not None:
        actions += [
            item.executed_quantity.set(told.executed_quantity),
            item.gross_amount.set(told.gross_amount),
            item.fee_amount.set(told.fee_amount),
            item.fee_in_asset.set(told.fee_in_asset),
            item.fees_elsewhere.set(told.fees_elsewhere),
        ]
    actions += [item.updated_at.set(at), *(work.done() if wait is None else work.begin(wait))]
    if told is not None and told.reason is not None:
        actions.append(item.reason.set(told.reason))
    return Write.update(item(*key), *actions, when=item.status == before)


def looked(batch: Batch, at: datetime) -> Write:
    """The last look found nothing, or a person has dealt with what it found. Refused with BatchMoved."""
    item = BatchItem
    return Write.update(
        _batch(batch.batch_id),
        item.updated_at.set(at),
        *work.done(),
        when=(item.status == BatchStatus.ALLOCATED) & item.open_work.exists(),
        otherwise=BatchMoved("somebody else has looked"),
    )


def turned_up(batch: Batch, told: str, at: datetime) -> Write:
    """The exchange has an order whose members were refunded: a person must look. Refused with BatchMoved."""
    item = BatchItem
    waits_for = f"an operator: the exchange has {told} after all, and its members were refunded"
    return Write.update(
        _batch(batch.batch_id),
        item.updated_at.set(at),
        *work.needs_person(keys.BATCH, batch.batch_id, now=at, waits_for=waits_for),
        when=(item.status == BatchStatus.ALLOCATED) & (item.executed_quantity == Decimal(0)),
        otherwise=BatchMoved("its members are being refunded: the last look will find it"),
    )


def stop(batch: Batch, why: str, at: datetime) -> Write:
    """Some members can not be given their shares; or its exchange order can not be believed, or not be written down: a
    person must look. Refused with BatchMoved."""
    item = BatchItem
    return Write.update(
        _batch(batch.batch_id),
        item.updated_at.set(at),
        *work.needs_person(keys.BATCH, batch.batch_id, now=at, waits_for=f"an operator: {why}"),
        when=(item.status == batch.status) & item.open_work.exists(),
        otherwise=BatchMoved("the batch has moved"),
    )


def give(batch: Batch, member: Member, share: Share, reason: str | None, at: datetime) -> list[Write]:
    """A member's purchase is over, and marked so in the batch. Refused with AlreadyAllocated."""
    has_it = AlreadyAllocated("the member has got its share", id=member.order_id)
    purchase = keys.PURCHASE(order_id=member.order_id)
    return [
        _mark(keys.MEMBER(batch_id=batch.batch_id, order_id=member.order_id), at).refused_with(has_it),
        _give(purchase, share.status, share.allocated.amount, share.charged.usd, reason, at).refused_with(has_it),
    ]


@prepared
def _mark(member: keys.PrimaryKey, at: datetime) -> Write:
    item = MemberItem
    return Write.update(
        item(*member),
        item.allocated_at.set(at),
        item.updated_at.set(at),
        when=item.PK.exists() & item.allocated_at.does_not_exist(),
    )


@prepared
def _give(
    purchase: keys.PrimaryKey, status: Status, allocated: Decimal, charged: Decimal, reason: str | None, at: datetime
) -> Write:
    item = PurchaseItem
    actions: list[Action] = [
        item.status.set(status),
        item.executed_quantity.set(allocated),
        item.total_amount.set(charged),
        item.updated_at.set(at),
        *work.done(),
    ]
    if reason is not None:
        actions.append(item.reason.set(reason))
    return Write.update(item(*purchase), *actions, when=item.status == Status.PENDING)


def event(
    order_id: str, before: Status | None, after: Status, reason: str, at: datetime, actor: str = EXCHANGE
) -> Write:
    return timeline.record(order_id, TimelineEvent(at, before, after, reason, actor))


def batch_event(
    batch_id: str,
    before: BatchStatus | None,
    after: BatchStatus,
    why: str,
    by: str,
    at: datetime,
    *,
    fails: bool = False,
) -> Write:
    """`fails`: nothing was traded of it, which its status does not tell."""
    return timeline.record(batch_id, TimelineEvent(at, before, after, why, by, fails))


# Mapping


def _wait(batch: Batch, at: datetime, due_at: datetime, waits_for: str) -> work.Wait:
    return work.Wait(work.partition(keys.BATCH, batch.batch_id), due_at, waits_for, at)


def _key(batch: Batch) -> keys.PrimaryKey:
    return keys.BATCH(batch_id=batch.batch_id)


def _order(order_id: str) -> PurchaseItem:
    return PurchaseItem(*keys.PURCHASE(order_id=order_id))


def _batch(batch_id: str) -> BatchItem:
    return BatchItem(*keys.BATCH(batch_id=batch_id))


def _item(purchase: Purchase) -> PurchaseItem:
    created_at = text(purchase.created_at)
    return PurchaseItem(
        *keys.PURCHASE(order_id=purchase.order_id),
        username=purchase.owner.username,
        sub=purchase.owner.sub,
        ASSET_ID=keys.USER_ORDERS(asset_id=purchase.asset_id, created_at=created_at, order_id=purchase.order_id),
        timeline_at=keys.USER_TIMELINE(created_at=created_at, order_id=purchase.order_id),
        asset_id=purchase.asset_id,
        order_type="BUY",
        strategy=purchase.strategy,
        quantity=purchase.quantity.amount,
        quote_amount=None if purchase.quote_amount is None else purchase.quote_amount.usd,
        held_amount=purchase.held.usd,
        max_price=None if purchase.max_price is None else purchase.max_price.usd_per_unit,
        status=purchase.status,
        terms=purchase.terms,
        price=purchase.quote.price.usd_per_unit,
        price_source=purchase.quote.source,
        price_as_of=purchase.quote.as_of,
        batch_id=purchase.batch_id,
        expires_at=purchase.expires_at,
        shard=None if purchase.shard is None else Decimal(purchase.shard),
        pool_generation=None if purchase.generation is None else Decimal(purchase.generation),
        created_at=purchase.created_at,
        updated_at=purchase.updated_at,
    )


def purchase_of(item: PurchaseItem) -> Purchase:
    def units(amount: Decimal) -> Quantity:
        return Quantity(amount, item.asset_id)

    return Purchase(
        order_id=item.PK,
        owner=Owner(item.username, item.sub),
        asset_id=item.asset_id,
        strategy=Strategy(item.strategy),
        quantity=units(item.quantity),
        held=Money(item.held_amount),
        status=Status(item.status),
        terms=item.terms,
        quote=Quote(Price(item.price), item.price_source, item.price_as_of),
        batch_id=item.batch_id,
        created_at=item.created_at,
        updated_at=item.updated_at,
        quote_amount=_if(Money, item.quote_amount),
        max_price=_if(Price, item.max_price),
        expires_at=item.expires_at,
        shard=_if(int, item.shard),
        generation=_if(int, item.pool_generation),
        executed=_if(units, item.executed_quantity),
        total_amount=_if(Money, item.total_amount),
        reason=item.reason,
    )


def _batch_of(item: BatchItem) -> Batch:
    def units(amount: Decimal) -> Quantity:
        return Quantity(amount, item.asset_id)

    quote, plan, found, rest, desk_buys = None, None, None, None, None
    if item.price is not None:
        assert item.price_source is not None
        assert item.price_as_of is not None
        quote = Quote(Price(item.price), item.price_source, item.price_as_of)
    if item.limit_price is not None:
        assert quote is not None
        assert item.precision is not None
        assert item.quantity is not None
        if item.rest_quantity is not None:
            rest = Rest(units(item.rest_quantity), Money(item.desk_buys_max or 0))
        plan = Plan(quote, int(item.precision), units(item.quantity), Price(item.limit_price), rest)
    if item.executed_quantity is not None:
        assert item.gross_amount is not None
        if item.desk_quantity is not None:
            desk_buys = DeskBuys(units(item.desk_quantity), Price(item.desk_price or 0))
        found = BatchResult(
            executed=units(item.executed_quantity),
            gross=Money(item.gross_amount),
            fee=Money(item.fee_amount or 0),
            fee_in_asset=item.fee_in_asset or Decimal(0),
            fees_elsewhere={k: Decimal(v) for k, v in json.loads(item.fees_elsewhere or "{}").items()},
            reason=item.reason,
            desk_buys=desk_buys,
        )
    return Batch(
        batch_id=item.PK,
        asset_id=item.asset_id,
        status=BatchStatus(item.status),
        created_at=item.created_at,
        updated_at=item.updated_at,
        buys=item.side != SELL,
        quote=quote,
        top_up=Money(item.top_up or 0),
        shard=_if(int, item.shard),
        generation=_if(int, item.pool_generation),
        plan=plan,
        bought=found,
        waits=item.open_work is not None,
        needs_person=item.needs_person,
        waits_for=item.waits_for,
    )


def _member_of(item: MemberItem) -> Member:
    return Member(
        order_id=keys.MEMBER.read(keys.PrimaryKey(item.PK, item.SK))["order_id"],
        owner=Owner(item.username, item.sub),
        held=Money(item.held_amount),
        quantity=None if item.quantity is None else Quantity(item.quantity, item.asset_id),
        max_price=_if(Price, item.max_price),
        done=item.allocated_at is not None,
    )


def _if(make: Callable[[Decimal], _T], amount: Decimal | None) -> _T | None:
    return None if amount is None else make(amount)
