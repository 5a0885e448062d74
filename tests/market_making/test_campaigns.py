"""Campaigns: what owners choose is joined, once per trading account, and never holds an order up."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from pydantic import ValidationError

from common import keys
from common.errors import Refusal
from common.gateways.campaigns import Campaign, Campaigns, Joined, Kind, Participant, Score, Status, not_believed
from common.idempotency import IdempotencyKeyReused
from common.table.table import Query, partition
from functions.market_making import campaign_store, day_store, model
from functions.market_making.api.orders import MarketMakingRequest
from functions.market_making.campaign_store import CampaignItem
from functions.market_making.campaigns import LOOKED_AFTER, NOTHING, CampaignNotJoined, Choice
from functions.market_making.model import Status as OrderStatus
from functions.market_making.model import Terms
from sandbox.hufi import records
from sandbox.hufi.fake import FakeCampaigns
from sandbox.hufi.faults import Operation
from tests.desk import TABLE
from tests.harness.faults import AnswerLost, Crash, CrashAfter, FailBefore, Fault, Faults, planned
from tests.harness.interleave import Interleaver, at_random
from tests.harness.memory import InMemoryDynamoDB
from tests.market_making.audit import live_until
from tests.market_making.campaigns import ANY, NAMED, OWNER, CampaignMarket
from tests.market_making.market import ACCOUNT, PAIR, Market
from tests.market_making.test_ticking import Quoted
from tests.sandbox.hufi import THEM, US, address

NAMED_ONE = Choice(named=NAMED)
ASKED_TO_JOIN = [Operation.LIST, Operation.STATUS, Operation.KEYS, Operation.REGISTER, Operation.JOIN]


@pytest.fixture
def here() -> CampaignMarket:
    return CampaignMarket()


def records_of(here: CampaignMarket, order_id: str) -> list[str]:
    """The campaigns that an order's own records name."""
    query = Query(partition(order_id) & CampaignItem.SK.startswith(keys.MARKET_MAKING_CAMPAIGN.prefix))
    return [item.SK.partition("#")[2] for item in here.market.table.all(CampaignItem, query)]


def logged(lines: io.BytesIO, message: str) -> list[Any]:
    told = [json.loads(line) for line in lines.getvalue().decode().splitlines()]
    return [line for line in told if line["message"] == message]


# What is chosen


def test_the_campaign_that_an_owner_has_named_is_joined(here: CampaignMarket, counted: Counter[str]) -> None:
    here.launch(1)
    here.launch(2)
    seeker = here.seek(NAMED_ONE)
    assert here.round() == 1
    taking = here.takings()[ACCOUNT]
    assert (taking.campaign.campaign_id, taking.campaign.status) == (NAMED, Status.ACTIVE)
    assert here.participants(1) == [taking.participant]
    assert here.participants(2) == []
    assert here.members(taking) == [seeker.order_id]
    assert records_of(here, seeker.order_id) == [NAMED]
    assert (counted["CampaignsJoined"], counted["CampaignJoinsFailed"]) == (1, 0)


def test_every_campaign_that_fits_the_owners_choice_is_joined(here: CampaignMarket) -> None:
    here.launch(1)
    here.launch(2, token="WBTC", decimals=8, fund=10**8)
    here.launch(3, kind=records.Kind.THRESHOLD_MARKET_MAKING)
    here.launch(4, exchange="mexc")
    here.launch(5, symbol="ETH/USDT")
    here.launch(6)
    here.seek(Choice(kind=Kind.MARKET_MAKING, token="HMT"))
    assert here.round() == 2
    assert [len(here.participants(number)) for number in range(1, 7)] == [1, 0, 0, 0, 0, 1]
    here.seek(Choice(kind=Kind.THRESHOLD_MARKET_MAKING))
    assert here.round() == 1
    assert len(here.participants(3)) == 1


def test_an_order_that_has_chosen_nothing_joins_nothing(here: CampaignMarket) -> None:
    here.launch()
    here.seek(NOTHING)
    assert here.round() == 0
    assert here.takings() == {}
    assert not here.trouble.calls, "nobody has to be asked"


