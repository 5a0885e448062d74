"""Every account's balances are held against its journal, again and again, and no account keeps it from the others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from common.clock import text
from common.domain.ledger.model import UnreadableLine
from common.money import Money
from common.owner import Owner
from functions.operations.model import AccountBusy, RoundReconciled, StillAddingUp
from functions.operations.service.reconciliation import PARTS_AT_ONCE
from tests.depth import SIMULATED, deep
from tests.desk import NOON, Desk
from tests.seen import around

PAGE = 3_400  # lines of a journal, about, that one request reads
LONG = 1_000_000 if SIMULATED else deep(6 * PAGE, 100_000)
AT_ONCE = 100 if SIMULATED else deep(6, 10)  # parts of it


def change(desk: Desk, pk: str, sk: str, **added: object) -> None:
    """Somebody changes a balance without the ledger."""
    for attribute, amount in added.items():
        desk.dynamo.update_item(
            TableName="desk",
            Key={"PK": {"S": pk}, "SK": {"S": sk}},
            UpdateExpression=f"ADD {attribute} :more",
            ExpressionAttributeValues={":more": {"N": str(amount)}},
        )


def trader(desk: Desk, username: str, lines: int) -> Owner:
    """Somebody who has bought so often for half a dollar, three times in each microsecond: copies of one line, for it
    is quicker."""
    owner = desk.customer(username, usd=str(lines // 2 + 100))
    desk.buy(owner, "0.01")
    (line,) = [i for i in desk.dynamo.items() if i["PK"]["S"] == f"TRANS#{username}#BTC"]
    line |= {"quantity": {"N": "0.005"}, "total_amount": {"N": "0.5"}}
    for n in range(lines):
        at, order_id = text(NOON - timedelta(days=9) + timedelta(microseconds=n // 3)), f"O{n:025}"
        copied = {"SK": {"S": f"{at}#{order_id}"}, "created_at": {"S": at}, "order_id": {"S": order_id}}
        desk.dynamo.put_item(TableName="desk", Item=line | copied)
    quantity, dollars = Decimal("0.005") * lines, Decimal("0.5") * lines
    change(desk, username, "BALANCE", current_balance=-dollars)
    change(desk, username, "ASSET#BTC", quantity=quantity, total_bought=quantity, cost_basis=dollars)
    return owner


def spoil(desk: Desk, username: str) -> dict[str, Any]:
    """The first line of a journal becomes one that nobody can read; the line as it was."""
    line = next(i for i in desk.dynamo.items() if i["PK"]["S"].startswith(f"TRANS#{username}#"))
    desk.dynamo.put_item(TableName="desk", Item=line | {"transaction_type": {"S": "GIFT"}})
    return line


def parts(number: int) -> Callable[[], bool]:
    """Time for so many."""
    return partial(next, iter([True] * number), False)


def listed(desk: Desk) -> dict[str, str]:
    """Why accounts wait for an operator, by username."""
    return {w.id: w.waits_for for w in desk.operations.work(("books",), overdue_only=False, limit=100)}


@pytest.fixture
def own_desk() -> Desk:
    """One whose books need not be right in the end."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    return desk


def test_the_books_of_an_account_are_rebuilt_from_its_journal(desk: Desk) -> None:
    ann = desk.customer()
    desk.clients(ann)
    desk.buy(ann, "3")
    desk.cash_out(ann, "0.123")
    desk.mark("BTC", "133.33")
    desk.sell(ann, "1.234567")
    desk.buy(ann, "1", order_price="90")
    desk.sell(ann, "0.5", order_price="190")
    desk.accounts.withdraw(ann, "w", Money(10), "ann-bank")
    found = desk.reconciliation.reconcile("ann")
    assert (found.lines, found.differences) == (3, [])
    desk.run()
    found = desk.reconciliation.reconcile("ann")
    assert (found.lines, found.differences) == (3 + 2 + 1, [])  # a sale, its dollars gone, and those withdrawn


def test_a_balance_that_was_changed_behind_the_ledger_is_found_and_told(desk: Desk) -> None:
    ann = desk.customer(usd="100.00")
    desk.buy(ann, "0.5")
    change(desk, "ann", "BALANCE", current_balance=1)
    change(desk, "ann", "ASSET#BTC", quantity=1)
    assert desk.reconciliation.reconcile("ann").differences == ["USD 50.00 is 51.00", "BTC quantity 0.5 is 1.5"]
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=1, drift=2, unreadable=0)
    assert listed(desk) == {"ann": "USD 50.00 is 51.00; BTC quantity 0.5 is 1.5"}
    change(desk, "ann", "BALANCE", current_balance=-1)
    change(desk, "ann", "ASSET#BTC", quantity=-1)
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=1, drift=0, unreadable=0)
    assert listed(desk) == {}


def test_every_account_is_reconciled_round_after_round(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.buy(desk.customer(name), "1")
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=3, drift=0, unreadable=0)
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=3, drift=0, unreadable=0)


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
        desk.reconciliation.reconcile("ann")


