"""The bank's adapter against answers that no well-behaved bank gives."""

import gzip
import json
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.gateways.bank import (
    Adjustment,
    AdjustmentUnknown,
    BankRefused,
    BankUnavailable,
    State,
)
from common.gateways.bank.baas import BODY_BYTES_MAX, WORDS_MAX, BaasBank
from common.money import Money

Send = Callable[[socket.socket], None]
GOOD: dict[str, Any] = {
    "id": "adj-9",
    "reference_id": "pay-1",
    "account_id": "a-1",
    "direction": "CREDIT",
    "amount": "123.45",
    "currency": "USD",
    "reason": "PAYOUT",
    "description": "sale of 0.5 BTC",
    "metadata": None,
    "status": "PENDING",
    "failure_code": None,
    "created_at": "2026-11-21T09:30:00Z",
    "updated_at": "2026-11-21T09:30:00Z",
}
BOOKED = Adjustment("adj-9", "pay-1", "a-1", Money("123.45"), State.PENDING)
AMOUNT = Money("123.45")


class Canned:
    """A server that gives one answer after another, byte for byte, and remembers what it was asked."""

    def __init__(self, *answers: bytes | Send, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self._answers = answers
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        for answer in self._answers:
            with suppress(OSError):  # closed; or the adapter may have had enough
                caller, _ = self._listener.accept()
                with caller if self._tls is None else self._tls.wrap_socket(caller, server_side=True) as asking:
                    self._hear(asking)
                    asking.sendall(answer) if isinstance(answer, bytes) else answer(asking)

    def _hear(self, caller: socket.socket) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            heard = caller.recv(4096)
            if not heard:
                raise OSError("nothing was asked")
            said += heard
        head, _, body = said.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += caller.recv(4096)
        self.heads.append(head.decode())
        self.bodies.append(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def http(body: bytes | object = GOOD, status: str = "201 Created", *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def found(*adjustments: object) -> bytes:
    return http({"data": adjustments}, "200 OK")


def credit(url: str, **options: Any) -> Adjustment:
    return BaasBank(url, "key", **options).credit("pay-1", "a-1", AMOUNT, "sale of 0.5 BTC")


def unavailable(answer: bytes | Send, call: Callable[..., object] = credit, **options: Any) -> BankUnavailable:
    with Canned(answer) as bank, pytest.raises(BankUnavailable) as refusal:
        call(bank.url, **options)
    assert len(bank.heads) == 1, "asked once"
    return refusal.value


def look_up(url: str, **options: Any) -> Adjustment:
    return BaasBank(url, "key", **options).find("pay-1")


# What is asked


@pytest.mark.parametrize("prefix", ["", "/", "/baas", "/baas/"])
def test_a_credit_is_asked_for_as_the_contract_says(prefix: str) -> None:
    with Canned(http()) as bank:
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
    with Canned(found(GOOD | {"reference_id": "a&b=c"})) as bank:
        BaasBank(bank.url, "key").find("a&b=c")
    assert bank.heads[0].startswith("GET /v1/adjustments?reference_id=a%26b%3Dc HTTP/1.1\r\n")
    assert "\r\nAuthorization: Bearer key" in bank.heads[0]
    assert "Idempotency-Key" not in bank.heads[0]


@pytest.mark.parametrize(
    ("usd", "written"), [("0.01", "0.01"), ("5", "5.00"), ("1E+2", "100.00"), ("9999999999.99", "9999999999.99")]
)
def test_an_amount_is_sent_as_text_with_two_decimals(usd: str, written: str) -> None:
    with Canned(http(GOOD | {"amount": written})) as bank:
        assert BaasBank(bank.url, "key").credit("pay-1", "a-1", Money(usd), "sale").amount == Money(usd)
    assert json.loads(bank.bodies[0])["amount"] == written


def test_a_bank_may_call_our_dollars_otherwise() -> None:
    with Canned(http(GOOD | {"currency": "USX"})) as bank:
        assert credit(bank.url, currency="USX") == BOOKED
    assert json.loads(bank.bodies[0])["currency"] == "USX"


@pytest.mark.parametrize("usd", ["0", "0.00", "-0.01", "0.001", "1e-30", "10000000000", "1e50"])
def test_an_amount_that_is_no_credit_is_not_even_sent(usd: str) -> None:
    with Canned() as bank, pytest.raises(BankRefused) as refusal:
        BaasBank(bank.url, "key").credit("pay-1", "a-1", Money(usd), "sale")
    assert refusal.value.facts == {"bank_said": ""}


@pytest.mark.parametrize("account_id", ["", ".", "..", "a b", "a\nb", "é", "\ud800", "x" * 129])
def test_an_account_that_would_be_another_path_is_not_even_sent(account_id: str) -> None:
    with Canned() as bank, pytest.raises(BankRefused):
        BaasBank(bank.url, "key").credit("pay-1", account_id, AMOUNT, "sale")


def test_a_slash_in_an_account_does_not_leave_its_place() -> None:
    with Canned(http(GOOD | {"account_id": "../b/"})) as bank:
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
    with Canned(http(answer, status), found(answer)) as bank:
        assert credit(bank.url) == expected
        assert look_up(bank.url) == expected


def test_an_amount_may_be_written_shorter() -> None:
    with Canned(http(GOOD | {"amount": "100"})) as bank:
        assert BaasBank(bank.url, "key").credit("pay-1", "a-1", Money("100.00"), "sale").amount == Money("100")


def test_a_reason_for_a_failure_is_kept_short_and_printable() -> None:
    with Canned(found(GOOD | {"status": "FAILED", "failure_code": "NO\x1b[2J" + "x" * 5000})) as bank:
        code = look_up(bank.url).failure_code
    assert code is not None
    assert (len(code), code[:6]) == (WORDS_MAX, "NO [2J")


WRONG: list[dict[str, Any]] = [
    {"id": None},
    {"id": ""},
    {"id": "a b"},
    {"id": "x" * 129},
    {"id": 9},
    {"reference_id": None},
    {"reference_id": "pay-1 "},
    {"account_id": None},
    {"account_id": ["a-1"]},
    {"direction": "DEBIT"},
    {"direction": None},
    {"amount": 123.45},
    {"amount": 12345},
    {"amount": None},
    {"amount": "-123.45"},
    {"amount": "+123.45"},
    {"amount": "123.450"},
    {"amount": "0123.45"},
    {"amount": "1.2345E+2"},
    {"amount": "123,45"},
    {"amount": " 123.45"},
    {"amount": "123.45\n"},
    {"amount": "NaN"},
    {"amount": "0.00"},
    {"amount": "١٢٣.٤٥"},
    {"amount": "12345678901.00"},
    {"currency": "EUR"},
    {"currency": "usd"},
    {"currency": None},
    {"status": "pending"},
    {"status": "REVERSED"},
    {"status": None},
    {"status": ["PENDING"]},
    {"failure_code": "ACCOUNT_CLOSED"},
    {"status": "COMPLETED", "failure_code": "ACCOUNT_CLOSED"},
    {"status": "FAILED", "failure_code": 7},
    {"status": "FAILED", "failure_code": {}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_an_adjustment_that_is_none_is_not_believed(wrong: dict[str, Any]) -> None:
    assert unavailable(http(GOOD | wrong)).facts == {"what": "garbage"}
    assert unavailable(found(GOOD | wrong), look_up).facts == {"what": "garbage"}


@pytest.mark.parametrize("missing", ["id", "reference_id", "account_id", "direction", "amount", "currency", "status"])
def test_an_adjustment_with_something_missing_is_not_believed(missing: str) -> None:
    answer = {name: value for name, value in GOOD.items() if name != missing}
    assert unavailable(http(answer)).facts == {"what": "garbage"}


@pytest.mark.parametrize(
    "other", [{"reference_id": "pay-2"}, {"account_id": "a-2"}, {"amount": "123.46"}, {"amount": "1.00"}], ids=str
)
def test_an_answer_about_something_else_is_not_believed(other: dict[str, Any]) -> None:
    assert unavailable(http(GOOD | other, "200 OK")).facts == {"what": "garbage"}


def test_a_look_up_answered_with_another_reference_is_not_believed() -> None:
    assert unavailable(found(GOOD | {"reference_id": "pay-2"}), look_up).facts == {"what": "garbage"}


BODIES = [
    b"",
    b"<!doctype html><title>Just a moment</title>",
    b"\xff\xfe\xfa",
    b"null",
    b"[]",
    b'"adj-9"',
    b'{"data": null}',
    b'{"data": {}}',
    b'{"data": "none"}',
    b'{"data": [null]}',
    b'{"data": [[]]}',
    b'{"data": []',
    b'{"error": "no such thing"}',
    b'{"data": 1e9999999999999999999999}',
    pytest.param(b"[" * 60_000, id="too deep"),
    pytest.param(b"1" * 5000, id="too long a number"),
    pytest.param(gzip.compress(b'{"data": []}', mtime=0), id="compressed"),
]


@pytest.mark.parametrize("body", BODIES)
def test_an_answer_that_can_not_be_read_decides_nothing(body: bytes) -> None:
    assert unavailable(http(body)).facts == {"what": "garbage"}
    assert unavailable(http(body, "200 OK"), look_up).facts == {"what": "garbage"}


def test_two_adjustments_of_one_reference_are_not_chosen_from() -> None:
    assert unavailable(found(GOOD, GOOD), look_up).facts == {"what": "garbage"}


def test_only_an_empty_list_says_that_nothing_was_booked() -> None:
    with Canned(found()) as bank, pytest.raises(AdjustmentUnknown) as unknown:
        look_up(bank.url)
    assert unknown.value.facts == {"reference_id": "pay-1"}


@pytest.mark.parametrize("body", [b'{"error": "no such path"}', b'{"data": []}', b""])
def test_a_wrong_address_never_looks_like_never_booked(body: bytes) -> None:
    assert unavailable(http(body, "404 Not Found"), look_up).facts == {"what": "denied"}


# Every status

NO_DECISION = {
    "202 Accepted": "denied",
    "204 No Content": "denied",
    "301 Moved Permanently": "denied",
    "307 Temporary Redirect": "denied",
    "401 Unauthorized": "denied",
    "402 Payment Required": "denied",
    "403 Forbidden": "denied",
    "404 Not Found": "denied",
    "405 Method Not Allowed": "denied",
    "408 Request Timeout": "bank_error",
    "409 Conflict": "conflict",
    "410 Gone": "denied",
    "413 Content Too Large": "denied",
    "418 I'm a teapot": "denied",
    "425 Too Early": "bank_error",
    "429 Too Many Requests": "rate_limit",
    "451 Unavailable For Legal Reasons": "denied",
    "500 Internal Server Error": "bank_error",
    "501 Not Implemented": "bank_error",
    "502 Bad Gateway": "bank_error",
    "503 Service Unavailable": "bank_error",
    "504 Gateway Timeout": "bank_error",
    "599 Whatever": "bank_error",
}


@pytest.mark.parametrize(("status", "what"), NO_DECISION.items())
def test_a_status_that_decides_nothing_leaves_the_credit_open(status: str, what: str) -> None:
    body = b"" if status[:3] == "204" else json.dumps(GOOD).encode()
    assert unavailable(http(body, status)).facts == {"what": what}
    body = b"" if status[:3] == "204" else b'{"data": []}'
    assert unavailable(http(body, status), look_up).facts == {"what": what}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_the_definite_no_has_the_banks_words(status: str) -> None:
    with Canned(http({"error": "the account is closed"}, status)) as bank, pytest.raises(BankRefused) as refusal:
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
    with Canned(http(answer, "422 Unprocessable Entity")) as bank, pytest.raises(BankRefused) as refusal:
        credit(bank.url)
    assert refusal.value.facts == {"bank_said": said}


@pytest.mark.parametrize("body", [b"", b"<h1>400 Bad Request</h1>", b"[]", b'"no"'])
@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_no_that_is_not_the_banks_own_decides_nothing(status: str, body: bytes) -> None:
    assert unavailable(http(body, status)).facts == {"what": "garbage"}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_a_look_up_can_not_be_refused(status: str) -> None:
    assert unavailable(http({"error": "what?"}, status), look_up).facts == {"what": "denied"}


@pytest.mark.parametrize("status", ["400 Bad Request", "422 Unprocessable Entity"])
def test_half_a_no_decides_nothing(status: str) -> None:
    assert unavailable(http({"error": "closed"}, status)[:-1]).facts == {"what": "connection"}
    assert unavailable(f"HTTP/1.1 {status}\r\nContent-Le".encode()).facts == {"what": "garbage"}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("119", 119), ("0", 0), ("Fri, 21 Nov 2026 09:30:00 GMT", None), ("soon", None), ("-5", None), ("9" * 10, None)],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_the_wait_is_told_when_the_bank_tells_it_in_seconds(status: str, said: str, seconds: int | None) -> None:
    facts = unavailable(http(b"{}", status, f"Retry-After: {said}")).facts
    assert facts.get("retry_after_seconds") == seconds


def test_a_compressed_answer_that_nobody_asked_for_is_not_unpacked() -> None:
    packed = gzip.compress(json.dumps(GOOD).encode(), mtime=0)
    assert unavailable(http(packed, "201 Created", "Content-Encoding: gzip")).facts == {"what": "garbage"}


def test_a_redirect_is_not_followed() -> None:
    with Canned(http()) as elsewhere:
        answer = http(b"", "307 Temporary Redirect", f"Location: {elsewhere.url}/v1/accounts/a-1/adjustments")
        assert unavailable(answer).facts == {"what": "denied"}
        assert elsewhere.heads == []


# Broken connections, and time


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        http()[:-1],
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 201 Created\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 201 " + b"x" * 70_000,
    ],
    ids=["nothing", "half a body", "half a chunk", "not HTTP", "too many headers", "endless line"],
)
def test_a_connection_that_breaks_or_speaks_no_http_decides_nothing(answer: bytes) -> None:
    assert unavailable(answer).facts == {"what": "connection"}
    assert unavailable(answer, look_up).facts == {"what": "connection"}


def test_a_bank_that_nobody_listens_for_is_not_reached() -> None:
    with Canned() as bank:
        url = bank.url
    with pytest.raises(BankUnavailable) as refusal:
        credit(url)
    assert refusal.value.facts == {"what": "connection"}


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    body = json.dumps(GOOD).encode()
    assert unavailable(http(body + b" " * BODY_BYTES_MAX)).facts == {"what": "garbage"}
    with Canned(http(body.ljust(BODY_BYTES_MAX))) as bank:
        assert credit(bank.url) == BOOKED


def test_silence_ends_after_the_read_time_out() -> None:
    def silence(caller: socket.socket) -> None:
        caller.recv(1)  # until the adapter hangs up

    began = time.monotonic()
    assert unavailable(silence, read_seconds=0.05).facts == {"what": "timeout"}
    assert time.monotonic() - began < 1


def drip(answer: bytes) -> Send:
    """A byte always comes before the read time-out; the whole would take a minute."""

    def send(caller: socket.socket) -> None:
        for byte in answer:
            caller.sendall(bytes([byte]))
            time.sleep(0.1)

    return send


HEAD = http()[: http().index(b"\r\n\r\n") + 4]
DRIPS: dict[str, tuple[bytes, bytes]] = {  # at once, and then byte by byte
    "status line": (b"HTTP/1.1 201 ", b"x" * 600),
    "headers": (b"HTTP/1.1 201 Created\r\n", b"X-Padding: " + b"x" * 600),
    "body": (HEAD, http()[len(HEAD) :] + b" " * 600),
    "a no": (http(b"", "422 Unprocessable Entity").replace(b"Content-Length: 0\r\n", b""), b" " * 600),
}


@pytest.mark.parametrize("what", DRIPS)
def test_an_answer_that_drips_is_cut_at_the_end_of_the_time(what: str) -> None:
    at_once, slowly = DRIPS[what]

    def send(caller: socket.socket) -> None:
        caller.sendall(at_once)
        drip(slowly)(caller)

    began = time.monotonic()
    refusal = unavailable(send, connect_seconds=0.3, read_seconds=0.3)
    assert refusal.facts == {"what": "timeout"}
    assert time.monotonic() - began < 5, "not after a minute"


def test_a_call_ends_within_ten_seconds_unless_told_otherwise() -> None:
    bank = BaasBank("https://api.bank.example", "key")
    assert bank._connect_seconds + bank._read_seconds < 10


def test_a_credit_whose_time_is_over_before_it_was_sent_is_not_sent() -> None:
    with Canned(http()) as bank, pytest.raises(BankUnavailable) as refusal:
        credit(bank.url, connect_seconds=1.0, read_seconds=-1.0)
    assert refusal.value.facts == {"what": "timeout"}
    assert bank.heads == []


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, with its key."""
    import ipaddress

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bank")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "bank.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_a_bank_whose_certificate_nobody_trusts_is_told_nothing(tls: ssl.SSLContext) -> None:
    with Canned(http(), tls=tls) as bank, pytest.raises(BankUnavailable) as refusal:
        credit(bank.url)
    assert refusal.value.facts == {"what": "connection"}
    assert bank.heads == []


def test_a_bank_with_a_good_certificate_is_believed(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with Canned(http(), tls=tls) as bank:
        assert credit(bank.url) == BOOKED


def test_an_encrypted_answer_that_drips_is_cut_too(
    tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    began = time.monotonic()
    with Canned(drip(b"HTTP/1.1 201 " + b"x" * 600), tls=tls) as bank, pytest.raises(BankUnavailable) as refusal:
        credit(bank.url, connect_seconds=0.5, read_seconds=0.3)
    assert refusal.value.facts == {"what": "timeout"}
    assert time.monotonic() - began < 5, "not after a minute"


# Settings


@pytest.mark.parametrize(
    "address", ["", "api.bank.example", "ftp://bank.example", "https://", "file:///etc", "https://bank.example?a=b"]
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        BaasBank(address, "key")


@pytest.mark.parametrize("key", ["", "sk-secret\n", "sk-sec ret", "sk-secret\r\nHost: elsewhere", "sk-sécret"])
def test_a_key_that_would_break_its_header_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as refusal:
        BaasBank("https://api.bank.example", key)
    assert "sk-" not in str(refusal.value)


def test_the_adapter_starts_without_a_heavy_http_library() -> None:
    heavy = "{'requests', 'httpx', 'aiohttp', 'botocore', 'boto3', 'ccxt', 'pydantic'}"
    program = f"import common.gateways.bank.baas, sys; print(sorted({heavy} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
