"""What the exchange tells of a batch and can not be moves no money: a person looks at once, and asks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.gateways.exchange import OrderReport
from common.money import ZERO, Money, Quantity
from common.owner import Owner
from functions.purchases.model import Status
from tests.desk import Desk
from tests.seen import around, desks_own, dollars, executions, waits_for_person


def lies(desk: Desk, **told: Any) -> None:
    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        seen = real(*asked)
        return replace(seen, **told) if seen.executed.amount else seen

    desk.world.exchange = around(desk.world.fake, order=lie, find=lie)


@pytest.mark.parametrize(
    "told",
    [
        {"gross": ZERO},
        {"gross": Money(5000)},
        {"fee": Money(50)},
        {"fees_elsewhere": {"SOL": Decimal("0.5")}},
        {"executed": Quantity(2, "SOL")},
    ],
    ids=["for nothing", "too dear", "a fee of half", "a fee in coins of half", "more than was asked"],
)
def test_a_batch_that_can_not_have_been_bought_so_gives_no_coins(
    desk: Desk, ann: Owner, counted: Counter[str], told: dict[str, Any]
) -> None:
    lies(desk, **told)
    asked = desk.purchase(ann, "100")
    desk.run()
    (execution,) = executions(desk, asked.batch_id)
    assert (execution.status, execution.visited[-1], counted["FillsNotBelieved"]) == ("FAILED", "WaitsForOperator", 1)
    why = waits_for_person(desk, asked.batch_id) or ""
    assert execution.cause == why
    assert why.startswith("an operator: what fake says of client order id ")
    assert dollars(desk, ann) == (Money(900), Money(100))
    desk.world.exchange = desk.world.fake
    desk.interventions.redrive(asked.batch_id, "ask again", "olga", dry_run=False)
    desk.run()
    after = desk.purchases.purchase(ann, asked.order_id)
    assert (after.status, after.total_amount, dollars(desk, ann)) == (Status.COMPLETED, Money(100), (Money(900), ZERO))


def test_a_batch_below_the_band_with_a_fee_in_coins_is_shared_out_by_two(desk: Desk, ann: Owner) -> None:
    """The fee makes the member's part smaller, as if the exchange had been believed; one in a third coin is the
    desk's."""
    desk.world.nobody_sells()
    desk.world.ask("50", "10")
    asked = desk.purchase(ann, "100")
    desk.run()
    assert waits_for_person(desk, asked.batch_id)
    told = {"executed": "1", "gross": "50.00", "fee": "0.00", "fees_in_coins": "0.0002 BNB, 0.001 SOL"}
    proposed = desk.proposals.propose("work decide-order", asked.batch_id, told, "order 1", "so", "otto", dry_run=False)
    desk.proposals.confirm(proposed.id, "the tape says so", "olga", dry_run=False)
    desk.run()
    after = desk.purchases.purchase(ann, asked.order_id)
    assert (after.status, after.executed, after.total_amount) == (Status.COMPLETED, Quantity("0.999", "SOL"), Money(50))
    assert dollars(desk, ann) == (Money(950), ZERO)
    assert [desks_own(desk, coin) for coin in ("SOL", "BNB")] == [Decimal(0), Decimal("-0.0002")]
