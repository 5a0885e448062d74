"""Where the stack goes, as the context says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from infra import deploy
from infra.bundle import ROOT
from infra.environment import Environment, EnvironmentName, Kafka, UnfitEnvironment, UnknownEnvironment

PRODUCTION = {
    "environment": "production",
    "alarm_email": "desk@example.com",
    "exchange": "binance",
    "exchange_url": "https://api.binance.com",
    "bank_url": "https://api.bank.example",
}


def _read(**context: str) -> Environment:
    if context.get("environment") == "production":
        context = PRODUCTION | context
    return Environment.read(context.get)


def test_without_a_word_it_is_staging_and_never_production() -> None:
    assert _read().name is EnvironmentName.STAGING
    assert not _read().customer_deposits, "anybody can sign up there"
    assert not _read(environment="production").customer_deposits
    assert _read(environment="local", endpoint_url="http://127.0.0.1:1").customer_deposits


def test_staging_is_not_at_a_live_exchange_unless_somebody_says_so() -> None:
    assert _read().exchange_url == "https://testnet.binance.vision"
    assert _read(exchange_url="https://api.binance.com").exchange_url == "https://api.binance.com"


@pytest.mark.parametrize("name", ["alarm_email", "exchange", "exchange_url", "bank_url"])
def test_production_says_who_is_woken_and_which_bank_and_exchange_it_has(name: str) -> None:
    said = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(UnfitEnvironment, match=f"production says -c {name}"):
        Environment.read(said.get)


@pytest.mark.parametrize("environment", ["staging", "production"])
@pytest.mark.parametrize(
    ("name", "written", "why"),
    [
        ("exchange_url", "http://api.binance.com", "EXCHANGE_URL"),
        ("bank_url", "http://127.0.0.1:9", "BANK_URL"),
        ("bank_url", "https://", "BANK_URL"),
        ("bank_url", "https://us:pass@api.bank.example", "BANK_URL"),
        ("custody_url", "ftp://api.mixin.one", "CUSTODY_URL"),
        ("billing_url", "billing.example", "BILLING_URL"),
        ("price_oracle_url", "http://prices.example", "PRICE_ORACLE_URL"),
        ("hufi_oracle_url", "http://ro.hu.finance", "HUFI_ORACLE_URL"),
        ("exchange", "kraken", "EXCHANGE is 'kraken'"),
        *(
            ("withdrawal_limit_usd", written, "WITHDRAWAL_LIMIT_USD")
            for written in ("NaN", "inf", "1e9", "-1", "0", "x")
        ),
        ("payout_max_usd", "Infinity", "PAYOUT_MAX_USD"),
        ("deposit_limit_usd", "sNaN", "DEPOSIT_LIMIT_USD"),
        ("commission_percent", "101", "COMMISSION_PERCENT"),
        ("stuck_hours", "2.5", "STUCK_HOURS"),
        ("payout_back_off_seconds", "0", "PAYOUT_BACK_OFF_SECONDS"),
        ("exchange_fee_max_bps", "NaN", "EXCHANGE_FEE_MAX_BPS"),
    ],
)
def test_what_can_not_be_right_is_not_deployed(environment: str, name: str, written: str, why: str) -> None:
    with pytest.raises(UnfitEnvironment, match=why):
        _read(environment=environment, **{name: written})


@pytest.mark.parametrize("written", ["docs/runbooks", "http://pages.example", "https://pages.example/a b"])
def test_runbooks_that_no_link_leads_to_are_refused(written: str) -> None:
    with pytest.raises(UnfitEnvironment, match="runbooks_url"):
        Environment.read({"environment": "staging", "runbooks_url": written}.get)


@pytest.mark.parametrize(("name", "written"), [("alarm_email", "desk"), ("bank_url", "https://bank.invalid")])
def test_production_does_not_say_it_with_nobodys_address(name: str, written: str) -> None:
    with pytest.raises(UnfitEnvironment, match=name if name == "alarm_email" else "production has a bank"):
        _read(environment="production", **{name: written})


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
    assert (_read().exchange, _read().exchange_quote) == ("binance", "USDT")
    assert _read().exchange_fee_max_bps == "200"
    assert _read().bank_url.endswith(".invalid")  # nobody's, until somebody says whose
    assert _read().billing_url.endswith(".invalid")
    assert _read().commission_percent == "2.5"
    assert _read().custody_url == "https://api.mixin.one"
    assert (_read().hufi_launcher_url, _read().hufi_oracle_url) == ("https://cl.hu.finance", "https://ro.hu.finance")
    told = {"exchange": "alphapoint", "exchange_url": "https://x:1", "exchange_quote": "USD", "bank_url": "https://b:2"}
    told |= {
        "exchange_fee_max_bps": "50",
        "custody_url": "https://c:3",
        "hufi_launcher_url": "https://l:4",
        "hufi_oracle_url": "https://o:5",
        "billing_url": "https://i:6",
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
