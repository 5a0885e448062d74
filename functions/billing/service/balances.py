"""What is on an account pays its open bills, the oldest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice

from common.table.table import Table
from common.table.transaction import Busy
from functions.billing import correction_store, store
from functions.billing.model import AccountType, Moved
from functions.billing.spreading import OpenBill, spread

BILLS_A_WRITE = 10
MOVES_MAX = 20  # of others, in between


def spread_balance(table: Table, dealer_id: str, type_: AccountType, now: Callable[[], datetime]) -> None:
    """Until nothing is on it, or nothing is owed. Safe to repeat. Raises Busy."""
    moved = 0
    while moved < MOVES_MAX:
        account = store.account(table, dealer_id, type_)  # before its bills: they move with it
        if account.balance_kopecks == 0:
            return
        owed = (bill for bill in store.open_bills(table, dealer_id, type_, at_once=BILLS_A_WRITE) if bill.takes_money)
        bills = {bill.bill_id: bill for bill in islice(owed, BILLS_A_WRITE)}
        found = spread(account.balance_kopecks, [OpenBill(bill.bill_id, bill.left_kopecks) for bill in bills.values()])
        if not found.applications:
            return
        at = now()
        applied = [
            write
            for application in found.applications
            for write in correction_store.apply_balance(bills[application.bill_id], application, at)
        ]
        try:
            table.write(*applied, store.money_moves(account, found.rest_kopecks - account.balance_kopecks, 0, at))
        except Moved:
            moved += 1
    raise Busy("others are moving this account; send it again", retry_after_seconds=1)
