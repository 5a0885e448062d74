"""Requests that schemathesis makes of the API's document, sent to a real HTTP server and held against the document.

Each operation gets its examples, values at and beyond each bound, and random ones, good and bad; then there are chains
of calls in which one uses what another has answered. Whoever asks has the token of the operation: a customer's, a
dealers' system's or an operator's. In every run they are the same requests, in the same order.

To be refused for its form is a bad request's: what the document lets pass gets what was asked for, or a refusal with a
name of its own.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.engine import from_schema
from schemathesis.engine.events import EngineEvent, FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder

from common.fair_use import TooManyRequests
from common.http import PROBLEMS, BodyRefused, InvalidRequest, MethodNotAllowed, RouteNotFound
from common.identity import NotACustomer, OperatorsOnly, ScopeMissing
from infra.contexts import Route
from tests import openapi
from tests.clients.served import served
from tests.desk import Desk
from tests.doors import Answer

PHASES = ("examples", "coverage", "fuzzing", "stateful")
CHAINS, STEPS = 40, 12  # of a round, at most; of a chain
FOR_ITS_FORM = (BodyRefused, InvalidRequest, RouteNotFound, MethodNotAllowed)
BEFORE_ITS_RULES = (NotACustomer, OperatorsOnly, ScopeMissing, TooManyRequests)  # it would not have been tried at all
NEVER = {f"{PROBLEMS}{kind.__name__}" for kind in (*FOR_ITS_FORM, *BEFORE_ITS_RULES)}


@schemathesis.check
def refused_by_a_rule(_: schemathesis.CheckContext, response: Response, case: schemathesis.Case[Any]) -> None:
    """What the document lets pass is never refused for its form, nor before its rules are asked."""
    good = case.meta is not None and case.meta.generation.mode.is_positive
    if (
        good
        and _path_is_told(case)
        and 400 <= response.status_code < 500
        and (told := response.json()).get("type") in NEVER
    ):
        raise Failure(
            operation=case.operation.label,
            title="Refused before its rules, though it is as the document says",
            message=str(told.get("errors", told["detail"])),
        )


def _path_is_told(case: schemathesis.Case[Any]) -> bool:
    """In a chain the path has what another answer calls so, be it of another form: a snapshot of the custody's."""
    told = openapi.DOCUMENT["paths"][case.path][case.method.lower()].get("parameters", [])
    schemas = {each["name"]: json.dumps(each["schema"]) for each in told if each["in"] == "path"}
    return all(openapi.validator(schemas[name]).is_valid(value) for name, value in case.path_parameters.items())


@dataclass
class Trial:
    """How many requests there were, and what was wrong with the answers: a text for each."""

    requests: int = 0
    in_chains: int = 0
    wrong: list[str] = field(default_factory=list)

    def watch(self, route: Route, answer: Answer) -> None:
        """The document has each answer, and each problem by its name."""
        try:
            openapi.check(route, answer)
        except AssertionError as drift:
            self.wrong.append(str(drift))

    def take(self, event: EngineEvent) -> None:
        if isinstance(event, NonFatalError | FatalError):
            self.wrong.append(f"{getattr(event, 'label', 'the run')}: {getattr(event, 'info', event)}")
        elif isinstance(event, ScenarioFinished):
            self.requests += len(event.recorder.interactions)
            if event.label is None:
                self.in_chains += len(event.recorder.interactions)
            self.wrong += _wrong(event.recorder)


def tried(desk: Desk, *, one_in: int, random: int, rounds_of_chains: int) -> Trial:
    """One operation in so many, always the same ones; of each so many random requests. Then chains, in so many rounds:
    a round ends where the desk answers otherwise than it did before."""
    trial = Trial()
    with served(desk, trial.watch) as url:
        for number in range(1 + rounds_of_chains):
            phases = ("stateful",) if number else ("examples", "coverage", "fuzzing")
            for event in from_schema(_schema(url, one_in, _config(number, random, phases))).execute():
                trial.take(event)
    return trial


def _schema(url: str, one_in: int, config: Mapping[str, Any]) -> schemathesis.BaseSchema:
    document = deepcopy(openapi.DOCUMENT)
    for path, operations in document["paths"].items():
        chosen = {m: told for m, told in operations.items() if zlib.crc32(told["operationId"].encode()) % one_in == 0}
        document["paths"][path] = chosen
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(dict(config)))
    schema.config.update(base_url=url)
    return schema


def _config(seed: int, random: int, phases: Collection[str]) -> Mapping[str, Any]:
    of_phase: dict[str, dict[str, Any]] = {name: {"enabled": name in phases} for name in PHASES}
    of_phase["coverage"] |= {"unexpected-methods": []}  # a method that no route has comes to API Gateway alone
    of_phase["stateful"] |= {"max-steps": STEPS, "generation": {"max-examples": CHAINS}}
    return {
        "seed": seed,
        "continue-on-failure": True,
        "headers": {"Authorization": "Bearer ann"},
        "operations": [
            {"include-path-regex": f"^/{begins}/", "headers": {"Authorization": f"Bearer {who}"}}
            for begins, who in (("operations", "olga"), ("billing", "cme"))
        ],
        "generation": {
            "deterministic": True,
            "database": "none",
            "no-shrink": True,
            "max-examples": random,
            "with-security-parameters": False,
        },
        "phases": of_phase,
        "checks": {
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},  # a 503 has a name
            "positive_data_acceptance": {"enabled": False},  # it knows no rules: `refused_by_a_rule`
        },
    }


def _wrong(recorder: ScenarioRecorder) -> Iterator[str]:
    for checks in recorder.checks.values():
        for check in checks:
            if found := check.failure_info:
                yield f"{found.failure.operation}, {check.name}: {found.failure.message}\n{found.code_sample}"
