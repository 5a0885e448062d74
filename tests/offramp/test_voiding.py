"""What operators do about a sale that can not go on: they void it, or have the exchange asked once more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from common.domain.exchange_orders.model import POLL_LIMIT
from common.domain.fees import Tier
from common.errors import Refusal
from common.gateways.exchange import ExchangeOrderUnknown, ExchangeUnavailable, OrderReport
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from functions.offramp.model import SaleRefused, SaleUnresolved, SellOrderNotFound, SellOrderNotOpen, Status
from sandbox.exchange.orders import Status as AtTheExchange
from tests.desk import Desk
from tests.seen import (
    OnItsWay,
    around,
    at_the_exchange,
    audited,
    before_next_write,
    coins,
    executions,
    intent,
    overdue,
    paid,
    raw,
    status,
    terms,
    waits_for_person,
)


def void(desk: Desk, order_id: str, *, operator: str = "olga", dry_run: bool = False) -> OperatorOutcome:
    return desk.voiding.void(order_id, "ticket 4711", operator, dry_run=dry_run)


def refused(desk: Desk, kind: type[Refusal], order_id: str) -> None:
    """Nothing is done, written or cancelled, neither dry nor in earnest."""
    before, cancels = desk.dynamo.items(), desk.world.fake.calls["cancel"]
    for dry_run in (True, False):
        with pytest.raises(kind):
            void(desk, order_id, dry_run=dry_run)
    assert (desk.dynamo.items(), desk.world.fake.calls["cancel"]) == (before, cancels)


def test_an_order_that_does_not_exist_is_not_voided(desk: Desk) -> None:
    refused(desk, SellOrderNotFound, "S" + "A" * 25)


def test_a_sale_of_which_nothing_is_executed_is_voided(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.machines.run()
    moved = void(desk, order.order_id)
    assert (moved.before, moved.after, moved.done) == (Status.BASE_TXN_PENDING, Status.BASE_TXN_FAILED, True)
    assert moved.says == "is BASE_TXN_FAILED, 0 BTC of it were sold"
    assert (coins(desk, ann), at_the_exchange(desk)[0].status) == ((10, 0), AtTheExchange.CANCELED)
    (entry,) = audited(desk)
    assert (entry.operator, entry.action, entry.subject, entry.detail) == (
        "olga",
        "offramp void",
        order.order_id,
        "ticket 4711",
    )
    desk.run()
    (execution,) = executions(desk, order.order_id)
    assert (execution.status, execution.visited[-1]) == ("SUCCEEDED", "NothingToDo")
    before = desk.dynamo.items()
    assert (void(desk, order.order_id).done, desk.dynamo.items()) == (False, before)


def test_a_dry_void_asks_the_exchange_and_cancels_nothing(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    before = desk.dynamo.items()
    dry = void(desk, order.order_id, dry_run=True)
    assert (dry.done, dry.before, dry.after) == (False, Status.BASE_TXN_PENDING, Status.BASE_TXN_FAILED)
    assert (desk.dynamo.items(), desk.world.fake.calls["cancel"]) == (before, 0)
    assert dry.says == "cancelled at the exchange; 1.555 BTC are the customer's again"
    assert void(desk, order.order_id).done


def test_a_sale_of_which_something_is_executed_is_not_voided(desk: Desk, ann: Owner) -> None:
    desk.world.nobody_buys()
    desk.world.bid("100", "0.1")
    order = desk.cash_out(ann, "1")
    refused(desk, SellOrderNotOpen, order.order_id)
    desk.run()
    refused(desk, SellOrderNotOpen, order.order_id)
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("9.99"))]


def test_nothing_is_voided_while_the_exchange_does_not_say_what_it_has_executed(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.fake.down = True
    refused(desk, ExchangeUnavailable, order.order_id)
    desk.world.fake.down = False
    desk.run()


def test_a_void_that_the_exchange_does_not_carry_out_leaves_no_entry(desk: Desk, ann: Owner) -> None:
    """And once it does, the entry is written with what the void has ended."""

    def silent(*_: Any) -> None:
        raise ExchangeUnavailable("no answer", what="timeout")

    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, cancel=silent)
    before = desk.dynamo.items()
    with pytest.raises(ExchangeUnavailable):
        void(desk, order.order_id)
    assert (desk.dynamo.items(), audited(desk)) == (before, [])
    desk.world.exchange = desk.world.fake
    assert void(desk, order.order_id).done
    assert [entry.action for entry in audited(desk)] == ["offramp void"]
    desk.run()


def test_a_void_beside_the_act_of_another_operator_has_its_name(desk: Desk, ann: Owner) -> None:
    """The other act is audited while the exchange cancels, or just before the void is written."""
    order = desk.cash_out(ann, "1.555")

    def cancel(real: Callable[..., None], *asked: Any) -> None:
        real(*asked)
        if not audited(desk):
            desk.set_tier("ann", Tier.GOLD)

    desk.world.exchange = around(desk.world.fake, cancel=cancel)
    before_next_write(desk, lambda: desk.set_tier("ann", Tier.SILVER), containing="offramp void")
    assert void(desk, order.order_id).done
    assert [entry.action for entry in audited(desk)] == ["offramp void", *["proposals confirm", "users tier"] * 2]
    assert (status(desk, order.order_id), coins(desk, ann)) == (Status.BASE_TXN_FAILED, (10, 0))
    desk.run()


@pytest.mark.parametrize("executed", ["1", "0.4"])
def test_a_sale_that_is_filled_while_it_is_voided_is_sold(desk: Desk, ann: Owner, executed: str) -> None:
    desk.world.nobody_buys()

    def cancel(real: Callable[..., None], *asked: Any) -> None:
        desk.world.bid("100", executed)
        real(*asked)

    desk.world.exchange = around(desk.world.fake, cancel=cancel)
    order = desk.cash_out(ann, "1")
    moved = void(desk, order.order_id)
    assert moved.after is Status.BASE_TXN_COMPLETED
    assert moved.says == f"is BASE_TXN_COMPLETED, {executed} BTC of it were sold"
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED
    assert len(paid(desk, order.order_id)) == 1


def test_an_intent_that_is_not_resolved_is_not_voided(desk: Desk, ann: Owner) -> None:
    OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1")
    refused(desk, SellOrderNotOpen, intent(desk))
    desk.run()


def test_an_order_that_turned_up_is_voided_by_the_person_who_has_dealt_with_it(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    order_id = intent(desk)
    way.arrives()
    desk.run()
    assert waits_for_person(desk, order_id)
    before = desk.dynamo.items()
    dry = void(desk, order_id, dry_run=True)
    assert (dry.says, desk.dynamo.items()) == ("nothing of it is looked for any more", before)
    assert void(desk, order_id).done
    assert (overdue(desk), "open_work" in raw(desk, order_id, "SELL_ORDER")) == ([], False)
    assert [entry.action for entry in audited(desk)] == ["offramp void"]
    desk.mark("BTC", "100")
    assert not desk.offramp.sell(ann, "k", terms()).replayed  # and then she may sell them again
    desk.run()


def test_of_two_who_void_at_once_one_cancels_and_the_coins_come_back_once(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    before_next_write(desk, lambda: void(desk, order.order_id, operator="oleg"), containing="order_state")
    told = void(desk, order.order_id)
    assert (told.after, told.done) == (Status.BASE_TXN_FAILED, False)
    assert [entry.operator for entry in audited(desk)] == ["oleg"]
    assert coins(desk, ann) == (10, 0)


def never(*_: Any) -> OrderReport:
    raise ExchangeOrderUnknown("no such order")


def test_an_order_that_the_exchange_has_lost_is_voided_but_not_early(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, order=never, find=never)
    refused(desk, ExchangeUnavailable, order.order_id)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    before = desk.dynamo.items()
    dry = void(desk, order.order_id, dry_run=True)
    assert "does not know the order any more" in dry.says
    assert desk.dynamo.items() == before
    assert void(desk, order.order_id).after is Status.BASE_TXN_FAILED
    assert (coins(desk, ann), raw(desk, order.order_id, "VENUE#1")["status"]) == ((10, 0), "LOST")
    assert [(entry.action, entry.operator) for entry in audited(desk)] == [("offramp void", "olga")]
    desk.run()
    assert (raw(desk, order.order_id, "VENUE#1")["status"], overdue(desk)) == ("ABSENT", [])


def test_a_lost_order_that_turns_up_waits_for_a_person(desk: Desk, ann: Owner) -> None:
    """Its hold was given back when a person voided it: whatever it executes is the desk's to see to."""
    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, order=never, find=never)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds())
    void(desk, order.order_id)
    desk.world.exchange = desk.world.fake
    desk.run()
    assert (coins(desk, ann), status(desk, order.order_id)) == ((10, 0), Status.BASE_TXN_FAILED)
    assert at_the_exchange(desk)[0].status is AtTheExchange.CANCELED
    assert "after all" in (waits_for_person(desk, order.order_id) or "")
    assert void(desk, order.order_id).done
    assert raw(desk, order.order_id, "VENUE#1")["status"] == "DEALT_WITH"
    assert not void(desk, order.order_id).done


