"""Which campaigns an order's owner wants to be in, and what they pay for. Pure.

A campaign pays a trading account for the volume of all its orders. What it pays is theirs by what each has made as a
maker, day by day, to the last digit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from functools import reduce
from typing import Protocol

from common.campaigns import Campaign, Kind, Score, Status
from common.errors import Conflict, NotFound
from common.money import EXACT, ROUNDING

COUNTED_EVERY = timedelta(hours=1)  # so often it is asked what a campaign pays
LOOKED_AFTER = timedelta(days=7)  # beyond its end, where it is never told to be over


class JoinedByAnother(Conflict):
    """Another trading account takes part with the same participant, or its trades would be counted twice."""


class CampaignNotJoined(NotFound):
    """The trading account does not take part in it."""


class Day(Protocol):
    """What an order has done on a day, UTC. Volume and fees are in the quote asset."""

    @property
    def day(self) -> date: ...

    @property
    def maker_volume(self) -> Decimal: ...

    @property
    def fees(self) -> Decimal: ...


@dataclass(frozen=True)
class Choice:
    """What an owner wants: the campaign `named`, and every one of the order's exchange and pair that is of `kind` and
    pays in `token`, where either is said. Where nothing is said, none: his order then has its part of what others of
    its account have chosen."""

    named: str | None = None
    kind: Kind | None = None
    token: str | None = None

    @property
    def anything(self) -> bool:
        return self != NOTHING

    def wants(self, campaign: Campaign) -> bool:
        if self.named == campaign.campaign_id:
            return True
        if self.kind is None and self.token is None:
            return False
        return self.kind in (None, campaign.kind) and self.token in (None, campaign.token)


NOTHING = Choice()


@dataclass(frozen=True)
class Seeker:
    """An order whose volume may count."""

    order_id: str
    account_id: str
    exchange: str
    symbol: str
    choice: Choice

    def trades(self, campaign: Campaign) -> bool:
        return (self.exchange, self.symbol) == (campaign.exchange, campaign.symbol)

    def wants(self, campaign: Campaign) -> bool:
        return self.trades(campaign) and self.choice.wants(campaign)


@dataclass(frozen=True)
class Taking:
    """A trading account takes part in a campaign, as `participant`. `reads_with` stands for the key that its trades
    are read with. `score` is what was told last, `asked_at` when."""

    account_id: str
    campaign: Campaign
    participant: str
    reads_with: str
    joined_at: datetime
    score: Score | None = None
    asked_at: datetime | None = None

    @property
    def runs(self) -> bool:
        return self.campaign.status is not Status.OVER

    def due(self, at: datetime) -> bool:
        """Is it to be asked what it pays?"""
        return self.runs and (self.asked_at is None or at >= self.asked_at + COUNTED_EVERY)


@dataclass(frozen=True)
class Member:
    """An order that has its part of what a campaign pays its account."""

    order_id: str
    since: datetime


@dataclass(frozen=True)
class Told:
    """What a campaign has told of a period, last; `first` and `last` are its days."""

    first: date
    last: date
    score: Score


@dataclass(frozen=True)
class Outlook:
    """How an account stands: `short` is the volume that it still needs, None where no minimum is asked for; `reward` is
    what is to be expected, in the token, and `net` the same less fees, in the quote asset, None where nobody knows the
    token's price."""

    volume: Decimal
    short: Decimal | None
    reward: Decimal
    net: Decimal | None


def period(campaign: Campaign, at: datetime) -> tuple[date, date]:
    """The first and the last day, UTC, of what is paid together: a day from the campaign's hour on, or all of it."""
    until = max(campaign.starts_at, min(at, campaign.ends_at))
    begins = campaign.starts_at
    if campaign.kind is Kind.MARKET_MAKING and until > begins:
        begins += (until - begins - timedelta(microseconds=1)) // timedelta(days=1) * timedelta(days=1)
    return _day(begins), _day(until)


def counted(days: Iterable[Day], since: datetime, first: date, last: date) -> list[Day]:
    """The days of an order from one to another, while it took part. A day counts whole: a campaign that begins at
    another hour counts by its own days, which nobody else's books have."""
    begins = max(first, _day(since))
    return [day for day in days if begins <= day.day <= last]


def qualified(days: Iterable[Day], since: datetime, first: date, last: date) -> Decimal:
    """The volume that an order has made from one day to another, while it took part."""
    return _sum(day.maker_volume for day in counted(days, since, first, last))


