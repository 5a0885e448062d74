"""The machine asks the exchange until it knows what was sold, and writes that down."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import pytest

from common.domain.exchange_orders.model import POLL_DELAY_SECONDS_MAX, POLL_LIMIT, Fill
from common.domain.payouts.model import AWAIT_SECONDS
from common.money import Money, Quantity
from common.owner import Owner
from functions.offramp.model import SaleResult, Status
from sandbox.exchange.orders import Fees
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import Desk
from tests.harness.executions import Execution
from tests.outside import ACCOUNT, ARN_PREFIX
from tests.seen import (
    SYMBOL,
    at_the_exchange,
    attempts,
    awaiting,
    before_next_write,
    coins,
    desks_own,
    dollars,
    executions,
    moves,
    overdue,
    paid,
    payout_failed,
    raw,
    status,
    waits_for_person,
)

# What was sold


def test_a_sale_moves_from_pending_over_completed_to_filled(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    desk.run()
    assert moves(desk, order.order_id) == [
        (None, "NEW"),
        ("NEW", "BASE_TXN_PENDING"),
        ("BASE_TXN_PENDING", "BASE_TXN_COMPLETED"),
        ("BASE_TXN_COMPLETED", "TARGET_TXN_PENDING"),
        ("TARGET_TXN_PENDING", "FILLED"),
    ]
    sold, exchange_order = desk.offramp.order(ann, order.order_id), raw(desk, order.order_id, "VENUE#1")
    assert (sold.executed, sold.gross, sold.fee) == (Quantity(1, "BTC"), Money(100), Money("0.10"))
    resolved_at = raw(desk, order.order_id, "SELL_ORDER")["resolved_at"]
    assert (exchange_order["order_state"], exchange_order["resolved_at"]) == ("FULLY_EXECUTED", resolved_at)


def test_the_journal_tells_of_the_sale_and_of_the_dollars_that_left(desk: Desk, ann: Owner) -> None:
    """The sale's price is its average before the fee; cost and gain are told beside it."""
    desk.world.nobody_buys()
    desk.world.bid("104", "1")
    desk.world.bid("101", "2")
    order = desk.cash_out(ann, "3", "300.00")
    desk.run()
    line = desk.orders.history(ann, "BTC", since=None, until=None, limit=1, after=None).items[0].line
    assert str(line.price_per_unit) == "102"
    sold = desk.offramp.order(ann, order.order_id)
    assert (line.quantity.amount, line.total_amount) == (Decimal(3), sold.total_amount)
    assert (line.cost, line.realised_gain) == (Money(300), Money("305.69") - Money(300))
    newest = desk.accounts.transactions(ann, since=None, until=None, limit=1, after=None).items[0].line
    assert (newest.order_id, newest.total_amount) == (order.order_id, sold.total_amount)


def test_an_order_that_waits_for_a_buyer_is_paid_when_one_comes(desk: Desk, ann: Owner) -> None:
    """The exchange is asked for it less and less often."""
    desk.world.nobody_buys()
    order = desk.cash_out(ann, "1")
    began = desk.clock.at
    desk.run(until=lambda: desk.clock.at >= began + timedelta(minutes=10))
    assert status(desk, order.order_id) == Status.BASE_TXN_PENDING
    desk.world.bid("99", "1")
    desk.run()
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.status, filled.gross) == (Status.FILLED, Money(98))  # it rested at its limit
    (execution,) = executions(desk, order.order_id, "sell-order")
    waits = execution.waits_seconds
    assert waits[:3] == [5, 7.5, 11.25]
    assert waits == sorted(waits)
    assert max(waits) == POLL_DELAY_SECONDS_MAX


def test_what_the_exchange_does_not_answer_is_asked_again(desk: Desk, ann: Owner) -> None:
    desk.world.fake.fail_before_next("order", 5)
    order = desk.cash_out(ann, "1")
    desk.run()
    (execution,) = executions(desk, order.order_id, "sell-order")
    assert (status(desk, order.order_id), execution.waits_seconds) == (Status.FILLED, [5, 10, 20, 40, 80])


# In part, or nothing


def test_what_is_sold_in_part_is_paid_and_the_rest_is_free_again(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.444", "144.40")
    desk.run()
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.status, filled.reason) == (Status.FILLED, "0.722 BTC of 1.444 BTC were sold")
    assert (filled.gross, filled.fee, filled.total_amount) == (Money("70.756"), Money("0.070756"), Money("70.68"))
    assert coins(desk, ann) == (10 - Decimal("0.722"), 0)
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("70.68"))]
    assert desks_own(desk) == Decimal("70.756") - Decimal("0.070756") - Decimal("70.68")
    _, (btc,) = desk.orders.holdings(ann)
    assert (btc.total_sold.amount, btc.cost_basis) == (Decimal("0.722"), Money("927.80"))


