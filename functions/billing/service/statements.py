"""Monthly statements: opening balance, bills, payments and credit notes, closing balance, to the kopeck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from common.table.table import Table
from functions.billing import journal_store, model, statement, store
from functions.billing.journal import EntryKind
from functions.billing.statement import Statement

_OF_BILLS = (EntryKind.BILL, EntryKind.CREDIT_NOTE)


@dataclass(frozen=True)
class Statements:
    table: Table
    now: Callable[[], datetime]

    def of(self, cme_dealer_id: str, month: str) -> Statement:
        """Of a month that is not over, as it is now: a preview. Raises MonthNotBegun, DealerNotFound."""
        told, at = statement.month(month), self.now()
        statement.check_begun(told, at)
        dealer = store.dealer(self.table, model.dealer_id(cme_dealer_id))
        entries = list(journal_store.entries(self.table, dealer.dealer_id, told.until))
        about = {entry.about for entry in entries if entry.kind in _OF_BILLS and entry.at >= told.since}
        bills = {bill_id: store.bill(self.table, bill_id) for bill_id in sorted(about)}
        return statement.made(dealer, store.accounts(self.table, dealer.dealer_id), entries, bills, told, at)
