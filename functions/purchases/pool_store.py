"""Pools in the table: joined, left and closed, of purchases and of sales alike. What a pool's total is in, dollars or
coins, its callers know."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from common import keys
from common.domain import pools, work
from common.domain.work import OpenWork
from common.errors import Refusal
from common.table.items import DecimalAttribute, RawItem
from common.table.prepared import prepared
from common.table.table import Table
from common.table.transaction import Write
from functions.purchases.model import Pool


class AnyPoolItem(OpenWork):
    asset_id = UnicodeAttribute()
    shard = DecimalAttribute()
    pool_generation = DecimalAttribute()
    total = DecimalAttribute()
    members = DecimalAttribute()


class PoolItem(AnyPoolItem, discriminator=keys.POOL.entity):
    pass


class SalePoolItem(AnyPoolItem, discriminator=keys.SALE_POOL.entity):
    pass


class PoolMoved(Refusal):
    """The pool is not as it was read. Carries it as it is."""

    def __init__(self, pool: Pool) -> None:
        super().__init__("the pool has moved")
        self.pool = pool


def pool(table: Table, asset_id: str, shard: int, *, sells: bool = False, consistent: bool = True) -> Pool:
    """Where nobody has ever joined, the first generation, empty."""
    key = pools.row(sells=sells)(asset_id=asset_id, shard=str(shard))
    item = table.get(AnyPoolItem, key, consistent=consistent)
    return Pool(asset_id, shard, exists=False, sells=sells) if item is None else _pool_of(item)


def join(pool: Pool, amount: Decimal, total_min: Decimal, waits_for: str, expires_at: datetime, at: datetime) -> Write:
    """One more member, who brings `amount` and does not fill the pool up to `total_min`. Refused with PoolMoved, when
    he would by now."""
    key = _key(pool)
    wait = work.Wait(work.partition(pools.row(sells=pool.sells), key.pk), expires_at, waits_for, at)
    opened = None if pool.exists else _Opened(pool.asset_id, Decimal(pool.shard))
    sells = pool.asset_id if pool.sells else None
    return _join(key, opened, Decimal(pool.generation), amount, total_min - amount, wait, at, sells=sells).refused_with(
        _pool_moved
    )


class _Opened(NamedTuple):
    asset_id: str
    shard: Decimal


@prepared
def _join(
    key: keys.PrimaryKey,
    opened: _Opened | None,
    generation: Decimal,
    amount: Decimal,
    total_max: Decimal,
    wait: work.Wait,
    at: datetime,
    *,
    sells: str | None,
) -> Write:
    """Add a member to a pool, which is `opened` by the first; the total before must be below `total_max`. Of sales
    unless `sells` is None."""
    item = PoolItem if sells is None else SalePoolItem
    actions: list[Action] = []
    rule: Condition = item.pool_generation == generation
    if opened is not None:
        actions = [
            item.entity_type.set(item),
            item.asset_id.set(opened.asset_id),
            item.shard.set(opened.shard),
            item.pool_generation.set(generation),
            item.created_at.set(at),
        ]
        rule = item.PK.does_not_exist()
    actions += [
        item.total.add(amount),
        item.members.add(Decimal(1)),
        item.updated_at.set(at),
        # The first member says until when it waits. Two who are both the first agree within a moment.
        item.due_at.set(item.due_at | wait.due_at),
        item.waits_for.set(item.waits_for | wait.waits_for),
        item.waits_since.set(item.waits_since | wait.since),
        item.open_work.set(item.open_work | wait.open_work),
    ]
    return Write.update(item(*key), *actions, when=rule & (item.total.does_not_exist() | (item.total < total_max)))


def join_and_close(pool: Pool, amount: Decimal, total_min: Decimal, at: datetime) -> Write:
    """The member who fills the pool: the next generation begins. Refused with PoolMoved."""
    return _close(pool, at, total_min=total_min - amount)


def expire(pool: Pool, at: datetime) -> Write:
    """Close a pool at its deadline, as it was read. Refused with PoolMoved."""
    return _close(pool, at, read=_Read(pool.units, Decimal(pool.members)))


class _Read(NamedTuple):
    total: Decimal
    members: Decimal


def _close(pool: Pool, at: datetime, *, total_min: Decimal | None = None, read: _Read | None = None) -> Write:
    generation = Decimal(pool.generation) if pool.exists else None
    following = Decimal(pool.generation + 1)
    return _begin_generation(_key(pool), generation, following, at, total_min, read).refused_with(_pool_moved)


@prepared
def _begin_generation(
    key: keys.PrimaryKey,
    generation: Decimal | None,
    following: Decimal,
    at: datetime,
    total_min: Decimal | None,
    read: _Read | None,
) -> Write:
    """The `generation` is over, which must have so much in it, or be due and as it was `read`."""
    item = AnyPoolItem
    rule: Condition = item.PK.does_not_exist() if generation is None else item.pool_generation == generation
    if total_min is not None:
        rule &= item.total >= total_min
    if read is not None:
        rule &= (item.total == read.total) & (item.members == read.members) & (item.due_at <= at)
    return Write.update(
        item(*key),
        item.pool_generation.set(following),
        item.total.set(Decimal(0)),
        item.members.set(Decimal(0)),
        item.updated_at.set(at),
        *work.done(),
        when=rule,
    )


def leave(pool: Pool, amount: Decimal, at: datetime) -> Write:
    """One member less. Refused with PoolMoved, also when the generation is closed."""
    item = AnyPoolItem
    alone = pool.members == 1
    count = item.members == Decimal(1) if alone else item.members > Decimal(1)
    return Write.update(
        item(*_key(pool)),
        item.total.add(-amount),
        item.members.add(Decimal(-1)),
        item.updated_at.set(at),
        *(work.done() if alone else []),
        when=_generation(pool) & count,
        otherwise=_pool_moved,
    )


def _generation(pool: Pool) -> Condition:
    if not pool.exists:
        return AnyPoolItem.PK.does_not_exist()
    return AnyPoolItem.pool_generation == Decimal(pool.generation)


def _pool_moved(old: RawItem | None) -> Refusal:
    assert old is not None
    return PoolMoved(_pool_of(AnyPoolItem.from_raw_data(dict(old))))


def _pool_of(item: AnyPoolItem) -> Pool:
    return Pool(
        asset_id=item.asset_id,
        shard=int(item.shard),
        generation=int(item.pool_generation),
        units=item.total,
        members=int(item.members),
        due_at=item.due_at,
        sells=isinstance(item, SalePoolItem),
    )


def _key(pool: Pool) -> keys.PrimaryKey:
    return pools.row(sells=pool.sells)(asset_id=pool.asset_id, shard=str(pool.shard))


def pool_at(key: keys.PrimaryKey) -> tuple[str, int, bool]:
    """Asset and shard of a pool, and whether it is one of sales."""
    sells = key.sk == keys.SALE_POOL.sk
    parts = pools.row(sells=sells).read(key)
    return parts["asset_id"], int(parts["shard"]), sells
