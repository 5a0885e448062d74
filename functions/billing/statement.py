"""A dealer's month: of each account what stood there before, what happened, and what stands there after. Pure.

Months are Moscow's: that is where the dealers keep their books. An entry is of the month in which it was booked here,
so that a month that is over stays as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from common.errors import Rejected
from common.roubles import roubles
from functions.billing.journal import Entry, EntryKind
from functions.billing.model import Account, AccountType, Bill, Dealer
from functions.billing.moscow import MOSCOW

SETTLES_AFTER = timedelta(hours=1)  # by then whatever was on its way at the month's end is booked
MONTH_PATTERN = r"^20[0-9]{2}-(0[1-9]|1[0-2])$"
CSV_COLUMNS = ("account", "at (Moscow)", "what", "document", "deal", "debit", "credit", "balance")


class MonthNotBegun(Rejected):
    """There is nothing to be told of a month that has not begun."""


@dataclass(frozen=True)
class Month:
    """written: 2026-11. until: exclusive."""

    written: str
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Line:
    """balance_kopecks: after it. number: of the invoice of a bill and its credit notes, once it has one."""

    entry: Entry
    number: str | None
    balance_kopecks: int


@dataclass(frozen=True)
class AccountStatement:
    """opening_kopecks + all lines = closing_kopecks. Above 0 the dealer has it to his credit, below 0 he owes it."""

    type: AccountType
    contract_number: str | None
    opening_kopecks: int
    lines: tuple[Line, ...]
    closing_kopecks: int


@dataclass(frozen=True)
class Statement:
    """final: the month is over and settled. One that is not is a preview."""

    cme_dealer_id: str
    month: Month
    made_at: datetime
    final: bool
    accounts: tuple[AccountStatement, ...]

    @property
    def opening_kopecks(self) -> int:
        return sum(account.opening_kopecks for account in self.accounts)

    @property
    def closing_kopecks(self) -> int:
        return sum(account.closing_kopecks for account in self.accounts)


def month(written: str) -> Month:
    """Raises ValueError for what is none."""
    if not re.fullmatch(MONTH_PATTERN, written):
        raise ValueError(f"{written[:20]!r} is no month; write 2026-11")
    year, number = (int(part) for part in written.split("-"))
    since = datetime(year, number, 1, tzinfo=MOSCOW)
    until = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=MOSCOW)
    return Month(written, since.astimezone(UTC), until.astimezone(UTC))


def check_begun(month: Month, now: datetime) -> None:
    """Raises MonthNotBegun."""
    if now < month.since:
        raise MonthNotBegun(f"{month.written} has not begun; it does on {month.since.astimezone(MOSCOW):%Y-%m-%d}")


def made(
    dealer: Dealer,
    accounts: Sequence[Account],
    entries: Iterable[Entry],
    bills: Mapping[str, Bill],
    month: Month,
    now: datetime,
) -> Statement:
    """
    entries: all of the dealer's before the month's end. bills: those of the month's entries, by their ids.
    """
    of: dict[AccountType, list[Entry]] = {account.type: [] for account in accounts}
    for entry in entries:
        of[entry.type].append(entry)
    ordered = sorted(accounts, key=lambda account: [*AccountType].index(account.type))
    return Statement(
        cme_dealer_id=dealer.cme_dealer_id,
        month=month,
        made_at=now,
        final=now >= month.until + SETTLES_AFTER,
        accounts=tuple(_account(account, of[account.type], bills, month) for account in ordered),
    )


def _account(account: Account, entries: Sequence[Entry], bills: Mapping[str, Bill], month: Month) -> AccountStatement:
    balance = opening = sum(entry.kopecks for entry in entries if entry.at < month.since)
    lines = []
    # What takes a bill back is told before the new one, though they were written at once.
    for entry in sorted(entries, key=lambda entry: (entry.at, entry.kind is EntryKind.BILL)):
        if month.since <= entry.at < month.until:
            balance += entry.kopecks
            bill = bills.get(entry.about)
            lines.append(Line(entry, None if bill is None else bill.number, balance))
    return AccountStatement(account.type, account.contract_number, opening, tuple(lines), balance)


def in_moscow(at: datetime) -> str:
    """`2026-11-21 12:30:00`."""
    return at.astimezone(MOSCOW).strftime("%Y-%m-%d %H:%M:%S")


def as_csv(statement: Statement) -> str:
    """CSV_COLUMNS, in roubles; times are Moscow's. The first line of an account is its opening, the last its closing
    balance."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for account in statement.accounts:
        last = min(statement.month.until, statement.made_at)
        writer.writerow(_balance(account, "OPENING", statement.month.since, account.opening_kopecks))
        for line in account.lines:
            entry = line.entry
            debit, credit = ("", roubles(entry.kopecks)) if entry.kopecks > 0 else (roubles(-entry.kopecks), "")
            writer.writerow(
                (
                    account.type,
                    in_moscow(entry.at),
                    entry.kind,
                    document(line),
                    entry.deal_id or "",
                    debit,
                    credit,
                    roubles(line.balance_kopecks),
                )
            )
        writer.writerow(_balance(account, "CLOSING", last, account.closing_kopecks))
    return written.getvalue()


def document(line: Line) -> str:
    """What a line is about: an invoice by its number, once it has one."""
    entry = line.entry
    of_bill = entry.kind in (EntryKind.BILL, EntryKind.CREDIT_NOTE)
    return line.number if of_bill and line.number else entry.about


def _balance(account: AccountStatement, what: str, at: datetime, kopecks: int) -> tuple[str, ...]:
    return (account.type, in_moscow(at), what, account.contract_number or "", "", "", "", roubles(kopecks))
