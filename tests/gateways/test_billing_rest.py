"""The billing system's adapter: what it asks, and against answers that no well-behaved billing system gives."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from inspect import signature
from typing import Any

import pytest

from common.gateways.billing import (
    PAGE_MAX,
    BillingRefused,
    BillingUnavailable,
    BillingUnknown,
    CreditNote,
    Invoice,
    Refund,
    RefundState,
    Service,
    Standing,
)
from common.gateways.billing.reading import WORDS_MAX
from common.gateways.billing.rest import RestBilling
from sandbox.billing.face import API_KEY, BillingFace
from sandbox.billing.faults import Fault, Faults, Operation
from sandbox.billing.records import Client
from sandbox.billing.system import BillingSystem
from sandbox.faults import RETRY_AFTER_SECONDS
from sandbox.serving import serve
from tests.common.test_requisites import COMPANY
from tests.gateways.test_billing_contract import NOON
from tests.gateways.wire import Wire, http, row

DUE = date(2026, 12, 29)
INVOICE: dict[str, Any] = {
    **row("invoice_id external_id contract_id number", "inv-1", "bill-1", "con-1", "А-7"),
    **row("amount paid_total credited_total currency", "1234.56", "0.00", "34.56", "RUB"),
    "pdf_url": "https://billing.example/documents/0123.pdf",
}
CREDIT = row("credit_note_id external_id invoice_id amount currency", "cre-1", "credit-1", "inv-1", "34.56", "RUB")
REFUND = row(
    "refund_id external_id contract_id amount currency state", "ref-1", "refund-1", "con-1", "5.00", "RUB", "PENDING"
)
PAYMENT = row(
    "payment_id contract_id invoice_id amount currency occurred_at",
    *("pay-1", "con-1", None, "100.00", "RUB", "2026-11-29T09:30:00Z"),
)
CONTRACT = row("contract_id paid_total refunded_total currency", "con-1", "300.00", "100.00", "RUB")
MADE = Invoice("inv-1", "bill-1", "con-1", "А-7", 123_456, 0, 3_456, INVOICE["pdf_url"])

Call = Callable[[RestBilling], object]
CALLS: dict[str, tuple[Call, dict[str, Any]]] = {
    "invoice": (lambda b: b.create_invoice("bill-1", "con-1", 123_456, "за сделку 1", DUE), INVOICE),
    "credit": (lambda b: b.create_credit_note("credit-1", "inv-1", 3_456, "дешевле"), CREDIT),
    "refund": (lambda b: b.refund("refund-1", "con-1", 500, "уходит"), REFUND),
    "find": (lambda b: b.invoice("inv-1"), INVOICE),
    "standing": (lambda b: b.standing("con-1"), CONTRACT),
    "invoices": (lambda b: b.invoices("con-1"), {"data": [INVOICE], "has_more": False}),
    "payments": (lambda b: b.payments("con-1"), {"data": [PAYMENT], "has_more": False}),
    "client": (lambda b: b.create_client("x", "Автосалон"), row("client_id external_id", "cli-1", "x")),
    "payer": (
        lambda b: b.create_payer("x", "cli-1", COMPANY),
        row("person_id client_id external_id", "per-1", "cli-1", "x"),
    ),
    "contract": (
        lambda b: b.create_contract("x", "cli-1", "per-1", Service.DEPOSIT, DUE),
        row("contract_id client_id external_id external_number", "con-1", "cli-1", "x", "00001/26"),
    ),
    "update": (lambda b: b.update_payer("per-1", COMPANY), {"person_id": "per-1"}),
}
MAKING = ("invoice", "credit", "refund", "client", "payer", "contract")
LOOKING = ("find", "standing", "invoices", "payments")


def said(name: str, answer: object, status: str = "200 OK", *headers: str) -> object:
    call, _ = CALLS[name]
    with Wire(answer if isinstance(answer, bytes) else http(answer, status, *headers)) as wire:
        return call(RestBilling(wire.url, "key"))


def unavailable(name: str, answer: object, status: str = "200 OK", *headers: str) -> dict[str, Any]:
    with pytest.raises(BillingUnavailable) as refusal:
        said(name, answer, status, *headers)
    return refusal.value.facts


# What is asked


def test_an_invoice_is_asked_for_as_the_contract_says() -> None:
    with Wire(http(INVOICE, "201 Created")) as wire:
        assert CALLS["invoice"][0](RestBilling(wire.url + "/api/", "key")) == MADE
    request, *headers = wire.heads[0].split("\r\n")
    assert request == "POST /api/v1/invoices HTTP/1.1"
    named = dict(header.split(": ", 1) for header in headers)
    assert (named["Authorization"], named["Idempotency-Key"]) == ("Bearer key", "bill-1")
    assert json.loads(wire.bodies[0]) == {
        "external_id": "bill-1",
        "contract_id": "con-1",
        "amount": "1234.56",
        "currency": "RUB",
        "description": "за сделку 1",
        "due_date": "2026-12-29",
    }


def test_a_page_is_asked_for_after_the_last() -> None:
    with Wire(http({"data": [], "has_more": False})) as wire:
        RestBilling(wire.url, "key").payments("con-1", "pay-9")
    assert wire.heads[0].startswith(f"GET /v1/contracts/con-1/payments?limit={PAGE_MAX}&after=pay-9 HTTP/1.1\r\n")
    assert "Idempotency-Key" not in wire.heads[0]


@pytest.mark.parametrize("strange", ["", ".", "..", "a/b", "a b", "é", "a?b", "x" * 65, "a\n", "../v2"])
def test_an_id_that_would_be_another_path_is_not_even_sent(strange: str) -> None:
    with Wire() as wire:
        billing = RestBilling(wire.url, "key")
        asks: list[Callable[[], object]] = [
            lambda: billing.create_client(strange, "Автосалон"),
            lambda: billing.create_payer("x", strange, COMPANY),
            lambda: billing.create_invoice("x", strange, 100, "за", DUE),
            lambda: billing.update_payer(strange, COMPANY),
        ]
        for ask in asks:
            with pytest.raises(BillingRefused) as refusal:
                ask()
            assert refusal.value.facts == {"billing_said": ""}
        for look in (billing.invoice, billing.invoices, billing.payments, billing.standing):
            with pytest.raises(BillingUnknown):
                look(strange)


@pytest.mark.parametrize("text", ["", " ", "x" * 256, "a\nb"])
def test_text_that_is_none_is_not_even_sent(text: str) -> None:
    with Wire() as wire, pytest.raises(BillingRefused):
        RestBilling(wire.url, "key").create_invoice("x", "con-1", 100, text, DUE)


# What is believed


@pytest.mark.parametrize("status", ["200 OK", "201 Created"])
def test_what_is_told_is_taken_as_it_is(status: str) -> None:
    assert said("invoice", INVOICE | {"colour": "blue"}, status) == MADE
    assert said("credit", CREDIT, status) == CreditNote("cre-1", "credit-1", "inv-1", 3_456)
    assert said("refund", REFUND, status) == Refund("ref-1", "refund-1", "con-1", 500, RefundState.PENDING)
    assert said("client", CALLS["client"][1], status) == "cli-1"
    assert said("standing", CONTRACT) == Standing(30_000, 10_000)


def test_more_may_have_come_for_an_invoice_than_it_is_of() -> None:
    found = said("find", INVOICE | {"paid_total": "9999.00"})
    assert isinstance(found, Invoice)
    assert found.paid_kopecks == 999_900


NOT_TEXT: tuple[object, ...] = (None, 7, [], {}, True)
NO_ID = (*NOT_TEXT, "", "a b", "x" * 65, "a/b", "é")
TOO_MUCH = "10000000000000.00"  # together
NO_SUM = (34.561, True, None, "-1.00", "1.001", "+1", "1,00", "NaN", "10000000000.00", "٠.٠٠")
NO_TOTAL = (*(each for each in NO_SUM if each != "10000000000.00"), TOO_MUCH)
WRONG: dict[str, dict[str, tuple[object, ...]]] = {
    "invoice": {
        "invoice_id": NO_ID,
        "external_id": (*NO_ID, "bill-2"),
        "contract_id": (*NO_ID, "con-2"),
        "number": (*NOT_TEXT, "", "x" * 65, "А\n7", "<b>"),
        "amount": (*NO_SUM, "0.00", "1234.57"),
        "paid_total": NO_TOTAL,
        "credited_total": (*NO_SUM, "1234.57"),
        "currency": (None, "USD", "rub"),
        "pdf_url": (
            *(*NOT_TEXT, "", "javascript:alert(1)", "ftp://a/b", "https://", "/x.pdf", "https://a b", 'https://"'),
            *("https://bank.example@evil.example/x.pdf", "https://[::1/x", "https://x/" + "x" * 512),
        ),
    },
    "credit": {"credit_note_id": NO_ID, "invoice_id": ("inv-2",), "amount": ("34.55", *NO_SUM), "currency": ("USD",)},
    "refund": {
        "refund_id": NO_ID,
        "contract_id": ("con-2",),
        "amount": ("5.01", *NO_SUM),
        "state": (*NOT_TEXT, "done", "PAID"),
    },
    "find": {"invoice_id": ("inv-2", *NO_ID), "amount": ("0.00",)},
    "standing": {"contract_id": ("con-2",), "paid_total": (*NO_TOTAL, "99.99"), "currency": ("EUR",)},
    "client": {"client_id": NO_ID, "external_id": ("y",)},
    "payer": {"person_id": NO_ID, "client_id": ("cli-2",), "external_id": ("y",)},
    "contract": {"contract_id": NO_ID, "client_id": ("cli-2",), "external_number": (*NOT_TEXT, "")},
    "update": {"person_id": ("per-2", *NO_ID)},
}
EACH_WRONG = [(name, field, value) for name, of in WRONG.items() for field, values in of.items() for value in values]


@pytest.mark.parametrize(("name", "field", "value"), EACH_WRONG)
def test_what_can_not_be_is_not_believed(name: str, field: str, value: object) -> None:
    assert unavailable(name, CALLS[name][1] | {field: value})["what"] in ("garbage", "not_believed")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payment_id", None),
        ("contract_id", "con-2"),
        ("invoice_id", 7),
        ("amount", "0.00"),
        ("currency", "USD"),
        ("occurred_at", "yesterday"),
        ("occurred_at", "1970-01-01T00:00:00Z"),
        ("occurred_at", "2026-13-01T00:00:00Z"),
    ],
)
def test_a_payment_in_a_page_that_can_not_be_spoils_the_page(field: str, value: object) -> None:
    page = {"data": [PAYMENT | {field: value}], "has_more": False}
    assert unavailable("payments", page)["what"] in ("garbage", "not_believed")


@pytest.mark.parametrize(
    "page",
    [
        {"data": [], "has_more": True},
        {"data": [PAYMENT, PAYMENT], "has_more": False},
        {"data": [PAYMENT | {"payment_id": f"p{n}"} for n in range(PAGE_MAX + 1)], "has_more": False},
        {"data": [PAYMENT]},
        {"data": [PAYMENT], "has_more": "no"},
        {"data": {}, "has_more": False},
        {"data": [None], "has_more": False},
    ],
)
def test_a_page_that_can_not_be_is_not_believed(page: object) -> None:
    assert unavailable("payments", page)["what"] in ("garbage", "not_believed")


def test_a_page_that_begins_again_would_never_end_and_is_not_believed() -> None:
    with Wire(http({"data": [PAYMENT], "has_more": True})) as wire, pytest.raises(BillingUnavailable) as refusal:
        RestBilling(wire.url, "key").payments("con-1", "pay-1")
    assert refusal.value.facts == {"what": "not_believed"}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"a": ', b'"x"', b"[" * 100_000])
def test_an_answer_that_can_not_be_read_decides_nothing(name: str, body: bytes) -> None:
    assert unavailable(name, http(body)) == {"what": "garbage"}


@pytest.mark.parametrize("name", CALLS)
def test_a_web_page_decides_nothing(name: str) -> None:
    for status in ("200 OK", "400 Bad Request", "404 Not Found"):
        assert unavailable(name, http(CALLS[name][1], status, "Content-Type: text/html")) == {"what": "garbage"}


# The definite no


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Content"])
@pytest.mark.parametrize("name", [*MAKING, "update"])
def test_the_definite_no_has_their_words_shortened(name: str, status: str) -> None:
    with pytest.raises(BillingRefused) as refusal:
        said(name, {"error": "нет\x1b[2J" + "x" * 5000}, status)
    words = refusal.value.facts["billing_said"]
    assert (len(words), words[:5]) == (WORDS_MAX, "нет [")


@pytest.mark.parametrize("told", [{"message": "Bad Request"}, {"error": {"code": 400}}, {}])
@pytest.mark.parametrize("name", [*MAKING, "update"])
def test_a_no_of_somebody_between_us_decides_nothing(name: str, told: dict[str, Any]) -> None:
    assert unavailable(name, told, "400 Bad Request")["what"] == "denied"


@pytest.mark.parametrize("name", LOOKING)
def test_a_look_up_can_not_be_refused(name: str) -> None:
    assert unavailable(name, {"error": "no"}, "422 Unprocessable Content") == {"what": "denied"}


@pytest.mark.parametrize("name", LOOKING)
def test_only_the_billing_system_itself_says_that_it_knows_nothing(name: str) -> None:
    with pytest.raises(BillingUnknown):
        said(name, {"error": "there is none"}, "404 Not Found")
    assert unavailable(name, {"message": "no route"}, "404 Not Found") == {"what": "missing"}


@pytest.mark.parametrize(
    ("status", "what"),
    [
        *(("401 Unauthorized", "denied"), ("403 Forbidden", "denied"), ("404 Not Found", "missing")),
        *(("409 Conflict", "conflict"), ("302 Found", "denied"), ("503 Service Unavailable", "billing_error")),
    ],
)
@pytest.mark.parametrize("name", MAKING)
def test_any_other_status_leaves_it_open(name: str, status: str, what: str) -> None:
    assert unavailable(name, {"error": "x"}, status) == {"what": what}


def test_who_is_not_let_in_is_the_desk() -> None:
    with Wire(http({"error": "who?"}, "401 Unauthorized")) as wire, pytest.raises(BillingUnavailable) as refusal:
        RestBilling(wire.url, "key").standing("con-1")
    assert refusal.value.alarm == "DeskRefused"


# Faults, on the simulator's wire


@dataclass
class World:
    url: str
    system: BillingSystem
    faults: Faults
    billing: RestBilling
    hasty: RestBilling

    def client(self, billing: RestBilling | None = None) -> str:
        return (billing or self.billing).create_client("dealer-1", "Автосалон")


@pytest.fixture
def world() -> Iterator[World]:
    system, faults = BillingSystem(lambda: NOON), Faults()
    with serve(BillingFace(system, faults).decide, name="sandbox-billing") as running:
        hasty = RestBilling(running.url, API_KEY, read_seconds=0.05)
        yield World(running.url, system, faults, RestBilling(running.url, API_KEY), hasty)


FACTS: dict[Fault, dict[str, Any]] = {
    Fault.RATE_LIMIT: {"what": "rate_limit", "retry_after_seconds": RETRY_AFTER_SECONDS},
    Fault.SERVER_ERROR: {"what": "billing_error"},
    Fault.MAINTENANCE: {"what": "billing_error", "retry_after_seconds": RETRY_AFTER_SECONDS},
    Fault.TIMEOUT_BEFORE: {"what": "timeout"},
    Fault.TIMEOUT_AFTER: {"what": "timeout"},
    Fault.DROP_AFTER: {"what": "connection"},
    Fault.GARBLED: {"what": "garbage"},
    Fault.STRANGE: {"what": "not_believed"},
}
DONE = {Fault.TIMEOUT_AFTER, Fault.DROP_AFTER, Fault.GARBLED, Fault.STRANGE}


def test_every_fault_but_the_definite_no_is_told_here() -> None:
    assert FACTS.keys() == {*Fault} - {Fault.REFUSE}


@pytest.mark.parametrize("fault", FACTS)
def test_after_any_fault_asking_again_makes_it_once(world: World, fault: Fault) -> None:
    world.faults.fail_next(fault, Operation.CLIENT)
    slow = fault in (Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER)
    with pytest.raises(BillingUnavailable) as refusal:
        world.client(world.hasty if slow else world.billing)
    assert refusal.value.facts == FACTS[fault]
    if not slow:
        assert len(world.system.all(Client)) == (1 if fault in DONE else 0)
    client_id = world.client()
    assert [client.client_id for client in world.system.all(Client)] == [client_id]


def test_a_definite_no_makes_nothing(world: World) -> None:
    world.faults.fail_next(Fault.REFUSE, Operation.CLIENT)
    with pytest.raises(BillingRefused) as refusal:
        world.client()
    assert refusal.value.facts == {"billing_said": "it is not allowed today"}
    assert world.system.all(Client) == []


def test_an_answer_that_is_slower_than_we_wait_is_a_timeout(world: World) -> None:
    world.client()
    world.faults.slow_down(0.3)
    with pytest.raises(BillingUnavailable) as refusal:
        world.client(world.hasty)
    assert refusal.value.facts == {"what": "timeout"}


def test_without_our_key_nothing_is_answered(world: World) -> None:
    stranger = RestBilling(world.url, "other")
    with pytest.raises(BillingUnavailable) as refusal:
        stranger.create_client("x", "Автосалон")
    assert refusal.value.facts == {"what": "denied"}
    assert world.system.all(Client) == []


def test_a_call_ends_within_ten_seconds_unless_told_otherwise() -> None:
    seconds = {name: value.default for name, value in signature(RestBilling).parameters.items()}
    assert seconds["connect_seconds"] + seconds["read_seconds"] < 10
