"""One request to Mixin and what it answers: signed, answered under its own id, and its errors in our words.

    Authorization: Bearer …                 of this one request (`SessionKey.token`)
    X-Request-Id: a UUID                    the answer bears the same

    200 {"data": … }
    202 {"error": {"status": 202, "code": 10002, "description": "…", "extra": {…}}}

An error comes with 202, a fault of theirs with 500. How often we may ask is told nowhere; who asks too often gets 429.

Source of the wire format: github.com/MixinNetwork/developers.mixin.one @99a7514, "API guide" and "Error codes";
github.com/fox-one/mixin-sdk-go @b5b2f50, request.go.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

from common.clock import now
from common.errors import Refusal
from common.gateways.custody import CustodyUnavailable, not_believed
from common.gateways.custody.signing import SessionKey
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport

OPERATION_SECONDS_MAX = 12.0
BODY_BYTES_MAX = 4 * 1024 * 1024  # a page of outputs is about 600 KiB
WORDS_MAX = 200  # characters of what the custody says
RATE_LIMIT_SECONDS = 10  # that we ask too often it says, and never for how long not to
_ANSWERS = frozenset({200, 201, 202})  # errors among them


class Said(Exception):
    """An error in the custody's own words."""

    def __init__(self, code: int, words: str, retry_after_seconds: int | None) -> None:
        super().__init__(f"{words or 'no reason given'} ({code})")
        self.code = code
        self.words = words
        self.retry_after_seconds = retry_after_seconds


class _NotAnswered(Exception):
    """An HTTP status that no answer of theirs has."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        self.retry_after_seconds = answer.retry_after_seconds


Refusals = Mapping[int, Callable[[Said], Refusal]]  # what an error means where it was asked for, by its code
_NONE: Refusals = MappingProxyType({})


class Session:
    """Asks Mixin as one of its apps.

    connect_seconds, read_seconds: of one call. What an operation asks ends within OPERATION_SECONDS_MAX, however many
        calls it makes and whatever holds them up (`common.gateways.transport`).
    clock: aware times; for the tokens. monotonic: for the time that is left. request_ids: a new UUID each time.

    Raises ValueError for a base_url or time-out that can not be one.
    """

    def __init__(
        self,
        base_url: str,
        key: SessionKey,
        *,
        connect_seconds: float = 2.0,
        read_seconds: float = 7.0,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
        request_ids: Callable[[], str] = lambda: str(uuid4()),
    ) -> None:
        if connect_seconds + read_seconds > OPERATION_SECONDS_MAX:
            raise ValueError(f"connect_seconds + read_seconds must be within {OPERATION_SECONDS_MAX:g} s")
        self._transport = Transport(
            base_url, connect_seconds=connect_seconds, read_seconds=read_seconds, body_bytes_max=BODY_BYTES_MAX
        )
        self._key = key
        self._clock = clock
        self._monotonic = monotonic
        self._request_ids = request_ids

    @property
    def app_id(self) -> str:
        return self._key.app_id

    def until(self) -> float:
        """When the operation that begins now is over."""
        return self._monotonic() + OPERATION_SECONDS_MAX

    def get(
        self,
        path: str,
        until: float,
        query: Mapping[str, object] | None = None,
        *,
        refusals: Refusals = _NONE,
    ) -> Any:
        """The answer's `data`. Raises one of the refusals; CustodyUnavailable for every other error."""
        return self._data("GET", path + (f"?{urlencode(query)}" if query else ""), b"", until, refusals)

    def post(self, path: str, until: float, asked: object, *, refusals: Refusals = _NONE) -> Any:
        """As `get`."""
        return self._data("POST", path, json.dumps(asked).encode(), until, refusals)

    def _data(self, method: str, path: str, body: bytes, until: float, refusals: Refusals) -> Any:
        try:
            return _data(self._answer(method, self._transport.path + path, body, until))
        except Said as trouble:
            raise refusals.get(trouble.code, _in_our_words)(trouble) from trouble
        except (NoAnswer, _NotAnswered) as trouble:
            raise _in_our_words(trouble) from trouble

    def _answer(self, method: str, target: str, body: bytes, until: float) -> Answer:
        """Raises NoAnswer, _NotAnswered; CustodyUnavailable for an answer to somebody else."""
        request_id = self._request_ids()
        headers = {
            "Authorization": f"Bearer {self._key.token(method, target, body, request_id, self._clock())}",
            "Content-Type": "application/json",
            "X-Request-Id": request_id,
        }
        seconds = until - self._monotonic()
        answer = self._transport.ask(method, target, headers, body or None, seconds=seconds, believed=_ANSWERS)
        if answer.status not in _ANSWERS:
            raise _NotAnswered(answer)
        if answer.is_page:
            raise garbled("a web page")
        echoed = answer.headers.get("X-Request-Id")
        if echoed is None:
            raise garbled("it does not say which request it answers")
        if echoed != request_id:
            raise not_believed("an answer to another request")
        return answer


