"""A payout beyond the limit is sent when two operators have approved it, and not before."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from common import keys
from common.domain import clients
from common.domain.clients import Client, ClientKind, ClientStatus
from common.domain.payouts import store
from common.domain.payouts.model import (
    CASH_OUT,
    Approval,
    Attempt,
    AttemptStatus,
    Payout,
    PayoutUnsettled,
    Stage,
    is_approvable,
)
from common.domain.payouts.store import AnyPayableItem, PayableItem
from common.money import Money
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.sealed import Sealed, shortened
from common.table.transaction import Write
from functions.offramp.model import Status
from functions.operations.model import NotDriven, NotProposable
from sandbox.bank.bank import Operation
from tests.desk import PAYOUT_MAX, Desk
from tests.seen import (
    attempts,
    before_next_write,
    begin,
    contradicting,
    decided,
    dollars,
    executions,
    moves,
    overdue,
    paid,
    save_client,
    status,
    waits_for_person,
)

APPROVE = "work approve-payout"
RICH = Owner("rich", "sub-rich")
HIS = Sealed("sealed:1:his")


@pytest.fixture
def order_id(desk: Desk) -> str:
    """A cash-out of $10,089.90, which waits to be approved."""
    desk.rules = replace(desk.rules, withdrawal_limit=Money(1_000_000))
    rich = desk.customer("rich", "100000")
    desk.clients(rich)
    desk.buy(rich, "101")
    order = desk.cash_out(rich, "101")
    desk.run()
    return order.order_id


def approve(desk: Desk, order_id: str, account_id: str = "acc-rich") -> None:
    payout = store.payout(desk.table, order_id)
    desk.table.write(*store.approve(payout, desk.account("rich", account_id), desk.clock(), "olga and ivan"))


def test_what_the_bank_contradicts_is_approved_no_more(desk: Desk, order_id: str) -> None:
    """Two have approved it when nobody knew that the bank may have paid it already."""
    approve(desk, order_id)
    desk.world.simulated.set_outcome("fail", times=1)
    desk.interventions.redrive(order_id, "approved", "olga", dry_run=False)
    desk.run(until=lambda: decided(desk, order_id) == ["REJECTED"])
    desk.events.receive(contradicting(desk.world.simulated.event_of(f"{order_id}-01")))
    assert store.payout(desk.table, order_id).approval is None
    desk.by_two("work decide-payout", order_id, {"paid": "0"}, "letter 9")
    desk.by_hand("retry", order_id)
    desk.run()
    assert paid(desk, order_id) == []
    assert is_approvable(store.payout(desk.table, order_id))


def move_account(desk: Desk, account_id: str = "acc-new") -> None:
    """An operator changes where the customer is paid."""
    rich = Client(
        "rich-bank", ClientKind.BANKING, RICH, ClientStatus.ACTIVE, desk.clock(), desk.account("rich", account_id)
    )
    save_client(desk, rich, "he has moved", "olga")


def propose(desk: Desk, order_id: str) -> OperatorOutcome:
    return desk.proposals.propose(APPROVE, order_id, {}, None, "he was called", "olga", dry_run=False)


def confirm(desk: Desk, proposal_id: str) -> OperatorOutcome:
    return desk.proposals.confirm(proposal_id, "so it is", "ivan", dry_run=False)


def test_a_payout_beyond_the_limit_waits_for_two_before_its_first_attempt(
    desk: Desk, counted: Counter[str], order_id: str
) -> None:
    payout = store.payout(desk.table, order_id)
    assert payout.amount > PAYOUT_MAX
    assert (payout.status, attempts(desk, order_id), desk.world.simulated.calls[Operation.CREDIT]) == (
        Status.BASE_TXN_COMPLETED,
        [],
        0,
    )
    why = f"an operator: its payout of ${payout.amount} is over $10000.00: two approve it, `work approve-payout`"
    assert (waits_for_person(desk, order_id), overdue(desk)) == (why, [order_id])
    assert (is_approvable(payout), counted["PayoutsToApprove"]) == (True, 1)
    (execution,) = executions(desk, order_id)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "WaitsForOperator", why)
    with pytest.raises(NotDriven):
        desk.interventions.redrive(order_id, "no machine approves it", "olga", dry_run=False)
    desk.clock.forward(days=1)
    desk.sweep()
    desk.world.machines.run()
    assert begin(desk, order_id) is Stage.STOPPED
    assert attempts(desk, order_id) == []


def test_an_approved_payout_is_paid_and_its_life_tells_who_has_approved_it(desk: Desk, order_id: str) -> None:
    amount = store.payout(desk.table, order_id).amount
    approve(desk, order_id)
    approval = store.payout(desk.table, order_id).approval
    assert approval is not None
    assert (approval.amount, approval.by) == (amount, "olga and ivan")
    assert desk.account_id("rich", approval.account) == "acc-rich"
    told = desk.operations.story(order_id).events[-1]
    assert (told.reason, told.actor) == (
        f"approved: ${amount} may be paid to {shortened(approval.account)}",
        "olga and ivan",
    )
    desk.run()
    assert (status(desk, order_id), paid(desk, order_id)) == (Status.FILLED, [(f"{order_id}-01", amount)])
    assert moves(desk, order_id)[-1] == ("TARGET_TXN_PENDING", "FILLED")


def test_an_approval_is_good_for_every_attempt(desk: Desk, order_id: str) -> None:
    desk.world.simulated.set_outcome("refuse", times=2)
    approve(desk, order_id)
    desk.run()
    assert decided(desk, order_id) == ["REJECTED", "REJECTED", "COMPLETED"]


def test_of_two_approvals_at_once_one_is_written(desk: Desk, order_id: str) -> None:
    before_next_write(desk, lambda: approve(desk, order_id))
    with pytest.raises(PayoutUnsettled):
        approve(desk, order_id)
    desk.run()
    with pytest.raises(PayoutUnsettled):
        approve(desk, order_id)


def test_an_approval_is_of_the_amount_that_was_read(desk: Desk, order_id: str) -> None:
    payout = store.payout(desk.table, order_id)
    less = replace(payout, amount=Money("10089.89"))
    with pytest.raises(PayoutUnsettled):
        desk.table.write(*store.approve(less, desk.account("rich", "acc-rich"), desk.clock(), "olga and ivan"))


def test_an_approval_of_another_amount_or_account_counts_for_nothing(desk: Desk, order_id: str) -> None:
    """Somebody has changed the table by hand, or the customer's account."""
    approve(desk, order_id)
    payout = store.payout(desk.table, order_id)
    his, new = desk.account("rich", "acc-rich"), desk.account("rich", "acc-new")
    assert payout.may_be_sent(his, PAYOUT_MAX)
    assert not payout.may_be_sent(new, PAYOUT_MAX)
    assert not replace(payout, amount=payout.amount + Money("0.01")).may_be_sent(his, PAYOUT_MAX)
    desk.run()


