"""What an outside system has done in our name, held against what we know of it, day by day.

Every day that is over is compared once, in rounds that go on where the last one has stopped; an operator may ask for a
day again. What the other side tells is looked up here, one by one, and told to a person where nobody knows it. What is
here and not there is found from our side: each thing is marked when the other side's list has it, and the checks of the
books (`checks`) find those of a compared day that are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol

from common.domain import audit
from common.domain.audit import AuditEntry
from common.domain.comparisons import BANK, LINES_MAX, Comparison, Line, Verdict, compared, keep, latest, of_day
from common.domain.exchange_orders import strays
from common.domain.exchange_orders.strays import StrayMoved
from common.domain.timeline import CLOCK
from common.errors import Unavailable
from common.log import count, log
from common.money import EXACT
from common.table.table import Table
from functions.operations import model, store
from functions.operations.store import DaysCompared

SETTLES_WITHIN = timedelta(minutes=30)  # what the other side does on a day is in its list by then
ASKED_MAX = 31
THINGS_MAX = 2_000_000  # of a day: a list that has more never ends
TOTAL = "all together"
NOBODYS = "-"


@dataclass(frozen=True)
class Told:
    """One thing that the other side has done: its id there, what it is worth, and that of ours which it names, perhaps
    nothing. `booked` is what we have of it; `why` what is wrong, and None where nothing is; `certain`: two looks, a
    pause apart, have found the same."""

    their_id: str
    asset_id: str
    whose: str
    there: Decimal
    booked: Decimal
    why: str | None
    certain: bool = True


class Side(Protocol):
    """An outside system whose days are compared."""

    @property
    def of(self) -> str: ...

    @property
    def things(self) -> str:
        """What of ours it is held against: `payouts`."""
        ...

    def part(self, day: date, after: str | None) -> tuple[Sequence[Told], str | None]:
        """A part of what it has done on a day, behind a place, each held against what is here and marked where it is
        known; and where the next part begins. Raises Unavailable."""
        ...


@dataclass(frozen=True)
class ComparingDays:
    table: Table
    side: Side
    now: Callable[[], datetime]

    def found(self, day: date | None) -> Comparison:
        """Of a day; None: the last one that was compared. Raises NeverCompared."""
        if day is None:
            day = store.days_compared(self.table, self.side.of).until or (self.now() - timedelta(days=1)).date()
        return latest(self.table, of_day(self.side.of, day))

    def ask(self, day: date, operator: str) -> None:
        """An operator wants a day compared, again perhaps: the next round does it. Raises DayNotOver, TooManyDays,
        Busy."""
        if not self._is_over(day):
            raise model.DayNotOver(f"{day} is not over: its list may still grow")
        days = store.days_compared(self.table, self.side.of)
        if day in (*days.asked, days.day):
            return
        if len(days.asked) >= ASKED_MAX:
            raise model.TooManyDays(f"{len(days.asked)} days are to be compared already; ask again in an hour")
        at, of = self.now(), self.side.of
        entry = audit.entry(self.table, AuditEntry(at, operator, f"compare {of}", of_day(of, day), "asked for"))
        self.table.write(store.compare_on(of, replace(days, asked=[*days.asked, day]), at), *entry)

    def round(self, more: Callable[[], bool]) -> list[Comparison]:
        """The days that are ended in this round. Raises TableUnavailable, Busy."""
        done, days = list[Comparison](), store.days_compared(self.table, self.side.of)
        try:
            while more():
                if days.day is None and not self._begin(days):
                    break
                self._go_on(days)
                if days.after is None:
                    done.append(self._end(days))
                self.table.write(store.compare_on(self.side.of, days, self.now()))
        except Unavailable as unavailable:
            log.warning("not compared", extra={"of": self.side.of, "why": unavailable.detail})
        return done

    def _begin(self, days: DaysCompared) -> bool:
        """Which day is next; False where none is."""
        if days.asked:
            days.day = days.asked.pop(0)
        else:
            yesterday = (self.now() - timedelta(days=1)).date()
            day = yesterday if days.until is None else days.until + timedelta(days=1)
            if not self._is_over(day):
                return False
            days.day = day
        days.after, days.things, days.there, days.booked, days.lines = None, 0, Decimal(0), Decimal(0), []
        return True

    def _is_over(self, day: date) -> bool:
        return (self.now() - SETTLES_WITHIN).date() > day

    def _go_on(self, days: DaysCompared) -> None:
        assert days.day is not None
        told, days.after = self.side.part(days.day, days.after)
        if days.things + len(told) > THINGS_MAX:
            why = f"its list of {days.day} does not end: more than {THINGS_MAX} are told"
            days.lines = [Line(self.side.of, Decimal(0), {}, Verdict.UNKNOWN, None, why), *days.lines]
            told, days.after = [], None
        for each in told:
            days.things += 1
            days.there, days.booked = EXACT.add(days.there, each.there), EXACT.add(days.booked, each.booked)
            if each.why is not None:
                if each.certain:
                    self._tell(each, each.why)
                verdict = Verdict.OFF if each.certain else Verdict.UNKNOWN
                booked = {self.side.things: each.booked}
                line = Line(each.their_id, each.there, booked, verdict, each.whose, each.why)
                days.lines = [*days.lines, line][:LINES_MAX]

    def _tell(self, told: Told, why: str) -> None:
        """It waits for a person, once."""
        of, at = self.side.of, self.now()
        says = f"{of} tells of {told.their_id}: {why}"
        stray_id, writes = strays.found_outside(of, told.asset_id, told.their_id, told.whose, says, at)
        log.error("outside off", extra={"of": of, "their_id": told.their_id, "why": why, "id": stray_id})
        count("BankOff") if of == BANK else count("ExchangeOff")
        try:
            self.table.write(*writes)
        except StrayMoved:
            log.info("told before", extra={"id": stray_id})

    def _end(self, days: DaysCompared) -> Comparison:
        assert days.day is not None
        day, of = days.day, self.side.of
        verdict, why = Verdict.AGREES, ""
        if days.there != days.booked:  # without a line of its own: one that was being booked when it was looked at
            off = any(line.verdict is Verdict.OFF for line in days.lines)
            verdict, why = (Verdict.OFF, "") if off else (Verdict.UNKNOWN, "one may not be booked yet")
        total = Line(TOTAL, days.there, {self.side.things: days.booked}, verdict, None, why)
        found = compared(of_day(of, day), self.now(), CLOCK, [*days.lines, total], things=days.things)
        self.table.write(keep(found))
        days.day, days.lines = None, []
        if days.until is None or day == days.until + timedelta(days=1):
            days.since, days.until = days.since or day, day
        return found
