"""Every call that a use case makes to the table × everything that can go wrong at it, and the user's retry after it.

After each, dollars and coins are conserved; after the retry the thing is done once, or refused as it would have been.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from common import audit
from common.audit import AuditEntry
from common.catalogue.model import Asset, Execution
from common.money import Money
from common.owner import Owner
from common.table.transaction import Patience
from functions.orders.model import Status
from tests.desk import NOON, TABLE, Desk
from tests.harness.crash_matrix import Scene, crash_matrix
from tests.harness.faults import Faults
from tests.harness.memory import InMemoryDynamoDB

Act = Callable[[], Any]
UseCase = Callable[[Desk, Desk, Owner], Act]  # a quiet desk to prepare on, the faulty one to act on, and who acts


def buy(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.place(ann, "BUY", "1", key="k").order.order_id


def buy_too_much(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.place(ann, "BUY", "1000", key="k")


def buy_again_at_a_price_that_has_left_the_protection(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    from common.money import Price

    quiet.place(ann, "BUY", "1", key="k", max_price=Price(100))
    quiet.mark("BTC", "101")
    return lambda: desk.place(ann, "BUY", "1", key="k", max_price=Price(100)).order.order_id


def sell(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "3")
    return lambda: desk.place(ann, "SELL", "1", key="k").order.order_id


def sell_everything(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.mark("BTC", "33.333333")
    quiet.buy(ann, "3")
    quiet.sell(ann, "1")
    return lambda: desk.place(ann, "SELL", "2", key="k").order.order_id


def sell_too_much(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "1")
    return lambda: desk.place(ann, "SELL", "2", key="k")


def rest_a_buy(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.place(ann, "BUY", "1", key="k", order_price="90").order.order_id


def rest_a_sale(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    return lambda: desk.place(ann, "SELL", "1", key="k", order_price="110").order.order_id


def cancel(side: str) -> UseCase:
    def use_case(quiet: Desk, desk: Desk, ann: Owner) -> Act:
        quiet.buy(ann, "2")
        order = quiet.place(ann, side, "1", order_price="90" if side == "BUY" else "110").order
        return lambda: desk.orders.cancel(ann, order.order_id).order.status

    return use_case


def cancel_all(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    for _ in range(2):
        quiet.buy(ann, "1", order_price="90")
        quiet.sell(ann, "1", order_price="110")
    return lambda: desk.orders.cancel_all(ann, None, None).after


def fill(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    orders = [quiet.buy(ann, "1", order_price="100"), quiet.sell(ann, "1", order_price="100")]
    before = quiet.orders

    def rounds() -> list[Status]:
        desk.match()
        ends = [before.order(ann, order.order_id).status for order in orders]
        assert ends == [Status.COMPLETED] * 2, "a further round is needed"
        return ends

    return rounds


def expire(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    quiet.buy(ann, "1", order_price="90")
    quiet.sell(ann, "1", order_price="110")
    desk.clock.at = NOON + timedelta(days=31)
    return desk.expire


def end_by_hand(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    order = quiet.buy(ann, "1", order_price="90")
    entry = audit.entry(AuditEntry(quiet.clock(), "olga", "fail", order.order_id, "delisted"))
    return lambda: desk.orders.fail(order.order_id, "delisted", "olga", entry).status


def open_an_account(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.accounts.open(Owner("new", "sub-new"))[0].owner


def deposit(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.accounts.deposit(ann, "k", Money(5)).transfer.transfer_id


def deposit_over_the_limit(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.accounts.deposit(ann, "k", Money(999_999))


def credit(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.accounts.credit("ann", "k", Money(5), "wire 42", "olga").transfer.transfer_id


def withdraw(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    return lambda: desk.accounts.withdraw(ann, "k", Money(5)).transfer.transfer_id


def pay(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    asked = quiet.accounts.withdraw(ann, "k", Money(5)).transfer.transfer_id
    return lambda: desk.accounts.complete(asked, "wire 42", "olga").status


def reject(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    asked = quiet.accounts.withdraw(ann, "k", Money(5)).transfer.transfer_id
    return lambda: desk.accounts.reject(asked, "no such bank", "olga").status


def save_an_asset(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    asset = Asset("OP", "Optimism", 8, Money(1), Money(1000), Execution.INSTANT, True, "optimism", 120)
    return lambda: desk.operations.save_asset(asset, "olga").asset_id


def look(quiet: Desk, desk: Desk, ann: Owner) -> Act:
    quiet.buy(ann, "2")
    quiet.buy(ann, "1", order_price="90")

    def everything() -> tuple[Any, ...]:
        orders = desk.orders.orders(ann, limit=10, after=None)
        history = desk.orders.history(ann, "BTC", limit=10, after=None)
        reconciled = desk.operations.reconcile(ann)
        return (desk.orders.portfolio(ann).balance, len(orders.items), len(history.items), reconciled.differences)

    return everything


USE_CASES: dict[str, UseCase] = {
    use_case.__name__: use_case
    for use_case in (
        buy,
        buy_too_much,
        buy_again_at_a_price_that_has_left_the_protection,
        sell,
        sell_everything,
        sell_too_much,
        rest_a_buy,
        rest_a_sale,
        cancel_all,
        fill,
        expire,
        end_by_hand,
        open_an_account,
        deposit,
        deposit_over_the_limit,
        credit,
        withdraw,
        pay,
        reject,
        save_an_asset,
        look,
    )
} | {"cancel_a_buy": cancel("BUY"), "cancel_a_sale": cancel("SELL")}
IN_PAIRS = ("buy", "sell", "cancel_a_sale", "withdraw")


def scenario(use_case: UseCase) -> Callable[[Faults], Scene]:
    def build(faults: Faults) -> Scene:
        dynamo = InMemoryDynamoDB(TABLE)
        quiet = Desk(dynamo)
        quiet.list_asset("BTC", "100", price_age_max_seconds=86_400)
        ann = quiet.customer(usd="1000.00")
        desk = Desk(dynamo, client=faults.client(dynamo))
        desk.clock.at = quiet.clock.at + timedelta(seconds=1)
        desk.patience = Patience(
            budget_seconds=0.1, monotonic=desk.clock.monotonic, sleep=desk.clock.sleep, jitter=lambda: 0.5
        )
        return Scene(act=use_case(quiet, desk, ann), check=quiet.check)

    return build


@pytest.mark.parametrize("name", USE_CASES)
def test_a_fault_at_any_call_loses_nothing_and_the_retry_finishes_it(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), same=lambda first, again: name == "expire" or first == again)
    assert report.runs > len(report.calls) > 0
    assert not report.violations, report


@pytest.mark.parametrize("name", IN_PAIRS)
def test_two_faults_one_after_the_other_lose_nothing_either(name: str) -> None:
    report = crash_matrix(scenario(USE_CASES[name]), pairs=True, same=lambda first, again: first == again)
    assert not report.violations, report


def test_a_purchase_made_twice_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The matrix can fail: a retry under a new id each time, as if the key were not the record."""
    from functions.orders import model

    ids = iter(f"O{'A' * 24}{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    monkeypatch.setattr(model, "order_id", lambda *_: next(ids))

    def build(faults: Faults) -> Scene:
        dynamo = InMemoryDynamoDB(TABLE)
        quiet, desk = Desk(dynamo), Desk(dynamo, client=faults.client(dynamo))
        quiet.list_asset("BTC", "100")
        ann = quiet.customer()

        def once() -> None:
            orders = [item for item in dynamo.items() if item["entity_type"] == {"S": "order"}]
            assert len(orders) <= 1, "the purchase was made twice"

        return Scene(act=buy(quiet, desk, ann), check=once)

    assert crash_matrix(build).violations
