"""AlphaPoint's wire in front of the venue, as Zipmex and NDAX speak it, in its HTTP form: everything under /AP/.

    GET  /AP/{Function}?omsId=1&…         POST /AP/{Function} with a JSON object; parameters in any case
    Nonce, APIKey, UserId, Signature      of everything but what is public:
                                          hex HMAC-SHA256(secret, Nonce + UserId + APIKey)

    public   GetInstruments, GetProducts, GetLevel1
    GET      GetUserAccounts, GetOrderStatus, GetOpenOrders, GetOrdersHistory, GetAccountTrades
    POST     SendOrder, CancelOrder

Errors come with HTTP 200: {"result": false, "errormsg": "Resource Not Found", "errorcode": 104, "detail": null}, and
SendOrder's own as {"status": "Rejected", "errormsg": "Not_Enough_Funds", "errorcode": 101}. Amounts are JSON numbers
with 28 decimals. ClientOrderId is not unique.

Not told by AlphaPoint, so our own reading: a function that is not there is 404 with code 104; a parameter that is
missing or of another kind is code 100 (amounts must be numbers, never text); the reasons of a rejection but
Not_Enough_Funds; an order that is over can not be cancelled (104); of an order that is over nothing is left
(Quantity 0); products are numbered as they are seen.

Source: github.com/alphapoint/slate @a17bbe4 (version 3.3), ccxt 4.5.90 ndax.py (samples of a living exchange).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from common.money import ROUNDING
from sandbox.exchange.faults import RETRY_AFTER_SECONDS, Fault, Faults, Operation
from sandbox.exchange.venue import (
    Kind,
    Order,
    Reason,
    Status,
    Symbol,
    TimeInForce,
    Trade,
    Venue,
    VenueRefused,
)
from sandbox.serving import Answer, NoSuchPath, Request

TRADES_MAX = 200  # of one answer, whatever Count says
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_TICKS = 621_355_968_000_000_000  # .NET's, since the year 1
_FINEST = Decimal(1).scaleb(-28)

_STATES = {
    Status.NEW: "Working",
    Status.PARTIALLY_FILLED: "Working",
    Status.FILLED: "FullyExecuted",
    Status.CANCELED: "Canceled",
    Status.REJECTED: "Rejected",
    Status.EXPIRED: "Expired",
}
_CHANGES = {
    Status.NEW: "NewInputAccepted",
    Status.PARTIALLY_FILLED: "Trade",
    Status.FILLED: "Trade",
    Status.CANCELED: "UserModified",
    Status.REJECTED: "OtherRejected",
    Status.EXPIRED: "Expired",
}
_REJECTIONS = {
    Reason.INSUFFICIENT_BALANCE: ("Not_Enough_Funds", 101),
    Reason.LOT_SIZE: ("Invalid_Quantity", 100),
    Reason.PRICE_FILTER: ("Invalid_Price", 100),
    Reason.MIN_NOTIONAL: ("Order_Value_Too_Small", 101),
    Reason.MAX_NUM_ORDERS: ("Exceeds_Max_Open_Orders", 101),
    Reason.WOULD_TAKE: ("Would_Take_Liquidity", 101),
    Reason.MARKET_CLOSED: ("Instrument_Not_Trading", 101),
}
_OPERATIONS = {
    "SendOrder": Operation.PLACE,
    "CancelOrder": Operation.CANCEL,
    "GetOrderStatus": Operation.ORDER,
    "GetOpenOrders": Operation.ORDER,
    "GetOrdersHistory": Operation.ORDER,
    "GetAccountTrades": Operation.ORDER,
}
_TIMES_IN_FORCE = {1: TimeInForce.GTC, 3: TimeInForce.IOC, 4: TimeInForce.FOK}
_LIMIT = 2  # OrderType

T = TypeVar("T")
Asked = Mapping[str, Any]  # parameters, their names in small letters


@dataclass(frozen=True)
class Credential:
    """An account's key on AlphaPoint's wire. `account` is the venue's name of it, the numbers are AlphaPoint's."""

    account: str
    api_key: str
    secret: str
    account_id: int = 1
    user_id: int = 1


class Refused(Exception):
    """A generic error, with HTTP 200 unless it says otherwise."""

    def __init__(self, code: int, message: str, status: int = 200) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def _unauthorized() -> Refused:
    return Refused(20, "Not Authorized")


def _not_found() -> Refused:
    return Refused(104, "Resource Not Found")


def _invalid(what: str = "Request") -> Refused:
    return Refused(100, f"Invalid {what}")


class AlphaPointFace:
    """`decide` answers requests under /AP/.

    one_in_array: answer GetOrderStatus with an array of one, as SLATE shows it; living exchanges tell the object.
    looks_unbooked: SendOrder is asynchronous: so many looks at an order find nothing after it has been accepted, and
        the lists leave it out so long.
    """

    def __init__(
        self,
        venue: Venue,
        credentials: Iterable[Credential],
        faults: Faults,
        *,
        oms_id: int = 1,
        one_in_array: bool = False,
        looks_unbooked: int = 0,
    ) -> None:
        self._venue = venue
        self._credentials = {credential.api_key: credential for credential in credentials}
        self._faults = faults
        self._oms_id = oms_id
        self._one_in_array = one_in_array
        self._looks_unbooked = looks_unbooked
        self._product_ids: dict[str, int] = {}
        self._unbooked: dict[int, int] = {}  # order id → looks that still find nothing
        self._public: dict[str, Callable[[Asked], Any]] = {
            "GetInstruments": self._instruments,
            "GetProducts": self._products_told,
            "GetLevel1": self._level1,
        }
        self._reading: dict[str, Callable[[Credential, Asked], Any]] = {
            "GetUserAccounts": lambda caller, _: [caller.account_id],
            "GetOrderStatus": self._order_status,
            "GetOpenOrders": self._open_orders,
            "GetOrdersHistory": self._orders_history,
            "GetAccountTrades": self._account_trades,
        }
        self._changing: dict[str, Callable[[Credential, Asked], Any]] = {
            "SendOrder": self._send_order,
            "CancelOrder": self._cancel_order,
        }

    def decide(self, request: Request) -> Answer:
        """Raises NoSuchPath; Hang, Drop, when a fault says so."""
        match request.path:
            case ["AP", function]:
                return self._faults.around(
                    _OPERATIONS.get(function, Operation.OTHER),
                    lambda: self._carried_out(function, request),
                    lambda fault: self._failed(function, fault, request),
                )
            case path:
                raise NoSuchPath(f"nothing answers /{'/'.join(path)} here; there is /AP/ and a function's name")

    def _carried_out(self, function: str, request: Request) -> Answer:
        try:
            return Answer(200, _json(self._answer(function, request)))
        except Refused as no:
            return Answer(no.status, _json(_no(no.code, no.message)))

    def _failed(self, function: str, fault: Fault, request: Request) -> Answer:
        """A fault that is an answer."""
        if fault is Fault.ANOTHER and function == "GetOrderStatus":
            caller, order_id = self._caller(request), _whole(_asked(request), "orderid")
            others = [order for order in self._booked(caller) if order.order_id != order_id]
            if others:
                return Answer(200, _json(self._told_orders(caller, others[:1])[0]))
        return _failed(function, fault)

    def _answer(self, function: str, request: Request) -> Any:
        method = "POST" if function in self._changing else "GET"
        if function not in {*self._public, *self._reading, *self._changing} or request.method != method:
            raise Refused(104, "Resource Not Found", status=404)
        asked = _asked(request)
        if function in self._public:
            return self._public[function](asked)
        caller = self._caller(request)
        if asked.get("omsid") != self._oms_id or asked.get("accountid", caller.account_id) != caller.account_id:
            raise _unauthorized()
        return (self._reading | self._changing)[function](caller, asked)

    def _caller(self, request: Request) -> Credential:
        nonce, key, user, signature = (
            request.headers.get(name, "") for name in ("Nonce", "APIKey", "UserId", "Signature")
        )
        caller = self._credentials.get(key)
        if caller is None or user != str(caller.user_id) or not (nonce.isascii() and nonce.isdigit()):
            raise _unauthorized()
        right = hmac.new(caller.secret.encode(), (nonce + user + key).encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right.encode(), signature.encode()):
            raise _unauthorized()
        return caller

    # Public

    def _instruments(self, _: Asked) -> list[dict[str, Any]]:
        products = self._products()
        return [
            {
                "OMSId": self._oms_id,
                "InstrumentId": symbol.symbol_id,
                "Symbol": symbol.name,
                "Product1": products[symbol.base],
                "Product1Symbol": symbol.base,
                "Product2": products[symbol.quote],
                "Product2Symbol": symbol.quote,
                "InstrumentType": "Standard",
                "VenueInstrumentId": symbol.symbol_id,
                "VenueId": 1,
                "SortIndex": 0,
                "SessionStatus": "Stopped" if self._venue.maintenance else "Running",
                "SelfTradePrevention": True,
                "QuantityIncrement": symbol.quantity_step,
                "PriceIncrement": symbol.price_step,
                "MinimumQuantity": symbol.min_quantity,
                "MinimumPrice": symbol.price_step,
                "VenueSymbol": symbol.name,
                "IsDisable": False,
            }
            for symbol in self._venue.symbols.values()
        ]

    def _products_told(self, _: Asked) -> list[dict[str, Any]]:
        return [
            {
                "OMSId": self._oms_id,
                "ProductId": product_id,
                "Product": asset,
                "ProductFullName": asset,
                "ProductType": "NationalCurrency" if asset == "USD" else "CryptoCurrency",
                "DecimalPlaces": 8,
                "TickSize": Decimal("0.00000001"),
                "NoFees": False,
                "IsDisabled": False,
            }
            for asset, product_id in self._products().items()
        ]

    def _level1(self, asked: Asked) -> dict[str, Any]:
        symbol = self._symbol(asked)
        bids, asks = self._venue.depth(symbol.name, 1)
        nobody = (Decimal(0), Decimal(0))
        bid, ask = next(iter(bids), nobody), next(iter(asks), nobody)
        return {
            "OMSId": self._oms_id,
            "InstrumentId": symbol.symbol_id,
            "BestBid": bid[0],
            "BidQty": bid[1],
            "BestOffer": ask[0],
            "AskQty": ask[1],
        }

    # Reading

    def _order_status(self, caller: Credential, asked: Asked) -> Any:
        order_id = _whole(asked, "orderid")
        booked = [order for order in self._booked(caller, order_id) if order.order_id == order_id]
        if not booked:
            raise _not_found()
        told = self._told_orders(caller, booked)
        return told if self._one_in_array else told[0]

    def _open_orders(self, caller: Credential, _: Asked) -> list[dict[str, Any]]:
        return self._told_orders(caller, [order for order in self._booked(caller) if not order.status.over])

    def _orders_history(self, caller: Credential, asked: Asked) -> list[dict[str, Any]]:
        orders = self._booked(caller)
        if asked.get("clientorderid"):
            orders = [order for order in orders if _number_of(order) == _whole(asked, "clientorderid")]
        if asked.get("originalorderid"):
            orders = [order for order in orders if order.order_id == _whole(asked, "originalorderid")]
        if asked.get("instrumentid"):
            orders = [order for order in orders if order.symbol == self._symbol(asked).name]
        return self._told_orders(caller, _page(orders, asked, "depth", len(orders)))

    def _account_trades(self, caller: Credential, asked: Asked) -> list[dict[str, Any]]:
        return self._told_trades(caller, _page(self._trades(caller), asked, "count", TRADES_MAX)[:TRADES_MAX])

    # Changing

    def _send_order(self, caller: Credential, asked: Asked) -> dict[str, Any]:
        symbol, side, number = self._symbol(asked), _whole(asked, "side"), _whole(asked, "clientorderid", 0)
        time_in_force = _TIMES_IN_FORCE.get(_whole(asked, "timeinforce"))
        if _whole(asked, "ordertype") != _LIMIT or time_in_force is None:
            raise Refused(106, "Operation Not Supported")
        if side not in (0, 1) or not 0 <= number < 2**63:
            raise _invalid()
        try:
            order = self._venue.place(
                caller.account,
                symbol.name,
                "SELL" if side else "BUY",
                Kind.LIMIT,
                quantity=_amount(asked, "quantity"),
                price=_amount(asked, "limitprice"),
                time_in_force=time_in_force,
                client_order_id=str(number) if number else "",
                dedupe=False,
            )
        except VenueRefused as refused:
            message, code = _REJECTIONS[refused.reason]
            return {"status": "Rejected", "errormsg": message, "errorcode": code}
        if self._looks_unbooked:
            self._unbooked[order.order_id] = self._looks_unbooked
        return {"status": "Accepted", "errormsg": "", "OrderId": order.order_id}

    def _cancel_order(self, caller: Credential, asked: Asked) -> dict[str, Any]:
        """By OrderId, or by ClOrderId: of several then the newest."""
        order_id, number = _whole(asked, "orderid", 0), _whole(asked, "clorderid", 0)
        for order in self._booked(caller, order_id):
            if not order.status.over and (order.order_id == order_id or (not order_id and _number_of(order) == number)):
                self._venue.cancel(caller.account, order.symbol, order_id=order.order_id)
                return _yes()
        raise _not_found()

    # What the venue knows, in AlphaPoint's words

    def _products(self) -> dict[str, int]:
        """Asset → ProductId, from the first time on that somebody could see it."""
        for symbol in self._venue.symbols.values():
            self._product(symbol.base)
            self._product(symbol.quote)
        return dict(self._product_ids)

    def _product(self, asset: str) -> int:
        with self._venue.lock:
            return self._product_ids.setdefault(asset, len(self._product_ids) + 1)

    def _symbol(self, asked: Asked) -> Symbol:
        instrument_id = _whole(asked, "instrumentid")
        for symbol in self._venue.symbols.values():
            if symbol.symbol_id == instrument_id:
                return symbol
        raise _invalid(f"InstrumentId: {instrument_id}")

    def _booked(self, caller: Credential, looking_at: int = 0) -> list[Order]:
        """The newest first, without those that SendOrder has accepted but that are not booked yet."""
        with self._venue.lock:
            orders = self._venue.history(caller.account)
            waiting = {order.order_id for order in orders} & self._unbooked.keys()
            for order_id in waiting if not looking_at else waiting & {looking_at}:
                self._unbooked[order_id] -= 1
                if self._unbooked[order_id] < 0:
                    del self._unbooked[order_id]
            return [order for order in orders if order.order_id not in self._unbooked]

    def _trades(self, caller: Credential) -> list[Trade]:
        trades = [t for name in self._venue.symbols for t in self._venue.trades(caller.account, name)]
        booked = (trade for trade in trades if trade.order_id not in self._unbooked)
        return sorted(booked, key=lambda trade: trade.trade_id, reverse=True)

    def _told_orders(self, caller: Credential, orders: Sequence[Order]) -> list[dict[str, Any]]:
        return [
            {
                "Side": order.side.capitalize(),
                "OrderId": order.order_id,
                "Price": order.price,
                "Quantity": Decimal(0) if order.status.over else order.quantity - order.executed,
                "DisplayQuantity": order.quantity,
                "Instrument": self._venue.symbols[order.symbol].symbol_id,
                "Account": caller.account_id,
                "AccountName": caller.account,
                "OrderType": "Limit",
                "ClientOrderId": _number_of(order),
                "OrderState": _STATES[order.status],
                "ReceiveTime": _milliseconds(order.at),
                "ReceiveTimeTicks": _EPOCH_TICKS + _milliseconds(order.at) * 10_000,
                "LastUpdatedTime": _milliseconds(order.updated_at),
                "LastUpdatedTimeTicks": _EPOCH_TICKS + _milliseconds(order.updated_at) * 10_000,
                "OrigQuantity": order.quantity,
                "QuantityExecuted": order.executed,
                "GrossValueExecuted": order.gross,
                "ExecutableValue": Decimal(0),
                "AvgPrice": ROUNDING.divide(order.gross, order.executed) if order.executed else Decimal(0),
                "CounterPartyId": 0,
                "ChangeReason": _CHANGES[order.status],
                "OrigOrderId": order.order_id,
                "OrigClOrdId": _number_of(order),
                "EnteredBy": caller.user_id,
                "UserName": caller.account,
                "IsQuote": False,
                "RejectReason": order.reason if order.status is Status.REJECTED else "",
                "IsLockedIn": False,
                "CancelReason": "UserModified" if order.status is Status.CANCELED else "",
                "OMSId": self._oms_id,
            }
            for order in orders
        ]

    def _told_trades(self, caller: Credential, trades: Sequence[Trade]) -> list[dict[str, Any]]:
        orders = {order.order_id: order for order in self._venue.history(caller.account)}
        return [
            {
                "OMSId": self._oms_id,
                "ExecutionId": trade.trade_id * 2 + trade.maker,
                "TradeId": trade.trade_id,
                "OrderId": trade.order_id,
                "AccountId": caller.account_id,
                "AccountName": caller.account,
                "SubAccountId": 0,
                "ClientOrderId": _number_of(orders[trade.order_id]),
                "InstrumentId": self._venue.symbols[trade.symbol].symbol_id,
                "Side": trade.side.capitalize(),
                "OrderType": "Limit",
                "Quantity": trade.quantity,
                "RemainingQuantity": Decimal(0),
                "Price": trade.price,
                "Value": trade.quote_quantity,
                "CounterParty": "0",
                "OrderTradeRevision": 1,
                "Direction": "NoChange",
                "IsBlockTrade": False,
                "Fee": trade.fee,
                "FeeProductId": self._product(trade.fee_asset),
                "OrderOriginator": caller.user_id,
                "UserName": caller.account,
                "TradeTimeMS": _milliseconds(trade.at),
                "MakerTaker": "Maker" if trade.maker else "Taker",
                "TradeTime": _EPOCH_TICKS + _milliseconds(trade.at) * 10_000,
            }
            for trade in trades
        ]


def _failed(function: str, fault: Fault) -> Answer:
    """The faults that are an answer. AlphaPoint tells nothing of its words for the last two."""
    match fault:
        case Fault.REFUSE if function == "SendOrder":
            return Answer(200, _json({"status": "Rejected", "errormsg": "Operation Failed", "errorcode": 101}))
        case Fault.REFUSE:
            return Answer(200, _json(_no(101, "Operation Failed")))
        case Fault.SERVER_ERROR:
            return Answer(500, _json(_no(102, "Server Error")))
        case Fault.RATE_LIMIT:
            headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
            return Answer(429, _json(_no(101, "Too Many Requests")), headers)
        case _:
            return Answer(503, _json(_no(102, "Under Maintenance")))


def _no(code: int, message: str) -> dict[str, Any]:
    return {"result": False, "errormsg": message, "errorcode": code, "detail": None}


def _yes() -> dict[str, Any]:
    return {"result": True, "errormsg": None, "errorcode": 0, "detail": None}


def _asked(request: Request) -> Asked:
    """The parameters. Those in a query are text, and numbers where they look like one."""
    if request.method == "GET":
        pairs = parse_qsl(request.query, keep_blank_values=True)
        return {name.lower(): int(v) if v.isascii() and v.isdigit() and len(v) < 20 else v for name, v in pairs}
    try:
        asked = json.loads(request.body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise _invalid() from None
    if not isinstance(asked, dict):
        raise _invalid()
    return {name.lower(): value for name, value in asked.items()}


def _whole(asked: Asked, name: str, otherwise: int | None = None) -> int:
    value = asked.get(name, otherwise)
    if type(value) is not int:  # True is one
        raise _invalid()
    return value


def _amount(asked: Asked, name: str) -> Decimal:
    value = asked.get(name)
    if type(value) is int:
        value = Decimal(value)
    if not isinstance(value, Decimal) or not 0 < value < 10**18:
        raise _invalid()
    return value


def _count(asked: Asked, name: str, otherwise: int) -> int:
    return _whole(asked, name) if asked.get(name) else otherwise


def _page(entries: list[T], asked: Asked, size: str, otherwise: int) -> list[T]:
    first = _count(asked, "startindex", 0)
    return entries[first : first + _count(asked, size, otherwise)]


def _number_of(order: Order) -> int:
    """ClientOrderId: 0 for an order that came without, or by another wire."""
    number = order.client_order_id
    return int(number) if number.isascii() and number.isdigit() else 0


def _milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def _json(value: Any) -> str:
    """By hand: json.dumps would take a Decimal only by way of a float."""
    match value:
        case Decimal():
            return f"{value.quantize(_FINEST, ROUND_HALF_EVEN, ROUNDING):f}"
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{_json(member)}" for name, member in value.items()) + "}"
        case list():
            return "[" + ",".join(map(_json, value)) + "]"
        case _:
            return json.dumps(value)
