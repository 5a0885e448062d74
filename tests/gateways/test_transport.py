"""The gateways' way over HTTP: what was sent, what is unknown, when it ends, and which connection is used twice."""

import gzip
import ipaddress
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.gateways.transport import (
    KEPT_SECONDS_MAX,
    Answer,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    Transport,
    header_value,
    verifying,
)
from sandbox.serving import Answer as Served
from sandbox.serving import Request, serve
from tests.gateways.wire import Send, Wire, drip, endless, http, nobody, silence

BODY_BYTES_MAX = 1000
KEEP = "Connection: keep-alive"


def transport(url: str, **given: Any) -> Transport:
    return Transport(url, **{"connect_seconds": 5.0, "read_seconds": 5.0, "body_bytes_max": BODY_BYTES_MAX} | given)


def ask(url: str, method: str = "GET", **given: Any) -> Answer:
    return transport(url, **given).ask(method, "/v1/things?a=b", {"X-Key": "k"})


def failure(answer: bytes | Send, **given: Any) -> NoAnswer:
    with Wire(answer) as wire, pytest.raises(NoAnswer) as failed:
        ask(wire.url, **given)
    assert len(wire.heads) == 1, "asked once"
    return failed.value


# What is sent, and what comes back


def test_a_request_is_sent_as_it_was_given() -> None:
    with Wire(http("{}")) as wire:
        transport(wire.url).ask("POST", "/v1/things?a=b%20c", {"X-Key": "k", "Accept": "text/csv"}, b"whole body")
    request, *headers = wire.heads[0].split("\r\n")
    assert request == "POST /v1/things?a=b%20c HTTP/1.1"
    named = dict(header.split(": ", 1) for header in headers)
    assert (named["X-Key"], named["Accept"], named["User-Agent"]) == ("k", "text/csv", "cryptodesk")
    assert (named["Accept-Encoding"], named["Connection"]) == ("identity", "close")
    assert wire.bodies == [b"whole body"]


def test_an_answer_has_its_status_its_headers_and_its_body() -> None:
    with Wire(http("body", "418 I'm a teapot", "X-Thing: 1")) as wire:
        answer = ask(wire.url)
    assert (answer.status, answer.headers["x-thing"], answer.body) == (418, "1", b"body")


def test_an_answer_in_chunks_is_put_together() -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"one ", b"two")) + b"0\r\n\r\n"
    with Wire(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) as wire:
        assert ask(wire.url).body == b"one two"


@pytest.mark.parametrize(("unpacks", "body"), [(True, b"plain"), (False, gzip.compress(b"plain", mtime=0))])
def test_a_body_is_unpacked_only_when_asked(unpacks: bool, body: bytes) -> None:
    packed = http(gzip.compress(b"plain", mtime=0), "200 OK", "Content-Encoding: gzip")
    with Wire(packed) as wire:
        assert ask(wire.url, unpacks=unpacks).body == body


def test_a_body_that_does_not_unpack_is_no_answer() -> None:
    broken = failure(http("12345", "200 OK", "Content-Encoding: gzip"), unpacks=True)
    assert (type(broken), broken.what) == (OutcomeUnknown, "connection")


def test_a_body_may_be_as_long_as_the_limit_and_no_longer() -> None:
    with Wire(http(b" " * BODY_BYTES_MAX)) as wire:
        assert len(ask(wire.url).body) == BODY_BYTES_MAX
    packed = http(gzip.compress(b" " * (BODY_BYTES_MAX + 1)), "200 OK", "Content-Encoding: gzip")
    for too_long, unpacks in ((http(b" " * (BODY_BYTES_MAX + 1)), False), (endless, False), (packed, True)):
        assert failure(too_long, unpacks=unpacks).what == "garbage"


@pytest.mark.parametrize("body", [http("{}")[:-1], http(b" " * 2000), b""], ids=["broken", "too long", "none"])
def test_a_body_that_nobody_believes_is_not_read(body: bytes) -> None:
    answer = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 90\r\n\r\n" + body
    with Wire(answer) as wire:
        told = transport(wire.url).ask("GET", "/", {}, believed={200})
    assert (told.status, told.body, told.retry_after_seconds) == (503, b"", 7)


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody())
    with Wire(http("{}")) as wire:
        assert ask(wire.url).status == 200


def test_what_a_header_can_not_carry_is_a_bug_and_not_an_outage() -> None:
    with Wire(http("{}")) as wire, pytest.raises(ValueError, match="Invalid header"):
        transport(wire.url).ask("GET", "/", {"X-Key": "a\r\nHost: elsewhere"})
    assert wire.heads == []


# Nothing was sent