def _data(answer: Answer) -> Any:
    """Raises Said; CustodyUnavailable for what is neither an answer nor an error."""
    try:
        told = json.loads(answer.body, parse_float=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as unreadable:
        raise garbled("not JSON") from unreadable
    if not isinstance(told, dict) or ("data" in told) == ("error" in told):
        raise garbled("neither data nor an error")
    if "data" in told:
        return told["data"]
    error = told["error"]
    code = error.get("code") if isinstance(error, dict) else None
    if not isinstance(code, int):
        raise garbled("an error without a code")
    words = error.get("description")
    words = "".join(filter(str.isprintable, words))[:WORDS_MAX] if isinstance(words, str) else ""
    raise Said(code, words, answer.retry_after_seconds)


def garbled(why: str) -> CustodyUnavailable:
    return CustodyUnavailable(f"the custody's answer can not be read: {why}", what="garbage")


def _in_our_words(trouble: NoAnswer | _NotAnswered | Said) -> CustodyUnavailable:
    """The one place where their errors become ours.

    CustodyUnavailable has the facts
        what                  "timeout"        no answer, or not all of it, in time
                              "connection"     not reached, or the connection broke
                              "rate_limit"     we ask too often
                              "custody_error"  the custody says that it has a fault, or is not ready
                              "refused"        our key or address is wrong, or what we may do: a person has to look
                              "conflict"       a request id was used with other terms: a person has to look
                              "garbage"        an answer that can not be read
                              "not_believed"   one that can not be
        retry_after_seconds   how long to wait, where that is known: a whole number, otherwise absent
    """
    facts: dict[str, int] = {}
    seconds = None if isinstance(trouble, NoAnswer) else trouble.retry_after_seconds
    if isinstance(trouble, Said) and trouble.code == 429 and seconds is None:
        seconds = RATE_LIMIT_SECONDS
    if seconds is not None:
        facts["retry_after_seconds"] = seconds
    match trouble:
        case Said(code=401 | 403):
            detail, what = f"the custody does not let us in: {trouble}; check our keys", "refused"
        case Said(code=20125):
            detail, what = f"the custody has this request id with other terms: {trouble}; compare them", "conflict"
        case Said(code=429) | _NotAnswered(status=429):
            detail, what = "the custody says that we ask too often", "rate_limit"
        case Said():
            detail, what = f"the custody could not do it: {trouble}", "custody_error"
        case _NotAnswered(status=401 | 403 | 404 as status):
            detail, what = f"the custody does not let us in (HTTP {status}): check its address and our keys", "refused"
        case _NotAnswered(status=status):
            detail, what = f"the custody has a fault (HTTP {status})", "custody_error"
        case NoAnswer(what="garbage"):
            return garbled(str(trouble))
        case NoAnswer(what="timeout"):
            detail, what = "the custody did not answer in time", "timeout"
        case NotSent():
            detail, what = "the custody can not be reached; nothing was sent", "connection"
        case _:
            detail, what = "the connection to the custody broke before its answer was whole", "connection"
    return CustodyUnavailable(detail, what=what, **facts)
