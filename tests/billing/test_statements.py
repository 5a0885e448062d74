"""A dealer's month, to the kopeck: JSON, CSV and PDF tell the same."""

from __future__ import annotations

import base64
import csv
import io
import re
import zlib
from datetime import UTC, datetime, timedelta

import pytest

from common.roubles import kopecks, roubles
from functions.billing.journal import EntryKind
from functions.billing.model import AccountType, DealerNotFound, Operation
from functions.billing.pdf.statement_pdf import statement_pdf
from functions.billing.service.corrections import Change
from functions.billing.statement import MonthNotBegun, Statement, as_csv, month
from tests.billing.dealership import CME_ID, Dealership
from tests.billing.test_fast_buyout import account, released, settled

NOVEMBER, DECEMBER = "2026-11", "2026-12"


def told(dealership: Dealership, of: str = NOVEMBER) -> Statement:
    return dealership.statements.of(CME_ID, of)


def busy_month(dealership: Dealership) -> None:
    """Bills, payments, corrections, a settlement, a deposit."""
    dealership.pay(21_000_00, dealership.billed())
    dealership.corrections.change("deal-1", "cheaper", Change(price_kopecks=800_000_00))
    dealership.run()
    dealership.pay(4_000_00, settled(dealership, 3_999_99))
    dealership.billed(7)


def test_opening_and_all_lines_are_the_closing_balance(buyer: Dealership) -> None:
    busy_month(buyer)
    statement = told(buyer)
    for each in statement.accounts:
        assert each.opening_kopecks + sum(line.entry.kopecks for line in each.lines) == each.closing_kopecks
        balances = [line.balance_kopecks for line in each.lines]
        assert balances[-1] == each.closing_kopecks
        left = sum(bill.left_kopecks for bill in buyer.bills.unpaid(CME_ID) if bill.type is each.type)
        assert each.closing_kopecks == account(buyer, each.type).balance_kopecks - left
    assert [each.type for each in statement.accounts] == [*AccountType]
    kinds = [line.entry.kind for line in statement.accounts[0].lines]
    assert kinds[:4] == [EntryKind.BILL, EntryKind.PAYMENT, EntryKind.CREDIT_NOTE, EntryKind.BILL]


def test_a_month_begins_where_the_one_before_ended(buyer: Dealership) -> None:
    busy_month(buyer)
    buyer.clock.at = month(DECEMBER).since + timedelta(hours=2)
    november = told(buyer)
    buyer.corrections.change("deal-1", "off", Change(cancelled=True))
    buyer.run()
    buyer.pay(1_00)
    december = told(buyer, DECEMBER)
    assert [each.opening_kopecks for each in december.accounts] == [each.closing_kopecks for each in november.accounts]
    again = told(buyer)
    assert (again.accounts, again.closing_kopecks) == (november.accounts, november.closing_kopecks)
    assert december.closing_kopecks == november.closing_kopecks + 20_000_00 + 1_00


def test_a_statement_is_a_preview_until_the_month_is_over_and_settled(dealership: Dealership) -> None:
    dealership.active()
    assert not told(dealership).final
    dealership.clock.at = month(NOVEMBER).until + timedelta(minutes=59)
    assert not told(dealership).final
    dealership.clock.forward(minutes=2)
    assert told(dealership).final
    with pytest.raises(MonthNotBegun):
        told(dealership, "2027-01")
    with pytest.raises(DealerNotFound):
        dealership.statements.of("nobody", NOVEMBER)


def test_a_month_is_moscows() -> None:
    found = month("2026-12")
    assert (found.since, found.until) == (
        datetime(2026, 11, 30, 21, tzinfo=UTC),
        datetime(2026, 12, 31, 21, tzinfo=UTC),
    )
    for wrong in ("2026-13", "2026-00", "26-11", "2026-1", "1999-12", "2026-11\n", ""):
        with pytest.raises(ValueError, match="is no month"):
            month(wrong)


@pytest.mark.parametrize(("minutes", "of"), [(-1, NOVEMBER), (1, DECEMBER)])
def test_an_entry_is_of_the_month_in_which_it_was_booked(dealership: Dealership, minutes: int, of: str) -> None:
    dealership.active()
    dealership.clock.at = month(DECEMBER).since + timedelta(minutes=minutes)
    dealership.billed()
    dealership.clock.at = month(DECEMBER).since + timedelta(hours=2)
    lines = {each: told(dealership, each).accounts[0].lines for each in (NOVEMBER, DECEMBER)}
    assert {each: len(found) for each, found in lines.items()} == {NOVEMBER: 0, DECEMBER: 0} | {of: 1}


