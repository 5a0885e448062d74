"""What Binance says, as its documents show it, and the order that the tests place there."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

from common.gateways.exchange import Side, Ticket
from common.gateways.exchange.maker import Market, Quote
from common.money import Price, Quantity
from sandbox.serving import Answer
from tests.gateways.wire import row

OURS = "abcdefghijklmnopq2"
SELL = Ticket(Side.SELL, Quantity("0.345", "BTC"), Price("19010.5"), OURS)


def info(base: str = "BTC", quote: str = "USDT", status: str = "TRADING", symbol: str = "", **steps: str) -> str:
    """exchangeInfo of one symbol."""
    size = {"minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": steps.get("step", "0.00001000")}
    price = {"minPrice": "0.01000000", "maxPrice": "1000000.00000000", "tickSize": steps.get("tick", "0.01000000")}
    told = {
        **row("symbol status baseAsset quoteAsset", symbol or f"{base}{quote}", status, base, quote),
        **row("baseAssetPrecision quotePrecision quoteAssetPrecision", 8, 8, 8),
        **row("isSpotTradingAllowed isMarginTradingAllowed permissions", True, True, []),
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "TAKE_PROFIT_LIMIT"],
        "filters": [
            {"filterType": "PRICE_FILTER", **price},
            {"filterType": "LOT_SIZE", **size},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": "63.1", "stepSize": "0.00000000"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"},
        ],
        "permissionSets": [["SPOT", "MARGIN", "TRD_GRP_004"]],
    }
    return json.dumps({"timezone": "UTC", "serverTime": 1767225600000, "symbols": [told]})


TICKER = json.dumps(
    row("symbol bidPrice bidQty askPrice askQty", "BTCUSDT", "19010.50000000", "0.5", "19010.60000000", "0.25")
)


def order(status: str = "NEW", executed: str = "0.00000000", **told: object) -> str:
    """As GET /api/v3/order tells it."""
    whole = {
        **row("symbol orderId orderListId clientOrderId", "BTCUSDT", 28, -1, OURS),
        **row("price origQty executedQty cummulativeQuoteQty", "19010.50000000", "0.34500000", executed, "0.00000000"),
        **row("status timeInForce type side isWorking", status, "GTC", "LIMIT", "SELL", True),
        **row("time updateTime", 1767225600000, 1767225600000),
    }
    return json.dumps(whole | told)


def trade(
    trade_id: int, quantity: str, quote: str, fee: str = "0.00000000", asset: str = "USDT", **told: object
) -> Any:
    whole = {
        **row("symbol id orderId orderListId time", "BTCUSDT", trade_id, 28, -1, 1767225600000),
        **row("price qty quoteQty", "19010.50000000", quantity, quote),
        **row("commission commissionAsset", fee, asset),
        **row("isBuyer isMaker isBestMatch", False, False, True),
    }
    return whole | told


def said(code: int, message: str, status: int = 400, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, json.dumps({"code": code, "msg": message}), names)


# Funds

TRON = "TNVKapRqwuMCnr2kNRYkAC5yQTmDVYsNct"
WITHDRAWAL = "0123456789abcdef0123456789abcdef"  # our id of one


def network(name: str = "TRX", **told: object) -> dict[str, object]:
    """One of a coin's in config/getall."""
    return {
        **row("network coin name isDefault busy", name, "USDT", name, False, False),
        **row("depositEnable withdrawEnable sameAddress", True, True, False),
        **row("addressRegex memoRegex", "^T[1-9A-HJ-NP-Za-km-z]{33}$", ""),
        **row("withdrawFee withdrawMin withdrawMax", "1", "10", "10000000"),
        **row("withdrawIntegerMultiple minConfirm", "0.000001", 1),
    } | told


def coins(*networks: dict[str, object], coin: str = "USDT") -> str:
    """config/getall; of Bitcoin, too, which nobody asks about."""
    others = row("coin free networkList", "BTC", "0", [network("BTC", coin="BTC")])
    return json.dumps([others, row("coin free networkList", coin, "7", list(networks or (network(),)))])


def address(**told: object) -> str:
    whole = row("address coin tag url", TRON, "USDT", "", f"https://tronscan.org/#/address/{TRON}")
    return json.dumps(whole | told)


def deposit(deposit_id: str = "769800519366885376", **told: object) -> dict[str, object]:
    return {
        **row("id amount coin network status", deposit_id, "12.345678", "USDT", "TRX", 1),
        **row("address addressTag txId insertTime", TRON, "", "hash-1", 1767225600123),
        **row("transferType confirmTimes unlockConfirm walletType", 0, "1/1", 0, 0),
    } | told


def withdrawal(**told: object) -> dict[str, object]:
    return {
        **row("id amount transactionFee coin", "b6ae22b3aa844210a7041aee7589627c", "99", "1", "USDT"),
        **row("status address addressTag txId", 6, TRON, "", "hash-9"),
        **row("applyTime network transferType walletType", "2026-01-01 00:00:00", "TRX", 0, 0),
        **row("withdrawOrderId info confirmNo", WITHDRAWAL, "", 3),
    } | told


APPLIED = '{"id": "b6ae22b3aa844210a7041aee7589627c"}'
BALANCES = json.dumps({"balances": [row("asset free locked", "USDT", "900.10000000", "1.00000000")]})


# Making a market

BTC_USDT = Market("BTC", "USDT")
NEXT = "bcdefghijklmnopqr2"
QUOTE = Quote(Side.SELL, Decimal("19010.5"), Decimal("0.345"), OURS)
SUCCESSOR = replace(QUOTE, client_order_id=NEXT)
ACCEPTED = json.dumps(row("symbol orderId orderListId clientOrderId transactTime", "BTCUSDT", 28, -1, OURS, 1))
OPEN = f"[{order(type='LIMIT_MAKER')}]"
BOOK = json.dumps({"lastUpdateId": 1, "bids": [["99.9", "1.5"], ["99.8", "2"]], "asks": [["100.1", "0.25"]]})
ANNOUNCED = json.dumps(
    json.loads(info())
    | {"rateLimits": [row("rateLimitType interval intervalNum limit", "REQUEST_WEIGHT", "MINUTE", 1, 6000)]}
).replace('"filters": [', '"filters": [{"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200}, ')
ORDER_LIMITS = json.dumps(
    [
        row("rateLimitType interval intervalNum limit count", "ORDERS", "SECOND", 10, 100, 0),
        row("rateLimitType interval intervalNum limit count", "ORDERS", "DAY", 1, 200_000, 0),
    ]
)


def ended(name: str = OURS, status: str = "CANCELED", **told: object) -> str:
    """As a cancellation tells of an order."""
    whole: dict[str, object] = json.loads(order(status))
    return json.dumps(whole | row("origClientOrderId clientOrderId", name, "theirs") | told)


def replaced(old: str, new: str, name: str = "SUCCESS") -> dict[str, object]:
    """What a replacement tells; old, new: JSON of each part."""
    parts = row("cancelResponse newOrderResponse", json.loads(old), json.loads(new))
    return row("cancelResult newOrderResult", "SUCCESS", name) | parts
