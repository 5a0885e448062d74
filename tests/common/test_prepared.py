"""Prepared statements: each is what its function declares, whatever the values are; what can not be so is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

import pytest
from pynamodb.attributes import JSONAttribute, ListAttribute, UnicodeAttribute

from common.errors import Conflict
from common.keys import OPEN_WORK, PrimaryKey
from common.table.items import BooleanAttribute, DecimalAttribute, InstantAttribute, Item
from common.table.prepared import Parameter, Prepared, prepared
from common.table.table import Query, partition
from common.table.transaction import Transaction, Write
from tests.comparing import compared

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
KEY = PrimaryKey("ann", "THING")


class Colour(StrEnum):
    RED = "RED"
    BLUE = "BLUE"


class ThingItem(Item, discriminator="thing"):
    name = UnicodeAttribute(null=True)
    amount = DecimalAttribute(null=True)
    flag = BooleanAttribute(null=True)
    at = InstantAttribute(null=True)
    position = JSONAttribute(null=True)
    parts: ListAttribute[Any] = ListAttribute(null=True)


class Wait(NamedTuple):
    until: datetime
    why: str | None


# What can be prepared


@prepared
def _set(
    key: PrimaryKey, name: str | None = None, amount: Decimal | None = None, flag: bool | None = None, **rest: Any
) -> Write:
    """Each value that is there is set, and is in the condition too."""
    thing = ThingItem
    actions, rule = [thing.updated_at.set(NOON)], thing.PK.exists()
    given: list[tuple[Any, Any]] = [(thing.name, name), (thing.amount, amount), (thing.flag, flag)]
    for attribute, value in given:
        if value is not None:
            actions.append(attribute.set(value))
            rule &= attribute != value
    if "at" in rest:
        actions.append(thing.at.set(thing.at | rest["at"]))
    return Write.update(thing(*key), *actions, when=rule)


@prepared
def _twice(key: PrimaryKey, before: Decimal, after: Decimal) -> Write:
    amount = ThingItem.amount
    return Write.update(ThingItem(*key), amount.set(after), when=(amount == before) | (amount == after))


@prepared
def _one_of(key: PrimaryKey, *names: str) -> Write:
    return Write.check(ThingItem(*key), when=ThingItem.name.is_in(*names))


@prepared
def _removed(key: PrimaryKey, wait: Wait | None, otherwise_at: datetime) -> Write:
    thing = ThingItem
    if wait is None:
        return Write.update(thing(*key), thing.at.remove(), thing.name.remove(), when=thing.at <= otherwise_at)
    why = thing.name.remove() if wait.why is None else thing.name.set(wait.why)
    return Write.update(thing(*key), thing.at.set(wait.until), why, when=thing.at.between(otherwise_at, wait.until))


@prepared
def _put(key: PrimaryKey, at: datetime, name: str, amount: Decimal | None, flag: bool | None) -> Write:
    item = ThingItem(*key, name=name, amount=amount, flag=flag, created_at=at, updated_at=at)
    return Write.put(item, when=ThingItem.PK.does_not_exist())


@prepared
def _deleted(key: PrimaryKey, amount: Decimal) -> Write:
    return Write.delete(ThingItem(*key), when=ThingItem.amount < amount)


@prepared
def _asked(pk: str, first: str | None, sub: str, amount: Decimal | None = None) -> Query:
    where = partition(pk) if first is None else partition(pk) & Item.SK.startswith(first)
    only = ThingItem.name == sub if amount is None else (ThingItem.name == sub) & (ThingItem.amount > amount)
    return Query(where, index=OPEN_WORK, only=only, newest_first=True)


class Span(NamedTuple):
    since: datetime | None
    until: datetime | None


@prepared
def _spanned(key: PrimaryKey, one: Span | None, other: Span | None) -> Write:
    thing = ThingItem
    actions = [*([] if one is None else [thing.flag.set(True)]), *([] if other is None else [thing.at.set(NOON)])]
    return Write.update(thing(*key), *actions, when=thing.PK.exists())


CALLS: list[tuple[Prepared[Any, Any], tuple[Any, ...], dict[str, Any]]] = [
    *((_set, (KEY, name), {}) for name in ("ann", "", Colour.RED, Colour.BLUE, None)),
    *((_set, (KEY, None, Decimal(amount)), {}) for amount in ("0", "-0", "1.50", "1E+3", "-12345678901234567890.1")),
    *((_set, (KEY,), {"flag": flag}) for flag in (True, False, None)),
    *((_set, (KEY,), named) for named in ({"flag": True, "name": "a"}, {"name": "a", "flag": True}, {"at": NOON})),
    *((_set, (PrimaryKey("bob", "THING"), "b", Decimal(2), False), {"at": NOON.replace(hour=n)}) for n in (1, 2)),
    *((_twice, (KEY, Decimal(before), Decimal(after)), {}) for before, after in ((1, 2), (2, 1), (3, 3), (0, 0))),
    *((_one_of, (KEY, *names), {}) for names in ("a", "ab", "ba", "abc")),
    *((_removed, (KEY, wait, NOON), {}) for wait in (None, Wait(NOON, "why"), Wait(NOON, None), Wait(NOON, ""))),
    *((_put, (KEY, NOON, "n", amount, flag), {}) for amount in (None, Decimal(0)) for flag in (None, False, True)),
    *((_deleted, (KEY, Decimal(n)), {}) for n in (0, 7)),
    *((_asked, ("ann", first, "s"), {}) for first in (None, "", "A")),
    *((_asked, (), named) for named in ({"pk": "p", "first": "f", "sub": "s"}, {"sub": "s", "first": "f", "pk": "p"})),
    *((_spanned, (KEY, *spans), {}) for spans in ((Span(None, None), None), (None, Span(None, None)))),
    *((_asked, ("ann", "A", "s", amount), {}) for amount in (None, Decimal(0), Decimal(1))),
]


def test_a_prepared_statement_is_what_its_function_declares() -> None:
    for _ in range(2):  # when its shape is made, and after
        for statement, args, named in (*CALLS, *reversed(CALLS)):
            filled, declared = statement(*args, **named), statement.declare(*args, **named)
            assert type(filled) is type(declared)
            assert filled.statement == declared.statement
            assert json.dumps(filled.statement) == json.dumps(declared.statement), "the order of its parts too"


_made: list[str | None] = []


@prepared
def _noted(key: PrimaryKey, name: str | None) -> Write:
    _made.append(name)
    return Write.update(ThingItem(*key), ThingItem.updated_at.set(NOON), when=ThingItem.name == "a")


def test_each_shape_is_made_once() -> None:
    for name in ("a", "b", "c", ""):
        _noted(KEY, name)
    assert [isinstance(name, Parameter) for name in _made].count(True) == 1


def test_what_a_caller_changes_in_a_statement_changes_no_other() -> None:
    def all_of_it(part: Any) -> None:
        for member in list(part.values()) if isinstance(part, dict) else []:
            all_of_it(member)
        if isinstance(part, dict):
            part.clear()

    for statement, args, named in CALLS:
        first = statement(*args, **named)
        before = copy.deepcopy(first.statement)
        all_of_it(first.statement)
        assert first.statement == {}
        assert statement(*args, **named).statement == before


def test_a_transaction_leaves_the_shapes_of_its_writes_as_they_are() -> None:
    class Client:
        def transact_write_items(self, **asked: Any) -> dict[str, Any]:
            self.asked = asked
            return {}

    client: Any = Client()
    with Transaction(client, "desk") as tx:
        tx.add(_twice(KEY, Decimal(1), Decimal(2)).refused_with(lambda _: Conflict("…")))
    assert client.asked["TransactItems"][0]["Update"]["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"
    assert _twice(KEY, Decimal(1), Decimal(2)).statement == _twice.declare(KEY, Decimal(1), Decimal(2)).statement


def test_calls_at_the_same_moment_get_their_own_values() -> None:
    @prepared
    def named(key: PrimaryKey, name: str, amount: Decimal | None) -> Write:
        actions = [ThingItem.name.set(name)] + ([] if amount is None else [ThingItem.amount.set(amount)])
        return Write.update(ThingItem(*key), *actions, when=ThingItem.name != name)

    def call(n: int) -> bool:
        args = PrimaryKey(f"k{n}", "THING"), f"n{n}", Decimal(n) if n % 2 else None
        return bool(named(*args).statement == named.declare(*args).statement)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(call, range(400)))


# What can not


def _check(key: PrimaryKey, name: Any) -> Write:
    return Write.check(ThingItem(*key), when=ThingItem.name == name)


def _update(key: PrimaryKey, action: Any, when: Any = None) -> Write:
    return Write.update(ThingItem(*key), action, when=when)


def _match(value: Any) -> str:
    match value:
        case "a":
            return "a"
    return "b"


NEEDS_ITS_VALUE: dict[str, Callable[[PrimaryKey, Any], Write]] = {
    "branches": lambda key, value: _check(key, "a" if value else "b"),
    "defaults": lambda key, value: _check(key, value or "b"),
    "compares": lambda key, value: _check(key, "a" if value == "a" else "b"),
    "compares the other way": lambda key, value: _check(key, "a" if "a" != value else "b"),
    "orders": lambda key, value: _check(key, min(value, "b")),
    "looks up": lambda key, value: _check(key, {"a": "b"}.get(value, "c")),
    "matches": lambda key, value: _check(key, _match(value)),
    "formats": lambda key, value: _check(key, f"it is {value}"),
    "writes out": lambda key, value: _check(key, str(value)),
    "reads a member": lambda key, value: _check(key, value.upper()),
    "counts": lambda key, value: _check(key, "a" if len(value) > 1 else "b"),
    "negates": lambda key, value: _update(key, ThingItem.amount.add(-value)),
    "adds": lambda key, value: _update(key, ThingItem.amount.add(value + 1)),
    "lists": lambda key, value: _update(key, ThingItem.parts.set([value])),
    "appends": lambda key, value: _update(key, ThingItem.parts.set(value)),
    "documents": lambda key, value: _update(key, ThingItem.position.set(value)),
    "holds a list": lambda key, value: _update(key, ThingItem.parts.set(["a"]), ThingItem.name == value),
    "refuses": lambda key, value: Write.check(
        ThingItem(*key), when=ThingItem.name == value, otherwise=Conflict("one for all calls")
    ),
}


@pytest.mark.parametrize("declare", NEEDS_ITS_VALUE)
@pytest.mark.parametrize("value", ["a", Decimal(0), ["a", "b"], {"a": 1}], ids=repr)
def test_a_function_that_needs_a_value_is_refused_at_every_call(declare: str, value: Any) -> None:
    statement = prepared(NEEDS_ITS_VALUE[declare])
    for _ in range(2):
        with pytest.raises((TypeError, AttributeError, ValueError)):
            statement(KEY, value)


def test_a_function_that_knows_a_value_of_one_call_is_refused() -> None:
    name = "ann"

    def named(key: PrimaryKey) -> Write:
        return Write.check(ThingItem(*key), when=ThingItem.name == name)

    with pytest.raises(TypeError, match="knows its arguments"):
        prepared(named)


def test_a_value_that_its_attribute_can_not_hold_is_refused() -> None:
    with pytest.raises((TypeError, ValueError)):
        _deleted(KEY, "7")  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        _put(KEY, "noon", "n", None, None)  # type: ignore[arg-type]


def test_a_comparison_by_identity_is_found_out_by_comparing() -> None:
    @prepared
    def painted(key: PrimaryKey, colour: Colour) -> Write:
        return Write.check(ThingItem(*key), when=ThingItem.name == ("warm" if colour is Colour.RED else "cold"))

    with compared(), pytest.raises(AssertionError, match="painted is not as declared"):
        painted(KEY, Colour.RED)


def test_a_value_from_elsewhere_is_found_out_by_comparing() -> None:
    @prepared
    def dated(key: PrimaryKey) -> Write:
        return Write.update(ThingItem(*key), ThingItem.at.set(datetime.now(UTC)))

    with compared(), pytest.raises(AssertionError, match="dated is not as declared"):
        dated(KEY)
