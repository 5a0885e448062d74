"""Binding: an expression's tree meets the request's names, and becomes something that can be evaluated.

A `Scope` is what one expression is bound in. Evaluation is by closures over (item, values), both in the kept
form of `values`; there is an empty item where there is none.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tests.harness.errors import invalid
from tests.harness.expressions import IllegalExpression, Path, Placeholder
from tests.harness.paths import Steps, find
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
        """What looks up the path's value in an item; None where there is none."""
        steps = self.steps(path)
        if len(steps) == 1:
            name = str(steps[0])
            return lambda item, _: item.get(name)
        return lambda item, _: find(item, steps)
