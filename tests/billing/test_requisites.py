"""A dealer's requisites: sealed, in versions, brought to his payers, and never told."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from common import keys
from common.data_keys import DataKeysUnavailable, Tampered
from common.domain import work
from common.gateways.billing import BillingRefused, BillingUnavailable, Requisites, said_no
from functions.billing import store
from functions.billing.model import (
    AccountStatus,
    AccountType,
    DealerNotFound,
    DealerStatus,
    RequisitesMoved,
    RequisitesWrong,
    Stage,
)
from sandbox.billing import records
from sandbox.billing.faults import Operation
from tests.billing.dealership import CME_ID, OFFER, Dealership
from tests.common.test_requisites import COMPANY, ENTREPRENEUR
from tests.desk import TABLE
from tests.harness.memory import InMemoryDynamoDB

MOVED = replace(COMPANY, legal_address="190000, Санкт-Петербург, Невский пр., 1", bank_name="Банк «Другой»")
SOLD = replace(MOVED, inn="7736207543", name="ООО «Преемник»")


def payer(dealership: Dealership) -> dict[str, Any]:
    (person,) = dealership.system.all(records.Person)
    return dict(person.details)


def test_the_table_holds_no_requisite_in_the_clear(dealership: Dealership) -> None:
    dealer = dealership.active()
    dealership.dealers.update_requisites(CME_ID, SOLD)
    dealership.run()
    written = json.dumps(dealership.dynamo.items(), ensure_ascii=False)
    for of in (COMPANY, SOLD):
        for field in fields(of):
            assert field.name == "kind" or str(getattr(of, field.name)) not in written
    assert dealership.sealing.requisites(dealer.dealer_id, 1) == COMPANY


def test_requisites_of_one_dealer_do_not_open_as_anothers(dealership: Dealership) -> None:
    """Nor those of one version as another's, whoever has moved them in the table."""
    mine, other = dealership.registered("cme-1"), dealership.registered("cme-2")
    dealership.dealers.update_requisites("cme-1", MOVED)
    rows = {(i["PK"]["S"], i["SK"]["S"]): i for i in dealership.dynamo.items() if i["entity_type"]["S"] == "requisite"}
    for whose, n in ((other.dealer_id, "0001"), (mine.dealer_id, "0002")):
        swapped = {**rows[whose, f"REQUISITE#{n}"], "PK": {"S": mine.dealer_id}, "SK": {"S": "REQUISITE#0001"}}
        dealership.dynamo.put_item(TableName="desk", Item=swapped)
        with pytest.raises(Tampered):
            dealership.sealing.requisites(mine.dealer_id, 1)


def test_nobody_is_registered_while_kms_is_down(dealership: Dealership) -> None:
    dealership.kms.down = True
    with pytest.raises(DataKeysUnavailable):
        dealership.registered()
    assert dealership.dynamo.items() == []


def test_onboarding_waits_for_kms_as_for_the_billing_system(dealership: Dealership) -> None:
    dealership.registered()
    dealership.kms.down = True
    dealership.run(seconds=3600)
    dealership.kms.down = False
    dealership.run(seconds=600)
    assert dealership.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
    assert {e.status for e in dealership.world.machines.executions} == {"SUCCEEDED"}


def test_new_requisites_reach_the_payer_and_the_old_ones_are_kept(dealership: Dealership) -> None:
    dealer_id = dealership.active().dealer_id
    dealer = dealership.dealers.update_requisites(CME_ID, MOVED)
    assert (dealer.requisites_version, dealer.status) == (2, DealerStatus.ACTIVE)
    assert work.find(dealership.table, keys.DEALER(dealer_id=dealer_id)) is not None  # visible until it is done
    dealership.run()
    assert payer(dealership)["legal_address"] == MOVED.legal_address
    assert dealership.account().requisites_version == 2
    assert [dealership.sealing.requisites(dealer_id, n) for n in (1, 2)] == [COMPANY, MOVED]
    assert work.find(dealership.table, keys.DEALER(dealer_id=dealer_id)) is None
    assert not dealership.world.bugs


