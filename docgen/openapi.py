"""One OpenAPI 3.1 document of all contexts' APIs: what Powertools draws of each, and what `docgen.told` and the form of
a route add."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from types import ModuleType
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from common.domain.story_versions import StoryMoved
from common.errors import Refusal
from common.fair_use import TooManyRequests
from common.http import BodyRefused, InvalidRequest, RouteNotFound
from common.idempotency import IdempotencyKeyReused
from common.identity import NotACustomer, OperatorsOnly, ScopeMissing, TokenRefused
from common.pages import CursorRefused
from common.table.table import TableUnavailable
from common.table.transaction import Busy
from common.wire import OperatorOutcomeView
from docgen.answers import answered
from docgen.code import modules, says_first
from docgen.problems import HEADERS, OF_API_GATEWAY, PROBLEM_SCHEMAS, problem, refused, too_many
from docgen.schemas import apart, reachable, said_shortly, titled, untitled
from docgen.told import TOLD
from docgen.webhooks import webhooks
from docgen.words import of_parameter, worded
from infra.bundle import ROOT

Json = dict[str, Any]

PDF = "application/pdf"


_DESCRIPTION = """
Orders for crypto against the desk's own book, purchases of it at an exchange, and cash-outs of it to a bank: accounts,
orders, holdings, portfolio, purchases, sell orders; market making; billing of dealers.

Amounts are decimals in strings, times are UTC with microseconds, lists are newest first. An answer may get further
fields and further types of problems; what is told here never goes.

Every refusal is a problem (RFC 9457). Its `type` never changes, and names a page of docs/problems; `instance` is of the
one request, by which our logs know it. What API Gateway refuses itself, before the desk has seen it, has its own form,
`{"message": "Unauthorized"}`, and its id in the header `apigw-requestid`: 401 for a token that it does not take, 404
for a path and method that are no operation (it knows no 405), 429 for too many requests at once of all who ask, 413 and
431 for what is too large, 503 when nothing answers in time."""


class UntoldOperation(LookupError):
    """A route of which `TOLD` or its own docstring does not say what it does."""


def openapi() -> Json:
    """One OpenAPI 3.1 document of all contexts."""
    drawn = {name: _drawn(function.app) for name, function in _http_functions().items()}
    schemas: dict[str, Json] = {}
    paths: dict[str, Json] = defaultdict(dict)
    for name, document in apart(drawn).items():
        schemas |= document["components"]["schemas"]
        handlers = _handlers(_http_functions()[name])
        for path, operations in document["paths"].items():
            paths[path] |= {method: _operation(path, method, op, handlers) for method, op in operations.items()}
    responses = {**OF_API_GATEWAY, TooManyRequests.__name__: too_many(TooManyRequests)}
    used = _refusals_used({**paths, **responses})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Cryptodesk",
            "version": version(),
            "description": re.sub(r"(?<!\n)\n(?!\n)", " ", _DESCRIPTION.strip()),
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "paths": paths,
        "webhooks": webhooks(),
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
            "schemas": worded(titled(reachable(schemas | PROBLEM_SCHEMAS, [paths, *responses.values()]))),
            "examples": {kind.__name__: {"value": problem(kind)} for kind in used},
            "headers": HEADERS,
            "responses": responses,
        },
    }


def version() -> str:
    """Of what the documents tell."""
    told: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return told


def _http_functions() -> dict[str, ModuleType]:
    """By name: `orders.api`, `payouts.webhook`."""
    return {
        f"{context}.{door}": module
        for door in ("api", "webhook", "documents")
        for context, module in modules(door).items()
    }


def _drawn(app: APIGatewayHttpResolver) -> Json:
    document: Json = json.loads(app.get_openapi_schema().model_dump_json(by_alias=True, exclude_none=True))
    return said_shortly(document)


def _handlers(api: ModuleType) -> dict[str, Callable[..., Any]]:
    """By name, the functions of an API, which may tell its routes in several modules."""
    names = [module.name for module in pkgutil.iter_modules(getattr(api, "__path__", ()))]
    told = [api, *(importlib.import_module(f"{api.__name__}.{name}") for name in names)]
    return {name: f for module in told for name, f in inspect.getmembers(module, inspect.isfunction)}


def _operation(path: str, method: str, drawn: Json, handlers: Mapping[str, Callable[..., Any]]) -> Json:
    name = drawn["operationId"].removesuffix(re.sub(r"\W", "_", path) + f"_{method}")  # it begins with the function's
    if name not in TOLD:
        raise UntoldOperation(f"{method.upper()} {path}: docgen.told.TOLD has to know what {name} answers")
    if not (description := says_first(handlers[name])):
        raise UntoldOperation(f"{method.upper()} {path}: the docstring of {name} has to tell customers what it does")
    told, signed = TOLD[name], f"{method.upper()} {path}" in _open_routes()
    security: list[Json] = [] if signed else [{"bearer": []}]
    operation = {**drawn, "operationId": name, "description": description, "security": security}
    if "parameters" in drawn:
        operation["parameters"] = [_parameter(parameter) for parameter in drawn["parameters"]]
    if signed:
        operation["parameters"] = [*operation.get("parameters", []), *_SIGNATURE]
    if told.examples is not None:
        body = drawn["requestBody"]["content"]["application/json"]
        examples = {"examples": {title: {"value": value} for title, value in told.examples.items()}}
        operation["requestBody"] = {"required": True, "content": {"application/json": {**body, **examples}}}
    schema = untitled(drawn["responses"]["200"]["content"]["application/json"]["schema"])
    content = {"content": {told.media: _document() if told.media == PDF else {"schema": schema, **answered(name)}}}
    repeated = {"headers": {"Idempotent-Replayed": {"$ref": "#/components/headers/Idempotent-Replayed"}}}
    operation["responses"] = {
        **{str(s): {**content, "description": t, **(repeated if told.repeats else {})} for s, t in told.done.items()},
        **({} if signed else {"401": {"$ref": "#/components/responses/Unauthorized"}}),
        **refused([*told.refuses, *_common_refusals(path, method, drawn, signed=signed)]),
        "429": {"$ref": f"#/components/responses/{_too_many(path, method)}"},
    }
    return operation


def _document() -> Json:
    """Bytes, not text."""
    return {"schema": {"type": "string", "format": "binary"}}


def _too_many(path: str, method: str) -> str:
    """Who stops something, or signs what he sends, is refused by API Gateway alone for how often is asked."""
    unlimited = _open_routes().union(*(getattr(api, "STOPS", set()) for api in _http_functions().values()))
    return "TooManyOfAll" if f"{method.upper()} {path}" in unlimited else TooManyRequests.__name__


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
    schema = {member: value for member, value in untitled(schema).items() if member != "description"}
    return {**drawn, "name": name, "description": of_parameter(drawn), "schema": schema}


def _common_refusals(path: str, method: str, drawn: Json, *, signed: bool) -> Iterator[type[Refusal]]:
    """What follows from the form of a route."""
    names = {parameter["name"] for parameter in drawn.get("parameters", [])}
    yield from (BodyRefused, TableUnavailable)  # a body is looked at even where none is asked for
    if not signed:
        yield TokenRefused
    if path.startswith("/operations/"):
        yield OperatorsOnly
    schema = drawn["responses"]["200"]["content"]["application/json"]["schema"]
    if schema.get("$ref", "").endswith(f"/{OperatorOutcomeView.__name__}"):
        yield StoryMoved
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
