"""The state machines' service in memory: time, tasks, tokens, restarts, the client's form, histories."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError
from botocore.model import StringShape
from botocore.validate import ParamValidator

from tests.harness.clock import BEGINNING
from tests.harness.executions import Execution
from tests.harness.faults import Crash, Endless
from tests.harness.machine_rig import (
    END,
    A,
    Rig,
    catch,
    machine,
    refused,
    retry,
    scripted,
    task,
    token_task,
    wait,
)
from tests.harness.stepfunctions_requests import service_model

# Time


def test_nothing_happens_before_it_is_due() -> None:
    rig = Rig()
    execution = rig.start(rig.deploy(machine(X=wait(Seconds=60, Next="Y"), Y=wait(SecondsPath="$.s"))), {"s": 5})
    assert (rig.service.next_at(), execution.visited) == (BEGINNING, [])
    assert (rig.service.run(), rig.service.next_at()) == (1, BEGINNING + timedelta(seconds=60))
    assert (rig.after(59), execution.visited) == (0, ["X"])
    assert (rig.after(1), execution.visited) == (2, ["X", "Y"])
    assert (rig.after(5), execution.status, rig.service.next_at()) == (1, "SUCCEEDED", None)
    assert rig.service.run() == 0


def test_executions_go_on_by_due_time_and_then_by_start() -> None:
    rig = Rig()
    told: list[str] = []

    def tell(event: Any, _: Any) -> Any:
        told.append(event["n"])
        return event

    definition = machine(X=wait(SecondsPath="$.s", Next="Y"), Y=task("tell", Next="Z"), Z=task("tell"))
    arn = rig.deploy(definition, tell=tell)
    for name, seconds in (("a", 9), ("b", 7), ("c", 9), ("d", 5)):
        rig.start(arn, {"s": seconds, "n": name})
    rig.service.run()
    rig.after(8)
    assert told == ["d", "d", "b", "b"]
    rig.after(60)
    assert told[4:] == ["a", "a", "c", "c"]


def test_what_is_late_goes_on_from_the_present() -> None:
    rig = Rig()
    definition = machine(X=task("x", Retry=[retry("A", IntervalSeconds=15, BackoffRate=1)]))
    rig.start(rig.deploy(definition, x=scripted(A(), A(), A(), "done")))
    rig.service.run()
    assert rig.after(86_400) == 1
    assert rig.service.next_at() == rig.clock.now() + timedelta(seconds=15)


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        ("2026-01-01T00:01:00Z", 60),
        ("2026-01-01T00:00:00.250Z", 0.25),
        ("2026-01-01T02:00:05+02:00", 5),
        ("2026-01-01T00:00:07.000000001Z", 7),
        ("2026-01-01T00:00:00Z", 0),
        ("2025-12-31T23:59:59Z", 0),
    ],
)
def test_a_wait_until_a_time_ends_at_that_time_or_at_once(at: str, seconds: float) -> None:
    for until in (wait(TimestampPath="$.at"), wait(Timestamp=at)):
        execution = Rig().play(machine(X=until), {"at": at})
        assert (execution.waits_seconds, execution.status) == ([seconds], "SUCCEEDED")
        assert execution.stopped == BEGINNING + timedelta(seconds=seconds)


def test_times_that_were_told_are_kept_however_long_the_tasks_between_take() -> None:
    rig = Rig()
    began: list[float] = []

    def slow(event: Any, _: Any) -> Any:
        began.append(rig.clock.monotonic())
        rig.clock.advance(3.5)
        return {"at": f"2026-01-01T00:00:{5 * len(began):02}Z"}

    rule = {"Variable": "$.at", "StringEquals": "2026-01-01T00:00:20Z", "Next": "End"}
    definition = machine(
        X=task("slow", Next="Over"),
        Over={"Type": "Choice", "Choices": [rule], "Default": "Until"},
        Until=wait(TimestampPath="$.at", Next="X"),
        End=END,
    )
    assert rig.play(definition, slow=slow).waits_seconds == [1.5, 1.5, 1.5]
    assert began == [0, 5, 10, 15]


@pytest.mark.parametrize("at", ["tomorrow", "2026-01-01", 1_767_225_600, None, "2026-13-01T00:00:00Z"])
def test_a_wait_until_what_is_no_time_fails_the_execution(at: Any) -> None:
    execution = Rig().play(machine(X=wait(TimestampPath="$.at")), {"at": at})
    assert (execution.status, execution.error, execution.waits_seconds) == ("FAILED", "States.Runtime", [])
    assert "TimestampPath parameter does not reference a valid ISO-8601" in str(execution.cause)


def test_a_task_longer_than_its_time_out_fails_with_it_whatever_it_answers() -> None:
    rig = Rig()

    def slow(event: Any, _: Any) -> Any:
        rig.clock.advance(event["seconds"])
        return "done"

    definition = machine(X=task("slow", TimeoutSeconds=10, Catch=[catch("Late", "States.Timeout")]), Late=END)
    assert rig.play(definition, {"seconds": 9}, slow=slow).output == "done"
    late = rig.play(definition, {"seconds": 10}, slow=slow)
    assert (late.visited, late.output) == (["X", "Late"], {"Error": "States.Timeout", "Cause": ""})


def test_a_task_failed_retry_is_not_for_time_outs() -> None:
    rig = Rig()
    definition = machine(X=token_task("keep", TimeoutSeconds=30, Retry=[retry("States.TaskFailed")]))
    assert rig.play(definition).waits_seconds == [30]


def test_an_execution_without_end_fails_when_its_history_is_full() -> None:
    rule = {"Variable": "$.stage", "StringEquals": "OVER", "Next": "End"}
    definition = machine(X={"Type": "Choice", "Choices": [rule], "Default": "Y"}, Y=wait(Seconds=0, Next="X"), End=END)
    execution = Rig().play(definition, {"stage": "POLL"})
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert execution.cause == "The execution reached the maximum number of history events (25000)."
    assert 25_000 <= len(execution.events) < 25_010


# Tasks


def test_an_event_and_an_answer_pass_through_json() -> None:
    def change(event: Any, _: Any) -> Any:
        event["lines"].append("mine")
        return {"pair": (1, 2), 3: Decimal("0.10"), "event": event}

    execution = Rig().play(machine(X=task("change", ResultPath="$.seen")), {"lines": []}, change=change)
    assert execution.output == {"lines": [], "seen": {"pair": [1, 2], "3": 0.1, "event": {"lines": ["mine"]}}}


@pytest.mark.parametrize("answer", [object(), {1, 2}, float("nan"), datetime(2026, 1, 1, tzinfo=UTC)])
def test_an_answer_that_is_no_json_fails_its_task(answer: Any) -> None:
    execution = Rig().play(machine(X=task("x")), x=scripted(answer))
    assert (execution.status, execution.error) == ("FAILED", "Runtime.MarshalError")


def test_a_program_that_never_ends_is_not_taken_for_a_failing_task() -> None:
    rig = Rig()
    with pytest.raises(Endless):
        rig.play(machine(X=task("x", Retry=[retry("States.ALL")])), x=scripted(Endless()))
    assert rig.play(machine(X=task("echo"))).status == "SUCCEEDED"


def test_the_context_object_tells_where_an_execution_stands() -> None:
    rig = Rig()
    seen: list[Any] = []

    def look(event: Any, _: Any) -> Any:
        seen.append(event)
        raise A

    parameters = {"all.$": "$$", "token.$": "$$.Execution.Name"}
    state = task("look", Parameters=parameters, Retry=[retry("A", IntervalSeconds=60, MaxAttempts=1)])
    execution = rig.play({**machine(X=state)}, {"n": 1}, look=look)
    first, second = (event["all"] for event in seen)
    assert seen[0]["token"] == execution.name
    assert first["Execution"]["Id"] == execution.arn
    assert (first["Execution"]["Input"], first["Execution"]["StartTime"]) == ({"n": 1}, "2026-01-01T00:00:00.000Z")
    assert (first["State"]["Name"], first["State"]["RetryCount"], second["State"]["RetryCount"]) == ("X", 0, 1)
    assert first["StateMachine"] == {"Id": execution.machine_arn, "Name": "desk"}
    assert "Task" not in first


def test_retries_are_counted_from_nothing_again_when_a_state_is_entered_again() -> None:
    rule = {"Variable": "$.stage", "StringEquals": "DONE", "Next": "End"}
    definition = machine(
        X=task("x", Retry=[retry("A", IntervalSeconds=7, MaxAttempts=1)], Next="Y"),
        Y={"Type": "Choice", "Choices": [rule], "Default": "X"},
        End=END,
    )
    execution = Rig().play(definition, x=scripted(A(), {"stage": "POLL"}, A(), {"stage": "DONE"}))
    assert (execution.status, execution.waits_seconds) == ("SUCCEEDED", [7, 7])


def test_transitions_are_states_entered_and_retries() -> None:
    definition = machine(
        X=task("x", Retry=[retry("A", MaxAttempts=2)], Catch=[catch("Y")]), Y=wait(Seconds=1, Next="Z"), Z=END
    )
    execution = Rig().play(definition, x=scripted(A(), A(), A()))
    assert (execution.visited, execution.transitions) == (["X", "Y", "Z"], 5)


def test_what_a_task_starts_and_sends_is_done_after_it() -> None:
    """Nothing recurses: while a task runs, `run` does nothing."""
    rig = Rig()
    told: list[str] = []

    def boss(event: Any, _: Any) -> Any:
        started = rig.service.start_execution(stateMachineArn=helper, name="helper", input="{}")
        rig.service.send_task_success(taskToken=rig.tokens[0], output='"sent"')
        assert rig.service.run() == 0
        told.append("boss")
        return started["executionArn"]

    def help_out(event: Any, _: Any) -> Any:
        told.append("helper")
        return rig.service.describe_execution(executionArn=execution.arn)["status"]

    waiting = rig.start(rig.deploy(machine(X=token_task("keep", Next="Y"), Y=task("echo")), "waiting"))
    rig.service.run()
    helper = rig.deploy(machine(X=task("help_out")), "helper", help_out=help_out)
    execution = rig.start(rig.deploy(machine(X=task("boss", Next="Y"), Y=task("echo")), "boss", boss=boss))
    assert rig.service.run() == 5
    assert told == ["boss", "helper"]
    assert waiting.output == "sent"
    assert [x.output for x in rig.service.executions[2:]] == ["SUCCEEDED"]


# Tokens


def waiting(rig: Rig, **fields: Any) -> tuple[Execution, str]:
    """An execution that waits for its token."""
    execution = rig.start(rig.deploy(machine(Pay=token_task("keep", **fields))), {"n": 1})
    rig.service.run()
    assert execution.waits_for_token
    return execution, rig.tokens[-1]


def test_a_token_is_good_for_one_answer() -> None:
    rig = Rig()
    execution, token = waiting(rig)
    rig.service.send_task_success(taskToken=token, output="1")
    with refused("TaskTimedOut"):
        rig.service.send_task_failure(taskToken=token)
    rig.service.run()
    assert execution.output == 1
    with refused("TaskTimedOut"):
        rig.service.send_task_success(taskToken=token, output="2")


def test_a_token_is_gone_with_its_time_out_even_before_anything_runs() -> None:
    rig = Rig()
    execution, token = waiting(rig, TimeoutSeconds=300)
    rig.clock.advance(300)
    with refused("TaskTimedOut"):
        rig.service.send_task_success(taskToken=token, output="1")
    rig.service.run()
    assert (execution.error, execution.waits_seconds) == ("States.Timeout", [300])


def test_a_retry_has_a_new_token_and_the_old_one_is_gone() -> None:
    rig = Rig()
    execution, token = waiting(rig, Retry=[retry("PayoutRejected", IntervalSeconds=60)])
    rig.service.send_task_failure(taskToken=token, error="PayoutRejected", cause="")
    rig.service.run()
    with refused("TaskTimedOut"):
        rig.service.send_task_success(taskToken=token, output="1")
    rig.after(60)
    assert len(set(rig.tokens)) == 2
    with refused("TaskTimedOut"):
        rig.service.send_task_success(taskToken=token, output="1")
    rig.service.send_task_success(taskToken=rig.tokens[1], output="2")
    rig.service.run()
    assert execution.output == 2


def test_a_token_is_gone_when_its_task_has_failed_be_it_for_a_retry_or_caught() -> None:
    rig = Rig()

    def takes_it_and_fails(event: Any, _: Any) -> Any:
        rig.tokens.append(event["token"])
        raise A

    pay = token_task("pay", Retry=[retry("A", IntervalSeconds=60, MaxAttempts=1)], Catch=[catch("Y")])
    look = task("echo", Parameters={"token.$": "$$.Task.Token"})
    execution = rig.start(rig.deploy(machine(X=pay, Y=wait(Seconds=60, Next="Z"), Z=look), pay=takes_it_and_fails))
    for _ in ("before the retry", "in the next state"):
        rig.after(60)
        with refused("TaskTimedOut"):
            rig.service.send_task_success(taskToken=rig.tokens[-1], output="1")
    rig.after(60)
    assert (execution.visited, execution.error) == (["X", "Y", "Z"], "States.Runtime")


def test_what_is_wrong_with_what_is_sent_is_refused_and_the_token_stays() -> None:
    rig = Rig()
    _, token = waiting(rig)
    with refused("InvalidToken"):
        rig.service.send_task_success(taskToken="made up", output="1")
    with refused("InvalidOutput"):
        rig.service.send_task_success(taskToken=token, output="paid")
    for wrong in ({"error": "E" * 257}, {"cause": "c" * 32_769}):
        with refused("ValidationException"):
            rig.service.send_task_failure(taskToken=token, **wrong)
    rig.service.send_task_failure(taskToken=token, error="E" * 256, cause="c" * 32_768)


def test_what_a_task_sent_before_it_failed_counts() -> None:
    rig = Rig()

    def pay(event: Any, _: Any) -> Any:
        rig.service.send_task_success(taskToken=event["token"], output='"paid"')
        raise A("after that")

    assert rig.play(machine(X=token_task("pay")), pay=pay).output == "paid"


@pytest.mark.parametrize("raised", [A("no"), Crash("gone")])
def test_a_task_that_fails_before_it_waits_for_its_token_fails_at_once(raised: BaseException) -> None:
    rig = Rig()
    execution = rig.play(machine(X=token_task("x", TimeoutSeconds=60)), x=scripted(raised))
    assert (execution.status, execution.waits_seconds) == ("FAILED", [])
    assert execution.error == ("A" if isinstance(raised, A) else "Runtime.ExitError")


# Restarts


def test_a_restart_fails_what_is_running_and_forgets_the_tokens() -> None:
    rig = Rig()
    paying, token = waiting(rig, TimeoutSeconds=300)
    resting = rig.start(rig.deploy(machine(X=wait(Seconds=60)), "resting"))
    done = rig.start(rig.deploy(machine(X=END), "done"))
    rig.service.run()
    rig.service.restart()
    for execution in (paying, resting):
        assert (execution.status, execution.error) == ("FAILED", "States.ServiceRestart")
        assert rig.service.describe_execution(executionArn=execution.arn)["error"] == "States.ServiceRestart"
    assert rig.kinds(paying)[-1] == "TaskSubmitted"  # the history tells nothing of it
    assert (done.status, done.error) == ("SUCCEEDED", None)
    with refused("TaskDoesNotExist"):
        rig.service.send_task_success(taskToken=token, output="1")
    assert (rig.service.next_at(), rig.after(600)) == (None, 0)
    with refused("ExecutionAlreadyExists"):
        rig.start(resting.machine_arn, name=resting.name)
    assert rig.start(resting.machine_arn, name=f"{resting.name}-2").running


def test_a_kill_takes_one_execution_and_leaves_the_others() -> None:
    rig = Rig()
    first, token = waiting(rig)
    second, other = waiting(rig)
    rig.service.kill(first.arn)
    with refused("TaskDoesNotExist"):
        rig.service.send_task_failure(taskToken=token)
    rig.service.send_task_success(taskToken=other, output="2")
    rig.service.run()
    assert (first.error, second.output) == ("States.ServiceRestart", 2)
    with pytest.raises(AssertionError, match="SUCCEEDED already"):
        rig.service.kill(second.arn)


@pytest.mark.parametrize("state", [task("dies"), token_task("dies")])
def test_an_execution_that_dies_while_its_task_runs_does_nothing_more(state: dict[str, Any]) -> None:
    rig = Rig()

    def dies(event: Any, _: Any) -> Any:
        rig.service.restart()
        raise Crash("and the task with it")

    execution = rig.play(machine(X={**state, "Retry": [retry("States.ALL")]}), dies=dies)
    assert (execution.error, execution.visited, execution.waits_seconds) == ("States.ServiceRestart", ["X"], [])


def test_an_execution_that_dies_after_its_token_was_sent_does_not_go_on() -> None:
    rig = Rig()
    execution, token = waiting(rig)
    rig.service.send_task_success(taskToken=token, output="1")
    rig.service.kill(execution.arn)
    assert (rig.service.run(), execution.output) == (0, None)


def test_a_new_definition_is_for_new_executions() -> None:
    rig = Rig()
    old = rig.start(rig.deploy(machine(X=wait(Seconds=1, Next="Old"), Old=END)))
    rig.service.run()
    new = rig.start(rig.deploy(machine(New=END)))
    rig.after(1)
    assert (old.visited, new.visited) == (["X", "Old"], ["New"])


# Express machines


def test_an_express_machine_may_be_started_again_under_its_name_at_any_time() -> None:
    """Whoever starts one may do it twice: its executions are not counted by their names."""
    rig = Rig()
    arn = rig.deploy_express(machine(X=wait(Seconds=60)))
    first, again = (rig.start(arn, {"n": 1}, "O1") for _ in range(2))
    assert first.arn != again.arn
    rig.to_the_end()
    assert [x.status for x in rig.service.executions] == ["SUCCEEDED", "SUCCEEDED"]


def test_an_express_machine_is_stopped_after_five_minutes() -> None:
    rig = Rig()
    within, over = (rig.start(rig.deploy_express(machine(X=wait(Seconds=s)), str(s)), name="n") for s in (299, 300))
    rig.to_the_end()
    assert (within.status, over.status, over.error) == ("SUCCEEDED", "TIMED_OUT", "States.Timeout")
    assert over.stopped == BEGINNING + timedelta(minutes=5)


def test_an_express_machine_is_stopped_behind_a_task_that_took_too_long() -> None:
    rig = Rig()

    def slow(_event: Any, _: Any) -> Any:
        rig.clock.advance(300)
        return "done"

    definition = machine(X=task("slow", Retry=[retry("States.ALL")], Catch=[catch("Y")]), Y=END)
    execution = rig.start(rig.deploy_express(definition, slow=slow))
    rig.to_the_end()
    assert (execution.status, execution.visited, execution.output) == ("TIMED_OUT", ["X"], None)


def test_a_standard_machine_goes_on_after_five_minutes() -> None:
    assert Rig().play(machine(X=wait(Seconds=86_400))).status == "SUCCEEDED"


def test_an_express_machine_does_not_wait_for_tokens() -> None:
    with pytest.raises(ValueError, match="state X: an Express machine does not wait for a token"):
        Rig().deploy_express(machine(X=token_task("keep")))


def test_nobody_is_told_what_became_of_an_express_execution() -> None:
    rig = Rig()
    arn = rig.deploy_express(machine(X=END))
    execution = rig.start(arn)
    with refused("StateMachineTypeNotSupported"):
        rig.service.list_executions(stateMachineArn=arn)
    for ask in (rig.service.describe_execution, rig.service.get_execution_history):
        with refused("InvalidArn"):
            ask(executionArn=execution.arn)


# The client


def test_a_name_that_runs_may_be_started_again_with_the_same_input() -> None:
    rig = Rig()
    arn = rig.deploy(machine(X=wait(Seconds=60)))
    first = rig.service.start_execution(stateMachineArn=arn, name="O1", input='{"n": 1}')
    rig.service.run()
    rig.after(30)
    again = rig.service.start_execution(stateMachineArn=arn, name="O1", input='{"n": 1}')
    assert (again["executionArn"], again["startDate"]) == (first["executionArn"], BEGINNING)
    assert len(rig.service.executions) == 1
    with pytest.raises(rig.service.exceptions.ExecutionAlreadyExists, match=r"Execution Already Exists: .*:desk:O1"):
        rig.service.start_execution(stateMachineArn=arn, name="O1", input='{"n": 2}')
    rig.after(30)
    with refused("ExecutionAlreadyExists"):
        rig.service.start_execution(stateMachineArn=arn, name="O1", input='{"n": 1}')


def test_a_name_is_free_again_when_its_execution_is_gone_after_90_days() -> None:
    rig = Rig()
    arn = rig.deploy(machine(X=END))
    old = rig.start(arn, name="O1")
    rig.after(60)
    rig.clock.advance(90 * 86_400 - 1)
    assert rig.service.describe_execution(executionArn=old.arn)["startDate"] == BEGINNING
    rig.clock.advance(1)
    with refused("ExecutionDoesNotExist"):
        rig.service.describe_execution(executionArn=old.arn)
    assert rig.service.list_executions(stateMachineArn=arn)["executions"] == []
    new = rig.service.start_execution(stateMachineArn=arn, name="O1")
    assert (new["executionArn"], new["startDate"]) == (old.arn, rig.clock.now())
    assert len(rig.service.list_executions(stateMachineArn=arn)["executions"]) == 1


def test_a_start_is_refused_for_what_is_wrong_with_it() -> None:
    rig = Rig()
    arn = rig.deploy(machine(X=END))
    start = rig.service.start_execution
    for code, asked in (
        ("ValidationException", {"name": "n" * 81}),
        ("StateMachineDoesNotExist", {"stateMachineArn": f"{arn}s"}),
        ("InvalidArn", {"stateMachineArn": "desk"}),
        ("InvalidExecutionInput", {"input": "{"}),
        ("ValidationException", {"input": json.dumps("é" * 262_144)}),
        *(("InvalidName", {"name": f"a{character}b"}) for character in ' #:/<>{}[]?*",\n'),
    ):
        with refused(code):
            start(**{"stateMachineArn": arn, "name": "O1", **asked})
    for unsent in ({"name": "O1", "input": {}}, {"name": ""}):
        with pytest.raises(ParamValidationError):
            start(stateMachineArn=arn, **unsent)
    assert rig.service.executions == []


def test_a_description_says_what_is_known_of_an_execution() -> None:
    rig = Rig()
    execution, token = waiting(rig)
    describe = rig.service.describe_execution
    running = describe(executionArn=execution.arn)
    assert (running["status"], running["name"], running["input"]) == ("RUNNING", "run-1", '{"n": 1}')
    assert not {"stopDate", "output", "error", "cause"} & running.keys()
    rig.clock.advance(5)
    rig.service.send_task_success(taskToken=token, output='{"paid": true}')
    rig.service.run()
    done = describe(executionArn=execution.arn)
    assert (done["status"], json.loads(done["output"])) == ("SUCCEEDED", {"paid": True})
    assert done["stopDate"] - done["startDate"] == timedelta(seconds=5)
    failed = describe(executionArn=rig.play(machine(X={"Type": "Fail", "Error": "E"})).arn)
    assert (failed["status"], failed["error"]) == ("FAILED", "E")
    assert not {"output", "cause"} & failed.keys()


def test_a_list_has_the_newest_first_and_goes_on_where_a_page_ended() -> None:
    rig = Rig()
    arn = rig.deploy(machine(X=wait(SecondsPath="$.s")))
    for number in range(5):
        rig.start(arn, {"s": number % 2 * 60}, f"O{number}")
    rig.start(rig.deploy(machine(X=END), "another"))
    rig.to_the_end()
    rig.start(arn, {"s": 60}, "O5")
    rig.service.run()
    pages = rig.service.list_executions
    first = pages(stateMachineArn=arn, maxResults=4)
    rig.start(arn, {"s": 60}, "O6")
    second = pages(stateMachineArn=arn, maxResults=4, nextToken=first["nextToken"])
    names = [row["name"] for page in (first, second) for row in page["executions"]]
    assert names == ["O5", "O4", "O3", "O2", "O1", "O0"]
    assert "nextToken" not in second
    running = pages(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
    assert [row["name"] for row in running] == ["O6", "O5"]
    assert len(pages(stateMachineArn=arn, maxResults=0)["executions"]) == 7
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("InvalidToken", {"nextToken": "made up"}),
        ("InvalidToken", {"statusFilter": "RUNNING", "nextToken": first["nextToken"]}),
        ("ValidationException", {"maxResults": 1001}),
        ("ValidationException", {"statusFilter": "DONE"}),
    ]
    for code, asked in wrong:
        with refused(code):
            pages(stateMachineArn=arn, **asked)


# The history


def test_a_history_tells_of_a_task_and_its_failure() -> None:
    rig = Rig()
    execution = rig.play(machine(X=task("x", Catch=[catch("Y")]), Y=END), {"n": 1}, x=scripted(A("why")))
    events = rig.history(execution)
    assert [event["type"] for event in events] == [
        *("ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted"),
        *("LambdaFunctionFailed", "TaskStateExited", "SucceedStateEntered", "SucceedStateExited"),
        "ExecutionSucceeded",
    ]
    assert events[1]["stateEnteredEventDetails"] == {"name": "X", "input": '{"n": 1}'}
    assert events[4]["lambdaFunctionFailedEventDetails"]["error"] == "A"
    assert json.loads(events[4]["lambdaFunctionFailedEventDetails"]["cause"])["errorMessage"] == "why"
    assert [event["id"] for event in events] == list(range(1, 10))
    assert [event["previousEventId"] for event in events] == list(range(9))


def test_a_history_tells_of_a_token_its_failure_and_its_time_out() -> None:
    rig = Rig()
    execution, token = waiting(rig, TimeoutSeconds=300, Retry=[retry("PayoutRejected", IntervalSeconds=60)])
    rig.service.send_task_failure(taskToken=token, error="PayoutRejected", cause="no such account")
    rig.to_the_end()
    events = rig.history(execution)
    resource = {"resourceType": "lambda", "resource": "invoke.waitForTaskToken"}
    assert [event["type"] for event in events[2:]] == [
        *["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed"],
        *["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskTimedOut", "ExecutionFailed"],
    ]
    failed = {**resource, "error": "PayoutRejected", "cause": "no such account"}
    assert events[5]["taskFailedEventDetails"] == failed
    assert events[9]["taskTimedOutEventDetails"] == {**resource, "error": "States.Timeout"}
    assert events[10]["executionFailedEventDetails"] == {"error": "States.Timeout"}
    assert events[10]["timestamp"] == BEGINNING + timedelta(seconds=360)


def test_a_history_can_be_read_backwards() -> None:
    rig = Rig()
    execution = rig.play(machine(X=task("echo", Next="Y"), Y=wait(Seconds=1)), {"n": 1})
    whole = rig.history(execution)
    assert rig.history(execution, maxResults=3, reverseOrder=True) == whole[:-4:-1]
    with refused("ExecutionDoesNotExist"):
        rig.service.get_execution_history(executionArn=f"{execution.arn}x")


def test_answers_have_the_members_that_botocore_knows_and_no_other() -> None:
    rig = Rig()
    service = rig.service
    failed = {"Variable": "$.stage", "StringEquals": "FAILED", "Next": "Fail"}
    arn = rig.deploy(
        machine(
            X=task("x", Retry=[retry("A", MaxAttempts=2)], Next="Wait"),
            Wait=wait(Seconds=1, Next="Choice"),
            Choice={"Type": "Choice", "Choices": [failed], "Default": "Pay"},
            Pay=token_task("keep", TimeoutSeconds=60, Catch=[catch("Ask", ResultPath=None)]),
            Ask=task("echo", Next="Fail"),
            Fail={"Type": "Fail", "Error": "E", "Cause": "c"},
        ),
        x=scripted(A("no"), A("no"), {"stage": "POLL"}),
    )
    answers = [("StartExecution", service.start_execution(stateMachineArn=arn, name="O1"))]
    rig.to_the_end()
    _, token = waiting(rig)
    answers.append(("SendTaskSuccess", service.send_task_success(taskToken=token, output="1")))
    answers.append(("ListExecutions", service.list_executions(stateMachineArn=arn, maxResults=1)))
    for execution in service.executions:
        answers.append(("DescribeExecution", service.describe_execution(executionArn=execution.arn)))
        history = service.get_execution_history(executionArn=execution.arn, maxResults=1000)
        answers.append(("GetExecutionHistory", history))
        kinds = service_model().shape_for("HistoryEventType")
        assert isinstance(kinds, StringShape)
        assert {event["type"] for event in history["events"]} <= set(kinds.enum)
    for operation, answer in answers:
        assert answer.pop("ResponseMetadata")["HTTPStatusCode"] == 200
        shape = service_model().operation_model(operation).output_shape
        assert shape
        found = ParamValidator().validate(answer, shape)
        assert not found.has_errors(), found.generate_report()


# Many lives
