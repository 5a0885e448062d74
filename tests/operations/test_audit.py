"""Who did what by hand, and how an order came where it is: nothing that was told is overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common.domain import audit, timeline
from common.domain.audit import AuditEntry
from common.domain.timeline import BANK, CLOCK, TimelineEvent
from common.table.transaction import Busy
from tests.desk import NOON, Desk

ENTRY = AuditEntry(NOON, "olga", "offramp void", "S1", "ticket 4711")
EVENT = TimelineEvent(NOON, "PENDING", "PENDING", "attempt 1 rejected", BANK)


@pytest.mark.parametrize("other", [{"operator": "oleg"}, {"action": "work redrive"}, {"detail": "ticket 4712"}])
def test_two_acts_of_one_microsecond_on_one_thing_leave_two_entries(desk: Desk, other: dict[str, str]) -> None:
    both = [ENTRY, replace(ENTRY, **other)]  # type: ignore[arg-type]
    for entry in both:
        desk.table.write(audit.entry(entry))
    listed = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert sorted(map(str, listed)) == sorted(map(str, both))


def test_the_same_act_twice_in_one_microsecond_is_refused(desk: Desk) -> None:
    desk.table.write(audit.entry(ENTRY))
    with pytest.raises(Busy):
        desk.table.write(audit.entry(ENTRY))
    assert desk.operations.audit("2026-11-21", limit=10, after=None).items == [ENTRY]


@pytest.mark.parametrize("other", [{"reason": "attempt 2 begins"}, {"actor": CLOCK}, {"after": "FILLED"}])
def test_two_moves_of_one_microsecond_are_two_events(desk: Desk, other: dict[str, str]) -> None:
    begun = replace(EVENT, before=None, reason="asked for")
    moves = [EVENT, replace(EVENT, **other), begun]  # type: ignore[arg-type]
    for event in moves:
        desk.table.write(timeline.record("S1", event))
    told = list(timeline.of(desk.table, "S1"))
    assert (told[0], sorted(map(str, told))) == (begun, sorted(map(str, moves)))
