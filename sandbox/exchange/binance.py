"""Binance's spot wire in front of the venue, so that clients of Binance work unchanged but for their URL.

    public   GET ping, time, exchangeInfo, depth, ticker/bookTicker         /api/v3/…
    signed   POST, GET, DELETE order; GET openOrders, account, myTrades     /api/v3/…
             GET capital/config/getall                                      /sapi/v1/…

    X-MBX-APIKEY: …                          parameters in the query or in a form; those of the query count
    timestamp=1767225600000&recvWindow=5000  the request is good from then on for so many ms (5000 unless it says)
    signature=…                              hex HMAC-SHA256(secret, query + body, without the signature)

    400 {"code": -1121, "msg": "Invalid symbol."}        401 for keys; 404; 429 with Retry-After; 500; 503

Amounts are text with 8 decimals, times Unix milliseconds. Each order is named, by the client or by us; two open orders
of an account can not have one name ("Duplicate order sent."). An order that is over can not be cancelled ("Unknown
order sent.").

Not told by Binance's documents, so our own reading: what is checked first (key, parameters, time, signature, faults,
the rest); HTTP 401 for -2014 and -2015; -1131; "Market is closed." with -1013; that an order that was cancelled keeps
its name; a limit over the maximum is -1130. Not here: what neither the desk nor its market making asks for, such as
other tickers, market and stop orders, order lists, test orders, websockets, weights. An order that met another of its
account's is EXPIRED, not EXPIRED_IN_MATCH.

Source: github.com/binance/binance-spot-api-docs @a5e0bc3: rest-api.md, errors.md, filters.md, enums.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from common import clock
from common.money import fraction_digits
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults, Operation
from sandbox.exchange.venue import (
    BUY,
    SELL,
    Kind,
    Order,
    OrderUnknown,
    Reason,
    Symbol,
    TimeInForce,
    Trade,
    Venue,
    VenueRefused,
)
from sandbox.serving import Answer, Request, as_json

PRECISION = 8
RECEIVE_WINDOW_MS = 5000
RECEIVE_WINDOW_MS_MAX = 60_000
AHEAD_MS_MAX = 1000
LIMIT_MAX = 1000
DEPTH_LIMIT_MAX = 5000
QUANTITY_MAX = Decimal(9_000_000_000)
PRICE_MAX = Decimal(100_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECONDS_SINCE = 10**14  # a timestamp from here on is in microseconds
_ZERO = "0.00000000"

_SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")
_ALPHABETS = {
    "symbol": r"^[A-Z0-9-_.]{1,20}$",
    "newClientOrderId": r"^[.A-Z\:/a-z0-9_-]{1,36}$",
    "origClientOrderId": r"^[.A-Z\:/a-z0-9_-]{1,36}$",
    **dict.fromkeys(("orderId", "fromId", "limit", "timestamp"), r"^[0-9]{1,20}$"),
    **dict.fromkeys(("quantity", "price", "recvWindow"), r"^([0-9]{1,20})(\.[0-9]{1,20})?$"),
}
_ALWAYS_SIGNED = ("timestamp", "signature")
_FILTERS = {Reason.LOT_SIZE: "LOT_SIZE", Reason.PRICE_FILTER: "PRICE_FILTER", Reason.MIN_NOTIONAL: "NOTIONAL"}

T = TypeVar("T")


@dataclass(frozen=True)
class Credential:
    """Who may ask, for which account. `account` is the venue's name of it."""

    account: str
    api_key: str
    secret: str