def test_the_same_requisites_again_are_no_new_version(dealership: Dealership) -> None:
    dealership.active()
    for _ in range(2):
        assert dealership.dealers.update_requisites(CME_ID, MOVED).requisites_version == 2
    dealership.run()
    assert dealership.trouble.calls[Operation.UPDATE] == 1


def test_requisites_of_nobody_are_not_updated(dealership: Dealership) -> None:
    with pytest.raises(DealerNotFound):
        dealership.dealers.update_requisites(CME_ID, MOVED)


def test_wrong_requisites_are_refused_by_field_and_change_nothing(dealership: Dealership) -> None:
    dealership.active()
    before = dealership.dynamo.items()
    for wrong, named in (
        (replace(COMPANY, inn="7707083894", bik="54", legal_address=""), {"inn", "bik", "legal_address"}),
        (ENTREPRENEUR, {"kind"}),
    ):
        with pytest.raises(RequisitesWrong) as refused:
            dealership.dealers.update_requisites(CME_ID, wrong)
        assert refused.value.facts["fields"].keys() == named
    assert dealership.dynamo.items() == before


def test_an_update_while_accounts_are_opened_comes_after_them(dealership: Dealership) -> None:
    """What is asked for again under the same id is the same: the billing system has it with the first requisites."""
    dealer_id = dealership.registered().dealer_id
    dealership.trouble.drop_answer_next(Operation.PERSON)
    with pytest.raises(BillingUnavailable):
        dealership.onboard(dealer_id)
    dealership.dealers.update_requisites(CME_ID, SOLD)
    assert dealership.onboard(dealer_id) == Stage.DONE
    (person,) = dealership.system.all(records.Person)
    assert (person.details["inn"], dealership.account().requisites_version) == (SOLD.inn, 2)
    assert dealership.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE


@pytest.mark.parametrize("lost", [False, True])
def test_an_hour_without_the_billing_system_is_waited_for_in_an_update(dealership: Dealership, lost: bool) -> None:
    dealership.active()
    if lost:
        dealership.trouble.drop_answer_next(Operation.UPDATE)
        dealership.goes_down_after = Operation.UPDATE
    else:
        dealership.trouble.down = True
    dealer_id = dealership.dealers.update_requisites(CME_ID, MOVED).dealer_id
    dealership.run(seconds=3600)
    waiting = work.find(dealership.table, keys.DEALER(dealer_id=dealer_id))
    assert waiting is not None
    assert waiting.waits_for == "his requisites at the billing system"
    assert dealership.account().requisites_version == 1
    dealership.goes_down_after, dealership.trouble.down = None, False
    dealership.run(seconds=600)
    assert (payer(dealership)["bank_name"], dealership.account().requisites_version) == (MOVED.bank_name, 2)


def test_an_update_during_an_update_wins(dealership: Dealership) -> None:
    """The first is at the billing system when the second comes: the machine goes on with the second."""
    dealer_id = dealership.active().dealer_id
    dealership.dealers.update_requisites(CME_ID, MOVED)
    others = iter([SOLD])

    class Interrupted:
        def __init__(self, billing: Any) -> None:
            self._billing = billing

        def update_payer(self, payer_id: str, requisites: Requisites) -> None:
            self._billing.update_payer(payer_id, requisites)
            for other in others:
                dealership.dealers.update_requisites(CME_ID, other)

    dealership.asked_through = Interrupted
    assert dealership.onboard(dealer_id) == Stage.DONE
    assert (payer(dealership)["inn"], dealership.account().requisites_version) == (SOLD.inn, 3)
    assert store.dealer(dealership.table, dealer_id).requisites_version == 3


def test_what_was_refused_is_made_with_corrected_requisites(dealership: Dealership) -> None:
    """Nothing was made of it there, so it may be other requisites under the same id."""
    dealer_id = dealership.registered().dealer_id
    dealership.refuses.add("create_payer")
    assert dealership.onboard(dealer_id) == Stage.STOPPED
    dealership.refuses.clear()
    dealership.dealers.update_requisites(CME_ID, SOLD)
    dealership.run()
    dealer = dealership.dealers.dealer(CME_ID)
    assert (dealer.status, dealer.needs_person, dealer.reason) == (DealerStatus.ACTIVE, False, None)
    assert (payer(dealership)["inn"], dealership.trouble.calls[Operation.UPDATE]) == (SOLD.inn, 0)


