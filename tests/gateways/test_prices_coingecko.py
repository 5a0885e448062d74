"""The CoinGecko adapter against answers that no well-behaved source gives."""

import gzip
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Self
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.gateways.prices import PriceSourceUnavailable
from common.gateways.prices.coingecko import BODY_BYTES_MAX, CoinGeckoPrices
from common.money import Price
from sandbox.prices.face import serve
from sandbox.prices.oracle import Oracle

IDS = {"BTC": "bitcoin", "ETH": "ethereum"}
AT = datetime(2024, 3, 25, 8, 45, tzinfo=UTC)
AT_SECONDS = 1711356300
GOOD = b'{"bitcoin":{"usd":67187.3,"last_updated_at":1711356300}}'
Send = Callable[[socket.socket], None]


class Canned:
    """A server that gives one answer after another, byte for byte, and remembers the questions."""

    def __init__(self, *answers: bytes | Send) -> None:
        self.heads: list[str] = []
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        for answer in self._answers:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return  # closed
            with caller:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    head += caller.recv(4096)
                self.heads.append(head.decode())
                with suppress(OSError):  # the adapter may have had enough
                    caller.sendall(answer) if isinstance(answer, bytes) else answer(caller)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


def http(body: bytes = GOOD, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def refusal_of(answer: bytes | Send, **options: float) -> PriceSourceUnavailable:
    with Canned(answer) as source, pytest.raises(PriceSourceUnavailable) as refusal:
        CoinGeckoPrices(source.url, IDS, **options).latest(["BTC"])  # type: ignore[arg-type]  # seconds only
    assert len(source.heads) == 1, "asked once"
    return refusal.value


def test_the_question_is_the_documented_one() -> None:
    with Canned(http()) as source:
        CoinGeckoPrices(source.url + "/", IDS).latest(["ETH", "BTC"])
    method, target, _ = source.heads[0].splitlines()[0].split()
    assert (method, urlsplit(target).path) == ("GET", "/api/v3/simple/price")
    assert parse_qs(urlsplit(target).query) == {
        "ids": ["bitcoin,ethereum"],
        "vs_currencies": ["usd"],
        "include_last_updated_at": ["true"],
        "precision": ["full"],
    }


def test_each_call_opens_a_connection_of_its_own() -> None:
    with Canned(http(), http()) as source:
        prices = CoinGeckoPrices(source.url, IDS)
        assert prices.latest(["BTC"]) == prices.latest(["BTC"])
    assert all("Connection: close\r\n" in head for head in source.heads)


def test_a_listing_that_two_assets_share_is_asked_for_once() -> None:
    with Canned(http()) as source:
        CoinGeckoPrices(source.url, {"BTC": "bitcoin", "WBTC": "bitcoin"}).latest(["BTC", "WBTC"])
    assert "?ids=bitcoin&" in source.heads[0]


def test_the_key_is_sent_in_its_header_and_nowhere_else() -> None:
    with Canned(http()) as source:
        CoinGeckoPrices(source.url, IDS, api_key="CG-secret").latest(["BTC"])
    assert "x-cg-demo-api-key: CG-secret\r\n" in source.heads[0]
    assert source.heads[0].count("CG-secret") == 1


@pytest.mark.parametrize("no_key", [None, ""])
def test_without_a_key_no_key_is_sent(no_key: str | None) -> None:
    with Canned(http()) as source:
        CoinGeckoPrices(source.url, IDS, api_key=no_key).latest(["BTC"])
    assert "api-key" not in source.heads[0]


@pytest.mark.parametrize(
    ("number", "price"),
    [
        ("67187", "67187"),
        ("67187.3358936566", "67187.3358936566"),
        ("1.2345e-05", "0.000012345"),
        ("6.7E+4", "67000"),
        ("0.1", "0.1"),
    ],
)
def test_any_number_that_json_can_write_is_understood(number: str, price: str) -> None:
    body = f'{{"bitcoin":{{"last_updated_at":{AT_SECONDS},"usd":{number},"usd_24h_vol":1e3}}}}'.encode()
    with Canned(http(body)) as source:
        quotation = CoinGeckoPrices(source.url, IDS).latest(["BTC"])["BTC"]
    assert (quotation.price, quotation.as_of, quotation.source) == (Price(price), AT, "coingecko")


@pytest.mark.parametrize(
    "entry",
    [
        "{}",
        '{"usd":null,"last_updated_at":null}',
        '{"last_updated_at":1711356300}',
        '{"usd":0,"last_updated_at":1711356300}',
        '{"usd":0.0,"last_updated_at":1711356300}',
        '{"usd":-67187.3,"last_updated_at":1711356300}',
        '{"usd":12345678901,"last_updated_at":1711356300}',
        '{"usd":1e999999999,"last_updated_at":1711356300}',
        '{"usd":1e-999999999,"last_updated_at":1711356300}',
        '{"usd":67187.3}',
        '{"usd":67187.3,"last_updated_at":null}',
        '{"usd":67187.3,"last_updated_at":0}',
        '{"usd":67187.3,"last_updated_at":-5}',
        '{"usd":67187.3,"last_updated_at":1711356300000}',
        '{"usd":67187.3,"last_updated_at":1e999999999}',
    ],
)
def test_a_listing_without_a_usable_price_and_time_is_left_out_alone(entry: str) -> None:
    body = f'{{"bitcoin":{entry},"ethereum":{{"usd":3456.78,"last_updated_at":{AT_SECONDS}}}}}'.encode()
    with Canned(http(body)) as source:
        assert CoinGeckoPrices(source.url, IDS).latest(["BTC", "ETH"]).keys() == {"ETH"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Just a moment</title>",
        b"\xff\xfe\xfa",
        b"null",
        b"[]",
        b'"bitcoin"',
        GOOD[:-1],
        pytest.param(gzip.compress(GOOD, mtime=0), id="compressed"),
        b'{"bitcoin":5}',
        b'{"bitcoin":[]}',
        b'{"bitcoin":{"usd":"67187.3","last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":true,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":{"usd":1},"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":NaN,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":Infinity,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":-Infinity,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":1e9999999999999999999999,"last_updated_at":1711356300}}',
        b'{"bitcoin":{"usd":67187.3,"last_updated_at":"2024-03-25"}}',
        b'{"bitcoin":{"usd":67187.3,"last_updated_at":NaN}}',
        b'{"error":"coin not found"}',
        b'{"status":{"error_code":429,"error_message":"slow down"}}',
        pytest.param(b"[" * 100_000, id="too deep"),
    ],
)
def test_an_answer_that_can_not_be_read_is_garbage(body: bytes) -> None:
    assert refusal_of(http(body)).facts == {"what": "garbage"}


