"""How the desk's state machines are made: every task is a Lambda that answers with the stage the table says is next,
and one Choice, the hub, follows it. What passes is asked again; what does not ends the execution and says why.

CDK, and therefore nothing that runs in a Lambda: only the `workflow` modules import it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration, aws_lambda
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks
from constructs import Construct

from common.machines import MachinesUnavailable
from common.table.table import TableUnavailable
from common.table.transaction import Busy

UNCLEAR = "Unclear"
INSIDE = [e.__name__ for e in (MachinesUnavailable, Busy, TableUnavailable)]
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
class Machine:
    """What a machine is deployed from: its first state, and the functions that it calls."""

    first: sfn.IChainable
    functions: Sequence[aws_lambda.IFunction]


@dataclass(frozen=True)
class Again:
    """A task is asked again while it fails with this error: after `interval` seconds, then each time `rate` times as
    many, at most `delay_max`, at most `times` times."""

    error: type[Exception]
    interval: int
    rate: float
    delay_max: int
    times: int


@dataclass
class Hub:
    """The states of one machine around their Choice. `passing` are the errors of outside systems that pass."""

    scope: Construct
    passing: Sequence[type[Exception]]
    who_was_silent: str
    functions: list[aws_lambda.IFunction] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next_step = sfn.Choice(self.scope, "NextStep", state_name="NextStep")
        self.unclear = self.fail(UNCLEAR, f"{self.who_was_silent} stayed silent for hours")

    def when(self, stage: str, then: sfn.IChainable) -> None:
        self.next_step.when(sfn.Condition.string_equals("$.stage", stage), then)

    def starting(self, first: sfn_tasks.LambdaInvoke, *, otherwise: sfn.IChainable) -> Machine:
        """The machine, whose Choice leads any other stage to `otherwise`."""
        self.next_step.otherwise(otherwise)
        return Machine(first, self.functions)

    def task(
        self,
        name: str,
        function: aws_lambda.IFunction,
        *,
        again: Again | None = None,
        caught: tuple[type[Exception], sfn_tasks.LambdaInvoke] | None = None,
        given: Sequence[str] = (),
    ) -> sfn_tasks.LambdaInvoke:
        """A task that is given the order's id and the `given` members of the last answer, and leads to the Choice.

        caught: an error that leads to another state.
        """
        payload = {name: sfn.JsonPath.string_at(f"$.{name}") for name in ("order_id", *given)}
        invoke = sfn_tasks.LambdaInvoke(
            self.scope,
            name,
            state_name=name,
            lambda_function=self._called(function),
            payload=sfn.TaskInput.from_object(payload),
            payload_response_only=True,
            retry_on_service_exceptions=False,  # all retries are listed here
        )
        if again is not None:
            invoke.add_retry(
                errors=[again.error.__name__],
                interval=Duration.seconds(again.interval),
                backoff_rate=again.rate,
                max_delay=Duration.seconds(again.delay_max),
                max_attempts=again.times,
            )
        self._patiently(invoke)
        if caught is not None:
            error, then = caught
            invoke.add_catch(then, errors=[error.__name__], result_path="$.failure")
        invoke.add_catch(self.unclear, result_path="$.failure")
        invoke.next(self.next_step)
        return invoke

    def awaiting(
        self, name: str, function: aws_lambda.IFunction, seconds: int, then: sfn_tasks.LambdaInvoke
    ) -> sfn_tasks.LambdaInvoke:
        """Wait for whoever sends the token back that `function` is given; what has come the table tells, not the token.
        `then` follows, also when the time is over."""
        wait = sfn_tasks.LambdaInvoke(
            self.scope,
            name,
            state_name=name,
            lambda_function=self._called(function),
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=sfn.TaskInput.from_object(
                {"order_id": sfn.JsonPath.string_at("$.order_id"), "token": sfn.JsonPath.task_token}
            ),
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=sfn.Timeout.duration(Duration.seconds(seconds)),
            retry_on_service_exceptions=False,
        )
        self._patiently(wait)
        wait.add_catch(then, errors=["States.Timeout"], result_path="$.failure")
        wait.add_catch(self.unclear, result_path="$.failure")
        wait.next(then)
        return wait

    def wait(self, name: str) -> sfn.Wait:
        """As long as the last answer says."""
        return sfn.Wait(self.scope, name, state_name=name, time=sfn.WaitTime.seconds_path("$.wait_seconds"))

    def succeed(self, name: str) -> sfn.Succeed:
        return sfn.Succeed(self.scope, name, state_name=name)

    def fail(self, name: str, cause: str) -> sfn.Fail:
        return sfn.Fail(self.scope, name, state_name=name, error=name, cause=cause)

    def _called(self, function: aws_lambda.IFunction) -> aws_lambda.IFunction:
        if function not in self.functions:
            self.functions.append(function)
        return function

    def _patiently(self, invoke: sfn_tasks.LambdaInvoke) -> None:
        """Whatever may pass is asked again for about three hours: after 5 s, 10 s, …, every 5 minutes."""
        invoke.add_retry(
            errors=[*(error.__name__ for error in self.passing), *INSIDE, *LAMBDA],
            interval=Duration.seconds(5),
            backoff_rate=2,
            max_delay=Duration.minutes(5),
            max_attempts=40,
        )
