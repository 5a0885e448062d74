"""The exchange for people and tests: see everything, and make things happen. Amounts are text, never JSON numbers.

GET    /sandbox/state      markets, balances, open orders, fees, limits, latency, faults
PUT    /sandbox/latency    {"seconds": 5, "on": "place"}       what is done is done at once and answered so late; on is
                           as of faults, and orders are placed late where it is left out
PUT    /sandbox/fees       {"taker_bps": "10", "maker_bps": "8", "asset": "BNB", "asset_price": "600"}
                           of what is received; with `asset` (it and its price may be left out) in that one
PUT    /sandbox/house      {"profile": "thin", "symbol": "BTCUSDT"}       how the market quotes; all without a symbol

/sandbox/faults and /sandbox/down are as of `sandbox.controls`. Others answer under /sandbox/accounts and
/sandbox/limits (`account_controls`), /sandbox/wallet and /sandbox/chain (`wallet_controls`).

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from common.clock import text
from common.money import exact, plain
from sandbox.controls import NUMBER
from sandbox.controls import Controls as FaultControls
from sandbox.exchange.account_controls import limits_told
from sandbox.exchange.faults import Fault, Faults, IllegalOrder
from sandbox.exchange.flow import PROFILES, Profiles
from sandbox.exchange.orders import Fees, Order
from sandbox.exchange.venue import Venue
from sandbox.serving import BadRequest, Decide, Kinds, Request, members, parsed

_KINDS: Kinds = {
    "seconds": NUMBER,
    "taker_bps": ((str,), 'text such as "10"'),
    "maker_bps": ((str,), 'text such as "8"'),
    "asset": ((str, type(None)), 'text such as "BNB", or null'),
    "asset_price": ((str,), 'text such as "600"'),
    "profile": ((str,), f"text, one of {', '.join(PROFILES)}"),
    "symbol": ((str,), 'text such as "BTCUSDT"'),
}


class Controls(FaultControls[Fault]):
    """`decide` answers requests under /sandbox/.

    customers: the accounts whose orders are shown; None is all.
    profiles: those of the house; None where nobody quotes.
    rooms: who answers what is under /sandbox/ besides, by the next part of the path.
    on_change: as of `sandbox.controls`.
    """

    def __init__(
        self,
        venue: Venue,
        faults: Faults,
        customers: Sequence[str] | None,
        clock: Callable[[], datetime],
        on_change: Callable[[], None] = lambda: None,
        profiles: Profiles | None = None,
        rooms: Mapping[str, Decide] = MappingProxyType({}),
    ) -> None:
        super().__init__(faults, _KINDS, on_change)
        self._venue = venue
        self._faults = faults
        self._customers = customers
        self._clock = clock
        self._profiles = profiles or Profiles()
        self._rooms = rooms
        self._fees = Fees()

    def _decided(self, request: Request) -> Any:
        match request.method, request.path[1:]:
            case "GET", ["state"]:
                return self._state()
            case "PUT", ["latency"]:
                self._slow_down(parsed(request.body))
                return self.settings()["latency"]
            case "PUT", ["fees"]:
                self._set_fees(self._given(request, ["taker_bps", "maker_bps"], ["asset", "asset_price"]))
                return self.settings()["fees"]
            case "PUT", ["house"]:
                self._choose_profile(self._given(request, ["profile"], ["symbol"]))
                return self._profiles.chosen()
            case _, [room, *_] if room in self._rooms:
                return self._rooms[room](request)
            case _:
                return super()._decided(request)

    def _choose_profile(self, given: Mapping[str, Any]) -> None:
        symbols = list(self._venue.symbols)
        if given.get("symbol", symbols[0] if symbols else "") not in symbols:
            raise IllegalOrder(f"symbol is {given.get('symbol')!r}; there are {', '.join(symbols)}")
        self._profiles.choose(given["profile"], [given["symbol"]] if "symbol" in given else symbols)

    def settings(self) -> dict[str, Any]:
        """All that was set and outlives a restart, so that `restore` can set it again."""
        fees = self._fees
        return {
            "latency": dict(zip(("seconds", "on"), self._faults.latency, strict=True)),
            "fees": {
                "taker_bps": plain(fees.taker_bps),
                "maker_bps": plain(fees.maker_bps),
                "asset": fees.asset,
                "asset_price": plain(fees.asset_price),
            },
            "limits": asdict(self._venue.limits_of()),
            "house": self._profiles.chosen(),
        }

    def restore(self, settings: Any) -> None:
        """As `settings()` told. Raises BadRequest, IllegalOrder."""
        if not isinstance(settings, dict) or not {"latency", "fees"} <= settings.keys():
            raise BadRequest("there must be a JSON object with latency, fees")
        self._slow_down(settings["latency"])
        self._set_fees(members(self._kinds, settings["fees"], ["taker_bps", "maker_bps"], ["asset", "asset_price"]))
        if "limits" in settings:  # they are kept since there are some
            self._venue.set_limits(limits_told(settings["limits"]))
        for symbol, profile in settings.get("house", {}).items():
            self._profiles.choose(profile, [symbol])

    def _slow_down(self, given: Any) -> None:
        self._faults.slow_down(**members(self._kinds, given, ["seconds"], ["on"]))

    def _set_fees(self, given: Mapping[str, Any]) -> None:
        taker, maker = _amount(given, "taker_bps"), _amount(given, "maker_bps")
        try:
            fees = Fees(taker, maker, given.get("asset"), _amount(given, "asset_price", "1"))
        except ValueError as unfit:
            raise IllegalOrder(str(unfit)) from None
        self._venue.set_fees(fees)
        self._fees = fees

    def _state(self) -> dict[str, Any]:
        venue = self._venue
        with venue.lock:
            return {
                "now": text(self._clock()),
                "magic": venue.magic,
                "maintenance": venue.maintenance,
                "symbols": {name: self._market(name) for name in venue.symbols},
                "balances": {
                    account: {
                        asset: {"free": plain(free), "locked": plain(locked)}
                        for asset, (free, locked) in venue.balances(account).items()
                    }
                    for account in venue.accounts
                },
                "open_orders": {
                    account: [_order(order) for order in venue.open_orders(account)]
                    for account in (venue.customers if self._customers is None else self._customers)
                },
                **self.settings(),
                "faults": self._faults.told(),
            }

    def _market(self, name: str) -> dict[str, str | None]:
        symbol, (bids, asks) = self._venue.symbols[name], self._venue.depth(name, 1)
        return {
            "base": symbol.base,
            "quote": symbol.quote,
            "price_step": plain(symbol.price_step),
            "quantity_step": plain(symbol.quantity_step),
            "min_quantity": plain(symbol.min_quantity),
            "min_notional": plain(symbol.min_notional),
            "last_price": _plain(self._venue.last_price(name)),
            "bid": _plain(bids[0][0] if bids else None),
            "ask": _plain(asks[0][0] if asks else None),
        }


def _order(order: Order) -> dict[str, str | None]:
    return {
        "order_id": str(order.order_id),
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "kind": order.kind,
        "price": _plain(order.price),
        "quantity": plain(order.quantity),
        "executed": plain(order.executed),
        "status": order.status,
        "at": text(order.at),
    }


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def _amount(given: Mapping[str, Any], name: str, default: str = "") -> Decimal:
    written = given.get(name, default)
    try:
        return exact(written)
    except (ValueError, InvalidOperation):
        raise IllegalOrder(f"{name} is {written!r}; it must be a decimal number in a text") from None