def test_a_deposit_paid_back_is_told_and_one_refused_told_twice(buyer: Dealership) -> None:
    released(buyer, settle="REFUSED")
    released(buyer)
    (deposit_,) = [each for each in told(buyer).accounts if each.type is AccountType.DEPOSIT]
    assert [(line.entry.kind, line.balance_kopecks) for line in deposit_.lines] == [
        (EntryKind.PAYMENT, 150_000_00),
        (EntryKind.REFUND, 0),
        (EntryKind.REFUND_REFUSED, 150_000_00),
        (EntryKind.REFUND, 0),
    ]


def test_csv_tells_what_the_statement_tells(buyer: Dealership) -> None:
    busy_month(buyer)
    statement = told(buyer)
    rows = list(csv.DictReader(io.StringIO(as_csv(statement))))
    for each in statement.accounts:
        of = [row for row in rows if row["account"] == each.type]
        assert (of[0]["what"], of[0]["balance"]) == ("OPENING", roubles(each.opening_kopecks))
        assert (of[-1]["what"], of[-1]["balance"]) == ("CLOSING", roubles(each.closing_kopecks))
        moved = sum(kopecks(row["credit"] or "0.00") - kopecks(row["debit"] or "0.00") for row in of)
        assert each.opening_kopecks + moved == each.closing_kopecks
        assert [row["balance"] for row in of[1:-1]] == [roubles(line.balance_kopecks) for line in each.lines]
    first = rows[1]
    assert (first["document"], first["deal"], first["debit"]) == ("А-1", "deal-1", "25000.00")


def test_the_pdf_has_the_same_sums_in_cyrillic(buyer: Dealership) -> None:
    busy_month(buyer)
    statement = told(buyer)
    made = statement_pdf(statement)
    assert made == statement_pdf(statement)
    assert made.startswith(b"%PDF-")
    assert len(made) < 60_000
    assert b"DejaVuSans" in made
    text = written(made)
    for each in statement.accounts:
        assert roubles(each.closing_kopecks) in text
        assert all(roubles(abs(line.entry.kopecks)) in text for line in each.lines)
    for word in ("Предварительная выписка за 2026-11", "Вознаграждение", "Депозит", "Взаиморасчёты", "Корректировка"):
        assert word in text


def test_a_long_month_goes_on_over_pages(dealership: Dealership) -> None:
    dealership.active()
    for _ in range(60):
        dealership.billed(1_00)
    text = written(statement_pdf(told(dealership)))
    assert "стр. 3" in text
    assert text.count("сделка deal-") == 60


def test_a_bill_that_was_never_invoiced_has_no_number(dealership: Dealership) -> None:
    dealership.active()
    bill = dealership.billed(invoice=False)
    (line,) = told(dealership).accounts[0].lines
    assert (line.number, line.entry.about) == (None, bill.bill_id)
    assert bill.bill_id in as_csv(told(dealership))


def test_a_settlement_is_told_with_its_deal(buyer: Dealership) -> None:
    deal_id = buyer.billed().deal_id
    buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, 5_00)
    (settlement,) = [each for each in told(buyer).accounts if each.type is AccountType.SETTLEMENT]
    assert [line.entry.deal_id for line in settlement.lines] == [deal_id]
    assert settlement.closing_kopecks == -5_00


def written(pdf: bytes) -> str:
    """The text of a PDF of ours: what its streams draw, by the map from glyphs to letters that its font carries."""
    streams = [_unpacked(found) for found in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL)]
    (letters,) = [_letters(stream.decode("latin-1")) for stream in streams if b"beginbfchar" in stream]
    drawn = [raw for stream in streams for raw in re.findall(rb"\((.*?)(?<!\\)\) Tj", stream, re.DOTALL)]
    return "\n".join("".join(letters.get(code, "?") for code in _bytes(raw)) for raw in drawn)


def _unpacked(stream: bytes) -> bytes:
    body = stream.strip()
    try:
        if body.endswith(b"~>"):
            body = base64.a85decode(body[:-2])
        return zlib.decompress(body)
    except (ValueError, zlib.error):
        return body


def _letters(cmap: str) -> dict[int, str]:
    found: dict[int, str] = {}
    for first, _, letters in re.findall(r"<(\w+)> <(\w+)> \[(.*?)\]", cmap, re.DOTALL):
        for offset, letter in enumerate(re.findall(r"<(\w+)>", letters)):
            found[int(first, 16) + offset] = chr(int(letter, 16))
    for code, letter in re.findall(r"^<(\w+)> <(\w+)>$", cmap, re.MULTILINE):
        found[int(code, 16)] = chr(int(letter, 16))
    return found


def _bytes(raw: bytes) -> bytes:
    """A string of PDF without its escapes."""

    def one(match: re.Match[bytes]) -> bytes:
        told = match[1]
        if told.isdigit():
            return bytes([int(told, 8)])
        return {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}.get(told, told)

    return re.sub(rb"\\([0-7]{1,3}|.)", one, raw, flags=re.DOTALL)