@pytest.mark.parametrize(
    ("quantity", "state"), [("1.666", "CANCELED"), ("1.333", "EXPIRED"), ("1.222", "REJECTED")], ids=str
)
def test_an_order_of_which_nothing_is_sold_has_failed_and_its_coins_are_free(
    desk: Desk, ann: Owner, quantity: str, state: str
) -> None:
    order = desk.cash_out(ann, quantity)
    assert coins(desk, ann) == (10 - Decimal(quantity), Decimal(quantity))
    desk.run()
    failed = desk.offramp.order(ann, order.order_id)
    assert (failed.status, failed.executed) == (Status.BASE_TXN_FAILED, Quantity(0, "BTC"))
    assert failed.reason == f"the exchange ended the order as {state} with nothing executed"
    assert failed.resolved_at is not None
    assert raw(desk, order.order_id, "VENUE#1")["order_state"] == state
    assert (coins(desk, ann), dollars(desk, ann)) == ((10, 0), (Money(1000), Money(0)))
    assert (attempts(desk, order.order_id), overdue(desk)) == ([], [])
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "NothingToDo")


@pytest.mark.parametrize("executed", ["0", "0.4"])
def test_what_is_not_filled_in_time_is_cancelled_and_what_was_is_paid(desk: Desk, ann: Owner, executed: str) -> None:
    desk.world.nobody_buys()
    if executed != "0":
        desk.world.bid("100", executed)
    order = desk.cash_out(ann, "1")
    began = desk.clock.at
    over = (Status.BASE_TXN_FAILED, Status.BASE_TXN_COMPLETED, Status.TARGET_TXN_PENDING)
    desk.run(until=lambda: status(desk, order.order_id) in over)
    assert POLL_LIMIT <= desk.clock.at - began <= POLL_LIMIT + timedelta(minutes=1)
    desk.run()
    after = desk.offramp.order(ann, order.order_id)
    assert (after.executed, coins(desk, ann)) == (Quantity(executed, "BTC"), (10 - Decimal(executed), 0))
    assert (after.status, after.total_amount) == (
        (Status.BASE_TXN_FAILED, None) if executed == "0" else (Status.FILLED, Money("39.96"))
    )
    (placed,) = at_the_exchange(desk)
    assert (placed.status, placed.executed) == (AtTheExchange.CANCELED, Decimal(executed))
    (execution,) = executions(desk, order.order_id, "sell-order")
    assert "CancelSellOrder" in execution.visited


# The exchange is silent: nothing is decided on a guess


