"""Pairs in the table."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute

from common import keys
from common.domain.pairs.model import Pair, PairMoved, PairNotFound, SavedPair
from common.table.items import DecimalAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write


class PairItem(Item, discriminator=keys.PAIR.entity):
    symbol = UnicodeAttribute()
    exchange = UnicodeAttribute()
    base_asset_id = UnicodeAttribute()
    quote_asset_id = UnicodeAttribute()
    base_min = DecimalAttribute()
    quote_min = DecimalAttribute()
    fee_bps = DecimalAttribute()
    enabled = BooleanAttribute()


def pair(table: Table, pair_id: UUID) -> Pair:
    """Raises PairNotFound."""
    item = table.get(PairItem, keys.PAIR(pair_id=str(pair_id)))
    if item is None:
        raise PairNotFound("the pair is not traded here", id=str(pair_id))
    return _pair_of(item)


def pairs(table: Table) -> list[Pair]:
    query = Query(partition(keys.PAIR.partition()) & Item.SK.startswith(keys.PAIR.prefix))
    return [_pair_of(item) for item in table.all(PairItem, query)]


def saved_pairs(table: Table) -> list[SavedPair]:
    """As of now, with when each was written."""
    query = Query(partition(keys.PAIR.partition()) & Item.SK.startswith(keys.PAIR.prefix), consistent=True)
    return [SavedPair(_pair_of(item), item.updated_at) for item in table.all(PairItem, query)]


def save_pair(saved: Pair, was: SavedPair | None, at: datetime) -> Write:
    """A new pair, or what may change of one that is as it was read, and was not changed to and fro since. Refused with
    PairMoved."""
    item = PairItem
    moved = PairMoved("the pair was saved by somebody else meanwhile", id=str(saved.pair_id))
    if was is None:
        return Write.insert(_pair_item(saved, at), otherwise=moved)
    return Write.update(
        item(*keys.PAIR(pair_id=str(saved.pair_id))),
        item.base_min.set(saved.base_min),
        item.quote_min.set(saved.quote_min),
        item.fee_bps.set(saved.fee_bps),
        item.enabled.set(saved.enabled),
        item.updated_at.set(at),
        when=item.updated_at == was.saved_at,
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
