"""What asks Binance by way of ccxt's own `binance`: one client, and its way to our transport.

ccxt signs and words the requests. Amounts are taken from the exchange's own words (`info`), digit by digit, and answers
that are no JSON, or that ccxt would not survive, never reach it.
"""

import importlib
import importlib.util
import logging
import re
import sys
import time
from collections.abc import Callable
from decimal import Context, localcontext
from functools import cached_property
from io import BytesIO
from threading import Lock, local
from types import ModuleType
from typing import Any

from urllib3.util import parse_url

from common.errors import Refusal
from common.gateways.transport import Answer, OutcomeUnknown, Transport, header_value

OPERATION_SECONDS_MAX = 12.0  # what `NEVER_PLACED_SECONDS` of the port reckons with
RECEIVE_WINDOW_MS = 5000  # how long a request stays valid; likewise
BODY_BYTES_MAX = 4 * 1024 * 1024  # a page of trades is about 300 KiB, all coins with their networks 2 MiB

_ENDLESS = re.compile(rb'[":,\[\s][-+]?[0-9.]+[eE][-+]?[0-9]{4,}["\s,\]}]')  # a number that ccxt would write out


class CcxtWire:
    """A key of Binance's, and what is asked with it. Safe to use from several threads.

    See `CcxtExchange` for the parameters. Raises ValueError for a base_url, key or time-out that can not be one.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        secret: str,
        connect_seconds: float = 1.0,
        read_seconds: float = 5.5,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not secret or "PRIVATE KEY" in secret:
            raise ValueError("the exchange's secret is empty, or of another kind than HMAC")
        if connect_seconds + read_seconds > OPERATION_SECONDS_MAX:
            raise ValueError(f"connect_seconds + read_seconds must be within {OPERATION_SECONDS_MAX:g} s")
        self._transport = Transport(
            base_url,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            body_bytes_max=BODY_BYTES_MAX,
            unpacks=True,
        )
        self._base_url = base_url.rstrip("/")
        self._api_key = header_value("the exchange's API key", api_key)
        self._secret = secret
        self._monotonic = monotonic
        self._call = _Call()

    def begin(self) -> None:
        """An operation begins; when its time is up, nothing more is asked."""
        self._call.until = self._monotonic() + OPERATION_SECONDS_MAX

    def ask(
        self,
        in_our_words: Callable[[Exception, Answer | None], Refusal],
        call: Callable[..., Any],
        *arguments: Any,
    ) -> Any:
        """What ccxt answers, with at most one request. Raises what `in_our_words` says."""
        self._call.answer = None
        try:
            # ccxt computes in the thread's decimal context and leaves its own rounding and traps behind in it.
            with localcontext(Context(prec=80)):
                return call(*arguments)
        except Refusal:
            raise
        except Exception as trouble:  # what ccxt makes of an answer that is no order: KeyError, TypeError, …
            raise in_our_words(trouble, self._call.answer) from trouble

    @cached_property
    def client(self) -> Any:
        """A client of ccxt's that asks `base_url`, and asks for nothing that we do not need."""
        client = ccxt_binance()(
            {
                "apiKey": self._api_key,
                "secret": self._secret,
                "number": str,
                "enableRateLimit": False,
                "userAgent": "cryptodesk",
                "options": {
                    "fetchMarkets": {"types": ["spot"]},
                    "fetchMargins": False,
                    "fetchCurrencies": False,
                    "recvWindow": RECEIVE_WINDOW_MS,
                    "maxRetriesOnFailure": 0,
                },
            }
        )
        client.urls["api"] = {
            name: self._base_url + (parse_url(url).path or "") for name, url in client.urls["api"].items()
        }
        client.session.max_redirects = 0  # they would carry the key elsewhere, or place twice
        for prefix in ("https://", "http://"):
            client.session.mount(prefix, _Door(self._transport, self._call, self._monotonic))
        logging.getLogger("ccxt").setLevel(logging.INFO)  # below, it writes down the key
        return client


_IMPORTING = Lock()


def ccxt_binance() -> Any:
    """ccxt's class, without the other hundred exchanges that `import ccxt` brings: a tenth of the time and memory.

    While it is imported, a bare module stands in for the package, whose __init__ then does not run. It goes away again,
    so that whoever imports ccxt afterwards gets all of it; the modules already there are shared. Where all of ccxt is
    there already, nothing stands in. In what ships that __init__ is empty (infra/trim.py); there, as here, it finds the
    same modules.
    """
    with _IMPORTING:
        stand_in = None
        if "ccxt" not in sys.modules and "ccxt.binance" not in sys.modules:
            found = importlib.util.find_spec("ccxt")
            if found is None or found.submodule_search_locations is None:
                raise ModuleNotFoundError("ccxt is not installed", name="ccxt")
            stand_in = ModuleType("ccxt")
            stand_in.__path__ = list(found.submodule_search_locations)
            sys.modules["ccxt"] = stand_in
        try:
            return importlib.import_module("ccxt.binance").binance
        finally:
            if stand_in is not None:
                del sys.modules["ccxt"]


class _Call(local):
    """What is going on in a thread. The answer is kept here, not looked for in the exception that ccxt makes of it:
    Python chains that exception to whatever the caller is handling, which may be about another question."""

    until = 0.0  # the operation asks no more from then on
    answer: Answer | None = None  # None: nothing came, or not all of it


class _Door:
    """What `requests` calls a transport adapter: the door through which ccxt speaks to our own transport."""

    def __init__(self, transport: Transport, call: _Call, monotonic: Callable[[], float]) -> None:
        self._transport = transport
        self._call = call
        self._monotonic = monotonic

    def send(self, request: Any, **_: Any) -> Any:
        """Raises NoAnswer, which neither requests nor ccxt knows: so it comes out at our side as it is."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        left = self._call.until - self._monotonic()
        answer = self._transport.ask(request.method, request.path_url, request.headers, body, seconds=left)
        if answer.status < 300 and (answer.is_page or not answer.body.lstrip().startswith((b"{", b"["))):
            raise OutcomeUnknown("garbage", "neither a JSON object nor an array")  # ccxt takes it for an empty one
        if _ENDLESS.search(answer.body):
            raise OutcomeUnknown("garbage", "a number with an endless exponent")
        self._call.answer = answer
        response = importlib.import_module("requests").Response()
        response.status_code = answer.status
        response.reason = ""
        response.headers.update(answer.headers)
        response.raw = BytesIO(answer.body)
        response.url = request.url
        response.request = request
        return response

    def close(self) -> None: ...