def test_half_a_head_is_garbage() -> None:
    assert refusal_of(b"HTTP/1.1 200 OK\r\nContent-Le").facts == {"what": "garbage"}


@pytest.mark.parametrize(
    ("status", "what"),
    [
        ("204 No Content", "refused"),
        ("400 Bad Request", "refused"),
        ("401 Unauthorized", "refused"),
        ("403 Forbidden", "refused"),
        ("404 Not Found", "refused"),
        ("408 Request Timeout", "source_error"),
        ("422 Unprocessable Entity", "refused"),
        ("429 Too Many Requests", "rate_limit"),
        ("500 Internal Server Error", "source_error"),
        ("502 Bad Gateway", "source_error"),
        ("503 Service Unavailable", "source_error"),
    ],
)
def test_a_status_other_than_200_is_not_an_answer(status: str, what: str) -> None:
    assert refusal_of(http(b"" if status[:3] == "204" else GOOD, status)).facts == {"what": what}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("119", 119), ("0", 0), ("Fri, 21 Nov 2026 09:30:00 GMT", None), ("soon", None), ("-5", None), ("9" * 10, None)],
)
@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
def test_the_wait_is_told_when_the_source_tells_it_in_seconds(status: str, said: str, seconds: int | None) -> None:
    facts = refusal_of(http(b"{}", status, f"Retry-After: {said}")).facts
    assert facts.get("retry_after_seconds") == seconds


def test_a_compressed_answer_that_nobody_asked_for_is_not_unpacked() -> None:
    assert refusal_of(http(gzip.compress(GOOD), "200 OK", "Content-Encoding: gzip")).facts == {"what": "garbage"}


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_not_followed(status: str) -> None:
    with Canned(http()) as elsewhere:
        answer = http(b"", status, f"Location: {elsewhere.url}/api/v3/simple/price")
        assert refusal_of(answer).facts == {"what": "refused"}
        assert elsewhere.heads == []


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    padding = b" " * BODY_BYTES_MAX
    assert refusal_of(http(GOOD + padding)).facts == {"what": "garbage"}
    largest = GOOD + b" " * (BODY_BYTES_MAX - len(GOOD))
    with Canned(http(largest)) as source:
        assert "BTC" in CoinGeckoPrices(source.url, IDS).latest(["BTC"])


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    def endless(caller: socket.socket) -> None:
        caller.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            caller.sendall(b"4000\r\n" + b" " * 0x4000 + b"\r\n")

    assert refusal_of(endless).facts == {"what": "garbage"}


def test_a_chunked_answer_is_read() -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (GOOD[:20], GOOD[20:])) + b"0\r\n\r\n"
    with Canned(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks) as source:
        assert CoinGeckoPrices(source.url, IDS).latest(["BTC"])["BTC"].price == Price("67187.3")


def test_silence_ends_after_the_read_time_out() -> None:
    def silence(caller: socket.socket) -> None:
        caller.recv(1)  # until the adapter hangs up

    began = time.monotonic()
    assert refusal_of(silence, read_seconds=0.05).facts == {"what": "timeout"}
    assert time.monotonic() - began < 1


