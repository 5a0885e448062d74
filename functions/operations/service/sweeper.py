"""What the clock does about work that does not go on by itself.

    due          of each list that machines move: see to it that the machine runs
    dead         executions that have died lately, of what is not due yet
    parked       events of the bank that may be placed by now

All of these share the time of a round (`take_turns`); each partition of the index is a queue of its own. If time runs
out within a partition, the next round begins there behind the last thing that was seen to. So nothing waits behind
others for ever, even if those are due for days and always busy. A cursor in the table keeps how far each partition is
(docs/decisions/0023).

To look at one thing that is due costs a read and a StartExecution, 25 ms, also when its machine runs already. If many
are due, the machines are asked first what they run, a thousand names with a call, and those are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice

from common import keys
from common.clock import text
from common.domain import flow_halts, work
from common.domain.payouts import store as payouts_store
from common.domain.payouts.events import BankEvents
from common.domain.payouts.model import EventOutcome
from common.domain.payouts.store import BankEventItem, EventDecided
from common.domain.work import WaitingItem
from common.errors import Refusal
from common.keys import PrimaryKey
from common.log import count, log
from common.machines import Machines, MachinesUnavailable
from common.table.table import Position, Table
from functions.operations import model, store
from functions.operations.model import Swept
from functions.operations.service.turns import Act, take_turns

SWEEPER = "the sweeper"
PAGE = 1_000  # of the index: what one read may cost
MANY = 100  # things that are due: from so many on, it is cheaper to ask first what runs
RUNNING_PAGES_MAX = 30  # of a thousand names; AWS lets five more be asked for in a second
SAVED_EVERY_SECONDS = 5  # a round may be killed: the next one must not begin with what it was killed at


@dataclass(frozen=True)
class Sweeper:
    table: Table
    machines: Machines
    events: BankEvents
    now: Callable[[], datetime]
    stuck_after: timedelta

    def sweep(self, more_time: Callable[[], bool]) -> Swept:
        """Start machines that a crash has left unstarted or dead, replay events that can be placed by now, and count
        what is overdue or halted.

        Any round may be cut short; the next one does the rest. An exception in one queue is raised when the others have
        done their work.
        """
        this = _Round(self, self.now(), store.places(self.table))
        failures = take_turns(this.queues(), more_time, this.seconds)
        this.save()
        if failures:
            raise failures[0]
        return Swept(**{name: this.found[name] for name in Swept.__dataclass_fields__})


@dataclass
class _Round:
    """What one round has found, and how far it is in each partition of the index (`places`)."""

    sweeper: Sweeper
    at: datetime
    saved: dict[str, Position]
    places: dict[str, Position] = field(init=False)
    saved_at: float = field(init=False)
    found: Counter[str] = field(default_factory=Counter)
    running: set[str] = field(default_factory=set)  # what is known to run
    listings: dict[str, Iterator[list[str]]] = field(default_factory=dict)  # by machine, what is still to be told of it

    def __post_init__(self) -> None:
        self.places, self.saved_at = dict(self.saved), self.seconds()

    def seconds(self) -> float:
        return self.sweeper.table.seconds()

    def save(self) -> None:
        self.saved_at = self.seconds()
        if self.places != self.saved:
            self.sweeper.table.write(store.move_places(self.places, self.sweeper.now()))
            self.saved = dict(self.places)

    def queues(self) -> Iterator[Iterator[Act]]:
        yield self._counted()
        for backlog in keys.DRIVEN:
            machines = [machine for row in keys.SCHEMA if row.backlog == backlog for machine in row.machines]
            for open_work in work.partitions(backlog):
                yield self._due(open_work, machines)
        for machine in keys.MACHINES:
            yield self._dead(machine)
        for open_work in work.partitions(keys.BANK_EVENT.backlog):
            yield self._parked(open_work)

    def _counted(self) -> Iterator[Act]:
        """Count from the index what this sweep does not look at one by one, each list up to COUNTED_MAX. It yields
        nothing, and is a queue so that a failure of it does not stop the others."""
        table, overdue, stuck = self.sweeper.table, self.at - model.OVERDUE_AFTER, self.at - self.sweeper.stuck_after
        self.found["halted"] = len(flow_halts.read(table).halts)
        for backlog in keys.FOR_PEOPLE:
            self.found["needs_person"] += work.number_for_people(table, backlog, at_most=model.COUNTED_MAX)
        for backlog in keys.COUNTED:
            late = work.number_due(table, backlog, overdue, at_most=model.COUNTED_MAX)
            self.found["overdue"] += late
            if late:  # otherwise nothing is stuck, and a read is saved
                self.found["needs_person"] += work.number_due(table, backlog, stuck, at_most=model.COUNTED_MAX)
        yield from ()

    def _due(self, open_work: str, machines: Sequence[str]) -> Iterator[Act]:
        for page in self._pages(open_work):
            if len(page) > MANY:
                yield from self._ask_what_runs(machines)
            for waiting in page:
                # An execution of the machine before the present one counts, too: it ends within its next wait.
                if waiting.PK not in self.running:
                    yield self._one(waiting.PK, partial(self._sweep, waiting.key))
                else:
                    self._count(waiting.due_at)
                self.places[open_work] = work.place(waiting)
        self.places.pop(open_work, None)

    def _parked(self, open_work: str) -> Iterator[Act]:
        for page in self._pages(open_work):
            for waiting in page:
                yield self._one(waiting.PK, partial(self._look_at, waiting.key))
                self.places[open_work] = work.place(waiting)
        self.places.pop(open_work, None)

    def _pages(self, open_work: str) -> Iterator[list[WaitingItem]]:
        """What is due of a partition, once around: from where the last round was cut short to the end, then from the
        beginning to there."""
        begin = self.places.get(open_work)
        if begin is None or begin["due_at"]["S"] > text(self.at):
            begin = None
        yield from self._until(open_work, self.at, after=begin)
        if begin is not None:
            yield from self._until(open_work, WaitingItem.due_at.deserialize(begin["due_at"]["S"]), after=None)

    def _until(self, open_work: str, until: datetime, after: Position | None) -> Iterator[list[WaitingItem]]:
        while True:
            page = work.due_page(self.sweeper.table, open_work, until, limit=PAGE, after=after)
            yield page.items
            after = page.after
            if after is None:
                return

    def _dead(self, machine: str) -> Iterator[Act]:
        """The orders whose execution has died lately. Those that a round does not come to are started when due."""
        try:
            for number, name in enumerate(self.sweeper.machines.died(machine, self.at - model.DIED_WITHIN)):
                if number == MANY:
                    yield from self._ask_what_runs([machine])
                key = keys.item_named(name.partition("-")[0])
                if key is not None and key.pk not in self.running:
                    yield self._one(key.pk, partial(self._restart, key))
        except MachinesUnavailable as unavailable:
            log.warning("not swept", extra={"machine": machine, "why": unavailable.detail})

    def _ask_what_runs(self, machines: Sequence[str]) -> Iterator[Act]:
        """Note what these machines run; each machine is asked once in a round. Each page is a turn, and all queues that
        need the list read on in the same one, until it is whole."""
        for machine in machines:
            if machine not in self.listings:
                self.listings[machine] = islice(self.sweeper.machines.running(machine), RUNNING_PAGES_MAX)
            try:
                for page in self.listings[machine]:
                    self.running.update(name.partition("-")[0] for name in page)
                    yield _nothing
            except MachinesUnavailable as unavailable:
                log.warning("not told what runs", extra={"machine": machine, "why": unavailable.detail})

    def _one(self, thing: str, see_to: Act) -> Act:
        """The act that sees to one thing. If that can not be done now, or a bug is in the way, the others go on."""

        def act() -> None:
            try:
                if self.seconds() - self.saved_at > SAVED_EVERY_SECONDS:
                    self.save()
                see_to()
            except Refusal as refusal:
                log.warning("not seen to now", extra={"thing": thing, "why": refusal.detail})
            except Exception:
                count("Bugs")
                log.exception("bug", extra={"thing": thing})

        return act

    def _sweep(self, key: PrimaryKey) -> None:
        item = work.find(self.sweeper.table, key)  # the index is late
        if item is None or item.due_at is None or item.due_at > self.at:
            return
        if not item.needs_person:
            self._count(item.due_at)
        self.found["started"] += work.drive(self.sweeper.table, self.sweeper.machines, item, self.at)

    def _count(self, due_at: datetime) -> None:
        """Count a thing that should have moved by `due_at`: as overdue, and as needing a person if that was long ago,
        whatever it waits for."""
        self.found["overdue"] += due_at <= self.at - model.OVERDUE_AFTER
        self.found["needs_person"] += due_at <= self.at - self.sweeper.stuck_after

    def _restart(self, key: PrimaryKey) -> None:
        item = work.find(self.sweeper.table, key)
        if item is not None:
            now = self.sweeper.now()
            self.found["started"] += work.drive(self.sweeper.table, self.sweeper.machines, item, now)

    def _look_at(self, key: PrimaryKey) -> None:
        event = payouts_store.parked_event(self.sweeper.table, key)
        if event is None:
            return
        self.found["parked"] += 1
        if event.why == payouts_store.NO_ATTEMPT and self._place_again(event):
            self.found["replayed"] += 1
            self.found["parked"] -= 1

    def _place_again(self, event: BankEventItem) -> bool:
        try:
            return self.sweeper.events.replay(event.webhook_id, SWEEPER) is not EventOutcome.PARKED
        except EventDecided:  # by an operator meanwhile
            return True


def _nothing() -> None: ...
