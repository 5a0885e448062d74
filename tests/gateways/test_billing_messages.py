"""What is read of a message about a payment, and what is parked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.gateways.billing import MessageNotUnderstood, Payment, PaymentMessage
from common.gateways.billing.messages import MESSAGE_BYTES_MAX, read
from common.roubles import KOPECKS_MAX
from sandbox.billing.system import BillingSystem
from tests.sandbox.billing import contract_of

GOOD: dict[str, Any] = {
    "event_id": "event-1",
    "event_type": "invoice.payment",
    "occurred_at": "2026-11-29T09:30:00Z",
    "payment_id": "pay-1",
    "client_id": "cli-1",
    "contract_id": "con-1",
    "invoice_id": "inv-1",
    "amount": "100.00",
    "paid_total": "300.00",
    "currency": "RUB",
    "payment_order": {"number": "7", "date": "2026-11-29", "purpose": "оплата"},
}
AT = datetime(2026, 11, 29, 9, 30, tzinfo=UTC)


def test_a_payment_is_read_with_what_had_come_for_its_contract() -> None:
    expected = PaymentMessage("event-1", Payment("pay-1", "con-1", "inv-1", 10_000, AT), 30_000)
    assert read(json.dumps(GOOD | {"colour": "blue"}).encode()) == expected


@pytest.mark.parametrize("change", [{"invoice_id": None}, {"invoice_id": ...}])
def test_a_payment_may_name_no_invoice(change: dict[str, Any]) -> None:
    message = {name: value for name, value in (GOOD | change).items() if value is not ...}
    assert read(json.dumps(message).encode()).payment.invoice_id is None


@pytest.mark.parametrize("written", [100, 100.0, "100", "100.0000", "0100.00", "1e2"])
def test_the_same_sum_is_believed_however_it_is_written(written: object) -> None:
    assert read(json.dumps(GOOD | {"amount": written}).encode()) == read(json.dumps(GOOD).encode())


@pytest.mark.parametrize("total", ["9999999999.99", "10000000000.00", "9999999999999.99"])
def test_a_total_may_be_more_than_any_single_sum(total: str) -> None:
    """A contract over which ten billions have come goes on being paid."""
    found = read(json.dumps(GOOD | {"amount": "9999999999.99", "paid_total": total}).encode())
    assert (found.payment.amount_kopecks, found.paid_total_kopecks) == (KOPECKS_MAX, int(total.replace(".", "")))


WRONG: list[tuple[str, object]] = [
    *(("event_id", value) for value in (None, "", 7, "a b")),
    *(("event_type", value) for value in (None, "invoice.created", 7)),
    *(("payment_id", value) for value in (None, "", 7, "a#b", "x" * 65)),
    *(("contract_id", value) for value in (None, 7)),
    *(("invoice_id", value) for value in ("", 7, "a b")),
    *(("amount", value) for value in (None, True, 100.001, "100.001", "-1.00", "0.00", "+100", "NaN", 0, -100)),
    *(("amount", value) for value in ("10000000000.00", "300.01")),
    *(("paid_total", value) for value in (None, "", "99.99", 99, "10000000000000.00")),
    *(("currency", value) for value in (None, "USD", "rub")),
    *(("occurred_at", value) for value in (None, "", "today", "0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z")),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_is_no_payment_is_told_to_be_none(name: str, value: object) -> None:
    with pytest.raises(MessageNotUnderstood) as parked:
        read(json.dumps(GOOD | {name: value}).encode())
    assert parked.value.facts == ({} if name == "payment_id" else {"payment_id": "pay-1"})


@pytest.mark.parametrize(
    "message",
    [
        *(b"", b"null", b"[]", b"7", b'"x"', b"{", b"\xff\xfe", b"[" * 10_000, b'{"amount": NaN}', b"1" * 6_000),
        json.dumps(GOOD | {"pad": "x" * MESSAGE_BYTES_MAX}).encode(),
    ],
)
def test_what_is_no_json_object_is_no_payment(message: bytes) -> None:
    with pytest.raises(MessageNotUnderstood) as parked:
        read(message)
    assert parked.value.facts == {}


@given(st.binary(max_size=200))
def test_no_bytes_whatever_make_it_fail_otherwise(message: bytes) -> None:
    with pytest.raises(MessageNotUnderstood):
        read(message)


NO_TEXT = st.recursive(st.none() | st.booleans() | st.floats(max_value=0), lambda c: st.lists(c, max_size=3))


@given(NO_TEXT)
def test_no_member_of_another_kind_makes_it_fail_otherwise(value: object) -> None:
    for name in ("payment_id", "contract_id", "amount", "occurred_at", "currency", "paid_total", "event_type"):
        with pytest.raises(MessageNotUnderstood):
            read(json.dumps(GOOD | {name: value}).encode())


@given(st.text("abc-,. ", max_size=5))
def test_no_text_that_is_no_number_makes_it_fail_otherwise(value: str) -> None:
    for name in ("amount", "occurred_at", "currency", "paid_total", "event_type"):
        with pytest.raises(MessageNotUnderstood):
            read(json.dumps(GOOD | {name: value}).encode())


def test_what_the_simulated_billing_system_publishes_is_read() -> None:
    system = BillingSystem(lambda: AT)
    contract_id = contract_of(system)
    first = system.pay(10_001, contract_id, None, "аванс")
    second = system.pay(5, contract_id, None, "ещё")
    read_back = [read(message.value.encode()) for message in system.outbox.messages()]
    assert [each.payment for each in read_back] == [
        Payment(first.payment_id, contract_id, None, 10_001, AT),
        Payment(second.payment_id, contract_id, None, 5, AT),
    ]
    assert [each.paid_total_kopecks for each in read_back] == [10_001, 10_006]
    assert len({each.event_id for each in read_back}) == 2
