"""An exchange that never answers again holds nothing for ever: two operators say what became of a sale."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from common.errors import Refusal
from common.gateways.exchange import ExchangeUnavailable
from common.money import ZERO, Money
from common.owner import Owner
from functions.offramp.model import SaleUnresolved, Status
from tests.desk import Desk
from tests.seen import around, coins, desks_own, dollars, intent, overdue, paid, raw, status, waits_for_person


def dies(desk: Desk) -> None:
    """The exchange, from now on."""

    def silent(*_: Any) -> Any:
        raise ExchangeUnavailable("the exchange can not be reached", what="connection")

    desk.world.exchange = around(desk.world.fake, order=silent, find=silent, cancel=silent, place=silent, rules=silent)


def decide(desk: Desk, order_id: str, executed: str, gross: str, fee: str = "0") -> None:
    told = {"executed": executed, "gross": gross, "fee": fee}
    proposed = desk.proposals.propose(
        "work decide-order", order_id, told, f"statement of {desk.clock()}", "gone", "otto", dry_run=False
    )
    desk.proposals.confirm(proposed.id, "as it says", "olga", dry_run=False)


def at_the_exchange(desk: Desk, order_id: str) -> str:
    return str(raw(desk, order_id, "VENUE#1")["status"])


def unanswered(desk: Desk, ann: Owner) -> str:
    """The id of a sale that the exchange has, and did not answer for, and never will."""
    desk.world.fake.drop_answer_next("place")
    desk.world.fake.fail_before_next("find")
    with pytest.raises(SaleUnresolved):
        desk.cash_out(ann, "1", key="k")
    dies(desk)
    desk.run(days=0.1)
    return intent(desk)


def test_a_sale_that_was_filled_before_its_exchange_died_is_paid(desk: Desk, ann: Owner) -> None:
    order_id = desk.cash_out(ann, "1").order_id
    dies(desk)
    desk.run(days=0.1)
    assert (status(desk, order_id), overdue(desk)) == (Status.BASE_TXN_PENDING, [order_id])
    decide(desk, order_id, "1", "100.00", "0.10")
    desk.run(days=0.1)
    assert (status(desk, order_id), at_the_exchange(desk, order_id)) == (Status.FILLED, "FINAL")
    assert paid(desk, order_id) == [(f"{order_id}-01", Money("99.90"))]
    actors = [event.actor for event in desk.operations.story(order_id).events if event.reason.startswith("BY_EVIDENCE")]
    assert actors == ["otto and olga"]


def test_a_sale_that_was_never_answered_is_paid_by_evidence(desk: Desk, ann: Owner) -> None:
    order_id = unanswered(desk, ann)
    assert (status(desk, order_id), coins(desk, ann)) == (Status.NEW, (9, 1))
    decide(desk, order_id, "1", "100.00", "0.10")
    desk.run(days=0.1)
    assert (status(desk, order_id), len(paid(desk, order_id))) == (Status.FILLED, 1)
    reasons = [event.reason for event in desk.operations.story(order_id).events]
    assert any(reason.startswith("fake has it as an order (1 BTC executed, as otto and olga say") for reason in reasons)


def test_a_sale_of_which_nothing_was_executed_gives_the_coins_back(desk: Desk, ann: Owner) -> None:
    """And is looked for once more, until newer evidence ends that too."""
    order_id = desk.cash_out(ann, "1.555").order_id
    dies(desk)
    desk.run(days=0.1)
    decide(desk, order_id, "0", "0")
    desk.run(days=0.1)
    assert (status(desk, order_id), coins(desk, ann)) == (Status.BASE_TXN_FAILED, (10, 0))
    assert desk.offramp.order(ann, order_id).reason == "nothing of it was executed"  # nothing of who says so
    assert (at_the_exchange(desk, order_id), overdue(desk)) == ("LOST", [order_id])
    decide(desk, order_id, "0", "0")
    desk.run(days=0.1)
    assert (at_the_exchange(desk, order_id), overdue(desk)) == ("ABSENT", [])


def test_an_exchange_that_comes_back_and_contradicts_is_a_persons(desk: Desk, ann: Owner) -> None:
    """The coins are the customer's again; what was sold is the desk's to see to."""
    order_id = desk.cash_out(ann, "1").order_id
    dies(desk)
    desk.run(days=0.1)
    decide(desk, order_id, "0", "0")
    desk.run(days=0.1)
    assert coins(desk, ann) == (10, 0)
    desk.world.exchange = desk.world.fake
    desk.run(days=0.2)
    assert (at_the_exchange(desk, order_id), paid(desk, order_id)) == ("TURNED_UP", [])
    assert "after all" in (waits_for_person(desk, order_id) or "")


def test_what_the_exchange_says_when_it_is_back_wins_over_evidence(desk: Desk, ann: Owner) -> None:
    order_id = desk.cash_out(ann, "1").order_id
    dies(desk)
    desk.run(days=0.1)
    told = {"executed": "0.5", "gross": "50", "fee": "0"}
    proposed = desk.proposals.propose("work decide-order", order_id, told, "a letter", "gone", "otto", dry_run=False)
    desk.world.exchange = desk.world.fake
    desk.proposals.confirm(proposed.id, "as it says", "olga", dry_run=False)
    desk.run()
    assert paid(desk, order_id) == [(f"{order_id}-01", Money("99.90"))]


@pytest.mark.parametrize(
    ("executed", "gross", "fee"), [("1.1", "110", "0"), ("1", "1", "0"), ("1", "100", "50"), ("0", "1", "0")]
)
def test_evidence_is_bounded_by_what_the_order_asks_for(
    desk: Desk, ann: Owner, executed: str, gross: str, fee: str
) -> None:
    order_id = desk.cash_out(ann, "1").order_id
    dies(desk)
    desk.run(days=0.1)
    with pytest.raises(Refusal, match="no order of 1 BTC can have come to that: "):
        decide(desk, order_id, executed, gross, fee)
    desk.world.exchange = desk.world.fake
    desk.run()
    assert (len(paid(desk, order_id)), desks_own(desk), dollars(desk, ann)[1]) == (1, Decimal(0), ZERO)
