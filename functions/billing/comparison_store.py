"""How far today's comparison with the billing system has come, and what those of the days before have found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from pynamodb.attributes import JSONAttribute

from common import keys
from common.clock import instant, text
from common.domain.comparisons import BILLING, LINES_MAX, Comparison, Line, Verdict, line_of, told_of
from common.table.items import Item
from common.table.table import Position, Table
from common.table.transaction import Write

DAYS_MAX = 31  # that are kept, the last ones


@dataclass(frozen=True)
class DayCompared:
    """What the comparison of a day (UTC) has found: of how many things, and in words which of them do not agree."""

    day: date
    at: datetime
    things: int
    verdict: Verdict
    says: str


@dataclass
class Pass:
    """How far the accounts are compared, and what was found; `after` is where it goes on, None at its beginning and at
    its end.

    runs: a round has begun and has not ended: it runs, or was cut off. looks_at: the account that it looks at, where
    the round before was cut off, so that it is known which one takes too long. days: those that are over, the last
    first.
    """

    began_at: datetime
    after: Position | None = None
    over: bool = False
    things: int = 0
    lines: list[Line] = field(default_factory=list)
    runs: bool = False
    looks_at: Position | None = None
    days: list[DayCompared] = field(default_factory=list)

    def ended(self, found: Comparison) -> Pass:
        """With its day among those that are over."""
        day = DayCompared(self.began_at.date(), found.at, found.assets, found.verdict, str(found))
        return replace(self, lines=[], days=[day, *self.days][:DAYS_MAX])


class PassItem(Item, discriminator=keys.COMPARISON_PASS.entity):
    position = JSONAttribute()


def so_far(table: Table) -> Pass | None:
    item = table.get(PassItem, keys.COMPARISON_PASS(of=BILLING), consistent=True)
    if item is None:
        return None
    told = item.position
    lines = [line_of(line) for line in told["lines"]]
    runs, looks_at = told.get("runs", False), told.get("looks_at")
    days = [_day_of(day) for day in told.get("days", [])]
    return Pass(instant(told["began_at"]), told["after"], told["over"], told["things"], lines, runs, looks_at, days)


def keep(going: Pass, at: datetime) -> Write:
    position = {
        "began_at": text(going.began_at),
        "after": going.after,
        "over": going.over,
        "things": going.things,
        "runs": going.runs,
        "looks_at": going.looks_at,
        "lines": [told_of(line) for line in going.lines[:LINES_MAX]],
        "days": [_told_of(day) for day in going.days],
    }
    return Write.put(PassItem(*keys.COMPARISON_PASS(of=BILLING), position=position, created_at=at, updated_at=at))


def _told_of(day: DayCompared) -> dict[str, Any]:
    return {
        "day": day.day.isoformat(),
        "at": text(day.at),
        "things": day.things,
        "verdict": day.verdict,
        "says": day.says,
    }


def _day_of(told: Mapping[str, Any]) -> DayCompared:
    day, at, verdict = date.fromisoformat(told["day"]), instant(told["at"]), Verdict(told["verdict"])
    return DayCompared(day, at, told["things"], verdict, told["says"])
