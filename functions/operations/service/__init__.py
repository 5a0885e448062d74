"""What operators look at; `interventions` is what they do by hand, `sweeper` and `reconciliation` what the clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice

from common import definitions, keys
from common.data_keys import DataKeysUnavailable
from common.definitions import Definition
from common.domain import acts, audit, clients, dealers, timeline, trade_cursors, work
from common.domain.acts import Case, PossibleAct
from common.domain.audit import Head, Link
from common.domain.catalogue.model import Asset, Listing
from common.domain.catalogue.store import Catalogue
from common.domain.clients import Client, ClientKind
from common.domain.custody import shortages
from common.domain.custody import store as custody
from common.domain.custody.model import Incoming, Outgoing
from common.domain.custody.model import Kind as OutgoingKind
from common.domain.holds import explained
from common.domain.ledger import store as ledger
from common.domain.payouts import store as payouts_store
from common.domain.payouts.model import Payout, is_approvable, kind_of
from common.domain.payouts.store import BankEventItem
from common.domain.persons import Persons
from common.domain.proposals import store as proposals_store
from common.domain.proposals.model import Proposal, Terms
from common.domain.timeline import Failure, TimelineEvent
from common.domain.trade_cursors import TradesCursor
from common.domain.work import Unfinished, WaitingItem
from common.keys import PrimaryKey
from common.machines import MachineExecution, Machines
from common.owner import Owner
from common.sealed import Sealed, shortened
from common.table.table import Page, Position, Table
from functions.operations import model, store
from functions.operations.model import OutsideCall, Waiting
from functions.operations.service import runbooks
from functions.operations.store import KnownItem

RUNNING = "RUNNING"
TOLD_MAX = 5  # of what is open
STOPPING = "stopping"  # of a market-making order
DEPOSIT = "DEPOSIT"  # the type of a dealer's account
QUOTES = ("created", "running", "paused", STOPPING)


def price_status(listing: Listing) -> str:
    """Of an asset's price, as operators are told it."""
    return acts.PRICE_TRADED if listing.jump is None else acts.PRICE_STOPPED


@dataclass(frozen=True)
class Story:
    """Everything there is to know of what one id names: where it stands, what it waits for, how it came there, and what
    may be done about it. `kind` is the entity of its row in the key schema."""

    id: str
    kind: str
    username: str | None  # of the customer whose it is, or who it is
    status: str | None
    waits_for: str | None
    waits_since: datetime | None
    due_at: datetime | None
    needs_person: bool
    runbook: str | None  # the page that tells what to do about what it waits for
    pool: str | None  # that it is, or waits or has waited in
    batch: str | None  # that it is, that it is bought with, or that the open generation of a pool will be
    members: Sequence[str]  # of a batch, or of a pool's open generation
    events: Sequence[TimelineEvent]
    calls: Sequence[OutsideCall]
    execution: MachineExecution | None
    execution_before: MachineExecution | None  # of the machine that has handed it over
    proposal: Proposal | None  # that it is
    acts: Sequence[PossibleAct]  # the likeliest first


