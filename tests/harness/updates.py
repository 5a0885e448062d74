"""What an update means: each action as a closure that finds the new value at its path."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.binding import WRONG_OPERAND, Finder, Scope
from tests.harness.errors import invalid
from tests.harness.expressions import (
    Action,
    Add,
    Delete,
    IfNotExists,
    ListAppend,
    Path,
    Placeholder,
    Remove,
    Set,
    Sum,
    Term,
)
from tests.harness.paths import Steps, assign, check_no_overlap, in_order, remove
from tests.harness.values import EXACT, SETS, Item, Number, Value, difference, tag_of, total, union

ABSENT = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
WRONG_CLAUSE_OPERAND = "Incorrect operand type for operator or function; operator: {}, operand type: {}"


@dataclass(frozen=True)
class Update:
    """All actions of an update expression.

    `paths` are those it changes, `attributes` the attributes they begin with. `only_removes` ones do not
    bring an item into being.
    """

    paths: tuple[Steps, ...]
    attributes: frozenset[str]
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
                assign(image, steps, value)
        if exists:
            for steps in reversed(removals):  # later list elements first: the positions of the others hold
                remove(image, steps)
        return image


def update_of(actions: tuple[Action, ...], scope: Scope) -> Update:
    """The meaning of an update's actions. IllegalExpression when two of them meet."""
    changes = sorted(((scope.steps(action.path), _change(action, scope)) for action in actions), key=_place)
    paths = tuple(steps for steps, _ in changes)
    check_no_overlap(paths)
    return Update(
        paths,
        frozenset(str(steps[0]) for steps in paths),
        tuple(changes),
        all(isinstance(action, Remove | Delete) for action in actions),
    )


def _place(change: tuple[Steps, Finder]) -> list[tuple[bool, str, int]]:
    return in_order(change[0])


def _change(action: Action, scope: Scope) -> Finder:
    """How to find the new value at the action's path; None is removal."""
    match action:
        case Remove():
            return lambda *_: None
        case Set(_, value):
            return _sum(value, scope) if isinstance(value, Sum) else _term(value, scope)
        case Add(path, value):
            return _add(scope.finder(path), value, scope)
        case Delete(path, value):
            return _delete(scope.finder(path), value, scope)


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
        case ListAppend(first, second):
            lists = [_operand_of("list_append", "L", operand, scope) for operand in (first, second)]
            return lambda item, values: [element for one in lists for element in one(item, values)]


def _sum(tree: Sum, scope: Scope) -> Finder:
    left = _operand_of(tree.operator, "N", tree.left, scope)
    right = _operand_of(tree.operator, "N", tree.right, scope)
    negate = tree.operator == "-"

    def summed(item: Item, values: Item) -> Value:
        augend, addend = left(item, values), right(item, values)
        return total(augend.amount, EXACT.minus(addend.amount) if negate else addend.amount)

    return summed


def _operand_of(operator_: str, tag: str, term: Term, scope: Scope) -> Callable[[Item, Item], Value]:
    """A term that must be of one type: refused at once as a given value, on evaluation as an attribute."""
    if isinstance(term, Placeholder):
        scope.require(term, (tag,), WRONG_OPERAND.format(operator_, "{0}"))
    operand = _term(term, scope)

    def typed(item: Item, values: Item) -> Value:
        value = operand(item, values)
        if tag_of(value) != tag:
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
    scope.require(placeholder, {"N", *SETS}, WRONG_CLAUSE_OPERAND.format("ADD", "{1}"))

    def sum_or_union(item: Item, values: Item) -> Value:
        before, given = there(item, values), values[name]
        if before is None:
            return given
        if tag_of(before) != tag_of(given):
            raise invalid(WRONG_TYPE)
        if isinstance(given, Number):
            return total(before.amount, given.amount)
        return union(before, given)

    return sum_or_union


def _delete(there: Finder, placeholder: Placeholder, scope: Scope) -> Finder:
    name = scope.value(placeholder)
    scope.require(placeholder, SETS, WRONG_CLAUSE_OPERAND.format("DELETE", "{1}"))

    def rest(item: Item, values: Item) -> Value | None:
        before, given = there(item, values), values[name]
        if before is None:
            return None
        if tag_of(before) != tag_of(given):
            raise invalid(WRONG_TYPE)
        return difference(before, given)

    return rest