def test_an_exchange_that_is_silent_for_hours_leaves_the_order_as_it_is(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    desk.world.fake.down = True
    desk.run(until=lambda: len(executions(desk, order.order_id)) > 1)
    first, second = executions(desk, order.order_id)  # one gives up after hours, the sweeper starts the next
    assert (first.error, second.status, desk.clock.at - first.started > timedelta(hours=2)) == (
        "Unclear",
        "RUNNING",
        True,
    )
    assert (status(desk, order.order_id), coins(desk, ann)) == (Status.BASE_TXN_PENDING, (9, 1))
    assert overdue(desk) == [order.order_id]
    assert waits_for_person(desk, order.order_id) is None
    desk.world.fake.down = False
    desk.run()
    assert (status(desk, order.order_id), len(paid(desk, order.order_id))) == (Status.FILLED, 1)


def test_an_order_that_is_late_is_overdue_only_when_it_should_have_been_over(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    began, desk.world.fake.down = desk.clock.at, True
    desk.run(until=lambda: desk.clock.at >= began + POLL_LIMIT)
    assert overdue(desk) == []
    desk.run(until=lambda: desk.clock.at >= began + POLL_LIMIT + timedelta(minutes=5))
    assert overdue(desk) == [order.order_id]
    desk.world.fake.down = False
    desk.run()
    assert (status(desk, order.order_id), overdue(desk)) == (Status.FILLED, [])


def test_a_sale_is_expected_to_be_over_when_it_is_cancelled_at_last(desk: Desk, ann: Owner) -> None:
    """Once its machine has looked at it; before, nothing is known. What has gone wrong is expected by no time."""
    desk.world.nobody_buys()
    began, order = desk.clock.at, desk.cash_out(ann, "1")
    assert desk.offramp.order(ann, order.order_id).expected_by is None
    desk.run(until=lambda: desk.clock.at >= began + timedelta(minutes=10))
    expected = desk.offramp.order(ann, order.order_id).expected_by
    assert expected is not None
    assert timedelta(0) <= expected - began - POLL_LIMIT <= timedelta(minutes=2)
    desk.run()
    ended = desk.offramp.order(ann, order.order_id)
    assert (ended.status, ended.expected_by) == (Status.BASE_TXN_FAILED, None)
    assert ended.updated_at <= expected


def test_a_payout_is_expected_to_be_looked_at_and_a_failed_one_is_not(desk: Desk, ann: Owner) -> None:
    paying = desk.offramp.order(ann, awaiting(desk, ann))
    assert paying.expected_by is not None
    assert (
        timedelta(0) < paying.expected_by - paying.updated_at - timedelta(seconds=AWAIT_SECONDS) <= timedelta(minutes=2)
    )
    assert desk.offramp.order(ann, payout_failed(desk, ann)).expected_by is None


# To the last digit


@pytest.mark.parametrize("bps", ["0", "1", "10", "33.333333", "200"])
@pytest.mark.parametrize(
    ("price", "quantity"), [("100", "1"), ("99.97", "0.33334"), ("98.01", "1.00001"), ("101.99", "7.65432")]
)
def test_the_proceeds_are_gross_less_the_fee_down_to_the_cent(
    desk: Desk, ann: Owner, bps: str, price: str, quantity: str
) -> None:
    """The fraction of a cent is the desk's."""
    desk.world.venue.set_fees(Fees(Decimal(bps), Decimal(bps)))
    desk.world.nobody_buys()
    desk.world.bid(price, "3.21")
    desk.world.bid("98", "1000")
    order = desk.cash_out(ann, quantity, str(Money(Decimal(quantity) * 100).usd.quantize(Decimal("0.01"))))
    desk.run()
    (placed,) = at_the_exchange(desk)
    trades = desk.world.venue.trades(ACCOUNT, SYMBOL, order_id=placed.order_id)
    gross = sum(trade.price * trade.quantity for trade in trades)
    fee = sum((trade.fee for trade in trades), Decimal(0))
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.gross, filled.fee) == (Money(gross), Money(fee))
    assert filled.total_amount == Money((gross - fee).quantize(Decimal("0.01"), ROUND_FLOOR))
    assert desk.world.simulated.credited("acc-ann") == filled.total_amount
    assert desks_own(desk) == gross - fee - filled.total_amount.usd
    assert 0 <= desks_own(desk) < Decimal("0.01")
    assert (coins(desk, ann), dollars(desk, ann)) == ((10 - Decimal(quantity), 0), (Money(1000), Money(0)))


def test_a_fee_in_a_third_asset_is_the_desks_to_bear(desk: Desk, ann: Owner) -> None:
    desk.world.venue.deposit(ACCOUNT, "BNB", Decimal(10))
    desk.world.venue.set_fees(Fees(asset="BNB", asset_price=Decimal(600)))
    order = desk.cash_out(ann, "3", "300.00")
    desk.run()
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.gross, filled.fee, filled.total_amount) == (Money(300), Money(0), Money(300))
    assert raw(desk, order.order_id, "VENUE#1")["fees_elsewhere"] == "0.0005 BNB"
    assert (desks_own(desk), desks_own(desk, "BNB")) == (Decimal(0), Decimal("-0.0005"))


