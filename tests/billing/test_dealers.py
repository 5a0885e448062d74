"""Dealers: registered once, and opened at the billing system step by step, whatever happens in between."""

from __future__ import annotations

from dataclasses import replace

import pytest

from common import keys
from common.domain import work
from common.gateways.billing import BillingUnavailable
from common.requisites import Requisites
from functions.billing import store
from functions.billing.model import AccountStatus, AccountType, DealerNotFound, DealerStatus, RequisitesWrong, Stage
from functions.billing.service.dealers import DealerExists
from sandbox.billing import records
from sandbox.billing.faults import Operation
from tests.billing.dealership import CME_ID, OFFER, PERCENT, Dealership
from tests.common.test_requisites import BOTH, COMPANY, ENTREPRENEUR
from tests.desk import TABLE
from tests.harness.memory import InMemoryDynamoDB

STEPS = {
    Operation.CLIENT: records.Client,
    Operation.PERSON: records.Person,
    Operation.CONTRACT: records.Contract,
}
EACH = pytest.mark.parametrize("operation", STEPS)


@BOTH
def test_a_dealer_is_registered_with_his_consent_and_requisites(dealership: Dealership, good: Requisites) -> None:
    dealer = dealership.dealers.register(CME_ID, good, OFFER)
    assert dealership.dealers.dealer(CME_ID) == dealer
    assert (dealer.status, dealer.offer, dealer.commission_percent) == (DealerStatus.REGISTERED, OFFER, PERCENT)
    assert dealership.sealing.requisites(dealer.dealer_id, 1) == good
    (account,) = dealership.dealers.accounts(dealer)
    assert (account.type, account.status, account.balance_kopecks) == (AccountType.COMMISSION, AccountStatus.NEW, 0)


def test_a_second_registration_is_told_what_the_first_has_made(dealership: Dealership) -> None:
    first, before = dealership.registered(), dealership.dynamo.items()
    with pytest.raises(DealerExists) as refused:
        dealership.dealers.register(CME_ID, ENTREPRENEUR, replace(OFFER, version="2027-01"))
    assert refused.value.dealer == first
    assert dealership.dynamo.items() == before


def test_wrong_requisites_register_nobody_and_are_told_by_field(dealership: Dealership) -> None:
    with pytest.raises(RequisitesWrong) as refused:
        dealership.dealers.register(CME_ID, replace(COMPANY, inn="7707083894", bik="144525225"), OFFER)
    assert refused.value.facts["fields"].keys() == {"inn", "bik"}
    assert dealership.dynamo.items() == []


def test_two_dealers_may_have_the_same_inn(dealership: Dealership) -> None:
    assert dealership.active("cme-1").dealer_id != dealership.active("cme-2").dealer_id
    assert len(dealership.system.all(records.Contract)) == 2


def test_nobody_is_found_who_was_not_registered(dealership: Dealership) -> None:
    with pytest.raises(DealerNotFound):
        dealership.dealers.dealer(CME_ID)


def test_onboarding_makes_client_payer_and_contract_and_then_is_over(dealership: Dealership) -> None:
    dealer = dealership.active()
    assert dealer.status is DealerStatus.ACTIVE
    account = dealership.account()
    (client,) = dealership.system.all(records.Client)
    (person,) = dealership.system.all(records.Person)
    (contract,) = dealership.system.all(records.Contract)
    assert (account.client_id, account.payer_id) == (client.client_id, person.person_id)
    assert (account.contract_id, account.contract_number) == (contract.contract_id, contract.number)
    assert (contract.service, person.details["inn"], client.name) == ("COMMISSION", COMPANY.inn, COMPANY.name)
    assert store.account_of_contract(dealership.table, contract.contract_id) == (dealer.dealer_id, account.type)
    assert not [item for item in dealership.dynamo.items() if "open_work" in item]


