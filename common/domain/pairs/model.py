"""A pair, as two operators have agreed on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from common.errors import Conflict, NotFound


class PairNotFound(NotFound):
    """The pair is not traded here."""


class PairFixed(Conflict):
    """The symbol, the exchange and the assets of a pair never change: its memos name it. Save another pair, and disable
    this one."""


class PairMoved(Conflict):
    """The pair was saved by somebody else meanwhile. Look at it again."""


class PairTaken(Conflict):
    """Another pair has this symbol at this exchange."""


def coins(symbol: str) -> tuple[str, str]:
    """The exchange's names of base and quote, of BTC-USDT."""
    base, quote = symbol.split("-")
    return base, quote


@dataclass(frozen=True)
class Pair:
    """What may be quoted at an exchange. Assets are the custody's; symbols are the exchange's. `fee_bps` of the quote
    asset is the desk's, once the payment is complete. A disabled pair opens no order."""

    pair_id: UUID
    symbol: str  # BTC-USDT
    exchange: str
    base_asset_id: str
    quote_asset_id: str
    base_min: Decimal
    quote_min: Decimal
    fee_bps: Decimal
    enabled: bool

    @property
    def coins(self) -> tuple[str, str]:
        """As of `coins`."""
        return coins(self.symbol)


@dataclass(frozen=True)
class SavedPair:
    """A pair as it was written, and when."""

    pair: Pair
    saved_at: datetime


def check_pair(after: Pair, before: Pair | None, others: Iterable[Pair]) -> None:
    """What it trades stays, and no other pair trades it. Raises PairFixed, PairTaken."""
    for other in others:
        if other.pair_id != after.pair_id and (other.exchange, other.symbol) == (after.exchange, after.symbol):
            raise PairTaken(f"{other.pair_id} is {after.symbol} at {after.exchange}", id=str(other.pair_id))
    if before is not None and _trades(before) != _trades(after):
        raise PairFixed(f"it is {before.symbol} at {before.exchange}, and stays so", id=str(after.pair_id))


def is_switched_off(before: Pair | None, after: Pair) -> bool:
    """Does nothing else change but that it opens no order any more?"""
    return before is not None and before.enabled and after == replace(before, enabled=False)


def _trades(pair: Pair) -> tuple[str, str, str, str]:
    return pair.symbol, pair.exchange, pair.base_asset_id, pair.quote_asset_id
