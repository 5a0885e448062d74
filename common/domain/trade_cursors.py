"""Up to which trade of a trading account in a market all are somebody's, as its ticker has looked at them.

It goes forward as trades are told. Two operators may set it back: from there on all are looked at again, and what is
booked already is not booked once more. The orders that are quoted there follow, each with its own cursor, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from common import keys
from common.errors import Conflict, Refusal
from common.table.items import DecimalAttribute, Item
from common.table.table import Table
from common.table.transaction import Write


class CursorElsewhere(Conflict):
    """A cursor is set back only: never forward, and not before the first trade of its account."""


class TradesCursorMoved(Refusal):
    """Another ticker has come as far, or operators have set it back."""


@dataclass(frozen=True)
class TradesCursor:
    """`trade_id`: all trades up to it are looked at, 0 before the first; `first` was the first that was ever told.
    Operators have set it back `set_backs` times, last to `set_back_to`."""

    trade_id: int = 0
    first: int = 1
    set_backs: int = 0
    set_back_to: int = 0

    def why_not_back_to(self, trade_id: int) -> str | None:
        if trade_id >= self.trade_id:
            return f"trades are looked at up to {self.trade_id}: it is set back only"
        if trade_id < self.first - 1:
            return f"the account's first trade there was {self.first}"
        return None


class TradesCursorItem(Item, discriminator=keys.TRADES_CURSOR.entity):
    trade_id = DecimalAttribute()
    first = DecimalAttribute(null=True)
    set_backs = DecimalAttribute(null=True)
    set_back_to = DecimalAttribute(null=True)


def find(table: Table, account_id: str, symbol: str, *, consistent: bool = False) -> TradesCursor:
    key = keys.TRADES_CURSOR(account_id=account_id, symbol=symbol)
    item = table.get(TradesCursorItem, key, consistent=consistent)
    if item is None:
        return TradesCursor()
    return TradesCursor(int(item.trade_id), int(item.first or 1), int(item.set_backs or 0), int(item.set_back_to or 0))


def move(account_id: str, symbol: str, read: TradesCursor, first: int, trade_id: int, at: datetime) -> Write:
    """Forward only, and by who knows how often it was set back. `first` is the first trade that is told now. Refused
    with TradesCursorMoved."""
    item = TradesCursorItem
    forward = item.PK.does_not_exist() | (item.trade_id < Decimal(trade_id))
    known = item.set_backs == Decimal(read.set_backs) if read.set_backs else item.set_backs.does_not_exist()
    return Write.update(
        item(*keys.TRADES_CURSOR(account_id=account_id, symbol=symbol)),
        item.entity_type.set(item),
        item.trade_id.set(Decimal(trade_id)),
        item.first.set(item.first | Decimal(first)),
        item.created_at.set(item.created_at | at),
        item.updated_at.set(at),
        when=forward & known,
        otherwise=TradesCursorMoved("another ticker has come as far"),
    )


def set_back(account_id: str, symbol: str, trade_id: int, at: datetime) -> Write:
    """Never forward, and not before the account's first trade. Refused with CursorElsewhere."""
    item = TradesCursorItem
    within = item.first.does_not_exist() | (item.first <= Decimal(trade_id + 1))
    return Write.update(
        item(*keys.TRADES_CURSOR(account_id=account_id, symbol=symbol)),
        item.trade_id.set(Decimal(trade_id)),
        item.set_back_to.set(Decimal(trade_id)),
        item.set_backs.add(Decimal(1)),
        item.updated_at.set(at),
        when=(item.trade_id > Decimal(trade_id)) & within,
        otherwise=CursorElsewhere(f"it can not be set back to {trade_id}", id=account_id),
    )