@dataclass(frozen=True)
class Operations:
    table: Table
    machines: Machines
    persons: Persons
    now: Callable[[], datetime]
    stuck_after: timedelta

    def work(
        self,
        backlogs: Sequence[str],
        *,
        overdue_only: bool,
        limit: int,
        people_only: bool = False,
        username: str | None = None,
    ) -> list[Waiting]:
        """What is unfinished, longest overdue first; a moment old, as any index is. `people_only`: what needs a person;
        `username`: what is this customer's."""
        now = self.now()
        until = now if overdue_only else now + model.FAR
        until = now - self.stuck_after if people_only else until

        if username is not None:
            return list(islice(self._work_of(username, backlogs, until), limit))
        found = [work.due(self.table, backlog, until) for backlog in backlogs]
        found += [work.for_people(self.table, each) for each in backlogs if each in keys.FOR_PEOPLE]
        first = islice(heapq.merge(*found, key=lambda item: item.due_at), limit)
        return [self._waits(each.key, each.due_at, each.waits_for, needs_person=each.needs_person) for each in first]

    def _work_of(self, username: str, backlogs: Sequence[str], until: datetime) -> Iterator[Waiting]:
        """A customer's; `until`: of what no person is needed for."""
        now = self.now()
        found = [item for item in store.open_of(self.table, username) if item.due_at is not None]
        for item in sorted(found, key=lambda item: item.due_at or now):
            key = PrimaryKey(item.PK, item.SK)
            assert item.due_at is not None
            if keys.row_of(key).backlog in backlogs and (item.needs_person or item.due_at <= until):
                yield self._waits(key, item.due_at, item.waits_for or "", needs_person=item.needs_person)

    def _waits(self, key: PrimaryKey, due_at: datetime, waits_for: str, *, needs_person: bool) -> Waiting:
        row, now = keys.row_of(key), self.now()
        return Waiting(
            backlog=row.backlog,
            id=row.id_of(key),
            waits_for=waits_for,
            due_at=due_at,
            overdue=due_at <= now,
            needs_person=needs_person or self._is_stuck(due_at, now),
        )

    def story(self, thing_id: str) -> Story:
        """Every move of what this id names, oldest first; what it has asked of outside systems; what its latest
        execution did, and that of the machine before; what it waits for, and what may be done by hand. Of a batch that
        is not closed yet, what its pool waits for.

        Raises NothingKnown, MachinesUnavailable.
        """
        item = self.known(thing_id)
        waiting, execution = self._waiting(item), self.execution(item)
        runs = execution is not None and execution.status == RUNNING
        return Story(
            id=thing_id,
            kind=item.row.entity,
            username=item.whose,
            status=item.status,
            waits_for=waiting.waits_for,
            waits_since=waiting.waits_since,
            due_at=waiting.due_at,
            needs_person=waiting.needs_person or self._is_stuck(waiting.due_at, self.now()),
            runbook=runbooks.runbook_of(waiting, execution, self.now()),
            pool=item.pool,
            batch=item.batch,
            members=[] if item.batch is None else self._members(item),
            events=list(timeline.of(self.table, thing_id)),
            calls=self._calls(item),
            execution=execution,
            execution_before=self._execution_before(item),
            proposal=proposals_store.find(self.table, thing_id) if item.row is keys.PROPOSAL else None,
            acts=acts.possible(
                thing_id, replace(self.case(item), runs=runs, why_not_forgotten=why_not_forgotten(self, item))
            ),
        )

    def _waiting(self, item: KnownItem) -> Unfinished:
        """What says what the item waits for: of what waits for nothing itself, what was found of its books."""
        if item.open_work is not None:
            return item
        thing_id = item.row.id_of(PrimaryKey(item.PK, item.SK))
        return work.item(self.table, keys.RECONCILIATION(thing_id=thing_id)) or item

    def _calls(self, item: KnownItem) -> list[OutsideCall]:
        if item.row is keys.SNAPSHOT:
            return [store.at_custody(custody.incoming(self.table, item.PK))]
        if item.row is keys.OUTGOING:
            return [store.by_custody(custody.outgoing(self.table, item.PK))]
        if item.row is keys.PAYMENT:
            return [store.of_payment(item)]
        if item.row is keys.MARKET_MAKING_ORDER:
            return list(store.of_market_making(self.table, item.PK))
        return list(store.calls(self.table, item.PK))

    def _is_stuck(self, due_at: datetime | None, now: datetime) -> bool:
        """Has no machine moved it for so long beyond its time that a person should look?"""
        return due_at is not None and due_at <= now - self.stuck_after

    def known(self, thing_id: str) -> KnownItem:
        """Raises NothingKnown."""
        key = keys.item_named(thing_id)
        item = None if key is None else store.known(self.table, key)
        if item is None and key is not None:  # what the books miss is told all the same
            item = store.known(self.table, keys.RECONCILIATION(thing_id=thing_id))
        if item is None:
            raise model.NothingKnown(
                f"nothing is known of {thing_id}; `desk work list` has what is unfinished", id=thing_id
            )
        return item

    def _members(self, item: KnownItem) -> list[str]:
        """Of a pool, those of its open generation."""
        assert item.batch is not None
        several = item.row in (keys.POOL, keys.SALE_POOL, keys.BATCH)
        return list(store.members(self.table, item.batch)) if several else []

    def case(self, item: KnownItem) -> Case:
        """What decides which acts are possible, except whether its execution runs."""
        payout = latest = disputed = pays_to = None
        if kind_of(item.PK) is not None:
            payout = payouts_store.payout(self.table, item.PK)
            latest = payouts_store.latest(self.table, payout)
            if payout.disputed_attempt is not None:
                disputed = payouts_store.attempt(self.table, payout.order_id, payout.disputed_attempt)
            pays_to = self._account(payout) if is_approvable(payout) else None
        placed = store.exchange_order(self.table, item.PK) if item.row in (keys.BATCH, keys.SELL_ORDER) else None
        outgoing = custody.outgoing(self.table, item.PK) if item.row is keys.OUTGOING else None
        account = ledger.find(self.table, item.PK) if item.row is keys.USER else None
        return Case(
            row=item.row,
            status=item.status,
            now=self.now(),
            waits=item.open_work is not None,
            due_at=item.due_at,
            needs_person=item.needs_person,
            payout=payout,
            latest=latest,
            disputed=disputed,
            pays_to=pays_to,
            exchange_order=placed,
            account=account,
            incoming=custody.incoming(self.table, item.PK) if item.row is keys.SNAPSHOT else None,
            outgoing=outgoing,
            cause_status=None if outgoing is None else self._cause_status(outgoing),
            legs=store.legs(self.table, item.PK) if item.row is keys.MARKET_MAKING_ORDER else (),
            goes_home=bool(item.goes_home),
            ledger=store.ledger(self.table, item.PK) if item.status == STOPPING else None,
            cursor=self._cursor(item),
            shortage=shortages.find(self.table, item.PK) if item.row is keys.CUSTODY_SHORTAGE else None,
            has_sum=item.kopecks is not None,
            takes_back=item.takes_back is not None,
            why_no_refund=self._why_no_refund(item),
        )

    def beneficiaries(self, item: KnownItem) -> frozenset[str]:
        """The usernames of the customers whose money the item is about: who it is, whose it is, who buys or sells with
        it, whose order it is for. None where it is nobody's."""
        if item.row is keys.USER:
            return frozenset({item.PK})
        if item.row in (keys.BATCH, keys.POOL, keys.SALE_POOL):
            found = (keys.item_named(member) for member in self._members(item))
            members = (store.known(self.table, key) for key in found if key is not None)
            return frozenset(each.username for each in members if each is not None and each.username is not None)
        order_id = None
        if item.row is keys.SNAPSHOT:
            order_id = custody.incoming(self.table, item.PK).order_id
        if item.row is keys.OUTGOING:
            order_id = order_of(self.table, custody.outgoing(self.table, item.PK))
        key = None if order_id is None else keys.item_named(order_id)
        order = item if key is None else store.known(self.table, key)
        return frozenset() if order is None or order.username is None else frozenset({order.username})

    def _why_no_refund(self, item: KnownItem) -> str | None:
        """Why nothing of a dealer's account can go back to him."""
        if item.row is not keys.BILLING_ACCOUNT:
            return "it is no account of a dealer"
        type_ = keys.BILLING_ACCOUNT.read(PrimaryKey(item.PK, item.SK))["type"]
        if type_ == DEPOSIT:
            return "a deposit is paid back when its dealer leaves: he asks for that"
        if item.recalls:
            return "the bank has taken back a payment of it, which is not settled yet"
        if item.refund_id is not None:
            return f"refund {item.refund_id} of it is on its way"
        bill_id = store.open_bill(self.table, item.PK, type_)
        if bill_id is not None:
            return f"bill {bill_id} is open, and takes what is on it"
        return dealers.why_not_paid(self.table, item.PK) if item.balance_kopecks else "there is nothing on it"

    def _cursor(self, item: KnownItem) -> TradesCursor | None:
        """How far the trades are looked at among which some of an order that quotes, or is stopping, may be."""
        if item.row is not keys.MARKET_MAKING_ORDER or item.status not in QUOTES:
            return None
        assert item.account_id is not None
        assert item.symbol is not None
        return trade_cursors.find(self.table, item.account_id, item.symbol, consistent=True)

    def _cause_status(self, outgoing: Outgoing) -> str | None:
        """Where the order stands that it funds."""
        key = keys.item_named(outgoing.cause) if outgoing.kind is OutgoingKind.FUNDING else None
        order = None if key is None else store.known(self.table, key)
        return None if order is None else order.status

    def _account(self, payout: Payout) -> Sealed | None:
        """Where a payout would go now; None while its customer has no such client."""
        client = clients.existing(self.table, ClientKind.BANKING, payout.banking_client_id)
        return client.account if client is not None and client.owner == payout.owner else None

    def execution(self, item: KnownItem) -> MachineExecution | None:
        """The latest one of the machine that moves the item. Raises MachinesUnavailable."""
        return None if item.machine is None else self._execution(item.machine, item.PK, item.generation)

    def _execution(self, machine: str, thing_id: str, generation: Decimal | None) -> MachineExecution | None:
        return self.machines.execution(machine, work.execution_name(thing_id, int(generation or 1)))

    def definition(self, machine: str) -> Definition:
        """What a machine is made of. Raises MachinesUnavailable."""
        return definitions.read(machine, self.machines.definition(machine))

    def _execution_before(self, item: KnownItem) -> MachineExecution | None:
        """The last one of the machine that has handed the item over."""
        if item.machine is None or item.generation_before is None:
            return None
        machines = item.row.machines
        before = machines[machines.index(item.machine) - 1]
        return self._execution(before, item.PK, item.generation_before)

    def parked(self, limit: int) -> list[BankEventItem]:
        """Events of the bank that could not be placed, oldest first; a moment old, as any index is."""
        return list(islice(payouts_store.parked(self.table, self.now()), limit))

    def snapshots(self, limit: int) -> list[Incoming]:
        """Those that wait: parked ones, and what is expected to be claimed by an order; longest ago first."""
        waiting = [work.for_people(self.table, keys.SNAPSHOT.backlog), self._due_snapshots()]
        found = islice(heapq.merge(*waiting, key=lambda w: w.due_at), limit)
        each = [custody.find_incoming(self.table, item.PK) for item in found]
        return [incoming for incoming in each if incoming is not None]

    def _due_snapshots(self) -> Iterator[WaitingItem]:
        return work.due(self.table, keys.SNAPSHOT.backlog, self.now() + model.FAR)

    def snapshot(self, snapshot_id: str) -> Incoming:
        """Raises IncomingNotFound."""
        return custody.incoming(self.table, snapshot_id)

    def acts_on_snapshot(self, incoming: Incoming) -> list[PossibleAct]:
        """What may be done about a snapshot."""
        case = Case(keys.SNAPSHOT, incoming.disposition, self.now(), incoming=incoming)
        return acts.possible(incoming.incoming_id, case)

    def acts_on(self, event: BankEventItem) -> list[PossibleAct]:
        """What may be done about an event of the bank."""
        return acts.possible(event.webhook_id, Case(keys.BANK_EVENT, event.outcome, self.now()))

    def listing(self, asset_id: str) -> Listing:
        """An asset with its price, as they are now. Raises AssetNotFound."""
        catalogue = Catalogue(self.table, self.now)
        catalogue.fresh()
        return catalogue.listing(asset_id)

    def assets(self) -> list[Asset]:
        """All that the catalogue has, by name."""
        found = (listing.asset for listing in Catalogue(self.table, self.now).fresh().values())
        return sorted(found, key=lambda asset: asset.asset_id)

    def stopped(self) -> list[Listing]:
        """The assets that are not traded because their price has jumped, the longest stopped first."""
        jumped = [(listing.jump, listing) for listing in Catalogue(self.table, self.now).fresh().values()]
        found = [(jump.since, listing) for jump, listing in jumped if jump is not None]
        return [listing for _, listing in sorted(found, key=lambda pair: pair[0])]

    def acts_on_price(self, listing: Listing) -> list[PossibleAct]:
        """What may be done about the price of an asset."""
        return acts.possible(listing.asset.asset_id, Case(keys.PRICE, price_status(listing), self.now()))

    def client(self, kind: ClientKind, client_id: str) -> Client:
        """Raises ClientNotFound."""
        return clients.find(self.table, kind, client_id)

    def audit(self, date: str, *, limit: int, after: Position | None) -> Page[Link]:
        """A page of one day's acts of operators, newest first."""
        return audit.entries(self.table, date, limit=limit, after=after)

    def failures(self, date: str, *, limit: int, after: Position | None) -> Page[Failure]:
        """A page of what has failed on one day, newest first, whether anything waits or not."""
        return timeline.failures(self.table, date, limit=limit, after=after)

    def audit_head(self) -> Head | None:
        """Where the audit's chain ends. None: no operator has done anything yet."""
        return audit.head(self.table)

    def owner(self, username: str) -> Owner:
        """Raises AccountNotFound."""
        return ledger.ownership(self.table, username).owner


