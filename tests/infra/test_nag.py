"""What the packs of cdk-nag find in what goes to AWS, and the reasons of `infra/nag.py`: each finding has one, at its
construct or above it, and each reason is asked for. `make check` lets the packs themselves say so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_cdk import App, Validations
from constructs import IConstruct

from infra import nag
from infra.edge import EdgeStack
from infra.environment import EnvironmentName
from tests.depth import PROVED
from tests.infra.conftest import ENVIRONMENTS, built

Found = set[tuple[str, str]]  # where, and what


def _found(app: App) -> Found:
    """By the packs, with no reason given to them."""
    with pytest.raises(RuntimeError, match=r"^ValidationFailed"):
        app.synth()
    report = json.loads((Path(app.outdir) / "validation-report.json").read_text())
    return {
        (construct["constructPath"], violation["ruleName"])
        for plugin in report["pluginReports"]
        for violation in plugin["violations"]
        for construct in violation["violatingConstructs"]
    }


def _reasons(app: IConstruct) -> Iterator[tuple[str, str, str]]:
    for construct in app.node.find_all():
        for entry in construct.node.metadata:
            if entry.type == "aws:cdk:acknowledged-rules":
                for finding, reason in entry.data.items():
                    yield construct.node.path, finding.removeprefix("Annotation::"), reason


@PROVED
@pytest.mark.parametrize("environment", [EnvironmentName.STAGING, EnvironmentName.PRODUCTION])
def test_each_finding_has_a_reason_and_each_reason_a_finding(environment: EnvironmentName, tmp_path: Path) -> None:
    app, stack = built(tmp_path, ENVIRONMENTS[environment])
    nag.acknowledge(stack)
    nag.acknowledge_edge(EdgeStack(app, ENVIRONMENTS[environment]))
    reasons = set(_reasons(app))
    bare, _ = built(tmp_path, ENVIRONMENTS[environment])
    EdgeStack(bare, ENVIRONMENTS[environment])
    Validations.of(bare).add_plugins(*(pack(bare) for pack in nag.packs(ENVIRONMENTS[environment])))
    found = _found(bare)
    assert {rule.partition("-")[0] for _, rule in found} == set(nag.PACKS), "each pack has looked"

    def meets(where: str, reason_at: str) -> bool:
        return f"{where}/".startswith(f"{reason_at}/")

    given = {(at, rule) for at, rule, _ in reasons}
    unexplained = {(at, rule) for at, rule in found if not any(r == rule and meets(at, where) for where, r in given)}
    unasked = {(at, rule) for at, rule in given if not any(r == rule and meets(where, at) for where, r in found)}
    assert (unexplained, unasked) == (set(), set())
