"""A HuFi whose participants trade at a simulated exchange of the same process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.gateways.campaigns import ReadingKey
from sandbox.exchange.keyring import Right
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.exchange.venue import Kind as OrderKind
from sandbox.hufi.exchanges import InProcess
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import Campaign, Kind

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
US, THEM = "11" * 32, "22" * 32  # login keys


def address(number: int) -> str:
    return f"0x{number:040x}"


class HufiWorld:
    """clock: that of the exchange; without one there is a time that stands still, `at`."""

    def __init__(self, clock: Callable[[], datetime] | None = None, exchange: SimulatedExchange | None = None) -> None:
        self.at = NOON
        self.now = clock or (lambda: self.at)
        self.exchange = exchange or SimulatedExchange(self.now)
        self.exchange.furnish()
        self.reader = InProcess(self.exchange.venue, self.exchange.keyring)
        self.hufi = Hufi(self.now, {"binance": self.reader, "mexc": self.reader})

    def launch(self, number: int = 1, kind: Kind = Kind.MARKET_MAKING, **told: Any) -> Campaign:
        at = self.now()
        terms: dict[str, Any] = {
            "chain_id": 137,
            "exchange": "binance",
            "symbol": "BTC/USDT",
            "starts_at": at - timedelta(hours=1),
            "ends_at": at + timedelta(days=10) - timedelta(hours=1),
            "fund": 1_000 * 10**18,
            "token": "HMT",
            "decimals": 18,
            "target": Decimal(10_000),
        }
        return self.hufi.launch(Campaign(address=address(number), kind=kind, **{**terms, **told}))

    def account(self, name: str, *rights: str) -> ReadingKey:
        """Opened if it is not there, with a new key of it."""
        if name not in self.exchange.venue.accounts:
            self.exchange.venue.open_account(name, {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}, magic=False)
        key = self.exchange.keyring.issue(name, map(Right, rights or ("read",)))
        return ReadingKey(key.api_key, key.secret)

    def trade(self, account: str, quantity: str, price: str = "50000") -> None:
        """The account makes, and somebody takes."""
        venue = self.exchange.venue
        if "taker" not in venue.accounts:
            venue.open_account("taker", {"BTC": Decimal(1_000), "USDT": Decimal(100_000_000)}, magic=False)
        for who, side in ((account, "SELL"), ("taker", "BUY")):
            venue.place(who, "BTCUSDT", side, OrderKind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))
