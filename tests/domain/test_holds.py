"""What an order has reserved is spent or given back once: where it is not there, nothing moves and a person is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from common.domain.ledger import store as ledger
from common.domain.ledger.model import AccountNotFound, HoldMissing
from common.money import ZERO, Money, Quantity
from common.owner import Owner
from common.table.transaction import Write
from functions.purchases.model import Status
from sandbox.bank.bank import Outcome
from tests.desk import Desk
from tests.seen import awaiting, status, waits_for_person

TEN, FIVE = Money(10), Money(5)
ONE, HALF = Quantity(1, "BTC"), Quantity("0.5", "BTC")
Change = Callable[[Desk, Owner], Write]

OF_DOLLARS: dict[str, Change] = {
    "given back": lambda desk, ann: ledger.release(ann, TEN, desk.clock()),
    "given back of an order": lambda desk, ann: ledger.release_of_order(ann, TEN, desk.clock()),
    "spent": lambda desk, ann: ledger.settle(ann, TEN, FIVE, desk.clock()),
    "spent of an order": lambda desk, ann: ledger.settle_of_order(ann, TEN, FIVE, desk.clock()),
    "spent, though nothing of it": lambda desk, ann: ledger.settle(ann, TEN, ZERO, desk.clock()),
}
OF_COINS: dict[str, Change] = {
    "given back": lambda desk, ann: ledger.release_asset(ann, ONE, desk.clock()),
    "sold": lambda desk, ann: ledger.settle_asset(ann, sale(desk, ann, ONE), desk.clock()),
    "sold in part": lambda desk, ann: ledger.settle_asset(ann, sale(desk, ann, HALF), desk.clock(), hold=ONE),
}


def sale(desk: Desk, ann: Owner, quantity: Quantity) -> ledger.Sale:
    return ledger.sale(ledger.holding(desk.table, ann, "BTC"), quantity, TEN)


@pytest.fixture
def bare() -> Desk:
    """A desk whose books are not held against its orders: the holds here are nobody's."""
    desk = Desk()
    desk.list_asset("BTC", "100")
    return desk


def once(desk: Desk, ann: Owner, change: Change, other: Write) -> None:
    """The second time, though there is another hold beside it, it is refused and nothing moves."""
    desk.table.write(change(desk, ann))
    desk.table.write(other)
    before = desk.dynamo.items()
    with pytest.raises(HoldMissing):
        desk.table.write(change(desk, ann))
    assert desk.dynamo.items() == before


@pytest.mark.parametrize("change", OF_DOLLARS.values(), ids=OF_DOLLARS)
def test_a_hold_of_dollars_is_spent_or_given_back_once(bare: Desk, change: Change) -> None:
    ann = bare.customer()
    bare.table.write(ledger.hold(ann, TEN, bare.clock()))
    once(bare, ann, change, ledger.hold(ann, FIVE, bare.clock()))


@pytest.mark.parametrize("change", OF_COINS.values(), ids=OF_COINS)
def test_a_hold_of_coins_is_sold_or_given_back_once(bare: Desk, change: Change) -> None:
    ann = bare.customer()
    bare.buy(ann, "3")
    bare.table.write(ledger.hold_asset(ann, ONE, bare.clock()))
    once(bare, ann, change, ledger.hold_asset(ann, HALF, bare.clock()))


def test_coins_are_never_credited_to_a_namesake(bare: Desk) -> None:
    """Whatever is written beside it: of a holding it is its own `sub` that counts."""
    ann = bare.customer()
    bare.buy(ann, "1")
    before = bare.dynamo.items()
    with pytest.raises(AccountNotFound):
        bare.table.write(ledger.credit_asset(Owner("ann", "another-sub"), ONE, TEN, bare.clock()))
    assert bare.dynamo.items() == before


@contextmanager
def without_its_hold(desk: Desk, owner: Owner, sk: str, held: str) -> Iterator[None]:
    """What is held there is gone, until the block ends."""
    (item,) = [i for i in desk.dynamo.items() if (i["PK"]["S"], i["SK"]["S"]) == (owner.username, sk)]
    desk.dynamo.put_item(TableName="desk", Item={**item, held: {"N": "0.01"}})
    try:
        yield
    finally:
        desk.dynamo.put_item(TableName="desk", Item=item)


@pytest.mark.parametrize("buys", [True, False], ids=["dollars", "coins"])
def test_an_order_without_its_hold_fills_nothing_and_is_counted(
    desk: Desk, ann: Owner, counted: Counter[str], buys: bool
) -> None:
    order = desk.buy(ann, "1", order_price="90") if buys else desk.sell(ann, "1", order_price="110")
    desk.mark("BTC", "80" if buys else "120")
    place = ("BALANCE", "held_balance") if buys else ("ASSET#BTC", "held_quantity")
    with without_its_hold(desk, ann, *place):
        before = desk.dynamo.items()
        assert (desk.match(), counted["HoldMissing"]) == (0, 1)
        assert desk.dynamo.items() == before
    assert (desk.match(), desk.orders.order(ann, order.order_id).status) == (1, "COMPLETED")


@pytest.mark.parametrize("buys", [True, False], ids=["dollars", "coins"])
def test_an_order_without_its_hold_does_not_expire_unseen(desk: Desk, ann: Owner, buys: bool) -> None:
    order = desk.buy(ann, "1", order_price="90") if buys else desk.sell(ann, "1", order_price="110")
    place = ("BALANCE", "held_balance") if buys else ("ASSET#BTC", "held_quantity")
    desk.clock.forward(days=31)
    with without_its_hold(desk, ann, *place):
        before = desk.dynamo.items()
        assert desk.expire() == 0
        assert desk.dynamo.items() == before
    assert (desk.expire(), desk.orders.order(ann, order.order_id).status) == (1, "CANCELLED")


def test_a_member_without_his_hold_gets_nothing_and_is_a_persons(desk: Desk) -> None:
    desk.list_exchange_asset()
    ann = desk.customer()
    bought = desk.purchase(ann, "50.00")
    with without_its_hold(desk, ann, "BALANCE", "held_balance"):
        desk.run()
        assert desk.purchases.purchase(ann, bought.order_id).status is Status.PENDING
        assert "the hold is smaller" in (waits_for_person(desk, bought.batch_id) or "")
    desk.interventions.redrive(bought.batch_id, "it is there again", "olga", dry_run=False)
    desk.run()
    assert desk.purchases.purchase(ann, bought.order_id).status is Status.COMPLETED


def test_a_payout_without_its_hold_is_not_booked_as_paid(desk: Desk, ann: Owner) -> None:
    """What the bank has paid stays pending here, and is booked once the dollars are there again."""
    order_id = awaiting(desk, ann)
    desk.world.simulated.decide(f"{order_id}-01", Outcome.COMPLETE)
    with without_its_hold(desk, ann, "BALANCE", "held_balance"):
        with pytest.raises(HoldMissing):
            desk.payouts.check(order_id)
        assert status(desk, order_id) == "TARGET_TXN_PENDING"
    desk.run()
    assert status(desk, order_id) == "FILLED"