class Refused(Exception):
    """An error in Binance's words."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status

    @property
    def answer(self) -> Answer:
        return Answer(self.status, json.dumps({"code": self.code, "msg": self.message}, separators=(",", ":")))


def _missing(name: str) -> Refused:
    return Refused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


@dataclass(frozen=True)
class Asked:
    """The parameters of one request, in the form that Binance asks for, and whose they are."""

    account: str  # "" for public requests
    values: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        return self.values.get(name)

    def needed(self, name: str) -> str:
        if name not in self.values:
            raise _missing(name)
        return self.values[name]

    def whole(self, name: str) -> int | None:
        return int(self.values[name]) if name in self.values else None

    def amount(self, name: str) -> Decimal:
        amount = Decimal(self.needed(name))
        if fraction_digits(amount) > PRECISION:
            raise Refused(-1111, f"Parameter '{name}' has too much precision.")
        return amount

    def limit(self, default: int = 500) -> int:
        limit = int(self.values.get("limit", default))
        if not 1 <= limit <= LIMIT_MAX:
            raise Refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return limit


@dataclass(frozen=True)
class Route:
    carry_out: Callable[[Asked], Any]
    operation: Operation = Operation.OTHER
    signed: bool = False
    parameters: frozenset[str] = frozenset()


class BinanceFace:
    """`decide` answers requests under /api/ and /sapi/; it raises Hang, Drop, when a fault says so.

    clock: what the face takes for the time; aware.
    """

    def __init__(
        self,
        venue: Venue,
        credentials: Iterable[Credential],
        faults: Faults,
        clock: Callable[[], datetime] = clock.now,
    ) -> None:
        self._venue = venue
        self._credentials = {credential.api_key: credential for credential in credentials}
        self._faults = faults
        self._clock = clock
        self._names = count(1)
        symbol, limit = "symbol", "limit"
        order, either = Operation.ORDER, ("orderId", "origClientOrderId")
        self._routes = {
            "GET /api/v3/ping": Route(lambda _: {}),
            "GET /api/v3/time": Route(lambda _: {"serverTime": _ms(self._clock())}),
            "GET /api/v3/exchangeInfo": _public(self._exchange_info, symbol),
            "GET /api/v3/depth": _public(self._depth, symbol, limit),
            "GET /api/v3/ticker/bookTicker": _public(self._book_ticker, symbol, "symbolStatus"),
            "POST /api/v3/order": _signed(
                self._place,
                Operation.PLACE,
                *(symbol, "side", "type", "timeInForce", "quantity", "price"),
                *("newClientOrderId", "newOrderRespType", "selfTradePreventionMode"),
            ),
            "GET /api/v3/order": _signed(self._order, order, symbol, *either),
            "DELETE /api/v3/order": _signed(self._cancel, Operation.CANCEL, symbol, *either, "newClientOrderId"),
            "GET /api/v3/openOrders": _signed(self._open_orders, order, symbol),
            "GET /api/v3/myTrades": _signed(self._my_trades, order, symbol, "orderId", "fromId", limit),
            "GET /api/v3/account": _signed(self._account, Operation.OTHER, "omitZeroBalances"),
            "GET /sapi/v1/capital/config/getall": _signed(self._coins, Operation.OTHER),
        }

    def decide(self, request: Request) -> Answer:
        path = "/" + "/".join(request.path)
        try:
            route = self._routes.get(f"{request.method} {path}")
            if route is None:
                raise Refused(-5000, f"Path {path}, Method {request.method} is invalid", status=404)
            asked = self._asked(request, route)
            return self._faults.around(
                route.operation,
                lambda: self._carried_out(route, asked),
                lambda fault: self._failed(fault, route, asked),
            )
        except Refused as refused:
            return refused.answer

    def _carried_out(self, route: Route, asked: Asked) -> Answer:
        try:
            return as_json(route.carry_out(asked))
        except Refused as refused:  # here, so that a fault may swallow the answer
            return refused.answer
        except VenueRefused as refused:
            return _in_binances_words(refused).answer

    def _failed(self, fault: Fault, route: Route, asked: Asked) -> Answer:
        """A fault that is an answer."""
        if fault is Fault.ANOTHER and route.carry_out == self._order:
            ours = self._found(asked, Refused(-2013, "Order does not exist."))
            for order in self._venue.history(asked.account, ours.symbol):
                if order.order_id != ours.order_id:
                    return as_json(_queried(order))
        return _failed(fault, route.operation)

    # Who asks, and what

    def _asked(self, request: Request, route: Route) -> Asked:
        """Raises Refused."""
        body = request.body.decode(errors="replace")
        caller = self._credential(request.headers.get("X-MBX-APIKEY")) if route.signed else None
        values: dict[str, str] = {}
        for source in (request.query, body):
            pairs = parse_qsl(source, keep_blank_values=True)
            if len(pairs) != len(dict(pairs)):
                raise Refused(-1101, "Duplicate values for a parameter detected.")
            values = dict(pairs) | values
        for name, value in values.items():
            if value == "":
                raise Refused(-1105, f"Parameter '{name}' was empty.")
            if name in _ALPHABETS and not re.fullmatch(_ALPHABETS[name], value, re.ASCII):
                legal = _ALPHABETS[name]
                raise Refused(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
        read = values.keys() & (route.parameters | ({*_ALWAYS_SIGNED, "recvWindow"} if caller else set()))
        if len(read) < len(values):
            raise Refused(
                -1104,
                f"Not all sent parameters were read; read '{len(read)}' parameter(s) but was sent '{len(values)}'.",
            )
        if caller is None:
            return Asked("", values)
        for name in _ALWAYS_SIGNED:
            if name not in values:
                raise _missing(name)
        self._timely(values)
        payload = _SIGNATURE.sub("", request.query).removeprefix("&") + _SIGNATURE.sub("", body).removeprefix("&")
        expected = hmac.new(caller.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), values["signature"].lower().encode()):
            raise Refused(-1022, "Signature for this request is not valid.")
        return Asked(caller.account, values)

    def _credential(self, api_key: str | None) -> Credential:
        if not api_key:
            raise Refused(-2014, "API-key format invalid.", status=401)
        if api_key not in self._credentials:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        return self._credentials[api_key]

    def _timely(self, values: Mapping[str, str]) -> None:
        window = Decimal(values.get("recvWindow", RECEIVE_WINDOW_MS))
        if window > RECEIVE_WINDOW_MS_MAX:
            raise Refused(-1131, f"recvWindow must be less than {RECEIVE_WINDOW_MS_MAX}")
        sent, now = int(values["timestamp"]), _ms(self._clock())
        if sent >= _MICROSECONDS_SINCE:
            sent //= 1000
        if sent >= now + AHEAD_MS_MAX:
            raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if now - sent > window:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")

    # Markets

    def _exchange_info(self, asked: Asked) -> Any:
        """Of the market that is named, or of all."""
        symbols = self._venue.symbols
        chosen = [self._symbol(asked.needed("symbol"))] if "symbol" in asked else symbols.values()
        return {
            "timezone": "UTC",
            "serverTime": _ms(self._clock()),
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
            ],
            "exchangeFilters": [],
            "symbols": [_symbol_info(symbol, self._status) for symbol in chosen],
        }

    @property
    def _status(self) -> str:
        """Of every market."""
        return "BREAK" if self._venue.maintenance else "TRADING"

    def _symbol(self, name: str) -> Symbol:
        symbol = self._venue.symbols.get(name)
        if symbol is None:
            raise Refused(-1121, "Invalid symbol.")
        return symbol

    def _depth(self, asked: Asked) -> Any:
        symbol = self._symbol(asked.needed("symbol"))
        limit = min(asked.whole("limit") or 100, DEPTH_LIMIT_MAX)
        bids, asks = self._venue.depth(symbol.name, limit)
        return {
            "lastUpdateId": _ms(self._clock()),
            "bids": [[_amount(price), _amount(quantity)] for price, quantity in bids],
            "asks": [[_amount(price), _amount(quantity)] for price, quantity in asks],
        }

    def _book_ticker(self, asked: Asked) -> Any:
        """Of the market that is named."""
        symbol = self._symbol(asked.needed("symbol"))
        if asked.text("symbolStatus") not in (None, self._status):
            raise Refused(-1220, "The symbol's status does not match the requested symbolStatus.")
        bids, asks = self._venue.depth(symbol.name, 1)
        nobody = (Decimal(0), Decimal(0))
        (bid, bid_quantity), (ask, ask_quantity) = next(iter(bids), nobody), next(iter(asks), nobody)
        return {
            "symbol": symbol.name,
            "bidPrice": _amount(bid),
            "bidQty": _amount(bid_quantity),
            "askPrice": _amount(ask),
            "askQty": _amount(ask_quantity),
        }

    # Orders

    def _place(self, asked: Asked) -> Any:
        symbol, side = self._symbol(asked.needed("symbol")), asked.needed("side")
        if side not in (BUY, SELL):
            raise Refused(-1117, "Invalid side.")
        kind = _one_of(Kind, asked.needed("type"), Refused(-1116, "Invalid orderType."))
        if kind is Kind.LIMIT:
            asked.needed("timeInForce")
        elif "timeInForce" in asked:
            raise Refused(-1106, "Parameter 'timeInForce' sent when not required.")
        quantity, price = asked.amount("quantity"), asked.amount("price")
        until = _one_of(TimeInForce, asked.text("timeInForce") or "GTC", Refused(-1115, "Invalid timeInForce."))
        told = asked.text("newOrderRespType") or ("ACK" if kind is Kind.LIMIT_MAKER else "FULL")
        if told not in ("ACK", "RESULT", "FULL"):
            raise Refused(-1130, "Data sent for parameter 'newOrderRespType' is not valid.")
        if quantity > QUANTITY_MAX:
            raise Refused(-1013, "Filter failure: LOT_SIZE")
        if price > PRICE_MAX:
            raise Refused(-1013, "Filter failure: PRICE_FILTER")
        with self._venue.lock:  # the order and its fills of one moment
            order = self._venue.place(
                asked.account,
                symbol.name,
                side,
                kind,
                quantity=quantity,
                price=price,
                time_in_force=until,
                client_order_id=asked.text("newClientOrderId") or self._name(),
                dedupe=True,
            )
            trades = self._venue.trades(asked.account, symbol.name, order_id=order.order_id)
        return _placed(order, trades, told)

    def _name(self) -> str:
        """22 letters and digits, as Binance names an order that came without a name."""
        drawn = hashlib.sha256(f"{next(self._names)} {self._clock().isoformat()}".encode()).hexdigest()
        return drawn[:22]

    def _found(self, asked: Asked, unknown: Refused) -> Order:
        """Of both ids the exchange's counts, and the other must be its."""
        symbol, name = self._symbol(asked.needed("symbol")), asked.text("origClientOrderId")
        order_id = asked.whole("orderId")
        if order_id is None and name is None:
            raise Refused(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        try:
            order = self._venue.order(asked.account, symbol.name, order_id=order_id, client_order_id=name)
        except OrderUnknown:
            raise unknown from None
        if name is not None and order.client_order_id != name:
            raise Refused(-2039, "Client order ID is not correct for this order ID.")
        return order

    def _order(self, asked: Asked) -> Any:
        return _queried(self._found(asked, Refused(-2013, "Order does not exist.")))

    def _cancel(self, asked: Asked) -> Any:
        unknown = Refused(-2011, "Unknown order sent.")
        with self._venue.lock:
            order = self._found(asked, unknown)
            if order.status.over:
                raise unknown
            ended = self._venue.cancel(asked.account, order.symbol, order_id=order.order_id)
        return _cancelled(ended, asked.text("newClientOrderId") or self._name())

    def _open_orders(self, asked: Asked) -> Any:
        symbol = self._symbol(asked.needed("symbol")).name if "symbol" in asked else None
        return [_queried(order) for order in self._venue.open_orders(asked.account, symbol)]

    def _my_trades(self, asked: Asked) -> Any:
        """From an id on the first ones; otherwise the newest."""
        symbol, limit, since = self._symbol(asked.needed("symbol")), asked.limit(), asked.whole("fromId")
        trades = self._venue.trades(asked.account, symbol.name, order_id=asked.whole("orderId"))
        page = trades[-limit:] if since is None else [trade for trade in trades if trade.trade_id >= since][:limit]
        return [
            {
                "symbol": trade.symbol,
                "id": trade.trade_id,
                "orderId": trade.order_id,
                "orderListId": -1,
                "price": _amount(trade.price),
                "qty": _amount(trade.quantity),
                "quoteQty": _amount(trade.quote_quantity),
                "commission": _amount(trade.fee),
                "commissionAsset": trade.fee_asset,
                "time": _ms(trade.at),
                "isBuyer": trade.side == BUY,
                "isMaker": trade.maker,
                "isBestMatch": True,
            }
            for trade in page
        ]

    # Money

    def _account(self, asked: Asked) -> Any:
        balances = self._venue.balances(asked.account)
        if asked.text("omitZeroBalances") == "true":
            balances = {asset: both for asset, both in balances.items() if any(both)}
        return {
            "canTrade": True,
            "canWithdraw": True,
            "canDeposit": True,
            "brokered": False,
            "requireSelfTradePrevention": True,
            "updateTime": _ms(self._clock()),
            "accountType": "SPOT",
            "balances": [
                {"asset": asset, "free": _amount(free), "locked": _amount(locked)}
                for asset, (free, locked) in balances.items()
            ],
            "permissions": ["SPOT"],
        }

    def _coins(self, asked: Asked) -> Any:
        return [
            {
                "coin": asset,
                "name": asset,
                "depositAllEnable": False,
                "withdrawAllEnable": False,
                "free": _amount(free),
                "locked": _amount(locked),
                "isLegalMoney": False,
                "trading": True,
                "networkList": [],
            }
            for asset, (free, locked) in self._venue.balances(asked.account).items()
        ]


def _public(carry_out: Callable[[Asked], Any], *parameters: str) -> Route:
    return Route(carry_out, parameters=frozenset(parameters))


def _signed(carry_out: Callable[[Asked], Any], operation: Operation, *parameters: str) -> Route:
    return Route(carry_out, operation, signed=True, parameters=frozenset(parameters))


def _in_binances_words(refused: VenueRefused) -> Refused:
    match refused.reason:
        case Reason.UNKNOWN_SYMBOL:
            return Refused(-1121, "Invalid symbol.")
        case Reason.MARKET_CLOSED:
            return Refused(-1013, "Market is closed.")
        case Reason.LOT_SIZE | Reason.PRICE_FILTER | Reason.MIN_NOTIONAL as reason:
            return Refused(-1013, f"Filter failure: {_FILTERS[reason]}")
        case Reason.DUPLICATE_ORDER:
            return Refused(-2010, "Duplicate order sent.")
        case Reason.MAX_NUM_ORDERS:
            return Refused(-2010, "Filter failure: MAX_NUM_ORDERS")
        case Reason.WOULD_TAKE:
            return Refused(-2010, "Order would immediately match and take.")
        case Reason.INSUFFICIENT_BALANCE:
            return Refused(-2010, "Account has insufficient balance for requested action.")


def _failed(fault: Fault, operation: Operation) -> Answer:
    """A fault that is an answer, as Binance would give it."""
    match fault, operation:
        case Fault.RATE_LIMIT, _:
            answer = Refused(-1003, "Too many requests queued.", status=429).answer
            return Answer(answer.status, answer.body, {"Retry-After": str(RETRY_AFTER_SECONDS)})
        case Fault.MAINTENANCE, _:
            return Refused(-1016, "This service is no longer available.", status=503).answer
        case Fault.REFUSE, Operation.PLACE:
            return Refused(-2010, "Account has insufficient balance for requested action.").answer
        case Fault.REFUSE, Operation.ORDER:
            return Refused(-2013, "Order does not exist.").answer
        case Fault.REFUSE, Operation.CANCEL:
            return Refused(-2011, "Unknown order sent.").answer
        case Fault.REFUSE, _:
            return Refused(-1020, "This operation is not supported.").answer
        case _:
            return Refused(-1000, "An unknown error occurred while processing the request.", status=500).answer


def _symbol_info(symbol: Symbol, status: str) -> dict[str, Any]:
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _amount(symbol.price_step),
            "maxPrice": _amount(PRICE_MAX),
            "tickSize": _amount(symbol.price_step),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _amount(symbol.min_quantity),
            "maxQty": _amount(QUANTITY_MAX),
            "stepSize": _amount(symbol.quantity_step),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _amount(symbol.min_notional),
            "applyMinToMarket": True,
            "maxNotional": _amount(QUANTITY_MAX),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
    ]
    precisions = ("baseAssetPrecision", "quotePrecision", "quoteAssetPrecision")
    commissions = ("baseCommissionPrecision", "quoteCommissionPrecision")
    allowed = {"icebergAllowed": False, "ocoAllowed": False, "otoAllowed": False, "quoteOrderQtyMarketAllowed": False}
    return {
        "symbol": symbol.name,
        "status": status,
        "baseAsset": symbol.base,
        "quoteAsset": symbol.quote,
        **dict.fromkeys((*precisions, *commissions), PRECISION),
        "orderTypes": [str(kind) for kind in Kind],
        **allowed,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters,
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_TAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER"],
    }