def split(reward: Decimal, decimals: int, volumes: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """A reward by volume. The parts add up to it exactly; each is whole in the token's smallest unit, rounded down, and
    what is left goes, a unit each, to those who lost most by that, then by their ids. What is finer than that unit is
    the first one's. Without any volume it is nobody's."""
    together = _sum(volumes.values())
    if not together:
        return {}
    unit = Decimal(1).scaleb(-decimals)
    parts: dict[str, Decimal] = {}
    lost: dict[str, Decimal] = {}
    for order_id, volume in volumes.items():
        # By whole numbers: a quotient has no last digit.
        wanted = EXACT.multiply(EXACT.multiply(reward, volume), Decimal(1).scaleb(decimals))
        units, lost[order_id] = ROUNDING.divmod(wanted, together)
        parts[order_id] = EXACT.multiply(units, unit)
    left = reward
    for part in parts.values():
        left = EXACT.subtract(left, part)
    first_ones = sorted((order_id for order_id in volumes if volumes[order_id]), key=lambda each: (-lost[each], each))
    for order_id in first_ones[: int(ROUNDING.divide_int(left, unit))]:
        parts[order_id] = EXACT.add(parts[order_id], unit)
        left = EXACT.subtract(left, unit)
    parts[first_ones[0]] = EXACT.add(parts[first_ones[0]], left)
    return parts


def outlook(
    campaign: Campaign, score: Score | None, volume: Decimal, fees: Decimal, price: Decimal | None = None
) -> Outlook:
    """How an account stands that has made `volume` and paid `fees`, both in the quote asset; `price` is the token's in
    it. A minimum is not reached by what only we have counted: where the campaign tells less, that is what counts; and
    below it nothing is to be expected."""
    counted = volume if score is None else min(volume, score.volume)
    short = None
    if campaign.minimum_volume is not None:
        short = max(Decimal(0), EXACT.subtract(campaign.minimum_volume, counted))
    reward = Decimal(0) if score is None or short else score.reward
    net = None if price is None else EXACT.subtract(EXACT.multiply(reward, price), fees)
    return Outlook(counted, short, reward, net)


def shares(
    told: Told, decimals: int, members: Iterable[Member], days: Mapping[str, Iterable[Day]]
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Of a period: the volume of each order that took part, and its part of the reward."""
    volumes = {
        member.order_id: qualified(days.get(member.order_id, ()), member.since, told.first, told.last)
        for member in members
    }
    reward = told.score.reward.quantize(Decimal(1).scaleb(-decimals), ROUND_FLOOR, ROUNDING)
    return volumes, split(reward, decimals, volumes)


@dataclass(frozen=True)
class Expected:
    """How an order stands in the period of a campaign that runs. `account` is of all orders of its account; the others
    are its own: what it has made as a maker and paid in fees, in the quote asset; its part of the reward, in the token;
    and that less its fees, in the quote asset, None where nobody knows the token's price."""

    campaign: Campaign
    account: Outlook
    volume: Decimal
    fees: Decimal
    reward: Decimal
    net: Decimal | None


def expected(
    taking: Taking,
    order_id: str,
    members: Iterable[Member],
    days: Mapping[str, Iterable[Day]],
    at: datetime,
    price: Decimal | None,
) -> Expected:
    """Of an order that takes part, by what each day has brought to every order that does; `price` is the token's. What
    was told of an earlier period says nothing of this one."""
    campaign, score = taking.campaign, taking.score
    first, last = period(campaign, at)
    if score is not None and period(campaign, score.told_at) != (first, last):
        score = None
    its = {one.order_id: counted(days.get(one.order_id, ()), one.since, first, last) for one in members}
    volumes = {of: _sum(day.maker_volume for day in each) for of, each in its.items()}
    fees = {of: _sum(day.fees for day in each) for of, each in its.items()}
    account = outlook(campaign, score, _sum(volumes.values()), _sum(fees.values()), price)
    whole = account.reward.quantize(Decimal(1).scaleb(-campaign.decimals), ROUND_FLOOR, ROUNDING)
    reward = split(whole, campaign.decimals, volumes).get(order_id, Decimal(0))
    own = fees.get(order_id, Decimal(0))
    net = None if price is None else EXACT.subtract(EXACT.multiply(reward, price), own)
    return Expected(campaign, account, volumes.get(order_id, Decimal(0)), own, reward, net)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, amounts, Decimal(0))


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()
