"""What operators do by hand about the desk as a whole. Each act is audited, in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from common import keys
from common.domain import acts, audit, clients, rulings, work
from common.domain.acts import Case
from common.domain.audit import AuditEntry
from common.domain.catalogue import store as catalogue
from common.domain.catalogue.model import Asset, AssetExists, AssetNotFound, PrecisionLowered
from common.domain.clients import ClientKind, ClientStatus
from common.domain.exchange_orders import strays
from common.domain.exchange_orders.strays import Status as Stray
from common.domain.exchange_orders.strays import StrayMoved
from common.domain.ledger import store as ledger
from common.domain.pairs import store as pair_store
from common.domain.pairs.model import Pair
from common.domain.pairs.model import is_switched_off as is_disabled
from common.domain.payouts.events import BankEvents
from common.domain.payouts.model import EventOutcome, next_attempt
from common.domain.payouts.store import BankEventItem, EventDecided
from common.domain.rulings import SaidOtherwise
from common.keys import PrimaryKey
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.sealed import shortened
from common.table.transaction import Write
from functions.operations import model
from functions.operations.service import RUNNING, Operations, pair_kinds
from functions.operations.service.catalogue_kinds import SET, is_switched_off, traded, written
from functions.operations.service.catalogue_kinds import change_of as change_of_asset
from functions.operations.service.catalogue_kinds import changed as changed_asset
from functions.operations.service.customer_kinds import CLIENT, change_of, changed, must_have
from functions.operations.service.payout_kinds import DISMISS
from functions.operations.service.proposals import Proposals
from functions.operations.store import KnownItem


@dataclass(frozen=True)
class Interventions:
    operations: Operations
    events: BankEvents
    proposals: Proposals

    def redrive(self, thing_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Start the next execution of what a machine moves, also of what waits for a person. It goes on from the table.

        Raises NothingKnown; NothingWaits; NotDriven; StillRunning; Redriven (another operator was first);
        MachinesUnavailable, Busy.
        """
        item = self.operations.known(thing_id)
        if item.open_work is None:
            raise model.NothingWaits("it waits for nothing", id=thing_id)
        if item.machine is None:
            raise model.NotDriven(f"no machine moves it: it waits for {item.waits_for}", id=thing_id)
        case = self.operations.case(item)
        if not acts.machine_decides(case):
            raise model.NotDriven(f"no machine can decide it: it waits for {item.waits_for}", id=thing_id)
        released = self._released(item, operator)
        execution = self.operations.execution(item)
        if execution is not None and execution.status == RUNNING:
            raise model.StillRunning(f"its execution {execution.name} runs", id=thing_id, execution=execution.name)
        if not dry_run:
            now = self.operations.now()
            entry = AuditEntry(now, operator, "work redrive", thing_id, reason)
            self._redriven(item, now, *released, *audit.entry(self.operations.table, entry))
            restarted = work.find(self.operations.table, PrimaryKey(item.PK, item.SK))
            if restarted is not None:
                work.drive(self.operations.table, self.operations.machines, restarted, self.operations.now())
        says = f"the next execution of the machine {item.machine}, which goes on from {item.status}{_begins(case)}"
        return OperatorOutcome(thing_id, item.status, item.status, done=not dry_run, says=says)

    def _released(self, item: KnownItem, operator: str) -> list[Write]:
        """Who has dismissed that the payer of a market-making order has something of it does not send it alone. Raises
        NotDriven."""
        if item.row is not keys.MARKET_MAKING_ORDER:
            return []
        held = list(filter(rulings.is_dismissed, rulings.of(self.operations.table, item.PK).values()))
        others = [said for said in held if said.dismissed_by != operator]
        if held and not others:
            raise model.NotDriven(rulings.dismissed_but(operator, held[0].about), id=item.PK)
        return list(map(rulings.let_go, others))

    def _redriven(self, item: KnownItem, at: datetime, *also: Write) -> None:
        """Raises Redriven, Busy."""
        try:
            self.operations.table.write(work.redriven(item, at), *also)
        except SaidOtherwise as since:
            raise model.NotDriven(since.detail, id=item.PK) from None

    def close_stray(self, stray_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """A person has dealt with a stray order at the exchange. A repeat changes nothing.

        Raises NothingKnown, Busy.
        """
        item = self.operations.known(stray_id)
        if item.row is not keys.STRAY_ORDER:
            raise model.NothingKnown(f"{stray_id} is no stray order", id=stray_id)
        done = OperatorOutcome.repeat(stray_id, Stray.DEALT_WITH, "it is dealt with already; nothing to do")
        if item.status != Stray.STRAY:
            return done
        if not dry_run:
            now = self.operations.now()
            entry = audit.entry(self.operations.table, AuditEntry(now, operator, "strays close", stray_id, reason))
            try:
                self.operations.table.write(*strays.deal_with(stray_id, reason, operator, now), *entry)
            except StrayMoved:
                return done
        says = "nobody looks at it any more"
        return OperatorOutcome(stray_id, item.status, Stray.DEALT_WITH, done=not dry_run, says=says)

    def replay(self, webhook_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Try to place a parked event again. Audited, if it can be placed. A repeat changes nothing.

        Raises EventNotFound, Busy.
        """
        event = self.events.known(webhook_id)
        if not acts.is_parked(event.outcome):
            return _decided(event)
        if dry_run:
            expected = self.events.outlook(event)
            return OperatorOutcome(webhook_id, EventOutcome.PARKED, expected.outcome, done=False, says=expected.why)
        entry = audit.entry(
            self.operations.table, AuditEntry(self.operations.now(), operator, "parked replay", webhook_id, reason)
        )
        try:
            outcome = self.events.replay(webhook_id, operator, *entry)
        except EventDecided:
            return _decided(self.events.known(webhook_id))
        says = self.events.known(webhook_id).why
        return OperatorOutcome(
            webhook_id, EventOutcome.PARKED, outcome, done=outcome is not EventOutcome.PARKED, says=says
        )

    def dismiss(self, webhook_id: str, reason: str, operator: str, *, dry_run: bool) -> OperatorOutcome:
        """Nothing is to be done about a parked event: where it says that a payout of ours was paid, another operator
        confirms it. A repeat changes nothing.

        Raises EventNotFound, BeneficiaryDecides, Busy.
        """
        event = self.events.known(webhook_id)
        if not acts.is_parked(event.outcome):
            return _decided(event)
        if self.events.order_told_paid(event) is not None:
            return self.proposals.propose(DISMISS, webhook_id, {}, None, reason, operator, dry_run=dry_run)
        if not dry_run:
            entry = audit.entry(
                self.operations.table, AuditEntry(self.operations.now(), operator, "parked dismiss", webhook_id, reason)
            )
            try:
                self.events.dismiss(webhook_id, reason, *entry)
            except EventDecided:
                return _decided(self.events.known(webhook_id))
        says = f"nothing is done about it: {event.why}"
        return OperatorOutcome(webhook_id, EventOutcome.PARKED, EventOutcome.DISMISSED, done=not dry_run, says=says)

    def list_asset(
        self, asset_id: str, given: Mapping[str, Any], reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        """Take a new asset into the catalogue, with the rules that are `given`, by their names in `Asset`; another
        operator confirms it. A repeat changes nothing.

        Raises AssetExists, ImpossibleAsset, SymbolTaken, Busy.
        """
        saved = catalogue.find(self.operations.table, asset_id)
        if saved is not None and _has_other_rules(saved.asset, given):
            raise AssetExists(f"{asset_id} is in the catalogue, with other rules; change these by PATCH", id=asset_id)
        return self._propose_rules(asset_id, given, reason, operator, dry_run=dry_run)

    def change_asset(
        self, asset_id: str, given: Mapping[str, Any], reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        """Change an asset of the catalogue: only the rules that are `given`, by their names in `Asset`; another
        operator confirms it. One alone switches it off, if he changes nothing else. Traders see it within five
        seconds. A repeat changes nothing.

        Raises AssetNotFound, ImpossibleAsset, PrecisionLowered, SymbolTaken, AssetMoved, Busy.
        """
        saved = catalogue.find(self.operations.table, asset_id)
        if saved is None:
            raise AssetNotFound(f"the catalogue has no {asset_id}; a new asset is written whole, by PUT", id=asset_id)
        after = changed_asset(asset_id, saved.asset, given)
        if not is_switched_off(saved.asset, after):
            return self._propose_rules(asset_id, given, reason, operator, dry_run=dry_run)
        if not dry_run:
            now, told = self.operations.now(), change_of_asset(saved.asset, after)
            done = AuditEntry(now, operator, SET, asset_id, f"{told}: {reason}")
            audit.write_stop(self.operations.table, done, catalogue.save(after, now, saved))
        says = "new orders of it are refused; that it is traded again another operator confirms"
        return OperatorOutcome(asset_id, traded(saved.asset), traded(after), done=not dry_run, says=says)

    def _propose_rules(
        self, asset_id: str, given: Mapping[str, Any], reason: str, operator: str, *, dry_run: bool
    ) -> OperatorOutcome:
        return self.proposals.propose(SET, asset_id, written(given), None, reason, operator, dry_run=dry_run)

    def save_pair(
        self, pair: Pair, reason: str, operator: str, *, dry_run: bool, keep_enabled: bool = False
    ) -> OperatorOutcome:
        """Write a pair, new or changed; another operator confirms it. One alone disables it, if he changes nothing
        else. `keep_enabled`: whether it is traded stays as it is. A repeat changes nothing.

        Raises PairFixed, PairTaken, PairMoved, Busy.
        """
        pair_id, there = str(pair.pair_id), pair_store.saved_pairs(self.operations.table)
        saved = next((each for each in there if each.pair.pair_id == pair.pair_id), None)
        if saved is not None and keep_enabled:
            pair = replace(pair, enabled=saved.pair.enabled)
        if saved is None or not is_disabled(saved.pair, pair):
            given = pair_kinds.written(pair)
            return self.proposals.propose(pair_kinds.SAVE, pair_id, given, None, reason, operator, dry_run=dry_run)
        told = pair_kinds.change_of(saved.pair, pair)
        if not dry_run:
            now = self.operations.now()
            done = AuditEntry(now, operator, pair_kinds.SAVE, pair_id, f"{told}: {reason}")
            audit.write_stop(self.operations.table, done, pair_store.save_pair(pair, saved, now))
        says = f"{told}: it opens no order; that it does again another operator confirms"
        before, after = pair_kinds.traded(saved.pair), pair_kinds.traded(pair)
        return OperatorOutcome(pair_id, before, after, done=not dry_run, says=says)

    def save_client(
        self,
        kind: ClientKind,
        client_id: str,
        owner: Owner,
        reason: str,
        operator: str,
        *,
        dry_run: bool,
        status: ClientStatus | None = None,
        account_id: str | None = None,
    ) -> OperatorOutcome:
        """Write a client, new or changed: only what is given, and under the condition that the rest is as it was read.
        One that may be used from then on another operator confirms, and another account of one whether it may be used
        or not; one who blocks it is enough. A repeat changes nothing. After its owner's account was moved, it is that
        of the account's present login.

        Raises ClientTaken, AccountNeeded, ClientMoved, AccountForgotten, BeneficiaryDecides, DataKeysUnavailable, Busy.
        """
        person = self.operations.persons.of(owner.username)
        before = clients.existing(self.operations.table, kind, client_id)
        at = self.operations.now()
        whose = partial(ledger.ownership, self.operations.table, owner.username)
        must_have(owner, before, whose)  # before his key is made
        account = None if account_id is None else person.sealed(account_id, kept=not dry_run)
        client = changed(before, kind, client_id, owner, whose, status, account, at)
        was, says = None if before is None else before.status, change_of(before, client)
        if not says:
            return OperatorOutcome.repeat(client_id, was, "is so already; nothing to do")
        is_paid_elsewhere = before is not None and client.account != before.account
        if client.status is ClientStatus.ACTIVE or is_paid_elsewhere:
            given = {"client": client_id, "kind": kind, "status": client.status}
            if client.account is not None:
                given["account_id"] = client.account
            return self.proposals.propose(
                CLIENT, owner.username, given, None, reason, operator, dry_run=dry_run, person=person
            )
        if not dry_run:
            told = f"{kind}, {shortened(says)}: {reason}"
            entry = AuditEntry(at, operator, "clients save", client_id, told)
            self.operations.table.write(*clients.save(client, before), *audit.entry(self.operations.table, entry))
        return OperatorOutcome(client_id, was, client.status, done=not dry_run, says=person.revealed(says))


def _begins(case: Case) -> str:
    """The attempt that the machine would begin, if it would. Otherwise an operator might take the redrive for a
    question to the bank, and pay by it."""
    number = None if case.payout is None else next_attempt(case.payout, case.latest)
    return "" if number is None or case.payout is None else f" with attempt {number} to pay ${case.payout.amount}"


def _has_other_rules(asset: Asset, given: Mapping[str, Any]) -> bool:
    """Fewer decimals are other rules as well, however little it could be changed to them. Raises ImpossibleAsset."""
    try:
        return changed_asset(asset.asset_id, asset, given) != asset
    except PrecisionLowered:
        return True


def _decided(event: BankEventItem) -> OperatorOutcome:
    """It is parked no more."""
    says = f"is {event.outcome} already ({event.why}); nothing to do"
    return OperatorOutcome.repeat(event.webhook_id, event.outcome, says)
