"""Requisites: what is published is accepted, and a wrong digit is seen wherever a check can see it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from stdnum.ru import inn as stdnum_inn
from stdnum.ru import ogrn as stdnum_ogrn

from common.requisites import (
    PayerKind,
    Requisites,
    account_fits,
    inn_fits,
    ogrn_fits,
    violations,
)
from tests.depth import deep

COMPANY = Requisites(
    kind=PayerKind.COMPANY,
    name="ООО «Автосалон»",
    inn="7707083893",
    kpp="773601001",
    ogrn="1027700132195",
    legal_address="117997, Москва, ул. Вавилова, 19",
    post_address="117997, Москва, ул. Вавилова, 19",
    bank_name="ПАО Сбербанк",
    bik="044525225",
    account="40702810938000000001",
    correspondent_account="30101810400000000225",
)
ENTREPRENEUR = replace(
    COMPANY,
    kind=PayerKind.ENTREPRENEUR,
    name="ИП Иванов Иван Иванович",
    inn="500100732259",
    kpp=None,
    ogrn="304500116000157",
)
BOTH = pytest.mark.parametrize("good", [COMPANY, ENTREPRENEUR], ids=lambda good: good.kind)

INNS = ("7707083893", "7736207543", "7736050003", "7708004767", "3664069397", "500100732259", "123456789047")
OGRNS = ("1027700132195", "1027700229193", "1027700070518", "1027700035769", "304500116000157")
ACCOUNTS = (("40702810938000000001", "044525225"), ("40702810932000023844", "044030786"))
CORRESPONDENT_ACCOUNTS = (
    ("30101810400000000225", "044525225"),
    ("30101810145250000974", "044525974"),
    ("30101810600000000786", "044030786"),
    ("30101810200000000593", "044525593"),
)


def slips(number: str) -> Iterator[str]:
    """The number with one digit wrong, in every way."""
    for at, right in enumerate(number):
        yield from (number[:at] + wrong + number[at + 1 :] for wrong in "0123456789" if wrong != right)


# What is published


@BOTH
def test_right_requisites_violate_nothing(good: Requisites) -> None:
    assert violations(good) == {}


@pytest.mark.parametrize("inn", INNS)
def test_every_published_inn_is_accepted(inn: str) -> None:
    assert inn_fits(inn)
    assert "inn" not in violations(replace(COMPANY if len(inn) == 10 else ENTREPRENEUR, inn=inn))


@pytest.mark.parametrize("ogrn", OGRNS)
def test_every_published_ogrn_is_accepted(ogrn: str) -> None:
    assert ogrn_fits(ogrn)
    assert "ogrn" not in violations(replace(COMPANY if len(ogrn) == 13 else ENTREPRENEUR, ogrn=ogrn))


@pytest.mark.parametrize(("account", "bik"), ACCOUNTS)
def test_every_published_account_is_accepted(account: str, bik: str) -> None:
    assert "account" not in violations(replace(COMPANY, account=account, bik=bik))


@pytest.mark.parametrize(("account", "bik"), CORRESPONDENT_ACCOUNTS)
def test_every_published_correspondent_account_is_accepted(account: str, bik: str) -> None:
    assert "correspondent_account" not in violations(replace(COMPANY, correspondent_account=account, bik=bik))


# One digit wrong


@pytest.mark.parametrize("inn", INNS)
def test_of_an_inn_each_wrong_digit_is_seen_that_another_library_sees(inn: str) -> None:
    seen = {slip for slip in slips(inn) if not inn_fits(slip)}
    assert seen == {slip for slip in slips(inn) if not stdnum_inn.is_valid(slip)}
    assert len(seen) >= len(inn) * 9 * 0.9


@pytest.mark.parametrize("ogrn", [ogrn for ogrn in OGRNS if len(ogrn) == 13])
def test_of_an_ogrn_each_wrong_digit_is_seen_that_another_library_sees(ogrn: str) -> None:
    """Its last digit, and its first ones in all ways that leave it an OGRN, which the other library looks at too."""
    wrong = [slip for slip in slips(ogrn) if slip[0] in "15"]
    assert {slip for slip in wrong if not ogrn_fits(slip)} == {s for s in wrong if not stdnum_ogrn.is_valid(s)}
    assert sum(not ogrn_fits(slip) for slip in slips(ogrn)) >= len(ogrn) * 9 * 0.9


def test_of_an_ogrnip_a_wrong_digit_is_seen_unless_its_remainder_ends_alike() -> None:
    """Remainders by 13 are 0 to 12, so 0 and 10, 1 and 11, 2 and 12 look alike. The other library takes the digit for
    the whole remainder, which refuses what is right: the long way is written out here instead."""
    right = "304500116000157"
    for slip in slips(right):
        remainder = 0
        for digit in slip[:14]:
            remainder = (remainder * 10 + int(digit)) % 13
        assert ogrn_fits(slip) is (str(remainder)[-1] == slip[14])
    assert sum(not ogrn_fits(slip) for slip in slips(right)) >= 15 * 9 * 0.8


def test_a_number_of_a_register_begins_as_the_register_says() -> None:
    """1 and 5 of companies, 3 of entrepreneurs; others, zeros above all, are no one's, whatever their check says."""
    for of, length, begin in ((COMPANY, 13, "15"), (ENTREPRENEUR, 15, "3")):
        for first in "0123456789":
            number = first + of.ogrn[1 : length - 1]
            ogrn = f"{number}{int(number) % (length - 2) % 10}"
            assert ogrn_fits(ogrn)
            assert ("ogrn" in violations(replace(of, ogrn=ogrn))) is (first not in begin)
    assert "ogrn" in violations(replace(COMPANY, ogrn="0" * 13))


