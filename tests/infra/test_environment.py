"""Where the stack goes, as the files in `environments` say; of a laptop, as the context does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra import deploy
from infra.bundle import ROOT
from infra.environment import (
    FOLDER,
    Environment,
    EnvironmentName,
    IdentityProvider,
    Kafka,
    UnfitEnvironment,
    UnknownEnvironment,
)
from tests.infra.conftest import Synth

PRODUCTION = {
    "alarm_email": "desk@example.com",
    "exchange": "binance",
    "exchange_url": "https://api.binance.com",
    "bank_url": "https://api.bank.example",
}
LAPTOP: dict[str, str] = {"environment": "local", "endpoint_url": "http://127.0.0.1:1"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `_read` writes what is said."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _read(environment: str = "staging", **said: Any) -> Environment:
    """Of a file that says this, besides what production has to."""
    said = (PRODUCTION if environment == "production" else {}) | said
    return _of_text("\n".join(_lines(said)), environment)


def _of_text(text: str, environment: str = "staging") -> Environment:
    Path(f"{environment}.toml").write_text(text)
    chosen: dict[str, str] = {"environment": environment}
    return Environment.read(chosen.get, Path.cwd())


def _lines(said: dict[str, Any]) -> Iterator[str]:
    """Texts, numbers and lists are written in TOML as in JSON."""
    tables = {name: value for name, value in said.items() if isinstance(value, dict)}
    yield from (f"{name} = {json.dumps(value)}" for name, value in said.items() if name not in tables)
    for name, value in tables.items():
        yield from (f"[{name}]", *_lines(value))


def test_without_a_word_it_is_staging_and_never_production() -> None:
    assert Environment.read(dict[str, str]().get).name is EnvironmentName.STAGING
    assert not _read().customer_deposits, "anybody can sign up there"
    assert not _read("production").customer_deposits
    assert Environment.read(LAPTOP.get).customer_deposits


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_what_is_kept_with_the_code_may_be_deployed_once_it_is_somebodys(environment: str) -> None:
    read = Environment.read({"environment": environment}.get)
    assert (read.name, read.endpoint_url, read.console_origins) == (environment, None, ())
    assert read.nobodys == (["alarm_email", "bank_url"] if environment == "production" else [])
    assert {path.name for path in FOLDER.iterdir()} == {"staging.toml", "production.toml"}


@pytest.mark.parametrize(
    "url",
    ["https://api.binance.com", "https://apitestnet.example", "https://x.example:8443/testnet", "https://latest.io"],
)
def test_staging_is_at_no_live_exchange_whoever_says_so(url: str) -> None:
    assert _read().exchange_url == "https://testnet.binance.vision"
    assert _read(exchange_url="https://apws.uat.exchange.example:8443/AP").exchange_url.endswith("/AP")
    with pytest.raises(UnfitEnvironment, match="staging sells no real coins"):
        _read(exchange_url=url)


@pytest.mark.parametrize("name", ["alarm_email", "exchange", "exchange_url", "bank_url"])
def test_production_says_who_is_woken_and_which_bank_and_exchange_it_has(name: str) -> None:
    said = {key: value for key, value in PRODUCTION.items() if key != name}
    with pytest.raises(UnfitEnvironment, match=f"production.toml: production says {name}"):
        _of_text("\n".join(_lines(said)), "production")


def test_what_a_file_says_is_said_nowhere_else() -> None:
    """A deployment without the flag would put it back."""
    told = {"environment": "production", "exchange_url": "https://api.binance.com", "log_level": "INFO"}
    with pytest.raises(
        UnknownEnvironment, match="-c exchange_url, log_level: of production everything is said in envir"
    ):
        Environment.read(told.get)


@pytest.mark.parametrize("name", ["exchnge_url", "customer_deposits", "endpoint_url", "console_origins", "name"])
def test_a_name_that_is_not_known_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(UnfitEnvironment, match=f"staging.toml: {name} is not known; known are alarm_email, bank_url"):
        _of_text(f'{name} = "yes"')
    with pytest.raises(UnfitEnvironment, match=r"kafka\.topic is not known; known are brokers, cluster_arn"):
        _read(kafka={"topic": "x"})


@pytest.mark.parametrize(
    "name",
    ["bank_key", "exchange_api_key", "bank_secret", "secrets", "password", "private_pem", "access_token", "Api_Key"],
)
def test_a_secret_is_in_no_file(name: str) -> None:
    for text in (f'{name} = "x"', f'[kafka]\n{name} = "x"', f'[{name}]\nx = "x"'):
        with pytest.raises(UnfitEnvironment, match=f"says {name}: secrets are in Secrets Manager and in no file"):
            _of_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "payout_max_usd = 10000",
        "commission_percent = 2.5",
        'trace_functions = "yes"',
        'log_level = "LOUD"',
        "stuck_hours = 4",
    ],
)
def test_numbers_are_texts_and_yes_is_true(text: str) -> None:
    """A number of TOML may be a float, which is near what was meant."""
    with pytest.raises(UnfitEnvironment, match=f"staging.toml: {text.partition(' ')[0]} is "):
        _of_text(text)


def test_all_that_is_wrong_is_said_at_once_and_a_file_has_to_be_there(folder: Path) -> None:
    with pytest.raises(UnfitEnvironment, match=r"payout_max_usd is 1.*; .*stuck_hours is 4"):
        _of_text("stuck_hours = 4\npayout_max_usd = 1")
    with pytest.raises(UnfitEnvironment, match=r"staging\.toml is no TOML"):
        _of_text("bank_url = https://bank.example")
    with pytest.raises(UnknownEnvironment, match=r"there is no .*/production\.toml"):
        Environment.read({"environment": "production"}.get, folder)


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
        _read(environment, **{name: written})


@pytest.mark.parametrize("written", ["docs/runbooks", "http://pages.example", "https://pages.example/a b"])
def test_runbooks_that_no_link_leads_to_are_refused(written: str) -> None:
    with pytest.raises(UnfitEnvironment, match="runbooks_url"):
        _read(runbooks_url=written)


CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/0a-1"


def test_the_console_has_a_name_of_its_own_with_its_certificate() -> None:
    read = _read(console_domain="desk.bank.io", console_certificate=CERTIFICATE)
    assert (read.console_domain, read.console_certificate) == ("desk.bank.io", CERTIFICATE)
    assert _read().console_domain is _read().console_certificate is None


@pytest.mark.parametrize(
    ("domain", "certificate", "why"),
    [
        ("desk.bank.io", None, "are told together"),
        (None, CERTIFICATE, "are told together"),
        ("https://desk.bank.io", CERTIFICATE, "a name alone"),
        ("desk.bank.io/", CERTIFICATE, "a name alone"),
        ("desk.bank.io", CERTIFICATE.replace("us-east-1", "eu-central-1"), "of us-east-1 alone"),
    ],
)
def test_a_name_of_the_console_that_can_not_be_served_is_refused(
    domain: str | None, certificate: str | None, why: str
) -> None:
    said = {"console_domain": domain, "console_certificate": certificate}
    with pytest.raises(UnfitEnvironment, match=why):
        _read(**{name: value for name, value in said.items() if value is not None})


@pytest.mark.parametrize(("name", "written"), [("alarm_email", "desk"), ("bank_url", "https://bank.invalid")])
def test_production_does_not_say_it_with_nobodys_address(name: str, written: str) -> None:
    with pytest.raises(UnfitEnvironment, match=name if name == "alarm_email" else "production has a bank"):
        _read("production", **{name: written})


def test_an_environment_that_can_not_be_is_refused() -> None:
    with pytest.raises(UnknownEnvironment, match="local, staging, production"):
        Environment.read({"environment": "moon"}.get)
    with pytest.raises(UnknownEnvironment, match="endpoint_url"):
        Environment.read({"environment": "production", "endpoint_url": "http://127.0.0.1:1"}.get)
    with pytest.raises(UnknownEnvironment, match="endpoint_url"):
        Environment.read({"environment": "local"}.get)


def test_pages_are_listed_with_commas() -> None:
    local = Environment.read((LAPTOP | {"console_origins": "http://a:1,http://b:2"}).get)
    assert local.console_origins == ("http://a:1", "http://b:2")
    assert Environment.read(LAPTOP.get).console_origins == _read().console_origins == ()


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
    read = _read("production", **told)
    assert {name: getattr(read, name) for name in told} == told


def test_payments_come_from_one_kafka_or_none() -> None:
    assert _read().kafka is None
    brokers = _read(kafka={"brokers": ["a:9096", "b:9096"]}).kafka
    assert brokers == Kafka(brokers=("a:9096", "b:9096"))
    assert not brokers.in_a_network
    inside = {"brokers": ["a:9096"], "subnets": ["subnet-1", "subnet-2"], "security_groups": ["sg-1"]}
    read = _read(kafka=inside).kafka
    assert read == Kafka(brokers=("a:9096",), subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",))
    assert read.in_a_network
    cluster = _read(kafka={"cluster_arn": "arn:aws:kafka:eu-central-1:1:cluster/payments/0-1"}).kafka
    assert cluster is not None
    assert cluster.in_a_network
    for told, why in (
        ({"brokers": ["a:1"], "cluster_arn": "arn"}, "one of them"),
        ({}, "one of them"),
        ({"subnets": ["subnet-1"], "security_groups": ["sg-1"]}, "belong to"),
        ({"brokers": ["a:1"], "subnets": ["subnet-1"]}, "together"),
    ):
        with pytest.raises(UnfitEnvironment, match=why):
            _read(kafka=told)


PROVIDER = {"name": "Staff", "issuer": "https://id.example/realm", "client_id": "desk", "secret_version": "0" * 32}


def test_customers_come_from_one_provider_or_none() -> None:
    assert _read().identity_provider is None
    assert _read(identity_provider=PROVIDER).identity_provider == IdentityProvider(**PROVIDER)
    assert _read(identity_provider=PROVIDER).variables["IDENTITY_PROVIDER"] == "Staff"
    assert "IDENTITY_PROVIDER" not in _read().variables
    with pytest.raises(UnfitEnvironment, match=r"identity_provider\.isuer is not known; known are client_id, issuer"):
        _read(identity_provider=PROVIDER | {"isuer": "x"})
    with pytest.raises(UnfitEnvironment, match="says client_secret: secrets are in Secrets Manager and in no file"):
        _read(identity_provider=PROVIDER | {"client_secret": "x"})


@pytest.mark.parametrize(
    ("name", "written"),
    [
        *(("name", written) for written in ("staff", "S", "Staff_1", "Staff of us", "Google", "COGNITO", "S" * 21)),
        *(("issuer", written) for written in ("http://id.example", "https://", "https://me@id.example", "id.example")),
        *(("secret_version", written) for written in ("1", "so-secret", "")),
    ],
)
def test_a_provider_that_can_not_be_is_not_deployed(name: str, written: str) -> None:
    """A name that a username could begin with would be somebody's else."""
    with pytest.raises(UnfitEnvironment, match=f"identity_provider.{name} is '{written}'"):
        _read(identity_provider=PROVIDER | {name: written})


