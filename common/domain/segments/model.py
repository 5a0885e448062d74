"""A segment, as two operators have agreed on it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from common.errors import Conflict, NotFound, Rejected

SEGMENT_ID_PATTERN = r"^[A-Z0-9]{1,16}$"


class SegmentNotFound(NotFound):
    """There is no such segment."""


class SegmentWrong(Rejected):
    """A larger deposit is to allow dearer cars."""


class SegmentMoved(Conflict):
    """The segment was saved by somebody else meanwhile. Look at it again."""


@dataclass(frozen=True)
class Segment:
    """Cars of up to `price_max_kopecks`, for whoever has so much on his deposit."""

    segment_id: str
    deposit_min_kopecks: int
    price_max_kopecks: int


@dataclass(frozen=True)
class SavedSegment:
    """A segment as it was written, and when."""

    segment: Segment
    saved_at: datetime


def segment_of(deposit_kopecks: int, segments: Sequence[Segment]) -> Segment | None:
    """The dearest that a deposit allows; None where it is too small for any."""
    allowed = [each for each in segments if each.deposit_min_kopecks <= deposit_kopecks]
    return max(allowed, key=lambda each: (each.price_max_kopecks, each.segment_id), default=None)


def check_segment(saved: Segment, others: Sequence[Segment]) -> None:
    """Raises SegmentWrong, where a larger deposit would allow less."""
    for other in others:
        deposit, price = (
            (saved.deposit_min_kopecks, other.deposit_min_kopecks),
            (saved.price_max_kopecks, other.price_max_kopecks),
        )
        if other.segment_id != saved.segment_id and (deposit[0] < deposit[1]) is not (price[0] < price[1]):
            raise SegmentWrong(
                f"a larger deposit is to allow dearer cars; beside segment {other.segment_id} it would not",
                segment_id=other.segment_id,
            )
