"""What the ports `Campaigns` and `Participant` promise, asked of the fake in process and of the adapter
over its wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest

from common.gateways.campaigns import (
    Campaign,
    Campaigns,
    CampaignsUnavailable,
    CampaignUnknown,
    Joined,
    JoinRefused,
    KeyRefused,
    Kind,
    Participant,
    ReadingKey,
    Status,
)
from common.gateways.campaigns.hufi import HufiCampaigns, HufiParticipant
from common.gateways.campaigns.signing import LoginKey
from common.money import Quantity
from sandbox.hufi import records
from sandbox.hufi.face import HufiFace
from sandbox.hufi.fake import FakeCampaigns, FakeParticipant, Trouble
from sandbox.hufi.faults import Fault, Faults, Operation
from sandbox.serving import serve
from tests.sandbox.hufi import THEM, US, HufiWorld, address


class CampaignsWorld(HufiWorld):
    campaigns: Campaigns
    us: Participant
    them: Participant
    fail_before: Callable[[Operation], None]  # nothing is done
    lose_answer: Callable[[Operation], None]  # it is done, and nobody told
    limit_rate: Callable[[Operation], None]
    take_down: Callable[[bool], None]

    def only(self) -> Campaign:
        (told,) = self.campaigns.active()
        return told

    def enrolled(self, who: Participant, account: str) -> ReadingKey:
        key = self.account(account)
        who.register("binance", key)
        return key


class _Fake(CampaignsWorld):
    def __init__(self) -> None:
        super().__init__()
        trouble = Trouble()
        self.campaigns = FakeCampaigns(self.hufi, trouble)
        self.us, self.them = (FakeParticipant(self.hufi, trouble, key) for key in (US, THEM))
        self.fail_before = trouble.fail_before_next
        self.lose_answer = trouble.drop_answer_next
        self.limit_rate = lambda on: trouble.fail_before_next(on, what="rate_limit", retry_after_seconds=10)
        self.take_down = lambda down: setattr(trouble, "down", down)


class _Wired(CampaignsWorld):
    def __init__(self) -> None:
        super().__init__()
        faults = self.faults = Faults()
        self.fail_before = lambda on: faults.fail_next(Fault.SERVER_ERROR, on)
        self.lose_answer = lambda on: faults.fail_next(Fault.DROP_AFTER, on)
        self.limit_rate = lambda on: faults.fail_next(Fault.RATE_LIMIT, on)
        self.take_down = lambda down: setattr(faults, "down", down)

    def wire(self, url: str) -> None:
        self.campaigns = HufiCampaigns(f"{url}/launcher", f"{url}/oracle")
        self.us, self.them = (HufiParticipant(f"{url}/oracle", login_key=key) for key in (US, THEM))


@pytest.fixture(params=["fake", "hufi"])
def world(request: pytest.FixtureRequest) -> Iterator[CampaignsWorld]:
    if request.param == "fake":
        yield _Fake()
        return
    wired = _Wired()
    with serve(HufiFace(wired.hufi, wired.faults).decide, name="hufi") as running:
        wired.wire(running.url)
        yield wired


def test_a_participant_is_known_by_the_address_of_his_key(world: CampaignsWorld) -> None:
    assert world.us.address == LoginKey(US).address
    assert world.campaigns.name == "hufi"


# Which there are


def test_a_campaign_is_told_as_it_was_launched(world: CampaignsWorld) -> None:
    launched = world.launch(
        7, records.Kind.THRESHOLD_MARKET_MAKING, fund=1_234_567, decimals=6, token="USDT0", target=Decimal("250000.5")
    )
    told = world.only()
    assert told == Campaign(
        chain_id=137,
        address=address(7),
        kind=Kind.THRESHOLD_MARKET_MAKING,
        exchange="binance",
        symbol="BTC-USDT",
        starts_at=launched.starts_at,
        ends_at=launched.ends_at,
        status=Status.ACTIVE,
        fund=Quantity("1.234567", "USDT0"),
        decimals=6,
        minimum_volume=Decimal("250000.5"),
    )
    assert world.campaigns.campaign(137, address(7)) == told
    assert told.campaign_id == f"137-{address(7)}"


def test_all_that_run_are_told_and_none_that_is_for_holding(world: CampaignsWorld) -> None:
    for number in range(1, 240):  # more than a page
        world.launch(number, symbol="ETH/USDT" if number % 2 else "BTC/USDT")
    world.launch(999, records.Kind.HOLDING, symbol="BTC")
    told = world.campaigns.active()
    assert {each.address for each in told} == {address(number) for number in range(1, 240)}
    assert len(told) == 239
    assert told[0].daily_target == Decimal(10_000)
    assert told[0].minimum_volume is None


def test_a_campaign_that_is_over_is_told_by_its_name_only(world: CampaignsWorld) -> None:
    world.launch(1)
    world.launch(2)
    world.launch(3, ends_at=world.at + timedelta(minutes=1))
    world.hufi.end(137, address(2), records.Status.TO_CANCEL)
    world.at += timedelta(minutes=2)
    assert [each.address for each in world.campaigns.active()] == [address(1)]
    assert world.campaigns.campaign(137, address(2)).status is Status.ENDING
    assert world.campaigns.campaign(137, address(3)).status is Status.OVER


def test_a_campaign_that_there_is_not_is_unknown(world: CampaignsWorld) -> None:
    world.launch(1)
    for chain_id, number in ((1, 1), (137, 2)):
        with pytest.raises(CampaignUnknown):
            world.campaigns.campaign(chain_id, address(number))


# To take part


def test_who_hands_over_a_key_that_reads_may_join(world: CampaignsWorld) -> None:
    world.launch()
    campaign = world.only()
    assert world.us.joined(campaign) is Joined.OPEN
    assert list(world.us.registered()) == []
    key = world.enrolled(world.us, "maker")
    (known,) = world.us.registered()
    assert (known.exchange, known.api_key, known.good) == ("binance", key.api_key, True)
    world.us.join(campaign)
    assert world.us.joined(campaign) is Joined.JOINED
    assert world.them.joined(campaign) is Joined.OPEN


def test_joining_again_does_nothing(world: CampaignsWorld) -> None:
    launched = world.launch()
    world.enrolled(world.us, "maker")
    world.us.join(world.only())
    world.us.join(world.only())
    assert list(launched.participants) == [world.us.address]


def test_who_has_handed_over_no_key_can_not_join(world: CampaignsWorld) -> None:
    launched = world.launch()
    with pytest.raises(KeyRefused):
        world.us.join(world.only())
    assert not launched.participants


def test_a_key_that_reads_nothing_is_not_taken(world: CampaignsWorld) -> None:
    for key in (world.account("maker", "trade"), ReadingKey("unknown", "secret")):
        with pytest.raises(KeyRefused):
            world.us.register("binance", key)
    assert list(world.us.registered()) == []


def test_a_key_that_was_revoked_is_no_good_any_more(world: CampaignsWorld) -> None:
    world.launch()
    key = world.enrolled(world.us, "maker")
    world.exchange.keyring.revoke("maker", key.api_key)
    assert [known.good for known in world.us.registered()] == [False]
    with pytest.raises(KeyRefused):
        world.us.join(world.only())
    again = world.enrolled(world.us, "maker")
    assert [(known.api_key, known.good) for known in world.us.registered()] == [(again.api_key, True)]


def test_an_exchange_that_does_not_answer_leaves_it_open(world: CampaignsWorld) -> None:
    world.launch()
    world.enrolled(world.us, "maker")
    world.reader.down = True
    with pytest.raises(CampaignsUnavailable):
        world.us.register("binance", ReadingKey("any", "any"))
    with pytest.raises(CampaignsUnavailable):
        world.us.join(world.only())


def test_a_campaign_that_is_full_or_over_is_closed(world: CampaignsWorld) -> None:
    world.launch(1, participants_max=1)
    campaign = world.only()
    world.enrolled(world.us, "maker")
    world.enrolled(world.them, "other")
    world.them.join(campaign)
    assert world.us.joined(campaign) is Joined.CLOSED
    with pytest.raises(JoinRefused):
        world.us.join(campaign)
    world.at = campaign.ends_at
    assert world.us.joined(campaign) is Joined.CLOSED
    assert world.them.joined(campaign) is Joined.JOINED


def test_a_new_login_is_made_where_the_last_has_ended(world: CampaignsWorld) -> None:
    world.launch()
    world.enrolled(world.us, "maker")
    world.hufi.forget_tokens()
    world.us.join(world.only())
    world.at += timedelta(hours=1)
    assert world.us.joined(world.only()) is Joined.JOINED


# What it pays


def test_volume_is_counted_from_the_participants_own_trades(world: CampaignsWorld) -> None:
    world.launch()
    campaign = world.only()
    assert world.campaigns.score(campaign, world.us.address) is None
    for who, account in ((world.us, "maker"), (world.them, "other")):
        world.enrolled(who, account)
        who.join(campaign)
    world.trade("maker", "0.09")
    world.trade("other", "0.01")
    world.at += timedelta(minutes=1)
    score = world.campaigns.score(campaign, world.us.address)
    assert score is not None
    # A tenth of 1,000 HMT is for today, and half of the day's target is reached.
    assert (score.volume, score.total_volume, score.reward) == (Decimal(4_500), Decimal(5_000), Decimal(45))
    assert score.told_at == world.at


def test_a_threshold_pays_all_or_nothing(world: CampaignsWorld) -> None:
    world.launch(1, records.Kind.THRESHOLD_MARKET_MAKING, target=Decimal(5_000))
    campaign = world.only()
    world.enrolled(world.us, "maker")
    world.us.join(campaign)
    rewards = []
    for quantity in ("0.0998", "0.0002"):
        world.trade("maker", quantity)
        world.at += timedelta(minutes=1)
        score = world.campaigns.score(campaign, world.us.address)
        assert score is not None
        rewards.append(score.reward)
    assert rewards == [0, 1_000]


def test_the_same_trades_of_a_second_participant_are_worth_nothing(world: CampaignsWorld) -> None:
    world.launch()
    campaign = world.only()
    for who in (world.us, world.them):
        world.enrolled(who, "maker")
        who.join(campaign)
    world.trade("maker", "0.2")
    world.at += timedelta(minutes=1)
    first, second = (world.campaigns.score(campaign, who.address) for who in (world.us, world.them))
    assert first is not None
    assert second is not None
    assert (first.reward, second.reward) == (Decimal(100), Decimal(0))
    assert first.volume == second.volume == 10_000


# When it fails

CALLS: dict[Operation, Callable[[CampaignsWorld, Campaign], object]] = {
    Operation.LIST: lambda world, _: world.campaigns.active(),
    Operation.CAMPAIGN: lambda world, campaign: world.campaigns.campaign(campaign.chain_id, campaign.address),
    Operation.LEADERBOARD: lambda world, campaign: world.campaigns.score(campaign, world.us.address),
    Operation.KEYS: lambda world, _: world.us.registered(),
    Operation.REGISTER: lambda world, _: world.enrolled(world.us, "maker"),
    Operation.STATUS: lambda world, campaign: world.us.joined(campaign),
    Operation.JOIN: lambda world, campaign: world.us.join(campaign),
}
each_call = pytest.mark.parametrize("operation", CALLS)


@each_call
def test_a_call_that_fails_says_so_and_the_next_one_works(world: CampaignsWorld, operation: Operation) -> None:
    world.launch()
    campaign = world.only()
    world.enrolled(world.us, "maker")
    for order in (world.fail_before, world.limit_rate, world.lose_answer):
        order(operation)
        with pytest.raises(CampaignsUnavailable):
            CALLS[operation](world, campaign)
    CALLS[operation](world, campaign)


@each_call
def test_nothing_is_answered_while_it_is_down(world: CampaignsWorld, operation: Operation) -> None:
    world.launch()
    campaign = world.only()
    world.take_down(True)
    with pytest.raises(CampaignsUnavailable) as silent:
        CALLS[operation](world, campaign)
    assert silent.value.facts["what"] == "connection"


def test_who_asks_too_often_is_told_how_long_to_wait(world: CampaignsWorld) -> None:
    world.limit_rate(Operation.LIST)
    with pytest.raises(CampaignsUnavailable) as limited:
        world.campaigns.active()
    assert (limited.value.facts["what"], limited.value.facts["retry_after_seconds"]) == ("rate_limit", 10)


def test_who_has_joined_is_found_to_have_after_a_lost_answer(world: CampaignsWorld) -> None:
    launched = world.launch()
    campaign = world.only()
    world.enrolled(world.us, "maker")
    world.lose_answer(Operation.JOIN)
    with pytest.raises(CampaignsUnavailable):
        world.us.join(campaign)
    assert list(launched.participants) == [world.us.address]
    assert world.us.joined(campaign) is Joined.JOINED
    world.us.join(campaign)
