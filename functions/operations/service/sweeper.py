"""What the clock does about work that does not go on by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from common import keys
from common.domain import work
from common.domain.payouts import store as payouts_store
from common.domain.payouts.events import BankEvents
from common.domain.payouts.model import EventOutcome
from common.domain.payouts.store import BankEventItem, EventDecided
from common.errors import Refusal
from common.keys import PrimaryKey
from common.log import count, log
from common.machines import Machines, MachinesUnavailable
from common.table.table import Table
from functions.operations import model
from functions.operations.model import Swept

SWEEPER = "the sweeper"


@dataclass(frozen=True)
class Sweeper:
    table: Table
    machines: Machines
    events: BankEvents
    now: Callable[[], datetime]
    stuck_after: timedelta

    def sweep(self, more_time: Callable[[], bool]) -> Swept:
        """Start what a crash has left unstarted or dead, replay what can be placed by now, and count what is overdue.

        Any round may be cut short; the next one does the rest.
        """
        now, found = self.now(), Counter[str]()
        for listed in keys.BACKLOGS:
            if listed not in (*keys.FOR_PEOPLE, keys.BANK_EVENT.backlog):
                for waiting in work.due(self.table, listed, now - model.OVERDUE_AFTER):
                    self._count(waiting.due_at, now, found)
        for listed in keys.DRIVEN:
            for waiting in work.due(self.table, listed, now):
                if not more_time():
                    break
                self._one(waiting.PK, lambda: self._sweep(waiting.key, now, found))  # noqa: B023
        for listed in keys.FOR_PEOPLE:
            found["needs_person"] += sum(1 for _ in work.for_people(self.table, listed))
        for key in self._dead(now):
            if more_time():
                self._one(key.pk, lambda: self._restart(key, found))  # noqa: B023
        for event in payouts_store.parked(self.table, now):
            found["parked"] += 1
            if event.why == payouts_store.NO_ATTEMPT and more_time():
                self._one(event.PK, lambda: self._place_again(event, found))  # noqa: B023
        return Swept(**{name: found[name] for name in Swept.__dataclass_fields__})

    def _one(self, thing: str, see_to: Callable[[], None]) -> None:
        """One thing that can not be seen to now does not stand in the way of the others."""
        try:
            see_to()
        except Refusal as refusal:
            log.warning("not seen to now", extra={"thing": thing, "why": refusal.detail})
        except Exception:
            count("Bugs")
            log.exception("bug", extra={"thing": thing})

    def _sweep(self, key: PrimaryKey, now: datetime, found: Counter[str]) -> None:
        item = work.find(self.table, key)  # the index is late
        if item is None or item.due_at is None or item.due_at > now:
            return
        if not item.needs_person:
            self._count(item.due_at, now, found)
        found["started"] += work.drive(self.table, self.machines, item, now)

    def _count(self, due_at: datetime, now: datetime, found: Counter[str]) -> None:
        """What should have moved; if that is long ago, a person is needed whatever it says itself."""
        found["overdue"] += due_at <= now - model.OVERDUE_AFTER
        found["needs_person"] += due_at <= now - self.stuck_after

    def _restart(self, key: PrimaryKey, found: Counter[str]) -> None:
        item = work.find(self.table, key)
        if item is not None:
            found["started"] += work.drive(self.table, self.machines, item, self.now())

    def _place_again(self, event: BankEventItem, found: Counter[str]) -> None:
        try:
            placed = self.events.replay(event.webhook_id, SWEEPER) is not EventOutcome.PARKED
        except EventDecided:  # by an operator meanwhile
            placed = True
        if placed:
            found["replayed"] += 1
            found["parked"] -= 1

    def _dead(self, now: datetime) -> Iterator[PrimaryKey]:
        """The orders whose execution has died lately."""
        for machine in keys.MACHINES:
            try:
                for name in self.machines.died(machine, now - model.DIED_WITHIN):
                    key = keys.item_named(name.partition("-")[0])
                    if key is not None:
                        yield key
            except MachinesUnavailable as unavailable:
                log.warning("not swept", extra={"machine": machine, "why": unavailable.detail})
