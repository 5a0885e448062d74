"""Prices from CoinGecko, over its one call that tells price and time together.

    GET {base_url}/api/v3/simple/price
        ?ids=bitcoin,ethereum&vs_currencies=usd&include_last_updated_at=true&precision=full
    x-cg-demo-api-key: …                      only when there is a key

    200 {"bitcoin": {"usd": 67187.3358936566, "last_updated_at": 1711356300}, …}
        Prices are JSON numbers, times Unix seconds. An unknown id is missing; a listing without a market has
        null, or nothing, in place of its price. Updated every 60 s.
    429, 503 may say Retry-After: seconds. Errors are {"error": "…"} or {"status": {"error_code", "error_message"}}.

Source of the wire format: docs.coingecko.com, "Coin Price by IDs" and "Errors & Rate Limits".
"""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError, TimeoutError

from common.gateways.prices import PriceSourceUnavailable, Quotation, usable_price
from common.money import Price

IDS_PER_CALL_MAX = 100
BODY_BYTES_MAX = 256 * 1024  # a hundred listings are under 10 KiB
_PIECE_BYTES = 16 * 1024
_YEAR_10000 = Decimal(253_402_300_800)  # Unix seconds; datetime ends there


class _NotPrices(Exception):
    """An answer with a status other than 200."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(status, retry_after)
        self.status = status
        self.retry_after = retry_after


class _Garbage(Exception):
    """An answer with status 200 that is not what the top of this module shows."""


class CoinGeckoPrices:
    """The port `Prices`, kept by CoinGecko.

    base_url: scheme and host, without `/api/v3`, for example https://api.coingecko.com
    ids: our asset id → CoinGecko's id (`{"BTC": "bitcoin"}`), from the catalogue; assets not in it are unknown.
        It is read at each call, and two assets may share an id.
    api_key: of the demo plan; none, or an empty one, asks without a key.
    connect_seconds, read_seconds: a call ends, at the latest, after connect + 2 × read, however slowly its
        body drips in (only a head that drips could take longer). There is one call for each 100 ids.

    Raises ValueError for a base_url or api_key that can not be one.
    """

    def __init__(
        self,
        base_url: str,
        ids: Mapping[str, str],
        *,
        api_key: str | None = None,
        connect_seconds: float = 1.0,
        read_seconds: float = 3.0,
    ) -> None:
        address = urllib3.util.parse_url(base_url)
        if address.scheme not in {"http", "https"} or not address.host:
            raise ValueError(f"{base_url!r} is not an address such as https://api.coingecko.com")
        if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
            raise ValueError("the price source's API key holds a space, a line end or a letter outside ASCII")
        self._url = f"{base_url.rstrip('/')}/api/v3/simple/price"
        self._ids = ids
        # A connection kept over a freeze of the Lambda is often dead when it thaws: each call opens its own.
        self._headers = {"Accept": "application/json", "Connection": "close", "User-Agent": "cryptodesk"}
        if api_key:
            self._headers["x-cg-demo-api-key"] = api_key
        self._timeout = urllib3.Timeout(connect=connect_seconds, read=read_seconds)
        self._seconds_max = connect_seconds + read_seconds
        self._pool = urllib3.PoolManager(num_pools=1)

    def latest(self, asset_ids: Collection[str]) -> dict[str, Quotation]:
        """See `Prices.latest`."""
        wanted = {asset_id: self._ids[asset_id] for asset_id in asset_ids if asset_id in self._ids}
        listings = sorted(set(wanted.values()))
        quoted: dict[str, tuple[Price, datetime]] = {}
        for first in range(0, len(listings), IDS_PER_CALL_MAX):
            batch = listings[first : first + IDS_PER_CALL_MAX]
            try:
                quoted |= _read(self._ask(batch), batch)
            except (HTTPError, _NotPrices, _Garbage) as trouble:
                raise _in_our_words(trouble) from trouble
        return {
            asset_id: Quotation(asset_id, *quoted[listing], source="coingecko")
            for asset_id, listing in wanted.items()
            if listing in quoted
        }

    def _ask(self, listings: Sequence[str]) -> bytes:
        """One call. Raises HTTPError, _NotPrices or, when the body is too long, _Garbage."""
        deadline = time.monotonic() + self._seconds_max
        response = self._pool.request(
            "GET",
            self._url,
            fields={
                "ids": ",".join(listings),
                "vs_currencies": "usd",
                "include_last_updated_at": "true",
                "precision": "full",
            },
            headers=self._headers,
            timeout=self._timeout,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            if response.status != 200:
                raise _NotPrices(response.status, response.headers.get("Retry-After", ""))
            return _body(response, deadline)
        finally:
            response.close()


def _body(response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
    """The body, at most BODY_BYTES_MAX of it. urllib3's own time-out starts anew with every byte; this one does not."""
    body = bytearray()
    while piece := response.read1(_PIECE_BYTES):
        body += piece
        if len(body) > BODY_BYTES_MAX:
            raise _Garbage(f"longer than {BODY_BYTES_MAX} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError("the body came too slowly")
    return bytes(body)


def _read(body: bytes, listings: Sequence[str]) -> dict[str, tuple[Price, datetime]]:
    """Price and time of those listings that have both. Raises _Garbage."""
    try:
        answer = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, ArithmeticError, RecursionError) as unreadable:  # Decimal's: an exponent beyond any number
        raise _Garbage("not JSON") from unreadable
    if not isinstance(answer, dict):
        raise _Garbage("not a JSON object")
    if {"error", "status"} & (answer.keys() - set(listings)):
        raise _Garbage("an error in the place of prices")
    quoted = {}
    for listing in listings:
        entry = answer.get(listing, {})
        if not isinstance(entry, dict):
            raise _Garbage(f"{listing} is not a JSON object")
        usd, updated_at = _number(entry, "usd"), _number(entry, "last_updated_at")
        price = None if usd is None else usable_price(usd)
        if price is not None and updated_at is not None and 0 < updated_at < _YEAR_10000:
            quoted[listing] = price, datetime.fromtimestamp(int(updated_at), UTC)
    return quoted


def _number(entry: dict[str, Any], name: str) -> Decimal | None:
    """None when it is null or not there. NaN and Infinity, which Python takes for JSON, come as floats: refused."""
    value = entry.get(name)
    if value is None or isinstance(value, Decimal):
        return value
    raise _Garbage(f"{name} is not a number")


def _in_our_words(trouble: HTTPError | _NotPrices | _Garbage) -> PriceSourceUnavailable:
    """The one place where their errors become ours."""
    match trouble:
        case _NotPrices(status=429):
            detail, what = "the price source says that we ask too often", "rate_limit"
        case _NotPrices(status=status) if status == 408 or status >= 500:
            detail, what = f"the price source has a fault (HTTP {status})", "source_error"
        case _NotPrices(status=status):
            detail, what = f"the price source refuses us (HTTP {status}): check its address and our key", "refused"
        case _Garbage():
            detail, what = f"the price source's answer can not be read: {trouble}", "garbage"
        case TimeoutError() if not isinstance(trouble, NewConnectionError):  # urllib3 derives one from the other
            detail, what = "the price source did not answer in time", "timeout"
        case _:
            detail, what = "the price source can not be reached, or the connection broke", "connection"
    wait = trouble.retry_after if isinstance(trouble, _NotPrices) else ""
    if wait.isascii() and wait.isdigit() and len(wait) <= 6:  # a date, or nonsense, says nothing
        return PriceSourceUnavailable(detail, what=what, retry_after_seconds=int(wait))
    return PriceSourceUnavailable(detail, what=what)
