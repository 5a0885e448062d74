"""What a campaign pays, divided among its orders to the last digit, and what is to be expected of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.campaigns import Campaign, Kind, Score, Status
from common.money import EXACT, Quantity
from functions.market_making.campaigns import (
    NOTHING,
    Choice,
    Member,
    Taking,
    Told,
    expected,
    outlook,
    period,
    qualified,
    shares,
    split,
)
from functions.market_making.days import Day
from tests.market_making.campaigns import volume

BEGINS = datetime(2026, 11, 1, 15, 0, tzinfo=UTC)
CAMPAIGN = Campaign(
    chain_id=137,
    address=f"0x{1:040x}",
    kind=Kind.MARKET_MAKING,
    exchange="binance",
    symbol="BTC-USDT",
    starts_at=BEGINS,
    ends_at=BEGINS + timedelta(days=30),
    status=Status.ACTIVE,
    fund=Quantity(3_000, "HMT"),
    decimals=18,
    daily_target=Decimal(10_000),
)
THRESHOLD = replace(CAMPAIGN, kind=Kind.THRESHOLD_MARKET_MAKING, daily_target=None, minimum_volume=Decimal(5_000))


def score(volume: str, reward: str, total: str = "1000000") -> Score:
    return Score(Decimal(volume), Decimal(total), Decimal(reward), BEGINS)


# To the last digit

amounts = st.decimals(min_value=0, max_value=10**15, places=8)


@given(
    reward=st.decimals(min_value=0, max_value=10**12, places=12),
    decimals=st.integers(0, 18),
    volumes=st.lists(amounts, min_size=1, max_size=12),
)
def test_the_parts_add_up_to_the_reward_and_each_is_fair_to_a_unit(
    reward: Decimal, decimals: int, volumes: list[Decimal]
) -> None:
    by_order = {f"M{number}": volume for number, volume in enumerate(volumes)}
    parts = split(reward, decimals, by_order)
    together = sum(volumes, Decimal(0))
    if not together:
        assert parts == {}
        return
    total = Decimal(0)
    for part in parts.values():
        total = EXACT.add(total, part)
    assert total == reward
    unit = Decimal(1).scaleb(-decimals)
    for order_id, amount in by_order.items():
        fair = EXACT.multiply(reward, amount)
        off = abs(EXACT.subtract(EXACT.multiply(parts[order_id], together), fair))
        assert off <= EXACT.multiply(2 * unit, together)
        assert amount or not parts[order_id]


def test_what_can_not_be_divided_goes_to_who_lost_most_then_by_id() -> None:
    even = dict.fromkeys(("M3", "M1", "M2"), Decimal(1))
    assert split(Decimal("0.02"), 2, even) == {"M1": Decimal("0.01"), "M2": Decimal("0.01"), "M3": Decimal(0)}
    uneven = {"M1": Decimal(1), "M2": Decimal(5)}
    assert split(Decimal(1), 0, uneven) == {"M1": Decimal(0), "M2": Decimal(1)}


def test_the_same_reward_is_always_divided_in_the_same_way() -> None:
    volumes = {f"M{number}": Decimal(number) for number in range(7)}
    backwards = dict(reversed(volumes.items()))
    assert split(Decimal(100), 3, volumes) == split(Decimal(100), 3, backwards)


def test_the_largest_amounts_are_divided_exactly() -> None:
    largest = {"M1": Decimal(99999999999999999999), "M2": Decimal("0.00000000000000000001")}
    parts = split(Decimal("999999999999999999.999999999999999999"), 18, largest)
    assert EXACT.add(parts["M1"], parts["M2"]) == Decimal("999999999999999999.999999999999999999")


def test_a_reward_without_any_volume_is_nobodys() -> None:
    assert split(Decimal(5), 2, {"M1": Decimal(0)}) == {}
    assert split(Decimal(5), 2, {}) == {}


# Which volume


def test_volume_counts_from_the_day_on_that_an_order_took_part() -> None:
    first = date(2026, 11, 1)
    days = [volume(first + timedelta(days=n), str(10**n)) for n in range(5)]
    assert qualified(days, BEGINS, first, first + timedelta(days=1)) == 11
    assert qualified(days, BEGINS + timedelta(days=2), first, first + timedelta(days=3)) == 1100
    assert qualified(days, BEGINS + timedelta(days=9), first, first + timedelta(days=3)) == 0
    assert qualified([], BEGINS, first, first) == 0


@pytest.mark.parametrize(
    ("hours", "first", "last"),
    [(-5, 1, 1), (0, 1, 1), (1, 1, 1), (9, 1, 2), (24, 1, 2), (24.5, 2, 2), (49, 3, 3)],
)
def test_a_day_of_a_campaign_begins_at_its_own_hour(hours: float, first: int, last: int) -> None:
    told = period(CAMPAIGN, BEGINS + timedelta(hours=hours))
    assert told == (date(2026, 11, first), date(2026, 11, last))


def test_after_its_end_a_campaign_has_its_last_day() -> None:
    assert period(CAMPAIGN, BEGINS + timedelta(days=40)) == (date(2026, 11, 30), date(2026, 12, 1))


def test_what_is_not_paid_by_the_day_is_counted_from_its_beginning() -> None:
    assert period(THRESHOLD, BEGINS + timedelta(days=12)) == (date(2026, 11, 1), date(2026, 11, 13))


def test_a_reward_in_floats_is_divided_in_whole_units_of_the_token() -> None:
    told = Told(date(2026, 11, 1), date(2026, 11, 2), score("100", "33.3333333333333"))
    members = [Member("M1", BEGINS), Member("M2", BEGINS)]
    days = {"M1": [volume(date(2026, 11, 1), "1")], "M2": [volume(date(2026, 11, 2), "1")]}
    volumes, parts = shares(told, 2, members, days)
    assert volumes == {"M1": Decimal(1), "M2": Decimal(1)}
    assert parts == {"M1": Decimal("16.67"), "M2": Decimal("16.66")}


# What is to be expected


def test_below_the_minimum_nothing_is_to_be_expected_and_fees_are_lost() -> None:
    told = outlook(THRESHOLD, score("4999.99", "500"), Decimal(6_000), Decimal(3), Decimal("0.05"))
    assert (told.volume, told.short, told.reward, told.net) == (
        Decimal("4999.99"),
        Decimal("0.01"),
        Decimal(0),
        Decimal(-3),
    )


def test_from_the_minimum_on_what_is_told_is_to_be_expected_less_fees() -> None:
    told = outlook(THRESHOLD, score("5000", "500"), Decimal(5_000), Decimal(3), Decimal("0.05"))
    assert (told.short, told.reward, told.net) == (Decimal(0), Decimal(500), Decimal(22))


def test_without_a_price_of_the_token_nobody_knows_what_is_left() -> None:
    told = outlook(CAMPAIGN, score("5000", "50"), Decimal(5_000), Decimal(3))
    assert (told.short, told.reward, told.net) == (None, Decimal(50), None)


def test_before_anything_is_told_our_own_volume_counts() -> None:
    told = outlook(THRESHOLD, None, Decimal(1_000), Decimal(1), Decimal(1))
    assert (told.volume, told.short, told.reward, told.net) == (
        Decimal(1_000),
        Decimal(4_000),
        Decimal(0),
        Decimal(-1),
    )


def day(number: int, made: str, fees: str) -> Day:
    return Day(date(2026, 11, number), Decimal(made), fees=Decimal(fees))


MEMBERS = [Member("M1", BEGINS), Member("M2", BEGINS + timedelta(days=2))]
DAYS = {"M1": [day(1, "3000", "3"), day(3, "1000", "1")], "M2": [day(2, "700", "0.7"), day(3, "1000", "2")]}
AT = BEGINS + timedelta(days=2, hours=2)


def taking(campaign: Campaign, told: Score | None) -> Taking:
    return Taking("mm1", campaign, "0x1", "abc", BEGINS, told, AT)


def test_an_order_is_to_expect_its_part_less_its_own_fees() -> None:
    """What it made before it took part is not counted."""
    whole = taking(THRESHOLD, replace(score("5000", "500"), told_at=AT))
    one, other = (expected(whole, of, MEMBERS, DAYS, AT, Decimal("0.05")) for of in ("M1", "M2"))
    assert (one.account.volume, one.account.short) == (Decimal(5_000), Decimal(0))
    assert (one.volume, one.fees, one.reward, one.net) == (Decimal(4_000), Decimal(4), Decimal(400), Decimal(16))
    assert (other.volume, other.fees, other.reward, other.net) == (
        Decimal(1_000),
        Decimal(2),
        Decimal(100),
        Decimal(3),
    )


def test_what_was_told_of_a_day_says_nothing_of_the_next() -> None:
    daily = taking(CAMPAIGN, replace(score("2000", "40"), told_at=AT))
    today = expected(daily, "M1", MEMBERS, DAYS, AT, None)
    assert (today.volume, today.reward, today.net) == (Decimal(1_000), Decimal(20), None)
    tomorrow = expected(daily, "M1", MEMBERS, DAYS, AT + timedelta(days=2), None)
    assert (tomorrow.volume, tomorrow.reward) == (Decimal(0), Decimal(0))


# What is chosen


def test_a_choice_is_of_what_is_named_or_of_all_that_fit() -> None:
    assert Choice(named=CAMPAIGN.campaign_id).wants(CAMPAIGN)
    assert not Choice(named=f"1-0x{1:040x}").wants(CAMPAIGN)
    assert Choice(kind=Kind.MARKET_MAKING).wants(CAMPAIGN)
    assert Choice(kind=Kind.MARKET_MAKING, token="HMT").wants(CAMPAIGN)
    assert not Choice(kind=Kind.MARKET_MAKING, token="USDT").wants(CAMPAIGN)
    assert not Choice(kind=Kind.THRESHOLD_MARKET_MAKING).wants(CAMPAIGN)
    assert not NOTHING.wants(CAMPAIGN)
    assert not Choice(token="hmt").wants(CAMPAIGN), "anybody may name a token almost so"
