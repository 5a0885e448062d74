"""HTTP for operators: the campaigns that trading accounts have joined, and whose their rewards are."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import Field

from common.campaigns import Kind
from common.campaigns import Status as CampaignStatus
from common.http import caller
from common.money import plain
from common.wire import InstantText, View
from functions.market_making.api.door import AccountId, app
from functions.market_making.campaigns import Taking
from functions.market_making.service.campaigning import Period
from functions.market_making.wiring import campaigning

JoinedCampaignId = Annotated[str, Path(pattern="^[0-9]{1,16}-0x[0-9a-f]{40}$")]


class JoinedCampaignView(View):
    """A campaign that a trading account has joined, and what it was told of it last. Volumes are in the pair's quote
    asset; the reward is of the period that runs, or ran last: a day, or all of it."""

    account_id: str
    campaign_id: str
    type: Kind
    exchange: str
    pair: str
    status: CampaignStatus
    starts_at: InstantText
    ends_at: InstantText
    fund: str = Field(description="all that it pays, in its token")
    token: str
    minimum_volume: str | None = Field(description="without it nothing is paid")
    daily_target: str | None = Field(description="with it all of a day's fund is paid")
    participant: str = Field(description="the address that is paid")
    joined_at: InstantText
    volume: str | None
    total_volume: str | None = Field(description="of all participants")
    reward: str | None
    told_at: InstantText | None


class JoinedCampaignList(View):
    items: list[JoinedCampaignView]


class ShareView(View):
    order_id: str
    maker_volume: str = Field(description="of the period's days, while it took part")
    reward: str = Field(description="its part, in the token")


class CampaignPeriodView(View):
    """What is paid together. The shares add up to the reward, to the token's last digit."""

    first_day: str
    last_day: str
    volume: str
    total_volume: str
    reward: str
    told_at: InstantText
    shares: list[ShareView]


class CampaignDetailView(View):
    campaign: JoinedCampaignView
    periods: list[CampaignPeriodView] = Field(description="the newest first")


@app.get(
    "/operations/market-making/campaigns", tags=["operators"], summary="Campaigns that the trading accounts have joined"
)
def joined_campaigns() -> JoinedCampaignList:
    """Those that run, and those that were told of last; each with what is expected of it."""
    caller(app).must_be_viewer()
    return JoinedCampaignList(items=[_joined(taking) for taking in campaigning().takings()])


@app.get(
    "/operations/market-making/campaigns/<account_id>/<campaign_id>",
    tags=["operators"],
    summary="What a campaign pays, and whose it is",
)
def joined_campaign(account_id: AccountId, campaign_id: JoinedCampaignId) -> CampaignDetailView:
    """Rewards are attributed here; they are paid out by hand."""
    caller(app).must_be_viewer()
    taking, periods = campaigning().periods(account_id, campaign_id)
    return CampaignDetailView(campaign=_joined(taking), periods=[_period(period) for period in periods])


def _joined(taking: Taking) -> JoinedCampaignView:
    campaign, score = taking.campaign, taking.score
    least, target = campaign.minimum_volume, campaign.daily_target
    return JoinedCampaignView(
        account_id=taking.account_id,
        campaign_id=campaign.campaign_id,
        type=campaign.kind,
        exchange=campaign.exchange,
        pair=campaign.symbol,
        status=campaign.status,
        starts_at=campaign.starts_at,
        ends_at=campaign.ends_at,
        fund=plain(campaign.fund.amount),
        token=campaign.token,
        minimum_volume=None if least is None else plain(least),
        daily_target=None if target is None else plain(target),
        participant=taking.participant,
        joined_at=taking.joined_at,
        volume=None if score is None else plain(score.volume),
        total_volume=None if score is None else plain(score.total_volume),
        reward=None if score is None else plain(score.reward),
        told_at=None if score is None else score.told_at,
    )


def _period(period: Period) -> CampaignPeriodView:
    told = period.told
    return CampaignPeriodView(
        first_day=told.first.isoformat(),
        last_day=told.last.isoformat(),
        volume=plain(told.score.volume),
        total_volume=plain(told.score.total_volume),
        reward=plain(told.score.reward),
        told_at=told.score.told_at,
        shares=[
            ShareView(order_id=share.order_id, maker_volume=plain(share.maker_volume), reward=plain(share.reward))
            for share in period.shares
        ],
    )
