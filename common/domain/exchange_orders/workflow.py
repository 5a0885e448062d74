"""The states that a machine gets for an order at the exchange.

Resolve… (again and again) ─▶ Poll… (again and again; too late: Cancel…) ─▶ what follows
WaitToLookAgain ─▶ LookAgain ─▶ nothing
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from aws_cdk import aws_stepfunctions as sfn

from common.domain.exchange_orders.model import (
    POLL_BACK_OFF_RATE,
    POLL_DELAY_SECONDS_MAX,
    POLL_INTERVAL_SECONDS,
    POLLS_MAX,
    ExchangeOrderNotFilled,
    ExchangeOrderOverdue,
    ExchangeOrderUnresolved,
)
from common.workflow import Line, Retry


@dataclass(frozen=True)
class States:
    """Where the hub leads for an order that was sent, is open, or was not found."""

    resolve: sfn.IChainable
    poll: sfn.IChainable
    look_again: sfn.IChainable


def states(
    line: Line,
    of: str,
    *,
    resolve: aws_lambda.IFunction,
    poll: aws_lambda.IFunction,
    cancel: aws_lambda.IFunction,
    look_again: aws_lambda.IFunction,
    then: sfn.IChainable,
    nothing: sfn.IChainable,
) -> States:
    """`of` names the parent in the states' names; `then` follows the fill, `nothing` the last look."""
    cancels = line.task(
        f"Cancel{of}",
        cancel,
        "Cancel what has not filled in 30 minutes; what had filled counts",
        then=then,
        retry=_again(ExchangeOrderNotFilled),
    )
    polls = line.task(
        f"Poll{of}",
        poll,
        "Ask the exchange what it has executed, until that is final",
        then=then,
        retry=_again(ExchangeOrderNotFilled),
        caught=(ExchangeOrderOverdue, cancels),
    )
    resolves = line.task(
        f"Resolve{of}",
        resolve,
        "The exchange gave no answer: find out whether it has the order",
        then=polls,
        retry=_again(ExchangeOrderUnresolved),
    )
    looks = line.task("LookAgain", look_again, "Has the order turned up after all?", then=nothing)
    wait = line.wait("WaitToLookAgain", "Ten minutes, for an order that the exchange did not have")
    return States(resolves, polls, wait.next(looks))


def _again(error: type[Exception]) -> Retry:
    return Retry(error, POLL_INTERVAL_SECONDS, POLL_BACK_OFF_RATE, POLL_DELAY_SECONDS_MAX, times=POLLS_MAX)
