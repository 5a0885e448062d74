"""Onboarding and invoicing as their machines do it: by themselves, and through an hour without the billing system."""

from __future__ import annotations

import pytest

from functions.billing.model import BillStatus, DealerStatus
from sandbox.billing import records
from sandbox.billing.faults import Operation
from tests.billing.dealership import CME_ID, Dealership


def test_a_registered_dealer_is_onboarded_and_his_deal_invoiced(dealership: Dealership) -> None:
    dealership.registered()
    bill = dealership.billed(invoice=False)
    dealership.run()  # the bill waits for the contract at first
    assert dealership.dealers.dealer(CME_ID).status is DealerStatus.ACTIVE
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PENDING
    assert {e.status for e in dealership.world.machines.executions} == {"SUCCEEDED"}
    assert not dealership.world.bugs


@pytest.mark.parametrize("operation", [Operation.CLIENT, Operation.PERSON, Operation.CONTRACT, Operation.INVOICE])
def test_an_hour_without_the_billing_system_is_waited_for(dealership: Dealership, operation: Operation) -> None:
    """It goes down when it is asked for this, which it has done already."""
    dealership.trouble.drop_answer_next(operation)
    dealership.goes_down_after = operation
    dealership.registered()
    bill = dealership.billed(invoice=False)
    dealership.run(seconds=3600)
    assert dealership.trouble.down
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.NEW
    dealership.goes_down_after, dealership.trouble.down = None, False
    dealership.run(seconds=600)
    assert dealership.bills.bill(bill.bill_id).status is BillStatus.PENDING
    made = [records.Client, records.Person, records.Contract, records.Invoice]
    assert [len(dealership.system.all(kind)) for kind in made] == [1, 1, 1, 1]
    assert {e.status for e in dealership.world.machines.executions} == {"SUCCEEDED"}


def test_a_dealer_whom_the_billing_system_refuses_ends_his_machine(dealership: Dealership) -> None:
    dealership.refuses.add("create_payer")
    dealership.registered()
    dealership.run(seconds=3600)
    (execution,) = dealership.world.machines.executions
    assert (execution.status, dealership.dealers.dealer(CME_ID).needs_person) == ("FAILED", True)
