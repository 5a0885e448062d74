"""Segments in the table."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.domain.segments.model import SavedSegment, Segment, SegmentMoved, SegmentNotFound
from common.table.items import DecimalAttribute, Item
from common.table.prepared import prepared
from common.table.table import Query, Table, partition
from common.table.transaction import Write


class SegmentItem(Item, discriminator=keys.SEGMENT.entity):
    segment_id = UnicodeAttribute()
    deposit_min_kopecks = DecimalAttribute()
    price_max_kopecks = DecimalAttribute()


def segments(table: Table) -> list[Segment]:
    """As of now, those of cheap cars first."""
    found = [_segment(item) for item in table.all(SegmentItem, _segments(keys.SEGMENT.partition()))]
    return sorted(found, key=lambda each: (each.price_max_kopecks, each.segment_id))


@prepared
def _segments(pk: str) -> Query:
    return Query(partition(pk), consistent=True)


def segment(table: Table, segment_id: str) -> Segment:
    """Raises SegmentNotFound."""
    item = table.get(SegmentItem, keys.SEGMENT(segment_id=segment_id), consistent=True)
    if item is None:
        raise SegmentNotFound("there is no such segment", segment_id=segment_id)
    return _segment(item)


def saved_segments(table: Table) -> list[SavedSegment]:
    """As of now, with when each was written."""
    items = table.all(SegmentItem, _segments(keys.SEGMENT.partition()))
    return [SavedSegment(_segment(item), item.updated_at) for item in items]


def save_segment(segment: Segment, was: SavedSegment | None, at: datetime) -> Write:
    """Refused with SegmentMoved where it is not as it `was` read, or was changed to and fro since."""
    item = SegmentItem(
        *keys.SEGMENT(segment_id=segment.segment_id),
        segment_id=segment.segment_id,
        deposit_min_kopecks=Decimal(segment.deposit_min_kopecks),
        price_max_kopecks=Decimal(segment.price_max_kopecks),
        created_at=at,
        updated_at=at,
    )
    moved = SegmentMoved("somebody else has saved this segment; look again", segment_id=segment.segment_id)
    if was is None:
        return Write.insert(item, otherwise=moved)
    return Write.put(item, when=SegmentItem.updated_at == was.saved_at, otherwise=moved)


def _segment(item: SegmentItem) -> Segment:
    return Segment(item.segment_id, int(item.deposit_min_kopecks), int(item.price_max_kopecks))
