"""Which bills of a deal are taken back, and how far. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest

from functions.billing.correcting import corrected
from functions.billing.journal import Entry, EntryKind
from functions.billing.model import (
    Account,
    AccountStatus,
    AccountType,
    Bill,
    BillStatus,
    Dealer,
    DealerStatus,
    Offer,
)
from functions.billing.statement import made, month

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = date(2026, 11, 21)


def bill(bill_id: str, kopecks: int, paid: int = 0, credited: int = 0) -> Bill:
    status = BillStatus.PAID if paid == kopecks - credited else BillStatus.PARTIAL if paid else BillStatus.PENDING
    written = Bill(bill_id, "D1", AccountType.COMMISSION, "deal-1", status, kopecks, TODAY, AT)
    return replace(written, paid_kopecks=paid, credited_kopecks=credited)


@pytest.mark.parametrize(
    ("owed", "taken_back", "new"),
    [
        (150, {}, 0),
        (120, {"second": 30}, 0),
        (100, {"second": 50}, 0),
        (70, {"second": 50, "first": 30}, 0),
        (0, {"second": 50, "first": 100}, 0),
        (160, {}, 10),
    ],
)
def test_of_bills_that_are_paid_the_newest_is_taken_back_first(owed: int, taken_back: dict[str, int], new: int) -> None:
    """And all of what is taken back was paid: it is the account's again."""
    found = corrected([bill("first", 100, 100), bill("second", 50, 50)], owed)
    assert {credit.bill.bill_id: credit.kopecks for credit in found.credits} == taken_back
    assert [credit.returned_kopecks for credit in found.credits] == list(taken_back.values())
    assert found.new_kopecks == new


@pytest.mark.parametrize(("owed", "new"), [(120, 20), (180, 80)])
def test_one_that_is_not_paid_is_taken_back_as_a_whole(owed: int, new: int) -> None:
    found = corrected([bill("first", 100, 100), bill("second", 50, 20)], owed)
    (credit,) = found.credits
    assert (credit.bill.bill_id, credit.kopecks, credit.returned_kopecks) == ("second", 50, 20)
    assert found.new_kopecks == new


def test_a_bill_is_overdue_from_the_day_after_its_last_on() -> None:
    owed, night = bill("first", 100), datetime.combine(TODAY, time(21), UTC)  # when the next day begins in Moscow
    assert [owed.is_overdue(night + timedelta(seconds=s)) for s in (-1, 0)] == [False, True]
    assert not bill("paid", 100, 100).is_overdue(night + timedelta(days=99))


def test_what_is_booked_in_the_instant_of_midnight_is_of_one_month() -> None:
    """The later one. Whoever reads more entries than the month has tells no more of them."""
    november, december = month("2026-11"), month("2026-12")
    assert november.until == december.since
    dealer = Dealer(
        "D1",
        "cme-1",
        DealerStatus.ACTIVE,
        Offer("1", AT),
        commission_percent=Decimal(1),
        requisites_version=1,
        taxpayer="",
        created_at=AT,
    )
    account = Account("D1", AccountType.COMMISSION, AccountStatus.READY, 1, AT)
    entry = Entry("D1", AccountType.COMMISSION, "p1", EntryKind.PAYMENT, 5, november.until, "p1")
    told = [made(dealer, [account], [entry], {}, of, AT).accounts[0] for of in (november, december)]
    assert [len(each.lines) for each in told] == [0, 1]
    assert (told[0].closing_kopecks, told[1].opening_kopecks, told[1].closing_kopecks) == (0, 0, 5)
