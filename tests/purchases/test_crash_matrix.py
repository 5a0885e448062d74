"""Whole lives of purchases: every call of every request, task, round of the clock and of the sweeper × what can go
wrong at it. After each the books balance; in the end every purchase is over, or a person is asked, each batch is one
order at the exchange at most, and what that has executed is what the members have got."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from common.errors import Unavailable
from common.owner import Owner
from functions.purchases.model import Purchase
from tests.depth import points, sampled
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import Faults
from tests.purchases.lives import Late, close_pools, fair, next_deadline, unfinished

Ask = Callable[[FaultyDesk, list[Owner]], list[Purchase]]
OVER = {"COMPLETED", "FAILED", "CANCELLED"}


def life(
    ask: Ask,
    *,
    before: Callable[[FaultyDesk], object] = lambda _: None,
    people: int = 0,
    **rules: Any,
) -> Callable[[Faults], Scene]:
    """Customers `ask`, and time passes until nothing waits. `people`: so many batches may wait for a person then."""

    beginning = Desk()
    beginning.list_exchange_asset(price_age_max_seconds=30 * 86_400, pool_deadline_seconds=3_600, **rules)
    owners = [beginning.customer(name, usd="500.00") for name in ("ann", "bob", "cyd")]

    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning, faults)
        before(desk)

        def act() -> list[str]:
            asked = ask(desk, owners)
            desk.run()
            wait_for_deadlines(desk)
            return [str(desk.purchases.purchase(p.owner, p.order_id).status) for p in asked]

        def recover() -> None:
            desk.process()
            desk.run()

        def settled() -> None:
            faults.heal()
            desk.run()
            fair(desk)
            assert len(unfinished(desk, but_for_people=True)) == 0, unfinished(desk)
            assert len(unfinished(desk)) <= people, unfinished(desk)

        return Scene(act, desk.check, recover, settled)

    return build


A = TypeVar("A")


def insist(desk: FaultyDesk, ask: Callable[[], A]) -> A:
    """Ask until it is answered: a 503 says that the same may be sent again, later."""
    for _ in range(30):
        try:
            return ask()
        except Unavailable:
            desk.process()
            desk.run()
            desk.clock.forward(minutes=1)
    raise AssertionError("never answered")


def wait_for_deadlines(desk: FaultyDesk) -> None:
    for _ in range(10):
        due = next_deadline(desk)
        if due is None:
            return
        desk.clock.at = max(desk.clock.at + timedelta(minutes=5), due)
        close_pools(desk)
        desk.run()


def alone(quantity: str) -> Ask:
    return lambda desk, owners: [insist(desk, lambda: desk.purchase(owners[0], quantity=quantity, key="k"))]


def together(*dollars: str) -> Ask:
    def ask(desk: FaultyDesk, owners: list[Owner]) -> list[Purchase]:
        asked = zip(owners, dollars, strict=False)
        return [insist(desk, lambda: desk.purchase(owner, usd, key="k")) for owner, usd in asked]  # noqa: B023

    return ask


def left(desk: FaultyDesk, owners: list[Owner]) -> list[Purchase]:
    """Ann joins, Bob joins, Ann leaves."""
    asked = together("4.00", "3.00")(desk, owners)
    gone = insist(desk, lambda: desk.purchases.cancel(owners[0], asked[0].order_id))
    return [gone, asked[1]]


def hidden_for_five_minutes(desk: FaultyDesk) -> None:
    """The exchange has taken the order, has not answered, and does not find it."""
    desk.world.fake.drop_answer_next("place")
    desk.world.exchange = Late(desk.world.exchange, desk.clock, desk.clock.at + timedelta(minutes=5))


LIVES: dict[str, tuple[Callable[[Faults], Scene], list[set[str]]]] = {
    "a direct one is filled": (life(alone("1")), [{"COMPLETED", "FAILED"}]),
    "half of a direct one is filled": (life(alone("1.444")), [{"COMPLETED", "FAILED"}]),
    "nothing of a direct one is filled": (life(alone("1.666")), [{"FAILED"}]),
    "three fill a pool": (life(together("4.00", "3.00", "5.00")), [{"COMPLETED", "FAILED"}] * 3),
    "two fill a pool": (life(together("4.00", "6.00")), [{"COMPLETED", "FAILED"}] * 2),
    "a pool is refunded at its deadline": (life(together("4.00", "3.00")), [{"FAILED"}] * 2),
    "a pool is topped up": (
        life(together("4.00", "3.00"), pool_top_up=True),
        [{"COMPLETED", "FAILED"}] * 2,
    ),
    "one leaves, the other is refunded": (life(left), [{"CANCELLED"}, {"FAILED"}]),
    "the exchange refuses": (
        life(together("6.00", "5.00"), before=lambda desk: desk.world.fake.refuse_next()),
        [{"FAILED"}] * 2,
    ),
    "the exchange never had it": (
        life(alone("1"), before=lambda desk: desk.world.fake.fail_before_next("place")),
        [{"FAILED"}],
    ),
    "the exchange has it after all": (
        life(alone("1"), before=hidden_for_five_minutes, people=1),
        [{"COMPLETED", "FAILED"}],
    ),
}


@sampled(3)
@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_every_purchase_of_a_life_is_over_as_it_may_be(name: str) -> None:
    scenario, ends = LIVES[name]

    def same(undisturbed: list[str], retried: list[str]) -> bool:
        return all(status in may for status, may in zip(retried, ends, strict=True))

    report = crash_matrix(scenario, FAULTS, same=same, points=points(name, everyday=144, proved=4))
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report
