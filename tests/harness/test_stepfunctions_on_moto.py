"""The state machines' service in memory does what moto does, on the same definitions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import boto3
import pytest

from tests.depth import PROVED
from tests.harness.faults import Crash
from tests.harness.machine_rig import (
    END,
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
    retry,
    scripted,
    task,
    token_task,
    wait,
)
from tests.machine import REGION, Run
from tests.machine import run as run_on_moto

pytestmark = PROVED

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
    """Without what the two say in other words: causes, in whose JSON the order differs."""
    return replace(seen, output=_plain(seen.output), cause=None)


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if not isinstance(value, Mapping):
        return value
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
    given = {**ORDER, "size": "large", "cool_seconds": 86_400}
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
    "result path": task("echo", Parameters={"a": 1}, ResultPath="$.deep.er"),
    "result path over what is there": task("echo", Parameters={"a": [1]}, ResultPath="$.lines"),
    "result path null": task("echo", Parameters={"a": 1}, ResultPath=None),
    "parameters": task("echo", Parameters={"id.$": "$.order_id", "deep": {"n.$": "$['lines'][0]", "c": [1, None]}}),
    "given": task("echo", Parameters={"given.$": "$$.Execution.Input.order_id", "state.$": "$$.State.Name"}),
    "count": task("echo", Parameters={"retries.$": "$$.State.RetryCount"}),
    "wait": wait(Seconds=7),
    "wait for a number that is given": wait(SecondsPath="$.quantity"),
    "wait until a time": wait(Timestamp="2026-01-01T00:01:40Z"),
    "wait until a time that is given": wait(TimestampPath="$.soon"),
    "wait until a time that is past": wait(TimestampPath="$.past"),
    "catch beside the input": task("fails", Catch=[catch("Seen", ResultPath="$.why.so")]),
    "catch instead of the input": task("fails", Catch=[catch("Seen")]),
    "catch without a word": task("fails", Catch=[catch("Seen", ResultPath=None)]),
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

    assert same(machine(**states, End=END), tasks=tasks).waits_seconds == [7, 3, 90, 20, 0]
    there, here = (dict(zip(FLOWS, look, strict=True)) for look in looks)
    assert here == there
    assert here["result path"] == {**ORDER, "deep": {"er": {"a": 1}}}


ENDS: dict[str, dict[str, Any]] = {
    "fail": {"Type": "Fail", "Error": "E"},
    "fail by path": {"Type": "Fail", "ErrorPath": "$.order_id", "CausePath": "$.late"},
    "succeed": END,
    "nobody catches": task("fails", Catch=[catch("Y", "States.Timeout", "B")]),
    "seconds path that is missing": wait(SecondsPath="$.nothing"),
    "seconds that are no number": wait(SecondsPath="$.order_id"),
    "time path that is missing": wait(TimestampPath="$.nothing"),
    "time that is none": wait(TimestampPath="$.order_id"),
    "time without its zone": wait(TimestampPath="$.zoneless"),
}


@pytest.mark.parametrize("name", ENDS)
def test_executions_end_as_on_moto(name: str) -> None:
    others = {"Y": END} if "Catch" in ENDS[name] else {}
    same(machine(X=ENDS[name], **others), tasks=lambda: {"fails": scripted(A("why"))})


def test_choices_are_made_as_on_moto() -> None:
    """A round through the Choice for each value."""
    ways = {"b": "Y", "end": "End"}
    rules = [{"Variable": "$.v", "StringEquals": text, "Next": way} for text, way in ways.items()]
    definition = machine(
        Round=task("round", Next="Which"),
        Which={"Type": "Choice", "Choices": rules, "Default": "Round"},
        Y=task("echo", Next="Round"),
        End=END,
    )
    rounds = [{"v": value} for value in ("a", "b", "bc", "B", "", 0, 1.5, True, None, ["b"], "end")]
    assert same(definition, tasks=lambda: {"round": scripted(*rounds)}).visited.count("Y") == 1


def test_a_choice_without_a_match_fails_as_on_moto() -> None:
    rule = {"Variable": "$.order_id", "StringEquals": "O2", "Next": "Y"}
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
