"""What two operators decide about a segment: how dear cars a deposit allows. For whoever bids, the desk pays the car:
one alone would let a friend bid on cars without security. Two decide all of it, also what only asks for more: a change
that asks for more of one segment moves dealers into another, and none of it is urgent."""

from __future__ import annotations

from collections.abc import Mapping

from common.clock import text
from common.domain.proposals.model import Proposal, Terms
from common.domain.segments import store as segment_store
from common.domain.segments.model import SavedSegment, Segment, check_segment
from common.roubles import kopecks, roubles
from common.table.transaction import Write
from functions.operations.model import NothingToDo, NotProposable
from functions.operations.service.subjects import Kind, Subject

SAVE = "billing segment"
NEW = "new"


def written(deposit_min_kopecks: int, price_max_kopecks: int) -> dict[str, str]:
    """As a proposal has it."""
    return {"deposit_min": roubles(deposit_min_kopecks), "price_max": roubles(price_max_kopecks)}


class SegmentChange:
    """Another deposit or other cars of a segment, or a new one. It is about the segment as it was written last: whoever
    has changed it since, be it to and fro, is not overruled."""

    def terms(self, subject: Subject, given: Terms) -> Terms:
        """Raises SegmentWrong."""
        saved = saved_of(subject)
        self._checked(subject, given)
        before = {} if saved is None else _written(saved.segment)
        return {**given, **{f"{name}_before": value for name, value in before.items()}, "saved": _saved(saved)}

    def says(self, subject: Subject, terms: Terms) -> str:
        """Raises SegmentWrong, too: another segment is another one by now."""
        saved = saved_of(subject)
        if _saved(saved) != terms["saved"]:
            raise NotProposable("the segment was changed since: look at it, and propose it", id=subject.id)
        before, after = None if saved is None else saved.segment, self._checked(subject, terms)
        if after == before:
            raise NothingToDo("is so already; nothing to do")
        return f"counts for the next bid: {_told(before)} → {_told(after)}"

    def writes(self, subject: Subject, confirmed: Proposal) -> list[Write]:
        assert confirmed.decided_at is not None
        after = self._checked(subject, confirmed.terms)
        return [segment_store.save_segment(after, saved_of(subject), confirmed.decided_at)]

    @staticmethod
    def _checked(subject: Subject, terms: Terms) -> Segment:
        """The segment as it is to be. Raises SegmentWrong."""
        after = Segment(subject.id, kopecks(terms["deposit_min"]), kopecks(terms["price_max"]))
        check_segment(after, [each.segment for each in subject.segments])
        return after


def saved_of(subject: Subject) -> SavedSegment | None:
    """The segment that it is about; None where it is new."""
    return next((each for each in subject.segments if each.segment.segment_id == subject.id), None)


def _saved(saved: SavedSegment | None) -> str:
    return NEW if saved is None else text(saved.saved_at)


def _written(segment: Segment) -> dict[str, str]:
    return written(segment.deposit_min_kopecks, segment.price_max_kopecks)


def _told(segment: Segment | None) -> str:
    if segment is None:
        return "none"
    return f"deposit {roubles(segment.deposit_min_kopecks)}, cars up to {roubles(segment.price_max_kopecks)}"


KINDS: Mapping[str, Kind] = {SAVE: SegmentChange()}
