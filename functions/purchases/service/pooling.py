"""How pools are entered, left and closed, of purchases and of sales alike: each generation is closed once, as one
batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from common import keys
from common.domain import work
from common.domain.catalogue.model import Asset
from common.domain.catalogue.store import Catalogue
from common.domain.timeline import CLOCK, CUSTOMER
from common.errors import Refusal
from common.log import log
from common.machines import Machines
from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.purchases import model, pool_store, sale_model, store
from functions.purchases.model import Batch, BatchStatus, Pool
from functions.purchases.pool_store import PoolMoved

JOIN_TRIES_MAX = 20  # of a pool that others are joining at the same time; each costs a request
(MACHINE,) = keys.BATCH.machines


class Pooled(Protocol):
    """A purchase or a sale that has joined a pool."""

    @property
    def order_id(self) -> str: ...

    @property
    def batch_id(self) -> str: ...


J = TypeVar("J", bound=Pooled)
T = TypeVar("T")


@dataclass(frozen=True)
class Pooling:
    table: Table
    catalogue: Catalogue
    machines: Machines
    now: Callable[[], datetime]

    def pools(self, asset: Asset, *, sells: bool) -> list[Pool]:
        """The shards of an asset's pool, a moment old."""
        return [
            pool_store.pool(self.table, asset.asset_id, shard, sells=sells, consistent=False)
            for shard in range(asset.pool_shards)
        ]

    def trying(self, pool: Pool, attempt: Callable[[Pool], T]) -> T:
        """Do what depends on the pool, again with the pool as it is while others move it. Raises what `attempt` raises;
        Busy."""
        for _ in range(JOIN_TRIES_MAX):
            try:
                return attempt(pool)
            except PoolMoved as moved:
                pool = moved.pool
        raise Busy("many others are joining the same pool; send it again", retry_after_seconds=1)

    def enter(self, joined: J, writes: Sequence[Write], pool: Pool, entry: Write, full: str | None, at: datetime) -> J:
        """Write that it has joined: `entry` is the pool's own write. `full` says why the pool is closed by it, if it
        is. Raises PoolMoved, and what `writes` are refused with."""
        if full is None:
            self.table.write(*writes, entry)
            return joined
        batch = closed(pool, at)
        self.table.write(
            *writes,
            entry,
            store.insert_batch(batch),
            store.batch_event(batch.batch_id, None, batch.status, f"{full}, with {joined.order_id}", CUSTOMER, at),
        )
        self.machines.begin(MACHINE, joined.batch_id)
        return joined

    def close_overdue_pools(self, more_time: Callable[[], bool]) -> int:
        """Close every pool that has not filled by its deadline. The members of one of purchases are refunded, or the
        desk adds what it lacks where the asset says so; what is in one of sales is sold as far as anybody takes it. Any
        round may be cut short. Returns how many were closed."""
        number, now = 0, self.now()
        for waiting in work.due(self.table, keys.POOL.backlog, now):
            if not more_time():
                break
            if keys.row_of(waiting.key) in (keys.POOL, keys.SALE_POOL):
                try:
                    number += self._expire(waiting.key, now)
                except Refusal as refusal:
                    log.warning("pool not closed now", extra={"pool": waiting.PK, "why": refusal.detail})
        return number

    def _expire(self, key: keys.PrimaryKey, now: datetime) -> bool:
        asset_id, shard, sells = pool_store.pool_at(key)
        pool = pool_store.pool(self.table, asset_id, shard, sells=sells)
        if pool.due_at is None or pool.due_at > now:
            return False
        at, asset = self.now(), self.catalogue.listing(asset_id).asset
        expired = sale_model.expired if sells else model.expired
        batch, why = expired(closed(pool, at), pool, asset)
        try:
            self.table.write(
                pool_store.expire(pool, at),
                store.insert_batch(batch),
                store.batch_event(batch.batch_id, None, batch.status, why, CLOCK, at),
            )
        except PoolMoved:  # somebody has joined or left, or another round was first: next time
            return False
        self.machines.begin(MACHINE, batch.batch_id)
        return True


def closed(pool: Pool, at: datetime) -> Batch:
    """The batch that a pool's generation becomes."""
    return Batch(
        pool.batch_id,
        pool.asset_id,
        BatchStatus.CLOSED,
        created_at=at,
        updated_at=at,
        buys=not pool.sells,
        shard=pool.shard,
        generation=pool.generation,
    )
