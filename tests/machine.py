"""Runs a state machine in this process: its real definition, plain functions for its tasks, no waiting.

    definition = definition_of(template, "SellOrder")
    seen = run(definition, {"id": "O1"}, {"poll_sell_order": poll_sell_order, …})
    assert seen.status == "SUCCEEDED" and seen.waits_seconds == [60, 120]

moto 5.2.5 interprets the definition. What waits there (Retry, Wait, a task token that nobody sends back) is
patched to return at once and is recorded; the time that a Wait looks at begins with `harness.clock` and is moved by
what is waited alone. These are moto's internals, so moto is pinned.
"""

import datetime
import itertools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function import timestamp
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback.callback import CallbackEndpoint

from tests.harness.clock import BEGINNING
from tests.harness.invocation import Invocation

REGION = "us-east-1"
SECONDS_MAX = 20.0  # real ones: a machine that has not stopped by then never will
MOTO: Any = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}

Task = Callable[[Any, Any], Any]  # event and context, as Lambda calls a handler

_names = (f"machine-{number}" for number in itertools.count(1))


@dataclass
class Run:
    """How an execution ended.

    Args:
        status: SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        output: what it answered; None unless it succeeded.
        waits_seconds: every wait, in order: before a retry, in a Wait state, for a token until its time-out.
        visited: every state that was entered, in order; a retry does not enter again.
        error, cause: why it failed.
    """

    status: str
    output: Any
    waits_seconds: list[float] = field(default_factory=list)
    visited: list[str] = field(default_factory=list)
    error: str | None = None
    cause: str | None = None


