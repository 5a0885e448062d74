"""The state machines' service in memory does what moto does, on the same definitions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tests.harness.faults import Crash
from tests.harness.machine_rig import (
    END,
    INVOKE,
    ORDER,
    SELL,
    A,
    B,
    C,
    NotFilled,
    Rig,
    catch,
    echo,
    machine,
    passing,
    retry,
    scripted,
    task,
    token_task,
    wait,
)
from tests.machine import REGION, Run, definition_of
from tests.machine import run as run_on_moto

Tasks = Mapping[str, Callable[[Any, Any], Any]]


def run_here(
    definition: Mapping[str, Any],
    given: Any,
    tasks: Tasks,
    *,
    waiting: Callable[[Any, str], None] | None = None,
) -> Run:
    """The same as `tests.machine.run`, here. `waiting` gets the client too."""
    rig = Rig()
    execution = rig.start(rig.deploy(definition, **tasks), given)
    rig.service.run()
    while execution.running:
        if waiting and execution.waits_for_token:
            assert execution.token
            waiting(rig.service, execution.token.text)
            if rig.service.run():
                continue
        at = rig.service.next_at()
        assert at, "nobody will go on"
        rig.after((at - rig.clock.now()).total_seconds())
    return Run(
        execution.status,
        execution.output,
        execution.waits_seconds,
        execution.visited,
        execution.error,
        execution.cause,
    )


class Payouts:
    """A bank that tells by the token what it was told to, in order; `silence` is told by no one."""

    def __init__(self, told: str) -> None:
        self.told = told.split()

    def __call__(self, client: Any, token: str) -> None:
        told = self.told.pop(0)
        if told == "paid":
            client.send_task_success(taskToken=token, output='{"paid": true}')
        elif told == "rejected":
            client.send_task_failure(taskToken=token, error="PayoutRejected", cause="no such account")
        elif told == "wordless":
            client.send_task_failure(taskToken=token)


def same(
    definition: Mapping[str, Any],
    given: Any = None,
    tasks: Callable[[], Tasks] = dict,
    told: str = "",
) -> Run:
    """Run it on moto and here, see that it is the same, and answer what was seen."""
    given = ORDER if given is None else given
    moto_payouts, payouts = Payouts(told), Payouts(told)
    there = run_on_moto(
        definition,
        given,
        {"echo": echo, **tasks()},
        waiting=lambda token: moto_payouts(boto3.client("stepfunctions", REGION), token),
    )
    here = run_here(definition, given, {"echo": echo, **tasks()}, waiting=payouts)
    assert plain(here) == plain(there)
    return here


def plain(seen: Run) -> Run:
    """Without what the two say in other words: causes, in whose JSON the order differs, and the envelope's metadata."""
    return replace(seen, output=_plain(seen.output), cause=None)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, Mapping):
        return value
    if "Payload" in value:
        return {"Payload": value["Payload"], "StatusCode": value["StatusCode"]}
    if set(value) == {"Error", "Cause"} and value["Cause"].startswith("{"):
        return {**value, "Cause": json.loads(value["Cause"])}
    return {name: _plain(part) for name, part in value.items()}


@pytest.mark.parametrize(
    ("opens", "told", "status", "waits"),
    [
        (0, "paid", "SUCCEEDED", []),
        (3, "paid", "SUCCEEDED", [15, 15, 15]),
        (4, "", "FAILED", [15, 15, 15]),
        (0, "rejected rejected paid", "SUCCEEDED", [60, 120]),
        (0, "rejected rejected rejected", "FAILED", [60, 120]),
        (0, "rejected silence", "SUCCEEDED", [60, 300]),
        (1, "wordless", "FAILED", [15]),
    ],
)
def test_a_sale_goes_as_on_moto(opens: int, told: str, status: str, waits: list[int]) -> None:
    def tasks() -> Tasks:
        return {
            "poll": scripted(*[NotFilled("open")] * opens, ORDER),
            "pay": lambda event, _: event["order"]["order_id"],
        }

    seen = same(SELL, tasks=tasks, told=told)
    assert (seen.status, seen.waits_seconds) == (status, waits)


