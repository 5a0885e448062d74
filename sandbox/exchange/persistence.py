"""What the venue knows, as JSON can hold it. Amounts and ids are text, times are `common.clock.text`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.clock import instant, text
from common.money import EXACT
from sandbox.exchange.accounts import NOTHING, Account, Entry
from sandbox.exchange.book import TimeInForce
from sandbox.exchange.orders import Fees, Kind, Status, Symbol, Trade


def state_of_symbol(symbol: Symbol) -> dict[str, str]:
    return {
        "name": symbol.name,
        "base": symbol.base,
        "quote": symbol.quote,
        "price_step": _text(symbol.price_step),
        "quantity_step": _text(symbol.quantity_step),
        "min_quantity": _text(symbol.min_quantity),
        "min_notional": _text(symbol.min_notional),
        "symbol_id": str(symbol.symbol_id),
    }


def symbol_of(told: Mapping[str, str]) -> Symbol:
    return Symbol(
        told["name"],
        told["base"],
        told["quote"],
        Decimal(told["price_step"]),
        Decimal(told["quantity_step"]),
        Decimal(told["min_quantity"]),
        Decimal(told["min_notional"]),
        int(told["symbol_id"]),
    )


def state_of_account(account: Account) -> dict[str, Any]:
    """An endless account has nothing locked: its open orders are not kept."""
    free, locked = account.free, account.locked
    if account.endless:
        free = {asset: EXACT.add(free.get(asset, NOTHING), locked.get(asset, NOTHING)) for asset in free | locked}
        locked = {}
    return {
        "name": account.name,
        "endless": account.endless,
        "fees": None if account.fees is None else _state_of_fees(account.fees),
        "free": {asset: _text(amount) for asset, amount in free.items()},
        "locked": {asset: _text(amount) for asset, amount in locked.items()},
    }


def account_of(told: Mapping[str, Any]) -> Account:
    """Without orders."""
    fees = None if told["fees"] is None else _fees_of(told["fees"])
    account = Account(told["name"], endless=told["endless"], fees=fees)
    account.free = {asset: Decimal(amount) for asset, amount in told["free"].items()}
    account.locked = {asset: Decimal(amount) for asset, amount in told["locked"].items()}
    return account


def _state_of_fees(fees: Fees) -> dict[str, str | None]:
    return {
        "taker_bps": _text(fees.taker_bps),
        "maker_bps": _text(fees.maker_bps),
        "asset": fees.asset,
        "asset_price": _text(fees.asset_price),
    }


def _fees_of(told: Mapping[str, Any]) -> Fees:
    return Fees(Decimal(told["taker_bps"]), Decimal(told["maker_bps"]), told["asset"], Decimal(told["asset_price"]))


def state_of_entry(entry: Entry) -> dict[str, Any]:
    """An order with its trades."""
    return {
        "order_id": str(entry.order_id),
        "client_order_id": entry.client_order_id,
        "account": entry.account,
        "symbol": entry.symbol.name,
        "side": entry.side,
        "kind": str(entry.kind),
        "time_in_force": str(entry.time_in_force),
        "price": _text(entry.price),
        "quantity": _text(entry.quantity),
        "at": text(entry.at),
        "updated_at": text(entry.updated_at),
        "locked": _text(entry.locked),
        "executed": _text(entry.executed),
        "gross": _text(entry.gross),
        "status": str(entry.status),
        "reason": entry.reason,
        "doomed": entry.doomed,
        "aside": entry.aside,
        "trades": [_state_of_trade(trade) for trade in entry.trades],
    }


def entry_of(told: Mapping[str, Any], symbols: Mapping[str, Symbol]) -> Entry:
    entry = Entry(
        int(told["order_id"]),
        told["client_order_id"],
        told["account"],
        symbols[told["symbol"]],
        told["side"],
        Kind(told["kind"]),
        TimeInForce(told["time_in_force"]),
        Decimal(told["price"]),
        Decimal(told["quantity"]),
        instant(told["at"]),
        instant(told["updated_at"]),
        Decimal(told["locked"]),
        Decimal(told["executed"]),
        Decimal(told["gross"]),
        Status(told["status"]),
        told["reason"],
        told["doomed"],
        told["aside"],
    )
    entry.trades = [_trade_of(trade, entry) for trade in told["trades"]]
    return entry


def _state_of_trade(trade: Trade) -> dict[str, Any]:
    """What its order does not tell."""
    return {
        "trade_id": str(trade.trade_id),
        "price": _text(trade.price),
        "quantity": _text(trade.quantity),
        "quote_quantity": _text(trade.quote_quantity),
        "fee": _text(trade.fee),
        "fee_asset": trade.fee_asset,
        "maker": trade.maker,
        "at": text(trade.at),
    }


def _trade_of(told: Mapping[str, Any], entry: Entry) -> Trade:
    at: datetime = instant(told["at"])
    return Trade(
        int(told["trade_id"]),
        entry.order_id,
        entry.account,
        entry.symbol.name,
        entry.side,
        Decimal(told["price"]),
        Decimal(told["quantity"]),
        Decimal(told["quote_quantity"]),
        Decimal(told["fee"]),
        told["fee_asset"],
        told["maker"],
        at,
    )


def _text(amount: Decimal) -> str:
    """Without an exponent, with the zeros that it has."""
    return format(amount, "f")
