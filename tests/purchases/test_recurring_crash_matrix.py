"""Whole lives of recurring buys: every call of the customer's requests and of the clock's rounds × what can go wrong at
it. After each the books balance; in the end every date was dealt with once, and every purchase is over."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from common.money import Money
from common.owner import Owner
from functions.purchases.recurring import Changes, RecurringBuy, RecurringBuyChanged, RecurringBuyOver
from tests.depth import points, sampled
from tests.desk import NOON, Desk
from tests.faulty import FaultyDesk
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import Faults
from tests.purchases.lives import unfinished
from tests.purchases.test_crash_matrix import insist, wait_for_deadlines

Ask = Callable[[FaultyDesk, Owner], RecurringBuy]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FIRST = NOON + 12 * HOUR


def life(ask: Ask, *, usd: str = "500.00") -> Callable[[Faults], Scene]:
    """Somebody asks; then the clock comes each half a day until nothing is due any more, and its pools expire."""
    beginning = Desk()
    beginning.list_exchange_asset(price_age_max_seconds=90 * 86_400, pool_deadline_seconds=3_600)
    ann = beginning.customer("ann", usd=usd)

    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning, faults)

        def act() -> tuple[str, int]:
            plan = ask(desk, ann)
            rounds(desk)
            desk.run()
            wait_for_deadlines(desk)
            return told(desk, plan)

        def recover() -> None:
            desk.process()
            desk.run()

        def settled() -> None:
            faults.heal()
            rounds(desk)
            desk.run()
            wait_for_deadlines(desk)
            assert not unfinished(desk), unfinished(desk)

        return Scene(act, desk.check, recover, settled)

    return build


def rounds(desk: FaultyDesk) -> None:
    """Of the clock, until no recurring buy waits for it. A round that failed is followed by the next one."""
    for _ in range(20):
        insist(desk, desk.buy_recurring)
        if not any(item["entity_type"]["S"] == "recurring_buy" for item in desk.dynamo.items(having="open_work")):
            return
        desk.clock.forward(hours=12)
    raise AssertionError("recurring buys that are never over")


def told(desk: FaultyDesk, plan: RecurringBuy) -> tuple[str, int]:
    """What it is, and how many dates were dealt with, with those that were missed before one of them."""

    def look() -> tuple[str, int]:
        now = desk.recurring_buys.recurring_buy(plan.owner, plan.plan_id)
        dates = desk.recurring_buys.dates(plan.owner, plan.plan_id, limit=50, after=None).items
        return str(now.status), sum(1 + date.missed for date in dates)

    return insist(desk, look)


def made(desk: FaultyDesk, ann: Owner, usd: str, dates: int | None) -> RecurringBuy:
    """Its first date is later than any outage."""
    ends_at = None if dates is None else FIRST + dates * DAY - HOUR
    return insist(desk, lambda: desk.recurring_buy(ann, usd, key="k", starts_at=FIRST, ends_at=ends_at))


def buys(usd: str, dates: int | None) -> Ask:
    return lambda desk, ann: made(desk, ann, usd, dates)


def stopped(desk: FaultyDesk, ann: Owner) -> RecurringBuy:
    """Changed, paused, resumed, bought for once, and cancelled."""
    plan = made(desk, ann, "4.00", None)

    def asking(ask: Callable[[], RecurringBuy]) -> None:
        """A repeat of all this finds it cancelled."""
        with suppress(RecurringBuyOver, RecurringBuyChanged):
            insist(desk, ask)

    asking(lambda: desk.recurring_buys.change(ann, plan.plan_id, 1, Changes({"quote_amount": Money(5)})))
    asking(lambda: desk.recurring_buys.pause(ann, plan.plan_id))
    asking(lambda: desk.recurring_buys.resume(ann, plan.plan_id))
    desk.clock.at = max(desk.clock.at, FIRST)
    while not told(desk, plan)[1]:
        insist(desk, desk.buy_recurring)
        desk.clock.forward(minutes=11)
    return insist(desk, lambda: desk.recurring_buys.cancel(ann, plan.plan_id))


LIVES: dict[str, tuple[Callable[[Faults], Scene], tuple[str, int]]] = {
    "two dates in a pool": (life(buys("4.00", 2)), ("ENDED", 2)),
    "one date on its own": (life(buys("20.00", 1)), ("ENDED", 1)),
    "three dates without dollars": (life(buys("4.00", None), usd="3.00"), ("PAUSED", 3)),
    "stopped by its customer": (life(stopped), ("CANCELLED", 1)),
}


@sampled(3)
@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_each_date_is_dealt_with_once(name: str) -> None:
    scenario, end = LIVES[name]

    def same(_: object, retried: tuple[str, int]) -> bool:
        return retried == end

    report = crash_matrix(scenario, FAULTS, same=same, points=points(name, everyday=144, proved=4))
    assert not report.violations, report
    assert report.ending.answer == end
