"""An exchange that never answers again holds nothing for ever: two operators say what became of a batch."""

from __future__ import annotations

from typing import Any

import pytest

from common.gateways.exchange import ExchangeUnavailable
from common.money import ZERO, Money, Quantity
from common.owner import Owner
from functions.purchases.model import BatchStatus, Purchase, Status
from tests.desk import Desk
from tests.seen import around, dollars, raw, status


def silent(*_: Any) -> Any:
    raise ExchangeUnavailable("the exchange can not be reached", what="connection")


def bought_at_a_dead_exchange(desk: Desk, ann: Owner, where: BatchStatus) -> Purchase:
    """The exchange has filled it, and has died before it said so: before it answered, or after."""
    gone = around(desk.world.fake, order=silent, find=silent, cancel=silent)
    if where is BatchStatus.PLACED:
        desk.world.fake.drop_answer_next("place")
    desk.world.exchange = gone
    asked = desk.purchase(ann, "100")
    desk.run(days=0.2)
    assert status(desk, asked.batch_id) == where
    return asked


def decide(desk: Desk, batch_id: str, executed: str, gross: str) -> None:
    told = {"executed": executed, "gross": gross, "fee": "0"}
    reference = f"statement of {desk.clock()}"
    proposed = desk.proposals.propose("work decide-order", batch_id, told, reference, "gone", "otto", dry_run=False)
    desk.proposals.confirm(proposed.id, "as it says", "olga", dry_run=False)
    desk.run(days=0.2)


@pytest.mark.parametrize("where", [BatchStatus.PLACED, BatchStatus.WORKING])
def test_a_batch_that_was_filled_at_a_dead_exchange_is_shared_out(desk: Desk, ann: Owner, where: BatchStatus) -> None:
    asked = bought_at_a_dead_exchange(desk, ann, where)
    decide(desk, asked.batch_id, "1", "100")
    after = desk.purchases.purchase(ann, asked.order_id)
    assert (after.status, after.executed, after.total_amount) == (Status.COMPLETED, Quantity(1, "SOL"), Money(100))
    assert dollars(desk, ann) == (Money(900), ZERO)


@pytest.mark.parametrize("where", [BatchStatus.PLACED, BatchStatus.WORKING])
def test_a_batch_of_which_nothing_was_bought_is_refunded(desk: Desk, ann: Owner, where: BatchStatus) -> None:
    """Who says so is for operators; and the last look ends by newer evidence."""
    asked = bought_at_a_dead_exchange(desk, ann, where)
    decide(desk, asked.batch_id, "0", "0")
    after = desk.purchases.purchase(ann, asked.order_id)
    assert (after.status, after.reason, dollars(desk, ann)) == (
        Status.FAILED,
        "not bought: nothing of it was executed",
        (Money(1000), ZERO),
    )
    lost = "NEVER" if where is BatchStatus.PLACED else "LOST"
    assert raw(desk, asked.batch_id, "VENUE#1")["status"] == lost
    told = [event for event in desk.operations.story(asked.batch_id).events if event.after == "DECIDED"]
    assert [event.actor for event in told] == ["otto and olga"]
    decide(desk, asked.batch_id, "0", "0")
    assert raw(desk, asked.batch_id, "VENUE#1")["status"] == "ABSENT"
    assert "open_work" not in raw(desk, asked.batch_id, "BATCH")
