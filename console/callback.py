"""Where the browser brings the code of a sign-in back to: a listener on this machine, for one answer.

Any program here may ask it, and any page that a browser shows may have it asked. So it believes who knows the `state`
of this sign-in, once; everybody else is told no, and it goes on waiting. It answers with words of its own, repeats
nothing of what it was asked, and leads nowhere.
"""

from __future__ import annotations

import queue
import secrets
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from console.errors import NotSignedIn

HOST = "127.0.0.1"  # a name could be somebody else's
PORTS = (14321, 14322, 14323)  # those that the user pool's clients allow (infra/user_pool.py)
PATH = "/signed-in"
SECONDS = 300.0  # as long as a code is good
_PATIENCE_SECONDS = 5.0  # with who has connected and asks nothing, as browsers do beforehand


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, state: str) -> None:
        super().__init__((HOST, port), _Asked)
        self.state = state
        self.answers: queue.Queue[dict[str, str]] = queue.Queue()
        self._once = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who hangs up is no news for a terminal."""

    def take(self, path: str, host: str | None) -> tuple[HTTPStatus, str, dict[str, str] | None]:
        """What is said to who asks for this; and what it tells, where it is the answer."""
        address = urlsplit(path)
        if host != f"{HOST}:{self.server_port}":  # a page of elsewhere, by a name that leads here
            return HTTPStatus.FORBIDDEN, "This is not asked for by that name.", None
        if address.path != PATH:
            return HTTPStatus.NOT_FOUND, "Nothing is here.", None
        said = parse_qsl(address.query, keep_blank_values=True)
        told = dict(said)
        if not secrets.compare_digest(told.get("state", "").encode(), self.state.encode()):
            return HTTPStatus.FORBIDDEN, "This is not the sign-in that desk waits for: its state is another.", None
        if len(told) != len(said) or not (told.get("code") or told.get("error")):
            return HTTPStatus.BAD_REQUEST, "One code was expected. Ask anew by: desk login", None
        if not self._once.acquire(blocking=False):
            return HTTPStatus.CONFLICT, "This sign-in was answered already.", None
        return HTTPStatus.OK, "desk has its answer. Close this page: the terminal says how it went.", told


class _Asked(BaseHTTPRequestHandler):
    server: _Listener
    timeout = _PATIENCE_SECONDS
    server_version, sys_version = "desk", ""

    def do_GET(self) -> None:
        status, says, told = self.server.take(self.path, self.headers.get("Host"))
        try:
            self._say(status, f"{says}\n".encode())
        finally:  # who has hung up has told it all the same
            if told is not None:
                self.server.answers.put(told)

    def _say(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Referrer-Policy", "no-referrer")  # the page's address has the code in it
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """What was asked has the code in it: nothing is written down."""


class Callback:
    """Listens while it is entered. Raises NotSignedIn where it can listen at no port."""

    def __init__(self, state: str, ports: tuple[int, ...] = PORTS) -> None:
        self._listener = _bound(state, ports)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._listener.server_port}{PATH}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()

    def code(self, seconds: float = SECONDS) -> str:
        """Raises NotSignedIn: nobody has come in time, or the user pool has let nobody in."""
        try:
            told = self._listener.answers.get(timeout=seconds)
        except queue.Empty:
            raise NotSignedIn(
                f"nobody has signed in within {seconds:.0f} s. Ask anew by `desk login`; where no browser reaches this "
                "machine, by `desk login NAME --password`"
            ) from None
        if "code" not in told:
            why = "".join(c for c in told["error"] if c.isascii() and (c.isalnum() or c == "_"))
            raise NotSignedIn(f"the user pool has let nobody in: {why[:40] or 'it does not say why'}")
        return told["code"]


def _bound(state: str, ports: tuple[int, ...]) -> _Listener:
    for port in ports:
        try:
            return _Listener(port, state)
        except OSError:
            continue
    raise NotSignedIn(
        f"the browser could not come back: the ports {', '.join(map(str, ports))} of this machine are taken. End what "
        "listens there, or sign in by `desk login NAME --password`"
    )
