"""Campaigns that pay who makes a market, as their port and market making both speak of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from common.money import Quantity


class Kind(StrEnum):
    """What a campaign pays for. Others than these pay for holding, which is not ours."""

    MARKET_MAKING = "MARKET_MAKING"  # for volume, each day, in full from a target on
    COMPETITIVE_MARKET_MAKING = "COMPETITIVE_MARKET_MAKING"  # by rank, for who has a minimum
    THRESHOLD_MARKET_MAKING = "THRESHOLD_MARKET_MAKING"  # the same to all who have a minimum, and to others nothing


class Status(StrEnum):
    ACTIVE = "ACTIVE"
    ENDING = "ENDING"  # it is being cancelled
    OVER = "OVER"


@dataclass(frozen=True)
class Campaign:
    """A contract at `address` of a chain (`0x…`, in small letters), which pays from `fund` for the volume of `symbol`
    (`BTC-USDT`) at `exchange`.

    `fund` is of its token, by the symbol that the token's own contract has: anybody may choose any. `decimals` are the
    token's. `minimum_volume`, of the whole campaign, and `daily_target` are in the quote asset; None where its kind has
    none.
    """

    chain_id: int
    address: str
    kind: Kind
    exchange: str
    symbol: str
    starts_at: datetime
    ends_at: datetime
    status: Status
    fund: Quantity
    decimals: int
    minimum_volume: Decimal | None = None
    daily_target: Decimal | None = None

    @property
    def campaign_id(self) -> str:
        return campaign_id(self.chain_id, self.address)

    @property
    def token(self) -> str:
        return self.fund.asset_id

    def runs(self, at: datetime) -> bool:
        """May it be joined? One that has not begun may."""
        return self.status is Status.ACTIVE and at < self.ends_at


@dataclass(frozen=True)
class Score:
    """What a campaign counts for a participant in its period that runs, or ran last: his volume and everybody's, in the
    quote asset, and what he would be paid for it, in whole units of its token."""

    volume: Decimal
    total_volume: Decimal
    reward: Decimal
    told_at: datetime


def campaign_id(chain_id: int, address: str) -> str:
    """`137-0x…`"""
    return f"{chain_id}-{address.lower()}"
