"""Orders at Binance, spot, by way of ccxt's own `binance`; its tickers without ccxt, which is not everywhere.

    GET    {base_url}/api/v3/exchangeInfo    symbol: a market's rules; public
    GET    {base_url}/api/v3/ticker/bookTicker  symbol, symbolStatus TRADING; public
    POST   {base_url}/api/v3/order           symbol, side, type LIMIT, timeInForce GTC, quantity, price,
                                             newClientOrderId
    GET    {base_url}/api/v3/order           symbol, orderId | origClientOrderId
    DELETE {base_url}/api/v3/order           symbol, orderId
    GET    {base_url}/api/v3/myTrades        symbol, orderId, fromId, limit: fees are only told here
    GET    {base_url}/api/v3/allOrders       those of a day: see `ccxt_days`
    X-MBX-APIKEY: …                          and among the parameters timestamp, recvWindow 5000 and signature, which is
                                             hex HMAC-SHA256(secret, the other parameters as they are sent)

    400 {"code": -2010, "msg": "Account has insufficient balance for requested action."}
    429, 418 with Retry-After; 403 from a firewall, with a web page; 5xx and -1007: executed or not, nobody knows

ccxt reads one market at a time: the whole exchangeInfo is more than 10 MB and seconds of work in a Lambda. The adapter
takes an order's side and state from ccxt's words, and amounts from the exchange's own (`info`), digit by digit: where
an amount is missing, ccxt takes an executed quantity for 0 and computes a trade's worth by itself.

Source of the wire format: github.com/binance/binance-spot-api-docs @a5e0bc3 (rest-api.md, errors.md, filters.md,
enums.md), ccxt 4.5.90 binance.py.
"""

import json
import time
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from common.clock import now
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
    not_believed,
)
from common.gateways.exchange.binance_answers import (
    About,
    garbled,
    in_our_words,
    told_amount,
    told_decimal,
    told_step,
    told_text,
    told_whole,
)
from common.gateways.exchange.ccxt_days import ORDERS_PAGE, TRADES_PAGE, OrdersOfDay, Sum
from common.gateways.exchange.ccxt_wire import CcxtWire
from common.gateways.transport import NoAnswer, Transport
from common.market import MarketRules
from common.money import ROUNDING, Money, Price, Quantity, plain

MARKET_AGE_MAX = timedelta(minutes=10)
TICKER_BYTES_MAX = 64 * 1024

# ccxt's words: Binance's NEW and PARTIALLY_FILLED are open, FILLED closed, EXPIRED_IN_MATCH expired, PENDING_CANCEL
# (not in use today) canceling. For PENDING_NEW, an order of a list that waits for another, it has none.
_STATES = {
    "open": State.WORKING,
    "PENDING_NEW": State.WORKING,
    "canceling": State.WORKING,
    "closed": State.FULLY_EXECUTED,
    "canceled": State.CANCELED,
    "expired": State.EXPIRED,
    "rejected": State.REJECTED,
}

_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


class BinanceTickers:
    """The port `Tickers`, kept by Binance. It needs neither a key nor ccxt.

    Raises ValueError for a base_url or time-out that can not be one.
    """

    def __init__(
        self, base_url: str, *, quote: str = "USDT", connect_seconds: float = 1.0, read_seconds: float = 3.0
    ) -> None:
        self._transport = Transport(
            base_url,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            body_bytes_max=TICKER_BYTES_MAX,
        )
        self._quote = quote

    def ticker(self, asset_id: str) -> Ticker:
        """See `Tickers.ticker`."""
        symbol = f"{asset_id}{self._quote}"
        target = f"/api/v3/ticker/bookTicker?{urlencode({'symbol': symbol, 'symbolStatus': 'TRADING'})}"
        answer = None
        try:
            answer = self._transport.ask("GET", f"{self._transport.path}{target}", {})
            if answer.status != 200 or answer.is_page:
                raise ValueError("no ticker")
            told = json.loads(answer.body)
        except (NoAnswer, ValueError, RecursionError) as trouble:
            raise in_our_words("market", trouble, answer) from trouble
        if told_text(told, "symbol") != symbol:
            raise garbled("a ticker that was not asked for")
        bid, ask = told_decimal(told, "bidPrice"), told_decimal(told, "askPrice")
        if not bid or not ask:
            raise MarketUnknown(f"nobody buys, or nobody sells, in {symbol} now", asset_id=asset_id, quote=self._quote)
        return Ticker(Price(bid), Price(ask))