def _common(order: Order) -> dict[str, Any]:
    """What every answer about an order has."""
    return {
        "symbol": order.symbol,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.client_order_id,
        "price": _amount(order.price),
        "origQty": _amount(order.quantity),
        "executedQty": _amount(order.executed),
        "origQuoteOrderQty": _ZERO,
        "cummulativeQuoteQty": _amount(order.gross),
        "status": str(order.status),
        "timeInForce": str(order.time_in_force),
        "type": str(order.kind),
        "side": order.side,
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }


def _queried(order: Order) -> dict[str, Any]:
    return _common(order) | {
        "stopPrice": _ZERO,
        "icebergQty": _ZERO,
        "time": _ms(order.at),
        "updateTime": _ms(order.updated_at),
        "isWorking": True,
        "workingTime": _ms(order.at),
    }


def _placed(order: Order, trades: list[Trade], told: str) -> dict[str, Any]:
    at = {"transactTime": _ms(order.at)}
    if told == "ACK":
        return {name: _common(order)[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId")} | at
    result = _common(order) | at | {"workingTime": _ms(order.at)}
    if told == "RESULT":
        return result
    return result | {
        "fills": [
            {
                "price": _amount(trade.price),
                "qty": _amount(trade.quantity),
                "commission": _amount(trade.fee),
                "commissionAsset": trade.fee_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    }


def _cancelled(order: Order, name: str) -> dict[str, Any]:
    """name: of the cancellation."""
    return _common(order) | {
        "origClientOrderId": order.client_order_id,
        "clientOrderId": name,
        "transactTime": _ms(order.updated_at),
    }


def _one_of(kind: type[T], text: str, refused: Refused) -> T:
    try:
        return kind(text)  # type: ignore[call-arg]
    except ValueError:
        raise refused from None


def _amount(value: Decimal) -> str:
    """With 8 decimals, or all that it has."""
    return format(value, f".{max(PRECISION, fraction_digits(value))}f")


def _ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)
