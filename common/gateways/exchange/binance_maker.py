"""Making a market at Binance, spot, on its own wire: no library between us and it, and connections that are kept.

    GET    {base_url}/api/v3/exchangeInfo      symbol: a market's rules, and the limits of requests; public, weight 20
    GET    {base_url}/api/v3/rateLimit/order   the account's limits of orders; weight 40
    GET    {base_url}/api/v3/depth             symbol, limit up to 100; public, weight 5
    GET    {base_url}/api/v3/openOrders        symbol; weight 6
    GET    {base_url}/api/v3/order             symbol, origClientOrderId; weight 4
    GET    {base_url}/api/v3/myTrades          symbol, fromId, limit 1000; weight 20, with orderId 5
    POST   {base_url}/api/v3/order             symbol, side, type LIMIT_MAKER, quantity, price, newClientOrderId,
                                               newOrderRespType ACK; weight 1
    POST   {base_url}/api/v3/order/cancelReplace  the same, and cancelReplaceMode STOP_ON_FAILURE,
                                               cancelRestrictions ONLY_NEW, cancelOrigClientOrderId; weight 1
    DELETE {base_url}/api/v3/order             symbol, origClientOrderId; weight 1
    GET    {base_url}/api/v3/account           omitZeroBalances; weight 20
    X-MBX-APIKEY: …                            and among the parameters timestamp, recvWindow 5000 and signature, which
                                               is hex HMAC-SHA256(secret, the other parameters as they are sent)

    400 {"code": -2010, "msg": "Order would immediately match and take."}
    400 {"code": -2022, "msg": …, "data": {"cancelResult": "FAILURE", "newOrderResult": "NOT_ATTEMPTED", …}}
    409 {"code": -2021, "msg": …, "data": {"cancelResult": "SUCCESS", "newOrderResult": "FAILURE",
                                           "cancelResponse": {an order}, "newOrderResponse": {"code": …, "msg": …}}}

A call costs a quarter of the CPU that it costs by way of ccxt (docs/decisions/0035). Weights are counted by the address
that asks, orders by account. Errors: `binance_answers.in_our_words`.

Source of the wire format: github.com/binance/binance-spot-api-docs @a5e0bc3 (rest-api.md, errors.md, filters.md,
enums.md).
"""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from common.clock import now
from common.gateways.exchange import ExchangeRefused, ExchangeUnavailable, Side, State, not_believed
from common.gateways.exchange.binance_answers import (
    About,
    amount_of,
    garbled,
    in_our_words,
    told_amount,
    told_decimal,
    told_fee,
    told_step,
    told_text,
)
from common.gateways.exchange.binance_weight import UsedWeight
from common.gateways.exchange.maker import (
    BOOK_LEVELS_MAX,
    TRADES_PAGE,
    Balance,
    Book,
    ExchangeNotReplaced,
    Level,
    MakerOrder,
    Market,
    MarketLimits,
    OwnTrade,
    Quote,
)
from common.gateways.transport import Answer, NoAnswer, Transport, header_value
from common.money import EXACT, plain

OPERATION_SECONDS_MAX = 12.0  # what `NEVER_PLACED_SECONDS` of the port of orders reckons with
RECEIVE_WINDOW_MS = 5000  # how long a request stays valid; likewise
BODY_BYTES_MAX = 1024 * 1024  # a page of trades is about 300 KiB

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ROUNDING = Decimal("0.00000001")  # of a trade's worth, at the exchange
_SIDES = {side.value: side for side in Side}
_STATES = {
    "NEW": State.WORKING,
    "PARTIALLY_FILLED": State.WORKING,
    "PENDING_NEW": State.WORKING,
    "PENDING_CANCEL": State.WORKING,
    "FILLED": State.FULLY_EXECUTED,
    "CANCELED": State.CANCELED,
    "REJECTED": State.REJECTED,
    "EXPIRED": State.EXPIRED,
    "EXPIRED_IN_MATCH": State.EXPIRED,
}
_UNKNOWN_ORDER = -2011  # also of one that is over
_NOT_REPLACED, _HALF_REPLACED = -2022, -2021


