"""What HuFi keeps: campaigns, who takes part, and by which key of an exchange his trades are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    MARKET_MAKING = "MARKET_MAKING"
    COMPETITIVE_MARKET_MAKING = "COMPETITIVE_MARKET_MAKING"
    THRESHOLD_MARKET_MAKING = "THRESHOLD_MARKET_MAKING"
    HOLDING = "HOLDING"


class Status(StrEnum):
    ACTIVE = "active"
    TO_CANCEL = "to_cancel"
    CANCELLED = "cancelled"
    COMPLETED = "completed"


class HufiRefused(Exception):
    """An error in HuFi's words."""

    def __init__(self, status: int, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.details = details


@dataclass
class Campaign:
    """`target` is of the kind: a day's volume, the least volume, or the balance to hold. `fund` is in the token's
    smallest unit."""

    chain_id: int
    address: str  # with capitals as its checksum has them, or not
    kind: Kind
    exchange: str
    symbol: str  # BTC/USDT
    starts_at: datetime
    ends_at: datetime
    fund: int
    token: str
    decimals: int
    target: Decimal
    distribution: tuple[int, ...] = (50, 30, 20)  # percent, by rank
    participants_max: int | None = None
    status: Status = Status.ACTIVE
    participants: dict[str, datetime] = field(default_factory=dict)  # by address, since when; in their order

    @property
    def name(self) -> str:
        return f"{self.chain_id}-{self.address.lower()}"

    def now(self, at: datetime) -> Status:
        if self.status is Status.ACTIVE and at >= self.ends_at:
            return Status.COMPLETED
        return self.status

    def period(self, at: datetime) -> tuple[datetime, datetime]:
        """What is counted together: a day of the campaign's own, or all of it."""
        until = min(at, self.ends_at)
        if self.kind is not Kind.MARKET_MAKING or until <= self.starts_at:
            return self.starts_at, max(until, self.starts_at)
        days = (until - self.starts_at - timedelta(microseconds=1)) // timedelta(days=1)
        return self.starts_at + days * timedelta(days=1), until

    def pool(self) -> Decimal:
        """What a period has to give, in whole units of the token."""
        fund = Decimal(self.fund).scaleb(-self.decimals)
        if self.kind is not Kind.MARKET_MAKING:
            return fund
        days = -((self.starts_at - self.ends_at) // timedelta(days=1))
        return fund / days


@dataclass
class Key:
    """Of a participant, for an exchange."""

    exchange: str
    api_key: str
    secret: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trade:
    """One side of a trade; `volume` is of the quote asset."""

    trade_id: str
    volume: Decimal
    at: datetime


@dataclass(frozen=True)
class Outcome:
    """Of a participant in a period. Who brought trades that another has brought before gets nothing."""

    address: str
    volume: Decimal
    score: Decimal
    reward: Decimal
    abuse: bool
