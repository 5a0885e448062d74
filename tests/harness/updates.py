"""What an update means: each action as a closure that finds the new value at its path."""

from dataclasses import dataclass

from tests.harness.binding import WRONG_OPERAND, Finder, Scope
from tests.harness.errors import invalid
from tests.harness.expressions import (
    Action,
    Add,
    IfNotExists,
    IllegalExpression,
    Path,
    Placeholder,
    Remove,
    Set,
    Sum,
    Term,
)
from tests.harness.values import EXACT, Item, Value, tag_of, total

ABSENT = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
WRONG_CLAUSE_OPERAND = "Incorrect operand type for operator or function; operator: {}, operand type: {}"


@dataclass(frozen=True)
class Update:
    """All actions of an update expression, and the attributes they change. `only_removes` ones do not bring an item
    into being."""

    attributes: frozenset[str]
    changes: tuple[tuple[str, Finder], ...]
    only_removes: bool

    def applied(self, item: Item, values: Item) -> Item:
        """The item (or only its key, when there is none yet) after the update. Every operand is read from the item as
        it was before."""
        image = item.copy()
        for name, find in self.changes:
            if (value := find(item, values)) is None:
                image.pop(name, None)
            else:
                image[name] = value
        return image


def update_of(actions: tuple[Action, ...], scope: Scope) -> Update:
    """The meaning of an update's actions. IllegalExpression when two of them meet."""
    changes: dict[str, Finder] = {}
    for action in actions:
        name = scope.attribute(action.path)
        if name in changes:
            raise IllegalExpression(
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                f"path one: [{name}], path two: [{name}]"
            )
        changes[name] = _change(action, scope)
    return Update(frozenset(changes), tuple(changes.items()), all(isinstance(action, Remove) for action in actions))


def _change(action: Action, scope: Scope) -> Finder:
    """How to find the new value at the action's path; None is removal."""
    match action:
        case Remove():
            return lambda *_: None
        case Set(_, value):
            return _sum(value, scope) if isinstance(value, Sum) else _term(value, scope)
        case Add(path, value):
            return _add(scope.finder(path), value, scope)


def _term(term: Term, scope: Scope) -> Finder:
    match term:
        case Placeholder():
            name = scope.value(term)
            return lambda _, values: values[name]
        case Path():
            return _present(scope.finder(term))
        case IfNotExists(path, otherwise):
            there, fallback = scope.finder(path), _term(otherwise, scope)
            return lambda item, values: value if (value := there(item, values)) is not None else fallback(item, values)


def _sum(tree: Sum, scope: Scope) -> Finder:
    left, right = _number(tree.operator, tree.left, scope), _number(tree.operator, tree.right, scope)
    negate = tree.operator == "-"

    def summed(item: Item, values: Item) -> Value:
        augend, addend = left(item, values), right(item, values)
        return total(augend.amount, EXACT.minus(addend.amount) if negate else addend.amount)

    return summed


def _number(operator_: str, term: Term, scope: Scope) -> Finder:
    """A term that must be a number: refused at once as a given value, on evaluation as an attribute."""
    if isinstance(term, Placeholder):
        scope.require(term, "N", WRONG_OPERAND.format(operator_, "{0}"))
    operand = _term(term, scope)

    def typed(item: Item, values: Item) -> Value:
        value = operand(item, values)
        if tag_of(value) != "N":
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
    scope.require(placeholder, "N", WRONG_CLAUSE_OPERAND.format("ADD", "{1}"))

    def summed(item: Item, values: Item) -> Value:
        before, given = there(item, values), values[name]
        if before is None:
            return given
        if tag_of(before) != "N":
            raise invalid(WRONG_TYPE)
        return total(before.amount, given.amount)

    return summed
