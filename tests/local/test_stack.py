"""The processes of a local stack: each at its port, left alone while nothing changes, stopped in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import httpx
import pytest

from infra.environment import Environment, EnvironmentName
from local import deployment
from local.environment import LocalEnvironment
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
        arguments, port, setting, url = local._told(name, API_URL)
        assert port == 7000 + n
        assert setting == field.upper()
        assert arguments[1:3] == ["--port", str(port)]
        assert url.startswith(f"http://127.0.0.1:{port}/")


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
