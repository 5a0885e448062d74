"""The harness for state machines, on a small machine written by hand."""

from typing import Any

import boto3
import pytest

from tests.machine import REGION, Run, definition_of, run


class NotFilled(Exception): ...


class PayoutRejected(Exception): ...


POLL = {
    "Type": "Task",
    "Resource": "poll",
    "Retry": [{"ErrorEquals": ["NotFilled"], "IntervalSeconds": 15, "MaxAttempts": 3, "BackoffRate": 1}],
    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Fail"}],
    "Next": "Large",
}
LARGE = {
    "Type": "Choice",
    "Choices": [{"Variable": "$.quantity", "NumericGreaterThan": 10, "Next": "Cool"}],
    "Default": "Pay",
}
PAY = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
    "Parameters": {"FunctionName": "pay", "Payload": {"order.$": "$", "token.$": "$$.Task.Token"}},
    "TimeoutSeconds": 300,
    "ResultPath": "$.payout",
    "Retry": [{"ErrorEquals": ["PayoutRejected"], "IntervalSeconds": 60, "MaxAttempts": 2, "BackoffRate": 2}],
    "Catch": [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.late", "Next": "Check"}],
    "End": True,
}
MACHINE: dict[str, Any] = {
    "StartAt": "Poll",
    "States": {
        "Poll": POLL,
        "Large": LARGE,
        "Cool": {"Type": "Wait", "SecondsPath": "$.cool_seconds", "Next": "Pay"},
        "Pay": PAY,
        "Check": {"Type": "Pass", "Result": "asked the bank", "End": True},
        "Fail": {"Type": "Fail", "Error": "GaveUp", "Cause": "never filled"},
    },
}


class Desk:
    """The tasks: polls and payouts that answer what they were told, in order."""

    def __init__(self, polls: str = "filled", payouts: str = "paid") -> None:
        self.polls, self.payouts = polls.split(), payouts.split()
        self.tokens: list[str] = []

    def poll(self, event: Any, _: Any) -> Any:
        if self.polls.pop(0) == "open":
            raise NotFilled(event["order_id"])
        return {**event, "polled": True}

    def pay(self, event: Any, _: Any) -> Any:
        self.tokens.append(event["token"])
        if self.payouts[0] == "at-once":
            self.answer(event["token"])

    def answer(self, token: str) -> None:
        """The bank's webhook."""
        stepfunctions = boto3.client("stepfunctions", REGION)
        told = self.payouts.pop(0)
        if told in ("paid", "at-once"):
            stepfunctions.send_task_success(taskToken=token, output='{"paid": true}')
        elif told == "rejected":
            stepfunctions.send_task_failure(taskToken=token, error="PayoutRejected", cause="no such account")

    def run(self, **order: Any) -> Run:
        given = {"order_id": "O1", "quantity": 1, **order}
        return run(MACHINE, given, {"poll": self.poll, "pay": self.pay}, waiting=self.answer)


def test_the_shortest_way_waits_for_nothing() -> None:
    seen = Desk().run()
    assert (seen.status, seen.visited, seen.waits_seconds) == ("SUCCEEDED", ["Poll", "Large", "Pay"], [])
    assert seen.output == {"order_id": "O1", "quantity": 1, "polled": True, "payout": {"paid": True}}


def test_a_retry_is_chosen_by_the_name_of_the_error_and_its_waits_are_recorded() -> None:
    seen = Desk(polls="open open filled").run()
    assert (seen.status, seen.waits_seconds) == ("SUCCEEDED", [15, 15])


def test_retries_that_are_used_up_are_caught() -> None:
    seen = Desk(polls="open open open open").run()
    assert (seen.status, seen.visited, seen.waits_seconds) == ("FAILED", ["Poll", "Fail"], [15, 15, 15])
    assert (seen.error, seen.cause) == ("GaveUp", "never filled")


def test_an_error_without_a_retry_is_caught_at_once() -> None:
    seen = run(MACHINE, {"order_id": "O1"}, {"poll": lambda event, _: event["no such field"]})
    assert (seen.visited, seen.waits_seconds) == (["Poll", "Fail"], [])


def test_a_choice_leads_through_a_wait_that_takes_no_time() -> None:
    seen = Desk().run(quantity=11, cool_seconds=86_400)
    assert (seen.visited, seen.waits_seconds) == (["Poll", "Large", "Cool", "Pay"], [86_400])


def test_a_failure_sent_with_the_token_is_retried_with_backoff() -> None:
    desk = Desk(payouts="rejected rejected paid")
    seen = desk.run()
    assert (seen.status, seen.waits_seconds) == ("SUCCEEDED", [60, 120])
    assert len(set(desk.tokens)) == 3


def test_a_task_may_send_its_token_back_before_it_returns() -> None:
    assert Desk(payouts="at-once").run().status == "SUCCEEDED"


def test_a_token_that_nobody_sends_back_times_out() -> None:
    seen = Desk(payouts="silence").run()
    assert (seen.status, seen.visited[-1], seen.waits_seconds) == ("SUCCEEDED", "Check", [300])


def test_machines_run_one_after_the_other_in_one_test() -> None:
    assert [Desk().run().status for _ in range(3)] == ["SUCCEEDED"] * 3


FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {"Handler": "functions.offramp.tasks.poll"}}
INVOKE = ("arn:", {"Ref": "AWS::Partition"}, ":states:::lambda:invoke")
JOINED = (
    '{"StartAt":"Poll","States":{"Poll":{"Type":"Task","Resource":"', {"Fn::GetAtt": ["Poll1A2B", "Arn"]},
    '","Next":"Again"},"Again":{"Type":"Task","Resource":"', *INVOKE,
    '","Parameters":{"FunctionName":"', {"Ref": "PollAlias"}, '","Payload.$":"$"},"End":true}}}',
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


def test_a_definition_from_a_template_runs() -> None:
    seen = run(definition_of(TEMPLATE, "SellOrder"), {"n": 1}, {"poll": lambda event, _: {"n": event["n"] + 1}})
    assert (seen.status, seen.output["Payload"]) == ("SUCCEEDED", {"n": 3})


def test_a_prefix_that_fits_no_machine_is_refused() -> None:
    with pytest.raises(AssertionError, match="0 machines begin with Purchase"):
        definition_of(TEMPLATE, "Purchase")
