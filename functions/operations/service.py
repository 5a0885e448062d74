"""What an operator can ask of the desk as a whole."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

from common import keys
from common.acts import OperatorOutcome
from common.domain import acts, audit, clients, timeline, work
from common.domain.acts import Case, PossibleAct
from common.domain.audit import AuditEntry
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import Asset
from common.domain.clients import Client, ClientKind
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD, Books
from common.domain.payouts import store as payouts_store
from common.domain.payouts.events import BankEvents, Taken
from common.domain.payouts.model import kind_of
from common.domain.payouts.store import BankEventItem, EventDecided
from common.domain.timeline import Event
from common.domain.work import WaitingItem
from common.errors import NotFound, Refusal, Unavailable
from common.keys import PrimaryKey
from common.log import count, log
from common.machines import Execution, Machines, MachinesUnavailable
from common.owner import Owner
from common.table.table import Page, Position, Table
from functions.operations import model, store
from functions.operations.model import OutsideCall, Reconciled, Swept, Waiting
from functions.operations.store import KnownItem

FAR = timedelta(days=3650)
SWEEPER = "the sweeper"
RUNNING = "RUNNING"


@dataclass(frozen=True)
class Story:
    """Everything there is to know of one order: where it stands, what it waits for, how it came there, and what may be
    done about it. `kind` is its row of the key schema."""

    id: str
    kind: str
    status: str | None
    waits_for: str | None
    waits_since: datetime | None
    due_at: datetime | None
    needs_person: bool
    pool: str | None  # that it is, or waits or has waited in
    batch: str | None  # that it is, that it is bought with, or that the open generation of a pool will be
    members: Sequence[str]  # of a batch, or of a pool's open generation
    events: Sequence[Event]
    calls: Sequence[OutsideCall]
    execution: Execution | None
    execution_before: Execution | None  # of the machine that has handed it over
    acts: Sequence[PossibleAct]  # the likeliest first


@dataclass(frozen=True)
class Operations:
    table: Table
    machines: Machines
    events: BankEvents
    now: Callable[[], datetime]

    def save_asset(self, asset: Asset, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """Write an asset of the catalogue, new or changed, as a whole. Audited. Traders see it within five seconds.
        A repeat changes nothing.

        Raises ImpossibleAsset, PrecisionLowered, Busy.
        """
        if asset.asset_id == USD:
            raise model.ImpossibleAsset("USD is what assets are priced in")
        if asset.min_notional > asset.max_notional:
            raise model.ImpossibleAsset("min_notional is above max_notional")
        before = catalogue.find(self.table, asset.asset_id)
        if before is not None:
            asset.check_keeps_decimals(before)
        status = None if before is None else _traded(before)
        says = model.changes(None if before is None else vars(before), vars(asset))
        if not says:
            return OperatorOutcome.repeat(asset.asset_id, status, "is so already; nothing to do")
        if not dry_run:
            now = self.now()
            entry = AuditEntry(now, operator, "catalogue save", asset.asset_id, f"{says}: {reason}")
            self.table.write(catalogue.save(asset, now), audit.entry(entry))
        return OperatorOutcome(asset.asset_id, status, _traded(asset), done=not dry_run, says=says)

    def work(self, lists: Sequence[str], *, overdue_only: bool, limit: int) -> list[Waiting]:
        """What is unfinished, longest overdue first; a moment old, as any index is."""
        now = self.now()
        until = now if overdue_only else now + FAR

        def waiting(listed: str, items: Iterator[WaitingItem]) -> Iterator[Waiting]:
            for item in items:
                yield Waiting(
                    context=listed,
                    id=keys.row_of(item.key).id_of(item.key),
                    waits_for=item.waits_for,
                    due_at=item.due_at,
                    overdue=item.due_at <= now,
                    needs_person=item.needs_person,
                )

        found = [waiting(listed, work.due(self.table, listed, until)) for listed in lists]
        found += [waiting(listed, work.for_people(self.table, listed)) for listed in lists if listed in keys.DRIVEN]
        return list(islice(heapq.merge(*found, key=lambda w: w.due_at), limit))

    def story(self, thing_id: str) -> Story:
        """Every move of what this id names, oldest first; what it has asked of outside systems; what its latest
        execution did, and that of the machine before; what it waits for, and what may be done by hand. Of a batch that
        is not closed yet, what its pool waits for.

        Raises NothingKnown, MachinesUnavailable.
        """
        item, now = self._known(thing_id), self.now()
        execution = self._execution(item.machine, item.PK, item.generation)
        runs = execution is not None and execution.status == RUNNING
        return Story(
            id=thing_id,
            kind=item.row.entity,
            status=item.status,
            waits_for=item.waits_for,
            waits_since=item.waits_since,
            due_at=item.due_at,
            needs_person=item.needs_person,
            pool=item.pool,
            batch=item.batch,
            members=[] if item.batch is None else self._members(item),
            events=list(timeline.of(self.table, thing_id)),
            calls=list(store.calls(self.table, thing_id)),
            execution=execution,
            execution_before=self._execution_before(item),
            acts=acts.possible(thing_id, replace(self._case(item, now), runs=runs)),
        )

    def _known(self, thing_id: str) -> KnownItem:
        """Raises NothingKnown."""
        key = keys.item_named(thing_id)
        item = None if key is None else store.known(self.table, key)
        if item is None:
            raise model.NothingKnown(f"nothing is known of {thing_id}", id=thing_id)
        return item

    def _members(self, item: KnownItem) -> list[str]:
        """Of a pool, those of its open generation."""
        assert item.batch is not None
        return list(store.members(self.table, item.batch)) if item.row in (keys.POOL, keys.BATCH) else []

    def _case(self, item: KnownItem, now: datetime) -> Case:
        payout = latest = None
        if kind_of(item.PK) is not None:
            payout = payouts_store.payout(self.table, item.PK)
            latest = payouts_store.latest(self.table, payout)
        placed = store.exchange_order(self.table, item.PK) if item.row is keys.BATCH else None
        return Case(
            row=item.row,
            status=item.status,
            now=now,
            waits=item.open_work is not None,
            needs_person=item.needs_person,
            payout=payout,
            latest=latest,
            exchange_order=placed,
        )

    def _execution(self, machine: str | None, thing_id: str, generation: Decimal | None) -> Execution | None:
        if machine is None:
            return None
        return self.machines.execution(machine, work.execution_name(thing_id, int(generation or 1)))

    def _execution_before(self, item: KnownItem) -> Execution | None:
        """The last one of the machine that has handed the item over."""
        if item.machine is None or item.generation_before is None:
            return None
        machines = item.row.machines
        before = machines[machines.index(item.machine) - 1]
        return self._execution(before, item.PK, item.generation_before)

    def redrive(self, thing_id: str, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """Start the next execution of what a machine moves, also of what waits for a person. It goes on from the table.
        Audited.

        Raises NothingKnown; NothingWaits; NotDriven; StillRunning; Redriven (another operator was first);
        MachinesUnavailable, Busy.
        """
        item = self._known(thing_id)
        if item.open_work is None:
            raise model.NothingWaits("it waits for nothing", id=thing_id)
        if item.machine is None:
            raise model.NotDriven(f"no machine moves it: it waits for {item.waits_for}", id=thing_id)
        if not acts.machine_decides(self._case(item, self.now())):
            raise model.NotDriven(f"no machine can decide it: it waits for {item.waits_for}", id=thing_id)
        execution = self._execution(item.machine, item.PK, item.generation)
        if execution is not None and execution.status == RUNNING:
            raise model.StillRunning(f"its execution {execution.name} runs", id=thing_id, execution=execution.name)
        if not dry_run:
            now = self.now()
            entry = AuditEntry(now, operator, "work redrive", thing_id, reason)
            self.table.write(work.redriven(item, now), audit.entry(entry))
            self._restart(PrimaryKey(item.PK, item.SK), Counter())
        says = f"the next execution of the machine {item.machine}, which goes on from {item.status}"
        return OperatorOutcome(thing_id, item.status, item.status, done=not dry_run, says=says)

    def parked(self, limit: int) -> list[BankEventItem]:
        """Events of the bank that could not be placed, oldest first; a moment old, as any index is."""
        return list(islice(payouts_store.parked(self.table, self.now()), limit))

    def acts_on(self, event: BankEventItem) -> list[PossibleAct]:
        """What may be done about an event of the bank."""
        return acts.possible(event.webhook_id, Case(keys.BANK_EVENT, event.outcome, self.now()))

    def replay(self, webhook_id: str, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """Try to place a parked event again. Audited, if it can be placed. A repeat changes nothing.

        Raises EventNotFound, Busy.
        """
        event = self.events.known(webhook_id)
        if not acts.is_parked(event.outcome):
            return _decided(event)
        if dry_run:
            expected = self.events.outlook(event)
            return OperatorOutcome(webhook_id, Taken.PARKED, expected.taken, done=False, says=expected.why)
        entry = audit.entry(AuditEntry(self.now(), operator, "parked replay", webhook_id, reason))
        try:
            taken = self.events.replay(webhook_id, operator, entry)
        except EventDecided:
            return _decided(self.events.known(webhook_id))
        says = self.events.known(webhook_id).why
        return OperatorOutcome(webhook_id, Taken.PARKED, taken, done=taken is not Taken.PARKED, says=says)

    def dismiss(self, webhook_id: str, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """Nothing is to be done about a parked event. Audited. A repeat changes nothing.

        Raises EventNotFound, Busy.
        """
        event = self.events.known(webhook_id)
        if not acts.is_parked(event.outcome):
            return _decided(event)
        if not dry_run:
            entry = audit.entry(AuditEntry(self.now(), operator, "parked dismiss", webhook_id, reason))
            try:
                self.events.dismiss(webhook_id, reason, entry)
            except EventDecided:
                return _decided(self.events.known(webhook_id))
        says = f"nothing is done about it: {event.why}"
        return OperatorOutcome(webhook_id, Taken.PARKED, Taken.DISMISSED, done=not dry_run, says=says)

    def sweep(self, more_time: Callable[[], bool]) -> Swept:
        """Start what a crash has left unstarted or dead, replay what can be placed by now, and count what is overdue.

        Any round may be cut short; the next one does the rest.
        """
        now, found = self.now(), Counter[str]()
        for listed in keys.WORK:
            if listed not in (*keys.DRIVEN, keys.BANK_EVENT.work):
                found["overdue"] += sum(1 for _ in work.due(self.table, listed, now - model.OVERDUE_AFTER))
        for listed in keys.DRIVEN:
            for waiting in work.due(self.table, listed, now):
                if not more_time():
                    break
                self._one(waiting.PK, lambda: self._sweep(waiting.key, now, found))  # noqa: B023
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
        if item.due_at <= now - model.OVERDUE_AFTER:
            found["overdue"] += 1
        found["started"] += work.drive(self.table, self.machines, item, now)

    def _restart(self, key: PrimaryKey, found: Counter[str]) -> None:
        item = work.find(self.table, key)
        if item is not None:
            found["started"] += work.drive(self.table, self.machines, item, self.now())

    def _place_again(self, event: BankEventItem, found: Counter[str]) -> None:
        try:
            placed = self.events.replay(event.webhook_id, SWEEPER) is not Taken.PARKED
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

    def client(self, kind: ClientKind, client_id: str) -> Client:
        """Raises ClientNotFound."""
        return clients.find(self.table, kind, client_id)

    def save_client(self, client: Client, reason: str, operator: str, *, dry_run: bool = False) -> OperatorOutcome:
        """Write a client, new or changed. Audited. A repeat changes nothing. Raises ClientTaken, Busy."""
        before = clients.existing(self.table, client.kind, client.client_id)
        if before is not None and before.owner != client.owner:
            raise clients.taken(client)
        status = None if before is None else before.status
        says = model.changes(None if before is None else _told(before), _told(client))
        if not says:
            return OperatorOutcome.repeat(client.client_id, status, "is so already; nothing to do")
        if not dry_run:
            told = f"{client.kind}, {says}: {reason}"
            entry = AuditEntry(client.updated_at, operator, "clients save", client.client_id, told)
            self.table.write(clients.save(client), audit.entry(entry))
        return OperatorOutcome(client.client_id, status, client.status, done=not dry_run, says=says)

    def audit(self, date: str, *, limit: int, after: Position | None) -> Page[AuditEntry]:
        """A page of one day's acts of operators, newest first."""
        return audit.entries(self.table, date, limit=limit, after=after)

    def reconcile(self, owner: Owner) -> Reconciled:
        """Add the account's journal up again and hold it against its balances.

        Balances are read before and after the journal: only if they have not moved are the two of one moment.
        Raises AccountNotFound, AccountBusy.
        """
        for _ in range(model.RECONCILE_TRIES_MAX):
            balance, holdings = ledger.account(self.table, owner, consistent=True)
            assets = [USD, *(h.asset_id for h in holdings)]
            lines = [line for asset_id in assets for line in ledger.lines(self.table, owner, asset_id)]
            if (balance, holdings) == ledger.account(self.table, owner, consistent=True):
                differences = Books.by_journal(lines).differences(Books.by_balances(balance, holdings))
                if differences:
                    log.error("drift", extra={"username": owner.username, "differences": differences})
                return Reconciled(owner.username, len(lines), differences)
        raise model.AccountBusy(f"the account of {owner.username} is being traded on", retry_after_seconds=5)

    def reconcile_all(self, more_time: Callable[[], bool]) -> tuple[int, int]:
        """Reconcile account after account while there is time, and go on there the next time.

        Returns how many were looked at, and how many differences were found.
        """
        position, looked_at, drift = store.cursor(self.table), 0, 0
        while more_time():
            page = store.accounts(self.table, position)
            for owner in page.items:
                if not more_time():
                    break
                try:
                    drift += len(self.reconcile(owner).differences)
                    looked_at += 1
                except (NotFound, Unavailable) as refusal:
                    log.info("not reconciled now", extra={"username": owner.username, "why": refusal.detail})
                position = store.behind(owner)
            else:
                position = page.after
            with self.table.transaction() as tx:
                tx.add(store.move_cursor(position, self.now()))
            if position is None:
                break
        return looked_at, drift

    def owner(self, username: str) -> Owner:
        """Raises AccountNotFound."""
        return ledger.owner(self.table, username)


def _traded(asset: Asset) -> str:
    """The status of an asset, as operators are told it."""
    return "ACTIVE" if asset.active else "INACTIVE"


def _told(client: Client) -> dict[str, object]:
    account = {} if client.account_id is None else {"account_id": client.account_id}
    return {"username": client.owner.username, "status": client.status, **account}


def _decided(event: BankEventItem) -> OperatorOutcome:
    """It is parked no more."""
    says = f"is {event.outcome} already ({event.why}); nothing to do"
    return OperatorOutcome.repeat(event.webhook_id, event.outcome, says)
