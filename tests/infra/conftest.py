"""The stacks for each environment, synthesised once: jsii takes its time to start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

from infra.bundle import Assets, Bundle
from infra.contexts import contexts
from infra.edge import EdgeStack
from infra.environment import Environment, EnvironmentName, IdentityProvider, Kafka, LogLevel
from infra.stack import CryptodeskStack
from infra.state import StateStack
from tests.infra.templates import Resources, Templates

STAFF = IdentityProvider("Staff", "https://id.example/realm", "desk", "0" * 32)
ENVIRONMENTS = {
    EnvironmentName.LOCAL: Environment(
        EnvironmentName.LOCAL,
        endpoint_url="http://127.0.0.1:4566",
        console_origins=("http://127.0.0.1:4580",),
        price_oracle_url="http://127.0.0.1:4590",
        identity_provider=STAFF,
    ),
    EnvironmentName.STAGING: Environment(EnvironmentName.STAGING),
    EnvironmentName.PRODUCTION: Environment(
        EnvironmentName.PRODUCTION,
        price_oracle_key=True,
        alarm_email="desk@example.com",
        runbooks_url="https://pages.example/docs/runbooks/",
        console_domain="desk.example.com",
        console_certificate="arn:aws:acm:us-east-1:111111111111:certificate/1-2",
        bank_url="https://api.bank.example",
        exchange_url="https://api.binance.com",
        log_level=LogLevel.WARNING,
        trace_functions=True,
        payments_from="arn:aws:iam::111111111111:role/billing",
        kafka=Kafka(brokers=("a.example:9096", "b.example:9096"), subnets=("subnet-1",), security_groups=("sg-1",)),
        identity_provider=STAFF,
    ),
}


@dataclass(frozen=True)
class Synthesised:
    """The stacks and what CloudFormation gets of them."""

    environment: Environment
    stack: CryptodeskStack
    templates: Templates
    edge: Templates  # what stands in us-east-1; nothing, where AWS is embedded

    @property
    def resources(self) -> Resources:
        """Of all stacks, as if there were one."""
        return self.templates.resources

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of each resource of a kind, by logical id."""
        return {i: r.get("Properties", {}) for i, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}

    def only(self, kind: str) -> dict[str, Any]:
        (properties,) = self.of(kind).values()
        return properties


Synth = Callable[[EnvironmentName], Synthesised]


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    return cache(partial(synthesised, tmp_path_factory.mktemp("code")))


def synthesised(code: Path, name: EnvironmentName) -> Synthesised:
    """`code` is an empty folder."""
    return of_environment(code, ENVIRONMENTS[name])


def of_environment(code: Path, environment: Environment) -> Synthesised:
    app, stack = built(code, environment)
    edge = Templates() if environment.embedded else Templates(EdgeStack(app, environment))
    return Synthesised(environment, stack, Templates(stack.state, stack), edge)


def built(code: Path, environment: Environment) -> tuple[App, CryptodeskStack]:
    """With no code in its functions."""
    (code / "nothing.py").touch()
    assets = Assets(*(Bundle(code, digit * 64) for digit in "012345"))
    app = App()
    return app, CryptodeskStack(app, StateStack(app, environment), assets, contexts())


@pytest.fixture(scope="session")
def staging(synth: Synth) -> Synthesised:
    return synth(EnvironmentName.STAGING)


@pytest.fixture(scope="session")
def local(synth: Synth) -> Synthesised:
    return synth(EnvironmentName.LOCAL)


@pytest.fixture(scope="session")
def production(synth: Synth) -> Synthesised:
    return synth(EnvironmentName.PRODUCTION)