def test_an_update_that_is_refused_waits_for_a_person_or_the_next(dealership: Dealership) -> None:
    dealer_id = dealership.active().dealer_id

    class Refusing:
        def update_payer(self, *_: object) -> None:
            raise said_no("he is on a stop list")

    dealership.asked_through = lambda _: Refusing()
    dealership.dealers.update_requisites(CME_ID, MOVED)
    assert dealership.onboard(dealer_id) == Stage.STOPPED
    assert dealership.dealers.dealer(CME_ID).needs_person
    dealership.asked_through = lambda billing: billing
    dealership.dealers.update_requisites(CME_ID, SOLD)
    assert dealership.onboard(dealer_id) == Stage.DONE
    assert payer(dealership)["inn"] == SOLD.inn


def test_dealers_with_one_taxpayers_number_are_told_of_each_other(dealership: Dealership) -> None:
    one, two = dealership.registered("cme-1"), dealership.registered("cme-2")
    third = dealership.dealers.register("cme-3", replace(SOLD, name="ООО «Третий»"), OFFER)
    assert [dealership.dealers.of_same_taxpayer(each) for each in (one, two, third)] == [["cme-2"], ["cme-1"], []]
    moved = dealership.dealers.update_requisites("cme-2", SOLD)
    assert [dealership.dealers.of_same_taxpayer(each) for each in (one, moved, third)] == [[], ["cme-3"], ["cme-2"]]


def test_two_updates_at_once_are_two_versions() -> None:
    """The other comes between our reading and our writing."""

    class Raced(InMemoryDynamoDB):
        other: Requisites | None = None

        def transact_write_items(self, **asked: Any) -> Any:
            other, self.other = self.other, None
            if other is not None:
                dealership.dealers.update_requisites(CME_ID, other)
            return super().transact_write_items(**asked)

    dynamo = Raced(TABLE)
    dealership = Dealership(dynamo)
    dealer_id = dealership.registered().dealer_id
    dynamo.other = MOVED
    assert dealership.dealers.update_requisites(CME_ID, SOLD).requisites_version == 3
    assert [dealership.sealing.requisites(dealer_id, n) for n in (2, 3)] == [MOVED, SOLD]


def test_a_late_repeat_of_older_requisites_does_not_undo_newer_ones(dealership: Dealership) -> None:
    """A caller's queue sends the first change once more: with the version that it replaced, or without any."""
    dealership.active()
    update = dealership.dealers.update_requisites
    assert update(CME_ID, MOVED, 1).requisites_version == 2
    assert update(CME_ID, MOVED, 1).requisites_version == 2, "its answer was lost"
    assert update(CME_ID, SOLD).requisites_version == 3
    before = dealership.dynamo.items()
    for replaces in (1, 2, 4, None):
        with pytest.raises(RequisitesMoved) as refused:
            update(CME_ID, MOVED, replaces)
        assert refused.value.facts["requisites_version"] == 3
    with pytest.raises(RequisitesMoved):
        update(CME_ID, COMPANY)
    assert dealership.dynamo.items() == before
    assert update(CME_ID, MOVED, 3).requisites_version == 4, "he is back to them"
    dealership.run()


# Canaries: what an outsider would look for, wherever it could be told


CANARIES = [str(value) for name, value in asdict(COMPANY).items() if name != "kind"]
CANARIES += [str(value) for name, value in asdict(SOLD).items() if name != "kind"]
CANARIES += [CANARIES[1][:-1], COMPANY.account[:8]]  # also cut short


