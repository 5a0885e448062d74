"""One request in Binance's form: its parameters, the key that signs it, and the errors that it may be."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from common.money import fraction_digits
from sandbox.exchange.binance.words import PRECISION, ms
from sandbox.exchange.keyring import Credential, Keyring, Right
from sandbox.exchange.venue import Reason, VenueRefused
from sandbox.serving import Answer, Request

RECEIVE_WINDOW_MS = 5000
RECEIVE_WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1000
LIMIT_MAX = 1000
_MICROSECONDS_SINCE = 10**14  # a timestamp from here on is in microseconds

_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")
_WHOLE = ("orderId", "cancelOrderId", "fromId", "limit", "timestamp", "startTime", "endTime", "offset", "status")
_NAME = r"^[.A-Z\:/a-z0-9_-]{1,36}$"
_ALPHABETS = {
    "symbol": r"^[A-Z0-9-_.]{1,20}$",
    **dict.fromkeys(("newClientOrderId", "origClientOrderId", "cancelOrigClientOrderId"), _NAME),
    "withdrawOrderId": r"^[A-Za-z0-9_-]{1,64}$",
    **dict.fromkeys(("coin", "network"), r"^[A-Z0-9]{1,20}$"),
    **dict.fromkeys(_WHOLE, r"^[0-9]{1,20}$"),
    **dict.fromkeys(("quantity", "price", "amount", "recvWindow"), r"^([0-9]{1,20})(\.[0-9]{1,20})?$"),
}
_ALWAYS_SIGNED = ("timestamp", "signature")

_FILTERS = {Reason.LOT_SIZE: "LOT_SIZE", Reason.PRICE_FILTER: "PRICE_FILTER", Reason.MIN_NOTIONAL: "NOTIONAL"}

K = TypeVar("K", bound=StrEnum)


class Refused(Exception):
    """An error in Binance's words."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        retry_after_seconds: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self._retry_after_seconds = retry_after_seconds
        self._data = data

    @property
    def said(self) -> dict[str, Any]:
        return {"code": self.code, "msg": self.message}

    @property
    def answer(self) -> Answer:
        body = json.dumps(self.said | ({"data": self._data} if self._data else {}), separators=(",", ":"))
        wait = self._retry_after_seconds
        return Answer(self.status, body, {} if wait is None else {"Retry-After": str(wait)})


def _missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_valid(name: str) -> Refused:
    return Refused(-1130, f"Data sent for parameter '{name}' is not valid.")


@dataclass(frozen=True)
class Asked:
    """The parameters of one request, in the form that Binance asks for, and whose they are."""

    account: str  # "" for public requests
    values: Mapping[str, str]
    api_key: str = ""

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        return self.values.get(name)

    def needed(self, name: str) -> str:
        if name not in self.values:
            raise _missing(name)
        return self.values[name]

    def whole(self, name: str) -> int | None:
        return int(self.values[name]) if name in self.values else None

    def amount(self, name: str) -> Decimal:
        amount = Decimal(self.needed(name))
        if fraction_digits(amount) > PRECISION:
            raise Refused(-1111, f"Parameter '{name}' has too much precision.")
        return amount

    def limit(self, default: int = 500) -> int:
        limit = int(self.values.get("limit", default))
        if not 1 <= limit <= LIMIT_MAX:
            raise not_valid("limit")
        return limit

    def time(self, name: str) -> int | None:
        """In Unix milliseconds; it may be sent in microseconds."""
        sent = self.whole(name)
        return sent // 1000 if sent is not None and sent >= _MICROSECONDS_SINCE else sent

    def one_of(self, kind: type[K], name: str, refused: Refused, default: str | None = None) -> K:
        written = self.needed(name) if default is None else self.values.get(name, default)
        if written not in list(kind):
            raise refused
        return kind(written)


class Gate:
    """Lets those in who have a key of the ring and sign with it, in time."""

    def __init__(self, keyring: Keyring, clock: Callable[[], datetime]) -> None:
        self._keyring = keyring
        self._clock = clock

    def account_of(self, request: Request) -> str:
        """Whose key was sent, whether it is the right one or not; "" for none that is known."""
        credential = self._keyring.find(request.headers.get("X-MBX-APIKEY") or "")
        return "" if credential is None else credential.account

    def read(self, request: Request, parameters: frozenset[str], right: Right | None) -> Asked:
        """right: what the key must be good for; None is for public requests, which need none. Raises Refused."""
        caller = None if right is None else self._credential(request.headers.get("X-MBX-APIKEY"), right)
        values = _parameters(request)
        for name, value in values.items():
            if value == "":
                raise Refused(-1105, f"Parameter '{name}' was empty.")
            if name in _ALPHABETS and not re.fullmatch(_ALPHABETS[name], value, re.ASCII):
                legal = _ALPHABETS[name]
                raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        read = values.keys() & (parameters | ({*_ALWAYS_SIGNED, "recvWindow"} if caller else set()))
        if len(read) < len(values):
            raise Refused(
                -1104,
                f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(values)}'.",
            )
        if caller is None:
            return Asked("", values)
        for name in _ALWAYS_SIGNED:
            if name not in values:
                raise _missing(name)
        self._timely(values)
        body = request.body.decode(errors="replace")
        payload = _SIGNATURE.sub("", request.query).removeprefix("&") + _SIGNATURE.sub("", body).removeprefix("&")
        expected = hmac.new(caller.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), values["signature"].lower().encode()):
            raise Refused(-1022, "Signature for this request is not valid.")
        return Asked(caller.account, values, caller.api_key)

    def _credential(self, api_key: str | None, right: Right) -> Credential:
        if not api_key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        credential = self._keyring.find(api_key)
        if credential is None or right not in credential.rights:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return credential

    def _timely(self, values: Mapping[str, str]) -> None:
        window = Decimal(values.get("recvWindow", RECEIVE_WINDOW_MS))
        if window > RECEIVE_WINDOW_MS_MAX:
            raise Refused(-1131, f"recvWindow must be less than {RECEIVE_WINDOW_MS_MAX}")
        sent, now = int(values["timestamp"]), ms(self._clock())
        if sent >= _MICROSECONDS_SINCE:
            sent //= 1000
        if sent >= now + AHEAD_MS_MAX:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - sent > window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def _parameters(request: Request) -> dict[str, str]:
    """Of the query and the form. Raises Refused."""
    values: dict[str, str] = {}
    for source in (request.query, request.body.decode(errors="replace")):
        pairs = parse_qsl(source, keep_blank_values=True)
        if len(pairs) != len(dict(pairs)):
            raise Refused(-1101, "Duplicate values for a parameter detected.")
        values = dict(pairs) | values
    return values


def in_binances_words(refused: VenueRefused) -> Refused:
    match refused.reason:
        case Reason.UNKNOWN_SYMBOL:
            return Refused(-1121, "Invalid symbol.")
        case Reason.MARKET_CLOSED:
            return Refused(-1013, "Market is closed.")
        case Reason.LOT_SIZE | Reason.PRICE_FILTER | Reason.MIN_NOTIONAL as reason:
            return Refused(-1013, f"Filter failure: {_FILTERS[reason]}")
        case Reason.MAX_NUM_ORDERS:
            return Refused(-2010, "Filter failure: MAX_NUM_ORDERS")
        case Reason.DUPLICATE_ORDER:
            return Refused(-2010, "Duplicate order sent.")
        case Reason.WOULD_TAKE:
            return Refused(-2010, "Order would immediately match and take.")
        case Reason.INSUFFICIENT_BALANCE:
            return Refused(-2010, "Account has insufficient balance for requested action.")
