"""What an expression means for an item.

The tree of `expressions`, its `#names` filled in, is turned into closures once for each pair of text
and names, since a program has few of those and calls them for ever: afterwards a condition costs a
microsecond. Items and values are in the kept form of `values`. Everything raises `Refused` with the
message of AWS.
"""

import functools
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.harness import expressions
from tests.harness.errors import invalid
from tests.harness.expressions import (
    Action,
    Add,
    And,
    Between,
    Comparison,
    Condition,
    Delete,
    Function,
    IfNotExists,
    IllegalExpression,
    ListAppend,
    Membership,
    Not,
    Operand,
    Or,
    Path,
    Placeholder,
    Remove,
    Set,
    Size,
    Sum,
    Term,
)
from tests.harness.values import (
    EXACT,
    ORDERED,
    SETS,
    TYPE_NAMES,
    Item,
    Value,
    copied,
    described,
    difference,
    number,
    order_of,
    total,
    union,
)

Steps = tuple[str | int, ...]
Names = tuple[tuple[str, str], ...]
Finder = Callable[[Item, Item], Value | None]
Test = Callable[[Item, Item], bool]
Check = Callable[[Item], None]

ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

ABSENT = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
WRONG_PATH = "The document path provided in the update expression is invalid for update"


@dataclass
class Scope:
    """What binding an expression needs and finds out: `kind` is `ConditionExpression` and the like."""

    kind: str
    names: Mapping[str, str]
    names_used: set[str] = field(default_factory=set)
    values_used: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    checks: list[Check] = field(default_factory=list)

    def steps(self, path: Path) -> Steps:
        """The path with its `#names` replaced."""
        resolved: list[str | int] = []
        for step in path.steps:
            if isinstance(step, str) and step.startswith("#"):
                if step not in self.names:
                    raise IllegalExpression(
                        f"An expression attribute name used in the document path is not defined; attribute name: {step}"
                    )
                self.names_used.add(step)
                step = self.names[step]
            resolved.append(step)
        self.attributes.add(str(resolved[0]))
        return tuple(resolved)

    def value(self, placeholder: Placeholder) -> str:
        self.values_used.add(placeholder.name)
        return placeholder.name

    def require(self, placeholder: Placeholder, types: Iterable[str], complaint: str) -> None:
        """Refuse the request unless the value is of one of the types; `{}` is where its type is named."""
        name, allowed = placeholder.name, frozenset(types)

        def check(values: Item) -> None:
            (tag,) = values[name]
            if tag not in allowed:
                raise invalid(f"Invalid {self.kind}: {complaint.format(tag, TYPE_NAMES[tag])}")

        self.checks.append(check)


@dataclass(frozen=True)
class Bound:
    """What all bound expressions have: the placeholders they use, and checks of the values given."""

    kind: str
    names_used: frozenset[str]
    values_used: frozenset[str]
    attributes: frozenset[str]
    checks: tuple[Check, ...]


AnyBound = TypeVar("AnyBound", bound=Bound)


@dataclass(frozen=True)
class BoundCondition(Bound):
    """A condition or a filter: `holds(item, values)`, with an empty item where there is none."""

    holds: Test


@dataclass(frozen=True)
class RangeCondition:
    """A condition on a sort key: `=`, `<`, `<=`, `>`, `>=`, `BETWEEN` or `begins_with`, and its values."""

    operator: str
    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class BoundKeyCondition(Bound):
    """A key condition: one equality or range for each attribute."""

    ranges: tuple[RangeCondition, ...]


@dataclass(frozen=True)
class BoundProjection(Bound):
    paths: tuple[Steps, ...]

    def projected(self, item: Item) -> Item:
        """The part of the item that the paths name."""
        return parts(item, self.paths)


@dataclass(frozen=True)
class BoundUpdate(Bound):
    """An update: `applied(item, values)` gives the new image. `paths` are those it changes."""

    paths: tuple[Steps, ...]
    changed: frozenset[str]  # the attributes in those paths
    changes: tuple[tuple[Steps, Finder], ...]
    only_removes: bool

    def applied(self, item: Item, values: Item, *, exists: bool) -> Item:
        """The item after the update; every operand is read from the item as it was before.

        Args:
            item: the kept item, or only its key when there is none yet.
            exists: false when there is none: then nothing is wrong with removing from it.
        """
        found = [(steps, value(item, values)) for steps, value in self.changes]
        image = item.copy()
        removals = []
        for steps, value in found:
            if value is None:
                removals.append(steps)
            else:
                _assign(image, steps, value)
        for steps in sorted(removals, key=_position, reverse=True):  # later list elements first: positions hold
            _remove(image, steps, exists=exists)
        return image


@dataclass(frozen=True)
class Plan:
    """All expressions of one request or statement, bound, checked against each other, ready for its values."""

    condition: BoundCondition | None
    filter: BoundCondition | None
    key_condition: BoundKeyCondition | None
    update: BoundUpdate | None
    projection: BoundProjection | None
    values_used: frozenset[str]
    parts: tuple[Bound, ...]

    def check(self, values: Item | None) -> Item:
        """The values to evaluate with. Refuses those that are undefined, unused or of an impossible type."""
        if values is None:
            given = NOTHING
        elif not values:
            raise invalid("ExpressionAttributeValues must not be empty")
        elif not self.parts:
            raise invalid("ExpressionAttributeValues can only be specified when using expressions")
        else:
            given = values
        if self.values_used != given.keys():
            self._refuse(given)
        for part in self.parts:
            for check in part.checks:
                check(given)
        return given

    def _refuse(self, given: Item) -> None:
        for part in self.parts:
            for undefined in sorted(part.values_used - given.keys()):
                raise invalid(
                    f"Invalid {part.kind}: An expression attribute value used in expression is not defined; "
                    f"attribute value: {undefined}"
                )
        unused = ", ".join(sorted(given.keys() - self.values_used))
        raise invalid(f"Value provided in ExpressionAttributeValues unused in expressions: keys: {{{unused}}}")


NOTHING: Item = {}


def planned(request: Mapping[str, Any]) -> Plan:
    """The plan for a request's or a statement's expressions."""
    names = request.get("ExpressionAttributeNames")
    if names is not None and not names:
        raise invalid("ExpressionAttributeNames must not be empty")
    return _plan(
        request.get("ConditionExpression"),
        request.get("FilterExpression"),
        request.get("KeyConditionExpression"),
        request.get("UpdateExpression"),
        request.get("ProjectionExpression"),
        tuple(names.items()) if names else (),
    )


@functools.lru_cache(maxsize=8192)
def _plan(
    condition: str | None,
    filter_: str | None,
    key_condition: str | None,
    update: str | None,
    projection: str | None,
    names: Names,
) -> Plan:
    bound_condition = None if condition is None else _bound_condition(condition, names, "ConditionExpression")
    bound_filter = None if filter_ is None else _bound_condition(filter_, names, "FilterExpression")
    bound_key = None if key_condition is None else _bound_key_condition(key_condition, names)
    bound_update = None if update is None else _bound_update(update, names)
    bound_projection = None if projection is None else _bound_projection(projection, names)
    candidates = (bound_key, bound_update, bound_condition, bound_filter, bound_projection)
    parts_ = tuple(part for part in candidates if part is not None)
    if names and not parts_:
        raise invalid("ExpressionAttributeNames can only be specified when using expressions")
    names_used = frozenset[str]().union(*(part.names_used for part in parts_))
    if unused := dict(names).keys() - names_used:
        raise invalid(
            f"Value provided in ExpressionAttributeNames unused in expressions: keys: {{{', '.join(sorted(unused))}}}"
        )
    values_used = frozenset[str]().union(*(part.values_used for part in parts_))
    return Plan(bound_condition, bound_filter, bound_key, bound_update, bound_projection, values_used, parts_)


def find(item: Item, steps: Steps) -> Value | None:
    """The value at a path, or None."""
    value = item.get(str(steps[0]))
    for step in steps[1:]:
        if value is None:
            return None
        if isinstance(step, str):
            value = value.get("M", {}).get(step)
        else:
            elements = value.get("L", [])
            value = elements[step] if step < len(elements) else None
    return value


def parts(item: Item, paths: Iterable[Steps]) -> Item:
    """Only what the paths name, each in its place; list elements close up in their order."""
    chosen: dict[Any, Any] = {}
    for steps in sorted(paths, key=_position):
        value = find(item, steps)
        if value is not None:
            branch = chosen
            for step in steps[:-1]:
                branch = branch.setdefault(step, {})
            branch[steps[-1]] = _Leaf(copied(value))
    return {name: _assembled(branch) for name, branch in chosen.items()}


class _Leaf:
    def __init__(self, value: Value) -> None:
        self.value = value


def _assembled(branch: Any) -> Value:
    if isinstance(branch, _Leaf):
        return branch.value
    if all(isinstance(step, int) for step in branch):
        return {"L": [_assembled(branch[step]) for step in sorted(branch)]}
    return {"M": {step: _assembled(deeper) for step, deeper in branch.items()}}


def _position(steps: Steps) -> list[tuple[bool, str, int]]:
    """Orders paths: names by name, list elements by number."""
    return [(True, "", step) if isinstance(step, int) else (False, step, 0) for step in steps]


def _assign(image: Item, steps: Steps, value: Value) -> None:
    """Put a value at a path; everything above it is copied, for the image before is kept."""
    name = str(steps[0])
    image[name] = value if len(steps) == 1 else _with(image.get(name), steps[1:], value)


def _with(container: Value | None, steps: Steps, value: Value) -> Value:
    step, deeper = steps[0], steps[1:]
    if isinstance(step, str):
        if container is None or "M" not in container:
            raise invalid(WRONG_PATH)
        document = dict(container["M"])
        document[step] = _with(document.get(step), deeper, value) if deeper else value
        return {"M": document}
    if container is None or "L" not in container:
        raise invalid(WRONG_PATH)
    elements = list(container["L"])
    if step < len(elements):
        elements[step] = _with(elements[step], deeper, value) if deeper else value
    elif deeper:
        raise invalid(WRONG_PATH)
    else:
        elements.append(value)
    return {"L": elements}


def _remove(image: Item, steps: Steps, *, exists: bool) -> None:
    name = str(steps[0])
    if len(steps) == 1:
        image.pop(name, None)
    elif exists:
        image[name] = _without(image.get(name), steps[1:])


def _without(container: Value | None, steps: Steps) -> Value:
    step, deeper = steps[0], steps[1:]
    if isinstance(step, str):
        if container is None or "M" not in container:
            raise invalid(WRONG_PATH)
        document = dict(container["M"])
        if deeper:
            document[step] = _without(document.get(step), deeper)
        else:
            document.pop(step, None)
        return {"M": document}
    if container is None or "L" not in container:
        raise invalid(WRONG_PATH)
    elements = list(container["L"])
    if deeper:
        if step >= len(elements):
            raise invalid(WRONG_PATH)
        elements[step] = _without(elements[step], deeper)
    elif step < len(elements):
        del elements[step]
    return {"L": elements}


def _legal(kind: str, bind: Callable[[Scope], AnyBound], names: Names) -> AnyBound:
    """Bind within a scope; what the grammar refuses becomes AWS's ValidationException."""
    try:
        return bind(Scope(kind, dict(names)))
    except IllegalExpression as illegal:
        raise invalid(f"Invalid {kind}: {illegal}") from illegal


def _found(scope: Scope) -> dict[str, Any]:
    return {
        "kind": scope.kind,
        "names_used": frozenset(scope.names_used),
        "values_used": frozenset(scope.values_used),
        "attributes": frozenset(scope.attributes),
        "checks": tuple(scope.checks),
    }


def _bound_condition(text: str, names: Names, kind: str) -> BoundCondition:
    def bind(scope: Scope) -> BoundCondition:
        holds = _test(expressions.condition(text), scope)
        return BoundCondition(**_found(scope), holds=holds)

    return _legal(kind, bind, names)


def _bound_projection(text: str, names: Names) -> BoundProjection:
    def bind(scope: Scope) -> BoundProjection:
        paths = tuple(map(scope.steps, expressions.projection(text)))
        _no_overlap(paths)
        return BoundProjection(**_found(scope), paths=paths)

    return _legal("ProjectionExpression", bind, names)


def _bound_update(text: str, names: Names) -> BoundUpdate:
    def bind(scope: Scope) -> BoundUpdate:
        actions = expressions.update(text)
        changes = [(scope.steps(action.path), _change(action, scope)) for action in actions]
        _no_overlap([steps for steps, _ in changes])
        return BoundUpdate(
            **_found(scope),
            paths=tuple(steps for steps, _ in changes),
            changed=frozenset(str(steps[0]) for steps, _ in changes),
            changes=tuple(sorted(changes, key=lambda change: _position(change[0]))),
            only_removes=all(isinstance(action, Remove | Delete) for action in actions),
        )

    return _legal("UpdateExpression", bind, names)


def _bound_key_condition(text: str, names: Names) -> BoundKeyCondition:
    def bind(scope: Scope) -> BoundKeyCondition:
        tree = expressions.condition(text)
        ranges = tuple(_range(part, scope) for part in (tree.conditions if isinstance(tree, And) else (tree,)))
        if len({one.attribute for one in ranges}) < len(ranges):
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        return BoundKeyCondition(**_found(scope), ranges=ranges)

    return _legal("KeyConditionExpression", bind, names)


def _no_overlap(paths: Iterable[Steps]) -> None:
    paths = sorted(paths, key=_position)
    for number_, one in enumerate(paths):
        for other in paths[number_ + 1 :]:
            same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
            if same is None:
                problem = "overlap"
            elif isinstance(one[same], int) is not isinstance(other[same], int):
                problem = "conflict"
            else:
                continue
            raise IllegalExpression(
                f"Two document paths {problem} with each other; must remove or rewrite one of these paths; "
                f"path one: {_written(one)}, path two: {_written(other)}"
            )


def _written(steps: Steps) -> str:
    """A path as AWS prints it: `[a, b, [0]]`."""
    return f"[{', '.join(step if isinstance(step, str) else f'[{step}]' for step in steps)}]"


# Conditions


def _test(tree: Condition, scope: Scope) -> Test:
    match tree:
        case And(conditions):
            tests = [_test(condition, scope) for condition in conditions]
            return lambda item, values: all(test(item, values) for test in tests)
        case Or(conditions):
            tests = [_test(condition, scope) for condition in conditions]
            return lambda item, values: any(test(item, values) for test in tests)
        case Not(condition):
            negated = _test(condition, scope)
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
    match operand:
        case Path():
            return _path_finder(scope.steps(operand))
        case Placeholder():
            name = scope.value(operand)
            return lambda _, values: values[name]
        case Size(path):
            measured = _path_finder(scope.steps(path))
            return lambda item, values: _length(measured(item, values))


def _path_finder(steps: Steps) -> Finder:
    if len(steps) == 1:
        name = str(steps[0])
        return lambda item, _: item.get(name)
    return lambda item, _: find(item, steps)


def _length(value: Value | None) -> Value | None:
    """`size(path)`: characters, bytes or elements; nothing for a value that has no length."""
    if value is None:
        return None
    ((tag, content),) = value.items()
    return None if tag in ("N", "BOOL", "NULL") else {"N": str(len(content))}


def _comparison(tree: Comparison, scope: Scope) -> Test:
    left, right = _finder(tree.left, scope), _finder(tree.right, scope)
    _distinct(tree.operator, tree.left, tree.right, scope)
    if tree.operator == "=":
        return lambda item, values: (one := left(item, values)) is not None and one == right(item, values)
    if tree.operator == "<>":  # what is not there is different from everything, even from what is not there
        return lambda item, values: (one := left(item, values)) is None or one != right(item, values)
    for operand in (tree.left, tree.right):
        if isinstance(operand, Placeholder):
            _require_ordered(operand, tree.operator, scope)
    holds = ORDERINGS[tree.operator]

    def test(item: Item, values: Item) -> bool:
        one, other = left(item, values), right(item, values)
        if one is None or other is None:
            return False
        (tag, content), (other_tag, other_content) = order_of(one), order_of(other)
        return tag == other_tag and tag in ORDERED and holds(content, other_content)

    return test


def _between(tree: Between, scope: Scope) -> Test:
    at_least = _comparison(Comparison(">=", tree.operand, tree.low), scope)
    at_most = _comparison(Comparison("<=", tree.operand, tree.high), scope)
    if isinstance(tree.low, Placeholder) and isinstance(tree.high, Placeholder):
        scope.checks.append(_ascending(scope, tree.low.name, tree.high.name))
    return lambda item, values: at_least(item, values) and at_most(item, values)


def _ascending(scope: Scope, low_name: str, high_name: str) -> Check:
    def check(values: Item) -> None:
        low, high = values[low_name], values[high_name]
        (low_tag, low_content), (high_tag, high_content) = order_of(low), order_of(high)
        bounds = (
            f"lower bound operand: AttributeValue: {described(low)}, "
            f"upper bound operand: AttributeValue: {described(high)}"
        )
        if low_tag != high_tag:
            raise invalid(
                f"Invalid {scope.kind}: The BETWEEN operator requires same data type for lower and upper bounds; "
                f"{bounds}"
            )
        if low_content > high_content:
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
    if tree.name == "attribute_type":
        return _attribute_type(subject, argument, scope)
    if tree.name == "begins_with":
        if isinstance(argument, Placeholder):
            scope.require(argument, "SB", INCORRECT_FUNCTION_OPERAND.format("begins_with", "{0}"))
        return lambda item, values: _begins_with(subject(item, values), operand(item, values))
    return lambda item, values: _contains(subject(item, values), operand(item, values))


def _attribute_type(subject: Finder, argument: Operand, scope: Scope) -> Test:
    if not isinstance(argument, Placeholder):
        raise IllegalExpression(INCORRECT_FUNCTION_OPERAND.format("attribute_type", "path"))
    name = argument.name
    scope.require(argument, "S", INCORRECT_FUNCTION_OPERAND.format("attribute_type", "{0}"))

    def check(values: Item) -> None:
        if values[name]["S"] not in TYPE_NAMES:
            raise invalid(
                f"Invalid {scope.kind}: Invalid attribute type name found; type: {values[name]['S']}, "
                f"valid types: {{{','.join(TYPE_NAMES)}}}"
            )

    scope.checks.append(check)
    return lambda item, values: (value := subject(item, values)) is not None and values[name]["S"] in value


def _begins_with(value: Value | None, prefix: Value | None) -> bool:
    if value is None or prefix is None:
        return False
    ((tag, content),) = value.items()
    return tag in ("S", "B") and tag in prefix and bool(content.startswith(prefix[tag]))


def _contains(value: Value | None, element: Value | None) -> bool:
    if value is None or element is None:
        return False
    ((tag, content),) = value.items()
    if tag in SETS:
        return tag[0] in element and element[tag[0]] in content
    if tag == "L":
        return element in content
    return tag in ("S", "B") and tag in element and element[tag] in content


def _distinct(operator_: str, one: Operand, other: Operand, scope: Scope) -> None:
    if isinstance(one, Path) and isinstance(other, Path) and scope.steps(one) == scope.steps(other):
        raise IllegalExpression(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {operator_}, first operand: {_written(scope.steps(one))}"
        )


INCORRECT_FUNCTION_OPERAND = (
    "Incorrect operand type for operator or function; operator or function: {}, operand type: {}"
)


def _require_ordered(operand: Placeholder, operator_: str, scope: Scope) -> None:
    scope.require(operand, ORDERED, INCORRECT_FUNCTION_OPERAND.format(operator_, "{0}"))


def _range(part: Condition, scope: Scope) -> RangeCondition:
    """One part of a key condition. Only what a sorted partition can answer is allowed."""
    match part:
        case Comparison(operator_, Path() as path, Placeholder() as value) if operator_ != "<>":
            return RangeCondition(operator_, _key_attribute(path, scope), (scope.value(value),))
        case Comparison(operator_, Placeholder() as value, Path() as path) if operator_ != "<>":
            return RangeCondition(MIRRORED[operator_], _key_attribute(path, scope), (scope.value(value),))
        case Between(Path() as path, Placeholder() as low, Placeholder() as high):
            scope.checks.append(_ascending(scope, low.name, high.name))
            return RangeCondition("BETWEEN", _key_attribute(path, scope), (scope.value(low), scope.value(high)))
        case Function("begins_with", (Path() as path, Placeholder() as prefix)):
            scope.require(prefix, "SB", INCORRECT_FUNCTION_OPERAND.format("begins_with", "{0}"))
            return RangeCondition("begins_with", _key_attribute(path, scope), (scope.value(prefix),))
        case Or() | Not() | Membership() | Function() | Comparison("<>"):
            name = part.name if isinstance(part, Function) else OPERATOR_NAMES[type(part)]
            raise invalid(f"Invalid operator used in KeyConditionExpression: {name}")
        case And():
            raise invalid("KeyConditionExpressions must only contain one condition per key")
        case _:
            raise invalid("Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition")


