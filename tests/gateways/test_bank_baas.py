"""The bank's adapter against answers that no well-behaved bank gives."""

import json
from collections.abc import Callable
from datetime import date
from inspect import signature
from typing import Any

import pytest

from common.gateways.bank import (
    Adjustment,
    Adjustments,
    AdjustmentUnknown,
    BankRefused,
    BankUnavailable,
    State,
)
from common.gateways.bank.baas import WORDS_MAX, BaasBank
from common.money import Money
from tests.gateways.wire import Wire, http, row

GOOD: dict[str, Any] = {
    **row("id reference_id account_id direction", "adj-9", "pay-1", "a-1", "CREDIT"),
    **row("amount currency status failure_code", "123.45", "USD", "PENDING", None),
    **row("reason description metadata", "PAYOUT", "sale of 0.5 BTC", None),
    **row("created_at updated_at", "2026-11-21T09:30:00Z", "2026-11-21T09:30:00Z"),
}
BOOKED = Adjustment("adj-9", "pay-1", "a-1", Money("123.45"), State.PENDING)
AMOUNT = Money("123.45")


def found(*adjustments: object) -> bytes:
    return http({"data": adjustments}, "200 OK")


def credit(url: str, **options: Any) -> Adjustment:
    return BaasBank(url, "key", **options).credit("pay-1", "a-1", AMOUNT, "sale of 0.5 BTC")


def unavailable(answer: bytes, call: Callable[..., object] = credit) -> BankUnavailable:
    with Wire(answer) as bank, pytest.raises(BankUnavailable) as refusal:
        call(bank.url)
    assert len(bank.heads) == 1, "asked once"
    return refusal.value


def look_up(url: str, **options: Any) -> Adjustment:
    return BaasBank(url, "key", **options).find("pay-1")


# What is asked


@pytest.mark.parametrize("prefix", ["", "/", "/baas", "/baas/"])
def test_a_credit_is_asked_for_as_the_contract_says(prefix: str) -> None:
    with Wire(http(GOOD)) as bank:
        assert credit(bank.url + prefix) == BOOKED
    request, *headers = bank.heads[0].split("\r\n")
    assert request == f"POST {prefix.rstrip('/')}/v1/accounts/a-1/adjustments HTTP/1.1"
    named = dict(header.split(": ", 1) for header in headers)
    assert named["Authorization"] == "Bearer key"
    assert named["Idempotency-Key"] == "pay-1"
    assert named["Content-Type"] == "application/json"
    assert named["Connection"] == "close"
    assert json.loads(bank.bodies[0]) == {
        "reference_id": "pay-1",
        "direction": "CREDIT",
        "amount": "123.45",
        "currency": "USD",
        "reason": "PAYOUT",
        "description": "sale of 0.5 BTC",
    }


