"""Recurring buys in the table, what became of their dates, and how many of a login are not over.

What is written of one stands under the condition that its status, its version, its next date and the one that is tried
are as they were read.
So the clock's write, in the transaction of the purchase, comes before or after its customer's, and never both.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.clock import text
from common.domain import timeline, work
from common.domain.timeline import TimelineEvent
from common.domain.work import OpenWork, WaitingItem
from common.errors import Refusal
from common.money import Money, Price
from common.owner import Owner
from common.table.items import DecimalAttribute, InstantAttribute, Item, RawItem
from common.table.prepared import prepared
from common.table.table import Page, Position, Query, Table, partition
from common.table.transaction import Write
from functions.purchases.model import Terms
from functions.purchases.recurring import (
    LIVE_MAX,
    DateTold,
    Every,
    Outcome,
    RecurringBuy,
    RecurringBuyNotFound,
    Rhythm,
    Status,
    TooManyRecurringBuys,
    login,
)

T = TypeVar("T")


class RecurringBuyItem(OpenWork, discriminator=keys.RECURRING_BUY.entity):
    username = UnicodeAttribute()
    sub = UnicodeAttribute()
    ASSET_ID = UnicodeAttribute()
    asset_id = UnicodeAttribute()
    quantity = DecimalAttribute(null=True)
    quote_amount = DecimalAttribute(null=True)
    max_price = DecimalAttribute(null=True)
    every = UnicodeAttribute()
    starts_at = InstantAttribute()
    ends_at = InstantAttribute(null=True)
    status = UnicodeAttribute()
    terms = UnicodeAttribute()
    version = DecimalAttribute()
    next_at = InstantAttribute(null=True)
    last_at = InstantAttribute(null=True)
    tried = InstantAttribute(null=True)
    tried_since = InstantAttribute(null=True)
    skipped = DecimalAttribute()
    reason = UnicodeAttribute(null=True)


class RecurringDateItem(Item, discriminator=keys.RECURRING_DATE.entity):
    outcome = UnicodeAttribute()
    due_at = InstantAttribute()
    order_id = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    missed = DecimalAttribute(null=True)
    missed_from = InstantAttribute(null=True)


class RecurringCountItem(Item, discriminator=keys.RECURRING_COUNT.entity):
    live = DecimalAttribute()


class AlreadyPlanned(Refusal):
    """The id is taken: by a repeat, or by other terms. Carries the recurring buy as it is."""

    def __init__(self, plan: RecurringBuy) -> None:
        super().__init__("that recurring buy id is taken")
        self.plan = plan


class PlanMoved(Refusal):
    """The recurring buy is not as it was read: read again."""


# Reading


def find(table: Table, plan_id: str) -> RecurringBuy | None:
    item = table.get(RecurringBuyItem, keys.RECURRING_BUY(plan_id=plan_id), consistent=True)
    return None if item is None else _plan(item)


def visible(table: Table, owner: Owner, plan_id: str) -> RecurringBuy:
    """Raises RecurringBuyNotFound, also for somebody else's."""
    plan = find(table, plan_id)
    if plan is None or plan.owner != owner:
        raise RecurringBuyNotFound("there is no such recurring buy", id=plan_id)
    return plan


def due(table: Table, now: datetime) -> Iterator[WaitingItem]:
    """Those whose date has come, or is to be tried again: the longest due first."""
    return work.due(table, keys.RECURRING_BUY.backlog, now)


def page(table: Table, owner: Owner, *, limit: int, after: Position | None) -> Page[RecurringBuy]:
    """The owner's, newest first."""
    return table.filled(RecurringBuyItem, _of_owner(owner.username, owner.sub), limit=limit, after=after).of(_plan)


@prepared
def _of_owner(username: str, sub: str) -> Query:
    item = RecurringBuyItem
    first, last = f"{keys.RECURRING}#0", f"{keys.RECURRING}#:"  # ":" follows "9"
    where = (item.username == username) & item.ASSET_ID.between(first, last)
    return Query(where, index=keys.USER_ORDERS, only=item.sub == sub, newest_first=True)


