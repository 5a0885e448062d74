"""Whole lives of sales: every call of every request, task, round of the clock and of the sweeper × what can go wrong
at it. After each the books balance; in the end every sale is over, or a person is asked, and no coin was sold twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.owner import Owner
from functions.purchases.sale_model import Sale
from tests.depth import points, sampled
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import Faults
from tests.purchases.lives import unfinished
from tests.purchases.sale_lives import fair
from tests.purchases.test_crash_matrix import hidden_for_five_minutes, insist, wait_for_deadlines

Ask = Callable[[FaultyDesk, list[Owner]], list[Sale]]


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
    for owner in owners:
        beginning.bring(owner, "2")

    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning, faults)
        desk.world.nobody_sells()
        desk.world.bid("100", "1000", "SOLUSDT")
        before(desk)

        def act() -> list[str]:
            asked = ask(desk, owners)
            desk.run()
            wait_for_deadlines(desk)
            return [str(desk.sales.sale(s.owner, s.order_id).status) for s in asked]

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


def alone(quantity: str) -> Ask:
    return lambda desk, owners: [insist(desk, lambda: desk.sale(owners[0], quantity, key="k"))]


def together(*quantities: str) -> Ask:
    def ask(desk: FaultyDesk, owners: list[Owner]) -> list[Sale]:
        asked = zip(owners, quantities, strict=False)
        return [insist(desk, lambda: desk.sale(owner, quantity, key="k")) for owner, quantity in asked]  # noqa: B023

    return ask


def left(desk: FaultyDesk, owners: list[Owner]) -> list[Sale]:
    """Ann joins, Bob joins, Ann leaves."""
    asked = together("0.04", "0.03")(desk, owners)
    gone = insist(desk, lambda: desk.sales.cancel(owners[0], asked[0].order_id))
    return [gone, asked[1]]


LIVES: dict[str, tuple[Callable[[Faults], Scene], list[set[str]]]] = {
    "everything is sold": (life(alone("all")), [{"COMPLETED", "FAILED"}]),
    "half of a direct one is sold": (life(alone("1.444")), [{"COMPLETED", "FAILED"}]),
    "nothing of a direct one is sold": (life(alone("1.666")), [{"FAILED"}]),
    "three fill a pool, the desk buys the rest": (
        life(together("0.04", "0.03", "0.0500007")),
        [{"COMPLETED", "FAILED"}] * 3,
    ),
    "the desk buys no rest": (
        life(together("0.04", "0.0700007"), desk_buys_max="0"),
        [{"COMPLETED", "FAILED"}] * 2,
    ),
    "the desk buys what is too small": (life(together("0.02", "0.01")), [{"COMPLETED"}] * 2),
    "one leaves, the desk buys the other's": (life(left), [{"CANCELLED"}, {"COMPLETED"}]),
    "the exchange refuses": (
        life(together("0.06", "0.05"), before=lambda desk: desk.world.fake.refuse_next()),
        [{"FAILED"}] * 2,
    ),
    "the exchange has it after all": (
        life(alone("1"), before=hidden_for_five_minutes, people=1),
        [{"COMPLETED", "FAILED"}],
    ),
}


@sampled(3)
@pytest.mark.parametrize("name", LIVES)
def test_whatever_fails_once_every_sale_of_a_life_is_over_as_it_may_be(name: str) -> None:
    scenario, ends = LIVES[name]

    def same(undisturbed: list[str], retried: list[str]) -> bool:
        return all(status in may for status, may in zip(retried, ends, strict=True))

    report = crash_matrix(scenario, FAULTS, same=same, points=points(name, everyday=144, proved=4))
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report
