"""Two rounds of the clock at once, and a customer who moves his recurring buy as its date is dealt with: under every
schedule it is one or the other, and a date is bought once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

import pytest

from common.domain.catalogue.store import Catalogue
from common.money import Money
from common.owner import Owner
from common.table.transaction import Patience
from functions.purchases.recurring import Changes, RecurringBuy, Status
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
        assert sum(found["bought"] for found in rounds) == 1

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
    """The customer's answer tells whether the date was bought before it; nothing is behind it."""
    of = before("4.00")
    seen = set[bool]()

    def meet(interleaver: Interleaver) -> None:
        desk = interleaved(of, interleaver)
        outcomes = interleaver.run(lambda: act(desk, of.plan), desk.buy_recurring)
        stopped = outcomes[0].result()
        outcomes[1].result()
        assert stopped.status is status
        assert len(bought(desk)) == (stopped.last_at is not None)
        seen.add(stopped.last_at is not None)
        desk.clock.forward(days=3)
        desk.buy_recurring()
        assert len(bought(desk)) == (stopped.last_at is not None)

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
        if not found["bought"]:
            assert desk.buy_recurring()["bought"] == 1  # the next round
        (purchase,) = bought(desk)
        assert purchase["held_amount"]["N"] == ("4" if changed.last_at is not None else "7")
        seen.add(purchase["held_amount"]["N"])

    assert every_schedule(meet, stages=("commit",), preemptions_max=PREEMPTIONS) > 5
    assert seen == {"4", "7"}