def run(
    definition: Mapping[str, Any],
    given: Any,
    tasks: Mapping[str, Task],
    *,
    waiting: Callable[[str], None] | None = None,
) -> Run:
    """Run a definition to its end.

    Args:
        definition: the ASL. A task is named plainly, as its Resource or its FunctionName.
        given: the execution's input.
        tasks: the tasks by name. An exception fails the state with the name of its class, as in Lambda; a crash
            (`faults.Crash`) with Runtime.ExitError.
        waiting: called with the token when a state waits for it and the task has not had it sent back: here a
            test plays the webhook, by send_task_success or send_task_failure. When nobody sends it, it times out.
    """
    waits: list[float] = []

    class NoTime:
        sleep = staticmethod(waits.append)

    def no_wait(_: WaitFunction, env: Any, wait_seconds: float) -> None:
        waits.append(max(0, wait_seconds))

    class Waited(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> "Waited":
            at = BEGINNING + datetime.timedelta(seconds=sum(waits))
            return cls.fromisoformat(at.replace(tzinfo=tz).isoformat())

    def token_wait(endpoint: CallbackEndpoint, timeout: float | None = None) -> Any:
        if endpoint.get_outcome() is None and waiting:
            waiting(endpoint.callback_id)
        if endpoint.get_outcome() is None and timeout is not None:
            waits.append(timeout)
        return endpoint.get_outcome()

    attempt = StateTaskServiceCallback._eval_execution

    def with_a_new_token(state: StateTaskServiceCallback, env: Any) -> None:
        # moto gives a retry the token of the attempt before, with its outcome; AWS gives it a new one
        if state.resource.condition == ResourceCondition.WaitForTaskToken:
            env.callback_pool_manager.add(env.states.context_object.update_task_token())
        attempt(state, env)

    with (
        mock_aws(config=MOTO),
        patch.object(LambdaSimpleBackend, "invoke", _invoking(tasks)),
        patch.object(retrier_decl, "time", NoTime),
        patch.object(WaitFunction, "_wait_interval", no_wait),
        patch.object(timestamp, "datetime", SimpleNamespace(datetime=Waited)),
        patch.object(CallbackEndpoint, "wait", token_wait),
        patch.object(StateTaskServiceCallback, "_eval_execution", with_a_new_token),
    ):
        stepfunctions = boto3.client("stepfunctions", REGION)
        machine = stepfunctions.create_state_machine(
            name=next(_names),
            definition=json.dumps(_with_arns(definition)),
            roleArn=f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/machine",
        )
        execution = stepfunctions.start_execution(
            stateMachineArn=machine["stateMachineArn"], name="run", input=json.dumps(given)
        )["executionArn"]
        deadline = time.monotonic() + SECONDS_MAX
        while (seen := stepfunctions.describe_execution(executionArn=execution))["status"] == "RUNNING":
            assert time.monotonic() < deadline, f"the machine did not stop; so far it waited {waits}"
            time.sleep(0.005)
        events = stepfunctions.get_execution_history(executionArn=execution, maxResults=1000)["events"]
    visited = [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]
    return Run(seen["status"], _read(seen.get("output")), waits, visited, seen.get("error"), seen.get("cause"))


def _read(output: str | None) -> Any:
    """The output as a value. moto writes JSON, but a string as itself."""
    if output is None:
        return None
    try:
        return json.loads(output)
    except ValueError:
        return output


def definition_of(template: Mapping[str, Any], machine_prefix: str) -> dict[str, Any]:
    """The definition of one machine of a synthesised CloudFormation template, Lambda ARNs replaced by task names.

    `machine_prefix` begins the machine's logical id; a task is named as the function that its handler ends with.
    """
    resources = template["Resources"]
    machines = [
        resource["Properties"]
        for logical_id, resource in resources.items()
        if resource["Type"] == "AWS::StepFunctions::StateMachine" and logical_id.startswith(machine_prefix)
    ]
    assert len(machines) == 1, f"{len(machines)} machines begin with {machine_prefix}"
    definition = machines[0].get("DefinitionString", machines[0].get("Definition"))
    if isinstance(definition, Mapping) and "Fn::Join" in definition:
        separator, parts = definition["Fn::Join"]
        definition = separator.join(part if isinstance(part, str) else _named(part, resources) for part in parts)
    asl: dict[str, Any] = json.loads(definition) if isinstance(definition, str) else dict(definition)
    return asl


PSEUDO = {"AWS::Region": REGION, "AWS::AccountId": DEFAULT_ACCOUNT_ID, "AWS::Partition": "aws"}


def _named(token: Mapping[str, Any], resources: Mapping[str, Any]) -> str:
    """What a token of CloudFormation's stands for: a task's name, a pseudo parameter, or a logical id."""
    ((function, argument),) = token.items()
    logical_id = argument[0] if function == "Fn::GetAtt" else str(argument)
    if logical_id in PSEUDO:
        return PSEUDO[logical_id]
    resource = resources.get(logical_id, {})
    if resource.get("Type") in ("AWS::Lambda::Alias", "AWS::Lambda::Version"):
        return _named(resource["Properties"]["FunctionName"], resources)
    if resource.get("Type") == "AWS::Lambda::Function":
        return str(resource["Properties"]["Handler"]).rsplit(".", 1)[-1]
    return str(logical_id)


def _with_arns(asl: Any) -> Any:
    """The same definition with ARNs for plain task names, which is how moto wants a task's Resource."""
    if isinstance(asl, list):
        return [_with_arns(part) for part in asl]
    if not isinstance(asl, Mapping):
        return asl
    copied = {name: _with_arns(part) for name, part in asl.items()}
    if copied.get("Type") == "Task" and ":" not in copied["Resource"]:
        copied["Resource"] = f"arn:aws:lambda:{REGION}:{DEFAULT_ACCOUNT_ID}:function:{copied['Resource']}"
    return copied


def _invoking(tasks: Mapping[str, Task]) -> Callable[..., bytes]:
    """moto's way to call a Lambda, calling the tasks: answers and errors as the Lambda runtime gives them."""

    def invoke(
        _: LambdaSimpleBackend, function_name: str, qualifier: Any, body: str, headers: Any, response_headers: Any
    ) -> bytes:
        name = function_name.rsplit(":", 1)[-1]
        try:
            answer: Any = tasks[name](json.loads(body), Invocation())
        except BaseException as error:  # what is no Exception ends the process: a crash
            name_of_error = type(error).__name__ if isinstance(error, Exception) else "Runtime.ExitError"
            response_headers["x-amz-function-error"] = "Unhandled"
            answer = {"errorType": name_of_error, "errorMessage": str(error)}
        return json.dumps(answer).encode()

    return invoke
