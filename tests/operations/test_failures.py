"""What has ended otherwise than it was asked for is listed by its day, though nothing waits for anybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from common.domain import timeline
from common.domain.payouts.model import WITHDRAWAL
from common.domain.timeline import CLOCK, FAILURES, Failure, TimelineEvent
from common.money import Money
from common.owner import Owner
from functions.offramp.model import SaleRefused
from functions.offramp.model import Status as CashOutStatus
from functions.purchases.recurring import SKIPPED_MAX
from tests.desk import NOON, Desk
from tests.harness.meter import Meter
from tests.seen import intent, payout_failed

DAY = "2026-11-21"


@pytest.fixture
def ann(desk: Desk) -> Owner:
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.list_exchange_asset()
    return ann


def failed(desk: Desk, date: str = DAY) -> list[Failure]:
    return desk.operations.failures(date, limit=100, after=None).items


def told(desk: Desk) -> dict[str, str]:
    """By id, where it is now; newest first."""
    return {failure.thing_id: failure.after for failure in failed(desk)}


def test_a_batch_that_the_exchange_refuses_is_listed_with_its_members(desk: Desk, ann: Owner) -> None:
    desk.world.fake.refuse_next()
    purchase = desk.purchase(ann, "20")
    desk.run()
    assert told(desk) == {purchase.order_id: "FAILED", purchase.batch_id: "DECIDED"}
    assert all("not bought" in failure.reason for failure in failed(desk))
    assert desk.operations.work(("batches", "purchases"), overdue_only=False, limit=10) == []


def test_a_cash_out_that_the_exchange_refuses_is_listed(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    desk.world.fake.refuse_next()
    with pytest.raises(SaleRefused):
        desk.cash_out(ann)
    (failure,) = failed(desk)
    assert (failure.thing_id, failure.after) == (intent(desk), CashOutStatus.NEW)
    assert failure.reason.startswith("not sold: ")


def test_an_order_that_an_operator_fails_is_listed_with_his_reason(desk: Desk, ann: Owner) -> None:
    order_id = desk.buy(ann, "1", order_price="90").order_id
    desk.orders.fail(order_id, "asset delisted", "olga", dry_run=False)
    (failure,) = failed(desk)
    assert failure == Failure(order_id, failure.at, "PENDING", "FAILED", "asset delisted", "olga")


def test_a_withdrawal_that_is_rejected_is_listed(desk: Desk, ann: Owner) -> None:
    transfer_id = desk.accounts.withdraw(ann, "w", Money("40.00"), "ann-bank").made.transfer_id
    desk.acts.give_back(WITHDRAWAL, transfer_id, "account is closed", "olga", dry_run=False)
    assert told(desk) == {transfer_id: "REJECTED"}


def test_a_cash_out_of_which_the_bank_takes_no_payout_is_listed(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    order_id = payout_failed(desk, ann)
    assert told(desk) == {order_id: "SELL_PAYOUT_FAILED"}


def test_a_recurring_buy_that_the_clock_pauses_is_listed(desk: Desk) -> None:
    desk.list_exchange_asset()
    plan_id = desk.recurring_buy(desk.customer("poor", usd="3.00"), "4.00").plan_id
    for _ in range(SKIPPED_MAX):
        desk.buy_recurring()
        desk.clock.forward(days=1)
        desk.mark("SOL", "100")
    days = (f"{NOON + timedelta(days=n):%Y-%m-%d}" for n in range(SKIPPED_MAX))
    (failure,) = [failure for day in days for failure in failed(desk, day)]
    assert (failure.thing_id, failure.before, failure.after, failure.actor) == (plan_id, "ACTIVE", "PAUSED", CLOCK)


def test_what_its_customer_ends_or_gets_is_no_failure(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1")
    desk.orders.cancel(ann, desk.buy(ann, "1", order_price="90").order_id)
    desk.purchases.cancel(ann, desk.purchase(ann, "4").order_id)
    plan_id = desk.recurring_buy(ann, "4").plan_id
    desk.recurring_buys.pause(ann, plan_id)
    desk.cash_out(ann)
    desk.purchase(ann, "20")
    desk.run()
    assert failed(desk) == []


@pytest.mark.parametrize("after", sorted(FAILURES))
def test_a_move_to_a_status_of_failure_is_listed_and_a_stay_is_not(desk: Desk, after: str) -> None:
    event = TimelineEvent(NOON, "PENDING", after, "no", CLOCK)
    desk.table.write(timeline.record("O1", event))
    desk.table.write(timeline.record("O2", replace(event, before=after)))
    assert [failure.thing_id for failure in failed(desk)] == ["O1"]


def test_failures_are_listed_by_their_day_newest_first_in_one_request(desk: Desk) -> None:
    at = NOON.replace(hour=23, minute=59, second=58)
    for n in range(4):
        event = TimelineEvent(at + timedelta(seconds=n), "PENDING", "FAILED", "no", CLOCK)
        desk.table.write(timeline.record(f"O{n}", event))
    with Meter(desk.dynamo).measure() as cost:
        assert [failure.thing_id for failure in failed(desk)] == ["O1", "O0"]
    assert cost.requests == 1
    assert [failure.thing_id for failure in failed(desk, "2026-11-22")] == ["O3", "O2"]
