"""Paths into an item: find, take out, put, remove.

A path is its steps: an attribute's name, then names in maps and positions in lists. Items are in the kept
form of `values`; what is changed is copied on the way down, for the image before is kept.
"""

from collections.abc import Iterable
from typing import Any

from tests.harness.errors import invalid
from tests.harness.expressions import IllegalExpression
from tests.harness.values import Item, Value

Steps = tuple[str | int, ...]

WRONG_PATH = "The document path provided in the update expression is invalid for update"


def find(item: Item, steps: Steps) -> Value | None:
    """The value at a path, or None."""
    value = item.get(str(steps[0]))
    for step in steps[1:]:
        if value is None:
            return None
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


def parts(item: Item, paths: Iterable[Steps]) -> Item:
    """Only what the paths name, each in its place; list elements close up in their order."""
    chosen: dict[Any, Any] = {}
    for steps in sorted(paths, key=in_order):
        value = find(item, steps)
        if value is not None:
            branch = chosen
            for step in steps[:-1]:
                branch = branch.setdefault(step, {})
            branch[steps[-1]] = _Leaf(value)
    return {name: _assembled(branch) for name, branch in chosen.items()}


class _Leaf:
    def __init__(self, value: Value) -> None:
        self.value = value


def _assembled(branch: Any) -> Value:
    if isinstance(branch, _Leaf):
        return branch.value
    if all(isinstance(step, int) for step in branch):
        return [_assembled(branch[step]) for step in sorted(branch)]
    return {step: _assembled(deeper) for step, deeper in branch.items()}


def in_order(steps: Steps) -> list[tuple[bool, str, int]]:
    """Orders paths: names by name, list elements by number."""
    return [(True, "", step) if isinstance(step, int) else (False, step, 0) for step in steps]


def assign(image: Item, steps: Steps, value: Value) -> None:
    """Put a value at a path; everything above it is copied, for the image before is kept."""
    name = str(steps[0])
    image[name] = value if len(steps) == 1 else _with(image.get(name), steps[1:], value)


def _with(container: Value | None, steps: Steps, value: Value) -> Value:
    step, deeper = steps[0], steps[1:]
    if isinstance(step, str):
        if not isinstance(container, dict):
            raise invalid(WRONG_PATH)
        document = container.copy()
        document[step] = _with(document.get(step), deeper, value) if deeper else value
        return document
    if not isinstance(container, list):
        raise invalid(WRONG_PATH)
    elements = container.copy()
    if step < len(elements):
        elements[step] = _with(elements[step], deeper, value) if deeper else value
    elif deeper:
        raise invalid(WRONG_PATH)
    else:
        elements.append(value)
    return elements


def remove(image: Item, steps: Steps) -> None:
    """Remove what is at a path, if it is there; the way to it must be."""
    name = str(steps[0])
    if len(steps) == 1:
        image.pop(name, None)
    else:
        image[name] = _without(image.get(name), steps[1:])


def _without(container: Value | None, steps: Steps) -> Value:
    step, deeper = steps[0], steps[1:]
    if isinstance(step, str):
        if not isinstance(container, dict):
            raise invalid(WRONG_PATH)
        document = container.copy()
        if deeper:
            document[step] = _without(document.get(step), deeper)
        else:
            document.pop(step, None)
        return document
    if not isinstance(container, list):
        raise invalid(WRONG_PATH)
    elements = container.copy()
    if deeper:
        if step >= len(elements):
            raise invalid(WRONG_PATH)
        elements[step] = _without(elements[step], deeper)
    elif step < len(elements):
        del elements[step]
    return elements


def check_no_overlap(paths: Iterable[Steps]) -> None:
    """IllegalExpression when one path leads through the other, or takes for a list what the other takes for a map."""
    paths = sorted(paths, key=in_order)
    for number, one in enumerate(paths):
        for other in paths[number + 1 :]:
            same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
            if same is None:
                problem = "overlap"
            elif isinstance(one[same], int) is not isinstance(other[same], int):
                problem = "conflict"
            else:
                continue
            raise IllegalExpression(
                f"Two document paths {problem} with each other; must remove or rewrite one of these paths; "
                f"path one: {written(one)}, path two: {written(other)}"
            )


def written(steps: Steps) -> str:
    """A path as AWS prints it: `[a, b, [0]]`."""
    return f"[{', '.join(step if isinstance(step, str) else f'[{step}]' for step in steps)}]"
