"""What must always be true of cash-outs and payouts has an alarm, and each alarm a way out by `desk`."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

from common.domain.catalogue.model import PRICE_AGE_MAX_SECONDS
from common.domain.custody.service import PAUSE_AFTER_REFUSAL
from common.log import NAMESPACE
from functions.market_making.model import POLL_EVERY, TICK_EVERY
from functions.operations.model import Swept
from infra.alarms import RUNBOOKS
from infra.bundle import ROOT
from infra.context import API_SECONDS
from infra.contexts import contexts
from infra.environment import EnvironmentName
from tests.infra.conftest import Synth, Synthesised
from tests.infra.templates import logical_id
from tests.infra.test_commands_in_pages import told

COMMANDS_MAX = 4  # from stuck to moved
EVERY = {f"{context.name}.{name}": n for context in contexts() for name, n in context.every_minutes.items()}  # minutes
TASKS = {f"{context.name}.{task}" for context in contexts() for task in context.tasks}
PAGES = sorted((ROOT / RUNBOOKS).glob("[a-z]*.md"))  # README.md leads to them
EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def _alarms(made: Synthesised) -> dict[str, dict[str, Any]]:
    """By the construct's name: HoldMissing, ErrorsOrdersApi, …"""
    logical = {logical_id(a): a.node.id for a in made.stack.watch.alarms}
    return {logical[i]: alarm for i, alarm in made.of("CloudWatch::Alarm").items() if i in logical}


# Each rule, with what its alarm says of the metric


@dataclass(frozen=True)
class Rule:
    alarm: str
    metric: str
    runbook: str
    statistic: str = "Sum"
    minutes: int = 1
    of_them: int | None = None
    silence_rings: bool = False


RULES = (
    Rule("PayoutsFailed", "PayoutsFailed", "payouts-failed"),
    Rule("PayoutsToApprove", "PayoutsToApprove", "payouts-to-approve"),
    Rule("OrdersTurnedUp", "OrdersTurnedUp", "orders-turned-up"),
    Rule("BankContradictions", "BankContradictions", "bank-contradictions"),
    Rule("BankMismatch", "BankMismatch", "bank-mismatch"),
    Rule("SignaturesRefused", "SignaturesRefused", "signatures-refused", minutes=60, of_them=3),
    Rule("Drift", "Drift", "drift", statistic="Maximum"),
    Rule("BooksUnreadable", "BooksUnreadable", "books-unreadable", statistic="Maximum"),
    Rule("WorkParked", "WorkParked", "parked-events", statistic="Maximum"),
    Rule("DeskRefused", "DeskRefused", "desk-refused"),
    Rule("BankOff", "BankOff", "bank-off"),
    Rule("ExchangeOff", "ExchangeOff", "exchange-off"),
    Rule("CustodyOff", "CustodyOff", "custody-off"),
    Rule("AccountsOff", "AccountsOff", "accounts-off"),
    Rule("AccountsUnwatched", "AccountsUnwatched", "accounts-off"),
    Rule("QuotesOpenThoughHalted", "QuotesOpenThoughHalted", "accounts-off"),
    Rule("CustodyNotBelieved", "CustodyNotBelieved", "custody-not-believed"),
    Rule("BillingNotBelieved", "BillingNotBelieved", "billing-not-believed"),
    Rule("CustodyShort", "CustodyShort", "custody-short"),
    Rule("CustodySilent", "CustodySilent", "custody-silent", minutes=10),
    Rule("SnapshotTies", "SnapshotTies", "snapshot-ties"),
    Rule("SnapshotsFailed", "SnapshotsFailed", "snapshots-failed", minutes=15, of_them=3),
    Rule("SnapshotsParked", "SnapshotsParked", "snapshots-parked"),
    Rule("TransfersFailed", "TransfersFailed", "transfers-failed", minutes=15, of_them=3),
    Rule("TransfersDenied", "TransfersDenied", "transfers-denied", minutes=15, of_them=3),
    Rule("MarketMakingStopped", "MarketMakingStopped", "market-making-stopped"),
    Rule("FillsNotBelieved", "FillsNotBelieved", "fills-not-believed"),
    Rule("WorkNeedsPerson", "WorkNeedsPerson", "needs-person", statistic="Maximum"),
    Rule("WorkOverdue", "WorkOverdue", "work-overdue", statistic="Maximum", minutes=5, silence_rings=True),
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.alarm)
def test_what_must_always_be_true_has_its_alarm_and_runbook(staging: Synthesised, rule: Rule) -> None:
    alarm = _alarms(staging)[rule.alarm]
    assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, rule.metric)
    assert alarm["Dimensions"] == [{"Name": "service", "Value": "cryptodesk-staging"}]
    assert (alarm["Statistic"], alarm["Period"], alarm["EvaluationPeriods"]) == (rule.statistic, 60, rule.minutes)
    assert alarm.get("DatapointsToAlarm") == rule.of_them
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 0)
    assert alarm["TreatMissingData"] == ("breaching" if rule.silence_rings else "notBreaching")
    assert alarm["AlarmDescription"].endswith(f"Runbook: {RUNBOOKS}/{rule.runbook}.md")
    assert alarm["AlarmActions"]


