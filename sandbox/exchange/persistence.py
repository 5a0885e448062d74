"""What the venue knows, as JSON can hold it. Amounts and ids are text, times are `common.clock.text`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from itertools import islice
from typing import Any

from common.clock import instant, text
from common.money import EXACT
from sandbox.exchange.accounts import NOTHING, Account, Entry
from sandbox.exchange.book import TimeInForce
from sandbox.exchange.floor import EXCHANGE, HISTORY_MAX, Floor
from sandbox.exchange.limits import Limits
from sandbox.exchange.orders import Fees, Kind, Status, Symbol, Trade


def state_of_floor(floor: Floor, since_trade: int) -> dict[str, Any]:
    """Markets, accounts, the orders that they know, and their trades but for so many of the first ones."""
    customers = [account for account in floor.accounts.values() if not account.endless]
    return {
        "order_id": str(floor.order_id),
        "trade_id": str(floor.trade_id),
        "symbols": [_state_of_symbol(symbol) for symbol in floor.symbols.values()],
        "last_prices": {
            name: _text(market.last_price) for name, market in floor.markets.items() if market.last_price is not None
        },
        "accounts": [_state_of_account(account) for account in floor.accounts.values()],
        "orders": [_state_of_entry(entry) for account in customers for entry in account.entries.values()],
        "trades": [_state_of_trade(trade) for trade in islice(floor.tape, since_trade, None)],
    }


def read_floor(floor: Floor, state: Mapping[str, Any], *, magic: bool) -> None:
    """Let a new floor be as `state_of_floor` told.

    magic: of accounts that were kept before it was theirs.
    Raises ValueError, KeyError, TypeError or decimal.InvalidOperation for what was not told so.
    """
    for told in state["symbols"]:
        floor.open_market(_symbol_of(told))
    for name, price in state["last_prices"].items():
        floor.markets[name].last_price = Decimal(price)
    for told in state["accounts"]:
        account = _account_of(told, magic=magic)
        floor.accounts[account.name] = account
    entries = sorted((_entry_of(told, floor.symbols) for told in state["orders"]), key=lambda entry: entry.order_id)
    for entry in entries:  # ascending, so that who was first in the book is first again
        if entry.status.over:
            floor.accounts[entry.account].record(entry)
        else:
            floor.reopen(entry)
    for entry in sorted(entries, key=lambda entry: entry.updated_at):
        if entry.status.over:
            floor.accounts[entry.account].close(entry, HISTORY_MAX)
    _read_trades(floor, state["trades"] if "trades" in state else _trades_of_orders(state))
    for account in floor.accounts.values():
        locked = dict.fromkeys(account.locked, NOTHING)
        for entry in account.open.values():
            locked[entry.pays_with] = EXACT.add(locked[entry.pays_with], entry.locked)
        if locked != account.locked:
            raise ValueError(f"{account.name} has locked {account.locked}, and its open orders {locked}")
    floor.order_id, floor.trade_id = int(state["order_id"]), int(state["trade_id"])


def _read_trades(floor: Floor, rows: Iterable[Sequence[Any]]) -> None:
    for trade in sorted(map(_trade_of, rows), key=lambda trade: (trade.trade_id, trade.maker)):
        floor.tape.append(trade)
        account = floor.accounts[trade.account]
        account.tape.setdefault(trade.symbol, []).append(trade)
        entry = account.entries.get(trade.order_id)
        if entry is not None:
            entry.trades.append(trade)


def _trades_of_orders(state: Mapping[str, Any]) -> list[list[Any]]:
    """As they were kept until they had a place of their own."""
    return [
        [trade["trade_id"], told["order_id"], told["account"], told["symbol"], told["side"]]
        + [trade[name] for name in ("price", "quantity", "quote_quantity", "fee", "fee_asset", "maker", "at")]
        for told in state["orders"]
        for trade in told["trades"]
    ]


def _state_of_symbol(symbol: Symbol) -> dict[str, str]:
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


def _symbol_of(told: Mapping[str, str]) -> Symbol:
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


def _state_of_account(account: Account) -> dict[str, Any]:
    """An endless account has nothing locked: its open orders are not kept."""
    free, locked = account.free, account.locked
    if account.endless:
        free = {asset: EXACT.add(free.get(asset, NOTHING), locked.get(asset, NOTHING)) for asset in free | locked}
        locked = {}
    return {
        "name": account.name,
        "endless": account.endless,
        "magic": account.magic,
        "limits": None if account.limits is None else asdict(account.limits),
        "fees": None if account.fees is None else _state_of_fees(account.fees),
        "free": {asset: _text(amount) for asset, amount in free.items()},
        "locked": {asset: _text(amount) for asset, amount in locked.items()},
    }


def _account_of(told: Mapping[str, Any], *, magic: bool) -> Account:
    """Without orders."""
    endless, limits = told["endless"], told.get("limits")
    account = Account(
        told["name"],
        endless=endless,
        magic=told.get("magic", magic and not endless and told["name"] != EXCHANGE),
        fees=None if told["fees"] is None else _fees_of(told["fees"]),
        limits=None if limits is None else Limits(**limits),
    )
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


def _state_of_entry(entry: Entry) -> dict[str, Any]:
    """An order without its trades. One that is over does not change any more: there are many, so they are told once."""
    if not entry.status.over:
        return _told(entry)
    if entry.told is None:
        entry.told = _told(entry)
    return entry.told


def _told(entry: Entry) -> dict[str, Any]:
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
    }


def _entry_of(told: Mapping[str, Any], symbols: Mapping[str, Symbol]) -> Entry:
    return Entry(
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


def _state_of_trade(trade: Trade) -> list[Any]:
    """A row: there are many."""
    return [
        str(trade.trade_id),
        str(trade.order_id),
        trade.account,
        trade.symbol,
        trade.side,
        _text(trade.price),
        _text(trade.quantity),
        _text(trade.quote_quantity),
        _text(trade.fee),
        trade.fee_asset,
        trade.maker,
        text(trade.at),
    ]


def _trade_of(row: Sequence[Any]) -> Trade:
    trade_id, order_id, account, symbol, side, price, quantity, quote_quantity, fee, fee_asset, maker, at = row
    return Trade(
        int(trade_id),
        int(order_id),
        account,
        symbol,
        side,
        Decimal(price),
        Decimal(quantity),
        Decimal(quote_quantity),
        Decimal(fee),
        fee_asset,
        maker,
        instant(at),
    )


def _text(amount: Decimal) -> str:
    """Without an exponent, with the zeros that it has."""
    return format(amount, "f")
