"""The form of requests: which members an operation knows and needs, before anything is looked at.

On AWS botocore refuses these with ParamValidationError, and nothing is sent.
"""

import functools
from collections.abc import Mapping
from typing import Any

from tests.harness import errors
from tests.harness.errors import invalid, malformed

Request = Mapping[str, Any]
Members = tuple[frozenset[str], frozenset[str]]  # known, needed

NOT_PLAYED = frozenset(
    [
        *("AttributesToGet", "AttributeUpdates", "ConditionalOperator", "Expected", "KeyConditions", "QueryFilter"),
        *("ScanFilter", "ProjectionExpression", "ReturnConsumedCapacity", "ReturnItemCollectionMetrics"),
        *("ReturnValues", "Segment", "Select", "TotalSegments"),
    ]
)


def check_members(operation: str, request: Request) -> None:
    """Refuse unknown and missing arguments of an operation, and those that are not played here."""
    if (operation, *request) in _well_formed:
        return
    known, needed = _members(operation)
    if not (request.keys() <= known and needed <= request.keys()):
        _refuse("input", request, known, needed)
    if not NOT_PLAYED.isdisjoint(request):
        raise NotImplementedError(f"{operation} with {sorted(NOT_PLAYED & request.keys())}")
    _well_formed.add((operation, *request))


def transaction_statement(body: Request) -> tuple[str, Request]:
    """The one statement of a member of TransactItems: its kind and its arguments, their form checked."""
    if len(body) != 1:
        raise invalid("TransactItems can only contain one of Check, Put, Update or Delete")
    for statement in body.items():
        kind, content = statement
        if (kind, *content) not in _well_formed:
            _check_statement(kind, content)
            _well_formed.add((kind, *content))
    return statement


_well_formed: set[tuple[str, ...]] = set()  # operations or kinds, and members, that were looked at before


def _check_statement(kind: str, content: Request) -> None:
    shapes = _statement_members()
    if kind not in shapes:
        raise malformed(f'Unknown parameter in input: "{kind}", must be one of: {", ".join(shapes)}')
    known, needed = shapes[kind]
    if not (content.keys() <= known and needed <= content.keys()):
        _refuse(kind, content, known, needed)


@functools.cache
def _members(operation: str) -> Members:
    shape = errors.members(operation)
    return frozenset(shape.members), frozenset(shape.required_members)


@functools.cache
def _statement_members() -> dict[str, Members]:
    shape: Any = errors.service_model().shape_for("TransactWriteItem")
    return {name: (frozenset(one.members), frozenset(one.required_members)) for name, one in shape.members.items()}


def _refuse(where: str, request: Request, known: frozenset[str], needed: frozenset[str]) -> None:
    report = [f'Missing required parameter in {where}: "{member}"' for member in sorted(needed - request.keys())]
    report += [
        f'Unknown parameter in {where}: "{member}", must be one of: {", ".join(sorted(known))}'
        for member in sorted(request.keys() - known)
    ]
    raise malformed("\n".join(report))