class CcxtExchange:
    """The port `Exchange`, kept by Binance.

    base_url: scheme and host, for example https://api.binance.com
    api_key, secret: of the HMAC kind. An RSA or Ed25519 key would need a library that does not ship (infra/trim.py).
    quote: the currency that counts as dollars.
    connect_seconds, read_seconds: of one call. Every method ends within OPERATION_SECONDS_MAX, however many calls it
        makes and whatever holds them up (`common.gateways.transport`).
    clock: for the age of a market's rules; monotonic: for the time that is left. Requests are signed with the machine's
        own time.

    Nothing is imported or asked before the first call. Safe to use from several threads.
    Orders in a market that is closed (or halted) can still be looked up and cancelled. Orders in a market that is gone
    can not, and nobody may conclude that they never existed: ExchangeUnavailable.

    Raises ValueError for a base_url, key or time-out that can not be one.
    """

    name = "binance"

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str,
        secret: str,
        quote: str = "USDT",
        connect_seconds: float = 1.0,
        read_seconds: float = 5.5,
        clock: Callable[[], datetime] = now,
        monotonic: Callable[[], float] = time.monotonic,
        orders_page: int = ORDERS_PAGE,
    ) -> None:
        self._orders_page = orders_page
        self._wire = CcxtWire(
            base_url,
            api_key=api_key,
            secret=secret,
            connect_seconds=connect_seconds,
            read_seconds=read_seconds,
            monotonic=monotonic,
        )
        self._tickers = BinanceTickers(
            base_url, quote=quote, connect_seconds=connect_seconds, read_seconds=read_seconds
        )
        self._quote = quote
        self._clock = clock
        self._reading = Lock()
        self._read_at: dict[str, datetime] = {}  # symbol → when its market was

    def ticker(self, asset_id: str) -> Ticker:
        """See `Tickers.ticker`."""
        return self._tickers.ticker(asset_id)

    def rules(self, asset_id: str) -> MarketRules:
        """See `Exchange.rules`."""
        self._wire.begin()
        return self._rules(self._tradable(asset_id))

    def place(self, ticket: Ticket) -> str:
        """See `Exchange.place`. A quantity or price that is no multiple of its step is refused, never rounded."""
        self._wire.begin()
        quantity, price = ticket.quantity.amount, ticket.limit_price.usd_per_unit
        symbol = self._tradable(ticket.quantity.asset_id)
        rules = self._rules(symbol)
        _refuse_unless_multiple("quantity", quantity, rules.quantity_step)
        _refuse_unless_multiple("limit price", price, rules.price_step)
        for text, asked in (
            (self._ask("market", self._client.amount_to_precision, symbol, plain(quantity)), quantity),
            (self._ask("market", self._client.price_to_precision, symbol, plain(price)), price),
        ):
            if Decimal(text) != asked:  # never seen; but ccxt formats a number once more before it sends it
                raise ExchangeRefused(f"not placed: {plain(asked)} would have been sent as {text}", ours=False)
        order = self._ask(
            "place",
            self._client.create_order,
            symbol,
            "limit",
            ticket.side.value.lower(),
            plain(quantity),
            plain(price),
            {"newClientOrderId": ticket.client_order_id, "timeInForce": "GTC"},
        )
        exchange_order_id = told_text(order, "id")
        self._must_be(order, symbol, client_order_id=ticket.client_order_id)
        return exchange_order_id

    def order(self, asset_id: str, exchange_order_id: str) -> OrderReport:
        """See `Exchange.order`."""
        self._wire.begin()
        symbol = self._listed(asset_id)
        order = self._fetched(symbol, exchange_order_id)
        return self._exchange_order(asset_id, symbol, order)

    def find(self, asset_id: str, client_order_id: str) -> OrderReport:
        """See `Exchange.find`. Binance looks among all orders but those that ended without a fill 90 days ago: it has
        archived them. They are unknown here, which is as good as never placed."""
        self._wire.begin()
        symbol = self._listed(asset_id)
        order = self._ask("order", self._client.fetch_order, "", symbol, {"origClientOrderId": client_order_id})
        self._must_be(order, symbol, client_order_id=client_order_id)
        return self._exchange_order(asset_id, symbol, order)

    def cancel(self, asset_id: str, exchange_order_id: str) -> None:
        """See `Exchange.cancel`. Binance says "Unknown order sent." of an order that is over, too: a look tells them
        apart."""
        self._wire.begin()
        symbol = self._listed(asset_id)
        _must_be_number(exchange_order_id)
        try:
            order = self._ask("order", self._client.cancel_order, exchange_order_id, symbol)
            self._must_be(order, symbol, exchange_order_id=exchange_order_id)
        except ExchangeUnavailable as trouble:
            if trouble.facts.get("code") != -2011 or _state(self._fetched(symbol, exchange_order_id)) is State.WORKING:
                raise

    def orders(self, asset_id: str, day: date, after: str | None = None) -> Reports:
        """See `Exchange.orders`. Binance forgets those that ended without a fill 90 days ago."""
        self._wire.begin()
        symbol = f"{asset_id}/{self._quote}"
        if symbol not in self._read_at:
            self._read(asset_id, symbol)
        settled = partial(self._settled, symbol)
        placed, on = OrdersOfDay(self._ask, self._client, symbol, settled, self._orders_page).part(day, after)
        return Reports([self._reported(asset_id, order, _known(told)) for order, told in placed], on)

    # What the exchange tells

    def _tradable(self, asset_id: str) -> str:
        """The symbol of a market that is open, read within the last MARKET_AGE_MAX. Raises MarketUnknown."""
        symbol = f"{asset_id}/{self._quote}"
        read_at = self._read_at.get(symbol)
        if read_at is None or self._clock() - read_at > MARKET_AGE_MAX:
            self._read(asset_id, symbol)
        if self._client.markets[symbol]["active"] is not True:
            raise MarketUnknown(f"{symbol} is closed at the exchange now", asset_id=asset_id, quote=self._quote)
        return symbol

    def _listed(self, asset_id: str) -> str:
        """The symbol of a market, open or closed, read at any time."""
        symbol = f"{asset_id}/{self._quote}"
        if symbol not in self._read_at:
            try:
                self._read(asset_id, symbol)
            except MarketUnknown as gone:
                said = f"the exchange does not tell about orders in {symbol}: it has no such market"
                raise ExchangeUnavailable(said, what="no_market") from gone
        return symbol

    def _read(self, asset_id: str, symbol: str) -> None:
        client, at = self._client, self._clock()
        markets = self._ask("market", client.fetch_markets, {"symbol": f"{asset_id}{self._quote}"})
        if not markets:  # a market that is not there is an error, -1121
            raise garbled("rules of no market")
        found = [market for market in markets if market["symbol"] == symbol and market["spot"]]
        if len(found) != 1:  # "BTCUSDT" might also be BTCU in SDT
            raise MarketUnknown(f"{symbol} is not traded at the exchange", asset_id=asset_id, quote=self._quote)
        told, precision = found[0]["info"], found[0]["precision"]  # ccxt can not round to a step of 0
        precision["amount"] = plain(told_step(precision, "amount", told, "baseAssetPrecision"))
        precision["price"] = plain(told_step(precision, "price", told, "quotePrecision"))
        with self._reading:
            others = [market for market in (client.markets or {}).values() if market["symbol"] != symbol]
            self._ask("market", client.set_markets, [*others, *found])
            self._read_at[symbol] = at

    def _rules(self, symbol: str) -> MarketRules:
        market = self._client.markets[symbol]
        precision, limits = market["precision"], market["limits"]
        return MarketRules(
            quantity_step=told_decimal(precision, "amount"),
            price_step=told_decimal(precision, "price"),
            min_quantity=told_decimal(limits["amount"], "min", default="0"),
            min_notional=Money(told_decimal(limits["cost"], "min", default="0")),
        )

    def _fetched(self, symbol: str, exchange_order_id: str) -> Mapping[str, Any]:
        """Raises ExchangeOrderUnknown."""
        _must_be_number(exchange_order_id)
        order: Mapping[str, Any] = self._ask("order", self._client.fetch_order, exchange_order_id, symbol)
        self._must_be(order, symbol, exchange_order_id=exchange_order_id)
        return order

    @staticmethod
    def _must_be(
        order: Mapping[str, Any],
        symbol: str,
        *,
        exchange_order_id: str | None = None,
        client_order_id: str | None = None,
    ) -> None:
        """Another order is no answer. Raises ExchangeUnavailable."""
        wanted = {"symbol": symbol.replace("/", "")}  # as it was asked for when the market was read
        told = {"symbol": told_text(order.get("info"), "symbol")}
        if exchange_order_id is not None:
            wanted["id"], told["id"] = exchange_order_id.lstrip("0"), told_text(order, "id")
        if client_order_id is not None:
            wanted["clientOrderId"], told["clientOrderId"] = client_order_id, told_text(order, "clientOrderId")
        if told != wanted:
            raise not_believed(f"asked for {_named(wanted)}, told of {_named(told)}")

    def _exchange_order(self, asset_id: str, symbol: str, order: Mapping[str, Any]) -> OrderReport:
        """An order in our words, once its trades are there."""
        return self._reported(asset_id, order, partial(self._settled, symbol, told_text(order, "id")))

    def _reported(self, asset_id: str, order: Mapping[str, Any], traded: Callable[[Decimal], Sum]) -> OrderReport:
        """An order in our words; `traded` is the sum of its trades, of which so much was executed."""
        exchange_order_id, state, side = told_text(order, "id"), _state(order), _SIDES.get(told_text(order, "side"))
        whole, executed = told_amount(order.get("info"), "origQty"), told_amount(order.get("info"), "executedQty")
        if side is None:
            raise garbled("an order of no side")
        if executed > whole or (state is State.FULLY_EXECUTED and executed != whole):
            raise not_believed(f"order {exchange_order_id} of {whole}, {executed} executed, that is {state}")
        sum_ = traded(executed) if executed else Sum()
        fees = dict(sum_.fees)
        return OrderReport(
            exchange_order_id=exchange_order_id,
            client_order_id=told_text(order, "clientOrderId"),
            side=side,
            quantity=Quantity(whole, asset_id),
            state=state,
            executed=Quantity(executed, asset_id),
            gross=Money(sum_.gross),
            fee=Money(fees.pop(self._quote, Decimal(0))),
            fees_elsewhere={currency: fee for currency, fee in fees.items() if fee},
        )

    def _settled(self, symbol: str, exchange_order_id: str, executed: Decimal) -> Sum:
        """The sum of an order's trades in quote, and their fees by currency.

        Trades come from a database that may be behind the order, and the order may have traded on since it was read:
        then the trades do not make up what was executed. The order's own sum (cummulativeQuoteQty) is not used: Binance
        says that old orders may have a negative number there.
        """
        traded = Sum()
        from_id = 0  # without one, Binance begins with the newest
        while True:  # as long as there is time
            asked = {"fromId": from_id}
            page = self._ask(
                "order", self._client.fetch_order_trades, exchange_order_id, symbol, None, TRADES_PAGE, asked
            )
            for trade in page:
                if told_text(trade, "order") != exchange_order_id:
                    raise not_believed(f"a trade of another order among those of {exchange_order_id}")
                if told_whole(trade, "id") < from_id:
                    raise garbled("a trade that was not asked for")
                traded.add(trade)
            if traded.quantity == executed:
                return traded
            if len(page) < TRADES_PAGE or traded.quantity > executed:
                break
            from_id = max(told_whole(trade, "id") for trade in page) + 1
        raise ExchangeUnavailable(
            "the exchange does not show the order's trades and its state at one time; ask again", what="unsettled"
        )

    # The wire

    def _ask(self, about: About, call: Callable[..., Any], *arguments: Any) -> Any:
        """What ccxt answers, with at most one request. Raises what `in_our_words` says."""
        return self._wire.ask(partial(in_our_words, about), call, *arguments)

    @property
    def _client(self) -> Any:
        return self._wire.client


def _known(traded: Sum) -> Callable[[Decimal], Sum]:
    return lambda _: traded


def _state(order: Mapping[str, Any]) -> State:
    status = told_text(order, "status")
    if status not in _STATES:
        raise garbled(f"an order in a state that we do not know, {status[:40]!r}")
    return _STATES[status]


def _named(order: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in order.items())


def _must_be_number(exchange_order_id: str) -> None:
    """Raises ExchangeOrderUnknown."""
    if not (exchange_order_id.isascii() and exchange_order_id.isdigit() and 0 < int(exchange_order_id) < 2**63):
        raise ExchangeOrderUnknown("the exchange's order ids are numbers", exchange_order_id=exchange_order_id)


def _refuse_unless_multiple(what: str, number: Decimal, step: Decimal) -> None:
    """Raises ExchangeRefused."""
    if number <= 0 or ROUNDING.remainder(number, step) != 0:
        raise ExchangeRefused(
            f"the {what} is {plain(number)}; it must be a multiple of {plain(step)}, above 0",
            ours=False,
            step=plain(step),
        )
