# ruff: noqa: N803 (the arguments have AWS's names)
"""A small Step Functions in memory and in virtual time, shaped like a boto3 client.

    clock = Clock()
    stepfunctions = InMemoryStepFunctions(clock)
    arn = stepfunctions.deploy("sell-order", definition_of(template, "SellOrder"), {"poll_sell_order": poll_sell_order})
    stepfunctions.start_execution(stateMachineArn=arn, name="O1", input='{"order_id": "O1"}')
    stepfunctions.run()                                   # as far as it goes now
    clock.at = stepfunctions.next_at() or clock.at        # and on to the next wait, retry or time-out

The same keyword arguments, answers and exceptions as `boto3.client("stepfunctions")`, for Standard and Express machines
whose tasks are Lambda functions. Nothing happens but in `run`, in one thread, and the same way every time:
`tests.machine` is its slow sibling, which moto interprets. Where the embedded AWS is looser than AWS, this is AWS.

Inside: `asl` (definitions), `asl_data` (paths, templates, choices), `executions`, `interpreter` (what a step does),
`stepfunctions_requests` (the form of requests, errors, pages).
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from tests.harness import asl
from tests.harness.asl_data import Failure, write
from tests.harness.executions import FAILED, RUNNING, SUCCEEDED, TIMED_OUT, Event, Execution, Token
from tests.harness.interpreter import Interpreter
from tests.harness.stepfunctions_requests import (
    PAGE,
    check_failure,
    check_texts,
    exceptions,
    page_size,
    page_start,
    page_token,
    read_json,
    refusal,
    too_long,
)

PREFIX = "arn:aws:states:us-east-1:123456789012:"
NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]+")
NAME_MAX = 80
KEPT = timedelta(days=90)  # a closed execution; then it is gone, and its name is free
STATUSES = (RUNNING, SUCCEEDED, FAILED, TIMED_OUT, "ABORTED", "PENDING_REDRIVE")
RESTARTED = "States.ServiceRestart"

Answer = dict[str, Any]


class InMemoryStepFunctions:
    """The client, and the control over it: `deploy`, `run`, `next_at`, `restart`, `kill`.

    Args:
        now: the clock. It is not moved here, but tasks may move it.

    `executions` are all that ever were, in order of their start.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.executions: list[Execution] = []
        self._now = now
        self._interpreter = Interpreter(now)
        self._machines: dict[str, asl.Machine] = {}
        self._by_arn: dict[str, Execution] = {}
        self._by_machine: dict[str, list[Execution]] = {}
        self._agenda: list[tuple[datetime, int, int, Execution]] = []  # due, number of the start, number of the entry
        self._entries: dict[Execution, int] = {}  # the one that counts; others of the agenda are out of date
        self._entry = itertools.count(1)
        self._requests = itertools.count(1)
        self._runs = False

    # Control

    def deploy(
        self,
        name: str,
        definition: Mapping[str, Any] | asl.Definition,
        tasks: Mapping[str, asl.Function],
        *,
        express: bool = False,
    ) -> str:
        """Make a machine, or give it a new definition: executions that are running keep theirs. Answers its ARN.

        Args:
            definition: the ASL, or what `asl.read` made of it. A task is named plainly or by its ARN, as Resource or as
                FunctionName.
            tasks: the tasks by name, called with the event and None. An exception fails the state with the name of
                its class, as in Lambda; a crash (`faults.Crash`) with Runtime.ExitError. They may use this client.
            express: the same language, for five minutes at most; a name may be started again at any time, and nothing
                here answers what became of it, as on AWS: a test looks at `executions`.
        """
        arn = f"{PREFIX}stateMachine:{name}"
        read = definition if isinstance(definition, asl.Definition) else asl.read(definition)
        self._machines[arn] = asl.machine(name, read, tasks, express=express)
        self._by_machine.setdefault(arn, [])
        return arn

    def run(self) -> int:
        """Carry on every execution as far as it goes at the present time, by due time, then by start.

        Answers the steps done: states entered, retries, ends of waits. Within a task it does nothing: what became
        due meanwhile is done when the task is over. A task may raise what is no Exception and no crash (`Endless`):
        then this ends, with that execution left where it was.
        """
        if self._runs:
            return 0
        self._runs, steps = True, 0
        try:
            while (due := self.next_at()) is not None and due <= self._now():
                execution = heapq.heappop(self._agenda)[-1]
                del self._entries[execution]
                self._interpreter.step(execution)
                steps += 1
                while execution.goes_on:
                    self._interpreter.step(execution)
                    steps += 1
                self._schedule(execution)
        finally:
            self._runs = False
        return steps

    def next_at(self) -> datetime | None:
        """When the next execution goes on by itself: what is started or sent, or a wait, retry or time-out."""
        while self._agenda:
            due, _, entry, execution = self._agenda[0]
            if self._entries.get(execution) == entry:
                return due
            heapq.heappop(self._agenda)
        return None

    def restart(self) -> None:
        """As a restart of the embedded AWS: what was running has failed, and no token is known any more.

        Nothing of it is in the histories.
        """
        for execution in self.executions:
            execution.forgotten = True
            if execution.running:
                self._die(execution)

    def kill(self, execution_arn: str) -> None:
        """The same for one running execution."""
        execution = self._by_arn[execution_arn]
        assert execution.running, f"{execution.name} is {execution.status} already"
        execution.forgotten = True
        self._die(execution)

    def _die(self, execution: Execution) -> None:
        execution.close(self._now(), FAILED, RESTARTED, "Execution was running when service restarted")
        self._schedule(execution)

    def _schedule(self, execution: Execution) -> None:
        """Put it on the agenda for when it is due, or take it off."""
        self._entries.pop(execution, None)
        if execution.due is not None:
            entry = self._entries[execution] = next(self._entry)
            heapq.heappush(self._agenda, (execution.due, execution.number, entry, execution))

    # Executions

    def start_execution(self, *, stateMachineArn: str, name: str, input: str = "{}") -> Answer:
        operation = "StartExecution"
        check_texts(stateMachineArn=stateMachineArn, name=name)
        if len(name) > NAME_MAX:
            raise too_long(operation, "name", name, NAME_MAX)
        if not NAME.fullmatch(name):
            raise refusal(operation, "InvalidName", f"Invalid Name: '{name}'")
        machine = self._machine(operation, stateMachineArn)
        given = read_json(operation, "InvalidExecutionInput", "input", input)
        now = self._now()
        number = len(self.executions) + 1
        own = f"express:{machine.name}:{name}:{number}" if machine.express else f"execution:{machine.name}:{name}"
        arn = f"{PREFIX}{own}"
        before = self._kept(arn, now)
        if before and before.running and before.input_text == input:
            return self._answer(executionArn=arn, startDate=before.started)
        if before:
            raise refusal(operation, "ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
        execution = Execution(number, arn, stateMachineArn, machine, name, input, now, given)
        execution.record(
            now,
            "ExecutionStarted",
            "executionStartedEventDetails",
            input=input,
            roleArn="arn:aws:iam::123456789012:role/machine",
        )
        self.executions.append(execution)
        self._by_arn[arn] = execution
        self._by_machine[stateMachineArn].append(execution)
        self._schedule(execution)
        return self._answer(executionArn=arn, startDate=now)

    def describe_state_machine(self, *, stateMachineArn: str) -> Answer:
        machine = self._machine("DescribeStateMachine", stateMachineArn)
        kind, definition = "EXPRESS" if machine.express else "STANDARD", write(machine.definition.written)
        told = {"stateMachineArn": stateMachineArn, "name": machine.name, "status": "ACTIVE", "type": kind}
        return self._answer(**told, definition=definition)

    def describe_execution(self, *, executionArn: str) -> Answer:
        execution = self._execution("DescribeExecution", executionArn)
        answer = {**_listed(execution), "input": execution.input_text, "inputDetails": {"included": True}}
        if execution.status == SUCCEEDED:
            answer |= {"output": write(execution.output), "outputDetails": {"included": True}}
        said = {"error": execution.error, "cause": execution.cause}
        return self._answer(**answer, **{name: value for name, value in said.items() if value is not None})

    def list_executions(
        self,
        *,
        stateMachineArn: str,
        statusFilter: str | None = None,
        maxResults: int = PAGE,
        nextToken: str | None = None,
    ) -> Answer:
        """Newest start first. A page goes on behind the last one's end, whatever was started meanwhile."""
        operation = "ListExecutions"
        if self._machine(operation, stateMachineArn).express:
            said = "This operation is not supported by this type of state machine"
            raise refusal(operation, "StateMachineTypeNotSupported", said)
        if statusFilter is not None and statusFilter not in STATUSES:
            raise refusal(operation, "ValidationException", f"statusFilter should be one of {', '.join(STATUSES)}")
        size, kind = page_size(operation, maxResults), f"{stateMachineArn} {statusFilter}"
        before, now = page_start(operation, kind, nextToken), self._now()
        found = (
            execution
            for execution in reversed(self._by_machine[stateMachineArn])
            if (before is None or execution.number < before)
            and statusFilter in (None, execution.status)
            and self._kept(execution.arn, now) is execution
        )
        page = list(itertools.islice(found, size + 1))
        more = {"nextToken": page_token(kind, page[size - 1].number)} if len(page) > size else {}
        return self._answer(executions=[_listed(execution) for execution in page[:size]], **more)

    def get_execution_history(self, *, executionArn: str, maxResults: int = PAGE, reverseOrder: bool = False) -> Answer:
        """The first or the last events: there is no further page."""
        operation = "GetExecutionHistory"
        events = list(enumerate(self._execution(operation, executionArn).events, 1))
        page = (events[::-1] if reverseOrder else events)[: page_size(operation, maxResults)]
        return self._answer(events=[_event(number, event) for number, event in page])

    # Tokens

    def send_task_success(self, *, taskToken: str, output: str) -> Answer:
        value = read_json("SendTaskSuccess", "InvalidOutput", "output", output)
        token = self._token("SendTaskSuccess", taskToken)
        token.output = value
        return self._send(token)

    def send_task_failure(self, *, taskToken: str, error: str | None = None, cause: str | None = None) -> Answer:
        check_failure("SendTaskFailure", error, cause)
        token = self._token("SendTaskFailure", taskToken)
        token.failure = Failure(error, cause)
        return self._send(token)

    def _send(self, token: Token) -> Answer:
        token.sent = True
        token.execution.due = self._now()
        self._schedule(token.execution)
        return self._answer()

    def _token(self, operation: str, text: str) -> Token:
        """A token that can be sent: nobody has, and its state still waits, or its task still runs."""
        check_texts(taskToken=text)
        token = self._interpreter.tokens.get(text)
        if token is None:
            raise refusal(operation, "InvalidToken", "Invalid Token: 'Invalid token'")
        if token.execution.forgotten:
            raise refusal(operation, "TaskDoesNotExist", "Task token not found")
        gone = token.sent or not token.execution.running or token.execution.token is not token
        if gone or (token.deadline is not None and self._now() >= token.deadline):
            raise refusal(operation, "TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        return token

    # The form of the client

    @property
    def client(self) -> Any:
        """This service, for product code that is typed for the real client."""
        return self

    @property
    def exceptions(self) -> Any:
        return exceptions()

    def _answer(self, **members: Any) -> Answer:
        sent = {"RequestId": f"in-memory-{next(self._requests)}", "HTTPStatusCode": 200}
        return {**members, "ResponseMetadata": {**sent, "HTTPHeaders": {}, "RetryAttempts": 0}}

    def _machine(self, operation: str, arn: str) -> asl.Machine:
        check_texts(stateMachineArn=arn)
        if not arn.startswith("arn:") or ":stateMachine:" not in arn:
            raise refusal(operation, "InvalidArn", f"Invalid Arn: '{arn}'")
        if arn not in self._machines:
            raise refusal(operation, "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        return self._machines[arn]

    def _execution(self, operation: str, arn: str) -> Execution:
        check_texts(executionArn=arn)
        if not arn.startswith("arn:") or ":execution:" not in arn:
            raise refusal(operation, "InvalidArn", f"Invalid Arn: '{arn}'")
        if (execution := self._kept(arn, self._now())) is None:
            raise refusal(operation, "ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return execution

    def _kept(self, arn: str, now: datetime) -> Execution | None:
        execution = self._by_arn.get(arn)
        gone = execution and execution.stopped is not None and now >= execution.stopped + KEPT
        return None if gone else execution


def _listed(execution: Execution) -> Answer:
    return {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": execution.started,
        **({} if execution.stopped is None else {"stopDate": execution.stopped}),
    }


def _event(number: int, event: Event) -> Answer:
    """An event as its history shows it; what is unknown is left out."""
    at, kind, key, details = event
    shown: Answer = {"timestamp": at, "type": kind, "id": number, "previousEventId": number - 1}
    if key:
        shown[key] = {name: said for name, said in details.items() if said is not None}
    return shown
