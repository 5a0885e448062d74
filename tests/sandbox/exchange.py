"""The whole simulated exchange in this process: accounts opened by its controls, ccxt's own client at its end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.exchange.ccxt_wire import ccxt_binance
from sandbox.exchange.simulated import SimulatedExchange
from sandbox.exchange.venue import Kind
from sandbox.serving import serve
from tests.sandbox.faces import Said, call

NOON = datetime(2026, 11, 28, 12, 0, 1, tzinfo=UTC)
OTHERS = "others"  # an account of somebody else


@dataclass
class World:
    """clock: stands still unless a test moves `now`; ccxt is told the same time."""

    exchange: SimulatedExchange
    url: str = ""
    now: datetime = NOON

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Raises AssertionError unless it is done."""
        said = self.said(method, path, body)
        assert said.status == 200, said.text
        return said.json

    def said(self, method: str, path: str, body: object = None) -> Said:
        return call(f"{self.url}/sandbox/{path}", method, body)

    def open(self, account: str, **balances: str) -> None:
        self.control("POST", "accounts", {"account": account, "balances": balances})

    def client(self, account: str, *rights: str) -> Any:
        """ccxt's binance as everybody uses it, but for its URLs, its clock, and amounts that are text."""
        key = self.control("POST", f"accounts/{account}/keys", {"rights": rights or ("read", "trade")})
        return self.client_of(key["api_key"], key["secret"])

    def client_of(self, api_key: str, secret: str) -> Any:
        client = ccxt_binance()({"apiKey": api_key, "secret": secret, "enableRateLimit": False})
        client.number = str
        client.options |= {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False}
        client.urls["api"] = {
            name: re.sub(r"^https://[^/]+", self.url, url) for name, url in client.urls["api"].items()
        }
        client.milliseconds = lambda: int(self.now.timestamp() * 1000)
        return client

    def offer(self, side: str, quantity: str, price: str) -> None:
        """Somebody else's order."""
        self.exchange.venue.place(OTHERS, "BTCUSDT", side, Kind.LIMIT, quantity=Decimal(quantity), price=Decimal(price))

    def has(self, account: str, asset: str) -> str:
        """What is free, as text."""
        shown: str = self.control("GET", "state")["balances"][account][asset]["free"]
        return shown

    def pass_time(self, **time: float) -> None:
        self.now += timedelta(**time)


@contextmanager
def exchange() -> Iterator[World]:
    whole = SimulatedExchange(lambda: world.now)
    world = World(whole)
    whole.furnish()
    whole.venue.open_account(OTHERS, {"BTC": Decimal(1000), "USDT": Decimal(10**8)}, magic=False)
    with serve(whole.faces(whole.controls()), name="x") as running:
        world.url = running.url
        yield world


@contextmanager
def refused(kind: str | None, match: str) -> Iterator[None]:
    """By ccxt, with an error of this class of theirs; None is any, where their class depends on the host's name."""
    with pytest.raises(Exception, match=match) as error:
        yield
    assert kind in (None, type(error.value).__name__)