def test_a_campaign_of_another_pair_is_not_joined_though_it_is_named(here: CampaignMarket) -> None:
    here.launch(symbol="ETH/USDT")
    here.seek(NAMED_ONE)
    assert here.round() == 0


def test_all_orders_of_the_account_have_their_part(here: CampaignMarket) -> None:
    """Their trades are read with its key, whoever has chosen."""
    here.launch()
    chose = here.seek(NAMED_ONE)
    other = here.seek(NOTHING)
    here.seek(NOTHING, symbol="ETH-USDT")
    here.round()
    later = here.seek(NOTHING)
    assert here.round() == 0
    assert here.members(here.takings()[ACCOUNT]) == sorted(s.order_id for s in (chose, other, later))
    assert records_of(here, other.order_id) == [NAMED]


def test_a_campaign_is_joined_once_for_an_account(here: CampaignMarket) -> None:
    here.launch()
    for _ in range(3):
        here.seek(NAMED_ONE)
        here.round()
    assert here.trouble.calls[Operation.JOIN] == 1
    assert len(here.participants()) == 1


def test_a_campaign_that_appears_later_is_joined_then(here: CampaignMarket) -> None:
    here.seek(ANY)
    assert here.round() == 0
    here.launch()
    assert here.round() == 1


def test_an_order_that_is_over_seeks_no_more(here: CampaignMarket) -> None:
    seeker = here.seek(NAMED_ONE)
    here.pass_time(minutes=16)  # nobody has paid it
    here.market.paying.check(seeker.order_id)
    here.launch()
    assert here.round() == 0
    assert campaign_store.seekers(here.market.table) == []


# The order's own life


def test_the_local_record_is_written_whatever_becomes_of_hufi(here: CampaignMarket) -> None:
    """Stage 7 of the seed: the machine's step asks nobody."""
    here.trouble.down = True
    market = here.market
    market.poll()
    market.fund_all()
    live_until(market, OrderStatus.CREATED)
    order_id = market.order().order_id
    assert records_of(here, order_id) == ["mm_binance_BTC-USDT"]
    assert [seeker.order_id for seeker in campaign_store.seekers(market.table)] == [order_id]
    assert here.round() == 0
    assert not here.trouble.calls


def test_an_owners_choice_goes_with_his_order(here: CampaignMarket) -> None:
    choice = Choice(NAMED, Kind.THRESHOLD_MARKET_MAKING, "HMT")
    assert here.order(choice).choice == choice
    seeker = here.seek(choice)
    assert campaign_store.seekers(here.market.table) == [seeker]
    assert seeker.choice == choice


# When it fails


@pytest.mark.parametrize(
    "operation", [Operation.LIST, Operation.STATUS, Operation.KEYS, Operation.REGISTER, Operation.JOIN]
)
@pytest.mark.parametrize("what", ["connection", "timeout", "rate_limit", "error", "garbage", "not_believed"])
def test_what_fails_is_done_by_the_next_round(
    here: CampaignMarket, operation: Operation, what: str, counted: Counter[str], lines: io.BytesIO
) -> None:
    here.launch()
    seeker = here.seek(NAMED_ONE)
    here.trouble.fail_before_next(operation, what=what)
    assert here.round() == 0
    assert here.takings() == {}
    assert (counted["CampaignsJoined"], counted["CampaignJoinsFailed"]) == (0, 1)
    (failed,) = logged(lines, "hufi join failed")
    assert operation is Operation.LIST or failed["order_id"] == seeker.order_id
    assert what in failed["why"]
    assert here.round() == 1
    assert here.trouble.calls[Operation.JOIN] <= 2
    assert len(here.participants()) == 1


def test_what_was_found_is_said_with_its_order(here: CampaignMarket, lines: io.BytesIO) -> None:
    here.launch()
    seeker = here.seek(NAMED_ONE)
    here.round()
    here.round()
    (found,) = logged(lines, "hufi campaign found")
    assert (found["order_id"], found["campaign"], found["account_id"]) == (seeker.order_id, NAMED, ACCOUNT)


