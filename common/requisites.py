"""Requisites of who pays in Russia, a company or a sole entrepreneur, and the checks that their numbers carry.

    INN      taxpayer's number      10 digits of a company, 12 of an entrepreneur; the last one or two are a check
    KPP      why it is registered   9 characters, companies only; without a check
    OGRN     state registration     13 digits of a company, from 1 or 5 on, 15 of an entrepreneur (OGRNIP), from 3 on;
                                    the last one is a check
    BIK      the bank               9 digits, from 04 on; without a check
    account  at the bank            20 digits, with a check over the BIK's and its own
    correspondent account           the bank's at the central bank, 20 digits, checked likewise

Sources: INN, KPP: the tax service's formats of files, which name their types and checks; OGRN, OGRNIP: the rules of
the state registers; accounts: the central bank's order of computing an account's control key (No. 515 of 8.9.1997).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

FORGOTTEN = "his requisites are forgotten: he gives them anew first"  # the key under which they were sealed is
TEXT_MAX = 255  # characters of a name or an address
HIDDEN = "…"

_DIGITS = re.compile(r"[0-9]+")
_LONG_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9]){4,}")  # also one that was cut short, or written in groups
_KPP = re.compile(r"(?!00)[0-9]{4}[0-9A-Z]{2}[0-9]{3}")
_BIK = re.compile(r"04[0-9]{7}")
_ACCOUNT = re.compile(r"[0-9]{20}")
_INN_COMPANY = (2, 4, 10, 3, 5, 9, 4, 6, 8)
_INN_LAST_BUT_ONE = (7, *_INN_COMPANY)
_INN_LAST = (3, *_INN_LAST_BUT_ONE)
_KEY = (7, 1, 3)  # again and again
_OGRN, _OGRNIP = frozenset("15"), frozenset("3")  # their first digit: others are of other entries of the registers
_UNITS_OF_THE_CENTRAL_BANK = frozenset({"000", "001", "002"})  # the end of their BIKs


class PayerKind(StrEnum):
    COMPANY = "COMPANY"
    ENTREPRENEUR = "ENTREPRENEUR"


@dataclass(frozen=True, repr=False)
class Requisites:
    """As somebody wrote them: `violations` says what is wrong. They are never shown in a log line, and so not by
    `repr`. kpp: None for an entrepreneur."""

    kind: PayerKind
    name: str
    inn: str
    kpp: str | None
    ogrn: str  # OGRNIP of an entrepreneur
    legal_address: str
    post_address: str
    bank_name: str
    bik: str
    account: str
    correspondent_account: str

    def __repr__(self) -> str:
        return f"Requisites({self.kind}, …)"

    def hidden_in(self, words: str) -> str:
        """The words of somebody who may repeat them, without them."""
        return without_numbers(words, *(value for name, value in vars(self).items() if name != "kind" and value))


def without_numbers(words: str, *told: str) -> str:
    """The words of somebody who may repeat what he was told, without that, and without any number as long as those of
    accounts and cards are: they may be logged."""
    for value in sorted(told, key=len, reverse=True):
        words = re.sub(re.escape(value), HIDDEN, words, flags=re.IGNORECASE)
    return _LONG_NUMBER.sub(HIDDEN, words)


def violations(of: Requisites) -> dict[str, str]:
    """What is wrong, by field; empty where nothing is. What a field held is not said again."""
    return dict(_violations(of))


def _violations(of: Requisites) -> Iterator[tuple[str, str]]:
    for name in ("name", "legal_address", "post_address", "bank_name"):
        written = getattr(of, name)
        if not (0 < len(written) <= TEXT_MAX and written.isprintable() and written == written.strip()):
            yield name, f"must be 1 to {TEXT_MAX} printable characters, without a space at either end"
    company = of.kind is PayerKind.COMPANY
    if wrong := _number(of.inn, 10 if company else 12, inn_fits):
        yield "inn", wrong
    elif of.inn.startswith("00"):
        yield "inn", "begins with 00, which is no region"
    if company and (of.kpp is None or not _KPP.fullmatch(of.kpp)):
        yield "kpp", "must be 4 digits, 2 digits or capital letters, and 3 digits; the first two digits are not 00"
    if not company and of.kpp is not None:
        yield "kpp", "an entrepreneur has none: leave it out"
    if wrong := _number(of.ogrn, 13 if company else 15, ogrn_fits):
        yield "ogrn", wrong
    elif of.ogrn[0] not in (_OGRN if company else _OGRNIP):
        yield "ogrn", f"begins with {of.ogrn[0]}, as no such number does"
    yield from _violations_at_the_bank(of)


def _violations_at_the_bank(of: Requisites) -> Iterator[tuple[str, str]]:
    known = _BIK.fullmatch(of.bik) is not None
    if not known:
        yield "bik", "must be 9 digits, of which the first two are 04"
    checks = (("account", of.account, account_fits), ("correspondent_account", of.correspondent_account, _bank_fits))
    for name, number, fits in checks:
        if not _ACCOUNT.fullmatch(number):
            yield name, "must be 20 digits"
        elif known and not fits(number, of.bik):
            yield name, "does not fit the BIK: a digit of it, or of the BIK, is wrong"


def _number(written: str, length: int, fits: Callable[[str], bool]) -> str | None:
    if len(written) != length or not _DIGITS.fullmatch(written):
        return f"must be {length} digits"
    return None if fits(written) else "a digit is wrong: its check does not come out"


def inn_fits(inn: str) -> bool:
    """Of 10 or 12 digits."""
    if len(inn) == 10:
        return _check(inn, _INN_COMPANY)
    return _check(inn[:11], _INN_LAST_BUT_ONE) and _check(inn, _INN_LAST)


def _check(digits: str, weights: Sequence[int]) -> bool:
    """Is the last digit what the weights make of the others?"""
    return _weighed(digits[:-1], weights) % 11 % 10 == int(digits[-1])


def ogrn_fits(ogrn: str) -> bool:
    """Of 13 or 15 digits: the remainder by 11 or by 13, its last digit."""
    return int(ogrn[:-1]) % (len(ogrn) - 2) % 10 == int(ogrn[-1])


def account_fits(account: str, bik: str) -> bool:
    """Of 20 and 9 digits. An account at a unit of the central bank itself is checked as a bank's is."""
    if bik[-3:] in _UNITS_OF_THE_CENTRAL_BANK:
        return _bank_fits(account, bik)
    return _has_key(bik[-3:] + account)


def _bank_fits(account: str, bik: str) -> bool:
    return _has_key("0" + bik[4:6] + account)


def _has_key(digits: str) -> bool:
    """By the last digits of the products of 23 digits with 7, 1, 3, 7, …; that of the sum is 0."""
    return _weighed(digits, _KEY * 8) % 10 == 0


def _weighed(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))
