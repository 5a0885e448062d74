"""The invariants of dealer billing, checked on the raw items of the table, whatever was done and wherever it was
interrupted.

    Σ paid + Σ balances + Σ not spread yet + Σ released + Σ put aside = Σ received

to the kopeck, of each account and of all together.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from functions.billing.commission import commission_kopecks

Raw = dict[str, Any]
Whose = tuple[str, str]  # a dealer's account of a type
LISTS = ("open_bill", "paid_bill", "cancelled_bill")


UNPAID = ("NEW", "PENDING", "PARTIAL")
TAKEN = ("TAKEN", "SPREAD", "RECALLING", "RECALLED")


def check(items: Sequence[Raw]) -> None:
    """No bill is paid beyond its sum, and each by what was applied to it; what came for an account is what was paid of
    it, what is on it, what is not spread yet and what was paid back; what is told of a contract is what came for it.

    The bills of a deal that are in force are its commission, and those of others are of no deal; notes are what was
    taken back; an account's journal is what is on it, less what is owed; what is on an account pays what is open. The
    lists of bills are those of the bills; what is not finished waits."""
    of: dict[str, list[Raw]] = defaultdict(list)
    for item in items:
        of[_s(item, "entity_type")].append(item)
    bills = {_s(bill, "PK"): bill for bill in of["bill"]}
    _check_bills(of)
    _check_received(of)
    _check_deals(of["deal"], bills)
    _check_notes(of["credit_note"], bills)
    _check_accounts(of, bills)
    _check_refunds(of)


def _check_bills(of: dict[str, list[Raw]]) -> None:
    applied: dict[str, int] = defaultdict(int)
    for item in of["application"]:
        applied[_s(item, "SK").removeprefix("BILL#")] += _n(item, "kopecks")
    reminders = {_s(item, "PK") for item in of["reminder"] if "open_work" in item}
    listed = {kind: Counter(_s(item, "bill_id") for item in of[kind]) for kind in LISTS}
    for bill in of["bill"]:
        bill_id, status, paid = _s(bill, "PK"), _s(bill, "status"), _n(bill, "paid_kopecks")
        assert 0 <= paid <= _in_force(bill), "a bill got more than it is for"
        got = applied.pop(bill_id, 0) + _n(bill, "from_balance_kopecks") - _n(bill, "returned_kopecks")
        got -= _n(bill, "recalled_kopecks") if "recalled_kopecks" in bill else 0
        assert got == paid, "a bill is paid by what was applied to it"
        lists = [kind for kind in LISTS if listed[kind].pop(bill_id, 0)]
        assert lists == ["open_bill" if status in UNPAID else "paid_bill" if status == "PAID" else "cancelled_bill"]
        assert (status == "CANCELLED") is (_in_force(bill) == 0)
        assert (status == "PAID") is (0 < _in_force(bill) == paid)
        assert ("open_work" in bill) is (status == "NEW" or _n(bill, "notes_sent") < _n(bill, "notes"))
        assert (bill_id in reminders) is (status in ("PENDING", "PARTIAL")), "who has to pay is reminded"
    assert not applied, "all that was applied was applied to bills"
    assert not any(+each for each in listed.values()), "lists name bills that there are, each once"


def _check_received(of: dict[str, list[Raw]]) -> None:
    paid: dict[Whose, int] = defaultdict(int)
    left: dict[Whose, int] = defaultdict(int)
    came: dict[Whose, int] = defaultdict(int)
    aside: dict[Whose, int] = defaultdict(int)
    spread: dict[str, int] = defaultdict(int)
    recalls: dict[Whose, int] = defaultdict(int)
    parked = gone = 0
    for item in of["application"]:
        spread[_s(item, "PK")] += _n(item, "kopecks")
    for bill in of["bill"]:
        paid[_s(bill, "dealer_id"), _s(bill, "type")] += _n(bill, "paid_kopecks")
    contracts = {
        _s(item, "PK").removeprefix("CONTRACT#"): (_s(item, "dealer_id"), _s(item, "type")) for item in of["contract"]
    }
    for item in of["payment"]:
        status = _s(item, "status")
        assert ("open_work" in item) is (status not in ("SPREAD", "DISMISSED", "RECALLED"))
        whose = ("", "") if "dealer_id" not in item else (_s(item, "dealer_id"), _s(item, "type"))
        if status in TAKEN:
            left[whose] += _n(item, "left_kopecks")
            told_of = contracts.get(_s(item, "contract_id"))
            if told_of != whose:  # two operators have said so
                aside[whose] -= _n(item, "kopecks")
                if told_of is not None:
                    aside[told_of] += _n(item, "kopecks")
            recalled = _n(item, "recalled_kopecks") if "recalled_kopecks" in item else 0
            assert 0 <= recalled <= _n(item, "kopecks")
            came[whose] += _n(item, "kopecks") - recalled
            gone += recalled
            if status == "RECALLED":  # what was missing is the desk's loss
                aside[whose] -= _n(item, "kopecks") - recalled
            recalls[whose] += status == "RECALLING" and "recalled_kopecks" in item
            assert (status == "TAKEN") is (_n(item, "left_kopecks") != 0)
            assert spread[_s(item, "PK")] <= _n(item, "kopecks") - _n(item, "left_kopecks")
        else:
            assert _s(item, "PK") not in spread
            aside[whose] += _n(item, "kopecks") if "kopecks" in item else 0
            recalls[whose] += "takes_back" in item and status == "PARKED"
            parked += _n(item, "kopecks") if "kopecks" in item else 0
    held = 0
    for account in of["billing_account"]:
        whose = _s(account, "PK"), _s(account, "type")
        balance, released = _n(account, "balance_kopecks"), _n(account, "released_kopecks")
        assert balance >= 0
        assert recalls[whose] == (_n(account, "recalls") if "recalls" in account else 0)
        assert _n(account, "received_kopecks") == came[whose]
        assert came[whose] == paid[whose] + balance + left[whose] + released
        told_aside = _n(account, "aside_kopecks") if "aside_kopecks" in account else 0
        assert aside[whose] == told_aside
        if "told_kopecks" in account and "open_work" not in account:
            agreed = _n(account, "agreed_kopecks") if "agreed_kopecks" in account else 0
            assert _n(account, "told_kopecks") == came[whose] + told_aside + agreed, (
                "what is told of a contract came for it"
            )
        assert ("contract_id" in account) is (_s(account, "status") == "READY")
        held += balance + released
    received = sum(_n(item, "kopecks") for item in of["payment"] if "kopecks" in item)
    there = sum(paid.values()) + held + sum(left.values()) + parked
    assert received - gone == there, "a kopeck is lost, or made"


def _check_refunds(of: dict[str, list[Raw]]) -> None:
    """What was released of an account is its refunds that were not refused, of which one at most is on its way."""
    gone: dict[Whose, int] = defaultdict(int)
    on_their_way: dict[Whose, str] = {}
    for release in of["release"]:
        if _s(release, "status") != "REFUSED":
            gone[_s(release, "PK"), "DEPOSIT"] += _n(release, "kopecks")
    for refund in of["refund"]:
        whose, status = (_s(refund, "dealer_id"), _s(refund, "type")), _s(refund, "status")
        assert ("open_work" in refund) is (status not in ("DONE", "REFUSED"))
        if status in ("ASKED", "SENT", "DONE"):
            gone[whose] += _n(refund, "kopecks")
        if status in ("ASKED", "SENT"):
            assert whose not in on_their_way, "two refunds of one account are on their way"
            on_their_way[whose] = _s(refund, "PK")
    for account in of["billing_account"]:
        whose = _s(account, "PK"), _s(account, "type")
        assert _n(account, "released_kopecks") == gone[whose]
        assert account.get("refund_id", {}).get("S") == on_their_way.get(whose)


def _check_deals(deals: Sequence[Raw], bills: dict[str, Raw]) -> None:
    in_force = {bill_id for bill_id, bill in bills.items() if _s(bill, "status") != "CANCELLED"}
    told: set[str] = set()
    for deal in deals:
        commissions: list[str] = json.loads(_s(deal, "commission_ids"))
        settlements: list[str] = json.loads(_s(deal, "settlement_ids"))
        for bill_id in (*commissions, *settlements):
            assert _s(bills[bill_id], "dealer_id") == _s(deal, "dealer_id"), "a bill in force is of the deal's winner"
        owed = commission_kopecks(_n(deal, "price_kopecks"), Decimal(deal["percent"]["N"]))
        expected = owed if _s(deal, "status") == "CLOSED" else 0
        assert sum(_in_force(bills[bill_id]) for bill_id in commissions) == expected
        assert sum(_in_force(bills[bill_id]) for bill_id in settlements) == _n(deal, "settlement_kopecks")
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
