"""The machines `sell-order` and `payout`: every task answers with what the table says is next, one Choice follows it.

    ReadOrder ─▶ NextStep ─┬─ RESOLVE ────▶ ResolveSellOrder ─▶ NextStep
                           ├─ LOOK_AGAIN ─▶ WaitForLateFill ─▶ LookForLateFill ─▶ NextStep
                           ├─ POLL ───────▶ PollSellOrder (again and again; too late: CancelSellOrder) ─▶ NextStep
                           ├─ SEND ───────▶ CreatePayout ─▶ NextStep
                           ├─ BACK_OFF ───▶ BackOff ─▶ CreatePayout
                           ├─ AWAIT ──────▶ AwaitPayout (the webhook, or time is over) ─▶ CheckPayout ─▶ NextStep
                           ├─ CHECK ──────▶ CheckPayout ─▶ NextStep
                           ├─ PAID, DONE ─▶ Filled, NothingToDo
                           └─ FAILED, STOPPED ─▶ PayoutFailed, WaitsForOperator

`payout` is the same without what concerns a sale. What can not be cleared up within hours ends the execution as
`Unclear`; the sweeper starts the next one, which goes on from the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from constructs import Construct

from common.domain.exchange_orders.model import (
    POLL_BACK_OFF_RATE,
    POLL_DELAY_SECONDS_MAX,
    POLL_INTERVAL_SECONDS,
    POLLS_MAX,
)
from common.domain.payouts.model import AWAIT_SECONDS, PayoutUnclear, Stage
from common.gateways.bank import BankUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.workflow import Again, Hub, Machine
from functions.offramp import model

PASSING = (ExchangeUnavailable, BankUnavailable, PayoutUnclear)


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_order: aws_lambda.IFunction
    resolve_sell_order: aws_lambda.IFunction
    look_for_late_fill: aws_lambda.IFunction
    poll_sell_order: aws_lambda.IFunction
    cancel_sell_order: aws_lambda.IFunction
    create_payout: aws_lambda.IFunction
    check_payout: aws_lambda.IFunction
    await_payout: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    return {
        "sell-order": _sell_order(_hub(scope, "SellOrder"), tasks),
        "payout": _payout(_hub(scope, "Payout"), tasks),
    }


def _hub(scope: Construct, name: str) -> Hub:
    return Hub(Construct(scope, name), PASSING, "the table, the exchange or the bank")


def _sell_order(hub: Hub, tasks: Tasks) -> Machine:
    not_filled = _again(model.SellOrderNotFilled)
    cancel = hub.task("CancelSellOrder", tasks.cancel_sell_order, again=not_filled)
    too_late = (model.SellOrderOverdue, cancel)
    poll = hub.task("PollSellOrder", tasks.poll_sell_order, again=not_filled, caught=too_late)
    resolve = hub.task("ResolveSellOrder", tasks.resolve_sell_order, again=_again(model.SellOrderUnresolved))
    hub.when(Stage.RESOLVE, resolve)
    hub.when(Stage.LOOK_AGAIN, hub.wait("WaitForLateFill").next(hub.task("LookForLateFill", tasks.look_for_late_fill)))
    hub.when(Stage.POLL, poll)
    return _payout(hub, tasks)


def _payout(hub: Hub, tasks: Tasks) -> Machine:
    create = hub.task("CreatePayout", tasks.create_payout, given=("attempts",))
    check = hub.task("CheckPayout", tasks.check_payout)
    hub.when(Stage.SEND, create)
    hub.when(Stage.BACK_OFF, hub.wait("BackOff").next(create))
    hub.when(Stage.AWAIT, hub.awaiting("AwaitPayout", tasks.await_payout, AWAIT_SECONDS, then=check))
    hub.when(Stage.CHECK, check)
    hub.when(Stage.PAID, hub.succeed("Filled"))
    hub.when(Stage.DONE, hub.succeed("NothingToDo"))
    hub.when(Stage.FAILED, hub.fail("PayoutFailed", "the last payout attempt was rejected: an operator decides"))
    waits = hub.fail("WaitsForOperator", "an operator has to look: desk work show")
    return hub.starting(hub.task("ReadOrder", tasks.read_order), otherwise=waits)


def _again(error: type[Exception]) -> Again:
    return Again(error, POLL_INTERVAL_SECONDS, POLL_BACK_OFF_RATE, POLL_DELAY_SECONDS_MAX, times=POLLS_MAX)
