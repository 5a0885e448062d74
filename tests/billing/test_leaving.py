"""A dealer leaves: what he owed before is billed, his deposit goes to nobody else, and it is paid back once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from common.errors import NotFound
from common.gateways.billing import BillingUnavailable, Requisites
from common.requisites import violations
from functions.billing import deposit_store, model, store
from functions.billing.model import (
    AccountNotReady,
    AccountType,
    Bill,
    DealerLeaves,
    DealerStatus,
    Operation,
    Release,
    ReleasedBefore,
    ReleaseStatus,
)
from functions.billing.service.corrections import Change
from functions.billing.service.fast_buyout import RefundPending
from functions.operations.model import NotProposable
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CHEAP, CME_ID, DEAR, Dealership
from tests.common.test_requisites import COMPANY
from tests.desk import Desk

SPENT, DEPOSIT = 900_000_00, 150_000_00
DEALER_ID = model.dealer_id(CME_ID)


@pytest.fixture
def desk() -> Iterator[Desk]:
    """With a dealer of 150,000.00 on his deposit."""
    desk = Desk()
    desk.dealership.active()
    desk.dealership.lists(CHEAP, DEAR)
    desk.dealership.buying(DEPOSIT)
    yield desk
    desk.dealership.check()
    assert not desk.world.bugs


@pytest.fixture
def buyer(desk: Desk) -> Dealership:
    return desk.dealership


def others() -> Requisites:
    """Of a stranger, at the same bank."""
    accounts = (f"{COMPANY.account[:-4]}{n:04}" for n in range(10_000))
    found = (replace(COMPANY, account=account, name="ООО «Чужой»") for account in accounts)
    return next(each for each in found if each.account != COMPANY.account and not violations(each))


def settle(buyer: Dealership, deal_id: str, kopecks: int = SPENT) -> Bill:
    made = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, kopecks).made
    buyer.run()
    return buyer.bills.bill(made.bill_id)


def refunds(buyer: Dealership) -> list[records.Refund]:
    return list(buyer.system.all(records.Refund))


def payer_of_deposit(buyer: Dealership) -> str:
    """The bank account that it is paid back to."""
    deposit = store.account(buyer.table, DEALER_ID, AccountType.DEPOSIT)
    contract = buyer.system.find(records.Contract, deposit.contract_id or "")
    return str(buyer.system.find(records.Person, contract.person_id).details["account"])


def latest(buyer: Dealership) -> Release:
    found = deposit_store.release(buyer.table, buyer.dealers.dealer(CME_ID))
    assert found is not None
    return found


def paid_by_the_bank(buyer: Dealership) -> None:
    buyer.system.settle_refund(refunds(buyer)[-1].refund_id, "DONE")
    buyer.run(seconds=7200)


def decided(desk: Desk, command: str) -> None:
    """By two operators."""
    told = desk.proposals.propose(command, DEALER_ID, {}, "call 7", "he was called", "olga", dry_run=False)
    desk.proposals.confirm(told.id, "so it is", "otto", dry_run=False)
    desk.dealership.run(seconds=600)


def billed_before_call(n: int, buyer: Dealership, deal_id: str) -> bool | None:
    """A car, just before this call to the table of the step that asks for the deposit. Whether the request was noted
    by then; None where the step makes fewer calls."""
    calls, was_noted = count(), []

    def bill(stage: str) -> None:
        if stage == "call" and next(calls) == n:
            was_noted.append(latest(buyer).tried_at is not None)
            buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, SPENT)

    buyer.dynamo.pause = bill
    with suppress(RefundPending):
        buyer.releasing.release_deposit(DEALER_ID)
    buyer.dynamo.pause = None
    return was_noted[0] if was_noted else None


class TestOwes:
    def test_a_car_bought_before_he_asked_is_billed_and_holds_the_deposit(self, buyer: Dealership) -> None:
        deal_id = buyer.billed().deal_id
        buyer.fast_buyouts.release(CME_ID)
        bill = settle(buyer, deal_id)
        assert refunds(buyer) == []
        release = buyer.fast_buyouts.release(CME_ID)
        assert (release.replayed, release.made.status) == (True, ReleaseStatus.ASKED)
        assert bill.bill_id in (release.made.reason or "")
        buyer.pay(SPENT, bill)
        buyer.run(seconds=600)
        assert [refund.kopecks for refund in refunds(buyer)] == [DEPOSIT]
        paid_by_the_bank(buyer)
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT

    def test_a_car_billed_in_the_moment_before_the_desk_asks_holds_the_deposit(self) -> None:
        """Before each call to the table in turn: the billing system is asked only where that was noted already."""
        for n in range(100):
            buyer = Desk().dealership
            buyer.active()
            deal_id = buyer.buying(DEPOSIT).billed().deal_id
            buyer.fast_buyouts.release(CME_ID)
            was_noted = billed_before_call(n, buyer, deal_id)
            if was_noted is None:
                break
            buyer.run()
            assert bool(refunds(buyer)) is was_noted
        assert n > 5

    def test_a_car_bought_before_he_left_is_billed_when_he_is_gone(self, buyer: Dealership) -> None:
        deal_id = buyer.billed().deal_id
        buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        paid_by_the_bank(buyer)
        assert settle(buyer, deal_id).common_kopecks == SPENT

    @pytest.mark.parametrize("gone", [False, True])
    def test_a_car_bought_after_he_asked_is_not_billed(self, buyer: Dealership, gone: bool) -> None:
        buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        if gone:
            paid_by_the_bank(buyer)
        deal_id = buyer.billed().deal_id
        with pytest.raises(DealerLeaves):
            settle(buyer, deal_id)

    def test_a_car_that_became_his_after_he_asked_is_not_billed(self, buyer: Dealership) -> None:
        buyer.active("cme-8")
        deal_id = buyer.billed(cme_dealer_id="cme-8").deal_id
        buyer.fast_buyouts.release(CME_ID)
        buyer.corrections.change(deal_id, "winner", Change(cme_dealer_id=CME_ID))
        with pytest.raises(DealerLeaves):
            settle(buyer, deal_id)

    def test_a_settlement_that_is_raised_holds_the_deposit_too(self, buyer: Dealership) -> None:
        buyer.pay(1_00, settle(buyer, buyer.billed().deal_id, 1_00))
        buyer.fast_buyouts.release(CME_ID)
        buyer.corrections.change("deal-1", "typo", Change(settlement_kopecks=SPENT))
        buyer.run()
        assert refunds(buyer) == []
        buyer.pay(SPENT - 1_00)
        (rest,) = [bill for bill in buyer.bills.unpaid(CME_ID) if bill.type is AccountType.SETTLEMENT]
        buyer.pay(SPENT - 1_00, rest)
        buyer.run(seconds=600)
        assert len(refunds(buyer)) == 1


class TestLimit:
    def test_a_deposit_secures_cars_of_its_limit_together(self, buyer: Dealership) -> None:
        """Of 1,000,000.00: one that is not paid leaves so much for the next."""
        bill = settle(buyer, buyer.billed().deal_id, 300_000_00)
        found = buyer.fast_buyouts.of(CME_ID)
        assert (found.reason, found.owed_kopecks, found.price_max_kopecks) == (None, 300_000_00, 700_000_00)
        assert buyer.fast_buyouts.of(CME_ID, "A").reason is not None, "a car of segment A may cost more than that"
        buyer.pay(300_000_00, bill)
        assert buyer.fast_buyouts.of(CME_ID, "A").reason is None

    def test_who_owes_all_that_his_deposit_allows_may_not_bid(self, buyer: Dealership) -> None:
        bill = settle(buyer, buyer.billed().deal_id, 1_000_000_00)
        found = buyer.fast_buyouts.of(CME_ID)
        assert (found.reason, found.price_max_kopecks) == (
            "his deposit allows cars of 1000000.00 together, and he owes 1000000.00 for those that he has",
            0,
        )
        buyer.pay(1_00, bill)
        assert buyer.fast_buyouts.of(CME_ID).price_max_kopecks == 1_00

    def test_what_the_desk_has_paid_is_billed_beyond_any_limit(self, buyer: Dealership) -> None:
        for _ in range(2):
            assert settle(buyer, buyer.billed().deal_id, 1_000_000_00).takes_money
        assert buyer.fast_buyouts.of(CME_ID).price_max_kopecks == 0


class TestWhere:
    def test_new_requisites_do_not_turn_a_deposit_on_its_way(self, buyer: Dealership) -> None:
        buyer.fast_buyouts.release(CME_ID)
        buyer.dealers.update_requisites(CME_ID, others())
        buyer.run()
        assert (len(refunds(buyer)), payer_of_deposit(buyer)) == (1, COMPANY.account)
        paid_by_the_bank(buyer)
        dealer = buyer.dealers.dealer(CME_ID)
        assert (dealer.status, dealer.requisites_version) == (DealerStatus.LEFT, 2)
        assert payer_of_deposit(buyer) == others().account, "his later invoices have the new ones"
        assert not any("open_work" in item for item in buyer.dynamo.items() if item["entity_type"]["S"] == "dealer")

    def test_a_refused_refund_lets_new_requisites_reach_the_payer(self, buyer: Dealership) -> None:
        buyer.fast_buyouts.release(CME_ID)
        buyer.dealers.update_requisites(CME_ID, others())
        buyer.run()
        buyer.system.settle_refund(refunds(buyer)[0].refund_id, "REFUSED")
        buyer.run(seconds=7200)
        assert (buyer.dealers.dealer(CME_ID).status, payer_of_deposit(buyer)) == (DealerStatus.ACTIVE, others().account)

    def test_a_deposit_goes_to_other_requisites_when_two_operators_say_so(self, desk: Desk, buyer: Dealership) -> None:
        buyer.dealers.update_requisites(CME_ID, others())
        buyer.run()
        release = buyer.fast_buyouts.release(CME_ID).made
        assert (release.status, release.requisites_version) == (ReleaseStatus.HELD, 2)
        buyer.run(seconds=7200)
        assert refunds(buyer) == []
        acts = [act.command for act in desk.operations.story(DEALER_ID).acts]
        assert acts == ["work redrive", "deposits let-go", "deposits keep"]
        before = buyer.dynamo.items()
        told = desk.proposals.propose("deposits let-go", DEALER_ID, {}, "call 7", "called", "olga", dry_run=True)
        assert not told.done
        assert buyer.dynamo.items() == before
        decided(desk, "deposits let-go")
        assert [refund.kopecks for refund in refunds(buyer)] == [DEPOSIT]
        paid_by_the_bank(buyer)
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT

    def test_a_deposit_that_two_operators_keep_is_on_the_account_again(self, desk: Desk, buyer: Dealership) -> None:
        buyer.dealers.update_requisites(CME_ID, others())
        buyer.run()
        buyer.fast_buyouts.release(CME_ID)
        decided(desk, "deposits keep")
        dealer, deposit = buyer.dealers.dealer(CME_ID), store.account(buyer.table, DEALER_ID, AccountType.DEPOSIT)
        assert (dealer.status, deposit.balance_kopecks, latest(buyer).status) == (
            DealerStatus.ACTIVE,
            DEPOSIT,
            ReleaseStatus.REFUSED,
        )
        assert refunds(buyer) == []
        assert buyer.fast_buyouts.release(CME_ID).made.status is ReleaseStatus.HELD, "each release is looked at"

    def test_requisites_that_change_while_it_is_held_are_not_those_decided_on(
        self, desk: Desk, buyer: Dealership
    ) -> None:
        second, third = replace(COMPANY, bank_name="Банк «Другой»"), others()
        buyer.dealers.update_requisites(CME_ID, second)
        buyer.run()
        buyer.fast_buyouts.release(CME_ID)
        buyer.dealers.update_requisites(CME_ID, third)
        buyer.run(seconds=7200)
        assert refunds(buyer) == []
        decided(desk, "deposits let-go")
        assert (len(refunds(buyer)), payer_of_deposit(buyer)) == (1, second.account)

    def test_a_deposit_waits_for_requisites_that_are_on_their_way(self, buyer: Dealership) -> None:
        buyer.dealers.update_requisites(CME_ID, others())
        with pytest.raises(AccountNotReady):
            buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        assert buyer.fast_buyouts.release(CME_ID).made.status is ReleaseStatus.HELD


class TestRepeats:
    def test_a_late_repeat_does_not_release_the_next_deposit(self, buyer: Dealership) -> None:
        first = buyer.fast_buyouts.release(CME_ID, "cme 1").made
        buyer.run()
        paid_by_the_bank(buyer)
        buyer.fast_buyouts.add(CME_ID)
        buyer.buying(100_000_00)
        again = buyer.fast_buyouts.release(CME_ID, "cme 1")
        assert (again.replayed, again.made.n, again.made.status) == (True, first.n, ReleaseStatus.DONE)
        with pytest.raises(ReleasedBefore):
            buyer.fast_buyouts.release(CME_ID)
        assert store.account(buyer.table, DEALER_ID, AccountType.DEPOSIT).balance_kopecks == 100_000_00
        second = buyer.fast_buyouts.release(CME_ID, "cme 2")
        assert (second.replayed, second.made.n, second.made.kopecks) == (False, 2, 100_000_00)

    def test_all_that_ask_while_it_is_on_its_way_ask_for_the_same(self, buyer: Dealership) -> None:
        """Also those who repeat it, late, once he has come back."""
        keys = ("cme 1", None, "lotus 1")
        assert [buyer.fast_buyouts.release(CME_ID, key).replayed for key in keys] == [False, True, True]
        buyer.run()
        paid_by_the_bank(buyer)
        assert buyer.fast_buyouts.release(CME_ID, "lotus 2").made.status is ReleaseStatus.DONE
        buyer.fast_buyouts.add(CME_ID)
        buyer.buying(100_000_00)
        for key in ("cme 1", "lotus 1", "lotus 2"):
            again = buyer.fast_buyouts.release(CME_ID, key)
            assert (again.replayed, again.made.n) == (True, 1)
        assert buyer.fast_buyouts.of(CME_ID).reason is None


class TestPaid:
    """The billing system pays a deposit back, and does not say so."""

    def refused_though_paid(self, buyer: Dealership) -> None:
        buyer.fast_buyouts.release(CME_ID)
        buyer.trouble.drop_answer_next(Asked.REFUND)
        with pytest.raises(BillingUnavailable):
            buyer.releasing.release_deposit(DEALER_ID)
        buyer.refuses.add("refund")
        with pytest.raises(RefundPending):
            buyer.releasing.release_deposit(DEALER_ID)

    def test_two_operators_end_a_refund_that_is_refused_though_it_is_paid(self, desk: Desk, buyer: Dealership) -> None:
        self.refused_though_paid(buyer)
        story = desk.operations.story(DEALER_ID)
        assert "refuses to pay back what it pays back" in (story.waits_for or "")
        assert "deposits paid" in [act.command for act in story.acts]
        decided(desk, "deposits paid")
        assert (buyer.dealers.dealer(CME_ID).status, latest(buyer).status) == (DealerStatus.LEFT, ReleaseStatus.DONE)
        deposit = store.account(buyer.table, DEALER_ID, AccountType.DEPOSIT)
        assert (deposit.balance_kopecks, deposit.released_kopecks) == (0, DEPOSIT)

    def test_two_operators_end_a_refund_that_stays_pending(self, desk: Desk, buyer: Dealership) -> None:
        buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        assert latest(buyer).status is ReleaseStatus.SENT
        decided(desk, "deposits paid")
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT

    @pytest.mark.parametrize("less", [-1, 1])
    def test_what_their_own_sum_does_not_say_is_not_paid(self, desk: Desk, buyer: Dealership, less: int) -> None:
        """Neither less nor more than was asked for."""
        self.refused_though_paid(buyer)
        (refund,) = refunds(buyer)
        buyer.system._made[refund.refund_id] = replace(refund, kopecks=refund.kopecks - less)
        decided(desk, "deposits paid")
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEAVING
        assert latest(buyer).status is ReleaseStatus.ASKED

    def test_a_ruling_is_on_one_release(self, desk: Desk, buyer: Dealership) -> None:
        self.refused_though_paid(buyer)
        decided(desk, "deposits paid")
        buyer.refuses.clear()
        buyer.fast_buyouts.add(CME_ID)
        buyer.buying(100_000_00)
        buyer.fast_buyouts.release(CME_ID, "next")
        buyer.run()
        assert (latest(buyer).n, latest(buyer).status) == (2, ReleaseStatus.SENT)

    def test_nothing_is_decided_of_a_deposit_that_nobody_has_asked_for(self, desk: Desk) -> None:
        for command in ("deposits let-go", "deposits keep", "deposits paid"):
            with pytest.raises((NotProposable, NotFound)):
                decided(desk, command)
