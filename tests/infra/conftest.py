"""The stack for each place, synthesised once: jsii takes its time to start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App
from aws_cdk.assertions import Template

from infra.bundle import Bundle
from infra.contexts import contexts
from infra.place import Environment, Place
from infra.stack import CryptodeskStack

PLACES = {
    Environment.LOCAL: Place(
        Environment.LOCAL,
        endpoint_url="http://127.0.0.1:4566",
        docs_origins=("http://127.0.0.1:4580",),
        price_oracle_url="http://127.0.0.1:4590",
    ),
    Environment.STAGING: Place(Environment.STAGING),
    Environment.PRODUCTION: Place(Environment.PRODUCTION, price_oracle_key=True, alarm_email="desk@example.com"),
}


@dataclass(frozen=True)
class Synthesised:
    """A stack and what CloudFormation gets of it."""

    place: Place
    stack: CryptodeskStack
    resources: dict[str, dict[str, Any]]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Properties of each resource of a kind, by logical id."""
        return {i: r.get("Properties", {}) for i, r in self.resources.items() if r["Type"] == f"AWS::{kind}"}

    def only(self, kind: str) -> dict[str, Any]:
        (properties,) = self.of(kind).values()
        return properties


Synth = Callable[[Environment], Synthesised]


@pytest.fixture(scope="session")
def synth(tmp_path_factory: pytest.TempPathFactory) -> Synth:
    return cache(partial(synthesised, tmp_path_factory.mktemp("code")))


def synthesised(code: Path, environment: Environment) -> Synthesised:
    """`code` is an empty folder."""
    (code / "nothing.py").touch()
    place = PLACES[environment]
    stack = CryptodeskStack(App(), place, Bundle(code, "0" * 64), contexts())
    return Synthesised(place, stack, Template.from_stack(stack).to_json()["Resources"])


@pytest.fixture(scope="session")
def staging(synth: Synth) -> Synthesised:
    return synth(Environment.STAGING)


@pytest.fixture(scope="session")
def local(synth: Synth) -> Synthesised:
    return synth(Environment.LOCAL)


@pytest.fixture(scope="session")
def production(synth: Synth) -> Synthesised:
    return synth(Environment.PRODUCTION)