def test_an_order_that_turned_up_and_is_redriven_waits_for_a_person_again(desk: Desk, ann: Owner) -> None:
    way = OnItsWay(desk)
    with pytest.raises(SaleUnresolved):
        desk.offramp.sell(ann, "k", terms())
    desk.run(until=lambda: coins(desk, ann) == (10, 0))
    way.arrives()
    desk.run()
    desk.interventions.redrive(intent(desk), "is it really there?", "olga", dry_run=False)
    desk.run()
    assert waits_for_person(desk, intent(desk))
    assert len(executions(desk, intent(desk))) == 2
    with pytest.raises(SaleRefused):
        desk.offramp.sell(ann, "k", terms())


def test_a_void_that_evidence_ends_is_audited_with_it(desk: Desk, ann: Owner) -> None:
    """The exchange has the order, and does not cancel it for an hour; two operators have said that it is over."""

    def silent(*_: Any) -> None:
        raise ExchangeUnavailable("no answer", what="timeout")

    order = desk.cash_out(ann, "1.555")
    desk.world.exchange = around(desk.world.fake, cancel=silent)
    desk.clock.forward(seconds=POLL_LIMIT.total_seconds() + 60)
    nothing = {"executed": "0", "gross": "0.00", "fee": "0.00"}
    proposed = desk.proposals.propose(
        "work decide-order", order.order_id, nothing, "a letter", "so", "otto", dry_run=False
    )
    desk.proposals.confirm(proposed.id, "so", "oleg", dry_run=False)
    desk.clock.forward(minutes=10)
    moved = void(desk, order.order_id)
    assert (moved.after, moved.done) == (Status.BASE_TXN_FAILED, True)
    assert raw(desk, order.order_id, "VENUE#1")["status"] == "LOST"
    assert next((entry.action, entry.operator) for entry in audited(desk)) == ("offramp void", "olga")
    assert coins(desk, ann) == (10, 0)