def test_a_look_up_is_asked_for_as_the_contract_says() -> None:
    with Wire(found(GOOD | {"reference_id": "a&b=c"})) as bank:
        BaasBank(bank.url, "key").find("a&b=c")
    assert bank.heads[0].startswith("GET /v1/adjustments?reference_id=a%26b%3Dc HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer key" in bank.heads[0]
    assert "Idempotency-Key" not in bank.heads[0]


@pytest.mark.parametrize(
    ("usd", "written"), [("0.01", "0.01"), ("5", "5.00"), ("1E+2", "100.00"), ("9999999999.99", "9999999999.99")]
)
def test_an_amount_is_sent_as_text_with_two_decimals(usd: str, written: str) -> None:
    with Wire(http(GOOD | {"amount": written})) as bank:
        assert BaasBank(bank.url, "key").credit("pay-1", "a-1", Money(usd), "sale").amount == Money(usd)
    assert json.loads(bank.bodies[0])["amount"] == written


def test_a_bank_may_call_our_dollars_otherwise() -> None:
    with Wire(http(GOOD | {"currency": "USX"})) as bank:
        assert credit(bank.url, currency="USX") == BOOKED
    assert json.loads(bank.bodies[0])["currency"] == "USX"


@pytest.mark.parametrize("usd", ["0", "0.00", "-0.01", "0.001", "1e-30", "1000000000000000", "1e50"])
def test_an_amount_that_is_no_credit_is_not_even_sent(usd: str) -> None:
    with Wire() as bank, pytest.raises(BankRefused) as refusal:
        BaasBank(bank.url, "key").credit("pay-1", "a-1", Money(usd), "sale")
    assert refusal.value.facts == {"bank_said": ""}


@pytest.mark.parametrize("account_id", ["", ".", "..", "a b", "a\nb", "é", "\ud800", "x" * 129])
def test_an_account_that_would_be_another_path_is_not_even_sent(account_id: str) -> None:
    with Wire() as bank, pytest.raises(BankRefused):
        BaasBank(bank.url, "key").credit("pay-1", account_id, AMOUNT, "sale")


def test_a_slash_in_an_account_does_not_leave_its_place() -> None:
    with Wire(http(GOOD | {"account_id": "../b/"})) as bank:
        BaasBank(bank.url, "key").credit("pay-1", "../b/", AMOUNT, "sale")
    assert bank.heads[0].startswith("POST /v1/accounts/..%2Fb%2F/adjustments HTTP/1.1\r\n")


# What is believed


@pytest.mark.parametrize("status", ["200 OK", "201 Created"])
@pytest.mark.parametrize(
    ("state", "code"), [("PENDING", None), ("COMPLETED", None), ("FAILED", None), ("FAILED", "ACCOUNT_CLOSED")]
)
def test_an_adjustment_is_taken_as_it_is(status: str, state: str, code: str | None) -> None:
    answer = GOOD | {"status": state, "failure_code": code, "colour": "blue"}
    expected = Adjustment("adj-9", "pay-1", "a-1", AMOUNT, State(state), code)
    with Wire(http(answer, status), found(answer)) as bank:
        assert credit(bank.url) == expected
        assert look_up(bank.url) == expected


@pytest.mark.parametrize("written", ["100", "100.0000", "0100.00", "1E+2", 100, 100.0])
def test_the_same_amount_is_believed_however_it_is_written(written: object) -> None:
    with Wire(http(GOOD | {"amount": written})) as bank:
        assert BaasBank(bank.url, "key").credit("pay-1", "a-1", Money("100.00"), "sale").amount == Money("100")
    with Wire(found(GOOD | {"amount": written})) as bank:
        assert BaasBank(bank.url, "key").find("pay-1").amount == Money("100")


def test_a_reason_for_a_failure_is_kept_short_and_printable() -> None:
    with Wire(found(GOOD | {"status": "FAILED", "failure_code": "NO\x1b[2J" + "x" * 5000})) as bank:
        code = look_up(bank.url).failure_code
    assert code is not None
    assert (len(code), code[:6]) == (WORDS_MAX, "NO [2J")


AMOUNTS = (
    -123.45,
    123.451,
    1234567890123456,
    True,
    None,
    ["123.45"],
    "-123.45",
    "+123.45",
    "123.451",
    "1.23451E+2",
    "123,45",
    " 123.45",
    "123.45\n",
)
WRONG_FIELDS: dict[str, tuple[object, ...]] = {
    "id": (None, "", "a b", "x" * 129, 9),
    "reference_id": (None, "pay-1 "),
    "account_id": (None, ["a-1"]),
    "direction": ("DEBIT", None),
    "amount": (*AMOUNTS, "NaN", "0.00", "١٢٣.٤٥", "1234567890123456.00"),
    "currency": ("EUR", "usd", None),
    "status": ("pending", "REVERSED", None, ["PENDING"]),
    "failure_code": ("ACCOUNT_CLOSED",),  # of one that has not failed
}
WRONG: list[dict[str, Any]] = [
    *({name: value} for name, values in WRONG_FIELDS.items() for value in values),
    {"status": "COMPLETED", "failure_code": "ACCOUNT_CLOSED"},
    {"status": "FAILED", "failure_code": 7},
    {"status": "FAILED", "failure_code": {}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_adjustment_that_is_none_is_not_believed(wrong: dict[str, Any]) -> None:
    numbers = isinstance(wrong.get("amount"), str | float) or type(wrong.get("amount")) is int
    impossible = wrong.keys() & {"direction", "currency"} or numbers
    facts = {"what": "not_believed" if impossible else "garbage"}
    assert unavailable(http(GOOD | wrong)).facts == facts
    assert unavailable(found(GOOD | wrong), look_up).facts == facts


@pytest.mark.parametrize("missing", ["id", "reference_id", "account_id", "direction", "amount", "currency", "status"])
def test_an_adjustment_with_something_missing_is_not_believed(missing: str) -> None:
    answer = {name: value for name, value in GOOD.items() if name != missing}
    assert unavailable(http(answer)).facts["what"] in ("garbage", "not_believed")


@pytest.mark.parametrize(
    "other", [{"reference_id": "pay-2"}, {"account_id": "a-2"}, {"amount": "123.46"}, {"amount": "1.00"}], ids=str
)
def test_an_answer_about_something_else_is_not_believed(other: dict[str, Any]) -> None:
    assert unavailable(http(GOOD | other, "200 OK")).facts == {"what": "not_believed"}


def test_a_look_up_answered_with_another_reference_is_not_believed() -> None:
    assert unavailable(found(GOOD | {"reference_id": "pay-2"}), look_up).facts == {"what": "not_believed"}


BODIES = [
    *(b"[]", b'{"data": null}', b'{"data": {}}', b'{"data": "none"}', b'{"data": [null]}', b'{"data": [[]]}'),
    *(b'{"data": []', b'{"error": "no such thing"}', b'{"data": 1e9999999999999999999999}'),
    pytest.param(b"1" * 5000, id="too long a number"),
]


@pytest.mark.parametrize("body", BODIES)
def test_an_answer_that_can_not_be_read_decides_nothing(body: bytes) -> None:
    assert unavailable(http(body)).facts == {"what": "garbage"}
    assert unavailable(http(body, "200 OK"), look_up).facts == {"what": "garbage"}


def test_two_adjustments_of_one_reference_are_not_chosen_from() -> None:
    assert unavailable(found(GOOD, GOOD), look_up).facts == {"what": "garbage"}


def test_only_an_empty_list_says_that_nothing_was_booked() -> None:
    with Wire(found()) as bank, pytest.raises(AdjustmentUnknown) as unknown:
        look_up(bank.url)
    assert unknown.value.facts == {"reference_id": "pay-1"}


# The definite no


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        *(("insufficient funds in the account that it is paid from", True), ("INSUFFICIENT_FUNDS", True)),
        *(("the account is closed", False), ("the account has a limit", False), ("", False)),
    ],
)
def test_that_the_desks_account_is_empty_is_told_from_a_no_to_the_credit(said: str, ours: bool) -> None:
    with Wire(http({"error": said}, "422 Unprocessable Entity")) as bank, pytest.raises(BankRefused) as refusal:
        credit(bank.url)
    assert refusal.value.ours is ours


@pytest.mark.parametrize(("status", "ours"), [("401 Unauthorized", True), ("403 Forbidden", True), ("500 Oh", False)])
def test_a_bank_that_does_not_let_us_in_is_ours_to_mend(status: str, ours: bool) -> None:
    assert unavailable(http({"error": "who?"}, status)).alarm == ("DeskRefused" if ours else None)


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_the_definite_no_has_the_banks_words(status: str) -> None:
    with Wire(http({"error": "the account is closed"}, status)) as bank, pytest.raises(BankRefused) as refusal:
        credit(bank.url)
    assert refusal.value.facts == {"bank_said": "the account is closed"}
    assert refusal.value.detail == "the bank refuses the credit: the account is closed"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": {"code": 7, "message": "closed"}}, "closed"),
        ({"error": "x" * 5000}, "x" * WORDS_MAX),
        ({"error": "line\r\nline\x1b[2J"}, "line  line [2J"),
        ({"error": {"code": 7}}, ""),
        ({"error": None}, ""),
        ({}, ""),
    ],
)
def test_the_banks_words_are_bounded_and_may_be_missing(answer: object, said: str) -> None:
    with Wire(http(answer, "422 Unprocessable Entity")) as bank, pytest.raises(BankRefused) as refusal:
        credit(bank.url)
    assert refusal.value.facts == {"bank_said": said}


