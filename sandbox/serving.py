"""HTTP for the simulated outside world: a server on 127.0.0.1 in a thread of its own.

A face is the wire of a simulated system: it reads requests and writes answers as that system does.

    def decide(request: Request) -> Answer: …
    with serve(decide, name="sandbox-bank") as running:
        httpx.get(running.url)

The server answers what `decide` raises: NotFound with 404, any other Refusal with 400 and the detail as the error.
`Hang` keeps the caller waiting until he gives up, `Drop` closes the connection without an answer.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Event, Thread
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from common.errors import NotFound, Refusal, Rejected

HOST = "127.0.0.1"
HANG_SECONDS = 30.0  # longer than any adapter waits
BODY_BYTES_MAX = 256 * 1024  # two of the custody's largest transactions, signed, are 110 KiB


class Hang(Exception):
    """The connection stays open and nothing comes."""


class Drop(Exception):
    """The connection is closed without an answer."""


class NoSuchPath(NotFound): ...


class BadRequest(Rejected): ...


@dataclass(frozen=True)
class Request:
    method: str
    path: list[str]  # decoded segments, without the empty ones
    query: str  # as sent, without the question mark
    headers: Message  # names in any case
    body: bytes
    target: str  # path and query, exactly as sent


@dataclass(frozen=True)
class Answer:
    status: int
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"


Decide = Callable[[Request], Answer]


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value) + "\n")


def parsed(body: bytes) -> Any:
    """Raises BadRequest."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("the body is not JSON") from None


Kinds = Mapping[str, tuple[tuple[type, ...], str]]  # of each member: of which types it may be, and that in words


def members(kinds: Kinds, given: Any, needed: Sequence[str], optional: Sequence[str] = ()) -> dict[str, Any]:
    """Those of a JSON object, each of its kind. Raises BadRequest."""
    known = [*needed, *optional]
    if not isinstance(given, dict):
        raise BadRequest(f"there must be a JSON object with {', '.join(known)}")
    for name in needed:
        if name not in given:
            raise BadRequest(f"{name} is missing: {kinds[name][1]}")
    for name, value in given.items():
        if name not in known:
            raise BadRequest(f"{name!a} is not known here; there are {', '.join(known)}")
        types, wanted = kinds[name]
        if type(value) not in types:  # not isinstance: True is an int
            raise BadRequest(f"{name} is {json.dumps(value)}; it must be {wanted}")
    return given


def switch(faces: Mapping[str, Decide]) -> Decide:
    """One server for several faces, by the first part of the path."""

    def decide(request: Request) -> Answer:
        face = faces.get(request.path[0]) if request.path else None
        if face is None:
            raise NoSuchPath(
                f"nothing answers /{'/'.join(request.path)}; there are {', '.join(f'/{p}/…' for p in faces)}"
            )
        return face(request)

    return decide


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, decide: Decide, name: str, port: int, hang_seconds: float, access_log: bool) -> None:
        self.decide = decide
        self.name = name
        self.hang_seconds = hang_seconds
        self.access_log = access_log
        self.closing = Event()
        super().__init__((HOST, port), _Handler)

    def server_bind(self) -> None:
        """Without HTTPServer's look-up of the host's name: the sandbox asks no name server."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no news here; anything else is a bug and prints its traceback."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    sys_version = ""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes
    timeout = 60  # an idle connection is closed

    def _answer(self) -> None:
        try:
            answer = self.server.decide(self._request())
        except Hang:
            self.server.closing.wait(self.server.hang_seconds)
            self.close_connection = True
            return
        except Drop:
            self.close_connection = True
            return
        except NotFound as unknown:
            answer = as_json({"error": unknown.detail}, 404)
        except Refusal as refused:
            answer = as_json({"error": refused.detail}, 400)
        except OSError as unkept:
            answer = as_json({"error": f"the change is in force, but is lost at the next start: {unkept}"}, 500)
        body = answer.body if isinstance(answer.body, bytes) else answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = _answer

    def version_string(self) -> str:
        return self.server.name

    def _request(self) -> Request:
        body = self._body()
        address = urlsplit(self.path)
        path = [unquote(part) for part in address.path.strip("/").split("/") if part]
        return Request(self.command, path, address.query, self.headers, body, self.path)

    def _body(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= BODY_BYTES_MAX):
            self.close_connection = True  # what was sent stays unread
            raise BadRequest(f"a body has a Content-Length of at most {BODY_BYTES_MAX}")
        return self.rfile.read(int(length))

    def log_message(self, format: str, *args: Any) -> None:
        if self.server.access_log:
            super().log_message(format, *args)


@dataclass(frozen=True)
class Running:
    """A face that is listening. As a context manager it closes on leaving."""

    url: str  # http://127.0.0.1:port
    _server: _Server
    _thread: Thread

    def close(self) -> None:
        """Stop listening, let go of callers that wait for a time-out. Closing again does nothing."""
        self._server.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def serve(
    decide: Decide, port: int = 0, *, name: str, hang_seconds: float = HANG_SECONDS, access_log: bool = False
) -> Running:
    """Listen on 127.0.0.1 in a thread of its own; port 0 takes a free one. Raises OSError when the port is taken.

    `decide` is called in many threads at once.
    """
    server = _Server(decide, name, port, hang_seconds, access_log)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name=name, daemon=True)
    thread.start()
    return Running(f"http://{HOST}:{server.server_port}", server, thread)
