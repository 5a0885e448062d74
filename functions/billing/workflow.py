"""The machines of dealer billing. Each step asks the billing system for one thing, under an id of ours.

`onboarding` opens the accounts of a dealer there, one after the other, and pays his deposit back when he leaves:

    CreateClient ─▶ CreatePayer ─▶ CreateContract ─▶ Onboarded

    ReadDealer ─▶ NextStep ─┬─ CLIENT, PAYER, CONTRACT ─▶ CreateClient, CreatePayer, CreateContract
                            ├─ UPDATE ──▶ UpdatePayers ─▶ Onboarded
                            ├─ RELEASE ─▶ ReleaseDeposit ─▶ Onboarded
                            ├─ DONE ────▶ Onboarded
                            └─ STOPPED ─▶ WaitsForOperator

`bill` has a bill invoiced, and what is taken back of it credited:

    CreateInvoice ─▶ Invoiced

    ReadBill ─▶ NextStep ─┬─ INVOICE ─▶ CreateInvoice
                          ├─ CREDIT ──▶ CreateCreditNote ─▶ Invoiced
                          ├─ DONE ────▶ Invoiced
                          └─ STOPPED ─▶ WaitsForOperator

What the billing system does not answer for hours ends the execution as `Unclear`; the sweeper starts the next one,
which goes on from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.data_keys import DataKeysUnavailable
from common.gateways.billing import BillingUnavailable
from common.workflow import Line, Machine, Retry
from functions.billing.model import AccountNotReady, BillStage, Stage
from functions.billing.service.fast_buyout import RefundPending


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_dealer: aws_lambda.IFunction
    create_client: aws_lambda.IFunction
    create_payer: aws_lambda.IFunction
    create_contract: aws_lambda.IFunction
    update_payers: aws_lambda.IFunction
    release_deposit: aws_lambda.IFunction
    read_bill: aws_lambda.IFunction
    create_invoice: aws_lambda.IFunction
    create_credit_note: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    return {"onboarding": _onboarding(scope, tasks), "bill": _bill(scope, tasks)}


def _onboarding(scope: Construct, tasks: Tasks) -> Machine:
    passing = [BillingUnavailable, DataKeysUnavailable]
    line = Line(Construct(scope, "Onboarding"), passing, "ReadDealer", tasks.read_dealer)
    done = line.succeed("Onboarded", "Each account has its contract and the latest requisites; who leaves is paid back")
    waits = line.fail("WaitsForOperator", "The billing system refuses: desk work show")
    contract = line.task("CreateContract", tasks.create_contract, "The account can be billed and paid", then=done)
    payer = line.task("CreatePayer", tasks.create_payer, "Who pays, with the dealer's requisites", then=contract)
    client = line.task("CreateClient", tasks.create_client, "The account is a client of its own there", then=payer)
    update = line.task("UpdatePayers", tasks.update_payers, "A payer gets the dealer's latest requisites", then=done)
    line.when(Stage.CLIENT, client)
    line.when(Stage.PAYER, payer)
    line.when(Stage.CONTRACT, contract)
    release = line.task(
        "ReleaseDeposit",
        tasks.release_deposit,
        "Pay the deposit back, and wait until it is",
        then=done,
        retry=Retry(RefundPending, interval=60, rate=2, delay_max=300, times=2400),  # eight days
    )
    line.when(Stage.UPDATE, update)
    line.when(Stage.RELEASE, release)
    line.when(Stage.DONE, done)
    return line.machine(client, "Opens the accounts of a dealer at the billing system", otherwise=waits)


def _bill(scope: Construct, tasks: Tasks) -> Machine:
    line = Line(Construct(scope, "Bill"), [BillingUnavailable, AccountNotReady], "ReadBill", tasks.read_bill)
    done = line.succeed("Invoiced", "The bill has its invoice, and its credit notes")
    waits = line.fail("WaitsForOperator", "The billing system refuses: desk work show")
    invoice = line.task("CreateInvoice", tasks.create_invoice, "Ask the billing system for the invoice", then=done)
    credit = line.task("CreateCreditNote", tasks.create_credit_note, "Take back what of it is wrong", then=done)
    line.when(BillStage.INVOICE, invoice)
    line.when(BillStage.CREDIT, credit)
    line.when(BillStage.DONE, done)
    return line.machine(invoice, "Has a dealer's bill invoiced, and credited", otherwise=waits)
