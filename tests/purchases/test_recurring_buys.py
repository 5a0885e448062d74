"""Recurring buys: made, bought at their dates, skipped, paused, changed and cancelled; and what fails meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import keys
from common.clock import text
from common.domain.catalogue.model import AboveMaximum, AssetInactive, BelowMinimum, Execution, PrecisionExceeded
from common.domain.ledger.model import AccountNotFound
from common.errors import Refusal
from common.idempotency import IdempotencyKeyReused
from common.money import Money, Price
from common.owner import Owner
from functions.purchases.model import BoughtHere, Purchase
from functions.purchases.recurring import (
    LIVE_MAX,
    SKIPPED_MAX,
    Asked,
    Changes,
    DateOutOfRange,
    DateTold,
    Every,
    Outcome,
    RecurringBuy,
    RecurringBuyChanged,
    RecurringBuyNotFound,
    RecurringBuyOver,
    Rhythm,
    Status,
    TooManyRecurringBuys,
    amounts,
)
from functions.purchases.strategy import Strategy
from tests.desk import NOON, Desk
from tests.operations.test_moves import moved

DAY = timedelta(days=1)
FOUR_DOLLARS = amounts("SOL", None, Decimal("4.00"), None)


@pytest.fixture
def desk(desk: Desk) -> Desk:
    """Its price stays good for years."""
    desk.list_exchange_asset(price_age_max_seconds=10**9)
    return desk


def dates(desk: Desk, plan: RecurringBuy) -> list[DateTold]:
    """The first one first."""
    return desk.recurring_buys.dates(plan.owner, plan.plan_id, limit=100, after=None).items[::-1]


def now(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    return desk.recurring_buys.recurring_buy(plan.owner, plan.plan_id)


def purchases(desk: Desk, plan: RecurringBuy) -> list[Purchase]:
    ids = [told.order_id for told in dates(desk, plan) if told.order_id is not None]
    return [desk.purchases.purchase(plan.owner, order_id) for order_id in ids]


def days(desk: Desk, number: int) -> None:
    """So many pass, with a round of the clock each six hours."""
    for _ in range(number * 4):
        desk.buy_recurring()
        desk.clock.forward(hours=6)
    desk.buy_recurring()


def at(day: str, hour: int = 9) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


# Dates


@pytest.mark.parametrize(
    ("every", "starts", "expected"),
    [
        ("daily", "2026-11-21", ["2026-11-22", "2026-11-23", "2026-11-24"]),
        ("weekly", "2026-11-21", ["2026-11-28", "2026-12-05", "2026-12-12"]),
        ("monthly", "2026-11-21", ["2026-12-21", "2027-01-21", "2027-02-21"]),
        ("monthly", "2026-12-31", ["2027-01-31", "2027-02-28", "2027-03-31"]),
        ("monthly", "2028-01-30", ["2028-02-29", "2028-03-30", "2028-04-30"]),
    ],
)
def test_dates_are_reckoned_from_the_first(every: str, starts: str, expected: list[str]) -> None:
    rhythm = Rhythm(Every(every), at(starts))
    assert [rhythm.date(n) for n in (1, 2, 3)] == [at(day) for day in expected]
    assert [rhythm.after(rhythm.date(n)) for n in (0, 1, 2)] == [at(day) for day in expected]


@pytest.mark.parametrize("every", Every)
def test_the_number_of_a_date_is_found_again_just_before_and_behind_it(every: Every) -> None:
    moment = timedelta(microseconds=1)
    for first in ("2026-01-31", "2028-02-29", "2026-12-01"):
        rhythm = Rhythm(every, at(first))
        for n in range(60):
            date = rhythm.date(n)
            assert (rhythm.number(date - moment), rhythm.number(date), rhythm.number(date + moment)) == (n - 1, n, n)


def test_on_the_31st_the_last_day_of_a_shorter_month_is_bought(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", "monthly", starts_at=at("2026-12-31"))
    desk.clock.at = at("2026-12-31")
    days(desk, 150)
    bought = [told.due_at for told in dates(desk, plan) if told.outcome is Outcome.BOUGHT]
    assert bought == [at(f"{day}") for day in ("2026-12-31", "2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30")]


# Buying


def test_a_first_date_that_is_now_is_bought_by_the_next_round(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    assert desk.buy_recurring() == {"bought": 1, "skipped": 0, "postponed": 0}
    (purchase,) = purchases(desk, plan)
    assert (purchase.strategy, purchase.held, purchase.status) == (Strategy.POOLED, Money("4.00"), "PENDING")
    assert now(desk, plan).next_at == plan.created_at + DAY
    assert desk.buy_recurring()["bought"] == 0
    desk.check()


def test_what_is_worth_the_minimum_goes_on_its_own(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, quantity="0.5")
    desk.buy_recurring()
    desk.run()
    (purchase,) = purchases(desk, plan)
    assert (purchase.strategy, purchase.status) == (Strategy.DIRECT, "COMPLETED")
    desk.check()


def test_three_weeks_are_three_purchases_more_that_fill_a_pool(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", "weekly")
    days(desk, 21)
    assert [told.due_at for told in dates(desk, plan)] == [plan.created_at + 7 * n * DAY for n in range(4)]
    assert len({purchase.order_id for purchase in purchases(desk, plan)}) == 4
    desk.check()


def test_a_purchase_says_in_its_story_which_recurring_buy_it_is_of(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    desk.buy_recurring()
    (purchase,) = purchases(desk, plan)
    (asked,) = [e for e in desk.operations.story(purchase.order_id).events if e.before is None]
    assert asked.actor == f"recurring buy {plan.plan_id}"


def test_behind_the_last_date_it_has_ended(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", ends_at=NOON + 2 * DAY)
    days(desk, 5)
    assert [told.outcome for told in dates(desk, plan)] == ["BOUGHT", "BOUGHT"]
    over = now(desk, plan)
    assert (over.status, over.next_at, over.reason) == (Status.ENDED, None, "it has no further date")
    assert not waiting(desk)


def test_of_missed_dates_none_behind_the_end_is_bought(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", ends_at=NOON + timedelta(days=2, hours=1))
    desk.clock.forward(days=30)
    desk.buy_recurring()
    (told,) = dates(desk, plan)
    assert (told.due_at, told.missed, now(desk, plan).status) == (plan.created_at + 2 * DAY, 2, Status.ENDED)


def waiting(desk: Desk) -> list[Any]:
    return desk.operations.work((keys.RECURRING_BUY.backlog,), overdue_only=False, limit=100)


# What fails


def test_without_dollars_a_date_is_skipped_and_its_history_says_why(desk: Desk) -> None:
    poor = desk.customer("poor", usd="3.00")
    plan = desk.recurring_buy(poor, "4.00")
    assert desk.buy_recurring() == {"bought": 0, "skipped": 1, "postponed": 0}
    (told,) = dates(desk, plan)
    assert (told.outcome, told.order_id) == (Outcome.SKIPPED, None)
    assert told.reason == "the free balance is below 4.00"
    assert (now(desk, plan).status, now(desk, plan).skipped) == (Status.ACTIVE, 1)
    desk.check()


def test_after_three_dates_without_dollars_it_pauses_and_says_why(desk: Desk) -> None:
    poor = desk.customer("poor", usd="3.00")
    plan = desk.recurring_buy(poor, "4.00")
    days(desk, 6)
    assert len(dates(desk, plan)) == SKIPPED_MAX
    paused = now(desk, plan)
    assert (paused.status, paused.next_at) == (Status.PAUSED, None)
    assert paused.reason is not None
    assert paused.reason.startswith("3 dates in a row were skipped")
    desk.accounts.deposit(poor, "more", Money("100.00"))
    resumed = desk.recurring_buys.resume(poor, plan.plan_id)
    assert resumed.next_at == plan.created_at + 7 * DAY
    days(desk, 1)
    assert dates(desk, plan)[-1].outcome is Outcome.BOUGHT
    assert now(desk, plan).skipped == 0


def test_what_is_resumed_may_skip_three_dates_more(desk: Desk) -> None:
    poor = desk.customer("poor", usd="3.00")
    plan = desk.recurring_buy(poor, "4.00")
    days(desk, 3)
    desk.recurring_buys.resume(poor, plan.plan_id)
    days(desk, 2)
    assert (now(desk, plan).status, now(desk, plan).skipped) == (Status.ACTIVE, 2)
    days(desk, 4)
    assert (now(desk, plan).status, len(dates(desk, plan))) == (Status.PAUSED, 2 * SKIPPED_MAX)


def test_a_date_that_is_bought_begins_the_counting_of_skipped_ones_anew(desk: Desk) -> None:
    poor = desk.customer("poor", usd="3.00")
    plan = desk.recurring_buy(poor, "4.00")
    days(desk, 1)
    desk.accounts.deposit(poor, "more", Money("2.00"))
    days(desk, 3)
    assert [told.outcome for told in dates(desk, plan)] == ["SKIPPED", "SKIPPED", "BOUGHT", "SKIPPED", "SKIPPED"]
    assert now(desk, plan).status is Status.ACTIVE


@pytest.mark.parametrize("down", [timedelta(hours=5), 3 * DAY + timedelta(hours=2), 30 * DAY])
def test_of_the_dates_that_the_clock_was_down_for_the_latest_is_bought(desk: Desk, ann: Owner, down: timedelta) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    desk.buy_recurring()
    desk.clock.forward(seconds=DAY.total_seconds())
    desk.clock.forward(seconds=down.total_seconds())
    for _ in range(3):
        desk.buy_recurring()
    (_, late) = dates(desk, plan)
    assert late.due_at == plan.created_at + DAY * (1 + down // DAY)
    assert (late.outcome, late.missed) == (Outcome.BOUGHT, down // DAY)
    assert late.missed_from == (plan.created_at + DAY if down >= DAY else None)
    assert now(desk, plan).next_at == late.due_at + DAY
    desk.check()


def test_while_the_price_is_not_to_be_had_a_date_is_tried_again(desk: Desk, ann: Owner) -> None:
    desk.list_exchange_asset("SOL", "100", price_age_max_seconds=60)
    plan = desk.recurring_buy(ann, "4.00")
    desk.clock.forward(hours=1)
    assert desk.buy_recurring() == {"bought": 0, "skipped": 0, "postponed": 1}
    assert desk.buy_recurring()["postponed"] == 0
    (waits,) = waiting(desk)
    assert "too old to trade on" in waits.waits_for
    desk.clock.forward(minutes=11)
    desk.mark("SOL", "100")
    assert desk.buy_recurring()["bought"] == 1
    (told,) = dates(desk, plan)
    assert (told.due_at, told.outcome) == (plan.created_at, Outcome.BOUGHT)
    assert now(desk, plan).tried is None


@pytest.mark.parametrize("every", ["daily", "weekly"])
def test_a_date_without_a_price_is_skipped_after_a_day_and_not_counted(desk: Desk, ann: Owner, every: str) -> None:
    desk.list_exchange_asset("SOL", "100", price_age_max_seconds=60)
    plan = desk.recurring_buy(ann, "4.00", every)
    desk.clock.forward(minutes=2)
    days(desk, 1)
    desk.clock.forward(minutes=10)
    desk.buy_recurring()
    told = dates(desk, plan)[0]
    assert (told.due_at, told.outcome) == (plan.created_at, Outcome.SKIPPED)
    assert told.reason is not None
    assert "too old to trade on" in told.reason
    after = now(desk, plan)
    assert (after.status, after.skipped) == (Status.ACTIVE, 0)
    assert after.next_at == plan.created_at + DAY * (1 if every == "daily" else 7)


def test_while_the_market_is_above_the_limit_dates_are_skipped_for_ever(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", max_price="90")
    days(desk, 5)
    assert [told.outcome for told in dates(desk, plan)] == ["SKIPPED"] * 6
    assert now(desk, plan).status is Status.ACTIVE
    desk.mark("SOL", "85")
    days(desk, 1)
    (purchase,) = purchases(desk, plan)
    assert purchase.max_price == Price(90)


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        ({"active": False}, "is not traded at present"),
        ({"execution": Execution.INSTANT, "min_notional": "1"}, "is sold from the desk's book"),
        ({"min_pooled": "5"}, "is worth at least $5"),
    ],
    ids=["delisted", "switched", "too small by now"],
)
def test_an_asset_that_is_no_more_as_it_was_is_skipped(
    desk: Desk, ann: Owner, rules: dict[str, Any], told: str
) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    desk.list_exchange_asset(price_age_max_seconds=10**9, **rules)
    days(desk, 4)
    reasons = [date.reason for date in dates(desk, plan)]
    assert len(reasons) == SKIPPED_MAX
    assert all(told in str(reason) for reason in reasons)
    assert now(desk, plan).status is Status.PAUSED
    desk.check()


def test_who_has_too_much_open_has_the_date_skipped(desk: Desk) -> None:
    rich = desk.customer("rich", usd="1000.00")
    plan = desk.recurring_buy(rich, "4.00")
    desk.list_exchange_asset(price_age_max_seconds=10**9, min_notional="100000", max_notional="1000000")
    for n in range(200):
        desk.purchase(rich, "1.00", key=f"open-{n}")
    desk.buy_recurring()
    (told,) = dates(desk, plan)
    assert told.outcome is Outcome.SKIPPED
    assert "200" in str(told.reason)


def test_an_account_that_is_another_logins_by_now_ends_it(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    moved(desk)
    desk.buy_recurring()
    over = now(desk, plan)
    assert (over.status, over.reason) == (Status.ENDED, "its account is not this login's")
    assert len(dates(desk, plan)) == 1
    assert not waiting(desk)


def test_one_that_fails_by_a_bug_does_not_stop_the_others(
    desk: Desk, ann: Owner, bob: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = desk.recurring_buy(ann, "4.00"), desk.recurring_buy(bob, "4.00")
    dealt = type(desk.recurring_buys)._deal

    def fails(self: Any, plan_id: str) -> str | None:
        if plan_id == first.plan_id:
            raise ZeroDivisionError
        return dealt(self, plan_id)

    monkeypatch.setattr(type(desk.recurring_buys), "_deal", fails)
    assert desk.buy_recurring()["bought"] == 1
    assert len(dates(desk, second)) == 1


def test_a_round_that_is_cut_short_leaves_the_rest_to_the_next_one(desk: Desk, ann: Owner) -> None:
    plans = [desk.recurring_buy(ann, "4.00") for _ in range(7)]
    for _ in range(7):
        left = iter([True, False])
        assert desk.recurring_buys.buy_due(lambda: next(left))["bought"] == 1  # noqa: B023
    assert [len(dates(desk, plan)) for plan in plans] == [1] * 7


# Asking


def test_the_same_key_is_the_same_recurring_buy(desk: Desk, ann: Owner) -> None:
    asked = Asked(FOUR_DOLLARS, Every.DAILY)
    made = desk.recurring_buys.plan(ann, "k", asked)
    desk.clock.forward(days=400)
    again = desk.recurring_buys.plan(ann, "k", asked)
    assert (again.replayed, again.made) == (True, made.made)
    with pytest.raises(IdempotencyKeyReused):
        desk.recurring_buys.plan(ann, "k", Asked(FOUR_DOLLARS, Every.WEEKLY))


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"starts_at": NOON - timedelta(minutes=6)}, DateOutOfRange),
        ({"starts_at": NOON + 400 * DAY}, DateOutOfRange),
        ({"ends_at": NOON - DAY}, DateOutOfRange),
        ({"usd": "0.50"}, BelowMinimum),
        ({"usd": "2000000"}, AboveMaximum),
        ({"usd": None, "quantity": "0.1234567891"}, PrecisionExceeded),
        ({"asset_id": "OFF"}, AssetInactive),
        ({"asset_id": "BTC"}, BoughtHere),
    ],
)
def test_what_could_never_be_bought_is_refused_at_once(
    desk: Desk, ann: Owner, more: dict[str, Any], refusal: type[Refusal]
) -> None:
    desk.list_exchange_asset("OFF", active=False)
    desk.list_asset("BTC")
    with pytest.raises(refusal):
        desk.recurring_buy(ann, **{"usd": "4.00", **more})
    assert not waiting(desk)


def test_who_has_no_account_has_no_recurring_buy(desk: Desk) -> None:
    with pytest.raises(AccountNotFound):
        desk.recurring_buy(Owner("nobody", "sub-nobody"), "4.00")


def test_a_login_has_so_many_recurring_buys_that_are_not_over(desk: Desk, ann: Owner) -> None:
    plans = [desk.recurring_buy(ann, "4.00") for _ in range(LIVE_MAX)]
    with pytest.raises(TooManyRecurringBuys):
        desk.recurring_buy(ann, "4.00")
    desk.recurring_buys.cancel(ann, plans[0].plan_id)
    desk.recurring_buys.cancel(ann, plans[0].plan_id)
    desk.recurring_buy(ann, "4.00")
    with pytest.raises(TooManyRecurringBuys):
        desk.recurring_buy(ann, "4.00")


def test_nobody_sees_or_moves_what_is_another_customers(desk: Desk, ann: Owner, bob: Owner) -> None:
    plan, buys = desk.recurring_buy(ann, "4.00"), desk.recurring_buys
    for act in (buys.recurring_buy, buys.pause, buys.resume, buys.cancel):
        with pytest.raises(RecurringBuyNotFound):
            act(bob, plan.plan_id)
    with pytest.raises(RecurringBuyNotFound):
        buys.change(bob, plan.plan_id, 1, Changes({"quote_amount": Money(5)}))
    assert buys.recurring_buys(bob, limit=9, after=None).items == []
    assert buys.recurring_buys(ann, limit=9, after=None).items == [plan]


# Changing


def change(desk: Desk, plan: RecurringBuy, version: int = 1, **given: Any) -> RecurringBuy:
    return desk.recurring_buys.change(plan.owner, plan.plan_id, version, Changes(given))


def test_another_amount_counts_from_the_next_date_on(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    days(desk, 1)
    changed = change(desk, plan, quantity=Decimal("0.05"))
    assert (changed.version, changed.terms.quantity, changed.terms.quote_amount) == (2, Decimal("0.05"), None)
    days(desk, 1)
    assert [purchase.held for purchase in purchases(desk, plan)] == [Money(4), Money(4), Money(5)]
    assert now(desk, plan).terms == changed.terms


def test_who_changes_what_another_has_changed_is_told_its_version(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    change(desk, plan, quote_amount=Money(5))
    assert change(desk, plan, quote_amount=Money(5)).version == 2  # a repeat
    with pytest.raises(RecurringBuyChanged) as changed:
        change(desk, plan, quote_amount=Money(6))
    assert changed.value.facts["version"] == 2


def test_another_rhythm_begins_with_the_next_date(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    days(desk, 0)
    assert change(desk, plan, every=Every.WEEKLY).next_at == plan.created_at + DAY
    days(desk, 9)
    assert [told.due_at for told in dates(desk, plan)] == [plan.created_at + n * DAY for n in (0, 1, 8)]


def test_another_first_date_is_the_next_one_and_none_is_bought_twice(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    days(desk, 0)
    earlier = plan.created_at - timedelta(minutes=1)
    changed = change(desk, plan, starts_at=earlier)
    assert changed.next_at == earlier + DAY  # a later one is dealt with
    changed = change(desk, plan, version=2, starts_at=NOON + timedelta(hours=3))
    assert changed.next_at == NOON + timedelta(hours=3)
    days(desk, 1)
    assert [told.outcome for told in dates(desk, plan)] == ["BOUGHT", "BOUGHT"]


def test_a_limit_and_an_end_can_be_taken_away_again(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", max_price="120", ends_at=NOON + 9 * DAY)
    changed = change(desk, plan, max_price=None, ends_at=None)
    assert (changed.terms.max_price, changed.ends_at, changed.terms.quote_amount) == (None, None, Money(4))
    assert now(desk, plan) == changed


def test_an_end_before_the_next_date_is_refused(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", starts_at=NOON + 2 * DAY)
    with pytest.raises(DateOutOfRange):
        change(desk, plan, ends_at=NOON + DAY)
    assert now(desk, plan) == plan


def test_what_is_paused_buys_nothing_and_makes_nothing_good(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    days(desk, 0)
    paused = desk.recurring_buys.pause(ann, plan.plan_id)
    assert desk.recurring_buys.pause(ann, plan.plan_id) == paused
    days(desk, 3)
    resumed = desk.recurring_buys.resume(ann, plan.plan_id)
    assert desk.recurring_buys.resume(ann, plan.plan_id) == resumed
    assert (resumed.version, resumed.next_at) == (3, plan.created_at + 4 * DAY)
    days(desk, 1)
    assert [told.due_at for told in dates(desk, plan)] == [plan.created_at, plan.created_at + 4 * DAY]


def test_what_is_cancelled_is_over(desk: Desk, ann: Owner) -> None:
    plan, buys = desk.recurring_buy(ann, "4.00"), desk.recurring_buys
    days(desk, 0)
    cancelled = buys.cancel(ann, plan.plan_id)
    assert (cancelled.status, cancelled.next_at, buys.cancel(ann, plan.plan_id)) == (Status.CANCELLED, None, cancelled)
    days(desk, 3)
    assert len(dates(desk, plan)) == 1
    for act in (buys.pause, buys.resume):
        with pytest.raises(RecurringBuyOver):
            act(ann, plan.plan_id)
    with pytest.raises(RecurringBuyOver):
        change(desk, plan, 2, quote_amount=Money(5))


def test_its_story_tells_what_became_of_it(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00", ends_at=NOON + timedelta(hours=30))
    desk.recurring_buys.pause(ann, plan.plan_id)
    desk.recurring_buys.resume(ann, plan.plan_id)
    days(desk, 3)
    story = desk.operations.story(plan.plan_id)
    assert [(e.after, e.actor) for e in story.events] == [
        ("ACTIVE", "customer"),
        ("PAUSED", "customer"),
        ("ACTIVE", "customer"),
        ("ENDED", "the clock"),
    ]


# What operators see


def test_what_no_round_comes_to_is_overdue_work(desk: Desk, ann: Owner) -> None:
    plan = desk.recurring_buy(ann, "4.00")
    assert desk.sweeper.sweep(lambda: True).overdue == 0
    desk.clock.forward(minutes=5)
    (late,) = desk.operations.work((keys.RECURRING_BUY.backlog,), overdue_only=True, limit=9)
    assert (late.id, late.waits_for) == (plan.plan_id, f"its date, {text(plan.created_at)}")
    assert desk.sweeper.sweep(lambda: True).overdue == 1
    desk.buy_recurring()
    assert desk.sweeper.sweep(lambda: True).overdue == 0
