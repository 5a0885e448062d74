"""Two rounds of the clock at once, and a customer who moves his recurring buy as its date is dealt with: under every
schedule it is one or the other, and a date is bought once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from common.domain.catalogue.model import Listing
from common.domain.catalogue.store import Catalogue
from common.money import Money
from common.owner import Owner
from common.table.transaction import Patience
from functions.purchases.recurring import Changes, DateTold, Outcome, RecurringBuy, Status
from functions.purchases.recurring_store import PlanMoved
from tests.depth import deep
from tests.desk import Clock, Desk
from tests.harness.interleave import Interleaver, every_schedule
from tests.harness.memory import InMemoryDynamoDB
from tests.outside import Outside
from tests.purchases.recurring_books import violations

ANN = Owner("ann", "sub-ann")
PREEMPTIONS = deep(everyday=1, full=3)
Act = Callable[[Desk, RecurringBuy], RecurringBuy]


@dataclass(frozen=True)
class Before:
    """A table in which something is due now."""

    dynamo: InMemoryDynamoDB
    at: datetime
    plan: RecurringBuy


@cache
def before(usd: str) -> Before:
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000)
    plan = desk.recurring_buy(desk.customer("ann", usd="100.00"), usd)
    return Before(desk.dynamo, desk.clock.at, plan)


def interleaved(of: Before, interleaver: Interleaver) -> Desk:
    """Every call to the table is a step of one of several threads; the catalogue is known, as in a warm function."""
    desk = Desk(of.dynamo.copy(), Clock(of.at))
    listings = Catalogue(desk.table, desk.clock).listings()
    desk.outside = Outside(desk.clock)  # without machines
    interleaver.watch(desk.dynamo)
    desk.patience = Patience(monotonic=interleaver.monotonic, sleep=interleaver.sleep, jitter=Random(1).random)
    desk._catalogue = Catalogue(desk.table, desk.clock, listings, desk.clock.at)
    return desk


def dates(desk: Desk, plan: RecurringBuy) -> list[DateTold]:
    return desk.recurring_buys.dates(ANN, plan.plan_id, limit=9, after=None).items[::-1]


def bought(desk: Desk) -> list[dict[str, Any]]:
    desk.dynamo.pause = None
    desk.check()
    assert not list(violations(desk.dynamo.items()))
    return [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "purchase"]


@pytest.mark.parametrize("usd", ["4.00", "20.00"], ids=["pooled", "direct"])
def test_two_rounds_at_once_buy_a_date_once(usd: str) -> None:
    of = before(usd)

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        rounds = [outcome.result() for outcome in interleaver.run(desk.buy_recurring, desk.buy_recurring)]
        assert len(bought(desk)) == 1
        assert sum(found["ordered"] for found in rounds) == 1

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5


def test_two_rounds_at_once_skip_a_date_once() -> None:
    """Ann has spent her dollars."""
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000)
    plan = desk.recurring_buy(desk.customer("ann", usd="3.00"), "4.00")
    of = Before(desk.dynamo, desk.clock.at, plan)

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        for outcome in interleaver.run(desk.buy_recurring, desk.buy_recurring):
            outcome.result()
        assert bought(desk) == []
        assert desk.recurring_buys.recurring_buy(ANN, plan.plan_id).skipped == 1

    assert every_schedule(meet, stages=(), preemptions_max=PREEMPTIONS) > 5


def cancel(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    return desk.recurring_buys.cancel(ANN, plan.plan_id)


def pause(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    return desk.recurring_buys.pause(ANN, plan.plan_id)


def change(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    return desk.recurring_buys.change(ANN, plan.plan_id, 1, Changes({"quote_amount": Money(7)}))


@pytest.mark.parametrize(("act", "status"), [(cancel, Status.CANCELLED), (pause, Status.PAUSED)])
def test_what_is_stopped_at_its_date_was_bought_before_or_never_is(act: Act, status: Status) -> None:
    """Its dates tell with the customer's answer whether it was bought before; nothing is behind it."""
    of = before("4.00")
    seen = set[bool]()

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        outcomes = interleaver.run(lambda: act(desk, of.plan), desk.buy_recurring)
        stopped = outcomes[0].result()
        outcomes[1].result()
        assert stopped.status is status
        purchases = bought(desk)
        (told,) = dates(desk, of.plan)
        assert (told.due_at, len(purchases)) == (stopped.last_at, told.outcome is Outcome.ORDERED)
        seen.add(told.outcome is Outcome.ORDERED)
        desk.clock.forward(days=3)
        desk.buy_recurring()
        assert bought(desk) == purchases

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5
    assert seen == {True, False}


