"""An invoice as a dealer is sent it: one page, in Russian. The same invoice makes the same bytes."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from common.roubles import roubles
from sandbox.billing.records import Contract, Invoice, Person

FONT = "DejaVuSans"  # it has Cyrillic letters; it comes with matplotlib
_LINE_CHARACTERS = 80


def invoice_pdf(invoice: Invoice, contract: Contract, person: Person) -> bytes:
    """Some 20 KiB."""
    _register_font()
    written = BytesIO()
    canvas = Canvas(written, pagesize=A4, invariant=1)
    canvas.setTitle(f"Счёт {invoice.number}")
    canvas.setFont(FONT, 16)
    canvas.drawString(20 * mm, 270 * mm, f"Счёт на оплату № {invoice.number} от {invoice.made_at[:10]}")
    canvas.setFont(FONT, 10)
    details = person.details
    kpp = f", КПП {details['kpp']}" if details["kpp"] else ""
    lines = [
        f"Плательщик: {details['name']}, ИНН {details['inn']}{kpp}",
        f"Адрес: {details['legal_address']}",
        f"Банк: {details['bank_name']}, БИК {details['bik']}",
        f"Счёт {details['account']}, корр. счёт {details['corr_account']}",
        f"Договор № {contract.number} от {contract.start_date}",
        "",
        invoice.description,
        "",
        f"Оплатить до {invoice.due_date}. В назначении платежа укажите № {invoice.number}.",
    ]
    y = 255
    for line in lines:
        for start in range(0, max(len(line), 1), _LINE_CHARACTERS):
            canvas.drawString(20 * mm, y * mm, line[start : start + _LINE_CHARACTERS])
            y -= 7
    canvas.setFont(FONT, 14)
    canvas.drawString(20 * mm, (y - 6) * mm, f"Итого: {roubles(invoice.kopecks)} ₽")
    canvas.showPage()
    canvas.save()
    return written.getvalue()


@cache
def _register_font() -> None:
    found = find_spec("matplotlib")  # looked for, not imported: that takes seconds
    assert found is not None
    assert found.origin is not None
    path = Path(found.origin).parent / "mpl-data" / "fonts" / "ttf" / f"{FONT}.ttf"
    pdfmetrics.registerFont(TTFont(FONT, path))
