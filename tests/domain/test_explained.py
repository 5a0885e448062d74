"""Nothing is held without an explanation: what of a customer's is open adds up to what his balances hold."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from common.domain import holds
from common.domain.holds import Explained, Kind
from common.domain.ledger import store as ledger
from common.domain.ledger.model import USD
from common.money import Money
from common.owner import Owner
from common.table.table import Table
from functions.offramp.model import SaleUnresolved
from functions.operations.service import holds as what_is_held
from tests.depth import deep
from tests.desk import TABLE, Desk
from tests.harness.faults import Faults, LateIndex, never
from tests.offramp import lives as sales
from tests.orders.test_faulty_lives import live
from tests.purchases import lives as purchases


@pytest.fixture
def ann(desk: Desk) -> Owner:
    desk.list_asset("BTC", "100")
    desk.list_exchange_asset()
    ann = desk.customer(usd="5000.00")
    desk.clients(ann)
    desk.buy(ann, "10")
    return ann


def told(found: Explained) -> list[tuple[str, str, Decimal]]:
    """What is held, of which balance, how much."""
    return [(b.asset_id, t.kind, t.hold.amount) for b in found.held for t in b.holds if t.hold is not None]


def each_adds_up(desk: Desk) -> None:
    """Of every account, looked at now."""
    table = Table(desk.dynamo, TABLE.name)  # type: ignore[arg-type]
    for item in desk.dynamo.items():
        if item["entity_type"] == {"S": "balance"}:
            owner = Owner(item["PK"]["S"], item["sub"]["S"])
            found = holds.explained(table, owner)
            assert found.adds_up, (owner, found.held)
            held = {item["asset_id"]["S"]: item["held_quantity"]["N"] for item in _holdings(desk, owner)}
            of_it = {b.asset_id: b.held for b in found.held}
            assert {a: Decimal(n) for a, n in held.items() if Decimal(n)} == {
                a: n for a, n in of_it.items() if a != USD
            }
            assert of_it[USD] == Decimal(item["held_balance"]["N"])


def _holdings(desk: Desk, owner: Owner) -> list[Any]:
    kind, username = {"S": "asset_balance"}, {"S": owner.username}
    return [i for i in desk.dynamo.items() if i["entity_type"] == kind and i["username"] == username]


def test_each_hold_says_of_what_it_is_and_what_it_waits_for(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1", order_price="90")
    desk.sell(ann, "0.25", order_price="200")
    pooled = desk.purchase(ann, "4")
    desk.world.simulated.set_outcome("pending")
    sold = desk.cash_out(ann, "0.5")
    desk.run(until=lambda: desk.offramp.order(ann, sold.order_id).total_amount is not None, sweep=False)
    direct, working = desk.purchase(ann, "20"), desk.cash_out(ann, "0.3")
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find")
    with pytest.raises(SaleUnresolved) as intent:
        desk.cash_out(ann, "0.2")
    paid = desk.accounts.withdraw(ann, "w", Money(40), "ann-bank").made
    found = holds.explained(desk.table, ann)
    by_id = {thing.thing_id: thing for thing in found.open}
    assert found.adds_up
    assert len({thing.waits_for for thing in found.open}) >= 6
    assert by_id[pooled.order_id].hold == holds.Hold(USD, pooled.held.usd)
    assert by_id[pooled.order_id].expires_at == pooled.expires_at
    assert by_id[direct.order_id].waits_for == "the exchange to execute it"
    assert (by_id[working.order_id].asset_id, by_id[working.order_id].status) == ("BTC", "BASE_TXN_PENDING")
    assert by_id[intent.value.facts["id"]].hold == holds.Hold("BTC", Decimal("0.2"))
    assert by_id[paid.transfer_id].hold == holds.Hold(USD, Decimal(40))
    assert by_id[paid.transfer_id].waits_for == by_id[sold.order_id].waits_for == "your bank to be paid"
    assert [thing.since for thing in found.open] == sorted(thing.since for thing in found.open)
    assert {asset for asset, _, _ in told(found)} == {USD, "BTC"}


def test_a_payout_that_the_bank_refuses_waits_for_a_person(desk: Desk, ann: Owner) -> None:
    desk.world.simulated.set_outcome("refuse")
    desk.accounts.withdraw(ann, "w", Money(40), "ann-bank")
    desk.run()
    (thing,) = holds.explained(desk.table, ann).open
    assert (thing.status, thing.waits_for) == ("PAYOUT_FAILED", "a person at the desk to look at it")


def test_what_is_over_or_anothers_is_not_among_it(desk: Desk, ann: Owner) -> None:
    bob = desk.customer("bob")
    desk.buy(bob, "1", order_price="90")
    order = desk.buy(ann, "1", order_price="90")
    desk.orders.cancel(ann, order.order_id)
    assert told(holds.explained(desk.table, ann)) == []
    assert told(holds.explained(desk.table, bob)) == [(USD, Kind.ORDER, Decimal(90))]


def late(desk: Desk, act: Callable[[], object]) -> Table:
    """The table, of whose indexes what `act` does is not known yet."""
    faults = Faults(never)
    desk.client = faults.client(desk.dynamo)
    act()
    fault = LateIndex(4)  # as many as the transaction of an order has
    faults.choose = lambda call: fault if fault.can_befall(call) else None
    return desk.table


def test_what_ended_a_moment_ago_is_not_told_as_held(desk: Desk, ann: Owner) -> None:
    """The index has it still: it is read again as of now."""
    order, other = desk.buy(ann, "1", order_price="90"), desk.buy(ann, "1", order_price="80")
    table = late(desk, lambda: desk.orders.cancel(ann, order.order_id))
    found = holds.explained(table, ann)
    assert ([thing.thing_id for thing in found.open], found.adds_up) == ([other.order_id], True)


def test_what_ended_a_moment_ago_is_no_difference_of_its_account(desk: Desk, ann: Owner) -> None:
    order, _ = desk.buy(ann, "1", order_price="90"), desk.buy(ann, "1", order_price="80")
    table = late(desk, lambda: desk.orders.cancel(ann, order.order_id))
    assert what_is_held.differences(table, ledger.account_of(table, ann.username)) == []
    desk.client = None
    desk.table.write(ledger.hold(ann, Money(7), desk.clock()))
    assert what_is_held.differences(desk.table, ledger.account_of(desk.table, ann.username)) == ["USD held 80 is 87"]
    desk.table.write(ledger.release(ann, Money(7), desk.clock()))


def test_what_the_index_does_not_know_yet_is_said_to_be_unexplained(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1", order_price="90")
    table = late(desk, lambda: desk.buy(ann, "1", order_price="80"))
    (dollars,) = holds.explained(table, ann).held
    assert (dollars.held, dollars.unexplained, len(dollars.holds)) == (Decimal(170), Decimal(80), 1)
    desk.client = None
    assert holds.explained(desk.table, ann).adds_up


def test_a_hold_of_nobody_is_unexplained_and_not_left_out(desk: Desk, ann: Owner) -> None:
    desk.buy(ann, "1", order_price="90")
    desk.table.write(ledger.hold(ann, Money(7), desk.clock()))
    (dollars,) = holds.explained(desk.table, ann).held
    assert (dollars.held, dollars.unexplained) == (Decimal(97), Decimal(7))
    desk.table.write(ledger.release(ann, Money(7), desk.clock()))


LIVES: dict[str, Callable[[int], object]] = {
    "orders": live,
    "cash-outs": lambda seed: sales.Life(seed).live(),
    "purchases": lambda seed: purchases.Life(seed).live(),
}


@pytest.mark.parametrize("of", LIVES)
def test_in_any_life_what_is_held_is_explained(of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each of its steps, to the last digit."""
    check = Desk.check

    def both(desk: Desk) -> None:
        check(desk)
        each_adds_up(desk)

    monkeypatch.setattr(Desk, "check", both)
    for seed in range(deep(everyday=2, full=40)):
        LIVES[of](seed)
