"""What the custody has of ours, held against what the table says: of each asset, to the last digit.

Both sides move while they are read. An asset agrees if at one look it does. It is off only if two looks, a pause apart,
have found the same of both sides, and nothing that is known explains it: less is there, and nothing may have left that
is not booked yet; or more is there, and every snapshot that the custody tells of is taken. Everything else is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from common.domain import audit
from common.domain.audit import AuditEntry
from common.domain.comparisons import CUSTODY, Comparison, Line, Verdict, compared, keep, latest
from common.domain.custody import shortages
from common.domain.custody.model import OVERLAP
from common.domain.custody.service import unspent
from common.domain.custody.shortages import ShortageMoved
from common.domain.pairs import store as pair_store
from common.domain.timeline import CLOCK
from common.gateways.custody import PAGE_MAX, Custody, CustodyUnavailable, times
from common.log import count, log
from common.money import EXACT, Quantity
from common.table.table import Table
from common.table.transaction import Write
from functions.market_making import cursor_store
from functions.market_making.service.booked import Booked, Booking, nothing

LOOKS = 3
PAGES_MAX = 4  # of snapshots that are looked through for those that are not taken
ACTION = "compare custody"
MOVES = "it moves while it is looked at"


@dataclass
class Untaken:
    """What the poller has still to take: of these assets, or, where that can not be told, perhaps of any."""

    of: set[str] = field(default_factory=set)
    any: str | None = None


@dataclass(frozen=True)
class Comparing:
    table: Table
    custody: Callable[[], Custody]
    pause: Callable[[], None]  # between two looks
    now: Callable[[], datetime]

    def latest(self) -> Comparison:
        """Raises NeverCompared."""
        return latest(self.table, CUSTODY)

    def compare(self, operator: str | None = None) -> Comparison:
        """Look again as long as something is neither the same nor certainly off, and write down what was found; an
        operator's act goes into the audit.

        Raises CustodyUnavailable, TableUnavailable, Busy.
        """
        lines = list(self._settled().values())
        found = compared(CUSTODY, self.now(), operator or CLOCK, lines)
        for line in found.those(Verdict.OFF):
            log.error("custody off", extra={"why": str(line), "asset_id": line.asset_id})
            count("CustodyOff")
        asked = (
            []
            if operator is None
            else [*audit.entry(self.table, AuditEntry(found.at, operator, ACTION, CUSTODY, str(found)))]
        )
        self.table.write(keep(found), *asked)
        self._note_shortages(found)
        return found

    def _note_shortages(self, compared: Comparison) -> None:
        """What is missing waits for a person, as long as it is. Nothing of it is written where somebody is faster."""
        short = {line.asset_id: line for line in compared.those(Verdict.OFF) if line.difference < 0}
        settled = {line.asset_id for line in compared.lines if line.verdict is not Verdict.UNKNOWN} - short.keys()
        for line in short.values():
            missing = Quantity(EXACT.minus(line.difference), line.asset_id)
            before = shortages.find(self.table, shortages.shortage_id_of(line.asset_id))
            if before is None or before.status is not shortages.Status.SHORT or before.missing != missing:
                self._note(shortages.found(before, missing, str(line), self.now()))
        for waiting in list(shortages.waiting(self.table)):
            if waiting.missing.asset_id in settled:
                self._note(shortages.covered(waiting, self.now()))

    def _note(self, writes: list[Write]) -> None:
        try:
            self.table.write(*writes)
        except ShortageMoved as no:
            log.info("shortage moved meanwhile", extra={"why": no.detail})

    def _settled(self) -> dict[str, Line]:
        settled: dict[str, Line] = {}
        pending: dict[str, Line] = {}
        for look in range(LOOKS):
            if look:
                self.pause()
            seen = {asset_id: line for asset_id, line in self._look().items() if asset_id not in settled}
            agree = {asset_id: line for asset_id, line in seen.items() if line.verdict is Verdict.AGREES}
            off = {a: line for a, line in seen.items() if line.verdict is Verdict.OFF and pending.get(a) == line}
            settled |= agree | off
            pending = {asset_id: line for asset_id, line in seen.items() if asset_id not in settled}
            if not pending:
                break
        unknown = {a: replace(line, verdict=Verdict.UNKNOWN, why=line.why or MOVES) for a, line in pending.items()}
        return settled | unknown

    def _look(self) -> dict[str, Line]:
        names = self._names()
        booked = Booking(self.table, self.custody).add_up()
        untaken = self._untaken(booked)
        assets = sorted({*booked.sums, *untaken.of, *names})
        return {asset_id: self._line(asset_id, names.get(asset_id), booked, untaken) for asset_id in assets}

    def _line(self, asset_id: str, name: str | None, booked: Booked, untaken: Untaken) -> Line:
        parts = booked.sums.get(asset_id) or nothing()
        try:
            there = unspent(self.custody(), asset_id).amount
        except CustodyUnavailable as no:
            _raise_unless_not_believed(no)
            return Line(asset_id, Decimal(0), parts, Verdict.UNKNOWN, name, no.detail)
        line = Line(asset_id, there, parts, Verdict.AGREES, name)
        if not line.difference:
            return line
        if line.difference < 0:
            why = booked.less.get(asset_id)
        else:
            waits = "a snapshot of it is not taken yet" if asset_id in untaken.of else None
            why = booked.unwritten.get(asset_id) or waits or untaken.any
        return replace(line, verdict=Verdict.OFF if why is None else Verdict.UNKNOWN, why=why or "")

    def _untaken(self, booked: Booked) -> Untaken:
        """Of the snapshots that the poller reads at its next poll, too."""
        untaken, reached = Untaken(), cursor_store.cursor(self.table)
        if reached is None:
            untaken.any = "nothing was ever taken"
            return untaken
        since = times.before(reached, OVERLAP)
        try:
            for _ in range(PAGES_MAX):
                page = self.custody().snapshots(since)
                for snapshot in page:
                    if snapshot.quantity.amount > 0 and snapshot.snapshot_id not in booked.snapshots:
                        untaken.of.add(snapshot.quantity.asset_id)
                if len(page) < PAGE_MAX:
                    return untaken
                if page[-1].created_at == since:
                    break
                since = page[-1].created_at
            untaken.any = "there are more snapshots than can be looked through"
        except CustodyUnavailable as no:
            _raise_unless_not_believed(no)
            untaken.any = no.detail
        return untaken

    def _names(self) -> dict[str, str]:
        """The exchange's, of those assets that are quoted here."""
        return {
            asset_id: name
            for pair in pair_store.pairs(self.table)
            for asset_id, name in zip((pair.base_asset_id, pair.quote_asset_id), pair.coins, strict=True)
        }


def _raise_unless_not_believed(no: CustodyUnavailable) -> None:
    """A custody that is silent is asked another time; one that tells what can not be is told of."""
    if no.facts.get("what") != "not_believed":
        raise no
