"""60 runs of 40 seconds of hummingbot: what is live, what is cancelled and created, in each second."""

from __future__ import annotations

from decimal import Decimal

import pytest

from functions.market_making.strategy import Standing
from tests.market_making.strategy.cases import cases, played, rules


@pytest.mark.parametrize("name", cases("trace"))
def test_each_second_of_a_run_is_hummingbots(name: str) -> None:
    case = cases("trace")[name]
    seconds = played(case, rules(case))
    assert len(seconds) == int(case.get("nondeterministic_from", 41)) - 1
    for step, before, decision in seconds:
        now = step["t"]
        assert {order.key: (order.side, order.price, order.size, order.filled, now - order.created_at)
                for order in before.orders} == {
            order["id"]: (order["side"], *map(Decimal, (order["price"], order["qty"], order["filled"])), order["age"])
            for order in step["open"]
        }, now  # fmt: skip
        assert decision.reference == Decimal(step["ref_price"]), now
        assert decision.lost == ("thin_book" if "error" in step else None), now
        assert sorted(decision.cancels) == sorted(step["cancel"]), now
        assert [(new.key, new.side, new.price, new.size) for new in decision.creations] == [
            (new["id"], new["side"], Decimal(new["price"]), Decimal(new["size"])) for new in step["create"]
        ], now
        hanging = [order.key for order in decision.state.orders if order.standing is Standing.HANGING]
        assert sorted(hanging) == sorted(step["hanging"]), now


def test_the_runs_have_everything_that_may_happen() -> None:
    steps = [step for case in cases("trace").values() for step in case["steps"]]
    assert len(cases("trace")) == 60
    assert len(steps) == 2_400
    assert sum(len(step["cancel"]) for step in steps) == 965
    assert sum(len(step["create"]) for step in steps) == 1_265
    assert sum(event["type"] == "fill" for step in steps for event in step["events"]) == 218
    assert sum("error" in step for step in steps) == 38
