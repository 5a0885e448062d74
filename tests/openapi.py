"""The committed OpenAPI document, and answers held against it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

from infra.contexts import Route
from tests.doors import Answer

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parent.parent / "docs" / "openapi.json").read_text())


def _is_time(written: object) -> bool:
    return not isinstance(written, str) or datetime.fromisoformat(written).tzinfo is not None


_formats = FormatChecker(formats=())
_formats.checks("date-time", raises=ValueError)(_is_time)


def operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["paths"][route.path][route.method.lower()]
    return found


def check(route: Route, answer: Answer) -> None:
    """The document says that this route may answer this. A 5xx other than 503 is in no document."""
    told = _resolved(operation(route)["responses"]).get(str(answer.status))
    assert told, f"{route} answered {answer.status}: {answer.text[:500]}"
    media = answer.content_type.partition(";")[0]
    assert media in told["content"], f"{route} answered {media}"
    if media.endswith("json"):
        valid = validator(json.dumps(told["content"][media]["schema"]))
        found = [f"{error.json_path}: {error.message[:300]}" for error in valid.iter_errors(answer.json)]
        assert not found, f"{route} {answer.status}: {found}"
    if media == "application/problem+json":
        assert answer.problem in told["content"][media]["examples"], f"{route} refused so: {answer.problem}"
    headers = _resolved(told.get("headers", {}))
    for name in ("Idempotent-Replayed", "Retry-After"):
        if name.lower() in answer.headers:
            assert name in headers, f"{route} {answer.status} has {name}"
            validator(json.dumps(headers[name]["schema"])).validate(answer.headers[name.lower()])


def _resolved(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _at(member["$ref"]) if "$ref" in member else member for name, member in members.items()}


def _at(reference: str) -> Any:
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


@cache
def validator(schema: str) -> Draft202012Validator:
    whole = {**json.loads(schema), "components": DOCUMENT["components"]}
    return Draft202012Validator(whole, format_checker=_formats)


@dataclass(frozen=True)
class Field:
    """A field of a request's body, with its schema: `null` is looked away from, `$ref` followed."""

    route: Route
    name: str
    schema: Mapping[str, Any]
    required: bool

    @property
    def is_amount(self) -> bool:
        return "(\\.[0-9]" in self.schema.get("pattern", "") and not self.is_time

    @property
    def is_time(self) -> bool:
        return self.schema.get("format") == "date-time"


def fields() -> Iterator[Field]:
    """Every field of every body."""
    for path, operations in DOCUMENT["paths"].items():
        for method, told in operations.items():
            if "requestBody" in told:
                body = _at(told["requestBody"]["content"]["application/json"]["schema"]["$ref"])
                for name, schema in body["properties"].items():
                    yield Field(Route(method.upper(), path), name, _one(schema), name in body.get("required", []))


def _one(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    for kind in schema.get("anyOf", []):
        if kind != {"type": "null"}:
            return _one(kind)
    found: Mapping[str, Any] = _at(schema["$ref"]) if "$ref" in schema else schema
    return found


def parameters(place: str, name: str, *, required: bool = False) -> list[Route]:
    """The routes that have this parameter there: path, query or header. required: only where it must be."""
    return [
        Route(method.upper(), path)
        for path, operations in DOCUMENT["paths"].items()
        for method, told in operations.items()
        if any(
            (p["in"], p["name"]) == (place, name) and p.get("required", False) >= required
            for p in told.get("parameters", [])
        )
    ]