def test_what_is_changed_at_its_date_is_bought_as_before_or_as_changed() -> None:
    of = before("4.00")
    seen = set[str]()

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        changed, found = (
            outcome.result() for outcome in interleaver.run(lambda: change(desk, of.plan), desk.buy_recurring)
        )
        desk.dynamo.pause = None
        if not found["ordered"]:
            assert desk.buy_recurring()["ordered"] == 1  # the next round
        (purchase,) = bought(desk)
        assert purchase["held_amount"]["N"] == ("4" if changed.last_at is not None else "7")
        seen.add(purchase["held_amount"]["N"])

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5
    assert seen == {"4", "7"}


@cache
def priced() -> tuple[Before, Mapping[str, Listing], Mapping[str, Listing]]:
    """A price comes in the moment of a date: the view of the catalogue before it, and behind it."""
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=60)
    plan = desk.recurring_buy(desk.customer("ann", usd="100.00"), "4.00")
    desk.clock.forward(minutes=2)
    old = Catalogue(desk.table, desk.clock).listings()
    desk.mark("SOL", "100")
    return Before(desk.dynamo, desk.clock.at, plan), old, Catalogue(desk.table, desk.clock).listings()


def two_views(interleaver: Interleaver) -> tuple[Before, Desk, Desk]:
    """Two warm functions: one knows of no price that it may trade on, so it postpones; the other one buys."""
    of, old, new = priced()
    late = interleaved(of, interleaver)
    late._catalogue = Catalogue(late.table, late.clock, old, late.clock.at)
    other = Desk(late.dynamo, late.clock)
    other.outside, other.patience = late.outside, late.patience
    other._catalogue = Catalogue(other.table, other.clock, new, other.clock.at)
    return of, late, other


def next_days(desk: Desk) -> None:
    desk.dynamo.pause = None
    for _ in range(2):
        desk.clock.forward(days=1)
        desk.mark("SOL", "100")
        for _ in range(2):
            desk.buy_recurring()
            bought(desk)


def test_a_round_that_postpones_and_one_that_buys_leave_nothing_tried() -> None:
    """The next day's round would tell of the date again, over the row that says that it was ordered."""
    seen = set[str]()

    def meet(interleaver: Interleaver) -> None:
        of, late, other = two_views(interleaver)
        found = [outcome.result() for outcome in interleaver.run(late.buy_recurring, other.buy_recurring)]
        ordered, desk = found[1]["ordered"], Desk(late.dynamo, late.clock)
        assert len(bought(desk)) == ordered
        assert (desk.recurring_buys.recurring_buy(ANN, of.plan.plan_id).tried is None) == bool(ordered)
        next_days(desk)
        first, *others = dates(desk, of.plan)
        assert (first.due_at, first.outcome) == (of.plan.created_at, "ORDERED" if ordered else "SKIPPED")
        assert [told.outcome for told in others] == ["ORDERED", "ORDERED"]
        seen.add(first.outcome)

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5
    assert seen == {"ORDERED", "SKIPPED"}


def starts_now(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    return desk.recurring_buys.change(ANN, plan.plan_id, 1, Changes({"starts_at": desk.clock.at}))


def pause_and_resume(desk: Desk, plan: RecurringBuy) -> RecurringBuy:
    pause(desk, plan)
    return desk.recurring_buys.resume(ANN, plan.plan_id)


@pytest.mark.parametrize("act", [pause_and_resume, starts_now])
def test_what_is_postponed_as_its_customer_moves_it_is_tried_no_more(act: Act) -> None:
    def meet(interleaver: Interleaver) -> None:
        of, late, other = two_views(interleaver)
        for outcome in interleaver.run(late.buy_recurring, lambda: act(other, of.plan)):
            outcome.result()
        desk = Desk(late.dynamo, late.clock)
        assert bought(desk) == []
        next_days(desk)
        first, *others = dates(desk, of.plan)
        assert (first.due_at, first.outcome) == (of.plan.created_at, Outcome.SKIPPED)
        assert others[-1].outcome is Outcome.ORDERED

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5


def test_a_date_that_is_postponed_is_not_ordered_by_who_has_read_it_before() -> None:
    """Nor does the answer to the first postponement come back in a second one: each is of the plan as it is."""
    desk = Desk()
    desk.list_exchange_asset(price_age_max_seconds=1_000_000)
    plan = desk.recurring_buy(desk.customer("ann", usd="100.00"), "4.00")
    read, acts = desk.recurring_buys.recurring_buy(ANN, plan.plan_id), desk.recurring_buys
    acts._postpone(read, plan.created_at, "no price is to be had")
    with pytest.raises(PlanMoved):
        acts._buy(read, plan.created_at, desk.clock())
    with pytest.raises(PlanMoved):
        acts._postpone(read, plan.created_at, "it is busy")
    with pytest.raises(PlanMoved):
        acts._skip(read, plan.created_at, "nobody knows")
    assert (bought(desk), dates(desk, plan)) == ([], [])
    desk.clock.forward(minutes=11)
    assert desk.buy_recurring()["ordered"] == 1
    bought(desk)
