"""Campaigns in the table: who seeks them, which are joined, whose volume counts, what was told of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.update import Action

from common import keys
from common.campaigns import Campaign, Kind, Score, Status
from common.errors import Refusal
from common.money import Quantity
from common.table.items import DecimalAttribute, InstantAttribute, Item
from common.table.table import Query, Table, partition
from common.table.transaction import Write
from functions.market_making.campaigns import CampaignNotJoined, Choice, Member, Seeker, Taking, Told


class CampaignItem(Item, discriminator=keys.MARKET_MAKING_CAMPAIGN.entity):
    exchange = UnicodeAttribute()
    symbol = UnicodeAttribute()


class SeekerItem(Item, discriminator=keys.CAMPAIGN_SEEKER.entity):
    account_id = UnicodeAttribute()
    exchange = UnicodeAttribute()
    symbol = UnicodeAttribute()
    named = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)


class JoinedItem(Item, discriminator=keys.JOINED_CAMPAIGN.entity):
    chain_id = DecimalAttribute()
    address = UnicodeAttribute()
    kind = UnicodeAttribute()
    exchange = UnicodeAttribute()
    symbol = UnicodeAttribute()
    starts_at = InstantAttribute()
    ends_at = InstantAttribute()
    status = UnicodeAttribute()
    fund = DecimalAttribute()
    token = UnicodeAttribute()
    decimals = DecimalAttribute()
    minimum_volume = DecimalAttribute(null=True)
    daily_target = DecimalAttribute(null=True)
    participant = UnicodeAttribute()
    reads_with = UnicodeAttribute()
    volume = DecimalAttribute(null=True)
    total_volume = DecimalAttribute(null=True)
    reward = DecimalAttribute(null=True)
    told_at = InstantAttribute(null=True)
    asked_at = InstantAttribute(null=True)


class MemberItem(Item, discriminator=keys.CAMPAIGN_MEMBER.entity): ...


class ScoreItem(Item, discriminator=keys.CAMPAIGN_SCORE.entity):
    last_day = UnicodeAttribute()
    volume = DecimalAttribute()
    total_volume = DecimalAttribute()
    reward = DecimalAttribute()
    told_at = InstantAttribute()


class AlreadyJoined(Refusal):
    """Another round has written it."""


class AlreadyMember(Refusal):
    """Another round has written it."""


# Of an order


def record(order_id: str, campaign_id: str, exchange: str, symbol: str, at: datetime) -> Write:
    """That an order is in a campaign, its own or another's."""
    key = keys.MARKET_MAKING_CAMPAIGN(order_id=order_id, campaign_id=campaign_id)
    return Write.put(CampaignItem(*key, exchange=exchange, symbol=symbol, created_at=at, updated_at=at))


def of_order(table: Table, order_id: str) -> list[str]:
    """The ids of the campaigns that it is in."""
    prefix = keys.MARKET_MAKING_CAMPAIGN.prefix
    query = Query(partition(order_id) & Item.SK.startswith(prefix))
    return [item.SK.removeprefix(prefix) for item in table.all(CampaignItem, query)]


def seek(seeker: Seeker, at: datetime) -> Write:
    choice = seeker.choice
    item = SeekerItem(
        *keys.CAMPAIGN_SEEKER(order_id=seeker.order_id),
        account_id=seeker.account_id,
        exchange=seeker.exchange,
        symbol=seeker.symbol,
        named=choice.named,
        kind=choice.kind,
        token=choice.token,
        created_at=at,
        updated_at=at,
    )
    return Write.put(item)


def seek_no_more(order_id: str) -> Write:
    return Write.delete(SeekerItem(*keys.CAMPAIGN_SEEKER(order_id=order_id)))


def seekers(table: Table) -> list[Seeker]:
    """All of them, by their orders' ids."""
    query = Query(partition(keys.CAMPAIGN_SEEKER.partition()) & Item.SK.startswith(keys.CAMPAIGN_SEEKER.prefix))
    return [
        Seeker(
            order_id=item.SK.removeprefix(keys.CAMPAIGN_SEEKER.prefix),
            account_id=item.account_id,
            exchange=item.exchange,
            symbol=item.symbol,
            choice=Choice(item.named, None if item.kind is None else Kind(item.kind), item.token),
        )
        for item in table.all(SeekerItem, query)
    ]


# Of a trading account


def joined(table: Table) -> list[Taking]:
    """All, those that are over too, by account and campaign."""
    query = Query(
        partition(keys.JOINED_CAMPAIGN.partition()) & Item.SK.startswith(keys.JOINED_CAMPAIGN.prefix), consistent=True
    )
    return [_taking_of(item) for item in table.all(JoinedItem, query)]


