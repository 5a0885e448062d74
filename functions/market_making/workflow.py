"""The machine `snapshots`: polls the custody every five seconds, for a minute.

    PollSnapshots ─▶ NextStep ─┬─ AGAIN ─▶ UntilNextPoll ─▶ PollSnapshots
                               └─ OVER ──▶ Over

The clock starts an execution each minute. It is an Express machine: what fails is not tried again, since the next
minute goes on from the cursor.
"""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import aws_lambda
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks
from constructs import Construct

from common.workflow import Machine
from functions.market_making.model import Poll


@dataclass(frozen=True)
class Tasks:
    """The functions of `tasks.py`, by name."""

    poll_snapshots: aws_lambda.IFunction


def machines(scope: Construct, tasks: Tasks) -> dict[str, Machine]:
    """Each machine, by its name."""
    return {"snapshots": _snapshots(Construct(scope, "Snapshots"), tasks)}


def _snapshots(scope: Construct, tasks: Tasks) -> Machine:
    poll = sfn_tasks.LambdaInvoke(
        scope,
        "PollSnapshots",
        state_name="PollSnapshots",
        comment="Take what has come in at the custody since the last poll",
        lambda_function=tasks.poll_snapshots,
        payload=sfn.TaskInput.from_object({"time": sfn.JsonPath.string_at("$.time")}),
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
