"""HuFi's wire, byte for byte: what the adapter asks, and what it does not believe."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.campaigns import (
    Campaign,
    CampaignsUnavailable,
    CampaignUnknown,
    Joined,
    JoinRefused,
    KeyRefused,
    ReadingKey,
)
from common.gateways.campaigns.hufi import PAGE, HufiCampaigns, HufiParticipant
from common.gateways.campaigns.signing import signer
from tests.gateways.wire import Wire, drip, endless, http, nobody, silence

ADDRESS = "0xAbC0000000000000000000000000000000000001"
OTHER = "0x0000000000000000000000000000000000000002"
US = "0x19e7e376e7c213b7e7e7e46cc70a5dd086daff2a"
LOGIN_KEY = "11" * 32
KEY = ReadingKey("reading-key", "reading-secret")
HUGE = "1" + 400 * "0"


def entry(**told: object) -> dict[str, object]:
    return {
        "chain_id": 137,
        "address": ADDRESS,
        "type": "MARKET_MAKING",
        "exchange_name": "mexc",
        "symbol": "HMT/USDT",
        "details": {"daily_volume_target": 1000.5},
        "start_date": "2026-11-01T00:00:00.000Z",
        "end_date": "2026-12-01T00:00:00.000Z",
        "fund_amount": "2500000000000000000000",
        "fund_token_symbol": "HMT",
        "fund_token_decimals": 18,
        "status": "active",
        "launcher": OTHER,
    } | told


def page(*entries: object, has_more: bool = False) -> dict[str, object]:
    return {"has_more": has_more, "results": list(entries)}


def leader(**told: object) -> dict[str, object]:
    return {"address": US.upper().replace("X", "x"), "score": 7, "result": 50.25, "estimated_reward": 1.5} | told


def board(*leaders: object, **told: object) -> dict[str, object]:
    return {"data": list(leaders), "total": 201, "updated_at": "2026-11-28T12:00:00.000Z"} | told


def campaigns_at(url: str, **options: Any) -> HufiCampaigns:
    return HufiCampaigns(f"{url}/launcher", f"{url}/oracle", **options)


def participant_at(url: str, **options: Any) -> HufiParticipant:
    return HufiParticipant(f"{url}/oracle", login_key=LOGIN_KEY, **options)


def _campaign() -> Campaign:
    with Wire(http(entry())) as wire:
        return campaigns_at(wire.url).campaign(137, ADDRESS)


CAMPAIGN = _campaign()
LOGGED_IN = (http({"nonce": "7fae"}), http({"access_token": "a.b.c", "refresh_token": "r"}))


def not_read(told: object, ask: Callable[[HufiCampaigns], object]) -> CampaignsUnavailable:
    with Wire(http(told)) as wire, pytest.raises(CampaignsUnavailable) as refused:
        ask(campaigns_at(wire.url))
    assert refused.value.facts["what"] in ("garbage", "not_believed")
    return refused.value


def one(campaigns: HufiCampaigns) -> object:
    return campaigns.campaign(137, ADDRESS)


def score(campaigns: HufiCampaigns) -> object:
    return campaigns.score(CAMPAIGN, US)


# What is asked


def test_campaigns_are_asked_for_by_pages() -> None:
    full = page(*(entry(address=f"0x{number:040x}") for number in range(PAGE)), has_more=True)
    with Wire(http(full), http(page(entry()))) as wire:
        assert len(campaigns_at(wire.url).active()) == PAGE + 1
    assert [head.split()[1] for head in wire.heads] == [
        "/launcher/campaigns?status=active&limit=200",
        "/launcher/campaigns?status=active&limit=200&skip=200",
    ]


def test_a_list_that_never_ends_is_left_at_a_thousand() -> None:
    full = http(page(*(entry(address=f"0x{number:040x}") for number in range(PAGE)), has_more=True))
    with Wire(*[full] * 6) as wire:
        assert len(campaigns_at(wire.url).active()) == PAGE
    assert len(wire.heads) == 5


def test_a_login_signs_what_it_is_given_and_is_kept_for_a_while() -> None:
    now = [0.0]
    answer = http({"status": "can_join"})
    with Wire(*LOGGED_IN, answer, answer, *LOGGED_IN, answer) as wire:
        us = participant_at(wire.url, monotonic=lambda: now[0])
        for seconds in (0.0, 299.0, 301.0):
            now[0] = seconds
            assert us.joined(CAMPAIGN) is Joined.OPEN
    asked = [(head.split()[1], json.loads(body)) for head, body in zip(wire.heads, wire.bodies, strict=True)]
    assert asked[0] == ("/oracle/auth/nonce", {"address": US})
    assert asked[1][0] == "/oracle/auth"
    assert asked[1][1]["address"] == signer('{"nonce":"7fae"}', asked[1][1]["signature"]) == US
    assert asked[2] == ("/oracle/campaigns/check-join-status", {"chain_id": 137, "address": ADDRESS.lower()})
    assert "Authorization: Bearer a.b.c" in wire.heads[2]
    assert [path for path, _ in asked].count("/oracle/auth") == 2


def test_a_login_that_has_ended_early_is_made_anew_once() -> None:
    ended = http({"message": "Unauthorized"}, "401 Unauthorized")
    with Wire(*LOGGED_IN, http([]), ended, *LOGGED_IN, http([]), ended, *LOGGED_IN, ended) as wire:
        us = participant_at(wire.url)
        assert list(us.registered()) == list(us.registered()) == []
        with pytest.raises(CampaignsUnavailable) as refused:
            us.registered()
    assert refused.value.facts["what"] == "refused"


def test_the_reading_key_is_handed_over_and_shown_nowhere() -> None:
    with Wire(*LOGGED_IN, http({"id": "1"})) as wire:
        participant_at(wire.url).register("mexc", KEY)
    assert json.loads(wire.bodies[2]) == {
        "exchange_name": "mexc",
        "api_key": "reading-key",
        "secret_key": "reading-secret",
    }
    assert "reading-secret" not in repr(KEY)


# What it means


def test_amounts_are_read_to_the_last_digit() -> None:
    assert CAMPAIGN.fund.amount == Decimal(2500)
    assert (CAMPAIGN.symbol, CAMPAIGN.address, CAMPAIGN.daily_target) == (
        "HMT-USDT",
        ADDRESS.lower(),
        Decimal("1000.5"),
    )
    with Wire(http(board(leader(result=0.1, estimated_reward=1e-30), leader(address=OTHER)))) as wire:
        told = campaigns_at(wire.url).score(CAMPAIGN, US)
    assert told is not None
    assert (told.volume, told.total_volume, told.reward) == (Decimal("0.1"), Decimal(201), Decimal(0))


def test_who_is_not_on_the_board_has_no_score() -> None:
    with Wire(http(board(leader(address=OTHER)))) as wire:
        assert campaigns_at(wire.url).score(CAMPAIGN, US) is None


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ("Campaign already finished", JoinRefused),
        ("Maximum number of participants reached. Total: 20", JoinRefused),
        ("Exchange API key not found", KeyRefused),
        ("Provided API key can't authorize. Missing: view_account_balance", KeyRefused),
    ],
)
def test_a_no_to_who_joins_is_told_in_our_words(words: str, error: type[Exception]) -> None:
    said = http({"message": words, "timestamp": "", "path": ""}, "422 Unprocessable Entity")
    with Wire(*LOGGED_IN, said) as wire, pytest.raises(error, match=words.split(".")[0]):
        participant_at(wire.url).join(CAMPAIGN)


def test_who_has_joined_already_has_joined() -> None:
    said = http({"message": "User has already joined the campaign"}, "422 Unprocessable Entity")
    with Wire(*LOGGED_IN, said) as wire:
        participant_at(wire.url).join(CAMPAIGN)
    assert len(wire.heads) == 3


def test_what_a_key_may_not_is_told() -> None:
    said = {"message": "Key refused", "details": {"missing_permissions": ["view_account_balance", 7]}}
    with Wire(*LOGGED_IN, http(said, "422 Unprocessable Entity")) as wire, pytest.raises(KeyRefused) as refused:
        participant_at(wire.url).register("mexc", KEY)
    assert refused.value.facts["missing"] == ["view_account_balance", "7"]
    assert "reading" not in refused.value.detail


# What is not believed


def test_another_campaign_than_was_asked_for_is_not_believed() -> None:
    for told in (entry(address=OTHER), entry(chain_id=1)):
        assert not_read(told, one).facts["what"] == "not_believed"


UNREADABLE: list[dict[str, object]] = [
    {"chain_id": "137"},
    {"chain_id": 0},
    {"chain_id": 1.5},
    {"chain_id": 10**30},
    {"chain_id": True},
    {"address": "0x12"},
    {"address": None},
    {"type": "LOTTERY"},
    {"type": ["MARKET_MAKING"]},
    {"symbol": "HMT"},
    {"symbol": "HMT#/USDT"},
    {"exchange_name": "MEXC; drop"},
    {"details": None},
    {"details": {"daily_volume_target": -1}},
    {"details": {"daily_volume_target": 1e30}},
    {"details": {"minimum_volume_target": 5}},
    {"start_date": "yesterday"},
    {"start_date": "2026-13-41T00:00:00Z"},
    {"end_date": "2026-11-01T00:00:00.000Z"},
    {"end_date": "9026-11-01T00:00:00.000Z"},
    {"fund_amount": 2500},
    {"fund_amount": "-5"},
    {"fund_amount": "1e9"},
    {"fund_amount": HUGE},
    {"fund_amount": "9" * 60},
    {"fund_amount": "123456789" * 5},
    {"fund_token_decimals": 37},
    {"fund_token_decimals": -1},
    {"fund_token_symbol": "HMT\n"},
    {"fund_token_symbol": ""},
    {"status": "paused"},
    {"status": {}},
]


@pytest.mark.parametrize("wrong", UNREADABLE, ids=str)
def test_a_campaign_that_can_not_be_is_left_out_and_the_others_stay(wrong: dict[str, object]) -> None:
    not_read(entry(**wrong), one)
    with Wire(http(page(entry(**wrong), entry(address=OTHER), 7, None))) as wire:
        assert [told.address for told in campaigns_at(wire.url).active()] == [OTHER]


def test_a_campaign_that_is_listed_twice_is_told_once() -> None:
    with Wire(http(page(entry(), entry(fund_amount="1")))) as wire:
        assert list(campaigns_at(wire.url).active()) == [CAMPAIGN]


@pytest.mark.parametrize(
    "told",
    [
        board(leader(), leader()),
        board(leader(result=202)),
        board(leader(result=-1)),
        board(leader(result="many")),
        board(leader(estimated_reward=2501)),
        board(leader(estimated_reward=None)),
        board(leader(result=1e30), total=1e30),
        board(leader(), total=None),
        board(leader(), updated_at="now"),
        board(7),
        board(leader(address="somebody")),
        {"data": {}},
        [],
        f'{{"data": [{{"address": "{US}", "result": {HUGE}}}]}}',
        f'{{"data": [{{"address": "{US}", "result": 1e999999}}]}}',
        f'{{"data": [{{"address": "{US}", "result": NaN}}]}}',
        '{"data": [[[[' * 5000,
    ],
    ids=lambda told: str(told)[:60],
)
def test_a_score_that_can_not_be_is_not_believed(told: object) -> None:
    not_read(told, score)


@pytest.mark.parametrize("nonce", ["", 7, None, "a b", 'a"', "a\\", "a" * 257, "ключ"])
def test_a_nonce_that_can_not_be_one_is_not_signed(nonce: object) -> None:
    with Wire(http({"nonce": nonce})) as wire, pytest.raises(CampaignsUnavailable):
        participant_at(wire.url).registered()
    assert len(wire.heads) == 1


@pytest.mark.parametrize("token", ["", None, "a b", "a\r\nX: y", "a" * 5000])
def test_a_token_that_can_not_be_one_is_not_sent(token: object) -> None:
    with Wire(LOGGED_IN[0], http({"access_token": token})) as wire, pytest.raises(CampaignsUnavailable):
        participant_at(wire.url).registered()
    assert len(wire.heads) == 2


@pytest.mark.parametrize(
    "told",
    [
        {"exchange_name": "mexc"},
        [{"exchange_name": "mexc", "api_key": "", "is_valid": True}],
        2 * [{"exchange_name": "mexc", "api_key": "a", "is_valid": True}],
        101 * [7],
    ],
    ids=lambda told: str(told)[:60],
)
def test_keys_that_can_not_be_are_not_believed(told: object) -> None:
    with Wire(*LOGGED_IN, http(told)) as wire, pytest.raises(CampaignsUnavailable):
        participant_at(wire.url).registered()


@pytest.mark.parametrize("status", ["maybe", None, ["can_join"], {}])
def test_an_unknown_way_to_stand_is_not_believed(status: object) -> None:
    with Wire(*LOGGED_IN, http({"status": status})) as wire, pytest.raises(CampaignsUnavailable):
        participant_at(wire.url).joined(CAMPAIGN)


# When it fails


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (silence, "timeout"),
        (drip(b"HTTP/1.1 200 OK\r\n", seconds=0.05), "timeout"),
        (endless, "garbage"),
        (http("{", "200 OK"), "garbage"),
        (http("<html>", "200 OK", "Content-Type: text/html"), "garbage"),
        (http({"message": "slow down"}, "429 Too Many Requests", "Retry-After: 7"), "rate_limit"),
        (http({}, "500 Internal Server Error"), "error"),
        (http({}, "503 Service Unavailable"), "error"),
        (http({}, "403 Forbidden"), "refused"),
        (http({}, "302 Found", "Location: http://elsewhere"), "error"),
        (http({"message": "bad"}, "400 Bad Request"), "error"),
    ],
    ids=["silent", "slow", "endless", "no JSON", "page", "429", "500", "503", "403", "302", "400"],
)
def test_trouble_is_told_in_our_words(answer: Any, what: str) -> None:
    with Wire(answer) as wire, pytest.raises(CampaignsUnavailable) as trouble:
        campaigns_at(wire.url, read_seconds=0.3).active()
    assert trouble.value.facts["what"] == what
    assert trouble.value.facts.get("retry_after_seconds") == (7 if what == "rate_limit" else None)


def test_nobody_there_is_told_at_once() -> None:
    with pytest.raises(CampaignsUnavailable) as trouble:
        campaigns_at(nobody()).active()
    assert trouble.value.facts["what"] == "connection"


def test_there_is_no_campaign_where_they_have_none() -> None:
    with Wire(http({"message": "Campaign not found"}, "404 Not Found")) as wire, pytest.raises(CampaignUnknown):
        campaigns_at(wire.url).campaign(137, ADDRESS)


def test_a_wrong_signature_is_for_a_person() -> None:
    said = http({"message": "Invalid signature"}, "401 Unauthorized")
    with Wire(LOGGED_IN[0], said) as wire, pytest.raises(CampaignsUnavailable) as refused:
        participant_at(wire.url).registered()
    assert refused.value.facts["what"] == "refused"


@pytest.mark.parametrize("wrong", ["ftp://x", "", "http://"])
def test_an_address_that_can_not_be_one_is_refused_at_once(wrong: str) -> None:
    with pytest.raises(ValueError, match="address"):
        campaigns_at(wrong)


def test_times_that_do_not_fit_into_an_operation_are_refused() -> None:
    with pytest.raises(ValueError, match="within"):
        campaigns_at("http://x", connect_seconds=4.0, read_seconds=5.0)
