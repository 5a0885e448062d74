"""What the billing system says, read member by member: each is of its kind and within bounds, or none is believed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from common.clock import instant
from common.gateways.billing import CreditNote, Invoice, Payment, Refund, RefundState
from common.roubles import KOPECKS_MAX, TOTAL_KOPECKS_MAX, told_kopecks

CURRENCY = "RUB"
WORDS_MAX = 200  # characters of what it says
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_NUMBER = re.compile(r"[0-9A-Za-zА-Яа-яЁё][0-9A-Za-zА-Яа-яЁё/_.№ -]{0,63}")
_URL = re.compile(r"[\x21\x23-\x3b\x3d\x3f-\x7e]{1,512}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Garbage(Exception):
    """It can not be read."""


class NotBelieved(Garbage):
    """It can be read, and can not be: it is about something else than was asked, or of an impossible sum."""


def json_object(body: bytes) -> dict[str, Any]:
    """Raises Garbage."""
    try:
        found = json.loads(body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as unreadable:
        raise Garbage("not JSON") from unreadable
    if not isinstance(found, dict):
        raise Garbage("not a JSON object")
    return found


def text(said: dict[str, Any], name: str, kind: re.Pattern[str] = ID) -> str:
    """Raises Garbage."""
    value = said.get(name)
    if not isinstance(value, str) or not kind.fullmatch(value):
        raise Garbage(f"{name} is not text of the expected form")
    return value


def about(said: dict[str, Any], **asked: str) -> None:
    """Raises NotBelieved where it is about something else than was asked for, Garbage where it does not say."""
    for name, expected in asked.items():
        if text(said, name) != expected:
            raise NotBelieved(f"{name} is another than was asked for")


def total(said: dict[str, Any], name: str) -> int:
    """Of many sums, each of which is an amount. In kopecks. Raises Garbage, NotBelieved."""
    return amount(said, name, least=0, most=TOTAL_KOPECKS_MAX)


def amount(said: dict[str, Any], name: str = "amount", *, least: int = 1, most: int = KOPECKS_MAX) -> int:
    """In kopecks; roubles must be said too, in `currency`. Raises Garbage, NotBelieved."""
    if said.get("currency") != CURRENCY:
        raise NotBelieved(f"currency is not {CURRENCY}")
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise Garbage(f"{name} is neither text nor a number")
    try:
        found = told_kopecks(value, most)
    except ValueError as no_sum:
        raise NotBelieved(f"{name}: {words(str(no_sum))}") from None
    if found < least:
        raise NotBelieved(f"{name} is {value}")
    return found


def time(said: dict[str, Any], name: str) -> datetime:
    """Raises Garbage, NotBelieved."""
    try:
        found = instant(text(said, name, _TIME))
    except (ValueError, OverflowError):
        raise Garbage(f"{name} is not a time") from None
    if found < _EARLIEST:
        raise NotBelieved(f"{name} is before there was a desk")
    return found


def listed(said: dict[str, Any], most: int) -> Sequence[dict[str, Any]]:
    """The objects of `data`. Raises Garbage."""
    found = said.get("data")
    if not isinstance(found, list) or len(found) > most or not all(isinstance(each, dict) for each in found):
        raise Garbage(f"data is not a list of at most {most} objects")
    return found


def number(said: dict[str, Any], name: str) -> str:
    """As people write it. Raises Garbage."""
    return text(said, name, _NUMBER)


def invoice(said: dict[str, Any]) -> Invoice:
    """Raises Garbage, NotBelieved."""
    found = Invoice(
        invoice_id=text(said, "invoice_id"),
        external_id=text(said, "external_id"),
        contract_id=text(said, "contract_id"),
        number=number(said, "number"),
        amount_kopecks=amount(said),
        paid_kopecks=total(said, "paid_total"),
        credited_kopecks=amount(said, "credited_total", least=0),
        pdf_url=_link(said, "pdf_url"),
    )
    if found.credited_kopecks > found.amount_kopecks:
        raise NotBelieved("more is credited than was billed")
    return found


def _link(said: dict[str, Any], name: str) -> str:
    found = text(said, name, _URL)
    try:
        parts = urlsplit(found)
    except ValueError:
        raise Garbage(f"{name} is no link") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise Garbage(f"{name} is no link that a person could follow")
    return found


def credit_note(said: dict[str, Any]) -> CreditNote:
    """Raises Garbage, NotBelieved."""
    return CreditNote(text(said, "credit_note_id"), text(said, "external_id"), text(said, "invoice_id"), amount(said))


def refund(said: dict[str, Any]) -> Refund:
    """Raises Garbage, NotBelieved."""
    state = said.get("state")
    if not isinstance(state, str) or state not in [*RefundState]:
        raise Garbage(f"state is not one of {', '.join(RefundState)}")
    return Refund(
        refund_id=text(said, "refund_id"),
        external_id=text(said, "external_id"),
        contract_id=text(said, "contract_id"),
        amount_kopecks=amount(said),
        state=RefundState(state),
    )


def payment(said: dict[str, Any]) -> Payment:
    """Raises Garbage, NotBelieved."""
    named = said.get("invoice_id")
    return Payment(
        payment_id=text(said, "payment_id"),
        contract_id=text(said, "contract_id"),
        invoice_id=None if named is None else text(said, "invoice_id"),
        amount_kopecks=amount(said),
        at=time(said, "occurred_at"),
    )


def words(said: object) -> str:
    """Shortened and printable, so that a log line can carry it; "" where it is no text."""
    if not isinstance(said, str):
        return ""
    return "".join(c if c.isprintable() else " " for c in said[:WORDS_MAX]).strip()