def test_an_alarm_over_a_function_of_the_clock_can_ring(staging: Synthesised) -> None:
    """The failures that it waits for have the time to come: a function that runs every 15 minutes can not fail in two
    minutes after each other."""
    every = {f"{c.name}.{name}": minutes for c in contexts() for name, minutes in c.every_minutes.items()}
    alarms = _alarms(staging)
    for name, minutes in every.items():
        alarm = alarms["Errors" + "".join(part.capitalize() for part in name.replace(".", "_").split("_"))]
        failures = _needed(alarm)
        assert alarm["Period"] * alarm["EvaluationPeriods"] >= 60 * minutes * failures or failures == 1
        assert failures == (1 if minutes == 1440 else 2)


LOOKS_BACK_SECONDS_MAX = 86_400  # that CloudWatch lets an alarm of periods below an hour look back
WHILE_IT_LASTS = {  # by metric of ours: the seconds between two of what it counts, where an alarm waits for several
    "CampaignJoinsFailed": 60 * EVERY["market_making.join_campaigns"],
    "CustodySilent": POLL_EVERY.seconds,
    "PriceLeftSeconds": 60 * EVERY["orders.tend_market"],
    "QuotingSilent": TICK_EVERY.seconds,
    "SignaturesRefused": 600,  # a bank whose secret is not ours sends again and again
    "SnapshotsFailed": POLL_EVERY.seconds,
    "Ticks": TICK_EVERY.seconds,
    "TicksLate": TICK_EVERY.seconds,
    "TransfersDenied": PAUSE_AFTER_REFUSAL.seconds + 60 * EVERY["market_making.send_transfers"],
    "TransfersFailed": 60 * EVERY["market_making.send_transfers"],
    "WorkOverdue": 60 * EVERY["operations.sweep"],
}


def _needed(alarm: dict[str, Any]) -> int:
    """In how many of its periods it has to be so."""
    return int(alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]))


def test_an_alarm_of_what_is_counted_once_waits_for_one_period(staging: Synthesised) -> None:
    """What an incident counts once never is in two periods: who waits for two never rings. Where an alarm waits for
    several, as many come while it lasts."""
    waits = {}
    for alarm in staging.of("CloudWatch::Alarm").values():
        needed, period, periods = _needed(alarm), alarm["Period"], alarm["EvaluationPeriods"]
        if alarm["Namespace"] != NAMESPACE or needed == 1:
            continue
        every = waits[alarm["MetricName"]] = WHILE_IT_LASTS[alarm["MetricName"]]
        assert (needed - 1) * every < periods * period, alarm["MetricName"]
        assert needed < periods or every <= period, alarm["MetricName"]
    assert waits == WHILE_IT_LASTS


def test_no_alarm_looks_further_back_than_it_may(staging: Synthesised) -> None:
    for alarm in staging.of("CloudWatch::Alarm").values():
        assert alarm["Period"] * alarm["EvaluationPeriods"] <= LOOKS_BACK_SECONDS_MAX, alarm["AlarmDescription"]


