"""The routes of Binance's wire, and what happens around each: weights, keys, faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from common import clock
from sandbox.exchange.binance.asked import Asked, Gate, Refused, in_binances_words
from sandbox.exchange.binance.capital import Capital
from sandbox.exchange.binance.markets import Markets
from sandbox.exchange.binance.rates import Rates, Weigh, weight, weight_of_depth, weight_with
from sandbox.exchange.binance.trading import Trading
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults, Operation
from sandbox.exchange.keyring import Credential, Keyring, Right
from sandbox.exchange.venue import Venue, VenueRefused
from sandbox.exchange.wallet import Wallet
from sandbox.serving import Answer, Request, as_json

_EITHER_ID = ("orderId", "origClientOrderId")
_SPAN = ("startTime", "endTime")
_PAGE = ("coin", "status", "offset", "limit", *_SPAN)


@dataclass(frozen=True)
class Route:
    """right: what a key must be good for; None is for everybody, without a key."""

    carry_out: Callable[[Asked], Any]
    weigh: Weigh
    operation: Operation
    right: Right | None
    parameters: frozenset[str]


class BinanceFace:
    """`decide` answers requests under /api/ and /sapi/; it raises Hang, Drop, when a fault says so.

    clock: what the face takes for the time; aware.
    wallet: None is one without any network.
    """

    def __init__(
        self,
        venue: Venue,
        credentials: Keyring | Iterable[Credential],
        faults: Faults,
        clock: Callable[[], datetime] = clock.now,
        wallet: Wallet | None = None,
    ) -> None:
        keyring = credentials if isinstance(credentials, Keyring) else Keyring(credentials)
        self._wallet = wallet or Wallet(venue, (), clock)
        self._faults = faults
        self._gate = Gate(keyring, clock)
        self._rates = Rates(venue, clock)
        self._markets = Markets(venue, self._rates, clock)
        self._trading = Trading(venue, self._rates, clock)
        self._capital = Capital(venue, self._wallet, keyring, clock)
        self._routes = {**self._public_routes(), **self._trading_routes(), **self._capital_routes()}

    def _public_routes(self) -> dict[str, Route]:
        def public(carry_out: Callable[[Asked], Any], weigh: Weigh, *parameters: str) -> Route:
            return Route(carry_out, weigh, Operation.OTHER, None, frozenset(parameters))

        told = self._markets
        return {
            "GET /api/v3/ping": public(lambda _: {}, weight(1)),
            "GET /api/v3/time": public(told.time, weight(1)),
            "GET /api/v3/exchangeInfo": public(told.exchange_info, weight(20), "symbol"),
            "GET /api/v3/depth": public(told.depth, weight_of_depth, "symbol", "limit"),
            "GET /api/v3/ticker/bookTicker": public(told.book_ticker, weight(2), "symbol", "symbolStatus"),
        }

    def _trading_routes(self) -> dict[str, Route]:
        def read(carry_out: Callable[[Asked], Any], weigh: Weigh, *parameters: str) -> Route:
            return Route(carry_out, weigh, Operation.ORDER, Right.READ, frozenset(parameters))

        def trade(carry_out: Callable[[Asked], Any], operation: Operation, *parameters: str) -> Route:
            return Route(carry_out, weight(1), operation, Right.TRADE, frozenset(parameters))

        told = self._trading
        new_order = ("symbol", "side", "type", "timeInForce", "quantity", "price")
        besides = ("newClientOrderId", "newOrderRespType", "selfTradePreventionMode")
        trades = ("symbol", "orderId", "fromId", "limit", *_SPAN)
        return {
            "POST /api/v3/order": trade(told.place, Operation.PLACE, *new_order, *besides),
            "POST /api/v3/order/cancelReplace": trade(
                told.replace,
                Operation.PLACE,
                *new_order,
                *besides,
                "cancelReplaceMode",
                "cancelRestrictions",
                "cancelOrderId",
                "cancelOrigClientOrderId",
            ),
            "DELETE /api/v3/order": trade(
                told.cancel, Operation.CANCEL, "symbol", *_EITHER_ID, "newClientOrderId", "cancelRestrictions"
            ),
            "GET /api/v3/order": read(told.order, weight(4), "symbol", *_EITHER_ID),
            "GET /api/v3/openOrders": read(told.open_orders, weight_with("symbol", 6, 80), "symbol"),
            "GET /api/v3/allOrders": read(told.all_orders, weight(20), "symbol", "orderId", "limit", *_SPAN),
            "GET /api/v3/myTrades": read(told.my_trades, weight_with("orderId", 5, 20), *trades),
            "GET /api/v3/rateLimit/order": Route(
                told.order_counts, weight(40), Operation.OTHER, Right.READ, frozenset()
            ),
        }

    def _capital_routes(self) -> dict[str, Route]:
        def read(carry_out: Callable[[Asked], Any], operation: Operation, *parameters: str) -> Route:
            return Route(carry_out, weight(0), operation, Right.READ, frozenset(parameters))

        told, here = self._capital, "/sapi/v1/capital"
        application = ("coin", "network", "address", "addressTag", "amount", "withdrawOrderId")
        ignored = ("transactionFeeFlag", "name", "walletType")
        balances = Route(told.account, weight(20), Operation.OTHER, Right.READ, frozenset({"omitZeroBalances"}))
        withdraw = frozenset({*application, *ignored})
        return {
            "GET /api/v3/account": balances,
            "GET /sapi/v1/account/apiRestrictions": read(told.restrictions, Operation.OTHER),
            f"GET {here}/config/getall": read(told.coins, Operation.OTHER),
            f"GET {here}/deposit/address": read(told.deposit_address, Operation.WALLET, "coin", "network"),
            f"GET {here}/deposit/hisrec": read(told.deposits, Operation.WALLET, *_PAGE, "txId"),
            f"GET {here}/withdraw/history": read(told.withdrawals, Operation.WALLET, *_PAGE, "withdrawOrderId"),
            f"POST {here}/withdraw/apply": Route(
                told.withdraw, weight(0), Operation.WITHDRAW, Right.WITHDRAW, withdraw
            ),
        }

    def decide(self, request: Request) -> Answer:
        path = "/" + "/".join(request.path)
        account = self._gate.account_of(request)
        try:
            route = self._routes.get(f"{request.method} {path}")
            if route is None:
                raise Refused(-5000, f"Path {path}, Method {request.method} is invalid", status=404)
            self._rates.take(account, request, route.weigh)
            asked = self._gate.read(request, route.parameters, route.right)
            answer = self._faults.around(
                route.operation,
                lambda: self._carried_out(route, asked),
                lambda fault: self._failed(fault, route, asked),
            )
        except Refused as refused:
            answer = refused.answer
        return self._rates.with_weight(account, answer) if request.path[:1] == ["api"] else answer

    def _carried_out(self, route: Route, asked: Asked) -> Answer:
        try:
            if asked.account:
                self._wallet.settle()
            answer = as_json(route.carry_out(asked))
        except Refused as refused:  # here, so that a fault may swallow the answer
            return refused.answer
        except VenueRefused as refused:
            return in_binances_words(refused).answer
        if route.operation is Operation.PLACE:
            return self._rates.with_order_counts(asked.account, answer)
        return answer

    def _failed(self, fault: Fault, route: Route, asked: Asked) -> Answer:
        """A fault that is an answer."""
        if fault is Fault.ANOTHER and route.carry_out == self._trading.order:
            other = self._trading.another(asked)
            if other is not None:
                return as_json(other)
        return _failed(fault, route.operation)


def _failed(fault: Fault, operation: Operation) -> Answer:
    """A fault that is an answer, as Binance would give it."""
    match fault, operation:
        case Fault.RATE_LIMIT, _:
            return Refused(-1003, "Too many requests queued.", 429, RETRY_AFTER_SECONDS).answer
        case Fault.MAINTENANCE, _:
            return Refused(-1016, "This service is no longer available.", status=503).answer
        case Fault.REFUSE, Operation.PLACE:
            return Refused(-2010, "Account has insufficient balance for requested action.").answer
        case Fault.REFUSE, Operation.ORDER:
            return Refused(-2013, "Order does not exist.").answer
        case Fault.REFUSE, Operation.CANCEL:
            return Refused(-2011, "Unknown order sent.").answer
        case Fault.REFUSE, Operation.WITHDRAW:
            return Refused(-4026, "You have insufficient balance.").answer
        case Fault.REFUSE, _:
            return Refused(-1020, "This operation is not supported.").answer
        case _:
            return Refused(-1000, "An unknown error occurred while processing the request.", status=500).answer
