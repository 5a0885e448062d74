"""A dealer's requisites, sealed under a key of his own, which two operators forget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from common.domain import dealer_refunds, dealers
from common.domain.dealer_refunds import Status
from common.table.transaction import Write
from functions.billing import model, store
from functions.billing.model import AccountType, DealerForgotten, DealerStatus, Offer, Stage
from functions.billing.service.dealers import DealerExists
from functions.operations.model import NotProposable
from sandbox.billing import records
from tests.billing.dealership import CME_ID, OFFER, Dealership
from tests.billing.test_leaving import others
from tests.billing.test_refunds import ALWAYS
from tests.common.test_requisites import COMPANY
from tests.desk import Desk
from tests.doors import opened
from tests.operations.drifts import get
from tests.seen import before_next_write

FORGET = "dealers forget"
DEALER_ID = model.dealer_id(CME_ID)
BECAUSE = {"reason": "he has left, ticket 4720"}


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    desk.dealership.active()
    yield desk
    desk.dealership.check()
    assert not desk.world.bugs


@pytest.fixture
def dealership(desk: Desk) -> Dealership:
    return desk.dealership


def forgotten(desk: Desk) -> None:
    assert desk.by_two(FORGET, DEALER_ID, {}).done
    desk.dealership.check()


def gives_anew(dealership: Dealership) -> None:
    """Requisites that are others than he had."""
    has = dealership.dealers.dealer(CME_ID).version_to_replace
    dealership.dealers.update_requisites(CME_ID, others(), replaces=has)
    assert dealership.onboard(DEALER_ID) == Stage.DONE


def dealer(dealership: Dealership) -> model.Dealer:
    return dealership.dealers.dealer(CME_ID)


def quiet(desk: Desk) -> None:
    """The account's total is compared, so that nothing is to come any more."""
    desk.clock.forward(minutes=20)
    desk.dealership.rounds.round(ALWAYS)


class TestForgotten:
    def test_two_forget_what_he_was_found_and_read_by(self, desk: Desk, dealership: Dealership) -> None:
        mark = dealer(dealership).taxpayer
        assert mark is not None
        with opened(desk) as doors:
            proposed = doors.operator().post(f"/operations/dealers/{DEALER_ID}/forget", BECAUSE)
            assert dealership.sealing.requisites(DEALER_ID, 1) == COMPANY
            assert doors.confirmed(proposed).json["done"]
            again = doors.operator().post(f"/operations/dealers/{DEALER_ID}/forget", BECAUSE)
            assert (again.problem, again.json["detail"]) == ("NotProposable", "his requisites are forgotten already")
            shown = doors.operator().get(f"/operations/billing/dealers/{DEALER_ID}").json["dealer"]
            assert shown["forgotten_at"] is not None
        with pytest.raises(DealerForgotten):
            dealership.sealing.requisites(DEALER_ID, 1)
        assert "wrapped" not in get(desk, DEALER_ID, "KEY")
        assert not [item for item in desk.dynamo.items() if mark in str(item)]
        assert dealership.dealers.of_same_taxpayer(dealer(dealership)) == []

    def test_bills_payments_and_statements_go_on(self, desk: Desk, dealership: Dealership) -> None:
        forgotten(desk)
        bill = dealership.billed(100_00)
        dealership.payments.take(dealership.message(100_00, bill=bill))
        assert dealership.bills.bill(bill.bill_id).paid_kopecks == 100_00
        (statement,) = dealership.statements.of(CME_ID, "2026-11").accounts
        assert statement.closing_kopecks == 0
        desk.check_as_the_product_does()

    def test_what_comes_later_goes_back_once_he_gives_requisites_anew(self, desk: Desk, dealership: Dealership) -> None:
        forgotten(desk)
        dealership.pay(300_00)
        account, terms = f"{DEALER_ID}:COMMISSION", {"sum": "300.00"}
        with pytest.raises(NotProposable, match="his requisites are forgotten"):
            desk.by_two("payments refund", account, terms, "1")
        gives_anew(dealership)
        desk.by_two("payments refund", account, terms, "1")
        dealership.refunding.round(ALWAYS)
        (refund,) = dealership.system.all(records.Refund)
        assert refund.kopecks == 300_00

    def test_a_refund_that_was_proposed_before_comes_to_nothing(self, desk: Desk, dealership: Dealership) -> None:
        """Two have looked at requisites that nobody can read any more."""
        dealership.pay(300_00)
        account, terms = f"{DEALER_ID}:COMMISSION", {"sum": "300.00"}
        told = desk.proposals.propose("payments refund", account, terms, "1", "his", "olga", dry_run=False)
        forgotten_at_once(desk)
        with pytest.raises(NotProposable, match="his requisites are forgotten"):
            desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)

    def test_one_that_was_agreed_on_is_not_paid(self, desk: Desk, dealership: Dealership) -> None:
        """Somebody has taken the key out of the table."""
        dealership.pay(300_00)
        desk.by_two("payments refund", f"{DEALER_ID}:COMMISSION", {"sum": "300.00"}, "1")
        forgotten_at_once(desk)
        dealership.refunding.round(ALWAYS)
        (refund,) = [item for item in desk.dynamo.items() if item["entity_type"]["S"] == "refund"]
        assert (refund["status"]["S"], dealership.system.all(records.Refund)) == (Status.REFUSED, [])

    def test_no_car_is_bought_for_him_and_no_deposit_goes_out(self, desk: Desk, dealership: Dealership) -> None:
        dealership.fast_buyouts.add(CME_ID)
        dealership.onboard(DEALER_ID)
        forgotten(desk)
        deposit = store.account(dealership.table, DEALER_ID, AccountType.DEPOSIT)
        dealership.payments.take(dealership.message(150_000_00, contract_id=deposit.contract_id))
        assert "forgotten" in (dealership.fast_buyouts.of(CME_ID).reason or "")
        for act in (dealership.fast_buyouts.add, dealership.fast_buyouts.release):
            with pytest.raises(DealerForgotten):
                act(CME_ID)
        assert dealership.system.all(records.Refund) == []


