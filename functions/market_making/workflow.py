"""The machines of market making.

`market-making` moves one order, and is named by it:

    WaitForTransfers ─▶ CheckPayment (again and again) ─▶ WithdrawToExchange ─▶ ConfirmDeposits (again and again)
        ─▶ JoinCampaign ─▶ StartQuoting ─▶ Quoting (until the order is stopped; each day it looks)

    ReadOrder ─▶ NextStep ─┬─ FUND, WITHDRAW, CONFIRM, JOIN, START, QUOTE ─▶ there
                           ├─ REFUND ─▶ RefundTransfers (again and again) ─▶ Ended
                           ├─ STOP ───▶ CancelQuotes ─▶ WithdrawFromExchange
                           ├─ RETURN ─▶ WithdrawFromExchange ─▶ ConfirmReturn (again and again) ─▶ Ended
                           ├─ HOME ───▶ ConfirmReturn
                           ├─ DONE ───▶ Ended
                           └─ NEEDS_PERSON ▶ WaitsForOperator

`snapshots` polls the custody every five seconds, for a minute:

    PollSnapshots ─▶ NextStep ─┬─ AGAIN ─▶ UntilNextPoll ─▶ PollSnapshots
                               └─ OVER ──▶ Over

`ticker` quotes for a shard's orders every ten seconds, for a minute:

    Tick ─▶ NextStep ─┬─ AGAIN ─▶ UntilNextTick ─▶ Tick
                      └─ OVER ──▶ Over

The clock starts an execution of each of the two every minute, of the ticker one for each shard. They are Express
machines: what fails is not tried again, since the next minute goes on from what the table says.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Duration, aws_lambda
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks
from constructs import Construct

from common.gateways.custody import CustodyUnavailable
from common.gateways.exchange import ExchangeUnavailable
from common.workflow import Line, Machine, Retry, Size, asking
from functions.market_making.model import (
    CANCELS_EVERY_SECONDS,
    CHECK_AFTER_SECONDS,
    CHECK_EVERY_SECONDS,
    CONFIRM_EVERY_SECONDS,
    CONFIRM_LIMIT,
    QUOTING_SECONDS,
    REFUNDS_EVERY_SECONDS,
    RETURN_LIMIT,
    RETURNS_EVERY_SECONDS,
    SHARDS,
    TICK_SECONDS_MAX,
    UNPAID_LIMIT,
    DepositUnconfirmed,
    FeesRose,
    PaymentIncomplete,
    Poll,
    QuotesOpen,
    RefundUnderway,
    ReturnUnderway,
    Stage,
    Tick,
)


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    read_order: aws_lambda.IFunction
    poll_snapshots: aws_lambda.IFunction
    check_payment: aws_lambda.IFunction
    refund_transfers: aws_lambda.IFunction
    withdraw_to_exchange: aws_lambda.IFunction
    confirm_deposits: aws_lambda.IFunction
    join_campaign: aws_lambda.IFunction
    start_quoting: aws_lambda.IFunction
    await_end: aws_lambda.IFunction
    cancel_quotes: aws_lambda.IFunction
    withdraw_from_exchange: aws_lambda.IFunction
    confirm_return: aws_lambda.IFunction
    tick: aws_lambda.IFunction


SIZES = {"tick": Size(memory_mib=1024, seconds=TICK_SECONDS_MAX)}  # of functions that are not like others


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    return {
        "market-making": _market_making(Construct(scope, "Order"), tasks),
        "snapshots": _snapshots(Construct(scope, "Snapshots"), tasks),
        "ticker": _ticker(Construct(scope, "Ticker"), tasks),
    }


def _market_making(scope: Construct, tasks: Tasks) -> Machine:
    line = Line(scope, [ExchangeUnavailable, CustodyUnavailable], "ReadOrder", tasks.read_order)
    ended = line.succeed("Ended", "All of it is back with who paid, or it is stopped and stays at the exchange")
    waits = line.fail("WaitsForOperator", "A person has to look: desk work show")

    refund = line.task(
        "RefundTransfers",
        tasks.refund_transfers,
        "The order has failed: what came in goes back",
        then=ended,
        retry=_every(RefundUnderway, REFUNDS_EVERY_SECONDS, times=60),
    )
    home = line.task(
        "ConfirmReturn",
        tasks.confirm_return,
        "Until the custody has what the exchange has withdrawn, and who paid has it back",
        then=ended,
        retry=_every(ReturnUnderway, RETURNS_EVERY_SECONDS, times=int(RETURN_LIMIT.total_seconds()) // 30 + 1),
    )
    take_out = line.task(
        "WithdrawFromExchange",
        tasks.withdraw_from_exchange,
        "Take what is the order's out of the exchange",
        then=home,
        retry=_every(ReturnUnderway, RETURNS_EVERY_SECONDS, times=40),
    )
    cancel = line.task(
        "CancelQuotes",
        tasks.cancel_quotes,
        "Cancel its quotes, until the exchange has none of them",
        then=take_out,
        retry=_every(QuotesOpen, CANCELS_EVERY_SECONDS, times=180),
    )
    quoting = line.awaiting(
        "Quoting",
        tasks.await_end,
        "The order quotes until it is stopped",
        seconds=QUOTING_SECONDS,
        then=ended,
        late=line.hub,
    )
    start = line.task("StartQuoting", tasks.start_quoting, "Open the order's own ledger", then=quoting)
    join = line.task("JoinCampaign", tasks.join_campaign, "Write down its campaign", then=start)
    confirm = line.task(
        "ConfirmDeposits",
        tasks.confirm_deposits,
        "Until the exchange has credited both legs",
        then=join,
        retry=_every(
            DepositUnconfirmed,
            CONFIRM_EVERY_SECONDS,
            times=int(CONFIRM_LIMIT.total_seconds()) // CONFIRM_EVERY_SECONDS + 1,
        ),
    )
    withdraw = line.task(
        "WithdrawToExchange",
        tasks.withdraw_to_exchange,
        "Decide both legs to the exchange",
        then=confirm,
        retry=_every(FeesRose, CHECK_EVERY_SECONDS, times=61),
    )
    check = line.task(
        "CheckPayment",
        tasks.check_payment,
        "Until all that is to be paid has come in, or the time for it is over",
        then=withdraw,
        retry=_every(
            PaymentIncomplete,
            CHECK_EVERY_SECONDS,
            times=int(UNPAID_LIMIT.total_seconds()) // CHECK_EVERY_SECONDS + 2,
        ),
    )
    first = sfn.Wait(
        scope,
        "WaitForTransfers",
        state_name="WaitForTransfers",
        comment="More transfers follow the first",
        time=sfn.WaitTime.duration(Duration.seconds(CHECK_AFTER_SECONDS)),
    ).next(check)
    for stage, then in {
        Stage.FUND: check,
        Stage.REFUND: refund,
        Stage.WITHDRAW: withdraw,
        Stage.CONFIRM: confirm,
        Stage.JOIN: join,
        Stage.START: start,
        Stage.QUOTE: quoting,
        Stage.STOP: cancel,
        Stage.RETURN: take_out,
        Stage.HOME: home,
        Stage.DONE: ended,
    }.items():
        line.when(stage, then)
    comment = "Moves a market-making order: its payment, its way to the exchange, its quotes, and its way home"
    return line.machine(first, comment, otherwise=waits)


def _every(error: type[Exception], seconds: int, times: int) -> Retry:
    return Retry(error, interval=seconds, rate=1, delay_max=300, times=times)


def _snapshots(scope: Construct, tasks: Tasks) -> Machine:
    poll = sfn_tasks.LambdaInvoke(
        scope,
        "PollSnapshots",
        state_name="PollSnapshots",
        comment="Take what has come in at the custody since the last poll",
        lambda_function=tasks.poll_snapshots,
        payload=asking("time"),
        payload_response_only=True,
        retry_on_service_exceptions=False,
    )
    until = sfn.Wait(
        scope,
        "UntilNextPoll",
        state_name="UntilNextPoll",
        comment="Polls have times of their own: a slow one does not move the next",
        time=sfn.WaitTime.timestamp_path("$.next_at"),
    )
    over = sfn.Succeed(scope, "Over", state_name="Over", comment="The next minute has an execution of its own")
    next_step = sfn.Choice(scope, "NextStep", state_name="NextStep", comment="Is the minute over?")
    next_step.when(sfn.Condition.string_equals("$.stage", Poll.AGAIN), until.next(poll)).otherwise(over)
    poll.next(next_step)
    comment = "Polls the custody every five seconds: what came in is held, refunded or parked"
    return Machine(poll, [tasks.poll_snapshots], comment, every_minutes=1)


def _ticker(scope: Construct, tasks: Tasks) -> Machine:
    tick = sfn_tasks.LambdaInvoke(
        scope,
        "Tick",
        state_name="Tick",
        comment="A cycle of each order of the shard: fills, prices, cancels, quotes",
        lambda_function=tasks.tick,
        payload=asking("time", "shard"),
        payload_response_only=True,
        retry_on_service_exceptions=False,
    )
    until = sfn.Wait(
        scope,
        "UntilNextTick",
        state_name="UntilNextTick",
        comment="Ticks have times of their own: a slow one does not move the next",
        time=sfn.WaitTime.timestamp_path("$.next_at"),
    )
    over = sfn.Succeed(scope, "Over", state_name="Over", comment="The next minute has an execution of its own")
    next_step = sfn.Choice(scope, "NextStep", state_name="NextStep", comment="Is the minute over?")
    next_step.when(sfn.Condition.string_equals("$.stage", Tick.AGAIN), until.next(tick)).otherwise(over)
    tick.next(next_step)
    comment = "Quotes for the orders of a shard, every ten seconds"
    inputs = [{"shard": shard} for shard in SHARDS]
    return Machine(tick, [tasks.tick], comment, every_minutes=1, inputs=inputs)
