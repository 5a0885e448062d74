"""HTTP for the gateways: one request, one answer that came whole, one deadline for everything between them.

    transport = Transport("https://api.bank.example/v1", connect_seconds=2, read_seconds=7, body_bytes_max=65_536)
    answer = transport.ask("GET", "/v1/adjustments?reference_id=…", {"Authorization": "Bearer …"})

A request ends in one of three ways, and the caller has to know which:

    an Answer came            whatever its status says
    NotSent is raised         the other side has seen nothing of the request
    OutcomeUnknown is raised  the request went out, at least in part; what came of it is for the caller to find out

No request is ever sent twice, no redirect is followed, no proxy is taken from the environment, and a certificate is
always verified.
"""

import socket
import ssl
import time
import weakref
from collections.abc import Callable, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from threading import Lock, Thread
from typing import Any, Literal

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HttpTimeout
from urllib3.util import parse_url

KEPT_SECONDS_MAX = 5.0  # well under the time for which servers keep a connection that nobody uses
_PIECE_BYTES = 64 * 1024

What = Literal["timeout", "connection", "garbage"]


class NoAnswer(Exception):
    """No answer came, or none that can be read. Raised as NotSent or OutcomeUnknown.

    what: "timeout"     the deadline passed first
          "connection"  there was no connection, or it broke before the answer was whole
          "garbage"     the answer is longer than any answer can be
    """

    def __init__(self, what: What, detail: str) -> None:
        super().__init__(detail)
        self.what = what


class NotSent(NoAnswer):
    """Nothing was sent."""


