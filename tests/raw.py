"""Items as the table has them, for a test that looks at all of them again and again while few have changed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from operator import is_
from typing import Any

Raw = Mapping[str, Mapping[str, Any]]
Fields = dict[str, Any]

KEPT_MAX = 50_000
_kept: dict[int, tuple[tuple[Any, ...], Fields]] = {}  # by identity of the first value, which is held as long


def plain(item: Raw) -> Fields:
    """What it says by name, numbers as Decimal. An item whose values are the very same objects is read once."""
    values = tuple(item.values())
    kept = _kept.get(id(values[0]))
    if kept is None or kept[1].keys() != item.keys() or not all(map(is_, kept[0], values)):
        if len(_kept) >= KEPT_MAX:
            _kept.clear()
        kept = values, {name: _value(value) for name, value in item.items()}
        _kept[id(values[0])] = kept
    return kept[1].copy()


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return Decimal(content) if kind == "N" else content
