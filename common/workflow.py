"""How the desk's state machines are made: a straight line for what usually happens, and a hub beside it.

    Place ─▶ Poll ─▶ Allocate ─▶ Bought          each task answers with what the table says is next
      └────────┴─────────┴── ElsewhereNow ─▶ Read ─▶ NextStep ─▶ anywhere

A task that finds its thing elsewhere than on the line raises ElsewhereNow; the hub then reads where the table says it
is and leads there. So an execution of any generation may start at any time, and the usual life has no hub in it: each
transition costs money. What passes is retried; what does not ends the execution and says why.

CDK, and therefore nothing that runs in a Lambda: only the `workflow` modules import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aws_cdk import Duration, aws_lambda
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as sfn_tasks
from constructs import Construct

from common.machines import ElsewhereNow, MachinesUnavailable
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
    "Runtime.ExitError",  # the process died
    "Sandbox.Timedout",
]


def asking(*names: str, **more: str) -> sfn.TaskInput:
    """What a task is asked: these fields of the state's input, `more`, and, for its log lines (`common.log.logged`),
    which execution asks, and in which state."""
    fields = {name: sfn.JsonPath.string_at(f"$.{name}") for name in names}
    caller = {"execution": "$$.Execution.Name", "state": "$$.State.Name"}
    return sfn.TaskInput.from_object(fields | more | {k: sfn.JsonPath.string_at(at) for k, at in caller.items()})


@dataclass(frozen=True)
class Machine:
    """What a machine is deployed from: its first state, the functions that it calls, and what it is for.

    One with `every_minutes` is started by the clock, each so many minutes, once for each of `inputs`, with {"time"}
    besides: when it was to be started. It is an Express machine: it lasts five minutes at most, may be started twice,
    and its executions have no names that anybody knows. Every other one is a Standard machine, started by what it
    moves.
    """

    first: sfn.IChainable
    functions: Sequence[aws_lambda.IFunction]
    comment: str
    every_minutes: int | None = None
    inputs: Sequence[Mapping[str, str]] = ({},)


@dataclass(frozen=True)
class Size:
    """Of a function that is not like the others: memory decides its share of a CPU, too."""

    memory_mib: int
    seconds: int


@dataclass(frozen=True)
class Retry:
    """A task is tried again while it fails with this error: after `interval` seconds, then each time `rate` times as
    many, at most `delay_max`, at most `times` times."""

    error: type[Exception]
    interval: int
    rate: float
    delay_max: int
    times: int


@dataclass
class Line:
    """The states of one machine. `passing` are the errors of outside systems that pass; `read` is the hub's task,
    which tells where the thing stands."""

    scope: Construct
    passing: Sequence[type[Exception]]
    read_name: str
    read: aws_lambda.IFunction
    functions: list[aws_lambda.IFunction] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next_step = sfn.Choice(
            self.scope, "NextStep", state_name="NextStep", comment="Go on where the table says that it is"
        )
        self.unclear = sfn.Fail(
            self.scope,
            UNCLEAR,
            state_name=UNCLEAR,
            comment="Something stayed silent for hours, or there is a bug; the sweeper starts the next execution",
            error=UNCLEAR,
            cause_path="$.failure.Cause",
        )
        self.hub = self._invoke(self.read_name, self.read, "Read where the table says that it is")
        self.hub.add_catch(self.unclear, result_path="$.failure")
        self.hub.next(self.next_step)

    def when(self, stage: str, then: sfn.IChainable) -> None:
        """Where the hub leads."""
        self.next_step.when(sfn.Condition.string_equals("$.stage", stage), then)

    def machine(self, first: sfn.IChainable, comment: str, *, otherwise: sfn.IChainable) -> Machine:
        """The machine, whose hub leads any other stage to `otherwise`."""
        self.next_step.otherwise(otherwise)
        return Machine(first, self.functions, comment)

    def task(
        self,
        name: str,
        function: aws_lambda.IFunction,
        comment: str,
        *,
        then: sfn.IChainable | None,
        retry: Retry | None = None,
        caught: tuple[type[Exception], sfn.IChainable] | None = None,
    ) -> sfn_tasks.LambdaInvoke:
        """A task on the line, given the thing's id. `then` may be told later, where two states lead to each other;
        `caught` is an error that leads to another state."""
        invoke = self._invoke(name, function, comment, retry)
        if caught is not None:
            error, other = caught
            invoke.add_catch(other, errors=[error.__name__], result_path="$.failure")
        self._elsewhere(invoke)
        if then is not None:
            invoke.next(then)
        return invoke

    def awaiting(
        self,
        name: str,
        function: aws_lambda.IFunction,
        comment: str,
        *,
        seconds: int,
        then: sfn.IChainable,
        late: sfn.IChainable,
    ) -> sfn_tasks.LambdaInvoke:
        """Wait for whoever sends the token back that `function` is given. `late` follows when nobody has in time."""
        wait = sfn_tasks.LambdaInvoke(
            self.scope,
            name,
            state_name=name,
            comment=comment,
            lambda_function=self._called(function),
            integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
            payload=asking("id", token=sfn.JsonPath.task_token),
            task_timeout=sfn.Timeout.duration(Duration.seconds(seconds)),
            retry_on_service_exceptions=False,
        )
        self._patiently(wait)
        wait.add_catch(late, errors=["States.Timeout"], result_path="$.failure")
        self._elsewhere(wait)
        wait.next(then)
        return wait

    def wait(self, name: str, comment: str) -> sfn.Wait:
        """As long as the last answer says."""
        seconds = sfn.WaitTime.seconds_path("$.wait_seconds")
        return sfn.Wait(self.scope, name, state_name=name, comment=comment, time=seconds)

    def succeed(self, name: str, comment: str) -> sfn.Succeed:
        return sfn.Succeed(self.scope, name, state_name=name, comment=comment)

    def fail(self, name: str, comment: str) -> sfn.Fail:
        """The cause is the reason that the hub's task has told."""
        return sfn.Fail(self.scope, name, state_name=name, comment=comment, error=name, cause_path="$.reason")

    def _invoke(
        self, name: str, function: aws_lambda.IFunction, comment: str, retry: Retry | None = None
    ) -> sfn_tasks.LambdaInvoke:
        invoke = sfn_tasks.LambdaInvoke(
            self.scope,
            name,
            state_name=name,
            comment=comment,
            lambda_function=self._called(function),
            payload=asking("id"),
            payload_response_only=True,
            retry_on_service_exceptions=False,  # all retries are listed here
        )
        if retry is not None:
            invoke.add_retry(
                errors=[retry.error.__name__],
                interval=Duration.seconds(retry.interval),
                backoff_rate=retry.rate,
                max_delay=Duration.seconds(retry.delay_max),
                max_attempts=retry.times,
            )
        self._patiently(invoke)
        return invoke

    def _elsewhere(self, invoke: sfn_tasks.LambdaInvoke) -> None:
        invoke.add_catch(self.hub, errors=[ElsewhereNow.__name__], result_path="$.failure")
        invoke.add_catch(self.unclear, result_path="$.failure")

    def _called(self, function: aws_lambda.IFunction) -> aws_lambda.IFunction:
        if function not in self.functions:
            self.functions.append(function)
        return function

    def _patiently(self, invoke: sfn_tasks.LambdaInvoke) -> None:
        """Whatever may pass is retried for about three hours: after 5 s, 10 s, …, every 5 minutes."""
        invoke.add_retry(
            errors=[*(error.__name__ for error in self.passing), *INSIDE, *LAMBDA],
            interval=Duration.seconds(5),
            backoff_rate=2,
            max_delay=Duration.minutes(5),
            max_attempts=40,
        )
