"""An attempt that is sent again: what the bank refuses then it may be booking already."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from common.domain.payouts.model import ABANDONED_SECONDS, NEVER_BOOKED_SECONDS, PayoutUnclear, Stage
from common.gateways.bank import Adjustment, BankRefused, BankUnavailable
from common.money import Money
from common.owner import Owner
from functions.offramp.model import Status
from sandbox.bank.bank import Operation
from tests.desk import Desk
from tests.seen import around, attempts, before_next_write, begin, decided, paid, status


class SlowBank:
    """It takes the first credit, answers nothing, and books it `seconds` later; what it is sent meanwhile it refuses.
    Without `seconds` it never books it, and refuses it so many times."""

    def __init__(self, desk: Desk, seconds: float | None, refusals: int = 1) -> None:
        self._desk, self._seconds, self._refusals = desk, seconds, refusals
        self._taken: tuple[Any, ...] | None = None
        self.sent_at: list[datetime] = []
        desk.world.bank = around(desk.world.simulated, credit=self._credit, find=self._find)

    def _credit(self, credit: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        self._book(credit)
        self.sent_at.append(self._desk.clock.at)
        if len(self.sent_at) == 1:
            self._taken = asked
            raise BankUnavailable("no answer", what="timeout")
        if self._taken is not None and (self._seconds is not None or self._refusals > 0):
            self._refusals -= 1
            raise BankRefused("the bank refuses the credit: in process", bank_said="in process")
        return credit(*asked)

    def _find(self, find: Callable[..., Adjustment], reference_id: str) -> Adjustment:
        self._book(self._desk.world.simulated.credit)
        return find(reference_id)

    def _book(self, credit: Callable[..., Adjustment]) -> None:
        if self._taken is None or self._seconds is None:
            return
        if self._desk.clock.at >= self.sent_at[0] + timedelta(seconds=self._seconds):
            asked, self._taken = self._taken, None
            credit(*asked)


@pytest.mark.parametrize("seconds", [20, 45, 300, NEVER_BOOKED_SECONDS - 1])
def test_what_is_booked_late_is_paid_once_though_its_repeat_was_refused(desk: Desk, ann: Owner, seconds: float) -> None:
    SlowBank(desk, seconds)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("99.90"))]


def test_a_refused_repeat_is_sent_again_when_nothing_can_be_booked_any_more(desk: Desk, ann: Owner) -> None:
    bank = SlowBank(desk, None)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    _, refused_at, taken_at = bank.sent_at
    assert taken_at >= refused_at + timedelta(seconds=NEVER_BOOKED_SECONDS)


def test_what_is_refused_alone_after_two_late_looks_is_rejected(desk: Desk, ann: Owner) -> None:
    """And the next attempt is paid."""
    bank = SlowBank(desk, None, refusals=2)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: "REJECTED" in decided(desk, order.order_id))
    _, refused_at, again_at = bank.sent_at
    assert again_at >= refused_at + timedelta(seconds=NEVER_BOOKED_SECONDS)
    told = [e.reason for e in desk.operations.story(order.order_id).events]
    refusal = "the bank refuses the credit: in process"
    assert told[-2:] == [
        f"attempt 1 may be booked; sent again, it was refused: {refusal}",
        f"attempt 1 rejected: {refusal}",
    ]
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "COMPLETED"]
    assert paid(desk, order.order_id) == [(f"{order.order_id}-02", Money("99.90"))]


def test_one_late_look_is_not_enough_and_the_second_comes_seconds_after_it(desk: Desk, ann: Owner) -> None:
    order_id = refused(desk, ann)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS - 5)
    unclear(desk, order_id)
    assert attempts(desk, order_id)[0].missed_at is None
    desk.clock.forward(seconds=5)
    unclear(desk, order_id)
    missed_at = attempts(desk, order_id)[0].missed_at
    assert missed_at is not None
    desk.clock.forward(seconds=9)
    unclear(desk, order_id)
    assert desk.world.simulated.calls[Operation.CREDIT] == 0
    desk.clock.forward(seconds=1)
    assert desk.payouts.check(order_id).stage == Stage.AWAIT
    (attempt,) = attempts(desk, order_id)
    assert (attempt.missed_at, attempt.repeats, desk.world.simulated.calls[Operation.CREDIT]) == (None, 2, 1)
    desk.run()


def refused(desk: Desk, ann: Owner) -> str:
    """The id of a cash-out whose attempt was sent, without an answer, and whose repeat was refused."""
    SlowBank(desk, None)
    order = desk.cash_out(ann, "1")
    desk.run(until=lambda: any(a.repeat_refused_at for a in attempts(desk, order.order_id)))
    desk.world.machines.restart()
    return order.order_id


def unclear(desk: Desk, order_id: str) -> None:
    with pytest.raises(PayoutUnclear):
        desk.payouts.check(order_id)


def test_a_repeat_without_an_answer_begins_the_wait_anew(desk: Desk, ann: Owner) -> None:
    order_id = refused(desk, ann)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
    unclear(desk, order_id)
    desk.clock.forward(seconds=10)
    desk.world.simulated.fail_next("500", Operation.CREDIT)
    with pytest.raises(BankUnavailable):
        desk.payouts.check(order_id)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS - 5)
    unclear(desk, order_id)
    assert (attempts(desk, order_id)[0].missed_at, attempts(desk, order_id)[0].repeats) == (None, 2)
    desk.run()
    assert decided(desk, order_id) == ["COMPLETED"]


def test_a_first_refusal_decides_nothing_when_somebody_has_sent_it_again(desk: Desk, ann: Owner) -> None:
    """The first sender stands still between what it has written and what it sends; another machine sends meanwhile, and
    is booked: what the bank then refuses is the repeat."""

    def credit(real: Callable[..., Adjustment], *asked: Any) -> Adjustment:
        desk.world.bank = desk.world.simulated
        desk.clock.forward(minutes=20)
        assert desk.payouts.check(order.order_id).stage == Stage.AWAIT
        raise BankRefused("the bank refuses the credit: in process", bank_said="in process")

    desk.world.bank = around(desk.world.simulated, credit=credit)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert (status(desk, order.order_id), decided(desk, order.order_id)) == (Status.FILLED, ["COMPLETED"])
    assert paid(desk, order.order_id) == [(f"{order.order_id}-01", Money("99.90"))]


def test_what_was_perhaps_never_sent_is_not_rejected_at_once_either(desk: Desk, ann: Owner) -> None:
    """Whoever sends it next does not know that it is the first to."""
    desk.world.simulated.fail_before_next(Operation.CREDIT)
    desk.world.simulated.set_outcome("refuse", times=1)
    order = desk.cash_out(ann, "1")
    desk.run()
    assert decided(desk, order.order_id) == ["REJECTED", "COMPLETED"]
    rejected = attempts(desk, order.order_id)[0]
    assert rejected.decided_at is not None
    assert rejected.decided_at >= rejected.created_at + timedelta(seconds=NEVER_BOOKED_SECONDS)


def test_of_two_machines_that_send_again_at_once_one_does(desk: Desk, ann: Owner) -> None:
    order_id = refused(desk, ann)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
    unclear(desk, order_id)
    desk.clock.forward(seconds=10)
    others: list[str] = []
    before_next_write(desk, lambda: others.append(desk.payouts.check(order_id).stage))
    assert desk.payouts.check(order_id).stage == Stage.CHECK
    assert (others, desk.world.simulated.calls[Operation.CREDIT]) == ([Stage.AWAIT], 1)
    desk.run()


def test_a_look_of_before_a_repeat_is_not_written_down(desk: Desk, ann: Owner) -> None:
    order_id = refused(desk, ann)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)

    def others() -> None:
        unclear(desk, order_id)
        desk.clock.forward(seconds=10)
        desk.world.simulated.fail_next("500", Operation.CREDIT)
        with pytest.raises(BankUnavailable):
            desk.payouts.check(order_id)

    before_next_write(desk, others)
    unclear(desk, order_id)
    assert attempts(desk, order_id)[0].missed_at is None
    desk.run()


def test_what_is_abandoned_is_not_sent_again(desk: Desk, ann: Owner) -> None:
    """Not even by a machine that has read it before."""
    order_id = refused(desk, ann)
    desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
    unclear(desk, order_id)
    desk.clock.forward(seconds=10)
    before_next_write(desk, lambda: desk.by_hand("abandon", order_id, "the bank never had it", "olga", dry_run=False))
    assert desk.payouts.check(order_id).stage == Stage.CHECK
    assert desk.world.simulated.calls[Operation.CREDIT] == 0
    desk.clock.forward(seconds=ABANDONED_SECONDS)
    assert desk.payouts.check(order_id).stage == Stage.BACK_OFF
    assert begin(desk, order_id) is Stage.AWAIT
    desk.run()
    assert decided(desk, order_id) == ["REJECTED", "COMPLETED"]


def test_what_is_abandoned_and_booked_late_is_paid_once(desk: Desk, ann: Owner) -> None:
    """That a person has abandoned it says nothing of what the bank may still book."""
    order_id = refused(desk, ann)
    (attempt,) = attempts(desk, order_id)
    desk.by_hand("abandon", order_id, "the bank never had it", "olga", dry_run=False)
    desk.clock.forward(seconds=ABANDONED_SECONDS)
    unclear(desk, order_id)
    desk.world.simulated.credit(attempt.reference_id, "acc-ann", attempt.amount, "booked late")
    desk.run()
    assert decided(desk, order_id) == ["COMPLETED"]
