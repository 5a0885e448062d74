"""The processes of a local stack: each where its place says, left alone while nothing changes, stopped in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import httpx
import pytest

from infra.place import Environment, Place
from sandbox import deployment
from sandbox.local import AWS, BANK, DOCS, EXCHANGE, PRICES, STOPPING_ORDER, Local, Silent
from sandbox.place import LocalPlace
from tests.journeys.conftest import free_ports

PORTS = {AWS: "port", DOCS: "docs_port", PRICES: "prices_port", EXCHANGE: "exchange_port", BANK: "bank_port"}
API_URL = "http://127.0.0.1:1/_aws/execute-api/0123"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    local = Local(LocalPlace(tmp_path, *free_ports(len(PORTS))))
    yield local
    local.down(Silent())


def start(local: Local, name: str, *more: str) -> int:
    """The process that runs then."""
    local._start(Silent(), name, *more)
    return local.running()[name].pid


def state(url: str) -> httpx.Response:
    return httpx.get(f"{url}/sandbox/state", timeout=5).raise_for_status()


def test_every_process_has_a_port_of_its_own_which_a_person_may_choose() -> None:
    place = LocalPlace()
    assert {field.name for field in fields(place)} == {"folder", *PORTS.values()}
    assert len({getattr(place, port) for port in PORTS.values()}) == len(PORTS)
    local = Local(LocalPlace(Path(), *(7000 + n for n in range(len(PORTS)))))
    for n, (name, field) in enumerate(PORTS.items()):
        arguments, port, setting, url = local._told(name, API_URL)
        assert port == 7000 + n
        assert setting == field.upper()
        assert arguments[1:3] == ["--port", str(port)]
        assert url.startswith(f"http://127.0.0.1:{port}/")


def test_whoever_is_asked_by_the_functions_is_stopped_after_them() -> None:
    assert set(STOPPING_ORDER) == set(PORTS)
    assert all(STOPPING_ORDER.index(asked) > STOPPING_ORDER.index(AWS) for asked in (PRICES, EXCHANGE, BANK))


def test_the_functions_are_told_where_the_outside_world_is() -> None:
    place = LocalPlace()
    told = deployment._context(place)
    context = dict(pair.split("=", 1) for flag, pair in zip(told[::2], told[1::2], strict=True) if flag == "--context")
    read = Place.read(context.get)
    assert read.environment is Environment.LOCAL
    assert (read.price_oracle_url, read.exchange_url, read.bank_url) == (
        place.prices_url,
        place.exchange_url,
        place.bank_url,
    )


def test_no_process_of_ours_knows_anybodys_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "somebody's")
    assert not [name for name in LocalPlace().environment() if name.startswith("AWS_")]
    assert LocalPlace().aws_environment()["AWS_SECRET_ACCESS_KEY"] == "test"
    assert "AWS_PROFILE" not in LocalPlace().aws_environment()


def test_the_exchange_and_the_bank_answer_where_the_place_says_until_they_are_stopped(local: Local) -> None:
    place = local.place
    for name, *more in ((PRICES,), (EXCHANGE,), (BANK, API_URL)):
        start(local, name, *more)
    assert httpx.get(f"{place.exchange_url}/api/v3/ping", timeout=5).is_success
    for url in (place.prices_url, place.exchange_url, place.bank_url):
        assert state(url).json()
    assert f"{API_URL}/webhooks/baas" in state(place.bank_url).text
    assert set(local.running()) == {PRICES, EXCHANGE, BANK}
    assert local.down(Silent()) == [BANK, EXCHANGE, PRICES]
    assert local.running() == {}
    assert {path.name for path in place.folder.glob("*.json")} >= {"exchange.json", "bank.json"}
    for url in (place.exchange_url, place.bank_url):
        with pytest.raises(httpx.TransportError):
            state(url)


def test_a_process_is_left_alone_until_it_should_be_another(local: Local) -> None:
    first = start(local, BANK, API_URL)
    assert start(local, BANK, API_URL) == first
    second = start(local, BANK, f"{API_URL}4")  # another API to tell of payouts
    assert second != first
    assert f"{API_URL}4/webhooks/baas" in state(local.place.bank_url).text
    (port,) = free_ports(1)
    elsewhere = Local(replace(local.place, bank_port=port))
    third = start(elsewhere, BANK, f"{API_URL}4")
    assert third not in (first, second)
    assert state(elsewhere.place.bank_url).json()
    with pytest.raises(httpx.TransportError):
        state(local.place.bank_url)