def way_to(base_url: str, *, connect_seconds: float = 1.0, read_seconds: float = 5.5) -> Transport:
    """The way of all accounts to Binance: they share its connections.

    base_url: scheme and host, for example https://api.binance.com
    connect_seconds, read_seconds: of one request.

    Raises ValueError for a base_url or time-outs that can not be one.
    """
    if connect_seconds + read_seconds > OPERATION_SECONDS_MAX:
        raise ValueError(f"connect_seconds + read_seconds must be within {OPERATION_SECONDS_MAX:g} s")
    return Transport(
        base_url,
        connect_seconds=connect_seconds,
        read_seconds=read_seconds,
        body_bytes_max=BODY_BYTES_MAX,
        keeps=("GET", "POST", "DELETE"),
    )


class BinanceMaker:
    """The port `Maker`, kept by Binance.

    way: see `way_to`. A method ends within OPERATION_SECONDS_MAX, whatever it asks.
    weight: what all who use this way have heard of it. Where little of a minute is left, only `find` and `cancel` ask.
    api_key, secret: of the HMAC kind.
    clock: what requests are signed with.
    monotonic: for the time that is left.

    Nothing is asked before the first call. Safe to use from several threads; each that asks at the same time has a
    connection, which is left to the next.

    Raises ValueError for a key that can not be one.
    """

    name = "binance"

    def __init__(
        self,
        way: Transport,
        *,
        api_key: str,
        secret: str,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
        trades_page: int = TRADES_PAGE,
        weight: UsedWeight | None = None,
    ) -> None:
        if not secret or "PRIVATE KEY" in secret:
            raise ValueError("the exchange's secret is empty, or of another kind than HMAC")
        self._way = way
        self._key = {"X-MBX-APIKEY": header_value("the exchange's API key", api_key)}
        self._secret = secret.encode()
        self._clock = clock
        self._monotonic = monotonic
        self.trades_page = trades_page
        self._weight = weight or UsedWeight(clock)

    def limits(self, market: Market) -> MarketLimits:
        """See `Maker.limits`."""
        ends = self._ends()
        told = self._ask(ends, "market", "GET", "exchangeInfo", {"symbol": _symbol(market)}, signed=False)
        found = [entry for entry in _entries(told, "symbols") if entry.get("symbol") == _symbol(market)]
        if len(found) != 1 or (found[0].get("baseAsset"), found[0].get("quoteAsset")) != (market.base, market.quote):
            raise garbled(f"rules of another market than {market}")
        weight = _rate(_entries(told, "rateLimits"), "REQUEST_WEIGHT", "MINUTE", 1)
        self._weight.obey(weight)
        counts = self._ask(ends, "market", "GET", "rateLimit/order", {})
        filters = {told_text(entry, "filterType"): entry for entry in _entries(found[0], "filters")}
        lot, price, notional = filters.get("LOT_SIZE"), filters.get("PRICE_FILTER"), filters.get("NOTIONAL")
        return MarketLimits(
            price_step=told_step(price, "tickSize", found[0], "quotePrecision"),
            quantity_step=told_step(lot, "stepSize", found[0], "baseAssetPrecision"),
            min_quantity=told_decimal(lot, "minQty"),
            min_notional=told_decimal(notional, "minNotional", default="0"),
            open_orders_max=_whole(filters.get("MAX_NUM_ORDERS"), "maxNumOrders"),
            orders_per_10_seconds=_rate(_listed(counts), "ORDERS", "SECOND", 10),
            orders_per_day=_rate(_listed(counts), "ORDERS", "DAY", 1),
            weight_per_minute=weight,
        )

    def book(self, market: Market, levels: int) -> Book:
        """See `Maker.book`."""
        if not 1 <= levels <= BOOK_LEVELS_MAX:
            raise ValueError(f"{levels} levels of a book; there are from 1 to {BOOK_LEVELS_MAX}")
        asked = {"symbol": _symbol(market), "limit": str(levels)}
        told = self._ask(self._ends(), "market", "GET", "depth", asked, signed=False)
        return Book(_levels(told, "bids"), _levels(told, "asks"))

    def open_orders(self, market: Market) -> Sequence[MakerOrder]:
        """See `Maker.open_orders`."""
        told = self._ask(self._ends(), "market", "GET", "openOrders", {"symbol": _symbol(market)})
        orders = [_order(entry, market) for entry in _listed(told)]
        if any(order.over for order in orders):
            raise not_believed("an order that is over among those that are open")
        return orders

    def find(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.find`. Binance looks among all orders but those that ended without a fill 90 days ago."""
        return self._found(self._ends(), market, client_order_id)

    def trades_after(self, market: Market, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_after`."""
        return self._trades(market, trade_id, {})

    def trades_of(self, market: Market, exchange_order_id: str, trade_id: int) -> Sequence[OwnTrade]:
        """See `Maker.trades_of`."""
        trades = self._trades(market, trade_id, {"orderId": exchange_order_id})
        if any(trade.exchange_order_id != exchange_order_id for trade in trades):
            raise not_believed(f"a trade of another order than {exchange_order_id}")
        return trades

    def place(self, market: Market, quote: Quote) -> str:
        """See `Maker.place`."""
        told = self._ask(self._ends(), "place", "POST", "order", _new(market, quote))
        return _placed(told, market, quote)

    def replace(self, market: Market, client_order_id: str, quote: Quote) -> str:
        """See `Maker.replace`."""
        asked = _new(market, quote) | {
            "cancelReplaceMode": "STOP_ON_FAILURE",
            "cancelRestrictions": "ONLY_NEW",
            "cancelOrigClientOrderId": client_order_id,
        }
        answer = self._answer(self._ends(), "place", "POST", "order/cancelReplace", asked)
        try:
            told = _read(answer, 200, 409)
            if answer.status == 409 and _member(told, "code") != _HALF_REPLACED:
                raise ValueError("no success")
        except ValueError as trouble:
            no = in_our_words("place", trouble, answer)
            code = no.facts.get("code")
            if isinstance(no, ExchangeRefused) or (answer.status == 400 and code == _NOT_REPLACED):
                ours = isinstance(no, ExchangeRefused) and no.ours
                raise ExchangeNotReplaced(no.detail, ours=ours, code=code) from trouble
            raise no from trouble
        parts = told if answer.status == 200 else _member(told, "data")
        ended = _ended(_member(parts, "cancelResponse"), market, client_order_id)
        if ended.executed:
            raise not_believed(
                f"order {client_order_id} was to be ended only if new, and {ended.executed} are executed"
            )
        placed = _member(parts, "newOrderResponse")
        if answer.status == 200:
            return _placed(placed, market, quote)
        as_if_alone = Answer(400, answer.headers, json.dumps(placed).encode())
        raise in_our_words("place", ValueError("no success"), as_if_alone)

    def cancel(self, market: Market, client_order_id: str) -> MakerOrder:
        """See `Maker.cancel`. Binance says "Unknown order sent." of an order that is over, too: a look tells them
        apart."""
        ends = self._ends()
        asked = {"symbol": _symbol(market), "origClientOrderId": client_order_id}
        try:
            told = self._ask(ends, "order", "DELETE", "order", asked)
        except ExchangeUnavailable as trouble:
            if trouble.facts.get("code") != _UNKNOWN_ORDER:
                raise
            order = self._found(ends, market, client_order_id)
            if not order.over:
                raise
            return order
        return _ended(told, market, client_order_id)

    def balances(self) -> Mapping[str, Balance]:
        """See `Maker.balances`."""
        told = self._ask(self._ends(), "market", "GET", "account", {"omitZeroBalances": "true"})
        listed = _entries(told, "balances")
        balances = {
            told_text(entry, "asset"): Balance(told_amount(entry, "free"), told_amount(entry, "locked"))
            for entry in listed
        }
        if len(balances) < len(listed):
            raise garbled("an asset has two balances")
        return balances

    # The wire

    def _trades(self, market: Market, trade_id: int, of: Mapping[str, str]) -> Sequence[OwnTrade]:
        asked = {"symbol": _symbol(market), **of, "fromId": str(trade_id + 1), "limit": str(self.trades_page)}
        told = self._ask(self._ends(), "market", "GET", "myTrades", asked)
        trades = [_trade(entry, market) for entry in _listed(told)]
        ids = [trade_id, *(trade.trade_id for trade in trades)]
        if any(earlier >= later for earlier, later in pairwise(ids)):
            raise garbled("trades that are out of order, or were not asked for")
        return trades

    def _found(self, ends: float, market: Market, client_order_id: str) -> MakerOrder:
        asked = {"symbol": _symbol(market), "origClientOrderId": client_order_id}
        told = self._ask(ends, "order", "GET", "order", asked)
        _must_be(told, market, "clientOrderId", client_order_id)
        return _order(told, market)

    def _ends(self) -> float:
        return self._monotonic() + OPERATION_SECONDS_MAX

    def _ask(
        self, ends: float, about: About, method: str, path: str, asked: Mapping[str, str], *, signed: bool = True
    ) -> Any:
        """One request, and what its answer says. Raises what `in_our_words` says."""
        answer = self._answer(ends, about, method, path, asked, signed=signed)
        try:
            return _read(answer, 200)
        except ValueError as trouble:
            raise in_our_words(about, trouble, answer) from trouble

    def _answer(
        self, ends: float, about: About, method: str, path: str, asked: Mapping[str, str], *, signed: bool = True
    ) -> Answer:
        if about != "order":
            self._weight.leave_room()
        query = urlencode(asked)
        if signed:
            timestamp = (self._clock() - _EPOCH) // _MILLISECOND
            query = f"{query}&recvWindow={RECEIVE_WINDOW_MS}&timestamp={timestamp}".removeprefix("&")
            signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
            query = f"{query}&signature={signature}"
        target = f"{self._way.path}/api/v3/{path}?{query}"
        try:
            answer = self._way.ask(method, target, self._key if signed else {}, seconds=ends - self._monotonic())
        except NoAnswer as trouble:
            raise in_our_words(about, trouble, None) from trouble
        self._weight.hear(answer)
        return answer


def _read(answer: Answer, *statuses: int) -> Any:
    """Raises ValueError for another status, or what is no JSON."""
    if answer.status not in statuses or answer.is_page:
        raise ValueError("no success")
    try:
        return json.loads(answer.body)
    except RecursionError:
        raise ValueError("no JSON that can be read") from None


def _symbol(market: Market) -> str:
    return f"{market.base}{market.quote}"


def _new(market: Market, quote: Quote) -> dict[str, str]:
    return {
        "symbol": _symbol(market),
        "side": quote.side.value,
        "type": "LIMIT_MAKER",
        "quantity": plain(quote.quantity),
        "price": plain(quote.price),
        "newClientOrderId": quote.client_order_id,
        "newOrderRespType": "ACK",
    }


def _placed(told: Any, market: Market, quote: Quote) -> str:
    _must_be(told, market, "clientOrderId", quote.client_order_id)
    return str(_whole(told, "orderId"))


def _ended(told: Any, market: Market, client_order_id: str) -> MakerOrder:
    _must_be(told, market, "origClientOrderId", client_order_id)
    order = _order(told | {"clientOrderId": client_order_id}, market)  # theirs is the cancellation's
    if not order.over:
        raise not_believed(f"order {client_order_id} is cancelled, and is still open")
    return order


def _must_be(told: Any, market: Market, name: str, client_order_id: str) -> None:
    """Another order is no answer. Raises ExchangeUnavailable."""
    there = (told_text(told, "symbol"), told_text(told, name))
    if there != (_symbol(market), client_order_id):
        raise not_believed(
            f"asked for {client_order_id} in {_symbol(market)}, told of {' in '.join(reversed(there))[:80]!r}"
        )


def _order(entry: Any, market: Market) -> MakerOrder:
    side, state = _SIDES.get(told_text(entry, "side")), _STATES.get(told_text(entry, "status"))
    if side is None or state is None:
        raise garbled("an order of a side or a state that we do not know")
    if told_text(entry, "symbol") != _symbol(market):
        raise not_believed(f"an order of another market than {market}")
    return MakerOrder(
        exchange_order_id=str(_whole(entry, "orderId")),
        client_order_id=told_text(entry, "clientOrderId"),
        side=side,
        price=told_amount(entry, "price"),
        quantity=told_amount(entry, "origQty"),
        executed=told_amount(entry, "executedQty"),
        state=state,
    )


def _trade(entry: Any, market: Market) -> OwnTrade:
    if told_text(entry, "symbol") != _symbol(market):
        raise not_believed(f"a trade of another market than {market}")
    price, quantity, worth = (told_amount(entry, name) for name in ("price", "qty", "quoteQty"))
    if abs(EXACT.subtract(EXACT.multiply(price, quantity), worth)) >= _ROUNDING:
        raise not_believed(f"a trade of {quantity} at {price} that is worth {worth}")
    fee_asset, fee = told_fee(entry) or (market.quote, Decimal(0))
    return OwnTrade(
        trade_id=_whole(entry, "id"),
        exchange_order_id=str(_whole(entry, "orderId")),
        side=Side.BUY if _flag(entry, "isBuyer") else Side.SELL,
        price=price,
        quantity=quantity,
        quote_quantity=worth,
        fee=fee,
        fee_asset=fee_asset,
        maker=_flag(entry, "isMaker"),
        at=_instant(entry, "time"),
    )


def _levels(told: Any, name: str) -> list[Level]:
    levels = _member(told, name)
    if not isinstance(levels, list) or not all(isinstance(level, list) and len(level) == 2 for level in levels):
        raise garbled(f"{name} are no levels of a book")
    return [Level(amount_of(price, name), amount_of(quantity, name)) for price, quantity in levels]


def _rate(limits: Sequence[Any], kind: str, interval: str, number: int) -> int:
    wanted = {"rateLimitType": kind, "interval": interval, "intervalNum": number}
    for limit in limits:
        if all(limit.get(name) == value for name, value in wanted.items()):
            return _whole(limit, "limit")
    raise garbled(f"no limit of {kind} in {number} {interval}")


def _entries(told: Any, name: str) -> list[Any]:
    return _listed(_member(told, name))


def _listed(told: Any) -> list[Any]:
    if not isinstance(told, list) or not all(isinstance(entry, dict) for entry in told):
        raise garbled("no list of entries")
    return told


def _member(told: Any, name: str) -> Any:
    return told.get(name) if isinstance(told, dict) else None


def _whole(entry: Any, name: str) -> int:
    value = _member(entry, name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise garbled(f"{name} is no number")
    return value


def _flag(entry: Any, name: str) -> bool:
    value = entry.get(name)
    if not isinstance(value, bool):
        raise garbled(f"{name} is neither yes nor no")
    return value


def _instant(entry: Any, name: str) -> datetime:
    milliseconds = _whole(entry, name)
    try:
        return _EPOCH + milliseconds * _MILLISECOND
    except OverflowError:
        raise garbled(f"{name} is {milliseconds}") from None
