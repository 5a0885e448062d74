"""The bank's webhooks, as the adapter hears them: who signed, when, and what is said."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from common.errors import Denied, Rejected
from common.gateways.bank import Adjustment, BankEvent, SignatureRefused, State
from common.gateways.bank.baas import EventNotUnderstood, NoNews, event, outline
from common.money import Money
from tests.gateways.test_bank_baas import GOOD, WRONG

AMOUNT = Money("123.45")
NOW = datetime(2026, 11, 21, 9, 30, 0, 250_000, tzinfo=UTC)
SECONDS = 1795253400
KEY, NEXT_KEY, STRANGE_KEY = b"k" * 24, b"n" * 32, b"s" * 64
COMPLETED = GOOD | {"status": "COMPLETED"}
SAID: dict[str, Any] = {"type": "adjustment.completed", "timestamp": "2026-11-21T09:29:58.5Z", "data": COMPLETED}


def whsec(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


def signature(body: bytes, key: bytes = KEY, webhook_id: str = "evt_1", seconds: int | str = SECONDS) -> str:
    """By hand, as the specification has it."""
    signed = f"{webhook_id}.{seconds}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def headers_of(
    body: bytes, key: bytes = KEY, webhook_id: str = "evt_1", seconds: int | str = SECONDS
) -> dict[str, str]:
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": signature(body, key, webhook_id, seconds),
    }


def heard(
    body: bytes | object = SAID, headers: Mapping[str, str] | None = None, keys: tuple[bytes, ...] = (KEY,)
) -> BankEvent:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return event(headers_of(raw) if headers is None else headers, raw, [whsec(key) for key in keys], now=lambda: NOW)


def test_a_webhook_says_what_became_of_an_adjustment() -> None:
    assert heard() == BankEvent(
        "evt_1",
        Adjustment("adj-9", "pay-1", "a-1", AMOUNT, State.COMPLETED),
        datetime(2026, 11, 21, 9, 29, 58, 500_000, tzinfo=UTC),
    )


def test_a_webhook_says_why_an_adjustment_failed() -> None:
    data = GOOD | {"status": "FAILED", "failure_code": "ACCOUNT_CLOSED"}
    told = heard(SAID | {"type": "adjustment.failed", "data": data}).adjustment
    assert (told.state, told.failure_code) == (State.FAILED, "ACCOUNT_CLOSED")


VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_BODY = b'{"test": 2432232314}'
GOOD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": GOOD_SIGNATURE,
}


def vector(headers: Mapping[str, str] = VECTOR, body: bytes = VECTOR_BODY, late_seconds: float = 0) -> str:
    """The webhook id, when the signature is good: the vector is no event of a bank."""
    at = datetime.fromtimestamp(1614265330 + late_seconds, UTC)
    with pytest.raises(EventNotUnderstood) as not_ours:
        event(headers, body, [VECTOR_SECRET], now=lambda: at)
    return str(not_ours.value.facts["webhook_id"])


def test_the_vector_of_standard_webhooks_is_signed_well() -> None:
    assert vector() == "msg_p5jXN8AQM9LWM0D4loKWxJek"


@pytest.mark.parametrize("n", range(len(VECTOR_BODY)))
def test_a_change_of_any_byte_breaks_the_signature(n: int) -> None:
    changed = bytearray(VECTOR_BODY)
    changed[n] ^= 1
    with pytest.raises(SignatureRefused):
        vector(body=bytes(changed))


@pytest.mark.parametrize(
    "body", [VECTOR_BODY + b"\n", VECTOR_BODY.replace(b" ", b""), b"", b"\xef\xbb\xbf" + VECTOR_BODY]
)
def test_the_signature_is_over_the_bytes_as_they_came(body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        vector(body=body)


CHANGED = {
    "webhook-id": ("msg_p5jXN8AQM9LWM0D4loKWxJel", "\ud800", "é"),
    "webhook-timestamp": ("1614265331",),
    "webhook-signature": (
        *(
            GOOD_SIGNATURE.replace("OE=", "OF="),
            GOOD_SIGNATURE.replace("v1,", "v1a,"),
            GOOD_SIGNATURE.replace("v1", "v2"),
        ),
        *(GOOD_SIGNATURE.removeprefix("v1,"), GOOD_SIGNATURE + ","),
        *("v1,", ",", " ", "v1", "v1,é", "v1,\ud800", "v1,g0hM9SsE"),
    ),
}


@pytest.mark.parametrize("changed", [{name: v} for name, values in CHANGED.items() for v in values], ids=str)
def test_a_changed_or_malformed_header_is_not_signed(changed: dict[str, str]) -> None:
    with pytest.raises(SignatureRefused):
        vector(VECTOR | changed)


@pytest.mark.parametrize("missing", VECTOR)
def test_every_header_is_needed(missing: str) -> None:
    for headers in (VECTOR | {missing: ""}, {name: value for name, value in VECTOR.items() if name != missing}, {}):
        with pytest.raises(SignatureRefused):
            vector(headers)


def test_an_empty_id_is_none_even_when_it_is_signed() -> None:
    body = json.dumps(SAID).encode()
    with pytest.raises(SignatureRefused):
        heard(body, headers_of(body, webhook_id=""))


def test_headers_may_be_in_any_case() -> None:
    assert vector({name.upper(): value for name, value in VECTOR.items()})
    assert vector({name.title(): value for name, value in VECTOR.items()} | {"Content-Type": "text/plain"})


@pytest.mark.parametrize(
    "entries", ["v1,bad {}", "{} v1,bad", "v1a,other {}", "malformed {}", "a,b,c {}", "  {}  ", "v1,é {}"]
)
def test_one_good_signature_among_others_is_enough(entries: str) -> None:
    assert vector(VECTOR | {"webhook-signature": entries.format(VECTOR["webhook-signature"])})


@pytest.mark.parametrize("late_seconds", [-300, -299.5, 0, 299.5, 300])
def test_within_three_hundred_seconds_a_webhook_is_heard(late_seconds: float) -> None:
    assert vector(late_seconds=late_seconds)


@pytest.mark.parametrize("late_seconds", [-86_400, -301, -300.001, 300.001, 301, 86_400, 10**9])
def test_an_old_webhook_or_one_from_the_future_is_refused(late_seconds: float) -> None:
    with pytest.raises(SignatureRefused, match="300 s"):
        vector(late_seconds=late_seconds)


@pytest.mark.parametrize(
    "seconds",
    [
        *(
            "0",
            "-1795253400",
            "+1795253400",
            " 1795253400",
            "01795253400",
            "1795253400.0",
            "1_795_253_400",
            "1795253400\n",
        ),
        *("nan", "inf", "1e9", "soon", "٣", "9" * 12, "9" * 5000, "2026-11-21T09:30:00Z"),
    ],
)
def test_a_time_that_is_none_is_refused_however_it_is_signed(seconds: str) -> None:
    body = json.dumps(SAID).encode()
    with pytest.raises(SignatureRefused):
        heard(body, headers_of(body, seconds=seconds))


@pytest.mark.parametrize("key", [KEY, NEXT_KEY])
@pytest.mark.parametrize("keys", [(KEY, NEXT_KEY), (NEXT_KEY, KEY)])
def test_while_the_secret_is_changed_either_one_signs(key: bytes, keys: tuple[bytes, ...]) -> None:
    body = json.dumps(SAID).encode()
    assert heard(body, headers_of(body, key), keys).event_id == "evt_1"
    with pytest.raises(SignatureRefused):
        heard(body, headers_of(body, STRANGE_KEY), keys)


def test_after_the_secret_was_changed_the_old_one_signs_nothing() -> None:
    body = json.dumps(SAID).encode()
    with pytest.raises(SignatureRefused):
        heard(body, headers_of(body, KEY), (NEXT_KEY,))
    both = headers_of(body) | {"webhook-signature": f"{signature(body, KEY)} {signature(body, NEXT_KEY)}"}
    assert heard(body, both, (NEXT_KEY,)).event_id == "evt_1"


@pytest.mark.parametrize("body", [b"\xff", b'{"type": "\xe9"}', b"\xed\xa0\x80"])
def test_what_is_not_utf_8_is_refused_however_it_is_signed(body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        heard(body)


def test_nothing_is_read_before_the_signature_is_checked() -> None:
    for body in (b"[" * 100_000, b"not JSON", json.dumps(SAID | {"type": "adjustment.lost"}).encode()):
        with pytest.raises(SignatureRefused):
            heard(body, headers_of(body, STRANGE_KEY))
        with pytest.raises(EventNotUnderstood):
            heard(body)


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!!", "whsec_" + "A" * 28, "whsec_é", VECTOR_SECRET[:-1], VECTOR_SECRET + "!", "secret"],
)
def test_a_secret_that_is_none_is_our_own_fault_and_not_shown(secret: str) -> None:
    for secrets in ([secret], [VECTOR_SECRET, secret]):
        with pytest.raises(ValueError, match="webhook secret is not") as ours:
            event(VECTOR, VECTOR_BODY, secrets, now=lambda: datetime.fromtimestamp(1614265330, UTC))
        assert "MfKQ" not in str(ours.value)


def test_without_a_secret_nothing_is_heard() -> None:
    with pytest.raises(ValueError, match="no secret"):
        event(VECTOR, VECTOR_BODY, [], now=lambda: NOW)


def test_without_a_clock_the_real_one_counts() -> None:
    body, seconds = json.dumps(SAID).encode(), int(time.time())
    assert event(headers_of(body, seconds=seconds), body, [whsec(KEY)]).event_id == "evt_1"
    with pytest.raises(SignatureRefused):
        event(headers_of(body, seconds=seconds - 400), body, [whsec(KEY)])


@pytest.mark.parametrize("kind", ["ping", "adjustment.pending", "adjustment.created", "card.ordered"])
def test_an_event_that_decides_nothing_is_no_news(kind: str) -> None:
    for data in ({}, GOOD | {"status": "PENDING"}):
        with pytest.raises(NoNews):
            heard(SAID | {"type": kind, "data": data})


# Signed, and not understood


def not_understood(body: bytes | object) -> EventNotUnderstood:
    with pytest.raises(EventNotUnderstood) as refusal:
        heard(body)
    assert refusal.value.facts == {"webhook_id": "evt_1"}
    return refusal.value


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{}", b"not JSON", b"1e9999999999999999999", b"{" * 5000])
def test_what_is_no_event_at_all_is_not_understood(body: bytes) -> None:
    not_understood(body)


OTHER_KINDS = {
    "type": (None, "adjustment.settled", "ADJUSTMENT.COMPLETED", "adjustment.returned", ["adjustment.completed"]),
    "timestamp": (
        *(None, 1795253400, "1795253400", "2026-11-21", "2026-11-21T09:30:00", "2026-13-21T09:30:00Z"),
        *("2026-11-21T09:30:00+99:00", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"),
    ),
    "data": (None, [], "adj-9"),
}


@pytest.mark.parametrize("wrong", [{name: v} for name, values in OTHER_KINDS.items() for v in values], ids=str)
def test_an_event_of_another_kind_is_not_understood(wrong: dict[str, Any]) -> None:
    not_understood(SAID | wrong)


@pytest.mark.parametrize("wrong", [w for w in WRONG if "status" not in w], ids=str)
@pytest.mark.parametrize(("kind", "status"), [("adjustment.completed", "COMPLETED"), ("adjustment.failed", "FAILED")])
def test_an_event_about_no_adjustment_is_not_understood(kind: str, status: str, wrong: dict[str, Any]) -> None:
    if status == "FAILED" and "failure_code" in wrong:
        wrong = {"failure_code": 7}
    not_understood(SAID | {"type": kind, "data": COMPLETED | {"status": status} | wrong})


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("adjustment.completed", "FAILED"),
        ("adjustment.completed", "PENDING"),
        ("adjustment.failed", "COMPLETED"),
        ("adjustment.failed", "PENDING"),
    ],
)
def test_type_and_status_must_agree(kind: str, status: str) -> None:
    assert "agree" in not_understood(SAID | {"type": kind, "data": GOOD | {"status": status}}).detail


@pytest.mark.parametrize("webhook_id", ["a", "A-Z_a-z_0-9", "x" * 64])
def test_a_webhook_id_of_64_letters_is_kept(webhook_id: str) -> None:
    body = json.dumps(SAID).encode()
    assert heard(body, headers_of(body, webhook_id=webhook_id)).event_id == webhook_id


@pytest.mark.parametrize("webhook_id", ["x" * 65, "evt.1", "evt 1", "evt#1", "évt", "evt/1", "evt_1\n"])
def test_a_webhook_id_that_can_not_be_kept_is_stood_in_for(webhook_id: str) -> None:
    body = json.dumps(SAID).encode()
    stand_ins = set()
    for _ in range(2):
        with pytest.raises(EventNotUnderstood) as refusal:
            heard(body, headers_of(body, webhook_id=webhook_id))
        stand_ins.add(refusal.value.facts["webhook_id"])
    (stand_in,) = stand_ins
    assert stand_in.startswith("sha256-")
    assert (len(stand_in), stand_in.isascii()) == (63, True)


def test_more_than_the_contract_says_is_ignored() -> None:
    assert heard(SAID | {"version": 2, "data": COMPLETED | {"colour": "blue"}}).event_id == "evt_1"


def test_the_refusals_are_of_the_kinds_that_doors_know() -> None:
    assert issubclass(SignatureRefused, Denied)
    assert issubclass(EventNotUnderstood, Rejected)


def test_of_a_body_that_is_not_understood_no_account_is_kept() -> None:
    """Nor what else the bank may write into it."""
    number, account = "40817810099910004312", "acc-ann"
    data = COMPLETED | {
        "account_id": account,
        "status": "RETURNED",
        "failure_code": f"closed: {number}",
        "iban": number,
    }
    said = SAID | {"type": "adjustment.returned", "data": data, "holder": {"account": account}}
    told = json.loads(outline(json.dumps(said).encode()))
    assert told["data"] == {
        **{name: COMPLETED[name] for name in ("id", "reference_id", "direction", "amount", "currency")},
        "status": "RETURNED",
        "failure_code": "closed: …",
    }
    assert (told["type"], told["timestamp"]) == ("adjustment.returned", SAID["timestamp"])
    for strange in ([number], {"a": account}, 40817810099910004312):
        assert number not in outline(json.dumps(SAID | {"data": COMPLETED | {"amount": strange}}).encode())
    for body in (f"paid {account}".encode(), b"[]", b"\xff", number.encode()):
        assert outline(body) == f"{len(body)} bytes that are no JSON object"