def test_a_price_rings_while_there_is_time_for_a_round_of_prices(staging: Synthesised) -> None:
    """So before its asset is not traded any more: what is left is by the age that the asset itself allows."""
    alarm, silent = (_alarms(staging)[name] for name in ("PriceAge", "NoPrices"))
    assert (alarm["MetricName"], alarm["Statistic"]) == ("PriceLeftSeconds", "Minimum")
    assert (alarm["ComparisonOperator"], alarm["EvaluationPeriods"]) == ("LessThanThreshold", 1)
    assert (
        60 * EVERY["orders.tend_market"] <= alarm["Threshold"] < min(PRICE_AGE_MAX_SECONDS, 180)
    )  # a new asset, a seed
    assert (silent["MetricName"], silent["Statistic"]) == ("PriceLeftSeconds", "SampleCount")
    assert (silent["EvaluationPeriods"], silent["TreatMissingData"]) == (3, "breaching")


def test_functions_that_are_refused_and_requests_that_are_slow_ring(staging: Synthesised) -> None:
    refused, slow = (_alarms(staging)[name] for name in ("FunctionsThrottled", "RequestsSlow"))
    assert (refused["Namespace"], refused["MetricName"], refused["Threshold"]) == ("AWS/Lambda", "Throttles", 0)
    assert "Dimensions" not in refused  # of all functions together
    assert (slow["Namespace"], slow["MetricName"], slow["Statistic"]) == ("AWS/ApiGateway", "Latency", "Maximum")
    assert 15_000 < slow["Threshold"] < API_SECONDS * 1000
    assert _needed(slow) == 3


def test_an_hour_without_any_account_reconciled_rings(staging: Synthesised) -> None:
    alarm = _alarms(staging)["NoneReconciled"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["TreatMissingData"]) == ("Reconciled", "Sum", "breaching")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 3600


def test_three_hours_without_an_anchor_of_the_audit_ring(staging: Synthesised) -> None:
    alarm = _alarms(staging)["NoneAnchored"]
    assert (alarm["MetricName"], alarm["Statistic"], alarm["TreatMissingData"]) == ("AuditAnchored", "Sum", "breaching")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["Period"] * alarm["EvaluationPeriods"] == 3 * 3600


def test_a_machine_that_keeps_failing_rings_one_that_fails_once_does_not(staging: Synthesised) -> None:
    machines = {logical_id(machine) for machine in staging.stack.machines.values()}
    assert len(machines) == 8
    looked_at = set()
    for alarm in staging.of("CloudWatch::Alarm").values():
        if alarm["Namespace"] == "AWS/States":
            assert alarm["MetricName"] == "ExecutionsFailed"
            assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], alarm["Period"]) == (3, 15, 60)
            assert alarm["TreatMissingData"] == "notBreaching"
            (dimension,) = alarm["Dimensions"]
            assert dimension["Name"] == "StateMachineArn"
            looked_at.add(dimension["Value"]["Ref"])
    assert looked_at == machines


