"""Frozen dataclasses that are made by the thousand: to whoever checks types they are those of `dataclasses`.

A class that is frozen when it runs sets every field through `object.__setattr__`, which takes five times as long as
setting it, and `dataclasses.replace` does that for all fields to change one. A tick of a hundred market-making orders
makes thousands of them. So that nothing is set later is what mypy sees to; the hash and the equality are the same.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from dataclasses import replace as replace
else:
    import dataclasses

    def dataclass(kind: Any = None, /, *, frozen: bool = False, **options: Any) -> Any:
        return dataclasses.dataclass(kind, unsafe_hash=frozen, **options)

    def replace(one: Any, /, **changes: Any) -> Any:
        """What computes nothing when it is made is copied. TypeError for what is no field."""
        kind = type(one)
        names = _copied(kind)
        if names is None:
            return dataclasses.replace(one, **changes)
        other = object.__new__(kind)
        fields = other.__dict__
        fields.update(one.__dict__)
        while len(fields) > len(names):  # behind them is what a `cached_property` has found of the old one
            fields.popitem()
        fields.update(changes)
        if len(fields) > len(names):
            raise TypeError(f"{kind.__name__} has no field {', '.join(sorted(changes.keys() - names))}")
        return other

    @cache
    def _copied(kind: type) -> frozenset[str] | None:
        """Its fields; None where copying them is not enough."""
        fields = dataclasses.fields(kind)
        if hasattr(kind, "__post_init__") or not all(field.init for field in fields):
            return None
        return None if hasattr(kind, "__slots__") else frozenset(field.name for field in fields)
