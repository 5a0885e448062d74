"""The exchange for people and tests: see everything, and make things happen. Amounts are text, never JSON numbers.

GET    /sandbox/state      markets, balances, open orders, fees, limits, latency, faults
POST   /sandbox/faults     {"kind": "timeout_after", "on": "place", "times": 1}        on and times may be left out
DELETE /sandbox/faults     those still to come
PUT    /sandbox/latency    {"seconds": 5, "on": "place"}       what is done is done at once and answered so late; on is
                           as of faults, and orders are placed late where it is left out
PUT    /sandbox/fees       {"taker_bps": "10", "maker_bps": "8", "asset": "BNB", "asset_price": "600"}
                           of what is received; with `asset` (it and its price may be left out) in that one
PUT    /sandbox/house      {"profile": "thin", "symbol": "BTCUSDT"}       how the market quotes; all without a symbol

Others answer under /sandbox/accounts and /sandbox/limits (`account_controls`), /sandbox/wallet and /sandbox/chain
(`wallet_controls`).

200 with what is in force then; 400, 404 {"error": "…"} with what to do
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from threading import Lock
from types import MappingProxyType
from typing import Any

from common.clock import text
from common.money import exact, plain
from sandbox.exchange.account_controls import limits_told
from sandbox.exchange.faults import ANY, TARGETS, Fault, Faults, IllegalOrder
from sandbox.exchange.flow import PROFILES, Profiles
from sandbox.exchange.orders import Fees, Order
from sandbox.exchange.venue import Venue
from sandbox.serving import Answer, BadRequest, Decide, Kinds, NoSuchPath, Request, as_json, members, parsed

_KINDS: Kinds = {
    "kind": ((str,), f"text, one of {', '.join(Fault)}"),
    "on": ((str,), f"text, one of {', '.join(TARGETS)}"),
    "times": ((int,), "a whole number"),
    "seconds": ((int, float), "a number"),
    "taker_bps": ((str,), 'text such as "10"'),
    "maker_bps": ((str,), 'text such as "8"'),
    "asset": ((str, type(None)), 'text such as "BNB", or null'),
    "asset_price": ((str,), 'text such as "600"'),
    "profile": ((str,), f"text, one of {', '.join(PROFILES)}"),
    "symbol": ((str,), 'text such as "BTCUSDT"'),
}
_fields = partial(members, _KINDS)


class Controls:
    """`decide` answers requests under /sandbox/.

    customers: the accounts whose orders are shown; None is all.
    profiles: those of the house; None where nobody quotes.
    rooms: who answers what is under /sandbox/ besides, by the next part of the path.
    on_change: called after each control that changed something; what it raises as OSError is told to the caller.
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
        self._venue = venue
        self._faults = faults
        self._customers = customers
        self._clock = clock
        self._on_change = on_change
        self._profiles = profiles or Profiles()
        self._rooms = rooms
        self._fees = Fees()
        self._changing = Lock()  # one control at a time, so that what is kept is the last of them

    def decide(self, request: Request) -> Answer:
        """Raises Refusal."""
        with self._changing:
            answer = self._decided(request)
            if request.method != "GET":
                self._on_change()
            return answer

    def _decided(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", ["sandbox", "state"]:
                return as_json(self._state())
            case "POST", ["sandbox", "faults"]:
                given = _fields(parsed(request.body), ["kind"], ["on", "times"])
                self._faults.fail_next(given["kind"], given.get("on", ANY), given.get("times", 1))
                return as_json({"faults": self._faults.told()})
            case "DELETE", ["sandbox", "faults"]:
                self._faults.heal()
                return as_json({"faults": self._faults.told()})
            case "PUT", ["sandbox", "latency"]:
                self._slow_down(parsed(request.body))
                return as_json(self.settings()["latency"])
            case "PUT", ["sandbox", "fees"]:
                self._set_fees(_fields(parsed(request.body), ["taker_bps", "maker_bps"], ["asset", "asset_price"]))
                return as_json(self.settings()["fees"])
            case "PUT", ["sandbox", "house"]:
                self._choose_profile(_fields(parsed(request.body), ["profile"], ["symbol"]))
                return as_json(self._profiles.chosen())
            case _, ["sandbox", room, *_] if room in self._rooms:
                return self._rooms[room](request)
            case _:
                raise NoSuchPath(
                    f"nothing answers {request.method} /{'/'.join(request.path)}; there are GET /sandbox/state, POST "
                    "and DELETE /sandbox/faults, PUT /sandbox/latency, PUT /sandbox/fees, PUT /sandbox/house"
                    f"{''.join(f', /sandbox/{room}' for room in self._rooms)}"
                )

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
        self._set_fees(_fields(settings["fees"], ["taker_bps", "maker_bps"], ["asset", "asset_price"]))
        if "limits" in settings:  # they are kept since there are some
            self._venue.set_limits(limits_told(settings["limits"]))
        for symbol, profile in settings.get("house", {}).items():
            self._profiles.choose(profile, [symbol])

    def _slow_down(self, given: Any) -> None:
        self._faults.slow_down(**_fields(given, ["seconds"], ["on"]))

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
