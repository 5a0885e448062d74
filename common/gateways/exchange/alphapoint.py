"""Orders at an exchange that runs AlphaPoint's APEX, as Zipmex did, over its HTTP form.

    {base_url}/{Function}?name=value        GET, for what only reads
    {base_url}/{Function}                   POST, a JSON object, for what changes something
    Nonce: 1767225600000                    milliseconds, ascending
    APIKey: …, UserId: 446
    Signature: …                            hex HMAC-SHA256(secret, Nonce + UserId + APIKey); the body is not in it

    SendOrder         {InstrumentId, OMSId, AccountId, TimeInForce 1 (GTC), ClientOrderId, OrderIdOCO 0,
                       UseDisplayQuantity false, Side 0 | 1 (sell), Quantity, OrderType 2 (limit), LimitPrice}
                      {"status": "Accepted", "errormsg": "", "OrderId": 2543565231}: not filled, perhaps not booked
                      {"status": "Rejected", "errormsg": "Not_Enough_Funds", "errorcode": 101}
    CancelOrder       {OMSId, AccountId, OrderId}: a generic answer, which says that it was received
    GetOrderStatus    OMSId, AccountId, OrderId: an order, in some versions an array of one
    GetOpenOrders     OMSId, AccountId: all that are open
    GetOrdersHistory  OMSId, AccountId, ClientOrderId | OriginalOrderId, Depth, StartIndex: the newest first
    GetAccountTrades  OMSId, AccountId, StartIndex, Count (at most 200): the newest first
    GetInstruments, GetProducts   OMSId; public, so without the four headers
    GetLevel1         OMSId, InstrumentId; public: BestBid, BestOffer, 0 where there is none

    an order          OrderId, ClientOrderId, Account, Instrument, Side "Buy" | "Sell", OrderState, OrigQuantity,
                      Quantity (what is left of it), QuantityExecuted, GrossValueExecuted (quote, before fees),
                      ReceiveTime (milliseconds)
    a trade           TradeId, OrderId, ClientOrderId, Quantity, Fee, FeeProductId, TradeTimeMS
    an instrument     InstrumentId, Product1, Product1Symbol (what is sold), Product2, Product2Symbol (for what),
                      QuantityIncrement, PriceIncrement, MinimumQuantity, SessionStatus, IsDisable
    a product         ProductId, Product (its symbol)
    a generic answer  {"result": false, "errormsg": "Resource Not Found", "errorcode": 104, "detail": null}
                      as all errors, with HTTP 200

Numbers are JSON numbers with up to 28 decimals, names come in any case. ClientOrderId is a number, **not unique**: the
exchange takes a repeat for a second order. GetOrderHistory, without the s, is not used: in version 3.3 it takes neither
ClientOrderId nor Depth and StartIndex, so it can not be read in pieces.

Source of the wire format: github.com/alphapoint/slate @a17bbe4 (version 3.3), ccxt 4.5.90 ndax.py.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from threading import Lock
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from common.clock import now
from common.errors import Refusal
from common.gateways.exchange import (
    ExchangeOrderUnknown,
    ExchangeRefused,
    ExchangeUnavailable,
    MarketUnknown,
    OrderReport,
    Reports,
    Side,
    State,
    Ticker,
    Ticket,
    can_be_told,
    not_believed,
)
from common.gateways.transport import Answer, NoAnswer, NotSent, Transport, header_value
from common.market import MarketRules
from common.money import EXACT, ZERO, Money, Price, Quantity, fraction_digits, plain

OPERATION_SECONDS_MAX = 12.0  # what `NEVER_PLACED_SECONDS` of the port reckons with
PAGE = 200  # orders or trades
PAGES_MAX = 25
INSTRUMENTS_AGE_MAX = timedelta(minutes=10)
BODY_BYTES_MAX = 4 * 1024 * 1024  # a page of orders is about 250 KiB, and open orders come in one answer
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 24 * 60 * 60 * 1000
_INT64_MAX = Decimal(2**63 - 1)
_DIGITS_MAX = 28  # on either side of the point

# Accepted and Unknown are seen before the matching engine has booked an order.
_STATES = {
    "Unknown": State.WORKING,
    "Accepted": State.WORKING,
    "Working": State.WORKING,
    "Rejected": State.REJECTED,
    "Canceled": State.CANCELED,
    "Expired": State.EXPIRED,
    "FullyExecuted": State.FULLY_EXECUTED,
}

Entry = Mapping[str, Any]  # a JSON object, its names in small letters, its numbers Decimals


class _NotAnswered(Exception):
    """An HTTP status other than 200."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.status = answer.status
        self.retry_after_seconds = answer.retry_after_seconds


