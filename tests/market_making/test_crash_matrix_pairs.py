"""Two things go wrong, at every pair of calls: while a payment for nothing goes back, and while an order's legs go to
the exchange. In the first run and in what mends it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from functions.market_making.model import Status
from tests.depth import PROVED, SIMULATED, points
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import AnswerLost, CrashAfter, CrashBefore, FailBefore, Fault, Faults
from tests.market_making.faulty import FaultyMarket
from tests.market_making.market import ANN, BTC

FAULTS: tuple[Fault, ...] = (AnswerLost(), CrashBefore(), FailBefore(), CrashAfter())
ARRIVED = (Status.DEPOSIT_CONFIRMED, Status.JOINING_CAMPAIGN, Status.CAMPAIGN_JOINED, Status.CREATED)


def refund(faults: Faults) -> Scene:
    """A payment for nothing is taken, and goes back."""
    market = FaultyMarket(faults)
    market.poll()
    market.pay(ANN, BTC, "1", b"hello")

    def act() -> str:
        market.go_on(hours=1, until=lambda: bool(market.has(ANN)) and not market.due())
        return f"{market.has(ANN)}"

    return scene(market, act)


def legs(faults: Faults) -> Scene:
    """The last transfer of an order comes, both legs are decided, sent and credited."""
    market = FaultyMarket(faults)
    market.list_pair()
    market.poll()
    parts = market.parts()
    for asset_id, amount in parts[:-1]:
        market.fund(ANN, asset_id, amount)
    market.go_on(minutes=1)
    market.fund(ANN, *parts[-1])

    def act() -> str:
        market.go_on(hours=1, until=lambda: market.status() in ARRIVED)
        return str(market.status() in ARRIVED)

    return scene(market, act)


def scene(market: FaultyMarket, act: Callable[[], str]) -> Scene:
    def settled() -> None:
        market.faults.heal()
        market.go_on(hours=2)
        market.check()
        assert not list(market.waiting("outgoing"))

    return Scene(act, market.check, market.process, settled)


@PROVED
def test_a_refund_survives_two_things_that_go_wrong() -> None:
    report = crash_matrix(
        refund,
        FAULTS,
        pairs=True,
        same=lambda one, other: one == other,
        points=points("pairs of a refund", everyday=32, proved=6),
    )
    assert not report.violations, report
    assert not report.never_dealt(FAULTS), report


@pytest.mark.skipif(not SIMULATED, reason="it takes half an hour: make simulate")
@pytest.mark.parametrize("fault", FAULTS[:2], ids=str)
def test_an_orders_legs_survive_that_something_goes_wrong_twice(fault: Fault) -> None:
    report = crash_matrix(legs, [fault], pairs=True, same=lambda one, other: one == other)
    assert not report.violations, report
