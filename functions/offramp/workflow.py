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

`payout` is the same without what concerns a sale. What can not be cleared up within hours ends the execution in a
state that says what was unclear; the sweeper starts the next one, which goes on from the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration, aws_lambda
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as task
from constructs import Construct

from common.gateways.bank import BankUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.machines import MachinesUnavailable
from common.payouts.model import AWAIT_SECONDS, PayoutUnclear, Stage
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from functions.offramp import model

POLLS_MAX = 60
OUTSIDE = [e.__name__ for e in (ExchangeUnavailable, BankUnavailable, PayoutUnclear, MachinesUnavailable)]
INSIDE = [e.__name__ for e in (Busy, TableUnavailable)]
LAMBDA = [
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
    "Runtime.ExitError",  # it died
    "Sandbox.Timedout",
]


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


def machines(scope: Construct, tasks: Tasks) -> dict[str, sfn.IChainable]:
    """The definition of each machine, by its name."""
    return {
        "sell-order": _Definition(Construct(scope, "SellOrder"), tasks).sell_order(),
        "payout": _Definition(Construct(scope, "Payout"), tasks).payout(),
    }


class _Definition:
    def __init__(self, scope: Construct, tasks: Tasks) -> None:
        self.scope, self.tasks = scope, tasks
        self.next_step = sfn.Choice(scope, "NextStep", state_name="NextStep")
        self.unclear = self._fail("Unclear", "the table, the exchange or the bank stayed silent for hours")

    def sell_order(self) -> sfn.IChainable:
        cancel = self._task("CancelSellOrder", self.tasks.cancel_sell_order, again=model.SellOrderNotFilled)
        poll = self._task("PollSellOrder", self.tasks.poll_sell_order, again=model.SellOrderNotFilled, too_late=cancel)
        resolve = self._task("ResolveSellOrder", self.tasks.resolve_sell_order, again=model.SellOrderUnresolved)
        late = self._wait("WaitForLateFill").next(self._task("LookForLateFill", self.tasks.look_for_late_fill))
        self._when(Stage.RESOLVE, resolve)
        self._when(Stage.LOOK_AGAIN, late)
        self._when(Stage.POLL, poll)
        return self.payout()

    def payout(self) -> sfn.IChainable:
        create = self._task("CreatePayout", self.tasks.create_payout, given=("attempts",))
        check = self._task("CheckPayout", self.tasks.check_payout)
        self._when(Stage.SEND, create)
        self._when(Stage.BACK_OFF, self._wait("BackOff").next(create))
        self._when(Stage.AWAIT, self._await(check))
        self._when(Stage.CHECK, check)
        self._when(Stage.PAID, sfn.Succeed(self.scope, "Filled", state_name="Filled"))
        self._when(Stage.DONE, sfn.Succeed(self.scope, "NothingToDo", state_name="NothingToDo"))
        self._when(
            Stage.FAILED, self._fail("PayoutFailed", "the last payout attempt was rejected: an operator decides")
        )
        self.next_step.otherwise(self._fail("WaitsForOperator", "an operator has to look: desk work show"))
        return self._task("ReadOrder", self.tasks.read_order)

    def _when(self, stage: Stage, then: sfn.IChainable) -> None:
        self.next_step.when(sfn.Condition.string_equals("$.stage", stage), then)

    def _task(
        self,
        name: str,
        function: aws_lambda.IFunction,
        *,
        again: type[Exception] | None = None,
        too_late: task.LambdaInvoke | None = None,
        given: Sequence[str] = (),
    ) -> task.LambdaInvoke:
        payload = {name: sfn.JsonPath.string_at(f"$.{name}") for name in ("order_id", *given)}
        invoke = task.LambdaInvoke(
            self.scope,
            name,
            state_name=name,
            lambda_function=function,
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            retry_on_service_exceptions=False,  # all retries are listed here
        )
        if again is not None:
            invoke.add_retry(
                errors=[again.__name__],
                interval=Duration.seconds(model.POLL_INTERVAL_SECONDS),
                backoff_rate=model.POLL_BACK_OFF_RATE,
                max_delay=Duration.seconds(model.POLL_DELAY_SECONDS_MAX),
                max_attempts=POLLS_MAX,
            )
        _patiently(invoke)
        if too_late is not None:
            invoke.add_catch(too_late, errors=[model.SellOrderOverdue.__name__], result_path="$.failure")
        invoke.add_catch(self.unclear, result_path="$.failure")
        invoke.next(self.next_step)
        return invoke

    def _await(self, check: task.LambdaInvoke) -> task.LambdaInvoke:
        """Wait for whoever decides the attempt to send the token back; the table, not the token, tells what came."""
        wait = task.LambdaInvoke(
            self.scope,
            "AwaitPayout",
            state_name="AwaitPayout",
            lambda_function=self.tasks.await_payout,
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=sfn.TaskInput.from_object(
                {"order_id": sfn.JsonPath.string_at("$.order_id"), "token": sfn.JsonPath.task_token}
            ),
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(Duration.seconds(AWAIT_SECONDS)),
            retry_on_service_exceptions=False,
        )
        _patiently(wait)
        wait.add_catch(check, errors=["States.Timeout"], result_path="$.failure")
        wait.add_catch(self.unclear, result_path="$.failure")
        wait.next(check)
        return wait

    def _wait(self, name: str) -> sfn.Wait:
        return sfn.Wait(self.scope, name, state_name=name, time=sfn.WaitTime.seconds_path("$.wait_seconds"))

    def _fail(self, name: str, cause: str) -> sfn.Fail:
        return sfn.Fail(self.scope, name, state_name=name, error=name, cause=cause)


def _patiently(invoke: task.LambdaInvoke) -> None:
    """Whatever may pass is asked again for about three hours: after 5 s, 10 s, …, every 5 minutes."""
    invoke.add_retry(
        errors=[*OUTSIDE, *INSIDE, *LAMBDA],
        interval=Duration.seconds(5),
        backoff_rate=2,
        max_delay=Duration.minutes(5),
        max_attempts=40,
    )