def test_a_choice_and_a_wait_go_as_on_moto() -> None:
    given = {**ORDER, "quantity": 11, "cool_seconds": 86_400}
    seen = same(SELL, given, lambda: {"poll": echo, "pay": echo}, told="paid")
    assert (seen.visited, seen.waits_seconds) == (["Poll", "Large", "Cool", "Pay"], [86_400])


def test_retriers_count_for_themselves_as_on_moto() -> None:
    """AWS's own example: A, B, C, B with A and B in one retrier of two attempts."""
    definition = machine(
        X=task(
            "x",
            Retry=[
                retry("A", "B", IntervalSeconds=1, BackoffRate=2.0, MaxAttempts=2),
                retry("C", IntervalSeconds=5),
            ],
            Catch=[catch("Z")],
        ),
        Z=END,
    )
    seen = same(definition, tasks=lambda: {"x": scripted(A("a"), B("b"), C("c"), B("b"))})
    assert (seen.waits_seconds, seen.visited) == ([1, 2, 5], ["X", "Z"])
    assert seen.output == {"Error": "B", "Cause": '{"errorMessage":"b","errorType":"B"}'}


@pytest.mark.parametrize(("error", "caught"), [("States.TaskFailed", True), ("Exception", False)])
def test_a_crash_is_caught_as_on_moto(error: str, caught: bool) -> None:
    definition = machine(X=task("x", Catch=[catch("Z", error)]), Z=END)
    seen = same(definition, tasks=lambda: {"x": scripted(Crash("gone"))})
    assert (seen.status == "SUCCEEDED") == caught
    assert caught or seen.error == "Runtime.ExitError"


def test_delays_have_a_longest_one_and_defaults_as_on_moto() -> None:
    definition = machine(
        X=task(
            "x", Retry=[retry("A", MaxDelaySeconds=5, MaxAttempts=4), retry("States.TaskFailed")], Catch=[catch("Z")]
        ),
        Z=END,
    )
    acts = [A(), A(), A(), A(), B(), B(), B(), B()]
    assert same(definition, tasks=lambda: {"x": scripted(*acts)}).waits_seconds == [1, 2, 4, 5, 1, 2, 4]


def test_a_retrier_of_no_attempts_keeps_an_error_from_the_next_one_as_on_moto() -> None:
    definition = machine(X=task("x", Retry=[retry("A", MaxAttempts=0), retry("States.ALL")]))
    seen = same(definition, tasks=lambda: {"x": scripted(A("no"))})
    assert (seen.status, seen.error, seen.waits_seconds) == ("FAILED", "A", [])


FLOWS: dict[str, dict[str, Any]] = {
    "task": task("echo"),
    "input path": task("echo", InputPath="$.lines[1]"),
    "input path null": task("echo", InputPath=None),
    "output path": task("echo", OutputPath="$.lines[0]"),
    "output path null": task("echo", OutputPath=None),
    "result path": task("echo", Parameters={"a": 1}, ResultPath="$.deep.er"),
    "result path over what is there": task("echo", Parameters={"a": [1]}, ResultPath="$.lines"),
    "result path null": task("echo", Parameters={"a": 1}, ResultPath=None),
    "parameters": task("echo", Parameters={"id.$": "$.order_id", "deep": {"n.$": "$['lines'][0]", "c": [1, None]}}),
    "given": task("echo", Parameters={"given.$": "$$.Execution.Input.order_id", "state.$": "$$.State.Name"}),
    "count": task("echo", Parameters={"retries.$": "$$.State.RetryCount"}),
    "selector": task("echo", ResultSelector={"n.$": "$.lines[1]", "fixed": 1}, ResultPath="$.picked"),
    "invoke": task(INVOKE, Parameters={"FunctionName": "echo", "Payload.$": "$"}),
    "invoke, selected": task(
        INVOKE,
        Parameters={"FunctionName": "echo", "Payload": {"n.$": "$.quantity"}},
        ResultSelector={"n.$": "$.Payload.n"},
        ResultPath="$.got",
    ),
    "pass": passing(Result={"a": [1]}, ResultPath="$.r"),
    "pass with parameters": passing(Parameters={"n.$": "$.quantity"}, ResultPath="$.r"),
    "wait": wait(Seconds=7, InputPath="$.lines"),
    "wait for a number that is given": wait(SecondsPath="$.quantity", OutputPath="$.lines"),
    "catch beside the input": task("fails", Catch=[catch("Seen", ResultPath="$.why.so")]),
    "catch instead of the input": task("fails", Catch=[catch("Seen")]),
    "catch without a word": task("fails", OutputPath="$.lines", Catch=[catch("Seen", ResultPath=None)]),
}


