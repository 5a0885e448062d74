"""The command line without a stack: what it says, and in what form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, fields
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from typer.testing import CliRunner

import local.__main__ as command_line
from local.deployment import Deployment
from local.environment import LocalEnvironment
from local.processes import PortTaken, Process
from local.seed import Desk
from local.stack import AWS, BANK, BILLING, CAMPAIGNS, CUSTODY, DOCS, EXCHANGE, PRICES, LocalStack, Progress

RUNNING = (AWS, PRICES, EXCHANGE, CUSTODY, CAMPAIGNS, BILLING, BANK, DOCS)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which nothing was ever started."""

    @dataclass(frozen=True)
    class Elsewhere(LocalEnvironment):
        folder: Path = tmp_path

    monkeypatch.setattr(command_line, "LocalEnvironment", Elsewhere)
    return tmp_path


def _said(*words: str) -> tuple[int, str]:
    answer = CliRunner().invoke(command_line.app, words)
    return answer.exit_code, answer.output


def test_help_tells_the_verbs() -> None:
    code, said = _said("--help")
    assert code == 0
    for verb in ("up", "down", "status", "token", "user", "logs", "demo"):
        assert f" {verb} " in said


@pytest.mark.usefixtures("elsewhere")
def test_where_nothing_runs_down_and_status_say_so() -> None:
    assert _said("down") == (0, "Nothing of ours is running.\n")
    assert _said("status") == (1, "Nothing of ours is running; make up starts it.\n")
    code, said = _said("down", "--json")
    assert (code, json.loads(said)) == (0, {"stopped": []})
    code, said = _said("token", "ann")
    assert code == 1
    assert "make up" in said


@pytest.mark.usefixtures("elsewhere")
def test_trouble_is_told_in_one_sentence_and_in_json_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise PortTaken("port 1 is taken by process 7 (cat). Stop it, or choose another port: make up PORT=2")

    monkeypatch.setattr(LocalStack, "up", taken)
    code, said = _said("up")
    assert code == 1
    assert "port 1 is taken by process 7 (cat)" in said
    assert "Traceback" not in said
    code, said = _said("up", "--json")
    assert (code, json.loads(said)["error"].partition(".")[0]) == (1, "port 1 is taken by process 7 (cat)")


@pytest.mark.usefixtures("elsewhere")
def test_a_step_is_told_in_a_pipe_when_it_begins_and_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def up(_: LocalStack, progress: Progress) -> None:
        with progress.step("deploy [it]") as tell:
            tell("with [all]")
        raise PortTaken("port 1 is taken")

    monkeypatch.setattr(LocalStack, "up", up)
    begun, over, _ = _said("up")[1].splitlines()
    assert begun == "deploy [it] …"
    assert re.fullmatch(r"✓ deploy \[it\]: with \[all\] \(\d\.\d s\)", over)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("by", ["option", "environment"])
def test_every_port_may_be_chosen(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    asked: list[LocalEnvironment] = []

    def up(local: LocalStack, _: object) -> None:
        asked.append(local.environment)
        raise PortTaken("port 1 is taken")

    monkeypatch.setattr(LocalStack, "up", up)
    names = (
        "PORT",
        "DOCS_PORT",
        "PRICES_PORT",
        "EXCHANGE_PORT",
        "BANK_PORT",
        "MIXIN_PORT",
        "HUFI_PORT",
        "BILLING_PORT",
    )
    ports = {name: 7001 + n for n, name in enumerate(names)}
    options = [f"--{name.lower().replace('_', '-')}={port}" for name, port in ports.items()]
    if by == "environment":
        for name, port in ports.items():
            monkeypatch.setenv(name, str(port))
    assert _said("up", *(options if by == "option" else []))[0] == 1
    (environment,) = asked
    assert [
        environment.port,
        environment.docs_port,
        environment.prices_port,
        environment.exchange_port,
        environment.bank_port,
        environment.mixin_port,
        environment.hufi_port,
        environment.billing_port,
    ] == [*ports.values()]


def test_ports_that_are_not_told_are_those_of_the_last_time(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So nothing of what runs there moves, and nothing is stopped."""
    LocalEnvironment(elsewhere, port=7001, bank_port=7002).remember()
    asked: list[dict[str, int]] = []
    monkeypatch.setattr(LocalStack, "up", lambda local, _: asked.append(local.environment.ports))
    monkeypatch.setattr(command_line, "_welcome", lambda _: None)
    assert (_said("up")[0], _said("up", "--port=7003")[0]) == (0, 0)
    last = LocalEnvironment(elsewhere, port=7001, bank_port=7002).ports
    assert asked == [last, {**last, "port": 7003}]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("missing", RUNNING)
def test_a_desk_of_which_something_does_not_run_is_not_up(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    there = {name: Process(1, "", "", 1) for name in RUNNING if name != missing}
    monkeypatch.setattr(LocalStack, "running", lambda _: there)
    code, said = _said("token", "ann")
    assert code == 1
    assert "the desk is not up" in said


def test_only_one_up_or_down_works_on_a_folder(elsewhere: Path) -> None:
    local = LocalStack(LocalEnvironment(elsewhere))
    with local._alone():
        code, said = _said("down")
    assert code == 1
    assert "wait for it" in said


@pytest.mark.parametrize("code", ["UserNotFoundException", "NotAuthorizedException"])
def test_for_whom_there_is_no_token_it_is_said_who_can_be_asked_for(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    users = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(LocalEnvironment, "users", users)
    deployment = Deployment(*(field.name for field in fields(Deployment)))
    monkeypatch.setattr(command_line, "_running_desk", lambda: Desk(LocalEnvironment(), deployment))
    with Stubber(users) as answers:
        answers.add_client_error("admin_get_user", "UserNotFoundException")
        answers.add_client_error("initiate_auth", code)
        exit_code, said = _said("token", "nobody")
    assert (exit_code, "there is no token for 'nobody': ask for ann, bob, olga" in said) == (1, True)
