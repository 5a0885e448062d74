"""Markets on Binance's wire: what anybody may ask."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.exchange.binance.asked import Asked, Refused
from sandbox.exchange.binance.rates import Rates
from sandbox.exchange.binance.words import amount, ms, symbol_info
from sandbox.exchange.venue import Symbol, Venue

DEPTH_LIMIT_MAX = 5000


class Markets:
    def __init__(self, venue: Venue, rates: Rates, clock: Callable[[], datetime]) -> None:
        self._venue = venue
        self._rates = rates
        self._clock = clock

    def time(self, _: Asked) -> Any:
        return {"serverTime": ms(self._clock())}

    def exchange_info(self, asked: Asked) -> Any:
        """Of the market that is named, or of all."""
        symbols = self._venue.symbols
        chosen = [symbol_of(self._venue, asked)] if "symbol" in asked else symbols.values()
        open_orders_max = self._venue.limits_of().open_orders_per_symbol
        return {
            "timezone": "UTC",
            "serverTime": ms(self._clock()),
            "rateLimits": self._rates.announced(),
            "exchangeFilters": [],
            "symbols": [symbol_info(symbol, self._status, open_orders_max) for symbol in chosen],
        }

    @property
    def _status(self) -> str:
        """Of every market."""
        return "BREAK" if self._venue.maintenance else "TRADING"

    def depth(self, asked: Asked) -> Any:
        symbol = symbol_of(self._venue, asked)
        limit = min(asked.whole("limit") or 100, DEPTH_LIMIT_MAX)
        bids, asks = self._venue.depth(symbol.name, limit)
        return {
            "lastUpdateId": ms(self._clock()),
            "bids": [[amount(price), amount(quantity)] for price, quantity in bids],
            "asks": [[amount(price), amount(quantity)] for price, quantity in asks],
        }

    def book_ticker(self, asked: Asked) -> Any:
        """Of the market that is named."""
        symbol = symbol_of(self._venue, asked)
        if asked.text("symbolStatus") not in (None, self._status):
            raise Refused(-1220, "The symbol's status does not match the requested symbolStatus.")
        bids, asks = self._venue.depth(symbol.name, 1)
        nobody = (Decimal(0), Decimal(0))
        (bid, bid_quantity), (ask, ask_quantity) = next(iter(bids), nobody), next(iter(asks), nobody)
        return {
            "symbol": symbol.name,
            "bidPrice": amount(bid),
            "bidQty": amount(bid_quantity),
            "askPrice": amount(ask),
            "askQty": amount(ask_quantity),
        }


def symbol_of(venue: Venue, asked: Asked) -> Symbol:
    """The market that is named. Raises Refused."""
    symbol = venue.symbols.get(asked.needed("symbol"))
    if symbol is None:
        raise Refused(-1121, "Invalid symbol.")
    return symbol