def test_data_flows_as_on_moto() -> None:
    """All states in a row. A task behind each looks at its output and gives the next one the order again."""
    states: dict[str, Any] = {}
    for name, following in zip(FLOWS, [*list(FLOWS)[1:], "End"], strict=True):
        flow = {part: value for part, value in FLOWS[name].items() if part != "End"}
        if "Catch" in flow:
            flow["Catch"] = [{**catcher, "Next": f"see {name}"} for catcher in flow["Catch"]]
        states[name] = {**flow, "Next": f"see {name}"}
        states[f"see {name}"] = task("see", Next=following)
    looks: list[list[Any]] = []

    def tasks() -> Tasks:
        look: list[Any] = []
        looks.append(look)

        def see(event: Any, _: Any) -> Any:
            look.append(_plain(event))
            return ORDER

        def fails(event: Any, _: Any) -> Any:
            raise A("why")

        return {"see": see, "fails": fails}

    assert same(machine(**states, End=END), tasks=tasks).waits_seconds == [7, 3]
    there, here = (dict(zip(FLOWS, look, strict=True)) for look in looks)
    assert here == there
    assert here["result path"] == {**ORDER, "deep": {"er": {"a": 1}}}


ENDS: dict[str, dict[str, Any]] = {
    "fail": {"Type": "Fail", "Error": "E"},
    "fail by path": {"Type": "Fail", "ErrorPath": "$.order_id", "CausePath": "$.late"},
    "succeed": {"Type": "Succeed", "InputPath": "$.lines"},
    "nobody catches": task("fails", Catch=[catch("Y", "States.Timeout", "B")]),
    "input path that is missing": passing(InputPath="$.nothing"),
    "seconds path that is missing": wait(SecondsPath="$.nothing"),
    "seconds that are no number": wait(SecondsPath="$.order_id"),
}


@pytest.mark.parametrize("name", ENDS)
def test_executions_end_as_on_moto(name: str) -> None:
    others = {"Y": END} if "Catch" in ENDS[name] else {}
    same(machine(X=ENDS[name], **others), tasks=lambda: {"fails": scripted(A("why"))})


RULES: list[dict[str, Any]] = [
    {"Variable": "$.v", "StringEquals": "b"},
    {"Variable": "$.v", "StringLessThan": "b"},
    {"Variable": "$.v", "StringGreaterThanEquals": "b"},
    {"Variable": "$.v", "StringEqualsPath": "$.text"},
    {"Variable": "$.v", "NumericEquals": 1},
    {"Variable": "$.v", "NumericGreaterThan": 1},
    {"Variable": "$.v", "NumericLessThanEquals": 1},
    {"Variable": "$.v", "NumericLessThanPath": "$.number"},
    {"Variable": "$.v", "BooleanEquals": True},
    {"Variable": "$.v", "BooleanEqualsPath": "$.truth"},
    {"Variable": "$.v", "IsPresent": True},
    {"Variable": "$.nothing", "IsPresent": False},
    {"Variable": "$.v", "IsNull": True},
    {"Variable": "$.v", "IsNumeric": True},
    {"Variable": "$.v", "IsString": False},
    {"Variable": "$.v", "IsBoolean": True},
    {"Variable": "$.v", "StringMatches": "b*"},
    {"Variable": "$.v", "TimestampLessThan": "2026-11-22T00:00:00Z"},
    {"And": [{"Variable": "$.v", "IsPresent": True}, {"Variable": "$.v", "IsNumeric": True}]},
    {"Or": [{"Variable": "$.v", "IsNull": True}, {"Variable": "$.v", "BooleanEquals": False}]},
    {"Not": {"Variable": "$.v", "StringEquals": "b"}},
    {"And": [{"Variable": "$.nothing", "IsPresent": True}, {"Variable": "$.nothing", "NumericEquals": 1}]},
]
VALUES = ["a", "b", "bc", 0, 1, 2, 1.5, True, False, None, "2026-11-21T12:00:00Z"]