@pytest.mark.parametrize("body", [b"", b"<h1>400 Bad Request</h1>", b"[]", b'"no"'])
@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_no_that_is_not_the_banks_own_decides_nothing(status: str, body: bytes) -> None:
    assert unavailable(http(body, status)).facts == {"what": "garbage"}
    page = http({"error": "closed"}, status, "Content-Type: text/html")
    assert unavailable(page).facts == {"what": "garbage"}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_look_up_can_not_be_refused(status: str) -> None:
    assert unavailable(http({"error": "what?"}, status), look_up).facts == {"what": "denied"}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_half_a_no_decides_nothing(status: str) -> None:
    assert unavailable(http({"error": "closed"}, status)[:-1]).facts == {"what": "connection"}
    assert unavailable(f"HTTP/1.1 {status}\r\nContent-Le".encode()).facts == {"what": "garbage"}


# Time


def test_a_call_ends_within_ten_seconds_unless_told_otherwise() -> None:
    seconds = {name: value.default for name, value in signature(BaasBank).parameters.items()}
    assert seconds["connect_seconds"] + seconds["read_seconds"] < 10


@pytest.mark.parametrize("account_id", ["a-1", "40817810099910004312"])
def test_what_the_bank_says_of_a_failure_has_no_number_of_an_account_in_it(account_id: str) -> None:
    """It is logged, and shown in the machine's history."""
    words = f"closed: {account_id.upper()}, 4081 7810 0999 1000 4312"
    failed = GOOD | {"account_id": account_id, "status": "FAILED", "failure_code": words}
    with Wire(found(failed)) as bank:
        assert look_up(bank.url).failure_code == "closed: …, …"
    with (
        Wire(http({"error": {"message": words}}, "422 Unprocessable Entity")) as bank,
        pytest.raises(BankRefused) as no,
    ):
        BaasBank(bank.url, "key").credit("pay-1", account_id, AMOUNT, "sale")
    assert no.value.facts == {"bank_said": "closed: …, …"}


def listed(url: str) -> object:
    return BaasBank(url, "key").adjustments(date(2026, 11, 21), "adj-8")


def test_a_day_is_asked_for_as_the_contract_says() -> None:
    with Wire(http({"data": [GOOD], "next": "adj-9"}, "200 OK")) as bank:
        assert listed(bank.url) == Adjustments([BOOKED], "adj-9")
    request = "GET /v1/adjustments?created_on=2026-11-21&limit=50&after=adj-8 HTTP/1.1\r\n"
    assert bank.heads[0].startswith(request)


@pytest.mark.parametrize(
    "told",
    [
        {"data": None, "next": None},
        {"data": [GOOD] * 51, "next": None},
        {"data": [GOOD | {"amount": "-1"}], "next": None},
        {"data": [GOOD], "next": "adj-8"},  # where it has begun: it would never end
        {"data": [], "next": "adj-9"},
        {"data": [GOOD], "next": 7},
        {"data": [GOOD], "next": "a b"},
    ],
)
def test_a_list_that_can_not_be_is_not_believed(told: dict[str, Any]) -> None:
    assert unavailable(http(told, "200 OK"), listed).facts["what"] in ("garbage", "not_believed")
