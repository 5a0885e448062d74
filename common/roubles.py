"""Roubles: text with two decimals on every wire, whole kopecks inside. Names of such numbers end in `_kopecks`."""

from __future__ import annotations

import re

from common.money import fraction_digits, told_number

_DIGITS_MAX = 10
KOPECKS_MAX = 10 ** (_DIGITS_MAX + 2) - 1  # of one sum: 9,999,999,999.99 roubles
TOTAL_KOPECKS_MAX = 10**15 - 1  # of many sums together: 9,999,999,999,999.99 roubles
PATTERN = rf"^(0|[1-9][0-9]{{0,{_DIGITS_MAX - 1}}})\.[0-9]{{2}}$"


def roubles(kopecks: int) -> str:
    """`roubles(-105) == "-1.05"`."""
    whole, part = divmod(abs(kopecks), 100)
    return f"{'-' if kopecks < 0 else ''}{whole}.{part:02}"


def kopecks(written: str) -> int:
    """`kopecks("1.05") == 105`. From 0 to KOPECKS_MAX, with exactly two decimals. Raises ValueError."""
    if not re.fullmatch(PATTERN, written):
        raise ValueError(f'{written[:40]!r} is no sum; write roubles with two decimals, such as "100.00"')
    return int(written.replace(".", ""))


def told_kopecks(told: object, most: int = KOPECKS_MAX) -> int:
    """What others write, however they write it (`common.money.told_number`): `told_kopecks("1.0500") == 105`. From 0 to
    `most`. Raises ValueError."""
    number = told_number(told)
    if number is None or fraction_digits(number) > 2 or number.scaleb(2) > most:
        raise ValueError(f"{str(told)[:40]!r} is no sum of roubles")
    return int(number.scaleb(2))
