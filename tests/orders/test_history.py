"""What an account was worth over time: exact where a price is known, and told to be unknown where none is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from common.domain.catalogue.model import Step
from common.domain.catalogue.store import mark
from common.domain.ledger.model import AccountNotFound
from common.money import Money, Price
from common.owner import Owner
from functions.orders.history import STEPS_MAX, TooManySteps, Worth, steps
from functions.orders.service import marks
from sandbox.prices.oracle import Oracle
from tests.desk import NOON, Desk
from tests.orders.test_price_jumps import a_round, confirm, exchange_is_at
from tests.orders.test_schedule import oracle
from tests.seen import before_next_write

__all__ = ["oracle"]
ONE, TWO, THREE = (NOON + timedelta(hours=n) for n in (1, 2, 3))
MIDNIGHT = NOON + timedelta(hours=12)


def passes(desk: Desk, oracle: Oracle, hour: datetime, price: str) -> None:
    """The source says this price half a minute before the hour, and one cent more after it."""
    desk.clock.at = hour - timedelta(seconds=90)
    a_round(desk, oracle, price)
    a_round(desk, oracle, str(Decimal(price) + Decimal("0.01")))


def known(desk: Desk, step: Step = Step.HOUR, asset_id: str = "BTC") -> dict[datetime, Price]:
    return {past.at: past.quote.price for past in desk.valuing.prices(asset_id, NOON, None, step)}


def of_hours(desk: Desk, owner: Owner, since: datetime = NOON, until: datetime | None = None) -> list[Worth]:
    return desk.valuing.history(owner, since, until, Step.HOUR)


# Prices of the past


def test_the_last_price_before_a_full_hour_is_its_price_for_ever(desk: Desk, oracle: Oracle) -> None:
    passes(desk, oracle, ONE, "101")
    passes(desk, oracle, TWO, "102.000000000000000001")
    assert known(desk) == {ONE: Price("101"), TWO: Price("102.000000000000000001")}


def test_midnights_price_is_its_days_and_no_other_is(desk: Desk, oracle: Oracle) -> None:
    passes(desk, oracle, ONE, "101")
    passes(desk, oracle, MIDNIGHT, "103")
    assert known(desk, Step.DAY) == {MIDNIGHT: Price("103")}
    assert known(desk) == {ONE: Price("101"), MIDNIGHT: Price("103")}


def test_a_price_of_just_the_hour_is_its_price(desk: Desk, oracle: Oracle) -> None:
    desk.clock.at = ONE - timedelta(seconds=60)
    a_round(desk, oracle, "100", after=0)
    a_round(desk, oracle, "101")
    a_round(desk, oracle, "102")
    assert known(desk) == {ONE: Price("101")}


def test_a_price_that_was_too_old_at_an_hour_is_not_its_price(desk: Desk, oracle: Oracle) -> None:
    """The source was down from before the hour until after it: 121 seconds are one too many."""
    desk.clock.at = ONE - timedelta(seconds=182)
    a_round(desk, oracle, "101")
    a_round(desk, oracle, "102", after=240)
    assert known(desk) == {}


def test_a_price_that_has_jumped_is_no_hours_price(desk: Desk, oracle: Oracle) -> None:
    """Before the hour: nobody knew what it was worth. After it: the price of before the jump was the price."""
    desk.clock.at = ONE - timedelta(seconds=150)
    a_round(desk, oracle, "100")
    a_round(desk, oracle, "300")
    a_round(desk, oracle, "101")
    passes(desk, oracle, TWO, "101")
    desk.clock.at = THREE - timedelta(seconds=90)
    a_round(desk, oracle, "102")
    a_round(desk, oracle, "300")
    a_round(desk, oracle, "102")
    assert known(desk) == {TWO: Price("101"), THREE: Price("102")}


def test_who_confirms_a_jump_keeps_the_hour_that_was_before_it(desk: Desk, oracle: Oracle) -> None:
    """At one hour two operators do, at another the exchange; the prices of both hours are of before the jumps."""
    passes(desk, oracle, ONE, "101")
    desk.clock.at = TWO - timedelta(seconds=90)
    a_round(desk, oracle, "102")
    a_round(desk, oracle, "300")
    confirm(desk, "300")
    desk.clock.at = THREE - timedelta(seconds=90)
    a_round(desk, oracle, "301")
    exchange_is_at(desk, "399", "401")
    a_round(desk, oracle, "400")
    assert known(desk) == {ONE: Price("101"), TWO: Price("102"), THREE: Price("301")}


def test_a_jump_that_was_confirmed_after_the_hour_is_not_its_price(desk: Desk, oracle: Oracle) -> None:
    """At the hour it waited for people, or for the exchange: the desk did not trade at it then. So does a first
    price."""
    desk.list_asset("AAA", None)
    desk.clock.at = ONE - timedelta(seconds=65)
    desk.clock.forward(seconds=59)
    oracle.set_price("aaa", "7")
    a_round(desk, oracle, "300", after=1)
    desk.clock.forward(minutes=10)
    confirm(desk, "300")
    confirm(desk, "7", "AAA")
    oracle.set_price("aaa", "8")
    a_round(desk, oracle, "301")
    desk.clock.at = TWO - timedelta(seconds=125)
    a_round(desk, oracle, "300")
    a_round(desk, oracle, "500")
    exchange_is_at(desk, "499", "501")
    a_round(desk, oracle)
    a_round(desk, oracle, "501")
    passes(desk, oracle, THREE, "501")
    assert known(desk) == {THREE: Price("501")}
    assert known(desk, asset_id="AAA") == {TWO: Price("8"), THREE: Price("8")}


def test_a_round_that_overlaps_does_not_keep_an_older_price(desk: Desk, oracle: Oracle) -> None:
    """One has read $100 of 12:58:30; another writes $101 of 12:59:40 before it writes $102 of 13:00:10."""
    desk.clock.at = ONE - timedelta(seconds=150)
    a_round(desk, oracle, "100")
    desk.clock.at = ONE + timedelta(seconds=10)
    oracle.set_price("btc", "102")
    listing = desk.catalogue.fresh()["BTC"]
    assert listing.quote is not None
    between = type(listing.quote)(Price("101"), "test", ONE - timedelta(seconds=20))
    before_next_write(desk, lambda: desk.table.write(mark("BTC", between, between.as_of + timedelta(seconds=2))))
    assert marks.refresh(desk.catalogue, lambda _: oracle).marked == 0
    a_round(desk, oracle, "102")
    assert known(desk) == {ONE: Price("101")}


# What an account was worth


def test_each_step_is_what_there_was_at_the_price_of_then(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    passes(desk, oracle, ONE, "110")
    desk.sell(ann, "0.5")  # at 110
    passes(desk, oracle, TWO, "90.5")
    told = [(w.at, str(w.usd), str(w.cost), str(w.value), str(w.unrealised_gain)) for w in of_hours(desk, ann)[:-1]]
    assert told == [
        (NOON, "0.00", "0.00", "0.00", "0.00"),
        (ONE, "800.00", "200.00", "1020.00", "20.00"),
        (TWO, "855.00", "150.00", "990.75", "-14.25"),
    ]


def test_the_last_step_is_what_the_portfolio_says_now(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    passes(desk, oracle, ONE, "110")
    now, last = desk.orders.portfolio(ann), of_hours(desk, ann)[-1]
    assert (last.value, last.unrealised_gain) == (now.total_portfolio_value, now.unrealised_gain)
    assert (last.realised_gain, last.usd) == (now.realised_gain, now.balance.total)


def test_a_step_without_a_price_says_of_what_and_guesses_nothing(desk: Desk, oracle: Oracle) -> None:
    """Its neighbours have one. Dollars and cost are known all the same; and who had none of it misses nothing."""
    ann, bob = desk.customer(usd="1000.00"), desk.customer("bob", usd="7.00")
    desk.buy(ann, "2")
    passes(desk, oracle, ONE, "110")
    passes(desk, oracle, THREE, "110")
    at_two = of_hours(desk, ann, TWO, TWO)
    assert at_two == [Worth(TWO, Money(800), Money(200), None, None, Money(0), ["BTC"])]
    assert [w.value for w in of_hours(desk, ann, ONE, THREE)] == [Money(1020), None, Money(1020)]
    assert [w.value for w in of_hours(desk, bob, ONE, THREE)] == [Money(7)] * 3


def test_of_now_a_price_that_is_too_old_is_not_known_either(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    desk.clock.forward(seconds=121)
    assert [(w.value, w.without_price) for w in of_hours(desk, ann, desk.clock())] == [(None, ["BTC"])]


def test_who_has_sold_all_of_an_asset_needs_no_price_of_it(desk: Desk) -> None:
    ann = desk.customer(usd="1000.00")
    desk.buy(ann, "2")
    desk.sell(ann, "2")
    desk.clock.forward(hours=2)
    assert {(w.value, w.cost, w.unrealised_gain) for w in of_hours(desk, ann, ONE)} == {
        (Money(1000), Money(0), Money(0))
    }


def test_what_moves_at_a_step_is_of_the_next_one(desk: Desk, oracle: Oracle) -> None:
    ann = desk.customer(usd="1000.00")
    desk.clock.at = ONE - timedelta(milliseconds=2)
    desk.accounts.deposit(ann, "before", Money(1))
    desk.clock.at = ONE - timedelta(milliseconds=1)
    desk.accounts.deposit(ann, "at it", Money(2))
    desk.clock.forward(hours=2)
    assert [w.usd for w in of_hours(desk, ann, ONE, TWO)] == [Money(1001), Money(1003)]


def test_nobody_elses_history_is_told(desk: Desk, oracle: Oracle) -> None:
    desk.customer()
    with pytest.raises(AccountNotFound):
        of_hours(desk, Owner("ann", "sub-of-somebody-else"))


# Which steps


@pytest.mark.parametrize(
    ("since", "until", "step", "first", "number"),
    [
        (NOON, ONE, Step.HOUR, NOON, 2),
        (NOON + timedelta(seconds=1), ONE, Step.HOUR, ONE, 1),
        (NOON + timedelta(seconds=1), ONE - timedelta(seconds=1), Step.HOUR, None, 0),
        (NOON, MIDNIGHT, Step.DAY, MIDNIGHT, 1),
        (ONE, NOON, Step.HOUR, None, 0),
        (None, None, Step.DAY, datetime(2026, 11, 1, tzinfo=UTC), 30),
        (None, None, Step.HOUR, datetime(2026, 11, 29, tzinfo=UTC), 49),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), None, Step.DAY, None, 0),
        (None, datetime(1, 1, 1, tzinfo=UTC), Step.DAY, None, 0),
        (MIDNIGHT, datetime(9999, 12, 31, 23, 30, tzinfo=UTC), Step.DAY, MIDNIGHT, 9),
    ],
)
def test_steps_are_full_hours_and_days_and_none_is_of_the_future(
    since: datetime | None, until: datetime | None, step: Step, first: datetime | None, number: int
) -> None:
    found = steps(since, until, datetime(2026, 12, 1, tzinfo=UTC) - timedelta(microseconds=step is Step.DAY), step)
    assert (found[:1], len(found)) == ([first] if first else [], number)


def test_more_steps_than_one_answer_tells_are_refused() -> None:
    most = NOON + timedelta(hours=STEPS_MAX - 1)
    assert len(steps(NOON, most, most, Step.HOUR)) == STEPS_MAX
    with pytest.raises(TooManySteps, match=f"has {STEPS_MAX + 1} steps"):
        steps(NOON - timedelta(hours=1), most, most, Step.HOUR)