@pytest.mark.parametrize("operation", [Operation.JOIN, Operation.REGISTER])
def test_a_lost_answer_is_found_again_and_nothing_done_twice(here: CampaignMarket, operation: Operation) -> None:
    launched = here.launch()
    here.seek(NAMED_ONE)
    here.trouble.drop_answer_next(operation)
    assert here.round() == 0
    since = dict(launched.participants)
    assert here.round() == 1
    assert here.trouble.calls[operation] == 1
    assert not since or launched.participants == since


def test_a_key_that_can_not_read_is_told_and_the_account_waits(here: CampaignMarket, counted: Counter[str]) -> None:
    here.launch()
    here.seek(NAMED_ONE)
    here.key(ACCOUNT, "trade")
    for _ in range(2):
        assert here.round() == 0
    assert counted["CampaignJoinsFailed"] == 2
    here.key(ACCOUNT)
    assert here.round() == 1


@pytest.mark.parametrize("missing", ["login_keys", "reading_keys"])
def test_an_account_without_keys_waits_and_the_others_go_on(
    here: CampaignMarket, missing: str, counted: Counter[str]
) -> None:
    here.launch()
    here.login_keys["mm2"] = THEM
    here.key("mm2")
    here.seek(NAMED_ONE)
    here.seek(NAMED_ONE, account_id="mm2")
    del getattr(here, missing)[ACCOUNT]
    assert here.round() == 1
    assert here.takings().keys() == {"mm2"}
    assert counted["CampaignJoinsFailed"] == 1


def test_a_campaign_that_is_full_is_no_failure(here: CampaignMarket, counted: Counter[str], lines: io.BytesIO) -> None:
    launched = here.launch(participants_max=0)
    here.seek(NAMED_ONE)
    assert here.round() == 0
    assert counted["CampaignJoinsFailed"] == 0
    assert len(logged(lines, "hufi campaign closed")) == 1
    launched.participants_max = 1
    assert here.round() == 1


def test_a_round_that_has_no_time_left_does_nothing(here: CampaignMarket) -> None:
    here.launch()
    here.seek(NAMED_ONE)
    assert here.campaigning.round(lambda: False) == 0
    assert here.takings() == {}
    times = iter([True, False])
    assert here.campaigning.round(lambda: next(times, False)) == 0
    assert here.round() == 1


# One account, one participant


def test_the_same_trades_are_never_brought_twice(here: CampaignMarket, counted: Counter[str]) -> None:
    """A second participant with the same trades is worth nothing to either."""
    here.launch()
    here.login_keys["mm2"] = THEM
    here.reading_keys["mm2"] = here.reading_keys[ACCOUNT]
    here.seek(NAMED_ONE)
    here.seek(NAMED_ONE, account_id="mm2")
    assert here.round() == 1
    assert len(here.participants()) == 1
    assert counted["CampaignJoinsFailed"] == 1


def test_two_accounts_with_one_login_would_take_each_others_place(here: CampaignMarket) -> None:
    here.launch(1)
    here.launch(2)
    here.login_keys["mm2"] = US
    here.key("mm2")
    here.seek(NAMED_ONE)
    here.seek(Choice(named=f"137-{address(2)}"), account_id="mm2")
    assert here.round() == 1
    (known,) = here.hufi.keys(here.participant(ACCOUNT).address)
    assert known.api_key == here.reading_keys[next(iter(here.takings()))].api_key


def test_two_accounts_take_part_as_two(here: CampaignMarket) -> None:
    here.launch()
    here.login_keys["mm2"] = THEM
    here.key("mm2")
    here.seek(NAMED_ONE)
    here.seek(NAMED_ONE, account_id="mm2")
    assert here.round() == 2
    assert len(here.participants()) == 2


class Between:
    """A participant between whose look and whose join something happens."""

    def __init__(self, real: Participant, happens: Callable[[], object]) -> None:
        self._real = real
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def joined(self, campaign: Campaign) -> Joined:
        found = self._real.joined(campaign)
        self._happens()
        return found