def test_a_round_that_is_cut_short_is_gone_on_with_behind_the_last_account(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.customer(name)
    assert [desk.reconciliation.round(parts(n)).accounts for n in (2, 9)] == [2, 1]
    assert desk.reconciliation.round(parts(9)).accounts == 3


# Long journals


def test_a_long_journal_is_added_up_in_pieces_while_the_account_trades_on(own_desk: Desk) -> None:
    """Each round bears a part of it. Meanwhile the account buys and sells, also what it never had before, and days
    pass: what came meanwhile is added up in its turn."""
    desk = own_desk
    ann, found = trader(desk, "ann", LONG), list[RoundReconciled]()
    desk.list_asset("ETH", "100")
    while len(found) < 20 and not any(each.accounts for each in found):
        found.append(desk.reconciliation.round(parts(AT_ONCE)))
        desk.clock.forward(minutes=15)
        for asset_id in ("BTC", "ETH"):
            desk.mark(asset_id, "100")
        desk.accounts.deposit(ann, next(desk.keys), Money(5))
        desk.buy(ann, "0.02")
        desk.buy(ann, "0.03", asset_id="ETH")
        desk.sell(ann, "0.01")
    assert found[-1] == RoundReconciled(accounts=1, drift=0, unreadable=0)
    assert 2 < len(found) < 20
    assert listed(desk) == {}


def test_a_line_that_comes_late_and_bears_an_earlier_time_is_added_up(own_desk: Desk) -> None:
    """Its transaction took a minute, in which others were written and added up."""
    desk = own_desk
    ann = trader(desk, "ann", 2 * PAGE)
    assert desk.reconciliation.round(parts(4)) == RoundReconciled(0, 0, 0)
    desk.clock.forward(minutes=-1)
    desk.accounts.deposit(ann, "late", Money(5))
    desk.clock.forward(minutes=1)
    assert desk.reconciliation.round(parts(9)) == RoundReconciled(accounts=1, drift=0, unreadable=0)


def test_a_cent_is_missed_in_a_long_journal_too(own_desk: Desk) -> None:
    desk = own_desk
    trader(desk, "ann", 2 * PAGE)
    change(desk, "ann", "ASSET#BTC", total_bought=1)
    assert desk.reconciliation.round(parts(3)) == RoundReconciled(0, 0, 0)
    assert desk.reconciliation.round(parts(9)) == RoundReconciled(accounts=1, drift=1, unreadable=0)
    assert "total_bought" in listed(desk)["ann"]


def test_a_long_journal_keeps_no_other_account_waiting(own_desk: Desk) -> None:
    desk = own_desk
    trader(desk, "ann", 2 * PAGE)
    for name in ("bob", "carl", "dora"):
        desk.customer(name)
    found = [desk.reconciliation.round(parts(4)).accounts for _ in range(3)]
    assert (sum(found[:2]), sum(found)) == (3, 4)


def test_whoever_asks_for_a_long_journal_goes_on_where_it_stands(own_desk: Desk) -> None:
    desk = own_desk
    ann = trader(desk, "ann", (PARTS_AT_ONCE + 1) * PAGE)
    with pytest.raises(StillAddingUp, match="lines are added up"):
        desk.reconciliation.reconcile("ann")
    desk.buy(ann, "0.01")
    assert desk.reconciliation.reconcile("ann").differences == []


def test_an_account_that_is_traded_on_all_the_time_is_put_aside(desk: Desk) -> None:
    ann = desk.customer()
    desk.customer("bob")

    def while_somebody_trades(real: Callable[..., Any], **asked: Any) -> Any:
        answer = real(**asked)
        if "TRANS#ann" in str(asked):
            desk.client = None
            desk.accounts.deposit(ann, next(desk.keys), Money(1))
            desk.client = busy
        return answer

    busy = desk.client = around(desk.dynamo, query=while_somebody_trades)
    assert desk.reconciliation.round(parts(30)) == RoundReconciled(accounts=1, drift=0, unreadable=0)
    desk.client = None
    assert desk.reconciliation.round(parts(30)) == RoundReconciled(accounts=2, drift=0, unreadable=0)


# What is wrong with an account


def test_a_line_that_can_not_be_read_is_a_finding_of_that_account_alone(desk: Desk) -> None:
    """It is named for operators, and stays listed since it was found until it is mended."""
    for name in ("ann", "bob", "carl"):
        desk.customer(name)
    line = spoil(desk, "bob")
    for _ in range(2):
        assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=2, drift=0, unreadable=1)
        assert f"the line {line['SK']['S']} of TRANS#bob#USD can not be read" in listed(desk)["bob"]
    with pytest.raises(UnreadableLine, match="GIFT"):
        desk.reconciliation.reconcile("bob")
    assert desk.sweeper.sweep(lambda: True).needs_person == 1
    desk.dynamo.put_item(TableName="desk", Item=line)
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=3, drift=0, unreadable=0)
    assert (listed(desk), desk.sweeper.sweep(lambda: True).needs_person) == ({}, 0)


