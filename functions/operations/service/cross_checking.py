"""Checks every item of the books with what must stand beside it, the whole table in a day.

A pass is a scan in as many rounds as it needs: each goes on behind the item that the last one came to, and holds no
more than a page. What is written meanwhile is no fault: an item that looks wrong is read again, with all that belongs
to it, as of now; and once more after a pause. Only what is wrong both times, in the same words, is told: the thing
waits for a person until a later round finds it mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from common import keys
from common.domain import audit, work
from common.domain.audit import AuditEntry
from common.errors import Unavailable
from common.keys import PrimaryKey
from common.log import log
from common.table.table import Table
from functions.operations import entries, store
from functions.operations.entries import Entry, Reads
from functions.operations.model import SETTLED_AFTER, NeverChecked, RoundChecked
from functions.operations.service import checks, trial
from functions.operations.service.trial import Trial
from functions.operations.service.turns import Act, take_turns

PASS_EVERY = timedelta(hours=12)  # so that what goes wrong behind one is found by the next within a day
OPEN_MAX = 1_000  # things found wrong that a round looks at again
KEYS_MAX = 20  # items of one thing that are looked at again
WHY_LENGTH_MAX = 500


@dataclass(frozen=True)
class CrossChecking:
    table: Table
    pause: Callable[[], None]  # between two looks at the same
    now: Callable[[], datetime]

    def round(self, more_time: Callable[[], bool]) -> RoundChecked:
        """What was found before is looked at again, and the scan goes on, while there is time."""
        this = _Round(self, store.checked_so_far(self.table))
        failures = take_turns([this.again(), this.scan()], more_time, self.table.seconds)
        this.save()
        if failures:
            raise failures[0]
        return RoundChecked(this.items, this.faults, this.mended)

    def balance(self) -> Trial:
        """The trial balance of the last pass. Raises NeverChecked."""
        at = store.checked_so_far(self.table)
        if at.last is None or at.last_began is None:
            raise NeverChecked("the books were never checked to their end: it is done twice a day")
        return trial.read(at.last_began - SETTLED_AFTER, at.last)

    def ask(self, operator: str) -> datetime:
        """An operator wants a pass over the books now: the next round begins it, or the first one behind the present
        pass. Raises Busy."""
        at = self.now()
        entry = audit.entry(self.table, AuditEntry(at, operator, "books", "all", "asked for"))
        self.table.write(store.ask_for_check(at), *entry)
        return at

    def look_at(self, key: PrimaryKey) -> list[str]:
        """What is wrong with an item for certain. Raises Unavailable."""
        first = self._faults(key)
        if not first:
            return []
        self.pause()
        return [fault for fault in self._faults(key) if fault in first]

    def _faults(self, key: PrimaryKey) -> list[str]:
        reads = Reads(self.table, consistent=True)
        entry = reads.get(key)
        return [] if entry is None else checks.faults(reads, entry)


@dataclass
class _Round:
    checking: CrossChecking
    at: store.Checked
    items: int = 0
    faults: int = 0
    mended: int = 0
    trial: Trial | None = None  # of the pass that is under way
    saved: store.Checked = field(init=False)

    def __post_init__(self) -> None:
        self.saved = replace(self.at)
        if self.at.began is not None and self.at.trial is not None:
            self.trial = trial.read(self.at.began - SETTLED_AFTER, self.at.trial)

    def again(self) -> Iterator[Act]:
        """Things that were found wrong, longest ago first."""
        for waiting in islice(work.for_people(self.checking.table, keys.RECONCILIATION.backlog), OPEN_MAX):
            yield partial(self._look_again, waiting.PK)

    def _look_again(self, thing_id: str) -> None:
        before = store.reconciliation(self.checking.table, thing_id)
        if before is not None and before.open_work is not None and before.looked_at:
            self._settle(thing_id, before, [PrimaryKey(*key) for key in before.looked_at])

    def scan(self) -> Iterator[Act]:
        now, table = self.checking.now(), self.checking.table
        if self.at.behind is None:
            if self.at.began is not None and now - self.at.began < PASS_EVERY and not self._is_asked_for():
                return
            self.at.began, self.trial = now, Trial(now - SETTLED_AFTER)
        while True:
            page = entries.page(table, checks.ROWS, self.at.behind)
            for entry in page.items:
                yield partial(self._look, entry)
                self.at.behind = {"PK": {"S": entry.PK}, "SK": {"S": entry.SK}}
            self.at.behind = page.after
            if page.after is None:
                self._end()
                return
            self.save()

    def _is_asked_for(self) -> bool:
        asked_at = store.check_asked_for_at(self.checking.table)
        return asked_at is not None and self.at.began is not None and asked_at > self.at.began

    def _end(self) -> None:
        assert self.trial is not None
        self.at.last, self.at.last_began, self.trial = self.trial.told(), self.at.began, None
        self.save()

    def _look(self, entry: Entry) -> None:
        self.items += 1
        reads = Reads(self.checking.table, consistent=False)
        try:
            if self.trial is not None:
                self.trial.add(reads, entry)
            if checks.faults(reads, entry):
                self._found(entry)
        except Unavailable as unavailable:  # the next pass comes to it again
            log.info("not checked now", extra={"PK": entry.PK, "SK": entry.SK, "why": unavailable.detail})

    def _found(self, entry: Entry) -> None:
        if self.checking.look_at(entry.key):
            thing_id = checks.thing(entry)
            before = store.reconciliation(self.checking.table, thing_id)
            known = [] if before is None else [PrimaryKey(*key) for key in before.looked_at or ()]
            self._settle(thing_id, before, [*(key for key in known if key != entry.key), entry.key][-KEYS_MAX:])

    def _settle(self, thing_id: str, before: store.ReconciliationItem | None, looked_at: list[PrimaryKey]) -> None:
        """List the thing for operators, with what is wrong with these items of its; take it off the list, where
        nothing is any more."""
        table, now = self.checking.table, self.checking.now()
        wrong = {key: self.checking.look_at(key) for key in looked_at}
        why = "; ".join(dict.fromkeys(fault for faults in wrong.values() for fault in faults))
        if why:
            log.error("drift", extra={"id": thing_id, "differences": why})
            self.faults += sum(map(len, wrong.values()))
            table.write(store.found_beside(thing_id, before, why[:WHY_LENGTH_MAX], [k for k in wrong if wrong[k]], now))
        elif before is not None:
            self.mended += 1
            table.write(store.balanced(thing_id, before, now))

    def save(self) -> None:
        """Place and sums together: what is counted is behind the place."""
        self.at.trial = None if self.trial is None else self.trial.told()
        if self.at != self.saved:
            self.checking.table.write(store.check_on(self.at, self.checking.now()))
            self.saved = replace(self.at)
