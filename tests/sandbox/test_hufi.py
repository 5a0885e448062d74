"""HuFi's rules where the contract of its ports does not see them: what it reads at an exchange elsewhere, who wins a
competition, what outlives a restart, and its controls."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from common import clock
from common.gateways.campaigns.signing import LoginKey
from sandbox.hufi.controls import Controls
from sandbox.hufi.exchanges import AtBinance, KeyWrong, NotReached
from sandbox.hufi.faults import Faults
from sandbox.hufi.hufi import Hufi
from sandbox.hufi.records import HufiRefused, Kind
from sandbox.serving import serve
from tests.gateways.wire import nobody
from tests.sandbox.faces import call
from tests.sandbox.hufi import THEM, US, HufiWorld, address


def joined(world: HufiWorld, login_key: str, account: str, number: int = 1) -> str:
    who = LoginKey(login_key).address
    key = world.account(account)
    world.hufi.enroll(who, "binance", key.api_key, key.secret)
    world.hufi.join(who, 137, address(number))
    return who


def test_trades_are_the_same_wherever_the_exchange_is() -> None:
    world = HufiWorld()
    key, other = world.account("maker"), world.account("other")
    began = world.at
    for _ in range(5):
        world.trade("maker", "0.01")
        world.trade("other", "0.02")
        world.at += timedelta(hours=11)
    with serve(world.exchange.faces(world.exchange.controls()), name="exchange") as running:
        there = AtBinance(running.url, world.now)
        for who in (key, other):
            asked = (who.api_key, who.secret, "BTC/USDT", began + timedelta(hours=1), world.at - timedelta(hours=12))
            told = there.trades(*asked)
            assert told == world.reader.trades(*asked)
            assert len(told) == 3
        assert list(there.missing(key.api_key, key.secret)) == []
        assert there.missing(key.api_key, "wrong")
        for wrong in (("unknown", key.secret), (key.api_key, "wrong")):
            with pytest.raises(KeyWrong):
                there.trades(*wrong, "BTC/USDT", began, world.at)
    with pytest.raises(NotReached):
        AtBinance(nobody(), world.now).missing(key.api_key, key.secret)


def test_a_competition_pays_by_rank_who_has_the_minimum() -> None:
    world = HufiWorld()
    campaign = world.launch(kind=Kind.COMPETITIVE_MARKET_MAKING, target=Decimal(1_000))
    first, second, third = (joined(world, key, account) for key, account in ((US, "a"), (THEM, "b"), ("33" * 32, "c")))
    for account, quantity in (("a", "0.1"), ("b", "0.2"), ("c", "0.01")):
        world.trade(account, quantity)
    world.at += timedelta(minutes=1)
    rewards = {outcome.address: outcome.reward for outcome in world.hufi.outcomes(campaign)}
    assert rewards == {second: Decimal(500), first: Decimal(300), third: Decimal(0)}


def test_only_trades_since_he_joined_are_his() -> None:
    world = HufiWorld()
    campaign = world.launch()
    world.account("a")
    world.trade("a", "0.1")
    world.at += timedelta(minutes=1)
    joined(world, US, "a")
    world.trade("a", "0.02")
    world.at += timedelta(minutes=1)
    (outcome,) = world.hufi.outcomes(campaign)
    assert outcome.volume == Decimal(1_000)


def test_who_has_no_key_that_reads_has_no_volume() -> None:
    world = HufiWorld()
    campaign = world.launch()
    joined(world, US, "a")
    world.trade("a", "0.1")
    world.at += timedelta(minutes=1)
    world.reader.down = True
    assert [outcome.volume for outcome in world.hufi.outcomes(campaign)] == [Decimal(0)]


def test_a_nonce_is_good_for_one_login() -> None:
    world, key = HufiWorld(), LoginKey(US)
    first = key.sign('{"nonce":"signup"}')
    assert world.hufi.who(world.hufi.log_in(key.address, first)) == key.address
    for signature in (first, LoginKey(THEM).sign(f'{{"nonce":"{world.hufi.nonce(key.address)}"}}'), "0x"):
        with pytest.raises(HufiRefused, match="Invalid signature"):
            world.hufi.log_in(key.address, signature)
    again = world.hufi.log_in(key.address, key.sign(f'{{"nonce":"{world.hufi.nonce(key.address)}"}}'))
    world.at += timedelta(seconds=600)
    with pytest.raises(HufiRefused, match="Unauthorized"):
        world.hufi.who(again)


def test_a_restart_forgets_nothing_but_who_is_logged_in() -> None:
    world = HufiWorld()
    campaign = world.launch(participants_max=7)
    who = joined(world, US, "a")
    world.trade("a", "0.1")
    world.at += timedelta(minutes=1)
    kept = json.loads(json.dumps(world.hufi.state()))
    again = Hufi(world.now, {"binance": world.reader, "mexc": world.reader})
    again.restore(kept)
    assert json.loads(json.dumps(again.state())) == kept
    assert again.outcomes(again.campaign(137, campaign.address)) == world.hufi.outcomes(campaign)
    assert again.status(who, 137, campaign.address)[0] == "already_joined"


def test_a_campaign_is_launched_and_ended_by_hand() -> None:
    world = HufiWorld(clock.now)
    controls = Controls(world.hufi, Faults())
    asked = {"type": "THRESHOLD_MARKET_MAKING", "symbol": "BTC/USDT", "days": 30, "fund": "500.5", "target": "250000"}
    with serve(controls.decide, name="x") as face:
        campaigns = f"{face.url}/sandbox/campaigns"
        launched = call(campaigns, "POST", asked).json
        assert (launched["fund"], launched["status"], launched["participants"]) == ("500.5 HMT", "active", [])
        wrong = ({"days": 0}, {"fund": "much"}, {"fund": "-1"}, {"type": "LOTTERY"}, {"exchange": "nowhere"}, {"x": 1})
        for changed in wrong:
            assert call(campaigns, "POST", asked | changed).status == 400, changed
        assert call(f"{campaigns}/{launched['campaign']}", "PUT", {"status": "cancelled"}).json["status"] == "cancelled"
        assert call(f"{campaigns}/137-0x1", "PUT", {"status": "cancelled"}).status == 404
        (told,) = call(f"{face.url}/sandbox/state").json["campaigns"]
        assert told["status"] == "cancelled"
