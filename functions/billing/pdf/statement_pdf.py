"""The lines of a statement, put on pages. The same statement makes the same bytes."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from common.roubles import roubles
from functions.billing.journal import EntryKind
from functions.billing.model import AccountType
from functions.billing.statement import AccountStatement, Line, Statement, document, in_moscow

FONT = "DejaVuSans"
LEFT, RIGHT, TOP, BOTTOM = 15 * mm, 195 * mm, 280 * mm, 20 * mm
DEBIT_AT, CREDIT_AT = 140 * mm, 168 * mm  # where the digits of these columns end; of the balance, at RIGHT
ROW = 5.5 * mm
_DOCUMENT_CHARACTERS = 30
ACCOUNTS = {
    AccountType.COMMISSION: "Вознаграждение",
    AccountType.DEPOSIT: "Депозит",
    AccountType.SETTLEMENT: "Взаиморасчёты",
}
KINDS = {
    EntryKind.BILL: "Счёт",
    EntryKind.PAYMENT: "Оплата",
    EntryKind.CREDIT_NOTE: "Корректировка",
    EntryKind.REFUND: "Возврат",
    EntryKind.REFUND_REFUSED: "Возврат отклонён",
    EntryKind.RECALL: "Отзыв платежа банком",
}


def statement_pdf(statement: Statement) -> bytes:
    """Some 20 KiB, and 2 KiB a page."""
    _register_font()
    written = BytesIO()
    pages = _Pages(Canvas(written, pagesize=A4, invariant=1), statement)
    for account in statement.accounts:
        pages.account(account)
    pages.row(10, f"Итого на начало: {roubles(statement.opening_kopecks)} ₽")
    pages.row(10, f"Итого на конец: {roubles(statement.closing_kopecks)} ₽")
    pages.row(8, "Сальдо больше нуля: в пользу дилера; меньше нуля: долг дилера. Время московское.")
    pages.end()
    return written.getvalue()


class _Pages:
    def __init__(self, canvas: Canvas, statement: Statement) -> None:
        self._canvas = canvas
        self._statement = statement
        self._number = 0
        self._y = 0.0
        self._begin()

    def account(self, account: AccountStatement) -> None:
        contract = f", договор № {account.contract_number}" if account.contract_number else ""
        self._space_for(4)
        self.row(11, f"{ACCOUNTS[account.type]}{contract}")
        self._columns(8, "Дата (МСК)", "Документ", "Дебет", "Кредит", "Сальдо")
        self._columns(8, "", "Сальдо на начало", "", "", roubles(account.opening_kopecks))
        for line in account.lines:
            self._line(line)
        self._columns(8, "", "Сальдо на конец", "", "", roubles(account.closing_kopecks))
        self._y -= ROW

    def row(self, size: int, text: str) -> None:
        self._space_for(1)
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(LEFT, self._y, text)
        self._y -= ROW * (1.3 if size > 10 else 1)

    def end(self) -> None:
        self._canvas.showPage()
        self._canvas.save()

    def _line(self, line: Line) -> None:
        kopecks = line.entry.kopecks
        debit, credit = ("", roubles(kopecks)) if kopecks > 0 else (roubles(-kopecks), "")
        what = f"{KINDS[line.entry.kind]} {_short(document(line))}"
        self._columns(8, in_moscow(line.entry.at)[:16], what, debit, credit, roubles(line.balance_kopecks))
        if line.entry.deal_id:
            self._columns(7, "", f"сделка {line.entry.deal_id}", "", "", "")

    def _columns(self, size: int, at: str, what: str, debit: str, credit: str, balance: str) -> None:
        self._space_for(1)
        self._canvas.setFont(FONT, size)
        self._canvas.drawString(LEFT, self._y, at)
        self._canvas.drawString(LEFT + 30 * mm, self._y, what)
        for text, right in ((debit, DEBIT_AT), (credit, CREDIT_AT), (balance, RIGHT)):
            self._canvas.drawRightString(right, self._y, text)
        self._y -= ROW

    def _space_for(self, rows: int) -> None:
        if self._y - rows * ROW < BOTTOM:
            self._canvas.showPage()
            self._begin()

    def _begin(self) -> None:
        self._number += 1
        told, canvas = self._statement, self._canvas
        what = "Выписка" if told.final else "Предварительная выписка"
        canvas.setTitle(f"{what} {told.month.written}")
        canvas.setFont(FONT, 14)
        canvas.drawString(LEFT, TOP, f"{what} за {told.month.written}")
        canvas.setFont(FONT, 8)
        canvas.drawString(LEFT, TOP - 6 * mm, f"Дилер {told.cme_dealer_id}. Составлена {in_moscow(told.made_at)} МСК.")
        canvas.drawRightString(RIGHT, TOP, f"стр. {self._number}")
        self._y = TOP - 16 * mm


def _short(text: str) -> str:
    return text if len(text) <= _DOCUMENT_CHARACTERS else f"{text[: _DOCUMENT_CHARACTERS - 1]}…"


@cache
def _register_font() -> None:
    pdfmetrics.registerFont(TTFont(FONT, Path(__file__).parent / "font" / f"{FONT}.ttf"))