class TestOpen:
    """Nobody is forgotten while something is owed, held, or under way for him."""

    def refused(self, desk: Desk, why: str) -> None:
        with pytest.raises(NotProposable, match=why):
            desk.proposals.propose(FORGET, DEALER_ID, {}, None, "he has left", "olga", dry_run=True)
        assert "dealers forget" not in [act.command for act in desk.operations.story(DEALER_ID).acts]

    def test_a_bill(self, desk: Desk, dealership: Dealership) -> None:
        bill = dealership.billed(100_00)
        self.refused(desk, f"bill {bill.bill_id} is open")

    def test_what_is_on_his_account(self, desk: Desk, dealership: Dealership) -> None:
        dealership.pay(300_00)
        self.refused(desk, r"300\.00 roubles are on his account COMMISSION")
        desk.by_two("payments refund", f"{DEALER_ID}:COMMISSION", {"sum": "300.00"}, "1")
        dealership.refunding.round(ALWAYS)
        self.refused(desk, "refund F.* is on its way")

    def test_a_deposit_that_is_held_or_paid_back(self, desk: Desk, dealership: Dealership) -> None:
        dealership.buying()
        self.refused(desk, r"150000\.00 roubles are on his account DEPOSIT")
        dealership.fast_buyouts.release(CME_ID)
        self.refused(desk, "he is LEAVING, and waits for")

    def test_requisites_on_their_way(self, desk: Desk, dealership: Dealership) -> None:
        dealership.dealers.update_requisites(CME_ID, others())
        self.refused(desk, "he is ACTIVE, and waits for")

    def test_a_payment_that_waits_for_a_person(self, desk: Desk, dealership: Dealership) -> None:
        message = dealership.message(100_00)
        lost = replace(message, payment=replace(message.payment, invoice_id="invoice-of-nobody"))
        dealership.payments.take(lost)
        desk.clock.forward(minutes=20)
        dealership.rounds.round(ALWAYS)
        self.refused(desk, "payment Y.* waits for")

    def test_a_payment_that_was_taken_back(self, desk: Desk, dealership: Dealership) -> None:
        bill = dealership.billed(100_00)
        message = dealership.message(100_00, bill=bill)
        dealership.payments.take(message)
        dealership.system.take_back(message.payment.payment_id)
        dealership.payments.receive(dealership.system.outbox.messages()[-1].value.encode(), ALWAYS)
        self.refused(desk, "the bank has taken back a payment")

    @pytest.mark.parametrize("what", ["payment", "deposit", "refund", "requisites"])
    def test_what_begins_at_this_moment_is_first(self, desk: Desk, dealership: Dealership, what: str) -> None:
        """The confirmation's write looks itself at what was read."""
        dealership.fast_buyouts.add(CME_ID)
        dealership.onboard(DEALER_ID)
        deposit = store.account(dealership.table, DEALER_ID, AccountType.DEPOSIT)
        begins: dict[str, Callable[[], object]] = {
            "payment": lambda: dealership.pay(300_00),
            "deposit": lambda: dealership.payments.take(dealership.message(1_00, contract_id=deposit.contract_id)),
            "refund": lambda: desk.table.write(*agreed_on(desk)),
            "requisites": lambda: dealership.dealers.update_requisites(CME_ID, others()),
        }
        proposed = desk.proposals.propose(FORGET, DEALER_ID, {}, None, "he has left", "olga", dry_run=False)
        before_next_write(desk, begins[what])
        with pytest.raises(NotProposable, match="it has moved meanwhile"):
            desk.confirmed(proposed)
        assert dealership.sealing.requisites(DEALER_ID, 1) == COMPANY

    def test_one_alone_forgets_nobody(self, desk: Desk, dealership: Dealership) -> None:
        proposed = desk.proposals.propose(FORGET, DEALER_ID, {}, None, "he has left", "olga", dry_run=False)
        with pytest.raises(Exception, match="another operator confirms it"):
            desk.proposals.confirm(proposed.id, "so it is", "olga", dry_run=False)
        assert dealership.sealing.requisites(DEALER_ID, 1) == COMPANY