def test_two_rounds_at_once_join_once(here: CampaignMarket, counted: Counter[str]) -> None:
    launched = here.launch()
    seeker = here.seek(NAMED_ONE)
    real = here.participant
    other = replace(here.campaigning, participant=real)  # as it is now, with the participant that waits for nobody
    here.logs_in = lambda account_id: cast(Participant, Between(real(account_id), lambda: other.round(_always)))
    here.round()
    assert len(launched.participants) == 1
    assert counted["CampaignsJoined"] == 1
    assert here.members(here.takings()[ACCOUNT]) == [seeker.order_id]


def _always() -> bool:
    return True


@pytest.mark.parametrize("seed", range(12))
def test_rounds_that_overlap_in_any_way_join_once(seed: int, counted: Counter[str]) -> None:
    interleaver = Interleaver(at_random(seed))
    here = CampaignMarket(Market(dynamo=InMemoryDynamoDB(TABLE)))
    here.launch(1)
    here.launch(2)
    seekers = [here.seek(ANY), here.seek(NOTHING)]
    interleaver.watch(here.market.dynamo)
    for outcome in interleaver.run(here.round, here.round, here.round):
        outcome.result()
    here.market.dynamo.pause = None
    assert counted["CampaignsJoined"] == 2
    for taking in campaign_store.joined(here.market.table):
        assert here.members(taking) == sorted(seeker.order_id for seeker in seekers)


# What it pays


def of_maker(here: CampaignMarket) -> None:
    """The account's trades are those of somebody who has funds."""
    here.reading_keys[ACCOUNT] = here.world.account("maker")


def test_what_a_campaign_tells_is_kept_by_its_periods(here: CampaignMarket) -> None:
    here.launch()
    of_maker(here)
    here.seek(NAMED_ONE)
    here.round()
    here.world.trade("maker", "0.1")
    here.pass_time(hours=2)
    here.round()
    taking = here.takings()[ACCOUNT]
    assert taking.score is not None
    assert taking.score == Score(Decimal(5_000), Decimal(5_000), Decimal(50), taking.score.told_at)
    here.pass_time(hours=24)
    here.world.trade("maker", "0.2")
    here.pass_time(hours=1)
    here.round()
    taking = here.takings()[ACCOUNT]
    told = campaign_store.told(here.market.table, taking)
    assert [each.score.reward for each in told] == [Decimal(100), Decimal(50)]
    assert told[0].first == told[1].first + timedelta(days=1)


def test_it_is_asked_what_it_pays_each_hour(here: CampaignMarket) -> None:
    here.launch()
    here.seek(NAMED_ONE)
    for minutes in (0, 5, 54, 1):
        here.pass_time(minutes=minutes)
        here.round()
    assert here.trouble.calls[Operation.LEADERBOARD] == 2


def test_a_campaign_that_ends_is_asked_until_it_is_over(here: CampaignMarket) -> None:
    launched = here.launch(ends_at=here.market.clock() + timedelta(hours=3))
    of_maker(here)
    here.seek(NAMED_ONE)
    here.round()
    here.world.trade("maker", "0.1")
    here.hufi.end(137, address(1), records.Status.TO_CANCEL)
    here.pass_time(hours=2)
    here.round()
    assert here.takings()[ACCOUNT].campaign.status is Status.ENDING
    here.hufi.end(137, address(1), records.Status.CANCELLED)
    here.pass_time(hours=2)
    here.round()
    taking = here.takings()[ACCOUNT]
    assert (taking.campaign.status, taking.runs) == (Status.OVER, False)
    assert taking.score is not None
    asked = here.trouble.calls[Operation.LEADERBOARD]
    here.pass_time(hours=2)
    assert here.round() == 0
    assert here.trouble.calls[Operation.LEADERBOARD] == asked
    assert list(launched.participants) == [taking.participant]


def test_a_campaign_that_is_over_is_joined_by_nobody(here: CampaignMarket) -> None:
    launched = here.launch(ends_at=here.market.clock() + timedelta(minutes=1))
    here.seek(NAMED_ONE)
    here.pass_time(minutes=1)
    assert here.round() == 0
    assert not launched.participants