def test_a_sale_that_brought_less_than_a_cent_is_filled_without_a_payout(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    desk.world.bid("100", "1.00005")
    desk.cash_out(ann, "1")
    order = desk.cash_out(ann, "1")
    desk.run()
    filled = desk.offramp.order(ann, order.order_id)
    assert (filled.status, filled.total_amount) == (Status.FILLED, Money(0))
    assert filled.reason == "less than a cent: there is nothing to pay"
    assert (attempts(desk, order.order_id), paid(desk, order.order_id)) == ([], [])
    assert desks_own(desk) == Decimal("0.004995")
    left = (9 - Decimal("0.00005"), 0)
    assert (coins(desk, ann), dollars(desk, ann), overdue(desk)) == (left, (Money(1000), Money(0)), [])


def test_a_fee_beyond_the_gross_costs_the_desk_and_not_the_customer() -> None:
    """Beyond it is a cent at most: a fee is rounded up to it."""
    sold = SaleResult(Fill("FULLY_EXECUTED", Quantity("0.0000001", "BTC"), Money("0.00001"), Money("0.01")))
    assert (sold.proceeds, sold.left_to_the_desk) == (Money(0), [Money("-0.00999")])


def test_fees_in_other_assets_and_the_coins_themselves_are_the_desks_to_bear() -> None:
    fees = {"BTC": Decimal("0.001"), "BNB": Decimal("-0.2"), "USD": Decimal("0.003")}
    sold = SaleResult(Fill("FULLY_EXECUTED", Quantity(1, "BTC"), Money("100.005"), Money(0), fees))
    assert sold.proceeds == Money(100)
    assert sold.left_to_the_desk == [Quantity("0.2", "BNB"), Quantity("-0.001", "BTC"), Money("0.002")]


# One machine for an order; whatever else it finds, it ends silently


def start(desk: Desk, order_id: str, name: str | None = None, machine: str = "sell-order") -> Execution:
    """Somebody starts a machine by hand, and it runs as far as it goes now."""
    given = json.dumps({"id": order_id})
    arn = f"{ARN_PREFIX}{machine}"
    desk.world.machines.start_execution(stateMachineArn=arn, name=name or order_id, input=given)
    desk.world.machines.run()
    return desk.world.machines.executions[-1]


@pytest.mark.parametrize("order_id", ["S" + "A" * 25, "W" + "A" * 25, "X" + "A" * 25, "nonsense"])
def test_the_machine_of_an_order_that_does_not_exist_ends_silently(desk: Desk, order_id: str) -> None:
    execution = start(desk, order_id)
    assert (execution.status, execution.visited[-1], execution.waits_seconds) == ("SUCCEEDED", "NothingToDo", [])


def test_the_machine_of_an_order_whose_exchange_order_is_missing_ends_silently(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    kept = raw_item(desk, order.order_id, "VENUE#1")
    desk.dynamo.delete_item(TableName="desk", Key={name: kept[name] for name in ("PK", "SK")})
    try:
        desk.world.machines.run()
        (execution,) = executions(desk, order.order_id)
        assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "NothingToDo")
    finally:
        desk.dynamo.put_item(TableName="desk", Item=kept)


def raw_item(desk: Desk, pk: str, sk: str) -> dict[str, Any]:
    key = {"PK": {"S": pk}, "SK": {"S": sk}}
    item: dict[str, Any] = desk.dynamo.get_item(TableName="desk", Key=key)["Item"]
    return item


@pytest.mark.parametrize(
    ("quantity", "visited"),
    [("1", ["PollSellOrder", "Sold"]), ("1.666", ["PollSellOrder", "ReadSellOrder", "NextStep", "NothingToDo"])],
    ids=["filled", "failed"],
)
def test_another_execution_of_an_order_that_is_over_changes_nothing(
    desk: Desk, ann: Owner, quantity: str, visited: list[str]
) -> None:
    order = desk.cash_out(ann, quantity)
    desk.run()
    before, asked = desk.dynamo.items(), desk.world.fake.calls.total() + sum(desk.world.simulated.calls.values())
    execution = start(desk, order.order_id, f"{order.order_id}-2")
    assert (execution.status, execution.visited) == ("SUCCEEDED", visited)
    assert desk.dynamo.items() == before
    assert desk.world.fake.calls.total() + sum(desk.world.simulated.calls.values()) == asked


def test_what_is_asked_at_another_time_than_its_own_only_says_what_is_next(desk: Desk, ann: Owner) -> None:
    over, unsold = desk.cash_out(ann, "1").order_id, desk.cash_out(ann, "1.666").order_id
    desk.run()
    failed, paying = payout_failed(desk, ann), awaiting(desk, ann)
    before, asked, offramp = desk.dynamo.items(), desk.world.fake.calls.total(), desk.offramp
    for task in (offramp.read, offramp.resolve, offramp.poll, offramp.cancel, offramp.look_again):
        assert [task(thing).stage for thing in (over, unsold, failed, paying)] == ["SOLD", "DONE", "SOLD", "SOLD"]
    assert (desk.dynamo.items(), desk.world.fake.calls.total()) == (before, asked)


def test_an_order_has_one_execution_at_a_time_however_often_it_is_started(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    for _ in range(3):
        desk.machines.start("sell-order", order.order_id, order.order_id)
    desk.run()
    assert len(executions(desk, order.order_id, "sell-order")) == 1
    assert desk.machines.start("sell-order", order.order_id, order.order_id) is None


def test_two_executions_of_one_order_at_once_sell_and_pay_it_once(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    start(desk, order.order_id, f"{order.order_id}-2")
    start(desk, order.order_id, f"{order.order_id}-3")
    desk.run()
    assert [e.status for e in executions(desk, order.order_id, "sell-order")] == ["SUCCEEDED"] * 3
    assert len(paid(desk, order.order_id)) == 1
    assert coins(desk, ann) == (9, 0)


def test_two_that_see_the_fill_at_once_write_it_down_once(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.444")
    stages: list[str] = []
    before_next_write(desk, lambda: stages.append(desk.offramp.poll(order.order_id).stage))
    stages.append(desk.offramp.poll(order.order_id).stage)
    assert stages == ["SOLD", "SOLD"]
    assert coins(desk, ann) == (10 - Decimal("0.722"), 0)
    desk.run()
