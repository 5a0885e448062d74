"""All expressions of one request, bound and checked together, once for each wording.

A program has few wordings and uses them for ever: afterwards a condition costs a microsecond or two.
Everything raises `Refused` with AWS's message.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.harness import expressions
from tests.harness.binding import Check, Scope, Test
from tests.harness.conditions import RangeCondition, range_of, test_of
from tests.harness.errors import invalid
from tests.harness.expressions import And, IllegalExpression
from tests.harness.updates import Update, update_of
from tests.harness.values import Item

Names = tuple[tuple[str, str], ...]
Meaning = TypeVar("Meaning")
NOTHING: Item = {}  # the item, or the values, where there are none


@dataclass(frozen=True)
class Bound(Generic[Meaning]):
    """One expression of a request, its names filled in.

    `attributes` are those its paths begin with, `checks` refuse values of impossible types.
    """

    kind: str
    meaning: Meaning
    names_used: frozenset[str]
    values_used: frozenset[str]
    attributes: frozenset[str]
    checks: tuple[Check, ...]


@dataclass(frozen=True, eq=False)
class Plan:
    """The expressions of one request or statement. The same wording gives the same plan."""

    condition: Bound[Test] | None
    filter: Bound[Test] | None
    key_condition: Bound[tuple[RangeCondition, ...]] | None
    update: Bound[Update] | None

    @functools.cached_property
    def parts(self) -> tuple[Bound[Any], ...]:
        bound = (self.key_condition, self.update, self.condition, self.filter)
        return tuple(part for part in bound if part)

    @functools.cached_property
    def values_used(self) -> frozenset[str]:
        return frozenset().union(*(part.values_used for part in self.parts))

    @functools.cached_property
    def checks(self) -> tuple[Check, ...]:
        return tuple(check for part in self.parts for check in part.checks)

    def check(self, values: Item | None) -> Item:
        """The values to evaluate with. Refuses those that are undefined, unused or of an impossible type."""
        if values is None:
            values = NOTHING
        elif not values:
            raise invalid("ExpressionAttributeValues must not be empty")
        elif not self.parts:
            raise invalid("ExpressionAttributeValues can only be specified when using expressions")
        if self.values_used != values.keys():
            self._refuse(values)
        for check in self.checks:
            check(values)
        return values

    def _refuse(self, values: Item) -> None:
        for part in self.parts:
            for undefined in sorted(part.values_used - values.keys()):
                raise invalid(
                    f"Invalid {part.kind}: An expression attribute value used in expression is not defined; "
                    f"attribute value: {undefined}"
                )
        unused = ", ".join(sorted(values.keys() - self.values_used))
        raise invalid(f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{unused}}}")


def planned(request: Mapping[str, Any]) -> Plan:
    """The plan for a request's or a statement's expressions. Refuses names that are undefined or unused."""
    names = request.get("ExpressionAttributeNames")
    if names is not None and not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    get = request.get
    return _plan(
        get("ConditionExpression"),
        get("FilterExpression"),
        get("KeyConditionExpression"),
        get("UpdateExpression"),
        tuple(names.items()) if names else (),
    )


@functools.lru_cache(maxsize=8192)
def _plan(
    condition: str | None,
    filter_: str | None,
    key_condition: str | None,
    update: str | None,
    names: Names,
) -> Plan:
    plan = Plan(
        _bound("ConditionExpression", condition, names, _test),
        _bound("FilterExpression", filter_, names, _test),
        _bound("KeyConditionExpression", key_condition, names, _ranges),
        _bound("UpdateExpression", update, names, lambda text, scope: update_of(expressions.update(text), scope)),
    )
    if names and not plan.parts:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    names_used: frozenset[str] = frozenset().union(*(part.names_used for part in plan.parts))
    if unused := dict(names).keys() - names_used:
        raise invalid(
            f"Value provided in ExpressionAttributeNames unused in expressions: keys: {{{', '.join(sorted(unused))}}}"
        )
    return plan


def _bound(
    kind: str, text: str | None, names: Names, meaning: Callable[[str, Scope], Meaning]
) -> Bound[Meaning] | None:
    if text is None:
        return None
    scope = Scope(kind, dict(names))
    try:
        meant = meaning(text, scope)
    except IllegalExpression as illegal:
        raise invalid(f"Invalid {kind}: {illegal}") from illegal
    return Bound(
        kind,
        meant,
        frozenset(scope.names_used),
        frozenset(scope.values_used),
        frozenset(scope.attributes),
        tuple(scope.checks),
    )


def _test(text: str, scope: Scope) -> Test:
    return test_of(expressions.condition(text), scope)


def _ranges(text: str, scope: Scope) -> tuple[RangeCondition, ...]:
    tree = expressions.condition(text)
    ranges = tuple(range_of(part, scope) for part in (tree.conditions if isinstance(tree, And) else (tree,)))
    if len({one.attribute for one in ranges}) < len(ranges):
        raise invalid("KeyConditionExpressions must only contain one condition per key")
    return ranges
