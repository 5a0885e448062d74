"""How the stories ask the desk: again, where it says so and where that is the same request."""

import json
import time
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from common.table.table import TableUnavailable
from local.asking import TRIES, AskingAgain
from local.deployment import Deployment
from local.environment import LocalEnvironment
from local.seed import ROUNDS_MAX, SeedingFailed
from local.seed import Desk as LocalDesk


class Desk(HTTPServer):
    """Too busy for its first requests."""

    def __init__(self, busy: int, answer: type[BaseHTTPRequestHandler] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), answer or Answer)
        self.busy, self.asked, self.again_after = busy, 0, "0"


class Answer(BaseHTTPRequestHandler):
    server: Desk

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked += 1
        self.send_response(503 if self.server.asked <= self.server.busy else 200)
        self.send_header("Retry-After", self.server.again_after)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with Desk(request.param) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


def asked(desk: Desk, method: str, **headers: str) -> int:
    at = f"http://127.0.0.1:{desk.server_port}"
    with httpx.Client(transport=AskingAgain()) as http:
        return http.request(method, at, headers=headers, json={} if method == "POST" else None).status_code


@pytest.mark.parametrize("desk", [TRIES - 1], indirect=True)
@pytest.mark.parametrize(("method", "headers"), [("GET", {}), ("POST", {"Idempotency-Key": "one"})])
def test_a_busy_desk_is_asked_again(desk: Desk, method: str, headers: dict[str, str]) -> None:
    assert (asked(desk, method, **headers), desk.asked) == (200, TRIES)


@pytest.mark.parametrize("desk", [TRIES], indirect=True)
def test_a_desk_that_stays_busy_says_so(desk: Desk) -> None:
    assert (asked(desk, "GET"), desk.asked) == (503, TRIES)


@pytest.mark.parametrize("desk", [1], indirect=True)
def test_what_might_be_done_twice_is_asked_once(desk: Desk) -> None:
    assert (asked(desk, "POST"), desk.asked) == (503, 1)


@pytest.mark.parametrize("desk", [1], indirect=True)
def test_a_desk_that_is_halted_is_not_waited_for(desk: Desk) -> None:
    desk.again_after = "60"
    assert (asked(desk, "GET"), desk.asked) == (503, 1)


class Functions(Answer):
    """Of an AWS: a round that fails answers 200, and says so in a header."""

    trouble = TableUnavailable.__name__

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked += 1
        told = b"null"
        self.send_response(200)
        if self.server.asked <= self.server.busy:
            told = json.dumps({"errorType": self.trouble, "errorMessage": "no"}).encode()
            self.send_header("X-Amz-Function-Error", "Unhandled")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)


class Broken(Functions):
    trouble = "KeyError"


@pytest.mark.parametrize(
    ("functions", "failing", "rounds"),
    [(Functions, ROUNDS_MAX - 1, ROUNDS_MAX), (Functions, ROUNDS_MAX, ROUNDS_MAX), (Broken, 1, 1)],
)
def test_a_round_begins_again_only_where_its_table_was_too_slow(
    functions: type[Functions], failing: int, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with Desk(failing, functions) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        desk = LocalDesk(LocalEnvironment(port=server.server_port), Deployment(*("" for _ in fields(Deployment))))
        if failing < rounds:
            desk.invoke("any")
        else:
            with pytest.raises(SeedingFailed, match=functions.trouble):
                desk.invoke("any")
        server.shutdown()
    assert server.asked == rounds
