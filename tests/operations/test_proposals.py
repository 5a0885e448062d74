"""What takes two operators: proposed by one, confirmed by another, and written only where nothing has moved since."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from common import keys, sign_outs
from common.clock import text
from common.domain import work
from common.domain.exchange_orders import store as exchange_orders
from common.domain.exchange_orders.model import Evidence
from common.domain.exchange_orders.model import Status as AtExchange
from common.domain.fees import Tier
from common.domain.limits import DailyLimitExceeded
from common.domain.payouts.model import NEVER_BOOKED_SECONDS, AttemptStatus, EventOutcome
from common.domain.proposals import store
from common.domain.proposals.model import (
    LASTS,
    BeneficiaryDecides,
    OwnProposal,
    ProposalDecided,
    ProposalEnded,
    ProposalNotFound,
)
from common.domain.work import Unfinished
from common.errors import Unavailable
from common.gateways.bank import Adjustment, State
from common.gateways.exchange import ExchangeUnavailable
from common.money import Money, Quantity
from common.operator_outcome import OperatorOutcome
from common.owner import Owner
from common.table.transaction import Write
from functions.operations.model import EvidenceNotBelieved, NothingKnown, NotProposable
from tests.desk import Desk
from tests.seen import (
    an_event,
    around,
    attempts,
    audited,
    awaiting,
    before_next_write,
    desks_own,
    dollars,
    executions,
    intent,
    status,
    waits_for_person,
)

LINE = "statement 47, line 11"
PAYOUT = "work decide-payout"


def propose(
    desk: Desk, thing_id: str, by: str = "otto", *, paid: str = "99.00", dry_run: bool = False
) -> OperatorOutcome:
    """That the bank has paid so much."""
    return desk.proposals.propose(PAYOUT, thing_id, {"paid": paid}, LINE, "its own fee", by, dry_run=dry_run)


def confirm(desk: Desk, proposal_id: str, by: str = "olga", *, dry_run: bool = False) -> OperatorOutcome:
    return desk.proposals.confirm(proposal_id, "looked it up", by, dry_run=dry_run)


def dismiss(desk: Desk, proposal_id: str, by: str = "olga", *, dry_run: bool = False) -> OperatorOutcome:
    return desk.proposals.dismiss(proposal_id, "another payout's", by, dry_run=dry_run)


def decided(desk: Desk, thing_id: str, paid: str = "99.00") -> OperatorOutcome:
    return confirm(desk, propose(desk, thing_id, paid=paid).id)


def withdrawing(desk: Desk, owner: Owner) -> str:
    """The id of a withdrawal of $40.00 that the bank has pending for ever."""
    desk.world.simulated.set_outcome("pending", times=1)
    asked: str = desk.accounts.withdraw(owner, next(desk.keys), Money(40), "ann-bank").made.transfer_id
    desk.world.machines.run()
    return asked


class TestEnding:
    def test_what_nobody_has_confirmed_in_seven_days_is_proposed_anew(self, desk: Desk, ann: Owner) -> None:
        """By another operator, too: he is the one who has looked it up. Where it stops something, he dismisses first
        what was said, and so does not decide alone."""
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id)
        desk.clock.forward(days=7)
        for dry_run in (True, False):
            with pytest.raises(
                ProposalEnded, match=r"it ended at 2026-11-28T.*: look it up again, and propose it anew"
            ):
                confirm(desk, proposed.id, dry_run=dry_run)
        assert not propose(desk, order_id, "olga").done
        desk.proposals.dismiss(proposed.id, "looked up anew", "olga", dry_run=False)
        assert propose(desk, order_id, "olga").done
        with pytest.raises(OwnProposal):
            confirm(desk, proposed.id, "olga")
        assert confirm(desk, proposed.id, "otto").done

    def test_until_then_it_is_confirmed_and_not_proposed_again(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id)
        desk.clock.at = desk.clock.at + LASTS - timedelta(seconds=1)
        assert not propose(desk, order_id, "olga").done
        assert confirm(desk, proposed.id).done

    def test_what_has_ended_is_dismissed_as_ever(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk, awaiting(desk, ann))
        desk.clock.forward(days=8)
        assert dismiss(desk, proposed.id).done

    @pytest.mark.parametrize("disable", [False, True], ids=["signed out", "disabled"])
    def test_what_he_proposed_who_was_signed_out_since_is_confirmed_by_nobody(
        self, desk: Desk, ann: Owner, disable: bool
    ) -> None:
        """Also when it happens between the second operator's look and his word."""
        proposed = propose(desk, awaiting(desk, ann))

        def out() -> None:
            desk.table.write(sign_outs.sign_out("otto", None, desk.clock(), disable=disable))

        before_next_write(desk, out, containing="decided_by")
        for dry_run in (False, True):
            with pytest.raises(ProposalEnded, match="otto was signed out since he proposed it"):
                confirm(desk, proposed.id, dry_run=dry_run)
        assert dismiss(desk, proposed.id).done

    def test_what_he_proposes_who_has_signed_in_anew_is_confirmed(self, desk: Desk, ann: Owner) -> None:
        desk.table.write(sign_outs.sign_out("otto", None, desk.clock(), disable=False))
        desk.clock.forward(seconds=1)
        assert confirm(desk, propose(desk, awaiting(desk, ann)).id).done

    def test_whoever_has_set_a_tier_or_moved_an_account_to_and_fro_is_not_overruled(self, desk: Desk) -> None:
        desk.customer("ann")
        tier, move = {"tier": Tier.GOLD}, {"sub": "sub-anew"}
        old = [
            desk.proposals.propose(command, "ann", terms, reference, "so", "otto", dry_run=False)
            for command, terms, reference in (("users tier", tier, None), ("users move", move, "ticket 1"))
        ]
        for kind in (Tier.SILVER, Tier.STANDARD):
            desk.set_tier("ann", kind)
        for sub in ("sub-other", "sub-ann"):
            desk.by_two("users move", "ann", {"sub": sub}, "ticket 2")
        for each, match in zip(old, ("tier was set since", "it was moved since"), strict=True):
            with pytest.raises(NotProposable, match=match):
                confirm(desk, each.id)


