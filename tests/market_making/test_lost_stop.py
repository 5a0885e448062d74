"""An order that was told to stop does, whether its machine hears of it or not."""

from __future__ import annotations

import pytest

from functions.market_making.model import Status
from tests.harness.faults import AnswerLost, Call, CrashBefore, FailBefore, Fault, Faults
from tests.market_making.faulty import FaultyMarket


@pytest.mark.parametrize("lost", [FailBefore(), AnswerLost(), CrashBefore()], ids=lambda fault: type(fault).__name__)
def test_an_order_comes_home_though_its_machine_is_not_told(lost: Fault) -> None:
    """The execution that waits for its token waits on for a month; the sweeper starts the next one."""
    market = FaultyMarket(Faults())
    market.list_pair()
    market.poll()
    market.fund_all()
    market.go_on(minutes=20)
    assert market.order().status is Status.CREATED

    def choose(call: Call) -> Fault | None:
        return lost if call.operation == "states.send_task_failure" else None

    market.faults.choose = choose
    market.once(lambda: market.quoting.withdraw(market.order().order_id))
    market.faults.heal()
    market.go_on(minutes=30)
    market.check()
    assert market.order().status is Status.RETURNED


def test_an_order_that_hears_of_its_stop_needs_no_other_machine() -> None:
    market = FaultyMarket(Faults())
    market.list_pair()
    market.poll()
    market.fund_all()
    market.go_on(minutes=20)
    market.quoting.withdraw(market.order().order_id)
    market.go_on(minutes=30)
    assert market.order().status is Status.RETURNED
    assert len(market.machine.executions) == 1
