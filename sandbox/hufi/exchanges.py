"""What HuFi reads at exchanges with the keys of its participants."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from urllib.parse import urlencode

import urllib3

from sandbox.exchange.keyring import Keyring, Right
from sandbox.exchange.venue import Venue
from sandbox.hufi.records import Trade

PAGE = 1000
READS_ACCOUNT, READS_TRADES = "view_account_balance", "view_spot_trading_history"


class NotReached(Exception):
    """The exchange does not answer, or not understandably."""


class KeyWrong(Exception):
    """The exchange does not know the key, or lets it not read."""


class Exchange(Protocol):
    def missing(self, api_key: str, secret: str) -> Sequence[str]:
        """What the key may not do and would have to. Raises NotReached."""
        ...

    def trades(self, api_key: str, secret: str, symbol: str, since: datetime, until: datetime) -> Sequence[Trade]:
        """Of `BTC/USDT`, from one time to before another. Raises NotReached, KeyWrong."""
        ...


class InProcess:
    """The simulated exchange of this process."""

    def __init__(self, venue: Venue, keyring: Keyring) -> None:
        self._venue = venue
        self._keyring = keyring
        self.down = False

    def missing(self, api_key: str, secret: str) -> Sequence[str]:
        return () if self._account(api_key, secret) is not None else (READS_ACCOUNT, READS_TRADES)

    def trades(self, api_key: str, secret: str, symbol: str, since: datetime, until: datetime) -> Sequence[Trade]:
        account = self._account(api_key, secret)
        if account is None:
            raise KeyWrong("the exchange does not know the key")
        return [
            Trade(str(trade.trade_id), trade.quote_quantity, trade.at)
            for trade in self._venue.trades(account, symbol.replace("/", ""))
            if since <= trade.at < until
        ]

    def _account(self, api_key: str, secret: str) -> str | None:
        if self.down:
            raise NotReached("the exchange does not answer")
        known = self._keyring.find(api_key)
        return known.account if known and known.secret == secret and Right.READ in known.rights else None


class AtBinance:
    """An exchange that runs elsewhere and speaks Binance's form (`python -m sandbox.exchange`)."""

    def __init__(self, url: str, clock: Callable[[], datetime], seconds: float = 2.0) -> None:
        self._url = url.rstrip("/")
        self._clock = clock
        self._seconds = seconds
        self._pool = urllib3.PoolManager(num_pools=1)

    def missing(self, api_key: str, secret: str) -> Sequence[str]:
        try:
            self._ask("account", api_key, secret, {})
        except KeyWrong:
            return READS_ACCOUNT, READS_TRADES
        return ()

    def trades(self, api_key: str, secret: str, symbol: str, since: datetime, until: datetime) -> Sequence[Trade]:
        found: list[Trade] = []
        begins = since
        while begins < until:  # it tells a day at most, and a page at most
            ends = min(until, begins + timedelta(days=1)) - timedelta(milliseconds=1)
            asked = {
                "symbol": symbol.replace("/", ""),
                "startTime": _ms(begins),
                "endTime": _ms(ends),
                "limit": PAGE,
            }
            page = [_trade(each) for each in self._ask("myTrades", api_key, secret, asked)]
            found += [trade for trade in page if trade.at < until]
            begins = page[-1].at if len(page) == PAGE else ends + timedelta(milliseconds=1)
        return list({trade.trade_id: trade for trade in found}.values())

    def _ask(self, what: str, api_key: str, secret: str, asked: dict[str, Any]) -> Any:
        query = urlencode({**asked, "timestamp": _ms(self._clock()), "recvWindow": 60_000})
        signature = hmac.new(secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        target = f"{self._url}/api/v3/{what}?{query}&signature={signature}"
        try:
            answer = self._pool.request(
                "GET", target, headers={"X-MBX-APIKEY": api_key}, timeout=self._seconds, retries=False
            )
            told = answer.json()
        except (urllib3.exceptions.HTTPError, ValueError) as trouble:
            raise NotReached(f"the exchange does not answer: {trouble}") from trouble
        if answer.status in (400, 401):
            raise KeyWrong(str(told))
        if answer.status != 200:
            raise NotReached(f"the exchange answers {answer.status}: {told}")
        return told


def _trade(told: Any) -> Trade:
    """Raises NotReached."""
    try:
        at = datetime.fromtimestamp(int(told["time"]) / 1000, UTC)
        return Trade(str(told["id"]), Decimal(told["quoteQty"]), at)
    except (LookupError, TypeError, ValueError, ArithmeticError) as unreadable:
        raise NotReached(f"a trade can not be read: {unreadable}") from unreadable


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)
