"""The processes of a local stack: each at its port, left alone while nothing changes, stopped in order."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import httpx
import pytest

from infra.environment import Environment, EnvironmentName
from local import deployment
from local.environment import LocalEnvironment
from local.processes import PortTaken
from local.stack import (
    AWS,
    BANK,
    BILLING,
    CAMPAIGNS,
    CUSTODY,
    DOCS,
    EXCHANGE,
    PRICES,
    STOPPING_ORDER,
    LocalStack,
    Silent,
)
from tests.depth import PROVED
from tests.ports import free_ports

PORTS = {
    AWS: "port",
    DOCS: "docs_port",
    PRICES: "prices_port",
    EXCHANGE: "exchange_port",
    BANK: "bank_port",
    CUSTODY: "mixin_port",
    CAMPAIGNS: "hufi_port",
    BILLING: "billing_port",
}
API_URL = "http://127.0.0.1:1/_aws/execute-api/0123"
CLIENTS = ("web-of-customers", "web-of-operators")  # with which the console signs in


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalStack]:
    local = LocalStack(LocalEnvironment(tmp_path, *free_ports(len(PORTS))))
    yield local
    local.down(Silent())


def start(local: LocalStack, name: str, *more: str) -> int:
    """The process that runs then."""
    local._start(Silent(), name, *more)
    return local.running()[name].pid


def state(url: str) -> httpx.Response:
    return httpx.get(f"{url}/sandbox/state", timeout=5).raise_for_status()


def test_every_process_has_a_port_of_its_own_which_a_person_may_choose() -> None:
    environment = LocalEnvironment()
    assert {field.name for field in fields(environment)} == {"folder", *PORTS.values()}
    assert len({getattr(environment, port) for port in PORTS.values()}) == len(PORTS)
    local = LocalStack(LocalEnvironment(Path(), *(7000 + n for n in range(len(PORTS)))))
    for n, (name, field) in enumerate(PORTS.items()):
        arguments, port, url = local._told(name, API_URL, *CLIENTS)
        assert port == local.environment.ports[field] == 7000 + n
        assert arguments[1:3] == ["--port", str(port)]
        assert url.startswith(f"http://127.0.0.1:{port}/")


def test_ports_are_those_of_the_last_time_but_for_those_told_now(tmp_path: Path) -> None:
    first = LocalEnvironment.remembered(tmp_path, port=7001, docs_port=None)
    assert first == LocalEnvironment(tmp_path, port=7001)
    first.remember()
    assert LocalEnvironment.remembered(tmp_path) == first
    LocalEnvironment.remembered(tmp_path, docs_port=7002).remember()
    assert LocalEnvironment.remembered(tmp_path, port=7003) == LocalEnvironment(tmp_path, port=7003, docs_port=7002)
    (tmp_path / "ports.json").write_text('{"port": 7001, "of_an_older_desk": 7009}')
    assert LocalEnvironment.remembered(tmp_path) == first


def test_all_clashes_are_told_at_once_with_a_command_that_works(local: LocalStack) -> None:
    """Nothing has been stopped or remembered by then, and what was chosen and is free stays in the command."""
    docs = start(local, DOCS, API_URL, *CLIENTS)
    moved = replace(local.environment, docs_port=free_ports(1)[0], mixin_port=local.environment.bank_port)
    asked, port = LocalStack(moved), moved.bank_port
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortTaken) as told:
        asked.up(Silent())
    title, bank, custody, advice = str(told.value).splitlines()
    assert title == "ports are taken:"
    assert bank.startswith(f"  BANK_PORT={port} is taken by process {os.getpid()} (")
    assert custody == f"  MIXIN_PORT={port} is taken by BANK_PORT"
    assert local.running()[DOCS].pid == docs
    chosen = dict(setting.split("=") for setting in advice.removeprefix("Stop those, or: make up ").split())
    follows = LocalEnvironment.remembered(
        moved.folder, **{setting.lower(): int(number) for setting, number in chosen.items()}
    )
    LocalStack(follows)._must_be_free()
    assert follows == replace(moved, bank_port=follows.bank_port, mixin_port=follows.mixin_port)
    assert follows.bank_port != port != follows.mixin_port


def test_whoever_is_asked_by_the_functions_is_stopped_after_them() -> None:
    assert set(STOPPING_ORDER) == set(PORTS)
    outside = (PRICES, EXCHANGE, CUSTODY, CAMPAIGNS, BILLING, BANK)
    assert all(STOPPING_ORDER.index(asked) > STOPPING_ORDER.index(AWS) for asked in outside)


def test_the_functions_are_told_where_the_outside_world_is() -> None:
    environment = LocalEnvironment()
    told = deployment._context(environment)
    context = dict(pair.split("=", 1) for flag, pair in zip(told[::2], told[1::2], strict=True) if flag == "--context")
    read = Environment.read(context.get)
    assert read.name is EnvironmentName.LOCAL
    assert (read.price_oracle_url, read.exchange_url, read.bank_url, read.custody_url) == (
        environment.prices_url,
        environment.exchange_url,
        environment.bank_url,
        environment.mixin_url,
    )
    hufi = environment.hufi_url
    assert (read.hufi_launcher_url, read.hufi_oracle_url) == (f"{hufi}/launcher", f"{hufi}/oracle")


def test_no_process_of_ours_knows_anybodys_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "somebody's")
    assert not [name for name in LocalEnvironment().environment() if name.startswith("AWS_")]
    assert LocalEnvironment().aws_environment()["AWS_SECRET_ACCESS_KEY"] == "test"
    assert "AWS_PROFILE" not in LocalEnvironment().aws_environment()


@PROVED
def test_each_process_answers_where_the_place_says_until_it_is_stopped(local: LocalStack) -> None:
    environment = local.environment
    for name, *more in ((PRICES,), (EXCHANGE,), (CUSTODY,), (CAMPAIGNS,), (BILLING,), (BANK, API_URL)):
        start(local, name, *more)
    assert httpx.get(f"{environment.exchange_url}/api/v3/ping", timeout=5).is_success
    others = (environment.mixin_url, environment.hufi_url, environment.billing_url)
    for url in (environment.prices_url, environment.exchange_url, *others):
        assert state(url).json()
    assert f"{API_URL}/webhooks/baas" in state(environment.bank_url).text
    assert set(local.running()) == {PRICES, EXCHANGE, CUSTODY, CAMPAIGNS, BILLING, BANK}
    assert local.down(Silent()) == [BANK, BILLING, CAMPAIGNS, CUSTODY, EXCHANGE, PRICES]
    assert local.running() == {}
    assert {path.name for path in environment.folder.glob("*.json")} >= {"exchange.json", "mixin.json", "bank.json"}
    for url in (environment.exchange_url, *others, environment.bank_url):
        with pytest.raises(httpx.TransportError):
            state(url)


@PROVED
def test_a_process_is_left_alone_until_it_should_be_another(local: LocalStack) -> None:
    first = start(local, BANK, API_URL)
    assert start(local, BANK, API_URL) == first
    second = start(local, BANK, f"{API_URL}4")  # another API to tell of payouts
    assert second != first
    assert f"{API_URL}4/webhooks/baas" in state(local.environment.bank_url).text
    (port,) = free_ports(1)
    elsewhere = LocalStack(replace(local.environment, bank_port=port))
    third = start(elsewhere, BANK, f"{API_URL}4")
    assert third not in (first, second)
    assert state(elsewhere.environment.bank_url).json()
    with pytest.raises(httpx.TransportError):
        state(local.environment.bank_url)
