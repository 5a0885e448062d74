"""What Binance answers, member by member: markets, orders and trades in its words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from common.money import fraction_digits
from sandbox.exchange.orders import BUY, Kind, Order, Symbol, Trade

PRECISION = 8
QUANTITY_MAX = Decimal(9_000_000_000)
PRICE_MAX = Decimal(100_000_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO = "0.00000000"


def amount(value: Decimal) -> str:
    """With 8 decimals, or all that it has."""
    return format(value, f".{max(PRECISION, fraction_digits(value))}f")


def ms(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def symbol_info(symbol: Symbol, status: str, open_orders_max: int) -> dict[str, Any]:
    filters = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(symbol.price_step),
            "maxPrice": amount(PRICE_MAX),
            "tickSize": amount(symbol.price_step),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": amount(symbol.min_quantity),
            "maxQty": amount(QUANTITY_MAX),
            "stepSize": amount(symbol.quantity_step),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(symbol.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(QUANTITY_MAX),
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": open_orders_max},
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
        "cancelReplaceAllowed": True,
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
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed),
        "origQuoteOrderQty": _ZERO,
        "cummulativeQuoteQty": amount(order.gross),
        "status": str(order.status),
        "timeInForce": str(order.time_in_force),
        "type": str(order.kind),
        "side": order.side,
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }


def queried(order: Order) -> dict[str, Any]:
    return _common(order) | {
        "stopPrice": _ZERO,
        "icebergQty": _ZERO,
        "time": ms(order.at),
        "updateTime": ms(order.updated_at),
        "isWorking": True,
        "workingTime": ms(order.at),
    }


def placed(order: Order, trades: list[Trade], told: str) -> dict[str, Any]:
    at = {"transactTime": ms(order.at)}
    if told == "ACK":
        return {name: _common(order)[name] for name in ("symbol", "orderId", "orderListId", "clientOrderId")} | at
    result = _common(order) | at | {"workingTime": ms(order.at)}
    if told == "RESULT":
        return result
    return result | {
        "fills": [
            {
                "price": amount(trade.price),
                "qty": amount(trade.quantity),
                "commission": amount(trade.fee),
                "commissionAsset": trade.fee_asset,
                "tradeId": trade.trade_id,
            }
            for trade in trades
        ]
    }


def cancelled(order: Order, name: str) -> dict[str, Any]:
    """name: of the cancellation."""
    return _common(order) | {
        "origClientOrderId": order.client_order_id,
        "clientOrderId": name,
        "transactTime": ms(order.updated_at),
    }


def traded(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": -1,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "commission": amount(trade.fee),
        "commissionAsset": trade.fee_asset,
        "time": ms(trade.at),
        "isBuyer": trade.side == BUY,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }
