"""What a condition, a filter or a key condition means: a tree of `expressions` as a closure."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from tests.harness.binding import WRONG_OPERAND, Check, Finder, Scope, Test
from tests.harness.errors import invalid
from tests.harness.expressions import (
    And,
    Between,
    Comparison,
    Condition,
    Function,
    IllegalExpression,
    Membership,
    Not,
    Operand,
    Or,
    Path,
    Placeholder,
)
from tests.harness.values import ORDERED, Item, Number, described, sortable, tag_of

ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
OPERATOR_NAMES: dict[type[Any], str] = {Or: "OR", Not: "NOT", Membership: "IN", Comparison: "<>"}


@dataclass(frozen=True)
class RangeCondition:
    """A condition on a key: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` or `begins_with`, and its placeholders."""

    operator: str
    attribute: str
    values: tuple[str, ...]


def test_of(tree: Condition, scope: Scope) -> Test:
    """Whether an item satisfies the condition."""
    match tree:
        case And(conditions):
            return _all([test_of(condition, scope) for condition in conditions])
        case Or(conditions):
            return reduce(_either, [test_of(condition, scope) for condition in conditions])
        case Not(condition):
            negated = test_of(condition, scope)
            return lambda item, values: not negated(item, values)
        case Comparison():
            return _comparison(tree, scope)
        case Between():
            return _between(tree, scope)
        case Membership(operand, options):
            wanted, offered = _finder(operand, scope), [_finder(option, scope) for option in options]
            return lambda item, values: (
                (value := wanted(item, values)) is not None and any(value == option(item, values) for option in offered)
            )
        case Function():
            return _function(tree, scope)


def _finder(operand: Operand, scope: Scope) -> Finder:
    if isinstance(operand, Path):
        return scope.finder(operand)
    name = scope.value(operand)
    return lambda _, values: values[name]


def _comparison(tree: Comparison, scope: Scope) -> Test:
    left, right = _finder(tree.left, scope), _finder(tree.right, scope)
    _distinct(tree.operator, tree.left, tree.right, scope)
    if tree.operator == "=":
        if isinstance(tree.left, Path) and isinstance(tree.right, Placeholder):  # nearly all there are, in one step
            return _equality(scope.attribute(tree.left), tree.right.name)
        return lambda item, values: (one := left(item, values)) is not None and one == right(item, values)
    if tree.operator == "<>":  # what is not there is different from everything, even from what is not there
        return lambda item, values: (one := left(item, values)) is None or one != right(item, values)
    for operand in (tree.left, tree.right):
        if isinstance(operand, Placeholder):
            _require_ordered(operand, tree.operator, scope)
    holds = ORDERINGS[tree.operator]

    def test(item: Item, values: Item) -> bool:
        one, other = left(item, values), right(item, values)
        if one.__class__ is not other.__class__:
            return False
        if one.__class__ is Number:
            return holds(one.amount, other.amount)
        return isinstance(one, str) and holds(one, other)

    return test


def _equality(attribute: str, placeholder: str) -> Test:
    return lambda item, values: (there := item.get(attribute)) is not None and there == values[placeholder]


def _between(tree: Between, scope: Scope) -> Test:
    at_least = _comparison(Comparison(">=", tree.operand, tree.low), scope)
    at_most = _comparison(Comparison("<=", tree.operand, tree.high), scope)
    if isinstance(tree.low, Placeholder) and isinstance(tree.high, Placeholder):
        scope.checks.append(_ascending(scope, tree.low.name, tree.high.name))
    return lambda item, values: at_least(item, values) and at_most(item, values)


def _ascending(scope: Scope, low_name: str, high_name: str) -> Check:
    def check(values: Item) -> None:
        low, high = values[low_name], values[high_name]
        bounds = (
            f"lower bound operand: AttributeValue: {described(low)}, "
            f"upper bound operand: AttributeValue: {described(high)}"
        )
        if tag_of(low) != tag_of(high):
            raise invalid(
                f"Invalid {scope.kind}: The BETWEEN operator requires same data type for lower and upper bounds; "
                f"{bounds}"
            )
        if sortable(low) > sortable(high):
            raise invalid(
                f"Invalid {scope.kind}: The BETWEEN operator requires upper bound to be greater than or equal to "
                f"lower bound; {bounds}"
            )

    return check


def _function(tree: Function, scope: Scope) -> Test:
    subject = _finder(tree.arguments[0], scope)
    if tree.name == "attribute_exists":
        return lambda item, values: subject(item, values) is not None
    if tree.name == "attribute_not_exists":
        return lambda item, values: subject(item, values) is None
    argument = tree.arguments[1]
    operand = _finder(argument, scope)
    _distinct(tree.name, tree.arguments[0], argument, scope)
    if isinstance(argument, Placeholder):
        scope.require(argument, "S", WRONG_OPERAND.format("begins_with", "{0}"))

    def begins(item: Item, values: Item) -> bool:
        value, prefix = subject(item, values), operand(item, values)
        return isinstance(value, str) and isinstance(prefix, str) and value.startswith(prefix)

    return begins


def _distinct(operator_: str, one: Operand, other: Operand, scope: Scope) -> None:
    if isinstance(one, Path) and isinstance(other, Path) and scope.attribute(one) == scope.attribute(other):
        raise IllegalExpression(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {operator_}, first operand: [{scope.attribute(one)}]"
        )


def _all(tests: list[Test]) -> Test:
    """The first two by themselves: most have no more. A condition on a whole item as it was read has some twenty."""
    one, other, *further = tests
    if not further:
        return lambda item, values: one(item, values) and other(item, values)

    def test(item: Item, values: Item) -> bool:
        for each in tests:  # noqa: SIM110  twice as fast as `all` of a generator
            if not each(item, values):
                return False
        return True

    return test


def _either(one: Test, other: Test) -> Test:
    return lambda item, values: one(item, values) or other(item, values)


def _require_ordered(operand: Placeholder, operator_: str, scope: Scope) -> None:
    scope.require(operand, ORDERED, WRONG_OPERAND.format(operator_, "{0}"))


def range_of(part: Condition, scope: Scope) -> RangeCondition:
    """One part of a key condition. Only what a sorted partition can answer is allowed."""
    match part:
        case Comparison(operator_, Path() as path, Placeholder() as value) if operator_ != "<>":
            return RangeCondition(operator_, scope.attribute(path), (scope.value(value),))
        case Comparison(operator_, Placeholder() as value, Path() as path) if operator_ != "<>":
            return RangeCondition(MIRRORED[operator_], scope.attribute(path), (scope.value(value),))
        case Between(Path() as path, Placeholder() as low, Placeholder() as high):
            scope.checks.append(_ascending(scope, low.name, high.name))
            return RangeCondition("BETWEEN", scope.attribute(path), (scope.value(low), scope.value(high)))
        case Function("begins_with", (Path() as path, Placeholder() as prefix)):
            scope.require(prefix, "S", WRONG_OPERAND.format("begins_with", "{0}"))
            return RangeCondition("begins_with", scope.attribute(path), (scope.value(prefix),))
        case Or() | Not() | Membership() | Function() | Comparison("<>"):
            name = part.name if isinstance(part, Function) else OPERATOR_NAMES[type(part)]
            raise invalid(f"Invalid operator used in KeyConditionExpression: {name}")
        case And():
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        case _:
            raise invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")
