"""How the API's document tells refusals: each as a problem (RFC 9457), under its status, with an example."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from common import http
from common.errors import Refusal
from docgen.code import says_first

Json = dict[str, Any]

SCHEMAS = "#/components/schemas/"

# Of the answers, not of the Python that runs: a later one calls 422 otherwise.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    422: "Unprocessable Entity",
    503: "Service Unavailable",
}


def refused(refusals: Sequence[type[Refusal]]) -> Json:
    """The responses of an operation that may refuse so, by status."""
    by_status: dict[int, list[type[Refusal]]] = defaultdict(list)
    for refusal in sorted(set(refusals), key=lambda kind: kind.__name__):
        by_status[_status(refusal)].append(refusal)
    return {str(status): _problems(status, kinds) for status, kinds in by_status.items()}


def _problems(status: int, kinds: Sequence[type[Refusal]]) -> Json:
    names = [kind.__name__ for kind in kinds]
    later = {"headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}} if status == 503 else {}
    return {
        "description": "\n".join(f"- `{kind.__name__}`: {says_first(kind)}" for kind in kinds),
        **later,
        "content": {
            "application/problem+json": {
                "schema": {"allOf": [{"$ref": f"{SCHEMAS}Problem"}, {"properties": {"type": {"enum": names}}}]},
                "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in names},
            }
        },
    }


def _status(kind: type[Refusal]) -> int:
    return next((int(status) for parent, status in http.STATUS.items() if issubclass(kind, parent)), 400)


def problem(kind: type[Refusal]) -> Json:
    """As it is answered, with the beginning of its docstring for the detail."""
    status = _status(kind)
    return {"type": kind.__name__, "title": TITLES[status], "status": status, "detail": says_first(kind)}


HEADERS = {
    "Idempotent-Replayed": {
        "description": "`true`: this was done before, and this is the answer of that time.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string", "pattern": "^[0-9]+$"}},
}

PROBLEM_SCHEMAS: dict[str, Json] = {
    "Problem": {
        "type": "object",
        "description": "Why a request was refused (RFC 9457). Further members are the facts, for a program.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "description": "Which refusal it is; it never changes."},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string", "description": "For people."},
            "errors": {
                "type": "array",
                "description": "With `InvalidRequest`: what is wrong where.",
                "items": {
                    "type": "object",
                    "required": ["where", "what"],
                    "properties": {"where": {"type": "string"}, "what": {"type": "string"}},
                },
            },
        },
    },
    "Unauthorized": {
        "type": "object",
        "required": ["message"],
        "properties": {"message": {"type": "string", "examples": ["Unauthorized"]}},
    },
}

UNAUTHORIZED = {
    "description": "No token, or one that the authorizer does not take. API Gateway itself answers this.",
    "content": {"application/json": {"schema": {"$ref": f"{SCHEMAS}Unauthorized"}}},
}
