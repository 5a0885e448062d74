"""What operators see of dealers, their bills and payments. Requisites are not among it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice

from common import keys
from common.domain import timeline, work
from common.domain.timeline import TimelineEvent
from common.keys import PrimaryKey
from common.table.table import Page, Position, Table
from functions.billing import journal_store, model, payment_store, store
from functions.billing.model import Account, Aside, Bill, Dealer, DealerNotFound, PaymentStatus, Taken

WAITING_MAX = 500  # payments that wait, looked at for those of a dealer


@dataclass(frozen=True)
class DealerLife:
    dealer: Dealer
    accounts: Sequence[Account]
    waits_for: str | None
    events: Sequence[TimelineEvent]


@dataclass(frozen=True)
class BillLife:
    bill: Bill
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

    def cme_dealer_id(self, named: str) -> str:
        """By our id or by CME's. Raises DealerNotFound."""
        return self._dealer(named).cme_dealer_id

    def bills(self, named: str, *, limit: int, after: Position | None) -> Page[Bill]:
        """A page of a dealer's bills, those that can still be paid first. Raises DealerNotFound."""
        page = store.bills_of(self.table, self._dealer(named).dealer_id, limit=limit, after=after)
        return page.of(lambda bill_id: store.bill(self.table, bill_id))

    def bill(self, bill_id: str) -> BillLife:
        """Raises BillNotFound."""
        found = store.bill(self.table, bill_id)
        events = list(timeline.of(self.table, bill_id))
        return BillLife(found, self._waits_for(keys.BILL(bill_id=bill_id)), events)

    def payments(self, named: str, *, limit: int, after: Position | None) -> Page[Taken]:
        """A page of what came for a dealer and was taken, of each account the newest first; it may be short, even
        empty, and still not the last. Raises DealerNotFound."""
        dealer_id = self._dealer(named).dealer_id
        return self._taken(journal_store.payments(self.table, dealer_id, limit=limit, after=after))

    def payments_of_contract(self, contract_id: str, *, limit: int, after: Position | None) -> Page[Taken]:
        """Likewise, of the account that has this contract at the billing system; empty where none has."""
        account = store.account_of_contract(self.table, contract_id)
        if account is None:
            return Page([], None)
        dealer_id, type_ = account
        return self._taken(journal_store.payments(self.table, dealer_id, type_, limit=limit, after=after))

    def aside(self, named: str) -> list[Aside]:
        """What came for a dealer's contracts and was taken for no account yet, the longest waiting first, what waits
        for a person before the rest. Raises DealerNotFound."""
        accounts = store.accounts(self.table, self._dealer(named).dealer_id)
        return self._aside({account.contract_id for account in accounts if account.contract_id is not None})

    def aside_of_contract(self, contract_id: str) -> list[Aside]:
        """Likewise, also where no account has this contract."""
        return self._aside({contract_id})

    def _aside(self, contracts: set[str]) -> list[Aside]:
        """Of the first WAITING_MAX payments that wait."""
        waiting = chain(work.for_people(self.table, keys.PAYMENT.backlog), payment_store.on_their_way(self.table))
        found = (payment_store.find(self.table, each.PK) for each in islice(waiting, WAITING_MAX))
        asides = (each for each in found if isinstance(each, Aside) and each.status is not PaymentStatus.DISMISSED)
        return [each for each in asides if each.told is not None and each.told.contract_id in contracts]

    def _taken(self, page: Page[str]) -> Page[Taken]:
        found = page.of(lambda payment_id: payment_store.find(self.table, model.receipt_id(payment_id)))
        return Page([each for each in found.items if isinstance(each, Taken)], found.after)

    def is_overdue(self, bill: Bill) -> bool:
        return bill.is_overdue(self.now())

    def _dealer(self, named: str) -> Dealer:
        if re.fullmatch(keys.ORDER_ID_PATTERN, named):
            with suppress(DealerNotFound):
                return store.dealer(self.table, named)
        return store.dealer(self.table, model.dealer_id(named))

    def _waits_for(self, key: PrimaryKey) -> str | None:
        waiting = work.find(self.table, key)
        return None if waiting is None else waiting.waits_for