class Parrot:
    """A billing system that repeats all it was told in its refusals."""

    refuses = True

    def __init__(self, billing: Any) -> None:
        self._billing = billing

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._billing, name)

        def ask(*given: Any) -> Any:
            if Parrot.refuses and name in ("create_client", "create_payer", "update_payer"):
                told = next((a for a in given if isinstance(a, Requisites)), None)
                words = given[1] if told is None else " ".join(map(str, asdict(told).values()))
                raise said_no(f"bad requisites: {words} and account {COMPANY.account[:12]} is unknown")
            return found(*given)

        return ask


@pytest.fixture
def parrot() -> type[Parrot]:
    Parrot.refuses = True
    return Parrot


def test_no_log_line_execution_or_reason_tells_a_requisite(
    dealership: Dealership, parrot: type[Parrot], lines: io.BytesIO
) -> None:
    """Through registering, refusals of each step, updates, bills: nothing that the machines carry, that is logged,
    that is kept in the clear or that is raised."""
    dealership.asked_through = parrot
    raised: list[str] = []
    dealer_id = dealership.registered().dealer_id
    for name in ("create_client", "create_payer", "update_payer"):
        dealership.run()
        dealer = dealership.dealers.dealer(CME_ID)
        assert dealer.needs_person, name
        assert dealer.reason
        assert "…" in dealer.reason
        raised.append(dealer.reason)
        parrot.refuses = False
        for wrong in (replace(SOLD, account="4" * 20), replace(SOLD, inn="123")):
            with pytest.raises(RequisitesWrong) as refused:
                dealership.dealers.update_requisites(CME_ID, wrong)
            raised.append(f"{refused.value!r} {refused.value.facts} {wrong!r}")
        step = {
            "create_client": dealership.onboarding.create_client,
            "create_payer": lambda each: [dealership.onboarding.create_payer(each), dealership.onboard(each)],
            "update_payer": dealership.onboarding.update_payer,
        }[name]
        waiting = work.find(dealership.table, keys.DEALER(dealer_id=dealer_id))
        assert waiting is not None
        dealership.table.write(work.redriven(waiting, dealership.clock()))
        step(dealer_id)
        parrot.refuses = True
        if name != "update_payer":
            has = dealership.dealers.dealer(CME_ID).requisites_version
            dealership.dealers.update_requisites(CME_ID, SOLD if name == "create_client" else MOVED, has)
    parrot.refuses = False
    dealership.dealers.update_requisites(CME_ID, SOLD, dealership.dealers.dealer(CME_ID).requisites_version)
    dealership.run(seconds=600)
    bill = dealership.billed(invoice=False)
    dealership.run()
    dealership.pay(100_00, dealership.bills.bill(bill.bill_id))
    assert dealership.account().status is AccountStatus.READY
    executions = [repr(vars(e)) for e in dealership.world.machines.executions]
    assert len(executions) > 3
    told = "\n".join([*raised, *executions, json.dumps(dealership.dynamo.items(), ensure_ascii=False)])
    logged = lines.getvalue().decode()
    assert '"moved"' in logged
    for canary in CANARIES:
        assert canary not in told
        assert canary not in logged


def test_a_bug_between_the_doors_tells_no_requisite(dealership: Dealership) -> None:
    """A traceback names the values of no variable; whatever is put into an exception's words is its repr."""
    assert COMPANY.inn not in repr(COMPANY)
    assert COMPANY.inn not in repr(BillingRefused(f"{COMPANY}"))
    dealership.registered()
    assert COMPANY.inn not in repr(
        store.account(dealership.table, dealership.account().dealer_id, AccountType.COMMISSION)
    )


def test_a_payer_is_not_written_down_with_requisites_of_before(dealership: Dealership) -> None:
    """They were changed while the billing system was asked for him: his invoices would name another company."""
    dealer = dealership.registered()
    (read,) = store.accounts(dealership.table, dealer.dealer_id)
    slow = store.opened(read, AccountStatus.PAYER, dealership.clock(), payer_id="payer-1")
    dealership.table.write(store.updated(read, replace(dealer, requisites_version=2), dealership.clock()))
    with pytest.raises(store.Moved):
        dealership.table.write(slow)
    assert store.accounts(dealership.table, dealer.dealer_id)[0].payer_id is None
