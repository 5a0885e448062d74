"""Pools that are open: what is in each, how long it waits, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import keys
from common.domain import work
from common.domain.catalogue.model import Listing
from common.domain.catalogue.store import Catalogue
from common.money import Money, Quantity
from common.table.table import Table
from functions.operations import model, store
from functions.operations.store import PoolHeadItem


@dataclass(frozen=True)
class OpenPool:
    """The generation of a pool that members may join. `total` is dollars of purchases, or coins of sales; it is closed
    when it is `worth` as much as `min_notional`, or at its deadline. `worth` is None where there is no price."""

    pool_id: str
    asset_id: str
    sells: bool
    total: Decimal
    worth: Money | None
    min_notional: Money | None  # None of an asset that is not in the catalogue
    opened_at: datetime
    due_at: datetime
    batch_id: str
    members: list[str]


@dataclass(frozen=True)
class OpenPools:
    table: Table
    now: Callable[[], datetime]

    def all(self) -> list[OpenPool]:
        """Every one with somebody in it, the one first that closes first.

        What waits is asked for, and not each shard of each asset: a pool that was a shard once, or whose asset is
        traded no more, still has its members.
        """
        listings = Catalogue(self.table, self.now).listings()
        found = []
        for waiting in work.due(self.table, keys.POOL.backlog, self.now() + model.FAR):
            if keys.row_of(waiting.key) not in (keys.POOL, keys.SALE_POOL):
                continue
            head = store.pool_head(self.table, waiting.key)
            if head is not None and head.open_work is not None:
                found.append(self._open(head, listings.get(str(head.asset_id))))
        return sorted(found, key=lambda pool: (pool.due_at, pool.pool_id))

    def _open(self, head: PoolHeadItem, listing: Listing | None) -> OpenPool:
        assert head.due_at is not None
        assert head.waits_since is not None
        sells, batch_id = head.sells, head.batch
        assert batch_id is not None
        assert head.pool is not None
        assert head.asset_id is not None
        return OpenPool(
            pool_id=head.pool,
            asset_id=head.asset_id,
            sells=sells,
            total=head.total,
            worth=self._worth(head, listing) if sells else Money(head.total),
            min_notional=None if listing is None else listing.asset.min_notional,
            opened_at=head.waits_since,
            due_at=head.due_at,
            batch_id=batch_id,
            members=sorted(store.members(self.table, batch_id)),
        )

    def _worth(self, head: PoolHeadItem, listing: Listing | None) -> Money | None:
        quote = None if listing is None else listing.quote_at(self.now())
        return None if quote is None else quote.price.proceeds_of(Quantity(head.total, str(head.asset_id)))
