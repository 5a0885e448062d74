"""How far today's comparison with the billing system has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pynamodb.attributes import JSONAttribute

from common import keys
from common.clock import instant, text
from common.domain.comparisons import BILLING, LINES_MAX, Line, line_of, told_of
from common.table.items import Item
from common.table.table import Position, Table
from common.table.transaction import Write


@dataclass
class Pass:
    """How far the accounts are compared, and what was found; `after` is where it goes on, None at its beginning and at
    its end.

    runs: a round has begun and has not ended: it runs, or was cut off. looks_at: the account that it looks at, where
    the round before was cut off, so that it is known which one takes too long.
    """

    began_at: datetime
    after: Position | None = None
    over: bool = False
    things: int = 0
    lines: list[Line] = field(default_factory=list)
    runs: bool = False
    looks_at: Position | None = None


class PassItem(Item, discriminator=keys.COMPARISON_PASS.entity):
    position = JSONAttribute()


def so_far(table: Table) -> Pass | None:
    item = table.get(PassItem, keys.COMPARISON_PASS(of=BILLING), consistent=True)
    if item is None:
        return None
    told = item.position
    lines = [line_of(line) for line in told["lines"]]
    runs, looks_at = told.get("runs", False), told.get("looks_at")
    return Pass(instant(told["began_at"]), told["after"], told["over"], told["things"], lines, runs, looks_at)


def keep(going: Pass, at: datetime) -> Write:
    position = {
        "began_at": text(going.began_at),
        "after": going.after,
        "over": going.over,
        "things": going.things,
        "runs": going.runs,
        "looks_at": going.looks_at,
        "lines": [told_of(line) for line in going.lines[:LINES_MAX]],
    }
    return Write.put(PassItem(*keys.COMPARISON_PASS(of=BILLING), position=position, created_at=at, updated_at=at))