def test_production_keeps_lines_for_what_is_wrong_unless_told_otherwise() -> None:
    assert _read().log_level == "INFO"
    assert _read("production").log_level == "WARNING"
    assert _read("production", log_level="INFO").log_level == "INFO"


def test_functions_are_traced_where_somebody_asks_for_it() -> None:
    assert not _read("production").trace_functions
    assert _read("production", trace_functions=True).trace_functions


def _names(synth: Synth, environment: EnvironmentName) -> set[tuple[str, str]]:
    """What CloudFormation is told to call things, and what their templates export: one account has each once."""
    made, found = synth(environment), set[tuple[str, str]]()
    for resource in (*made.resources.values(), *made.edge.resources.values()):
        for key, value in resource.get("Properties", {}).items():
            refers = isinstance(value, dict) and set(value) <= {"Ref", "Fn::GetAtt"}  # to what has a name already
            if key in NAMING and not refers:
                found.add((resource["Type"], str(value)))
    stacks = {("stack", made.stack.stack_name), ("stack", made.stack.state.stack_name)}
    stacks |= {("stack", name) for name in made.edge.kinds}
    return found | stacks | {("export", name) for name in made.templates.exported}


# What names a thing in its account and region, and not within another thing, as a group of a pool is.
NAMING = {
    *("FunctionName", "LogGroupName", "StateMachineName", "DashboardName", "Domain", "TableName", "QueueName"),
    *("BucketName", "RoleName", "TopicName", "AlarmName", "AliasName", "SecretName", "RuleName", "ApiName", "Aliases"),
}