@pytest.mark.parametrize("rejected", [0, 1], ids=["before the first attempt", "before the second"])
def test_an_account_that_was_changed_after_the_approval_waits_for_another(
    desk: Desk, order_id: str, rejected: int
) -> None:
    amount = store.payout(desk.table, order_id).amount
    approve(desk, order_id)
    if rejected:
        desk.world.simulated.set_outcome("refuse", times=1)
        desk.run(until=lambda: "REJECTED" in decided(desk, order_id))
    move_account(desk)
    desk.run()
    assert (decided(desk, order_id), paid(desk, order_id)) == (["REJECTED"] * rejected, [])
    why = f"an operator: its payout of ${amount} is over $10000.00 and not as it was approved: two approve it"
    assert (waits_for_person(desk, order_id) or "").startswith(why)
    confirm(desk, propose(desk, order_id).id)
    desk.run()
    assert (status(desk, order_id), desk.world.simulated.credited("acc-new")) == (Status.FILLED, amount)


def test_an_approval_is_of_the_account_that_both_operators_were_shown(desk: Desk, order_id: str) -> None:
    """What was proposed for one is not confirmed for another."""
    amount = store.payout(desk.table, order_id).amount
    first = propose(desk, order_id)
    assert first.says.endswith(f"may be paid: ${amount} to the account acc-rich of the client rich-bank of rich")
    move_account(desk)
    with pytest.raises(NotProposable, match="it was about another account than the one that would be paid now") as no:
        confirm(desk, first.id)
    facts = no.value.facts
    assert (facts["proposed_account_id"], facts["account_id"]) == ("acc-rich", "acc-new")
    again = propose(desk, order_id)
    assert (again.id != first.id, confirm(desk, again.id).done) == (True, True)
    desk.run()
    assert desk.world.simulated.credited("acc-new") == amount


