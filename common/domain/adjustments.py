"""What the bank has booked, by its id: an adjustment is that of one payment of ours, whichever way the dollars go.

A payout's attempt claims the adjustment that decides it, two operators the paper that they go by, and a credit of an
operator's the bank's reference. The claim is an item of its own, in the transaction in which the dollars move.
"""

from __future__ import annotations

from datetime import datetime

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.errors import Conflict
from common.table.items import Item, RawItem
from common.table.table import Table
from common.table.transaction import Write


class AdjustmentTaken(Conflict):
    """What the bank has booked under this id is that of another payment."""


class AdjustmentIdItem(Item, discriminator=keys.ADJUSTMENT_ID.entity):
    ours = UnicodeAttribute()  # the attempt's reference, or the id of a deposit


def claim(adjustment_id: str, ours: str, at: datetime) -> Write:
    """The bank's adjustment is this payment's, and no other's. Refused with AdjustmentTaken. Goes before what it moves:
    of one that is another's nothing is believed."""
    item = AdjustmentIdItem(*_key(adjustment_id), ours=ours, created_at=at, updated_at=at)

    def taken(old: RawItem | None) -> AdjustmentTaken:
        assert old is not None
        return _taken(adjustment_id, ours, AdjustmentIdItem.from_raw_data(dict(old)).ours)

    free = AdjustmentIdItem.PK.does_not_exist() | (AdjustmentIdItem.ours == ours)
    return Write.put(item, when=free, otherwise=taken)


def taken(table: Table, adjustment_id: str, ours: str) -> AdjustmentTaken | None:
    """What a claim would be refused with now."""
    item = table.get(AdjustmentIdItem, _key(adjustment_id), consistent=True)
    return None if item is None or item.ours == ours else _taken(adjustment_id, ours, item.ours)


def _taken(adjustment_id: str, ours: str, whose: str) -> AdjustmentTaken:
    return AdjustmentTaken(f"the bank tells of adjustment {adjustment_id} for {ours}, and it is that of {whose}")


def _key(adjustment_id: str) -> keys.PrimaryKey:
    """The bank's own may hold a `#`, which no part of a key may."""
    return keys.ADJUSTMENT_ID(adjustment_id=adjustment_id.replace("%", "%25").replace("#", "%23"))
