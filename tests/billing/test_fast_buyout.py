"""Fast buyout: two more accounts, a deposit that says up to what price, cars that are settled, and the way out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from common.domain.segments.model import SegmentNotFound
from common.gateways.billing import BillingUnavailable
from common.idempotency import Replayable
from functions.billing import deposit_store, model, store
from functions.billing.model import (
    AccountNotOpened,
    AccountNotReady,
    AccountStatus,
    AccountType,
    Bill,
    BillDiffers,
    BillStatus,
    BuyoutOpen,
    DealerLeaves,
    DealerNotFound,
    DealerStatus,
    DealNotFound,
    DepositEmpty,
    Operation,
    Release,
    ReleaseStatus,
)
from functions.billing.service.corrections import Change
from functions.billing.service.fast_buyout import RefundPending
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CHEAP, CME_ID, Dealership
from tests.billing.test_corrections import Between

SPENT = 900_000_00  # for a car


def account(dealership: Dealership, type_: AccountType) -> model.Account:
    return store.account(dealership.table, model.dealer_id(CME_ID), type_)


def deposit(dealership: Dealership, kopecks: int) -> None:
    contract_id = account(dealership, AccountType.DEPOSIT).contract_id
    dealership.payments.take(dealership.message(kopecks, contract_id=contract_id))


def settled(dealership: Dealership, kopecks: int = SPENT) -> Bill:
    """What the desk spent for the car of the next deal is billed."""
    deal_id = dealership.billed().deal_id
    bill = dealership.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, kopecks).made
    dealership.run()
    return dealership.bills.bill(bill.bill_id)


def refunds(dealership: Dealership) -> list[records.Refund]:
    return [*dealership.system.all(records.Refund)]


# Accounts


def test_fast_buyout_opens_two_accounts_at_the_billing_system(dealership: Dealership) -> None:
    dealer = dealership.active()
    added = dealership.fast_buyouts.add(CME_ID)
    assert (added.replayed, added.made.status, added.made.accounts) == (False, DealerStatus.ACTIVE, 3)
    dealership.run()
    accounts = store.accounts(dealership.table, dealer.dealer_id)
    assert {each.type for each in accounts} == {*AccountType}
    assert {each.status for each in accounts} == {AccountStatus.READY}
    assert {each.service for each in dealership.system.all(records.Contract)} == {*AccountType}
    assert len(dealership.system.all(records.Client)) == 3


def test_adding_fast_buyout_again_changes_nothing(buyer: Dealership) -> None:
    before = buyer.dynamo.items()
    assert buyer.fast_buyouts.add(CME_ID).replayed
    assert buyer.dynamo.items() == before
    with pytest.raises(DealerNotFound):
        buyer.fast_buyouts.add("nobody")


def test_fast_buyout_may_be_added_while_the_first_account_is_opened(dealership: Dealership) -> None:
    """The machine that opens the first finds that it is not the last, whenever it reads."""
    dealership.registered()
    dealer_id = model.dealer_id(CME_ID)
    for step in (dealership.onboarding.create_client, dealership.onboarding.create_payer):
        step(dealer_id)
    dealership.client = Between(dealership.dynamo, lambda: dealership.fast_buyouts.add(CME_ID))
    dealership.onboarding.create_contract(dealer_id)
    dealership.client = None
    dealership.run()
    assert {each.status for each in store.accounts(dealership.table, dealer_id)} == {AccountStatus.READY}
    assert dealership.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
    assert len(dealership.system.all(records.Contract)) == 3


# Segments


@pytest.mark.parametrize(
    ("more", "segment", "price_max"), [(0, "A", 1_000_000_00), (149_999_99, "A", 1_000_000_00), (150_000_00, "B", None)]
)
def test_the_deposit_sets_the_segment(buyer: Dealership, more: int, segment: str, price_max: int | None) -> None:
    if more:
        deposit(buyer, more)
    found = buyer.fast_buyouts.of(CME_ID)
    assert found.reason is None
    assert found.segment is not None
    assert (found.segment.segment_id, found.deposit_kopecks) == (segment, 150_000_00 + more)
    if price_max is not None:
        assert found.segment.price_max_kopecks == price_max


def test_a_dealer_is_told_why_he_may_not_bid(dealership: Dealership) -> None:
    dealership.active()
    dealership.lists(CHEAP)

    def told() -> str | None:
        return dealership.fast_buyouts.of(CME_ID).reason

    assert told() == "he has no accounts for it: add fast buyout"
    dealership.fast_buyouts.add(CME_ID)
    assert told() == "his accounts are being opened"
    dealership.run()
    assert told() == "his deposit is too small for any segment"
    deposit(dealership, 99_999_99)
    assert told() == "his deposit is too small for any segment"
    deposit(dealership, 1)
    assert told() is None


def test_who_has_not_paid_a_car_in_time_may_not_bid(buyer: Dealership) -> None:
    bill = settled(buyer)
    assert buyer.fast_buyouts.of(CME_ID).reason is None
    buyer.clock.forward(minutes=60 * 24 * 60)
    assert bill.bill_id in (buyer.fast_buyouts.of(CME_ID).reason or "")
    buyer.pay(SPENT, bill)
    assert buyer.fast_buyouts.of(CME_ID).reason is None


def test_a_segment_that_is_asked_for_may_be_too_dear_or_unknown(buyer: Dealership) -> None:
    assert buyer.fast_buyouts.of(CME_ID, "A").reason is None
    assert buyer.fast_buyouts.of(CME_ID, "B").reason == "segment B asks for a deposit of 300000.00"
    with pytest.raises(SegmentNotFound):
        buyer.fast_buyouts.of(CME_ID, "C")
    with pytest.raises(DealerNotFound):
        buyer.fast_buyouts.of("nobody", "A")


# Settlements


def test_a_deposit_that_was_paid_back_is_put_on_the_books_by_nobody(buyer: Dealership) -> None:
    """One execution has heard that it is paid, and a slow one that it was refused."""
    asked = buyer.fast_buyouts.release(CME_ID).made
    dealer, deposit = store.dealer(buyer.table, asked.dealer_id), account(buyer, AccountType.DEPOSIT)
    slow = deposit_store.refused(dealer, deposit, asked, "it says no", buyer.clock())
    buyer.table.write(*deposit_store.paid_back(dealer, asked, buyer.clock(), "it was paid back"))
    with pytest.raises(model.Moved):
        buyer.table.write(*slow)
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0
    assert store.dealer(buyer.table, asked.dealer_id).status is DealerStatus.LEFT


def test_a_car_is_settled_once_for_its_deal(buyer: Dealership) -> None:
    bill = settled(buyer)
    assert (bill.type, bill.status, bill.common_kopecks) == (AccountType.SETTLEMENT, BillStatus.PENDING, SPENT)
    again = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, bill.deal_id, SPENT)
    assert (again.replayed, again.made) == (True, bill)
    with pytest.raises(BillDiffers):
        buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, bill.deal_id, SPENT + 1)
    assert buyer.bills.deal(bill.deal_id).settlement_ids == (bill.bill_id,)
    buyer.pay(SPENT, bill)
    assert buyer.bills.bill(bill.bill_id).status is BillStatus.PAID


def test_a_settlement_asked_for_twice_at_once_is_one(buyer: Dealership) -> None:
    deal_id = buyer.billed().deal_id

    def ask() -> Replayable[Bill]:
        return buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, SPENT)

    buyer.client = Between(buyer.dynamo, ask)
    assert ask().replayed
    buyer.client = None
    assert len([each for each in buyer.bills.unpaid(CME_ID) if each.type is AccountType.SETTLEMENT]) == 1


def test_a_changed_winner_or_a_cancelled_deal_takes_the_settlement_back(buyer: Dealership) -> None:
    buyer.active("cme-8")
    bill = settled(buyer)
    buyer.pay(500_000_00, bill)
    buyer.corrections.change(bill.deal_id, "change", Change(cme_dealer_id="cme-8"))
    buyer.run()
    assert buyer.bills.bill(bill.bill_id).status is BillStatus.CANCELLED
    assert account(buyer, AccountType.SETTLEMENT).balance_kopecks == 500_000_00
    with pytest.raises(AccountNotOpened):
        buyer.bills.create(Operation.GET_SETTLEMENT, "cme-8", bill.deal_id, SPENT)
    with pytest.raises(DealNotFound):
        buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, bill.deal_id, SPENT)
    buyer.corrections.change(bill.deal_id, "back", Change(cme_dealer_id=CME_ID))
    new = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, bill.deal_id, SPENT + 1).made
    buyer.run()
    assert new.bill_id != bill.bill_id
    assert buyer.bills.bill(new.bill_id).paid_kopecks == 500_000_00


def test_a_changed_price_leaves_the_settlement_alone(buyer: Dealership) -> None:
    bill = settled(buyer)
    buyer.corrections.change(bill.deal_id, "change", Change(price_kopecks=2_000_000_00))
    buyer.run()
    assert buyer.bills.bill(bill.bill_id) == bill


def test_a_deposit_pays_nothing(buyer: Dealership) -> None:
    settled(buyer)
    deposit(buyer, 5_000_000_00)
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 5_150_000_00
    assert {bill.paid_kopecks for bill in buyer.bills.unpaid(CME_ID)} == {0}


# The deposit's way back


def released(dealership: Dealership, settle: str | None = "DONE") -> Release:
    release = dealership.fast_buyouts.release(CME_ID).made
    dealership.run()
    if settle is not None:
        (*_, refund) = refunds(dealership)
        dealership.system.settle_refund(refund.refund_id, settle)
        dealership.run(seconds=7200)
    return release


def test_a_dealer_who_leaves_gets_his_deposit_back(buyer: Dealership) -> None:
    release = released(buyer)
    (refund,) = refunds(buyer)
    assert (refund.kopecks, refund.contract_id) == (150_000_00, account(buyer, AccountType.DEPOSIT).contract_id)
    assert (release.status, release.kopecks) == (ReleaseStatus.ASKED, 150_000_00)
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0
    assert account(buyer, AccountType.DEPOSIT).released_kopecks == 150_000_00
    again = buyer.fast_buyouts.release(CME_ID)
    assert (again.replayed, again.made.status) == (True, ReleaseStatus.DONE)
    assert len(refunds(buyer)) == 1


def test_a_refund_takes_its_time_and_is_asked_for_once(buyer: Dealership) -> None:
    released(buyer, settle=None)
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEAVING
    again = buyer.fast_buyouts.release(CME_ID)
    assert (again.replayed, again.made.status) == (True, ReleaseStatus.SENT)
    buyer.run(seconds=3 * 86400)
    assert len(refunds(buyer)) == 1
    buyer.system.settle_refund(refunds(buyer)[0].refund_id, "DONE")
    buyer.run(seconds=7200)
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT
    assert not buyer.world.bugs


def test_a_refund_that_is_refused_is_on_the_deposit_again(buyer: Dealership) -> None:
    released(buyer, settle="REFUSED")
    dealer = buyer.dealers.dealer(CME_ID)
    assert (dealer.status, dealer.needs_person) == (DealerStatus.ACTIVE, False)
    assert dealer.reason is not None
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 150_000_00
    assert released(buyer).n == 2
    assert [refund.state for refund in refunds(buyer)] == ["REFUSED", "DONE"]


def test_a_definite_no_to_a_refund_is_a_refused_one(buyer: Dealership) -> None:
    buyer.refuses.add("refund")
    released(buyer, settle=None)
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 150_000_00


def test_a_no_to_a_refund_that_is_on_its_way_puts_nothing_back(buyer: Dealership) -> None:
    """Its first answer was lost; the repeat is refused, for the dealer is on a stop list by now."""
    buyer.fast_buyouts.release(CME_ID)
    buyer.trouble.drop_answer_next(Asked.REFUND)
    with pytest.raises(BillingUnavailable):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    buyer.refuses.add("refund")
    with pytest.raises(RefundPending):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0
    assert buyer.fast_buyouts.of(CME_ID).reason is not None
    buyer.refuses.clear()
    buyer.system.settle_refund(refunds(buyer)[0].refund_id, "DONE")
    buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT


def test_a_no_to_a_refund_that_was_sent_puts_nothing_back(buyer: Dealership) -> None:
    buyer.fast_buyouts.release(CME_ID)
    with pytest.raises(RefundPending):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    buyer.refuses.add("refund")
    with pytest.raises(RefundPending):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0


def test_a_no_puts_no_deposit_back_while_a_lost_request_may_be_carried_out(buyer: Dealership) -> None:
    """The first is held up on its way, and is carried out when the second was refused."""
    lost_then_refused(buyer)
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0
    buyer.trouble.let_go()
    buyer.refuses.clear()
    with pytest.raises(RefundPending):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    buyer.system.settle_refund(refunds(buyer)[0].refund_id, "DONE")
    buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT


def test_a_no_puts_the_deposit_back_when_a_lost_request_is_over(buyer: Dealership) -> None:
    lost_then_refused(buyer)
    for _ in range(11):
        buyer.clock.forward(minutes=5)
        with pytest.raises(RefundPending):
            buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    buyer.clock.forward(minutes=5)
    buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 150_000_00


def test_a_no_to_one_of_two_executions_puts_no_deposit_back(buyer: Dealership) -> None:
    """The other's request is noted meanwhile, and held up on its way."""
    buyer.fast_buyouts.release(CME_ID)

    def another_execution() -> None:
        buyer.while_refunding = lambda: None
        buyer.trouble.hold_up_next(Asked.REFUND)
        buyer.clock.forward(seconds=1)
        with pytest.raises(BillingUnavailable):
            buyer.releasing.release_deposit(model.dealer_id(CME_ID))
        buyer.refuses.add("refund")

    buyer.while_refunding = another_execution
    buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEAVING
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0