class OutcomeUnknown(NoAnswer):
    """The request was sent, at least in part."""


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` are found by names in any case; `body` is empty where nobody wanted to read it."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def retry_after_seconds(self) -> int | None:
        """How long the other side asks us to wait; None where it says nothing, a date or nonsense."""
        seconds = self.headers.get("Retry-After", "")
        return int(seconds) if seconds.isascii() and seconds.isdigit() and len(seconds) <= 6 else None

    @property
    def is_page(self) -> bool:
        """Whether the answer was announced as a web page. A machine between us and the other side wrote that."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "text/html"


class Transport:
    """The way to one host. Safe to use from several threads.

    base_url: scheme, host and perhaps the beginning of a path, which is kept as `path`, without a slash at its end.
    connect_seconds: for the look-up of the host's name, all its addresses and the TLS handshake together.
    read_seconds: for sending and for the whole answer, however slowly its head or body drips in.
    body_bytes_max: an answer with a longer body is not read to its end.
    unpacks: whether a body that comes compressed is unpacked; `body_bytes_max` is of the unpacked one.
    keeps: the methods that leave their connection to the next request of such a method, for at most KEPT_SECONDS_MAX.
        A kept connection may be dead, and then nobody knows what became of a change: so only who asks much more often
        than that, and can find out, keeps connections of methods that change something.
    wall: seconds since 1970. This clock goes on while a Lambda is frozen.
    address_of: what tells the address of the host, and its port, which is then connected to, and no other; None: the
        system looks it up. What it raises is raised by `ask`, and nothing is sent. It is called within connect_seconds.

    Raises ValueError for a base_url that can not be one and for times that are not above 0.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float,
        read_seconds: float,
        body_bytes_max: int,
        unpacks: bool = False,
        keeps: Container[str] = ("GET",),
        wall: Callable[[], float] = time.time,
        address_of: Callable[[str, int], str] | None = None,
    ) -> None:
        address = parse_url(base_url)
        if address.scheme not in {"http", "https"} or not address.host or address.query or address.fragment:
            raise ValueError(f"{base_url!r} is not an address such as https://api.example.com")
        if min(connect_seconds, read_seconds) <= 0:
            raise ValueError(f"connect_seconds is {connect_seconds}, read_seconds {read_seconds}; both must be above 0")
        self.path = (address.path or "").rstrip("/")
        self._encrypted = address.scheme == "https"
        self._host = address.host.strip("[]")
        self._port = address.port
        self._authority = address.netloc or ""
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._body_bytes_max = body_bytes_max
        self._unpacks = unpacks
        self._keeps = keeps
        self._wall = wall
        self._address_of = address_of
        self._kept: list[tuple[HTTPConnection, float]] = []  # each with the time at which it was used last
        weakref.finalize(self, _close, self._kept)

    def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        seconds: float = float("inf"),
        believed: Container[int] | None = None,
    ) -> Answer:
        """Send one request and wait for its whole answer.

        target: the path from the root on, with its query.
        seconds: what is left of the caller's own time. The request ends then, if not earlier.
        believed: the statuses whose body is read; None: all. The body of another status is not looked at.

        Raises NotSent, OutcomeUnknown.
        """
        if seconds <= 0:
            raise NotSent("timeout", "no time was left to ask")
        ends = time.monotonic() + seconds
        keeps = method in self._keeps
        given = {"Accept": "application/json", "User-Agent": "cryptodesk", **headers}
        if self._address_of is not None:  # otherwise it would be the address
            given["Host"] = self._authority
        if not keeps:
            given["Connection"] = "close"
        connection = (self._kept_one() if keeps else None) or self._connected(min(self._connect_seconds, seconds))
        try:
            timed: Any = connection.sock
            timed.until = min(time.monotonic() + self._read_seconds, ends)
            connection.request(method, target, body, given, preload_content=False, decode_content=False)
            answer = self._received(connection, believed)
        except (HTTPError, HTTPException, OSError) as trouble:
            connection.close()
            raise _no_answer(OutcomeUnknown, trouble) from trouble
        except BaseException:
            connection.close()
            raise
        if not keeps:
            connection.close()
        elif connection.sock is not None:
            self._kept.append((connection, self._wall()))
        return answer

    def _kept_one(self) -> HTTPConnection | None:
        """A connection that was used just now and that the other side has not closed."""
        while self._kept:
            try:
                connection, used_at = self._kept.pop()
            except IndexError:  # another thread took it
                return None
            if 0 <= self._wall() - used_at < KEPT_SECONDS_MAX and connection.is_connected:
                return connection
            connection.close()
        return None

    def _connected(self, seconds: float) -> HTTPConnection:
        """A new connection. Raises NotSent."""
        if self._encrypted:
            connection: HTTPConnection = HTTPSConnection(
                self._host,
                self._port,
                timeout=self._connect_seconds,
                ssl_context=verifying(),
                server_hostname=self._host,  # whatever its address is
            )
        else:
            connection = HTTPConnection(self._host, self._port, timeout=self._connect_seconds)
        _Connecting(connection, self._address_of).within(seconds)
        connection.timeout = self._read_seconds
        return connection

    def _received(self, connection: HTTPConnection, believed: Container[int] | None) -> Answer:
        """Raises OutcomeUnknown for a body that is too long; HTTPError, HTTPException, OSError."""
        response = connection.getresponse()
        body = bytearray()
        try:
            if believed is not None and response.status not in believed:
                connection.close()
                return Answer(response.status, response.headers, b"")
            while piece := response.read1(_PIECE_BYTES, decode_content=self._unpacks):
                body += piece
                if len(body) > self._body_bytes_max:
                    raise OutcomeUnknown("garbage", f"longer than {self._body_bytes_max} bytes")
            return Answer(response.status, response.headers, bytes(body))
        finally:
            response.close()


def header_value(name: str, text: str) -> str:
    """The text, when a header can carry it as it is. Raises ValueError, which names it and does not show it."""
    if not (text and text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(f"{name} is empty, or holds a space, a line end or a letter outside ASCII")
    return text


@cache
def verifying() -> ssl.SSLContext:
    """One for all: to read the certificates that are believed takes longer than a request."""
    context = ssl.create_default_context()
    context.sslsocket_class = _TimedTls
    return context


def _close(kept: list[tuple[HTTPConnection, float]]) -> None:
    for connection, _ in kept:
        connection.close()


def _no_answer(kind: type[NoAnswer], trouble: Exception) -> NoAnswer:
    late = isinstance(trouble, HttpTimeout | TimeoutError)
    late = late and not isinstance(trouble, NewConnectionError)  # urllib3 derives it from its time-out
    return kind("timeout" if late else "connection", str(trouble))


class _Connecting:
    """A connection that is being made, in a thread of its own: the look-up of a host's name has no time-out, and what
    comes after it has one for each part."""

    def __init__(self, connection: HTTPConnection, address_of: Callable[[str, int], str] | None = None) -> None:
        self._connection = connection
        self._address_of = address_of
        self._turn = Lock()  # for what follows
        self._given_up = False
        self._trouble: Exception | None = None

    def within(self, seconds: float) -> None:
        """Raises NotSent, also when it is late because the process was frozen meanwhile."""
        by = time.monotonic() + seconds
        thread = Thread(target=self._connect, daemon=True)
        thread.start()
        thread.join(seconds)
        with self._turn:
            if thread.is_alive() or time.monotonic() > by:
                self._given_up = True
                if thread.is_alive():
                    _wake(self._connection.sock)  # whoever uses it closes it
                else:
                    self._connection.close()
                raise NotSent("timeout", "connected too late")
        if isinstance(self._trouble, HTTPError | HTTPException | OSError):
            raise _no_answer(NotSent, self._trouble) from self._trouble
        if self._trouble is not None:
            raise self._trouble

    def _connect(self) -> None:
        try:
            if self._address_of is not None:
                connection = self._connection
                connection.host = self._address_of(connection.host, connection.port)
            self._connection.connect()
            if not isinstance(self._connection.sock, _TimedTls):
                self._connection.sock = _TimedSocket(fileno=self._connection.sock.detach())
        except Exception as trouble:
            self._trouble = trouble
            self._connection.close()
        with self._turn:
            if self._given_up:
                self._connection.close()


def _wake(connected: socket.socket | Any) -> None:
    if connected is not None:
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)


class _TimedSocket(socket.socket):
    """Nothing is sent and nothing received after `until`, by time.monotonic(). A socket's own time-out starts anew with
    every byte that comes."""

    until = 0.0

    def recv_into(self, *into: Any, **besides: Any) -> int:
        self.settimeout(_left(self.until))
        return super().recv_into(*into, **besides)

    def sendall(self, *data: Any) -> None:
        self.settimeout(_left(self.until))
        super().sendall(*data)


class _TimedTls(ssl.SSLSocket):
    """The same, encrypted."""

    until = 0.0

    def recv_into(self, *into: Any, **besides: Any) -> int:
        self.settimeout(_left(self.until))
        return super().recv_into(*into, **besides)

    def send(self, *data: Any) -> int:  # which `sendall` does as often as it takes
        self.settimeout(_left(self.until))
        return super().send(*data)


def _left(until: float) -> float:
    """Raises TimeoutError."""
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline passed")
    return left
