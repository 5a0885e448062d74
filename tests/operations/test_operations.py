"""The catalogue, unfinished work, the audit and the books."""

from dataclasses import replace

import pytest

from common.catalogue.model import Asset, Execution, PrecisionLowered
from common.ledger.model import AccountNotFound
from common.money import Money
from functions.operations.model import AccountBusy, ImpossibleAsset
from functions.orders.model import Status
from tests.desk import Desk


def asset(asset_id: str = "OP", low: str = "1", high: str = "1000") -> Asset:
    return Asset(asset_id, "Optimism", 8, Money(low), Money(high), Execution.INSTANT, True, "optimism", 120)


def test_a_saved_asset_is_traded_within_five_seconds_and_audited(desk: Desk) -> None:
    market = desk.orders.market
    assert "OP" not in market.listings()
    desk.operations.save_asset(asset(), "olga")
    desk.clock.forward(seconds=5)
    assert market.listings()["OP"].asset == asset()
    (entry,) = desk.operations.audit("2026-11-21", limit=10, after=None).items
    assert (entry.operator, entry.subject) == ("olga", "OP")


def test_an_impossible_asset_is_refused(desk: Desk) -> None:
    with pytest.raises(ImpossibleAsset):
        desk.operations.save_asset(asset(low="10", high="9.99"), "olga")
    with pytest.raises(ImpossibleAsset):
        desk.operations.save_asset(asset("USD"), "olga")


def test_unfinished_work_is_listed_longest_overdue_first(desk: Desk) -> None:
    ann = desk.customer()
    order = desk.buy(ann, "1", order_price="90")
    withdrawal = desk.accounts.withdraw(ann, "w", Money(1)).transfer
    both = ("accounts", "orders")
    assert [w.id for w in desk.operations.work(both, overdue_only=False, limit=10)] == [
        withdrawal.transfer_id,
        order.order_id,
    ]
    assert desk.operations.work(both, overdue_only=True, limit=10) == []
    desk.clock.forward(days=2)
    (late,) = desk.operations.work(both, overdue_only=True, limit=10)
    assert (late.id, late.overdue, late.context) == (withdrawal.transfer_id, True, "accounts")
    desk.accounts.reject(withdrawal.transfer_id, "unknown bank", "olga")
    assert [w.id for w in desk.operations.work(both, overdue_only=False, limit=10)] == [order.order_id]


def test_an_operator_ends_an_order_that_can_not_be_carried_out(desk: Desk) -> None:
    from common import audit
    from common.audit import AuditEntry

    ann = desk.customer(usd="100.00")
    order = desk.buy(ann, "1", order_price="90")
    entry = audit.entry(AuditEntry(desk.clock(), "olga", "fail", order.order_id, "asset delisted"))
    failed = desk.orders.fail(order.order_id, "asset delisted", "olga", entry)
    assert (failed.status, failed.reason) == (Status.FAILED, "asset delisted")
    assert desk.accounts.balance(ann).current == Money(100)
    *_, last = desk.operations.timeline(order.order_id)
    assert (last.after, last.actor) == ("FAILED", "olga")


def test_the_books_of_an_account_are_rebuilt_from_its_journal(desk: Desk) -> None:
    ann = desk.customer()
    desk.buy(ann, "3")
    desk.mark("BTC", "133.33")
    desk.sell(ann, "1.234567")
    desk.buy(ann, "1", order_price="90")
    desk.sell(ann, "0.5", order_price="190")
    desk.accounts.withdraw(ann, "w", Money(10))
    found = desk.operations.reconcile(ann)
    assert (found.lines, found.differences) == (3, [])


def test_a_balance_that_was_changed_behind_the_ledger_is_found_and_told(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    desk.buy(ann, "0.5")
    for key, attribute in (("BALANCE", "current_balance"), ("ASSET#BTC", "quantity")):
        desk.dynamo.update_item(
            TableName="desk",
            Key={"PK": {"S": "ann"}, "SK": {"S": key}},
            UpdateExpression=f"ADD {attribute} :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    assert desk.operations.reconcile(ann).differences == ["USD 50.00 is 51.00", "BTC quantity 0.5 is 1.5"]
    assert desk.operations.reconcile_all(lambda: True) == (1, 2)
    for key, attribute in (("BALANCE", "current_balance"), ("ASSET#BTC", "quantity")):
        desk.dynamo.update_item(
            TableName="desk",
            Key={"PK": {"S": "ann"}, "SK": {"S": key}},
            UpdateExpression=f"ADD {attribute} :one",
            ExpressionAttributeValues={":one": {"N": "-1"}},
        )


def test_every_account_is_reconciled_round_after_round(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.buy(desk.customer(name), "1")
    assert desk.operations.reconcile_all(lambda: True) == (3, 0)
    assert desk.operations.reconcile_all(lambda: True) == (3, 0)


def test_an_account_that_is_written_all_the_time_is_not_judged(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = desk.customer(usd="1000.00")
    query = desk.dynamo.query

    def while_somebody_trades(**asked: object) -> object:
        answer = query(**asked)
        if "USD" in str(asked):
            desk.accounts.deposit(ann, next(desk.keys), Money(1))
        return answer

    monkeypatch.setattr(desk.dynamo, "query", while_somebody_trades)
    with pytest.raises(AccountBusy):
        desk.operations.reconcile(ann)


def test_who_has_no_account_has_no_books(desk: Desk) -> None:
    with pytest.raises(AccountNotFound):
        desk.operations.owner("nobody")


def test_an_asset_keeps_its_decimals(desk: Desk) -> None:
    desk.operations.save_asset(asset(), "olga")
    with pytest.raises(PrecisionLowered):
        desk.operations.save_asset(replace(asset(), precision=2), "olga")
    desk.operations.save_asset(replace(asset(), precision=18), "olga")


def test_a_round_of_reconciliation_that_is_cut_short_goes_on_behind_the_last_account(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.customer(name)
    time_left = iter([True, True, True, False, False])
    assert desk.operations.reconcile_all(lambda: next(time_left)) == (2, 0)
    assert desk.operations.reconcile_all(lambda: True) == (1, 0)