def order_of(table: Table, outgoing: Outgoing) -> str | None:
    """What an outgoing transfer was decided for: an order, or the one whose snapshot it refunds."""
    if outgoing.cause.startswith(str(keys.SNAPSHOT.id_prefix)):
        return custody.incoming(table, outgoing.cause).order_id
    return outgoing.cause if outgoing.cause.startswith(str(keys.MARKET_MAKING_ORDER.id_prefix)) else None


def why_not_forgotten(of: Operations, item: KnownItem) -> str | None:
    """Why a customer's accounts at banks, or a dealer's requisites, can not be forgotten."""
    if item.row is keys.DEALER:
        return dealers.standing(of.table, item.PK).why_not_forgotten
    if item.row is not keys.USER:
        return "it is no customer, and no dealer"
    if of.persons.of(item.PK).key_number is None:
        return f"{item.PK} has no account at a bank that could be forgotten"
    open_ = explained(of.table, ledger.ownership(of.table, item.PK).owner).open
    if not open_:
        return None
    told, more = [f"{thing.kind} {thing.thing_id}" for thing in open_[:TOLD_MAX]], len(open_) - TOLD_MAX
    named = ", ".join(told) + (f" and {more} more" if more > 0 else "")
    return f"what is open of {item.PK} has to end first: {named}"


def terms_of(of: Operations, proposal: Proposal | None) -> Terms:
    """What is proposed, with the accounts that are sealed in it, for who decides it. While they can not be opened,
    it is told without them: nobody can confirm it then."""
    if proposal is None:
        return {}
    person = next((of.persons.of(username) for username in sorted(proposal.beneficiaries)), None)
    if person is None:
        return proposal.terms
    try:
        return {name: person.revealed(value) for name, value in proposal.terms.items()}
    except DataKeysUnavailable:
        return {name: shortened(value) for name, value in proposal.terms.items()}