def dates(table: Table, plan_id: str, *, limit: int, after: Position | None) -> Page[DateTold]:
    """What became of its dates, the latest first."""
    return table.page(RecurringDateItem, _dates(plan_id), limit=limit, after=after).of(_date)


@prepared
def _dates(plan_id: str) -> Query:
    where = partition(plan_id) & Item.SK.startswith(keys.RECURRING_DATE.prefix)
    return Query(where, newest_first=True, consistent=True)


# Writing


def insert(plan: RecurringBuy) -> Write:
    """Refused with AlreadyPlanned. Goes first, so that a repeat is answered as a repeat."""

    def taken(old: RawItem | None) -> Refusal:
        assert old is not None
        return AlreadyPlanned(_plan(RecurringBuyItem.from_raw_data(dict(old))))

    buys, created_at = plan.terms, text(plan.created_at)
    listed = keys.USER_ORDERS(asset_id=keys.RECURRING, created_at=created_at, order_id=plan.plan_id)
    item = RecurringBuyItem(
        *keys.RECURRING_BUY(plan_id=plan.plan_id),
        username=plan.owner.username,
        sub=plan.owner.sub,
        ASSET_ID=listed,
        asset_id=buys.asset_id,
        quantity=buys.quantity,
        quote_amount=None if buys.quote_amount is None else buys.quote_amount.usd,
        max_price=None if buys.max_price is None else buys.max_price.usd_per_unit,
        every=plan.rhythm.every,
        starts_at=plan.rhythm.starts_at,
        ends_at=plan.ends_at,
        status=plan.status,
        terms=plan.fingerprint,
        version=Decimal(plan.version),
        next_at=plan.next_at,
        due_at=plan.due_at,
        open_work=work.partition(keys.RECURRING_BUY, plan.plan_id),
        waits_for=_waits_for(plan),
        skipped=Decimal(plan.skipped),
        created_at=plan.created_at,
        updated_at=plan.updated_at,
    )
    return Write.insert(item, otherwise=taken)


def counted(owner: Owner, at: datetime) -> Write:
    """One more of this login is not over. Refused with TooManyRecurringBuys."""
    item = RecurringCountItem
    return Write.update(
        item(*keys.RECURRING_COUNT(username=owner.username, login=login(owner))),
        item.entity_type.set(item),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        item.live.add(Decimal(1)),
        when=item.live.does_not_exist() | (item.live < Decimal(LIVE_MAX)),
        otherwise=TooManyRecurringBuys(f"at most {LIVE_MAX} may be active or paused", most=LIVE_MAX),
    )


def move(before: RecurringBuy, after: RecurringBuy) -> list[Write]:
    """Write what has become of it, beside it in the count where it is over by now. Refused with PlanMoved."""
    item, buys, at = RecurringBuyItem, after.terms, after.updated_at
    actions: list[Action] = [
        item.status.set(after.status),
        item.updated_at.set(at),
        *_change(item.quantity, before.terms.quantity, buys.quantity),
        *_change(item.quote_amount, _usd(before.terms.quote_amount), _usd(buys.quote_amount)),
        *_change(item.max_price, _unit(before.terms.max_price), _unit(buys.max_price)),
        *_change(item.every, before.rhythm.every, after.rhythm.every),
        *_change(item.starts_at, before.rhythm.starts_at, after.rhythm.starts_at),
        *_change(item.ends_at, before.ends_at, after.ends_at),
        *_change(item.version, Decimal(before.version), Decimal(after.version)),
        *_change(item.next_at, before.next_at, after.next_at),
        *_change(item.last_at, before.last_at, after.last_at),
        *_change(item.skipped, Decimal(before.skipped), Decimal(after.skipped)),
        _be(item.tried, after.tried),
        _be(item.tried_since, after.tried_since),
        _be(item.reason, after.reason),
    ]
    if after.due_at is None:
        actions += [item.open_work.remove(), item.due_at.remove(), item.waits_for.remove()]
    else:
        actions += [
            item.open_work.set(work.partition(keys.RECURRING_BUY, after.plan_id)),
            item.due_at.set(after.due_at),
            item.waits_for.set(_waits_for(after)),
        ]
    moved = Write.update(
        item(*keys.RECURRING_BUY(plan_id=before.plan_id)),
        *actions,
        when=_as_read(before),
        otherwise=PlanMoved("the recurring buy has moved", id=before.plan_id),
    )
    return [moved, *([_discounted(after.owner, at)] if after.over else [])]