OPERATOR_NAMES: dict[type[Any], str] = {Or: "OR", Not: "NOT", Membership: "IN", Comparison: "<>"}


def _key_attribute(path: Path, scope: Scope) -> str:
    steps = scope.steps(path)
    if len(steps) > 1:
        raise IllegalExpression("KeyConditionExpressions cannot have conditions on nested attributes")
    return str(steps[0])


# Updates


def _change(action: Action, scope: Scope) -> Finder:
    """How to find the new value at the action's path; None is removal."""
    match action:
        case Remove():
            return lambda *_: None
        case Set(_, value):
            return _sum(value, scope) if isinstance(value, Sum) else _term(value, scope)
        case Add(path, value):
            return _add(_path_finder(scope.steps(path)), value, scope)
        case Delete(path, value):
            return _delete(_path_finder(scope.steps(path)), value, scope)


def _term(term: Term, scope: Scope) -> Finder:
    match term:
        case Placeholder():
            name = scope.value(term)
            return lambda _, values: values[name]
        case Path():
            return _present(_path_finder(scope.steps(term)))
        case IfNotExists(path, otherwise):
            there, fallback = _path_finder(scope.steps(path)), _term(otherwise, scope)
            return lambda item, values: value if (value := there(item, values)) is not None else fallback(item, values)
        case ListAppend(first, second):
            lists = [_operand_of("list_append", "L", operand, scope) for operand in (first, second)]
            return lambda item, values: {"L": [element for one in lists for element in one(item, values)["L"]]}


def _sum(tree: Sum, scope: Scope) -> Finder:
    left = _operand_of(tree.operator, "N", tree.left, scope)
    right = _operand_of(tree.operator, "N", tree.right, scope)
    negate = tree.operator == "-"

    def summed(item: Item, values: Item) -> Value:
        augend, addend = number(left(item, values)["N"]).amount, number(right(item, values)["N"]).amount
        return total(augend, EXACT.minus(addend) if negate else addend)

    return summed


def _operand_of(operator_: str, tag: str, term: Term, scope: Scope) -> Callable[[Item, Item], Value]:
    """A term that must be of one type: refused at once as a given value, on evaluation as an attribute."""
    if isinstance(term, Placeholder):
        scope.require(term, (tag,), INCORRECT_FUNCTION_OPERAND.format(operator_, "{0}"))
    operand = _term(term, scope)

    def typed(item: Item, values: Item) -> Value:
        value = operand(item, values)
        if value is None or tag not in value:
            raise invalid(WRONG_TYPE)
        return value

    return typed


def _present(finder: Finder) -> Finder:
    def value(item: Item, values: Item) -> Value:
        found = finder(item, values)
        if found is None:
            raise invalid(ABSENT)
        return found

    return value


def _add(there: Finder, placeholder: Placeholder, scope: Scope) -> Finder:
    name = scope.value(placeholder)
    scope.require(placeholder, {"N", *SETS}, CLAUSE_OPERAND.format("ADD", "{1}"))

    def sum_or_union(item: Item, values: Item) -> Value:
        before, given = there(item, values), values[name]
        if before is None:
            return given
        (tag,) = given
        if tag not in before:
            raise invalid(WRONG_TYPE)
        if tag == "N":
            return total(number(before["N"]).amount, number(given["N"]).amount)
        return union(before, given)

    return sum_or_union


def _delete(there: Finder, placeholder: Placeholder, scope: Scope) -> Finder:
    name = scope.value(placeholder)
    scope.require(placeholder, SETS, CLAUSE_OPERAND.format("DELETE", "{1}"))

    def rest(item: Item, values: Item) -> Value | None:
        before, given = there(item, values), values[name]
        if before is None:
            return None
        if before.keys() != given.keys():
            raise invalid(WRONG_TYPE)
        return difference(before, given)

    return rest


CLAUSE_OPERAND = "Incorrect operand type for operator or function; operator: {}, operand type: {}"
