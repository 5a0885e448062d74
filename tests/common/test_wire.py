"""What the API's document lets pass of a text is what is read of it: nobody writes as he is told and is refused for his
form."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]
from pydantic import TypeAdapter, ValidationError

from common.http import _parsed
from common.wire import (
    Amount,
    AmountOrAll,
    AmountOrZero,
    Day,
    Dollars,
    DollarsOrZero,
    FeesInCoins,
    Instant,
    Roubles,
)
from functions.market_making.api.door import Payable

AMOUNTS = (
    *("0", "0.0", "0.00", "00", "01", "1", "1.", ".5", "1.5", "1.05", "1.50", "1.500", "1.501", "0.001", "0.000", "-1"),
    *("999999999999999", "9999999999999999", "0.000000000000000001", "0.000000000000000000", "0.0000000000000000001"),
    *("1.000000000000000000", "1.0000000000000000000", "1.00000001", "1.000000010", "1.000000001", "1.0000000010"),
    *("9999999999.99", "99999999999.99", "0.01", "1e2", "1,5", "٣", "1.٥", "all", "ALL", "", " 1", "1 ", "NaN"),
)
FEES = (
    *("1 BNB", "0 BNB", "1 BNB, 2 SOL", "1 BNB, 2 BNB", "1 BNB, 2 SOL, 3 BNB", "1 BNB, 2 SOL, 3 BTC", "1 BNB,2 SOL"),
    *("1 A, 2 AB", "1 AB, 2 A", "1 A, 2 B, 3 C, 4 D, 5 E", "1 A, 2 B, 3 C, 4 D, 5 E, 6 F", "1 A, 2 B, 3 C, 4 D, 5 A"),
    *("٣ BNB", "1BNB", "1 bnb", "", "1 BNB, "),
)
TIMES = (
    *("2026-11-21T09:30:00Z", "2026-11-21T09:30:00.1Z", "2026-11-21T09:30:00.123456789Z", "2026-11-21t09:30:00z"),
    *("2026-11-21T09:30:00.1234567890Z", "2026-11-21 09:30:00+14:00", "2026-11-21T09:30:00-23:59", "2026-11-21T09:30Z"),
    *("2026-11-21T09:30:00+24:00", "2026-11-21T09:30:60Z", "2026-11-21T24:00:00Z", "2026-11-21T09:60:00Z"),
    *("2026-02-29T09:30:00Z", "2028-02-29T09:30:00Z", "2026-13-01T00:00:00Z", "2026-11-21T09:30:00", "2026-11-21"),
    *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00-14:00", "0001-01-01T00:00:00+00:01"),
    *("0001-01-02T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59+14:00", "1795262400", "now"),
    *("9999-12-31T23:59:59-14:00", "9999-12-30T23:59:59-14:00", "٢٠٢٦-11-21T09:30:00Z", ""),
)
DAYS = (
    *("2026-11-21", "2026-02-28", "2026-02-29", "2028-02-29", "2026-13-01", "2026-00-01", "2026-11-31", "2026-11-00"),
    *("0000-01-01", "0001-01-01", "9999-12-31", "20261121", "2026-W47-6", "2026-1-1", "٢٠٢٦-١١-٢١", "today", ""),
)
WORDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    **{
        kind: (type_, AMOUNTS)
        for kind, type_ in {
            "Amount": Amount,
            "AmountOrZero": AmountOrZero,
            "AmountOrAll": AmountOrAll,
            "Dollars": Dollars,
            "DollarsOrZero": DollarsOrZero,
            "Payable": Payable,
            "Roubles": Roubles,
        }.items()
    },
    "FeesInCoins": (FeesInCoins, FEES),
    "Instant": (Instant, TIMES),
    "Day": (Day, DAYS),
}

_formats = FormatChecker(formats=())
_formats.checks("date", raises=ValueError)(lambda written: bool(date.fromisoformat(written)))
_formats.checks("date-time", raises=ValueError)(lambda written: bool(date.fromisoformat(written[:10])))


@pytest.mark.parametrize("kind", WORDS)
def test_what_the_document_lets_pass_is_read_and_nothing_else(kind: str) -> None:
    type_, words = WORDS[kind]
    adapter: TypeAdapter[Any] = TypeAdapter(type_)
    told = Draft202012Validator(adapter.json_schema(), format_checker=_formats)
    passing = {word: told.is_valid(word) for word in words}
    assert passing == {word: _read(adapter, word) for word in words}
    assert {*passing.values()} == {True, False}


def _read(adapter: TypeAdapter[Any], word: str) -> bool:
    try:
        adapter.validate_python(word)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("written", "number"),
    [
        *(("3.0", 3), ("-0.0", 0), ("9007199254740993.000", 9007199254740993)),
        *(("1.5", 1.5), ("1.05", 1.05), ("3e2", 300.0), ("1e-400", 0.0), ("1e400", float("inf"))),
    ],
)
def test_a_whole_number_with_a_point_is_one(written: str, number: float) -> None:
    """So JSON Schema has it. What has an exponent may be rounded, and stays no whole number."""
    read = _parsed(f'{{"limit": {written}}}')["limit"]
    assert (type(read), read) == (type(number), number)