class TestProposing:
    def test_waits_for_another_operator_and_moves_nothing(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        told = propose(desk, order_id)
        assert (told.before, told.after, told.done) == (None, "PROPOSED", True)
        assert told.says == (
            "another operator than otto confirms it; then it is FILLED: the bank has paid $99.00 of attempt 1, "
            "and $0.90 are free on the customer's balance"
        )
        assert (status(desk, order_id), dollars(desk, ann)[1]) == ("TARGET_TXN_PENDING", Money("99.90"))
        (waiting,) = desk.operations.work(("proposals",), overdue_only=True, limit=9)
        assert (waiting.id, waiting.needs_person) == (told.id, True)
        known = store.existing(desk.table, told.id)
        assert waiting.waits_for == (
            f"another operator than otto: {PAYOUT} {order_id}: attempt 1, paid 99.00, reference {LINE}; "
            f"it ends at {text(known.ends_at)}"
        )

    def test_is_counted_by_the_sweeper_among_what_needs_a_person(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        assert desk.sweeper.sweep(lambda: True).needs_person == 0
        propose(desk, order_id)
        assert desk.sweeper.sweep(lambda: True).needs_person == 1

    def test_is_told_in_the_audit_and_in_both_lives(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id).id
        (entry,) = audited(desk)
        assert (entry.operator, entry.action, entry.subject) == ("otto", PAYOUT, order_id)
        told = f"proposed as {proposed}, attempt 1, paid 99.00, reference {LINE}: its own fee"
        assert entry.detail == told
        *_, event = desk.operations.story(order_id).events
        assert (event.before, event.after, event.reason, event.actor) == (*["TARGET_TXN_PENDING"] * 2, told, "otto")
        story = desk.operations.story(proposed)
        assert (story.kind, story.status, story.needs_person) == ("proposal", "PROPOSED", True)
        assert story.proposal is not None
        assert (story.proposal.subject, story.proposal.terms) == (order_id, {"attempt": "1", "paid": "99.00"})
        assert (story.proposal.reference, story.proposal.reason) == (LINE, "its own fee")
        assert [act.command for act in story.acts] == ["proposals confirm", "proposals dismiss"]
        assert [(e.before, e.after, e.actor) for e in story.events] == [(None, "PROPOSED", "otto")]

    def test_twice_is_once_whoever_asks(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed, items = propose(desk, order_id), None
        for by in ("otto", "olga"):
            items = items or desk.dynamo.items()
            again = propose(desk, order_id, by)
            assert (again.id, again.before, again.done) == (proposed.id, "PROPOSED", False)
            assert again.says == "is proposed already, by otto: another operator confirms it"
            assert desk.dynamo.items() == items

    def test_at_the_same_moment_twice_is_once(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        before_next_write(desk, lambda: propose(desk, order_id, "olga"))
        told = propose(desk, order_id)
        assert (told.done, told.says) == (False, "is proposed already, by olga: another operator confirms it")
        with pytest.raises(OwnProposal):
            confirm(desk, told.id, "olga")

    def test_something_else_has_another_id(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        ids = {propose(desk, order_id, dry_run=True).id, propose(desk, order_id, paid="98.00", dry_run=True).id}
        other = desk.proposals.propose(PAYOUT, order_id, {"paid": "99.00"}, "line 12", "a fee", "otto", dry_run=True)
        assert len(ids | {other.id}) == 3

    def test_is_for_what_the_bank_has_not_decided(self, desk: Desk, ann: Owner) -> None:
        sold = desk.cash_out(ann, "1").order_id
        for thing_id in (sold, desk.buy(ann, "1", order_price="90").order_id):
            with pytest.raises(NotProposable):
                propose(desk, thing_id)
        desk.run(until=lambda: status(desk, sold) == "FILLED")
        with pytest.raises(NotProposable, match="it is FILLED and waits for nothing"):
            propose(desk, sold)
        with pytest.raises(NothingKnown):
            propose(desk, "S" + "A" * 25)
        assert audited(desk) == []

    def test_a_dry_run_says_the_same_and_writes_nothing(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        before = desk.dynamo.items()
        dry = propose(desk, order_id, dry_run=True)
        assert desk.dynamo.items() == before
        assert propose(desk, order_id) == replace(dry, done=True)


class TestConfirming:
    def test_does_what_was_proposed_and_is_told(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        free, _ = dollars(desk, ann)
        proposed = propose(desk, order_id).id
        done = confirm(desk, proposed)
        assert (done.id, done.before, done.after, done.done) == (proposed, "PROPOSED", "CONFIRMED", True)
        assert status(desk, order_id) == "FILLED"
        assert dollars(desk, ann) == (free + Money("0.90"), Money(0))
        entry, _ = audited(desk)
        assert (entry.operator, entry.action, entry.subject) == ("olga", "proposals confirm", proposed)
        assert entry.detail == f"{PAYOUT} {order_id}: attempt 1, paid 99.00, reference {LINE}: looked it up"
        *_, event = desk.operations.story(order_id).events
        assert (event.after, event.actor) == ("FILLED", "otto and olga")
        assert event.reason == f"attempt 1: the bank has paid $99.00, reference {LINE}"
        story = desk.operations.story(proposed)
        assert (story.status, story.waits_for, story.acts) == ("CONFIRMED", None, [])
        assert story.proposal is not None
        assert story.proposal.decided_by == "olga"
        assert [(e.before, e.after, e.actor) for e in story.events][1:] == [("PROPOSED", "CONFIRMED", "olga")]

    def test_takes_another_operator(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id, "olga").id
        before = desk.dynamo.items()
        for dry_run in (True, False):
            with pytest.raises(OwnProposal, match="olga has proposed it: another operator confirms it"):
                confirm(desk, proposed, "olga", dry_run=dry_run)
        assert desk.dynamo.items() == before

    def test_what_became_his_own_meanwhile_is_refused_by_the_write(self, desk: Desk, ann: Owner) -> None:
        """Another operator's proposal was dismissed, and proposed again by the one who confirms."""
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id, "otto").id

        def again() -> None:
            dismiss(desk, proposed)
            propose(desk, order_id, "olga")

        before_next_write(desk, again)
        with pytest.raises(OwnProposal):
            confirm(desk, proposed, "olga")
        assert status(desk, order_id) == "TARGET_TXN_PENDING"

    def test_a_dry_run_says_the_same_and_writes_nothing(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk, awaiting(desk, ann)).id
        before = desk.dynamo.items()
        dry = confirm(desk, proposed, dry_run=True)
        assert desk.dynamo.items() == before
        assert confirm(desk, proposed) == replace(dry, done=True)

    def test_again_changes_nothing(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk, awaiting(desk, ann)).id
        confirm(desk, proposed)
        before = desk.dynamo.items()
        again = confirm(desk, proposed, "otto")
        assert (again.before, again.after, again.done) == ("CONFIRMED", "CONFIRMED", False)
        assert again.says == "was confirmed by olga already; nothing to do"
        with pytest.raises(ProposalDecided, match="it was confirmed by olga already"):
            dismiss(desk, proposed)
        assert desk.dynamo.items() == before

    @pytest.mark.parametrize("first", [confirm, dismiss])
    def test_of_two_at_the_same_moment_one_decides(self, desk: Desk, ann: Owner, first: Any) -> None:
        proposed = propose(desk, awaiting(desk, ann)).id
        before_next_write(desk, lambda: first(desk, proposed, "oleg"))
        if first is confirm:
            told = confirm(desk, proposed)
            assert (told.done, told.says) == (False, "was confirmed by oleg already; nothing to do")
        else:
            with pytest.raises(ProposalDecided, match="it was dismissed by oleg already"):
                confirm(desk, proposed)
        assert [entry.operator for entry in audited(desk)] == ["oleg", "otto"]

    def test_is_refused_once_the_bank_has_decided(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id).id
        desk.world.simulated.decide(f"{order_id}-01", "complete")
        desk.run()
        before = desk.dynamo.items()
        for dry_run in (True, False):
            with pytest.raises(NotProposable, match="it is FILLED"):
                confirm(desk, proposed, dry_run=dry_run)
        assert desk.dynamo.items() == before

    def test_is_refused_when_the_bank_decides_at_that_moment(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id).id
        event = an_event(desk, f"{order_id}-01")
        before_next_write(desk, lambda: desk.events.receive(event))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            confirm(desk, proposed)
        assert len(audited(desk)) == 1
        assert desk.operations.story(proposed).status == "PROPOSED"

    def test_is_of_the_attempt_that_was_meant(self, desk: Desk, ann: Owner) -> None:
        """What was proposed for the first attempt is not done to the second one."""
        order_id = awaiting(desk, ann)
        desk.by_hand("abandon", order_id, "the bank says so", "otto", dry_run=False)
        desk.clock.forward(seconds=NEVER_BOOKED_SECONDS + 1)
        proposed = propose(desk, order_id, paid="0").id
        desk.world.simulated.set_outcome("pending", times=1)
        desk.world.simulated.decide(f"{order_id}-01", "fail")
        desk.run(until=lambda: len(attempts(desk, order_id)) == 2)
        with pytest.raises(NotProposable, match="it was about attempt 1, and now attempt 2 is"):
            confirm(desk, proposed)
        desk.world.simulated.decide(f"{order_id}-02", "complete")
        desk.run()

    def test_what_nobody_has_proposed_is_not_found(self, desk: Desk) -> None:
        for act in (confirm, dismiss):
            with pytest.raises(ProposalNotFound):
                act(desk, "E" + "A" * 25)


class TestDismissing:
    @pytest.mark.parametrize("by", ["otto", "olga"])
    def test_is_for_any_operator_and_moves_nothing(self, desk: Desk, ann: Owner, by: str) -> None:
        order_id = awaiting(desk, ann)
        proposed = propose(desk, order_id).id
        before = desk.dynamo.items()
        dry = dismiss(desk, proposed, by, dry_run=True)
        assert desk.dynamo.items() == before
        done = dismiss(desk, proposed, by)
        assert (done, done.after) == (replace(dry, done=True), "DISMISSED")
        assert status(desk, order_id) == "TARGET_TXN_PENDING"
        assert desk.operations.work(("proposals",), overdue_only=False, limit=9) == []
        assert (audited(desk)[0].action, audited(desk)[0].operator) == ("proposals dismiss", by)
        *_, event = desk.operations.story(order_id).events
        assert event.reason == f"dismissed, what was proposed as {proposed}: another payout's"
        assert dismiss(desk, proposed).says == f"was dismissed by {by} already; nothing to do"
        with pytest.raises(ProposalDecided, match=f"it was dismissed by {by} already"):
            confirm(desk, proposed)

    def test_at_the_moment_of_a_confirmation_is_refused(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk, awaiting(desk, ann)).id
        before_next_write(desk, lambda: confirm(desk, proposed))
        with pytest.raises(ProposalDecided, match="it was confirmed by olga already"):
            dismiss(desk, proposed, "otto")

    def test_what_was_dismissed_may_be_proposed_again(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        first = propose(desk, order_id).id
        dismiss(desk, first)
        again = propose(desk, order_id, "olga")
        assert (again.id, again.before, again.done) == (first, "DISMISSED", True)
        with pytest.raises(OwnProposal):
            confirm(desk, first, "olga")
        assert confirm(desk, first, "otto").done
        assert status(desk, order_id) == "FILLED"


class TestPayouts:
    @pytest.mark.parametrize(
        ("paid", "free", "desks"), [("99.90", "0.00", "0"), ("99.00", "0.90", "0"), ("101.00", "0.00", "-1.10")]
    )
    def test_what_the_bank_has_paid_is_spent_the_rest_is_the_customers_or_the_desks(
        self, desk: Desk, ann: Owner, paid: str, free: str, desks: str
    ) -> None:
        order_id = awaiting(desk, ann)
        before, _ = dollars(desk, ann)
        told = decided(desk, order_id, paid=paid)
        assert dollars(desk, ann) == (before + Money(free), Money(0))
        assert desks_own(desk) == Decimal(desks)
        assert f"the bank has paid ${paid} of attempt 1" in told.says
        assert (f"${free} are free on the customer's balance" in told.says) is (free != "0.00")
        assert ("$1.10 beyond it at the desk's own cost" in told.says) is (desks != "0")
        (attempt,) = attempts(desk, order_id)
        assert (attempt.status, attempt.adjustment_id, attempt.booked) == ("COMPLETED", LINE, Money(paid))
        line = desk.orders.history(ann, "USD", limit=1, after=None).items[0].line
        assert (line.order_id, line.total_amount) == (order_id, min(Money(paid), Money("99.90")))

    def test_the_machine_that_waits_for_the_bank_is_told(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        decided(desk, order_id)
        (execution,) = executions(desk, order_id)
        desk.world.machines.run()
        assert execution.status == "SUCCEEDED"

    def test_of_a_withdrawal_the_days_limit_goes_back_with_the_rest(self, desk: Desk, ann: Owner) -> None:
        thing_id = withdrawing(desk, ann)
        assert decided(desk, thing_id, paid="38.50").says.endswith("and $1.50 are free on the customer's balance")
        (counter,) = [item for item in desk.dynamo.items() if item["SK"]["S"].startswith("LIMIT#PAYOUT")]
        assert counter["used"]["N"] == "38.5"
        assert status(desk, thing_id) == "COMPLETED"

    @pytest.mark.parametrize("begin", [awaiting, withdrawing])
    def test_nothing_was_paid_only_where_nobody_sends_it_any_more(
        self, desk: Desk, ann: Owner, begin: Callable[[Desk, Owner], str]
    ) -> None:
        thing_id = begin(desk, ann)
        with pytest.raises(NotProposable, match="abandon-attempt` first"):
            propose(desk, thing_id, paid="0.00")
        desk.by_hand("abandon", thing_id)
        desk.clock.at = attempts(desk, thing_id)[0].sent_at + timedelta(seconds=NEVER_BOOKED_SECONDS - 1)
        with pytest.raises(NotProposable, match=f"wait until {desk.clock.at + timedelta(seconds=1):%H:%M:%S} UTC"):
            propose(desk, thing_id, paid="0.00")
        desk.clock.forward(seconds=1)
        assert "has attempt 1 rejected, as never paid" in propose(desk, thing_id, paid="0.00").says

    def test_what_was_never_paid_goes_where_an_operator_says(self, desk: Desk, ann: Owner) -> None:
        """No machine sends it again: the bank has not said what is in its way."""
        order_id = awaiting(desk, ann)
        desk.by_hand("abandon", order_id)
        desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
        decided(desk, order_id, paid="0.00")
        assert attempts(desk, order_id)[0].status is AttemptStatus.REJECTED
        waits_for = waits_for_person(desk, order_id)
        assert waits_for is not None
        assert waits_for.endswith(f"never paid, as otto and olga say, reference {LINE}")
        desk.run(days=1)
        assert len(attempts(desk, order_id)) == 1
        assert [act.command for act in desk.operations.story(order_id).acts][:3] == [
            *("offramp retry-payout", "offramp mark-filled", "offramp credit-usd")
        ]
        free, _ = dollars(desk, ann)
        desk.by_hand("give_back", order_id)
        assert dollars(desk, ann) == (free + Money("99.90"), Money(0))

    @pytest.mark.parametrize("act", ["redrive", "retry"])
    def test_what_was_never_paid_is_sent_anew_by_one_operator(self, desk: Desk, ann: Owner, act: str) -> None:
        """He is told what he sends. That the attempt before has paid nothing two have said, and nobody sends that."""
        order_id = awaiting(desk, ann)
        desk.by_hand("abandon", order_id)
        desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
        decided(desk, order_id, paid="0.00")
        desk.world.machines.run()
        if act == "redrive":
            done = desk.interventions.redrive(order_id, "his bank is open again", "olga", dry_run=False)
        else:
            done = desk.by_hand(act, order_id)
        assert "attempt 2 to pay $99.90" in done.says
        desk.run()
        assert [attempt.status for attempt in attempts(desk, order_id)] == ["REJECTED", "COMPLETED"]
        assert desk.world.simulated.credited("acc-ann") == Money("99.90")

    def test_a_redrive_that_asks_the_bank_says_of_no_attempt(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        desk.world.machines.restart()
        told = desk.interventions.redrive(order_id, "the bank is back", "olga", dry_run=False)
        assert told.says == "the next execution of the machine payout, which goes on from TARGET_TXN_PENDING"

    @pytest.mark.parametrize("paid", ["99.00", "99.90"])
    def test_the_bank_that_says_the_same_later_agrees(self, desk: Desk, ann: Owner, paid: str) -> None:
        order_id = awaiting(desk, ann)
        early = an_event(desk, f"{order_id}-01", amount=Money("99.00"), event_id="evt_early")
        assert desk.events.receive(early) is EventOutcome.PARKED
        decided(desk, order_id, paid=paid)
        agrees = paid == "99.00"
        replayed = desk.interventions.replay("evt_early", "looked it up", "olga", dry_run=False)
        assert replayed.after == (EventOutcome.AGREES if agrees else EventOutcome.PARKED)
        late = an_event(desk, f"{order_id}-01", amount=Money(paid), event_id="evt_late")
        assert desk.events.receive(late) is EventOutcome.AGREES

    @pytest.mark.parametrize(
        ("state", "amount"), [(State.FAILED, "99.00"), (State.COMPLETED, "99.90"), (State.FAILED, "99.90")]
    )
    def test_the_bank_that_says_something_else_later_contradicts(
        self, desk: Desk, ann: Owner, state: State, amount: str, counted: Counter[str]
    ) -> None:
        order_id = awaiting(desk, ann)
        decided(desk, order_id)
        event = an_event(desk, f"{order_id}-01", state, amount=Money(amount))
        assert desk.events.receive(event) is EventOutcome.PARKED
        assert counted["BankContradictions"] == 1
        assert "of which $99.00 count" in desk.events.known(event.event_id).why
        assert status(desk, order_id) == "FILLED"

    @pytest.mark.parametrize("amount", ["99.90", "99.00"])
    def test_the_bank_that_has_paid_what_was_never_paid_stops_the_payout(
        self, desk: Desk, ann: Owner, amount: str
    ) -> None:
        """Whatever it has paid: until a person has looked, nobody sends the dollars anywhere."""
        order_id = awaiting(desk, ann)
        desk.by_hand("abandon", order_id)
        desk.clock.forward(seconds=NEVER_BOOKED_SECONDS)
        decided(desk, order_id, paid="0.00")
        desk.world.machines.run()
        desk.interventions.redrive(order_id, "the bank is asked again", "olga", dry_run=False)
        desk.events.receive(an_event(desk, f"{order_id}-01", amount=Money(amount)))
        why = f"the bank says that it has paid ${amount} of attempt 1, of which $0.00 count"
        assert waits_for_person(desk, order_id) == f"an operator: {why}"
        desk.run(days=1)
        assert len(attempts(desk, order_id)) == 1

    def test_a_bank_that_books_less_than_it_was_sent_is_settled_in_three_acts(self, desk: Desk, ann: Owner) -> None:
        """It keeps its fee: its answers are not believed, its event is parked, and the hold stays for ever."""
        real = desk.world.simulated

        def less(ask: Callable[..., Adjustment], *asked: Any) -> Adjustment:
            told = ask(*asked)
            return replace(told, amount=told.amount - Money(1))

        desk.world.bank = around(real, credit=less, find=less)
        desk.world.deliver_event = lambda events, event: events.receive(
            replace(event, adjustment=replace(event.adjustment, amount=event.adjustment.amount - Money(1)))
        )
        order_id = desk.cash_out(ann, "1").order_id
        desk.run(days=3)
        assert (status(desk, order_id), dollars(desk, ann)[1]) == ("TARGET_TXN_PENDING", Money("99.90"))
        decided(desk, order_id, paid="98.90")
        (parked,) = desk.operations.parked(9)
        replayed = desk.interventions.replay(parked.webhook_id, "it was its fee", "olga", dry_run=False)
        assert replayed.after == EventOutcome.AGREES
        desk.run(days=1)
        assert (status(desk, order_id), dollars(desk, ann)[1]) == ("FILLED", Money(0))
        assert desk.operations.work(keys.BACKLOGS, overdue_only=False, limit=9) == []


class TestOrders:
    def open_for_long(self, desk: Desk, owner: Owner) -> str:
        """The id of a cash-out of 1 BTC at a limit of $98, of which the exchange has not told for hours."""
        desk.world.nobody_buys()
        order_id = desk.cash_out(owner, "1").order_id
        desk.world.exchange = gone(desk)
        desk.run(days=0.1)
        return order_id

    def test_what_was_executed_is_kept_with_the_order_and_its_machine_goes_on(self, desk: Desk, ann: Owner) -> None:
        order_id = self.open_for_long(desk, ann)
        desk.world.machines.restart()
        proposed = propose_order(desk, order_id)
        assert proposed.says.endswith(
            "then it goes on with 0.4 BTC executed for $39.50, fee $0.04, unless the exchange itself says what can be "
            "believed and written down"
        )
        ran = len(executions(desk, order_id))
        assert confirm(desk, proposed.id).done
        order = exchange_orders.find(desk.table, order_id, 1)
        assert order is not None
        assert order.evidence == Evidence(
            executed=Quantity(Decimal("0.4"), "BTC"),
            gross=Money("39.50"),
            fee=Money("0.04"),
            reference=LINE,
            operators="otto and olga",
            at=order.updated_at,
        )
        assert (order.status, status(desk, order_id)) == (AtExchange.OPEN, "BASE_TXN_PENDING")
        *_, event = desk.operations.story(order_id).events
        assert (event.actor, event.reason) == (
            "otto and olga",
            f"the exchange has executed 0.4 BTC for $39.50, reference {LINE}",
        )
        assert len(executions(desk, order_id)) == ran + 1

    def test_is_for_what_is_over_its_time_or_waits_for_a_person(self, desk: Desk, ann: Owner) -> None:
        desk.world.nobody_buys()
        order_id = desk.cash_out(ann, "1").order_id
        due_at = desk.operations.story(order_id).due_at
        assert due_at is not None
        desk.clock.at = due_at - timedelta(seconds=1)
        with pytest.raises(NotProposable, match=r"it is BASE_TXN_PENDING and waits for .* is possible from .* UTC on"):
            propose_order(desk, order_id)
        desk.clock.at = due_at
        propose_order(desk, order_id)

    @pytest.mark.parametrize(
        ("executed", "gross", "fee"),
        [
            ("1.00000001", "100.00", "0.00"),  # more than was asked
            ("0.5", "48.98", "0.00"),  # below its limit
            ("0", "0.01", "0.00"),  # nothing, for something
            ("0", "0.00", "0.01"),
            ("0.5", "50.00", "50.01"),
        ],
    )
    def test_what_no_order_can_have_come_to_is_not_believed(
        self, desk: Desk, ann: Owner, executed: str, gross: str, fee: str
    ) -> None:
        order_id = self.open_for_long(desk, ann)
        before = desk.dynamo.items()
        for dry_run in (True, False):
            with pytest.raises(EvidenceNotBelieved, match="can have come to"):
                propose_order(desk, order_id, executed=executed, gross=gross, fee=fee, dry_run=dry_run)
        assert desk.dynamo.items() == before

    def test_a_fee_in_coins_is_proposed_shown_and_kept(self, desk: Desk, ann: Owner) -> None:
        order_id = self.open_for_long(desk, ann)
        fees = "0.0002 BNB, 0.001 BTC"
        proposed = propose_order(desk, order_id, fee="0.00", fees_in_coins=fees)
        assert "0.4 BTC executed for $39.50, fee $0.00 and 0.0002 BNB, 0.001 BTC, unless" in proposed.says
        assert proposed.id != propose_order(desk, order_id, fee="0.00", dry_run=True).id
        story = desk.operations.story(proposed.id)
        assert story.proposal is not None
        assert f"fees_in_coins {fees}" in story.proposal.told
        confirm(desk, proposed.id)
        order = exchange_orders.find(desk.table, order_id, 1)
        assert order is not None
        assert order.evidence is not None
        assert order.evidence.fill.fees_elsewhere == {"BNB": Decimal("0.0002"), "BTC": Decimal("0.001")}

    def test_a_fee_in_its_own_coins_is_bounded_too(self, desk: Desk, ann: Owner) -> None:
        order_id = self.open_for_long(desk, ann)
        with pytest.raises(EvidenceNotBelieved, match=r"a fee of 0\.009 on 0\.4 BTC"):
            propose_order(desk, order_id, fees_in_coins="0.009 BTC")

    def test_what_the_exchange_decides_at_that_moment_counts(self, desk: Desk, ann: Owner) -> None:
        order_id = self.open_for_long(desk, ann)
        proposed = propose_order(desk, order_id).id
        desk.world.exchange = desk.world.fake
        before_next_write(desk, lambda: desk.offramp.cancel(order_id))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            confirm(desk, proposed)
        assert status(desk, order_id) == "BASE_TXN_FAILED"
        assert exchange_orders.find(desk.table, order_id, 1).evidence is None  # type: ignore[union-attr]
        assert len(audited(desk)) == 1

    def test_what_the_exchange_says_it_has_at_that_moment_counts(self, desk: Desk, ann: Owner) -> None:
        """The sale goes on as it was, but its exchange order is another matter now."""
        desk.world.nobody_buys()
        desk.world.fake.drop_answer_next("place")
        desk.world.fake.fail_before_next("find")
        with pytest.raises(Unavailable):
            desk.cash_out(ann, "1")
        order_id = intent(desk)
        desk.clock.forward(minutes=2)
        proposed = propose_order(desk, order_id, executed="0", gross="0.00", fee="0.00").id
        before_next_write(desk, lambda: desk.offramp.resolve(order_id))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            confirm(desk, proposed)
        assert status(desk, order_id) == "BASE_TXN_PENDING"

    def test_what_waits_for_a_person_is_its_machines_again(self, desk: Desk, ann: Owner) -> None:
        order_id = self.open_for_long(desk, ann)
        key = keys.SELL_ORDER(order_id=order_id)
        stopped = work.needs_person(keys.SELL_ORDER, order_id, now=desk.clock(), waits_for="an operator: a test")
        desk.table.write(Write.update(Unfinished(*key), *stopped))
        confirm(desk, propose_order(desk, order_id).id)
        assert waits_for_person(desk, order_id) is None

    def test_is_of_the_exchange_order_that_was_meant(self, desk: Desk, ann: Owner) -> None:
        """A sale that the exchange refused was asked for again, and is another order there."""
        desk.world.fake.fail_before_next("place")
        with pytest.raises(Unavailable):
            desk.cash_out(ann, "1", key="k")
        order_id = intent(desk)
        desk.clock.forward(minutes=2)
        proposed = propose_order(desk, order_id, executed="0", gross="0.00", fee="0.00").id
        desk.world.nobody_buys()
        desk.run(until=lambda: desk.operations.story(order_id).waits_for is None)
        desk.mark("BTC", "100")
        desk.cash_out(ann, "1", key="k")
        desk.clock.forward(minutes=2)
        with pytest.raises(NotProposable, match="it was about exchange order 1, and now it is 2"):
            confirm(desk, proposed)

    def test_a_batch_is_decided_as_a_sale_is(self, desk: Desk) -> None:
        desk.list_exchange_asset()
        desk.world.nobody_sells()
        batch_id = desk.purchase(desk.customer("bob"), "20").batch_id
        desk.run(days=0.001)
        desk.world.exchange = gone(desk)
        desk.run(days=0.1)
        confirm(desk, propose_order(desk, batch_id, executed="0.1", gross="10.00", fee="0.01").id)
        order = exchange_orders.find(desk.table, batch_id, 1)
        assert order is not None
        assert order.evidence is not None
        assert order.evidence.executed == Quantity(Decimal("0.1"), "SOL")


def propose_order(
    desk: Desk,
    thing_id: str,
    by: str = "otto",
    *,
    executed: str = "0.4",
    gross: str = "39.50",
    fee: str = "0.04",
    dry_run: bool = False,
    **more: str,
) -> OperatorOutcome:
    """That the exchange has executed so much."""
    told = {"executed": executed, "gross": gross, "fee": fee, **more}
    return desk.proposals.propose("work decide-order", thing_id, told, LINE, "its books", by, dry_run=dry_run)


def gone(desk: Desk) -> Any:
    """The exchange, which never answers again."""

    def silent(*_: Any) -> Any:
        raise ExchangeUnavailable("the exchange can not be reached", what="connection")

    return around(desk.world.fake, order=silent, find=silent, cancel=silent, place=silent)


class TestApprovals:
    @pytest.fixture
    def order_id(self, desk: Desk) -> str:
        """Of a cash-out of $10,089.90, whose payout is over the limit of one that two need not approve."""
        desk.rules = replace(desk.rules, withdrawal_limit=Money(20_000))
        rich = desk.customer("rich", usd="11000.00")
        desk.clients(rich)
        desk.buy(rich, "101")
        order_id = desk.cash_out(rich, "101").order_id
        desk.run()
        return order_id

    def approve(self, desk: Desk, order_id: str, by: str = "otto", *, dry_run: bool = False) -> OperatorOutcome:
        return desk.proposals.propose("work approve-payout", order_id, {}, None, "called back", by, dry_run=dry_run)

    def test_a_payout_over_the_limit_is_paid_when_another_operator_confirms_it(self, desk: Desk, order_id: str) -> None:
        acts = [act.command for act in desk.operations.story(order_id).acts]
        assert acts[0] == "work approve-payout"
        proposed = self.approve(desk, order_id)
        assert proposed.says == (
            "another operator than otto confirms it; then it may be paid: $10089.90 to the account acc-rich of the "
            "client rich-bank of rich"
        )
        desk.run(days=1)
        assert attempts(desk, order_id) == []
        with pytest.raises(OwnProposal):
            confirm(desk, proposed.id, "otto")
        confirm(desk, proposed.id)
        desk.run()
        assert status(desk, order_id) == "FILLED"
        told = [event for event in desk.operations.story(order_id).events if event.actor == "otto and olga"]
        (approved,) = [event.reason for event in told]
        assert re.fullmatch(r"approved: \$10089\.90 may be paid to sealed:1:\w{12}", approved)

    def test_a_proposal_without_a_reference_has_none(self, desk: Desk, order_id: str) -> None:
        proposed = self.approve(desk, order_id)
        story = desk.operations.story(proposed.id)
        assert story.proposal is not None
        assert story.proposal.reference is None
        assert re.fullmatch(r"amount 10089\.90, account sealed:1:\w{12}", story.proposal.told)
        assert confirm(desk, proposed.id).done
        desk.run()

    def test_what_went_to_the_balance_meanwhile_is_not_approved(self, desk: Desk, order_id: str) -> None:
        proposed = self.approve(desk, order_id).id
        before_next_write(desk, lambda: desk.by_hand("give_back", order_id, dry_run=False))
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            confirm(desk, proposed)
        with pytest.raises(NotProposable, match="it is FILLED"):
            confirm(desk, proposed)

    def test_is_of_the_amount_that_was_meant(self, desk: Desk, order_id: str) -> None:
        proposed = self.approve(desk, order_id).id
        order = keys.SELL_ORDER(order_id=order_id)
        for amount, refused in (("10089.89", True), ("10089.90", False)):
            desk.dynamo.update_item(
                TableName="desk",
                Key={"PK": {"S": order.pk}, "SK": {"S": order.sk}},
                UpdateExpression="SET total_amount = :amount",
                ExpressionAttributeValues={":amount": {"N": amount}},
            )
            if refused:
                with pytest.raises(NotProposable, match=r"it was about \$10089.90, and now it is \$10089.89"):
                    confirm(desk, proposed)
        assert confirm(desk, proposed).done
        desk.run()

    def test_only_what_is_over_the_limit_is_approved(self, desk: Desk, ann: Owner) -> None:
        with pytest.raises(NotProposable):
            self.approve(desk, awaiting(desk, ann))


class TestBeneficiaries:
    """Operators may be customers, too."""

    def test_whose_money_it_is_neither_proposes_nor_confirms(self, desk: Desk, ann: Owner) -> None:
        order_id = awaiting(desk, ann)
        for dry_run in (True, False):
            with pytest.raises(BeneficiaryDecides, match="it is about money of ann, who has no part in it"):
                propose(desk, order_id, "ann", dry_run=dry_run)
        proposed = propose(desk, order_id).id
        for dry_run in (True, False):
            with pytest.raises(BeneficiaryDecides, match="it is about money of ann"):
                confirm(desk, proposed, "ann", dry_run=dry_run)
        assert status(desk, order_id) == "TARGET_TXN_PENDING"
        assert confirm(desk, proposed).done
        desk.run()

    def test_dollars_that_came_for_an_operator_two_others_credit(self, desk: Desk) -> None:
        olga, told = desk.customer("olga"), {"amount": "70.00"}
        with pytest.raises(BeneficiaryDecides):
            desk.proposals.propose("deposit credit", "olga", told, "wire-1", "came", "olga", dry_run=False)
        proposed = desk.proposals.propose("deposit credit", "olga", told, "wire-1", "came", "otto", dry_run=False).id
        with pytest.raises(BeneficiaryDecides):
            confirm(desk, proposed, "olga")
        assert desk.accounts.balance(olga).current == Money(1000)
        assert confirm(desk, proposed, "oleg").done
        assert desk.accounts.balance(olga).current == Money(1070)

    def test_who_buys_with_others_decides_nothing_of_their_batch(self, desk: Desk) -> None:
        desk.list_exchange_asset()
        desk.world.nobody_sells()
        first = desk.purchase(desk.customer("olga"), "4")
        batch_id = desk.purchase(desk.customer("bob"), "8").batch_id
        assert batch_id == first.batch_id
        desk.run(days=0.001)
        desk.world.exchange = gone(desk)
        desk.run(days=0.1)
        with pytest.raises(BeneficiaryDecides):
            propose_order(desk, batch_id, "bob", executed="0.1", gross="10.00", fee="0.01")
        proposed = propose_order(desk, batch_id, executed="0.1", gross="10.00", fee="0.01").id
        with pytest.raises(BeneficiaryDecides):
            confirm(desk, proposed, "olga")
        assert confirm(desk, proposed, "oleg").done

    def test_whose_money_it_is_only_since_it_was_proposed_does_not_confirm(self, desk: Desk, ann: Owner) -> None:
        """As of what was proposed before this was asked."""
        proposed = propose(desk, awaiting(desk, ann)).id
        forget(desk, proposed, "beneficiaries")
        for dry_run in (True, False):
            with pytest.raises(BeneficiaryDecides):
                confirm(desk, proposed, "ann", dry_run=dry_run)
        assert confirm(desk, proposed).done
        desk.run()

    def test_what_is_proposed_anew_for_another_meanwhile_is_looked_at_again(self, desk: Desk, ann: Owner) -> None:
        proposed = propose(desk, awaiting(desk, ann)).id
        before_next_write(desk, lambda: forget(desk, proposed, "beneficiaries"))
        with pytest.raises(ProposalDecided, match="proposed anew meanwhile: look at it again"):
            confirm(desk, proposed)
        assert confirm(desk, proposed).done
        desk.run()


class TestReferences:
    """What the bank calls a booking counts once, however operators spell it."""

    def credit(self, desk: Desk, reference: str, username: str = "ann") -> OperatorOutcome:
        told = {"amount": "70.00"}
        return desk.proposals.propose("deposit credit", username, told, reference, "came", "otto", dry_run=False)

    @pytest.mark.parametrize("again", ["WIRE-4711", "wire4711", "Wire--47 11.", "wire_47_11", "_wire 4-7/1:1"])
    @pytest.mark.parametrize("whose", ["ann", "bob"])
    def test_one_wire_under_two_spellings_is_one_credit(self, desk: Desk, ann: Owner, again: str, whose: str) -> None:
        desk.customer("bob")
        first, second = self.credit(desk, "wire-4711"), self.credit(desk, again, whose)
        assert confirm(desk, first.id).done
        with pytest.raises(NotProposable):
            confirm(desk, second.id)
        assert desk.accounts.balance(ann).current == Money(1070)

    def test_two_that_differ_by_signs_alone_are_told_apart_by_more(self, desk: Desk, ann: Owner) -> None:
        """A refusal costs a word, and a credit too many the wire."""
        assert confirm(desk, self.credit(desk, "2026/1-23").id).done
        again = self.credit(desk, "2026/12-3")
        with pytest.raises(NotProposable):
            confirm(desk, again.id)
        assert confirm(desk, self.credit(desk, "2026/12-3 of 30 November").id).done
        assert desk.accounts.balance(ann).current == Money(1140)

    def test_what_has_no_letter_and_no_digit_is_no_reference(self, desk: Desk) -> None:
        with pytest.raises(NotProposable, match="a reference has letters or digits"):
            self.credit(desk, "--/--", "nobody")

    def test_a_paper_that_counts_for_one_payout_counts_for_no_credit(self, desk: Desk, ann: Owner) -> None:
        decided(desk, awaiting(desk, ann))
        again = self.credit(desk, LINE.upper().replace(" ", "-"))
        with pytest.raises(NotProposable, match="and it is that of"):
            confirm(desk, again.id)


class TestDailyLimits:
    """Of one operator: $100 that he proposes, and $100 that he confirms."""

    @pytest.fixture
    def desk(self) -> Desk:
        desk = Desk(operator_limit=Money(100))
        desk.customer("ann")
        return desk

    def credit(self, desk: Desk, amount: str, by: str = "otto", *, dry_run: bool = False) -> str:
        told, wire = {"amount": amount}, f"wire of {amount} by {by}"
        return desk.proposals.propose("deposit credit", "ann", told, wire, "came", by, dry_run=dry_run).id

    def test_one_operator_proposes_no_more_on_a_day(self, desk: Desk) -> None:
        for dry_run in (True, False):
            with pytest.raises(DailyLimitExceeded, match="`operator_limit_usd` has to be deployed higher first"):
                self.credit(desk, "100.01", dry_run=dry_run)
        self.credit(desk, "60.00")
        for dry_run in (True, False):
            with pytest.raises(DailyLimitExceeded, match=r"for what one operator proposes; \$60.00 of it is used"):
                self.credit(desk, "40.01", dry_run=dry_run)
        self.credit(desk, "40.00")
        self.credit(desk, "60.00")  # a repeat
        self.credit(desk, "99.00", "oleg")
        desk.clock.forward(days=1)
        self.credit(desk, "70.00")

    def test_one_operator_confirms_no_more_on_a_day(self, desk: Desk) -> None:
        first, second = self.credit(desk, "60.00"), self.credit(desk, "40.01", "oleg")
        confirm(desk, first)
        for dry_run in (True, False):
            with pytest.raises(DailyLimitExceeded, match=r"for what one operator confirms; \$60.00 of it is used"):
                confirm(desk, second, dry_run=dry_run)
        assert desk.accounts.balance(Owner("ann", "sub-ann")).current == Money(1060)
        desk.clock.forward(days=1)
        assert confirm(desk, second).done
        assert desk.accounts.balance(Owner("ann", "sub-ann")).current == Money("1100.01")

    @pytest.mark.parametrize("kind", ["PROPOSED", "CONFIRMED"])
    def test_two_at_once_do_not_slip_under_the_limit(self, desk: Desk, kind: str) -> None:
        first, second = self.credit(desk, "60.00", "ivan"), self.credit(desk, "40.01", "oleg")

        def act(amount: str, proposed: str) -> None:
            if kind == "PROPOSED":
                self.credit(desk, amount)
            else:
                confirm(desk, proposed)

        before_next_write(desk, lambda: act("40.01", second))
        with pytest.raises(DailyLimitExceeded, match=r"\$40.01 of it is used"):
            act("60.00", first)

    def test_what_is_said_to_be_paid_counts_as_the_hold_that_it_ends(self, desk: Desk) -> None:
        """A cent of it would end a hold of any size: the rest is free, and what was never paid may be sent again."""
        desk.clients(ann := desk.customer("rich", usd="1000.00"))
        desk.world.simulated.set_outcome("pending", times=1)
        asked = desk.accounts.withdraw(ann, "w", Money("100.01"), "rich-bank").made.transfer_id
        desk.world.machines.run()
        with pytest.raises(DailyLimitExceeded):
            propose(desk, asked, paid="0.01")
        desk.world.simulated.decide(f"{asked}-01", "fail")
        desk.run(until=lambda: status(desk, asked) == "PENDING" and len(attempts(desk, asked)) == 1)
        with pytest.raises(DailyLimitExceeded):
            desk.proposals.propose("withdrawals complete", asked, {}, LINE, "wired", "otto", dry_run=False)
        desk.run()

    def test_coins_that_are_said_to_have_cost_little_count_as_their_limit(self, desk: Desk) -> None:
        desk.list_exchange_asset()
        rich = desk.customer("rich", usd="1000.00")
        desk.world.exchange = gone(desk)
        asked = desk.purchase(rich, "150.00")
        desk.run(days=0.2)
        with pytest.raises(DailyLimitExceeded):
            propose_order(desk, asked.batch_id, executed="1", gross="0.01", fee="0.00")
        assert propose_order(desk, asked.batch_id, executed="0.5", gross="0.01", fee="0.00").done

    def test_what_moves_no_dollars_has_no_limit(self, desk: Desk) -> None:
        for tier in ("GOLD", "SILVER"):
            desk.set_tier("ann", Tier(tier))
        assert "LIMIT#PROPOSED" not in str(desk.dynamo.items())


def forget(desk: Desk, proposal_id: str, attribute: str) -> None:
    key = keys.PROPOSAL(proposal_id=proposal_id)
    desk.dynamo.update_item(
        TableName="desk",
        Key={"PK": {"S": key.pk}, "SK": {"S": key.sk}},
        UpdateExpression=f"REMOVE {attribute}",
    )
