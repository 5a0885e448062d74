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
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from common.gateways.prices import PriceSourceUnavailable, Quotation, usable_price
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport, header_value
from common.money import Price

IDS_PER_CALL_MAX = 100
BODY_BYTES_MAX = 256 * 1024  # a hundred listings are under 10 KiB
_YEAR_10000 = Decimal(253_402_300_800)  # Unix seconds; datetime ends there


class _NotPrices(Exception):
    """An answer with a status other than 200."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        self.retry_after_seconds = answer.retry_after_seconds


class _Garbage(Exception):
    """An answer with status 200 that is not what the top of this module shows."""


class CoinGeckoPrices:
    """The port `Prices`, kept by CoinGecko.

    base_url: scheme and host, without `/api/v3`, for example https://api.coingecko.com
    ids: our asset id → CoinGecko's id (`{"BTC": "bitcoin"}`), from the catalogue; assets not in it are unknown.
        It is read at each call, and two assets may share an id.
    api_key: of the demo plan; none, or an empty one, asks without a key.
    connect_seconds, read_seconds: a call ends after both, whatever holds it up (`common.gateways.transport`). There
        is one call for each 100 ids.

    Raises ValueError for a base_url, api_key or time-out that can not be one.
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
        self._ids = ids
        self._headers = {"x-cg-demo-api-key": header_value("the price source's API key", api_key)} if api_key else {}
        self._transport = Transport(
            base_url,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            body_bytes_max=BODY_BYTES_MAX,
        )

    def latest(self, asset_ids: Collection[str]) -> dict[str, Quotation]:
        """See `Prices.latest`."""
        wanted = {asset_id: self._ids[asset_id] for asset_id in asset_ids if asset_id in self._ids}
        listings = sorted(set(wanted.values()))
        quoted: dict[str, tuple[Price, datetime]] = {}
        for first in range(0, len(listings), IDS_PER_CALL_MAX):
            batch = listings[first : first + IDS_PER_CALL_MAX]
            try:
                quoted |= _read(self._ask(batch), batch)
            except (NoAnswer, _NotPrices, _Garbage) as trouble:
                raise _in_our_words(trouble) from trouble
        return {
            asset_id: Quotation(asset_id, *quoted[listing], source="coingecko")
            for asset_id, listing in wanted.items()
            if listing in quoted
        }

    def _ask(self, listings: Sequence[str]) -> Answer:
        """One call. Raises NoAnswer, _NotPrices."""
        asked = {
            "ids": ",".join(listings),
            "vs_currencies": "usd",
            "include_last_updated_at": "true",
            "precision": "full",
        }
        target = f"{self._transport.path}/api/v3/simple/price?{urlencode(asked)}"
        answer = self._transport.ask("GET", target, self._headers, believed={200})
        if answer.status != 200:
            raise _NotPrices(answer)
        return answer


def _read(told: Answer, listings: Sequence[str]) -> dict[str, tuple[Price, datetime]]:
    """Price and time of those listings that have both. Raises _Garbage."""
    if told.is_page:
        raise _Garbage("a web page")
    try:
        answer = json.loads(told.body, parse_float=Decimal, parse_int=Decimal)
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


def _in_our_words(trouble: NoAnswer | _NotPrices | _Garbage) -> PriceSourceUnavailable:
    """The one place where their errors become ours."""
    facts: dict[str, int] = {}
    if isinstance(trouble, _NotPrices) and trouble.retry_after_seconds is not None:
        facts["retry_after_seconds"] = trouble.retry_after_seconds
    match trouble:
        case _NotPrices(status=429):
            detail, what = "the price source says that we ask too often", "rate_limit"
        case _NotPrices(status=status) if status == 408 or status >= 500:
            detail, what = f"the price source has a fault (HTTP {status})", "source_error"
        case _NotPrices(status=status):
            detail, what = f"the price source refuses us (HTTP {status}): check its address and our key", "refused"
        case _Garbage() | NoAnswer(what="garbage"):
            detail, what = f"the price source's answer can not be read: {trouble}", "garbage"
        case NoAnswer(what="timeout"):
            detail, what = "the price source did not answer in time", "timeout"
        case NotSent():
            detail, what = "the price source can not be reached", "connection"
        case _:
            detail, what = "the connection to the price source broke before its answer was whole", "connection"
    return PriceSourceUnavailable(detail, what=what, **facts)