def lost_then_refused(buyer: Dealership) -> None:
    buyer.fast_buyouts.release(CME_ID)
    buyer.trouble.hold_up_next(Asked.REFUND)
    with pytest.raises(BillingUnavailable):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    buyer.refuses.add("refund")
    with pytest.raises(RefundPending, match="may be carried out until"):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))


def test_an_unknown_refund_is_not_a_failed_one(buyer: Dealership) -> None:
    buyer.fast_buyouts.release(CME_ID)
    buyer.trouble.drop_answer_next(Asked.REFUND)
    with pytest.raises(BillingUnavailable):
        buyer.releasing.release_deposit(model.dealer_id(CME_ID))
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 0
    buyer.run()
    assert len(refunds(buyer)) == 1


@pytest.mark.parametrize("paid", [0, SPENT - 1])
def test_a_deposit_stays_while_a_car_is_not_paid(buyer: Dealership, paid: int) -> None:
    bill = settled(buyer)
    if paid:
        buyer.pay(paid, bill)
    before = buyer.dynamo.items()
    with pytest.raises(BuyoutOpen) as refused:
        buyer.fast_buyouts.release(CME_ID)
    assert refused.value.facts["bill_id"] == bill.bill_id
    assert buyer.dynamo.items() == before
    buyer.pay(SPENT - paid, bill)
    assert buyer.fast_buyouts.release(CME_ID).made.kopecks == 150_000_00