def _change(attribute: Attribute[T], was: T | None, now: T | None) -> list[Action]:
    return [] if was == now else [_be(attribute, now)]


def _be(attribute: Attribute[T], now: T | None) -> Action:
    return attribute.remove() if now is None else attribute.set(now)


def _as_read(plan: RecurringBuy) -> Condition:
    item = RecurringBuyItem
    rule: Condition = (item.status == plan.status) & (item.version == Decimal(plan.version))
    rule &= item.next_at.does_not_exist() if plan.next_at is None else item.next_at == plan.next_at
    rule &= item.tried.does_not_exist() if plan.tried is None else item.tried == plan.tried
    return rule


def delay(waiting: WaitingItem, until: datetime) -> Write:
    """Look at it later, whatever is written of it: it could not be dealt with. Refused with PlanMoved."""
    item = RecurringBuyItem
    return Write.update(
        item(*waiting.key),
        item.due_at.set(until),
        item.waits_for.set("another round: the last one failed"),
        when=item.due_at == waiting.due_at,
        otherwise=PlanMoved("the recurring buy has moved", id=waiting.PK),
    )


def _discounted(owner: Owner, at: datetime) -> Write:
    item = RecurringCountItem
    return Write.update(
        item(*keys.RECURRING_COUNT(username=owner.username, login=login(owner))),
        item.updated_at.set(at),
        item.live.add(Decimal(-1)),
    )


def tell(plan: RecurringBuy, told: DateTold) -> Write:
    """What became of a date. It goes with the `move` that deals with the date, and behind it: where the plan is as it
    was read, there is no such row yet, and one that is there is a bug and stays."""
    item = RecurringDateItem(
        *keys.RECURRING_DATE(plan_id=plan.plan_id, due_at=text(told.due_at)),
        outcome=told.outcome,
        due_at=told.due_at,
        order_id=told.order_id,
        reason=told.reason,
        missed=Decimal(told.missed) if told.missed else None,
        missed_from=told.missed_from,
        created_at=told.at,
        updated_at=told.at,
    )
    return Write.insert(item)


def event(before: RecurringBuy | None, after: RecurringBuy, why: str, actor: str, *, fails: bool = False) -> Write:
    """`fails`: it buys no more, though its customer has not asked for that."""
    was = None if before is None else before.status
    return timeline.record(after.plan_id, TimelineEvent(after.updated_at, was, after.status, why, actor, fails))


def _waits_for(plan: RecurringBuy) -> str:
    if plan.tried is not None:
        return f"another try for {text(plan.tried)}: {plan.reason}"
    assert plan.next_at is not None
    return f"its date, {text(plan.next_at)}"


def _usd(amount: Money | None) -> Decimal | None:
    return None if amount is None else amount.usd


def _unit(price: Price | None) -> Decimal | None:
    return None if price is None else price.usd_per_unit


def _plan(item: RecurringBuyItem) -> RecurringBuy:
    return RecurringBuy(
        plan_id=item.PK,
        owner=Owner(item.username, item.sub),
        terms=Terms(
            item.asset_id,
            item.quantity,
            None if item.quote_amount is None else Money(item.quote_amount),
            None if item.max_price is None else Price(item.max_price),
        ),
        rhythm=Rhythm(Every(item.every), item.starts_at),
        ends_at=item.ends_at,
        status=Status(item.status),
        fingerprint=item.terms,
        created_at=item.created_at,
        updated_at=item.updated_at,
        next_at=item.next_at,
        due_at=item.due_at,
        version=int(item.version),
        last_at=item.last_at,
        tried=item.tried,
        tried_since=item.tried_since,
        skipped=int(item.skipped),
        reason=item.reason,
    )


def _date(item: RecurringDateItem) -> DateTold:
    return DateTold(
        due_at=item.due_at,
        outcome=Outcome(item.outcome),
        at=item.created_at,
        order_id=item.order_id,
        reason=item.reason,
        missed=int(item.missed or 0),
        missed_from=item.missed_from,
    )
