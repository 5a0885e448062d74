"""A server that says what it was told to, byte for byte: also what no well-behaved system says."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from select import select
from threading import Thread
from typing import Self

Send = Callable[[socket.socket], None]


class Wire:
    """Gives one answer after another and remembers what it was asked.

    A connection ends with its first answer, unless the answer is bytes that say `Connection: keep-alive`.
    connections: for each request, the number of the connection on which it came.
    """

    def __init__(self, *answers: bytes | Send, tls: ssl.SSLContext | None = None) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections: list[int] = []
        self._answers = answers
        self._tls = tls
        self._caller: socket.socket | None = None
        self._idle: list[socket.socket] = []
        self._accepted = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self) -> None:
        for answer in self._answers:
            with suppress(OSError):  # closed; or the adapter may have had enough
                caller = self._asked()
                caller.sendall(answer) if isinstance(answer, bytes) else answer(caller)
                if isinstance(answer, bytes) and b"Connection: keep-alive" in answer:
                    continue
            self._hang_up()

    def _asked(self) -> socket.socket:
        """The connection on which the next request came, once it has come whole."""
        while True:
            if self._caller is not None and self._listener in select([self._listener, self._caller], [], [])[0]:
                self._idle.append(self._caller)  # somebody does not use what was kept
                self._caller = None
            if self._caller is None:
                self._caller, _ = self._listener.accept()
                self._accepted += 1
                if self._tls is not None:
                    self._caller = self._tls.wrap_socket(self._caller, server_side=True)
            if self._hears(self._caller):
                self.connections.append(self._accepted)
                return self._caller
            self._hang_up()

    def _hears(self, caller: socket.socket) -> bool:
        said = b""
        while b"\r\n\r\n" not in said:
            heard = caller.recv(65536)
            if not heard:
                return False
            said += heard
        head, _, body = said.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        while len(body) < length:
            body += caller.recv(65536)
        self.heads.append(head.decode())
        self.bodies.append(body)
        return True

    def _hang_up(self) -> None:
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        caller = self._caller
        if caller is not None:
            with suppress(OSError):
                socket.socket.shutdown(caller, socket.SHUT_RDWR)
        self._thread.join(5)
        self._hang_up()
        for idle in self._idle:
            idle.close()


def http(body: bytes | str | object, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer. A body that is neither bytes nor text is written as JSON."""
    text = body if isinstance(body, bytes | str) else json.dumps(body)
    content = text.encode() if isinstance(text, str) else text
    connection = [] if any(header.startswith("Connection:") for header in headers) else ["Connection: close"]
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *connection, *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def row(names: str, *values: object) -> dict[str, object]:
    """A JSON object, written as a row of a table."""
    return dict(zip(names.split(), values, strict=True))


def silence(caller: socket.socket) -> None:
    caller.recv(1)  # until the adapter hangs up


def drip(slowly: bytes, at_once: bytes = b"", seconds: float = 0.02) -> Send:
    """A byte always comes before a socket's time-out; all of them would take long."""

    def send(caller: socket.socket) -> None:
        caller.sendall(at_once)
        for byte in slowly:
            caller.sendall(bytes([byte]))
            time.sleep(seconds)

    return send


def endless(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        caller.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def nobody() -> str:
    """The address of a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
