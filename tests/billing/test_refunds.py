"""What is on an account and pays nothing goes back to its dealer: two operators agree on it, the clock does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from common import keys
from common.domain import dealer_refunds, timeline
from common.domain.comparisons import Verdict
from common.domain.dealer_refunds import Refund, Status
from common.gateways.billing import BillingUnavailable
from common.requisites import Requisites, violations
from functions.billing import model, refund_store, store
from functions.billing.model import Account, AccountType, DealerStatus, Operation
from functions.billing.service.corrections import Change
from functions.operations.model import NotProposable
from sandbox.billing import records
from sandbox.billing.faults import Operation as Asked
from tests.billing.dealership import CHEAP, CME_ID, DEAR
from tests.common.test_requisites import COMPANY
from tests.desk import Desk

REFERENCE, BECAUSE = "his letter of 2026-11-21", "he has paid twice"
SPARE = 300_00
ALWAYS = lambda: True  # noqa: E731


@pytest.fixture
def desk() -> Desk:
    return with_spare()


def with_spare() -> Desk:
    """With a dealer on whose account are 300.00 that pay nothing."""
    made = Desk()
    made.dealership.active()
    made.dealership.pay(SPARE)
    return made


def named(type_: AccountType = AccountType.COMMISSION, cme_dealer_id: str = CME_ID) -> str:
    return keys.BILLING_ACCOUNT.id_of(keys.BILLING_ACCOUNT(dealer_id=model.dealer_id(cme_dealer_id), type=type_))


def proposed(desk: Desk, sum_: str, thing_id: str | None = None, *, dry_run: bool = False) -> str:
    told = desk.proposals.propose(
        "payments refund", thing_id or named(), {"sum": sum_}, REFERENCE, BECAUSE, "olga", dry_run=dry_run
    )
    return told.id


def agreed(desk: Desk, sum_: str, thing_id: str | None = None) -> None:
    desk.proposals.confirm(proposed(desk, sum_, thing_id), BECAUSE, "otto", dry_run=False)
    desk.dealership.check()


def clock(desk: Desk, *, minutes: int = 16) -> Refund:
    """A round, and a while; the refund as it is then."""
    desk.dealership.refunding.round(ALWAYS)
    desk.dealership.check()
    desk.clock.forward(minutes=minutes)
    return refunds(desk)[-1]


def refunds(desk: Desk) -> list[Refund]:
    ids = [item["PK"]["S"] for item in desk.dynamo.items() if item["entity_type"]["S"] == "refund"]
    return sorted((refund_store.refund(desk.table, each) for each in ids), key=lambda refund: refund.n)


def there(desk: Desk) -> Sequence[records.Refund]:
    return desk.dealership.system.all(records.Refund)


def settled(desk: Desk, state: str = "DONE") -> None:
    desk.dealership.system.settle_refund(there(desk)[-1].refund_id, state)


def money(account: Account) -> tuple[int, int, int]:
    return account.received_kopecks, account.balance_kopecks, account.released_kopecks


class TestPaidBack:
    def test_a_part_of_what_is_spare(self, desk: Desk) -> None:
        dealership = desk.dealership
        agreed(desk, "100.00")
        assert money(dealership.account()) == (SPARE, SPARE, 0), "no money moves before the clock has come"
        assert clock(desk).status is Status.SENT
        assert money(dealership.account()) == (SPARE, 200_00, 100_00)
        (refund,) = there(desk)
        assert (refund.kopecks, refund.contract_id) == (100_00, dealership.account().contract_id)
        settled(desk)
        assert clock(desk).status is Status.DONE
        assert clock(desk).status is Status.DONE
        assert (len(there(desk)), dealership.account().refund_id) == (1, None)
        told = [event.reason or "" for event in timeline.of(desk.table, named())]
        assert sum("refund" in why for why in told) >= 4

    def test_one_after_the_other(self, desk: Desk) -> None:
        for _ in range(3):
            agreed(desk, "100.00")
            clock(desk)
            settled(desk)
            assert clock(desk).status is Status.DONE
        assert money(desk.dealership.account()) == (SPARE, 0, SPARE)
        with pytest.raises(NotProposable, match="there is nothing on it"):
            proposed(desk, "100.00")

    def test_the_car_of_one_who_has_left_and_that_went_to_another(self, desk: Desk) -> None:
        """He has paid it; nobody but two operators can give it back to him."""
        buyer = desk.dealership
        buyer.active("cme-8")
        buyer.lists(CHEAP, DEAR)
        buyer.buying()
        deal_id = buyer.billed(10_00).deal_id  # from what is spare
        bill = buyer.bills.create(Operation.GET_SETTLEMENT, CME_ID, deal_id, 900_000_00).made
        buyer.run()
        buyer.pay(900_000_00, buyer.bills.bill(bill.bill_id))
        buyer.fast_buyouts.release(CME_ID)
        buyer.run()
        settled(desk)
        buyer.run(seconds=7200)
        buyer.corrections.change(deal_id, "key", Change(cme_dealer_id="cme-8"))
        buyer.run()
        agreed(desk, "900000.00", named(AccountType.SETTLEMENT))
        clock(desk)
        settled(desk)
        assert clock(desk).status is Status.DONE
        assert buyer.dealers.dealer(CME_ID).status is DealerStatus.LEFT
        settlement = store.account(desk.table, model.dealer_id(CME_ID), AccountType.SETTLEMENT)
        assert money(settlement) == (900_000_00, 0, 900_000_00)

    def test_his_statement_and_the_comparison_tell_it(self, desk: Desk) -> None:
        dealership = desk.dealership
        agreed(desk, "300.00")
        assert compared(desk) is Verdict.AGREES
        dealership.trouble.drop_answer_next(Asked.REFUND)
        clock(desk)  # asked for: the answer is lost
        assert compared(desk) is Verdict.AGREES, "both have it"
        settled(desk)
        clock(desk)
        assert compared(desk) is Verdict.AGREES
        (statement,) = dealership.statements.of(CME_ID, "2026-11").accounts
        assert [line.entry.kopecks for line in statement.lines] == [SPARE, -SPARE]


def compared(desk: Desk) -> Verdict:
    found, _ = desk.dealership.comparing.part("olga", None, ALWAYS)
    return found.verdict


class TestNotPaidBack:
    def test_one_that_is_on_its_way_is_no_difference(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.down = True
        clock(desk)
        desk.dealership.trouble.down = False
        assert refunds(desk)[0].status is Status.ASKED
        assert compared(desk) is Verdict.UNKNOWN

    def test_unknown_is_not_failed(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.drop_answer_next(Asked.REFUND)
        assert clock(desk).status is Status.ASKED
        assert desk.dealership.account().balance_kopecks == 0
        assert clock(desk).status is Status.SENT
        assert len(there(desk)) == 1

    def test_what_the_bank_refuses_is_on_the_account_again(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        clock(desk)
        settled(desk, "REFUSED")
        assert clock(desk).status is Status.REFUSED
        assert money(desk.dealership.account()) == (SPARE, SPARE, 0)
        agreed(desk, "300.00")
        clock(desk)
        settled(desk)
        assert clock(desk).status is Status.DONE
        assert [refund.state for refund in there(desk)] == ["REFUSED", "DONE"]

    def test_a_definite_no_puts_it_back(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.refuses.add("refund")
        assert clock(desk).status is Status.REFUSED
        assert money(desk.dealership.account()) == (SPARE, SPARE, 0)

    def test_a_no_to_what_is_on_its_way_puts_nothing_back_and_a_person_looks(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.drop_answer_next(Asked.REFUND)
        clock(desk)
        desk.dealership.refuses.add("refund")
        stopped = clock(desk)
        assert (stopped.status, stopped.needs_person) == (Status.ASKED, True)
        assert desk.dealership.account().balance_kopecks == 0
        (waiting,) = desk.operations.work(["refunds"], overdue_only=False, limit=10)
        assert waiting.needs_person
        desk.dealership.refuses.clear()
        settled(desk)
        desk.asking_again.retry_refund(stopped.refund_id, "they have looked", "olga", dry_run=False)
        desk.clock.forward(minutes=2)
        assert clock(desk).status is Status.DONE

    def test_a_bill_that_comes_in_between_is_paid_first(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        bill = desk.dealership.billed(120_00, invoice=False)
        refused = clock(desk)
        assert (refused.status, there(desk)) == (Status.REFUSED, [])
        assert refused.reason == f"bill {bill.bill_id} is open, and takes it"
        with pytest.raises(NotProposable, match="is open, and takes what is on it"):
            proposed(desk, "300.00")
        desk.dealership.invoicing.create_invoice(bill.bill_id)
        agreed(desk, "180.00")
        clock(desk)
        assert money(desk.dealership.account()) == (SPARE, 0, 180_00)

    def test_it_goes_to_the_requisites_that_two_have_looked_at(self, desk: Desk) -> None:
        """One who may tell us new ones turns no money by that: neither before it is asked for, nor after."""
        dealership = desk.dealership
        agreed(desk, "300.00")
        dealership.dealers.update_requisites(CME_ID, other_account())
        refused = clock(desk)
        assert (refused.status, there(desk)) == (Status.REFUSED, [])
        assert refused.reason == "he has other requisites than 1, which two operators have looked at"
        dealership.run()
        agreed(desk, "300.00")
        dealership.trouble.down = True
        clock(desk, minutes=60)  # what may be on its way is over by then
        dealership.dealers.update_requisites(CME_ID, COMPANY, 2)
        dealership.trouble.down = False
        assert (clock(desk).status, there(desk)) == (Status.REFUSED, [])
        assert money(dealership.account()) == (SPARE, SPARE, 0)

    def test_a_no_puts_nothing_back_while_a_lost_request_may_be_carried_out(self, desk: Desk) -> None:
        """The first is held up on its way; the second is refused meanwhile."""
        agreed(desk, "300.00")
        desk.dealership.trouble.hold_up_next(Asked.REFUND)
        assert clock(desk).status is Status.ASKED
        desk.dealership.refuses.add("refund")
        refused = clock(desk)
        assert (refused.status, refused.needs_person) == (Status.ASKED, False)
        assert desk.dealership.account().balance_kopecks == 0
        desk.dealership.trouble.let_go()
        desk.dealership.refuses.clear()
        clock(desk, minutes=60)
        assert clock(desk).status is Status.SENT
        settled(desk)
        assert clock(desk).status is Status.DONE
        assert money(desk.dealership.account()) == (SPARE, 0, SPARE)

    def test_a_no_puts_it_back_when_a_lost_request_is_over(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.hold_up_next(Asked.REFUND)
        clock(desk)
        desk.dealership.refuses.add("refund")
        clock(desk, minutes=29)
        assert clock(desk, minutes=15).status is Status.ASKED
        assert clock(desk).status is Status.REFUSED
        assert money(desk.dealership.account()) == (SPARE, SPARE, 0)

    def test_a_no_to_one_of_two_rounds_puts_nothing_back(self, desk: Desk) -> None:
        """The other's request is noted meanwhile, and held up on its way."""
        dealership = desk.dealership
        agreed(desk, "300.00")
        (refund,) = refunds(desk)

        def another_round() -> None:
            dealership.while_refunding = lambda: None
            dealership.trouble.hold_up_next(Asked.REFUND)
            desk.clock.forward(seconds=1)
            with pytest.raises(BillingUnavailable):
                dealership.refunding.go_on(refund.refund_id)
            dealership.refuses.add("refund")

        dealership.while_refunding = another_round
        dealership.refunding.go_on(refund.refund_id)
        assert refunds(desk)[0].status is Status.ASKED
        assert dealership.account().balance_kopecks == 0

    def test_other_requisites_put_nothing_back_while_a_request_may_come(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.hold_up_next(Asked.REFUND)
        clock(desk)
        desk.dealership.dealers.update_requisites(CME_ID, other_account())
        assert clock(desk).status is Status.ASKED
        assert desk.dealership.account().balance_kopecks == 0
        desk.dealership.trouble.let_go()
        clock(desk, minutes=60)
        assert clock(desk).status is Status.SENT
        assert len(there(desk)) == 1

    def test_other_requisites_put_it_back_when_a_lost_request_is_over(self, desk: Desk) -> None:
        agreed(desk, "300.00")
        desk.dealership.trouble.hold_up_next(Asked.REFUND)
        clock(desk)
        desk.dealership.dealers.update_requisites(CME_ID, other_account())
        clock(desk, minutes=60)
        assert clock(desk).status is Status.REFUSED
        assert money(desk.dealership.account()) == (SPARE, SPARE, 0)

    @pytest.mark.parametrize("n", [2, 3])
    def test_of_an_account_one_is_on_its_way_at_a_time(self, desk: Desk, n: int) -> None:
        """Another one comes to nothing, whoever may have written it."""
        agreed(desk, "100.00")
        clock(desk)
        (first,) = refunds(desk)
        second = replace(first, n=n, status=Status.AGREED, agreed_at=desk.clock())
        desk.table.write(*dealer_refunds.agree(second))
        desk.dealership.refunding.go_on(second.refund_id)
        assert refund_store.refund(desk.table, second.refund_id).status is Status.REFUSED
        assert desk.dealership.account().released_kopecks == 100_00

    def test_one_that_is_on_its_way_goes_on_with_other_requisites(self, desk: Desk) -> None:
        dealership = desk.dealership
        agreed(desk, "300.00")
        clock(desk)
        dealership.dealers.update_requisites(CME_ID, other_account())
        settled(desk)
        assert clock(desk).status is Status.DONE
        assert len(there(desk)) == 1


def other_account() -> Requisites:
    digits = COMPANY.account
    accounts = (replace(COMPANY, account=f"{digits[:-4]}{n:04}") for n in range(10**4))
    return next(each for each in accounts if each.account != digits and not violations(each))


class TestProposed:
    @pytest.mark.parametrize(
        ("sum_", "why"),
        [
            ("300.01", "300.00 are on it"),
            ("0.00", "above 0"),
            ("1.5", "no sum"),
            ("-1.00", "no sum"),
        ],
    )
    def test_no_more_than_is_there(self, desk: Desk, sum_: str, why: str) -> None:
        with pytest.raises(NotProposable, match=why):
            proposed(desk, sum_)

    def test_a_dry_run_changes_nothing(self, desk: Desk) -> None:
        before = desk.dynamo.items()
        proposed(desk, "300.00", dry_run=True)
        assert desk.dynamo.items() == before

    def test_a_deposit_goes_back_when_its_dealer_leaves(self, desk: Desk) -> None:
        desk.dealership.buying()
        with pytest.raises(NotProposable, match="when its dealer leaves"):
            proposed(desk, "100.00", named(AccountType.DEPOSIT))

    def test_two_that_are_proposed_are_one_that_is_agreed_on(self, desk: Desk) -> None:
        first, second = proposed(desk, "100.00"), proposed(desk, "200.00")
        desk.proposals.confirm(first, BECAUSE, "otto", dry_run=False)
        with pytest.raises(NotProposable):
            desk.proposals.confirm(second, BECAUSE, "otto", dry_run=False)
        clock(desk)
        with pytest.raises(NotProposable, match="is on its way"):
            desk.proposals.confirm(second, BECAUSE, "otto", dry_run=False)
        assert [refund.kopecks for refund in refunds(desk)] == [100_00]

    def test_what_is_less_when_it_is_confirmed_is_not_agreed_on(self, desk: Desk) -> None:
        waiting = proposed(desk, "300.00")
        desk.dealership.billed(100_00)
        with pytest.raises(NotProposable, match=r"200\.00 are on it"):
            desk.proposals.confirm(waiting, BECAUSE, "otto", dry_run=False)
