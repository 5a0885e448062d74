"""How the API's document tells refusals: each as a problem (RFC 9457), under its status, with an example."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from common import http
from common.errors import Refusal
from docgen.code import says_first
from docgen.schemas import SCHEMAS

Json = dict[str, Any]

REQUEST_ID = "JKJaXmPLvHcESHA="  # of the form that API Gateway gives

# Of the answers, not of the Python that runs: a later one calls 422 otherwise.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    422: "Unprocessable Entity",
    429: "Too Many Requests",
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
    later = {"headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}} if status in (429, 503) else {}
    return {
        "description": "\n".join(f"- `{kind.__name__}`: {says_first(kind)}" for kind in kinds),
        **later,
        "content": {
            "application/problem+json": {
                "schema": {"$ref": f"{SCHEMAS}Problem"},  # no list of types: a client must live with a new one
                "examples": {name: {"$ref": f"#/components/examples/{name}"} for name in names},
            }
        },
    }


def _status(kind: type[Refusal]) -> int:
    return next((int(status) for parent, status in http.STATUS.items() if issubclass(kind, parent)), 400)


def problem(kind: type[Refusal]) -> Json:
    """As it is answered, with the beginning of its docstring for the detail."""
    status = _status(kind)
    return {
        "type": f"{http.PROBLEMS}{kind.__name__}",
        "title": TITLES[status],
        "status": status,
        "detail": says_first(kind),
        "instance": f"{http.REQUESTS}{REQUEST_ID}",
    }


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
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "Which refusal it is; it never changes. docs/problems has a page of each, and new ones "
                "may come.",
            },
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The same as of the answer."},
            "instance": {
                "type": "string",
                "format": "uri-reference",
                "description": "Of this one request: its last part is the id by which the desk's logs know it.",
            },
            "detail": {"type": "string", "description": "For people."},
            "errors": {
                "type": "array",
                "description": "With `InvalidRequest`: what is wrong where.",
                "items": {
                    "type": "object",
                    "required": ["where", "what"],
                    "properties": {
                        "where": {"type": "string", "description": "The field, or the parameter."},
                        "what": {"type": "string", "description": "What is wrong with it, or what it should be."},
                    },
                },
            },
        },
    },
    "GatewayMessage": {
        "type": "object",
        "description": "What API Gateway itself answers, before the request has come to the desk.",
        "required": ["message"],
        "properties": {"message": {"type": "string", "examples": ["Unauthorized"]}},
    },
}


def _of_api_gateway(description: str, message: str) -> Json:
    schema = {"$ref": f"{SCHEMAS}GatewayMessage"}
    return {
        "description": description,
        "content": {"application/json": {"schema": schema, "example": {"message": message}}},
    }


def too_many(kind: type[Refusal]) -> Json:
    """What the desk answers to one who asks too often, and API Gateway to all together."""
    gateway = OF_API_GATEWAY["TooManyOfAll"]["content"]["application/json"]
    either = {"anyOf": [gateway["schema"], {"$ref": f"{SCHEMAS}Problem"}]}
    return {
        **_problems(429, [kind]),
        "description": f"- `{kind.__name__}`: {says_first(kind)}\n- API Gateway itself, in its own form: more requests "
        "than the desk takes at once, of all who ask. Nothing was done either; it does not say for how long.",
        "content": {
            # A client that does not look at the type of the content reads the first, and has to be able to read both.
            "application/json": {**gateway, "schema": either},
            **_problems(429, [kind])["content"],
        },
    }


# Its answers have fixed bodies. The header `apigw-requestid` has the request's id.
OF_API_GATEWAY = {
    "Unauthorized": _of_api_gateway(
        "No token, or one that the authorizer does not take. API Gateway itself answers this.", "Unauthorized"
    ),
    "TooManyOfAll": _of_api_gateway(
        "More requests than the desk takes at once. API Gateway itself answers this; nothing was done: send the "
        "request again, a little later.",
        "Too Many Requests",
    ),
}
