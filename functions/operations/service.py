"""What an operator can ask of the desk as a whole."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from common import audit, timeline, work
from common.audit import AuditEntry
from common.catalogue import store as catalogue
from common.catalogue.model import Asset
from common.errors import NotFound, Unavailable
from common.ledger import store as ledger
from common.ledger.model import USD, Books
from common.log import log
from common.owner import Owner
from common.table.table import Page, Position, Table
from common.timeline import Event
from functions.operations import model, store
from functions.operations.model import Reconciled, Waiting

FAR = timedelta(days=3650)


@dataclass(frozen=True)
class Operations:
    table: Table
    now: Callable[[], datetime]

    def save_asset(self, asset: Asset, operator: str) -> Asset:
        """Write an asset of the catalogue, new or changed, as a whole. Audited. Traders see it within five seconds.

        Raises ImpossibleAsset, PrecisionLowered, Busy.
        """
        if asset.asset_id == USD:
            raise model.ImpossibleAsset("USD is what assets are priced in")
        if asset.min_notional > asset.max_notional:
            raise model.ImpossibleAsset("min_notional is above max_notional")
        now = self.now()
        entry = AuditEntry(now, operator, "save asset", asset.asset_id, _told(asset))
        with self.table.transaction() as tx:
            tx.add(catalogue.save(asset, now), audit.entry(entry))
        return asset

    def work(self, contexts: tuple[str, ...], *, overdue_only: bool, limit: int) -> list[Waiting]:
        """What is unfinished, longest overdue first; a moment old, as any index is."""
        now = self.now()
        until = now if overdue_only else now + FAR

        def of(context: str) -> list[Waiting]:
            waiting = islice(work.due(self.table, context, until), limit)
            return [Waiting(context, i.PK, i.waits_for, i.due_at, i.due_at <= now) for i in waiting]

        return list(islice(heapq.merge(*map(of, contexts), key=lambda w: w.due_at), limit))

    def timeline(self, thing_id: str) -> list[Event]:
        """Every move of an order or a withdrawal, oldest first; empty for what never had one."""
        return list(timeline.of(self.table, thing_id))

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


def _told(asset: Asset) -> str:
    state = "active" if asset.active else "inactive"
    return (
        f"{asset.name}, {state}, {asset.execution}, {asset.precision} decimals, "
        f"${asset.min_notional} to ${asset.max_notional}, priced as {asset.price_source_id} "
        f"for {asset.price_age_max_seconds} s"
    )