class _Said(Exception):
    """A no with HTTP 200."""

    def __init__(self, answer: Entry) -> None:
        code, message = answer.get("errorcode"), answer.get("errormsg")
        self.code = code if isinstance(code, Decimal) else None
        self.message = "".join(filter(str.isprintable, message))[:200] if isinstance(message, str) else ""
        self.status = answer.get("status")
        self.order_id = answer.get("orderid")
        super().__init__(f"{self.message or 'no reason given'} ({self.code})")


@dataclass(frozen=True)
class _Listing:
    """The exchange's instruments and products at one time."""

    at: datetime
    instruments: Mapping[int, Entry]
    products: dict[int, str]  # id → symbol: those of the instruments, and what else was asked for


class AlphaPointTickers:
    """The port `Tickers`, kept by an AlphaPoint exchange: what it tells anybody, without a key.

    base_url: up to and with `/AP`, for example https://apws.zipmex.com:8443/AP
    quote: the product that counts as dollars, "USDT" or "USD".
    connect_seconds, read_seconds: of one call. Every method ends within OPERATION_SECONDS_MAX, however many calls it
        makes and whatever holds them up (`common.gateways.transport`).
    clock: aware times; for the age of the instruments. monotonic: for the time that is left.

    Raises ValueError for a base_url or time-out that can not be one.
    """

    def __init__(
        self,
        base_url: str,
        *,
        oms_id: int = 1,
        quote: str = "USDT",
        connect_seconds: float = 1.0,
        read_seconds: float = 3.0,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if connect_seconds + read_seconds > OPERATION_SECONDS_MAX:
            raise ValueError(f"connect_seconds + read_seconds must be within {OPERATION_SECONDS_MAX:g} s")
        self._transport = Transport(
            base_url,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            body_bytes_max=BODY_BYTES_MAX,
        )
        self._oms = {"OMSId": oms_id}
        self._quote = quote
        self._clock = clock
        self._monotonic = monotonic
        self._listing: _Listing | None = None

    def ticker(self, asset_id: str) -> Ticker:
        """See `Tickers.ticker`."""
        until = self._until()
        self._listing = None  # a market that has closed in the last minutes has no ticker
        instrument_id = _id(self._market(asset_id, until), "InstrumentId")
        told = self._ask("GetLevel1", self._oms | {"InstrumentId": instrument_id}, until)
        if not isinstance(told, dict) or _id(told, "InstrumentId") != instrument_id:
            raise _garbled("a ticker that was not asked for")
        bid, ask = _amount(told, "BestBid"), _amount(told, "BestOffer")
        if not bid or not ask:
            raise MarketUnknown(f"nobody buys, or nobody sells, {asset_id} at the exchange now", asset_id=asset_id)
        return Ticker(Price(bid), Price(ask))

    def _market(self, asset_id: str, until: float) -> Entry:
        """The instrument in which the asset is traded. Raises MarketUnknown."""
        for entry in self._listed(until).instruments.values():
            running = entry.get("sessionstatus") == "Running" and entry.get("isdisable") is not True
            if running and _pair(entry) == (asset_id, self._quote):
                return entry
        raise MarketUnknown(f"{asset_id} is not traded for {self._quote} at the exchange now", asset_id=asset_id)

    def _listed(self, until: float) -> _Listing:
        if self._listing is None or self._clock() - self._listing.at > INSTRUMENTS_AGE_MAX:
            at = self._clock()
            told = _array(self._ask("GetInstruments", self._oms, until))
            entries = [entry for entry in told if all(_pair(entry))]  # blanks have no symbols
            products = {_id(e, "Product1"): e["product1symbol"] for e in entries}
            products |= {_id(e, "Product2"): e["product2symbol"] for e in entries}
            self._listing = _Listing(at, {_id(e, "InstrumentId"): e for e in entries}, products)
        return self._listing

    # The wire

    def _until(self) -> float:
        """When the operation that begins now is over."""
        return self._monotonic() + OPERATION_SECONDS_MAX

    def _ask(
        self,
        function: str,
        asked: Mapping[str, Any],
        until: float,
        signature: Mapping[str, str] = MappingProxyType({}),
        *,
        post: bool = False,
    ) -> Any:
        """One call and its answer. Raises what `_in_our_words` says."""
        try:
            answer = _parsed(self._send(function, asked, until, signature, post))
            if isinstance(answer, dict) and (answer.get("result") is False or answer.get("status") == "Rejected"):
                raise _Said(answer)
        except (NoAnswer, _NotAnswered, _Said) as trouble:
            raise _in_our_words(function, trouble) from trouble
        return answer

    def _send(
        self, function: str, asked: Mapping[str, Any], until: float, signature: Mapping[str, str], post: bool
    ) -> Answer:
        """Raises NoAnswer, _NotAnswered."""
        answer = self._transport.ask(
            "POST" if post else "GET",
            f"{self._transport.path}/{function}" + ("" if post else f"?{urlencode(asked)}"),
            {**signature, "Content-Type": "application/json"} if post else signature,
            _written(asked) if post else None,
            seconds=until - self._monotonic(),
            believed={200},
        )
        if answer.status != 200:
            raise _NotAnswered(answer)
        return answer


class AlphaPointExchange(AlphaPointTickers):
    """The port `Exchange`, kept by an AlphaPoint exchange.

    oms_id, account_id, user_id: the numbers that the exchange knows us by.
    clock: for the nonce, too.

    A found order bears the client order id that it was found by, since it bears that id's number; one that was asked
    for by the exchange's id bears none, as there is no way back from a number. Min notional is 0: there is none here.

    Raises ValueError for a base_url, key or time-out that can not be one.
    """

    name = "alphapoint"

    def __init__(
        self,
        base_url: str,
        *,
        oms_id: int,
        account_id: int,
        user_id: int,
        api_key: str,
        secret: str,
        quote: str = "USDT",
        connect_seconds: float = 1.0,
        read_seconds: float = 3.0,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not secret:
            raise ValueError("the exchange's secret is empty")
        super().__init__(
            base_url,
            oms_id=oms_id,
            quote=quote,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            clock=clock,
            monotonic=monotonic,
        )
        self._ours = self._oms | {"AccountId": account_id}
        self._account_id = account_id
        self._user_id = str(user_id)
        self._api_key = header_value("the exchange's API key", api_key)
        self._secret = secret.encode()
        self._nonce = 0
        self._nonce_lock = Lock()

    def rules(self, asset_id: str) -> MarketRules:
        """See `Exchange.rules`."""
        return _rules(self._market(asset_id, self._until()))

    def place(self, ticket: Ticket) -> str:
        """See `Exchange.place`. An amount that is no multiple of its step is refused here: the exchange might round."""
        until = self._until()
        quantity, price = ticket.quantity.amount, ticket.limit_price.usd_per_unit
        market = self._market(ticket.quantity.asset_id, until)
        rules = _rules(market)
        for name, value, step in (("quantity", quantity, rules.quantity_step), ("price", price, rules.price_step)):
            if value <= 0 or EXACT.remainder(value, step):
                wrong = f"the {name} {plain(value)} is not a multiple of {plain(step)}; nothing was sent"
                raise ExchangeRefused(wrong, ours=False)
        order = self._ours | {
            "InstrumentId": _id(market, "InstrumentId"),
            "TimeInForce": 1,
            "ClientOrderId": client_order_number(ticket.client_order_id),
            "OrderIdOCO": 0,
            "UseDisplayQuantity": False,
            "Side": 0 if ticket.side is Side.BUY else 1,
            "Quantity": quantity,
            "OrderType": 2,
            "LimitPrice": price,
        }
        try:
            answer = self._ask_as_us("SendOrder", order, until, post=True)
        except ExchangeRefused:
            self._listing = None  # a market that has closed meanwhile is MarketUnknown
            with suppress(ExchangeUnavailable):
                self._market(ticket.quantity.asset_id, until)
            raise
        if not isinstance(answer, dict) or answer.get("status") != "Accepted":
            raise _garbled("neither Accepted nor Rejected")
        return str(_id(answer, "OrderId"))

    def order(self, asset_id: str, exchange_order_id: str) -> OrderReport:
        """See `Exchange.order`."""
        until = self._until()
        return self._exchange_order(asset_id, self._known(exchange_order_id, until), None, until)

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        """See `Exchange.find`.

        An order is first among the open ones and then in the history. The adapter reads them in this order, so that no
        order slips through. An order may be booked after the first look: so the open orders are read once more at the
        end. An order may have left the open ones and not have reached the history: then one of the last 200 trades is
        its. The exchange keeps its history for as long as it likes.
        """
        until = self._until()
        number = client_order_number(client_order_id)

        entry = _only(number, self._open(until))
        if entry is None:
            pages = self._pages("GetOrdersHistory", {"ClientOrderId": number, "Depth": PAGE}, until)  # or not filtered
            entry = next(filter(None, (_only(number, page) for page in pages)), None)
        if entry is None:
            trade = _only(number, self._entries("GetAccountTrades", {"StartIndex": 0, "Count": PAGE}, until))
            entry = trade and self._traded(trade, number, until)
        if entry is None:
            entry = _only(number, self._open(until))
        if entry is None:
            raise ExchangeOrderUnknown(
                "the exchange has no order of that id, neither open nor over", client_order_id=client_order_id
            )
        return self._exchange_order(asset_id, entry, client_order_id, until)

    def cancel(self, asset_id: str, exchange_order_id: str) -> None:
        """See `Exchange.cancel`. A refused cancellation is no error when the order is over."""
        until = self._until()
        before = self._known(exchange_order_id, until)
        self._in_market(asset_id, before, until)
        if _state(before) is not State.WORKING:
            return
        try:
            answer = self._ask_as_us("CancelOrder", self._ours | {"OrderId": _id(before, "OrderId")}, until, post=True)
            if not isinstance(answer, dict) or answer.get("result") is not True:
                raise _garbled("neither yes nor no")
        except ExchangeUnavailable as trouble:
            refused = isinstance(trouble.__cause__, _Said)
            if not refused or _state(self._known(exchange_order_id, until)) is State.WORKING:
                raise

    def orders(self, asset_id: str, day: date, after: str | None = None) -> Reports:
        """See `Exchange.orders`. Those that are open come first, then the history, the newest first: a place in it is
        how many of its orders, and how many trades, are read. What is new meanwhile pushes the rest back: an order may
        come twice."""
        until = self._until()
        if not any(_pair(entry) == (asset_id, self._quote) for entry in self._listed(until).instruments.values()):
            raise MarketUnknown(f"{asset_id} is not traded for {self._quote} at the exchange", asset_id=asset_id)
        begin = (datetime.combine(day, datetime.min.time(), UTC) - _EPOCH) // timedelta(milliseconds=1)
        orders, trades = (int(place) for place in (after or "0 0").split(" "))
        open_ = self._open(until) if after is None else []
        page = self._entries("GetOrdersHistory", {"Depth": PAGE, "StartIndex": orders}, until)
        placed = [*open_, *(entry for entry in page if _state(entry) is not State.WORKING)]
        mine = [
            entry
            for entry in placed
            if begin <= _number(entry, "ReceiveTime") < begin + _DAY_MS and self._is_of(asset_id, entry, until)
        ]
        reports = {_id(entry, "OrderId"): _report(entry, asset_id, None, self._account_id) for entry in mine}
        executed = {order_id: report.executed.amount for order_id, report in reports.items()}
        traded = lambda place: self._entries("GetAccountTrades", {"Count": PAGE, "StartIndex": place}, until)  # noqa: E731
        charged, trades = _fees_together(executed, traded, trades, begin)
        items = [self._charged(report, charged[order_id], until) for order_id, report in reports.items()]
        is_all = not page or _number(page[-1], "ReceiveTime") < begin
        return Reports(items, None if is_all else f"{orders + len(page)} {trades}")

    # What the exchange tells

    def _charged(self, report: OrderReport, fees: Mapping[int, Decimal], until: float) -> OrderReport:
        named = {self._product(product, until): fee for product, fee in fees.items()}
        return replace(report, fee=Money(named.pop(self._quote, Decimal(0))), fees_elsewhere=named)

    def _is_of(self, asset_id: str, entry: Entry, until: float) -> bool:
        try:
            self._in_market(asset_id, entry, until)
        except ExchangeOrderUnknown:
            return False
        return True

    def _in_market(self, asset_id: str, entry: Entry, until: float) -> Entry:
        """The instrument of an order, also one that is closed. Raises ExchangeOrderUnknown: it is another asset's."""
        instrument = self._listed(until).instruments.get(_id(entry, "Instrument"))
        if instrument is None:
            raise _garbled("an order in an instrument that is not listed")
        if _pair(instrument) != (asset_id, self._quote):
            raise ExchangeOrderUnknown(f"the order is not one in {asset_id}", asset_id=asset_id)
        return instrument

    def _open(self, until: float) -> list[Entry]:
        return self._entries("GetOpenOrders", {}, until)

    def _status(self, exchange_order_id: str, until: float) -> Entry:
        """Raises ExchangeOrderUnknown."""
        number = _order_number(exchange_order_id)
        answer = self._ask_as_us("GetOrderStatus", self._ours | {"OrderId": number}, until)
        entries = _array(answer if isinstance(answer, list) else [answer])
        if len(entries) != 1:
            raise _garbled("not one order")
        if _id(entries[0], "OrderId") != number:
            raise not_believed(f"asked for order {number}, told of {_id(entries[0], 'OrderId')}")
        return entries[0]

    def _known(self, exchange_order_id: str, until: float) -> Entry:
        """An order, also one that GetOrderStatus has forgotten and the history has not. Raises ExchangeOrderUnknown."""
        try:
            return self._status(exchange_order_id, until)
        except ExchangeOrderUnknown:
            number = _order_number(exchange_order_id)
            pages = self._pages("GetOrdersHistory", {"OriginalOrderId": number, "Depth": PAGE}, until)
            for entry in (entry for page in pages for entry in page if _id(entry, "OrderId") == number):
                return entry
            raise

    def _traded(self, trade: Entry, number: int, until: float) -> Entry:
        """The order of a trade. That it exists is certain: so it is never unknown."""
        try:
            entry = self._status(str(_id(trade, "OrderId")), until)
        except ExchangeOrderUnknown as lost:
            raise _garbled("a trade of an order that it does not know") from lost
        if _number(entry, "ClientOrderId") != number:
            raise not_believed(f"asked for ClientOrderId {number}, told of {_number(entry, 'ClientOrderId')}")
        return entry

    def _exchange_order(self, asset_id: str, entry: Entry, client_order_id: str | None, until: float) -> OrderReport:
        """An order in our words. Raises ExchangeOrderUnknown when it is another asset's."""
        instrument = self._in_market(asset_id, entry, until)
        report = _report(entry, asset_id, client_order_id, self._account_id)
        fees = _fees(self._trades(_id(entry, "OrderId"), report.executed.amount, until))
        return replace(
            report,
            fee=Money(fees.pop(_id(instrument, "Product2"), Decimal(0))),
            fees_elsewhere={self._product(product, until): fee for product, fee in fees.items()},
        )

    def _trades(self, order_id: int, executed: Decimal, until: float) -> Iterable[Entry]:
        """The order's trades, once these make up what was executed."""
        trades: dict[int, Entry] = {}
        pages = self._pages("GetAccountTrades", {"Count": PAGE}, until)
        while (traded := _total(_told(trade, "Quantity") for trade in trades.values())) < executed:
            page = next(pages, [])
            if not page:
                break
            trades |= {_id(trade, "TradeId"): trade for trade in page if _id(trade, "OrderId") == order_id}
        if traded != executed:
            raise ExchangeUnavailable(
                "the order's state and its trades at the exchange do not agree yet; ask again", what="unsettled"
            )
        return trades.values()

    def _product(self, product_id: int, until: float) -> str:
        """Its symbol. A fee may be in a product that is traded nowhere."""
        products = self._listed(until).products
        if product_id not in products:
            told = _array(self._ask("GetProducts", self._oms, until))
            products |= {_id(entry, "ProductId"): str(entry.get("product")) for entry in told}
        return products.get(product_id, str(product_id))

    def _pages(self, function: str, asked: dict[str, int], until: float) -> Iterator[list[Entry]]:
        """Pages, the newest entries first, up to an empty one: a short page may be the exchange's own limit.

        What is new meanwhile pushes the rest back, so an entry may come twice, but none is left out.
        Raises ExchangeUnavailable when there is no end, so that nothing is taken for all.
        """
        read = 0
        seen: set[Any] = set()
        for _ in range(PAGES_MAX):
            page = self._entries(function, {**asked, "StartIndex": read}, until)
            if not page:
                return
            keys = {(entry.get("orderid"), entry.get("tradeid")) for entry in page}
            if keys <= seen:
                raise _garbled(f"{function} tells the same page for ever")
            seen |= keys
            read += len(page)
            yield page
        raise ExchangeUnavailable(f"{function} has more than {PAGES_MAX} pages: not read to its end", what="too_much")

    # The wire

    def _entries(self, function: str, asked: dict[str, int], until: float) -> list[Entry]:
        return _array(self._ask_as_us(function, self._ours | asked, until))

    def _ask_as_us(self, function: str, asked: Mapping[str, Any], until: float, *, post: bool = False) -> Any:
        """One signed call and its answer."""
        return self._ask(function, asked, until, self._signature(), post=post)

    def _signature(self) -> dict[str, str]:
        with self._nonce_lock:
            self._nonce = max(self._nonce + 1, (self._clock() - _EPOCH) // timedelta(milliseconds=1))
            nonce = str(self._nonce)
        signed = (nonce + self._user_id + self._api_key).encode()
        signature = hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        return {"Nonce": nonce, "APIKey": self._api_key, "Signature": signature, "UserId": self._user_id}


def client_order_number(client_order_id: str) -> int:
    """AlphaPoint's ClientOrderId for one of ours: the first 63 bits of its SHA-256, which an int64 holds.

    Never 0, which stands for none. There is no way back from it.
    """
    return int.from_bytes(hashlib.sha256(client_order_id.encode()).digest()[:8]) >> 1 or 1


def _order_number(exchange_order_id: str) -> int:
    """AlphaPoint's OrderId. Raises ExchangeOrderUnknown: it can not be one."""
    number = exchange_order_id if exchange_order_id.isascii() and exchange_order_id.isdigit() else "0"
    if len(number) > 19 or not 0 < int(number) < 2**63:
        raise ExchangeOrderUnknown("the exchange's order ids are numbers", exchange_order_id=exchange_order_id)
    return int(number)


def _written(asked: Mapping[str, Any]) -> bytes:
    """A JSON object of numbers and booleans. By hand: json.dumps would take a Decimal only by way of a float."""
    told = {name: plain(value) if isinstance(value, Decimal) else json.dumps(value) for name, value in asked.items()}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in told.items()) + "}").encode()


def _parsed(answer: Answer) -> Any:
    """JSON, with Decimals for its numbers and names in small letters."""
    if answer.is_page:
        raise _garbled("a web page")
    try:
        return json.loads(
            answer.body,
            parse_float=Decimal,
            parse_int=Decimal,
            object_pairs_hook=lambda pairs: {name.lower(): value for name, value in pairs},
        )
    except (ValueError, ArithmeticError, RecursionError) as unreadable:  # Decimal's: an exponent beyond any number
        raise _garbled("not JSON") from unreadable


def _array(answer: Any) -> list[Entry]:
    if not isinstance(answer, list) or not all(isinstance(entry, dict) for entry in answer):
        raise _garbled("not an array of objects")
    return answer


def _only(number: int, entries: list[Entry]) -> Entry | None:
    """The one order among these that bears our number."""
    ours = {_id(entry, "OrderId"): entry for entry in entries if _number(entry, "ClientOrderId") == number}
    if len(ours) > 1:  # to take either for the other would lose one
        raise ExchangeUnavailable(
            "the exchange has several orders with one ClientOrderId: an operator must look at them",
            what="twice",
            exchange_order_ids=[str(order_id) for order_id in ours],
        )
    return next(iter(ours.values()), None)


def _rules(instrument: Entry) -> MarketRules:
    quantity_step, price_step = _amount(instrument, "QuantityIncrement"), _amount(instrument, "PriceIncrement")
    if not quantity_step or not price_step:
        raise _garbled("an increment is zero")
    told = instrument.get("minimumquantity") is not None  # not by version 3.3
    min_quantity = _amount(instrument, "MinimumQuantity") if told else Decimal(0)
    return MarketRules(quantity_step, price_step, min_quantity, min_notional=ZERO)


def _report(entry: Entry, asset_id: str, client_order_id: str | None, account_id: int) -> OrderReport:
    """An order in our words, without its fees: those are its trades'."""
    order_id, account = _id(entry, "OrderId"), _id(entry, "Account")
    state, side = _state(entry), entry.get("side")
    whole, executed, gross = (_told(entry, n) for n in ("OrigQuantity", "QuantityExecuted", "GrossValueExecuted"))
    if side not in ("Buy", "Sell"):
        raise _garbled("an order of no side")
    if account != account_id:
        raise not_believed(f"order {order_id} is of account {account}, which is not ours")
    if executed > whole or (executed > 0) != (gross > 0) or (state is State.FULLY_EXECUTED and executed != whole):
        raise not_believed(f"order {order_id} of {whole}, {executed} executed for {gross}, that is {state}")
    return OrderReport(
        exchange_order_id=str(order_id),
        client_order_id=client_order_id,
        side=Side.BUY if side == "Buy" else Side.SELL,
        quantity=Quantity(whole, asset_id),
        state=state,
        executed=Quantity(executed, asset_id),
        gross=Money(gross),
        fee=ZERO,
    )


def _fees(trades: Iterable[Entry]) -> dict[int, Decimal]:
    """Product id → the fees of these trades in it."""
    fees: dict[int, Decimal] = {}
    for trade in trades:
        if fee := _told(trade, "Fee", signed=True):
            product = _id(trade, "FeeProductId")
            fees[product] = EXACT.add(fees.get(product, Decimal(0)), fee)
    return fees


def _fees_together(
    executed: Mapping[int, Decimal], page_at: Callable[[int], list[Entry]], behind: int, since_ms: int
) -> tuple[dict[int, dict[int, Decimal]], int]:
    """The fees of orders, by product, once their trades make up what was executed; and where the page of trades begins
    that told of the last one. Trades come the newest first: they are read from a place on, to those that are older than
    `since_ms`, and, where that is not all, from the newest on."""
    for begin in dict.fromkeys((behind, 0)):
        left, seen, at, place = dict(executed), set[int](), begin, begin
        fees: dict[int, dict[int, Decimal]] = {order_id: {} for order_id in executed}
        for _ in range(PAGES_MAX):
            if not any(left.values()):
                return fees, at
            page = page_at(place)
            for trade in page:
                trade_id, order_id = _id(trade, "TradeId"), _id(trade, "OrderId")
                if order_id in left and trade_id not in seen:
                    seen.add(trade_id)
                    left[order_id] = EXACT.subtract(left[order_id], _told(trade, "Quantity"))
                    for product, fee in _fees([trade]).items():
                        fees[order_id][product] = EXACT.add(fees[order_id].get(product, Decimal(0)), fee)
            if not page or _number(page[-1], "TradeTimeMS") < since_ms:
                break
            at, place = place, place + len(page)
        if not any(left.values()):
            return fees, at
    raise ExchangeUnavailable(
        "orders of a day and their trades at the exchange do not agree yet; ask again", what="unsettled"
    )


def _pair(instrument: Entry) -> tuple[Any, Any]:
    return instrument.get("product1symbol"), instrument.get("product2symbol")


def _number(entry: Entry, name: str) -> Decimal:
    """Any number. NaN and Infinity, which Python takes for JSON, come as floats: refused."""
    value = entry.get(name.lower())
    if not isinstance(value, Decimal):
        raise _garbled(f"{name} is not a number")
    if not value:
        return Decimal(0)
    if not -_DIGITS_MAX <= value.adjusted() < _DIGITS_MAX or fraction_digits(value) > _DIGITS_MAX:
        raise _garbled(f"{name} has more than {_DIGITS_MAX} digits before or after its point")
    return Decimal(plain(value))


def _amount(entry: Entry, name: str) -> Decimal:
    """A number that is not negative."""
    value = _number(entry, name)
    if value < 0:
        raise _garbled(f"{name} is negative")
    return value


def _told(entry: Entry, name: str, *, signed: bool = False) -> Decimal:
    """An amount of an order or a trade; one that can not be is not believed."""
    value = entry.get(name.lower())
    if isinstance(value, float) or (isinstance(value, Decimal) and not can_be_told(value)):  # floats: NaN, Infinity
        raise not_believed(f"{name} is {str(value)[:80]}")
    number = _number(entry, name)
    if number < 0 and not signed:
        raise not_believed(f"{name} is {plain(number)}")
    return number


def _id(entry: Entry, name: str) -> int:
    value = _number(entry, name)
    if value != value.to_integral_value() or not 0 < value <= _INT64_MAX:
        raise _garbled(f"{name} is not an id")
    return int(value)


def _state(entry: Entry) -> State:
    state = entry.get("orderstate")
    if not isinstance(state, str) or state not in _STATES:
        raise _garbled("an order in a state that we do not know")
    return _STATES[state]


def _total(numbers: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, numbers, Decimal(0))


def _garbled(why: str) -> ExchangeUnavailable:
    return ExchangeUnavailable(f"the exchange's answer can not be read: {why}", what="garbage")


def _in_our_words(function: str, trouble: NoAnswer | _NotAnswered | _Said) -> Refusal:
    """The one place where their errors become ours.

    After SendOrder only what can not go together with an order is ExchangeRefused. To call something unknown that was
    a no costs a minute, until `find` has not found it; to call something a no that was an order costs its value.

    **The order was rejected**, by `status` and without an order id. That is the verdict on this order, so definite with
        20   Not Authorized            this account may not trade that
        100  Invalid Request           but not "Invalid Response", which AlphaPoint's documents also give to 100: then
                                       somebody behind the gate did answer, and nobody knows what
        101  Operation Failed          Not_Enough_Funds and its like: `ours`, as is 20
        104  Resource Not Found        no such instrument or account
        106  Operation Not Supported
    and not with 102 Server Error, another code or none: what failed, and when, is not said.

    **The call was refused** (`result` false): that says nothing of an order. Definite only where nobody can have looked
    at the order: 106, and 100 when it begins with "Invalid Request" or "Invalid InstrumentId". Not with
        20         our key or nonce. A proxy that sends a request once more, with the same nonce, may bring it about
                   when the order is there
        101, 102   what failed, and when, is not said
        104        after SendOrder it can also mean "not processed yet"

    **HTTP other than 200** is never definite. APEX tells its errors with 200, so these are a proxy's, or a fault, and
    400 to 404 may be the answer to a request that was sent twice. Nor is a time-out, a broken connection, or an answer
    that can not be read.

    GetOrderStatus with 104 is ExchangeOrderUnknown. All else leaves the question open: ExchangeUnavailable.
    """
    facts: dict[str, int] = {}
    if isinstance(trouble, _NotAnswered) and trouble.retry_after_seconds is not None:
        facts["retry_after_seconds"] = trouble.retry_after_seconds
    match trouble:
        case _Said() if function == "SendOrder" and _definite(trouble):
            return ExchangeRefused(
                f"the exchange refuses the order: {trouble}", ours=_ours(trouble), reason=trouble.message
            )
        case _Said(code=104) if function == "GetOrderStatus":
            return ExchangeOrderUnknown("the exchange does not know the order")
        case _Said(code=20):
            detail, what = f"the exchange does not let us in: {trouble}; check our keys", "refused"
        case _NotAnswered(status=451):
            detail, what = "the exchange does not serve where we ask from (HTTP 451)", "refused"
        case _NotAnswered(status=401 | 403 | 404 as status):
            detail, what = f"the exchange does not let us in (HTTP {status}): check its address and our keys", "refused"
        case _Said():
            detail, what = f"the exchange could not do it: {trouble}", "exchange_error"
        case _NotAnswered(status=429):
            detail, what = "the exchange says that we ask too often", "rate_limit"
        case _NotAnswered(status=status):
            detail, what = f"the exchange has a fault (HTTP {status})", "exchange_error"
        case NoAnswer(what="garbage"):
            return _garbled(str(trouble))
        case NoAnswer(what="timeout"):
            detail, what = "the exchange did not answer in time", "timeout"
        case NotSent():
            detail, what = "the exchange can not be reached; nothing was sent", "connection"
        case _:
            detail, what = "the connection to the exchange broke before its answer was whole", "connection"
    return ExchangeUnavailable(detail, what=what, **facts)


def _ours(said: _Said) -> bool:
    """Whether the desk's account is refused, and not this order: its rights, its funds, its limits."""
    words = said.message.casefold().replace("_", " ")
    return said.code == 20 or (said.code == 101 and words.startswith(("not enough", "insufficient", "exceed")))


def _definite(said: _Said) -> bool:
    """See `_in_our_words`."""
    if said.order_id or (said.code == 100 and "invalid response" in said.message.lower()):
        return False
    if said.status == "Rejected":
        return said.code in {20, 100, 101, 104, 106}
    unread = said.code == 100 and said.message.startswith(("Invalid Request", "Invalid InstrumentId"))
    return said.status is None and (unread or said.code == 106)