def test_an_answer_that_drips_is_not_waited_for_longer_than_silence() -> None:
    def drip(caller: socket.socket) -> None:
        answer = http()
        caller.sendall(answer[: -len(GOOD)])
        for byte in GOOD:
            time.sleep(0.02)  # a byte always comes before the read time-out
            caller.sendall(bytes([byte]))

    began = time.monotonic()
    assert refusal_of(drip, connect_seconds=0.01, read_seconds=0.05).facts == {"what": "timeout"}
    assert time.monotonic() - began < 0.02 * len(GOOD), "not to the end"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        http()[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n",
    ],
    ids=["nothing", "half a body", "half a chunk", "no chunk", "not HTTP", "too many headers"],
)
def test_a_connection_that_breaks_or_speaks_no_http_is_not_an_answer(answer: bytes) -> None:
    assert refusal_of(answer).facts == {"what": "connection"}


def test_half_an_answer_is_never_taken_for_a_whole_one() -> None:
    two = b'{"bitcoin":{"usd":67187.3,"last_updated_at":1711356300}} '  # cut at a place where it is still JSON
    assert refusal_of(http(two)[:-1]).facts == {"what": "connection"}


def test_a_source_that_nobody_listens_for_is_not_reached() -> None:
    with Canned() as source:
        url = source.url
    with pytest.raises(PriceSourceUnavailable) as refusal:
        CoinGeckoPrices(url, IDS).latest(["BTC"])
    assert refusal.value.facts == {"what": "connection"}


def test_more_than_a_hundred_ids_are_several_questions_and_each_id_is_in_one() -> None:
    ids = {f"A{n}": f"asset-{n}" for n in range(201)}
    with Canned(*[http(b"{}")] * 3) as source:
        assert CoinGeckoPrices(source.url, ids).latest(ids.keys()) == {}
    asked = [parse_qs(urlsplit(head.split()[1]).query)["ids"][0].split(",") for head in source.heads]
    assert [len(batch) for batch in asked] == [100, 100, 1]
    assert sorted(listing for batch in asked for listing in batch) == sorted(ids.values())


def test_when_a_later_question_fails_nothing_is_answered() -> None:
    ids = {f"A{n:03}": f"asset-{n:03}" for n in range(101)}
    first = f'{{"asset-000":{{"usd":1,"last_updated_at":{AT_SECONDS}}}}}'.encode()
    fault = http(b"{}", "500 Internal Server Error")
    with Canned(http(first), fault) as source, pytest.raises(PriceSourceUnavailable):
        CoinGeckoPrices(source.url, ids).latest(ids.keys())
    assert len(source.heads) == 2


def test_a_listing_that_nobody_asked_for_is_not_in_the_answer() -> None:
    body = b'{"dogecoin":"nonsense",' + GOOD[1:]
    with Canned(http(body)) as source:
        assert CoinGeckoPrices(source.url, IDS).latest(["BTC"]).keys() == {"BTC"}


def test_an_asset_that_joins_the_catalogue_is_known_at_the_next_call() -> None:
    ids: dict[str, str] = {}
    with Canned(http()) as source:
        prices = CoinGeckoPrices(source.url, ids)
        assert prices.latest(["BTC"]) == {}
        ids["BTC"] = "bitcoin"
        assert prices.latest(["BTC"]).keys() == {"BTC"}


@pytest.mark.parametrize("address", ["", "api.coingecko.com", "ftp://api.coingecko.com", "https://", "file:///etc"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        CoinGeckoPrices(address, IDS)


@pytest.mark.parametrize("key", ["CG-secret\n", "CG-sec ret", "CG-secret\r\nHost: elsewhere", "CG-sécret"])
def test_a_key_that_would_break_its_header_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as refusal:
        CoinGeckoPrices("https://api.coingecko.com", IDS, api_key=key)
    assert "CG-" not in str(refusal.value)


def test_the_adapter_starts_without_a_heavy_http_library() -> None:
    heavy = "{'requests', 'httpx', 'aiohttp', 'botocore', 'boto3', 'ccxt'}"
    program = f"import common.gateways.prices.coingecko, sys; print(sorted({heavy} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def market() -> Iterator[tuple[Oracle, CoinGeckoPrices]]:
    oracle = Oracle(lambda: AT, seed=7)
    with serve(oracle) as face:
        yield oracle, CoinGeckoPrices(face.url, IDS)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 10**28 - 1))
def test_every_price_of_ten_and_eighteen_digits_crosses_the_wire_unchanged(
    market: tuple[Oracle, CoinGeckoPrices], units: int
) -> None:
    oracle, prices = market
    usd = f"{units // 10**18}.{units % 10**18:018}"
    oracle.set_price("bitcoin", usd)
    assert prices.latest(["BTC"])["BTC"].price == Price(usd)