def test_two_environments_stand_beside_each_other_in_one_account(synth: Synth) -> None:
    staging, production = _names(synth, EnvironmentName.STAGING), _names(synth, EnvironmentName.PRODUCTION)
    kinds = {kind for kind, _ in staging}
    assert kinds >= {"stack", "export", "AWS::Lambda::Function", "AWS::Logs::LogGroup", "AWS::Cognito::UserPoolDomain"}
    assert kinds >= {"AWS::StepFunctions::StateMachine", "AWS::CloudWatch::Dashboard"}
    assert staging & production == set()


def test_two_environments_count_and_take_payments_apart(synth: Synth) -> None:
    """The same metric would ring both; the same group of consumers would take each payment in one of them."""
    told_by: dict[EnvironmentName, set[str]] = {}
    for environment in (EnvironmentName.STAGING, EnvironmentName.PRODUCTION):
        made = synth(environment)
        alarms = [a for a in made.of("CloudWatch::Alarm").values() if a.get("Namespace") == "Cryptodesk"]
        (counted,) = {of["Value"] for alarm in alarms for of in alarm["Dimensions"] if of["Name"] == "service"}
        assert all(any(of["Name"] == "service" for of in alarm["Dimensions"]) for alarm in alarms)
        told = {f["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] for f in made.of("Lambda::Function").values()}
        assert told == {counted}
        told_by[environment] = told
    assert told_by[EnvironmentName.STAGING].isdisjoint(told_by[EnvironmentName.PRODUCTION])


def test_a_deployment_refuses_politely_where_there_is_no_aws(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    assert deploy.main(["staging"]) == 1
    assert "no region is set" in capsys.readouterr().err
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):  # the second is what the CDK command line and the page say
        monkeypatch.setenv(name, "eu-central-1")
        assert deploy.main(["staging"]) == 1
        assert "there are no AWS credentials here" in capsys.readouterr().err
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert deploy.main(["staging"]) == 1
    assert "The config profile (nobody) could not be found: `aws configure list-pro" in capsys.readouterr().err
    monkeypatch.delenv("AWS_PROFILE")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    assert deploy.main(["production"]) == 1
    assert "that is not AWS" in capsys.readouterr().err


def test_what_is_still_nobodys_is_not_deployed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(deploy, "account", lambda _: ("111111111111", "eu-central-1"))
    assert deploy.main(["production"]) == 1
    assert "environments/production.toml still names nobody by alarm_email, bank_url" in capsys.readouterr().err


WEB_ACL = "arn:aws:wafv2:us-east-1:111111111111:global/webacl/cryptodesk/1-2"


@pytest.mark.parametrize(
    ("refused", "does"),
    [
        (
            "nothing",
            ["synth", "deploy CryptodeskEdge --require-approval=never", "diff", "deploy --require-approval=never"],
        ),
        (
            "diff",
            ["synth", "deploy CryptodeskEdge --require-approval=never", "diff", "deploy --require-approval=any-change"],
        ),  # in whichever stack it widens any
        ("synth", ["synth"]),
        ("CryptodeskEdge", ["synth", "deploy CryptodeskEdge --require-approval=never"]),
    ],
)
@pytest.mark.parametrize("keep_state", [False, True])
def test_a_deployment_asks_before_it_widens_a_permission(
    tmp_path: Path, refused: str, does: list[str], keep_state: bool
) -> None:
    """After the web ACL, whose ARN it tells."""
    cdk, told = tmp_path / "cdk", tmp_path / "told"
    cdk.write_text(f'#!/bin/sh\necho "$*" >> {told}\ntest "$1" != {refused} && test "$4" != {refused}\n')
    cdk.chmod(0o755)
    outputs = {("CryptodeskEdge", "us-east-1"): {"WebAclArn": WEB_ACL}}
    environment = Environment(EnvironmentName.PRODUCTION)
    failed = deploy.deploy(cdk, environment, lambda *of: outputs[of], keep_state=keep_state)
    assert failed == (refused in ("synth", "CryptodeskEdge"))
    synth, *others = lines = told.read_text().splitlines()
    assert [
        " ".join(w for w in line.split() if w in (line.split()[0], "CryptodeskEdge") or "approval" in w)
        for line in lines
    ] == does
    assert synth.endswith("--output build/cdk.out --context environment=production")
    for line in others[1:]:  # what was made, and no more of it than was asked for
        assert f"--app build/cdk.out Cryptodesk {'--exclusively ' * keep_state}--" in line
    assert all("--security-only --fail-on=broadening" in line for line in others if line.startswith("diff"))
    assert all(f"--parameters=Cryptodesk:WebAclArn={WEB_ACL} " in line for line in others[2:])


def test_no_lock_file_names_the_host_of_a_registry() -> None:
    for path in [*(ROOT / "requirements").glob("*.txt"), ROOT / "package-lock.json", ROOT / ".npmrc"]:
        text = re.sub(r'"url": "https://[^"]+"', "", path.read_text())  # where who has written a package takes gifts
        assert "http://" not in text, path
        assert "https://" not in text, path
        assert "resolved" not in text.replace("omit-lockfile-registry-resolved", ""), path


def test_the_cdk_command_line_is_pinned_exactly() -> None:
    pinned = json.loads((ROOT / "package.json").read_text())["devDependencies"]
    assert all(version[0].isdigit() for version in pinned.values())
