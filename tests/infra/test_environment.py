"""Where the stack goes, as the context says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import deploy
from infra.bundle import ROOT
from infra.environment import Environment, EnvironmentName, Kafka, UnknownEnvironment


def _read(**context: str) -> Environment:
    return Environment.read(context.get)


def test_without_a_word_it_is_staging_and_never_production() -> None:
    assert _read().name is EnvironmentName.STAGING
    assert _read().customer_deposits
    assert not _read(environment="production").customer_deposits


def test_an_environment_that_can_not_be_is_refused() -> None:
    with pytest.raises(UnknownEnvironment, match="local, staging, production"):
        _read(environment="moon")
    with pytest.raises(UnknownEnvironment, match="endpoint_url"):
        _read(environment="production", endpoint_url="http://127.0.0.1:1")
    with pytest.raises(UnknownEnvironment, match="endpoint_url"):
        _read(environment="local")


def test_pages_are_listed_with_commas() -> None:
    local = _read(environment="local", endpoint_url="http://127.0.0.1:1", docs_origins="http://a:1,http://b:2")
    assert local.docs_origins == ("http://a:1", "http://b:2")
    assert _read().docs_origins == ()


def test_the_outside_systems_are_the_real_ones_unless_said() -> None:
    assert (_read().exchange, _read().exchange_url, _read().exchange_quote) == (
        "binance",
        "https://api.binance.com",
        "USDT",
    )
    assert _read().exchange_fee_max_bps == "200"
    assert _read().bank_url.endswith(".invalid")  # nobody's, until somebody says whose
    assert _read().billing_url.endswith(".invalid")
    assert _read().commission_percent == "2.5"
    assert _read().custody_url == "https://api.mixin.one"
    assert (_read().hufi_launcher_url, _read().hufi_oracle_url) == ("https://cl.hu.finance", "https://ro.hu.finance")
    told = {"exchange": "alphapoint", "exchange_url": "http://x:1", "exchange_quote": "USD", "bank_url": "http://b:2"}
    told |= {
        "exchange_fee_max_bps": "50",
        "custody_url": "http://c:3",
        "hufi_launcher_url": "http://l:4",
        "hufi_oracle_url": "http://o:5",
        "billing_url": "http://i:6",
        "commission_percent": "3",
    }
    read = _read(environment="production", **told)
    assert {name: getattr(read, name) for name in told} == told


def test_payments_come_from_one_kafka_or_none() -> None:
    assert _read().kafka is None
    brokers = _read(kafka_brokers="a:9096,b:9096").kafka
    assert brokers == Kafka(brokers=("a:9096", "b:9096"))
    assert not brokers.in_a_network
    inside = _read(kafka_brokers="a:9096", kafka_subnets="subnet-1,subnet-2", kafka_security_groups="sg-1").kafka
    assert inside == Kafka(brokers=("a:9096",), subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",))
    assert inside.in_a_network
    cluster = _read(kafka_cluster_arn="arn:aws:kafka:eu-central-1:1:cluster/payments/0-1").kafka
    assert cluster is not None
    assert cluster.in_a_network
    for told, why in (
        ({"kafka_brokers": "a:1", "kafka_cluster_arn": "arn"}, "one of them"),
        ({"kafka_subnets": "subnet-1", "kafka_security_groups": "sg-1"}, "belong to"),
        ({"kafka_brokers": "a:1", "kafka_subnets": "subnet-1"}, "together"),
    ):
        with pytest.raises(UnknownEnvironment, match=why):
            _read(**told)


def test_production_keeps_lines_for_what_is_wrong_unless_told_otherwise() -> None:
    assert _read().log_level == _read(environment="staging").log_level == "INFO"
    assert _read(environment="production").log_level == "WARNING"
    assert _read(environment="production", log_level="INFO").log_level == "INFO"
    with pytest.raises(UnknownEnvironment, match="-c log_level=LOUD: it is one of INFO, WARNING, ERROR"):
        _read(log_level="LOUD")


def test_functions_are_traced_where_somebody_asks_for_it() -> None:
    assert not _read(environment="production").trace_functions
    assert _read(environment="production", trace_functions="yes").trace_functions


def test_a_deployment_refuses_politely_where_there_is_no_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    assert deploy.main(["staging"]) == 1
    assert "no region is set" in capsys.readouterr().err
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    assert deploy.main(["staging"]) == 1
    assert "there are no AWS credentials here" in capsys.readouterr().err
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert deploy.main(["production"]) == 1
    assert "that is not AWS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("refused", "does"),
    [
        ("nothing", ["synth", "diff", "deploy --require-approval=never"]),
        ("diff", ["synth", "diff", "deploy --require-approval=any-change"]),  # in whichever stack it widens something
        ("synth", ["synth"]),
    ],
)
@pytest.mark.parametrize("keep_state", [False, True])
def test_a_deployment_asks_before_it_widens_a_permission(
    tmp_path: Path, refused: str, does: list[str], keep_state: bool
) -> None:
    cdk, told = tmp_path / "cdk", tmp_path / "told"
    cdk.write_text(f'#!/bin/sh\necho "$*" >> {told}\ntest "$1" != {refused}\n')
    cdk.chmod(0o755)
    assert deploy.deploy(cdk, ["environment=production"], keep_state=keep_state) == (refused == "synth")
    synth, *others = lines = told.read_text().splitlines()
    assert [" ".join(w for w in line.split() if w == line.split()[0] or "approval" in w) for line in lines] == does
    assert synth.endswith("--output build/cdk.out --context environment=production")
    for line in others:  # what was made, and no more of it than was asked for
        assert f"--app build/cdk.out Cryptodesk {'--exclusively ' * keep_state}--" in line
    assert all("--security-only --fail-on=broadening" in line for line in others if line.startswith("diff"))


def test_no_lock_file_names_the_host_of_a_registry() -> None:
    for path in [*(ROOT / "requirements").glob("*.txt"), ROOT / "package-lock.json", ROOT / ".npmrc"]:
        text = path.read_text()
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "resolved" not in text.replace("omit-lockfile-registry-resolved", ""), path


def test_the_cdk_command_line_is_pinned_exactly() -> None:
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert all(version[0].isdigit() for version in pinned.values())