def test_nobody_there_means_that_nothing_was_sent() -> None:
    with pytest.raises(NotSent) as failed:
        ask(nobody())
    assert failed.value.what == "connection"


def test_a_host_without_an_address_means_that_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotSent) as failed:
        ask("https://api.bank.example")
    assert failed.value.what == "connection"


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_without_time_left_nothing_is_begun(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    begun: list[Thread] = []
    monkeypatch.setattr(Thread, "start", begun.append)
    with pytest.raises(NotSent) as failed:
        transport(nobody()).ask("POST", "/", {}, seconds=seconds)
    assert (failed.value.what, begun) == ("timeout", [])


def test_a_slow_look_up_of_the_name_ends_in_time_and_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not later, when the name server has answered after all."""
    answered, looked_up, real = Event(), Event(), socket.getaddrinfo

    def slow(*asked: Any, **options: Any) -> Any:
        answered.wait(10)
        looked_up.set()
        return real(*asked, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    with Wire(http("{}")) as wire:
        began = time.monotonic()
        with pytest.raises(NotSent) as failed:
            ask(wire.url, "POST", connect_seconds=0.05)
        assert time.monotonic() - began < 5, "not after the 10 s of the name server"
        answered.set()
        assert looked_up.wait(10)
        monkeypatch.undo()
        assert ask(wire.url).status == 200, "the first request that this server hears"
    assert failed.value.what == "timeout"
    assert [head.split()[0] for head in wire.heads] == ["GET"]


def test_a_process_that_was_frozen_while_connecting_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is over when it thaws, although nobody has yet had the time to say so."""
    real, look_up, frozen = time.monotonic, socket.getaddrinfo, Event()

    def freeze(*asked: Any, **options: Any) -> Any:
        frozen.set()
        return look_up(*asked, **options)

    monkeypatch.setattr(socket, "getaddrinfo", freeze)
    monkeypatch.setattr(time, "monotonic", lambda: real() + 3600 * frozen.is_set())
    with Wire(http("{}")) as wire, pytest.raises(NotSent) as failed:
        ask(wire.url, "POST")
    assert (failed.value.what, wire.heads) == ("timeout", [])


# What came of it is unknown

BROKEN: dict[str, bytes] = {
    "half a body": http("{}")[:-1],
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    "another HTTP": b"HTTP/9 nonsense\r\n\r\n",
    "too many headers": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    "an endless line": b"HTTP/1.1 200 " + b"x" * 70_000,
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("answer", BROKEN)
def test_an_answer_that_is_not_whole_leaves_the_outcome_unknown(answer: str, method: str) -> None:
    failed = failure(BROKEN[answer], method=method)
    assert (type(failed), failed.what) == (OutcomeUnknown, "connection")


SLOW: dict[str, Send] = {
    "silence": silence,
    "the status line": drip(b"x" * 600, b"HTTP/1.1 200 "),
    "the headers": drip(b"X-Padding: " + b"x" * 600, b"HTTP/1.1 200 OK\r\n"),
    "the body": drip(b" " * 600, http(b" " * 600)[:-600]),
    "a body without a length": drip(b" " * 600, b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("slow", SLOW)
def test_an_answer_ends_in_time_whatever_part_of_it_is_slow(slow: str) -> None:
    """What had come by then may look whole, and is not believed."""
    began = time.monotonic()
    failed = failure(SLOW[slow], read_seconds=0.15)
    assert (type(failed), failed.what) == (OutcomeUnknown, "timeout")
    assert time.monotonic() - began < 5, "not after the 12 s of the whole"


def test_a_server_that_drips_is_hung_up_on_at_the_deadline() -> None:
    """Otherwise a thread and a connection would wait for it as long as it likes."""
    heard = Event()

    def send(caller: socket.socket) -> None:
        try:
            drip(b"x" * 100_000)(caller)
        finally:
            heard.set()

    with Wire(send) as wire:
        with pytest.raises(OutcomeUnknown):
            ask(wire.url, read_seconds=0.15)
        assert heard.wait(10)


def test_a_request_ends_when_the_callers_own_time_is_over() -> None:
    began = time.monotonic()
    with Wire(drip(b"x" * 600)) as wire, pytest.raises(OutcomeUnknown) as failed:
        transport(wire.url).ask("GET", "/", {}, seconds=0.15)
    assert failed.value.what == "timeout"
    assert time.monotonic() - began < 4, "not after the 5 s that an answer may take"


# One connection for several requests


def connections(*steps: tuple[str, bytes], **given: Any) -> list[int]:
    """On which connection each request came."""
    with Wire(*(answer for _, answer in steps)) as wire:
        asking = transport(wire.url, **given)
        for method, _ in steps:
            asking.ask(method, "/", {}, believed={200})
        del asking
    return wire.connections


def test_a_connection_is_kept_for_the_next_reading() -> None:
    kept = http("{}", "200 OK", KEEP)
    assert connections(("GET", kept), ("GET", kept), ("GET", kept)) == [1, 1, 1]


def test_what_changes_something_has_a_connection_of_its_own() -> None:
    kept = http("{}", "200 OK", KEEP)
    assert connections(("POST", kept), ("GET", kept), ("DELETE", kept)) == [1, 2, 3]


def test_who_keeps_connections_of_changes_uses_one_for_all() -> None:
    kept = http("{}", "200 OK", KEEP)
    steps = [("POST", kept), ("GET", kept), ("DELETE", kept), ("POST", kept)]
    assert connections(*steps, keeps={"GET", "POST", "DELETE"}) == [1, 1, 1, 1]


def test_a_request_on_a_kept_connection_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = http("{}", "200 OK", KEEP)
    with Wire(kept, kept) as wire:
        asking = transport(wire.url)
        asking.ask("GET", "/", {})
        monkeypatch.setattr(Thread, "start", lambda _: pytest.fail("a thread was started"))
        assert asking.ask("GET", "/", {}).status == 200
        del asking


def test_a_kept_connection_that_drips_ends_in_time_too() -> None:
    """Each request has a deadline of its own."""
    began = time.monotonic()
    with Wire(http("{}", "200 OK", KEEP), drip(b"x" * 600, b"HTTP/1.1 200 ")) as wire:
        asking = transport(wire.url, read_seconds=0.3)
        asking.ask("GET", "/", {})
        with pytest.raises(OutcomeUnknown) as failed:
            asking.ask("GET", "/", {})
    assert (failed.value.what, wire.connections) == ("timeout", [1, 1])
    assert time.monotonic() - began < 5, "not after the 12 s of the whole"


@pytest.mark.parametrize(
    "first",
    [
        http("{}", "200 OK", "Connection: close"),
        b"HTTP/1.1 200 OK\r\n\r\n{}",
        http("not read", "503 Service Unavailable", KEEP),
    ],
    ids=["is closed", "has no length", "is not read to its end"],
)
def test_a_connection_that_can_not_go_on_is_not_kept(first: bytes) -> None:
    assert connections(("GET", first), ("GET", http("{}"))) == [1, 2]


def test_a_connection_that_the_server_has_closed_is_not_used_again() -> None:
    def answer_and_leave(caller: socket.socket) -> None:
        caller.sendall(http("{}", "200 OK", KEEP))
        left.set()

    left = Event()
    with Wire(answer_and_leave, http("{}")) as wire:
        asking = transport(wire.url)
        asking.ask("GET", "/", {})
        assert left.wait(5)
        kept, _ = asking._kept[0]
        while kept.is_connected:
            time.sleep(0.001)  # until the server's end of it has come
        assert asking.ask("GET", "/", {}).status == 200
    assert wire.connections == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "used"), [(KEPT_SECONDS_MAX - 1, [1, 1]), (KEPT_SECONDS_MAX, [1, 2]), (-1, [1, 2])]
)
def test_a_connection_is_not_kept_over_a_long_pause(seconds: float, used: list[int]) -> None:
    """A Lambda that was frozen meanwhile would not know that it is dead."""
    times = iter([100.0, 100.0 + seconds, 200.0])
    kept = http("{}", "200 OK", KEEP)
    assert connections(("GET", kept), ("GET", kept), wall=lambda: next(times)) == used


def test_nothing_is_repeated_when_a_kept_connection_breaks() -> None:
    with Wire(http("{}", "200 OK", KEEP), b"", http("{}")) as wire:
        asking = transport(wire.url)
        asking.ask("GET", "/", {})
        with pytest.raises(OutcomeUnknown) as failed:
            asking.ask("GET", "/", {})
    assert (failed.value.what, wire.connections) == ("connection", [1, 1])


def test_every_caller_is_given_his_own_answer() -> None:
    def echo(request: Request) -> Served:
        return Served(200, "".join(request.path))

    with serve(echo, name="echo") as running, ThreadPoolExecutor(8) as threads:
        asking = transport(running.url)
        bodies = threads.map(lambda n: asking.ask("GET", f"/{n}", {}).body, range(200))
        told = [body.decode() for body in bodies]
        assert len(asking._kept) <= 8
    assert told == [str(n) for n in range(200)]


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed but itself, with its key."""
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
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("hooks.example")]
            ),
            critical=False,
        )
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


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    verifying.cache_clear()
    yield
    verifying.cache_clear()


def test_a_host_whose_certificate_nobody_trusts_is_told_nothing(tls: ssl.SSLContext) -> None:
    with Wire(http("{}"), tls=tls) as wire, pytest.raises(NotSent) as failed:
        ask(wire.url)
    assert (failed.value.what, wire.heads) == ("connection", [])


@pytest.mark.usefixtures("trusted")
def test_a_host_whose_certificate_is_anothers_is_told_nothing(tls: ssl.SSLContext) -> None:
    with Wire(http("{}"), tls=tls) as wire, pytest.raises(NotSent) as failed:
        ask(wire.url.replace("127.0.0.1", "localhost"))
    assert (failed.value.what, wire.heads) == ("connection", [])


@pytest.mark.usefixtures("trusted")
def test_a_host_with_a_good_certificate_is_believed(tls: ssl.SSLContext) -> None:
    kept = http("{}", "200 OK", KEEP)
    with Wire(kept, kept, tls=tls) as wire:
        asking = transport(wire.url)
        assert [asking.ask("GET", "/", {}).body for _ in range(2)] == [b"{}", b"{}"]
        del asking
    assert wire.connections == [1, 1]


@pytest.mark.usefixtures("trusted")
def test_the_certificate_is_that_of_the_name_whatever_its_address_is(tls: ssl.SSLContext) -> None:
    asked: list[tuple[str, int]] = []

    def address_of(host: str, port: int) -> str:
        asked.append((host, port))
        return "127.0.0.1"

    with Wire(http("{}"), tls=tls) as wire:
        port = int(wire.url.rpartition(":")[2])
        there = transport(f"https://hooks.example:{port}", address_of=address_of)
        assert there.ask("POST", "/", {}, b"whole").body == b"{}"
    assert asked == [("hooks.example", port)]
    assert f"Host: hooks.example:{port}" in wire.heads[0].split("\r\n")
    with Wire(http("{}"), tls=tls) as wire:
        there = transport(wire.url.replace("127.0.0.1", "other.example"), address_of=address_of)
        with pytest.raises(NotSent):
            there.ask("POST", "/", {}, b"whole")
    assert wire.heads == []


def test_what_an_address_is_refused_with_is_raised_and_nothing_sent() -> None:
    def address_of(host: str, port: int) -> str:
        raise KeyError(host)

    with Wire(http("{}")) as wire, pytest.raises(KeyError):
        transport(wire.url, address_of=address_of).ask("GET", "/", {})
    assert wire.heads == []


@pytest.mark.usefixtures("trusted")
def test_an_encrypted_answer_that_drips_ends_in_time_too(tls: ssl.SSLContext) -> None:
    began = time.monotonic()
    with Wire(drip(b"HTTP/1.1 200 " + b"x" * 600), tls=tls) as wire, pytest.raises(OutcomeUnknown) as failed:
        ask(wire.url, read_seconds=0.15)
    assert failed.value.what == "timeout"
    assert time.monotonic() - began < 5


def test_a_server_that_never_greets_is_told_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as dumb, pytest.raises(NotSent) as failed:
        ask(f"https://127.0.0.1:{dumb.getsockname()[1]}", connect_seconds=0.05)
    assert failed.value.what == "timeout"


# Settings


@pytest.mark.parametrize(
    "address",
    ["", "api.bank.example", "ftp://bank.example", "https://", "file:///etc", "https://x?a=b", "https://x/AP#y"],
)
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        transport(address)


@pytest.mark.parametrize(("given", "path"), [("", ""), ("/", ""), ("/baas", "/baas"), ("/baas/", "/baas")])
def test_the_beginning_of_a_path_is_kept_without_its_last_slash(given: str, path: str) -> None:
    assert transport(f"https://api.bank.example{given}").path == path


def test_a_header_takes_visible_ascii_and_an_error_does_not_show_it() -> None:
    assert header_value("the key", "sk-1!~") == "sk-1!~"
    for key in ("", "sk-secret\n", "sk-sec ret", "sk-secret\r\nHost: elsewhere", "sk-sécret", "sk-\x7f"):
        with pytest.raises(ValueError, match="the key is empty, or") as refusal:
            header_value("the key", key)
        assert "sk-" not in str(refusal.value)


MODULES = ["transport", "bank.baas", "prices.coingecko", "exchange.alphapoint", "exchange.ccxt", "exchange.ccxt_funds"]


def test_the_gateways_start_without_a_heavy_http_library() -> None:
    heavy = "{'requests', 'httpx', 'aiohttp', 'botocore.httpsession', 'boto3', 'ccxt', 'pydantic', 'asyncio'}"
    imports = ", ".join(f"common.gateways.{module}" for module in MODULES)
    program = f"import sys, {imports}; print(sorted({heavy} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