@pytest.mark.parametrize("attribute", ["quantity", "total_amount", "created_at", "order_id"])
@pytest.mark.parametrize("becomes", [None, {"S": "much"}, {"N": "1"}])
def test_whatever_is_wrong_with_a_line_is_no_end_of_the_round(own_desk: Desk, attribute: str, becomes: Any) -> None:
    desk = own_desk
    desk.customer("bob")
    desk.customer("ann")
    line = spoil(desk, "ann")
    spoilt = {name: value for name, value in line.items() if name != attribute}
    desk.dynamo.put_item(TableName="desk", Item=spoilt if becomes is None else spoilt | {attribute: becomes})
    found = desk.reconciliation.round(lambda: True)
    assert found.accounts + found.unreadable == 2


@pytest.mark.parametrize("attribute", ["current_balance", "sub", "updated_at"])
@pytest.mark.parametrize("becomes", [None, {"S": "much"}, {"N": "1"}])
def test_whatever_is_wrong_with_a_balance_is_no_end_of_the_round(own_desk: Desk, attribute: str, becomes: Any) -> None:
    desk = own_desk
    for name in ("ann", "bob", "carl"):
        desk.customer(name)
    balances = [item for item in desk.dynamo.items() if item["SK"]["S"] == "BALANCE"]
    (before,) = [item for item in balances if item["PK"]["S"] == "bob"]
    spoilt = {name: value for name, value in before.items() if name != attribute}
    desk.dynamo.put_item(TableName="desk", Item=spoilt if becomes is None else spoilt | {attribute: becomes})
    found = desk.reconciliation.round(lambda: True)
    assert (found.accounts >= 2, "bob" in listed(desk) or found.accounts == 3) == (True, True)
    desk.dynamo.put_item(TableName="desk", Item=before)
    assert desk.reconciliation.round(lambda: True).accounts == 3
    assert listed(desk) == {}


def test_a_holding_that_is_missing_is_found(own_desk: Desk) -> None:
    desk = own_desk
    desk.buy(desk.customer(usd="100.00"), "0.5")
    desk.dynamo.delete_item(TableName="desk", Key={"PK": {"S": "ann"}, "SK": {"S": "ASSET#BTC"}})
    assert desk.reconciliation.round(lambda: True).drift == 1
    assert listed(desk) == {"ann": "USD 100.00 is 50.00"}


def test_a_balance_that_is_missing_is_found_once_its_account_is_begun(own_desk: Desk) -> None:
    desk = own_desk
    trader(desk, "ann", 2 * PAGE)
    desk.reconciliation.round(parts(3))
    desk.dynamo.delete_item(TableName="desk", Key={"PK": {"S": "ann"}, "SK": {"S": "BALANCE"}})
    assert sum(desk.reconciliation.round(parts(9)).unreadable for _ in range(2)) == 1
    assert "no account" in listed(desk)["ann"]


def test_a_table_that_is_silent_about_one_account_does_not_stop_the_others(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.customer(name)

    def silent(real: Callable[..., Any], **asked: Any) -> Any:
        if "TRANS#bob" in str(asked):
            raise EndpointConnectionError(endpoint_url="https://dynamodb.test")
        return real(**asked)

    desk.client = around(desk.dynamo, query=silent)
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=2, drift=0, unreadable=0)
    desk.client = None
    assert desk.reconciliation.round(lambda: True) == RoundReconciled(accounts=3, drift=0, unreadable=0)


def test_an_account_whose_finding_can_not_be_written_does_not_stop_others(own_desk: Desk) -> None:
    desk = own_desk
    trader(desk, "ann", 2 * PAGE)
    for name in ("bob", "carl"):
        desk.customer(name)
    spoil(desk, "bob")

    def refuse(real: Callable[..., Any], **asked: Any) -> Any:
        if "RECONCILIATION" in str(asked) and "carl" not in str(asked):
            raise ValueError("an item is too large")
        return real(**asked)

    desk.client = around(desk.dynamo, transact_write_items=refuse)
    found = [desk.reconciliation.round(parts(3)) for _ in range(6)]
    assert sum(each.accounts for each in found) >= 2
    assert sum(each.unreadable for each in found) >= 2


def test_a_round_that_is_killed_goes_on_behind_the_last_account(desk: Desk) -> None:
    for name in ("ann", "bob", "carl"):
        desk.customer(name)

    class Killed(BaseException):
        pass

    seen: list[str] = []

    def kill(real: Callable[..., Any], **asked: Any) -> Any:
        answer = real(**asked)
        if "TRANS#" in str(asked):
            seen.append(str(asked))
            if len(seen) == 3:
                raise Killed
        return answer

    desk.client = around(desk.dynamo, query=kill)
    with pytest.raises(Killed):
        desk.reconciliation.round(lambda: True)
    assert desk.reconciliation.round(lambda: True).accounts == 1
