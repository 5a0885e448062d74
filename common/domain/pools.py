"""A pool of purchases as every context may name it: its id, and that of the batch that a generation of it becomes."""

from __future__ import annotations

from common import keys
from common.idempotency import derived_id


def pool_id(asset_id: str, shard: int) -> str:
    return keys.POOL.id_of(keys.POOL(asset_id=asset_id, shard=str(shard)))


def batch_id(asset_id: str, shard: int, generation: int) -> str:
    return derived_id(keys.BATCH, asset_id, str(shard), str(generation))