def agreed_on(desk: Desk) -> list[Write]:
    """The next refund of his account, as two operators write it."""
    refund = dealer_refunds.Refund(DEALER_ID, "COMMISSION", 1, 1_00, 1, "x", "olga, otto", desk.clock())
    return dealer_refunds.agree(refund)


def forgotten_at_once(desk: Desk) -> None:
    """As it is written, whatever is open."""
    desk.table.write(*dealers.forget(replace(dealers.standing(desk.table, DEALER_ID), accounts=()), desk.clock()))


class TestBack:
    def test_he_registers_anew_under_the_next_key(self, desk: Desk, dealership: Dealership) -> None:
        forgotten(desk)
        desk.clock.forward(minutes=1)
        anew = Offer("2026-12", desk.clock())
        back = dealership.dealers.register(CME_ID, others(), anew)
        assert (back.requisites_version, back.offer, back.forgotten_at) == (3, anew, None)
        assert dealership.onboard(DEALER_ID) == Stage.DONE
        assert dealership.sealing.requisites(DEALER_ID, 3) == others()
        with pytest.raises(DealerForgotten):
            dealership.sealing.requisites(DEALER_ID, 1)
        assert dealership.sealing.had_before(DEALER_ID, 3, COMPANY) is None
        with pytest.raises(DealerExists):
            dealership.dealers.register(CME_ID, others(), anew)

    def test_a_registration_of_before_is_a_late_repeat(self, desk: Desk, dealership: Dealership) -> None:
        """Whatever its time says: it is that of the offer that he has agreed to, or one that is still to come."""
        forgotten(desk)
        late, ahead = (replace(OFFER, accepted_at=desk.clock() + timedelta(minutes=by)) for by in (-1, 1))
        for offer in (OFFER, late, ahead):
            with pytest.raises(DealerExists):
                dealership.dealers.register(CME_ID, COMPANY, offer)
        for replaces in (None, 1, 3):
            with pytest.raises(DealerForgotten):
                dealership.dealers.update_requisites(CME_ID, COMPANY, replaces=replaces)
        assert dealer(dealership).forgotten_at is not None

    def test_he_who_had_left_comes_back_with_requisites_of_now(self, desk: Desk, dealership: Dealership) -> None:
        dealership.buying()
        dealership.fast_buyouts.release(CME_ID)
        dealership.run()
        for refund in dealership.system.all(records.Refund):
            dealership.system.settle_refund(refund.refund_id, "DONE")
        dealership.run(seconds=4 * 3600)
        assert dealer(dealership).status is DealerStatus.LEFT
        quiet(desk)
        forgotten(desk)
        with pytest.raises(DealerForgotten):
            dealership.fast_buyouts.add(CME_ID)
        gives_anew(dealership)
        assert dealership.fast_buyouts.add(CME_ID).made.status is DealerStatus.ACTIVE
        dealership.run()
        assert dealership.sealing.requisites(DEALER_ID, 3) == others()

    def test_he_may_be_forgotten_once_more(self, desk: Desk, dealership: Dealership) -> None:
        forgotten(desk)
        gives_anew(dealership)
        told = desk.proposals.propose(FORGET, DEALER_ID, {}, None, "he has left", "olga", dry_run=False)
        desk.confirmed(told)
        with pytest.raises(DealerForgotten):
            dealership.sealing.requisites(DEALER_ID, 3)
        with pytest.raises(DealerForgotten):
            dealership.dealers.update_requisites(CME_ID, others(), replaces=1)

    def test_what_was_proposed_of_requisites_is_not_done_to_the_next(self, desk: Desk, dealership: Dealership) -> None:
        told = desk.proposals.propose(FORGET, DEALER_ID, {}, None, "he has left", "olga", dry_run=False)
        dealership.dealers.update_requisites(CME_ID, others())
        dealership.onboard(DEALER_ID)
        with pytest.raises(NotProposable, match="he has given requisites since"):
            desk.confirmed(told)

    def test_two_who_bring_him_back_at_once_are_one(self, desk: Desk, dealership: Dealership) -> None:
        forgotten(desk)
        desk.clock.forward(minutes=1)
        anew = Offer("2026-12", desk.clock())
        before_next_write(desk, lambda: gives_anew(desk.dealership), containing="back, with requisites")
        with pytest.raises(DealerExists):
            desk.dealership.dealers.register(CME_ID, COMPANY, anew)
        assert dealer(dealership).requisites_version == 3
        assert dealership.sealing.requisites(DEALER_ID, 3) == others()

    @pytest.mark.parametrize("act", ["add", "release"])
    def test_nothing_is_begun_for_who_is_forgotten_meanwhile(
        self, desk: Desk, dealership: Dealership, act: str
    ) -> None:
        if act == "release":
            dealership.buying()
        before_next_write(desk, lambda: forgotten_at_once(desk))
        with pytest.raises(DealerForgotten):
            getattr(desk.dealership.fast_buyouts, act)(CME_ID)
        assert dealer(dealership).status is DealerStatus.ACTIVE
        assert len(dealership.dealers.accounts(dealer(dealership))) == (3 if act == "release" else 1)
