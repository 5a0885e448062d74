"""One request to HuFi and what it answers, its errors in our words.

    200 …                                 JSON; members are written with underscores
    4xx {message, timestamp, path, details?}

Numbers are JSON's own; none is read as a float.

Source of the wire format: github.com/Hu-Fi/hufi @d504e57, what its two services document of themselves at /api.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from common.gateways.campaigns import CampaignsUnavailable
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport
from common.money import ROUNDING

OPERATION_SECONDS_MAX = 8.0
BODY_BYTES_MAX = 2 * 1024 * 1024  # a page of campaigns is about 250 KiB
WORDS_MAX = 200  # characters of what they say
_ANSWERS = frozenset({200, 201, 400, 401, 404, 422})  # those whose body says more than the status
DECIMALS = 18  # of what they count in floats

Entry = Mapping[str, Any]  # a JSON object


class Said(Exception):
    """An error in their own words, which a caller may understand."""

    def __init__(self, status: int, words: str, missing: Sequence[str]) -> None:
        super().__init__(f"{words or 'no reason given'} (HTTP {status})")
        self.status = status
        self.words = words
        self.missing = missing  # permissions that a key has not


class Session:
    """Asks one of HuFi's two services.

    connect_seconds, read_seconds: of one call. What an operation asks ends within OPERATION_SECONDS_MAX, however many
        calls it makes.

    Raises ValueError for a base_url or time-out that can not be one.
    """

    def __init__(
        self,
        base_url: str,
        *,
        connect_seconds: float = 2.0,
        read_seconds: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if connect_seconds + read_seconds > OPERATION_SECONDS_MAX:
            raise ValueError(f"connect_seconds + read_seconds must be within {OPERATION_SECONDS_MAX:g} s")
        self._transport = Transport(
            base_url, connect_seconds=connect_seconds, read_seconds=read_seconds, body_bytes_max=BODY_BYTES_MAX
        )
        self.monotonic = monotonic

    def until(self) -> float:
        """When the operation that begins now is over."""
        return self.monotonic() + OPERATION_SECONDS_MAX

    def ask(self, method: str, path: str, until: float, *, token: str | None = None, body: Entry | None = None) -> Any:
        """The answer's JSON. Raises Said for an error that has a meaning where it was asked for, CampaignsUnavailable
        for every other."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        written = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            written = json.dumps(body).encode()
        try:
            answer = self._transport.ask(
                method,
                self._transport.path + path,
                headers,
                written,
                seconds=until - self.monotonic(),
                believed=_ANSWERS,
            )
        except NoAnswer as trouble:
            raise _no_answer(trouble) from trouble
        if answer.status not in _ANSWERS:
            raise _failed(answer)
        if answer.is_page:
            raise garbled("a web page")
        told = _json(answer.body)
        if answer.status in (200, 201):
            return told
        raise _said(answer.status, told)


def member(entry: Any, name: str) -> Any:
    """Raises CampaignsUnavailable where it is missing, or the entry is no object."""
    if not isinstance(entry, dict) or name not in entry:
        raise garbled(f"there is no {name}")
    return entry[name]


def text(entry: Any, name: str, pattern: re.Pattern[str]) -> str:
    """Raises CampaignsUnavailable."""
    value = member(entry, name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise garbled(f"{name} is {words(value)}")
    return value


def number(entry: Any, name: str, most: Decimal) -> Decimal:
    """From zero to `most`, rounded down to DECIMALS. Raises CampaignsUnavailable: nothing that is counted here is
    more."""
    value = member(entry, name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value <= most:
        raise garbled(f"{name} is {words(value)}")
    found = Decimal(value)
    too_fine = int(found.as_tuple().exponent) < -DECIMALS
    return found.quantize(Decimal(1).scaleb(-DECIMALS), ROUND_FLOOR, ROUNDING) if too_fine else found


def listed(told: Any, most: int) -> Sequence[Any]:
    """Raises CampaignsUnavailable."""
    if not isinstance(told, list) or len(told) > most:
        raise garbled("there is no list, or one that is too long")
    return told


def words(value: object) -> str:
    """What they say, shortened, so that a log line can carry it."""
    said = value if isinstance(value, str) else repr(value)[: 2 * WORDS_MAX]
    return "".join(filter(str.isprintable, said[: 2 * WORDS_MAX]))[:WORDS_MAX]


def garbled(why: str) -> CampaignsUnavailable:
    return CampaignsUnavailable(f"HuFi's answer can not be read: {why}", what="garbage")


def in_our_words(trouble: Said) -> CampaignsUnavailable:
    """An error that has no meaning where it came."""
    if trouble.status == 401:
        return CampaignsUnavailable(f"HuFi does not let us in: {trouble}; check the login key", what="refused")
    return CampaignsUnavailable(f"HuFi could not do it: {trouble}", what="error")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError) as unreadable:
        raise garbled("not JSON") from unreadable


def _no_constant(name: str) -> Decimal:
    raise ValueError(f"{name} is no number")


def _said(status: int, told: Any) -> Said:
    entry = told if isinstance(told, dict) else {}
    details = entry.get("details")
    missing = details.get("missing_permissions") if isinstance(details, dict) else None
    return Said(
        status,
        words(entry.get("message", "")),
        [words(each) for each in missing[:20]] if isinstance(missing, list) else [],
    )


def _failed(answer: Answer) -> CampaignsUnavailable:
    """CampaignsUnavailable has the facts

    what                  "timeout"        no answer, or not all of it, in time
                          "connection"     not reached, or the connection broke
                          "rate_limit"     we ask too often
                          "error"          they say that they have a fault, or can not reach the exchange
                          "refused"        our key is wrong, or what we may do: a person has to look
                          "garbage"        an answer that can not be read
                          "not_believed"   one that can not be
    retry_after_seconds   how long to wait, where that is told
    """
    seconds = answer.retry_after_seconds
    facts = {} if seconds is None else {"retry_after_seconds": seconds}
    if answer.status == 429:
        return CampaignsUnavailable(
            "HuFi says that we ask too often", what="rate_limit", **{"retry_after_seconds": 60, **facts}
        )
    if answer.status == 403:
        return CampaignsUnavailable("HuFi does not let us in (HTTP 403); check its address", what="refused")
    return CampaignsUnavailable(f"HuFi has a fault (HTTP {answer.status})", what="error", **facts)


def _no_answer(trouble: NoAnswer) -> CampaignsUnavailable:
    if trouble.what == "garbage":
        return garbled(str(trouble))
    if trouble.what == "timeout":
        return CampaignsUnavailable("HuFi did not answer in time", what="timeout")
    if isinstance(trouble, NotSent):
        return CampaignsUnavailable("HuFi can not be reached; nothing was sent", what="connection")
    return CampaignsUnavailable("the connection to HuFi broke before its answer was whole", what="connection")
