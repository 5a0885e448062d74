"""Prepared statements: PynamoDB makes the shape of a write or query once in a process; a call only fills in values.

    @prepared
    def _debit(key: PrimaryKey, sub: str, needed: Decimal, change: Decimal, at: datetime) -> Write:
        item = BalanceItem
        return Write.update(
            item(*key),
            item.current_balance.add(change),
            item.updated_at.set(at),
            when=(item.sub == sub) & (item.current_balance >= needed),
        )

    _debit(keys.BALANCE(username="ann"), "sub-ann", Decimal(5), Decimal(-5), now).refused_with(refusal)

The function is an ordinary one: called with the values, it would answer the same more slowly. It runs once for each
combination of its arguments' types, with a `Parameter` in the place of each value that is not None. Therefore

    an argument is one value of an attribute, or a named tuple of values (`PrimaryKey`), whose members may be read;
    the function may ask whether a value `is None`, and leave out what belongs to it. 0, False and "" are values;
    it may not ask anything else, nor compute: a `Parameter` refuses. The caller computes (`-amount`, `change or None`),
        since whatever the function computes would stay as it was in the first call;
    what belongs to one call only, such as a refusal, is given to what the function returns (`Write.refused_with`).

No `Parameter` can refuse a comparison by `is` (`status is Status.PENDING`). The tests therefore call each function with
its values too, and compare (`tests/comparing.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NoReturn, ParamSpec, Protocol, Self, TypeVar

_HOLDING_VALUES = ("Key", "Item", "ExpressionAttributeValues")


class Parameter:
    """Stands for a value while a shape is made. Attributes may write it, and that is all that may be done with it."""

    __slots__ = ("place", "written")

    def __init__(self, place: int, written: Callable[[Any], Any] | None = None) -> None:
        self.place = place  # among all values of a call
        self.written = written  # how the attribute writes it; None, as it is

    def filled(self, values: list[Any]) -> Any:
        value = values[self.place]
        return value if self.written is None else self.written(value)

    def _refuse(self, *_: object) -> NoReturn:
        raise TypeError("a prepared statement may ask whether an argument is None, and nothing else")

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = __str__ = __format__ = __len__ = __iter__ = __contains__ = _refuse


def written(value: Any, by: Callable[[Any], Any]) -> Any:
    """`by(value)`: at once, or, for a parameter, when the value is there. For attributes' `serialize`."""
    return Parameter(value.place, by) if isinstance(value, Parameter) else by(value)


class Statement(Protocol):
    """A write or a query: what it asks DynamoDB for, and the same with other values."""

    @property
    def statement(self) -> Mapping[str, Any]: ...

    def stating(self, statement: Mapping[str, Any]) -> Self: ...


P = ParamSpec("P")
S = TypeVar("S", bound=Statement)


class Prepared(Generic[P, S]):
    """A function that declares a statement, and the shapes it has had. Two threads may make one twice: it is equal."""

    def __init__(self, declare: Callable[P, S]) -> None:
        if getattr(declare, "__closure__", None):
            raise TypeError("a prepared statement knows its arguments and its module, nothing of one call")
        self.declare = declare
        self._shapes: dict[object, _Shape[S]] = {}
        functools.update_wrapper(self, declare)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> S:
        arguments = [*args, *kwargs.values()]
        values = [v for argument in arguments for v in (argument if isinstance(argument, tuple) else (argument,))]
        types = tuple(map(type, arguments)), tuple(map(type, values)), tuple(kwargs)
        shape = self._shapes.get(types)
        if shape is None:
            places = iter(range(len(values)))
            parameters = [_parameters(argument, places) for argument in arguments]
            named = dict(zip(kwargs, parameters[len(args) :], strict=True))
            shape = self._shapes[types] = _Shape(self.declare(*parameters[: len(args)], **named))
        return shape.filled(values)


def prepared(declare: Callable[P, S]) -> Prepared[P, S]:
    """For a function that declares a write or a query; see this module."""
    return Prepared(declare)


def _parameters(argument: Any, places: Iterator[int]) -> Any:
    """What the function is called with instead: a parameter for each value that is not None."""
    if not isinstance(argument, tuple):
        return _parameter(argument, places)
    members = [_parameter(member, places) for member in argument]
    return argument._make(members) if hasattr(argument, "_make") else tuple(members)


def _parameter(value: Any, places: Iterator[int]) -> Parameter | None:
    place = next(places)
    return None if value is None else Parameter(place)


class _Shape(Generic[S]):
    """A statement with parameters in it. Nothing that could be changed is shared with the statements made of it."""

    def __init__(self, declared: S) -> None:
        self._declared = declared
        self._names = declared.statement.get("ExpressionAttributeNames")
        self._values = [
            (part, [(name, *item) for name, value in content.items() for item in value.items()])
            for part, content in declared.statement.items()
            if part in _HOLDING_VALUES
        ]
        if any(isinstance(content, list | dict) for _, contents in self._values for *_, content in contents):
            raise TypeError("a prepared statement holds no list and no map: all that are made of it would share it")

    def filled(self, values: list[Any]) -> S:
        statement = dict(self._declared.statement)
        if self._names is not None:
            statement["ExpressionAttributeNames"] = self._names.copy()
        for part, contents in self._values:
            statement[part] = {
                name: {kind: content.filled(values) if content.__class__ is Parameter else content}
                for name, kind, content in contents
            }
        return self._declared.stating(statement)
