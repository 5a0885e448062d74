"""What operators see of dealers and their bills. Requisites are not among it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from common import keys
from common.domain import timeline, work
from common.domain.timeline import TimelineEvent
from common.keys import PrimaryKey
from common.table.table import Page, Position, Table
from functions.billing import model, store
from functions.billing.model import Account, Bill, Dealer, DealerNotFound


@dataclass(frozen=True)
class DealerLife:
    dealer: Dealer
    accounts: Sequence[Account]
    waits_for: str | None
    events: Sequence[TimelineEvent]


@dataclass(frozen=True)
class BillLife:
    bill: Bill
    overdue: bool
    waits_for: str | None
    events: Sequence[TimelineEvent]


@dataclass(frozen=True)
class Auditing:
    table: Table
    now: Callable[[], datetime]

    def dealers(self, *, limit: int, after: Position | None) -> Page[Dealer]:
        """A page of all dealers, in no order; it may be short, even empty, and still not the last."""
        return store.dealers_page(self.table, limit=limit, after=after)

    def dealer(self, named: str) -> DealerLife:
        """By our id or by CME's. Raises DealerNotFound."""
        found = self._dealer(named)
        accounts = store.accounts(self.table, found.dealer_id)
        key = keys.DEALER(dealer_id=found.dealer_id)
        return DealerLife(found, accounts, self._waits_for(key), list(timeline.of(self.table, found.dealer_id)))

    def bills(self, named: str, *, limit: int, after: Position | None) -> Page[Bill]:
        """A page of a dealer's bills, those that can still be paid first. Raises DealerNotFound."""
        page = store.bills_of(self.table, self._dealer(named).dealer_id, limit=limit, after=after)
        return page.of(lambda bill_id: store.bill(self.table, bill_id))

    def bill(self, bill_id: str) -> BillLife:
        """Raises BillNotFound."""
        found = store.bill(self.table, bill_id)
        events = list(timeline.of(self.table, bill_id))
        return BillLife(found, self.is_overdue(found), self._waits_for(keys.BILL(bill_id=bill_id)), events)

    def is_overdue(self, bill: Bill) -> bool:
        return bill.is_overdue(self.now().date())

    def _dealer(self, named: str) -> Dealer:
        if re.fullmatch(keys.ORDER_ID_PATTERN, named):
            with suppress(DealerNotFound):
                return store.dealer(self.table, named)
        return store.dealer(self.table, model.dealer_id(named))

    def _waits_for(self, key: PrimaryKey) -> str | None:
        waiting = work.find(self.table, key)
        return None if waiting is None else waiting.waits_for