def test_a_task_may_end_in_an_exception_and_no_other_function_may(staging: Synthesised) -> None:
    functions = {logical_id(function): name for name, function in staging.stack.functions.items()}
    looked_at = {
        functions[alarm["Dimensions"][0]["Value"]["Ref"]]
        for alarm in staging.of("CloudWatch::Alarm").values()
        if (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Lambda", "Errors")
        and len(alarm["Dimensions"]) == 1  # not of a version, which is taken back by it
    }
    assert looked_at == set(functions.values()) - TASKS


@pytest.mark.parametrize("environment", list(EnvironmentName))
def test_no_alarm_reckons_which_the_embedded_aws_refuses(synth: Synth, environment: EnvironmentName) -> None:
    for alarm in synth(environment).of("CloudWatch::Alarm").values():
        assert "Metrics" not in alarm
        assert alarm["MetricName"]


# Metrics


def _counted() -> set[str]:
    """The names of all metrics that the code counts."""
    found: set[str] = set()
    for room in ("common", "functions"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(func=ast.Name(id="count"), args=[ast.Constant(value=str(name)), *_]):
                        found.add(name)
                    case ast.Call(
                        func=ast.Name(id="count"), args=[ast.BoolOp(values=[*_, ast.Constant(value=str(name))])]
                    ):
                        found.add(name)  # or what a gateway's error says, which is below
                    case ast.FunctionDef(name="alarm"):  # what the gate of the gateways counts
                        words = (str(node.value) for node in ast.walk(node) if isinstance(node, ast.Constant))
                        found |= {word for word in words if re.fullmatch("[A-Z][a-z]+[A-Z][A-Za-z]+", word)}
                    case ast.Call(func=ast.Name(id="count"), args=[ast.Name(id="alarm")]):
                        pass
                    case ast.Call(func=ast.Name(id="count"), args=[computed, *_]):
                        (prefix,) = re.findall("'(Work|Orders)'", ast.dump(computed))
                        found |= {prefix + name.title().replace("_", "") for name in _endings(prefix, path)}
                    case ast.Call(func=ast.Attribute(attr="add_metric"), keywords=keywords):
                        found |= {ast.literal_eval(k.value) for k in keywords if k.arg == "name" and path.stem != "log"}
    return found


def _endings(prefix: str, path: Path) -> set[str]:
    if prefix == "Work":
        return {field.name for field in fields(Swept)}
    assert prefix == "Orders"
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    return {k.arg or "" for call in calls if getattr(call.func, "id", "") == "_counted" for k in call.keywords}


def test_what_is_counted_is_shown_and_what_is_shown_is_counted(staging: Synthesised) -> None:
    body = json.dumps(staging.only("CloudWatch::Dashboard")["DashboardBody"]).replace("\\", "")
    assert set(re.findall(f'"{NAMESPACE}","([A-Za-z]+)"', body)) == _counted()


def test_every_metric_that_wakes_a_person_is_on_the_dashboard(staging: Synthesised) -> None:
    body = json.dumps(staging.only("CloudWatch::Dashboard")["DashboardBody"]).replace("\\", "")
    for name, alarm in _alarms(staging).items():
        assert f'"{alarm["Namespace"]}","{alarm["MetricName"]}"' in body, name


def test_the_dashboard_shows_how_each_machine_fares(staging: Synthesised) -> None:
    body = json.dumps(staging.only("CloudWatch::Dashboard")["DashboardBody"]).replace("\\", "")
    for what in ("Started", "Succeeded", "Failed", "TimedOut", "Aborted"):
        assert body.count(f'"AWS/States","Executions{what}"') == len(staging.stack.machines)


# Runbooks


def _ways_out(page: Path) -> Iterator[int]:
    """How many commands each way out takes, with those that find what is stuck."""
    text = page.read_text()
    look, _, do = text.partition("**Do.**")
    steps = re.split(r"^(?=\||\d\. )", do.partition("**Afterwards.**")[0], flags=re.MULTILINE)
    yield from (look.count("./desk ") + step.count("./desk ") for step in steps)


@EVERY_PAGE
def test_a_runbook_says_what_it_means_where_to_look_and_what_to_do(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("# ")
    places = [text.find(f"**{part}**") for part in ("What it means.", "Look.", "Do.")]
    assert -1 not in places
    assert places == sorted(places)


def test_the_index_leads_from_each_alarm_to_its_page(staging: Synthesised) -> None:
    """One row is for all functions, and one for all machines. No page is without a link."""
    index = (ROOT / RUNBOOKS / "README.md").read_text()
    rows = re.findall(r"^\| ([A-Z][^|]*) \| .* \| \[[a-z-]+\.md\]\(([a-z-]+\.md)\) \|$", index, re.MULTILINE)
    told = {(alarm, page) for alarms, page in rows for alarm in alarms.split(", ")}
    assert told == {
        (re.sub(r"^(Errors|ExecutionsFailed)[A-Z].*", r"\1…", name), alarm["AlarmDescription"].rpartition("/")[2])
        for name, alarm in _alarms(staging).items()
    } | {("PaymentsGivenUp", "payments-failed.md")}  # where there is Kafka
    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", index)) == {page.name for page in PAGES}


@EVERY_PAGE
def test_from_stuck_to_moved_it_takes_four_commands_at_most(page: Path) -> None:
    assert max(_ways_out(page)) <= COMMANDS_MAX


def test_runbooks_of_payouts_use_desk() -> None:
    using = {page.stem for page in PAGES if told(page.read_text())}
    assert using >= {rule.runbook for rule in RULES} | {"executions-failed"}
