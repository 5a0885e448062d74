"""Binding: an expression's tree meets the request's names, and becomes something that can be evaluated.

A `Scope` is what one expression is bound in. Evaluation is by closures over (item, values), both in the kept
form of `values`; there is an empty item where there is none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.harness.errors import invalid
from tests.harness.expressions import IllegalExpression, Path, Placeholder
from tests.harness.values import TYPE_NAMES, Item, Value, tag_of

Finder = Callable[[Item, Item], Value]  # None where there is no value
Test = Callable[[Item, Item], bool]
Check = Callable[[Item], None]

WRONG_OPERAND = "Incorrect operand type for operator or function; operator or function: {}, operand type: {}"


@dataclass
class Scope:
    """What binding an expression needs and finds out: `kind` is `ConditionExpression` and the like."""

    kind: str
    names: Mapping[str, str]
    names_used: set[str] = field(default_factory=set)
    values_used: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    checks: list[Check] = field(default_factory=list)

    def attribute(self, path: Path) -> str:
        """The attribute's own name."""
        name = path.name
        if name.startswith("#"):
            if name not in self.names:
                raise IllegalExpression(
                    f"An expression attribute name used in the document path is not defined; attribute name: {name}"
                )
            self.names_used.add(name)
            name = self.names[name]
        self.attributes.add(name)
        return name

    def value(self, placeholder: Placeholder) -> str:
        """The placeholder's name, which must then be among the values."""
        self.values_used.add(placeholder.name)
        return placeholder.name

    def require(self, placeholder: Placeholder, types: Iterable[str], complaint: str) -> None:
        """Refuse the request unless the value is of one of the types; `{0}` or `{1}` is where its type is named."""
        name, allowed = placeholder.name, frozenset(types)

        def check(values: Item) -> None:
            tag = tag_of(values[name])
            if tag not in allowed:
                raise invalid(f"Invalid {self.kind}: {complaint.format(tag, TYPE_NAMES[tag])}")

        self.checks.append(check)

    def finder(self, path: Path) -> Finder:
        """What looks up the attribute in an item; None where there is none."""
        name = self.attribute(path)
        return lambda item, _: item.get(name)
