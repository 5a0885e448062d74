"""A pool of purchases, or of sales, as every context may name it: its id, and that of the batch that a generation of it
becomes."""

from __future__ import annotations

from common import keys
from common.idempotency import derived_id
from common.keys import Key


def row(*, sells: bool) -> Key:
    return keys.SALE_POOL if sells else keys.POOL


def pool_id(asset_id: str, shard: int, *, sells: bool = False) -> str:
    pool = row(sells=sells)
    return pool.id_of(pool(asset_id=asset_id, shard=str(shard)))


def batch_id(asset_id: str, shard: int, generation: int, *, sells: bool = False) -> str:
    of = (asset_id, str(shard), str(generation))
    return derived_id(keys.BATCH, "SALES", *of) if sells else derived_id(keys.BATCH, *of)
