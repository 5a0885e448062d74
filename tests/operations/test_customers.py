"""Where a customer's money is, told to an operator in one answer, and all users in one request."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from common import keys
from common.domain.ledger.model import AccountNotFound, TransactionType
from common.domain.limits import Limited, LimitToday
from common.money import Money
from common.owner import Owner
from functions.operations.service import customers
from tests.desk import NOON, Desk
from tests.harness.meter import Meter
from tests.operations import drifts


@pytest.fixture
def ann(desk: Desk) -> Owner:
    """She has bought, rests in the book, and waits for her bank."""
    ann = desk.customer("ann")
    desk.clients(ann)
    desk.buy(ann, "2")
    return ann


def test_all_of_a_customers_dollars_and_coins_are_told_with_what_holds_them(desk: Desk, ann: Owner) -> None:
    resting = desk.buy(ann, "1", order_price="90").order_id
    offered = desk.sell(ann, "0.5", order_price="200").order_id
    leaves = desk.accounts.withdraw(ann, "w", Money("40.00"), "ann-bank").made.transfer_id
    told = desk.customers.customer("ann")
    assert (told.account.balance.current, told.account.balance.held) == (Money("670.00"), Money("130.00"))
    held = {each.asset_id: [thing.thing_id for thing in each.holds] for each in told.account.held}
    assert {asset_id: sorted(ids) for asset_id, ids in held.items()} == {
        "USD": sorted([resting, leaves]),
        "BTC": [offered],
    }
    assert not any(each.unexplained for each in told.account.held)
    assert [(move.line.transaction_type, move.after) for move in told.moves] == [
        (TransactionType.BUY, Decimal(800)),
        (TransactionType.DEPOSIT, Decimal(1000)),
    ]
    assert sorted(client.client_id for client in told.clients) == ["ann-bank", "ann-crypto"]


def test_what_is_left_of_a_limit_is_what_the_next_withdrawal_may_be(desk: Desk, ann: Owner) -> None:
    desk.accounts.withdraw(ann, "w", Money("40.00"), "ann-bank")
    told = {each.kind: each for each in desk.customers.customer("ann").limits}
    assert (told[Limited.PAYOUT].used, told[Limited.PAYOUT].left) == (Money("40.00"), Money("9960.00"))
    assert told[Limited.DEPOSIT].used == Money("1000.00")
    desk.clock.forward(days=1)
    assert {each.used for each in desk.customers.customer("ann").limits} == {Money(0)}


def test_of_a_limit_that_was_lowered_below_what_is_used_nothing_is_left() -> None:
    assert LimitToday(Limited.PAYOUT, Money(10), Money(40)).left == Money(0)


def test_what_is_held_and_nothing_holds_is_told_as_unexplained() -> None:
    desk = Desk()
    desk.customer("ann")
    drifts.plus(desk, "ann", keys.BALANCE.sk, held_balance="7")
    (dollars,) = desk.customers.customer("ann").account.held
    assert dollars.unexplained == 7


def test_who_had_the_username_before_is_not_told_of(desk: Desk, ann: Owner) -> None:
    told = desk.proposals.propose("users move", "ann", {"sub": "new"}, "t", "seen", "otto", dry_run=False)
    desk.proposals.confirm(told.id, "seen", "olga", dry_run=False)
    found = desk.customers.customer("ann")
    assert (found.owner, found.moves, found.clients) == (Owner("ann", "new"), [], [])
    assert found.account.balance.current == Money("800.00")


def test_nobody_is_told_of_who_has_no_account(desk: Desk) -> None:
    for asked in (desk.customers.customer, lambda name: desk.customers.moves_of(name, Decimal(1), NOON, 1)):
        with pytest.raises(AccountNotFound, match="there is no account eve"):
            asked("eve")


def test_moves_are_found_by_their_dollars_and_by_their_coins(desk: Desk, ann: Owner) -> None:
    desk.clock.forward(seconds=1)
    bought = desk.buy(ann, "3").order_id
    for amount in ("300", "3"):
        found = desk.customers.moves_of("ann", Decimal(amount), NOON, 10)
        assert ([line.order_id for line in found.moves], found.complete) == ([bought], True)
    assert desk.customers.moves_of("ann", Decimal(301), NOON, 10).moves == []
    assert desk.customers.moves_of("ann", Decimal(300), desk.clock() + timedelta(seconds=1), 10).moves == []


def test_more_moves_than_are_asked_for_are_said_to_be_there(desk: Desk, ann: Owner) -> None:
    later = []
    for _ in range(3):
        desk.clock.forward(seconds=1)
        later.append(desk.buy(ann, "1").order_id)
    found = desk.customers.moves_of("ann", Decimal(100), NOON, 2)
    assert ([line.order_id for line in found.moves], found.complete) == (later[:0:-1], False)


def test_lines_that_were_not_looked_at_are_said_not_to_be(
    desk: Desk, ann: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.buy(ann, "1")
    monkeypatch.setattr(customers, "LOOKED_MAX", 1)
    assert not desk.customers.moves_of("ann", Decimal(1000), NOON, 10).complete


def test_33_users_are_listed_newest_first_in_one_request() -> None:
    desk = Desk()
    names = [f"user{n:02}" for n in range(33)]
    for name in names:
        desk.clock.forward(seconds=1)
        desk.customer(name)
    with Meter(desk.dynamo).measure() as cost:
        page = desk.accounts.users(limit=100, after=None)
    assert [user.owner.username for user in page.items] == names[::-1]
    assert (page.after, cost.requests) == (None, 1)


def test_a_user_from_before_the_list_is_listed_by_the_next_round(desk: Desk, ann: Owner) -> None:
    before = drifts.get(desk, "ann", keys.USER.sk)
    drifts.put(desk, {name: value for name, value in before.items() if not name.startswith("listed")})
    assert desk.accounts.users(limit=10, after=None).items == []
    desk.reconciliation.round(lambda: True)
    assert [user.owner for user in desk.accounts.users(limit=10, after=None).items] == [ann]
    assert drifts.get(desk, "ann", keys.USER.sk) == before
