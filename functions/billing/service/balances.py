"""What is on an account pays its open bills, the oldest first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import islice

from common.table.table import Table
from common.table.transaction import Busy, Write
from functions.billing import correction_store, store
from functions.billing.model import Account, AccountType, Moved
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
        at = now()
        rest, applied = over_open_bills(table, account, account.balance_kopecks, at)
        if not applied:
            return
        try:
            table.write(*applied, store.money_moves(account, rest - account.balance_kopecks, 0, at))
        except Moved:
            moved += 1
    raise Busy("others are moving this account; send it again", retry_after_seconds=1)


def over_open_bills(table: Table, account: Account, kopecks: int, at: datetime) -> tuple[int, list[Write]]:
    """What is left of so much once the oldest open bills, BILLS_A_WRITE at most, have got theirs, and how they get it.
    The account was read before. Refused with Moved."""
    owed = store.open_bills(table, account.dealer_id, account.type, at_once=BILLS_A_WRITE)
    bills = {bill.bill_id: bill for bill in islice((bill for bill in owed if bill.takes_money), BILLS_A_WRITE)}
    found = spread(kopecks, [OpenBill(bill.bill_id, bill.left_kopecks) for bill in bills.values()])
    applied = [
        write
        for application in found.applications
        for write in correction_store.apply_balance(bills[application.bill_id], application, at)
    ]
    return found.rest_kopecks, applied
