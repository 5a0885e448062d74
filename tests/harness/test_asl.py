"""The states' language: what is not deployed, and what data does to an execution. The rest is held against moto."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.machine_rig import END, ORDER, Rig, catch, machine, retry, task, token_task, wait

# Stricter than moto, as AWS is

STRICT: dict[str, dict[str, Any]] = {
    "parameters": task("echo", Parameters={"n.$": "$.nothing"}, Retry=[retry("States.ALL")], Catch=[catch("Y")]),
    "position": task("echo", Parameters={"n.$": "$.lines[2]"}, Catch=[catch("Y", "States.TaskFailed")]),
    "token": task("echo", Parameters={"t.$": "$$.Task.Token"}, Catch=[catch("Y")]),
    "variable": {
        "Type": "Choice",
        "Choices": [{"Variable": "$.nothing", "StringEquals": "a", "Next": "Y"}],
        "Default": "Y",
    },
    "cause": {"Type": "Fail", "CausePath": "$.quantity"},
}


@pytest.mark.parametrize("name", STRICT)
def test_data_that_does_not_fit_fails_the_execution_whatever_is_caught(name: str) -> None:
    others = {"Y": END} if name != "cause" else {}
    seen = Rig().play(machine(X=STRICT[name], **others), ORDER)
    assert (seen.status, seen.error, seen.visited, seen.waits_seconds) == ("FAILED", "States.Runtime", ["X"], [])
    assert seen.cause
    assert seen.cause.startswith("An error occurred while executing the state 'X' (entered at the event id #2). ")


def test_the_cause_says_which_path_found_nothing_in_what() -> None:
    seen = Rig().play(machine(X=task("echo", Parameters={"n.$": "$.a.b"})), {"a": 1})
    assert seen.cause == (
        "An error occurred while executing the state 'X' (entered at the event id #2). The JSONPath '$.a.b' "
        "specified for the field 'n.$' could not be found in the input '{\"a\":1}'"
    )


def test_a_path_through_an_array_finds_one_thing() -> None:
    assert Rig().play(machine(X=task("echo", Parameters={"n.$": "$.lines[1].n"})), ORDER).output == {"n": 2}


def test_a_result_that_has_no_place_in_the_input_fails_and_can_be_caught() -> None:
    definition = machine(X=task("echo", ResultPath="$.a", Catch=[catch("Y", "States.ResultPathMatchFailure")]), Y=END)
    assert Rig().play(definition, [1]).visited == ["X", "Y"]
    assert Rig().play(machine(X=task("echo", ResultPath="$.a.b")), {"a": 1}).error == "States.ResultPathMatchFailure"


def test_a_result_is_put_into_the_whole_input_not_into_what_the_task_saw() -> None:
    definition = machine(X=task("echo", Parameters={"n.$": "$.lines"}, ResultPath="$.seen"))
    assert Rig().play(definition, ORDER).output == {**ORDER, "seen": {"n": ORDER["lines"]}}


# Deployment

WRONG: list[tuple[str, dict[str, Any]]] = [
    ("needs States", {"StartAt": "X", "States": {}}),
    ("StartAt is 'Y', and there is no such state", {"StartAt": "Y", "States": {"X": END}}),
    ("fields that are not known: Stats", {**machine(X=END), "Stats": 1}),
    ("state X: there are no states of type Job", machine(X={"Type": "Job"})),
    ("state X: it has fields that are not known: Retries", machine(X=task("echo", Retries=[]))),
    ("state X: it has fields that are not known: Next", machine(X={"Type": "Succeed", "Next": "X"})),
    ("state X: its next is 'Z', and there is no such state", machine(X=task("echo", Next="Z"), Y=END)),
    ("state X: its next is 'Z'", machine(X=task("echo", Catch=[catch("Z")]))),
    (
        "state X: its next is 'Z'",
        machine(X={"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "a", "Next": "Z"}]}, Y=END),
    ),
    ("state X: it needs either Next or End", machine(X={"Type": "Wait"})),
    ("state X: it needs either Next or End", machine(X={"Type": "Wait", "Next": "Y", "End": True}, Y=END)),
    ("no state is the last", machine(X=wait(Seconds=1, Next="Y"), Y=wait(Seconds=1, Next="X"))),
    ("no way leads to Z", machine(X=END, Z=END)),
    ("state X: there is no task nobody, only echo, keep", machine(X=task("nobody"))),
    (
        "state X: lambda:invoke needs Parameters with a FunctionName",
        machine(X={**token_task("echo"), "Parameters": {}}),
    ),
    ("state X: it needs a Resource", machine(X={"Type": "Task", "End": True})),
    ("state X: TimeoutSeconds should be", machine(X=task("echo", TimeoutSeconds=1.5))),
    ("state X: Parameters should be an object", machine(X=task("echo", Parameters=[1]))),
    ("n.$ should be a path that begins with $", machine(X=task("echo", Parameters={"n.$": "quantity"}))),
    ("SecondsPath is no path", machine(X=wait(SecondsPath="$.a b"))),
    ("ResultPath can not be in the context object", machine(X=task("echo", ResultPath="$$.Task"))),
    ("Retry should be a list", machine(X=task("echo", Retry={}))),
    ("a Retry has fields that are not known: Attempts", machine(X=task("echo", Retry=[retry("A", Attempts=1)]))),
    ("ErrorEquals should be a list of names", machine(X=task("echo", Retry=[{}]))),
    ("States.ALL stands alone", machine(X=task("echo", Retry=[retry("States.ALL", "A")]))),
    ("States.ALL stands last in Retry", machine(X=task("echo", Retry=[retry("States.ALL"), retry("A")]))),
    ("MaxAttempts should be 0 or more", machine(X=task("echo", Retry=[retry("A", MaxAttempts=-1)]))),
    ("BackoffRate should be 1 or more", machine(X=task("echo", Retry=[retry("A", BackoffRate=0.5)]))),
    ("IntervalSeconds should be", machine(X=task("echo", Retry=[retry("A", IntervalSeconds=0)]))),
    (
        "MaxDelaySeconds should be more",
        machine(X=task("echo", Retry=[retry("A", IntervalSeconds=9, MaxDelaySeconds=9)])),
    ),
    ("a Catch needs Next", machine(X=task("echo", Catch=[retry("A")]))),
    ("it needs Choices", machine(X={"Type": "Choice"})),
    ("every rule needs Next", machine(X={"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": "a"}]})),
    ("a Wait needs either", machine(X=wait())),
    ("a Wait needs either", machine(X=wait(Seconds=1, SecondsPath="$.a"))),
    ("a Wait needs either", machine(X=wait(Seconds=1, TimestampPath="$.a"))),
    ("Timestamp should be a time as", machine(X=wait(Timestamp="2026-01-31 12:00:00Z"))),
    ("Timestamp should be a time as", machine(X=wait(Timestamp="2026-02-31T12:00:00Z"))),
    ("Timestamp should be a time as", machine(X=wait(Timestamp="2026-01-31T12:00:00"))),
    ("TimestampPath should be a path", machine(X=wait(TimestampPath="2026-01-31T12:00:00Z"))),
    ("it has both Error and ErrorPath", machine(X={"Type": "Fail", "Error": "E", "ErrorPath": "$.e"})),
    (
        "StringEquals can not compare with 1",
        machine(X={"Type": "Choice", "Choices": [{"Variable": "$.a", "StringEquals": 1, "Next": "Y"}]}, Y=END),
    ),
]


@pytest.mark.parametrize(("message", "definition"), WRONG)
def test_a_wrong_definition_is_not_deployed(message: str, definition: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="^.*" + message.replace("$", r"\$")):
        Rig().deploy(definition)


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Parallel", "Branches": [], "End": True},
        {"Type": "Map", "ItemProcessor": {}, "End": True},
        task("echo", HeartbeatSeconds=5),
        task("echo", QueryLanguage="JSONata"),
        task("echo", Assign={"a": 1}),
        task("echo", Retry=[retry("A", JitterStrategy="FULL")]),
        task("arn:aws:states:::dynamodb:putItem", Parameters={}),
        task("arn:aws:states:::states:startExecution.sync", Parameters={}),
        task("arn:aws:states:::lambda:invoke", Parameters={"FunctionName": "echo"}),
        {**token_task("echo"), "Parameters": {"FunctionName.$": "$.f"}},
        {**token_task("echo"), "Parameters": {"FunctionName": "echo", "InvocationType": "Event"}},
        task("echo", Parameters={"id.$": "States.Format('{}', $.a)"}),
        *[wait(SecondsPath=path) for path in ("$.lines[*].n", "$.lines[?(@.n == 1)]", "$..n", "$name")],
        {"Type": "Pass", "End": True},
        task("echo", InputPath="$.lines"),
        task("echo", OutputPath="$.lines"),
        task("echo", ResultSelector={}),
        task("echo", TimeoutSecondsPath="$.s"),
        {"Type": "Choice", "Choices": [{"Variable": "$.a", "NumericEquals": 1, "Next": "Odd"}]},
        {"Type": "Choice", "Choices": [{"And": [], "Next": "Odd"}]},
    ],
)
def test_what_does_not_run_here_says_so_when_it_is_deployed(state: dict[str, Any]) -> None:
    with pytest.raises(NotImplementedError, match=r"^state Odd: "):
        Rig().deploy(machine(Odd=state))


@pytest.mark.parametrize(
    "resource",
    [
        "poll",
        "arn:aws:lambda:us-east-1:123456789012:function:poll",
        "arn:aws:lambda:us-east-1:123456789012:function:poll:live",
    ],
)
def test_a_task_is_named_plainly_or_by_its_arn(resource: str) -> None:
    def poll(_event: Any, _: Any) -> Any:
        return "polled"

    assert Rig().play(machine(X=task(resource)), poll=poll).output == "polled"
    rig = Rig()
    rig.play(machine(X=token_task(resource, TimeoutSeconds=1)), poll=rig.keep)
    assert len(rig.tokens) == 1
