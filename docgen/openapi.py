"""One OpenAPI 3.1 document of all contexts' APIs: what Powertools draws of each, and what `docgen.told` and the form of
a route add."""

from __future__ import annotations

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from common.errors import Refusal
from common.http import BodyRefused, InvalidRequest, RouteNotFound
from common.idempotency import IdempotencyKeyReused
from common.identity import NotACustomer, OperatorsOnly, ScopeMissing, TokenRefused
from common.pages import CursorRefused
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from docgen.code import modules
from docgen.problems import HEADERS, PROBLEM_SCHEMAS, SCHEMAS, UNAUTHORIZED, problem, refused
from docgen.told import TOLD
from infra.bundle import ROOT

Json = dict[str, Any]


class UntoldOperation(LookupError):
    """A route that `TOLD` does not know yet."""


def openapi() -> Json:
    """One OpenAPI 3.1 document of all contexts."""
    drawn = {name: _drawn(function.app) for name, function in _http_functions().items()}
    schemas: dict[str, Json] = {}
    paths: dict[str, Json] = defaultdict(dict)
    for document in _apart(drawn).values():
        schemas |= document["components"]["schemas"]
        for path, operations in document["paths"].items():
            paths[path] |= {method: _operation(path, method, op) for method, op in operations.items()}
    used = _refusals_used(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cryptodesk",
            "version": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
            "description": "Orders for crypto against the desk's own book, purchases of it at an exchange, and "
            "cash-outs of it to a bank: accounts, orders, holdings, portfolio, purchases, sell orders. "
            "Amounts are decimals in strings, times are UTC with microseconds, lists are newest first. Every refusal "
            "is a problem (RFC 9457); its `type` never changes.",
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The access token, not the id token: of operators under /operations, else of a "
                    "customer or a dealers' system.",
                }
            },
            "schemas": _reachable(schemas | PROBLEM_SCHEMAS, [paths, UNAUTHORIZED]),
            "examples": {kind.__name__: {"value": problem(kind)} for kind in used},
            "headers": HEADERS,
            "responses": {"Unauthorized": UNAUTHORIZED},
        },
    }


def _http_functions() -> dict[str, ModuleType]:
    """By name: `orders.api`, `payouts.webhook`."""
    return {
        f"{context}.{door}": module
        for door in ("api", "webhook", "documents")
        for context, module in modules(door).items()
    }


def _drawn(app: APIGatewayHttpResolver) -> Json:
    document: Json = json.loads(app.get_openapi_schema().model_dump_json(by_alias=True, exclude_none=True))
    return document


def _apart(documents: Mapping[str, Json]) -> dict[str, Json]:
    """The same documents with schemas that have one name and are not the same called after their context, too."""
    shapes: dict[str, set[str]] = defaultdict(set)
    for document in documents.values():
        for name in document["components"]["schemas"]:
            shapes[name].add(json.dumps(_unfolded(name, document["components"]["schemas"]), sort_keys=True))
    several = {name for name, found in shapes.items() if len(found) > 1}
    return {
        context: _renamed(document, several, context.partition(".")[0].title())
        for context, document in documents.items()
    }


def _unfolded(name: str, schemas: Mapping[str, Json]) -> dict[str, Json]:
    """A schema with all that it refers to: by text alone, lists of different things look the same."""
    found: dict[str, Json] = {}
    left = [name]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = schemas[name]
            left += _references(schemas[name])
    return found


def _references(node: Any) -> list[str]:
    return re.findall(f'"{re.escape(SCHEMAS)}([^"]+)"', json.dumps(node))


def _renamed(document: Json, names: set[str], prefix: str) -> Json:
    def called(name: str) -> str:
        return f"{prefix}{name}" if name in names else name

    text = re.sub(f'"{re.escape(SCHEMAS)}([^"]+)"', lambda m: f'"{SCHEMAS}{called(m[1])}"', json.dumps(document))
    renamed: Json = json.loads(text)
    schemas = renamed["components"]["schemas"]
    renamed["components"]["schemas"] = {called(name): schema for name, schema in schemas.items()}
    return renamed


