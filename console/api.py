"""The desk's HTTP API as an operator asks it, and what its answers mean.

A problem (RFC 9457) says itself what is the case. What API Gateway or something in between says in its own form is told
with what to do about it. Nothing is asked a second time by itself: what may have changed something is looked at first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import quote

import httpx

from console.connection import SIGN_IN, Connection, verify
from console.errors import (
    CommandFailed,
    Misused,
    NotAnOperator,
    NotSignedIn,
    OutOfOrder,
    Refused,
    TryLater,
    Unreachable,
)

ANSWER_SECONDS = 35.0  # API Gateway gives up after 30
CONNECT_SECONDS = 5.0
UNSURE = "Whether it was done is not known: look with `desk work show` or `desk audit` before you ask again."
NOBODY = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)  # nothing was sent


@dataclass(frozen=True)
class Request:
    """`path` are segments, not quoted. Whether it `changes` something decides what a lost answer means. Under the same
    `key` it is done once."""

    method: str
    path: tuple[str, ...]
    body: Mapping[str, Any] | None = None
    changes: bool = True
    key: str | None = None

    @property
    def address(self) -> str:
        return "/" + "/".join(quote(segment, safe=":") for segment in self.path)


class Api:
    """As a context manager it closes its connections on leaving. `waiting` is shown while an answer is awaited."""

    def __init__(
        self, connection: Connection, waiting: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._connection = connection
        self._waiting = waiting
        self._http = httpx.Client(
            headers={"Authorization": f"Bearer {connection.token}"},
            timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            trust_env=not connection.local,  # a proxy would look for 127.0.0.1 on its own machine
            verify=verify(connection.url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, *path: str, **query: str | int | bool | None) -> dict[str, Any]:
        """A query that is None is left out. Raises CommandFailed."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._answer(Request("GET", path, changes=False), given)

    def ask(self, request: Request, **query: str) -> dict[str, Any]:
        """Raises CommandFailed."""
        return self._answer(request, query)

    def document(self, *path: str) -> bytes:
        """What is no JSON, such as a PDF. Raises CommandFailed."""
        return self._asked(Request("GET", path, changes=False), {}).content

    def _answer(self, request: Request, query: Mapping[str, str | int | bool]) -> dict[str, Any]:
        told = _object(self._asked(request, query))
        if told is None:
            raise Unreachable(f"what answers at {self._connection.url} is not the desk's API. Is DESK_URL right?")
        return told

    def _asked(self, request: Request, query: Mapping[str, str | int | bool]) -> httpx.Response:
        url = self._connection.url
        try:
            with self._waiting():
                answer = self._http.request(
                    request.method,
                    url + request.address,
                    params=query,
                    json=request.body,
                    headers=None if request.key is None else {"Idempotency-Key": request.key},
                )
        except NOBODY as nobody:
            then = "`make up` starts the local stack." if self._connection.local else "Can this machine reach it?"
            raise Unreachable(f"nothing answers at {url} ({_named(nobody)}). Is DESK_URL right? {then}") from None
        except httpx.RequestError as lost:
            then = UNSURE if request.changes else "Try again."
            raise Unreachable(f"{url} was asked and gave no answer ({_named(lost)}). {then}") from None
        if not answer.is_success:
            raise _failure(self._connection, request, answer, _object(answer) or {})
        return answer


def _failure(
    connection: Connection, request: Request, answer: httpx.Response, told: Mapping[str, Any]
) -> CommandFailed:
    """What an answer without success means."""
    status, says = answer.status_code, _says(answer, told)
    facts = {name: told[name] for name in ("type", "id") if name in told}
    if "type" in facts:
        facts["type"] = _last_part(facts["type"])  # /problems/TokenRefused
    problem = "type" in facts  # otherwise it is not our code that speaks
    unsure = f" {UNSURE}" if request.changes else ""
    if status == HTTPStatus.UNAUTHORIZED or facts.get("type") == "TokenRefused":
        return NotSignedIn(f"{_of_token(connection, says if problem else None)} {SIGN_IN}", **facts)
    if status == HTTPStatus.FORBIDDEN:
        who = connection.username or "this token's user"
        joined = "Ask with an operator's token; who has just joined the group signs in again."
        return NotAnOperator(f"the desk refuses this to {who}: {says}. {joined} {SIGN_IN}", **facts)
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        after = answer.headers.get("Retry-After", "")
        if after.isascii() and after.isdigit():
            facts["retry_after_seconds"] = int(after)
        when = f"in {after} s" if "retry_after_seconds" in facts else "in a moment"
        return TryLater(f"not now: {says}; try again {when}.{'' if problem else unsure}", **facts)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        number = _last_part(told.get("instance", "")) or answer.headers.get("apigw-requestid", "unknown")
        words = f"the desk answered {status}: {says}. Its logs know it as request {number}.{unsure}"
        return OutOfOrder(words, **facts, request_id=number)
    if not problem:
        return Unreachable(
            f"{connection.url} answered {status} to {request.method} {request.address}: {says}. Is DESK_URL the whole "
            "address of the API, as `make up` or the stack's output ApiUrl tells it?"
        )
    if status == HTTPStatus.CONFLICT and "id" in facts:
        return Refused(f"{says}. `desk work show {facts['id']}` tells where it stands", **facts)
    if facts.get("type") == "InvalidRequest":
        return Misused(says, **facts)
    return Refused(says, **facts)


def _last_part(path: str) -> str:
    return path.rpartition("/")[2]


def _of_token(connection: Connection, says: str | None) -> str:
    expired = connection.expired_at
    if expired is not None:
        return f"the token of {connection.username or 'nobody'} has expired, at {expired:%Y-%m-%d %H:%M:%S} UTC."
    return f"the desk does not take this token{': ' + says if says else ''}."


def _says(answer: httpx.Response, told: Mapping[str, Any]) -> str:
    """A problem's detail, with what was wrong of the request; API Gateway's message; or the status in words."""
    detail = str(told.get("detail") or told.get("message") or answer.reason_phrase or "no reason given").rstrip(".")
    wrong = [f"{e['where'].partition('.')[2] or e['where']}: {e['what']}" for e in told.get("errors", ())]
    return f"{detail}: {'; '.join(wrong)}" if wrong else detail


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    """The JSON object that an answer is, or None."""
    try:
        told = answer.json()
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _named(error: httpx.RequestError) -> str:
    return str(error) or type(error).__name__
