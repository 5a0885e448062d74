"""Who did what by hand, and how an order came where it is: nothing that was told is overwritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

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
        desk.table.write(*audit.entry(desk.table, entry))
    assert acts(desk) == both[::-1]


def test_an_entry_has_the_next_number_and_the_digest_of_the_one_before(desk: Desk) -> None:
    for detail in ("one", "two", "three"):
        desk.table.write(*audit.entry(desk.table, replace(ENTRY, detail=detail)))
    third, second, first = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert [each.previous for each in (first, second, third)] == ["", first.digest, second.digest]
    assert audit.head(desk.table) == audit.Head(3, third.digest, NOON, "2026-11-21")


def test_the_digest_is_that_of_the_texts_as_they_are_told(desk: Desk) -> None:
    desk.table.write(*audit.entry(desk.table, replace(ENTRY, detail='a "reason" with Ω')))
    (only,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
    texts = b'["1","","2026-11-21T12:00:00.000000Z","olga","offramp void","S1","a \\"reason\\" with \\u03a9"]'
    assert only.digest == sha256(texts).hexdigest()


def test_of_two_acts_at_once_one_is_refused_and_does_nothing(desk: Desk) -> None:
    mine, others = audit.entry(desk.table, ENTRY), audit.entry(desk.table, replace(ENTRY, operator="oleg"))
    desk.table.write(*others)
    with pytest.raises(Busy):
        desk.table.write(*mine)
    assert [entry.operator for entry in acts(desk)] == ["oleg"]


def test_of_two_acts_at_once_around_midnight_one_is_refused(desk: Desk) -> None:
    """They have places in two partitions: the head alone knows of both."""
    desk.table.write(*audit.entry(desk.table, ENTRY))
    tomorrow = replace(ENTRY, at=NOON.replace(hour=0) + timedelta(days=1), operator="oleg")
    mine, others = audit.entry(desk.table, ENTRY), audit.entry(desk.table, tomorrow)
    desk.table.write(*others)
    with pytest.raises(Busy):
        desk.table.write(*mine)


def test_an_act_by_a_clock_that_is_late_is_not_earlier_than_the_one_before(desk: Desk) -> None:
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    for at in (midnight, midnight - timedelta(milliseconds=3)):
        desk.table.write(*audit.entry(desk.table, replace(ENTRY, at=at)))
    assert acts(desk) == []
    assert [entry.at for entry in acts(desk, "2026-11-22")] == [midnight, midnight]


def test_an_act_is_written_only_where_its_own_entry_stands(desk: Desk) -> None:
    mine, others = (audit.next_link(desk.table, entry) for entry in (ENTRY, replace(ENTRY, operator="oleg")))
    desk.table.write(*audit.writes(others))
    assert (audit.is_written(desk.table, others), audit.is_written(desk.table, mine)) == (True, False)


def acts(desk: Desk, date: str = "2026-11-21") -> list[AuditEntry]:
    return [
        AuditEntry(e.at, e.operator, e.action, e.subject, e.detail)
        for e in desk.operations.audit(date, limit=10, after=None).items
    ]


@pytest.mark.parametrize("other", [{"reason": "attempt 2 begins"}, {"actor": CLOCK}, {"after": "FILLED"}])
def test_two_moves_of_one_microsecond_are_two_events(desk: Desk, other: dict[str, str]) -> None:
    begun = replace(EVENT, before=None, reason="asked for")
    moves = [EVENT, replace(EVENT, **other), begun]  # type: ignore[arg-type]
    for event in moves:
        desk.table.write(timeline.record("S1", event))
    told = list(timeline.of(desk.table, "S1"))
    assert (told[0], sorted(map(str, told))) == (begun, sorted(map(str, moves)))