def taking(table: Table, account_id: str, campaign_id: str) -> Taking:
    """Raises CampaignNotJoined."""
    item = table.get(JoinedItem, keys.JOINED_CAMPAIGN(account_id=account_id, campaign_id=campaign_id))
    if item is None:
        raise CampaignNotJoined("the trading account is in no such campaign", id=f"{account_id} {campaign_id}")
    return _taking_of(item)


def insert(taking: Taking) -> Write:
    """Refused with AlreadyJoined."""
    campaign, at = taking.campaign, taking.joined_at
    item = JoinedItem(
        *_key(taking),
        chain_id=Decimal(campaign.chain_id),
        address=campaign.address,
        kind=campaign.kind,
        exchange=campaign.exchange,
        symbol=campaign.symbol,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        status=campaign.status,
        fund=campaign.fund.amount,
        token=campaign.token,
        decimals=Decimal(campaign.decimals),
        minimum_volume=campaign.minimum_volume,
        daily_target=campaign.daily_target,
        participant=taking.participant,
        reads_with=taking.reads_with,
        created_at=at,
        updated_at=at,
    )
    return Write.insert(item, otherwise=AlreadyJoined("it is joined"))


def asked(taking: Taking, status: Status, score: Score | None, at: datetime) -> Write:
    """What was told when it was asked; a score that was told earlier stays."""
    item = JoinedItem
    actions: list[Action] = [item.status.set(status), item.asked_at.set(at), item.updated_at.set(at)]
    if score is not None:
        actions += [
            item.volume.set(score.volume),
            item.total_volume.set(score.total_volume),
            item.reward.set(score.reward),
            item.told_at.set(score.told_at),
        ]
    gone = CampaignNotJoined("the trading account is in no such campaign")
    return Write.update(item(*_key(taking)), *actions, when=item.PK.exists(), otherwise=gone)


def count(taking: Taking, told: Told, at: datetime) -> Write:
    """What was told of a period last."""
    item = ScoreItem(
        *keys.CAMPAIGN_SCORE(**_named(taking), date=told.first.isoformat()),
        last_day=told.last.isoformat(),
        volume=told.score.volume,
        total_volume=told.score.total_volume,
        reward=told.score.reward,
        told_at=told.score.told_at,
        created_at=at,
        updated_at=at,
    )
    return Write.put(item)


def told(table: Table, taking: Taking) -> list[Told]:
    """Of each period, the newest first."""
    key = keys.CAMPAIGN_SCORE
    query = Query(partition(key.partition(**_named(taking))) & Item.SK.startswith(key.prefix), newest_first=True)
    return [
        Told(
            date.fromisoformat(item.SK.removeprefix(key.prefix)),
            date.fromisoformat(item.last_day),
            Score(item.volume, item.total_volume, item.reward, item.told_at),
        )
        for item in table.all(ScoreItem, query)
    ]


def take_part(taking: Taking, seeker: Seeker, at: datetime) -> Sequence[Write]:
    """An order has its part of what the campaign pays from now on. Refused with AlreadyMember."""
    campaign = taking.campaign
    member = MemberItem(*keys.CAMPAIGN_MEMBER(**_named(taking), order_id=seeker.order_id), created_at=at, updated_at=at)
    return [
        Write.insert(member, otherwise=AlreadyMember("the order has its part")),
        record(seeker.order_id, campaign.campaign_id, campaign.exchange, campaign.symbol, at),
    ]


def members(table: Table, taking: Taking) -> list[Member]:
    """By their ids."""
    key = keys.CAMPAIGN_MEMBER
    query = Query(partition(key.partition(**_named(taking))) & Item.SK.startswith(key.prefix))
    return [Member(item.SK.removeprefix(key.prefix), item.created_at) for item in table.all(MemberItem, query)]


def _named(taking: Taking) -> dict[str, str]:
    return {"account_id": taking.account_id, "campaign_id": taking.campaign.campaign_id}


def _key(taking: Taking) -> keys.PrimaryKey:
    return keys.JOINED_CAMPAIGN(**_named(taking))


def _taking_of(item: JoinedItem) -> Taking:
    campaign = Campaign(
        chain_id=int(item.chain_id),
        address=item.address,
        kind=Kind(item.kind),
        exchange=item.exchange,
        symbol=item.symbol,
        starts_at=item.starts_at,
        ends_at=item.ends_at,
        status=Status(item.status),
        fund=Quantity(item.fund, item.token),
        decimals=int(item.decimals),
        minimum_volume=item.minimum_volume,
        daily_target=item.daily_target,
    )
    score = None
    if item.told_at is not None:
        score = Score(item.volume, item.total_volume, item.reward, item.told_at)
    return Taking(
        account_id=keys.JOINED_CAMPAIGN.read(keys.PrimaryKey(item.PK, item.SK))["account_id"],
        campaign=campaign,
        participant=item.participant,
        reads_with=item.reads_with,
        joined_at=item.created_at,
        score=score,
        asked_at=item.asked_at,
    )