def test_choices_are_made_as_on_moto() -> None:
    """For each value a round through a Choice for each rule, which visits a state when it says yes."""
    states: dict[str, Any] = {
        "Round": task("round", Next="More"),
        "More": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.more", "BooleanEquals": True, "Next": "0"}],
            "Default": "End",
        },
    }
    for number, rule in enumerate(RULES):
        following = f"{number + 1}" if number + 1 < len(RULES) else "Round"
        states[f"{number}"] = {
            "Type": "Choice",
            "Choices": [{**rule, "Next": f"yes to {number}"}],
            "Default": following,
        }
        states[f"yes to {number}"] = passing(Next=following)
    others = {"more": True, "text": "b", "number": 2, "truth": False}
    rounds = [*({"v": value, **others} for value in VALUES), {"more": False}]
    seen = same(machine(**states, End=END), tasks=lambda: {"round": scripted(*rounds)})
    assert {f"yes to {number}" for number in range(len(RULES) - 1)} < set(seen.visited)


def test_a_choice_without_a_match_fails_as_on_moto() -> None:
    rule = {"Variable": "$.quantity", "NumericEquals": 0, "Next": "Y"}
    assert same(machine(X={"Type": "Choice", "Choices": [rule]}, Y=END)).error == "States.Runtime"


def test_a_token_may_be_sent_back_before_its_task_returns_as_on_moto() -> None:
    definition = machine(X=token_task("pay", TimeoutSeconds=60))

    def pays(client: Callable[[], Any]) -> Callable[[Any, Any], Any]:
        return lambda event, _: client().send_task_success(taskToken=event["token"], output='["at once"]') and None

    there = run_on_moto(definition, ORDER, {"pay": pays(lambda: boto3.client("stepfunctions", REGION))})
    rig = Rig()
    here = rig.play(definition, ORDER, pay=pays(lambda: rig.service))
    assert (here.status, here.output, here.waits_seconds) == (there.status, there.output, there.waits_seconds)
    assert here.output == ["at once"]


# Definitions, out of a template

FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "functions.offramp.tasks.poll"}}
JOINED = (
    '{"StartAt":"Poll","States":{"Poll":{"Type":"Task","Resource":"', {"Fn::GetAtt": ["Poll1A2B", "Arn"]},
    '","Next":"Again"},"Again":{"Type":"Task","Resource":"arn:', {"Ref": "AWS::Partition"},
    ':states:::lambda:invoke","Parameters":{"FunctionName":"', {"Ref": "PollAlias"}, '","Payload.$":"$"},"End":true}}}',
)  # fmt: skip
TEMPLATE = {
    "Resources": {
        "Poll1A2B": FUNCTION,
        "PollAlias": {"Type": "AWS::Lambda::Alias", "Properties": {"FunctionName": {"Ref": "Poll1A2B"}}},
        "SellOrder77": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {"DefinitionString": {"Fn::Join": ["", list(JOINED)]}},
        },
        "Ticker88": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {"DefinitionString": "{}"}},
    }
}


def test_a_template_gives_the_definition_with_the_names_of_its_tasks() -> None:
    states = definition_of(TEMPLATE, "SellOrder")["States"]
    assert states["Poll"]["Resource"] == "poll"
    assert states["Again"]["Resource"] == "arn:aws:states:::lambda:invoke"
    assert states["Again"]["Parameters"]["FunctionName"] == "poll"


def test_a_prefix_that_fits_no_machine_is_refused() -> None:
    with pytest.raises(AssertionError, match="0 machines begin with Purchase"):
        definition_of(TEMPLATE, "Purchase")


def test_the_definition_of_a_template_runs_as_on_moto() -> None:
    definition = definition_of(TEMPLATE, "SellOrder")
    seen = same(definition, {"n": 1}, lambda: {"poll": lambda event, _: {"n": event["n"] + 1}})
    assert seen.output["Payload"] == {"n": 3}