@EACH
def test_a_lost_answer_or_a_fault_makes_nothing_twice(dealership: Dealership, operation: Operation) -> None:
    dealer_id = dealership.registered().dealer_id
    dealership.trouble.drop_answer_next(operation)
    with pytest.raises(BillingUnavailable):
        dealership.onboard(dealer_id)
    dealership.trouble.fail_before_next(operation)
    with pytest.raises(BillingUnavailable):
        dealership.onboard(dealer_id)
    assert dealership.onboard(dealer_id) == Stage.DONE
    assert [len(dealership.system.all(kind)) for kind in STEPS.values()] == [1, 1, 1]


@EACH
def test_a_crash_after_the_billing_systems_answer_makes_nothing_twice(operation: Operation) -> None:
    """The answer is there and our write of it is not."""

    class Died(Exception): ...

    class Dying(InMemoryDynamoDB):
        dies = False

        def transact_write_items(self, **asked: object) -> dict[str, object]:
            if self.dies and dealership.trouble.calls[operation] == 1:
                self.dies = False
                raise Died
            return super().transact_write_items(**asked)

    dynamo = Dying(TABLE)
    dealership = Dealership(dynamo)
    dealer_id = dealership.registered().dealer_id
    dynamo.dies = True
    with pytest.raises(Died):
        dealership.onboard(dealer_id)
    assert dealership.onboard(dealer_id) == Stage.DONE
    assert dealership.trouble.calls[operation] == 2
    assert [len(dealership.system.all(kind)) for kind in STEPS.values()] == [1, 1, 1]
    dealership.check()


@EACH
def test_a_step_that_comes_again_asks_for_nothing(dealership: Dealership, operation: Operation) -> None:
    dealer_id = dealership.active().dealer_id
    calls = dealership.trouble.calls.copy()
    step = {
        Operation.CLIENT: dealership.onboarding.create_client,
        Operation.PERSON: dealership.onboarding.create_payer,
        Operation.CONTRACT: dealership.onboarding.create_contract,
    }[operation]
    assert step(dealer_id).stage == Stage.DONE
    assert dealership.trouble.calls == calls


def test_what_the_billing_system_refuses_waits_for_a_person(dealership: Dealership) -> None:
    dealer_id = dealership.registered().dealer_id
    dealership.refuses.add("create_payer")
    assert dealership.onboard(dealer_id) == Stage.STOPPED
    dealer = store.dealer(dealership.table, dealer_id)
    assert (dealer.needs_person, dealer.status) == (True, DealerStatus.ONBOARDING)
    assert "stop list" in (dealer.reason or "")
    calls = dealership.trouble.calls.copy()
    assert dealership.onboarding.create_payer(dealer_id).stage == Stage.STOPPED
    assert dealership.trouble.calls == calls


def test_a_person_who_has_looked_lets_it_go_on_where_it_stopped(dealership: Dealership) -> None:
    dealer_id = dealership.registered().dealer_id
    dealership.refuses.add("create_payer")
    dealership.onboard(dealer_id)
    dealership.refuses.clear()
    waiting = work.find(dealership.table, keys.DEALER(dealer_id=dealer_id))
    assert waiting is not None
    dealership.table.write(work.redriven(waiting, dealership.clock()))
    assert dealership.onboard(dealer_id) == Stage.DONE
    dealer = store.dealer(dealership.table, dealer_id)
    assert (dealer.status, dealer.reason) == (DealerStatus.ACTIVE, None)


def test_a_contract_that_is_another_accounts_is_not_believed(dealership: Dealership) -> None:
    first = dealership.active("cme-1")
    second = dealership.registered("cme-2")
    dealership.contract_told = store.accounts(dealership.table, first.dealer_id)[0].contract_id
    assert dealership.onboard(second.dealer_id) == Stage.STOPPED
    assert dealership.account("cme-2").contract_id is None
    assert store.account_of_contract(dealership.table, dealership.contract_told or "") == (
        first.dealer_id,
        AccountType.COMMISSION,
    )
