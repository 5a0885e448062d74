"""What counters say, held against what they count: the daily limit of what leaves for banks, and open orders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from common import keys
from tests.raw import Raw, plain

Row = dict[str, Any]
Sent = set[tuple[str, str]]  # orders at the exchange that it has not answered for
NOTHING = Decimal(0)


def miscounted(items: Iterable[Raw]) -> list[str]:
    """What is not as it should be, in words."""
    rows = [plain(item) for item in items]
    orders = [row for row in rows if row["entity_type"] == "exchange_order"]
    sent = {(order["PK"], order["SK"]) for order in orders if order["status"] == "SENT"}
    return [*_limits(rows, sent), *_open_orders(rows, sent)]


def _limits(rows: list[Row], sent: Sent) -> Iterable[str]:
    """Of each user and day: what has left, or may still leave, is what is counted, by withdrawals and cash-outs."""
    paid = {row["PK"]: row["paid_amount"] for row in rows if row["entity_type"] == "payout_attempt" and _is_paid(row)}
    used: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        if row["entity_type"] not in ("withdrawal", "sell_order"):
            continue
        amount = _leaves(row, sold=row["entity_type"] == "withdrawal" or "gross_amount" in row, sent=sent)
        if row["PK"] in paid:
            amount = min(amount, paid[row["PK"]])
        used[keys.LIMIT_COUNTER(username=row["username"], kind="PAYOUT", date=row["created_at"][:10])] += amount
    for row in rows:
        if row["entity_type"] == "limit_counter" and "#PAYOUT#" in row["SK"]:
            counter = row["PK"], row["SK"]
            there = used.pop(counter, NOTHING)
            if there != row["used"]:
                yield f"{counter} has counted {row['used']} of {there}"
    yield from (f"{counter} is not there, for {amount}" for counter, amount in used.items() if amount)


def _is_paid(row: Row) -> bool:
    """By what two operators say, of which the rest has gone back to the customer."""
    return row["status"] == "COMPLETED" and "paid_amount" in row


def _leaves(row: Row, *, sold: bool, sent: Sent) -> Decimal:
    if row.get("returned"):
        return NOTHING
    if sold:
        return Decimal(row["total_amount"])
    return Decimal(row["estimated_amount"]) if _may_sell(row, sent) else NOTHING


def _may_sell(sale: Row, sent: Sent) -> bool:
    """It is open until its exchange order is over."""
    asked = sale["status"] == "NEW" and (sale["PK"], f"VENUE#{sale['exchange_orders']}") in sent
    return asked or sale["status"] == "BASE_TXN_PENDING"


def _open_orders(rows: list[Row], sent: Sent) -> Iterable[str]:
    """On each balance: the orders that hold something on it are those that are counted there."""
    there: Counter[str] = Counter()
    for row in rows:
        match row["entity_type"]:
            case "order" if row["status"] == "PENDING":
                there[f"{row['username']} {'USD' if row['order_type'] == 'BUY' else row['asset_id']}"] += 1
            case "purchase" if row["status"] == "PENDING":
                there[f"{row['username']} USD"] += 1
            case "sale" if row["status"] == "PENDING":
                there[f"{row['username']} {row['asset_id']}"] += 1
            case "sell_order" if _may_sell(row, sent):
                there[f"{row['username']} {row['asset_id']}"] += 1
    for row in rows:
        if row["entity_type"] in ("balance", "asset_balance"):
            balance = f"{row.get('username', row['PK'])} {row.get('asset_id', 'USD')}"
            if row.get("open_orders", 0) != there[balance]:
                yield f"{balance} counts {row.get('open_orders', 0)} open orders of {there[balance]}"