def test_a_commission_that_is_not_paid_does_not_hold_the_deposit(buyer: Dealership) -> None:
    buyer.billed()
    assert not buyer.fast_buyouts.release(CME_ID).replayed


def test_a_settlement_made_while_the_deposit_is_released_decides(buyer: Dealership) -> None:
    """Whichever of the two is written first, the other reads again: the car was his before."""
    deal_id = buyer.billed().deal_id
    settle: Callable[[], object] = lambda: buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, SPENT)  # noqa: E731
    buyer.client = Between(buyer.dynamo, settle)
    with pytest.raises(BuyoutOpen):
        buyer.fast_buyouts.release(CME_ID)
    buyer.client = None
    buyer.run()
    buyer.pay(SPENT, buyer.bills.bill(buyer.bills.deal(deal_id).settlement_ids[-1]))
    other = buyer.billed().deal_id
    buyer.client = Between(buyer.dynamo, lambda: buyer.fast_buyouts.release(CME_ID))
    assert not buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, other, SPENT).replayed
    buyer.client = None
    buyer.run()
    assert refunds(buyer) == []


def test_what_comes_while_the_deposit_is_paid_back_is_paid_back_next(buyer: Dealership) -> None:
    buyer.fast_buyouts.release(CME_ID)
    deposit(buyer, 70_00)
    buyer.run()
    buyer.system.settle_refund(refunds(buyer)[0].refund_id, "DONE")
    buyer.run(seconds=7200)
    assert account(buyer, AccountType.DEPOSIT).balance_kopecks == 70_00
    assert released(buyer).kopecks == 70_00
    assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT


def test_who_has_left_may_not_bid_and_may_come_back(buyer: Dealership) -> None:
    buyer.fast_buyouts.release(CME_ID)
    buyer.clock.forward(seconds=1)
    deal_id = buyer.billed().deal_id
    with pytest.raises(DealerLeaves):
        buyer.fast_buyouts.add(CME_ID)
    released(buyer)
    assert buyer.fast_buyouts.of(CME_ID).reason == "his deposit is paid back: add fast buyout again"
    with pytest.raises(DealerLeaves):
        buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, SPENT)
    assert buyer.fast_buyouts.add(CME_ID).made.status is DealerStatus.ACTIVE
    deposit(buyer, 100_000_00)
    assert buyer.fast_buyouts.of(CME_ID).reason is None
    assert not buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, SPENT).replayed


def test_there_is_nothing_to_release_without_a_deposit(dealership: Dealership) -> None:
    with pytest.raises(DealerNotFound):
        dealership.fast_buyouts.release(CME_ID)
    dealership.active()
    with pytest.raises(AccountNotOpened):
        dealership.fast_buyouts.release(CME_ID)
    dealership.fast_buyouts.add(CME_ID)
    with pytest.raises(AccountNotReady):
        dealership.fast_buyouts.release(CME_ID)
    dealership.run()
    with pytest.raises(DepositEmpty):
        dealership.fast_buyouts.release(CME_ID)