def test_a_campaign_that_never_says_it_is_over_is_left_in_the_end(
    here: CampaignMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched = here.launch()
    here.seek(NAMED_ONE)
    here.round()
    monkeypatch.setattr(here.hufi, "_campaigns", {})
    monkeypatch.setattr(FakeCampaigns, "score", lambda *_: None)
    here.market.clock.at = launched.ends_at + LOOKED_AFTER
    here.round()
    assert not here.takings()[ACCOUNT].runs


class Lying:
    """Campaigns that tell of one on other terms than it was joined on."""

    def __init__(self, real: Campaigns, **lies: Any) -> None:
        self._real = real
        self._lies = lies

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def campaign(self, chain_id: int, address: str) -> Campaign:
        return replace(self._real.campaign(chain_id, address), **self._lies)


@pytest.mark.parametrize(
    "lies",
    [
        {"symbol": "ETH-USDT"},
        {"exchange": "mexc"},
        {"kind": Kind.THRESHOLD_MARKET_MAKING},
        {"decimals": 2},
        {"daily_target": Decimal(1)},
    ],
    ids=str,
)
def test_other_terms_than_were_joined_are_not_believed(
    here: CampaignMarket, lies: dict[str, Any], counted: Counter[str]
) -> None:
    here.launch()
    here.seek(NAMED_ONE)
    here.round()
    before = here.takings()
    real = here.campaigns
    here.campaigns = lambda: Lying(real(), **lies)
    here.pass_time(hours=2)
    here.round()
    assert here.takings() == before
    assert counted["CampaignJoinsFailed"] == 1


def test_a_score_that_is_not_believed_is_not_kept(here: CampaignMarket, monkeypatch: pytest.MonkeyPatch) -> None:
    here.launch()
    here.seek(NAMED_ONE)

    def refuse(*_: object) -> None:
        raise not_believed("a participant is to get more than there is")

    monkeypatch.setattr(FakeCampaigns, "score", refuse)
    assert here.round() == 1
    taking = here.takings()[ACCOUNT]
    assert (taking.score, taking.asked_at) == (None, None)


def test_a_key_that_was_replaced_is_handed_over_anew(here: CampaignMarket) -> None:
    here.launch()
    here.seek(NAMED_ONE)
    here.round()
    old = here.reading_keys[ACCOUNT]
    here.market.exchange.keyring.revoke(ACCOUNT, old.api_key)
    new = here.key(ACCOUNT)
    here.pass_time(hours=2)
    here.round()
    (known,) = here.hufi.keys(here.takings()[ACCOUNT].participant)
    assert (known.api_key, known.missing) == (new.api_key, ())


# Whose it is


def test_a_period_is_its_orders_by_what_each_has_made(here: CampaignMarket) -> None:
    here.launch()
    of_maker(here)
    first, second, idle = (here.seek(NAMED_ONE) for _ in range(3))
    here.round()
    today = here.market.clock().date()
    here.day(first.order_id, today, "1000")
    here.day(second.order_id, today, "2000")
    here.day(second.order_id, today - timedelta(days=1), "99999")  # it did not take part then
    here.world.trade("maker", "0.2")
    here.pass_time(hours=2)
    here.round()
    taking, (period,) = here.campaigning.periods(ACCOUNT, NAMED)
    assert taking == here.takings()[ACCOUNT]
    parts = {share.order_id: share for share in period.shares}
    assert period.told.score.reward == sum(share.reward for share in period.shares) == Decimal(100)
    assert parts[first.order_id].maker_volume == Decimal(1000)
    assert parts[first.order_id].reward == Decimal("33." + "3" * 18)
    assert parts[second.order_id].reward == Decimal("66." + "6" * 17 + "7")
    assert (parts[idle.order_id].maker_volume, parts[idle.order_id].reward) == (Decimal(0), Decimal(0))


def test_an_order_that_quotes_has_its_part_by_what_its_cycles_wrote() -> None:
    quoted = Quoted()
    here = CampaignMarket(quoted.market)
    here.launch()
    order_id = quoted.market.order().order_id
    here.market.table.write(
        campaign_store.seek(replace(model.seeker(quoted.market.order()), choice=NAMED_ONE), here.market.clock())
    )
    assert here.round() == 1
    quoted.ticks(60)
    here.pass_time(hours=2)
    here.round()
    _, (period,) = here.campaigning.periods(ACCOUNT, NAMED)
    (share,) = period.shares
    traded = here.market.exchange.venue.trades(ACCOUNT, "BTCUSDT")
    assert share.order_id == order_id
    assert share.maker_volume == sum(trade.quote_quantity for trade in traded) > 500
    assert share.reward == period.told.score.reward > 0
    (found,) = here.campaigning.expected(quoted.market.order(), Decimal(60_000))
    (day,) = day_store.days(here.market.table, order_id)
    assert (found.volume, found.fees, found.reward) == (share.maker_volume, day.fees, share.reward)
    assert found.net is None  # nobody knows what the token is worth


def test_nobody_is_told_of_a_campaign_that_is_not_joined(here: CampaignMarket) -> None:
    with pytest.raises(CampaignNotJoined):
        here.campaigning.periods(ACCOUNT, NAMED)


# When the function dies


@pytest.mark.parametrize("fault", [CrashAfter(), AnswerLost(), FailBefore()], ids=lambda fault: type(fault).__name__)
@pytest.mark.parametrize("at", range(12))
def test_a_round_that_dies_anywhere_is_finished_by_the_next(at: int, fault: Fault) -> None:
    here = CampaignMarket()
    launched = here.launch()
    seekers = [here.seek(NAMED_ONE), here.seek(NOTHING)]
    here.market.client = Faults(planned({at: fault})).client(here.market.dynamo)
    with suppress(Crash, Refusal):
        here.round()
    here.market.client = None
    here.round()
    taking = here.takings()[ACCOUNT]
    assert list(launched.participants) == [taking.participant]
    assert here.members(taking) == sorted(seeker.order_id for seeker in seekers)
    assert all(records_of(here, seeker.order_id) == [NAMED] for seeker in seekers)
    assert here.trouble.calls[Operation.JOIN] == 1


# How it is asked for

BODY = {"pair": "BTC-USDT", "base_quantity": "0.1", "quote_quantity": "5000"}
ANYWHERE = {"chain_id": 137, "address": "0x" + 38 * "0" + "aB"}


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        ({}, NOTHING),
        ({"hufi_campaign": ANYWHERE}, Choice(named="137-0x" + 38 * "0" + "ab")),
        ({"hufi_choice": {}}, NOTHING),
        ({"hufi_choice": {"token": "HMT"}}, Choice(token="HMT")),
        ({"hufi_choice": {"type": "MARKET_MAKING"}}, Choice(kind=Kind.MARKET_MAKING)),
        ({"campaign_id": "spring", "hufi_campaign": None}, NOTHING),
    ],
    ids=str,
)
def test_an_owner_chooses_when_he_opens_his_order(asked: dict[str, Any], choice: Choice) -> None:
    assert MarketMakingRequest.model_validate(BODY | asked).choice == choice