def test_an_account_that_changes_while_the_approval_is_written_is_not_paid(desk: Desk, order_id: str) -> None:
    """It is no operator who changes it: of two operators' acts at once one is refused."""
    first = propose(desk, order_id).id
    before = clients.existing(desk.table, ClientKind.BANKING, "rich-bank")
    assert before is not None
    after = replace(before, account=desk.account("rich", "acc-new"))
    before_next_write(desk, lambda: desk.table.write(*clients.save(after, before)))
    confirm(desk, first)
    desk.run()
    assert (attempts(desk, order_id), bool(waits_for_person(desk, order_id))) == ([], True)


def test_an_approval_of_no_account_counts_for_nothing(desk: Desk, order_id: str) -> None:
    """So they were written of old."""
    approve(desk, order_id)
    order = PayableItem.approved_account.remove()
    desk.table.write(Write.update(AnyPayableItem(*keys.SELL_ORDER(order_id=order_id)), order))
    assert store.payout(desk.table, order_id).approval is None
    desk.run()
    assert (attempts(desk, order_id), is_approvable(store.payout(desk.table, order_id))) == ([], True)


def test_what_nobody_has_asked_to_approve_can_not_be_approved(desk: Desk, ann: Owner) -> None:
    order = desk.cash_out(ann, "1")
    with pytest.raises(PayoutUnsettled):
        approve(desk, order.order_id)
    desk.run()
    assert status(desk, order.order_id) == Status.FILLED


def test_an_attempt_beyond_the_limit_is_not_written_whatever_was_read(desk: Desk, order_id: str) -> None:
    """The write carries the rule: a machine of before the limit begins none."""
    before = desk.dynamo.items()
    unlimited = replace(desk.payouts, payout_max=Money(1_000_000))
    payout = store.payout(desk.table, order_id)
    at = desk.clock()
    attempt = Attempt(order_id, 1, payout.amount, "rich", desk.account("rich", "acc-rich"), AttemptStatus.PENDING, at)
    with pytest.raises(store.AttemptMoved):
        desk.table.write(*store.begin(payout, attempt, PAYOUT_MAX))
    assert desk.dynamo.items() == before
    approve(desk, order_id, "acc-old")
    with pytest.raises(store.AttemptMoved):
        desk.table.write(*store.begin(payout, attempt, PAYOUT_MAX))
    desk.table.write(*store.begin(payout, attempt, unlimited.payout_max))
    desk.run()


def test_a_payout_that_is_begun_waits_for_no_approval_any_more(desk: Desk, order_id: str) -> None:
    """The limit was raised, and an operator has asked for the attempt: nobody is to approve what is at the bank."""
    desk.payout_max = Money(1_000_000)
    desk.world.simulated.set_outcome("pending")
    desk.by_hand("retry", order_id)
    desk.world.machines.run()
    payout = store.payout(desk.table, order_id)
    assert (decided(desk, order_id), payout.awaits_approval, payout.approval) == (["PENDING"], False, None)
    with pytest.raises(PayoutUnsettled):
        approve(desk, order_id)
    desk.world.simulated.decide(f"{order_id}-01", "complete")
    desk.run()


def test_dollars_that_are_not_approved_may_go_to_the_customers_balance(desk: Desk, order_id: str) -> None:
    amount = store.payout(desk.table, order_id).amount
    free, held = dollars(desk, RICH)
    assert held == amount
    desk.by_hand("give_back", order_id, "nobody knows this account", "olga", dry_run=False)
    assert dollars(desk, RICH) == (free + amount, Money(0))
    assert not is_approvable(store.payout(desk.table, order_id))
    with pytest.raises(PayoutUnsettled):
        approve(desk, order_id)


def test_what_one_may_send_ends_at_the_limit_to_the_cent(desk: Desk) -> None:
    payout = Payout("C1", CASH_OUT, RICH, PAYOUT_MAX, "rich-bank", None, CASH_OUT.ready, 0, 5, False, desk.clock())
    cent, twice = Money("0.01"), PAYOUT_MAX + PAYOUT_MAX
    for amount, may in ((PAYOUT_MAX, True), (PAYOUT_MAX + cent, False), (twice, False)):
        assert replace(payout, amount=amount).may_be_sent(HIS, PAYOUT_MAX) is may
    two = Approval(twice, HIS, "olga and ivan", desk.clock())
    approved = replace(payout, amount=twice, approval=two)
    assert approved.may_be_sent(HIS, PAYOUT_MAX)
    assert not approved.may_be_sent(Sealed("sealed:1:another"), PAYOUT_MAX)
    assert not replace(approved, amount=twice + cent).may_be_sent(HIS, PAYOUT_MAX)
