"""The price source over HTTP: CoinGecko's wire to the letter, and controls that say what to do."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.prices.face import serve
from sandbox.prices.oracle import Oracle
from tests.gateways.wire import row
from tests.sandbox.faces import Process, call

NOW = datetime(2024, 3, 25, 8, 45, 0, 5, tzinfo=UTC)
PRICE = "/api/v3/simple/price"


@pytest.fixture
def oracle() -> Oracle:
    return Oracle(lambda: NOW, seed=7)


@pytest.fixture
def url(oracle: Oracle) -> Iterator[str]:
    with serve(oracle) as face:
        yield face.url


def test_ping_is_answered(url: str) -> None:
    assert call(f"{url}/api/v3/ping").text == '{"gecko_says": "(V3) To the Moon!"}'


def test_prices_are_json_numbers_with_every_digit(oracle: Oracle, url: str) -> None:
    oracle.set_price("bitcoin", "67187.3358936566123456789")
    oracle.set_price("pepe", "0.000000000012300")
    oracle.set_price("long", "99999999999999999999.1234567890123456785")
    said = call(f"{url}{PRICE}?ids=bitcoin,pepe&vs_currencies=usd&include_last_updated_at=true&precision=full")
    assert said.status == 200
    assert said.headers["Content-Type"] == "application/json; charset=utf-8"
    assert said.text == (
        '{"bitcoin":{"usd":67187.3358936566123456789,"last_updated_at":1711356300},'
        '"pepe":{"usd":0.0000000000123,"last_updated_at":1711356300}}'
    )
    rounded = call(f"{url}{PRICE}?ids=long&vs_currencies=usd&precision=18").text
    assert rounded == '{"long":{"usd":99999999999999999999.123456789012345679}}'


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("ids=bitcoin&vs_currencies=usd&precision=full", '{"bitcoin":{"usd":67187.3358936566}}'),
        ("ids=bitcoin&vs_currencies=usd&precision=18", '{"bitcoin":{"usd":67187.3358936566}}'),
        ("ids=bitcoin&vs_currencies=usd&precision=2", '{"bitcoin":{"usd":67187.34}}'),
        ("ids=bitcoin&vs_currencies=usd&precision=0", '{"bitcoin":{"usd":67187}}'),
        ("ids=bitcoin&vs_currencies=usd", '{"bitcoin":{"usd":67187.3}}'),
        ("ids=bitcoin&vs_currencies=thb&precision=full", '{"bitcoin":{}}'),
        ("ids=bitcoin&vs_currencies=thb,usd&precision=0", '{"bitcoin":{"usd":67187}}'),
        ("ids=Bitcoin%2C%20unknown,&vs_currencies=USD&precision=0", '{"bitcoin":{"usd":67187}}'),
        ("ids=unknown&vs_currencies=usd", "{}"),
        ("ids=bitcoin,bitcoin&vs_currencies=usd&precision=0", '{"bitcoin":{"usd":67187}}'),
        (
            "ids=dead&vs_currencies=usd&include_last_updated_at=true&precision=full",
            '{"dead":{"usd":null,"last_updated_at":null}}',
        ),
    ],
)
def test_the_question_is_taken_as_coingecko_takes_it(oracle: Oracle, url: str, query: str, answer: str) -> None:
    oracle.set_price("bitcoin", "67187.3358936566")
    oracle.set_price("dead", None)
    assert call(f"{url}{PRICE}?{query}").text == answer


@pytest.mark.parametrize(
    ("query", "status", "error"),
    [
        ("ids=bitcoin", 422, "Missing parameter vs_currencies"),
        ("ids=bitcoin&vs_currencies=", 422, "Missing parameter vs_currencies"),
        ("", 422, "Missing parameter vs_currencies"),
        ("vs_currencies=usd", 422, "Missing parameter ids"),
        ("ids=bitcoin&vs_currencies=usd&precision=19", 400, "Invalid value for precision"),
        ("ids=bitcoin&vs_currencies=usd&precision=-1", 400, "Invalid value for precision"),
        ("ids=bitcoin&vs_currencies=usd&precision=all", 400, "Invalid value for precision"),
    ],
)
def test_a_bad_question_is_refused_and_uses_up_no_fault(
    oracle: Oracle, url: str, query: str, status: int, error: str
) -> None:
    oracle.fail_next("500")
    said = call(f"{url}{PRICE}?{query}")
    assert (said.status, said.error) == (status, error)
    assert oracle.faults() == ["500"]


@pytest.mark.parametrize(("kind", "retry_after"), [("429", "60"), ("500", None)])
def test_a_fault_with_a_status_has_coingeckos_body(
    oracle: Oracle, url: str, kind: str, retry_after: str | None
) -> None:
    oracle.fail_next(kind)
    said = call(f"{url}{PRICE}?ids=bitcoin&vs_currencies=usd")
    status = json.loads(said.text)["status"]
    assert (said.status, status["error_code"]) == (int(kind), int(kind))
    assert status["error_message"]
    assert said.headers.get("Retry-After") == retry_after


def test_a_price_is_set_moved_and_forgotten(oracle: Oracle, url: str) -> None:
    said = call(f"{url}/sandbox/prices/bitcoin", "PUT", {"usd": "67000.10", "age_seconds": 45})
    names = "usd age_seconds walk quoted_usd updated_at"
    expected = row(names, "67000.1", 45, False, "67000.1", "2024-03-25T08:44:15.000000Z")
    assert (said.status, said.json) == (200, expected)
    assert oracle.ask(["bitcoin"])["bitcoin"].usd == Decimal("67000.10")
    assert call(f"{url}/sandbox/move/bitcoin", "POST", {"factor": "1.05"}).json["usd"] == "70350.105"
    assert [call(f"{url}/sandbox/prices/bitcoin", "DELETE").status for _ in range(2)] == [200, 404]
    assert oracle.ask(["bitcoin"]) == {}


def test_the_state_shows_everything(oracle: Oracle, url: str) -> None:
    oracle.set_price("bitcoin", "67000", walk=True)
    oracle.set_price("dead", None)
    call(f"{url}{PRICE}?ids=bitcoin&vs_currencies=usd")
    state = call(f"{url}/sandbox/state").json
    assert (state["now"], state["seed"], state["calls"]) == ("2024-03-25T08:45:00.000005Z", 7, 1)
    assert (state["prices"]["bitcoin"]["usd"], state["prices"]["bitcoin"]["walk"]) == ("67000", True)
    assert (state["prices"]["dead"]["usd"], state["prices"]["dead"]["quoted_usd"]) == (None, None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("PUT", "/sandbox/prices/bitcoin", None, 400, "the body is not JSON"),
        ("PUT", "/sandbox/prices/bitcoin", b"\xff", 400, "the body is not JSON"),
        ("PUT", "/sandbox/prices/bitcoin", [], 400, "there must be a JSON object with usd, age_seconds, walk"),
        ("PUT", "/sandbox/prices/bitcoin", {}, 400, 'usd is missing: text such as "67000.10"'),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": 67000.1}, 400, 'usd is 67000.1; it must be text such as "67000.10"'),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "lots"}, 400, "usd is 'lots'; it must be a decimal number"),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "1", "age": 3}, 400, "there are usd, age_seconds, walk"),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "1", "age_seconds": True}, 400, "age_seconds is true"),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "1", "age_seconds": -1}, 400, "from 0 to"),
        ("PUT", "/sandbox/prices/bitcoin", {"usd": "1", "walk": "no"}, 400, 'walk is "no"; it must be true or false'),
        ("PUT", "/sandbox/prices/Bit%2Ccoin", {"usd": "1"}, 400, "'Bit,coin' is not an id"),
        ("POST", "/sandbox/move/bitcoin", {"factor": "1.05"}, 404, "bitcoin is not listed; listed: nothing"),
        ("POST", "/sandbox/move/bitcoin", {"factor": 1.05}, 400, 'it must be text such as "1.05"'),
        ("POST", "/sandbox/faults", {"kind": "earthquake"}, 400, "429, 500, timeout, garbage, drop"),
        ("POST", "/sandbox/faults", {"kind": 429}, 400, "one of 429, 500, timeout"),
        ("POST", "/sandbox/faults", {"kind": "429", "times": 0}, 400, "from 1 to 1000"),
        ("POST", "/sandbox/faults", {"kind": "429", "times": 1001}, 400, "from 1 to 1000"),
        ("GET", "/sandbox/prices/bitcoin", None, 404, "GET /sandbox/state"),
        ("GET", "/", None, 404, "GET /api/v3/simple/price"),
        ("POST", PRICE, {}, 404, "nothing answers POST /api/v3/simple/price"),
    ],
)
def test_a_bad_order_is_refused_with_what_to_do(
    oracle: Oracle, url: str, method: str, path: str, body: object, status: int, error: str
) -> None:
    said = call(f"{url}{path}", method, body)
    assert said.status == status
    assert error in said.error
    assert (oracle.listings(), oracle.faults()) == ({}, [])


# The process


def test_what_was_set_outlives_a_restart_and_a_sigterm_is_a_clean_stop(tmp_path: Path) -> None:
    kept = tmp_path / "prices.json"
    first = Process("prices", "--state", str(kept))
    assert "walk" in call(f"{first.url}/sandbox/state").text, "it begins with a market"
    assert call(f"{first.url}/sandbox/prices/bitcoin", "PUT", {"usd": "67000.123456789012345678"}).status == 200
    assert call(f"{first.url}/sandbox/prices/ripple", "DELETE").status == 200
    assert first.stop() == (0, ""), "and no access log"
    assert [path.name for path in tmp_path.iterdir()] == ["prices.json"]

    second = Process("prices", "--state", str(kept), "--access-log")
    said = call(f"{second.url}{PRICE}?ids=bitcoin,ripple&vs_currencies=usd&precision=full")
    code, access_log = second.stop()
    assert said.text == '{"bitcoin":{"usd":67000.123456789012345678}}', "what was forgotten stays so"
    assert code == 0
    assert PRICE in access_log