@pytest.mark.parametrize(
    "asked",
    [
        {"hufi_campaign": {"chain_id": 137}},
        {"hufi_campaign": ANYWHERE | {"chain_id": "137"}},
        {"hufi_campaign": ANYWHERE | {"chain_id": 0}},
        {"hufi_campaign": ANYWHERE | {"address": "0x12"}},
        {"hufi_campaign": ANYWHERE | {"address": "0x" + 39 * "0" + "#"}},
        {"hufi_campaign": ANYWHERE | {"more": 1}},
        {"hufi_choice": {"type": "HOLDING"}},
        {"hufi_choice": {"token": ""}},
        {"hufi_choice": {"token": "H" * 21}},
        {"hufi_choice": {"exchange": "mexc"}},
    ],
    ids=str,
)
def test_a_choice_that_can_be_none_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MarketMakingRequest.model_validate(BODY | asked)


def test_a_repeat_with_another_choice_is_no_repeat(here: CampaignMarket) -> None:
    terms = Terms(PAIR, Decimal("0.1"), Decimal(5_000), choice=NAMED_ONE)
    first = here.market.opening.open(OWNER, "key", terms)
    assert here.market.opening.open(OWNER, "key", terms).made.order_id == first.made.order_id
    with pytest.raises(IdempotencyKeyReused):
        here.market.opening.open(OWNER, "key", replace(terms, choice=ANY))
