"""The snapshots of all members, in the order of their times: what is told of them when, and what is told falsely."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict, deque
from dataclasses import replace
from enum import StrEnum
from typing import Any

from sandbox.mixin.records import Snapshot
from sandbox.mixin.times import SECOND

_Timed = tuple[int, str, Snapshot]  # ids differ, so that snapshots are never compared


class Lie(StrEnum):
    """What a look is told instead of the truth, once; the next look is told the truth, or the next lie."""

    WRONG_AMOUNT = "wrong_amount"  # one unit more, in or out
    OTHER_OPPONENT = "other_opponent"
    TWICE = "twice"  # one snapshot twice in a page
    ANOTHER = "another"  # who asks for one snapshot is told of another of his


class Timeline:
    """Times ascend strictly, a nanosecond apart where the clock stands still, unless `same_next` was asked for."""

    def __init__(self) -> None:
        self._of: defaultdict[tuple[str, str | None], list[_Timed]] = defaultdict(list)  # by member, and by asset, too
        self._by_id: dict[str, Snapshot] = {}
        self._last_ns = 0
        self._same = 0
        self._late: deque[int] = deque()  # ns, for the next ones
        self._lies: deque[Lie] = deque()

    # Controls

    def same_next(self, times: int) -> None:
        """The next `times` have the time of the one before."""
        self._same += times

    def late_next(self, seconds: float, times: int) -> None:
        """The next `times` are told only so much later, in the midst of what has been told already. What a member gets
        because of another's sending is not counted."""
        self._late.extend([int(seconds * SECOND)] * times)

    def lie_next(self, lie: Lie, times: int) -> None:
        self._lies.extend([lie] * times)

    def heal(self) -> None:
        self._same = 0
        self._late.clear()
        self._lies.clear()

    def ordered(self) -> dict[str, Any]:
        """What was asked for and has not happened yet."""
        return {
            "same_time": self._same,
            "late_seconds": [ns / SECOND for ns in self._late],
            "lies": [str(lie) for lie in self._lies],
        }

    # Writing

    def stamp(self, now_ns: int) -> int:
        """The time of what happens now."""
        if self._same and self._last_ns:
            self._same -= 1
        else:
            self._last_ns = max(now_ns, self._last_ns + 1)
        return self._last_ns

    def delay(self) -> int:
        """How much later the next one is told, in ns."""
        return self._late.popleft() if self._late else 0

    def add(self, snapshot: Snapshot) -> None:
        """Raises ValueError when there is one of that id."""
        if snapshot.snapshot_id in self._by_id:
            raise ValueError(f"there are two snapshots {snapshot.snapshot_id}")
        self._by_id[snapshot.snapshot_id] = snapshot
        self._last_ns = max(self._last_ns, snapshot.created_ns)
        timed = (snapshot.created_ns, snapshot.snapshot_id, snapshot)
        for asset_id in (None, snapshot.asset_id):
            insort(self._of[snapshot.user_id, asset_id], timed)

    def on_chain(self, snapshot_id: str, withdrawal_hash: str) -> None:
        self._by_id[snapshot_id].withdrawal_hash = withdrawal_hash

    # Looking

    def known(self, snapshot_id: str) -> Snapshot:
        """The truth, told or not. Raises KeyError."""
        return self._by_id[snapshot_id]

    def page(
        self, user_id: str, asset_id: str | None, offset_ns: int | None, limit: int, now_ns: int, *, ascending: bool
    ) -> list[Snapshot]:
        """From `offset_ns` on, inclusive: upwards, or downwards. None is from the first, or the last."""
        timed = self._of[user_id, asset_id]
        if ascending:
            first = 0 if offset_ns is None else bisect_left(timed, (offset_ns,))
            places = range(first, len(timed))
        else:
            last = len(timed) if offset_ns is None else bisect_left(timed, (offset_ns + 1,))
            places = range(last - 1, -1, -1)
        found: list[Snapshot] = []
        for place in places:
            snapshot = timed[place][2]
            if self._is_told(snapshot, now_ns):
                found.append(snapshot)
                if len(found) == limit:
                    break
        return self._told(found)[:limit] if self._lies else found

    def get(self, user_id: str, snapshot_id: str, now_ns: int) -> Snapshot | None:
        snapshot = self._by_id.get(snapshot_id)
        if snapshot is None or snapshot.user_id != user_id or not self._is_told(snapshot, now_ns):
            return None
        if self._lies and self._lies[0] is not Lie.TWICE:
            lie = self._lies.popleft()
            if lie is Lie.ANOTHER:
                others = (other for _, _, other in self._of[user_id, None] if other is not snapshot)
                return next(others, snapshot)
            return _untrue(snapshot, lie)
        return snapshot

    def _is_told(self, snapshot: Snapshot, now_ns: int) -> bool:
        """What has just happened is, though its time may be some nanoseconds ahead of a clock that stands still."""
        return snapshot.visible_ns <= max(now_ns, self._last_ns)

    def all(self) -> list[Snapshot]:
        return list(self._by_id.values())

    def _told(self, truth: list[Snapshot]) -> list[Snapshot]:
        """With the next lie that can be told of a page, if there is something to tell."""
        if not truth or self._lies[0] is Lie.ANOTHER:
            return truth
        lie = self._lies.popleft()
        if lie is Lie.TWICE:
            return [truth[0], *truth]
        return [_untrue(truth[0], lie), *truth[1:]]


def _untrue(snapshot: Snapshot, lie: Lie) -> Snapshot:
    if lie is Lie.OTHER_OPPONENT:
        return replace(snapshot, opponent="0d1ce0f0-0000-4000-8000-000000000bad")
    return replace(snapshot, units=snapshot.units + (1 if snapshot.units > 0 else -1))
