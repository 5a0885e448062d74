"""What the strategy of an order carries from one cycle to the next, as it is written: lists of its fields in their
order, without those at the end that are as they begin. Another version of it is forgotten: the order then begins anew
from what is open."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from decimal import Decimal
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from common.log import log
from common.money import plain
from functions.market_making.strategy import State

VERSION = 1


def packed(state: State) -> str:
    return json.dumps([VERSION, _lists(state)], separators=(",", ":"))


@lru_cache(maxsize=1000)
def unpacked(memory: str) -> State:
    """The state at the beginning, where nothing is written, or nothing that can be read."""
    if not memory:
        return State()
    try:
        version, told = json.loads(memory)
        if version == VERSION:
            state: State = _made(State, told)
            return state
    except (ValueError, TypeError, ArithmeticError) as unreadable:
        log.error("the strategy's memory can not be read", extra={"why": str(unreadable)})
    return State()


def _lists(value: Any) -> Any:
    if value is None or isinstance(value, int | str):  # most are
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, tuple):
        return [_lists(member) for member in value]
    told = [(field, getattr(value, field.name)) for field in fields(value)]
    while told and _begins(told[-1][0]) == told[-1][1]:
        told.pop()
    return [_lists(member) for _, member in told]


def _begins(field: Field[Any]) -> Any:
    return field.default if field.default is not MISSING else MISSING


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


def _made(kind: Any, told: list[Any]) -> Any:
    names = [field.name for field in fields(kind)]
    if len(told) > len(names):
        raise ValueError(f"{kind.__name__} has no {len(told)} fields")
    hints = _hints(kind)
    return kind(**{name: _value(hints[name], value) for name, value in zip(names, told, strict=False)})


def _value(hint: Any, told: Any) -> Any:
    if isinstance(hint, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
        return None if told is None else _value(hint, told)
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], member) for member in told)
    if is_dataclass(hint):
        return _made(hint, told)
    return hint(told)