def test_an_ogrnip_with_any_remainder_is_accepted() -> None:
    """As those are of whom the other library refuses 23 of 100."""
    numbers = [f"30450011600{n:03}" for n in range(100)]
    assert {int(number) % 13 for number in numbers} == set(range(13))
    assert all(ogrn_fits(f"{number}{int(number) % 13 % 10}") for number in numbers)


@pytest.mark.parametrize(("account", "bik"), ACCOUNTS)
def test_of_an_account_every_wrong_digit_is_seen(account: str, bik: str) -> None:
    for slip in slips(account):
        assert "account" in violations(replace(COMPANY, account=slip, bik=bik))


@pytest.mark.parametrize(("account", "bik"), CORRESPONDENT_ACCOUNTS)
def test_of_a_correspondent_account_every_wrong_digit_is_seen(account: str, bik: str) -> None:
    for slip in slips(account):
        assert "correspondent_account" in violations(replace(COMPANY, correspondent_account=slip, bik=bik))


def test_of_a_bik_a_wrong_digit_is_seen_where_an_account_depends_on_it() -> None:
    """Which are the region's two and the bank's three; and the first two can be nothing but 04."""
    for at in (0, 1, 4, 5, 6, 7, 8):
        for wrong in set("0123456789") - {COMPANY.bik[at]}:
            assert violations(replace(COMPANY, bik=COMPANY.bik[:at] + wrong + COMPANY.bik[at + 1 :]))


@pytest.mark.parametrize("fits", [inn_fits, ogrn_fits])
def test_about_one_random_number_in_ten_carries_a_right_check(fits: Callable[[str], bool]) -> None:
    """So the check is one, and looks at the whole number."""
    random, length = Random(7), 10 if fits is inn_fits else 13
    tried = deep(2_000, 20_000)
    numbers = [f"{random.randrange(10 ** (length - 1), 10**length)}" for _ in range(tried)]
    assert 0.07 < sum(map(fits, numbers)) / tried < 0.13
    if fits is inn_fits:
        assert [*map(fits, numbers)] == [*map(stdnum_inn.is_valid, numbers)]


def test_twelve_digits_are_checked_as_another_library_checks_them() -> None:
    random = Random(7)
    for _ in range(deep(500, 5_000)):
        ten = f"{random.randrange(10**9, 10**10)}"
        valid = [f"{ten}{last:02}" for last in range(100) if inn_fits(f"{ten}{last:02}")]
        assert len(valid) == 1
        assert stdnum_inn.is_valid(valid[0])


def test_an_account_at_the_central_bank_itself_is_checked_as_a_banks() -> None:
    assert account_fits("30101810400000000225", "044525000")
    assert not account_fits("30101810400000000225", "044525225")


# Every field


@BOTH
@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        *((name, "") for name in ("name", "legal_address", "post_address", "bank_name")),
        *((name, "x" * 256) for name in ("name", "legal_address", "post_address", "bank_name")),
        *(("name", "ООО\n"), ("name", " ООО"), ("bank_name", "a\x1b[2Jb"), ("post_address", " ")),
        *(("inn", ""), ("inn", "770708389"), ("inn", "77070838933"), ("inn", "770708389a"), ("inn", "٧٧٠٧٠٨٣٨٩٣")),
        *(("inn", "0000000000"), ("inn", "000000000000"), ("inn", "7707083893 ")),
        *(("ogrn", ""), ("ogrn", "10277001321951"), ("ogrn", "102770013219х"), ("ogrn", "+30450011600015")),
        *(("bik", ""), ("bik", "44525225"), ("bik", "144525225"), ("bik", "0445252255"), ("bik", "04452522a")),
        *(("account", ""), ("account", "4070281093800000000"), ("account", "4070281093800000000a")),
        *(("correspondent_account", ""), ("correspondent_account", "301018104000000002255")),
        *(("kpp", ""), ("kpp", "77360100"), ("kpp", "7736010011"), ("kpp", "007701001"), ("kpp", "7736aa001")),
    ],
)
def test_what_is_wrong_is_told_of_the_field_that_it_is_of(good: Requisites, field: str, wrong: str) -> None:
    changed: dict[str, Any] = {field: wrong}
    found = violations(replace(good, **changed))
    assert found.keys() == {field}
    assert wrong not in found[field] or not wrong.strip()


def test_a_companys_numbers_are_not_an_entrepreneurs() -> None:
    assert violations(replace(ENTREPRENEUR, kind=PayerKind.COMPANY)).keys() == {"inn", "kpp", "ogrn"}
    assert violations(replace(COMPANY, kind=PayerKind.ENTREPRENEUR)).keys() == {"inn", "kpp", "ogrn"}


@pytest.mark.parametrize("kpp", ["773601001", "997950001", "7736AA001", "770143001"])
def test_a_kpp_may_have_capital_letters_in_the_middle(kpp: str) -> None:
    assert violations(replace(COMPANY, kpp=kpp)) == {}


def test_everything_that_is_wrong_is_told_at_once() -> None:
    bad = replace(COMPANY, inn="1", kpp=None, ogrn="2", bik="3", account="4", correspondent_account="5", name="")
    assert violations(bad).keys() == {"name", "inn", "kpp", "ogrn", "bik", "account", "correspondent_account"}


def test_nothing_of_requisites_is_shown_where_they_are_printed() -> None:
    shown = f"{COMPANY} {COMPANY!r} {[COMPANY]}"
    assert shown.count("Requisites(COMPANY, …)") == 3
    assert not any(value in shown for value in (COMPANY.inn, COMPANY.account, COMPANY.name))