def _reachable(schemas: dict[str, Json], used_by: Any) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name in _references(used_by):
        found |= _unfolded(name, schemas)
    return found


def _operation(path: str, method: str, drawn: Json) -> Json:
    name = drawn["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")  # it begins with the function's
    if name not in TOLD:
        raise UntoldOperation(f"{method.upper()} {path}: docgen.told.TOLD has to know what {name} answers")
    told, signed = TOLD[name], f"{method.upper()} {path}" in _open_routes()
    operation = {**drawn, "operationId": name, "security": [] if signed else [{"bearer": []}]}
    if "parameters" in drawn:
        operation["parameters"] = [_parameter(parameter) for parameter in drawn["parameters"]]
    if signed:
        operation["parameters"] = [*operation.get("parameters", []), *_SIGNATURE]
    if told.examples is not None:
        body = drawn["requestBody"]["content"]["application/json"]
        examples = {"examples": {title: {"value": value} for title, value in told.examples.items()}}
        operation["requestBody"] = {"required": True, "content": {"application/json": {**body, **examples}}}
    done = {"content": {told.media: drawn["responses"]["200"]["content"]["application/json"]}}
    repeated = {"headers": {"Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"}}}
    operation["responses"] = {
        **{
            str(s): {**done, "description": text, **(repeated if told.repeats else {})} for s, text in told.done.items()
        },
        **({} if signed else {"401": {"$ref": "#/components/responses/Unauthorized"}}),
        **refused([*told.refuses, *_common_refusals(path, method, drawn, signed=signed)]),
    }
    return operation


@cache
def _open_routes() -> set[str]:
    """Those that are asked without a token, by whoever signs what he sends."""
    return set().union(*(getattr(api, "OPEN_ROUTES", set()) for api in _http_functions().values()))


def _parameter(drawn: Json) -> Json:
    """A parameter is absent rather than null."""
    schema = drawn["schema"]
    given = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(given) == 1:
        schema = {**{name: value for name, value in schema.items() if name != "anyOf"}, **given[0]}
    name = "Idempotency-Key" if drawn["name"] == "idempotency-key" else drawn["name"]
    return {**drawn, "name": name, "schema": {n: v for n, v in schema.items() if n != "description"}}


def _common_refusals(path: str, method: str, drawn: Json, *, signed: bool) -> Iterator[type[Refusal]]:
    """What follows from the form of a route."""
    names = {parameter["name"] for parameter in drawn.get("parameters", [])}
    yield from (BodyRefused, TableUnavailable)  # a body is looked at even where none is asked for
    if not signed:
        yield TokenRefused
    if path.startswith("/operations/"):
        yield OperatorsOnly
    if path.startswith("/billing/"):
        yield ScopeMissing
    elif not signed and (not path.startswith("/assets") or path.endswith("/transactions")):
        yield NotACustomer
    if "{" in path:
        yield RouteNotFound
    if method != "get":
        yield Busy
    if not signed or names or "requestBody" in drawn:  # no query has more than its route knows
        yield InvalidRequest
    if "cursor" in names:
        yield CursorRefused
    if "idempotency-key" in names:
        yield IdempotencyKeyReused


def _refusals_used(paths: Mapping[str, Json]) -> list[type[Refusal]]:
    named = set(re.findall('"#/components/examples/([^"]+)"', json.dumps(paths)))
    return [kind for kind in _below(Refusal) if kind.__name__ in named]


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


_SIGNATURE = [
    {"in": "header", "name": name, "required": True, "description": told, "schema": {"type": "string"}}
    for name, told in {
        "webhook-id": "The same at every retry (Standard Webhooks, as all three).",
        "webhook-timestamp": "Seconds since 1970, within 300 of now.",
        "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{raw body}`; "
        "several with spaces between.",
    }.items()
]
