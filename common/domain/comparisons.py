"""What the desk has somewhere outside, held against what the table says of it: what was found last, by what it is of.

A difference is certain or unknown, and never guessed (docs/decisions/0034). The latest comparison is kept for whoever
asks what the last one has found; the log has those before it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import reduce
from typing import Any

from pynamodb.attributes import UnicodeAttribute

from common import keys
from common.errors import NotFound
from common.money import EXACT, plain
from common.table.items import DecimalAttribute, Item
from common.table.table import Table
from common.table.transaction import Busy, Write

LINES_MAX = 500  # that are kept, the worst first: anybody can send us any number of assets
NAMED_MAX = 5  # in a line of words
CUSTODY, BILLING, BANK, EXCHANGE = "custody", "billing", "bank", "exchange"
_THINGS = {  # what is compared, one by one
    CUSTODY: "assets",
    BILLING: "invoices and payments",
    BANK: "payouts",
    EXCHANGE: "orders, deposits and withdrawals",
}


class NeverCompared(NotFound):
    """It was never compared."""


class Verdict(StrEnum):
    """OFF is a difference that two looks have found, the same, and that nothing known explains; UNKNOWN one that may be
    none."""

    OFF = "OFF"
    UNKNOWN = "UNKNOWN"
    AGREES = "AGREES"


@dataclass(frozen=True)
class Line:
    """Of one asset, in its own units, or of one invoice or payment, in roubles: what is `there`, and what is `booked`,
    by as what. `name` is the asset's, where the desk has one for it; `why` says what keeps an unknown one from being
    told, or what is off."""

    asset_id: str
    there: Decimal
    booked: Mapping[str, Decimal]
    verdict: Verdict
    name: str | None = None
    why: str = ""

    @property
    def booked_together(self) -> Decimal:
        return reduce(EXACT.add, self.booked.values(), Decimal(0))

    @property
    def difference(self) -> Decimal:
        """Above zero where more is there than is booked."""
        return EXACT.subtract(self.there, self.booked_together)

    def __str__(self) -> str:
        together = plain(self.booked_together)
        return f"{plain(self.there)} of {self.name or self.asset_id} are there, and {together} are booked"


@dataclass(frozen=True)
class Comparison:
    """`assets` is how many were looked at; `lines` are no more than LINES_MAX of them, of what is at the billing system
    only those that do not agree. `by` is an operator, or the clock."""

    of: str
    at: datetime
    by: str
    assets: int
    lines: Sequence[Line]

    def those(self, verdict: Verdict) -> list[Line]:
        return [line for line in self.lines if line.verdict is verdict]

    @property
    def verdict(self) -> Verdict:
        """The worst of its lines."""
        return next((verdict for verdict in Verdict if self.those(verdict)), Verdict.AGREES)

    def __str__(self) -> str:
        worse = {verdict: self.those(verdict) for verdict in (Verdict.OFF, Verdict.UNKNOWN)}
        told = [
            f"{verdict.lower()}: {', '.join(line.name or line.asset_id for line in lines[:NAMED_MAX])}"
            for verdict, lines in worse.items()
            if lines
        ]
        things = _THINGS[self.of.partition(".")[0]]
        return "; ".join([f"{self.assets} {things}", *(told or ["all agree"])])


def of_day(of: str, day: date) -> str:
    """What a comparison of one day is kept as."""
    return f"{of}.{day.isoformat()}"


def compared(of: str, at: datetime, by: str, lines: Sequence[Line], *, things: int | None = None) -> Comparison:
    """With its lines in order: the worst first. things: how many were looked at, where not all of them have a line."""
    order = list(Verdict)
    worst_first = sorted(lines, key=lambda line: (order.index(line.verdict), line.name or "~", line.asset_id))
    return Comparison(of, at, by, len(lines) if things is None else things, worst_first[:LINES_MAX])


class ComparisonItem(Item, discriminator=keys.COMPARISON.entity):
    by = UnicodeAttribute()
    assets = DecimalAttribute()
    lines = UnicodeAttribute()


def latest(table: Table, of: str) -> Comparison:
    """Raises NeverCompared."""
    item = table.get(ComparisonItem, keys.COMPARISON(of=of), consistent=True)
    if item is None:
        raise NeverCompared(f"the {of} was never compared: it is once a day, or ask for it")
    lines = [line_of(told) for told in json.loads(item.lines)]
    return Comparison(of, item.updated_at, item.by, int(item.assets), lines)


def keep(comparison: Comparison) -> Write:
    """As the latest one. Refused with Busy when a later one is there."""
    item = ComparisonItem(
        *keys.COMPARISON(of=comparison.of),
        by=comparison.by,
        assets=Decimal(comparison.assets),
        lines=json.dumps([told_of(line) for line in comparison.lines], separators=(",", ":")),
        created_at=comparison.at,
        updated_at=comparison.at,
    )
    first = ComparisonItem.PK.does_not_exist() | (ComparisonItem.updated_at < comparison.at)
    later = Busy("another comparison has just been made", retry_after_seconds=1)
    return Write.put(item, when=first, otherwise=later)


def told_of(line: Line) -> dict[str, Any]:
    return {
        "asset_id": line.asset_id,
        "there": plain(line.there),
        "booked": {name: plain(amount) for name, amount in line.booked.items()},
        "verdict": line.verdict,
        "name": line.name,
        "why": line.why,
    }


def line_of(told: Mapping[str, Any]) -> Line:
    return Line(
        asset_id=told["asset_id"],
        there=Decimal(told["there"]),
        booked={name: Decimal(amount) for name, amount in told["booked"].items()},
        verdict=Verdict(told["verdict"]),
        name=told["name"],
        why=told["why"],
    )
