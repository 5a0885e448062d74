"""A payment that the bank has taken back, as two operators say: it goes off its account. Where that has not so much,
what was paid of bills is owed again: of those that it has paid first, then of the newest.

What is neither there nor paid of a bill has left the desk, by a refund or with a deposit. Nothing is below 0 for that:
the payment stays RECALLING, is shown as late, and takes what comes for the account next; or two operators say that it
is the desk's loss. Until it is over nothing goes back to its dealer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from common.domain import rulings
from common.domain.rulings import WHOLE, Matter
from common.log import log
from common.roubles import roubles
from common.table.table import Table
from functions.billing import payment_store, recall_store, store
from functions.billing.model import Account, AccountType, Bill, DealerStatus, Taken
from functions.billing.spreading import Application

BILLS_A_WRITE = 10


@dataclass(frozen=True)
class Recalling:
    table: Table
    now: Callable[[], datetime]

    def step(self, taken: Taken) -> tuple[Taken, bool]:
        """The payment then, and whether anything of it has moved. Raises Moved."""
        whose, at = taken.whose, self.now()
        account = store.account(self.table, whose.dealer_id, whose.type)  # before its bills: they move with it
        left = taken.told.kopecks - (taken.recalled_kopecks or 0)
        from_balance = min(account.balance_kopecks, left)
        from_bills, more = self._from_bills(taken, left - from_balance)
        short = left - from_balance - sum(application.kopecks for _, application in from_bills)
        missing = _missing(short) if short and not more else None
        if missing is not None and missing == taken.reason:
            return self._lost(taken, account, missing), False
        self.table.write(*recall_store.take_back(taken, account, from_balance, from_bills, missing, at))
        if missing is not None:
            log.error("a payment was taken back that has left", extra={"id": taken.receipt_id, "short": short})
        return self._read(taken), True

    def _lost(self, taken: Taken, account: Account, missing: str) -> Taken:
        ruling = rulings.of(self.table, taken.receipt_id).get((Matter.NOTHING, WHOLE))
        if ruling is None or ruling.terms["why"] != missing or self._may_come_back(account):
            return taken
        why = f"what is missing of it is the desk's loss, reference {ruling.reference}"
        self.table.write(*recall_store.lose(taken, account, why, ruling.operators, self.now()))
        return self._read(taken)

    def _may_come_back(self, account: Account) -> bool:
        """Is something of it on its way to the dealer, which the billing system may refuse to pay back?"""
        if account.type is not AccountType.DEPOSIT:
            return account.refund_id is not None
        return store.dealer(self.table, account.dealer_id).status is DealerStatus.LEAVING

    def _from_bills(self, taken: Taken, left: int) -> tuple[list[tuple[Bill, Application]], bool]:
        """What of bills is owed again with the next write, and whether there may be more of them."""
        found: list[tuple[Bill, Application]] = []
        seen: set[str] = set()
        for bill in self._bills(taken) if left else ():
            if bill.bill_id in seen or not bill.paid_kopecks:
                continue
            if len(found) == BILLS_A_WRITE:
                return found, True
            seen.add(bill.bill_id)
            found.append((bill, Application(bill.bill_id, min(left, bill.paid_kopecks))))
            left -= found[-1][1].kopecks
            if not left:
                break
        return found, False

    def _bills(self, taken: Taken) -> Iterator[Bill]:
        """That may have been paid. A deposit pays none."""
        whose = taken.whose
        if whose.type is AccountType.DEPOSIT:
            return iter(())
        return chain(
            recall_store.bills_paid_by(self.table, taken),
            store.open_bills(self.table, whose.dealer_id, whose.type),
            store.paid_bills(self.table, whose.dealer_id, whose.type),
        )

    def _read(self, taken: Taken) -> Taken:
        found = payment_store.receipt(self.table, taken.receipt_id)
        assert isinstance(found, Taken)
        return found


def _missing(kopecks: int) -> str:
    return f"its dealer to pay {roubles(kopecks)} of it, which the bank took back when they had left the account"
