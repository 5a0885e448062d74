"""What always holds of corrections and the journal, whatever was done and wherever it was interrupted."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from functions.billing.commission import commission_kopecks

Raw = dict[str, Any]


def check(items: Sequence[Raw]) -> None:
    """The bills of a deal that are in force are its commission, and those of others are of no deal; notes are what was
    taken back; an account's journal is what is on it, less what is owed; what is on an account pays what is open."""
    of: dict[str, list[Raw]] = defaultdict(list)
    for item in items:
        of[_s(item, "entity_type")].append(item)
    bills = {_s(bill, "PK"): bill for bill in of["bill"]}
    _check_deals(of["deal"], bills)
    _check_notes(of["credit_note"], bills)
    _check_accounts(of, bills)


def _check_deals(deals: Sequence[Raw], bills: dict[str, Raw]) -> None:
    in_force = {bill_id for bill_id, bill in bills.items() if _s(bill, "status") != "CANCELLED"}
    told: set[str] = set()
    for deal in deals:
        commissions: list[str] = json.loads(_s(deal, "commission_ids"))
        settlements = [_s(deal, "settlement_id")] if "settlement_id" in deal else []
        for bill_id in (*commissions, *settlements):
            assert _s(bills[bill_id], "dealer_id") == _s(deal, "dealer_id"), "a bill in force is of the deal's winner"
        owed = commission_kopecks(_n(deal, "price_kopecks"), Decimal(deal["percent"]["N"]))
        expected = owed if _s(deal, "status") == "CLOSED" else 0
        assert sum(_in_force(bills[bill_id]) for bill_id in commissions) == expected
        told |= {*commissions, *settlements}
    assert told == in_force


def _check_notes(notes: Sequence[Raw], bills: dict[str, Raw]) -> None:
    credited: dict[str, int] = defaultdict(int)
    returned: dict[str, int] = defaultdict(int)
    made: dict[str, int] = defaultdict(int)
    for note in notes:
        credited[_s(note, "PK")] += _n(note, "kopecks")
        returned[_s(note, "PK")] += _n(note, "returned_kopecks")
        made[_s(note, "PK")] += "made_id" in note
        assert 0 <= _n(note, "returned_kopecks") <= _n(note, "kopecks")
    for bill_id, bill in bills.items():
        assert (credited[bill_id], returned[bill_id]) == (_n(bill, "credited_kopecks"), _n(bill, "returned_kopecks"))
        never_invoiced = "invoice_id" not in bill
        assert made[bill_id] == (0 if never_invoiced else _n(bill, "notes_sent"))


def _check_accounts(of: dict[str, list[Raw]], bills: dict[str, Raw]) -> None:
    journal: dict[tuple[str, str], int] = defaultdict(int)
    left: dict[tuple[str, str], int] = defaultdict(int)
    unspread: dict[tuple[str, str], int] = defaultdict(int)
    open_: dict[tuple[str, str], int] = defaultdict(int)
    busy: set[tuple[str, str]] = set()
    for entry in of["journal_entry"]:
        journal[_s(entry, "PK"), _s(entry, "type")] += _n(entry, "kopecks")
    for bill in bills.values():
        whose = _s(bill, "dealer_id"), _s(bill, "type")
        left[whose] += _in_force(bill) - _n(bill, "paid_kopecks")
        if _s(bill, "status") in ("PENDING", "PARTIAL"):
            open_[whose] += 1
        if "open_work" in bill:
            busy.add(whose)
    for payment in of["payment"]:
        if "left_kopecks" in payment and "type" in payment:
            whose = _s(payment, "dealer_id"), _s(payment, "type")
            unspread[whose] += _n(payment, "left_kopecks")
            if _n(payment, "left_kopecks"):
                busy.add(whose)
    for account in of["billing_account"]:
        whose = _s(account, "PK"), _s(account, "type")
        balance = _n(account, "balance_kopecks")
        assert journal[whose] == balance + unspread[whose] - left[whose]
        if whose not in busy:
            assert not (balance and open_[whose]), "what is on an account pays what is open"
        if whose[1] == "DEPOSIT":
            assert left[whose] == open_[whose] == 0, "a deposit is never billed"


def _in_force(bill: Raw) -> int:
    return _n(bill, "common_kopecks") - _n(bill, "credited_kopecks")


def _s(item: Raw, name: str) -> str:
    found: str = item[name]["S"]
    return found


def _n(item: Raw, name: str) -> int:
    return int(item[name]["N"])
