"""The machine `payout`: pays the dollars that are held for an order to the customer's bank.

    CreatePayout ─▶ AwaitPayout (the webhook) ─▶ Paid
                        └─ time is over ─▶ CheckPayout ─▶ AwaitPayout

    ReadPayout ─▶ NextStep ─┬─ SEND ─────▶ CreatePayout
                            ├─ BACK_OFF ─▶ BackOff ─▶ CreatePayout
                            ├─ CHECK ────▶ CheckPayout
                            ├─ PAID, DONE ─▶ Paid, NothingToDo
                            └─ FAILED, STOPPED ─▶ PayoutFailed, WaitsForOperator

What can not be cleared up within hours ends the execution as `Unclear`; the sweeper starts the next one, which goes on
from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.data_keys import DataKeysUnavailable
from common.domain.flow_halts import Halted
from common.domain.payouts.model import AWAIT_SECONDS, PayoutUnclear, Stage
from common.gateways.bank import BankUnavailable
from common.workflow import Line, Machine


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_payout: aws_lambda.IFunction
    create_payout: aws_lambda.IFunction
    await_payout: aws_lambda.IFunction
    check_payout: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    line = Line(
        Construct(scope, "Payout"),
        [BankUnavailable, DataKeysUnavailable, PayoutUnclear, Halted],
        "ReadPayout",
        tasks.read_payout,
    )
    paid = line.succeed("Paid", "The dollars are at the customer's bank, or there are none to pay")
    nothing = line.succeed("NothingToDo", "Nothing is to be paid, or not yet")
    failed = line.fail("PayoutFailed", "The bank rejected the last attempt: an operator decides")
    waits = line.fail("WaitsForOperator", "A person has to look: desk work show")
    check = line.task("CheckPayout", tasks.check_payout, "No webhook came: ask the bank", then=None)
    wait = line.awaiting(
        "AwaitPayout",
        tasks.await_payout,
        "Until the bank's webhook has come",
        seconds=AWAIT_SECONDS,
        then=paid,
        late=check,
    )
    check.next(wait)
    create = line.task("CreatePayout", tasks.create_payout, "Begin the next attempt and send it to the bank", then=wait)
    back_off = line.wait("BackOff", "The bank rejected the attempt: the pause before the next one").next(create)
    line.when(Stage.SEND, create)
    line.when(Stage.BACK_OFF, back_off)
    line.when(Stage.CHECK, check)
    line.when(Stage.PAID, paid)
    line.when(Stage.DONE, nothing)
    line.when(Stage.FAILED, failed)
    return {"payout": line.machine(create, "Pays held dollars to a customer's bank", otherwise=waits)}
