"""What the exchange tells of a sale and can not be moves no money: a person looks at once, and asks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.domain.proposals.model import OwnProposal
from common.gateways.exchange import ExchangeUnavailable, OrderReport
from common.money import ZERO, Money, Quantity
from common.owner import Owner
from functions.offramp.model import SaleUnresolved, SellOrderNotOpen, Status
from functions.operations.model import EvidenceNotBelieved
from tests.desk import Desk
from tests.seen import around, coins, desks_own, dollars, executions, intent, moves, paid, status, waits_for_person


def lies(desk: Desk, *through: str, **told: Any) -> None:
    """The exchange tells otherwise of what it has executed, asked by its own id (`order`) or by ours (`find`)."""

    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        seen = real(*asked)
        return replace(seen, **told) if seen.executed.amount else seen

    desk.world.exchange = around(desk.world.fake, **dict.fromkeys(through or ("order", "find"), lie))


def redrive(desk: Desk, order_id: str) -> None:
    desk.interventions.redrive(order_id, "ask again", "olga", dry_run=False)


@pytest.mark.parametrize(
    "told",
    [{"gross": Money(1_000_000)}, {"gross": ZERO}, {"fee": Money("99.995")}, {"fee": Money(-9000)}],
    ids=["a million", "nothing", "a fee of nearly all", "a fee that is given"],
)
def test_a_sale_that_can_not_have_brought_that_pays_nothing(
    desk: Desk, ann: Owner, counted: Counter[str], told: dict[str, Money]
) -> None:
    lies(desk, **told)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.error, execution.visited[-1]) == (
        "FAILED",
        "WaitsForOperator",
        "WaitsForOperator",
    )
    why = waits_for_person(desk, order.order_id) or ""
    assert why.startswith("an operator: what fake says of client order id ")
    assert str(next(iter(told.values()))) in why
    assert (execution.cause, counted["FillsNotBelieved"]) == (why, 1)
    assert (status(desk, order.order_id), coins(desk, ann), dollars(desk, ann)) == (
        Status.BASE_TXN_PENDING,
        (9, 1),
        (Money(1000), ZERO),
    )
    assert [event.reason for event in desk.operations.story(order.order_id).events][-1] == (
        why.replace("an operator", "stopped")
    )
    desk.run()
    assert len(executions(desk, order.order_id)) == 1  # nobody asks again until a person says so
    redrive(desk, order.order_id)
    desk.run()
    assert waits_for_person(desk, order.order_id) == why
    desk.world.exchange = desk.world.fake
    redrive(desk, order.order_id)
    desk.run()
    assert (status(desk, order.order_id), paid(desk, order.order_id)) == (
        Status.FILLED,
        [(f"{order.order_id}-01", Money("99.90"))],
    )


def test_a_sale_that_was_not_believed_is_voided_once_the_exchange_is(desk: Desk, ann: Owner) -> None:
    def lie(real: Callable[..., OrderReport], *asked: Any) -> OrderReport:
        return replace(real(*asked), gross=Money(1))

    desk.world.exchange = around(desk.world.fake, order=lie)
    order = desk.cash_out(ann, "1.555")
    desk.run()
    assert waits_for_person(desk, order.order_id)
    assert {"offramp void", "work redrive"} <= {act.command for act in desk.operations.story(order.order_id).acts}
    desk.world.exchange = desk.world.fake
    desk.voiding.void(order.order_id, "ticket 4711", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order.order_id), coins(desk, ann)) == (Status.BASE_TXN_FAILED, (10, 0))
    assert waits_for_person(desk, order.order_id) is None


def test_a_sale_whose_look_up_is_not_believed_stays_held(desk: Desk, ann: Owner) -> None:
    desk.world.fake.drop_answer_next("place")
    lies(desk, quantity=Quantity(2, "BTC"))
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1", key="k")
    order_id = intent(desk)
    assert "another order" in (waits_for_person(desk, order_id) or "")
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1", key="k")
    with pytest.raises(SellOrderNotOpen):
        desk.voiding.void(order_id, "ticket 4711", "olga", dry_run=False)
    assert [act.command for act in desk.operations.story(order_id).acts] == ["work redrive", "work decide-order"]
    desk.run()
    assert (status(desk, order_id), coins(desk, ann), executions(desk, order_id)) == (Status.NEW, (9, 1), [])
    desk.world.exchange = desk.world.fake
    redrive(desk, order_id)
    desk.run()
    assert (moves(desk, order_id)[-1][1], len(paid(desk, order_id))) == (Status.FILLED, 1)


def test_a_stray_look_does_not_take_a_sale_from_the_person_it_waits_for(desk: Desk, ann: Owner) -> None:
    lies(desk, gross=ZERO)
    order = desk.cash_out(ann, "1")
    desk.world.machines.run()
    desk.clock.forward(hours=1)
    desk.world.exchange, desk.world.fake.down = desk.world.fake, True
    with pytest.raises(ExchangeUnavailable):
        desk.offramp.poll(order.order_id)
    assert waits_for_person(desk, order.order_id)
    desk.world.fake.down = False
    assert desk.offramp.poll(order.order_id).stage == "SOLD"  # and what can be is believed, whoever asks
    desk.run()


def test_a_sale_whose_hold_is_missing_is_a_persons(desk: Desk, ann: Owner) -> None:
    """Its fill is known, and can not be written down."""
    order = desk.cash_out(ann, "1")
    key = {"PK": {"S": "ann"}, "SK": {"S": "ASSET#BTC"}}
    kept = desk.dynamo.get_item(TableName="desk", Key=key)["Item"]
    desk.dynamo.put_item(TableName="desk", Item={**kept, "held_quantity": {"N": "0.5"}})
    desk.world.machines.run()
    assert "can not be written down: the hold is smaller" in (waits_for_person(desk, order.order_id) or "")
    desk.dynamo.put_item(TableName="desk", Item=kept)
    redrive(desk, order.order_id)
    desk.run()
    assert (status(desk, order.order_id), len(paid(desk, order.order_id))) == (Status.FILLED, 1)


@pytest.mark.parametrize("answers", ["place", "find"])
def test_an_order_at_the_exchange_is_not_paid_to_two(desk: Desk, ann: Owner, answers: str) -> None:
    """Asked for bob's order, or for placing it, the exchange tells of ann's, which is of the same size."""
    bob = desk.customer("bob", usd="2000.00")
    desk.clients(bob)
    desk.buy(bob, "10")
    first = desk.cash_out(ann, "1")
    anns = desk.at_exchange.existing(first.order_id, 1)

    def hers(real: Callable[..., Any], *asked: Any) -> Any:
        if answers == "place":
            real(*asked)
            return anns.exchange_order_id
        assert anns.exchange_order_id is not None
        return replace(desk.world.fake.order("BTC", anns.exchange_order_id), client_order_id=asked[1])

    if answers == "find":
        desk.world.fake.drop_answer_next("place")
    desk.world.exchange = around(desk.world.fake, **{answers: hers})
    if answers == "find":
        with pytest.raises(SaleUnresolved):
            desk.cash_out(bob, "1")
    else:  # the look that follows finds his own
        desk.cash_out(bob, "1")
    (second,) = [
        i["PK"]["S"] for i in desk.dynamo.items() if i.get("username") == {"S": "bob"} and i["SK"]["S"] == "SELL_ORDER"
    ]
    if answers == "find":
        assert f"its order {anns.exchange_order_id} is that of {first.order_id}" in (
            waits_for_person(desk, second) or ""
        )
        desk.run()
        assert (status(desk, second), coins(desk, bob), paid(desk, second)) == (Status.NEW, (9, 1), [])
        desk.world.exchange = desk.world.fake
        redrive(desk, second)
    desk.run()
    assert [len(paid(desk, order_id)) for order_id in (first.order_id, second)] == [1, 1]


def test_a_fee_in_the_coins_that_were_sold_is_the_desks_to_bear(desk: Desk, ann: Owner) -> None:
    lies(desk, fee=ZERO, fees_elsewhere={"BTC": Decimal("0.001")})
    order = desk.cash_out(ann, "1")
    desk.run()
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money(100))]
    assert desks_own(desk, "BTC") == Decimal("-0.001")


def test_a_sale_above_the_band_is_paid_when_two_operators_have_looked(desk: Desk, ann: Owner) -> None:
    """The market has gone up by half between placement and fill. One can not do it, nor below the limit of $98."""
    desk.world.nobody_buys()
    desk.world.bid("150", "1")
    order = desk.cash_out(ann, "1")
    desk.run()
    assert waits_for_person(desk, order.order_id)

    def propose(gross: str) -> str:
        told = {"executed": "1", "gross": gross, "fee": "0.15"}
        proposed = desk.proposals.propose(
            "work decide-order", order.order_id, told, "order 1", "so", "otto", dry_run=False
        )
        return proposed.id

    with pytest.raises(EvidenceNotBelieved, match=r"beyond its limit of \$98 a unit"):
        propose("97.98")
    proposed = propose("150.00")
    with pytest.raises(OwnProposal):
        desk.proposals.confirm(proposed, "so", "otto", dry_run=False)
    desk.proposals.confirm(proposed, "the tape says so", "olga", dry_run=False)
    desk.run()
    assert (status(desk, order.order_id), paid(desk, order.order_id)) == (
        Status.FILLED,
        [(f"{order.order_id}-01", Money("149.85"))],
    )
