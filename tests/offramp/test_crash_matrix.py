"""The whole life of a cash-out, and of a withdrawal: every call of every request, task, webhook and round of the
sweeper × everything that can go wrong at it. After each the books balance, the bank has credited at most once, and
the order is over or waits with a reason; in the end it is over."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.errors import Unavailable
from common.money import Money
from tests.depth import points, sampled
from tests.desk import Desk
from tests.faulty import FaultyDesk
from tests.harness.crash_matrix import FAULTS, Scene, crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Fault, Faults
from tests.offramp.lives import ANN, beginning

OVER = {"FILLED", "BASE_TXN_FAILED", "COMPLETED"}
OUTSIDE: tuple[Fault, ...] = (FailBefore(), AnswerLost(), CrashBefore(), CrashAfter())


def cash_out(quantity: str, *, refusals: int = 0, rejections: int = 0) -> Callable[[Faults], Scene]:
    """Sell and be paid: by a bank that refuses so many attempts at once and fails so many after that."""

    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning(), faults)
        if refusals:
            desk.world.simulated.set_outcome("refuse", times=refusals)
        elif rejections:
            desk.world.simulated.set_outcome("fail", times=rejections)

        def act() -> str:
            order_id = insist(desk, lambda: desk.cash_out(ANN, quantity, key="k").order_id)
            desk.run()
            return str(desk.offramp.order(ANN, order_id).status)

        return scene(desk, act)

    return build


def everything(holding: str, *, desk_buys_max: str = "100") -> Callable[[Faults], Scene]:
    """Ann has just so much, more than lots of it, and sells all of it."""
    beginning = Desk()
    beginning.list_asset("BTC", "100", min_notional="0.01", desk_buys_max=desk_buys_max)
    beginning.customer(ANN.username)
    beginning.clients(ANN)
    beginning.buy(ANN, holding, key="first")

    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning, faults)

        def act() -> str:
            order_id = insist(desk, lambda: desk.cash_out(ANN, "all", key="k").order_id)
            desk.run()
            return str(desk.offramp.order(ANN, order_id).status)

        return scene(desk, act)

    return build


def withdraw(*, rejections: int = 0) -> Callable[[Faults], Scene]:
    def build(faults: Faults) -> Scene:
        desk = FaultyDesk.after(beginning(), faults)
        if rejections:
            desk.world.simulated.set_outcome("fail", times=rejections)

        def act() -> str:
            def asked() -> str:
                return desk.accounts.withdraw(ANN, "k", Money("50.00"), "ann-bank").made.transfer_id

            transfer_id = insist(desk, asked)
            desk.run()
            return str(desk.accounts.withdrawal(ANN, transfer_id).status)

        return scene(desk, act)

    return build


def insist(desk: FaultyDesk, ask: Callable[[], str]) -> str:
    """Ask until it is answered: a 503 says that the same may be sent again, later."""
    for _ in range(30):
        desk.mark("BTC", "100")
        try:
            return ask()
        except Unavailable:
            desk.process()
            desk.run()
            desk.clock.forward(minutes=1)
    raise AssertionError("never answered")


def scene(desk: FaultyDesk, act: Callable[[], str]) -> Scene:
    def recover() -> None:
        desk.process()
        desk.run()

    def settled() -> None:
        desk.faults.heal()
        desk.run()
        desk.check()
        left = [item["PK"]["S"] for item in desk.dynamo.items() if "open_work" in item]
        assert not left, f"still unfinished: {left}"

    return Scene(act, desk.check, recover, settled)


LIVES = {
    "undisturbed": cash_out("1"),
    "half of it is sold, the rest canceled": cash_out("1.444"),
    "nothing of it is sold": cash_out("1.666"),
    "everything is sold, the desk buys the rest": everything("1.00000777"),
    "everything is sold, the desk buys no rest": everything("1.00000777", desk_buys_max="0.0007"),
    "half of everything is sold": everything("1.44400777"),
    "nothing of everything is sold": everything("1.66600777"),
    "one payout fails": cash_out("1", rejections=1),
    "two payouts are refused at once": cash_out("1", refusals=2),
    "a withdrawal": withdraw(),
    "a withdrawal whose first payout fails": withdraw(rejections=1),
}


@sampled(3)
@pytest.mark.parametrize("life", LIVES)
def test_whatever_fails_once_a_life_ends_as_it_would_have(life: str) -> None:
    report = crash_matrix(
        LIVES[life], FAULTS, same=lambda one, other: {one, other} <= OVER, points=points(life, everyday=144, proved=4)
    )
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report
